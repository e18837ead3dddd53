// What only the driver sees: a socket that takes nothing, on a clock of which each look is an hour later.
#include <tools/driver.h>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <functional>
#include <string>

#include <tools/cleartext.h>
#include <tools/served.h>

using namespace tools;

namespace {

using namespace std::chrono_literals;

int looks = 0;
h2::TimePoint an_hour_later() { return h2::TimePoint{} + 1h * ++looks; }

/// A client in memory whose octets a test writes; it reads nothing.
std::string asks_by_http1() { return "GET /bytes/100000000 HTTP/1.1\r\nHost: a\r\n\r\n"; }
std::string asks_by_http2() {
  h2::Connection client(
      {.role = h2::Role::client, .settings = {.initial_window_size = 1 << 30}, .connection_window = 1 << 30});
  REQUIRE(client.send_request({"GET", "http", "a", "/bytes/100000000"}, h2::EndStream::yes));
  std::string octets;
  h2::ByteView slices[16];
  const std::size_t count = client.poll_output(slices);
  for (const h2::ByteView slice : std::span(slices).first(count))
    octets.append(reinterpret_cast<const char*>(slice.data()), slice.size());
  return octets;
}

/// Whether the loop ends that serves a client which asks for more than a socket holds and reads nothing. After a day of
/// that, `then` is called.
bool is_cut(
    const std::string& request, const Pace& output_pace,
    const std::function<void(Driver<Cleartext>&)>& then = [](auto&) {}) {
  looks = 0;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Fd client(ends[0]);
  REQUIRE(::write(client.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size()));

  EventLoop loop(an_hour_later);
  Site site;
  const Log log(LogLevel::none);
  const h2::Config config{.preface_timeout = {}, .settings_timeout = {}};
  bool ended = false;
  Driver<Cleartext> driver(
      loop, Fd(ends[1]), Cleartext(config),
      [&](AnyDriver&) {
        ended = true;
        loop.stop();
      },
      output_pace);

  struct Test final : Watcher {
    Test(EventLoop& its, std::function<void()> called) : loop(its), then(std::move(called)) {}
    void on_ready(std::uint32_t) override {}
    void on_time() override {
      if (looks > 24 && then) std::exchange(then, nullptr)();
      looks < 100 ? loop.wake_at(*this, loop.now() + 1h) : loop.stop();
    }
    EventLoop& loop;
    std::function<void()> then;
  } test(loop, [&] { then(driver); });
  loop.wake_at(test, loop.now());

  const Deadlines none{.header = 0, .content = 0, .window = 0, .idle = 0};
  driver.start(std::make_unique<Served<Cleartext>>(driver.engine(), site, ConnectionLog(log, 1, "test", loop.now()),
                                                   "h2c", loop.now(), H2cUpgrade::no, Foresight{}, none));
  loop.run();
  return ended;
}

}  // namespace

TEST_CASE("a client that takes no output is cut, in HTTP/1.1 too") {
  const Deadlines deadlines;
  for (const std::string& request : {asks_by_http1(), asks_by_http2()}) {
    CHECK(is_cut(request, pace(deadlines, deadlines.output)));
    CHECK_FALSE(is_cut(request, pace(deadlines, 0)));
  }
}

TEST_CASE("a connection that has ended is closed though its peer takes nothing of what is left") {
  const auto ends = [](Driver<Cleartext>& driver) {
    driver.engine().http2().shutdown(h2::Shutdown::immediate);
    driver.poke();
  };
  CHECK(is_cut(asks_by_http2(), pace({}, 0), ends));
}
