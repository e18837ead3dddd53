// What the fuzz targets found, as sentences. The inputs themselves are in fuzz/corpus/.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, two{2}, three{3};

template <class T>
Misuse error_of(const Result<T>& result) {
  return result.has_value() ? Misuse::none : result.error();
}

// A client whose request on stream 3 waits behind that on stream 1.
Harness client_with_one_waiting(bool window_first) {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 1}};
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  const std::uint32_t window = window_first ? 200000 : 100;
  REQUIRE(client.call([&](Connection& c) { return c.set_window(three, window); }));
  return client;
}

TEST_CASE("RFC 9113 5.1: the window of a request that waits is announced behind its HEADERS, not before") {
  Harness client = client_with_one_waiting(true);
  CHECK(find(client.history(), FrameType::window_update, 3) == std::nullopt);
  client.feed(headers(1, status("200"), kEnd));
  REQUIRE(client.history().size() >= 2);
  const std::vector<Frame>& all = client.history();
  CHECK(all[all.size() - 2].header.type == FrameType::headers);
  CHECK(all.back() == frames(window_update(3, 200000 - 65535)).front());
  CHECK(client.connection().window(three)->recv_window == 200000);
}

TEST_CASE("a smaller window of a request that waits holds credit back once it is open") {
  Harness client = client_with_one_waiting(false);
  client.feed(headers(1, status("200"), kEnd));
  CHECK(client.connection().window(three)->recv_window == 65535);
  client.feed(headers(3, status("200")) + data(3, std::string(16000, 'x')) + data(3, std::string(16000, 'x')));
  client.run([](Connection& c) { c.consume(three, 32000); });
  CHECK(find(client.history(), FrameType::window_update, 3) == std::nullopt);
  CHECK(client.connection().window(three)->recv_window == 65535 - 32000);
}

TEST_CASE("RFC 9218 7.1: streams that were refused are not idle any more and count no longer") {
  Options options;
  options.config.settings.max_concurrent_streams = 2;
  Harness server(Role::server, options);
  const auto reprioritize = [](const char* about) { return frame(FrameType::priority_update, 0, 0, wire(about)); };
  server.feed(reprioritize("00000001 'u=1'") + reprioritize("00000003 'u=1'"));
  server.feed(headers(1, {{":method", "GET"}}, kEnd) + headers(3, {{":method", "GET"}}, kEnd));  // both malformed
  server.feed(reprioritize("00000005 'u=1'") + reprioritize("00000007 'u=1'"));
  CHECK_FALSE(server.failed());
  server.feed(reprioritize("00000009 'u=1'"));
  CHECK(server.failure() == Violation::priority_update_limit);
}

TEST_CASE("RFC 9218 4: a promised response takes its turns by the default, or by what its request says") {
  Options options;
  options.config.default_priority = {1, true};
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.push(one, kGet); }));
  CHECK(server.connection().priority(two) == Priority{1, true});
  const Field field{"priority", "u=6"};
  Request urgent = kGet;
  urgent.fields = {&field, 1};
  REQUIRE(server.call([&](Connection& c) { return c.push(one, urgent); }));
  CHECK(server.connection().priority(StreamId{4}) == Priority{6, true});
}

TEST_CASE("RFC 9113 5.1: ids below the first that we would open are idle, and nothing is sent there") {
  for (const Role role : {Role::client, Role::server}) {
    Options options;
    options.config.first_stream_id = role == Role::client ? 101 : 100;
    const std::uint32_t below = options.config.first_stream_id - 2;
    Harness connection(role, options);
    CHECK(error_of(connection.call([&](Connection& c) { return c.reset(StreamId{below}, ErrorCode::cancel); })) ==
          Misuse::unknown_stream);
    connection.feed(data(below, std::string(16385, 'x')));  // too long, by which a stream that was open would be reset
    CHECK(connection.failed());
    CHECK(connection.last(Kind::failed)->code == ErrorCode::frame_size_error);
    CHECK(connection.history(FrameType::rst_stream).empty());
  }
}

