// SETTINGS as a struct and as wire entries (RFC 9113 6.5).
#pragma once

#include <optional>

#include <h2core/types.h>

namespace h2 {

enum class SettingId : std::uint16_t {
  header_table_size = 0x1,
  enable_push = 0x2,
  max_concurrent_streams = 0x3,
  initial_window_size = 0x4,
  max_frame_size = 0x5,
  max_header_list_size = 0x6,
  enable_connect_protocol = 0x8,  // RFC 8441
  no_rfc7540_priorities = 0x9,    // RFC 9218
};

/// One entry as it stands on the wire. Ids beyond `SettingId` may be sent and are ignored on receipt.
struct Setting {
  SettingId id;
  std::uint32_t value;
  constexpr bool operator==(const Setting&) const = default;
};

/// Takes one entry off the front of a SETTINGS payload; null when less than one is left.
inline std::optional<Setting> read_setting(ByteView& entries) noexcept {
  if (entries.size() < 6) return std::nullopt;
  const auto at = [entries](int i) { return static_cast<std::uint32_t>(entries[static_cast<std::size_t>(i)]); };
  const Setting setting{static_cast<SettingId>(at(0) << 8 | at(1)), at(2) << 24 | at(3) << 16 | at(4) << 8 | at(5)};
  entries = entries.subspan(6);
  return setting;
}

inline constexpr std::uint32_t kUnlimited = 0xffffffff;

/// All values of one side. The defaults are those that hold before any SETTINGS (RFC 9113 6.5.2).
struct Settings {
  std::uint32_t header_table_size = 4096;
  std::uint32_t enable_push = 1;
  std::uint32_t max_concurrent_streams = kUnlimited;
  std::uint32_t initial_window_size = 65535;
  std::uint32_t max_frame_size = 16384;
  std::uint32_t max_header_list_size = kUnlimited;
  std::uint32_t enable_connect_protocol = 0;
  std::uint32_t no_rfc7540_priorities = 0;
  constexpr bool operator==(const Settings&) const = default;
};

}  // namespace h2
