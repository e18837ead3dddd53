// A caller that does anything at any time, and remembers enough to see when a promise of h2core/connection.h is broken.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <h2core/connection.h>

#include "caller_memory.h"
#include "committed.h"
#include "input.h"
#include "wire_model.h"

namespace fuzz {

/// Config and calls come from the input: an octet each, then what the call needs. What is fed lies in the input as it
/// is, so that the fuzzer's dictionary fits.
class Driver {
 public:
  Driver(h2::Role role, Input input);
  void run();

 private:
  struct Stream {
    bool heard = false, closed = false, reset = false;
    bool head = false, ended = false;  // of what we receive
    bool end_given = false;            // of what we send
    bool waits_for_room = false;
    bool never_sent = false;   // so we were told
    bool reset_early = false;  // by us, with NO_ERROR and no end behind which it could wait
    void* user = nullptr;
    std::optional<h2::Priority> priority;
    bool own_priority = false;                 // chosen by us
    std::optional<std::int64_t> fixed_window;  // by set_window
    std::uint64_t given = 0;                   // content accepted from us
    std::uint64_t stream_unconsumed = 0, connection_unconsumed = 0;
  };
  struct Loan {
    h2::StreamId stream;
    std::uint64_t end;  // where in the stream's content
    std::unique_ptr<std::byte[]> memory;
    std::size_t bytes;
  };
  struct Viewed {
    const void* at;
    std::vector<char> copy;
  };

  static h2::Config config_of(h2::Role role, Input& input, const hpack::Allocator& allocator);

  void begin_upgraded();
  void step(bool may_feed);
  void feed(std::span<const std::uint8_t> octets);
  void feed_frame();
  void drain();
  void on_event(const h2::Event& event);
  Stream& heard(h2::StreamId id, void* user);
  void view(std::string_view text);
  void view(h2::FieldsView fields);
  void views_last();

  void poll();
  void take(std::size_t bytes);

  void send_head();
  void send_content(bool lent);
  void send_trailers();
  void send_settings();
  void send_extension(std::uint8_t call);
  void set_priority();
  void set_window();
  void reset();
  void credit(std::uint8_t kind);
  void pass_time(std::uint32_t ms);
  void finish();
  void check_windows();
  void check_stream_window(h2::StreamId id, const Stream& stream, const h2::WindowView& view);
  void check_progress();
  void check_explained();
  void move_connection();
  void check_priorities();
  void check_sent();
  h2::StreamId some_stream();
  std::vector<h2::Field> some_fields(bool may_frame);

  Input input_;
  std::uint8_t options_;
  Memory memory_;
  h2::Config config_;
  CallerMemory caller_memory_;
  std::optional<h2::Connection> connection_;
  h2::TimePoint now_{};
  bool clock_runs_ = false;

  std::unique_ptr<std::byte[]> fed_memory_;
  std::vector<std::byte> unread_;
  bool in_event_ = false;

  std::map<std::uint32_t, Stream> streams_;
  std::map<std::uint64_t, Loan> loans_;
  std::uint64_t next_token_ = 1;
  std::uintptr_t next_user_ = 1;
  std::vector<Viewed> views_;
  Committed committed_;

  Fed fed_;
  Sent sent_;
  std::uint32_t max_frame_size_ = 16384;
  std::uint64_t delivered_ = 0, taken_ = 0, used_ = 0;
  std::uint32_t settings_acknowledged_ = 0;
  std::int64_t most_initial_window_ = 0;  // that we asked for
  std::uint32_t least_streams_ = 0;       // that we allowed
  bool failed_ = false, over_ = false, input_ended_ = false, shrunk_ = false;
  int failures_ = 0, shutdowns_ = 0;
};

}  // namespace fuzz
