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

}  // namespace
}  // namespace h2::test
