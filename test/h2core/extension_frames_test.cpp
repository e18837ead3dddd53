// Frames of other RFCs and of nobody: ALTSVC (RFC 7838 4), ORIGIN (RFC 8336), a caller's own, and GREASE.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}
Harness client_that_asked() {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.sent();
  return client;
}
Misuse send_altsvc(Harness& harness, StreamId stream, std::string_view origin, std::string_view value) {
  return error_of(harness.call([&](Connection& c) { return c.send_altsvc(stream, origin, value); }));
}
Misuse send_origin(Harness& harness, std::initializer_list<std::string_view> origins) {
  return error_of(
      harness.call([&](Connection& c) { return c.send_origin(std::span(origins.begin(), origins.size())); }));
}
Misuse send_frame(Harness& harness, std::uint8_t type, StreamId stream, const Bytes& payload) {
  return error_of(harness.call([&](Connection& c) { return c.send_frame(type, 0x5a, stream, payload); }));
}

// ---- ALTSVC

TEST_CASE("RFC 7838 4: ALTSVC names its origin on stream 0, and on a stream it means that one's") {
  Harness client = client_that_asked();
  client.feed(frame(FrameType::altsvc, 0, 0, wire("0013 'https://example.com' 'h2=\":8000\"'")) +
              frame(FrameType::altsvc, 0, 1, wire("0000 'clear'")));
  CHECK(text_of(client.events()) ==
        "altsvc 0 \"https://example.com|h2=\":8000\"\"\n"
        "altsvc 1 \"|clear\"\n");
}

TEST_CASE("ALTSVC on stream 0 without an origin is ignored [7838-4c]") {
  Harness client = client_that_asked();
  client.feed(frame(FrameType::altsvc, 0, 0, wire("0000 'h2=\":8000\"'")));
  CHECK(text_of(client.events()) == "");
  CHECK_FALSE(client.failed());
}

TEST_CASE("ALTSVC on another stream with an origin is ignored [7838-4d]") {
  Harness client = client_that_asked();
  client.feed(frame(FrameType::altsvc, 0, 1, wire("0013 'https://example.com' 'h2=\":8000\"'")));
  CHECK(text_of(client.events()) == "");
  CHECK_FALSE(client.failed());
}

TEST_CASE("ALTSVC that is shorter than it says, or whose origin or value is none, is ignored") {
  for (const char* payload :
       {"", "00", "0014 'https://example.com'", "ffff 'https://example.com'", "000b 'example.com' 'clear'",
        "0013 'https://example.com' 0a", "000a 'https://a/' 'clear'"}) {
    CAPTURE(payload);
    Harness client = client_that_asked();
    client.feed(frame(FrameType::altsvc, 0, 0, wire(payload)));
    CHECK(text_of(client.events()) == "");
    CHECK_FALSE(client.failed());
  }
}

TEST_CASE("a server sends ALTSVC for an origin, or for a stream's; a client sends none") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.sent();
  CHECK(send_altsvc(server, kConnection, "https://example.com", "h2=\":8000\"") == Misuse::none);
  CHECK(server.sent() == frame(FrameType::altsvc, 0, 0, wire("0013 'https://example.com' 'h2=\":8000\"'")));
  CHECK(send_altsvc(server, one, "", "clear") == Misuse::none);
  CHECK(server.sent() == frame(FrameType::altsvc, 0, 1, wire("0000 'clear'")));
  CHECK(send_altsvc(server, kConnection, "", "clear") == Misuse::bad_frame);
  CHECK(send_altsvc(server, one, "https://example.com", "clear") == Misuse::bad_frame);
  CHECK(send_altsvc(server, kConnection, "example.com", "clear") == Misuse::bad_frame);
  CHECK(send_altsvc(server, kConnection, "https://example.com", "a\nb") == Misuse::bad_frame);
  CHECK(send_altsvc(server, one, "", std::string(16384 - 1, 'x')) == Misuse::bad_frame);
  CHECK(send_altsvc(server, StreamId{3}, "", "clear") == Misuse::unknown_stream);
  Harness client = client_that_asked();
  CHECK(send_altsvc(client, kConnection, "https://example.com", "clear") == Misuse::wrong_role);
  CHECK(server.sent().empty());
  CHECK(client.sent().empty());
}

// ---- ORIGIN

Bytes two_origins() { return wire("0013 'https://example.com' 0018 'https://example.org:8443'"); }

