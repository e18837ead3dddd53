// RFC 9113 5.1.2: how many streams at once, ours and the peer's; and the other bounds of a connection.
#include <array>

#include <h2core/explain.h>

#include "harness.h"

namespace h2::test {
namespace {

Harness client_of(std::uint32_t peer_limit) {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, peer_limit}};
  return Harness(Role::client, options);
}

TEST_CASE("RFC 9113 5.1.2: requests over the peer's limit wait and go out in order [9113-5.1.2a] [9113-6.5b]") {
  Harness client = client_of(2);
  for (int i = 0; i < 5; ++i) {
    std::string path = "/" + std::to_string(i);  // gone after the call: what waits is copied
    Request request = kGet;
    request.path = path;
    REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
    path.assign(path.size(), '!');
  }
  CHECK(client.history(FrameType::headers).size() == 2);
  CHECK(client.connection().open_streams() == 5);
  client.feed(headers(3, status("204"), kEnd));
  CHECK(client.history(FrameType::headers).size() == 3);
  CHECK(client.blocks(5)[0][3].value == "/2");
  client.feed(rst(1, ErrorCode::cancel));
  client.feed(settings({{SettingId::max_concurrent_streams, 100}}));
  const auto sent = client.history(FrameType::headers);
  REQUIRE(sent.size() == 5);
  for (std::uint32_t i = 0; i < 5; ++i) CHECK(sent[i].header.stream == StreamId{2 * i + 1});
  CHECK(client.blocks(9)[0][3].value == "/4");
}

TEST_CASE("a body of a request that waits goes out behind its head") {
  Harness client = client_of(0);
  const Bytes body = bytes_of("body");
  const Field trailer[] = {{"a", "b"}};
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(StreamId{1}, body, Token{1}, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_trailers(StreamId{1}, trailer); }));
  CHECK(client.sent().empty());
  client.feed(settings({{SettingId::max_concurrent_streams, 1}}));
  const auto& sent = client.history();
  REQUIRE(sent.size() == 4);
  CHECK(sent[1].header.type == FrameType::headers);
  CHECK(text_of(sent[2].payload) == "body");
  CHECK(sent[3].header.type == FrameType::headers);
  CHECK(sent[3].header.has(flags::end_stream));
}

TEST_CASE("a request that is reset while it waits leaves nothing on the wire") {
  Harness client = client_of(1);
  const Bytes body = bytes_of("body");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  }
  REQUIRE(client.call([&](Connection& c) { return c.send_data(StreamId{3}, body, Token{9}, EndStream::yes); }));
  client.sent();
  REQUIRE(client.call([](Connection& c) { return c.reset(StreamId{3}, ErrorCode::cancel); }));
  CHECK(client.sent().empty());
  CHECK(client.last(Kind::data_sent)->outcome == DataOutcome::dropped);
  CHECK(client.last(Kind::stream_closed, 3)->verdict == Verdict::never_sent);
  client.feed(rst(1, ErrorCode::cancel));
  const auto sent = client.history(FrameType::headers);
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].header.stream == StreamId{5});
}

TEST_CASE("RFC 9113 6.5.2: a limit below what is in use resets nothing, and new requests wait") {
  Harness client = client_of(3);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  }
  client.feed(settings({{SettingId::max_concurrent_streams, 1}}));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(headers(1, status("204"), kEnd) + headers(3, status("204"), kEnd));
  CHECK(client.history(FrameType::headers).size() == 3);
  client.feed(headers(5, status("204"), kEnd));
  CHECK(client.history(FrameType::headers).size() == 4);
  CHECK(client.history(FrameType::rst_stream).empty());
}

TEST_CASE("before the peer's SETTINGS a sane number of streams is assumed, after an empty one no limit") {
  Options options;
  options.handshake = false;
  options.config.assumed_peer_streams = 2;
  Harness client(Role::client, options);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  }
  CHECK(client.history(FrameType::headers).size() == 2);
  client.feed(settings({}));
  CHECK(client.history(FrameType::headers).size() == 4);
}

