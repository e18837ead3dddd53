// What the conformance tests share: a connection of either role in the middle of an exchange, and what a peer's bytes
// came to, in words. Each of their names ends with the rows of test/conformance/*.rules that it proves.
#pragma once

#include <string>
#include <utility>

#include "harness.h"

namespace h2::test {

inline constexpr Role kRoles[] = {Role::client, Role::server};

inline std::string text_of(Role role) { return role == Role::client ? "client" : "server"; }

/// A connection with stream 1 open: a client's request whose response has begun, or a request that a server has got.
inline Harness exchange_of(Role role, Options options = {}) {
  Harness harness(role, std::move(options));
  if (role == Role::server) {
    harness.feed(headers(1, post()));
  } else {
    REQUIRE(harness.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
    harness.feed(headers(1, status("200")));
  }
  REQUIRE_FALSE(harness.failed());
  harness.events();
  harness.sent();
  return harness;
}

/// The same, with our message head sent: what follows may be DATA in both directions.
inline Harness upload_of(Role role, Options options = {}) {
  Harness harness = exchange_of(role, std::move(options));
  if (role == Role::server) {
    REQUIRE(harness.call([](Connection& c) { return c.send_response(StreamId{1}, 200, {}, EndStream::no); }));
  }
  harness.events();
  harness.sent();
  return harness;
}

inline Options accepting_push() {
  Options options;
  options.config.settings.enable_push = 1;
  return options;
}

/// A client that takes pushes and has asked for something on stream 1.
inline Harness push_client(Options options = accepting_push()) {
  Harness client(Role::client, std::move(options));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  client.events();
  client.sent();
  return client;
}

/// "goes on", "stream 1 CODE" or "connection CODE", CODE as it stands in the RST_STREAM or GOAWAY that was sent.
inline std::string answer(Harness& harness) {
  const std::vector<Frame> sent = harness.sent_frames();
  if (harness.failed()) {
    REQUIRE_FALSE(sent.empty());
    REQUIRE(sent.back().header.type == FrameType::goaway);
    for (const Frame& each : sent) {  // one error; an orderly GOAWAY may stand before it
      if (each.header.type == FrameType::goaway && each != sent.back()) CHECK(each.u32(4) == 0);
    }
    return "connection " + std::string(name(static_cast<ErrorCode>(sent.back().u32(4))));
  }
  for (const Frame& each : sent) {
    if (each.header.type != FrameType::rst_stream) continue;
    return "stream " + std::to_string(each.header.stream.value) + ' ' +
           std::string(name(static_cast<ErrorCode>(each.u32())));
  }
  harness.feed(ping(0x5ca1ab1e));
  CHECK(count(harness.sent_frames(), FrameType::ping) == 1);
  return "goes on";
}

/// What `bytes` come to on a connection with stream 1 open.
inline std::string answer(Role role, const Bytes& bytes, Options options = {}) {
  Harness harness = exchange_of(role, std::move(options));
  harness.feed(bytes);
  return answer(harness);
}

/// A block that puts x: yz into the table, behind fields that need none.
inline Bytes block_with_entry(const OwnedFields& fields = {}) { return block(fields) + wire("40 01 'x' 02 'yz'"); }
/// A block that takes it from there.
inline Bytes block_of_entry(const OwnedFields& fields = {}) { return block(fields) + wire("be"); }

}  // namespace h2::test
