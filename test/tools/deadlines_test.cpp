// Every deadline of `h2 serve`, on a clock that the test moves: a connection in memory is woken exactly when it asks
// for that, and ends when it should.
#include <tools/deadlines.h>

#include <doctest/doctest.h>
#include <tlsglue/self_signed.h>

#include <array>

#include <tools/cleartext.h>
#include <tools/served.h>

using namespace tools;

namespace {

using namespace std::chrono_literals;

constexpr h2::TimePoint kStart{};
constexpr std::string_view kPreface = h2::kClientPreface;
constexpr std::uint8_t kHeaders = 1, kResetStream = 3, kSettings = 4, kPing = 6, kGoaway = 7, kWindowUpdate = 8;
constexpr std::uint8_t kContinuation = 9, kData = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4;

std::string number(std::uint32_t value) {
  std::string octets;
  for (int shift = 24; shift >= 0; shift -= 8) octets += static_cast<char>(value >> shift);
  return octets;
}
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string octets = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  octets += static_cast<char>(type);
  octets += static_cast<char>(flags);
  return octets + number(stream) + std::string(payload);
}
/// A field without indexing or Huffman (RFC 7541 6.2.2).
std::string field(std::string_view name, std::string_view value) {
  std::string octets(1, '\0');
  for (const std::string_view text : {name, value}) {
    octets += static_cast<char>(text.size());
    octets += text;
  }
  return octets;
}
std::string head(std::string_view method, std::string_view path) {
  return field(":method", method) + field(":scheme", "http") + field(":authority", "a") + field(":path", path);
}
std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return frame(kWindowUpdate, 0, stream, number(bytes));
}
const std::string kGreeting = std::string(kPreface) + frame(kSettings, 0, 0) + frame(kSettings, kAck, 0);
const std::string kOpenWindow = frame(kSettings, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6));
const std::string kDownload = frame(kHeaders, kEndHeaders | kEndStream, 1, head("GET", "/bytes/9000000"));
const std::string kUpload = frame(kHeaders, kEndHeaders, 1, head("POST", "/echo"));

/// All but the one that a test is about.
constexpr Deadlines kNone{.handshake = 0,
                          .preface = 0,
                          .settings = 0,
                          .header = 0,
                          .content = 0,
                          .output = 0,
                          .window = 0,
                          .idle = 0,
                          .keepalive = 0,
                          .drain = 0,
                          .min_rate = 64};
constexpr Deadlines only(std::uint32_t Deadlines::*one) {
  Deadlines deadlines = kNone;
  deadlines.*one = Deadlines{}.*one;
  return deadlines;
}

h2::Config config(const Deadlines& deadlines) {
  h2::Config config;
  apply(deadlines, config);
  return config;
}

/// A connection of the server without a socket.
template <class Engine>
class Hosted {
 public:
  Hosted(Engine made, const Deadlines& deadlines)
      : engine(std::move(made)),
        served(engine, site, ConnectionLog(log, 1, "test", kStart), "h2c", kStart, H2cUpgrade::no, {}, deadlines) {
    wake();
  }

  void feed(std::string_view bytes) { turn(std::as_bytes(std::span(bytes))); }
  void wait(h2::Duration time) {
    now += time;
    wake();
  }
  /// Sleeps until the connection ends, woken only when it wants to be; how long that took, or a day.
  h2::Duration ends_after() {
    const h2::TimePoint start = now;
    while (!over() && now < start + 24h) {
      now = std::min(deadline().value_or(h2::TimePoint::max()), start + 24h);
      wake();
    }
    return now - start;
  }
  /// The same for one that is fed every second; so a deadline may be a second late.
  h2::Duration ends_after(std::string_view each_second) {
    const h2::TimePoint start = now;
    while (!over() && now < start + 10min) {
      wait(1s);
      feed(each_second);
    }
    return now - start;
  }

  bool over() const { return engine.transport_wish() != h2::TransportWish::open; }
  bool said_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) const {
    return said.find(frame(type, flags, stream, payload)) != std::string::npos;
  }
  /// A GOAWAY may carry words behind its code.
  bool said_goaway(std::uint32_t last, h2::ErrorCode code) const {
    std::string wanted(1, static_cast<char>(kGoaway));
    wanted += '\0' + number(0) + number(last) + number(static_cast<std::uint32_t>(code));
    return said.find(wanted) != std::string::npos;
  }
  bool said_reset(h2::ErrorCode code) const {
    return said_frame(kResetStream, 0, 1, number(static_cast<std::uint32_t>(code)));
  }

  Engine engine;
  Site site;
  const Log log{LogLevel::none};
  Served<Engine> served;
  h2::TimePoint now = kStart;
  bool takes = true;  // whether the socket takes output
  std::string said;

 private:
  std::optional<h2::TimePoint> deadline() const {
    const auto first = engine.deadline(), second = served.deadline();
    return first && second ? std::min(first, second) : first ? first : second;
  }
  void wake() {
    engine.advance_time(now);
    served.advance_time(now);
    turn({});
  }
  void turn(h2::ByteView input) {
    while (const auto event = engine.receive(input)) served.on_event(*event);
    served.after_events();
    std::array<h2::ByteView, 16> slices;
    while (const std::size_t count = takes ? engine.poll_output(slices) : 0) {
      const h2::ByteView slice = slices[0];
      REQUIRE(count != 0);
      said.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      engine.consume_output(slice.size());
      while (const auto event = engine.receive(input)) served.on_event(*event);
      served.after_events();
    }
  }
};

