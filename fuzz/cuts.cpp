// The same bytes whole and in pieces: events and output must be the same, octet by octet (adjacent DATA aside).
#include <memory>
#include <string>

#include <h2core/connection.h>

#include "input.h"

namespace fuzz {
namespace {

using namespace h2;

/// What a caller does with a connection, so that it does the same with both.
struct Habits {
  Role role;
  bool automatic, small_windows, growing, answering, crumbs;
  explicit Habits(std::uint8_t options)
      : role((options & 1) != 0 ? Role::client : Role::server),
        automatic((options & 2) != 0),
        small_windows((options & 4) != 0),
        growing((options & 8) != 0),
        answering((options & 16) != 0),
        crumbs((options & 32) != 0) {}
};

/// A connection, and all that came out of it as text.
class Lane {
 public:
  explicit Lane(const Habits& habits) : habits_(habits), connection_(config(habits)) {
    if (habits_.growing) connection_.advance_time(TimePoint{std::chrono::milliseconds(1)});
    if (habits_.role == Role::client) {
      for (int i = 0; i < 3; ++i) {
        const Request request{i == 1 ? "HEAD" : "GET", "https", "example.com", "/", {}, {}};
        check(connection_.send_request(request, i == 2 ? EndStream::no : EndStream::yes).has_value(),
              "requests go out");
      }
    }
    take();
  }

  void feed(std::span<const std::uint8_t> octets) {
    const auto memory = std::make_unique<std::byte[]>(octets.size());
    if (!octets.empty()) std::memcpy(memory.get(), octets.data(), octets.size());
    ByteView input(memory.get(), octets.size());
    while (const std::optional<Event> event = connection_.receive(input)) {
      std::visit([this](const auto& one) { note(one); }, *event);
      if (habits_.answering) answer(*event);
    }
    check(input.empty(), "input is used up");
    check(!connection_.has_event(), "no event waits");
  }
  /// All output at once, for when it is taken matters: it lets a shutdown finish.
  void finish() {
    take();
    feed({});
  }
  const std::string& events() const { return events_; }
  const std::string& output() const { return output_; }

 private:
  static Config config(const Habits& habits) {
    Config config;
    config.role = habits.role;
    config.max_queued_output = ~std::uint32_t{0};
    config.deliver_unknown_frames = true;
    config.join_cookies = !habits.crumbs;
    config.settings.enable_connect_protocol = 1;
    if (habits.automatic) config.credit = Credit::automatic;
    if (habits.small_windows) {
      config.settings.initial_window_size = 60;
      config.settings.max_header_list_size = 300;
      config.settings.max_concurrent_streams = 3;
      config.connection_window = 65535;
      config.work_budget = 60;
    }
    if (habits.role == Role::client) config.settings.enable_push = 1;
    return config;
  }

  // At the events that no cut multiplies. Credit comes back at once where a message ends: piece by piece it would be
  // announced elsewhere.
  void answer(const Event& event) {
    const auto respond = [this](StreamId id) {
      static_cast<void>(connection_.send_response(id, 200, {}, EndStream::no));
      static_cast<void>(connection_.send_copy(id, std::as_bytes(std::span("content")), EndStream::yes));
    };
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      if (request->stream.value % 4 == 1) respond(request->stream);
      if (request->path == "/reset") static_cast<void>(connection_.reset(request->stream, ErrorCode::no_error));
    } else if (const auto* push = std::get_if<PushReceived>(&event)) {
      if (push->path != "/") static_cast<void>(connection_.reset(push->stream, ErrorCode::cancel));
    } else if (const auto* data = std::get_if<DataReceived>(&event)) {
      if (data->end == EndStream::yes) connection_.release(data->stream);
    } else if (const auto* trailers = std::get_if<TrailersReceived>(&event)) {
      connection_.release(trailers->stream);
      respond(trailers->stream);
    } else if (const auto* response = std::get_if<ResponseReceived>(&event)) {
      static_cast<void>(connection_.send_copy(response->stream, std::as_bytes(std::span("body")), EndStream::yes));
    } else if (const auto* closed = std::get_if<StreamClosed>(&event)) {
      connection_.release(closed->stream);
    } else if (std::holds_alternative<GoawayReceived>(event)) {
      connection_.shutdown(Shutdown::graceful);
    }
  }
  void take() {
    ByteView slices[8];
    while (const std::size_t count = connection_.poll_output(slices)) {
      std::size_t bytes = 0;
      for (const ByteView slice : std::span(slices, count)) {
        output_.append(reinterpret_cast<const char*>(slice.data()), slice.size());
        bytes += slice.size();
      }
      connection_.consume_output(bytes);
    }
  }

