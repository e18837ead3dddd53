// Honest peers at their worst: what browsers, gRPC, proxies and phones do on purpose or in haste. None of them is cut,
// and none is warned, at a quarter of the default budget; so whoever has no luck on top stays far from the edge.
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "attack.h"

#ifndef H2CORE_STORIES
#define H2CORE_STORIES ""
#endif

namespace h2::test {
namespace {

// A warning comes at half, so who gets none has used less than an eighth of the default.
Config quarter() {
  Config config;
  config.work_budget /= 4;
  return config;
}

void check_untouched(Victim& peer) {
  CHECK_FALSE(peer.is_over());
  CHECK_FALSE(peer.warning);
  if (peer.warning) MESSAGE(describe(peer.warning->cause));
}

// Requests come in batches of as many as may be open, and the user is gone before they are answered; or, of every other
// batch, while the answers cross the cancels on their way.
TEST_CASE("a browser that cancels pages of 200 requests at once, page after page") {
  Victim server(Role::server, quarter());
  std::uint32_t next = 0;
  for (int page = 0; page < 20; ++page) {
    for (int batch = 0; batch < 2; ++batch) {
      if (batch == 1) server.application = answer_at_once;
      Bytes asks, cancels;
      for (int i = 0; i < 100; ++i, ++next) {
        asks = std::move(asks) + raw_headers(nth_stream(next), shortest_get(), kEnd);
        cancels = std::move(cancels) + rst(nth_stream(next), ErrorCode::cancel);
      }
      server.feed(asks);
      server.feed(cancels);
      server.application = nullptr;
    }
    server.pass(1s);
  }
  CHECK(server.requests == 4000);
  CHECK(server.work(Work::stream_refused) == 0);
  check_untouched(server);
}

// Messages of 25 octets, each in a frame of its own, 10,000 a second each way. The client says WINDOW_UPDATE for each
// of ours on both windows, and measures its bandwidth by a PING for each round trip of a millisecond.
TEST_CASE("a stream of gRPC with 10,000 small messages a second, both ways, for minutes") {
  Victim server(Role::server, quarter());
  static const Bytes message(25);
  std::uint64_t got = 0, answered = 0;
  std::array<ByteView, 64> slices;
  server.application = [&](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
      got += piece->data.size();
      c.consume(piece->stream, piece->data.size());
      answered += *c.send_copy(piece->stream, message, EndStream::no);
      c.poll_output(slices);  // each in a frame of its own
    }
  };
  server.feed(raw_headers(1, shortest_post()));
  const Bytes round = repeat(data(1, std::string(25, 'm')) + window_update(1, 25) + window_update(0, 25), 10) + ping(1);
  constexpr std::uint64_t kMessages = 120000 * kLong;
  for (std::uint64_t i = 0; i < kMessages; i += 10) {
    server.feed(round);
    server.pass(1ms);
  }
  CHECK(server.connection().counters().frames_sent >= kMessages);
  CHECK(got == kMessages * 25);
  CHECK(answered == got);
  check_untouched(server);
}

// Users of gRPC, from a grid of machines: calls that end before they began, and RST_STREAM after the end of each.
TEST_CASE("calls that are ended by RST_STREAM when they are over, 5,000 a second") {
  Victim server(Role::server, quarter());
  server.application = answer_at_once;
  std::uint32_t next = 0;
  for (int ms = 0; ms < 2000 * kLong; ++ms) {
    for (int i = 0; i < 5; ++i, ++next) {
      server.feed(raw_headers(nth_stream(next), shortest_get(), kEnd));
      server.feed(rst(nth_stream(next), ErrorCode::cancel));  // END_STREAM went both ways already
    }
    server.pass(1ms);
  }
  check_untouched(server);
}

TEST_CASE("uploads that are answered before their end, and so cancelled, 5,000 a second") {
  Victim server(Role::server, quarter());
  server.application = answer_at_once;
  std::uint32_t next = 0;
  for (int ms = 0; ms < 2000 * kLong; ++ms) {
    for (int i = 0; i < 5; ++i, ++next) {
      server.feed(raw_headers(nth_stream(next), shortest_post()));
      server.feed(rst(nth_stream(next), ErrorCode::no_error));  // our answer was whole
    }
    server.pass(1ms);
  }
  check_untouched(server);
}

TEST_CASE("a server that answers each upload early and resets it, or refuses it, 5,000 a second") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    Victim client(Role::client, quarter(), {{SettingId::max_concurrent_streams, 1000}});
    std::uint64_t closed = 0;
    client.application = [&](Connection&, const Event& event) {
      closed += std::holds_alternative<StreamClosed>(event);
    };
    for (int ms = 0; ms < 2000 * kLong; ++ms) {
      for (int i = 0; i < 5; ++i) {
        const auto stream = client.connection().send_request(kPost, EndStream::no);
        if (!stream) break;
        if (answers)
          client.feed(raw_headers(stream->value, wire("8d"), kEnd) + rst(stream->value, ErrorCode::no_error));
        else client.feed(rst(stream->value, ErrorCode::refused_stream));
      }
      client.pass(1ms);
    }
    CHECK(closed == std::uint64_t{10000} * kLong);
    check_untouched(client);
  }
}

