// RFC 9113 4 and 6: what a frame may look like, where it may stand, and that all of ours do.
#include <set>

#include "conformance.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, three{3};

// ---- frames that come

TEST_CASE("frames of unknown types are dropped, wherever they come [9113-4.1b] [9113-5.5a] [9113-5.5b]") {
  for (const Role role : kRoles) {
    for (const unsigned type : {0x0bu, 0x0du, 0x0eu, 0x0fu, 0x11u, 0x40u, 0xeeu, 0xffu}) {
      for (const std::uint32_t stream : {0u, 1u, 2u, 77u, 0x7fffffffu}) {
        CAPTURE(type);
        CAPTURE(stream);
        Harness harness = exchange_of(role);
        harness.feed(frame(static_cast<FrameType>(type), 0xff, stream, bytes_of("whatever it means")));
        CHECK(text_of(harness.events()) == "");
        CHECK(harness.sent().empty());
        harness.feed(data(1, "content"));
        CHECK(harness.last(Kind::data)->data == "content");
        CHECK(answer(harness) == "goes on");
      }
    }
  }
}

// Both forms of each frame come to the same events and the same answers.
void same(Role role, const Bytes& plain, const Bytes& strange) {
  REQUIRE(plain != strange);
  Harness expected = exchange_of(role), found = exchange_of(role);
  expected.feed(plain);
  found.feed(strange);
  CHECK(text_of(found.events()) == text_of(expected.events()));
  CHECK(found.sent() == expected.sent());
  CHECK(found.failed() == expected.failed());
}

struct Form {
  const char* name;
  std::uint8_t undefined;  // the flags that the type does not have
  Bytes bytes;
};
std::vector<Form> forms() {
  return {{"DATA", 0xf6, data(1, "content", kEnd)},
          {"HEADERS", 0xd2, headers(1, {{"a", "b"}}, kEnd)},
          {"PRIORITY", 0xff, wire("000005 02 00 00000001 00000003 0f")},
          {"RST_STREAM", 0xff, rst(1, ErrorCode::cancel)},
          {"SETTINGS", 0xfe, settings({{SettingId::max_frame_size, 20000}})},
          {"PING", 0xfe, ping(7)},
          {"GOAWAY", 0xff, goaway(1, ErrorCode::no_error, "why")},
          {"WINDOW_UPDATE", 0xff, window_update(1, 5)}};
}

TEST_CASE("flags that a type does not define mean nothing [9113-4.1c]") {
  for (const Role role : kRoles) {
    for (const Form& form : forms()) {
      CAPTURE(form.name);
      Bytes strange = form.bytes;
      strange[4] |= static_cast<std::byte>(form.undefined);
      same(role, form.bytes, strange);
    }
    const Bytes begun = frame(FrameType::headers, kEnd, 1, block({{"a", "b"}}));
    same(role, begun + wire("000000 09 04 00000001"), begun + wire("000000 09 ff 00000001"));
  }
}

TEST_CASE("reserved bits mean nothing [9113-4.1f]") {
  for (const Role role : kRoles) {
    for (const Form& form : forms()) {
      CAPTURE(form.name);
      Bytes strange = form.bytes;
      strange[5] |= std::byte{0x80};
      same(role, form.bytes, strange);
    }
    same(role, window_update(1, 5), wire("000004 08 00 00000001 80000005"));
    same(role, goaway(1, ErrorCode::no_error), wire("000008 07 00 00000000 80000001 00000000"));
  }
}

