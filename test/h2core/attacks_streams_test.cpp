// Attacks by streams that are opened for nothing: reset by the peer, reset by us because the peer wants it so, refused,
// or left behind. Numbers are those of the default Config. docs/security.md has a row for each.
#include "attack.h"

namespace h2::test {
namespace {

constexpr std::uint32_t kBudget = Config{}.work_budget;

Bytes cancelled(std::uint32_t stream, const Bytes& between = {}) {
  return raw_headers(stream, shortest_post()) + between + rst(stream, ErrorCode::cancel);
}

// What every attack by resets has to stay within. Each request that the application heard of is over.
void check_bounds(Victim& server) {
  CHECK(server.failure == Violation::work_budget_empty);
  CHECK(server.connection().open_streams() == 0);
  CHECK(server.bytes_out <= server.bytes_in + 100);
  CHECK(server.allocations() <= 32);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2023-44487: streams that are opened and reset at once: 5,000 in a burst, then 500 a second") {
  Victim server;
  const std::uint32_t lived = server.flood(kBudget, [](std::uint32_t i) { return cancelled(nth_stream(i)); });
  CHECK(lived == 4999);
  CHECK(server.goaway_debug == "too many streams were reset");
  REQUIRE(server.warning);
  CHECK(server.warning->cause == Work::reset_by_peer);
  CHECK(server.bytes_in_at_warning * 2 <= server.bytes_in + 100);
  CHECK(server.requests == 5000);
  CHECK(server.resets == 4999);
  check_bounds(server);

  Victim patient;
  std::uint32_t next = 0;
  for (int tenth = 0; tenth < 100; ++tenth) {
    for (int i = 0; i < 50; ++i) patient.feed(cancelled(nth_stream(next++)));
    patient.pass(100ms);
  }
  CHECK_FALSE(patient.is_over());
  CHECK_FALSE(patient.warning);
}

TEST_CASE("CVE-2023-44487: as many as may be open at a time, and then all of them are reset") {
  Victim server;
  const std::uint32_t lived = server.flood(kBudget, [](std::uint32_t i) {
    Bytes round;
    for (std::uint32_t k = 0; k < 100; ++k)
      round = std::move(round) + raw_headers(nth_stream(100 * i + k), shortest_get(), kEnd);
    for (std::uint32_t k = 0; k < 100; ++k) round = std::move(round) + rst(nth_stream(100 * i + k), ErrorCode::cancel);
    return round;
  });
  CHECK(lived == 49);
  check_bounds(server);
}

TEST_CASE("CVE-2023-44487: content of an octet or two buys no resets") {
  for (const std::size_t octets : {1U, 100U}) {
    CAPTURE(octets);
    Victim server;
    server.application = [](Connection& c, const Event& event) {
      if (const auto* piece = std::get_if<DataReceived>(&event)) c.consume(piece->stream, piece->data.size());
    };
    const std::uint32_t lived = server.flood(2 * kBudget, [&](std::uint32_t i) {
      return cancelled(nth_stream(i), repeat(data(nth_stream(i), std::string(octets, 'x')), 4));
    });
    CHECK(lived == 4999);
    check_bounds(server);
  }
}

TEST_CASE("CVE-2023-44487: a download that is taken in small pieces buys no resets") {
  static const Bytes page(10 << 20);
  Victim server(Role::server, {}, {{SettingId::initial_window_size, 1000}});
  server.application = [](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request == nullptr || request->stream != StreamId{1}) return;
    REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    REQUIRE(c.send_data(request->stream, page, Token{1}, EndStream::yes));
  };
  server.feed(raw_headers(1, shortest_get(), kEnd));
  const std::uint32_t lived = server.flood(2 * kBudget, [](std::uint32_t i) {
    return window_update(1, 100) + window_update(0, 100) + cancelled(nth_stream(i + 1));
  });
  CHECK(lived <= 5000);
  CHECK(server.goaway_debug == "too many streams were reset");
}

TEST_CASE("CVE-2023-44487: requests that are answered pay for no more resets than there are of them") {
  Victim server;
  server.application = [](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request != nullptr && request->stream.value % 6 == 1) answer_at_once(c, event);
  };
  const std::uint32_t lived = server.flood(2 * kBudget, [](std::uint32_t i) {
    return raw_headers(nth_stream(3 * i), shortest_get(), kEnd) + cancelled(nth_stream(3 * i + 1)) +
           cancelled(nth_stream(3 * i + 2));
  });
  CHECK(lived <= 5000);
  check_bounds(server);
}