// Go's client gives 4 KiB back at a time, on both windows, if its user reads in such pieces: eight WINDOW_UPDATEs for a
// frame of 16 KiB.
TEST_CASE("a download at a gigabit by a reader of 4 KiB at a time") {
  static const Bytes page(1 << 20);
  Victim server(Role::server, quarter(), {{SettingId::initial_window_size, 4 << 20}});
  server.feed(window_update(0, (1 << 30) - 65535));
  server.application = [](Connection& c, const Event& event) {
    const auto* request = std::get_if<RequestReceived>(&event);
    const auto* sent = std::get_if<DataSent>(&event);
    if (request != nullptr) REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
    if (request != nullptr || sent != nullptr)
      REQUIRE(c.send_data(request != nullptr ? request->stream : sent->stream, page, Token{1}, EndStream::no));
  };
  server.feed(raw_headers(1, shortest_get(), kEnd));
  Connection& connection = server.connection();
  std::array<ByteView, 16> slices;
  std::uint64_t read = 0;
  server.takes_output = false;
  for (int ms = 0; ms < 100 * kLong; ++ms) {
    for (std::size_t room = 125000; room > 0;) {
      std::size_t taken = 0;
      for (const ByteView& slice : std::span(slices).first(connection.poll_output(slices, room))) taken += slice.size();
      taken = std::min(taken, room);
      if (taken == 0) break;
      connection.consume_output(taken);
      room -= taken;
    }
    const std::uint64_t sent = connection.counters().data_bytes_sent;
    for (; read + 4096 <= sent; read += 4096) server.feed(window_update(1, 4096) + window_update(0, 4096));
    server.pass(1ms);
  }
  CHECK(read >= std::uint64_t{100} * kLong * 115000);
  check_untouched(server);
}

// Each of its clients has one request under way: most are pages, some uploads, some downloads of 20 kB; one in twenty
// goes away before the answer, and the proxy passes that on.
TEST_CASE("a proxy that carries 100 clients, 2,000 requests a second") {
  static const Bytes page(20000);
  const std::string form(1000, 'f');
  Victim server(Role::server, quarter());
  server.application = [](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      if (request->stream.value % 40 == 1) return;  // takes its time
      const bool short_answer = request->stream.value % 20 != 3;
      REQUIRE(c.send_response(request->stream, 200, {}, short_answer ? EndStream::yes : EndStream::no));
      if (!short_answer) REQUIRE(c.send_data(request->stream, page, Token{1}, EndStream::yes));
    } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
      c.consume(piece->stream, piece->data.size());
    }
  };
  std::uint32_t next = 0;
  for (int tick = 0; tick < 100 * kLong; ++tick) {  // of 50 ms
    Bytes cancels, credit = window_update(0, 200000);
    for (std::uint32_t client = 0; client < 100; ++client, ++next) {
      const std::uint32_t stream = nth_stream(next);
      const bool upload = next % 7 == 0;
      server.feed(raw_headers(stream, upload ? shortest_post() : shortest_get(), upload ? 0 : kEnd));
      if (upload) server.feed(data(stream, form, kEnd));
      if (stream % 40 == 1) cancels = std::move(cancels) + rst(stream, ErrorCode::cancel);
    }
    server.feed(credit + cancels);
    server.pass(50ms);
  }
  CHECK(server.requests == next);
  CHECK(server.work(Work::stream_refused) == 0);
  check_untouched(server);
}

