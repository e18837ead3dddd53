// RFC 9113 6.5 and 3.4: SETTINGS both ways, several in flight, in force from the right moment.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

TEST_CASE(
    "RFC 9113 3.4: a client begins with the preface and SETTINGS, a server with SETTINGS [9113-3.3b] [9113-3.4a] "
    "[9113-3.4b] [9113-6.5a]") {
  Config config;
  config.role = Role::client;
  Connection client(config);
  CHECK(client.has_output());
  const Bytes first = take_output(client);
  CHECK(text_of(ByteView(first).first(24)) == kClientPreface);
  const auto client_frames = frames(first);
  REQUIRE_FALSE(client_frames.empty());
  CHECK(client_frames[0].header.type == FrameType::settings);
  CHECK_FALSE(client_frames[0].header.has(flags::ack));

  config.role = Role::server;
  Connection server(config);
  const auto server_frames = frames(take_output(server));
  REQUIRE(server_frames.size() == 2);
  // A server must not send ENABLE_PUSH other than 0 and need not say it.
  CHECK(server_frames[0] == frames(settings({{SettingId::max_concurrent_streams, 100},
                                             {SettingId::max_header_list_size, 65536},
                                             {SettingId::no_rfc7540_priorities, 1}}))[0]);
  CHECK(server_frames[1] == frames(window_update(0, (1 << 20) - 65535))[0]);
}

TEST_CASE("RFC 9113 6.5.3: each SETTINGS is acknowledged once, in order, its last value wins") {
  Harness server(Role::server);
  server.feed(settings({{SettingId::initial_window_size, 7},
                        {static_cast<SettingId>(0x4a4a), 9},
                        {SettingId::initial_window_size, 8}}) +
              settings({}) + settings({{SettingId::max_frame_size, 20000}}));
  CHECK(count(server.sent_frames(), FrameType::settings) == 3);
  const auto seen = server.all(Kind::settings);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].settings.initial_window_size == 8);
  CHECK(seen[0].settings.max_frame_size == 16384);
  CHECK(seen[2].settings.max_frame_size == 20000);
  CHECK(server.connection().peer_settings().initial_window_size == 8);
  CHECK(server.connection().peer_settings().max_concurrent_streams == kUnlimited);
}

TEST_CASE("RFC 9113 6.5.2: a later SETTINGS without a value keeps the earlier one") {
  Options options;
  options.peer_settings = {{SettingId::max_concurrent_streams, 3}};
  Harness client(Role::client, options);
  client.feed(settings({{SettingId::max_frame_size, 16384}}));
  CHECK(client.connection().peer_settings().max_concurrent_streams == 3);
}

TEST_CASE("RFC 9113 6.5.3: a tighter window binds from its ACK, and not before [9113-6.9.3a]") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  const Setting tight[] = {{SettingId::initial_window_size, 10}};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(tight); }));
  server.feed(data(1, "more than ten bytes"));
  CHECK(server.last(Kind::data)->data == "more than ten bytes");
  CHECK_FALSE(server.last(Kind::stream_reset));
  server.feed(settings_ack());
  CHECK(server.last(Kind::settings_acknowledged)->settings.initial_window_size == 10);
  CHECK(server.connection().window(one)->recv_window == 10 - 19);
  server.feed(data(1, "x"));
  CHECK(server.last(Kind::stream_reset)->violation == Violation::stream_window_exceeded);
}

TEST_CASE("RFC 9113 6.5.3: a looser window is accepted at once") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  const Setting loose[] = {{SettingId::initial_window_size, 100000}};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(loose); }));
  server.feed(repeat(data(1, std::string(10000, 'x')), 10));
  CHECK_FALSE(server.last(Kind::stream_reset));
  server.feed(settings_ack());
  CHECK(server.connection().window(one)->recv_window == 0);
  server.feed(data(1, "x"));
  CHECK(server.last(Kind::stream_reset)->violation == Violation::stream_window_exceeded);
}

