// The decoder by the rules of RFC 7541: representations, indices, size updates, eviction, marks.
#include <doctest/doctest.h>

#include <random>

#include <hpack/huffman.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

/// One more than what fits a table of 4096 with a one-octet name.
const std::string kLong(4096, 'v');

Bytes indexed_literal(std::string_view name, std::string_view value) { return wire("40") + raw(name) + raw(value); }

}  // namespace

TEST_CASE("RFC 7541 6.1: index 0 is an error [7541-6.1a]") { CHECK(error_of(wire("80")) == DecodeError::bad_index); }

TEST_CASE("RFC 7541 2.3.3: an index past both tables is an error, for a field and for a name [7541-2.3.3a]") {
  CHECK(error_of(wire("be")) == DecodeError::bad_index);
  CHECK(error_of(wire("7e 00")) == DecodeError::bad_index);
  CHECK(error_of(wire("0f 2f 00")) == DecodeError::bad_index);
  CHECK(error_of(wire("1f 2f 00")) == DecodeError::bad_index);
  CHECK(error_of(wire("40 01 61 01 62 be")) == DecodeError::none);
  CHECK(error_of(wire("40 01 61 01 62 bf")) == DecodeError::bad_index);
  CHECK(error_of(wire("ff 80 ff ff ff 0f")) == DecodeError::bad_index);
}

TEST_CASE("RFC 7541 Appendix A: every static entry is reached by its index, as field and as name") {
  Decoder decoder({});
  for (unsigned index = 1; index <= 61; ++index) {
    const Bytes block{static_cast<std::byte>(0x80 | index)};
    const Lines lines = decode(decoder, block);
    REQUIRE(lines.size() == 1);
    std::byte head[kMaxIntegerOctets];
    const Bytes name(head, encode_integer(index, 4, std::byte{0}, head));
    CHECK(decode(decoder, name + raw("v")) == Lines{{lines[0].name, "v"}});
  }
  CHECK(decode(decoder, wire("90")) == Lines{{"accept-encoding", "gzip, deflate"}});
  CHECK(decode(decoder, wire("bd")) == Lines{{"www-authenticate", ""}});
}

TEST_CASE("RFC 7541 5.1: an integer over the range is an error wherever it stands [7541-5.1a]") {
  CHECK(error_of(wire("ff 80 80 80 80 10")) == DecodeError::integer_overflow);
  CHECK(error_of(wire("7f ff ff ff ff ff ff ff")) == DecodeError::integer_overflow);
  CHECK(error_of(wire("00 7f ff ff ff ff ff 01")) == DecodeError::integer_overflow);
  CHECK(error_of(wire("00 01 61 ff 80 80 80 80 80 00")) == DecodeError::integer_overflow);
  CHECK(error_of(wire("3f ff ff ff ff ff ff")) == DecodeError::integer_overflow);
}

TEST_CASE("RFC 7541 5.2: a string longer than the rest of the block is an error") {
  CHECK(error_of(wire("00 02 61")) == DecodeError::truncated);
  CHECK(error_of(wire("00 01 61 7f ff ff ff ff 0e")) == DecodeError::truncated);
  CHECK(error_of(wire("41 ff ff ff ff ff 0e")) == DecodeError::truncated);
}

TEST_CASE(
    "RFC 7541 5.2: EOS and wrong padding in name or value are an error; an empty Huffman string is not [7541-5.2b] "
    "[7541-5.2c]") {
  CHECK(error_of(wire("00 84 ff ff ff ff 01 61")) == DecodeError::bad_huffman);
  CHECK(error_of(wire("00 01 61 84 ff ff ff ff")) == DecodeError::bad_huffman);
  CHECK(error_of(wire("41 82 1f ff")) == DecodeError::bad_huffman);
  CHECK(error_of(wire("41 81 18")) == DecodeError::bad_huffman);
  Decoder decoder({});
  CHECK(decode(decoder, wire("41 80 be")) == Lines{{":authority", ""}, {":authority", ""}});
}

TEST_CASE("An error is final") {
  Decoder decoder({});
  decode(decoder, wire("80"));
  CHECK(decode(decoder, wire("82")).empty());
  CHECK(decoder.error() == DecodeError::bad_index);
}

