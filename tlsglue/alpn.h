// Which protocol a TLS connection carries (RFC 7301): the policy that a caller states, and what came of it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <hpack/export.h>

namespace tlsglue {

inline constexpr std::string_view kH2 = "h2";
inline constexpr std::string_view kHttp11 = "http/1.1";
inline constexpr std::string_view kH2ThenHttp11[] = {kH2, kHttp11};
inline constexpr std::string_view kH2Only[] = {kH2};

/// What negotiation came to, on either side.
enum class AlpnOutcome : std::uint8_t {
  undecided,  ///< the handshake is still running, or failed before this was known
  h2,
  http11,
  other,       ///< an identifier of the policy that is neither
  none_sent,   ///< the client offered nothing, or the server answered nothing
  no_overlap,  ///< nothing in common: fatal alert 120, no_application_protocol
};
/// "h2", "http/1.1", "other", "none sent", "no overlap" or "undecided".
H2CORE_API std::string_view name(AlpnOutcome outcome) noexcept;

/// What the plaintext of an open connection is: the outcome, with `none_sent` settled by the policy.
enum class Protocol : std::uint8_t { h2, http11, other };
H2CORE_API std::string_view name(Protocol protocol) noexcept;

/// What a peer without ALPN gets.
enum class NoneSent : std::uint8_t {
  reject,     ///< fatal alert 120 from a server; a client ends before it has written a byte
  as_h2,      ///< prior knowledge
  as_http11,  ///< what RFC 9113 3.2 lets a client without ALPN mean
};

/// Identifiers are compared byte by byte. They are copied when the policy is used.
struct AlpnPolicy {
  /// In order of preference; a server's order decides. Never empty.
  std::span<const std::string_view> protocols = kH2ThenHttp11;
  /// Must name a protocol of the list, or `reject`.
  NoneSent none_sent = NoneSent::as_http11;

  /// HTTP/2 or nothing.
  static constexpr AlpnPolicy h2_only() noexcept { return {kH2Only, NoneSent::reject}; }
};

/// Whether `identifier` may stand in a policy: 1 to 255 octets, and no misspelling of a name for HTTP, such as
/// "http2", "H2", "h2c" (cleartext only, RFC 9113 3.1) or "HTTP/1.1".
H2CORE_API bool is_valid_alpn_identifier(std::string_view identifier) noexcept;

}  // namespace tlsglue
