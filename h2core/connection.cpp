// The public face: every call is the engine's, and a connection that memory failed at birth says so once.
#include <h2core/connection.h>

#include <new>

#include <h2core/detail/engine.h>

namespace h2 {
namespace {

// Never written: views are live only of an event of the engine's.
constinit detail::Front unborn{{.event = true}};
constinit detail::Front dead{{.deaf = true}};

}  // namespace

Connection::Connection(const Config& config) noexcept : allocator_(config.allocator), front_(&unborn) {
  void* memory = allocator_.allocate(allocator_.context, sizeof(detail::Engine));
  if (memory == nullptr) return;
  engine_ = ::new (memory) detail::Engine(config);
  front_ = &engine_->pending;
}

Connection::~Connection() {
  if (engine_ == nullptr) return;
  engine_->~Engine();
  allocator_.release(allocator_.context, engine_, sizeof(detail::Engine));
}

Connection::Connection(Connection&& other) noexcept
    : allocator_(other.allocator_), engine_(other.engine_), front_(other.front_) {
  other.engine_ = nullptr;
  other.front_ = &dead;
}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  this->~Connection();
  ::new (static_cast<void*>(this)) Connection(static_cast<Connection&&>(other));
  return *this;
}

// receive_bytes() stands with what is in line there: detail/receive.cpp.
void Connection::receive_called(ByteView& input, std::optional<Event>& out) noexcept {
  engine_ != nullptr ? engine_->receive_waiting(input, out) : receive_unborn(input, out);
}
void Connection::receive_unborn(ByteView& input, std::optional<Event>& out) noexcept {
  input = {};
  if (!front_->event) return;
  front_ = &dead;
  const ViolationRow& row = describe(Violation::out_of_memory);
  out.emplace(ConnectionFailed{Violation::out_of_memory, row.code, row.sentence, row.section});
}

void Connection::receive_eof() noexcept {
  if (engine_ != nullptr) engine_->receive_eof();
}
void Connection::hold_input() noexcept {
  if (engine_ != nullptr) engine_->hold_input();
}
void Connection::transport_lost() noexcept {
  if (engine_ != nullptr) engine_->transport_lost();
}
std::size_t Connection::poll_waiting(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  return engine_->poll_output(slices, max_bytes);
}
void Connection::consume_output(std::size_t bytes) noexcept {
  if (engine_ != nullptr) engine_->consume_output(bytes);
}
TransportWish Connection::transport_wish() const noexcept {
  return engine_ != nullptr ? engine_->transport_wish() : TransportWish::close;
}
void Connection::advance_time(TimePoint now) noexcept {
  if (engine_ != nullptr) engine_->advance_time(now);
}
std::optional<TimePoint> Connection::deadline() const noexcept {
  return engine_ != nullptr ? engine_->deadline() : std::nullopt;
}

Result<StreamId> Connection::begin_upgraded(const Request& request, ByteView http2_settings, void* user) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->begin_upgraded(request, http2_settings, user);
}
Result<StreamId> Connection::send_request(const Request& request, EndStream end, void* user) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_request(request, end, user);
}
Result<void> Connection::send_response(StreamId stream, std::uint16_t status, std::span<const Field> fields,
                                       EndStream end) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_response(stream, status, fields, end);
}
Result<void> Connection::send_informational(StreamId stream, std::uint16_t status,
                                            std::span<const Field> fields) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_informational(stream, status, fields);
}
Result<void> Connection::send_trailers(StreamId stream, std::span<const Field> fields) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_trailers(stream, fields);
}
Result<void> Connection::send_data(StreamId stream, ByteView data, Token token, EndStream end) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_data(stream, data, token, end);
}
Result<std::size_t> Connection::send_copy(StreamId stream, ByteView data, EndStream end) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_copy(stream, data, end);
}
Result<StreamId> Connection::push(StreamId parent, const Request& request, void* user) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->push(parent, request, user);
}
Result<void> Connection::reset(StreamId stream, ErrorCode code) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->reset(stream, code);
}

Result<void> Connection::set_priority(StreamId stream, Priority priority) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->set_priority(stream, priority);
}
std::optional<Priority> Connection::priority(StreamId stream) const noexcept {
  return engine_ != nullptr ? engine_->priority(stream) : std::nullopt;
}
Result<void> Connection::send_altsvc(StreamId stream, std::string_view origin, std::string_view value) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_altsvc(stream, origin, value);
}
Result<void> Connection::send_origin(std::span<const std::string_view> origins) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_origin(origins);
}
Result<void> Connection::send_frame(std::uint8_t type, std::uint8_t flags, StreamId stream, ByteView payload) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_frame(type, flags, stream, payload);
}

void Connection::consume(StreamId stream, std::size_t bytes) noexcept {
  consume_stream(stream, bytes);
  consume_connection(stream, bytes);
}
void Connection::consume_stream(StreamId stream, std::size_t bytes) noexcept {
  if (engine_ != nullptr) engine_->consume_stream(stream, bytes);
}
void Connection::consume_connection(StreamId stream, std::size_t bytes) noexcept {
  if (engine_ != nullptr) engine_->consume_connection(stream, bytes);
}
void Connection::release(StreamId stream) noexcept {
  if (engine_ != nullptr) engine_->release(stream);
}
Result<void> Connection::set_window(StreamId stream, std::uint32_t bytes) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->set_window(stream, bytes);
}

Result<void> Connection::send_settings(std::span<const Setting> entries) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->send_settings(entries);
}
Result<void> Connection::ping(Token token) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->ping(token);
}
void Connection::shutdown(Shutdown how, Duration drain, ErrorCode code) noexcept {
  if (engine_ != nullptr) engine_->shutdown(how, drain, code);
}

Result<void> Connection::set_user(StreamId stream, void* user) noexcept {
  if (engine_ == nullptr) return Misuse::connection_over;
  return engine_->set_user(stream, user);
}
void* Connection::user(StreamId stream) const noexcept { return engine_ != nullptr ? engine_->user(stream) : nullptr; }
std::optional<WindowView> Connection::window(StreamId stream) const noexcept {
  return engine_ != nullptr ? engine_->window(stream) : std::nullopt;
}
std::optional<Explanation> Connection::explain(StreamId stream) const noexcept {
  return engine_ != nullptr ? engine_->explain(stream) : std::nullopt;
}
std::size_t Connection::open_streams() const noexcept { return engine_ != nullptr ? engine_->open_streams() : 0; }
const Settings& Connection::peer_settings() const noexcept {
  static constexpr Settings kDefaults;
  return engine_ != nullptr ? engine_->peer_settings() : kDefaults;
}
const Counters& Connection::counters() const noexcept {
  static constexpr Counters kNothing;
  return engine_ != nullptr ? engine_->counters() : kNothing;
}
void Connection::abandon_each(void (*visit)(void* context, Token token) noexcept, void* context) noexcept {
  if (engine_ != nullptr) engine_->abandon_each(visit, context);
}

}  // namespace h2
