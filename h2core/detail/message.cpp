// Judges whole field sections by the marks of their fields: RFC 9113 8.1 to 8.3 and 8.5, RFC 8441, RFC 9110 6.5 and
// 8.6.
#include <h2core/detail/field_rules.h>
#include <h2core/detail/message.h>

namespace h2::detail {

namespace {

/// Whose fields they are. What the caller gives us is marked here, whatever `Field::mark` says: a proxy may have
/// changed the value of a field that it received.
enum class From : bool { peer, caller };

/// A regular field with none of these bits is fine wherever it stands.
constexpr std::uint32_t kBad = kNameBad | kValueBad | kTeBad | kPseudoBad | kPseudoUnknown;
constexpr std::uint32_t kNotRegular = kBad | kPseudo | kConnectionSpecific;
constexpr std::uint32_t kInRequest = kJudged | kNotRegular | kHost | kContentLength | kPriorityField | kCookie;
constexpr std::uint32_t kInResponse = kJudged | kNotRegular | kTe | kContentLength;
constexpr std::uint32_t kInTrailers = kJudged | kNotRegular | kTe | kHost | kContentLength;

/// The pseudo-fields of one section, by name. A mark is never zero, so only the marks are cleared (a tenth of a check).
struct PseudoFields {
  const Field* of[kPseudoNames];
  std::uint32_t marks[kPseudoNames] = {};
  bool has(WellKnown known) const { return mark(known) != 0; }
  std::uint32_t mark(WellKnown known) const { return marks[static_cast<std::size_t>(known)]; }
  std::string_view value(WellKnown known) const {
    if (!has(known)) return {};
    return of[static_cast<std::size_t>(known)]->value;  // NOLINT(clang-analyzer-core.CallAndMessage): set with its mark
  }
  Violation add(const Field& field, std::uint32_t mark);
};

/// The regular fields that say something about the message itself.
struct RegularFields {
  const Field* host = nullptr;
  const Field* content_length = nullptr;
  std::uint32_t cookies = 0;
  Priority priority;  ///< of all Priority fields that can be read, as one list (RFC 8941 3.2)
};

/// Of the i-th field of a section of ours.
std::uint32_t mark_of(const Field& field, Known known, std::size_t i) {
  return i < known.size() ? known[i].mark : judge_field(field.name, field.value, 0);
}

Violation broken_by_itself(std::uint32_t mark) {
  if ((mark & kNameBad) != 0) return Violation::field_name_invalid;
  if ((mark & kValueBad) != 0) return Violation::field_value_invalid;
  if ((mark & kTeBad) != 0) return Violation::te_invalid;
  if ((mark & kPseudoUnknown) != 0) return Violation::pseudo_field_unknown;
  if (well_known(mark) == WellKnown::status) return Violation::status_invalid;
  return Violation::pseudo_field_value;
}

inline Violation PseudoFields::add(const Field& field, std::uint32_t mark) {
  if ((mark & kBad) != 0) return broken_by_itself(mark);
  const std::size_t place = mark & kWellKnownBits;
  if (marks[place] != 0) return Violation::pseudo_field_repeated;
  of[place] = &field;
  marks[place] = mark;
  return Violation::none;
}

/// Takes the pseudo-fields off the front of `fields`. RFC 9113 8.3.
inline Violation take_pseudo(std::span<const Field>& fields, PseudoFields& pseudo) {
  std::size_t count = 0;
  for (; count < fields.size(); ++count) {
    const Field& field = fields[count];
    std::uint32_t mark = field.mark;
    if (mark == 0) [[unlikely]]
      mark = judge_field(field.name, field.value, 0);  // a section that no decoder of ours has made
    if ((mark & kPseudo) == 0) break;
    if (const Violation broken = pseudo.add(field, mark); broken != Violation::none) return broken;
  }
  fields = fields.subspan(count);
  return Violation::none;
}

/// A regular field that breaks a rule, or says something about the message.
inline Violation look_twice(const Field& field, std::uint32_t mark, std::uint32_t attention, RegularFields& regular) {
  if (mark == 0) mark = judge_field(field.name, field.value, 0);  // a section that no decoder of ours has made
  if ((mark & kPseudo) != 0) return Violation::pseudo_field_order;
  if ((mark & kConnectionSpecific) != 0) return Violation::connection_specific_field;
  if ((mark & attention & kTe) != 0) return Violation::connection_specific_field;  // only requests have one (8.2.2)
  if ((mark & kBad) != 0) return broken_by_itself(mark);
  if ((mark & kHost) != 0) {
    if (regular.host != nullptr) return Violation::host_differs;
    regular.host = &field;
  } else if ((mark & kContentLength) != 0) {
    // RFC 9110 8.6 lets us merge equal ones. We hand fields on as they came, so a repeated one would go on as well.
    if (regular.content_length != nullptr) return Violation::content_length_invalid;
    regular.content_length = &field;
  } else if ((mark & kCookie) != 0) {
    ++regular.cookies;
  } else if ((mark & kPriorityField) != 0) {
    regular.priority = read_priority(field.value, regular.priority).value_or(regular.priority);
  }
  return Violation::none;
}

/// The regular fields of a section; `attention` names the bits for which a field is looked at twice.
template <From from>
inline Violation check_regular(std::span<const Field> fields, Known known, std::uint32_t attention,
                               RegularFields& regular) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::uint32_t mark = from == From::peer ? fields[i].mark : mark_of(fields[i], known, i);
    if ((mark & attention) == kJudged) [[likely]]
      continue;
    const Violation broken = look_twice(fields[i], mark, attention, regular);
    if (broken != Violation::none) return broken;
  }
  return Violation::none;
}

