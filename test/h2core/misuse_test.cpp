// The caller's own mistakes: named, and without any trace on the wire or in the state.
#include <array>

#include "harness.h"

namespace h2::test {
namespace {

constexpr StreamId one{1}, three{3}, nine{9};

// All that can be seen of a connection from outside.
std::string look(Connection& c) {
  std::string all;
  for (const std::uint32_t id : {0U, 1U, 3U}) {
    if (const auto view = c.window(StreamId{id})) {
      for (const std::int64_t value :
           {view->send_window, view->recv_window, static_cast<std::int64_t>(view->unconsumed),
            static_cast<std::int64_t>(view->owed), static_cast<std::int64_t>(view->queued)}) {
        all += std::to_string(value) + ' ';
      }
    }
    all += "| ";
  }
  const Counters& n = c.counters();
  for (const std::uint32_t count : n.work) all += std::to_string(count) + ' ';
  for (const std::uint64_t value :
       {n.frames_received, n.frames_sent, n.streams_opened, n.streams_refused, n.streams_reset_by_us, n.data_bytes_sent,
        static_cast<std::uint64_t>(c.open_streams())}) {
    all += std::to_string(value) + ' ';
  }
  all += c.deadline() ? std::to_string(c.deadline()->time_since_epoch().count()) : "no deadline";
  return all;
}

struct Slip {
  std::string what;
  Misuse expected;
  std::function<Misuse(Connection&)> call;
};

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}

void check(Harness& harness, const std::vector<Slip>& slips) {
  harness.events();
  harness.sent();
  for (const Slip& slip : slips) {
    CAPTURE(slip.what);
    const std::string before = look(harness.connection());
    Misuse said = Misuse::none;
    harness.run([&](Connection& c) { said = slip.call(c); });
    CHECK(said == slip.expected);
    CHECK(harness.sent().empty());
    CHECK(text_of(harness.events()) == "");
    CHECK(look(harness.connection()) == before);
  }
}

const Field kBad[] = {{"Upper", "x"}};
const Setting kForbidden[] = {{SettingId::max_frame_size, 20000}, {SettingId::max_frame_size, 1}};
const std::byte kContent[3] = {};

TEST_CASE("a server's misuse changes nothing") {
  Harness server(Role::server);
  server.feed(headers(1, post()) + data(1, "abc") + headers(3, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.send_response(three, 200, {}, EndStream::no); }));
  check(
      server,
      {
          {"request", Misuse::wrong_role, [](Connection& c) { return error_of(c.send_request(kGet, EndStream::yes)); }},
          {"response to nobody", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.send_response(nine, 200, {}, EndStream::yes)); }},
          {"second response", Misuse::wrong_state,
           [](Connection& c) { return error_of(c.send_response(three, 200, {}, EndStream::yes)); }},
          {"1xx after the response", Misuse::wrong_state,
           [](Connection& c) { return error_of(c.send_informational(three, 103, {})); }},
          {"bad fields", Misuse::malformed_fields,
           [](Connection& c) { return error_of(c.send_response(one, 200, kBad, EndStream::yes)); }},
          {"bad trailers", Misuse::malformed_fields,
           [](Connection& c) { return error_of(c.send_trailers(three, kBad)); }},
          {"content before the response", Misuse::wrong_state,
           [](Connection& c) { return error_of(c.send_data(one, kContent, Token{1}, EndStream::yes)); }},
          {"copied content before the response", Misuse::wrong_state,
           [](Connection& c) { return error_of(c.send_copy(one, kContent, EndStream::yes)); }},
          {"content on no stream", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.send_data(nine, kContent, Token{1}, EndStream::yes)); }},
          {"content on the connection", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.send_data(kConnection, kContent, Token{1}, EndStream::yes)); }},
          {"reset of nothing", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.reset(nine, ErrorCode::cancel)); }},
          {"reset of the connection", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.reset(kConnection, ErrorCode::cancel)); }},
          {"push of a POST", Misuse::malformed_fields, [](Connection& c) { return error_of(c.push(one, kPost)); }},
          {"half a SETTINGS", Misuse::bad_setting, [](Connection& c) { return error_of(c.send_settings(kForbidden)); }},
          {"a window over 2^31-1", Misuse::bad_setting,
           [](Connection& c) { return error_of(c.set_window(one, 0x80000000)); }},
          {"a window of no stream", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.set_window(nine, 100000)); }},
          {"a value for no stream", Misuse::unknown_stream,
           [](Connection& c) { return error_of(c.set_user(nine, nullptr)); }},
      });
  // And then all goes on.
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
  REQUIRE(server.call([](Connection& c) { return c.send_data(three, kContent, Token{7}, EndStream::yes); }));
  CHECK(server.last(Kind::data_sent)->token == Token{7});
}

