// Frames of DATA that one stream makes one behind the other are made in a row. That must do what frames do that are
// made one by one: twins get the same calls and input, and one of them has an observer, for which there are no rows.
#include <cstring>

#include "dice.h"
#include "harness.h"
#include "test_memory.h"

namespace h2::test {
namespace {

const Bytes& body() {
  static const Bytes octets = [] {
    Bytes made(400000);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::byte>(i * 2654435761U >> 13);
    return made;
  }();
  return octets;
}

class Twins {
 public:
  explicit Twins(std::uint32_t seed)
      : dice_(seed), config_(config(dice_)), one_(config_), other_(observed(config_)), has_clock_(dice_.once_in(2)) {
    if (has_clock_) tick(0ms);
    const std::uint32_t window = dice_.one_of<std::uint32_t>({100, 65535, 1 << 20, kMaxWindow >> 1});
    feed((is_server() ? client_preface() : Bytes{}) + settings({{SettingId::initial_window_size, window}}));
    feed(settings_ack());
    if (!is_server()) feed(settings({{SettingId::max_concurrent_streams, dice_.one_of<std::uint32_t>({1, 3, 100})}}));
    feed(window_update(0, dice_.one_of<std::uint32_t>({1, 1 << 20, kMaxWindow >> 1})));
    for (std::uint32_t& stream : streams_) stream = begin();
    for (int i = 0; i < 300 && !failed_; ++i) step();
  }
  /// As many frames in polls in which a stream had more than one.
  std::size_t in_rows() const { return in_rows_; }

 private:
  static Config config(Dice& dice) {
    Config config;
    config.role = dice.one_of({Role::server, Role::client});
    config.max_queued_output = dice.one_of<std::uint32_t>({100, 32768});
    config.work_budget = dice.one_of<std::uint32_t>({60, 1000});
    config.enforce_work_budget = false;
    config.seed = dice.below(1000);
    return config;
  }
  static Config observed(Config config) {
    config.observer.on_frame = [](void*, const FrameNote&) noexcept {};
    return config;
  }
  template <class Call>
  void both(Call&& call) {
    const bool one = call(one_).has_value(), other = call(other_).has_value();
    REQUIRE(one == other);
    compare();
  }
  bool is_server() const { return config_.role == Role::server; }

  std::uint32_t begin() {
    const auto priority = dice_.one_of<const char*>({"u=3", "u=3", "u=3, i", "u=1", "u=1, i"});
    if (!is_server()) {
      std::uint32_t id = 1;
      both([&id](Connection& twin) {
        const auto made = twin.send_request(kPost, EndStream::no);
        if (made) id = made->value;
        return made;
      });
      return id;
    }
    const std::uint32_t id = std::exchange(next_, next_ + 2);
    feed(headers(id, get({{"priority", priority}}), kEnd));
    both([id](Connection& twin) { return twin.send_response(StreamId{id}, 200, {}, EndStream::no); });
    return id;
  }

  void step() {
    std::uint32_t& place = streams_[dice_.below(kStreams)];
    const StreamId stream{place};
    switch (dice_.below(30)) {
      case 0: return feed(ping(7));
      case 1:
      case 2: return feed(window_update(dice_.one_of({0U, place}), dice_.one_of<std::uint32_t>({1, 5000, 1 << 20})));
      case 3: return feed(repeat(window_update(0, 1), dice_.below(50)));
      case 4:
        if (!dice_.once_in(4)) return;
        return feed(settings({{SettingId::max_frame_size, dice_.one_of<std::uint32_t>({16384, 16385, 20000, 70000})}}));
      case 5:
        if (!dice_.once_in(8)) return;
        return feed(settings({{SettingId::initial_window_size, dice_.one_of<std::uint32_t>({100, 65535, 1 << 20})}}));
      case 6:
        if (dice_.once_in(4)) both([stream](Connection& twin) { return twin.reset(stream, ErrorCode::cancel); });
        return;
      case 7:
        if (dice_.once_in(4)) feed(rst(place, ErrorCode::cancel));
        return;
      case 8: place = begin(); return;
      case 9: {
        const Priority priority{static_cast<std::uint8_t>(dice_.below(3)), dice_.once_in(2)};
        both([&](Connection& twin) { return twin.set_priority(stream, priority); });
        return;
      }
      case 10:
        if (has_clock_) tick(std::chrono::milliseconds(dice_.up_to(100)));
        return;
      case 11: {
        const ByteView copy = some(dice_.up_to(20000));
        both([&](Connection& twin) { return twin.send_copy(stream, copy, EndStream::no); });
        return;
      }
      case 12:
        if (dice_.once_in(3)) both([&](Connection& twin) { return twin.send_trailers(stream, {}); });
        return;
      case 13:
      case 14:
      case 15:
      case 16:
      case 17: return one_.window(stream) ? lend(stream) : void(place = begin());
      default: return poll();
    }
  }

