// Memory: none is asked for once a connection is warm, running out is an ordinary end, and all of it comes back.
#include <array>

#include <hpack/encoder.h>

#include "harness.h"

namespace h2::test {
namespace {

// A client and a server, and pipes of fixed size between them, so that only the engine could call the heap.
class Bench {
 public:
  static constexpr Field kRequestFields[] = {
      {"user-agent", "bench/1"}, {"accept", "*/*"}, {"cookie", "a=b; session=0123456789"}};
  static constexpr Field kResponseFields[] = {{"content-type", "text/html"}, {"server", "bench"}};

  Bench(Allocator client, Allocator server)
      : client_(config(Role::client, client)), server_(config(Role::server, server)) {
    advance(0s);
    pump();
  }

  bool request(bool with_body) {
    Request request = with_body ? kPost : kGet;
    request.fields = kRequestFields;
    const auto stream = client_.send_request(request, with_body ? EndStream::no : EndStream::yes);
    if (!stream) return false;
    if (with_body && !client_.send_data(*stream, body_, Token{1}, EndStream::yes)) return false;
    pump();
    return true;
  }
  void pump() {
    for (bool moved = true; moved;) {
      const bool up = move(client_, server_), down = move(server_, client_);
      moved = up || down;
    }
  }
  bool over() const {
    return client_.transport_wish() != TransportWish::open || server_.transport_wish() != TransportWish::open;
  }
  std::uint64_t answered = 0, failures = 0;
  Violation client_violation = Violation::none, server_violation = Violation::none;
  Connection& client() { return client_; }
  Connection& server() { return server_; }
  void advance(Duration by) { advance_to(now_ + by); }
  void advance_to(TimePoint time) {
    now_ = time;
    client_.advance_time(now_);
    server_.advance_time(now_);
  }

 private:
  static Config config(Role role, Allocator allocator) {
    Config config;
    config.role = role;
    config.allocator = allocator;
    return config;
  }

  void on(Connection& self, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      if (!self.send_response(request->stream, 200, kResponseFields, EndStream::no)) return;
      (void)self.send_data(request->stream, body_, Token{2}, EndStream::yes);
    } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
      self.consume(piece->stream, piece->data.size());
    } else if (const auto* closed = std::get_if<StreamClosed>(&event)) {
      if (&self == &client_ && closed->code == ErrorCode::no_error) ++answered;
    } else if (const auto* failed = std::get_if<ConnectionFailed>(&event)) {
      ++failures;
      (&self == &client_ ? client_violation : server_violation) = failed->violation;
    }
  }
  void drain(Connection& self, ByteView input) {
    while (const auto event = self.receive(input)) on(self, *event);
  }
  bool move(Connection& from, Connection& to) {
    drain(from, {});
    std::array<ByteView, 8> slices;
    const std::size_t n = from.poll_output(slices);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) {
      drain(to, slices[i]);
      bytes += slices[i].size();
    }
    from.consume_output(bytes);
    drain(from, {});
    return bytes > 0;
  }

  Connection client_, server_;
  TimePoint now_{1h};
  std::array<std::byte, 3000> body_{};
};

TEST_CASE("a warm connection asks for no memory, whatever request comes") {
  TestMemory client, server;
  Bench bench(client.allocator(), server.allocator());
  for (int i = 0; i < 500; ++i) REQUIRE(bench.request(i % 2 == 0));
  const std::uint64_t calls = client.calls + server.calls;
  const std::uint64_t heap = heap_calls();
  for (int i = 0; i < 2000; ++i) bench.request(i % 2 == 0);
  const std::uint64_t heap_after = heap_calls();
  CHECK(client.calls + server.calls == calls);
  CHECK(heap_after == heap);
  CHECK(bench.answered == 2500);
  CHECK(bench.failures == 0);
}

TEST_CASE("the engine takes no memory but its allocator's") {
  TestMemory client, server;
  const std::uint64_t before = heap_calls();
  {
    Bench bench(client.allocator(), server.allocator());
    for (int i = 0; i < 100; ++i) bench.request(true);
  }
  CHECK(heap_calls() - before == client.calls + server.calls);
  CHECK(client.live_bytes == 0);
  CHECK(server.live_bytes == 0);
}

