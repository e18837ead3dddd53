// RFC 9218 2.1 and 7.1: the setting, and which priority signals a peer may send.
#include "harness.h"

namespace h2::test {
namespace {

constexpr SettingId kNoPriorities = SettingId::no_rfc7540_priorities;

Options raw() {
  Options options;
  options.handshake = false;
  return options;
}
Bytes first_settings(Role from, std::initializer_list<Setting> entries) {
  return (from == Role::client ? client_preface() : Bytes{}) + settings(entries);
}
Role peer_of(Role role) { return role == Role::client ? Role::server : Role::client; }

TEST_CASE("NO_RFC7540_PRIORITIES other than 0 or 1 ends the connection with PROTOCOL_ERROR [9218-2.1b]") {
  for (const Role role : {Role::client, Role::server}) {
    for (const std::uint32_t value : {0U, 1U, 2U, 0x80000000U, 0xffffffffU}) {
      CAPTURE(value);
      Harness receiver(role, raw());
      receiver.feed(first_settings(peer_of(role), {{kNoPriorities, value}}));
      CHECK(receiver.failed() == (value > 1));
      if (value <= 1) continue;
      CHECK(receiver.failure() == Violation::setting_no_priorities);
      CHECK(receiver.last(Kind::failed)->code == ErrorCode::protocol_error);
    }
  }
}

TEST_CASE("NO_RFC7540_PRIORITIES stands in the first SETTINGS [9218-2.1c]") {
  for (const Role role : {Role::client, Role::server}) {
    Config config;
    config.role = role;
    config.settings.no_rfc7540_priorities = 1;
    Connection connection(config);
    const auto sent = frames(take_output(connection));
    REQUIRE_FALSE(sent.empty());
    REQUIRE(sent[0].header.type == FrameType::settings);
    bool found = false;
    for (std::size_t at = 0; at + 6 <= sent[0].payload.size(); at += 6) {
      found = found || Bytes(sent[0].payload.begin() + static_cast<std::ptrdiff_t>(at),
                             sent[0].payload.begin() + static_cast<std::ptrdiff_t>(at + 6)) == wire("0009 00000001");
    }
    CHECK(found);
  }
}

TEST_CASE("a client sends no priority signals of RFC 7540 [9218-2.1.1b]") {
  for (const std::uint32_t value : {0U, 1U}) {
    Options options;
    options.peer_settings = {{kNoPriorities, value}};
    Harness client(Role::client, options);
    const Field priority{"priority", "u=1, i"};
    Request request = kGet;
    request.fields = {&priority, 1};
    REQUIRE(client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
    CHECK(client.history(FrameType::priority).empty());
    CHECK_FALSE(find(client.history(), FrameType::headers, 1)->header.has(flags::priority));
  }
}

TEST_CASE("PRIORITY_UPDATE on another stream than 0 ends the connection with PROTOCOL_ERROR [9218-7.1b]") {
  for (const std::uint32_t stream : {1U, 2U, 3U, 0x7fffffffU}) {
    CAPTURE(stream);
    Harness server(Role::server);
    server.feed(headers(1, get(), kEnd) + frame(FrameType::priority_update, 0, stream, wire("00000001 'u=1'")));
    REQUIRE(server.failed());
    CHECK(server.last(Kind::failed)->code == ErrorCode::protocol_error);
  }
}

TEST_CASE("PRIORITY_UPDATE for stream 0 ends the connection with PROTOCOL_ERROR [9218-7.1i]") {
  for (const char* payload : {"00000000 'u=1'", "80000000 'u=1'", "00000000"}) {
    Harness server(Role::server);
    server.feed(frame(FrameType::priority_update, 0, 0, wire(payload)));
    CHECK(server.failure() == Violation::priority_update_invalid);
    CHECK(server.last(Kind::failed)->code == ErrorCode::protocol_error);
  }
}

TEST_CASE("PRIORITY_UPDATE from a server ends the connection with PROTOCOL_ERROR [9218-7.1k]") {
  for (const std::uint32_t stream : {0U, 1U, 2U, 3U}) {
    CAPTURE(stream);
    Harness client(Role::client);
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    client.feed(frame(FrameType::priority_update, 0, 0, wire("0000000" + std::to_string(stream) + "'u=1'")));
    REQUIRE(client.failed());
    CHECK(client.last(Kind::failed)->code == ErrorCode::protocol_error);
  }
}

Bytes priority_update(std::uint32_t stream, std::string_view value) {
  Bytes payload(4);
  for (std::size_t i = 0; i < 4; ++i) payload[i] = static_cast<std::byte>(stream >> (24 - 8 * i));
  return frame(FrameType::priority_update, 0, 0, std::move(payload) + bytes_of(value));
}
Options listening() {
  Options options;
  options.peer_settings = {{kNoPriorities, 1}};
  return options;
}
Misuse set_priority(Harness& harness, std::uint32_t stream, Priority priority) {
  const auto result = harness.call([&](Connection& c) { return c.set_priority(StreamId{stream}, priority); });
  return result ? Misuse::none : result.error();
}
void ask(Harness& client) {
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  client.sent();
}

TEST_CASE("NO_RFC7540_PRIORITIES does not change after the first SETTINGS [9218-2.1d]") {
  for (const Role role : {Role::client, Role::server}) {
    for (const std::uint32_t said : {0U, 1U}) {
      Options options;
      options.config.settings.no_rfc7540_priorities = said;
      Harness sender(role, options);
      const Setting other[] = {{kNoPriorities, 1 - said}}, same[] = {{kNoPriorities, said}};
      const auto changed = sender.call([&](Connection& c) { return c.send_settings(other); });
      REQUIRE_FALSE(changed);
      CHECK(changed.error() == Misuse::bad_setting);
      CHECK(sender.sent().empty());
      CHECK(sender.call([&](Connection& c) { return c.send_settings(same); }));
    }
  }
}

TEST_CASE("a client tells a server that listens of a priority, on stream 0 [9218-7.1a]") {
  Harness client(Role::client, listening());
  ask(client);
  REQUIRE(set_priority(client, 1, {.urgency = 5, .incremental = true}) == Misuse::none);
  CHECK(client.sent() == priority_update(1, "u=5, i"));
  REQUIRE(set_priority(client, 1, {}) == Misuse::none);
  CHECK(client.sent() == priority_update(1, ""));
}

TEST_CASE("a client tells nobody who does not listen, but whoever has not said yet [9218-2.1.1c]") {
  for (const bool absent : {false, true}) {
    Options options;
    if (!absent) options.peer_settings = {{kNoPriorities, 0}};
    Harness deaf(Role::client, options);
    ask(deaf);
    REQUIRE(set_priority(deaf, 1, {.urgency = 0}) == Misuse::none);
    CHECK(deaf.sent().empty());
    CHECK(deaf.connection().priority(StreamId{1}) == Priority{0, false});
  }
  Harness early(Role::client, raw());
  ask(early);
  REQUIRE(set_priority(early, 1, {.urgency = 0}) == Misuse::none);
  CHECK(early.sent() == priority_update(1, "u=0"));
}

TEST_CASE("a client tells nothing of a stream from which nothing more can come [9218-7.1c]") {
  Harness client(Role::client, listening());
  ask(client);
  client.feed(headers(1, status("200"), kEnd));
  CHECK(set_priority(client, 1, {.urgency = 0}) == Misuse::none);
  CHECK(client.sent().empty());
  REQUIRE(client.call([](Connection& c) { return c.reset(StreamId{1}, ErrorCode::cancel); }));
  client.sent();
  CHECK(set_priority(client, 1, {.urgency = 1}) == Misuse::stream_gone);
  CHECK(client.sent().empty());
}

TEST_CASE("a client tells of a request that waits when its head is out, so within the server's limit [9218-7.1d]") {
  Options options = listening();
  options.peer_settings.push_back({SettingId::max_concurrent_streams, 1});
  Harness client(Role::client, options);
  ask(client);
  ask(client);
  REQUIRE(set_priority(client, 3, {.urgency = 1}) == Misuse::none);
  CHECK(client.sent().empty());
  client.feed(rst(1, ErrorCode::refused_stream));
  const auto sent = client.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.type == FrameType::headers);
  CHECK(sent[1] == frames(priority_update(3, "u=1"))[0]);
}

TEST_CASE(
    "a client tells of a push that was promised or has begun, and not of one that was not [9218-7.1f] [9218-7.1g]") {
  Options options = listening();
  options.config.settings.enable_push = 1;
  Harness client(Role::client, options);
  ask(client);
  CHECK(set_priority(client, 2, {.urgency = 1}) == Misuse::unknown_stream);
  CHECK(client.sent().empty());
  client.feed(push_promise(1, 2, get()));
  REQUIRE(set_priority(client, 2, {.urgency = 1}) == Misuse::none);
  CHECK(client.sent() == priority_update(2, "u=1"));
  client.feed(headers(2, status("200")));
  REQUIRE(set_priority(client, 2, {.urgency = 6}) == Misuse::none);
  CHECK(client.sent() == priority_update(2, "u=6"));
}

TEST_CASE("a server keeps the latest word about a stream that is still idle, above the request's own [9218-7a]") {
  Harness server(Role::server);
  server.feed(priority_update(3, "u=1") + priority_update(1, "u=6") + priority_update(3, "u=5, i") +
              headers(1, get(), kEnd) + headers(3, get({{"priority", "u=0"}}), kEnd));
  CHECK(server.last(Kind::request, 1)->priority == Priority{6, false});
  CHECK(server.last(Kind::request, 3)->priority == Priority{5, true});
  CHECK(server.connection().priority(StreamId{3}) == Priority{5, true});
  CHECK(server.all(Kind::priority).empty());
}

TEST_CASE("RFC 9218 7.1: a word about an open stream is told, one that cannot be read and one too late are not") {
  Harness server(Role::server);
  server.feed(headers(1, get({{"priority", "u=2"}}), kEnd) + priority_update(1, "i"));
  REQUIRE(server.last(Kind::priority));
  CHECK(server.last(Kind::priority)->priority == Priority{3, true});
  CHECK(server.connection().priority(StreamId{1}) == Priority{3, true});
  server.events();
  server.feed(priority_update(1, "u=") + priority_update(1, "\xff"));
  CHECK(text_of(server.events()) == "");
  CHECK(server.connection().priority(StreamId{1}) == Priority{3, true});
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{1}, 204, {}, EndStream::yes); }));
  server.events();
  server.feed(priority_update(1, "u=0"));
  CHECK(text_of(server.events()) == "");
  CHECK_FALSE(server.failed());
}

