// A field is looked for in the static table by a perfect hash of its name, in the dynamic table by a hash of at most
// three words of its value. The slots of a bucket hold entry numbers: a number tells by itself whether
// its entry is still there, so eviction touches no bucket.
#include <hpack/encoder.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <memory>

#include <hpack/detail/huffman.h>
#include <hpack/detail/integer_inline.h>
#include <hpack/detail/static_table.h>
#include <hpack/detail/words.h>
#include <hpack/huffman.h>

namespace hpack {
namespace {

using detail::kStatic;
using detail::kStaticCount;
using detail::Octet;

constexpr std::uint32_t kInitialTableSize = 4096;  // RFC 9113 6.5.2

enum class Habit : std::uint8_t {
  index,
  skip,    // values of this name rarely come back: an entry would only evict better ones
  secret,  // never indexed
  cookie,  // never indexed when short enough to be guessed
};

// A full table has about one entry per bucket. With two ways for fields too many of them would push each other out:
// raw-data compresses to 0.313-0.316 with two and to 0.309 with four.
constexpr std::uint32_t kFieldWays = 4;
constexpr std::uint32_t kNameWays = 2;

// Short cookies: below this many octets of value, too little entropy to stand in a table that others can probe.
constexpr std::size_t kShortCookie = 20;

constexpr std::array<Habit, kStaticCount + 1> make_habits() {
  std::array<Habit, kStaticCount + 1> habits{};
  for (std::size_t i = 1; i <= kStaticCount; ++i) {
    const std::string_view name = kStatic[i].name;
    if (name == "authorization" || name == "proxy-authorization") habits[i] = Habit::secret;
    if (name == "cookie") habits[i] = Habit::cookie;
    for (const std::string_view skipped :
         {":path", "age", "content-length", "etag", "if-modified-since", "if-none-match", "location", "set-cookie"}) {
      if (name == skipped) habits[i] = Habit::skip;
    }
  }
  return habits;
}

// Indexed by static index of the name; [0], a name of its own, is indexed.
constexpr std::array<Habit, kStaticCount + 1> kHabits = make_habits();

// Of the static table's values; most that are looked for there are longer, and need no look.
constexpr std::size_t kLongestStaticValue = [] {
  std::size_t longest = 0;
  for (const detail::StaticField& field : kStatic) longest = std::max(longest, field.value.size());
  return longest;
}();

constexpr std::uint32_t kNoMarks[kStaticCount + 1] = {};

// At most three words: all of a string up to 24 octets. What they miss costs compression, never correctness.
inline std::uint64_t sample(std::string_view text, std::uint64_t seed) noexcept {
  const char* const octets = text.data();
  const std::size_t size = text.size();
  std::uint64_t hash = seed + size * 0x9e3779b97f4a7c15u;
  if (size >= 8) {
    hash += detail::load<std::uint64_t>(octets) * 0xa0761d6478bd642fu;
    hash ^= std::rotl(detail::load<std::uint64_t>(octets + size - 8) * 0xe7037ed1a0b428dbu, 23);
    hash += std::rotl(detail::load<std::uint64_t>(octets + (size - 8) / 2) * 0x8ebc6af09c88c6e3u, 41);
  } else if (size >= 4) {
    const std::uint64_t head = detail::load<std::uint32_t>(octets);
    const std::uint64_t tail = detail::load<std::uint32_t>(octets + size - 4);
    hash += (head << 32 | tail) * 0xa0761d6478bd642fu;
  } else if (size > 0) {
    const auto at = [octets](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(octets[i])}; };
    hash += (at(0) << 16 | at(size / 2) << 8 | at(size - 1)) * 0xa0761d6478bd642fu;
  }
  hash ^= hash >> 32;
  return hash * 0x589965cc75374cc3u;
}

inline bool same_text(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && detail::same_octets(a.data(), b.data(), a.size());
}

/// What an entry keeps in the arena, and one: room() is never asked for nothing.
std::size_t entry_octets(const Field& field, std::uint32_t static_name) noexcept {
  return (static_name != 0 ? 0 : field.name.size()) + field.value.size() + 1;
}

// Huffman where that is strictly shorter (RFC 7541 5.2). One pass: it stops when it would not be.
Octet* write_text(std::string_view text, Octet* out) noexcept {
  const std::size_t size = text.size();
  if (size == 0) {
    *out = 0;
    return out + 1;
  }
  // The length goes in front and is not known yet; guessed by the usual three quarters, certain below 127.
  const std::size_t head = size < 0x7f ? 1 : detail::integer_size(size / 4 * 3, 7);
  Octet* const body = out + head;
  Octet* const end = detail::encode_huffman(text.data(), size, body, body + size - 1);
  if (end == nullptr) {
    out = detail::write_integer(size, 7, 0, out);
    detail::copy_octets(reinterpret_cast<char*>(out), text.data(), size);
    return out + size;
  }
  const auto length = static_cast<std::size_t>(end - body);
  if (length < 0x7f && head == 1) {
    *out = static_cast<Octet>(0x80 | length);
    return end;
  }
  const std::size_t true_head = detail::integer_size(length, 7);
  if (true_head != head) std::memmove(out + true_head, body, length);
  return detail::write_integer(length, 7, 0x80, out) + length;
}

std::byte* write_index(std::uint32_t index, std::byte* out) noexcept {
  return reinterpret_cast<std::byte*>(detail::write_integer(index, 7, 0x80, reinterpret_cast<Octet*>(out)));
}

}  // namespace

