// RFC 9113 5: states, ids, limits and errors of streams, as both roles see them.
#include "conformance.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, two{2}, three{3};

Bytes priority(std::uint32_t stream) { return frame(FrameType::priority, 0, stream, wire("00000000 0f")); }

Misuse error_of(const Result<void>& result) { return result ? Misuse::none : result.error(); }

/// Frames on `stream` among what was sent since the last look.
std::size_t sent_on(Harness& harness, std::uint32_t stream) {
  std::size_t frames = 0;
  for (const Frame& each : harness.sent_frames()) frames += each.header.stream.value == stream;
  return frames;
}

// ---- 5.1: states

TEST_CASE(
    "on an idle stream only PRIORITY and a client's HEADERS may come [9113-5.1a] [9113-5.1b] [9113-5.1k] "
    "[9113-6.4f]") {
  for (const Role role : kRoles) {
    for (const std::uint32_t stream : {7u, 8u, 0x7ffffffeu, 0x7fffffffu}) {
      CAPTURE(text_of(role));
      CAPTURE(stream);
      CHECK(answer(role, priority(stream)) == "goes on");
      CHECK(answer(role, data(stream, "x")) == "connection PROTOCOL_ERROR");
      CHECK(answer(role, rst(stream, ErrorCode::cancel)) == "connection PROTOCOL_ERROR");
      CHECK(answer(role, window_update(stream, 1)) == "connection PROTOCOL_ERROR");
      CHECK(answer(role, push_promise(stream, 8, get()), role == Role::client ? accepting_push() : Options{}) ==
            "connection PROTOCOL_ERROR");
      const bool opens = role == Role::server && stream % 2 == 1;
      CHECK(answer(role, headers(stream, role == Role::server ? get() : status("200"), kEnd)) ==
            (opens ? "goes on" : "connection PROTOCOL_ERROR"));
    }
  }
}

Harness server_with_promise() {
  Harness server = exchange_of(Role::server);
  REQUIRE(server.call([](Connection& c) { return c.push(one, kGet); }));
  server.events();
  server.sent();
  return server;
}

TEST_CASE("on a promised stream a server sends nothing before its response but RST_STREAM [9113-5.1c]") {
  const Bytes body = bytes_of("x");
  const Field field{"a", "b"};
  Harness server = server_with_promise();
  CHECK_FALSE(server.call([&](Connection& c) { return c.send_data(two, body, Token{1}, EndStream::yes); }));
  CHECK_FALSE(server.call([&](Connection& c) { return c.send_copy(two, body, EndStream::yes); }));
  CHECK_FALSE(server.call([&](Connection& c) { return c.send_trailers(two, {&field, 1}); }));
  CHECK_FALSE(server.call([&](Connection& c) { return c.send_informational(two, 103, {}); }));
  CHECK_FALSE(server.call([&](Connection& c) { return c.push(two, kGet); }));
  server.run([](Connection& c) { c.consume(two, 1000); });
  CHECK(server.call([](Connection& c) { return c.set_window(two, 1 << 20); }));
  server.feed(window_update(two.value, 1000) + settings({{SettingId::initial_window_size, 100000}}));
  CHECK(sent_on(server, 2) == 0);
  SUBCASE("its response begins with HEADERS") {
    REQUIRE(server.call([](Connection& c) { return c.send_response(two, 200, {}, EndStream::no); }));
    const auto sent = server.sent_frames();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].header.type == FrameType::headers);
  }
  SUBCASE("or it is reset") {
    REQUIRE(server.call([](Connection& c) { return c.reset(two, ErrorCode::cancel); }));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 2));
  }
}

TEST_CASE("on a stream that it has promised a server takes RST_STREAM, PRIORITY and WINDOW_UPDATE only [9113-5.1d]") {
  const auto after = [](const Bytes& bytes) {
    Harness server = server_with_promise();
    server.feed(bytes);
    return answer(server);
  };
  CHECK(after(priority(2)) == "goes on");
  CHECK(after(window_update(2, 5)) == "goes on");
  CHECK(after(rst(2, ErrorCode::cancel)) == "goes on");
  CHECK(after(data(2, "x")) == "connection PROTOCOL_ERROR");
  CHECK(after(data(2, "", kEnd)) == "connection PROTOCOL_ERROR");
  CHECK(after(headers(2, get(), kEnd)) == "connection PROTOCOL_ERROR");
  CHECK(after(headers(2, {{"a", "b"}}, kEnd)) == "connection PROTOCOL_ERROR");
}

