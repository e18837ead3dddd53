// Accepts connections on one listening socket, which several loops may share, and hands them on.
#pragma once

#include <functional>
#include <string>

#include <tools/event_loop.h>
#include <tools/log.h>

namespace tools {

class Listener final : public Watcher {
 public:
  using OnAccept = std::function<void(Fd socket, std::string remote)>;

  Listener(EventLoop& loop, int socket, const Log& log, OnAccept on_accept);
  ~Listener() override { stop(); }

  void on_ready(std::uint32_t events) override;
  void on_time() override;
  /// Accepts no more. The socket itself is its owner's.
  void stop();

 private:
  void watch();

  EventLoop& loop_;
  int socket_;
  const Log& log_;
  OnAccept on_accept_;
  bool watching_ = false, stopped_ = false;
};

}  // namespace tools