TEST_CASE("every frame may have 2^14 octets of payload [9113-4.2a]") {
  for (const Role role : kRoles) {
    const std::string full(16384, 'x');
    Harness harness = exchange_of(role);
    harness.feed(data(1, full) + frame(static_cast<FrameType>(0xee), 0, 0, Bytes(16384)));
    CHECK(harness.last(Kind::data)->data == full);
    const Bytes fields = block({{"a", std::string(40000, 'b')}});
    const auto part = [&](std::size_t from, std::size_t to) {
      return Bytes(fields.begin() + static_cast<std::ptrdiff_t>(from),
                   fields.begin() + static_cast<std::ptrdiff_t>(to));
    };
    harness.feed(frame(FrameType::headers, kEnd, 1, part(0, 16384)) +
                 frame(FrameType::continuation, 0, 1, part(16384, 32768)) +
                 frame(FrameType::continuation, flags::end_headers, 1, part(32768, fields.size())));
    REQUIRE(harness.last(Kind::trailers));
    CHECK(harness.last(Kind::trailers)->fields[0].value == std::string(40000, 'b'));
    harness.feed(goaway(1, ErrorCode::no_error, std::string(16376, 'd')));
    CHECK(harness.last(Kind::goaway));
    CHECK_FALSE(harness.failed());
  }
}

TEST_CASE(
    "a wrong size is a FRAME_SIZE_ERROR, of the connection where the frame touches it [9113-4.2b] [9113-4.2c] "
    "[9113-6.3b] [9113-6.4g] [9113-6.5d] [9113-6.5h] [9113-6.7g] [9113-6.9f]") {
  const std::string stream = "stream 1 FRAME_SIZE_ERROR", connection = "connection FRAME_SIZE_ERROR";
  const auto of = [](FrameType type, std::uint8_t flags, std::uint32_t id, std::size_t bytes) {
    return frame(type, flags, id, Bytes(bytes));
  };
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    // Over SETTINGS_MAX_FRAME_SIZE.
    CHECK(answer(role, of(FrameType::data, 0, 1, 16385)) == stream);
    CHECK(answer(role, of(FrameType::headers, flags::end_headers, 1, 16385)) == connection);
    CHECK(answer(role, wire("000001 01 01 00000001 82") + of(FrameType::continuation, 4, 1, 16385)) == connection);
    CHECK(answer(role, of(FrameType::settings, 0, 0, 16386)) == connection);
    CHECK(answer(role, of(FrameType::goaway, 0, 0, 16385)) == connection);
    CHECK(answer(role, of(static_cast<FrameType>(0xee), 0, 0, 16385)) == connection);
    // Other than their type has it, by one and by far.
    for (const std::size_t bytes : {0u, 4u, 6u, 16384u}) {
      CHECK(answer(role, of(FrameType::priority, 0, 1, bytes)) == stream);
    }
    for (const std::size_t bytes : {0u, 3u, 5u, 16384u}) {
      CHECK(answer(role, of(FrameType::rst_stream, 0, 1, bytes)) == connection);
      CHECK(answer(role, of(FrameType::window_update, 0, 0, bytes)) == connection);
      CHECK(answer(role, of(FrameType::window_update, 0, 1, bytes)) == connection);
    }
    for (const std::size_t bytes : {0u, 7u, 9u, 16384u}) {
      CHECK(answer(role, of(FrameType::ping, 0, 0, bytes)) == connection);
      CHECK(answer(role, of(FrameType::ping, flags::ack, 0, bytes)) == connection);
    }
    for (const std::size_t bytes : {1u, 5u, 7u, 16383u}) {
      CHECK(answer(role, of(FrameType::settings, 0, 0, bytes)) == connection);
    }
    for (const std::size_t bytes : {1u, 6u}) {
      CHECK(answer(role, of(FrameType::settings, flags::ack, 0, bytes)) == connection);
    }
    // Too short for what they must have.
    for (const std::size_t bytes : {0u, 7u}) CHECK(answer(role, of(FrameType::goaway, 0, 0, bytes)) == connection);
    CHECK(answer(role, of(FrameType::data, flags::padded, 1, 0)) == connection);
    CHECK(answer(role, of(FrameType::headers, flags::padded | flags::end_headers, 1, 0)) == connection);
    CHECK(answer(role, of(FrameType::headers, flags::priority | flags::end_headers, 1, 4)) == connection);
  }
  CHECK(answer(Role::client, of(FrameType::push_promise, flags::end_headers, 1, 3), accepting_push()) == connection);
}

