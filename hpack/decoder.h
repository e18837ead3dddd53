// RFC 7541 decoder: header blocks in, fields out as views.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <hpack/allocator.h>
#include <hpack/bytes.h>
#include <hpack/detail/table.h>
#include <hpack/export.h>
#include <hpack/field.h>

namespace hpack {

/// Why a block cannot be decoded. All but `out_of_memory` are the peer's doing and, in HTTP/2, a connection error
/// COMPRESSION_ERROR (RFC 9113 4.3).
enum class DecodeError : std::uint8_t {
  none,
  truncated,              ///< the block ends inside a representation
  integer_overflow,       ///< an integer above 2^32-1 or of endless octets (5.1)
  bad_index,              ///< index 0 or past both tables (2.3.3, 6.1)
  bad_huffman,            ///< wrong padding, or EOS in a string (5.2)
  size_update_too_large,  ///< above the maximum that we announced (6.3)
  size_update_misplaced,  ///< behind the first field of a block (4.2)
  size_update_missing,    ///< the peer acknowledged a smaller maximum and did not say so in its next block (4.2)
  out_of_memory,
};

/// The error as a sentence for a log.
H2CORE_API const char* describe(DecodeError error) noexcept;

/// Decodes the blocks of one direction of one connection, all of them and in order (RFC 7541 2.2).
///
///     decoder.begin(block);
///     for (Field field; decoder.next(field) == Decoder::Step::field;) use(field);
///     if (decoder.error() != DecodeError::none) ...
///
/// Views of a block's fields stay valid until the next begin() or trim(), even where a later field of the block
/// evicts their entry; some of them show the block itself, so it must stay put as long.
///
/// Memory follows what is used, not what SETTINGS allow: the live entries, what one block's literals decode to, and
/// about as much again; `max_text` bounds it. A block can decode to much more than its own length by referring to long
/// names again and again; drop_views() is how the caller puts an end to that. Blocks like those seen before need no
/// heap call.
class H2CORE_API Decoder {
 public:
  struct Config {
    /// Both the table's first capacity and the announced maximum. HTTP/2 starts at 4096 (RFC 9113 6.5.2).
    std::uint32_t table_size = 4096;
    Classify classify = nullptr;                  ///< without it literals have mark 0
    const std::uint32_t* static_marks = nullptr;  ///< 62 marks by static index, [0] unused; outlives the decoder
    Allocator allocator = {};
  };

  enum class Step : std::uint8_t {
    field,
    end,
    error,
    oversized,  ///< a field that has more text than is left of `max_text`: checked, and not shown
  };

  explicit Decoder(const Config& config) noexcept;
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Starts a block, which is given whole. Views of the block before end here, whether or not it was read to its end;
  /// what is left of it is not decoded, so read on to `end` to keep the table in step. At most `max_text` octets of
  /// text are kept for views, besides what goes into the table: who counts what it is given ends that by drop_views().
  /// Size updates are read here; the first next() tells of an error in them.
  void begin(ByteView block, std::size_t max_text = SIZE_MAX) noexcept;

  /// Decodes the next field; `out` means something only if there was one. An error is final: the table no longer
  /// matches the peer's, so all later blocks fail too.
  Step next(Field& out) noexcept {
    if (!read_entry(at_, out)) return next_other(out);
    return Step::field;
  }

  /// Decodes all that is left of the block and calls `take(field)` for each field, as if it came from next(); what
  /// stopped it is returned, and behind an oversized field the rest follows with the next call. `take` leaves the
  /// decoder alone. Only here the place of the next field is not read back from memory (45 of 105 instructions of a
  /// field in the clear, and a tenth of its time or more).
  template <class Take>
  Step each(Take&& take) {
    const Octet* at = at_;
    for (Field field;;) {
      if (read_entry(at, field) || read_clear(at, field)) {
        at_ = at;
      } else {
        const Step step = next_other(field);
        if (step != Step::field) return step;
        at = at_;
      }
      take(std::as_const(field));
    }
  }

  DecodeError error() const noexcept { return error_; }

  /// Gives up all views of this block so far, and those of each later field of it with the next next(). From here on
  /// memory does not grow with the rest of the block, and what the table cannot take is oversized: for a block that
  /// went over its limit and is read on to keep the table in step.
  void drop_views() noexcept {
    table_.unpin();
    max_text_ = 0;
  }

  /// We announced this maximum: size updates up to it are right from now on.
  void allow_table_size(std::uint32_t bytes) noexcept {
    if (bytes > maximum_) maximum_ = bytes;
  }

  /// The peer acknowledged this maximum: it holds from now on. If the table is larger, the next block must begin
  /// with a size update to no more than this, or than the smallest value given since the last block (RFC 7541 4.2).
  void require_table_size(std::uint32_t bytes) noexcept;

