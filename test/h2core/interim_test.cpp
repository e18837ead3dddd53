// 1xx responses: RFC 8297 (103), RFC 9110 15.2 and 10.1.1 (100).
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

Harness client_that_asked() {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  return client;
}

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}

TEST_CASE("what a 103 said has no effect on the final response [8297-2a]") {
  Harness client = client_that_asked();
  client.feed(headers(1, status("103", {{"link", "</style.css>; rel=preload"},
                                        {"content-type", "text/css"},
                                        {"content-encoding", "gzip"},
                                        {"set-cookie", "a=b"}})) +
              headers(1, status("200", {{"content-type", "text/html"}, {"content-length", "2"}})) +
              data(1, "ok", kEnd));
  CHECK(text_of(client.events()) ==
        "informational 1 103 [link: </style.css>; rel=preload] [content-type: text/css] [content-encoding: gzip]"
        " [set-cookie: a=b]\n"
        "response 1 200 [content-type: text/html] [content-length: 2]\n"
        "data 1 \"ok\" end\n"
        "closed 1 processed\n");
}

TEST_CASE("the fields of a 103 say nothing about the 103 itself [8297-2b]") {
  // Each of these would end, lengthen, refuse or redirect a response that they were said of.
  Harness client = client_that_asked();
  client.feed(headers(
      1,
      status("103", {{"location", "/elsewhere"}, {"retry-after", "120"}, {"trailer", "checksum"}, {"etag", "\"x\""}})));
  const Seen hints = *client.last(Kind::informational);
  CHECK(hints.status == 103);
  CHECK(hints.fields.size() == 4);
  CHECK_FALSE(client.last(Kind::stream_closed));
  CHECK(client.connection().open_streams() == 1);
  client.feed(headers(1, status("204"), kEnd));
  CHECK(client.last(Kind::response)->fields.empty());
  CHECK(client.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("the final response may have what a 103 lacked, and lack what it had [8297-2c]") {
  Harness client = client_that_asked();
  client.feed(headers(1, status("103", {{"link", "</a>"}})) + headers(1, status("103")) +
              headers(1, status("200", {{"etag", "\"x\""}, {"vary", "*"}}), kEnd));
  CHECK(client.all(Kind::informational)[1].fields.empty());
  CHECK(client.last(Kind::response)->fields == OwnedFields{{"etag", "\"x\""}, {"vary", "*"}});
}

TEST_CASE("interim responses come when none was expected, up to the bound that we set [9110-15.2b]") {
  Options options;
  options.config.max_interim_responses = 3;
  for (const int number : {0, 1, 3, 4}) {
    CAPTURE(number);
    Harness client(Role::client, options);
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    client.feed(repeat(headers(1, status("102")), static_cast<std::size_t>(number)) + headers(1, status("204"), kEnd));
    CHECK(client.all(Kind::informational).size() == static_cast<std::size_t>(std::min(number, 3)));
    CHECK(client.last(Kind::response).has_value() == (number <= 3));
    CHECK(client.last(Kind::stream_closed)->code == (number <= 3 ? ErrorCode::no_error : ErrorCode::enhance_your_calm));
  }
}

TEST_CASE("a proxy forwards any 1xx but 101 as it came [9110-15.2c]") {
  Pair upstream, downstream;  // the proxy is the client of the one and the server of the other
  REQUIRE(downstream.client.connection->send_request(kGet, EndStream::yes));
  REQUIRE(upstream.client.connection->send_request(kGet, EndStream::yes));
  upstream.settle();
  downstream.settle();
  upstream.client.on_event = [&](Connection&, const Event& event) {
    Connection& to = *downstream.server.connection;
    if (const auto* hint = std::get_if<InformationalReceived>(&event))
      REQUIRE(to.send_informational(one, hint->status, hint->fields));
    if (const auto* final = std::get_if<ResponseReceived>(&event))
      REQUIRE(to.send_response(one, final->status, final->fields, final->end));
  };
  Connection& origin = *upstream.server.connection;
  const Field link{"link", "</a>"};
  REQUIRE(origin.send_informational(one, 100, {}));
  REQUIRE(origin.send_informational(one, 103, {&link, 1}));
  REQUIRE(origin.send_informational(one, 199, {&link, 1}));
  REQUIRE(origin.send_response(one, 204, {}, EndStream::yes));
  upstream.settle();
  downstream.settle();
  const auto hints = of_kind(downstream.client.events, Kind::informational);
  REQUIRE(hints.size() == 3);
  CHECK(hints[0].status == 100);
  CHECK(hints[1].fields == OwnedFields{{"link", "</a>"}});
  CHECK(hints[2].status == 199);
  CHECK(of_kind(downstream.client.events, Kind::response)[0].status == 204);
}

TEST_CASE("a request is handed over before its content comes, and 100 can be answered at once [9110-10.1.1i]") {
  Harness server(Role::server);
  server.feed(headers(1, post({{"expect", "100-continue"}, {"content-length", "5"}})));
  CHECK(server.last(Kind::request)->fields[0] == OwnedField{"expect", "100-continue"});
  CHECK(server.last(Kind::request)->end == EndStream::no);
  REQUIRE(server.call([](Connection& c) { return c.send_informational(one, 100, {}); }));
  CHECK(server.blocks(1) == std::vector<OwnedFields>{{{":status", "100"}}});
  server.feed(data(1, "hello", kEnd));
  // Also when all of the content is there; only the final response ends it.
  REQUIRE(server.call([](Connection& c) { return c.send_informational(one, 103, {}); }));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("RFC 9110 10.1.1: a client need not wait for 100, and gets the final response all the same") {
  Harness client(Role::client);
  const Field expect{"expect", "100-continue"};
  Request request = kPost;
  request.fields = {&expect, 1};
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
  const Bytes body = bytes_of("hello");
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  CHECK(client.history().back().header.type == FrameType::data);
  client.feed(headers(1, status("200"), kEnd));
  CHECK_FALSE(client.last(Kind::informational));
  CHECK(client.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("no 101 over HTTP/2, sent or received [9110-7.8c]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  CHECK_FALSE(server.call([](Connection& c) { return c.send_informational(one, 101, {}); }));
  CHECK_FALSE(server.call([](Connection& c) { return c.send_response(one, 101, {}, EndStream::no); }));
  CHECK(server.sent().empty());
  Harness client = client_that_asked();
  client.feed(headers(1, status("101")));
  CHECK(client.last(Kind::stream_reset)->violation == Violation::interim_response_invalid);
}

TEST_CASE("a 1xx that does not fit the peer's MAX_HEADER_LIST_SIZE is not sent, and the final response still may be") {
  Options options;
  options.peer_settings = {{SettingId::max_header_list_size, 100}};
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd));
  const std::string large(100, 'x');
  const Field link{"link", large};
  CHECK(error_of(server.call([&](Connection& c) {
          return c.send_informational(one, 103, {&link, 1});
        })) == Misuse::field_section_too_large);
  CHECK(server.sent().empty());
  CHECK(server.call([](Connection& c) { return c.send_response(one, 204, {}, EndStream::yes); }));
}

}  // namespace
}  // namespace h2::test
