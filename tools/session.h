// One connection of `h2 get`: asks what its server is still to be asked, and makes of the events what came of it.
#pragma once

#include <tools/message.h>
#include <tools/origin.h>
#include <tools/pushes.h>
#include <tools/stalls.h>

namespace tools {

/// What all connections of a run share.
struct Fetching {
  const GetOptions& options;
  const Message& message;
  Transfers& transfers;
  Report& report;
};

class Session {
 public:
  Session(const Fetching& run, Origin& origin, h2::Connection& connection, Stalls::Explain explain);

  Origin& origin() { return origin_; }
  /// The server said GOAWAY: what is open may end, and no more is asked here.
  bool going_away() const { return going_away_; }
  std::size_t open() const { return open_; }

  /// How a request gets a stream.
  using Open = std::function<h2::Result<h2::StreamId>(const h2::Request& request, h2::EndStream end, void* user)>;

  /// Asks one thing before HTTP/2 is there, for an upgrade to it.
  void start_first(const Open& open);
  /// Asks what may be asked now. With nothing left to wait for, ends the connection.
  void start_requests();
  /// For -v: tells what stands still.
  void advance_time(h2::TimePoint now) {
    if (run_.options.verbose) stalls_.advance_time(now);
  }
  std::optional<h2::TimePoint> deadline() const { return run_.options.verbose ? stalls_.deadline() : std::nullopt; }
  /// For -v: a line of all that was counted.
  void tell_counters() const;
  void on_event(const h2::Event& event) {
    if (pushes_.on_event(event)) return;
    std::visit([this](const auto& it) { this->on(it); }, event);
  }

 private:
  std::vector<h2::StreamId> streams() const;
  void start(Transfer& transfer, const Open& open);
  bool may_repeat(const Transfer& transfer, const h2::StreamClosed& closed) const;

  void on(const h2::InformationalReceived& response);
  void on(const h2::ResponseReceived& response);
  void on(const h2::DataReceived& data);
  void on(const h2::TrailersReceived& trailers);
  void on(const h2::DataSent& sent);
  void on(const h2::StreamReset& reset);
  void on(const h2::StreamClosed& closed);
  void on(const h2::GoawayReceived& goaway);
  void on(const h2::ConnectionFailed& failed);
  template <class Other>
  void on(const Other&) {}

  static Transfer& transfer(void* user) { return *static_cast<Transfer*>(user); }

  const Fetching& run_;
  Origin& origin_;
  h2::Connection& connection_;
  Pushes pushes_;
  Stalls stalls_;
  std::size_t open_ = 0;
  bool going_away_ = false, ending_ = false;
};

}  // namespace tools
