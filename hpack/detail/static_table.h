// RFC 7541 Appendix A, and the way from a name to its place in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <hpack/detail/words.h>

namespace hpack::detail {

struct StaticField {
  std::string_view name;
  std::string_view value;
};

inline constexpr std::uint32_t kStaticCount = 61;

// clang-format off
/// By index; [0] is unused.
inline constexpr StaticField kStatic[kStaticCount + 1] = {
    {"", ""},
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
};
// clang-format on

// A perfect hash of the 52 names, of which no two have size, first and last octet in common; its factors were found by
// search, and the static_assert below holds it to that.
constexpr std::size_t kStaticSlots = 128;

constexpr std::size_t static_slot(const char* name, std::size_t size) noexcept {
  const auto at = [name](std::size_t i) { return std::size_t{static_cast<unsigned char>(name[i])}; };
  return (size * 89 + at(0) * 66 + at(size - 1)) % kStaticSlots;
}

struct StaticNames {
  std::array<std::uint8_t, kStaticSlots> first{};       ///< lowest index with that name, or 0
  std::array<std::uint8_t, kStaticCount + 1> values{};  ///< by that index: how many entries share the name
  bool perfect = true;
};

constexpr StaticNames make_static_names() {
  StaticNames names;
  for (std::uint8_t i = 1; i <= kStaticCount; ++i) {
    std::uint8_t& slot = names.first[static_slot(kStatic[i].name.data(), kStatic[i].name.size())];
    if (slot == 0) slot = i;
    if (kStatic[slot].name != kStatic[i].name) names.perfect = false;
    ++names.values[slot];
  }
  return names;
}

inline constexpr StaticNames kStaticNames = make_static_names();
static_assert(kStaticNames.perfect);

/// The lowest static index with that name, or 0.
inline std::uint32_t find_static_name(std::string_view name) noexcept {
  if (name.empty()) return 0;
  const std::uint32_t index = kStaticNames.first[static_slot(name.data(), name.size())];
  const std::string_view known = kStatic[index].name;
  return known.size() == name.size() && same_octets(known.data(), name.data(), name.size()) ? index : 0;
}

}  // namespace hpack::detail