TEST_CASE("of several SETTINGS in flight the loosest binds, until its successor's ACK") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  const auto announce = [&](std::uint32_t bytes) {
    const Setting entry[] = {{SettingId::max_frame_size, bytes}};
    REQUIRE(server.call([&](Connection& c) { return c.send_settings(entry); }));
  };
  announce(30000);
  announce(20000);
  server.feed(data(1, std::string(30000, 'a')));
  server.feed(settings_ack());
  CHECK(server.last(Kind::settings_acknowledged)->settings.max_frame_size == 30000);
  server.feed(data(1, std::string(30000, 'b')));
  CHECK_FALSE(server.last(Kind::stream_reset));
  server.run([](Connection& c) { c.consume(one, 60000); });
  server.feed(settings_ack());
  CHECK(server.last(Kind::settings_acknowledged)->settings.max_frame_size == 20000);
  server.feed(data(1, std::string(20000, 'c')));
  CHECK_FALSE(server.last(Kind::stream_reset));
  server.feed(data(1, std::string(20001, 'd')));
  CHECK(server.last(Kind::stream_reset)->violation == Violation::data_frame_too_large);
}

TEST_CASE("RFC 9113 6.5.2: the peer's MAX_FRAME_SIZE holds from its ACK for all that we send [9113-4.1a] [9113-6.5b]") {
  Options options;
  options.peer_settings = {{SettingId::initial_window_size, 1 << 20}};
  Harness client(Role::client, options);
  client.feed(window_update(0, 1 << 20));
  const Bytes body(100000);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  client.feed(settings({{SettingId::max_frame_size, 40000}}));
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::no); }));
  std::size_t bytes = 0;
  for (const Frame& each : client.history(FrameType::data)) {
    CHECK(each.header.length <= 40000);
    bytes += each.header.length;
  }
  CHECK(bytes == 100000);
  client.feed(settings({{SettingId::max_frame_size, 16384}}));
  client.sent();
  REQUIRE(client.call([&](Connection& c) { return c.send_data(one, body, Token{2}, EndStream::yes); }));
  for (const Frame& each : client.sent_frames()) CHECK(each.header.length <= 16384);
}

TEST_CASE("RFC 7541 4.2: a smaller table that the peer acknowledged must show in its next header block [9113-4.3.1b]") {
  const Setting none[] = {{SettingId::header_table_size, 0}};
  Harness silent(Role::server);
  REQUIRE(silent.call([&](Connection& c) { return c.send_settings(none); }));
  silent.feed(headers(1, get(), kEnd));  // before the ACK
  CHECK_FALSE(silent.failed());
  silent.feed(settings_ack() + headers(3, get(), kEnd));
  CHECK(silent.failure() == Violation::header_block_invalid);

  Harness told(Role::server);
  REQUIRE(told.call([&](Connection& c) { return c.send_settings(none); }));
  told.feed(settings_ack() + frame(FrameType::headers, flags::end_headers | kEnd, 1, wire("20") + block(get())));
  CHECK_FALSE(told.failed());
  CHECK(told.last(Kind::request));
}

TEST_CASE(
    "RFC 7541 4.2: between two blocks the smallest table size of the peer is signalled, then the last [9113-6.5b] "
    "[7541-4.2b] [7541-4.2c]") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  server.feed(settings({{SettingId::header_table_size, 0}}) + settings({{SettingId::header_table_size, 4096}}));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 204, {}, EndStream::yes); }));
  const auto response = find(server.sent_frames(), FrameType::headers, 1);
  REQUIRE(response);
  CHECK(response->payload == wire("20 3fe11f 89"));
}

