// RFC 7541 5.2 and Appendix B: the fixed Huffman code, usable without the rest of HPACK.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <hpack/bytes.h>
#include <hpack/export.h>
#include <hpack/result.h>

namespace hpack {

enum class HuffmanError : std::uint8_t {
  no_room,  ///< the output is shorter than the call asks for
  padding,  ///< padding of more than seven bits, or not of ones, or an EOS inside (5.2)
};

/// Octets the coders may write beyond their result, because they store whole words.
inline constexpr std::size_t kHuffmanSlack = 8;

/// How many octets the Huffman form of `text` has.
H2CORE_API std::size_t huffman_length(std::string_view text) noexcept;

/// Writes the Huffman form of `text`, padded with ones, in one pass; returns its length.
/// `no_room` unless `out` holds it and kHuffmanSlack octets more; `out` is then scribbled on.
H2CORE_API Result<std::size_t, HuffmanError> huffman_encode(std::string_view text, std::span<std::byte> out) noexcept;

/// The room `huffman_decode` asks for: the shortest code has five bits.
constexpr std::size_t huffman_decode_room(std::size_t octets) noexcept {
  return octets + octets / 5 * 3 + 3 + kHuffmanSlack;
}

/// Decodes all of `code`; returns how many characters it wrote to `text`, which has at least
/// huffman_decode_room(code.size()). Empty code is an empty string.
H2CORE_API Result<std::size_t, HuffmanError> huffman_decode(ByteView code, std::span<char> text) noexcept;

}  // namespace hpack