TEST_CASE("A block cut off at any octet gives a prefix of its fields, and `truncated` if the cut is inside one") {
  const Bytes block = wire(
      "3f e1 1f 82 84 41 8c f1e3 c2e5 f23a 6ba0 ab90 f4ff 40 88 25a8 49e9 5ba9 7d7f 89 25a8 49e9 5bb8 e8b4 bf"
      "be 00 01 61 01 62 10 01 63 01 64 7e 01 65 0f 2f 01 66");
  Decoder whole({});
  const Lines all = decode(whole, block);
  REQUIRE(whole.error() == DecodeError::none);
  REQUIRE(all.size() == 9);
  for (std::size_t cut = 0; cut < block.size(); ++cut) {
    Decoder decoder({});
    const Lines some = decode(decoder, std::span(block).first(cut));
    REQUIRE(some.size() < all.size());
    CHECK(std::equal(some.begin(), some.end(), all.begin()));
    const bool right = decoder.error() == DecodeError::none || decoder.error() == DecodeError::truncated;
    CHECK(right);
  }
}

namespace {

using Step = Decoder::Step;

/// Field by field, with `oversized` in between where it came.
Lines seen_by_next(Decoder& decoder, ByteView block, std::size_t max_text) {
  Lines seen;
  decoder.begin(block, max_text);
  Field field;
  for (Step step = decoder.next(field); step != Step::end && step != Step::error; step = decoder.next(field)) {
    if (step == Step::oversized) seen.push_back({"oversized", ""});
    else
      seen.push_back({std::string(field.name) + (field.indexing == Indexing::never ? "!" : ""),
                      std::string(field.value) + std::to_string(field.mark)});
  }
  return seen;
}

Lines seen_by_each(Decoder& decoder, ByteView block, std::size_t max_text) {
  Lines seen;
  decoder.begin(block, max_text);
  const auto take = [&](const Field& field) {
    seen.push_back({std::string(field.name) + (field.indexing == Indexing::never ? "!" : ""),
                    std::string(field.value) + std::to_string(field.mark)});
  };
  Step step = decoder.each(take);
  for (; step == Step::oversized; step = decoder.each(take)) seen.push_back({"oversized", ""});
  CHECK((step == Step::error) == (decoder.error() != DecodeError::none));
  return seen;
}

/// Representations of all kinds, their strings of lengths around those that take another octet.
Bytes mixed_block(std::mt19937& random) {
  const auto text = [&] {
    const std::size_t lengths[] = {0, 1, 5, 20, 126, 127, 128, 300};
    return raw(std::string(lengths[random() % 8], static_cast<char>('a' + random() % 26)));
  };
  Bytes block;
  for (auto fields = random() % 12; fields > 0; --fields) {
    switch (random() % 8) {
      case 0: block = block + wire("82"); break;
      case 1: block = block + Bytes{static_cast<std::byte>(0xbe + random() % 4)}; break;
      case 2: block = block + wire("40") + text() + text(); break;
      case 3: block = block + wire("04") + text(); break;
      case 4: block = block + wire("00 84 9c b4 50 75") + wire("83 8c 31 8c"); break;
      case 5: block = block + wire("10") + text() + text(); break;
      default: block = block + wire("00") + text() + text();
    }
  }
  return block;
}

}  // namespace

TEST_CASE(
    "each() gives what next() gives: whole blocks, cut ones, damaged ones, small max_text, with and without marks") {
  std::mt19937 random(7541);
  const auto length = [](std::string_view, std::string_view value, std::uint32_t) noexcept {
    return static_cast<std::uint32_t>(value.size());
  };
  for (int round = 0; round < 4000; ++round) {
    const Decoder::Config config{.classify = round % 3 == 0 ? +length : nullptr, .allocator = {}};
    Decoder by_next(config), by_each(config);
    for (int blocks = 0; blocks < 3; ++blocks) {
      Bytes block = mixed_block(random);
      if (!block.empty() && random() % 4 == 0) block.resize(random() % block.size());
      if (!block.empty() && random() % 4 == 0) block[random() % block.size()] = static_cast<std::byte>(random());
      const Exact exact(block);
      const std::size_t max_text = random() % 2 == 0 ? SIZE_MAX : random() % 200;
      REQUIRE(seen_by_each(by_each, exact.view(), max_text) == seen_by_next(by_next, exact.view(), max_text));
      REQUIRE(by_each.error() == by_next.error());
      REQUIRE(table_of(by_each) == table_of(by_next));
    }
  }
}