Harness client_with_promise() {
  Harness client = push_client();
  client.feed(push_promise(1, 2, get()));
  REQUIRE(client.last(Kind::push));
  client.events();
  client.sent();
  return client;
}

TEST_CASE("on a promised stream a client sends RST_STREAM and WINDOW_UPDATE only [9113-5.1e]") {
  const Bytes body = bytes_of("x");
  const Field field{"a", "b"};
  Harness client = client_with_promise();
  CHECK_FALSE(client.call([&](Connection& c) { return c.send_data(two, body, Token{1}, EndStream::yes); }));
  CHECK_FALSE(client.call([&](Connection& c) { return c.send_copy(two, body, EndStream::yes); }));
  CHECK_FALSE(client.call([&](Connection& c) { return c.send_trailers(two, {&field, 1}); }));
  CHECK_FALSE(client.call([&](Connection& c) { return c.send_response(two, 200, {}, EndStream::yes); }));
  CHECK(client.sent().empty());
  CHECK(client.call([](Connection& c) { return c.set_window(two, 1 << 20); }));
  REQUIRE(client.call([](Connection& c) { return c.reset(two, ErrorCode::cancel); }));
  for (const Frame& each : client.sent_frames()) {
    const FrameType type = each.header.type;
    CHECK((type == FrameType::window_update || type == FrameType::rst_stream));
  }
}

TEST_CASE("on a promised stream a client takes HEADERS, RST_STREAM and PRIORITY only [9113-5.1f]") {
  const auto after = [](const Bytes& bytes) {
    Harness client = client_with_promise();
    client.feed(bytes);
    return answer(client);
  };
  CHECK(after(priority(2)) == "goes on");
  CHECK(after(headers(2, status("200"))) == "goes on");
  CHECK(after(rst(2, ErrorCode::cancel)) == "goes on");
  CHECK(after(data(2, "x")) == "connection PROTOCOL_ERROR");
  CHECK(after(window_update(2, 1)) == "connection PROTOCOL_ERROR");
  CHECK(after(push_promise(2, 4, get())) == "connection PROTOCOL_ERROR");
}

TEST_CASE("after END_STREAM came HEADERS and DATA are STREAM_CLOSED, and the rest is taken [9113-5.1g] [9113-6.1d]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const Bytes& end : {data(1, "x", kEnd), headers(1, {{"a", "b"}}, kEnd)}) {
      CHECK(answer(role, end + data(1, "x")) == "stream 1 STREAM_CLOSED");
      CHECK(answer(role, end + data(1, "", kEnd)) == "stream 1 STREAM_CLOSED");
      CHECK(answer(role, end + headers(1, {{"a", "b"}}, kEnd)) == "stream 1 STREAM_CLOSED");
      CHECK(answer(role, end + headers(1, {{"a", "b"}})) == "stream 1 STREAM_CLOSED");
      CHECK(answer(role, end + window_update(1, 5)) == "goes on");
      CHECK(answer(role, end + priority(1)) == "goes on");
      CHECK(answer(role, end + rst(1, ErrorCode::cancel)) == "goes on");
    }
    // And on a stream that has ended on both sides.
    Harness ended = upload_of(role);
    ended.feed(data(1, "x", kEnd));
    REQUIRE(ended.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
    ended.sent();
    ended.feed(data(1, "late"));
    CHECK(answer(ended) == "stream 1 STREAM_CLOSED");
  }
}

// Every call that could make a frame for the stream.
void call_everything(Harness& harness, StreamId stream) {
  const Bytes body = bytes_of("x");
  const Field field{"a", "b"};
  harness.run([&](Connection& c) {
    CHECK_FALSE(c.send_data(stream, body, Token{9}, EndStream::no));
    CHECK_FALSE(c.send_data(stream, {}, Token{9}, EndStream::yes));
    CHECK_FALSE(c.send_copy(stream, body, EndStream::no));
    CHECK_FALSE(c.send_trailers(stream, {&field, 1}));
    CHECK_FALSE(c.send_response(stream, 200, {}, EndStream::no));
    CHECK_FALSE(c.send_informational(stream, 103, {}));
    CHECK_FALSE(c.push(stream, kGet));
    CHECK_FALSE(c.reset(stream, ErrorCode::cancel));
    static_cast<void>(c.set_window(stream, 1 << 20));
    c.consume(stream, 1 << 20);
    c.release(stream);
  });
}

