// RFC 9113 5.2 and 6.9: windows both ways, to the byte.
#include <algorithm>
#include <set>

#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

std::string content(const std::vector<Frame>& sent, std::uint32_t stream) {
  std::string all;
  for (const Frame& each : sent) {
    if (each.header.type == FrameType::data && each.header.stream.value == stream) all += text_of(each.payload);
  }
  return all;
}

// A client with a POST open on stream 1 whose window is `window`.
Harness uploader(std::uint32_t window) {
  Options options;
  options.peer_settings = {{SettingId::initial_window_size, window}};
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  client.sent();
  return client;
}

// announced = window + unconsumed + owed.
void check_sum(Connection& connection, StreamId stream, std::uint64_t announced) {
  const auto view = connection.window(stream);
  REQUIRE(view);
  CHECK(static_cast<std::uint64_t>(view->recv_window) + view->unconsumed + view->owed == announced);
}

TEST_CASE(
    "RFC 9113 6.9.2: a smaller INITIAL_WINDOW_SIZE makes windows negative, and sending waits until they are not "
    "[9113-6.5b] [9113-6.9.2a] [9113-6.9.2b] [9113-6.9.2c]") {
  Harness client = uploader(10);
  const Bytes body = bytes_of("0123456789abcdefghij");
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  CHECK(content(client.history(), 1) == "0123456789");
  const std::int64_t connection_window = client.connection().window(kConnection)->send_window;
  client.feed(settings({{SettingId::initial_window_size, 3}}));
  CHECK(client.connection().window(one)->send_window == -7);
  CHECK(client.connection().window(kConnection)->send_window == connection_window);
  client.feed(window_update(1, 7));
  CHECK(client.connection().window(one)->send_window == 0);
  CHECK(content(client.history(), 1) == "0123456789");
  client.feed(window_update(1, 10));
  CHECK(content(client.history(), 1) == "0123456789abcdefghij");
  CHECK(client.history().back().header.has(flags::end_stream));
}

TEST_CASE("RFC 9113 6.9.2: a window that nothing goes through any more cannot be too large") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + window_update(1, kMaxWindow - 65535));
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{1}, 204, {}, EndStream::yes); }));
  server.feed(settings({{SettingId::initial_window_size, 65536}}));
  CHECK_FALSE(server.failed());
  CHECK(server.connection().window(StreamId{1})->send_window == kMaxWindow);
  server.feed(settings({{SettingId::initial_window_size, 0}}) + data(1, "x", kEnd));
  CHECK(server.last(Kind::stream_closed, 1));
}

TEST_CASE("RFC 9113 6.9.2: a larger INITIAL_WINDOW_SIZE sets what waits free") {
  Harness client = uploader(0);
  const Bytes body = bytes_of("hello");
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  CHECK(client.history(FrameType::data).empty());
  CHECK(client.connection().window(one)->queued == 5);
  client.feed(settings({{SettingId::initial_window_size, 5}}));
  CHECK(content(client.history(), 1) == "hello");
}

TEST_CASE("RFC 9113 6.9: an empty DATA with END_STREAM needs no window") {
  Harness client = uploader(0);
  client.feed(settings({{SettingId::initial_window_size, 0}}));
  REQUIRE(client.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); }));
  CHECK(client.history().back() == frames(wire("000000 00 01 00000001"))[0]);
  CHECK(client.last(Kind::data_sent)->outcome == DataOutcome::sent);
}

TEST_CASE("RFC 9113 6.9.1: an empty DATA with END_STREAM may come when our SETTINGS have made the window negative") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + data(1, "hello"));
  const Setting none{SettingId::initial_window_size, 0};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings({&none, 1}); }));
  server.feed(settings_ack());
  CHECK(server.connection().window(one)->recv_window == -5);
  server.feed(data(1, "", kEnd));
  CHECK(server.last(Kind::data)->end == EndStream::yes);
  CHECK_FALSE(server.last(Kind::stream_reset));
}

