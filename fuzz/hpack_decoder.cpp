// Blocks into hpack::Decoder, with the calls that HTTP/2 makes between them; the plain decoder must say the same. What
// was decoded is then encoded and decoded again.
#include <hpack/decoder.h>
#include <hpack/encoder.h>

#include <memory>

#include "reference_hpack.h"

namespace fuzz {
namespace {

using hpack::Field;
using Line = ReferenceDecoder::Line;

std::uint32_t mark_of(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept {
  const std::uint32_t of_name = name_mark != 0 ? name_mark >> 16 : static_cast<std::uint32_t>(name.size() % 60000 + 1);
  return of_name << 16 | static_cast<std::uint32_t>(value.size() & 0xffff);
}

Line line_of(const Field& field) {
  return {std::string(field.name), std::string(field.value), field.indexing == hpack::Indexing::never};
}

/// Encodes what came out of one block as a proxy would, and decodes it by both decoders.
class Proxy {
 public:
  explicit Proxy(std::uint32_t table_cap) : encoder_({.table_cap = table_cap, .seed = 1, .allocator = {}}) {}

  void pass_on(std::span<const Field> fields) {
    std::vector<std::byte> block(encoder_.bound(fields));
    const std::size_t size = encoder_.encode(fields, block);
    check(size <= block.size(), "a block fits its bound");
    const auto lines = reference_.decode({reinterpret_cast<const char*>(block.data()), size});
    check(lines && lines->size() == fields.size(), "what we encode can be decoded");
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Line given = line_of(fields[i]);
      const Line& sent = (*lines)[i];
      check(sent.name == given.name && sent.value == given.value, "what we encode is what we were given");
      check(sent.never || !given.never, "never-indexed stays so");
    }
    check(reference_.size() == encoder_.table_size(), "encoder and peer agree on the table");
  }

 private:
  hpack::Encoder encoder_;
  ReferenceDecoder reference_;
};

void run(Input input) {
  const std::uint8_t options = input.u8();
  Memory memory((options & 1) != 0 ? input.u8() : ~std::uint32_t{0});
  const bool by_each = (options & 4) != 0;
  hpack::Decoder decoder({.classify = (options & 8) != 0 ? nullptr : &mark_of, .allocator = memory.allocator()});
  ReferenceDecoder reference;
  Proxy proxy((options & 2) != 0 ? 4096 : input.u8() * 4U);

  while (!input.empty()) {
    const std::uint8_t call = input.u8();
    if (call == 0xff) {
      decoder.trim();
      continue;
    }
    if (call >= 0xf0) {
      const std::uint32_t size = input.u8() * 64U;
      if (call == 0xf0) {
        decoder.require_table_size(size);
        reference.require(size);
      } else {
        decoder.allow_table_size(size);
        reference.allow(size);
      }
      continue;
    }
    // A copy of exactly its size, so that a read beyond it is seen.
    const auto octets = input.take(call < 0xe0 ? call : input.u16());
    const auto block = std::make_unique<std::byte[]>(octets.size());
    if (!octets.empty()) std::memcpy(block.get(), octets.data(), octets.size());

    std::vector<Field> fields;
    std::vector<Line> lines;
    decoder.begin({block.get(), octets.size()});
    const auto keep = [&](const Field& field) {
      fields.push_back(field);
      lines.push_back(line_of(field));
    };
    Field field;
    if (by_each) static_cast<void>(decoder.each(keep));
    else
      while (decoder.next(field) == hpack::Decoder::Step::field) keep(field);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      check(line_of(fields[i]) == lines[i], "views of a block last until the next one");
      const std::uint32_t literal = fields[i].mark & 0xffff;
      check(fields[i].mark == 0 || literal == (fields[i].value.size() & 0xffff), "a mark stays with its value");
    }
    check(decoder.table_size() <= decoder.table_capacity(), "the table keeps to its capacity");

    if (decoder.error() == hpack::DecodeError::out_of_memory) {
      check(memory.failed(), "only a lack of memory is out_of_memory");
      return;
    }
    const auto expected = reference.decode(text(octets));
    check(expected.has_value() == (decoder.error() == hpack::DecodeError::none),
          "both decoders refuse the same blocks");
    if (!expected) {
      decoder.begin({block.get(), 0});
      check(decoder.next(field) == hpack::Decoder::Step::error, "an error is final");
      return;
    }
    check(*expected == lines, "both decoders see the same fields");
    check(decoder.table_size() == reference.size() && decoder.entry_count() == reference.count(),
          "both tables hold the same");
    proxy.pass_on(fields);
  }
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::run(fuzz::Input(octets, size));
  return 0;
}