TEST_CASE(
    "frames of a stream on stream 0, and frames of the connection on a stream, end the connection [9113-6.1c] "
    "[9113-6.2e] [9113-6.3a] [9113-6.4d] [9113-6.5f] [9113-6.6f] [9113-6.7f] [9113-6.8d] [9113-6.10d]") {
  const std::string protocol_error = "connection PROTOCOL_ERROR";
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(answer(role, data(0, "x")) == protocol_error);
    CHECK(answer(role, headers(0, role == Role::server ? get() : status("200"))) == protocol_error);
    CHECK(answer(role, wire("000005 02 00 00000000 00000003 0f")) == protocol_error);
    CHECK(answer(role, rst(0, ErrorCode::cancel)) == protocol_error);
    CHECK(answer(role, push_promise(0, 2, get()), role == Role::client ? accepting_push() : Options{}) ==
          protocol_error);
    CHECK(answer(role, wire("000001 09 04 00000000 82")) == protocol_error);
    CHECK(answer(role, wire("000001 01 01 00000001 82  000000 09 04 00000000")) == protocol_error);
    for (const std::uint32_t stream : {1u, 2u, 0x7fffffffu}) {
      CHECK(answer(role, frame(FrameType::settings, 0, stream)) == protocol_error);
      CHECK(answer(role, frame(FrameType::settings, flags::ack, stream)) == protocol_error);
      CHECK(answer(role, frame(FrameType::ping, 0, stream, Bytes(8))) == protocol_error);
      CHECK(answer(role, frame(FrameType::goaway, 0, stream, Bytes(8))) == protocol_error);
    }
  }
}

TEST_CASE(
    "padding that leaves no room ends the connection, padding that just fits does not [9113-6.1e] [9113-6.2f] "
    "[9113-6.6o]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    CHECK(answer(role, wire("000004 00 08 00000001  03 000000")) == "goes on");
    for (const char* data : {"000004 00 08 00000001  04 000000", "000004 00 08 00000001  ff 000000",
                             "000001 00 08 00000001  01", "000004 00 09 00000001  05 000000"}) {
      CHECK(answer(role, wire(data)) == "connection PROTOCOL_ERROR");
    }
    CHECK(answer(role, wire("000004 01 0d 00000001  03 000000")) == "goes on");  // empty trailers
    for (const char* headers : {"000004 01 0d 00000001  04 000000", "000001 01 0d 00000001  01",
                                "000008 01 2d 00000001  03 00000003 0f 0000", "000004 01 09 00000001  ff 000000"}) {
      CHECK(answer(role, wire(headers)) == "connection PROTOCOL_ERROR");
    }
  }
  const Bytes fields = block(get());
  const auto promise = [&](unsigned pad, std::size_t padding) {
    return frame(FrameType::push_promise, flags::end_headers | flags::padded, 1,
                 Bytes{static_cast<std::byte>(pad)} + wire("00000002") + fields + Bytes(padding));
  };
  const auto promised = [](const Bytes& bytes) {
    Harness client = push_client();
    client.feed(bytes);
    return answer(client);
  };
  CHECK(promised(promise(3, 3)) == "goes on");
  CHECK(promised(promise(255, 3)) == "connection PROTOCOL_ERROR");
  CHECK(promised(wire("000006 05 0c 00000001  05 00000002 00")) == "connection PROTOCOL_ERROR");
  CHECK(promised(wire("000006 05 0c 00000001  06 00000002 00")) == "connection PROTOCOL_ERROR");
}

// ---- field blocks that come