TEST_CASE("RFC 7540 3.2: a server that promises from a high id on can be upgraded to, a client cannot") {
  for (const Role role : {Role::client, Role::server}) {
    Config config;
    config.role = role;
    config.first_stream_id = role == Role::client ? 101 : 100;
    Connection connection(config);
    const auto begun = connection.begin_upgraded({"GET", "http", "example.com", "/", {}, {}}, {});
    CHECK(begun.has_value() == (role == Role::server));
  }
}

TEST_CASE("RFC 9113 6.9.1: no window grows by itself past 2^31-1, whatever its limit") {
  Config config;
  config.credit = Credit::automatic;
  config.settings.initial_window_size = 1 << 30;
  config.settings.max_frame_size = 0xffffff;
  config.connection_window = 1 << 30;
  config.window_limit = 0xffffffff;
  Connection server(config);
  const auto feed = [&server](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
  };
  server.advance_time(TimePoint{1s});
  feed(client_preface() + settings({}) + settings_ack() + headers(1, post()));
  take_output(server);
  const Bytes much = data(1, std::string(0xffffff, 'x'));
  feed(much);
  const auto probe = find(frames(take_output(server)), FrameType::ping, 0);
  REQUIRE(probe);
  for (int i = 0; i < 40; ++i) feed(much);  // 671 MB in one round trip: more than half of a window
  feed(frame(FrameType::ping, flags::ack, 0, probe->payload));
  CHECK(server.counters().windows_grown == 1);
  const WindowView window = *server.window(kConnection);
  CHECK(window.recv_window + static_cast<std::int64_t>(window.owed) == kMaxWindow);
}

TEST_CASE("RFC 9113 8.7: a request is told as never sent only if no byte of it can leave any more") {
  enum class End { reset, eof, lost, lost_while_written };
  for (const End end : {End::reset, End::eof, End::lost, End::lost_while_written}) {
    CAPTURE(static_cast<int>(end));
    Config config;
    config.role = Role::client;
    Connection client(config);
    take_output(client);
    REQUIRE(client.send_request(kGet, EndStream::yes));
    std::array<ByteView, 8> slices;
    if (end == End::lost_while_written) CHECK(client.poll_output(slices) > 0);
    if (end == End::reset) REQUIRE(client.reset(one, ErrorCode::cancel));
    else if (end == End::eof) client.receive_eof();
    else client.transport_lost();

    ByteView none;
    std::vector<Seen> events;
    while (const auto event = client.receive(none)) append(events, own(*event));
    const std::vector<Seen> closed = of_kind(events, Kind::stream_closed);
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].verdict == (end == End::lost ? Verdict::never_sent : Verdict::maybe_processed));
    const bool leaves = find(frames(take_output(client)), FrameType::headers, 1).has_value();
    CHECK(leaves == (end == End::reset || end == End::eof));
  }
}

TEST_CASE("RFC 9113 5.1: frames of extensions leave on no stream that is reserved, or that we have ended") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd) + headers(3, post()));
  REQUIRE(server.call([](Connection& c) { return c.push(one, kGet); }));
  REQUIRE(server.call([](Connection& c) { return c.send_response(three, 200, {}, EndStream::yes); }));
  const auto altsvc = [&](StreamId stream) {
    return error_of(server.call([&](Connection& c) { return c.send_altsvc(stream, "", "clear"); }));
  };
  const auto own = [&](StreamId stream) {
    return error_of(server.call([&](Connection& c) { return c.send_frame(0xee, 0, stream, {}); }));
  };
  CHECK(altsvc(two) == Misuse::wrong_state);
  CHECK(own(two) == Misuse::wrong_state);
  CHECK(altsvc(three) == Misuse::already_ended);
  CHECK(own(three) == Misuse::already_ended);
  CHECK(altsvc(one) == Misuse::none);
  CHECK(own(one) == Misuse::none);

  Options options;
  options.config.settings.enable_push = 1;
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(push_promise(1, 2, get()));
  CHECK(error_of(client.call([](Connection& c) { return c.send_frame(0xee, 0, two, {}); })) == Misuse::wrong_state);
}

