#include <tools/cleartext.h>

#include <algorithm>
#include <utility>

namespace tools {
namespace {

constexpr std::string_view kDecides = h2::kClientPreface.substr(0, 16);  // "PRI * HTTP/2.0\r\n": no HTTP/1.1 request
constexpr std::size_t kMaxWaiting = std::size_t{64} * 1024;

}  // namespace

std::optional<tlsglue::Event> Cleartext::receive(ByteView& input) {
  if (phase_ == Phase::first_bytes) return sniff(input);
  if (matched_ != 0) {
    ByteView held = std::as_bytes(std::span(kDecides)).first(matched_);
    if (phase_ == Phase::plaintext) {
      matched_ = 0;
      return tlsglue::PlaintextReceived{held};
    }
    std::optional<h2::Event> event = http2_.receive(held);
    matched_ = 0;  // less than a preface: all of it is taken at once
    if (event) return *event;
  }
  if (phase_ == Phase::h2) {
    if (early_taken_ < early_.size()) {  // stays where it is: events show it
      ByteView early = ByteView(early_).subspan(early_taken_);
      const std::optional<h2::Event> event = http2_.receive(early);
      early_taken_ = early_.size() - early.size();
      if (event) return *event;
      if (!early.empty()) return std::nullopt;  // output must be taken first
    }
    if (eof_ && !std::exchange(told_eof_, true)) http2_.receive_eof();
    if (std::optional<h2::Event> event = http2_.receive(input)) return *event;
    return std::nullopt;
  }
  if (!input.empty()) {
    const ByteView all = input;
    input = {};
    return tlsglue::PlaintextReceived{all};
  }
  if (!eof_ || told_eof_) return std::nullopt;
  told_eof_ = true;
  return tlsglue::PeerClosed{tlsglue::CloseKind::clean};
}

std::optional<tlsglue::Event> Cleartext::sniff(ByteView& input) {
  if (role_ == h2::Role::client) return settle(Phase::h2, tlsglue::Protocol::h2);
  while (!input.empty() && matched_ < kDecides.size()) {
    if (static_cast<char>(input.front()) != kDecides[matched_]) {
      return settle(Phase::plaintext, tlsglue::Protocol::http11);
    }
    ++matched_;
    input = input.subspan(1);
  }
  if (matched_ == kDecides.size()) return settle(Phase::h2, tlsglue::Protocol::h2);
  if (eof_) return settle(Phase::plaintext, tlsglue::Protocol::http11);
  return std::nullopt;
}

std::optional<tlsglue::Event> Cleartext::settle(Phase phase, tlsglue::Protocol protocol) {
  phase_ = phase;
  if (phase == Phase::h2) begin_http2();
  return tlsglue::HandshakeDone{tlsglue::AlpnOutcome::undecided, protocol, false, {}, {}};
}

/// Its timers run from this moment, even if nobody calls again.
void Cleartext::begin_http2() {
  phase_ = Phase::h2;
  if (now_) http2_.advance_time(*now_);
}

void Cleartext::receive_eof() { eof_ = true; }

void Cleartext::transport_lost() {
  eof_ = true;
  output_.clear();
  http2_.transport_lost();
}

std::size_t Cleartext::poll_output(std::span<ByteView> slices, std::size_t max_bytes) {
  const bool h2 = phase_ == Phase::h2 || role_ == h2::Role::client;
  if (h2 && output_.empty()) return http2_.poll_output(slices, max_bytes);
  if (output_.empty() || slices.empty()) return 0;
  slices[0] = output_;
  return 1;
}

void Cleartext::consume_output(std::size_t bytes) {
  if (output_.empty()) return http2_.consume_output(bytes);
  output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(bytes));
}

bool Cleartext::has_output() const {
  const bool h2 = phase_ == Phase::h2 || role_ == h2::Role::client;
  return !output_.empty() || (h2 && http2_.has_output());
}

h2::TransportWish Cleartext::transport_wish() const {
  if (phase_ == Phase::h2) return http2_.transport_wish();
  if (!close_wanted_ || !output_.empty()) return h2::TransportWish::open;
  return eof_ ? h2::TransportWish::close : h2::TransportWish::shut_down_write;
}

void Cleartext::advance_time(h2::TimePoint now) {
  now_ = now;
  if (role_ == h2::Role::client || phase_ == Phase::h2) return http2_.advance_time(now);
  if (phase_ != Phase::first_bytes || first_bytes_timeout_ == h2::Duration{0}) return;
  if (!sniff_until_) sniff_until_ = now + first_bytes_timeout_;
  if (now >= *sniff_until_) close_wanted_ = true;
}

std::optional<h2::TimePoint> Cleartext::deadline() const {
  if (role_ == h2::Role::client || phase_ == Phase::h2) return http2_.deadline();
  return phase_ == Phase::first_bytes && !close_wanted_ ? sniff_until_ : std::nullopt;
}

std::size_t Cleartext::send_plaintext(ByteView data) {
  if (phase_ != Phase::plaintext || close_wanted_ || output_.size() >= kMaxWaiting) return 0;
  const std::size_t bytes = std::min(data.size(), kMaxWaiting - output_.size());
  output_.insert(output_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(bytes));
  return bytes;
}

h2::Result<h2::StreamId> Cleartext::upgrade(const h2::Request& request, ByteView http2_settings, ByteView rest) {
  begin_http2();
  early_.assign(rest.begin(), rest.end());
  early_taken_ = 0;
  return http2_.begin_upgraded(request, http2_settings);
}

}  // namespace tools
