// Open addressing with linear probing at no more than half load; removal shifts back, so there are no tombstones.
#include <h2core/detail/stream_table.h>

namespace h2::detail {

std::uint32_t StreamTable::add(StreamId id) noexcept {
  if (std::size_t{slab_.used() + 1} * 2 > map_.size() && !grow()) return kNoSlot;
  const std::uint32_t slot = slab_.take();
  if (slot == kNoSlot) return kNoSlot;
  slab_[slot].id = id;
  place(id.value, slot);
  keep(id, slot);
  return slot;
}

void StreamTable::discard(std::uint32_t slot) noexcept {
  const Stream& stream = slab_[slot];
  const std::size_t mask = map_.size() - 1;
  std::size_t hole = home(stream.id.value);
  while (map_[hole].id != stream.id.value) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; map_[i].id != 0; i = (i + 1) & mask) {
    const std::size_t wanted = home(map_[i].id);
    if (((i - wanted) & mask) >= ((i - hole) & mask)) {
      map_[hole] = map_[i];
      hole = i;
    }
  }
  map_[hole] = {};
  if (last_id_ == stream.id) keep_none();
  slab_.give_back(slot);
}

std::uint32_t StreamTable::look_up(StreamId id) const noexcept {
  if (map_.empty() || id == kConnection) return kNoSlot;
  const std::size_t mask = map_.size() - 1;
  for (std::size_t i = home(id.value); map_[i].id != 0; i = (i + 1) & mask)
    if (map_[i].id == id.value) return map_[i].slot;
  return kNoSlot;
}

bool StreamTable::grow() noexcept {
  const std::size_t size = map_.empty() ? 16 : map_.size() * 2;
  Array<Place> larger(map_.allocator());
  if (!larger.reserve(size)) return false;
  for (std::size_t i = 0; i < size; ++i) static_cast<void>(larger.push({}));
  map_.swap(larger);
  shift_ = 32;
  for (std::size_t n = size; n > 1; n /= 2) --shift_;
  for (std::size_t i = 0; i < larger.size(); ++i)
    if (larger[i].id != 0) place(larger[i].id, larger[i].slot);
  return true;
}

void StreamTable::place(std::uint32_t id, std::uint32_t slot) noexcept {
  const std::size_t mask = map_.size() - 1;
  std::size_t i = home(id);
  while (map_[i].id != 0) i = (i + 1) & mask;
  map_[i] = {id, slot};
}

void StreamTable::passed_over(StreamId after, StreamId before) noexcept {
  if (Past* past = past_.make()) past->gaps[past->gaps_next++ % kGaps] = {after.value, before.value};
}

void StreamTable::remember(StreamId id, State how) noexcept {
  Past* const past = past_.make();
  if (past == nullptr) return;
  const std::uint32_t at = past->closed_next++ % kClosed;
  past->closed[at] = id.value;
  past->how[at] = how;
}

State StreamTable::how_closed(StreamId id) const noexcept {
  const Past* const past = past_.get();
  if (past == nullptr) return State::forgotten;
  for (std::uint32_t i = 1; i <= kClosed; ++i) {  // latest first: what ended may have been reset since
    const std::uint32_t at = (past->closed_next - i) % kClosed;
    if (past->closed[at] == id.value) return past->how[at];
  }
  for (const Gap& gap : past->gaps)
    if (id.value > gap.after && id.value < gap.before && id.value % 2 == gap.before % 2) return State::never_used;
  return State::forgotten;
}

void StreamTable::trim() noexcept {
  if (slab_.used() > 0) return;
  slab_.release();
  map_.release();
  keep_none();
}

}  // namespace h2::detail
