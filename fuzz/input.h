// What every target stands on: octets of the fuzzer read as decisions, a check that stays on in every build, and memory
// that counts, fails when told to, and is poisoned by ASan on either side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include <hpack/allocator.h>
#include <hpack/bytes.h>

namespace fuzz {

/// Ends the run: libFuzzer keeps the input that led here.
[[noreturn]] inline void broken(const char* promise) {
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}
inline void check(bool holds, const char* promise) {
  if (!holds) broken(promise);
}

/// The input from its front. Past its end everything is zero, so that each prefix of an input means something too.
class Input {
 public:
  Input(const std::uint8_t* octets, std::size_t size) : rest_(octets, size) {}
  bool empty() const { return rest_.empty(); }
  std::size_t size() const { return rest_.size(); }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const std::uint8_t octet = rest_[0];
    rest_ = rest_.subspan(1);
    return octet;
  }
  std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  /// At most `size` octets; fewer at the end.
  std::span<const std::uint8_t> take(std::size_t size) {
    const auto front = rest_.first(size < rest_.size() ? size : rest_.size());
    rest_ = rest_.subspan(front.size());
    return front;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

inline std::string_view text(std::span<const std::uint8_t> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// An allocator that must end with nothing live, gets back the sizes that it gave, and fails from one call on.
class Memory {
 public:
  explicit Memory(std::uint32_t fail_at = ~std::uint32_t{0}) : fail_at_(fail_at) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { check(live_ == 0, "all memory is released"); }

  hpack::Allocator allocator() {
    return {this, [](void* self, std::size_t bytes) noexcept { return static_cast<Memory*>(self)->allocate(bytes); },
            [](void* self, void* memory, std::size_t bytes) noexcept {
              static_cast<Memory*>(self)->release(memory, bytes);
            }};
  }
  bool failed() const { return calls_ > fail_at_; }
  std::size_t live() const { return live_; }
  std::size_t peak() const { return peak_; }

 private:
  static constexpr std::size_t kHead = 16;  // keeps malloc's alignment

  void* allocate(std::size_t bytes) {
    if (calls_++ >= fail_at_) return nullptr;
    char* const block = static_cast<char*>(std::malloc(kHead + bytes));
    std::memcpy(block, &bytes, sizeof bytes);
    live_ += bytes;
    if (live_ > peak_) peak_ = live_;
    return block + kHead;
  }
  void release(void* memory, std::size_t bytes) {
    if (memory == nullptr) return;
    char* const block = static_cast<char*>(memory) - kHead;
    std::size_t given = 0;
    std::memcpy(&given, block, sizeof given);
    check(given == bytes, "memory is released with the size that it was asked for");
    live_ -= bytes;
    std::free(block);
  }

  std::uint32_t fail_at_;
  std::uint32_t calls_ = 0;
  std::size_t live_ = 0, peak_ = 0;
};

}  // namespace fuzz
