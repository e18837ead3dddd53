// Every ALPN outcome, on both sides, with TLS 1.2 and 1.3.
#include "harness.h"

namespace tlsglue::test {
namespace {

constexpr std::string_view kHttp11Only[] = {kHttp11};
constexpr std::string_view kHttp11ThenH2[] = {kHttp11, kH2};
constexpr std::string_view kAcmeOnly[] = {"acme-tls/1"};

struct Sides {
  Sides(TlsVersion version, AlpnPolicy client_policy, AlpnPolicy server_policy)
      : server_context(context([&] {
          TlsConfig config = only(server_config(), version);
          config.alpn = server_policy;
          return config;
        }())),
        client_context(context([&] {
          TlsConfig config = only(client_config(), version);
          config.alpn = client_policy;
          return config;
        }())),
        server(server_context),
        client(client_context, {.server_name = "localhost"}) {
    exchange(client, server);
  }
  bool both(AlpnOutcome outcome) const {
    return server.channel.record().alpn == outcome && client.channel.record().alpn == outcome;
  }
  TlsContext server_context, client_context;
  End server, client;
};

TEST_CASE("h2 is chosen where both have it, by the server's order of preference [7301-3.2a]") {
  for (const TlsVersion version : kVersions) {
    Sides h2{version, {kHttp11ThenH2}, {}};
    CHECK(h2.both(AlpnOutcome::h2));
    CHECK(h2.server.channel.record().protocol == Protocol::h2);
    CHECK(h2.server.channel.record().offered == "http/1.1,h2");
    CHECK(h2.server.channel.record().selected == "h2");
    CHECK(h2.server.channel.record().server_name == "localhost");
    CHECK(h2.client.channel.record().version == (version == TlsVersion::tls12 ? "TLSv1.2" : "TLSv1.3"));
    CHECK(h2.client.channel.record().terminated_by.substr(0, 15) == "tlsglue, OpenSS");
    CHECK(h2.client.channel.has_strong_suite());
    CHECK(h2.server_context.counters().alpn_h2 == 1);
    CHECK(h2.client_context.counters().alpn_h2 == 1);
    CHECK(h2.server_context.counters().handshakes_done == 1);

    Sides http11{version, {}, {kHttp11ThenH2}};
    CHECK(http11.both(AlpnOutcome::http11));
    CHECK(http11.server_context.counters().alpn_http11 == 1);
  }
}

TEST_CASE("an agreed identifier that is not HTTP's is `other`") {
  for (const TlsVersion version : kVersions) {
    Sides sides{version, {kAcmeOnly, NoneSent::reject}, {kAcmeOnly, NoneSent::reject}};
    CHECK(sides.both(AlpnOutcome::other));
    CHECK(sides.client.channel.record().protocol == Protocol::other);
    CHECK(sides.client.channel.record().selected == "acme-tls/1");
    CHECK(sides.server_context.counters().alpn_other == 1);
  }
}

TEST_CASE("RFC 7301 3.2: no overlap is fatal alert 120, told on both sides [7301-3.2b]") {
  for (const TlsVersion version : kVersions) {
    Sides sides{version, {kHttp11Only, NoneSent::reject}, AlpnPolicy::h2_only()};
    CHECK(sides.both(AlpnOutcome::no_overlap));
    CHECK(sides.server.saw(TlsStatus::failed));
    CHECK(sides.server.failure() == TlsFailureKind::alert_sent);
    CHECK(sides.client.failure() == TlsFailureKind::alert_received);
    CHECK(sides.client.channel.failure().alert == 120);
    CHECK(sides.server.channel.failure().alert == 120);
    CHECK(sides.server.channel.failure().layer == TlsLayer::alpn);
    CHECK(sides.client.channel.failure().layer == TlsLayer::alpn);
    CHECK(sides.client.channel.failure().sentence == "the peer sent alert 120, no application protocol");
    CHECK(sides.server_context.counters().alpn_no_overlap == 1);
    CHECK(sides.server_context.counters().handshakes_failed == 1);
    CHECK(sides.client.outcomes == std::vector{TlsStatus::failed});
  }
}

TEST_CASE("a client without ALPN gets what the policy says: http/1.1, h2, or alert 120") {
  for (const TlsVersion version : kVersions) {
    const auto serve = [&](NoneSent none_sent) {
      TlsConfig config = only(server_config(), version);
      config.alpn.none_sent = none_sent;
      TlsContext server_context = context(config);
      End server{server_context};
      RawPeer client{Role::client, [](SSL_CTX*) {}};
      exchange(client, server);
      CHECK(server.channel.record().alpn == AlpnOutcome::none_sent);
      CHECK(server_context.counters().alpn_none_sent == 1);
      CHECK(server_context.counters().none_sent_rejected == (none_sent == NoneSent::reject ? 1 : 0));
      return std::pair{server.channel.record().protocol, server.channel.failure().alert};
    };
    CHECK(serve(NoneSent::as_http11) == std::pair{Protocol::http11, std::uint8_t{0}});
    CHECK(serve(NoneSent::as_h2) == std::pair{Protocol::h2, std::uint8_t{0}});
    CHECK(serve(NoneSent::reject).second == 120);
  }
}

TEST_CASE("a server without ALPN: the client takes http/1.1 or h2, or fails before it writes a byte [9113-3.3a]") {
  for (const TlsVersion version : kVersions) {
    const auto get = [&](AlpnPolicy policy, Protocol expected) {
      TlsConfig config = only(client_config(), version);
      config.alpn = policy;
      TlsContext client_context = context(config);
      End client{client_context, {.server_name = "localhost"}};
      RawPeer server{Role::server, [](SSL_CTX*) {}};
      exchange(client, server);
      CHECK(client.channel.record().alpn == AlpnOutcome::none_sent);
      if (policy.none_sent != NoneSent::reject) {
        CHECK(client.saw(TlsStatus::handshake_done));
        CHECK(client.channel.record().protocol == expected);
        return;
      }
      CHECK(client.outcomes == std::vector{TlsStatus::failed});
      CHECK(client.failure() == TlsFailureKind::alpn_refused);
      client.channel.send_close_notify();
      exchange(client, server);
      CHECK(SSL_get_shutdown(server.ssl) == SSL_RECEIVED_SHUTDOWN);
      CHECK(server.plaintext.empty());
    };
    get({}, Protocol::http11);
    get({kH2Only, NoneSent::as_h2}, Protocol::h2);
    get(AlpnPolicy::h2_only(), {});
  }
}

TEST_CASE("a server that chooses what was not offered does not get a client") {
  TlsContext client_context = context(client_config());
  End client{client_context, {.server_name = "localhost"}};
  RawPeer server{
      Role::server, [](SSL_CTX* raw) {
        SSL_CTX_set_alpn_select_cb(
            raw,
            [](SSL*, const unsigned char** out, unsigned char* bytes, const unsigned char*, unsigned, void*) {
              *out = reinterpret_cast<const unsigned char*>("h3");
              *bytes = 2;
              return SSL_TLSEXT_ERR_OK;
            },
            nullptr);
      }};
  exchange(client, server);
  CHECK(client.saw(TlsStatus::failed));
  CHECK_FALSE(client.saw(TlsStatus::handshake_done));
  CHECK(server.plaintext.empty());
}

}  // namespace
}  // namespace tlsglue::test
