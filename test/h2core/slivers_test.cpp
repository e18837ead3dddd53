// Windows of a few bytes (RFC 9113 6.9): neither a flood of small frames nor a long wait; and windows below zero.
#include <algorithm>

#include "dice.h"
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

/// A client that uploads `bytes`, and its server by hand, which sees each frame at the time at which it goes out.
class Upload {
 public:
  Upload(std::uint32_t initial_window, std::size_t bytes) : content_(bytes) {
    client_.emplace(Config{.role = Role::client, .work_budget = 1 << 30});
    client_->advance_time(now_);
    feed(settings({{SettingId::initial_window_size, initial_window}}) + settings_ack());
    REQUIRE(client_->send_request(kPost, EndStream::no));
    REQUIRE(client_->send_data(one, content_, Token{}, EndStream::yes));
    take();
  }

  void feed(const Bytes& bytes) {
    drain(bytes);
    take();
  }
  void pass(Duration time) {
    const TimePoint end = now_ + time;
    while (now_ < end) {
      const auto deadline = client_->deadline();
      now_ = deadline && *deadline < end ? *deadline : end;
      client_->advance_time(now_);
      drain({});
      take();
    }
  }
  /// What arrived since the last look.
  std::vector<std::size_t> frames_of_data() { return std::exchange(frames_, {}); }
  std::size_t received() const { return received_; }
  bool is_over() const { return over_; }
  Duration time() const { return now_ - TimePoint{1h}; }
  Connection& client() { return *client_; }

