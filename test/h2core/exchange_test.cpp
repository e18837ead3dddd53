// Messages end to end: requests, responses, content, trailers, 1xx, HEAD, CONNECT and push, as callers see them.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, two{2};

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}

TEST_CASE("RFC 9113 8.1: a request and its response, with content and trailers both ways") {
  Pair pair;
  int client_mark = 0;
  const Field request_fields[] = {{"content-type", "text/plain"}, {"authorization", "Basic c2VjcmV0"}};
  Request request = kPost;
  request.fields = request_fields;
  const Field trailer[] = {{"checksum", "42"}};
  const Bytes body = bytes_of("how do you do");
  Connection& client = *pair.client.connection;
  const auto stream = client.send_request(request, EndStream::no, &client_mark);
  REQUIRE(stream);
  CHECK(*stream == one);
  REQUIRE(client.send_data(one, body, Token{5}, EndStream::no));
  REQUIRE(client.send_trailers(one, trailer));
  pair.settle();

  const auto requests = of_kind(pair.server.events, Kind::request);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].text ==
        "request 1 POST https example.com / [content-type: text/plain] [authorization: Basic c2VjcmV0 never]");
  CHECK(of_kind(pair.server.events, Kind::data)[0].data == "how do you do");
  CHECK(of_kind(pair.server.events, Kind::trailers)[0].fields == OwnedFields{{"checksum", "42"}});

  Connection& server = *pair.server.connection;
  REQUIRE(server.send_response(one, 200, request_fields, EndStream::no));
  REQUIRE(server.send_data(one, body, Token{6}, EndStream::no));
  REQUIRE(server.send_trailers(one, trailer));
  pair.settle();
  const auto responses = of_kind(pair.client.events, Kind::response);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].status == 200);
  CHECK(responses[0].user == &client_mark);
  CHECK(of_kind(pair.client.events, Kind::data)[0].data == "how do you do");
  CHECK(of_kind(pair.client.events, Kind::trailers).size() == 1);
  const auto closed = of_kind(pair.client.events, Kind::stream_closed);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].verdict == Verdict::processed);
  CHECK(closed[0].code == ErrorCode::no_error);
  CHECK(pair.client.events.back().kind == Kind::stream_closed);
  CHECK(of_kind(pair.server.events, Kind::stream_closed).size() == 1);
}

TEST_CASE("RFC 9113 8.1: END_STREAM comes with the last DATA, with HEADERS, or with an empty DATA") {
  Harness client(Role::client);
  const Bytes body = bytes_of("abc");
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
  CHECK(client.history().back() == frames(wire("000003 00 01 00000001 'abc'"))[0]);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  CHECK(client.history().back().header.has(flags::end_stream));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(StreamId{5}, body, Token{2}, EndStream::no); }));
  REQUIRE(client.call([](Connection& c) { return c.send_data(StreamId{5}, {}, Token{3}, EndStream::yes); }));
  CHECK(client.history().back() == frames(wire("000000 00 01 00000005"))[0]);
  CHECK(client.all(Kind::data_sent).size() == 3);
}

TEST_CASE("RFC 9113 8.1: interim responses come before the final one, and are told apart from it [9110-15.2b]") {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(headers(1, status("100")) + headers(1, status("103", {{"link", "</a>"}})) + headers(1, status("200")) +
              data(1, "x", kEnd));
  CHECK(text_of(client.events()) ==
        "informational 1 100\n"
        "informational 1 103 [link: </a>]\n"
        "response 1 200\n"
        "data 1 \"x\" end\n"
        "closed 1 processed\n");

  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.events();
  const auto inform = [&](std::uint16_t code) {
    return error_of(server.call([&](Connection& c) { return c.send_informational(one, code, {}); }));
  };
  CHECK(inform(103) == Misuse::none);
  CHECK(inform(101) != Misuse::none);
  CHECK(inform(200) != Misuse::none);
  CHECK(inform(99) != Misuse::none);
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  CHECK(inform(103) == Misuse::wrong_state);
  CHECK(server.blocks(1) == std::vector<OwnedFields>{{{":status", "103"}}, {{":status", "200"}}});
}

TEST_CASE("a server's final response is no 1xx, and there is one") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  for (const int code : {0, 99, 100, 103, 1000}) {
    CAPTURE(code);
    CHECK_FALSE(server.call(
        [&](Connection& c) { return c.send_response(one, static_cast<std::uint16_t>(code), {}, EndStream::no); }));
  }
  CHECK(server.sent().empty());
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  CHECK(error_of(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); })) ==
        Misuse::wrong_state);
}

