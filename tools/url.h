// http and https URLs, as far as a client needs them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tools {

struct Url {
  std::string scheme, host;  ///< an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string authority;  ///< as it was written, without user information
  std::string path;       ///< with the query, and never empty

  /// What may share a connection.
  std::string origin() const { return scheme + "://" + host + ':' + std::to_string(port); }
};

/// Throws a Failure (usage) that quotes `text`.
Url parse_url(std::string_view text);

}  // namespace tools
