// The connection's inside. One class, a file per story:
//   engine.cpp      life: construction, time, settings, shutdown, failure, and the events that wait
//   receive.cpp     input bytes -> frames -> what each type does
//   sections.cpp    header blocks in: requests, responses, trailers, promises
//   send.cpp        the caller's calls: messages, content, resets
//   credit.cpp      receive windows: what is owed, announced, and how they grow
//   explain.cpp     what holds a byte back
//   extensions.cpp  what other RFCs add: priorities, ALTSVC, ORIGIN, frames of the caller's own
//   schedule.cpp    output: DATA is framed here, when it is polled, and lent memory comes back here
#pragma once

#include <bit>
#include <optional>

#include <hpack/decoder.h>
#include <hpack/encoder.h>
#include <hpack/repeated_section.h>

#include <h2core/connection.h>
#include <h2core/detail/buffer_pool.h>
#include <h2core/detail/memory.h>
#include <h2core/detail/message.h>
#include <h2core/detail/output_queue.h>
#include <h2core/detail/stream.h>
#include <h2core/detail/stream_table.h>
#include <h2core/detail/turns.h>

namespace h2::detail {

/// All that a peer is shown of the seed, in PINGs and GREASE: half of what a mix of it gives, so that what keys our
/// tables stays unknown.
constexpr std::uint64_t shown(std::uint64_t seed) noexcept {
  seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
  seed = (seed ^ seed >> 27) * 0x94d049bb133111ebULL;
  return seed >> 32;
}

class Engine {
 public:
  Front pending;

  explicit Engine(const Config& config) noexcept;
  static std::size_t memory_bound(const Config& config) noexcept;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Where something calls.
  void receive_waiting(ByteView& input, std::optional<Event>& out) noexcept;
  /// Where nothing does and there is input.
  [[gnu::always_inline]] inline void receive_bytes(ByteView& input, std::optional<Event>& out) noexcept;
  void hold_input() noexcept { input_was_held_ = true; }
  void receive_eof() noexcept;
  void transport_lost() noexcept;
  std::size_t poll_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept;
  void consume_output(std::size_t bytes) noexcept;
  TransportWish transport_wish() const noexcept;
  void advance_time(TimePoint now) noexcept;
  std::optional<TimePoint> deadline() const noexcept;

  Result<StreamId> begin_upgraded(const Request& request, ByteView http2_settings, void* user) noexcept;
  Result<StreamId> send_request(const Request& request, EndStream end, void* user) noexcept;
  Result<void> send_response(StreamId id, std::uint16_t status, std::span<const Field> fields, EndStream end) noexcept;
  Result<void> send_informational(StreamId id, std::uint16_t status, std::span<const Field> fields) noexcept;
  Result<void> send_trailers(StreamId id, std::span<const Field> fields) noexcept;
  Result<void> send_data(StreamId id, ByteView data, Token token, EndStream end) noexcept;
  Result<std::size_t> send_copy(StreamId id, ByteView data, EndStream end) noexcept;
  Result<StreamId> push(StreamId parent, const Request& request, void* user) noexcept;
  Result<void> reset(StreamId id, ErrorCode code) noexcept;

  Result<void> set_priority(StreamId id, Priority priority) noexcept;
  std::optional<Priority> priority(StreamId id) const noexcept;
  Result<void> send_altsvc(StreamId id, std::string_view origin, std::string_view value) noexcept;
  Result<void> send_origin(std::span<const std::string_view> origins) noexcept;
  Result<void> send_frame(std::uint8_t type, std::uint8_t flags, StreamId id, ByteView payload) noexcept;

  void consume_stream(StreamId id, std::size_t bytes) noexcept;
  void consume_connection(StreamId id, std::size_t bytes) noexcept;
  void release(StreamId id) noexcept;
  Result<void> set_window(StreamId id, std::uint32_t bytes) noexcept;

  Result<void> send_settings(std::span<const Setting> entries) noexcept;
  Result<void> ping(Token token) noexcept;
  void shutdown(Shutdown how, Duration drain, ErrorCode code) noexcept;

  Result<void> set_user(StreamId id, void* user) noexcept;
  void* user(StreamId id) const noexcept;
  std::optional<WindowView> window(StreamId id) noexcept;
  std::optional<Explanation> explain(StreamId id) noexcept;
  std::size_t open_streams() const noexcept { return live_streams_; }
  const Settings& peer_settings() const noexcept { return peer_; }
  const Counters& counters() const noexcept { return counters_; }
  void abandon_each(void (*visit)(void*, Token) noexcept, void* context) noexcept;

