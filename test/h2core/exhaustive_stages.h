// RFC 9113 5.1 on stage: a connection with one stream in a wanted state, for both roles.
#pragma once

#include "exhaustive.h"

namespace h2::test {

enum class State {
  idle,            // a client's id that nobody has used
  idle_of_server,  // an even one
  waiting,         // a request over the peer's stream limit: nothing of it was sent, so for the peer it is idle
  reserved_local,
  reserved_remote,
  open,               // no response yet
  open_answered,      // its response head is sent or received
  half_closed_local,  // on a client: no response yet
  half_closed_answered,
  half_closed_remote,
  push_answered,  // half-closed (remote) for the server, (local) for the client
  ended,
  ended_unread,  // and its content is not consumed yet
  push_ended,
  reset_by_us,
  reset_by_us_after_end,  // the peer's END_STREAM had come
  push_reset_by_us,
  reset_by_peer,
  push_reset_by_peer,
  passed_over,  // a higher id was used
  forgotten,    // too long gone to remember how
};
/// Those that a stream can have for that role.
std::span<const State> states_of(Role role);
/// The RFC's name of it, with what is told apart here.
std::string name(State state);
/// Neither idle nor closed: the caller has heard of the stream, and not yet the last.
bool is_live(State state);

/// A connection with one stream in a state, and a bystander that is open in both directions.
struct Stage {
  Role role;
  State state;
  Harness harness;
  std::uint32_t stream, bystander;
  std::uint32_t last = 0;  // what a GOAWAY has to name: the highest stream of the peer's that our caller has heard of
  StreamId id() const { return StreamId{stream}; }
};

Stage stage_in(Role role, State state);

}  // namespace h2::test
