// Who sends next (RFC 9218 10): streams that have content and an open window of their own, by urgency. In one urgency
// those that are useful only when whole go one after the other, in the order of their ids; incremental ones take turns;
// and where there are both kinds, the kinds take turns. Every eighth frame goes to those who would wait longest, so
// that nobody starves: of n ready streams each is served at least once in 8 * 16 * n frames.
#pragma once

#include <bit>

#include <h2core/detail/stream_table.h>

namespace h2::detail {

class Turns {
 public:
  Turns(StreamTable& streams, const Allocator& allocator) noexcept : streams_(streams), lists_(allocator) {}

  /// Before the first add(); false when memory failed.
  bool prepare() noexcept { return lists_.make() != nullptr; }
  /// Gives that memory back if nobody is ready.
  void trim() noexcept {
    if (empty()) lists_.release();
  }
  static constexpr std::size_t bound() noexcept { return sizeof(Lists); }
  bool empty() const noexcept { return filled_ == 0; }
  void add(std::uint32_t slot, Stream& stream) noexcept;
  void remove(std::uint32_t slot, Stream& stream) noexcept;
  /// Whose turn it is; some stream is ready.
  std::uint32_t next() const noexcept;
  /// A frame of the stream whose turn it was is out.
  void served(const Stream& stream) noexcept;

 private:
  static constexpr unsigned kLists = 16;    // per urgency: whole ones, incremental ones
  static constexpr unsigned kCourtesy = 8;  // ours to choose: an eighth for the patient costs the urgent little
  static constexpr unsigned kSearch = 16;   // places that are looked at for the order of ids

  static unsigned list_of(const Stream& stream) noexcept {
    return stream.urgency * 2U + (stream.incremental ? 1U : 0U);
  }
  bool is_courtesy() const noexcept { return turn_ % kCourtesy == kCourtesy - 1; }
  std::uint32_t place_of(const Stream& stream, std::uint32_t head) const noexcept;

  // Of lists that have a stream.
  struct Lists {
    std::uint32_t heads[kLists];    // of circular lists
    std::uint32_t patient[kLists];  // of whole ones, who is let in next; it keeps its place
  };

  StreamTable& streams_;
  Lazy<Lists> lists_;
  std::uint32_t filled_ = 0;  // a bit per list that has a stream
  std::uint32_t turn_ = 0;
};

/// The first stream with a higher id, looked for from the end: new streams belong there.
inline std::uint32_t Turns::place_of(const Stream& stream, std::uint32_t head) const noexcept {
  std::uint32_t at = head;
  for (unsigned step = 0; step < kSearch; ++step) {
    const std::uint32_t before = streams_[at].ready_prev;
    if (streams_[before].id < stream.id || before == head) break;
    at = before;
  }
  return at;
}

inline void Turns::add(std::uint32_t slot, Stream& stream) noexcept {
  const unsigned list = list_of(stream);
  std::uint32_t& head = lists_.get()->heads[list];
  const bool alone = (filled_ >> list & 1U) == 0;
  stream.ready = true;
  filled_ |= 1U << list;
  if (alone) {
    head = lists_.get()->patient[list] = stream.ready_prev = stream.ready_next = slot;
    return;
  }
  const bool first = !stream.incremental && stream.id < streams_[head].id;
  const std::uint32_t at = stream.incremental || first ? head : place_of(stream, head);
  Stream& behind = streams_[at];
  const std::uint32_t before = behind.ready_prev;
  stream.ready_prev = before;
  stream.ready_next = at;
  behind.ready_prev = slot;
  streams_[before].ready_next = slot;
  if (first) head = slot;
}

inline void Turns::remove(std::uint32_t slot, Stream& stream) noexcept {
  const unsigned list = list_of(stream);
  const std::uint32_t before = stream.ready_prev, behind = stream.ready_next;
  stream.ready = false;
  if (behind == slot) {
    filled_ &= ~(1U << list);
    return;
  }
  Lists& lists = *lists_.get();
  if (lists.heads[list] == slot) lists.heads[list] = behind;
  if (lists.patient[list] == slot) lists.patient[list] = behind;
  streams_[before].ready_next = behind;
  streams_[behind].ready_prev = before;
}

inline std::uint32_t Turns::next() const noexcept {
  const Lists& lists = *lists_.get();
  if (!is_courtesy()) {
    unsigned list = static_cast<unsigned>(std::countr_zero(filled_));
    if ((list & 1U) == 0 && (filled_ >> list & 2U) != 0 && (turn_ & 1U) != 0) ++list;
    return lists.heads[list];
  }
  const unsigned from = turn_ / kCourtesy % kLists;
  const std::uint32_t behind = filled_ >> from << from;
  const int list = std::countr_zero(behind != 0 ? behind : filled_);
  return streams_[lists.heads[list]].incremental ? lists.heads[list] : lists.patient[list];
}

inline void Turns::served(const Stream& stream) noexcept {
  const bool courtesy = is_courtesy();
  ++turn_;
  if (stream.incremental) lists_.get()->heads[list_of(stream)] = stream.ready_next;
  else if (courtesy) lists_.get()->patient[list_of(stream)] = stream.ready_next;
}

}  // namespace h2::detail
