// DATA that goes on on one stream takes a shorter way in. It must do what the whole way does: twins get the same frames
// and calls, and to one of them every frame header comes in two pieces, which the shorter way does not take.
#include <functional>
#include <map>

#include "dice.h"
#include "harness.h"

namespace h2::test {
namespace {

class Twin {
 public:
  Twin(const Config& config, std::size_t head_cut) : connection_(config), head_cut_(head_cut) {}

  Connection& operator*() { return connection_; }
  /// `reads` returns credit for all content, some of it, or none.
  /// `between` is called where the frame is cut, at the same octet for both twins.
  template <class Call>
  void feed(const Bytes& frame, std::uint32_t reads, std::size_t payload_cut, Call&& between) {
    ByteView rest = frame;
    for (const std::size_t cut : {head_cut_, payload_cut - std::min(payload_cut, head_cut_)}) {
      const std::size_t bytes = std::min(cut, rest.size());
      drain(rest.first(bytes), reads);
      rest = rest.subspan(bytes);
    }
    between(connection_);
    drain(rest, reads);
    drain({}, reads);
  }
  std::vector<Seen> seen;

 private:
  void drain(ByteView input, std::uint32_t reads) {
    unread_.insert(unread_.end(), input.begin(), input.end());
    const Bytes all = std::exchange(unread_, {});
    ByteView rest = all;
    while (const auto event = connection_.receive(rest)) {
      append(seen, own(*event));
      const auto* piece = std::get_if<DataReceived>(&*event);
      if (piece != nullptr && reads > 0) connection_.consume(piece->stream, piece->data.size() / reads);
    }
    unread_.assign(rest.begin(), rest.end());
  }

  Connection connection_;
  std::size_t head_cut_;
  Bytes unread_;  // while too much waits for a peer that does not read
};

class Twins {
 public:
  explicit Twins(std::uint32_t seed) : dice_(seed), config_(config(dice_)), one_(config_, 0), other_(config_, 1) {
    const bool has_clock = dice_.once_in(2);
    if (has_clock) tick(0ms);
    feed(client_preface() + settings({}));
    feed(settings_ack());
    for (std::uint32_t& stream : streams_) stream = open();
    for (int i = 0; i < 400 && !failed_; ++i) step(has_clock);
  }
  std::size_t frames() const { return frames_; }

 private:
  static Config config(Dice& dice) {
    Config config;
    config.role = Role::server;
    config.credit = dice.one_of({Credit::manual, Credit::automatic});
    config.settings.initial_window_size = dice.one_of<std::uint32_t>({1000, 65535, 1 << 20, kMaxWindow});
    config.connection_window = dice.one_of<std::uint32_t>({65535, 1 << 20, kMaxWindow});
    config.window_limit = dice.one_of<std::uint32_t>({0, 1 << 20, 16 << 20});
    config.max_queued_output = dice.one_of<std::uint32_t>({100, 65536});
    config.min_content_rate = 100;
    config.work_budget = dice.one_of<std::uint32_t>({50, 1000});
    config.enforce_work_budget = false;
    config.seed = dice.below(1000);
    return config;
  }

  std::uint32_t open() {
    const std::string length = std::to_string(dice_.below(200000));
    feed(headers(next_, dice_.once_in(3) ? post({{"content-length", length}}) : post()));
    return std::exchange(next_, next_ + 2);
  }

  void step(bool has_clock) {
    if (dice_.once_in(10)) std::swap(streams_[0], streams_[dice_.below(kStreams)]);
    if (dice_.once_in(30)) is_read_ = !is_read_;
    if (dice_.once_in(100)) streams_[0] = open();  // the one before stays as it is
    const std::uint32_t id = streams_[0];
    const StreamId stream{id};
    switch (dice_.below(40)) {
      case 0: return feed(ping(7));
      case 1: return feed(window_update(dice_.one_of({0U, id}), 1));
      case 2: return feed(frame(FrameType::data, dice_.one_of<std::uint8_t>({0, flags::padded}), id, Bytes(1)));
      case 3:
        feed(data(id, "the end", kEnd));
        streams_[0] = open();
        return;
      case 4:
        if (has_clock) tick(std::chrono::milliseconds(dice_.up_to(3000)));
        return;
      case 5: {
        const auto bytes = dice_.one_of<std::uint32_t>({500, 65535, 100000, 1 << 20}) + dice_.up_to(30000);
        const StreamId which = dice_.one_of({kConnection, stream});
        if (dice_.once_in(4)) each([&](Connection& twin) { static_cast<void>(twin.set_window(which, bytes)); });
        return;
      }
      case 6: {
        const Setting setting{SettingId::initial_window_size, dice_.one_of<std::uint32_t>({100, 65535, 1 << 20})};
        if (dice_.once_in(4)) each([&](Connection& twin) { static_cast<void>(twin.send_settings({&setting, 1})); });
        return;
      }
      case 7: return settings_sent_ > 0 ? --settings_sent_, feed(settings_ack()) : void();
      case 8:
        if (dice_.once_in(8)) each([&](Connection& twin) { static_cast<void>(twin.reset(stream, ErrorCode::cancel)); });
        return;
      case 9:
        if (!dice_.once_in(8)) return;
        return each([&](Connection& twin) { static_cast<void>(twin.send_response(stream, 200, {}, EndStream::yes)); });
      case 10: return each([&](Connection& twin) { twin.release(stream); });
      default: return send();
    }
  }

