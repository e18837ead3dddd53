// Frames by themselves: one row of rules per type, padding, and the writers of small frames. Knows no connection.
#include <h2core/detail/frame_rules.h>

#include <cstring>

namespace h2 {

using detail::find_rule;
using detail::FrameRule;
using detail::kPriorityFieldsBytes;
using detail::On;

namespace {

constexpr std::uint32_t kPromisedIdBytes = 4;

std::byte* put_text(std::byte* out, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

Violation check_frame_header(const FrameHeader& header, std::uint32_t max_frame_size) noexcept {
  const FrameRule* rule = find_rule(header.type);
  if (rule == nullptr) return header.length > max_frame_size ? Violation::frame_too_large : Violation::none;

  const bool on_connection = header.stream == kConnection;
  if (rule->lives_on == On::stream && on_connection) return Violation::frame_on_connection;
  if (rule->lives_on == On::connection && !on_connection) return Violation::frame_on_stream;

  const auto adds = static_cast<std::uint8_t>(header.flags & rule->flags_with_bytes);
  const std::uint32_t least =
      rule->least + ((adds & flags::padded) != 0 ? 1 : 0) + ((adds & flags::priority) != 0 ? kPriorityFieldsBytes : 0);
  if (header.length < least || header.length > rule->most) return rule->length_violation;
  if (header.type == FrameType::settings) {
    if (header.has(flags::ack) && header.length != 0) return Violation::settings_ack_length;
    if (header.length % 6 != 0) return Violation::settings_length;
  }
  // After the type's own length: a long PRIORITY is a stream error whatever the limit (RFC 9113 6.3).
  if (header.length > max_frame_size) {
    return header.type == FrameType::data ? Violation::data_frame_too_large : Violation::frame_too_large;
  }
  return Violation::none;
}

bool is_known(FrameType type) noexcept { return find_rule(type) != nullptr; }

std::string_view name(FrameType type) noexcept {
  const FrameRule* rule = find_rule(type);
  return rule != nullptr ? rule->name : "UNKNOWN";
}

std::optional<std::string_view> next_origin(ByteView& entries) noexcept {
  if (entries.size() < 2) return std::nullopt;
  const std::size_t bytes = std::to_integer<std::size_t>(entries[0]) << 8 | std::to_integer<std::size_t>(entries[1]);
  if (bytes > entries.size() - 2) return std::nullopt;
  const std::string_view origin(reinterpret_cast<const char*>(entries.data()) + 2, bytes);
  entries = entries.subspan(2 + bytes);
  return origin;
}

Unpadded strip_padding(const FrameHeader& header, ByteView payload) noexcept {
  std::size_t padding = 0;
  if (header.has(flags::padded)) {
    if (payload.empty()) return {{}, Violation::frame_length};
    padding = std::to_integer<std::size_t>(payload[0]);
    payload = payload.subspan(1);
  }
  const bool has_priority = header.type == FrameType::headers && header.has(flags::priority);
  const std::size_t fixed = has_priority                             ? kPriorityFieldsBytes
                            : header.type == FrameType::push_promise ? kPromisedIdBytes
                                                                     : 0;
  if (payload.size() < fixed) return {{}, Violation::frame_length};
  if (padding > payload.size() - fixed) return {{}, Violation::padding_too_long};
  payload = payload.first(payload.size() - padding);
  return {has_priority ? payload.subspan(kPriorityFieldsBytes) : payload, Violation::none};
}

namespace write {

std::byte* ping(std::byte* out, std::uint64_t opaque, bool ack) noexcept {
  out = write_frame_header(out, {8, FrameType::ping, ack ? flags::ack : std::uint8_t{0}, kConnection});
  out = put_u32(out, static_cast<std::uint32_t>(opaque >> 32));
  return put_u32(out, static_cast<std::uint32_t>(opaque));
}

std::byte* rst_stream(std::byte* out, StreamId stream, ErrorCode code) noexcept {
  out = write_frame_header(out, {4, FrameType::rst_stream, 0, stream});
  return put_u32(out, static_cast<std::uint32_t>(code));
}

std::byte* window_update(std::byte* out, StreamId stream, std::uint32_t increment) noexcept {
  out = write_frame_header(out, {4, FrameType::window_update, 0, stream});
  return put_u32(out, increment & kMaxWindow);
}

std::byte* settings(std::byte* out, std::span<const Setting> entries) noexcept {
  const auto bytes = static_cast<std::uint32_t>(entries.size() * 6);
  out = write_frame_header(out, {bytes, FrameType::settings, 0, kConnection});
  for (const Setting& entry : entries) {
    const auto id = static_cast<std::uint16_t>(entry.id);
    out[0] = static_cast<std::byte>(id >> 8);
    out[1] = static_cast<std::byte>(id);
    out = put_u32(out + 2, entry.value);
  }
  return out;
}

std::byte* settings_ack(std::byte* out) noexcept {
  return write_frame_header(out, {0, FrameType::settings, flags::ack, kConnection});
}

std::byte* goaway(std::byte* out, StreamId last_stream, ErrorCode code, std::string_view debug) noexcept {
  const auto bytes = static_cast<std::uint32_t>(8 + debug.size());
  out = write_frame_header(out, {bytes, FrameType::goaway, 0, kConnection});
  out = put_u32(out, last_stream.value & kMaxStreamId);
  out = put_u32(out, static_cast<std::uint32_t>(code));
  return put_text(out, debug);
}

}  // namespace write
}  // namespace h2
