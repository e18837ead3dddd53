// The least that somebody who keeps us waiting must move, so that a byte now and then does not hold a connection for
// ever. It reads no clock: whoever asks says what time it is.
#pragma once

#include <cstdint>
#include <optional>

#include <h2core/types.h>

namespace tools {

class Pace {
 public:
  /// At least `bytes` in each `interval`; an interval of zero asks for nothing.
  Pace(std::uint64_t bytes, h2::Duration interval) : bytes_(bytes), interval_(interval) {}

  /// True when an interval is over, whenever we looked in it the other side was the one to act (`waits`), and `moved`,
  /// which only grows, grew by too little.
  bool too_slow(h2::TimePoint now, bool waits, std::uint64_t moved) {
    if (!waits || interval_ == h2::Duration{0}) {
      until_.reset();
      return false;
    }
    if (until_ && now < *until_) return false;
    const bool slow = until_ && moved - moved_before_ < bytes_;
    until_ = now + interval_;
    moved_before_ = moved;
    return slow;
  }

  /// When to ask again.
  std::optional<h2::TimePoint> deadline() const { return until_; }

 private:
  std::uint64_t bytes_;
  h2::Duration interval_;
  std::uint64_t moved_before_ = 0;
  std::optional<h2::TimePoint> until_;
};

}  // namespace tools