TEST_CASE("RFC 9113 6.9: both windows bind, and the smaller one first [9113-5.2.1a] [9113-6.9.1a]") {
  Harness client = uploader(100000);
  const Bytes body(100000);
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  const auto deadline = client.connection().deadline();
  REQUIRE(deadline);  // the last bytes of a window wait a moment for company
  client.advance(*deadline - client.now());
  CHECK(content(client.history(), 1).size() == 65535);
  CHECK(client.connection().window(kConnection)->send_window == 0);
  client.feed(window_update(0, 100000));
  CHECK(content(client.history(), 1).size() == 100000);
  for (const Frame& each : client.history(FrameType::data)) CHECK(each.header.length <= 16384);
}

TEST_CASE("RFC 9113 6.9: window updates up to 2^31-1 are right") {
  Harness client = uploader(65535);
  client.feed(window_update(0, 0x7fffffff - 65535) + window_update(1, 0x7fffffff - 65535));
  CHECK_FALSE(client.failed());
  CHECK(client.connection().window(kConnection)->send_window == 0x7fffffff);
  CHECK(client.connection().window(one)->send_window == 0x7fffffff);
}

TEST_CASE("a window of a byte does not make frames of a byte, and holds nothing back for long") {
  Harness client = uploader(65535);
  const Bytes body(70000);
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  client.advance(1s);
  client.feed(window_update(0, 100000));
  client.sent();
  for (int i = 0; i < 1000; ++i) client.feed(window_update(1, 1));
  CHECK(count(client.sent_frames(), FrameType::data) <= 5);
  client.advance(1s);
  CHECK(content(client.history(), 1).size() == 65535 + 1000);
}

TEST_CASE("a stream that waits for its window does not hold back the others") {
  Harness client = uploader(10);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  const Bytes body = bytes_of("0123456789abcdefghij");
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  client.feed(window_update(3, 10));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(StreamId{3}, body, Token{2}, EndStream::yes); }));
  CHECK(content(client.history(), 3) == "0123456789abcdefghij");
  CHECK(content(client.history(), 1) == "0123456789");
}

TEST_CASE("streams share the connection window, and none starves") {
  Options options;
  options.peer_settings = {{SettingId::initial_window_size, 1 << 20}};
  Harness client(Role::client, options);
  const Bytes body(60000);
  for (std::uint32_t i = 0; i < 4; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  }
  client.take = false;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const StreamId stream{2 * i + 1};
    REQUIRE(client.call([&](Connection& c) { return c.send_data(stream, body, Token{i}, EndStream::yes); }));
  }
  client.take = true;
  for (int i = 0; i < 3; ++i) client.feed(window_update(0, 65535));
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(content(client.history(), 2 * i + 1).size() >= 30000);
}

TEST_CASE("the share of the connection window of a stream that is reset goes to the others") {
  Options options;
  options.peer_settings = {{SettingId::initial_window_size, 1 << 20}};
  Harness client(Role::client, options);
  const Bytes body(70000), small = bytes_of("small");
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(StreamId{3}, small, Token{2}, EndStream::yes); }));
  REQUIRE(client.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
  client.feed(window_update(0, 5));
  CHECK(content(client.history(), 3) == "small");
}

TEST_CASE("RFC 9113 6.1: padding counts in both windows and is given back unread") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + wire("00006a 00 08 00000001  64 'hello'") + Bytes(100));
  CHECK(server.last(Kind::data)->data == "hello");
  for (const StreamId id : {one, kConnection}) {
    const WindowView view = *server.connection().window(id);
    CHECK(view.unconsumed == 5);
    CHECK(view.owed == 101);
    check_sum(server.connection(), id, id == one ? 65535 : 1 << 20);
  }
  // Padding alone, again and again: the sender never runs dry.
  server.sent();
  for (int i = 0; i < 1000; ++i) server.feed(wire("000100 00 08 00000001  ff") + Bytes(255));
  CHECK_FALSE(server.failed());
  CHECK_FALSE(server.last(Kind::stream_reset));
  CHECK(find(server.sent_frames(), FrameType::window_update, 1));
}

