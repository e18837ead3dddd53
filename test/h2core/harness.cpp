#include "harness.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <sstream>
#include <type_traits>

namespace h2::test {

Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::string text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

Bytes wire(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  Bytes bytes;
  int high = -1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      const std::size_t close = text.find('\'', i + 1);
      const Bytes quoted = bytes_of(text.substr(i + 1, close - i - 1));
      bytes.insert(bytes.end(), quoted.begin(), quoted.end());
      i = close;
    } else if (text[i] != ' ' && text[i] != '\n') {
      REQUIRE(digit(text[i]) >= 0);
      REQUIRE(digit(text[i]) < 16);
      if (high < 0) {
        high = digit(text[i]);
      } else {
        bytes.push_back(static_cast<std::byte>(high << 4 | digit(text[i])));
        high = -1;
      }
    }
  }
  REQUIRE(high < 0);
  return bytes;
}

Bytes operator+(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

Bytes repeat(const Bytes& bytes, std::size_t times) {
  Bytes all;
  all.reserve(bytes.size() * times);
  for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

Bytes frame(FrameType type, std::uint8_t flags, std::uint32_t stream, const Bytes& payload) {
  Bytes bytes(kFrameHeaderBytes);
  write_frame_header(bytes.data(), {static_cast<std::uint32_t>(payload.size()), type, flags, StreamId{stream}});
  return std::move(bytes) + payload;
}

namespace {

void put_integer(Bytes& out, std::size_t value, std::size_t prefix_max, unsigned first) {
  if (value < prefix_max) {
    out.push_back(static_cast<std::byte>(first | value));
    return;
  }
  out.push_back(static_cast<std::byte>(first | prefix_max));
  for (value -= prefix_max; value >= 128; value >>= 7) out.push_back(static_cast<std::byte>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<std::byte>(value));
}

void put_string(Bytes& out, std::string_view text) {
  put_integer(out, text.size(), 127, 0);
  const Bytes bytes = bytes_of(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <std::size_t N, class Writer>
Bytes written(Writer writer) {
  Bytes bytes(N);
  REQUIRE(writer(bytes.data()) == bytes.data() + N);
  return bytes;
}

}  // namespace

Bytes block(const OwnedFields& fields) {
  Bytes out;
  for (const OwnedField& field : fields) {
    out.push_back(static_cast<std::byte>(field.indexing == Indexing::never ? 0x10 : 0x00));
    put_string(out, field.name);
    put_string(out, field.value);
  }
  return out;
}

Bytes headers(std::uint32_t stream, const OwnedFields& fields, std::uint8_t flags) {
  return frame(FrameType::headers, static_cast<std::uint8_t>(flags::end_headers | flags), stream, block(fields));
}
Bytes data(std::uint32_t stream, std::string_view content, std::uint8_t flags) {
  return frame(FrameType::data, flags, stream, bytes_of(content));
}
Bytes rst(std::uint32_t stream, ErrorCode code) {
  return written<write::kRstStreamBytes>(
      [&](std::byte* out) { return write::rst_stream(out, StreamId{stream}, code); });
}
Bytes settings(std::initializer_list<Setting> entries) {
  Bytes bytes(9 + 6 * entries.size());
  write::settings(bytes.data(), {entries.begin(), entries.size()});
  return bytes;
}
Bytes settings_ack() { return wire("000000 04 01 00000000"); }
Bytes window_update(std::uint32_t stream, std::uint32_t increment) {
  return written<write::kWindowUpdateBytes>(
      [&](std::byte* out) { return write::window_update(out, StreamId{stream}, increment); });
}
Bytes ping(std::uint64_t opaque, bool ack) {
  return written<write::kPingBytes>([&](std::byte* out) { return write::ping(out, opaque, ack); });
}
Bytes goaway(std::uint32_t last_stream, ErrorCode code, std::string_view debug) {
  Bytes bytes(17 + debug.size());
  write::goaway(bytes.data(), StreamId{last_stream}, code, debug);
  return bytes;
}
Bytes push_promise(std::uint32_t parent, std::uint32_t promised, const OwnedFields& fields) {
  Bytes payload(4);
  for (std::size_t i = 0; i < 4; ++i) payload[i] = static_cast<std::byte>(promised >> (24 - 8 * i));
  return frame(FrameType::push_promise, flags::end_headers, parent, std::move(payload) + block(fields));
}
Bytes client_preface() { return bytes_of(kClientPreface); }

OwnedFields get(const OwnedFields& more) {
  OwnedFields all{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
OwnedFields post(const OwnedFields& more) {
  OwnedFields all = get(more);
  all[0].value = "POST";
  return all;
}
OwnedFields status(std::string_view code, const OwnedFields& more) {
  OwnedFields all{{":status", std::string(code)}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::uint32_t Frame::u32(std::size_t at) const {
  REQUIRE(payload.size() >= at + 4);
  return read_u32(payload.data() + at);
}

std::vector<Frame> frames(ByteView bytes) {
  if (const std::size_t n = kClientPreface.size(); bytes.size() >= n && text_of(bytes.first(n)) == kClientPreface) {
    bytes = bytes.subspan(n);
  }
  std::vector<Frame> all;
  while (!bytes.empty()) {
    REQUIRE(bytes.size() >= kFrameHeaderBytes);
    const FrameHeader header = read_frame_header(bytes.data());
    REQUIRE(bytes.size() - kFrameHeaderBytes >= header.length);
    const ByteView payload = bytes.subspan(kFrameHeaderBytes, header.length);
    all.push_back({header, Bytes(payload.begin(), payload.end())});
    bytes = bytes.subspan(kFrameHeaderBytes + header.length);
  }
  return all;
}

std::optional<Frame> find(const std::vector<Frame>& all, FrameType type, std::uint32_t stream) {
  for (const Frame& each : all) {
    if (each.header.type == type && each.header.stream.value == stream) return each;
  }
  return std::nullopt;
}

std::size_t count(const std::vector<Frame>& all, FrameType type) {
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const Frame& each) { return each.header.type == type; }));
}

namespace {

OwnedFields own_fields(FieldsView fields) {
  OwnedFields all;
  for (const Field& field : fields) {
    all.push_back({std::string(field.name), std::string(field.value), field.indexing});
  }
  return all;
}

constexpr const char* kKindNames[] = {
    "request",   "informational",   "response", "push",           "data",   "trailers", "stream_reset",  "closed",
    "data_sent", "stream_writable", "settings", "settings_acked", "pong",   "goaway",   "unknown_frame", "idle",
    "work_low",  "finished",        "failed",   "priority",       "altsvc", "origin"};

// Everything but DATA's content, which `append` merges.
std::string say(const Seen& seen) {
  std::ostringstream out;
  out << kKindNames[static_cast<std::size_t>(seen.kind)] << ' ' << seen.stream.value;
  if (seen.kind == Kind::push) out << " on " << seen.parent.value;
  if (!seen.method.empty())
    out << ' ' << seen.method << ' ' << seen.scheme << ' ' << seen.authority << ' ' << seen.path;
  if (!seen.protocol.empty()) out << ' ' << seen.protocol;
  if (seen.status != 0) out << ' ' << seen.status;
  for (const OwnedField& field : seen.fields) {
    out << " [" << field.name << ": " << field.value << (field.indexing == Indexing::never ? " never" : "") << ']';
  }
  if (seen.kind == Kind::data || seen.kind == Kind::unknown_frame || seen.kind == Kind::goaway ||
      seen.kind == Kind::altsvc || seen.kind == Kind::origin) {
    out << " \"" << seen.data << '"';
  }
  if (seen.end == EndStream::yes) out << " end";
  if (seen.code != ErrorCode::no_error) out << ' ' << name(seen.code);
  if (seen.violation != Violation::none) out << ' ' << describe(seen.violation).name;
  if (seen.kind == Kind::stream_closed) out << ' ' << name(seen.verdict);
  if (seen.kind == Kind::data_sent) {
    out << " token " << seen.token.value << (seen.outcome == DataOutcome::sent ? " sent" : " dropped");
  }
  if (seen.priority != Priority{}) out << " u=" << +seen.priority.urgency << (seen.priority.incremental ? " i" : "");
  if (seen.kind == Kind::ping_answered) out << " token " << seen.token.value << " in " << seen.round_trip.count();
  if (seen.kind == Kind::settings || seen.kind == Kind::settings_acknowledged) {
    const Settings& s = seen.settings;
    for (const std::uint32_t value :
         {s.header_table_size, s.enable_push, s.max_concurrent_streams, s.initial_window_size, s.max_frame_size,
          s.max_header_list_size, s.enable_connect_protocol, s.no_rfc7540_priorities}) {
      out << ' ' << value;
    }
  }
  return std::move(out).str();
}

}  // namespace

Seen own(const Event& event) {
  Seen seen{};
  seen.kind = static_cast<Kind>(event.index());
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.stream; }) seen.stream = e.stream;
        if constexpr (requires { e.parent; }) seen.parent = e.parent;
        if constexpr (requires { e.user; }) seen.user = e.user;
        if constexpr (requires { e.status; }) seen.status = e.status;
        if constexpr (requires { e.method; }) {
          seen.method = e.method;
          seen.scheme = e.scheme;
          seen.authority = e.authority;
          seen.path = e.path;
        }
        if constexpr (requires { e.protocol; }) seen.protocol = e.protocol;
        if constexpr (requires { e.fields; }) seen.fields = own_fields(e.fields);
        if constexpr (requires { e.data; }) seen.data = text_of(e.data);
        if constexpr (requires { e.debug; }) seen.data = text_of(e.debug);
        if constexpr (requires { e.payload; }) seen.data = text_of(e.payload);
        if constexpr (requires { e.entries; }) seen.data = text_of(e.entries);
        if constexpr (requires { e.value; }) seen.data = std::string(e.origin) + "|" + std::string(e.value);
        if constexpr (requires { e.priority; }) seen.priority = e.priority;
        if constexpr (requires { e.end; }) seen.end = e.end;
        if constexpr (requires { e.code; }) seen.code = e.code;
        if constexpr (requires { e.violation; }) seen.violation = e.violation;
        if constexpr (requires { e.cause; }) {
          seen.sentence = describe(e.cause);
          seen.used_up = e.used_up;
        }
        if constexpr (requires { e.verdict; }) seen.verdict = e.verdict;
        if constexpr (requires { e.token; }) seen.token = e.token;
        if constexpr (requires { e.outcome; }) seen.outcome = e.outcome;
        if constexpr (requires { e.settings; }) seen.settings = e.settings;
        if constexpr (requires { e.round_trip; }) seen.round_trip = e.round_trip;
        if constexpr (requires { e.last_stream; }) seen.stream = e.last_stream;
        if constexpr (requires { e.sentence; }) {
          seen.sentence = e.sentence;
          seen.section = e.section;
        }
      },
      event);
  seen.text = say(seen);
  return seen;
}

void append(std::vector<Seen>& seen, Seen next) {
  if (next.kind == Kind::data) {
    if (!seen.empty() && seen.back().kind == Kind::data && seen.back().stream == next.stream) {
      Seen& last = seen.back();
      CHECK(last.end == EndStream::no);
      last.data += next.data;
      last.end = next.end;
      last.text.clear();  // said again when somebody asks
      return;
    }
    if (next.data.empty() && next.end == EndStream::no) return;
  }
  seen.push_back(std::move(next));
}

std::string text_of(const std::vector<Seen>& seen) {
  std::string all;
  for (const Seen& each : seen) all += (each.text.empty() ? say(each) : each.text) + '\n';
  return all;
}

std::vector<Seen> of_kind(const std::vector<Seen>& events, Kind kind) {
  std::vector<Seen> some;
  std::copy_if(events.begin(), events.end(), std::back_inserter(some), [&](const Seen& e) { return e.kind == kind; });
  return some;
}

Bytes take_output(Connection& connection, std::size_t max_bytes) {
  Bytes all;
  std::array<ByteView, 16> slices;
  while (const std::size_t n = connection.poll_output(slices, max_bytes)) {
    std::size_t taken = 0;
    for (const ByteView& slice : std::span(slices).first(n)) {
      all.insert(all.end(), slice.begin(), slice.end());
      taken += slice.size();
    }
    REQUIRE(taken > 0);
    connection.consume_output(taken);
  }
  return all;
}

BlockReader::BlockReader() {
  hpack::Decoder::Config config;
  config.table_size = 4096;
  decoder_ = std::make_unique<hpack::Decoder>(config);
}

void BlockReader::read(const Frame& frame) {
  const FrameType type = frame.header.type;
  if (type != FrameType::headers && type != FrameType::push_promise && type != FrameType::continuation) return;
  const Unpadded unpadded = strip_padding(frame.header, frame.payload);
  REQUIRE(unpadded.violation == Violation::none);
  const std::size_t skip = type == FrameType::push_promise ? 4 : 0;
  if (type != FrameType::continuation) {
    REQUIRE(pending_.empty());
    stream_ = frame.header.stream;
  }
  pending_.insert(pending_.end(), unpadded.content.begin() + static_cast<std::ptrdiff_t>(skip), unpadded.content.end());
  if (!frame.header.has(flags::end_headers)) return;
  Block block{stream_, {}};
  decoder_->begin(pending_);
  for (Field field; decoder_->next(field) == hpack::Decoder::Step::field;) {
    block.fields.push_back({std::string(field.name), std::string(field.value), field.indexing});
  }
  CHECK(decoder_->error() == hpack::DecodeError::none);
  blocks_.push_back(std::move(block));
  pending_.clear();
}

Harness::Harness(Role role, Options options) {
  options.config.role = role;
  for (int cuts = 0; cuts < 4; ++cuts) {
    lanes_.push_back({std::make_unique<Connection>(options.config), cuts, {}, {}, {}});
  }
  now_ = TimePoint{1h};
  for (Lane& lane : lanes_) lane.connection->advance_time(now_);
  if (!options.handshake) return;
  Bytes entries(9 + 6 * options.peer_settings.size());
  write::settings(entries.data(), options.peer_settings);
  feed((role == Role::server ? client_preface() : Bytes{}) + entries + settings_ack());
  REQUIRE(text_of(of_kind(all_, Kind::settings)) != "");
  REQUIRE(text_of(of_kind(all_, Kind::settings_acknowledged)) != "");
  REQUIRE_FALSE(failed());
  all_.clear();
  fresh_.clear();
  output_.clear();
  history_.clear();
}

void Harness::feed(const Bytes& bytes) {
  for (Lane& lane : lanes_) feed_lane(lane, bytes);
  collect();
}
void Harness::eof() {
  run([](Connection& connection) { connection.receive_eof(); });
}
void Harness::lost() {
  run([](Connection& connection) { connection.transport_lost(); });
}
void Harness::advance(Duration by) {
  now_ += by;
  run([&](Connection& connection) { connection.advance_time(now_); });
}

void Harness::feed_lane(Lane& lane, const Bytes& bytes) {
  ByteView rest = bytes;
  while (!rest.empty()) {
    std::size_t piece_bytes = rest.size();
    if (lane.cuts == 1) piece_bytes = 1;
    if (lane.cuts > 1) piece_bytes = std::min<std::size_t>(1 + random_() % 24, rest.size());
    // In memory of its own, exactly as long, so that reading past it or after it is seen.
    const auto exact = std::make_unique<std::byte[]>(lane.unread.size() + piece_bytes);
    std::copy(lane.unread.begin(), lane.unread.end(), exact.get());
    std::copy_n(rest.begin(), piece_bytes, exact.get() + lane.unread.size());
    ByteView input{exact.get(), lane.unread.size() + piece_bytes};
    drain(lane, input);
    lane.unread.assign(input.begin(), input.end());
    rest = rest.subspan(piece_bytes);
  }
}

void Harness::drain(Lane& lane, ByteView& input) {
  while (auto event = lane.connection->receive(input)) {
    append(lane.events, own(*event));
    if (on_event) on_event(*lane.connection, *event);
  }
}

void Harness::collect() {
  for (Lane& lane : lanes_) {
    const Bytes left = std::exchange(lane.unread, {});
    ByteView input{left};
    drain(lane, input);
    CHECK_FALSE(lane.connection->has_event());
    if (take) {
      lane.output = take_output(*lane.connection);
      // Output that was taken brings events: lent memory, room to write.
      drain(lane, input);
      for (Bytes more; !(more = take_output(*lane.connection)).empty(); drain(lane, input)) {
        lane.output = std::move(lane.output) + more;
      }
      CHECK_FALSE(lane.connection->has_output());
    }
    lane.unread.assign(input.begin(), input.end());
  }
  for (Lane& lane : lanes_) {
    CAPTURE(lane.cuts);
    REQUIRE(text_of(lane.events) == text_of(lanes_[0].events));
    REQUIRE(lane.output == lanes_[0].output);
  }
  for (Seen& seen : lanes_[0].events) {
    if (seen.text.empty()) seen.text = say(seen);
    all_.push_back(seen);
    fresh_.push_back(std::move(seen));
  }
  for (const Frame& frame : frames(lanes_[0].output)) {
    reader_.read(frame);
    history_.push_back(frame);
  }
  output_ = std::move(output_) + lanes_[0].output;
  for (Lane& lane : lanes_) {
    lane.events.clear();
    lane.output.clear();
  }
}

std::vector<Seen> Harness::all(Kind kind) const { return of_kind(all_, kind); }

std::optional<Seen> Harness::last(Kind kind) const {
  const auto some = all(kind);
  return some.empty() ? std::nullopt : std::optional(some.back());
}

std::optional<Seen> Harness::last(Kind kind, std::uint32_t stream) const {
  std::optional<Seen> found;
  for (const Seen& each : all_) {
    if (each.kind == kind && each.stream.value == stream) found = each;
  }
  return found;
}

Violation Harness::failure() const {
  const auto failed = last(Kind::failed);
  return failed ? failed->violation : Violation::none;
}

std::vector<Frame> Harness::history(FrameType type) const {
  std::vector<Frame> some;
  std::copy_if(history_.begin(), history_.end(), std::back_inserter(some),
               [&](const Frame& each) { return each.header.type == type; });
  return some;
}

std::vector<OwnedFields> Harness::blocks(std::uint32_t stream) const {
  std::vector<OwnedFields> some;
  for (const BlockReader::Block& each : reader_.blocks()) {
    if (each.stream.value == stream) some.push_back(each.fields);
  }
  return some;
}

Pair::Pair(Config client_config, Config server_config, Duration one_way) : one_way_(one_way) {
  client_config.role = Role::client;
  server_config.role = Role::server;
  client.connection = std::make_unique<Connection>(client_config);
  server.connection = std::make_unique<Connection>(server_config);
  now_ = TimePoint{1h};
  client.connection->advance_time(now_);
  server.connection->advance_time(now_);
}

void Pair::drain(Side& side, ByteView input) {
  while (auto event = side.connection->receive(input)) {
    if (side.keep_events) append(side.events, own(*event));
    if (side.on_event) side.on_event(*side.connection, *event);
  }
  REQUIRE(input.empty());
}

bool Pair::move(Side& from, std::deque<Parcel>& line, Side& to, std::uint64_t& bytes) {
  bool moved = false;
  drain(from, {});
  if (Bytes output = take_output(*from.connection); !output.empty()) {
    bytes += output.size();
    line.push_back({now_ + one_way_, std::move(output)});
    moved = true;
  }
  drain(from, {});
  while (!line.empty() && line.front().arrives <= now_) {
    const Parcel parcel = std::move(line.front());
    line.pop_front();
    drain(to, parcel.bytes);
    moved = true;
  }
  return moved;
}

void Pair::settle() {
  for (;;) {
    const bool up = move(client, to_server_, server, bytes_to_server);
    const bool down = move(server, to_client_, client, bytes_to_client);
    if (!up && !down) return;
  }
}

void Pair::pass(Duration time) {
  const TimePoint end = now_ + time;
  settle();
  while (now_ < end) {
    TimePoint next = end;
    for (const auto* line : {&to_server_, &to_client_}) {
      if (!line->empty()) next = std::min(next, line->front().arrives);
    }
    for (const Side* side : {&client, &server}) {
      if (const auto deadline = side->connection->deadline()) next = std::min(next, std::max(*deadline, now_ + 1ns));
    }
    now_ = next;
    client.connection->advance_time(now_);
    server.connection->advance_time(now_);
    settle();
    for (const Side* side : {&client, &server}) {
      const auto deadline = side->connection->deadline();
      REQUIRE((!deadline || *deadline > now_));  // or a loop that obeys it would spin
    }
  }
}

}  // namespace h2::test

// Counting every malloc of the program: by the sanitizer's hook where there is one, by standing before glibc's
// malloc where there is none.
namespace {
std::atomic<std::uint64_t> heap_call_count{0};
}
std::uint64_t h2::test::heap_calls() noexcept { return heap_call_count.load(std::memory_order_relaxed); }

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define H2_TEST_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define H2_TEST_ASAN 1
#endif

#if defined(H2_TEST_ASAN)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, std::size_t),
                                                         void (*freed)(const volatile void*));
namespace {
[[maybe_unused]] const int hook_installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { heap_call_count.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void*) {});
}
#else
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* malloc(std::size_t bytes) {
  heap_call_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  heap_call_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  heap_call_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, bytes);
}
}
#endif