 private:
  using Out = std::optional<Event>;
  enum class Stage : std::uint8_t { header, odd_header, pad_length, data, run_data, payload, skip, preface };
  enum class PingOwner : std::uint8_t { caller, keepalive, shutdown, window };
  struct PendingPing {
    std::uint64_t opaque;
    Token token;
    TimePoint sent_at;
    PingOwner owner;
  };
  struct PendingSettings {
    Settings settings;
    TimePoint sent_at;
    bool is_awaited;  // by the settings timeout
  };
  // A header block that continues in further frames.
  struct OpenBlock {
    FrameHeader first;
    StreamId promised;
    std::uint32_t continuations = 0;
    bool open = false;
    TimePoint began_at{};
  };
  // DATA that goes on on one stream, that of frame_. While a run lasts, the stream takes content, and the next `left`
  // octets of it change nothing but accounts: both windows stay open, nothing comes to be announced, no bound is met.
  // Whatever could make that untrue ends the run or takes octets off it. A frame of DATA under way may be the run's:
  // the stage tells.
  struct Run {
    Stream* stream = nullptr;   // also behind the end of a run: that of the last DATA
    std::int32_t left = -1;     // below zero: there is none
    std::uint32_t longest = 0;  // bytes of a frame
    bool lasts() const noexcept { return left >= 0; }
  };
  enum class Decoded : std::uint8_t { ok, too_large, failed };
  // Of a stream that is still idle (RFC 9218 7).
  struct KeptPriority {
    StreamId stream;
    Priority priority;
  };
  static constexpr std::size_t kKeptPriorities = 128;  // ours to choose: over the default of streams
  // What messages need, made with the first header block: many connections wait long for theirs.
  struct Messages {
    explicit Messages(const Config& config) noexcept;
    hpack::Decoder decoder;
    hpack::Encoder encoder;
    hpack::RepeatedSection heads;  // of responses, each with its content-length
    Array<std::byte> block;        // over several frames; at most the list limit and a frame
    Array<Field> fields;
    Array<char> cookie;  // crumbs joined
    BufferPool copies;
    Slab<Sending> sendings;
    Ring<StreamId> waiting;  // requests over the peer's limit
    Array<KeptPriority> kept_priorities;
    void trim() noexcept;
  };
  // A section of ours on its way out, and what a look at it tells: its size, and what the encoder knows of it.
  struct Outgoing {
    static constexpr std::size_t kMost = 40;  // ours to choose: few sections have more, and it lies on the stack
    std::span<const Field> pseudo, fields;
    hpack::RepeatedSection* repeated;  // where it may be kept, or null
    bool is_again;                     // it is what is kept there, as right as it was then
    std::int64_t content_length;       // that it declares, or -1
    std::size_t text_bytes, crumbs, looked_at;
    hpack::Encoder::Known of[kMost];
    Known known(std::size_t from = 0) const noexcept { return Known(of, looked_at).subspan(from); }
    std::size_t count() const noexcept { return pseudo.size() + fields.size(); }
  };
  static constexpr std::uint32_t kUsualTable = 4096;  // RFC 9113 6.5.2

  // What a frame costs that moves nothing forward. A reset costs a stream's set-up and tear-down, twice what the
  // request gave back, so that a burst of honest cancels passes and an endless one does not.
  static constexpr std::size_t kFrameCost = 1, kResetCost = 4;
  static constexpr std::size_t kFreeSection = 256;       // bytes; one of no use costs 1 for each so many
  static constexpr std::uint32_t kFullPiece = 256;       // bytes; less content in a frame gives nothing back
  static constexpr std::size_t kLeastCredit = 2048;      // bytes; who reads little opens two windows for twice as many
  static constexpr std::uint32_t kLeastLingering = 100;  // streams that are gone and not consumed; never fewer
  static constexpr std::uint32_t kMostRefill = 100'000'000;  // a second; that of one, in billionths, fits 64 bits
  static constexpr std::size_t kFreeMoves = 64;  // streams; what looks at all of them costs 1 more for each so many

