#include <tools/report.h>

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

void Report::progress(std::uint64_t bytes, std::optional<std::uint64_t> of) {
  progress_.show(bytes, of, std::chrono::steady_clock::now());
}

}  // namespace tools
