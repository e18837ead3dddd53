// What an entry of SETTINGS may say, and what it changes (RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1).
#pragma once

#include <h2core/error.h>
#include <h2core/settings.h>

namespace h2::detail {

inline std::uint32_t looser(std::uint32_t a, std::uint32_t b) { return a > b ? a : b; }

/// Per setting, the value that allows the peer more (RFC 9113 6.5.3).
inline Settings looser(const Settings& a, const Settings& b) {
  return {.header_table_size = looser(a.header_table_size, b.header_table_size),
          .enable_push = looser(a.enable_push, b.enable_push),
          .max_concurrent_streams = looser(a.max_concurrent_streams, b.max_concurrent_streams),
          .initial_window_size = looser(a.initial_window_size, b.initial_window_size),
          .max_frame_size = looser(a.max_frame_size, b.max_frame_size),
          .max_header_list_size = looser(a.max_header_list_size, b.max_header_list_size),
          .enable_connect_protocol = looser(a.enable_connect_protocol, b.enable_connect_protocol),
          .no_rfc7540_priorities = b.no_rfc7540_priorities};
}

/// The rule that an entry from `sender` breaks by itself.
inline Violation broken_by(const Setting& setting, Role sender) {
  const std::uint32_t value = setting.value;
  const auto unless = [](bool right, Violation violation) { return right ? Violation::none : violation; };
  switch (setting.id) {
    case SettingId::enable_push: return unless(value <= (sender == Role::client), Violation::setting_enable_push);
    case SettingId::initial_window_size: return unless(value <= kMaxWindow, Violation::setting_window_size);
    case SettingId::max_frame_size: return unless(value >= 16384 && value <= 0xffffff, Violation::setting_frame_size);
    case SettingId::enable_connect_protocol: return unless(value <= 1, Violation::setting_connect_protocol);
    case SettingId::no_rfc7540_priorities: return unless(value <= 1, Violation::setting_no_priorities);
    default: return Violation::none;
  }
}

/// The rule that it breaks behind what the same side said `before`: RFC 8441 3 takes nothing back, and RFC 9218 2.1
/// wants the first SETTINGS to say it.
inline Violation broken_after(const Setting& setting, const Settings& before, bool first_settings) {
  if (setting.id == SettingId::enable_connect_protocol && setting.value < before.enable_connect_protocol)
    return Violation::setting_connect_protocol;
  if (setting.id == SettingId::no_rfc7540_priorities && !first_settings &&
      setting.value != before.no_rfc7540_priorities)
    return Violation::setting_no_priorities;
  return Violation::none;
}

/// Unknown ones mean nothing (RFC 9113 6.5.2).
inline void set(Settings& settings, const Setting& setting) {
  switch (setting.id) {
    case SettingId::header_table_size: settings.header_table_size = setting.value; break;
    case SettingId::enable_push: settings.enable_push = setting.value; break;
    case SettingId::max_concurrent_streams: settings.max_concurrent_streams = setting.value; break;
    case SettingId::initial_window_size: settings.initial_window_size = setting.value; break;
    case SettingId::max_frame_size: settings.max_frame_size = setting.value; break;
    case SettingId::max_header_list_size: settings.max_header_list_size = setting.value; break;
    case SettingId::enable_connect_protocol: settings.enable_connect_protocol = setting.value; break;
    case SettingId::no_rfc7540_priorities: settings.no_rfc7540_priorities = setting.value; break;
  }
}

}  // namespace h2::detail