Hosted<Cleartext> cleartext(const Deadlines& deadlines) { return {Cleartext(config(deadlines)), deadlines}; }

}  // namespace

TEST_CASE("a TLS handshake has ten seconds") {
  const auto own = std::move(tlsglue::make_self_signed()).value();
  tlsglue::TlsConfig tls;
  tls.credentials.certificate_pem = own.certificate_pem.view();
  tls.credentials.key_pem = own.key_pem.view();
  auto context = std::move(tlsglue::TlsContext::make(tls)).value();
  const auto ends_after = [&](const Deadlines& deadlines, std::string_view begin) {
    Hosted connection(tlsglue::SecureConnection(context, config(deadlines), secure_options(deadlines)), deadlines);
    connection.wait(4s);
    connection.feed(begin);
    return 4s + connection.ends_after();
  };
  CHECK(ends_after(only(&Deadlines::handshake), {}) == 10s);
  CHECK(ends_after(only(&Deadlines::handshake), "\x16\x03\x01") == 10s);
  CHECK(ends_after(kNone, "\x16\x03\x01") > 24h);
}

TEST_CASE("without TLS the first bytes have ten seconds, and so has the client's SETTINGS") {
  const Deadlines deadlines = only(&Deadlines::preface);
  for (const std::string_view begin : {std::string_view{}, kPreface.substr(0, 8)}) {
    auto connection = cleartext(deadlines);
    connection.wait(4s);
    connection.feed(begin);
    CHECK(connection.ends_after() == 6s);
  }
  auto connection = cleartext(deadlines);
  connection.feed(kPreface);
  CHECK(connection.ends_after() == 10s);
  CHECK(connection.said_goaway(0, h2::ErrorCode::protocol_error));

  auto patient = cleartext(kNone);
  CHECK(patient.ends_after() == 24h);
  patient.feed(kPreface);
  CHECK(patient.ends_after() == 24h);
}

TEST_CASE("our SETTINGS are to be acknowledged in ten seconds") {
  const std::string silent = std::string(kPreface) + frame(kSettings, 0, 0);
  auto connection = cleartext(only(&Deadlines::settings));
  connection.feed(silent);
  CHECK(connection.ends_after() == 10s);
  CHECK(connection.said_goaway(0, h2::ErrorCode::settings_timeout));

  auto patient = cleartext(kNone);
  patient.feed(silent);
  CHECK(patient.ends_after() == 24h);
}

TEST_CASE("a header block has ten seconds, however many pieces of it come") {
  const std::string begin = kGreeting + frame(kHeaders, kEndStream, 1, field(":method", "GET"));
  const std::string more = frame(kContinuation, 0, 1, field("a", "b"));
  auto connection = cleartext(only(&Deadlines::header));
  connection.feed(begin);
  CHECK(connection.ends_after(more) == 10s);
  CHECK(connection.said_goaway(1, h2::ErrorCode::enhance_your_calm));

  auto patient = cleartext(kNone);
  patient.feed(begin);
  CHECK(patient.ends_after() == 24h);
}

TEST_CASE("content that a client owes comes at the least rate, or its stream is reset") {
  const auto reset_after = [](const Deadlines& deadlines, std::size_t bytes_a_second) {
    auto connection = cleartext(deadlines);
    connection.feed(kGreeting + kUpload);
    while (!connection.said_reset(h2::ErrorCode::enhance_your_calm) && connection.now < kStart + 10min) {
      connection.wait(1s);
      connection.feed(frame(kData, 0, 1, std::string(bytes_a_second, 'x')));
      connection.feed(window_update(1, 100) + window_update(0, 100));  // for the echo
    }
    CHECK_FALSE(connection.over());
    return connection.now - kStart;
  };
  CHECK(reset_after(only(&Deadlines::content), 1) <= 60s);  // the second interval is watched from its beginning
  CHECK(reset_after(only(&Deadlines::content), 63) <= 60s);
  CHECK(reset_after(only(&Deadlines::content), 65) == 10min);
  CHECK(reset_after(kNone, 1) == 10min);
}

TEST_CASE("output that nobody takes ends the connection in thirty seconds") {
  const auto over_after = [](const Deadlines& deadlines) {
    auto connection = cleartext(deadlines);
    connection.feed(kGreeting + kOpenWindow);
    connection.takes = false;
    connection.feed(kDownload);
    return connection.ends_after();
  };
  CHECK(over_after(only(&Deadlines::output)) == 30s);
  CHECK(over_after(kNone) == 24h);
}

