// What one field line is, by itself: which well-known name it has and which rules of RFC 9113 8.2 and 8.3 it breaks.
// The answer is a mark of 32 bits that HPACK keeps with the entry, so that a field seen again costs one test.
//
// All of it is constexpr, for the static table is judged at compile time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace h2::detail {

/// Names that a rule or the engine cares about. Pseudo-fields come first, so that they index an array.
enum class WellKnown : std::uint8_t {
  other,
  method,
  scheme,
  authority,
  path,
  protocol,
  status,
  unknown_pseudo,
  content_length,
  host,
  te,
  cookie,
  priority,
  connection_specific,
};
inline constexpr std::size_t kPseudoNames = 8;

// The part of the name: what is shared by all fields whose name was taken from one table entry.
inline constexpr std::uint32_t kWellKnownBits = 0x1f;
inline constexpr std::uint32_t kJudged = 1U << 5;  ///< in every mark, so that no mark is zero
inline constexpr std::uint32_t kNameBad = 1U << 6;
inline constexpr std::uint32_t kPseudo = 1U << 7;
inline constexpr std::uint32_t kConnectionSpecific = 1U << 8;
inline constexpr std::uint32_t kTe = 1U << 9;
inline constexpr std::uint32_t kHost = 1U << 10;
inline constexpr std::uint32_t kContentLength = 1U << 11;
inline constexpr std::uint32_t kPriorityField = 1U << 12;
inline constexpr std::uint32_t kCookie = 1U << 13;
inline constexpr std::uint32_t kPseudoUnknown = 1U << 14;
inline constexpr std::uint32_t kNamePart = 0xffff;

// The part of the value.
inline constexpr std::uint32_t kValueBad = 1U << 16;   ///< RFC 9113 8.2.1
inline constexpr std::uint32_t kTeBad = 1U << 17;      ///< RFC 9113 8.2.2
inline constexpr std::uint32_t kPseudoBad = 1U << 18;  ///< of no use to any message (RFC 9113 8.3)
// Ten bits that mean something else for each pseudo-field.
inline constexpr unsigned kDetailShift = 22;
inline constexpr std::uint32_t kMethodConnect = 1U << kDetailShift;
inline constexpr std::uint32_t kMethodOptions = 2U << kDetailShift;
inline constexpr std::uint32_t kSchemeHttp = 1U << kDetailShift;   ///< port 80 unless one is given
inline constexpr std::uint32_t kSchemeHttps = 2U << kDetailShift;  ///< port 443
inline constexpr std::uint32_t kAuthorityEmpty = 1U << kDetailShift;
inline constexpr std::uint32_t kAuthorityUserinfo = 2U << kDetailShift;
inline constexpr std::uint32_t kAuthorityPort = 4U << kDetailShift;
inline constexpr std::uint32_t kPathEmpty = 1U << kDetailShift;
inline constexpr std::uint32_t kPathAsterisk = 2U << kDetailShift;

constexpr WellKnown well_known(std::uint32_t mark) noexcept { return static_cast<WellKnown>(mark & kWellKnownBits); }
constexpr std::uint16_t status_of(std::uint32_t mark) noexcept {
  return static_cast<std::uint16_t>(mark >> kDetailShift);
}

