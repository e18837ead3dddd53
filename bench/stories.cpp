// Reads the stories. Their JSON has one shape, so a row of tokens is enough: "wire" is followed by its digits,
// "headers" by an array of objects with one pair each.
#include "stories.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "task.h"

namespace bench {
namespace {

struct Token {
  char kind;  ///< '"' for a string, the character itself for []{}:, and 'w' for any other word
  std::string text;
};

std::string unescaped(std::string_view raw) {
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      text += raw[i];
    } else if (raw.substr(i, 4) == "\\u00") {  // Go writes some ASCII characters so
      text += static_cast<char>(std::stoi(std::string(raw.substr(i + 4, 2)), nullptr, 16));
      i += 5;
    } else {
      text += raw.at(++i);
      require(std::string_view("\"/\\").find(text.back()) != std::string_view::npos, "an escape that no story has");
    }
  }
  return text;
}

std::vector<Token> tokens_of(std::string_view json) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      std::size_t end = at + 1;
      while (json.at(end) != '"') end += json[end] == '\\' ? 2U : 1U;
      tokens.push_back({'"', unescaped(json.substr(at + 1, end - at - 1))});
      at = end + 1;
    } else if (std::string_view("[]{}:,").find(c) != std::string_view::npos) {
      tokens.push_back({c, {}});
      ++at;
    } else {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) tokens.push_back({'w', std::string(1, c)});
      ++at;
    }
  }
  return tokens;
}

std::vector<std::byte> from_hex(const std::string& digits) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Story parse_story(std::string_view json) {
  Story story;
  std::vector<std::byte> wire;
  const auto tokens = tokens_of(json);
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens[i].kind != '"' || tokens[i + 1].kind != ':') continue;
    if (tokens[i].text == "wire") wire = from_hex(tokens[i + 2].text);
    if (tokens[i].text != "headers" || tokens[i + 2].kind != '[') continue;
    Block block{std::move(wire), {}};
    for (i += 3; tokens.at(i).kind != ']'; ++i) {
      if (tokens[i].kind != '"') continue;
      block.fields.emplace_back(tokens[i].text, tokens.at(i + 2).text);
      i += 2;
    }
    story.push_back(std::move(block));
    wire = {};
  }
  return story;
}

std::filesystem::path root() { return H2CORE_STORIES; }

}  // namespace

bool have_stories() { return !root().empty() && std::filesystem::is_directory(root() / "raw-data"); }

std::vector<Story> read_stories(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root() / folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Story> stories;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string json{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    stories.push_back(parse_story(json));
  }
  require(!stories.empty(), "a folder of stories is empty");
  return stories;
}

}  // namespace bench
