// Unaligned words and short copies: the few places where octets are touched several at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hpack::detail {

template <class Word>
inline Word load(const void* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline std::uint64_t swap_to_big(std::uint64_t word) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    return __builtin_bswap64(word);
  } else {
    return word;
  }
}

inline std::uint64_t load_big(const void* from) noexcept { return swap_to_big(load<std::uint64_t>(from)); }

inline std::uint32_t load_big32(const void* from) noexcept {
  const auto word = load<std::uint32_t>(from);
  if constexpr (std::endian::native == std::endian::little) {
    return __builtin_bswap32(word);
  } else {
    return word;
  }
}

inline void store_big(void* to, std::uint64_t word) noexcept {
  word = swap_to_big(word);
  std::memcpy(to, &word, sizeof word);
}

/// memcpy for strings of header size: two overlapping words instead of a call.
inline void copy_octets(char* to, const char* from, std::size_t size) noexcept {
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

/// Most fields that are looked for are there, so all of it is compared without a way out, in pieces that overlap.
inline bool same_octets(const char* a, const char* b, std::size_t size) noexcept {
  using Octets = std::uint64_t __attribute__((vector_size(16)));
  if (size >= 16) {
    Octets difference = load<Octets>(a + size - 16) ^ load<Octets>(b + size - 16);
    for (std::size_t i = 0; i + 16 < size; i += 16) difference |= load<Octets>(a + i) ^ load<Octets>(b + i);
    return (difference[0] | difference[1]) == 0;
  }
  if (size >= 8) {
    const std::uint64_t difference = (load<std::uint64_t>(a) ^ load<std::uint64_t>(b)) |
                                     (load<std::uint64_t>(a + size - 8) ^ load<std::uint64_t>(b + size - 8));
    return difference == 0;
  }
  if (size >= 4) {
    const std::uint32_t difference = (load<std::uint32_t>(a) ^ load<std::uint32_t>(b)) |
                                     (load<std::uint32_t>(a + size - 4) ^ load<std::uint32_t>(b + size - 4));
    return difference == 0;
  }
  if (size == 0) return true;
  return a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1];
}

}  // namespace hpack::detail