TEST_CASE("RFC 9113 6.9: credit is batched, and a small window gets its credit all the same") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + repeat(data(1, std::string(1000, 'x')), 60));
  server.sent();
  for (int i = 0; i < 60000; i += 100) server.run([](Connection& c) { c.consume(one, 100); });
  const auto sent = server.sent_frames();
  CHECK(count(sent, FrameType::window_update) >= 1);
  CHECK(count(sent, FrameType::window_update) <= 4);
  check_sum(server.connection(), one, 65535);
  CHECK(server.connection().window(one)->recv_window > 32000);

  Options tiny;
  tiny.config.settings.initial_window_size = 1;
  Harness narrow(Role::server, tiny);
  narrow.feed(headers(1, post()));
  for (int i = 0; i < 5; ++i) {
    narrow.feed(data(1, "x"));
    narrow.run([](Connection& c) { c.consume(one, 1); });
    CHECK(narrow.connection().window(one)->recv_window == 1);
  }
}

TEST_CASE("credit beyond what was received is no credit") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + data(1, "hello"));
  server.run([](Connection& c) {
    c.consume(one, 1000000);
    c.consume(one, 5);
    c.consume(StreamId{77}, 5);
    c.consume(kConnection, 5);
    c.release(one);
    c.release(StreamId{8});
  });
  check_sum(server.connection(), one, 65535);
  check_sum(server.connection(), kConnection, 1 << 20);
  CHECK(server.connection().window(kConnection)->unconsumed == 0);
  CHECK(server.connection().window(one)->owed == 5);
}

TEST_CASE("stream and connection are credited apart, so that one slow reader stops nobody") {
  Options options;
  options.config.connection_window = 65535;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + headers(3, post()) + repeat(data(1, std::string(16383, 'x')), 4));
  CHECK(server.connection().window(kConnection)->recv_window == 3);
  server.sent();
  server.run([](Connection& c) { c.consume_connection(one, 4 * 16383); });
  auto sent = server.sent_frames();
  CHECK(find(sent, FrameType::window_update, 0));
  CHECK_FALSE(find(sent, FrameType::window_update, 1));
  server.feed(data(3, "now me", kEnd));
  CHECK(server.last(Kind::data)->data == "now me");
  server.run([](Connection& c) { c.consume_stream(one, 4 * 16383); });
  sent = server.sent_frames();
  CHECK(find(sent, FrameType::window_update, 1));
  CHECK_FALSE(find(sent, FrameType::window_update, 0));
}

TEST_CASE("RFC 9113 5.1: a stream whose END_STREAM has come gets no credit, the connection does") {
  Options options;
  options.config.connection_window = 65535;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + repeat(data(1, std::string(16000, 'x')), 4) + data(1, "", kEnd));
  server.sent();
  server.run([](Connection& c) { c.consume(one, 64000); });
  const auto sent = server.sent_frames();
  CHECK(find(sent, FrameType::window_update, 0));
  CHECK_FALSE(find(sent, FrameType::window_update, 1));
}

TEST_CASE("delivered bytes are owed until they are consumed or released, also when the stream has ended") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    Harness server(Role::server);
    server.feed(headers(1, post()) + data(1, "hello"));
    if (reset) {
      REQUIRE(server.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    } else {
      server.feed(rst(1, ErrorCode::cancel));
    }
    REQUIRE(server.last(Kind::stream_closed));
    CHECK(server.connection().window(kConnection)->unconsumed == 5);
    server.run([](Connection& c) { c.consume(one, 2); });
    CHECK(server.connection().window(kConnection)->unconsumed == 3);
    server.run([](Connection& c) { c.release(one); });
    CHECK(server.connection().window(kConnection)->unconsumed == 0);
    check_sum(server.connection(), kConnection, 1 << 20);
  }
}

TEST_CASE("content that nobody will read goes back to the connection at once") {
  Options options;
  options.config.settings.max_concurrent_streams = 1;
  Harness server(Role::server, options);
  server.feed(headers(1, post()) + headers(3, post()) + data(3, "refused") +
              wire("000008 00 09 00000003  02 'pads!' 0000"));
  server.feed(rst(1, ErrorCode::cancel) + data(1, "after the reset"));
  const WindowView view = *server.connection().window(kConnection);
  CHECK(view.unconsumed == 0);
  CHECK(view.owed == 7 + 8 + 15);
  check_sum(server.connection(), kConnection, 1 << 20);
}

