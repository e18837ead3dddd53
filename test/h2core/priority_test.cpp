// RFC 9218: what clients say about the order of responses, and the order in which content leaves.
#include "harness.h"

#include <h2core/detail/turns.h>
#include <h2core/priority.h>

namespace h2::test {
namespace {

const Allocator kHeap;

/// The streams of all DATA frames in `sent`, in order.
std::vector<std::uint32_t> data_order(const std::vector<Frame>& sent) {
  std::vector<std::uint32_t> order;
  for (const Frame& each : sent) {
    if (each.header.type == FrameType::data) order.push_back(each.header.stream.value);
  }
  return order;
}

Bytes priority_update(std::uint32_t stream, std::string_view value) {
  return frame(FrameType::priority_update, 0, 0, wire("000000") + Bytes{std::byte(stream)} + bytes_of(value));
}

const std::string kContent(std::size_t{20} * 16384, 'x');

/// Streams 1, 3, 5 ... with their records for Turns.
struct Senders {
  std::vector<detail::Stream> streams;
  std::vector<detail::Sending> records;
  explicit Senders(std::uint32_t count) : streams(count), records(count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      streams[i].id = StreamId{2 * i + 1};
      records[i].stream = &streams[i];
    }
  }
};

/// A server that has answered these requests with 20 frames of content each, none of it polled.
struct Queue {
  Harness server{Role::server, {.peer_settings = {{SettingId::initial_window_size, 1 << 24}}}};
  explicit Queue(const std::vector<std::pair<std::uint32_t, std::string>>& requests) {
    server.feed(window_update(0, 1 << 24));
    server.take = false;
    for (const auto& [stream, priority] : requests) {
      const OwnedFields field = priority.empty() ? OwnedFields{} : OwnedFields{{"priority", priority}};
      server.feed(headers(stream, get(field), kEnd));
    }
    for (const auto& [stream, priority] : requests) {
      server.run([id = StreamId{stream}](Connection& c) {
        REQUIRE(c.send_response(id, 200, {}, EndStream::no));
        REQUIRE(c.send_data(id, bytes_view(kContent), Token{id.value}, EndStream::yes));
      });
    }
    server.sent();
    server.take = true;
  }
  static ByteView bytes_view(const std::string& text) { return std::as_bytes(std::span(text)); }
  std::vector<std::uint32_t> order() {
    server.run([](Connection&) {});
    return data_order(server.sent_frames());
  }
};

std::uint32_t below(std::mt19937& random, std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); }

std::size_t last_of(const std::vector<std::uint32_t>& order, std::uint32_t stream) {
  std::size_t last = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] == stream) last = i;
  }
  return last;
}

TEST_CASE("RFC 9218 4: a Priority value is read as a Dictionary, and what it does not say stays [9218-4b]") {
  const auto read = [](std::string_view value) { return read_priority(value, Priority{5, false}); };
  CHECK(read("") == Priority{5, false});
  CHECK(read("u=0") == Priority{0, false});
  CHECK(read("u=7, i") == Priority{7, true});
  CHECK(read("i, u=1") == Priority{1, true});
  CHECK(read("i=?0") == Priority{5, false});
  CHECK(read("i=?1,u=2") == Priority{2, true});
  CHECK(read("  u=2 \t,\t i  ") == Priority{2, true});
  CHECK(read("u=1, u=6") == Priority{6, false});  // the last one counts (RFC 8941 3.2)
  CHECK(read("u=3;a;b=4;c=\"x;y\", i;d=?0") == Priority{3, true});
  // Unknown members of every type are walked over.
  CHECK(read("a=1.5, b=\"q\\\"\\\\,u=1\", c=tok/en:*, d=:YWJj:, e=(1 \"2\" three;p=4);q, f=-12, *x=?1, u=4") ==
        Priority{4, false});
  // Out of range, or of another type.
  for (const char* ignored : {"u=8", "u=-1", "u=3.0", "u=\"1\"", "u=?1", "u", "u=(1)", "u=a", "i=1", "i=yes", "i=()"}) {
    CAPTURE(ignored);
    CHECK(read(ignored) == Priority{5, false});
  }
}

TEST_CASE("RFC 8941 4.2: what is no Dictionary is ignored as a whole") {
  for (const char* broken : {"u=1,",
                             ",u=1",
                             "u=1 i",
                             "u=",
                             "U=1",
                             "=1",
                             "u=1;",
                             "u=\"a",
                             "u=\"\\a\"",
                             "u=:YQ",
                             "u=?2",
                             "u=?",
                             "u=(1",
                             "u=(1,2)",
                             "u=1.",
                             "u=1.2345",
                             "u=1234567890123456",
                             "u=1234567890123.1",
                             "u=-",
                             "u=1;A",
                             "i;=1",
                             "u=1; =2",
                             "u=\x80",
                             "u=\"\x7f\""}) {
    CAPTURE(broken);
    CHECK_FALSE(read_priority(broken));
  }
}

