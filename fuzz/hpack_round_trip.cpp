// hpack::Encoder into hpack::Decoder as a connection joins them: blocks on their way, table sizes that change under
// them, secrets, memory that is given back or runs out. What went in comes out, and both tables are the same.
#include <hpack/decoder.h>
#include <hpack/encoder.h>
#include <hpack/repeated_section.h>

#include <memory>
#include <utility>

#include "reference_hpack.h"

namespace fuzz {
namespace {

using hpack::Field;
using hpack::Indexing;

constexpr std::size_t kMostFields = 24, kMostOnTheWay = 8;

constexpr std::string_view kNames[] = {":method",
                                       ":path",
                                       ":status",
                                       "cookie",
                                       "authorization",
                                       "proxy-authorization",
                                       "content-length",
                                       "etag",
                                       "x",
                                       "x-other",
                                       "a-name-of-some-length-that-is-its-own",
                                       "accept",
                                       "server",
                                       "",
                                       "te",
                                       "set-cookie"};
constexpr std::string_view kValues[] = {"GET",
                                        "/",
                                        "200",
                                        "",
                                        "0123456789abcdefghij",
                                        "secret",
                                        "trailers",
                                        "gzip, deflate",
                                        "/index.html",
                                        "1",
                                        "\xff\xfe\x00\x01"};

/// A field that owns its octets.
struct Line {
  std::string name, value;
  Indexing indexing;
  Field view() const { return {name, value, indexing}; }
};

/// What RFC 7541 7.1.3 has us keep out of every table, asked for or not.
bool is_secret(const Line& line) {
  if (line.indexing != Indexing::automatic) return line.indexing == Indexing::never;
  if (line.name == "authorization" || line.name == "proxy-authorization") return true;
  return line.name == "cookie" && line.value.size() < 20;
}

std::uint32_t mark_of(std::string_view name, std::string_view value, std::uint32_t) noexcept {
  std::uint32_t sum = 1;
  for (const std::string_view text : {name, value})
    for (const char octet : text) sum = sum * 31 + static_cast<unsigned char>(octet);
  return sum | 1;
}

/// On its way from encoder to decoder: a block, or the word that the encoder now keeps to a table size.
struct Parcel {
  std::vector<std::byte> block;
  std::vector<Line> lines;
  std::optional<std::uint32_t> table_size;
};

class RoundTrip {
 public:
  explicit RoundTrip(Input input)
      : input_(input),
        options_(input_.u8()),
        memory_((options_ & 1) != 0 ? input_.u8() : ~std::uint32_t{0}),
        encoder_(encoder_config((options_ & 2) != 0 ? 4096 : input_.u8() * 64U, memory_)),
        twin_(encoder_config(encoder_cap_, no_limit_)),
        decoder_({.classify = nullptr, .allocator = no_limit_.allocator()}) {}

  void run() {
    while (!input_.empty()) step();
    while (!wire_.empty()) arrive();
    check_tables();
  }

 private:
  hpack::Encoder::Config encoder_config(std::uint32_t cap, Memory& memory) {
    encoder_cap_ = cap;
    return {.table_cap = cap, .seed = 5, .classify = &mark_of, .allocator = memory.allocator()};
  }

  void step() {
    const std::uint8_t call = input_.u8();
    if (call < 0xb8) return encode(1 + call % kMostFields);
    if (call < 0xbe) return encode_again();
    if (call < 0xc0) return repeated_.release();
    if (call < 0xd8) return arrive();
    if (call < 0xe8) return announce(input_.u8() * ((call & 1) != 0 ? 64U : 1U));
    if (call < 0xf0) return agree();
    if (call < 0xf8) return encoder_.trim(), twin_.trim();  // both, for it also finds its entries anew
    if (wire_.empty()) decoder_.trim();
  }

