#include "exhaustive_stages.h"

namespace h2::test {
namespace {

using enum State;

constexpr const char* kNames[] = {"idle",
                                  "idle, of the server",
                                  "waiting",
                                  "reserved (local)",
                                  "reserved (remote)",
                                  "open",
                                  "open, answered",
                                  "half-closed (local)",
                                  "half-closed (local), answered",
                                  "half-closed (remote)",
                                  "push, answered",
                                  "ended",
                                  "ended, unread",
                                  "push, ended",
                                  "reset by us",
                                  "reset by us after the peer's end",
                                  "push, reset by us",
                                  "reset by the peer",
                                  "push, reset by the peer",
                                  "passed over",
                                  "forgotten"};

constexpr int kManyStreams = 40;  // more than an engine remembers of those that are gone

void respond(Harness& server, std::uint32_t stream, EndStream end) {
  REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{stream}, 200, {}, end); }));
}
void reset(Harness& harness, std::uint32_t stream) {
  REQUIRE(harness.call([&](Connection& c) { return c.reset(StreamId{stream}, ErrorCode::cancel); }));
}
void request(Harness& client, EndStream end) {
  REQUIRE(client.call([&](Connection& c) { return c.send_request(end == EndStream::yes ? kGet : kPost, end); }));
}

/// What goes before on a server's stream 1.
void before_bystander(Harness& h, State state) {
  switch (state) {
    case open: h.feed(headers(1, post())); break;
    case open_answered:
      h.feed(headers(1, post()));
      respond(h, 1, EndStream::no);
      break;
    case half_closed_local:
      h.feed(headers(1, post()));
      respond(h, 1, EndStream::yes);
      break;
    case half_closed_remote: h.feed(headers(1, get(), kEnd)); break;
    case ended:
      h.feed(headers(1, get(), kEnd));
      respond(h, 1, EndStream::yes);
      break;
    case ended_unread:
      h.feed(headers(1, post()) + data(1, "unread", kEnd));
      respond(h, 1, EndStream::yes);
      break;
    case reset_by_us:
      h.feed(headers(1, post()));
      reset(h, 1);
      break;
    case reset_by_us_after_end:
      h.feed(headers(1, get(), kEnd));
      reset(h, 1);
      break;
    case reset_by_peer: h.feed(headers(1, post()) + rst(1, ErrorCode::cancel)); break;
    case forgotten:
      for (std::uint32_t i = 0; i < kManyStreams; ++i) {
        h.feed(headers(2 * i + 1, get(), kEnd));
        respond(h, 2 * i + 1, EndStream::yes);
      }
      break;
    default: break;
  }
}

/// A promise of stream 2 beside the bystander, and what became of it.
void server_push(Harness& h, State state, std::uint32_t parent) {
  REQUIRE(h.call([&](Connection& c) { return c.push(StreamId{parent}, kGet); }));
  if (state == push_answered) respond(h, 2, EndStream::no);
  if (state == push_ended) respond(h, 2, EndStream::yes);
  if (state == push_reset_by_us) reset(h, 2);
  if (state == push_reset_by_peer) h.feed(rst(2, ErrorCode::cancel));
}

bool is_push(State state) {
  switch (state) {
    case reserved_local:
    case reserved_remote:
    case push_answered:
    case push_ended:
    case push_reset_by_us:
    case push_reset_by_peer: return true;
    default: return false;
  }
}

Stage server_in(State state) {
  Stage stage{Role::server, state, Harness(Role::server), 1, state == forgotten ? 2 * kManyStreams + 1 : 3U};
  Harness& h = stage.harness;
  before_bystander(h, state);
  h.feed(headers(stage.bystander, post()));
  stage.last = stage.bystander;
  if (is_push(state)) server_push(h, state, stage.bystander);
  if (state == idle) stage.stream = 5;
  if (is_push(state) || state == idle_of_server) stage.stream = 2;
  h.events();
  h.sent();
  return stage;
}

