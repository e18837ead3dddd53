#include <tools/socket.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace tools {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    throw Failure(Exit::connect,
                  "cannot resolve " + host + ": " + (error == EAI_SYSTEM ? error_text() : ::gai_strerror(error)));
  }
  return Addresses(found);
}

Fd open_socket(const addrinfo& address) {
  return Fd(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
}

std::uint16_t port_of(const sockaddr& address) {
  return ntohs(address.sa_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

/// Null if `fd` is connected in time, or the reason.
std::string wait_connected(int fd, std::chrono::steady_clock::time_point until) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd entry{fd, POLLOUT, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return error_text();
    if (ready == 0) return "timed out";
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? std::string{} : error_text(error);
  }
}

}  // namespace

std::string url_host(const std::string& host) { return host.find(':') == std::string::npos ? host : '[' + host + ']'; }

std::string address_text(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return url_host(text) + ':' + std::to_string(port_of(address));
}

ListeningSocket listen_on(const std::string& host, std::uint16_t port) {
  const Addresses addresses = resolve(host, port, AI_PASSIVE);
  ListeningSocket listening{open_socket(*addresses), 0};
  const int on = 1;
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  auto* const address = reinterpret_cast<sockaddr*>(&bound);
  if (!listening.fd || ::setsockopt(listening.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listening.fd.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      ::listen(listening.fd.get(), SOMAXCONN) != 0 || ::getsockname(listening.fd.get(), address, &size) != 0) {
    throw Failure(Exit::connect,
                  "cannot listen on " + url_host(host) + ':' + std::to_string(port) + ": " + error_text());
  }
  listening.port = port_of(*address);
  return listening;
}

Fd connect_to(const std::string& host, std::uint16_t port, h2::Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const Addresses addresses = resolve(host, port, 0);
  std::string reason;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    Fd fd = open_socket(*address);
    if (!fd) {
      reason = error_text();
    } else if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0) {
      return fd;
    } else {
      reason = errno == EINPROGRESS ? wait_connected(fd.get(), until) : error_text();
      if (reason.empty()) return fd;
    }
  }
  throw Failure(Exit::connect, "cannot connect to " + url_host(host) + ':' + std::to_string(port) + ": " + reason);
}

void send_without_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void keep_kernel_queue_short(int fd) {
  const int bytes = 128 * 1024;  // of what is not on the wire yet; two of our writes
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

}  // namespace tools