TEST_CASE("RFC 8336 2: the origins of a frame are taken off one by one") {
  Harness client = client_that_asked();
  client.feed(frame(FrameType::origin, 0, 0, two_origins()) + frame(FrameType::origin, 0, 0, {}));
  const auto seen = client.all(Kind::origin);
  REQUIRE(seen.size() == 2);
  const Bytes payload = bytes_of(seen[0].data);
  ByteView entries = payload;
  CHECK(next_origin(entries) == "https://example.com");
  CHECK(next_origin(entries) == "https://example.org:8443");
  CHECK_FALSE(next_origin(entries));
  CHECK(entries.empty());
  CHECK(seen[1].data.empty());
}

TEST_CASE("ORIGIN on another stream than 0 is ignored [8336-2.2b]") {
  for (const std::uint32_t stream : {1U, 2U, 3U}) {
    Harness client = client_that_asked();
    client.feed(frame(FrameType::origin, 0, stream, two_origins()));
    CHECK(text_of(client.events()) == "");
    CHECK_FALSE(client.failed());
  }
}

TEST_CASE("ORIGIN with one of the first four flags is ignored, with another it is not [8336-2.2d]") {
  for (int bit = 0; bit < 8; ++bit) {
    CAPTURE(bit);
    Harness client = client_that_asked();
    client.feed(frame(FrameType::origin, static_cast<std::uint8_t>(1 << bit), 0, two_origins()));
    CHECK(client.last(Kind::origin).has_value() == (bit >= 4));
    CHECK_FALSE(client.failed());
  }
}

TEST_CASE("ORIGIN that is shorter than its entries say is ignored") {
  for (const char* payload : {"00", "0014 'https://example.com'", "0013 'https://example.com' 00"}) {
    Harness client = client_that_asked();
    client.feed(frame(FrameType::origin, 0, 0, wire(payload)));
    CHECK_FALSE(client.last(Kind::origin));
    CHECK_FALSE(client.failed());
  }
}

TEST_CASE("a server sends ORIGIN on stream 0, and nothing in it that is no origin [8336-2.2a]") {
  Harness server(Role::server);
  CHECK(send_origin(server, {"https://example.com", "https://example.org:8443"}) == Misuse::none);
  CHECK(server.sent() == frame(FrameType::origin, 0, 0, two_origins()));
  CHECK(send_origin(server, {}) == Misuse::none);
  CHECK(server.sent() == frame(FrameType::origin, 0, 0, {}));
  for (const char* wrong : {"", "example.com", "https://", "https://example.com/", "https://me@example.com",
                            "https://example.com:x", "https://exa mple.com", "1ttp://example.com"}) {
    CAPTURE(wrong);
    CHECK(send_origin(server, {"https://example.com", wrong}) == Misuse::bad_frame);
  }
  const std::string large = "https://" + std::string(16384, 'x');
  CHECK(send_origin(server, {large}) == Misuse::bad_frame);
  Harness client = client_that_asked();
  CHECK(send_origin(client, {"https://example.com"}) == Misuse::wrong_role);
  CHECK(server.sent().empty());
  CHECK(client.sent().empty());
}

// ---- frames of the caller's own

TEST_CASE("RFC 9113 5.5: a frame of a caller's own arrives as it was sent, with those who ask for such") {
  Config curious;
  curious.deliver_unknown_frames = true;
  Pair pair(curious, curious);
  Connection &client = *pair.client.connection, &server = *pair.server.connection;
  REQUIRE(client.send_request(kPost, EndStream::no));
  pair.settle();
  const Bytes payload = bytes_of("payload");
  REQUIRE(client.send_frame(0xee, 0x5a, one, payload));
  REQUIRE(client.send_frame(0xee, 0, kConnection, {}));
  REQUIRE(server.send_frame(0xf0, 0xff, one, payload));
  pair.settle();
  CHECK(text_of(of_kind(pair.server.events, Kind::unknown_frame)) ==
        "unknown_frame 1 \"payload\"\nunknown_frame 0 \"\"\n");
  CHECK(text_of(of_kind(pair.client.events, Kind::unknown_frame)) == "unknown_frame 1 \"payload\"\n");
}

TEST_CASE("a type that the engine knows is not for callers to send, nor a frame over the peer's size") {
  Harness client = client_that_asked();
  for (int type = 0; type <= 0xff; ++type) {
    CAPTURE(type);
    const bool known = type <= 9 || type == 0xa || type == 0xc || type == 0x10;
    CHECK(send_frame(client, static_cast<std::uint8_t>(type), kConnection, Bytes(8)) ==
          (known ? Misuse::bad_frame : Misuse::none));
  }
  client.sent();
  CHECK(send_frame(client, 0xee, kConnection, Bytes(16384)) == Misuse::none);
  client.sent();
  CHECK(send_frame(client, 0xee, kConnection, Bytes(16385)) == Misuse::bad_frame);
  CHECK(client.sent().empty());
}

