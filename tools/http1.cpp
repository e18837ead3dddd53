#include <tools/http1.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <charconv>
#include <limits>

#include <tools/http1_text.h>

namespace tools {
namespace {

namespace http = boost::beast::http;
namespace asio = boost::asio;

constexpr std::uint32_t kMaxHeadBytes = 65536;  // as much as we take by HTTP/2
constexpr std::size_t kMaxWaitingInput = std::size_t{128} * 1024, kMaxWaitingOutput = std::size_t{64} * 1024;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// The path of an absolute target, such as proxies are sent (RFC 9112 3.2.2).
std::string_view path_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

}  // namespace

struct Http1::Exchange {
  http::request_parser<http::buffer_body> parser;
  std::string method, path;
  h2::TimePoint began;
  std::size_t head_fields = 0;

  Answer answer;
  std::optional<Content::Piece> piece;  // what is left of the one under way
  std::uint64_t sent = 0;
  bool answered = false, keep_alive = true, chunked = false, response_ended = false, request_ended = false;
};

Http1::Http1(Site& site, ConnectionLog& log, h2::TimePoint now, H2cUpgrade h2c, const Deadlines& deadlines)
    : site_(site),
      log_(log),
      now_(now),
      last_progress_(now),
      h2c_(h2c),
      idle_timeout_(seconds(deadlines.idle)),
      head_timeout_(seconds(deadlines.header)),
      content_pace_(deadlines.min_rate == 0 ? Pace(0, {}) : pace(deadlines, deadlines.content)) {}
Http1::~Http1() = default;

bool Http1::has_room() const { return finished_ || input_.size() < kMaxWaitingInput; }

void Http1::receive(h2::ByteView data) {
  if (finished_) return;
  input_.insert(input_.end(), data.begin(), data.end());
  received_ += data.size();
  last_progress_ = now_;
}

void Http1::receive_eof() { eof_ = true; }

void Http1::consume_output(std::size_t bytes) {
  output_front_ += bytes;
  if (output_front_ == output_.size()) {
    output_.clear();
    output_front_ = 0;
  }
  last_progress_ = now_;
}

void Http1::drain() {
  draining_ = true;
  if (exchange_ && exchange_->answered) exchange_->keep_alive = false;
  run();
}

void Http1::advance_time(h2::TimePoint now) {
  now_ = now;
  if (finished_ || upgrade_) return;
  if (owes_head() && now_ >= exchange_->began + head_timeout_) return refuse(408, "the head took too long\n");
  if (idle_timeout_ != h2::Duration{0} && now_ - last_progress_ >= idle_timeout_) finished_ = true;
}

bool Http1::owes_head() const { return exchange_ && !exchange_->answered && head_timeout_ != h2::Duration{0}; }

bool Http1::owes_content() const {
  if (!exchange_ || !exchange_->answered || exchange_->request_ended) return false;
  return exchange_->answer.echo == nullptr || exchange_->answer.echo->room() != 0;
}

std::optional<h2::TimePoint> Http1::deadline() const {
  if (finished_ || upgrade_) return std::nullopt;
  std::optional<h2::TimePoint> first = content_pace_.deadline();
  const auto add = [&first](h2::TimePoint when) { first = std::min(first.value_or(when), when); };
  if (owes_head()) add(exchange_->began + head_timeout_);
  if (idle_timeout_ != h2::Duration{0}) add(last_progress_ + idle_timeout_);
  return first;
}

void Http1::run() {
  progress();
  if (finished_ || !content_pace_.too_slow(now_, owes_content(), received_)) return;
  log_.error("the content comes too slowly");
  finished_ = true;
}

void Http1::progress() {
  while (!finished_ && !upgrade_) {
    bool moved = false;
    if (!exchange_) {
      if (input_.empty() && (eof_ || draining_)) {
        finished_ = true;
        return;
      }
      if (input_.empty()) return;
      exchange_ = std::make_unique<Exchange>();
      exchange_->parser.header_limit(kMaxHeadBytes);
      exchange_->parser.body_limit(std::numeric_limits<std::uint64_t>::max());
      exchange_->began = now_;
      ++count_;
    }
    if (!exchange_->answered) {
      moved = read_head();
    } else {
      if (!exchange_->request_ended) moved = read_body();
      if (!finished_ && exchange_ && !exchange_->response_ended) moved = write_body() || moved;
      if (!finished_ && exchange_->response_ended && exchange_->request_ended) {
        finish_exchange();
        moved = true;
      }
    }
    if (moved) continue;
    // The client stopped in the middle: nothing that waits for it will come.
    if (eof_ && exchange_ && (!exchange_->answered || (!exchange_->request_ended && input_.empty()))) finished_ = true;
    return;
  }
}

/// Each of these parts is true when it got somewhere.
bool Http1::read_head() {
  if (input_.empty()) return false;
  boost::system::error_code error;
  const std::size_t used = exchange_->parser.put(asio::const_buffer(input_.data(), input_.size()), error);
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(used));
  if (error == http::error::need_more) {
    if (input_.size() > kMaxHeadBytes) refuse(431, "the head is too large\n");
    return false;
  }
  if (error) {
    const bool large = error == http::error::header_limit;
    refuse(large ? 431 : 400, large ? "the head is too large\n" : "this is no HTTP/1.1 request\n");
    return true;
  }
  if (!exchange_->parser.is_header_done()) return used != 0;
  answer();
  return true;
}

