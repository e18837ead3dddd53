// Clients that ask and then open no window, or open it by a byte now and then (CVE-2016-1546, CVE-2019-9511): their
// streams are reset, and the connection is ended if it is its own window that stays shut.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include <h2core/connection.h>
#include <tools/deadlines.h>

namespace tools {

class SlowReaders {
 public:
  /// A response under way, and how much of its content was given to the connection in all.
  struct Response {
    h2::StreamId stream;
    std::uint64_t given;
  };
  using Responses = std::function<std::vector<Response>()>;
  /// A sentence about a stream that was reset, or about the connection (`h2::kConnection`).
  using Say = std::function<void(h2::StreamId stream, std::string_view sentence)>;

  SlowReaders(h2::Connection& connection, const Deadlines& deadlines, Responses responses, Say say)
      : connection_(connection),
        new_pace_(pace(deadlines, deadlines.window)),
        of_connection_(new_pace_),
        responses_(std::move(responses)),
        say_(std::move(say)) {}

  /// Looks if it is time to.
  void advance_time(h2::TimePoint now);
  /// When to look again; never while nothing is open.
  std::optional<h2::TimePoint> deadline() const;

 private:
  void look_at_connection(h2::TimePoint now);
  void look_at_streams(h2::TimePoint now);
  bool is_held_by_its_window(const h2::Explanation& both, const h2::WindowView& window) const;

  h2::Connection& connection_;
  Pace new_pace_, of_connection_;
  Responses responses_;
  Say say_;
  h2::TimePoint next_{};
  std::map<h2::StreamId, Pace> of_streams_;
};

}  // namespace tools
