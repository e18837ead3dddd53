// One of two connections that talk to each other, with a caller that says nothing wrong but anything at any time. Since
// both ends are ours, each knows what the other was given, and holds it against what it gets.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <h2core/connection.h>

#include "caller_memory.h"
#include "committed.h"
#include "input.h"

namespace fuzz {

class Endpoint {
 public:
  struct Line {
    std::string name, value;
    bool never = false;
  };
  using Section = std::vector<Line>;
  /// What one side says on a stream.
  struct Message {
    Section head, trailers;
    std::deque<Section> interims;
    bool begun = false, ended = false;
    std::uint64_t content = 0;
    std::int64_t declared = -1;  ///< by content-length, where content follows
  };
  struct Stream {
    Message given, got;
    Section promise;  ///< of a pushed stream: its request
    bool head_request = false;
    bool reset = false;  ///< RST_STREAM came
    bool reset_by_us = false;
    bool closed = false;
    h2::ErrorCode code = h2::ErrorCode::no_error;
    h2::Verdict verdict = h2::Verdict::maybe_processed;
    std::size_t stream_unconsumed = 0, connection_unconsumed = 0;
    bool own_priority = false;  ///< chosen by a server
  };

  Endpoint(h2::Role role, Input& options);
  ~Endpoint();
  void meet(Endpoint& peer) { peer_ = &peer; }
  h2::Connection& connection() { return connection_; }

  /// One call, chosen by the input.
  void call(Input& input);
  void poll(std::size_t room, std::size_t max_bytes) { committed_.poll(connection_, room, max_bytes); }
  /// What the transport takes of what was polled.
  std::vector<std::byte> take(std::size_t most);
  void receive(std::span<const std::byte> bytes);
  void advance_time(h2::TimePoint now);
  void receive_eof();
  void lose_transport();

  /// Lets everything through: windows and limits are opened, what came is consumed, and what was begun is finished.
  void finish_all();
  bool all_closed() const;
  bool all_consumed() const { return unread_.empty(); }

  std::map<std::uint32_t, Stream>& streams() { return streams_; }
  bool aborts() const { return aborts_; }        ///< streams were cut by a shutdown or with the transport
  bool shut_down() const { return shut_down_; }  ///< by us
  bool finished() const { return shutdown_finished_; }
  std::size_t unread() const { return unread_.size(); }

 private:
  struct Loan {
    std::uint32_t stream;
    std::unique_ptr<std::byte[]> memory;
    std::size_t bytes;
  };

  static h2::Config config_of(h2::Role role, Input& options, const hpack::Allocator& allocator);

  void drain();
  void on_event(const h2::Event& event);
  Stream& open_stream(h2::StreamId id);
  Stream& twin(h2::StreamId id);
  void on_reset(const h2::StreamReset& reset);
  void on_data(const h2::DataReceived& piece);
  void on_closed(const h2::StreamClosed& closed);
  void end_of_message(h2::StreamId id);

  std::uint32_t some_stream(Input& input) const;
  void open(Input& input);
  void respond(Input& input, std::uint32_t id);
  void lend(std::uint32_t id, std::size_t bytes, h2::EndStream end);
  void copy(std::uint32_t id, std::size_t bytes, h2::EndStream end);
  void send_trailers(Input& input, std::uint32_t id);
  void reset(Input& input, std::uint32_t id);
  void credit(Input& input, std::uint32_t id);
  void release(std::uint32_t id, Stream& stream);
  void send_settings(Input& input);
  void shut_down(Input& input);
  void finish(std::uint32_t id, Stream& stream);
  void open_windows();

  Memory memory_;
  h2::Role role_;
  h2::Config config_;
  CallerMemory caller_memory_;
  h2::Connection connection_;
  Endpoint* peer_ = nullptr;
  Committed committed_;
  std::unique_ptr<std::byte[]> received_;
  std::vector<std::byte> unread_;
  std::map<std::uint32_t, Stream> streams_;
  std::map<std::uint64_t, Loan> loans_;
  std::uint64_t next_token_ = 1;
  std::deque<std::uint64_t> pings_;
  std::map<std::uint32_t, std::uint32_t> interims_sent_;
  bool generous_ = false;  // consumes at once
  bool windows_opened_ = false;
  bool limit_shrank_ = false;  // that of field sections
  bool aborts_ = false, shut_down_ = false, shutdown_finished_ = false, lost_ = false, input_ended_ = false;
};

/// Byte `at` of what `sender` says on a stream.
std::byte content_at(h2::Role sender, std::uint32_t stream, std::uint64_t at);

}  // namespace fuzz
