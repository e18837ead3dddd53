// Output between poll_output() and consume_output(): it stays where it is, and as it is.
#pragma once

#include <algorithm>
#include <vector>

#include <hpack/bytes.h>

#include "input.h"

namespace fuzz {

using hpack::ByteView;

/// Whether both begin with the same bytes at the same addresses, however they are cut.
inline bool same_places(std::span<const ByteView> a, std::span<const ByteView> b) {
  std::size_t in_a = 0, in_b = 0;
  while (!a.empty() && !b.empty()) {
    if (a[0].data() + in_a != b[0].data() + in_b) return false;
    const std::size_t step = std::min(a[0].size() - in_a, b[0].size() - in_b);
    in_a += step;
    in_b += step;
    if (in_a == a[0].size()) a = a.subspan(1), in_a = 0;
    if (in_b == b[0].size()) b = b.subspan(1), in_b = 0;
  }
  return true;
}

class Committed {
 public:
  static constexpr std::size_t kMostSlices = 16;

  template <class Connection>
  void poll(Connection& connection, std::size_t room, std::size_t max_bytes) {
    ByteView slices[kMostSlices];
    check_unchanged();
    const bool expected = connection.has_output();
    const std::size_t count = connection.poll_output({slices, room}, max_bytes);
    check(count <= room, "no more slices than there is room for");
    check_unchanged();

    std::vector<ByteView> seen(slices, slices + count);
    std::size_t total = 0;
    for (const ByteView slice : seen) {
      check(!slice.empty(), "no slice is empty");
      total += slice.size();
    }
    check(total <= std::max(max_bytes, bytes_.size()), "at most max_bytes are committed");
    check(expected || total == 0, "without has_output there is nothing to poll");
    // A stream whose window is a sliver may be put off by the poll itself; the caller's loop must not spin on it.
    check(!expected || total > 0 || !connection.has_output(), "what has_output says can be polled");
    check(total == 0 || connection.has_output(), "what was polled is output until it is taken");
    check(same_places(slices_, seen), "polling again returns the same, perhaps followed by more");
    if (total <= bytes_.size()) return;
    slices_ = std::move(seen);
    bytes_.clear();
    for (const ByteView slice : slices_) bytes_.insert(bytes_.end(), slice.begin(), slice.end());
  }

  /// Takes from the front what `connection` is then told of.
  std::vector<std::byte> take(std::size_t most) {
    check_unchanged();
    const auto end = bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(most, bytes_.size()));
    std::vector<std::byte> taken(bytes_.begin(), end);
    bytes_.erase(bytes_.begin(), end);
    for (std::size_t left = taken.size(); left > 0;) {
      const std::size_t part = std::min(left, slices_.front().size());
      slices_.front() = slices_.front().subspan(part);
      left -= part;
      if (slices_.front().empty()) slices_.erase(slices_.begin());
    }
    return taken;
  }

  void check_unchanged() const {
    std::size_t at = 0;
    for (const ByteView slice : slices_) {
      check(std::memcmp(slice.data(), bytes_.data() + at, slice.size()) == 0, "committed output does not change");
      at += slice.size();
    }
  }
  bool shows(const std::byte* memory, std::size_t bytes) const {
    return std::ranges::any_of(slices_, [memory, bytes](ByteView slice) {
      return slice.data() < memory + bytes && memory < slice.data() + slice.size();
    });
  }
  std::size_t size() const { return bytes_.size(); }
  /// The transport is lost.
  void forget() {
    slices_.clear();
    bytes_.clear();
  }

 private:
  std::vector<ByteView> slices_;
  std::vector<std::byte> bytes_;  // the same, copied when they were first seen
};

}  // namespace fuzz
