// RFC 9113 5.1 and 8.1 once more, straight from the text and knowing nothing of the engine: what each frame of the
// peer's, and each act of ours, does to a stream. Small and slow; the engine is held against it.
#pragma once

#include <h2core/types.h>

#include <map>

namespace h2::test::model {

enum class Act : std::uint8_t {
  // the peer's frames
  headers,
  headers_end,  // with END_STREAM
  interim,      // HEADERS with a 1xx status
  data,
  data_end,
  rst_stream,
  window_update,
  priority,
  // ours
  respond,
  respond_end,
  end,  // END_STREAM behind our request
  reset,
};

enum class What : std::uint8_t { nothing, head, interim, data, trailers, reset };
enum class Error : std::uint8_t { none, stream, connection };

/// What one act led to.
struct Outcome {
  What what = What::nothing;  // that the caller is told of
  bool end = false;           // with it the peer's side is over
  bool closed = false;        // the stream's last event
  Error error = Error::none;
  ErrorCode code = ErrorCode::no_error;
  bool refused = false;  // an act of ours that the state does not allow
  bool operator==(const Outcome&) const = default;
};

class Connection {
 public:
  /// All streams of the client's up to `highest` are of the past.
  Connection(Role role, std::uint32_t highest) : role_(role), highest_(highest) {}

  /// A client's request: the stream leaves "idle" (5.1).
  void request(std::uint32_t id, EndStream end) {
    highest_ = id;
    streams_[id].state = end == EndStream::yes ? State::half_closed_local : State::open;
  }

  /// Whether HEADERS, if it is to be well-formed, has to carry a head; else it carries trailers.
  bool wants_head(std::uint32_t id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() || (role_ == Role::client && !found->second.head_received);
  }

  Outcome act(std::uint32_t id, Act act) {
    switch (act) {
      case Act::respond:
      case Act::respond_end:
      case Act::end:
      case Act::reset: return ours(id, act);
      case Act::priority: return {};  // 6.3: in any state, and without effect on any
      default: return peers(id, act);
    }
  }

 private:
  enum class State { open, half_closed_local, half_closed_remote, ended, reset_by_us, reset_by_peer };
  struct Stream {
    State state = State::open;
    bool head_received = false;  // of the message, interim ones aside
    bool head_sent = false;
  };

  static bool ends(Act act) { return act == Act::headers_end || act == Act::data_end; }
  static bool is_data(Act act) { return act == Act::data || act == Act::data_end; }
  static bool is_headers(Act act) { return act == Act::headers || act == Act::headers_end || act == Act::interim; }
  static Outcome connection_error(ErrorCode code) { return {.error = Error::connection, .code = code}; }

  /// 5.4.2. The caller of a live stream learns of its end.
  static Outcome stream_error(Stream& stream, ErrorCode code, bool live) {
    stream.state = State::reset_by_us;
    return {.closed = live, .error = Error::stream, .code = code};
  }

  Outcome peers(std::uint32_t id, Act act) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return id > highest_ ? on_idle(id, act) : on_passed_over(id, act);
    Stream& stream = found->second;
    switch (stream.state) {
      case State::open:
      case State::half_closed_local: return on_receiving(stream, act);
      case State::half_closed_remote: return on_half_closed_remote(stream, act);
      case State::ended:
      case State::reset_by_peer: return on_closed(stream, act);
      case State::reset_by_us: return {};  // 5.1 closed: minimally processed, and discarded
    }
    return {};
  }

  // 5.1 idle: anything but HEADERS and PRIORITY is a connection error, and to a client HEADERS too.
  Outcome on_idle(std::uint32_t id, Act act) {
    if (role_ == Role::client || !is_headers(act)) return connection_error(ErrorCode::protocol_error);
    highest_ = id;
    Stream& stream = streams_[id];
    stream.head_received = true;
    if (!ends(act)) return {.what = What::head};
    stream.state = State::half_closed_remote;
    return {.what = What::head, .end = true};
  }

  // 5.1.1: closed, and unexpected in a HEADERS frame. 6.1: DATA is a stream error.
  Outcome on_passed_over(std::uint32_t id, Act act) {
    if (is_headers(act)) return connection_error(ErrorCode::protocol_error);
    if (is_data(act)) return stream_error(streams_[id], ErrorCode::stream_closed, false);
    return {};
  }

  // Open, or half-closed (local): the message goes on, in the order of 8.1.
  Outcome on_receiving(Stream& stream, Act act) {
    if (act == Act::window_update) return {};
    if (act == Act::rst_stream) return reset_by_peer(stream);
    Outcome came;
    if (is_data(act)) {
      if (!stream.head_received) return malformed(stream);
      came.what = What::data;
    } else if (stream.head_received) {  // trailers: they end the stream, and have no pseudo-field
      if (act != Act::headers_end) return malformed(stream);
      came.what = What::trailers;
    } else if (act == Act::interim) {
      return {.what = What::interim};
    } else {
      stream.head_received = true;
      came.what = What::head;
    }
    if (!ends(act)) return came;
    came.closed = stream.state == State::half_closed_local;
    came.end = true;
    stream.state = came.closed ? State::ended : State::half_closed_remote;
    return came;
  }

  // 5.1: other frames than WINDOW_UPDATE, PRIORITY and RST_STREAM are a stream error STREAM_CLOSED.
  Outcome on_half_closed_remote(Stream& stream, Act act) {
    if (act == Act::window_update) return {};
    if (act == Act::rst_stream) return reset_by_peer(stream);
    return stream_error(stream, ErrorCode::stream_closed, true);
  }

  // 5.1 closed, of the peer's own doing: WINDOW_UPDATE and RST_STREAM may have been under way (6.9), the rest not.
  Outcome on_closed(Stream& stream, Act act) {
    if (is_data(act) || is_headers(act)) return stream_error(stream, ErrorCode::stream_closed, false);
    return {};
  }

  static Outcome reset_by_peer(Stream& stream) {
    stream.state = State::reset_by_peer;
    return {.what = What::reset, .closed = true};
  }
  // 8.1.1
  static Outcome malformed(Stream& stream) { return stream_error(stream, ErrorCode::protocol_error, true); }

  Outcome ours(std::uint32_t id, Act act) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return {.refused = true};
    Stream& stream = found->second;
    const bool can_send = stream.state == State::open || stream.state == State::half_closed_remote;
    const bool live = can_send || stream.state == State::half_closed_local;
    if (act == Act::reset) {
      if (!live) return {.refused = true};
      stream.state = State::reset_by_us;
      return {.closed = true, .error = Error::stream, .code = ErrorCode::cancel};
    }
    if (!can_send || (act != Act::end && stream.head_sent)) return {.refused = true};
    stream.head_sent = true;
    if (act == Act::respond) return {};
    const bool both = stream.state == State::half_closed_remote;
    stream.state = both ? State::ended : State::half_closed_local;
    return {.closed = both};
  }

  Role role_;
  std::uint32_t highest_;
  std::map<std::uint32_t, Stream> streams_;
};

}  // namespace h2::test::model
