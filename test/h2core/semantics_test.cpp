// What users of HTTP need beyond the frames: answers to heads that are too large, cookies in one piece, responses that
// do not wait for the upload, and the end of the stream ids.
#include "harness.h"

namespace h2::test {
namespace {

Config small_list() {
  Config config;
  config.settings.max_header_list_size = 220;
  return config;
}

TEST_CASE(
    "RFC 9113 10.5.1: a request head over the limit is answered by 431, and the connection lives on [9113-10.5.1a] "
    "[9110-5.4a]") {
  Harness server(Role::server, {.config = small_list()});
  server.feed(headers(1, get({{"a", std::string(100, 'b')}}), kEnd));
  CHECK(server.blocks(1) == std::vector<OwnedFields>{{{":status", "431"}}});
  auto sent = server.sent_frames();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.has(flags::end_stream));
  CHECK(server.all(Kind::request).empty());

  server.feed(headers(3, post({{"a", std::string(100, 'b')}})));  // its content is of no use
  sent = server.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.has(flags::end_stream));
  CHECK(sent[1] == frames(rst(3, ErrorCode::no_error))[0]);
  server.feed(data(3, "still under way", kEnd));
  CHECK(server.sent().empty());

  // The table is in step: what the large block added is there.
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 5, block(get()) + wire("40 01 'x' 02 'yz'")));
  CHECK(server.last(Kind::request, 5)->fields == OwnedFields{{"x", "yz"}});
  CHECK(server.connection().counters().streams_refused == 2);
  CHECK_FALSE(server.failed());
}

TEST_CASE("answers by 431 are bounded towards a client that reads none of them") {
  Config config = small_list();
  config.max_queued_output = 1000;
  Harness server(Role::server, {.config = config});
  server.take = false;
  for (std::uint32_t id = 1; id < 400; id += 2) server.feed(headers(id, get({{"a", std::string(100, 'b')}}), kEnd));
  CHECK(server.unread() > 0);
  CHECK(server.connection().window(kConnection)->queued < 1100);
}

TEST_CASE("RFC 9113 8.2.3: cookie crumbs arrive as one field, in the place of the first [9113-8.2.3a]") {
  Harness server(Role::server);
  server.feed(headers(1, get({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}, {"z", ""}}), kEnd));
  CHECK(server.last(Kind::request, 1)->fields == OwnedFields{{"cookie", "a=1; b=2; c=3"}, {"x", "y"}, {"z", ""}});
  server.feed(headers(3, get({{"cookie", "a=1; b=2"}}), kEnd));
  CHECK(server.last(Kind::request, 3)->fields == OwnedFields{{"cookie", "a=1; b=2"}});
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 5,
                    block(get({{"cookie", "a=1"}})) + wire("10 06 'cookie' 03 'b=2'")));
  CHECK(server.last(Kind::request, 5)->fields == OwnedFields{{"cookie", "a=1; b=2", Indexing::never}});

  Config config;
  config.join_cookies = false;
  Harness crumbs(Role::server, {.config = config});
  crumbs.feed(headers(1, get({{"cookie", "a=1"}, {"cookie", "b=2"}}), kEnd));
  CHECK(crumbs.last(Kind::request, 1)->fields == OwnedFields{{"cookie", "a=1"}, {"cookie", "b=2"}});
}

TEST_CASE("RFC 9113 8.2.3: a client's cookie leaves crumb by crumb, where these are long enough") {
  const std::string session = "session=0123456789012345678901", short_ones = "a=b; c=d; theme=dark-and-quiet",
                    more = "e=f";
  const std::string whole_value = session + "; " + short_ones + "; " + more;
  const Field cookie[] = {{"cookie", whole_value}, {"x", "y"}};
  Request request = kGet;
  request.fields = cookie;
  for (const bool split : {true, false}) {
    CAPTURE(split);
    Config config;
    config.split_cookies = split;
    Harness client(Role::client, {.config = config});
    client.run([&](Connection& c) { REQUIRE(c.send_request(request, EndStream::yes)); });
    const OwnedFields sent = client.blocks(1).at(0);
    OwnedFields regular;
    for (const OwnedField& field : sent) {
      if (field.name[0] != ':') regular.push_back({field.name, field.value});
    }
    // What is short stays with its neighbour.
    const OwnedFields crumbs = {{"cookie", session}, {"cookie", short_ones + "; " + more}, {"x", "y"}};
    const OwnedFields whole = {{"cookie", whole_value}, {"x", "y"}};
    CHECK(regular == (split ? crumbs : whole));
  }
}

TEST_CASE("RFC 9113 6.5.2: the peer's MAX_HEADER_LIST_SIZE counts every crumb with its 32 bytes") {
  std::string value = "abcdefghij=0123456789";
  for (int i = 0; i < 9; ++i) value += "; abcdefghij=0123456789";
  const Field cookie[] = {{"cookie", value}};
  Request request = kGet;
  request.fields = cookie;
  // Four pseudo-fields of 32 + name + value, and ten crumbs of 32 + 6 + 21.
  const std::uint32_t exact = (32 + 7 + 3) + (32 + 7 + 5) + (32 + 10 + 11) + (32 + 5 + 1) + 10 * (32 + 6 + 21);
  for (const std::uint32_t limit : {exact, exact - 1}) {
    Config config;
    config.split_cookies = true;
    Harness client(Role::client, {.config = config, .peer_settings = {{SettingId::max_header_list_size, limit}}});
    const auto id = client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); });
    CHECK(id.has_value() == (limit == exact));
    if (!id) CHECK(id.error() == Misuse::field_section_too_large);
  }
}

