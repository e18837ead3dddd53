#include <tools/site.h>

#include <algorithm>
#include <charconv>

#include <tools/websocket.h>

namespace tools {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>h2 serve</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<h1>It works</h1>
<p>This page came to the server as <strong id="protocol">@PROTOCOL@</strong>
and the browser says <strong id="seen">nothing yet</strong>.</p>
<p><code>GET /bytes/N</code> gives N bytes, <code>POST /echo</code> gives back what it gets, trailers included.</p>
<script>
const [page] = performance.getEntriesByType('navigation');
document.getElementById('seen').textContent = page.nextHopProtocol || 'nothing';
</script>
</html>
)";

constexpr std::string_view kStyle = R"(body {
  font: 16px/1.5 system-ui, sans-serif;
  max-width: 40em;
  margin: 4em auto;
  padding: 0 1em;
}
code {
  background: #eee;
}
)";

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Answer text(std::uint16_t status, std::string words, std::string_view type = "text/plain; charset=utf-8") {
  Answer answer;
  answer.status = status;
  answer.add("content-type", type);
  answer.length = words.size();
  answer.content = std::make_unique<TextContent>(std::move(words));
  return answer;
}

Answer not_allowed(std::string_view allowed) {
  Answer answer = text(405, "method not allowed\n");
  answer.add("allow", allowed);
  return answer;
}

Answer page(std::string_view protocol) {
  constexpr std::string_view kPlace = "@PROTOCOL@";
  std::string html(kPage);
  html.replace(html.find(kPlace), kPlace.size(), protocol);
  Answer answer = text(200, std::move(html), "text/html; charset=utf-8");
  answer.add("cache-control", "no-store");
  answer.styles.emplace_back("/style.css");
  return answer;
}

Answer pattern(std::string_view digits) {
  // What fits a content-length in every client that we know.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  const std::optional<std::uint64_t> bytes = parse_number(digits);
  if (!bytes || *bytes > kMost) return text(400, "/bytes/N wants a number\n");
  Answer answer;
  answer.add("content-type", "text/plain");
  answer.length = *bytes;
  answer.content = std::make_unique<PatternContent>(*bytes);
  return answer;
}

Answer echo(const Question& question) {
  Answer answer;
  answer.add("content-type", question.content_type.empty() ? "application/octet-stream" : question.content_type);
  auto content = std::make_unique<EchoContent>();
  answer.echo = content.get();
  answer.content = std::move(content);
  answer.length = parse_number(question.content_length);
  return answer;
}

/// Extended CONNECT. Tunnels, and protocols that are not spoken here, are not implemented.
Answer connect(const Question& question, std::string_view path) {
  if (question.connect_protocol != "websocket") return text(501, "only websocket is spoken behind CONNECT\n");
  if (path != "/ws") return text(404, "not found\n");
  if (question.websocket_version != "13") {  // RFC 6455 4.4; its 426 wants an Upgrade, which HTTP/2 has not
    Answer answer = text(400, "only version 13 is spoken\n");
    answer.add("sec-websocket-version", "13");
    return answer;
  }
  Answer answer;
  auto socket = std::make_unique<WebSocketEcho>();
  answer.echo = socket.get();
  answer.content = std::move(socket);
  return answer;
}

Answer open_failed(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return text(403, "forbidden\n");
    case EMFILE:
    case ENFILE:
    case ENOMEM: return text(503, "too many open files\n");
    default: return text(404, "not found\n");  // also what lies outside the root: whoever asks need not know
  }
}

}  // namespace

void take_fields(Question& question, std::span<const h2::Field> fields) {
  for (const h2::Field& field : fields) {
    if (field.name == "content-type") question.content_type = field.value;
    if (field.name == "content-length") question.content_length = field.value;
    if (field.name == "range") question.range = field.value;
    if (field.name == "if-range") question.if_range = field.value;
    if (field.name == "if-none-match") question.if_none_match = field.value;
    if (field.name == "sec-websocket-version") question.websocket_version = field.value;
  }
}

Answer Site::answer(const Question& question) {
  look_at_the_clock();
  const bool tunnel = question.method == "CONNECT" && question.path.empty();
  std::string room;
  const std::optional<std::string_view> path = tunnel ? std::string_view{} : decode_path(question.path, room);
  Answer answer = path ? find(question, *path) : text(400, "the path is broken\n");
  if (!answer.has_head()) {
    if (answer.length) answer.add_own("content-length", std::to_string(*answer.length));
    for (const h2::Field& field : common_) answer.add(field.name, field.value);
  }
  if (question.method == "HEAD") {
    answer.content.reset();
    answer.echo = nullptr;
    answer.styles.clear();
  }
  return answer;
}