  void lend(StreamId stream) {
    const ByteView content = some(dice_.once_in(3) ? 16384 * dice_.below(5) : dice_.up_to(300000));
    const EndStream end = dice_.once_in(8) ? EndStream::yes : EndStream::no;
    const Token token{++token_};
    both([&](Connection& twin) { return twin.send_data(stream, content, token, end); });
  }
  ByteView some(std::uint32_t bytes) {
    return ByteView(body()).subspan(dice_.below(static_cast<std::uint32_t>(body().size()) - bytes), bytes);
  }

  // Few slices or many, little room or much; then some of it is taken, or all.
  void poll() {
    ByteView one[64], other[64];
    const std::size_t slices = dice_.once_in(3) ? 1 + dice_.below(12) : 64;
    const std::size_t room = dice_.once_in(3) ? dice_.below(200000) : dice_.one_of<std::size_t>({65536, 1 << 20});
    const std::uint64_t frames_before = one_.counters().frames_sent;
    const std::size_t count = one_.poll_output({one, slices}, room);
    REQUIRE(other_.poll_output({other, slices}, room) == count);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(one[i].size() == other[i].size());
      REQUIRE(std::memcmp(one[i].data(), other[i].data(), one[i].size()) == 0);
      bytes += one[i].size();
    }
    const std::uint64_t frames = one_.counters().frames_sent - frames_before;
    if (frames > 1) in_rows_ += frames;
    const std::size_t taken = dice_.once_in(3) ? dice_.below(static_cast<std::uint32_t>(bytes) + 1) : bytes;
    each([taken](Connection& twin) { twin.consume_output(taken); });
  }

  template <class Call>
  void each(Call&& call) {
    call(one_);
    call(other_);
    compare();
  }
  void tick(Duration by) {
    now_ += by;
    each([this](Connection& twin) { twin.advance_time(now_); });
  }
  void feed(const Bytes& input) {
    unread_.insert(unread_.end(), input.begin(), input.end());
    compare();
  }

  // Everything that can be seen from without, once all events are out.
  void compare() {
    ByteView rest = unread_, other_rest = unread_;
    const std::vector<Seen> seen = drain(one_, rest);
    REQUIRE(text_of(seen) == text_of(drain(other_, other_rest)));
    REQUIRE(rest.size() == other_rest.size());
    unread_ = Bytes(rest.begin(), rest.end());
    for (const Seen& each : seen) failed_ = failed_ || each.kind == Kind::failed;
    const Counters &one = one_.counters(), &other = other_.counters();
    REQUIRE(one.frames_sent == other.frames_sent);
    REQUIRE(one.bytes_sent == other.bytes_sent);
    REQUIRE(one.data_bytes_sent == other.data_bytes_sent);
    REQUIRE(one.stream_window_stalls == other.stream_window_stalls);
    REQUIRE(one.connection_window_stalls == other.connection_window_stalls);
    REQUIRE(one.work == other.work);
    REQUIRE(one_.has_output() == other_.has_output());
    REQUIRE(one_.deadline() == other_.deadline());
    compare(kConnection);
    for (const std::uint32_t id : streams_) compare(StreamId{id});
  }
  void compare(StreamId stream) {
    const auto one = one_.window(stream), other = other_.window(stream);
    REQUIRE(one.has_value() == other.has_value());
    if (!one) return;
    REQUIRE(one->send_window == other->send_window);
    REQUIRE(one->queued == other->queued);
    const auto why = one_.explain(stream), other_why = other_.explain(stream);
    REQUIRE(why.has_value() == other_why.has_value());
    if (!why) return;
    REQUIRE(why->sending.what == other_why->sending.what);
    REQUIRE(why->sending.since == other_why->sending.since);
  }
  static std::vector<Seen> drain(Connection& twin, ByteView& input) {
    std::vector<Seen> seen;
    while (const auto event = twin.receive(input)) append(seen, own(*event));
    return seen;
  }

