// What the sessions of all engines have in common, so that a task is written once.
//
// An engine is a struct with kName, Decoder, Encoder, FieldList, RequestHead, ResponseHead and Session<Handler>. All
// are templates or inline: no virtual call stands between a task and the engine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../messages.h"

namespace bench {

enum class Side : std::uint8_t { client, server };

/// Receive windows in bytes. Received bytes are given back at once by either engine.
struct Windows {
  std::uint32_t stream, connection;
};
inline constexpr Windows kWidest{0x7fffffff, 0x7fffffff};
inline constexpr Windows kLarge{1 << 20, 16 << 20};

/// All other limits are raised so far that no workload meets them.
inline constexpr std::uint32_t kNoLimit = 0x7fffffff;

/// What a session tells its task. Tasks hide the ones that they care about.
struct IgnoreAll {
  void on_value_bytes(std::size_t) {}      ///< octets of the values of one or more fields, pseudo-fields too
  void on_data(std::size_t) {}             ///< octets of content
  void on_message_end(std::uint32_t) {}    ///< the peer's side of this stream has ended
  void on_stream_closed(std::uint32_t) {}  ///< both have
};

enum class Body : std::uint8_t {
  none,  ///< END_STREAM with the head, or a body that is given by its size
  open,  ///< the head leaves the stream open and nothing follows
};

/// The next bytes of a body that repeats body_block().
class BodyCursor {
 public:
  Bytes take(std::size_t most) {
    const auto piece = body_block().subspan(at_, std::min(most, kBodyBlock - at_));
    at_ = (at_ + piece.size()) % kBodyBlock;
    return piece;
  }

 private:
  std::size_t at_ = 0;
};

/// What an output buffer must have left so that another frame is put into it.
inline constexpr std::size_t kWholeFrame = 9 + 16384;
inline constexpr std::size_t kTransferBytes = std::size_t{64} * 1024;

}  // namespace bench
