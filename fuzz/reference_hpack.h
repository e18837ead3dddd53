// RFC 7541 once more, as plainly as it can be written: what our decoder is held against.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <hpack/detail/static_table.h>
#include <hpack/huffman.h>

#include "input.h"

namespace fuzz {

class ReferenceDecoder {
 public:
  struct Line {
    std::string name, value;
    bool never = false;
    bool operator==(const Line&) const = default;
  };

  /// All fields of a block, or nothing if it cannot be decoded.
  std::optional<std::vector<Line>> decode(std::string_view block) {
    rest_ = block;
    std::vector<Line> lines;
    bool leading = true;
    while (!rest_.empty()) {
      const auto first = static_cast<unsigned char>(rest_[0]);
      if (first >= 0x80) {
        const std::optional<std::uint32_t> index = integer(7);
        const std::optional<Entry> entry = index ? at(*index) : std::nullopt;
        if (!entry) return std::nullopt;
        lines.push_back({entry->first, entry->second});
      } else if (first >= 0x20 && first < 0x40) {
        const std::optional<std::uint32_t> size = integer(5);
        if (!size || *size > maximum_ || !leading) return std::nullopt;
        if (owed_ && *size > *owed_) return std::nullopt;
        owed_.reset();
        capacity_ = *size;
        evict();
        continue;
      } else {
        const bool indexed = first >= 0x40;
        const std::optional<std::uint32_t> index = integer(indexed ? 6 : 4);
        if (!index) return std::nullopt;
        Line line{.name = {}, .value = {}, .never = (first & 0xf0) == 0x10};
        if (*index == 0) {
          std::optional<std::string> name = string();
          if (!name) return std::nullopt;
          line.name = std::move(*name);
        } else {
          const std::optional<Entry> entry = at(*index);
          if (!entry) return std::nullopt;
          line.name = entry->first;
        }
        std::optional<std::string> value = string();
        if (!value) return std::nullopt;
        line.value = std::move(*value);
        if (indexed) insert({line.name, line.value});
        lines.push_back(std::move(line));
      }
      if (owed_) return std::nullopt;  // the first representation had to be the update
      leading = false;
    }
    if (owed_) return std::nullopt;
    return lines;
  }

  void allow(std::uint32_t bytes) {
    if (bytes > maximum_) maximum_ = bytes;
  }
  void require(std::uint32_t bytes) {
    maximum_ = bytes;
    if (capacity_ > bytes || owed_) owed_ = owed_ && *owed_ < bytes ? *owed_ : bytes;
  }
  std::uint32_t size() const { return size_; }
  std::size_t count() const { return entries_.size(); }

 private:
  using Entry = std::pair<std::string, std::string>;

  static std::uint32_t cost(const Entry& entry) {
    return static_cast<std::uint32_t>(entry.first.size() + entry.second.size() + 32);
  }
  std::optional<Entry> at(std::uint32_t index) const {
    if (index == 0) return std::nullopt;
    if (index <= 61) return Entry(hpack::detail::kStatic[index].name, hpack::detail::kStatic[index].value);
    if (index - 62 >= entries_.size()) return std::nullopt;
    return entries_[index - 62];
  }
  void insert(Entry entry) {
    size_ += cost(entry);
    entries_.push_front(std::move(entry));
    evict();
  }
  void evict() {
    while (size_ > capacity_) {
      size_ -= cost(entries_.back());
      entries_.pop_back();
    }
  }

  std::optional<std::uint32_t> integer(unsigned prefix) {
    const std::uint32_t mask = (1U << prefix) - 1;
    std::uint64_t value = static_cast<unsigned char>(rest_[0]) & mask;
    rest_.remove_prefix(1);
    if (value < mask) return static_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (rest_.empty()) return std::nullopt;
      const auto octet = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value += static_cast<std::uint64_t>(octet & 0x7f) << shift;
      if (octet < 0x80) return value <= 0xffffffff ? std::optional(static_cast<std::uint32_t>(value)) : std::nullopt;
    }
    return std::nullopt;
  }
  std::optional<std::string> string() {
    if (rest_.empty()) return std::nullopt;
    const bool huffman = static_cast<unsigned char>(rest_[0]) >= 0x80;
    const std::optional<std::uint32_t> length = integer(7);
    if (!length || *length > rest_.size()) return std::nullopt;
    const std::string_view code = rest_.substr(0, *length);
    rest_.remove_prefix(*length);
    if (!huffman) return std::string(code);
    std::vector<char> room(hpack::huffman_decode_room(code.size()));
    const auto decoded = hpack::huffman_decode(std::as_bytes(std::span(code)), room);
    if (!decoded) return std::nullopt;
    return std::string(room.data(), *decoded);
  }

  std::string_view rest_;
  std::deque<Entry> entries_;
  std::uint32_t size_ = 0, capacity_ = 4096, maximum_ = 4096;
  std::optional<std::uint32_t> owed_;
};

}  // namespace fuzz
