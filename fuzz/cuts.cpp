// The same bytes whole and in pieces: events and output must be the same (adjacent DATA aside).
#include <memory>
#include <string>

#include <h2core/connection.h>

#include "input.h"

namespace fuzz {
namespace {

using namespace h2;

/// A connection, and all that came out of it as text.
class Lane {
 public:
  explicit Lane(Role role) : connection_(config(role)) {
    if (role == Role::client) {
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
      if (const auto* data = std::get_if<DataReceived>(&*event)) connection_.consume(data->stream, data->data.size());
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
  static Config config(Role role) {
    Config config;
    config.role = role;
    config.max_queued_output = ~std::uint32_t{0};
    config.deliver_unknown_frames = true;
    if (role == Role::client) config.settings.enable_push = 1;
    return config;
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
  void add(ByteView bytes) { add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())); }

  void note(const RequestReceived& e) {
    begin("request", e.stream);
    for (const std::string_view text : {e.method, e.scheme, e.authority, e.path, e.protocol}) add(text);
    add(e.fields);
    add(static_cast<std::uint64_t>(e.end));
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
  void note(const SettingsReceived& e) { begin("settings", kConnection), add(e.settings.initial_window_size); }
  void note(const SettingsAcknowledged&) { begin("settings ack", kConnection); }
  void note(const PingAnswered& e) { begin("ping", kConnection), add(e.token.value); }
  void note(const GoawayReceived& e) { begin("goaway", e.last_stream), add(e.debug); }
  void note(const UnknownFrameReceived& e) { begin("unknown", e.stream), add(e.type), add(e.payload); }
  void note(const IdleTimedOut&) { begin("idle", kConnection); }
  void note(const WorkBudgetLow& e) { begin("budget", kConnection), add(describe(e.cause).name); }
  void note(const ShutdownFinished&) { begin("finished", kConnection); }
  void note(const ConnectionFailed& e) { begin("failed", kConnection), add(describe(e.violation).name); }

  Connection connection_;
  std::string events_, output_;
  StreamId data_on_;
};

void run(Input input) {
  const std::uint8_t options = input.u8();
  const Role role = (options & 1) != 0 ? Role::client : Role::server;
  const std::uint8_t cut = input.u8();
  const auto octets = input.take(input.size());
  Lane whole(role), pieces(role);
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
  check(whole.output().size() == pieces.output().size() || whole.events().find("\ndata") != std::string::npos,
        "cuts in the input change no output");
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::run(fuzz::Input(octets, size));
  return 0;
}
