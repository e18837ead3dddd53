#include <tools/get.h>

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include <tools/cleartext.h>
#include <tools/driver.h>
#include <tools/log.h>
#include <tools/message.h>
#include <tools/socket.h>
#include <tools/transfers.h>

namespace tools {
namespace {

class Origin;

/// Connects to every origin and lets them fetch.
class Run {
 public:
  Run(const GetOptions& options, Message message);

  int fetch();

  // What origins call.
  const GetOptions& options() const { return options_; }
  const Message& message() const { return message_; }
  Transfers& transfers() { return transfers_; }
  Report& report() { return report_; }

 private:
  void connect(Origin& origin, tlsglue::TlsContext* tls);
  template <class Engine>
  void start(Origin& origin, Fd socket, Engine engine);
  void wake_others();
  Origin& origin_of(std::uint64_t index) { return *origin_of_url_[index % urls_.size()]; }

  const GetOptions& options_;
  Message message_;
  std::vector<Url> urls_;
  std::map<std::string, std::unique_ptr<Origin>> origins_;
  std::vector<Origin*> origin_of_url_;
  EventLoop loop_;
  h2::TimePoint began_;
  Report report_;
  Transfers transfers_;
  std::map<AnyDriver*, std::unique_ptr<AnyDriver>> drivers_;
  bool wake_posted_ = false;
};

/// The requests for one server, on one connection.
class Origin {
 public:
  Origin(Run& run, const Url& first) : run_(run), first_(first) {}

  void add(std::uint64_t url_index, const Url& url) { urls_.emplace_back(url_index, &url); }
  void attach(h2::Connection& connection, AnyDriver& driver) {
    connection_ = &connection;
    driver_ = &driver;
  }
  void ended();

  const Url& first() const { return first_; }
  bool over() const { return over_; }
  h2::Connection& connection() { return *connection_; }
  AnyDriver* driver() { return driver_; }
  std::string summary(std::uint64_t seconds_e6) const;

  void set_security(std::string text) { security_ = std::move(text); }
  void start_requests(std::uint64_t url_count);
  void fail(Exit exit, std::string_view what);

  void on_event(const h2::Event& event) {
    std::visit([this](const auto& it) { this->on(it); }, event);
  }

 private:
  void start(std::uint64_t index, const Url& url);
  bool may_repeat(const Transfer& transfer, const h2::StreamClosed& closed) const;
  void show(const Transfer& transfer, std::string_view head, h2::FieldsView fields) const;

  void on(const h2::InformationalReceived& response);
  void on(const h2::ResponseReceived& response);
  void on(const h2::DataReceived& data);
  void on(const h2::TrailersReceived& trailers);
  void on(const h2::DataSent& sent);
  void on(const h2::StreamReset& reset);
  void on(const h2::StreamClosed& closed);
  void on(const h2::GoawayReceived& goaway);
  void on(const h2::ConnectionFailed& failed);
  template <class Other>
  void on(const Other&) {}

  static Transfer& transfer(void* user) { return *static_cast<Transfer*>(user); }

  Run& run_;
  const Url& first_;
  std::vector<std::pair<std::uint64_t, const Url*>> urls_;  // with their places on the command line
  h2::Connection* connection_ = nullptr;
  AnyDriver* driver_ = nullptr;
  std::string security_ = "prior knowledge, no TLS";
  std::uint64_t next_ = 0, streams_ = 0, open_ = 0, received_ = 0, sent_ = 0;
  bool over_ = false, failed_ = false, ending_ = false, going_away_ = false;
};

/// The application above a client's engine.
template <class Engine>
class Client final : public Application {
 public:
  Client(Engine& engine, Origin& origin, std::uint64_t url_count, bool verbose)
      : engine_(engine), origin_(origin), url_count_(url_count), verbose_(verbose) {}

  void on_event(const tlsglue::Event& event) override {
    std::visit([this](const auto& it) { this->on(it); }, event);
  }
  void after_events() override {
    if (ready_) origin_.start_requests(url_count_);
  }

