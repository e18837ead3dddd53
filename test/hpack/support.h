// What the HPACK tests share: wire bytes in the open, decoded fields that own their text, a heap that counts and fails.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hpack/decoder.h>
#include <hpack/encoder.h>
#include <hpack/huffman.h>

namespace test {

using Bytes = std::vector<std::byte>;

/// Hex digits, blanks ignored.
inline Bytes wire(std::string_view hex) {
  Bytes bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

inline std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) & 15];
  }
  return text;
}

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// A literal's string, raw.
inline Bytes raw(std::string_view text) {
  std::byte head[hpack::kMaxIntegerOctets];
  std::byte* const end = hpack::encode_integer(static_cast<std::uint32_t>(text.size()), 7, std::byte{0}, head);
  Bytes bytes(head, end);
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

struct Line {
  std::string name;
  std::string value;
  bool operator==(const Line&) const = default;
};
using Lines = std::vector<Line>;

inline std::ostream& operator<<(std::ostream& out, const Line& line) { return out << line.name << ": " << line.value; }
inline std::ostream& operator<<(std::ostream& out, const Lines& lines) {
  for (const Line& line : lines) out << '\n' << line;
  return out;
}

/// A copy of exactly this size, so that a sanitizer sees a read past its end.
class Exact {
 public:
  explicit Exact(std::span<const std::byte> bytes) : size_(bytes.size()), bytes_(new std::byte[bytes.size()]) {
    for (std::size_t i = 0; i < size_; ++i) bytes_[i] = bytes[i];
  }
  hpack::ByteView view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
};

/// A place for text that ends where memory ends: a read past it is a crash, with any compiler.
class PageEnd {
 public:
  PageEnd() {
    if (pages_ == MAP_FAILED || mprotect(end(), page_bytes_, PROT_NONE) != 0) std::abort();
  }
  ~PageEnd() { munmap(pages_, 2 * page_bytes_); }
  PageEnd(const PageEnd&) = delete;
  PageEnd& operator=(const PageEnd&) = delete;

  std::string_view put(std::string_view text) {
    std::copy(text.begin(), text.end(), end() - text.size());
    return {end() - text.size(), text.size()};
  }
  char& octet(std::string_view text, std::size_t i) { return end()[static_cast<std::ptrdiff_t>(i - text.size())]; }

 private:
  char* end() const { return static_cast<char*>(pages_) + page_bytes_; }

  std::size_t page_bytes_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* pages_ = mmap(nullptr, 2 * page_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
};

/// Decodes a whole block. Views are read only when the block is through, for they must last that long.
inline Lines decode(hpack::Decoder& decoder, std::span<const std::byte> block) {
  const Exact exact(block);
  std::vector<hpack::Field> fields;
  decoder.begin(exact.view());
  for (hpack::Field field; decoder.next(field) == hpack::Decoder::Step::field;) fields.push_back(field);
  Lines lines;
  for (const hpack::Field& field : fields) lines.push_back({std::string(field.name), std::string(field.value)});
  return lines;
}

/// The error that this block ends in, on a decoder of its own.
inline hpack::DecodeError error_of(std::span<const std::byte> block) {
  hpack::Decoder decoder({});
  decode(decoder, block);
  return decoder.error();
}

inline Bytes encode(hpack::Encoder& encoder, std::span<const hpack::Field> fields) {
  Bytes out(encoder.bound(fields));
  out.resize(encoder.encode(fields, out));
  return out;
}

inline Lines lines_of(std::span<const hpack::Field> fields) {
  Lines lines;
  for (const hpack::Field& field : fields) lines.push_back({std::string(field.name), std::string(field.value)});
  return lines;
}

inline Lines operator+(Lines left, const Lines& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

template <class Coder>
Lines table_of(const Coder& coder) {
  Lines lines;
  for (std::uint32_t i = 0; i < coder.entry_count(); ++i) {
    const hpack::Field entry = coder.entry(i);
    lines.push_back({std::string(entry.name), std::string(entry.value)});
  }
  return lines;
}

/// Counts, and fails the call that it is told to.
struct Heap {
  std::size_t calls = 0;
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
  std::size_t fail_at = SIZE_MAX;

  hpack::Allocator allocator() {
    hpack::Allocator made;
    made.context = this;
    made.allocate = [](void* context, std::size_t bytes) noexcept -> void* {
      Heap& heap = *static_cast<Heap*>(context);
      if (heap.calls++ >= heap.fail_at) return nullptr;
      heap.live_bytes += bytes;
      if (heap.live_bytes > heap.peak_bytes) heap.peak_bytes = heap.live_bytes;
      return std::malloc(bytes);
    };
    made.release = [](void* context, void* memory, std::size_t bytes) noexcept {
      static_cast<Heap*>(context)->live_bytes -= bytes;
      std::free(memory);
    };
    return made;
  }
};

}  // namespace test
