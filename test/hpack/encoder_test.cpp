// The encoder by the rules of RFC 7541: what it indexes, how it spells, what it signals.
#include <doctest/doctest.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

Bytes encode_one(Encoder& encoder, const Field& field) { return encode(encoder, {&field, 1}); }

std::uint32_t sizes_of(std::string_view name, std::string_view value, std::uint32_t) noexcept {
  return static_cast<std::uint32_t>(name.size() << 16 | value.size()) + 1;
}

}  // namespace

TEST_CASE("RFC 7541 7.1.3: credentials and short cookies are never indexed unless the caller says otherwise") {
  Encoder encoder({});
  CHECK(encode_one(encoder, {"authorization", "?"}) == wire("1f 08 01 3f"));
  CHECK(encode_one(encoder, {"proxy-authorization", "?"}) == wire("1f 22 01 3f"));
  CHECK(encode_one(encoder, {"cookie", "?"}) == wire("1f 11 01 3f"));
  CHECK(encode_one(encoder, {"cookie", "1234567890123456789"})[0] == std::byte{0x1f});
  CHECK(encoder.entry_count() == 0);
  CHECK(encode_one(encoder, {"cookie", "12345678901234567890"})[0] == std::byte{0x60});
  CHECK(encode_one(encoder, {"authorization", "?", Indexing::always}) == wire("57 01 3f"));
  CHECK(encoder.entry_count() == 2);
}

TEST_CASE("RFC 7541 7.1.3: a secret that a caller had indexed is not found there by one who did not ask") {
  Encoder encoder({});
  for (const Field& secret : {Field{"authorization", "?"}, Field{"cookie", "?"}}) {
    const Bytes literal = encode_one(encoder, secret);
    CHECK(literal[0] == std::byte{0x1f});
    for (int time = 0; time < 3; ++time) {
      CHECK(encode_one(encoder, {secret.name, secret.value, Indexing::always}).size() == (time == 0 ? 3 : 1));
      Encoder::Known known;
      encoder.look_at({&secret, 1}, {}, &known);
      CHECK(known.index == 0);
      CHECK(encode_one(encoder, secret) == literal);
    }
  }
}

TEST_CASE("RFC 7541 6.2.3: a never-indexed field stays a literal though an entry would match it [7541-6.2.3b]") {
  Encoder encoder({});
  encode_one(encoder, {"a", "?", Indexing::always});
  CHECK(encode_one(encoder, {"a", "?"}) == wire("be"));
  CHECK(encode_one(encoder, {"a", "?", Indexing::never}) == wire("1f 2f 01 3f"));
  CHECK(encode_one(encoder, {":method", "GET", Indexing::never}) == wire("12 03 47 45 54"));
}

TEST_CASE("RFC 7541 6.2: always, without and automatic choose the representation") {
  Encoder encoder({});
  CHECK(encode_one(encoder, {"x", "?", Indexing::without}) == wire("00 01 78 01 3f"));
  CHECK(encoder.entry_count() == 0);
  CHECK(encode_one(encoder, {"etag", "?"}) == wire("0f 13 01 3f"));
  CHECK(encode_one(encoder, {"etag", "?", Indexing::always}) == wire("62 01 3f"));
  CHECK(encode_one(encoder, {"etag", "?"}) == wire("be"));
  CHECK(encode_one(encoder, {"etag", "?", Indexing::without}) == wire("be"));
}

TEST_CASE("RFC 7541 5.2: Huffman only where it is strictly shorter, at every length around the length field's steps") {
  for (const char letter : {'a', '?', '\x01', 'X', '\xff'}) {
    for (std::size_t size = 0; size < 700; size = size < 300 ? size + 1 : size + 37) {
      const std::string value(size, letter);
      Encoder encoder({});
      Decoder decoder({});
      const Bytes block = encode_one(encoder, {"x", value, Indexing::without});
      REQUIRE(decode(decoder, block) == Lines{{"x", value}});
      const std::size_t huffman = huffman_length(value);
      const std::size_t text = huffman < size ? huffman : size;
      REQUIRE(block.size() == 3 + integer_octets(static_cast<std::uint32_t>(text), 7) + text);
    }
  }
  for (const std::size_t size : {16000u, 20000u, 22000u, 26000u, 40000u}) {
    const std::string value(size, 'a');
    Encoder encoder({});
    Decoder decoder({});
    const Bytes block = encode_one(encoder, {"x", value});
    CHECK(decode(decoder, block) == Lines{{"x", value}});
  }
}

