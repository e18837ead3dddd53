#include <tools/event_loop.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <limits>

namespace tools {
namespace {

int checked(int result, const char* call) {
  if (result < 0) throw Failure(Exit::connect, std::string(call) + ": " + error_text());
  return result;
}

}  // namespace

EventLoop::EventLoop(Clock clock)
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      clock_(clock),
      now_(clock()) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // no watcher: the eventfd
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "epoll_ctl");
}

void EventLoop::add(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void EventLoop::change(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "epoll_ctl");
}

void EventLoop::remove(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::wake_at(Watcher& watcher, h2::TimePoint when) {
  if (watcher.retired_ || watcher.wake_ <= when) return;
  forget_timer(watcher);
  watcher.wake_ = when;
  timers_.emplace(when, &watcher);
}

void EventLoop::forget_timer(Watcher& watcher) {
  if (watcher.wake_ == h2::TimePoint::max()) return;
  timers_.erase({watcher.wake_, &watcher});
  watcher.wake_ = h2::TimePoint::max();
}

void EventLoop::retire(std::unique_ptr<Watcher> watcher) {
  forget_timer(*watcher);
  watcher->retired_ = true;
  retired_.push_back(std::move(watcher));
}

void EventLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
  }
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake already.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::run() {
  std::array<epoll_event, 64> events;
  while (running_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms());
    if (count < 0 && errno != EINTR) throw Failure(Exit::connect, "epoll_wait: " + error_text());
    look_at_the_clock();
    for (int i = 0; i < count && running_; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto* watcher = static_cast<Watcher*>(event.data.ptr);
      if (watcher == nullptr) {
        run_posted();
      } else if (!watcher->retired_) {
        watcher->on_ready(event.events);
      }
    }
    fire_timers();
    retired_.clear();
  }
}

int EventLoop::timeout_ms() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - clock_();
  if (left <= h2::Duration{0}) return 0;
  // Rounded up, for a wake-up before the time would find nothing to do.
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

void EventLoop::fire_timers() {
  while (running_ && !timers_.empty() && timers_.begin()->first <= now_) {
    Watcher* watcher = timers_.begin()->second;
    forget_timer(*watcher);
    watcher->on_time();
  }
}

void EventLoop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

}  // namespace tools