  // As much as the windows allow, now and then an octet too much for that of the stream. They are asked for only where
  // what is known of them does not do: who asks has accounts settled, and these must be right without it.
  void send() {
    const std::uint32_t id = streams_[0];
    const bool too_much = dice_.once_in(100);
    if (too_much || known_[id] <= 0 || known_[0] <= 0) {
      compare_windows(kConnection);
      compare_windows(StreamId{id});
      if (!(*one_).window(StreamId{id})) streams_[0] = open(), known_[id] = 100;
    }
    const std::int64_t most = std::min<std::int64_t>({known_[id] + (too_much ? 1 : 0), known_[0], 16384});
    if (most <= 0) return each([&](Connection& twin) { twin.release(StreamId{id}); });
    const auto bytes =
        dice_.once_in(4) ? static_cast<std::uint32_t>(most) : dice_.up_to(static_cast<std::uint32_t>(most));
    known_[id] -= bytes;
    known_[0] -= bytes;
    feed(frame(FrameType::data, 0, id, Bytes(bytes)));
  }

  void feed(const Bytes& frame) {
    ++frames_;
    const std::uint32_t reads = dice_.below(4);
    const std::size_t payload_cut = dice_.once_in(3) ? dice_.below(static_cast<std::uint32_t>(frame.size())) : 0;
    const auto between = call_between();
    one_.feed(frame, reads, std::max<std::size_t>(payload_cut, kFrameHeaderBytes), between);
    other_.feed(frame, reads, std::max<std::size_t>(payload_cut, kFrameHeaderBytes), between);
    compare();
  }
  // What a caller may do while half of a frame is there; mostly nothing.
  std::function<void(Connection&)> call_between() {
    const StreamId stream{streams_[0]};
    switch (dice_.below(200)) {
      case 0: return [stream](Connection& twin) { static_cast<void>(twin.reset(stream, ErrorCode::cancel)); };
      case 1: return [stream](Connection& twin) { twin.release(stream); };
      case 2: return [stream](Connection& twin) { twin.consume(stream, 300); };
      case 3: return [stream](Connection& twin) { static_cast<void>(twin.set_window(stream, 100000)); };
      case 4: return [](Connection& twin) { static_cast<void>(twin.set_window(kConnection, 200000)); };
      case 5: return [this](Connection& twin) { twin.advance_time(now_); };
      case 6:
        return [](Connection& twin) {
          const Setting setting{SettingId::initial_window_size, 30000};
          static_cast<void>(twin.send_settings({&setting, 1}));
        };
      case 7:
        return [stream](Connection& twin) { static_cast<void>(twin.send_response(stream, 200, {}, EndStream::yes)); };
      default: return [](Connection&) {};
    }
  }
  void tick(Duration by) {
    now_ += by;
    each([this](Connection& twin) { twin.advance_time(now_); });
  }
  template <class Call>
  void each(Call&& call) {
    call(*one_);
    call(*other_);
    feed_nothing();
  }
  void feed_nothing() {
    const auto nothing = [](Connection&) {};
    one_.feed({}, 0, 0, nothing);
    other_.feed({}, 0, 0, nothing);
    compare();
  }

