// RFC 9113 5.1 and 6: every frame type in every state of a stream, for both roles and with every flag. The expected
// outcomes are written from the RFC. Where it leaves a choice, the smaller scope is expected.
#include "exhaustive_stages.h"

namespace h2::test {
namespace {

using enum State;

// Outcomes. Of the connection error each stage knows the last-stream-id.
constexpr const char* kDrop = "ignored";
constexpr const char* kFatal = "connection PROTOCOL_ERROR";
constexpr const char* kClosed = "stream STREAM_CLOSED";
constexpr const char* kGone = "stream STREAM_CLOSED, untold";
constexpr const char* kMalformed = "stream PROTOCOL_ERROR";
constexpr const char* kReset = "reset CANCEL, closed";
constexpr const char* kCredit = "credit";  // the send window grew by what the frame says
constexpr const char* kPush = "push 6";
constexpr const char* kRefused = "sent RST_STREAM 6 REFUSED_STREAM";

struct Cell {
  State state;
  const char *data, *data_end, *headers, *headers_end, *rst_stream, *window_update;
  const char* push_promise = kFatal;
};

// clang-format off
constexpr Cell kServer[] = {
    // state, then what comes of DATA, DATA with END_STREAM, HEADERS, HEADERS with END_STREAM, RST_STREAM,
    // WINDOW_UPDATE; PUSH_PROMISE is never a client's (8.4)
    // 5.1 idle: HEADERS and PRIORITY only; of the server's ids no HEADERS either
    {idle,                  kFatal,  kFatal,             "request",  "request end",      kFatal, kFatal},
    {idle_of_server,        kFatal,  kFatal,             kFatal,     kFatal,             kFatal, kFatal},
    // 5.1 reserved (local): RST_STREAM, PRIORITY, WINDOW_UPDATE only
    {reserved_local,        kFatal,  kFatal,             kFatal,     kFatal,             kReset, kCredit},
    // 8.1: a second HEADERS is a trailer section, and without END_STREAM malformed
    {open,                  "data",  "data end",         kMalformed, "trailers",         kReset, kCredit},
    {open_answered,         "data",  "data end",         kMalformed, "trailers",         kReset, kCredit},
    // 5.1 half-closed (local): anything may come; WINDOW_UPDATE could be ignored, but does no harm
    {half_closed_local,     "data",  "data end, closed", kMalformed, "trailers, closed", kReset, kCredit},
    // 5.1 half-closed (remote): WINDOW_UPDATE, PRIORITY and RST_STREAM; else STREAM_CLOSED
    {half_closed_remote,    kClosed, kClosed,            kClosed,    kClosed,            kReset, kCredit},
    {push_answered,         kClosed, kClosed,            kClosed,    kClosed,            kReset, kCredit},
    // 5.1 closed, 6.1: the peer had ended it; WINDOW_UPDATE and RST_STREAM may have been under way
    {ended,                 kGone,   kGone,              kGone,      kGone,              kDrop,  kDrop},
    {ended_unread,          kGone,   kGone,              kGone,      kGone,              kDrop,  kDrop},
    {push_ended,            kGone,   kGone,              kGone,      kGone,              kDrop,  kDrop},
    // 5.1 closed: after our RST_STREAM anything may have been under way
    {reset_by_us,           kDrop,   kDrop,              kDrop,      kDrop,              kDrop,  kDrop},
    {reset_by_us_after_end, kDrop,   kDrop,              kDrop,      kDrop,              kDrop,  kDrop},
    {push_reset_by_us,      kDrop,   kDrop,              kDrop,      kDrop,              kDrop,  kDrop},
    // 6.4: after its RST_STREAM the peer sends nothing but PRIORITY; 5.4.2: RST_STREAM is never answered by one
    {reset_by_peer,         kGone,   kGone,              kGone,      kGone,              kDrop,  kDrop},
    {push_reset_by_peer,    kGone,   kGone,              kGone,      kGone,              kDrop,  kDrop},
    // 5.1.1: closed, and its id cannot be used any more
    {passed_over,           kGone,   kGone,              kFatal,     kFatal,             kDrop,  kDrop},
    {forgotten,             kDrop,   kDrop,              kDrop,      kDrop,              kDrop,  kDrop},
};

constexpr Cell kClient[] = {
    // state, then what comes of DATA, DATA with END_STREAM, HEADERS, HEADERS with END_STREAM, RST_STREAM,
    // WINDOW_UPDATE, PUSH_PROMISE
    // 5.1 idle; 5.1.1: a server opens no stream by HEADERS, be the id even or odd
    {idle,                  kFatal,     kFatal,             kFatal,     kFatal,                 kFatal, kFatal},
    {idle_of_server,        kFatal,     kFatal,             kFatal,     kFatal,                 kFatal, kFatal},
    {waiting,               kFatal,     kFatal,             kFatal,     kFatal,                 kFatal, kFatal},
    // 5.1 reserved (remote): HEADERS, RST_STREAM, PRIORITY only
    {reserved_remote,       kFatal,     kFatal,             "response", "response end, closed", kReset, kFatal},
    // 8.1: content behind the response head, a second HEADERS behind it is a trailer section; 6.6: promises may come
    {open,                  kMalformed, kMalformed,         "response", "response end",         kReset, kCredit, kPush},
    {open_answered,         "data",     "data end",         kMalformed, "trailers",             kReset, kCredit, kPush},
    {half_closed_local,     kMalformed, kMalformed,         "response", "response end, closed", kReset, kCredit, kPush},
    {half_closed_answered,  "data",     "data end, closed", kMalformed, "trailers, closed",     kReset, kCredit, kPush},
    {half_closed_remote,    kClosed,    kClosed,            kClosed,    kClosed,                kReset, kCredit},
    // 6.6: PUSH_PROMISE only on a stream that the client opened
    {push_answered,         "data",     "data end, closed", kMalformed, "trailers, closed",     kReset, kCredit},
    {ended,                 kGone,      kGone,              kGone,      kGone,                  kDrop,  kDrop},
    {ended_unread,          kGone,      kGone,              kGone,      kGone,                  kDrop,  kDrop},
    {push_ended,            kGone,      kGone,              kGone,      kGone,                  kDrop,  kDrop},
    // 6.6: what was promised before our RST_STREAM arrived is handled; nobody is there to want it
    {reset_by_us,           kDrop,      kDrop,              kDrop,      kDrop,                  kDrop, kDrop, kRefused},
    {reset_by_us_after_end, kDrop,      kDrop,              kDrop,      kDrop,                  kDrop, kDrop, kRefused},
    {push_reset_by_us,      kDrop,      kDrop,              kDrop,      kDrop,                  kDrop,  kDrop},
    {reset_by_peer,         kGone,      kGone,              kGone,      kGone,                  kDrop,  kDrop},
    {push_reset_by_peer,    kGone,      kGone,              kGone,      kGone,                  kDrop,  kDrop},
    {passed_over,           kGone,      kGone,              kFatal,     kFatal,                 kDrop,  kDrop},
    {forgotten,             kDrop,      kDrop,              kDrop,      kDrop,                  kDrop, kDrop, kRefused},
};
// clang-format on

bool was_answered(const Stage& stage) {
  switch (stage.state) {
    case open:
    case half_closed_local:
    case reserved_remote:
    case idle:
    case idle_of_server:
    case waiting: return false;
    default: return true;
  }
}

/// The block that suits the state: a request or response head where one is due, else trailers.
OwnedFields section_for(const Stage& stage) {
  const bool fresh = stage.state == idle || stage.state == idle_of_server || stage.state == passed_over;
  if (stage.role == Role::server && fresh) return post();
  if (stage.role == Role::client && !was_answered(stage)) return status("200");
  return {{"a", "b"}};
}

/// The payload of a type, with what its own flags add; flags that the type does not define add nothing.
struct Payload {
  Bytes front, content;
};
Bytes framed(FrameType type, std::uint8_t flag_bits, std::uint32_t stream, const Payload& payload) {
  const bool paddable = type == FrameType::data || type == FrameType::headers || type == FrameType::push_promise;
  const bool padded = paddable && (flag_bits & flags::padded) != 0;
  const bool priority = type == FrameType::headers && (flag_bits & flags::priority) != 0;
  return frame(type, flag_bits, stream,
               (padded ? wire("03") : Bytes{}) + (priority ? wire("80000003 0f") : Bytes{}) + payload.front +
                   payload.content + (padded ? wire("000000") : Bytes{}));
}

/// A block in one frame, or in two if END_HEADERS is not among the flags.
Bytes blocked(FrameType type, std::uint8_t flag_bits, std::uint32_t stream, const Bytes& front, const Bytes& fields) {
  if ((flag_bits & flags::end_headers) != 0) return framed(type, flag_bits, stream, {front, fields});
  const auto half = fields.begin() + static_cast<std::ptrdiff_t>(fields.size() / 2);
  return framed(type, flag_bits, stream, {front, Bytes(fields.begin(), half)}) +
         frame(FrameType::continuation, flags::end_headers, stream, Bytes(half, fields.end()));
}

struct Input {
  std::string what;
  Bytes bytes;
  std::string expected;
  bool remembers = false;  // it carries a block, and so an entry for the HPACK table
};

constexpr std::uint8_t kUndefined = 0xd2;  // what no type defines
constexpr std::uint8_t kAllFlags = 0xff;

/// All frames about the stage's stream, and what is to come of each.
std::vector<Input> inputs(const Stage& stage, const Cell& cell) {
  std::vector<Input> all;
  const std::uint32_t id = stage.stream;
  const auto add = [&](FrameType type, std::uint8_t bits, Bytes bytes, std::string_view expected) {
    const bool remembers = type == FrameType::headers || type == FrameType::push_promise;
    if ((bits & 0x80) != 0) bytes[5] |= std::byte{0x80};  // 4.1: the reserved bit is ignored like undefined flags
    all.push_back(
        {std::string(name(type)) + " with flags " + std::to_string(bits), bytes, std::string(expected), remembers});
  };
  using enum FrameType;

  for (const std::uint8_t bits : subsets({kEnd, flags::padded, 0xf6})) {
    add(data, bits, framed(data, bits, id, {{}, bytes_of("x")}), (bits & kEnd) != 0 ? cell.data_end : cell.data);
  }
  const Bytes section = block(section_for(stage)) + remembered();
  for (const std::uint8_t bits : subsets({kEnd, flags::end_headers, flags::padded, flags::priority, kUndefined})) {
    add(FrameType::headers, bits, blocked(FrameType::headers, bits, id, {}, section),
        (bits & kEnd) != 0 ? cell.headers_end : cell.headers);
  }
  for (const std::uint8_t bits : subsets({flags::end_headers, flags::padded, 0xf3})) {
    add(FrameType::push_promise, bits,
        blocked(FrameType::push_promise, bits, id, wire("00000006"), block(get()) + remembered()), cell.push_promise);
  }
  for (const std::uint8_t bits : {std::uint8_t{0}, kAllFlags}) {
    // 6.3: in any state; 6.4; 6.9; 6.10: never without an open block
    add(priority, bits, frame(priority, bits, id, wire("80000003 0f")), kDrop);
    add(rst_stream, bits, frame(rst_stream, bits, id, wire("00000008")), cell.rst_stream);
    add(FrameType::window_update, bits, frame(FrameType::window_update, bits, id, wire("00000001")),
        cell.window_update);
    add(continuation, bits, frame(continuation, bits, id, section), kFatal);
    // 6.5, 6.7, 6.8, RFC 9218 7.1: frames of the connection on a stream
    add(FrameType::settings, bits, frame(FrameType::settings, bits, id), kFatal);
    add(FrameType::ping, bits, frame(FrameType::ping, bits, id, wire("0000000000000000")), kFatal);
    add(FrameType::goaway, bits, frame(FrameType::goaway, bits, id, wire("00000000 00000000")), kFatal);
    add(priority_update, bits, frame(priority_update, bits, id, wire("00000003 'u=1'")), kFatal);
    // 5.5: what is unknown is ignored; RFC 8336 2.1: ORIGIN is on a stream
    add(FrameType::origin, bits, frame(FrameType::origin, bits, id, wire("0009 'https://a'")), kDrop);
    add(FrameType{0xee}, bits, frame(FrameType{0xee}, bits, id, bytes_of("any")), kDrop);
    add(FrameType{0xee}, bits, frame(FrameType{0xee}, bits, id), kDrop);
  }
  return all;
}

/// The bystander still has both its directions, and a new stream works; the HPACK tables are still in step.
void check_others_live(Stage& stage, bool was_remembered) {
  Harness& h = stage.harness;
  const std::uint32_t other = stage.bystander;
  h.events();
  if (stage.role == Role::client) h.feed(headers(other, status("200")));
  h.feed(data(other, "more"));
  REQUIRE(h.last(Kind::data, other));
  CHECK(h.last(Kind::data, other)->data == "more");
  if (stage.role == Role::server) {
    REQUIRE(h.call([&](Connection& c) { return c.send_response(StreamId{other}, 200, {}, EndStream::yes); }));
  }
  // Behind a limit of one stream the next request would have to wait.
  if (stage.state == waiting) h.feed(settings({{SettingId::max_concurrent_streams, 100}}));
  exchange(h, stage.role, 101, was_remembered ? recalled() : Bytes{},
           was_remembered ? kRememberedField : OwnedFields{});
}

std::int64_t send_window(Stage& stage) {
  const auto view = stage.harness.connection().window(stage.id());
  return view ? view->send_window : 0;
}

void check(Role role, const Cell& cell, const Input& input) {
  CAPTURE(input.what);
  Stage stage = stage_in(role, cell.state);
  const std::int64_t window = send_window(stage);
  stage.harness.feed(input.bytes);
  std::string came = outcome(stage.harness, stage.stream);
  if (came == kDrop && send_window(stage) == window + 1) came = kCredit;
  if (input.expected == kFatal) {
    // 5.4.1: a block that was read counts, though it broke a rule: it would do so again on the next connection.
    const bool block_of_server = input.remembers && role == Role::client && cell.state == idle_of_server;
    CHECK(came == std::string(kFatal) + ", last " + std::to_string(block_of_server ? stage.stream : stage.last));
    return;
  }
  REQUIRE(came == input.expected);
  check_connection_window(stage.harness);
  if (came.starts_with("stream ")) {  // 5.4.2: one RST_STREAM is enough
    stage.harness.feed(input.bytes);
    CHECK(outcome(stage.harness, stage.stream) == kDrop);
  }
  check_others_live(stage, input.remembers);
}

void check(Role role, std::span<const Cell> cells) {
  REQUIRE(cells.size() == states_of(role).size());
  for (std::size_t i = 0; i < cells.size(); ++i) REQUIRE(cells[i].state == states_of(role)[i]);
  for (const Cell& cell : cells) {
    const std::string state = name(cell.state);
    CAPTURE(state);
    for (const Input& input : inputs(stage_in(role, cell.state), cell)) {
      try {  // each alone, so that one failure does not hide the next
        check(role, cell, input);
      } catch (const doctest::detail::TestFailureException&) {
      }
    }
  }
}

TEST_CASE("RFC 9113 5.1 and 6: a server gives every frame in every state, with every flag, the outcome of the RFC") {
  check(Role::server, kServer);
}

TEST_CASE("RFC 9113 5.1 and 6: a client gives every frame in every state, with every flag, the outcome of the RFC") {
  check(Role::client, kClient);
}

TEST_CASE("RFC 9113 5.1: an interim response, too, makes a reserved (remote) stream half-closed (local)") {
  for (const auto& [bytes, expected] : {std::pair(data(2, "x"), kMalformed), std::pair(window_update(2, 1), kCredit)}) {
    Stage stage = stage_in(Role::client, reserved_remote);
    stage.harness.feed(headers(2, status("103")));
    CHECK(outcome(stage.harness, 2) == "informational");
    const std::int64_t window = send_window(stage);
    stage.harness.feed(bytes);
    const std::string came = outcome(stage.harness, 2);
    CHECK((send_window(stage) == window + 1 ? kCredit : came) == expected);
    check_others_live(stage, false);
  }
}

TEST_CASE("RFC 9113 5.1 and 6.9: what WINDOW_UPDATE gives in reserved (local) is there when the response begins") {
  for (const std::uint32_t initial : {0U, 65535U}) {
    Options options;
    options.peer_settings = {{SettingId::initial_window_size, initial}};
    Harness server(Role::server, options);
    server.feed(headers(1, get(), kEnd));
    REQUIRE(server.call([](Connection& c) { return c.push(StreamId{1}, kGet); }));
    server.feed(window_update(2, 1000));
    REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{2}, 200, {}, EndStream::no); }));
    CHECK(server.connection().window(StreamId{2})->send_window == initial + 1000);
    server.feed(settings({{SettingId::initial_window_size, initial + 5}}));
    CHECK(server.connection().window(StreamId{2})->send_window == initial + 1005);
  }
}

