// Every row of violations.inc, provoked in each role that can meet it: the violation, its scope and code, the
// last-stream-id of the GOAWAY; and after a stream error the other streams live on. How else each rule can be broken
// is in violations_test.cpp.
#include <set>

#include "exhaustive.h"

namespace h2::test {
namespace {

using enum Violation;

constexpr Role client = Role::client, server = Role::server;
// Stream 1 is a bystander, open in both directions: a server has its request, a client has sent it. A client has sent
// a GET on stream 3 as well. The bytes of a server's rows open it themselves if they want it.
constexpr std::uint32_t kTarget = 3, kPushed = 2;

enum class Start { raw, handshake, streams };

struct Row {
  Violation broken = none;
  Role role = server;
  Bytes bytes{};
  std::uint32_t stream = 0;  // of a stream error
  std::uint32_t last = 0;    // of a connection error, if more than the caller has heard of
  Start start = Start::streams;
  std::function<void(Config&)> config{};
  std::function<void(Harness&)> act{};  // after the bytes
};

using Configure = std::function<void(Config&)>;

Bytes setting(std::uint16_t id, std::uint32_t value) { return settings({{static_cast<SettingId>(id), value}}); }
Bytes ask(const OwnedFields& more) { return headers(kTarget, get(more), kEnd); }
Bytes answer(const OwnedFields& more) { return headers(kTarget, status("200", more)); }
Bytes promise(const OwnedFields& fields) { return push_promise(1, kPushed, fields); }

OwnedFields without(OwnedFields fields, std::size_t at) {
  fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(at));
  return fields;
}
OwnedFields with_path(std::string_view path) {
  OwnedFields fields = get();
  fields[3].value = path;
  return fields;
}

const std::string& large() {
  static const std::string text(16384, 'x');
  return text;
}
/// A window's worth of DATA and one byte more, on the bystander.
Bytes too_much() { return repeat(data(1, large()), 3) + data(1, large().substr(1)) + data(1, "x"); }

void large_streams(Config& config) {
  config.connection_window = 65535;
  config.settings.initial_window_size = 1 << 20;
}

/// The rows, in the order of the table. Each call gives back its row, for what is special about it.
struct Table {
  std::vector<Row> rows;