TEST_CASE("nothing is sent on a closed stream [9113-5.1h] [9113-6.4a]") {
  const Bytes body(100000);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    // Ended by both; reset by us; reset by the peer while our content waited for its window.
    Harness ended = upload_of(role);
    ended.feed(data(1, std::string(16000, 'x'), kEnd));
    REQUIRE(ended.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
    Harness reset = upload_of(role);
    reset.feed(data(1, std::string(16000, 'x')));
    REQUIRE(reset.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    Harness by_peer = upload_of(role);
    by_peer.feed(data(1, std::string(16000, 'x')));
    REQUIRE(by_peer.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    by_peer.feed(rst(1, ErrorCode::cancel));
    CHECK(by_peer.last(Kind::data_sent)->outcome == DataOutcome::dropped);
    for (Harness* harness : {&ended, &reset, &by_peer}) {
      REQUIRE(harness->last(Kind::stream_closed, 1));
      harness->sent();
      harness->feed(window_update(1, 1 << 20) + window_update(0, 1 << 20) +
                    settings({{SettingId::initial_window_size, 1 << 20}}));
      call_everything(*harness, one);
      harness->advance(1s);
      CHECK(sent_on(*harness, 1) == 0);
    }
  }
}

TEST_CASE(
    "after our RST_STREAM what the peer had under way is taken in and dropped, of any type [9113-5.1i] [9113-5.4.2a] "
    "[9113-6.4b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    REQUIRE(harness.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    harness.events();
    harness.sent();
    const WindowView before = *harness.connection().window(kConnection);
    harness.feed(data(1, "in flight") + window_update(1, 5) + priority(1) +
                 frame(FrameType::headers, flags::end_headers, 1, block_with_entry()) +
                 wire("000005 00 08 00000001  03 'x' 000000") + data(1, "", kEnd) + rst(1, ErrorCode::cancel));
    CHECK(text_of(harness.events()) == "");
    CHECK(harness.sent().empty());
    const WindowView after = *harness.connection().window(kConnection);
    CHECK(after.recv_window == before.recv_window - 9 - 5);
    CHECK(after.owed == before.owed + 9 + 5);
    // The field that it brought is in the table.
    const std::uint32_t next = 3;
    if (role == Role::client) REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    harness.feed(frame(FrameType::headers, flags::end_headers, next,
                       block_of_entry(role == Role::server ? get() : status("200"))));
    const auto head = harness.last(role == Role::server ? Kind::request : Kind::response, next);
    REQUIRE(head);
    CHECK(head->fields == OwnedFields{{"x", "yz"}});
  }
}

TEST_CASE("no time that passes makes frames on a stream that we have reset an error [9113-5.1j]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    REQUIRE(harness.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    for (const Duration time : {Duration{1ms}, Duration{1s}, Duration{1min}, Duration{24h}}) {
      harness.advance(time);
      harness.events();
      harness.sent();
      harness.feed(data(1, "late") + headers(1, {{"a", "b"}}, kEnd));
      CHECK(text_of(harness.events()) == "");
      CHECK(harness.sent().empty());
    }
  }
}

// ---- 5.1.1: ids

TEST_CASE(
    "a client opens odd streams, a server even ones, each above the last [9113-5.1.1a] [9113-5.1.1b] [9113-5.1.1c]") {
  Harness client(Role::client);
  Harness server = exchange_of(Role::server);
  for (std::uint32_t i = 0; i < 40; ++i) {
    const auto request = client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); });
    REQUIRE(request);
    CHECK(request->value == 2 * i + 1);
    CHECK(client.history().back().header.stream.value == 2 * i + 1);
    if (i % 3 == 0) REQUIRE(client.call([&](Connection& c) { return c.reset(*request, ErrorCode::cancel); }));
    const auto push = server.call([](Connection& c) { return c.push(one, kGet); });
    REQUIRE(push);
    CHECK(push->value == 2 * i + 2);
    CHECK(read_u32(server.history(FrameType::push_promise).back().payload.data()) == 2 * i + 2);
    if (i % 3 == 0) REQUIRE(server.call([&](Connection& c) { return c.reset(*push, ErrorCode::cancel); }));
  }
}

