// Field sections, each well-formed or with one defect, and the rule that it breaks: what a peer may not send us and a
// caller may not make us send. RFC 9113 8.
#pragma once

#include <string>

#include "harness.h"

namespace h2::test {

struct Section {
  std::string what;
  OwnedFields fields;  // pseudo-fields included, in the order of the wire
  Violation broken = Violation::none;
  Violation sent = Violation::none;  // where we are stricter with what we send: the same, or more
};

std::vector<Section> request_sections();
/// Where SETTINGS_ENABLE_CONNECT_PROTOCOL is 1 (RFC 8441).
std::vector<Section> extended_connect_sections();
std::vector<Section> response_sections();
std::vector<Section> interim_sections();
std::vector<Section> trailer_sections();

}  // namespace h2::test
