// A server on libuv: `uv_write` holds the slices of the connection while more is received and more calls are made.
//
//   example-uv [PORT]     on 127.0.0.1, HTTP/2 without TLS by prior knowledge; port 0, the default, picks one
#include <arpa/inet.h>
#include <uv.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <unordered_set>

#include "echo_app.h"

namespace {

struct Session;
std::unordered_set<Session*> sessions;

struct Session : example::Session {
  Session() { sessions.insert(this); }
  ~Session() { sessions.erase(this); }

  uv_tcp_t socket{};
  uv_timer_t timer{};
  int open_handles = 2;
  uv_write_t write{};
  std::size_t writing_bytes = 0;  // held by `write`
  uv_shutdown_t shutdown{};
  bool shut = false, closing = false;
};

void progress(Session& session);

Session& session_of(const auto* handle) { return *static_cast<Session*>(handle->data); }
uv_handle_t* as_handle(auto* handle) { return reinterpret_cast<uv_handle_t*>(handle); }
uv_stream_t* as_stream(auto* handle) { return reinterpret_cast<uv_stream_t*>(handle); }

/// A write in flight holds the slices until the last handle is closed, so the connection lives as long, untouched.
void close_session(Session& session) {
  if (std::exchange(session.closing, true)) return;
  const uv_close_cb gone = [](uv_handle_t* handle) {
    if (--session_of(handle).open_handles == 0) delete &session_of(handle);
  };
  uv_close(as_handle(&session.socket), gone);
  uv_close(as_handle(&session.timer), gone);
}

void give_buffer(uv_handle_t* handle, std::size_t, uv_buf_t* out) {
  auto& buffer = session_of(handle).buffer;
  *out = uv_buf_init(reinterpret_cast<char*>(buffer.data()), static_cast<unsigned>(buffer.size()));
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
  Session& session = session_of(stream);
  if (got < 0 && got != UV_EOF) return close_session(session);
  if (got != 0) session.received(got == UV_EOF ? 0 : got);  // 0 is libuv's EAGAIN
  progress(session);
}

void on_written(uv_write_t* write, int status) {
  Session& session = session_of(write);
  if (status < 0) return close_session(session);
  session.connection.consume_output(std::exchange(session.writing_bytes, 0));
  progress(session);
}

void start_write(Session& session) {
  std::array<h2::ByteView, 16> slices;
  std::array<uv_buf_t, 16> buffers;
  const std::size_t count = session.connection.poll_output(slices);
  for (std::size_t i = 0; i < count; ++i) {
    char* bytes = reinterpret_cast<char*>(const_cast<std::byte*>(slices[i].data()));
    buffers[i] = uv_buf_init(bytes, static_cast<unsigned>(slices[i].size()));
    session.writing_bytes += slices[i].size();
  }
  if (count != 0) {
    uv_write(&session.write, as_stream(&session.socket), buffers.data(), static_cast<unsigned>(count), on_written);
  }
}

/// After anything that happened to a connection: its events, one write, its timer, what it wishes of the transport.
void progress(Session& session) {
  if (session.closing) return;
  session.wake();
  if (session.wants_input()) {
    uv_read_start(as_stream(&session.socket), give_buffer, on_read);
  } else {
    uv_read_stop(as_stream(&session.socket));
  }
  if (session.writing_bytes == 0) start_write(session);

  const h2::TransportWish wish = session.connection.transport_wish();
  if (wish == h2::TransportWish::close) return close_session(session);
  if (wish == h2::TransportWish::shut_down_write && !std::exchange(session.shut, true)) {
    uv_shutdown(&session.shutdown, as_stream(&session.socket), [](uv_shutdown_t*, int) {});
  }
  uv_timer_stop(&session.timer);
  if (const int wait = session.wait_ms(); wait >= 0) {
    const uv_timer_cb due = [](uv_timer_t* timer) { progress(session_of(timer)); };
    uv_timer_start(&session.timer, due, static_cast<std::uint64_t>(wait), 0);
  }
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* session = new Session;
  uv_tcp_init(listener->loop, &session->socket);
  uv_timer_init(listener->loop, &session->timer);
  session->socket.data = session->timer.data = session->write.data = session;
  if (uv_accept(listener, as_stream(&session->socket)) != 0) return close_session(*session);
  uv_tcp_nodelay(&session->socket, 1);  // a WINDOW_UPDATE must not wait for the peer's ACK
  progress(*session);
}

void on_stop(uv_signal_t* signal, int) {
  uv_close(static_cast<uv_handle_t*>(signal->data), nullptr);  // the listener
  uv_close(as_handle(signal), nullptr);
  for (Session* session : sessions) {
    session->connection.shutdown(h2::Shutdown::graceful, example::kDrain);
    progress(*session);
  }
}

}  // namespace

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_signal_t stop;
  sockaddr_in address{};
  int size = sizeof address;
  uv_ip4_addr("127.0.0.1", argc > 1 ? std::atoi(argv[1]) : 0, &address);
  uv_tcp_init(loop, &listener);
  uv_tcp_bind(&listener, reinterpret_cast<sockaddr*>(&address), 0);
  if (const int failed = uv_listen(as_stream(&listener), SOMAXCONN, on_connection)) {
    std::fprintf(stderr, "listen: %s\n", uv_strerror(failed));
    return 1;
  }
  uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &size);
  example::announce(ntohs(address.sin_port));
  uv_signal_init(loop, &stop);
  stop.data = &listener;
  uv_signal_start(&stop, on_stop, SIGTERM);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop);
}
