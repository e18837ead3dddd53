// A server on plain epoll, level-triggered: on each wake-up one read, then writes until the socket is full.
//
//   example-epoll [PORT]     on 127.0.0.1, HTTP/2 without TLS by prior knowledge; port 0, the default, picks one
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "echo_app.h"

namespace {

struct Session : example::Session {
  explicit Session(int accepted) : fd(accepted) {}
  ~Session() { close(fd); }

  int fd;
  bool writing_shut = false;
  std::uint32_t interest = 0;
};

void read_once(Session& session) {
  const ssize_t got = read(session.fd, session.buffer.data(), session.buffer.size());
  if (got >= 0 || (errno != EAGAIN && errno != EINTR)) session.received(got);
}

void write_until_full(Session& session) {
  std::array<h2::ByteView, 16> slices;
  std::array<iovec, 16> vectors;
  while (const std::size_t count = session.connection.poll_output(slices)) {
    std::transform(slices.begin(), slices.begin() + count, vectors.begin(), [](h2::ByteView slice) {
      return iovec{const_cast<std::byte*>(slice.data()), slice.size()};
    });
    const ssize_t sent = writev(session.fd, vectors.data(), static_cast<int>(count));
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return session.connection.transport_lost();
    session.connection.consume_output(static_cast<std::size_t>(sent));
    session.wake();  // lent memory is back, streams may have ended
  }
}

/// One wake-up of a connection. False when it is over.
bool turn(Session& session, int poller, std::uint32_t ready) {
  const bool broken = (ready & (EPOLLERR | EPOLLHUP)) != 0;
  if (session.peer_done && broken) session.connection.transport_lost();
  if (session.wants_input() && ((ready & EPOLLIN) || broken)) read_once(session);
  session.wake();
  write_until_full(session);
  session.wake();

  const h2::TransportWish wish = session.connection.transport_wish();
  if (wish == h2::TransportWish::close) return false;
  if (wish == h2::TransportWish::shut_down_write && !std::exchange(session.writing_shut, true)) {
    shutdown(session.fd, SHUT_WR);
  }
  const bool drained = !session.connection.has_output();
  const std::uint32_t interest = (session.wants_input() ? EPOLLIN : 0U) | (drained ? 0U : EPOLLOUT);
  if (interest != session.interest) {
    epoll_event event{.events = session.interest = interest, .data = {.fd = session.fd}};
    epoll_ctl(poller, EPOLL_CTL_MOD, session.fd, &event);
  }
  return true;
}

void watch(int poller, int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

int listen_on(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, SOMAXCONN) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  example::announce(ntohs(address.sin_port));
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);

  std::unordered_map<int, std::unique_ptr<Session>> sessions;
  const int on = 1, poller = epoll_create1(0), stopper = signalfd(-1, &stop, 0);
  int listener = listen_on(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
  watch(poller, listener, EPOLLIN);
  watch(poller, stopper, EPOLLIN);

  while (listener >= 0 || !sessions.empty()) {
    // A server of many connections keeps their deadlines in a heap; one pass over them is enough here.
    int wait = -1;
    for (const auto& [fd, session] : sessions) {
      if (const int due = session->wait_ms(); due >= 0 && (wait < 0 || due < wait)) wait = due;
    }
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(poller, events.data(), static_cast<int>(events.size()), wait);
    bool stopping = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == stopper) {
        stopping = true;
        close(stopper);
      } else if (event.data.fd == listener) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a WINDOW_UPDATE must not wait for the peer's ACK
        watch(poller, fd, 0);
        turn(*(sessions[fd] = std::make_unique<Session>(fd)), poller, 0);  // our SETTINGS go first
      } else if (!turn(*sessions.at(event.data.fd), poller, event.events)) {
        sessions.erase(event.data.fd);
      }
    }
    if (stopping) {
      close(std::exchange(listener, -1));
      for (auto& [fd, session] : sessions) session->connection.shutdown(h2::Shutdown::graceful, example::kDrain);
    }
    std::erase_if(sessions, [&](auto& entry) {
      return (stopping || entry.second->wait_ms() == 0) && !turn(*entry.second, poller, 0);
    });
  }
}
