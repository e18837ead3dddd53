// An allocator for tests of memory that runs out.
#pragma once

#include <h2core/types.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace h2::test {

/// Counts calls, holds live bytes, fails from the `fail_at`-th call on (never by default), and writes 0xdd over all
/// that is released.
struct TestMemory {
  std::uint64_t calls = 0;
  std::uint64_t live_bytes = 0, most_bytes = 0;
  std::uint64_t fail_at = ~std::uint64_t{0};
  bool fail_once = false;

  Allocator allocator() { return {this, &allocate, &release}; }

 private:
  static void* allocate(void* context, std::size_t bytes) noexcept {
    auto& self = *static_cast<TestMemory*>(context);
    const std::uint64_t call = self.calls++;
    if (self.fail_once ? call == self.fail_at : call >= self.fail_at) return nullptr;
    void* memory = std::malloc(bytes);
    if (memory == nullptr) return nullptr;
    std::memset(memory, 0xaa, bytes);
    self.live_bytes += bytes;
    if (self.live_bytes > self.most_bytes) self.most_bytes = self.live_bytes;
    return memory;
  }
  static void release(void* context, void* memory, std::size_t bytes) noexcept {
    if (memory == nullptr) return;
    static_cast<TestMemory*>(context)->live_bytes -= bytes;
    std::memset(memory, 0xdd, bytes);
    std::free(memory);
  }
};

}  // namespace h2::test
