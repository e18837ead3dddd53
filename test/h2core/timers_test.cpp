// Time: it comes by advance_time() alone, and deadline() says when it is wanted.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

TEST_CASE("an idle hour, then a request: nothing fires early, nothing is late") {
  Pair pair;
  pair.settle();
  pair.client.events.clear();
  pair.server.events.clear();
  const std::uint64_t bytes = pair.bytes_to_client + pair.bytes_to_server;
  CHECK_FALSE(pair.client.connection->deadline());
  CHECK_FALSE(pair.server.connection->deadline());
  pair.pass(1h);
  CHECK(pair.bytes_to_client + pair.bytes_to_server == bytes);
  CHECK(pair.client.events.empty());
  CHECK(pair.server.events.empty());
  REQUIRE(pair.client.connection->send_request(kGet, EndStream::yes));
  pair.settle();
  REQUIRE(pair.server.connection->send_response(one, 204, {}, EndStream::yes));
  pair.pass(1s);
  CHECK(text_of(pair.client.events) == "response 1 204 end\nclosed 1 processed\n");
  CHECK(of_kind(pair.server.events, Kind::failed).empty());
}

TEST_CASE("an idle hour without one wake-up, with all timers on: the request that ends it is served") {
  Options options;
  options.config.keepalive_interval = 2h;
  options.config.idle_timeout = 2h;
  Harness server(Role::server, options);
  server.advance(1h);
  CHECK(text_of(server.events()) == "");
  CHECK(server.sent().empty());
  server.feed(headers(1, get(), kEnd));
  CHECK(server.last(Kind::request));
}

TEST_CASE("the preface has ten seconds, from the first advance_time on") {
  for (const Role role : {Role::client, Role::server}) {
    Options options;
    options.handshake = false;
    Harness harness(role, options);
    REQUIRE(harness.connection().deadline());
    CHECK(*harness.connection().deadline() == harness.now() + 10s);
    harness.advance(9999ms);
    CHECK_FALSE(harness.failed());
    harness.advance(1ms);
    CHECK(harness.failed());
  }
  Config config;
  Connection untimed(config);
  CHECK_FALSE(untimed.deadline());
}

TEST_CASE("RFC 9113 6.5.3: each SETTINGS has its own time") {
  Harness client(Role::client);
  const Setting entry[] = {{SettingId::max_frame_size, 20000}};
  CHECK_FALSE(client.connection().deadline());
  REQUIRE(client.call([&](Connection& c) { return c.send_settings(entry); }));
  CHECK(client.connection().deadline() == client.now() + 10s);
  client.advance(6s);
  REQUIRE(client.call([&](Connection& c) { return c.send_settings(entry); }));
  CHECK(client.connection().deadline() == client.now() + 4s);
  client.feed(settings_ack());
  CHECK(client.connection().deadline() == client.now() + 10s);
  client.advance(10s);
  CHECK(client.failure() == Violation::settings_timeout);
}

TEST_CASE("a link that stands still while windows grow does not end an upload") {
  Options options;
  Harness server(Role::server, options);
  server.feed(headers(1, post()));
  server.advance(1ms);
  server.sent();
  server.feed(data(1, std::string(16384, 'x')) + data(1, std::string(16384, 'x')));
  const auto probe = find(server.sent_frames(), FrameType::ping, 0);
  REQUIRE(probe);
  server.run([](Connection& c) { c.release(one); });
  server.advance(100ms);
  server.feed(data(1, std::string(16384, 'x')));
  server.run([](Connection& c) { c.release(one); });
  server.feed(frame(FrameType::ping, flags::ack, 0, probe->payload));
  REQUIRE(server.connection().counters().windows_grown == 1);
  CHECK_FALSE(server.connection().deadline());
  server.advance(60s);
  CHECK_FALSE(server.failed());
  // One that the caller sends behind it is timed all the same.
  const Setting entry[] = {{SettingId::max_frame_size, 20000}};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(entry); }));
  CHECK(server.connection().deadline() == server.now() + 10s);
  server.feed(settings_ack());
  CHECK(server.connection().deadline() == server.now() + 10s);
  server.feed(settings_ack());
  CHECK_FALSE(server.connection().deadline());
}

