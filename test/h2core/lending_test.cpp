// Output slices and lent memory: committed is committed, and what was lent comes back exactly once.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

std::vector<Seen> drain(Connection& connection, ByteView input = {}) {
  std::vector<Seen> events;
  while (const auto event = connection.receive(input)) append(events, own(*event));
  CHECK(input.empty());
  return events;
}

struct Client {
  explicit Client(const Bytes& more = {}, Config config = {})
      : connection([&] {
          config.role = Role::client;
          return config;
        }()) {
    connection.advance_time(TimePoint{1h});
    drain(connection, settings({}) + settings_ack() + more);
    take_output(connection);
  }
  Connection connection;
};

TEST_CASE("polling commits: the same bytes at the same place until they are consumed") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(5000, std::byte{'b'});
  REQUIRE(c.send_request(kPost, EndStream::no));
  REQUIRE(c.send_data(one, body, Token{1}, EndStream::no));
  std::array<ByteView, 16> first, again;
  const std::size_t n = c.poll_output(first);
  REQUIRE(n > 0);
  Bytes before;
  for (std::size_t i = 0; i < n; ++i) before = std::move(before) + Bytes(first[i].begin(), first[i].end());
  // More is committed behind; what was handed out stays.
  REQUIRE(c.send_request(kPost, EndStream::no));
  drain(c, ping(7) + window_update(0, 10) + settings({{SettingId::initial_window_size, 100}}));
  REQUIRE(c.reset(StreamId{3}, ErrorCode::cancel));
  const std::size_t m = c.poll_output(again);
  REQUIRE(m >= n);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    CHECK(again[i].data() == first[i].data());
    CHECK(again[i].size() == first[i].size());
  }
  CHECK(again[n - 1].data() == first[n - 1].data());
  CHECK(again[n - 1].size() >= first[n - 1].size());
  Bytes after;
  for (std::size_t i = 0; i < n; ++i) after = std::move(after) + Bytes(first[i].begin(), first[i].end());
  CHECK(after == before);
}

TEST_CASE("lent memory is sent from where it lies, and comes back when its last byte is consumed") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(100, std::byte{'b'});
  REQUIRE(c.send_request(kPost, EndStream::no));
  REQUIRE(c.send_data(one, body, Token{1}, EndStream::yes));
  std::array<ByteView, 16> slices;
  const std::size_t n = c.poll_output(slices);
  CHECK(std::any_of(slices.begin(), slices.begin() + static_cast<std::ptrdiff_t>(n),
                    [&](ByteView slice) { return slice.data() == body.data() && slice.size() == body.size(); }));
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < n; ++i) bytes += slices[i].size();
  c.consume_output(bytes - 1);
  CHECK(drain(c).empty());
  c.consume_output(1);
  CHECK(text_of(drain(c)) == "data_sent 1 token 1 sent\n");
}

TEST_CASE("at most max_bytes are committed, however the caller polls") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(60000);
  REQUIRE(c.send_request(kPost, EndStream::no));
  REQUIRE(c.send_data(one, body, Token{1}, EndStream::yes));
  std::array<ByteView, 64> slices;
  for (int round = 0; round < 3; ++round) {
    const std::size_t n = c.poll_output(slices, 20000);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) bytes += slices[i].size();
    CHECK(bytes <= 20000);
    CHECK(bytes > 0);
  }
}

TEST_CASE("one slice at a time is as good as many") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(10000, std::byte{'x'});
  REQUIRE(c.send_request(kPost, EndStream::no));
  REQUIRE(c.send_data(one, body, Token{1}, EndStream::yes));
  Bytes all;
  ByteView slice;
  while (c.poll_output({&slice, 1}) == 1) {
    all.push_back(slice[0]);
    c.consume_output(1);
  }
  const auto sent = frames(all);
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].payload == body);
  CHECK(sent[1].header.has(flags::end_stream));
}

TEST_CASE("a reset finishes the frame that is committed and drops the rest") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(60000, std::byte{'x'});
  REQUIRE(c.send_request(kPost, EndStream::no));
  REQUIRE(c.send_data(one, body, Token{1}, EndStream::yes));
  std::array<ByteView, 16> slices;
  REQUIRE(c.poll_output(slices, 20000) > 0);
  c.consume_output(1000);
  REQUIRE(c.reset(one, ErrorCode::cancel));
  CHECK(of_kind(drain(c), Kind::data_sent).empty());  // the committed part still lies there
  Bytes rest = take_output(c);
  CHECK(text_of(drain(c)) == "data_sent 1 token 1 dropped\nclosed 1 CANCEL maybe processed\n");
  CHECK(rest.size() < 25000);
  CHECK(Bytes(rest.end() - 13, rest.end()) == rst(1, ErrorCode::cancel));
}