/// Marks a field line. `name_mark` is the mark of a field with the same name, or 0 if there is none.
constexpr std::uint32_t judge_field(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept;

// What follows are the parts of it, each a rule.

namespace rules {

// Classes of octets.
inline constexpr std::uint8_t kLowerTchar = 1;  ///< RFC 9110 5.6.2 without upper case
inline constexpr std::uint8_t kTchar = 2;
inline constexpr std::uint8_t kRegName = 4;  ///< unreserved, sub-delims and "%" (RFC 3986 3.2.2)
inline constexpr std::uint8_t kPathOctet = 8;
inline constexpr std::uint8_t kSchemeOctet = 16;
inline constexpr std::uint8_t kValueOctet = 32;

struct OctetClasses {
  std::uint8_t of[256];
  constexpr std::uint8_t operator[](char octet) const noexcept { return of[static_cast<unsigned char>(octet)]; }
};

constexpr bool is_digit(char octet) noexcept { return octet >= '0' && octet <= '9'; }
constexpr bool is_hex(char octet) noexcept {
  return is_digit(octet) || (octet >= 'a' && octet <= 'f') || (octet >= 'A' && octet <= 'F');
}
constexpr char lower(char octet) noexcept {
  return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
}

inline constexpr OctetClasses kClasses = [] {
  OctetClasses table{};
  const auto add = [&table](char octet, unsigned classes) {
    std::uint8_t& entry = table.of[static_cast<unsigned char>(octet)];
    entry = static_cast<std::uint8_t>(entry | classes);
  };
  for (char c = 'a'; c <= 'z'; ++c) add(c, kLowerTchar | kTchar | kRegName | kSchemeOctet);
  for (char c = 'A'; c <= 'Z'; ++c) add(c, kTchar | kRegName | kSchemeOctet);
  for (char c = '0'; c <= '9'; ++c) add(c, kLowerTchar | kTchar | kRegName | kSchemeOctet);
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) add(c, kLowerTchar | kTchar);
  for (const char c : std::string_view("-._~!$&'()*+,;=%")) add(c, kRegName);
  for (const char c : std::string_view("+-.")) add(c, kSchemeOctet);
  for (int c = 0; c < 256; ++c) {
    const char octet = static_cast<char>(c);
    // Browsers send more than RFC 3986 allows in a path ("|", "[", octets above 0x7f), and refusing those would gain
    // nothing. A "#" begins what is no part of a path: a proxy that decides by the end of it would be fooled.
    if (c > 0x20 && c != 0x7f && c != '#') add(octet, kPathOctet);
    if ((c >= 0x20 && c != 0x7f) || c == '\t') add(octet, kValueOctet);
  }
  return table;
}();

/// Whether all of `text` is of that class. Also true of nothing.
constexpr bool all(std::string_view text, std::uint8_t octet_class) noexcept {
  unsigned common = octet_class;
  for (const char octet : text) common &= kClasses[octet];
  return common != 0;
}

/// Sixteen octets at a time: field lines are long, and what is looked for in them is rare.
using Octets = std::uint8_t __attribute__((vector_size(16)));

/// Whether `test` finds one of the octets of `text`, which has four at least. Some are looked at twice.
template <class Test>
bool any(std::string_view text, Test test) noexcept {
  const char* const first = text.data();
  const std::size_t size = text.size();
  Octets octets, found{};
  if (size >= 16) {
    for (std::size_t i = 0; i + 16 < size; i += 16) {
      __builtin_memcpy(&octets, first + i, sizeof octets);
      found |= Octets(test(octets));
    }
    __builtin_memcpy(&octets, first + size - 16, sizeof octets);
  } else if (size >= 8) {
    std::uint64_t words[2];
    __builtin_memcpy(words, first, 8);
    __builtin_memcpy(words + 1, first + size - 8, 8);
    __builtin_memcpy(&octets, words, sizeof octets);
  } else {
    std::uint32_t words[4];
    __builtin_memcpy(words, first, 4);
    __builtin_memcpy(words + 1, first + size - 4, 4);
    words[2] = words[3] = words[0];
    __builtin_memcpy(&octets, words, sizeof octets);
  }
  found |= Octets(test(octets));
  std::uint64_t halves[2];
  __builtin_memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

/// The same as all(name, kLowerTchar). Nearly all names are of letters, digits and "-".
constexpr bool valid_name(std::string_view name) noexcept {
  if (!std::is_constant_evaluated() && name.size() >= 4) {
    const auto unusual = [](Octets octets) { return (octets - 'a' >= 26) & (octets - '0' >= 10) & (octets != '-'); };
    if (!any(name, unusual)) return true;
  }
  return all(name, kLowerTchar);
}

constexpr bool same(std::string_view a, const char* b) noexcept {
  return std::char_traits<char>::compare(a.data(), b, a.size()) == 0;
}
constexpr bool same_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

constexpr std::uint32_t name_part(WellKnown known, std::uint32_t bits) noexcept {
  return kJudged | static_cast<std::uint32_t>(known) | bits;
}

/// Few well-known names have the same length, so most names cost one comparison at most, and the look at each octet.
constexpr std::uint32_t judge_name(std::string_view name) noexcept {
  switch (name.size()) {
    case 0: return name_part(WellKnown::other, kNameBad);
    case 2:
      if (same(name, "te")) return name_part(WellKnown::te, kTe);
      break;
    case 4:
      if (same(name, "host")) return name_part(WellKnown::host, kHost);
      break;
    case 5:
      if (same(name, ":path")) return name_part(WellKnown::path, kPseudo);
      break;
    case 6:
      if (same(name, "cookie")) return name_part(WellKnown::cookie, kCookie);
      break;
    case 7:
      if (same(name, ":method")) return name_part(WellKnown::method, kPseudo);
      if (same(name, ":scheme")) return name_part(WellKnown::scheme, kPseudo);
      if (same(name, ":status")) return name_part(WellKnown::status, kPseudo);
      if (same(name, "upgrade")) return name_part(WellKnown::connection_specific, kConnectionSpecific);
      break;
    case 8:
      if (same(name, "priority")) return name_part(WellKnown::priority, kPriorityField);
      break;
    case 9:
      if (same(name, ":protocol")) return name_part(WellKnown::protocol, kPseudo);
      break;
    case 10:
      if (same(name, ":authority")) return name_part(WellKnown::authority, kPseudo);
      if (same(name, "connection") || same(name, "keep-alive")) {
        return name_part(WellKnown::connection_specific, kConnectionSpecific);
      }
      break;
    case 14:
      if (same(name, "content-length")) return name_part(WellKnown::content_length, kContentLength);
      break;
    case 16:
      if (same(name, "proxy-connection")) return name_part(WellKnown::connection_specific, kConnectionSpecific);
      break;
    case 17:
      if (same(name, "transfer-encoding")) return name_part(WellKnown::connection_specific, kConnectionSpecific);
      break;
    default: break;
  }
  if (name.front() != ':') return name_part(WellKnown::other, valid_name(name) ? 0 : kNameBad);
  const bool named = name.size() > 1 && all(name.substr(1), kLowerTchar);
  return name_part(WellKnown::unknown_pseudo, kPseudo | kPseudoUnknown | (named ? 0 : kNameBad));
}

/// RFC 9113 8.2.1 forbids NUL, CR, LF and surrounding whitespace. The other controls are invalid by RFC 9110 5.5, which
/// 8.2.1 says we should go by; only HTAB may stand inside.
constexpr bool valid_value(std::string_view value) noexcept {
  if (value.empty()) return true;
  if (value.front() == ' ' || value.back() == ' ') return false;
  if (!std::is_constant_evaluated() && value.size() >= 4) {
    const auto control = [](Octets octets) { return (octets < 0x20) | (octets == 0x7f); };
    if (!any(value, control)) return true;
  }
  return value.front() != '\t' && value.back() != '\t' && all(value, kValueOctet);  // HTAB is rare
}

/// uri-host [":" port], with userinfo in front unless the scheme forbids it (RFC 3986 3.2, RFC 9113 8.3.1).
constexpr std::uint32_t judge_authority(std::string_view value) noexcept {
  if (value.empty()) return kAuthorityEmpty;
  std::uint32_t detail = 0;
  if (const std::size_t at = value.find('@'); at != std::string_view::npos) {
    for (const char octet : value.substr(0, at)) {
      if (octet != ':' && (kClasses[octet] & kRegName) == 0) return kPseudoBad;
    }
    detail |= kAuthorityUserinfo;
    value.remove_prefix(at + 1);
  }
  std::size_t host = 0;
  if (!value.empty() && value.front() == '[') {
    host = value.find(']');
    if (host == std::string_view::npos || host == 1) return kPseudoBad;
    for (const char octet : value.substr(1, host - 1)) {
      if (octet != ':' && (octet == '%' || (kClasses[octet] & kRegName) == 0)) return kPseudoBad;
    }
    ++host;
  } else {
    while (host < value.size() && (kClasses[value[host]] & kRegName) != 0) {
      if (value[host] == '%') {
        if (host + 2 >= value.size() || !is_hex(value[host + 1]) || !is_hex(value[host + 2])) return kPseudoBad;
      }
      ++host;
    }
    if (host == 0) return kPseudoBad;
  }
  if (host == value.size()) return detail;
  if (value[host] != ':') return kPseudoBad;
  std::uint32_t port = 0;
  for (std::size_t i = host + 1; i < value.size(); ++i) {
    if (!is_digit(value[i])) return kPseudoBad;
    port = port * 10 + static_cast<std::uint32_t>(value[i] - '0');
    if (port > 65535) return kPseudoBad;
    detail |= kAuthorityPort;
  }
  return detail;
}

constexpr std::uint32_t judge_method(std::string_view value) noexcept {
  if (value.empty() || !all(value, kTchar)) return kPseudoBad;
  if (value.size() != 7) return 0;
  if (same(value, "CONNECT")) return kMethodConnect;
  return same(value, "OPTIONS") ? kMethodOptions : 0;
}

/// Schemes are the same in either case (RFC 3986 3.1).
constexpr std::uint32_t judge_scheme(std::string_view value) noexcept {
  if (value.empty() || lower(value[0]) < 'a' || lower(value[0]) > 'z' || !all(value, kSchemeOctet)) return kPseudoBad;
  if (same_ignoring_case(value, "https")) return kSchemeHttps;
  return same_ignoring_case(value, "http") ? kSchemeHttp : 0;
}

constexpr bool all_of_path(std::string_view value) noexcept {
  if (std::is_constant_evaluated() || value.size() < 4) return all(value, kPathOctet);
  return !any(value, [](Octets octets) { return (octets <= 0x20) | (octets == 0x7f) | (octets == '#'); });
}

constexpr std::uint32_t judge_path(std::string_view value) noexcept {
  if (value.empty()) return kPathEmpty;
  if (value.front() != '/') return value == "*" ? kPathAsterisk : kPseudoBad;
  return all_of_path(value) ? 0 : kPseudoBad;
}

/// An upgrade token: a name, perhaps "/" and a version (RFC 8441 4, RFC 9110 7.8).
constexpr std::uint32_t judge_protocol(std::string_view value) noexcept {
  const std::size_t slash = value.find('/');
  const std::string_view name = value.substr(0, slash);
  if (name.empty() || !all(name, kTchar)) return kPseudoBad;
  if (slash == std::string_view::npos) return 0;
  const std::string_view version = value.substr(slash + 1);
  return version.empty() || !all(version, kTchar) ? kPseudoBad : 0;
}

/// Three digits. 600 to 999 are invalid too, but a client should take them for a 5xx (RFC 9110 15), not fail.
constexpr std::uint32_t judge_status(std::string_view value) noexcept {
  if (value.size() != 3 || value[0] == '0' || !is_digit(value[0]) || !is_digit(value[1]) || !is_digit(value[2])) {
    return kPseudoBad;
  }
  const int status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
  return static_cast<std::uint32_t>(status) << kDetailShift;
}

constexpr std::uint32_t judge_value(WellKnown known, std::string_view value) noexcept {
  // What a path may have is fine in any value.
  if (known == WellKnown::path && !value.empty() && value.front() == '/' && all_of_path(value)) return 0;
  if (!valid_value(value)) return kValueBad;
  if (known == WellKnown::other) return 0;
  switch (known) {
    case WellKnown::method: return judge_method(value);
    case WellKnown::scheme: return judge_scheme(value);
    case WellKnown::authority: return judge_authority(value);
    case WellKnown::path: return judge_path(value);
    case WellKnown::protocol: return judge_protocol(value);
    case WellKnown::status: return judge_status(value);
    case WellKnown::te: return same_ignoring_case(value, "trailers") ? 0 : kTeBad;
    default: return 0;
  }
}

}  // namespace rules

constexpr std::uint32_t judge_field(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept {
  const std::uint32_t of_name = name_mark != 0 ? name_mark & kNamePart : rules::judge_name(name);
  return of_name | rules::judge_value(well_known(of_name), value);
}

}  // namespace h2::detail