TEST_CASE("RFC 9218 4: what is written says the same when it is read") {
  for (std::uint8_t urgency = 0; urgency < 8; ++urgency) {
    for (const bool incremental : {false, true}) {
      char text[kPriorityText];
      const std::size_t size = write_priority({urgency, incremental}, text);
      CHECK(read_priority({text, size}) == Priority{urgency, incremental});
    }
  }
}

TEST_CASE("RFC 9218 10: higher urgency first, and an eighth for the patient") {
  Queue queue({{1, "u=7"}, {3, "u=5"}, {5, "u=0"}});
  const auto order = queue.order();
  REQUIRE(order.size() >= 60);
  CHECK(last_of(order, 5) < last_of(order, 3));
  CHECK(last_of(order, 3) < last_of(order, 1));
  CHECK(std::count(order.begin(), order.begin() + 20, 5U) >= 17);
  CHECK(std::count(order.begin(), order.begin() + 20, 5U) < 20);
}

TEST_CASE("RFC 9218 10: responses of one urgency go whole, in the order of their ids [9218-10a]") {
  Queue queue({{1, ""}, {3, ""}, {5, "u=3"}});
  const auto order = queue.order();
  REQUIRE(order.size() >= 60);
  CHECK(last_of(order, 1) < 26);
  CHECK(last_of(order, 1) < last_of(order, 3));
  CHECK(last_of(order, 3) < last_of(order, 5));
}

TEST_CASE("RFC 9218 10: incremental responses of one urgency share [9218-10b]") {
  Queue queue({{1, "i"}, {3, "i"}, {5, "i"}});
  const auto order = queue.order();
  REQUIRE(order.size() >= 60);
  for (std::size_t i = 0; i + 3 <= order.size(); i += 3) {
    CAPTURE(i);
    const auto own = std::count(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i + 3), 3U);
    CHECK(std::abs(own - static_cast<std::ptrdiff_t>(i / 3 + 1)) <= 1);
  }
}

TEST_CASE("RFC 9218 10: an endless whole response and incremental ones of its urgency share") {
  Queue queue({{1, ""}, {3, "i"}});
  const auto order = queue.order();
  const auto early = std::count(order.begin(), order.begin() + 20, 3U);
  CHECK(early >= 8);
  CHECK(early <= 12);
}

TEST_CASE("RFC 9218 10: nobody starves, whatever the priorities") {
  // Streams that are always ready, and turns taken as the engine takes them.
  std::mt19937 random(9218);
  for (int round = 0; round < 20; ++round) {
    detail::Turns turns(kHeap);
    REQUIRE(turns.prepare());
    const std::uint32_t count = 2 + below(random, 40);
    std::vector<std::size_t> last(count, 0);
    Senders senders(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      senders.streams[i].urgency = below(random, 8) & 7U;
      senders.streams[i].incremental = below(random, 2) == 0;
      turns.add(senders.records[i]);
    }
    std::size_t longest = 0;
    for (std::size_t frame = 1; frame <= 50000; ++frame) {
      const detail::Sending& next = *turns.next();
      turns.served(next);
      const std::size_t i = (next.stream->id.value - 1) / 2;
      longest = std::max(longest, frame - last[i]);
      last[i] = frame;
    }
    for (const std::size_t at : last) longest = std::max(longest, 50000 - at);
    CAPTURE(count);
    CHECK(longest <= std::size_t{8} * 16 * count);
    for (detail::Sending& each : senders.records) turns.remove(each);
    CHECK(turns.empty());
  }
}

TEST_CASE("turns stay whole under any adds and removes") {
  std::mt19937 random(31);
  detail::Turns turns(kHeap);
  REQUIRE(turns.prepare());
  Senders senders(60);
  std::size_t ready = 0;
  for (int step = 0; step < 20000; ++step) {
    detail::Sending& one = senders.records[random() % senders.records.size()];
    if (one.stream->ready) {
      turns.remove(one);
      --ready;
    } else {
      one.stream->urgency = below(random, 3) & 7U;
      one.stream->incremental = below(random, 2) == 0;
      turns.add(one);
      ++ready;
    }
    REQUIRE(turns.empty() == (ready == 0));
    if (ready == 0) continue;
    const detail::Sending& next = *turns.next();
    REQUIRE(+next.stream->ready);
    turns.served(next);
    REQUIRE(+next.stream->ready);
  }
}

TEST_CASE("RFC 9218 7.1: PRIORITY_UPDATE moves an open stream, and its caller hears of it") {
  Queue queue({{1, ""}, {3, "u=6"}});
  queue.server.take = false;
  queue.server.feed(priority_update(3, "u=1, i"));
  const auto told = queue.server.last(Kind::priority, 3);
  REQUIRE(told);
  CHECK(told->priority == Priority{1, true});
  CHECK(queue.server.connection().priority(StreamId{3}) == Priority{1, true});
  queue.server.take = true;
  const auto order = queue.order();
  CHECK(last_of(order, 3) < last_of(order, 1));
}

