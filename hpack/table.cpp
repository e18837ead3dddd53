// The slow side of the dynamic table: growing, packing, giving back.
#include <hpack/detail/table.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace hpack::detail {
namespace {

// First sizes, chosen so that a connection with a handful of fields stays near 1 KiB; doubling from there.
constexpr std::size_t kFirstArena = 512;
constexpr std::uint32_t kFirstRing = 16;
// And of an arena for more text of the same block.
constexpr std::size_t kPiece = 4096;

// Beyond this a size computation might overflow; no allocator has that much.
constexpr std::size_t kMostBytes = SIZE_MAX / 16;

}  // namespace

// Stands at the front of every arena block, so that keeping an outgrown one needs no memory.
struct Table::Retired {
  Retired* next;
  std::size_t bytes;
};

Table::~Table() {
  release_retired();
  release_arena();
  release_ring();
}

void Table::reclaim() noexcept {
  if (count() == 0) {
    used_ = 0;
    return;
  }
  // What was decoded behind the newest entry without being inserted is free now.
  const Entry& last = newest(0);
  used_ = static_cast<std::size_t>(last.value + last.value_size - octets_);
  // Packing costs as much as there is alive; a quarter of the arena won each time pays for it.
  if (used_ >= live() + arena_bytes_ / 4) pack(octets_);
}

char* Table::make_room(std::size_t octets, std::size_t more) noexcept {
  if (octets > kMostBytes) return nullptr;
  if (pinned_) return make_pinned_room(octets, more);
  const std::size_t need = live() + octets;
  if (need <= arena_bytes_ / 2) {
    pack(octets_);
    return octets_ + used_;
  }
  std::size_t bytes = kFirstArena;
  if (bytes < 2 * need) bytes = std::bit_ceil(2 * need);
  if (!replace_arena(bytes)) return nullptr;
  return octets_ + used_;
}

// The outgrown arena stays for its views, and what is left of it is lost. So each new one has several times the room of
// the last, which keeps arenas few and all that is lost below half of the text; and one for a large part of the block's
// text has room for all of it. What goes into the table beyond that has just its own.
char* Table::make_pinned_room(std::size_t octets, std::size_t more) noexcept {
  const std::size_t text = block_text(), whole = text + more;
  std::size_t room = octets;
  if (octets <= more) {
    if (arena_bytes_ != 0) room = std::max({octets, kFewArenas * (arena_bytes_ - block_start_), most_text_, kPiece});
    if (room > whole / kFewArenas) room = whole;
  }
  if (!replace_arena(std::max(kFirstArena, live() + room + kHuffmanSlack))) return nullptr;
  outgrown_ = text;
  block_start_ = used_;
  return octets_ + used_;
}

// Before a block whose text might not fit though there is room for much of it: this room would be lost beside an arena
// for all text. If there is no memory for a small arena, there will be none for a large one.
void Table::settle_room(std::size_t most_text) noexcept {
  pack(octets_);
  if (arena_bytes_ - used_ < most_text + kHuffmanSlack) static_cast<void>(replace_arena(std::max(kFirstArena, live())));
}

bool Table::replace_arena(std::size_t bytes) noexcept {
  auto* const memory = static_cast<char*>(allocate(sizeof(Retired) + bytes));
  if (memory == nullptr) return false;
  auto* const old = octets_ == nullptr ? nullptr : reinterpret_cast<Retired*>(octets_ - sizeof(Retired));
  ::new (memory) Retired{nullptr, sizeof(Retired) + bytes};
  pack(memory + sizeof(Retired));
  octets_ = memory + sizeof(Retired);
  arena_bytes_ = bytes;
  if (old == nullptr) return true;
  if (pinned_) {
    old->next = retired_;
    retired_ = old;
  } else {
    release(old, old->bytes);
  }
  return true;
}

// Moves what is alive to the front of `to`, oldest first. In place that never overtakes what is still to move, because
// entries were appended in the same order; those without a gap between them move together (18 to 8 instructions a field
// of nghttp2's stories).
void Table::pack(char* to) noexcept {
  char* end = to;
  const char* run = to;
  std::size_t run_octets = 0;
  const auto move_run = [&]() noexcept {
    if (run_octets > 0 && run != end) std::memmove(end, run, run_octets);
    end += run_octets;
  };
  for (std::uint32_t number = oldest_; number != newest_; ++number) {
    Entry& entry = ring_[number & ring_mask_];
    const bool has_name = entry.static_name == 0;
    const char* const from = has_name ? entry.name : entry.value;
    if (from != run + run_octets) {
      move_run();
      run = from;
      run_octets = 0;
    }
    if (has_name) {
      entry.name = end + run_octets;
      run_octets += entry.name_size;
    }
    entry.value = end + run_octets;
    run_octets += entry.value_size;
  }
  move_run();
  used_ = static_cast<std::size_t>(end - to);
}

