// Small files of a site in memory, so that a request that was asked before costs no system call and no copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <h2core/types.h>
#include <tools/counted.h>
#include <tools/root_directory.h>

namespace tools {

/// Bytes that are held by whoever still sends them, whether or not the cache has let go of them.
class HeldBytes {
 public:
  HeldBytes() = default;
  HeldBytes(std::shared_ptr<std::size_t> total, std::size_t bytes);
  ~HeldBytes();
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  void swap(HeldBytes& other) noexcept;

  std::byte* data() const { return bytes_.get(); }
  h2::ByteView view() const { return {bytes_.get(), size_}; }

 private:
  std::shared_ptr<std::size_t> total_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

/// A regular file as it was at one moment, and what every answer about it says.
struct ServedFile : Counted {
  struct stat info {};
  std::string etag, last_modified, length;
  std::string_view media_type;
  std::vector<h2::Field> head;  ///< of the answer that gives all of it
  /// The same for a connection that asks for it again: fields that other files do not share have entries of their own
  /// in its HPACK table then, which takes 21 of 30 octets and 160 instructions off each answer.
  std::vector<h2::Field> head_again;
  std::shared_ptr<const Fd> file;  ///< null when all of it is in `bytes`
  HeldBytes bytes;
};

/// Files below a directory. What is small is read once, whole, and given out as it was then: a file that is cut short
/// or written to while it is sent cannot tear a response. At most once a second each is opened anew and looked at, so
/// that what changed, went away or may no longer be read shows within a second. What is large, and what is asked for
/// while the cache is full, is opened for each request. For one thread.
class FileCache {
 public:
  /// Of one file, of all together (those count, too, that only a slow reader still holds), and how many.
  static constexpr std::size_t kLargestFile = std::size_t{1} << 20, kMostBytes = std::size_t{16} << 20;
  static constexpr std::size_t kMostFiles = 1000;
  /// What nobody asked for so long makes way. Nothing goes earlier, so that whoever asks for everything in turn makes
  /// the server read no file more often than without a cache.
  static constexpr std::time_t kKeepSeconds = 10;

  /// `common` are fields of every head, whose text outlives the cache.
  explicit FileCache(RootDirectory root, std::vector<h2::Field> common = {})
      : root_(std::move(root)), common_(std::move(common)) {}

  /// The file at `path` or null, as RootDirectory::open().
  Ref<const ServedFile> find(std::string_view path, std::time_t now);

  std::size_t held_bytes() const { return *held_; }

 private:
  struct Entry {
    Ref<const ServedFile> file;
    std::time_t read = 0, checked = 0, asked = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Ref<const ServedFile> look(std::string_view path, std::time_t now);
  bool read_whole(ServedFile& file);
  void sweep(std::time_t now);

  RootDirectory root_;
  std::vector<h2::Field> common_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  std::shared_ptr<std::size_t> held_ = std::make_shared<std::size_t>(0);
  std::time_t swept_ = 0;
};

/// As HTTP writes it (RFC 9110 5.6.7).
std::string http_date(std::time_t when);

}  // namespace tools
