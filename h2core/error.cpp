// The sentences: what each error is called, whom it ends and which section says so.
#include <h2core/error.h>

#include <array>

namespace h2 {
namespace {

constexpr ViolationRow kViolations[] = {
    {"none", Scope::connection, ErrorCode::no_error, "no rule was broken", ""},
#define H2_VIOLATION(name, scope, code, sentence, section) {#name, Scope::scope, ErrorCode::code, sentence, section},
#include <h2core/violations.inc>
#undef H2_VIOLATION
};

// In the order of `Misuse`.
constexpr std::string_view kMisuses[] = {
    "none",
    "the stream has just ended",
    "no such stream was ever open",
    "a client's call on a server, or a server's on a client",
    "the stream is not in a state for this call",
    "our side of the stream has ended",
    "the connection is over",
    "no new streams after a GOAWAY",
    "the stream ids are used up",
    "the fields break a rule for messages",
    "the content is longer or shorter than content-length says",
    "the field section is larger than the limit",
    "the peer does not accept pushes",
    "a setting has a forbidden value",
    "the frame cannot be sent by its type, or is too long",
    "too many PINGs wait for their answer",
    "too many SETTINGS wait for their ACK",
    "out of memory",
};
static_assert(std::size(kMisuses) == static_cast<std::size_t>(Misuse::out_of_memory) + 1);

// In the order of `ErrorCode` (RFC 9113 7).
constexpr std::string_view kErrorCodes[] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
};
static_assert(std::size(kErrorCodes) == static_cast<std::size_t>(ErrorCode::http_1_1_required) + 1);

}  // namespace

const ViolationRow& describe(Violation violation) noexcept {
  const auto row = static_cast<std::size_t>(violation);
  return kViolations[row < std::size(kViolations) ? row : 0];
}

std::string_view describe(Work work) noexcept {
  static constexpr std::string_view kSentences[] = {
#define H2_WORK(name, sentence) sentence,
#include <h2core/works.inc>
#undef H2_WORK
  };
  static_assert(std::size(kSentences) == kWorks);
  const auto row = static_cast<std::size_t>(work);
  return row < kWorks ? kSentences[row] : "unknown";
}

std::string_view describe(Misuse misuse) noexcept {
  const auto row = static_cast<std::size_t>(misuse);
  return row < std::size(kMisuses) ? kMisuses[row] : "unknown";
}

std::string_view name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::never_sent: return "never sent";
    case Verdict::not_processed: return "not processed";
    case Verdict::maybe_processed: return "maybe processed";
    case Verdict::processed: return "processed";
  }
  return "unknown";
}

std::string_view name(ErrorCode code) noexcept {
  const auto row = static_cast<std::size_t>(code);
  return row < std::size(kErrorCodes) ? kErrorCodes[row] : "UNKNOWN_ERROR";
}

}  // namespace h2
