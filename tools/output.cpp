#include <tools/output.h>

#include <fcntl.h>

#include <algorithm>
#include <cstdio>

namespace tools {

Output::Output(const std::string& path) {
  if (path.empty()) return;
  name_ = path;
  file_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file_) throw Failure(Exit::file, "cannot write " + name_ + ": " + error_text());
  fd_ = file_.get();
}

void Output::write(h2::ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw Failure(Exit::file, "cannot write " + name_ + ": " + error_text());
    }
  }
}

void Output::close() {
  if (!file_) return;
  const int fd = ::dup(file_.get());  // Fd closes without asking how it went
  file_.reset();
  if (fd >= 0 && ::close(fd) != 0) throw Failure(Exit::file, "cannot write " + name_ + ": " + error_text());
}

Progress::Progress(bool wanted, h2::TimePoint began)
    : on_(wanted && ::isatty(STDERR_FILENO) != 0),
      began_(began),
      next_(began + std::chrono::milliseconds(500)) {}  // what is quick needs no bar

void Progress::show(std::uint64_t bytes, std::optional<std::uint64_t> of, h2::TimePoint now) {
  if (!on_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  drawn_ = true;
  const double mebibytes = static_cast<double>(bytes) / (1 << 20);
  const double rate = mebibytes / std::chrono::duration<double>(now - began_).count();
  if (!of || *of == 0) {
    std::fprintf(stderr, "\r%10.1f MiB  %8.1f MiB/s ", mebibytes, rate);
    return;
  }
  constexpr int kWidth = 40;
  const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(*of));
  const int done = static_cast<int>(share * kWidth);
  std::fprintf(stderr, "\r[%.*s%*s] %3d%%  %.1f MiB  %.1f MiB/s ", done, "########################################",
               kWidth - done, "", static_cast<int>(share * 100), mebibytes, rate);
}

void Progress::erase() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace tools