struct Encoder::Slot {
  std::uint32_t hash;
  std::uint32_t number;
};

struct Encoder::Key {
  std::uint32_t static_name;
  std::uint32_t name_hash;  ///< 0 for a name of the static table
  std::uint32_t field_hash;
};

Encoder::Encoder(const Config& config) noexcept
    : table_(std::min(config.table_cap, kInitialTableSize), config.allocator),
      cap_(config.table_cap),
      announced_(kInitialTableSize),
      smallest_(table_.capacity()),
      seed_(config.seed),
      static_marks_(config.static_marks != nullptr ? config.static_marks : kNoMarks),
      classify_(config.classify) {}

Encoder::~Encoder() { release_slots(); }

void Encoder::set_peer_table_size(std::uint32_t bytes) noexcept {
  const std::uint32_t capacity = std::min(bytes, cap_);
  table_.set_capacity(capacity);
  smallest_ = std::min(smallest_, capacity);
}

std::size_t Encoder::bound(std::span<const Field> fields) const noexcept {
  std::size_t octets = kMaxPrefix;
  for (const Field& each : fields) octets += field_bound(each);
  return octets;
}

std::size_t Encoder::encode(std::span<const Field> fields, std::span<std::byte> out) noexcept {
  assert(out.size() >= bound(fields));
  std::byte* end = begin_block(out.data());
  for (const Field& each : fields) end = field(each, end);
  return static_cast<std::size_t>(end - out.data());
}

std::byte* Encoder::begin_block(std::byte* out) noexcept {
  const std::uint32_t capacity = table_.capacity();
  if (smallest_ == announced_ && capacity == announced_) return out;
  auto* end = reinterpret_cast<Octet*>(out);
  const bool dipped = smallest_ < announced_ && smallest_ < capacity;
  if (dipped) end = detail::write_integer(smallest_, 5, 0x20, end);
  if (dipped || capacity != announced_) end = detail::write_integer(capacity, 5, 0x20, end);
  announced_ = capacity;
  smallest_ = capacity;
  return reinterpret_cast<std::byte*>(end);
}

/// Where a field has its place that has a name; a number of them that is a power of two.
struct Encoder::Places {
  const Recent* at;
  std::size_t last;
  static std::size_t sum(const Field& field) noexcept {
    const std::size_t name = field.name.size();
    return (2 * name + field.value.size()) * 4 + static_cast<unsigned char>(field.name.data()[name - 1]);
  }
};

/// Those that there are, or one that says nothing: no field has the name of the static entry 0.
inline Encoder::Places Encoder::places() const noexcept {
  static constexpr Recent kNothing = 0;
  if (recent_ == nullptr) return {&kNothing, 0};
  return {recent_, std::size_t{kRecentWays} * buckets_ - 1};
}

