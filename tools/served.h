// One connection of the server above its engine: the right protocol for the events, and its log lines.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <tools/driver.h>
#include <tools/http1.h>
#include <tools/http2_site.h>

namespace tools {

/// What the server asks of every connection.
class ServedApplication : public Application {
 public:
  /// New requests are refused from now on; at `deadline` the open ones are cut. False when there is nothing to wait
  /// for.
  virtual bool drain(h2::Duration deadline) = 0;
};

template <class Engine>
class Served final : public ServedApplication {
 public:
  /// `h2_name` is what HTTP/2 is called in lines and on the page.
  Served(Engine& engine, Site& site, ConnectionLog log, std::string h2_name, h2::TimePoint now, H2cUpgrade h2c,
         Foresight foresight, const Deadlines& deadlines)
      : engine_(engine),
        site_(site),
        log_(std::move(log)),
        h2_name_(std::move(h2_name)),
        http2_(engine.http2(), explained_by(engine), site, log_, foresight, deadlines),
        deadlines_(deadlines),
        now_(now),
        h2c_(h2c) {}
  ~Served() override {
    if (speaks_h2()) http2_.log_counters();
    log_.closed(now_);
  }

  bool ready() const override { return !http1_ || http1_->has_room(); }

  void on_event(const tlsglue::Event& event) override {
    std::visit([this](const auto& it) { this->on(it); }, event);
  }

  void on_http2_event(const h2::Event& event) override { http2_.on_event(event); }

  void after_events() override {
    if (!http1_) return;
    http1_->run();
    while (true) {
      const std::size_t taken = engine_.send_plaintext(http1_->output());
      if (taken == 0) break;
      http1_->consume_output(taken);
      http1_->run();
    }
    if (http1_->upgrade() && http1_->output().empty()) return switch_to_h2();
    if (http1_->finished() && http1_->output().empty()) engine_.close();
  }

  void advance_time(h2::TimePoint now) override {
    now_ = now;
    if (http1_) http1_->advance_time(now);
    if (speaks_h2()) http2_.advance_time(now);
  }

  std::optional<h2::TimePoint> deadline() const override {
    if (http1_) return http1_->deadline();
    return speaks_h2() ? http2_.deadline() : std::nullopt;
  }

  bool drain(h2::Duration deadline) override {
    if (http1_) {
      http1_->drain();
    } else {
      http2_.going_away();
      engine_.http2().shutdown(h2::Shutdown::graceful, deadline);
    }
    return settled_;
  }

 private:
  bool speaks_h2() const { return settled_ && !http1_; }

  void switch_to_h2() {
    const std::optional<Http1::Upgrade> upgrade = http1_->upgrade();
    const h2::ByteView input = http1_->input();
    const std::vector<std::byte> rest(input.begin(), input.end());
    http1_.reset();
    if constexpr (requires { engine_.upgrade(h2::Request{}, rest, rest); }) {
      log_.opened(h2_name_, "upgraded");
      h2::Request request{upgrade->method, "http", upgrade->authority, upgrade->path, {}, {}};
      const auto stream = engine_.upgrade(request, upgrade->settings, rest);
      if (!stream) {
        log_.error("cannot upgrade: " + std::string(h2::describe(stream.error())));
        return engine_.http2().shutdown(h2::Shutdown::immediate);
      }
      const std::vector<h2::Field> fields = as_fields(upgrade->fields);
      http2_.on_request({*stream,
                         request.method,
                         request.scheme,
                         request.authority,
                         request.path,
                         {},
                         fields,
                         h2::EndStream::yes,
                         {}});
    }
  }

  void on(const h2::Event& event) { on_http2_event(event); }
  void on(const tlsglue::HandshakeDone& done) {
    settled_ = true;
    std::string details(done.version);
    if (!done.cipher.empty()) (details += ' ') += done.cipher;
    if (done.resumed) details += " resumed";
    const bool h2 = done.protocol == tlsglue::Protocol::h2;
    log_.opened(h2 ? std::string_view(h2_name_) : tlsglue::name(done.protocol), details);
    if (!h2) http1_.emplace(site_, log_, now_, h2c_, deadlines_);
  }
  void on(const tlsglue::PlaintextReceived& plaintext) {
    if (http1_) http1_->receive(plaintext.data);
  }
  void on(const tlsglue::TlsFailed& failed) { log_.error(failed.failure.sentence); }
  void on(const tlsglue::PeerClosed&) {
    if (http1_) http1_->receive_eof();
  }

  Engine& engine_;
  Site& site_;
  ConnectionLog log_;
  std::string h2_name_;
  Http2Site http2_;
  Deadlines deadlines_;
  std::optional<Http1> http1_;
  h2::TimePoint now_;
  H2cUpgrade h2c_;
  bool settled_ = false;
};

}  // namespace tools