 private:
  void on(const h2::Event& event) { origin_.on_event(event); }
  void on(const tlsglue::HandshakeDone& done) {
    if (!done.version.empty()) origin_.set_security(std::string(done.version));
    if (verbose_ && !done.version.empty()) {
      std::fprintf(stderr, "TLS %.*s %.*s, ALPN %s\n", static_cast<int>(done.version.size()), done.version.data(),
                   static_cast<int>(done.cipher.size()), done.cipher.data(),
                   std::string(tlsglue::name(done.alpn)).c_str());
    }
    ready_ = done.protocol == tlsglue::Protocol::h2;
    if (ready_) return;
    origin_.fail(Exit::alpn, "the server chose " + std::string(tlsglue::name(done.protocol)) + ", not h2");
    engine_.close();
  }
  void on(const tlsglue::TlsFailed& failed) {
    const bool alpn = failed.failure.kind == tlsglue::TlsFailureKind::alpn_refused ||
                      failed.failure.layer == tlsglue::TlsLayer::alpn || failed.failure.alert == 120;
    origin_.fail(alpn ? Exit::alpn : Exit::tls, failed.failure.sentence);
  }
  template <class Other>
  void on(const Other&) {}

  Engine& engine_;
  Origin& origin_;
  std::uint64_t url_count_;
  bool verbose_, ready_ = false;
};

void print_frame(void*, const h2::FrameNote& note) noexcept {
  static char text[16384];  // one thread prints
  const std::size_t size = h2::format(note, text);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(size), text);
}

h2::Config client_config(bool verbose) {
  h2::Config config;
  config.role = h2::Role::client;
  // What a body that waits for its turn may take of our memory.
  config.settings.initial_window_size = 256 * 1024;
  config.connection_window = 4 << 20;
  // A server that vanished is found out by a PING.
  config.keepalive_interval = std::chrono::seconds(15);
  if (verbose) config.observer.on_frame = &print_frame;
  [[maybe_unused]] const auto got = ::getrandom(&config.seed, sizeof config.seed, 0);
  return config;
}

Run::Run(const GetOptions& options, Message message)
    : options_(options),
      message_(std::move(message)),
      began_(std::chrono::steady_clock::now()),
      report_(!options.verbose && (!options.output_file.empty() || ::isatty(STDOUT_FILENO) == 0), began_),
      transfers_(options.output_file, report_) {
  for (const std::string& url : options.urls) urls_.push_back(parse_url(url));
  for (const Url& url : urls_) {
    if (url.scheme == "http" && !options.prior_knowledge) {
      throw Failure(Exit::usage, url.origin() + ": http:// is spoken with --prior-knowledge");
    }
    auto& origin = origins_[url.origin()];
    if (!origin) origin = std::make_unique<Origin>(*this, url);
    origin->add(origin_of_url_.size(), url);
    origin_of_url_.push_back(origin.get());
  }
  transfers_.set_rules({std::uint64_t{options.repeat} * urls_.size(), options.concurrency,
                        [this](std::uint64_t index) { return origin_of(index).over(); }, [this] { wake_others(); }});
}

int Run::fetch() {
  std::optional<tlsglue::TlsContext> tls;
  if (std::any_of(urls_.begin(), urls_.end(), [](const Url& url) { return url.scheme == "https"; })) {
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
    tls.emplace(std::move(made).value());
  }
  for (auto& [name, origin] : origins_) {
    try {
      connect(*origin, tls ? &*tls : nullptr);
    } catch (const Failure& failure) {
      report_.fail(failure.exit(), failure.what());
      origin->ended();
    }
  }
  if (!drivers_.empty()) loop_.run();
  report_.end_progress();
  transfers_.close_output();
  if (options_.summary) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
    for (auto& [name, origin] : origins_) {
      std::fprintf(stderr, "%s\n", origin->summary(static_cast<std::uint64_t>(took.count())).c_str());
    }
  }
  return static_cast<int>(report_.exit());
}

void Run::connect(Origin& origin, tlsglue::TlsContext* tls) {
  const Url& url = origin.first();
  const auto timeout = std::chrono::seconds(options_.timeout_seconds);
  Fd socket = connect_to(url.host, url.port, timeout);
  send_without_delay(socket.get());
  const h2::Config config = client_config(options_.verbose);
  if (url.scheme == "http") return start(origin, std::move(socket), Cleartext(config));
  tlsglue::SecureOptions secure;
  secure.peer.server_name = url.host;
  secure.handshake_timeout = timeout;
  start(origin, std::move(socket), tlsglue::SecureConnection(*tls, config, secure));
}

