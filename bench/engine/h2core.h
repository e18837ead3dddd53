// Our engine behind the names that tasks use.
#pragma once

#include <h2core/connection.h>
#include <hpack/decoder.h>
#include <hpack/encoder.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../task.h"
#include "session.h"

namespace bench {

struct H2core {
  static constexpr const char* kName = "h2core";
  static std::string version() { return "this build"; }
  /// What the caller holds of a session outside the heap.
  static constexpr std::size_t kHandleBytes = sizeof(h2::Connection);

  class Decoder {
   public:
    /// Calls `sink(name, value)` for each field of the block.
    template <class Sink>
    void decode(Bytes block, Sink&& sink) {
      decoder_.begin(block);
      const auto step = decoder_.each([&](const hpack::Field& field) { sink(field.name, field.value); });
      require(step == hpack::Decoder::Step::end, "h2core refused a block");
    }

   private:
    hpack::Decoder decoder_{hpack::Decoder::Config{}};
  };

  using FieldList = std::vector<hpack::Field>;
  static void add(FieldList& list, std::string_view name, std::string_view value) { list.push_back({name, value}); }

  class Encoder {
   public:
    std::size_t encode(FieldList& fields, std::span<std::byte> out) { return encoder_.encode(fields, out); }

   private:
    hpack::Encoder encoder_{hpack::Encoder::Config{}};
  };

  class RequestHead {
   public:
    RequestHead() {
      for (std::size_t i = 0; i < fields_.size(); ++i) fields_[i] = {kRequest[i + 4].name, kRequest[i + 4].value};
    }
    h2::Request numbered(std::size_t n) const {
      return {kRequest[0].value, kRequest[1].value, kRequest[2].value, paths()[n % kVariants], fields_, {}};
    }

   private:
    std::array<h2::Field, 5> fields_;
  };

  class ResponseHead {
   public:
    explicit ResponseHead(std::size_t body_bytes) : length_(std::to_string(body_bytes)) {
      for (std::size_t i = 0; i < fields_.size(); ++i) fields_[i] = {kResponse[i + 1].name, kResponse[i + 1].value};
      fields_[kContentLength - 1].value = length_;
    }
    std::span<const h2::Field> numbered(std::size_t n) {
      fields_[kEtag - 1].value = etags()[n % kVariants];
      return fields_;
    }

   private:
    std::string length_;
    std::array<h2::Field, 7> fields_;
  };

  template <class Handler>
  class Session;
};

template <class Handler>
class H2core::Session {
 public:
  Session(Side side, Windows windows, Handler& handler) : connection_(config(side, windows)), handler_(handler) {}

  void feed(Bytes bytes) {
    while (auto event = connection_.receive(bytes)) take(*event);
    require(bytes.empty(), "h2core left input over");
  }

  /// Copies what is to be sent, and returns how much that was.
  std::size_t pull(std::span<std::byte> out) {
    std::size_t bytes = 0;
    const std::size_t count = connection_.poll_output(slices_, out.size());
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(out.data() + bytes, slices_[i].data(), slices_[i].size());
      bytes += slices_[i].size();
    }
    taken(bytes);
    return bytes;
  }

  /// Feeds what is to be sent to `peer` as it lies, and returns how much that was.
  template <class Peer>
  std::size_t hand_to(Peer& peer) {
    std::size_t bytes = 0;
    const std::size_t count = connection_.poll_output(slices_, kTransferBytes);
    for (std::size_t i = 0; i < count; ++i) {
      peer.feed(slices_[i]);
      bytes += slices_[i].size();
    }
    taken(bytes);
    return bytes;
  }

  void send_request(const RequestHead& head, std::size_t n, Body body) {
    const auto end = body == Body::none ? h2::EndStream::yes : h2::EndStream::no;
    require(connection_.send_request(head.numbered(n), end).has_value(), "h2core took no request");
  }

