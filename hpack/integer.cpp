// RFC 7541 5.1 for users of their own; decoder and encoder inline the same code.
#include <hpack/integer.h>

#include <cassert>

#include <hpack/detail/integer_inline.h>

namespace hpack {

Result<Integer, IntegerError> decode_integer(ByteView octets, unsigned prefix_bits) noexcept {
  assert(prefix_bits >= 1 && prefix_bits <= 8);
  if (octets.empty()) return IntegerError::truncated;
  const auto* const begin = reinterpret_cast<const detail::Octet*>(octets.data());
  const detail::Octet* at = begin;
  const unsigned limit = (1u << prefix_bits) - 1;
  std::uint32_t value = *at++ & limit;
  if (value == limit) {
    switch (detail::read_continuation(at, begin + octets.size(), value)) {
      case detail::IntegerStep::ok: break;
      case detail::IntegerStep::truncated: return IntegerError::truncated;
      case detail::IntegerStep::overflow: return IntegerError::overflow;
    }
  }
  return Integer{value, static_cast<std::size_t>(at - begin)};
}

std::byte* encode_integer(std::uint32_t value, unsigned prefix_bits, std::byte first, std::byte* out) noexcept {
  assert(prefix_bits >= 1 && prefix_bits <= 8);
  auto* const end = detail::write_integer(value, prefix_bits, std::to_integer<unsigned>(first),
                                          reinterpret_cast<detail::Octet*>(out));
  return reinterpret_cast<std::byte*>(end);
}

std::size_t integer_octets(std::uint32_t value, unsigned prefix_bits) noexcept {
  assert(prefix_bits >= 1 && prefix_bits <= 8);
  return detail::integer_size(value, prefix_bits);
}

}  // namespace hpack