/// What two trimmed coders hold that have seen the requests and the responses of a Bench.
std::size_t table_bytes() {
  hpack::Encoder requests({}), responses({});
  hpack::Decoder decoder({});
  Bytes block(4096);
  const Field request[] = {{":method", "POST"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}};
  block.resize(requests.encode(request, block));
  decoder.begin(block);
  for (Field field; decoder.next(field) == hpack::Decoder::Step::field;) continue;
  block.resize(4096);
  block.resize(requests.encode(Bench::kRequestFields, block));
  decoder.begin(block);
  for (Field field; decoder.next(field) == hpack::Decoder::Step::field;) continue;
  block.resize(4096);
  static_cast<void>(responses.encode(Bench::kResponseFields, block));
  decoder.trim();
  responses.trim();
  CHECK(decoder.entry_count() == 4);
  CHECK(responses.entry_count() == 2);
  return decoder.heap_bytes() + responses.heap_bytes();
}

/// A server's allocations, and what it holds, through a life of requests and silence.
struct IdleLife {
  TestMemory client_memory, server_memory;
  std::optional<Bench> bench;
  IdleLife() { bench.emplace(client_memory.allocator(), server_memory.allocator()); }
  std::uint64_t held() const { return server_memory.live_bytes; }
};

TEST_CASE("a fresh connection that waits holds at most 1.5 KiB") {
  IdleLife life;
  CHECK(life.held() + sizeof(Connection) <= 1536);
  CHECK(life.client_memory.live_bytes + sizeof(Connection) <= 1536);
}

TEST_CASE("a connection that has served and gone idle holds 2 KiB and its HPACK tables, without another byte") {
  IdleLife life;
  for (int i = 0; i < 500; ++i) REQUIRE(life.bench->request(i % 2 == 0));
  CHECK(life.held() > 4096);
  life.bench->advance(500ms);
  CHECK(life.held() > 4096);
  const auto deadline = life.bench->server().deadline();
  REQUIRE(deadline);
  life.bench->advance_to(*deadline);
  CHECK(life.held() + sizeof(Connection) <= 2048 + table_bytes());
  CHECK(life.bench->server().deadline() != deadline);
  const std::uint64_t calls = life.server_memory.calls;
  life.bench->advance(60s);
  CHECK(life.server_memory.calls == calls);
  REQUIRE(life.bench->request(true));
}

/// A server with memory of a test's and a clock that stands; it answers every request with 204.
struct Fed {
  void feed(const Bytes& bytes) {
    server.advance_time(now);
    ByteView input = bytes;
    while (const auto event = server.receive(input)) {
      REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
      if (const auto* request = std::get_if<RequestReceived>(&*event))
        REQUIRE(server.send_response(request->stream, 204, {}, EndStream::yes));
    }
    take_output(server);
  }
  void pass(Duration time) {
    now += time;
    feed({});
  }

  TestMemory memory;
  Connection server{Config{.allocator = memory.allocator()}};
  TimePoint now{1h};
};

TEST_CASE("what a block took that opened no stream is given back as well") {
  Fed fed;
  fed.feed(client_preface() + settings({}) + settings_ack());
  fed.pass(5s);
  const std::uint64_t before = fed.memory.live_bytes;
  const Bytes many(16000, std::byte{0x82});  // answered by 431
  fed.feed(frame(FrameType::headers, kEnd, 1, many) + frame(FrameType::continuation, flags::end_headers, 1, many));
  CHECK(fed.memory.live_bytes > 30000);
  REQUIRE(fed.server.deadline() == fed.now + 1s);
  fed.pass(1s);
  CHECK(fed.memory.live_bytes <= before + 1024);  // both coders stay, and what is remembered of the stream
  CHECK_FALSE(fed.server.deadline());
}

TEST_CASE("a frame that should not be empty, before an idle time, holds no memory through it") {
  Fed fed;
  std::uint64_t held[2];
  for (const bool odd : {false, true}) {
    const std::uint32_t stream = odd ? 3 : 1;
    fed.feed(odd ? Bytes() : client_preface() + settings({}) + settings_ack());
    fed.feed(headers(stream, get(), kEnd) + (odd ? frame(FrameType::priority, 0, stream, {}) : Bytes()));
    CHECK(fed.server.deadline() == fed.now + 1s);
    fed.pass(1s);
    CHECK_FALSE(fed.server.deadline());
    held[odd] = fed.memory.live_bytes;
  }
  CHECK(held[1] <= held[0]);
}

