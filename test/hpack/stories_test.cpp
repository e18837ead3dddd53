// The stories of hpack-test-case: what six other encoders sent, and how well ours compresses.
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "support.h"

using namespace hpack;
using namespace test;

namespace {

namespace fs = std::filesystem;

#ifndef H2CORE_STORIES
#define H2CORE_STORIES ""
#endif

struct Case {
  Bytes wire;
  Lines lines;
  std::int64_t table_size = -1;  ///< what the decoder announced before this block, or -1
};
using Story = std::vector<Case>;

std::vector<Story> stories(const std::string& encoder) {
  std::vector<Story> found;
  const fs::path folder = fs::path(H2CORE_STORIES) / encoder;
  std::error_code missing;
  if (std::string_view(H2CORE_STORIES).empty() || !fs::is_directory(folder, missing)) {
    std::printf("skipped: no stories in \"%s\"\n", folder.string().c_str());
    return found;
  }
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream in(file.path());
    Story story;
    const nlohmann::json parsed = nlohmann::json::parse(in);
    for (const auto& each : parsed["cases"]) {
      Case made;
      if (each.contains("wire")) made.wire = wire(each["wire"].get<std::string>());
      const auto table_size = each.find("header_table_size");
      if (table_size != each.end() && table_size->is_number()) made.table_size = table_size->get<std::int64_t>();
      for (const auto& field : each["headers"]) {
        for (const auto& [name, value] : field.items()) made.lines.push_back({name, value.get<std::string>()});
      }
      story.push_back(std::move(made));
    }
    found.push_back(std::move(story));
  }
  CHECK(found.size() >= 31);
  return found;
}

std::vector<Field> fields_of(const Lines& lines) {
  std::vector<Field> fields;
  for (const Line& line : lines) fields.push_back({line.name, line.value});
  return fields;
}

}  // namespace

TEST_CASE("hpack-test-case: the blocks of six encoders decode to the listed fields") {
  for (const char* encoder : {"nghttp2", "nghttp2-16384-4096", "nghttp2-change-table-size", "go-hpack",
                              "haskell-http2-naive", "swift-nio-hpack-plain-text"}) {
    CAPTURE(std::string(encoder));
    for (const Story& story : stories(encoder)) {
      Decoder decoder({});
      for (const Case& each : story) {
        if (each.table_size >= 0) {
          decoder.allow_table_size(static_cast<std::uint32_t>(each.table_size));
          decoder.require_table_size(static_cast<std::uint32_t>(each.table_size));
        }
        REQUIRE(decode(decoder, each.wire) == each.lines);
        REQUIRE(decoder.error() == DecodeError::none);
      }
    }
  }
}

TEST_CASE(
    "hpack-test-case: raw-data round-trips, both tables in step, in at most 0.315 of its size [7541-2.1a] "
    "[7541-2.1b]") {
  std::size_t plain = 0;
  std::size_t coded = 0;
  for (const Story& story : stories("raw-data")) {
    Encoder encoder({.seed = 77});
    Decoder decoder({});
    for (const Case& each : story) {
      const Bytes block = encode(encoder, fields_of(each.lines));
      coded += block.size();
      for (const Line& line : each.lines) plain += line.name.size() + line.value.size();
      REQUIRE(decode(decoder, block) == each.lines);
      REQUIRE(decoder.table_size() == encoder.table_size());
      REQUIRE(table_of(decoder) == table_of(encoder));
    }
  }
  if (plain == 0) return;
  const double ratio = static_cast<double>(coded) / static_cast<double>(plain);
  MESSAGE("wire / (name + value) = " << ratio);
  CHECK(ratio <= 0.315);
}

TEST_CASE("hpack-test-case: raw-data round-trips while the peer changes its table size at random") {
  std::mt19937 random(9113);
  for (const Story& story : stories("raw-data")) {
    Encoder encoder({.table_cap = 6000, .seed = 1});
    Decoder decoder({});
    for (const Case& each : story) {
      for (auto changes = random() % 4; changes > 0; --changes) {
        const std::uint32_t bytes = random() % 3 == 0 ? 0 : static_cast<std::uint32_t>(random() % 10000);
        decoder.allow_table_size(bytes);
        encoder.set_peer_table_size(bytes);
        decoder.require_table_size(bytes);
      }
      REQUIRE(decode(decoder, encode(encoder, fields_of(each.lines))) == each.lines);
      REQUIRE(decoder.error() == DecodeError::none);
      REQUIRE(table_of(decoder) == table_of(encoder));
      if (random() % 8 == 0) encoder.trim();
      if (random() % 8 == 0) decoder.trim();
    }
  }
}
