// RFC 9113 6.7, 6.8 and 8.7: PING, GOAWAY, and what becomes of each request when the end comes early.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

void ask(Harness& client, EndStream end = EndStream::yes) {
  REQUIRE(client.call([&](Connection& c) { return c.send_request(kPost, end); }));
}
Verdict verdict(const Harness& client, std::uint32_t stream) {
  const auto closed = client.last(Kind::stream_closed, stream);
  REQUIRE(closed);
  return closed->verdict;
}

TEST_CASE("RFC 9113 6.7: a PING is answered with its payload, before any DATA that waits") {
  Harness client(Role::client);
  const Bytes body(50000);
  ask(client, EndStream::no);
  client.take = false;
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  client.take = true;
  client.sent();
  client.feed(ping(0x0102030405060708));
  const auto sent = client.sent_frames();
  REQUIRE(sent.size() > 1);
  CHECK(sent[0] == frames(ping(0x0102030405060708, true))[0]);
  CHECK(text_of(of_kind(client.events(), Kind::ping_answered)) == "");
}

TEST_CASE("RFC 9113 6.7: an ACK that nobody waits for is ignored, and never answered") {
  Harness server(Role::server);
  server.feed(ping(7, true));
  CHECK(text_of(server.events()) == "");
  CHECK(server.sent().empty());
}

TEST_CASE("a PING of the caller's measures the round trip") {
  Pair pair({}, {}, 30ms);
  pair.pass(1s);
  pair.client.events.clear();
  REQUIRE(pair.client.connection->ping(Token{77}));
  REQUIRE(pair.client.connection->ping(Token{78}));
  pair.pass(59ms);
  CHECK(of_kind(pair.client.events, Kind::ping_answered).empty());
  pair.pass(1ms);
  const auto answered = of_kind(pair.client.events, Kind::ping_answered);
  REQUIRE(answered.size() == 2);
  CHECK(answered[0].token == Token{77});
  CHECK(answered[1].token == Token{78});
  CHECK(answered[0].round_trip == 60ms);
}

TEST_CASE("a bounded number of PINGs may be unanswered") {
  Harness client(Role::client);
  Misuse last = Misuse::none;
  for (std::uint64_t i = 0; i < 1000 && last == Misuse::none; ++i) {
    const auto result = client.call([&](Connection& c) { return c.ping(Token{i}); });
    if (!result) last = result.error();
  }
  CHECK(last == Misuse::too_many_pings);
}

TEST_CASE(
    "RFC 9113 6.8: a graceful end is GOAWAY(2^31-1), a PING, then GOAWAY with the last stream [9113-6.8f] [9113-6.8g] "
    "[9113-6.8h]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.sent();
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  auto sent = server.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0] == frames(goaway(0x7fffffff, ErrorCode::no_error))[0]);
  CHECK(sent[1].header.type == FrameType::ping);
  // What was under way meanwhile is served.
  server.feed(headers(3, get(), kEnd));
  CHECK(server.last(Kind::request, 3));
  server.feed(frame(FrameType::ping, flags::ack, 0, sent[1].payload));
  sent = server.sent_frames();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0] == frames(goaway(3, ErrorCode::no_error))[0]);
  // What comes later is not looked at, but decoded and credited.
  server.feed(headers(5, post()) + data(5, "late"));
  CHECK_FALSE(server.last(Kind::request, 5));
  CHECK_FALSE(server.failed());
  CHECK(server.connection().window(kConnection)->owed == 4);
  CHECK_FALSE(server.last(Kind::shutdown_finished));
  CHECK(server.connection().transport_wish() == TransportWish::open);
  for (const std::uint32_t stream : {1U, 3U}) {
    REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{stream}, 204, {}, EndStream::yes); }));
  }
  CHECK(server.all(Kind::shutdown_finished).size() == 1);
  CHECK(server.connection().transport_wish() == TransportWish::shut_down_write);
  server.eof();
  CHECK(server.connection().transport_wish() == TransportWish::close);
}

TEST_CASE("an immediate end cuts what is open, and says so once") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + headers(3, get(), kEnd));
  server.sent();
  server.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
  const auto sent = server.sent_frames();
  CHECK(find(sent, FrameType::goaway, 0)->u32() == 3);
  CHECK(server.all(Kind::stream_closed).size() == 2);
  CHECK(server.connection().open_streams() == 0);
  CHECK(server.connection().transport_wish() != TransportWish::open);
}