  /// One such upload at a time. Two blocks are always lent, so that the engine never waits for the next.
  void send_upload(const RequestHead& head, std::size_t n, std::size_t body_bytes) {
    const auto stream = connection_.send_request(head.numbered(n), h2::EndStream::no);
    require(stream.has_value(), "h2core took no request");
    upload_ = {*stream, body_bytes};
    lend_next();
    lend_next();
  }

  void send_response(std::uint32_t stream, ResponseHead& head, std::size_t n, std::size_t body_bytes) {
    const auto end = body_bytes == 0 ? h2::EndStream::yes : h2::EndStream::no;
    bool taken = connection_.send_response({stream}, 200, head.numbered(n), end).has_value();
    if (body_bytes != 0) {
      const auto body = body_block().first(body_bytes);
      taken = taken && connection_.send_data({stream}, body, {}, h2::EndStream::yes).has_value();
    }
    require(taken, "h2core took no response");
  }

  bool alive() const { return connection_.transport_wish() == h2::TransportWish::open; }
  /// Stream 0 is the connection.
  std::int64_t send_window(std::uint32_t stream) const {
    const auto window = connection_.window({stream});
    return window ? window->send_window : -1;
  }

 private:
  struct Upload {
    h2::StreamId stream;
    std::size_t left = 0;
  };

  static h2::Config config(Side side, Windows windows) {
    h2::Config config;
    config.role = side == Side::client ? h2::Role::client : h2::Role::server;
    config.settings.max_concurrent_streams = kNoLimit;
    config.settings.initial_window_size = windows.stream;
    config.connection_window = windows.connection;
    config.credit = h2::Credit::automatic;
    config.work_budget = kNoLimit;
    config.seed = 1;
    return config;
  }

  // Events by how often they come.
  void take(const h2::Event& event) {
    if (const auto* data = std::get_if<h2::DataReceived>(&event)) {
      handler_.on_data(data->data.size());
      if (data->end == h2::EndStream::yes) handler_.on_message_end(data->stream.value);
    } else if (const auto* request = std::get_if<h2::RequestReceived>(&event)) {
      handler_.on_value_bytes(request->method.size() + request->scheme.size() + request->authority.size() +
                              request->path.size() + value_bytes(request->fields));
      if (request->end == h2::EndStream::yes) handler_.on_message_end(request->stream.value);
    } else if (const auto* response = std::get_if<h2::ResponseReceived>(&event)) {
      handler_.on_value_bytes(3 + value_bytes(response->fields));
      if (response->end == h2::EndStream::yes) handler_.on_message_end(response->stream.value);
    } else if (const auto* closed = std::get_if<h2::StreamClosed>(&event)) {
      handler_.on_stream_closed(closed->stream.value);
    } else if (const auto* sent = std::get_if<h2::DataSent>(&event)) {
      if (sent->stream == upload_.stream) lend_next();
    } else {
      require(!std::holds_alternative<h2::ConnectionFailed>(event), "h2core ended the connection");
    }
  }

  static std::size_t value_bytes(h2::FieldsView fields) {
    std::size_t sum = 0;
    for (const auto& field : fields) sum += field.value.size();
    return sum;
  }

  void lend_next() {
    if (upload_.left == 0) return;
    const auto piece = cursor_.take(upload_.left);
    upload_.left -= piece.size();
    const auto end = upload_.left == 0 ? h2::EndStream::yes : h2::EndStream::no;
    require(connection_.send_data(upload_.stream, piece, {}, end).has_value(), "h2core took no content");
  }

  void taken(std::size_t bytes) {
    if (bytes != 0) connection_.consume_output(bytes);
    if (connection_.has_event()) feed({});
  }

  h2::Connection connection_;
  Handler& handler_;
  Upload upload_;
  BodyCursor cursor_;
  // As a loop keeps its iovecs: an array of each call's own would be cleared first.
  std::array<h2::ByteView, 64> slices_;
};

}  // namespace bench
