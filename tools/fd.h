// A file descriptor with an owner, and the one way in which a failed call of the system becomes a sentence.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace tools {

/// How the program ends. `h2 get --help` shows the same list.
enum class Exit : int {
  ok = 0,
  usage = 2,
  connect = 3,  ///< also: the server cannot listen
  tls = 4,
  alpn = 5,
  protocol = 6,
  http = 7,  ///< a status of 400 or above
  file = 8,
};

/// One clear line for the user, and the exit code that goes with it.
class Failure : public std::runtime_error {
 public:
  Failure(Exit exit, const std::string& line) : std::runtime_error(line), exit_(exit) {}
  Exit exit() const { return exit_; }

 private:
  Exit exit_;
};

inline std::string error_text(int error = errno) { return std::generic_category().message(error); }

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace tools