TEST_CASE("RFC 9113 6.8: above the last stream of our GOAWAY all is ignored but what changes the connection") {
  Harness server(Role::server);
  server.feed(headers(1, post()));
  server.run([](Connection& c) { c.shutdown(Shutdown::graceful); });
  const auto ping = find(server.sent_frames(), FrameType::ping, 0);
  REQUIRE(ping);
  server.feed(frame(FrameType::ping, flags::ack, 0, ping->payload));
  CHECK(find(server.sent_frames(), FrameType::goaway, 0)->u32() == 1);
  server.events();

  const auto ignores = [&](const Bytes& bytes) {
    server.feed(bytes);
    CHECK(outcome(server, 3) == kDrop);
    check_connection_window(server);
  };
  ignores(frame(FrameType::headers, flags::end_headers, 3, block(post()) + remembered()));
  ignores(data(3, "x"));
  ignores(window_update(3, 1));
  ignores(headers(3, {{"a", "b"}}, kEnd));
  ignores(rst(3, ErrorCode::cancel));
  server.feed(data(1, "more") + frame(FrameType::headers, flags::end_headers | kEnd, 1, recalled()));
  CHECK(outcome(server, 1) == "data, trailers");
  CHECK(server.last(Kind::trailers)->fields == kRememberedField);
  server.feed(data(1, "x") + window_update(0, 0));  // and no later GOAWAY takes back what was said
  CHECK(server.history().back().u32() == 1);
  CHECK(server.failure() == Violation::window_increment_zero);
}

