// What a peer must not foresee comes from the operating system, anew for every connection.
#pragma once

#include <sys/random.h>

#include <cstdint>

namespace tools {

inline std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // So few bytes are never cut short by a signal, and a kernel that has no entropy yet waits.
  [[maybe_unused]] const auto got = ::getrandom(&seed, sizeof seed, 0);
  return seed;
}

}  // namespace tools
