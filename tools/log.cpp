#include <tools/log.h>

#include <unistd.h>

#include <cstdio>

namespace tools {
namespace {

std::string milliseconds(h2::Duration time) {
  char text[32];
  const auto ms = std::chrono::duration<double, std::milli>(time).count();
  return {text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.1f ms", ms))};
}

std::string number(h2::StreamId stream) {
  return stream == h2::kConnection ? std::string{} : std::to_string(stream.value);
}

}  // namespace

void Log::write(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  // One call per line, so that threads do not tear each other's. A full disk must not stop the server.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

std::string ConnectionLog::prefix(std::string_view kind, std::string_view stream) const {
  std::string line(kind);
  line += ' ' + remote_ + " connection " + std::to_string(id_);
  if (!stream.empty()) (line += " stream ") += stream;
  return (line += ' ') += protocol_;
}

void ConnectionLog::opened(std::string_view alpn, std::string_view details) {
  protocol_ = alpn;
  if (!log_->wants_all()) return;
  std::string line = prefix("open   ", {});
  if (!details.empty()) (line += ' ') += details;
  log_->info(line);
}

void ConnectionLog::closed(h2::TimePoint now) {
  if (!log_->wants_all()) return;
  log_->info(prefix("close  ", {}) + ' ' + std::to_string(requests_) + " requests " + std::to_string(bytes_) +
             " bytes " + milliseconds(now - began_));
}

void ConnectionLog::request(const RequestLine& line) {
  ++requests_;
  bytes_ += line.bytes;
  if (!log_->wants_all()) return;
  std::string text = prefix("request", std::to_string(line.stream));
  text += ' ' + printable(line.method) + ' ' + printable(line.path) + ' ' + std::to_string(line.status) + ' ' +
          std::to_string(line.bytes) + " bytes " + milliseconds(line.took);
  if (!line.remark.empty()) (text += ' ') += line.remark;
  log_->info(text);
}

void ConnectionLog::stalled(h2::StreamId stream, std::string_view sentence) const {
  log_->info((prefix("stall  ", number(stream)) += ' ') += sentence);
}

void ConnectionLog::counted(std::string_view sentence) const { log_->info((prefix("counts ", {}) += ' ') += sentence); }

void ConnectionLog::cut(h2::StreamId stream, std::string_view sentence) const {
  log_->error((prefix("cut    ", number(stream)) += ' ') += sentence);
}

void ConnectionLog::error(std::string_view what) const { log_->error((prefix("error  ", {}) += ' ') += what); }

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > 0x20 && octet < 0x7f && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHex[octet >> 4];
      out += kHex[octet & 15];
    }
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace tools
