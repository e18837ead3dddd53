// Memory for what callers have us copy (content, trailers, requests that wait): a few size classes, of each a few
// emptied buffers kept, so that a steady flow of copies calls the allocator no more.
#pragma once

#include <new>

#include <h2core/types.h>

namespace h2::detail {

class BufferPool {
 public:
  explicit BufferPool(const Allocator& allocator) noexcept : allocator_(allocator) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() { trim(); }

  /// At least `bytes`, aligned for any type; null when memory failed.
  void* take(std::size_t bytes) noexcept {
    const std::size_t which = class_of(bytes);
    if (which == kClasses) return allocator_.allocate(allocator_.context, bytes);
    Class& row = classes_[which];
    if (row.first == nullptr) return allocator_.allocate(allocator_.context, kSizes[which]);
    Free* found = row.first;
    row.first = found->next;
    --row.kept;
    return found;
  }
  /// `bytes` as they were asked for.
  void give_back(void* memory, std::size_t bytes) noexcept {
    const std::size_t which = class_of(bytes);
    if (which == kClasses) return allocator_.release(allocator_.context, memory, bytes);
    Class& row = classes_[which];
    if (row.kept == kKept[which]) return allocator_.release(allocator_.context, memory, kSizes[which]);
    row.first = ::new (memory) Free{row.first};
    ++row.kept;
  }
  void trim() noexcept {
    for (std::size_t which = 0; which < kClasses; ++which) {
      Class& row = classes_[which];
      while (row.first != nullptr) {
        Free* next = row.first->next;
        allocator_.release(allocator_.context, row.first, kSizes[which]);
        row.first = next;
      }
      row.kept = 0;
    }
  }

 private:
  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    std::uint32_t kept = 0;
  };
  // Ours to choose: at most 100 KiB are kept, and only while the connection is busy.
  static constexpr std::size_t kClasses = 4;
  static constexpr std::size_t kSizes[kClasses] = {256, 1024, 4096, 16384};
  static constexpr std::uint32_t kKept[kClasses] = {16, 8, 6, 4};

  static std::size_t class_of(std::size_t bytes) noexcept {
    std::size_t which = 0;
    while (which < kClasses && bytes > kSizes[which]) ++which;
    return which;
  }

  Allocator allocator_;
  Class classes_[kClasses];
};

}  // namespace h2::detail
