// What `h2 get` says on stderr beside frames and heads, and the exit code that comes of it.
#pragma once

#include <optional>
#include <string>

#include <tools/output.h>

namespace tools {

class Report {
 public:
  Report(bool wants_progress, h2::TimePoint began) : progress_(wants_progress, began) {}

  /// One line. What went wrong first decides about the exit code.
  void fail(Exit exit, const std::string& line);
  /// A line, or several, about something that went as it should.
  void say(const std::string& lines);
  void progress(std::uint64_t bytes, std::optional<std::uint64_t> of);
  void end_progress() { progress_.erase(); }

  Exit exit() const { return exit_; }

 private:
  Progress progress_;
  Exit exit_ = Exit::ok;
};

}  // namespace tools
