// Files below one directory, and nothing else: the kernel itself keeps every lookup beneath it.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include <tools/fd.h>

namespace tools {

struct OpenFile {
  std::shared_ptr<const Fd> file;
  struct stat info {};
};

class RootDirectory {
 public:
  /// Throws a Failure that names `path` when it is no directory that can be opened.
  explicit RootDirectory(const std::string& path);

  /// Opens a regular file, or the index.html of a directory. `path` is relative and decoded. On failure `file` is null
  /// and errno says why; a path that would leave the directory is EXDEV.
  OpenFile open(const std::string& path) const;

 private:
  Fd directory_;
};

}  // namespace tools
