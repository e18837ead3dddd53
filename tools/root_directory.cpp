#include <tools/root_directory.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <string_view>

namespace tools {
namespace {

// O_NONBLOCK, for opening a FIFO must not stop the loop; regular files do not care.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// For kernels without openat2 (before 5.6) and sandboxes that forbid it: step by step, through no symbolic link.
Fd walk_beneath(int root, std::string_view path) {
  Fd here;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string part(path.substr(0, slash));
    const bool last = slash == std::string_view::npos;
    if (part == "..") return errno = EXDEV, Fd();
    const int flags = kFlags | O_NOFOLLOW | (last ? 0 : O_DIRECTORY);
    here = Fd(::openat(here ? here.get() : root, part.empty() ? "." : part.c_str(), flags));
    if (!here || last) return here;
    path.remove_prefix(slash + 1);
  }
}

Fd open_beneath(int root, const std::string& path) {
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const auto fd = ::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return walk_beneath(root, path);
  return Fd(static_cast<int>(fd));
}

}  // namespace

RootDirectory::RootDirectory(const std::string& path)
    : directory_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_) throw Failure(Exit::file, "cannot open the directory " + path + ": " + error_text());
}

OpenFile RootDirectory::open(const std::string& path) const {
  OpenFile found;
  Fd fd = open_beneath(directory_.get(), path);
  if (!fd || ::fstat(fd.get(), &found.info) != 0) return {};
  if (S_ISDIR(found.info.st_mode)) {
    fd = open_beneath(fd.get(), "index.html");
    if (!fd || ::fstat(fd.get(), &found.info) != 0) return {};
  }
  if (!S_ISREG(found.info.st_mode)) return errno = EACCES, OpenFile{};
  found.file = std::make_shared<const Fd>(std::move(fd));
  return found;
}

}  // namespace tools
