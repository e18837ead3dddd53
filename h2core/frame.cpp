// Frames by themselves: one row of rules per type, padding, and the writers of small frames. Knows no connection.
#include <h2core/frame.h>

#include <cstring>

namespace h2 {
namespace {

enum class On : std::uint8_t { stream, connection, either };

constexpr std::uint32_t kAny = 0xffffff;  // all that 24 bits can say; the frame size limit is apart
constexpr std::uint32_t kPriorityFieldsBytes = 5;
constexpr std::uint32_t kPromisedIdBytes = 4;

struct FrameRule {
  FrameType type;
  std::string_view name;
  On lives_on;
  std::uint32_t least, most;  // payload bytes, before what the flags add
  Violation length_violation;
  std::uint8_t flags_with_bytes;  // flags that lengthen the payload
};

// ALTSVC and ORIGIN in the wrong place are to be ignored (RFC 7838 4, RFC 8336 2.1), so they may pass here.
// clang-format off
constexpr std::uint8_t kPad = flags::padded, kPadPrio = flags::padded | flags::priority;
constexpr FrameRule kFrameRules[] = {
    // type                      name               lives on       least, most  when the length is wrong  flags that add bytes
    {FrameType::data,            "DATA",            On::stream,     0, kAny, Violation::frame_length,         kPad},      // 6.1
    {FrameType::headers,         "HEADERS",         On::stream,     0, kAny, Violation::frame_length,         kPadPrio},  // 6.2
    {FrameType::priority,        "PRIORITY",        On::stream,     5, 5,    Violation::priority_length,      0},         // 6.3
    {FrameType::rst_stream,      "RST_STREAM",      On::stream,     4, 4,    Violation::rst_stream_length,    0},         // 6.4
    {FrameType::settings,        "SETTINGS",        On::connection, 0, kAny, Violation::settings_length,      0},         // 6.5
    {FrameType::push_promise,    "PUSH_PROMISE",    On::stream,     4, kAny, Violation::frame_length,         kPad},      // 6.6
    {FrameType::ping,            "PING",            On::connection, 8, 8,    Violation::ping_length,          0},         // 6.7
    {FrameType::goaway,          "GOAWAY",          On::connection, 8, kAny, Violation::goaway_length,        0},         // 6.8
    {FrameType::window_update,   "WINDOW_UPDATE",   On::either,     4, 4,    Violation::window_update_length, 0},         // 6.9
    {FrameType::continuation,    "CONTINUATION",    On::stream,     0, kAny, Violation::frame_length,         0},         // 6.10
    {FrameType::altsvc,          "ALTSVC",          On::either,     0, kAny, Violation::none,                 0},         // RFC 7838 4
    {FrameType::origin,          "ORIGIN",          On::either,     0, kAny, Violation::none,                 0},         // RFC 8336 2
    {FrameType::priority_update, "PRIORITY_UPDATE", On::connection, 4, kAny, Violation::frame_length,         0},         // RFC 9218 7.1
};
// clang-format on

// The ten types of RFC 9113 stand at their own number.
constexpr std::size_t kRfc9113Types = 10;
constexpr bool rows_stand_at_their_type() {
  for (std::size_t i = 0; i < kRfc9113Types; ++i) {
    if (static_cast<std::size_t>(kFrameRules[i].type) != i) return false;
  }
  return true;
}
static_assert(rows_stand_at_their_type());

const FrameRule* find_rule(FrameType type) noexcept {
  const auto number = static_cast<std::size_t>(type);
  if (number < kRfc9113Types) return &kFrameRules[number];
  for (std::size_t i = kRfc9113Types; i < std::size(kFrameRules); ++i) {
    if (kFrameRules[i].type == type) return &kFrameRules[i];
  }
  return nullptr;
}

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
