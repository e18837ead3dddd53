// Attacks by many frames, each of which is allowed: what each costs, what it makes us send, and when it is over.
// Numbers are those of the default Config. docs/security.md has a row for each.
#include "attack.h"

namespace h2::test {
namespace {

constexpr std::uint32_t kBudget = Config{}.work_budget;

struct Flood {
  std::string name;
  Work cause;
  Bytes frames;
};

std::vector<Flood> floods() {
  return {
      {"CVE-2019-9512, PING", Work::ping, ping(1)},
      {"PING ACK that nobody waits for", Work::ping, ping(1, true)},
      {"CVE-2019-9515, SETTINGS", Work::settings, settings({})},
      {"SETTINGS that change the table", Work::settings,
       settings({{SettingId::header_table_size, 0}, {SettingId::header_table_size, 4096}})},
      {"WINDOW_UPDATE of the connection", Work::window_update, window_update(0, 1)},
      {"WINDOW_UPDATE of a stream", Work::window_update, window_update(1, 1)},
      {"CVE-2019-9513, PRIORITY of an open stream", Work::priority, wire("000005 02 00 00000001 00000003 0f")},
      {"CVE-2019-9513, PRIORITY of an idle stream", Work::priority, wire("000005 02 00 7fffffff 00000001 ff")},
      {"CVE-2015-8659, PRIORITY of a stream upon itself", Work::priority, wire("000005 02 00 00000001 80000001 0f")},
      {"PRIORITY_UPDATE of an open stream", Work::priority, wire("000007 10 00 00000000 00000001 'u=1'")},
      {"PRIORITY_UPDATE of an idle stream", Work::priority, wire("000007 10 00 00000000 00000101 'u=1'")},
      {"GOAWAY", Work::goaway, goaway(0, ErrorCode::no_error)},
      {"a frame of no known type", Work::extension, wire("000003 ee 00 00000001 'abc'")},
      {"ALTSVC to a server", Work::extension, wire("000002 0a 00 00000000 0000")},
      {"ORIGIN to a server", Work::extension, wire("000000 0c 00 00000000")},
      {"CVE-2019-9518, DATA of no content", Work::empty_data, data(1, "")},
      {"CVE-2019-9518, DATA of nothing but padding", Work::empty_data, wire("000004 00 08 00000001 03 000000")},
      {"DATA on a stream that was reset", Work::late_frame, data(3, "x")},
      {"trailers on a stream that was reset", Work::late_frame, raw_headers(3, wire("82"), kEnd)},
  };
}

TEST_CASE("VU#605641: a flood of frames that move nothing costs what it brings, no memory, and ends at its budget") {
  for (const Flood& flood : floods()) {
    CAPTURE(flood.name);
    Victim server;
    server.feed(raw_headers(1, shortest_post()) + raw_headers(3, shortest_post()) + rst(3, ErrorCode::cancel));
    server.flood(10, [&](std::uint32_t) { return flood.frames; });
    const std::uint64_t calls = server.allocations(), in = server.bytes_in, out = server.bytes_out;
    const std::uint32_t lived = 10 + server.flood(kBudget, [&](std::uint32_t) { return flood.frames; });
    CHECK(lived >= kBudget - 10);  // the handshake and the reset had their part
    CHECK(lived <= kBudget);
    CHECK(server.failure == Violation::work_budget_empty);
    CHECK(server.goaway_debug == describe(flood.cause));
    CHECK(server.work(flood.cause) >= lived);
    REQUIRE(server.warning);
    CHECK(server.warning->cause == flood.cause);
    CHECK(server.bytes_in_at_warning * 2 <= server.bytes_in + 2 * flood.frames.size() + 100);
    CHECK(server.bytes_out - out <= server.bytes_in - in + 100);  // and the GOAWAY
    CHECK(server.allocations() <= calls + 1);                     // for the GOAWAY
    CHECK(server.peak_bytes() <= server.most_bytes());
  }
}

TEST_CASE("a flood that keeps to what time gives back costs no more than it brings, for ever") {
  for (const Flood& flood : floods()) {
    CAPTURE(flood.name);
    Victim server;
    server.feed(raw_headers(1, shortest_post()) + raw_headers(3, shortest_post()) + rst(3, ErrorCode::cancel));
    const std::uint64_t out = server.bytes_out;
    for (int tenth = 0; tenth < 50; ++tenth) {
      server.feed(repeat(flood.frames, 100));
      server.pass(100ms);
    }
    CHECK_FALSE(server.is_over());
    CHECK_FALSE(server.warning);
    CHECK(server.bytes_out - out <= server.bytes_in);
    CHECK(server.peak_bytes() <= server.most_bytes());
  }
}

TEST_CASE("CVE-2020-11080: a SETTINGS frame has 64 entries at most, and changes streams that are open for its price") {
  static const Bytes page(100000);
  Victim server(Role::server, {}, {{SettingId::initial_window_size, 0}});
  server.application = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
      REQUIRE(c.send_data(request->stream, page, Token{1}, EndStream::yes));
    }
  };
  for (std::uint32_t i = 0; i < 100; ++i) server.feed(raw_headers(nth_stream(i), shortest_get(), kEnd));
  REQUIRE(server.connection().open_streams() == 100);
  const Bytes two = wire("0004 00000001 0004 00000000");
  const Bytes most = frame(FrameType::settings, 0, 0, repeat(two, 32));
  server.feed(most);
  const std::uint64_t calls = server.allocations();
  const std::uint32_t lived = server.flood(kBudget, [&](std::uint32_t) { return most; });
  CHECK(lived <= kBudget / 100);  // 6,400 windows moved by each
  CHECK(server.goaway_debug == "too many SETTINGS frames");
  CHECK(server.bytes_out * 20 <= server.bytes_in);
  CHECK(server.allocations() <= calls + 1);  // for the GOAWAY