/// A server with memory of a test's, and streams that have the head of their response.
struct Answering {
  explicit Answering(std::uint32_t copy_bound = Config{}.copy_bound) : server(config(memory, copy_bound)) {
    Bytes input = client_preface() + settings({}) + settings_ack();
    for (std::uint32_t stream = 1; stream < 2 * kStreams; stream += 2) input = input + headers(stream, get(), kEnd);
    ByteView rest = input;
    while (const auto event = server.receive(rest)) {
      if (const auto* request = std::get_if<RequestReceived>(&*event))
        REQUIRE(server.send_response(request->stream, 200, {}, EndStream::no));
    }
    take_output(server);
  }
  static Config config(TestMemory& memory, std::uint32_t copy_bound) {
    return {.copy_bound = copy_bound, .allocator = memory.allocator()};
  }

  static constexpr std::uint32_t kStreams = 100;
  TestMemory memory;
  Connection server;
};

TEST_CASE("a copy of nothing takes no memory") {
  const Bytes content(10);
  for (const std::uint32_t copy_bound : {0U, 100U}) {
    CAPTURE(copy_bound);
    Answering of(copy_bound);
    const std::uint64_t calls = of.memory.calls;
    CHECK(of.server.send_copy(StreamId{1}, ByteView(content).first(copy_bound > 0 ? 0 : 10), EndStream::no).value() ==
          0);
    CHECK(of.memory.calls == calls);
  }
}

TEST_CASE("content that memory fails for leaves nothing behind") {
  const Bytes little(10), much(10000);
  Answering of;
  const auto copy = [&](std::uint32_t stream, const Bytes& content) {
    return of.server.send_copy(StreamId{stream}, content, EndStream::no).has_value();
  };
  const auto lend = [&](std::uint32_t stream) {
    return of.server.send_data(StreamId{stream}, little, Token{}, EndStream::no).has_value();
  };
  const auto take_all = [&] {
    take_output(of.server);
    ByteView none;
    while (of.server.receive(none)) continue;
  };
  REQUIRE(copy(1, little));  // records come in pages of sixteen, the first ones are here, and a small buffer
  take_all();
  for (int i = 0; i < 16; ++i) REQUIRE(lend(1));
  of.memory.fail_at = of.memory.calls;
  for (std::uint32_t stream = 3; stream < 99; stream += 2) {
    CHECK_FALSE(copy(stream, much));
    CHECK_FALSE(lend(stream + 98));
  }
  of.memory.fail_at = ~std::uint64_t{0};
  take_all();
  const std::uint64_t calls = of.memory.calls;
  CHECK(copy(197, little));
  CHECK(lend(199));
  CHECK(of.memory.calls == calls);
}

TEST_CASE("an echo of single octets copies them into few buffers") {
  TestMemory memory;
  Config config;
  config.allocator = memory.allocator();
  Connection server(config);
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input)) {
      if (const auto* request = std::get_if<RequestReceived>(&*event))
        REQUIRE(server.send_response(request->stream, 200, {}, EndStream::no));
      if (const auto* piece = std::get_if<DataReceived>(&*event)) {
        REQUIRE(server.send_copy(piece->stream, piece->data, piece->end).value() == piece->data.size());
        server.consume(piece->stream, piece->data.size());
      }
    }
  };
  feed(client_preface() + settings({{SettingId::initial_window_size, 0}}) + settings_ack() + headers(1, post()));
  take_output(server);
  const std::uint64_t before = memory.live_bytes;
  std::string sent;
  for (int i = 0; i < 60000; ++i) {
    sent.push_back(static_cast<char>('a' + i % 26));
    feed(data(1, sent.substr(sent.size() - 1), i == 59999 ? kEnd : std::uint8_t{0}));
  }
  CHECK(memory.live_bytes - before <= 2 * config.copy_bound);
  feed(window_update(1, 70000));
  std::string got;
  for (const Frame& each : frames(take_output(server, 1 << 20)))
    if (each.header.type == FrameType::data) got += text_of(each.payload);
  CHECK(got == sent);
}

