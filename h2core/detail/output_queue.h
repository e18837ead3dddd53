// What is to be sent, in order: bytes that the engine wrote and memory that the caller lent. Nothing that was handed
// out by `poll()` moves or changes until `consume()` takes it.
#pragma once

#include <h2core/detail/memory.h>

namespace h2::detail {

class OutputQueue {
 public:
  /// What the engine wrote because the peer made it, which is bounded while the peer does not read; or of its own accord.
  static constexpr std::uint32_t kReply = 0xfffffffe, kOwn = 0xffffffff;

  /// `usual` is what commit() takes its bytes for: kReply or kOwn.
  OutputQueue(const Allocator& allocator, std::uint32_t usual) noexcept
      : segments_(allocator), allocator_(&allocator), usual_(usual) {}
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;
  ~OutputQueue() { release(); }

  /// Room for `bytes` in one piece, and for one segment that describes them; null when memory failed.
  std::byte* reserve(std::size_t bytes) noexcept {
    drafting_ = false;
    const bool fits = last_ != nullptr && last_->capacity - last_->written >= bytes;
    return fits && segments_.has_room() ? last_->data() + last_->written : find_room(bytes);
  }
  /// That room again; until commit() or the next reserve().
  std::byte* reserved() noexcept { return drafting_ ? draft_->data() : last_->data() + last_->written; }
  /// The first `bytes` of the room are part of the output now, perhaps in another place.
  void commit(std::size_t bytes) noexcept { commit_as(usual_, bytes); }
  void commit_reply(std::size_t bytes) noexcept { commit_as(kReply, bytes); }
  void commit_as(std::uint32_t kind, std::size_t bytes) noexcept {
    if (drafting_) settle_draft(bytes);
    std::byte* const start = last_->data() + last_->written;
    last_->written += static_cast<std::uint32_t>(bytes);
    queued_ += bytes;
    if (kind == kReply) replies_ += bytes;
    if (segments_.size() > handed_out_) {
      Segment& tail = segments_.back();
      if (tail.chunk == kind && tail.data + tail.bytes == start) {
        tail.bytes += bytes;
        return;
      }
    }
    if (bytes > 0) static_cast<void>(segments_.push({start, bytes, kind}));
  }
  /// Room for `count` more lent segments beside one of ours.
  bool reserve_segments(std::size_t count) noexcept { return segments_.reserve(segments_.size() + count + 1); }
  /// Queues lent memory; `chunk` comes back from `consume()`. Room was reserved.
  void lend(const std::byte* data, std::size_t bytes, std::uint32_t chunk) noexcept {
    static_cast<void>(segments_.push({data, bytes, chunk}));
    queued_ += bytes;
  }

  /// Bytes ever queued: the place in the output where the next ones will be.
  std::uint64_t position() const noexcept { return taken_ + queued_; }
  /// Bytes ever handed out: the transport may have them, whether it took them or not.
  std::uint64_t handed_out() const noexcept;
  std::size_t queued_bytes() const noexcept { return queued_; }
  std::size_t reply_bytes() const noexcept { return replies_; }
  std::size_t segments() const noexcept { return segments_.size(); }
  bool empty() const noexcept { return queued_ == 0; }

  std::size_t poll(std::span<ByteView> slices, std::size_t max_bytes) noexcept;

  /// Takes `bytes` from the front and calls `taken(chunk, bytes)` for lent memory among them.
  template <class Taken>
  void consume(std::size_t bytes, Taken&& taken) noexcept {
    if (bytes > queued_) bytes = queued_;
    queued_ -= bytes;
    taken_ += bytes;
    while (bytes > 0) {
      Segment& head = segments_.front();
      const std::size_t step = bytes < head.bytes ? bytes : head.bytes;
      const std::uint32_t chunk = head.chunk;
      head.data += step;
      head.bytes -= step;
      bytes -= step;
      if (head.bytes == 0) {
        segments_.pop();
        if (handed_out_ > 0) --handed_out_;
      }
      if (chunk < kReply) {
        taken(chunk, step);
        continue;
      }
      if (chunk == kReply) replies_ -= step;
      owned_taken(step);
    }
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
  struct Segment {
    const std::byte* data;
    std::size_t bytes;
    std::uint32_t chunk;
  };
  // A block is written front to back and taken front to back; blocks are in the order of their bytes.
  struct Block {
    Block* next;
    std::uint32_t capacity, written, taken;
    std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  static constexpr std::size_t kFirstBlock = 128 - sizeof(Block);  // a handshake; then a GOAWAY when memory has ended
  static constexpr std::size_t kBlock = 8192 - sizeof(Block);

  static constexpr std::size_t kSure = 1024;  // what is reserved up to here is not drafted: a block's end may be lost

  static constexpr std::size_t kSpares = 10;  // what a peer's unread replies may fill by default, and an edge

  std::byte* find_room(std::size_t bytes) noexcept;
  Block* new_block(std::size_t capacity) noexcept;
  bool add_block(std::size_t bytes) noexcept;
  void link(Block* block) noexcept;
  void settle_draft(std::size_t bytes) noexcept;
  void free_draft() noexcept;
  void retire(Block* block) noexcept;
  void free_spares() noexcept;
  void owned_taken(std::size_t bytes) noexcept;
  void free_block(Block* block) noexcept {
    allocator_->release(allocator_->context, block, sizeof(Block) + block->capacity);
  }
  void release() noexcept;

  Ring<Segment> segments_;
  const Allocator* allocator_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  Block* draft_ = nullptr;  // where something is written first that may become much less than was reserved
  Block* spare_ = nullptr;  // emptied blocks, so that a steady flow allocates nothing
  std::uint32_t spares_ = 0;
  bool drafting_ = false;  // by the last reserve()
  std::uint32_t usual_;
  std::size_t queued_ = 0, replies_ = 0;
  std::uint64_t taken_ = 0;
  std::size_t handed_out_ = 0;  // segments at the front that a caller has seen: they may not grow
};

}  // namespace h2::detail
