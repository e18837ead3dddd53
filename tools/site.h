// What `h2 serve` answers, whatever protocol the question came by: files or a built-in page, /echo, /bytes/N and /ws.
#pragma once

#include <cstdint>
#include <forward_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <h2core/types.h>
#include <tools/content.h>
#include <tools/file_cache.h>

namespace tools {

/// A request head as both protocols can give it. Views live during the call.
struct Question {
  std::string_view method, path;
  std::string_view protocol;          ///< what the built-in page shows: "h2", "h2c" or "http/1.1"
  std::string_view connect_protocol;  ///< of an extended CONNECT (RFC 8441)
  std::string_view content_type, content_length, range, if_range, if_none_match, websocket_version;
};

/// Fills in what a Question takes from the fields; their names are lower-case.
void take_fields(Question& question, std::span<const h2::Field> fields);

struct Answer {
  std::uint16_t status = 200;
  std::unique_ptr<Content> content;     ///< null: the message has none
  TwoWayContent* echo = nullptr;        ///< `content`, when the request's content is to be pushed into it
  std::optional<std::uint64_t> length;  ///< of the content, if it is known
  std::vector<std::string> styles;      ///< paths of the style sheets that a reader of the content will ask for next

  /// All fields, the content-length too. Their text lives as long as the content or the answer, and until the site is
  /// asked for something else.
  std::span<const h2::Field> fields() const { return head_.empty() ? fields_ : head_; }
  void add(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }
  /// The same for a value that nobody else keeps.
  void add_own(std::string_view name, std::string value) { add(name, own_.emplace_front(std::move(value))); }
  /// Instead of single ones.
  void use(std::span<const h2::Field> head) { head_ = head; }
  bool has_head() const { return !head_.empty(); }
  /// Keeps a file whose text is in the fields.
  void keep(Ref<const ServedFile> file) { file_ = std::move(file); }

 private:
  std::vector<h2::Field> fields_;
  std::span<const h2::Field> head_;
  std::forward_list<std::string> own_;
  Ref<const ServedFile> file_;
};

/// For one thread, like its files.
class Site {
 public:
  using Clock = std::time_t (*)();

  Site() = default;
  /// The clock is another one in tests only.
  explicit Site(RootDirectory root, Clock clock = wall_clock)
      : clock_(clock), files_(std::in_place, std::move(root), common_) {}
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  Answer answer(const Question& question);
  /// What a plain GET asks for, if it is the same as the latest that was answered by a whole file from memory, within
  /// the same second; or null. The file's own head and bytes are the answer then, without the 600 instructions that it
  /// takes to find them and to put an Answer together.
  const Ref<const ServedFile>* again(const Question& question);

 private:
  Answer find(const Question& question, std::string_view path);
  Answer file(const Question& question, std::string_view path);
  void look_at_the_clock();
  static std::time_t wall_clock() { return std::time(nullptr); }

  Clock clock_ = wall_clock;
  std::time_t now_ = 0;
  std::string date_ = http_date(0);  // written over once a second, in place, for heads of files have it
  std::vector<h2::Field> common_{{"date", date_}, {"server", "h2core"}, {"x-content-type-options", "nosniff"}};
  std::optional<FileCache> files_;
  struct {
    std::string target;
    Ref<const ServedFile> file;
    std::time_t found = 0;
  } latest_;
};

/// What "bytes=..." asks of `size` bytes (RFC 9110 14.1.2). `whole` also for several ranges and for what is not
/// understood, since a server may ignore the field.
struct ByteRange {
  enum class Kind : std::uint8_t { whole, part, unsatisfiable } kind = Kind::whole;
  std::uint64_t first = 0, bytes = 0;
};
ByteRange parse_range(std::string_view text, std::uint64_t size);

/// The path of a request target without its query and with its percent escapes resolved, in `room` if there are any.
/// Null when it is broken or holds a zero octet.
std::optional<std::string_view> decode_path(std::string_view target, std::string& room);

}  // namespace tools
