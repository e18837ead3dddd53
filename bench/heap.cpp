// The replaced malloc family. It stands on glibc's own entry points, so nothing else about the heap changes.
#include "heap.h"

#include <malloc.h>

#include <cstddef>

// One thread runs here, so plain counters do; one increment per call is all that the clock sees of this.
namespace {
std::uint64_t call_count = 0;
bool weighing = false;
bench::heap::Live live_now;

void* came(void* block) noexcept {
  ++call_count;
  if (weighing && block != nullptr) {
    live_now.bytes += static_cast<std::int64_t>(malloc_usable_size(block));
    ++live_now.blocks;
  }
  return block;
}

void goes(void* block) noexcept {
  if (weighing && block != nullptr) {
    live_now.bytes -= static_cast<std::int64_t>(malloc_usable_size(block));
    --live_now.blocks;
  }
}
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t bytes) noexcept;
void* __libc_calloc(std::size_t count, std::size_t bytes) noexcept;
void* __libc_realloc(void* block, std::size_t bytes) noexcept;
void __libc_free(void* block) noexcept;

void* malloc(std::size_t bytes) noexcept { return came(__libc_malloc(bytes)); }
void* calloc(std::size_t count, std::size_t bytes) noexcept { return came(__libc_calloc(count, bytes)); }
void* realloc(void* block, std::size_t bytes) noexcept {
  goes(block);
  return came(__libc_realloc(block, bytes));
}
void free(void* block) noexcept {
  goes(block);
  __libc_free(block);
}
}

namespace bench::heap {

std::uint64_t calls() noexcept { return call_count; }

Scale::Scale() noexcept {
  live_now = {};
  weighing = true;
}
Scale::~Scale() { weighing = false; }
Live Scale::live() const noexcept { return live_now; }

}  // namespace bench::heap
