// What engines of HTTP/2 get wrong where no single rule of an RFC names it. docs/behaviours.md lists all of them; here
// are those that no other file shows.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

Options with_settings(std::initializer_list<Setting> peer) {
  Options options;
  options.peer_settings = peer;
  return options;
}
void ask(Harness& client, const Request& request, EndStream end) {
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, end); }));
}
void send(Harness& harness, std::string_view content, EndStream end) {
  REQUIRE(harness.call([&](Connection& c) { return c.send_copy(one, std::as_bytes(std::span(content)), end); }));
}
std::string content(const std::vector<Frame>& sent, std::uint32_t stream) {
  std::string all;
  for (const Frame& each : sent) {
    if (each.header.type == FrameType::data && each.header.stream.value == stream) all += text_of(each.payload);
  }
  return all;
}

// ---- bytes

TEST_CASE("both prefaces are taken in any split") {
  Options raw;
  raw.handshake = false;
  const Bytes settings_frame = settings({{SettingId::max_frame_size, 20000}, {SettingId::header_table_size, 0}});
  for (const Role role : {Role::client, Role::server}) {
    const Bytes whole = (role == Role::server ? client_preface() : Bytes{}) + settings_frame;
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
      Harness harness(role, raw);  // beside the cut here, byte by byte and at random
      const auto middle = whole.begin() + static_cast<std::ptrdiff_t>(cut);
      harness.feed({whole.begin(), middle});
      harness.feed({middle, whole.end()});
      CHECK(harness.all(Kind::settings).size() == 1);
      CHECK(harness.connection().peer_settings().max_frame_size == 20000);
      CHECK_FALSE(harness.failed());
    }
  }
}

TEST_CASE("every frame may be cut at every octet, in its padding, its entries and its debug data too") {
  const Bytes fields = block(post({{"a", "b"}}));
  const Bytes all = frame(FrameType::headers, flags::end_headers | flags::padded | flags::priority, 1,
                          wire("05 00000003 0f") + fields + wire("0000000000")) +
                    wire("00000a 00 08 00000001 04 'hello' 00000000") + window_update(1, 7) + ping(9) +
                    settings({{SettingId::initial_window_size, 9}, {SettingId::max_frame_size, 30000}}) +
                    wire("000005 02 00 00000001 00000003 0f") + wire("000003 ee ff 00000007 'abc'") +
                    headers(1, {{"x", "y"}}, kEnd) + goaway(0, ErrorCode::no_error, "debug data");
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    CAPTURE(cut);
    Harness server(Role::server);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(cut);
    server.feed({all.begin(), middle});
    server.feed({middle, all.end()});
    CHECK_FALSE(server.failed());
    CHECK(server.last(Kind::request)->fields == OwnedFields{{"a", "b"}});
    std::string got;
    for (const Seen& piece : server.all(Kind::data)) got += piece.data;
    CHECK(got == "hello");
    CHECK(server.last(Kind::trailers)->fields == OwnedFields{{"x", "y"}});
    CHECK(server.last(Kind::goaway)->data == "debug data");
    CHECK(server.connection().peer_settings().initial_window_size == 9);
    CHECK(server.connection().window(one)->send_window == 9 + 7);
  }
}

TEST_CASE("a stream may depend on itself, for dependencies mean nothing any more") {
  Harness server(Role::server);
  server.feed(
      wire("000005 02 00 00000001 00000001 0f") + wire("000005 02 00 00000009 80000009 ff") +
      frame(FrameType::headers, flags::end_headers | flags::priority | kEnd, 1, wire("00000001 0f") + block(get())) +
      wire("000005 02 00 00000001 80000001 0f"));
  CHECK(server.last(Kind::request));
  CHECK(server.sent().empty());
  CHECK_FALSE(server.failed());
}

TEST_CASE("ALTSVC and ORIGIN mean nothing to a server, wherever they come [7838-4b]") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + frame(FrameType::altsvc, 0, 0, wire("0013 'https://example.com' 'h2=\":443\"'")) +
              frame(FrameType::altsvc, 0, 1, wire("0000 'h2=\":443\"'")) + frame(FrameType::altsvc, 0, 0, {}) +
              frame(FrameType::origin, 0, 0, wire("0013 'https://example.com'")) +
              frame(FrameType::origin, 0x0f, 1, wire("ffff")) + data(1, "x", kEnd));
  CHECK(text_of(server.events()) ==
        "request 1 POST https example.com /\n"
        "data 1 \"x\" end\n");
  CHECK(server.sent().empty());
}