TEST_CASE("who buffers nothing may leave all credit to the engine") {
  Config config;
  config.credit = Credit::automatic;
  Connection server(config);
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input)) {
      CHECK_FALSE(std::holds_alternative<ConnectionFailed>(*event));
      CHECK_FALSE(std::holds_alternative<StreamReset>(*event));
    }
    take_output(server);
  };
  feed(client_preface() + settings({}) + settings_ack() + headers(1, post()));
  for (int i = 0; i < 200; ++i) {
    feed(data(1, std::string(16000, 'x')));
    check_sum(server, kConnection, 1 << 20);
    check_sum(server, one, 65535);
  }
  CHECK(server.window(kConnection)->unconsumed == 0);
}

TEST_CASE("windows are resized while running: growing announces, shrinking withholds") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  server.sent();
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, 200000); }));
  CHECK(find(server.sent_frames(), FrameType::window_update, 1)->u32() == 200000 - 65535);
  CHECK(server.connection().window(one)->recv_window == 200000);
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, 100000); }));
  CHECK(server.sent().empty());
  server.feed(repeat(data(1, std::string(10000, 'x')), 10));
  server.run([](Connection& c) { c.consume(one, 100000); });
  CHECK_FALSE(find(server.sent_frames(), FrameType::window_update, 1));
  server.feed(repeat(data(1, std::string(10000, 'x')), 10));
  server.run([](Connection& c) { c.consume(one, 100000); });
  CHECK(find(server.sent_frames(), FrameType::window_update, 1));
  CHECK(server.connection().window(one)->recv_window == 100000);

  const auto least = server.call([](Connection& c) { return c.set_window(kConnection, 65534); });
  REQUIRE_FALSE(least);
  CHECK(least.error() == Misuse::bad_setting);
  REQUIRE(server.call([](Connection& c) { return c.set_window(kConnection, 4 << 20); }));
  CHECK(server.connection().window(kConnection)->recv_window +
            static_cast<std::int64_t>(server.connection().window(kConnection)->owed) ==
        4 << 20);
}

