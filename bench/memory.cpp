// Bytes of heap that server sessions live in. op = one session or one stream.
#include <algorithm>
#include <optional>

#include "engine/engines.h"

namespace bench {
namespace {

template <class Engine>
class Held : public Task {
 public:
  std::vector<Figure> figures() const override { return {{"held_bytes", bytes_}, {"held_blocks", blocks_}}; }

 protected:
  static constexpr std::size_t kReadBytes = 4096;

  struct Server : IgnoreAll {
    typename Engine::template Session<Server> session{Side::server, kLarge, *this};
    typename Engine::ResponseHead* answer_with = nullptr;
    std::size_t requests = 0;
    std::vector<std::byte>& out;

    explicit Server(std::vector<std::byte>& buffer) : out(buffer) {
      session.feed(client_hello());
      drain();
    }
    // As a socket brings it, with the answers taken in between: an engine need not hold more of them than it likes.
    void receive(Bytes bytes) {
      for (std::size_t at = 0; at < bytes.size(); at += kReadBytes) {
        session.feed(bytes.subspan(at, std::min(kReadBytes, bytes.size() - at)));
        drain();
      }
    }
    void drain() {
      while (session.pull(out) != 0) {
      }
    }
    void on_value_bytes(std::size_t) { ++requests; }
    void on_message_end(std::uint32_t stream) {
      if (answer_with != nullptr) session.send_response(stream, *answer_with, 0, 0);
    }
  };

  static std::vector<std::byte> requests(std::size_t count, std::uint8_t end_stream) {
    std::vector<std::byte> wire;
    for (std::size_t i = 0; i < count; ++i) {
      append_frame(wire, 0x1, static_cast<std::uint8_t>(h2::flags::end_headers | end_stream),
                   static_cast<std::uint32_t>(2 * i + 1), request_block(paths()[i % kVariants], i == 0));
    }
    return wire;
  }

  void hold(heap::Live live, std::size_t outside, std::size_t count) {
    bytes_ = (static_cast<double>(live.bytes) + static_cast<double>(outside)) / static_cast<double>(count);
    blocks_ = static_cast<double>(live.blocks) / static_cast<double>(count);
  }

  std::vector<std::byte> out_ = std::vector<std::byte>(kTransferBytes);

 private:
  double bytes_ = 0;
  double blocks_ = 0;
};

// After the handshake; the mean of 1000.
template <class Engine>
class IdleSession : public Held<Engine> {
  using Server = typename Held<Engine>::Server;

  std::size_t run(std::size_t) override {
    constexpr std::size_t kSessions = 1000;
    std::vector<std::optional<Server>> servers(kSessions);
    const heap::Scale scale;
    for (auto& server : servers) server.emplace(this->out_);
    this->hold(scale.live(), kSessions * Engine::kHandleBytes, kSessions);
    servers.clear();
    return kSessions;
  }
};

// 10,000 requests that were received and not answered, on one session.
template <class Engine>
class OpenStream : public Held<Engine> {
 public:
  explicit OpenStream(std::uint8_t end_stream)
      : first_(this->requests(1, end_stream)), wire_(this->requests(kStreams, end_stream)) {}

 private:
  using Server = typename Held<Engine>::Server;
  static constexpr std::size_t kStreams = 10000;

  std::size_t run(std::size_t) override {
    std::optional<Server> server;
    const heap::Scale scale;
    server.emplace(this->out_);
    server->receive(Bytes(wire_).first(first_.size()));
    const auto before = scale.live();
    server->receive(Bytes(wire_).subspan(first_.size()));
    const auto after = scale.live();
    require(server->requests >= kStreams, "not all requests arrived");
    this->hold({after.bytes - before.bytes, after.blocks - before.blocks}, 0, kStreams - 1);
    server.reset();
    return kStreams;
  }

  std::vector<std::byte> first_, wire_;
};

// What a session has more than after its handshake, when it has answered 1000 requests.
template <class Engine>
class Kept : public Held<Engine> {
  using Server = typename Held<Engine>::Server;

  std::size_t run(std::size_t) override {
    constexpr std::size_t kRequests = 1000;
    const auto wire = this->requests(kRequests, h2::flags::end_stream);
    typename Engine::ResponseHead head{0};
    std::optional<Server> server;
    const heap::Scale scale;
    server.emplace(this->out_);
    server->answer_with = &head;
    const auto before = scale.live();
    server->receive(wire);
    const auto after = scale.live();
    require(server->requests >= kRequests, "not all requests arrived");
    this->hold({after.bytes - before.bytes, after.blocks - before.blocks}, 0, 1);
    server.reset();
    return kRequests;
  }
};

}  // namespace

void add_memory(Workloads& all) {
  for_each_engine([&]<class Engine>() {
    const auto add = [&](const char* name, auto make) { all.push_back({name, Engine::kName, 1, 0, make}); };
    add("memory/idle_session", [] { return std::make_unique<IdleSession<Engine>>(); });
    add("memory/open_stream", [] { return std::make_unique<OpenStream<Engine>>(std::uint8_t{0}); });
    add("memory/open_stream_ended", [] { return std::make_unique<OpenStream<Engine>>(h2::flags::end_stream); });
    add("memory/kept_after_1000_requests", [] { return std::make_unique<Kept<Engine>>(); });
  });
}

}  // namespace bench