TEST_CASE("when the transport is lost all memory comes back, dropped") {
  Client client;
  Connection& c = client.connection;
  const Bytes body(60000);
  REQUIRE(c.send_request(kPost, EndStream::no));
  for (std::uint64_t i = 1; i <= 3; ++i) REQUIRE(c.send_data(one, body, Token{i}, EndStream::no));
  std::array<ByteView, 16> slices;
  REQUIRE(c.poll_output(slices) > 0);
  c.transport_lost();
  CHECK_FALSE(c.has_output());
  CHECK(c.poll_output(slices) == 0);
  const auto back = of_kind(drain(c), Kind::data_sent);
  REQUIRE(back.size() == 3);
  for (const Seen& each : back) CHECK(each.outcome == DataOutcome::dropped);
}

TEST_CASE("abandon hands back all that is lent, once") {
  const Bytes body(60000);
  std::vector<std::uint64_t> tokens;
  {
    Client client;
    Connection& c = client.connection;
    REQUIRE(c.send_request(kPost, EndStream::no));
    REQUIRE(c.send_request(kPost, EndStream::no));
    for (std::uint64_t i = 1; i <= 4; ++i) {
      REQUIRE(c.send_data(i % 2 == 0 ? one : StreamId{3}, body, Token{i}, EndStream::no));
    }
    std::array<ByteView, 16> slices;
    REQUIRE(c.poll_output(slices) > 0);
    c.abandon([&](Token token) { tokens.push_back(token.value); });
    c.abandon([&](Token token) { tokens.push_back(token.value); });
  }
  std::sort(tokens.begin(), tokens.end());
  CHECK(tokens == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("an upload of 1 GiB gets its memory back with no input between two WINDOW_UPDATEs") {
  Client client(settings({{SettingId::initial_window_size, 0x7fffffff}}) + window_update(0, 0x7fffffff - 65535));
  Connection& c = client.connection;
  const Bytes mebibyte(1 << 20, std::byte{'m'});
  REQUIRE(c.send_request(kPost, EndStream::no));
  std::uint64_t lent = 0, back = 0, wire_bytes = 0;
  ByteView none;
  std::array<ByteView, 16> slices;
  while (back < 1024) {
    while (lent < 1024 && lent - back < 4) {
      REQUIRE(c.send_data(one, mebibyte, Token{lent}, lent == 1023 ? EndStream::yes : EndStream::no));
      ++lent;
    }
    const std::size_t n = c.poll_output(slices);
    REQUIRE(n > 0);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) bytes += slices[i].size();
    wire_bytes += bytes;
    c.consume_output(bytes);
    while (const auto event = c.receive(none)) {
      const auto* sent = std::get_if<DataSent>(&*event);
      REQUIRE(sent != nullptr);
      CHECK(sent->token == Token{back});
      CHECK(sent->outcome == DataOutcome::sent);
      ++back;
    }
  }
  CHECK_FALSE(c.has_output());
  CHECK(wire_bytes > std::uint64_t{1} << 30);
  CHECK(c.window(one)->send_window == 0x7fffffff - (1 << 30));
  CHECK(c.counters().data_bytes_sent == std::uint64_t{1} << 30);
}

TEST_CASE("if a stream has data, both windows are open and output is taken, some stream goes on") {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    Client client(settings({{SettingId::initial_window_size, 1 + below(5000)}}));
    Connection& c = client.connection;
    TimePoint now{1h};
    std::vector<Bytes> bodies;
    std::uint64_t lent = 0, back = 0;
    for (std::uint32_t i = 0; i < 10; ++i) {
      REQUIRE(c.send_request(kPost, EndStream::no));
      bodies.emplace_back(below(20000));
    }
    for (std::uint32_t i = 0; i < 10; ++i) {
      REQUIRE(c.send_data(StreamId{2 * i + 1}, bodies[i], Token{lent++}, EndStream::yes));
    }
    for (int round = 0; back < lent && round < 100000; ++round) {
      const std::uint64_t before = c.counters().data_bytes_sent;
      const bool open = c.window(kConnection)->send_window > 0;
      bool waits = false;
      for (std::uint32_t i = 0; i < 10; ++i) {
        const auto view = c.window(StreamId{2 * i + 1});
        waits = waits || (view && view->queued > 0 && view->send_window > 0);
      }
      take_output(c);
      now += 1s;  // beyond what a small window may be held back for
      c.advance_time(now);
      take_output(c);
      if (open && waits) REQUIRE(c.counters().data_bytes_sent > before);
      for (const Seen& event : drain(c)) back += event.kind == Kind::data_sent ? 1U : 0U;
      if (below(2) == 0) drain(c, window_update(0, 1 + below(3000)));
      drain(c, window_update(1 + 2 * below(10), 1 + below(3000)));
    }
    CHECK(back == lent);
  }
}

// A model of a transport that holds slices across other calls, and of a caller that scribbles on memory as soon as it
// is its own again.
class Juggler {
 public:
  explicit Juggler(std::uint32_t seed)
      : random_(seed),
        client_(settings({{SettingId::initial_window_size, 20000}, {SettingId::max_concurrent_streams, 6}})) {}

