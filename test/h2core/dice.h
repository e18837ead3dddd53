// Choices for property tests: the same seed makes the same ones.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace h2::test {

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool once_in(std::uint32_t n) { return below(n) == 0; }
  /// At most `most`, and small numbers about as often as large ones.
  std::uint32_t up_to(std::uint32_t most) { return below((most >> below(16)) + 1); }
  template <class T>
  T one_of(std::initializer_list<T> some) {
    return some.begin()[below(static_cast<std::uint32_t>(some.size()))];
  }

 private:
  std::mt19937 random_;
};

}  // namespace h2::test
