// A server on Asio with C++20 coroutines. Each connection has a reader and a writer that know nothing of each other:
// the reader feeds what came, the writer sends what there is and sleeps until it is woken; a timer does so when
// something is due.
//
//   example-asio [PORT]     on 127.0.0.1, HTTP/2 without TLS by prior knowledge; port 0, the default, picks one
#include <asio.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_set>

#include "echo_app.h"

namespace {

using asio::ip::tcp;

struct Session;
std::unordered_set<Session*> sessions;

struct Session : example::Session, std::enable_shared_from_this<Session> {
  explicit Session(tcp::socket accepted) : socket(std::move(accepted)) { sessions.insert(this); }
  ~Session() { sessions.erase(this); }

  tcp::socket socket;
  asio::steady_timer output_wanted{socket.get_executor()};  // the writer sleeps here
  asio::steady_timer input_wanted{socket.get_executor()};   // the reader does while some input is left
  asio::steady_timer due{socket.get_executor()};            // the connection's deadline
};

/// Time goes on while a write hangs, and may bring the end. To be called again whenever the deadline may be another.
void keep_time(const std::shared_ptr<Session>& session) {
  if (!session->socket.is_open()) return;
  session->due.expires_at(session->connection.deadline().value_or(h2::TimePoint::max()));
  session->due.async_wait([session](asio::error_code put_off) {
    if (put_off) return;
    session->wake();
    if (session->connection.transport_wish() == h2::TransportWish::close)
      session->socket.close(put_off);  // ends a write as well; the writer takes it from there
    session->output_wanted.cancel();
    keep_time(session);
  });
}

asio::awaitable<void> read_side(std::shared_ptr<Session> session) {
  asio::error_code failed;
  while (!failed) {
    const std::size_t got = co_await session->socket.async_read_some(asio::buffer(session->buffer),
                                                                     asio::redirect_error(asio::use_awaitable, failed));
    if (failed && failed != asio::error::eof) break;
    session->received(static_cast<std::ptrdiff_t>(got));  // 0 at the end
    session->wake();
    session->output_wanted.cancel();
    keep_time(session);
    while (!session->unread.empty() && session->socket.is_open()) {
      asio::error_code woken;
      session->input_wanted.expires_at(asio::steady_timer::time_point::max());
      co_await session->input_wanted.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
  }
  if (failed != asio::error::eof)
    session->socket.close(failed);  // ends a write as well; the writer takes it from there
  session->output_wanted.cancel();
}

asio::awaitable<void> write_side(std::shared_ptr<Session> session) {
  h2::Connection& connection = session->connection;
  asio::error_code failed;
  auto token = asio::redirect_error(asio::use_awaitable, failed);
  for (;;) {
    if (!session->socket.is_open()) connection.transport_lost();  // here, where no write holds slices
    session->wake();
    if (session->unread.empty()) session->input_wanted.cancel();
    keep_time(session);
    std::array<h2::ByteView, 16> slices;
    if (const std::size_t count = connection.poll_output(slices)) {
      std::array<asio::const_buffer, 16> buffers;
      for (std::size_t i = 0; i < count; ++i) buffers[i] = asio::buffer(slices[i].data(), slices[i].size());
      const std::size_t sent = co_await session->socket.async_write_some(buffers, token);
      if (failed) {
        connection.transport_lost();
      } else {
        connection.consume_output(sent);
      }
      continue;
    }
    if (connection.transport_wish() == h2::TransportWish::close) break;
    if (connection.transport_wish() == h2::TransportWish::shut_down_write)
      session->socket.shutdown(tcp::socket::shutdown_send, failed);
    session->output_wanted.expires_at(h2::TimePoint::max());
    co_await session->output_wanted.async_wait(token);
  }
  session->socket.close(failed);
  session->input_wanted.cancel();
  session->due.cancel();
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor) {
  for (;;) {
    asio::error_code failed;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (failed == asio::error::operation_aborted) co_return;
    if (failed) continue;
    socket.set_option(tcp::no_delay(true), failed);  // a WINDOW_UPDATE must not wait for the peer's ACK
    const auto session = std::make_shared<Session>(std::move(socket));
    asio::co_spawn(acceptor.get_executor(), read_side(session), asio::detached);
    asio::co_spawn(acceptor.get_executor(), write_side(session), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  asio::io_context loop;
  const auto port = static_cast<asio::ip::port_type>(argc > 1 ? std::atoi(argv[1]) : 0);
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), port});
  example::announce(acceptor.local_endpoint().port());

  asio::signal_set stop(loop, SIGTERM, SIGINT);
  stop.async_wait([&](asio::error_code, int) {
    acceptor.close();
    for (Session* session : sessions) {
      session->connection.shutdown(h2::Shutdown::graceful, example::kDrain);
      session->output_wanted.cancel();
      keep_time(session->shared_from_this());
    }
  });
  asio::co_spawn(loop, accept_all(acceptor), asio::detached);
  loop.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "example-asio: %s\n", error.what());
  return 1;
}
