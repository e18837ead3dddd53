// Content for which the connection has no memory.
#include <tools/sender.h>

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

using namespace tools;

namespace {

/// The heap, but for one call.
struct Heap {
  bool fails_once = false;

  h2::Allocator allocator() {
    return {this,
            [](void* self, std::size_t bytes) noexcept {
              return std::exchange(static_cast<Heap*>(self)->fails_once, false) ? nullptr : std::malloc(bytes);
            },
            [](void*, void* memory, std::size_t) noexcept { std::free(memory); }};
  }
};

/// A client that asks, and a server that has sent the head of its answer, joined in memory.
struct Pair {
  Heap heap;
  h2::Connection client{{.role = h2::Role::client}}, server{{.role = h2::Role::server, .allocator = heap.allocator()}};
  std::optional<h2::StreamClosed> closed;  // the client's

  h2::StreamId ask() {
    const h2::StreamId stream = client.send_request({"GET", "http", "a", "/"}, h2::EndStream::yes).value();
    move(client, server);
    REQUIRE(server.send_response(stream, 200, {}, h2::EndStream::no));
    return stream;
  }

  void move(h2::Connection& from, h2::Connection& to) {
    h2::ByteView slices[16];
    while (const std::size_t count = from.poll_output(slices)) {
      for (h2::ByteView slice : std::span(slices).first(count)) {
        const std::size_t bytes = slice.size();
        while (const auto event = to.receive(slice)) {
          if (const auto* end = std::get_if<h2::StreamClosed>(&*event); end != nullptr && &to == &client) closed = *end;
        }
        from.consume_output(bytes);
      }
    }
  }
};

using Send = std::function<void(Sender&, h2::Connection&, h2::StreamId)>;

void send_whole(Sender& sender, h2::Connection& server, h2::StreamId stream) {
  static constexpr std::byte kContent[3]{};
  sender.send_whole(server, stream, kContent);
}

void pump(Sender& sender, h2::Connection& server, h2::StreamId stream) {
  sender.start(std::make_unique<PatternContent>(3));
  sender.pump(server, stream);
}

}  // namespace

TEST_CASE("content for which there is no memory ends its stream, and the connection lives") {
  for (const Send& send : {Send(send_whole), Send(pump)}) {
    Pair pair;
    Sender first, second;
    const h2::StreamId refused = pair.ask();
    pair.heap.fails_once = true;
    send(first, pair.server, refused);
    CHECK_FALSE(pair.heap.fails_once);
    CHECK(first.given_bytes() == 0);
    pair.move(pair.server, pair.client);
    REQUIRE(pair.closed);
    CHECK(pair.closed->code == h2::ErrorCode::internal_error);

    const h2::StreamId served = pair.ask();
    send(second, pair.server, served);
    pair.move(pair.server, pair.client);
    CHECK(pair.closed->stream == served);
    CHECK(pair.closed->code == h2::ErrorCode::no_error);
  }
}
