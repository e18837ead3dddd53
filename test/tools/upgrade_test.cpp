// The change to HTTP/2 without TLS, on both sides: what came in the same breath as the last HTTP/1.1 stays readable.
#include <tools/cleartext.h>
#include <tools/upgrading_client.h>

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <variant>
#include <vector>

#include <h2core/frame.h>

using namespace tools;

namespace {

const h2::Request kRequest{"GET", "http", "example.com", "/", {}, {}};

std::string frame(h2::FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::byte header[h2::kFrameHeaderBytes];
  h2::write_frame_header(header, {static_cast<std::uint32_t>(payload.size()), type, flags, h2::StreamId{stream}});
  return std::string(reinterpret_cast<const char*>(header), sizeof header).append(payload);
}

std::string settings() { return frame(h2::FrameType::settings, 0, 0, ""); }
std::string data(std::uint32_t stream, std::string_view text, std::uint8_t flags = 0) {
  return frame(h2::FrameType::data, flags, stream, text);
}

std::string text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// All content that is told, each piece read when its event is there.
template <class Engine>
std::vector<std::string> contents(Engine& engine, std::string_view bytes) {
  std::vector<std::string> found;
  ByteView input = std::as_bytes(std::span(bytes));
  while (const auto event = engine.receive(input)) {
    const auto* inner = std::get_if<h2::Event>(&*event);
    const auto* piece = inner != nullptr ? std::get_if<h2::DataReceived>(inner) : nullptr;
    if (piece != nullptr) found.push_back(text_of(piece->data));
  }
  return found;
}

}  // namespace

TEST_CASE("a client reads what a server sent behind its 101, piece by piece") {
  UpgradingClient client({.role = h2::Role::client}, std::chrono::seconds(10));
  REQUIRE(client.upgrade(kRequest, nullptr));
  const std::string answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n" +
                             settings() + frame(h2::FrameType::headers, h2::flags::end_headers, 1, "\x88") +
                             data(1, "first ") + data(1, "second, which is longer ") +
                             data(1, "third", h2::flags::end_stream);
  CHECK(contents(client, answer) == std::vector<std::string>{"first ", "second, which is longer ", "third"});
}

TEST_CASE("a server reads what a client sent behind its request, piece by piece, and only when replies are read") {
  h2::Config config;
  config.max_queued_output = 100;
  Cleartext server(config);
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  ByteView input = std::as_bytes(std::span(request));
  while (server.receive(input)) continue;
  std::string rest(h2::kClientPreface);
  rest += settings();
  rest += frame(h2::FrameType::headers, h2::flags::end_headers, 3, std::string("\x83\x86\x84\x01\x01") + "a");
  rest += data(3, "first ") + data(3, "second, which is longer ");
  for (int i = 0; i < 20; ++i) rest += frame(h2::FrameType::ping, 0, 0, "12345678");
  rest += data(3, "third", h2::flags::end_stream);
  REQUIRE(server.upgrade(kRequest, {}, std::as_bytes(std::span(rest))));
  CHECK(contents(server, "") == std::vector<std::string>{"first ", "second, which is longer "});
  std::array<ByteView, 8> slices;
  std::size_t bytes = 0;
  for (std::size_t i = 0, count = server.poll_output(slices); i < count; ++i) bytes += slices[i].size();
  server.consume_output(bytes);
  CHECK(contents(server, "") == std::vector<std::string>{});  // some more of the PINGs
  for (int round = 0; round < 8; ++round) {
    bytes = 0;
    for (std::size_t i = 0, count = server.poll_output(slices); i < count; ++i) bytes += slices[i].size();
    server.consume_output(bytes);
    const auto found = contents(server, "");
    if (found.empty()) continue;
    CHECK(found == std::vector<std::string>{"third"});
    return;
  }
  FAIL("the rest was lost");
}
