#include <tools/url.h>

#include <algorithm>
#include <charconv>

#include <tools/fd.h>

namespace tools {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw Failure(Exit::usage, std::string(text) + ": " + why);
}

}  // namespace

Url parse_url(std::string_view text) {
  Url url;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) refuse(text, "a URL begins with http:// or https://");
  url.scheme = text.substr(0, colon);
  if (url.scheme != "http" && url.scheme != "https") refuse(text, "only http and https are spoken here");
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  url.path = rest.substr(slash);
  if (!url.path.starts_with('/')) url.path.insert(0, 1, '/');
  const bool clean = std::all_of(url.path.begin(), url.path.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!clean) refuse(text, "blanks and other than ASCII characters are written as %XX");

  std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) refuse(text, "user names in URLs are not supported");
  url.authority = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) refuse(text, "the bracket is not closed");
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const std::size_t at = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, at);
    port = authority.substr(at);
  }
  if (url.host.empty()) refuse(text, "the host is missing");
  url.port = url.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
    if (port.front() != ':' || error != std::errc{} || end != port.data() + port.size() || url.port == 0) {
      refuse(text, "the port is no number from 1 to 65535");
    }
  }
  return url;
}

}  // namespace tools
