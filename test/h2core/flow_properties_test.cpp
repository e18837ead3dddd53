// What we send, under random use against a peer that keeps an account of its own (RFC 9113 5.2, 6.9): nothing goes out
// beyond a window, nothing that may go out stays, and in the end everything arrives, whole and in order.
#include <algorithm>
#include <map>

#include "dice.h"
#include "flow.h"

namespace h2::test {
namespace {

constexpr std::int64_t kMost = kMaxWindow;

struct Flow {
  std::uint64_t given = 0;  // to the engine
  bool ended = false;       // the caller has said so
  bool reset = false;       // by the caller or by the peer
  int closed = 0;           // StreamClosed came
  // The peer's:
  std::uint64_t received = 0;
  std::int64_t updates = 0;
  bool headed = false, end_seen = false, reset_seen = false, reset_said = false, answered = false;
  bool is_open() const { return headed && !reset_seen && !reset_said && !(end_seen && answered); }
};

struct PeerSettings {
  std::int64_t initial = 65535;
  std::size_t max_streams = kUnlimited;
  std::uint32_t max_frame = 16384;
};

struct Tally {
  std::uint64_t bytes = 0, holds = 0, waits = 0, negative = 0, resets = 0;
};

/// An engine that sends, a caller and a peer that do what comes to their minds, and bytes under way in both directions.
class Exchange {
 public:
  Exchange(Role role, std::uint32_t seed, Tally& tally);
  void step();
  /// All windows open, all is read, and every stream comes to its end.
  void finish();

 private:
  // the caller
  void open();
  void give();
  void end(std::uint32_t id, Flow& flow);
  void cancel();
  void on_event(const Event& event);
  // the peer
  void say(const Bytes& bytes) { to_engine_ = std::move(to_engine_) + bytes; }
  void say_settings();
  void change_settings();
  void open_windows();
  void open_window(std::uint32_t id, Flow& flow, std::int64_t increment);
  void open_connection(std::int64_t increment);
  void answer();
  void reset();
  void read(const Frame& frame);
  void read_data(const Frame& frame, Flow& flow);
  void read_headers(const Frame& frame, Flow& flow);
  std::int64_t window(const Flow& flow) const {
    return applied_.initial + flow.updates - static_cast<std::int64_t>(flow.received);
  }
  std::size_t open_flows() const;
  // between them
  void deliver_to_engine(std::size_t bytes);
  void deliver_to_peer(std::size_t bytes);
  void drain(ByteView input);
  void take_output();
  void pass(Duration time);
  void settle();
  // the invariants
  void check_progress();
  void check_accounts();
  void check_end();

  std::pair<const std::uint32_t, Flow>* some_flow();