/// The index of the field that was encoded last at this place, if it is this one, or 0; and the mark that it has there.
[[gnu::always_inline]] inline std::uint32_t Encoder::recall(const Places& places, const Field& field,
                                                            std::uint32_t& mark) const noexcept {
  mark = 0;
  if (field.indexing == Indexing::never || field.name.empty()) return 0;
  std::uint32_t index = places.at[Places::sum(field) & places.last];
  const char *name, *value;
  std::size_t name_size, value_size;
  if ((index & kDynamic) != 0) {
    const std::uint32_t age = table_.age(index) & (kDynamic - 1u);
    if (age >= table_.count()) return 0;
    const detail::Entry& entry = table_.newest(age);
    index = kFirstEntry + age;
    mark = entry.mark;
    name = entry.name, name_size = entry.name_size, value = entry.value, value_size = entry.value_size;
  } else {
    const auto& [known_name, known_value] = kStatic[index];
    mark = static_marks_[index];
    name = known_name.data(), name_size = known_name.size(), value = known_value.data(),
    value_size = known_value.size();
  }
  if (name_size == field.name.size() && value_size == field.value.size()) {
    const std::uint64_t in_value = detail::difference(value, field.value.data(), value_size);
    if ((in_value | detail::difference(name, field.name.data(), name_size)) == 0) return index;
  }
  mark = 0;
  return 0;
}

std::size_t Encoder::look_at(std::span<const Field> first, std::span<const Field> second, Known* known) noexcept {
  std::size_t octets = 0;
  const Places places = this->places();
  for (const auto& part : {first, second}) {
    for (const Field& field : part) {
      octets += field.name.size() + field.value.size();
      std::uint32_t mark;
      const std::uint32_t index = recall(places, field, mark);
      if (mark == 0 && classify_ != nullptr) {
        mark = classify_(field.name, field.value, 0);
        if (index >= kFirstEntry) table_.newest(index - kFirstEntry).mark = mark;
      }
      *known++ = {index, mark};
    }
  }
  return octets;
}

std::byte* Encoder::field(const Field& field, std::byte* out) noexcept {
  std::uint32_t mark;
  const std::uint32_t index = recall(places(), field, mark);
  return index != 0 ? write_index(index, out) : unknown_field(field, out);
}

std::byte* Encoder::block(std::span<const Field> first, std::span<const Field> second, std::span<const Known> known,
                          std::byte* out) noexcept {
  out = begin_block(out);
  const Known* at = known.data();
  const Known* const end = at + known.size();
  const std::uint32_t start = table_.next_number();
  std::uint32_t unmoved = UINT32_MAX;  // the last index that is as it was at the look
  for (const auto& part : {first, second}) {
    for (const Field& each : part) {
      std::uint32_t index = at != end ? at++->index : 0;
      if (index > unmoved) {
        index += table_.next_number() - start;
        if (index - kFirstEntry >= table_.count()) index = 0;  // this block has evicted it
      }
      if (index - 1 < 0x7e) [[likely]] {
        *out++ = static_cast<std::byte>(0x80 | index);
      } else if (index != 0) {
        out = write_index(index, out);
      } else {
        out = unknown_field(each, out);
        if (table_.next_number() != start) unmoved = kFirstEntry - 1;
      }
    }
  }
  return out;
}

