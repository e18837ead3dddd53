// What is to be sent, in order: bytes that the engine wrote and memory that the caller lent. Nothing that was handed
// out by `poll()` moves or changes until `consume()` takes it.
#pragma once

#include <algorithm>

#include <h2core/detail/memory.h>
#include <h2core/frame.h>

namespace h2::detail {

struct Chunk;

class OutputQueue {
 public:
  /// What is committed for whom: of the engine's own accord, or because the peer made it, which is bounded while the
  /// peer does not read.
  enum class For : bool { us, peer };

  /// `usual` is whom commit() takes its bytes to be for.
  OutputQueue(const Allocator& allocator, For usual) noexcept
      : segments_(allocator), allocator_(&allocator), usual_replies_(usual == For::peer ? -1 : 0) {}
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;
  ~OutputQueue() { release(); }

  /// Room for `bytes` in one piece and for one segment that describes them, and for `lent` segments behind it; null
  /// when memory failed.
  std::byte* reserve(std::size_t bytes, std::size_t lent = 0) noexcept {
    drafting_ = false;
    const bool fits = last_ != nullptr && last_->capacity - last_->written >= bytes;
    const bool has_segments = segments_.size() + lent < segments_.capacity();
    return fits && has_segments ? last_->data() + last_->written : find_room(bytes, lent);
  }
  /// That room again; until commit() or the next reserve().
  std::byte* reserved() noexcept { return drafting_ ? draft_->data() : last_->data() + last_->written; }
  /// The first `bytes` of the room are part of the output now, perhaps in another place.
  void commit(std::size_t bytes) noexcept { commit_with(bytes, usual_replies(static_cast<std::uint32_t>(bytes))); }
  void commit_reply(std::size_t bytes) noexcept { commit_with(bytes, static_cast<std::uint32_t>(bytes)); }
  /// Queues lent memory; `chunk` comes back from `consume()`. Room was reserved.
  void lend(const std::byte* data, std::size_t bytes, Chunk* chunk) noexcept {
    segments_.add({data, chunk, nullptr, static_cast<std::uint32_t>(bytes), 1});
    queued_ += bytes;
    ++slices_;
  }
  /// Frames of lent content, one behind the other, which are part of the output once all of them are committed.
  class Row;
  static constexpr std::size_t kMostLends = 4;  // of a row; and one lend_on()
  /// Whether there is room for a row; none behind what its first header would become part of.
  bool has_row() noexcept {
    const std::byte* const header = reserve(kMostLends * kFrameHeaderBytes, kMostLends + 1);
    return header != nullptr && unseen_before(header) == nullptr;
  }
  inline Row begin_row() noexcept;
  inline void commit(const Row& row, std::uint32_t frames, std::size_t lent_bytes) noexcept;

  /// Bytes ever queued: the place in the output where the next ones will be.
  std::uint64_t position() const noexcept { return taken_ + queued_; }
  /// Bytes ever handed out: the transport may have them, whether it took them or not.
  std::uint64_t handed_out() const noexcept;
  std::size_t queued_bytes() const noexcept { return queued_; }
  /// Of these, what was committed for the peer; a little more while a segment is half taken.
  std::size_t reply_bytes() const noexcept { return replies_; }
  /// In how many slices all of it can be shown.
  std::size_t slices() const noexcept { return slices_; }
  bool empty() const noexcept { return queued_ == 0; }

  std::size_t poll(std::span<ByteView> slices, std::size_t max_bytes) noexcept;

  /// Takes `bytes` from the front and calls `taken(chunk, bytes)` for lent memory among them.
  template <class Taken>
  void consume(std::size_t bytes, Taken&& taken) noexcept {
    if (bytes >= queued_ && begun_ == 0) consume_all(taken);
    else consume_some(bytes, taken);
  }

  /// Drops everything.
  template <class Taken>
  void clear(Taken&& taken) noexcept {
    consume(queued_, static_cast<Taken&&>(taken));
  }
  /// Gives memory back that an idle connection does not need.
  void trim() noexcept;

