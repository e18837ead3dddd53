// A field section that goes out again as it went out last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <hpack/allocator.h>
#include <hpack/bytes.h>
#include <hpack/encoder.h>
#include <hpack/export.h>
#include <hpack/field.h>

namespace hpack {

/// Remembers the last section of a kind that one encoder wrote, for callers whose messages often begin alike: while it
/// comes back, one comparison stands for Encoder::look_at() and block(), and for all that the caller asks of its
/// fields.
///
///     if (repeated.is(first, second, encoder)) return repeated.write(out);
///     end = encoder.block(first, second, known, out);
///     repeated.sent(first, second, {out, end}, encoder, note);
///
/// Kept is only what came twice in a row and consists of entries of the tables, an octet each; sections that differ
/// each time cost next to nothing. Nothing fails: without memory, which is the encoder's, none is kept. Goes before its
/// encoder.
class H2CORE_API RepeatedSection {
 public:
  /// Most octets of heap that one holds.
  static constexpr std::size_t kMostBytes = 1024;

  RepeatedSection() noexcept = default;
  ~RepeatedSection() { release(); }
  RepeatedSection(const RepeatedSection&) = delete;
  RepeatedSection& operator=(const RepeatedSection&) = delete;

  /// Whether this section, which stands in two places, is the one that is kept, octet by octet and with the same
  /// indexing, and whether the encoder would write it as it did then.
  bool is(std::span<const Field> first, std::span<const Field> second, const Encoder& encoder) const noexcept {
    return kept_ != nullptr && is_kept(first, second, encoder);
  }

  /// If it is: its block, of an octet for each field. Returns the end of what it wrote; `out` has room as for block().
  std::byte* write(std::byte* out) const noexcept;
  /// How many octets its names and values are.
  std::size_t text_bytes() const noexcept;
  /// What the caller gave to sent().
  std::int64_t note() const noexcept;

  /// The encoder has just written `block` for this section. `note` is the caller's: what it found out of the fields.
  void sent(std::span<const Field> first, std::span<const Field> second, ByteView block, const Encoder& encoder,
            std::int64_t note) noexcept {
    if (kept_ == nullptr && block.size() != first.size() + second.size()) return;
    look_back(first, second, block, encoder, note);
  }

  std::size_t heap_bytes() const noexcept;
  /// Forgets, and gives memory back.
  void release() noexcept;

 private:
  struct Kept;

  bool is_kept(std::span<const Field> first, std::span<const Field> second, const Encoder& encoder) const noexcept;
  void look_back(std::span<const Field> first, std::span<const Field> second, ByteView block, const Encoder& encoder,
                 std::int64_t note) noexcept;
  bool make(const Allocator& allocator) noexcept;

  Kept* kept_ = nullptr;
};

}  // namespace hpack
