// Every row of violations.inc, provoked: the peer gets the scope and the code, the caller the sentence and the section.
#include <algorithm>
#include <set>

#include "harness.h"

namespace h2::test {
namespace {

enum class Told { yes, no };  // whether the caller knows the stream, and so hears of its end

struct Row {
  Violation broken;
  std::string how;
  Role role;
  Bytes bytes;
  std::uint32_t stream = 0;  // of a stream error
  Told told = Told::yes;
  Options options{};
  std::function<void(Harness&)> before{};
};

constexpr Role client = Role::client, server = Role::server;

Options with(std::function<void(Config&)> change) {
  Options options;
  change(options.config);
  return options;
}
Options raw() {
  Options options;
  options.handshake = false;
  return options;
}
Options accepts_push() {
  return with([](Config& config) { config.settings.enable_push = 1; });
}
// What a client does first: GET on stream 1, its own side ended.
void ask(Harness& harness) {
  REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
}
void ask_open(Harness& harness) {
  REQUIRE(harness.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
}
void ask_head(Harness& harness) {
  Request request = kGet;
  request.method = "HEAD";
  REQUIRE(harness.call([&](Connection& c) { return c.send_request(request, EndStream::yes); }));
}
Bytes setting(std::uint16_t id, std::uint32_t value) { return settings({{static_cast<SettingId>(id), value}}); }
Bytes hello() { return client_preface() + settings({}); }

Bytes request_without(std::string_view name) {
  OwnedFields fields = get();
  fields.erase(std::find_if(fields.begin(), fields.end(), [&](const OwnedField& f) { return f.name == name; }));
  return headers(1, fields, kEnd);
}
Bytes request_with(std::string_view name, std::string_view value) {
  OwnedFields fields = get();
  std::find_if(fields.begin(), fields.end(), [&](const OwnedField& f) { return f.name == name; })->value = value;
  return headers(1, fields, kEnd);
}
Bytes request_plus(std::string name, std::string value) { return headers(1, get({{name, value}}), kEnd); }

const std::string large(16384, 'x');
const Bytes full = data(1, large);

// Data, and a great deal of it: instrumented, it takes minutes to compile.
#define PLAIN __attribute__((no_sanitize("address"), no_sanitize("undefined")))

PLAIN void add(std::vector<Row>& all, Row row) { all.push_back(std::move(row)); }

// 3.4
PLAIN void add_prefaces(std::vector<Row>& all) {
  using enum Violation;
  add(all, {bad_preface, "another first byte", server, wire("00 '0000000000000000000000000'"), 0, Told::no, raw()});
  add(all,
      {bad_preface, "the last byte differs", server, bytes_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"), 0, Told::no, raw()});
  add(all, {preface_is_http1, "a request", server, bytes_of("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), 0, Told::no, raw()});
  add(all, {preface_is_http1, "a POST, which begins like the preface", server,
            bytes_of("POST / HTTP/1.1\r\nhost: a\r\n\r\n"), 0, Told::no, raw()});
  add(all, {preface_is_http1, "a response", client, bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"), 0, Told::no, raw()});
  add(all, {preface_is_tls, "a ClientHello", server,
            wire("16 03 01 02 00 01 00 01 fc 03 03 00 01 02 03 04 05 06 07 08 09"
                 " 00 01 02 03 04"),
            0, Told::no, raw()});
  add(all, {preface_is_proxy, "PROXY version 1", server, bytes_of("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), 0,
            Told::no, raw()});
  add(all, {preface_is_proxy, "PROXY version 2", server,
            wire("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 0001 0002"), 0, Told::no, raw()});
  add(all, {first_frame_not_settings, "PING", server, client_preface() + ping(1), 0, Told::no, raw()});
  add(all,
      {first_frame_not_settings, "SETTINGS with ACK", server, client_preface() + settings_ack(), 0, Told::no, raw()});
  add(all, {first_frame_not_settings, "PING from a server", client, ping(1), 0, Told::no, raw()});
  add(all, {first_frame_not_settings, "an unknown frame", server, client_preface() + wire("000000 ee 00 00000000"), 0,
            Told::no, raw()});
  add(all, {preface_timeout, "silence", server, {}, 0, Told::no, raw(), [](Harness& h) { h.advance(10s); }});
  add(all, {preface_timeout, "a server's silence", client, {}, 0, Told::no, raw(), [](Harness& h) { h.advance(10s); }});
}

// 4.2, 6.x: sizes and places
PLAIN void add_frames(std::vector<Row>& all) {
  using enum Violation;
  add(all, {frame_too_large, "HEADERS", server, wire("004001 01 04 00000001"), 0});
  add(all, {frame_too_large, "an unknown type", server, wire("004001 ee 00 00000001"), 0});
  add(all, {data_frame_too_large, "DATA", server, headers(1, post()) + data(1, large + "x"), 1});
  add(all, {frame_length, "padded DATA of no byte", server, headers(1, post()) + wire("000000 00 08 00000001"), 0});
  add(all, {frame_length, "HEADERS without room for the priority", server, wire("000004 01 25 00000001 00000000"), 0});
  add(all, {frame_length, "PRIORITY_UPDATE of three bytes", server, wire("000003 10 00 00000000 000000"), 0});
  add(all, {priority_length, "four bytes", server, headers(1, post()) + wire("000004 02 00 00000001 00000000"), 1});
  add(all, {ping_length, "seven bytes", server, wire("000007 06 00 00000000  01 02 03 04 05 06 07"), 0});
  add(all, {rst_stream_length, "five bytes", server, headers(1, post()) + wire("000005 03 00 00000001 0000000000"), 0});
  add(all, {window_update_length, "five bytes", server, wire("000005 08 00 00000000 0000000100"), 0});
  add(all, {window_update_length, "three bytes on a stream", server,
            headers(1, post()) + wire("000003 08 00 00000001 000001"), 0});
  add(all, {settings_length, "five bytes", server, wire("000005 04 00 00000000 0001000000"), 0});
  add(all, {settings_ack_length, "an entry in the ACK", server, wire("000006 04 01 00000000 000100001000"), 0});
  add(all, {goaway_length, "seven bytes", server, wire("000007 07 00 00000000 00000000000000"), 0});
  add(all, {frame_on_connection, "DATA", server, wire("000000 00 00 00000000"), 0});
  add(all, {frame_on_connection, "HEADERS", server, wire("000000 01 05 00000000"), 0});
  add(all, {frame_on_connection, "RST_STREAM", server, rst(0, ErrorCode::cancel), 0});
  add(all, {frame_on_connection, "PRIORITY", server, wire("000005 02 00 00000000 0000000000"), 0});
  add(all, {frame_on_connection, "PUSH_PROMISE", client, wire("000004 05 04 00000000 00000002"), 0, Told::no,
            accepts_push()});
  add(all, {frame_on_connection, "CONTINUATION", server, wire("000000 09 04 00000000"), 0});
  add(all, {frame_on_stream, "SETTINGS", server, wire("000000 04 00 00000001"), 0});
  add(all, {frame_on_stream, "PING", server, wire("000008 06 00 00000001 0000000000000000"), 0});
  add(all, {frame_on_stream, "GOAWAY", server, wire("000008 07 00 00000001 0000000000000000"), 0});
  add(all, {padding_too_long, "DATA", server, headers(1, post()) + wire("000004 00 08 00000001 04 000000"), 0});
  add(all, {padding_too_long, "HEADERS", server, wire("000004 01 0d 00000001 04 000000"), 0});
  add(all, {padding_too_long, "PUSH_PROMISE", client, wire("000006 05 0c 00000001 02 00000002 00"), 0, Told::no,
            accepts_push(), ask});
}

// 6.10, 10.5.1: header blocks
PLAIN void add_blocks(std::vector<Row>& all) {
  using enum Violation;
  const Bytes begun = wire("000001 01 01 00000001 82");
  add(all, {continuation_expected, "PING", server, begun + ping(1), 0});
  add(all, {continuation_expected, "CONTINUATION of another stream", server, begun + wire("000000 09 04 00000003"), 0});
  add(all, {continuation_expected, "an unknown frame", server, begun + wire("000000 ee 00 00000001"), 0});
  add(all, {continuation_expected, "DATA of the same stream", server, begun + data(1, "x"), 0});
  add(all, {continuation_expected, "HEADERS of the same stream", server, begun + headers(1, get()), 0});
  add(all, {continuation_unexpected, "at the start", server, wire("000000 09 04 00000001"), 0});
  add(all,
      {continuation_unexpected, "after END_HEADERS", server, headers(1, get()) + wire("000000 09 04 00000001"), 0});
  add(all, {continuation_unexpected, "after DATA", server,
            headers(1, post()) + data(1, "x") + wire("000000 09 04 00000001"), 0});
  add(all, {continuation_flood, "33 empty ones", server, begun + repeat(wire("000000 09 00 00000001"), 33), 0});
  add(all, {header_block_too_large, "100 kB for a limit of 1 kB", server,
            wire("000000 01 01 00000001") +
                repeat(frame(FrameType::continuation, 0, 1, block({{"a", std::string(16000, 'b')}})), 6) +
                wire("000000 09 04 00000001"),
            0, Told::no, with([](Config& config) { config.settings.max_header_list_size = 1000; })});
  add(all, {header_block_invalid, "index 0", server, wire("000001 01 05 00000001 80"), 0});
  add(all, {header_block_invalid, "an index past both tables", server, wire("000002 01 05 00000001 ff00"), 0});
  add(all,
      {header_block_invalid, "a block that ends inside a literal", server, wire("000003 01 05 00000001 000561"), 0});
  add(all, {header_block_invalid, "a table size above ours", server, wire("000004 01 05 00000001 3fe2 1f 82"), 0});
  add(all, {header_block_invalid,
            "in trailers of a stream that was reset",
            server,
            headers(1, post()) + wire("000001 01 05 00000001 80"),
            0,
            Told::yes,
            {}});
}

// 5.1: ids and states
PLAIN void add_states(std::vector<Row>& all) {
  using enum Violation;
  add(all, {stream_id_parity, "an even id from a client", server, headers(2, get(), kEnd), 0});
  add(all, {stream_id_not_new, "3 after 5", server, headers(5, get(), kEnd) + headers(3, get(), kEnd), 0});
  add(all, {frame_on_idle_stream, "DATA", server, data(1, "x"), 0});
  add(all, {frame_on_idle_stream, "WINDOW_UPDATE", server, window_update(1, 1), 0});
  add(all, {frame_on_idle_stream, "HEADERS on a stream that we did not open", client, headers(1, status("200")), 0});
  add(all, {frame_on_idle_stream, "WINDOW_UPDATE on a stream of ours", server, window_update(2, 1), 0});
  add(all, {rst_stream_idle, "RST_STREAM", server, rst(1, ErrorCode::cancel), 0});
  add(all, {frame_on_closed_stream, "DATA after RST_STREAM", server,
            headers(1, post()) + rst(1, ErrorCode::cancel) + data(1, "x"), 1, Told::no});
  add(all, {frame_on_closed_stream, "HEADERS after RST_STREAM", server,
            headers(1, post()) + rst(1, ErrorCode::cancel) + headers(1, {{"a", "b"}}, kEnd), 1, Told::no});
  add(all, {half_closed_stream, "DATA", server, headers(1, get(), kEnd) + data(1, "x"), 1});
  add(all, {half_closed_stream, "HEADERS", server, headers(1, get(), kEnd) + headers(1, {{"a", "b"}}, kEnd), 1});
  add(all, {reserved_stream_frame, "DATA", client, push_promise(1, 2, get()) + data(2, "x"), 0, Told::no,
            accepts_push(), ask});
  add(all, {reserved_stream_frame, "WINDOW_UPDATE", client, push_promise(1, 2, get()) + window_update(2, 1), 0,
            Told::no, accepts_push(), ask});
  add(all, {stream_refused, "one over the limit", server, headers(1, get(), kEnd) + headers(3, get(), kEnd), 3,
            Told::no, with([](Config& config) { config.settings.max_concurrent_streams = 1; })});
  add(all, {server_opened_stream, "HEADERS", client, headers(2, status("200")), 0});
}

// 6.6, 8.4: push
PLAIN void add_pushes(std::vector<Row>& all) {
  using enum Violation;
  add(all, {push_to_server, "PUSH_PROMISE", server, headers(1, get(), kEnd) + push_promise(1, 2, get()), 0});
  add(all, {push_disabled, "PUSH_PROMISE", client, push_promise(1, 2, get()), 0, Told::no, {}, ask});
  add(all, {push_stream_state, "after the response", client,
            headers(1, status("200"), kEnd) + push_promise(1, 2, get()), 0, Told::no, accepts_push(), ask_open});
  add(all, {push_stream_state, "on an idle stream", client, push_promise(1, 2, get()), 0, Told::no, accepts_push()});
  add(all, {push_id_invalid, "an odd id", client, push_promise(1, 3, get()), 0, Told::no, accepts_push(), ask});
  add(all, {push_id_invalid, "zero", client, push_promise(1, 0, get()), 0, Told::no, accepts_push(), ask});
  add(all, {push_id_invalid, "an id that is in use", client, push_promise(1, 4, get()) + push_promise(1, 2, get()), 0,
            Told::no, accepts_push(), ask});
  add(all, {push_request_invalid, "POST", client, push_promise(1, 2, post()), 2, Told::no, accepts_push(), ask});
  add(all, {push_request_invalid, "no authority", client,
            push_promise(1, 2, {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}), 2, Told::no, accepts_push(),
            ask});
  add(all, {push_request_invalid, "content", client, push_promise(1, 2, get({{"content-length", "5"}})), 2, Told::no,
            accepts_push(), ask});
}

// 6.5: settings
PLAIN void add_settings(std::vector<Row>& all) {
  using enum Violation;
  add(all, {setting_enable_push, "2", server, setting(2, 2), 0});
  add(all, {setting_enable_push, "1 from a server", client, setting(2, 1), 0});
  add(all, {setting_window_size, "2^31", server, setting(4, 0x80000000), 0});
  add(all, {setting_frame_size, "16383", server, setting(5, 16383), 0});
  add(all, {setting_frame_size, "2^24", server, setting(5, 1 << 24), 0});
  add(all, {setting_connect_protocol, "2", client, setting(8, 2), 0});
  add(all, {setting_connect_protocol, "withdrawn", client, setting(8, 1) + setting(8, 0), 0});
  add(all, {setting_no_priorities, "2", server, client_preface() + setting(9, 2), 0, Told::no, raw()});
  add(all, {setting_no_priorities, "changed", server, setting(9, 1), 0});
  add(all,
      {settings_flood, "65 entries", server, frame(FrameType::settings, 0, 0, repeat(wire("0001 00001000"), 65)), 0});
  add(all, {settings_ack_unexpected, "a second ACK", server, settings_ack(), 0});
  add(all, {settings_timeout, "no ACK", server, {}, 0, Told::no, raw(), [](Harness& h) {
              h.feed(hello());
              h.advance(10s);
            }});
}

// 6.4, 6.7, 6.8, 6.9: the connection
PLAIN void add_connection(std::vector<Row>& all) {
  using enum Violation;
  add(all, {header_block_timeout, "no END_HEADERS", server, {}, 0, Told::no, {}, [](Harness& h) {
              h.feed(wire("000001 01 00 00000001 82"));
              h.advance(10s);
            }});
  add(all, {output_timeout,
            "a reply stays",
            server,
            {},
            0,
            Told::no,
            with([](Config& config) { config.output_timeout = 5s; }),
            [](Harness& h) {
              h.take = false;
              h.feed(ping(1));
              h.advance(5s);
              h.take = true;
              h.run([](Connection&) {});
            }});
  add(all, {content_too_slow,
            "nothing for 20 s",
            server,
            {},
            1,
            Told::yes,
            with([](Config& config) { config.min_content_rate = 1; }),
            [](Harness& h) {
              h.feed(headers(1, post()));
              h.advance(10s);
              h.advance(10s);
            }});
  add(all, {initial_window_overflow, "by one", server,
            headers(1, post()) + window_update(1, 0x7fffffff - 65535) + setting(4, 65536), 0});
  add(all, {window_increment_zero, "0", server, window_update(0, 0), 0});
  add(all, {window_increment_zero, "0 with the reserved bit", server, window_update(0, 0x80000000), 0});
  add(all, {stream_increment_zero, "0", server, headers(1, post()) + window_update(1, 0), 1});
  add(all, {window_overflow, "by one", server, window_update(0, 0x7fffffff - 65535 + 1), 0});
  add(all,
      {stream_window_overflow, "by one", server, headers(1, post()) + window_update(1, 0x7fffffff - 65535 + 1), 1});
  add(all, {window_exceeded, "by one byte", server,
            headers(1, post()) + repeat(full, 3) + data(1, large.substr(1)) + data(1, "x"), 0, Told::no,
            with([](Config& config) {
              config.settings.initial_window_size = 1 << 20;
              config.connection_window = 65535;
            })});
  add(all, {stream_window_exceeded, "by one byte", server,
            headers(1, post()) + repeat(full, 3) + data(1, large.substr(1)) + data(1, "x"), 1});
  add(all, {goaway_raised, "from 1 to 3", server, goaway(1, ErrorCode::no_error) + goaway(3, ErrorCode::no_error), 0});
  add(all, {ping_timeout,
            "no answer",
            server,
            {},
            0,
            Told::no,
            with([](Config& config) { config.keepalive_interval = 30s; }),
            [](Harness& h) {
              h.advance(30s);
              REQUIRE(count(h.sent_frames(), FrameType::ping) == 1);
              h.advance(15s);
            }});
}

// 8.2: fields
PLAIN void add_fields(std::vector<Row>& all) {
  using enum Violation;
  add(all, {field_name_invalid, "upper case", server, request_plus("X-Up", "a"), 1, Told::no});
  add(all, {field_name_invalid, "empty", server, request_plus("", "a"), 1, Told::no});
  add(all, {field_name_invalid, "a space", server, request_plus("a b", "a"), 1, Told::no});
  add(all, {field_name_invalid, "a colon inside", server, request_plus("a:b", "a"), 1, Told::no});
  add(all, {field_name_invalid, "beyond ASCII", server, request_plus("caf\xc3\xa9", "a"), 1, Told::no});
  add(all, {field_value_invalid, "NUL", server, request_plus("a", std::string("b\0c", 3)), 1, Told::no});
  add(all, {field_value_invalid, "CR", server, request_plus("a", "b\rc"), 1, Told::no});
  add(all, {field_value_invalid, "LF", server, request_plus("a", "b\nc"), 1, Told::no});
  add(all, {field_value_invalid, "a space in front", server, request_plus("a", " b"), 1, Told::no});
  add(all, {field_value_invalid, "a tab behind", server, request_plus("a", "b\t"), 1, Told::no});
  add(all,
      {field_value_invalid, "in a response", client, headers(1, status("200", {{"a", "b\n"}})), 1, Told::yes, {}, ask});
  add(all, {field_value_invalid, "in trailers", server, headers(1, post()) + headers(1, {{"a", "b\n"}}, kEnd), 1});
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    add(all, {connection_specific_field, name, server, request_plus(name, "x"), 1, Told::no});
    add(all,
        {connection_specific_field, name, client, headers(1, status("200", {{name, "x"}})), 1, Told::yes, {}, ask});
  }
  add(all, {te_invalid, "gzip", server, request_plus("te", "gzip"), 1, Told::no});
  add(all, {te_invalid, "trailers and gzip", server, request_plus("te", "trailers, gzip"), 1, Told::no});
}

// 8.3: pseudo-fields
PLAIN void add_pseudo_fields(std::vector<Row>& all) {
  using enum Violation;
  OwnedFields late = get();
  late.insert(late.end() - 1, OwnedField{"a", "b"});
  add(all, {pseudo_field_order, "behind a regular field", server, headers(1, late, kEnd), 1, Told::no});
  add(all, {pseudo_field_order,
            "in a response",
            client,
            headers(1, {{"a", "b"}, {":status", "200"}}),
            1,
            Told::yes,
            {},
            ask});
  add(all, {pseudo_field_unknown, ":colour", server, headers(1, {{":colour", "red"}}, kEnd), 1, Told::no});
  add(all, {pseudo_field_unknown, ":status in a request", server, headers(1, {{":status", "200"}}, kEnd), 1, Told::no});
  add(all, {pseudo_field_unknown,
            ":path in a response",
            client,
            headers(1, {{":status", "200"}, {":path", "/"}}),
            1,
            Told::yes,
            {},
            ask});
  add(all, {pseudo_field_unknown, ":protocol without RFC 8441", server,
            headers(1, {{":method", "CONNECT"},
                        {":protocol", "websocket"},
                        {":scheme", "https"},
                        {":authority", "a"},
                        {":path", "/"}}),
            1, Told::no});
  add(all, {pseudo_field_repeated, ":method", server, headers(1, {{":method", "GET"}, {":method", "GET"}}, kEnd), 1,
            Told::no});
  add(all, {pseudo_field_repeated,
            ":status",
            client,
            headers(1, {{":status", "200"}, {":status", "200"}}),
            1,
            Told::yes,
            {},
            ask});
  for (const char* name : {":method", ":scheme", ":path"}) {
    add(all, {pseudo_field_missing, name, server, request_without(name), 1, Told::no});
  }
  add(all, {pseudo_field_value, "an empty path", server, request_with(":path", ""), 1, Told::no});
  add(all, {pseudo_field_value, "a path without slash", server, request_with(":path", "index"), 1, Told::no});
  add(all, {pseudo_field_value, "a path with a space", server, request_with(":path", "/a b"), 1, Told::no});
  add(all, {pseudo_field_value, "an asterisk for GET", server, request_with(":path", "*"), 1, Told::no});
  add(all, {pseudo_field_value, "userinfo", server, request_with(":authority", "me@example.com"), 1, Told::no});
  add(all, {pseudo_field_value, "a method that is no token", server, request_with(":method", "G ET"), 1, Told::no});
  add(all, {connect_request_invalid, "CONNECT with :path", server,
            headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}), 1, Told::no});
  add(all, {connect_request_invalid, "CONNECT without :authority", server, headers(1, {{":method", "CONNECT"}}), 1,
            Told::no});
  add(all, {frame_in_tunnel, "trailers", server,
            headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}}) + headers(1, {{"a", "b"}}, kEnd), 1});
  add(all, {host_differs, "another host", server, request_plus("host", "example.org"), 1, Told::no});
  add(all, {host_differs, "host twice", server,
            headers(1, get({{"host", "example.com"}, {"host", "example.com"}}), kEnd), 1, Told::no});
}

// 8.1: messages
PLAIN void add_messages(std::vector<Row>& all) {
  using enum Violation;
  add(all, {status_invalid, "two digits", client, headers(1, status("20")), 1, Told::yes, {}, ask});
  add(all, {status_invalid, "099", client, headers(1, status("099")), 1, Told::yes, {}, ask});
  add(all, {status_invalid, "missing", client, headers(1, {{"a", "b"}}), 1, Told::yes, {}, ask});
  add(all,
      {interim_response_invalid, "with END_STREAM", client, headers(1, status("103"), kEnd), 1, Told::yes, {}, ask});
  add(all, {interim_response_invalid, "101", client, headers(1, status("101")), 1, Told::yes, {}, ask});
  add(all, {interim_response_flood, "17", client, repeat(headers(1, status("103")), 17), 1, Told::yes, {}, ask});
  add(all, {data_before_response, "DATA", client, data(1, "x"), 1, Told::yes, {}, ask});
  add(all, {data_before_response,
            "DATA after a 1xx",
            client,
            headers(1, status("100")) + data(1, "x"),
            1,
            Told::yes,
            {},
            ask});
  add(all, {trailers_without_end, "of a request", server, headers(1, post()) + headers(1, {{"a", "b"}}), 1});
  add(all, {trailers_pseudo_field, "of a request", server, headers(1, post()) + headers(1, {{":path", "/"}}, kEnd), 1});
  add(all, {trailers_pseudo_field,
            "of a response",
            client,
            headers(1, status("200")) + headers(1, status("200"), kEnd),
            1,
            Told::yes,
            {},
            ask});
  for (const char* value : {"", "+1", "-1", "1, 1", "0x1", "99999999999999999999"}) {
    add(all, {content_length_invalid, value, server, headers(1, post({{"content-length", value}})), 1, Told::no});
  }
  add(all, {content_length_invalid, "two that differ", server,
            headers(1, post({{"content-length", "1"}, {"content-length", "2"}})), 1, Told::no});
  add(all, {content_length_invalid,
            "in a 1xx",
            client,
            headers(1, status("103", {{"content-length", "1"}})),
            1,
            Told::yes,
            {},
            ask});
  const Bytes five = headers(1, post({{"content-length", "5"}}));
  add(all, {content_length_mismatch, "too much", server, five + data(1, "123456"), 1});
  add(all, {content_length_mismatch, "too little at DATA", server, five + data(1, "1234", kEnd), 1});
  add(all,
      {content_length_mismatch, "too little at trailers", server, five + data(1, "1234") + headers(1, {}, kEnd), 1});
  add(all,
      {content_length_mismatch, "none at all", server, headers(1, post({{"content-length", "5"}}), kEnd), 1, Told::no});
  add(all, {content_length_mismatch,
            "of a response",
            client,
            headers(1, status("200", {{"content-length", "5"}}), kEnd),
            1,
            Told::yes,
            {},
            ask});
  add(all, {content_length_mismatch, "padding does not count", server,
            five + wire("000006 00 09 00000001 01 '1234' 00"), 1});
  add(all,
      {content_forbidden, "for HEAD", client, headers(1, status("200")) + data(1, "x"), 1, Told::yes, {}, ask_head});
  add(all, {content_forbidden, "with 204", client, headers(1, status("204")) + data(1, "x"), 1, Told::yes, {}, ask});
  add(all, {content_forbidden, "with 304", client, headers(1, status("304")) + data(1, "x"), 1, Told::yes, {}, ask});
  add(all, {frame_in_tunnel,
            "trailers",
            client,
            headers(1, status("200")) + headers(1, {{"a", "b"}}, kEnd),
            1,
            Told::yes,
            {},
            [](Harness& h) {
              const Request connect{"CONNECT", {}, "a:1", {}, {}, {}};
              REQUIRE(h.call([&](Connection& c) { return c.send_request(connect, EndStream::no); }));
            }});
  // A request gets an answer instead: see semantics_test.cpp.
  add(all, {field_section_too_large, "143 bytes for a limit of 142, with 32 for each field", client,
            headers(1, status("200", {{"a", std::string(68, 'b')}})), 1, Told::yes,
            with([](Config& config) { config.settings.max_header_list_size = 142; }), ask});
  add(all, {field_section_too_large, "257 fields in trailers", server,
            headers(1, post()) + headers(1, OwnedFields(257, {"a", "b"}), kEnd), 1, Told::yes});

  add(all, {priority_update_invalid, "from a server", client, wire("000004 10 00 00000000 00000001"), 0});
  add(all, {priority_update_invalid, "for stream 0", server, wire("000004 10 00 00000000 00000000"), 0});
  add(all,
      {priority_update_invalid, "for a push that was not promised", server, wire("000004 10 00 00000000 00000002"), 0});
  add(all, {priority_update_limit, "three idle streams of two", server,
            wire("000004 10 00 00000000 00000001") + wire("000004 10 00 00000000 00000003") +
                wire("000004 10 00 00000000 00000005"),
            0, Told::no, with([](Config& config) { config.settings.max_concurrent_streams = 2; })});
  add(all, {work_budget_empty, "PINGs", server, repeat(ping(7), 101), 0, Told::no,
            with([](Config& config) { config.work_budget = 100; })});
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const auto section : {add_prefaces, add_frames, add_blocks, add_states, add_pushes, add_settings, add_connection,
                             add_fields, add_pseudo_fields, add_messages})
    section(all);
  return all;
}

void check(const Row& row) {
  const ViolationRow& said = describe(row.broken);
  Harness harness(row.role, row.options);
  if (row.before) row.before(harness);
  if (!row.bytes.empty()) harness.feed(row.bytes);
  const std::vector<Frame> history = harness.history();

  if (row.stream == 0) {
    REQUIRE(harness.failure() == row.broken);
    const Seen failed = *harness.last(Kind::failed);
    CHECK(failed.code == said.code);
    CHECK(failed.sentence == (row.broken == Violation::work_budget_empty ? describe(Work::ping) : said.sentence));
    CHECK(failed.section == said.section);
    REQUIRE_FALSE(history.empty());
    const Frame& last = history.back();
    REQUIRE(last.header.type == FrameType::goaway);
    CHECK(static_cast<ErrorCode>(last.u32(4)) == said.code);
    CHECK(harness.connection().transport_wish() != TransportWish::open);
    // Over is over: nothing is read, nothing is said.
    harness.events();
    harness.sent();
    harness.feed(ping(1) + headers(77, get(), kEnd));
    CHECK(text_of(harness.events()) == "");
    CHECK(harness.sent().empty());
    return;
  }

  REQUIRE(harness.failure() == Violation::none);
  const auto reset = find(history, FrameType::rst_stream, row.stream);
  REQUIRE(reset);
  CHECK(static_cast<ErrorCode>(reset->u32()) == said.code);
  CHECK(count(history, FrameType::rst_stream) == 1);
  const auto told = harness.last(Kind::stream_reset, row.stream);
  if (row.told == Told::yes) {
    REQUIRE(told);
    CHECK(told->violation == row.broken);
    CHECK(told->code == said.code);
    const auto closed = harness.last(Kind::stream_closed, row.stream);
    REQUIRE(closed);
    CHECK(closed->code == said.code);
  } else if (told) {
    CHECK(told->violation == Violation::none);  // the RST_STREAM of the peer before
  }
  harness.sent();
  harness.feed(ping(0x77));
  CHECK(count(harness.sent_frames(), FrameType::ping) == 1);
}

TEST_CASE("each broken rule gets the scope and the code of its row") {
  for (const Row& row : rows()) {
    const std::string which = std::string(describe(row.broken).name) + ": " + row.how;
    CAPTURE(which);
    // Alone, so that one failure does not hide the next.
    try {
      check(row);
    } catch (const doctest::detail::TestFailureException&) {
    }
  }
}

// Rows that need more than bytes have a test of their own.
constexpr std::pair<Violation, const char*> kElsewhere[] = {
    {Violation::out_of_memory, "memory_test.cpp lets every single allocation fail"},
};

TEST_CASE("every row of the violation table is provoked") {
  std::set<Violation> provoked;
  for (const Row& row : rows()) provoked.insert(row.broken);
  for (const auto& [violation, where] : kElsewhere) provoked.insert(violation);
  constexpr Violation kAll[] = {
#define H2_VIOLATION(name, scope, code, sentence, section) Violation::name,
#include <h2core/violations.inc>
#undef H2_VIOLATION
  };
  for (const Violation violation : kAll) {
    CAPTURE(describe(violation).name);
    CHECK(provoked.contains(violation));
  }
}

}  // namespace
}  // namespace h2::test