TEST_CASE("a keep-alive PING goes out after silence, and traffic puts it off") {
  Options options;
  options.config.keepalive_interval = 30s;
  Harness client(Role::client, options);
  CHECK(client.connection().deadline() == client.now() + 30s);
  client.advance(20s);
  client.feed(ping(1));
  client.sent();
  CHECK(client.connection().deadline() == client.now() + 30s);
  client.advance(29999ms);
  CHECK(client.sent().empty());
  client.advance(1ms);
  const auto sent = client.sent_frames();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.type == FrameType::ping);
  CHECK(client.connection().deadline() == client.now() + 15s);
  client.feed(frame(FrameType::ping, flags::ack, 0, sent[0].payload));
  CHECK(text_of(client.events()) == "");
  client.advance(15s);
  CHECK_FALSE(client.failed());
}

TEST_CASE("a connection without streams for its idle time begins to end") {
  Options options;
  options.config.idle_timeout = 60s;
  Harness server(Role::server, options);
  CHECK(server.connection().deadline() == server.now() + 60s);
  server.advance(50s);
  server.feed(headers(1, get(), kEnd));
  server.advance(50s);  // a stream is open: no idle time passes
  CHECK_FALSE(server.last(Kind::idle));
  CHECK_FALSE(server.connection().deadline());
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 204, {}, EndStream::yes); }));
  CHECK(server.connection().deadline() == server.now() + 1s);  // what requests needed is given back
  server.sent();
  server.advance(1s);
  CHECK(server.connection().deadline() == server.now() + 59s);
  server.advance(58999ms);
  CHECK_FALSE(server.last(Kind::idle));
  server.advance(1ms);
  CHECK(server.last(Kind::idle));
  CHECK(find(server.sent_frames(), FrameType::goaway, 0));
}

TEST_CASE("a connection that failed ends after five seconds, also if nobody takes its GOAWAY") {
  Harness server(Role::server);
  server.take = false;
  server.feed(window_update(0, 0));
  REQUIRE(server.failed());
  CHECK(server.connection().transport_wish() == TransportWish::open);
  CHECK(server.connection().deadline() == server.now() + 5s);
  server.advance(5s);
  CHECK(server.connection().transport_wish() == TransportWish::close);
}

TEST_CASE("time never goes back") {
  Options options;
  options.config.keepalive_interval = 30s;
  Harness client(Role::client, options);
  client.advance(10s);
  client.run([&](Connection& c) { c.advance_time(client.now() - 9s); });
  CHECK(client.connection().deadline() == client.now() + 20s);
  client.run([](Connection& c) { c.advance_time(TimePoint{}); });
  CHECK(client.connection().deadline() == client.now() + 20s);
}

TEST_CASE("timers that are zero are off") {
  Options options;
  options.handshake = false;
  options.config.preface_timeout = options.config.settings_timeout = Duration{0};
  Harness client(Role::client, options);
  CHECK_FALSE(client.connection().deadline());
  client.advance(24h);
  CHECK_FALSE(client.failed());
}

TEST_CASE("a header block has ten seconds from its first frame to its last") {
  Harness server(Role::server);
  const Bytes head = block(get());
  const std::size_t half = head.size() / 2;
  const Bytes first(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(half));
  const Bytes rest(head.begin() + static_cast<std::ptrdiff_t>(half), head.end());
  server.feed(frame(FrameType::headers, kEnd, 1, first));
  CHECK(*server.connection().deadline() == server.now() + 10s);
  server.advance(9999ms);
  server.feed(frame(FrameType::continuation, flags::end_headers, 1, rest));
  CHECK(server.last(Kind::request, 1));
  CHECK_FALSE(server.connection().deadline());
  server.feed(frame(FrameType::headers, kEnd, 3, first));
  server.advance(5s);
  server.feed(frame(FrameType::continuation, 0, 3, {}));  // it goes on, but does not end
  server.advance(5s);
  CHECK(server.failure() == Violation::header_block_timeout);
}

TEST_CASE("what began before the first advance_time has its time from there") {
  Config config;
  config.output_timeout = 5s;
  Connection server(config);
  const Bytes bytes = client_preface() + settings({}) + wire("000001 01 00 00000001 82");
  ByteView input = bytes;
  while (server.receive(input)) continue;
  const TimePoint start{std::chrono::hours(1000)};
  server.advance_time(start);
  CHECK_FALSE(server.has_event());
  CHECK(*server.deadline() == start + 5s);
  take_output(server);
  CHECK(*server.deadline() == start + 10s);
  server.advance_time(start + 9999ms);
  CHECK_FALSE(server.has_event());
  server.advance_time(start + 10s);
  CHECK(server.has_event());
}

TEST_CASE("a connection of two months: times are told, and its output has as long as ever") {
  Options options;
  options.config.output_timeout = 5s;
  Harness server(Role::server, options);
  server.feed(headers(1, post()));
  for (int day = 0; day < 60; ++day) server.advance(24h);
  server.take = false;
  server.feed(data(1, "x") + ping(1));
  CHECK(server.connection().deadline() == server.now() + 5s);
  CHECK(server.connection().explain(one)->receiving.since == server.now());
  server.advance(4s);
  CHECK_FALSE(server.failed());
  server.advance(1s);
  CHECK(server.failure() == Violation::output_timeout);
}

