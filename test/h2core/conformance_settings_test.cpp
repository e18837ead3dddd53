// RFC 9113 3.4 and 6.5 to 6.10: the preface, SETTINGS, PING, GOAWAY and windows, as both roles see them.
#include "conformance.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

Bytes setting(unsigned id, std::uint32_t value) { return settings({{static_cast<SettingId>(id), value}}); }

std::size_t content_bytes(const std::vector<Frame>& frames, std::uint32_t stream) {
  std::size_t bytes = 0;
  for (const Frame& each : frames) {
    if (each.header.type == FrameType::data && each.header.stream.value == stream) bytes += each.payload.size();
  }
  return bytes;
}

// ---- 3.4: the preface

TEST_CASE("the SETTINGS of the peer's preface is acknowledged, behind our own preface [9113-3.4c]") {
  Options options;
  options.handshake = false;
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness(role, options);
    harness.feed((role == Role::server ? client_preface() : Bytes{}) + settings({}));
    const auto sent = harness.sent_frames();
    REQUIRE(sent.size() >= 2);
    CHECK(sent.front().header.type == FrameType::settings);
    CHECK_FALSE(sent.front().header.has(flags::ack));
    CHECK(sent.back() == frames(settings_ack())[0]);
    CHECK(count(sent, FrameType::settings) == 2);
  }
}

TEST_CASE("whatever else comes first is a connection error of type PROTOCOL_ERROR [9113-3.4d]") {
  Options options;
  options.handshake = false;
  const auto first = [&](Role role, const Bytes& bytes) {
    Harness harness(role, options);
    harness.feed(bytes);
    return answer(harness);
  };
  const Bytes preface = bytes_of(kClientPreface);
  for (std::size_t at = 0; at < preface.size(); ++at) {
    CAPTURE(at);
    Bytes wrong = preface + settings({});
    wrong[at] ^= std::byte{0x20};
    CHECK(first(Role::server, wrong) == "connection PROTOCOL_ERROR");
  }
  for (const Role role : kRoles) {
    const Bytes before = role == Role::server ? preface : Bytes{};
    for (const Bytes& frame : {settings_ack(), ping(1), headers(1, get()), window_update(0, 1), goaway(0, {}),
                               wire("000000 ee 00 00000000"), data(1, "x")}) {
      CHECK(first(role, before + frame) == "connection PROTOCOL_ERROR");
    }
    CHECK(first(role, bytes_of("HTTP/1.1 200 OK\r\nserver: x\r\n\r\n")) == "connection PROTOCOL_ERROR");
    CHECK(first(role, before + settings({})) == "goes on");
  }
  CHECK(first(Role::client, preface + settings({})) == "connection PROTOCOL_ERROR");  // a server's has no octets before
}

// ---- 6.5: SETTINGS

TEST_CASE(
    "values that make no sense end the connection with the code of their setting [9113-6.5g] [9113-6.5.2c] "
    "[9113-6.5.2i] [9113-6.5.2k]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const std::uint32_t value : {2u, 3u, 0x7fffffffu, 0xffffffffu}) {
      CHECK(answer(role, setting(2, value)) == "connection PROTOCOL_ERROR");
    }
    for (const std::uint32_t value : {0x80000000u, 0xffffffffu}) {
      CHECK(answer(role, setting(4, value)) == "connection FLOW_CONTROL_ERROR");
    }
    for (const std::uint32_t value : {0u, 1u, 16383u, 0x01000000u, 0xffffffffu}) {
      CHECK(answer(role, setting(5, value)) == "connection PROTOCOL_ERROR");
    }
    // The edges of what makes sense.
    CHECK(answer(role, setting(2, 0)) == "goes on");
    CHECK(answer(role, setting(4, 0) + setting(4, 0x7fffffff)) == "goes on");
    CHECK(answer(role, setting(5, 16384) + setting(5, 0x00ffffff)) == "goes on");
    for (const unsigned id : {1u, 3u, 6u}) CHECK(answer(role, setting(id, 0) + setting(id, 0xffffffff)) == "goes on");
    // A bad one behind a good one in the same frame.
    CHECK(answer(role, settings({{SettingId::max_frame_size, 16384}, {SettingId::max_frame_size, 1}})) ==
          "connection PROTOCOL_ERROR");
  }
}

