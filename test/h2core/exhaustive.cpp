#include "exhaustive.h"

namespace h2::test {

Bytes remembered() { return wire("40 01 'x' 02 'yz'"); }
Bytes recalled() { return wire("be"); }

namespace {

constexpr const char* kWords[] = {  // in the order of `Kind`
    "request",   "informational", "response", "push",           "data",   "trailers", "reset",         "closed",
    "data sent", "writable",      "settings", "settings acked", "pong",   "goaway",   "unknown frame", "idle",
    "work low",  "finished",      "failed",   "priority",       "altsvc", "origin"};

std::string said(const Seen& seen, std::uint32_t stream) {
  std::string word = kWords[static_cast<std::size_t>(seen.kind)];
  if (seen.stream.value != stream && seen.kind != Kind::settings) word += ' ' + std::to_string(seen.stream.value);
  if (seen.kind == Kind::stream_reset) word += ' ' + std::string(name(seen.code));
  if (seen.end == EndStream::yes) word += " end";
  return word;
}

std::string sent(const Frame& frame, std::uint32_t stream) {
  std::string word = "sent " + std::string(name(frame.header.type));
  if (frame.header.has(flags::ack) && frame.header.stream == kConnection) word += " ACK";
  if (frame.header.stream.value != stream) word += ' ' + std::to_string(frame.header.stream.value);
  if (frame.header.type == FrameType::rst_stream) {
    word += ' ' + std::string(name(static_cast<ErrorCode>(frame.u32())));
  }
  return word;
}

std::string connection_error(const Seen& failed, const std::vector<Frame>& frames) {
  REQUIRE_FALSE(frames.empty());
  const Frame& last = frames.back();
  REQUIRE(last.header.type == FrameType::goaway);
  CHECK(static_cast<ErrorCode>(last.u32(4)) == failed.code);
  return "connection " + std::string(name(failed.code)) + ", last " + std::to_string(last.u32());
}

std::string stream_error(const Frame& reset, const std::vector<Seen>& events, const std::vector<Frame>& frames) {
  CHECK(frames.size() == 1);
  const auto code = static_cast<ErrorCode>(reset.u32());
  const std::string word = "stream " + std::string(name(code));
  if (events.empty()) return word + ", untold";
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == Kind::stream_reset);
  CHECK(events[0].violation != Violation::none);
  CHECK(events[1].kind == Kind::stream_closed);
  for (const Seen& seen : events) {
    CHECK(seen.stream == reset.header.stream);
    CHECK(seen.code == code);
  }
  return word;
}

}  // namespace

std::string outcome(Harness& harness, std::uint32_t stream) {
  const std::vector<Seen> events = harness.events();
  const std::vector<Frame> frames = harness.sent_frames();
  for (const Seen& seen : events) {
    if (seen.kind == Kind::failed) return connection_error(seen, frames);
  }
  if (const auto reset = find(frames, FrameType::rst_stream, stream)) return stream_error(*reset, events, frames);
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : ", ") + word; };
  for (const Seen& seen : events) add(said(seen, stream));
  for (const Frame& frame : frames) add(sent(frame, stream));
  return words.empty() ? "ignored" : words;
}

namespace {

void serve(Harness& server, std::uint32_t stream, const Bytes& head, const OwnedFields& fields) {
  server.feed(frame(FrameType::headers, flags::end_headers | kEnd, stream, block(get()) + head));
  const auto request = server.last(Kind::request, stream);
  REQUIRE(request);
  CHECK(request->fields == fields);
  REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{stream}, 200, {}, EndStream::yes); }));
  CHECK(find(server.sent_frames(), FrameType::headers, stream));
}

void ask(Harness& client, const Bytes& head, const OwnedFields& fields) {
  const auto stream = client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); });
  REQUIRE(stream);
  REQUIRE(find(client.sent_frames(), FrameType::headers, stream->value));
  client.feed(frame(FrameType::headers, flags::end_headers | kEnd, stream->value, block(status("200")) + head));
  const auto response = client.last(Kind::response, stream->value);
  REQUIRE(response);
  CHECK(response->fields == fields);
}

}  // namespace

void exchange(Harness& harness, Role role, std::uint32_t stream, const Bytes& head, const OwnedFields& fields) {
  REQUIRE_FALSE(harness.failed());
  if (role == Role::server) {
    serve(harness, stream, head, fields);
  } else {
    ask(harness, head, fields);
  }
  harness.events();
}

void check_connection_window(Harness& harness, std::uint32_t announced) {
  const auto view = harness.connection().window(kConnection);
  REQUIRE(view);
  CHECK(view->recv_window + static_cast<std::int64_t>(view->unconsumed + view->owed) == announced);
}

std::vector<std::uint8_t> subsets(std::initializer_list<std::uint8_t> bits) {
  std::vector<std::uint8_t> sums{0};
  for (const std::uint8_t bit : bits) {
    for (std::size_t i = 0, n = sums.size(); i < n; ++i) sums.push_back(static_cast<std::uint8_t>(sums[i] | bit));
  }
  return sums;
}

}  // namespace h2::test
