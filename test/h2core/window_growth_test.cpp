// Windows that fit the link by themselves: a simulated line of a given rate and delay, and what a reader gets through
// it.
#include "line.h"

namespace h2::test {
namespace {

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

TEST_CASE("windows do not grow for a reader who keeps what comes") {
  Line line(kGigabit, 5);
  line.consumes = false;
  CHECK(line.run(3000) == 65535);
  CHECK(line.server().counters().windows_grown == 0);
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
