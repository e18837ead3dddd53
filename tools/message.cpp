#include <tools/message.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include <h2core/priority.h>

namespace tools {
namespace {

NameValue parse_field(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) throw Failure(Exit::usage, "'" + text + "' is not 'name: value'");
  std::string name = text.substr(0, colon), value = text.substr(colon + 1);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::size_t first = value.find_first_not_of(" \t"), last = value.find_last_not_of(" \t");
  value = first == std::string::npos ? "" : value.substr(first, last - first + 1);
  return {std::move(name), std::move(value)};
}

NameValue priority_field(const std::string& value) {
  if (!h2::read_priority(value))
    throw Failure(Exit::usage, "'" + value + "' is no priority like 'u=1, i' (RFC 9218 4)");
  return {"priority", value};
}

void open_content(Message& message, const std::string& path) {
  message.file = std::make_shared<const Fd>(Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
  struct stat info {};
  if (!*message.file || ::fstat(message.file->get(), &info) != 0) {
    throw Failure(Exit::file, "cannot read " + path + ": " + error_text());
  }
  if (!S_ISREG(info.st_mode)) throw Failure(Exit::file, "cannot read " + path + ": not a regular file");
  message.length = static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

std::unique_ptr<Content> Message::content() const {
  std::unique_ptr<Content> content;
  if (file) {
    content = std::make_unique<FileContent>(file, 0, length);
  } else {
    content = std::make_unique<TextContent>(text);
  }
  content->set_trailers(trailers);
  return content;
}

Message make_message(const GetOptions& options) {
  Message message;
  message.method = !options.method.empty() ? options.method : options.has_data ? "POST" : "GET";
  message.has_content = options.has_data;
  message.fields.emplace_back("user-agent", "h2core");
  message.fields.emplace_back("accept", "*/*");
  for (const std::string& text : options.fields) {
    NameValue field = parse_field(text);
    if (field.first == "host") {
      message.authority = field.second;
      continue;
    }
    const auto same = [&](const NameValue& other) { return other.first == field.first; };
    const auto ours = std::find_if(message.fields.begin(), message.fields.begin() + 2, same);
    if (ours != message.fields.begin() + 2) {
      ours->second = field.second;
    } else {
      message.fields.push_back(std::move(field));
    }
  }
  if (!options.priority.empty()) message.fields.push_back(priority_field(options.priority));
  for (const std::string& text : options.trailers) message.trailers.push_back(parse_field(text));
  if (!options.has_data) return message;
  const bool typed = std::any_of(message.fields.begin(), message.fields.end(),
                                 [](const NameValue& field) { return field.first == "content-type"; });
  if (!typed) message.fields.emplace_back("content-type", "application/octet-stream");
  if (options.data.starts_with('@')) {
    open_content(message, options.data.substr(1));
  } else {
    message.text = options.data;
    message.length = message.text.size();
  }
  return message;
}

}  // namespace tools
