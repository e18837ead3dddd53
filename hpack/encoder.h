// RFC 7541 encoder: fields in, header blocks out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <hpack/allocator.h>
#include <hpack/detail/table.h>
#include <hpack/export.h>
#include <hpack/field.h>
#include <hpack/integer.h>

namespace hpack {

/// Encodes the blocks of one direction of one connection. What was encoded must be sent, whole and in order, for the
/// peer's table follows it (RFC 7541 2.2).
///
/// `Indexing::automatic` puts a field into the dynamic table unless its name promises a value that does not come
/// back (:path, etag, content-length, ...) or it would fill most of the table. authorization, proxy-authorization
/// and a cookie of less than 20 octets become never-indexed literals, for they could be guessed piece
/// by piece from the size of what we send (RFC 7541 7.1). Nothing fails: without memory a field is
/// just not indexed. The work per field is bounded by its own length, whatever was encoded before.
class H2CORE_API Encoder {
 public:
  struct Config {
    std::uint32_t table_cap = 4096;  ///< never a larger table, even if the peer allows 4 GB
    std::uint32_t seed = 0;          ///< differs per connection, so that nobody can aim at hash collisions
    Classify classify = nullptr;     ///< for look_at(): judges fields as a decoder's does, and is kept with entries
    const std::uint32_t* static_marks = nullptr;  ///< 62 marks by static index, [0] unused; outlives the encoder
    Allocator allocator = {};
  };

  /// Most octets that begin_block() writes.
  static constexpr std::size_t kMaxPrefix = 2 * kMaxIntegerOctets;

  explicit Encoder(const Config& config) noexcept;
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// The peer's SETTINGS_HEADER_TABLE_SIZE, to be applied in order and before our acknowledgement goes out; 4096 until
  /// then. The next block begins with the size updates that are due: the smallest, then the last (RFC 7541 4.2).
  void set_peer_table_size(std::uint32_t bytes) noexcept;

  /// Most octets that encode() writes or scribbles on for these fields.
  std::size_t bound(std::span<const Field> fields) const noexcept;

  /// Encodes one whole block to `out`, which has at least bound(fields); returns its length.
  std::size_t encode(std::span<const Field> fields, std::span<std::byte> out) noexcept;

  /// The same in pieces, for a list that does not stand in one place: begin_block once, then each field. `out` has
  /// kMaxPrefix and the sum of field_bound; each returns the end of what it wrote.
  std::byte* begin_block(std::byte* out) noexcept;
  std::byte* field(const Field& field, std::byte* out) noexcept;
  static constexpr std::size_t field_bound(const Field& field) noexcept {
    return field.name.size() + field.value.size() + kFieldOverhead;
  }

  /// What is known of a field before it is encoded: where it stands in the tables (RFC 7541 2.3.3) if it was encoded
  /// lately, and what Config::classify says of it.
  struct Known {
    std::uint32_t index;  ///< 0 says nothing
    std::uint32_t mark;
  };
  /// Fills `known` for each field of a section that stands in two places, and returns how many octets their names and
  /// values are. It holds until the next call of another kind.
  std::size_t look_at(std::span<const Field> first, std::span<const Field> second, Known* known) noexcept;
  /// The same as begin_block() and field() for each, of which the first were looked at just now.
  std::byte* block(std::span<const Field> first, std::span<const Field> second, std::span<const Known> known,
                   std::byte* out) noexcept;

  /// Another one whenever an entry or a table size has come since: while it stays, the same representations mean the
  /// same fields. It begins again behind 2^32 of them.
  std::uint32_t table_state() const noexcept { return table_state_; }

  /// Gives memory back as far as live entries permit.
  void trim() noexcept;

  /// What an encoder holds at most.
  static std::uint64_t memory_bound(std::uint32_t table_cap) noexcept;

  std::uint32_t table_size() const noexcept { return table_.size(); }  ///< as RFC 7541 4.1 counts
  std::uint32_t table_capacity() const noexcept {
    return table_.capacity();
  }  ///< the smaller of the peer's and our cap
  std::uint32_t entry_count() const noexcept { return table_.count(); }
  const Allocator& allocator() const noexcept { return table_.allocator(); }
  std::size_t heap_bytes() const noexcept { return table_.heap_bytes() + slots_bytes(buckets_); }

  /// The i-th newest entry, i < entry_count(); valid until the next call.
  Field entry(std::uint32_t i) const noexcept;

 private:
  using Octet = unsigned char;
  struct Slot;
  struct Key;
  struct Places;

  // An index, two 64-bit lengths and what the Huffman coder may scribble.
  static constexpr std::size_t kFieldOverhead = 40;

  static constexpr std::uint32_t kFirstEntry = 62;  // RFC 7541 2.3.3

  // What was encoded last, by a sum of two sizes and an octet that costs next to nothing and keeps the fields of usual
  // messages apart: static indices, and numbers of entries in 15 bits. Most fields are the same from section to section
  // and need one full comparison then, no hash and no look for the name. That takes 750 instructions off a
  // server_requests, and 1730 off a request_response.
  using Recent = std::uint16_t;
  static constexpr Recent kDynamic = 0x8000;
  static constexpr std::uint32_t kRecentWays = 4;  // places to a bucket
  Places places() const noexcept;
  std::uint32_t recall(const Places& places, const Field& field, std::uint32_t& mark) const noexcept;
  std::byte* unknown_field(const Field& field, std::byte* out) noexcept;
  void note_recent(const Field& field, std::uint32_t number) noexcept;
  Key key_of(const Field& field, std::uint32_t static_name) const noexcept;
  Slot* slots() const noexcept { return reinterpret_cast<Slot*>(recent_ + std::size_t{kRecentWays} * buckets_); }
  Slot* field_bucket(std::uint32_t hash) const noexcept;
  Slot* name_bucket(std::uint32_t hash) const noexcept;
  std::uint32_t find_entry(const Field& field, const Key& key) const noexcept;
  std::uint32_t find_name(const Field& field, const Key& key) const noexcept;
  bool prepare_insert(const Field& field, const Key& key) noexcept;
  void insert(const Field& field, const Key& key) noexcept;
  void remember(const Key& key, std::uint32_t number) noexcept;
  bool replace_slots(std::uint32_t buckets) noexcept;
  static std::uint64_t slots_bytes(std::uint64_t buckets) noexcept;
  void release_slots() noexcept;

  detail::Table table_;
  Recent* recent_ = nullptr;   ///< then buckets for whole fields, then as many for names
  std::uint32_t buckets_ = 0;  ///< a power of two
  std::uint32_t cap_;
  std::uint32_t announced_;  ///< the capacity that the peer's decoder knows of
  std::uint32_t smallest_;   ///< lowest capacity since the last block
  std::uint32_t seed_;
  std::uint32_t table_state_ = 0;
  bool skipped_entries_ = false;  ///< a caller had a name indexed that we skip: only then one may be found
  const std::uint32_t* static_marks_;
  Classify classify_;
};

}  // namespace hpack