TEST_CASE("output that nobody takes ends the connection when its time is over, and each byte taken begins it anew") {
  Options options;
  options.config.output_timeout = 5s;
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd));
  CHECK_FALSE(server.connection().deadline());
  server.take = false;
  const Bytes content(1000);
  server.run([&](Connection& c) {
    REQUIRE(c.send_response(one, 200, {}, EndStream::no));
    REQUIRE(c.send_data(one, content, Token{1}, EndStream::yes));
  });
  CHECK(*server.connection().deadline() == server.now() + 5s);
  server.advance(4s);
  server.run([](Connection& c) {
    std::array<ByteView, 2> slices;
    REQUIRE(c.poll_output(slices) > 0);
    c.consume_output(1);
  });
  server.advance(4s);
  CHECK_FALSE(server.failed());
  server.advance(1s);
  CHECK(server.failure() == Violation::output_timeout);
  CHECK(server.connection().transport_wish() == TransportWish::close);  // who would take the GOAWAY
  server.lost();
  CHECK(server.last(Kind::data_sent)->outcome == DataOutcome::dropped);
}

TEST_CASE("content that comes too slowly resets its stream and no other; what we hold back is not counted") {
  Options options;
  options.config.min_content_rate = 100;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + headers(3, post()) + headers(5, post()) + headers(7, get(), kEnd));
  server.feed(headers(9, {{":method", "CONNECT"}, {":authority", "a:1"}}));
  server.feed(repeat(data(5, std::string(13107, 'x')), 5));  // its window is closed: it is we who wait
  CHECK(server.connection().deadline());
  for (int i = 0; i < 60; ++i) {
    server.advance(1s);
    if (server.last(Kind::stream_reset)) break;
    server.feed(data(1, std::string(50, 'x')) + data(3, std::string(150, 'x')));
  }
  CHECK(server.last(Kind::stream_reset, 1)->violation == Violation::content_too_slow);
  for (int i = 0; i < 60; ++i) {
    server.advance(1s);
    server.feed(data(3, std::string(150, 'x')));
  }
  CHECK(server.all(Kind::stream_reset).size() == 1);
  CHECK_FALSE(server.failed());
}

TEST_CASE("content that we do not read while replies wait is not counted as too slow") {
  Options options;
  options.config.min_content_rate = 100;
  options.config.max_queued_output = 100;
  Harness server(Role::server, options);
  server.feed(headers(1, post()));
  server.take = false;
  server.feed(repeat(ping(1), 10));
  REQUIRE(server.connection().explain(one)->receiving.what == Holdup::unread_replies);
  for (int i = 0; i < 60; ++i) {
    server.advance(1s);
    server.feed(data(1, std::string(150, 'x')));
  }
  CHECK_FALSE(server.last(Kind::stream_reset));
  server.take = true;
  for (int i = 0; i < 100 && server.unread() > 0; ++i) server.feed({});
  CHECK(server.last(Kind::data)->data.size() == 60 * 150);
  for (int i = 0; i < 30; ++i) server.advance(1s);
  CHECK(server.last(Kind::stream_reset, 1)->violation == Violation::content_too_slow);
}

TEST_CASE("content that its caller does not read is not counted as too slow, if the caller says so") {
  for (const bool said : {true, false}) {
    CAPTURE(said);
    Options options;
    options.config.min_content_rate = 100;
    Harness server(Role::server, options);
    server.feed(headers(1, post()));
    for (int i = 0; i < 60; ++i) {
      server.advance(1s);
      if (said) server.run([](Connection& c) { c.hold_input(); });
    }
    CHECK(server.last(Kind::stream_reset).has_value() != said);
  }
}

