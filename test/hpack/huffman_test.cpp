// RFC 7541 5.2 and Appendix B.
#include <doctest/doctest.h>

#include <hpack/detail/huffman_codes.h>
#include <hpack/huffman.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

Bytes encoded(std::string_view text) {
  Bytes out(huffman_length(text) + kHuffmanSlack);
  const auto length = huffman_encode(text, out);
  REQUIRE(length);
  CHECK(*length == huffman_length(text));
  out.resize(*length);
  return out;
}

Result<std::string, HuffmanError> decoded(std::span<const std::byte> code) {
  std::string text(huffman_decode_room(code.size()), '?');
  const auto length = huffman_decode(Exact(code).view(), text);
  if (!length) return length.error();
  text.resize(*length);
  return text;
}

/// Bit by bit, straight from Appendix B: slow and without any table but the code list.
struct Bits {
  Bytes octets;
  unsigned free = 0;
  void put(std::uint32_t code, unsigned bits) {
    while (bits-- > 0) {
      if (free == 0) {
        octets.push_back(std::byte{0});
        free = 8;
      }
      octets.back() |= static_cast<std::byte>(((code >> bits) & 1) << --free);
    }
  }
  void put(std::uint32_t symbol) { put(detail::kHuffmanCodes[symbol].code, detail::kHuffmanCodes[symbol].bits); }
  Bytes padded(unsigned ones) {
    Bits copy = *this;
    while (ones-- > 0) copy.put(1, 1);
    return copy.octets;
  }
};

}  // namespace

TEST_CASE("RFC 7541 C.4 and C.6: Huffman strings of the examples") {
  CHECK(encoded("www.example.com") == wire("f1e3 c2e5 f23a 6ba0 ab90 f4ff"));
  CHECK(encoded("no-cache") == wire("a8eb 1064 9cbf"));
  CHECK(encoded("Mon, 21 Oct 2013 20:13:21 GMT") == wire("d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff"));
  CHECK(*decoded(wire("640e ff")) == "307");
}

TEST_CASE("RFC 7541 B: the code is complete: lengths fill the code space exactly") {
  std::uint64_t space = 0;
  for (const auto& [code, bits] : detail::kHuffmanCodes) {
    CHECK((code >> bits) == 0);
    space += std::uint64_t{1} << (30 - bits);
  }
  CHECK(space == std::uint64_t{1} << 30);
}

TEST_CASE("RFC 7541 5.2: every symbol round-trips at every bit offset and distance to the end") {
  for (unsigned symbol = 0; symbol < 256; ++symbol) {
    for (std::size_t before = 0; before < 12; ++before) {
      for (const std::size_t after : {0u, 1u, 3u, 9u}) {
        std::string text = std::string(before, 'a') + static_cast<char>(symbol) + std::string(after, 'X');
        const Bytes code = encoded(text);
        Bits plain;
        for (const char c : text) plain.put(static_cast<unsigned char>(c));
        REQUIRE(code == plain.padded(plain.free));
        const auto back = decoded(code);
        REQUIRE(back);
        REQUIRE(*back == text);
      }
    }
  }
}

TEST_CASE("RFC 7541 5.2: random octets of all lengths round-trip") {
  std::mt19937 random(7541);
  for (std::size_t size = 0; size < 300; ++size) {
    for (int kind = 0; kind < 3; ++kind) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) {
        const auto any = static_cast<char>(random() % 256);
        const auto printable = static_cast<char>('0' + random() % 75);
        text += kind == 0 ? any : kind == 1 ? printable : random() % 9 != 0 ? 'e' : any;
      }
      const auto back = decoded(encoded(text));
      REQUIRE(back);
      REQUIRE(*back == text);
    }
  }
}

