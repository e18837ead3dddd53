// RFC 9113 8, received: every section of exhaustive_sections.cpp as each kind of message that can carry it, and content
// against content-length at every place where they can differ. A malformed message ends its stream, and only that.
#include "exhaustive.h"
#include "exhaustive_sections.h"

namespace h2::test {
namespace {

/// The caller knows the stream and hears why it ended.
void check_told(Harness& harness, std::uint32_t stream, Violation broken) {
  CHECK(outcome(harness, stream) == "stream " + std::string(name(describe(broken).code)));
  CHECK(harness.last(Kind::stream_reset, stream)->violation == broken);
}

OwnedFields regular(const OwnedFields& fields) {
  OwnedFields some;
  for (const OwnedField& field : fields) {
    if (!field.name.starts_with(':')) some.push_back(field);
  }
  return some;
}

void each(const std::vector<Section>& sections, const std::function<void(const Section&)>& check) {
  for (const Section& section : sections) {
    CAPTURE(section.what);
    try {  // each alone, so that one failure does not hide the next
      check(section);
    } catch (const doctest::detail::TestFailureException&) {
    }
  }
}

Harness client_with(const Request& request, EndStream end, bool push = false) {
  Options options;
  options.config.settings.enable_push = push ? 1 : 0;
  Harness client(Role::client, options);
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, end); }));
  client.events();
  client.sent();
  return client;
}

TEST_CASE("RFC 9113 8.3.1: a request is delivered as it came, or it is malformed and the next one is served") {
  each(request_sections(), [](const Section& section) {
    Harness server(Role::server);
    server.feed(headers(1, section.fields));
    if (section.broken == Violation::none) {
      CHECK(outcome(server, 1) == "request");
      CHECK(server.last(Kind::request)->fields == regular(section.fields));
    } else {
      CHECK(outcome(server, 1) == "stream PROTOCOL_ERROR, untold");
    }
    exchange(server, Role::server, 3);
  });
}

TEST_CASE("RFC 8441 4: an extended CONNECT is delivered as it came, or it is malformed and the next one is served") {
  each(extended_connect_sections(), [](const Section& section) {
    Options options;
    options.config.settings.enable_connect_protocol = 1;
    Harness server(Role::server, options);
    server.feed(headers(1, section.fields));
    if (section.broken == Violation::none) {
      CHECK(outcome(server, 1) == "request");
      CHECK(server.last(Kind::request)->fields == regular(section.fields));
    } else {
      CHECK(outcome(server, 1) == "stream PROTOCOL_ERROR, untold");
    }
    exchange(server, Role::server, 3);
  });
}

TEST_CASE("RFC 9113 8.3.2: a response is delivered as it came, or it is malformed and the next one is heard") {
  each(response_sections(), [](const Section& section) {
    Harness client = client_with(kGet, EndStream::yes);
    client.feed(headers(1, section.fields));
    if (section.broken == Violation::none) {
      CHECK(outcome(client, 1) == "response");
      CHECK(client.last(Kind::response)->fields == regular(section.fields));
    } else {
      check_told(client, 1, section.broken);
    }
    exchange(client, Role::client, 3);
  });
}

TEST_CASE("RFC 9113 8.1: an interim response is delivered as it came, or it is malformed, also with END_STREAM") {
  each(interim_sections(), [](const Section& section) {
    Harness client = client_with(kGet, EndStream::yes);
    client.feed(headers(1, section.fields));
    if (section.broken == Violation::none) {
      CHECK(outcome(client, 1) == "informational");
      CHECK(client.last(Kind::informational)->fields == regular(section.fields));
    } else {
      check_told(client, 1, section.broken);
    }
    exchange(client, Role::client, 3);

    Harness ended = client_with(kGet, EndStream::yes);
    ended.feed(headers(1, section.fields, kEnd));
    const bool good = section.broken == Violation::none;
    check_told(ended, 1, good ? Violation::interim_response_invalid : section.broken);
    exchange(ended, Role::client, 3);
  });
}