TEST_CASE(
    "each() gives what next() gives: literals of every kind and of lengths about every limit, cut at every octet") {
  const auto append = [](Bytes& block, std::size_t size) {
    std::byte length[kMaxIntegerOctets];
    block.insert(block.end(), length, encode_integer(static_cast<std::uint32_t>(size), 7, std::byte{0}, length));
    block.insert(block.end(), size, std::byte{'n'});
  };
  constexpr std::size_t kSizes[] = {0, 1, 2, 125, 126, 127, 128, 254, 255};
  for (const unsigned first : {0x00u, 0x10u, 0x0fu, 0x20u, 0x40u, 0x04u, 0x80u}) {
    for (const std::size_t name : kSizes) {
      for (const std::size_t value : kSizes) {
        Bytes block{static_cast<std::byte>(first)};
        append(block, name);
        append(block, value);
        block = block + block;
        bool same = true;
        for (std::size_t cut = 0; cut <= block.size(); ++cut) {
          const Exact exact(ByteView{block}.first(cut));
          Decoder by_next({}), by_each({});
          same = same &&
                 seen_by_each(by_each, exact.view(), SIZE_MAX) == seen_by_next(by_next, exact.view(), SIZE_MAX) &&
                 by_each.error() == by_next.error();
        }
        CAPTURE(first);
        CAPTURE(name);
        CAPTURE(value);
        REQUIRE(same);
      }
    }
  }
}

TEST_CASE("RFC 7541 2.3.2: the table may hold an entry twice [7541-2.3.2a]") {
  Decoder decoder({});
  const Bytes literal = indexed_literal("a", "b");
  CHECK(decode(decoder, literal + literal + wire("be bf")) == Lines{{"a", "b"}, {"a", "b"}, {"a", "b"}, {"a", "b"}});
  CHECK(decoder.error() == DecodeError::none);
  CHECK(table_of(decoder) == Lines{{"a", "b"}, {"a", "b"}});
}

TEST_CASE(
    "RFC 7541 6.2.3: a never-indexed field says so, enters no table, and can be sent on as it came [7541-6.2.3a] "
    "[7541-6.2.3c] [7541-7.1.3a] [7541-7.1.3b]") {
  Decoder decoder({});
  const Exact block(wire("10 01 61 01 62 00 01 63 01 64 40 01 65 01 66 1f 08 01 67"));
  decoder.begin(block.view());
  std::vector<Field> fields;
  for (Field field; decoder.next(field) == Decoder::Step::field;) fields.push_back(field);
  REQUIRE(fields.size() == 4);
  CHECK(fields[0].indexing == Indexing::never);
  CHECK(fields[1].indexing == Indexing::automatic);
  CHECK(fields[2].indexing == Indexing::automatic);
  CHECK(fields[3].indexing == Indexing::never);
  CHECK(fields[3].name == "authorization");
  CHECK(table_of(decoder) == Lines{{"e", "f"}});

  Encoder encoder({});
  const Bytes again = encode(encoder, std::span(fields).first(1));
  CHECK(again == wire("10 01 61 01 62"));
}

TEST_CASE(
    "RFC 7541 4.4: an entry larger than the table empties it and is not inserted; the field is given all the same "
    "[7541-3.2a]") {
  for (const std::string_view huge : {std::string_view(kLong), std::string_view(kLong).substr(0, 4096 - 32)}) {
    Decoder decoder({});
    CHECK(decode(decoder, indexed_literal("a", "b")) == Lines{{"a", "b"}});
    CHECK(decode(decoder, indexed_literal("n", huge)) == Lines{{"n", std::string(huge)}});
    CHECK(decoder.error() == DecodeError::none);
    CHECK(decoder.entry_count() == 0);
    CHECK(decoder.table_size() == 0);
  }
}

