// Result, Allocator and the pmr adapter.
#include <doctest/doctest.h>

#include <memory>
#include <memory_resource>

#include <hpack/pmr.h>
#include <hpack/result.h>

#include "support.h"

using namespace hpack;

namespace {
enum class Fault : std::uint8_t { none, some };
}

TEST_CASE("Result holds a value or an error, movable-only values included") {
  Result<int, Fault> number = 7;
  CHECK(number);
  CHECK(*number == 7);
  number = Fault::some;
  CHECK_FALSE(number);
  CHECK(number.error() == Fault::some);

  Result<std::unique_ptr<int>, Fault> owner = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = *std::move(owner);
  CHECK(*taken == 3);

  const Result<std::string, Fault> text = std::string("abc");
  CHECK(text->size() == 3);
  CHECK(text.value() == "abc");
}

TEST_CASE("Result<void> is success until it is given an error") {
  Result<void, Fault> done;
  CHECK(done);
  done = Fault::some;
  CHECK_FALSE(done);
  CHECK(done.error() == Fault::some);
}

TEST_CASE("A memory_resource serves as allocator, and its exception means out of memory") {
  alignas(std::max_align_t) std::byte room[4096];
  std::pmr::monotonic_buffer_resource pool(room, sizeof room, std::pmr::null_memory_resource());
  const Allocator allocator = from_pmr(&pool);
  void* const memory = allocator.allocate(allocator.context, 1000);
  REQUIRE(memory != nullptr);
  allocator.release(allocator.context, memory, 1000);
  CHECK(allocator.allocate(allocator.context, 8000) == nullptr);

  Decoder decoder({.allocator = allocator});
  CHECK(test::decode(decoder, test::wire("40 01 61 01 62")) == test::Lines{{"a", "b"}});
}
