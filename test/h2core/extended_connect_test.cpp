// RFC 8441: the setting, the extended CONNECT request in both roles, and the tunnel that follows; with RFC 9113 8.5,
// which rules what passes through any tunnel.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};
constexpr SettingId kConnectProtocol = SettingId::enable_connect_protocol;

const Request kWebSocket{"CONNECT", "https", "example.com", "/chat", {}, "websocket"};
const Request kTunnel{"CONNECT", {}, "example.com:443", {}, {}, {}};

OwnedFields extended_connect(const OwnedFields& more = {}) {
  OwnedFields all{{":method", "CONNECT"},
                  {":protocol", "websocket"},
                  {":scheme", "https"},
                  {":path", "/chat"},
                  {":authority", "example.com"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
OwnedFields connect() { return {{":method", "CONNECT"}, {":authority", "example.com:443"}}; }

OwnedFields without(OwnedFields fields, std::string_view name) {
  std::erase_if(fields, [&](const OwnedField& field) { return field.name == name; });
  return fields;
}

Options announcing() {
  Options options;
  options.config.settings.enable_connect_protocol = 1;
  return options;
}
Options announced() {
  Options options;
  options.peer_settings = {{kConnectProtocol, 1}};
  return options;
}

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}
Misuse ask(Harness& client, const Request& request, EndStream end = EndStream::no) {
  return error_of(client.call([&](Connection& c) { return c.send_request(request, end); }));
}
Misuse answer(Harness& server, std::uint16_t status, std::span<const Field> fields = {},
              EndStream end = EndStream::no) {
  return error_of(server.call([&](Connection& c) { return c.send_response(one, status, fields, end); }));
}
Misuse set(Harness& harness, std::initializer_list<Setting> entries) {
  return error_of(
      harness.call([&](Connection& c) { return c.send_settings(std::span(entries.begin(), entries.size())); }));
}
Misuse send(Harness& harness, std::string_view content, EndStream end = EndStream::no) {
  return error_of(
      harness.call([&](Connection& c) { return c.send_copy(one, std::as_bytes(std::span(content)), end); }));
}

// A client and a server with a tunnel between them, of either kind.
Harness client_in_tunnel(const Request& request) {
  Harness client(Role::client, announced());
  REQUIRE(ask(client, request) == Misuse::none);
  client.feed(headers(1, status("200")));
  client.events();
  client.sent();
  return client;
}
Harness server_in_tunnel(const OwnedFields& request) {
  Harness server(Role::server, announcing());
  server.feed(headers(1, request));
  REQUIRE(answer(server, 200) == Misuse::none);
  server.events();
  server.sent();
  return server;
}

TEST_CASE("ENABLE_CONNECT_PROTOCOL is 0 or 1, whoever sends it [8441-3a]") {
  for (const Role role : {Role::client, Role::server}) {
    Harness sender(role);
    CHECK(set(sender, {{kConnectProtocol, 2}}) == Misuse::bad_setting);
    CHECK(set(sender, {{kConnectProtocol, 0xffffffff}}) == Misuse::bad_setting);
    CHECK(sender.sent().empty());
    CHECK(set(sender, {{kConnectProtocol, 1}}) == Misuse::none);
    CHECK(sender.sent() == wire("000006 04 00 00000000  0008 00000001"));

    for (const std::uint32_t value : {2U, 256U, 0xffffffffU}) {
      Harness receiver(role);
      receiver.feed(settings({{kConnectProtocol, value}}));
      CHECK(receiver.failure() == Violation::setting_connect_protocol);
      CHECK(receiver.last(Kind::failed)->code == ErrorCode::protocol_error);
    }
    Harness receiver(role);
    receiver.feed(settings({{kConnectProtocol, 0}}) + settings({{kConnectProtocol, 1}}) +
                  settings({{kConnectProtocol, 1}}));
    CHECK_FALSE(receiver.failed());
    CHECK(receiver.connection().peer_settings().enable_connect_protocol == 1);
  }
}

TEST_CASE("ENABLE_CONNECT_PROTOCOL is not withdrawn, neither later nor in the same frame [8441-3b]") {
  for (const Role role : {Role::client, Role::server}) {
    Harness configured(role, announcing());
    CHECK(set(configured, {{kConnectProtocol, 0}}) == Misuse::bad_setting);
    CHECK(configured.sent().empty());

    Harness later(role);
    CHECK(set(later, {{kConnectProtocol, 1}, {kConnectProtocol, 0}}) == Misuse::bad_setting);
    CHECK(set(later, {{kConnectProtocol, 1}}) == Misuse::none);
    later.sent();
    CHECK(set(later, {{kConnectProtocol, 0}}) == Misuse::bad_setting);
    CHECK(set(later, {{kConnectProtocol, 1}}) == Misuse::none);

    for (const Bytes& withdrawn : {settings({{kConnectProtocol, 1}}) + settings({{kConnectProtocol, 0}}),
                                   settings({{kConnectProtocol, 1}, {kConnectProtocol, 0}})}) {
      Harness receiver(role);
      receiver.feed(withdrawn);
      CHECK(receiver.failure() == Violation::setting_connect_protocol);
    }
  }
}

TEST_CASE(
    "RFC 8441 3: a client makes no extended CONNECT before the server has announced it, whatever it says itself") {
  Harness client(Role::client, announcing());
  CHECK(ask(client, kWebSocket) == Misuse::malformed_fields);
  CHECK(client.sent().empty());
  client.feed(settings({{kConnectProtocol, 0}}));
  CHECK(ask(client, kWebSocket) == Misuse::malformed_fields);
  client.feed(settings({{kConnectProtocol, 1}}));
  CHECK(ask(client, kWebSocket) == Misuse::none);
}

TEST_CASE("RFC 8441 3: a server takes extended CONNECT as soon as it has announced it, and not before") {
  Harness server(Role::server);
  server.feed(headers(1, extended_connect()));
  CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
  REQUIRE(set(server, {{kConnectProtocol, 1}}) == Misuse::none);
  server.feed(headers(3, extended_connect()));  // our SETTINGS are not acknowledged yet
  CHECK(server.last(Kind::request, 3)->protocol == "websocket");
  // What a client says of itself means nothing to a server.
  Harness other(Role::server, announced());
  other.feed(headers(1, extended_connect()));
  CHECK_FALSE(other.last(Kind::request));
}

TEST_CASE("extended CONNECT has :scheme and :path, sent and received [8441-4a]") {
  Harness client(Role::client, announced());
  for (std::string_view Request::*absent : {&Request::scheme, &Request::path}) {
    Request request = kWebSocket;
    request.*absent = {};
    CHECK(ask(client, request) == Misuse::malformed_fields);
  }
  CHECK(client.sent().empty());

  for (const char* absent : {":scheme", ":path"}) {
    CAPTURE(absent);
    Harness server(Role::server, announcing());
    server.feed(headers(1, without(extended_connect(), absent)));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
    CHECK_FALSE(server.last(Kind::request));
    server.feed(headers(3, extended_connect()));
    CHECK(server.last(Kind::request, 3));
  }
}

TEST_CASE("RFC 8441 4: :protocol has a value, once, and comes with CONNECT alone") {
  OwnedFields twice = extended_connect();
  twice.insert(twice.begin(), OwnedField{":protocol", "websocket"});
  OwnedFields empty = extended_connect();
  empty[1].value = "";
  OwnedFields other_method = extended_connect();
  other_method[0].value = "GET";
  for (const OwnedFields& broken : {twice, empty, other_method, without(extended_connect(), ":authority")}) {
    Harness server(Role::server, announcing());
    server.feed(headers(1, broken));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
    CHECK_FALSE(server.failed());
  }
  Harness client(Role::client, announced());
  Request request = kGet;
  request.protocol = "websocket";
  CHECK(ask(client, request) == Misuse::malformed_fields);
  request = kWebSocket;
  request.authority = {};
  CHECK(ask(client, request) == Misuse::malformed_fields);
  CHECK(client.sent().empty());
}

TEST_CASE("a server sees by :protocol that an extended CONNECT is for itself [8441-4b]") {
  Harness server(Role::server, announcing());
  server.feed(headers(1, extended_connect({{"sec-websocket-version", "13"}, {"origin", "https://example.com"}})) +
              headers(3, connect()));
  const Seen extended = *server.last(Kind::request, 1);
  CHECK(extended.method == "CONNECT");
  CHECK(extended.protocol == "websocket");
  CHECK(extended.scheme == "https");
  CHECK(extended.path == "/chat");
  CHECK(extended.authority == "example.com");
  CHECK(extended.fields == OwnedFields{{"sec-websocket-version", "13"}, {"origin", "https://example.com"}});
  CHECK(extended.end == EndStream::no);
  CHECK(server.last(Kind::request, 3)->protocol.empty());
}

TEST_CASE("a client sends extended CONNECT with its :protocol, also one that had to wait [8441-5a]") {
  Options options = announced();
  options.peer_settings.push_back({SettingId::max_concurrent_streams, 1});
  Harness client(Role::client, options);
  const Field version{"sec-websocket-version", "13"};
  Request request = kWebSocket;
  request.fields = {&version, 1};
  CHECK(ask(client, request) == Misuse::none);
  CHECK(ask(client, request) == Misuse::none);
  client.feed(rst(1, ErrorCode::refused_stream));
  for (const std::uint32_t stream : {1U, 3U}) {
    CAPTURE(stream);
    REQUIRE(client.blocks(stream).size() == 1);
    const OwnedFields sent = client.blocks(stream)[0];
    REQUIRE(sent.size() == 6);
    CHECK(sent[0] == OwnedField{":method", "CONNECT"});
    CHECK(sent[1] == OwnedField{":protocol", "websocket"});
    CHECK(sent[5] == OwnedField{"sec-websocket-version", "13"});
    CHECK_FALSE(find(client.history(), FrameType::headers, stream)->header.has(flags::end_stream));
  }
}

TEST_CASE("extended CONNECT has neither Connection nor Upgrade, either way [8441-5d]") {
  Harness client(Role::client, announced());
  for (const Field field : {Field{"connection", "upgrade"}, Field{"upgrade", "websocket"}}) {
    CAPTURE(field.name);
    Request request = kWebSocket;
    request.fields = {&field, 1};
    CHECK(ask(client, request) == Misuse::malformed_fields);
    CHECK(client.sent().empty());
    Harness server(Role::server, announcing());
    server.feed(headers(1, extended_connect({{std::string(field.name), std::string(field.value)}})));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
    CHECK_FALSE(server.last(Kind::request));
  }
}

TEST_CASE("RFC 8441 5: bytes pass both ways through a tunnel, and each side ends by itself [9110-9.3.6c]") {
  Config server_config;
  server_config.settings.enable_connect_protocol = 1;
  for (const Request& request : {kWebSocket, kTunnel}) {
    CAPTURE(request.protocol);
    Pair pair({}, server_config);
    pair.settle();
    Connection &client = *pair.client.connection, &server = *pair.server.connection;
    REQUIRE(client.send_request(request, EndStream::no));
    pair.settle();
    REQUIRE(server.send_response(one, 200, {}, EndStream::no));
    const Bytes up = bytes_of("up"), down = bytes_of("down"), last = bytes_of("last words");
    REQUIRE(client.send_data(one, up, Token{1}, EndStream::no));
    REQUIRE(server.send_data(one, down, Token{2}, EndStream::no));
    pair.settle();
    REQUIRE(client.send_data(one, last, Token{3}, EndStream::yes));
    pair.settle();
    CHECK(of_kind(pair.server.events, Kind::data).back().end == EndStream::yes);
    CHECK(of_kind(pair.server.events, Kind::stream_closed).empty());
    REQUIRE(server.send_data(one, last, Token{4}, EndStream::yes));
    pair.settle();
    for (const Pair::Side* side : {&pair.client, &pair.server}) {
      std::string all;
      for (const Seen& piece : of_kind(side->events, Kind::data)) all += piece.data;
      CHECK(all == (side == &pair.client ? "downlast words" : "uplast words"));
      REQUIRE(of_kind(side->events, Kind::stream_closed).size() == 1);
      CHECK(of_kind(side->events, Kind::stream_closed)[0].code == ErrorCode::no_error);
    }
  }
}

TEST_CASE("RFC 8441 5: a tunnel that is cut off ends with the code of its RST_STREAM") {
  Harness server = server_in_tunnel(extended_connect());
  server.feed(data(1, "x") + rst(1, ErrorCode::cancel));
  CHECK(server.last(Kind::data)->data == "x");
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::cancel);
  Harness client = client_in_tunnel(kWebSocket);
  REQUIRE(client.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
  CHECK(find(client.sent_frames(), FrameType::rst_stream, 1)->u32() == 8);
}

TEST_CASE("RFC 9113 8.5: a tunnel carries DATA, and HEADERS on it is a stream error [9113-8.5c]") {
  for (const OwnedFields& request : {extended_connect(), connect()}) {
    Harness server = server_in_tunnel(request);
    server.feed(data(1, "x") + headers(1, {{"a", "b"}}, kEnd));
    CHECK(server.last(Kind::stream_reset)->violation == Violation::frame_in_tunnel);
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
    CHECK_FALSE(server.last(Kind::trailers));
    CHECK_FALSE(server.failed());
  }
  for (const Request& request : {kWebSocket, kTunnel}) {
    Harness client = client_in_tunnel(request);
    client.feed(data(1, "x") + headers(1, {{"a", "b"}}, kEnd));
    CHECK(client.last(Kind::stream_reset)->violation == Violation::frame_in_tunnel);
    CHECK_FALSE(client.last(Kind::trailers));
    CHECK_FALSE(client.failed());
  }
}

TEST_CASE("RFC 9113 8.5: no PUSH_PROMISE on a tunnel [9113-8.5b] [9113-8.5c]") {
  Options options = announced();
  options.config.settings.enable_push = 1;
  Harness client(Role::client, options);
  REQUIRE(ask(client, kTunnel) == Misuse::none);
  client.feed(headers(1, status("200")) + push_promise(1, 2, get()) + headers(2, status("200"), kEnd));
  CHECK(client.last(Kind::stream_reset)->violation == Violation::frame_in_tunnel);
  CHECK(find(client.sent_frames(), FrameType::rst_stream, 2)->u32() ==
        static_cast<std::uint32_t>(ErrorCode::refused_stream));
  CHECK_FALSE(client.last(Kind::push));
  CHECK_FALSE(client.failed());

  Harness server(Role::server);
  server.feed(headers(1, connect()));
  REQUIRE(answer(server, 200) == Misuse::none);
  server.sent();
  CHECK(error_of(server.call([](Connection& c) { return c.push(one, kGet); })) == Misuse::wrong_state);
  CHECK(server.sent().empty());
}

TEST_CASE("RFC 9113 8.5: WINDOW_UPDATE and PRIORITY may come on a tunnel") {
  Harness server = server_in_tunnel(connect());
  server.feed(window_update(1, 10) + wire("000005 02 00 00000001 00000000 0f") + data(1, "x"));
  CHECK(server.last(Kind::data)->data == "x");
  CHECK_FALSE(server.last(Kind::stream_reset));
}

TEST_CASE("RFC 9113 8.5: nobody sends trailers on a tunnel [9113-8.5b]") {
  Harness server = server_in_tunnel(extended_connect());
  Harness client = client_in_tunnel(kWebSocket);
  for (Harness* harness : {&server, &client}) {
    CHECK(error_of(harness->call([](Connection& c) { return c.send_trailers(one, {}); })) == Misuse::wrong_state);
    CHECK(harness->sent().empty());
  }
  Harness early(Role::client);
  REQUIRE(ask(early, kTunnel) == Misuse::none);
  CHECK(error_of(early.call([](Connection& c) { return c.send_trailers(one, {}); })) == Misuse::wrong_state);
}

TEST_CASE("RFC 9113 8.5: a CONNECT that is refused has an ordinary response, trailers and all") {
  const Field length{"content-length", "4"}, trailer{"a", "b"};
  Harness server(Role::server);
  server.feed(headers(1, connect()));
  CHECK(answer(server, 403, {&length, 1}) == Misuse::none);
  CHECK(send(server, "sorry") == Misuse::content_length_broken);
  CHECK(send(server, "nope") == Misuse::none);
  CHECK(error_of(server.call([&](Connection& c) { return c.send_trailers(one, {&trailer, 1}); })) == Misuse::none);

  Harness client(Role::client);
  REQUIRE(ask(client, kTunnel) == Misuse::none);
  client.feed(headers(1, status("403", {{"content-length", "4"}})) + data(1, "nope") + headers(1, {{"a", "b"}}, kEnd));
  CHECK(client.last(Kind::data)->data == "nope");
  CHECK(client.last(Kind::trailers)->fields == OwnedFields{{"a", "b"}});
  CHECK_FALSE(client.last(Kind::stream_reset));
}

TEST_CASE(
    "a 2xx to CONNECT has no content-length; one that came says nothing [9110-8.6f] [9110-9.3.6e] [9110-9.3.6f]") {
  const Field length{"content-length", "0"}, coding{"transfer-encoding", "chunked"};
  for (const OwnedFields& request : {extended_connect(), connect()}) {
    Harness server(Role::server, announcing());
    server.feed(headers(1, request));
    for (const std::uint16_t code : std::initializer_list<std::uint16_t>{200, 204, 299}) {
      CHECK(answer(server, code, {&length, 1}) == Misuse::malformed_fields);
      CHECK(answer(server, code, {&coding, 1}) == Misuse::malformed_fields);
    }
    CHECK(server.sent().empty());
  }
  for (const Request& request : {kWebSocket, kTunnel}) {
    Harness client(Role::client, announced());
    REQUIRE(ask(client, request) == Misuse::none);
    client.feed(headers(1, status("200", {{"content-length", "1"}})) + data(1, "more than that", kEnd));
    CHECK(client.last(Kind::data)->data == "more than that");
    CHECK_FALSE(client.last(Kind::stream_reset));
  }
}

TEST_CASE("RFC 9110 9.3.6: any 2xx makes a tunnel, 204 and 205 too") {
  for (const std::uint16_t code : std::initializer_list<std::uint16_t>{204, 205, 299}) {
    CAPTURE(code);
    Harness server(Role::server);
    server.feed(headers(1, connect()));
    REQUIRE(answer(server, code) == Misuse::none);
    CHECK(send(server, "x") == Misuse::none);
    Harness client(Role::client);
    REQUIRE(ask(client, kTunnel) == Misuse::none);
    client.feed(headers(1, status(std::to_string(code))) + data(1, "x"));
    CHECK(client.last(Kind::data)->data == "x");
  }
}

}  // namespace
}  // namespace h2::test
