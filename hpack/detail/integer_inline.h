// The integer code itself, inlined into decoder and encoder; hpack/integer.h is its public face.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hpack::detail {

using Octet = unsigned char;

enum class IntegerStep : std::uint8_t { ok, truncated, overflow };

/// Reads on after a prefix of all ones, whose value is in `value`. At most five octets, see kMaxContinuationOctets.
inline IntegerStep read_continuation(const Octet*& at, const Octet* end, std::uint32_t& value) noexcept {
  std::uint64_t sum = value;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at == end) return IntegerStep::truncated;
    const Octet octet = *at++;
    sum += std::uint64_t{octet & 0x7fu} << shift;
    if ((octet & 0x80u) == 0) {
      if (sum > UINT32_MAX) return IntegerStep::overflow;
      value = static_cast<std::uint32_t>(sum);
      return IntegerStep::ok;
    }
  }
  return IntegerStep::overflow;
}

inline Octet* write_integer(std::uint64_t value, unsigned prefix_bits, unsigned first, Octet* out) noexcept {
  const unsigned limit = (1u << prefix_bits) - 1;
  if (value < limit) {
    *out++ = static_cast<Octet>(first | static_cast<unsigned>(value));
    return out;
  }
  *out++ = static_cast<Octet>(first | limit);
  value -= limit;
  while (value >= 0x80) {
    *out++ = static_cast<Octet>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<Octet>(value);
  return out;
}

inline std::size_t integer_size(std::uint64_t value, unsigned prefix_bits) noexcept {
  const unsigned limit = (1u << prefix_bits) - 1;
  if (value < limit) return 1;
  std::size_t octets = 2;
  for (value -= limit; value >= 0x80; value >>= 7) ++octets;
  return octets;
}

}  // namespace hpack::detail
