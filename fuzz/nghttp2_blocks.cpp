// HPACK: both decoders take the same blocks, see the same fields and keep the same table.
//
// Known differences, none of which a block can show that both take: nghttp2 evicts when our SETTINGS shrink the table,
// we when the peer says so in its next block, which it must.
#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include <hpack/decoder.h>

#include "nghttp2.h"

namespace fuzz {
namespace {

struct Line {
  std::string name, value;
  bool never;
  bool operator==(const Line&) const = default;
};

class Inflater {
 public:
  Inflater() { check(nghttp2_hd_inflate_new(&inflater_) == 0, "nghttp2 has memory"); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool decode(std::span<const std::uint8_t> block, std::vector<Line>& lines) {
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t taken = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, block.data(), block.size(), 1);
      if (taken < 0) return false;
      block = block.subspan(static_cast<std::size_t>(taken));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        lines.push_back({{reinterpret_cast<char*>(field.name), field.namelen},
                         {reinterpret_cast<char*>(field.value), field.valuelen},
                         (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && block.empty()) return false;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return true;
  }
  void change_table_size(std::uint32_t size) {
    check(nghttp2_hd_inflate_change_table_size(inflater_, size) == 0, "between blocks sizes may change");
  }
  std::size_t table_size() const { return nghttp2_hd_inflate_get_dynamic_table_size(inflater_); }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace

void compare_blocks(Input input) {
  hpack::Decoder ours({.classify = nullptr, .allocator = {}});
  Inflater theirs;
  while (!input.empty()) {
    const std::uint8_t call = input.u8();
    if (call >= 0xf0) {
      const std::uint32_t size = input.u8() * 64U;
      ours.allow_table_size(size);
      ours.require_table_size(size);
      theirs.change_table_size(size);
      continue;
    }
    const auto octets = input.take(call);
    std::vector<Line> our_lines, their_lines;
    hpack::Field field;
    ours.begin(std::as_bytes(octets));
    while (ours.next(field) == hpack::Decoder::Step::field) {
      our_lines.push_back(
          {std::string(field.name), std::string(field.value), field.indexing == hpack::Indexing::never});
    }
    const bool taken = theirs.decode(octets, their_lines);
    check(taken == (ours.error() == hpack::DecodeError::none), "both decoders refuse the same blocks");
    if (!taken) return;
    check(our_lines == their_lines, "both decoders see the same fields");
    check(ours.table_size() == theirs.table_size(), "both tables have the same size");
  }
}

}  // namespace fuzz
