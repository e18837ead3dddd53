// The one type in which octets come in.
#pragma once

#include <cstddef>
#include <span>

namespace hpack {

/// Octets that are read and never kept beyond what each call says.
using ByteView = std::span<const std::byte>;

}  // namespace hpack
