// All streams that have a record, by id; and what is still remembered of those that have none.
//
// The latest have places by the end of their ids, until another of the same end comes; then the older goes to the
// table. So streams that do not live long touch these 128 bytes only, however many others there are (100,000 idle ones
// made a request beside them a seventh dearer, now they do not), and need no hash (100 instructions of a request).
// Where a peer leaves ids out so that streams meet there, the table has them, which is keyed.
#pragma once

#include <algorithm>
#include <bit>

#include <h2core/detail/memory.h>
#include <h2core/detail/stream.h>

namespace h2::detail {

class StreamTable {
 public:
  StreamTable(const Allocator& allocator, std::uint64_t seed) noexcept
      : slab_(allocator),
        map_(allocator),
        past_(allocator),
        multiplier_(static_cast<std::uint32_t>(seed * 2 + 0x9e3779b1U) | 1U) {}

  /// Slot of a stream, or kNoSlot. The last one found is remembered: frames come in runs.
  std::uint32_t find(StreamId id) noexcept {
    if (id == last_id_) [[likely]]
      return last_slot_;
    const std::uint32_t slot = look_up(id);
    if (slot != kNoSlot) keep(id, slot);
    return slot;
  }
  /// Its record, or null; without the way from the slot through the slab.
  Stream* record(StreamId id) noexcept {
    if (id == last_id_) [[likely]]
      return last_;
    const std::uint32_t slot = look_up(id);
    if (slot == kNoSlot) return nullptr;
    keep(id, slot);
    return last_;
  }
  std::uint32_t find(StreamId id) const noexcept { return look_up(id); }

  std::uint32_t add(StreamId id) noexcept;
  /// Removes the record and remembers how it ended.
  void remove(std::uint32_t slot) noexcept {
    remember(slab_[slot].id, slab_[slot].state);
    discard(slot);
  }
  /// Removes the record of a stream that never came to be.
  void discard(std::uint32_t slot) noexcept;

  Stream& operator[](std::uint32_t slot) noexcept { return slab_[slot]; }
  const Stream& operator[](std::uint32_t slot) const noexcept { return slab_[slot]; }
  std::uint32_t size() const noexcept { return slab_.used(); }

  /// What each() costs, in records: it passes the free places too that a crowd of streams has left behind.
  std::size_t cost_of_each() const noexcept { return std::max<std::size_t>(slab_.used(), map_.size() / 8); }
  template <class Visit>
  void each(Visit&& visit) noexcept {
    for (std::size_t i = 0; i < map_.size(); ++i)  // the latest ones, too
      if (map_[i].id != 0) visit(map_[i].slot);
  }

  /// Ids from `after` (exclusive) up to `before` (exclusive) of one parity were passed over.
  void passed_over(StreamId after, StreamId before) noexcept;
  void remember(StreamId id, State how) noexcept;
  /// How a stream ended that has no record and is not idle.
  State how_closed(StreamId id) const noexcept;

  void trim() noexcept;

  /// What so many records take at most: their pages and places, also while these grow.
  static constexpr std::uint64_t bound(std::uint64_t records) noexcept {
    return Slab<Stream>::bound(records) +
           (std::bit_ceil(std::max<std::uint64_t>(records * 4 / 3 + 1, 16)) * 3 / 2 + 2 * kLatest) * sizeof(Place) +
           sizeof(Past);
  }

 private:
  struct Place {
    std::uint32_t id;  // 0: free
    std::uint32_t slot;
  };
  struct Gap {
    std::uint32_t after, before;
  };
  // Bounds of our memory of the past, ours to choose: what one flight of frames may still name. Without memory it is
  // forgotten at once, which is only more lenient.
  static constexpr std::uint32_t kClosed = 32, kGaps = 4;
  struct Past {
    std::uint32_t closed[kClosed];
    State how[kClosed];
    Gap gaps[kGaps];
    std::uint32_t closed_next, gaps_next;
  };

  static constexpr std::size_t kLatest = 16;      // places, before those of the table
  static constexpr std::uint32_t kTogether = 32;  // streams that share a hash
  static constexpr std::uint64_t kStep = kTogether + 1, kStepInverse = 0xf83e0f83e0f83e1;
  static_assert(kStep * kStepInverse == 1);

  static std::size_t latest(std::uint32_t id) noexcept { return id / 2 % kLatest; }
  // Of the table, in which places are counted from its begin.
  Place* table() noexcept { return map_.data() + kLatest; }
  const Place* table() const noexcept { return map_.data() + kLatest; }
  std::size_t table_size() const noexcept { return map_.size() - kLatest; }
  std::size_t home(std::uint32_t id) const noexcept {
    const std::uint32_t product = id / (2 * kTogether) * multiplier_;
    return (((product ^ product >> 15) * multiplier_ >> shift_) + id / 2 % kTogether) & (table_size() - 1);
  }
  std::uint32_t look_up(StreamId id) const noexcept;
  void keep(StreamId id, std::uint32_t slot) noexcept {
    last_id_ = id;
    last_slot_ = slot;
    last_ = &slab_[slot];
  }
  void keep_none() noexcept {
    last_id_ = kConnection;
    last_slot_ = kNoSlot;
    last_ = nullptr;
  }
  bool grow() noexcept;
  void place(Place stream) noexcept;
  void displace(std::uint32_t id) noexcept;

  Slab<Stream> slab_;
  Array<Place> map_;
  Lazy<Past> past_;
  std::uint32_t multiplier_;
  unsigned shift_ = 32;
  std::uint32_t highest_ = 0;  // id that ever had a place
  StreamId last_id_;
  std::uint32_t last_slot_ = kNoSlot;
  Stream* last_ = nullptr;
};

}  // namespace h2::detail
