#include <tools/serve.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <csignal>

#include <atomic>
#include <cstdio>
#include <thread>
#include <unordered_map>

#include <tlsglue/self_signed.h>
#include <tools/cleartext.h>
#include <tools/listener.h>
#include <tools/recycle.h>
#include <tools/seed.h>
#include <tools/served.h>
#include <tools/socket.h>

namespace tools {
namespace {

h2::Config server_config(const Deadlines& deadlines) {
  h2::Config config;
  config.role = h2::Role::server;
  // An echo holds a whole window of its stream, and no more: it must not grow.
  config.settings.initial_window_size = TwoWayContent::kCapacity - 1;
  config.window_limit = 0;
  config.settings.enable_connect_protocol = 1;  // for WebSockets
  apply(deadlines, config);
  return config;
}

/// What all threads read.
struct Shared {
  std::string root;
  Log log;
  std::optional<tlsglue::TlsContext> tls;
  Deadlines deadlines;
  h2::Config config = server_config(deadlines);
  H2cUpgrade h2c = H2cUpgrade::no;  // in cleartext only
  Foresight foresight{};
  std::atomic<std::uint64_t> connections{0};
};

/// One thread: a loop, its share of the connections, and the drain of them.
class Worker {
 public:
  explicit Worker(Shared& shared)
      : shared_(shared), site_(shared.root.empty() ? Site() : Site(RootDirectory(shared.root))) {}

  EventLoop& loop() { return loop_; }

  void listen(int socket, bool tls) {
    listeners_.push_back(std::make_unique<Listener>(loop_, socket, shared_.log, [this, tls](Fd fd, std::string remote) {
      h2::Config config = shared_.config;
      config.seed = random_seed();
      if (tls) {
        open("h2", std::move(fd), std::move(remote),
             tlsglue::SecureConnection(*shared_.tls, config, secure_options(shared_.deadlines)));
      } else {
        open("h2c", std::move(fd), std::move(remote), Cleartext(config));
      }
    }));
  }

  void drain(h2::Duration deadline) {
    for (auto& listener : listeners_) listener->stop();
    draining_ = true;
    cut_ = std::make_unique<Cut>(*this);
    // The engines cut what is open at the deadline; what then still cannot be written is dropped a moment later.
    loop_.wake_at(*cut_, loop_.now() + deadline + std::chrono::milliseconds(500));
    std::vector<AnyDriver*> drivers;
    for (auto& [driver, unused] : drivers_) drivers.push_back(driver);
    for (AnyDriver* driver : drivers) {
      const bool waits = static_cast<ServedApplication&>(driver->application()).drain(deadline);
      waits ? driver->poke() : driver->cut();
    }
    if (drivers_.empty()) loop_.stop();
  }

 private:
  struct Cut final : Watcher {
    explicit Cut(Worker& worker) : worker_(worker) {}
    void on_ready(std::uint32_t) override {}
    void on_time() override { worker_.loop_.stop(); }
    Worker& worker_;
  };

  template <class Engine>
  void open(const char* h2_name, Fd fd, std::string remote, Engine engine) {
    auto driver = std::make_unique<Driver<Engine>>(
        loop_, std::move(fd), std::move(engine), [this](AnyDriver& ended) { close(ended); },
        pace(shared_.deadlines, shared_.deadlines.output));
    ConnectionLog log(shared_.log, ++shared_.connections, std::move(remote), loop_.now());
    auto served = std::make_unique<Served<Engine>>(driver->engine(), site_, std::move(log), h2_name, loop_.now(),
                                                   std::is_same_v<Engine, Cleartext> ? shared_.h2c : H2cUpgrade::no,
                                                   shared_.foresight, shared_.deadlines);
    Driver<Engine>& started = *driver;
    drivers_.emplace(&started, std::move(driver));
    started.start(std::move(served));
  }

  void close(AnyDriver& ended) {
    const auto found = drivers_.find(&ended);
    loop_.retire(std::move(found->second));
    drivers_.erase(found);
    if (draining_ && drivers_.empty()) loop_.stop();
  }

  Shared& shared_;
  Site site_;
  EventLoop loop_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<AnyDriver*, std::unique_ptr<AnyDriver>> drivers_;
  std::unique_ptr<Cut> cut_;
  bool draining_ = false;
};

/// SIGTERM and SIGINT as events of a loop.
class Signals final : public Watcher {
 public:
  /// Blocks the signals for this thread and all that it starts.
  Signals(EventLoop& loop, std::function<void(int signal)> on_signal) : on_signal_(std::move(on_signal)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd_) throw Failure(Exit::connect, "signalfd: " + error_text());
    loop.add(fd_.get(), EPOLLIN, *this);
  }

