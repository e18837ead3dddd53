// Why nothing moves: which layer holds the next byte of a stream back, since when, and who must act.
#pragma once

#include <optional>

#include <h2core/types.h>

namespace h2 {

enum class Holdup : std::uint8_t {
  nothing,              ///< the next byte is ready: poll, or feed
  over,                 ///< this direction has ended, or the connection has
  no_head,              ///< sending: the caller has not sent the message's head
  no_content,           ///< sending: the caller has given nothing more to send
  stream_limit,         ///< sending: the request waits for the peer's MAX_CONCURRENT_STREAMS (RFC 9113 5.1.2)
  peer_settings,        ///< sending: more requests than are assumed to be allowed wait for the peer's first SETTINGS
  stream_window,        ///< the stream's window is used up (RFC 9113 6.9)
  connection_window,    ///< the connection's window is used up
  small_window,         ///< sending: the window is a few bytes, and a frame of that size is held for a moment
  turn,                 ///< sending: content of other streams goes first (RFC 9218 10)
  output,               ///< framed, and not taken by the transport; receiving: the WINDOW_UPDATE for it is
  unread_replies,       ///< receiving: input waits, for the peer does not read what we sent (`max_queued_output`)
  peer_silent,          ///< receiving: the peer may send and does not
  settings_unanswered,  ///< receiving: the peer has not acknowledged our SETTINGS
};

enum class Actor : std::uint8_t { nobody, caller, transport, peer };

struct Hold {
  Holdup what = Holdup::nothing;
  Actor who = Actor::nobody;
  /// When a byte last moved in this direction or began to wait, or the stream began; null before the first
  /// `advance_time()`.
  std::optional<TimePoint> since;
};

struct Explanation {
  Hold sending, receiving;
};

/// A sentence for people ("the stream's window is used up").
H2CORE_API std::string_view describe(Holdup what) noexcept;
H2CORE_API std::string_view name(Actor who) noexcept;

}  // namespace h2
