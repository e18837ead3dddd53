// A new server session is fed 10,000 recorded requests in pieces of 16 KiB and answers each, without a body, as soon as
// it has ended. op = one request, the server's side only.
#include "engine/engines.h"

namespace bench {
namespace {

constexpr std::size_t kRequests = 10000;
constexpr std::size_t kPiece = 16384;
constexpr std::size_t kWarm = kRequests / 10;

struct Recording {
  std::vector<std::byte> wire;
  std::size_t warm_at = 0;  ///< where the first tenth ends
};

Recording record() {
  Recording recording{client_hello(), 0};
  for (std::size_t i = 0; i < kRequests; ++i) {
    const auto path = "/static/assets/item" + std::to_string(1000 + i % kVariants) + ".jpg";
    const auto before = recording.wire.size();
    append_frame(recording.wire, 0x1, h2::flags::end_stream | h2::flags::end_headers,
                 static_cast<std::uint32_t>(2 * i + 1), request_block(path, i == 0));
    require(i == 0 || recording.wire.size() - before == 46, "a recorded request has 46 octets");
    if (i == kWarm) recording.warm_at = before / kPiece * kPiece;
  }
  return recording;
}

template <class Engine>
class ServerRequests : public Task, private IgnoreAll {
 public:
  ServerRequests() : recording_(record()), out_(kTransferBytes) {}

  std::size_t run(std::size_t ops) override {
    std::size_t done = 0;
    do {
      run_session();
      done += kRequests;
    } while (done < ops);
    return done;
  }

  std::vector<Figure> figures() const override {
    return {{"wire_bytes", static_cast<double>(recording_.wire.size() + first_sent_) / static_cast<double>(kRequests)}};
  }

 private:
  using Session = typename Engine::template Session<ServerRequests>;
  friend Session;

  void run_session() {
    Session session(Side::server, kLarge, *this);
    session_ = &session;
    value_bytes_ = answered_ = closed_ = 0;
    std::size_t sent = 0;
    for (std::size_t at = 0; at < recording_.wire.size(); at += kPiece) {
      if (at == recording_.warm_at) this->warm_.start();
      session.feed(Bytes(recording_.wire).subspan(at, std::min(kPiece, recording_.wire.size() - at)));
      while (const auto bytes = session.pull(out_)) {
        if (first_sent_ == 0) count_responses(Bytes(out_).first(bytes));
        sent += bytes;
      }
    }
    this->warm_.stop();
    const auto one_request =
        request_value_bytes(0) - paths()[0].size() + std::string_view("/static/assets/item1000.jpg").size();
    require(value_bytes_ == kRequests * one_request, "not all request fields arrived");
    require(answered_ == kRequests && closed_ == kRequests, "not all requests were answered");
    require(first_sent_ == 0 || sent == first_sent_, "not the same responses as in the first run");
    require(responses_ == kRequests, "not one HEADERS frame per response");
    first_sent_ = sent;
  }

  // Output of a session is pulled at frame borders, in the first run at least: nothing is left behind by a pull.
  void count_responses(Bytes output) {
    while (output.size() >= h2::kFrameHeaderBytes) {
      const auto header = h2::read_frame_header(output.data());
      if (header.type == h2::FrameType::headers && header.has(h2::flags::end_stream)) ++responses_;
      output = output.subspan(h2::kFrameHeaderBytes + header.length);
    }
  }

  void on_value_bytes(std::size_t bytes) { value_bytes_ += bytes; }
  void on_message_end(std::uint32_t stream) { session_->send_response(stream, head_, answered_++, 0); }
  void on_stream_closed(std::uint32_t) { ++closed_; }

  Recording recording_;
  std::vector<std::byte> out_;
  typename Engine::ResponseHead head_{0};
  Session* session_ = nullptr;
  std::size_t value_bytes_ = 0, answered_ = 0, closed_ = 0;
  std::size_t responses_ = 0, first_sent_ = 0;
};

}  // namespace

void add_server_requests(Workloads& all) {
  for_each_engine([&]<class Engine>() {
    all.push_back({"server_requests/0B", Engine::kName, kRequests, kRequests,
                   [] { return std::make_unique<ServerRequests<Engine>>(); }});
  });
}

}  // namespace bench