TEST_CASE("RFC 9113 8.1: content before the response head is the caller's mistake") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  CHECK(error_of(server.call([](Connection& c) { return c.send_data(one, {}, Token{1}, EndStream::yes); })) ==
        Misuse::wrong_state);
  CHECK(error_of(server.call([](Connection& c) { return c.send_trailers(one, {}); })) == Misuse::wrong_state);
  CHECK(server.sent().empty());
  CHECK(server.all(Kind::data_sent).empty());
}

TEST_CASE("RFC 9113 8.1: an empty trailer section is one") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + data(1, "x") + headers(1, {}, kEnd));
  REQUIRE(server.last(Kind::trailers));
  CHECK(server.last(Kind::trailers)->fields.empty());
}

TEST_CASE("RFC 9113 8.1: trailers wait for all content, and for its window") {
  Options options;
  options.peer_settings = {{SettingId::initial_window_size, 4}};
  Harness client(Role::client, options);
  const Bytes body = bytes_of("123456");
  const Field trailer[] = {{"a", "b"}};
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::no); }));
  {
    std::string name = "a", value = "b";  // gone after the call: trailers behind content are copied
    const Field field[] = {{name, value}};
    REQUIRE(client.call([&](Connection& c) { return c.send_trailers(one, field); }));
    name = value = "zzzzzzzzzzz";
  }
  CHECK(error_of(client.call([&](Connection& c) { return c.send_trailers(one, trailer); })) == Misuse::already_ended);
  CHECK(error_of(client.call([&](Connection& c) { return c.send_data(one, body, Token{2}, EndStream::no); })) ==
        Misuse::already_ended);
  CHECK(client.history(FrameType::headers).size() == 1);
  client.feed(window_update(1, 2));
  CHECK(client.history(FrameType::headers).size() == 2);
  CHECK(client.blocks(1).back() == OwnedFields{{"a", "b"}});
  CHECK(client.history().back().header.has(flags::end_stream));
}

TEST_CASE("RFC 9113 8.1: a response may be complete before its request is read [9113-8.1e] [9110-10.1.1g]") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 413, {}, EndStream::yes); }));
  REQUIRE(server.call([](Connection& c) { return c.reset(one, ErrorCode::no_error); }));
  const auto sent = server.sent_frames();
  REQUIRE(sent.size() >= 2);
  CHECK(sent[0].header.has(flags::end_stream));
  CHECK(find(sent, FrameType::rst_stream, 1)->u32() == 0);

  Harness client(Role::client);
  const Bytes body(100000);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{9}, EndStream::yes); }));
  client.events();
  client.feed(headers(1, status("413"), kEnd) + rst(1, ErrorCode::no_error));
  CHECK(client.last(Kind::response)->status == 413);
  CHECK(client.last(Kind::data_sent)->outcome == DataOutcome::dropped);
  const Seen closed = *client.last(Kind::stream_closed);
  CHECK(closed.verdict == Verdict::processed);
}

TEST_CASE("RFC 9110 9.3.2: a response to HEAD has a content-length and no content [9110-9.1a]") {
  Request head = kGet;
  head.method = "HEAD";
  Harness client(Role::client);
  REQUIRE(client.call([&](Connection& c) { return c.send_request(head, EndStream::yes); }));
  client.feed(headers(1, status("200", {{"content-length", "1000"}}), kEnd));
  CHECK(client.last(Kind::stream_closed)->code == ErrorCode::no_error);

  Harness server(Role::server);
  OwnedFields fields = get();
  fields[0].value = "HEAD";
  server.feed(headers(1, fields, kEnd));
  const Field length[] = {{"content-length", "1000"}};
  REQUIRE(server.call([&](Connection& c) { return c.send_response(one, 200, length, EndStream::yes); }));
  CHECK(server.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("RFC 9113 8.1.1: an empty DATA may end what cannot have content") {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(headers(1, status("204")) + data(1, "", kEnd));
  CHECK(client.last(Kind::stream_closed)->code == ErrorCode::no_error);
}

TEST_CASE("RFC 9113 8.1.1: what we send is as long as its content-length says [9113-8.1.1a]") {
  Harness client(Role::client);
  const Field length[] = {{"content-length", "3"}};
  Request request = kPost;
  request.fields = length;
  const Bytes body = bytes_of("abcd");
  CHECK(error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); })) ==
        Misuse::content_length_broken);
  CHECK(client.sent().empty());
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
  const auto send = [&](std::size_t bytes, EndStream end) {
    return error_of(
        client.call([&](Connection& c) { return c.send_data(one, ByteView(body).first(bytes), Token{}, end); }));
  };
  CHECK(send(4, EndStream::no) == Misuse::content_length_broken);
  CHECK(send(2, EndStream::yes) == Misuse::content_length_broken);
  CHECK(send(2, EndStream::no) == Misuse::none);
  CHECK(send(2, EndStream::yes) == Misuse::content_length_broken);
  CHECK(error_of(client.call([&](Connection& c) { return c.send_trailers(one, {}); })) ==
        Misuse::content_length_broken);
  CHECK(send(1, EndStream::yes) == Misuse::none);
  CHECK(client.all(Kind::data_sent).size() == 2);
}