/// What looks missing may stand behind a regular field: then that is the rule that was broken.
Violation misplaced_or(Violation broken, std::span<const Field> regular) {
  for (const Field& field : regular)
    if (field.name.starts_with(':')) return Violation::pseudo_field_order;
  return broken;
}

/// Digits only, at least one, up to 2^63-1 (RFC 9110 8.6).
Violation read_digits(std::string_view value, std::int64_t& length) {
  if (value.empty()) return Violation::content_length_invalid;
  std::int64_t sum = 0;
  for (const char octet : value) {
    if (!rules::is_digit(octet)) return Violation::content_length_invalid;
    if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, octet - '0', &sum))
      return Violation::content_length_invalid;
  }
  length = sum;
  return Violation::none;
}

inline Violation read_content_length(const Field* field, std::int64_t& length) {
  length = -1;
  return field == nullptr ? Violation::none : read_digits(field->value, length);
}

/// Without its port if that is the one which the scheme implies (RFC 3986 6.2.3).
std::string_view without_default_port(std::string_view authority, std::uint32_t scheme) {
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  const std::string_view port = authority.substr(colon + 1);
  const bool implied =
      port.empty() || (port == "80" && (scheme & kSchemeHttp) != 0) || (port == "443" && (scheme & kSchemeHttps) != 0);
  return implied ? authority.substr(0, colon) : authority;
}

/// RFC 9113 8.3.1. A host that no authority contradicts is taken as it is: a value that its own field's definition
/// would refuse makes no message malformed (8.2.1).
bool host_differs(std::string_view host, std::string_view authority, std::uint32_t scheme) {
  if (host == authority) return false;
  return !rules::same_ignoring_case(without_default_port(host, scheme), without_default_port(authority, scheme));
}

/// RFC 9113 8.5, and RFC 8441 4 where `:protocol` is given: all four are given then, as 5 says of the authority.
Violation check_connect(const PseudoFields& pseudo) {
  if (!pseudo.has(WellKnown::authority)) return Violation::connect_request_invalid;
  const bool extended = pseudo.has(WellKnown::protocol);
  if (pseudo.has(WellKnown::scheme) != extended) return Violation::connect_request_invalid;
  if (pseudo.has(WellKnown::path) != extended) return Violation::connect_request_invalid;
  if (extended) return Violation::none;
  const std::uint32_t authority = pseudo.mark(WellKnown::authority);
  const bool host_and_port = (authority & (kAuthorityPort | kAuthorityUserinfo)) == kAuthorityPort;
  return host_and_port ? Violation::none : Violation::connect_request_invalid;
}

