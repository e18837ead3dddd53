// `h2 serve`: options in, a running server until a signal ends it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tools/deadlines.h>
#include <tools/log.h>

namespace tools {

struct ServeOptions {
  std::string host = "127.0.0.1";
  std::optional<std::uint16_t> http_port, https_port;  ///< 0 picks one; without both, 8080 and 8443
  std::string certificate_file, key_file;              ///< without them, self-signed
  std::string ca_file;                                 ///< where the self-signed certificate is saved
  std::string root;
  bool h2c_upgrade = false, early_hints = false, push = false, grease = false;
  unsigned threads = 1;
  Deadlines deadlines{};
  LogLevel log = LogLevel::all;
};

/// Returns the exit code. Throws a Failure for what prevents the start.
int serve(const ServeOptions& options);

}  // namespace tools