// ---- fields

TEST_CASE("set-cookie is never joined, nor anything else of a response") {
  const OwnedFields fields{{"set-cookie", "a=1"}, {"x", "y"}, {"set-cookie", "b=2"}, {"cookie", "c"}, {"cookie", "d"}};
  Harness client(Role::client);
  ask(client, kGet, EndStream::yes);
  client.feed(headers(1, status("200", fields), kEnd));
  CHECK(client.last(Kind::response)->fields == fields);
}

TEST_CASE("a field that must not be indexed is sent on as it came") {
  Harness proxy(Role::server);
  proxy.on_event = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event))
      REQUIRE(c.send_response(request->stream, 200, request->fields, EndStream::yes));
  };
  const OwnedFields marked{{"x-token", "t", Indexing::never}, {"x-plain", "p"}};
  proxy.feed(headers(1, get(marked), kEnd));
  const OwnedFields sent = proxy.blocks(1)[0];
  REQUIRE(sent.size() == 3);
  CHECK(sent[1] == marked[0]);
  CHECK(sent[2].indexing != Indexing::never);
}

TEST_CASE("of a malformed request nothing is heard, nor of what follows on its stream") {
  for (const OwnedFields& broken : {get({{"Upper", "x"}}), get({{"connection", "close"}}), get({{"a", "b\n"}}),
                                    get({{"content-length", "x"}}), OwnedFields{{":method", "GET"}}}) {
    Harness server(Role::server);
    server.feed(headers(1, broken) + data(1, "content") + headers(1, {{"a", "b"}}, kEnd));
    CHECK(text_of(server.events()) == "");
    CHECK(count(server.sent_frames(), FrameType::rst_stream) == 1);
    CHECK(server.connection().open_streams() == 0);
    CHECK(server.connection().window(kConnection)->owed == 7);  // nobody will consume it
  }
}

// ---- streams

TEST_CASE("a client may go on with its request when the response is complete, or cancel it") {
  for (const bool cancel : {false, true}) {
    CAPTURE(cancel);
    Harness client(Role::client);
    ask(client, kPost, EndStream::no);
    client.feed(headers(1, status("200")) + data(1, "all of it", kEnd));
    CHECK_FALSE(client.last(Kind::stream_closed));
    send(client, "still sending", EndStream::no);
    CHECK(content(client.history(), 1) == "still sending");
    if (cancel) REQUIRE(client.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    else send(client, "", EndStream::yes);
    const Seen closed = *client.last(Kind::stream_closed);
    CHECK(closed.verdict == Verdict::processed);
    CHECK(closed.code == (cancel ? ErrorCode::cancel : ErrorCode::no_error));
  }
}

TEST_CASE("what was under way on streams that we reset is dropped and credited, however long the round trip") {
  Config patient;
  patient.preface_timeout = patient.settings_timeout = Duration{0};
  Pair pair(patient, patient, 30s);
  Connection &client = *pair.client.connection, &server = *pair.server.connection;
  pair.pass(2min);
  pair.server.on_event = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event))
      REQUIRE(c.reset(request->stream, ErrorCode::cancel));
  };
  const Bytes body(500);
  std::vector<StreamId> streams;
  for (int i = 0; i < 90; ++i) {  // more than are remembered by name
    streams.push_back(*client.send_request(kPost, EndStream::no));
    REQUIRE(client.send_data(streams.back(), body, Token{1}, EndStream::no));
  }
  pair.pass(20s);
  for (const StreamId stream : streams) REQUIRE(client.send_trailers(stream, {}));
  pair.pass(2min);
  CHECK(of_kind(pair.server.events, Kind::request).size() == 90);
  CHECK(of_kind(pair.server.events, Kind::data).empty());
  CHECK(of_kind(pair.server.events, Kind::trailers).empty());
  CHECK(of_kind(pair.server.events, Kind::failed).empty());
  CHECK(of_kind(pair.client.events, Kind::failed).empty());
  CHECK(of_kind(pair.client.events, Kind::stream_closed).size() == 90);
  const WindowView view = *server.window(kConnection);
  CHECK(static_cast<std::uint64_t>(view.recv_window) + view.owed == 1 << 20);
}

