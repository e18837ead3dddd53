// RFC 9113 6.6 and 8.4: server push, from both ends.
#include "conformance.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, two{2};

Misuse push_on(Harness& server, StreamId parent, const Request& request = kGet) {
  const auto result = server.call([&](Connection& c) { return c.push(parent, request); });
  return result ? Misuse::none : result.error();
}

/// What a promise, and what follows it, comes to at a client that has asked on stream 1.
std::string promise_answer(const Bytes& bytes) {
  Harness client = push_client();
  client.feed(bytes);
  const bool seen = !client.all(Kind::push).empty();
  const std::string found = answer(client);
  CHECK(seen == (found == "goes on"));
  return found;
}

// ---- the server's side

TEST_CASE("a promise has a new even id, above all before it [9113-6.6a] [9113-6.6j] [9113-6.6k]") {
  Harness server = exchange_of(Role::server);
  std::uint32_t last = 0;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(push_on(server, one) == Misuse::none);
    const std::uint32_t promised = server.history().back().u32();
    CHECK(promised % 2 == 0);
    CHECK(promised > last);
    last = promised;
    if (i % 2 == 0) server.feed(rst(promised, ErrorCode::cancel));  // its id does not come again
  }
}

TEST_CASE(
    "a promise goes out on a client's stream that is open or half-closed (remote), on no other [9113-6.6e] "
    "[9113-6.6i] [9113-8.4.1f]") {
  Harness open = exchange_of(Role::server);
  CHECK(push_on(open, one) == Misuse::none);
  CHECK(open.sent_frames()[0].header.stream == one);
  Harness half_closed_remote(Role::server);
  half_closed_remote.feed(headers(1, get(), kEnd));
  CHECK(push_on(half_closed_remote, one) == Misuse::none);

  Harness half_closed_local = exchange_of(Role::server);
  REQUIRE(half_closed_local.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
  Harness ended(Role::server);
  ended.feed(headers(1, get(), kEnd));
  REQUIRE(ended.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
  Harness reset = exchange_of(Role::server);
  REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
  Harness by_peer = exchange_of(Role::server);
  by_peer.feed(rst(1, ErrorCode::cancel));
  Harness idle(Role::server);
  for (Harness* server : {&half_closed_local, &ended, &reset, &by_peer, &idle}) {
    server->sent();
    CHECK(push_on(*server, one) != Misuse::none);
    CHECK(push_on(*server, kConnection) != Misuse::none);
    CHECK(server->sent().empty());
  }
  CHECK(push_on(open, two) != Misuse::none);  // its own promise
  CHECK(open.sent().empty());
}

TEST_CASE("nothing is pushed to a client that has switched it off [9113-6.5.2a] [9113-6.6g]") {
  Options options;
  options.peer_settings = {{SettingId::enable_push, 0}};
  Harness never = exchange_of(Role::server, options);
  CHECK(push_on(never, one) == Misuse::push_disabled);
  CHECK(never.sent().empty());
  Harness later = exchange_of(Role::server);
  CHECK(push_on(later, one) == Misuse::none);
  later.feed(settings({{SettingId::enable_push, 0}}));
  later.sent();
  CHECK(push_on(later, one) == Misuse::push_disabled);
  CHECK(later.sent().empty());
}

TEST_CASE(
    "a promise is a whole request, safe and cacheable, without content, and names its authority [9113-8.4a] "
    "[9113-8.4d] [9113-8.4.1a] [9113-8.4.1b]") {
  Harness server = exchange_of(Role::server);
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "UNHEARD-OF", ""}) {
    Request request = kGet;
    request.method = method;
    CHECK(push_on(server, one, request) == Misuse::malformed_fields);
  }
  Request request = kGet;
  request.scheme = {};
  CHECK(push_on(server, one, request) == Misuse::malformed_fields);
  request = kGet;
  request.path = {};
  CHECK(push_on(server, one, request) == Misuse::malformed_fields);
  request = kGet;
  request.authority = {};
  CHECK(push_on(server, one, request) == Misuse::malformed_fields);
  for (const Field& field : {Field{"content-length", "5"}, Field{"Upper", "a"}, Field{"connection", "close"}}) {
    request = kGet;
    request.fields = {&field, 1};
    CHECK(push_on(server, one, request) == Misuse::malformed_fields);
  }
  CHECK(server.sent().empty());
  CHECK(push_on(server, one) == Misuse::none);
  request = kGet;
  request.method = "HEAD";
  CHECK(push_on(server, one, request) == Misuse::none);
  CHECK(server.blocks(1)[0] == get());
}

TEST_CASE("a promise that is made before the content stands before it on the wire [9113-8.4.1d]") {
  Harness server = exchange_of(Role::server);
  const Bytes page = bytes_of("<img src=/logo.png>");
  server.take = false;
  CHECK(push_on(server, one) == Misuse::none);
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  REQUIRE(server.call([&](Connection& c) { return c.send_data(one, page, Token{1}, EndStream::yes); }));
  server.take = true;
  server.feed({});
  const auto sent = server.sent_frames();
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].header.type == FrameType::push_promise);
  CHECK(sent[1].header.type == FrameType::headers);
  CHECK(sent[2].header.type == FrameType::data);
}

