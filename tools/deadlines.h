// How long `h2 serve` waits for its clients, in one place. Most of the waiting is h2core's and tlsglue's; what they do
// not see (HTTP/1.1, the socket, windows that stay shut) is watched here, by a Pace each.
#pragma once

#include <algorithm>
#include <cstdint>

#include <h2core/config.h>
#include <tlsglue/secure_connection.h>
#include <tools/pace.h>

namespace tools {

/// In seconds; zero switches one off. The defaults cut nobody who is merely slow, such as a telephone in a tunnel.
struct Deadlines {
  std::uint32_t handshake = 10;  ///< of TLS, from the accepted connection to its end
  std::uint32_t preface = 10;    ///< for the first 16 octets without TLS, and for the client's SETTINGS
  std::uint32_t settings = 10;   ///< for the ACK of ours
  std::uint32_t header = 10;     ///< from the first octet of a request's head to its last
  std::uint32_t content = 30;    ///< over which content that a client owes must come at `min_rate`
  std::uint32_t output = 30;     ///< over which output that a socket does not take whole must move at `min_rate`
  std::uint32_t window = 60;     ///< over which a response that waits for a window must move at `min_rate`
  std::uint32_t idle = 120;      ///< without a request
  std::uint32_t keepalive = 60;  ///< of silence, then a PING; 15 more without an answer end the connection
  std::uint32_t drain = 5;       ///< for what is open on SIGTERM or SIGINT
  std::uint32_t min_rate = 64;   ///< bytes per second
};

inline h2::Duration seconds(std::uint32_t count) { return std::chrono::seconds(count); }

/// At `min_rate` over so many seconds; a rate of zero still asks for one byte.
inline Pace pace(const Deadlines& deadlines, std::uint32_t over) {
  return {std::max<std::uint64_t>(1, std::uint64_t{deadlines.min_rate} * over), seconds(over)};
}

/// What h2core watches.
inline void apply(const Deadlines& deadlines, h2::Config& config) {
  config.preface_timeout = seconds(deadlines.preface);
  config.settings_timeout = seconds(deadlines.settings);
  config.header_timeout = seconds(deadlines.header);
  config.output_timeout = seconds(deadlines.output);
  config.idle_timeout = seconds(deadlines.idle);
  config.keepalive_interval = seconds(deadlines.keepalive);
  config.min_content_rate = deadlines.content == 0 ? 0 : deadlines.min_rate;
  if (deadlines.content != 0) config.content_interval = seconds(deadlines.content);
}

/// What tlsglue watches.
inline tlsglue::SecureOptions secure_options(const Deadlines& deadlines) {
  return {.peer = {}, .handshake_timeout = seconds(deadlines.handshake)};
}

}  // namespace tools
