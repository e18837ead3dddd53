// What a connection tells its caller: past-tense structs, one at a time, from `Connection::receive()`.
//
// All views live until the next call of `receive()`; every other call is allowed before that. `user` is the value that
// the caller gave the stream (null until then). StreamClosed is the last event of every stream that the caller has
// heard of or opened itself, exactly once, after all of its lent memory has come back: free the stream's things there.
#pragma once

#include <optional>
#include <variant>

#include <h2core/error.h>
#include <h2core/priority.h>
#include <h2core/settings.h>
#include <h2core/types.h>

namespace h2 {

/// A field section without its pseudo-fields, decoded and validated (RFC 9113 8.2). Fields that must not be indexed
/// say so in `indexing`, so that a proxy can send them on as they are.
using FieldsView = std::span<const Field>;

/// A server's: a whole request head arrived (RFC 9113 8.3.1). Absent pseudo-fields are empty views.
struct RequestReceived {
  StreamId stream;
  std::string_view method, scheme, authority, path, protocol;
  FieldsView fields;
  EndStream end;
  Priority priority;  ///< what the client said of it so far, by field or frame (RFC 9218)
};
/// A client's: a 1xx head arrived; the final one is still to come (RFC 9113 8.1).
struct InformationalReceived {
  StreamId stream;
  void* user;
  std::uint16_t status;
  FieldsView fields;
};
/// A client's: the final response head arrived.
struct ResponseReceived {
  StreamId stream;
  void* user;
  std::uint16_t status;
  FieldsView fields;
  EndStream end;
};
/// A client's: the server promised `stream` beside `parent` (RFC 9113 8.4). `reset()` it to refuse.
struct PushReceived {
  StreamId parent;
  void* user;  ///< of the parent
  StreamId stream;
  std::string_view method, scheme, authority, path;
  FieldsView fields;
};
/// A piece of content, as it came. Owed to the peer until `consume()` or `release()`; `end` may come with no bytes.
struct DataReceived {
  StreamId stream;
  void* user;
  ByteView data;
  EndStream end;
};
/// The message ended with a trailer section.
struct TrailersReceived {
  StreamId stream;
  void* user;
  FieldsView fields;
};
/// The stream ended early. StreamClosed follows, at once or when the last lent byte is back.
struct StreamReset {
  StreamId stream;
  void* user;
  ErrorCode code;
  Violation violation;  ///< none when the peer sent RST_STREAM
};
/// The stream's last event. `code` is no_error when both sides ended it in order.
struct StreamClosed {
  StreamId stream;
  void* user;
  ErrorCode code;
  Verdict verdict;  ///< for a client's request: what the server did with it
};
enum class DataOutcome : std::uint8_t { sent, dropped };
/// Memory lent with `send_data()` is the caller's again.
struct DataSent {
  StreamId stream;
  void* user;
  Token token;
  DataOutcome outcome;
};
/// `send_copy()` has room again after it took less than it was given.
struct StreamWritable {
  StreamId stream;
  void* user;
};
/// A server's: the client changed its mind about an open stream (RFC 9218 7.1). The turns of its content follow
/// already.
struct PriorityReceived {
  StreamId stream;
  void* user;
  Priority priority;
};
/// The peer's SETTINGS are in force and their ACK is queued. `entries` is the frame's payload, for settings that
/// `Settings` does not know: six bytes each, see `read_setting()`.
struct SettingsReceived {
  Settings settings;
  ByteView entries;
};
/// One of our SETTINGS frames was acknowledged; `settings` are what now binds the peer.
struct SettingsAcknowledged {
  Settings settings;
};
/// The answer to `ping()`.
struct PingAnswered {
  Token token;
  Duration round_trip;
};
/// The peer takes no stream above `last_stream` (RFC 9113 6.8). Requests above end with Verdict::not_processed.
/// The debug data is at most a frame long; a log may want less of it.
struct GoawayReceived {
  StreamId last_stream;
  ErrorCode code;
  ByteView debug;
};
/// A client's: an alternative service (RFC 7838 4) for `origin`, or where that is empty, for the origin of `stream`.
/// Whether the server has a say about that origin is the caller's to know. `value` is what an Alt-Svc field would have.
struct AltSvcReceived {
  StreamId stream;
  std::string_view origin, value;
};
/// A client's: origins that the connection may be used for (RFC 8336). Take them off `entries` with `next_origin()`. To
/// be ignored on a connection without TLS, and when it leads to a proxy.
struct OriginReceived {
  ByteView entries;
};
/// A frame of a type that we do not know, when `Config::deliver_unknown_frames` asks for them. Whole payload.
struct UnknownFrameReceived {
  std::uint8_t type;
  std::uint8_t flags;
  StreamId stream;
  ByteView payload;
};
/// The connection has been without streams for `Config::idle_timeout`; a graceful shutdown has begun.
struct IdleTimedOut {};
/// The budget for work that moves nothing forward is half used, or used up (`Config::work_budget`). `cause` is what
/// took the last of it. With `used_up` the connection ends, or would, if `Config::enforce_work_budget` were on.
struct WorkBudgetLow {
  Work cause;
  bool used_up;
};
/// A shutdown ran to its end: no stream is left and everything was sent. Follow `transport_wish()`.
struct ShutdownFinished {};
/// The connection is over for a reason: a rule that the peer broke or a timer (`violation`), or the transport was lost
/// with streams open (`violation` none, `code` internal_error). A peer's GOAWAY is no failure: see GoawayReceived.
/// Every open stream's StreamClosed follows. Output may still hold our GOAWAY: keep polling.
struct ConnectionFailed {
  Violation violation;
  ErrorCode code;
  std::string_view sentence;
  std::string_view section;
};

using Event =
    std::variant<RequestReceived, InformationalReceived, ResponseReceived, PushReceived, DataReceived, TrailersReceived,
                 StreamReset, StreamClosed, DataSent, StreamWritable, SettingsReceived, SettingsAcknowledged,
                 PingAnswered, GoawayReceived, UnknownFrameReceived, IdleTimedOut, WorkBudgetLow, ShutdownFinished,
                 ConnectionFailed, PriorityReceived, AltSvcReceived, OriginReceived>;

}  // namespace h2
