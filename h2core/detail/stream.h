// What is kept of a stream, and RFC 9113 5.1 as one table.
//
//                              +--------+
//                      send PP |        | recv PP
//                     ,--------+  idle  +--------.
//                    /         |        |         |
//                   v          +--------+          v
//            +----------+          |           +----------+
//            | reserved |          | send H /  | reserved |
//     ,------+ (local)  |          | recv H    | (remote) +------.
//     |      +---+------+          v           +------+---+      |
//     |          | send H      +--------+      recv H |          |
//     |          |       recv ES| open  |send ES      |          |
//     |          v        ,-----+       +-----.       v          |
//     |      +----------+ |    +---+----+      | +----------+    |
//     |      |   half   |<'        | send R /   '>|   half   |    |
//     |      |  closed  |          | recv R       |  closed  |    |
//     |      | (remote) |          |              | (local)  |    |
//     |      +---+------+          v              +------+---+    |
//     |          | send ES / R  +--------+  recv ES / R  |        |
//     '----------+------------->| closed |<--------------+--------'
//                               +--------+
// Closed is five rows here, for what may still arrive depends on how it came to be.
#pragma once

#include <array>

#include <h2core/error.h>
#include <h2core/types.h>

namespace h2::detail {

enum class State : std::uint8_t {
  idle,
  reserved_local,
  reserved_remote,
  open,
  half_closed_local,
  half_closed_remote,
  ended,  // both sides said END_STREAM
  reset_by_us,
  reset_by_peer,
  never_used,  // its id was passed over by a later one
  forgotten,   // closed, and longer ago than we remember
};
inline constexpr std::size_t kStates = 11;
constexpr bool is_closed(State state) { return state >= State::ended; }
/// Our END_STREAM has not been framed.
constexpr bool may_still_end(State state) { return state == State::open || state == State::half_closed_remote; }

enum class Input : std::uint8_t {
  recv_headers,
  recv_data,
  recv_rst_stream,
  recv_window_update,
  recv_push_promise,  // on this stream; the promised one becomes reserved
  recv_end_stream,
  send_headers,
  send_data,
  send_end_stream,
  send_rst_stream,
};
inline constexpr std::size_t kInputs = 10;

enum class Answer : std::uint8_t {
  ok,
  ignore,   // minimal processing: decode the block, credit the DATA, drop (RFC 9113 5.1 "closed")
  violate,  // the peer's fault, as the row says
  misuse,   // the caller's fault, or nobody's
};
struct Step {
  Answer answer;
  State next;
  Violation violation;
  Misuse misuse;
};

/// By input first, which the code knows: a cell is found in two instructions.
extern const std::array<std::array<Step, kStates>, kInputs> kSteps;

inline const Step& step(State state, Input input) {
  return kSteps[static_cast<std::size_t>(input)][static_cast<std::size_t>(state)];
}

inline constexpr std::uint32_t kNoSlot = 0xffffffff;

struct Stream;
struct Sending;

/// Content that waits to be framed, or whose bytes are committed and not yet consumed; then, the DataSent event.
struct Chunk {
  const std::byte* data;
  std::size_t bytes;
  Token token;
  Sending* sending;
  bool copied;  // memory of ours, freed instead of handed back
  bool dropped = false;
  bool dequeued = false;   // left the stream's queue
  std::uint32_t self = 0;  // slot
  std::uint32_t next_event = kNoSlot;
  Chunk* next = nullptr;  // in the stream's queue
  std::size_t framed = 0;
  std::size_t taken = 0;  // of these, by the transport
};

/// Fields and pseudo-fields copied because their place on the wire is not fixed yet.
struct SavedFields {
  std::size_t allocation_bytes;
  SavedFields* next;  // behind a waiting request's head: its trailers
  std::uint32_t count;
  Field* fields() noexcept { return reinterpret_cast<Field*>(this + 1); }
};

namespace stream_event {
inline constexpr std::uint8_t reset = 1, writable = 2, closed = 4, queued = 128;
}

// A stream has one record as long as it lives, and a second one as long as it has something to send.
//
// The first is a line of the cache. Streams that only wait or receive have no more than that: one of 100,000 open ones
// took 142 bytes with its place in the table and now takes 82, and its request fetches 11 lines where it fetched 17.

struct alignas(64) Stream {
  StreamId id;
  State state = State::idle;
  std::uint8_t events = 0;  // stream_event bits
  std::uint8_t interim_responses = 0;
  Violation violation = Violation::none;
  bool known : 1 = false;            // the caller has heard of it: events are owed
  bool waiting : 1 = false;          // a request over the peer's stream limit
  bool ready : 1 = false;            // in the ready list
  bool sends : 1 = false;            // has a record in `sending`
  bool end_queued : 1 = false;       // END_STREAM follows the last queued byte
  bool sent_final : 1 = false;       // our message head is out
  bool recv_final : 1 = false;       // the peer's message head is in
  bool no_content_recv : 1 = false;  // DATA may carry nothing (HEAD, 204, 304)
  bool head_request : 1 = false;
  bool connect_request : 1 = false;
  bool upgraded : 1 = false;  // its request went out by HTTP/1.1
  bool tunnel : 1 = false;    // CONNECT was answered by a 2xx
  bool no_content_send : 1 = false;
  bool copy_refused : 1 = false;     // send_copy took less than it was given
  bool counted : 1 = false;          // in the count of active streams
  bool ended_by_peer : 1 = false;    // END_STREAM was received
  bool released : 1 = false;         // StreamClosed was delivered
  bool held : 1 = false;             // its window is a sliver: not ready until it grows or the hold is over
  bool hold_over : 1 = false;        // held long enough: the next frame may be small
  bool incremental : 1 = false;      // RFC 9218 4.2
  std::uint8_t urgency : 3 = 3;      // RFC 9218 4.1
  bool watched : 1 = false;          // content was due all through this interval
  bool fixed_window : 1 = false;     // its caller has chosen
  bool own_priority : 1 = false;     // a server's: its caller has chosen
  bool reset_after_end : 1 = false;  // RST_STREAM(NO_ERROR) follows END_STREAM
  bool tell_priority : 1 = false;    // a PRIORITY_UPDATE follows the head of a request that waits
  Verdict verdict : 2 = Verdict::maybe_processed;
  std::int32_t send_window = 0;
  std::int32_t recv_window = 0;
  std::int32_t recv_owed = 0;  // consumed, not announced; negative after a shrink
  void* user = nullptr;
  union {
    std::uint64_t head_at = 0;       // until `recv_final`: where in the output our HEADERS begin
    std::int64_t recv_content_left;  // from then on; -1: not said
  };
  std::uint32_t next_event = kNoSlot;
  std::uint32_t unconsumed = 0;             // on the stream's window
  std::uint32_t connection_unconsumed = 0;  // on the connection's
  union {
    std::uint32_t interval_bytes = 0;  // until it is closed: of content, since its rate was looked at
    ErrorCode code;                    // from then on
  };
  union {
    std::uint32_t sent_ms = 0;  // when content last went, from the start of the clock
    std::uint32_t sending;      // if it `sends`: slot of the record that says that and more
  };
  std::uint32_t received_ms = 0;  // when content last came; beside interval_bytes, GCC 12 makes of both one slow store
};
static_assert(sizeof(Stream) == 64);

/// What is on its way out on a stream: a head that waits, a content-length to be kept, content, trailers behind it.
/// From the first of these until all is framed and its memory is back.
struct Sending {
  Stream* stream;
  std::uint32_t slot;            // of the stream
  std::uint32_t sent_ms;         // when content last went, or began to wait
  std::uint32_t chunks_out = 0;  // chunks whose memory is not back
  std::uint32_t copied_bytes = 0;
  std::uint64_t queued_bytes = 0;  // of content, not framed
  std::int64_t content_left = -1;  // as the head has said; -1: it has not
  SavedFields* saved = nullptr;    // a waiting request's head, or trailers behind content
  Chunk* last_chunk = nullptr;     // of the queue, a ring: behind the last comes the first
  Sending *ready_prev = nullptr, *ready_next = nullptr;
};

}  // namespace h2::detail
