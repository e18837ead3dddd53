// A client on poll(2): fetches a page and uploads a megabyte to the echo beside it, both on one connection.
//
//   example-client ADDRESS:PORT     HTTP/2 without TLS by prior knowledge; exits 0 if all came back as it should
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>

#include <h2core/connection.h>

namespace {

/// One request and what has come back; the connection hands its address back in every event of the stream.
struct Exchange {
  std::string_view method, path, upload;
  int status = 0;
  std::string answer{};
  bool done = false;
};

void start(h2::Connection& connection, std::string_view authority, Exchange& exchange) {
  const h2::Request request{exchange.method, "http", authority, exchange.path, {}, {}};
  const bool bodiless = exchange.upload.empty();
  const auto stream = connection.send_request(request, bodiless ? h2::EndStream::yes : h2::EndStream::no, &exchange);
  if (!stream) {
    const std::string_view reason = h2::describe(stream.error());
    std::fprintf(stderr, "request: %.*s\n", static_cast<int>(reason.size()), reason.data());
    exchange.done = true;
  } else if (!bodiless) {
    // Lent, not copied: `upload` outlives the connection, so nobody waits for the DataSent that gives it back.
    std::ignore = connection.send_data(*stream, std::as_bytes(std::span(exchange.upload)), {}, h2::EndStream::yes);
  }
}

struct OnEvent {
  h2::Connection& connection;

  void operator()(const h2::ResponseReceived& head) { of(head).status = head.status; }
  void operator()(const h2::DataReceived& piece) {
    of(piece).answer.append(reinterpret_cast<const char*>(piece.data.data()), piece.data.size());
    connection.consume(piece.stream, piece.data.size());
  }
  void operator()(const h2::StreamClosed& closed) { of(closed).done = true; }
  void operator()(const h2::ConnectionFailed& failed) {
    std::fprintf(stderr, "connection: %.*s\n", static_cast<int>(failed.sentence.size()), failed.sentence.data());
  }
  template <class Other>
  void operator()(const Other&) {}

  template <class StreamEvent>
  static Exchange& of(const StreamEvent& event) {
    return *static_cast<Exchange*>(event.user);
  }
};

int connect_to(const char* address, int port) {
  const int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
      connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof peer) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// Waits for the socket or the connection's deadline, then reads once into `buffer` and writes once.
void turn(int fd, h2::Connection& connection, std::span<std::byte> buffer, h2::ByteView& unread) {
  int wait = -1;
  if (const auto due = connection.deadline()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
    wait = std::max(static_cast<int>(left.count()), 0);
  }
  pollfd ready{.fd = fd,
               .events = static_cast<short>((unread.empty() ? POLLIN : 0) | (connection.has_output() ? POLLOUT : 0)),
               .revents = 0};
  poll(&ready, 1, wait);
  connection.advance_time(std::chrono::steady_clock::now());
  if (unread.empty() && (ready.revents & (POLLIN | POLLHUP | POLLERR))) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) unread = buffer.first(static_cast<std::size_t>(got));
    if (got == 0) connection.receive_eof();
    if (got < 0 && errno != EAGAIN && errno != EINTR) connection.transport_lost();
  }
  std::array<h2::ByteView, 16> slices;
  std::array<iovec, 16> vectors;
  if (const std::size_t count = ready.revents & POLLOUT ? connection.poll_output(slices) : 0) {
    std::transform(slices.begin(), slices.begin() + count, vectors.begin(), [](h2::ByteView slice) {
      return iovec{const_cast<std::byte*>(slice.data()), slice.size()};
    });
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) connection.consume_output(static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) connection.transport_lost();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string authority = argc == 2 ? argv[1] : "";
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string::npos) {
    std::fprintf(stderr, "usage: example-client ADDRESS:PORT\n");
    return 2;
  }
  std::string megabyte(1 << 20, '\0');
  for (std::size_t i = 0; i < megabyte.size(); ++i) megabyte[i] = static_cast<char>(i * i >> 7);
  std::array<Exchange, 2> exchanges{{{"GET", "/", {}}, {"POST", "/echo", megabyte}}};

  const int fd = connect_to(authority.substr(0, colon).c_str(), std::atoi(authority.c_str() + colon + 1));
  h2::Connection connection({.role = h2::Role::client, .keepalive_interval = std::chrono::seconds(10)});
  for (Exchange& exchange : exchanges) start(connection, authority, exchange);

  std::array<std::byte, 65536> buffer;
  h2::ByteView unread;
  bool leaving = false, writing_shut = false;
  for (auto wish = h2::TransportWish::open; wish != h2::TransportWish::close; wish = connection.transport_wish()) {
    if (wish == h2::TransportWish::shut_down_write && !std::exchange(writing_shut, true)) shutdown(fd, SHUT_WR);
    turn(fd, connection, buffer, unread);
    while (const auto event = connection.receive(unread)) std::visit(OnEvent{connection}, *event);
    const bool all_done = std::all_of(exchanges.begin(), exchanges.end(), [](const Exchange& e) { return e.done; });
    if (all_done && !std::exchange(leaving, true)) connection.shutdown(h2::Shutdown::immediate);
  }
  close(fd);

  bool good = true;
  for (const Exchange& e : exchanges) {
    std::printf("%s %s: %d, %zu bytes\n", e.method.data(), e.path.data(), e.status, e.answer.size());
    good = good && e.status == 200 && (e.upload.empty() || e.answer == e.upload);
  }
  return good ? 0 : 1;
}
