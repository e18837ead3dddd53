// RFC 7541 5.2. Decoding looks up 12 bits at a time, which yields up to two characters (16 KiB of table: 13 bits are
// 7 % faster alone but fill a first-level cache); encoding merges eight codes before it stores.
#include <hpack/huffman.h>

#include <array>
#include <cstring>

#include <hpack/detail/huffman.h>
#include <hpack/detail/huffman_codes.h>
#include <hpack/detail/words.h>

namespace hpack {
namespace {

using detail::kEos;
using detail::kHuffmanCodes;
using detail::load_big;
using detail::load_big32;
using detail::Octet;

constexpr unsigned kLookupBits = 12;
constexpr std::size_t kLookups = std::size_t{1} << kLookupBits;

// What 12 bits mean, found by their inverse: so the padding is zeros, which shifting brings in by itself. No characters
// and no bits: the code at their front is longer, or it is padding. Both counts are one number, so that one sum tells
// of some rows how many bits they took and where the next one's characters go: a tenth of the time to decode a string.
constexpr unsigned kCharacter = 0x100;
struct Row {
  std::uint16_t taken = 0;  ///< bits, and kCharacter for each character
  char text[2] = {};
  constexpr unsigned bits() const noexcept { return taken % kCharacter; }
};

struct LookupTable {
  std::array<Row, kLookups> row{};
};

constexpr LookupTable make_lookup_table() {
  LookupTable single{};  // by bits that are not inverted
  for (std::size_t symbol = 0; symbol < kEos; ++symbol) {
    const auto [code, bits] = kHuffmanCodes[symbol];
    if (bits > kLookupBits) continue;
    const std::size_t first = std::size_t{code} << (kLookupBits - bits);
    for (std::size_t i = 0; i < std::size_t{1} << (kLookupBits - bits); ++i) {
      single.row[first + i] = {static_cast<std::uint16_t>(kCharacter + bits), {static_cast<char>(symbol), 0}};
    }
  }
  LookupTable table{};
  for (std::size_t i = 0; i < kLookups; ++i) {
    Row& row = table.row[~i & (kLookups - 1)];
    row = single.row[i];
    const Row next = single.row[(i << row.bits()) & (kLookups - 1)];
    if (row.bits() == 0 || next.bits() == 0 || row.bits() + next.bits() > kLookupBits) continue;
    row = {static_cast<std::uint16_t>(row.taken + next.taken), {row.text[0], next.text[0]}};
  }
  return table;
}

constexpr LookupTable kLookup = make_lookup_table();

// The code is canonical: codes of one length are consecutive and ascend with the symbol, and a longer code is
// greater than a shorter one. So a long code is found by the first code of each length.
struct LongCodes {
  struct Length {
    std::uint32_t first = 0;  ///< first code of this length, aligned to the top of 32 bits
    std::uint16_t index = 0;  ///< its place in `symbols`
    std::uint8_t bits = 0;
  };
  std::array<Length, 16> lengths{};
  std::size_t count = 0;
  std::array<std::uint16_t, 257> symbols{};
};

constexpr LongCodes make_long_codes() {
  LongCodes table{};
  std::size_t symbols = 0;
  for (unsigned bits = kLookupBits + 1; bits <= 30; ++bits) {
    bool first = true;
    for (std::size_t symbol = 0; symbol <= kEos; ++symbol) {
      if (kHuffmanCodes[symbol].bits != bits) continue;
      if (first) {
        table.lengths[table.count++] = {kHuffmanCodes[symbol].code << (32 - bits), static_cast<std::uint16_t>(symbols),
                                        static_cast<std::uint8_t>(bits)};
      }
      first = false;
      table.symbols[symbols++] = static_cast<std::uint16_t>(symbol);
    }
  }
  return table;
}

constexpr LongCodes kLong = make_long_codes();

struct Symbol {
  std::uint16_t symbol;
  std::uint8_t bits;
};

// `front`: the next 32 bits, which begin with no code of 12 bits or less.
Symbol find_long_code(std::uint32_t front) noexcept {
  std::size_t i = 0;
  while (i + 1 < kLong.count && front >= kLong.lengths[i + 1].first) ++i;
  const LongCodes::Length& length = kLong.lengths[i];
  const std::uint32_t offset = (front - length.first) >> (32 - length.bits);
  return {kLong.symbols[length.index + offset], length.bits};
}

// Where characters go: to memory, or only into a sum. Both characters of a row are stored whether there are two, one or
// none; the room for it is part of kHuffmanSlack.
struct Store {
  char* text;
  void row(std::size_t place, const Row& row) noexcept { std::memcpy(text + place, row.text, sizeof row.text); }
  void rows(std::size_t count) noexcept { text += count; }
  void one(std::uint16_t symbol) noexcept { *text++ = static_cast<char>(symbol); }
};
struct Count {
  std::size_t characters;
  void row(std::size_t, const Row&) noexcept {}
  void rows(std::size_t count) noexcept { characters += count; }
  void one(std::uint16_t) noexcept { ++characters; }
};

// Reads codes off a word of bits, which are inverted.
template <class Sink>
struct Reader {
  std::uint64_t front = 0;  ///< from the top
  Sink sink;