TEST_CASE("a response that waits for its window moves at the least rate, or is reset") {
  const auto reset_after = [](const Deadlines& deadlines, std::uint32_t window_a_second) {
    auto connection = cleartext(deadlines);
    connection.feed(kGreeting + kDownload);
    while (!connection.said_reset(h2::ErrorCode::cancel) && connection.now < kStart + 10min) {
      connection.wait(1s);
      if (window_a_second != 0) connection.feed(window_update(1, window_a_second) + window_update(0, 4096));
    }
    CHECK_FALSE(connection.over());
    return connection.now - kStart;
  };
  CHECK(reset_after(only(&Deadlines::window), 0) <= 62s);
  CHECK(reset_after(only(&Deadlines::window), 1) <= 62s);
  CHECK(reset_after(only(&Deadlines::window), 1000) == 10min);
  CHECK(reset_after(kNone, 0) == 10min);
}

TEST_CASE("a connection whose window stays shut is ended; streams that wait for others' window are not") {
  const auto over_after = [](const Deadlines& deadlines, std::string_view each_second) {
    auto connection = cleartext(deadlines);
    connection.feed(kGreeting + kOpenWindow + kDownload);
    connection.feed(frame(kHeaders, kEndHeaders | kEndStream, 3, head("GET", "/bytes/9000000")));
    const h2::Duration after = connection.ends_after(each_second);
    CHECK((after == 10min || connection.said_goaway(3, h2::ErrorCode::enhance_your_calm)));
    return after;
  };
  CHECK(over_after(only(&Deadlines::window), {}) <= 62s);
  CHECK(over_after(only(&Deadlines::window), window_update(0, 1)) <= 62s);
  CHECK(over_after(only(&Deadlines::window), window_update(0, 600)) == 10min);
  CHECK(over_after(kNone, {}) == 10min);
}

TEST_CASE("a connection without a request ends after two minutes, one with a request does not") {
  auto connection = cleartext(only(&Deadlines::idle));
  connection.feed(kGreeting);
  CHECK(connection.ends_after() == 125s);  // five for a client that says nothing to the GOAWAY
  CHECK(connection.said_goaway(0x7fffffff, h2::ErrorCode::no_error));

  auto busy = cleartext(only(&Deadlines::idle));
  busy.feed(kGreeting + kUpload);
  CHECK(busy.ends_after() == 24h);

  auto patient = cleartext(kNone);
  patient.feed(kGreeting);
  CHECK(patient.ends_after() == 24h);
}

TEST_CASE("after a minute's silence a PING asks whether the client is there") {
  auto gone = cleartext(only(&Deadlines::keepalive));
  gone.feed(kGreeting + kDownload);
  CHECK(gone.ends_after() == 75s);
  CHECK(gone.said.find(frame(kPing, 0, 0, std::string(8, '\0')).substr(0, 9)) != std::string::npos);
}

TEST_CASE("what is open when the server ends has five seconds") {
  auto connection = cleartext(only(&Deadlines::drain));
  connection.feed(kGreeting + kDownload);
  CHECK(connection.served.drain(seconds(Deadlines{}.drain)));
  CHECK_FALSE(connection.over());
  CHECK(connection.ends_after() == 5s);
}

TEST_CASE("HTTP/1.1: a head has ten seconds, and its client is told") {
  auto connection = cleartext(only(&Deadlines::header));
  connection.feed("GET / HTTP/1.1\r\n");
  CHECK(connection.ends_after("a: b\r\n") == 10s);
  CHECK(connection.said.starts_with("HTTP/1.1 408 Request Timeout\r\n"));

  auto patient = cleartext(kNone);
  patient.feed("GET / HTTP/1.1\r\n");
  CHECK(patient.ends_after() == 24h);
}

TEST_CASE("HTTP/1.1: content comes at the least rate, or the connection ends") {
  const auto over_after = [](const Deadlines& deadlines, std::size_t bytes_a_second) {
    auto connection = cleartext(deadlines);
    connection.feed("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    return connection.ends_after(std::string(bytes_a_second, 'x'));
  };
  CHECK(over_after(only(&Deadlines::content), 1) == 30s);
  CHECK(over_after(only(&Deadlines::content), 63) == 30s);
  CHECK(over_after(only(&Deadlines::content), 70) == 10min);
  CHECK(over_after(kNone, 1) == 10min);
}

TEST_CASE("HTTP/1.1: silence ends the connection after two minutes") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  auto connection = cleartext(only(&Deadlines::idle));
  connection.feed(get);
  CHECK(connection.ends_after() == 120s);

  auto patient = cleartext(kNone);
  patient.feed(get);
  CHECK(patient.ends_after() == 24h);
}
