// One row of rules per frame type; and what of a row can be asked of a frame in a few instructions.
#pragma once

#include <algorithm>
#include <array>
#include <iterator>

#include <h2core/frame.h>

namespace h2::detail {

enum class On : std::uint8_t { stream, connection, either };

inline constexpr std::uint32_t kAny = 0xffffff;  // all that 24 bits can say; the frame size limit is apart
inline constexpr std::uint32_t kPriorityFieldsBytes = 5;
inline constexpr std::uint16_t kAlwaysFits = 0x4000;  // payload bytes; no MAX_FRAME_SIZE is smaller

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
inline constexpr std::uint8_t kPad = flags::padded, kPadPrio = flags::padded | flags::priority;
inline constexpr FrameRule kFrameRules[] = {
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
inline constexpr std::size_t kRfc9113Types = 10;
constexpr bool rows_stand_at_their_type() {
  for (std::size_t i = 0; i < kRfc9113Types; ++i) {
    if (static_cast<std::size_t>(kFrameRules[i].type) != i) return false;
  }
  return true;
}
static_assert(rows_stand_at_their_type());

constexpr const FrameRule* find_rule(FrameType type) noexcept {
  const auto number = static_cast<std::size_t>(type);
  if (number < kRfc9113Types) return &kFrameRules[number];
  for (std::size_t i = kRfc9113Types; i < std::size(kFrameRules); ++i) {
    if (kFrameRules[i].type == type) return &kFrameRules[i];
  }
  return nullptr;
}

/// A short row for the many frames: what it lets pass, its long row lets pass. What it does not let pass is asked of
/// check_frame_header().
struct QuickRule {
  std::uint16_t least = 0, range = kAlwaysFits;  // payload bytes
  std::uint16_t asked = 0, wanted = 0;           // of the flags and the place
};
inline constexpr std::uint16_t kOnConnection = 0x100, kNever = 0x200;

inline constexpr auto kQuickRules = [] {
  std::array<QuickRule, 256> quick{};  // by type
  for (const FrameRule& rule : kFrameRules) {
    QuickRule& row = quick[static_cast<std::size_t>(rule.type)];
    row.least = static_cast<std::uint16_t>(rule.least);
    row.range = static_cast<std::uint16_t>(std::min<std::uint32_t>(rule.most, kAlwaysFits) - rule.least);
    row.asked = rule.flags_with_bytes;
    if (rule.lives_on != On::either) row.asked |= kOnConnection;
    if (rule.lives_on == On::connection) row.wanted = kOnConnection;
    if (rule.type == FrameType::settings) row.asked = row.wanted = kNever;  // its length is a matter of its own
  }
  return quick;
}();

/// In 16 instructions, where check_frame_header() takes 39. False says nothing.
inline bool passes(const FrameHeader& header) noexcept {
  const QuickRule& rule = kQuickRules[static_cast<std::size_t>(header.type)];
  const std::uint32_t place = (header.stream.value - 1) >> 23 & kOnConnection;  // ids have 31 bits
  return header.length - rule.least <= rule.range && (((header.flags | place) ^ rule.wanted) & rule.asked) == 0;
}

/// The same for DATA, in 5. What is padded does not pass.
inline bool passes_as_data(const FrameHeader& header) noexcept {
  return header.length <= kAlwaysFits && header.stream != kConnection && !header.has(flags::padded);
}

}  // namespace h2::detail