TEST_CASE("a new stream whose id has the wrong parity or is not above the last ends the connection [9113-5.1.1d]") {
  CHECK(answer(Role::server, headers(2, get(), kEnd)) == "connection PROTOCOL_ERROR");
  CHECK(answer(Role::server, headers(9, get(), kEnd) + headers(7, get(), kEnd)) == "connection PROTOCOL_ERROR");
  CHECK(answer(Role::server, headers(0x7ffffffd, get(), kEnd) + headers(3, get(), kEnd)) ==
        "connection PROTOCOL_ERROR");
  CHECK(answer(Role::server, headers(9, get(), kEnd) + headers(11, get(), kEnd)) == "goes on");

  const auto promised = [](const Bytes& bytes) {
    Harness client = push_client();
    client.feed(bytes);
    return answer(client);
  };
  CHECK(promised(push_promise(1, 3, get())) == "connection PROTOCOL_ERROR");
  CHECK(promised(push_promise(1, 0, get())) == "connection PROTOCOL_ERROR");
  CHECK(promised(push_promise(1, 8, get()) + push_promise(1, 6, get())) == "connection PROTOCOL_ERROR");
  CHECK(promised(push_promise(1, 8, get()) + push_promise(1, 8, get())) == "connection PROTOCOL_ERROR");
  CHECK(promised(push_promise(1, 8, get()) + push_promise(1, 10, get())) == "goes on");
  CHECK(answer(Role::client, headers(2, status("200"))) == "connection PROTOCOL_ERROR");
}

// ---- 5.1.2: how many

TEST_CASE("we open no more streams than the peer allows, in either role [9113-5.1.2a]") {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 2}};
  Harness client(Role::client, options);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  }
  CHECK(client.history(FrameType::headers).size() == 2);
  client.feed(headers(3, status("204"), kEnd));
  CHECK(client.history(FrameType::headers).size() == 3);

  Harness server = exchange_of(Role::server, options);
  const auto push = [&] { return server.call([](Connection& c) { return c.push(one, kGet); }); };
  REQUIRE(push());
  REQUIRE(push());
  for (const StreamId stream : {two, StreamId{4}}) {
    REQUIRE(server.call([&](Connection& c) { return c.send_response(stream, 200, {}, EndStream::no); }));
  }
  CHECK_FALSE(push());
  CHECK(server.history(FrameType::push_promise).size() == 2);
  REQUIRE(server.call([](Connection& c) { return c.reset(two, ErrorCode::cancel); }));
  CHECK(push());
}

TEST_CASE("a stream over our limit is refused, in either role [9113-5.1.2b]") {
  Options options;
  options.config.settings.max_concurrent_streams = 1;
  CHECK(answer(Role::server, headers(3, get(), kEnd), options) == "stream 3 REFUSED_STREAM");
  CHECK(answer(Role::server, rst(1, ErrorCode::cancel) + headers(3, get(), kEnd), options) == "goes on");

  Options accepting = accepting_push();
  accepting.config.settings.max_concurrent_streams = 1;
  Harness client = push_client(accepting);
  client.feed(push_promise(1, 2, get()) + headers(2, status("200")));
  CHECK(answer(client) == "goes on");
  client.feed(push_promise(1, 4, get()));
  CHECK(answer(client) == "stream 4 REFUSED_STREAM");
}

// ---- 5.4: errors

