// Attacks by header blocks: what decodes to more than it is, what never ends, and what is kept for later. Numbers are
// those of the default Config. docs/security.md has a row for each.
#include "attack.h"

namespace h2::test {
namespace {

constexpr std::uint32_t kBudget = Config{}.work_budget;

// A literal that enters the table (RFC 7541 6.2.1).
Bytes indexed_literal(const std::string& name, const std::string& value) {
  Bytes bytes = block({{name, value}});
  bytes[0] = std::byte{0x40};
  return bytes;
}
const Bytes newest{std::byte{0xbe}};   // the newest entry of the table, name and value
const std::string four_kb(4000, 'x');  // fills the table alone

TEST_CASE("CVE-2016-6581: of an HPACK bomb nothing is kept; it is answered by 431 and paid from the budget") {
  Victim server;
  server.feed(raw_headers(1, shortest_get() + indexed_literal("a", four_kb), kEnd));
  REQUIRE(server.requests == 1);
  const std::uint64_t before = server.allocations();
  const Bytes bomb = shortest_get() + repeat(newest, 17);  // 20 octets that mean 68 kB
  const std::uint32_t lived =
      server.flood(kBudget, [&](std::uint32_t i) { return raw_headers(nth_stream(i + 1), bomb, kEnd); });
  CHECK(lived == kBudget / 4);
  CHECK(server.goaway_debug == "too many field sections over the limit");
  REQUIRE(server.warning);
  CHECK(server.warning->cause == Work::large_section);
  CHECK(server.requests == 1);
  CHECK(server.bytes_out <= server.bytes_in);
  CHECK(server.allocations() - before <= 8);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2016-6581: the largest bomb costs no more memory, and the budget sixteen times sooner") {
  for (const bool names : {false, true}) {  // one octet for a field; two octets that copy a name of 4 kB
    CAPTURE(names);
    Victim server;
    server.feed(raw_headers(1, shortest_get() + indexed_literal(names ? four_kb : "a", names ? "" : four_kb), kEnd));
    REQUIRE(server.requests == 1);
    const std::uint64_t before = server.allocations();
    const Bytes bomb = shortest_get() + (names ? repeat(wire("7e00"), 8000) : repeat(newest, 16000));
    const std::uint32_t lived =
        server.flood(kBudget, [&](std::uint32_t i) { return raw_headers(nth_stream(i + 1), bomb, kEnd); });
    CHECK(lived == kBudget / (4 + 16003 / 256));
    CHECK(server.requests == 1);
    CHECK(server.bytes_out * 1000 <= server.bytes_in);
    CHECK(server.allocations() - before <= 16 + 4 * lived);  // none for a field
    CHECK(server.peak_bytes() <= server.most_bytes());
  }
}

TEST_CASE("a field counts its 32 octets of overhead: one octet on the wire is 33 of the list") {
  Config config;
  config.max_fields = 1000000;
  Victim server(Role::server, config);
  server.feed(raw_headers(1, shortest_get() + indexed_literal("a", ""), kEnd));
  const std::size_t pseudo = 42 + 44 + 38, most = (65536 - pseudo) / 33;
  server.feed(raw_headers(3, shortest_get() + repeat(newest, most), kEnd));
  CHECK(server.requests == 2);
  server.feed(raw_headers(5, shortest_get() + repeat(newest, most + 1), kEnd));
  CHECK(server.requests == 2);
  CHECK(server.work(Work::large_section) == 1);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

// A table entry `cookie: a=b`, then as many crumbs of one octet each as a section may have fields; the window is zero,
// so that the responses, and with them the streams, stand for ever.
TEST_CASE("CVE-2026-49975: each cookie crumb is a field, and a stream that is held by its window holds no section") {
  static const Bytes page(1 << 20);
  Victim server(Role::server, {}, {{SettingId::initial_window_size, 0}});
  std::size_t longest = 0;
  server.application = [&](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request == nullptr) return;
    CHECK(request->fields.size() == 1);
    longest = std::max(longest, request->fields[0].value.size());
    REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    REQUIRE(c.send_data(request->stream, page, Token{1}, EndStream::yes));
  };
  server.feed(raw_headers(1, shortest_get() + wire("60 03 'a=b'"), kEnd));
  const std::uint32_t crumbs = Config{}.max_fields - 3;
  const Bytes bomb = shortest_get() + repeat(newest, crumbs);
  server.feed(raw_headers(3, bomb, kEnd));
  const std::uint64_t one_held = server.live_bytes();
  for (std::uint32_t i = 2; i < 100; ++i) server.feed(raw_headers(nth_stream(i), bomb, kEnd));
  CHECK(server.requests == 100);
  CHECK(longest == 5 * crumbs - 2);
  CHECK(server.live_bytes() - one_held <= 98 * 512);
  CHECK(server.peak_bytes() <= server.most_bytes());

  const std::uint32_t lived = server.flood(kBudget, [&](std::uint32_t i) {
    return raw_headers(nth_stream(100 + i), bomb, kEnd) + window_update(1, 1);  // so that it never looks dead
  });
  CHECK(lived <= kBudget / 5);
  CHECK(server.requests == 100);
  CHECK(server.bytes_out <= server.bytes_in);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2026-49975: one crumb more than a section may have fields is one too many, joined or not") {
  for (const bool join : {true, false}) {
    Config config;
    config.join_cookies = join;
    Victim server(Role::server, config);
    server.feed(raw_headers(1, shortest_get() + wire("60 03 'a=b'"), kEnd));
    server.feed(raw_headers(3, shortest_get() + repeat(newest, config.max_fields - 3), kEnd));
    CHECK(server.requests == 2);
    server.feed(raw_headers(5, shortest_get() + repeat(newest, config.max_fields - 2), kEnd));
    CHECK(server.requests == 2);
    CHECK(server.work(Work::large_section) == 1);
  }
}

TEST_CASE("a joined cookie is no longer than the list of its crumbs") {
  Config config;
  config.max_fields = 1000000;
  Victim server(Role::server, config);
  std::size_t longest = 0;
  server.application = [&](Connection&, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event))
      longest = std::max(longest, request->fields[0].value.size());
  };
  server.feed(raw_headers(1, shortest_get() + indexed_literal("cookie", ""), kEnd));
  std::uint32_t asked = 1;
  for (const std::size_t value : {0U, 1U, 20U, 4000U}) {
    const std::size_t most = (65536 - 124) / (38 + value);
    const Bytes crumbs = indexed_literal("cookie", std::string(value, 'x')) + repeat(newest, most - 1);
    server.feed(raw_headers(nth_stream(asked), shortest_get() + crumbs, kEnd));
    CHECK(server.requests == ++asked);
  }
  CHECK(longest <= 65536);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("VU#421644: a block of too many CONTINUATION frames ends the connection, empty ones count") {
  const Bytes begun = frame(FrameType::headers, 0, 1, shortest_get());
  const auto more = [](std::size_t bytes) {
    return [bytes](std::uint32_t) { return frame(FrameType::continuation, 0, 1, repeat(newest, bytes)); };
  };
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{500}}) {
    CAPTURE(bytes);
    Victim server;
    server.feed(begun);
    CHECK(server.flood(1000, more(bytes)) == Config{}.max_continuations);
    CHECK(server.failure == Violation::continuation_flood);
    CHECK(server.goaway_debug == describe(Violation::continuation_flood).sentence);
    CHECK(server.events == 1);
    CHECK(server.allocations() <= 8 + bytes);
    CHECK(server.peak_bytes() <= server.most_bytes());
  }
}