 private:
  void drain(ByteView input) {
    while (const auto event = client_->receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
  }
  void take() {
    for (const Frame& each : frames(take_output(*client_))) {
      if (each.header.type != FrameType::data) continue;
      if (each.header.length > 0) frames_.push_back(each.header.length);
      received_ += each.header.length;
      over_ = each.header.has(flags::end_stream);
    }
  }

  Bytes content_;
  std::optional<Connection> client_;
  TimePoint now_{1h};
  std::vector<std::size_t> frames_;
  std::size_t received_ = 0;
  bool over_ = false;
};

TEST_CASE("a window that opens byte by byte makes 50 frames a second, however many WINDOW_UPDATEs come") {
  for (const std::uint32_t stream : {0U, 1U}) {
    CAPTURE(stream);
    Upload upload(65535, 200000);
    upload.feed(window_update(1 - stream, 1 << 20));  // the other window stays open
    upload.pass(100ms);
    CHECK(upload.received() == 65535);
    upload.frames_of_data();
    for (int i = 0; i < 10000; ++i) {  // a second
      upload.feed(window_update(stream, 1));
      upload.pass(100us);
    }
    CHECK(upload.frames_of_data().size() <= 51);
    upload.pass(20ms);
    CHECK(upload.received() == 65535 + 10000);
  }
}

TEST_CASE("also when SETTINGS move the windows up and down meanwhile, and other windows open") {
  Upload upload(65535, 200000);
  upload.feed(window_update(0, 1 << 20));
  upload.pass(100ms);
  upload.frames_of_data();
  for (int i = 0; i < 10000; ++i) {
    if (i % 2 == 0) upload.feed(settings({{SettingId::initial_window_size, 65537}}));
    else upload.feed(settings({{SettingId::initial_window_size, 65535}}));
    upload.feed(window_update(1, 1) + window_update(0, 1));
    upload.pass(100us);
  }
  CHECK(upload.frames_of_data().size() <= 51);
  upload.pass(20ms);
  CHECK(upload.received() == 65535 + 10000);
}

TEST_CASE("many streams, each of which opens byte by byte, make 50 frames a second each") {
  constexpr std::uint32_t kStreams = 10;
  Connection client({.role = Role::client, .work_budget = 1 << 30});
  TimePoint now{1h};
  client.advance_time(now);
  std::size_t small = 0, bytes = 0;
  const auto exchange = [&](const Bytes& fed) {
    ByteView input = fed;
    while (const auto event = client.receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
    for (const Frame& each : frames(take_output(client))) {
      if (each.header.type != FrameType::data) continue;
      small += each.header.length < 512;
      bytes += each.header.length;
    }
  };
  exchange(settings({{SettingId::initial_window_size, 2000}}) + settings_ack() + window_update(0, 1 << 20));
  const Bytes content(10000);
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    const auto stream = client.send_request(kPost, EndStream::no);
    REQUIRE(stream);
    REQUIRE(client.send_data(*stream, content, Token{}, EndStream::yes));
  }
  exchange({});
  CHECK(bytes == 2000 * kStreams);
  for (int i = 0; i < 1000; ++i) {  // a second
    now += 1ms;
    client.advance_time(now);
    for (std::uint32_t id = 1; id < 2 * kStreams; id += 2) exchange(window_update(id, 1));
  }
  CHECK(small <= 51 * kStreams);
  now += 20ms;
  client.advance_time(now);
  exchange({});
  CHECK(bytes == 3000 * kStreams);
}

TEST_CASE("a peer that opens its window byte by byte gets everything: 20 ms after the last byte that it allowed") {
  Upload upload(1000, 3000);
  CHECK(upload.received() == 1000);
  while (!upload.is_over()) {
    REQUIRE(upload.time() < 2100ms);
    upload.feed(window_update(1, 1));
    upload.pass(1ms);
  }
  CHECK(upload.received() == 3000);
}

// A small window is the peer's wish. It is used as soon as it opens when it opens as far as it ever does.
TEST_CASE("windows that never exceed 1, 10, 100 or 600 bytes are used at once, whole") {
  for (const std::uint32_t window : {1U, 10U, 100U, 600U}) {
    CAPTURE(window);
    Upload upload(window, 5000);
    std::size_t frames = 0;
    while (!upload.is_over()) {
      const std::vector<std::size_t> sizes = upload.frames_of_data();
      REQUIRE(sizes.size() == 1);  // without any time passing
      CHECK(sizes[0] == std::min<std::size_t>(window, 5000 - frames * window));
      ++frames;
      upload.feed(window_update(1, window));
    }
    CHECK(upload.received() == 5000);
    CHECK(upload.time() == 0ms);
  }
}

TEST_CASE("windows that never exceed a few bytes and open in parts: everything arrives in 20 ms for each part") {
  for (const std::uint32_t window : {1U, 2U, 10U, 100U}) {
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(window);
      CAPTURE(seed);
      Dice dice(seed);
      Upload upload(window, 20 * window);
      std::size_t allowed = window, openings = 0;
      while (!upload.is_over()) {
        upload.pass(20ms);
        CHECK(upload.received() == std::min<std::size_t>(allowed, 20 * window));
        const std::uint32_t more = 1 + dice.below(window);
        allowed += more;
        ++openings;
        upload.feed(window_update(1, more));
      }
      CHECK(upload.time() <= 20ms * openings);
      CHECK(upload.frames_of_data().size() <= openings + 1);
    }
  }
}

TEST_CASE("a small rest of the connection's window holds nobody for longer than 20 ms, whoever else is sending") {
  Upload upload(1 << 20, 200000);
  CHECK(upload.received() < 65535);
  upload.pass(20ms);
  CHECK(upload.received() == 65535);
  for (int i = 0; i < 100; ++i) {
    const std::size_t before = upload.received();
    upload.feed(window_update(0, 1 + static_cast<std::uint32_t>(i) * 7));
    upload.pass(20ms);
    CHECK(upload.received() == before + 1 + static_cast<std::size_t>(i) * 7);
  }
}

TEST_CASE("who announces windows of nothing has wished for none: what opens byte by byte makes 50 frames a second") {
  Upload upload(0, 20000);
  CHECK(upload.received() == 0);
  for (int i = 0; i < 10000; ++i) {  // a second
    upload.feed(window_update(1, 1));
    upload.pass(100us);
  }
  CHECK(upload.frames_of_data().size() <= 51);
  upload.pass(20ms);
  CHECK(upload.received() == 10000);
  upload.feed(window_update(1, 512));  // no sliver any more
  CHECK(upload.received() == 10512);
}