TEST_CASE("ENABLE_PUSH 1 is a client's to say [9113-6.5.2f]") {
  CHECK(answer(Role::client, setting(2, 1)) == "connection PROTOCOL_ERROR");
  CHECK(answer(Role::client, setting(2, 0)) == "goes on");
  CHECK(answer(Role::server, setting(2, 1)) == "goes on");
}

TEST_CASE("a server says nothing about ENABLE_PUSH but 0 [9113-6.5.2d] [9113-6.5.2e]") {
  Options options = accepting_push();
  options.handshake = false;
  Harness server(Role::server, options);
  server.feed(client_preface() + settings({}));
  const auto first = server.sent_frames();
  REQUIRE(first.size() >= 1);
  for (std::size_t at = 0; at < first[0].payload.size(); at += 6) {
    CHECK(first[0].payload[at + 1] != std::byte{2});
  }
  const Setting on[] = {{SettingId::enable_push, 1}}, off[] = {{SettingId::enable_push, 0}};
  CHECK_FALSE(server.call([&](Connection& c) { return c.send_settings(on); }));
  CHECK(server.sent().empty());
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(off); }));
  CHECK(server.sent() == setting(2, 0));
}

TEST_CASE("MAX_FRAME_SIZE goes out within its range or not at all [9113-6.5.2j]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness(role);
    const auto sends = [&](std::uint32_t value) {
      const Setting entry[] = {{SettingId::max_frame_size, value}};
      return harness.call([&](Connection& c) { return c.send_settings(entry); }).has_value();
    };
    for (const std::uint32_t value : {0u, 16383u, 0x01000000u, 0xffffffffu}) CHECK_FALSE(sends(value));
    CHECK(harness.sent().empty());
    CHECK(sends(16384));
    CHECK(sends(0x00ffffff));
    CHECK(harness.sent() == setting(5, 16384) + setting(5, 0x00ffffff));

    for (const std::uint32_t value : {100u, 0x01000000u}) {  // in the configuration
      Options options;
      options.handshake = false;
      options.config.settings.max_frame_size = value;
      const Setting extra[] = {{SettingId::max_frame_size, value}};
      options.config.extra_settings = extra;
      Harness fresh(role, options);
      fresh.feed({});
      const auto first = fresh.sent_frames();
      REQUIRE(first.size() >= 1);
      for (std::size_t at = 0; at < first[0].payload.size(); at += 6) CHECK(first[0].payload[at + 1] != std::byte{5});
    }
  }
}

TEST_CASE("unknown settings are ignored, between known ones as well [9113-5.5a] [9113-6.5.2l] [9113-6.5.3c]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const unsigned id : {0u, 7u, 0x0au, 0x10u, 0xffu, 0x0a0au, 0xf000u, 0xffffu}) {
      CAPTURE(id);
      Harness harness = exchange_of(role);
      harness.feed(settings({{SettingId::max_frame_size, 20000},
                             {static_cast<SettingId>(id), 0xffffffff},
                             {SettingId::initial_window_size, 5}}));
      CHECK(harness.sent() == settings_ack());
      Settings expected;
      expected.max_frame_size = 20000;
      expected.initial_window_size = 5;
      CHECK(harness.connection().peer_settings() == expected);
    }
  }
}

TEST_CASE(
    "SETTINGS are applied in their order and at once, and their ACK stands before what they set free [9113-6.5.3a] "
    "[9113-6.5.3b] [9113-6.5.3d]") {
  const Bytes body(100);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Options options;
    options.peer_settings = {{SettingId::initial_window_size, 0}};
    Harness harness = upload_of(role, options);
    REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    CHECK(harness.sent().empty());
    harness.feed(settings({{SettingId::initial_window_size, 0x7fffffff},
                           {SettingId::initial_window_size, 0},
                           {SettingId::initial_window_size, 100}}) +
                 ping(1));
    const auto sent = harness.sent_frames();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0] == frames(settings_ack())[0]);
    CHECK(sent[1] == frames(ping(1, true))[0]);
    CHECK(sent[2].payload.size() == 100);
    CHECK(harness.connection().window(one)->send_window == 0);
  }
}

