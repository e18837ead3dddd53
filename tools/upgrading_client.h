// A client that asks by HTTP/1.1 to go on in HTTP/2 without TLS (RFC 7540 3.2), behind the same calls as Cleartext and
// SecureConnection. RFC 9113 has no such upgrade any more, but servers with it are still about.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tlsglue/secure_connection.h>

namespace tools {

using tlsglue::ByteView;

class UpgradingClient {
 public:
  /// After `timeout` without an answer the server is taken to have none.
  UpgradingClient(const h2::Config& config, h2::Duration timeout);
  ~UpgradingClient();
  UpgradingClient(UpgradingClient&& other) noexcept;
  UpgradingClient& operator=(UpgradingClient&& other) noexcept;

  /// The first call: what is asked by HTTP/1.1, without content, and answered on the stream that is returned.
  h2::Result<h2::StreamId> upgrade(const h2::Request& request, void* user);

  /// Behind HandshakeDone: why the server does not go on in HTTP/2; empty if it does.
  const std::string& refusal() const { return refusal_; }
  /// Whether it was HTTP/1.1 by which it refused.
  bool spoke_http1() const { return spoke_http1_; }

  h2::Connection& http2() { return http2_; }
  const h2::Connection& http2() const { return http2_; }

  std::optional<tlsglue::Event> receive(ByteView& input);
  void receive_eof();
  void transport_lost();
  std::size_t poll_output(std::span<ByteView> slices, std::size_t max_bytes);
  void consume_output(std::size_t bytes);
  bool has_output() const;
  h2::TransportWish transport_wish() const { return http2_.transport_wish(); }
  void advance_time(h2::TimePoint now);
  std::optional<h2::TimePoint> deadline() const;
  void close() { transport_lost(); }

 private:
  struct Answer;
  enum class Phase : std::uint8_t { asking, h2, over };

  std::string settings();
  std::optional<tlsglue::Event> read_answer(ByteView& input);
  tlsglue::Event refuse(std::string why);

  h2::Connection http2_;
  h2::Duration timeout_;
  std::optional<h2::TimePoint> answer_by_;
  Phase phase_ = Phase::asking;
  std::string request_;
  std::unique_ptr<Answer> answer_;
  std::vector<std::byte> early_;  // came in the same breath as the answer
  std::size_t early_taken_ = 0;
  std::string refusal_;
  bool spoke_http1_ = false, eof_ = false, told_eof_ = false, late_ = false;
};

}  // namespace tools
