// Joins a TlsChannel and an h2::Connection: ciphertext -> plaintext -> events, and back.
#include <tlsglue/secure_connection.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <h2core/frame.h>

namespace tlsglue {

namespace {

// How long a failed connection waits for the peer to hang up before it is closed under it.
constexpr h2::Duration kLinger = std::chrono::seconds(2);
// And how long the last of its output waits for a peer that takes nothing, as h2's own does.
constexpr h2::Duration kLastOutput = std::chrono::seconds(5);
// After so much silence the buffers go back; long enough that a busy connection never pays for it.
constexpr h2::Duration kIdleMemory = std::chrono::seconds(5);
// The part of the HTTP/2 preface that no HTTP/1.1 request begins with (RFC 9113 3.4 chose it so).
constexpr std::string_view kPrefaceMark = h2::kClientPreface.substr(0, 14);

bool ends_before(const std::optional<h2::TimePoint>& until, h2::TimePoint now) {
  return until.has_value() && *until <= now;
}

void lower(std::optional<h2::TimePoint>& least, const std::optional<h2::TimePoint>& other) {
  if (other.has_value() && *other < least.value_or(h2::kNever)) least = other;
}

// What an h2::Connection that is cut loose has to say to the owner of its streams; the rest is told by TLS.
bool concerns_a_stream(const h2::Event& event) {
  return !std::holds_alternative<h2::ConnectionFailed>(event) && !std::holds_alternative<h2::ShutdownFinished>(event) &&
         !std::holds_alternative<h2::IdleTimedOut>(event) && !std::holds_alternative<h2::WorkBudgetLow>(event);
}

}  // namespace

SecureConnection::SecureConnection(TlsContext& context, const h2::Config& config, const SecureOptions& options) noexcept
    : channel_(context, options.peer),
      http2_(config),
      handshake_timeout_(options.handshake_timeout),
      output_timeout_(config.output_timeout),
      role_(config.role) {
  const bool is_server = config.role == h2::Role::server;
  if (is_server != (context.role() == Role::server)) {
    channel_.fail(TlsFailureKind::protocol_error, TlsLayer::policy,
                  "the roles of TLS context and configuration differ");
  }
}

SecureConnection::~SecureConnection() = default;
SecureConnection::SecureConnection(SecureConnection&& other) noexcept = default;
SecureConnection& SecureConnection::operator=(SecureConnection&& other) noexcept = default;

// ---- bytes in ----

std::optional<Event> SecureConnection::receive(ByteView& input) noexcept {
  if (!input.empty()) note_traffic();
  if (std::exchange(memory_due_, false)) channel_.release_idle_memory();
  for (;;) {
    if (auto event = next_inner_event()) return event;
    // Replies wait for a peer that does not read; but a channel that has failed is told of in any case.
    if (phase_ == Phase::h2 && !plaintext_.empty() && channel_.failure().kind == TlsFailureKind::none)
      return std::nullopt;
    if (close_waits_.has_value()) return on_peer_closed(*std::exchange(close_waits_, std::nullopt));

    const TlsOutcome outcome = channel_.receive_ciphertext(input);
    if (outcome.status == TlsStatus::output_full) http2_.hold_input();
    if (outcome.status == TlsStatus::needs_more || outcome.status == TlsStatus::output_full) return std::nullopt;
    if (auto event = on_outcome(outcome)) return event;
  }
}

// What is known without another record.
std::optional<Event> SecureConnection::next_inner_event() noexcept {
  if (phase_ == Phase::plaintext && !plaintext_.empty()) return PlaintextReceived{std::exchange(plaintext_, {})};
  ByteView none;
  ByteView& source = phase_ == Phase::h2 ? plaintext_ : none;
  while (auto event = http2_.receive(source)) {
    // Requests that waited for the handshake are encoded, but no byte of them has left: safe to send anywhere.
    auto* const closed = std::get_if<h2::StreamClosed>(&*event);
    if (closed != nullptr && !http2_polled_ && role_ == h2::Role::client) closed->verdict = h2::Verdict::never_sent;
    if (phase_ <= Phase::h2 || concerns_a_stream(*event)) return Event{*event};
  }
  return std::nullopt;
}

std::optional<Event> SecureConnection::on_outcome(const TlsOutcome& outcome) noexcept {
  switch (outcome.status) {
    case TlsStatus::handshake_done: return on_handshake_done();
    case TlsStatus::plaintext: return on_plaintext(outcome.plaintext);
    case TlsStatus::close_notify: return on_peer_closed(CloseKind::clean);
    case TlsStatus::truncated: return on_peer_closed(CloseKind::truncated);
    case TlsStatus::failed: return on_failed();
    case TlsStatus::needs_more:
    case TlsStatus::output_full: break;
  }
  return std::nullopt;
}

std::optional<Event> SecureConnection::on_handshake_done() noexcept {
  const TlsRecord record = channel_.record();
  handshake_until_.reset();
  if (record.protocol == Protocol::h2) {
    phase_ = Phase::h2;
    if (now_.has_value()) http2_.advance_time(*now_);
    if (!channel_.has_strong_suite()) {
      refuse(h2::ErrorCode::inadequate_security, TlsFailureKind::inadequate_security, TlsLayer::policy,
             "HTTP/2 over a TLS 1.2 suite that RFC 9113 9.2.2 prohibits");
    }
  } else {
    phase_ = Phase::plaintext;
    preface_settled_ = !(role_ == h2::Role::server && record.protocol == Protocol::http11);
    http2_.transport_lost();  // requests that a client queued end as never sent
  }
  return HandshakeDone{record.alpn, record.protocol, record.resumed, record.version, record.cipher};
}

std::optional<Event> SecureConnection::on_plaintext(ByteView data) noexcept {
  if (phase_ == Phase::h2) {
    plaintext_ = data;
    return std::nullopt;
  }
  if (preface_settled_) return PlaintextReceived{data};

  // A preface may come torn. What was held back equals its beginning, so it need not be stored.
  const std::size_t held = preface_matched_;
  const std::string_view awaited = kPrefaceMark.substr(held);
  const auto same = std::mismatch(awaited.begin(), awaited.end(), data.begin(), data.end(),
                                  [](char c, std::byte octet) { return static_cast<std::byte>(c) == octet; });
  preface_matched_ += static_cast<std::size_t>(same.first - awaited.begin());
  if (preface_matched_ == kPrefaceMark.size()) {
    channel_.fail(TlsFailureKind::wrong_protocol, TlsLayer::application,
                  "the peer sends an HTTP/2 preface where http/1.1 was agreed");
    return std::nullopt;
  }
  if (same.second == data.end()) return std::nullopt;
  preface_settled_ = true;
  if (held == 0) return PlaintextReceived{data};
  plaintext_ = data;
  return PlaintextReceived{std::as_bytes(std::span{kPrefaceMark.data(), held})};
}

std::optional<Event> SecureConnection::on_failed() noexcept {
  const TlsFailure& failure = channel_.failure();
  handshake_until_.reset();
  if (now_.has_value()) linger_until_ = *now_ + kLinger;
  const bool flood = failure.kind == TlsFailureKind::flood;
  if (phase_ == Phase::h2 && failure.alert == 0 && (flood || failure.kind == TlsFailureKind::renegotiation)) {
    const h2::ErrorCode code = flood ? h2::ErrorCode::enhance_your_calm : h2::ErrorCode::protocol_error;
    http2_.shutdown(h2::Shutdown::immediate, h2::Duration{0}, code);
  } else if (phase_ != Phase::h2 || failure.kind != TlsFailureKind::inadequate_security) {
    phase_ = Phase::failed;
    plaintext_ = {};
    http2_.transport_lost();
    close_wanted_ = true;  // says nothing after a fatal error, and is polite where only the policy was not met
  }
  return TlsFailed{failure};
}

// What was held back comes first, and the streams' outcomes behind the news.
std::optional<Event> SecureConnection::on_peer_closed(CloseKind kind) noexcept {
  if (!preface_settled_ && preface_matched_ != 0) {
    preface_settled_ = true;
    close_waits_ = kind;
    return PlaintextReceived{std::as_bytes(std::span{kPrefaceMark.data(), preface_matched_})};
  }
  peer_closed_ = true;
  if (phase_ == Phase::h2) http2_.receive_eof();
  return PeerClosed{kind};
}

// TLS still works, so the peer is told in HTTP/2's own words. Requests that a client has queued do not leave: for them
// it is as if there were no transport, and the words are said without the engine.
void SecureConnection::refuse(h2::ErrorCode code, TlsFailureKind kind, TlsLayer layer, std::string_view why) noexcept {
  if (role_ == h2::Role::client && http2_.open_streams() > 0) {
    std::byte words[h2::kClientPreface.size() + h2::kFrameHeaderBytes + 17];
    std::memcpy(words, h2::kClientPreface.data(), h2::kClientPreface.size());
    h2::write::goaway(h2::write::settings(words + h2::kClientPreface.size(), {}), h2::kConnection, code, {});
    channel_.send_plaintext(words);
    http2_.transport_lost();
    close_wanted_ = true;
    phase_ = Phase::failed;
  } else {
    http2_.shutdown(h2::Shutdown::immediate, h2::Duration{0}, code);
  }
  channel_.fail(kind, layer, why);
}

void SecureConnection::receive_eof() noexcept { channel_.receive_eof(); }

void SecureConnection::transport_lost() noexcept {
  lost_ = true;
  if (phase_ == Phase::handshake) {
    channel_.fail(TlsFailureKind::truncated, TlsLayer::transport, "the connection was lost during the handshake");
    phase_ = Phase::failed;
  }
  channel_.transport_lost();
  http2_.transport_lost();
}

// ---- bytes out ----

std::size_t SecureConnection::poll_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  encrypt(max_bytes);
  note_output();
  return channel_.poll_output(slices, max_bytes);
}