  /// What is held at most for so many bytes of ours: two blocks that follow each other hold one block's bytes at least.
  static constexpr std::uint64_t bound(std::uint64_t queued) noexcept {
    return (queued / kBlock + 1) * 2 * (sizeof(Block) + kBlock) + sizeof(Block) + kBlock +
           3 * kSlices * sizeof(Segment);
  }

 private:
  static constexpr std::size_t kSlices = 64;  // for as many at a time DATA is framed, if callers do not ask for more
  // A row has one for all frames of a piece: 200 instructions fewer for four of them, from frame to consume().
  struct Segment {
    const std::byte* data;
    Chunk* chunk;           // null: ours
    const std::byte* head;  // of each frame of a row; null: no row
    std::uint32_t bytes;    // of a row: of the content of each frame
    std::uint32_t count;    // of ours: of the bytes, replies; of a row: frames; of other lent memory: 1
  };
  // A block is written front to back and taken front to back; blocks are in the order of their bytes.
  struct Block {
    Block* next;
    std::uint32_t capacity, written, taken;
    std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  static constexpr std::size_t kFirstBlock = 120 - sizeof(Block);  // a handshake; then a GOAWAY when memory has ended
  static constexpr std::size_t kBlock = 8192 - sizeof(Block);

  // What is usual; then only lent memory has to be told of: 14 of 64 instructions fewer for a frame of DATA.
  template <class Taken>
  void consume_all(Taken&& taken) noexcept {
    taken_ += queued_;
    const Segment* const end = segments_.data() + segments_.size();
    for (const Segment* at = segments_.data() + front_; at != end; ++at) {
      if (at->chunk != nullptr) taken(*at->chunk, at->bytes * at->count);
    }
    queued_ = replies_ = front_ = shown_ = slices_ = 0;
    segments_.clear();
    if (first_ != last_) retire_all_but_last();
    if (last_ != nullptr) last_->written = last_->taken = 0;
  }

  // By itself, so that what is usual needs fewer registers.
  template <class Taken>
  [[gnu::noinline]] void consume_some(std::size_t bytes, Taken taken) noexcept {
    bytes = std::min(bytes, queued_);
    queued_ -= bytes;
    taken_ += bytes;
    while (bytes > 0) {
      const Step step = take_front(bytes);
      bytes -= step.bytes;
      if (step.lent > 0) taken(*step.chunk, step.lent);
    }
    if (queued_ > 0) return;
    segments_.clear();
    front_ = shown_ = 0;
  }

  // What one step takes from the front.
  struct Step {
    Chunk* chunk;
    std::uint32_t bytes, lent;
  };
  Step take_front(std::size_t bytes) noexcept;
  void take_ours(Segment& front, std::uint32_t bytes) noexcept;
  Step take_of_row(Segment& front, std::size_t bytes) noexcept;
  static std::uint32_t content_begun(std::uint32_t begun) noexcept {
    return begun > kFrameHeaderBytes ? begun - std::uint32_t{kFrameHeaderBytes} : 0;
  }
  std::size_t poll_some(std::span<ByteView> slices, std::size_t max_bytes) noexcept;

  static constexpr std::size_t kSure = 1024;  // what is reserved up to here is not drafted: a block's end may be lost

  static constexpr std::size_t kSpares = 10;  // what a peer's unread replies may fill by default, and an edge

