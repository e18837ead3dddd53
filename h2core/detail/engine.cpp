// Life of a connection: construction, the events that wait, time, our settings, shutdown and failure.
#include <h2core/detail/engine.h>
#include <h2core/detail/setting_rules.h>

namespace h2::detail {
namespace {

// An id of the form 0x?a?a, which nobody will ever define, and any value.
Setting grease_setting(std::uint64_t noise) {
  const auto id = static_cast<std::uint16_t>(0x0a0a + 0x1010 * (noise % 16));
  return {static_cast<SettingId>(id), static_cast<std::uint32_t>(noise >> 4)};
}

constexpr std::size_t kFirstSettings = 8, kExtraSettings = 16;

// What differs from the defaults that the peer assumes (RFC 9113 6.5.2) and may be said, and what the caller adds.
std::size_t first_settings(const Config& config, Setting (&entries)[kFirstSettings + kExtraSettings + 1]) {
  const Settings defaults;
  const Settings& ours = config.settings;
  std::size_t count = 0;
  const auto add = [&](SettingId id, std::uint32_t value, std::uint32_t usual) {
    if (value != usual && broken_by({id, value}, config.role) == Violation::none) entries[count++] = {id, value};
  };
  add(SettingId::header_table_size, ours.header_table_size, defaults.header_table_size);
  if (config.role == Role::client) add(SettingId::enable_push, ours.enable_push, defaults.enable_push);
  add(SettingId::max_concurrent_streams, ours.max_concurrent_streams, defaults.max_concurrent_streams);
  add(SettingId::initial_window_size, ours.initial_window_size, defaults.initial_window_size);
  add(SettingId::max_frame_size, ours.max_frame_size, defaults.max_frame_size);
  add(SettingId::max_header_list_size, ours.max_header_list_size, defaults.max_header_list_size);
  add(SettingId::enable_connect_protocol, ours.enable_connect_protocol, defaults.enable_connect_protocol);
  add(SettingId::no_rfc7540_priorities, ours.no_rfc7540_priorities, defaults.no_rfc7540_priorities);
  for (const Setting& extra : config.extra_settings.first(std::min(config.extra_settings.size(), kExtraSettings)))
    if (broken_by(extra, config.role) == Violation::none) entries[count++] = extra;
  if (config.grease) entries[count++] = grease_setting(shown(config.seed));
  return count;
}

std::uint32_t first_id(const Config& config) {
  const std::uint32_t lowest = config.role == Role::client ? 1 : 2;
  const std::uint32_t wanted = config.first_stream_id;
  return wanted % 2 == lowest % 2 && wanted > 0 && wanted <= kMaxStreamId ? wanted : lowest;
}

}  // namespace

Engine::Messages::Messages(const Config& config) noexcept
    : decoder(hpack::Decoder::Config{.table_size = kUsualTable,
                                     .classify = &classify,
                                     .static_marks = kStaticMarks,
                                     .allocator = config.allocator}),
      encoder(hpack::Encoder::Config{.table_cap = config.encoder_table_cap,
                                     .seed = static_cast<std::uint32_t>(config.seed >> 32),
                                     .classify = config.validate_outgoing ? &classify : nullptr,
                                     .static_marks = kStaticMarks,
                                     .allocator = config.allocator}),
      block(config.allocator),
      fields(config.allocator),
      cookie(config.allocator),
      copies(config.allocator),
      sendings(config.allocator),
      waiting(config.allocator),
      kept_priorities(config.allocator) {}

Engine::Engine(const Config& config) noexcept
    : config_(config),
      // Who asks and asks and never reads is bounded by all that its server writes; what a client sends bounds nothing.
      output_(config_.allocator, config.role == Role::server ? OutputQueue::For::peer : OutputQueue::For::us),
      streams_(config_.allocator, config.seed),
      turns_(config_.allocator),
      chunks_(config_.allocator),
      stage_(config.role == Role::server ? Stage::preface : Stage::odd_header),
      stash_(config_.allocator),
      settings_in_flight_(config_.allocator),
      next_id_(first_id(config)),
      pings_(config_.allocator),
      ping_counter_(shown(config.seed)),
      budget_(config.work_budget) {
  config_.first_stream_id = next_id_;
  config_.window_limit = std::min(config_.window_limit, kMaxWindow);
  config_.work_refill_per_second = std::min(config_.work_refill_per_second, kMostRefill);
  if (config.role == Role::client) {
    std::byte* out = output_.reserve(kClientPreface.size());
    if (out == nullptr) {
      fail(Violation::out_of_memory);
      publish();
      return;
    }
    std::memcpy(out, kClientPreface.data(), kClientPreface.size());
    output_.commit(kClientPreface.size());
  }
  Setting entries[kFirstSettings + kExtraSettings + 1];
  const std::size_t count = first_settings(config, entries);
  for (std::size_t i = 0; i < count; ++i) set(announced_, entries[i]);
  effective_.max_header_list_size = announced_.max_header_list_size;  // no block before it: it binds without an ACK
  write_settings({entries, count}, true);
  if (!failed_ && config.connection_window > 65535) {
    const std::uint32_t window = config.connection_window < kMaxWindow ? config.connection_window : kMaxWindow;
    recv_target_ = window;
    recv_window_ = static_cast<std::int32_t>(window);
    write_window_update(kConnection, window - 65535);
  }
  if (!failed_ && config.grease) write_grease();
  publish();
}

Engine::~Engine() {
  streams_.each([this](std::uint32_t slot) {
    Sending* const sending = sending_of(streams_[slot]);
    if (sending == nullptr) return;
    free_saved(*sending);
    drop_chunks(*sending);
  });
  drop_output();
  if (messages_ == nullptr) return;
  messages_->~Messages();
  config_.allocator.release(config_.allocator.context, messages_, sizeof(Messages));
}

// False when memory failed.
bool Engine::make_messages() noexcept {
  void* memory = config_.allocator.allocate(config_.allocator.context, sizeof(Messages));
  if (memory != nullptr) messages_ = ::new (memory) Messages(config_);
  return messages_ != nullptr;
}

// No stream is left: when nothing is to be sent either, and a side has said that it is the end, it is.
void Engine::finish_if_drained() noexcept {
  const bool ends = goaway_final_ || eof_ || (goaway_received_ && config_.role == Role::client);
  if (!ends || finished_ || failed_ || !output_.empty()) return;
  if (goaway_received_ && !goaway_final_ && !eof_) return finish_goaway(ErrorCode::no_error);
  finished_ = pending.deaf = true;
  post(kFinished);
  if (!cut_) linger();
}

// ---- events that wait

void Engine::emit(Out& out) noexcept {
  if ((connection_events_ & (kFailed | kIdle | kBudget)) != 0) return emit_connection_event(out);
  if (event_head_ == kNoSlot) return emit_connection_event(out);
  if ((event_head_ & kChunkRef) != 0) emit_chunk_event(event_head_ & ~kChunkRef, out);
  else emit_stream_event(event_head_, out);
}

void Engine::emit_connection_event(Out& out) noexcept {
  if ((connection_events_ & kFailed) != 0) {
    connection_events_ &= static_cast<std::uint8_t>(~kFailed);
    const ViolationRow& row = describe(failure_);
    out.emplace(ConnectionFailed{failure_, failure_code_,
                                 failure_ == Violation::none ? "the transport was lost" : sentence_of(failure_),
                                 row.section});
  } else if ((connection_events_ & kBudget) != 0) {
    connection_events_ &= static_cast<std::uint8_t>(~kBudget);
    out.emplace(WorkBudgetLow{budget_cause_, budget_used_up_});
  } else if ((connection_events_ & kIdle) != 0) {
    connection_events_ &= static_cast<std::uint8_t>(~kIdle);
    out.emplace(IdleTimedOut{});
  } else {
    connection_events_ = 0;
    out.emplace(ShutdownFinished{});
  }
  count_events();
}

// The caller may have copied more since the event was posted.
bool Engine::waits_for_room(const Stream& stream) const noexcept {
  if (!stream.copy_refused || is_closed(stream.state)) return false;
  const Sending* const sending = sending_of(stream);
  return sending == nullptr || sending->copied_bytes < config_.copy_bound;
}

void Engine::emit_stream_event(std::uint32_t slot, Out& out) noexcept {
  Stream& stream = streams_[slot];
  const auto take = [&stream](std::uint8_t event) {
    const bool waits = (stream.events & event) != 0;
    stream.events &= static_cast<std::uint8_t>(~event);
    return waits;
  };
  if (take(stream_event::reset)) {
    out.emplace(StreamReset{stream.id, stream.user, stream.code, stream.violation});
  } else if (take(stream_event::writable) && waits_for_room(stream)) {
    stream.copy_refused = false;
    out.emplace(StreamWritable{stream.id, stream.user});
  } else if (take(stream_event::closed)) {
    out.emplace(StreamClosed{stream.id, stream.user, stream.code, stream.verdict});
  }
  if ((stream.events & ~stream_event::queued) != 0) return;
  pop_event();
  stream.events = 0;
  if (out && std::holds_alternative<StreamClosed>(*out)) {
    stream.released = true;
    if (--live_streams_ == 0) {
      idle_since_ = now_;
      trim_soon();
    }
    ++lingering_;
    remove_if_settled(slot);
  }
}

void Engine::emit_chunk_event(std::uint32_t index, Out& out) noexcept {
  const Chunk& chunk = chunks_[index];
  Sending& sending = *chunk.sending;
  Stream& stream = *sending.stream;
  out.emplace(DataSent{stream.id, stream.user, chunk.token, chunk.dropped ? DataOutcome::dropped : DataOutcome::sent});
  pop_event();
  chunks_.give_back(index);
  if (--sending.chunks_out == 0) finish_if_done(sending.slot, stream);
}

void Engine::post_stream(std::uint32_t slot, Stream& stream, std::uint8_t event) noexcept {
  const bool queued = (stream.events & stream_event::queued) != 0;
  stream.events |= event | stream_event::queued;
  if (!queued) append_event(slot);
}

std::uint32_t& Engine::next_event(std::uint32_t ref) noexcept {
  return (ref & kChunkRef) != 0 ? chunks_[ref & ~kChunkRef].next_event : streams_[ref].next_event;
}

// The last one's link is not looked at, so that a queue of one is never followed.
void Engine::append_event(std::uint32_t ref) noexcept {
  if (event_tail_ == kNoSlot) event_head_ = ref;
  else next_event(event_tail_) = ref;
  event_tail_ = ref;
  pending.event = true;
}

void Engine::pop_event() noexcept {
  if (event_head_ == event_tail_) event_head_ = event_tail_ = kNoSlot;
  else event_head_ = next_event(event_head_);
  count_events();
}

// ---- failure and end

void Engine::fail(Violation violation) noexcept {
  if (failed_ || lost_) return;
  const ViolationRow& row = describe(violation);
  failure_ = violation;
  write_goaway(last_touched(), row.code, sentence_of(violation));
  over(row.code);
}

std::string_view Engine::sentence_of(Violation violation) const noexcept {
  return violation == Violation::work_budget_empty ? describe(budget_cause_) : describe(violation).sentence;
}

void Engine::over(ErrorCode code) noexcept {
  failed_ = pending.deaf = true;
  failure_code_ = code;
  post(kFailed);
  if (!cut_) linger();  // a cut has set that time, and nothing puts it off
  close_all(code);
}

void Engine::close_all(ErrorCode code) noexcept {
  if (messages_ != nullptr) messages_->waiting.clear();
  streams_.each([this, code](std::uint32_t slot) {
    if (!is_closed(streams_[slot].state)) close_stream(slot, State::reset_by_us, code, Violation::none, false);
  });
}

void Engine::receive_eof() noexcept {
  if (eof_ || lost_) return;
  eof_ = pending.deaf = true;
  if (!failed_) {
    if (messages_ != nullptr) messages_->waiting.clear();
    streams_.each([this](std::uint32_t slot) {  // a message that was cut can never be whole
      const Stream& stream = streams_[slot];
      if (is_closed(stream.state) || stream.ended_by_peer) return;
      close_stream(slot, State::reset_by_peer, ErrorCode::internal_error, Violation::none, true);
    });
  }
  publish();
}

void Engine::transport_lost() noexcept {
  if (lost_) return;
  const bool cut = live_streams_ > 0 && !failed_;
  lost_ = eof_ = pending.deaf = true;
  if (cut) over(ErrorCode::internal_error);
  close_all(ErrorCode::internal_error);
  drop_output();
  publish();
}

void Engine::drop_output() noexcept {
  output_.clear([this](Chunk& chunk, std::size_t bytes) {
    chunk.dropped = true;
    chunk_taken(chunk, bytes);
  });
}

TransportWish Engine::transport_wish() const noexcept {
  if (lost_ || failure_ == Violation::output_timeout) return TransportWish::close;  // nobody takes our GOAWAY either
  if (now_ >= linger_by_) return TransportWish::close;                              // also if nobody takes what is left
  if (!failed_ && !finished_) return TransportWish::open;
  if (!output_.empty()) return TransportWish::open;
  return eof_ ? TransportWish::close : TransportWish::shut_down_write;
}

void Engine::shutdown(Shutdown how, Duration drain, ErrorCode code) noexcept {
  if (failed_ || lost_ || finished_) return;
  if (drain > Duration{0} && clock_runs_) {
    drain_by_ = std::min(drain_by_, after(now_, drain));
  }
  if (how == Shutdown::immediate) {
    if (!goaway_final_ || code != ErrorCode::no_error) finish_goaway(code);
    close_all(code == ErrorCode::no_error ? ErrorCode::cancel : code);
    if (!cut_) linger();
    cut_ = true;
  } else if (!shutting_down_) {
    shutting_down_ = true;
    if (config_.role == Role::client) {
      finish_goaway(code);  // nothing of the server's can be lost on the way: pushes are refused by this alone
    } else {
      write_goaway(StreamId{kMaxStreamId}, code, {});
      if (!write_ping(PingOwner::shutdown, Token{})) finish_goaway(code);
    }
  }
  publish();
}

// The second GOAWAY of RFC 9113 6.8: streams above it were not and will not be looked at.
void Engine::finish_goaway(ErrorCode code) noexcept {
  shutting_down_ = goaway_final_ = true;
  write_goaway(std::min(last_peer_id_, goaway_last_sent_), code, {});
}

// For a GOAWAY in the middle of things: a stream whose header block was cut counts, or its poison would be sent again.
StreamId Engine::last_touched() const noexcept {
  StreamId last = last_peer_id_;
  if (!is_ours(open_block_.first.stream)) last = std::max(last, open_block_.first.stream);
  return std::min(last, goaway_last_sent_);
}

void Engine::write_goaway(StreamId last, ErrorCode code, std::string_view debug) noexcept {
  goaway_last_sent_ = last;
  if (counters_.frames_sent == 0) return;  // nothing may stand before our SETTINGS (RFC 9113 3.4): they had no memory
  const std::size_t bytes = 17 + debug.size();
  std::byte* out = output_.reserve(bytes);
  if (out == nullptr) return;  // the end needs no memory: the transport closes without a word
  write::goaway(out, last, code, debug);
  write_out(bytes);
}

// ---- abuse

// Told once at half and, where that is not the end, once when it is used up; and again after it has recovered.
void Engine::warn_of_budget(Work cause) noexcept {
  if (budget_ < 0) {
    budget_ = -1;
    budget_cause_ = cause;
    if (config_.enforce_work_budget) return fail(Violation::work_budget_empty);
    if (!budget_used_up_) tell_budget(cause);
    budget_used_up_ = budget_warned_ = true;
  } else if (!budget_warned_) {
    budget_warned_ = true;
    tell_budget(cause);
  }
}

void Engine::tell_budget(Work cause) noexcept {
  budget_cause_ = cause;
  post(kBudget);
}

void Engine::refill_budget(std::uint32_t amount) noexcept {
  budget_ += amount;
  if (budget_ > config_.work_budget) budget_ = config_.work_budget;
  if (budget_warned_ && budget_ * 4 > std::int64_t{config_.work_budget} * 3) budget_warned_ = budget_used_up_ = false;
}

// ---- time

void Engine::advance_time(TimePoint now) noexcept {
  end_run();
  if (!clock_runs_) {
    clock_runs_ = true;
    now_ = clock_start_ = last_received_ = idle_since_ = now;
    open_block_.began_at = now;
    if (failed_ || finished_ || cut_) linger();
    for (std::size_t i = 0; i < settings_in_flight_.size(); ++i) settings_in_flight_[i].sent_at = now;
    for (std::size_t i = 0; i < pings_.size(); ++i) pings_[i].sent_at = now;
  } else if (now > now_) {
    // Saturated: a day is counted at most, so that the products below stay small.
    const Duration step = std::min<Duration>(now - now_, std::chrono::hours(24));
    const auto whole = std::chrono::floor<std::chrono::seconds>(step);
    now_ = now;
    now_ms_ = static_cast<std::uint32_t>((now - clock_start_) / std::chrono::milliseconds(1));
    const std::int64_t billionths = (step - whole).count() * config_.work_refill_per_second + refill_billionths_;
    refill_billionths_ = static_cast<std::uint32_t>(billionths % 1'000'000'000);
    const std::int64_t refill = whole.count() * config_.work_refill_per_second + billionths / 1'000'000'000;
    reward(static_cast<std::uint32_t>(std::min<std::int64_t>(refill, config_.work_budget)));
  }
  check_timers();
  publish();
}

void Engine::check_timers() noexcept {
  if (failed_ || lost_ || finished_) return;
  if (!settings_seen_ && config_.preface_timeout > Duration{0} && now_ >= after(clock_start_, config_.preface_timeout))
    return fail(Violation::preface_timeout);
  if (const auto due = settings_due(); due && now_ >= *due) return fail(Violation::settings_timeout);
  if (now_ >= drain_by_) {
    drain_by_ = kNever;
    shutdown(Shutdown::immediate, Duration{0}, ErrorCode::no_error);
    return;
  }
  if (open_block_.open && config_.header_timeout > Duration{0} &&
      now_ >= after(open_block_.began_at, config_.header_timeout))
    return fail(Violation::header_block_timeout);
  if (pending.output && config_.output_timeout > Duration{0} &&
      now_ >= after(*time_of(output_ms_), config_.output_timeout))
    return fail(Violation::output_timeout);
  if (config_.min_content_rate > 0 && now_ >= content_check_by_) check_content();
  if (now_ >= sliver_by_) end_holds();
  if (config_.keepalive_interval > Duration{0}) check_keepalive();
  if (failed_ || live_streams_ > 0) return;
  if (config_.idle_timeout > Duration{0} && !shutting_down_ && now_ >= after(idle_since_, config_.idle_timeout)) {
    post(kIdle);
    shutdown(Shutdown::graceful, Duration{0}, ErrorCode::no_error);
  }
  const bool touched = last_received_ >= trimmed_at_ && now_ >= last_received_ + kTrimAfter;
  if (now_ >= trim_by_ || touched) {
    if (pending.views_live) pending.trim = true;
    else trim();
  }
}

// Of those that grow windows nobody waits for the ACK: a link that stands still must not end an upload.
std::optional<TimePoint> Engine::settings_due() const noexcept {
  if (config_.settings_timeout <= Duration{0}) return std::nullopt;
  for (std::size_t i = 0; i < settings_in_flight_.size(); ++i) {
    const PendingSettings& sent = settings_in_flight_[i];
    if (sent.is_awaited) return after(sent.sent_at, config_.settings_timeout);
  }
  return std::nullopt;
}

// At the end of an interval: whose content was due all through it has sent enough, or is reset. None was while we left
// input unread.
void Engine::check_content() noexcept {
  const auto seconds = static_cast<double>(config_.content_interval.count()) / 1e9;
  const double least = std::min<double>(seconds * config_.min_content_rate, UINT32_MAX);
  content_check_by_ = after(now_, config_.content_interval);
  const bool read = !std::exchange(input_was_held_, holds_input());
  streams_.each([this, least, read](std::uint32_t slot) {
    Stream& stream = streams_[slot];
    if (is_closed(stream.state)) return;
    const bool due = is_content_due(stream);
    if (due && read && stream.watched && stream.interval_bytes < least)
      return stream_error(stream.id, Violation::content_too_slow);
    stream.watched = due;
    stream.interval_bytes = 0;
  });
}

bool Engine::is_content_due(const Stream& stream) const noexcept {
  const bool open = stream.recv_final && !stream.ended_by_peer && !is_closed(stream.state) && !stream.connect_request;
  return open && stream.recv_window > 0 && recv_window_ > 0;
}

void Engine::check_keepalive() noexcept {
  for (std::size_t i = 0; i < pings_.size(); ++i) {
    if (pings_[i].owner != PingOwner::keepalive) continue;
    if (now_ >= after(pings_[i].sent_at, config_.keepalive_timeout)) fail(Violation::ping_timeout);
    return;
  }
  if (now_ >= after(last_received_, config_.keepalive_interval))
    static_cast<void>(write_ping(PingOwner::keepalive, Token{}));
}

std::optional<TimePoint> Engine::deadline() const noexcept {
  if (!clock_runs_ || lost_) return std::nullopt;
  TimePoint first = kNever;
  const auto add = [&first](TimePoint when) { first = std::min(first, when); };
  if (now_ < linger_by_) add(linger_by_);
  if (failed_ || finished_) return first == kNever ? std::nullopt : std::optional(first);
  if (!settings_seen_ && config_.preface_timeout > Duration{0}) add(after(clock_start_, config_.preface_timeout));
  if (const auto due = settings_due()) add(*due);
  if (open_block_.open && config_.header_timeout > Duration{0})
    add(after(open_block_.began_at, config_.header_timeout));
  if (pending.output && config_.output_timeout > Duration{0}) add(after(*time_of(output_ms_), config_.output_timeout));
  if (config_.min_content_rate > 0 && our_active_ + peer_active_ > 0) add(content_check_by_);
  add(drain_by_);
  add(sliver_by_);
  if (config_.keepalive_interval > Duration{0}) {
    bool asked = false;
    for (std::size_t i = 0; i < pings_.size(); ++i)
      if (pings_[i].owner == PingOwner::keepalive) {
        asked = true;
        add(after(pings_[i].sent_at, config_.keepalive_timeout));
      }
    if (!asked) add(after(last_received_, config_.keepalive_interval));
  }
  if (config_.idle_timeout > Duration{0} && live_streams_ == 0 && !shutting_down_)
    add(after(idle_since_, config_.idle_timeout));
  if (live_streams_ == 0 && !pending.trim && output_.empty() && is_between_blocks()) add(trim_by_);
  return first == kNever ? std::nullopt : std::optional(first);
}

void Engine::trim() noexcept {
  pending.trim = false;
  if (live_streams_ > 0) return;
  if (!output_.empty() || !is_between_blocks()) return trim_soon();
  trim_by_ = kNever;
  trimmed_at_ = now_;
  output_.trim();
  streams_.trim();
  turns_.trim();
  if (chunks_.used() == 0) chunks_.release();
  if (pings_.empty()) pings_.release();
  stash_.release();
  if (messages_ != nullptr) messages_->trim();
}

void Engine::Messages::trim() noexcept {
  copies.trim();
  if (sendings.used() == 0) sendings.release();
  if (waiting.empty()) waiting.release();
  if (kept_priorities.empty()) kept_priorities.release();
  block.release();
  fields.release();
  cookie.release();
  heads.release();
  decoder.trim();
  encoder.trim();
}

// ---- our settings and pings

Result<void> Engine::send_settings(std::span<const Setting> entries) noexcept {
  if (failed_ || lost_ || finished_ || cut_) return Misuse::connection_over;
  Settings next = announced_;
  for (const Setting& entry : entries) {
    if (broken_by(entry, config_.role) != Violation::none || broken_after(entry, next, false) != Violation::none)
      return Misuse::bad_setting;
    set(next, entry);
  }
  if (entries.size() > config_.max_settings_entries) return Misuse::bad_setting;
  if (settings_in_flight_.size() >= kMaxSettingsInFlight) return Misuse::too_many_settings;
  for (const Setting& entry : entries)
    if (entry.id == SettingId::initial_window_size && lifts_a_window_too_far(entry.value)) return Misuse::bad_setting;
  for (const Setting& entry : entries)
    if (entry.id == SettingId::initial_window_size) stream_windows_fixed_ = true;
  announced_ = next;
  write_settings(entries, true);
  publish();
  return {};
}

// The peer adds the difference to every stream's window (RFC 9113 6.9.2), also to one that `set_window` has grown.
bool Engine::lifts_a_window_too_far(std::uint32_t initial_window) noexcept {
  settle_run();
  const std::int64_t shift =
      static_cast<std::int64_t>(initial_window) - static_cast<std::int64_t>(effective_.initial_window_size);
  bool too_far = false;
  streams_.each([&](std::uint32_t slot) {
    const Stream& stream = streams_[slot];
    if (!may_receive(stream)) return;
    const std::int64_t largest = recv_target(stream) - std::min<std::int64_t>(stream.recv_owed, 0);  // not shrunk yet
    too_far = too_far || largest + shift > static_cast<std::int64_t>(kMaxWindow);
  });
  return too_far;
}

void Engine::write_settings(std::span<const Setting> entries, bool is_awaited) noexcept {
  const std::size_t bytes = kFrameHeaderBytes + entries.size() * 6;
  std::byte* out = output_.reserve(bytes);
  if (out == nullptr || !settings_in_flight_.push({announced_, now_, is_awaited}))
    return fail(Violation::out_of_memory);
  write::settings(out, entries);
  write_out(bytes);
  refresh_effective(false);
}

// What the peer may rely on: a looser value from its sending, a tighter one from its ACK (RFC 9113 6.5.3). A tighter
// limit of field sections is advice alone, and a peer may have trailers waiting that it gave out before: the widest
// that was ever named stays the bound of a block.
void Engine::refresh_effective(bool acknowledged) noexcept {
  Settings loosest = acknowledged_;
  loosest.max_header_list_size = effective_.max_header_list_size;
  for (std::size_t i = 0; i < settings_in_flight_.size(); ++i)
    loosest = looser(loosest, settings_in_flight_[i].settings);
  const std::int64_t shift = static_cast<std::int64_t>(loosest.initial_window_size) -
                             static_cast<std::int64_t>(effective_.initial_window_size);
  end_run();
  if (shift != 0)
    streams_.each([this, shift](std::uint32_t slot) {
      Stream& stream = streams_[slot];
      if (!may_receive(stream)) return;
      const bool in_two = stream.fixed_window && stream.recv_owed - shift > std::int64_t{kMaxWindow};
      if (in_two) announce_owed(stream);  // both together are more than a WINDOW_UPDATE can say
      stream.recv_window = static_cast<std::int32_t>(stream.recv_window + shift);
      if (stream.fixed_window) stream.recv_owed = static_cast<std::int32_t>(stream.recv_owed - shift);
      update_stream_window(stream);
    });
  effective_ = loosest;
  if (messages_ == nullptr && announced_.header_table_size == kUsualTable) return;
  if (!prepare_messages()) return fail(Violation::out_of_memory);
  if (acknowledged) messages_->decoder.require_table_size(acknowledged_.header_table_size);
  if (!acknowledged || loosest.header_table_size > acknowledged_.header_table_size)
    messages_->decoder.allow_table_size(loosest.header_table_size);
}

Result<void> Engine::ping(Token token) noexcept {
  if (failed_ || lost_ || finished_) return Misuse::connection_over;
  if (pings_.size() >= kMaxPings) return Misuse::too_many_pings;
  if (!write_ping(PingOwner::caller, token)) return Misuse::out_of_memory;
  publish();
  return {};
}

bool Engine::write_ping(PingOwner owner, Token token) noexcept {
  std::byte* out = output_.reserve(write::kPingBytes);
  const std::uint64_t opaque = ++ping_counter_ * 0x9e3779b97f4a7c15ULL;
  if (out == nullptr || !pings_.push({opaque, token, now_, owner})) return false;
  write::ping(out, opaque, false);
  write_out(write::kPingBytes);
  return true;
}

void Engine::tell_observer(Direction direction, const FrameHeader& header, ByteView payload,
                           std::span<const Field> fields) noexcept {
  config_.observer.on_frame(config_.observer.context, {direction, header, payload, fields});
}

// ---- questions

Result<void> Engine::set_user(StreamId id, void* user) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  if (streams_[slot].released) return Misuse::stream_gone;
  streams_[slot].user = user;
  return {};
}

void* Engine::user(StreamId id) const noexcept {
  const std::uint32_t slot = streams_.find(id);
  return slot == kNoSlot || streams_[slot].released ? nullptr : streams_[slot].user;
}

std::optional<WindowView> Engine::window(StreamId id) noexcept {
  settle_run();
  if (id == kConnection)
    return WindowView{.send_window = send_window_,
                      .recv_window = recv_window_,
                      .unconsumed = unconsumed_,
                      .owed = static_cast<std::uint64_t>(recv_owed_ > 0 ? recv_owed_ : 0),
                      .queued = output_.queued_bytes()};
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return std::nullopt;
  const Stream& stream = streams_[slot];
  const Sending* const sending = sending_of(stream);
  return WindowView{.send_window = stream.send_window,
                    .recv_window = stream.recv_window,
                    .unconsumed = stream.unconsumed,
                    .owed = static_cast<std::uint64_t>(stream.recv_owed > 0 ? stream.recv_owed : 0),
                    .queued = sending != nullptr ? sending->queued_bytes : 0};
}

void Engine::abandon_each(void (*visit)(void*, Token) noexcept, void* context) noexcept {
  over(ErrorCode::cancel);
  lost_ = eof_ = pending.deaf = true;
  drop_output();
  Out out;
  while (pending.event) {
    out.reset();
    emit(out);
    if (const DataSent* sent = out ? std::get_if<DataSent>(&*out) : nullptr) visit(context, sent->token);
  }
  publish();
}

}  // namespace h2::detail
