// What is told of streams that stand still: once, with the reason, and bounded.
#include <tools/stalls.h>

#include <doctest/doctest.h>
#include <algorithm>
#include <array>

using namespace tools;

namespace {

using namespace std::chrono_literals;

/// A client that asks in vain: its server says only what a test lets it say.
struct Asking {
  explicit Asking(std::size_t named)
      : stalls(
            client, [this](auto stream) { return instead ? instead : client.explain(stream); }, named,
            [this] { return streams; },
            [this](auto stream, auto& text) {
              lines += (stream == h2::kConnection ? "connection " : std::to_string(stream.value) + ' ') + text + '\n';
            }) {}

  void ask(h2::EndStream end = h2::EndStream::yes) {
    const auto stream = client.send_request({"GET", "https", "a", "/", {}, {}}, end);
    REQUIRE(stream);
    streams.push_back(*stream);
  }
  /// The transport takes all.
  void take() {
    std::array<h2::ByteView, 8> slices;
    while (const std::size_t count = client.poll_output(slices)) {
      for (const h2::ByteView slice : std::span(slices).first(count)) client.consume_output(slice.size());
    }
  }
  void greet() {
    std::array<std::byte, h2::kFrameHeaderBytes> settings;
    h2::write::settings(settings.data(), {});
    feed(settings);
    h2::write::settings_ack(settings.data());
    feed(settings);
  }
  void open_window(h2::StreamId stream, std::uint32_t bytes) {
    std::array<std::byte, h2::write::kWindowUpdateBytes> update;
    h2::write::window_update(update.data(), stream, bytes);
    feed(update);
    take();
  }
  void feed(h2::ByteView bytes) {
    while (client.receive(bytes)) continue;
  }
  void wait(h2::Duration time) {
    now += time;
    client.advance_time(now);
    stalls.advance_time(now);
  }
  /// What was told since the last call of this, a line each.
  std::string told() { return std::exchange(lines, {}); }

  h2::Connection client{{.role = h2::Role::client}};
  std::optional<h2::Explanation> instead;  // of the client's own
  std::vector<h2::StreamId> streams;
  std::string lines;
  h2::TimePoint now{1h};
  Stalls stalls;
};

std::size_t count_of_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("a stall is told after a second, once") {
  Asking asking(8);
  asking.wait(0s);
  asking.ask();
  asking.take();
  asking.greet();
  asking.take();
  asking.wait(900ms);
  CHECK(asking.told().empty());
  asking.wait(300ms);
  CHECK(asking.told() == "1 receiving has waited 1.2 s for the peer: the peer sends nothing\n");
  for (int i = 0; i < 10; ++i) asking.wait(1s);
  CHECK(asking.told().empty());
}

TEST_CASE("a stall is told again when its reason changes") {
  Asking asking(8);
  asking.wait(0s);
  asking.greet();
  asking.take();
  asking.ask(h2::EndStream::no);
  const std::vector<std::byte> content(100'000);
  REQUIRE(asking.client.send_data(asking.streams[0], content, {}, h2::EndStream::yes));
  asking.take();
  asking.wait(30ms);  // what was left of the window is small, and waited a moment for more
  asking.take();
  asking.wait(1500ms);
  CHECK(asking.told() == "1 sending has waited 1.5 s for the peer: the stream's window is used up\n");
  asking.open_window(h2::kConnection, 1000);
  asking.wait(1s);
  CHECK(asking.told().empty());
  asking.open_window(asking.streams[0], 100'000);
  asking.wait(1s);
  CHECK(asking.told().empty());
  asking.wait(1s);
  CHECK(asking.told() ==
        "connection sending has waited 2.0 s for the peer: the connection's window is used up; "
        "streams open: 1\n");
  asking.client.transport_lost();
}

TEST_CASE("a stream that moves a little and stalls for the same reason is not told again") {
  Asking asking(8);
  asking.wait(0s);
  asking.greet();
  asking.ask(h2::EndStream::no);
  const std::vector<std::byte> content(100'000);
  REQUIRE(asking.client.send_data(asking.streams[0], content, {}, h2::EndStream::yes));
  asking.open_window(h2::kConnection, 100'000);
  asking.wait(2s);
  asking.take();
  asking.wait(2s);
  CHECK(asking.told() == "1 sending has waited 2.0 s for the peer: the stream's window is used up\n");
  for (int i = 0; i < 5; ++i) {
    asking.open_window(asking.streams[0], 1000);
    asking.wait(2s);
  }
  CHECK(asking.told().empty());
  asking.client.transport_lost();
}

TEST_CASE("output that nobody takes is told of the connection, and not of each of its streams") {
  Asking asking(8);
  asking.wait(0s);
  for (int i = 0; i < 5; ++i) asking.ask();
  asking.wait(2s);
  CHECK(asking.told() ==
        "connection sending has waited 2.0 s for the transport: the transport has not taken the "
        "output; streams open: 5\n");
}

TEST_CASE("content that is ready and that nobody polls waits for the transport, too") {
  Asking asking(8);
  asking.wait(0s);
  asking.greet();
  asking.ask(h2::EndStream::no);
  asking.take();
  REQUIRE(asking.client.send_copy(asking.streams[0], std::as_bytes(std::span("content")), h2::EndStream::no));
  CHECK(asking.client.explain(h2::kConnection)->sending.what == h2::Holdup::nothing);
  asking.wait(1s);
  asking.wait(1s);
  CHECK(asking.told() ==
        "connection sending has waited 2.0 s for the transport: the transport has not taken the output; "
        "streams open: 1\n");
  asking.wait(1s);
  CHECK(asking.told() == "");
}

TEST_CASE("it is the engine's layer that is asked: under TLS, what the connection has framed may wait as ciphertext") {
  Asking asking(8);
  asking.wait(0s);
  asking.greet();
  asking.ask();
  asking.take();
  asking.instead = h2::Explanation{{h2::Holdup::output, h2::Actor::transport, asking.now}, {}};
  asking.wait(1s);
  CHECK(asking.told().empty());
  asking.wait(1s);
  CHECK(asking.told() ==
        "connection sending has waited 2.0 s for the transport: the transport has not taken the output; "
        "streams open: 1\n");
}

TEST_CASE("of many streams that stall at once a few are named, and the others counted") {
  Asking asking(3);
  asking.wait(0s);
  asking.greet();
  for (int i = 0; i < 50; ++i) asking.ask();
  asking.take();
  asking.wait(2s);
  const std::string told = asking.told();
  CHECK(count_of_lines(told) == 4);
  CHECK(told.find("5 receiving has waited 2.0 s for the peer: the peer sends nothing\n"
                  "connection 47 more streams stand still\n") != told.npos);
  asking.wait(1s);
  CHECK(asking.told().empty());
  asking.ask();
  asking.take();
  asking.wait(2s);
  CHECK(count_of_lines(asking.told()) == 1);
}

TEST_CASE("nothing is looked at while nothing is open") {
  Asking asking(8);
  asking.take();
  asking.wait(0s);
  CHECK_FALSE(asking.stalls.deadline());
  asking.ask();
  CHECK(asking.stalls.deadline() == asking.now + 1s);
}

TEST_CASE("the counters fit in one line") {
  h2::Counters counters;
  counters.bytes_received = 7;
  counters.windows_grown = 3;
  const std::string line = sentence(counters);
  CHECK(line.starts_with("bytes received 7, sent 0, "));
  CHECK(line.ends_with(", windows grown 3"));
}

}  // namespace