TEST_CASE("RFC 7541 4.4: an entry of exactly the table's size is inserted") {
  Decoder decoder({});
  decode(decoder, indexed_literal("a", "b"));
  decode(decoder, indexed_literal("n", kLong.substr(0, 4096 - 33)));
  CHECK(decoder.entry_count() == 1);
  CHECK(decoder.table_size() == 4096);
}

TEST_CASE("RFC 7541 4.4: a name may come from the entry that its own insertion evicts") {
  Decoder decoder({.table_size = 100});
  CHECK(decode(decoder, indexed_literal("some-name", "first")) == Lines{{"some-name", "first"}});
  const std::string second(100 - 32 - 9, 'x');
  CHECK(decode(decoder, wire("7e") + raw(second)) == Lines{{"some-name", second}});
  CHECK(table_of(decoder) == Lines{{"some-name", second}});
  const std::string third(100, 'y');  // too large now
  CHECK(decode(decoder, wire("7e") + raw(third)) == Lines{{"some-name", third}});
  CHECK(decoder.entry_count() == 0);
}

TEST_CASE("Views last to the block's end even when later fields evict their entries many times over") {
  Decoder decoder({.table_size = 64});
  Bytes block = indexed_literal("k", "v0");
  Lines expected{{"k", "v0"}};
  for (int i = 1; i < 2000; ++i) {
    const std::string value = "v" + std::to_string(i);
    block = std::move(block) + wire("7e") + raw(value) + wire("be");
    expected.push_back({"k", value});
    expected.push_back({"k", value});
  }
  CHECK(decode(decoder, block) == expected);  // compares when the whole block is decoded
  CHECK(decoder.entry_count() == 1);
}

TEST_CASE("After drop_views memory does not grow with the rest of the block, and the table stays in step") {
  Heap heap;
  Decoder decoder({.allocator = heap.allocator()});
  const std::string name(1000, 'n');
  Bytes block = indexed_literal(name, "0");
  for (int i = 0; i < 20000; ++i)
    block = std::move(block) + wire("7e 01") + Bytes{static_cast<std::byte>('0' + i % 10)};
  const Exact exact(block);
  decoder.begin(exact.view());
  Field field;
  std::size_t fields = 0;
  for (; fields < 10; ++fields) REQUIRE(decoder.next(field) == Decoder::Step::field);
  decoder.drop_views();
  while (decoder.next(field) == Decoder::Step::field) {
    ++fields;
    REQUIRE(field.name == name);
  }
  CHECK(fields == 20001);
  CHECK(decoder.error() == DecodeError::none);
  CHECK(heap.peak_bytes < 40000);
  CHECK(decoder.table_size() == 3 * 1033);
  CHECK(table_of(decoder)[0] == Line{name, "9"});
}

namespace {

Bytes huffman(const std::string& text) {
  Bytes code(4 * text.size() + 64);
  code.resize(*huffman_encode(text, code));
  std::byte head[kMaxIntegerOctets];
  const Bytes length(head, encode_integer(static_cast<std::uint32_t>(code.size()), 7, std::byte{0x80}, head));
  return length + code;
}

}  // namespace

