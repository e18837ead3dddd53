// Sessions: tickets from servers, handles for clients, ALPN anew each time.
#include "harness.h"

namespace tlsglue::test {
namespace {

// Connects, exchanges a word each way (TLS 1.3 tickets come late) and ends in order.
struct Visit {
  Visit(TlsContext& server_context, TlsContext& client_context, std::string_view name, const TlsSession* session)
      : server(server_context), client(client_context, {.server_name = name, .session = session}) {
    exchange(client, server);
    if (client.failure() != TlsFailureKind::none) return;
    client.send("question");
    server.send("answer");
    exchange(client, server);
    CHECK(client.plaintext == "answer");
    resumed = client.channel.record().resumed;
    CHECK(server.channel.record().resumed == resumed);
    next = client.channel.take_session();
    client.channel.send_close_notify();
    server.channel.send_close_notify();
    exchange(client, server);
  }
  End server, client;
  TlsSession next;
  bool resumed = false;
};

TEST_CASE("a session shortens the next handshake with the same name, and is good more than once") {
  for (const TlsVersion version : kVersions) {
    TlsContext server = context(only(server_config(), version));
    TlsContext client = context(only(client_config(), version));
    Visit first{server, client, "localhost", nullptr};
    CHECK_FALSE(first.resumed);
    REQUIRE(static_cast<bool>(first.next));
    CHECK_FALSE(static_cast<bool>(first.client.channel.take_session()));
    Visit second{server, client, "localhost", &first.next};
    CHECK(second.resumed);
    CHECK(second.client.channel.record().server_name == "localhost");
    CHECK(second.server.channel.record().alpn == AlpnOutcome::h2);
    CHECK(Visit(server, client, "localhost", &first.next).resumed);
    CHECK(server.counters().resumed == 2);
    CHECK(client.counters().resumed == 2);
  }
}

TEST_CASE("a session of one name is not used for another, nor one of a blind client by a careful one") {
  TlsContext server = context(server_config());
  TlsContext client = context(client_config());
  Visit first{server, client, "localhost", nullptr};
  CHECK_FALSE(Visit(server, client, "127.0.0.1", &first.next).resumed);

  TlsConfig blind = client_config();
  blind.verify = Verify::off;
  TlsContext trusting = context(blind);
  Visit careless{server, trusting, "localhost", nullptr};
  CHECK_FALSE(Visit(server, client, "localhost", &careless.next).resumed);
  CHECK(Visit(server, trusting, "localhost", &careless.next).resumed);
}

TEST_CASE("ALPN is negotiated anew on a resumed connection") {
  for (const TlsVersion version : kVersions) {
    TlsContext server = context(only(server_config(), version));
    TlsContext client = context(only(client_config(), version));
    Visit first{server, client, "localhost", nullptr};
    constexpr std::string_view kHttp11Only[] = {kHttp11};
    TlsConfig config = only(client_config(), version);
    config.alpn = {kHttp11Only};
    TlsContext other = context(config);
    Visit second{server, other, "localhost", &first.next};
    CHECK(second.resumed);
    CHECK(second.server.channel.record().alpn == AlpnOutcome::http11);
  }
}

TEST_CASE("resumption can be switched off on either side") {
  for (const TlsVersion version : kVersions) {
    TlsConfig off = only(server_config(), version);
    off.resumption = Resumption::off;
    TlsContext forgetful = context(off);
    TlsContext client = context(only(client_config(), version));
    Visit first{forgetful, client, "localhost", nullptr};
    CHECK_FALSE(Visit(forgetful, client, "localhost", &first.next).resumed);

    TlsConfig client_off = only(client_config(), version);
    client_off.resumption = Resumption::off;
    TlsContext plain = context(client_off);
    TlsContext server = context(only(server_config(), version));
    CHECK_FALSE(static_cast<bool>(Visit(server, plain, "localhost", nullptr).next));
  }
}

TEST_CASE("RFC 9113 9.2.3: tickets never allow early data") {
  TlsContext server = context(server_config());
  RawPeer client{Role::client, [](SSL_CTX*) {}};
  End end{server};
  exchange(client, end);
  CHECK(SSL_SESSION_get_max_early_data(SSL_get_session(client.ssl)) == 0);
}

}  // namespace
}  // namespace tlsglue::test
