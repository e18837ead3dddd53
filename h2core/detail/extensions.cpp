// What other RFCs add: priorities (RFC 9218), ALTSVC (RFC 7838), ORIGIN (RFC 8336), and frames of the caller's own.
#include <h2core/detail/engine.h>
#include <h2core/detail/field_rules.h>

namespace h2::detail {
namespace {

std::string_view text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The ASCII serialization of an origin (RFC 6454 6.2), as far as octets tell: "scheme://host[:port]" or "null".
bool is_origin(std::string_view origin) {
  const std::size_t mark = origin.find("://");
  if (mark == std::string_view::npos) return origin == "null";
  if ((rules::judge_scheme(origin.substr(0, mark)) & kPseudoBad) != 0) return false;
  return (rules::judge_authority(origin.substr(mark + 3)) & (kPseudoBad | kAuthorityEmpty | kAuthorityUserinfo)) == 0;
}

std::byte* put(std::byte* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::byte* put_u16(std::byte* at, std::size_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
  return at + 2;
}

}  // namespace

// ---- priorities

Result<void> Engine::set_priority(StreamId id, Priority priority) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  Stream& stream = streams_[slot];
  if (is_closed(stream.state)) return Misuse::stream_gone;
  if (priority.urgency > 7) return Misuse::bad_setting;
  prioritize(slot, priority);
  stream.own_priority = true;
  if (config_.role == Role::client) {
    if (stream.waiting) stream.tell_priority = true;  // behind its head: idle streams count against the peer's limit
    else write_priority_update(stream);
  }
  publish();
  return {};
}

std::optional<Priority> Engine::priority(StreamId id) const noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return std::nullopt;
  return Priority{streams_[slot].urgency, streams_[slot].incremental};
}

void Engine::prioritize(std::uint32_t slot, Priority priority) noexcept {
  Stream& stream = streams_[slot];
  const bool ready = stream.ready;
  Sending* const sending = sending_of(stream);
  if (ready) turns_.remove(*sending);
  stream.urgency = priority.urgency & 7U;
  stream.incremental = priority.incremental;
  if (ready) turns_.add(*sending);
}

// Only where a response may still come, and to a server that listens (RFC 9218 2.1.1, 7.1). Without memory nothing is
// said: it was advice.
void Engine::write_priority_update(const Stream& stream) noexcept {
  if (peer_settings_known_ && peer_.no_rfc7540_priorities == 0) return;
  if (stream.ended_by_peer || is_closed(stream.state)) return;
  char value[kPriorityText];
  const std::size_t size = write_priority({stream.urgency, stream.incremental}, value);
  std::byte* payload = begin_extension(FrameType::priority_update, 0, kConnection, 4 + size);
  if (payload == nullptr) return;
  for (int i = 0; i < 4; ++i) payload[i] = static_cast<std::byte>(stream.id.value >> (24 - 8 * i));
  put(payload + 4, {value, size});
  commit_extension();
}

// RFC 9218 7.1. A value that is no Dictionary says nothing.
void Engine::on_priority_update(ByteView payload, Out& out) noexcept {
  const StreamId about{read_u32(payload.data()) & kMaxStreamId};
  if (config_.role == Role::client || about == kConnection) return fail(Violation::priority_update_invalid);
  if (is_idle(about) && is_ours(about)) return fail(Violation::priority_update_invalid);  // no push has this id yet
  const std::optional<Priority> priority = read_priority(text(payload.subspan(4)), config_.default_priority);
  if (is_idle(about)) return keep_priority(about, priority.value_or(config_.default_priority));
  const std::uint32_t slot = streams_.find(about);
  if (slot == kNoSlot || is_closed(streams_[slot].state) || !priority) return;
  if (!streams_[slot].own_priority) prioritize(slot, *priority);
  out.emplace(PriorityReceived{about, streams_[slot].user, *priority});
}

// Streams that are named and idle count with the open ones against our limit (RFC 9218 7.1). Of a large limit only so
// many are kept; without memory, none: it was advice.
void Engine::keep_priority(StreamId id, Priority priority) noexcept {
  if (!prepare_messages()) return;
  trim_soon();
  Array<KeptPriority>& kept = messages_->kept_priorities;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].stream == id) {
      kept[i].priority = priority;
      return;
    }
  }
  if (peer_active_ + kept.size() >= effective_.max_concurrent_streams) return fail(Violation::priority_update_limit);
  if (kept.size() < kKeptPriorities) static_cast<void>(kept.push({id, priority}));
}

// What was said about the stream that opens now; ids below it are not idle any more.
std::optional<Priority> Engine::kept_priority(StreamId id) noexcept {
  std::optional<Priority> found;
  std::size_t left = 0;
  Array<KeptPriority>& kept = messages_->kept_priorities;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const KeptPriority each = kept[i];
    if (each.stream == id) found = each.priority;
    if (each.stream > id) kept[left++] = each;
  }
  kept.truncate(left);
  return found;
}

// ---- ALTSVC and ORIGIN

