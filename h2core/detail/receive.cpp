// Input bytes become frames, and each type does its work. A frame that lies whole in the input is handled in place;
// what its header decides (place, size, windows, content-length) is decided there, once for the whole frame.
#include <h2core/detail/engine.h>
#include <h2core/detail/setting_rules.h>

namespace h2::detail {
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

}  // namespace

std::optional<Event> Engine::receive(ByteView& input) noexcept {
  // Without this detour GCC 12 clears all of the event first, which took a quarter of a small frame's time.
  const std::optional<IdleTimedOut> none;
  Out out(none);
  const std::size_t before = input.size();
  if (before > 0) last_received_ = now_;
  if (trim_due_) trim();
  const bool unsettled = too_many_unsettled();
  while (!out) {
    if (event_waits()) {
      emit(out);
    } else if (failed_ || lost_ || eof_ || finished_) {
      input = {};  // nothing that comes now can matter (RFC 9113 5.4.1)
      break;
    } else if (unsettled || output_.reply_bytes() > config_.max_queued_output || !advance(input, out)) {
      break;
    }
  }
  publish();
  if (!out && event_waits()) {  // the last of the input has brought the end of the connection
    emit(out);
    publish();
  }
  counters_.bytes_received += before - input.size();
  views_live_ = out.has_value();
  return out;
}

// A stream that has ended lives on until its last committed byte is taken. A peer that opens streams, resets them and
// never reads may have as many of those as open ones; then it is not read any more.
bool Engine::too_many_unsettled() const noexcept {
  if (live_streams_ <= announced_.max_concurrent_streams || config_.role == Role::client) [[likely]]
    return false;
  return live_streams_ > std::size_t{peer_active_} + our_active_ + reserved_ + announced_.max_concurrent_streams;
}

bool Engine::advance(ByteView& input, Out& out) noexcept {
  switch (stage_) {
    case Stage::preface: return read_preface(input);
    case Stage::header: return read_header(input, out);
    case Stage::pad_length: {
      if (input.empty()) return false;
      const auto pad = static_cast<std::uint32_t>(input[0]);
      input = input.subspan(1);
      begin_data(pad + 1);
      return true;
    }
    case Stage::data: return read_data(input, out);
    case Stage::payload: return read_payload(input, out);
    case Stage::skip: return read_skip(input);
  }
  return false;
}

// RFC 9113 3.4. Bytes that differ are judged as soon as they name their protocol, at the same byte in any split.
bool Engine::read_preface(ByteView& input) noexcept {
  while (!input.empty()) {
    const std::byte next = input[0];
    input = input.subspan(1);
    const std::size_t at = preface_have_++;
    if (at < kFrameHeaderBytes) head_[at] = next;
    const bool after_pro = at == 3 && head_[2] == std::byte{'O'};
    if (!after_pro && next == static_cast<std::byte>(kClientPreface[at])) {
      if (preface_have_ < kClientPreface.size()) continue;
      stage_ = Stage::header;
      return true;
    }
    if (at == 2 && next == std::byte{'O'}) continue;  // "PRO": one byte more tells
    fail(at > 3 ? Violation::bad_preface : wrong_protocol({head_, preface_have_}));
    return true;
  }
  return false;
}

bool Engine::read_header(ByteView& input, Out& out) noexcept {
  if (head_have_ == 0 && input.size() >= kFrameHeaderBytes) {
    frame_ = read_frame_header(input.data());
    if (!settings_seen_) std::memcpy(head_, input.data(), kFrameHeaderBytes);
    input = input.subspan(kFrameHeaderBytes);
    return begin_frame(input, out);
  }
  const std::size_t step = std::min<std::size_t>(kFrameHeaderBytes - head_have_, input.size());
  if (step == 0) return false;
  std::memcpy(head_ + head_have_, input.data(), step);
  head_have_ = static_cast<std::uint8_t>(head_have_ + step);
  input = input.subspan(step);
  if (head_have_ >= 2 && is_tls_record()) return fail(Violation::preface_is_tls), true;  // an alert has 7 bytes
  if (head_have_ < kFrameHeaderBytes) return false;
  head_have_ = 0;
  frame_ = read_frame_header(head_);
  return begin_frame(input, out);
}

// An alert or a handshake where a server's first frame should be.
bool Engine::is_tls_record() const noexcept {
  const bool first = !settings_seen_ && config_.role == Role::client;
  return first && (head_[0] == std::byte{0x15} || head_[0] == std::byte{0x16}) && head_[1] == std::byte{0x03};
}

