// Nothing leaves the root directory, by dots or by links.
#include <tools/root_directory.h>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "temporary_folder.h"

using namespace tools;
namespace fs = std::filesystem;

TEST_CASE("files below the root are found, and nothing else is") {
  const test::TemporaryFolder folder;
  const fs::path& base = folder.path;
  fs::create_directories(base / "root/sub");
  std::ofstream(base / "secret") << "secret";
  std::ofstream(base / "root/a.txt") << "a";
  std::ofstream(base / "root/sub/index.html") << "index";
  fs::create_symlink("../secret", base / "root/out");
  fs::create_symlink("/etc/passwd", base / "root/absolute");
  fs::create_symlink("..", base / "root/up");
  fs::create_symlink("a.txt", base / "root/inside");
  REQUIRE(::mkfifo((base / "root/fifo").c_str(), 0600) == 0);

  const RootDirectory root((base / "root").string());
  for (const char* path : {"a.txt", "sub", "sub/", "sub/index.html", "sub/../a.txt", "./a.txt", "inside"}) {
    CAPTURE(path);
    CHECK(root.open(path).file != nullptr);
  }
  for (const char* path : {"", "none", "out", "absolute", "up/secret", "../secret", "sub/../../secret", "/etc/passwd",
                           "fifo", "a.txt/x"}) {
    CAPTURE(path);
    CHECK(root.open(path).file == nullptr);
  }
  CHECK_THROWS_AS(RootDirectory((base / "none").string()), Failure);
}