// Chrome keeps 180 cookies for a site, Firefox 150. Their crumbs come as fields of their own, some of which change.
TEST_CASE("a site that has set all cookies that a browser keeps for it") {
  Victim server(Role::server, quarter());
  std::size_t cookie_octets = 0;
  server.application = [&](Connection& c, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      for (const Field& field : request->fields)
        if (field.name == "cookie") cookie_octets = field.value.size();
      answer_at_once(c, event);
    }
  };
  OwnedFields fields = get();
  for (int i = 0; i < 40; ++i) fields.push_back({"x-field-" + std::to_string(i), std::string(60, 'v')});
  for (int i = 0; i < 180; ++i)
    fields.push_back({"cookie", "name_of_" + std::to_string(1000 + i) + "=" + std::string(220, 'c')});
  for (std::uint32_t i = 0; i < 200; ++i) {
    fields[100].value = "session=" + std::to_string(i);
    const Bytes whole = block(fields);
    Bytes request;  // about 45 kB: a frame and its CONTINUATIONs
    for (std::size_t at = 0; at < whole.size(); at += 16384) {
      const std::size_t end = std::min(whole.size(), at + 16384);
      const auto from = whole.begin() + static_cast<std::ptrdiff_t>(at),
                 to = whole.begin() + static_cast<std::ptrdiff_t>(end);
      const unsigned flags = (at == 0 ? kEnd : 0U) | (end == whole.size() ? flags::end_headers : 0U);
      request = std::move(request) + frame(at == 0 ? FrameType::headers : FrameType::continuation,
                                           static_cast<std::uint8_t>(flags), nth_stream(i), {from, to});
    }
    server.feed(request);
  }
  CHECK(server.requests == 200);
  CHECK(cookie_octets > 40000);
  CHECK(server.work(Work::large_section) == 0);
  check_untouched(server);
}

// In the stories they still have fields of an HTTP/1.1 connection, and their cookies in one piece; of the only upload
// the content is missing.
OwnedFields request_of(const nlohmann::json& story_fields) {
  OwnedFields fields;
  for (const auto& each : story_fields) {
    const std::string name = each.begin().key();
    std::string rest = each.begin().value().get<std::string>();
    if (name == "connection" || name == "content-length") continue;
    for (std::size_t end = 0; name == "cookie" && (end = rest.find("; ")) != std::string::npos; rest.erase(0, end + 2))
      fields.push_back({name, rest.substr(0, end)});
    fields.push_back({name, rest});
  }
  return fields;
}

// Each story on a connection of its own, its cookies in crumbs.
TEST_CASE("the requests of real pages, one after the other") {
  const std::filesystem::path folder = std::filesystem::path(H2CORE_STORIES) / "raw-data";
  std::error_code missing;
  if (std::string_view(H2CORE_STORIES).empty() || !std::filesystem::is_directory(folder, missing)) {
    MESSAGE("skipped: no stories");
    return;
  }
  std::uint64_t asked = 0, heard = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream in(file.path());
    const nlohmann::json story = nlohmann::json::parse(in);
    if (!story["cases"][0]["headers"][0].contains(":method")) continue;
    Victim server(Role::server, quarter());
    server.application = answer_at_once;
    std::uint32_t stream = 1;
    for (const auto& each : story["cases"]) {
      server.feed(headers(stream, request_of(each["headers"]), kEnd));
      stream += 2;
      ++asked;
    }
    heard += server.requests;
    check_untouched(server);
  }
  CHECK(asked > 300);
  CHECK(heard == asked);
}

