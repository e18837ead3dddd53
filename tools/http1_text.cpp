#include <tools/http1_text.h>

#include <algorithm>

namespace tools {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view part = list.substr(0, comma);
    while (part.starts_with(' ') || part.starts_with('\t')) part.remove_prefix(1);
    while (part.ends_with(' ') || part.ends_with('\t')) part.remove_suffix(1);
    if (part == item) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::vector<std::byte>> decode_base64url(std::string_view text) {
  std::vector<std::byte> octets;
  unsigned bits = 0, value = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = (value << 6 | static_cast<unsigned>(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    octets.push_back(static_cast<std::byte>(value >> bits & 0xff));
  }
  return octets;
}

std::string encode_base64url(h2::ByteView octets) {
  std::string text;
  unsigned bits = 0, value = 0;
  for (const std::byte octet : octets) {
    value = (value << 8 | std::to_integer<unsigned>(octet)) & 0xffff;
    bits += 8;
    for (; bits >= 6; bits -= 6) text += kDigits[value >> (bits - 6) & 63];
  }
  if (bits > 0) text += kDigits[value << (6 - bits) & 63];
  return text;
}

}  // namespace tools