  void compare() {
    REQUIRE(text_of(one_.seen) == text_of(other_.seen));
    for (const Seen& seen : one_.seen) failed_ = failed_ || seen.kind == Kind::failed;
    one_.seen.clear();
    other_.seen.clear();
    if (dice_.once_in(8)) compare_reasons(StreamId{streams_[0]});
    if (dice_.once_in(8)) {
      compare_windows(kConnection);
      for (const std::uint32_t id : streams_) compare_windows(StreamId{id});
    }
    const Counters &one = (*one_).counters(), &other = (*other_).counters();
    REQUIRE(one.frames_received == other.frames_received);
    REQUIRE(one.bytes_received == other.bytes_received);
    REQUIRE(one.data_bytes_received == other.data_bytes_received);
    REQUIRE(one.work == other.work);
    REQUIRE((*one_).deadline() == (*other_).deadline());
    if (!is_read_) return;
    const Bytes sent = take_output(*one_);
    REQUIRE(sent == take_output(*other_));
    for (const Frame& each : test::frames(sent))
      settings_sent_ += each.header.type == FrameType::settings && !each.header.has(flags::ack);
  }

  void compare_windows(StreamId stream) {
    const auto one = (*one_).window(stream), other = (*other_).window(stream);
    REQUIRE(one.has_value() == other.has_value());
    if (!one) return;
    REQUIRE(one->recv_window == other->recv_window);
    REQUIRE(one->unconsumed == other->unconsumed);
    REQUIRE(one->owed == other->owed);
    known_[stream.value] = one->recv_window;
    compare_reasons(stream);
  }
  void compare_reasons(StreamId stream) {
    const auto why = (*one_).explain(stream), other_why = (*other_).explain(stream);
    REQUIRE(why.has_value() == other_why.has_value());
    if (!why) return;
    REQUIRE(why->receiving.what == other_why->receiving.what);
    REQUIRE(why->receiving.since == other_why->receiving.since);
  }

  Dice dice_;
  Config config_;
  Twin one_, other_;
  TimePoint now_{1h};
  static constexpr std::uint32_t kStreams = 3;
  std::array<std::uint32_t, kStreams> streams_{};  // the first has its turn
  std::map<std::uint32_t, std::int64_t> known_;    // what windows have at least, that of the connection under 0
  std::uint32_t next_ = 1;
  bool is_read_ = true;     // by the peer
  int settings_sent_ = -1;  // not acknowledged; the first are
  const bool sends_large_ = dice_.once_in(4);
  bool failed_ = false;
  std::size_t frames_ = 0;
};

TEST_CASE("DATA that goes on on one stream does what DATA does that comes in pieces") {
  std::size_t frames = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    frames += Twins(seed).frames();
  }
  CHECK(frames > 50000);
}

TEST_CASE("a reset behind DATA that came in a run tells its own code") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  for (int i = 0; i < 4; ++i) server.feed(frame(FrameType::data, 0, 1, Bytes(1000)));
  server.run([](Connection& c) { REQUIRE(c.reset(StreamId{1}, ErrorCode::cancel)); });
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::cancel);
}

TEST_CASE("of a frame of a run that is cut nothing is delivered behind a reset") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  for (int i = 0; i < 4; ++i) server.feed(frame(FrameType::data, 0, 1, Bytes(1000)));
  const Bytes cut = frame(FrameType::data, 0, 1, Bytes(1000));
  server.feed(Bytes(cut.begin(), cut.begin() + 500));
  server.run([](Connection& c) { REQUIRE(c.reset(StreamId{1}, ErrorCode::cancel)); });
  const std::size_t pieces = server.all(Kind::data).size();
  server.feed(Bytes(cut.begin() + 500, cut.end()));
  server.feed(frame(FrameType::data, 0, 1, Bytes(1000)));
  CHECK(server.all(Kind::data).size() == pieces);
  CHECK(server.all(Kind::stream_closed).size() == 1);
  CHECK_FALSE(server.failed());
}

TEST_CASE("what frames of a run took is known to SETTINGS and to explain()") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  server.run([](Connection& c) { REQUIRE(c.set_window(StreamId{1}, kMaxWindow - 10)); });
  for (int i = 0; i < 4; ++i) server.feed(frame(FrameType::data, 0, 1, Bytes(1000)));
  const Setting more[] = {{SettingId::initial_window_size, 65535 + 10}}, too_much[] = {{more[0].id, 65535 + 11}};
  server.run([&](Connection& c) {
    CHECK(c.send_settings(more));
    CHECK_FALSE(c.send_settings(too_much));
  });

  Harness other(Role::server);
  other.feed(headers(1, post()));
  for (int i = 0; i < 5; ++i) other.feed(frame(FrameType::data, 0, 1, Bytes(i < 4 ? 16000 : 1535)));
  CHECK(other.connection().explain(StreamId{1})->receiving.what == Holdup::stream_window);
}

}  // namespace
}  // namespace h2::test
