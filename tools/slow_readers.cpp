#include <tools/slow_readers.h>

#include <utility>

namespace tools {
namespace {

// Asking each stream at each packet would cost more than what is watched for.
constexpr h2::Duration kLook = std::chrono::seconds(1);

/// A window was opened by some bytes, and how many will be seen.
bool is_about_to_move(h2::Holdup what) { return what == h2::Holdup::small_window || what == h2::Holdup::nothing; }

}  // namespace

void SlowReaders::advance_time(h2::TimePoint now) {
  if (now < next_) return;
  next_ = now + kLook;
  look_at_streams(now);
  look_at_connection(now);
}

std::optional<h2::TimePoint> SlowReaders::deadline() const {
  if (connection_.open_streams() == 0) return std::nullopt;
  return next_;
}

/// The connection's own window is judged by what the streams get through it together: one that waits for the others is
/// no fault of the client's.
void SlowReaders::look_at_connection(h2::TimePoint now) {
  const auto both = connection_.explain(h2::kConnection);
  const bool waits =
      both && (both->sending.what == h2::Holdup::connection_window || is_about_to_move(both->sending.what));
  if (!of_connection_.too_slow(now, waits, connection_.counters().data_bytes_sent)) return;
  say_(h2::kConnection, "the client does not open the connection's window");
  connection_.shutdown(h2::Shutdown::immediate, {}, h2::ErrorCode::enhance_your_calm);
}

bool SlowReaders::is_held_by_its_window(const h2::Explanation& both, const h2::WindowView& window) const {
  if (!is_about_to_move(both.sending.what)) return both.sending.what == h2::Holdup::stream_window;
  const auto all = connection_.window(h2::kConnection);
  return all && window.send_window <= all->send_window;
}

void SlowReaders::look_at_streams(h2::TimePoint now) {
  std::map<h2::StreamId, Pace> watched;  // of the streams that still are
  for (const Response& response : responses_()) {
    const auto both = connection_.explain(response.stream);
    const auto window = connection_.window(response.stream);
    if (!both || !window) continue;
    if (!is_held_by_its_window(*both, *window)) continue;
    const auto before = of_streams_.find(response.stream);
    Pace pace = before != of_streams_.end() ? before->second : new_pace_;
    if (pace.too_slow(now, true, response.given - window->queued)) {
      say_(response.stream, "the client does not open the stream's window");
      (void)connection_.reset(response.stream, h2::ErrorCode::cancel);
      continue;
    }
    watched.emplace(response.stream, pace);
  }
  of_streams_ = std::move(watched);
}

}  // namespace tools
