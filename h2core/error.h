// What can go wrong, in three types that never mix: the peer's fault (Violation), the caller's (Misuse), and what
// became of a request when its stream or connection ended early (Verdict).
#pragma once

#include <h2core/types.h>

namespace h2 {

/// Whom an error ends: one stream (RST_STREAM) or the connection (GOAWAY). RFC 9113 5.4.
enum class Scope : std::uint8_t { stream, connection };

/// One rule that a peer broke. `describe()` has the row: scope, wire code, sentence, section.
enum class Violation : std::uint8_t {
  none,
#define H2_VIOLATION(name, scope, code, sentence, section) name,
#include <h2core/violations.inc>
#undef H2_VIOLATION
};

struct ViolationRow {
  std::string_view name;
  Scope scope;
  ErrorCode code;
  std::string_view sentence;
  std::string_view section;  ///< of RFC 9113 unless another RFC is named
};
H2CORE_API const ViolationRow& describe(Violation violation) noexcept;

/// One kind of work that moves nothing forward, which the budget counts (RFC 9113 10.5). See `Config::work_budget`.
enum class Work : std::uint8_t {
#define H2_WORK(name, sentence) name,
#include <h2core/works.inc>
#undef H2_WORK
};
inline constexpr std::size_t kWorks = static_cast<std::size_t>(Work::useless_section) + 1;
/// The sentence of its row ("too many PING frames").
H2CORE_API std::string_view describe(Work work) noexcept;

/// One rule that the caller broke. The call that returns it has sent nothing and changed nothing.
enum class Misuse : std::uint8_t {
  none,
  stream_gone,              ///< nobody's fault: the stream ended a moment ago
  unknown_stream,           ///< no such stream was ever open
  wrong_role,               ///< a client's call on a server or the reverse
  wrong_state,              ///< not possible in this state of the stream (such as DATA before the response)
  already_ended,            ///< our side of the stream has ended
  connection_over,          ///< the connection failed, was lost or is closed
  shutting_down,            ///< no new streams after a GOAWAY in either direction
  stream_ids_exhausted,     ///< 2^31-1 was reached; open another connection
  malformed_fields,         ///< names, values or the set of pseudo-fields break RFC 9113 8
  content_length_broken,    ///< the body is longer or shorter than content-length says
  field_section_too_large,  ///< over the peer's MAX_HEADER_LIST_SIZE or our own bound
  push_disabled,            ///< the peer does not accept pushes
  bad_setting,              ///< a value that RFC 9113 6.5.2 forbids
  bad_frame,                ///< a type that is not for callers to send, or a payload that breaks its rules
  too_many_pings,           ///< a bounded number of PINGs may be unanswered
  too_many_settings,        ///< a bounded number of SETTINGS may be unacknowledged
  out_of_memory,            ///< the allocator returned null
};
H2CORE_API std::string_view describe(Misuse misuse) noexcept;

template <class T>
using Result = hpack::Result<T, Misuse>;

/// What the peer did with a request that did not run to its end (RFC 9113 8.7).
enum class Verdict : std::uint8_t {
  never_sent,       ///< no byte of it left; send it anywhere
  not_processed,    ///< the peer says so (REFUSED_STREAM, above last-stream-id): safe to retry
  maybe_processed,  ///< nobody knows: retry only if it is idempotent
  processed,        ///< a final response was seen, or it ran to its end
};
H2CORE_API std::string_view name(Verdict verdict) noexcept;

}  // namespace h2
