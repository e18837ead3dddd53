// Receive windows (RFC 9113 6.9): what was consumed is owed, and announced in batches; and windows grow to fit the
// link.
#include <h2core/detail/engine.h>

#include <algorithm>

namespace h2::detail {

void Engine::consume_stream(StreamId id, std::size_t bytes) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return;
  Stream& stream = streams_[slot];
  const std::size_t step_bytes = std::min<std::size_t>(bytes, stream.unconsumed);
  stream.unconsumed -= static_cast<std::uint32_t>(step_bytes);
  take_off_run(step_bytes);
  stream.recv_owed = static_cast<std::int32_t>(stream.recv_owed + static_cast<std::int64_t>(step_bytes));
  update_stream_window(stream);
  publish();
}

void Engine::consume_connection(StreamId id, std::size_t bytes) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return;
  Stream& stream = streams_[slot];
  const std::size_t step_bytes = std::min<std::size_t>(bytes, stream.connection_unconsumed);
  stream.connection_unconsumed -= static_cast<std::uint32_t>(step_bytes);
  unconsumed_ -= step_bytes;
  take_off_run(step_bytes);
  credit_connection(step_bytes);
  remove_if_settled(slot);
  publish();
}

void Engine::release(StreamId id) noexcept {
  consume_stream(id, kMaxWindow);
  consume_connection(id, kMaxWindow);
}

void Engine::announce_owed(Stream& stream) noexcept {
  if (!may_receive(stream) || failed_ || eof_) return;
  const auto increment = static_cast<std::uint32_t>(stream.recv_owed);
  stream.recv_owed = 0;
  stream.recv_window = static_cast<std::int32_t>(stream.recv_window + static_cast<std::int64_t>(increment));
  write_window_update(stream.id, increment);
}

void Engine::announce_owed() noexcept {
  if (failed_ || eof_) return;
  const auto increment = static_cast<std::uint32_t>(recv_owed_);
  recv_owed_ = 0;
  recv_window_ = static_cast<std::int32_t>(recv_window_ + static_cast<std::int64_t>(increment));
  write_window_update(kConnection, increment);
}

void Engine::write_window_update(StreamId id, std::uint32_t increment) noexcept {
  if (std::byte* out = reply(write::kWindowUpdateBytes)) {
    write::window_update(out, id, increment);
    ++counters_.window_updates_sent;
    reply_sent(write::kWindowUpdateBytes);
  }
}

Result<void> Engine::set_window(StreamId id, std::uint32_t bytes) noexcept {
  if (failed_ || lost_ || finished_) return Misuse::connection_over;
  if (bytes > kMaxWindow) return Misuse::bad_setting;
  end_run();
  if (id == kConnection) {
    if (bytes < 65535) return Misuse::bad_setting;
    connection_window_fixed_ = true;
    resize_connection_window(bytes);
    publish();
    return {};
  }
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  Stream& stream = streams_[slot];
  if (is_closed(stream.state)) return Misuse::stream_gone;
  if (stream.ended_by_peer) return {};  // no byte will come through it any more
  // No more than a WINDOW_UPDATE can say: below zero is a window only by as much as is not consumed.
  const std::int64_t growth = static_cast<std::int64_t>(bytes) - recv_target(stream);
  stream.fixed_window = true;
  stream.recv_owed = static_cast<std::int32_t>(stream.recv_owed + growth);
  update_stream_window(stream);
  publish();
  return {};
}

void Engine::resize_connection_window(std::uint32_t bytes) noexcept {
  recv_owed_ += static_cast<std::int64_t>(bytes) - recv_target_;
  recv_target_ = bytes;
  credit_connection(0);
}

// ---- growth: bandwidth times delay, measured by one PING at a time, and only while DATA arrives

// Called when DATA has used much of a window, so that short messages cause no PING.
void Engine::start_probe() noexcept {
  if (!may_probe()) return;
  if (!write_ping(PingOwner::window, Token{})) return;
  probing_ = true;
  probe_.bytes_before = counters_.data_bytes_received;
  probe_.unconsumed_before = unconsumed_;
}

// What arrived in a round trip, less what only stood in queues (the shortest round trip tells), is what the link holds.
// A window of less than twice that is doubled: half of it may wait for its WINDOW_UPDATE. What is announced now shows
// its effect a round trip later.
void Engine::end_probe(Duration round_trip) noexcept {
  constexpr Duration kFirstPause = std::chrono::seconds(1), kLongestPause = std::chrono::seconds(64);
  probing_ = false;
  round_trip = std::max<Duration>(round_trip, std::chrono::microseconds(1));
  probe_.shortest = probe_.shortest == Duration{0} ? round_trip : std::min(probe_.shortest, round_trip);
  const std::uint64_t bytes = counters_.data_bytes_received - probe_.bytes_before;
  const auto held =
      static_cast<std::uint64_t>(static_cast<double>(bytes) * static_cast<double>(probe_.shortest.count()) /
                                 static_cast<double>(round_trip.count()));
  const std::uint64_t window =
      stream_windows_fixed_ ? static_cast<std::uint64_t>(recv_target_) : announced_.initial_window_size;
  const std::uint64_t wanted = std::min<std::uint64_t>(std::max(window, held) * 2, config_.window_limit);
  const std::uint64_t consumed =
      bytes + probe_.unconsumed_before - std::min(unconsumed_, bytes + probe_.unconsumed_before);
  const bool is_read = consumed * 2 >= bytes;  // or it is the caller who holds the peer back
  if (held * 2 >= window && is_read && grow_windows(static_cast<std::uint32_t>(wanted))) {
    probe_.pause = Duration{0};
    probe_.next = now_ + round_trip;
  } else {
    probe_.pause = std::clamp(probe_.pause * 2, kFirstPause, kLongestPause);
    probe_.next = now_ + probe_.pause;
  }
}

// The connection's by WINDOW_UPDATE; those of all streams, also of later ones, by INITIAL_WINDOW_SIZE. False when all
// are as large already, or may not grow.
bool Engine::grow_windows(std::uint32_t bytes) noexcept {
  bool grown = false;
  if (!connection_window_fixed_ && recv_target_ < bytes) {
    resize_connection_window(bytes);
    grown = true;
  }
  if (!stream_windows_fixed_ && !cut_ && announced_.initial_window_size < bytes &&
      settings_in_flight_.size() < kMaxSettingsInFlight && !lifts_a_window_too_far(bytes)) {
    const Setting larger{SettingId::initial_window_size, bytes};
    announced_.initial_window_size = bytes;
    write_settings({&larger, 1}, false);
    grown = true;
  }
  counters_.windows_grown += grown;
  return grown;
}

}  // namespace h2::detail