TEST_CASE("RFC 9113 8.2 and 8.3: what we refuse to receive we refuse to send") {
  Harness client(Role::client);
  const auto request_with = [&](const Field& field) {
    Request request = kGet;
    request.fields = {&field, 1};
    return error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  };
  CHECK(request_with({"X-Up", "a"}) == Misuse::malformed_fields);
  CHECK(request_with({":path", "/"}) == Misuse::malformed_fields);
  CHECK(request_with({"", "a"}) == Misuse::malformed_fields);
  CHECK(request_with({"a", "b\r\n"}) == Misuse::malformed_fields);
  CHECK(request_with({"a", " b"}) == Misuse::malformed_fields);
  CHECK(request_with({"connection", "close"}) == Misuse::malformed_fields);
  CHECK(request_with({"te", "gzip"}) == Misuse::malformed_fields);
  CHECK(request_with({"host", "example.org"}) == Misuse::malformed_fields);
  CHECK(request_with({"content-length", "x"}) == Misuse::malformed_fields);
  Request request = kGet;
  request.path = {};
  CHECK(error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); })) ==
        Misuse::malformed_fields);
  request = kGet;
  request.method = "G ET";
  CHECK(error_of(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); })) ==
        Misuse::malformed_fields);
  CHECK(client.sent().empty());
  CHECK(text_of(client.events()) == "");
  CHECK(request_with({"te", "trailers"}) == Misuse::none);

  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  const Field te{"te", "trailers"};
  CHECK(error_of(server.call([&](Connection& c) {
          return c.send_response(one, 200, {&te, 1}, EndStream::no);
        })) == Misuse::malformed_fields);
  CHECK(server.sent().empty());
}

TEST_CASE("a test tool may switch the validation of what it sends off") {
  Options options;
  options.config.validate_outgoing = false;
  Harness client(Role::client, options);
  Request request = kGet;
  const Field bad{"X-Up", "b"};
  request.fields = {&bad, 1};
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  CHECK(client.blocks(1)[0].back() == OwnedField{"X-Up", "b"});
}

TEST_CASE("RFC 9113 8.5: CONNECT carries bytes after 2xx") {
  Request connect{"CONNECT", {}, "example.com:443", {}, {}, {}};
  Pair pair;
  Connection& client = *pair.client.connection;
  REQUIRE(client.send_request(connect, EndStream::no));
  pair.settle();
  CHECK(of_kind(pair.server.events, Kind::request)[0].method == "CONNECT");
  CHECK(of_kind(pair.server.events, Kind::request)[0].authority == "example.com:443");
  Connection& server = *pair.server.connection;
  REQUIRE(server.send_response(one, 200, {}, EndStream::no));
  const Bytes up = bytes_of("up"), down = bytes_of("down");
  REQUIRE(client.send_data(one, up, Token{1}, EndStream::yes));
  REQUIRE(server.send_data(one, down, Token{2}, EndStream::yes));
  pair.settle();
  CHECK(of_kind(pair.server.events, Kind::data)[0].data == "up");
  CHECK(of_kind(pair.client.events, Kind::data)[0].data == "down");
  CHECK(of_kind(pair.client.events, Kind::stream_closed).size() == 1);
}

TEST_CASE("RFC 8441: extended CONNECT once the server has announced it [9113-5.5e] [9113-5.5f] [8441-5a]") {
  Request websocket{"CONNECT", "https", "example.com", "/chat", {}, "websocket"};
  Config server;
  Pair without({}, server);
  without.settle();
  CHECK(error_of(without.client.connection->send_request(websocket, EndStream::no)) == Misuse::malformed_fields);
  server.settings.enable_connect_protocol = 1;
  Pair pair({}, server);
  pair.settle();
  REQUIRE(pair.client.connection->send_request(websocket, EndStream::no));
  pair.settle();
  CHECK(of_kind(pair.server.events, Kind::request)[0].protocol == "websocket");
  CHECK(of_kind(pair.server.events, Kind::request)[0].path == "/chat");
}