TEST_CASE("a peer whose window makes crumbs of content pays for it, and one of small messages does not") {
  for (const bool crumbs : {true, false}) {
    CAPTURE(crumbs);
    Options options;
    options.config.work_budget = 1000;
    options.peer_settings = {{SettingId::initial_window_size, crumbs ? 1U : 65535U}};
    Harness server(Role::server, options);
    server.feed(headers(1, get(), kEnd));
    const Bytes content(10000);
    REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
    if (crumbs) REQUIRE(server.call([&](Connection& c) { return c.send_data(one, content, {}, EndStream::no); }));
    for (int i = 0; i < 2000; ++i) {
      if (!crumbs)
        REQUIRE(server.call(
            [&](Connection& c) { return c.send_data(one, ByteView(content).first(1), {}, EndStream::no); }));
      server.feed(window_update(1, 1) + (crumbs ? Bytes{} : window_update(0, 1)));
      if (server.failed()) break;
    }
    CHECK((server.failure() == Violation::work_budget_empty) == crumbs);
  }
}

// ---- below zero (RFC 9113 6.9.2)

/// One thing that happens to a stream's send window; nothing waits for time here.
struct Move {
  enum Kind : std::uint8_t { settings, update, content } kind;
  std::uint32_t bytes;
};
constexpr Move kMoves[] = {{Move::settings, 0}, {Move::settings, 7}, {Move::settings, 40}, {Move::update, 1},
                           {Move::update, 12},  {Move::update, 50},  {Move::content, 9},   {Move::content, 100}};

/// What must have been sent after each move: all that the window allows, and not a byte while it is not positive.
struct Model {
  std::int64_t initial = 40, window = 40;
  std::size_t queued = 0, sent = 0;
  void send() {
    const std::size_t bytes = std::min<std::size_t>(queued, window > 0 ? static_cast<std::size_t>(window) : 0);
    queued -= bytes;
    sent += bytes;
    window -= static_cast<std::int64_t>(bytes);
  }
  void apply(Move move) {
    if (move.kind == Move::settings) window += std::exchange(initial, move.bytes) * -1 + move.bytes;
    if (move.kind == Move::update) window += move.bytes;
    if (move.kind == Move::content) queued += move.bytes;
    send();
  }
};

void play(std::size_t number, std::size_t length) {
  static const Bytes content(100);
  Connection client({.role = Role::client});  // no clock runs: nothing is held
  std::size_t sent = 0;
  const auto exchange = [&](const Bytes& fed) {
    ByteView input = fed;
    while (const auto event = client.receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
    for (const Frame& each : frames(take_output(client))) {
      if (each.header.type == FrameType::data) sent += each.header.length;
    }
  };
  exchange(settings({{SettingId::initial_window_size, 40}}) + settings_ack());
  REQUIRE(client.send_request(kPost, EndStream::no));
  REQUIRE(client.send_data(one, content, Token{}, EndStream::no));
  Model model;
  model.apply({Move::content, 100});
  exchange({});
  for (std::size_t i = 0; i < length; ++i, number /= std::size(kMoves)) {
    const Move move = kMoves[number % std::size(kMoves)];
    model.apply(move);
    if (move.kind == Move::content)
      REQUIRE(client.send_data(one, ByteView(content).first(move.bytes), Token{}, EndStream::no));
    exchange(move.kind == Move::settings ? settings({{SettingId::initial_window_size, move.bytes}})
             : move.kind == Move::update ? window_update(1, move.bytes)
                                         : Bytes{});
    REQUIRE(sent == model.sent);
    REQUIRE(client.window(one)->send_window == model.window);
  }
}

TEST_CASE("RFC 9113 6.9.2: whatever four moves lead below zero and back, all that is allowed is sent, and no more") {
  for (std::size_t number = 0; number < 8 * 8 * 8 * 8; ++number) {
    CAPTURE(number);
    play(number, 4);
  }
}

TEST_CASE("RFC 9113 6.9.2: the same for many moves, at random") {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    play(std::size_t{dice.below(1U << 30)} << 30 | dice.below(1U << 30), 20);
  }
}

}  // namespace
}  // namespace h2::test