TEST_CASE("VU#421644: a block longer than its list may be ends the connection, before it is decoded") {
  Victim server;
  server.feed(frame(FrameType::headers, 0, 1, repeat(wire("82"), 16384)));
  const std::uint32_t lived =
      server.flood(1000, [](std::uint32_t) { return frame(FrameType::continuation, 0, 1, repeat(wire("82"), 16384)); });
  CHECK(lived == 4);  // 65,536 and a frame of slack
  CHECK(server.failure == Violation::header_block_too_large);
  CHECK(server.events == 1);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2026-33871: blocks with as many empty CONTINUATION frames as are allowed cost no memory each") {
  Victim server;
  server.application = answer_at_once;
  const auto request = [](std::uint32_t i) {
    const std::uint32_t stream = nth_stream(i);
    return frame(FrameType::headers, kEnd, stream, shortest_get()) +
           repeat(frame(FrameType::continuation, 0, stream), 31) +
           frame(FrameType::continuation, flags::end_headers, stream);
  };
  server.flood(10, request);
  const std::uint64_t before = server.allocations();
  CHECK(server.flood(2000, [&](std::uint32_t i) { return request(i + 10); }) == 2000);
  CHECK(server.requests == 2010);
  CHECK(server.allocations() == before);
  CHECK(server.bytes_out * 20 <= server.bytes_in);
}

TEST_CASE("a header block that is fed a frame a second has ten seconds, and its memory a bound") {
  Victim server;
  server.feed(frame(FrameType::headers, 0, 1, shortest_get()));
  int seconds = 0;
  for (; !server.is_over() && seconds < 60; ++seconds) {
    server.feed(frame(FrameType::continuation, 0, 1, newest));
    server.pass(1s);
  }
  CHECK(seconds == 10);
  CHECK(server.failure == Violation::header_block_timeout);
}

TEST_CASE("CVE-2019-9516: fields without a name are refused, and the table holds no more of them than its octets say") {
  Victim server;
  const Bytes nameless = shortest_get() + repeat(wire("40 00 00"), 50);
  const std::uint32_t lived =
      server.flood(kBudget, [&](std::uint32_t i) { return raw_headers(nth_stream(i), nameless, kEnd); });
  CHECK(lived == (kBudget - 1) / 4);
  CHECK(server.goaway_debug == "too many streams broke a rule");
  CHECK(server.requests == 0);
  CHECK(server.bytes_out <= server.bytes_in);
  CHECK(server.allocations() <= 32);
  CHECK(server.peak_bytes() <= server.most_bytes());
}

TEST_CASE("CVE-2022-41717: names that were never seen before leave nothing behind but the table") {
  Victim server;
  server.application = answer_at_once;
  const auto request = [](std::uint32_t i) {
    const std::string name = "x-" + std::to_string(i) + std::string(100, 'y');
    return raw_headers(nth_stream(i), shortest_get() + indexed_literal(name, "1"), kEnd);
  };
  server.flood(200, request);
  const std::uint64_t early = server.live_bytes(), before = server.allocations();
  CHECK(server.flood(5000, [&](std::uint32_t i) { return request(i + 200); }) == 5000);
  CHECK(server.live_bytes() <= early);
  CHECK(server.allocations() == before);
}

}  // namespace
}  // namespace h2::test