TEST_CASE("a million requests on one connection, as fast as they go, and none of them leaves anything behind") {
  Victim server(Role::server, quarter());
  server.application = answer_at_once;
  std::uint32_t next = 0;
  const auto batch = [&] {
    Bytes bytes;
    for (int i = 0; i < 100; ++i) bytes = std::move(bytes) + raw_headers(nth_stream(next++), shortest_get(), kEnd);
    return bytes;
  };
  server.feed(batch());
  const std::uint64_t live = server.live_bytes(), calls = server.allocations();
  const std::uint32_t all = 100000 * kLong;
  while (next < all) server.feed(batch());
  CHECK(server.requests == all);
  CHECK(server.live_bytes() == live);
  CHECK(server.allocations() == calls);
  check_untouched(server);
}

TEST_CASE("a client that pings every second, for a day") {
  Victim server(Role::server, quarter());
  for (int second = 0; second < 24 * 3600; ++second) {
    server.feed(ping(static_cast<std::uint64_t>(second)));
    server.pass(1s);
  }
  CHECK(server.work(Work::ping) == 24 * 3600);
  check_untouched(server);
}

// 5 kB a second, read in pieces as they come, and each of them given back at once.
TEST_CASE("a phone on a slow network whose windows open by a few octets at a time") {
  for (const std::uint32_t piece : {1U, 10U, 100U, 1400U}) {
    CAPTURE(piece);
    static const Bytes page(1 << 20);
    Victim server(Role::server, quarter());
    server.application = [](Connection& c, const Event& event) {
      const auto* request = std::get_if<RequestReceived>(&event);
      if (request == nullptr) return;
      REQUIRE(c.send_response(request->stream, 200, {}, EndStream::no));
      REQUIRE(c.send_data(request->stream, page, Token{1}, EndStream::yes));
    };
    server.feed(raw_headers(1, shortest_get(), kEnd));
    const std::uint32_t updates = std::min(200U, std::max(1U, 5000 / piece));  // a second; each on both windows
    for (int second = 0; second < 100; ++second) {
      for (std::uint32_t i = 0; i < updates; ++i) {
        server.feed(window_update(1, piece) + window_update(0, piece));
        server.pass(1000000us / updates);
      }
    }
    CHECK(server.connection().counters().data_bytes_sent >= 65535 + std::uint64_t{90} * updates * piece);
    check_untouched(server);
  }
}

// A server that has seen enough says so; the client hears of it a round trip later, and has filled a window of 16 MiB
// with frames of 1 kB until then.
TEST_CASE("what was on its way on an upload that we reset, however large the window") {
  Config config = quarter();
  config.settings.initial_window_size = 16 << 20;
  config.connection_window = 32 << 20;
  Victim server(Role::server, config);
  server.feed(raw_headers(1, shortest_post()));
  REQUIRE(server.connection().reset(StreamId{1}, ErrorCode::cancel));
  const Bytes upload = repeat(data(1, std::string(1024, 'u')), 128);
  for (int i = 0; i < 128; ++i) server.feed(upload);
  check_untouched(server);
}

// Our caller is behind, so its client's new uploads are refused, which that hears of a round trip later.
TEST_CASE("what was on its way on uploads that we refused, in frames of a kilobyte") {
  Victim server(Role::server, quarter());
  for (std::uint32_t i = 0; i < 100; ++i) {
    server.feed(raw_headers(nth_stream(i), shortest_post()) + data(nth_stream(i), "x", kEnd));
    REQUIRE(server.connection().send_response(StreamId{nth_stream(i)}, 204, {}, EndStream::yes));
  }
  server.feed({});
  const std::string kilobyte(1024, 'u');
  for (std::uint32_t i = 100; i < 200; ++i)
    server.feed(raw_headers(nth_stream(i), shortest_post()) + repeat(data(nth_stream(i), kilobyte), 60));
  CHECK(server.connection().counters().streams_refused == 100);
  check_untouched(server);
}

}  // namespace
}  // namespace h2::test