TEST_CASE("a client's misuse changes nothing") {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
  check(client,
        {
            {"response", Misuse::wrong_role,
             [](Connection& c) { return error_of(c.send_response(one, 200, {}, EndStream::yes)); }},
            {"1xx", Misuse::wrong_role, [](Connection& c) { return error_of(c.send_informational(one, 103, {})); }},
            {"push", Misuse::wrong_role, [](Connection& c) { return error_of(c.push(one, kGet)); }},
            {"content behind the end", Misuse::already_ended,
             [](Connection& c) { return error_of(c.send_data(three, kContent, Token{1}, EndStream::no)); }},
            {"copied content behind the end", Misuse::already_ended,
             [](Connection& c) { return error_of(c.send_copy(three, kContent, EndStream::no)); }},
            {"trailers behind the end", Misuse::already_ended,
             [](Connection& c) { return error_of(c.send_trailers(three, {})); }},
            {"no method", Misuse::malformed_fields,
             [](Connection& c) {
               return error_of(c.send_request({{}, "https", "a", "/", {}, {}}, EndStream::yes));
             }},
            {"bad fields", Misuse::malformed_fields,
             [](Connection& c) {
               return error_of(c.send_request({"GET", "https", "a", "/", kBad, {}}, EndStream::yes));
             }},
        });
}

TEST_CASE("after the end every call says that the connection is over") {
  Harness client(Role::client);
  REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
  client.feed(window_update(0, 0));
  REQUIRE(client.failed());
  check(client, {
                    {"request", Misuse::connection_over,
                     [](Connection& c) { return error_of(c.send_request(kGet, EndStream::yes)); }},
                    {"content", Misuse::stream_gone,
                     [](Connection& c) {
                       const Misuse misuse = error_of(c.send_data(one, kContent, Token{1}, EndStream::yes));
                       return misuse == Misuse::connection_over ? Misuse::stream_gone : misuse;  // both are true
                     }},
                    {"PING", Misuse::connection_over, [](Connection& c) { return error_of(c.ping(Token{1})); }},
                    {"SETTINGS", Misuse::connection_over, [](Connection& c) { return error_of(c.send_settings({})); }},
                    {"window", Misuse::connection_over,
                     [](Connection& c) { return error_of(c.set_window(kConnection, 100000)); }},
                    {"nothing to hasten", Misuse::none,
                     [](Connection& c) {
                       c.shutdown(Shutdown::immediate);
                       c.consume(one, 1);
                       return Misuse::none;
                     }},
                });
}

TEST_CASE("consuming more output than was polled takes what was polled") {
  Config config;
  config.role = Role::client;
  Connection client(config);
  std::array<ByteView, 4> slices;
  REQUIRE(client.poll_output(slices) > 0);
  client.consume_output(1 << 30);
  CHECK_FALSE(client.has_output());
  REQUIRE(client.send_request(kGet, EndStream::yes));
  CHECK(find(frames(take_output(client)), FrameType::headers, 1));
}

}  // namespace
}  // namespace h2::test
