// One thread's epoll loop: descriptors that became ready, times that came, work that other threads posted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <h2core/types.h>
#include <tools/fd.h>

namespace tools {

/// Something that the loop wakes up. It is called on the loop's thread only.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// `events` are those of epoll.
  virtual void on_ready(std::uint32_t events) = 0;
  /// The time given to `wake_at` came, or an earlier one that was replaced: look at the clock and say it again.
  virtual void on_time() {}

 private:
  friend class EventLoop;
  h2::TimePoint wake_ = h2::TimePoint::max();
  bool retired_ = false;
};

class EventLoop {
 public:
  using Clock = h2::TimePoint (*)();

  /// The clock is another one in tests only; it may not stand still while a timer waits.
  explicit EventLoop(Clock clock = std::chrono::steady_clock::now);

  void add(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events, Watcher& watcher);
  void remove(int fd);

  /// Calls `on_time` at `when` at the latest. A later `when` than before changes nothing: moving a timer on every
  /// packet costs more than one early wake-up.
  void wake_at(Watcher& watcher, h2::TimePoint when);
  /// Takes a watcher whose descriptor is closed; it is destroyed once no event of this round can name it.
  void retire(std::unique_ptr<Watcher> watcher);

  /// Runs `work` on the loop's thread, soon. The one call that any thread may make.
  void post(std::function<void()> work);

  void run();
  void stop() { running_ = false; }

  /// The clock as it was when this round began.
  h2::TimePoint now() const { return now_; }
  /// After work that took long: `now` is now.
  void look_at_the_clock() { now_ = clock_(); }
  /// Room for one read, shared by all watchers of this thread; what must stay is copied out of it.
  std::span<std::byte> scratch() { return scratch_; }
  /// The same for the pieces of one write. (On the stack they would be cleared for each: 8 KB.)
  static constexpr std::size_t kSlices = 512;
  std::span<h2::ByteView, kSlices> slices() { return slices_; }

 private:
  int timeout_ms() const;
  void fire_timers();
  void run_posted();
  void forget_timer(Watcher& watcher);

  Fd epoll_, wake_;
  Clock clock_;
  bool running_ = true;
  h2::TimePoint now_;
  std::set<std::pair<h2::TimePoint, Watcher*>> timers_;
  std::vector<std::unique_ptr<Watcher>> retired_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::array<std::byte, std::size_t{64} * 1024> scratch_;
  std::array<h2::ByteView, kSlices> slices_;
};

}  // namespace tools