// Everything that nine bytes decide.
bool Engine::begin_frame(ByteView& input, Out& out) noexcept {
  ++counters_.frames_received;
  if (!settings_seen_) {
    if (is_tls_record()) return fail(Violation::preface_is_tls), true;
    if (config_.role == Role::client && starts_with(head_, "HTTP/")) return fail(Violation::preface_is_http1), true;
    if (frame_.type != FrameType::settings || frame_.has(flags::ack))
      return fail(Violation::first_frame_not_settings), true;
  }
  if (open_block_.open && (frame_.type != FrameType::continuation || frame_.stream != open_block_.first.stream))
    return fail(Violation::continuation_expected), true;
  if (const Violation violation = check_frame_header(frame_, effective_.max_frame_size); violation != Violation::none) {
    if (describe(violation).scope == Scope::connection) return fail(violation), true;
    skip_left_ = frame_.length;
    stage_ = Stage::skip;
    if (frame_.type == FrameType::data) {
      if (frame_.length > static_cast<std::int64_t>(recv_window_)) return fail(Violation::window_exceeded), true;
      recv_window_ -= static_cast<std::int32_t>(frame_.length);
      credit_connection(frame_.length);
    }
    stream_error(frame_.stream, violation);
    return true;
  }
  if (frame_.type == FrameType::data) {
    note(Direction::received, frame_, {}, {});
    if (frame_.has(flags::padded)) {
      if (frame_.length == 0) return fail(Violation::frame_length), true;
      stage_ = Stage::pad_length;
      return true;
    }
    begin_data(0);
    return failed_ || read_data(input, out);
  }
  if (!is_wanted(frame_.type)) {  // RFC 9113 5.5: ignored
    note(Direction::received, frame_, {}, {});
    charge(Work::extension, kFrameCost);
    skip_left_ = frame_.length;
    stage_ = Stage::skip;
    return read_skip(input);
  }
  if (input.size() >= frame_.length) {
    const ByteView payload = input.first(frame_.length);
    input = input.subspan(frame_.length);
    on_frame(payload, out);
    return true;
  }
  if (stash_.capacity() < frame_.length) stash_.release();  // not beside the larger one
  stash_.clear();
  stage_ = Stage::payload;
  trim_soon();
  return true;
}

// What a server sends to clients means nothing when it comes the other way (RFC 7838 4, RFC 8336 2.2).
bool Engine::is_wanted(FrameType type) const noexcept {
  if (type <= FrameType::continuation || type == FrameType::priority_update) return true;
  if (type == FrameType::altsvc || type == FrameType::origin) return config_.role == Role::client;
  return config_.deliver_unknown_frames;
}

// Bounded by MAX_FRAME_SIZE, which the header was held against.
bool Engine::read_payload(ByteView& input, Out& out) noexcept {
  const std::size_t step = std::min<std::size_t>(frame_.length - stash_.size(), input.size());
  if (step == 0 && stash_.size() < frame_.length) return false;
  if (!stash_.append(input.data(), step, frame_.length)) return fail(Violation::out_of_memory), true;
  input = input.subspan(step);
  if (stash_.size() < frame_.length) return false;
  stage_ = Stage::header;
  on_frame({stash_.data(), stash_.size()}, out);
  return true;
}

bool Engine::read_skip(ByteView& input) noexcept {
  const std::size_t step = std::min<std::size_t>(skip_left_, input.size());
  skip_left_ -= static_cast<std::uint32_t>(step);
  input = input.subspan(step);
  if (skip_left_ > 0) return false;
  stage_ = Stage::header;
  return true;
}

// ---- DATA (RFC 9113 6.1, 6.9)