TEST_CASE("RFC 9218 7.1: PRIORITY_UPDATE may name a stream in any state, but no push that was not promised") {
  for (const Cell& cell : kServer) {
    const std::string state = name(cell.state);
    CAPTURE(state);
    Stage stage = stage_in(Role::server, cell.state);
    Bytes named = wire("00000000 'u=1'");
    named[3] = static_cast<std::byte>(stage.stream);
    stage.harness.feed(frame(FrameType::priority_update, kAllFlags, 0, named));
    const std::string came = outcome(stage.harness, stage.stream);
    if (cell.state == idle_of_server) {
      CHECK(came == "connection PROTOCOL_ERROR, last 3");
      continue;
    }
    CHECK(came == (is_live(cell.state) ? "priority" : kDrop));
    check_others_live(stage, false);
  }
}

TEST_CASE("RFC 7838 4: ALTSVC tells a client of the origin of a stream that is there, and a server nothing") {
  for (const Role role : {Role::server, Role::client}) {
    for (const Cell& cell : role == Role::server ? std::span<const Cell>(kServer) : std::span<const Cell>(kClient)) {
      const std::string state = name(cell.state);
      CAPTURE(state);
      Stage stage = stage_in(role, cell.state);
      stage.harness.feed(frame(FrameType::altsvc, kAllFlags, stage.stream, wire("0000 'h2=\":443\"'")));
      const bool told = role == Role::client && is_live(cell.state);
      CHECK(outcome(stage.harness, stage.stream) == (told ? "altsvc" : kDrop));
      check_others_live(stage, false);
    }
  }
}