TEST_CASE("a limit of no streams is a limit like any other [9113-6.5.2g]") {
  Options none;
  none.peer_settings = {{SettingId::max_concurrent_streams, 0}};
  Harness client(Role::client, none);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  CHECK(client.sent().empty());
  client.feed(setting(3, 1));
  CHECK(find(client.sent_frames(), FrameType::headers, 1));

  Harness server = exchange_of(Role::server, none);
  CHECK_FALSE(server.call([](Connection& c) { return c.push(one, kGet); }));
  server.feed(setting(3, 1));
  CHECK(server.call([](Connection& c) { return c.push(one, kGet); }));

  Options ours;
  ours.config.settings.max_concurrent_streams = 0;
  Harness closed(Role::server, ours);
  closed.feed(headers(1, get(), kEnd));
  CHECK(answer(closed) == "stream 1 REFUSED_STREAM");
}

// ---- 6.7: PING

TEST_CASE(
    "a PING is answered with its octets and ACK before all that waits, and an ACK never [9113-6.7b] [9113-6.7c] "
    "[9113-6.7d] [9113-6.7e]") {
  const Bytes body(50000);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = upload_of(role);
    harness.take = false;
    REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    harness.take = true;
    harness.feed(ping(0x0102030405060708) + ping(0xfffefdfcfbfaf9f8));
    const auto sent = harness.sent_frames();
    REQUIRE(sent.size() > 3);
    CHECK(sent[0] == frames(wire("000008 06 01 00000000 0102030405060708"))[0]);
    CHECK(sent[1] == frames(wire("000008 06 01 00000000 fffefdfcfbfaf9f8"))[0]);
    harness.feed(ping(0x0102030405060708, true) + ping(0, true));
    CHECK(harness.sent().empty());
    CHECK_FALSE(harness.failed());
  }
}

// ---- 6.8: GOAWAY

TEST_CASE("after a GOAWAY nothing new begins [9113-6.8a]") {
  Harness client = exchange_of(Role::client);
  client.feed(goaway(0x7fffffff, ErrorCode::no_error));
  CHECK_FALSE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  CHECK(client.sent().empty());

  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 1}};
  Harness waiting = exchange_of(Role::client, options);
  REQUIRE(waiting.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  waiting.feed(goaway(0x7fffffff, ErrorCode::no_error) + setting(3, 100) + data(1, "", kEnd));
  CHECK(count(waiting.sent_frames(), FrameType::headers) == 0);
  CHECK(waiting.last(Kind::stream_closed, 3)->verdict == Verdict::never_sent);

  Harness server = exchange_of(Role::server);
  server.feed(goaway(0x7fffffff, ErrorCode::no_error));
  CHECK_FALSE(server.call([](Connection& c) { return c.push(one, kGet); }));
  CHECK(server.sent().empty());
}

TEST_CASE("our GOAWAYs never name a higher stream than before [9113-6.8e]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = role == Role::server ? exchange_of(role) : push_client();
    const auto opens = [&](std::uint32_t n) {
      return role == Role::server ? headers(2 * n + 1, get(), kEnd) : push_promise(1, 2 * n, get());
    };
    harness.feed(opens(3));
    harness.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
    harness.feed(opens(4));
    if (const auto asked = harness.history(FrameType::ping); !asked.empty()) {
      harness.feed(frame(FrameType::ping, flags::ack, 0, asked.back().payload));
    }
    harness.feed(opens(5) + opens(9));
    harness.run([](Connection& c) { c.shutdown(Shutdown::immediate, Duration{0}, ErrorCode::internal_error); });
    const auto said = harness.history(FrameType::goaway);
    REQUIRE(said.size() >= 2);
    for (std::size_t i = 1; i < said.size(); ++i) CHECK(said[i].u32() <= said[i - 1].u32());
  }
}

TEST_CASE("a server's graceful end begins with GOAWAY of 2^31-1 and NO_ERROR [9113-6.8f]") {
  Harness server = exchange_of(Role::server);
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  CHECK(server.sent_frames()[0] == frames(goaway(0x7fffffff, ErrorCode::no_error))[0]);
}

