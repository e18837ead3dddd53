// A WebSocket as octets in and octets out: what its frames give, in any cuts, and what it holds.
#include <tools/websocket.h>

#include <doctest/doctest.h>

using namespace tools;

namespace {

using Octets = std::string;

/// As a client sends it, with a mask of zeros, which leaves the payload as it is.
Octets frame(unsigned first, std::string_view payload) {
  Octets octets{static_cast<char>(first), static_cast<char>(0x80 | payload.size())};
  REQUIRE(payload.size() < 126);
  return octets.append(4, '\0').append(payload);
}

struct Peer {
  WebSocketEcho socket;
  Octets said;
  std::size_t freed = 0;
  bool lent = false, last = false;

  void push(std::string_view octets) { freed += socket.push(std::as_bytes(std::span(octets))); }
  /// Takes all that the socket says.
  void take() {
    while (const auto piece = socket.next(Content::kBlockBytes)) {
      REQUIRE(!piece->broken);
      said.append(reinterpret_cast<const char*>(piece->bytes.data()), piece->bytes.size());
      last = piece->last;
      freed += socket.done();
      if (last) return;
    }
  }
};

}  // namespace

TEST_CASE("messages, fragments, pings and the close come back in any cuts") {
  const Octets input = frame(0x81, "text") + frame(0x02, "in ") + frame(0x89, "ping") + frame(0x80, "two") +
                       frame(0x8a, "pong") + frame(0x82, "") + frame(0x88, "\x03\xe8 bye") + frame(0x81, "too late");
  const Octets wanted("\x81\x04text\x8a\x04ping\x82\x06in two\x82\x00\x88\x06\x03\xe8 bye", 30);
  for (const std::size_t cut : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, input.size()}) {
    CAPTURE(cut);
    Peer peer;
    for (std::size_t at = 0; at < input.size(); at += cut) {
      peer.push(std::string_view(input).substr(at, cut));
      if (!peer.last) peer.take();
    }
    CHECK(peer.last);
    CHECK(peer.freed == input.size());
    CHECK(peer.socket.room() == WebSocketEcho::kCapacity);
    CHECK(peer.said == wanted);
  }
}

TEST_CASE("nothing is read while an echo waits") {
  Peer peer;
  Octets input;
  while (input.size() < 60000) input += frame(0x81, std::string(100, 'x'));
  peer.push(input);
  CHECK(peer.freed == 106);  // the first
  peer.push(frame(0x81, "more"));
  CHECK(peer.freed == 106);
  CHECK(peer.socket.room() == WebSocketEcho::kCapacity - (input.size() + 10 - 106));
  peer.take();
  CHECK(peer.freed == input.size() + 10);
  CHECK(peer.said.ends_with("\x81\x04more"));
}

TEST_CASE("a message of 65536 octets is taken, and one octet more is refused with 1009") {
  for (const bool more : {false, true}) {
    Peer peer;
    const Octets piece = frame(0x00, std::string(64, 'x'));
    peer.push(frame(0x02, ""));
    for (int i = 0; i < 1024; ++i) peer.push(piece);
    peer.push(frame(0x80, more ? "x" : ""));
    peer.take();
    CHECK(peer.last == more);
    CHECK(peer.said.substr(0, 1) == (more ? "\x88" : "\x82"));
    if (more) CHECK(peer.said.substr(2, 2) == "\x03\xf1");
    if (!more) CHECK(peer.said.size() == 65536 + 10);
  }
}

TEST_CASE("the end of the input ends the socket behind the echoes that wait") {
  Peer peer;
  peer.push(frame(0x81, "last words") + frame(0x01, "unfinished"));
  peer.socket.finish();
  peer.take();
  CHECK(peer.last);
  CHECK(peer.said == "\x81\x0alast words");
}

TEST_CASE("a server that ends says Close, 1001, and listens no more") {
  Peer peer;
  peer.socket.going_away();
  peer.take();
  CHECK(peer.last);
  CHECK(peer.said.substr(0, 1) == "\x88");
  CHECK(peer.said.substr(2, 2) == "\x03\xe9");
  peer.push(frame(0x81, "unheard") + frame(0x88, "\x03\xe9"));
  CHECK(peer.freed == 13 + 8);
}
