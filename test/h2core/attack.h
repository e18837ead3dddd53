// One connection under attack, everything that the attack costs it counted, and a second one beside it that has to be
// served meanwhile. Bytes go in as they are; that cuts in them change nothing is shown elsewhere.
#pragma once

#include "harness.h"

namespace h2::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define H2_TEST_INSTRUMENTED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define H2_TEST_INSTRUMENTED
#endif
#if defined(H2_TEST_INSTRUMENTED)
inline constexpr int kLong = 3;  // every step takes several times as long
#else
inline constexpr int kLong = 10;
#endif

/// A server in good order that a client asks one thing after the other.
class Bystander {
 public:
  Bystander();
  /// A request, its response, and nothing else.
  void ask();
  std::uint32_t served() const { return served_; }

 private:
  Connection server_;
  std::uint32_t next_ = 1, served_ = 0;
};

class Victim {
 public:
  /// Behind the handshake; `peer_settings` are in the attacker's SETTINGS.
  explicit Victim(Role role = Role::server, Config config = {}, std::initializer_list<Setting> peer_settings = {});
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /// What the application does about an event; nothing, if not set.
  std::function<void(Connection&, const Event&)> application;
  /// Off: the attacker takes none of our output, and what `receive` left of its input waits in `unread`.
  bool takes_output = true;
  Bytes unread;

  void feed(const Bytes& bytes);
  void pass(Duration time);
  /// Sends `round(0)`, `round(1)` and so on until the connection is over, at most `most` of them, and asks the
  /// bystander now and then. Returns how many rounds the connection has lived through.
  std::uint32_t flood(std::uint32_t most, const std::function<Bytes(std::uint32_t)>& round);

  Connection& connection() { return *connection_; }
  bool is_over() const { return failure != Violation::none; }
  std::uint32_t work(Work kind) const { return connection_->counters().work[static_cast<std::size_t>(kind)]; }

  // Since the handshake.
  std::uint64_t bytes_in = 0, bytes_out = 0, events = 0, requests = 0, resets = 0;
  std::uint64_t allocations() const { return memory_.calls - calls_before_; }
  /// The most that the connection has ever held at once, its own record included.
  std::uint64_t peak_bytes() const { return memory_.most_bytes; }
  /// The most that it may hold: what its configuration allows a peer, and a little for what the application lends.
  std::uint64_t most_bytes() const { return config_.memory_bound() + 100 * 100; }
  std::uint64_t live_bytes() const { return memory_.live_bytes; }

  // How it ended, and how it was announced.
  Violation failure = Violation::none;
  std::string sentence;
  std::optional<WorkBudgetLow> warning;
  std::uint64_t bytes_in_at_warning = 0;
  /// The last GOAWAY's debug data.
  std::string goaway_debug;
  Bystander bystander;

 private:
  void drain(ByteView& input);
  void take();
  void note(const Event& event);

  TestMemory memory_;
  Config config_;
  std::uint64_t calls_before_ = 0;
  std::unique_ptr<Connection> connection_;
  TimePoint now_{1h};
};

/// An application that answers every request with a head alone.
void answer_at_once(Connection& server, const Event& event);

/// HEADERS whose block is given as it stands on the wire.
Bytes raw_headers(std::uint32_t stream, const Bytes& block, std::uint8_t flags = 0);
/// GET or POST, https, /: an octet each, fields of the static table.
inline Bytes shortest_get() { return {std::byte{0x82}, std::byte{0x87}, std::byte{0x84}}; }
inline Bytes shortest_post() { return {std::byte{0x83}, std::byte{0x87}, std::byte{0x84}}; }
inline std::uint32_t nth_stream(std::uint32_t n) { return 2 * n + 1; }

}  // namespace h2::test
