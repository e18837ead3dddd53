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
  /// Bytes of replies and, on a server, of all that it writes but content, that wait for a peer that does not read;
  /// then `receive` waits.
  std::uint32_t max_queued_output = 32768;

  /// Frames that move nothing forward (`Work`) cost 1 each, a stream that is reset before its answer, by whomever, 4.
  /// Requests, responses and content give back more than an honest peer can lose by them, and time refills; all prices
  /// are in docs/security.md. Empty, it ends the connection with ENHANCE_YOUR_CALM. A browser that cancels a page of
  /// 200 requests costs 400; the whole is a burst of 5,000 requests that are reset, then 500 of them a second.
  std::uint32_t work_budget = 10000;
  std::uint32_t work_refill_per_second = 1000;
  /// Off: the connection lives on, and WorkBudgetLow tells when it would have ended; for a trial of the numbers.
  bool enforce_work_budget = true;

  /// Zero switches a timer off, and one that is longer than the clock can count never ends. The clock starts with the
  /// first `advance_time()`.
  Duration preface_timeout = std::chrono::seconds(10);
  Duration settings_timeout = std::chrono::seconds(10);  ///< not of SETTINGS that only let windows grow
  Duration header_timeout = std::chrono::seconds(10);    ///< from the first frame of a header block to its last
  Duration output_timeout{0};                            ///< for output of which the transport takes nothing
  /// The least that a peer sends of content that it owes and may send, in bytes per second over `content_interval`;
  /// then the stream is reset. Not of tunnels. Zero: as slowly as it likes.
  std::uint32_t min_content_rate = 0;
  Duration content_interval = std::chrono::seconds(10);
  Duration idle_timeout{0};
  Duration keepalive_interval{0};  ///< a PING after so much silence
  Duration keepalive_timeout = std::chrono::seconds(15);

  /// Several cookie fields arrive as one, which HTTP/1.1 code needs (RFC 9113 8.2.3).
  bool join_cookies = true;
  /// A client's cookie leaves crumb by crumb where these have 20 octets. It pays where a part of it changes often, for
  /// the rest stays in the HPACK table; of one that stays the same it only costs time.
  bool split_cookies = false;
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

  /// The most bytes of `allocator` that a peer can make one connection hold, whatever it sends and however little it
  /// reads. What the caller adds by its own calls comes on top: content that it lends (80 bytes for each piece), copies
  /// (80 bytes and a buffer for each piece that is not put behind the last one: the least of 256, 1,024, 4,096 or
  /// 16,384 bytes that it fits, or its own size; and 100 KiB of buffers that wait for the next), heads and trailers
  /// over `max_queued_output`, and requests of its own (420 bytes each). SETTINGS that it sends later and that allow
  /// more are not in it. SIZE_MAX where the configuration sets no limit.
  H2CORE_API std::size_t memory_bound() const noexcept;
};

}  // namespace h2
