// Objects in memory of the caller's allocator.
#pragma once

#include <new>
#include <utility>

#include <hpack/allocator.h>

namespace tlsglue::detail {

/// Null when memory is out.
template <class T, class... Arguments>
T* create(const hpack::Allocator& allocator, Arguments&&... arguments) noexcept {
  void* memory = allocator.allocate(allocator.context, sizeof(T));
  return memory == nullptr ? nullptr : ::new (memory) T(std::forward<Arguments>(arguments)...);
}

template <class T>
void destroy(const hpack::Allocator& allocator, T* object) noexcept {
  if (object == nullptr) return;
  object->~T();
  allocator.release(allocator.context, object, sizeof(T));
}

}  // namespace tlsglue::detail
