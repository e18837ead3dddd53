// Values of Priority fields (RFC 9218 4): whatever they are, what is read obeys the grammar's own algebra; and those
// that are put together here from valid members say what their members say.
#include <h2core/priority.h>

#include <string>

#include "input.h"

namespace fuzz {
namespace {

using namespace h2;

/// Members of a Dictionary (RFC 8941 3.2), and what they change.
struct Member {
  std::string_view text;
  int urgency = -1, incremental = -1;
};
constexpr Member kMembers[] = {{"u=0", 0},
                               {"u=7", 7},
                               {"u=05", 5},
                               {"u=8"},
                               {"u=-1"},
                               {"u=-0", 0},
                               {"u=3.0"},
                               {"u=999999999999999"},
                               {"u"},
                               {"u=?1"},
                               {"u=(1 2)"},
                               {"u=2;a;b=\"u=1, i\"", 2},
                               {"u=\"5\""},
                               {"i", -1, 1},
                               {"i=?0", -1, 0},
                               {"i=?1;q=0.5", -1, 1},
                               {"i;x", -1, 1},
                               {"i=1"},
                               {"i=()"},
                               {"*a.b-c_d=tok/en:!"},
                               {"x=:aGVsbG8=:"},
                               {"y=(\"a\";b ?0   1.5 tok);z=:: "},
                               {"z=\"\\\"\\\\\""},
                               {"iu=1"}};
/// What is no member, wherever it stands.
constexpr std::string_view kBroken[] = {"",
                                        "U=1",
                                        "u=",
                                        "u= 1",
                                        "u =1",
                                        "u=1 i",
                                        "u=1.",
                                        "1",
                                        "u=--1",
                                        "u=\"a",
                                        "i=?2",
                                        "u=(1",
                                        "u=(1,)",
                                        "u=:a",
                                        "x=\"\t\"",
                                        "u=1;",
                                        "i=?",
                                        "x=1.2345",
                                        "u=(1)2",
                                        "-u",
                                        "u=1;A=1",
                                        "x=\"\\n\"",
                                        "x=1234567890123456"};
constexpr std::string_view kCommas[] = {",", ", ", "\t, ", " ,\t"};

void check_known(Input& input) {
  const Priority base{static_cast<std::uint8_t>(input.u8() & 7), (input.u8() & 1) != 0};
  Priority expected = base;
  std::string text(input.u8() % 3, ' ');
  bool whole = true, first = true;
  while (!input.empty()) {
    const std::uint8_t choice = input.u8();
    if (!first) text += kCommas[choice % std::size(kCommas)];
    first = false;
    const std::uint8_t which = input.u8();
    if (choice >= 0xf0) {
      whole = false;
      text += kBroken[which % std::size(kBroken)];
      continue;
    }
    const Member& member = kMembers[which % std::size(kMembers)];
    text += member.text;
    if (member.urgency >= 0) expected.urgency = static_cast<std::uint8_t>(member.urgency);
    if (member.incremental >= 0) expected.incremental = member.incremental != 0;
  }
  const std::optional<Priority> read = read_priority(text, base);
  // An empty member alone is an empty Dictionary, which is one.
  if (text.find_first_not_of(' ') == std::string::npos) return check(read == base, "nothing said changes nothing");
  check(read.has_value() == whole, "what is no Dictionary is ignored as a whole");
  check(!whole || *read == expected, "each member says what it says");
}

void check_any(Input& input) {
  const std::size_t size = input.u8();
  const std::string_view front = text(input.take(size)), back = text(input.take(input.size()));
  const std::optional<Priority> read = read_priority(front);
  if (!read) return;
  check(read->urgency <= 7, "an urgency is 0 to 7");
  const Priority other{static_cast<std::uint8_t>(7 - read->urgency), !read->incremental};
  check(read_priority(std::string(front) + "  ") == read, "spaces behind say nothing");
  check(read_priority("  " + std::string(front)) == read, "spaces in front say nothing");
  char written[kPriorityText];
  const std::size_t written_size = write_priority(*read, written);
  check(read_priority({written, written_size}) == read, "a written priority reads the same");
  if (front.find_first_not_of(' ') == std::string_view::npos) return;
  check(read_priority(std::string(front) + ", u=6, i=?0", other) == Priority{6, false}, "the last word holds");
  const std::size_t begin = back.find_first_not_of(" \t");
  const std::optional<Priority> joined = read_priority(std::string(front) + ',' + std::string(back));
  if (begin == std::string_view::npos) return check(!joined, "a comma promises a member");
  check(joined == read_priority(back.substr(begin), *read), "two Dictionaries joined are read one after the other");
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::Input input(octets, size);
  (input.u8() & 1) != 0 ? fuzz::check_known(input) : fuzz::check_any(input);
  return 0;
}