TEST_CASE("RFC 9113 8.1: a whole response, then RST_STREAM(NO_ERROR) for the rest of the upload [9110-10.1.1g]") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + data(1, "begin"));
  server.events();
  const std::string content(100000, 'r');  // more than the window lets out at once
  server.run([&](Connection& c) {
    c.release(StreamId{1});
    REQUIRE(c.send_response(StreamId{1}, 200, {}, EndStream::no));
    REQUIRE(c.send_data(StreamId{1}, std::as_bytes(std::span(content)), Token{1}, EndStream::yes));
    REQUIRE(c.reset(StreamId{1}, ErrorCode::no_error));
  });
  CHECK(count(server.history(), FrameType::rst_stream) == 0);
  server.feed(window_update(1, 100000) + window_update(0, 100000));
  std::size_t bytes = 0;
  for (const Frame& each : server.history(FrameType::data)) bytes += each.header.length;
  CHECK(bytes == content.size());
  const auto& history = server.history();
  CHECK(history.back() == frames(rst(1, ErrorCode::no_error))[0]);
  CHECK(history[history.size() - 2].header.has(flags::end_stream));
  const auto closed = server.last(Kind::stream_closed, 1);
  REQUIRE(closed);
  CHECK(closed->code == ErrorCode::no_error);
  CHECK(server.last(Kind::data_sent)->outcome == DataOutcome::sent);
  server.feed(data(1, "late", kEnd));
  CHECK_FALSE(server.failed());
}

TEST_CASE("RFC 9113 8.1: a client keeps the response that RST_STREAM(NO_ERROR) follows [9113-8.1e]") {
  Harness client(Role::client);
  client.run([](Connection& c) { REQUIRE(c.send_request(kPost, EndStream::no)); });
  client.feed(headers(1, status("413")) + data(1, "too much", kEnd) + rst(1, ErrorCode::no_error));
  CHECK(client.last(Kind::data, 1)->data == "too much");
  CHECK(client.last(Kind::data, 1)->end == EndStream::yes);
  CHECK(client.last(Kind::stream_reset, 1)->code == ErrorCode::no_error);
  const auto closed = client.last(Kind::stream_closed, 1);
  REQUIRE(closed);
  CHECK(closed->code == ErrorCode::no_error);
  CHECK(closed->verdict == Verdict::processed);
}

TEST_CASE("RFC 9113 5.1.1: when a client's ids are used up it says so, and ends in order") {
  Config config;
  config.first_stream_id = kMaxStreamId - 2;
  Harness client(Role::client, {.config = config});
  const auto ask = [](Connection& c) { return c.send_request(kGet, EndStream::yes); };
  CHECK(client.call(ask).value().value == kMaxStreamId - 2);
  CHECK(client.history(FrameType::goaway).empty());
  CHECK(client.call(ask).value().value == kMaxStreamId);
  CHECK(client.history(FrameType::goaway).size() == 1);
  CHECK(client.call(ask).error() == Misuse::stream_ids_exhausted);
  client.feed(headers(kMaxStreamId - 2, status("204"), kEnd) + headers(kMaxStreamId, status("204"), kEnd));
  CHECK(client.all(Kind::stream_closed).size() == 2);
  CHECK(client.last(Kind::shutdown_finished));
}

TEST_CASE("RFC 9113 5.1.1: a server ends in order when its client has used the last id") {
  Harness server(Role::server);
  server.feed(headers(kMaxStreamId, get(), kEnd));
  CHECK(server.last(Kind::request, kMaxStreamId));
  CHECK(server.history(FrameType::goaway).size() == 1);
  CHECK(server.history(FrameType::goaway)[0].u32(4) == 0);
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{kMaxStreamId}, 204, {}, EndStream::yes); }));
  CHECK_FALSE(server.failed());
}

TEST_CASE("RFC 9113 5.1: what comes twice on an ended stream is answered once [9113-5.4.2b]") {
  for (const bool remembered_only : {false, true}) {
    CAPTURE(remembered_only);
    Harness server(Role::server);
    server.feed(headers(1, post()) + data(1, "x", kEnd));
    server.run([&](Connection& c) {
      if (remembered_only) c.release(StreamId{1});  // the record stays while received bytes are owed
      REQUIRE(c.send_response(StreamId{1}, 204, {}, EndStream::yes));
    });
    server.sent();
    server.feed(headers(1, {{"late", "1"}}, kEnd) + data(1, "late") + headers(1, {{"late", "2"}}, kEnd));
    CHECK(count(server.sent_frames(), FrameType::rst_stream) == 1);
    CHECK_FALSE(server.failed());
  }
}

TEST_CASE(
    "RFC 9113 6.9.2: a window that a smaller INITIAL_WINDOW_SIZE made negative sends nothing [9113-6.9.2b] "
    "[9113-6.9.2c]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.take = false;
  const std::string content(60000, 'x');
  server.run([&](Connection& c) {
    REQUIRE(c.send_response(StreamId{1}, 200, {}, EndStream::no));
    REQUIRE(c.send_data(StreamId{1}, std::as_bytes(std::span(content)), Token{1}, EndStream::yes));
    std::array<ByteView, 2> slices;
    CHECK(c.poll_output(slices, 20000) > 0);  // one frame is out, the stream stays ready
  });
  server.feed(settings({{SettingId::initial_window_size, 1000}}));
  CHECK(server.connection().window(StreamId{1})->send_window < 0);
  server.take = true;
  server.run([](Connection&) {});
  std::size_t bytes = 0;
  for (const Frame& each : server.history(FrameType::data)) bytes += each.header.length;
  CHECK(bytes <= 20000);
  server.feed(settings({{SettingId::initial_window_size, 65535}}));
  bytes = 0;
  for (const Frame& each : server.history(FrameType::data)) bytes += each.header.length;
  CHECK(bytes == content.size());
}

}  // namespace
}  // namespace h2::test