template <class Engine>
void Run::start(Origin& origin, Fd socket, Engine engine) {
  auto driver =
      std::make_unique<Driver<Engine>>(loop_, std::move(socket), std::move(engine), [this, &origin](AnyDriver& ended) {
        origin.ended();
        transfers_.next_turn();
        const auto found = drivers_.find(&ended);
        loop_.retire(std::move(found->second));
        drivers_.erase(found);
        if (drivers_.empty()) loop_.stop();
      });
  Driver<Engine>& started = *driver;
  drivers_.emplace(&started, std::move(driver));
  origin.attach(started.engine().http2(), started);
  started.start(std::make_unique<Client<Engine>>(started.engine(), origin, urls_.size(), options_.verbose));
}

/// A new turn may open windows and start requests on connections that have nothing to read just now.
void Run::wake_others() {
  if (origins_.size() == 1 || wake_posted_) return;
  wake_posted_ = true;
  loop_.post([this] {
    wake_posted_ = false;
    for (auto& [name, origin] : origins_) {
      if (AnyDriver* const driver = origin->driver()) driver->poke();
    }
  });
}

void Origin::start_requests(std::uint64_t url_count) {
  const std::uint64_t total = std::uint64_t{run_.options().repeat} * urls_.size();
  while (next_ < total && open_ < run_.options().concurrency && !failed_) {
    const auto& [place, url] = urls_[next_ % urls_.size()];
    const std::uint64_t index = next_ / urls_.size() * url_count + place;
    if (!run_.transfers().may_start(index)) break;
    ++next_;
    start(index, *url);
  }
  if ((next_ == total || failed_) && open_ == 0 && !ending_) {
    ending_ = true;
    connection_->shutdown(h2::Shutdown::immediate);
  }
}

void Origin::start(std::uint64_t index, const Url& url) {
  const Message& message = run_.message();
  std::vector<h2::Field> fields = as_fields(message.fields);
  const std::string length = std::to_string(message.length);
  if (message.has_content) fields.push_back({"content-length", length});
  const bool sends = message.has_content || !message.trailers.empty();

  Transfer& transfer = run_.transfers().open(index, url);
  transfer.sender.emplace();
  h2::Request request;
  request.method = message.method;
  request.scheme = url.scheme;
  request.authority = message.authority ? std::string_view(*message.authority) : std::string_view(url.authority);
  request.path = url.path;
  request.fields = fields;
  const auto stream = connection_->send_request(request, sends ? h2::EndStream::no : h2::EndStream::yes, &transfer);
  if (!stream) {
    const bool usage =
        stream.error() == h2::Misuse::malformed_fields || stream.error() == h2::Misuse::field_section_too_large;
    fail(usage ? Exit::usage : Exit::protocol,
         "the request cannot be sent: " + std::string(h2::describe(stream.error())));
    return run_.transfers().close(transfer);
  }
  transfer.connection = connection_;
  transfer.stream = *stream;
  ++open_;
  ++streams_;
  if (!sends) return;
  transfer.sender->start(message.content());
  transfer.sender->pump(*connection_, transfer.stream);
}

void Origin::on(const h2::InformationalReceived& response) {
  show(transfer(response.user), std::to_string(response.status), response.fields);
}

void Origin::on(const h2::ResponseReceived& response) {
  Transfer& t = transfer(response.user);
  t.status = response.status;
  t.complete = response.end == h2::EndStream::yes;
  for (const h2::Field& field : response.fields) {
    if (field.name != "content-length") continue;
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(field.value.data(), field.value.data() + field.value.size(), length);
    if (error == std::errc{}) t.length = length;
  }
  show(t, std::to_string(response.status), response.fields);
}

void Origin::on(const h2::DataReceived& data) {
  Transfer& t = transfer(data.user);
  t.received += data.data.size();
  received_ += data.data.size();
  t.complete = data.end == h2::EndStream::yes;
  run_.transfers().content(t, data.data);
}

void Origin::on(const h2::TrailersReceived& trailers) {
  Transfer& t = transfer(trailers.user);
  t.complete = true;
  show(t, "trailers", trailers.fields);
}

void Origin::on(const h2::DataSent& sent) { transfer(sent.user).sender->on_sent(*connection_, sent); }

