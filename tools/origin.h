// One server of a run: what it is still to be asked, in order, and how that goes. It knows no connection, for there may
// be several, one after another.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tools/transfers.h>

namespace tools {

class Origin {
 public:
  /// `url_count` is that of the whole command line, which is fetched `repeat` times.
  Origin(const Url& first, Transfers& transfers, Report& report, unsigned repeat, std::uint64_t url_count)
      : first_(first), transfers_(transfers), report_(report), repeat_(repeat), url_count_(url_count) {}

  void add(std::uint64_t place, const Url& url) { urls_.emplace_back(place, &url); }
  const Url& first() const { return first_; }

  enum class Ahead : std::uint8_t { as_far_as_allowed, yes };

  /// The request to send next, or null while none may start: all that are left are too far ahead of the one whose turn
  /// it is, unless that does not matter.
  Transfer* next(Ahead ahead = Ahead::as_far_as_allowed);
  /// The server did nothing with it: it is sent again before all others.
  void again(Transfer& transfer);
  /// Nothing waits to be sent, and nothing will.
  bool settled() const { return failed_ || (again_.empty() && next_ == std::uint64_t{repeat_} * urls_.size()); }

  /// One sentence for the whole server; what then happens to its requests needs no more, but for those that waited to
  /// be sent again.
  void fail(Exit exit, std::string_view what) { give_up(exit, first_.origin() + ": " + std::string(what)); }
  /// The same, where the line says by itself which server it was.
  void give_up(Exit exit, const std::string& line);
  bool failed() const { return failed_; }

  /// What connections add up, for the summary.
  struct Tally {
    std::uint64_t connections = 0, streams = 0, answers = 0, received = 0, sent = 0;
    std::string security = "prior knowledge, no TLS";
  };
  Tally& tally() { return tally_; }
  std::string summary(std::uint64_t microseconds) const;

 private:
  const Url& first_;
  Transfers& transfers_;
  Report& report_;
  std::uint64_t repeat_, url_count_;
  std::vector<std::pair<std::uint64_t, const Url*>> urls_;  // with their places on the command line
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, Transfer*> again_;  // by their places, for streams end in any order
  bool failed_ = false;
  Tally tally_;
};

}  // namespace tools