/// One that was not encoded lately, or that no table has.
std::byte* Encoder::unknown_field(const Field& field, std::byte* out) noexcept {
  auto* at = reinterpret_cast<Octet*>(out);
  const std::uint32_t static_name = detail::find_static_name(field.name);
  const Habit habit = kHabits[static_name];
  const bool secret = habit == Habit::secret || (habit == Habit::cookie && field.value.size() < kShortCookie);

  Indexing indexing = field.indexing;
  if (indexing == Indexing::automatic) {
    if (secret) indexing = Indexing::never;
    if (habit == Habit::skip) indexing = Indexing::without;
  }

  if (indexing != Indexing::never && static_name != 0 && field.value.size() <= kLongestStaticValue) {
    const std::uint32_t end = static_name + detail::kStaticNames.values[static_name];
    for (std::uint32_t index = static_name; index < end; ++index) {
      const std::string_view value = kStatic[index].value;
      if (value.size() != field.value.size()) continue;
      if (!detail::same_octets(value.data(), field.value.data(), value.size())) continue;
      if (!secret) note_recent(field, index);
      *at = static_cast<Octet>(0x80 | index);
      return out + 1;
    }
  }

  Key key{static_name, 0, 0};
  if (habit != Habit::skip || indexing != Indexing::without || skipped_entries_) {
    key = key_of(field, static_name);
    const std::uint32_t index = indexing != Indexing::never ? find_entry(field, key) : 0;
    if (index != 0) {
      if (!secret) note_recent(field, kDynamic | table_.age(index - kFirstEntry));
      return write_index(index, out);
    }
  }

  const std::uint64_t size = std::uint64_t{field.name.size()} + field.value.size() + detail::kEntryOverhead;
  bool insert_it = indexing == Indexing::always && size <= table_.capacity();
  // A field that would fill three quarters of the table costs it more than it is likely to bring back.
  if (indexing == Indexing::automatic) insert_it = size <= std::uint64_t{table_.capacity()} / 4 * 3;
  const std::uint32_t name_index = static_name != 0 ? static_name : find_name(field, key);
  if (insert_it) insert_it = prepare_insert(field, key);

  if (insert_it) {
    at = detail::write_integer(name_index, 6, 0x40, at);
  } else {
    at = detail::write_integer(name_index, 4, indexing == Indexing::never ? 0x10 : 0x00, at);
  }
  if (name_index == 0) at = write_text(field.name, at);
  at = write_text(field.value, at);
  if (insert_it) {
    if (!secret) note_recent(field, kDynamic | table_.next_number());
    if (habit == Habit::skip) skipped_entries_ = true;
    insert(field, key);
  }
  return reinterpret_cast<std::byte*>(at);
}

void Encoder::trim() noexcept {
  table_.trim();
  if (table_.count() == 0) {
    release_slots();
  } else if (table_.ring_slots() < buckets_) {
    replace_slots(table_.ring_slots());
  }
}

Field Encoder::entry(std::uint32_t i) const noexcept {
  const detail::Entry& entry = table_.newest(i);
  return {entry.name_view(), entry.value_view(), Indexing::automatic, 0};
}

// An automatic field must not find what its caller had indexed against our habit: secrets are never noted.
inline void Encoder::note_recent(const Field& field, std::uint32_t number) noexcept {
  if (recent_ == nullptr || field.name.empty()) return;
  recent_[Places::sum(field) & places().last] = static_cast<Recent>(number);
}

inline Encoder::Key Encoder::key_of(const Field& field, std::uint32_t static_name) const noexcept {
  const std::uint64_t seed = seed_ * 0x9e3779b97f4a7c15u;
  std::uint64_t name_hash = static_name * 0xd6e8feb86659fd93u;
  if (static_name == 0) name_hash = sample(field.name, seed);
  const std::uint64_t field_hash = sample(field.value, seed ^ name_hash);
  return {static_name, static_cast<std::uint32_t>(name_hash >> 32), static_cast<std::uint32_t>(field_hash >> 32)};
}

inline Encoder::Slot* Encoder::field_bucket(std::uint32_t hash) const noexcept {
  return slots() + std::size_t{kFieldWays} * (hash & (buckets_ - 1));
}
inline Encoder::Slot* Encoder::name_bucket(std::uint32_t hash) const noexcept {
  return slots() + std::size_t{kFieldWays} * buckets_ + std::size_t{kNameWays} * (hash & (buckets_ - 1));
}

/// The index on the wire of an entry with this name and value, or 0.
inline std::uint32_t Encoder::find_entry(const Field& field, const Key& key) const noexcept {
  if (buckets_ == 0) return 0;
  const Slot* const bucket = field_bucket(key.field_hash);
  for (const Slot* slot = bucket; slot != bucket + kFieldWays; ++slot) {
    if (slot->hash != key.field_hash) continue;
    const std::uint32_t age = table_.age(slot->number);
    if (age >= table_.count()) break;  // and what stands behind is older
    const detail::Entry& entry = table_.newest(age);
    if (entry.static_name != key.static_name || entry.value_size != field.value.size()) continue;
    if (key.static_name == 0 && !same_text(entry.name_view(), field.name)) continue;
    if (!detail::same_octets(entry.value, field.value.data(), field.value.size())) continue;
    return kFirstEntry + age;
  }
  return 0;
}

