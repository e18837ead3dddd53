// The session that uses everything, played over TLS in memory.
#pragma once

#include <test/h2core/session.h>

#include <tlsglue/secure_connection.h>

namespace tlsglue::test {

using h2::test::ClientPlayer;
using h2::test::News;
using h2::test::Play;
using h2::test::ServerPlayer;

/// What one end heard of TLS.
struct TlsNews {
  int done = 0, failed = 0, closed = 0;
  TlsFailureKind failure = TlsFailureKind::none;
  CloseKind kind = CloseKind::clean;

  void note(const Event& event) {
    done += std::holds_alternative<HandshakeDone>(event);
    if (const auto* it = std::get_if<TlsFailed>(&event)) ++failed, failure = it->failure.kind;
    if (const auto* it = std::get_if<PeerClosed>(&event)) ++closed, kind = it->kind;
  }
};

/// A session over TLS.
class Theatre {
 public:
  Theatre(TlsContext& for_client, TlsContext& for_server, std::size_t most, const hpack::Allocator& client_memory = {},
          const hpack::Allocator& server_memory = {}, const TlsSession* session = nullptr)
      : client_(for_client, with(ClientPlayer::config(), client_memory, most),
                {.peer = {.server_name = "localhost", .session = session}}),
        server_(for_server, with(ServerPlayer::config(), server_memory, most)),
        play(client_, client_.http2(), server_, server_.http2(), most) {
    play.client.on_link_event = [this](const Event& event) { client_tls.note(event); };
    play.server.on_link_event = [this](const Event& event) { server_tls.note(event); };
  }
  void run() {
    play.run();
    play.client_app.settle();
    play.server_app.settle();
    for (const TlsNews& tls : {client_tls, server_tls}) {
      CHECK(tls.failed <= 1);
      CHECK(tls.closed <= 1);
    }
  }
  TlsSession take_session() { return client_.take_session(); }
  bool resumed() const { return client_.record().resumed; }

 private:
  static h2::Config with(h2::Config config, const hpack::Allocator& allocator, std::size_t most) {
    config.allocator = allocator;
    config.copy_bound = static_cast<std::uint32_t>(std::min(most / 3, std::size_t{2000}));
    return config;
  }
  SecureConnection client_, server_;

 public:
  Play<SecureConnection> play;
  TlsNews client_tls, server_tls;
};

}  // namespace tlsglue::test
