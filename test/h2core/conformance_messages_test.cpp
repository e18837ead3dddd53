// RFC 9113 8: messages end to end. A malformed one is a stream error and stays hidden, and we send none.
#include "conformance.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}

// ---- what comes

/// What a whole section comes to as the head of a request or response on stream 1, which the caller must not see if it
/// is malformed.
std::string head_answer(Role role, const OwnedFields& fields, std::uint8_t more_flags = 0) {
  Harness harness(role);
  if (role == Role::client) {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    harness.sent();
  }
  harness.feed(headers(1, fields, more_flags));
  const bool seen = !harness.all(Kind::request).empty() || !harness.all(Kind::response).empty() ||
                    !harness.all(Kind::informational).empty();
  const std::string found = answer(harness);
  CHECK(seen == (found == "goes on"));
  return found;
}

/// The same for trailers.
std::string trailers_answer(Role role, const OwnedFields& fields, std::uint8_t more_flags = kEnd) {
  Harness harness = exchange_of(role);
  harness.feed(headers(1, fields, more_flags));
  const bool seen = !harness.all(Kind::trailers).empty();
  const std::string found = answer(harness);
  CHECK(seen == (found == "goes on"));
  return found;
}

OwnedFields head_of(Role role, const OwnedFields& more = {}) {
  return role == Role::server ? get(more) : status("200", more);
}

const std::string malformed = "stream 1 PROTOCOL_ERROR";

TEST_CASE(
    "a field with a forbidden octet makes head and trailers malformed: a stream error, and the caller sees nothing "
    "[9113-8.1.1a] [9113-8.1.1b] [9113-8.1.1c] [9113-8.2.1b] [9113-8.2.1g] [9113-8.2.1h] [9113-10.3a]") {
  const OwnedFields bad[] = {{{"Upper", "v"}},     {{"uppeR", "v"}},        {{"a b", "v"}},
                             {{"a\x01", "v"}},     {{"a\x7f", "v"}},        {{"caf\xc3\xa9", "v"}},
                             {{"a:b", "v"}},       {{"a:", "v"}},           {{"", "v"}},
                             {{"n", {"a\0b", 3}}}, {{"n", "a\nb"}},         {{"n", "a\rb"}},
                             {{"n", "\n"}},        {{"n", " a"}},           {{"n", "\ta"}},
                             {{"n", "a "}},        {{"n", "a\t"}},          {{"n", " "}},
                             {{"a\r\nb", "v"}},    {{"n", "a\r\nhost: b"}}, {{"ok", "v"}, {"n", "\r"}}};
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(head_answer(role, head_of(role, {{"fine", "a b\tc"}})) == "goes on");
    for (const OwnedFields& fields : bad) {
      CAPTURE(fields.back().name);
      CAPTURE(fields.back().value);
      CHECK(head_answer(role, head_of(role, fields)) == malformed);
      CHECK(head_answer(role, head_of(role, fields), kEnd) == malformed);
      CHECK(trailers_answer(role, fields) == malformed);
    }
  }
}

TEST_CASE("connection-specific fields make head and trailers malformed [9113-8.2.2b]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const std::string name : {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}) {
      for (const std::string value : {"", "close", "trailers", "chunked"}) {
        CAPTURE(name);
        CHECK(head_answer(role, head_of(role, {{name, value}})) == malformed);
        CHECK(trailers_answer(role, {{name, value}}) == malformed);
      }
    }
    CHECK(head_answer(role, head_of(role, {{"te", "gzip"}})) == malformed);
    CHECK(trailers_answer(role, {{"te", "trailers"}}) == malformed);
  }
  CHECK(head_answer(Role::server, get({{"te", "trailers"}})) == "goes on");
  CHECK(head_answer(Role::client, status("200", {{"te", "trailers"}})) == malformed);
}

TEST_CASE(
    "pseudo-fields that are unknown, misplaced or repeated make a message malformed [9113-8.3e] [9113-8.3g] "
    "[9113-8.3i]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const OwnedFields head = head_of(role);
    const auto plus = [&](const OwnedFields& more) {
      OwnedFields fields = head;
      fields.insert(fields.end(), more.begin(), more.end());
      return head_answer(role, fields);
    };
    const char* foreign = role == Role::server ? ":status" : ":path";
    for (const char* name : {foreign, ":unknown", ":version", ":protocol"}) {
      CAPTURE(std::string(name));
      CHECK(plus({{name, "200"}}) == malformed);
      CHECK(head_answer(role, head_of(role, {{"a", "b"}, {name, "200"}})) == malformed);
    }
    for (std::size_t i = 0; i < head.size(); ++i) {
      CAPTURE(head[i].name);
      CHECK(plus({head[i]}) == malformed);                  // twice
      CHECK(plus({{head[i].name, "other"}}) == malformed);  // twice, and they differ
      CHECK(plus({{"a", "b"}, head[i]}) == malformed);      // twice, and behind a field
      OwnedFields late = head;
      late.erase(late.begin() + static_cast<std::ptrdiff_t>(i));
      late.push_back({"a", "b"});
      late.push_back(head[i]);
      CHECK(head_answer(role, late) == malformed);  // once, and behind a field
    }
  }
}