  Row& add(Violation broken, Role role, const Bytes& bytes, std::uint32_t stream = 0) {
    Row& row = rows.emplace_back();
    row.broken = broken;
    row.role = role;
    row.bytes = bytes;
    row.stream = stream;
    return row;
  }
  /// Before any handshake.
  void raw(Violation broken, Role role, const Bytes& bytes) { add(broken, role, bytes).start = Start::raw; }
  /// After the bytes there is something to do.
  void act(Violation broken, Role role, std::uint32_t stream, std::function<void(Harness&)> doing) {
    add(broken, role, {}, stream).act = std::move(doing);
  }
  /// The same bytes for both roles, on the connection or on the bystander.
  void both(Violation broken, const Bytes& bytes, const Configure& config = {}) {
    const std::uint32_t stream = describe(broken).scope == Scope::stream ? 1 : 0;
    for (const Role role : {server, client}) add(broken, role, bytes, stream).config = config;
  }
  /// A malformed message: the server's request, the client's response.
  void messages(Violation broken, const Bytes& request, const Bytes& response, const Configure& config = {}) {
    add(broken, server, request, kTarget).config = config;
    add(broken, client, response, kTarget).config = config;
  }
  /// A malformed request head: on a client it is that of a promise.
  void requests(Violation broken, const OwnedFields& fields) {
    add(broken, server, headers(kTarget, fields, kEnd), kTarget);
    add(broken, client, promise(fields), kPushed);
  }
  /// A block that was cut in: on a server the GOAWAY counts its stream.
  void blocks(Violation broken, const Bytes& bytes, const Configure& config = {}) {
    both(broken, bytes, config);
    rows[rows.size() - 2].last = kTarget;
  }
};

// 3.4
void add_prefaces(Table& table) {
  table.raw(bad_preface, server, wire("00 '0000000000000000000000000'"));
  table.raw(preface_is_http1, server, bytes_of("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  table.raw(preface_is_http1, client, bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
  table.raw(preface_is_tls, server, wire("16 03 01 02 00 01 00 01 fc 03 03"));
  table.raw(preface_is_tls, client, wire("15 03 03 00 02 02 46"));
  table.raw(preface_is_proxy, server, bytes_of("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"));
  table.raw(first_frame_not_settings, server, client_preface() + ping(1));
  table.raw(first_frame_not_settings, client, ping(1));
}

void add_timeouts(Table& table) {
  for (const Role role : {server, client}) {
    const Bytes hello = (role == server ? client_preface() : Bytes{}) + settings({});
    table.raw(preface_timeout, role, {});
    table.rows.back().act = [](Harness& h) { h.advance(10s); };
    table.raw(settings_timeout, role, hello);
    table.rows.back().act = [](Harness& h) { h.advance(10s); };
    table.act(ping_timeout, role, 0, [](Harness& h) {
      h.advance(30s);
      h.advance(15s);
    });
    table.rows.back().config = [](Config& config) { config.keepalive_interval = 30s; };
    table.act(header_block_timeout, role, 0, [](Harness& h) {
      h.feed(wire("000001 01 00 00000003 82"));
      h.advance(10s);
    });
    table.rows.back().last = role == server ? kTarget : 0;
    table.act(output_timeout, role, 0, [](Harness& h) {
      h.take = false;
      h.feed(ping(1));
      h.advance(5s);
      h.take = true;
      h.run([](Connection&) {});
    });
    table.rows.back().config = [](Config& config) { config.output_timeout = 5s; };
    table.act(content_too_slow, role, 1, [role](Harness& h) {
      if (role == client) h.feed(headers(1, status("200")));
      h.advance(10s);
      h.advance(10s);
    });
    table.rows.back().config = [](Config& config) { config.min_content_rate = 1; };
  }
}

// 4.2, 6: sizes and places
void add_frames(Table& table) {
  table.both(frame_too_large, wire("004001 01 04 00000003"));
  table.both(frame_length, wire("000000 00 08 00000001"));
  table.both(priority_length, wire("000004 02 00 00000001 00000000"));
  table.both(ping_length, wire("000007 06 00 00000000 01020304050607"));
  table.both(rst_stream_length, wire("000003 03 00 00000001 000000"));
  table.both(window_update_length, wire("000005 08 00 00000000 0000000100"));
  table.both(settings_length, wire("000005 04 00 00000000 0001000000"));
  table.both(settings_ack_length, wire("000006 04 01 00000000 000100001000"));
  table.both(goaway_length, wire("000007 07 00 00000000 00000000000000"));
  table.both(frame_on_connection, wire("000000 00 00 00000000"));
  table.both(frame_on_stream, wire("000008 06 00 00000001 0000000000000000"));
  table.both(padding_too_long, wire("000004 01 0d 00000003 04 000000"));
  table.add(data_frame_too_large, server, data(1, large() + "x"), 1);
  table.add(data_frame_too_large, client, headers(1, status("200")) + data(1, large() + "x"), 1);
}

// 6.10, 4.3, 10.5.1: header blocks
void add_blocks(Table& table) {
  const Bytes begun = wire("000001 01 01 00000003 82");
  const Bytes long_part = frame(FrameType::continuation, 0, kTarget, block({{"a", std::string(16000, 'b')}}));
  table.blocks(continuation_expected, begun + ping(1));
  table.blocks(continuation_flood, begun + repeat(wire("000000 09 00 00000003"), 33));
  table.blocks(header_block_too_large, begun + long_part + long_part,
               [](Config& config) { config.settings.max_header_list_size = 1000; });
  table.blocks(header_block_invalid, wire("000001 01 05 00000003 80"));
  table.both(continuation_unexpected, wire("000000 09 04 00000001"));
}

// 5.1: ids
void add_ids(Table& table) {
  const auto one_stream = [](Config& config) { config.settings.max_concurrent_streams = 1; };
  table.add(stream_id_parity, server, headers(2, get(), kEnd));
  table.add(stream_id_not_new, server, headers(7, get(), kEnd) + headers(5, get(), kEnd));
  table.add(stream_id_not_new, client, push_promise(1, 4, get()) + headers(2, status("200")));
  table.add(stream_refused, server, headers(3, get(), kEnd), kTarget).config = one_stream;
  table.add(stream_refused, client, promise(get()) + push_promise(1, 4, get()), 4).config = one_stream;
  table.add(server_opened_stream, client, headers(2, status("200"))).last = 2;
}

// 5.1: states
void add_states(Table& table) {
  table.both(frame_on_idle_stream, data(9, "x"));
  table.both(rst_stream_idle, rst(9, ErrorCode::cancel));
  table.add(frame_on_closed_stream, server, headers(3, post()) + rst(3, ErrorCode::cancel) + data(3, "x"), kTarget);
  table.add(frame_on_closed_stream, client, headers(3, status("200"), kEnd) + data(3, "x"), kTarget);
  table.add(half_closed_stream, server, headers(3, get(), kEnd) + data(3, "x"), kTarget);
  table.add(half_closed_stream, client, headers(1, status("200"), kEnd) + data(1, "x"), 1);
  table.add(reserved_stream_frame, client, promise(get()) + data(kPushed, "x"));
  table.act(reserved_stream_frame, server, 0, [](Harness& h) {
    REQUIRE(h.call([](Connection& c) { return c.push(StreamId{1}, kGet); }));
    h.feed(data(kPushed, "x"));
  });
}

// 6.6, 8.4
void add_pushes(Table& table) {
  table.add(push_to_server, server, promise(get()));
  table.add(push_disabled, client, promise(get())).config = [](Config& config) { config.settings.enable_push = 0; };
  table.add(push_stream_state, client, headers(3, status("200"), kEnd) + push_promise(3, 2, get()));
  table.add(push_id_invalid, client, push_promise(1, 5, get()));
  table.add(push_request_invalid, client, promise(post()), kPushed);
}

// 6.5
void add_settings(Table& table) {
  table.add(setting_enable_push, server, setting(2, 2));
  table.add(setting_enable_push, client, setting(2, 1));
  table.both(setting_window_size, setting(4, 0x80000000));
  table.both(setting_frame_size, setting(5, 16383));
  table.both(setting_connect_protocol, setting(8, 2));
  table.both(setting_no_priorities, setting(9, 1));
  table.both(settings_flood, frame(FrameType::settings, 0, 0, repeat(wire("0001 00001000"), 65)));
  table.both(settings_ack_unexpected, settings_ack());
}

// 6.9
void add_windows(Table& table) {
  table.both(initial_window_overflow, window_update(1, 0x7fffffff - 65535) + setting(4, 65536));
  table.both(window_increment_zero, window_update(0, 0));
  table.both(stream_increment_zero, window_update(1, 0));
  table.both(window_overflow, window_update(0, 0x7fffffff - 65534));
  table.both(stream_window_overflow, window_update(1, 0x7fffffff - 65534));
  table.add(window_exceeded, server, too_much()).config = large_streams;
  table.add(window_exceeded, client, headers(1, status("200")) + too_much()).config = large_streams;
  table.add(stream_window_exceeded, server, too_much(), 1);
  table.add(stream_window_exceeded, client, headers(1, status("200")) + too_much(), 1);
}

// 6.8, RFC 9218 7.1, 10.5
void add_connection(Table& table) {
  const auto named = [](const char* stream) { return wire("000004 10 00 00000000") + wire(stream); };
  table.both(goaway_raised, goaway(1, ErrorCode::no_error) + goaway(3, ErrorCode::no_error));
  table.both(priority_update_invalid, named("00000000"));
  table.add(priority_update_limit, server, named("00000003") + named("00000005") + named("00000007")).config =
      [](Config& config) { config.settings.max_concurrent_streams = 3; };
  table.both(work_budget_empty, repeat(ping(7), 101), [](Config& config) { config.work_budget = 100; });
}

// 8.2
void add_fields(Table& table) {
  table.messages(field_name_invalid, ask({{"X-Up", "a"}}), answer({{"X-Up", "a"}}));
  table.messages(field_value_invalid, ask({{"a", "b\n"}}), answer({{"a", "b\n"}}));
  table.messages(connection_specific_field, ask({{"connection", "a"}}), answer({{"connection", "a"}}));
  table.requests(te_invalid, get({{"te", "gzip"}}));
}

// 8.3
void add_pseudo_fields(Table& table) {
  const OwnedFields late = without(get({{"a", "b"}, {":path", "/"}}), 3);
  table.messages(pseudo_field_order, headers(kTarget, late, kEnd), headers(kTarget, {{"a", "b"}, {":status", "200"}}));
  table.messages(pseudo_field_unknown, headers(kTarget, {{":colour", "red"}}, kEnd),
                 headers(kTarget, {{":path", "/"}}));
  table.messages(pseudo_field_repeated, headers(kTarget, {{":method", "GET"}, {":method", "GET"}}, kEnd),
                 headers(kTarget, {{":status", "200"}, {":status", "200"}}));
  table.requests(pseudo_field_missing, without(get(), 0));
  table.requests(pseudo_field_value, with_path(""));
  table.requests(connect_request_invalid, {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}});
  table.requests(host_differs, get({{"host", "example.org"}}));
}

// 8.1: responses
void add_responses(Table& table) {
  table.add(status_invalid, client, headers(kTarget, status("20")), kTarget);
  table.add(interim_response_invalid, client, headers(kTarget, status("103"), kEnd), kTarget);
  table.add(interim_response_flood, client, repeat(headers(kTarget, status("103")), 17), kTarget);
  table.add(data_before_response, client, data(kTarget, "x"), kTarget);
  table.add(content_forbidden, client, headers(kTarget, status("204")) + data(kTarget, "x"), kTarget);
}

// 8.1, 8.1.1: trailers and content
void add_messages(Table& table) {
  const Bytes request = headers(kTarget, post()), response = answer({});
  const OwnedFields trailer{{"a", "b"}}, pseudo_trailer{{":path", "/"}}, large_trailer{{"a", std::string(200, 'b')}};
  const auto after = [&](Violation broken, const Bytes& bytes) {
    table.messages(broken, request + bytes, response + bytes);
  };
  after(trailers_without_end, headers(kTarget, trailer));
  after(trailers_pseudo_field, headers(kTarget, pseudo_trailer, kEnd));
  table.messages(content_length_invalid, ask({{"content-length", "x"}}), answer({{"content-length", "x"}}));
  table.messages(content_length_mismatch, ask({{"content-length", "5"}}),
                 headers(kTarget, status("200", {{"content-length", "5"}}), kEnd));
  // A request head over the limit gets an answer instead (semantics_test.cpp).
  const auto small_sections = [](Config& config) { config.settings.max_header_list_size = 210; };
  table.messages(field_section_too_large, request + headers(kTarget, large_trailer, kEnd), answer(large_trailer),
                 small_sections);
}

// 8.5
void add_tunnels(Table& table) {
  table.add(frame_in_tunnel, server, headers(kTarget, {{":method", "CONNECT"}, {":authority", "a:1"}}), kTarget).act =
      [](Harness& h) {
        REQUIRE(h.call([](Connection& c) { return c.send_response(StreamId{kTarget}, 200, {}, EndStream::no); }));
        h.feed(headers(kTarget, {{"a", "b"}}, kEnd));
      };
  table.act(frame_in_tunnel, client, 5, [](Harness& h) {
    const Request request{"CONNECT", {}, "a:1", {}, {}, {}};
    REQUIRE(h.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
    h.feed(headers(5, status("200")) + headers(5, {{"a", "b"}}, kEnd));
  });
}

std::vector<Row> rows() {
  Table table;
  for (const auto add :
       {add_prefaces, add_timeouts, add_frames, add_blocks, add_ids, add_states, add_pushes, add_settings, add_windows,
        add_connection, add_fields, add_pseudo_fields, add_responses, add_messages, add_tunnels}) {
    add(table);
  }
  return std::move(table.rows);
}

Harness start(const Row& row) {
  Options options;
  options.config.settings.enable_push = row.role == client ? 1 : 0;
  options.handshake = row.start != Start::raw;
  if (row.config) row.config(options.config);
  Harness harness(row.role, options);
  if (row.start != Start::streams) return harness;
  if (row.role == server) {
    harness.feed(headers(1, post()));
  } else {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  }
  harness.events();
  harness.sent();
  return harness;
}

/// RFC 9113 6.8: the highest stream of the peer's that our caller has heard of.
std::uint32_t heard_of(const Harness& harness) {
  std::uint32_t highest = 0;
  for (const Kind kind : {Kind::request, Kind::push}) {
    for (const Seen& seen : harness.all(kind)) highest = std::max(highest, seen.stream.value);
  }
  return highest;
}

void check_connection_error(const Row& row, Harness& harness) {
  const ViolationRow& said = describe(row.broken);
  REQUIRE(harness.failure() == row.broken);
  const Seen failed = *harness.last(Kind::failed);
  CHECK(failed.code == said.code);
  CHECK(failed.sentence == (row.broken == work_budget_empty ? describe(Work::ping) : said.sentence));
  CHECK(failed.section == said.section);
  REQUIRE(harness.history(FrameType::goaway).size() >= 1);
  const Frame& goaway = harness.history().back();
  REQUIRE(goaway.header.type == FrameType::goaway);
  CHECK(static_cast<ErrorCode>(goaway.u32(4)) == said.code);
  CHECK(goaway.u32() == std::max(row.last, heard_of(harness)));
  if (row.start == Start::streams) CHECK(harness.last(Kind::stream_closed, 1));
  CHECK(harness.connection().open_streams() == 0);
  CHECK(harness.connection().transport_wish() != TransportWish::open);
  harness.events();
  harness.sent();
  harness.feed(ping(1) + headers(77, get(), kEnd));
  CHECK(outcome(harness, 77) == "ignored");
}

void check_stream_error(const Row& row, Harness& harness) {
  const ViolationRow& said = describe(row.broken);
  REQUIRE(harness.failure() == Violation::none);
  const std::vector<Frame> resets = harness.history(FrameType::rst_stream);
  REQUIRE(resets.size() == 1);
  CHECK(resets[0].header.stream.value == row.stream);
  CHECK(static_cast<ErrorCode>(resets[0].u32()) == said.code);
  // Who has heard of the stream hears of its end, once; who has not does not.
  const auto reset = harness.last(Kind::stream_reset, row.stream);
  if (reset && reset->violation != Violation::none) CHECK(reset->violation == row.broken);
  const bool ours = row.stream % 2 == (row.role == client ? 1U : 0U);
  const bool told = ours || harness.last(Kind::request, row.stream) || harness.last(Kind::push, row.stream);
  CHECK(harness.last(Kind::stream_closed, row.stream).has_value() == told);
}

/// The bystander's message goes on, unless it was the bystander; and a new stream works.
void check_others_live(const Row& row, Harness& harness) {
  check_connection_window(harness);
  if (row.stream != 1) {
    harness.events();
    if (row.role == client) harness.feed(headers(1, status("200")));
    harness.feed(data(1, "more", kEnd));
    const auto more = harness.last(Kind::data, 1);
    REQUIRE(more);
    CHECK(more->data == "more");
  }
  if (row.broken == stream_refused) {  // over a limit that still holds
    harness.run([](Connection& c) { static_cast<void>(c.reset(StreamId{1}, ErrorCode::cancel)); });
  }
  exchange(harness, row.role, 101);
}

void check(const Row& row) {
  Harness harness = start(row);
  if (!row.bytes.empty()) harness.feed(row.bytes);
  if (row.act) row.act(harness);
  if (row.stream == 0) return check_connection_error(row, harness);
  check_stream_error(row, harness);
  check_others_live(row, harness);
}

TEST_CASE("RFC 9113 5.4: each broken rule ends what its row says, in each role that can meet it") {
  for (const Row& row : rows()) {
    const std::string which = std::string(describe(row.broken).name) + (row.role == server ? ", server" : ", client");
    CAPTURE(which);
    CHECK((row.stream == 0) == (describe(row.broken).scope == Scope::connection));
    try {  // each alone, so that one failure does not hide the next
      check(row);
    } catch (const doctest::detail::TestFailureException&) {
    }
  }
}

// ---- out_of_memory

struct Starved {
  Violation violation = Violation::none;
  ErrorCode code = ErrorCode::no_error;
  std::uint32_t heard_of = 0;
  std::vector<Frame> output;
  std::size_t open_streams = 0;
};

/// Feeds what needs memory once there is none any more; `piece` bytes at a time.
Starved starve(Role role, std::size_t piece) {
  TestMemory memory;
  Config config;
  config.role = role;
  config.allocator = memory.allocator();
  config.settings.enable_push = role == client ? 1 : 0;
  Connection connection(config);
  Starved starved;
  const auto feed = [&](const Bytes& bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ByteView input = ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at));
      while (const auto event = connection.receive(input)) {
        if (const auto* request = std::get_if<RequestReceived>(&*event)) starved.heard_of = request->stream.value;
        if (const auto* push = std::get_if<PushReceived>(&*event)) starved.heard_of = push->stream.value;
        if (const auto* failed = std::get_if<ConnectionFailed>(&*event)) {
          starved.violation = failed->violation;
          starved.code = failed->code;
        }
      }
    }
  };
  feed((role == server ? client_preface() : Bytes{}) + settings({}));
  if (role == client) REQUIRE(connection.send_request(kPost, EndStream::no));
  take_output(connection);
  memory.fail_at = memory.calls;
  for (std::uint32_t i = 0; i < 90 && starved.violation == Violation::none; ++i) {
    feed(role == server ? headers(2 * i + 1, post()) : push_promise(1, 2 * i + 2, get()));
  }
  starved.output = frames(take_output(connection));
  starved.open_streams = connection.open_streams();
  return starved;
}

