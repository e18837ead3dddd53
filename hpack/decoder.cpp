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

/// A string literal as it stands in the block (5.2).
struct Decoder::Text {
  const Octet* octets = nullptr;
  std::uint32_t size = 0;
  bool huffman = false;

  const char* chars() const noexcept { return reinterpret_cast<const char*>(octets); }
  /// No code is longer than 30 bits, so the text is at least this long.
  std::uint64_t least_size() const noexcept { return huffman ? std::uint64_t{size} * 8 / 30 : size; }
  std::size_t room() const noexcept { return huffman ? huffman_decode_room(size) : size; }
};

/// What is to go to the arena.
struct Decoder::Literal {
  const Octet* end;  ///< of the representation
  Text name;         ///< empty if it was referenced
  Text value;
  std::size_t name_room;  ///< of a name that was referenced
  bool insert, too_large;
};

Decoder::Decoder(const Config& config) noexcept
    : static_marks_(config.static_marks != nullptr ? config.static_marks : kNoMarks),
      classify_(config.classify),
      table_(config.table_size, config.allocator),
      maximum_(config.table_size) {}

Decoder::~Decoder() = default;

void Decoder::begin(ByteView block, std::size_t max_text) noexcept {
  table_.pin();
  max_text_ = max_text;
  at_ = reinterpret_cast<const Octet*>(block.data());
  end_ = at_ + block.size();
  leading_ = true;
}

Decoder::Step Decoder::next(Field& out) noexcept {
  if (error_ != DecodeError::none) return Step::error;
  const Octet* at = at_;
  if (leading_) {
    while (at != end_ && (*at & 0xe0) == 0x20) {
      const unsigned octet = *at++;
      at = size_update(at, octet);
      if (at == nullptr) return Step::error;
    }
    leading_ = false;
    if (update_owed_) return fail(DecodeError::size_update_missing);
  }
  if (at == end_) {
    at_ = at;
    return Step::end;
  }
  const unsigned octet = *at++;
  if ((octet & 0x80) != 0) return indexed(at, octet, out);
  if ((octet & 0xe0) == 0x20) return fail(DecodeError::size_update_misplaced);
  return literal(at, octet, out);
}

inline Decoder::Step Decoder::indexed(const Octet* at, unsigned octet, Field& out) noexcept {
  std::uint32_t index = octet & 0x7f;
  if (index == 0x7f && !read_integer(at, index)) return Step::error;
  if (index > kStaticCount) {
    if (index - kStaticCount > table_.count()) return fail(DecodeError::bad_index);
    const detail::Entry& entry = table_.newest(index - kStaticCount - 1);
    out.name = entry.name_view();
    out.value = entry.value_view();
    out.mark = entry.mark;
  } else {
    if (index == 0) return fail(DecodeError::bad_index);
    out.name = kStatic[index].name;
    out.value = kStatic[index].value;
    out.mark = static_marks_[index];
  }
  out.indexing = Indexing::automatic;
  at_ = at;
  return Step::field;
}

Decoder::Step Decoder::literal(const Octet* at, unsigned octet, Field& out) noexcept {
  // Parse: all of it, before anything changes.
  bool insert = (octet & 0x40) != 0;
  const std::uint32_t index_mask = insert ? 0x3f : 0x0f;
  std::uint32_t index = octet & index_mask;
  if (index == index_mask && !read_integer(at, index)) return Step::error;
  Text name_text;
  Text value_text;
  if (index == 0) {
    if (!read_text(at, name_text)) return Step::error;
  } else if (index > kStaticCount && index - kStaticCount > table_.count()) {
    return fail(DecodeError::bad_index);
  }
  if (!read_text(at, value_text)) return Step::error;

  // An entry that cannot fit empties the table (4.4); there is no need to make a copy for it.
  std::size_t name_room = name_text.room();
  std::uint64_t least_size = name_text.least_size() + value_text.least_size() + detail::kEntryOverhead;
  if (index > kStaticCount) {
    name_room = table_.newest(index - kStaticCount - 1).name_size;
    least_size += name_room;
  } else {
    least_size += kStatic[index].name.size();
  }
  bool too_large = insert && least_size > table_.capacity();
  if (too_large) insert = false;

  // Everything that is not a view of the block goes to the arena: name, then value.
  char* end = nullptr;
  if (insert || name_text.huffman || value_text.huffman) {
    if (insert && !table_.reserve_entry()) return fail(DecodeError::out_of_memory);
    end = table_.room_at_hand(name_room + value_text.room() + kHuffmanSlack);
    if (end == nullptr) {
      const Found found = find_room({at, name_text, value_text, index == 0 ? 0 : name_room, insert, too_large});
      if (found.step != Step::field) return found.step;
      end = found.room;
      insert = found.insert;
      too_large = found.too_large;
    }
  }

  std::uint32_t name_mark = 0;
  const char* name = nullptr;
  std::size_t name_size = 0;
  if (index == 0) {
    name = name_text.chars();
    name_size = name_text.size;
    if (name_text.huffman) {
      name = end;
      end = detail::decode_huffman(name_text.octets, name_text.size, end);
      if (end == nullptr) return fail(DecodeError::bad_huffman);
      name_size = static_cast<std::size_t>(end - name);
    } else if (insert) {
      detail::copy_octets(end, name, name_size);
      name = end;
      end += name_size;
    }
  } else if (index <= kStaticCount) {
    name = kStatic[index].name.data();
    name_size = kStatic[index].name.size();
    name_mark = static_marks_[index];
  } else {
    const detail::Entry entry = table_.newest(index - kStaticCount - 1);
    name = entry.name;
    name_size = entry.name_size;
    name_mark = entry.mark;
    if (insert && entry.static_name != 0) {
      index = entry.static_name;
    } else if (insert) {  // copied, for its entry may go with this very insertion (4.4)
      detail::copy_octets(end, name, name_size);
      name = end;
      end += name_size;
    }
  }

  const char* value = value_text.chars();
  std::size_t value_size = value_text.size;
  if (value_text.huffman) {
    value = end;
    end = detail::decode_huffman(value_text.octets, value_text.size, end);
    if (end == nullptr) return fail(DecodeError::bad_huffman);
    value_size = static_cast<std::size_t>(end - value);
  } else if (insert) {
    detail::copy_octets(end, value, value_size);
    value = end;
    end += value_size;
  }

  out.name = {name, name_size};
  out.value = {value, value_size};
  out.indexing = (octet & 0xf0) == 0x10 ? Indexing::never : Indexing::automatic;
  out.mark = classify_ != nullptr ? classify_(out.name, out.value, name_mark) : 0;
  if (end != nullptr) table_.commit(end);
  if (insert) {
    if (std::uint64_t{name_size} + value_size + detail::kEntryOverhead > table_.capacity()) {
      table_.clear();
    } else {
      table_.push({name, value, static_cast<std::uint32_t>(name_size), static_cast<std::uint32_t>(value_size), out.mark,
                   index <= kStaticCount ? index : 0});
    }
  } else if (too_large) {
    table_.clear();
  }
  at_ = at;
  return Step::field;
}

