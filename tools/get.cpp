#include <tools/get.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include <tools/cleartext.h>
#include <tools/client.h>
#include <tools/seed.h>
#include <tools/socket.h>

namespace tools {
namespace {

/// Connects to every origin, again to those that want another connection, and lets them fetch.
class Run {
 public:
  Run(const GetOptions& options, const Message& message);

  int fetch();

 private:
  /// A server and the connections to it: one, and for a while two after a GOAWAY.
  struct Server {
    Server(Run& run, const Url& first)
        : origin(first, run.transfers_, run.report_, run.options_.repeat, run.options_.urls.size()) {}
    Origin origin;
    std::vector<Session*> sessions;  // owned by their drivers
    std::uint64_t answers_before = 0;
    unsigned fruitless = 0;
    bool connecting = false;
  };

  void make_tls();
  void connect(Server& server);
  void connect_soon(Server& server);
  template <class Engine>
  void start(Server& server, Fd socket, Engine engine);
  void look_after(Server& server);
  void ended(Server& server, AnyDriver& driver);
  void stop_if_idle();
  void wake_all();
  bool dropped(std::uint64_t index) { return server_of_url_[index % urls_.size()]->origin.failed(); }

  const GetOptions& options_;
  std::vector<Url> urls_;
  h2::TimePoint began_;
  Report report_;
  Transfers transfers_;
  const Fetching fetching_;
  std::map<std::string, std::unique_ptr<Server>> servers_;
  std::vector<Server*> server_of_url_;
  std::optional<tlsglue::TlsContext> tls_;
  EventLoop loop_;
  std::map<AnyDriver*, std::unique_ptr<AnyDriver>> drivers_;
  bool wake_posted_ = false;
};

void print_frame(void*, const h2::FrameNote& note) noexcept {
  static char text[16384];  // one thread prints
  const std::size_t size = h2::format(note, text);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(size), text);
}

h2::Config client_config(const GetOptions& options) {
  h2::Config config;
  config.role = h2::Role::client;
  // What a body that waits for its turn may take of our memory. On a long fat link windows grow, and all bodies
  // together take no more than 64 MiB, if the user does not ask for hundreds at once.
  config.settings.initial_window_size = 256 * 1024;
  config.connection_window = 4 << 20;
  const std::uint64_t most = std::min<std::uint64_t>(options.concurrency, options.repeat * options.urls.size());
  config.window_limit = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      (64 << 20) / std::max<std::uint64_t>(most, 1), config.settings.initial_window_size, config.window_limit));
  config.settings.enable_push = options.push ? 1 : 0;
  // A server that vanished is found out by a PING.
  config.keepalive_interval = std::chrono::seconds(15);
  if (options.verbose) config.observer.on_frame = &print_frame;
  config.grease = options.grease;
  config.seed = random_seed();
  return config;
}

Run::Run(const GetOptions& options, const Message& message)
    : options_(options),
      began_(std::chrono::steady_clock::now()),
      report_(!options.verbose && (!options.output_file.empty() || ::isatty(STDOUT_FILENO) == 0),
              options.show_heads ? Report::Heads::shown : Report::Heads::hidden, began_),
      transfers_(options.output_file, report_),
      fetching_{options, message, transfers_, report_} {
  for (const std::string& url : options.urls) urls_.push_back(parse_url(url));
  for (const Url& url : urls_) {
    if (url.scheme == "http" && !options.prior_knowledge && !options.h2c_upgrade) {
      throw Failure(Exit::usage, url.origin() + ": http:// is spoken with --prior-knowledge or --h2c-upgrade");
    }
    auto& server = servers_[url.origin()];
    if (!server) server = std::make_unique<Server>(*this, url);
    server->origin.add(server_of_url_.size(), url);
    server_of_url_.push_back(server.get());
  }
  transfers_.set_rules({std::uint64_t{options.repeat} * urls_.size(), options.concurrency,
                        [this](std::uint64_t index) { return dropped(index); }, [this] { wake_all(); }});
}

int Run::fetch() {
  make_tls();
  for (auto& [name, server] : servers_) connect_soon(*server);
  loop_.run();
  report_.end_progress();
  transfers_.close_output();
  if (options_.summary) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
    for (auto& [name, server] : servers_) report_.say(server->origin.summary(static_cast<std::uint64_t>(took.count())));
  }
  return static_cast<int>(report_.exit());
}

void Run::make_tls() {
  if (std::none_of(urls_.begin(), urls_.end(), [](const Url& url) { return url.scheme == "https"; })) return;
  const std::vector<std::string_view> offered(options_.alpn.begin(), options_.alpn.end());
  tlsglue::TlsConfig config;
  config.role = tlsglue::Role::client;
  config.ca_file = options_.ca_file;
  config.alpn = tlsglue::AlpnPolicy::h2_only();
  if (!offered.empty()) config.alpn.protocols = offered;
  if (options_.insecure) config.verify = tlsglue::Verify::off;
  auto made = tlsglue::TlsContext::make(config);
  if (!made) {
    const bool file = made.error().code == tlsglue::TlsErrorCode::unreadable_file;
    const bool alpn = made.error().code == tlsglue::TlsErrorCode::bad_alpn;
    throw Failure(file ? Exit::file : alpn ? Exit::usage : Exit::tls, std::string(made.error().message()));
  }
  tls_.emplace(std::move(made).value());
}

