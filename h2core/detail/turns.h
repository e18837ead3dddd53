// Who sends next (RFC 9218 10): streams that have content and an open window of their own, by urgency. In one urgency
// those that are useful only when whole go one after the other, in the order of their ids; incremental ones take turns;
// and where there are both kinds, the kinds take turns. Every eighth frame goes to those who would wait longest, so
// that nobody starves: of n ready streams each is served at least once in 8 * 16 * n frames.
#pragma once

#include <bit>

#include <h2core/detail/memory.h>
#include <h2core/detail/stream.h>

namespace h2::detail {

class Turns {
 public:
  explicit Turns(const Allocator& allocator) noexcept : lists_(allocator) {}

  /// Before the first add(); false when memory failed.
  bool prepare() noexcept { return lists_.make() != nullptr; }
  /// Gives that memory back if nobody is ready.
  void trim() noexcept {
    if (empty()) lists_.release();
  }
  static constexpr std::size_t bound() noexcept { return sizeof(Lists); }
  bool empty() const noexcept { return filled_ == 0; }
  void add(Sending& sending) noexcept;
  void remove(Sending& sending) noexcept;
  /// Whose turn it is; some stream is ready.
  Sending* next() const noexcept;
  /// A frame of the stream whose turn it was is out.
  void served(const Sending& sending) noexcept;
  /// How many turns are its own, from now on, as long as nobody becomes ready or ceases to be; 0 where each is to be
  /// `served()` by itself.
  std::uint32_t row(const Sending& sending) const noexcept;
  void served_row(std::uint32_t turns) noexcept { turn_ += turns; }

 private:
  static constexpr unsigned kLists = 16;    // per urgency: whole ones, incremental ones
  static constexpr unsigned kCourtesy = 8;  // ours to choose: an eighth for the patient costs the urgent little
  static constexpr unsigned kSearch = 16;   // places that are looked at for the order of ids

  static unsigned list_of(const Stream& stream) noexcept {
    return stream.urgency * 2U + (stream.incremental ? 1U : 0U);
  }
  bool is_courtesy() const noexcept { return turn_ % kCourtesy == kCourtesy - 1; }
  static Sending* place_of(const Stream& stream, Sending* head) noexcept;

  // Of lists that have a stream.
  struct Lists {
    Sending* heads[kLists];    // of circular lists
    Sending* patient[kLists];  // of whole ones, who is let in next; it keeps its place
  };

  Lazy<Lists> lists_;
  std::uint32_t filled_ = 0;  // a bit per list that has a stream
  std::uint32_t turn_ = 0;
};

/// The first stream with a higher id, looked for from the end: new streams belong there.
inline Sending* Turns::place_of(const Stream& stream, Sending* head) noexcept {
  Sending* at = head;
  for (unsigned step = 0; step < kSearch; ++step) {
    Sending* const before = at->ready_prev;
    if (before->stream->id < stream.id || before == head) break;
    at = before;
  }
  return at;
}

inline void Turns::add(Sending& sending) noexcept {
  Stream& stream = *sending.stream;
  const unsigned list = list_of(stream);
  Sending*& head = lists_.get()->heads[list];
  const bool alone = (filled_ >> list & 1U) == 0;
  stream.ready = true;
  filled_ |= 1U << list;
  if (alone) {
    head = lists_.get()->patient[list] = sending.ready_prev = sending.ready_next = &sending;
    return;
  }
  const bool first = !stream.incremental && stream.id < head->stream->id;
  Sending* const behind = stream.incremental || first ? head : place_of(stream, head);
  Sending* const before = behind->ready_prev;
  sending.ready_prev = before;
  sending.ready_next = behind;
  behind->ready_prev = before->ready_next = &sending;
  if (first) head = &sending;
}

inline void Turns::remove(Sending& sending) noexcept {
  Stream& stream = *sending.stream;
  const unsigned list = list_of(stream);
  Sending *const before = sending.ready_prev, *const behind = sending.ready_next;
  stream.ready = false;
  if (behind == &sending) {
    filled_ &= ~(1U << list);
    return;
  }
  Lists& lists = *lists_.get();
  if (lists.heads[list] == &sending) lists.heads[list] = behind;
  if (lists.patient[list] == &sending) lists.patient[list] = behind;
  before->ready_next = behind;
  behind->ready_prev = before;
}

inline Sending* Turns::next() const noexcept {
  const Lists& lists = *lists_.get();
  if (!is_courtesy()) {
    unsigned list = static_cast<unsigned>(std::countr_zero(filled_));
    if ((list & 1U) == 0 && (filled_ >> list & 2U) != 0 && (turn_ & 1U) != 0) ++list;
    return lists.heads[list];
  }
  const unsigned from = turn_ / kCourtesy % kLists;
  const std::uint32_t behind = filled_ >> from << from;
  const int list = std::countr_zero(behind != 0 ? behind : filled_);
  return lists.heads[list]->stream->incremental ? lists.heads[list] : lists.patient[list];
}

inline void Turns::served(const Sending& sending) noexcept {
  const Stream& stream = *sending.stream;
  const bool courtesy = is_courtesy();
  ++turn_;
  if (stream.incremental) lists_.get()->heads[list_of(stream)] = sending.ready_next;
  else if (courtesy) lists_.get()->patient[list_of(stream)] = sending.ready_next;
}

inline std::uint32_t Turns::row(const Sending& sending) const noexcept {
  if ((filled_ & (filled_ - 1)) == 0 && sending.ready_next == &sending) return UINT32_MAX;
  const std::uint32_t own = 1U << list_of(*sending.stream);
  const bool leads = !sending.stream->incremental && (filled_ & (own * 4 - 1)) == own;
  return leads ? kCourtesy - 1 - turn_ % kCourtesy : 0;
}

}  // namespace h2::detail
