// RFC 7541 5.1 and its examples in C.1.
#include <doctest/doctest.h>

#include <hpack/integer.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

Bytes encoded(std::uint32_t value, unsigned prefix_bits, unsigned first = 0) {
  std::byte out[kMaxIntegerOctets];
  std::byte* const end = encode_integer(value, prefix_bits, static_cast<std::byte>(first), out);
  CHECK(static_cast<std::size_t>(end - out) == integer_octets(value, prefix_bits));
  return Bytes(out, end);
}

IntegerError error_of_integer(std::string_view octets, unsigned prefix_bits) {
  const auto result = decode_integer(wire(octets), prefix_bits);
  REQUIRE_FALSE(result);
  return result.error();
}

}  // namespace

TEST_CASE("RFC 7541 C.1: the three integer examples, both ways") {
  CHECK(encoded(10, 5) == wire("0a"));
  CHECK(encoded(1337, 5) == wire("1f 9a 0a"));
  CHECK(encoded(42, 8) == wire("2a"));
  CHECK(decode_integer(wire("ea"), 5)->value == 10);
  CHECK(decode_integer(wire("ff 9a 0a"), 5)->value == 1337);
  CHECK(decode_integer(wire("ff 9a 0a 77"), 5)->octets == 3);
  CHECK(decode_integer(wire("2a"), 8)->value == 42);
}

TEST_CASE("RFC 7541 5.1: every prefix carries every boundary value there and back") {
  for (unsigned prefix = 1; prefix <= 8; ++prefix) {
    const std::uint32_t limit = (1u << prefix) - 1;
    for (const std::uint32_t value : {0u, 1u, limit - 1, limit, limit + 1, limit + 127, limit + 128, 16383u, 1u << 21,
                                      0x7fffffffu, 0xfffffffeu, 0xffffffffu}) {
      const Bytes octets = encoded(value, prefix);
      const auto back = decode_integer(Exact(octets).view(), prefix);
      REQUIRE(back);
      CHECK(back->value == value);
      CHECK(back->octets == octets.size());
      for (std::size_t cut = 0; cut < octets.size(); ++cut) {
        const auto torn = decode_integer(Exact(std::span(octets).first(cut)).view(), prefix);
        REQUIRE_FALSE(torn);
        CHECK(torn.error() == IntegerError::truncated);
      }
    }
  }
}

TEST_CASE("RFC 7541 5.1: the bits beside the prefix are kept on the way out and ignored on the way in") {
  CHECK(encoded(3, 5, 0xe0) == wire("e3"));
  CHECK(encoded(31, 5, 0x20) == wire("3f 00"));
  CHECK(decode_integer(wire("e3"), 5)->value == 3);
}

TEST_CASE("RFC 7541 5.1: integers above 2^32-1 are refused [7541-5.1a]") {
  CHECK(decode_integer(wire("7f 80 ff ff ff 0f"), 7)->value == 0xffffffff);
  CHECK(error_of_integer("7f 81 ff ff ff 0f", 7) == IntegerError::overflow);
  CHECK(error_of_integer("7f ff ff ff ff 7f", 7) == IntegerError::overflow);
}

TEST_CASE("RFC 7541 5.1: zero padding ends at five continuation octets [7541-5.1a]") {
  CHECK(decode_integer(wire("7f 80 80 80 80 00"), 7)->value == 127);
  CHECK(error_of_integer("7f 80 80 80 80 80 00", 7) == IntegerError::overflow);
  CHECK(error_of_integer("ff ff ff ff ff ff ff ff ff ff ff", 7) == IntegerError::overflow);
}