TEST_CASE("no pseudo-field is allowed in trailers [9113-8.1c] [9113-8.3e]") {
  for (const Role role : kRoles) {
    for (const char* name : {":status", ":path", ":method", ":authority", ":scheme", ":protocol", ":unknown"}) {
      CHECK(trailers_answer(role, {{name, "200"}}) == malformed);
      CHECK(trailers_answer(role, {{"a", "b"}, {name, "200"}}) == malformed);
    }
    CHECK(trailers_answer(role, {{"a", "b"}}) == "goes on");
  }
}

TEST_CASE("HEADERS behind the head end the stream, or the message is malformed [9113-8.1d]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(trailers_answer(role, {{"a", "b"}}, 0) == malformed);
    CHECK(trailers_answer(role, {}, 0) == malformed);
    CHECK(trailers_answer(role, head_of(role), 0) == malformed);
    CHECK(answer(role, data(1, "x") + headers(1, {{"a", "b"}})) == malformed);
  }
  CHECK(trailers_answer(Role::client, status("103"), 0) == malformed);  // an interim response behind the final one
}

TEST_CASE("content that is not as long as content-length says makes a message malformed [9113-8.1.1b] [9113-8.1.1c]") {
  const Bytes bodies[] = {data(1, "123456"),
                          data(1, "1234", kEnd),
                          data(1, "", kEnd),
                          headers(1, {{"a", "b"}}, kEnd),
                          data(1, "12") + data(1, "34") + headers(1, {}, kEnd),
                          data(1, "123") + data(1, "456", kEnd)};
  const OwnedFields length{{"content-length", "5"}};
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const auto body_answer = [&](const Bytes& body) {
      Harness harness(role);
      if (role == Role::client) {
        REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
        harness.sent();
      }
      harness.feed(headers(1, head_of(role, length)) + body);
      const auto pieces = harness.all(Kind::data);
      const bool whole = (!pieces.empty() && pieces.back().end == EndStream::yes) || harness.last(Kind::trailers);
      const std::string found = answer(harness);
      CHECK(whole == (found == "goes on"));
      return found;
    };
    for (const Bytes& body : bodies) CHECK(body_answer(body) == malformed);
    CHECK(body_answer(data(1, "12345", kEnd)) == "goes on");
    CHECK(body_answer(data(1, "12") + data(1, "345") + headers(1, {}, kEnd)) == "goes on");
    CHECK(head_answer(role, head_of(role, length), kEnd) == malformed);
  }
}

TEST_CASE(
    "a request lacks no pseudo-field, and each has a value that it may have [9113-8.3.1n] [9113-8.3.1k] "
    "[9113-8.3.1j]") {
  const auto with = [](std::string_view name, const char* value) {
    OwnedFields fields = get();
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      if (field->name != name) continue;
      if (value == nullptr) fields.erase(field);
      else field->value = value;
      break;
    }
    return head_answer(Role::server, fields, kEnd);
  };
  for (const char* name : {":method", ":scheme", ":path"}) {
    CHECK(with(name, nullptr) == malformed);
    CHECK(with(name, "") == malformed);
    CHECK(with(name, "a b") == malformed);
  }
  CHECK(with(":authority", "me@example.com") == malformed);
  CHECK(with(":authority", nullptr) == "goes on");
  CHECK(with(":path", "*") == malformed);
}

TEST_CASE("every response has a :status [9113-8.3.2a]") {
  CHECK(head_answer(Role::client, {{"server", "x"}}) == malformed);
  CHECK(head_answer(Role::client, {}) == malformed);
  CHECK(head_answer(Role::client, status("103")) == "goes on");

  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.send_informational(one, 100, {}); }));
  REQUIRE(server.call([](Connection& c) { return c.send_informational(one, 103, {}); }));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 204, {}, EndStream::yes); }));
  CHECK(server.blocks(1) == std::vector<OwnedFields>{{{":status", "100"}}, {{":status", "103"}}, {{":status", "204"}}});
}