  void play(int calls) {
    for (int i = 0; i < calls; ++i) {
      turn();
      hear();
      look();
    }
    client_.connection.transport_lost();
    held_.clear();
    hear();
    for (const auto& [token, block] : blocks_) CHECK(block.back);
    CHECK(client_.connection.open_streams() == 0);
  }

 private:
  struct Block {
    std::unique_ptr<Bytes> bytes;
    bool back = false;
  };
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  StreamId some_stream() { return StreamId{1 + 2 * below(std::max(1U, opened_))}; }

  void turn() {
    Connection& c = client_.connection;
    switch (below(12)) {
      case 0:
        if (c.open_streams() < 12 && c.send_request(kPost, EndStream::no)) ++opened_;
        break;
      case 1:
      case 2:
      case 3: lend(); break;
      case 4: (void)c.reset(some_stream(), ErrorCode::cancel); break;
      case 5: {
        const StreamId stream = some_stream();
        if (stream.value < 1 + 2 * opened_ && below(3) == 0 && on_wire(stream))
          feed(rst(stream.value, ErrorCode::cancel));
        break;
      }
      case 6: feed(window_update(0, 1 + below(30000))); break;
      case 7:
        if (const StreamId stream = some_stream(); on_wire(stream)) feed(window_update(stream.value, 1 + below(5000)));
        break;
      case 8: poll(); break;
      case 9: poll(); break;
      case 10: take(); break;
      default:
        if (below(2) == 0) feed(ping(below(1000)));
        if (below(10) == 0) feed(settings({{SettingId::initial_window_size, below(30000)}}));
        c.advance_time(now_ += 5ms);
        break;
    }
  }

  void lend() {
    Block block{std::make_unique<Bytes>(below(4) == 0 ? 0 : below(9000))};
    for (std::byte& each : *block.bytes) each = static_cast<std::byte>(random_());
    const std::uint64_t token = next_token_++;
    const bool end = below(5) == 0;
    if (client_.connection.send_data(some_stream(), *block.bytes, Token{token}, end ? EndStream::yes : EndStream::no)) {
      blocks_.emplace(token, std::move(block));
    }
  }

  void feed(const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = client_.connection.receive(input)) on(*event);
    REQUIRE(input.empty());
  }
  void hear() { feed({}); }

  void on(const Event& event) {
    if (std::holds_alternative<ConnectionFailed>(event)) REQUIRE(lost());
    if (const auto* sent = std::get_if<DataSent>(&event)) {
      const auto found = blocks_.find(sent->token.value);
      REQUIRE(found != blocks_.end());
      REQUIRE_FALSE(found->second.back);
      found->second.back = true;
      found->second.bytes.reset();  // freed at once: whoever still reads it is caught by the sanitizer
    }
    if (const auto* closed = std::get_if<StreamClosed>(&event)) REQUIRE(closed->stream.value < 1 + 2 * opened_);
  }
  bool lost() const { return client_.connection.transport_wish() == TransportWish::close; }
  bool on_wire(StreamId stream) const {
    return std::find(seen_on_wire_.begin(), seen_on_wire_.end(), stream) != seen_on_wire_.end();
  }

  void poll() {
    std::array<ByteView, 12> slices;
    const std::size_t n = client_.connection.poll_output(std::span(slices).first(1 + below(12)), 1 + below(40000));
    std::size_t at = 0;
    bool stayed = true;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < slices[i].size(); ++k, ++at) {
        if (at < held_.size()) {
          stayed = stayed && &slices[i][k] == held_[at].place;
        } else {
          held_.push_back({&slices[i][k], slices[i][k]});
        }
      }
    }
    REQUIRE(stayed);
  }

  void look() const {
    const bool same =
        std::all_of(held_.begin(), held_.end(), [](const Held& each) { return *each.place == each.byte; });
    REQUIRE(same);
  }

  void take() {
    const std::size_t bytes = below(static_cast<std::uint32_t>(held_.size()) + 1);
    for (std::size_t i = 0; i < bytes; ++i) wire_.push_back(held_[i].byte);
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(bytes));
    client_.connection.consume_output(bytes);
    while (wire_.size() >= kFrameHeaderBytes) {
      const FrameHeader header = read_frame_header(wire_.data());
      REQUIRE(header.length <= 16384);
      if (wire_.size() < kFrameHeaderBytes + header.length) return;
      if (header.type == FrameType::headers) seen_on_wire_.push_back(header.stream);
      wire_.erase(wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(kFrameHeaderBytes + header.length));
    }
  }

  struct Held {
    const std::byte* place;
    std::byte byte;
  };
  std::mt19937 random_;
  Client client_;
  std::map<std::uint64_t, Block> blocks_;
  std::vector<Held> held_;
  Bytes wire_;
  std::vector<StreamId> seen_on_wire_;
  std::uint32_t opened_ = 0;
  std::uint64_t next_token_ = 0;
  TimePoint now_{1h};
};

TEST_CASE("random calls between poll and consume move no byte that was handed out, and return each block once") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Juggler(seed).play(400);
  }
}

}  // namespace
}  // namespace h2::test