void Origin::on(const h2::StreamReset& reset) {
  if (reset.violation == h2::Violation::none) return;
  const h2::ViolationRow& row = h2::describe(reset.violation);
  run_.report().fail(Exit::protocol, transfer(reset.user).name() + ": " + std::string(row.sentence) + " (" +
                                         std::string(row.section) + ')');
}

void Origin::on(const h2::StreamClosed& closed) {
  Transfer& t = transfer(closed.user);
  if (may_repeat(t, closed)) {
    ++t.repeats;
    --open_;
    return start(t.index, *t.url);
  }
  if (t.sender->broken()) {
    run_.report().fail(Exit::file, "the file to send cannot be read, or became shorter");
  } else if (t.complete && t.status >= 400) {
    run_.report().fail(Exit::http, t.name() + ": status " + std::to_string(t.status));
  } else if (!t.complete && !failed_) {
    run_.report().fail(Exit::protocol, t.name() + ": the stream ended early, " + std::string(h2::name(closed.code)) +
                                           " (" + std::string(h2::name(closed.verdict)) + ')');
  }
  sent_ += t.sender->sent_bytes();
  --open_;
  run_.transfers().close(t);
}

/// A server may refuse what came before its limit was known to us; then nothing was done with it (RFC 9113 8.7).
bool Origin::may_repeat(const Transfer& transfer, const h2::StreamClosed& closed) const {
  constexpr unsigned kRefusals = 8;
  return closed.code == h2::ErrorCode::refused_stream && closed.verdict == h2::Verdict::not_processed &&
         transfer.status == 0 && transfer.repeats < kRefusals && !failed_ && !going_away_ && !ending_;
}

void Origin::on(const h2::GoawayReceived& goaway) {
  going_away_ = true;
  if (goaway.code == h2::ErrorCode::no_error || ending_) return;
  std::string line = "the server ended the connection: " + std::string(h2::name(goaway.code));
  if (!goaway.debug.empty()) line += ", ";
  for (const std::byte octet : goaway.debug) {
    const char c = static_cast<char>(octet);
    line += c >= 0x20 && c < 0x7f ? c : '?';
  }
  fail(Exit::protocol, line);
}

void Origin::on(const h2::ConnectionFailed& failed) {
  if (failed_) return;
  std::string line(h2::name(failed.code));
  if (!failed.sentence.empty()) (line += ": ") += failed.sentence;
  if (!failed.section.empty()) ((line += " (") += failed.section) += ')';
  fail(Exit::protocol, line);
}

void Origin::show(const Transfer& transfer, std::string_view head, h2::FieldsView fields) const {
  if (!run_.options().show_heads) return;
  std::string text = std::string(head) + " stream " + std::to_string(transfer.stream.value) + '\n';
  for (const h2::Field& field : fields) {
    // Blanks inside a value are harmless on a terminal, control characters are not.
    std::string value(field.value);
    std::replace_if(
        value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    ((text.append(field.name) += ": ") += value) += '\n';
  }
  std::fputs(text.c_str(), stderr);
}

/// One sentence for the whole connection; what then happens to its requests needs no more.
void Origin::fail(Exit exit, std::string_view what) {
  if (failed_) return;
  failed_ = true;
  run_.report().fail(exit, first_.origin() + ": " + std::string(what));
}

void Origin::ended() {
  over_ = true;
  driver_ = nullptr;
  const bool all = next_ == std::uint64_t{run_.options().repeat} * urls_.size();
  if (!all && connection_ != nullptr) fail(Exit::protocol, "the connection ended early");
  connection_ = nullptr;
}

std::string Origin::summary(std::uint64_t microseconds) const {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", static_cast<double>(microseconds) / 1e6);
  return first_.origin() + ": h2 (" + security_ + "), " + std::to_string(streams_) + " streams, " +
         std::to_string(received_) + " bytes received, " + std::to_string(sent_) + " bytes sent, " + seconds + " s";
}

}  // namespace

int get(const GetOptions& options) {
  if (!options.output_file.empty() && options.urls.size() > 1) {
    throw Failure(Exit::usage, "-o takes the content of one URL, and there are " + std::to_string(options.urls.size()));
  }
  for (const std::string& url : options.urls) parse_url(url);  // before a file is opened for writing
  return Run(options, make_message(options)).fetch();
}

}  // namespace tools