TEST_CASE(
    "RFC 7541 7.1.3: a never-indexed field is still one after receipt and sending on [7541-6.2.3a] [7541-6.2.3c] "
    "[7541-7.1.3a] [7541-7.1.3b]") {
  Harness server(Role::server);
  server.feed(headers(1, get({{"x-token", "t", Indexing::never}}), kEnd));
  CHECK(server.last(Kind::request)->fields[0].indexing == Indexing::never);

  Harness client(Role::client);
  server.on_event = [&](Connection&, const Event& event) {
    const auto* received = std::get_if<RequestReceived>(&event);
    if (received == nullptr || client.connection().open_streams() > 0) return;
    Request again = kGet;
    again.fields = received->fields;
    REQUIRE(client.call([&](Connection& c) { return c.send_request(again, EndStream::yes); }));
  };
  server.feed(headers(3, get({{"x-token", "t", Indexing::never}, {"x-other", "o"}}), kEnd));
  const OwnedFields sent = client.blocks(1).at(0);
  CHECK(sent[4] == OwnedField{"x-token", "t", Indexing::never});
  CHECK(sent[5].indexing != Indexing::never);
}

TEST_CASE(
    "RFC 9113 4.3: a field section larger than a frame goes out in CONTINUATION frames, nothing between [9113-4.3a] "
    "[9113-6.2b] [9113-6.10a]") {
  Harness client(Role::client);
  const std::string large(60000, 'z');
  const Field field{"x-large", large};
  Request request = kGet;
  request.fields = {&field, 1};
  REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
  const auto sent = client.sent_frames();
  REQUIRE(sent.size() > 1);
  CHECK(sent[0].header.type == FrameType::headers);
  CHECK(sent[0].header.has(flags::end_stream));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(sent[i].header.length <= 16384);
    CHECK(sent[i].header.has(flags::end_headers) == (i + 1 == sent.size()));
    if (i > 0) CHECK(sent[i].header.type == FrameType::continuation);
  }
  CHECK(client.blocks(1)[0].back().value == large);
}

