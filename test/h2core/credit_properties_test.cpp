// The receive windows' invariant (RFC 9113 6.9), under random use: what was announced is in the window, delivered and
// not consumed, or owed, to the byte; and nothing is owed that the peer needs. What was announced is taken from the
// frames that were sent.
#include <algorithm>
#include <map>

#include "dice.h"
#include "flow.h"

namespace h2::test {
namespace {

constexpr std::int64_t kMost = kMaxWindow;

/// A stream as its sender accounts for it. Its window is the initial one and `beyond_initial`, which may be negative.
struct Upload {
  std::int64_t beyond_initial = 0;  // WINDOW_UPDATEs, less what was sent
  std::uint64_t unconsumed = 0, connection_unconsumed = 0;
  std::optional<std::int64_t> target;  // once set_window() has chosen it
  bool headed = true;                  // a client's: the response head was sent
  std::optional<std::int64_t> initial_at_end;
  bool ended = false;   // END_STREAM was sent: the window stays as it is
  bool cut = false;     // reset by either side, or refused
  bool closed = false;  // StreamClosed came
};

/// An engine that receives, its peer by hand, and the account of all windows between them.
class Ledger {
 public:
  Ledger(const Config& config, std::uint32_t seed) : dice_(seed), config_(config), engine_(config) {
    connection_target_ = config.connection_window;
    engine_.advance_time(now_);
    feed((config.role == Role::server ? client_preface() : Bytes{}) + settings({}));
  }

  void step();
  /// The end of all streams, in some way; and all that was delivered is consumed.
  void finish();
  void check();
  std::uint64_t delivered = 0, cuts = 0;
  std::uint64_t grown() const { return engine_.counters().windows_grown; }

 private:
  void open();
  void send_data();
  void call_for(StreamId stream);
  void resize(StreamId stream);
  void announce_initial_window();
  // Windows that are chosen do not grow by themselves any more.
  bool chooses() { return config_.window_limit == 0 || dice_.once_in(40); }
  void acknowledge();
  void answer_ping();
  void consume(StreamId stream, std::size_t bytes, bool of_stream, bool of_connection);

  void feed(const Bytes& bytes);
  void drain(ByteView input);
  void on_data(const DataReceived& piece);
  void read_output();
  void read(const Frame& frame);
  void on_window_update(const Frame& frame);
  void on_settings(const Frame& frame);

  void check_stream(std::uint32_t id, const Upload& upload);
  void find_grown_target();
  std::uint32_t some_stream();
  /// What the peer may rely on: the loosest of what it has acknowledged and what is under way to it.
  std::int64_t initial_window() const {
    std::int64_t loosest = acknowledged_;
    for (const std::int64_t pending : pending_) loosest = std::max(loosest, pending);
    return loosest;
  }

