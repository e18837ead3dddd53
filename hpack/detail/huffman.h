// The Huffman coder as decoder and encoder call it: bare pointers, room promised by the caller.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hpack/detail/integer_inline.h>

namespace hpack::detail {

/// Decodes [code, code + size) to `text`, which has huffman_decode_room(size); returns the end of the text,
/// or null for a coding error.
char* decode_huffman(const Octet* code, std::size_t size, char* text) noexcept;

/// How long that text is, without a place for it; kBadHuffman for a coding error.
inline constexpr std::size_t kBadHuffman = SIZE_MAX;
std::size_t count_huffman(const Octet* code, std::size_t size) noexcept;

/// Encodes to `out`; returns the end, or null once the result would pass `limit`. Scribbles up to
/// kHuffmanSlack octets past `limit`.
Octet* encode_huffman(const char* text, std::size_t size, Octet* out, const Octet* limit) noexcept;

}  // namespace hpack::detail