TEST_CASE("RFC 9218 7.1: a client takes no PRIORITY_UPDATE, whatever it names") {
  for (const Cell& cell : kClient) {
    Stage stage = stage_in(Role::client, cell.state);
    stage.harness.feed(frame(FrameType::priority_update, 0, 0, wire("00000001 'u=1'")));
    CHECK(outcome(stage.harness, stage.stream) == std::string(kFatal) + ", last " + std::to_string(stage.last));
  }
}

TEST_CASE(
    "RFC 7540 3.2: the stream of an upgraded request is half-closed (remote) for the server, (local) for the client") {
  const auto on_server = [](const Bytes& bytes) {
    Options options;
    options.handshake = false;
    Harness server(Role::server, options);
    REQUIRE(server.call([](Connection& c) { return c.begin_upgraded(kGet, {}); }));
    server.feed(client_preface() + settings({}) + settings_ack());
    server.events();
    server.sent();
    server.feed(bytes);
    const std::string came = outcome(server, 1);
    exchange(server, Role::server, 3);
    return came;
  };
  CHECK(on_server(data(1, "x")) == kClosed);
  CHECK(on_server(headers(1, get(), kEnd)) == kClosed);
  CHECK(on_server(headers(1, {{"a", "b"}}, kEnd)) == kClosed);
  CHECK(on_server(window_update(1, 1)) == kDrop);
  CHECK(on_server(rst(1, ErrorCode::cancel)) == kReset);

  const auto on_client = [](const Bytes& bytes) {
    Options options;
    options.handshake = false;
    Harness client(Role::client, options);
    REQUIRE(client.call([](Connection& c) { return c.begin_upgraded(kGet, {}); }));
    client.feed(settings({}) + settings_ack());
    client.events();
    client.sent();
    client.feed(bytes);
    const std::string came = outcome(client, 1);
    exchange(client, Role::client, 3);
    return came;
  };
  CHECK(on_client(data(1, "x")) == kMalformed);
  CHECK(on_client(headers(1, status("200"), kEnd)) == "response end, closed");
  CHECK(on_client(headers(1, status("200")) + data(1, "x", kEnd)) == "response, data end, closed");
  CHECK(on_client(rst(1, ErrorCode::cancel)) == kReset);
}

