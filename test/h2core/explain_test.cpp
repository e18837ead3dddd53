// What `explain()` answers: which layer holds the next byte back, since when, and who must act. One test per answer.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, three{3};

Hold sending(Harness& harness, StreamId stream = one) { return harness.connection().explain(stream)->sending; }
Hold receiving(Harness& harness, StreamId stream = one) { return harness.connection().explain(stream)->receiving; }

bool is(const Hold& hold, Holdup what, Actor who) {
  CHECK(describe(hold.what) == describe(what));
  CHECK(name(hold.who) == name(who));
  return hold.what == what && hold.who == who;
}

const Bytes kContent(200000);

/// A server that owes one answer.
Harness server_with_request(Options options = {}) {
  Harness server(Role::server, std::move(options));
  server.feed(headers(1, get(), kEnd));
  return server;
}

TEST_CASE("explain: a stream that nobody knows") {
  Harness server(Role::server);
  CHECK_FALSE(server.connection().explain(one));
}

TEST_CASE("explain: the caller has sent no head, then no content, then all of it") {
  Harness server = server_with_request();
  CHECK(is(sending(server), Holdup::no_head, Actor::caller));
  CHECK(is(receiving(server), Holdup::over, Actor::nobody));
  server.run([](Connection& c) { REQUIRE(c.send_response(one, 200, {}, EndStream::no)); });
  CHECK(is(sending(server), Holdup::no_content, Actor::caller));
}

TEST_CASE("explain: a request waits for the peer's limit of streams, or for its SETTINGS") {
  Harness client(Role::client, {.peer_settings = {{SettingId::max_concurrent_streams, 1}}});
  client.run([](Connection& c) {
    REQUIRE(c.send_request(kGet, EndStream::yes));
    REQUIRE(c.send_request(kGet, EndStream::yes));
  });
  CHECK(is(sending(client, three), Holdup::stream_limit, Actor::peer));
  CHECK(client.connection().counters().requests_waited == 1);

  Options early;
  early.config.assumed_peer_streams = 1;
  early.handshake = false;
  Harness hasty(Role::client, early);
  hasty.run([](Connection& c) {
    REQUIRE(c.send_request(kGet, EndStream::yes));
    REQUIRE(c.send_request(kGet, EndStream::yes));
  });
  CHECK(is(sending(hasty, three), Holdup::peer_settings, Actor::peer));
}

TEST_CASE("explain: the stream's window is used up, and since when") {
  Harness server = server_with_request({.peer_settings = {{SettingId::initial_window_size, 1000}}});
  server.advance(5s);
  const TimePoint then = server.now();
  server.run([](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.send_data(one, kContent, Token{1}, EndStream::yes));
  });
  server.advance(7s);
  CHECK(is(sending(server), Holdup::stream_window, Actor::peer));
  CHECK(*sending(server).since == then);
  CHECK(server.connection().counters().stream_window_stalls == 1);
}

TEST_CASE("explain: the connection's window is used up, for the stream and for all") {
  Harness server = server_with_request({.peer_settings = {{SettingId::initial_window_size, 1 << 20}}});
  server.run([](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.send_data(one, kContent, Token{1}, EndStream::yes));
  });
  server.advance(1s);  // the last few bytes of it are held for a moment
  CHECK(is(sending(server), Holdup::connection_window, Actor::peer));
  CHECK(is(sending(server, kConnection), Holdup::connection_window, Actor::peer));
  CHECK(server.connection().counters().connection_window_stalls == 1);
}

TEST_CASE("explain: a window of a few bytes is held for a moment") {
  Harness server = server_with_request({.peer_settings = {{SettingId::initial_window_size, 10000}}});
  server.advance(1ms);
  server.run([](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.send_data(one, kContent, Token{1}, EndStream::yes));
  });
  server.feed(window_update(1, 1));
  CHECK(is(sending(server), Holdup::small_window, Actor::peer));
}

TEST_CASE("explain: other streams go first, or the transport takes nothing") {
  Harness server(Role::server);
  server.feed(headers(1, get({{"priority", "u=6"}}), kEnd) + headers(3, get({{"priority", "u=1"}}), kEnd));
  server.run([](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.send_response(three, 200, {}, EndStream::no));
  });
  server.take = false;
  server.run([](Connection& c) {
    REQUIRE(c.send_data(one, kContent, Token{1}, EndStream::yes));
    REQUIRE(c.send_data(three, kContent, Token{3}, EndStream::yes));
  });
  CHECK(is(sending(server, one), Holdup::turn, Actor::transport));
  CHECK(is(sending(server, three), Holdup::nothing, Actor::transport));
  CHECK(is(sending(server, kConnection), Holdup::nothing, Actor::transport));
  server.run([](Connection& c) {
    std::array<ByteView, 4> slices;
    CHECK(c.poll_output(slices, 16000) > 0);
  });
  CHECK(is(sending(server, three), Holdup::output, Actor::transport));
  CHECK(is(sending(server, kConnection), Holdup::output, Actor::transport));
}