TEST_CASE("Text beyond max_text is checked and not shown, and takes no memory; the table stays in step") {
  const std::string text(100000, 'a'), fits(900, 'b'), rest(80, 'c');
  for (const std::string_view kind : {"00", "10", "40"}) {  // the last would have been indexed, and empties the table
    Heap heap;
    Decoder decoder({.allocator = heap.allocator()});
    const Bytes block = indexed_literal("k", "v") + wire("00 01 61") + huffman(fits) + wire(kind) + wire("01 62") +
                        huffman(text) + wire("00 01 63") + huffman(rest) + wire("00 01 64") + huffman(fits);
    const Exact exact(block);
    decoder.begin(exact.view(), 1000);
    std::vector<Decoder::Step> steps;
    Lines lines;
    for (Field field; steps.empty() || (steps.back() != Decoder::Step::end && steps.back() != Decoder::Step::error);) {
      steps.push_back(decoder.next(field));
      if (steps.back() == Decoder::Step::field) lines.push_back({std::string(field.name), std::string(field.value)});
    }
    using enum Decoder::Step;
    CHECK(steps == std::vector{field, field, oversized, field, oversized, end});
    CHECK(lines == Lines{{"k", "v"}, {"a", fits}, {"c", rest}});
    CHECK(decoder.entry_count() == (kind == "40" ? 0U : 1U));
    CHECK(heap.peak_bytes < 8192);
  }
  CHECK(error_of(wire("00 01 61 84 ff ff ff ff")) == DecodeError::bad_huffman);
  Decoder strict({});
  const Bytes bad = wire("00 01 61") + wire("84 ff ff ff ff");
  strict.begin(bad, 0);
  Field field;
  CHECK(strict.next(field) == Decoder::Step::error);
  CHECK(strict.error() == DecodeError::bad_huffman);
}

TEST_CASE("What entries left behind in the arena is not held against a block's text") {
  Decoder decoder({});
  for (int i = 0; i < 40; ++i) decode(decoder, wire("40 01 61") + huffman(std::string(700, 'x')));
  const std::string text(3000, 'y');
  const Bytes block = wire("00 01 62") + huffman(text);
  decoder.begin(block, 3000);
  Field field;
  REQUIRE(decoder.next(field) == Decoder::Step::field);
  CHECK(field.value == text);
}

TEST_CASE("Text that only looks too long for the table is indexed all the same") {
  const std::string text(4000, '\x01');  // codes of 23 bits: 11,500 octets
  Heap heap;
  Decoder decoder({.allocator = heap.allocator()});
  CHECK(decode(decoder, wire("40 01 61") + huffman(text)) == Lines{{"a", text}});
  CHECK(decoder.entry_count() == 1);
  CHECK(heap.peak_bytes < 8192);
  CHECK(decode(decoder, wire("40 01 61") + huffman(text + std::string(100, '\x01'))).size() == 1);
  CHECK(decoder.entry_count() == 0);
}

TEST_CASE("memory_bound: blocks that fill the table and all text that they may stay within it") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{60}, std::size_t{700}, std::size_t{3500}}) {
    CAPTURE(piece);
    constexpr std::size_t kText = 65536;
    Heap heap;
    Decoder decoder({.allocator = heap.allocator()});
    std::mt19937 random(7);
    for (int blocks = 0; blocks < 12; ++blocks) {
      const std::size_t text = blocks % 3 == 0 ? kText / 3 : kText;
      Bytes block;
      for (std::size_t sum = 0; sum + piece <= text; sum += piece)
        block =
            std::move(block) + wire(random() % 3 == 0 ? "40" : "00") + huffman("") + huffman(std::string(piece, 'a'));
      decoder.begin(block, kText);
      for (Field field; decoder.next(field) == Decoder::Step::field;) continue;
      CHECK(decoder.error() == DecodeError::none);
    }
    CHECK(heap.peak_bytes <= Decoder::memory_bound(4096, kText));
    if (piece > 1) CHECK(heap.peak_bytes * 3 >= Decoder::memory_bound(4096, kText));
  }
}

TEST_CASE("memory_bound: text in codes of 30 bits, which looks longer than the room at hand, stays within it") {
  constexpr std::size_t kText = 65536;
  for (const bool filled : {false, true}) {
    for (const std::size_t least : {std::size_t{1024}, std::size_t{2048}, std::size_t{4096}}) {
      CAPTURE(filled);
      CAPTURE(least);
      Heap heap;
      Decoder decoder({.allocator = heap.allocator()});
      if (filled) decode(decoder, wire("40 01 'x'") + huffman(std::string(4063, 'a')));
      Bytes block;
      for (std::size_t text = 0; block.size() < 78000;) {
        const std::size_t characters = std::max(text, least) * 5 / 8 * 8 / 30 + 1;
        block = std::move(block) + wire("00 01 'n'") + huffman(std::string(characters, '\n'));
        text += characters;
      }
      decoder.begin(block, kText);
      for (Field field; decoder.next(field) == Decoder::Step::field;) continue;
      CHECK(decoder.error() == DecodeError::none);
      CHECK(heap.peak_bytes <= Decoder::memory_bound(4096, kText));
    }
  }
}

