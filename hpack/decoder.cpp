// One representation at a time (RFC 7541 6). Indexed fields are views of the tables; strings of literals
// are left in the block if they can be, and otherwise decoded straight to where an entry would keep them.
#include <hpack/decoder.h>

#include <algorithm>

#include <hpack/detail/huffman.h>
#include <hpack/detail/integer_inline.h>
#include <hpack/detail/static_table.h>
#include <hpack/detail/words.h>
#include <hpack/huffman.h>

namespace hpack {
namespace {

using detail::kStatic;
using detail::kStaticCount;

constexpr std::uint32_t kNoMarks[kStaticCount + 1] = {};

// How a literal comes: bits as they stand on the wire (6.2.1, 5.2), the one of its name moved up.
constexpr unsigned kInsert = 0x40;
constexpr unsigned kHuffmanValue = 0x80;
constexpr unsigned kHuffmanName = 0x100;

const unsigned char* octets_of(std::string_view code) noexcept {
  return reinterpret_cast<const unsigned char*>(code.data());
}

std::size_t text_room(std::string_view code, bool huffman) noexcept {
  return huffman ? huffman_decode_room(code.size()) : code.size();
}

}  // namespace

const char* describe(DecodeError error) noexcept {
  switch (error) {
    case DecodeError::none: return "no error";
    case DecodeError::truncated: return "header block ends inside a field";
    case DecodeError::integer_overflow: return "HPACK integer is too large";
    case DecodeError::bad_index: return "HPACK index points at nothing";
    case DecodeError::bad_huffman: return "Huffman string has wrong padding or an EOS";
    case DecodeError::size_update_too_large: return "table size update is above the announced maximum";
    case DecodeError::size_update_misplaced: return "table size update stands behind a field";
    case DecodeError::size_update_missing:
      return "table size update is missing after a smaller maximum was acknowledged";
    case DecodeError::out_of_memory: return "out of memory";
  }
  return "unknown error";
}

/// A literal that is parsed, for which there is no room at hand.
struct Decoder::Literal {
  const Octet* end;              ///< of its representation
  std::string_view name, value;  ///< as they stand in the block, or the name of an entry
  std::uint32_t name_index;      ///< of that entry, or 0
  unsigned how;
  bool copies_name;
};

Decoder::Decoder(const Config& config) noexcept
    : static_marks_(config.static_marks != nullptr ? config.static_marks : kNoMarks),
      classify_(config.classify),
      table_(config.table_size, config.allocator),
      maximum_(config.table_size) {}

Decoder::~Decoder() = default;

void Decoder::begin(ByteView block, std::size_t max_text) noexcept {
  table_.pin(max_text);
  max_text_ = max_text;
  at_ = reinterpret_cast<const Octet*>(block.data());
  end_ = at_ + block.size();
  if (update_owed_ || error_ != DecodeError::none || at_ == end_ || (*at_ & 0xe0) == 0x20) [[unlikely]]
    read_size_updates();
}

// They stand in front of all fields (RFC 7541 4.2).
void Decoder::read_size_updates() noexcept {
  const Octet* at = at_;
  while (error_ == DecodeError::none && at != end_ && (*at & 0xe0) == 0x20) {
    const unsigned octet = *at++;
    static_cast<void>(size_update(at, octet));
  }
  if (update_owed_ && error_ == DecodeError::none) fail(DecodeError::size_update_missing);
  at_ = error_ == DecodeError::none ? at : end_;
}

Decoder::Step Decoder::next_other(Field& out) noexcept {
  const Octet* at = at_;
  if (at == end_) [[unlikely]]
    return error_ == DecodeError::none ? Step::end : Step::error;
  const unsigned octet = *at++;
  return (octet & 0x80) != 0 ? indexed(at, octet, out) : literal(at, octet, out);
}

inline const detail::Entry& Decoder::entry_at(std::uint32_t index) const noexcept {
  return table_.newest(index - kFirstEntry);
}

inline Decoder::Step Decoder::indexed(const Octet* at, unsigned octet, Field& out) noexcept {
  std::uint32_t index = octet & 0x7f;
  if (index == kLongIndex && !read_integer(at, index)) return Step::error;
  if (index - kFirstEntry < table_.count()) {  // below that, it wraps
    show(entry_at(index), out);
  } else {
    if (index - 1 >= kStaticCount) return fail(DecodeError::bad_index);
    out.name = kStatic[index].name;
    out.value = kStatic[index].value;
    out.mark = static_marks_[index];
    out.indexing = Indexing::automatic;
  }
  at_ = at;
  return Step::field;
}

// Parse: all of it, before anything changes. What can be shown where it stands needs no more than that.
[[gnu::noinline]] Decoder::Step Decoder::literal(const Octet* at, unsigned octet, Field& out) noexcept {
  std::uint32_t prefix = 0x3f;
  if ((octet & kInsert) == 0) {
    if ((octet & 0x20) != 0) return fail(DecodeError::size_update_misplaced);
    prefix = 0x0f;
  }
  std::uint32_t index = octet & prefix;
  if (index == prefix && !read_integer(at, index)) return Step::error;
  out.indexing = (octet & 0xf0) == 0x10 ? Indexing::never : Indexing::automatic;
  unsigned how = octet & kInsert;
  std::uint32_t name_mark = 0;
  unsigned huffman = 0;
  if (index == 0) {
    if (!read_text(at, out.name, huffman)) return Step::error;
    how |= huffman << 1;
  } else if (index <= kStaticCount) {
    out.name = kStatic[index].name;
    name_mark = static_marks_[index];
  } else {
    if (index - kStaticCount > table_.count()) return fail(DecodeError::bad_index);
    const detail::Entry& entry = entry_at(index);
    out.name = entry.name_view();
    name_mark = entry.mark;
  }
  if (!read_text(at, out.value, huffman)) return Step::error;
  how |= huffman;
  if (how != 0) [[unlikely]] {
    if (how == kHuffmanValue) return huffman_value(at, index, name_mark, out);
    return literal_in_arena(at, index, how, name_mark, out);
  }
  at_ = at;
  if (classify_ != nullptr) return judge(out, name_mark);
  out.mark = 0;
  return Step::field;
}

// By itself, so that literal() has nothing to save over a call (10 instructions).
[[gnu::noinline]] Decoder::Step Decoder::judge(Field& out, std::uint32_t name_mark) const noexcept {
  out.mark = classify_(out.name, out.value, name_mark);
  return Step::field;
}

// What no table takes and only has to be decoded, as most values that differ from message to message: half of what
// literal_in_arena() needs (60 instructions).
[[gnu::noinline]] Decoder::Step Decoder::huffman_value(const Octet* at, std::uint32_t index, std::uint32_t name_mark,
                                                       Field& out) noexcept {
  char* const text = table_.room_at_hand(huffman_decode_room(out.value.size()) + kHuffmanSlack);
  if (text == nullptr) [[unlikely]]
    return literal_in_arena(at, index, kHuffmanValue, name_mark, out);
  char* const end = detail::decode_huffman(octets_of(out.value), out.value.size(), text);
  if (end == nullptr) return fail(DecodeError::bad_huffman);
  table_.commit(end);
  at_ = at;
  out.value = {text, static_cast<std::size_t>(end - text)};
  out.mark = classify_ != nullptr ? classify_(out.name, out.value, name_mark) : 0;
  return Step::field;
}

// Everything that is not a view of the block or of an entry goes to the arena: name, then value. An entry that is
// larger than the table empties it (4.4).
[[gnu::noinline]] Decoder::Step Decoder::literal_in_arena(const Octet* at, std::uint32_t index, unsigned how,
                                                          std::uint32_t name_mark, Field& out) noexcept {
  const bool insert = (how & kInsert) != 0;
  if (insert && !table_.reserve_entry()) return fail(DecodeError::out_of_memory);
  const std::uint32_t static_name = index <= kStaticCount ? index : entry_at(index).static_name;
  bool copies_name = insert && static_name == 0;  // that of a dynamic entry, too: it may go with this very insertion
  bool copies_value = insert;
  std::string_view name = out.name, value = out.value;
  char* end = table_.room_at_hand(text_room(name, (how & kHuffmanName) != 0) +
                                  text_room(value, (how & kHuffmanValue) != 0) + kHuffmanSlack);
  if (end == nullptr) [[unlikely]] {
    Literal parts{at, name, value, index, how, copies_name};
    const Step step = find_room(parts);
    if (step != Step::field) return step;
    name = parts.name;
    copies_name = parts.copies_name;
    copies_value = (parts.how & kInsert) != 0;
    end = table_.end();
  }
  if (!move_text(name, (how & kHuffmanName) != 0, copies_name, end) ||
      !move_text(value, (how & kHuffmanValue) != 0, copies_value, end)) {
    return fail(DecodeError::bad_huffman);
  }
  table_.commit(end);
  at_ = at;
  out.name = name;
  out.value = value;
  out.mark = classify_ != nullptr ? classify_(name, value, name_mark) : 0;
  if (!insert) return Step::field;
  const detail::Entry entry{
      name.data(), value.data(), static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size()),
      out.mark,    static_name};
  if (entry.size() <= table_.capacity()) {
    table_.push(entry);
  } else {
    table_.clear();
  }
  return Step::field;
}

