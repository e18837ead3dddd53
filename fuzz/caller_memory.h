// What a connection may hold: what Config::memory_bound() says of its peer, and what its caller adds by calls.
#pragma once

#include <algorithm>

#include <h2core/config.h>
#include <h2core/request.h>

#include "input.h"

namespace fuzz {

/// Counts as if nothing that the caller gave ever came back, so it is exact about the peer and generous to the caller.
class CallerMemory {
 public:
  explicit CallerMemory(const h2::Config& config) : config_(config) {}

  void lent() { bytes_ += kPerLoan; }
  void copied() { bytes_ += 4 * std::max<std::size_t>(config_.copy_bound, 64) + kPerLoan; }
  void section(std::span<const h2::Field> fields) {
    for (const h2::Field& field : fields) list_ += field.name.size() + field.value.size() + kPerField;
    list_ += kPerSection;
  }
  void request(const h2::Request& request) {
    bytes_ += kPerStream;
    section(request.fields);
  }
  void frame(std::size_t payload) { list_ += payload + kPerSection; }
  void stream_heard() { bytes_ += kPerUnread; }
  /// Our SETTINGS raise what the peer may do.
  void settings(std::span<const h2::Setting> entries) {
    for (const h2::Setting& entry : entries) {
      h2::Settings& ours = config_.settings;
      const auto raise = [&entry](std::uint32_t& limit) { limit = std::max(limit, entry.value); };
      if (entry.id == h2::SettingId::header_table_size) raise(ours.header_table_size);
      if (entry.id == h2::SettingId::max_concurrent_streams) raise(ours.max_concurrent_streams);
      if (entry.id == h2::SettingId::max_frame_size) raise(ours.max_frame_size);
      if (entry.id == h2::SettingId::max_header_list_size) raise(ours.max_header_list_size);
      list_ += kPerSection;
    }
  }

  void check_bound(const Memory& memory) const {
    const std::size_t peers = config_.memory_bound();
    const std::size_t callers = bytes_ + 3 * list_;  // drafted, written, and a block's end that was lost
    check(memory.peak() <= peers || memory.peak() - peers <= callers, "memory keeps to Config::memory_bound()");
  }

 private:
  // As h2core/config.h has them; and what a field and a section take beside their octets.
  static constexpr std::size_t kPerLoan = 80, kPerStream = 400, kPerUnread = 136, kPerField = 48, kPerSection = 128;

  h2::Config config_;
  std::size_t bytes_ = 0, list_ = 0;
};

}  // namespace fuzz
