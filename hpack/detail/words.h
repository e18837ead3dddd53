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

/// Zero where two strings of this size are the same. Most that are looked for are, so all of it is compared without a
/// way out, in pieces that overlap; and who compares two pairs asks once for both.
inline std::uint64_t difference(const char* a, const char* b, std::size_t size) noexcept {
  using Octets = std::uint64_t __attribute__((vector_size(16)));
  if (size >= 16) {
    Octets found = load<Octets>(a) ^ load<Octets>(b);
    found |= load<Octets>(a + size - 16) ^ load<Octets>(b + size - 16);
    for (std::size_t i = 16; i + 16 < size; i += 16) found |= load<Octets>(a + i) ^ load<Octets>(b + i);
    return found[0] | found[1];
  }
  if (size >= 8) {
    return (load<std::uint64_t>(a) ^ load<std::uint64_t>(b)) |
           (load<std::uint64_t>(a + size - 8) ^ load<std::uint64_t>(b + size - 8));
  }
  if (size >= 4) {
    return (load<std::uint32_t>(a) ^ load<std::uint32_t>(b)) |
           (load<std::uint32_t>(a + size - 4) ^ load<std::uint32_t>(b + size - 4));
  }
  if (size == 0) return 0;
  const auto differs = [a, b](std::size_t i) { return static_cast<unsigned>(a[i] ^ b[i]); };
  return differs(0) | differs(size / 2) | differs(size - 1);
}

inline bool same_octets(const char* a, const char* b, std::size_t size) noexcept { return difference(a, b, size) == 0; }

/// difference() of many pairs, asked for once for all of them: a tenth fewer instructions, for most are short.
class Differences {
 public:
  [[gnu::always_inline]] void add(const char* a, const char* b, std::size_t size) noexcept {
    if (size >= 16) {
      ends<Octets>(a, b, size, wide_);
      if (size > 32) [[unlikely]]
        words_ |= difference(a, b, size);
    } else if (size >= 8) {
      ends<std::uint64_t>(a, b, size, words_);
    } else if (size >= 4) [[likely]] {
      ends<std::uint32_t>(a, b, size, words_);
    } else {
      words_ |= difference(a, b, size);
    }
  }
  bool none() const noexcept { return (wide_[0] | wide_[1] | words_) == 0; }

 private:
  using Octets = std::uint64_t __attribute__((vector_size(16)));

  template <class Word, class Sum>
  [[gnu::always_inline]] static void ends(const char* a, const char* b, std::size_t size, Sum& sum) noexcept {
    sum |= load<Word>(a) ^ load<Word>(b);
    sum |= load<Word>(a + size - sizeof(Word)) ^ load<Word>(b + size - sizeof(Word));
  }

  Octets wide_{};  // what differed by so many octets at once
  std::uint64_t words_ = 0;
};

}  // namespace hpack::detail
