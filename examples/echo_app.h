// The application of the three example servers. It sees events and makes calls; sockets, loops and clocks are not its
// business, so every loop runs the same one.
//
//   GET /        a small page
//   POST /echo   the content streams back while it arrives, its trailers behind it
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <h2core/connection.h>

namespace example {

inline constexpr std::string_view kPage = "Hello from an HTTP/2 server.\n";
inline constexpr h2::Duration kDrain = std::chrono::seconds(5);

inline h2::Config server_config() { return {.role = h2::Role::server, .idle_timeout = std::chrono::minutes(5)}; }

/// Visits the events of one connection. A call on a stream that ended a moment ago returns `stream_gone`; as its
/// StreamClosed is on the way, there is nothing to do about it, and `std::ignore` says so.
struct App {
  h2::Connection& connection;

  void operator()(const h2::RequestReceived& request) {
    if (request.path == "/echo" && request.method == "POST") {
      std::ignore = connection.set_user(request.stream, &connection);  // any value but null: "echo this one"
      std::ignore = connection.send_response(request.stream, 200, {}, request.end);
    } else if (request.path == "/" && (request.method == "GET" || request.method == "HEAD")) {
      const std::string length = std::to_string(kPage.size());
      const auto fields = std::to_array<h2::Field>({{"content-type", "text/plain"}, {"content-length", length}});
      const bool head = request.method == "HEAD";
      std::ignore =
          connection.send_response(request.stream, 200, fields, head ? h2::EndStream::yes : h2::EndStream::no);
      if (!head)
        std::ignore = connection.send_copy(request.stream, std::as_bytes(std::span(kPage)), h2::EndStream::yes);
    } else {
      std::ignore = connection.send_response(request.stream, 404, {}, h2::EndStream::yes);
    }
  }

  /// The copy is lent to the connection, and the peer may send as much again only when it has gone out: a peer that
  /// does not read its echo stops its own upload, and nothing piles up here.
  void operator()(const h2::DataReceived& piece) {
    if (piece.user == nullptr) return connection.consume(piece.stream, piece.data.size());
    auto copy = std::make_unique<std::string>(reinterpret_cast<const char*>(piece.data.data()), piece.data.size());
    const h2::Token token{reinterpret_cast<std::uintptr_t>(copy.get())};
    if (connection.send_data(piece.stream, std::as_bytes(std::span(*copy)), token, piece.end)) {
      std::ignore = copy.release();
    } else {
      connection.consume(piece.stream, piece.data.size());
    }
  }
  void operator()(const h2::DataSent& sent) { connection.consume(sent.stream, take_back(sent.token)); }

  void operator()(const h2::TrailersReceived& trailers) {
    if (trailers.user != nullptr) std::ignore = connection.send_trailers(trailers.stream, trailers.fields);
  }

  template <class Other>
  void operator()(const Other&) {}

  /// Frees a lent copy and says how long it was. Also for `Connection::abandon()`.
  static std::size_t take_back(h2::Token token) {
    const std::unique_ptr<std::string> copy(reinterpret_cast<std::string*>(token.value));
    return copy->size();
  }
};

/// What every loop keeps for a connection, besides its socket.
struct Session {
  Session() = default;
  ~Session() { connection.abandon(App::take_back); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// What a read into `buffer` returned: a number of bytes, 0 at the end, less if the transport broke.
  void received(std::ptrdiff_t got) {
    if (got > 0) {
      unread = {buffer.data(), static_cast<std::size_t>(got)};
    } else if (!std::exchange(peer_done, true)) {
      got == 0 ? connection.receive_eof() : connection.transport_lost();
    }
  }
  /// After anything that happened: the time, then the application on all events and on `unread`. If some of that is
  /// left, replies wait for a peer that does not read: call again after the next write, and read nothing before.
  void wake() {
    connection.advance_time(std::chrono::steady_clock::now());
    while (const auto event = connection.receive(unread)) std::visit(App{connection}, *event);
  }
  bool wants_input() const { return unread.empty() && !peer_done; }

  /// When to wake it without any other cause, in milliseconds from now; -1 is never.
  int wait_ms() const {
    const auto due = connection.deadline();
    if (!due) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
    return std::max(static_cast<int>(wait.count()), 0);
  }

  h2::Connection connection{server_config()};
  std::array<std::byte, 65536> buffer;
  h2::ByteView unread;  // of `buffer`
  bool peer_done = false;
};

/// Prints where the server listens, and at once, for whoever started it may be waiting for that.
inline void announce(int port) {
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
}

}  // namespace example