// Each is a request that is in order, and then what makes us reset its stream. `cost` is what the budget loses by one.
struct Trigger {
  std::string name;
  std::function<Bytes(std::uint32_t)> bytes;
  std::uint32_t cost;
};

std::vector<Trigger> triggers() {
  return {
      {"WINDOW_UPDATE by zero", [](std::uint32_t s) { return raw_headers(s, shortest_post()) + window_update(s, 0); },
       3},
      {"WINDOW_UPDATE past 2^31-1",
       [](std::uint32_t s) { return raw_headers(s, shortest_post()) + window_update(s, 0x7fffffff); }, 3},
      {"PRIORITY of four octets",
       [](std::uint32_t s) { return raw_headers(s, shortest_post()) + frame(FrameType::priority, 0, s, Bytes(4)); }, 2},
      {"HEADERS behind END_STREAM",
       [](std::uint32_t s) { return raw_headers(s, shortest_get(), kEnd) + raw_headers(s, shortest_get(), kEnd); }, 2},
      {"DATA behind END_STREAM", [](std::uint32_t s) { return raw_headers(s, shortest_get(), kEnd) + data(s, "x"); },
       2},
      {"trailers that do not end", [](std::uint32_t s) { return raw_headers(s, shortest_post()) + raw_headers(s, {}); },
       2},
      {"trailers with a pseudo-field",
       [](std::uint32_t s) { return raw_headers(s, shortest_post()) + raw_headers(s, shortest_get(), kEnd); }, 2},
      {"more content than was announced",
       [](std::uint32_t s) { return raw_headers(s, shortest_post() + wire("0f 0d 01 '1'")) + data(s, "xy"); }, 2},
      {"less content than was announced",
       [](std::uint32_t s) { return raw_headers(s, shortest_post() + wire("0f 0d 01 '1'")) + data(s, "", kEnd); }, 2},
      {"a field name in capitals",
       [](std::uint32_t s) { return raw_headers(s, shortest_post() + wire("00 01 'A' 00")); }, 4},
  };
}

TEST_CASE("CVE-2025-8671: streams that we are made to reset cost their peer what resetting them would") {
  for (const Trigger& trigger : triggers()) {
    CAPTURE(trigger.name);
    Victim server;
    const std::uint32_t lived =
        server.flood(2 * kBudget, [&](std::uint32_t i) { return trigger.bytes(nth_stream(i)); });
    CHECK(lived >= kBudget / trigger.cost - 3);
    CHECK(lived <= kBudget / trigger.cost);
    CHECK(server.goaway_debug == "too many streams broke a rule");
    CHECK(server.work(Work::stream_error) == lived + 1);
    CHECK(server.resets == (trigger.cost == 4 ? 0 : lived));  // a malformed request is never heard of
    check_bounds(server);
  }
}

TEST_CASE("CVE-2025-8671: a stream that depends on itself is no error any more") {
  Victim server;
  server.feed(raw_headers(1, shortest_post()) + wire("000005 02 00 00000001 00000001 0f"));
  CHECK(server.resets == 0);
  CHECK(server.work(Work::priority) == 1);
}

