// The application above a client's engine: whether it is HTTP/2 that is spoken, and then the session.
#pragma once

#include <cstdio>
#include <functional>
#include <type_traits>

#include <tools/driver.h>
#include <tools/session.h>
#include <tools/upgrading_client.h>

namespace tools {

class AnyClient : public Application {
 public:
  virtual Session& session() = 0;
};

template <class Engine>
class Client final : public AnyClient {
 public:
  /// `on_change` is called when all events of a moment were handled.
  Client(Engine& engine, const Fetching& run, Origin& origin, std::function<void()> on_change)
      : engine_(engine),
        run_(run),
        origin_(origin),
        session_(run, origin, engine.http2(), explained_by(engine)),
        on_change_(std::move(on_change)) {
    if constexpr (kUpgrades) {
      session_.start_first(
          [this](const h2::Request& request, h2::EndStream, void* user) { return engine_.upgrade(request, user); });
      if (origin_.failed()) engine_.close();
    }
  }

  ~Client() override {
    if (ready_) session_.tell_counters();
  }

  Session& session() override { return session_; }
  void on_event(const tlsglue::Event& event) override {
    std::visit([this](const auto& it) { this->on(it); }, event);
  }
  void on_http2_event(const h2::Event& event) override { session_.on_event(event); }
  void after_events() override {
    if (ready_) session_.start_requests();
    on_change_();
  }

  void advance_time(h2::TimePoint now) override {
    if (ready_) session_.advance_time(now);
  }
  std::optional<h2::TimePoint> deadline() const override { return ready_ ? session_.deadline() : std::nullopt; }

 private:
  static constexpr bool kUpgrades = std::is_same_v<Engine, UpgradingClient>;

  void on(const h2::Event& event) { on_http2_event(event); }
  void on(const tlsglue::HandshakeDone& done) {
    if (!done.version.empty()) origin_.tally().security = done.version;
    if (run_.options.verbose && !done.version.empty()) {
      run_.report.say("TLS " + std::string(done.version) + ' ' + std::string(done.cipher) + ", ALPN " +
                      std::string(tlsglue::name(done.alpn)));
    }
    ready_ = done.protocol == tlsglue::Protocol::h2;
    if constexpr (kUpgrades) {
      if (!ready_) return origin_.fail(engine_.spoke_http1() ? Exit::alpn : Exit::protocol, engine_.refusal());
      origin_.tally().security = "upgraded from HTTP/1.1, no TLS";
      if (run_.options.verbose) run_.report.say("HTTP/1.1 status 101, on to h2c");
    }
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
  const Fetching& run_;
  Origin& origin_;
  Session session_;
  std::function<void()> on_change_;
  bool ready_ = false;
};

}  // namespace tools
