// The frame codec alone, as a proxy or a test tool would use it.
#include "harness.h"

namespace h2::test {
namespace {

Violation check(std::string_view header, std::uint32_t max_frame_size = 16384) {
  const Bytes bytes = wire(header);
  REQUIRE(bytes.size() == kFrameHeaderBytes);
  return check_frame_header(read_frame_header(bytes.data()), max_frame_size);
}

TEST_CASE("RFC 9113 4.1: nine bytes are a frame header, and the reserved bit is dropped") {
  const Bytes bytes = wire("012345 01 2d ffffffff");
  const FrameHeader header = read_frame_header(bytes.data());
  CHECK(header == FrameHeader{0x012345, FrameType::headers, 0x2d, StreamId{0x7fffffff}});
  CHECK(header.has(flags::end_stream));
  CHECK(header.has(flags::priority));
  CHECK_FALSE(header.has(0x02));

  Bytes written(kFrameHeaderBytes);
  CHECK(write_frame_header(written.data(), {0x012345, FrameType::headers, 0x2d, StreamId{0xffffffff}}) ==
        written.data() + kFrameHeaderBytes);
  CHECK(written == wire("012345 01 2d 7fffffff"));
}

TEST_CASE("RFC 9113 4.2: every frame up to the maximum size passes, one byte more does not") {
  CHECK(check("004000 00 00 00000001") == Violation::none);
  CHECK(check("004001 00 00 00000001") == Violation::data_frame_too_large);
  CHECK(check("004000 01 04 00000001") == Violation::none);
  CHECK(check("004001 01 04 00000001") == Violation::frame_too_large);
  CHECK(check("004001 09 04 00000001") == Violation::frame_too_large);
  CHECK(check("004001 07 00 00000000") == Violation::frame_too_large);
  CHECK(check("004001 ee 00 00000000") == Violation::frame_too_large);
  CHECK(check("004001 00 00 00000001", 0xffffff) == Violation::none);
  CHECK(check("ffffff 00 00 00000001", 0xffffff) == Violation::none);
}

TEST_CASE("RFC 9113 5.1.1: frames of streams do not come on stream 0, frames of the connection only there") {
  for (const char* on_zero : {"000001 00 00 00000000", "000001 01 04 00000000", "000005 02 00 00000000",
                              "000004 03 00 00000000", "000004 05 04 00000000", "000001 09 04 00000000"}) {
    CAPTURE(std::string(on_zero));
    CHECK(check(on_zero) == Violation::frame_on_connection);
  }
  for (const char* on_one :
       {"000000 04 00 00000001", "000008 06 00 00000001", "000008 07 00 00000001", "000004 10 00 00000001"}) {
    CAPTURE(std::string(on_one));
    CHECK(check(on_one) == Violation::frame_on_stream);
  }
  CHECK(check("000004 08 00 00000000") == Violation::none);
  CHECK(check("000004 08 00 00000001") == Violation::none);
}

TEST_CASE("RFC 9113 6: frames of one length have that length") {
  struct Row {
    std::string short_by_one, exact, long_by_one;
    Violation violation;
  };
  const Row rows[] = {
      {"000004 02 00 00000001", "000005 02 00 00000001", "000006 02 00 00000001", Violation::priority_length},
      {"000003 03 00 00000001", "000004 03 00 00000001", "000005 03 00 00000001", Violation::rst_stream_length},
      {"000005 04 00 00000000", "000006 04 00 00000000", "000007 04 00 00000000", Violation::settings_length},
      {"000007 06 00 00000000", "000008 06 00 00000000", "000009 06 00 00000000", Violation::ping_length},
      {"000003 08 00 00000001", "000004 08 00 00000001", "000005 08 00 00000001", Violation::window_update_length},
  };
  for (const Row& row : rows) {
    CAPTURE(row.exact);
    CHECK(check(row.short_by_one) == row.violation);
    CHECK(check(row.exact) == Violation::none);
    CHECK(check(row.long_by_one) == row.violation);
  }
  CHECK(check("000007 07 00 00000000") == Violation::goaway_length);
  CHECK(check("000008 07 00 00000000") == Violation::none);
  CHECK(check("000003 05 04 00000001") == Violation::frame_length);
  CHECK(check("000004 05 04 00000001") == Violation::none);
  CHECK(check("000006 04 01 00000000") == Violation::settings_ack_length);
  CHECK(check("000000 04 01 00000000") == Violation::none);
  CHECK(check("000003 10 00 00000000") == Violation::frame_length);
}

TEST_CASE("RFC 9113 6.3: a PRIORITY beyond the maximum frame size is still an error of its stream") {
  CHECK(check("ffffff 02 00 00000001") == Violation::priority_length);
  CHECK(describe(Violation::priority_length).scope == Scope::stream);
}

TEST_CASE("RFC 9113 4.2: a frame too short for what its flags promise has a wrong length") {
  CHECK(check("000000 00 08 00000001") == Violation::frame_length);
  CHECK(check("000001 00 08 00000001") == Violation::none);
  CHECK(check("000004 01 24 00000001") == Violation::frame_length);
  CHECK(check("000005 01 24 00000001") == Violation::none);
  CHECK(check("000005 01 2c 00000001") == Violation::frame_length);
  CHECK(check("000006 01 2c 00000001") == Violation::none);
  CHECK(check("000004 05 0c 00000001") == Violation::frame_length);
  CHECK(check("000000 00 00 00000001") == Violation::none);
}

TEST_CASE("RFC 9113 4.1: unknown types and undefined flags pass") {
  for (unsigned type = 0; type < 256; ++type) {
    const auto frame_type = static_cast<FrameType>(type);
    if (name(frame_type) != "UNKNOWN") continue;
    CHECK(check_frame_header({0, frame_type, 0xff, StreamId{0}}, 16384) == Violation::none);
    CHECK(check_frame_header({77, frame_type, 0xff, StreamId{8}}, 16384) == Violation::none);
  }
  CHECK(check("000008 06 fe 00000000") == Violation::none);
  CHECK(check("000000 0a 00 00000000") == Violation::none);
  CHECK(check("000000 0c 00 00000003") == Violation::none);
}

Unpadded strip(const Bytes& whole) {
  return strip_padding(read_frame_header(whole.data()), ByteView(whole).subspan(kFrameHeaderBytes));
}

TEST_CASE("RFC 9113 6.1: padding may fill the payload, and no more") {
  const Bytes filled = wire("000004 00 08 00000001  03 000000");
  CHECK(strip(filled).violation == Violation::none);
  CHECK(strip(filled).content.empty());
  CHECK(strip(wire("000004 00 08 00000001  04 000000")).violation == Violation::padding_too_long);
  CHECK(strip(wire("000001 00 08 00000001  01")).violation == Violation::padding_too_long);
  CHECK(strip(wire("000000 00 08 00000001")).violation == Violation::frame_length);

  const Bytes some = wire("000006 00 08 00000001  02 'abc' 0000");
  CHECK(text_of(strip(some).content) == "abc");
  const Bytes none = wire("000003 00 00 00000001  'abc'");
  CHECK(text_of(strip(none).content) == "abc");
}

TEST_CASE("RFC 9113 6.2: padding and priority fields are both taken off HEADERS") {
  const Bytes both = wire("00000b 01 2c 00000001  02 80000003 0f 'abc' 0000");
  CHECK(text_of(strip(both).content) == "abc");
  CHECK(strip(wire("000008 01 2c 00000001  02 80000003 0f 0000")).violation == Violation::none);
  CHECK(strip(wire("000008 01 2c 00000001  03 80000003 0f 0000")).violation == Violation::padding_too_long);
  CHECK(strip(wire("000005 01 2c 00000001  00 80000003")).violation == Violation::frame_length);
  const Bytes priority = wire("000006 01 24 00000001  80000003 0f 'a'");
  CHECK(text_of(strip(priority).content) == "a");
}

TEST_CASE("RFC 9113 6.6: padding of PUSH_PROMISE leaves the promised id alone") {
  const Bytes padded = wire("000008 05 0c 00000001  01 00000002 'ab' 00");
  CHECK(strip(padded).content.size() == 6);
  CHECK(strip(wire("000006 05 0c 00000001  02 00000002 00")).violation == Violation::padding_too_long);
}

TEST_CASE("RFC 9113 6: writers of small frames write what stands in the RFC") {
  CHECK(ping(0x0102030405060708) == wire("000008 06 00 00000000  0102030405060708"));
  CHECK(ping(0xff, true) == wire("000008 06 01 00000000  00000000000000ff"));
  CHECK(rst(3, ErrorCode::cancel) == wire("000004 03 00 00000003  00000008"));
  CHECK(window_update(0, 0x7fffffff) == wire("000004 08 00 00000000  7fffffff"));
  CHECK(settings({}) == wire("000000 04 00 00000000"));
  CHECK(settings({{SettingId::enable_push, 0}, {SettingId::max_frame_size, 16384}}) ==
        wire("00000c 04 00 00000000  0002 00000000  0005 00004000"));
  CHECK(goaway(7, ErrorCode::enhance_your_calm, "hm") == wire("00000a 07 00 00000000  00000007 0000000b 'hm'"));
  Bytes ack(kFrameHeaderBytes);
  CHECK(write::settings_ack(ack.data()) == ack.data() + ack.size());
  CHECK(ack == wire("000000 04 01 00000000"));
  CHECK(read_u32(wire("80010203").data()) == 0x80010203);
}

TEST_CASE("RFC 9113 6 and 7: frames and codes have the RFC's names") {
  CHECK(name(FrameType::window_update) == "WINDOW_UPDATE");
  CHECK(name(FrameType::continuation) == "CONTINUATION");
  CHECK(name(FrameType::priority_update) == "PRIORITY_UPDATE");
  CHECK(name(static_cast<FrameType>(0x0b)) == "UNKNOWN");
  CHECK(name(ErrorCode::http_1_1_required) == "HTTP_1_1_REQUIRED");
  CHECK(name(static_cast<ErrorCode>(0xe)) == "UNKNOWN_ERROR");
  CHECK(name(Verdict::not_processed) == "not processed");
  CHECK(describe(Misuse::none) == "none");
  CHECK(describe(Misuse::out_of_memory) == "out of memory");
}

TEST_CASE("every violation names its scope, code, sentence and section") {
  CHECK(describe(Violation::none).name == "none");
  const ViolationRow& row = describe(Violation::stream_window_overflow);
  CHECK(row.name == "stream_window_overflow");
  CHECK(row.scope == Scope::stream);
  CHECK(row.code == ErrorCode::flow_control_error);
  CHECK(row.section == "6.9.1");
  for (auto each = Violation::bad_preface; each <= Violation::out_of_memory;
       each = static_cast<Violation>(static_cast<int>(each) + 1)) {
    CHECK_FALSE(describe(each).sentence.empty());
    CHECK_FALSE(describe(each).section.empty());
  }
}

}  // namespace
}  // namespace h2::test
