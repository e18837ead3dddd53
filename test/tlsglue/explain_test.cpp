// What `explain()` answers under TLS, where what was framed may wait as ciphertext.
#include "harness.h"

namespace tlsglue::test {
namespace {

using namespace std::chrono_literals;
using h2::Actor;
using h2::Hold;
using h2::Holdup;

bool is(const Hold& hold, Holdup what, Actor who) {
  CHECK(describe(hold.what) == describe(what));
  CHECK(name(hold.who) == name(who));
  return hold.what == what && hold.who == who;
}

/// A client that has asked, its server, and a clock; nothing is carried that a test does not carry.
struct Asked {
  Asked() : for_server(context(server_config())), for_client(context(client_config())) {
    pass(0s);
    stream = *client.http2().send_request({"POST", "https", "localhost", "/", {}, {}}, h2::EndStream::no);
  }
  void pass(h2::Duration time) {
    now += time;
    client.advance_time(now);
    server.advance_time(now);
  }
  // False when there was nothing to carry.
  static bool carry(SecureConnection& from, SecureConnection& to) {
    ByteView slice[1];
    if (from.poll_output(slice) == 0) return false;
    ByteView input = slice[0];
    while (to.receive(input)) continue;
    from.consume_output(slice[0].size() - input.size());
    return input.size() != slice[0].size();
  }
  void settle() {
    for (bool moved = true; moved;) {
      const bool up = carry(client, server), down = carry(server, client);
      moved = up || down;
    }
  }
  void poll(SecureConnection& from) {
    ByteView slice[1];
    CHECK(from.poll_output(slice) == 1);
  }
  Hold sending(h2::StreamId of) { return client.explain(of)->sending; }

  TlsContext for_server, for_client;
  SecureConnection server{for_server, {.role = h2::Role::server}, {}};
  SecureConnection client{for_client, {.role = h2::Role::client}, {.peer = {.server_name = "localhost"}}};
  h2::StreamId stream;
  h2::TimePoint now{1000s};
};

TEST_CASE("explain under TLS: the handshake waits for the transport, and then for the peer") {
  Asked asked;
  CHECK(is(asked.sending(asked.stream), Holdup::output, Actor::transport));
  Asked::carry(asked.client, asked.server);
  CHECK(is(asked.sending(asked.stream), Holdup::output, Actor::peer));
  CHECK(is(asked.sending(h2::kConnection), Holdup::output, Actor::peer));
  CHECK_FALSE(asked.client.explain(h2::StreamId{99}));
}

TEST_CASE("explain under TLS: what was encrypted and is not taken waits for the transport, since it was encrypted") {
  Asked asked;
  asked.settle();
  CHECK(is(asked.sending(asked.stream), Holdup::no_content, Actor::caller));
  CHECK(is(asked.sending(h2::kConnection), Holdup::no_content, Actor::caller));
  const std::string content(1000, 'c');
  REQUIRE(asked.client.http2().send_data(asked.stream, bytes_of(content), {}, h2::EndStream::yes));
  asked.pass(1s);
  asked.poll(asked.client);
  const h2::TimePoint encrypted = asked.now;
  CHECK_FALSE(asked.client.http2().has_output());
  asked.pass(5s);
  CHECK(is(asked.sending(asked.stream), Holdup::output, Actor::transport));
  CHECK(is(asked.sending(h2::kConnection), Holdup::output, Actor::transport));
  CHECK(asked.sending(h2::kConnection).since == encrypted);
  asked.client.consume_output(1);
  CHECK(asked.sending(h2::kConnection).since == asked.now);
  CHECK(is(asked.client.http2().explain(asked.stream)->sending, Holdup::over, Actor::nobody));
}

TEST_CASE("explain under TLS: while 64 KiB of ciphertext wait, nothing is read, for the peer reads nothing") {
  Asked asked;
  REQUIRE(asked.client.http2().set_window(h2::kConnection, 1 << 20));
  asked.settle();
  REQUIRE(asked.server.http2().send_response(asked.stream, 200, {}, h2::EndStream::no));
  const std::string content(60000, 'c');
  REQUIRE(asked.server.http2().send_data(asked.stream, bytes_of(content), {}, h2::EndStream::no));
  asked.poll(asked.server);
  CHECK(is(asked.server.explain(asked.stream)->receiving, Holdup::peer_silent, Actor::peer));
  const h2::StreamId second =
      *asked.client.http2().send_request({"GET", "https", "localhost", "/", {}, {}}, h2::EndStream::yes);
  Asked::carry(asked.client, asked.server);
  REQUIRE(asked.server.http2().send_response(second, 200, {}, h2::EndStream::no));
  REQUIRE(asked.server.http2().send_data(second, bytes_of(content), {}, h2::EndStream::no));
  asked.poll(asked.server);
  CHECK(is(asked.server.explain(asked.stream)->receiving, Holdup::unread_replies, Actor::peer));
  CHECK(is(asked.server.explain(h2::kConnection)->receiving, Holdup::unread_replies, Actor::peer));
  CHECK(is(asked.server.explain(second)->sending, Holdup::output, Actor::transport));
  asked.settle();
  CHECK(is(asked.server.explain(asked.stream)->receiving, Holdup::peer_silent, Actor::peer));
}

}  // namespace
}  // namespace tlsglue::test
