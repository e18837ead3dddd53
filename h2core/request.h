// A request head as callers give it.
#pragma once

#include <h2core/types.h>

namespace h2 {

/// A request head. Empty views are absent pseudo-fields; names in `fields` are lower-case (RFC 9113 8.2.1).
struct Request {
  std::string_view method{}, scheme{}, authority{}, path{};
  std::span<const Field> fields{};
  std::string_view protocol{};  ///< extended CONNECT (RFC 8441)
};

}  // namespace h2