TEST_CASE("No octet is written past bound()") {
  std::mt19937 random(3);
  Encoder encoder({});
  for (int round = 0; round < 2000; ++round) {
    std::string name(random() % 40, 'n');
    std::string value(random() % 400, 'v');
    for (char& c : value) c = static_cast<char>(random() % (round % 2 == 0 ? 256 : 40));
    const Field field{name, value};
    if (round % 3 == 0) encoder.set_peer_table_size(static_cast<std::uint32_t>(random()));
    const std::size_t bound = encoder.bound({&field, 1});
    const std::unique_ptr<std::byte[]> out(new std::byte[bound]);
    CHECK(encoder.encode({&field, 1}, {out.get(), bound}) <= bound);
  }
}

TEST_CASE(
    "RFC 7541 4.2: a lowered table size is signalled at the next block, and evicts at once [7541-4.2a] [7541-4.2b] "
    "[7541-6.3a]") {
  Encoder encoder({});
  encode_one(encoder, {"a", "?"});
  encoder.set_peer_table_size(0);
  CHECK(encoder.entry_count() == 0);
  CHECK(encode_one(encoder, {":method", "GET"}) == wire("20 82"));
  CHECK(encode_one(encoder, {":method", "GET"}) == wire("82"));
}

TEST_CASE("RFC 7541 4.2: of several changes the smallest is signalled first and then the last [7541-4.2c]") {
  Encoder encoder({});
  encoder.set_peer_table_size(100);
  encoder.set_peer_table_size(0);
  encoder.set_peer_table_size(3000);
  encoder.set_peer_table_size(4096);
  CHECK(encode_one(encoder, {":method", "GET"}) == wire("20 3f e1 1f 82"));
  encoder.set_peer_table_size(0);
  encoder.set_peer_table_size(10);
  CHECK(encode_one(encoder, {":method", "GET"}) == wire("20 2a 82"));
  encoder.set_peer_table_size(20);
  encoder.set_peer_table_size(10);
  CHECK(encode_one(encoder, {":method", "GET"}) == wire("82"));
}

TEST_CASE(
    "RFC 7541 4.2: our cap holds though the peer allows 4 GB, and a cap below 4096 is signalled [7541-4.2a] "
    "[7541-6.3a]") {
  Encoder wide({.table_cap = 8192});
  CHECK(wide.table_capacity() == 4096);
  wide.set_peer_table_size(0xffffffff);
  CHECK(wide.table_capacity() == 8192);
  CHECK(encode_one(wide, {":method", "GET"}) == wire("3f e1 3f 82"));

  Encoder none({.table_cap = 0});
  CHECK(encode_one(none, {"a", "?"}) == wire("20 00 01 61 01 3f"));
  CHECK(encode_one(none, {"a", "?", Indexing::always}) == wire("00 01 61 01 3f"));
  CHECK(none.heap_bytes() == 0);
}

TEST_CASE("RFC 7541 4.4: evictions keep both tables in step; an entry larger than the table is not inserted") {
  Encoder encoder({.table_cap = 200});
  Decoder decoder({});
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    const std::string name = "name-" + std::to_string(random() % 5);
    const std::string value(random() % 240, static_cast<char>('a' + random() % 3));
    const auto indexing = static_cast<Indexing>(random() % 4);
    const Field field{name, value, indexing};
    REQUIRE(decode(decoder, encode_one(encoder, field)) == Lines{{name, value}});
    REQUIRE(table_of(decoder) == table_of(encoder));
  }
}

TEST_CASE("Pieces make the same block as the whole") {
  const Field fields[] = {{":method", "GET"}, {":path", "/x"}, {"x", "y"}};
  Encoder whole({});
  Encoder pieces({});
  whole.set_peer_table_size(50);
  pieces.set_peer_table_size(50);
  Bytes out(whole.bound(fields));
  std::byte* end = pieces.begin_block(out.data());
  for (const Field& field : fields) end = pieces.field(field, end);
  CHECK(Bytes(out.data(), end) == encode(whole, fields));
}

TEST_CASE("Sections that are looked at first arrive as they are, whatever their own entries evict; each has its mark") {
  Encoder encoder({.table_cap = 300, .classify = &sizes_of});
  Decoder decoder({});
  std::mt19937 random(7);
  std::size_t indexed = 0;
  for (int round = 0; round < 5000; ++round) {
    const std::string path = "/" + std::to_string(random() % 20), value(random() % 60, 'v');
    const Field pseudo[] = {{":method", "GET"}, {":path", path, static_cast<Indexing>(random() % 2)}};
    const Field fields[] = {{"server", "one"}, {"x-name", value}, {"etag", path}, {"vary", "b"}, {"x-name", value}};
    const std::span<const Field> some = std::span(fields).subspan(random() % 3, random() % 4);
    Encoder::Known known[8];
    std::size_t octets = 0;
    for (const auto& part : {std::span<const Field>(pseudo), some})
      for (const Field& field : part) octets += field.name.size() + field.value.size();
    REQUIRE(encoder.look_at(pseudo, some, known) == octets);
    Lines lines;
    for (const auto& part : {std::span<const Field>(pseudo), some}) {
      for (const Field& field : part) {
        REQUIRE(known[lines.size()].mark == sizes_of(field.name, field.value, 0));
        indexed += known[lines.size()].index != 0;
        lines.push_back({std::string(field.name), std::string(field.value)});
      }
    }
    Bytes out(1000);
    const std::size_t looked_at = random() % (lines.size() + 1);
    std::byte* const end = encoder.block(pseudo, some, std::span(known).first(looked_at), out.data());
    REQUIRE(decode(decoder, Bytes(out.data(), end)) == lines);
    REQUIRE(table_of(decoder) == table_of(encoder));
  }
  CHECK(indexed > 5000);
}

