// Extensible priorities (RFC 9218): what a peer may say about which response it wants first.
#pragma once

#include <optional>

#include <h2core/types.h>

namespace h2 {

/// RFC 9218 4. Without a word from anybody, a stream has these values.
struct Priority {
  std::uint8_t urgency = 3;  ///< 0 is served first, 7 last
  bool incremental = false;  ///< useful in parts: takes turns with others of its urgency
  constexpr bool operator==(const Priority&) const = default;
};

/// Reads the value of a Priority field. What it does not say, or says out of range or with another type, stays as in
/// `base`; null when it is no Dictionary of RFC 8941 and must be ignored as a whole. RFC 9218 4, 5.
H2CORE_API std::optional<Priority> read_priority(std::string_view value, Priority base = {}) noexcept;

/// The shortest field value that says `priority`: at most 6 characters ("u=5, i"), into `text`. Returns how many; none
/// when both are the default.
inline constexpr std::size_t kPriorityText = 6;
H2CORE_API std::size_t write_priority(Priority priority, char (&text)[kPriorityText]) noexcept;

}  // namespace h2
