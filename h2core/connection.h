// One HTTP/2 connection, client or server (RFC 9113). It does no I/O, reads no clock, takes no lock and throws nothing:
// bytes go in by `receive()`, events come out of it; calls go in, bytes come out of `poll_output()`.
#pragma once

#include <array>
#include <bit>
#include <optional>

#include <h2core/config.h>
#include <h2core/error.h>
#include <h2core/event.h>
#include <h2core/explain.h>
#include <h2core/request.h>

namespace h2 {

namespace detail {
class Engine;
/// What every loop asks, and asks in line.
struct Pending {
  bool event = false;
  bool output = false;
  bool deaf = false;  // failed, lost, at EOF or finished: nothing that comes now can matter (RFC 9113 5.4.1)
  bool trim = false;  // was due while views were live: memory goes at the next receive()
  /// Whether anything goes before the next byte of input.
  constexpr bool calls() const noexcept;
};
constexpr bool Pending::calls() const noexcept {
  constexpr auto kCalls = std::bit_cast<std::uint32_t>(Pending{.event = true, .deaf = true, .trim = true});
  return (std::bit_cast<std::uint32_t>(*this) & kCalls) != 0;
}
/// The first member of the engine.
struct Front : Pending {
  bool views_live = false;  // of the last event
};
}  // namespace detail

/// What the transport should do. While output waits that is `open`, until nobody has taken it for too long.
enum class TransportWish : std::uint8_t {
  open,             ///< go on
  shut_down_write,  ///< send FIN, go on reading and feeding `receive()` so that no TCP reset destroys our GOAWAY
  close,            ///< both directions are done with
};

enum class Shutdown : std::uint8_t {
  graceful,   ///< GOAWAY(2^31-1), a PING, GOAWAY(last), streams run to their end (RFC 9113 6.8)
  immediate,  ///< GOAWAY(last), streams that are open end now
};

/// A snapshot for logs and metrics.
struct Counters {
  std::uint64_t frames_received = 0, frames_sent = 0;
  std::uint64_t streams_opened = 0, streams_refused = 0, streams_reset_by_peer = 0, streams_reset_by_us = 0;
  std::uint64_t bytes_received = 0, bytes_sent = 0;            ///< taken from the input, taken by the transport
  std::uint64_t data_bytes_received = 0, data_bytes_sent = 0;  ///< content only
  std::uint64_t requests_waited = 0;                           ///< for the peer's limit of streams
  std::uint64_t stream_window_stalls = 0;                      ///< content was left when a stream's window closed
  std::uint64_t connection_window_stalls = 0;                  ///< the same of the connection's
  std::uint64_t window_updates_sent = 0, windows_grown = 0;    ///< `windows_grown`: by themselves, to fit the link
  std::array<std::uint32_t, kWorks> work{};  ///< by `Work`: what moved nothing forward, as often as it came
};

/// Windows and sizes of a stream, or of the connection (`kConnection`), in bytes. RFC 9113 6.9.
struct WindowView {
  std::int64_t send_window = 0;  ///< what we may still send; negative after a shrink
  std::int64_t recv_window = 0;  ///< what the peer may still send
  std::uint64_t unconsumed = 0;  ///< delivered, and not yet given back by `consume()`
  std::uint64_t owed = 0;        ///< consumed, and not yet announced by WINDOW_UPDATE
  std::uint64_t queued = 0;      ///< content given to us and not yet framed
};

class H2CORE_API Connection {
 public:
  /// Queues the preface and SETTINGS. If memory fails already here, the first event is ConnectionFailed.
  explicit Connection(const Config& config) noexcept;
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  /// The next event. Decodes from the front of `input` and advances it. Null: none waits, and the input is used up
  /// (or too much waits for a peer that does not read, see `Config::max_queued_output`: then the rest of `input` is
  /// left).
  std::optional<Event> receive(ByteView& input) noexcept;
  /// Says that there is input which its caller does not read for now, as `tlsglue` while much ciphertext waits: what is
  /// missing in this interval is not the peer's fault (`Config::min_content_rate`).
  void hold_input() noexcept;
  /// The peer sends no more; our output may still go out. Loop over `receive` with empty input afterwards. Input that
  /// was left over comes first, or it is lost.
  void receive_eof() noexcept;
  /// Both directions are gone: all streams end, nothing is left to send.
  void transport_lost() noexcept;