TEST_CASE("a graceful end has its deadline") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful, 5s); });
  REQUIRE(server.connection().deadline());
  CHECK(*server.connection().deadline() == server.now() + 5s);
  server.advance(4999ms);
  CHECK_FALSE(server.last(Kind::stream_closed));
  server.advance(1ms);
  CHECK(server.last(Kind::stream_closed));
  CHECK(server.connection().transport_wish() != TransportWish::open);
}

TEST_CASE("a second shutdown only hastens") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful, 5s); });
  server.sent();
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful, 50s); });
  CHECK(server.sent().empty());
  CHECK(*server.connection().deadline() == server.now() + 5s);
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful, 2s); });
  CHECK(*server.connection().deadline() == server.now() + 2s);
  server.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
  CHECK(server.last(Kind::stream_closed));
}

TEST_CASE(
    "RFC 9113 6.8: after a GOAWAY what is above it may be sent again, what is below runs on, nothing new begins "
    "[9113-6.8a]") {
  Harness client(Role::client);
  ask(client);
  ask(client);
  client.feed(goaway(1, ErrorCode::no_error, "so long"));
  const Seen away = *client.last(Kind::goaway);
  CHECK(away.stream == one);
  CHECK(away.data == "so long");
  CHECK(verdict(client, 3) == Verdict::not_processed);
  CHECK_FALSE(client.last(Kind::stream_closed, 1));
  const auto refused = client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Misuse::shutting_down);
  client.feed(headers(1, status("200"), kEnd));
  CHECK(verdict(client, 1) == Verdict::processed);
  CHECK(client.last(Kind::stream_closed, 1)->code == ErrorCode::no_error);
  CHECK(client.last(Kind::shutdown_finished));
}

TEST_CASE("RFC 9113 6.8: a second GOAWAY may lower its id, and reserved bits and foreign ids do no harm") {
  Harness client(Role::client);
  ask(client);
  ask(client);
  client.feed(goaway(0x7fffffff, ErrorCode::no_error));
  CHECK(client.all(Kind::stream_closed).empty());
  client.feed(wire("000008 07 00 00000000  80000002 00000000"));
  CHECK(verdict(client, 3) == Verdict::not_processed);
  CHECK_FALSE(client.failed());
}

TEST_CASE("RFC 9113 6.8: a GOAWAY's debug data is handed over, and not kept") {
  Harness client(Role::client);
  client.feed(goaway(0, ErrorCode::no_error, std::string(10000, 'd')));
  CHECK(client.last(Kind::goaway)->data == std::string(10000, 'd'));
}

TEST_CASE("RFC 9113 8.7: each unfinished request gets its verdict [9110-9.2.2a]") {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 4}};
  Harness client(Role::client, options);
  for (int i = 0; i < 6; ++i) ask(client);
  client.feed(rst(1, ErrorCode::refused_stream));
  CHECK(verdict(client, 1) == Verdict::not_processed);
  client.feed(rst(3, ErrorCode::cancel));
  CHECK(verdict(client, 3) == Verdict::maybe_processed);
  client.feed(headers(5, status("200")) + rst(5, ErrorCode::internal_error));
  CHECK(verdict(client, 5) == Verdict::processed);
  ask(client);
  ask(client);  // over the limit again, so this one waits
  client.lost();
  CHECK(client.failed());
  CHECK(client.last(Kind::failed)->violation == Violation::none);
  CHECK(client.last(Kind::failed)->code == ErrorCode::internal_error);
  CHECK(verdict(client, 7) == Verdict::maybe_processed);
  CHECK(verdict(client, 15) == Verdict::never_sent);
  CHECK(client.connection().transport_wish() == TransportWish::close);
}

TEST_CASE("RFC 9113 8.7: a request of which no byte was taken was never sent") {
  Config config;
  config.role = Role::client;
  Connection client(config);
  take_output(client);
  REQUIRE(client.send_request(kGet, EndStream::yes));
  client.transport_lost();
  ByteView none;
  std::vector<Seen> events;
  while (const auto event = client.receive(none)) append(events, own(*event));
  const auto closed = of_kind(events, Kind::stream_closed);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].verdict == Verdict::never_sent);
}

