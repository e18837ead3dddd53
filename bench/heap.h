// Counts what anything in this process asks of the heap, our engine, other people's and the C++ library alike: malloc,
// calloc and realloc are replaced for the whole program.
#pragma once

#include <cstdint>

namespace bench::heap {

/// Allocating calls so far; free() is not one.
std::uint64_t calls() noexcept;

/// Adds up the calls between start() and stop().
class Meter {
 public:
  void start() noexcept { start_ = heap::calls(); }
  void stop() noexcept { calls_ += heap::calls() - start_; }
  std::uint64_t calls() const noexcept { return calls_; }

 private:
  std::uint64_t start_ = 0;
  std::uint64_t calls_ = 0;
};

struct Live {
  std::int64_t bytes = 0;  ///< as malloc_usable_size says
  std::int64_t blocks = 0;
};

/// While one exists, every block is weighed as it comes and goes. Blocks that are older than it must outlive it.
class Scale {
 public:
  Scale() noexcept;
  ~Scale();
  Scale(const Scale&) = delete;
  Scale& operator=(const Scale&) = delete;
  Live live() const noexcept;
};

}  // namespace bench::heap
