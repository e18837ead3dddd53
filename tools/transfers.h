// The requests of a run and the order of their content: it is written as the command line has it, whatever arrives
// first. What comes before its turn is held, and the peer gets no more window for it until then.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tools/report.h>
#include <tools/sender.h>
#include <tools/url.h>

namespace tools {

/// One request and what came of it. It lives until its stream is closed and its content is written.
struct Transfer {
  std::uint64_t index = 0;
  const Url* url = nullptr;
  h2::Connection* connection = nullptr;  ///< null while it has no stream
  h2::StreamId stream;
  unsigned status = 0;
  std::optional<std::uint64_t> length;
  std::uint64_t received = 0;
  std::vector<std::byte> held;  ///< content whose turn has not come; at most a window
  bool complete = false, closed = false;
  unsigned repeats = 0;
  h2::Verdict verdict = h2::Verdict::never_sent;  ///< of its last stream
  std::optional<Sender> sender;

  std::string name() const { return url->scheme + "://" + url->authority + url->path; }
};

class Transfers {
 public:
  struct Rules {
    std::uint64_t total = 0;
    unsigned concurrency = 1;
    std::function<bool(std::uint64_t index)> dropped;  ///< it will never be opened
    std::function<void()> on_turn;                     ///< windows may have opened, and requests may start
  };

  Transfers(const std::string& output_file, Report& report) : output_(output_file), report_(report) {}
  void set_rules(Rules rules) { rules_ = std::move(rules); }

  /// How far ahead of the one whose turn it is others may start.
  bool may_start(std::uint64_t index) const { return index < turn_ + rules_.concurrency; }
  Transfer& open(std::uint64_t index, const Url& url);
  std::vector<h2::StreamId> streams_of(const h2::Connection& connection) const;
  void content(Transfer& transfer, h2::ByteView data);
  /// Its stream is over for good.
  void close(Transfer& transfer);
  /// Passes by what is over, and writes what the one whose turn came has held.
  void next_turn();
  /// A full disk may show only now.
  void close_output() { output_.close(); }

 private:
  Output output_;
  Report& report_;
  Rules rules_;
  std::map<std::uint64_t, Transfer> open_;
  std::uint64_t turn_ = 0;
};

}  // namespace tools
