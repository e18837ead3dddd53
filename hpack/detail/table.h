// The dynamic table (RFC 7541 2.3.2, 4), shared by decoder and encoder. Only here because their objects contain it;
// not for users.
//
// Entries stand in a ring; their octets in an arena that is only appended to. Eviction moves an entry counter and
// nothing else, so what views show stays where it is until somebody allows the arena to be packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <hpack/allocator.h>
#include <hpack/export.h>
#include <hpack/huffman.h>

namespace hpack::detail {

/// Added to each entry's octets by RFC 7541 4.1.
inline constexpr std::uint32_t kEntryOverhead = 32;

struct Entry {
  const char* name = nullptr;   ///< in the static table, or in the arena just before the value
  const char* value = nullptr;  ///< in the arena
  std::uint32_t name_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t mark = 0;         ///< what Classify said, or whoever judges what is encoded
  std::uint32_t static_name = 0;  ///< static index that owns the name's octets, or 0

  std::string_view name_view() const noexcept { return {name, name_size}; }
  std::string_view value_view() const noexcept { return {value, value_size}; }
  std::uint64_t size() const noexcept { return std::uint64_t{name_size} + value_size + kEntryOverhead; }
};

class H2CORE_API Table {
 public:
  Table(std::uint32_t capacity, const Allocator& allocator) noexcept : allocator_(allocator), capacity_(capacity) {}
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t capacity() const noexcept { return capacity_; }
  std::uint32_t count() const noexcept { return newest_ - oldest_; }
  std::size_t heap_bytes() const noexcept;

  /// The i-th newest, i < count(): HPACK's index less 62.
  const Entry& newest(std::uint32_t i) const noexcept { return ring_[(newest_ - 1 - i) & ring_mask_]; }
  Entry& newest(std::uint32_t i) noexcept { return ring_[(newest_ - 1 - i) & ring_mask_]; }

  const Allocator& allocator() const noexcept { return allocator_; }
  /// Entries are numbered from 0 in order of insertion, modulo 2^32; dead or alive is told by `age`.
  std::uint32_t next_number() const noexcept { return newest_; }
  std::uint32_t age(std::uint32_t number) const noexcept { return newest_ - 1 - number; }

  std::uint32_t ring_slots() const noexcept { return ring_mask_ + 1; }

  /// Room for `octets` at the end of the arena, or null when memory is out. What is written there stays only
  /// after commit(). `octets` is at least 1.
  char* room(std::size_t octets) noexcept {
    char* const found = room_at_hand(octets);
    return found != nullptr ? found : make_room(octets, SIZE_MAX);
  }
  /// The same in two steps: null means that memory would have to be asked for. While pinned, at most `more` octets will
  /// be asked for from here on, or just these.
  char* room_at_hand(std::size_t octets) noexcept { return octets <= arena_bytes_ - used_ ? octets_ + used_ : nullptr; }
  char* make_room(std::size_t octets, std::size_t more) noexcept;
  /// Where room would be.
  char* end() noexcept { return octets_ + used_; }
  /// Octets of text since pin().
  std::size_t block_text() const noexcept { return outgrown_ + used_ - block_start_; }
  void commit(const char* end) noexcept { used_ = static_cast<std::size_t>(end - octets_); }

  /// Makes sure that the next push() finds a place in the ring. False when memory is out.
  bool reserve_entry() noexcept {
    return count() < ring_slots() || count() >= most_entries(capacity_) || grow_ring();  // a full table evicts first
  }

  /// Evicts as RFC 7541 4.4 says and inserts. `entry.size() <= capacity()`, its octets are committed, and
  /// reserve_entry() said yes.
  void push(const Entry& entry) noexcept {
    const auto size = static_cast<std::uint32_t>(entry.size());
    evict_if(size_ > capacity_ - size);
    evict_if(size_ > capacity_ - size);
    while (size_ > capacity_ - size) evict();
    ring_[newest_ & ring_mask_] = entry;
    ++newest_;
    size_ += size;
  }

  /// Evicts down to `capacity` (RFC 7541 4.3).
  void set_capacity(std::uint32_t capacity) noexcept {
    capacity_ = capacity;
    while (size_ > capacity_) evict();
  }
  void clear() noexcept {
    oldest_ = newest_;
    size_ = 0;
  }