/// The index of an entry with this name, which is none of the static table's, or 0.
inline std::uint32_t Encoder::find_name(const Field& field, const Key& key) const noexcept {
  if (buckets_ == 0) return 0;
  const Slot* const bucket = name_bucket(key.name_hash);
  for (const Slot* slot = bucket; slot != bucket + kNameWays; ++slot) {
    if (slot->hash != key.name_hash) continue;
    const std::uint32_t age = table_.age(slot->number);
    if (age >= table_.count()) break;
    const detail::Entry& entry = table_.newest(age);
    if (entry.static_name == 0 && same_text(entry.name_view(), field.name)) return kFirstEntry + age;
  }
  return 0;
}

/// Everything about an insertion that can fail, before a word of it is written.
inline bool Encoder::prepare_insert(const Field& field, const Key& key) noexcept {
  if (!table_.reserve_entry() || table_.room(entry_octets(field, key.static_name)) == nullptr) return false;
  return buckets_ >= table_.ring_slots() || replace_slots(table_.ring_slots()) || buckets_ != 0;
}

inline void Encoder::insert(const Field& field, const Key& key) noexcept {
  char* octets = table_.room(entry_octets(field, key.static_name));
  detail::Entry entry;
  entry.name = octets;
  entry.name_size = static_cast<std::uint32_t>(field.name.size());
  entry.static_name = key.static_name;
  if (key.static_name != 0) {
    entry.name = kStatic[key.static_name].name.data();
  } else {
    detail::copy_octets(octets, field.name.data(), field.name.size());
    octets += field.name.size();
  }
  detail::copy_octets(octets, field.value.data(), field.value.size());
  entry.value = octets;
  entry.value_size = static_cast<std::uint32_t>(field.value.size());
  table_.commit(octets + field.value.size());
  const std::uint32_t number = table_.next_number();
  table_.push(entry);
  remember(key, number);
}

/// The newest of a bucket stands first; the oldest goes when there is one too many.
inline void Encoder::remember(const Key& key, std::uint32_t number) noexcept {
  Slot* const fields = field_bucket(key.field_hash);
  for (std::uint32_t way = kFieldWays - 1; way > 0; --way) fields[way] = fields[way - 1];
  fields[0] = {key.field_hash, number};
  if (key.static_name != 0) return;
  Slot* const names = name_bucket(key.name_hash);
  if (names[0].hash != key.name_hash) names[1] = names[0];
  names[0] = {key.name_hash, number};
}

/// As many buckets as the ring has places. On failure the old ones stay.
bool Encoder::replace_slots(std::uint32_t buckets) noexcept {
  void* const memory = table_.allocate(slots_bytes(buckets));
  if (memory == nullptr) return false;
  release_slots();
  recent_ = static_cast<Recent*>(memory);
  buckets_ = buckets;
  std::uninitialized_fill_n(recent_, std::size_t{buckets} * kRecentWays, Recent{0});
  std::uninitialized_fill_n(slots(), std::size_t{buckets} * (kFieldWays + kNameWays), Slot{0, 0});
  for (std::uint32_t i = table_.count(); i-- > 0;) {
    const detail::Entry& entry = table_.newest(i);
    remember(key_of({entry.name_view(), entry.value_view()}, entry.static_name), table_.next_number() - 1 - i);
  }
  return true;
}

std::uint64_t Encoder::memory_bound(std::uint32_t table_cap) noexcept {
  const std::uint64_t slots = slots_bytes(detail::Table::most_slots(table_cap));
  return detail::Table::ring_bound(table_cap) + detail::Table::arena_bound(table_cap) + slots + slots / 2;
}

std::uint64_t Encoder::slots_bytes(std::uint64_t buckets) noexcept {
  return buckets * ((kFieldWays + kNameWays) * sizeof(Slot) + kRecentWays * sizeof(Recent));
}

void Encoder::release_slots() noexcept {
  if (recent_ == nullptr) return;
  table_.release(recent_, slots_bytes(buckets_));
  recent_ = nullptr;
  buckets_ = 0;
}

}  // namespace hpack
