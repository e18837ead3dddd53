// Memory that runs out in the middle of a call: the call says so or the connection ends, and all of it comes back.
// Every call that may allocate is made, each allocation fails in turn, for once or from then on.
#include <array>

#include "harness.h"

namespace h2::test {
namespace {

const Bytes kPiece(3000);
const Field kMany[] = {{"user-agent", "busy/1"}, {"x-one", "a value that no table knows"}, {"cookie", "a=b"}};

// A client whose second request waits, and a server that answers in every way there is; their frames are observed.
class Busy {
 public:
  Busy(Allocator client, Allocator server, Role weak)
      : weak_(weak == Role::client ? client_ : server_),
        client_(config(Role::client, client)),
        server_(config(Role::server, server)) {
    client_.advance_time(TimePoint{1h});
    server_.advance_time(TimePoint{1h});
  }

  void run() {
    ask();
    ask();  // waits
    pump();
    fine(client_.send_altsvc(StreamId{1}, {}, "clear"));
    fine(server_.send_altsvc(kConnection, "https://example.com", "clear"));
    const std::string_view origins[] = {"https://example.com"};
    fine(server_.send_origin(origins));
    fine(client_.send_frame(0xee, 0, kConnection, ByteView(kPiece)));
    fine(client_.ping(Token{7}));
    ask_for_too_much();
    pump();
    client_.shutdown(Shutdown::graceful);
    pump();
  }

  std::uint64_t responses = 0, pushes = 0, failures = 0, frames = 0;

 private:
  Config config(Role role, Allocator allocator) {
    Config config;
    config.role = role;
    config.allocator = allocator;
    config.settings.enable_push = role == Role::client ? 1 : 0;
    config.settings.max_header_list_size = 2000;
    config.assumed_peer_streams = 1;
    config.validate_outgoing = true;
    config.observer = {this, [](void* context, const FrameNote&) noexcept { ++static_cast<Busy*>(context)->frames; }};
    return config;
  }

  /// Whatever fails, fails for want of memory, or since what it is about has ended for that.
  template <class T>
  bool fine(const Result<T>& result) {
    if (result) return true;
    const Misuse misuse = result.error();
    const bool known = misuse == Misuse::out_of_memory || misuse == Misuse::stream_gone ||
                       misuse == Misuse::connection_over || misuse == Misuse::already_ended ||
                       misuse == Misuse::wrong_role || misuse == Misuse::unknown_stream ||
                       misuse == Misuse::shutting_down || misuse == Misuse::push_disabled;
    CHECK_MESSAGE(known, describe(misuse));
    return false;
  }

  void ask() {
    Request request = kPost;
    request.fields = kMany;
    const auto stream = client_.send_request(request, EndStream::no);
    if (!fine(stream)) return;
    if (!fine(client_.send_copy(*stream, ByteView(kPiece), EndStream::no))) return;
    if (!fine(client_.send_data(*stream, ByteView(kPiece), Token{1}, EndStream::no))) return;
    const Field trailers[] = {{"x-sum", "of what was sent"}};
    fine(client_.send_trailers(*stream, trailers));
  }

  /// A head over the server's limit, from a client that does not know of it yet.
  void ask_for_too_much() {
    const std::string large(1500, 'x');
    const Field fields[] = {{"x-large", large}, {"x-larger", large}};
    Request request = kGet;
    request.fields = fields;
    (void)client_.send_request(request, EndStream::yes);
  }

  void answer(StreamId stream) {
    const Field hint[] = {{"link", "</style>; rel=preload"}};
    fine(server_.send_informational(stream, 103, hint));
    const auto promised = server_.push(stream, {"GET", "https", "example.com", "/style", {}, {}});
    if (fine(promised)) fine(server_.send_response(*promised, 204, kMany, EndStream::yes));
    if (!fine(server_.send_response(stream, 200, kMany, EndStream::no))) return;
    if (!fine(server_.send_copy(stream, ByteView(kPiece), EndStream::no))) return;
    const Field trailers[] = {{"x-sum", "of what was answered"}};
    fine(server_.send_trailers(stream, trailers));
  }

  void on(Connection& self, const Event& event) {
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      answer(request->stream);
    } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
      self.consume(piece->stream, piece->data.size());
    } else if (std::holds_alternative<ResponseReceived>(event)) {
      ++responses;
    } else if (std::holds_alternative<PushReceived>(event)) {
      ++pushes;
    } else if (const auto* failed = std::get_if<ConnectionFailed>(&event)) {
      ++failures;
      if (&self == &weak_) CHECK(failed->violation == Violation::out_of_memory);
    }
  }
  void pump() {
    for (int quiet = 0; quiet < 2;) quiet = move(client_, server_) || move(server_, client_) ? 0 : quiet + 1;
  }
  bool move(Connection& from, Connection& to) {
    drain(from, {});
    std::array<ByteView, 8> slices;
    const std::size_t count = from.poll_output(slices);
    std::size_t bytes = 0;
    for (const ByteView slice : std::span(slices).first(count)) {
      drain(to, slice);
      bytes += slice.size();
    }
    from.consume_output(bytes);
    drain(from, {});
    return bytes > 0;
  }
  void drain(Connection& self, ByteView input) {
    while (const auto event = self.receive(input)) on(self, *event);
  }

  const Connection& weak_;
  Connection client_, server_;
};

TEST_CASE("whichever allocation fails in whichever call, the call says so or the connection ends") {
  for (const Role failing : {Role::client, Role::server}) {
    for (const bool once : {true, false}) {
      std::uint64_t needed = 0;
      for (std::uint64_t fail_at = 0; fail_at <= needed; ++fail_at) {
        CAPTURE(fail_at);
        TestMemory client, server;
        TestMemory& weak = failing == Role::client ? client : server;
        weak.fail_once = once;
        if (fail_at > 0) weak.fail_at = fail_at - 1;
        {
          Busy busy(client.allocator(), server.allocator(), failing);
          busy.run();
          CHECK(busy.failures <= 2);
          if (fail_at == 0) {
            CHECK(busy.failures == 0);
            CHECK(busy.responses >= 4);  // two and two pushes, and what is told of a head that is too large
            CHECK(busy.pushes == 2);
            CHECK(busy.frames > 20);
          }
        }
        CHECK(client.live_bytes == 0);
        CHECK(server.live_bytes == 0);
        if (fail_at == 0) needed = weak.calls;
      }
      CHECK(needed > 10);
    }
  }
}

}  // namespace
}  // namespace h2::test