  /// Fills `slices` from the front with what is to be sent, in order, and returns how many. They stay as they are until
  /// `consume_output()` takes them or `transport_lost()`; polling again returns the same, perhaps followed by more.
  std::size_t poll_output(std::span<ByteView> slices, std::size_t max_bytes = std::size_t{64} * 1024) noexcept {
    return has_output() ? poll_waiting(slices, max_bytes) : 0;
  }
  /// The transport took this many bytes from the front of what was polled.
  void consume_output(std::size_t bytes) noexcept;

  bool has_event() const noexcept { return front_->event; }
  bool has_output() const noexcept { return front_->output; }
  TransportWish transport_wish() const noexcept;

  /// First thing on every wake-up. Time never goes back; an earlier `now` counts as the latest one.
  void advance_time(TimePoint now) noexcept;
  /// When `advance_time()` wants to be called next, or null when no timer runs.
  std::optional<TimePoint> deadline() const noexcept;

  /// Begins a connection that an HTTP/1.1 Upgrade to `h2c` led to (RFC 7540 3.2): stream 1 stands for the upgraded
  /// `request`, which had no content left to send. A server gives the decoded octets of HTTP2-Settings and then answers
  /// stream 1 as if RequestReceived had come; a client gives none and waits for the response. Only as the first call.
  Result<StreamId> begin_upgraded(const Request& request, ByteView http2_settings, void* user = nullptr) noexcept;
  /// A client's: opens a stream. Over the peer's stream limit it waits, first in first out, its fields copied.
  Result<StreamId> send_request(const Request& request, EndStream end, void* user = nullptr) noexcept;
  /// A server's: the final response head. That to a promise is push_disabled while it would pass the client's limit of
  /// streams (RFC 9113 5.1.2).
  Result<void> send_response(StreamId stream, std::uint16_t status, std::span<const Field> fields,
                             EndStream end) noexcept;
  /// A server's: a 1xx head before the final one; 101 is a misuse (RFC 9113 8.6).
  Result<void> send_informational(StreamId stream, std::uint16_t status, std::span<const Field> fields) noexcept;
  /// Ends our side with a trailer section, behind all content that was queued (copied if content waits). A limit that
  /// the peer lowers while they wait does not hold them back: it is advice (RFC 9113 10.5.1), and their content is out.
  Result<void> send_trailers(StreamId stream, std::span<const Field> fields) noexcept;
  /// Lends `data` until the DataSent that carries `token`; also for empty data. Several may queue.
  Result<void> send_data(StreamId stream, ByteView data, Token token, EndStream end) noexcept;
  /// Copies as much of `data` as `Config::copy_bound` has room for and says how much; if that is not all,
  /// StreamWritable follows when there is room. `end` counts only once all of `data` was taken.
  Result<std::size_t> send_copy(StreamId stream, ByteView data, EndStream end) noexcept;
  /// A server's: promises `request` beside `parent`; then answer the returned stream (RFC 9113 8.4).
  Result<StreamId> push(StreamId parent, const Request& request, void* user = nullptr) noexcept;
  /// Ends the stream now. What was committed to the output still goes out; the rest is dropped. But NO_ERROR from a
  /// server that has queued the end of its response waits until all of that is out: then it only tells the client to
  /// stop sending a request that nobody reads (RFC 9113 8.1).
  Result<void> reset(StreamId stream, ErrorCode code) noexcept;

  /// How the stream's content takes turns with others' (RFC 9218). A server's word stands above the client's; a client
  /// tells its server by PRIORITY_UPDATE, unless the server said that it does not listen (2.1.1).
  Result<void> set_priority(StreamId stream, Priority priority) noexcept;
  std::optional<Priority> priority(StreamId stream) const noexcept;

