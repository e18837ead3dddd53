// A simulated line of a given rate and delay, and uploads over it: what a reader gets through it.
#pragma once

#include <map>

#include "harness.h"

namespace h2::test {

inline constexpr std::size_t kGigabit = 125000;  // bytes per millisecond

/// Uploads without end, one tick of a millisecond at a time. The server consumes at once.
class Line {
 public:
  Line(std::size_t bytes_per_ms, int one_way_ms, Config server_config = {}, int uploads = 1)
      : per_ms_(bytes_per_ms), delay_(one_way_ms) {
    Config client_config;
    client_config.role = Role::client;
    server_config.role = Role::server;
    client_.emplace(client_config);
    server_.emplace(server_config);
    for (int i = 0; i < uploads; ++i) {
      const auto stream = client_->send_request(kPost, EndStream::no);
      REQUIRE(stream);
      fill(*stream);
    }
  }

  /// Returns how many bytes of content arrived meanwhile.
  std::uint64_t run(int ms) {
    const std::uint64_t before = received_;
    for (const int end = tick_ + ms; tick_ < end; ++tick_) {
      const TimePoint now{std::chrono::milliseconds(tick_ + 1)};
      client_->advance_time(now);
      server_->advance_time(now);
      move(*client_, to_server_);
      move(*server_, to_client_);
      deliver(to_server_, *server_);
      deliver(to_client_, *client_);
    }
    return received_ - before;
  }
  Connection& server() { return *server_; }
  std::uint64_t received(StreamId stream) { return received_by_[stream.value]; }
  bool consumes = true;
  /// What the server does with a piece, if not just consume it.
  std::function<void(Connection&, const DataReceived&)> on_data;

 private:
  struct Parcel {
    int arrives;
    Bytes bytes;
  };
  void move(Connection& from, std::deque<Parcel>& line) {
    Bytes bytes;
    std::array<ByteView, 16> slices;
    for (std::size_t room = per_ms_; room > 0;) {
      const std::size_t n = from.poll_output(slices, room);
      std::size_t taken = 0;
      for (const ByteView& slice : std::span(slices).first(n)) {
        const ByteView part = slice.first(std::min(slice.size(), room - taken));
        bytes.insert(bytes.end(), part.begin(), part.end());
        taken += part.size();
      }
      if (taken == 0) break;
      from.consume_output(taken);
      room -= taken;
    }
    if (!bytes.empty()) line.push_back({tick_ + delay_, std::move(bytes)});
  }
  void deliver(std::deque<Parcel>& line, Connection& to) {
    while (!line.empty() && line.front().arrives <= tick_) {
      ByteView input = line.front().bytes;
      drain(to, input);
      line.pop_front();
    }
    ByteView none;
    drain(to, none);
  }
  void drain(Connection& to, ByteView& input) {
    while (const auto event = to.receive(input)) {
      if (const auto* data = std::get_if<DataReceived>(&*event)) {
        received_ += data->data.size();
        received_by_[data->stream.value] += data->data.size();
        if (on_data) on_data(to, *data);
        else if (consumes) to.consume(data->stream, data->data.size());
      } else if (const auto* sent = std::get_if<DataSent>(&*event)) {
        fill(sent->stream);
      } else if (std::holds_alternative<ConnectionFailed>(*event)) {
        FAIL("the connection failed");
      }
    }
  }
  void fill(StreamId stream) { REQUIRE(client_->send_data(stream, content_, Token{1}, EndStream::no)); }

  std::optional<Connection> client_, server_;
  Bytes content_ = Bytes(1 << 20);
  std::size_t per_ms_;
  int delay_, tick_ = 0;
  std::deque<Parcel> to_server_, to_client_;
  std::uint64_t received_ = 0;
  std::map<std::uint32_t, std::uint64_t> received_by_;
};

}  // namespace h2::test
