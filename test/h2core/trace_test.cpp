// A frame as a line of text: what people are shown, and what they are not.
#include <array>

#include "harness.h"

namespace h2::test {
namespace {

std::string line(const FrameNote& note) {
  std::array<char, 1024> room;
  return {room.data(), format(note, room)};
}

FrameNote note_of(const Bytes& whole, Direction direction = Direction::received) {
  return {direction, read_frame_header(whole.data()), ByteView(whole).subspan(kFrameHeaderBytes), {}};
}

TEST_CASE("a frame's line says direction, stream, type, flags, length and content") {
  const Bytes update = window_update(3, 65535);
  CHECK(line(note_of(update, Direction::sent)) == "sent stream 3 WINDOW_UPDATE 4 bytes increment=65535");
  const Bytes some_settings = settings({{SettingId::enable_push, 0}, {static_cast<SettingId>(0x1a2b), 7}});
  CHECK(line(note_of(some_settings)) == "recv stream 0 SETTINGS 12 bytes ENABLE_PUSH=0 0x1a2b=7");
  const Bytes acked = settings_ack();
  CHECK(line(note_of(acked)) == "recv stream 0 SETTINGS ACK 0 bytes");
  const Bytes away = goaway(5, ErrorCode::no_error, "by\x1b[31m");
  CHECK(line(note_of(away)) == "recv stream 0 GOAWAY 15 bytes last_stream=5 code=NO_ERROR debug=\"by\\x1b[31m\"");
  const Bytes reset = rst(9, static_cast<ErrorCode>(0x77));
  CHECK(line(note_of(reset)) == "recv stream 9 RST_STREAM 4 bytes code=UNKNOWN_ERROR(0x00000077)");
  const Bytes pinged = ping(0xabcdef);
  CHECK(line(note_of(pinged)) == "recv stream 0 PING 8 bytes opaque=0000000000abcdef");
  const Bytes unknown = wire("000001 ee 41 00000002 00");
  CHECK(line(note_of(unknown)) == "recv stream 2 UNKNOWN(0xee) 0x41 1 byte");
  FrameNote content = note_of(data(1, "secret", kEnd | 0x40));
  content.payload = {};
  CHECK(line(content) == "recv stream 1 DATA END_STREAM|0x40 6 bytes");
}

TEST_CASE("what other RFCs add is named too: RFC 8441 3, RFC 9218 2.1") {
  const Bytes known = settings({{SettingId::enable_connect_protocol, 1}, {SettingId::no_rfc7540_priorities, 1}});
  CHECK(line(note_of(known)) == "recv stream 0 SETTINGS 12 bytes ENABLE_CONNECT_PROTOCOL=1 NO_RFC7540_PRIORITIES=1");
}

TEST_CASE("every frame and every setting of RFC 9113 is named") {
  CHECK(line(note_of(wire("000005 02 00 00000003  00000001 0f"))) ==
        "recv stream 3 PRIORITY 5 bytes depends_on=1 weight=16");
  CHECK(line(note_of(wire("000004 05 04 00000001  00000002"))) ==
        "recv stream 1 PUSH_PROMISE END_HEADERS 4 bytes promised=2");
  CHECK(line(note_of(wire("000001 09 04 00000001  82"))) == "recv stream 1 CONTINUATION END_HEADERS 1 byte");
  const Bytes all = settings({{SettingId::header_table_size, 1},
                              {SettingId::max_concurrent_streams, 3},
                              {SettingId::initial_window_size, 4},
                              {SettingId::max_frame_size, 16384},
                              {SettingId::max_header_list_size, 6}});
  CHECK(line(note_of(all)) ==
        "recv stream 0 SETTINGS 30 bytes HEADER_TABLE_SIZE=1 MAX_CONCURRENT_STREAMS=3 INITIAL_WINDOW_SIZE=4 "
        "MAX_FRAME_SIZE=16384 MAX_HEADER_LIST_SIZE=6");
}

TEST_CASE("RFC 9218 7.1: a PRIORITY_UPDATE says for which stream, and what") {
  const Bytes update = wire("00000a 10 00 00000000  00000005 753d312c2069");
  CHECK(line(note_of(update)) == "recv stream 0 PRIORITY_UPDATE 10 bytes prioritized=5 priority=\"u=1, i\"");
}

TEST_CASE("RFC 7838 4: an ALTSVC names its origin, or has that of its stream") {
  const Bytes of_origin = wire("000013 0a 00 00000000  000b 68747470733a2f2f612e62 68323d223a3122");
  CHECK(line(note_of(of_origin)).starts_with("recv stream 0 ALTSVC 19 bytes origin=\"https://a.b\" value=\"h2="));
  const Bytes of_stream = wire("000007 0a 00 00000003  0000 636c656172");
  CHECK(line(note_of(of_stream)) == "recv stream 3 ALTSVC 7 bytes value=\"clear\"");
  const Bytes hostile = wire("000005 0a 00 00000003  0000 1b0a22");
  CHECK(line(note_of(hostile)) == "recv stream 3 ALTSVC 5 bytes value=\"\\x1b\\x0a\"\"");
}

TEST_CASE("RFC 7838 4: an ALTSVC whose origin is longer than the frame says nothing") {
  CHECK(line(note_of(wire("000003 0a 00 00000000  0002 61"))) == "recv stream 0 ALTSVC 3 bytes");
  CHECK(line(note_of(wire("000001 0a 00 00000000  00"))) == "recv stream 0 ALTSVC 1 byte");
}

TEST_CASE("RFC 8336 2.1: an ORIGIN lists its origins, as far as they are whole") {
  const Bytes two = wire("00000e 0c 00 00000000  0005 613a2f2f62 0005 633a2f2f64");
  CHECK(line(note_of(two)) == "recv stream 0 ORIGIN 14 bytes origin=\"a://b\" origin=\"c://d\"");
  const Bytes none = wire("000000 0c 00 00000000");
  CHECK(line(note_of(none)) == "recv stream 0 ORIGIN 0 bytes");
  const Bytes torn = wire("00000b 0c 00 00000000  0005 613a2f2f62 0009 6363");
  CHECK(line(note_of(torn)) == "recv stream 0 ORIGIN 11 bytes origin=\"a://b\"");
}

TEST_CASE("a trace never shows the value of a secret field") {
  const Field fields[] = {{":method", "GET"},       {"authorization", "Basic aaa"}, {"Proxy-Authorization", "bbb"},
                          {"cookie", "ccc"},        {"set-cookie", "ddd"},          {"x-key", "eee", Indexing::never},
                          {"x-text", "caf\xc3\xa9"}};
  CHECK(line({Direction::sent, {42, FrameType::headers, 0x05, StreamId{1}}, {}, fields}) ==
        "sent stream 1 HEADERS END_STREAM|END_HEADERS 42 bytes\n"
        "  :method: GET\n"
        "  authorization: [redacted]\n"
        "  Proxy-Authorization: [redacted]\n"
        "  cookie: [redacted]\n"
        "  set-cookie: [redacted]\n"
        "  x-key: [redacted]\n"
        "  x-text: caf\\xc3\\xa9");
}

TEST_CASE("a trace stops at the end of its room") {
  const Bytes update = window_update(3, 65535);
  const std::string whole = line(note_of(update));
  for (std::size_t room = 0; room <= whole.size(); ++room) {
    std::vector<char> text(room);
    CHECK(format(note_of(update), text) == room);
    CHECK(std::string(text.begin(), text.end()) == whole.substr(0, room));
  }
}

}  // namespace
}  // namespace h2::test
