// Windows that fit the link by themselves: a simulated line of a given rate and delay, and what a reader gets through it.
#include "harness.h"

namespace h2::test {
namespace {

/// An upload without end over a line, one tick of a millisecond at a time. The server consumes at once.
class Line {
 public:
  Line(std::size_t bytes_per_ms, int one_way_ms, Config server_config = {})
      : per_ms_(bytes_per_ms), delay_(one_way_ms) {
    Config client_config;
    client_config.role = Role::client;
    server_config.role = Role::server;
    client_.emplace(client_config);
    server_.emplace(server_config);
    REQUIRE(client_->send_request(kPost, EndStream::no));
    fill();
  }

  /// Returns how many bytes of content arrived meanwhile.
  std::uint64_t run(int ms) {
    const std::uint64_t before = received_;
    for (const int end = tick_ + ms; tick_ < end; ++tick_) {
      const TimePoint now{std::chrono::milliseconds(tick_ + 1)};
      client_->advance_time(now);
      server_->advance_time(now);
      move(*client_, to_server_);
      move(*server_, to_client_);
      deliver(to_server_, *server_);
      deliver(to_client_, *client_);
    }
    return received_ - before;
  }
  Connection& server() { return *server_; }
  bool consumes = true;

 private:
  struct Parcel {
    int arrives;
    Bytes bytes;
  };
  void move(Connection& from, std::deque<Parcel>& line) {
    Bytes bytes;
    std::array<ByteView, 16> slices;
    for (std::size_t room = per_ms_; room > 0;) {
      const std::size_t n = from.poll_output(slices, room);
      std::size_t taken = 0;
      for (const ByteView& slice : std::span(slices).first(n)) {
        const ByteView part = slice.first(std::min(slice.size(), room - taken));
        bytes.insert(bytes.end(), part.begin(), part.end());
        taken += part.size();
      }
      if (taken == 0) break;
      from.consume_output(taken);
      room -= taken;
    }
    if (!bytes.empty()) line.push_back({tick_ + delay_, std::move(bytes)});
  }
  void deliver(std::deque<Parcel>& line, Connection& to) {
    while (!line.empty() && line.front().arrives <= tick_) {
      ByteView input = line.front().bytes;
      drain(to, input);
      line.pop_front();
    }
    ByteView none;
    drain(to, none);
  }
  void drain(Connection& to, ByteView& input) {
    while (const auto event = to.receive(input)) {
      if (const auto* data = std::get_if<DataReceived>(&*event)) {
        received_ += data->data.size();
        if (consumes) to.consume(data->stream, data->data.size());
      } else if (std::holds_alternative<DataSent>(*event)) {
        fill();
      } else if (std::holds_alternative<ConnectionFailed>(*event)) {
        FAIL("the connection failed");
      }
    }
  }
  void fill() { REQUIRE(client_->send_data(StreamId{1}, content_, Token{1}, EndStream::no)); }

  std::optional<Connection> client_, server_;
  Bytes content_ = Bytes(1 << 20);
  std::size_t per_ms_;
  int delay_, tick_ = 0;
  std::deque<Parcel> to_server_, to_client_;
  std::uint64_t received_ = 0;
};

constexpr std::size_t kGigabit = 125000;  // bytes per millisecond

TEST_CASE("windows grow to 90 % of a gigabit over 100 ms, and stay inside their limit") {
  Line line(kGigabit, 50);
  line.run(3000);
  const std::uint64_t bytes = line.run(2000);
  CHECK(bytes >= kGigabit * 2000 * 9 / 10);
  CHECK(line.server().counters().windows_grown > 0);
  const WindowView stream = *line.server().window(StreamId{1});
  const WindowView connection = *line.server().window(kConnection);
  CHECK(stream.recv_window + static_cast<std::int64_t>(stream.owed) <= 16 << 20);
  CHECK(connection.recv_window + static_cast<std::int64_t>(connection.owed) <= 16 << 20);
}

TEST_CASE("without growth the same link carries a window in each round trip at most: 5 Mbit/s") {
  Config config;
  config.window_limit = 0;
  Line line(kGigabit, 50, config);
  line.run(1000);
  const std::uint64_t bits_per_second = line.run(2000) * 8 / 2;
  CHECK(bits_per_second > 2500000);
  CHECK(bits_per_second < 6000000);
  CHECK(line.server().counters().windows_grown == 0);
}

TEST_CASE("windows grow no further than a slow link asks for, and then the probing falls silent") {
  Line line(1250, 20);  // 10 Mbit/s over 40 ms: 50,000 bytes under way
  line.run(4000);
  const std::uint64_t frames = line.server().counters().frames_sent;
  const std::uint64_t updates = line.server().counters().window_updates_sent;
  const std::uint64_t bytes = line.run(20000);
  CHECK(bytes >= std::uint64_t{1250} * 20000 * 9 / 10);
  CHECK(line.server().window(StreamId{1})->recv_window <= 1 << 20);
  const std::uint64_t others =
      line.server().counters().frames_sent - frames - (line.server().counters().window_updates_sent - updates);
  CHECK(others <= 6);  // pauses of 1, 2, 4, 8 s ...
}

TEST_CASE("a reader that stops holds no more than the limit, however large the windows grew") {
  Config config;
  config.window_limit = 4 << 20;
  Line line(kGigabit, 50, config);
  line.run(3000);
  line.consumes = false;
  const std::uint64_t held = line.run(2000);
  CHECK(held <= 4 << 20);
  CHECK(line.run(1000) == 0);
}

TEST_CASE("windows that their caller has chosen do not grow") {
  Line line(kGigabit, 50);
  line.run(60);  // the request is there
  REQUIRE(line.server().set_window(StreamId{1}, 100000));
  REQUIRE(line.server().set_window(kConnection, 1 << 20));
  line.run(2000);
  const WindowView stream = *line.server().window(StreamId{1});
  CHECK(stream.recv_window + static_cast<std::int64_t>(stream.owed) <= 100000);
  const std::uint64_t bytes = line.run(1000);
  CHECK(bytes <= 1000000);  // a window in each round trip
  CHECK(bytes >= 500000);
}

TEST_CASE("an exchange of short messages causes no PING") {
  Pair pair;
  pair.server.on_event = [](Connection& c, const Event& event) {
    if (const auto* data = std::get_if<DataReceived>(&event)) {
      c.consume(data->stream, data->data.size());
      if (data->end == EndStream::yes) REQUIRE(c.send_response(data->stream, 204, {}, EndStream::yes));
    }
  };
  const std::string content(1000, 'x');
  for (int i = 0; i < 50; ++i) {
    const auto id = pair.client.connection->send_request(kPost, EndStream::no);
    REQUIRE(id);
    REQUIRE(pair.client.connection->send_copy(*id, std::as_bytes(std::span(content)), EndStream::yes));
    pair.settle();
    pair.pass(1ms);
  }
  CHECK(of_kind(pair.client.events, Kind::stream_closed).size() == 50);
  CHECK(pair.server.connection->counters().windows_grown == 0);
}

}  // namespace
}  // namespace h2::test