TEST_CASE(
    "host says what :authority says, or the request is malformed; alone it is no :authority [9113-8.3.1a] "
    "[9113-8.3.1e]") {
  CHECK(head_answer(Role::server, get({{"host", "example.org"}}), kEnd) == malformed);
  CHECK(head_answer(Role::server, get({{"host", "example.com:8443"}}), kEnd) == malformed);
  Harness server(Role::server);
  server.feed(headers(1, get({{"host", "EXAMPLE.com:443"}}), kEnd));
  REQUIRE(server.last(Kind::request, 1));
  CHECK(server.last(Kind::request, 1)->authority == "example.com");
  OwnedFields alone = get({{"host", "example.org"}});
  alone.erase(alone.begin() + 2);
  REQUIRE(alone[2].name == ":path");
  server.feed(headers(3, alone, kEnd));
  REQUIRE(server.last(Kind::request, 3));
  CHECK(server.last(Kind::request, 3)->authority == "");
  CHECK(server.last(Kind::request, 3)->fields == OwnedFields{{"host", "example.org"}});
}

TEST_CASE("RST_STREAM with NO_ERROR does not take a whole response away [9113-8.1e]") {
  Harness client(Role::client);
  const Bytes body(100000);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{9}, EndStream::yes); }));
  client.feed(headers(1, status("413")) + data(1, "too much", kEnd) + rst(1, ErrorCode::no_error));
  CHECK(client.last(Kind::response)->status == 413);
  CHECK(client.last(Kind::data)->data == "too much");
  CHECK(client.last(Kind::data)->end == EndStream::yes);
  CHECK(client.last(Kind::stream_closed)->verdict == Verdict::processed);
}

// ---- what we send

/// A client that may send a request, or a server that may answer one; and what it says to a head with these fields.
Misuse send_head(Role role, const std::vector<Field>& fields) {
  Harness harness(role);
  Misuse found = Misuse::none;
  if (role == Role::client) {
    Request request = kPost;
    request.fields = fields;
    found = error_of(harness.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
  } else {
    harness.feed(headers(1, get(), kEnd));
    found = error_of(harness.call([&](Connection& c) { return c.send_response(one, 200, fields, EndStream::no); }));
  }
  CHECK(harness.sent().empty() == (found != Misuse::none));
  return found;
}

Misuse send_trailers(Role role, const std::vector<Field>& fields) {
  Harness harness = upload_of(role);
  const Misuse found = error_of(harness.call([&](Connection& c) { return c.send_trailers(one, fields); }));
  CHECK(harness.sent().empty() == (found != Misuse::none));
  return found;
}

TEST_CASE(
    "no field goes out that may not come in: upper case, forbidden octets, connection-specific ones [9113-8.2a] "
    "[9113-8.2.1c] [9113-8.2.1d] [9113-8.2.1e] [9113-8.2.1f] [9113-8.2.2a] [9113-8.2.2c]") {
  const Field bad[] = {{"Upper", "v"},      {"a b", "v"},       {"caf\xc3\xa9", "v"}, {"a:b", "v"},
                       {"", "v"},           {"n", {"a\0b", 3}}, {"n", "a\nb"},        {"n", "a\rb"},
                       {"n", " a"},         {"n", "a\t"},       {"connection", "x"},  {"proxy-connection", "x"},
                       {"keep-alive", "x"}, {"upgrade", "h2c"}, {"te", "gzip"},       {"transfer-encoding", "chunked"}};
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const Field& field : bad) {
      CAPTURE(std::string(field.name));
      CHECK(send_head(role, {field}) == Misuse::malformed_fields);
      CHECK(send_head(role, {{"fine", "v"}, field}) == Misuse::malformed_fields);
      CHECK(send_trailers(role, {field}) == Misuse::malformed_fields);
    }
    CHECK(send_head(role, {{"fine", "v"}}) == Misuse::none);
    CHECK(send_trailers(role, {{"fine", "v"}}) == Misuse::none);
    CHECK(send_head(role, {{"te", "trailers"}}) == (role == Role::client ? Misuse::none : Misuse::malformed_fields));
  }
}

TEST_CASE(
    "the pseudo-fields that go out are the message's own, once each and in front; none in trailers [9113-8.1b] "
    "[9113-8.3a] [9113-8.3b] [9113-8.3c] [9113-8.3d] [9113-8.3f] [9113-8.3h]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const char* name : {":method", ":scheme", ":authority", ":path", ":status", ":protocol", ":unknown", ":"}) {
      CHECK(send_head(role, {{name, "x"}}) == Misuse::malformed_fields);
      CHECK(send_head(role, {{"fine", "v"}, {name, "x"}}) == Misuse::malformed_fields);
      CHECK(send_trailers(role, {{name, "x"}}) == Misuse::malformed_fields);
    }
  }
  const Field field{"fine", "v"};
  Request request = kGet;
  request.fields = {&field, 1};
  Harness client(Role::client);
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  CHECK(client.blocks(1)[0] == get({{"fine", "v"}}));
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  REQUIRE(server.call([&](Connection& c) { return c.send_response(one, 200, {&field, 1}, EndStream::yes); }));
  CHECK(server.blocks(1)[0] == status("200", {{"fine", "v"}}));
}

