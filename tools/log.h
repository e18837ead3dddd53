// Lines about connections and requests, on stderr so that stdout keeps what scripts parse. Any thread may write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <h2core/types.h>

namespace tools {

enum class LogLevel : std::uint8_t { none, errors, all };

class Log {
 public:
  explicit Log(LogLevel level) : level_(level) {}

  bool wants_all() const { return level_ == LogLevel::all; }
  /// What happened.
  void info(std::string_view line) const {
    if (level_ == LogLevel::all) write(line);
  }
  /// What went wrong.
  void error(std::string_view line) const {
    if (level_ != LogLevel::none) write(line);
  }

 private:
  static void write(std::string_view line);

  LogLevel level_;
};

/// One request that is over, as its line needs it.
struct RequestLine {
  std::uint32_t stream = 0;  ///< under HTTP/1.1 the how-manieth of the connection
  std::string_view method, path;
  unsigned status = 0;  ///< 0: never answered
  std::uint64_t bytes = 0;
  h2::Duration took{};
  std::string_view remark;  ///< why it did not run to its end, if so
};

/// The lines of one connection, which all begin with the same words.
class ConnectionLog {
 public:
  ConnectionLog(const Log& log, std::uint64_t id, std::string remote, h2::TimePoint began)
      : log_(&log), id_(id), remote_(std::move(remote)), began_(began) {}

  void opened(std::string_view alpn, std::string_view details);
  void closed(h2::TimePoint now);
  void request(const RequestLine& line);
  bool wants_all() const { return log_->wants_all(); }
  /// What stands still: a stream, or the connection.
  void stalled(h2::StreamId stream, std::string_view sentence) const;
  void counted(std::string_view sentence) const;
  /// What was ended for a client's slowness: a stream, or the connection.
  void cut(h2::StreamId stream, std::string_view sentence) const;
  void error(std::string_view what) const;

  std::string_view protocol() const { return protocol_; }

 private:
  std::string prefix(std::string_view kind, std::string_view stream) const;

  const Log* log_;
  std::uint64_t id_;
  std::string remote_, protocol_ = "-";
  h2::TimePoint began_;
  std::uint64_t requests_ = 0, bytes_ = 0;
};

/// `text` from a peer as it may stand in a line: blanks and control characters are escaped, and it is cut at 200.
std::string printable(std::string_view text);

}  // namespace tools