TEST_CASE("a field block is not interrupted, by whatever frame [9113-5.5c] [9113-6.2c] [9113-6.6d] [9113-6.10b]") {
  const Bytes more = wire("000000 09 00 00000001");
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    std::vector<Bytes> begun{wire("000001 01 00 00000001 82"), wire("000001 01 01 00000001 82") + more + more};
    if (role == Role::client) begun.push_back(wire("000005 05 00 00000001 00000002 82"));
    if (role == Role::client) begun.push_back(begun.back() + more);
    std::vector<Bytes> others;
    for (const Form& form : forms()) others.push_back(form.bytes);
    others.push_back(wire("000000 09 04 00000003"));
    others.push_back(wire("000000 09 04 00000002"));
    others.push_back(headers(3, get()));
    others.push_back(ping(1, true));
    others.push_back(settings_ack());
    others.push_back(wire("000000 ee 00 00000001"));
    others.push_back(wire("000000 ee 00 00000000"));
    others.push_back(push_promise(1, 4, get()));
    for (const Bytes& first : begun) {
      for (const Bytes& second : others) {
        CAPTURE(static_cast<int>(second[3]));
        CHECK(answer(role, first + second, role == Role::client ? accepting_push() : Options{}) ==
              "connection PROTOCOL_ERROR");
      }
    }
  }
}

TEST_CASE("CONTINUATION stands behind an open field block and nowhere else [9113-6.10f]") {
  const Bytes lonely = wire("000000 09 04 00000001"), open_ended = wire("000000 09 00 00000001");
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const Bytes& before :
         {Bytes{}, data(1, "x"), headers(1, {{"a", "b"}}, kEnd), ping(1), rst(1, ErrorCode::cancel)}) {
      CHECK(answer(role, before + lonely) == "connection PROTOCOL_ERROR");
      CHECK(answer(role, before + open_ended) == "connection PROTOCOL_ERROR");
    }
    CHECK(answer(role, frame(FrameType::headers, kEnd, 1) + lonely + lonely) == "connection PROTOCOL_ERROR");
  }
}

TEST_CASE("a block that cannot be decoded ends the connection with COMPRESSION_ERROR [9113-4.3c]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    for (const char* bad :
         {"80", "be", "ff 80 80 80 80 80 01", "00 05 'a'", "3f e2 1f", "82 20", "41 84 ff ff ff ff"}) {
      CAPTURE(std::string(bad));
      const Bytes trailers = frame(FrameType::headers, flags::end_headers | kEnd, 1, wire(bad));
      CHECK(answer(role, trailers) == "connection COMPRESSION_ERROR");
      // Nobody wants these fields; they are decoded all the same.
      Harness reset = exchange_of(role);
      REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
      reset.feed(trailers);
      CHECK(answer(reset) == "connection COMPRESSION_ERROR");
    }
  }
  Harness server(Role::server);
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, 1, wire("80")));
  CHECK(answer(server) == "connection COMPRESSION_ERROR");
  Harness client = push_client();
  client.feed(frame(FrameType::push_promise, flags::end_headers, 1, wire("00000002 80")));
  CHECK(answer(client) == "connection COMPRESSION_ERROR");
}

// The field that an unwanted block has put into the table is there for a later one.
void check_entry(Harness& harness, Role role) {
  if (role == Role::server) {
    harness.feed(frame(FrameType::headers, flags::end_headers | kEnd, 99, block_of_entry(get())));
    REQUIRE(harness.last(Kind::request, 99));
    CHECK(harness.last(Kind::request, 99)->fields.back() == OwnedField{"x", "yz"});
  } else {
    const auto stream = harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); });
    REQUIRE(stream);
    harness.feed(frame(FrameType::headers, flags::end_headers | kEnd, stream->value, block_of_entry(status("204"))));
    REQUIRE(harness.last(Kind::response, stream->value));
    CHECK(harness.last(Kind::response, stream->value)->fields.back() == OwnedField{"x", "yz"});
  }
}

