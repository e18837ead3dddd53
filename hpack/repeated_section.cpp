// For a server whose responses begin alike this is 1,000 of the 5,300 instructions that a request takes.
#include <hpack/repeated_section.h>

#include <new>

#include <hpack/detail/words.h>

namespace hpack {
namespace {

constexpr std::size_t kMostFields = 24;  // ours to choose: few heads have more

// What has to be the same before a field's text may be looked at. Apart from all text, so that its place is a sum and
// waits for no load (a quarter of the time).
struct Begin {
  std::uint16_t name_bytes, value_bytes;
  Indexing indexing;
};

}  // namespace

struct RepeatedSection::Kept {
  static constexpr std::size_t kMostText = 808;

  Allocator allocator;
  std::int64_t note;
  std::uint32_t text_bytes;
  std::uint32_t table_state;      // when the block was written
  std::uint32_t block_bytes = 0;  // of the last one, if it consisted of entries only; else 0
  bool has_text = false;          // and it came twice
  std::byte block[kMostFields];
  Begin begin[kMostFields];
  char text[kMostText];  // names and values

  void take(std::span<const Field> first, std::span<const Field> second) noexcept;
};

bool RepeatedSection::is_kept(std::span<const Field> first, std::span<const Field> second,
                              const Encoder& encoder) const noexcept {
  if (!kept_->has_text || kept_->table_state != encoder.table_state()) return false;
  if (first.size() + second.size() != kept_->block_bytes) return false;
  const Begin* begin = kept_->begin;
  const char* text = kept_->text;
  detail::Differences differences;
  for (const auto& part : {first, second}) {
    for (const Field& field : part) {
      const std::size_t name_bytes = begin->name_bytes, value_bytes = begin->value_bytes;
      if (name_bytes != field.name.size() || value_bytes != field.value.size()) return false;
      if (begin->indexing != field.indexing) return false;
      ++begin;
      differences.add(text, field.name.data(), name_bytes);
      text += name_bytes;
      differences.add(text, field.value.data(), value_bytes);
      text += value_bytes;
    }
  }
  return differences.none();
}

std::byte* RepeatedSection::write(std::byte* out) const noexcept {
  std::memcpy(out, kept_->block, kMostFields);  // three words, whatever the size
  return out + kept_->block_bytes;
}

std::size_t RepeatedSection::text_bytes() const noexcept { return kept_->text_bytes; }
std::int64_t RepeatedSection::note() const noexcept { return kept_->note; }

// A representation of one octet is an entry's index (RFC 7541 6.1), so that nothing else has as many octets as fields.
void RepeatedSection::look_back(std::span<const Field> first, std::span<const Field> second, ByteView block,
                                const Encoder& encoder, std::int64_t note) noexcept {
  const bool entries_only =
      !block.empty() && block.size() == first.size() + second.size() && block.size() <= kMostFields;
  if (kept_ == nullptr && (!entries_only || !make(encoder.allocator()))) return;
  Kept& kept = *kept_;
  const bool came_before = entries_only && kept.block_bytes == block.size() &&
                           kept.table_state == encoder.table_state() &&
                           std::memcmp(kept.block, block.data(), block.size()) == 0;
  kept.has_text = false;
  if (came_before) {
    kept.note = note;
    return kept.take(first, second);
  }
  kept.block_bytes = entries_only ? static_cast<std::uint32_t>(block.size()) : 0;
  kept.table_state = encoder.table_state();
  if (entries_only) std::memcpy(kept.block, block.data(), block.size());
}

void RepeatedSection::Kept::take(std::span<const Field> first, std::span<const Field> second) noexcept {
  std::size_t bytes = 0;
  for (const auto& part : {first, second})
    for (const Field& field : part) bytes += field.name.size() + field.value.size();
  if (bytes > kMostText) return;
  text_bytes = static_cast<std::uint32_t>(bytes);
  has_text = true;
  Begin* next = begin;
  char* at = text;
  for (const auto& part : {first, second}) {
    for (const Field& field : part) {
      *next++ = {static_cast<std::uint16_t>(field.name.size()), static_cast<std::uint16_t>(field.value.size()),
                 field.indexing};
      detail::copy_octets(at, field.name.data(), field.name.size());
      at += field.name.size();
      detail::copy_octets(at, field.value.data(), field.value.size());
      at += field.value.size();
    }
  }
}

bool RepeatedSection::make(const Allocator& allocator) noexcept {
  static_assert(sizeof(Kept) <= kMostBytes);
  void* const memory = allocator.allocate(allocator.context, sizeof(Kept));
  if (memory == nullptr) return false;
  kept_ = ::new (memory) Kept;
  kept_->allocator = allocator;
  return true;
}

std::size_t RepeatedSection::heap_bytes() const noexcept { return kept_ != nullptr ? sizeof(Kept) : 0; }

void RepeatedSection::release() noexcept {
  if (kept_ == nullptr) return;
  const Allocator allocator = kept_->allocator;
  allocator.release(allocator.context, kept_, sizeof(Kept));
  kept_ = nullptr;
}

}  // namespace hpack
