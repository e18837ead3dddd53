// RFC 9113 9.2: versions, suites, renegotiation, compression, and floods of messages.
#include <tlsglue/detail/context_state.h>

#include "harness.h"

namespace tlsglue::test {
namespace {

void old_suites(SSL_CTX* raw) {
  SSL_CTX_set_security_level(raw, 0);
  SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
}

TEST_CASE("RFC 9113 9.2.2: the allow list has ephemeral AEAD suites and no other [9113-9.2b] [9113-9.2.2a]") {
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

TEST_CASE(
    "RFC 9113 9.2.2: a TLS 1.2 peer with prohibited suites only is refused, in both roles [9113-9.2b] [9113-9.2.2a]") {
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

// What make_self_signed() does not make: a certificate with an RSA key.
struct Pem {
  std::string certificate, key;
};
std::string text_of(const detail::BioPtr& bio) {
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(count)};
}
const Pem& rsa() {
  static const Pem made = [] {
    const detail::KeyPtr key{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})};
    const detail::X509Ptr leaf{X509_new()};
    X509_set_version(leaf.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(leaf.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(leaf.get()), 3600);
    X509_NAME* name = X509_get_subject_name(leaf.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(leaf.get(), name);
    X509_set_pubkey(leaf.get(), key.get());
    REQUIRE(X509_sign(leaf.get(), key.get(), EVP_sha256()) > 0);
    const detail::BioPtr certificate{BIO_new(BIO_s_mem())}, secret{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(certificate.get(), leaf.get());
    PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return Pem{text_of(certificate), text_of(secret)};
  }();
  return made;
}

// A TLS 1.2 handshake that has but this suite, and P-256 for its key: our server with a plain client, and the reverse.
void check_suite(const char* suite) {
  CAPTURE(suite);
  const bool with_rsa = std::string_view{suite}.find("-RSA-") != std::string_view::npos;
  const auto this_suite = [&](SSL_CTX* raw) {
    SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
    REQUIRE(SSL_CTX_set_cipher_list(raw, suite) == 1);
    REQUIRE(SSL_CTX_set1_groups_list(raw, "P-256") == 1);
  };
  TlsConfig for_server = server_config();
  if (with_rsa)
    for_server.credentials = {
        .certificate_file = {}, .key_file = {}, .certificate_pem = rsa().certificate, .key_pem = rsa().key};
  TlsContext server_context = context(for_server);
  End server{server_context};
  RawPeer client{Role::client, this_suite};
  exchange(client, server);
  CHECK(server.channel.handshake_done());
  CHECK(server.channel.record().cipher == suite);
  CHECK(server.channel.has_strong_suite());

  TlsConfig for_client = client_config();
  for_client.verify = Verify::off;
  TlsContext client_context = context(for_client);
  End our_client{client_context, {.server_name = "localhost"}};
  RawPeer raw_server{Role::server, [&](SSL_CTX* raw) {
                       if (with_rsa) use(raw, rsa().certificate, rsa().key);
                       this_suite(raw);
                     }};
  exchange(our_client, raw_server);
  CHECK(our_client.channel.handshake_done());
  CHECK(our_client.channel.record().cipher == suite);
  CHECK(our_client.channel.has_strong_suite());
}

TEST_CASE(
    "RFC 9113 9.2.2: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 with P-256 is good in both roles [9113-9.2.1f] "
    "[9113-9.2.2c]") {
  check_suite("ECDHE-RSA-AES128-GCM-SHA256");
}

TEST_CASE("AES-128 goes before AES-256, whatever order the other side has, and a client without it gets what it has") {
  struct {
    TlsVersion version;
    const char *ours, *offered;
  } const cases[] = {
      {TlsVersion::tls13, "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"},
      {TlsVersion::tls13, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
      {TlsVersion::tls12, "ECDHE-ECDSA-AES128-GCM-SHA256",
       "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"},
      {TlsVersion::tls12, "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
  };
  for (const auto& row : cases) {
    CAPTURE(row.offered);
    TlsContext server_context = context(only(server_config(), row.version));
    End server{server_context};
    RawPeer client{Role::client, [&row](SSL_CTX* raw) {
                     const bool tls13 = row.version == TlsVersion::tls13;
                     REQUIRE((tls13 ? SSL_CTX_set_ciphersuites(raw, row.offered)
                                    : SSL_CTX_set_cipher_list(raw, row.offered)) == 1);
                   }};
    exchange(client, server);
    CHECK(server.channel.handshake_done());
    CHECK(server.channel.record().cipher == row.ours);
  }
}

TEST_CASE("RFC 9113 9.2.2: no suite that we can agree on is called inadequate [9113-9.2.2b]") {
  int suites = 0;
  for (const TlsConfig& config : {server_config(), client_config()}) {
    TlsContext made = context(config);
    const STACK_OF(SSL_CIPHER)* offered = SSL_CTX_get_ciphers(made.native());
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
      const SSL_CIPHER* suite = sk_SSL_CIPHER_value(offered, i);
      CHECK(detail::is_suite_allowed(suite));
      if (SSL_CIPHER_get_kx_nid(suite) == NID_kx_any || config.role == Role::client) continue;
      check_suite(SSL_CIPHER_get_name(suite));
      ++suites;
    }
  }
  CHECK(suites >= 6);
}

TEST_CASE(
    "RFC 9113 9.2.1: keys are agreed on by ECDHE alone, so no size of DHE is refused [9113-9.2.1f] [9113-9.2.1g]") {
  for (const TlsConfig& config : {server_config(), client_config()}) {
    TlsContext made = context(config);
    const STACK_OF(SSL_CIPHER)* offered = SSL_CTX_get_ciphers(made.native());
    REQUIRE(sk_SSL_CIPHER_num(offered) > 0);
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
      const int exchange = SSL_CIPHER_get_kx_nid(sk_SSL_CIPHER_value(offered, i));
      CHECK((exchange == NID_kx_ecdhe || exchange == NID_kx_any));
    }
  }
}

TEST_CASE("RFC 9113 9.2: TLS 1.1 is refused with alert 70 [9113-9.2a]") {
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

TEST_CASE("RFC 9113 9.2.1: a client that renegotiates ends the connection [9113-9.2.1b] [9113-9.2.1d]") {
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

TEST_CASE("RFC 9113 9.2.1: a server that asks for renegotiation ends the connection [9113-9.2.1b] [9113-9.2.1d]") {
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
  CHECK(server.failure() == TlsFailureKind::flood);
  CHECK(server.channel.failure().sentence == "too many TLS messages or records without data between them");
  CHECK(server_context.counters().floods == 1);
}

TEST_CASE(
    "compression, renegotiation and early data are off in every context [9113-9.2b] [9113-9.2.1a] [9113-9.2.1b] "
    "[9113-10.6c]") {
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