TEST_CASE("RFC 9113 8.1: trailers are delivered as they came, or the message is malformed, also without END_STREAM") {
  each(trailer_sections(), [](const Section& section) {
    for (const Role role : {Role::server, Role::client}) {
      for (const std::uint8_t end : {kEnd, std::uint8_t{0}}) {
        Harness harness = role == Role::server ? Harness(role) : client_with(kPost, EndStream::no);
        harness.feed(headers(1, role == Role::server ? post() : status("200")) + data(1, "x"));
        harness.events();
        harness.feed(headers(1, section.fields, end));
        if (end == 0) {
          check_told(harness, 1, Violation::trailers_without_end);
        } else if (section.broken != Violation::none) {
          check_told(harness, 1, section.broken);
        } else {
          CHECK(outcome(harness, 1) == "trailers");
          CHECK(harness.last(Kind::trailers)->fields == section.fields);
        }
        exchange(harness, role, 3);
      }
    }
  });
}

TEST_CASE("RFC 9113 8.4.1: a promise is a whole, safe request without content, or its stream is reset") {
  each(request_sections(), [](const Section& section) {
    Harness client = client_with(kGet, EndStream::yes, true);
    client.feed(push_promise(1, 2, section.fields));
    bool authority = false, safe = true;
    for (const OwnedField& field : section.fields) {
      if (field.name == ":authority") authority = true;
      if (field.name == ":method" && field.value != "GET") safe = false;  // of ours only GET is safe and cacheable
    }
    const bool good = section.broken == Violation::none && authority && safe;
    CHECK(outcome(client, 2) == (good ? "push" : "stream PROTOCOL_ERROR, untold"));
    client.feed(headers(1, status("200"), kEnd));
    CHECK(outcome(client, 1) == "response end, closed");
    exchange(client, Role::client, 3);
  });
}

TEST_CASE("RFC 9113 8.4: a promise is of GET or HEAD, and of no content") {
  const auto promised = [](std::string_view method, const OwnedFields& more) {
    Harness client = client_with(kGet, EndStream::yes, true);
    OwnedFields fields = get(more);
    fields[0].value = method;
    client.feed(push_promise(1, 2, fields));
    const std::string came = outcome(client, 2);
    exchange(client, Role::client, 3);
    return came;
  };
  CHECK(promised("GET", {}) == "push");
  CHECK(promised("HEAD", {}) == "push");
  CHECK(promised("GET", {{"content-length", "0"}}) == "push");
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "QUERYX"}) {
    CAPTURE(method);
    CHECK(promised(method, {}) == "stream PROTOCOL_ERROR, untold");
  }
  CHECK(promised("GET", {{"content-length", "1"}}) == "stream PROTOCOL_ERROR, untold");
}

// ---- content-length against content

struct Content {
  const char* what;
  const char* length;
  Bytes before, last;  // frames on stream 1, the second the one that matters
  const char* came;    // of that one; nullptr if content and content-length differ there
};