TEST_CASE(
    "one error is reported for a stream and one for a connection, however many there are [9113-5.4a] [9113-5.4.2b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness stream = exchange_of(role);
    stream.feed(headers(1, {{"UPPER", "a"}, {":path", "/"}, {"te", "gzip"}}) + headers(1, {{"Again", "\n"}}) +
                repeat(data(1, "x"), 5) + window_update(1, 0) + data(1, "", kEnd) + data(1, "x"));
    CHECK_FALSE(stream.failed());
    CHECK(count(stream.sent_frames(), FrameType::rst_stream) == 1);
    CHECK(stream.all(Kind::stream_reset).size() == 1);
    stream.feed(wire("000004 02 00 00000001 00000000") + data(1, std::string(16385, 'x')));
    CHECK(stream.sent().empty());

    Harness connection = exchange_of(role);
    connection.feed(repeat(frame(FrameType::ping, 0, 0, Bytes(7)), 3) + data(0, "x") + wire("000000 04 00 00000001"));
    CHECK(count(connection.sent_frames(), FrameType::goaway) == 1);
    CHECK(connection.all(Kind::failed).size() == 1);
  }
}

TEST_CASE("nothing follows the GOAWAY of a connection error; one of a graceful end may stand before it [9113-5.4b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    harness.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
    CHECK(static_cast<ErrorCode>(harness.history(FrameType::goaway).back().u32(4)) == ErrorCode::no_error);
    harness.sent();
    harness.feed(data(0, "x") + frame(FrameType::ping, 0, 0, Bytes(7)));
    CHECK(answer(harness) == "connection PROTOCOL_ERROR");
    harness.run([](Connection& c) { c.shutdown(Shutdown::immediate, Duration{0}, ErrorCode::internal_error); });
    harness.feed(settings({{SettingId::max_frame_size, 1}}));
    CHECK(harness.sent().empty());
  }
}

TEST_CASE("a frame that breaks a stream's rule and the connection's is reported as the latter [9113-5.4c]") {
  Options options;
  options.config.connection_window = 65535;
  const Bytes full = repeat(data(1, std::string(13107, 'x')), 5);  // 65,535
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(answer(role, full, options) == "goes on");
    CHECK(answer(role, full + data(1, "x"), options) == "connection FLOW_CONTROL_ERROR");  // both windows
    const Bytes bad = frame(FrameType::headers, flags::end_headers, 1, block({{"UPPER", "a"}}) + wire("80"));
    CHECK(answer(role, bad) == "connection COMPRESSION_ERROR");
    CHECK(answer(role, data(1, "", kEnd) + bad) == "connection COMPRESSION_ERROR");
    CHECK(answer(role, data(1, "", kEnd) + wire("000002 00 08 00000001  02 00")) == "connection PROTOCOL_ERROR");
  }
}

TEST_CASE("the GOAWAY of an error names the last stream of the peer's that was received [9113-5.4.1a]") {
  const auto last_stream = [](Harness& harness) {
    harness.feed(data(0, "x"));
    REQUIRE(answer(harness) == "connection PROTOCOL_ERROR");
    return harness.history().back().u32();
  };
  Harness fresh(Role::server);
  CHECK(last_stream(fresh) == 0);
  Harness server = exchange_of(Role::server);
  server.feed(headers(9, get(), kEnd));
  CHECK(last_stream(server) == 9);
  Harness client = exchange_of(Role::client);
  CHECK(last_stream(client) == 0);
  Harness pushed = push_client();
  pushed.feed(push_promise(1, 6, get()));
  CHECK(last_stream(pushed) == 6);
}

TEST_CASE("after the GOAWAY of an error the transport is to be closed, whatever the peer does [9113-5.4.1b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness polite = exchange_of(role);
    polite.feed(data(0, "x"));
    CHECK(polite.connection().transport_wish() == TransportWish::shut_down_write);
    polite.eof();
    CHECK(polite.connection().transport_wish() == TransportWish::close);

    Harness stubborn = exchange_of(role);
    stubborn.feed(data(0, "x"));
    const auto deadline = stubborn.connection().deadline();
    REQUIRE(deadline);
    stubborn.advance(*deadline - stubborn.now());
    CHECK(stubborn.connection().transport_wish() == TransportWish::close);
  }
}

