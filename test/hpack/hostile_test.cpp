// Blocks that nobody should send: random octets, and good blocks with some octets changed.
#include <doctest/doctest.h>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

/// Decodes and touches every octet of every view at the block's end.
void survive(Decoder& decoder, std::span<const std::byte> block) {
  for (const Line& line : decode(decoder, block))
    CHECK(line.name.size() + line.value.size() <= 2 * 4096 + 2 * block.size());
  CHECK(decoder.table_size() <= decoder.table_capacity());
}

}  // namespace

TEST_CASE("Random octets are decoded or refused, never more") {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    Decoder decoder({.table_size = static_cast<std::uint32_t>(random() % 300)});
    for (int blocks = 0; blocks < 4; ++blocks) {
      Bytes block(random() % 60);
      for (std::byte& octet : block) octet = static_cast<std::byte>(random());
      survive(decoder, block);
    }
  }
}

TEST_CASE("Mutated blocks are decoded or refused, never more, whether views are kept or dropped") {
  std::mt19937 random(2);
  const Field fields[] = {{":method", "GET"},
                          {":path", "/some/where?q=1"},
                          {"user-agent", "Mozilla/5.0 (X11; Linux)"},
                          {"x-trace", "0123456789abcdef"},
                          {"cookie", "short"},
                          {"accept", "*/*"}};
  for (int round = 0; round < 10000; ++round) {
    Encoder encoder({.table_cap = 300});
    Decoder decoder({.table_size = 4096});
    for (int blocks = 0; blocks < 4; ++blocks) {
      Bytes block = encode(encoder, fields);
      for (auto changes = random() % 3; changes > 0; --changes) {
        const std::size_t at = random() % block.size();
        if (random() % 4 == 0) {
          block.insert(block.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::byte>(random()));
        } else {
          block[at] = static_cast<std::byte>(random());
        }
      }
      if (round % 2 == 0) {
        survive(decoder, block);
        continue;
      }
      const Exact exact(block);
      decoder.begin(exact.view());
      std::size_t sum = 0;
      const auto dropped_at = random() % 6;
      std::size_t count = 0;
      for (Field field; decoder.next(field) == Decoder::Step::field;) {
        for (const char c : field.name) sum += static_cast<unsigned char>(c);
        for (const char c : field.value) sum += static_cast<unsigned char>(c);
        if (count++ == dropped_at) decoder.drop_views();
      }
      CHECK(sum < 1000000);
    }
  }
}
