// All stories of raw-data: a new encoder per story, one call per header list. op = one field.
// ratio = octets on the wire / octets of names and values.
#include "engine/engines.h"
#include "stories.h"

namespace bench {
namespace {

constexpr std::size_t kOutput = std::size_t{1} << 20;

template <class Engine>
class HpackEncode : public Task {
 public:
  HpackEncode() : stories_(read_stories("raw-data")), out_(kOutput) {
    for (const auto& story : stories_) {
      lists_.emplace_back();
      for (const auto& block : story) {
        auto& list = lists_.back().emplace_back();
        for (const auto& [name, value] : block.fields) {
          Engine::add(list, name, value);
          text_bytes_ += name.size() + value.size();
        }
        fields_ += list.size();
      }
    }
    round_trip();
  }

  std::size_t run(std::size_t ops) override {
    std::size_t done = 0;
    do {
      std::size_t wire_bytes = 0;
      for (auto& lists : lists_) wire_bytes += encode(lists);
      require(wire_bytes == wire_bytes_, "not as many octets as the round trip had");
      done += fields_;
    } while (done < ops);
    return done;
  }

  std::vector<Figure> figures() const override {
    return {{"text_bytes", static_cast<double>(text_bytes_) / static_cast<double>(fields_)},
            {"ratio", static_cast<double>(wire_bytes_) / static_cast<double>(text_bytes_)}};
  }

 private:
  using Lists = std::vector<typename Engine::FieldList>;

  std::size_t encode(Lists& lists) {
    typename Engine::Encoder encoder;
    return encode_all(encoder, lists);
  }

  std::size_t encode_all(typename Engine::Encoder& encoder, Lists& lists) {
    std::size_t wire_bytes = 0;
    for (auto& list : lists) wire_bytes += encoder.encode(list, out_);
    return wire_bytes;
  }

  // Once, before any run: what comes out is decoded again. Then twice more with the same encoder: the
  // last time it meets a table that it left just so, which is how the heap calls of a warm one are counted.
  void round_trip() {
    for (std::size_t i = 0; i < stories_.size(); ++i) {
      typename Engine::Encoder encoder;
      H2core::Decoder decoder;
      for (std::size_t j = 0; j < stories_[i].size(); ++j) {
        const auto size = encoder.encode(lists_[i][j], out_);
        wire_bytes_ += size;
        auto next = stories_[i][j].fields.begin();
        decoder.decode(std::span(out_).first(size), [&](std::string_view name, std::string_view value) {
          require(next->first == name && next->second == value, "a field is wrong");
          ++next;
        });
        require(next == stories_[i][j].fields.end(), "a field is missing");
      }
      encode_all(encoder, lists_[i]);
      this->warm_.start();
      encode_all(encoder, lists_[i]);
      this->warm_.stop();
    }
  }

  std::vector<Story> stories_;
  std::vector<Lists> lists_;
  std::vector<std::byte> out_;
  std::size_t fields_ = 0;
  std::size_t text_bytes_ = 0;
  std::size_t wire_bytes_ = 0;
};

constexpr std::size_t kFields = 39359;

}  // namespace

void add_hpack_encode(Workloads& all) {
  if (!have_stories()) return;
  for_each_engine([&]<class Engine>() {
    all.push_back({"hpack_encode/raw-data", Engine::kName, kFields, kFields,
                   [] { return std::make_unique<HpackEncode<Engine>>(); }});
  });
}

}  // namespace bench