TEST_CASE("memory_bound: a block over a small limit, with entries as large as the table, stays within it") {
  for (const std::uint32_t capacity : {4096U, 4500U, 5000U, 33000U}) {
    CAPTURE(capacity);
    Heap heap;
    Decoder decoder({.table_size = capacity, .allocator = heap.allocator()});
    Bytes block;
    for (std::size_t i = 0; i < 6; ++i)
      block = std::move(block) + indexed_literal("x", std::string(capacity - 33 - i, 'a'));
    decoder.begin(block, 1000);
    for (Field field; decoder.next(field) == Decoder::Step::field;) decoder.drop_views();
    CHECK(heap.peak_bytes <= Decoder::memory_bound(capacity, 1000));
  }
}

TEST_CASE("memory_bound: room that is too small by little is not kept beside room for all text") {
  for (const std::size_t text : {std::size_t{3000}, std::size_t{20000}, std::size_t{65536}, std::size_t{1000000}}) {
    CAPTURE(text);
    Heap heap;
    Decoder decoder({.allocator = heap.allocator()});
    std::mt19937 random(11);
    const auto read = [&](const std::vector<std::size_t>& sizes) {
      Bytes block;
      for (const std::size_t size : sizes)
        block =
            std::move(block) + wire(random() % 4 == 0 ? "40" : "00") + huffman("") + huffman(std::string(size, 'a'));
      decoder.begin(block, text);
      for (Field field; decoder.next(field) == Decoder::Step::field;) continue;
      CHECK(decoder.error() == DecodeError::none);
    };
    read({text - 20});
    read({1, text - 10});
    for (const std::size_t part : {2U, 3U, 4U, 5U, 8U, 16U, 32U})
      for (const std::size_t more : {0U, 1U, 10U}) {
        read({text / part - more});
        read({1, text / part, 1, text - text / part - 2});
        read({1, text / 4, 1, text / 4 + 1, 1, text / 2 - 5});
        read({1, text / 16, 1, text / 4, 1, text - text / 16 - text / 4 - 3});
      }
    for (int blocks = 0; blocks < 200; ++blocks) {
      std::vector<std::size_t> sizes;
      for (std::size_t left = text; left > 0; left -= sizes.back())
        sizes.push_back(std::min(left, 1 + random() % (random() % 2 == 0 ? text : text / 16)));
      read(sizes);
    }
    CHECK(heap.peak_bytes <= Decoder::memory_bound(4096, text));
  }
}

TEST_CASE("RFC 7541 6.3: a size update up to the announced maximum evicts; one above it is an error [7541-6.3b]") {
  Decoder decoder({});
  decode(decoder, indexed_literal("a", "b") + indexed_literal("c", "d"));
  CHECK(decoder.entry_count() == 2);
  decode(decoder, wire("3f 04"));  // 35: one entry
  CHECK(decoder.error() == DecodeError::none);
  CHECK(table_of(decoder) == Lines{{"c", "d"}});
  decode(decoder, wire("20 3f e1 1f 82"));
  CHECK(decoder.error() == DecodeError::none);
  CHECK(decoder.entry_count() == 0);
  CHECK(decoder.table_capacity() == 4096);
  decode(decoder, wire("3f e2 1f"));
  CHECK(decoder.error() == DecodeError::size_update_too_large);
}

TEST_CASE("RFC 7541 4.2: a size update behind a field is an error; any number in front is not [7541-4.2b]") {
  CHECK(error_of(wire("82 20")) == DecodeError::size_update_misplaced);
  CHECK(error_of(wire("20 82 3f 00")) == DecodeError::size_update_misplaced);
  CHECK(error_of(wire("20 21 22 23 82")) == DecodeError::none);
}