// Only while little waits, so that what is urgent later still overtakes what is not.
void SecureConnection::encrypt(std::size_t max_bytes) noexcept {
  while (phase_ == Phase::h2 && http2_.has_output() && channel_.can_send() && channel_.waiting_bytes() < max_bytes) {
    ByteView slices[64];
    http2_polled_ = true;
    const std::size_t count = http2_.poll_output(slices, kRecordBytes);
    // If nothing is taken, the same bytes are offered again: they are committed.
    const std::size_t sent = channel_.send_plaintext(std::span<const ByteView>{slices, count});
    if (sent == 0) break;
    http2_.consume_output(sent);
    note_traffic();
  }
  if (owes_close_notify()) {
    channel_.send_close_notify();
    close_sent_ = true;
  }
}

void SecureConnection::consume_output(std::size_t bytes) noexcept {
  channel_.consume_output(bytes);
  output_since_ = now_;
  note_output();
}

void SecureConnection::note_output() noexcept {
  if (channel_.has_output() && (!output_waits_ || !output_since_.has_value())) output_since_ = now_;
  output_waits_ = channel_.has_output();
}

// `h2::Config::output_timeout` for ciphertext: h2 sees its output taken as soon as it is encrypted. And once h2 has
// ended, five seconds without progress are the most; a slow peer may still take what is encrypted.
std::optional<h2::TimePoint> SecureConnection::output_until() const noexcept {
  const bool over = channel_.failure().kind != TlsFailureKind::none || lost_;
  if (over || !output_waits_ || !output_since_.has_value()) return std::nullopt;
  const bool ended = phase_ == Phase::h2 && http2_.transport_wish() != h2::TransportWish::open;
  const bool timed = output_timeout_ != h2::Duration{0};
  if (!timed && !ended) return std::nullopt;
  return h2::after(*output_since_, !timed || (ended && output_timeout_ > kLastOutput) ? kLastOutput : output_timeout_);
}

