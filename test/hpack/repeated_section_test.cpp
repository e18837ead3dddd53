// A section that comes again: what is kept, what ends it, and that nothing but time tells the difference.
#include <doctest/doctest.h>

#include <hpack/repeated_section.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

constexpr Field kStatus{":status", "200"};
const std::vector<Field> kHead{{"server", "h2"}, {"etag", "\"0123456789\"", Indexing::always}, {"x-empty", ""}};

/// An encoder whose sections may repeat, as a caller would use both.
class Sender {
 public:
  explicit Sender(const Allocator& allocator = {}) : encoder({.allocator = allocator}) {}

  /// Its block. `was_again` says where it came from.
  Bytes send(std::span<const Field> fields) {
    Bytes out(encoder.bound(fields) + Encoder::field_bound(kStatus));
    was_again = repeated.is({&kStatus, 1}, fields, encoder);
    if (was_again) {
      CHECK(repeated.note() == note);
      text_bytes = repeated.text_bytes();
      out.resize(static_cast<std::size_t>(repeated.write(out.data()) - out.data()));
      return out;
    }
    std::byte* const end = encoder.block({&kStatus, 1}, fields, {}, out.data());
    out.resize(static_cast<std::size_t>(end - out.data()));
    repeated.sent({&kStatus, 1}, fields, out, encoder, ++note);
    return out;
  }
  /// Until it is kept; the first time it enters the table, and then it has to come twice.
  Bytes send_until_kept(std::span<const Field> fields) {
    for (int i = 0; i < 3; ++i) {
      send(fields);
      CHECK(!was_again);
    }
    Bytes block = send(fields);
    CHECK(was_again);
    return block;
  }

  Encoder encoder;
  RepeatedSection repeated;
  bool was_again = false;
  std::size_t text_bytes = 0;
  std::int64_t note = 0;
};

}  // namespace

TEST_CASE("a section that came twice by entries alone is known the third time, and its block is the same") {
  Sender sender;
  const Bytes first = sender.send(kHead);
  CHECK(first.size() > 4);
  const Bytes second = sender.send(kHead);
  CHECK(second == wire("88 c0 bf be"));
  CHECK(sender.send(kHead) == second);
  CHECK(!sender.was_again);
  CHECK(sender.send(kHead) == second);
  CHECK(sender.was_again);
  CHECK(sender.text_bytes == 7 + 3 + 6 + 2 + 4 + 12 + 7);
}

TEST_CASE("it is another section when any octet, size, indexing or number of fields differs") {
  Sender sender;
  sender.send_until_kept(kHead);
  const auto is = [&](std::span<const Field> fields) {
    return sender.repeated.is({&kStatus, 1}, fields, sender.encoder);
  };
  CHECK(is(kHead));
  for (std::size_t i = 0; i < kHead.size(); ++i) {
    for (const bool in_name : {true, false}) {
      const std::string text(in_name ? kHead[i].name : kHead[i].value);
      for (std::size_t at = 0; at <= text.size(); ++at) {
        CAPTURE(i);
        CAPTURE(at);
        std::string other = text;
        if (at < text.size()) other[at] = static_cast<char>(other[at] ^ 1);
        else other += 'a';
        std::vector<Field> fields = kHead;
        (in_name ? fields[i].name : fields[i].value) = other;
        CHECK(!is(fields));
      }
    }
    std::vector<Field> fields = kHead;
    fields[i].indexing = fields[i].indexing == Indexing::always ? Indexing::automatic : Indexing::always;
    CHECK(!is(fields));
    fields[i].indexing = Indexing::never;
    CHECK(!is(fields));
  }
  CHECK(!is(std::span(kHead).first(2)));
  std::vector<Field> longer = kHead;
  longer.push_back({"server", "h2"});
  CHECK(!is(longer));
  const Field other_status{":status", "404"};
  CHECK(!sender.repeated.is({&other_status, 1}, kHead, sender.encoder));
  CHECK(is(kHead));
}