/// What a target may look like. RFC 9113 8.3.1.
Violation check_target(const PseudoFields& pseudo) {
  const bool http = (pseudo.mark(WellKnown::scheme) & (kSchemeHttp | kSchemeHttps)) != 0;
  const std::uint32_t path = pseudo.mark(WellKnown::path);
  const bool options = (pseudo.mark(WellKnown::method) & kMethodOptions) != 0;
  if ((path & kPathAsterisk) != 0 && !options) return Violation::pseudo_field_value;
  if (!http) return Violation::none;
  if ((path & kPathEmpty) != 0) return Violation::pseudo_field_value;
  // A recipient must reject an empty host (RFC 9110 4.2.1).
  const std::uint32_t authority = pseudo.mark(WellKnown::authority);
  if ((authority & (kAuthorityEmpty | kAuthorityUserinfo)) != 0) return Violation::pseudo_field_value;
  return Violation::none;
}

Violation check_request_pseudo(const PseudoFields& pseudo, bool extended_connect) {
  if (pseudo.has(WellKnown::status)) return Violation::pseudo_field_unknown;
  if (!pseudo.has(WellKnown::method)) return Violation::pseudo_field_missing;
  const bool connect = (pseudo.mark(WellKnown::method) & kMethodConnect) != 0;
  if (pseudo.has(WellKnown::protocol) && !(connect && extended_connect)) return Violation::pseudo_field_unknown;
  if (connect) {
    if (const Violation broken = check_connect(pseudo); broken != Violation::none) return broken;
  } else if (!pseudo.has(WellKnown::scheme) || !pseudo.has(WellKnown::path)) {
    return Violation::pseudo_field_missing;
  }
  return check_target(pseudo);
}

template <From from>
Violation check_request_regular(std::span<const Field> fields, Known known, const PseudoFields& pseudo,
                                Declared& head) {
  RegularFields regular;
  regular.priority = head.priority;
  if (const Violation broken = check_regular<from>(fields, known, kInRequest, regular); broken != Violation::none) {
    return broken;
  }
  if (regular.host != nullptr && pseudo.has(WellKnown::authority) &&
      host_differs(regular.host->value, pseudo.value(WellKnown::authority), pseudo.mark(WellKnown::scheme))) {
    return Violation::host_differs;
  }
  head.priority = regular.priority;
  head.cookies = regular.cookies;
  return read_content_length(regular.content_length, head.content_length);
}

template <From from>
Violation check_response_regular(std::span<const Field> fields, Known known, std::uint16_t status,
                                 std::int64_t& content_length) {
  RegularFields regular;
  if (const Violation broken = check_regular<from>(fields, known, kInResponse, regular); broken != Violation::none) {
    return broken;
  }
  if (const Violation broken = read_content_length(regular.content_length, content_length); broken != Violation::none) {
    return broken;
  }
  // RFC 9110 8.6: servers send none with 1xx and 204. Many do send "0" with a 204, and that says nothing wrong.
  if (content_length < 0 || (status >= 200 && status != 204)) return Violation::none;
  const bool harmless = from == From::peer && status == 204 && content_length == 0;
  return harmless ? Violation::none : Violation::content_length_invalid;
}

/// Framing is over when trailers come (RFC 9110 6.5.1), so a content-length in them could only mislead the next hop. Of
/// the other fields that do not belong there we send no host, and leave the rest to those who know their definitions.
template <From from>
Violation check_any_trailers(std::span<const Field> fields, Known known) {
  RegularFields regular;
  const Violation broken = check_regular<from>(fields, known, kInTrailers, regular);
  if (broken == Violation::pseudo_field_order) return Violation::trailers_pseudo_field;
  if (broken != Violation::none) return broken;
  if (regular.content_length != nullptr) return Violation::content_length_invalid;
  if (from == From::caller && regular.host != nullptr) return Violation::host_differs;
  return Violation::none;
}

consteval std::uint32_t mark(std::string_view name, std::string_view value = "") { return judge_field(name, value, 0); }

}  // namespace

std::uint32_t classify(std::string_view name, std::string_view value, std::uint32_t name_mark) noexcept {
  return judge_field(name, value, name_mark);
}