TEST_CASE("a stream limit that was lowered refuses at once, acknowledged or not, and never ends the connection") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  const Setting lower[] = {{SettingId::max_concurrent_streams, 1}};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(lower); }));
  server.feed(headers(3, get(), kEnd));
  server.feed(settings_ack() + headers(5, get(), kEnd));
  for (const std::uint32_t stream : {3U, 5U}) {
    CHECK(find(server.history(), FrameType::rst_stream, stream)->u32() ==
          static_cast<std::uint32_t>(ErrorCode::refused_stream));
  }
  CHECK(server.all(Kind::request).size() == 1);
  CHECK_FALSE(server.failed());
}

TEST_CASE("a GOAWAY with an id that nobody used ends nothing") {
  for (const std::uint32_t last : {1U, 7U, 0x7fffffffU}) {
    Harness client(Role::client);
    ask(client, kGet, EndStream::yes);
    client.feed(goaway(last, ErrorCode::no_error) + headers(1, status("200"), kEnd));
    CHECK(client.last(Kind::goaway)->stream.value == last);
    CHECK(client.last(Kind::stream_closed)->verdict == Verdict::processed);
    CHECK_FALSE(client.failed());
  }
}

// ---- windows

TEST_CASE("END_STREAM alone goes out though the window is below zero") {
  Harness client(Role::client, with_settings({{SettingId::initial_window_size, 10}}));
  ask(client, kPost, EndStream::no);
  send(client, "0123456789", EndStream::no);
  client.feed(settings({{SettingId::initial_window_size, 3}}));
  REQUIRE(client.connection().window(one)->send_window == -7);
  send(client, "", EndStream::yes);
  CHECK(client.history().back() == frames(wire("000000 00 01 00000001"))[0]);
}

TEST_CASE("heads and trailers need no window") {
  const Field trailer{"a", "b"};
  Harness server(Role::server, with_settings({{SettingId::initial_window_size, 0}}));
  server.feed(headers(1, get(), kEnd));
  server.sent();
  REQUIRE(server.call([](Connection& c) { return c.send_informational(one, 103, {}); }));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  REQUIRE(server.call([&](Connection& c) { return c.send_trailers(one, {&trailer, 1}); }));
  CHECK(count(server.sent_frames(), FrameType::headers) == 3);
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("content above the last stream of our GOAWAY is credited to the byte, padding too") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  const auto said = server.sent_frames();
  server.feed(frame(FrameType::ping, flags::ack, 0, find(said, FrameType::ping, 0)->payload));
  server.feed(headers(3, post()) + data(3, "late") + wire("000008 00 09 00000003  02 'pads!' 0000"));
  CHECK_FALSE(server.last(Kind::request, 3));
  CHECK(server.connection().window(kConnection)->owed == 4 + 8);
  CHECK(server.connection().window(kConnection)->unconsumed == 0);
}

// ---- limits, at the number and one past it

Harness with_budget(std::uint32_t budget) {
  Options options;
  options.config.work_budget = budget;
  return Harness(Role::server, options);
}

TEST_CASE("frames that move nothing forward: as many as the budget has, and not one more") {
  const std::pair<const char*, Bytes> idle[] = {
      {"PING", ping(1)},
      {"an ACK that nobody waits for", ping(1, true)},
      {"PRIORITY", wire("000005 02 00 00000001 00000000 0f")},
      {"PRIORITY_UPDATE", wire("000007 10 00 00000000 00000001 'u=1'")},
      {"an unknown frame", wire("000003 ee 00 00000001 'abc'")},
      {"WINDOW_UPDATE of the connection", window_update(0, 1)},
      {"WINDOW_UPDATE of a stream", window_update(1, 1)},
      {"empty DATA", data(1, "")},
      {"DATA with nothing but padding", wire("000004 00 08 00000001 03 000000")},
      {"SETTINGS", settings({})},
      {"ALTSVC to a server", frame(FrameType::altsvc, 0, 0, wire("0000"))},
      {"DATA after our RST_STREAM", data(3, "x")},
  };
  for (const auto& each : idle) {
    const auto& bytes = each.second;
    CAPTURE(each.first);
    Harness server = with_budget(100);
    server.feed(headers(1, post()) + headers(3, post()));
    REQUIRE(server.call([](Connection& c) { return c.reset(StreamId{3}, ErrorCode::cancel); }));
    server.feed(repeat(bytes, 100));
    CHECK_FALSE(server.failed());
    server.feed(bytes);
    CHECK(server.failure() == Violation::work_budget_empty);
    CHECK(server.last(Kind::failed)->code == ErrorCode::enhance_your_calm);
  }
}