  /// Gives memory back as far as live entries permit. Between blocks only; ends all views.
  void trim() noexcept { table_.trim(); }

  /// What a decoder holds at most whose table never exceeded `table_size`, with such a `max_text` for each block, if
  /// drop_views() is called once the fields of a block have more text than that.
  static std::uint64_t memory_bound(std::uint32_t table_size, std::uint64_t max_text) noexcept {
    const std::uint64_t pinned = detail::Table::pinned_bound(table_size, max_text);
    return detail::Table::ring_bound(table_size) + std::max(pinned, detail::Table::unpinned_bound(table_size));
  }

  std::uint32_t table_size() const noexcept { return table_.size(); }          ///< as RFC 7541 4.1 counts
  std::uint32_t table_capacity() const noexcept { return table_.capacity(); }  ///< as the peer last set it
  std::uint32_t entry_count() const noexcept { return table_.count(); }
  std::size_t heap_bytes() const noexcept { return table_.heap_bytes(); }

  /// The i-th newest entry, i < entry_count(); index 62 + i on the wire. A view as long as a field's.
  Field entry(std::uint32_t i) const noexcept;

 private:
  using Octet = unsigned char;
  struct Literal;

  // RFC 7541 2.3.3 and 5.1: the index of the newest entry, and the one from which on an octet is not enough.
  static constexpr std::uint32_t kFirstEntry = 62, kLongIndex = 0x7f;

  static void show(const detail::Entry& entry, Field& out) noexcept {
    out.name = entry.name_view();
    out.value = entry.value_view();
    out.mark = entry.mark;
    out.indexing = Indexing::automatic;
  }
  void read_size_updates() noexcept;
  bool read_entry(const Octet*& at, Field& out) const noexcept;
  bool read_clear(const Octet*& at, Field& out) const noexcept;
  Step next_other(Field& out) noexcept;
  const detail::Entry& entry_at(std::uint32_t index) const noexcept;
  Step indexed(const Octet* at, unsigned octet, Field& out) noexcept;
  Step literal(const Octet* at, unsigned octet, Field& out) noexcept;
  Step huffman_value(const Octet* at, std::uint32_t index, std::uint32_t name_mark, Field& out) noexcept;
  Step literal_in_arena(const Octet* at, std::uint32_t index, unsigned how, std::uint32_t name_mark,
                        Field& out) noexcept;
  Step judge(Field& out, std::uint32_t name_mark) const noexcept;
  Step find_room(Literal& parts) noexcept;
  bool size_update(const Octet*& at, unsigned octet) noexcept;
  bool read_integer(const Octet*& at, std::uint32_t& value) noexcept;
  bool read_text(const Octet*& at, std::string_view& text, unsigned& huffman) noexcept;
  static bool move_text(std::string_view& text, bool huffman, bool copy, char*& end) noexcept;
  Step fail(DecodeError error) noexcept;

  const Octet* at_ = nullptr;
  const Octet* end_ = nullptr;
  const std::uint32_t* static_marks_;
  Classify classify_;
  detail::Table table_;
  std::uint32_t maximum_;
  std::size_t max_text_ = SIZE_MAX;
  std::uint32_t owed_maximum_ = 0;  ///< what the owed size update may say at most
  bool update_owed_ = false;
  DecodeError error_ = DecodeError::none;
};

// An entry of the dynamic table, named by one octet, as most fields are once a connection is warm; in line, it costs no
// call (110 instructions of a server_requests, 190 of a request_response). False, and nothing is done, where something
// else comes next.
inline bool Decoder::read_entry(const Octet*& at, Field& out) const noexcept {
  if (at == end_) return false;
  const std::uint32_t age = *at - (0x80u + kFirstEntry);  // below, it wraps
  if (age >= kLongIndex - kFirstEntry || age >= table_.count()) return false;
  ++at;
  show(table_.newest(age), out);
  return true;
}

// A literal with a new name that no table takes (RFC 7541 6.2.2, 6.2.3), in the clear and of short strings.
inline bool Decoder::read_clear(const Octet*& at, Field& out) const noexcept {
  const auto left = static_cast<std::size_t>(end_ - at);
  if (left < 3 || (*at & 0xef) != 0 || classify_ != nullptr) return false;
  const std::size_t name_size = at[1];
  if (name_size >= 0x7f || name_size + 3 > left) return false;
  const std::size_t value_size = at[2 + name_size];
  if (value_size >= 0x7f || name_size + value_size + 3 > left) return false;
  out.name = {reinterpret_cast<const char*>(at + 2), name_size};
  out.value = {reinterpret_cast<const char*>(at + 3 + name_size), value_size};
  out.indexing = *at == 0 ? Indexing::automatic : Indexing::never;
  out.mark = 0;
  at += 3 + name_size + value_size;
  return true;
}

}  // namespace hpack