TEST_CASE("a block is decompressed though nobody wants its fields [9113-4.3b]") {
  const std::uint8_t last = flags::end_headers | kEnd;
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness reset = exchange_of(role);
    REQUIRE(reset.call([](Connection& c) { return c.reset(one, ErrorCode::cancel); }));
    reset.feed(frame(FrameType::headers, last, 1, block_with_entry()));
    check_entry(reset, role);

    Harness half_closed = exchange_of(role);
    half_closed.feed(data(1, "", kEnd) + frame(FrameType::headers, last, 1, block_with_entry()));
    check_entry(half_closed, role);

    Harness malformed = exchange_of(role);
    malformed.feed(frame(FrameType::headers, last, 1, block_with_entry({{"UPPER", "case"}})));
    CHECK(malformed.last(Kind::stream_reset)->violation == Violation::field_name_invalid);
    check_entry(malformed, role);
  }
  Options one_stream;
  one_stream.config.settings.max_concurrent_streams = 1;
  Harness refused = exchange_of(Role::server, one_stream);
  refused.feed(frame(FrameType::headers, last, 3, block_with_entry(get())));
  CHECK(answer(refused) == "stream 3 REFUSED_STREAM");
  refused.feed(rst(1, ErrorCode::cancel));
  check_entry(refused, Role::server);

  Options no_push = accepting_push();
  no_push.config.settings.max_concurrent_streams = 0;
  Harness unwanted = push_client(no_push);
  unwanted.feed(frame(FrameType::push_promise, flags::end_headers, 1, wire("00000002") + block_with_entry(get())));
  CHECK(answer(unwanted) == "stream 2 REFUSED_STREAM");
  check_entry(unwanted, Role::client);
}

TEST_CASE("a section over our limit is decompressed all the same, or the connection ends [9113-10.5.1a]") {
  Options small;
  small.config.settings.max_header_list_size = 400;
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role, small);
    harness.feed(
        frame(FrameType::headers, flags::end_headers | kEnd, 1, block_with_entry({{"large", std::string(1000, 'l')}})));
    CHECK(harness.last(Kind::stream_reset)->violation == Violation::field_section_too_large);
    check_entry(harness, role);

    Harness far_over = exchange_of(role, small);
    far_over.feed(frame(FrameType::headers, kEnd, 1, block({{"large", std::string(10000, 'l')}})) +
                  frame(FrameType::continuation, 0, 1, Bytes(10000)));
    CHECK(answer(far_over) == "connection ENHANCE_YOUR_CALM");
  }
}

// ---- the table of the peer's encoder, and of ours

TEST_CASE("after the ACK of a smaller table the next block of the peer says that it obeys [9113-4.3.1b]") {
  const Setting smaller[] = {{SettingId::header_table_size, 100}};
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    const auto block_after_ack = [&](std::string_view prefix) {
      Harness harness = exchange_of(role);
      REQUIRE(harness.call([&](Connection& c) { return c.send_settings(smaller); }));
      harness.sent();
      harness.feed(settings_ack() +
                   frame(FrameType::headers, flags::end_headers | kEnd, 1, wire(prefix) + block({{"a", "b"}})));
      return answer(harness);
    };
    CHECK(block_after_ack("") == "connection COMPRESSION_ERROR");
    CHECK(block_after_ack("3f46") == "connection COMPRESSION_ERROR");  // 101
    CHECK(block_after_ack("3f45") == "goes on");
    CHECK(block_after_ack("20") == "goes on");
    CHECK(block_after_ack("20 3f45") == "goes on");
  }
}