bool Table::grow_ring() noexcept { return replace_ring(ring_ == nullptr ? kFirstRing : 2 * ring_slots()); }

bool Table::replace_ring(std::uint32_t slots) noexcept {
  auto* const memory = static_cast<Entry*>(allocate(slots * sizeof(Entry)));
  if (memory == nullptr) return false;
  for (std::uint32_t i = 0; i < slots; ++i) ::new (memory + i) Entry;
  for (std::uint32_t number = oldest_; number != newest_; ++number) {
    memory[number & (slots - 1)] = ring_[number & ring_mask_];
  }
  release_ring();
  ring_ = memory;
  ring_mask_ = slots - 1;
  return true;
}

std::uint64_t Table::most_slots(std::uint32_t capacity) noexcept {
  return std::max(std::bit_ceil(std::uint64_t{most_entries(capacity)}), std::uint64_t{kFirstRing});
}

std::uint64_t Table::ring_bound(std::uint32_t capacity) noexcept {
  const std::uint64_t bytes = most_slots(capacity) * sizeof(Entry);
  return bytes + bytes / 2;
}

// What is about to be inserted stands beside what it will evict, so two capacities may live; and their double is taken.
std::uint64_t Table::arena_bound(std::uint32_t capacity) noexcept {
  const std::uint64_t bytes = std::max(std::bit_ceil(4 * std::uint64_t{capacity}), std::uint64_t{kFirstArena});
  return bytes + bytes / 2 + 2 * sizeof(Retired);
}

// The same where a block has left an arena that is no power of two.
std::uint64_t Table::unpinned_bound(std::uint32_t capacity) noexcept {
  return arena_bound(capacity) + 4 * std::uint64_t{capacity};
}

// Text lies in arenas of which each new one has a copy of what lives: the last with room for all text, those before it
// with a quarter of that, a sixteenth and so on; a quarter of the first may be lost to gaps. And one has what goes into
// the table beyond that text.
std::uint64_t Table::pinned_bound(std::uint32_t capacity, std::uint64_t max_text) noexcept {
  const std::uint64_t arenas = static_cast<std::uint64_t>(std::bit_width(max_text / kPiece)) / 2 + 3;
  const std::uint64_t last = max_text + 2 * std::uint64_t{capacity} + kFirstArena;
  return last + max_text / 2 + (arenas + 1) * (std::uint64_t{capacity} + sizeof(Retired) + kHuffmanSlack);
}

void Table::trim() noexcept {
  unpin();
  most_text_ = 0;
  if (count() == 0) {
    release_arena();
    release_ring();
    return;
  }
  const std::size_t bytes = (live() + 64) & ~std::size_t{63};
  if (bytes >= arena_bytes_ || !replace_arena(bytes)) pack(octets_);
  const std::uint32_t slots = std::bit_ceil(count());
  if (slots < ring_slots()) replace_ring(slots);
}

void Table::release_arena() noexcept {
  if (octets_ == nullptr) return;
  release(octets_ - sizeof(Retired), sizeof(Retired) + arena_bytes_);
  octets_ = nullptr;
  arena_bytes_ = 0;
  used_ = 0;
}

void Table::release_ring() noexcept {
  if (ring_ == nullptr) return;
  release(ring_, ring_slots() * sizeof(Entry));
  ring_ = nullptr;
  ring_mask_ = kNoRing;
}

void Table::release_retired() noexcept {
  most_text_ = std::max(most_text_, block_text());
  outgrown_ = 0;
  while (retired_ != nullptr) {
    Retired* const next = retired_->next;
    release(retired_, retired_->bytes);
    retired_ = next;
  }
}

std::size_t Table::heap_bytes() const noexcept {
  std::size_t bytes = ring_slots() * sizeof(Entry);
  if (octets_ != nullptr) bytes += sizeof(Retired) + arena_bytes_;
  for (const Retired* arena = retired_; arena != nullptr; arena = arena->next) bytes += arena->bytes;
  return bytes;
}

void* Table::allocate(std::size_t bytes) noexcept { return allocator_.allocate(allocator_.context, bytes); }

void Table::release(void* memory, std::size_t bytes) noexcept { allocator_.release(allocator_.context, memory, bytes); }

}  // namespace hpack::detail