  Dice dice_;
  Config config_;
  Connection engine_;
  TimePoint now_{1h};
  std::map<std::uint32_t, Upload> uploads_;
  std::uint32_t next_ = 1;
  std::int64_t connection_window_ = 65535, connection_target_;
  std::int64_t acknowledged_ = 65535;
  std::deque<std::int64_t> pending_;  // initial windows in SETTINGS that were not acknowledged
  std::deque<std::uint64_t> pings_;
  bool connection_fixed_ = false;
  std::uint64_t unconsumed_ = 0, grown_ = 0;
};

void Ledger::step() {
  switch (dice_.below(16)) {
    case 0:
    case 1: open(); break;
    case 2: call_for(StreamId{some_stream()}); break;
    case 3:
      if (chooses()) resize(dice_.once_in(3) ? kConnection : StreamId{some_stream()});
      break;
    case 4:
      if (chooses()) announce_initial_window();
      break;
    case 5: acknowledge(); break;
    case 6: answer_ping(); break;
    case 7:
      now_ += std::chrono::milliseconds(dice_.up_to(5000));
      engine_.advance_time(now_);
      break;
    case 8:
    case 9:
    case 10: {
      const std::uint32_t which = dice_.below(4);
      consume(StreamId{some_stream()}, dice_.up_to(60000), which != 1, which != 2);
      break;
    }
    default: send_data();
  }
  feed({});
  check();
}

std::uint32_t Ledger::some_stream() {
  const std::uint32_t opened = (next_ - 1) / 2;
  return opened == 0 ? 1 : next_ - 2 - 2 * dice_.below(std::min<std::uint32_t>(opened, 30));
}

void Ledger::open() {
  const std::uint32_t id = next_;
  if (config_.role == Role::client) {
    const auto stream = engine_.send_request(kGet, EndStream::yes);
    REQUIRE(stream);
    REQUIRE(stream->value == id);
    uploads_[id].headed = false;
    next_ += 2;
    feed({});  // the peer reads it
    return;
  }
  uploads_[id];
  next_ += 2;
  // Some say how much they will send, so that more of it is an error of the stream.
  const std::string length = std::to_string(dice_.below(100000));
  feed(headers(id, dice_.once_in(5) ? post({{"content-length", length}}) : post()));
}

void Ledger::send_data() {
  const std::uint32_t id = some_stream();
  const auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second.ended || (found->second.cut && dice_.once_in(2))) return;
  Upload& upload = found->second;
  if (!upload.headed && !dice_.once_in(20)) {  // the others send DATA before the head: an error of the stream
    upload.headed = true;
    return feed(headers(id, status("200")));
  }
  const bool rude = dice_.once_in(40);  // beyond the stream's window, or too large a frame: errors of the stream
  std::int64_t most = std::min<std::int64_t>(connection_window_, rude ? 17000 : 16384);
  if (!rude) most = std::min(most, acknowledged_ + upload.beyond_initial);
  most = std::max<std::int64_t>(most, 0);  // an empty one may always go
  std::uint32_t bytes = dice_.up_to(static_cast<std::uint32_t>(most));
  if (dice_.once_in(3)) bytes = static_cast<std::uint32_t>(most);
  std::uint8_t frame_flags = dice_.once_in(20) ? kEnd : std::uint8_t{0};
  Bytes payload(bytes);
  if (bytes > 0 && dice_.once_in(4)) {
    frame_flags |= flags::padded;
    payload[0] = static_cast<std::byte>(dice_.below(std::min<std::uint32_t>(bytes, 256)));
  }
  connection_window_ -= bytes;
  upload.beyond_initial -= bytes;
  feed(frame(FrameType::data, frame_flags, id, payload));
  if ((frame_flags & kEnd) == 0) return;
  upload.ended = true;
  upload.initial_at_end = initial_window();
}

void Ledger::call_for(StreamId stream) {
  const auto found = uploads_.find(stream.value);
  if (found == uploads_.end()) return;
  if (dice_.once_in(3)) {
    if (engine_.reset(stream, ErrorCode::cancel)) found->second.cut = true;
  } else if (dice_.once_in(2)) {
    if (found->second.ended && config_.role == Role::client) return;  // it has closed
    feed(rst(stream.value, ErrorCode::cancel));
    found->second.cut = found->second.ended = true;
  } else if (config_.role == Role::server) {
    static_cast<void>(engine_.send_response(stream, 200, {}, EndStream::yes));
  }
}

void Ledger::resize(StreamId stream) {
  const auto bytes = dice_.one_of<std::uint32_t>({0, 1, 1000, 65535, 100000, 1 << 20, 3 << 20, kMaxWindow});
  if (!engine_.set_window(stream, bytes)) return;
  if (stream != kConnection) {
    Upload& upload = uploads_.at(stream.value);
    if (!upload.ended) upload.target = bytes;
    return;
  }
  connection_target_ = bytes;
  connection_fixed_ = true;
}

void Ledger::announce_initial_window() {
  if (!dice_.once_in(3)) return;
  const Setting setting{SettingId::initial_window_size,
                        dice_.one_of<std::uint32_t>({0, 1, 100, 10000, 65535, 65536, 1 << 20, kMaxWindow})};
  static_cast<void>(engine_.send_settings({&setting, 1}));  // what was sent is read from the output
}

void Ledger::acknowledge() {
  if (pending_.empty()) return;
  acknowledged_ = pending_.front();
  pending_.pop_front();
  feed(settings_ack());
}

void Ledger::answer_ping() {
  if (pings_.empty()) return;
  const std::uint64_t opaque = pings_.front();
  pings_.pop_front();
  if (!dice_.once_in(4)) {  // windows grow for readers who keep up
    for (std::uint32_t id = 1; id < next_; id += 2) consume(StreamId{id}, kMaxWindow, true, true);
  }
  feed(ping(opaque, true));
}

void Ledger::consume(StreamId stream, std::size_t bytes, bool of_stream, bool of_connection) {
  if (dice_.once_in(8)) {
    bytes = kMaxWindow;
    of_stream = of_connection = true;
    engine_.release(stream);
  } else if (of_stream && of_connection) {
    engine_.consume(stream, bytes);
  } else if (of_stream) {
    engine_.consume_stream(stream, bytes);
  } else {
    engine_.consume_connection(stream, bytes);
  }
  const auto found = uploads_.find(stream.value);
  if (found == uploads_.end()) return;
  Upload& upload = found->second;
  if (of_stream) upload.unconsumed -= std::min<std::uint64_t>(bytes, upload.unconsumed);
  if (!of_connection) return;
  const std::uint64_t back = std::min<std::uint64_t>(bytes, upload.connection_unconsumed);
  upload.connection_unconsumed -= back;
  unconsumed_ -= back;
}

// ---- between the two

// Whole, or in a few pieces.
void Ledger::feed(const Bytes& bytes) {
  ByteView rest = bytes;
  while (!rest.empty() && dice_.once_in(2)) {
    const std::size_t piece_bytes = 1 + dice_.below(static_cast<std::uint32_t>(rest.size()));
    drain(rest.first(piece_bytes));
    rest = rest.subspan(piece_bytes);
  }
  drain(rest);
  read_output();
}

void Ledger::drain(ByteView input) {
  while (const auto event = engine_.receive(input)) {
    REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
    if (const auto* piece = std::get_if<DataReceived>(&*event)) on_data(*piece);
    if (const auto* closed = std::get_if<StreamClosed>(&*event)) uploads_.at(closed->stream.value).closed = true;
  }
  REQUIRE(input.empty());
}

void Ledger::on_data(const DataReceived& piece) {
  Upload& upload = uploads_.at(piece.stream.value);
  delivered += piece.data.size();
  if (config_.credit == Credit::manual) {
    upload.unconsumed += piece.data.size();
    upload.connection_unconsumed += piece.data.size();
    unconsumed_ += piece.data.size();
  }
  if (dice_.once_in(20)) consume(piece.stream, dice_.up_to(20000), true, true);
  if (dice_.once_in(60) && engine_.reset(piece.stream, ErrorCode::cancel)) {  // in the middle of a frame, perhaps
    upload.cut = true;
    ++cuts;
  }
}

void Ledger::read_output() {
  for (const Frame& each : frames(take_output(engine_))) read(each);
  find_grown_target();
}

void Ledger::read(const Frame& frame) {
  const bool ack = frame.header.has(flags::ack);
  switch (frame.header.type) {
    case FrameType::window_update: return on_window_update(frame);
    case FrameType::rst_stream: uploads_.at(frame.header.stream.value).cut = true; break;
    case FrameType::ping:
      if (!ack) pings_.push_back(std::uint64_t{frame.u32()} << 32 | frame.u32(4));
      break;
    case FrameType::settings:
      if (!ack) on_settings(frame);
      break;
    default: REQUIRE(frame.header.type != FrameType::goaway);
  }
}

void Ledger::on_window_update(const Frame& frame) {
  REQUIRE(frame.u32() > 0);
  if (frame.header.stream == kConnection) {
    connection_window_ += frame.u32();
    REQUIRE(connection_window_ <= kMost);
    return;
  }
  Upload& upload = uploads_.at(frame.header.stream.value);
  REQUIRE_FALSE(upload.ended);
  upload.beyond_initial += frame.u32();
  REQUIRE(acknowledged_ + upload.beyond_initial <= kMost);
}

void Ledger::on_settings(const Frame& frame) {
  std::int64_t window = pending_.empty() ? acknowledged_ : pending_.back();
  ByteView entries = frame.payload;
  while (const auto setting = read_setting(entries)) {
    if (setting->id == SettingId::initial_window_size) window = setting->value;
  }
  pending_.push_back(window);
}

// The connection's target may have grown by itself: how far tells the sum, for then nothing of it was withheld.
void Ledger::find_grown_target() {
  const std::uint64_t grown = engine_.counters().windows_grown;
  if (std::exchange(grown_, grown) == grown || connection_fixed_) return;
  const WindowView view = *engine_.window(kConnection);
  const auto sum = view.recv_window + static_cast<std::int64_t>(view.unconsumed + view.owed);
  if (sum <= connection_target_) return;
  connection_target_ = sum;
  REQUIRE(connection_target_ <= config_.window_limit);
}

// ---- the invariant

// `target` is what the caller asked for: less than was announced when the window shrinks, and then nothing is owed.
void check_window(const WindowView& view, std::int64_t window, std::uint64_t unconsumed, std::int64_t target) {
  REQUIRE(view.recv_window == window);
  REQUIRE(view.unconsumed == unconsumed);
  const std::int64_t owed = target - window - static_cast<std::int64_t>(unconsumed);
  REQUIRE(static_cast<std::int64_t>(view.owed) == std::max<std::int64_t>(owed, 0));
}

void Ledger::check() {
  const WindowView whole = *engine_.window(kConnection);
  check_window(whole, connection_window_, unconsumed_, connection_target_);
  REQUIRE_FALSE(is_withheld(whole));
  for (const auto& [id, upload] : uploads_) check_stream(id, upload);
  std::erase_if(uploads_, [&](const auto& each) {
    return each.second.closed && each.first + 100 < next_ && !engine_.window(StreamId{each.first});
  });
}

void Ledger::check_stream(std::uint32_t id, const Upload& upload) {
  CAPTURE(id);
  const auto view = engine_.window(StreamId{id});
  if (!view) {
    REQUIRE(upload.connection_unconsumed == 0);
    REQUIRE((upload.closed || upload.cut));
    return;
  }
  REQUIRE(view->unconsumed == upload.unconsumed);
  if (upload.cut) return;  // no window any more
  const std::int64_t initial = upload.initial_at_end.value_or(initial_window());
  REQUIRE(initial + upload.beyond_initial <= kMost);
  check_window(*view, initial + upload.beyond_initial, upload.unconsumed, upload.target.value_or(initial));
  if (!upload.ended) REQUIRE_FALSE(is_withheld(*view));
}

void Ledger::finish() {
  while (!pending_.empty()) acknowledge();
  while (!pings_.empty()) answer_ping();
  for (std::uint32_t id = 1; id < next_; id += 2) {
    if (dice_.once_in(2)) static_cast<void>(engine_.reset(StreamId{id}, ErrorCode::cancel));
    feed({});
    engine_.release(StreamId{id});
    if (uploads_.contains(id)) uploads_[id].cut = true;
  }
  unconsumed_ = 0;
  for (auto& [id, upload] : uploads_) upload.unconsumed = upload.connection_unconsumed = 0;
  feed({});
  check();
}

void run_ledger(Config config) {
  std::uint64_t delivered = 0, cuts = 0, grown = 0;
  config.work_budget = 1 << 20;
  config.settings_timeout = config.preface_timeout = 0s;
  config.settings.max_concurrent_streams = 20;
  for (std::uint32_t seed = 1; seed <= 14; ++seed) {
    CAPTURE(seed);
    config.connection_window = seed % 3 == 0 ? 65535 : 200000;
    config.settings.initial_window_size = seed % 4 == 1 ? 5000 : 65535;
    config.window_limit = seed % 2 == 0 ? 0 : 4 << 20;
    Ledger ledger(config, seed);
    for (int i = 0; i < 500; ++i) ledger.step();
    ledger.finish();
    delivered += ledger.delivered;
    cuts += ledger.cuts;
    grown += ledger.grown();
  }
  CHECK(delivered > 1000000);
  CHECK(cuts > 5);
  CHECK(grown > 3);
}

TEST_CASE("announced = window + delivered and unconsumed + owed: a server whose caller consumes at random") {
  run_ledger({.role = Role::server, .credit = Credit::manual});
}
TEST_CASE("announced = window + delivered and unconsumed + owed: a server with automatic credit") {
  run_ledger({.role = Role::server, .credit = Credit::automatic});
}
TEST_CASE("announced = window + delivered and unconsumed + owed: a client whose caller consumes at random") {
  run_ledger({.role = Role::client, .credit = Credit::manual});
}
TEST_CASE("announced = window + delivered and unconsumed + owed: a client with automatic credit") {
  run_ledger({.role = Role::client, .credit = Credit::automatic});
}

}  // namespace
}  // namespace h2::test