  static constexpr std::size_t kMaxPings = 8, kMaxSettingsInFlight = 8;  // ours to choose: replies are soon
  static constexpr std::uint32_t kListBound = 1 << 20;  // of a section when no MAX_HEADER_LIST_SIZE was announced
  static constexpr std::size_t kBlockSlack = 16384;     // of a block over the list that it decodes to
  static std::size_t list_limit(const Settings& ours) noexcept {
    return std::min(ours.max_header_list_size, kListBound);
  }
  static constexpr Duration kLinger = std::chrono::seconds(5);
  static constexpr Duration kTrimAfter = std::chrono::seconds(1);
  static constexpr std::int64_t kEnoughOwed = 1 << 20;  // bytes; announced, however large the window
  static constexpr std::uint32_t kSliver = 512;  // bytes; smaller DATA costs more in frames than it brings in time
  static constexpr std::uint32_t kCrumb = 64;    // bytes; an honest window is larger
  static constexpr Duration kSliverHold = std::chrono::milliseconds(20);

  // engine.cpp
  // After every call: whether output waits, and whether the end has come.
  void publish() noexcept {
    if (live_streams_ == 0) finish_if_drained();
    const bool output = !output_.empty() || (!turns_.empty() && send_window_ > 0 && !connection_held_);
    if (output == pending.output) return;
    pending.output = output;
    if (output) output_ms_ = now_ms_;  // it waits from now, however long there was none
  }
  void finish_if_drained() noexcept;
  void post(std::uint8_t connection_event) noexcept {
    connection_events_ |= connection_event;
    pending.event = true;
  }
  void count_events() noexcept { pending.event = connection_events_ != 0 || event_head_ != kNoSlot; }
  void emit(Out& out) noexcept;
  void emit_connection_event(Out& out) noexcept;
  bool waits_for_room(const Stream& stream) const noexcept;
  void emit_stream_event(std::uint32_t slot, Out& out) noexcept;
  void emit_chunk_event(std::uint32_t index, Out& out) noexcept;
  void post_stream(std::uint32_t slot, Stream& stream, std::uint8_t event) noexcept;
  std::uint32_t& next_event(std::uint32_t ref) noexcept;
  void append_event(std::uint32_t ref) noexcept;
  void pop_event() noexcept;
  [[gnu::cold]] void fail(Violation violation) noexcept;
  void over(ErrorCode code) noexcept;
  void linger() noexcept {
    if (clock_runs_) linger_by_ = now_ + kLinger;
  }
  void close_all(ErrorCode code) noexcept;
  void charge(Work cause, std::size_t cost) noexcept {
    ++counters_.work[static_cast<std::size_t>(cause)];
    budget_ -= static_cast<std::int64_t>(cost);
    if (budget_ * 2 < config_.work_budget) [[unlikely]]
      warn_of_budget(cause);
  }
  [[gnu::cold]] void warn_of_budget(Work cause) noexcept;
  void tell_budget(Work cause) noexcept;
  std::string_view sentence_of(Violation violation) const noexcept;
  void reward(std::uint32_t amount) noexcept {
    if (budget_ < config_.work_budget) refill_budget(amount);
  }
  void refill_budget(std::uint32_t amount) noexcept;
  // To what we send belong WINDOW_UPDATEs, for stream and connection and for each piece that is read, and PINGs, which
  // measure how it arrives. So many cost nothing; and they pay for nothing else, so that no download buys resets.
  void expect_answers(std::size_t count) noexcept {
    answers_due_ = static_cast<std::uint32_t>(std::min<std::size_t>(answers_due_ + count, config_.work_budget));
  }
  void charge_answer(Work cause) noexcept {
    if (answers_due_ == 0) return charge(cause, kFrameCost);
    --answers_due_;
  }
  bool lifts_a_window_too_far(std::uint32_t initial_window) noexcept;
  void write_settings(std::span<const Setting> entries, bool is_awaited) noexcept;
  std::optional<TimePoint> settings_due() const noexcept;
  // A whole control frame of ours, written to where room was reserved.
  void write_out(std::size_t bytes) noexcept {
    frame_written(bytes);
    output_.commit(bytes);
  }
  void frame_written(std::size_t bytes) noexcept {
    if (config_.observer.on_frame != nullptr) {
      const std::byte* const frame = output_.reserved();
      note(Direction::sent, read_frame_header(frame), {frame + kFrameHeaderBytes, bytes - kFrameHeaderBytes}, {});
    }
    ++counters_.frames_sent;
  }
  void write_goaway(StreamId last, ErrorCode code, std::string_view debug) noexcept;
  bool write_ping(PingOwner owner, Token token) noexcept;
  void refresh_effective(bool acknowledged) noexcept;
  void finish_goaway(ErrorCode code) noexcept;
  bool splits_cookies() const noexcept { return config_.split_cookies && config_.role == Role::client; }
  StreamId last_touched() const noexcept;
  void check_timers() noexcept;
  void check_keepalive() noexcept;
  void check_content() noexcept;
  bool is_content_due(const Stream& stream) const noexcept;
  void drop_output() noexcept;
  [[gnu::cold]] void trim() noexcept;
  bool is_between_blocks() const noexcept { return stage_ <= Stage::odd_header && !open_block_.open; }
  void trim_soon() noexcept { trim_by_ = now_ + kTrimAfter; }
  bool prepare_messages() noexcept { return messages_ != nullptr || make_messages(); }
  bool make_messages() noexcept;

