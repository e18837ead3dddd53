#include <tools/listener.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <tools/socket.h>

namespace tools {
namespace {

// A bound for one wake-up: the connections that are there already want their turn too.
constexpr int kAcceptsPerWake = 64;
// When descriptors or memory are out, waiting connections stay in the kernel's queue for so long.
constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

Listener::Listener(EventLoop& loop, int socket, const Log& log, OnAccept on_accept)
    : loop_(loop), socket_(socket), log_(log), on_accept_(std::move(on_accept)) {
  watch();
}

void Listener::watch() {
  loop_.add(socket_, EPOLLIN | EPOLLEXCLUSIVE, *this);  // one loop is woken for a connection, not all
  watching_ = true;
}

void Listener::stop() {
  if (watching_) loop_.remove(socket_);
  watching_ = false;
  stopped_ = true;
}

void Listener::on_ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerWake && !stopped_; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto* const address = reinterpret_cast<sockaddr*>(&from);
    Fd socket(::accept4(socket_, address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      send_without_delay(socket.get());
      keep_kernel_queue_short(socket.get());
      on_accept_(std::move(socket), address_text(*address));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log_.error("cannot accept connections for a moment: " + error_text());
      loop_.remove(socket_);
      watching_ = false;
      loop_.wake_at(*this, loop_.now() + kPause);
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    }
    // Anything else is a connection that died in the queue.
  }
}

void Listener::on_time() {
  if (!watching_ && !stopped_) watch();
}

}  // namespace tools