TEST_CASE("idle streams that were named count against our limit with the open ones [9218-7.1e]") {
  Options options;
  options.config.settings.max_concurrent_streams = 4;
  Harness server(Role::server, options);
  server.feed(headers(1, get(), kEnd) + priority_update(3, "u=1") + priority_update(5, "u=1") +
              priority_update(7, "u=1"));
  server.feed(repeat(priority_update(7, "u=2"), 3));  // named before
  CHECK_FALSE(server.failed());
  server.feed(priority_update(9, "u=1"));
  CHECK(server.failure() == Violation::priority_update_limit);
  CHECK(server.last(Kind::failed)->code == ErrorCode::protocol_error);
}

TEST_CASE("a stream that opens, and one that is passed over, is idle no more and does not count twice [9218-7.1e]") {
  Options options;
  options.config.settings.max_concurrent_streams = 3;
  Harness server(Role::server, options);
  for (std::uint32_t stream = 1; stream < 100; stream += 4) {
    server.feed(priority_update(stream, "u=1") + priority_update(stream + 2, "u=2") + headers(stream + 2, get(), kEnd));
    REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{stream + 2}, 204, {}, EndStream::yes); }));
  }
  CHECK_FALSE(server.failed());
  CHECK(server.all(Kind::request).size() == 25);
}

TEST_CASE("PRIORITY_UPDATE for a push that was not promised ends the connection with PROTOCOL_ERROR [9218-7.1h]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.push(StreamId{1}, kGet); }));
  server.feed(priority_update(2, "u=1"));
  CHECK(server.last(Kind::priority)->stream == StreamId{2});
  CHECK_FALSE(server.failed());
  server.feed(priority_update(4, "u=1"));
  CHECK(server.failure() == Violation::priority_update_invalid);
  CHECK(server.last(Kind::failed)->code == ErrorCode::protocol_error);
}

TEST_CASE("a server sends no PRIORITY_UPDATE, by no call [9218-7.1j]") {
  Harness server(Role::server, listening());
  server.feed(headers(1, get(), kEnd));
  REQUIRE(set_priority(server, 1, {.urgency = 1}) == Misuse::none);
  const Bytes payload = wire("00000001 'u=1'");
  const auto raw_frame = server.call([&](Connection& c) { return c.send_frame(0x10, 0, kConnection, payload); });
  REQUIRE_FALSE(raw_frame);
  CHECK(raw_frame.error() == Misuse::bad_frame);
  CHECK(server.sent().empty());
}

}  // namespace
}  // namespace h2::test