  // The decoder's side sends SETTINGS; the encoder hears of it when it likes.
  void announce(std::uint32_t table_size) {
    if (announced_.size() == kMostOnTheWay) return;
    decoder_.allow_table_size(table_size);
    reference_.allow(table_size);
    announced_.push_back(table_size);
  }
  void agree() {
    if (announced_.empty()) return;
    const std::uint32_t table_size = announced_.front();
    announced_.pop_front();
    encoder_.set_peer_table_size(table_size);
    twin_.set_peer_table_size(table_size);
    size_told_ = false;
    check(encoder_.table_size() <= encoder_.table_capacity(), "a smaller table holds at once");
    check(encoder_.table_capacity() <= encoder_cap_, "the peer's table is as large as we want, not as it offers");
    wire_.push_back({{}, {}, table_size});
  }

  std::string text_of(std::span<const std::string_view> known) {
    const std::uint8_t choice = input_.u8();
    if (choice < 0x80) return std::string(known[choice % known.size()]);
    if (choice < 0xf0) return std::string(text(input_.take(choice & 0x3f)));
    return std::string((choice & 7U) * 97U, static_cast<char>(input_.u8()));
  }
  void encode_again() {
    if (!last_.empty()) send(last_);
  }
  void encode(std::size_t count) {
    std::vector<Line> lines;
    for (std::size_t i = 0; i < count && (i == 0 || !input_.empty()); ++i) {
      const std::uint8_t how = input_.u8();
      if ((how & 4) != 0 && !last_.empty()) {
        lines.push_back(last_[(how >> 3) % last_.size()]);
        lines.back().indexing = static_cast<Indexing>(how & 3);
        continue;
      }
      std::string name = text_of(kNames);
      lines.push_back({std::move(name), text_of(kValues), static_cast<Indexing>(how & 3)});
    }
    send(std::move(lines));
  }
  void send(std::vector<Line> lines) {
    if (wire_.size() == kMostOnTheWay) arrive();
    std::vector<Field> fields;
    for (const Line& line : lines) fields.push_back(line.view());

    std::vector<std::byte> block(encoder_.bound(fields));
    const std::size_t size = encode_repeated(fields, block);
    check(size <= block.size(), "a block fits its bound");
    block.resize(size);
    size_told_ = true;
    const std::vector<std::byte> pieces = in_pieces(fields);
    if (!memory_.failed() && !looks_first()) check(pieces == block, "a block in pieces is the same block");
    check(encoder_.heap_bytes() + repeated_.heap_bytes() == memory_.live(), "heap_bytes counts what is held");
    last_ = lines;
    wire_.push_back({std::move(block), std::move(lines), std::nullopt});
  }

  std::size_t encode_repeated(std::span<const Field> fields, std::span<std::byte> out) {
    const std::size_t first = fields.size() / 2;
    if (repeated_.is(fields.first(first), fields.subspan(first), encoder_)) {
      check(repeated_.note() == note_of(fields), "a note is that of its section");
      return static_cast<std::size_t>(repeated_.write(out.data()) - out.data());
    }
    const std::size_t size = looks_first() ? encode_known(fields, out) : encoder_.encode(fields, out);
    repeated_.sent(fields.first(first), fields.subspan(first), out.first(size), encoder_, note_of(fields));
    return size;
  }
  static std::int64_t note_of(std::span<const Field> fields) {
    std::uint64_t sum = 0;
    for (const Field& field : fields) sum = sum * 31 + mark_of(field.name, field.value, 0);
    return static_cast<std::int64_t>(sum);
  }

  // What a look has found may be another entry of the same octets than a search.
  bool looks_first() const { return (options_ & 4) != 0; }
  std::size_t encode_known(std::span<const Field> fields, std::span<std::byte> out) {
    const std::size_t first = fields.size() / 3, known = fields.size() - input_.u8() % 3 % (fields.size() + 1);
    std::vector<hpack::Encoder::Known> all(fields.size());
    encoder_.look_at(fields.first(first), fields.subspan(first), all.data());
    for (std::size_t i = 0; i < all.size(); ++i) {
      check(all[i].mark == mark_of(fields[i].name, fields[i].value, 0), "a mark is kept with its field");
    }
    std::byte* const end =
        encoder_.block(fields.first(first), fields.subspan(first), std::span(all).first(known), out.data());
    return static_cast<std::size_t>(end - out.data());
  }