std::vector<Content> contents() {
  const auto bytes = [](std::string_view text, std::uint8_t flags = 0) { return data(1, text, flags); };
  const Bytes trailers = headers(1, {{"a", "b"}}, kEnd), nothing{};
  const auto padded = [](std::string_view text, std::uint8_t flags = 0) {
    return frame(FrameType::data, static_cast<std::uint8_t>(flags::padded | flags), 1,
                 wire("04") + bytes_of(text) + wire("00000000"));
  };
  return {
      {"as long, at once", "5", nothing, bytes("12345", kEnd), "data end"},
      {"as long, in two", "5", bytes("123"), bytes("45", kEnd), "data end"},
      {"as long, then END_STREAM alone", "5", bytes("12345"), bytes("", kEnd), "data end"},
      {"as long, then trailers", "5", bytes("12345"), trailers, "trailers"},
      {"as long, padded", "5", nothing, padded("12345", kEnd), "data end"},
      {"an empty DATA between", "5", bytes("12345") + bytes(""), bytes("", kEnd), "data end"},
      {"none", "0", nothing, bytes("", kEnd), "data end"},
      {"none, padding only", "0", nothing, padded("", kEnd), "data end"},
      {"none, then trailers", "0", nothing, trailers, "trailers"},
      {"so far", "5", bytes("1"), bytes("23"), "data"},
      {"too long at once", "5", nothing, bytes("123456"), nullptr},
      {"too long at once, with END_STREAM", "5", nothing, bytes("123456", kEnd), nullptr},
      {"too long by the second", "5", bytes("123"), bytes("456"), nullptr},
      {"too long behind the last", "5", bytes("12345"), bytes("6"), nullptr},
      {"too long and padded", "5", nothing, padded("123456"), nullptr},
      {"some where none should be", "0", nothing, bytes("1"), nullptr},
      {"too short at once", "5", nothing, bytes("1234", kEnd), nullptr},
      {"too short in two", "5", bytes("12"), bytes("34", kEnd), nullptr},
      {"too short, then END_STREAM alone", "5", bytes("1234"), bytes("", kEnd), nullptr},
      {"too short, then trailers", "5", bytes("1234"), trailers, nullptr},
      {"nothing, then trailers", "5", nothing, trailers, nullptr},
      {"nothing, then END_STREAM alone", "5", nothing, bytes("", kEnd), nullptr},
      {"padding does not count", "5", nothing, padded("1", kEnd), nullptr},
  };
}

TEST_CASE("RFC 9113 8.1.1: the content of a message is as long as its content-length, at every place") {
  for (const Content& content : contents()) {
    CAPTURE(content.what);
    const OwnedFields length{{"content-length", content.length}};
    for (const Role role : {Role::server, Role::client}) {
      Harness harness = role == Role::server ? Harness(role) : client_with(kPost, EndStream::no);
      harness.feed(headers(1, role == Role::server ? post(length) : status("200", length)) + content.before);
      harness.events();
      harness.feed(content.last);
      if (content.came != nullptr) CHECK(outcome(harness, 1) == std::string(content.came));
      else check_told(harness, 1, Violation::content_length_mismatch);
      check_connection_window(harness);
      exchange(harness, role, 3);
    }
  }
}

TEST_CASE("RFC 9113 8.1.1: HEADERS with END_STREAM and a content-length above 0 is malformed") {
  for (const bool none : {true, false}) {
    const OwnedFields length{{"content-length", none ? "0" : "5"}};
    Harness server(Role::server);
    server.feed(headers(1, post(length), kEnd));
    CHECK(outcome(server, 1) == (none ? "request end" : "stream PROTOCOL_ERROR, untold"));
    exchange(server, Role::server, 3);
    Harness client = client_with(kGet, EndStream::yes);
    client.feed(headers(1, status("200", length), kEnd));
    if (none) CHECK(outcome(client, 1) == "response end, closed");
    else check_told(client, 1, Violation::content_length_mismatch);
    exchange(client, Role::client, 3);
  }
}

// ---- messages without content

struct Empty {
  const char* what;
  const char* method;
  const char* status;
};
constexpr Empty kEmpty[] = {{"HEAD", "HEAD", "200"},
                            {"HEAD, 404", "HEAD", "404"},
                            {"204", "GET", "204"},
                            {"304", "GET", "304"},
                            {"204 to HEAD", "HEAD", "204"}};