// `pad_bytes` counts the pad length octet too. Windows, state and content-length are settled here for the whole frame.
void Engine::begin_data(std::uint32_t pad_bytes) noexcept {
  if (pad_bytes > frame_.length) return fail(Violation::padding_too_long);
  const std::uint32_t content = frame_.length - pad_bytes;
  stage_ = Stage::data;
  data_left_ = content;
  pad_left_ = pad_bytes > 0 ? pad_bytes - 1 : 0;
  data_dropped_ = true;
  if (frame_.length > static_cast<std::int64_t>(recv_window_)) return fail(Violation::window_exceeded);

  const std::uint32_t slot = streams_.find(frame_.stream);
  const State state = state_of(frame_.stream, slot);
  const Step& next = step(state, Input::recv_data);
  if (next.answer == Answer::violate && describe(next.violation).scope == Scope::connection)
    return fail(next.violation);
  recv_window_ -= static_cast<std::int32_t>(frame_.length);
  if (next.answer != Answer::ok) {
    credit_connection(frame_.length);
    if (next.answer == Answer::violate) return stream_error(frame_.stream, next.violation);
    return charge_late_content(content);
  }

  Stream& stream = streams_[slot];
  const bool end = frame_.has(flags::end_stream);
  Violation violation = Violation::none;
  if (frame_.length > std::max<std::int64_t>(stream.recv_window, 0))  // nothing needs no window (RFC 9113 6.9.1)
    violation = Violation::stream_window_exceeded;
  else if (!stream.recv_final) violation = Violation::data_before_response;
  else if (content > 0 && stream.no_content_recv) violation = Violation::content_forbidden;
  else if (stream.recv_content_left >= 0 &&
           (content > stream.recv_content_left || (end && content < stream.recv_content_left)))
    violation = Violation::content_length_mismatch;
  if (violation != Violation::none) {
    credit_connection(frame_.length);
    return stream_error(frame_.stream, violation);
  }
  data_dropped_ = false;
  stream.recv_window -= static_cast<std::int32_t>(frame_.length);
  if (stream.recv_content_left >= 0) stream.recv_content_left -= content;
  if (content == 0 && !end) charge(Work::empty_data, kFrameCost);
  else if (content >= kFullPiece) reward(1);
  stream.received_ms = now_ms_;
  stream.interval_bytes += content;
  if (stream.recv_window <= 0 || recv_window_ <= 0) stream.watched = false;  // it is we who hold it back
  // What nobody is to read (RFC 9113 6.9.1), or nobody means to hold, for the whole frame, however it is cut.
  const std::uint32_t at_once = config_.credit == Credit::automatic ? frame_.length : pad_bytes;
  const bool may_probe = clock_runs_ && !probe_.running;
  if (may_probe && (is_busy(stream.recv_window, stream.recv_target) || is_busy(recv_window_, recv_target_)))
    start_probe();
  stream.recv_owed = static_cast<std::int32_t>(stream.recv_owed + static_cast<std::int64_t>(at_once));
  credit_connection(at_once);
  if (!end) update_stream_window(stream);
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

// False when the input is used up.
bool Engine::read_data(ByteView& input, Out& out) noexcept {
  if (failed_) return true;
  if (!data_dropped_) {
    const std::uint32_t slot = streams_.find(frame_.stream);
    if (slot == kNoSlot || is_closed(streams_[slot].state)) drop_data();  // reset between two pieces
    else {
      const std::size_t bytes = std::min<std::size_t>(data_left_, input.size());
      if (bytes < 1 && data_left_ > 0) return false;
      const ByteView piece = input.first(bytes);
      input = input.subspan(bytes);
      data_left_ -= static_cast<std::uint32_t>(bytes);
      const bool end = data_left_ == 0 && frame_.has(flags::end_stream);
      if (data_left_ == 0) {
        skip_left_ = pad_left_;
        stage_ = pad_left_ > 0 ? Stage::skip : Stage::header;
      }
      Stream& stream = streams_[slot];
      counters_.data_bytes_received += bytes;
      if (bytes > 0 || end) {
        out.emplace(DataReceived{stream.id, stream.user, piece, end ? EndStream::yes : EndStream::no});
        if (config_.credit == Credit::manual) {
          stream.unconsumed += static_cast<std::uint32_t>(bytes);
          stream.connection_unconsumed += static_cast<std::uint32_t>(bytes);
          unconsumed_ += bytes;
        }
      }
      if (end) recv_end(slot);
      return true;
    }
  }
  skip_left_ = data_left_ + pad_left_;
  stage_ = Stage::skip;
  return read_skip(input);
}

void Engine::drop_data() noexcept {
  if (config_.credit == Credit::manual) credit_connection(data_left_);
  data_dropped_ = true;
}

// ---- frames by type

void Engine::on_frame(ByteView payload, Out& out) noexcept {
  switch (frame_.type) {
    case FrameType::headers: return on_headers(payload, out);
    case FrameType::push_promise: return on_push_promise(payload, out);
    case FrameType::continuation: return on_continuation(payload, out);
    default: break;
  }
  note(Direction::received, frame_, payload, {});
  switch (frame_.type) {
    case FrameType::priority: return charge(Work::priority, kFrameCost);  // RFC 9113 5.3.2: no more
    case FrameType::rst_stream: return on_rst_stream(payload);
    case FrameType::settings: return on_settings(payload, out);
    case FrameType::ping: return on_ping(payload, out);
    case FrameType::goaway: return on_goaway(payload, out);
    case FrameType::window_update: return on_window_update(payload);
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
    reply_sent(kFrameHeaderBytes, {0, FrameType::settings, flags::ack, kConnection});
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

// RFC 9113 6.9.2: every stream's window moves, and may become negative.
Violation Engine::apply_initial_window(std::uint32_t value) noexcept {
  const std::int64_t shift = static_cast<std::int64_t>(value) - static_cast<std::int64_t>(peer_.initial_window_size);
  bool overflow = false;
  streams_.each([&](std::uint32_t slot) {
    if (is_closed(streams_[slot].state)) return;
    overflow = overflow || streams_[slot].send_window + shift > static_cast<std::int64_t>(kMaxWindow);
  });
  if (overflow) return Violation::initial_window_overflow;
  peer_.initial_window_size = value;
  streams_.each([&](std::uint32_t slot) {
    Stream& stream = streams_[slot];
    if (is_closed(stream.state)) return;
    stream.send_window = static_cast<std::int32_t>(stream.send_window + shift);
    if (stream.send_window <= 0) return unready(slot);
    if (shift > 0) stream.held = false;
    make_ready(slot);
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
  const std::uint64_t opaque =
      static_cast<std::uint64_t>(read_u32(payload.data())) << 32 | read_u32(payload.data() + 4);
  if (!frame_.has(flags::ack)) {
    charge_answer(Work::ping);
    if (failed_) return;
    if (std::byte* ack = reply(write::kPingBytes)) {
      write::ping(ack, opaque, true);
      reply_sent(write::kPingBytes, {8, FrameType::ping, flags::ack, kConnection});
    }
    return;
  }
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
  const std::uint32_t slot = streams_.find(frame_.stream);
  const Step& next = step(state_of(frame_.stream, slot), Input::recv_window_update);
  if (next.answer == Answer::violate) return refuse_frame(frame_.stream, next.violation);
  charge_answer(Work::window_update);
  if (failed_ || next.answer != Answer::ok) return;
  Stream& stream = streams_[slot];
  if (increment == 0) return stream_error(stream.id, Violation::stream_increment_zero);
  if (increment > static_cast<std::int64_t>(kMaxWindow) - stream.send_window)
    return stream_error(stream.id, Violation::stream_window_overflow);
  stream.send_window = static_cast<std::int32_t>(stream.send_window + static_cast<std::int64_t>(increment));
  stream.held = false;
  make_ready(slot);
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
  const std::uint32_t slot = turns_.prepare() ? streams_.add(id) : kNoSlot;
  if (slot == kNoSlot) return slot;
  streams_[slot].sent_ms = streams_[slot].received_ms = now_ms_;
  return slot;
}

void Engine::recv_end(std::uint32_t slot) noexcept {
  Stream& stream = streams_[slot];
  stream.ended_by_peer = true;
  const Step& next = step(stream.state, Input::recv_end_stream);
  if (next.answer != Answer::ok) return;
  stream.state = next.next;
  if (stream.state == State::ended) {
    uncount(stream);
    stream.verdict = Verdict::processed;
    finish_if_done(slot);
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
    reply_sent(write::kRstStreamBytes, {4, FrameType::rst_stream, 0, id});
  }
}

std::byte* Engine::reply(std::size_t bytes) noexcept {
  std::byte* out = output_.reserve(bytes);
  if (out == nullptr) fail(Violation::out_of_memory);
  return out;
}

void Engine::reply_sent(std::size_t bytes, const FrameHeader& header) noexcept {
  if (config_.observer.on_frame != nullptr) {
    const std::byte* frame = output_.reserved();
    note(Direction::sent, header, {frame + kFrameHeaderBytes, bytes - kFrameHeaderBytes}, {});
  }
  output_.commit_reply(bytes);
  ++counters_.frames_sent;
}

}  // namespace h2::detail