  // receive.cpp, and nowhere else what is `inline`: one pass from the header to the event. GCC would call these, for
  // others might; on the way of a small frame of DATA that was a sixth of all instructions.
  // No input is left or a piece of content is out; or what comes next.
  enum class Next : std::uint8_t { none, more, header, data, payload };
  [[gnu::always_inline]] inline std::uint32_t next_of_run(const std::byte* head) noexcept;
  [[gnu::always_inline]] inline void begin_content(std::uint32_t content) noexcept;
  [[gnu::always_inline]] inline void deliver_of_run(std::uint32_t content, ByteView from, ByteView& input,
                                                    Out& out) noexcept;
  [[gnu::noinline]] void receive_any(ByteView& input, Out& out) noexcept;
  [[gnu::always_inline]] inline bool advance(ByteView& input, Out& out) noexcept;
  [[gnu::always_inline]] inline Next on_header(FrameHeader frame, ByteView& input) noexcept;
  [[gnu::always_inline]] inline Next on_data(FrameHeader frame, ByteView& input, Out& out) noexcept;
  [[gnu::always_inline]] inline Next settle_and_deliver(FrameHeader frame, std::uint32_t pad_bytes, ByteView& input,
                                                        Out& out) noexcept;
  [[gnu::always_inline]] inline Stream* settle_data(FrameHeader frame, std::uint32_t pad_bytes) noexcept;
  [[gnu::always_inline]] inline Next deliver(Stream& stream, std::uint32_t content, std::uint32_t padding, bool end,
                                             ByteView& input, Out& out) noexcept;
  [[gnu::always_inline]] inline Next resume_data(ByteView& input, Out& out) noexcept;
  [[gnu::always_inline]] inline Next skip(std::size_t bytes, ByteView& input) noexcept;
  [[gnu::always_inline]] inline void on_frame(ByteView payload, Out& out) noexcept;
  [[gnu::always_inline]] inline void on_ping(ByteView payload, Out& out) noexcept;
  [[gnu::always_inline]] inline void on_window_update(ByteView payload) noexcept;
  inline bool is_wanted(FrameType type) const noexcept;
  Next resume(ByteView& input, Out& out) noexcept;
  Next read_preface(ByteView& input) noexcept;
  Next read_odd_header(ByteView& input) noexcept;
  Next read_payload(ByteView& input) noexcept;
  Next on_padded_data(ByteView& input, Out& out) noexcept;
  [[gnu::cold]] Next refuse(Violation violation) noexcept { return fail(violation), Next::more; }
  bool check_header() noexcept;
  [[gnu::cold]] void refuse_header(Violation violation) noexcept;
  void keep_payload() noexcept;
  [[gnu::always_inline]] inline void begin_run(Stream& stream, std::uint32_t content) noexcept;
  [[gnu::noinline]] void measure_run(Stream& stream, std::uint32_t content) noexcept;
  // In a run, `left` alone says what its frames took, so that a frame of it costs ten instructions less. Whoever asks
  // for windows, for what is owed or for what a message still has, or changes these, has the run settled before.
  void settle_run() noexcept {
    if (run_.left != run_settled_) settle_frames();
  }
  [[gnu::noinline]] void settle_frames() noexcept;
  void end_run() noexcept {
    if (run_.lasts()) stop_run();
  }
  [[gnu::noinline]] void stop_run() noexcept;
  void take_off_run(std::size_t bytes) noexcept;
  void leave_unconsumed(Stream& stream, std::size_t bytes) noexcept {
    stream.unconsumed += static_cast<std::uint32_t>(bytes);
    stream.connection_unconsumed += static_cast<std::uint32_t>(bytes);
    unconsumed_ += bytes;
  }
  void probe_if_busy(const Stream& stream, std::int32_t arriving) noexcept;
  Violation check_data(Stream& stream, std::uint32_t content) noexcept;
  [[gnu::cold]] void drop_data(State state, std::uint32_t content) noexcept;
  void expect_late_content(std::int64_t window) noexcept;
  void refuse_stream(StreamId id) noexcept;
  void charge_late_content(std::uint32_t content) noexcept;
  bool is_tls_record() const noexcept;
  [[gnu::cold]] bool too_many_unsettled() const noexcept;
  bool holds_input() const noexcept {
    return output_.reply_bytes() > config_.max_queued_output || too_many_unsettled();
  }
  void on_extension(ByteView payload, Out& out) noexcept;
  void on_rst_stream(ByteView payload) noexcept;
  void charge_reset(State state) noexcept;
  void on_settings(ByteView payload, Out& out) noexcept;
  void on_settings_ack(Out& out) noexcept;
  Violation check_all(ByteView entries) const noexcept;
  Violation apply_all(ByteView entries) noexcept;
  Violation check(const Setting& setting, const Settings& before) const noexcept;
  Violation apply(const Setting& setting) noexcept;
  Violation apply_initial_window(std::uint32_t value) noexcept;
  void on_ping_ack(ByteView payload, Out& out) noexcept;
  void on_goaway(ByteView payload, Out& out) noexcept;
  State state_of_gone(StreamId id) const noexcept;
  State state_of(StreamId id, std::uint32_t slot) const noexcept {
    return slot == kNoSlot ? state_of_gone(id) : streams_[slot].state;
  }
  bool is_idle(StreamId id) const noexcept;
  bool is_ours(StreamId id) const noexcept { return id.opened_by_client() == (config_.role == Role::client); }
  std::uint32_t add_stream(StreamId id) noexcept;
  void recv_end(std::uint32_t slot, Stream& stream) noexcept;
  [[gnu::cold]] void stream_error(StreamId id, Violation violation) noexcept;
  static Work work_of(Violation violation) noexcept;
  void refuse_frame(StreamId id, Violation violation) noexcept;
  std::byte* reply(std::size_t bytes) noexcept {
    std::byte* out = output_.reserve(bytes);
    if (out == nullptr) fail(Violation::out_of_memory);
    return out;
  }
  void reply_sent(std::size_t bytes) noexcept {
    frame_written(bytes);
    output_.commit_reply(bytes);
  }
  void write_rst_stream(StreamId id, ErrorCode code) noexcept;