  Dice dice_;
  Role role_;
  Tally& tally_;
  std::optional<Connection> engine_;
  TimePoint now_{1h};
  bool clock_;
  std::map<std::uint32_t, Flow> flows_;
  std::uint32_t next_ = 1;
  std::vector<int> tokens_;  // how often each has come back
  Bytes to_engine_, to_peer_, inbox_;
  PeerSettings applied_, said_;
  std::deque<PeerSettings> pending_;  // not acknowledged
  std::int64_t connection_window_ = 65535;
};

Exchange::Exchange(Role role, std::uint32_t seed, Tally& tally)
    : dice_(seed), role_(role), tally_(tally), clock_(seed % 4 != 0) {
  Config config{.role = role};
  config.work_budget = config.max_queued_output = 1 << 30;
  config.settings_timeout = config.preface_timeout = 0s;
  config.copy_bound = 20000;
  engine_.emplace(config);
  pass(0ms);
  if (role == Role::server) say(client_preface());
  said_.initial = dice_.one_of<std::int64_t>({0, 1, 100, 65535, 65535, kMost});
  say_settings();
}

std::pair<const std::uint32_t, Flow>* Exchange::some_flow() {
  if (flows_.empty()) return nullptr;
  const std::uint32_t recent = std::min<std::uint32_t>(20, static_cast<std::uint32_t>(flows_.size()));
  return &*std::prev(flows_.end(), 1 + dice_.below(recent));
}

void Exchange::step() {
  switch (dice_.below(20)) {
    case 0: open(); break;
    case 1:
    case 2:
    case 3: give(); break;
    case 4: cancel(); break;
    case 5: reset(); break;
    case 6: change_settings(); break;
    case 7: answer(); break;
    case 8:
      if (auto* flow = some_flow()) {
        const Priority priority{static_cast<std::uint8_t>(dice_.below(8)), dice_.once_in(2)};
        static_cast<void>(engine_->set_priority(StreamId{flow->first}, priority));
      }
      break;
    case 9: pass(std::chrono::milliseconds(dice_.up_to(30))); break;
    case 10:
      settle();
      check_accounts();
      break;
    case 11:
    case 12: deliver_to_engine(dice_.up_to(2000)); break;
    case 13:
    case 14: deliver_to_peer(dice_.up_to(100000)); break;
    default: open_windows();
  }
  if (dice_.once_in(2)) check_progress();
}

// ---- the caller

void Exchange::open() {
  if (open_flows() > 25 || next_ > 200) return;
  if (role_ == Role::client) {
    const auto stream = engine_->send_request(kPost, EndStream::no);
    REQUIRE(stream);
    REQUIRE(stream->value == next_);
  } else {
    say(headers(next_, get(), kEnd));
    flows_[next_].answered = flows_[next_].headed = true;
  }
  flows_[next_];
  next_ += 2;
}

void Exchange::give() {
  auto* some = some_flow();
  if (some == nullptr || some->second.ended || some->second.reset) return;
  auto& [id, flow] = *some;
  if (dice_.once_in(12)) return end(id, flow);
  const ByteView bytes = content(id, flow.given, dice_.up_to(60000));
  const EndStream last = dice_.once_in(12) ? EndStream::yes : EndStream::no;
  std::size_t taken = bytes.size();
  if (dice_.once_in(3)) {
    const auto copied = engine_->send_copy(StreamId{id}, bytes, last);
    if (!copied) return;  // a server's, whose request is still under way
    taken = *copied;
  } else {
    if (!engine_->send_data(StreamId{id}, bytes, Token{tokens_.size()}, last)) return;
    tokens_.push_back(0);
  }
  flow.given += taken;
  flow.ended = last == EndStream::yes && taken == bytes.size();
}

void Exchange::end(std::uint32_t id, Flow& flow) {
  const Field trailer{"x", "y"};
  if (dice_.once_in(2)) {
    flow.ended = engine_->send_trailers(StreamId{id}, {&trailer, 1}).has_value();
  } else if (engine_->send_data(StreamId{id}, {}, Token{tokens_.size()}, EndStream::yes)) {
    tokens_.push_back(0);
    flow.ended = true;
  }
}

void Exchange::cancel() {
  auto* some = some_flow();
  if (some == nullptr || !dice_.once_in(4)) return;
  if (engine_->reset(StreamId{some->first}, ErrorCode::cancel)) some->second.reset = true;
}

void Exchange::on_event(const Event& event) {
  REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(event));
  if (const auto* request = std::get_if<RequestReceived>(&event)) {
    REQUIRE(engine_->send_response(request->stream, 200, {}, EndStream::no));
  } else if (const auto* sent = std::get_if<DataSent>(&event)) {
    ++tokens_.at(sent->token.value);
  } else if (const auto* reset = std::get_if<StreamReset>(&event)) {
    REQUIRE(reset->violation == Violation::none);
  } else if (const auto* closed = std::get_if<StreamClosed>(&event)) {
    ++flows_.at(closed->stream.value).closed;
  }
}

// ---- the peer

void Exchange::say_settings() {
  pending_.push_back(said_);
  say(settings({{SettingId::initial_window_size, static_cast<std::uint32_t>(said_.initial)},
                {SettingId::max_concurrent_streams, static_cast<std::uint32_t>(said_.max_streams)},
                {SettingId::max_frame_size, said_.max_frame}}));
}

void Exchange::change_settings() {
  std::int64_t most = kMost;  // that lifts no stream too far
  for (const auto& [id, flow] : flows_) {
    if (flow.is_open()) most = std::min(most, kMost - flow.updates + static_cast<std::int64_t>(flow.received));
  }
  said_.initial = std::min(most, dice_.one_of<std::int64_t>({0, 1, 10, 100, 1000, 65535, 1 << 20, kMost}));
  if (dice_.once_in(3)) said_.max_streams = dice_.one_of<std::uint32_t>({0, 1, 3, 10, 100});
  if (dice_.once_in(3)) said_.max_frame = dice_.one_of<std::uint32_t>({16384, 16385, 60000});
  say_settings();
}

void Exchange::open_windows() {
  const std::int64_t increment = dice_.once_in(30) ? kMost : 1 + dice_.up_to(100000);
  if (dice_.once_in(3)) return open_connection(increment);
  if (auto* some = some_flow()) open_window(some->first, some->second, increment);
}

// By as much as is possible, wherever the engine stands: the largest initial window under way, and all that came.
void Exchange::open_window(std::uint32_t id, Flow& flow, std::int64_t increment) {
  if (!flow.is_open()) return;
  std::int64_t initial = applied_.initial;
  for (const PeerSettings& each : pending_) initial = std::max(initial, each.initial);
  increment = std::min(increment, kMost - initial - flow.updates + static_cast<std::int64_t>(flow.received));
  if (increment <= 0) return;
  flow.updates += increment;
  say(window_update(id, static_cast<std::uint32_t>(increment)));
}

void Exchange::open_connection(std::int64_t increment) {
  increment = std::min(increment, kMost - connection_window_);
  if (increment <= 0) return;
  connection_window_ += increment;
  say(window_update(0, static_cast<std::uint32_t>(increment)));
}

void Exchange::answer() {
  auto* some = some_flow();
  if (some == nullptr || some->second.answered || !some->second.is_open()) return;
  some->second.answered = true;
  say(headers(some->first, status("200"), kEnd));
}

void Exchange::reset() {
  auto* some = some_flow();
  if (some == nullptr || !some->second.is_open() || !dice_.once_in(4)) return;
  some->second.reset = some->second.reset_said = true;
  ++tally_.resets;
  say(rst(some->first, ErrorCode::cancel));
}

std::size_t Exchange::open_flows() const {
  return static_cast<std::size_t>(
      std::count_if(flows_.begin(), flows_.end(), [](const auto& each) { return each.second.is_open(); }));
}

void Exchange::read(const Frame& frame) {
  const bool ack = frame.header.has(flags::ack);
  switch (frame.header.type) {
    case FrameType::data: return read_data(frame, flows_.at(frame.header.stream.value));
    case FrameType::headers: return read_headers(frame, flows_.at(frame.header.stream.value));
    case FrameType::settings:
      if (!ack) return say(settings_ack());
      applied_ = pending_.front();
      pending_.pop_front();
      break;
    case FrameType::rst_stream: {
      Flow& flow = flows_.at(frame.header.stream.value);
      REQUIRE(flow.reset);
      flow.reset_seen = true;
      break;
    }
    default: REQUIRE(frame.header.type != FrameType::goaway);
  }
}

void Exchange::read_data(const Frame& frame, Flow& flow) {
  REQUIRE(flow.headed);
  REQUIRE_FALSE(flow.end_seen);
  REQUIRE_FALSE(flow.reset_seen);
  const std::uint32_t bytes = frame.header.length;
  REQUIRE(bytes <= applied_.max_frame);
  if (bytes > 0) {
    REQUIRE(bytes <= window(flow));
    REQUIRE(bytes <= connection_window_);
  }
  const ByteView expected = content(frame.header.stream.value, flow.received, bytes);
  REQUIRE(std::equal(expected.begin(), expected.end(), frame.payload.begin()));
  connection_window_ -= bytes;
  flow.received += bytes;
  tally_.bytes += bytes;
  flow.end_seen = frame.header.has(flags::end_stream);
}

void Exchange::read_headers(const Frame& frame, Flow& flow) {
  if (!flow.headed) REQUIRE(open_flows() < applied_.max_streams);
  flow.headed = true;
  flow.end_seen = frame.header.has(flags::end_stream);
}

// ---- between them

void Exchange::deliver_to_engine(std::size_t bytes) {
  bytes = std::min(bytes, to_engine_.size());
  const Bytes part(to_engine_.begin(), to_engine_.begin() + static_cast<std::ptrdiff_t>(bytes));
  to_engine_.erase(to_engine_.begin(), to_engine_.begin() + static_cast<std::ptrdiff_t>(bytes));
  drain(part);
}

void Exchange::deliver_to_peer(std::size_t bytes) {
  bytes = std::min(bytes, to_peer_.size());
  const auto end = to_peer_.begin() + static_cast<std::ptrdiff_t>(bytes);
  inbox_.insert(inbox_.end(), to_peer_.begin(), end);
  to_peer_.erase(to_peer_.begin(), end);
  std::size_t at = text_of(ByteView(inbox_).first(std::min<std::size_t>(3, inbox_.size()))) == "PRI" ? 24 : 0;
  if (at > inbox_.size()) return;
  while (inbox_.size() - at >= kFrameHeaderBytes) {
    const FrameHeader header = read_frame_header(inbox_.data() + at);
    if (inbox_.size() - at < kFrameHeaderBytes + header.length) break;
    const auto payload = inbox_.begin() + static_cast<std::ptrdiff_t>(at + kFrameHeaderBytes);
    read({header, Bytes(payload, payload + header.length)});
    at += kFrameHeaderBytes + header.length;
  }
  inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Exchange::drain(ByteView input) {
  while (const auto event = engine_->receive(input)) on_event(*event);
  REQUIRE(input.empty());
}

// All of it, by polls and writes of all sizes.
void Exchange::take_output() {
  std::array<ByteView, 16> slices;
  for (;;) {
    const std::size_t n = engine_->poll_output(std::span(slices).first(1 + dice_.below(16)), 1 + dice_.up_to(100000));
    if (n == 0) break;
    std::size_t bytes = 0;
    for (const ByteView slice : std::span(slices).first(n)) bytes += slice.size();
    const std::size_t taken = dice_.once_in(2) ? bytes : 1 + dice_.below(static_cast<std::uint32_t>(bytes));
    for (std::size_t i = 0, left = taken; left > 0; ++i) {
      const ByteView part = slices[i].first(std::min(left, slices[i].size()));
      to_peer_.insert(to_peer_.end(), part.begin(), part.end());
      left -= part.size();
    }
    engine_->consume_output(taken);
    drain({});
  }
  REQUIRE_FALSE(engine_->has_output());
}

void Exchange::pass(Duration time) {
  now_ += time;
  if (clock_) engine_->advance_time(now_);
  drain({});
}

void Exchange::settle() {
  do {
    deliver_to_engine(to_engine_.size());
    take_output();
    deliver_to_peer(to_peer_.size());
  } while (!to_engine_.empty());
}

// ---- the invariants

// When all output was taken, what may still go is only held for being a sliver, and goes when that time is over.
void Exchange::check_progress() {
  take_output();
  std::vector<StreamId> held;
  for (const auto& [id, flow] : flows_) {
    if (may_send(*engine_, StreamId{id})) held.push_back(StreamId{id});
  }
  if (held.empty()) return;
  REQUIRE(clock_);
  ++tally_.holds;
  std::uint64_t before = 0, after = 0;
  for (const StreamId id : held) {
    REQUIRE(engine_->explain(id)->sending.what == Holdup::small_window);
    before += engine_->window(id)->queued;
  }
  const auto deadline = engine_->deadline();
  REQUIRE(deadline);
  REQUIRE(*deadline <= now_ + 20ms);
  if (dice_.once_in(2)) return;  // the windows may grow meanwhile
  pass(*deadline - now_);
  REQUIRE(engine_->has_output());
  take_output();
  for (const StreamId id : held) after += engine_->window(id) ? engine_->window(id)->queued : 0;
  REQUIRE(after < before);
}

// With nothing under way, both ends know the same windows, and a request waits only for the peer's limit.
void Exchange::check_accounts() {
  REQUIRE(pending_.empty());
  REQUIRE(engine_->window(kConnection)->send_window == connection_window_);
  bool waits = false;
  for (const auto& [id, flow] : flows_) {
    const std::uint32_t stream = id;  // what a lambda may capture
    CAPTURE(stream);
    if (flow.is_open() && !flow.end_seen) REQUIRE(engine_->window(StreamId{id})->send_window == window(flow));
    if (flow.is_open() && window(flow) < 0) ++tally_.negative;
    waits = waits || (!flow.headed && !flow.reset);
  }
  if (waits) REQUIRE(open_flows() >= applied_.max_streams);
  tally_.waits += waits;
}

void Exchange::finish() {
  said_ = {.initial = said_.initial, .max_streams = 1000, .max_frame = 16384};
  say_settings();
  for (auto& [id, flow] : flows_) {
    if (role_ == Role::server) settle();  // the request may still be under way
    if (!flow.ended && !flow.reset) end(id, flow);
  }
  for (int round = 0; round < 3; ++round) {
    settle();
    open_connection(kMost);
    for (auto& [id, flow] : flows_) {
      open_window(id, flow, kMost);
      if (flow.answered || !flow.is_open()) continue;
      flow.answered = true;
      say(headers(id, status("200"), kEnd));
    }
    settle();
    pass(20ms);
  }
  check_accounts();
  check_end();
}

void Exchange::check_end() {
  for (const auto& [id, flow] : flows_) {
    const std::uint32_t stream = id;  // what a lambda may capture
    CAPTURE(stream);
    REQUIRE(flow.closed == 1);
    if (flow.reset) continue;
    REQUIRE(flow.received == flow.given);
    REQUIRE(flow.end_seen);
  }
  REQUIRE(engine_->open_streams() == 0);
  for (const int times : tokens_) REQUIRE(times == 1);
}

void run_exchanges(Role role, std::uint32_t seeds) {
  Tally tally;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Exchange exchange(role, seed, tally);
    for (int i = 0; i < 600; ++i) exchange.step();
    exchange.finish();
  }
  // What the test is about did happen.
  CHECK(tally.bytes > 50000 * seeds);
  CHECK(tally.holds > seeds);
  CHECK(tally.negative > seeds);
  CHECK(tally.resets > seeds);
  if (role == Role::client) CHECK(tally.waits > seeds);
}

TEST_CASE("a client never stalls and never sends too much, and in the end all of its content arrives") {
  run_exchanges(Role::client, 100);
}
TEST_CASE("a server never stalls and never sends too much, and in the end all of its content arrives") {
  run_exchanges(Role::server, 100);
}

}  // namespace
}  // namespace h2::test
