// What every request of `h2 get` carries: method, fields and content, as the command line says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tools/content.h>
#include <tools/get.h>

namespace tools {

struct Message {
  std::string method;
  std::optional<std::string> authority;  ///< from -H 'host: ...'
  std::vector<NameValue> fields, trailers;
  std::shared_ptr<const Fd> file;
  std::string text;
  std::uint64_t length = 0;
  bool has_content = false;

  std::unique_ptr<Content> content() const;
};

/// Throws a Failure for a field that is none and for a file that cannot be read.
Message make_message(const GetOptions& options);

}  // namespace tools