TEST_CASE("content is never too slow because there is much of it: 4 GiB in an interval") {
  Config config;
  config.settings.max_frame_size = 0xffffff;
  config.settings.initial_window_size = config.connection_window = kMaxWindow;
  config.credit = Credit::automatic;
  config.min_content_rate = 100;
  Connection server(config);
  TimePoint now{1s};
  server.advance_time(now);
  std::uint64_t content = 0;
  const auto feed = [&](ByteView input) {
    while (const auto event = server.receive(input)) {
      if (const auto* data = std::get_if<DataReceived>(&*event)) content += data->data.size();
      CHECK_FALSE(std::holds_alternative<StreamReset>(*event));
    }
    take_output(server);
  };
  feed(client_preface() + settings({}) + settings_ack() + headers(1, post()));
  server.advance_time(now += 10s);
  const std::vector<std::byte> buffer(0xffffff);
  std::array<std::byte, kFrameHeaderBytes> header;
  for (std::uint64_t left = std::uint64_t{1} << 32; left > 0;) {
    const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, buffer.size()));
    write_frame_header(header.data(), {bytes, FrameType::data, 0, one});
    feed(header);
    feed(ByteView(buffer).first(bytes));
    left -= bytes;
  }
  CHECK(content == std::uint64_t{1} << 32);
  server.advance_time(now += 10s);
  feed({});
}

/// A server that was told to stop, at once or after `drain`, in the middle of a response that nobody takes.
struct Cut {
  explicit Cut(Duration drain) {
    server.feed(headers(1, get(), kEnd));
    server.take = false;
    server.run([&](Connection& c) {
      REQUIRE(c.send_response(one, 200, {}, EndStream::no));
      REQUIRE(c.send_data(one, content, Token{1}, EndStream::yes));
      std::array<ByteView, 8> slices;
      REQUIRE(c.poll_output(slices) > 0);
      c.shutdown(drain > Duration{0} ? Shutdown::graceful : Shutdown::immediate, drain);
    });
  }

  Bytes content = Bytes(100000);
  Harness server{Role::server};
};

TEST_CASE("after a hard end nobody has longer than five seconds to take what was committed") {
  for (const Duration drain : {Duration{0}, Duration{1s}}) {
    CAPTURE(drain.count());
    Cut cut(drain);
    Harness& server = cut.server;
    if (drain > Duration{0}) server.advance(drain);
    CHECK(server.connection().transport_wish() == TransportWish::open);
    CHECK(server.connection().deadline() == server.now() + 5s);
    server.advance(3s);
    server.run([](Connection& c) { c.shutdown(Shutdown::immediate); });  // which only hastens
    server.advance(1s);
    server.feed(frame(FrameType::ping, 0, 0, wire("01")));  // nor is it put off by what comes after it
    CHECK(server.failed());
    server.advance(999ms);
    CHECK(server.connection().transport_wish() == TransportWish::open);
    server.advance(1ms);
    CHECK(server.connection().transport_wish() == TransportWish::close);
    CHECK_FALSE(server.connection().deadline());
    server.lost();
    CHECK(server.last(Kind::data_sent)->outcome == DataOutcome::dropped);
    CHECK(server.all(Kind::stream_closed).size() == 1);
  }
}

TEST_CASE("who takes all of it at the last moment of these five seconds gets no others for the end") {
  Cut cut(Duration{0});
  Harness& server = cut.server;
  const TimePoint cut_at = server.now();
  server.advance(4900ms);
  server.take = true;
  server.feed(Bytes{});
  CHECK(server.connection().transport_wish() == TransportWish::shut_down_write);
  CHECK(server.connection().deadline() == cut_at + 5s);
  server.advance(100ms);
  CHECK(server.connection().transport_wish() == TransportWish::close);
}

TEST_CASE("a time that is longer than the clock can count never comes") {
  for (const Duration wait : {Duration::max(), Duration::max() - 500ms}) {
    CAPTURE(wait.count());
    Options options;
    options.handshake = false;
    Config& config = options.config;
    config.preface_timeout = config.settings_timeout = config.header_timeout = config.output_timeout = wait;
    config.content_interval = config.idle_timeout = config.keepalive_interval = wait;
    config.min_content_rate = 1;
    Harness server(Role::server, options);
    server.advance(1h);
    CHECK_FALSE(server.connection().deadline());
    server.feed(client_preface() + settings({}) + headers(1, post()));
    server.take = false;
    server.run([&](Connection& c) { c.shutdown(Shutdown::graceful, wait); });
    for (int i = 0; i < 2; ++i) server.advance(1h);  // the content that is due has been so for an interval
    CHECK_FALSE(server.connection().deadline());
    CHECK_FALSE(server.failed());
    CHECK(server.connection().open_streams() == 1);
  }
}

TEST_CASE("a PING of the keep-alive may wait for ever for its answer") {
  Options options;
  options.config.keepalive_interval = 1s;
  options.config.keepalive_timeout = Duration::max();
  Harness client(Role::client, options);
  client.advance(1s);
  CHECK(client.sent_frames().size() == 1);
  client.advance(1h);
  CHECK_FALSE(client.failed());
  CHECK_FALSE(client.connection().deadline());
}

}  // namespace
}  // namespace h2::test