TEST_CASE("RFC 9113 8.7: REFUSED_STREAM says that a request was not processed only in the server's mouth") {
  for (const bool by_server : {false, true}) {
    Harness client(Role::client);
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    if (by_server) client.feed(rst(1, ErrorCode::refused_stream));
    else REQUIRE(client.call([](Connection& c) { return c.reset(one, ErrorCode::refused_stream); }));
    const std::optional<Seen> closed = client.last(Kind::stream_closed);
    REQUIRE(closed);
    CHECK(closed->verdict == (by_server ? Verdict::not_processed : Verdict::maybe_processed));
  }
}

TEST_CASE("a connection that was over before its clock began lingers from then on, and not for ever") {
  for (const bool fails : {false, true}) {
    Config config;
    config.role = fails ? Role::server : Role::client;
    Connection connection(config);
    take_output(connection);
    if (fails) {
      const Bytes hello = wire("'GET / HTTP/1.1'");
      ByteView input = hello;
      while (connection.receive(input)) continue;
    } else {
      connection.shutdown(Shutdown::graceful);
    }
    take_output(connection);
    CHECK(connection.transport_wish() == TransportWish::shut_down_write);
    connection.advance_time(TimePoint{1s});
    REQUIRE(connection.deadline());
    connection.advance_time(*connection.deadline());
    CHECK(connection.transport_wish() == TransportWish::close);
  }
}

TEST_CASE("RFC 9113 6.5.2: a block that was given out before our limit of field sections shrank ends no connection") {
  const auto long_request = [](std::uint32_t stream, std::size_t value = 20000) {
    const Bytes all = block(get({{"x-long", std::string(value, 'x')}}));
    Bytes frames = frame(FrameType::headers, kEnd, stream);
    for (std::size_t at = 0; at < all.size(); at += 16000) {
      const ByteView piece = ByteView(all).subspan(at, std::min<std::size_t>(16000, all.size() - at));
      frames = frames + frame(FrameType::continuation, 0, stream, Bytes(piece.begin(), piece.end()));
    }
    return frames + frame(FrameType::continuation, flags::end_headers, stream);
  };
  Harness server(Role::server);
  const Setting limit{SettingId::max_header_list_size, 300};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings({&limit, 1}); }));
  server.feed(long_request(1));
  CHECK_FALSE(server.failed());  // answered by 431
  CHECK(find(server.history(), FrameType::headers, 1) != std::nullopt);
  server.feed(settings_ack() + long_request(3));  // may have waited there
  CHECK_FALSE(server.failed());
  CHECK(find(server.history(), FrameType::headers, 3) != std::nullopt);
  server.feed(long_request(5, 65536 + 16384));  // over the first limit, too
  CHECK(server.failure() == Violation::header_block_too_large);
}

TEST_CASE("RFC 9110 9.3.6: a content-length of CONNECT says nothing, whether the tunnel ends at once or later") {
  const OwnedFields connect{{":method", "CONNECT"}, {":authority", "example.com:443"}, {"content-length", "40"}};
  Harness server(Role::server);
  server.feed(headers(1, connect, kEnd) + headers(3, connect) + data(3, "", kEnd));
  for (const std::uint32_t stream : {1U, 3U}) {
    CAPTURE(stream);
    CHECK(server.connection().window(StreamId{stream}));
    CHECK(find(server.history(), FrameType::rst_stream, stream) == std::nullopt);
  }
}

TEST_CASE("RFC 9113 10.5.1: a request that waited is not sent when it has become too large for the peer meanwhile") {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 1}};
  Harness client(Role::client, options);
  const Field field{"x-long", "0123456789012345678901234567890123456789"};
  Request large = kGet;
  large.fields = {&field, 1};
  for (const Request& request : {kGet, large, kGet})
    REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  client.feed(settings({{SettingId::max_header_list_size, 200}}) + headers(1, status("200"), kEnd));
  const std::vector<Seen> closed = of_kind(client.events(), Kind::stream_closed);
  REQUIRE(closed.size() == 2);
  const Seen& waited = closed[0].stream == three ? closed[0] : closed[1];
  CHECK(waited.stream == three);
  CHECK(waited.verdict == Verdict::never_sent);
  CHECK(find(client.history(), FrameType::headers, 3) == std::nullopt);
  CHECK(find(client.history(), FrameType::headers, 5) != std::nullopt);
}

}  // namespace
}  // namespace h2::test
