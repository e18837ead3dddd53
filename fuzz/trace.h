// FUZZ_TRACE=1 in the environment shows each frame on stderr, for whoever looks into an input.
#pragma once

#include <cstdio>
#include <cstdlib>

#include <h2core/trace.h>

namespace fuzz {

/// Of one end, named in front of each line; the name is a literal. Absent unless it was asked for.
inline h2::FrameObserver tracer(const char* who) {
  static const bool wanted = std::getenv("FUZZ_TRACE") != nullptr;
  if (!wanted) return {};
  return {const_cast<char*>(who), [](void* name, const h2::FrameNote& note) noexcept {
            char text[400];
            const std::size_t size = h2::format(note, text);
            std::fprintf(stderr, "%s: %.*s\n", static_cast<const char*>(name), static_cast<int>(size), text);
          }};
}

}  // namespace fuzz
