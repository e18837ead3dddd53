// Where memory comes from: two functions and a pointer, so that a caller can count, bound or pool it.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace hpack {

/// Memory for tables, aligned as malloc aligns. `allocate` returns null for "out of memory"; `release` gets
/// the size it was asked for. Both are called on the thread that uses the object, and only while it is called.
/// A default-constructed one is `heap()`.
struct Allocator {
  void* context = nullptr;
  void* (*allocate)(void* context, std::size_t bytes) noexcept = &from_heap;
  void (*release)(void* context, void* memory, std::size_t bytes) noexcept = &to_heap;

  /// malloc and free.
  static Allocator heap() noexcept { return {}; }

 private:
  static void* from_heap(void*, std::size_t bytes) noexcept { return std::malloc(bytes); }
  static void to_heap(void*, void* memory, std::size_t) noexcept { std::free(memory); }
};

}  // namespace hpack