TEST_CASE("announced = window + unconsumed + owed, whatever comes in whatever order") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    Config config;
    config.role = Role::server;
    config.connection_window = 100000;
    config.work_budget = 1000000;
    Connection server(config);
    // Our model is what the wire says: what was announced, less what was sent.
    std::int64_t wire_window = 65535;
    std::vector<std::int64_t> stream_window(1, 0);
    std::set<std::uint32_t> over;
    const auto exchange = [&](const Bytes& bytes) {
      ByteView input = bytes;
      while (const auto event = server.receive(input)) {
        REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
        if (const auto* closed = std::get_if<StreamClosed>(&*event)) over.insert(closed->stream.value);
      }
      for (const Frame& each : frames(take_output(server))) {
        if (each.header.type != FrameType::window_update) continue;
        CHECK(each.u32() > 0);
        if (each.header.stream == kConnection) {
          wire_window += each.u32();
        } else if (each.header.stream.value / 2 < stream_window.size()) {
          stream_window[each.header.stream.value / 2] += each.u32();
        }
      }
    };
    exchange(client_preface() + settings({}) + settings_ack());
    std::uint32_t next = 1;
    for (int round = 0; round < 400; ++round) {
      const std::uint32_t stream = next == 1 ? 1 : 1 + 2 * below((next - 1) / 2);
      const std::uint32_t slot = stream / 2;
      switch (below(8)) {
        case 0:
          if (server.open_streams() >= 50) break;
          exchange(headers(next, post()));
          if (next / 2 >= stream_window.size()) stream_window.resize(next / 2 + 1);
          stream_window[next / 2] = 65535;
          next += 2;
          break;
        case 1:
        case 2:
        case 3: {
          if (next == 1) break;
          const std::uint32_t bytes = below(4000);
          const std::uint32_t pad = below(2) * below(200);
          if (bytes + pad + 1 > wire_window || bytes + pad + 1 > stream_window[slot]) break;
          Bytes payload(bytes);
          std::uint8_t frame_flags = 0;
          if (pad > 0) {
            payload = Bytes{static_cast<std::byte>(pad)} + payload + Bytes(pad);
            frame_flags = flags::padded;
          }
          wire_window -= static_cast<std::int64_t>(payload.size());
          stream_window[slot] -= static_cast<std::int64_t>(payload.size());
          exchange(frame(FrameType::data, frame_flags, stream, payload));
          break;
        }
        case 4: server.consume(StreamId{stream}, below(6000)); break;
        case 5: server.consume_connection(StreamId{stream}, below(6000)); break;
        case 6: server.consume_stream(StreamId{stream}, below(6000)); break;
        default:
          if (below(4) == 0) server.release(StreamId{stream});
          if (below(8) == 0 && next > 1) (void)server.reset(StreamId{stream}, ErrorCode::cancel);
          if (below(8) == 0 && next > 1) exchange(rst(stream, ErrorCode::cancel));
          break;
      }
      exchange({});
      const WindowView whole = *server.window(kConnection);
      REQUIRE(whole.recv_window == wire_window);
      REQUIRE(static_cast<std::uint64_t>(whole.recv_window) + whole.unconsumed + whole.owed == 100000);
      if (const auto view = server.window(StreamId{stream}); view && next > 1 && !over.contains(stream)) {
        REQUIRE(view->recv_window == stream_window[slot]);
      }
    }
    for (std::uint32_t stream = 1; stream < next; stream += 2) server.release(StreamId{stream});
    const WindowView whole = *server.window(kConnection);
    CHECK(whole.unconsumed == 0);
    CHECK(whole.recv_window + static_cast<std::int64_t>(whole.owed) == 100000);
  }
}

TEST_CASE("after 10,000 cancelled uploads at 300 ms the connection window is exact to the byte") {
  Pair pair({}, {}, 150ms);
  pair.client.keep_events = pair.server.keep_events = false;
  const Bytes body(20000);
  std::uint32_t requests = 0;
  pair.server.on_event = [&](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      ++requests;
      if (request->stream.value % 8 == 1) (void)c.reset(request->stream, ErrorCode::cancel);
    } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
      if (piece->stream.value % 8 != 7) (void)c.reset(piece->stream, ErrorCode::cancel);
      c.consume(piece->stream, piece->data.size() / 2);
    } else if (const auto* closed = std::get_if<StreamClosed>(&event)) {
      c.release(closed->stream);
    } else {
      CHECK_FALSE(std::holds_alternative<ConnectionFailed>(event));
    }
  };
  std::uint64_t lent = 0, back = 0;
  pair.client.on_event = [&](Connection&, const Event& event) {
    if (std::holds_alternative<DataSent>(event)) ++back;
    CHECK_FALSE(std::holds_alternative<ConnectionFailed>(event));
  };
  pair.pass(1s);
  Connection& client = *pair.client.connection;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 50; ++i) {
      const auto stream = client.send_request(kPost, EndStream::no);
      REQUIRE(stream);
      REQUIRE(client.send_data(*stream, body, Token{lent++}, EndStream::no));
      if (stream->value % 8 == 7) {  // these the client cancels itself, some of them half sent
        if (i % 3 == 0) pair.settle();
        REQUIRE(client.reset(*stream, ErrorCode::cancel));
      }
    }
    pair.pass(700ms);
  }
  pair.pass(2s);
  CHECK(requests > 5000);
  CHECK(back == lent);
  CHECK(client.open_streams() == 0);
  CHECK(pair.server.connection->open_streams() == 0);
  const WindowView server = *pair.server.connection->window(kConnection);
  CHECK(server.unconsumed == 0);
  CHECK(static_cast<std::uint64_t>(server.recv_window) + server.owed == 1048576);
  CHECK(client.window(kConnection)->send_window == server.recv_window);
}

}  // namespace
}  // namespace h2::test
