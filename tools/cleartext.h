// TCP without TLS behind the calls of tlsglue::SecureConnection, so that one driver and one application serve both. A
// server learns from the first bytes whether the peer speaks HTTP/2 (RFC 9113 3.3) or HTTP/1.1.
#pragma once

#include <optional>
#include <vector>

#include <tlsglue/secure_connection.h>

namespace tools {

using tlsglue::ByteView;

class Cleartext {
 public:
  /// A client speaks HTTP/2 with prior knowledge; a server waits for the first bytes, as long as for a preface.
  explicit Cleartext(const h2::Config& config)
      : http2_(config), role_(config.role), first_bytes_timeout_(config.preface_timeout) {}

  h2::Connection& http2() { return http2_; }
  const h2::Connection& http2() const { return http2_; }
  /// The same when all input goes straight to it, until `receive_eof()`; or null.
  h2::Connection* bare_http2() {
    const bool bare = phase_ == Phase::h2 && matched_ == 0 && early_taken_ == early_.size() && !eof_;
    return bare ? &http2_ : nullptr;
  }

  std::optional<tlsglue::Event> receive(ByteView& input);
  /// As everywhere: call `receive` with no input afterwards.
  void receive_eof();
  void transport_lost();
  std::size_t poll_output(std::span<ByteView> slices, std::size_t max_bytes = std::size_t{64} * 1024);
  void consume_output(std::size_t bytes);
  bool has_output() const;
  h2::TransportWish transport_wish() const;
  void advance_time(h2::TimePoint now);
  std::optional<h2::TimePoint> deadline() const;

  std::size_t send_plaintext(ByteView data);
  /// Goes on in HTTP/2 behind the plaintext that waits, which ends with the 101 response (RFC 7540 3.2). `rest` is what
  /// came behind the request.
  h2::Result<h2::StreamId> upgrade(const h2::Request& request, ByteView http2_settings, ByteView rest);
  void close() { close_wanted_ = true; }

 private:
  enum class Phase : std::uint8_t { first_bytes, h2, plaintext };

  std::optional<tlsglue::Event> sniff(ByteView& input);
  std::optional<tlsglue::Event> settle(Phase phase, tlsglue::Protocol protocol);
  void begin_http2();

  h2::Connection http2_;
  h2::Role role_;
  h2::Duration first_bytes_timeout_;
  Phase phase_ = Phase::first_bytes;
  std::size_t matched_ = 0;  // octets of the client preface that came, and are not yet handed on
  std::optional<h2::TimePoint> now_, sniff_until_;
  std::vector<std::byte> output_;  // of plaintext only
  std::vector<std::byte> early_;   // of the client's preface, behind an upgrade
  std::size_t early_taken_ = 0;
  bool eof_ = false, close_wanted_ = false, told_eof_ = false;
};

}  // namespace tools