TEST_CASE("after our ACK of a smaller table our next block begins with an update that fits [9113-4.3.1a]") {
  for (const Role role : kRoles) {
    CAPTURE(text_of(role));
    Harness harness = exchange_of(role);
    const Field field{"a-name", "a value to be indexed"};
    if (role == Role::server) {
      REQUIRE(harness.call([&](Connection& c) { return c.send_response(one, 200, {&field, 1}, EndStream::no); }));
    }
    harness.feed(settings({{SettingId::header_table_size, 10}}));
    REQUIRE(harness.sent_frames().back() == frames(settings_ack())[0]);
    REQUIRE(harness.call([&](Connection& c) { return c.send_trailers(one, {&field, 1}); }));
    const auto trailers = find(harness.sent_frames(), FrameType::headers, 1);
    REQUIRE(trailers);
    CHECK(trailers->payload[0] == std::byte{0x2a});  // a size update to 10
  }
}

// ---- frames that we send

// A connection that has sent all that its role can send, and every octet of it.
struct Talk {
  Role role;
  Bytes octets;
  std::vector<Frame> frames;
};

Talk talk(Role role) {
  Options options;
  options.handshake = false;
  options.config.window_limit = 0;  // no PING but the caller's
  Harness harness(role, options);
  const std::string large(50000, 'l');
  const Bytes body(50000);
  const Field field{"x-large", large}, trailer[] = {{"a", "b"}};
  harness.feed((role == Role::server ? client_preface() : Bytes{}) + settings({}) + settings_ack() + ping(77));
  harness.feed(window_update(0, 1 << 20));
  if (role == Role::client) {
    Request request = kPost;
    request.fields = {&field, 1};
    REQUIRE(harness.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    harness.feed(headers(1, status("200")) + repeat(data(1, std::string(16000, 'd')), 3));
  } else {
    harness.feed(headers(1, post()) + repeat(data(1, std::string(16000, 'd')), 3) + headers(3, get(), kEnd));
    REQUIRE(harness.call([&](Connection& c) { return c.send_informational(one, 103, {&field, 1}); }));
    Request promised = kGet;
    promised.fields = {&field, 1};
    REQUIRE(harness.call([&](Connection& c) { return c.push(one, promised); }));
    REQUIRE(harness.call([&](Connection& c) { return c.send_response(one, 200, {&field, 1}, EndStream::no); }));
  }
  harness.run([](Connection& c) { c.consume(one, 48000); });
  REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::no); }));
  REQUIRE(harness.call([&](Connection& c) { return c.send_trailers(one, trailer); }));
  REQUIRE(harness.call([](Connection& c) { return c.reset(three, ErrorCode::cancel); }));
  REQUIRE(harness.call([](Connection& c) { return c.ping(Token{5}); }));
  const Setting window[] = {{SettingId::initial_window_size, 100000}};
  REQUIRE(harness.call([&](Connection& c) { return c.send_settings(window); }));
  harness.run([](Connection& c) { c.shutdown(Shutdown::immediate); });
  Talk said{role, harness.sent(), harness.history()};
  if (role == Role::client) said.octets.erase(said.octets.begin(), said.octets.begin() + 24);

  std::set<FrameType> types;
  for (const Frame& each : said.frames) types.insert(each.header.type);
  std::set<FrameType> expected{FrameType::data, FrameType::headers, FrameType::rst_stream,    FrameType::settings,
                               FrameType::ping, FrameType::goaway,  FrameType::window_update, FrameType::continuation};
  if (role == Role::server) expected.insert(FrameType::push_promise);
  REQUIRE(types == expected);
  return said;
}

std::uint8_t defined_flags(FrameType type) {
  switch (type) {
    case FrameType::data: return flags::end_stream | flags::padded;
    case FrameType::headers: return flags::end_stream | flags::end_headers | flags::padded | flags::priority;
    case FrameType::push_promise: return flags::end_headers | flags::padded;
    case FrameType::continuation: return flags::end_headers;
    case FrameType::settings:
    case FrameType::ping: return flags::ack;
    default: return 0;
  }
}

