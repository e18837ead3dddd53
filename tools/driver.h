// One socket and one protocol engine: reads into the engine, hands its events to an application, writes its slices.
// Written once, for an Engine is a tlsglue::SecureConnection, a Cleartext or an UpgradingClient.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <tlsglue/secure_connection.h>
#include <tools/event_loop.h>
#include <tools/pace.h>

namespace tools {

/// Written at most for a connection before others have their turn, and at once: a hundred responses of a kilobyte. It
/// is less than what the kernel queues (see keep_kernel_queue_short), so that a socket that can be written to takes all
/// of it, and seven whole records of TLS 1.3. A megabyte cost the kernel 1.6 to 2 times as long for each: what is under
/// way then leaves the processor's cache.
inline constexpr std::size_t kBytesPerWake = 7 * (tlsglue::kRecordBytes + 22);

/// What happens above the engine.
class Application {
 public:
  virtual ~Application() = default;
  /// False while it has no room for events; the driver then stops reading.
  virtual bool ready() const { return true; }
  virtual void on_event(const tlsglue::Event& event) = 0;
  /// The same for one of HTTP/2's.
  virtual void on_http2_event(const h2::Event& event) = 0;
  /// No event waits any more: say what is to be said. Also called after output was taken.
  virtual void after_events() {}
  virtual void advance_time(h2::TimePoint) {}
  virtual std::optional<h2::TimePoint> deadline() const { return std::nullopt; }
};

/// A driver whatever its engine.
class AnyDriver : public Watcher {
 public:
  virtual Application& application() = 0;
  /// Goes on after calls to the engine that came from elsewhere than its events.
  virtual void poke() = 0;
  /// Ends the connection now, whatever is open.
  virtual void cut() = 0;
};

template <class Engine>
class Driver final : public AnyDriver {
 public:
  using OnEnd = std::function<void(AnyDriver&)>;

  /// `on_end` is the last call of the driver's life: it passes the driver to EventLoop::retire(). A peer that takes
  /// output more slowly than `output_pace` is cut, whatever is being said: a handshake, HTTP/1.1, a last word.
  Driver(EventLoop& loop, Fd socket, Engine engine, OnEnd on_end, const Pace& output_pace = {0, {}})
      : loop_(loop),
        socket_(std::move(socket)),
        engine_(std::move(engine)),
        on_end_(std::move(on_end)),
        output_pace_(output_pace) {}

  Engine& engine() { return engine_; }
  Application& application() override { return *application_; }

  void start(std::unique_ptr<Application> application) {
    application_ = std::move(application);
    interest_ = EPOLLIN;
    loop_.add(socket_.get(), interest_, *this);
    poke();
  }

  void poke() override {
    advance_time();
    progress();
  }

  void cut() override {
    lose();
    deliver({});
    end();
  }

  void on_ready(std::uint32_t events) override {
    advance_time();
    if ((events & EPOLLOUT) != 0) blocked_ = false;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
    if ((events & EPOLLERR) != 0 || (events & (EPOLLHUP | EPOLLIN)) == EPOLLHUP) hung_up_ = true;
    progress();
  }

  void on_time() override { poke(); }

 private:
  // Bounds for one wake-up, so that one fast peer does not keep the others of its loop waiting.
  static constexpr int kReadsPerWake = 8;
  // How long the peer may go on sending after our FIN, before what it still has in flight is answered by a reset.
  static constexpr auto kLinger = std::chrono::seconds(2);

  void advance_time() {
    engine_.advance_time(loop_.now());
    application_->advance_time(loop_.now());
  }

  void read() {
    for (int i = 0; i < kReadsPerWake && wants_input(); ++i) {
      // Less than there was room for was all; of what comes meanwhile epoll tells.
      if (read_once() < loop_.scratch().size()) return;
    }
  }

  /// How many bytes came.
  std::size_t read_once() {
    const std::span<std::byte> room = loop_.scratch();
    ssize_t got = 0;
    do {
      got = ::recv(socket_.get(), room.data(), room.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
      deliver(room.first(static_cast<std::size_t>(got)));
      return static_cast<std::size_t>(got);
    }
    if (got == 0) {
      eof_ = true;
      engine_.receive_eof();
    } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
      lose();
    }
    return 0;
  }

  bool wants_input() const { return !eof_ && !lost_ && leftover_.empty() && application_->ready(); }

  /// Both directions are gone.
  void lose() {
    lost_ = true;
    leftover_.clear();
    engine_.transport_lost();
  }