// RFC 7838 4: on stream 0 it names its origin, on a stream it must not; otherwise it is ignored. So it is on a stream
// of which the caller has not heard yet, or the last already.
void Engine::on_altsvc(ByteView payload, Out& out) noexcept {
  if (payload.size() < 2) return;
  if (frame_.stream != kConnection) {
    const State state = state_of(frame_.stream, streams_.find(frame_.stream));
    if (state == State::idle || is_closed(state)) return;
  }
  const std::size_t origin_bytes =
      std::to_integer<std::size_t>(payload[0]) << 8 | std::to_integer<std::size_t>(payload[1]);
  payload = payload.subspan(2);
  if (origin_bytes > payload.size() || (frame_.stream == kConnection) != (origin_bytes > 0)) return;
  const std::string_view origin = text(payload.first(origin_bytes)), value = text(payload.subspan(origin_bytes));
  if (!rules::valid_value(value) || (origin_bytes > 0 && !is_origin(origin))) return;
  out.emplace(AltSvcReceived{frame_.stream, origin, value});
}

// RFC 8336 2.2: the first four flags are kept for changes that we would not understand.
void Engine::on_origin(ByteView payload, Out& out) noexcept {
  if (frame_.stream != kConnection || (frame_.flags & 0xf) != 0) return;
  ByteView entries = payload;
  while (next_origin(entries)) continue;
  if (entries.empty()) out.emplace(OriginReceived{payload});
}

Result<void> Engine::send_altsvc(StreamId id, std::string_view origin, std::string_view value) noexcept {
  if (config_.role != Role::server) return Misuse::wrong_role;
  if (const Misuse misuse = may_send_extension(id); misuse != Misuse::none) return misuse;
  const std::size_t bytes = 2 + origin.size() + value.size();
  if ((id == kConnection) == origin.empty() || bytes > peer_.max_frame_size || origin.size() > 0xffff)
    return Misuse::bad_frame;
  if (!rules::valid_value(value) || (!origin.empty() && !is_origin(origin))) return Misuse::bad_frame;
  std::byte* at = begin_extension(FrameType::altsvc, 0, id, bytes);
  if (at == nullptr) return Misuse::out_of_memory;
  put(put(put_u16(at, origin.size()), origin), value);
  commit_extension();
  publish();
  return {};
}

Result<void> Engine::send_origin(std::span<const std::string_view> origins) noexcept {
  if (config_.role != Role::server) return Misuse::wrong_role;
  if (const Misuse misuse = may_send_extension(kConnection); misuse != Misuse::none) return misuse;
  std::size_t bytes = 0;
  for (const std::string_view origin : origins) {
    if (!is_origin(origin) || origin.size() > 0xffff) return Misuse::bad_frame;
    bytes += 2 + origin.size();
  }
  if (bytes > peer_.max_frame_size) return Misuse::bad_frame;
  std::byte* at = begin_extension(FrameType::origin, 0, kConnection, bytes);
  if (at == nullptr) return Misuse::out_of_memory;
  for (const std::string_view origin : origins) at = put(put_u16(at, origin.size()), origin);
  commit_extension();
  publish();
  return {};
}

// ---- frames of the caller's own

Result<void> Engine::send_frame(std::uint8_t type, std::uint8_t flags, StreamId id, ByteView payload) noexcept {
  if (const Misuse misuse = may_send_extension(id); misuse != Misuse::none) return misuse;
  const auto frame_type = static_cast<FrameType>(type);
  if (is_known(frame_type) || payload.size() > peer_.max_frame_size) return Misuse::bad_frame;
  std::byte* at = begin_extension(frame_type, flags, id, payload.size());
  if (at == nullptr) return Misuse::out_of_memory;
  put(at, text(payload));
  commit_extension();
  publish();
  return {};
}

Misuse Engine::may_send_extension(StreamId id) const noexcept {
  if (failed_ || lost_ || finished_) return Misuse::connection_over;
  if (id == kConnection) return Misuse::none;
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  if (streams_[slot].waiting) return Misuse::wrong_state;
  switch (streams_[slot].state) {  // RFC 9113 5.1
    case State::open:
    case State::half_closed_remote: return Misuse::none;
    case State::half_closed_local: return Misuse::already_ended;
    case State::idle:
    case State::reserved_local:
    case State::reserved_remote: return Misuse::wrong_state;
    default: return Misuse::stream_gone;
  }
}

// Room for a payload, behind its header; nothing is sent before commit_extension().
std::byte* Engine::begin_extension(FrameType type, std::uint8_t flags, StreamId id, std::size_t bytes) noexcept {
  extension_ = {static_cast<std::uint32_t>(bytes), type, flags, id};
  std::byte* out = output_.reserve(kFrameHeaderBytes + bytes);
  return out != nullptr ? write_frame_header(out, extension_) : nullptr;
}

void Engine::commit_extension() noexcept {
  const std::size_t bytes = kFrameHeaderBytes + extension_.length;
  note(Direction::sent, extension_, {output_.reserved() + kFrameHeaderBytes, extension_.length}, {});
  output_.commit(bytes);
  ++counters_.frames_sent;
}

// A type of the form 0x0b + 0x1f * n, which nobody will ever define, and a few bytes that mean nothing.
void Engine::write_grease() noexcept {
  const std::uint64_t noise = shown(config_.seed);
  const auto type = static_cast<FrameType>(0x0b + 0x1f * (noise % 8));
  const std::size_t bytes = noise / 8 % 8;
  std::byte* at = begin_extension(type, static_cast<std::uint8_t>(noise >> 8), kConnection, bytes);
  if (at == nullptr) return fail(Violation::out_of_memory);
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(noise >> (8 * i));
  commit_extension();
}

}  // namespace h2::detail
