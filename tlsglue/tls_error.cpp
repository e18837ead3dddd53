// The words for what went wrong.
#include <tlsglue/tls_error.h>

#include <algorithm>
#include <cstring>

namespace tlsglue {

TlsError::TlsError(TlsErrorCode why, std::string_view a, std::string_view b, std::string_view c,
                   std::string_view d) noexcept
    : code(why) {
  for (const std::string_view part : {a, b, c, d}) {
    const std::size_t fits = std::min(part.size(), sizeof text_ - length_);
    if (fits != 0) std::memcpy(text_ + length_, part.data(), fits);
    length_ += fits;
  }
}

std::string_view name(TlsFailureKind kind) noexcept {
  switch (kind) {
    case TlsFailureKind::none: return "none";
    case TlsFailureKind::alert_received: return "alert received";
    case TlsFailureKind::alert_sent: return "alert sent";
    case TlsFailureKind::protocol_error: return "protocol error";
    case TlsFailureKind::not_tls: return "not TLS";
    case TlsFailureKind::truncated: return "truncated";
    case TlsFailureKind::renegotiation: return "renegotiation";
    case TlsFailureKind::inadequate_security: return "inadequate security";
    case TlsFailureKind::wrong_protocol: return "wrong protocol";
    case TlsFailureKind::alpn_refused: return "ALPN refused";
    case TlsFailureKind::timed_out: return "timed out";
    case TlsFailureKind::flood: return "flood";
    case TlsFailureKind::out_of_memory: return "out of memory";
  }
  return "none";
}

std::string_view name(TlsLayer layer) noexcept {
  switch (layer) {
    case TlsLayer::none: return "none";
    case TlsLayer::transport: return "transport";
    case TlsLayer::record: return "record";
    case TlsLayer::handshake: return "handshake";
    case TlsLayer::certificate: return "certificate";
    case TlsLayer::alpn: return "ALPN";
    case TlsLayer::policy: return "policy";
    case TlsLayer::application: return "application";
  }
  return "none";
}

}  // namespace tlsglue