  // sections.cpp
  void on_headers(ByteView payload, Out& out) noexcept;
  void on_push_promise(ByteView payload, Out& out) noexcept;
  void on_continuation(ByteView payload, Out& out) noexcept;
  void open_block(ByteView content, StreamId promised, Out& out) noexcept;
  bool grow_block(ByteView content) noexcept;
  void on_block(ByteView block, Out& out) noexcept;
  void on_decoded(Decoded decoded, Out& out) noexcept;
  Decoded decode(ByteView block) noexcept;
  Decoded decode_unkept() noexcept;
  Decoded end_of_block(hpack::Decoder::Step step, Decoded good) noexcept;
  std::span<const Field> section() const noexcept { return {messages_->fields.data(), messages_->fields.size()}; }
  void on_new_stream(Decoded decoded, Out& out) noexcept;
  void answer_too_large(StreamId id, EndStream end) noexcept;
  bool is_caller_behind() const noexcept {
    return lingering_ >= std::max(announced_.max_concurrent_streams, kLeastLingering);
  }
  bool join_cookies(Head& head) noexcept;
  void pass_over_to(StreamId id) noexcept;
  void on_section(std::uint32_t slot, Decoded decoded, Out& out) noexcept;
  void on_response(std::uint32_t slot, EndStream end, Out& out) noexcept;
  void on_trailers(std::uint32_t slot, Out& out) noexcept;
  void on_promise(Decoded decoded, Out& out) noexcept;