/// The arena has no room at hand. Huffman's code may only look long, so it is counted before memory is asked for; and what
/// the table does not take must fit the rest of the block's text.
[[gnu::noinline]] Decoder::Found Decoder::find_room(Literal parts) noexcept {
  const auto exact = [](const Text& text) {
    return text.huffman ? detail::count_huffman(text.octets, text.size) : text.size;
  };
  const std::size_t name_size = exact(parts.name), value_size = exact(parts.value);
  if (name_size == detail::kBadHuffman || value_size == detail::kBadHuffman) return {fail(DecodeError::bad_huffman)};
  const std::size_t size = name_size + parts.name_room + value_size + detail::kEntryOverhead;
  if (parts.insert && size > table_.capacity()) {
    parts.too_large = true;
    parts.insert = false;
  }
  std::size_t text = parts.insert ? parts.name_room : 0;  // what is not inserted stays in the block, or in its entry,
  if (parts.insert || parts.name.huffman) text += name_size;  // if it is no Huffman's code
  if (parts.insert || parts.value.huffman) text += value_size;
  const std::size_t left = max_text_ - std::min(max_text_, table_.block_text());
  if (!parts.insert && text > left) {
    if (parts.too_large) table_.clear();
    at_ = parts.end;
    return {Step::oversized};
  }
  char* room = table_.room_at_hand(text + kHuffmanSlack);
  if (room == nullptr) room = table_.make_room(text + kHuffmanSlack, left);
  if (room == nullptr) return {fail(DecodeError::out_of_memory)};
  return {Step::field, room, parts.insert, parts.too_large};
}

const Decoder::Octet* Decoder::size_update(const Octet* at, unsigned octet) noexcept {
  std::uint32_t bytes = octet & 0x1f;
  if (bytes == 0x1f && !read_integer(at, bytes)) return nullptr;
  if (bytes > maximum_) {
    fail(DecodeError::size_update_too_large);
    return nullptr;
  }
  if (update_owed_ && bytes > owed_maximum_) {
    fail(DecodeError::size_update_missing);
    return nullptr;
  }
  update_owed_ = false;
  table_.set_capacity(bytes);
  return at;
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

bool Decoder::read_integer(const Octet*& at, std::uint32_t& value) noexcept {
  const detail::IntegerStep step = detail::read_continuation(at, end_, value);
  if (step == detail::IntegerStep::ok) return true;
  fail(step == detail::IntegerStep::truncated ? DecodeError::truncated : DecodeError::integer_overflow);
  return false;
}

inline bool Decoder::read_text(const Octet*& at, Text& text) noexcept {
  if (at == end_) {
    fail(DecodeError::truncated);
    return false;
  }
  const unsigned octet = *at++;
  text.huffman = (octet & 0x80) != 0;
  text.size = octet & 0x7f;
  if (text.size == 0x7f && !read_integer(at, text.size)) return false;
  if (text.size > static_cast<std::size_t>(end_ - at)) {
    fail(DecodeError::truncated);
    return false;
  }
  text.octets = at;
  at += text.size;
  return true;
}

Decoder::Step Decoder::fail(DecodeError error) noexcept {
  error_ = error;
  return Step::error;
}

}  // namespace hpack