TEST_CASE("RFC 9113 8.1.1: a response that cannot have content has none, whatever its content-length says") {
  for (const Empty& row : kEmpty) {
    CAPTURE(row.what);
    Request request = kGet;
    request.method = row.method;
    const std::string code = row.status;
    const OwnedFields length = code == "204" ? OwnedFields{} : OwnedFields{{"content-length", "5"}};
    const auto after_head = [&](const Bytes& bytes) {
      Harness client = client_with(request, EndStream::yes);
      client.feed(headers(1, status(code, length)));
      REQUIRE(outcome(client, 1) == "response");
      client.feed(bytes);
      const std::string came = outcome(client, 1);
      const auto reset = client.last(Kind::stream_reset, 1);
      if (reset) CHECK(reset->violation == Violation::content_forbidden);
      exchange(client, Role::client, 3);
      return came;
    };
    CHECK(after_head(data(1, "", kEnd)) == "data end, closed");
    CHECK(after_head(data(1, "") + data(1, "", kEnd)) == "data end, closed");
    CHECK(after_head(frame(FrameType::data, flags::padded | kEnd, 1, wire("01 00"))) == "data end, closed");
    CHECK(after_head(headers(1, {{"a", "b"}}, kEnd)) == "trailers, closed");
    CHECK(after_head(data(1, "x")) == "stream PROTOCOL_ERROR");
    CHECK(after_head(data(1, "12345", kEnd)) == "stream PROTOCOL_ERROR");
    Harness at_once = client_with(request, EndStream::yes);
    at_once.feed(headers(1, status(code, length), kEnd));
    CHECK(outcome(at_once, 1) == "response end, closed");
  }
}

// ---- 8.5: tunnels

const Request kConnect{"CONNECT", {}, "example.com:443", {}, {}, {}};
OwnedFields connect_head() { return {{":method", "CONNECT"}, {":authority", "example.com:443"}}; }

TEST_CASE("RFC 9113 8.5: on a connected stream DATA is of any length and nothing else but stream management may come") {
  const auto on_client = [](const OwnedFields& head, const Bytes& bytes) {
    Harness client = client_with(kConnect, EndStream::no);
    client.feed(headers(1, head));
    REQUIRE(outcome(client, 1) == "response");
    client.feed(bytes);
    const std::string came = outcome(client, 1);
    exchange(client, Role::client, 3);
    return came;
  };
  // RFC 9110 9.3.6: a client ignores a content-length in a 2xx response to CONNECT.
  const OwnedFields connected = status("200", {{"content-length", "1"}});
  CHECK(on_client(connected, data(1, "any length")) == "data");
  CHECK(on_client(connected, data(1, "any length", kEnd)) == "data end");
  CHECK(on_client(connected, data(1, "", kEnd)) == "data end");
  CHECK(on_client(connected, headers(1, {{"a", "b"}}, kEnd)) == "stream PROTOCOL_ERROR");
  CHECK(on_client(connected, headers(1, {{"a", "b"}})) == "stream PROTOCOL_ERROR");
  CHECK(on_client(connected, headers(1, status("103"))) == "stream PROTOCOL_ERROR");
  CHECK(on_client(connected, rst(1, ErrorCode::connect_error)) == "reset CONNECT_ERROR, closed");
  // RFC 9110 9.3.6: any 2xx opens the tunnel, also one that elsewhere means no content.
  CHECK(on_client(status("204"), data(1, "any length")) == "data");
  // One that was refused is a response like any other.
  const OwnedFields refused = status("403", {{"content-length", "1"}});
  CHECK(on_client(refused, data(1, "two")) == "stream PROTOCOL_ERROR");
  CHECK(on_client(refused, data(1, "1") + headers(1, {{"a", "b"}}, kEnd)) == "data, trailers");

  const auto on_server = [](std::uint16_t code, const Bytes& bytes) {
    Harness server(Role::server);
    server.feed(headers(1, connect_head()));
    REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{1}, code, {}, EndStream::no); }));
    server.events();
    server.sent();
    server.feed(bytes);
    const std::string came = outcome(server, 1);
    exchange(server, Role::server, 3);
    return came;
  };
  CHECK(on_server(200, data(1, "any length", kEnd)) == "data end");
  CHECK(on_server(200, headers(1, {{"a", "b"}}, kEnd)) == "stream PROTOCOL_ERROR");
  CHECK(on_server(200, headers(1, {{"a", "b"}})) == "stream PROTOCOL_ERROR");
  CHECK(on_server(200, window_update(1, 1)) == "ignored");
  CHECK(on_server(403, headers(1, {{"a", "b"}}, kEnd)) == "trailers");
}