  /// Hands out all events. Input that the engine or the application cannot take now is kept; nothing is read then.
  void deliver(h2::ByteView input) {
    if (!deliver_http2(input)) {
      while (application_->ready() || lost_) {
        const std::optional<tlsglue::Event> event = engine_.receive(input);
        if (!event) break;
        application_->on_event(*event);
      }
    }
    if (!lost_) leftover_.assign(input.begin(), input.end());
    application_->after_events();
  }

  /// Where nothing stands between the socket and HTTP/2 any more, events need not be copied into those of the engine:
  /// 250 instructions for a request. False where something does.
  bool deliver_http2(h2::ByteView& input) {
    if constexpr (requires { engine_.bare_http2(); }) {
      h2::Connection* const http2 = engine_.bare_http2();
      if (http2 == nullptr || !application_->ready()) return false;
      while (const std::optional<h2::Event> event = http2->receive(input)) application_->on_http2_event(*event);
      return true;
    }
    return false;
  }

  void deliver_leftover() {
    const std::vector<std::byte> input = std::exchange(leftover_, {});
    deliver(input);
  }

  void progress() {
    std::size_t budget = kBytesPerWake;
    do {
      deliver_leftover();
    } while (write(budget));  // what was taken may have freed something
    settle();
  }

  /// True when the engine may have new events.
  bool write(std::size_t& budget) {
    if (lost_ || blocked_ || budget == 0 || fin_sent_) return false;
    const std::span<h2::ByteView, EventLoop::kSlices> slices = loop_.slices();
    const std::size_t count = engine_.poll_output(slices, budget);
    if (count == 0) return false;
    std::array<iovec, slices.size()> parts;
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = {const_cast<std::byte*>(slices[i].data()), slices[i].size()};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      engine_.consume_output(static_cast<std::size_t>(sent));
      sent_ += static_cast<std::uint64_t>(sent);
      budget -= std::min(budget, static_cast<std::size_t>(sent));
      if (budget < tlsglue::kRecordBytes) budget = 0;  // the next frames are not cut for it: that doubled the writes
      return true;
    }
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      blocked_ = true;
      return false;
    }
    // The peer is gone, but what it said before is still to be read, such as the reason in its GOAWAY.
    while (wants_input() && read_once() != 0) continue;
    lose();
    return true;
  }

  void settle() {
    if (ended_) return;
    const h2::TransportWish wish = engine_.transport_wish();
    const bool drained = !engine_.has_output();
    if (wish == h2::TransportWish::close && !drained) return cut();  // it waited long enough for what is left
    if (lost_ || wish == h2::TransportWish::close || (fin_sent_ && (eof_ || hung_up_)) ||
        (fin_sent_ && loop_.now() >= *linger_until_)) {
      return end();
    }
    if (hung_up_ && !wants_input()) return cut();  // nobody is there to write to either
    // Whatever is left waits for the socket; if it waits for our own turn only, then a write has just moved enough.
    if (output_pace_.too_slow(loop_.now(), !drained, sent_)) return cut();
    if (drained && wish == h2::TransportWish::shut_down_write && !fin_sent_) {
      ::shutdown(socket_.get(), SHUT_WR);
      fin_sent_ = true;
      linger_until_ = loop_.now() + kLinger;
      if (eof_) return end();
    }
    arm(drained);
  }

  void arm(bool drained) {
    const std::uint32_t interest =
        (wants_input() ? std::uint32_t{EPOLLIN} : 0U) | (drained || fin_sent_ ? 0U : std::uint32_t{EPOLLOUT});
    if (interest != interest_) {
      interest_ = interest;
      loop_.change(socket_.get(), interest_, *this);
    }
    for (const auto& when : {engine_.deadline(), application_->deadline(), linger_until_, output_pace_.deadline()}) {
      if (when) loop_.wake_at(*this, *when);
    }
  }

  void end() {
    ended_ = true;
    loop_.remove(socket_.get());
    socket_.reset();
    on_end_(*this);
  }

  EventLoop& loop_;
  Fd socket_;
  Engine engine_;
  std::unique_ptr<Application> application_;
  OnEnd on_end_;
  Pace output_pace_;
  std::uint64_t sent_ = 0;
  std::uint32_t interest_ = 0;
  std::vector<std::byte> leftover_;
  std::optional<h2::TimePoint> linger_until_;
  bool eof_ = false, lost_ = false, blocked_ = false, fin_sent_ = false, hung_up_ = false, ended_ = false;
};

}  // namespace tools
