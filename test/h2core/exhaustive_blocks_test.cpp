// RFC 9113 4.3 and 6.10: what may not come between the frames of a header block, and blocks that cannot be decoded, in
// every frame and state that carries one.
#include "exhaustive_stages.h"

namespace h2::test {
namespace {

struct Between {
  const char* what;
  FrameType type;
  const char* payload;
};
constexpr Between kBetween[] = {
    {"DATA", FrameType::data, "'x'"},
    {"HEADERS", FrameType::headers, "82"},
    {"PRIORITY", FrameType::priority, "00000000 0f"},
    {"RST_STREAM", FrameType::rst_stream, "00000008"},
    {"SETTINGS", FrameType::settings, ""},
    {"PUSH_PROMISE", FrameType::push_promise, "00000002 82"},
    {"PING", FrameType::ping, "0102030405060708"},
    {"GOAWAY", FrameType::goaway, "00000000 00000000"},
    {"WINDOW_UPDATE", FrameType::window_update, "00000001"},
    {"ALTSVC", FrameType::altsvc, "0000"},
    {"ORIGIN", FrameType::origin, ""},
    {"PRIORITY_UPDATE", FrameType::priority_update, "00000001"},
    {"an unknown frame", FrameType{0xee}, "'any'"},
    {"an empty unknown frame", FrameType{0xff}, ""},
};

/// A client with a request on stream 1 that takes promises, or a server that has heard nothing.
Harness fresh(Role role) {
  Options options;
  options.config.settings.enable_push = role == Role::client ? 1 : 0;
  Harness harness(role, options);
  if (role == Role::client) {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    harness.sent();
  }
  return harness;
}

/// Blocks that have begun on stream 1: HEADERS, HEADERS and CONTINUATION, and to a client PUSH_PROMISE.
std::vector<Bytes> begun(Role role) {
  const Bytes section = block(role == Role::server ? get() : status("200"));
  const Bytes first = frame(FrameType::headers, kEnd, 1, section);
  std::vector<Bytes> all{first, first + wire("000000 09 00 00000001"), wire("000000 01 00 00000001")};
  if (role == Role::client) all.push_back(frame(FrameType::push_promise, 0, 1, wire("00000002") + block(get())));
  return all;
}

TEST_CASE("RFC 9113 6.10: nothing but CONTINUATION of the same stream comes between the frames of a block") {
  for (const Role role : {Role::server, Role::client}) {
    for (const Bytes& block_begun : begun(role)) {
      for (const Between& row : kBetween) {
        CAPTURE(row.what);
        for (const std::uint32_t stream : {0U, 1U, 3U}) {
          CAPTURE(stream);
          for (const std::uint8_t bits : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
            Harness harness = fresh(role);
            harness.feed(block_begun + frame(row.type, bits, stream, wire(row.payload)));
            CHECK(harness.failure() == Violation::continuation_expected);
            CHECK(outcome(harness, 1).starts_with("connection PROTOCOL_ERROR"));
          }
        }
      }
    }
  }
}

TEST_CASE("RFC 9113 6.10: CONTINUATION of another stream breaks a block, of its own goes on with it") {
  for (const Role role : {Role::server, Role::client}) {
    for (const Bytes& block_begun : begun(role)) {
      for (const std::uint32_t stream : {0U, 2U, 3U, 0x7fffffffU}) {
        Harness harness = fresh(role);
        harness.feed(block_begun + frame(FrameType::continuation, flags::end_headers, stream));
        CHECK(harness.failure() == Violation::continuation_expected);
      }
    }
    Harness harness = fresh(role);
    harness.feed(begun(role)[1] + wire("000000 09 fb 00000001") + wire("000000 09 04 80000001"));  // flags undefined
    CHECK(outcome(harness, 1) == (role == Role::server ? "request end" : "response end, closed"));
  }
}

TEST_CASE("RFC 9113 6.10: CONTINUATION without a block begun, in every state, ends the connection") {
  for (const Role role : {Role::server, Role::client}) {
    Harness harness = fresh(role);
    harness.feed(headers(1, role == Role::server ? get() : status("200"), kEnd) + wire("000000 09 04 00000001"));
    CHECK(harness.failure() == Violation::continuation_unexpected);
  }
}

// RFC 7541: blocks that no decoder can take.
struct Broken {
  const char* what;
  const char* block;
};
constexpr Broken kBroken[] = {
    {"index 0 (6.1)", "80"},
    {"an index behind both tables (2.3.3)", "be"},
    {"a name index behind both tables", "7f00 01 'x'"},
    {"a name index of a literal without indexing behind both tables", "0f7f 01 'x'"},
    {"an index that stops in the middle (5.1)", "ff"},
    {"an index that does not end", "ffffffffffff"},
    {"an index above 2^32", "ffffffffff7f"},
    {"a literal without a name", "40"},
    {"a name that stops in the middle (5.2)", "0005 'ab'"},
    {"a literal without a value", "0001 'a'"},
    {"a value that stops in the middle", "0001 'a' 05 'bc'"},
    {"a length that does not end", "007f ffffffffffff 00"},
    {"a length far above the block", "007f ffffff7f 'a'"},
    {"a table size above ours (6.3)", "3fe21f"},
    {"a table size far above ours", "3fffffffff07"},
    {"a table size behind a field (4.2)", "82 20"},
    {"Huffman padding of zeros (5.2)", "00 81 18 01 'x'"},
    {"Huffman padding of eight ones", "00 82 1fff 01 'x'"},
    {"EOS inside Huffman code", "00 84 ffffffff 01 'x'"},
    {"Huffman padding in a value", "0001 'a' 81 18"},
};

TEST_CASE("RFC 9113 4.3: a block that cannot be decoded ends the connection, whatever stream it is for") {
  for (const Role role : {Role::server, Role::client}) {
    for (const State state : states_of(role)) {
      const std::string which = name(state);
      CAPTURE(which);
      Stage stage = stage_in(role, state);
      stage.harness.feed(frame(FrameType::headers, flags::end_headers, stage.stream, wire("80")));
      CHECK(stage.harness.failure() == Violation::header_block_invalid);
      CHECK(outcome(stage.harness, stage.stream).starts_with("connection COMPRESSION_ERROR"));
    }
  }
}

TEST_CASE("RFC 7541: every block that no decoder can take is a COMPRESSION_ERROR, in heads, trailers and promises") {
  for (const Broken& row : kBroken) {
    CAPTURE(row.what);
    const auto ends = [&](Role role, const Bytes& bytes) {
      Harness harness = fresh(role);
      harness.feed(bytes);
      CHECK(harness.failure() == Violation::header_block_invalid);
      CHECK(outcome(harness, 1).starts_with("connection COMPRESSION_ERROR"));
    };
    const Bytes bad = wire(row.block);
    const auto in_headers = [&](std::uint8_t bits) { return frame(FrameType::headers, bits, 1, bad); };
    ends(Role::server, in_headers(flags::end_headers | kEnd));
    ends(Role::server, headers(1, post()) + in_headers(flags::end_headers | kEnd));
    ends(Role::client, in_headers(flags::end_headers));
    ends(Role::client, headers(1, status("200")) + in_headers(flags::end_headers | kEnd));
    ends(Role::client, frame(FrameType::push_promise, flags::end_headers, 1, wire("00000002") + bad));
    // The defect counts where the block is whole, wherever it was cut.
    for (std::size_t at = 0; at <= bad.size(); ++at) {
      const auto middle = bad.begin() + static_cast<std::ptrdiff_t>(at);
      ends(Role::server, frame(FrameType::headers, kEnd, 1, Bytes(bad.begin(), middle)) +
                             frame(FrameType::continuation, flags::end_headers, 1, Bytes(middle, bad.end())));
    }
  }
}

}  // namespace
}  // namespace h2::test
