// `h2 get`: fetches URLs over HTTP/2, many at once on one connection per origin, or on one after the other if a server
// says GOAWAY.
#pragma once

#include <string>
#include <vector>

#include <tools/content.h>

namespace tools {

struct GetOptions {
  std::vector<std::string> urls;
  std::string output_file;  ///< empty: stdout
  std::string method;       ///< empty: GET, or POST with data
  std::string data;         ///< text, or @FILE
  bool has_data = false;
  std::vector<std::string> fields, trailers;  ///< "name: value"
  std::string priority;                       ///< value of the field of that name (RFC 9218); empty: none
  std::string ca_file;
  std::vector<std::string> alpn;  ///< what to offer; empty: h2
  unsigned repeat = 1, concurrency = 100;
  unsigned timeout_seconds = 10;  ///< for the connection, and for the handshake or the answer to an upgrade
  bool verbose = false, show_heads = false, push = false, insecure = false, prior_knowledge = false,
       h2c_upgrade = false, grease = false, summary = false;
};

/// Returns the exit code: of what went wrong first. Throws a Failure for what prevents the start.
int get(const GetOptions& options);

}  // namespace tools