TEST_CASE("every end that begins here is announced by GOAWAY [9113-5.4.1c] [9113-6.8b] [9113-9.1c]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const auto ends_with_goaway = [](Harness& harness) {
      const auto sent = harness.sent_frames();
      return count(sent, FrameType::goaway) > 0 && sent.back().header.type == FrameType::goaway;
    };
    Harness now = exchange_of(role);
    now.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
    CHECK(ends_with_goaway(now));
    CHECK(now.connection().transport_wish() != TransportWish::open);

    Harness late = exchange_of(role);
    late.run([](Connection& c) { c.shutdown(Shutdown::graceful, 5s); });
    CHECK(count(late.sent_frames(), FrameType::goaway) == 1);
    late.advance(5s);
    CHECK(late.connection().transport_wish() != TransportWish::open);

    Options options;
    options.config.idle_timeout = 60s;
    Harness idle(role, options);
    idle.advance(60s);
    CHECK(idle.history(FrameType::goaway).size() == 1);

    Harness broken = exchange_of(role);
    broken.feed(data(0, "x"));
    CHECK(ends_with_goaway(broken));
  }
}

TEST_CASE("who received GOAWAY says GOAWAY before it leaves, too [9113-6.8c]") {
  Harness client = exchange_of(Role::client);
  client.feed(goaway(1, ErrorCode::no_error));
  CHECK(client.sent().empty());
  REQUIRE(client.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
  client.sent();
  client.feed(data(1, "the end", kEnd));
  REQUIRE(client.last(Kind::shutdown_finished));
  CHECK(client.sent_frames().back() == frames(goaway(0, ErrorCode::no_error))[0]);

  Harness server = exchange_of(Role::server);
  server.feed(goaway(0, ErrorCode::no_error) + rst(1, ErrorCode::cancel));
  server.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
  CHECK(server.sent_frames().back() == frames(goaway(1, ErrorCode::no_error))[0]);
}

TEST_CASE("RST_STREAM is never answered by RST_STREAM, on any stream that was opened [9113-5.4.2c]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness open = exchange_of(role);
    open.feed(repeat(rst(1, ErrorCode::cancel), 3));
    CHECK(open.sent().empty());
    CHECK_FALSE(open.failed());

    Harness reset = exchange_of(role);
    REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    reset.sent();
    reset.feed(repeat(rst(1, ErrorCode::stream_closed), 3));
    CHECK(reset.sent().empty());

    Harness ended = upload_of(role);
    ended.feed(data(1, "", kEnd));
    REQUIRE(ended.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
    ended.sent();
    ended.feed(rst(1, ErrorCode::no_error) + rst(1, ErrorCode::protocol_error));
    CHECK(ended.sent().empty());
    CHECK_FALSE(ended.failed());
  }
  Harness skipped = exchange_of(Role::server);
  skipped.feed(headers(9, get(), kEnd) + rst(7, ErrorCode::cancel));
  CHECK(skipped.sent().empty());
  CHECK_FALSE(skipped.failed());
}

TEST_CASE("RST_STREAM is not sent on a stream that is idle [9113-6.4e]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    for (const StreamId stream : {kConnection, StreamId{7}, StreamId{8}, StreamId{kMaxStreamId}}) {
      const auto refused = harness.call([&](Connection& c) { return c.reset(stream, ErrorCode::cancel); });
      CHECK(error_of(refused) == Misuse::unknown_stream);
    }
    CHECK(harness.sent().empty());
    // What would be a stream error elsewhere is one of the connection here.
    harness.feed(wire("000004 02 00 00000007 00000000"));
    CHECK(answer(harness) == "connection FRAME_SIZE_ERROR");
    CHECK(harness.history(FrameType::rst_stream).empty());
  }
  // A request over the peer's limit is idle until its turn comes.
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 0}};
  Harness waiting(Role::client, options);
  REQUIRE(waiting.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  REQUIRE(waiting.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
  CHECK(waiting.sent().empty());
}

TEST_CASE("frames on streams that were reset long ago and are forgotten are no error [9113-5.4.2a]") {
  Harness server(Role::server);
  for (std::uint32_t stream = 1; stream < 200; stream += 2) {
    server.feed(headers(stream, post()));
    REQUIRE(server.call([&](Connection& c) { return c.reset(StreamId{stream}, ErrorCode::cancel); }));
  }
  server.feed(data(1, "long gone") + data(three.value, "x", kEnd) + headers(151, {}, kEnd) + data(199, "x"));
  CHECK_FALSE(server.failed());
}

}  // namespace
}  // namespace h2::test