  Victim other;
  other.feed(frame(FrameType::settings, 0, 0, repeat(two, 32) + wire("0004 00000001")));
  CHECK(other.failure == Violation::settings_flood);
}

TEST_CASE("CVE-2020-11080: a crowd of streams that has gone leaves nothing behind that is looked through for nothing") {
  const Bytes most = frame(FrameType::settings, 0, 0, repeat(wire("0004 00000001 0004 00000000"), 32));
  for (const bool by_settings : {true, false}) {
    CAPTURE(by_settings);
    Config config;
    config.settings.max_concurrent_streams = 10000;
    Victim server(Role::server, config);
    for (std::uint32_t i = 0; i < 10000; ++i) server.feed(raw_headers(nth_stream(i), shortest_post()));
    for (std::uint32_t i = 0; i < 9999; ++i) {
      REQUIRE(server.connection().send_response(StreamId{nth_stream(i)}, 204, {}, EndStream::yes));
      server.feed(data(nth_stream(i), "", kEnd));
    }
    server.pass(10s);
    REQUIRE(server.connection().open_streams() == 1);
    const std::uint32_t lived =
        server.flood(kBudget, [&](std::uint32_t) { return by_settings ? most : goaway(0, ErrorCode::no_error); });
    CHECK(lived <= kBudget / (by_settings ? 2000 : 33));  // 16,384 places, 64 times or once in each
  }
}

TEST_CASE("VU#605641: whoever reads no replies is read no further, and costs as much as replies may wait") {
  const std::pair<std::string, Bytes> kinds[] = {
      {"CVE-2019-9512, PING", ping(1)},
      {"CVE-2019-9515, SETTINGS", settings({})},
  };
  for (const auto& kind : kinds) {
    const Bytes& frame = kind.second;
    CAPTURE(kind.first);
    Victim server;
    server.takes_output = false;
    server.flood(7800, [&](std::uint32_t) { return frame; });
    CHECK_FALSE(server.is_over());
    const std::size_t waiting = server.connection().window(kConnection)->queued;
    CHECK(waiting > Config{}.max_queued_output);
    CHECK(waiting <= Config{}.max_queued_output + frame.size() + 100);  // and the handshake's
    CHECK(server.unread.size() + waiting >= server.bytes_in);
    CHECK(server.connection().explain(kConnection)->receiving.what == Holdup::unread_replies);
    CHECK(server.peak_bytes() <= server.most_bytes());

    server.takes_output = true;  // it was only slow: all that waited is read, and answered
    server.feed({});
    while (!server.unread.empty()) server.feed({});
    server.feed({});
    CHECK_FALSE(server.is_over());
    CHECK(server.bytes_out == server.bytes_in);
  }
}

