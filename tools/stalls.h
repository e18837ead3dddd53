// What stands still on a connection, told to people once: h2core's explain(), asked every second while something is
// open. What holds the whole connection back is told of the connection, not of each of its streams.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <h2core/connection.h>

namespace tools {

class Stalls {
 public:
  using Streams = std::function<std::vector<h2::StreamId>()>;
  using Explain = std::function<std::optional<h2::Explanation>(h2::StreamId stream)>;
  /// A sentence about a stream, or about the connection (`h2::kConnection`).
  using Say = std::function<void(h2::StreamId stream, const std::string& sentence)>;

  /// Of the streams that stalled since the last look at most `named` are told one by one, and of the rest how many
  /// they are.
  Stalls(const h2::Connection& connection, Explain explain, std::size_t named, Streams streams, Say say)
      : connection_(connection),
        explain_(std::move(explain)),
        named_(named),
        streams_(std::move(streams)),
        say_(std::move(say)) {}

  /// Looks if it is time to. What was told is told again when its reason changes, and not each time that a slow peer
  /// lets it move a little.
  void advance_time(h2::TimePoint now);
  /// When to look again; never while nothing is open.
  std::optional<h2::TimePoint> deadline() const;

 private:
  struct Stall {
    const char* direction;
    h2::Hold hold;
    bool operator==(const Stall& other) const { return direction == other.direction && hold.what == other.hold.what; }
  };

  static std::optional<Stall> of_connection(const h2::Explanation& both, h2::TimePoint now);
  static std::optional<Stall> of_stream(h2::Explanation both, h2::TimePoint now);
  void look_at_connection(h2::TimePoint now);
  void look_at_streams(h2::TimePoint now);

  const h2::Connection& connection_;
  Explain explain_;
  std::size_t named_;
  Streams streams_;
  Say say_;
  h2::TimePoint next_{};
  std::optional<Stall> told_of_connection_;
  std::map<h2::StreamId, Stall> told_of_streams_;
};

/// What `engine` answers, which must outlive the result: over TLS it knows of ciphertext too.
template <class Engine>
Stalls::Explain explained_by(const Engine& engine) {
  return [&engine](h2::StreamId stream) {
    if constexpr (requires { engine.explain(stream); }) return engine.explain(stream);
    else return engine.http2().explain(stream);
  };
}

/// All counters of a connection in one line.
std::string sentence(const h2::Counters& counters);

}  // namespace tools
