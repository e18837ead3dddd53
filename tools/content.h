// Content on its way out, a piece at a time, so that no body is ever whole in memory: text, files, a pattern, an echo.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <h2core/types.h>
#include <tools/fd.h>
#include <tools/file_cache.h>
#include <tools/recycle.h>

namespace tools {

using NameValue = std::pair<std::string, std::string>;

class Content {
 public:
  struct Piece {
    h2::ByteView bytes;
    bool last = false;    ///< nothing follows but trailers
    bool broken = false;  ///< the source failed; the message cannot be ended in order
  };

  virtual ~Content() = default;
  /// As much as is worth a piece when little else is under way.
  static constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
  /// The same of what lies in memory anyway, such as a write can take at once. Longer ones would only make the log
  /// coarser, which counts a piece when all of it is sent.
  static constexpr std::size_t kLentBytes = std::size_t{256} * 1024;
  /// The next piece, which stays in place until `done`; null while nothing is there yet. Never called with one out.
  /// What would have to be read into memory of its own for it is at most `most` bytes.
  virtual std::optional<Piece> next(std::size_t most) = 0;
  /// The piece was sent. Returns how many received bytes that freed: credit for whoever sends to us.
  virtual std::size_t done() { return 0; }

  /// To be sent behind the last piece.
  const std::vector<NameValue>& trailers() const { return trailers_; }
  void set_trailers(std::vector<NameValue> trailers) { trailers_ = std::move(trailers); }

 private:
  std::vector<NameValue> trailers_;
};

/// A short text of its own.
class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  std::optional<Piece> next(std::size_t most) override;

 private:
  std::string text_;
};

/// Some of a file in memory.
class MemoryContent final : public Content {
 public:
  MemoryContent(Ref<const ServedFile> owner, h2::ByteView bytes) : owner_(std::move(owner)), left_(bytes) {}
  std::optional<Piece> next(std::size_t most) override;

  static void* operator new(std::size_t) { return Recycled<sizeof(MemoryContent)>::take(); }
  static void operator delete(void* memory) { Recycled<sizeof(MemoryContent)>::give(memory); }

 private:
  Ref<const ServedFile> owner_;
  h2::ByteView left_;
};

/// `bytes` letters, from one block that all share.
class PatternContent final : public Content {
 public:
  explicit PatternContent(std::uint64_t bytes) : left_(bytes) {}
  std::optional<Piece> next(std::size_t most) override;

 private:
  std::uint64_t left_;
};

/// A part of an open file, a block at a time. The descriptor may be shared by several, for only pread is used.
class FileContent final : public Content {
 public:
  FileContent(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t bytes)
      : file_(std::move(file)), offset_(offset), left_(bytes) {}
  std::optional<Piece> next(std::size_t most) override;

 private:
  std::shared_ptr<const Fd> file_;
  std::uint64_t offset_, left_;
  std::unique_ptr<std::byte[]> block_;
  std::size_t room_ = 0;
};

/// Content that comes of what the other side sends. It holds at most `kCapacity` of that, which is what its feeder's
/// window must not exceed.
class TwoWayContent : public Content {
 public:
  static constexpr std::size_t kCapacity = 65536;

  virtual std::size_t room() const = 0;
  /// At most `room()` bytes. Returns how many are held no more, as `done` does.
  virtual std::size_t push(h2::ByteView bytes) = 0;
  /// Nothing more comes to be pushed.
  virtual void finish() = 0;
  /// The server ends: come to an end soon.
  virtual void going_away() {}
};

/// Sends back what it is given.
class EchoContent final : public TwoWayContent {
 public:
  std::size_t room() const override { return kCapacity - held_; }
  std::size_t push(h2::ByteView bytes) override;
  void finish() override { finished_ = true; }

  std::optional<Piece> next(std::size_t most) override;
  std::size_t done() override;

 private:
  std::deque<std::vector<std::byte>> blocks_;  // none ever grows beyond its first capacity, so that lent bytes stay
  std::size_t front_ = 0, held_ = 0, lent_ = 0;
  bool finished_ = false;
};

}  // namespace tools