  /// A server's: an alternative service for `origin`, or, with an empty one, for the origin of `stream` (RFC 7838 4).
  Result<void> send_altsvc(StreamId stream, std::string_view origin, std::string_view value) noexcept;
  /// A server's: origins that this connection may be used for, as "https://example.com" (RFC 8336). TLS only.
  Result<void> send_origin(std::span<const std::string_view> origins) noexcept;
  /// A frame of an extension that the engine does not know (RFC 9113 5.5). The payload is copied, and is no longer than
  /// the peer's MAX_FRAME_SIZE.
  Result<void> send_frame(std::uint8_t type, std::uint8_t flags, StreamId stream, ByteView payload) noexcept;

  /// Gives the peer `bytes` of received content back, on stream and connection; batched (RFC 9113 6.9), so call it
  /// freely. More than was received, or a stream that is gone, credits only what is still owed.
  void consume(StreamId stream, std::size_t bytes) noexcept;
  /// The same, one window at a time: `consume_connection` first lets others run while this stream is held back.
  void consume_stream(StreamId stream, std::size_t bytes) noexcept;
  void consume_connection(StreamId stream, std::size_t bytes) noexcept;
  /// Everything that the stream still owes.
  void release(StreamId stream) noexcept;
  /// Resizes a receive window, which from then on does not grow by itself; shrinking works by withholding updates.
  /// `kConnection` names the connection's. That of a request that waits is announced behind its HEADERS.
  Result<void> set_window(StreamId stream, std::uint32_t bytes) noexcept;

  /// Sends SETTINGS. A looser value is accepted from now on, a tighter one from its ACK (RFC 9113 6.5.3). An
  /// INITIAL_WINDOW_SIZE among them ends the growth of stream windows. None follow `Shutdown::immediate`, for the peer
  /// goes on counting windows that are gone here (6.9.2).
  Result<void> send_settings(std::span<const Setting> entries) noexcept;
  /// PingAnswered follows with the round-trip time.
  Result<void> ping(Token token) noexcept;
  /// Begins to end the connection. At `drain` after now at the latest, what is open is cut; zero waits for ever. Five
  /// seconds after a cut the transport is to close, also if the peer has not taken all that was committed.
  /// A second call may only hasten.
  void shutdown(Shutdown how, Duration drain = Duration{0}, ErrorCode code = ErrorCode::no_error) noexcept;

  /// The caller's value for a stream, handed back in its events.
  Result<void> set_user(StreamId stream, void* user) noexcept;
  /// Null when the stream is not known (any more).
  void* user(StreamId stream) const noexcept;
  std::optional<WindowView> window(StreamId stream) const noexcept;
  /// What holds the stream's next byte back, or the connection's (`kConnection`); null when the stream is not known.
  std::optional<Explanation> explain(StreamId stream) const noexcept;
  std::size_t open_streams() const noexcept;
  const Settings& peer_settings() const noexcept;
  const Counters& counters() const noexcept;
  /// Calls `visit(token)` for all lent memory that is still held, and forgets it. For use before destruction.
  template <class Visitor>
  void abandon(Visitor visit) noexcept {
    abandon_each([](void* context, Token token) noexcept { (*static_cast<Visitor*>(context))(token); }, &visit);
  }

 private:
  void receive_called(ByteView& input, std::optional<Event>& out) noexcept;
  void receive_bytes(ByteView& input, std::optional<Event>& out) noexcept;
  std::size_t poll_waiting(std::span<ByteView> slices, std::size_t max_bytes) noexcept;
  void receive_unborn(ByteView& input, std::optional<Event>& out) noexcept;
  void abandon_each(void (*visit)(void* context, Token token) noexcept, void* context) noexcept;

  Allocator allocator_;
  detail::Engine* engine_ = nullptr;  // null only when the very first allocation failed
  detail::Front* front_;              // where there is no engine, something calls, always
};

// A loop that takes all events calls once more than there are any, and that answer needs nothing of the engine: 20
// instructions fewer than a call.
inline std::optional<Event> Connection::receive(ByteView& input) noexcept {
  const std::optional<IdleTimedOut> none;
  std::optional<Event> out(none);  // without this detour GCC 12 clears all of the event first
  if (front_->calls()) [[unlikely]]
    receive_called(input, out);
  else if (input.empty()) front_->views_live = false;
  else receive_bytes(input, out);
  return out;
}

}  // namespace h2
