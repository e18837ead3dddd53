// What the property tests of flow control share: content that tells its place, and who may send.
#pragma once

#include "harness.h"

namespace h2::test {

/// What stream `id` carries from `offset` on; `bytes` is 200,000 at most.
inline ByteView content(std::uint32_t id, std::uint64_t offset, std::size_t bytes) {
  constexpr std::size_t kPeriod = 4093;
  static const Bytes all = [] {
    Bytes made(kPeriod + 200000);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::byte>(i % kPeriod * 7 + i % kPeriod / 251);
    return made;
  }();
  return ByteView(all).subspan((id * 31 + offset) % kPeriod, bytes);
}

/// The stream is on the wire, has content, and its window and the connection's are open.
inline bool may_send(const Connection& connection, StreamId stream) {
  const auto view = connection.window(stream);
  if (!view || view->queued == 0 || view->send_window <= 0) return false;
  if (connection.window(kConnection)->send_window <= 0) return false;
  const Holdup what = connection.explain(stream)->sending.what;
  return what != Holdup::stream_limit && what != Holdup::peer_settings;
}

/// As much is owed as the peer has left: it would stand still for what is kept from it.
inline bool is_withheld(const WindowView& view) {
  return view.owed > 0 && static_cast<std::int64_t>(view.owed) >= view.recv_window;
}

}  // namespace h2::test
