// RFC 7541 5.1: integers with a prefix of 1 to 8 bits. The values of this library end at 2^32-1, far above
// any legal index, and lengths are bounded by the block anyway.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hpack/bytes.h>
#include <hpack/export.h>
#include <hpack/result.h>

namespace hpack {

enum class IntegerError : std::uint8_t {
  truncated,  ///< the octets end inside the integer
  overflow,   ///< above 2^32-1, or padded beyond five continuation octets
};

struct Integer {
  std::uint32_t value = 0;
  std::size_t octets = 0;  ///< how many the integer took, the one with the prefix included
};

/// Five continuation octets carry 35 bits: enough for every 32-bit value, and a bound for endless zero padding.
inline constexpr std::size_t kMaxContinuationOctets = 5;

/// Most octets `encode_integer` writes.
inline constexpr std::size_t kMaxIntegerOctets = 1 + kMaxContinuationOctets;

/// Reads the integer at the front of `octets`; bits above the prefix of the first octet are not looked at.
/// `prefix_bits` is 1 to 8 (RFC 7541 5.1).
H2CORE_API Result<Integer, IntegerError> decode_integer(ByteView octets, unsigned prefix_bits) noexcept;

/// Writes `value` to `out`, which has room for kMaxIntegerOctets, and returns the end of what it wrote.
/// The bits of `first` above the prefix are kept, those in it must be zero (RFC 7541 5.1).
H2CORE_API std::byte* encode_integer(std::uint32_t value, unsigned prefix_bits, std::byte first,
                                     std::byte* out) noexcept;

/// How many octets `encode_integer` writes.
H2CORE_API std::size_t integer_octets(std::uint32_t value, unsigned prefix_bits) noexcept;

}  // namespace hpack
