// Input bytes become frames, and each type does its work. A frame that lies whole in the input is handled in place;
// what its header decides (place, size, windows, content-length) is decided there, once for the whole frame.
#include <h2core/detail/engine.h>
#include <h2core/detail/frame_rules.h>
#include <h2core/detail/setting_rules.h>

namespace h2 {
namespace detail {
namespace {

bool starts_with(ByteView bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// Names the protocol of a first word that is not ours; "PRO" alone needs one byte more (PROXY or PROPFIND).
Violation wrong_protocol(ByteView first) {
  const auto head = static_cast<unsigned char>(first[0]);
  if (head == 0x16) return Violation::preface_is_tls;
  if (head == '\r') return Violation::preface_is_proxy;
  if (starts_with(first, "PROX")) return Violation::preface_is_proxy;
  if (head >= 'A' && head <= 'Z') return Violation::preface_is_http1;
  return Violation::bad_preface;
}

// How often these entries move the windows of all streams.
std::size_t window_moves(ByteView entries) {
  std::size_t count = 0;
  while (const auto setting = read_setting(entries)) count += setting->id == SettingId::initial_window_size;
  return count;
}

// So that 4 GiB in an interval are not little.
constexpr std::uint32_t sum_or_most(std::uint32_t sum, std::uint32_t more) {
  return sum + more < sum ? UINT32_MAX : sum + more;
}

// Their observer is told when the block is decoded.
bool carries_block(FrameType type) {
  return type == FrameType::headers || type == FrameType::push_promise || type == FrameType::continuation;
}

}  // namespace

// Content comes in runs, and in a run this is all that a frame of DATA takes: 60 instructions, where the whole way
// takes 206. It calls nothing but that way, and last, so that it saves no registers.
void Engine::receive_bytes(ByteView& input, Out& out) noexcept {
  if (output_.reply_bytes() > config_.max_queued_output) return receive_any(input, out);
  if (stage_ == Stage::run_data) return deliver_of_run(data_left_, input, input, out);
  if (stage_ != Stage::header || input.size() < kFrameHeaderBytes) return receive_any(input, out);
  const std::uint32_t content = next_of_run(input.data());
  if (content == 0) return receive_any(input, out);
  counters_.bytes_received += kFrameHeaderBytes;
  const ByteView behind = input.subspan(kFrameHeaderBytes);
  if (!behind.empty()) return deliver_of_run(content, behind, input, out);
  begin_content(content);
  input = behind;
}

// The content of a frame that goes on with the run, settled; 0 for any other. What is asked here of length, type, flags
// and stream at once is what the whole way asks one by one.
std::uint32_t Engine::next_of_run(const std::byte* head) noexcept {
  const std::uint32_t length = std::rotr(read_u32(head), 8);  // and the type above it, which is 0
  static_assert(static_cast<int>(FrameType::data) == 0);
  const bool is_plain = (head[4] & std::byte{flags::padded | flags::end_stream}) == std::byte{0};
  if (length - 1 >= run_.longest || !is_plain || read_u32(head + 5) != frame_.stream.value) return 0;
  const std::int32_t left = run_.left - static_cast<std::int32_t>(length);
  if (left < 0) return 0;
  run_.left = left;
  ++counters_.frames_received;
  return length;
}

// What frames of the run took since it was last settled.
void Engine::settle_frames() noexcept {
  const std::int32_t bytes = run_settled_ - run_.left;
  run_settled_ = run_.left;
  Stream& stream = *run_.stream;
  stream.recv_window -= bytes;
  recv_window_ -= bytes;
  stream.recv_content_left -= bytes;  // or less than nothing, which says nothing
  stream.interval_bytes += static_cast<std::uint32_t>(bytes);
  if (config_.credit == Credit::automatic) {
    stream.recv_owed += bytes;
    recv_owed_ += bytes;
  }
}

// What is left of a frame under way goes the whole way.
void Engine::stop_run() noexcept {
  settle_run();
  run_.left = run_settled_ = -1;
  if (stage_ == Stage::run_data) stage_ = Stage::data;
}

void Engine::take_off_run(std::size_t bytes) noexcept {
  if (static_cast<std::int64_t>(bytes) > run_.left) return end_run();
  settle_run();
  run_.left -= static_cast<std::int32_t>(bytes);
  run_settled_ = run_.left;
}

// Behind a header that comes alone, as before content that was lent.
void Engine::begin_content(std::uint32_t content) noexcept {
  stage_ = Stage::run_data;
  data_left_ = content;
  pending.views_live = false;
}

// As much of `content` as is there, an octet at least.
void Engine::deliver_of_run(std::uint32_t content, ByteView from, ByteView& input, Out& out) noexcept {
  ByteView piece = from;
  if (from.size() < content) [[unlikely]] {
    stage_ = Stage::run_data;
    data_left_ = content - static_cast<std::uint32_t>(from.size());
  } else {
    piece = from.first(content);
    stage_ = Stage::header;
  }
  input = from.subspan(piece.size());
  counters_.bytes_received += piece.size();
  counters_.data_bytes_received += piece.size();
  Stream& stream = *run_.stream;
  if (config_.credit == Credit::manual) leave_unconsumed(stream, piece.size());
  pending.views_live = true;
  out.emplace(DataReceived{stream.id, stream.user, piece, EndStream::no});
}

// An event that waits needs nothing of the way of input: 36 instructions fewer.
void Engine::receive_waiting(ByteView& input, Out& out) noexcept {
  if (!input.empty()) last_received_ = now_;
  if (pending.event && !pending.trim) emit(out);
  if (out) {
    pending.views_live = true;
    publish();
  } else {
    receive_any(input, out);
  }
}

void Engine::receive_any(ByteView& input, Out& out) noexcept {
  if (!input.empty()) {
    last_received_ = now_;
    end_run();
  }
  ByteView rest = input;
  if (live_streams_ > announced_.max_concurrent_streams && too_many_unsettled()) [[unlikely]]
    rest = input.first(0);
  while (!out) {
    if (pending.calls()) {
      if (pending.trim) trim();
      if (pending.event) {
        emit(out);
      } else if (pending.deaf) {
        rest = input.last(0);
        break;
      }
    } else if (rest.empty() || output_.reply_bytes() > config_.max_queued_output || !advance(rest, out)) {
      break;
    }
  }
  const auto taken = static_cast<std::size_t>(rest.data() - input.data());
  counters_.bytes_received += taken;
  input = input.subspan(taken);
  publish();
  if (!out && !input.empty()) input_was_held_ = true;
  while (!out && pending.event) {  // the last of the input has brought the end of the connection
    emit(out);
    publish();
  }
  pending.views_live = out.has_value();
}

// A stream that has ended lives on until its last committed byte is taken. A peer that opens streams, resets them and
// never reads may have as many of those as open ones; then it is not read any more.
bool Engine::too_many_unsettled() const noexcept {
  if (config_.role == Role::client) return false;
  return live_streams_ > std::size_t{peer_active_} + our_active_ + reserved_ + announced_.max_concurrent_streams;
}

// A frame that lies whole in the input goes its way in one pass, all of it in line here: 200 instructions for DATA,
// where calls and the stages between them made it 430. False when the input is used up, or a piece of content is out.
bool Engine::advance(ByteView& input, Out& out) noexcept {
  const std::byte* head = input.data();
  const std::byte* payload = nullptr;
  Next next = Next::header;
  if (stage_ == Stage::header && input.size() >= kFrameHeaderBytes) [[likely]] {
    input = input.subspan(kFrameHeaderBytes);
    payload = input.data();
  } else if (input.empty()) {
    return false;
  } else if (stage_ == Stage::data) {
    return resume_data(input, out) == Next::more;
  } else {
    ByteView rest = input;
    next = resume(rest, out);
    input = rest;
    head = head_;
    payload = next == Next::header ? input.data() : stash_.data();
  }
  if (next == Next::header) {
    const FrameHeader frame = read_frame_header(head);
    next = on_header(frame, input);
    if (next == Next::data) next = on_data(frame, input, out);
  }
  if (next == Next::payload) return on_frame({payload, frame_.length}, out), true;
  return next == Next::more;
}

// What straddles calls, and what is not asked of every frame.
Engine::Next Engine::resume(ByteView& input, Out& out) noexcept {
  switch (stage_) {
    case Stage::header:
    case Stage::odd_header: return read_odd_header(input);
    case Stage::pad_length: return on_padded_data(input, out);
    case Stage::data:
    case Stage::run_data: break;  // go on in line
    case Stage::payload: return read_payload(input);
    case Stage::skip: return skip(skip_left_, input);
    case Stage::preface: return read_preface(input);
  }
  return Next::none;
}

// RFC 9113 3.4. Bytes that differ are judged as soon as they name their protocol, at the same byte in any split.
Engine::Next Engine::read_preface(ByteView& input) noexcept {
  while (!input.empty()) {
    const std::byte next = input[0];
    input = input.subspan(1);
    const std::size_t at = preface_have_++;
    if (at < kFrameHeaderBytes) head_[at] = next;
    const bool after_pro = at == 3 && head_[2] == std::byte{'O'};
    if (!after_pro && next == static_cast<std::byte>(kClientPreface[at])) {
      if (preface_have_ < kClientPreface.size()) continue;
      stage_ = Stage::odd_header;
      return Next::more;
    }
    if (at == 2 && next == std::byte{'O'}) continue;  // "PRO": one byte more tells
    fail(at > 3 ? Violation::bad_preface : wrong_protocol({head_, preface_have_}));
    return Next::more;
  }
  return Next::none;
}

// One that straddles calls, the first of all, or one inside a header block.
Engine::Next Engine::read_odd_header(ByteView& input) noexcept {
  const std::size_t step = std::min<std::size_t>(kFrameHeaderBytes - head_have_, input.size());
  if (step == 0) return Next::none;
  std::memcpy(head_ + head_have_, input.data(), step);
  head_have_ = static_cast<std::uint8_t>(head_have_ + step);
  input = input.subspan(step);
  stage_ = Stage::odd_header;
  if (head_have_ >= 2 && is_tls_record()) return refuse(Violation::preface_is_tls);  // an alert has 7 bytes
  if (head_have_ < kFrameHeaderBytes) return Next::none;
  head_have_ = 0;
  stage_ = Stage::header;
  const FrameHeader frame = read_frame_header(head_);
  if (!settings_seen_ && (frame.type != FrameType::settings || frame.has(flags::ack))) {
    ++counters_.frames_received;
    const bool is_http1 = config_.role == Role::client && starts_with(head_, "HTTP/");
    return refuse(is_http1 ? Violation::preface_is_http1 : Violation::first_frame_not_settings);
  }
  if (open_block_.open && (frame.type != FrameType::continuation || frame.stream != open_block_.first.stream)) {
    ++counters_.frames_received;
    return refuse(Violation::continuation_expected);
  }
  return Next::header;
}

// An alert or a handshake where a server's first frame should be.
bool Engine::is_tls_record() const noexcept {
  const bool first = !settings_seen_ && config_.role == Role::client;
  return first && (head_[0] == std::byte{0x15} || head_[0] == std::byte{0x16}) && head_[1] == std::byte{0x03};
}

// Everything that nine bytes decide.
Engine::Next Engine::on_header(FrameHeader frame, ByteView& input) noexcept {
  ++counters_.frames_received;
  frame_ = frame;
  const bool is_data = frame.type == FrameType::data;
  if (!(is_data ? passes_as_data(frame) : passes(frame)) && !check_header()) [[unlikely]]
    return Next::more;
  if (is_data) {
    note(Direction::received, frame_, {}, {});
    return Next::data;
  }
  if (!is_wanted(frame.type)) {  // RFC 9113 5.5: ignored
    note(Direction::received, frame_, {}, {});
    charge(Work::extension, kFrameCost);
    return skip(frame.length, input);
  }
  if (input.size() < frame.length) return keep_payload(), Next::more;
  input = input.subspan(frame.length);
  return Next::payload;
}

// What its row says. False when the frame does not pass.
bool Engine::check_header() noexcept {
  const Violation violation = check_frame_header(frame_, effective_.max_frame_size);
  if (violation != Violation::none) refuse_header(violation);
  return violation == Violation::none;
}

void Engine::refuse_header(Violation violation) noexcept {
  if (describe(violation).scope == Scope::connection) return fail(violation);
  skip_left_ = frame_.length;
  stage_ = skip_left_ > 0 ? Stage::skip : Stage::header;
  if (frame_.type == FrameType::data) {
    if (frame_.length > static_cast<std::int64_t>(recv_window_)) return fail(Violation::window_exceeded);
    recv_window_ -= static_cast<std::int32_t>(frame_.length);
    credit_connection(frame_.length);
  }
  stream_error(frame_.stream, violation);
}

// What a server sends to clients means nothing when it comes the other way (RFC 7838 4, RFC 8336 2.2).
bool Engine::is_wanted(FrameType type) const noexcept {
  if (type <= FrameType::continuation || type == FrameType::priority_update) return true;
  if (type == FrameType::altsvc || type == FrameType::origin) return config_.role == Role::client;
  return config_.deliver_unknown_frames;
}

void Engine::keep_payload() noexcept {
  if (stash_.capacity() < frame_.length) stash_.release();  // not beside the larger one
  stash_.clear();
  stage_ = Stage::payload;
  trim_soon();
}

// Bounded by MAX_FRAME_SIZE, which the header was held against.
Engine::Next Engine::read_payload(ByteView& input) noexcept {
  const std::size_t step = std::min<std::size_t>(frame_.length - stash_.size(), input.size());
  if (step == 0 && stash_.size() < frame_.length) return Next::none;
  if (!stash_.append(input.data(), step, frame_.length)) return refuse(Violation::out_of_memory);
  input = input.subspan(step);
  if (stash_.size() < frame_.length) return Next::none;
  stage_ = Stage::header;
  return Next::payload;
}

Engine::Next Engine::skip(std::size_t bytes, ByteView& input) noexcept {
  const std::size_t step = std::min(bytes, input.size());
  input = input.subspan(step);
  skip_left_ = static_cast<std::uint32_t>(bytes - step);
  stage_ = skip_left_ > 0 ? Stage::skip : Stage::header;
  return skip_left_ == 0 ? Next::more : Next::none;
}

// ---- DATA (RFC 9113 6.1, 6.9)

Engine::Next Engine::on_data(FrameHeader frame, ByteView& input, Out& out) noexcept {
  if (!frame.has(flags::padded)) [[likely]]
    return settle_and_deliver(frame, 0, input, out);
  ByteView rest = input;
  const Next next = on_padded_data(rest, out);
  input = rest;
  return next;
}

Engine::Next Engine::on_padded_data(ByteView& input, Out& out) noexcept {
  stage_ = Stage::pad_length;
  if (input.empty()) return Next::none;
  const std::uint32_t pad_bytes = static_cast<std::uint32_t>(input[0]) + 1;
  input = input.subspan(1);
  stage_ = Stage::header;
  if (pad_bytes > frame_.length) return refuse(Violation::padding_too_long);
  return settle_and_deliver(frame_, pad_bytes, input, out);
}

// `pad_bytes` counts the pad length octet too.
Engine::Next Engine::settle_and_deliver(FrameHeader frame, std::uint32_t pad_bytes, ByteView& input,
                                        Out& out) noexcept {
  const std::uint32_t content = frame.length - pad_bytes, padding = pad_bytes > 0 ? pad_bytes - 1 : 0;
  Stream* const stream = settle_data(frame, pad_bytes);
  if (stream == nullptr) [[unlikely]]
    return failed_ ? Next::more : skip(content + padding, input);
  return deliver(*stream, content, padding, frame.has(flags::end_stream), input, out);
}

// Windows, state and content-length are settled here for the whole frame. Null when its content is dropped.
Stream* Engine::settle_data(FrameHeader frame, std::uint32_t pad_bytes) noexcept {
  const auto length = static_cast<std::int32_t>(frame.length);
  const std::uint32_t content = frame.length - pad_bytes;
  if (length > recv_window_) return fail(Violation::window_exceeded), nullptr;
  Stream* const found = streams_.record(frame.stream);
  if (found == nullptr || step(found->state, Input::recv_data).answer != Answer::ok) [[unlikely]]
    return drop_data(found != nullptr ? found->state : state_of_gone(frame.stream), content), nullptr;

  Stream& stream = *found;
  const bool plain = stream.recv_final && !stream.no_content_recv;
  if (!plain || length > stream.recv_window || stream.recv_content_left >= 0)
    if (const Violation violation = check_data(stream, content); violation != Violation::none) {
      recv_window_ -= length;
      credit_connection(frame.length);
      return stream_error(frame.stream, violation), nullptr;
    }
  const std::int32_t window = stream.recv_window - length, connection_window = recv_window_ - length;
  stream.recv_window = window;
  recv_window_ = connection_window;
  if (content >= kFullPiece) reward(1);
  else if (content == 0 && !frame.has(flags::end_stream)) charge(Work::empty_data, kFrameCost);
  stream.received_ms = now_ms_;
  stream.interval_bytes = sum_or_most(stream.interval_bytes, content);
  if (window <= 0 || connection_window <= 0) stream.watched = false;  // it is we who hold it back
  if (clock_runs_) probe_if_busy(stream, length);
  // What nobody is to read (RFC 9113 6.9.1), or nobody means to hold, for the whole frame, however it is cut.
  const std::int32_t at_once = config_.credit == Credit::automatic ? length : static_cast<std::int32_t>(pad_bytes);
  stream.recv_owed += at_once;
  recv_owed_ += at_once;
  if (is_due(recv_owed_, connection_window) || is_due(stream.recv_owed, window)) [[unlikely]] {
    credit_connection(0);
    if (!frame.has(flags::end_stream)) update_stream_window(stream);
    if (failed_) return nullptr;  // without memory for the announcement
  }
  if (pad_bytes == 0 && content > 0 && !frame.has(flags::end_stream)) begin_run(stream, content);
  return &stream;
}

// A run begins with the second frame of a stream, for where streams take turns none comes about.
void Engine::begin_run(Stream& stream, std::uint32_t content) noexcept {
  if (run_.stream != &stream) return void(run_.stream = &stream);
  measure_run(stream, content);
}

// For how many octets behind `content`, which is not delivered yet, no rule that the whole way asks about can turn out
// otherwise. No time goes by in a run.
void Engine::measure_run(Stream& stream, std::uint32_t content) noexcept {
  if (config_.observer.on_frame != nullptr) return;
  const bool at_once = config_.credit == Credit::automatic;
  const int halved = at_once ? 1 : 0;  // for what is owed grows as the window shrinks
  const auto until_due = [halved](std::int64_t window, std::int64_t owed) {
    return std::min({window - 1, (window - owed - 1) >> halved, kEnoughOwed - owed - 1});
  };
  std::int64_t left = std::min(until_due(stream.recv_window, stream.recv_owed), until_due(recv_window_, recv_owed_));
  if (stream.recv_content_left >= 0) left = std::min(left, stream.recv_content_left);
  left = std::min(left, std::int64_t{UINT32_MAX} - stream.interval_bytes);
  if (clock_runs_ && may_probe()) {
    const std::int64_t used = std::int64_t{stream.recv_owed} + stream.unconsumed + (at_once ? 0 : content);
    left =
        std::min({left, until_busy(stream.recv_window, used), until_busy(recv_window_, recv_target_ - recv_window_)});
  }
  if (left <= 0) return;
  run_.longest = budget_ < config_.work_budget ? kFullPiece - 1 : kAlwaysFits;
  run_.left = run_settled_ = static_cast<std::int32_t>(left);
  pad_left_ = 0;
}

void Engine::probe_if_busy(const Stream& stream, std::int32_t arriving) noexcept {
  if (probing_) return;
  const std::int64_t used = std::int64_t{arriving} + stream.recv_owed + stream.unconsumed;
  if (is_busy(stream.recv_window, used) || is_busy(recv_window_, recv_target_ - recv_window_)) start_probe();
}

// Against the stream's window and what its message says of its content; counts the latter.
Violation Engine::check_data(Stream& stream, std::uint32_t content) noexcept {
  const bool end = frame_.has(flags::end_stream);
  if (frame_.length > std::max<std::int64_t>(stream.recv_window, 0))  // nothing needs no window (RFC 9113 6.9.1)
    return Violation::stream_window_exceeded;
  if (!stream.recv_final) return Violation::data_before_response;
  if (content > 0 && stream.no_content_recv) return Violation::content_forbidden;
  if (stream.recv_content_left < 0) return Violation::none;
  if (content > stream.recv_content_left || (end && content < stream.recv_content_left))
    return Violation::content_length_mismatch;
  stream.recv_content_left -= content;
  return Violation::none;
}

// DATA for a stream that takes none, as its state says.
void Engine::drop_data(State state, std::uint32_t content) noexcept {
  const Step& verdict = step(state, Input::recv_data);
  const bool violates = verdict.answer == Answer::violate;
  if (violates && describe(verdict.violation).scope == Scope::connection) return fail(verdict.violation);
  recv_window_ -= static_cast<std::int32_t>(frame_.length);
  credit_connection(frame_.length);
  if (violates) return stream_error(frame_.stream, verdict.violation);
  charge_late_content(content);
}

// As much as the windows of streams that we reset or refused allowed may be on its way, honestly.
void Engine::expect_late_content(std::int64_t window) noexcept {
  late_content_ = static_cast<std::int32_t>(std::min<std::int64_t>(late_content_ + window, recv_window_));
}

// Never heard of by the caller, and dropped with what follows on it.
void Engine::refuse_stream(StreamId id) noexcept {
  streams_.remember(id, State::reset_by_us);
  expect_late_content(effective_.initial_window_size);
}

void Engine::charge_late_content(std::uint32_t content) noexcept {
  if (content < kFullPiece || std::int64_t{content} > late_content_) return charge(Work::late_frame, kFrameCost);
  late_content_ -= static_cast<std::int32_t>(content);
}

Engine::Next Engine::resume_data(ByteView& input, Out& out) noexcept {
  stage_ = Stage::header;
  Stream* const stream = streams_.record(frame_.stream);
  if (stream != nullptr && !is_closed(stream->state))
    return deliver(*stream, data_left_, pad_left_, frame_.has(flags::end_stream), input, out);
  if (config_.credit == Credit::manual) credit_connection(data_left_);  // reset between two pieces
  return skip(std::size_t{data_left_} + pad_left_, input);
}

// Content that was settled, as much as is there. `end`: the stream's with the last of it.
Engine::Next Engine::deliver(Stream& stream, std::uint32_t content, std::uint32_t padding, bool end, ByteView& input,
                             Out& out) noexcept {
  ByteView piece = input;
  if (input.size() < content) [[unlikely]] {
    stage_ = run_.lasts() ? Stage::run_data : Stage::data;
    data_left_ = content - static_cast<std::uint32_t>(input.size());
    pad_left_ = padding;
    if (input.empty()) return Next::none;
    end = false;
  } else {
    piece = input.first(content);
  }
  input = input.subspan(piece.size());
  if (padding > 0 && stage_ == Stage::header) static_cast<void>(skip(padding, input));
  if (piece.empty() && !end) return Next::more;
  counters_.data_bytes_received += piece.size();
  if (config_.credit == Credit::manual) leave_unconsumed(stream, piece.size());
  out.emplace(DataReceived{stream.id, stream.user, piece, end ? EndStream::yes : EndStream::no});
  if (end) recv_end(streams_.find(stream.id), stream);
  return Next::none;
}

// ---- frames by type

void Engine::on_frame(ByteView payload, Out& out) noexcept {
  if (config_.observer.on_frame != nullptr && !carries_block(frame_.type))
    note(Direction::received, frame_, payload, {});
  switch (frame_.type) {
    case FrameType::headers: on_headers(payload, out); break;
    case FrameType::push_promise: on_push_promise(payload, out); break;
    case FrameType::continuation: on_continuation(payload, out); break;
    case FrameType::priority: return charge(Work::priority, kFrameCost);  // RFC 9113 5.3.2: no more
    case FrameType::rst_stream: return on_rst_stream(payload);
    case FrameType::settings: return on_settings(payload, out);
    case FrameType::ping: return on_ping(payload, out);
    case FrameType::goaway: return on_goaway(payload, out);
    case FrameType::window_update: return on_window_update(payload);
    default: return on_extension(payload, out);
  }
  if (open_block_.open) stage_ = Stage::odd_header;
}

void Engine::on_extension(ByteView payload, Out& out) noexcept {
  switch (frame_.type) {
    case FrameType::priority_update: on_priority_update(payload, out); break;
    case FrameType::altsvc: on_altsvc(payload, out); break;
    case FrameType::origin: on_origin(payload, out); break;
    default: break;
  }
  charge(frame_.type == FrameType::priority_update ? Work::priority : Work::extension, kFrameCost);
  if (failed_) out.reset();
  else if (!is_known(frame_.type))
    out.emplace(UnknownFrameReceived{static_cast<std::uint8_t>(frame_.type), frame_.flags, frame_.stream, payload});
}

void Engine::on_rst_stream(ByteView payload) noexcept {
  const std::uint32_t slot = streams_.find(frame_.stream);
  const Step& next = step(state_of(frame_.stream, slot), Input::recv_rst_stream);
  if (next.answer == Answer::violate) return fail(next.violation);
  if (next.answer != Answer::ok) return charge(Work::late_frame, kFrameCost);
  charge_reset(streams_[slot].state);
  if (failed_) return;
  ++counters_.streams_reset_by_peer;
  close_stream(slot, State::reset_by_peer, static_cast<ErrorCode>(read_u32(payload.data())), Violation::none, true);
}

// Who resets a request throws our work for it away, unless it is answered already: then the rest of an upload is not
// sent (RFC 9113 8.1), and it is a frame like others. How many of our own streams can be reset is up to us.
void Engine::charge_reset(State state) noexcept {
  if (is_ours(frame_.stream)) return;
  const bool answered = config_.role == Role::server && state == State::half_closed_local;
  charge(Work::reset_by_peer, answered ? kFrameCost : kResetCost);
}

void Engine::on_settings(ByteView payload, Out& out) noexcept {
  if (frame_.has(flags::ack)) return on_settings_ack(out);
  const std::size_t count = payload.size() / 6;
  if (count > config_.max_settings_entries) return fail(Violation::settings_flood);
  charge(Work::settings, kFrameCost + window_moves(payload) * streams_.cost_of_each() / kFreeMoves);
  if (failed_) return;
  if (const Violation violation = apply_all(payload); violation != Violation::none) return fail(violation);
  settings_seen_ = peer_settings_known_ = true;
  if (std::byte* ack = reply(kFrameHeaderBytes)) {
    write::settings_ack(ack);
    reply_sent(kFrameHeaderBytes);
  }
  if (failed_) return;
  out.emplace(SettingsReceived{peer_, payload});
  start_waiting();
}

// In order; the last value of a repeated identifier stays (RFC 9113 6.5.3).
Violation Engine::apply_all(ByteView entries) noexcept {
  while (const auto setting = read_setting(entries)) {
    if (const Violation violation = apply(*setting); violation != Violation::none) return violation;
  }
  return Violation::none;
}

// The same without a change; no stream has a window yet that could overflow.
Violation Engine::check_all(ByteView entries) const noexcept {
  Settings next = peer_;
  while (const auto setting = read_setting(entries)) {
    if (const Violation violation = check(*setting, next); violation != Violation::none) return violation;
    set(next, *setting);
  }
  return Violation::none;
}

Violation Engine::check(const Setting& setting, const Settings& before) const noexcept {
  const Role sender = config_.role == Role::client ? Role::server : Role::client;
  const Violation violation = broken_by(setting, sender);
  return violation != Violation::none ? violation : broken_after(setting, before, !peer_settings_known_);
}

Violation Engine::apply(const Setting& setting) noexcept {
  if (const Violation violation = check(setting, peer_); violation != Violation::none) return violation;
  if (setting.id == SettingId::initial_window_size) return apply_initial_window(setting.value);
  if (setting.id == SettingId::header_table_size && (messages_ != nullptr || setting.value != kUsualTable)) {
    if (!prepare_messages()) return Violation::out_of_memory;
    messages_->encoder.set_peer_table_size(setting.value);
  }
  set(peer_, setting);
  return Violation::none;
}

// RFC 9113 6.9.2: every stream's window moves, and may become negative. One can be too large only while it is of use: a
// peer that has our END_STREAM looks at it no more.
Violation Engine::apply_initial_window(std::uint32_t value) noexcept {
  const std::int64_t shift = static_cast<std::int64_t>(value) - static_cast<std::int64_t>(peer_.initial_window_size);
  bool overflow = false;
  streams_.each([&](std::uint32_t slot) {
    const Stream& stream = streams_[slot];
    if (!may_still_end(stream.state) && stream.state != State::reserved_local) return;
    overflow = overflow || stream.send_window + shift > static_cast<std::int64_t>(kMaxWindow);
  });
  if (overflow) return Violation::initial_window_overflow;
  peer_.initial_window_size = value;
  streams_.each([&](std::uint32_t slot) {
    Stream& stream = streams_[slot];
    if (is_closed(stream.state)) return;
    stream.send_window = static_cast<std::int32_t>(std::min<std::int64_t>(stream.send_window + shift, kMaxWindow));
    if (stream.send_window <= 0) return unready(stream);
    if (shift > 0) stream.held = false;
    make_ready(stream);
  });
  return Violation::none;
}

void Engine::on_settings_ack(Out& out) noexcept {
  if (settings_in_flight_.empty()) return fail(Violation::settings_ack_unexpected);
  acknowledged_ = settings_in_flight_.front().settings;
  settings_in_flight_.pop();
  if (settings_in_flight_.empty()) settings_in_flight_.release();
  refresh_effective(true);
  out.emplace(SettingsAcknowledged{acknowledged_});
}

void Engine::on_ping(ByteView payload, Out& out) noexcept {
  if (frame_.has(flags::ack)) return on_ping_ack(payload, out);
  charge_answer(Work::ping);
  if (failed_) return;
  if (std::byte* ack = reply(write::kPingBytes)) {
    write_frame_header(ack, {8, FrameType::ping, flags::ack, kConnection});
    std::memcpy(ack + kFrameHeaderBytes, payload.data(), 8);
    reply_sent(write::kPingBytes);
  }
}

void Engine::on_ping_ack(ByteView payload, Out& out) noexcept {
  const std::uint64_t opaque =
      static_cast<std::uint64_t>(read_u32(payload.data())) << 32 | read_u32(payload.data() + 4);
  std::size_t at = 0;
  while (at < pings_.size() && pings_[at].opaque != opaque) ++at;
  if (at == pings_.size()) return charge(Work::ping, kFrameCost);  // nobody asked
  const PendingPing ping = pings_[at];
  for (; at > 0; --at) pings_[at] = pings_[at - 1];
  pings_.pop();
  if (ping.owner == PingOwner::shutdown && !goaway_final_) finish_goaway(ErrorCode::no_error);
  if (ping.owner == PingOwner::window) end_probe(now_ - ping.sent_at);
  if (ping.owner == PingOwner::caller) out.emplace(PingAnswered{ping.token, now_ - ping.sent_at});
}

void Engine::on_goaway(ByteView payload, Out& out) noexcept {
  const StreamId last{read_u32(payload.data()) & kMaxStreamId};
  const auto code = static_cast<ErrorCode>(read_u32(payload.data() + 4));
  if (goaway_received_ && last > goaway_last_received_) return fail(Violation::goaway_raised);
  charge(Work::goaway, kFrameCost + streams_.cost_of_each() / kFreeMoves);
  if (failed_) return;
  goaway_received_ = true;
  goaway_last_received_ = last;
  if (messages_ != nullptr) messages_->waiting.clear();
  streams_.each([this, last](std::uint32_t slot) {
    const Stream& stream = streams_[slot];
    if (is_closed(stream.state) || !is_ours(stream.id)) return;
    if (stream.waiting || stream.id > last)
      close_stream(slot, State::reset_by_peer, ErrorCode::refused_stream, Violation::none, true);
  });
  out.emplace(GoawayReceived{last, code, payload.subspan(8)});
}

void Engine::on_window_update(ByteView payload) noexcept {
  const std::uint32_t increment = read_u32(payload.data()) & kMaxWindow;
  if (frame_.stream == kConnection) {
    if (increment == 0) return fail(Violation::window_increment_zero);
    if (increment > static_cast<std::int64_t>(kMaxWindow) - send_window_) return fail(Violation::window_overflow);
    send_window_ = static_cast<std::int32_t>(send_window_ + static_cast<std::int64_t>(increment));
    connection_held_ = false;
    return charge_answer(Work::window_update);
  }
  Stream* const found = streams_.record(frame_.stream);
  const Step& next = step(found != nullptr ? found->state : state_of_gone(frame_.stream), Input::recv_window_update);
  if (next.answer == Answer::violate) return refuse_frame(frame_.stream, next.violation);
  charge_answer(Work::window_update);
  if (failed_ || found == nullptr || next.answer != Answer::ok) return;
  Stream& stream = *found;
  if (increment == 0) return stream_error(stream.id, Violation::stream_increment_zero);
  if (increment > static_cast<std::int64_t>(kMaxWindow) - stream.send_window)
    return stream_error(stream.id, Violation::stream_window_overflow);
  stream.send_window = static_cast<std::int32_t>(stream.send_window + static_cast<std::int64_t>(increment));
  stream.held = false;
  make_ready(stream);
}

// ---- what all of them share

// RFC 9113 5.1.1: idle is every id above the highest of its side; and of ours, those that we begin behind.
bool Engine::is_idle(StreamId id) const noexcept {
  if (id == kConnection) return true;  // never a stream
  return is_ours(id) ? id.value >= next_id_ || id.value < config_.first_stream_id : id > last_peer_id_;
}

State Engine::state_of_gone(StreamId id) const noexcept { return is_idle(id) ? State::idle : streams_.how_closed(id); }

// A record that has moved just now; kNoSlot when memory failed.
std::uint32_t Engine::add_stream(StreamId id) noexcept {
  const std::uint32_t slot = streams_.add(id);
  if (slot == kNoSlot) return slot;
  streams_[slot].sent_ms = streams_[slot].received_ms = now_ms_;
  return slot;
}

void Engine::recv_end(std::uint32_t slot, Stream& stream) noexcept {
  stream.ended_by_peer = true;
  const Step& next = step(stream.state, Input::recv_end_stream);
  if (next.answer != Answer::ok) return;
  stream.state = next.next;
  if (stream.state == State::ended) {
    uncount(stream);
    stream.code = ErrorCode::no_error;
    stream.verdict = Verdict::processed;
    finish_if_done(slot, stream);
  }
}

void Engine::refuse_frame(StreamId id, Violation violation) noexcept {
  if (describe(violation).scope == Scope::connection) return fail(violation);
  stream_error(id, violation);
}

Work Engine::work_of(Violation violation) noexcept {
  if (violation == Violation::stream_refused) return Work::stream_refused;
  return violation == Violation::field_section_too_large ? Work::large_section : Work::stream_error;
}

// A stream error on an idle stream cannot be one (RFC 9113 5.1): RST_STREAM may not be sent there.
void Engine::stream_error(StreamId id, Violation violation) noexcept {
  if (failed_) return;
  const std::uint32_t slot = streams_.find(id);
  const ErrorCode code = describe(violation).code;
  const State state = state_of(id, slot);
  if (state == State::idle) {
    failure_ = violation;
    write_goaway(last_touched(), code, describe(violation).sentence);
    return over(code);
  }
  const bool by_caller = violation == Violation::stream_refused && is_caller_behind();  // no fault of the peer's
  charge(work_of(violation), by_caller ? kFrameCost : kResetCost);
  if (failed_ || state == State::reset_by_us) return;
  write_rst_stream(id, code);
  if (slot == kNoSlot) refuse_stream(id);
  else if (is_closed(state)) streams_[slot].state = State::reset_by_us;  // what follows is dropped without a word
  else close_stream(slot, State::reset_by_us, code, violation, true);
}

void Engine::write_rst_stream(StreamId id, ErrorCode code) noexcept {
  if (std::byte* out = reply(write::kRstStreamBytes)) {
    write::rst_stream(out, id, code);
    ++counters_.streams_reset_by_us;
    reply_sent(write::kRstStreamBytes);
  }
}

}  // namespace detail

// Not in connection.cpp: a call through, for each event, were ten instructions.
void Connection::receive_bytes(ByteView& input, std::optional<Event>& out) noexcept {
  engine_->receive_bytes(input, out);
}

}  // namespace h2
