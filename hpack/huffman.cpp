// RFC 7541 5.2. Decoding looks up 12 bits at a time, which yields up to two characters (16 KiB of table: 13 bits
// would be a little faster alone but fill a first-level cache); encoding merges four codes before it stores.
#include <hpack/huffman.h>

#include <array>

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

// From the low end: bits consumed (8), characters (8), first character (8), second (8).
// Zero: the code at the front is longer than the look-up (or it is padding).
struct LookupTable {
  std::array<std::uint32_t, kLookups> row{};
};

constexpr LookupTable make_lookup_table() {
  LookupTable single{};
  for (std::uint32_t symbol = 0; symbol < kEos; ++symbol) {
    const auto [code, bits] = kHuffmanCodes[symbol];
    if (bits > kLookupBits) continue;
    const std::size_t first = std::size_t{code} << (kLookupBits - bits);
    for (std::size_t i = 0; i < std::size_t{1} << (kLookupBits - bits); ++i) {
      single.row[first + i] = bits | 1u << 8 | symbol << 16;
    }
  }
  LookupTable table = single;
  for (std::size_t i = 0; i < kLookups; ++i) {
    if (single.row[i] == 0) continue;
    const std::uint32_t bits = single.row[i] & 0xff;
    const std::uint32_t next = single.row[(i << bits) & (kLookups - 1)];
    if (next == 0 || bits + (next & 0xff) > kLookupBits) continue;
    table.row[i] = (bits + (next & 0xff)) | 2u << 8 | (single.row[i] & 0xff0000) | (next & 0xff0000) << 8;
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

// Where characters go: to memory, or only into a sum. Both characters of a row are stored whether there are two or one;
// the room for it is part of kHuffmanSlack.
struct Store {
  char* text;
  void row(std::uint32_t row) noexcept {
    text[0] = static_cast<char>(row >> 16);
    text[1] = static_cast<char>(row >> 24);
    text += (row >> 8) & 0xff;
  }
  void one(std::uint16_t symbol) noexcept { *text++ = static_cast<char>(symbol); }
};
struct Count {
  std::size_t characters;
  void row(std::uint32_t row) noexcept { characters += (row >> 8) & 0xff; }
  void one(std::uint16_t) noexcept { ++characters; }
};

struct PackedCode {
  std::array<std::uint64_t, 256> row{};  ///< code << 8 | bits
};

constexpr PackedCode make_packed_codes() {
  PackedCode packed{};
  for (std::size_t i = 0; i < 256; ++i)
    packed.row[i] = std::uint64_t{kHuffmanCodes[i].code} << 8 | kHuffmanCodes[i].bits;
  return packed;
}

constexpr PackedCode kPacked = make_packed_codes();

inline std::uint64_t packed_code(char c) noexcept { return kPacked.row[static_cast<unsigned char>(c)]; }

// False for a coding error. `sink` is a copy, so that it stays in registers.
template <class Sink>
[[gnu::always_inline]] inline bool decode(const Octet* code, std::size_t size, Sink& out) noexcept {
  Sink sink = out;
  const Octet* const end = code + size;
  std::uint64_t front = 0;  // the next bits, from the top; below the first `have` there may be more true ones
  unsigned have = 0;

  while (end - code >= 8) {
    front |= load_big(code) >> have;
    code += (63 - have) >> 3;
    have |= 56;
    std::uint32_t row = 0;
    for (int i = 0; i < 4; ++i) {  // 4 x 12 bits of at least 56
      row = kLookup.row[front >> (64 - kLookupBits)];
      if (row == 0) break;
      sink.row(row);
      front <<= row & 63;
      have -= row & 63;
    }
    if (row != 0 || have < 30) continue;
    const Symbol found = find_long_code(static_cast<std::uint32_t>(front >> 32));
    if (found.symbol == kEos) return false;
    sink.one(found.symbol);
    front <<= found.bits;
    have -= found.bits;
  }

  // At most seven octets are left beside `front`. Bits past the end are taken as ones, as the padding is; kept
  // inverted so that shifting brings in ones.
  for (bool last = false; !last;) {
    const auto left = static_cast<std::size_t>(end - code);
    std::uint64_t tail = 0;
    if (left > 0) {
      if (size >= 8) {
        tail = load_big(end - 8) << (64 - 8 * left);
      } else if (left >= 4) {
        const std::uint64_t head4 = load_big32(code);
        const std::uint64_t tail4 = load_big32(end - 4);
        tail = head4 << 32 | tail4 << (32 - 8 * (left - 4));
      } else {
        tail = std::uint64_t{code[0]} << 56 | std::uint64_t{code[left / 2]} << (56 - 8 * (left / 2)) |
               std::uint64_t{code[left - 1]} << (56 - 8 * (left - 1));
      }
      front |= tail >> have;
    }
    const std::size_t room = (64 - have) >> 3;
    last = left <= room;
    const std::size_t taken = last ? left : room;
    code += taken;
    have += static_cast<unsigned>(8 * taken);
    std::uint64_t ones = ~front;
    if (last && have < 64) ones &= ~(~std::uint64_t{0} >> have);

    // Before the last round, stop while a whole code must still be inside `front`.
    const unsigned enough = last ? 0 : 30;
    while (have > enough) {
      const std::uint32_t row = kLookup.row[~ones >> (64 - kLookupBits)];
      unsigned bits = row & 63;
      if (row != 0) {
        if (bits > have) return false;  // the padding completed a code, so it was not ones
        sink.row(row);
      } else {
        if (last && have < 8 && ones >> (64 - have) == 0) return out = sink, true;
        const Symbol found = find_long_code(static_cast<std::uint32_t>(~ones >> 32));
        bits = found.bits;
        if (found.symbol == kEos || bits > have) return false;
        sink.one(found.symbol);
      }
      ones <<= bits;
      have -= bits;
    }
    front = ~ones;
    if (have == 0) {
      front = 0;
    } else {
      front &= ~std::uint64_t{0} << (64 - have);
    }
  }
  return out = sink, true;
}

}  // namespace

namespace detail {

char* decode_huffman(const Octet* code, std::size_t size, char* text) noexcept {
  Store sink{text};
  return decode(code, size, sink) ? sink.text : nullptr;
}

std::size_t count_huffman(const Octet* code, std::size_t size) noexcept {
  Count sink{0};
  return decode(code, size, sink) ? sink.characters : kBadHuffman;
}

Octet* encode_huffman(const char* text, std::size_t size, Octet* out, const Octet* limit) noexcept {
  std::uint64_t pending = 0;  // bits not yet stored, from the top
  unsigned bits = 0;
  const auto store = [&]() noexcept {
    store_big(out, pending);
    out += bits >> 3;
    pending = bits == 64 ? 0 : pending << (bits & ~7u);
    bits &= 7;
  };
  const auto append = [&](std::uint64_t packed) noexcept {
    const unsigned more = packed & 0xff;
    pending |= (packed >> 8) << (64 - bits - more);
    bits += more;
  };

  for (; size >= 4; text += 4, size -= 4) {
    const std::uint64_t a = packed_code(text[0]);
    const std::uint64_t b = packed_code(text[1]);
    const std::uint64_t c = packed_code(text[2]);
    const std::uint64_t d = packed_code(text[3]);
    const unsigned total = (a + b + c + d) & 0xff;  // at most 120
    if (total <= 56) {
      const std::uint64_t ab = (a >> 8) << (b & 63) | b >> 8;
      const std::uint64_t cd = (c >> 8) << (d & 63) | d >> 8;
      pending |= (ab << ((c + d) & 63) | cd) << (64 - bits - total);
      bits += total;
      store();
      if (out > limit) return nullptr;
    } else {
      for (const std::uint64_t packed : {a, b, c, d}) {
        append(packed);
        store();
        if (out > limit) return nullptr;
      }
    }
  }
  for (; size > 0; ++text, --size) {
    const std::uint64_t packed = packed_code(*text);
    if (bits + (packed & 0xff) > 64) {
      store();
      if (out > limit) return nullptr;
    }
    append(packed);
  }
  const unsigned octets = (bits + 7) / 8;
  if (octets > 0) {
    if (bits < 64) pending |= ~std::uint64_t{0} >> bits;
    store_big(out, pending);
    out += octets;
  }
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