TEST_CASE("whatever the sizes of name and value, each of their octets counts, and none behind them is read") {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz0123456789";
  PageEnd names, values;
  const auto try_sizes = [&](std::size_t name_size, std::size_t value_size) {
    CAPTURE(name_size);
    CAPTURE(value_size);
    const std::string_view name = names.put(letters.substr(0, name_size));
    const std::string_view value = values.put(letters.substr(letters.size() - value_size));
    const Field field{name, value, Indexing::always};
    Sender sender;
    sender.send_until_kept({&field, 1});
    const auto is = [&] { return sender.repeated.is({&kStatus, 1}, {&field, 1}, sender.encoder); };
    std::size_t missed = 0;
    const auto change_each = [&](PageEnd& place, std::string_view text) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        for (const int bit : {0x01, 0x80}) {
          char& octet = place.octet(text, i);
          octet = static_cast<char>(octet ^ bit);
          if (is()) ++missed;
          octet = static_cast<char>(octet ^ bit);
        }
      }
    };
    change_each(names, name);
    change_each(values, value);
    CHECK(missed == 0);
    CHECK(is());
  };
  for (std::size_t name_size = 1; name_size <= 34; ++name_size) {
    for (std::size_t value_size = 0; value_size <= 34; ++value_size) try_sizes(name_size, value_size);
  }
  for (std::size_t size = 35; size <= letters.size(); ++size) {
    try_sizes(size, 1);
    try_sizes(1, size);
  }
}

TEST_CASE("two changes that would undo each other in a sum are two changes") {
  Sender sender;
  std::vector<Field> fields{{"x-one", "aaaa"}, {"x-two", "aaaa"}, {"x-three", "aaaaaaaa"}, {"x-four", "aaaaaaaa"}};
  sender.send_until_kept(fields);
  fields[0].value = fields[1].value = "aaab";
  CHECK(!sender.repeated.is({&kStatus, 1}, fields, sender.encoder));
  fields[0].value = fields[1].value = "aaaa";
  CHECK(sender.repeated.is({&kStatus, 1}, fields, sender.encoder));
  fields[2].value = fields[3].value = "aaabaaab";
  CHECK(!sender.repeated.is({&kStatus, 1}, fields, sender.encoder));
}

TEST_CASE("what lies in another place is the same, and the same place with other text is not") {
  Sender sender;
  std::string value = "0123456789";
  const std::vector<Field> fields{{"x", value}};
  sender.send_until_kept(fields);
  const std::string copy = value;
  CHECK(sender.repeated.is({&kStatus, 1}, std::vector<Field>{{"x", copy}}, sender.encoder));
  value[5] = '!';
  CHECK(!sender.repeated.is({&kStatus, 1}, fields, sender.encoder));
}

TEST_CASE("where the fields stand does not matter") {
  Sender sender;
  sender.send_until_kept(kHead);
  std::vector<Field> all{kStatus};
  all.insert(all.end(), kHead.begin(), kHead.end());
  for (std::size_t cut = 0; cut <= all.size(); ++cut)
    CHECK(sender.repeated.is(std::span(all).first(cut), std::span(all).subspan(cut), sender.encoder));
}

TEST_CASE("an entry that comes to the table ends it, for all indices are others") {
  Sender sender;
  const Bytes before = sender.send_until_kept(kHead);
  encode(sender.encoder, std::vector<Field>{{"another", "one"}});
  const Bytes after = sender.send(kHead);
  CHECK(!sender.was_again);
  CHECK(after == wire("88 c1 c0 bf"));
  CHECK(after != before);
}

TEST_CASE("a table size ends it, also one that comes back after all entries have gone") {
  Sender sender;
  sender.send_until_kept(kHead);
  sender.encoder.set_peer_table_size(0);
  sender.encoder.set_peer_table_size(4096);
  const Bytes block = sender.send(kHead);
  CHECK(!sender.was_again);
  Decoder decoder({});
  CHECK(decode(decoder, block) == Lines{{":status", "200"}} + lines_of(kHead));
}

TEST_CASE("what has a literal is not kept, however often it comes") {
  for (const Field& literal : {Field{"etag", "\"1\""}, Field{"authorization", "?"}, Field{"x", "?", Indexing::never}}) {
    CAPTURE(literal.name);
    Sender sender;
    const std::vector<Field> fields{kHead[0], literal};
    for (int i = 0; i < 6; ++i) {
      sender.send(fields);
      CHECK(!sender.was_again);
    }
  }
}

