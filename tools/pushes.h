// What a server pushes beside the answers (RFC 9113 8.4): told on stderr with its status and size, and never mixed with
// what was asked for. A push of another origin is refused, for nobody showed that this server may speak for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <h2core/connection.h>
#include <tools/report.h>
#include <tools/url.h>

namespace tools {

class Pushes {
 public:
  Pushes(const Url& first, Report& report, h2::Connection& connection)
      : origin_(first.origin()), report_(report), connection_(connection) {}

  /// True when the event was about a pushed stream, and is done with.
  bool on_event(const h2::Event& event);
  /// How many were promised and have not ended.
  std::size_t open() const { return open_.size(); }
  void add_streams(std::vector<h2::StreamId>& streams) const {
    for (const auto& [stream, pushed] : open_) streams.push_back(stream);
  }

 private:
  struct Pushed {
    std::string url;  ///< fit to be printed
    unsigned status = 0;
    std::uint64_t bytes = 0;
    bool complete = false;
  };

  void on(const h2::PushReceived& push);
  void on(const h2::ResponseReceived& response);
  void on(const h2::DataReceived& data);
  void on(const h2::TrailersReceived& trailers);
  void on(const h2::StreamClosed& closed);
  template <class Other>
  void on(const Other&) {}
  bool is_ours(const std::string& url) const;

  std::string origin_;
  Report& report_;
  h2::Connection& connection_;
  std::map<h2::StreamId, Pushed> open_;
};

}  // namespace tools