TEST_CASE("explain: the caller holds what was received, of the stream or of the connection") {
  Options options;
  options.config.connection_window = 70000;
  options.config.window_limit = 0;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + headers(3, post()));
  CHECK(is(receiving(server), Holdup::peer_silent, Actor::peer));
  server.feed(repeat(data(1, std::string(13107, 'x')), 5));
  CHECK(is(receiving(server), Holdup::stream_window, Actor::caller));
  server.feed(data(3, std::string(70000 - 5 * 13107, 'x')));
  CHECK(is(receiving(server, three), Holdup::connection_window, Actor::caller));
  CHECK(is(receiving(server, kConnection), Holdup::connection_window, Actor::caller));
}

TEST_CASE("explain: a WINDOW_UPDATE that the transport has not taken") {
  Options options;
  options.config.window_limit = 0;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + repeat(data(1, std::string(13000, 'x')), 5));
  server.take = false;
  server.run([](Connection& c) { c.consume(one, 40000); });
  server.feed(data(1, std::string(10000, 'x')));
  CHECK(is(receiving(server), Holdup::output, Actor::transport));
}

TEST_CASE("explain: input waits for a peer that reads no replies") {
  Options options;
  options.config.max_queued_output = 100;
  Harness server(Role::server, options);
  server.feed(headers(1, post()));
  server.take = false;
  server.feed(repeat(ping(1), 20));
  CHECK(server.unread() > 0);
  CHECK(is(receiving(server), Holdup::unread_replies, Actor::peer));
  CHECK(is(receiving(server, kConnection), Holdup::unread_replies, Actor::peer));
}

TEST_CASE("explain: our SETTINGS are not acknowledged, and since when nothing came") {
  Harness server(Role::server);
  server.advance(1s);
  server.feed(headers(1, post()));
  const TimePoint then = server.now();
  const Setting entry{SettingId::max_concurrent_streams, 7};
  server.run([&](Connection& c) { REQUIRE(c.send_settings({&entry, 1})); });
  server.advance(2s);
  CHECK(is(receiving(server, kConnection), Holdup::settings_unanswered, Actor::peer));
  CHECK(*receiving(server, kConnection).since == then);
  server.feed(settings_ack());
  CHECK(is(receiving(server, kConnection), Holdup::peer_silent, Actor::peer));
  CHECK(is(sending(server, kConnection), Holdup::no_content, Actor::caller));
}

TEST_CASE("explain: over is over") {
  Harness server = server_with_request();
  server.run([](Connection& c) { REQUIRE(c.send_response(one, 200, {}, EndStream::no)); });
  server.lost();
  CHECK(is(sending(server, kConnection), Holdup::over, Actor::nobody));
  CHECK(is(receiving(server, kConnection), Holdup::over, Actor::nobody));
}

TEST_CASE("explain: a stream that was reset is over once the output is taken") {
  Harness server = server_with_request();
  server.take = false;
  server.run([](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.reset(one, ErrorCode::cancel));
    CHECK(is(c.explain(one)->sending, Holdup::output, Actor::transport));
  });
}

TEST_CASE("what is no value of its enumeration has a name nevertheless") {
  CHECK(describe(static_cast<Holdup>(99)) == "unknown");
  CHECK(name(static_cast<Actor>(99)) == "unknown");
  CHECK(name(static_cast<Verdict>(99)) == "unknown");
}

TEST_CASE("explain: without a clock nobody knows since when") {
  Config config;
  Connection connection(config);
  CHECK_FALSE(connection.explain(kConnection)->sending.since);
  CHECK(is(connection.explain(kConnection)->sending, Holdup::output, Actor::transport));
}

TEST_CASE("explain: output that comes after a long silence waits since it came") {
  Harness client(Role::client);
  client.advance(std::chrono::seconds(60));
  client.take = false;
  client.run([](Connection& c) { REQUIRE(c.ping(Token{})); });
  const Hold queued = sending(client, kConnection);
  CHECK(is(queued, Holdup::output, Actor::transport));
  CHECK(queued.since == client.now());
  client.advance(std::chrono::seconds(3));
  client.run([](Connection& c) { REQUIRE(c.ping(Token{})); });
  CHECK(sending(client, kConnection).since == client.now() - std::chrono::seconds(3));
}

}  // namespace
}  // namespace h2::test