TEST_CASE(
    "RFC 9113 5.1.2: streams over our limit are refused, their blocks decoded, the others untouched [9113-4.3b] "
    "[9113-5.1.2b]") {
  Options options;
  options.config.settings.max_concurrent_streams = 2;
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd) + headers(3, post()));
  // A literal with indexing in the refused block; the next block names it by its index.
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 5, block(get()) + wire("40 01 'x' 02 'yz'")));
  CHECK(find(server.sent_frames(), FrameType::rst_stream, 5)->u32() ==
        static_cast<std::uint32_t>(ErrorCode::refused_stream));
  CHECK(server.connection().counters().streams_refused == 1);
  server.feed(headers(3, {}, kEnd));
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{3}, 204, {}, EndStream::yes); }));
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 7, block(get()) + wire("be")));
  CHECK(server.last(Kind::request, 7)->fields == OwnedFields{{"x", "yz"}});
}

TEST_CASE("RFC 9113 5.1.1: the highest stream id is one like any other") {
  Harness server(Role::server);
  server.feed(headers(0x7fffffff, get(), kEnd));
  CHECK(server.last(Kind::request));
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{0x7fffffff}, 204, {}, EndStream::yes); }));
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("a peer that does not read its replies is not read either, beyond a bound") {
  Options options;
  options.config.max_queued_output = 1000;
  Harness server(Role::server, options);
  server.take = false;
  server.feed(repeat(ping(1), 500));
  CHECK(server.unread() > 0);
  CHECK(server.unread() < 500 * 17);
  CHECK_FALSE(server.failed());
  server.take = true;
  for (int i = 0; i < 1000 && server.unread() > 0; ++i) server.feed({});
  CHECK(server.unread() == 0);
  CHECK(server.history(FrameType::ping).size() == 500);
}

TEST_CASE("a peer that asks and never reads is not read any more, and what answers take is bounded") {
  Options options;
  options.config.max_queued_output = 1000;
  Harness server(Role::server, options);
  server.on_event = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event))
      REQUIRE(c.send_response(request->stream, 204, {}, EndStream::yes));
  };
  server.take = false;
  Bytes flood;
  for (std::uint32_t id = 1; id < 2000; id += 2) flood = flood + headers(id, get(), kEnd);
  server.feed(flood);
  CHECK(server.unread() > flood.size() / 2);
  CHECK(server.connection().window(kConnection)->queued <= 1000 + 10);
  CHECK(server.connection().explain(kConnection)->receiving.what == Holdup::unread_replies);
  CHECK_FALSE(server.failed());
  server.take = true;
  for (int i = 0; i < 1000 && server.unread() > 0; ++i) server.feed({});
  CHECK(server.all(Kind::stream_closed).size() == 1000);
}

TEST_CASE("content that is read frees no room for more replies behind it") {
  Options options;
  options.config.max_queued_output = 1000;
  options.peer_settings = {{SettingId::initial_window_size, 1 << 24}};
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd) + window_update(0, 1 << 24));
  const Bytes content(1 << 20);
  server.take = false;
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{1}, 200, {}, EndStream::no); }));
  REQUIRE(server.call([&](Connection& c) { return c.send_data(StreamId{1}, content, Token{1}, EndStream::yes); }));
  std::array<ByteView, 64> slices;
  for (int round = 0; round < 8; ++round) {
    server.feed(repeat(ping(1), 200));
    server.run([&](Connection& c) {
      c.poll_output(slices);
      c.consume_output(8000);  // of content
    });
  }
  // What is queued: the rest of the content that was committed, and replies.
  CHECK(server.connection().window(kConnection)->queued <= 65536 + 1000 + 100);
  CHECK(server.unread() > 0);
}

