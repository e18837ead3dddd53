// RFC 9113 4.1, 4.2 and 6: lengths of every frame type, every padding, every value of every setting that matters; and
// 3.4: whatever may come in the place of the preface and of the first SETTINGS.
#include "exhaustive.h"

namespace h2::test {
namespace {

/// A connection with stream 1 open in both directions and, on a client, answered.
Harness open_stream(Role role) {
  Options options;
  options.config.settings.enable_push = role == Role::client ? 1 : 0;
  Harness harness(role, options);
  if (role == Role::server) {
    harness.feed(headers(1, post()));
  } else {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
    harness.feed(headers(1, status("200")));
  }
  harness.events();
  harness.sent();
  return harness;
}

// ---- 4.2, 6: lengths

struct Length {
  FrameType type;
  std::uint8_t flag_bits;
  std::uint32_t stream;
  std::function<bool(std::size_t)> legal;
  Violation broken;
};

std::vector<Length> lengths() {
  using namespace flags;
  const auto exactly = [](std::size_t bytes) { return [bytes](std::size_t length) { return length == bytes; }; };
  const auto at_least = [](std::size_t bytes) { return [bytes](std::size_t length) { return length >= bytes; }; };
  const auto sixes = [](std::size_t length) { return length % 6 == 0; };
  constexpr auto both = static_cast<std::uint8_t>(padded | priority);
  return {
      {FrameType::data, 0, 1, at_least(0), Violation::none},
      {FrameType::data, padded, 1, at_least(1), Violation::frame_length},
      {FrameType::headers, padded, 1, at_least(1), Violation::frame_length},
      {FrameType::headers, priority, 1, at_least(5), Violation::frame_length},
      {FrameType::headers, both, 1, at_least(6), Violation::frame_length},
      {FrameType::priority, 0, 1, exactly(5), Violation::priority_length},
      {FrameType::rst_stream, 0, 1, exactly(4), Violation::rst_stream_length},
      {FrameType::settings, 0, 0, sixes, Violation::settings_length},
      {FrameType::settings, ack, 0, exactly(0), Violation::settings_ack_length},
      {FrameType::push_promise, 0, 1, at_least(4), Violation::frame_length},
      {FrameType::push_promise, padded, 1, at_least(5), Violation::frame_length},
      {FrameType::ping, 0, 0, exactly(8), Violation::ping_length},
      {FrameType::ping, ack, 0, exactly(8), Violation::ping_length},
      {FrameType::goaway, 0, 0, at_least(8), Violation::goaway_length},
      {FrameType::window_update, 0, 0, exactly(4), Violation::window_update_length},
      {FrameType::window_update, 0, 1, exactly(4), Violation::window_update_length},
      {FrameType::priority_update, 0, 0, at_least(4), Violation::frame_length},
      {FrameType{0xee}, 0xff, 1, at_least(0), Violation::none},
      {FrameType{0xee}, 0xff, 0, at_least(0), Violation::none},
  };
}

/// Whether a violation of a frame's length was found, and which.
Violation length_violation(const Harness& harness) {
  const auto reset = harness.last(Kind::stream_reset, 1);
  const Violation found = reset ? reset->violation : harness.failure();
  return describe(found).code == ErrorCode::frame_size_error ? found : Violation::none;
}

TEST_CASE(
    "RFC 9113 4.2 and 6: a frame of a length that its type does not allow is a FRAME_SIZE_ERROR, and no other is") {
  for (const Length& row : lengths()) {
    const std::string type{name(row.type)};
    CAPTURE(type);
    CAPTURE(row.flag_bits);
    for (const Role role : {Role::server, Role::client}) {
      for (std::size_t length = 0; length <= 25; ++length) {
        CAPTURE(length);
        Harness harness = open_stream(role);
        harness.feed(frame(row.type, row.flag_bits, row.stream, Bytes(length)));
        CHECK(length_violation(harness) == (row.legal(length) ? Violation::none : row.broken));
      }
    }
  }
}

TEST_CASE("RFC 9113 4.2: a frame is as long as SETTINGS_MAX_FRAME_SIZE allows, by one byte more it is too long") {
  const std::size_t most = 16384;
  const std::pair<FrameType, std::uint32_t> rows[] = {
      {FrameType::data, 1},         {FrameType::headers, 1}, {FrameType::settings, 0}, {FrameType::goaway, 0},
      {FrameType::push_promise, 1}, {FrameType{0xee}, 1},    {FrameType{0xee}, 0},     {FrameType::priority_update, 0}};
  for (const auto& [type, stream] : rows) {
    const std::string which{name(type)};
    CAPTURE(which);
    const auto found = [&, type = type, stream = stream](std::size_t length) {
      Harness server = open_stream(Role::server);
      server.feed(frame(type, 0, stream, Bytes(length)));
      return length_violation(server);
    };
    // No multiple of six is as long as that.
    CHECK(found(type == FrameType::settings ? most - 4 : most) == Violation::none);
    const bool settings = type == FrameType::settings;
    CHECK(found(settings ? most + 2 : most + 1) ==
          (type == FrameType::data ? Violation::data_frame_too_large : Violation::frame_too_large));
  }
}

// ---- 6.1, 6.2, 6.6: padding

TEST_CASE("RFC 9113 6.1: every pad length against every length near it, of DATA") {
  for (unsigned pad = 0; pad < 256; ++pad) {
    CAPTURE(pad);
    for (const std::size_t length : {std::size_t{1}, std::size_t{2}, std::size_t{pad}, std::size_t{pad} + 1,
                                     std::size_t{pad} + 2, std::size_t{300}}) {
      if (length == 0) continue;
      CAPTURE(length);
      Harness server = open_stream(Role::server);
      Bytes payload(length, std::byte{'x'});  // also the padding: it need not be looked at
      payload[0] = static_cast<std::byte>(pad);
      server.feed(frame(FrameType::data, flags::padded | kEnd, 1, payload));
      if (pad >= length) {
        CHECK(server.failure() == Violation::padding_too_long);
        continue;
      }
      CHECK(outcome(server, 1) == "data end");
      CHECK(server.last(Kind::data)->data == std::string(length - pad - 1, 'x'));
      check_connection_window(server);
    }
  }
}

TEST_CASE("RFC 9113 6.2 and 6.6: every pad length, of HEADERS and PUSH_PROMISE") {
  const auto padded = [](FrameType type, std::uint32_t stream, unsigned pad, const Bytes& inner, std::size_t padding) {
    return frame(type, flags::padded | flags::end_headers, stream,
                 Bytes{static_cast<std::byte>(pad)} + inner + Bytes(padding, std::byte{0xff}));
  };
  for (unsigned pad = 0; pad < 256; ++pad) {
    CAPTURE(pad);
    const auto comes = [&](Role role, const Bytes& bytes, std::uint32_t stream) {
      Harness harness = open_stream(role);
      harness.feed(bytes);
      return harness.failed() ? std::string(describe(harness.failure()).name) : outcome(harness, stream);
    };
    const Bytes promise = wire("00000002") + block(get());
    CHECK(comes(Role::server, padded(FrameType::headers, 3, pad, block(get()), pad), 3) == "request");
    CHECK(comes(Role::client, padded(FrameType::push_promise, 1, pad, promise, pad), 2) == "push");
    // Without the padding that it speaks of, pad length eats up the block and, from its length on, is an error.
    if (pad < block(get()).size()) continue;
    CHECK(comes(Role::server, padded(FrameType::headers, 3, pad, {}, pad - 1), 3) == "padding_too_long");
    CHECK(comes(Role::client, padded(FrameType::push_promise, 1, pad, {}, pad - 1), 2) == "padding_too_long");
  }
}

// ---- 6.5.2: settings

struct Value {
  std::uint16_t id;
  std::function<bool(std::uint32_t)> legal;
  Violation broken;
};

TEST_CASE("RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1: each setting takes the values of its range and no other") {
  const auto any = [](std::uint32_t) { return true; };
  const auto flag = [](std::uint32_t value) { return value <= 1; };
  for (const Role role : {Role::server, Role::client}) {
    const Value rows[] = {
        {0x1, any, Violation::none},
        // A server says nothing but 0 of pushes.
        {0x2, [&](std::uint32_t value) { return value == 0 || (value == 1 && role == Role::server); },
         Violation::setting_enable_push},
        {0x3, any, Violation::none},
        {0x4, [](std::uint32_t value) { return value <= 0x7fffffff; }, Violation::setting_window_size},
        {0x5, [](std::uint32_t value) { return value >= 16384 && value <= 16777215; }, Violation::setting_frame_size},
        {0x6, any, Violation::none},
        {0x8, flag, Violation::setting_connect_protocol},
        {0x9, flag, Violation::setting_no_priorities},
        {0x0, any, Violation::none},
        {0x7, any, Violation::none},
        {0xa, any, Violation::none},
        {0xffff, any, Violation::none},
    };
    for (const Value& row : rows) {
      CAPTURE(row.id);
      for (const std::uint32_t value : {0U, 1U, 2U, 255U, 16383U, 16384U, 65535U, 65536U, 16777215U, 16777216U,
                                        0x7fffffffU, 0x80000000U, 0xffffffffU}) {
        CAPTURE(value);
        Options options;
        options.handshake = false;
        Harness harness(role, options);  // in the first SETTINGS, for one of them must not change later
        harness.feed((role == Role::server ? client_preface() : Bytes{}) +
                     settings({{static_cast<SettingId>(row.id), value}}));
        CHECK(harness.failure() == (row.legal(value) ? Violation::none : row.broken));
        CHECK(harness.all(Kind::settings).size() == (row.legal(value) ? 1 : 0));
        // Other entries around it change nothing.
        Harness among(role, options);
        among.feed((role == Role::server ? client_preface() : Bytes{}) +
                   settings({{SettingId{0xbaba}, 7},
                             {static_cast<SettingId>(row.id), value},
                             {SettingId::max_header_list_size, 1000}}));
        CHECK(among.failure() == (row.legal(value) ? Violation::none : row.broken));
      }
    }
  }
}

// ---- 3.4: the beginning

/// Why the connection fails for `bytes` at once, or byte by byte; none if it does not.
Violation failure_of(Role role, const Bytes& bytes, bool whole) {
  Config config;
  config.role = role;
  Connection connection(config);
  Violation found = Violation::none;
  const auto feed = [&](ByteView input) {
    while (const auto event = connection.receive(input)) {
      if (const auto* failed = std::get_if<ConnectionFailed>(&*event)) found = failed->violation;
    }
  };
  if (whole) feed(bytes);
  for (std::size_t i = 0; !whole && i < bytes.size(); ++i) feed(ByteView(bytes).subspan(i, 1));
  if (found != Violation::none) {
    const std::vector<Frame> sent = frames(take_output(connection));
    REQUIRE(sent.back().header.type == FrameType::goaway);
    CHECK(sent.back().u32() == 0);
    CHECK(static_cast<ErrorCode>(sent.back().u32(4)) == describe(found).code);
  }
  return found;
}

TEST_CASE("RFC 9113 3.4: every octet of the preface counts, and the first that differs ends the connection") {
  for (std::size_t at = 0; at < kClientPreface.size(); ++at) {
    CAPTURE(at);
    for (unsigned octet = 0; octet < 256; ++octet) {
      CAPTURE(octet);
      Bytes bytes = client_preface() + settings({});
      const bool same = bytes[at] == static_cast<std::byte>(octet);
      bytes[at] = static_cast<std::byte>(octet);
      const Violation found = failure_of(Role::server, bytes, true);
      CHECK((found == Violation::none) == same);
      CHECK(failure_of(Role::server, bytes, false) == found);
      if (!same) CHECK(describe(found).section == "3.4");
    }
  }
}

TEST_CASE("RFC 9113 3.4: the first frame is SETTINGS without ACK, of whichever peer") {
  for (unsigned type = 0; type < 256; ++type) {
    CAPTURE(type);
    for (const std::uint8_t bits : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{0xfe}}) {
      for (const Role role : {Role::server, Role::client}) {
        const Bytes hello = role == Role::server ? client_preface() : Bytes{};
        const Bytes bytes = hello + frame(static_cast<FrameType>(type), bits, 0);
        const bool good = type == 4 && bits != 1;
        for (const bool whole : {true, false}) {
          CHECK(failure_of(role, bytes, whole) == (good ? Violation::none : Violation::first_frame_not_settings));
        }
      }
    }
  }
}

// ---- 6.9: window updates

TEST_CASE("RFC 9113 6.9.1: every increment near a bound, on the connection and on a stream") {
  for (const Role role : {Role::server, Role::client}) {
    for (const std::uint32_t increment : {0U, 1U, 0x7fffffffU - 65536U, 0x7fffffffU - 65535U, 0x7fffffffU - 65534U,
                                          0x7fffffffU, 0x80000000U, 0x80000001U, 0xffffffffU}) {
      CAPTURE(increment);
      const std::uint32_t meant = increment & 0x7fffffff;  // 6.9: one bit is reserved
      const bool overflow = meant > 0x7fffffff - 65535;
      Bytes payload(4);
      for (std::size_t i = 0; i < 4; ++i) payload[i] = static_cast<std::byte>(increment >> (24 - 8 * i));
      Harness connection = open_stream(role);
      connection.feed(frame(FrameType::window_update, 0, 0, payload));
      CHECK(connection.failure() == (meant == 0 ? Violation::window_increment_zero
                                     : overflow ? Violation::window_overflow
                                                : Violation::none));
      if (meant != 0 && !overflow) CHECK(connection.connection().window(kConnection)->send_window == 65535 + meant);
      Harness stream = open_stream(role);
      stream.feed(frame(FrameType::window_update, 0, 1, payload));
      CHECK(outcome(stream, 1) == (meant == 0 ? "stream PROTOCOL_ERROR"
                                   : overflow ? "stream FLOW_CONTROL_ERROR"
                                              : "ignored"));
      if (meant != 0 && !overflow) CHECK(stream.connection().window(StreamId{1})->send_window == 65535 + meant);
      exchange(stream, role, 3);
    }
  }
}

}  // namespace
}  // namespace h2::test
