// The small types that every other header of h2core speaks in: ids, codes, roles, bytes and time.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <hpack/allocator.h>
#include <hpack/bytes.h>
#include <hpack/export.h>
#include <hpack/field.h>
#include <hpack/result.h>

namespace h2 {

using hpack::Allocator;
using hpack::ByteView;
using hpack::Field;
using hpack::Indexing;

/// The caller's monotonic clock. The engine never reads a clock; it only compares what `advance_time()` was given.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;
/// A deadline that never comes.
inline constexpr TimePoint kNever = TimePoint::max();
/// `wait` behind `begin`, or never, if that is later than a clock can count.
constexpr TimePoint after(TimePoint begin, Duration wait) {
  return begin >= TimePoint{} && wait > kNever - begin ? kNever : begin + wait;
}

enum class Role : std::uint8_t { client, server };
enum class EndStream : std::uint8_t { no, yes };

/// A stream's number on the wire (RFC 9113 5.1.1). Zero is the connection itself.
struct StreamId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const StreamId&) const = default;
  constexpr bool opened_by_client() const { return (value & 1U) != 0; }
};
inline constexpr StreamId kConnection{0};
inline constexpr std::uint32_t kMaxStreamId = 0x7fffffff;
inline constexpr std::uint32_t kMaxWindow = 0x7fffffff;

/// The caller's name for lent memory or for a PING; handed back, never interpreted.
struct Token {
  std::uint64_t value = 0;
  constexpr bool operator==(const Token&) const = default;
};

/// RFC 9113 7. Codes that nobody defined arrive as they came and mean no more than INTERNAL_ERROR.
enum class ErrorCode : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};

/// The RFC's name ("PROTOCOL_ERROR"), or "UNKNOWN_ERROR" for a code beyond the registry.
H2CORE_API std::string_view name(ErrorCode code) noexcept;

}  // namespace h2