  // send.cpp
  inline Misuse may_send(std::uint32_t slot, StreamId id, Input input) const noexcept;
  Outgoing look_at(std::span<const Field> pseudo, std::span<const Field> fields,
                   hpack::RepeatedSection* repeated = nullptr) noexcept;
  Misuse section_fits(const Outgoing& section) const noexcept;
  bool write_block(FrameType type, StreamId id, EndStream end, StreamId promised, const Outgoing& section) noexcept;
  [[gnu::always_inline]] inline std::byte* encode(const Outgoing& section, std::byte* out) noexcept;
  std::byte* encode_in_crumbs(const Outgoing& section, std::byte* at) noexcept;
  std::size_t split_block(std::byte* frame, std::size_t payload_bytes, FrameHeader header) noexcept;
  SavedFields* save(std::span<const Field> pseudo, std::span<const Field> fields) noexcept;
  bool write_trailers(Sending& sending) noexcept;
  void free_saved(Sending& sending) noexcept;
  bool start_request(std::uint32_t slot, const Outgoing& head) noexcept;
  void start_waiting() noexcept;
  void send_end(std::uint32_t slot, Stream& stream) noexcept;
  inline Misuse check_content(const Stream& stream, const Sending* sending, std::size_t bytes,
                              EndStream end) const noexcept;
  inline Misuse queue_copy(Sending& sending, ByteView data, EndStream end) noexcept;
  bool append_copy(Sending& sending, ByteView data) noexcept;
  inline void content_queued(Sending& sending, std::size_t bytes, EndStream end) noexcept;
  // A seventh of the call's instructions (30), with what it calls in line.
  [[gnu::always_inline]] inline Misuse queue_chunk(Sending& sending, ByteView data, Token token, bool copied,
                                                   EndStream end) noexcept;
  void write_bare_end(StreamId id) noexcept;
  void close_stream(std::uint32_t slot, State how, ErrorCode code, Violation violation, bool tell_reset) noexcept;
  void finish_if_done(std::uint32_t slot, Stream& stream) noexcept;
  void remove_if_settled(std::uint32_t slot) noexcept;
  void count(Stream& stream) noexcept;
  void uncount(Stream& stream) noexcept;
  [[gnu::noinline]] void uncount_in_run(Stream& stream) noexcept;
  Verdict verdict_of(const Stream& stream, ErrorCode peers_word) const noexcept;
  std::size_t initial_streams_allowed() const noexcept;

  // credit.cpp
  static bool may_receive(const Stream& stream) noexcept {
    return !stream.waiting && !stream.ended_by_peer && !is_closed(stream.state);
  }
  // When as much is owed as the peer has left, so that a reader who keeps much is still sent more; and of large windows
  // sooner, for what is not announced is of no use to a long link. Asked whenever one of the two has changed: about a
  // window that is used up nobody may ever ask again.
  static bool is_due(std::int64_t owed, std::int64_t window) noexcept {
    return owed >= std::min(window, kEnoughOwed) && owed > 0;
  }
  // What the peer is to have on the stream in all: its window, what of that it has used, and what is owed for it. Of a
  // frame that is cut, what will be delivered is neither in the window nor with the caller.
  std::int64_t recv_target(const Stream& stream) const noexcept {
    const bool cut = (stage_ == Stage::data || stage_ == Stage::run_data) && frame_.stream == stream.id &&
                     config_.credit == Credit::manual;
    return stream.recv_window + (cut ? std::int64_t{data_left_} : 0) + stream.recv_owed + stream.unconsumed;
  }
  void update_stream_window(Stream& stream) noexcept {
    if (is_due(stream.recv_owed, stream.recv_window)) announce_owed(stream);
  }
  void credit_connection(std::size_t bytes) noexcept {
    recv_owed_ += static_cast<std::int64_t>(bytes);
    if (is_due(recv_owed_, recv_window_)) announce_owed();
  }
  void announce_owed(Stream& stream) noexcept;
  void announce_owed() noexcept;
  void write_window_update(StreamId id, std::uint32_t increment) noexcept;
  void resize_connection_window(std::uint32_t bytes) noexcept;
  // `used`: what the peer is to have, less its window.
  static bool is_busy(std::int64_t window, std::int64_t used) noexcept {
    return window <= used || used >= kEnoughOwed / 2;
  }
  // For how many octets it will not be.
  static std::int64_t until_busy(std::int64_t window, std::int64_t used) noexcept {
    return std::min((window - used - 1) >> 1, kEnoughOwed / 2 - used - 1);
  }
  bool may_probe() const noexcept {
    return !probing_ && now_ >= probe_.next && !failed_ && !shutting_down_ &&
           ((!stream_windows_fixed_ && announced_.initial_window_size < config_.window_limit) ||
            (!connection_window_fixed_ && recv_target_ < config_.window_limit));
  }
  void start_probe() noexcept;
  void end_probe(Duration round_trip) noexcept;
  bool grow_windows(std::uint32_t bytes) noexcept;

  // explain.cpp
  std::optional<TimePoint> time_of(std::uint32_t ms) const noexcept;
  Hold hold_on_sending(const Stream& stream) const noexcept;
  Hold hold_on_receiving(const Stream& stream) const noexcept;
  Hold hold_on_output() const noexcept;
  Hold hold_on_input() const noexcept;