void Http1::answer() {
  Exchange& x = *exchange_;
  const auto& request = x.parser.get();
  x.method = view(request.method_string());
  x.path = path_of(view(request.target()));
  if (request.version() >= 11 && request.count(http::field::host) != 1) {
    return refuse(400, "exactly one Host is needed\n");
  }

  std::vector<std::string> names;
  for (const auto& field : request) names.push_back(lower_case(view(field.name_string())));
  std::vector<h2::Field> fields;
  for (const auto& field : request) fields.push_back({names[fields.size()], view(field.value())});
  x.head_fields = fields.size();
  const bool http11 = request.version() >= 11;  // HTTP/1.0 knows neither upgrades nor interim responses
  if (http11 && h2c_ == H2cUpgrade::yes && x.parser.is_done() && answer_upgrade(fields)) return;

  Question question;
  question.method = x.method;
  question.path = x.path;
  question.protocol = "http/1.1";
  take_fields(question, fields);
  x.answer = site_.answer(question);
  x.answered = true;
  x.keep_alive = request.keep_alive() && !draining_;
  x.chunked = x.answer.content && !x.answer.length && http11;
  if (x.answer.content && !x.answer.length && !x.chunked) x.keep_alive = false;  // ended by the close
  x.request_ended = x.parser.is_done();
  if (http11 && lower_case(view(request[http::field::expect])) == "100-continue" && !x.request_ended) {
    output_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  x.parser.eager(true);
  if (x.request_ended && x.answer.echo != nullptr) x.answer.echo->finish();

  const std::span<const h2::Field> said = x.answer.fields();
  std::vector<h2::Field> head(said.begin(), said.end());
  if (x.chunked) head.push_back({"transfer-encoding", "chunked"});
  if (!x.keep_alive) head.push_back({"connection", "close"});
  if (x.keep_alive && !http11) head.push_back({"connection", "keep-alive"});
  write_head(x.answer.status, head);
  if (!x.answer.content) x.response_ended = true;
}

/// RFC 7540 3.2: exactly one HTTP2-Settings, and Connection names both fields. Otherwise Upgrade is ignored.
bool Http1::answer_upgrade(std::span<const h2::Field> fields) {
  std::string_view settings, host;
  std::string connection, protocols;
  int count = 0;
  Upgrade upgrade;
  for (const h2::Field& field : fields) {
    if (field.name == "http2-settings") {
      settings = field.value;
      ++count;
    } else if (field.name == "connection") {
      connection.append(",").append(lower_case(field.value));
    } else if (field.name == "upgrade") {
      protocols.append(",").append(lower_case(field.value));
    } else if (field.name == "host") {
      host = field.value;
    } else {
      upgrade.fields.emplace_back(field.name, field.value);
    }
  }
  std::optional<std::vector<std::byte>> payload = decode_base64url(settings);
  if (count != 1 || !payload || payload->size() % 6 != 0 || !lists(protocols, "h2c") || !lists(connection, "upgrade") ||
      !lists(connection, "http2-settings")) {
    return false;
  }
  upgrade.method = exchange_->method;
  upgrade.authority = host;
  upgrade.path = exchange_->path;
  upgrade.settings = std::move(*payload);
  upgrade_ = std::move(upgrade);
  output_ += "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
  return true;
}

bool Http1::read_body() {
  Exchange& x = *exchange_;
  TwoWayContent* const echo = x.answer.echo;
  std::array<char, 16384> block;
  std::size_t room = block.size();
  if (echo != nullptr) room = std::min(room, echo->room());
  if (room == 0 || (input_.empty() && !x.parser.is_done())) return false;
  auto& body = x.parser.get().body();
  body.data = block.data();
  body.size = room;
  boost::system::error_code error;
  const std::size_t used = x.parser.put(asio::const_buffer(input_.data(), input_.size()), error);
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(used));
  const std::size_t got = room - body.size;
  if (echo != nullptr) echo->push(std::as_bytes(std::span(block)).first(got));
  if (error && error != http::error::need_buffer && error != http::error::need_more) {
    log_.error("the body is broken: " + error.message());
    finished_ = true;
    return false;
  }
  if (!x.parser.is_done()) return used != 0;
  x.request_ended = true;
  if (echo != nullptr) {
    std::vector<NameValue> trailers;  // Beast appends them to the fields of the head
    std::size_t i = 0;
    for (const auto& field : x.parser.get()) {
      if (i++ >= x.head_fields) trailers.emplace_back(view(field.name_string()), view(field.value()));
    }
    echo->set_trailers(std::move(trailers));
    echo->finish();
  }
  return true;
}

