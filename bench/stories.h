// The stories of hpack-test-case: recorded header lists, and what six encoders made of them.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Block {
  std::vector<std::byte> wire;  ///< empty in raw-data
  std::vector<std::pair<std::string, std::string>> fields;
};
using Story = std::vector<Block>;

/// Whether the stories were found when this was built.
bool have_stories();

/// All stories of one folder, in order of their names.
std::vector<Story> read_stories(const std::string& folder);

}  // namespace bench
