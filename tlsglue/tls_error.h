// What goes wrong before a connection exists (TlsError), and what ends one (TlsFailure).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <hpack/export.h>

namespace tlsglue {

enum class TlsErrorCode : std::uint8_t {
  out_of_memory,
  unreadable_file,      ///< missing, forbidden, or not a file
  bad_certificate,      ///< no certificate in PEM, or one that OpenSSL refuses
  bad_key,              ///< no private key in PEM, or one that OpenSSL refuses
  key_mismatch,         ///< the key does not belong to the certificate
  missing_certificate,  ///< a server needs one
  bad_trust,            ///< no usable CA certificate
  bad_alpn,             ///< misspelt, empty or repeated identifier, or a policy that contradicts itself
  bad_name,             ///< neither a host name nor an address
  bad_version,          ///< below TLS 1.2, or the least above the greatest
  wrong_role,           ///< a server's call on a client or the reverse
  library,              ///< OpenSSL refused something that should work
};

/// A refusal to set something up: a code for programs and one clear line for people, with the file if there is one.
class TlsError {
 public:
  TlsErrorCode code = TlsErrorCode::library;

  /// "cannot read certificate file /etc/x.pem: No such file or directory". Lives as long as this object.
  std::string_view message() const noexcept { return {text_, length_}; }

  TlsError() = default;
  /// Joins the parts; what does not fit is cut.
  H2CORE_API TlsError(TlsErrorCode code, std::string_view a, std::string_view b = {}, std::string_view c = {},
                      std::string_view d = {}) noexcept;

 private:
  char text_[320] = {};
  std::size_t length_ = 0;
};

/// What ended a TLS connection before its time.
enum class TlsFailureKind : std::uint8_t {
  none,
  alert_received,       ///< the peer sent the fatal alert
  alert_sent,           ///< we did; it is in the output
  protocol_error,       ///< not TLS, or against our rules, where no alert tells the peer
  not_tls,              ///< the first bytes are another protocol's, named in the sentence
  truncated,            ///< the transport ended inside the handshake
  renegotiation,        ///< the peer asked for what RFC 9113 9.2.1 and 9.2.3 forbid
  inadequate_security,  ///< h2 with a version or suite that RFC 9113 9.2 forbids
  wrong_protocol,       ///< an HTTP/2 preface where http/1.1 was agreed
  alpn_refused,         ///< a client did not get a protocol of its policy
  timed_out,            ///< the handshake took too long, or the transport took no output (`h2::Config::output_timeout`)
  flood,                ///< many messages or records in a row that bring no data (KeyUpdate, tickets, empty records)
  out_of_memory,
};
H2CORE_API std::string_view name(TlsFailureKind kind) noexcept;

/// Where it failed.
enum class TlsLayer : std::uint8_t { none, transport, record, handshake, certificate, alpn, policy, application };
H2CORE_API std::string_view name(TlsLayer layer) noexcept;

struct TlsFailure {
  TlsFailureKind kind = TlsFailureKind::none;
  TlsLayer layer = TlsLayer::none;
  std::uint8_t alert = 0;     ///< RFC 8446 6.2, for alert_received and alert_sent
  std::string_view sentence;  ///< for the log; lives as long as the channel
};

}  // namespace tlsglue