TEST_CASE("RFC 9113 6.5.2: what is over the peer's MAX_HEADER_LIST_SIZE is not sent [9113-6.5b]") {
  Options options;
  options.peer_settings = {{SettingId::max_header_list_size, 200}};
  Harness client(Role::client, options);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.sent();
  const std::string large(100, 'x');
  const Field field{"a", large};
  Request request = kGet;
  request.fields = {&field, 1};
  const auto refused = client.call([&](Connection& c) { return c.send_request(request, EndStream::yes); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Misuse::field_section_too_large);
  CHECK(client.sent().empty());
}

TEST_CASE("a setting that the RFC forbids is not sent [9113-6.5.2e] [9113-6.5.2j] [8441-3a] [9218-2.1a]") {
  Harness server(Role::server);
  Harness client(Role::client);
  const auto refused = [](Harness& harness, SettingId id, std::uint32_t value) {
    const Setting entry[] = {{id, value}};
    const auto result = harness.call([&](Connection& c) { return c.send_settings(entry); });
    return !result && result.error() == Misuse::bad_setting && harness.sent().empty();
  };
  CHECK(refused(client, SettingId::enable_push, 2));
  CHECK(refused(server, SettingId::enable_push, 1));
  CHECK(refused(client, SettingId::initial_window_size, 0x80000000));
  CHECK(refused(client, SettingId::max_frame_size, 16383));
  CHECK(refused(client, SettingId::max_frame_size, 1 << 24));
  CHECK(refused(server, SettingId::enable_connect_protocol, 2));
  CHECK(refused(server, SettingId::no_rfc7540_priorities, 2));
  const Setting unknown[] = {{static_cast<SettingId>(0x0a0a), 77}};
  REQUIRE(client.call([&](Connection& c) { return c.send_settings(unknown); }));
  CHECK(client.sent() == wire("000006 04 00 00000000 0a0a 0000004d"));
}

TEST_CASE("a value that the RFC forbids is not sent from the configuration either [8441-3a] [9218-2.1a]") {
  Config config;
  config.role = Role::client;
  config.connection_window = 65535;
  config.settings = {};
  config.settings.enable_push = 2;
  config.settings.initial_window_size = 0x80000000;
  config.settings.max_frame_size = 16383;
  config.settings.enable_connect_protocol = 7;
  config.settings.no_rfc7540_priorities = 2;
  const Setting extra[] = {{SettingId::enable_push, 2}, {SettingId::max_frame_size, 1}};
  config.extra_settings = extra;
  Connection client(config);
  CHECK(take_output(client) == client_preface() + wire("000000 04 00 00000000"));
}

TEST_CASE("a bounded number of SETTINGS may be in flight") {
  Harness client(Role::client);
  const Setting entry[] = {{SettingId::max_frame_size, 16384}};
  int accepted = 0;
  Misuse last = Misuse::none;
  while (last == Misuse::none && accepted < 1000) {
    const auto result = client.call([&](Connection& c) { return c.send_settings(entry); });
    if (result) {
      ++accepted;
    } else {
      last = result.error();
    }
  }
  CHECK(last == Misuse::too_many_settings);
  CHECK(accepted >= 2);
  client.feed(repeat(settings_ack(), static_cast<std::size_t>(accepted)));
  CHECK(client.all(Kind::settings_acknowledged).size() == static_cast<std::size_t>(accepted));
  CHECK(client.call([&](Connection& c) { return c.send_settings(entry); }));
}

TEST_CASE("RFC 9113 6.9.2: SETTINGS that would lift a window of ours past 2^31-1 are the caller's slip [9113-6.9.1b]") {
  Harness server{Role::server};
  server.feed(headers(1, post()));
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, kMaxWindow); }));
  server.sent();
  const Setting more[] = {{SettingId::initial_window_size, 65536}};
  const auto refused = server.call([&](Connection& c) { return c.send_settings(more); });
  REQUIRE(!refused);
  CHECK(refused.error() == Misuse::bad_setting);
  CHECK(server.sent().empty());
  CHECK(server.connection().window(one)->recv_window == kMaxWindow);
  const Setting same[] = {{SettingId::initial_window_size, 65535}};
  CHECK(server.call([&](Connection& c) { return c.send_settings(same); }));
}

TEST_CASE("RFC 9113 6.9.1: a window far below zero does not grow to the largest in one WINDOW_UPDATE [9113-6.9.1b]") {
  Harness server{Role::server};
  server.feed(headers(1, post()));
  const Setting loose[] = {{SettingId::initial_window_size, kMaxWindow}};
  const Setting tight[] = {{SettingId::initial_window_size, 0}};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(loose); }));
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, kMaxWindow); }));
  REQUIRE(server.call([&](Connection& c) { return c.send_settings(tight); }));
  server.feed(settings_ack() + data(1, "hello"));
  server.run([](Connection& c) { c.consume_stream(one, 5); });
  CHECK(server.connection().window(one)->owed == 5);
  server.sent();
  server.feed(settings_ack());  // from -5 to the 2^31-1 that were chosen for this stream
  CHECK(server.sent() == window_update(1, 5) + window_update(1, kMaxWindow));
  CHECK(server.connection().window(one)->recv_window == kMaxWindow);
  CHECK(server.connection().window(one)->owed == 0);
}

}  // namespace
}  // namespace h2::test
