#include <tools/websocket.h>

#include <wslay/wslay.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tools {
namespace {

constexpr std::size_t kOutputBytes = 16384;  // a frame's worth

int queue_close(wslay_event_context_ptr wslay, std::uint16_t code, std::string_view reason) {
  return wslay_event_queue_close(wslay, code, reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
}

}  // namespace

/// What the library calls. An exception must not pass through its frames, so none leaves these.
struct WebSocketEcho::Callbacks {
  static WebSocketEcho& self(void* user) { return *static_cast<WebSocketEcho*>(user); }

  static ssize_t would_block(wslay_event_context_ptr wslay) {
    wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }

  static ssize_t read(wslay_event_context_ptr wslay, std::uint8_t* to, std::size_t room, int, void* user) noexcept {
    WebSocketEcho& socket = self(user);
    // No octet beyond the frame, for the library would read on in it: a Close goes out before the echoes that wait.
    const std::uint64_t frame = std::max<std::uint64_t>(socket.payload_left_, 1);
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>({room, socket.waiting(), frame}));
    if (bytes == 0 || wslay_event_want_write(wslay) != 0) return would_block(wslay);
    std::memcpy(to, socket.input_.data() + socket.input_front_, bytes);
    socket.input_front_ += bytes;
    return static_cast<ssize_t>(bytes);
  }

  static ssize_t write(wslay_event_context_ptr wslay, const std::uint8_t* from, std::size_t size, int,
                       void* user) noexcept {
    WebSocketEcho& socket = self(user);
    const std::size_t bytes = std::min(size, kOutputBytes - socket.output_.size());
    if (bytes == 0) return would_block(wslay);
    const auto* const octets = reinterpret_cast<const std::byte*>(from);
    socket.output_.insert(socket.output_.end(), octets, octets + bytes);
    return static_cast<ssize_t>(bytes);
  }

  static void frame(wslay_event_context_ptr, const wslay_event_on_frame_recv_start_arg* frame, void* user) noexcept {
    self(user).on_frame(*frame);
  }

  static void chunk(wslay_event_context_ptr wslay, const wslay_event_on_frame_recv_chunk_arg* chunk,
                    void* user) noexcept {
    WebSocketEcho& socket = self(user);
    socket.payload_left_ -= chunk->data_length;
    if (!socket.data_frame_ || wslay_event_want_read(wslay) == 0) return;
    socket.message_.append(reinterpret_cast<const char*>(chunk->data), chunk->data_length);
  }

  static void message(wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* message, void* user) noexcept {
    self(user).on_message(*message);
  }
};

WebSocketEcho::WebSocketEcho() {
  const wslay_event_callbacks callbacks{
      &Callbacks::read, &Callbacks::write, nullptr, &Callbacks::frame, &Callbacks::chunk, nullptr, &Callbacks::message};
  if (wslay_event_context_server_init(&wslay_, &callbacks, this) != 0) throw std::bad_alloc();
  // Messages are put together here, and not by the library, which would keep a block for every fragment.
  wslay_event_config_set_no_buffering(wslay_, 1);
  output_.reserve(kOutputBytes);
}

WebSocketEcho::~WebSocketEcho() { wslay_event_context_free(wslay_); }

std::size_t WebSocketEcho::push(h2::ByteView bytes) {
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(std::exchange(input_front_, 0)));
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  read();
  return std::exchange(freed_, 0);
}

void WebSocketEcho::going_away() { queue_close(wslay_, WSLAY_CODE_GOING_AWAY, "the server ends"); }

std::optional<Content::Piece> WebSocketEcho::next(std::size_t) {
  do {
    if (broken_ || wslay_event_send(wslay_) != 0) return Piece{{}, false, true};
  } while (output_.size() < kOutputBytes && read());
  if (output_.empty() && !ended()) return std::nullopt;
  return Piece{output_, ended()};
}

std::size_t WebSocketEcho::done() {
  output_.clear();
  read();
  return std::exchange(freed_, 0);
}

/// Up to the next message; all that stands behind a Close or a fault is of no interest. True when octets were taken.
bool WebSocketEcho::read() {
  const std::size_t before = waiting();
  for (std::size_t left = before + 1; wslay_event_want_read(wslay_) != 0 && waiting() != left;) {
    left = waiting();  // the library returns after every piece that is not all it wants
    if (wslay_event_recv(wslay_) == WSLAY_ERR_NOMEM) broken_ = true;
  }
  if (wslay_event_want_read(wslay_) == 0) input_front_ = input_.size();
  freed_ += before - waiting();
  return before != waiting();
}

/// The server closes first (RFC 6455 7.1.1), once it has said Close; or there is nobody left to hear one.
bool WebSocketEcho::ended() const {
  const bool deaf = wslay_event_want_read(wslay_) == 0 || (finished_ && waiting() == 0);
  return wslay_event_get_close_sent(wslay_) != 0 || (deaf && wslay_event_want_write(wslay_) == 0);
}

void WebSocketEcho::on_frame(const wslay_event_on_frame_recv_start_arg& frame) {
  payload_left_ = frame.payload_length;
  data_frame_ = !wslay_is_ctrl_frame(frame.opcode);
  if (!data_frame_ || frame.payload_length <= kMaxMessageBytes - message_.size()) return;
  queue_close(wslay_, WSLAY_CODE_MESSAGE_TOO_BIG, "65536 octets are the most");
  wslay_event_shutdown_read(wslay_);
}

void WebSocketEcho::on_message(const wslay_event_on_msg_recv_arg& message) {
  if (wslay_is_ctrl_frame(message.opcode) || wslay_event_want_read(wslay_) == 0) return;
  const wslay_event_msg echo{message.opcode, reinterpret_cast<const std::uint8_t*>(message_.data()), message_.size()};
  if (wslay_event_queue_msg(wslay_, &echo) == WSLAY_ERR_NOMEM) broken_ = true;
  message_.clear();
}

}  // namespace tools