  /// Four short codes or pairs of them, fewer where something else stands behind those, or a long one. Returns how many
  /// bits that took; 0 if there is an EOS. One check does for four look-ups, since a row of nothing changes nothing.
  [[gnu::always_inline]] std::uint64_t read() noexcept {
    std::uint64_t taken = 0;
    look_up(taken);
    look_up(taken);
    look_up(taken);
    look_up(taken);
    sink.rows(taken / kCharacter);
    const std::uint64_t bits = taken % kCharacter;
    return bits != 0 ? bits : read_long();
  }

 private:
  [[gnu::always_inline]] void look_up(std::uint64_t& taken) noexcept {
    const Row& row = kLookup.row[front >> (64 - kLookupBits)];
    sink.row(taken / kCharacter % kCharacter, row);
    front <<= row.taken % 64;
    taken += row.taken;
  }

  std::uint64_t read_long() noexcept {
    const Symbol found = find_long_code(static_cast<std::uint32_t>(~front >> 32));
    if (found.symbol == kEos) return 0;
    sink.one(found.symbol);
    front <<= found.bits;
    return found.bits;
  }
};

// Seven octets at most, inverted and at the top of a word of zeros.
[[gnu::always_inline]] inline std::uint64_t few_octets(const Octet* code, std::size_t size) noexcept {
  if (size >= 4) {
    const std::uint32_t head = ~load_big32(code), tail = ~load_big32(code + size - 4);
    return std::uint64_t{head} << 32 | std::uint64_t{tail} << (64 - 8 * size);
  }
  if (size == 0) return 0;
  const std::uint64_t first = code[0] ^ 0xffu, middle = code[size / 2] ^ 0xffu, last = code[size - 1] ^ 0xffu;
  return first << 56 | middle << (56 - 8 * (size / 2)) | last << (64 - 8 * size);
}

// Code that one word holds. Each code has a bit that is zero, so there is another one as long as the
// inverse is not. False for a coding error.
template <class Sink>
[[gnu::always_inline]] inline bool decode_few(const Octet* code, std::size_t size, Sink& out) noexcept {
  Reader<Sink> reader{few_octets(code, size), out};  // a copy, so that it stays in registers
  std::uint64_t have = 8 * size;
  while (reader.front != 0) {
    const std::uint64_t taken = reader.read();
    if (taken == 0) return false;
    have -= taken;
  }
  out = reader.sink;
  return have < 8;  // the padding; below zero if it was not ones and completed a code
}

// The same for eight octets or more. What is read next never waits for what was: the next word is loaded by how many
// bits were there before (10 % of the time).
template <class Sink>
[[gnu::always_inline]] inline bool decode_many(const Octet* code, std::size_t size, Sink& out) noexcept {
  Reader<Sink> reader{0, out};
  const Octet* const end = code + size;
  std::uint64_t have = 0;  // bits in front of `code`; the word may show more, which are true
  // A word takes seven octets, each further one six at most. So many are counted beforehand, for to leave the loop by
  // what was decoded is guessed wrong more often, and late (2 % of the time of the stories).
  auto sure = static_cast<std::ptrdiff_t>((size - 3) / 6);
  do {
    reader.front |= ~load_big(code) >> have;
    code += (63 - have) >> 3;
    have |= 56;  // enough for four look-ups
    const std::uint64_t taken = reader.read();
    if (taken == 0) return false;
    have -= taken;
  } while (--sure > 0 || end - code >= 8);

  // Seven octets at most are left: those that have no room in the word wait in `rest`.
  const auto left = static_cast<std::size_t>(end - code);
  std::uint64_t rest = ~load_big(end - 8) << (63 - 8 * left) << 1;
  reader.front |= rest >> have;
  rest = rest << (63 - have) << 1;
  have += 8 * left;
  while (reader.front != 0) {
    const std::uint64_t taken = reader.read();
    if (taken == 0) return false;
    reader.front |= rest >> 1 >> (63 - taken);
    rest <<= taken;
    have -= taken;
  }
  out = reader.sink;
  return have < 8;
}

template <class Sink>
[[gnu::always_inline]] inline bool decode(const Octet* code, std::size_t size, Sink& out) noexcept {
  return size < 8 ? decode_few(code, size, out) : decode_many(code, size, out);
}

struct CodeTable {
  std::array<std::uint64_t, 256> code{};  ///< from the top
  std::array<std::uint64_t, 256> bits{};
};

constexpr CodeTable make_code_table() {
  CodeTable table{};
  for (std::size_t i = 0; i < 256; ++i) {
    table.code[i] = std::uint64_t{kHuffmanCodes[i].code} << (64 - kHuffmanCodes[i].bits);
    table.bits[i] = kHuffmanCodes[i].bits;
  }
  return table;
}

constexpr CodeTable kCodes = make_code_table();

// Codes one behind the other, from the top of a word; if they have more than 63 bits, it is refuse. Placing each by the
// bits before it takes half the instructions of shifting all of them for each.
struct Codes {
  std::uint64_t word = 0;
  std::uint64_t bits = 0;

