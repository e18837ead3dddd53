#include <tools/sender.h>

#include <algorithm>

namespace tools {

namespace {

/// What lies in memory for one connection at once stays well below a megabyte, however many files it asks for.
std::size_t piece_bytes(const h2::Connection& connection) {
  constexpr std::size_t kTogether = std::size_t{128} * 1024, kLeast = 4096;
  const std::size_t streams = std::max<std::size_t>(1, connection.open_streams());
  return std::clamp(kTogether / streams, kLeast, Content::kBlockBytes);
}

}  // namespace

void Sender::send_whole(h2::Connection& connection, h2::StreamId stream, h2::ByteView bytes) {
  lend(connection, stream, bytes, h2::EndStream::yes);
  ended_ = true;
}

void Sender::pump(h2::Connection& connection, h2::StreamId stream) {
  if (!content_ || lent_ || ended_) return;
  const std::optional<Content::Piece> piece = content_->next(piece_bytes(connection));
  if (!piece) return;
  if (piece->broken) {
    broken_ = ended_ = true;
    (void)connection.reset(stream, h2::ErrorCode::internal_error);
    return;
  }
  const bool trailers = piece->last && !content_->trailers().empty();
  const auto end = piece->last && !trailers ? h2::EndStream::yes : h2::EndStream::no;
  if (!piece->bytes.empty() || end == h2::EndStream::yes) {
    lend(connection, stream, piece->bytes, end);
  }
  if (ended_) return;
  ended_ = piece->last;
  if (trailers && !connection.send_trailers(stream, as_fields(content_->trailers()))) {
    (void)connection.reset(stream, h2::ErrorCode::internal_error);
  }
}

/// Refused when the stream is over already, and then so is its reset. Else it cannot go on, such as without memory.
void Sender::lend(h2::Connection& connection, h2::StreamId stream, h2::ByteView bytes, h2::EndStream end) {
  lent_ = connection.send_data(stream, bytes, h2::Token{bytes.size()}, end).has_value();
  if (lent_) {
    given_bytes_ += bytes.size();
  } else {
    ended_ = true;
    (void)connection.reset(stream, h2::ErrorCode::internal_error);
  }
}

void Sender::on_sent(h2::Connection& connection, const h2::DataSent& sent) {
  lent_ = false;
  if (sent.outcome == h2::DataOutcome::sent) sent_bytes_ += sent.token.value;
  if (!content_) return;
  if (const std::size_t freed = content_->done(); freed != 0) connection.consume(sent.stream, freed);
  pump(connection, sent.stream);
}

std::vector<h2::Field> as_fields(const std::vector<NameValue>& fields) {
  std::vector<h2::Field> views;
  views.reserve(fields.size());
  for (const auto& [name, value] : fields) views.push_back({name, value});
  return views;
}

}  // namespace tools
