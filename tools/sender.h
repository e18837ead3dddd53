// Content into one HTTP/2 stream: lends a piece, waits until it is back, lends the next, and ends with the trailers.
#pragma once

#include <memory>

#include <h2core/connection.h>
#include <tools/content.h>

namespace tools {

class Sender {
 public:
  void start(std::unique_ptr<Content> content) { content_ = std::move(content); }

  /// Instead of content: `bytes`, which stay in place until `on_sent`, are lent as the whole of it. What cannot be
  /// lent, for want of memory, ends the stream with INTERNAL_ERROR; so it is with a piece of content.
  void send_whole(h2::Connection& connection, h2::StreamId stream, h2::ByteView bytes);
  /// Lends what is there, if nothing is out. Call it again when the content may have more.
  void pump(h2::Connection& connection, h2::StreamId stream);
  /// The lent piece is back; goes on with the next. Received bytes that this freed are given back to the peer.
  void on_sent(h2::Connection& connection, const h2::DataSent& sent);

  std::uint64_t sent_bytes() const { return sent_bytes_; }
  /// Those and the ones of the lent piece.
  std::uint64_t given_bytes() const { return given_bytes_; }
  /// The source failed, and the stream was reset for it.
  bool broken() const { return broken_; }

 private:
  void lend(h2::Connection& connection, h2::StreamId stream, h2::ByteView bytes, h2::EndStream end);

  std::unique_ptr<Content> content_;
  std::uint64_t sent_bytes_ = 0, given_bytes_ = 0;
  bool lent_ = false, ended_ = false, broken_ = false;
};

/// Views of `fields`, for the calls of h2core. Valid until `fields` changes.
std::vector<h2::Field> as_fields(const std::vector<NameValue>& fields);

}  // namespace tools
