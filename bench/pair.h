// A client and a server session in one thread, joined by a buffer.
#pragma once

#include "engine/engines.h"

namespace bench {

template <class Engine>
class Pair {
 public:
  explicit Pair(std::size_t response_bytes) : server_(response_bytes), buffer_(kTransferBytes) {
    exchange();
    require(client_.session.alive() && server_.session.alive(), "no handshake");
  }

  /// Keeps `concurrency` requests in flight until `requests` have their responses.
  void run_requests(std::size_t requests, std::size_t concurrency) {
    begin(requests);
    while (client_.submitted < std::min(requests, concurrency)) client_.submit();
    exchange();
    check(requests);
  }

  /// The same with all requests at once, which the server answers when all are open.
  void run_burst(std::size_t requests) {
    begin(requests);
    server_.answer_at = requests;
    server_.waiting.reserve(requests);
    while (client_.submitted < requests) client_.submit();
    exchange();
    server_.answer_at = 1;
    check(requests);
  }

  enum class Carry { copy, reference };
  void run_upload(std::size_t body_bytes, Carry carry) {
    begin(1);
    ++client_.submitted;
    client_.session.send_upload(client_.head, 0, body_bytes);
    if (carry == Carry::copy) {
      exchange();
    } else {
      while (client_.session.hand_to(server_.session) + server_.session.hand_to(client_.session) != 0) {
      }
    }
    require(server_.data_bytes == body_bytes, "not all of the upload arrived");
    require(client_.closed == 1 && server_.closed == 1, "the upload has not ended");
  }

  /// Opens streams on which nothing happens.
  void open_idle(std::size_t streams) {
    for (std::size_t i = 0; i < streams; ++i) {
      client_.session.send_request(client_.head, i, Body::open);
      if (i % 1000 == 999) exchange();
    }
    exchange();
  }

  std::size_t wire_bytes() const { return wire_bytes_; }

 private:
  struct Client : IgnoreAll {
    typename Engine::template Session<Client> session{Side::client, kLarge, *this};
    typename Engine::RequestHead head;
    std::size_t wanted = 0, submitted = 0, closed = 0;
    std::size_t value_bytes = 0, data_bytes = 0;

    void submit() { session.send_request(head, submitted++, Body::none); }
    void on_value_bytes(std::size_t bytes) { value_bytes += bytes; }
    void on_data(std::size_t bytes) { data_bytes += bytes; }
    void on_stream_closed(std::uint32_t) {
      ++closed;
      if (submitted < wanted) submit();
    }
  };

  struct Server : IgnoreAll {
    explicit Server(std::size_t bytes) : head(bytes), response_bytes(bytes) {}

    typename Engine::template Session<Server> session{Side::server, kLarge, *this};
    typename Engine::ResponseHead head;
    std::size_t response_bytes;
    std::size_t answer_at = 1;
    std::vector<std::uint32_t> waiting;
    std::size_t answered = 0, closed = 0;
    std::size_t value_bytes = 0, data_bytes = 0;

    void on_value_bytes(std::size_t bytes) { value_bytes += bytes; }
    void on_data(std::size_t bytes) { data_bytes += bytes; }
    void on_message_end(std::uint32_t stream) {
      if (answer_at == 1) return answer(stream);
      waiting.push_back(stream);
      if (waiting.size() < answer_at) return;
      for (const auto each : waiting) answer(each);
      waiting.clear();
    }
    void on_stream_closed(std::uint32_t) { ++closed; }
    void answer(std::uint32_t stream) { session.send_response(stream, head, answered++, response_bytes); }
  };

  void begin(std::size_t requests) {
    client_.wanted = requests;
    client_.submitted = client_.closed = client_.value_bytes = client_.data_bytes = 0;
    server_.answered = server_.closed = server_.value_bytes = server_.data_bytes = 0;
    wire_bytes_ = 0;
  }

  // Until neither has output.
  void exchange() {
    while (carry(client_.session, server_.session) + carry(server_.session, client_.session) != 0) {
    }
  }

  template <class From, class To>
  std::size_t carry(From& from, To& to) {
    const std::size_t bytes = from.pull(buffer_);
    if (bytes != 0) to.feed(Bytes(buffer_).first(bytes));
    wire_bytes_ += bytes;
    return bytes;
  }

  void check(std::size_t requests) {
    std::size_t request_bytes = 0;
    std::size_t response_bytes = 0;
    for (std::size_t i = 0; i < std::min(requests, kVariants); ++i) {
      const std::size_t times = requests / kVariants + (i < requests % kVariants ? 1 : 0);
      request_bytes += times * request_value_bytes(i);
      response_bytes += times * response_value_bytes(i, server_.response_bytes);
    }
    require(client_.closed == requests && server_.closed == requests, "not all requests have ended");
    require(server_.value_bytes == request_bytes, "not all request fields arrived");
    require(client_.value_bytes == response_bytes, "not all response fields arrived");
    require(client_.data_bytes == requests * server_.response_bytes, "not all bodies arrived");
  }

  Client client_;
  Server server_;
  std::vector<std::byte> buffer_;
  std::size_t wire_bytes_ = 0;
};

}  // namespace bench
