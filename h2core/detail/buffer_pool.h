// Memory for what callers have us copy (content, trailers, requests that wait): a few size classes, of each a few
// emptied buffers kept, so that a steady flow of copies calls the allocator no more.
#pragma once

#include <new>

#include <h2core/detail/memory.h>

namespace h2::detail {

class BufferPool {
 public:
  explicit BufferPool(const Allocator& allocator) noexcept : classes_(allocator) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() { trim(); }

  /// At least `bytes`, aligned for any type; null when memory failed.
  void* take(std::size_t bytes) noexcept {
    const std::size_t which = class_of(bytes);
    if (which == kClasses) return allocate(bytes);
    Classes* classes = classes_.get();
    if (classes == nullptr || classes->row[which].first == nullptr) return allocate(kSizes[which]);
    Class& row = classes->row[which];
    Free* found = row.first;
    row.first = found->next;
    --row.kept;
    return found;
  }
  /// `bytes` as they were asked for.
  void give_back(void* memory, std::size_t bytes) noexcept {
    const std::size_t which = class_of(bytes);
    if (which == kClasses) return release(memory, bytes);
    Classes* classes = classes_.make();
    if (classes == nullptr || classes->row[which].kept == kKept[which]) return release(memory, kSizes[which]);
    Class& row = classes->row[which];
    row.first = ::new (memory) Free{row.first};
    ++row.kept;
  }
  void trim() noexcept {
    Classes* classes = classes_.get();
    for (std::size_t which = 0; classes != nullptr && which < kClasses; ++which) {
      for (Free* free = classes->row[which].first; free != nullptr;) {
        Free* next = free->next;
        release(free, kSizes[which]);
        free = next;
      }
    }
    classes_.release();
  }

  /// How many bytes a buffer has that was taken for `bytes`.
  static std::size_t capacity(std::size_t bytes) noexcept {
    const std::size_t which = class_of(bytes);
    return which == kClasses ? bytes : kSizes[which];
  }
  static constexpr std::size_t bound() noexcept { return sizeof(Classes); }  // and the copies

 private:
  // Ours to choose: at most 100 KiB are kept, and only while the connection is busy.
  static constexpr std::size_t kClasses = 4;
  static constexpr std::size_t kSizes[kClasses] = {256, 1024, 4096, 16384};
  static constexpr std::uint32_t kKept[kClasses] = {16, 8, 6, 4};
  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    std::uint32_t kept = 0;
  };
  struct Classes {
    Class row[kClasses];
  };

  static std::size_t class_of(std::size_t bytes) noexcept {
    std::size_t which = 0;
    while (which < kClasses && bytes > kSizes[which]) ++which;
    return which;
  }
  void* allocate(std::size_t bytes) noexcept {
    const Allocator& allocator = classes_.allocator();
    return allocator.allocate(allocator.context, bytes);
  }
  void release(void* memory, std::size_t bytes) noexcept {
    const Allocator& allocator = classes_.allocator();
    allocator.release(allocator.context, memory, bytes);
  }

  Lazy<Classes> classes_;
};

}  // namespace h2::detail
