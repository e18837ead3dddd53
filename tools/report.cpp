#include <tools/report.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace tools {

void Report::fail(Exit exit, const std::string& line) {
  say("h2: " + line);
  if (exit_ == Exit::ok) exit_ = exit;
}

void Report::say(const std::string& lines) {
  progress_.erase();
  std::fprintf(stderr, "%s\n", lines.c_str());
}

void Report::head(std::string_view title, h2::StreamId stream, std::span<const h2::Field> fields) {
  if (heads_ == Heads::hidden) return;
  std::string text = std::string(title) + " stream " + std::to_string(stream.value);
  for (const h2::Field& field : fields) {
    // Blanks inside a value are harmless on a terminal, control characters are not.
    std::string value(field.value);
    std::replace_if(
        value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    (text += '\n').append(field.name).append(": ") += value;
  }
  say(text);
}

void Report::progress(std::uint64_t bytes, std::optional<std::uint64_t> of) {
  progress_.show(bytes, of, std::chrono::steady_clock::now());
}

}  // namespace tools
