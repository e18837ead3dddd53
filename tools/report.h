// What `h2 get` says on stderr beside frames and heads, and the exit code that comes of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tools/output.h>

namespace tools {

class Report {
 public:
  enum class Heads : std::uint8_t { hidden, shown };

  Report(bool wants_progress, Heads heads, h2::TimePoint began) : progress_(wants_progress, began), heads_(heads) {}

  /// One line. What went wrong first decides about the exit code.
  void fail(Exit exit, const std::string& line);
  /// A line, or several, about something that went as it should.
  void say(const std::string& lines);
  /// What stands before or behind content, if heads are to be shown.
  void head(std::string_view title, h2::StreamId stream, std::span<const h2::Field> fields);
  void progress(std::uint64_t bytes, std::optional<std::uint64_t> of);
  void end_progress() { progress_.erase(); }

  Exit exit() const { return exit_; }

 private:
  Progress progress_;
  Heads heads_;
  Exit exit_ = Exit::ok;
};

}  // namespace tools
