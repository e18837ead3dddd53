// A TlsChannel and an h2::Connection behind the calls of h2::Connection, so that a driver is written once.
#pragma once

#include <optional>
#include <variant>

#include <h2core/connection.h>
#include <tlsglue/tls_channel.h>

namespace tlsglue {

/// TLS is up. With `Protocol::h2` events are h2 events from here on; otherwise PlaintextReceived and
/// `send_plaintext()`.
struct HandshakeDone {
  AlpnOutcome alpn;
  Protocol protocol;
  bool resumed;
  std::string_view version, cipher;
};
/// Plaintext of a connection that is not HTTP/2, in the pieces that came.
struct PlaintextReceived {
  ByteView data;
};
/// TLS ended the connection. Streams that were open or waiting end with their own events after it. Output may still
/// hold the alert: keep polling.
struct TlsFailed {
  TlsFailure failure;
};
enum class CloseKind : std::uint8_t {
  clean,      ///< close_notify
  truncated,  ///< the transport ended without it: a message without its own length may be cut short
};
/// The peer sends no more, and all it sent was delivered. Under h2 the outcomes of its streams follow.
struct PeerClosed {
  CloseKind kind;
};

using Event = std::variant<h2::Event, HandshakeDone, PlaintextReceived, TlsFailed, PeerClosed>;

struct SecureOptions {
  PeerName peer{};
  /// From the first `advance_time()`; zero waits for ever. The timers of h2 start when it is over.
  h2::Duration handshake_timeout = std::chrono::seconds(10);
};

class SecureConnection {
 public:
  /// `config.role` must be the role of `context`, which must outlive this object.
  H2CORE_API SecureConnection(TlsContext& context, const h2::Config& config,
                              const SecureOptions& options = {}) noexcept;
  H2CORE_API ~SecureConnection();
  H2CORE_API SecureConnection(SecureConnection&& other) noexcept;
  H2CORE_API SecureConnection& operator=(SecureConnection&& other) noexcept;

  /// All calls about streams: `http2().send_request(...)`. A client may use them before the handshake is done; if the
  /// peer does not choose h2, such requests end as Verdict::never_sent. Its I/O calls are made by this class only.
  h2::Connection& http2() noexcept { return http2_; }
  const h2::Connection& http2() const noexcept { return http2_; }

  /// As `h2::Connection::receive`, from ciphertext. Null: none waits, and the input is used up, or output must be taken
  /// first (`has_output()`); decrypted frames may wait inside for that, so call it again, with empty input too, when
  /// `has_event()` says so after a write. Views live until the next `receive`.
  H2CORE_API std::optional<Event> receive(ByteView& input) noexcept;
  H2CORE_API void receive_eof() noexcept;
  H2CORE_API void transport_lost() noexcept;

  /// As `h2::Connection::poll_output`, ciphertext. Encrypts here, as late as possible; lent memory is given back once
  /// it is encrypted, so events may wait afterwards.
  H2CORE_API std::size_t poll_output(std::span<ByteView> slices,
                                     std::size_t max_bytes = kMaxWaitingCiphertext) noexcept;
  H2CORE_API void consume_output(std::size_t bytes) noexcept;

  H2CORE_API bool has_event() const noexcept;
  H2CORE_API bool has_output() const noexcept;
  /// `open` while output waits; then as `h2::Connection::transport_wish`. A failed connection waits two seconds for the
  /// peer.
  H2CORE_API h2::TransportWish transport_wish() const noexcept;
  H2CORE_API void advance_time(h2::TimePoint now) noexcept;
  H2CORE_API std::optional<h2::TimePoint> deadline() const noexcept;

  /// Where the protocol is not h2: takes as much of `data` as `TlsConfig::max_waiting_ciphertext` lets it and says how
  /// much; offer the rest after `consume_output()`. 0 before the handshake is done and under h2.
  H2CORE_API std::size_t send_plaintext(ByteView data) noexcept;
  /// Where the protocol is not h2: our close_notify, behind what was taken. Under h2, `http2().shutdown()` leads to it.
  H2CORE_API void close() noexcept;

  /// As `h2::Connection::explain`, with what TLS adds: what was framed may wait as ciphertext, whether for the
  /// transport or for the handshake, and while `TlsConfig::max_waiting_ciphertext` waits, nothing is read either.
  H2CORE_API std::optional<h2::Explanation> explain(h2::StreamId stream) const noexcept;

  const TlsChannel& channel() const noexcept { return channel_; }
  TlsRecord record() const noexcept { return channel_.record(); }
  TlsSession take_session() noexcept { return channel_.take_session(); }

 private:
  // Where the connection stands; the order is that of its life.
  enum class Phase : std::uint8_t { handshake, h2, plaintext, failed };

  std::optional<Event> next_inner_event() noexcept;
  std::optional<Event> on_outcome(const TlsOutcome& outcome) noexcept;
  std::optional<Event> on_handshake_done() noexcept;
  std::optional<Event> on_plaintext(ByteView data) noexcept;
  std::optional<Event> on_failed() noexcept;
  std::optional<Event> on_peer_closed(CloseKind kind) noexcept;
  void refuse(h2::ErrorCode code, TlsFailureKind kind, TlsLayer layer, std::string_view sentence) noexcept;
  void encrypt(std::size_t max_bytes) noexcept;
  bool owes_close_notify() const noexcept;
  void note_traffic() noexcept;
  bool is_idle() const noexcept;
  bool linger_is_over() const noexcept;
  void note_output() noexcept;
  std::optional<h2::TimePoint> output_until() const noexcept;

  TlsChannel channel_;
  h2::Connection http2_;
  ByteView plaintext_{};             // of the last record, not yet taken
  std::size_t preface_matched_ = 0;  // bytes of an HTTP/2 preface seen where http/1.1 was agreed
  std::optional<CloseKind> close_waits_;
  h2::Duration handshake_timeout_, output_timeout_;
  std::optional<h2::TimePoint> now_;
  std::optional<h2::TimePoint> handshake_until_, linger_until_, idle_until_;
  std::optional<h2::TimePoint> output_since_;  // when ciphertext last moved, or began to wait
  bool output_waits_ = false;
  Phase phase_ = Phase::handshake;
  h2::Role role_;
  bool preface_settled_ = true;
  bool peer_closed_ = false;
  bool lost_ = false;
  bool http2_polled_ = false;
  bool close_wanted_ = false;
  bool close_sent_ = false;
  bool memory_held_ = true;  // buffers that an idle connection gives back
  bool memory_due_ = false;
};

}  // namespace tlsglue