void Run::connect_soon(Server& server) {
  server.connecting = true;
  loop_.post([this, &server] {
    server.connecting = false;
    try {
      if (!server.origin.settled()) connect(server);
    } catch (const Failure& failure) {
      server.origin.give_up(failure.exit(), failure.what());
    }
    stop_if_idle();
  });
}

/// Waits for the TCP connection. The loop stands still meanwhile, which a client can afford.
void Run::connect(Server& server) {
  const Url& url = server.origin.first();
  const auto timeout = std::chrono::seconds(options_.timeout_seconds);
  Fd socket = connect_to(url.host, url.port, timeout);
  loop_.look_at_the_clock();  // what follows has its own time
  send_without_delay(socket.get());
  const h2::Config config = client_config(options_);
  if (url.scheme == "http" && options_.h2c_upgrade) {
    return start(server, std::move(socket), UpgradingClient(config, timeout));
  }
  if (url.scheme == "http") return start(server, std::move(socket), Cleartext(config));
  tlsglue::SecureOptions secure;
  secure.peer.server_name = url.host;
  secure.handshake_timeout = timeout;
  start(server, std::move(socket), tlsglue::SecureConnection(*tls_, config, secure));
}

template <class Engine>
void Run::start(Server& server, Fd socket, Engine engine) {
  auto driver = std::make_unique<Driver<Engine>>(loop_, std::move(socket), std::move(engine),
                                                 [this, &server](AnyDriver& over) { ended(server, over); });
  Driver<Engine>& started = *driver;
  drivers_.emplace(&started, std::move(driver));
  auto client = std::make_unique<Client<Engine>>(started.engine(), fetching_, server.origin,
                                                 [this, &server] { look_after(server); });
  server.sessions.push_back(&client->session());
  started.start(std::move(client));
}

/// After a GOAWAY the rest is asked on another connection, at once, while the old one still ends what it has begun.
void Run::look_after(Server& server) {
  constexpr unsigned kFruitless = 3;
  Origin& origin = server.origin;
  if (server.connecting || origin.settled()) return;
  const auto& sessions = server.sessions;
  if (!std::all_of(sessions.begin(), sessions.end(), [](const Session* session) { return session->going_away(); }))
    return;
  const bool fruitful =
      origin.tally().answers != server.answers_before ||
      std::any_of(sessions.begin(), sessions.end(), [](const Session* session) { return session->open() > 0; });
  server.fruitless = fruitful ? 0 : server.fruitless + 1;
  server.answers_before = origin.tally().answers;
  if (server.fruitless == kFruitless) {
    return origin.fail(Exit::protocol,
                       "the server ended " + std::to_string(kFruitless) + " connections in a row and answered nothing");
  }
  connect_soon(server);
}

void Run::ended(Server& server, AnyDriver& driver) {
  Session& session = static_cast<AnyClient&>(driver.application()).session();
  std::erase(server.sessions, &session);
  if (!session.going_away() && !server.origin.settled()) {
    server.origin.fail(Exit::protocol, "the connection ended early");
  }
  look_after(server);
  const auto found = drivers_.find(&driver);
  loop_.retire(std::move(found->second));
  drivers_.erase(found);
  stop_if_idle();
}

void Run::stop_if_idle() {
  const bool connecting =
      std::any_of(servers_.begin(), servers_.end(), [](const auto& it) { return it.second->connecting; });
  if (drivers_.empty() && !connecting) loop_.stop();
}

/// A new turn may open windows and start requests on connections that have nothing to read just now.
void Run::wake_all() {
  if (wake_posted_ || (servers_.size() < 2 && drivers_.size() < 2)) return;
  wake_posted_ = true;
  loop_.post([this] {
    wake_posted_ = false;
    std::vector<AnyDriver*> drivers;
    for (auto& [driver, unused] : drivers_) drivers.push_back(driver);
    for (AnyDriver* const driver : drivers) {
      if (drivers_.count(driver) != 0) driver->poke();
    }
  });
}

}  // namespace

int get(const GetOptions& options) {
  if (!options.output_file.empty() && options.urls.size() > 1) {
    throw Failure(Exit::usage, "-o takes the content of one URL, and there are " + std::to_string(options.urls.size()));
  }
  for (const std::string& url : options.urls) parse_url(url);  // before a file is opened for writing
  const Message message = make_message(options);
  return Run(options, message).fetch();
}

}  // namespace tools