TEST_CASE("when the peer ends in the middle, what was whole stays whole and what was cut fails") {
  Harness client(Role::client);
  ask(client);
  ask(client);
  client.feed(headers(1, status("200")) + data(1, "whole", kEnd) + headers(3, status("200")) +
              wire("000005 00 01 00000003  'cu'"));
  client.eof();
  CHECK(client.last(Kind::stream_closed, 1)->code == ErrorCode::no_error);
  CHECK(client.last(Kind::stream_closed, 3)->code != ErrorCode::no_error);
  CHECK(client.connection().open_streams() == 0);
}

TEST_CASE("after a failure the GOAWAY can be pulled, input is swallowed, and the transport ends in order") {
  Harness server(Role::server);
  server.take = false;
  server.feed(headers(1, post()) + wire("000007 06 00 00000000  01020304050607"));
  CHECK(server.failed());
  CHECK(server.last(Kind::stream_closed, 1));
  CHECK(server.connection().has_output());
  CHECK(server.connection().transport_wish() == TransportWish::open);
  server.feed(Bytes(100000));
  CHECK(server.unread() == 0);
  server.take = true;
  server.feed({});
  CHECK(server.history().back().header.type == FrameType::goaway);
  CHECK(server.history().back().u32() == 1);
  CHECK(server.connection().transport_wish() == TransportWish::shut_down_write);
  SUBCASE("the peer ends, too") {
    server.eof();
    CHECK(server.connection().transport_wish() == TransportWish::close);
  }
  SUBCASE("the peer does not, and time is up") {
    REQUIRE(server.connection().deadline());
    server.advance(*server.connection().deadline() - server.now());
    CHECK(server.connection().transport_wish() == TransportWish::close);
  }
}

TEST_CASE(
    "RFC 9113 6.8: the GOAWAY for a header block that was cut covers its stream, or it would be sent again "
    "[9113-8.7c]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd) + wire("000001 01 01 00000003 82") + repeat(wire("000000 09 00 00000003"), 33));
  CHECK(server.failure() == Violation::continuation_flood);
  CHECK(server.history().back().u32() == 3);
}

// A cut tells the peer of no stream by itself. It counts on, and a window of one that grows too far would be our fault.
TEST_CASE("RFC 9113 6.9.2: no SETTINGS move windows that a cut has forgotten") {
  const Setting larger[] = {{SettingId::initial_window_size, 70000}};
  for (const bool by_itself : {false, true}) {
    CAPTURE(by_itself);
    Harness server(Role::server);
    server.feed(headers(1, post()));
    server.advance(1ms);
    server.sent();
    server.feed(data(1, std::string(16384, 'x')) + data(1, std::string(16384, 'x')));
    const auto probe = find(server.sent_frames(), FrameType::ping, 0);
    REQUIRE(probe);
    server.run([](Connection& c) { c.release(one); });
    server.advance(100ms);
    server.feed(data(1, std::string(16384, 'x')));
    server.run([](Connection& c) {
      c.release(one);
      REQUIRE(c.set_window(one, kMaxWindow));
    });
    server.sent();
    server.take = false;
    server.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
    if (by_itself) {
      server.feed(frame(FrameType::ping, flags::ack, 0, probe->payload));
    } else {
      server.run([&](Connection& c) {
        const auto sent = c.send_settings(larger);
        CHECK((!sent && sent.error() == Misuse::connection_over));
      });
    }
    server.take = true;
    CHECK_FALSE(find(server.sent_frames(), FrameType::settings, 0));
  }
}

TEST_CASE("RFC 9113 7: codes that nobody defined arrive as they came") {
  Harness client(Role::client);
  ask(client);
  client.feed(rst(1, static_cast<ErrorCode>(0xfedc)));
  CHECK(client.last(Kind::stream_reset)->code == static_cast<ErrorCode>(0xfedc));
  client.feed(goaway(1, static_cast<ErrorCode>(0x77)));
  CHECK(client.last(Kind::goaway)->code == static_cast<ErrorCode>(0x77));
}

TEST_CASE("RFC 9113 8.7: an upgraded request has left by HTTP/1.1, so nobody may take it for never sent") {
  Connection client({.role = Role::client});
  const Request post{"POST", "http", "example.com", "/", {}, {}};
  REQUIRE(client.begin_upgraded(post, {}));
  client.transport_lost();
  ByteView none;
  std::optional<Verdict> told;
  while (const auto event = client.receive(none)) {
    if (const auto* closed = std::get_if<StreamClosed>(&*event)) told = closed->verdict;
  }
  CHECK(told == Verdict::maybe_processed);
}

}  // namespace
}  // namespace h2::test
