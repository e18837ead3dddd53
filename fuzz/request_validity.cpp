// Field sections into the message rules. What was accepted is looked at by the plain reading of RFC 9113 8; both
// directions agree, and so do marks from the table and marks made anew.
#include <h2core/detail/field_rules.h>
#include <h2core/detail/message.h>

#include <string>
#include <vector>

#include "input.h"

namespace fuzz {
namespace {

using namespace h2;
using namespace h2::detail;

constexpr std::string_view kNames[] = {
    ":method",        ":scheme", ":authority", ":path",      ":protocol", ":status",           "host", "te", "cookie",
    "content-length", "upgrade", "connection", "keep-alive", "priority",  "transfer-encoding", "x"};
constexpr std::string_view kValues[] = {"GET", "CONNECT",  "OPTIONS", "https", "http", "example.com", "example.com:443",
                                        "/",   "*",        "",        "200",   "204",  "trailers",    "0",
                                        "1",   "websocket"};

bool plain_value(std::string_view value) {
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    if ((octet < 0x20 && octet != '\t') || octet == 0x7f) return false;
  }
  return value.find_first_of(" \t") != 0 && (value.empty() || value.find_last_of(" \t") != value.size() - 1);
}
bool plain_name(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") == std::string_view::npos;
}
std::size_t count(std::span<const Field> fields, std::string_view name) {
  std::size_t found = 0;
  for (const Field& field : fields) found += field.name == name;
  return found;
}

void check_section(std::span<const Field> fields) {
  bool regular = false;
  for (const Field& field : fields) {
    check(plain_name(field.name), "an accepted name is lower-case token octets");
    check(plain_value(field.value), "an accepted value has no control and no space around it");
    const bool pseudo = field.name.starts_with(':');
    check(!pseudo || !regular, "pseudo-fields stand in front");
    check(!pseudo || count(fields, field.name) == 1, "pseudo-fields are not repeated");
    regular = regular || !pseudo;
    for (const char* name : {"connection", "upgrade", "keep-alive", "transfer-encoding", "proxy-connection"}) {
      check(field.name != name, "no connection-specific field is accepted");
    }
  }
  check(count(fields, "content-length") <= 1, "content-length is not repeated");
}

void run(Input input) {
  const bool extended = (input.u8() & 1) != 0;
  std::vector<std::string> kept;
  kept.reserve(128);  // no move: fields view these
  std::vector<Field> fields;
  const auto part = [&input, &kept](std::span<const std::string_view> known) -> std::string_view {
    const std::uint8_t choice = input.u8();
    if (choice < 0x80) return known[choice % known.size()];
    return kept.emplace_back(text(input.take(choice & 0x3f)));
  };
  while (!input.empty() && fields.size() < 60) {
    const std::string_view name = part(kNames);
    const std::string_view value = part(kValues);
    fields.push_back({name, value, Indexing::automatic, classify(name, value, 0)});
    const std::uint32_t by_name = classify(name, "other", 0);
    check(classify(name, value, by_name) == fields.back().mark, "a name from the table gives the same mark");
  }

  Head head;
  const Violation request = check_request(fields, extended, head);
  std::vector<Field> unmarked = fields;
  for (Field& field : unmarked) field.mark = 0;
  Head again;
  check(check_request(unmarked, extended, again) == request, "marks change nothing");

  std::size_t pseudo = 0;
  while (pseudo < fields.size() && fields[pseudo].name.starts_with(':')) ++pseudo;
  if (request == Violation::none) {
    check_section(fields);
    check(count(fields, ":method") == 1 && count(fields, ":status") == 0, "a request has a method");
    const bool tunnel = head.method == "CONNECT" && head.protocol.empty();
    check(head.scheme.empty() == tunnel, "a scheme unless it is CONNECT");
    check(head.regular.size() == fields.size() - pseudo, "regular fields are those behind the pseudo-fields");
    const bool http = head.scheme == "https" || head.scheme == "http";
    check(!http || head.path.starts_with('/') || (head.path == "*" && head.method == "OPTIONS"), "a path begins so");
    check(!http || head.authority.find('@') == std::string_view::npos, "no userinfo");
    // What was empty but present is absent when it is sent, and may be missed.
    if (count(fields, ":authority") == (head.authority.empty() ? 0U : 1U) && (tunnel || !head.path.empty())) {
      Head twin_head;
      const Request twin{head.method, head.scheme, head.authority, head.path, head.regular, head.protocol};
      check(check_sent_request(twin, extended, twin_head) == Violation::none, "what is accepted can be sent");
      check(twin_head.content_length == head.content_length, "both ways read the same content-length");
    }
  }
  if (check_response(fields, head) == Violation::none) {
    check_section(fields);
    check(head.status >= 100 && head.status <= 999 && pseudo == 1, "a response has a status and no more");
    std::int64_t length = -1;
    const Violation sent = check_sent_response(head.status, head.regular, length);
    check(sent == Violation::none || (head.status == 204 && head.content_length == 0), "what is accepted can be sent");
  }
  if (check_trailers(fields) == Violation::none) {
    check_section(fields);
    check(pseudo == 0, "trailers have no pseudo-field");
    check(count(fields, "host") > 0 || check_sent_trailers(fields) == Violation::none, "what is accepted can be sent");
  }
  if (check_sent_trailers(fields) == Violation::none) {
    check(check_trailers(fields) == Violation::none, "what we send we would accept");
  }
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::run(fuzz::Input(octets, size));
  return 0;
}
