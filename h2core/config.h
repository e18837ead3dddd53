// Everything that a caller may choose about a connection, with the reason for each default.
#pragma once

#include <h2core/settings.h>
#include <h2core/trace.h>
#include <h2core/types.h>

namespace h2 {

/// Who gives received bytes back to the peer's windows.
enum class Credit : std::uint8_t {
  manual,     ///< the caller, by `consume()`: back-pressure
  automatic,  ///< the engine, as soon as an event was delivered: for callers that buffer nothing
};

struct Config {
  Role role = Role::server;

  /// What we announce in the first SETTINGS. 100 streams is what RFC 9113 6.5.2 recommends at least; 64 KiB of field
  /// section is beyond what browsers send, and bounded. A value that its setting cannot have is left at its default.
  Settings settings{.enable_push = 0, .max_concurrent_streams = 100, .max_header_list_size = 65536};

  /// The connection's receive window, in bytes; 65,535 is the least (RFC 9113 6.9.2).
  std::uint32_t connection_window = 1 << 20;
  Credit credit = Credit::manual;

  /// The most that `send_copy()` holds for one stream, in bytes.
  std::uint32_t copy_bound = 65536;
  /// Our HPACK encoder's table, however much the peer offers.
  std::uint32_t encoder_table_cap = 4096;
  /// Streams that we open before the peer's SETTINGS came (RFC 9113 6.5.2 sets no limit; 100 is its advice).
  std::uint32_t assumed_peer_streams = 100;

  std::uint32_t max_fields = 256;            ///< in one section, beside the limit in bytes
  std::uint32_t max_continuations = 32;      ///< per block, empty ones count
  std::uint32_t max_settings_entries = 64;   ///< per SETTINGS frame
  std::uint32_t max_interim_responses = 16;  ///< per request
  std::uint32_t max_queued_output = 65536;   ///< bytes of replies to a peer that does not read; then `receive` waits
  std::uint32_t work_budget = 10000;         ///< frames that move nothing forward, at most in one burst
  std::uint32_t work_refill_per_second = 1000;

  /// Zero switches a timer off. The clock starts with the first `advance_time()`.
  Duration preface_timeout = std::chrono::seconds(10);
  Duration settings_timeout = std::chrono::seconds(10);
  Duration idle_timeout{0};
  Duration keepalive_interval{0};  ///< a PING after so much silence
  Duration keepalive_timeout = std::chrono::seconds(15);

  bool deliver_unknown_frames = false;
  /// Off only for a proxy or a test that means to send broken messages.
  bool validate_outgoing = true;

  std::uint64_t seed = 0;  ///< of every table that is keyed by what a peer chooses
  Allocator allocator{};
  FrameObserver observer{};
};

}  // namespace h2