TEST_CASE("a client that asks much and reads late is not held up by what it sends itself") {
  Options options;
  options.config.max_queued_output = 1000;
  options.peer_settings = {{SettingId::max_concurrent_streams, 1000}};
  Harness client(Role::client, options);
  client.take = false;
  for (int i = 0; i < 500; ++i)
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  CHECK(client.connection().window(kConnection)->queued > 1000);
  client.feed(headers(1, status("204"), kEnd));
  CHECK(client.unread() == 0);
  CHECK(client.last(Kind::stream_closed, 1));
}

/// Feeds rounds to a peer of which the transport takes as little as it must before all input is read.
template <class Round>
std::size_t most_queued(Connection& connection, std::uint32_t rounds, Round&& round) {
  std::size_t most = 0;
  std::array<ByteView, 64> slices;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    const Bytes bytes = round(i);
    for (ByteView input = bytes;;) {
      while (const auto event = connection.receive(input))
        REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
      if (input.empty()) break;
      connection.poll_output(slices);
      connection.consume_output(10);
    }
    most = std::max(most, connection.window(kConnection)->queued);
  }
  return most;
}

TEST_CASE("what a client sent itself frees no room for more replies once it is taken") {
  Config config{.role = Role::client};
  config.max_queued_output = 1000;
  Connection client(config);
  const std::size_t most = most_queued(client, 1000, [&](std::uint32_t i) -> Bytes {
    if (i == 0) return settings({}) + settings_ack() + repeat(ping(1), 60);
    REQUIRE(client.send_request(kGet, EndStream::yes));
    return headers(2 * i - 1, status("204"), kEnd) + repeat(ping(1), 2);
  });
  CHECK(most <= 2000);  // replies up to the bound, and the requests between them
}

TEST_CASE("all that a server writes counts until it is taken, the ends of its answers too") {
  Config config;
  config.max_queued_output = 1000;
  Connection server(config);
  const std::size_t most = most_queued(server, 1000, [&](std::uint32_t i) -> Bytes {
    if (i == 0) return client_preface() + settings({}) + settings_ack() + repeat(ping(1), 60);
    if (i > 1) {
      REQUIRE(server.send_response(StreamId{2 * i - 3}, 200, {}, EndStream::no));
      REQUIRE(server.send_data(StreamId{2 * i - 3}, {}, Token{1}, EndStream::yes));
    }
    return headers(2 * i - 1, get(), kEnd) + repeat(ping(1), 2);
  });
  CHECK(most <= 1100);
}

TEST_CASE("streams that were reset with content still in the output are no more than may be open") {
  Options options;
  options.config.settings.max_concurrent_streams = 10;
  Harness server(Role::server, options);
  const Bytes content(1);
  server.on_event = [&](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request == nullptr) return;
    REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    REQUIRE(c.send_data(request->stream, content, Token{1}, EndStream::no));
    std::array<ByteView, 64> slices;
    c.poll_output(slices);  // committed, and not taken
  };
  server.take = false;
  Bytes flood;
  for (std::uint32_t id = 1; id < 200; id += 2) flood = flood + headers(id, get(), kEnd) + rst(id, ErrorCode::cancel);
  server.feed(flood);
  CHECK(server.unread() > 0);
  CHECK(server.connection().open_streams() <= 20);
  CHECK(server.connection().explain(kConnection)->receiving.what == Holdup::unread_replies);
  server.take = true;
  for (int i = 0; i < 1000 && server.unread() > 0; ++i) server.feed({});
  CHECK(server.unread() == 0);
  CHECK(server.connection().open_streams() == 0);
  CHECK(server.all(Kind::stream_closed).size() == 100);
}

/// It has 600 left of 1,000.
Harness worked_server(std::uint32_t refill_per_second) {
  Options options;
  options.config.work_budget = 1000;
  options.config.work_refill_per_second = refill_per_second;
  Harness server(Role::server, options);
  server.feed(repeat(ping(1), 400));
  return server;
}

