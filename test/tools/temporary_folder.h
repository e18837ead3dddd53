// A folder of a test's own, on the disk while the test runs.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <tools/root_directory.h>

namespace tools::test {

struct TemporaryFolder {
  TemporaryFolder() {
    char name[] = "/tmp/h2-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  RootDirectory root() const { return RootDirectory(path.string()); }
  void write(const char* name, std::string_view text) const { std::ofstream(path / name) << text; }

  std::filesystem::path path;
};

}  // namespace tools::test