TEST_CASE("what comes above our GOAWAY is decompressed and counted [9113-6.8g] [9113-6.8h]") {
  Harness server = exchange_of(Role::server);
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  const Frame asked = server.history(FrameType::ping).back();
  server.feed(frame(FrameType::ping, flags::ack, 0, asked.payload));
  REQUIRE(server.history().back() == frames(goaway(1, ErrorCode::no_error))[0]);
  const WindowView before = *server.connection().window(kConnection);
  server.feed(frame(FrameType::headers, flags::end_headers, 3, block_with_entry(get())) + data(3, "not read"));
  const WindowView after = *server.connection().window(kConnection);
  CHECK(after.recv_window == before.recv_window - 8);
  CHECK(after.owed == before.owed + 8);
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 1, block_of_entry()));
  CHECK(server.last(Kind::trailers)->fields == OwnedFields{{"x", "yz"}});

  Harness client = push_client();
  client.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  client.feed(frame(FrameType::push_promise, flags::end_headers, 1, wire("00000002") + block_with_entry(get())));
  CHECK(client.all(Kind::push).empty());
  client.feed(frame(FrameType::headers, flags::end_headers | kEnd, 1, block_of_entry(status("200"))));
  CHECK(client.last(Kind::response)->fields == OwnedFields{{"x", "yz"}});
}

// ---- 6.9: windows

TEST_CASE("frames outside flow control are taken though no window is left [9113-5.2.2a] [9113-6.9a]") {
  Options options;
  options.config.connection_window = 65535;
  const Bytes full = repeat(data(1, std::string(13107, 'x')), 5);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = upload_of(role, options);
    harness.feed(full);  // nobody consumes it
    CHECK(harness.connection().window(kConnection)->recv_window == 0);
    CHECK(harness.connection().window(one)->recv_window == 0);
    harness.sent();
    harness.feed(ping(1) + setting(5, 20000) + window_update(0, 10) + window_update(1, 10) +
                 wire("000005 02 00 00000001 00000000 0f") + headers(1, {{"a", "b"}}, kEnd));
    CHECK(harness.unread() == 0);
    CHECK(harness.last(Kind::trailers));
    CHECK(harness.connection().window(kConnection)->send_window == 65535 + 10);
    CHECK(harness.connection().peer_settings().max_frame_size == 20000);
    CHECK(harness.sent() == ping(1, true) + settings_ack());
  }
}

TEST_CASE("a sender keeps to both windows, whichever is smaller [9113-5.2.1a] [9113-6.9.1a]") {
  const Bytes body(200000);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const std::uint32_t stream_window : {1000u, 65535u, 100000u}) {
      CAPTURE(stream_window);
      Options options;
      options.peer_settings = {{SettingId::initial_window_size, stream_window}};
      Harness harness = upload_of(role, options);
      REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
      harness.advance(1s);  // the last octets of a window wait a moment for company
      const std::size_t least = std::min<std::size_t>(stream_window, 65535);
      CHECK(content_bytes(harness.history(), 1) == least);
      harness.feed(window_update(stream_window < 65535 ? 1 : 0, 777));
      harness.advance(1s);
      CHECK(content_bytes(harness.history(), 1) == (stream_window == 65535 ? least : least + 777));
    }
  }
}

TEST_CASE(
    "an increment of zero, or one that lifts a window past 2^31-1, is an error of its stream or of the connection "
    "[9113-6.9b] [9113-6.9c] [9113-6.9.1b] [9113-6.9.1c]") {
  const std::uint32_t most = 0x7fffffff - 65535;
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(answer(role, window_update(1, 0)) == "stream 1 PROTOCOL_ERROR");
    CHECK(answer(role, window_update(0, 0)) == "connection PROTOCOL_ERROR");
    CHECK(answer(role, window_update(1, most)) == "goes on");
    CHECK(answer(role, window_update(0, most)) == "goes on");
    CHECK(answer(role, window_update(1, most + 1)) == "stream 1 FLOW_CONTROL_ERROR");
    CHECK(answer(role, window_update(0, most + 1)) == "connection FLOW_CONTROL_ERROR");
    CHECK(answer(role, window_update(1, most) + window_update(1, 1)) == "stream 1 FLOW_CONTROL_ERROR");
    CHECK(answer(role, window_update(0, 0x7fffffff)) == "connection FLOW_CONTROL_ERROR");
    CHECK(answer(role, setting(4, 0) + window_update(1, 0x7fffffff)) == "goes on");
  }
}

