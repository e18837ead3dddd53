// For callers whose memory comes from a std::pmr::memory_resource. Header only: the library itself knows no pmr.
#pragma once

#include <cstddef>
#include <memory_resource>

#include <hpack/allocator.h>

namespace hpack {

/// Takes memory from `resource`, which must outlive every object that uses the result.
/// An exception from `resource` means out of memory.
inline Allocator from_pmr(std::pmr::memory_resource* resource) noexcept {
  Allocator allocator;
  allocator.context = resource;
  allocator.allocate = [](void* context, std::size_t bytes) noexcept -> void* {
    auto* memory = static_cast<std::pmr::memory_resource*>(context);
#if defined(__cpp_exceptions)
    try {
      return memory->allocate(bytes, alignof(std::max_align_t));
    } catch (...) {
      return nullptr;
    }
#else
    return memory->allocate(bytes, alignof(std::max_align_t));
#endif
  };
  allocator.release = [](void* context, void* memory, std::size_t bytes) noexcept {
    static_cast<std::pmr::memory_resource*>(context)->deallocate(memory, bytes, alignof(std::max_align_t));
  };
  return allocator;
}

}  // namespace hpack