Violation check_request(std::span<const Field> fields, bool extended_connect, Head& head) noexcept {
  PseudoFields pseudo;
  if (const Violation broken = take_pseudo(fields, pseudo); broken != Violation::none) return broken;
  if (const Violation broken = check_request_pseudo(pseudo, extended_connect); broken != Violation::none) {
    return misplaced_or(broken, fields);
  }
  if (const Violation broken = check_request_regular<From::peer>(fields, {}, pseudo, head); broken != Violation::none) {
    return broken;
  }
  head.method = pseudo.value(WellKnown::method);
  head.scheme = pseudo.value(WellKnown::scheme);
  head.authority = pseudo.value(WellKnown::authority);
  head.path = pseudo.value(WellKnown::path);
  head.protocol = pseudo.value(WellKnown::protocol);
  head.status = 0;
  head.regular = fields;
  return Violation::none;
}

Violation check_response(std::span<const Field> fields, Declared& head) noexcept {
  PseudoFields pseudo;
  const std::size_t whole = fields.size();
  if (const Violation broken = take_pseudo(fields, pseudo); broken != Violation::none) return broken;
  const bool has_status = pseudo.has(WellKnown::status);
  if (whole - fields.size() > (has_status ? 1U : 0U)) return Violation::pseudo_field_unknown;
  if (!has_status) return misplaced_or(Violation::status_invalid, fields);
  const std::uint16_t status = status_of(pseudo.mark(WellKnown::status));
  std::int64_t content_length = -1;
  if (const Violation broken = check_response_regular<From::peer>(fields, {}, status, content_length);
      broken != Violation::none) {
    return broken;
  }
  head = Declared{};
  head.content_length = content_length;
  head.status = status;
  head.regular = fields;
  return Violation::none;
}

Violation check_trailers(std::span<const Field> fields) noexcept { return check_any_trailers<From::peer>(fields, {}); }

Violation check_sent_request(std::span<const Field> given, std::span<const Field> fields, bool extended_connect,
                             Declared& head, Known known) noexcept {
  PseudoFields pseudo;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const Violation broken = pseudo.add(given[i], mark_of(given[i], known, i));
    if (broken != Violation::none) return broken;
  }
  if (const Violation broken = check_request_pseudo(pseudo, extended_connect); broken != Violation::none) {
    return broken;
  }
  return check_request_regular<From::caller>(
      fields, known.size() > given.size() ? known.subspan(given.size()) : Known{}, pseudo, head);
}

Violation check_sent_request(const Request& request, bool extended_connect, Declared& head) noexcept {
  return check_sent_request(RequestFields(request).span(), request.fields, extended_connect, head, {});
}

Violation check_sent_response(std::uint16_t status, std::span<const Field> fields, std::int64_t& content_length,
                              Known known) noexcept {
  if (status < 100 || status > 999) return Violation::status_invalid;
  return check_response_regular<From::caller>(fields, known, status, content_length);
}

Violation check_sent_trailers(std::span<const Field> fields, Known known) noexcept {
  return check_any_trailers<From::caller>(fields, known);
}

// clang-format off
constinit const std::uint32_t kStaticMarks[62] = {
  0,  // there is no entry 0
  mark(":authority"), mark(":method", "GET"), mark(":method", "POST"), mark(":path", "/"),
  mark(":path", "/index.html"), mark(":scheme", "http"), mark(":scheme", "https"), mark(":status", "200"),
  mark(":status", "204"), mark(":status", "206"), mark(":status", "304"), mark(":status", "400"),
  mark(":status", "404"), mark(":status", "500"), mark("accept-charset"), mark("accept-encoding", "gzip, deflate"),
  mark("accept-language"), mark("accept-ranges"), mark("accept"), mark("access-control-allow-origin"),
  mark("age"), mark("allow"), mark("authorization"), mark("cache-control"),
  mark("content-disposition"), mark("content-encoding"), mark("content-language"), mark("content-length"),
  mark("content-location"), mark("content-range"), mark("content-type"), mark("cookie"),
  mark("date"), mark("etag"), mark("expect"), mark("expires"),
  mark("from"), mark("host"), mark("if-match"), mark("if-modified-since"),
  mark("if-none-match"), mark("if-range"), mark("if-unmodified-since"), mark("last-modified"),
  mark("link"), mark("location"), mark("max-forwards"), mark("proxy-authenticate"),
  mark("proxy-authorization"), mark("range"), mark("referer"), mark("refresh"),
  mark("retry-after"), mark("server"), mark("set-cookie"), mark("strict-transport-security"),
  mark("transfer-encoding"), mark("user-agent"), mark("vary"), mark("via"),
  mark("www-authenticate"),
};
// clang-format on

}  // namespace h2::detail
