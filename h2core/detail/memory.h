// The containers of the engine, over h2::Allocator: an array that grows, a ring and a slab. A failed growth is a
// `false` that leaves the contents as they were. Each keeps a pointer to the allocator, which outlives it; and counts
// in 32 bits, for an idle connection consists of empty ones.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include <h2core/types.h>

namespace h2::detail {

template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static constexpr std::size_t kMost = 0xffffffff;

  explicit Array(const Allocator& allocator) noexcept : allocator_(&allocator) {}
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { release(); }

  /// `most` is known never to be passed: who needs more than half of it gets all of it.
  bool reserve(std::size_t count, std::size_t most = kMost) noexcept {
    if (count <= capacity_) return true;
    if (count > kMost) return false;
    std::size_t capacity = capacity_ == 0 ? kFirst : std::size_t{capacity_} * 2;
    if (capacity < count) capacity = count;
    if (capacity > most / 2) capacity = count > most ? count : most;
    void* memory = allocator_->allocate(allocator_->context, capacity * sizeof(T));
    if (memory == nullptr) return false;
    T* data = static_cast<T*>(memory);
    if (size_ > 0) std::memcpy(data, data_, size_ * sizeof(T));
    free_memory();
    data_ = data;
    capacity_ = static_cast<std::uint32_t>(capacity);
    return true;
  }
  bool push(const T& value) noexcept {
    if (size_ == capacity_ && !reserve(std::size_t{size_} + 1)) return false;
    data_[size_++] = value;
    return true;
  }
  /// For which there is room.
  void add(const T& value) noexcept { data_[size_++] = value; }
  bool append(const T* values, std::size_t count, std::size_t most = kMost) noexcept {
    if (!reserve(size_ + count, most)) return false;
    if (count > 0) std::memcpy(data_ + size_, values, count * sizeof(T));
    size_ += static_cast<std::uint32_t>(count);
    return true;
  }
  /// Room for one more, to be written in place and then counted by grew(); null when memory failed.
  T* spare(std::size_t most) noexcept {
    return size_ < capacity_ || reserve(std::size_t{size_} + 1, most) ? data_ + size_ : nullptr;
  }
  void grew() noexcept { ++size_; }
  void clear() noexcept { size_ = 0; }
  void truncate(std::size_t count) noexcept { size_ = static_cast<std::uint32_t>(count); }
  void release() noexcept {
    free_memory();
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  void swap(Array& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  const Allocator& allocator() const noexcept { return *allocator_; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  static constexpr std::size_t kFirst = sizeof(T) >= 64 ? 1 : 64 / sizeof(T);

  void free_memory() noexcept {
    if (data_ != nullptr) allocator_->release(allocator_->context, data_, capacity_ * sizeof(T));
  }

  const Allocator* allocator_;
  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

/// One record, made when it is needed.
template <class T>
class Lazy {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit Lazy(const Allocator& allocator) noexcept : allocator_(&allocator) {}
  Lazy(const Lazy&) = delete;
  Lazy& operator=(const Lazy&) = delete;
  ~Lazy() { release(); }

  /// Value-initialised if it was not there; null when memory failed.
  T* make() noexcept {
    if (record_ != nullptr) return record_;
    void* memory = allocator_->allocate(allocator_->context, sizeof(T));
    if (memory != nullptr) record_ = ::new (memory) T{};
    return record_;
  }
  T* get() const noexcept { return record_; }
  void release() noexcept {
    if (record_ != nullptr) allocator_->release(allocator_->context, record_, sizeof(T));
    record_ = nullptr;
  }
  const Allocator& allocator() const noexcept { return *allocator_; }

 private:
  const Allocator* allocator_;
  T* record_ = nullptr;
};

/// First in, first out; capacity is a power of two.
template <class T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Ring(const Allocator& allocator) noexcept : allocator_(&allocator) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { release(); }

  bool reserve(std::size_t count) noexcept {
    if (count <= capacity_) return true;
    if (count > kMost) return false;
    std::uint32_t capacity = capacity_ == 0 ? kFirst : capacity_;
    while (capacity < count) capacity *= 2;
    void* memory = allocator_->allocate(allocator_->context, capacity * sizeof(T));
    if (memory == nullptr) return false;
    T* data = static_cast<T*>(memory);
    for (std::uint32_t i = 0; i < size_; ++i) data[i] = (*this)[i];
    if (data_ != nullptr) allocator_->release(allocator_->context, data_, capacity_ * sizeof(T));
    data_ = data;
    capacity_ = capacity;
    head_ = 0;
    return true;
  }
  bool push(const T& value) noexcept {
    if (size_ == capacity_ && !reserve(std::size_t{size_} + 1)) return false;
    data_[(head_ + size_++) & (capacity_ - 1)] = value;
    return true;
  }
  bool has_room() const noexcept { return size_ < capacity_; }
  void pop() noexcept {
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }
  void clear() noexcept { head_ = size_ = 0; }
  void release() noexcept {
    if (data_ != nullptr) allocator_->release(allocator_->context, data_, capacity_ * sizeof(T));
    data_ = nullptr;
    head_ = size_ = capacity_ = 0;
  }

  T& operator[](std::size_t i) noexcept { return data_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](std::size_t i) const noexcept { return data_[(head_ + i) & (capacity_ - 1)]; }
  T& front() noexcept { return data_[head_]; }
  T& back() noexcept { return (*this)[size_ - 1]; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr std::uint32_t kFirst = 1;
  static constexpr std::size_t kMost = std::size_t{1} << 31;

  const Allocator* allocator_;
  T* data_ = nullptr;
  std::uint32_t head_ = 0, size_ = 0, capacity_ = 0;
};

/// Records of one type in pages, addressed by slot; a record never moves, and lies where its type wants to be aligned.
template <class T>
class Slab {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit Slab(const Allocator& allocator) noexcept : pages_(allocator) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { release(); }

  /// A slot with a record of these members, value-initialised without any; kNone when memory failed.
  template <class... Members>
  std::uint32_t take(Members... members) noexcept {
    if (free_ == kNone && !add_page()) return kNone;
    const std::uint32_t slot = free_;
    Cell& cell = at_cell(slot);
    free_ = cell.next_free;
    ::new (static_cast<void*>(&cell.record)) T{members...};
    ++used_;
    return slot;
  }
  void give_back(std::uint32_t slot) noexcept {
    Cell& cell = at_cell(slot);
    cell.next_free = free_;
    free_ = slot;
    --used_;
  }
  T& operator[](std::uint32_t slot) noexcept { return at_cell(slot).record; }
  const T& operator[](std::uint32_t slot) const noexcept { return pages_[slot / kPerPage][slot % kPerPage].record; }
  std::uint32_t used() const noexcept { return used_; }

  /// What so many records take at most.
  static constexpr std::uint64_t bound(std::uint64_t records) noexcept {
    const std::uint64_t pages = (records + kPerPage - 1) / kPerPage;
    return pages * kPageBytes + std::max<std::uint64_t>(pages * 2, 8) * 3 / 2 * sizeof(Cell*);
  }
  /// Gives all pages back; only when no record is in use.
  void release() noexcept {
    const Allocator& allocator = pages_.allocator();
    for (std::size_t i = 0; i < pages_.size(); ++i)
      allocator.release(allocator.context, memory_of(pages_[i]), kPageBytes);
    pages_.release();
    free_ = kNone;
    used_ = 0;
  }

 private:
  static_assert(std::is_trivially_destructible_v<T>);
  static constexpr std::uint32_t kPerPage = 16;
  union Cell {
    T record;
    std::uint32_t next_free;
  };
  // An allocator aligns for ordinary types and no further: before a page that wants more stands where its memory
  // begins.
  static constexpr bool kAligns = alignof(Cell) > alignof(std::max_align_t);
  static constexpr std::size_t kPageBytes = sizeof(Cell) * kPerPage + (kAligns ? alignof(Cell) : 0);

  static Cell* page_in(void* memory) noexcept {
    if constexpr (!kAligns) return static_cast<Cell*>(memory);
    const std::size_t past = reinterpret_cast<std::uintptr_t>(memory) % alignof(Cell);
    std::byte* const page = static_cast<std::byte*>(memory) + (alignof(Cell) - past);
    reinterpret_cast<void**>(page)[-1] = memory;
    return reinterpret_cast<Cell*>(page);
  }
  static void* memory_of(Cell* page) noexcept {
    if constexpr (!kAligns) return page;
    return reinterpret_cast<void**>(page)[-1];
  }

  Cell& at_cell(std::uint32_t slot) noexcept { return pages_[slot / kPerPage][slot % kPerPage]; }

  // By itself, so that take() saves no registers where it is in line: 5 instructions of 400 for 16 KiB of an upload.
  [[gnu::noinline]] bool add_page() noexcept {
    if (!pages_.reserve(pages_.size() + 1)) return false;
    const Allocator& allocator = pages_.allocator();
    void* memory = allocator.allocate(allocator.context, kPageBytes);
    if (memory == nullptr) return false;
    Cell* page = page_in(memory);
    const std::uint32_t first = static_cast<std::uint32_t>(pages_.size()) * kPerPage;
    for (std::uint32_t i = 0; i < kPerPage; ++i) page[i].next_free = i + 1 < kPerPage ? first + i + 1 : free_;
    free_ = first;
    static_cast<void>(pages_.push(page));
    return true;
  }

  Array<Cell*> pages_;
  std::uint32_t free_ = kNone;
  std::uint32_t used_ = 0;
};

}  // namespace h2::detail