const Ref<const ServedFile>* Site::again(const Question& question) {
  look_at_the_clock();
  const bool same =
      latest_.found == now_ && latest_.file && question.path == latest_.target && question.method == "GET";
  return same && question.range.empty() && question.if_none_match.empty() ? &latest_.file : nullptr;
}

void Site::look_at_the_clock() {
  const std::time_t now = clock_();
  if (now != now_) http_date(now).copy(date_.data(), date_.size());
  now_ = now;
}

Answer Site::find(const Question& question, std::string_view path) {
  constexpr std::string_view kBytes = "/bytes/";
  if (question.method == "CONNECT") return connect(question, path);
  const bool reads = question.method == "GET" || question.method == "HEAD";
  if (path == "/echo") {
    return question.method == "POST" || question.method == "PUT" ? echo(question) : not_allowed("POST, PUT");
  }
  if (!reads) return not_allowed("GET, HEAD");
  if (path.starts_with(kBytes)) return pattern(path.substr(kBytes.size()));
  if (files_) return file(question, path.substr(1));
  if (path == "/" || path == "/index.html") return page(question.protocol);
  if (path == "/style.css") return text(200, std::string(kStyle), "text/css; charset=utf-8");
  return text(404, "not found\n");
}

Answer Site::file(const Question& question, std::string_view path) {
  Ref<const ServedFile> found = files_->find(path, now_);
  if (!found) return open_failed(errno);
  const ServedFile& file = *found;
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  ByteRange range{ByteRange::Kind::whole, 0, size};
  // A range of another version than the asker's would be garbage (RFC 9110 13.1.5).
  const bool ranged = !question.range.empty() && (question.if_range.empty() || question.if_range == file.etag);
  if (ranged) range = parse_range(question.range, size);

  Answer answer;
  if (question.if_none_match == file.etag) {
    answer.status = 304;
  } else if (range.kind == ByteRange::Kind::unsatisfiable) {
    answer = text(416, "the file is shorter than that\n");
    answer.add_own("content-range", "bytes */" + std::to_string(size));
    return answer;
  } else if (range.kind == ByteRange::Kind::part) {
    answer.status = 206;
    answer.add("content-type", file.media_type);
    answer.add_own("content-range", "bytes " + std::to_string(range.first) + '-' +
                                        std::to_string(range.first + range.bytes - 1) + '/' + std::to_string(size));
  }
  if (range.kind == ByteRange::Kind::whole && answer.status == 200) {
    answer.use(file.head);
  } else {
    answer.add("last-modified", file.last_modified);
    answer.add("etag", file.etag);
    answer.add("accept-ranges", "bytes");
  }
  if (answer.status == 304) {
    answer.keep(std::move(found));
    return answer;
  }
  answer.length = range.bytes;
  if (file.file) {
    answer.content = std::make_unique<FileContent>(file.file, range.first, range.bytes);
    answer.keep(std::move(found));
  } else {
    if (answer.has_head() && size <= Content::kLentBytes) latest_ = {std::string(question.path), found, now_};
    const h2::ByteView bytes = file.bytes.view().subspan(range.first, range.bytes);
    answer.content = std::make_unique<MemoryContent>(std::move(found), bytes);
  }
  return answer;
}

ByteRange parse_range(std::string_view text, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const ByteRange whole{ByteRange::Kind::whole, 0, size};
  if (!text.starts_with(kUnit)) return whole;
  text.remove_prefix(kUnit.size());
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view from = text.substr(0, dash), to = text.substr(dash + 1);
  const std::optional<std::uint64_t> first = parse_number(from), last = parse_number(to);
  if ((!first && !from.empty()) || (!last && !to.empty()) || (!first && !last)) return whole;
  if (first && last && *last < *first) return whole;

  if (!first) {  // the last so many bytes
    const std::uint64_t bytes = std::min(*last, size);
    if (bytes == 0) return {ByteRange::Kind::unsatisfiable, 0, 0};
    return {ByteRange::Kind::part, size - bytes, bytes};
  }
  if (*first >= size) return {ByteRange::Kind::unsatisfiable, 0, 0};
  const std::uint64_t end = last && *last < size - 1 ? *last + 1 : size;
  return {ByteRange::Kind::part, *first, end - *first};
}

std::optional<std::string_view> decode_path(std::string_view target, std::string& room) {
  target = target.substr(0, target.find('?'));
  if (!target.starts_with('/')) return std::nullopt;
  if (target.find('%') == std::string_view::npos) return target;
  room.clear();
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] != '%') {
      room += target[i];
      continue;
    }
    const std::string_view digits = target.substr(i + 1, 2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2 || value == 0) return std::nullopt;
    room += static_cast<char>(value);
    i += 2;
  }
  return room;
}

}  // namespace tools
