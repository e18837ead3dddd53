// RFC 9113 5.1 from the caller's side: every call about a stream in every state, for both roles. What a state does not
// allow is refused by name, with nothing sent and nothing changed.
#include "exhaustive_stages.h"

namespace h2::test {
namespace {

using enum State;
using enum Misuse;

enum class Call { response, informational, data, copy, trailers, push, reset, set_user, set_window };
constexpr const char* kCallNames[] = {"send_response", "send_informational", "send_data",
                                      "send_copy",     "send_trailers",      "push",
                                      "reset",         "set_user",           "set_window"};

struct Cell {
  State state;
  Misuse response, informational, content, trailers, push, reset, set;
};

constexpr Cell all(State state, Misuse misuse) {
  return {state, misuse, misuse, misuse, misuse, misuse, misuse, misuse};
}
/// A client sends no heads, and what holds for its content holds for its trailers.
constexpr Cell of_client(State state, Misuse content, Misuse rest) {
  return {state, wrong_role, wrong_role, content, content, wrong_role, rest, rest};
}

// clang-format off
constexpr Cell kServer[] = {
    // state, then send_response, send_informational, send_data and send_copy, send_trailers, push, reset,
    // set_user and set_window
    all(idle, unknown_stream),
    all(idle_of_server, unknown_stream),
    // 8.4.2: the response is that of any request; promises stand beside requests of the client's only (6.6)
    {reserved_local,     none,          wrong_state,   wrong_state,   wrong_state,   wrong_state,   none, none},
    // 8.1: the head goes first, once
    {open,               none,          none,          wrong_state,   wrong_state,   none,          none, none},
    {open_answered,      wrong_state,   wrong_state,   none,          none,          none,          none, none},
    {half_closed_local,  already_ended, already_ended, already_ended, already_ended, already_ended, none, none},
    {half_closed_remote, none,          none,          wrong_state,   wrong_state,   none,          none, none},
    {push_answered,      wrong_state,   wrong_state,   none,          none,          wrong_state,   none, none},
    all(ended, stream_gone),
    all(ended_unread, stream_gone),
    all(push_ended, stream_gone),
    all(reset_by_us, stream_gone),
    all(reset_by_us_after_end, stream_gone),
    all(push_reset_by_us, stream_gone),
    all(reset_by_peer, stream_gone),
    all(push_reset_by_peer, stream_gone),
    all(passed_over, stream_gone),
    all(forgotten, stream_gone),
};
// clang-format on

constexpr Cell kClient[] = {
    of_client(idle, unknown_stream, unknown_stream),
    of_client(idle_of_server, unknown_stream, unknown_stream),
    of_client(waiting, none, none),
    // 5.1: a client has nothing to say on a promised stream but RST_STREAM, WINDOW_UPDATE and PRIORITY
    of_client(reserved_remote, wrong_state, none),
    of_client(open, none, none),
    of_client(open_answered, none, none),
    of_client(half_closed_local, already_ended, none),
    of_client(half_closed_answered, already_ended, none),
    of_client(half_closed_remote, none, none),
    of_client(push_answered, already_ended, none),
    of_client(ended, stream_gone, stream_gone),
    of_client(ended_unread, stream_gone, stream_gone),
    of_client(push_ended, stream_gone, stream_gone),
    of_client(reset_by_us, stream_gone, stream_gone),
    of_client(reset_by_us_after_end, stream_gone, stream_gone),
    of_client(push_reset_by_us, stream_gone, stream_gone),
    of_client(reset_by_peer, stream_gone, stream_gone),
    of_client(push_reset_by_peer, stream_gone, stream_gone),
    of_client(passed_over, stream_gone, stream_gone),
    of_client(forgotten, stream_gone, stream_gone),
};

Misuse expected_of(const Cell& cell, Call call) {
  switch (call) {
    case Call::response: return cell.response;
    case Call::informational: return cell.informational;
    case Call::data:
    case Call::copy: return cell.content;
    case Call::trailers: return cell.trailers;
    case Call::push: return cell.push;
    case Call::reset: return cell.reset;
    case Call::set_user:
    case Call::set_window: return cell.set;
  }
  return none;
}

const Bytes& content() {
  static const Bytes bytes = bytes_of("x");
  return bytes;
}

Misuse make(Connection& c, StreamId stream, Call call) {
  switch (call) {
    case Call::response: return error_of(c.send_response(stream, 200, {}, EndStream::no));
    case Call::informational: return error_of(c.send_informational(stream, 103, {}));
    case Call::data: return error_of(c.send_data(stream, content(), Token{1}, EndStream::no));
    case Call::copy: return error_of(c.send_copy(stream, content(), EndStream::no));
    case Call::trailers: return error_of(c.send_trailers(stream, {}));
    case Call::push: return error_of(c.push(stream, kGet));
    case Call::reset: return error_of(c.reset(stream, ErrorCode::cancel));
    case Call::set_user: return error_of(c.set_user(stream, nullptr));
    case Call::set_window: return error_of(c.set_window(stream, 100000));
  }
  return none;
}

void check(Role role, const Cell& cell, Call call) {
  Stage stage = stage_in(role, cell.state);
  const Misuse expected = expected_of(cell, call);
  const std::size_t open_streams = stage.harness.connection().open_streams();
  const auto window = stage.harness.connection().window(stage.id());
  Misuse said = none;
  stage.harness.run([&](Connection& c) { said = make(c, stage.id(), call); });
  CHECK(said == expected);
  if (expected == none) return;
  CHECK(stage.harness.sent().empty());
  CHECK(stage.harness.events().empty());
  CHECK(stage.harness.connection().open_streams() == open_streams);
  const auto after = stage.harness.connection().window(stage.id());
  REQUIRE(after.has_value() == window.has_value());
  if (after) {
    CHECK(after->recv_window == window->recv_window);
    CHECK(after->queued == window->queued);
  }
}

void check(Role role, std::span<const Cell> cells) {
  REQUIRE(cells.size() == states_of(role).size());
  for (std::size_t i = 0; i < cells.size(); ++i) REQUIRE(cells[i].state == states_of(role)[i]);
  for (const Cell& cell : cells) {
    const std::string state = name(cell.state);
    CAPTURE(state);
    for (int i = 0; i <= static_cast<int>(Call::set_window); ++i) {
      const std::string call = kCallNames[i];
      CAPTURE(call);
      check(role, cell, static_cast<Call>(i));
    }
  }
}

TEST_CASE("RFC 9113 5.1 and 8.1: a server's call that the state of the stream does not allow is refused by name") {
  check(Role::server, kServer);
}

TEST_CASE("RFC 9113 5.1 and 8.1: a client's call that the state of the stream does not allow is refused by name") {
  check(Role::client, kClient);
}

}  // namespace
}  // namespace h2::test