  // extensions.cpp
  void on_priority_update(ByteView payload, Out& out) noexcept;
  void keep_priority(StreamId id, Priority priority) noexcept;
  std::optional<Priority> kept_priority(StreamId id) noexcept;
  void prioritize(std::uint32_t slot, Priority priority) noexcept;
  void write_priority_update(const Stream& stream) noexcept;
  void on_altsvc(ByteView payload, Out& out) noexcept;
  void on_origin(ByteView payload, Out& out) noexcept;
  Misuse may_send_extension(StreamId id) const noexcept;
  std::byte* begin_extension(FrameType type, std::uint8_t flags, StreamId id, std::size_t bytes) noexcept;
  void commit_extension() noexcept;
  void write_grease() noexcept;

  // schedule.cpp
  // Ready is who has content and an open window of its own; the connection's is asked when output is polled.
  void make_ready(Sending& sending) noexcept {
    const Stream& stream = *sending.stream;
    if (stream.ready || stream.waiting || stream.held || sending.queued_bytes == 0 || stream.send_window <= 0 ||
        is_closed(stream.state))
      return;
    turns_.add(sending);
  }
  void make_ready(const Stream& stream) noexcept {
    if (Sending* const sending = sending_of(stream)) make_ready(*sending);
  }
  void unready(const Stream& stream) noexcept {
    if (stream.ready) turns_.remove(*sending_of(stream));
  }
  // One loop from the turn to the segments: 37 of 250 instructions for a frame of DATA.
  [[gnu::always_inline]] inline bool frame_data(Sending& sending, std::size_t room) noexcept;
  // By itself, so that who has nothing to frame saves no registers.
  [[gnu::noinline]] std::size_t frame_ready(std::span<ByteView> slices, std::size_t max_bytes) noexcept;
  [[gnu::always_inline]] inline std::size_t show_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept;
  [[gnu::always_inline]] inline bool frame_row(Sending& sending, std::size_t room, std::size_t slices) noexcept;
  [[gnu::always_inline]] inline void gather_row(Sending& sending, OutputQueue::Row& row, std::uint32_t bytes,
                                                std::uint32_t frames) noexcept;
  // What both windows and the counters say of so much content.
  void content_framed(Sending& sending, std::size_t bytes) noexcept {
    Stream& stream = *sending.stream;
    sending.queued_bytes -= bytes;
    sending.sent_ms = now_ms_;
    send_window_ -= static_cast<std::int32_t>(bytes);
    stream.send_window -= static_cast<std::int32_t>(bytes);
    stream.hold_over = connection_hold_over_ = false;
    counters_.data_bytes_sent += bytes;
  }
  bool hold_sliver(Sending& sending) noexcept;
  void end_holds() noexcept;
  [[gnu::always_inline]] inline void gather(Sending& sending, std::size_t bytes) noexcept;
  // The record of a stream that sends, or null.
  Sending* sending_of(const Stream& stream) const noexcept {
    return stream.sends ? &messages_->sendings[stream.sending] : nullptr;
  }
  Sending* begin_sending(std::uint32_t slot, Stream& stream) noexcept;
  // Gives the record back if it is of no use any more.
  void settle_sending(Stream& stream) noexcept {
    const Sending& sending = messages_->sendings[stream.sending];
    if (sending.chunks_out > 0 || sending.saved != nullptr) return;
    if (sending.content_left >= 0 && !stream.end_queued && !is_closed(stream.state)) return;
    const std::uint32_t at = stream.sending;
    stream.sends = false;
    stream.sent_ms = sending.sent_ms;
    messages_->sendings.give_back(at);
  }
  bool dequeue_chunk(Sending& sending) noexcept;
  void pass_empty_chunks(Sending& sending) noexcept;
  void drop_chunks(Sending& sending) noexcept;
  void chunk_taken(Chunk& chunk, std::size_t bytes) noexcept {
    chunk.taken += bytes;
    if (chunk.taken == chunk.framed && chunk.dequeued) chunk_done(chunk);
  }
  // No byte of it is needed any more: lent memory goes back by an event, copied memory at once.
  void chunk_done(Chunk& chunk) noexcept { chunk.copied ? free_copy(chunk) : append_event(kChunkRef | chunk.self); }
  void free_copy(Chunk& chunk) noexcept;

  void note(Direction direction, const FrameHeader& header, ByteView payload, std::span<const Field> fields) noexcept {
    if (config_.observer.on_frame != nullptr) tell_observer(direction, header, payload, fields);
  }
  [[gnu::cold]] void tell_observer(Direction direction, const FrameHeader& header, ByteView payload,
                                   std::span<const Field> fields) noexcept;

