// A frame as a line of text, its fields below it, for people: no secrets, no control characters, no allocation.
//
//   recv stream 1 HEADERS END_STREAM|END_HEADERS 42 bytes
//     :method: GET
//     authorization: [redacted]
//   sent stream 0 WINDOW_UPDATE 4 bytes increment=65535
#include <h2core/trace.h>

#include <algorithm>
#include <array>

namespace h2 {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::string_view kSecretNames[] = {"authorization", "proxy-authorization", "cookie", "set-cookie"};

// Appends until the room is used up; what is beyond is cut.
class Line {
 public:
  explicit Line(std::span<char> room) noexcept : room_(room) {}
  std::size_t size() const noexcept { return used_; }

  void text(std::string_view text) noexcept {
    const std::size_t taken = std::min(text.size(), room_.size() - used_);
    std::copy_n(text.data(), taken, room_.data() + used_);
    used_ += taken;
  }
  void number(std::uint64_t value) noexcept {
    std::array<char, 20> digits;
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    text({digits.data() + first, digits.size() - first});
  }
  void hex(std::uint64_t value, int digits) noexcept {
    for (int at = digits - 1; at >= 0; --at) text({&"0123456789abcdef"[value >> (4 * at) & 15], 1});
  }
  // A peer's text goes to terminals and logs, so only printable ASCII stays as it is.
  void escaped(std::string_view peer_text) noexcept {
    for (const char& c : peer_text) {
      if (c >= ' ' && c <= '~') {
        text({&c, 1});
      } else {
        text("\\x");
        hex(static_cast<unsigned char>(c), 2);
      }
    }
  }

