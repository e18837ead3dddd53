// What the heap sees: nothing once warm, no more than was stated, and no harm when it is empty.
#include <doctest/doctest.h>

#include <random>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

/// A request whose path and etag change every time, with a field that keeps evicting.
struct Request {
  explicit Request(int i)
      : path("/images/" + std::to_string(i * 7919)),
        tag("tag-" + std::to_string(i)),
        agent(90, static_cast<char>('a' + i % 26)) {}
  std::string path;
  std::string tag;
  std::string agent;
  std::vector<Field> fields() const {
    return {{":method", "GET"}, {":path", path},     {":authority", "www.example.com"}, {"user-agent", agent},
            {"etag", tag},      {"x-changing", tag}, {"authorization", "secret"}};
  }
};

}  // namespace

TEST_CASE("A fresh coder holds no heap memory") {
  Heap heap;
  const Decoder decoder({.allocator = heap.allocator()});
  const Encoder encoder({.allocator = heap.allocator()});
  CHECK(heap.calls == 0);
  CHECK(sizeof decoder + sizeof encoder < 400);
}

TEST_CASE("Once warm, neither side calls the heap, evictions and Huffman included") {
  Heap heap;
  {
    Decoder decoder({.allocator = heap.allocator()});
    Encoder encoder({.allocator = heap.allocator()});
    std::size_t warm = 0;
    for (int i = 0; i < 5000; ++i) {
      const Request request(i);
      const std::vector<Field> fields = request.fields();
      REQUIRE(decode(decoder, encode(encoder, fields)) == lines_of(fields));
      if (i == 200) warm = heap.calls;
    }
    CHECK(heap.calls == warm);
    CHECK(heap.live_bytes == decoder.heap_bytes() + encoder.heap_bytes());
    MESSAGE("warm: decoder " << decoder.heap_bytes() << " bytes, encoder " << encoder.heap_bytes());
    CHECK(decoder.heap_bytes() <= 24 * 1024);
    CHECK(encoder.heap_bytes() <= 24 * 1024);
  }
  CHECK(heap.live_bytes == 0);
}

TEST_CASE("memory_bound: an encoder stays within it, whatever fields come") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{40}, std::size_t{1000}, std::size_t{4060}}) {
    CAPTURE(most);
    Heap heap;
    Encoder encoder({.allocator = heap.allocator()});
    std::mt19937 random(3);
    for (int i = 0; i < 3000; ++i) {
      const std::string name = "x" + std::to_string(random() % 500), value(random() % most, 'v');
      const Field field[] = {{name, value}};
      encode(encoder, field);
    }
    CHECK(heap.peak_bytes <= Encoder::memory_bound(4096));
    if (most == 1) CHECK(heap.peak_bytes * 3 >= Encoder::memory_bound(4096));
  }
}

TEST_CASE("trim gives back what live entries do not need, and all of it when there are none") {
  Heap heap;
  Decoder decoder({.allocator = heap.allocator()});
  Encoder encoder({.allocator = heap.allocator()});
  for (int i = 0; i < 300; ++i) {
    const Request request(i);
    decode(decoder, encode(encoder, request.fields()));
  }
  const Lines before = table_of(decoder);
  const std::size_t decoder_before = decoder.heap_bytes();
  decoder.trim();
  encoder.trim();
  CHECK(decoder.heap_bytes() < decoder_before);
  CHECK(table_of(decoder) == before);
  CHECK(table_of(encoder) == before);
  for (int i = 300; i < 330; ++i) {
    const Request request(i);
    const std::vector<Field> fields = request.fields();
    REQUIRE(decode(decoder, encode(encoder, fields)) == lines_of(fields));
  }
  encoder.set_peer_table_size(0);
  decode(decoder, encode(encoder, {}));
  decoder.trim();
  encoder.trim();
  CHECK(heap.live_bytes == 0);
}

TEST_CASE("Out of memory at any call: the encoder goes on without indexing, the decoder says so") {
  std::size_t calls = 1;
  for (std::size_t fail_at = 0; fail_at < calls; ++fail_at) {
    Heap short_heap;
    short_heap.fail_at = fail_at;
    Heap heap;
    {
      Encoder encoder({.allocator = short_heap.allocator()});
      Decoder decoder({.allocator = heap.allocator()});
      for (int i = 0; i < 40; ++i) {
        const Request request(i);
        const std::vector<Field> fields = request.fields();
        REQUIRE(decode(decoder, encode(encoder, fields)) == lines_of(fields));
        REQUIRE(table_of(encoder) == table_of(decoder));
      }
    }
    CHECK(short_heap.live_bytes == 0);
    CHECK(heap.live_bytes == 0);

    Heap full;
    short_heap = Heap{};
    short_heap.fail_at = fail_at;
    {
      Encoder encoder({.allocator = full.allocator()});
      Decoder decoder({.allocator = short_heap.allocator()});
      for (int i = 0; i < 40; ++i) decode(decoder, encode(encoder, Request(i).fields()));
      const bool failed = decoder.error() == DecodeError::out_of_memory;
      CHECK(failed == (short_heap.calls > fail_at));
    }
    CHECK(short_heap.live_bytes == 0);
    if (full.calls > calls) calls = full.calls + 3;
  }
  CHECK(calls > 4);
}

TEST_CASE("Out of memory while trimming changes nothing but the memory kept") {
  for (std::size_t spare = 0; spare < 4; ++spare) {
    Heap heap;
    Encoder encoder({.allocator = heap.allocator()});
    Decoder decoder({.allocator = heap.allocator()});
    for (int i = 0; i < 40; ++i) {
      const Request request(i);
      decode(decoder, encode(encoder, request.fields()));
    }
    const Lines before = table_of(encoder);
    heap.fail_at = heap.calls + spare;
    encoder.trim();
    decoder.trim();
    CHECK(table_of(encoder) == before);
    CHECK(table_of(decoder) == before);
    const Request last(39);
    const std::vector<Field> fields = last.fields();
    heap.fail_at = SIZE_MAX;
    CHECK(decode(decoder, encode(encoder, fields)) == lines_of(fields));
  }
}