// How many of them pass before the connection ends with ENHANCE_YOUR_CALM; at most 1000 are tried.
int survived(std::uint32_t budget, const std::function<Bytes(std::uint32_t stream)>& request) {
  Harness server = with_budget(budget);
  int passed = 0;
  for (std::uint32_t stream = 1; passed < 1000; stream += 2, ++passed) {
    server.feed(request(stream));
    if (!server.failed()) continue;
    CHECK(server.failure() == Violation::work_budget_empty);
    break;
  }
  return passed;
}

TEST_CASE("streams that a peer opens and resets are bounded, and so are those that it makes us reset") {
  const auto cancelled = [](std::uint32_t stream) { return headers(stream, get()) + rst(stream, ErrorCode::cancel); };
  const auto made_us_reset = [](std::uint32_t stream) { return headers(stream, post()) + window_update(stream, 0); };
  const auto malformed = [](std::uint32_t stream) { return headers(stream, get({{"Upper", "x"}}), kEnd); };
  // A request gives 2 back, a reset takes 4, a frame 1; the first SETTINGS took 1.
  CHECK(survived(100, cancelled) == 49);
  CHECK(survived(100, made_us_reset) == 32);
  CHECK(survived(100, malformed) == 24);
}

TEST_CASE("time gives the budget back, so that resets at an honest rate go on for ever") {
  Options options;
  options.config.work_budget = 100;
  options.config.work_refill_per_second = 50;
  Harness server(Role::server, options);
  for (std::uint32_t second = 0; second < 30; ++second) {
    for (std::uint32_t i = 0; i < 20; ++i) {
      const std::uint32_t stream = 1 + 2 * (20 * second + i);
      server.feed(headers(stream, get()) + rst(stream, ErrorCode::cancel));
    }
    server.advance(1s);
  }
  CHECK_FALSE(server.failed());
  CHECK(server.all(Kind::request).size() == 600);
}

TEST_CASE("small DATA frames are content: no number of them is abuse") {
  Harness server = with_budget(100);
  server.feed(headers(1, post()));
  for (int i = 0; i < 20; ++i) {
    server.feed(repeat(data(1, "x"), 100));
    server.run([](Connection& c) { c.consume(one, 100); });
  }
  CHECK_FALSE(server.failed());
}

TEST_CASE("streams that are gone take no memory, whoever reset them, and received content takes none at all") {
  TestMemory memory;
  Config config;
  config.allocator = memory.allocator();
  config.work_budget = 1000000;
  Connection server(config);
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input)) {
      const auto* request = std::get_if<RequestReceived>(&*event);
      if (request != nullptr && request->stream.value % 4 == 1)
        REQUIRE(server.reset(request->stream, ErrorCode::cancel));
    }
    take_output(server);
  };
  feed(client_preface() + settings({}) + settings_ack());
  std::uint64_t early = 0;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const std::uint32_t stream = 2 * i + 1;
    feed(headers(stream, post()) + (stream % 4 == 1 ? Bytes{} : rst(stream, ErrorCode::cancel)));
    if (i == 100) early = memory.live_bytes;
  }
  CHECK(memory.live_bytes <= early);
  CHECK(server.open_streams() == 0);
  // 448 kB that nobody has consumed lie with the caller, not with us.
  for (std::uint32_t stream = 20001; stream < 20031; stream += 2) {
    feed(headers(stream, post()));
    if (stream % 4 == 1) continue;
    for (int i = 0; i < 4; ++i) feed(data(stream, std::string(16000, 'x')));
  }
  CHECK(server.window(kConnection)->unconsumed == 7 * 64000);
  CHECK(memory.live_bytes <= early + 16384);
}

}  // namespace
}  // namespace h2::test