  void on_ready(std::uint32_t) override {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      on_signal_(static_cast<int>(info.ssi_signo));
    }
  }

 private:
  std::function<void(int)> on_signal_;
  Fd fd_;
};

void write_file(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  while (fd && !text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) break;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (!fd || !text.empty()) throw Failure(Exit::file, "cannot write " + path + ": " + error_text());
}

// Where the connections of a thread have their records: blocks that they take in turns, and that are therefore still in
// the processor's cache.
constexpr std::size_t kRecordRoom = std::size_t{17} * 1024;
bool is_for_a_record(std::size_t bytes) { return bytes > kRecordRoom / 2 && bytes <= kRecordRoom; }

void* take_room(void*, std::size_t bytes) noexcept {
  try {
    return is_for_a_record(bytes) ? Recycled<kRecordRoom, 16>::take() : ::operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void give_room(void*, void* memory, std::size_t bytes) noexcept {
  is_for_a_record(bytes) ? Recycled<kRecordRoom, 16>::give(memory) : ::operator delete(memory);
}

tlsglue::TlsContext make_tls(const ServeOptions& options) {
  tlsglue::TlsConfig config;
  config.allocator = {nullptr, take_room, give_room};
  config.role = tlsglue::Role::server;
  // All of a turn goes out by one write, where 64 KiB would take two; a client that does not read holds 48 KB more by
  // it.
  config.max_waiting_ciphertext = kBytesPerWake;
  config.credentials.certificate_file = options.certificate_file;
  config.credentials.key_file = options.key_file;
  std::optional<tlsglue::SelfSigned> own;
  if (options.certificate_file.empty()) {
    auto made = tlsglue::make_self_signed();
    if (!made) throw Failure(Exit::tls, std::string(made.error().message()));
    own = std::move(made).value();
    config.credentials = {};
    config.credentials.certificate_pem = own->certificate_pem.view();
    config.credentials.key_pem = own->key_pem.view();
    if (!options.ca_file.empty()) write_file(options.ca_file, own->certificate_pem.view());
  }
  auto context = tlsglue::TlsContext::make(config);
  if (!context) {
    const bool file = context.error().code == tlsglue::TlsErrorCode::unreadable_file;
    throw Failure(file ? Exit::file : Exit::tls, std::string(context.error().message()));
  }
  return std::move(context).value();
}

/// A server's connections are descriptors: as many as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int serve(const ServeOptions& given) {
  ServeOptions options = given;
  if (!options.http_port && !options.https_port) {
    options.http_port = 8080;
    options.https_port = 8443;
  }
  raise_descriptor_limit();
  Shared shared{options.root, Log(options.log), {}, options.deadlines};
  if (options.h2c_upgrade) shared.h2c = H2cUpgrade::yes;
  shared.config.grease = options.grease;
  shared.foresight = {options.early_hints, options.push};
  if (options.https_port) shared.tls = make_tls(options);

  // This thread keeps to the signals, so that a second one is heard however far the drain has come.
  EventLoop main_loop;
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < options.threads; ++i) workers.push_back(std::make_unique<Worker>(shared));
  std::vector<ListeningSocket> sockets;
  std::size_t deaf_workers = 0;
  int signals_seen = 0, last_signal = 0;
  Signals signals(main_loop, [&](int signal) {
    last_signal = signal;
    const bool first = ++signals_seen == 1;
    shared.log.info(first ? "ending: open requests may finish" : "ending at once");
    for (auto& worker : workers) {
      worker->loop().post([&, &worker = *worker, first] {
        if (!first) return worker.loop().stop();
        worker.drain(seconds(options.deadlines.drain));
        main_loop.post([&] {  // closed once nobody watches them: the next client is refused and not left waiting
          if (++deaf_workers == workers.size()) sockets.clear();
        });
      });
    }
  });

  const auto listen = [&](const char* scheme, const std::optional<std::uint16_t>& port, bool tls) {
    if (!port) return;
    const ListeningSocket& socket = sockets.emplace_back(listen_on(options.host, *port));
    for (auto& worker : workers) worker->listen(socket.fd.get(), tls);
    std::printf("listening on %s://%s:%u\n", scheme, url_host(options.host).c_str(), unsigned{socket.port});
  };
  listen("http", options.http_port, false);
  listen("https", options.https_port, true);
  std::fflush(stdout);

  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  std::size_t running = workers.size();
  for (auto& worker : workers) {
    threads.emplace_back([&worker = *worker, &main_loop, &running] {
      worker.loop().run();
      main_loop.post([&] {
        if (--running == 0) main_loop.stop();
      });
    });
  }
  main_loop.run();
  for (std::thread& thread : threads) thread.join();
  return signals_seen > 1 ? 128 + last_signal : static_cast<int>(Exit::ok);
}

}  // namespace tools