  void begin(const char* kind, StreamId stream) {
    data_on_ = {};
    events_ += '\n';
    events_ += kind;
    add(stream.value);
  }
  void add(std::uint64_t number) { events_ += ' ' + std::to_string(number); }
  void add(std::string_view text) { events_.append(1, '|').append(text); }
  void add(FieldsView fields) {
    for (const Field& field : fields) {
      add(field.name);
      add(field.value);
      add(static_cast<std::uint64_t>(field.indexing));
    }
  }
  void add(Priority priority) { add(std::uint64_t{priority.urgency} * 2 + (priority.incremental ? 1 : 0)); }
  void add(ByteView bytes) { add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())); }

  void note(const RequestReceived& e) {
    begin("request", e.stream);
    for (const std::string_view text : {e.method, e.scheme, e.authority, e.path, e.protocol}) add(text);
    add(e.fields);
    add(static_cast<std::uint64_t>(e.end));
    add(e.priority);
  }
  void note(const InformationalReceived& e) { begin("interim", e.stream), add(e.status), add(e.fields); }
  void note(const ResponseReceived& e) {
    begin("response", e.stream), add(e.status), add(e.fields), add(static_cast<std::uint64_t>(e.end));
  }
  void note(const PushReceived& e) { begin("push", e.parent), add(e.stream.value), add(e.path), add(e.fields); }
  void note(const DataReceived& e) {
    if (data_on_ != e.stream) begin("data", e.stream), add(std::string_view());
    data_on_ = e.stream;
    events_.append(reinterpret_cast<const char*>(e.data.data()), e.data.size());
    if (e.end == EndStream::yes) events_ += " end";
  }
  void note(const TrailersReceived& e) { begin("trailers", e.stream), add(e.fields); }
  void note(const StreamReset& e) {
    begin("reset", e.stream), add(static_cast<std::uint64_t>(e.code)), add(describe(e.violation).name);
  }
  void note(const StreamClosed& e) {
    begin("closed", e.stream), add(static_cast<std::uint64_t>(e.code)), add(static_cast<std::uint64_t>(e.verdict));
  }
  void note(const DataSent& e) { begin("sent", e.stream); }
  void note(const StreamWritable& e) { begin("writable", e.stream); }
  void note(const SettingsReceived& e) {
    begin("settings", kConnection), add(e.settings.initial_window_size), add(e.entries);
  }
  void note(const SettingsAcknowledged&) { begin("settings ack", kConnection); }
  void note(const PingAnswered& e) { begin("ping", kConnection), add(e.token.value); }
  void note(const GoawayReceived& e) { begin("goaway", e.last_stream), add(e.debug); }
  void note(const UnknownFrameReceived& e) { begin("unknown", e.stream), add(e.type), add(e.payload); }
  void note(const IdleTimedOut&) { begin("idle", kConnection); }
  void note(const WorkBudgetLow& e) {
    begin("budget", kConnection), add(describe(e.cause)), add(e.used_up ? "used up" : "low");
  }
  void note(const ShutdownFinished&) { begin("finished", kConnection); }
  void note(const PriorityReceived& e) { begin("priority", e.stream), add(e.priority); }
  void note(const AltSvcReceived& e) { begin("altsvc", e.stream), add(e.origin), add(e.value); }
  void note(const OriginReceived& e) { begin("origin", kConnection), add(e.entries); }
  void note(const ConnectionFailed& e) { begin("failed", kConnection), add(describe(e.violation).name); }

  Habits habits_;
  Connection connection_;
  std::string events_, output_;
  StreamId data_on_;
};

void run(Input input) {
  const Habits habits(input.u8());
  const std::uint8_t cut = input.u8();
  const auto octets = input.take(input.size());
  Lane whole(habits), pieces(habits);
  whole.feed(octets);
  std::uint32_t random = cut;
  for (std::size_t at = 0; at < octets.size();) {
    random = random * 1103515245 + 12345;
    const std::size_t size = std::min<std::size_t>(octets.size() - at, cut == 0 ? 1 : 1 + (random >> 16) % cut);
    pieces.feed(octets.subspan(at, size));
    at += size;
  }
  whole.finish();
  pieces.finish();
  check(whole.events() == pieces.events(), "cuts in the input change no event");
  check(whole.output() == pieces.output(), "cuts in the input change no output");
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::run(fuzz::Input(octets, size));
  return 0;
}
