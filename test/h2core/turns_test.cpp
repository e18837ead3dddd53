// Who sends next (RFC 9218 10): by urgency, whole responses one after the other, incremental ones in turns; and
// nobody starves.
#include <algorithm>
#include <map>

#include "harness.h"

namespace h2::test {
namespace {

// Responses of the same size on streams 1, 3, 5 and so on, all there before the first byte is polled; the value of
// each request's Priority field tells how they shall be served.
class Contest {
 public:
  explicit Contest(const std::vector<std::string>& priorities, std::size_t bytes = 64 * 1024, Options options = roomy())
      : body_(bytes), server_(Role::server, options) {
    server_.take = false;
    for (std::size_t i = 0; i < priorities.size(); ++i) {
      OwnedFields fields = get();
      if (!priorities[i].empty()) fields.push_back({"priority", priorities[i]});
      server_.feed(headers(id(i), fields, kEnd));
    }
    for (std::size_t i = 0; i < priorities.size(); ++i) respond(id(i));
  }
  static Options roomy() {
    Options options;
    options.peer_settings = {{SettingId::initial_window_size, 1 << 24}};
    return options;
  }
  static std::uint32_t id(std::size_t i) { return static_cast<std::uint32_t>(2 * i + 1); }

  void respond(std::uint32_t stream) {
    REQUIRE(server_.call([&](Connection& c) { return c.send_response(StreamId{stream}, 200, {}, EndStream::no); }));
    REQUIRE(
        server_.call([&](Connection& c) { return c.send_data(StreamId{stream}, body_, Token{1}, EndStream::yes); }));
  }
  Harness& server() { return server_; }

  /// The streams of the DATA frames in the order in which they leave.
  std::vector<std::uint32_t> run() {
    server_.take = true;
    server_.feed(window_update(0, 1 << 24));
    std::vector<std::uint32_t> order;
    for (const Frame& each : server_.history(FrameType::data)) order.push_back(each.header.stream.value);
    return order;
  }

 private:
  Bytes body_;
  Harness server_;
};

/// The streams in the order of their last frames.
std::vector<std::uint32_t> ends(const std::vector<std::uint32_t>& order) {
  std::map<std::uint32_t, std::size_t> last;
  for (std::size_t i = 0; i < order.size(); ++i) last[order[i]] = i;
  std::vector<std::uint32_t> streams;
  for (const auto& [stream, at] : last) streams.push_back(stream);
  std::sort(streams.begin(), streams.end(), [&](std::uint32_t a, std::uint32_t b) { return last[a] < last[b]; });
  return streams;
}
std::vector<std::uint32_t> first(const std::vector<std::uint32_t>& order, std::size_t count) {
  return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size()))};
}
using Ids = std::vector<std::uint32_t>;

TEST_CASE("whole responses of one urgency are served in the order of their streams [9218-10a]") {
  const auto order = Contest({"", "", ""}).run();
  CHECK(first(order, 4) == Ids{1, 1, 1, 1});
  CHECK(ends(order) == Ids{1, 3, 5});
  CHECK(ends(Contest({"u=5", "u=5", "u=5", "u=5"}).run()) == Ids{1, 3, 5, 7});
}

TEST_CASE("the order of streams does not depend on who answered first [9218-10a]") {
  Contest contest({});
  contest.server().feed(headers(1, get(), kEnd) + headers(3, get(), kEnd) + headers(5, get(), kEnd));
  for (const std::uint32_t stream : {5U, 1U, 3U}) contest.respond(stream);
  CHECK(ends(contest.run()) == Ids{1, 3, 5});
}

TEST_CASE("a request without parameters has their defaults: urgency 3, and only whole of use [9218-4a]") {
  Contest contest({"", "u=4", "u=2", "x=1", "u=9"});
  CHECK(contest.server().last(Kind::request, 1)->priority == Priority{3, false});
  CHECK(contest.server().last(Kind::request, 7)->priority == Priority{3, false});
  CHECK(contest.server().connection().priority(StreamId{1}) == Priority{3, false});
  CHECK(ends(contest.run()) == Ids{5, 1, 7, 9, 3});
}

TEST_CASE("RFC 7540's signals change nothing, neither for a client that said so nor for another [9218-2.1e]") {
  const auto serve = [](std::uint32_t said, bool signals) {
    Options options = Contest::roomy();
    options.peer_settings.push_back({SettingId::no_rfc7540_priorities, said});
    Contest contest({"", "", ""}, 64 * 1024, options);
    if (signals) {  // 1 below 3 below 5, each alone and with the largest weight
      contest.server().feed(wire("000005 02 00 00000001 80000003 ff") + wire("000005 02 00 00000003 80000005 ff") +
                            wire("000005 02 00 00000005 00000000 ff"));
    }
    return contest.run();
  };
  for (const std::uint32_t said : {0U, 1U}) CHECK(serve(said, true) == serve(said, false));
}

TEST_CASE("a tunnel gets some of the bandwidth, whatever else is urgent [9218-10.1a]") {
  Contest contest(std::vector<std::string>(4, "u=0"), 1 << 20);
  Harness& server = contest.server();
  server.feed(headers(9, {{":method", "CONNECT"}, {":authority", "example.com:443"}}));
  contest.respond(9);
  const auto order = contest.run();
  const auto urgent_left = std::find(order.rbegin(), order.rend(), 7U).base() - order.begin();
  CHECK(std::count(order.begin(), order.begin() + urgent_left, 9U) >= 4);
}

}  // namespace
}  // namespace h2::test