TEST_CASE("the largest refill and a day of silence fill the budget and no more") {
  Harness server = worked_server(0xffffffff);
  server.advance(24h);
  server.feed(repeat(ping(1), 1000));
  CHECK_FALSE(server.failed());
  server.feed(ping(1));
  CHECK(server.failure() == Violation::work_budget_empty);
}

/// How much of it 20 ms have given back when the clock is looked at in such steps.
int refilled_in_steps_of(Duration step) {
  Harness server = worked_server(1000);
  const Duration whole = 20ms;
  for (Duration passed{0}; passed < whole; passed += step) server.advance(std::min(step, whole - passed));
  int pings = -599;  // the handshake's SETTINGS took one
  while (!server.failed()) {
    server.feed(ping(1));
    ++pings;
  }
  return pings - 1;
}

TEST_CASE("time refills the budget alike, however often the clock is looked at") {
  CHECK(refilled_in_steps_of(20ms) == 20);
  CHECK(refilled_in_steps_of(10us + 999ns) == 20);
  CHECK(refilled_in_steps_of(1999ns) == 20);
}

TEST_CASE("the budget for idle work warns at half, then ends the connection; time refills it [9113-10.5b]") {
  Harness server = worked_server(100);
  CHECK_FALSE(server.last(Kind::work_low));
  server.feed(repeat(ping(1), 200));
  CHECK(server.all(Kind::work_low).size() == 1);
  for (int i = 0; i < 60; ++i) {
    server.advance(1s);
    server.feed(repeat(ping(1), 100));
  }
  CHECK_FALSE(server.failed());
  server.feed(repeat(ping(1), 1001));
  CHECK(server.failure() == Violation::work_budget_empty);
}

TEST_CASE("the budget names what used it up, in the event, on the wire and by counters [9113-10.5b]") {
  const std::pair<Work, Bytes> kinds[] = {
      {Work::ping, ping(1)},
      {Work::settings, settings({})},
      {Work::window_update, window_update(0, 1)},
      {Work::priority, wire("000005 02 00 00000001 00000000 0f")},
      {Work::goaway, goaway(0x7fffffff, ErrorCode::no_error)},
      {Work::extension, wire("000000 ee 00 00000000")},
      {Work::empty_data, data(1, "")},
      {Work::late_frame, data(3, "x")},
  };
  for (const auto& each : kinds) {
    const Work work = each.first;
    const Bytes& bytes = each.second;
    CAPTURE(describe(work));
    Options options;
    options.config.work_budget = 100;
    Harness server(Role::server, options);
    server.feed(headers(1, post()) + headers(3, post()));
    REQUIRE(server.call([](Connection& c) { return c.reset(StreamId{3}, ErrorCode::cancel); }));
    server.feed(repeat(bytes, 60));
    REQUIRE(server.last(Kind::work_low));
    CHECK(server.last(Kind::work_low)->sentence == describe(work));
    CHECK_FALSE(server.last(Kind::work_low)->used_up);
    server.feed(repeat(bytes, 60));
    REQUIRE(server.failure() == Violation::work_budget_empty);
    CHECK(server.last(Kind::failed)->sentence == describe(work));
    const Bytes debug = server.history().back().payload;
    CHECK(text_of(ByteView(debug).subspan(8)) == describe(work));
    CHECK(server.connection().counters().work[static_cast<std::size_t>(work)] >= 100);
  }
}