  static constexpr std::uint32_t kStreams = 4;
  Dice dice_;
  Config config_;
  Connection one_, other_;
  bool has_clock_;
  TimePoint now_{1h};
  std::array<std::uint32_t, kStreams> streams_{};
  std::uint32_t next_ = 1;
  std::uint64_t token_ = 0;
  Bytes unread_;  // while too much waits for a peer that does not read
  bool failed_ = false;
  std::size_t in_rows_ = 0;
};

TEST_CASE("DATA that is framed in a row is what frames are that are made one by one") {
  std::size_t frames = 0;
  for (std::uint32_t seed = 1; seed <= 900; ++seed) {
    CAPTURE(seed);
    frames += Twins(seed).in_rows();
  }
  CHECK(frames > 20000);
}

// Of a client, whose second request waits for the first to end.
TEST_CASE("an empty piece that waits with its request in front of others comes back once, and is no slice") {
  for (const bool received_between : {false, true}) {
    Connection client(Config{.role = Role::client});
    std::vector<Seen> seen;
    const auto feed = [&](const Bytes& bytes) {
      ByteView input = bytes;
      while (const auto event = client.receive(input)) append(seen, own(*event));
    };
    feed(settings({{SettingId::max_concurrent_streams, 1}}) + settings_ack());
    take_output(client);
    const auto first = client.send_request(kPost, EndStream::no), second = client.send_request(kPost, EndStream::no);
    REQUIRE((first && second));
    take_output(client);
    REQUIRE(client.send_data(*second, {}, Token{1}, EndStream::no));
    REQUIRE(client.send_data(*second, ByteView(body()).first(40000), Token{2}, EndStream::no));
    feed(rst(first->value, ErrorCode::cancel));
    ByteView slices[64];
    REQUIRE(client.poll_output(slices, kFrameHeaderBytes) == 1);  // the request's head, or a part of it
    const std::size_t count = client.poll_output(slices);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(slices[i].size() > 0);
      bytes += slices[i].size();
    }
    CHECK(bytes > 40000);
    if (received_between) feed({});
    client.consume_output(bytes);
    feed({});
    const auto sent =
        std::count_if(seen.begin(), seen.end(), [](const Seen& each) { return each.kind == Kind::data_sent; });
    CHECK(sent == 2);
  }
}

// RFC 9113 8.7: only who was never shown to the transport may be sent again.
TEST_CASE(
    "a request behind a row was never sent as long as nothing of its head was shown, however much of the row is "
    "taken") {
  for (const std::size_t part : std::initializer_list<std::size_t>{0, 5, 9, 100, 16393, 16400, 32786, 32787}) {
    for (const bool shown : {false, true}) {
      CAPTURE(part);
      CAPTURE(shown);
      Connection client(Config{.role = Role::client});
      std::vector<Seen> seen;
      const auto feed = [&](const Bytes& bytes) {
        ByteView input = bytes;
        while (const auto event = client.receive(input)) append(seen, own(*event));
      };
      feed(settings({}) + settings_ack());
      const auto upload = client.send_request(kPost, EndStream::no);
      REQUIRE(upload);
      take_output(client);
      REQUIRE(client.send_data(*upload, ByteView(body()).first(60000), Token{1}, EndStream::no));
      ByteView slices[64];
      REQUIRE(client.poll_output({slices, 6}) == 6);
      client.consume_output(part);
      const auto behind = client.send_request(kPost, EndStream::no);
      REQUIRE(behind);
      if (shown) client.poll_output(slices, 1 << 20);
      CHECK(client.poll_output({slices, 1}, 20000) == 1);  // what was shown before stays shown
      client.transport_lost();
      feed({});
      const auto end = std::find_if(seen.begin(), seen.end(), [&](const Seen& each) {
        return each.kind == Kind::stream_closed && each.stream == *behind;
      });
      REQUIRE(end != seen.end());
      CHECK((end->verdict == Verdict::never_sent) == !shown);
    }
  }
}

TEST_CASE("where output never runs dry, rows give back the memory of their headers") {
  TestMemory memory;
  Connection server(Config{.role = Role::server, .allocator = memory.allocator()});
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
  };
  feed(client_preface() + settings({{SettingId::initial_window_size, kMaxWindow}}) + settings_ack());
  feed(window_update(0, kMaxWindow - 65535) + headers(1, get(), kEnd));
  REQUIRE(server.send_response(StreamId{1}, 200, {}, EndStream::no));
  std::uint64_t early = 0;
  for (std::uint64_t round = 0; round < 8000; ++round) {
    REQUIRE(server.send_data(StreamId{1}, ByteView(body()).first(70000), Token{round}, EndStream::no));
    ByteView slices[64];
    std::size_t bytes = 0;
    for (std::size_t i = 0, count = server.poll_output(slices, 1 << 20); i < count; ++i) bytes += slices[i].size();
    server.consume_output(bytes - 1);
    feed({});
    if (round == 100) early = memory.live_bytes;
  }
  CHECK(memory.live_bytes <= early + 4096);
}

}  // namespace
}  // namespace h2::test