TEST_CASE(
    "a client's request names its authority in :authority, has none where there is none, and no host that differs "
    "[9113-8.3.1b] [9113-8.3.1c] [9113-8.3.1d]") {
  Harness client(Role::client);
  const auto ask = [&](const Request& request) {
    return client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); });
  };
  REQUIRE(ask(kGet));
  CHECK(client.blocks(1)[0] == get());  // no host beside it
  Request file{"GET", "coap", {}, "/x", {}, {}};
  REQUIRE(ask(file));
  CHECK(client.blocks(3)[0] == OwnedFields{{":method", "GET"}, {":scheme", "coap"}, {":path", "/x"}});
  for (const char* host : {"example.org", "example.com:80", "sub.example.com", ""}) {
    const Field field{"host", host};
    Request request = kGet;
    request.fields = {&field, 1};
    CHECK(error_of(ask(request)) == Misuse::malformed_fields);
  }
}

TEST_CASE(
    "a client's request has a method, a scheme and a path: \"/\" where there is none, or * for OPTIONS [9113-8.3.1j] "
    "[9113-8.3.1k] [9113-8.3.1l] [9113-8.3.1m] [9113-8.3.1n]") {
  Harness client(Role::client);
  const auto ask = [&](const Request& request) {
    return error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  };
  for (const char* scheme : {"http", "https"}) {
    CHECK(ask({"GET", scheme, "example.com", {}, {}, {}}) == Misuse::malformed_fields);
    CHECK(ask({"OPTIONS", scheme, "example.com", {}, {}, {}}) == Misuse::malformed_fields);
    CHECK(ask({"GET", scheme, "example.com", "*", {}, {}}) == Misuse::malformed_fields);
    CHECK(ask({"GET", scheme, "me@example.com", "/", {}, {}}) == Misuse::malformed_fields);
    CHECK(ask({{}, scheme, "example.com", "/", {}, {}}) == Misuse::malformed_fields);
  }
  CHECK(ask({"GET", {}, "example.com", "/", {}, {}}) == Misuse::malformed_fields);
  CHECK(client.sent().empty());
  CHECK(ask({"GET", "http", "example.com", "/", {}, {}}) == Misuse::none);
  CHECK(ask({"OPTIONS", "http", "example.com", "*", {}, {}}) == Misuse::none);
}

// ---- 8.5: CONNECT

const Request kConnect{"CONNECT", {}, "example.com:443", {}, {}, {}};
const OwnedFields kConnectFields{{":method", "CONNECT"}, {":authority", "example.com:443"}};

Harness tunnel_of(Role role, std::uint16_t code = 200) {
  Options options = accepting_push();
  Harness harness(role, options);
  if (role == Role::client) {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kConnect, EndStream::no); }));
    harness.feed(headers(1, status(std::to_string(code))));
  } else {
    harness.feed(headers(1, kConnectFields));
    REQUIRE(harness.call([&](Connection& c) { return c.send_response(one, code, {}, EndStream::no); }));
  }
  harness.events();
  harness.sent();
  return harness;
}

TEST_CASE("CONNECT has neither :scheme nor :path [9113-8.5a]") {
  Harness client(Role::client);
  const auto ask = [&](const Request& request) {
    return error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
  };
  CHECK(ask({"CONNECT", "https", "example.com:443", {}, {}, {}}) == Misuse::malformed_fields);
  CHECK(ask({"CONNECT", {}, "example.com:443", "/", {}, {}}) == Misuse::malformed_fields);
  CHECK(ask({"CONNECT", {}, {}, {}, {}, {}}) == Misuse::malformed_fields);
  CHECK(client.sent().empty());
  CHECK(ask(kConnect) == Misuse::none);
  CHECK(client.blocks(1)[0] == kConnectFields);
  CHECK(head_answer(Role::server, kConnectFields) == "goes on");
  OwnedFields more = kConnectFields;
  more.push_back({":path", "/"});
  CHECK(head_answer(Role::server, more) == malformed);
}

