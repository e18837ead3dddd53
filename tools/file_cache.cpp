#include <tools/file_cache.h>

#include <cerrno>
#include <charconv>
#include <iterator>

#include <tools/mime.h>

namespace tools {
namespace {

// A file that was written to in the same moment as it was read may be written to once more and look the same, for file
// systems count time in steps. So what is younger than this when it is read is read again at the next look.
constexpr std::time_t kSettledSeconds = 2;

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

bool same_version(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim) &&
         same_time(a.st_ctim, b.st_ctim);
}

/// Time and size, short, for it goes out with every response and compresses badly.
std::string entity_tag(const struct stat& info) {
  const auto seconds = static_cast<std::uint64_t>(info.st_mtim.tv_sec);  // it may be any, and the product wrap
  const auto nanoseconds = static_cast<std::uint64_t>(info.st_mtim.tv_nsec);
  char text[40] = {'"'};
  char* const end = std::end(text) - 1;
  char* at = std::to_chars(text + 1, end, seconds * 1'000'000'000 + nanoseconds, 36).ptr;
  *at++ = '-';
  at = std::to_chars(at, end, info.st_size, 36).ptr;
  *at++ = '"';
  return {text, at};
}

bool read_all(int fd, std::byte* to, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t got = ::pread(fd, to + at, bytes - at, static_cast<off_t>(at));
    if (got == 0 || (got < 0 && errno != EINTR)) return false;
    if (got > 0) at += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

HeldBytes::HeldBytes(std::shared_ptr<std::size_t> total, std::size_t bytes)
    : total_(std::move(total)), bytes_(new std::byte[bytes]), size_(bytes) {
  *total_ += size_;
}

HeldBytes::~HeldBytes() {
  if (total_) *total_ -= size_;
}

void HeldBytes::swap(HeldBytes& other) noexcept {
  total_.swap(other.total_);
  bytes_.swap(other.bytes_);
  std::swap(size_, other.size_);
}

Ref<const ServedFile> FileCache::find(std::string_view path, std::time_t now) {
  const auto found = entries_.find(path);
  if (found == entries_.end() || found->second.checked != now) return look(path, now);
  found->second.asked = now;
  return found->second.file;
}

Ref<const ServedFile> FileCache::look(std::string_view path, std::time_t now) {
  if (swept_ != now) sweep(now);
  const auto found = entries_.find(path);
  OpenFile opened = root_.open(std::string(path));
  if (!opened.file) {
    const int why = errno;
    if (found != entries_.end()) entries_.erase(found);
    errno = why;
    return {};
  }
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.checked = entry.asked = now;
    const bool settled = entry.file->info.st_ctim.tv_sec + kSettledSeconds < entry.read;
    if (settled && same_version(entry.file->info, opened.info)) return entry.file;
    entries_.erase(found);
  }

  const Ref<ServedFile> file(new ServedFile);
  file->info = opened.info;
  file->file = std::move(opened.file);
  file->etag = entity_tag(file->info);
  file->last_modified = http_date(file->info.st_mtim.tv_sec);
  file->length = std::to_string(file->info.st_size);
  file->media_type = media_type(path.empty() || path.ends_with('/') ? "index.html" : path);
  file->head = {{"content-type", file->media_type},
                {"content-length", file->length},
                {"last-modified", file->last_modified},
                {"etag", file->etag},
                {"accept-ranges", "bytes"}};
  file->head.insert(file->head.end(), common_.begin(), common_.end());
  file->head_again = file->head;
  for (h2::Field& field : file->head_again) {
    if (field.name == "content-length" || field.name == "etag") field.indexing = hpack::Indexing::always;
  }
  Ref<const ServedFile> made(file.get());
  if (read_whole(*file)) entries_.emplace(path, Entry{made, now, now, now});
  return made;
}

/// False, and the file stays open, when it is too large, when the cache is full, and when it changed meanwhile.
bool FileCache::read_whole(ServedFile& file) {
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  if (size > kLargestFile || *held_ + size > kMostBytes || entries_.size() >= kMostFiles) return false;
  HeldBytes bytes(held_, static_cast<std::size_t>(size));
  struct stat after {};
  if (!read_all(file.file->get(), bytes.data(), static_cast<std::size_t>(size)) ||
      ::fstat(file.file->get(), &after) != 0 || !same_version(file.info, after)) {
    return false;
  }
  file.bytes.swap(bytes);
  file.file.reset();
  return true;
}

/// The clock may have been set back.
void FileCache::sweep(std::time_t now) {
  swept_ = now;
  std::erase_if(entries_, [now](const auto& item) {
    const Entry& entry = item.second;
    return entry.asked > now || entry.asked + kKeepSeconds < now;
  });
}

std::string http_date(std::time_t when) {
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  char line[64];
  return {line, std::strftime(line, sizeof line, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace tools