TEST_CASE("RFC 9113 5.4.1: when memory ends, so does the connection, with INTERNAL_ERROR and its last stream") {
  for (const Role role : {server, client}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
      CAPTURE(piece);
      const Starved starved = starve(role, piece);
      CHECK(starved.violation == out_of_memory);
      CHECK(starved.code == ErrorCode::internal_error);
      CHECK(starved.open_streams == 0);
      // The GOAWAY goes out if there is room for it where memory was taken before.
      for (const Frame& frame : starved.output) {
        REQUIRE(frame.header.type == FrameType::goaway);
        CHECK(static_cast<ErrorCode>(frame.u32(4)) == ErrorCode::internal_error);
        CHECK(frame.u32() >= starved.heard_of);
      }
      CHECK(starved.output.size() == 1);
    }
  }
}

// ---- nothing is left out

struct Meets {
  Violation broken;
  bool server, client;
};

// Who can meet what. A rule about requests meets a client in promises.
constexpr Meets kOnlyOneRole[] = {
    {bad_preface, true, false},
    {preface_is_proxy, true, false},
    {stream_id_parity, true, false},
    {push_to_server, true, false},
    {server_opened_stream, false, true},
    {push_disabled, false, true},
    {push_stream_state, false, true},
    {push_id_invalid, false, true},
    {push_request_invalid, false, true},
    {status_invalid, false, true},
    {interim_response_invalid, false, true},
    {interim_response_flood, false, true},
    {priority_update_limit, true, false},
    {data_before_response, false, true},
    {content_forbidden, false, true},
};

Meets who_meets(Violation broken) {
  for (const Meets& row : kOnlyOneRole) {
    if (row.broken == broken) return row;
  }
  return {broken, true, true};
}

constexpr Violation kAllRows[] = {
#define H2_VIOLATION(row, scope, code, sentence, section) Violation::row,
#include <h2core/violations.inc>
#undef H2_VIOLATION
};

TEST_CASE("no row of the violation table is left out, in no role") {
  std::set<std::pair<Violation, Role>> provoked{{out_of_memory, server}, {out_of_memory, client}};
  for (const Row& row : rows()) CHECK(provoked.insert({row.broken, row.role}).second);
  for (const Violation row : kAllRows) {
    const std::string which{describe(row).name};
    CAPTURE(which);
    const Meets meets = who_meets(row);
    CHECK(provoked.contains({row, server}) == meets.server);
    CHECK(provoked.contains({row, client}) == meets.client);
  }
}

}  // namespace
}  // namespace h2::test
