// Everything that a caller may choose about a connection, with the reason for each default.
#pragma once

#include <h2core/priority.h>
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
  /// RFC 7540's priorities are ignored here, and those of RFC 9218 are not: clients that are told so send what helps.
  Settings settings{
      .enable_push = 0, .max_concurrent_streams = 100, .max_header_list_size = 65536, .no_rfc7540_priorities = 1};
  /// Further entries of the first SETTINGS, of extensions that the engine does not know; read by the constructor only.
  std::span<const Setting> extra_settings{};
  /// Adds a reserved setting to the first SETTINGS and a reserved frame behind it, so that peers stay tolerant.
  bool grease = false;

  /// The connection's receive window, in bytes; 65,535 is the least (RFC 9113 6.9.2).
  std::uint32_t connection_window = 1 << 20;
  /// Windows grow by themselves up to this many bytes while the peer fills them within a round trip: a gigabit over a
  /// tenth of a second needs 12.5 MB. It bounds what a caller may come to hold that consumes slowly all of a sudden.
  /// Zero switches growth off, as does a clock that never runs.
  std::uint32_t window_limit = 16 << 20;
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

  /// A client's cookie fields leave crumb by crumb where these have 20 octets, which the HPACK table likes, and several of them arrive as
  /// one, which HTTP/1.1 code needs (RFC 9113 8.2.3).
  bool split_cookies = true;
  bool join_cookies = true;
  /// How content without any other word takes its turns (RFC 9218 4).
  Priority default_priority{};

  bool deliver_unknown_frames = false;
  /// Off only for a proxy or a test that means to send broken messages.
  bool validate_outgoing = true;

  /// The first stream that we open; 0 is the lowest. A high one tells soon what happens when ids run out.
  std::uint32_t first_stream_id = 0;
  std::uint64_t seed = 0;  ///< of every table that is keyed by what a peer chooses
  Allocator allocator{};
  FrameObserver observer{};
};

}  // namespace h2