TEST_CASE("a field section of no use costs by its length, whatever makes it useless [9113-10.5b]") {
  const std::string long_value(4000, 'x');
  const OwnedFields fields = {{"x", long_value}};
  Options options;
  options.config.settings.max_concurrent_streams = 2;
  const std::uint64_t each = headers(1, get(fields)).size() / 256;
  REQUIRE(each >= 9);  // in Huffman's code
  const auto useless = [](Harness& server, const Bytes& bytes) {
    server.feed(bytes);
    CHECK_FALSE(server.failed());
    return server.connection().counters().work[static_cast<std::size_t>(Work::useless_section)];
  };
  SUBCASE("on a stream that is gone") {
    Harness server(Role::server, options);
    server.feed(headers(1, post()));
    REQUIRE(server.call([](Connection& c) { return c.reset(StreamId{1}, ErrorCode::cancel); }));
    CHECK(useless(server, headers(1, fields, kEnd)) == 1);
  }
  SUBCASE("refused") {
    Harness server(Role::server, options);
    CHECK(useless(server, headers(1, post()) + headers(3, post()) + headers(5, get(fields))) == 1);
  }
  SUBCASE("malformed") {
    Harness server(Role::server, options);
    CHECK(useless(server, headers(1, {{":method", "GET"}, {"x", long_value}}, kEnd)) == 1);
  }
  SUBCASE("too large") {
    options.config.settings.max_header_list_size = 2000;
    Harness server(Role::server, options);
    CHECK(useless(server, headers(1, get(fields), kEnd)) == 1);
  }
  SUBCASE("wrong as trailers") {
    Harness server(Role::server, options);
    CHECK(useless(server, headers(1, post()) + headers(1, {{":path", "/"}, {"x", long_value}}, kEnd)) == 1);
  }
  SUBCASE("and a request that is one costs nothing") {
    Harness server(Role::server, options);
    CHECK(useless(server, headers(1, get(fields), kEnd)) == 0);
  }
  SUBCASE("and what it costs is its length") {
    options.config.work_budget = 100;
    Harness server(Role::server, options);
    server.feed(headers(1, post()) + headers(3, post()));
    for (std::uint32_t id = 5; !server.failed(); id += 2) {
      REQUIRE(id < 5 + 2 * (100 / (4 + each) + 2));
      server.feed(headers(id, get(fields)));
    }
  }
}

TEST_CASE("a trial of the budget tells when it would have ended the connection, and goes on") {
  Options options;
  options.config.work_budget = 100;
  options.config.enforce_work_budget = false;
  Harness server(Role::server, options);
  server.feed(repeat(ping(1), 1000));
  const auto told = server.all(Kind::work_low);
  REQUIRE(told.size() == 2);
  CHECK_FALSE(told[0].used_up);
  CHECK(told[1].used_up);
  server.advance(1s);  // recovered
  server.feed(repeat(ping(1), 1000));
  CHECK(server.all(Kind::work_low).size() == 4);
  CHECK_FALSE(server.failed());
  CHECK(server.connection().counters().work[static_cast<std::size_t>(Work::ping)] == 2000);
}

TEST_CASE("a page of a browser that is cancelled again and again is not abuse") {
  Pair pair({}, {}, 20ms);
  Connection& client = *pair.client.connection;
  pair.pass(1s);
  for (int page = 0; page < 20; ++page) {
    std::vector<StreamId> streams;
    for (int i = 0; i < 80; ++i) streams.push_back(*client.send_request(kGet, EndStream::yes));
    pair.pass(100ms);
    for (const StreamId stream : streams) REQUIRE(client.reset(stream, ErrorCode::cancel));
    pair.pass(400ms);
  }
  CHECK(of_kind(pair.server.events, Kind::failed).empty());
  CHECK(of_kind(pair.client.events, Kind::failed).empty());
  CHECK(of_kind(pair.server.events, Kind::request).size() == 1600);
}

TEST_CASE("any number of streams may pass, and what they held comes back") {
  TestMemory memory;
  Config config;
  config.allocator = memory.allocator();
  Pair pair(config, config);
  pair.client.keep_events = pair.server.keep_events = false;
  pair.server.on_event = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      REQUIRE(c.send_response(request->stream, 204, {}, EndStream::yes));
    }
  };
  std::uint64_t early = 0;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(pair.client.connection->send_request(kGet, EndStream::yes));
    pair.settle();
    if (i == 200) early = memory.live_bytes;
  }
  CHECK(memory.live_bytes <= early);
}

}  // namespace
}  // namespace h2::test