/// What goes before on a client's stream 1.
void before_bystander_of_client(Harness& h, State state) {
  switch (state) {
    case open: request(h, EndStream::no); break;
    case open_answered:
      request(h, EndStream::no);
      h.feed(headers(1, status("200")));
      break;
    case half_closed_local: request(h, EndStream::yes); break;
    case half_closed_answered:
      request(h, EndStream::yes);
      h.feed(headers(1, status("200")));
      break;
    case half_closed_remote:
      request(h, EndStream::no);
      h.feed(headers(1, status("200"), kEnd));
      break;
    case ended:
      request(h, EndStream::yes);
      h.feed(headers(1, status("200"), kEnd));
      break;
    case ended_unread:
      request(h, EndStream::yes);
      h.feed(headers(1, status("200")) + data(1, "unread", kEnd));
      break;
    case reset_by_us:
      request(h, EndStream::no);
      reset(h, 1);
      break;
    case reset_by_us_after_end:
      request(h, EndStream::no);
      h.feed(headers(1, status("200"), kEnd));
      reset(h, 1);
      break;
    case reset_by_peer:
      request(h, EndStream::no);
      h.feed(rst(1, ErrorCode::cancel));
      break;
    case forgotten:
      for (std::uint32_t i = 0; i < kManyStreams; ++i) {
        request(h, EndStream::yes);
        h.feed(headers(2 * i + 1, status("200"), kEnd));
      }
      break;
    default: break;
  }
}

/// A promise from the server beside the bystander, and what became of it.
void client_push(Stage& stage) {
  Harness& h = stage.harness;
  stage.last = stage.state == passed_over ? 4 : 2;
  stage.stream = 2;
  h.feed(push_promise(stage.bystander, stage.last, get()));
  REQUIRE(h.last(Kind::push));
  if (stage.state == push_answered) h.feed(headers(2, status("200")));
  if (stage.state == push_ended) h.feed(headers(2, status("200"), kEnd));
  if (stage.state == push_reset_by_us) reset(h, 2);
  if (stage.state == push_reset_by_peer) h.feed(rst(2, ErrorCode::cancel));
}

std::uint32_t bystander_of_client(State state) {
  switch (state) {
    case forgotten: return 2 * kManyStreams + 1;
    case open:
    case open_answered:
    case half_closed_local:
    case half_closed_answered:
    case half_closed_remote:
    case ended:
    case ended_unread:
    case reset_by_us:
    case reset_by_us_after_end:
    case reset_by_peer: return 3;
    default: return 1;
  }
}

Stage client_in(State state) {
  Options options;
  options.config.settings.enable_push = 1;
  if (state == waiting) options.peer_settings = {{SettingId::max_concurrent_streams, 1}};
  Stage stage{Role::client, state, Harness(Role::client, options), 1, bystander_of_client(state)};
  Harness& h = stage.harness;
  before_bystander_of_client(h, state);
  request(h, EndStream::no);
  if (state == waiting) request(h, EndStream::no);
  if (is_push(state) || state == passed_over) client_push(stage);
  if (state == idle || state == waiting) stage.stream = 3;
  if (state == idle_of_server) stage.stream = 2;
  h.events();
  h.sent();
  return stage;
}

}  // namespace

std::span<const State> states_of(Role role) {
  static constexpr State kServer[] = {idle,
                                      idle_of_server,
                                      reserved_local,
                                      open,
                                      open_answered,
                                      half_closed_local,
                                      half_closed_remote,
                                      push_answered,
                                      ended,
                                      ended_unread,
                                      push_ended,
                                      reset_by_us,
                                      reset_by_us_after_end,
                                      push_reset_by_us,
                                      reset_by_peer,
                                      push_reset_by_peer,
                                      passed_over,
                                      forgotten};
  static constexpr State kClient[] = {idle,
                                      idle_of_server,
                                      waiting,
                                      reserved_remote,
                                      open,
                                      open_answered,
                                      half_closed_local,
                                      half_closed_answered,
                                      half_closed_remote,
                                      push_answered,
                                      ended,
                                      ended_unread,
                                      push_ended,
                                      reset_by_us,
                                      reset_by_us_after_end,
                                      push_reset_by_us,
                                      reset_by_peer,
                                      push_reset_by_peer,
                                      passed_over,
                                      forgotten};
  return role == Role::server ? std::span<const State>(kServer) : std::span<const State>(kClient);
}

std::string name(State state) { return kNames[static_cast<int>(state)]; }

bool is_live(State state) {
  switch (state) {
    case reserved_local:
    case reserved_remote:
    case open:
    case open_answered:
    case half_closed_local:
    case half_closed_answered:
    case half_closed_remote:
    case push_answered: return true;
    default: return false;
  }
}

Stage stage_in(Role role, State state) { return role == Role::server ? server_in(state) : client_in(state); }

}  // namespace h2::test
