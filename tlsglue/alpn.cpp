// Names of protocols, and which spellings of them are mistakes.
#include <tlsglue/alpn.h>

namespace tlsglue {

namespace {

bool starts_like(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view name(AlpnOutcome outcome) noexcept {
  switch (outcome) {
    case AlpnOutcome::undecided: return "undecided";
    case AlpnOutcome::h2: return kH2;
    case AlpnOutcome::http11: return kHttp11;
    case AlpnOutcome::other: return "other";
    case AlpnOutcome::none_sent: return "none sent";
    case AlpnOutcome::no_overlap: return "no overlap";
  }
  return "undecided";
}

std::string_view name(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::h2: return kH2;
    case Protocol::http11: return kHttp11;
    case Protocol::other: return "other";
  }
  return "other";
}

// Everything else that begins like HTTP is either a slip, a draft that nobody speaks any more (h2-14), or h2c, which
// RFC 9113 3.1 keeps out of TLS.
bool is_valid_alpn_identifier(std::string_view identifier) noexcept {
  if (identifier.empty() || identifier.size() > 255) return false;
  if (identifier == kH2 || identifier == kHttp11 || identifier == "http/1.0") return true;
  return !starts_like(identifier, "h2") && !starts_like(identifier, "http");
}

}  // namespace tlsglue
