// All stories of one encoder: a new decoder per story, each block given whole, each field to a sink that adds up the
// lengths and one octet of each. op = one field.
#include "engine/engines.h"
#include "stories.h"

namespace bench {
namespace {

struct Sink {
  std::uint64_t sum = 0;
  void operator()(std::string_view name, std::string_view value) {
    sum += name.size() + value.size() + static_cast<unsigned char>(name[0]);
    if (!value.empty()) sum += static_cast<unsigned char>(value[0]);
  }
};

template <class Engine>
class HpackDecode : public Task {
 public:
  explicit HpackDecode(const std::string& folder) : stories_(read_stories(folder)) {
    for (const auto& story : stories_) {
      for (const auto& block : story) expect(block);
    }
    compare();
  }

  std::size_t run(std::size_t ops) override {
    std::size_t done = 0;
    do {
      Sink sink;
      for (const auto& story : stories_) decode(story, sink);
      require(sink.sum == expected_.sum, "not what the stories say");
      done += fields_;
    } while (done < ops);
    return done;
  }

  std::vector<Figure> figures() const override {
    return {{"text_bytes", static_cast<double>(text_bytes_) / static_cast<double>(fields_)}};
  }

 private:
  void decode(const Story& story, Sink& sink) {
    typename Engine::Decoder decoder;
    for (const auto& block : story) decoder.decode(block.wire, sink);
  }

  void expect(const Block& block) {
    for (const auto& [name, value] : block.fields) {
      expected_(name, value);
      ++fields_;
      text_bytes_ += name.size() + value.size();
    }
  }

  // Once, field by field; the runs compare sums. Then again with the same decoder and its table emptied, which is how
  // the heap calls of a warm one are counted.
  void compare() {
    for (const auto& story : stories_) {
      typename Engine::Decoder decoder;
      for (const auto& block : story) {
        auto next = block.fields.begin();
        decoder.decode(block.wire, [&](std::string_view name, std::string_view value) {
          require(next != block.fields.end() && next->first == name && next->second == value, "a field is wrong");
          ++next;
        });
        require(next == block.fields.end(), "a field is missing");
      }
      constexpr std::array kEmptyTable{std::byte{0x20}, std::byte{0x3f}, std::byte{0xe1}, std::byte{0x1f}};
      decoder.decode(kEmptyTable, Sink{});
      Sink sink;
      this->warm_.start();
      for (const auto& block : story) decoder.decode(block.wire, sink);
      this->warm_.stop();
    }
  }

  std::vector<Story> stories_;
  Sink expected_;
  std::size_t fields_ = 0;
  std::size_t text_bytes_ = 0;
};

constexpr std::size_t kFields = 39359;

}  // namespace

void add_hpack_decode(Workloads& all) {
  if (!have_stories()) return;
  for (const std::string folder : {"nghttp2", "go-hpack", "haskell-http2-naive"}) {
    for_each_engine([&]<class Engine>() {
      all.push_back({"hpack_decode/" + folder, Engine::kName, kFields, kFields,
                     [folder] { return std::make_unique<HpackDecode<Engine>>(folder); }});
    });
  }
}

}  // namespace bench