TEST_CASE("through a tunnel nothing is sent but DATA, and RST_STREAM and WINDOW_UPDATE [9113-8.5b]") {
  const Field field{"a", "b"};
  const Bytes body = bytes_of("bytes");
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness tunnel = tunnel_of(role);
    CHECK_FALSE(tunnel.call([&](Connection& c) { return c.send_trailers(one, {&field, 1}); }));
    CHECK_FALSE(tunnel.call([](Connection& c) { return c.send_informational(one, 103, {}); }));
    CHECK_FALSE(tunnel.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
    CHECK_FALSE(tunnel.call([](Connection& c) { return c.push(one, kGet); }));
    CHECK(tunnel.sent().empty());
    REQUIRE(tunnel.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::no); }));
    CHECK(tunnel.sent() == data(1, "bytes"));
  }
}

TEST_CASE("any other frame that comes through a tunnel is a stream error [9113-8.5c]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const auto after = [&](const Bytes& bytes) {
      Harness tunnel = tunnel_of(role);
      tunnel.feed(bytes);
      return answer(tunnel);
    };
    CHECK(after(data(1, "bytes") + window_update(1, 5) + wire("000005 02 00 00000001 00000000 0f")) == "goes on");
    CHECK(after(headers(1, {{"a", "b"}}, kEnd)) == malformed);
    CHECK(after(data(1, "bytes") + headers(1, {{"a", "b"}}, kEnd)) == malformed);
    CHECK(after(headers(1, {{"a", "b"}})) == malformed);
    CHECK(after(headers(1, role == Role::client ? status("103") : get())) == malformed);
  }
  Harness client = tunnel_of(Role::client);
  client.feed(push_promise(1, 2, get()));
  CHECK(client.all(Kind::push).empty());
  const auto sent = client.sent_frames();
  CHECK(find(sent, FrameType::rst_stream, 1));
  CHECK(find(sent, FrameType::rst_stream, 2));
  CHECK_FALSE(client.failed());
}

TEST_CASE("a CONNECT that was refused is a message like any other, trailers included") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness refused = tunnel_of(role, 403);
    if (role == Role::client) {
      refused.feed(data(1, "why") + headers(1, {{"a", "b"}}, kEnd));
      CHECK(refused.last(Kind::trailers));
    } else {
      const Field field{"a", "b"};
      REQUIRE(refused.call([&](Connection& c) { return c.send_trailers(one, {&field, 1}); }));
    }
    CHECK_FALSE(refused.last(Kind::stream_reset));
  }
}

// ---- 8.7: what was not processed

TEST_CASE("a stream that the caller has heard of is never called unprocessed [9113-8.7a] [9113-8.7b] [9113-8.7c]") {
  const Bytes faults[] = {headers(1, {{"UPPER", "a"}}, kEnd),
                          data(1, "x", kEnd) + data(1, "y"),
                          window_update(1, 0),
                          headers(1, {{"a", "b"}}),
                          data(0, "x"),
                          frame(FrameType::ping, 0, 0, Bytes(7)),
                          headers(1, {}, kEnd) + headers(1, {}, kEnd)};
  for (const Bytes& fault : faults) {
    Harness server = exchange_of(Role::server);
    server.feed(headers(7, post()) + fault);
    for (const Frame& each : server.history(FrameType::rst_stream)) {
      CHECK(static_cast<ErrorCode>(each.u32()) != ErrorCode::refused_stream);
    }
    for (const Frame& each : server.history(FrameType::goaway)) CHECK(each.u32() >= 7);
    CHECK(server.history(FrameType::rst_stream).size() + server.history(FrameType::goaway).size() == 1);
  }
  for (const Shutdown how : {Shutdown::graceful, Shutdown::immediate}) {
    Harness server = exchange_of(Role::server);
    server.feed(headers(7, post()));
    server.run([&](Connection& c) { c.shutdown(how, 5s); });
    for (const Frame& asked : server.history(FrameType::ping)) {
      server.feed(headers(9, post()) + frame(FrameType::ping, flags::ack, 0, asked.payload));
    }
    server.advance(5s);
    for (const Frame& each : server.history(FrameType::goaway)) {
      CHECK(each.u32() >= server.all(Kind::request).back().stream.value);
    }
    CHECK(server.history(FrameType::rst_stream).empty());
  }
  // What is refused, and what lies above a GOAWAY, the caller has not heard of.
  Options options;
  options.config.settings.max_concurrent_streams = 1;
  Harness full = exchange_of(Role::server, options);
  full.feed(headers(3, get(), kEnd));
  CHECK(answer(full) == "stream 3 REFUSED_STREAM");
  CHECK_FALSE(full.last(Kind::request, 3));
}

}  // namespace
}  // namespace h2::test