TEST_CASE("a client does not push, and is not let do so [9113-8.4f] [9113-8.4.1e]") {
  Harness client = exchange_of(Role::client);
  CHECK(push_on(client, one) == Misuse::wrong_role);
  CHECK(client.sent().empty());
  for (const std::uint32_t parent : {1u, 3u, 2u}) {
    for (const std::uint32_t promised : {2u, 3u, 5u}) {
      CHECK(answer(Role::server, push_promise(parent, promised, get())) == "connection PROTOCOL_ERROR");
    }
  }
}

// ---- the client's side

TEST_CASE("a promise to a client that has switched push off ends the connection [9113-6.5.2b] [9113-6.6h]") {
  CHECK(answer(Role::client, push_promise(1, 2, get())) == "connection PROTOCOL_ERROR");  // off from the start
  const Setting off[] = {{SettingId::enable_push, 0}};
  Harness client = push_client();
  REQUIRE(client.call([&](Connection& c) { return c.send_settings(off); }));
  client.sent();
  client.feed(push_promise(1, 2, get()));  // sent before the server has seen it: refused, and no more
  CHECK(answer(client) == "stream 2 REFUSED_STREAM");
  client.feed(settings_ack() + push_promise(1, 4, get()));
  CHECK(answer(client) == "connection PROTOCOL_ERROR");
}

TEST_CASE("a promise on a stream that is neither open nor half-closed (local) ends the connection [9113-6.6l]") {
  const Bytes promise = push_promise(1, 2, get());
  Harness ended = push_client();
  ended.feed(headers(1, status("200"), kEnd) + promise);
  CHECK(answer(ended) == "connection PROTOCOL_ERROR");
  Harness half_closed_remote(Role::client, accepting_push());
  REQUIRE(half_closed_remote.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  half_closed_remote.feed(headers(1, status("200"), kEnd) + promise);
  CHECK(answer(half_closed_remote) == "connection PROTOCOL_ERROR");
  CHECK(promise_answer(promise) == "goes on");
  CHECK(answer(Role::client, promise, accepting_push()) == "goes on");
  for (const Bytes& elsewhere : {push_promise(3, 2, get()), push_promise(2, 4, get()), rst(1, {}) + promise}) {
    CHECK(promise_answer(elsewhere) == "connection PROTOCOL_ERROR");
  }
}

TEST_CASE("a promise that was under way when its stream was reset is decoded and refused [9113-6.6m]") {
  Harness client = push_client();
  REQUIRE(client.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
  client.sent();
  client.feed(frame(FrameType::push_promise, flags::end_headers, 1, wire("00000002") + block_with_entry(get())));
  CHECK(answer(client) == "stream 2 REFUSED_STREAM");
  client.feed(headers(2, status("200")) + data(2, "under way as well", kEnd));
  CHECK(answer(client) == "goes on");
  CHECK(client.all(Kind::push).empty());
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.feed(frame(FrameType::headers, flags::end_headers | kEnd, 3, block_of_entry(status("200"))));
  CHECK(client.last(Kind::response, 3)->fields == OwnedFields{{"x", "yz"}});
}

TEST_CASE("a promised id that is odd, zero or not new ends the connection [9113-6.6n]") {
  for (const std::uint32_t id : {0u, 1u, 3u, 0x7fffffffu}) {
    CHECK(promise_answer(push_promise(1, id, get())) == "connection PROTOCOL_ERROR");
  }
  Harness client = push_client();
  client.feed(push_promise(1, 6, get()));
  SUBCASE("in use") { client.feed(push_promise(1, 6, get())); }
  SUBCASE("passed over") { client.feed(push_promise(1, 4, get())); }
  SUBCASE("closed") { client.feed(rst(6, ErrorCode::cancel) + push_promise(1, 6, get())); }
  CHECK(answer(client) == "connection PROTOCOL_ERROR");
}

TEST_CASE(
    "a promise that is not whole, safe, cacheable and without content is reset on its own stream [9113-8.4b] "
    "[9113-8.4.1c]") {
  const std::string malformed = "stream 2 PROTOCOL_ERROR";
  const auto promise = [](const OwnedFields& fields) { return promise_answer(push_promise(1, 2, fields)); };
  CHECK(promise(get()) == "goes on");
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "UNHEARD-OF", ""}) {
    OwnedFields fields = get();
    fields[0].value = method;
    CHECK(promise(fields) == malformed);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    OwnedFields fields = get();
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(promise(fields) == malformed);
  }
  for (const OwnedField& field : OwnedFields{{"content-length", "1"},
                                             {"Upper", "a"},
                                             {"connection", "close"},
                                             {":status", "200"},
                                             {"a", "b\n"},
                                             {"host", "example.org"}}) {
    CHECK(promise(get({field})) == malformed);
  }
}

TEST_CASE("the number of promises that wait for their response is limited [9113-10.5a]") {
  Options options = accepting_push();
  options.config.settings.max_concurrent_streams = 2;
  Harness client = push_client(options);
  client.feed(push_promise(1, 2, get()) + push_promise(1, 4, get()));
  CHECK(client.all(Kind::push).size() == 2);
  CHECK(answer(client) == "goes on");
  client.feed(push_promise(1, 6, get()));
  CHECK(answer(client) == "stream 6 REFUSED_STREAM");
  client.feed(headers(2, status("200"), kEnd) + push_promise(1, 8, get()));
  CHECK(answer(client) == "goes on");
  CHECK(client.all(Kind::push).size() == 3);
}

}  // namespace
}  // namespace h2::test