TEST_CASE(
    "RFC 7541 7.1.3: a secret that went out by index because its caller said so is a literal for one who did not") {
  Sender sender;
  sender.send_until_kept(std::vector<Field>{{"authorization", "?", Indexing::always}});
  CHECK(sender.send(std::vector<Field>{{"authorization", "?"}}) == wire("88 1f 08 01 3f"));
}

TEST_CASE("two sections that alternate are never kept, and one that comes back in a row is") {
  Sender sender;
  const std::vector<Field> other{{"server", "h2"}};
  for (int i = 0; i < 10; ++i) {
    sender.send(i % 2 == 0 ? kHead : other);
    CHECK(!sender.was_again);
  }
  sender.send(other);
  CHECK(!sender.was_again);
  sender.send(other);
  CHECK(sender.was_again);
}

TEST_CASE("of sections only so much is kept") {
  const std::string value(RepeatedSection::kMostBytes, 'a');
  Heap heap;
  Sender sender(heap.allocator());
  for (int i = 0; i < 6; ++i) {
    sender.send(std::vector<Field>{{"x", value}});
    CHECK(!sender.was_again);
  }
  for (int i = 0; i < 6; ++i) {
    sender.send(std::vector<Field>(24, Field{"x", "y"}));
    CHECK(!sender.was_again);
  }
  CHECK(heap.live_bytes <= sender.encoder.heap_bytes() + RepeatedSection::kMostBytes);
  sender.send(std::vector<Field>(23, Field{"x", "y"}));
  sender.send(std::vector<Field>(23, Field{"x", "y"}));
  sender.send(std::vector<Field>(23, Field{"x", "y"}));
  CHECK(sender.was_again);
  CHECK(heap.live_bytes == sender.encoder.heap_bytes() + sender.repeated.heap_bytes());
  CHECK(sender.repeated.heap_bytes() > 0);
  CHECK(sender.repeated.heap_bytes() <= RepeatedSection::kMostBytes);
  sender.repeated.release();
  CHECK(heap.live_bytes == sender.encoder.heap_bytes());
  sender.send(std::vector<Field>(23, Field{"x", "y"}));
  CHECK(!sender.was_again);
}

TEST_CASE("without memory nothing is kept, and nothing is lost") {
  Heap heap;
  Sender sender(heap.allocator());
  Decoder decoder({});
  for (int i = 0; i < 6; ++i) {
    if (i == 1) heap.fail_at = 0;
    CHECK(decode(decoder, sender.send(kHead)) == Lines{{":status", "200"}} + lines_of(kHead));
    CHECK(!sender.was_again);
  }
}

TEST_CASE(
    "whatever repeats, in whatever order, and whatever happens to the table, each section arrives as it was given") {
  std::mt19937 dice(7541);
  const auto roll = [&dice](std::size_t sides) { return dice() % sides; };
  std::size_t times_again = 0;
  for (int life = 0; life < 200; ++life) {
    Sender sender;
    Decoder decoder({});
    std::vector<Field> fields = kHead;
    for (int step = 0; step < 60; ++step) {
      switch (roll(12)) {
        case 0: fields[roll(fields.size())].value = roll(2) == 0 ? "h2" : "\"0123456789\""; break;
        case 1: fields.push_back({"cookie", "a=0123456789012345678"}); break;
        case 2: fields.resize(1 + roll(fields.size())); break;
        case 3: fields[roll(fields.size())].indexing = static_cast<Indexing>(roll(4)); break;
        case 4: CHECK(decode(decoder, encode(sender.encoder, kHead)) == lines_of(kHead)); break;
        case 5: sender.encoder.set_peer_table_size(roll(2) == 0 ? 4096 : static_cast<std::uint32_t>(roll(200))); break;
        case 6: sender.encoder.trim(); break;
        default: break;
      }
      CHECK(decode(decoder, sender.send(fields)) == Lines{{":status", "200"}} + lines_of(fields));
      times_again += sender.was_again ? 1 : 0;
    }
  }
  CHECK(times_again > 1000);
}
