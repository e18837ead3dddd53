// Attacks by not reading, or only just: windows of nothing, a transport that stands still, and answers that pile up.
// Numbers are those of the default Config. docs/security.md has a row for each.
#include "attack.h"

namespace h2::test {
namespace {

constexpr std::uint32_t kBudget = Config{}.work_budget;
const Bytes page(1 << 20);

// 200 and a page that is lent.
void lend_page(Connection& server, const Event& event) {
  const auto* request = std::get_if<RequestReceived>(&event);
  if (request == nullptr) return;
  REQUIRE(server.send_response(request->stream, 200, {}, EndStream::no));
  REQUIRE(server.send_data(request->stream, page, Token{1}, EndStream::yes));
}

TEST_CASE("CVE-2019-9511: whoever opens its window by single octets pays for the frames that it makes of content") {
  for (const std::uint32_t initial : {0U, 1U}) {
    CAPTURE(initial);
    Victim server(Role::server, {}, {{SettingId::initial_window_size, initial}});
    server.application = lend_page;
    server.feed(raw_headers(1, shortest_get(), kEnd));
    const std::uint64_t in = server.bytes_in, out = server.bytes_out;
    const std::uint32_t lived = server.flood(2 * kBudget, [](std::uint32_t) { return window_update(1, 1); });
    CHECK(lived <= kBudget + kBudget / 100);  // a sliver that has grown to 512 octets is none
    CHECK(server.goaway_debug == "too many WINDOW_UPDATE frames");
    CHECK(server.bytes_out - out <= server.bytes_in - in + 100);
    CHECK(server.allocations() <= 16);
    CHECK(server.peak_bytes() <= server.most_bytes());
  }
}

TEST_CASE("CVE-2019-9511: a transport that takes single octets makes no small frames, and no copies") {
  Victim server(Role::server, {}, {{SettingId::initial_window_size, kMaxWindow}});
  server.application = lend_page;
  server.takes_output = false;
  server.feed(raw_headers(1, shortest_get(), kEnd) + window_update(0, 1 << 20));
  Connection& connection = server.connection();
  std::array<ByteView, 4> slices;
  const std::uint64_t calls = server.allocations();
  for (int i = 0; i < 70000; ++i) {
    REQUIRE(connection.poll_output(slices) > 0);
    connection.consume_output(1);
  }
  CHECK(connection.counters().frames_sent <= 3 + 70000 / 16384 + 5);
  CHECK(server.allocations() - calls <= 8);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2019-9517: behind open windows and a transport that stands still nothing piles up but what was lent") {
  Victim server(Role::server, {}, {{SettingId::initial_window_size, kMaxWindow}});
  server.application = lend_page;
  server.takes_output = false;
  server.feed(window_update(0, kMaxWindow - 65535));
  std::array<ByteView, 16> slices;
  server.flood(4000, [&](std::uint32_t i) {
    server.connection().poll_output(slices);  // nothing of it is ever consumed
    return raw_headers(nth_stream(i), shortest_get(), kEnd);
  });
  CHECK(server.requests == 100);
  CHECK_FALSE(server.is_over());
  CHECK(server.connection().explain(kConnection)->receiving.what == Holdup::unread_replies);
  const std::size_t queued = server.connection().window(kConnection)->queued;
  CHECK(queued <= 64 * 1024 + 100 * 64 + Config{}.max_queued_output);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

// Heads need no window and end their streams, so the limit of streams says nothing here.
TEST_CASE("CVE-2019-9517: answers of a head alone to a client that reads none are bounded, and then it is not read") {
  const std::string location = "https://example.com/" + std::string(480, 'x');
  Victim server;
  server.application = [&](Connection& c, const Event& event) {
    const Field moved{"location", location, Indexing::never};
    if (const auto* request = std::get_if<RequestReceived>(&event))
      REQUIRE(c.send_response(request->stream, 308, {&moved, 1}, EndStream::yes));
  };
  server.takes_output = false;
  server.flood(3000, [](std::uint32_t i) { return raw_headers(nth_stream(i), shortest_get(), kEnd); });
  CHECK_FALSE(server.is_over());
  CHECK(server.requests <= 1 + Config{}.max_queued_output / 400);
  CHECK(server.connection().window(kConnection)->queued <= Config{}.max_queued_output + 1000);
  CHECK(server.connection().explain(kConnection)->receiving.what == Holdup::unread_replies);
  CHECK(server.peak_bytes() <= server.most_bytes());

  server.takes_output = true;  // it was only slow
  server.feed({});
  while (!server.unread.empty()) server.feed({});
  CHECK(server.requests == 3000);
  CHECK_FALSE(server.is_over());
}

TEST_CASE("CVE-2016-1546: windows of nothing hold streams and no memory of ours, and it is said who holds them") {
  Victim server(Role::server, {}, {{SettingId::initial_window_size, 0}});
  server.application = lend_page;
  for (std::uint32_t i = 0; i < 100; ++i) server.feed(raw_headers(nth_stream(i), shortest_get(), kEnd));
  CHECK(server.live_bytes() <= 64 * 1024);
  const auto began = server.connection().explain(StreamId{1})->sending.since;
  for (int minute = 0; minute < 10; ++minute) {
    server.feed(raw_headers(nth_stream(100 + static_cast<std::uint32_t>(minute)), shortest_get(), kEnd) + ping(1));
    server.pass(1min);
  }
  const Hold hold = server.connection().explain(StreamId{1})->sending;
  CHECK(hold.what == Holdup::stream_window);
  CHECK(hold.who == Actor::peer);
  CHECK(hold.since == began);
  CHECK(server.requests == 100);
  CHECK(server.live_bytes() <= 64 * 1024);
  // What the application does about it.
  for (std::uint32_t i = 0; i < 100; ++i)
    REQUIRE(server.connection().reset(StreamId{nth_stream(i)}, ErrorCode::cancel));
  server.feed({});
  CHECK(server.connection().open_streams() == 0);
}

TEST_CASE("CVE-2019-9517: copies are bounded for each stream, whatever the client does not read") {
  Victim server(Role::server, {}, {{SettingId::initial_window_size, 0}});
  server.application = [](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request == nullptr) return;
    REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    REQUIRE(*c.send_copy(request->stream, page, EndStream::yes) == Config{}.copy_bound);
    CHECK(*c.send_copy(request->stream, page, EndStream::yes) == 0);
  };
  for (std::uint32_t i = 0; i < 200; ++i) server.feed(raw_headers(nth_stream(i), shortest_get(), kEnd));
  CHECK(server.requests == 100);
  CHECK(server.peak_bytes() <= 100 * Config{}.copy_bound + server.most_bytes());
}

TEST_CASE("a preface that never ends has ten seconds and holds next to nothing") {
  TestMemory memory;
  Config config;
  config.allocator = memory.allocator();
  Connection server(config);
  TimePoint now{1h};
  const Bytes preface = client_preface();
  int seconds = 0;
  for (; server.transport_wish() == TransportWish::open && seconds < 20; ++seconds) {
    server.advance_time(now += 1s);
    const Bytes one{preface[static_cast<std::size_t>(seconds)]};
    ByteView input = one;
    while (server.receive(input)) continue;
    take_output(server);
  }
  CHECK(seconds == 11);
  CHECK(memory.most_bytes <= 8192);
}

}  // namespace
}  // namespace h2::test
