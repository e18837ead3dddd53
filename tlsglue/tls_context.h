// What many TLS connections have in common: certificates, trust, ALPN policy, tickets and counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <hpack/allocator.h>
#include <hpack/export.h>
#include <hpack/result.h>
#include <tlsglue/alpn.h>
#include <tlsglue/tls_error.h>

struct ssl_ctx_st;
struct ssl_session_st;

namespace tlsglue {

namespace detail {
struct ContextState;
}

enum class Role : std::uint8_t { client, server };
enum class Verify : std::uint8_t {
  by_role,  ///< clients verify the server's chain and name, servers ask for no certificate
  on,       ///< servers demand and verify a client certificate
  off,
};
enum class TlsVersion : std::uint8_t { tls12, tls13 };
enum class Resumption : std::uint8_t { on, off };

/// Plaintext of one record at most (RFC 8446 5.1).
inline constexpr std::size_t kRecordBytes = 16384;
/// What `TlsConfig::max_waiting_ciphertext` is unless it is given.
inline constexpr std::size_t kMaxWaitingCiphertext = std::size_t{64} * 1024;

/// A certificate chain, leaf first, and its key; each as a PEM file or as PEM text. Text wins where both are given.
struct Credentials {
  std::string_view certificate_file{}, key_file{};
  std::string_view certificate_pem{}, key_pem{};
};

/// Views are read during `make()` only.
struct TlsConfig {
  Role role = Role::server;
  Credentials credentials{};   ///< a server's, and a client's that authenticates itself
  std::string_view ca_file{};  ///< whom to trust; without file and text, the system's store
  std::string_view ca_pem{};
  Verify verify = Verify::by_role;
  AlpnPolicy alpn{};
  TlsVersion min_version = TlsVersion::tls12;  ///< RFC 9113 9.2
  TlsVersion max_version = TlsVersion::tls13;
  Resumption resumption = Resumption::on;  ///< tickets; never early data
  /// While so much ciphertext of a connection waits, nothing more is encrypted and nothing more is read; a record at
  /// least. The record that reaches it may pass it. More makes for fewer writes; less leaves a peer that does not read
  /// less memory, and what is urgent less to wait for.
  std::size_t max_waiting_ciphertext = kMaxWaitingCiphertext;
  /// New keys come after so many records, by a KeyUpdate of ours, where `TlsChannel` makes the records: RFC 8446 5.5
  /// lets AES-GCM have 2^24.5 of full length. One at least.
  std::uint64_t max_records_per_key = std::uint64_t{1} << 24;
  hpack::Allocator allocator{};  ///< of our own memory; OpenSSL has its own
};

/// A snapshot. Every finished or failed negotiation is in exactly one of the alpn rows; connections are not requests.
struct TlsCounters {
  std::uint64_t connections = 0;  ///< channels made
  std::uint64_t handshakes_done = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t resumed = 0;  ///< of those done
  std::uint64_t alpn_h2 = 0, alpn_http11 = 0, alpn_other = 0, alpn_none_sent = 0, alpn_no_overlap = 0;
  std::uint64_t alpn_undecided = 0;         ///< failed before ALPN was known
  std::uint64_t none_sent_rejected = 0;     ///< of alpn_none_sent
  std::uint64_t not_tls = 0;                ///< of the failed: another protocol's first bytes
  std::uint64_t closed = 0, truncated = 0;  ///< how the peer ended connections that were open
  std::uint64_t renegotiations = 0;         ///< attempts, each of which ended its connection
  std::uint64_t floods = 0;                 ///< of messages and records without data, each of which did the same
  std::uint64_t sealed = 0;                 ///< connections whose records `TlsChannel` makes itself
};

/// Shared by all channels made from it, which it must outlive. Channels of one context may live on different threads;
/// everything that changes the context (`add_certificate`, moving, destruction) may not run beside them.
class TlsContext {
 public:
  /// Refuses what cannot work: unreadable files, a key that does not fit, misspelt ALPN identifiers.
  H2CORE_API static hpack::Result<TlsContext, TlsError> make(const TlsConfig& config) noexcept;
  H2CORE_API ~TlsContext();
  H2CORE_API TlsContext(TlsContext&& other) noexcept;
  H2CORE_API TlsContext& operator=(TlsContext&& other) noexcept;

  /// A server's: the certificate for clients that ask for `name` by SNI, "www.example.org" or "*.example.org" (one
  /// label). Everyone else gets the one of the configuration.
  H2CORE_API hpack::Result<void, TlsError> add_certificate(std::string_view name,
                                                           const Credentials& credentials) noexcept;

  H2CORE_API Role role() const noexcept;
  H2CORE_API TlsCounters counters() const noexcept;

  /// OpenSSL's object, for what is not covered here (key logging, OCSP). Loosening what `make()` set voids this
  /// contract. With a key log callback, a message callback or blocks for padding of your own all records are OpenSSL's;
  /// a padding callback, and `SSL_CTX_set_max_send_fragment`, are heeded under TLS 1.3 only together with one of these.
  H2CORE_API ssl_ctx_st* native() const noexcept;

 private:
  friend class TlsChannel;
  explicit TlsContext(detail::ContextState* state) noexcept : state_(state) {}
  detail::ContextState* state_;
};

/// A client's memory of one server, to shorten the next handshake with it. ALPN is negotiated anew each time (RFC 7301
/// 3.1).
class TlsSession {
 public:
  TlsSession() = default;
  H2CORE_API ~TlsSession();
  H2CORE_API TlsSession(TlsSession&& other) noexcept;
  H2CORE_API TlsSession& operator=(TlsSession&& other) noexcept;
  explicit operator bool() const noexcept { return session_ != nullptr; }

 private:
  friend class TlsChannel;
  ssl_session_st* session_ = nullptr;
  // A session skips the verification that it once had, so it is good for the same name and the same strictness only.
  char name_[256] = {};
  bool verified_ = false;
};

}  // namespace tlsglue
