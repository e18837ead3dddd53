#include <tools/content.h>

#include <algorithm>
#include <cstring>

namespace tools {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;

/// Whole alphabets, so that blocks join without a seam.
const std::vector<std::byte>& pattern_block() {
  static const std::vector<std::byte> block = [] {
    std::vector<std::byte> letters(kBlockBytes / 26 * 26);
    for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<std::byte>('a' + i % 26);
    return letters;
  }();
  return block;
}

}  // namespace

std::optional<Content::Piece> TextContent::next() { return Piece{std::as_bytes(std::span(text_)), true}; }

std::optional<Content::Piece> PatternContent::next() {
  const std::vector<std::byte>& block = pattern_block();
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, block.size()));
  left_ -= bytes;
  return Piece{h2::ByteView(block).first(bytes), left_ == 0};
}

std::optional<Content::Piece> FileContent::next() {
  if (left_ == 0) return Piece{{}, true};
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlockBytes));
  if (block_.size() < wanted) block_.resize(wanted);
  ssize_t got = 0;
  do {
    got = ::pread(file_->get(), block_.data(), wanted, static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return Piece{{}, false, true};  // unreadable, or shorter than when its length was announced
  offset_ += static_cast<std::uint64_t>(got);
  left_ -= static_cast<std::uint64_t>(got);
  return Piece{h2::ByteView(block_).first(static_cast<std::size_t>(got)), left_ == 0};
}

std::size_t EchoContent::push(h2::ByteView bytes) {
  if (ring_.empty() && !bytes.empty()) ring_.resize(kCapacity);
  while (!bytes.empty()) {
    const std::size_t back = (front_ + held_) % kCapacity;
    const std::size_t part = std::min({bytes.size(), kCapacity - back, room()});
    if (part == 0) break;
    std::memcpy(ring_.data() + back, bytes.data(), part);
    held_ += part;
    bytes = bytes.subspan(part);
  }
  return 0;  // all of it is held until it was sent
}

std::optional<Content::Piece> EchoContent::next() {
  if (held_ == 0 && !finished_) return std::nullopt;
  lent_ = std::min(held_, kCapacity - front_);
  return Piece{h2::ByteView(ring_).subspan(lent_ == 0 ? 0 : front_, lent_), finished_ && lent_ == held_};
}

std::size_t EchoContent::done() {
  front_ = (front_ + lent_) % kCapacity;
  held_ -= lent_;
  return std::exchange(lent_, 0);
}

}  // namespace tools