  /// From here on nothing in the arena moves or is reused, until unpin(): it grows instead. At most
  /// `most_text` octets are to come, and what is inserted last.
  void pin(std::size_t most_text) noexcept {
    unpin();
    reclaim();
    const std::size_t room = arena_bytes_ - used_;
    if (room > most_text / kFewArenas + kHuffmanSlack && room - kHuffmanSlack < most_text) [[unlikely]]
      settle_room(most_text);
    pinned_ = true;
    block_start_ = used_;
  }
  void unpin() noexcept {
    pinned_ = false;
    if (retired_ != nullptr) release_retired();
  }

  /// Bounds in bytes for a table that never exceeds `capacity`: of the ring, of the arena, and of all arenas while a
  /// block is pinned whose further text is bounded. Old and new exist together while one grows.
  static std::uint64_t most_slots(std::uint32_t capacity) noexcept;
  static std::uint64_t ring_bound(std::uint32_t capacity) noexcept;
  static std::uint64_t arena_bound(std::uint32_t capacity) noexcept;
  static std::uint64_t unpinned_bound(std::uint32_t capacity) noexcept;
  static std::uint64_t pinned_bound(std::uint32_t capacity, std::uint64_t max_text) noexcept;

  /// Gives back what the live entries do not need. Moves them.
  void trim() noexcept;

  /// Memory from where the table has its own, not counted in heap_bytes().
  void* allocate(std::size_t bytes) noexcept;
  void release(void* memory, std::size_t bytes) noexcept;

 private:
  struct Retired;

  static constexpr std::size_t kFewArenas = 4;  ///< while pinned, each has so many times the room of the one before
  static constexpr std::uint32_t kNoRing = UINT32_MAX;  ///< as a mask: one less than no slots

  /// An entry counts 32 octets at least.
  static constexpr std::uint32_t most_entries(std::uint32_t capacity) noexcept { return capacity / kEntryOverhead; }
  /// Octets of the arena that belong to entries, at most: names that the static table has are counted here, too.
  std::size_t live() const noexcept { return size_ - kEntryOverhead * count(); }
  void evict() noexcept {
    const Entry& entry = ring_[oldest_ & ring_mask_];
    size_ -= static_cast<std::uint32_t>(entry.size());
    ++oldest_;
  }
  // The same without a branch. How many entries make room for one is known only when that one's text is decoded, and a
  // wrong guess throws away what was begun meanwhile (two of them: 5 % of the time of nghttp2's stories). The ring
  // exists.
  void evict_if(bool too_large) noexcept {
    const auto size = static_cast<std::uint32_t>(ring_[oldest_ & ring_mask_].size());
    const std::uint32_t goes = too_large;
    size_ -= size & (0 - goes);
    oldest_ += goes;
  }
  void reclaim() noexcept;
  char* make_pinned_room(std::size_t octets, std::size_t more) noexcept;
  void settle_room(std::size_t most_text) noexcept;
  bool replace_arena(std::size_t bytes) noexcept;
  void pack(char* to) noexcept;
  bool grow_ring() noexcept;
  bool replace_ring(std::uint32_t slots) noexcept;
  void release_arena() noexcept;
  void release_ring() noexcept;
  void release_retired() noexcept;

  Allocator allocator_;
  Entry* ring_ = nullptr;
  char* octets_ = nullptr;  ///< the arena
  std::size_t arena_bytes_ = 0;
  std::size_t used_ = 0;
  std::size_t outgrown_ = 0;     ///< text of this block in arenas before this one
  std::size_t block_start_ = 0;  ///< and where its text begins in this one
  std::size_t most_text_ = 0;    ///< of all blocks that outgrew one
  Retired* retired_ = nullptr;   ///< outgrown arenas that views may still show
  std::uint32_t ring_mask_ = kNoRing;
  std::uint32_t oldest_ = 0;
  std::uint32_t newest_ = 0;
  std::uint32_t size_ = 0;  ///< RFC 7541 4.1
  std::uint32_t capacity_;
  bool pinned_ = false;
};

}  // namespace hpack::detail
