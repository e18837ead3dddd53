// The Huffman code alone: the non-empty values of raw-data, one call per value. op = one string.
// libnghttp2 does not show its coder, so this is ours only.
#include <hpack/huffman.h>

#include <cstring>

#include "stories.h"
#include "task.h"

namespace bench {
namespace {

struct Values {
  std::vector<std::string> text;
  std::vector<std::vector<std::byte>> code;
  std::size_t text_bytes = 0;
  std::size_t code_bytes = 0;
  std::size_t longest = 0;
};

Values values() {
  Values all;
  for (const auto& story : read_stories("raw-data")) {
    for (const auto& block : story) {
      for (const auto& [name, value] : block.fields) {
        if (value.empty()) continue;
        std::vector<std::byte> code(hpack::huffman_length(value) + hpack::kHuffmanSlack);
        const auto size = hpack::huffman_encode(value, code);
        require(size.has_value() && *size + hpack::kHuffmanSlack == code.size(), "a value has no code");
        code.resize(*size);
        std::string back(hpack::huffman_decode_room(code.size()), '\0');
        const auto length = hpack::huffman_decode(code, back);
        require(length.has_value() && std::string_view(back).substr(0, *length) == value, "a code has another value");
        all.text_bytes += value.size();
        all.code_bytes += code.size();
        all.longest = std::max(all.longest, value.size());
        all.text.push_back(value);
        all.code.push_back(std::move(code));
      }
    }
  }
  return all;
}

class HuffmanDecode : public Task {
 public:
  HuffmanDecode() : values_(values()), out_(hpack::huffman_decode_room(values_.longest * 4)) {}

  std::size_t run(std::size_t ops) override {
    warm_.start();
    std::size_t done = 0;
    do {
      std::size_t bytes = 0;
      for (const auto& code : values_.code) bytes += hpack::huffman_decode(code, out_).value();
      require(bytes == values_.text_bytes, "not as many characters as the values have");
      done += values_.code.size();
    } while (done < ops);
    warm_.stop();
    return done;
  }

 private:
  Values values_;
  std::vector<char> out_;
};

class HuffmanEncode : public Task {
 public:
  HuffmanEncode() : values_(values()), out_(values_.longest * 4 + hpack::kHuffmanSlack) {}

  std::size_t run(std::size_t ops) override {
    warm_.start();
    std::size_t done = 0;
    do {
      std::size_t bytes = 0;
      for (const auto& text : values_.text) bytes += hpack::huffman_encode(text, out_).value();
      require(bytes == values_.code_bytes, "not as many octets as the codes have");
      done += values_.text.size();
    } while (done < ops);
    warm_.stop();
    return done;
  }

 private:
  Values values_;
  std::vector<std::byte> out_;
};

constexpr std::size_t kStrings = 39355;

}  // namespace

void add_huffman(Workloads& all) {
  if (!have_stories()) return;
  all.push_back({"huffman_decode", "h2core", kStrings, kStrings, [] { return std::make_unique<HuffmanDecode>(); }});
  all.push_back({"huffman_encode", "h2core", kStrings, kStrings, [] { return std::make_unique<HuffmanEncode>(); }});
}

}  // namespace bench
