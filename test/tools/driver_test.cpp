// What only the driver sees: a socket that takes nothing, on a clock of which each look is an hour later.
#include <tools/driver.h>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <tools/cleartext.h>
#include <tools/served.h>

using namespace tools;

namespace {

using namespace std::chrono_literals;

int looks = 0;
h2::TimePoint an_hour_later() { return h2::TimePoint{} + 1h * ++looks; }

/// How the loop ended that serves a client which asks by HTTP/1.1 for more than a socket holds and reads nothing.
bool is_cut(const Pace& output_pace) {
  looks = 0;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Fd client(ends[0]);
  constexpr std::string_view request = "GET /bytes/100000000 HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(::write(client.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size()));

  EventLoop loop(an_hour_later);
  struct Patience final : Watcher {  // of the test's
    explicit Patience(EventLoop& its) : loop(its) {}
    void on_ready(std::uint32_t) override {}
    void on_time() override { looks < 100 ? loop.wake_at(*this, loop.now() + 1h) : loop.stop(); }
    EventLoop& loop;
  } patience(loop);
  loop.wake_at(patience, loop.now());

  Site site;
  const Log log(LogLevel::none);
  const h2::Config config{.preface_timeout = {}};
  bool ended = false;
  Driver<Cleartext> driver(
      loop, Fd(ends[1]), Cleartext(config),
      [&](AnyDriver&) {
        ended = true;
        loop.stop();
      },
      output_pace);
  const Deadlines none{.header = 0, .content = 0, .idle = 0};
  driver.start(std::make_unique<Served<Cleartext>>(driver.engine(), site, ConnectionLog(log, 1, "test", loop.now()),
                                                   "h2c", loop.now(), H2cUpgrade::no, Foresight{}, none));
  loop.run();
  return ended;
}

}  // namespace

TEST_CASE("a client that takes no output is cut, in HTTP/1.1 too") {
  const Deadlines deadlines;
  CHECK(is_cut(pace(deadlines, deadlines.output)));
  CHECK_FALSE(is_cut(pace(deadlines, 0)));
}
