// Faults from outside, one at a time, over a session that uses everything: memory that runs out, and a transport that
// dies.
#include "harness.h"
#include "session.h"

namespace h2::test {
namespace {

enum class Start : std::uint8_t { prior_knowledge, upgrade };

/// What memory does: its `at`-th call finds none, or all from there on.
struct Shortage {
  Role weak = Role::client;
  bool once = true;
  std::uint64_t at = ~std::uint64_t{0};
};

/// A session over plain connections, each end with memory of its own.
class Theatre {
 public:
  explicit Theatre(const Shortage& shortage = {}, std::size_t most = 100000)
      : client_memory(memory(shortage, Role::client)), server_memory(memory(shortage, Role::server)), most_(most) {}
  ~Theatre() {
    client_.reset();
    server_.reset();
    CHECK(client_memory.live_bytes == 0);
    CHECK(server_memory.live_bytes == 0);
  }
  Theatre(const Theatre&) = delete;
  Theatre& operator=(const Theatre&) = delete;

  void run(Start start = Start::prior_knowledge) {
    if (start == Start::upgrade) upgrade();
    play.run();
    play.client_app.settle();
    play.server_app.settle();
  }

  TestMemory client_memory, server_memory;

 private:
  static TestMemory memory(const Shortage& shortage, Role role) {
    TestMemory made;
    if (role == shortage.weak) made.fail_at = shortage.at;
    made.fail_once = shortage.once;
    return made;
  }
  Connection connection(Config config, TestMemory& memory) const {
    config.allocator = memory.allocator();
    config.copy_bound = static_cast<std::uint32_t>(std::min(most_ / 3, std::size_t{2000}));
    return Connection(config);
  }
  // The server knows the client's SETTINGS by HTTP2-Settings; stream 1 stands for the request that came by HTTP/1.1.
  void upgrade() {
    const Bytes settings = wire("0002 00000001  0004 00004e20");
    const Request request{"GET", "http", "example.org", "/lent", {}, {}};
    const auto asked = play.client_app.call([&] { return client_->begin_upgraded(request, {}); });
    if (asked) play.client_app.opened(*asked);
    const auto heard = play.server_app.call([&] { return server_->begin_upgraded(request, settings); });
    if (heard) play.server_app.upgraded(*heard);
  }

  std::size_t most_;
  std::optional<Connection> client_{connection(ClientPlayer::config(), client_memory)},
      server_{connection(ServerPlayer::config(), server_memory)};

