// The table of streams against a map: ids of both sides in the order in which connections use them, some left out, and
// streams that go in any order.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <h2core/detail/stream_table.h>

#include "dice.h"
#include "harness.h"
#include "test_memory.h"

namespace h2::test {
namespace {

using detail::kNoSlot;

class Tables {
 public:
  explicit Tables(std::uint32_t seed)
      : dice_(seed),
        table_(allocator_, seed * 0x9e3779b97f4a7c15),
        most_(1U << dice_.below(11)),
        widest_(dice_.one_of<std::uint32_t>({1, 1, 8, 40, 50000})),
        in_order_(dice_.once_in(3)) {
    for (int i = 0; i < 1500; ++i) {
      if (there_.size() < most_ && dice_.below(9) < 5) add();
      else if (!there_.empty()) remove();
      else table_.trim();
      look_for(dice_.below(std::max(highest_[0], highest_[1]) + 40));
      if (!there_.empty()) look_for(any()->first);
      if (i % 250 == 0) compare();
    }
    while (!there_.empty()) remove();
    compare();
  }

 private:
  using Slots = std::map<std::uint32_t, std::uint32_t>;

  // Pushes are rarer than requests.
  void add() {
    std::uint32_t& highest = highest_[dice_.once_in(4) ? 0 : 1];
    highest += 2 * (1 + dice_.below(widest_));
    const std::uint32_t slot = table_.add(StreamId{highest});
    REQUIRE(slot != kNoSlot);
    there_[highest] = slot;
    look_for(highest);
  }
  void remove() {
    const auto which = in_order_ && !dice_.once_in(10) ? there_.begin() : any();
    const std::uint32_t id = which->first;
    table_.remove(which->second);
    there_.erase(which);
    look_for(id);
  }
  Slots::iterator any() { return std::next(there_.begin(), dice_.below(static_cast<std::uint32_t>(there_.size()))); }

  // First without the memory of the last one.
  void look_for(std::uint32_t id) {
    const auto found = there_.find(id);
    const std::uint32_t slot = found == there_.end() ? kNoSlot : found->second;
    REQUIRE(std::as_const(table_).find(StreamId{id}) == slot);
    REQUIRE(table_.find(StreamId{id}) == slot);
    REQUIRE(table_.record(StreamId{id}) == (slot == kNoSlot ? nullptr : &table_[slot]));
    if (slot != kNoSlot) REQUIRE(table_[slot].id == StreamId{id});
  }
  void compare() {
    Slots seen;
    table_.each([&](std::uint32_t slot) { seen[table_[slot].id.value] = slot; });
    REQUIRE(seen == there_);
    REQUIRE(table_.size() == there_.size());
    for (const auto& stream : there_) look_for(stream.first);
  }

  Dice dice_;
  TestMemory memory_;
  const Allocator allocator_ = memory_.allocator();
  detail::StreamTable table_;
  const std::size_t most_;
  const std::uint32_t widest_;  // step from one id to the next of its side, in streams
  const bool in_order_;         // the oldest goes, mostly
  std::uint32_t highest_[2] = {0, 1};
  Slots there_;
};

TEST_CASE("the table of streams finds those that are there, and no others") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    const Tables tables(seed);
  }
}

}  // namespace
}  // namespace h2::test
