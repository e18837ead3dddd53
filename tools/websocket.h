// A WebSocket (RFC 6455) that sends every message back, over whatever carries its octets. The framing is libwslay's.
#pragma once

#include <string>

#include <tools/content.h>

struct wslay_event_context;
struct wslay_event_on_frame_recv_start_arg;
struct wslay_event_on_msg_recv_arg;

namespace tools {

/// What it holds is bounded: what came and is not read, one message, its echo, and a frame's worth on its way out. It
/// reads on only while no echo waits for room there, so that who does not read cannot send for ever.
class WebSocketEcho final : public TwoWayContent {
 public:
  static constexpr std::size_t kMaxMessageBytes = 65536;

  WebSocketEcho();
  ~WebSocketEcho() override;
  WebSocketEcho(const WebSocketEcho&) = delete;
  WebSocketEcho& operator=(const WebSocketEcho&) = delete;

  std::size_t room() const override { return kCapacity - waiting(); }
  std::size_t push(h2::ByteView bytes) override;
  void finish() override { finished_ = true; }
  /// Says Close, 1001.
  void going_away() override;

  std::optional<Piece> next(std::size_t most) override;
  std::size_t done() override;

 private:
  struct Callbacks;

  bool read();
  std::size_t waiting() const { return input_.size() - input_front_; }
  bool ended() const;
  void on_frame(const wslay_event_on_frame_recv_start_arg& frame);
  void on_message(const wslay_event_on_msg_recv_arg& message);

  wslay_event_context* wslay_ = nullptr;
  std::vector<std::byte> input_;
  std::size_t input_front_ = 0, freed_ = 0;
  std::uint64_t payload_left_ = 0;  // of the frame that is being read
  std::string message_;             // as far as it came
  std::vector<std::byte> output_;   // frames of the echo, lent until `done`
  bool data_frame_ = false, finished_ = false, broken_ = false;
};

}  // namespace tools
