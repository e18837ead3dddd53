// RFC 9110 where it binds the framing of messages, in both roles: content and its length, fields that pass unchanged,
// URIs.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

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
Misuse send(Harness& harness, std::string_view content, EndStream end = EndStream::no) {
  return error_of(
      harness.call([&](Connection& c) { return c.send_copy(one, std::as_bytes(std::span(content)), end); }));
}
Harness server_asked(const OwnedFields& request, std::uint8_t flags = kEnd) {
  Harness server(Role::server);
  server.feed(headers(1, request, flags));
  REQUIRE(server.last(Kind::request));
  return server;
}
OwnedFields with_method(std::string_view method) {
  OwnedFields fields = get();
  fields[0].value = method;
  return fields;
}

TEST_CASE("http and https requests have no empty :authority [9110-4.2.1a] [9110-4.2.2a]") {
  for (const char* scheme : {"http", "https"}) {
    Harness client(Role::client);
    REQUIRE(ask(client, {"GET", scheme, {}, "/", {}, {}}, EndStream::yes) == Misuse::none);
    const OwnedFields sent = client.blocks(1)[0];
    for (const OwnedField& field : sent) CHECK(field.name != ":authority");
    CHECK(ask(client, {"GET", scheme, ":80", "/", {}, {}}, EndStream::yes) == Misuse::malformed_fields);
  }
}

TEST_CASE("an empty host in a request for http or https is rejected [9110-4.2.1b] [9110-4.2.2b]") {
  for (const char* scheme : {"http", "https"}) {
    for (const char* authority : {"", ":80"}) {
      Harness server(Role::server);
      OwnedFields fields = get();
      fields[1].value = scheme;
      fields[2].value = authority;
      server.feed(headers(1, fields, kEnd));
      CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
      CHECK_FALSE(server.last(Kind::request));
    }
  }
}

TEST_CASE("userinfo in :authority is neither sent nor accepted [9110-4.2.4a] [9110-4.2.4b]") {
  for (const char* authority : {"me@example.com", "me:secret@example.com", "@example.com"}) {
    CAPTURE(authority);
    Harness client(Role::client);
    CHECK(ask(client, {"GET", "https", authority, "/", {}, {}}) == Misuse::malformed_fields);
    CHECK(client.sent().empty());
    Harness server(Role::server);
    OwnedFields fields = get();
    fields[2].value = authority;
    server.feed(headers(1, fields, kEnd));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
  }
}

TEST_CASE("fields that nobody knows pass unchanged, in their order [9110-5.1a] [9110-5.1b] [9110-5.3a] [9110-5.5c]") {
  const OwnedFields strange{{"x-unheard-of", "1"}, {"!#$%&'*+-.^_`|~0", "token"},    {"x-list", "b"},
                            {"x-list", "a"},       {"x-opaque", "\x80\xff caf\xe9"}, {"x-empty", ""},
                            {"x-list", "b"}};
  std::vector<Field> fields;
  for (const OwnedField& field : strange) fields.push_back({field.name, field.value});
  Request request = kPost;
  request.fields = fields;
  Pair pair;
  REQUIRE(pair.client.connection->send_request(request, EndStream::no));
  REQUIRE(pair.client.connection->send_trailers(one, fields));
  pair.settle();
  REQUIRE(pair.server.connection->send_response(one, 200, fields, EndStream::no));
  REQUIRE(pair.server.connection->send_trailers(one, fields));
  pair.settle();
  CHECK(of_kind(pair.server.events, Kind::request)[0].fields == strange);
  CHECK(of_kind(pair.server.events, Kind::trailers)[0].fields == strange);
  CHECK(of_kind(pair.client.events, Kind::response)[0].fields == strange);
  CHECK(of_kind(pair.client.events, Kind::trailers)[0].fields == strange);
}

TEST_CASE("content-length and host stand once in a message [9110-5.3b]") {
  const Field twice[] = {{"content-length", "1"}, {"content-length", "1"}};
  const Field hosts[] = {{"host", "example.com"}, {"host", "example.com"}};
  for (const std::span<const Field> fields : {std::span(twice), std::span(hosts)}) {
    Harness client(Role::client);
    Request request = kPost;
    request.fields = fields;
    CHECK(ask(client, request) == Misuse::malformed_fields);
    OwnedFields received = post();
    for (const Field& field : fields) received.push_back({std::string(field.name), std::string(field.value)});
    Harness server(Role::server);
    server.feed(headers(1, received));
    CHECK(find(server.sent_frames(), FrameType::rst_stream, 1)->u32() == 1);
  }
  Harness server = server_asked(get());
  CHECK(answer(server, 200, twice) == Misuse::malformed_fields);
}

TEST_CASE("a request is heard of when all of its header section is there [9110-5.3c]") {
  Harness server(Role::server);
  const Bytes whole = block(get({{"a", "b"}}));
  const Bytes first(whole.begin(), whole.end() - 1), last(whole.end() - 1, whole.end());
  server.feed(frame(FrameType::headers, kEnd, 1, first));
  CHECK(server.events().empty());
  server.feed(frame(FrameType::continuation, flags::end_headers, 1, last));
  CHECK(server.last(Kind::request)->fields == OwnedFields{{"a", "b"}});
}