// To `end`, which moves on, if it has to. False for a coding error.
inline bool Decoder::move_text(std::string_view& text, bool huffman, bool copy, char*& end) noexcept {
  char* const begin = end;
  if (huffman) {
    end = detail::decode_huffman(octets_of(text), text.size(), begin);
    if (end == nullptr) return false;
  } else if (copy) {
    detail::copy_octets(begin, text.data(), text.size());
    end += text.size();
  } else {
    return true;
  }
  text = {begin, static_cast<std::size_t>(end - begin)};
  return true;
}

// The arena has no room at hand. Huffman's code may only look long, so it is counted before memory is asked for; and
// what the table does not take must fit the rest of the block's text.
[[gnu::noinline]] Decoder::Step Decoder::find_room(Literal& parts) noexcept {
  const auto exact = [](std::string_view code, unsigned huffman) {
    return huffman != 0 ? detail::count_huffman(octets_of(code), code.size()) : code.size();
  };
  const std::size_t name_size = exact(parts.name, parts.how & kHuffmanName);
  const std::size_t value_size = exact(parts.value, parts.how & kHuffmanValue);
  if (name_size == detail::kBadHuffman || value_size == detail::kBadHuffman) return fail(DecodeError::bad_huffman);
  const bool insert = (parts.how & kInsert) != 0;
  const bool too_large = insert && name_size + value_size + detail::kEntryOverhead > table_.capacity();
  if (too_large) {  // so there is no need to make a copy for it
    parts.how &= ~kInsert;
    parts.copies_name = false;
  }
  std::size_t text = 0;
  if (parts.copies_name || (parts.how & kHuffmanName) != 0) text += name_size;
  if ((parts.how & (kInsert | kHuffmanValue)) != 0) text += value_size;
  if ((parts.how & (kInsert | kHuffmanName | kHuffmanValue)) == 0) return Step::field;
  const std::size_t left = max_text_ - std::min(max_text_, table_.block_text());
  if ((parts.how & kInsert) == 0 && text > left) {
    if (too_large) table_.clear();
    at_ = parts.end;
    return Step::oversized;
  }
  if (table_.room_at_hand(text + kHuffmanSlack) != nullptr) return Step::field;
  if (table_.make_room(text + kHuffmanSlack, left) == nullptr) return fail(DecodeError::out_of_memory);
  if (parts.name_index > kStaticCount) parts.name = entry_at(parts.name_index).name_view();  // it may have moved
  return Step::field;
}