TEST_CASE("RFC 9113 6.10: a field section in many pieces is one event") {
  Harness server(Role::server);
  const Bytes whole = block(get({{"a", std::string(300, 'b')}}));
  Bytes bytes = frame(FrameType::headers, kEnd, 1, {whole.begin(), whole.begin() + 1});
  for (std::size_t at = 1; at < whole.size(); at += 20) {
    const auto end = std::min(at + 20, whole.size());
    bytes = std::move(bytes) +
            frame(FrameType::continuation, end == whole.size() ? flags::end_headers : std::uint8_t{0}, 1,
                  {whole.begin() + static_cast<std::ptrdiff_t>(at), whole.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  server.feed(bytes);
  const auto request = server.last(Kind::request);
  REQUIRE(request);
  CHECK(request->fields[0].value == std::string(300, 'b'));
  CHECK(request->end == EndStream::yes);
}

TEST_CASE("RFC 9113 6.2: padding, priority fields and reserved bits of a request mean nothing") {
  Harness server(Role::server);
  const Bytes fields = block(get());
  server.feed(frame(FrameType::headers, flags::end_headers | flags::padded | flags::priority | kEnd | 0xd2, 1,
                    wire("03 80000001 ff") + fields + wire("000000")));
  REQUIRE(server.last(Kind::request));
  CHECK(server.last(Kind::request)->text == "request 1 GET https example.com / end");
}

TEST_CASE("RFC 9113 5.5: unknown frames are ignored, and seen by those who ask") {
  const Bytes bytes = wire("000003 ee 7f 00000009 'abc'");
  Harness deaf(Role::server);
  deaf.feed(bytes);
  CHECK(text_of(deaf.events()) == "");
  Options options;
  options.config.deliver_unknown_frames = true;
  Harness curious(Role::server, options);
  curious.feed(bytes);
  CHECK(text_of(curious.events()) == "unknown_frame 9 \"abc\"\n");
}

Options accepts_push() {
  Options options;
  options.config.settings.enable_push = 1;
  return options;
}

TEST_CASE("RFC 9113 8.4: a server pushes and answers its own promise") {
  Config accepts;
  accepts.settings.enable_push = 1;
  Pair pair(accepts);
  int mark = 0;
  REQUIRE(pair.client.connection->send_request(kGet, EndStream::yes, &mark));
  pair.settle();
  Connection& server = *pair.server.connection;
  Request pushed = kGet;
  pushed.path = "/style.css";
  const auto promised = server.push(one, pushed, nullptr);
  REQUIRE(promised);
  CHECK(*promised == two);
  REQUIRE(server.send_response(two, 200, {}, EndStream::no));
  const Bytes css = bytes_of("a{}");
  REQUIRE(server.send_data(two, css, Token{1}, EndStream::yes));
  REQUIRE(server.send_response(one, 200, {}, EndStream::yes));
  pair.settle();
  const auto pushes = of_kind(pair.client.events, Kind::push);
  REQUIRE(pushes.size() == 1);
  CHECK(pushes[0].text == "push 2 on 1 GET https example.com /style.css");
  CHECK(pushes[0].user == &mark);
  CHECK(of_kind(pair.client.events, Kind::response).size() == 2);
  CHECK(of_kind(pair.client.events, Kind::stream_closed).size() == 2);
  CHECK(of_kind(pair.server.events, Kind::stream_closed).size() == 2);
}

TEST_CASE("RFC 9113 8.4: a client refuses a push by resetting it") {
  Harness client(Role::client, accepts_push());
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(push_promise(1, 2, get()));
  client.sent();
  REQUIRE(client.call([](Connection& c) { return c.reset(two, ErrorCode::cancel); }));
  CHECK(find(client.sent_frames(), FrameType::rst_stream, 2));
  client.feed(headers(2, status("200")) + data(2, "late", kEnd) + headers(1, status("200"), kEnd));
  CHECK_FALSE(client.failed());
  CHECK(client.last(Kind::stream_closed, 1)->code == ErrorCode::no_error);
  CHECK_FALSE(client.last(Kind::response, 2));
}

TEST_CASE(
    "RFC 9113 8.4: no push without leave, from a client, or on a stream that is not a client's [9113-6.5b] [9113-6.6g] "
    "[9113-8.4.1e]") {
  Pair pair;  // clients refuse pushes unless told otherwise
  REQUIRE(pair.client.connection->send_request(kGet, EndStream::yes));
  pair.settle();
  CHECK(error_of(pair.server.connection->push(one, kGet)) == Misuse::push_disabled);
  CHECK(error_of(pair.client.connection->push(one, kGet)) == Misuse::wrong_role);
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  CHECK(error_of(server.call([](Connection& c) { return c.push(StreamId{3}, kGet); })) == Misuse::unknown_stream);
  CHECK(error_of(server.call([](Connection& c) { return c.push(one, kPost); })) == Misuse::malformed_fields);
  CHECK(server.sent().empty());
}

TEST_CASE("a copied body goes out like a lent one, and says when there is room again") {
  Options options;
  options.config.copy_bound = 10;
  options.peer_settings = {{SettingId::initial_window_size, 4}};
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  Bytes body = bytes_of("0123456789abcdef");
  const auto taken = client.call([&](Connection& c) { return c.send_copy(one, body, EndStream::yes); });
  REQUIRE(taken);
  CHECK(*taken == 10);
  std::fill(body.begin(), body.end(), std::byte{'!'});
  client.feed(window_update(1, 100));
  CHECK(client.all(Kind::stream_writable).size() == 1);
  const auto rest =
      client.call([&](Connection& c) { return c.send_copy(one, ByteView(body).first(3), EndStream::yes); });
  REQUIRE(rest);
  CHECK(*rest == 3);
  Bytes content;
  for (const Frame& each : client.history(FrameType::data)) content = std::move(content) + each.payload;
  CHECK(text_of(content) == "0123456789!!!");
  CHECK(client.history().back().header.has(flags::end_stream));
  CHECK(client.all(Kind::data_sent).empty());
}

TEST_CASE("a copy that was refused and then fits before its caller heard of the room is not told of room") {
  Options options;
  options.config.copy_bound = 10;
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  Connection& connection = client.connection();
  const Bytes body = bytes_of("0123456789abcdef");
  const auto copy = [&](std::size_t bytes) {
    const auto taken = connection.send_copy(one, ByteView(body).first(bytes), EndStream::no);
    return taken ? *taken : ~std::size_t{0};
  };
  const auto events = [&] {
    ByteView none;
    std::size_t count = 0;
    while (const auto event = connection.receive(none)) count += std::holds_alternative<StreamWritable>(*event);
    return count;
  };
  CHECK(copy(16) == 10);
  take_output(connection);
  CHECK(copy(6) == 6);
  CHECK(events() == 0);  // nothing is waited for
  CHECK(copy(16) == 4);
  take_output(connection);
  CHECK(copy(16) == 10);
  CHECK(events() == 0);  // there is no room
  take_output(connection);
  CHECK(events() == 1);
  CHECK(events() == 0);
}

}  // namespace
}  // namespace h2::test
