// What is owed goes out before the peer stands still for it (RFC 9113 6.9), also when nobody consumes anything more.
#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

/// A server with an upload open on stream 1, of which `consumed` bytes came and went: they are owed, and not yet due.
Harness half_read(std::size_t consumed, Config config = {}) {
  Harness server(Role::server, {.config = config});
  server.feed(headers(1, post()) + repeat(data(1, std::string(10000, 'x')), consumed / 10000));
  server.run([&](Connection& c) { c.consume(one, consumed); });
  CHECK(server.connection().window(one)->owed == consumed);
  server.sent();
  return server;
}

TEST_CASE("a reader who holds more than the peer has left is still sent what it gave back before") {
  Harness server = half_read(30000);
  server.feed(repeat(data(1, std::string(10000, 'x')), 3));
  const WindowView view = *server.connection().window(one);
  CHECK(view.unconsumed == 30000);
  CHECK(view.owed == 0);
  CHECK(view.recv_window == 35535);
  CHECK(find(server.sent_frames(), FrameType::window_update, 1)->u32() == 30000);
}

TEST_CASE("so is the connection: one stream's reader who holds much does not stop the others") {
  Config config;
  config.connection_window = 65535;
  config.settings.initial_window_size = 1 << 20;
  Harness server = half_read(30000, config);
  server.feed(headers(3, post()) + repeat(data(3, std::string(10000, 'x')), 3));
  CHECK(server.connection().window(kConnection)->recv_window == 35535);
  CHECK(find(server.sent_frames(), FrameType::window_update, 0)->u32() == 30000);
}

TEST_CASE("RFC 9113 6.9.2: when our SETTINGS take the rest of a window, what is owed goes out with the ACK") {
  Harness server = half_read(30000);
  const Setting smaller{SettingId::initial_window_size, 10000};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings({&smaller, 1}); }));
  CHECK_FALSE(find(server.sent_frames(), FrameType::window_update, 1));
  server.feed(settings_ack());
  CHECK(find(server.sent_frames(), FrameType::window_update, 1)->u32() == 30000);
  CHECK(server.connection().window(one)->recv_window == 10000);
}

TEST_CASE("a window that its caller has chosen stays as it is when our SETTINGS take the rest of the others") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, 65535); }));
  const Setting none{SettingId::initial_window_size, 0};
  REQUIRE(server.call([&](Connection& c) { return c.send_settings({&none, 1}); }));
  server.feed(settings_ack());
  CHECK(server.connection().window(one)->recv_window == 65535);
  CHECK(find(server.sent_frames(), FrameType::window_update, 1)->u32() == 65535);
}

TEST_CASE("RFC 9113 5.1: the window of a request that waits is announced behind its HEADERS") {
  Harness client(Role::client, {.peer_settings = {{SettingId::max_concurrent_streams, 1}}});
  for (int i = 0; i < 2; ++i) {
    REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  }
  client.sent();
  REQUIRE(client.call([](Connection& c) { return c.set_window(StreamId{3}, 200000); }));
  CHECK(client.sent().empty());
  client.feed(headers(1, status("204"), kEnd));
  const std::vector<Frame> sent = client.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.type == FrameType::headers);
  CHECK(sent[1] == frames(window_update(3, 200000 - 65535))[0]);
  const WindowView view = *client.connection().window(StreamId{3});
  CHECK(view.recv_window == 200000);
  CHECK(view.owed == 0);
}

TEST_CASE("RFC 9113 6.9.2: our SETTINGS lift no window past 2^31-1 that is larger than its caller wants it now") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, kMaxWindow); }));
  REQUIRE(server.call([](Connection& c) { return c.set_window(one, 1000); }));
  CHECK(server.connection().window(one)->recv_window == kMaxWindow);
  const Setting larger{SettingId::initial_window_size, 65536};
  const auto refused = server.call([&](Connection& c) { return c.send_settings({&larger, 1}); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Misuse::bad_setting);
  CHECK(server.connection().window(one)->recv_window == kMaxWindow);
}

}  // namespace
}  // namespace h2::test