bool Http1::write_body() {
  Exchange& x = *exchange_;
  if (output().size() >= kMaxWaitingOutput) return false;
  if (!x.piece) x.piece = x.answer.content->next(Content::kBlockBytes);
  if (!x.piece) return false;
  Content::Piece& piece = *x.piece;
  if (piece.broken) {
    log_.error("cannot read what " + printable(x.path) + " names");
    finished_ = true;  // before the announced length: the client sees that it is cut short
    return false;
  }
  const h2::ByteView part = piece.bytes.first(std::min(piece.bytes.size(), Content::kBlockBytes));
  write_piece(part);
  x.sent += part.size();
  piece.bytes = piece.bytes.subspan(part.size());
  if (!piece.bytes.empty()) return true;
  const bool last = piece.last;
  x.piece.reset();
  x.answer.content->done();
  if (last) end_response();
  return true;
}

void Http1::write_piece(h2::ByteView bytes) {
  if (bytes.empty()) return;  // an empty chunk would be the last
  if (exchange_->chunked) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16);
    output_.append(digits, end).append("\r\n");
  }
  output_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (exchange_->chunked) output_ += "\r\n";
}

void Http1::end_response() {
  Exchange& x = *exchange_;
  x.response_ended = true;
  if (!x.chunked) return;
  output_ += "0\r\n";
  for (const auto& [name, value] : x.answer.content->trailers()) write_field(name, value);
  output_ += "\r\n";
}

void Http1::finish_exchange() {
  const Exchange& x = *exchange_;
  log_.request({count_, x.method, x.path, x.answer.status, x.sent, now_ - x.began, {}});
  if (!x.keep_alive || draining_) finished_ = true;
  exchange_.reset();
}

void Http1::refuse(unsigned status, std::string_view words) {
  const std::string length = std::to_string(words.size());
  const h2::Field head[] = {
      {"content-type", "text/plain; charset=utf-8"}, {"content-length", length}, {"connection", "close"}};
  write_head(status, head);
  output_ += words;
  log_.request({count_,
                exchange_->method.empty() ? "-" : exchange_->method,
                exchange_->path.empty() ? "-" : exchange_->path,
                status,
                words.size(),
                now_ - exchange_->began,
                {}});
  finished_ = true;
}

void Http1::write_head(unsigned status, std::span<const h2::Field> fields) {
  output_ += "HTTP/1.1 " + std::to_string(status) + ' ' +
             std::string(view(http::obsolete_reason(http::int_to_status(status)))) + "\r\n";
  for (const h2::Field& field : fields) write_field(field.name, field.value);
  output_ += "\r\n";
}

void Http1::write_field(std::string_view name, std::string_view value) {
  output_.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace tools
