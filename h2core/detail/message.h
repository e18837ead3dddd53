// RFC 9113 8 as functions: each field is classified once, when it enters the HPACK table or is decoded as a literal;
// a whole section is then judged by its marks. The same rules hold for what we receive and for what we send.
#pragma once

#include <h2core/error.h>
#include <h2core/priority.h>
#include <h2core/request.h>
#include <h2core/types.h>

namespace h2::detail {

/// Of what a valid section says, all that the engine needs. Views are those of the fields.
struct Head {
  std::string_view method, scheme, authority, path, protocol;
  std::uint16_t status = 0;
  std::int64_t content_length = -1;  ///< -1: not given
  std::uint32_t cookies = 0;         ///< of a request: how many crumbs (RFC 9113 8.2.3)
  Priority priority;                 ///< of a request (RFC 9218 5)
  std::span<const Field> regular;    ///< behind the pseudo-fields
};

/// For hpack::Decoder: the mark of a field (which well-known name, what is wrong with it).
std::uint32_t classify(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept;
/// Marks of the 61 entries of RFC 7541 Appendix A, at 1..61.
extern const std::uint32_t kStaticMarks[62];

/// `fields` come from the decoder, pseudo-fields in front (checked here). `extended_connect`: we announced RFC 8441.
/// Returns none and fills `head`, or the first rule broken. A request's
/// `head.priority` comes with the values that hold where its fields are silent.
Violation check_request(std::span<const Field> fields, bool extended_connect, Head& head) noexcept;
Violation check_response(std::span<const Field> fields, Head& head) noexcept;
Violation check_trailers(std::span<const Field> fields) noexcept;

/// The same for fields that the caller gives us (unmarked, without pseudo-fields, never to start with ':'). A request
/// fills only `content_length`, `cookies` and `priority` of `head`.
Violation check_sent_request(const Request& request, bool extended_connect, Head& head) noexcept;
Violation check_sent_response(std::uint16_t status, std::span<const Field> fields,
                              std::int64_t& content_length) noexcept;
Violation check_sent_trailers(std::span<const Field> fields) noexcept;

}  // namespace h2::detail
