#include <tools/stalls.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace tools {
namespace {

constexpr h2::Duration kLong = std::chrono::seconds(1);
constexpr const char* kSending = "sending";
constexpr const char* kReceiving = "receiving";

bool is_long(const h2::Hold& hold, h2::TimePoint now) { return hold.since && now - *hold.since > kLong; }

const char* who(h2::Actor actor) {
  switch (actor) {
    case h2::Actor::caller: return "us";
    case h2::Actor::transport: return "the transport";
    case h2::Actor::peer: return "the peer";
    case h2::Actor::nobody: break;
  }
  return "nobody";
}

std::string tell(const char* direction, const h2::Hold& hold, h2::TimePoint now) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", std::chrono::duration<double>(now - *hold.since).count());
  return std::string(direction) + " has waited " + seconds + " s for " + who(hold.who) + ": " +
         std::string(h2::describe(hold.what));
}

}  // namespace

void Stalls::advance_time(h2::TimePoint now) {
  if (now < next_) return;
  next_ = now + kLong;
  look_at_connection(now);
  look_at_streams(now);
}

std::optional<h2::TimePoint> Stalls::deadline() const {
  if (connection_.open_streams() == 0 && !connection_.has_output()) return std::nullopt;
  return next_;
}

void Stalls::look_at_connection(h2::TimePoint now) {
  const auto both = explain_(h2::kConnection);
  const std::optional<Stall> stall = both ? of_connection(*both, now) : std::nullopt;
  if (!stall || stall == told_of_connection_) return;
  told_of_connection_ = stall;
  say_(h2::kConnection,
       tell(stall->direction, stall->hold, now) + "; streams open: " + std::to_string(connection_.open_streams()));
}

void Stalls::look_at_streams(h2::TimePoint now) {
  std::map<h2::StreamId, Stall> told;  // of the streams that still are
  std::size_t fresh = 0;
  for (const h2::StreamId stream : streams_()) {
    const auto before = told_of_streams_.find(stream);
    if (before != told_of_streams_.end()) told.insert(*before);
    const auto both = explain_(stream);
    const std::optional<Stall> stall = both ? of_stream(*both, now) : std::nullopt;
    if (!stall || (before != told_of_streams_.end() && before->second == *stall)) continue;
    told.insert_or_assign(stream, *stall);
    if (++fresh <= named_) say_(stream, tell(stall->direction, stall->hold, now));
  }
  if (fresh > named_) say_(h2::kConnection, std::to_string(fresh - named_) + " more streams stand still");
  told_of_streams_ = std::move(told);
}

std::optional<Stalls::Stall> Stalls::of_connection(const h2::Explanation& both, h2::TimePoint now) {
  using h2::Holdup;
  h2::Hold sending = both.sending;
  // No more is framed than a socket takes, so content that was ready for so long waits for it like output.
  if (sending.what == Holdup::nothing) sending.what = Holdup::output;
  const bool sends = sending.what == Holdup::output || sending.what == Holdup::connection_window;
  if (sends && is_long(sending, now)) return Stall{kSending, sending};
  const Holdup in = both.receiving.what;
  const bool receives =
      in == Holdup::unread_replies || in == Holdup::connection_window || in == Holdup::settings_unanswered;
  if (receives && is_long(both.receiving, now)) return Stall{kReceiving, both.receiving};
  return std::nullopt;
}

/// Waiting for its turn or for the transport is no stall of a stream's: either others move, or the connection stalls.
std::optional<Stalls::Stall> Stalls::of_stream(h2::Explanation both, h2::TimePoint now) {
  using h2::Holdup;
  const Holdup out = both.sending.what, in = both.receiving.what;
  const bool sends = out == Holdup::stream_limit || out == Holdup::peer_settings || out == Holdup::stream_window;
  if (sends) return is_long(both.sending, now) ? std::optional(Stall{kSending, both.sending}) : std::nullopt;
  if (in == Holdup::peer_silent) {
    // Silence counts from our last word, for before it the peer had nothing to say.
    if (out != Holdup::over && out != Holdup::no_content) return std::nullopt;
    both.receiving.since = std::max(both.receiving.since, both.sending.since);
  } else if (in != Holdup::stream_window) {
    return std::nullopt;
  }
  return is_long(both.receiving, now) ? std::optional(Stall{kReceiving, both.receiving}) : std::nullopt;
}

std::string sentence(const h2::Counters& counters) {
  std::string text;
  const auto add = [&text](const char* what, std::uint64_t number) {
    if (!text.empty()) text += ", ";
    (text += what) += ' ' + std::to_string(number);
  };
  add("bytes received", counters.bytes_received);
  add("sent", counters.bytes_sent);
  add("of content received", counters.data_bytes_received);
  add("sent", counters.data_bytes_sent);
  add("frames received", counters.frames_received);
  add("sent", counters.frames_sent);
  add("streams opened", counters.streams_opened);
  add("refused", counters.streams_refused);
  add("reset by the peer", counters.streams_reset_by_peer);
  add("by us", counters.streams_reset_by_us);
  add("requests waited", counters.requests_waited);
  add("stalls by stream windows", counters.stream_window_stalls);
  add("by the connection's", counters.connection_window_stalls);
  add("windows grown", counters.windows_grown);
  return text;
}

}  // namespace tools