TEST_CASE("what we send has no undefined flag and no reserved bit [9113-4.1d] [9113-4.1e]") {
  for (const Role role : kRoles) {
    const Talk said = talk(role);
    for (const Frame& each : said.frames) {
      CAPTURE(name(each.header.type));
      CHECK((each.header.flags & ~defined_flags(each.header.type)) == 0);
    }
    std::size_t at = 0;
    for (const Frame& each : said.frames) {
      CHECK((said.octets[at + 5] & std::byte{0x80}) == std::byte{0});
      at += kFrameHeaderBytes + each.payload.size();
    }
    CHECK(at == said.octets.size());
  }
}

TEST_CASE("we do not pad, so no padding of ours can be other than zero [9113-6.1a] [9113-6.2a] [9113-6.6b]") {
  for (const Role role : kRoles) {
    for (const Frame& each : talk(role).frames) {
      const FrameType type = each.header.type;
      const bool may_pad = type == FrameType::data || type == FrameType::headers || type == FrameType::push_promise;
      if (may_pad) CHECK_FALSE(each.header.has(flags::padded));
    }
  }
}

TEST_CASE(
    "frames of a stream go out on one, frames of the connection on stream 0 [9113-6.1b] [9113-6.2d] [9113-6.4c] "
    "[9113-6.5e] [9113-6.10c]") {
  for (const Role role : kRoles) {
    for (const Frame& each : talk(role).frames) {
      CAPTURE(name(each.header.type));
      switch (each.header.type) {
        case FrameType::window_update: break;  // on both
        case FrameType::settings:
        case FrameType::ping:
        case FrameType::goaway: CHECK(each.header.stream == kConnection); break;
        default: CHECK(each.header.stream != kConnection);
      }
    }
  }
}

TEST_CASE("SETTINGS with ACK goes out empty, PING with 8 octets [9113-6.5c] [9113-6.7a]") {
  for (const Role role : kRoles) {
    int acks = 0, pings = 0;
    for (const Frame& each : talk(role).frames) {
      if (each.header.type == FrameType::settings && each.header.has(flags::ack)) {
        CHECK(each.payload.empty());
        ++acks;
      }
      if (each.header.type == FrameType::ping) {
        CHECK(each.payload.size() == 8);
        ++pings;
      }
    }
    CHECK(acks == 1);
    CHECK(pings == 2);  // an answer and our own
  }
}

TEST_CASE(
    "our field blocks are contiguous: HEADERS or PUSH_PROMISE, CONTINUATION, END_HEADERS on the last [9113-4.3a] "
    "[9113-6.2b] [9113-6.6c] [9113-6.10a] [9113-6.10e] [9113-8.1a]") {
  for (const Role role : kRoles) {
    int split = 0;
    bool open = false;
    StreamId stream;
    for (const Frame& each : talk(role).frames) {
      const FrameType type = each.header.type;
      CHECK(open == (type == FrameType::continuation));
      if (open) CHECK(each.header.stream == stream);
      if (type == FrameType::headers || type == FrameType::push_promise || type == FrameType::continuation) {
        split += !open && !each.header.has(flags::end_headers);
        open = !each.header.has(flags::end_headers);
        stream = each.header.stream;
      }
    }
    CHECK_FALSE(open);
    CHECK(split == (role == Role::server ? 3 : 1));  // 103, promise and response, or the request
  }
}

TEST_CASE("no payload of ours is longer than 2^14, unless the peer has allowed more [9113-4.1a]") {
  const Bytes body(60000);
  for (const Role role : kRoles) {
    for (const Frame& each : talk(role).frames) CHECK(each.header.length <= 16384);
    Harness harness = upload_of(role);
    harness.feed(settings({{SettingId::max_frame_size, 20000}}));
    REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, body, Token{1}, EndStream::yes); }));
    std::size_t longest = 0;
    for (const Frame& each : harness.sent_frames()) longest = std::max<std::size_t>(longest, each.header.length);
    CHECK(longest == 20000);
  }
}

}  // namespace
}  // namespace h2::test