TEST_CASE("an observer sees a frame that is larger than a block of the output as it is sent") {
  Config config{.role = Role::client};
  config.max_settings_entries = 3000;
  std::size_t entries = 0;
  config.observer = {&entries, [](void* context, const FrameNote& note) noexcept {
                       if (note.header.type == FrameType::settings && note.direction == Direction::sent)
                         *static_cast<std::size_t*>(context) = note.payload.size() / 6;
                     }};
  Connection client(config);
  const std::vector<Setting> many(1500, Setting{SettingId::max_frame_size, 20000});
  REQUIRE(client.send_settings(many));
  CHECK(entries == 1500);
  CHECK(frames(take_output(client)).back().payload.size() == 9000);
}

TEST_CASE("whichever allocation fails, the connection ends cleanly and all memory comes back") {
  for (const bool once : {false, true}) {
    CAPTURE(once);
    std::uint64_t needed = 0;
    for (std::uint64_t fail_at = 0; fail_at <= needed; ++fail_at) {
      CAPTURE(fail_at);
      for (const Role failing : {Role::client, Role::server}) {
        TestMemory client, server;
        TestMemory& weak = failing == Role::client ? client : server;
        weak.fail_once = once;
        if (fail_at > 0) weak.fail_at = fail_at - 1;
        {
          Bench bench(client.allocator(), server.allocator());
          for (int i = 0; i < 6; ++i) bench.request(i % 2 == 0);
          if (fail_at == 0) {
            CHECK(bench.answered == 6);
          } else if (bench.failures > 0) {
            const Violation told = failing == Role::client ? bench.client_violation : bench.server_violation;
            CHECK((told == Violation::out_of_memory || told == Violation::none));
          } else {
            // A call said so, and the connection lives; or nothing was lost.
            CHECK(bench.answered <= 6);
          }
        }
        CHECK(client.live_bytes == 0);
        CHECK(server.live_bytes == 0);
        if (fail_at == 0) needed = std::max(needed, weak.calls);
      }
    }
    CHECK(needed > 5);
  }
}

TEST_CASE("a connection that never had memory says so by its first event") {
  TestMemory memory;
  memory.fail_at = 0;
  for (const Role role : {Role::client, Role::server}) {
    Config config;
    config.role = role;
    config.allocator = memory.allocator();
    Connection connection(config);
    CHECK(connection.has_event());
    ByteView none;
    const auto event = connection.receive(none);
    REQUIRE(event);
    const auto* failed = std::get_if<ConnectionFailed>(&*event);
    REQUIRE(failed != nullptr);
    CHECK(failed->violation == Violation::out_of_memory);
    CHECK(failed->section == describe(Violation::out_of_memory).section);
    const Bytes junk(1000);
    ByteView input = junk;
    CHECK_FALSE(connection.receive(input));
    CHECK(input.empty());
    // Every call is still safe.
    std::array<ByteView, 4> slices;
    CHECK(connection.poll_output(slices) == 0);
    connection.consume_output(0);
    connection.advance_time(TimePoint{1h});
    connection.shutdown(Shutdown::graceful);
    connection.consume(StreamId{1}, 5);
    connection.release(StreamId{1});
    CHECK_FALSE(connection.send_request(kGet, EndStream::yes));
    CHECK_FALSE(connection.ping(Token{1}));
    CHECK_FALSE(connection.send_settings({}));
    CHECK_FALSE(connection.window(StreamId{1}));
    CHECK(connection.open_streams() == 0);
    (void)connection.peer_settings();
    (void)connection.counters();
    connection.receive_eof();
    connection.transport_lost();
    CHECK(connection.transport_wish() == TransportWish::close);
    connection.abandon([](Token) {});
  }
  CHECK(memory.live_bytes == 0);
}

TEST_CASE("a connection can be moved, and the one that was moved from can be assigned and destroyed") {
  TestMemory memory;
  {
    Config config;
    config.role = Role::client;
    config.allocator = memory.allocator();
    Connection first(config);
    REQUIRE(first.send_request(kGet, EndStream::yes));
    Connection second(std::move(first));
    CHECK(second.has_output());
    CHECK(second.open_streams() == 1);
    Connection third(config);
    third = std::move(second);
    CHECK(third.open_streams() == 1);
    CHECK(find(frames(take_output(third)), FrameType::headers, 1));
    first = Connection(config);
    CHECK(first.has_output());
  }
  CHECK(memory.live_bytes == 0);
}

}  // namespace
}  // namespace h2::test
