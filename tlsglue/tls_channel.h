// One TLS connection without I/O: ciphertext in and out, plaintext in and out. Knows no HTTP/2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <hpack/bytes.h>
#include <hpack/export.h>
#include <tlsglue/alpn.h>
#include <tlsglue/tls_context.h>
#include <tlsglue/tls_error.h>

namespace tlsglue {

using hpack::ByteView;

namespace detail {
struct ChannelState;
}

/// For clients; a server leaves all of it empty.
struct PeerName {
  /// Host name (sent as SNI, and verified) or IP address (verified, never sent: RFC 6066 3). A client that verifies
  /// needs it.
  std::string_view server_name{};
  /// From an earlier channel to the same name; null or unfit ones mean a full handshake. May be used again.
  const TlsSession* session = nullptr;
};

enum class TlsStatus : std::uint8_t {
  needs_more,      ///< the input is used up
  output_full,     ///< input is left, because `TlsConfig::max_waiting_ciphertext` waits: take output first
  handshake_done,  ///< once; `record()` has the ALPN outcome
  plaintext,       ///< `plaintext` has bytes
  close_notify,    ///< once: the peer has ended in order and sends no more; we still may
  truncated,       ///< once: the transport ended without close_notify, after the handshake
  failed,  ///< once: `failure()` says how (alert sent or received, protocol error ...); an alert may wait in the output
};

struct TlsOutcome {
  TlsStatus status = TlsStatus::needs_more;
  ByteView plaintext{};  ///< until the next call of `receive_ciphertext()`
};

/// What was negotiated and by whom, for a log line. Views live as long as the channel.
struct TlsRecord {
  std::string_view terminated_by;  ///< "tlsglue, OpenSSL 3.0.15 ..."
  Role role = Role::server;
  std::string_view server_name;  ///< SNI or the name that a client verifies
  std::string_view offered;      ///< by the client, comma-separated; others than printable characters as '?'
  std::string_view selected;     ///< the identifier, empty if none
  AlpnOutcome alpn = AlpnOutcome::undecided;
  Protocol protocol = Protocol::other;  ///< meaningful after handshake_done
  std::string_view version;             ///< "TLSv1.3"
  std::string_view cipher;              ///< "TLS_AES_256_GCM_SHA384"
  bool resumed = false;
  TlsFailure failure;
};

/// The handshake and all that comes in is OpenSSL's, and so are the records of TLS 1.2. Those of TLS 1.3 the channel
/// makes itself, once it has made the same first two as OpenSSL (`TlsCounters::sealed`).
class TlsChannel {
 public:
  /// A client's ClientHello is in the output at once. What cannot be set up is the first outcome (`failed`).
  H2CORE_API explicit TlsChannel(TlsContext& context, const PeerName& peer = {}) noexcept;
  H2CORE_API ~TlsChannel();
  H2CORE_API TlsChannel(TlsChannel&& other) noexcept;
  H2CORE_API TlsChannel& operator=(TlsChannel&& other) noexcept;

  /// The next outcome. Reads from the front of `input` and advances it, a record at most beyond what it returns. Torn
  /// records are kept. After a failure or close_notify, input is swallowed.
  H2CORE_API TlsOutcome receive_ciphertext(ByteView& input) noexcept;
  /// The peer sends no more. Call `receive_ciphertext()` once again: a missing close_notify is its next outcome.
  H2CORE_API void receive_eof() noexcept;

  /// Encrypts from the front of `plaintext`, one record, and says how many bytes that took: 0 while the handshake runs,
  /// `TlsConfig::max_waiting_ciphertext` waits, or the channel is over. 0 never means "try the rest": offer the same
  /// bytes again.
  std::size_t send_plaintext(ByteView plaintext) noexcept { return send_plaintext(std::span{&plaintext, 1}); }
  /// The same for plaintext in pieces, put together in one record.
  H2CORE_API std::size_t send_plaintext(std::span<const ByteView> pieces) noexcept;
  /// True when `send_plaintext()` would take something.
  H2CORE_API bool can_send() const noexcept;
  /// Queues our close_notify behind everything that was encrypted. Nothing happens after a fatal error (RFC 8446 6.1),
  /// before the handshake is done, or a second time. Nothing can be sent afterwards.
  H2CORE_API void send_close_notify() noexcept;

  /// Fills `slices` from the front with ciphertext and returns how many. They stay as they are until `consume_output()`
  /// takes them or the channel is destroyed; polling again returns the same, perhaps followed by more.
  H2CORE_API std::size_t poll_output(std::span<ByteView> slices,
                                     std::size_t max_bytes = kMaxWaitingCiphertext) noexcept;
  H2CORE_API void consume_output(std::size_t bytes) noexcept;
  H2CORE_API bool has_output() const noexcept { return waiting_bytes() != 0; }
  H2CORE_API std::size_t waiting_bytes() const noexcept;
  /// True while so much waits that nothing is encrypted nor read: `TlsConfig::max_waiting_ciphertext`.
  H2CORE_API bool is_full() const noexcept;
  /// Gives back the buffers that only traffic needs; for connections that have been idle for a while.
  H2CORE_API void release_idle_memory() noexcept;
  /// The transport is gone: what waits is dropped.
  H2CORE_API void transport_lost() noexcept;
  /// Ends the receiving side for a reason of the layer above: `failed` is the next outcome and input is swallowed. What
  /// is sent still goes, close_notify included.
  H2CORE_API void fail(TlsFailureKind kind, TlsLayer layer, std::string_view sentence) noexcept;

  /// True when `receive_ciphertext()` has something to tell without input.
  H2CORE_API bool has_outcome() const noexcept;
  H2CORE_API bool at_eof() const noexcept;
  H2CORE_API bool handshake_done() const noexcept;
  /// TLS 1.3, or TLS 1.2 with an ephemeral key exchange, a certificate and AEAD.
  H2CORE_API bool has_strong_suite() const noexcept;
  H2CORE_API const TlsFailure& failure() const noexcept;
  H2CORE_API TlsRecord record() const noexcept;
  /// A client's: the newest session that the server gave, if it gave one since the last call. TLS 1.3 servers give it
  /// after the handshake, so ask late.
  H2CORE_API TlsSession take_session() noexcept;

 private:
  detail::ChannelState* state_;  // null only when the very first allocation failed
  bool stillbirth_told_ = false;
};

}  // namespace tlsglue