TEST_CASE("RUSTSEC-2026-0258: DATA of one octet makes an event and no more, and the window counts it") {
  Victim server;
  server.feed(raw_headers(1, shortest_post()));
  std::uint64_t got = 0;
  bool reads = true;
  server.application = [&](Connection& c, const Event& event) {
    if (const auto* piece = std::get_if<DataReceived>(&event)) {
      got += piece->data.size();
      if (reads) c.consume(piece->stream, piece->data.size());
    }
  };
  server.flood(10, [](std::uint32_t) { return data(1, "x"); });
  const std::uint64_t calls = server.allocations(), live = server.live_bytes();
  CHECK(server.flood(3000, [](std::uint32_t) { return repeat(data(1, "x"), 20); }) == 3000);
  CHECK(got == 60010);
  CHECK(server.bytes_out * 100 <= server.bytes_in);
  reads = false;  // what it keeps lies with the application
  server.flood(100000, [](std::uint32_t) { return repeat(data(1, "x"), 100); });
  CHECK(server.resets == 1);  // past the stream's window
  CHECK(got <= 60010 + 65535);
  CHECK(server.allocations() <= calls + 2);
  CHECK(server.live_bytes() <= live + 1024);
}

TEST_CASE("CVE-2026-27141: no type of frame, known or not, whole or empty, ends anything but its connection") {
  for (const Role role : {Role::server, Role::client}) {
    for (unsigned type = 0; type < 256; ++type) {
      for (const std::uint32_t stream : {0U, 1U}) {
        for (const std::size_t bytes : {0U, 5U, 100U}) {
          CAPTURE(type);
          Victim victim(role);
          if (role == Role::client) REQUIRE(victim.connection().send_request(kPost, EndStream::no));
          else victim.feed(raw_headers(1, shortest_post()));
          for (const unsigned flags : {0x00U, 0xffU})
            victim.feed(frame(static_cast<FrameType>(type), static_cast<std::uint8_t>(flags), stream, Bytes(bytes)));
          CHECK(victim.peak_bytes() <= victim.most_bytes());
          CHECK(victim.bytes_out <= victim.bytes_in + 200);
        }
      }
    }
  }
}

TEST_CASE("CVE-2026-33814: frames of no octet are not to be asked for") {
  for (const std::uint32_t size : {0U, 1U, 16383U, 1U << 24}) {
    for (const Role role : {Role::server, Role::client}) {
      Victim victim(role);
      victim.feed(settings({{SettingId::max_frame_size, size}}));
      CHECK(victim.failure == Violation::setting_frame_size);
    }
  }
}

TEST_CASE("CVE-2026-27135: after its end a connection swallows all that comes, and does nothing for it") {
  Victim server;
  server.feed(raw_headers(1, shortest_post()) + window_update(0, 0));
  REQUIRE(server.failure == Violation::window_increment_zero);
  const std::uint64_t calls = server.allocations(), events = server.events, out = server.bytes_out;
  for (const Flood& flood : floods()) server.feed(repeat(flood.frames, 100));
  for (std::uint32_t i = 1; i < 100; ++i) server.feed(raw_headers(nth_stream(i), shortest_get(), kEnd));
  CHECK(server.unread.empty());
  CHECK(server.allocations() == calls);
  CHECK(server.events == events);
  CHECK(server.bytes_out == out);
  CHECK(server.connection().transport_wish() != TransportWish::open);
}

}  // namespace
}  // namespace h2::test
