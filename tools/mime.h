// The media type of a file by the end of its name.
#pragma once

#include <string_view>

namespace tools {

/// "application/octet-stream" for what is not known.
std::string_view media_type(std::string_view path);

}  // namespace tools
