// The frame codec of RFC 9113 4 and 6, usable alone: nine header bytes, one row of rules per type, writers.
#pragma once

#include <bit>
#include <cstring>
#include <optional>

#include <h2core/error.h>
#include <h2core/settings.h>
#include <h2core/types.h>

namespace h2 {

enum class FrameType : std::uint8_t {
  data = 0x0,
  headers = 0x1,
  priority = 0x2,
  rst_stream = 0x3,
  settings = 0x4,
  push_promise = 0x5,
  ping = 0x6,
  goaway = 0x7,
  window_update = 0x8,
  continuation = 0x9,
  altsvc = 0xa,            // RFC 7838
  origin = 0xc,            // RFC 8336
  priority_update = 0x10,  // RFC 9218
};

namespace flags {
inline constexpr std::uint8_t end_stream = 0x1;
inline constexpr std::uint8_t ack = 0x1;
inline constexpr std::uint8_t end_headers = 0x4;
inline constexpr std::uint8_t padded = 0x8;
inline constexpr std::uint8_t priority = 0x20;
}  // namespace flags

inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113 4.1. `length` counts the payload only; the reserved bit is dropped on reading and zero on writing.
struct FrameHeader {
  std::uint32_t length = 0;
  FrameType type = FrameType::data;
  std::uint8_t flags = 0;
  StreamId stream;
  constexpr bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  constexpr bool operator==(const FrameHeader&) const = default;
};

/// In network order; compilers make one load of it.
inline std::uint32_t read_u32(const std::byte* bytes) noexcept {
  const auto at = [bytes](int i) { return static_cast<std::uint32_t>(bytes[i]); };
  return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

/// Reads the first nine bytes of `bytes`, which must have them.
inline FrameHeader read_frame_header(const std::byte* bytes) noexcept {
  const std::uint32_t length_and_type = read_u32(bytes);
  return {length_and_type >> 8, static_cast<FrameType>(length_and_type & 0xff), static_cast<std::uint8_t>(bytes[4]),
          StreamId{read_u32(bytes + 5) & kMaxStreamId}};
}
/// In network order, and returns the place behind. Octet by octet GCC would make four stores of what it knows in part,
/// as a frame's type: 5 instructions more.
inline std::byte* put_u32(std::byte* out, std::uint32_t value) noexcept {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(out, &value, sizeof(value));
  return out + 4;
}
/// Writes nine bytes and returns the place behind them.
inline std::byte* write_frame_header(std::byte* out, const FrameHeader& header) noexcept {
  put_u32(out, header.length << 8 | static_cast<std::uint32_t>(header.type));
  out[4] = static_cast<std::byte>(header.flags);
  return put_u32(out + 5, header.stream.value & kMaxStreamId);
}

/// What the header alone decides: place, length and size (RFC 9113 4.2, 5.1.1, 6). `Violation::none` if it may pass.
H2CORE_API Violation check_frame_header(const FrameHeader& header, std::uint32_t max_frame_size) noexcept;

/// Whether a row of rules stands for it.
H2CORE_API bool is_known(FrameType type) noexcept;
/// The RFC's name of a type ("WINDOW_UPDATE"), or "UNKNOWN".
H2CORE_API std::string_view name(FrameType type) noexcept;

/// The payload of DATA, HEADERS or PUSH_PROMISE without pad length, padding and RFC 7540 priority fields.
/// `violation` is padding_too_long or frame_length when they do not fit (RFC 9113 6.1, 6.2).
struct Unpadded {
  ByteView content;
  Violation violation = Violation::none;
};
H2CORE_API Unpadded strip_padding(const FrameHeader& header, ByteView payload) noexcept;

/// Takes one origin off the front of an ORIGIN payload (RFC 8336 2.1); null when none is left whole.
H2CORE_API std::optional<std::string_view> next_origin(ByteView& entries) noexcept;

/// Writers of whole small frames: each writes exactly the bytes that it names and returns the place behind them.
namespace write {
inline constexpr std::size_t kPingBytes = 17, kRstStreamBytes = 13, kWindowUpdateBytes = 13, kPriorityBytes = 14;
H2CORE_API std::byte* ping(std::byte* out, std::uint64_t opaque, bool ack) noexcept;
H2CORE_API std::byte* rst_stream(std::byte* out, StreamId stream, ErrorCode code) noexcept;
H2CORE_API std::byte* window_update(std::byte* out, StreamId stream, std::uint32_t increment) noexcept;
/// 9 + 6 per entry.
H2CORE_API std::byte* settings(std::byte* out, std::span<const Setting> entries) noexcept;
H2CORE_API std::byte* settings_ack(std::byte* out) noexcept;
/// 17 + debug.
H2CORE_API std::byte* goaway(std::byte* out, StreamId last_stream, ErrorCode code, std::string_view debug) noexcept;
}  // namespace write

}  // namespace h2