TEST_CASE("no window that we announce passes 2^31-1 either [9113-6.9.1b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    CHECK_FALSE(harness.call([](Connection& c) { return c.set_window(one, kMaxWindow + 1); }));
    CHECK_FALSE(harness.call([](Connection& c) { return c.set_window(kConnection, kMaxWindow + 1); }));
    CHECK(harness.sent().empty());
    REQUIRE(harness.call([](Connection& c) { return c.set_window(one, kMaxWindow); }));
    REQUIRE(harness.call([](Connection& c) { return c.set_window(kConnection, kMaxWindow); }));
    std::int64_t stream = 65535, connection = 1 << 20;
    for (const Frame& each : harness.sent_frames()) {
      (each.header.stream == one ? stream : connection) += each.u32();
    }
    CHECK(stream == kMaxWindow);
    CHECK(connection <= kMaxWindow);
  }
}

TEST_CASE("WINDOW_UPDATE on a stream that the peer has ended, or that is closed, is no error [9113-6.9d]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(answer(role, data(1, "", kEnd) + window_update(1, 5)) == "goes on");
    CHECK(answer(role, rst(1, ErrorCode::cancel) + window_update(1, 5)) == "goes on");
    Harness reset = exchange_of(role);
    REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    reset.sent();
    reset.feed(window_update(1, 5) + window_update(1, 0x7fffffff));
    CHECK(answer(reset) == "goes on");
    Harness ended = upload_of(role);
    ended.feed(data(1, "", kEnd));
    REQUIRE(ended.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
    ended.sent();
    ended.feed(window_update(1, 5) + window_update(1, 0x7fffffff));
    CHECK(answer(ended) == "goes on");
  }
}

TEST_CASE("DATA counts in the connection's window whatever is wrong with it [9113-6.9e]") {
  const auto counts = [](Harness& harness, const Bytes& bytes, std::int64_t length) {
    const WindowView before = *harness.connection().window(kConnection);
    harness.feed(bytes);
    const WindowView after = *harness.connection().window(kConnection);
    CHECK(after.recv_window == before.recv_window - length);
    CHECK(static_cast<std::int64_t>(after.owed - before.owed) == length);  // nobody reads it: due at once
    CHECK_FALSE(harness.failed());
  };
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness half_closed = exchange_of(role);
    half_closed.feed(data(1, "", kEnd));
    counts(half_closed, data(1, "after the end"), 13);
    Harness reset = exchange_of(role);
    REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    counts(reset, wire("000008 00 08 00000001  02 'hello' 0000"), 8);
    Harness by_peer = exchange_of(role);
    by_peer.feed(rst(1, ErrorCode::cancel));
    counts(by_peer, data(1, "x"), 1);
    Harness too_long = exchange_of(role);
    counts(too_long, data(1, std::string(16385, 'x')), 16385);
    Options narrow;
    narrow.config.settings.initial_window_size = 10;
    Harness beyond = exchange_of(role, narrow);
    counts(beyond, data(1, "eleven bytes"), 12);
    CHECK(beyond.last(Kind::stream_reset)->violation == Violation::stream_window_exceeded);
  }
}

TEST_CASE(
    "INITIAL_WINDOW_SIZE moves every stream's window, below zero too, and nothing is sent until it is positive "
    "[9113-6.9.2a] [9113-6.9.2b] [9113-6.9.2c]") {
  const Bytes body(100);
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Options options;
    options.peer_settings = {{SettingId::initial_window_size, 60}};
    Harness harness = upload_of(role, options);
    const StreamId other{role == Role::client ? 3u : 5u};
    if (role == Role::client) REQUIRE(harness.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
    else harness.feed(headers(5, post()));
    REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    harness.advance(1s);
    REQUIRE(content_bytes(harness.history(), 1) == 60);
    harness.feed(setting(4, 20));
    CHECK(harness.connection().window(one)->send_window == -40);
    CHECK(harness.connection().window(other)->send_window == 20);
    harness.feed(window_update(1, 40));
    harness.advance(1s);
    CHECK(harness.connection().window(one)->send_window == 0);
    CHECK(content_bytes(harness.history(), 1) == 60);
    harness.feed(window_update(1, 3));
    harness.advance(1s);
    CHECK(content_bytes(harness.history(), 1) == 63);
    harness.feed(setting(4, 57));
    harness.advance(1s);
    CHECK(content_bytes(harness.history(), 1) == 100);
    CHECK(harness.connection().window(other)->send_window == 57);
  }
}