std::size_t SecureConnection::send_plaintext(ByteView data) noexcept {
  if (phase_ != Phase::plaintext || close_wanted_) return 0;
  std::size_t sent = 0;
  while (sent < data.size()) {
    const std::size_t taken = channel_.send_plaintext(data.subspan(sent));
    if (taken == 0) break;
    sent += taken;
  }
  if (sent != 0) note_traffic();
  return sent;
}

void SecureConnection::close() noexcept {
  if (phase_ == Phase::plaintext) close_wanted_ = true;
}

// ---- what a loop asks ----

// What h2 left over while output waited is taken up when that is out: a loop has no other sign of it.
bool SecureConnection::has_event() const noexcept {
  if (phase_ == Phase::h2 && !plaintext_.empty() && !has_output()) return true;
  return http2_.has_event() || (phase_ == Phase::plaintext && !plaintext_.empty()) || close_waits_.has_value() ||
         channel_.has_outcome();
}

bool SecureConnection::has_output() const noexcept {
  return channel_.has_output() || owes_close_notify() ||
         (phase_ == Phase::h2 && channel_.can_send() && http2_.has_output());
}

// Our close_notify goes last, behind the GOAWAY.
bool SecureConnection::owes_close_notify() const noexcept {
  if (close_sent_ || !channel_.can_send()) return false;
  if (close_wanted_) return true;
  return phase_ == Phase::h2 && http2_.transport_wish() != h2::TransportWish::open && !http2_.has_output();
}