 private:
  std::span<char> room_;
  std::size_t used_ = 0;
};

struct FlagName {
  std::uint8_t flag;
  std::string_view name;
};
constexpr FlagName kAck[] = {{flags::ack, "ACK"}};
constexpr FlagName kData[] = {{flags::end_stream, "END_STREAM"}, {flags::padded, "PADDED"}};
constexpr FlagName kHeaders[] = {{flags::end_stream, "END_STREAM"},
                                 {flags::end_headers, "END_HEADERS"},
                                 {flags::padded, "PADDED"},
                                 {flags::priority, "PRIORITY"}};
constexpr FlagName kPushPromise[] = {{flags::end_headers, "END_HEADERS"}, {flags::padded, "PADDED"}};
constexpr FlagName kContinuation[] = {{flags::end_headers, "END_HEADERS"}};

std::span<const FlagName> flag_names(FrameType type) noexcept {
  switch (type) {
    case FrameType::data: return kData;
    case FrameType::headers: return kHeaders;
    case FrameType::push_promise: return kPushPromise;
    case FrameType::continuation: return kContinuation;
    case FrameType::settings:
    case FrameType::ping: return kAck;
    default: return {};
  }
}

std::string_view setting_name(SettingId id) noexcept {
  switch (id) {
    case SettingId::header_table_size: return "HEADER_TABLE_SIZE";
    case SettingId::enable_push: return "ENABLE_PUSH";
    case SettingId::max_concurrent_streams: return "MAX_CONCURRENT_STREAMS";
    case SettingId::initial_window_size: return "INITIAL_WINDOW_SIZE";
    case SettingId::max_frame_size: return "MAX_FRAME_SIZE";
    case SettingId::max_header_list_size: return "MAX_HEADER_LIST_SIZE";
    case SettingId::enable_connect_protocol: return "ENABLE_CONNECT_PROTOCOL";
    case SettingId::no_rfc7540_priorities: return "NO_RFC7540_PRIORITIES";
  }
  return {};
}

bool same_name(std::string_view name, std::string_view lower_case) noexcept {
  return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

// Upper-case names are malformed, and seen here before that is judged.
bool is_secret(const Field& field) noexcept {
  return field.indexing == Indexing::never ||
         std::any_of(std::begin(kSecretNames), std::end(kSecretNames),
                     [&](std::string_view secret) { return same_name(field.name, secret); });
}

void put_type(Line& line, FrameType type) noexcept {
  line.text(name(type));
  if (name(type) != "UNKNOWN") return;
  line.text("(0x");
  line.hex(static_cast<std::uint8_t>(type), 2);
  line.text(")");
}

void put_flags(Line& line, const FrameHeader& header) noexcept {
  std::uint8_t left = header.flags;
  std::string_view before = " ";
  for (const FlagName& known : flag_names(header.type)) {
    if (!header.has(known.flag)) continue;
    line.text(before);
    line.text(known.name);
    before = "|";
    left = static_cast<std::uint8_t>(left & ~known.flag);
  }
  if (left == 0) return;
  line.text(before);
  line.text("0x");
  line.hex(left, 2);
}

void put_code(Line& line, std::uint32_t code) noexcept {
  line.text(" code=");
  line.text(name(static_cast<ErrorCode>(code)));
  if (code <= static_cast<std::uint32_t>(ErrorCode::http_1_1_required)) return;
  line.text("(0x");
  line.hex(code, 8);
  line.text(")");
}

void put_settings(Line& line, ByteView payload) noexcept {
  for (; payload.size() >= 6; payload = payload.subspan(6)) {
    const auto id =
        static_cast<std::uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 | std::to_integer<unsigned>(payload[1]));
    line.text(" ");
    if (const std::string_view known = setting_name(static_cast<SettingId>(id)); !known.empty()) {
      line.text(known);
    } else {
      line.text("0x");
      line.hex(id, 4);
    }
    line.text("=");
    line.number(read_u32(payload.data() + 2));
  }
}

void put_quoted(Line& line, std::string_view name, std::string_view peer_text) noexcept {
  line.text(" ");
  line.text(name);
  line.text("=\"");
  line.escaped(peer_text);
  line.text("\"");
}

std::string_view text(ByteView octets) noexcept {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// RFC 7838 4: the length of the origin, the origin, and the field value behind it.
void put_altsvc(Line& line, ByteView payload) noexcept {
  if (payload.size() < 2) return;
  const std::size_t origin_bytes =
      std::to_integer<std::size_t>(payload[0]) << 8 | std::to_integer<std::size_t>(payload[1]);
  payload = payload.subspan(2);
  if (origin_bytes > payload.size()) return;
  if (origin_bytes > 0) put_quoted(line, "origin", text(payload.first(origin_bytes)));
  put_quoted(line, "value", text(payload.subspan(origin_bytes)));
}

// What the payload says, as far as it is there: an observer may also see frames that are refused for their length.
void put_payload(Line& line, const FrameHeader& header, ByteView payload) noexcept {
  switch (header.type) {
    case FrameType::settings: put_settings(line, payload); return;
    case FrameType::rst_stream:
      if (payload.size() >= 4) put_code(line, read_u32(payload.data()));
      return;
    case FrameType::window_update:
      if (payload.size() < 4) return;
      line.text(" increment=");
      line.number(read_u32(payload.data()) & kMaxWindow);
      return;
    case FrameType::ping:
      if (payload.size() < 8) return;
      line.text(" opaque=");
      line.hex(read_u32(payload.data()), 8);
      line.hex(read_u32(payload.data() + 4), 8);
      return;
    case FrameType::priority:
      if (payload.size() < 5) return;
      line.text(" depends_on=");
      line.number(read_u32(payload.data()) & kMaxStreamId);
      line.text(" weight=");
      line.number(std::to_integer<std::uint64_t>(payload[4]) + 1);
      return;
    case FrameType::push_promise:
      if (payload.size() < 4) return;
      line.text(" promised=");
      line.number(read_u32(payload.data()) & kMaxStreamId);
      return;
    case FrameType::goaway:
      if (payload.size() < 8) return;
      line.text(" last_stream=");
      line.number(read_u32(payload.data()) & kMaxStreamId);
      put_code(line, read_u32(payload.data() + 4));
      if (payload.size() == 8) return;
      put_quoted(line, "debug", text(payload.subspan(8)));
      return;
    case FrameType::priority_update:
      if (payload.size() < 4) return;
      line.text(" prioritized=");
      line.number(read_u32(payload.data()) & kMaxStreamId);
      put_quoted(line, "priority", text(payload.subspan(4)));
      return;
    case FrameType::altsvc: put_altsvc(line, payload); return;
    case FrameType::origin:
      while (const auto origin = next_origin(payload)) put_quoted(line, "origin", *origin);
      return;
    default: return;
  }
}

}  // namespace

std::size_t format(const FrameNote& note, std::span<char> text) noexcept {
  Line line(text);
  line.text(note.direction == Direction::received ? "recv stream " : "sent stream ");
  line.number(note.header.stream.value);
  line.text(" ");
  put_type(line, note.header.type);
  put_flags(line, note.header);
  line.text(" ");
  line.number(note.header.length);
  line.text(note.header.length == 1 ? " byte" : " bytes");
  put_payload(line, note.header, note.payload);
  for (const Field& field : note.fields) {
    line.text("\n  ");
    line.escaped(field.name);
    line.text(": ");
    if (is_secret(field)) {
      line.text(kRedacted);
    } else {
      line.escaped(field.value);
    }
  }
  return line.size();
}

}  // namespace h2
