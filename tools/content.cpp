#include <tools/content.h>

#include <algorithm>

namespace tools {
namespace {

// Content that comes by the octet must not cost a block for each.
constexpr std::size_t kLeastEchoBlock = 1024;

/// Whole alphabets, so that blocks join without a seam.
const std::vector<std::byte>& pattern_block() {
  static const std::vector<std::byte> block = [] {
    std::vector<std::byte> letters(std::size_t{16384} * 26);  // and whole frames
    for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<std::byte>('a' + i % 26);
    return letters;
  }();
  return block;
}

}  // namespace

std::optional<Content::Piece> TextContent::next(std::size_t) { return Piece{std::as_bytes(std::span(text_)), true}; }

std::optional<Content::Piece> MemoryContent::next(std::size_t) {
  const h2::ByteView piece = left_.first(std::min(left_.size(), kLentBytes));
  left_ = left_.subspan(piece.size());
  return Piece{piece, left_.empty()};
}

std::optional<Content::Piece> PatternContent::next(std::size_t) {
  const std::vector<std::byte>& block = pattern_block();
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, block.size()));
  left_ -= bytes;
  return Piece{h2::ByteView(block).first(bytes), left_ == 0};
}

std::optional<Content::Piece> FileContent::next(std::size_t most) {
  if (left_ == 0) return Piece{{}, true};
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, most));
  if (room_ < wanted) {
    block_.reset(new std::byte[wanted]);
    room_ = wanted;
  }
  ssize_t got = 0;
  do {
    got = ::pread(file_->get(), block_.get(), wanted, static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return Piece{{}, false, true};  // unreadable, or shorter than when its length was announced
  offset_ += static_cast<std::uint64_t>(got);
  left_ -= static_cast<std::uint64_t>(got);
  return Piece{{block_.get(), static_cast<std::size_t>(got)}, left_ == 0};
}

std::size_t EchoContent::push(h2::ByteView bytes) {
  while (!bytes.empty() && room() != 0) {
    if (blocks_.empty() || blocks_.back().size() == blocks_.back().capacity()) {
      blocks_.emplace_back().reserve(std::max(std::min(bytes.size(), room()), kLeastEchoBlock));
    }
    std::vector<std::byte>& back = blocks_.back();
    const std::size_t part = std::min({bytes.size(), back.capacity() - back.size(), room()});
    back.insert(back.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
    held_ += part;
    bytes = bytes.subspan(part);
  }
  return 0;  // all of it is held until it was sent
}

std::optional<Content::Piece> EchoContent::next(std::size_t) {
  if (held_ == 0) return finished_ ? std::optional(Piece{{}, true}) : std::nullopt;
  const h2::ByteView front = blocks_.front();
  lent_ = front.size() - front_;
  return Piece{front.subspan(front_), finished_ && lent_ == held_};
}

std::size_t EchoContent::done() {
  front_ += lent_;
  held_ -= lent_;
  if (!blocks_.empty() && front_ == blocks_.front().size()) {
    blocks_.pop_front();
    front_ = 0;
  }
  return std::exchange(lent_, 0);
}

}  // namespace tools
