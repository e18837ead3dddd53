// Attacks by a server on its client: the same floods, and what only servers can send. Numbers are those of the default
// Config. docs/security.md has a row for each.
#include "attack.h"

namespace h2::test {
namespace {

constexpr std::uint32_t kBudget = Config{}.work_budget;
const Bytes ok{std::byte{0x88}};  // :status 200

Config takes_pushes() {
  Config config;
  config.settings.enable_push = 1;
  return config;
}

StreamId ask(Victim& client) {
  const auto stream = client.connection().send_request(kGet, EndStream::yes);
  REQUIRE(stream);
  client.feed({});
  return *stream;
}

TEST_CASE("a server's floods cost its client what they bring, no memory, and end at the budget") {
  const std::pair<Work, Bytes> floods[] = {
      {Work::ping, ping(1)},
      {Work::settings, settings({{SettingId::max_concurrent_streams, 7}})},
      {Work::window_update, window_update(1, 1)},
      {Work::priority, wire("000005 02 00 00000001 00000003 0f")},
      {Work::goaway, goaway(1, ErrorCode::no_error)},
      {Work::extension, frame(FrameType::altsvc, 0, 0, wire("0013 'https://example.com' 'h2=\":443\"'"))},
      {Work::extension, frame(FrameType::origin, 0, 0, wire("0013 'https://example.com'"))},
      {Work::extension, wire("000000 ee 00 00000000")},
      {Work::empty_data, data(1, "")},
  };
  for (const auto& flood : floods) {
    const Bytes& bytes = flood.second;
    CAPTURE(describe(flood.first));
    Victim client(Role::client);
    ask(client);
    client.feed(raw_headers(1, ok));
    client.flood(10, [&](std::uint32_t) { return bytes; });
    const std::uint64_t calls = client.allocations(), in = client.bytes_in, out = client.bytes_out;
    const std::uint32_t lived = 10 + client.flood(kBudget, [&](std::uint32_t) { return bytes; });
    CHECK(lived >= kBudget - 1);
    CHECK(lived <= kBudget + 1);  // its request pays for one answer
    CHECK(client.goaway_debug == describe(flood.first));
    CHECK(client.bytes_out - out <= client.bytes_in - in + 100);
    CHECK(client.allocations() <= calls + 1);  // for the GOAWAY
    CHECK(client.peak_bytes() <= client.most_bytes());
  }
}

TEST_CASE("promises over the limit of streams are refused, and cost what other resets cost") {
  Victim client(Role::client, takes_pushes());
  ask(client);
  std::uint64_t pushes = 0;
  client.application = [&](Connection&, const Event& event) { pushes += std::holds_alternative<PushReceived>(event); };
  const Bytes request = wire("82 87 84 41 0b 'example.com'");
  const auto promise = [&](std::uint32_t i) {
    const std::uint32_t id = 2 * i + 2;
    return frame(FrameType::push_promise, flags::end_headers, 1,
                 Bytes{std::byte{0}, static_cast<std::byte>(id >> 16), static_cast<std::byte>(id >> 8),
                       static_cast<std::byte>(id)} +
                     request);
  };
  client.flood(100, promise);
  CHECK(pushes == 100);
  const std::uint64_t calls = client.allocations();
  const std::uint32_t lived = client.flood(kBudget, [&](std::uint32_t i) { return promise(100 + i); });
  CHECK(lived == (kBudget - 1) / 4);
  CHECK(pushes == 100);
  CHECK(client.bytes_out <= client.bytes_in);
  CHECK(client.allocations() - calls <= 8);
  CHECK(client.peak_bytes() <= client.most_bytes());

  Victim refuses(Role::client);
  ask(refuses);
  refuses.feed(promise(0));
  CHECK(refuses.failure == Violation::push_disabled);
}

TEST_CASE("interim responses are bounded for each request") {
  Victim client(Role::client);
  ask(client);
  const std::uint32_t lived = client.flood(
      1000, [&](std::uint32_t) { return client.resets == 0 ? raw_headers(1, wire("48 03 '103'")) : Bytes{}; });
  CHECK(lived == 1000);
  CHECK(client.events == Config{}.max_interim_responses + 2);  // and the end of the stream
  CHECK(client.resets == 1);
}

TEST_CASE("CVE-2016-6581: an HPACK bomb in responses keeps nothing") {
  Victim client(Role::client);
  ask(client);
  client.feed(raw_headers(1, ok + wire("40 01 'a' 7f a1 1e") + Bytes(4000, std::byte{'x'}), kEnd));
  const std::uint32_t lived = client.flood(
      kBudget, [&](std::uint32_t) { return raw_headers(ask(client).value, ok + repeat(wire("be"), 16000), kEnd); });
  CHECK(lived <= kBudget / 60);
  CHECK(client.resets >= lived);
  CHECK(client.peak_bytes() <= client.most_bytes());
}

TEST_CASE("VU#421644: a server's block of too many CONTINUATION frames ends the connection") {
  Victim client(Role::client);
  ask(client);
  client.feed(frame(FrameType::headers, 0, 1, ok));
  const std::uint32_t lived = client.flood(1000, [](std::uint32_t) { return frame(FrameType::continuation, 0, 1); });
  CHECK(lived == Config{}.max_continuations);
  CHECK(client.failure == Violation::continuation_flood);
  CHECK(client.peak_bytes() <= client.most_bytes());
}

TEST_CASE("CVE-2023-35945: RST_STREAM and GOAWAY together leave nothing behind, of requests that wait neither") {
  const Field field{"x", "y"};
  Request request = kPost;
  request.fields = {&field, 1};
  static const Bytes body(100);
  for (const bool reset_first : {true, false}) {
    TestMemory memory;
    {
      Config config;
      config.role = Role::client;
      config.allocator = memory.allocator();
      Connection client(config);
      const auto feed = [&](const Bytes& bytes) {
        ByteView input = bytes;
        std::uint32_t closed = 0, returned = 0;
        for (int i = 0; i < 2; ++i) {
          while (const auto event = client.receive(input)) {
            closed += std::holds_alternative<StreamClosed>(*event);
            returned += std::holds_alternative<DataSent>(*event);
          }
          take_output(client);
        }
        return std::pair(closed, returned);
      };
      feed(settings({{SettingId::max_concurrent_streams, 10}, {SettingId::initial_window_size, 0}}) + settings_ack());
      for (int i = 0; i < 20; ++i) {
        const auto stream = client.send_request(request, EndStream::no);
        REQUIRE(stream);
        REQUIRE(client.send_data(*stream, body, Token{1}, EndStream::no));
        REQUIRE(client.send_trailers(*stream, {&field, 1}));
      }
      feed({});
      const Bytes away = goaway(0, ErrorCode::no_error), reset = rst(1, ErrorCode::cancel);
      const auto ended = feed(reset_first ? reset + away : away + reset);
      CHECK(ended == std::pair(20U, 20U));
      CHECK(client.open_streams() == 0);
    }
    CHECK(memory.live_bytes == 0);
  }
}

}  // namespace
}  // namespace h2::test
