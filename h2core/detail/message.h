// RFC 9113 8 as functions: each field is classified once, when it enters the HPACK table or is decoded as a literal;
// a whole section is then judged by its marks. The same rules hold for what we receive and for what we send.
#pragma once

#include <new>

#include <hpack/encoder.h>

#include <h2core/error.h>
#include <h2core/priority.h>
#include <h2core/request.h>
#include <h2core/types.h>

namespace h2::detail {

/// Of what a valid section says, all that the engine needs. Views are those of the fields.
struct Declared {
  std::int64_t content_length = -1;  ///< -1: not given
  std::uint32_t cookies = 0;         ///< of a request: how many crumbs (RFC 9113 8.2.3)
  Priority priority;                 ///< of a request (RFC 9218 5)
  std::uint16_t status = 0;          ///< of a response
  std::span<const Field> regular;    ///< behind the pseudo-fields
};
/// And of a request that was received.
struct Head : Declared {
  std::string_view method, scheme, authority, path, protocol;
};

/// `method == name`, without a call where the lengths differ.
template <std::size_t bytes>
bool is_method(std::string_view method, const char (&name)[bytes]) {
  return method.size() == bytes - 1 && std::char_traits<char>::compare(method.data(), name, bytes - 1) == 0;
}

/// For hpack::Decoder: the mark of a field (which well-known name, what is wrong with it).
std::uint32_t classify(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept;
/// Marks of the 61 entries of RFC 7541 Appendix A, at 1..61.
extern const std::uint32_t kStaticMarks[62];

/// `fields` come from the decoder, pseudo-fields in front (checked here). `extended_connect`: we announced RFC 8441.
/// Returns none and fills `head`, or the first rule broken. A request's
/// `head.priority` comes with the values that hold where its fields are silent.
Violation check_request(std::span<const Field> fields, bool extended_connect, Head& head) noexcept;
Violation check_response(std::span<const Field> fields, Declared& head) noexcept;
Violation check_trailers(std::span<const Field> fields) noexcept;

/// The pseudo-fields of a request in the order that peers index best, as the RFC's examples have them.
struct RequestFields {
  union {
    Field
        fields[5];  // made as they are needed: to clear all of them first took half of the time here (45 instructions)
  };
  std::size_t count;
  explicit RequestFields(const Request& request) {
    Field* end = fields;
    const auto add = [&end](std::string_view name, std::string_view value) {
      if (!value.empty()) ::new (static_cast<void*>(end++)) Field{name, value};
    };
    add(":method", request.method);
    add(":protocol", request.protocol);
    add(":scheme", request.scheme);
    add(":authority", request.authority);
    add(":path", request.path);
    count = static_cast<std::size_t>(end - fields);
  }
  std::span<const Field> span() const { return {fields, count}; }
};

/// What the encoder knows of the first fields of a section of ours: their marks are kept with its entries, as those of
/// the peer's are with the decoder's. Only the fields that it does not know are judged.
using Known = std::span<const hpack::Encoder::Known>;

/// The same for fields that the caller gives us (unmarked, never to start with ':' but for `pseudo`, behind which
/// `known` goes on with `fields`). A request fills only `content_length`, `cookies` and `priority`.
Violation check_sent_request(std::span<const Field> pseudo, std::span<const Field> fields, bool extended_connect,
                             Declared& head, Known known) noexcept;
Violation check_sent_request(const Request& request, bool extended_connect, Declared& head) noexcept;
Violation check_sent_response(std::uint16_t status, std::span<const Field> fields, std::int64_t& content_length,
                              Known known = {}) noexcept;
Violation check_sent_trailers(std::span<const Field> fields, Known known = {}) noexcept;

}  // namespace h2::detail