 public:
  Play<Connection> play{*client_, *client_, *server_, *server_, most_};
};

std::size_t count(const News& news, Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(news.streams.begin(), news.streams.end(),
                                                [&](const auto& entry) { return entry.second.verdict == verdict; }));
}

TEST_CASE("a session that uses everything runs to its end") {
  for (const Start start : {Start::prior_knowledge, Start::upgrade}) {
    Theatre theatre;
    theatre.run(start);
    CHECK(theatre.play.ended_in_order);
    const News& asked = theatre.play.client_app.news;
    const News& served = theatre.play.server_app.news;
    CHECK(asked.misuses == 0);
    CHECK(served.misuses == 0);
    CHECK(asked.streams.size() == (start == Start::upgrade ? 66 : 65));
    CHECK(count(asked, Verdict::never_sent) == 3);
    CHECK(count(asked, Verdict::not_processed) == 1);
    CHECK(count(asked, Verdict::maybe_processed) == 3);
    CHECK(count(served, Verdict::maybe_processed) == 4);
    CHECK(asked.pings == 2);
    CHECK(asked.goaways == 2);
    CHECK(asked.frames == 2);
    CHECK(asked.alternatives == 1);
    CHECK(asked.origins == 1);
    CHECK(asked.acknowledged == 2);
    CHECK(asked.writable == 2);
    CHECK(served.writable == 2);
    CHECK(served.priorities == 2);
    CHECK(served.frames == 2);
    CHECK(theatre.client_memory.calls > 40);
    CHECK(theatre.server_memory.calls > 40);
  }
}

// Every promise is kept; and if no connection ended, nothing is missing.
void run_short_of_memory(const Shortage& shortage, Start start, const Theatre& whole, unsigned& lived, unsigned& died) {
  Theatre theatre(shortage);
  theatre.play.piece = whole.play.piece;
  theatre.run(start);
  const auto& [asked, served] = std::pair(theatre.play.client_app.news, theatre.play.server_app.news);
  const News& weak = shortage.weak == Role::client ? asked : served;
  if (weak.failed != 0) {
    CHECK(weak.violation == Violation::out_of_memory);
    ++died;
  } else if (shortage.once) {
    CHECK(asked == whole.play.client_app.news);
    CHECK(served == whole.play.server_app.news);
    CHECK(theatre.play.ended_in_order);
    ++lived;
  }
}

TEST_CASE("whichever allocation fails, each call is refused whole or the connection ends, and all promises are kept") {
  unsigned lived = 0, died = 0;
  struct Course {
    Start start;
    std::size_t piece;
  };
  for (const Course& course :
       {Course{Start::prior_knowledge, 997}, {Start::prior_knowledge, 60}, {Start::upgrade, 997}}) {
    Theatre whole;
    whole.play.piece = course.piece;
    whole.run(course.start);
    for (const bool once : {true, false}) {
      for (const Role weak : {Role::client, Role::server}) {
        const std::uint64_t calls = (weak == Role::client ? whole.client_memory : whole.server_memory).calls;
        for (std::uint64_t at = 0; at < calls; ++at) {
          CAPTURE(once);
          CAPTURE(at);
          CAPTURE(weak == Role::client);
          run_short_of_memory({weak, once, at}, course.start, whole, lived, died);
        }
      }
    }
  }
  CHECK(lived > 20);
  CHECK(died > 20);
}

TEST_CASE("RFC 9113 3.4: without memory for our SETTINGS nothing is said instead") {
  for (const Role role : {Role::client, Role::server}) {
    for (std::uint64_t at = 0; at < 6; ++at) {
      CAPTURE(at);
      TestMemory memory{.fail_at = at, .fail_once = true};
      Connection connection({.role = role, .grease = true, .allocator = memory.allocator()});
      ByteView nothing;
      const auto event = connection.receive(nothing);
      const bool failed = event && std::holds_alternative<ConnectionFailed>(*event);
      CHECK(failed == (memory.calls > at));
      const std::vector<Frame> sent = frames(take_output(connection));
      CHECK((failed || !sent.empty()));
      if (!sent.empty()) CHECK(sent[0].header.type == FrameType::settings);
    }
  }
}

TEST_CASE("wherever the transport dies, every stream ends once with the right verdict, and all memory comes back") {
  constexpr std::size_t kMost = 40;
  Theatre whole({}, kMost);
  whole.run();
  check_verdicts(whole.play.client_app.news, whole.play.server_app.news);
  std::size_t verdicts[4] = {};
  const auto die = [&](Role sender, std::size_t at, Death death) {
    CAPTURE(sender == Role::client);
    CAPTURE(at);
    CAPTURE(death == Death::eof);
    Theatre theatre({}, kMost);
    (sender == Role::client ? theatre.play.client.dies_at : theatre.play.server.dies_at) = at;
    theatre.play.death = death;
    theatre.run();
    check_verdicts(theatre.play.client_app.news, theatre.play.server_app.news);
    for (const auto& [stream, story] : theatre.play.client_app.news.streams)
      ++verdicts[static_cast<std::size_t>(story.verdict)];
  };
  for (const Death death : {Death::eof, Death::error}) {
    for (std::size_t at = 0; at < whole.play.client.arrived; ++at) die(Role::client, at, death);
    for (std::size_t at = 0; at < whole.play.server.arrived; ++at) die(Role::server, at, death);
  }
  for (const std::size_t number : verdicts) CHECK(number > 100);
}

}  // namespace
}  // namespace h2::test