TEST_CASE("whatever codes a string has, right or wrong, nothing is read behind it and nothing written past its room") {
  // Of 12 bits, which the look-ups get through fastest, in pairs of 12, of 5 alone, and longer than a look-up.
  const std::string_view kinds[] = {"#", "  ", "e{", "\\", "e", "aZ\xff"};
  PageEnd codes;
  for (const std::string_view kind : kinds) {
    std::string text;
    for (std::size_t size = 0; size < 120; ++size, text += kind[size % kind.size()]) {
      const Bytes code = encoded(text);
      const std::string_view at = codes.put({reinterpret_cast<const char*>(code.data()), code.size()});
      const auto decode_at_end = [&] {
        std::string room(huffman_decode_room(at.size()), '?');
        const auto length = huffman_decode(std::as_bytes(std::span(at)), std::span(room));
        return length ? room.substr(0, *length) : "wrong";
      };
      REQUIRE(decode_at_end() == text);
      for (std::size_t i = 0; i < at.size(); ++i) {
        for (const int bits : {0x01, 0x80, 0xff}) {
          char& octet = codes.octet(at, i);
          octet = static_cast<char>(octet ^ bits);
          static_cast<void>(decode_at_end());
          octet = static_cast<char>(octet ^ bits);
        }
      }
    }
  }
}

TEST_CASE("RFC 7541 5.2: an empty Huffman string is an empty string") {
  CHECK(decoded({})->empty());
  CHECK(encoded("").empty());
}

TEST_CASE("RFC 7541 5.2: padding is one to seven ones, nothing else [7541-5.2a] [7541-5.2b]") {
  for (const std::size_t size : {0u, 1u, 2u, 5u, 7u, 8u, 9u, 16u, 40u}) {
    for (unsigned extra = 0; extra < 8; ++extra) {
      Bits bits;
      for (std::size_t i = 0; i < size; ++i) bits.put('0');  // five bits each
      for (unsigned i = 0; i < extra; ++i) bits.put(' ');    // six bits each
      std::string text = std::string(size, '0') + std::string(extra, ' ');
      const auto right = decoded(bits.padded(bits.free));
      REQUIRE(right);
      CHECK(*right == text);
      CHECK_FALSE(decoded(bits.padded(bits.free + 8)));
      CHECK_FALSE(decoded(bits.padded(bits.free + 16)));
      CHECK_FALSE(decoded(bits.padded(bits.free + 64)));
      if (bits.free == 0) continue;
      for (unsigned zero = 0; zero < bits.free; ++zero) {  // one padding bit is a zero
        Bytes wrong = bits.padded(bits.free);
        wrong.back() &= static_cast<std::byte>(~(1u << zero));
        const auto result = decoded(wrong);
        // Five or more bits may be a code by themselves; then the text is longer and nothing is wrong.
        if (result) CHECK(result->size() > text.size());
        if (bits.free < 5) CHECK_FALSE(result);
      }
    }
  }
}

TEST_CASE("RFC 7541 5.2: EOS in a string is an error wherever it stands [7541-5.2c]") {
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t after = 0; after < 10; ++after) {
      Bits bits;
      for (std::size_t i = 0; i < before; ++i) bits.put('a');
      bits.put(256);
      for (std::size_t i = 0; i < after; ++i) bits.put('a');
      const auto result = decoded(bits.padded(bits.free));
      REQUIRE_FALSE(result);
      CHECK(result.error() == HuffmanError::padding);
    }
  }
}

TEST_CASE("RFC 7541 5.2: a string that ends inside a long code is an error") {
  for (unsigned symbol = 0; symbol < 256; ++symbol) {
    const auto [code, bits] = detail::kHuffmanCodes[symbol];
    for (unsigned cut = 8; cut < bits; cut += 8) {
      Bits torn;
      torn.put(code >> (bits - cut), cut);
      const auto result = decoded(torn.octets);
      if (bits > 12) CHECK_FALSE(result);
    }
  }
}

TEST_CASE("Huffman coding without room says so and writes nothing past its end") {
  const std::string text = "a rather long text, 0123456789 {}";
  const std::size_t length = huffman_length(text);
  for (std::size_t room = 0; room < length + kHuffmanSlack; ++room) {
    const std::unique_ptr<std::byte[]> out(new std::byte[room]);
    const auto result = huffman_encode(text, {out.get(), room});
    REQUIRE_FALSE(result);
    CHECK(result.error() == HuffmanError::no_room);
  }
  char small[4];
  CHECK(huffman_decode(wire("640e ff"), small).error() == HuffmanError::no_room);
}