TEST_CASE("trailers are an event of their own, whatever names they repeat [9110-6.5.1b]") {
  Harness server(Role::server);
  server.feed(headers(1, post({{"etag", "early"}})) + data(1, "x") +
              headers(1, {{"etag", "late"}, {"authorization", "Basic eA=="}}, kEnd));
  CHECK(server.all(Kind::request).size() == 1);
  CHECK(server.last(Kind::request)->fields == OwnedFields{{"etag", "early"}});
  REQUIRE(server.last(Kind::trailers));
  CHECK(server.last(Kind::trailers)->fields[0] == OwnedField{"etag", "late"});
}

TEST_CASE("the special forms of a target come with CONNECT and OPTIONS alone [9110-7.1a]") {
  for (const char* method : {"GET", "POST", "HEAD", "TRACE", "PUT"}) {
    CAPTURE(method);
    Harness client(Role::client);
    CHECK(ask(client, {method, "https", "example.com", "*", {}, {}}) == Misuse::malformed_fields);
    CHECK(ask(client, {method, {}, "example.com:443", {}, {}, {}}) == Misuse::malformed_fields);
    CHECK(ask(client, {method, "https", "example.com", "http://example.com/", {}, {}}) == Misuse::malformed_fields);
    CHECK(client.sent().empty());
  }
  Harness client(Role::client);
  CHECK(ask(client, {"OPTIONS", "https", "example.com", "*", {}, {}}) == Misuse::none);
}

TEST_CASE("content-length bounds content to the byte, both ways and in both roles [9110-8.6i]") {
  const Field three{"content-length", "3"};
  Request request = kPost;
  request.fields = {&three, 1};
  const OwnedFields length{{"content-length", "3"}};

  Harness client(Role::client);
  REQUIRE(ask(client, request) == Misuse::none);
  CHECK(send(client, "abcd") == Misuse::content_length_broken);
  CHECK(send(client, "abc", EndStream::yes) == Misuse::none);
  client.feed(headers(1, status("200", length)) + data(1, "ab") + data(1, "cd"));
  CHECK(client.last(Kind::stream_reset)->violation == Violation::content_length_mismatch);
  CHECK(client.last(Kind::data)->data == "ab");

  Harness server = server_asked(post(length), 0);
  REQUIRE(answer(server, 200, {&three, 1}) == Misuse::none);
  CHECK(send(server, "ab", EndStream::yes) == Misuse::content_length_broken);
  CHECK(send(server, "ab") == Misuse::none);
  CHECK(error_of(server.call([](Connection& c) { return c.send_trailers(one, {}); })) == Misuse::content_length_broken);
  CHECK(send(server, "c", EndStream::yes) == Misuse::none);
  server.feed(data(1, "ab", kEnd));
  CHECK(server.last(Kind::stream_reset)->violation == Violation::content_length_mismatch);
}

TEST_CASE("a response to HEAD, a 204 and a 304 have no content, whatever their length says [9110-9.3.2a]") {
  const Field length{"content-length", "1000"};
  const auto refuses = [&](std::string_view method, std::uint16_t code, std::span<const Field> fields) {
    Harness server = server_asked(with_method(method));
    REQUIRE(answer(server, code, fields) == Misuse::none);
    server.sent();
    CHECK(send(server, "x") == Misuse::content_length_broken);
    CHECK(send(server, "x", EndStream::yes) == Misuse::content_length_broken);
    CHECK(server.sent().empty());
    CHECK(send(server, "", EndStream::yes) == Misuse::none);
    CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);

    Harness client(Role::client);
    Request request = kGet;
    request.method = method;
    REQUIRE(ask(client, request, EndStream::yes) == Misuse::none);
    OwnedFields received;
    for (const Field& field : fields) received.push_back({std::string(field.name), std::string(field.value)});
    client.feed(headers(1, status(std::to_string(code), received)) + data(1, "x"));
    CHECK(client.last(Kind::stream_reset)->violation == Violation::content_forbidden);
    CHECK_FALSE(client.last(Kind::data));
  };
  refuses("HEAD", 200, {&length, 1});
  refuses("HEAD", 404, {});
  refuses("GET", 204, {});
  refuses("GET", 304, {&length, 1});
}

TEST_CASE("TRACE has no content [9110-9.3.8d]") {
  const Field three{"content-length", "3"};
  Request request = kGet;
  request.method = "TRACE";
  Harness client(Role::client);
  request.fields = {&three, 1};
  CHECK(ask(client, request) == Misuse::content_length_broken);
  request.fields = {};
  REQUIRE(ask(client, request) == Misuse::none);
  client.sent();
  CHECK(send(client, "abc", EndStream::yes) == Misuse::content_length_broken);
  CHECK(client.sent().empty());
  CHECK(send(client, "", EndStream::yes) == Misuse::none);
}

TEST_CASE("a 205 has no content [9110-15.3.6a]") {
  const Field three{"content-length", "3"}, none{"content-length", "0"};
  Harness server = server_asked(get());
  CHECK(answer(server, 205, {&three, 1}) == Misuse::content_length_broken);
  REQUIRE(answer(server, 205, {&none, 1}) == Misuse::none);
  server.sent();
  CHECK(send(server, "abc") == Misuse::content_length_broken);
  CHECK(server.sent().empty());
  CHECK(send(server, "", EndStream::yes) == Misuse::none);
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

}  // namespace
}  // namespace h2::test