bool Decoder::size_update(const Octet*& at, unsigned octet) noexcept {
  std::uint32_t bytes = octet & 0x1f;
  if (bytes == 0x1f && !read_integer(at, bytes)) return false;
  if (bytes > maximum_) return fail(DecodeError::size_update_too_large), false;
  if (update_owed_ && bytes > owed_maximum_) return fail(DecodeError::size_update_missing), false;
  update_owed_ = false;
  table_.set_capacity(bytes);
  return true;
}

void Decoder::require_table_size(std::uint32_t bytes) noexcept {
  maximum_ = bytes;
  if (update_owed_) {
    if (bytes < owed_maximum_) owed_maximum_ = bytes;
  } else if (bytes < table_.capacity()) {
    update_owed_ = true;
    owed_maximum_ = bytes;
  }
}

Field Decoder::entry(std::uint32_t i) const noexcept {
  const detail::Entry& entry = table_.newest(i);
  return {entry.name_view(), entry.value_view(), Indexing::automatic, entry.mark};
}

inline bool Decoder::read_integer(const Octet*& at, std::uint32_t& value) noexcept {
  const detail::IntegerStep step = detail::read_continuation(at, end_, value);
  if (step == detail::IntegerStep::ok) return true;
  fail(step == detail::IntegerStep::truncated ? DecodeError::truncated : DecodeError::integer_overflow);
  return false;
}

// The next string is found by the length of this one, so text in the clear is not kept waiting by what only others
// need: a mask or an extension are two of its twelve cycles.
inline bool Decoder::read_text(const Octet*& at, std::string_view& text, unsigned& huffman) noexcept {
  if (at == end_) return fail(DecodeError::truncated), false;
  std::size_t size = *at++;
  huffman = 0;
  if (size >= 0x7f) {
    huffman = static_cast<unsigned>(size & 0x80);
    size &= 0x7f;
    if (size == 0x7f) {
      std::uint32_t long_size = 0x7f;
      if (!read_integer(at, long_size)) return false;
      size = long_size;
    }
  }
  if (size > static_cast<std::size_t>(end_ - at)) return fail(DecodeError::truncated), false;
  text = {reinterpret_cast<const char*>(at), size};
  at += size;
  return true;
}

// Leaves nothing of the block, so that next() comes to look for errors by itself.
inline Decoder::Step Decoder::fail(DecodeError error) noexcept {
  error_ = error;
  at_ = end_;
  return Step::error;
}

}  // namespace hpack
