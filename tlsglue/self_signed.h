// A certificate for tests, tools and examples, made in memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <hpack/allocator.h>
#include <hpack/export.h>
#include <hpack/result.h>
#include <tlsglue/tls_error.h>

namespace tlsglue {

/// Text that owns its memory.
class OwnedText {
 public:
  OwnedText() = default;
  H2CORE_API ~OwnedText();
  H2CORE_API OwnedText(OwnedText&& other) noexcept;
  H2CORE_API OwnedText& operator=(OwnedText&& other) noexcept;
  /// A copy of `text`; empty when memory is out.
  H2CORE_API explicit OwnedText(std::string_view text, const hpack::Allocator& allocator = {}) noexcept;

  std::string_view view() const noexcept { return {text_, length_}; }

 private:
  hpack::Allocator allocator_{};
  char* text_ = nullptr;
  std::size_t length_ = 0;
};

struct SelfSigned {
  OwnedText certificate_pem;  ///< also the CA to give to clients
  OwnedText key_pem;
};

inline constexpr std::string_view kLocalNames[] = {"localhost", "127.0.0.1", "::1"};

/// A P-256 certificate of one year for `names` (host names and IP addresses), signed by itself.
H2CORE_API hpack::Result<SelfSigned, TlsError> make_self_signed(
    std::span<const std::string_view> names = kLocalNames) noexcept;

}  // namespace tlsglue