TEST_CASE("RFC 9218 7: PRIORITY_UPDATE for an idle stream holds when it opens, above its field [9218-7a]") {
  Harness server(Role::server);
  server.feed(priority_update(3, "u=2") + priority_update(3, "u=1") + priority_update(1, "u=0"));
  CHECK(server.all(Kind::priority).empty());
  server.feed(headers(3, get({{"priority", "u=6, i"}}), kEnd) +
              headers(5, get({{"priority", "u=6"}, {"priority", "i"}}), kEnd));
  CHECK(server.last(Kind::request, 3)->priority == Priority{1, false});
  CHECK(server.last(Kind::request, 5)->priority == Priority{6, true});
}

TEST_CASE("RFC 9218 7.1: a broken value, a closed stream or one that never was: nothing happens") {
  Harness server(Role::server);
  server.feed(headers(5, get(), kEnd) + priority_update(5, "u=1,") + priority_update(3, "u=1"));
  CHECK(server.all(Kind::priority).empty());
  CHECK(server.connection().priority(StreamId{5}) == Priority{});
  server.feed(rst(5, ErrorCode::cancel) + priority_update(5, "u=1"));
  CHECK(server.all(Kind::priority).empty());
  CHECK_FALSE(server.failed());
}

TEST_CASE("a server's own choice stands above its client's") {
  Harness server(Role::server);
  server.feed(headers(1, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.set_priority(StreamId{1}, {6, true}); }));
  server.feed(priority_update(1, "u=0"));
  CHECK(server.last(Kind::priority, 1)->priority == Priority{0, false});  // told all the same
  CHECK(server.connection().priority(StreamId{1}) == Priority{6, true});
  CHECK(server.sent().empty());  // servers send no PRIORITY_UPDATE
  CHECK(server.connection().set_priority(StreamId{1}, {8, false}).error() == Misuse::bad_setting);
  CHECK(server.connection().set_priority(StreamId{9}, {}).error() == Misuse::unknown_stream);
}

TEST_CASE("RFC 9218 2.1.1: a client tells its server by PRIORITY_UPDATE, unless that said it does not listen") {
  for (const bool listens : {true, false}) {
    CAPTURE(listens);
    std::vector<Setting> theirs;
    if (listens) theirs.push_back({SettingId::no_rfc7540_priorities, 1});
    Harness client(Role::client, {.peer_settings = theirs});
    client.run([](Connection& c) { REQUIRE(c.send_request(kGet, EndStream::yes)); });
    client.sent();
    REQUIRE(client.call([](Connection& c) { return c.set_priority(StreamId{1}, {1, true}); }));
    const Bytes expected = priority_update(1, "u=1, i");
    CHECK(client.sent() == (listens ? expected : Bytes{}));
    client.feed(headers(1, status("200"), kEnd));
    CHECK(client.connection().set_priority(StreamId{1}, {}).error() == Misuse::stream_gone);
  }
}

TEST_CASE("RFC 9218 7.1: about a request that waits, PRIORITY_UPDATE follows its head [9218-7.1d]") {
  Harness client(Role::client,
                 {.peer_settings = {{SettingId::max_concurrent_streams, 1}, {SettingId::no_rfc7540_priorities, 1}}});
  client.run([](Connection& c) {
    REQUIRE(c.send_request(kGet, EndStream::yes));
    REQUIRE(c.send_request(kGet, EndStream::yes));
    REQUIRE(c.set_priority(StreamId{3}, {0, false}));
  });
  client.sent();
  client.feed(headers(1, status("200"), kEnd));
  const auto sent = client.sent_frames();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.type == FrameType::headers);
  CHECK(sent[1] == frames(priority_update(3, "u=0"))[0]);
}

TEST_CASE("RFC 9218 9: a client's uploads follow the priorities of its own requests") {
  Harness client(Role::client, {.peer_settings = {{SettingId::initial_window_size, 1 << 24}}});
  client.feed(window_update(0, 1 << 24));
  client.take = false;
  const Field low[] = {{"priority", "u=7"}};
  Request request = kPost;
  request.fields = low;
  client.run([&](Connection& c) {
    REQUIRE(c.send_request(request, EndStream::no));
    REQUIRE(c.send_request(kPost, EndStream::no));
    REQUIRE(c.send_data(StreamId{1}, Queue::bytes_view(kContent), Token{1}, EndStream::yes));
    REQUIRE(c.send_data(StreamId{3}, Queue::bytes_view(kContent), Token{3}, EndStream::yes));
  });
  client.take = true;
  client.run([](Connection&) {});
  const auto order = data_order(client.sent_frames());
  CHECK(last_of(order, 3) < last_of(order, 1));
}

TEST_CASE("RFC 9218 2.1: SETTINGS_NO_RFC7540_PRIORITIES does not change after the first SETTINGS [9218-2.1d]") {
  Harness server(Role::server);
  const auto change = [](std::uint32_t value) {
    return [value](Connection& c) {
      const Setting entry{SettingId::no_rfc7540_priorities, value};
      return c.send_settings({&entry, 1});
    };
  };
  CHECK(server.call(change(0)).error() == Misuse::bad_setting);
  CHECK(server.sent().empty());
  CHECK(server.call(change(1)));
}

}  // namespace
}  // namespace h2::test
