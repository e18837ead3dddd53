// One reader that never reads, and the others: with `consume_connection` they have the link as if it were not there.
#include "line.h"

namespace h2::test {
namespace {

constexpr std::size_t kPerMs = 12500;  // 100 Mbit/s
constexpr int kOneWayMs = 10;
constexpr StreamId kStuck{1};

/// Five uploads, the first of which nobody reads; its share of the connection's window is given back.
void leave_the_first(Connection& server, const DataReceived& piece) {
  if (piece.stream == kStuck) server.consume_connection(piece.stream, piece.data.size());
  else server.consume(piece.stream, piece.data.size());
}

std::uint64_t others(Line& line, int ms) {
  const std::uint64_t stuck = line.received(kStuck);
  const std::uint64_t all = line.run(ms);
  return all - (line.received(kStuck) - stuck);
}

struct Case {
  std::uint32_t connection_window, stream_window, window_limit;
};
// Windows that fit the link and do not grow; small ones that do not grow either; and small ones that grow.
constexpr Case kCases[] = {{1 << 20, 1 << 19, 0}, {65535, 30000, 0}, {65535, 65535, 8 << 20}};

Config config_of(const Case& each) {
  Config config;
  config.connection_window = each.connection_window;
  config.settings.initial_window_size = each.stream_window;
  config.window_limit = each.window_limit;
  return config;
}

TEST_CASE("a reader that never reads costs the others nothing: they go on at the speed that they have without it") {
  for (const Case& each : kCases) {
    CAPTURE(each.connection_window);
    CAPTURE(each.window_limit);
    Line with(kPerMs, kOneWayMs, config_of(each), 5);
    with.on_data = leave_the_first;
    Line without(kPerMs, kOneWayMs, config_of(each), 4);
    with.run(4000);  // until the first has filled its window
    without.run(4000);
    const std::uint64_t stuck = with.received(kStuck);
    const std::uint64_t slowed = others(with, 2000), free = without.run(2000);
    CHECK(with.received(kStuck) == stuck);
    CHECK(stuck > 0);
    CHECK(slowed * 100 >= free * 98);
    CHECK(free * 100 >= slowed * 98);
    CHECK(free > 1000000);
  }
}

TEST_CASE("without consume_connection the same reader stops all others, once it holds the connection's window") {
  Line line(kPerMs, kOneWayMs, config_of({100000, 100000, 0}), 2);
  line.on_data = [](Connection& server, const DataReceived& piece) {
    if (piece.stream != kStuck) server.consume(piece.stream, piece.data.size());
  };
  line.run(2000);
  CHECK(line.received(kStuck) > 50000);
  CHECK(line.run(1000) == 0);
  line.server().consume_connection(kStuck, 100000);  // and this is all that it takes
  CHECK(line.run(1000) > 100000);
}

TEST_CASE("a reader that holds half of the connection's window leaves the other half to the others") {
  Line line(kPerMs, kOneWayMs, config_of({200000, 100000, 0}), 3);
  line.on_data = [](Connection& server, const DataReceived& piece) {
    if (piece.stream != kStuck) server.consume(piece.stream, piece.data.size());
  };
  line.run(2000);
  CHECK(line.received(kStuck) == 100000);
  const std::uint64_t bytes = line.run(2000);
  CHECK(bytes > 2000 / 25 * 50000);  // half of what is left in each round trip, at least
}

TEST_CASE("a reader that comes back gets on at once") {
  Line line(kPerMs, kOneWayMs, config_of(kCases[0]), 3);
  line.on_data = leave_the_first;
  line.run(1000);
  const std::uint64_t stuck = line.received(kStuck);
  CHECK(stuck == 1 << 19);
  line.server().consume_stream(kStuck, stuck);
  line.run(100);
  CHECK(line.received(kStuck) > stuck);
}

}  // namespace
}  // namespace h2::test