  std::vector<std::byte> in_pieces(std::span<const Field> fields) {
    std::size_t room = hpack::Encoder::kMaxPrefix;
    for (const Field& field : fields) room += hpack::Encoder::field_bound(field);
    std::vector<std::byte> block(room);
    std::byte* end = twin_.begin_block(block.data());
    for (const Field& field : fields) end = twin_.field(field, end);
    block.resize(static_cast<std::size_t>(end - block.data()));
    return block;
  }

  void arrive() {
    if (wire_.empty()) return;
    const Parcel parcel = std::move(wire_.front());
    wire_.pop_front();
    if (parcel.table_size) {
      decoder_.require_table_size(*parcel.table_size);
      reference_.require(*parcel.table_size);
    } else {
      decode(parcel);
    }
    check(decoder_.heap_bytes() == no_limit_.live() - twin_.heap_bytes(), "heap_bytes counts what is held");
    if (wire_.empty() && !parcel.table_size) check_tables();
  }

  void decode(const Parcel& parcel) {
    // A copy of exactly its size, so that a read beyond it is seen.
    const auto octets = std::make_unique<std::byte[]>(parcel.block.size());
    std::copy(parcel.block.begin(), parcel.block.end(), octets.get());
    decoder_.begin({octets.get(), parcel.block.size()});
    std::vector<Field> fields;
    Field field;
    while (decoder_.next(field) == hpack::Decoder::Step::field) fields.push_back(field);
    check(decoder_.error() == hpack::DecodeError::none, "what we encode can be decoded");
    check(fields.size() == parcel.lines.size(), "each field arrives");
    const auto plain =
        reference_.decode(text(std::span(reinterpret_cast<const std::uint8_t*>(octets.get()), parcel.block.size())));
    check(plain && plain->size() == fields.size(), "the plain decoder takes it too");
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Line& given = parcel.lines[i];
      check(fields[i].name == given.name && fields[i].value == given.value, "a field arrives as it was given");
      check((*plain)[i].name == given.name && (*plain)[i].value == given.value, "and so says the plain decoder");
      check((fields[i].indexing == Indexing::never) == is_secret(given), "secrets are marked, and nothing else is");
    }
  }

  void check_tables() {
    check(decoder_.table_size() <= decoder_.table_capacity(), "the table keeps to its capacity");
    if (!wire_.empty() || !size_told_) return;
    check(decoder_.table_size() == encoder_.table_size(), "both tables have one size");
    check(decoder_.entry_count() == encoder_.entry_count(), "both tables have as many entries");
    check(reference_.size() == encoder_.table_size(), "and so has the plain decoder's");
    for (std::uint32_t i = 0; i < encoder_.entry_count(); ++i) {
      const Field ours = encoder_.entry(i), theirs = decoder_.entry(i);
      check(ours.name == theirs.name && ours.value == theirs.value, "both tables hold the same");
    }
  }
  Input input_;
  std::uint8_t options_;
  Memory memory_, no_limit_;
  std::uint32_t encoder_cap_ = 0;
  hpack::Encoder encoder_, twin_;  // the twin encodes field by field
  hpack::RepeatedSection repeated_;
  hpack::Decoder decoder_;
  ReferenceDecoder reference_;
  std::deque<std::uint32_t> announced_;
  std::deque<Parcel> wire_;
  bool size_told_ = false;  // the encoder says in its next block what it keeps to, and what it kept to meanwhile
  std::vector<Line> last_;  // those of the block before, for they come again
};

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::RoundTrip(fuzz::Input(octets, size)).run();
  return 0;
}
