// Answers about what stands still. Nothing here changes anything.
#include <h2core/detail/engine.h>
#include <h2core/explain.h>

namespace h2 {

std::string_view describe(Holdup what) noexcept {
  switch (what) {
    case Holdup::nothing: return "nothing holds it back";
    case Holdup::over: return "this direction is over";
    case Holdup::no_head: return "the head of the message has not been sent";
    case Holdup::no_content: return "there is nothing more to send";
    case Holdup::stream_limit: return "the request waits for the peer's limit of streams";
    case Holdup::peer_settings: return "the request waits for the peer's SETTINGS";
    case Holdup::stream_window: return "the stream's window is used up";
    case Holdup::connection_window: return "the connection's window is used up";
    case Holdup::small_window: return "the window is only a few bytes";
    case Holdup::turn: return "content of other streams goes first";
    case Holdup::output: return "the transport has not taken the output";
    case Holdup::unread_replies: return "the peer does not read our replies";
    case Holdup::peer_silent: return "the peer sends nothing";
    case Holdup::settings_unanswered: return "the peer has not acknowledged our SETTINGS";
  }
  return "unknown";
}

std::string_view name(Actor who) noexcept {
  switch (who) {
    case Actor::nobody: return "nobody";
    case Actor::caller: return "caller";
    case Actor::transport: return "transport";
    case Actor::peer: return "peer";
  }
  return "unknown";
}

namespace detail {

std::optional<Explanation> Engine::explain(StreamId id) noexcept {
  settle_run();
  if (id == kConnection) return Explanation{hold_on_output(), hold_on_input()};
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return std::nullopt;
  const Stream& stream = streams_[slot];
  Explanation both{hold_on_sending(stream), hold_on_receiving(stream)};
  const Sending* const sending = sending_of(stream);
  both.sending.since = time_of(sending != nullptr ? sending->sent_ms : stream.sent_ms);
  both.receiving.since = time_of(stream.received_ms);
  return both;
}

// Counted back from now, for 32 bits of milliseconds are seven weeks.
std::optional<TimePoint> Engine::time_of(std::uint32_t ms) const noexcept {
  if (!clock_runs_) return std::nullopt;
  const std::uint32_t ago = now_ms_ - ms;
  return clock_start_ + std::chrono::milliseconds((now_ - clock_start_) / std::chrono::milliseconds(1) - ago);
}

// In the order in which a byte meets them.
Hold Engine::hold_on_sending(const Stream& stream) const noexcept {
  const bool unsent = !output_.empty();
  if (failed_ || lost_ || is_closed(stream.state))
    return {unsent ? Holdup::output : Holdup::over, Actor::transport, {}};
  if (stream.waiting) {
    if (!peer_settings_known_) return {Holdup::peer_settings, Actor::peer, {}};
    return {Holdup::stream_limit, Actor::peer, {}};
  }
  if (!stream.sent_final) return {Holdup::no_head, Actor::caller, {}};
  const Sending* const sending = sending_of(stream);
  if (sending == nullptr || sending->queued_bytes == 0) {
    if (unsent) return {Holdup::output, Actor::transport, {}};
    if (stream.end_queued) return {Holdup::over, Actor::nobody, {}};
    return {Holdup::no_content, Actor::caller, {}};
  }
  if (stream.send_window <= 0) return {Holdup::stream_window, Actor::peer, {}};
  if (send_window_ <= 0) return {Holdup::connection_window, Actor::peer, {}};
  if (stream.held || connection_held_) return {Holdup::small_window, Actor::peer, {}};
  if (unsent) return {Holdup::output, Actor::transport, {}};
  if (turns_.next() != sending) return {Holdup::turn, Actor::transport, {}};
  return {Holdup::nothing, Actor::transport, {}};
}

Hold Engine::hold_on_receiving(const Stream& stream) const noexcept {
  if (failed_ || lost_ || eof_ || is_closed(stream.state) || stream.ended_by_peer)
    return {Holdup::over, Actor::nobody, {}};
  if (stream.waiting) return {Holdup::peer_silent, Actor::nobody, {}};
  if (const Hold input = hold_on_input(); input.what == Holdup::unread_replies) return input;
  const bool by_stream = stream.recv_window <= 0;
  if (by_stream || recv_window_ <= 0) {
    const Holdup window = by_stream ? Holdup::stream_window : Holdup::connection_window;
    return {window, Actor::caller, {}};  // whoever holds unconsumed bytes
  }
  if (!output_.empty() && stream.recv_window * std::int64_t{2} <= recv_target(stream))
    return {Holdup::output, Actor::transport, {}};
  return {Holdup::peer_silent, Actor::peer, {}};
}

Hold Engine::hold_on_output() const noexcept {
  const std::optional<TimePoint> since = time_of(output_ms_);
  if (!output_.empty()) return {Holdup::output, Actor::transport, since};
  if (failed_ || lost_) return {Holdup::over, Actor::nobody, since};
  if (!turns_.empty() && send_window_ <= 0) return {Holdup::connection_window, Actor::peer, since};
  if (!turns_.empty() && connection_held_) return {Holdup::small_window, Actor::peer, since};
  if (!turns_.empty()) return {Holdup::nothing, Actor::transport, since};
  return {Holdup::no_content, Actor::caller, since};
}

Hold Engine::hold_on_input() const noexcept {
  std::optional<TimePoint> since;
  if (clock_runs_) since = last_received_;
  if (failed_ || lost_ || eof_) return {Holdup::over, Actor::nobody, since};
  if (holds_input()) return {Holdup::unread_replies, Actor::peer, since};
  if (!settings_in_flight_.empty()) return {Holdup::settings_unanswered, Actor::peer, since};
  if (recv_window_ <= 0) return {Holdup::connection_window, Actor::caller, since};
  return {Holdup::peer_silent, Actor::peer, since};
}

}  // namespace detail
}  // namespace h2
