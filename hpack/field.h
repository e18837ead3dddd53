// A header field, the same type on its way in and on its way out.
#pragma once

#include <cstdint>
#include <string_view>

namespace hpack {

/// How a field may be represented (RFC 7541 6.2).
enum class Indexing : std::uint8_t {
  automatic,  ///< the encoder decides; authorization, proxy-authorization and short cookies become `never`
  always,     ///< into the dynamic table whenever it fits there (6.2.1)
  without,    ///< not into our dynamic table; hops behind the peer may index it (6.2.2)
  never,      ///< not into any table on the whole way (6.2.3, 7.1.3)
};

/// Judges a field once, when it comes as a literal; the answer is the field's `mark`, and is stored with the entry
/// when the field enters the dynamic table, so that indexed fields cost no second look. `name_mark` is the mark of
/// the entry whose name was referenced, 0 if the name came as a literal.
using Classify = std::uint32_t (*)(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept;

/// One field line as views; who owns the octets is said by the call that fills or takes it.
/// A decoded field is `never` if its sender said so and `automatic` otherwise, so it can be encoded again as it is.
struct Field {
  std::string_view name;  ///< lower-case on the way out (RFC 9113 8.2.1); nothing here changes or checks it
  std::string_view value;
  Indexing indexing = Indexing::automatic;
  std::uint32_t mark = 0;  ///< what `Classify` said of a decoded field; the encoder ignores it
};

}  // namespace hpack
