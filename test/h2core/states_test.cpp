// RFC 9113 5.1: every state, and in it every input of the peer and of the caller.

#include "harness.h"

namespace h2::test {
namespace {

enum class State {
  idle,
  reserved_local,
  reserved_remote,
  open,
  half_closed_local,
  half_closed_remote,
  ended,
  reset_by_us,
  reset_by_peer,
  never_used
};
constexpr const char* kStateNames[] = {
    "idle",  "reserved (local)", "reserved (remote)", "open",      "half-closed (local)", "half-closed (remote)",
    "ended", "reset by us",      "reset by the peer", "never used"};

// A connection with one stream in a state. Stream 1 is a client's request, stream 2 a push; stream 99 is used by none.
struct Stage {
  Harness harness;
  std::uint32_t stream;
};

Options roomy() {
  Options options;
  options.config.settings.enable_push = options.config.role == Role::client ? 1 : 0;
  return options;
}

Stage server_in(State state) {
  Stage stage{Harness(Role::server), 1};
  Harness& h = stage.harness;
  const auto respond = [&](EndStream end) {
    REQUIRE(h.call([&](Connection& c) { return c.send_response(StreamId{1}, 200, {}, end); }));
  };
  switch (state) {
    case State::idle: break;
    case State::reserved_local:
      h.feed(headers(1, get()));
      REQUIRE(h.call([](Connection& c) { return c.push(StreamId{1}, kGet); }));
      stage.stream = 2;
      break;
    case State::open:
      h.feed(headers(1, post()));
      respond(EndStream::no);
      break;
    case State::half_closed_local:
      h.feed(headers(1, post()));
      respond(EndStream::yes);
      break;
    case State::half_closed_remote:
      h.feed(headers(1, get(), kEnd));
      respond(EndStream::no);
      break;
    case State::ended:
      h.feed(headers(1, get(), kEnd));
      respond(EndStream::yes);
      break;
    case State::reset_by_us:
      h.feed(headers(1, post()));
      REQUIRE(h.call([](Connection& c) { return c.reset(StreamId{1}, ErrorCode::cancel); }));
      break;
    case State::reset_by_peer: h.feed(headers(1, post()) + rst(1, ErrorCode::cancel)); break;
    case State::never_used: h.feed(headers(3, post())); break;
    case State::reserved_remote: FAIL("not a server's state");
  }
  h.events();
  h.sent();
  return stage;
}

Stage client_with_promise() {
  Options options = roomy();
  options.config.settings.enable_push = 1;
  Stage stage{Harness(Role::client, options), 2};
  Harness& h = stage.harness;
  REQUIRE(h.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  h.feed(push_promise(1, 2, get()));
  h.events();
  h.sent();
  return stage;
}

// What came of an input: "ok", "ignored", "stream NAME" or "connection NAME", NAME the code on the wire.
std::string outcome(Harness& h, std::uint32_t stream) {
  if (const auto failed = h.last(Kind::failed)) return "connection " + std::string(name(failed->code));
  if (const auto reset = find(h.sent_frames(), FrameType::rst_stream, stream)) {
    return "stream " + std::string(name(static_cast<ErrorCode>(reset->u32())));
  }
  return h.events().empty() ? "ignored" : "ok";
}

struct Cell {
  State state;
  const char *headers, *data, *rst_stream, *window_update, *priority;
};

// clang-format off
constexpr Cell kServer[] = {
    // state                     HEADERS (END_STREAM)        DATA                         RST_STREAM                   WINDOW_UPDATE                PRIORITY
    {State::idle,               "ok",                        "connection PROTOCOL_ERROR", "connection PROTOCOL_ERROR", "connection PROTOCOL_ERROR", "ignored"},
    {State::reserved_local,     "connection PROTOCOL_ERROR", "connection PROTOCOL_ERROR", "ok",                        "ignored",                   "ignored"},
    {State::open,               "ok",                        "ok",                        "ok",                        "ignored",                   "ignored"},
    {State::half_closed_local,  "ok",                        "ok",                        "ok",                        "ignored",                   "ignored"},
    {State::half_closed_remote, "stream STREAM_CLOSED",      "stream STREAM_CLOSED",      "ok",                        "ignored",                   "ignored"},
    {State::ended,              "stream STREAM_CLOSED",      "stream STREAM_CLOSED",      "ignored",                   "ignored",                   "ignored"},
    {State::reset_by_us,        "ignored",                   "ignored",                   "ignored",                   "ignored",                   "ignored"},
    {State::reset_by_peer,      "stream STREAM_CLOSED",      "stream STREAM_CLOSED",      "ignored",                   "ignored",                   "ignored"},
    {State::never_used,         "connection PROTOCOL_ERROR", "",                          "ignored",                   "ignored",                   "ignored"},
};
// clang-format on

TEST_CASE(
    "RFC 9113 5.1: each state answers each frame of the peer as the table of states says [9113-5.1a] [9113-5.1d] "
    "[9113-5.1g] [9113-6.1d]") {
  for (const Cell& cell : kServer) {
    const std::string state = kStateNames[static_cast<int>(cell.state)];
    CAPTURE(state);
    const auto cell_is = [&](const std::string& input, const Bytes& bytes, std::string_view expected) {
      if (expected.empty()) return;  // the RFC leaves it open
      CAPTURE(input);
      Stage stage = server_in(cell.state);
      stage.harness.feed(bytes);
      CHECK(outcome(stage.harness, stage.stream) == expected);
    };
    const std::uint32_t stream = cell.state == State::reserved_local ? 2 : 1;
    const bool trailers = cell.state != State::idle && cell.state != State::never_used;
    cell_is("HEADERS", headers(stream, trailers ? OwnedFields{{"a", "b"}} : get(), kEnd), cell.headers);
    cell_is("DATA", data(stream, "x"), cell.data);
    cell_is("RST_STREAM", rst(stream, ErrorCode::cancel), cell.rst_stream);
    cell_is("WINDOW_UPDATE", window_update(stream, 1), cell.window_update);
    Bytes priority = wire("000005 02 00 00000001 00000003 0f");
    priority[8] = static_cast<std::byte>(stream);
    cell_is("PRIORITY", priority, cell.priority);
  }
}

TEST_CASE("RFC 9113 5.1: a reserved (remote) stream takes HEADERS and RST_STREAM, and nothing else [9113-5.1f]") {
  const auto after = [](const Bytes& bytes) {
    Stage stage = client_with_promise();
    stage.harness.feed(bytes);
    return outcome(stage.harness, 2);
  };
  CHECK(after(headers(2, status("200"), kEnd)) == "ok");
  CHECK(after(rst(2, ErrorCode::cancel)) == "ok");
  CHECK(after(data(2, "x")) == "connection PROTOCOL_ERROR");
  CHECK(after(window_update(2, 1)) == "connection PROTOCOL_ERROR");
  CHECK(after(wire("000005 02 00 00000002 00000003 0f")) == "ignored");
}

struct Call {
  State state;
  Misuse response, data, trailers, reset;
};
using enum Misuse;

// clang-format off
constexpr Call kCalls[] = {
    // state                     send_response    send_data (END_STREAM)  send_trailers   reset
    {State::idle,               unknown_stream,  unknown_stream,         unknown_stream, unknown_stream},
    {State::reserved_local,     none,            wrong_state,            wrong_state,    none},
    {State::open,               wrong_state,     none,                   none,           none},
    {State::half_closed_local,  already_ended,   already_ended,          already_ended,  none},
    {State::half_closed_remote, wrong_state,     none,                   none,           none},
    {State::ended,              stream_gone,     stream_gone,            stream_gone,    stream_gone},
    {State::reset_by_us,        stream_gone,     stream_gone,            stream_gone,    stream_gone},
    {State::reset_by_peer,      stream_gone,     stream_gone,            stream_gone,    stream_gone},
};
// clang-format on

TEST_CASE(
    "RFC 9113 5.1: each state answers each call as the table of states says, and a refused call sends nothing "
    "[9113-5.1c] [9113-5.1h]") {
  for (const Call& call : kCalls) {
    const std::string state = kStateNames[static_cast<int>(call.state)];
    CAPTURE(state);
    const auto call_is = [&](const std::string& which, auto&& made, Misuse expected) {
      CAPTURE(which);
      Stage stage = server_in(call.state);
      const StreamId stream{stage.stream};
      const auto result = stage.harness.call([&](Connection& c) { return made(c, stream); });
      CHECK((result ? Misuse::none : result.error()) == expected);
      if (!result) {
        CHECK(stage.harness.sent().empty());
        CHECK(text_of(stage.harness.events()) == "");
      }
    };
    const Field field{"a", "b"};
    call_is(
        "response", [](Connection& c, StreamId s) { return c.send_response(s, 200, {}, EndStream::no); },
        call.response);
    call_is(
        "data", [](Connection& c, StreamId s) { return c.send_data(s, {}, Token{1}, EndStream::yes); }, call.data);
    call_is(
        "trailers",
        [&](Connection& c, StreamId s) {
          return c.send_trailers(s, {&field, 1});
        },
        call.trailers);
    call_is(
        "reset", [](Connection& c, StreamId s) { return c.reset(s, ErrorCode::cancel); }, call.reset);
  }
}

TEST_CASE("RFC 9113 5.1: after our RST_STREAM what was under way is decoded, credited and dropped [9113-5.1i]") {
  Stage stage = server_in(State::reset_by_us);
  Harness& h = stage.harness;
  const std::int64_t before = h.connection().window(kConnection)->recv_window;
  // A literal with indexing: the next block names it by its index, so it must have been decoded.
  h.feed(data(1, "in flight") + wire("000006 01 05 00000001  40 01 'x' 02 'yz'") + data(1, "later"));
  CHECK(text_of(h.events()) == "");
  CHECK_FALSE(h.failed());
  const WindowView after = *h.connection().window(kConnection);
  CHECK(after.recv_window + static_cast<std::int64_t>(after.owed) == before);
  CHECK(after.unconsumed == 0);
  Bytes indexed = block(get()) + wire("be");
  h.feed(frame(FrameType::headers, flags::end_headers | kEnd, 3, indexed));
  CHECK(h.last(Kind::request)->fields == OwnedFields{{"x", "yz"}});
}

TEST_CASE("RFC 9113 5.4.2: RST_STREAM is not answered by RST_STREAM") {
  Stage stage = server_in(State::reset_by_peer);
  stage.harness.feed(rst(1, ErrorCode::cancel) + window_update(1, 5) + rst(1, ErrorCode::protocol_error));
  CHECK(stage.harness.sent().empty());
  CHECK_FALSE(stage.harness.failed());
}

TEST_CASE("RFC 9113 5.1.1: an idle stream of the server's is an error whoever names it") {
  Harness client(Role::client);
  client.feed(window_update(1, 1));
  CHECK(client.failure() == Violation::frame_on_idle_stream);
}

TEST_CASE("a reset from between two events is safe") {
  Harness server(Role::server);
  server.on_event = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      REQUIRE(c.reset(request->stream, ErrorCode::refused_stream));
    }
  };
  server.feed(headers(1, post()) + data(1, "x") + data(1, "y", kEnd) + headers(3, get(), kEnd));
  CHECK(server.all(Kind::data).empty());
  CHECK(server.all(Kind::stream_closed).size() == 2);
  CHECK(server.history(FrameType::rst_stream).size() == 2);
  CHECK_FALSE(server.failed());
}

TEST_CASE("a stream's last event comes once, and then the stream is gone") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  CHECK(server.connection().open_streams() == 1);
  REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{1}, 204, {}, EndStream::yes); }));
  const auto closed = server.all(Kind::stream_closed);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].code == ErrorCode::no_error);
  CHECK(server.connection().open_streams() == 0);
  CHECK_FALSE(server.connection().window(StreamId{1}));
  CHECK(server.connection().user(StreamId{1}) == nullptr);
}

TEST_CASE("a caller's value comes back with every event of its stream") {
  Harness server(Role::server);
  int mine = 0;
  server.feed(headers(1, post()));
  REQUIRE(server.call([&](Connection& c) { return c.set_user(StreamId{1}, &mine); }));
  CHECK(server.connection().user(StreamId{1}) == &mine);
  server.feed(data(1, "x") + headers(1, {{"a", "b"}}, kEnd));
  server.feed(rst(1, ErrorCode::cancel));
  CHECK(server.last(Kind::data)->user == &mine);
  CHECK(server.last(Kind::trailers)->user == &mine);
  CHECK(server.last(Kind::stream_reset)->user == &mine);
  CHECK(server.last(Kind::stream_closed)->user == &mine);
  const auto late = server.call([&](Connection& c) { return c.set_user(StreamId{1}, nullptr); });
  REQUIRE_FALSE(late);
  CHECK(late.error() == Misuse::stream_gone);
}

}  // namespace
}  // namespace h2::test