  std::uint32_t usual_replies(std::uint32_t bytes) const noexcept {
    return bytes & static_cast<std::uint32_t>(usual_replies_);
  }
  void commit_with(std::size_t bytes, std::uint32_t replies) noexcept {
    if (drafting_) settle_draft(bytes);
    std::byte* const start = last_->data() + last_->written;
    const auto added = static_cast<std::uint32_t>(bytes);
    last_->written += added;
    queued_ += bytes;
    replies_ += replies;
    if (Segment* const tail = unseen_before(start)) {
      tail->bytes += added;
      tail->count += replies;
    } else if (bytes > 0) {
      segments_.add({start, nullptr, nullptr, added, replies});
      ++slices_;
    }
  }
  // The last segment, if bytes of ours that begin here may still become part of it.
  Segment* unseen_before(const std::byte* start) noexcept {
    if (segments_.size() <= shown_) return nullptr;
    Segment& tail = segments_[segments_.size() - 1];
    return tail.chunk == nullptr && tail.data + tail.bytes == start ? &tail : nullptr;
  }
  std::byte* find_room(std::size_t bytes, std::size_t lent) noexcept;
  Block* new_block(std::size_t capacity) noexcept;
  bool add_block(std::size_t bytes) noexcept;
  void link(Block* block) noexcept;
  void settle_draft(std::size_t bytes) noexcept;
  void free_draft() noexcept;
  void retire(Block* block) noexcept;
  void retire_all_but_last() noexcept;
  void free_spares() noexcept;
  void owned_taken(std::size_t bytes) noexcept;
  void free_block(Block* block) noexcept {
    allocator_->release(allocator_->context, block, sizeof(Block) + block->capacity);
  }
  void release() noexcept;

  Array<Segment>
      segments_;  // taken from the front, moved down when the end is reached: a ring costs 40 Ir per frame more
  std::uint32_t front_ = 0;
  std::uint32_t slices_ = 0;  // that show all of it
  const Allocator* allocator_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  Block* draft_ = nullptr;  // where something is written first that may become much less than was reserved
  Block* spare_ = nullptr;  // emptied blocks, so that a steady flow allocates nothing
  std::uint32_t spares_ = 0;
  bool drafting_ = false;      // by the last reserve()
  std::int8_t usual_replies_;  // the bits of a size that count as replies: all or none
  // Not side by side: GCC would load both at once, just behind a store of one of them, and wait for it to reach memory.
  std::size_t queued_ = 0;
  std::uint32_t begun_ = 0;  // of the first frame of a row in front, taken already
  std::uint32_t shown_ = 0;  // what stands in `segments_` before this a caller has seen: it may not grow
  std::size_t replies_ = 0;
  std::uint64_t taken_ = 0;
};

// Its places are held beside the queue, which would have to be read anew behind each octet that is written.
class OutputQueue::Row {
 public:
  /// Where a header is to be written.
  std::byte* header() const noexcept { return header_; }
  /// So many frames with that header, each with so many bytes of `data`, which go on from frame to frame; `chunk` comes
  /// back from `consume()`.
  void lend(const std::byte* data, std::uint32_t bytes, std::uint32_t frames, Chunk* chunk) noexcept {
    *at_++ = {data, chunk, header_, bytes, frames};
    header_ += kFrameHeaderBytes;
    slices_ += frames * 2;
  }
  /// The last of them goes on in another piece.
  void lend_on(const std::byte* data, std::uint32_t bytes, Chunk* chunk) noexcept {
    *at_++ = {data, chunk, nullptr, bytes, 1};
    ++slices_;
  }

 private:
  friend class OutputQueue;
  Row(std::byte* header, Segment* at) noexcept : header_(header), at_(at) {}
  std::byte* header_;
  Segment* at_;
  std::uint32_t slices_ = 0;
};

inline OutputQueue::Row OutputQueue::begin_row() noexcept {
  return {last_->data() + last_->written, segments_.data() + segments_.size()};
}

inline void OutputQueue::commit(const Row& row, std::uint32_t frames, std::size_t lent_bytes) noexcept {
  const std::uint32_t headers = frames * kFrameHeaderBytes;
  last_->written = static_cast<std::uint32_t>(row.header_ - last_->data());
  segments_.truncate(static_cast<std::size_t>(row.at_ - segments_.data()));
  queued_ += headers + lent_bytes;
  replies_ += usual_replies(headers);
  slices_ += row.slices_;
}

}  // namespace h2::detail