TEST_CASE("CVE-2019-9514: whoever makes us reset and reads none of it is read no further") {
  Victim server;
  server.takes_output = false;
  Config generous;
  const Bytes broken = shortest_get() + wire("00 01 'A' 00");
  const std::uint32_t lived =
      server.flood(kBudget, [&](std::uint32_t i) { return raw_headers(nth_stream(i), broken, kEnd); });
  CHECK(lived == (kBudget - 1) / 4);  // the budget is used up first: 33 kB of RST_STREAM
  CHECK(server.connection().window(kConnection)->queued <= generous.max_queued_output);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("requests over the limit of streams are refused, and cost what other resets cost") {
  Victim server;
  for (std::uint32_t i = 0; i < 100; ++i) server.feed(raw_headers(nth_stream(i), shortest_get(), kEnd));
  const std::uint64_t calls = server.allocations();
  const std::uint32_t lived =
      server.flood(kBudget, [](std::uint32_t i) { return raw_headers(nth_stream(100 + i), shortest_get(), kEnd); });
  CHECK(lived == kBudget / 4);
  CHECK(server.goaway_debug == "too many requests over the limit of streams");
  CHECK(server.requests == 100);
  CHECK(server.bytes_out <= server.bytes_in + server.bytes_in / 10);  // RST_STREAM has 13 octets, the request 12
  CHECK(server.allocations() - calls <= 8);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2023-26964: streams that are gone are forgotten, however many they were") {
  Config config;
  config.work_budget = 0xffffffff;
  Victim server(Role::server, config);
  server.flood(1000, [](std::uint32_t i) { return cancelled(nth_stream(i)); });
  const std::uint64_t live = server.live_bytes(), calls = server.allocations();
  CHECK(server.flood(20000, [](std::uint32_t i) { return cancelled(nth_stream(1000 + i)); }) == 20000);
  CHECK(server.live_bytes() == live);
  CHECK(server.allocations() == calls);
}

TEST_CASE("streams that are gone are forgotten by their number too: one in four is passed over, or named late") {
  Config config;
  config.work_budget = 0xffffffff;
  Victim server(Role::server, config);
  const auto round = [](std::uint32_t i) {
    const std::uint32_t stream = 8 * i + 1;
    return cancelled(stream) + raw_headers(stream + 4, shortest_get() + wire("00 01 'A' 00")) +
           data(stream > 2000 ? stream - 2000 : stream, "late") + window_update(stream, 1) + cancelled(stream + 6);
  };
  server.flood(1000, round);
  const std::uint64_t live = server.live_bytes(), calls = server.allocations();
  CHECK(server.flood(5000, [&](std::uint32_t i) { return round(1000 + i); }) == 5000);
  CHECK(server.live_bytes() == live);
  CHECK(server.allocations() == calls);
}

// The application keeps what it got and gives nothing back, as one that waits for a slow backend would.
TEST_CASE("streams that are gone and whose content nobody has consumed are as many as may be open, and no more") {
  Victim server;
  const std::uint32_t lived =
      server.flood(2 * kBudget, [](std::uint32_t i) { return cancelled(nth_stream(i), data(nth_stream(i), "x")); });
  CHECK(lived <= 5000);
  CHECK(server.requests == 100);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("a caller who is behind with consuming is sent nothing new, which is no fault of its client's") {
  Victim server;
  server.application = answer_at_once;
  const auto upload = [](std::uint32_t i) {
    return raw_headers(nth_stream(i), shortest_post()) + data(nth_stream(i), "x", kEnd);
  };
  for (std::uint32_t i = 0; i < 1000; ++i) server.feed(upload(i));
  CHECK(server.requests == 100);
  CHECK(server.connection().counters().streams_refused == 900);
  CHECK_FALSE(server.warning);
  for (std::uint32_t i = 0; i < 100; ++i) server.connection().release(StreamId{nth_stream(i)});
  for (std::uint32_t i = 1000; i < 1050; ++i) server.feed(upload(i));
  CHECK(server.requests == 150);
}

}  // namespace
}  // namespace h2::test