TEST_CASE("a frame of a caller's own needs a stream that is there") {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 1}};
  Harness client(Role::client, options);
  for (int i = 0; i < 2; ++i) REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  client.sent();
  CHECK(send_frame(client, 0xee, StreamId{3}, {}) == Misuse::wrong_state);  // it waits: nothing is before its HEADERS
  CHECK(send_frame(client, 0xee, StreamId{5}, {}) == Misuse::unknown_stream);
  CHECK(client.sent().empty());
  client.feed(rst(1, ErrorCode::cancel));
  client.sent();
  CHECK(send_frame(client, 0xee, one, {}) == Misuse::stream_gone);
  CHECK(send_frame(client, 0xee, StreamId{3}, {}) == Misuse::none);
}

// ---- what nobody will ever define

TEST_CASE("GREASE: a reserved setting and a reserved frame go out first, and disturb nobody") {
  for (std::uint64_t seed : {0ULL, 1ULL, 7ULL, 15ULL, 0x123456789abcdefULL, ~0ULL}) {
    CAPTURE(seed);
    Config config;
    config.grease = true;
    config.seed = seed;
    config.deliver_unknown_frames = true;
    Pair pair(config, config);
    REQUIRE(pair.client.connection->send_request(kGet, EndStream::yes));
    pair.settle();
    REQUIRE(pair.server.connection->send_response(one, 204, {}, EndStream::yes));
    pair.settle();
    for (const Pair::Side* side : {&pair.client, &pair.server}) {
      CHECK(of_kind(side->events, Kind::unknown_frame).size() == 1);
      CHECK(of_kind(side->events, Kind::failed).empty());
      CHECK(of_kind(side->events, Kind::stream_closed).size() == 1);
    }
    config.role = Role::client;
    Connection client(config);
    const auto sent = frames(take_output(client));
    REQUIRE(sent.size() >= 2);
    const std::uint32_t id = sent[0].u32(sent[0].payload.size() - 6) >> 16;
    CHECK((id & 0x0f0f) == 0x0a0a);
    CHECK((id >> 12) == (id >> 4 & 0xf));
    const auto type = static_cast<unsigned>(sent.back().header.type);
    CHECK((type - 0x0b) % 0x1f == 0);
  }
}

TEST_CASE("neither GREASE nor a PING shows the seed, which keys our tables") {
  constexpr std::uint64_t kInverse = 0xf1de83e19937733d;  // of the odd number that spreads the opaque octets
  static_assert(kInverse * 0x9e3779b97f4a7c15 == 1);
  for (std::uint64_t seed : {0x123456789abcdefULL, 0xfedcba9876543210ULL, ~0ULL}) {
    CAPTURE(seed);
    Connection client({.role = Role::client, .grease = true, .seed = seed});
    REQUIRE(client.ping(Token{}));
    const auto sent = frames(take_output(client));
    const std::optional<Frame> ping = find(sent, FrameType::ping, 0);
    REQUIRE(ping);
    const std::uint64_t opaque = std::uint64_t{ping->u32()} << 32 | ping->u32(4);
    const std::uint64_t counter = opaque * kInverse - 1;
    CHECK(counter <= 0xffffffff);  // half as long as the seed, and neither half of it
    CHECK(counter != seed >> 32);
    CHECK(counter != (seed & 0xffffffff));
    const std::uint32_t value = sent[0].u32(sent[0].payload.size() - 4);
    CHECK(value != static_cast<std::uint32_t>(seed >> 4));
  }
}

TEST_CASE("settings that the engine does not know are sent with the first, and can be read from the peer's") {
  const Setting extra[] = {{static_cast<SettingId>(0x4d44), 9}};
  Config config;
  config.extra_settings = extra;
  Connection client([&] {
    Config of_client = config;
    of_client.role = Role::client;
    return of_client;
  }());
  const Bytes hello = take_output(client);
  Connection server(Config{});
  ByteView input = hello;
  bool found = false;
  while (const auto event = server.receive(input)) {
    const auto* settings = std::get_if<SettingsReceived>(&*event);
    if (settings == nullptr) continue;
    ByteView entries = settings->entries;
    while (const auto entry = read_setting(entries)) found = found || *entry == extra[0];
  }
  CHECK(found);
}

}  // namespace
}  // namespace h2::test
