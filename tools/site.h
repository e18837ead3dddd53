// What `h2 serve` answers, whatever protocol the question came by: files or a built-in page, /echo, /bytes/N and /ws.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <h2core/types.h>
#include <tools/content.h>
#include <tools/root_directory.h>

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
  std::vector<NameValue> fields;
  std::unique_ptr<Content> content;     ///< null: the message has none
  TwoWayContent* echo = nullptr;        ///< `content`, when the request's content is to be pushed into it
  std::optional<std::uint64_t> length;  ///< of the content, if it is known; not in `fields`
  std::vector<std::string> styles;      ///< paths of the style sheets that a reader of the content will ask for next
};

class Site {
 public:
  Site() = default;
  explicit Site(std::optional<RootDirectory> root) : root_(std::move(root)) {}

  Answer answer(const Question& question) const;

 private:
  Answer find(const Question& question, std::string_view path) const;
  Answer file(const Question& question, const std::string& path) const;

  std::optional<RootDirectory> root_;
};

/// What "bytes=..." asks of `size` bytes (RFC 9110 14.1.2). `whole` also for several ranges and for what is not
/// understood, since a server may ignore the field.
struct ByteRange {
  enum class Kind : std::uint8_t { whole, part, unsatisfiable } kind = Kind::whole;
  std::uint64_t first = 0, bytes = 0;
};
ByteRange parse_range(std::string_view text, std::uint64_t size);

/// The path of a request target without its query and with its percent escapes resolved. Null when it is broken or
/// holds a zero octet.
std::optional<std::string> decode_path(std::string_view target);

}  // namespace tools