  void add(char c) noexcept {
    const auto i = static_cast<unsigned char>(c);
    word |= kCodes.code[i] >> (bits & 63);
    bits += kCodes.bits[i];
  }
};

// A shift by a count that was looked up stands between each look-up and the next. BMI2 has one that takes a cycle less:
// 6 % of the time to decode a string. Chosen here and not by the loader, which would show the function to everyone.
#if defined(__x86_64__)
[[gnu::target("bmi2")]] char* decode_with_bmi2(const Octet* code, std::size_t size, char* text) noexcept {
  Store sink{text};
  return decode(code, size, sink) ? sink.text : nullptr;
}
#endif

}  // namespace

namespace detail {

char* decode_huffman(const Octet* code, std::size_t size, char* text) noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("bmi2")) return decode_with_bmi2(code, size, text);
#endif
  Store sink{text};
  return decode(code, size, sink) ? sink.text : nullptr;
}

std::size_t count_huffman(const Octet* code, std::size_t size) noexcept {
  Count sink{0};
  return decode(code, size, sink) ? sink.characters : kBadHuffman;
}

Octet* encode_huffman(const char* text, std::size_t size, Octet* out, const Octet* limit) noexcept {
  Codes pending;  // less than an octet of them
  const auto store = [&](Codes codes) noexcept {
    store_big(out, codes.word);
    out += codes.bits >> 3;
    pending = {codes.word << (codes.bits & 56), codes.bits & 7};
  };
  const auto store_each = [&](const char* at, const char* end) noexcept {
    for (; at != end && out <= limit; ++at) {
      pending.add(*at);
      store(pending);
    }
  };

  const char* const end = text + size;
  for (; end - text >= 8; text += 8) {
    Codes codes = pending;
    codes.add(text[0]);
    codes.add(text[1]);
    codes.add(text[2]);
    codes.add(text[3]);
    codes.add(text[4]);
    codes.add(text[5]);
    codes.add(text[6]);
    codes.add(text[7]);
    if (codes.bits < 64) [[likely]] {
      store(codes);
    } else {
      store_each(text, text + 8);
    }
    if (out > limit) return nullptr;
  }
  Codes codes = pending;
  for (const char* at = text; at != end; ++at) codes.add(*at);
  if (codes.bits >= 64) {
    store_each(text, end);
    if (out > limit) return nullptr;
    codes = pending;
  }
  store_big(out, codes.word | ~std::uint64_t{0} >> codes.bits);
  out += (codes.bits + 7) >> 3;
  return out <= limit ? out : nullptr;
}

}  // namespace detail

std::size_t huffman_length(std::string_view text) noexcept {
  std::uint64_t bits = 0;
  for (const char c : text) bits += kHuffmanCodes[static_cast<unsigned char>(c)].bits;
  return static_cast<std::size_t>((bits + 7) / 8);
}

Result<std::size_t, HuffmanError> huffman_encode(std::string_view text, std::span<std::byte> out) noexcept {
  if (out.size() < kHuffmanSlack) return HuffmanError::no_room;
  auto* const begin = reinterpret_cast<Octet*>(out.data());
  const Octet* const end = detail::encode_huffman(text.data(), text.size(), begin, begin + out.size() - kHuffmanSlack);
  if (end == nullptr) return HuffmanError::no_room;
  return static_cast<std::size_t>(end - begin);
}

Result<std::size_t, HuffmanError> huffman_decode(ByteView code, std::span<char> text) noexcept {
  if (text.size() < huffman_decode_room(code.size())) return HuffmanError::no_room;
  const char* const end = detail::decode_huffman(reinterpret_cast<const Octet*>(code.data()), code.size(), text.data());
  if (end == nullptr) return HuffmanError::padding;
  return static_cast<std::size_t>(end - text.data());
}

}  // namespace hpack