/// Inserts so many entries, each another one, all of one size and name.
void insert(Encoder& encoder, Decoder& decoder, int count, int& serial) {
  for (int i = 0; i < count; ++i) {
    const std::string value = std::to_string(100000 + serial++);
    const Bytes block = encode_one(encoder, {"x-new", value});
    REQUIRE((block[0] & std::byte{0xc0}) == std::byte{0x40});
    REQUIRE(decode(decoder, block) == Lines{{"x-new", value}});
  }
}

// What is remembered of an entry is its number, in fewer bits than insertions can have.
TEST_CASE("a field that comes again after 2^15 or 2^16 insertions is spelt as what it is") {
  constexpr int kFields = 20;
  for (const int wrap : {1 << 15, 1 << 16}) {
    Encoder encoder({});
    Decoder decoder({});
    int serial = 0;
    std::vector<std::string> values;
    std::vector<Field> fields;
    for (std::size_t i = 0; i < kFields; ++i) values.emplace_back(20 + i, 'o');
    for (const std::string& value : values) fields.push_back({"x-old", value});
    // The numbers of the old ones are those of entries that live now, one that has just come or is about to go.
    for (const int age : {0, 1, 40, 93, 94, 95}) {
      REQUIRE(decode(decoder, encode(encoder, fields)) == lines_of(fields));
      insert(encoder, decoder, wrap - kFields + age, serial);
      Encoder::Known known[kFields];
      encoder.look_at(fields, {}, known);
      for (const Encoder::Known& each : known) CHECK(each.index == 0);
      Bytes out(encoder.bound(fields));
      out.resize(static_cast<std::size_t>(encoder.block(fields, {}, known, out.data()) - out.data()));
      CHECK(decode(decoder, out) == lines_of(fields));
      CHECK(decode(decoder, encode(encoder, fields)) == lines_of(fields));
      CHECK(table_of(decoder) == table_of(encoder));
    }
  }
}

TEST_CASE("a secret that a caller had indexed is not found by the number of what came 2^15 insertions before it") {
  Encoder encoder({});
  Decoder decoder({});
  int serial = 0;
  const Field secret{"authorization", "?"};
  const Bytes literal = encode_one(encoder, secret);
  insert(encoder, decoder, 100, serial);    // the table is full
  const Field alike{"xn", "123456789012"};  // as long, and with the same last octet of a name
  decode(decoder, encode_one(encoder, alike));
  insert(encoder, decoder, (1 << 15) - 1, serial);
  encode_one(encoder, {secret.name, secret.value, Indexing::always});
  CHECK(encode_one(encoder, secret) == literal);
}

TEST_CASE("nor in a table of more than 2^15 entries, where an older field is found again") {
  constexpr std::uint32_t kTable = 8 << 20;
  Encoder encoder({.table_cap = kTable});
  encoder.set_peer_table_size(kTable);
  Decoder decoder({.table_size = kTable});
  int serial = 0;
  const Field secret{"authorization", "?"}, alike{"xn", "123456789012"};
  decode(decoder, encode_one(encoder, alike));
  insert(encoder, decoder, (1 << 15) - 1, serial);
  decode(decoder, encode_one(encoder, {secret.name, secret.value, Indexing::always}));
  insert(encoder, decoder, 10, serial);
  REQUIRE(encoder.entry_count() > 1 << 15);
  CHECK(encode_one(encoder, alike).size() > 1);
  CHECK(encode_one(encoder, secret)[0] == std::byte{0x1f});
}

TEST_CASE("Thousands of fields with one hash cost compression only") {
  // Equal in every octet that the hash looks at.
  Encoder encoder({.table_cap = 65536});
  encoder.set_peer_table_size(65536);
  Decoder decoder({.table_size = 65536});
  for (int i = 0; i < 5000; ++i) {
    std::string value(64, 'v');
    value.replace(10, 5, std::to_string(10000 + i));
    REQUIRE(decode(decoder, encode_one(encoder, {"x", value})) == Lines{{"x", value}});
  }
  CHECK(table_of(decoder) == table_of(encoder));
}