bool SecureConnection::linger_is_over() const noexcept { return now_.has_value() && ends_before(linger_until_, *now_); }

h2::TransportWish SecureConnection::transport_wish() const noexcept {
  using Wish = h2::TransportWish;
  if (lost_ || linger_is_over()) return Wish::close;
  if (has_output()) return Wish::open;
  const bool hung_up = peer_closed_ || channel_.at_eof();
  switch (phase_) {
    case Phase::handshake: return Wish::open;
    case Phase::h2:
      if (channel_.failure().kind != TlsFailureKind::none && hung_up) return Wish::close;
      return http2_.transport_wish();
    case Phase::plaintext: return !close_sent_ ? Wish::open : hung_up ? Wish::close : Wish::shut_down_write;
    case Phase::failed: return hung_up ? Wish::close : Wish::shut_down_write;
  }
  return Wish::close;
}

void SecureConnection::advance_time(h2::TimePoint now) noexcept {
  if (now_.has_value() && now < *now_) now = *now_;
  if (!now_.has_value() && phase_ == Phase::handshake && handshake_timeout_ != h2::Duration{0}) {
    handshake_until_ = h2::after(now, handshake_timeout_);
  }
  now_ = now;
  if (phase_ == Phase::h2) {
    if (channel_.is_full()) http2_.hold_input();  // for who reads on only when that is out
    http2_.advance_time(now);
  }
  if (ends_before(handshake_until_, now)) {
    handshake_until_.reset();
    channel_.fail(TlsFailureKind::timed_out, TlsLayer::handshake, "the TLS handshake took too long");
  }
  note_output();
  if (ends_before(output_until(), now)) {
    channel_.fail(TlsFailureKind::timed_out, TlsLayer::transport, "the transport took no output for too long");
  }
  if (!memory_held_ || !is_idle()) return idle_until_.reset();
  if (!idle_until_.has_value()) idle_until_ = now + kIdleMemory;
  if (!ends_before(idle_until_, now)) return;
  note_traffic();
  memory_held_ = false;
  memory_due_ = true;  // views of the last event may live until the next `receive`
}

void SecureConnection::note_traffic() noexcept {
  memory_held_ = true;
  idle_until_.reset();
}

bool SecureConnection::is_idle() const noexcept {
  return phase_ == Phase::h2 && plaintext_.empty() && !has_output() && http2_.open_streams() == 0;
}

std::optional<h2::TimePoint> SecureConnection::deadline() const noexcept {
  std::optional<h2::TimePoint> next;
  if (phase_ == Phase::h2) next = http2_.deadline();
  lower(next, handshake_until_);
  lower(next, output_until());
  if (!linger_is_over()) lower(next, linger_until_);
  lower(next, idle_until_);
  return next;
}

// ---- why nothing moves ----

namespace {

// What says that everything was framed, or could be: then it is ciphertext that waits.
bool ends_behind_framing(h2::Holdup what) {
  using h2::Holdup;
  return what == Holdup::nothing || what == Holdup::over || what == Holdup::no_content || what == Holdup::turn;
}

}  // namespace

std::optional<h2::Explanation> SecureConnection::explain(h2::StreamId stream) const noexcept {
  auto both = http2_.explain(stream);
  if (!both.has_value() || phase_ > Phase::h2) return both;
  const bool all = stream == h2::kConnection;
  const bool waits = channel_.has_output();
  if (waits && (all || ends_behind_framing(both->sending.what))) {
    both->sending.what = h2::Holdup::output;
    both->sending.who = h2::Actor::transport;
    if (all) both->sending.since = output_since_;
  }
  if (phase_ == Phase::handshake && !waits) both->sending.who = h2::Actor::peer;  // its part of the handshake is due
  if (channel_.is_full() && both->receiving.what != h2::Holdup::over) {
    both->receiving.what = h2::Holdup::unread_replies;
    both->receiving.who = h2::Actor::peer;
  }
  return both;
}

}  // namespace tlsglue