TEST_CASE("RFC 9113 8.4.2: the response to a promise of HEAD has no content") {
  Harness client = client_with(kGet, EndStream::yes, true);
  OwnedFields head = get();
  head[0].value = "HEAD";
  client.feed(push_promise(1, 2, head) + headers(2, status("200", {{"content-length", "5"}})));
  CHECK(outcome(client, 2) == "push, response");
  client.feed(data(2, "x"));
  check_told(client, 2, Violation::content_forbidden);
  exchange(client, Role::client, 3);
}

TEST_CASE(
    "RFC 9113 6.6: a promise that crossed our SETTINGS_ENABLE_PUSH 0 is refused, one behind its ACK is an error") {
  Harness client = client_with(kGet, EndStream::yes, true);
  const Setting no_push[] = {{SettingId::enable_push, 0}};
  REQUIRE(client.call([&](Connection& c) { return c.send_settings(no_push); }));
  client.sent();
  client.feed(push_promise(1, 2, get()));
  CHECK(outcome(client, 2) == "stream REFUSED_STREAM, untold");
  client.feed(settings_ack());
  client.events();
  client.feed(push_promise(1, 4, get()));
  CHECK(client.failure() == Violation::push_disabled);
  CHECK(outcome(client, 4) == "connection PROTOCOL_ERROR, last 2");
}

TEST_CASE("RFC 9113 6.6: promised streams are used in any order; the reserved bit of their ids means nothing") {
  Harness client = client_with(kGet, EndStream::yes, true);
  client.feed(push_promise(1, 0x80000002, get()) + push_promise(1, 4, get()));
  CHECK(outcome(client, 2) == "push, push 4");
  client.feed(headers(4, status("200"), kEnd));
  CHECK(outcome(client, 4) == "response end, closed");
  client.feed(headers(2, status("200"), kEnd));
  CHECK(outcome(client, 2) == "response end, closed");
}

TEST_CASE("RFC 9113 5.3.2: a stream that depends on itself, or on one that is not, is one like any other") {
  Harness server(Role::server);
  for (const char* dependency : {"00000001", "80000001", "7fffffff", "00000000"}) {
    server.feed(frame(FrameType::priority, 0, 1, wire(dependency) + wire("ff")));
    CHECK(outcome(server, 1) == "ignored");
  }
  server.feed(frame(FrameType::headers, flags::end_headers | flags::priority, 1, wire("80000001 ff") + block(get())));
  CHECK(outcome(server, 1) == "request");
  server.feed(frame(FrameType::headers, flags::end_headers | flags::priority | kEnd, 1,
                    wire("00000001 00") + block({{"a", "b"}})));
  CHECK(outcome(server, 1) == "trailers");
}

TEST_CASE("RFC 9113 8.5: a promise on a connected stream is an error of that stream, and is refused") {
  Harness client = client_with(kConnect, EndStream::no, true);
  client.feed(headers(1, status("200")));
  client.events();
  client.feed(push_promise(1, 2, get()));
  CHECK_FALSE(client.failed());
  CHECK(client.all(Kind::push).empty());
  const std::vector<Frame> sent = client.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.stream.value == 1);
  CHECK(sent[0].u32() == static_cast<std::uint32_t>(ErrorCode::protocol_error));
  CHECK(sent[1].header.stream.value == 2);
  CHECK(sent[1].u32() == static_cast<std::uint32_t>(ErrorCode::refused_stream));
  exchange(client, Role::client, 3);
}

}  // namespace
}  // namespace h2::test
