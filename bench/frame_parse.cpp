// A server session is fed 100,000 frames of one kind in pieces of 16 KiB that ignore frame borders. op = one frame.
//
// The total of DATA stays below the announced windows, so the input is legal whatever WINDOW_UPDATEs an engine sends.
#include "engine/engines.h"

namespace bench {
namespace {

constexpr std::size_t kFrames = 100000;
constexpr std::size_t kPiece = 16384;

struct Kind {
  const char* name;
  std::size_t data_bytes;      ///< of content per frame
  std::size_t reply_bytes;     ///< that each frame is answered with
  std::size_t segment_frames;  ///< recorded, and fed again and again
  void (*append)(std::vector<std::byte>& out, const Kind& kind, std::size_t n);
};

void append_data(std::vector<std::byte>& out, const Kind& kind, std::size_t) {
  append_frame(out, 0x0, 0, 1, body_block().first(kind.data_bytes));
}
void append_ping(std::vector<std::byte>& out, const Kind&, std::size_t) {
  append_frame(out, 0x6, 0, 0, body_block().first(8));
}
void append_window_update(std::vector<std::byte>& out, const Kind&, std::size_t n) {
  const std::array increment{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  append_frame(out, 0x8, 0, n % 2 == 0 ? 0 : 1, increment);
}
void append_unknown(std::vector<std::byte>& out, const Kind&, std::size_t) {
  append_frame(out, 0xfa, 0, 1, body_block().first(16));
}

constexpr Kind kKinds[] = {
    {"data64", 64, 0, 1000, &append_data},
    {"data1k", 1024, 0, 1000, &append_data},
    {"data16k", 16384, 0, 50, &append_data},
    {"ping", 0, 17, 1000, &append_ping},
    {"window_update", 0, 0, 1000, &append_window_update},
    {"unknown", 0, 0, 1000, &append_unknown},
};

template <class Engine>
class FrameParse : public Task, private IgnoreAll {
 public:
  explicit FrameParse(const Kind& kind) : kind_(kind), hello_(client_hello()), out_(kTransferBytes) {
    append_frame(hello_, 0x1, h2::flags::end_headers, 1, request_block(paths()[0], true));
    append_ping(closing_ping_, kind, 0);
    for (std::size_t i = 0; i < kind.segment_frames; ++i) kind.append(segment_, kind, i);
  }

  std::size_t run(std::size_t ops) override {
    std::size_t done = 0;
    while (done < ops) done += run_session(std::min(kFrames, ops - done));
    return done;
  }

 private:
  using Session = typename Engine::template Session<FrameParse>;
  friend Session;

  std::size_t run_session(std::size_t frames) {
    Session session(Side::server, kWidest, *this);
    data_bytes_ = 0;
    session.feed(hello_);
    drain(session);
    const auto connection_window = session.send_window(0);
    const auto stream_window = session.send_window(1);

    // Warm is a session whose buffers have met a piece wherever it may begin in them.
    std::size_t sent_bytes = 0, done = 0;
    for (; done < 3 * kind_.segment_frames; done += kind_.segment_frames) sent_bytes += feed_segment(session);
    this->warm_.start();
    for (; done < frames; done += kind_.segment_frames) sent_bytes += feed_segment(session);
    this->warm_.stop();

    require(data_bytes_ == done * kind_.data_bytes, "not all content arrived");
    if (kind_.data_bytes == 0)
      require(sent_bytes == done * kind_.reply_bytes, "not what these frames are answered with");
    if (kind_.append == &append_window_update) {
      require(session.send_window(0) == connection_window + static_cast<std::int64_t>(done / 2) &&
                  session.send_window(1) == stream_window + static_cast<std::int64_t>(done / 2),
              "not all increments were counted");
    }
    session.feed(closing_ping_);
    require(session.alive() && drain(session) == 17, "the session does not answer any more");
    return done;
  }

  std::size_t feed_segment(Session& session) {
    std::size_t sent = 0;
    for (Bytes rest = segment_; !rest.empty(); rest = rest.subspan(std::min(kPiece, rest.size()))) {
      session.feed(rest.first(std::min(kPiece, rest.size())));
      sent += drain(session);
    }
    return sent;
  }

  std::size_t drain(Session& session) {
    std::size_t sent = 0;
    while (const auto bytes = session.pull(out_)) sent += bytes;
    return sent;
  }

  void on_data(std::size_t bytes) { data_bytes_ += bytes; }

  const Kind& kind_;
  std::vector<std::byte> hello_, closing_ping_, segment_, out_;
  std::size_t data_bytes_ = 0;
};

}  // namespace

void add_frame_parse(Workloads& all) {
  for (const auto& kind : kKinds) {
    for_each_engine([&]<class Engine>() {
      all.push_back({std::string("frame_parse/") + kind.name, Engine::kName, kFrames, kFrames / 4,
                     [&kind] { return std::make_unique<FrameParse<Engine>>(kind); }});
    });
  }
}

}  // namespace bench