  // Members stand where they leave no holes, for 1.5 KiB is all that an idle connection takes.
  bool settings_seen_ = false, peer_settings_known_ = false;
  bool input_was_held_ = false;  // in this interval some of it was left unread
  Config config_;
  OutputQueue output_;
  StreamTable streams_;
  Turns turns_;
  Slab<Chunk> chunks_;

  // input
  Stage stage_ = Stage::odd_header;
  std::uint8_t head_have_ = 0;  // of a header that straddles calls
  std::byte head_[kFrameHeaderBytes] = {};
  std::uint8_t preface_have_ = 0;
  std::uint32_t live_streams_ = 0;  // StreamClosed not delivered yet
  std::int32_t run_settled_ = -1;   // what was `left` when accounts were right
  std::uint32_t pad_left_ = 0;
  FrameHeader frame_;  // here at a multiple of 16, so that it never lies across two lines
  union {
    std::uint32_t data_left_ = 0;  // content of the current DATA frame, not delivered
    std::uint32_t skip_left_;      // padding, or a payload that nobody wants
  };
  Run run_;
  Array<std::byte> stash_;  // one frame's payload that straddles calls; at most MAX_FRAME_SIZE
  OpenBlock open_block_;
  Messages* messages_ = nullptr;

  // settings
  Settings peer_;
  Settings acknowledged_{};  // ours, as the peer has confirmed them
  Settings announced_{};     // ours, as last sent
  Settings effective_{};     // ours, the loosest of acknowledged and pending: what the peer may rely on
  Ring<PendingSettings> settings_in_flight_;

  FrameHeader extension_;  // of ours, begun and not committed

  // windows of the connection
  std::int32_t send_window_ = 65535;
  std::int32_t recv_window_ = 65535;
  std::int32_t late_content_ = 0;  // of streams that we reset or refused: at most so much is on its way
  std::uint32_t answers_due_ = 0;  // WINDOW_UPDATEs and PINGs that belong to what we sent
  bool stream_windows_fixed_ = false, connection_window_fixed_ = false;  // their caller has chosen
  bool connection_held_ = false, connection_hold_over_ = false;          // as a stream's `held` and `hold_over`
  std::int64_t recv_owed_ = 0;
  std::int64_t recv_target_ = 65535;
  std::uint64_t unconsumed_ = 0;

  // growth of the receive windows
  struct Probe {
    std::uint64_t bytes_before = 0, unconsumed_before = 0;
    Duration shortest{0};  // round trip of all
    Duration pause{0};     // longer each time that nothing changed
    TimePoint next{};
  };
  Probe probe_;

  // streams
  std::uint32_t next_id_;
  StreamId last_peer_id_;
  std::uint32_t our_active_ = 0, peer_active_ = 0, reserved_ = 0;
  std::uint32_t lingering_ = 0;  // StreamClosed was delivered, and content is not consumed

  // events that wait: stream slots and, with the top bit set, chunks
  static constexpr std::uint32_t kChunkRef = 0x80000000;
  std::uint32_t event_head_ = kNoSlot, event_tail_ = kNoSlot;
  enum : std::uint8_t { kFailed = 1, kIdle = 2, kBudget = 4, kFinished = 8 };

  // pings
  Ring<PendingPing> pings_;
  std::uint64_t ping_counter_;
  bool probing_ = false;  // one of ours measures how windows should grow

  // end
  std::uint8_t connection_events_ = 0;  // that wait, too
  Violation failure_ = Violation::none;
  Work budget_cause_{};
  ErrorCode failure_code_ = ErrorCode::no_error;
  bool failed_ = false, eof_ = false, lost_ = false, finished_ = false;
  bool cut_ = false;            // by Shutdown::immediate
  bool shutting_down_ = false;  // a GOAWAY of ours is out, or about to be
  bool goaway_final_ = false;   // it named the real last stream
  bool goaway_received_ = false;
  StreamId goaway_last_sent_{kMaxStreamId};
  StreamId goaway_last_received_{kMaxStreamId};

  // time
  TimePoint now_{}, clock_start_{}, last_received_{}, idle_since_{};
  std::uint32_t now_ms_ = 0;     // since the start of the clock
  std::uint32_t output_ms_ = 0;  // when output was last taken, or began to wait
  TimePoint content_check_by_{};
  TimePoint drain_by_ = kNever, linger_by_ = kNever, sliver_by_ = kNever;

  std::int64_t budget_;
  std::uint32_t refill_billionths_ = 0;  // of a unit, not given yet
  bool budget_warned_ = false, budget_used_up_ = false;
  bool clock_runs_ = false;
  TimePoint trim_by_ = kNever, trimmed_at_{};
  Counters counters_;
};

}  // namespace h2::detail
