// A look at the frames that pass: an observer that costs one null check when absent, and one line of text per frame.
#pragma once

#include <h2core/frame.h>
#include <h2core/types.h>

namespace h2 {

enum class Direction : std::uint8_t { received, sent };

/// One frame. `payload` is whole for control frames and empty for DATA and header blocks; `fields` are the decoded
/// section on the HEADERS or PUSH_PROMISE frame that began it. Views live during the call.
struct FrameNote {
  Direction direction;
  FrameHeader header;
  ByteView payload;
  std::span<const Field> fields;
};

struct FrameObserver {
  void* context = nullptr;
  void (*on_frame)(void* context, const FrameNote& note) noexcept = nullptr;
};

/// Writes one line without a newline: direction, stream, type, flags, length and what the frame says, field
/// sections one "name: value" per line below it. Values of secret fields (authorization, cookies, never-indexed
/// ones) are replaced. Writes at most `text.size()` characters and returns how many.
H2CORE_API std::size_t format(const FrameNote& note, std::span<char> text) noexcept;

}  // namespace h2
