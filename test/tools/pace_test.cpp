// What counts as too slow.
#include <tools/pace.h>

#include <doctest/doctest.h>

using namespace tools;

namespace {

using namespace std::chrono_literals;

constexpr h2::TimePoint kStart{};

}  // namespace

TEST_CASE("a pace is judged at the end of each interval, from the moment when something first waits") {
  Pace pace(100, 10s);
  CHECK_FALSE(pace.deadline());
  CHECK_FALSE(pace.too_slow(kStart + 3s, true, 1000));
  CHECK(pace.deadline() == kStart + 13s);
  CHECK_FALSE(pace.too_slow(kStart + 12s, true, 1000));
  CHECK_FALSE(pace.too_slow(kStart + 13s, true, 1100));
  CHECK(pace.deadline() == kStart + 23s);
  CHECK(pace.too_slow(kStart + 23s, true, 1199));
}

TEST_CASE("who is not waited for all the time is not slow") {
  Pace pace(100, 10s);
  CHECK_FALSE(pace.too_slow(kStart, true, 0));
  CHECK_FALSE(pace.too_slow(kStart + 9s, false, 0));
  CHECK_FALSE(pace.deadline());
  CHECK_FALSE(pace.too_slow(kStart + 10s, true, 0));
  CHECK_FALSE(pace.too_slow(kStart + 19s, true, 0));
  CHECK(pace.too_slow(kStart + 20s, true, 0));
}

TEST_CASE("an interval of zero asks for nothing") {
  Pace pace(100, {});
  for (int i = 0; i < 3; ++i) CHECK_FALSE(pace.too_slow(kStart + i * 24h, true, 0));
  CHECK_FALSE(pace.deadline());
}
