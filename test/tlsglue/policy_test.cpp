// RFC 9113 9.2: versions, suites, renegotiation, compression, and floods of messages.
#include <tlsglue/detail/context_state.h>

#include "harness.h"

namespace tlsglue::test {
namespace {

void old_suites(SSL_CTX* raw) {
  SSL_CTX_set_security_level(raw, 0);
  SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
}

TEST_CASE("RFC 9113 9.2.2: the allow list has ephemeral AEAD suites and no other") {
  SSL_CTX* raw = SSL_CTX_new(TLS_method());
  SSL_CTX_set_security_level(raw, 0);
  SSL_CTX_set_cipher_list(raw, "ALL:COMPLEMENTOFALL");
  const STACK_OF(SSL_CIPHER)* suites = SSL_CTX_get_ciphers(raw);
  int allowed = 0;
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    const SSL_CIPHER* suite = sk_SSL_CIPHER_value(suites, i);
    const std::string_view name = SSL_CIPHER_get_name(suite);
    const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
    const bool aead = has("GCM") || has("CHACHA20") || has("CCM");
    const bool ephemeral = name.substr(0, 6) == "ECDHE-" || name.substr(0, 4) == "DHE-" || name.substr(0, 4) == "TLS_";
    CAPTURE(name);
    CHECK(detail::is_suite_allowed(suite) == (aead && ephemeral && !has("PSK") && !has("DSS")));
    allowed += detail::is_suite_allowed(suite) ? 1 : 0;
  }
  CHECK(allowed > 8);
  CHECK_FALSE(detail::is_suite_allowed(nullptr));
  SSL_CTX_free(raw);
}

TEST_CASE("RFC 9113 9.2.2: a TLS 1.2 peer with prohibited suites only is refused, in both roles") {
  for (const char* const suite :
       {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "AES128-SHA"}) {
    CAPTURE(suite);
    const auto weak = [suite](SSL_CTX* raw) {
      old_suites(raw);
      REQUIRE(SSL_CTX_set_cipher_list(raw, suite) == 1);
    };
    TlsContext server_context = context(server_config());
    End server{server_context};
    RawPeer client{Role::client, weak};
    exchange(client, server);
    CHECK(server.failure() == TlsFailureKind::alert_sent);
    CHECK(server.channel.failure().alert == 40);

    TlsContext client_context = context(client_config());
    End our_client{client_context, {.server_name = "localhost"}};
    RawPeer raw_server{Role::server, weak};
    exchange(our_client, raw_server);
    CHECK(our_client.failure() == TlsFailureKind::alert_received);
  }
}

TEST_CASE("RFC 9113 9.2: TLS 1.1 is refused with alert 70") {
  TlsContext server_context = context(server_config());
  End server{server_context};
  RawPeer client{Role::client, [](SSL_CTX* raw) {
                   SSL_CTX_set_security_level(raw, 0);
                   SSL_CTX_set_min_proto_version(raw, TLS1_VERSION);
                   SSL_CTX_set_max_proto_version(raw, TLS1_1_VERSION);
                 }};
  exchange(client, server);
  CHECK(server.failure() == TlsFailureKind::alert_sent);
  CHECK(server.channel.failure().alert == 70);
}

TEST_CASE("RFC 9113 9.2.1: a client that renegotiates ends the connection") {
  TlsContext server_context = context(server_config());
  End server{server_context};
  RawPeer client{Role::client, old_suites};
  exchange(client, server);
  REQUIRE(server.channel.handshake_done());
  SSL_renegotiate(client.ssl);
  SSL_do_handshake(client.ssl);
  exchange(client, server);
  CHECK(server.saw(TlsStatus::failed));
  CHECK(server.failure() == TlsFailureKind::renegotiation);
  CHECK(server_context.counters().renegotiations == 1);
  client.plaintext.clear();
  server.send("what explains it");  // TLS still works
  server.channel.send_close_notify();
  CHECK(server.channel.has_output());
}

TEST_CASE("RFC 9113 9.2.1: a server that asks for renegotiation ends the connection") {
  TlsContext client_context = context(client_config());
  End client{client_context, {.server_name = "localhost"}};
  RawPeer server{Role::server, old_suites};
  exchange(client, server);
  REQUIRE(client.channel.handshake_done());
  SSL_renegotiate(server.ssl);
  SSL_do_handshake(server.ssl);
  exchange(client, server);
  CHECK(client.failure() == TlsFailureKind::renegotiation);
}

TEST_CASE("RFC 9113 9.2.3: a CertificateRequest after the TLS 1.3 handshake ends the connection") {
  TlsContext client_context = context(client_config());
  const auto ask = [&] {
    End client{client_context, {.server_name = "localhost"}};
    RawPeer server{Role::server, [](SSL_CTX*) {}};
    exchange(client, server);
    REQUIRE(client.channel.handshake_done());
    SSL_set_verify(server.ssl, SSL_VERIFY_PEER, nullptr);
    const bool asked = SSL_verify_client_post_handshake(server.ssl) == 1;
    SSL_do_handshake(server.ssl);
    exchange(client, server);
    return std::pair{asked, std::string(client.channel.failure().sentence)};
  };
  CHECK(ask() == std::pair{false, std::string{}});  // we do not offer it, so honest servers do not ask
  SSL_CTX_set_post_handshake_auth(client_context.native(), 1);
  CHECK(ask() == std::pair{true, std::string{"the peer asked for a certificate after the handshake (RFC 9113 9.2.3)"}});
}

TEST_CASE("a flood of KeyUpdate is cut, and a few are answered") {
  TlsContext server_context = context(server_config());
  End server{server_context};
  RawPeer client{Role::client, [](SSL_CTX*) {}};
  exchange(client, server);
  const auto update = [&] {
    SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl);
  };
  for (int i = 0; i < 20; ++i) update();
  SSL_write(client.ssl, "x", 1);
  exchange(client, server);
  CHECK(server.plaintext == "x");
  CHECK(server.failure() == TlsFailureKind::none);
  server.send("still here");
  exchange(client, server);
  CHECK(client.plaintext == "still here");
  for (int i = 0; i < 40; ++i) update();
  exchange(client, server);
  CHECK(server.failure() == TlsFailureKind::protocol_error);
  CHECK(server.channel.failure().sentence == "too many TLS messages without data between them");
}

TEST_CASE("compression, renegotiation and early data are off in every context") {
  for (const TlsConfig& config : {server_config(), client_config()}) {
    TlsContext made = context(config);
    const std::uint64_t options = SSL_CTX_get_options(made.native());
    CHECK((options & SSL_OP_NO_COMPRESSION) != 0);
    CHECK((options & SSL_OP_NO_RENEGOTIATION) != 0);
    CHECK(SSL_CTX_get_max_early_data(made.native()) == 0);
    CHECK(SSL_CTX_get_min_proto_version(made.native()) == TLS1_2_VERSION);
  }
}

}  // namespace
}  // namespace tlsglue::test