TEST_CASE("RFC 7541 4.2: a larger maximum is good from its announcement on") {
  Decoder decoder({});
  decoder.allow_table_size(8192);
  decode(decoder, wire("3f e1 3f 82"));
  CHECK(decoder.error() == DecodeError::none);
  CHECK(decoder.table_capacity() == 8192);
}

TEST_CASE("RFC 7541 4.2: once a smaller maximum is acknowledged, the next block begins with an update to no more") {
  const auto after_lowering = [](std::string_view block) {
    Decoder decoder({});
    decode(decoder, wire("82"));
    decoder.require_table_size(1000);
    decode(decoder, wire(block));
    return decoder.error();
  };
  CHECK(after_lowering("3f c9 07 82") == DecodeError::none);  // 1000
  CHECK(after_lowering("20 82") == DecodeError::none);
  CHECK(after_lowering("82") == DecodeError::size_update_missing);
  CHECK(after_lowering("3f ca 07 82") == DecodeError::size_update_too_large);  // 1001
}

TEST_CASE("RFC 7541 4.2: no update is owed where the table is small enough already") {
  Decoder decoder({});
  decode(decoder, wire("3f 45 82"));  // 100
  decoder.require_table_size(1000);
  decode(decoder, wire("82"));
  CHECK(decoder.error() == DecodeError::none);
}

TEST_CASE("RFC 7541 4.2: of two changes between two blocks the smaller must be signalled first [7541-4.2c]") {
  const auto after_dip = [](std::string_view block) {
    Decoder decoder({});
    decoder.require_table_size(0);
    decoder.allow_table_size(4096);
    decoder.require_table_size(4096);
    decode(decoder, wire(block));
    return decoder.error();
  };
  CHECK(after_dip("20 3f e1 1f 82") == DecodeError::none);
  CHECK(after_dip("3f e1 1f 82") == DecodeError::size_update_missing);
  CHECK(after_dip("82") == DecodeError::size_update_missing);
}

TEST_CASE("RFC 7541 4.2: a table allowed to have 4 GB takes no more memory than its entries need") {
  Heap heap;
  Decoder decoder({.allocator = heap.allocator()});
  decoder.allow_table_size(0xffffffff);
  decode(decoder, wire("3f e0 ff ff ff 0f") + indexed_literal("a", "b"));  // 2^32 - 1
  CHECK(decoder.error() == DecodeError::none);
  CHECK(decoder.table_capacity() == 0xffffffff);
  CHECK(heap.peak_bytes < 2048);
  CHECK(heap.live_bytes == decoder.heap_bytes());
}

namespace {

struct Seen {
  std::string name;
  std::uint32_t name_mark;
};
std::vector<Seen> seen;

std::uint32_t number_literals(std::string_view name, std::string_view, std::uint32_t name_mark) noexcept {
  seen.push_back({std::string(name), name_mark});
  return static_cast<std::uint32_t>(100 + seen.size());
}

}  // namespace

TEST_CASE("Classify is asked once per literal; its answer stays with the entry and goes along with the name") {
  seen.clear();
  std::uint32_t marks[62] = {};
  marks[2] = 7;
  marks[1] = 8;
  Decoder decoder({.classify = number_literals, .static_marks = marks});
  const Exact block(wire("82  41 01 61  be  00 01 63 01 64  7e 01 62  0f 30 01 63 be"));
  decoder.begin(block.view());
  std::vector<std::uint32_t> got;
  for (Field field; decoder.next(field) == Decoder::Step::field;) got.push_back(field.mark);
  CHECK(got == std::vector<std::uint32_t>{7, 101, 101, 102, 103, 104, 103});
  REQUIRE(seen.size() == 4);
  CHECK(seen[0].name_mark == 8);    // :authority of the static table
  CHECK(seen[1].name_mark == 0);    // a literal name
  CHECK(seen[2].name_mark == 101);  // the dynamic entry
  CHECK(seen[3].name_mark == 101);
}

TEST_CASE("Every error has its sentence") {
  for (int i = 0; i <= static_cast<int>(DecodeError::out_of_memory); ++i) {
    CHECK(std::string_view(describe(static_cast<DecodeError>(i))) != "unknown error");
  }
}