struct OnConnection {
  FrameType type;
  const char* payload;
  const char* server;  // what comes of it; nullptr for a connection error PROTOCOL_ERROR
  const char* client;
};

TEST_CASE("RFC 9113 6: every frame type on stream 0, with every flag, has the outcome of the RFC") {
  using enum FrameType;
  // SETTINGS and PING with ACK are other frames, and have tests of their own.
  const OnConnection rows[] = {
      {data, "'x'", nullptr, nullptr},
      {FrameType::headers, "82", nullptr, nullptr},
      {priority, "00000003 0f", nullptr, nullptr},
      {rst_stream, "00000008", nullptr, nullptr},
      {FrameType::settings, "", "settings, sent SETTINGS ACK", "settings, sent SETTINGS ACK"},
      {FrameType::push_promise, "00000002 82", nullptr, nullptr},
      {FrameType::ping, "0102030405060708", "sent PING ACK", "sent PING ACK"},
      // A client has nothing open, so all is done for it; what a client that goes leaves to do is its own to say.
      {FrameType::goaway, "00000000 00000000", "goaway", "goaway, finished, sent GOAWAY"},
      {FrameType::window_update, "00000001", kDrop, kDrop},
      {continuation, "82", nullptr, nullptr},
      {priority_update, "00000001 'u=1'", kDrop, nullptr},
      {FrameType{0xee}, "'any'", kDrop, kDrop},
  };
  for (const OnConnection& row : rows) {
    const std::string type{name(row.type)};
    CAPTURE(type);
    const bool has_ack = row.type == FrameType::settings || row.type == FrameType::ping;
    for (const std::uint8_t bits : {std::uint8_t{0}, static_cast<std::uint8_t>(has_ack ? 0xfe : 0xff)}) {
      for (const Role role : {Role::server, Role::client}) {
        CAPTURE(bits);
        Harness h(role);
        const std::int64_t window = h.connection().window(kConnection)->send_window;
        Bytes bytes = frame(row.type, bits, 0, wire(row.payload));
        if (bits != 0) bytes[5] = std::byte{0x80};  // 4.1: the reserved bit means nothing, so this is stream 0, too
        h.feed(bytes);
        const char* expected = role == Role::server ? row.server : row.client;
        const std::string fatal = std::string(kFatal) + ", last 0";
        CHECK(outcome(h, 0) == (expected != nullptr ? expected : fatal));
        if (row.type == FrameType::window_update) CHECK(h.connection().window(kConnection)->send_window == window + 1);
        // A client that was told to go opens no more streams (6.8).
        if (expected != nullptr && row.type != FrameType::goaway) exchange(h, role, 1);
      }
    }
  }
}

}  // namespace
}  // namespace h2::test