TEST_CASE("INITIAL_WINDOW_SIZE that lifts a stream's window past 2^31-1 ends the connection [9113-6.9.2d]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const Bytes grown = window_update(1, 0x7fffffff - 65535);
    CHECK(answer(role, grown + setting(4, 65535)) == "goes on");
    CHECK(answer(role, grown + setting(4, 65536)) == "connection FLOW_CONTROL_ERROR");
    CHECK(answer(role, window_update(1, 1) + setting(4, 0x7fffffff)) == "connection FLOW_CONTROL_ERROR");
  }
}

TEST_CASE("DATA within the window that held before a smaller one was acknowledged is accepted [9113-6.9.3a]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    const Setting tight[] = {{SettingId::initial_window_size, 5}};
    REQUIRE(harness.call([&](Connection& c) { return c.send_settings(tight); }));
    harness.sent();
    harness.feed(data(1, std::string(16000, 'x')));
    CHECK(answer(harness) == "goes on");
    harness.feed(settings_ack());
    CHECK(harness.connection().window(one)->recv_window == 5 - 16000);
    CHECK(answer(harness) == "goes on");
    harness.feed(data(1, "x"));
    CHECK(answer(harness) == "stream 1 FLOW_CONTROL_ERROR");
  }
}

// ---- 7 and 10.5

TEST_CASE("codes that nobody defined do what known ones do [9113-5.5a] [9113-7a]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const std::uint32_t code : {0x0eu, 0xffu, 0x12345678u, 0xffffffffu}) {
      Harness harness = exchange_of(role);
      harness.feed(goaway(0x7fffffff, static_cast<ErrorCode>(code)));
      CHECK(static_cast<std::uint32_t>(harness.last(Kind::goaway)->code) == code);
      CHECK(harness.all(Kind::stream_closed).empty());
      harness.feed(rst(1, static_cast<ErrorCode>(code)));
      CHECK(static_cast<std::uint32_t>(harness.last(Kind::stream_closed)->code) == code);
      CHECK_FALSE(harness.failed());
      if (role == Role::client) CHECK(harness.last(Kind::stream_closed)->verdict == Verdict::processed);
    }
  }
}

TEST_CASE("what moves nothing forward is counted, and too much of it is ENHANCE_YOUR_CALM [9113-10.5b]") {
  Options options;
  options.config.work_budget = 200;
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const Bytes increments = window_update(0, 1), increments_of_stream = window_update(1, 1);
    for (const Bytes& frame : {ping(1), ping(1, true), settings({}), setting(0x77, 1), increments, increments_of_stream,
                               wire("000005 02 00 00000001 00000000 0f"), wire("000000 ee 00 00000000"), data(1, ""),
                               goaway(0x7fffffff, ErrorCode::no_error), wire("000001 00 08 00000001 00")}) {
      CAPTURE(static_cast<int>(frame[3]));
      CHECK(answer(role, repeat(frame, 50), options) == "goes on");
      CHECK(answer(role, repeat(frame, 201), options) == "connection ENHANCE_YOUR_CALM");
    }
  }
  // Rapid resets, and blocks of very many frames.
  Harness server(Role::server, options);
  for (std::uint32_t stream = 1; stream < 400 && !server.failed(); stream += 2) {
    server.feed(headers(stream, get(), kEnd) + rst(stream, ErrorCode::cancel));
  }
  CHECK(server.failure() == Violation::work_budget_empty);
  CHECK(answer(Role::server, wire("000001 01 00 00000001 82") + repeat(wire("000000 09 00 00000001"), 100)) ==
        "connection ENHANCE_YOUR_CALM");
}

}  // namespace
}  // namespace h2::test
