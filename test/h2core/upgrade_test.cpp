// The upgrade from HTTP/1.1 to h2c (RFC 7540 3.2): stream 1 stands for the request that asked for it.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

Options raw() {
  Options options;
  options.handshake = false;
  return options;
}
// HTTP2-Settings, decoded: MAX_CONCURRENT_STREAMS 100, INITIAL_WINDOW_SIZE 5.
Bytes http2_settings() { return wire("0003 00000064  0004 00000005"); }

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}
Misuse begin(Harness& harness, const Bytes& settings, const Request& request = kGet) {
  return error_of(harness.call([&](Connection& c) { return c.begin_upgraded(request, settings); }));
}

TEST_CASE("RFC 7540 3.2: a server answers the upgraded request on stream 1, by the settings it brought [9110-7.8e]") {
  Harness server(Role::server, raw());
  REQUIRE(begin(server, http2_settings()) == Misuse::none);
  CHECK(server.connection().window(one)->send_window == 5);
  // The response may go out before the client's preface comes.
  const Bytes body = bytes_of("hello, world");
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  REQUIRE(server.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  CHECK(server.history()[0].header.type == FrameType::settings);
  CHECK(text_of(find(server.history(), FrameType::data, 1)->payload) == "hello");
  server.feed(client_preface() + settings({{SettingId::initial_window_size, 100}}) + headers(3, get(), kEnd));
  CHECK(text_of(server.history(FrameType::data).back().payload) == ", world");
  CHECK(server.last(Kind::stream_closed, 1)->code == ErrorCode::no_error);
  CHECK(server.last(Kind::request)->stream == StreamId{3});
}

TEST_CASE("RFC 7540 3.2: a client waits for the response on stream 1, and goes on with stream 3") {
  Harness client(Role::client, raw());
  REQUIRE(begin(client, {}) == Misuse::none);
  CHECK(find(client.history(), FrameType::headers, 1) == std::nullopt);  // it went out as HTTP/1.1
  const auto next = client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); });
  REQUIRE(next);
  CHECK(*next == StreamId{3});
  client.feed(settings({}) + headers(1, status("200")) + data(1, "hello", kEnd));
  CHECK(client.last(Kind::data)->data == "hello");
  CHECK(client.last(Kind::stream_closed, 1)->verdict == Verdict::processed);
}

TEST_CASE("RFC 7540 3.2: the first bytes behind the upgrade are the client's preface") {
  Harness server(Role::server, raw());
  REQUIRE(begin(server, http2_settings()) == Misuse::none);
  server.feed(bytes_of("GET / HTTP/1.1\r\n\r\n"));
  CHECK(server.failure() == Violation::preface_is_http1);
}

TEST_CASE("RFC 7540 3.2: a request that came by HTTP/1.1 brings no frames of its own on stream 1") {
  Harness server(Role::server, raw());
  REQUIRE(begin(server, http2_settings()) == Misuse::none);
  server.feed(client_preface() + settings({}) + data(1, "x"));
  CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() ==
        static_cast<std::uint32_t>(ErrorCode::stream_closed));
  Harness reopened(Role::server, raw());
  REQUIRE(begin(reopened, http2_settings()) == Misuse::none);
  reopened.feed(client_preface() + settings({}) + headers(1, get(), kEnd));
  CHECK_FALSE(reopened.last(Kind::request));
}

TEST_CASE("an upgraded HEAD is answered without content") {
  Request head = kGet;
  head.method = "HEAD";
  Harness server(Role::server, raw());
  REQUIRE(begin(server, http2_settings(), head) == Misuse::none);
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  const Bytes body = bytes_of("x");
  CHECK(error_of(server.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); })) ==
        Misuse::content_length_broken);
  Harness client(Role::client, raw());
  REQUIRE(begin(client, {}, head) == Misuse::none);
  client.feed(settings({}) + headers(1, status("200", {{"content-length", "9"}}), kEnd));
  CHECK(client.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("an upgrade with settings that HTTP/2 forbids, or after the first frame, is refused and changes nothing") {
  for (const Bytes& bad : {wire("0004 800000"), wire("0004 80000000"), wire("0005 00000001"), wire("0002 00000002")}) {
    Harness server(Role::server, raw());
    CHECK(begin(server, bad) == Misuse::bad_setting);
    CHECK(server.connection().open_streams() == 0);
    CHECK_FALSE(server.connection().window(one));
  }
  for (const char* tail : {"0002 00000002", "0008 00000002", "0008 00000001 0008 00000000", "0009 00000002"}) {
    CAPTURE(tail);
    Harness server(Role::server, raw());
    CHECK(begin(server, http2_settings() + wire("0001 00000000 0008 00000001") + wire(tail)) == Misuse::bad_setting);
    CHECK(server.connection().peer_settings() == Settings{});
    REQUIRE(begin(server, http2_settings()) == Misuse::none);
    REQUIRE(server.call([](Connection& c) { return c.send_response(one, 204, {}, EndStream::yes); }));
    // No size update: the table is still what it was.
    CHECK(find(server.history(), FrameType::headers, 1)->payload == wire("89"));
  }
  Harness started(Role::server);
  CHECK(begin(started, http2_settings()) == Misuse::wrong_state);
  Harness asked(Role::client, raw());
  REQUIRE(asked.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  CHECK(begin(asked, {}) == Misuse::wrong_state);
}

}  // namespace
}  // namespace h2::test
