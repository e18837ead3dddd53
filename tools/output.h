// Where fetched content goes, and how far it has come on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <h2core/types.h>
#include <tools/fd.h>

namespace tools {

/// A file, or stdout. Whatever fails is a Failure that names it.
class Output {
 public:
  explicit Output(const std::string& path);
  void write(h2::ByteView bytes);
  /// A full disk may show only now.
  void close();

 private:
  Fd file_;
  std::string name_ = "standard output";
  int fd_ = STDOUT_FILENO;
};

/// One line on stderr that is drawn over and over; silent unless stderr is a terminal and content is not shown there.
class Progress {
 public:
  Progress(bool wanted, h2::TimePoint began);
  void show(std::uint64_t bytes, std::optional<std::uint64_t> of, h2::TimePoint now);
  void erase();

 private:
  bool on_, drawn_ = false;
  h2::TimePoint began_, next_;
};

}  // namespace tools
