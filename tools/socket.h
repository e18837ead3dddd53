// TCP sockets and their addresses as text. All are non-blocking and closed on exec.
#pragma once

#include <cstdint>
#include <string>

#include <h2core/types.h>
#include <tools/fd.h>

struct sockaddr;

namespace tools {

/// "127.0.0.1:443" or "[::1]:443".
std::string address_text(const sockaddr& address);
/// `host` as it stands in a URL: IPv6 addresses in brackets.
std::string url_host(const std::string& host);

struct ListeningSocket {
  Fd fd;
  std::uint16_t port = 0;
};
/// Port 0 picks one. Throws a Failure that names host and port.
ListeningSocket listen_on(const std::string& host, std::uint16_t port);

/// Tries the addresses of `host` in order, each for at most what is left of `timeout`. Throws a Failure.
Fd connect_to(const std::string& host, std::uint16_t port, h2::Duration timeout);

/// Small frames go out at once.
void send_without_delay(int fd);
/// What cannot be sent yet waits with us, where priorities still count and nothing is copied, and not in the kernel,
/// which would keep megabytes of it for each client that reads nothing.
void keep_kernel_queue_short(int fd);

}  // namespace tools
