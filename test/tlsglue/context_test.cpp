// What TlsContext::make() refuses, and with which words.
#include <cstdio>
#include <fstream>

#include "harness.h"

namespace tlsglue::test {
namespace {

TlsError refusal(const TlsConfig& config) {
  const auto made = TlsContext::make(config);
  REQUIRE_FALSE(made.has_value());
  return made.error();
}

TEST_CASE("a misspelt ALPN identifier is refused when it is configured [9113-3.2a] [7301-3.1a] [7301-3.1b]") {
  for (const std::string_view wrong :
       {"http2", "H2", "h2c", "HTTP/1.1", "http1.1", "h2-14", "http/2", "http/1.1 ", ""}) {
    CAPTURE(wrong);
    const std::string_view list[] = {wrong};
    for (TlsConfig config : {server_config(), client_config()}) {
      config.alpn = {list, NoneSent::reject};
      const TlsError error = refusal(config);
      CHECK(error.code == TlsErrorCode::bad_alpn);
      CHECK(error.message().find(wrong) != std::string_view::npos);
    }
  }
  for (const std::string_view right : {"h2", "http/1.1", "http/1.0", "acme-tls/1", "dot", "h3"})
    CHECK(is_valid_alpn_identifier(right));
  CHECK_FALSE(is_valid_alpn_identifier(std::string(256, 'x')));
}

TEST_CASE("an ALPN policy that contradicts itself is refused") {
  TlsConfig config = server_config();
  config.alpn = {kH2Only, NoneSent::as_http11};
  CHECK(refusal(config).code == TlsErrorCode::bad_alpn);
  constexpr std::string_view kTwice[] = {"h2", "http/1.1", "h2"};
  config.alpn = {kTwice, NoneSent::reject};
  CHECK(refusal(config).message() == "the ALPN policy names \"h2\" twice");
  config.alpn = {{}, NoneSent::reject};
  CHECK(refusal(config).code == TlsErrorCode::bad_alpn);
}

TEST_CASE("a missing file is named with the reason") {
  TlsConfig config;
  CHECK(refusal(config).code == TlsErrorCode::missing_certificate);
  config.credentials.certificate_file = "/nowhere/cert.pem";
  config.credentials.key_file = "/nowhere/key.pem";
  CHECK(refusal(config).code == TlsErrorCode::unreadable_file);
  CHECK(refusal(config).message() == "cannot read certificate file /nowhere/cert.pem: No such file or directory");
  config.credentials.certificate_file = "/";
  CHECK(refusal(config).message() == "cannot read certificate file /: Is a directory");
  config.credentials.certificate_file = "/dev/null";
  config.credentials.key_file = "/dev/null";
  CHECK(refusal(config).code == TlsErrorCode::bad_certificate);

  TlsConfig client = client_config();
  client.ca_pem = {};
  client.ca_file = "/nowhere/ca.pem";
  CHECK(refusal(client).message() == "cannot read CA file /nowhere/ca.pem: No such file or directory");
  client.ca_file = {};
  client.ca_pem = "no PEM";
  CHECK(refusal(client).code == TlsErrorCode::bad_trust);
}

TEST_CASE("a key that does not belong to the certificate is refused") {
  const SelfSigned other = certificate_for({"localhost"});
  TlsConfig config = server_config();
  config.credentials.key_pem = other.key_pem.view();
  CHECK(refusal(config).code == TlsErrorCode::key_mismatch);
  config.credentials.key_pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  CHECK(refusal(config).code == TlsErrorCode::bad_key);
}

TEST_CASE("certificate and key come from files, also from one file for both") {
  char path[] = "/tmp/tlsglue-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  std::ofstream{path} << localhost().key_pem.view() << localhost().certificate_pem.view();
  TlsConfig config;
  config.credentials.certificate_file = path;
  CHECK(TlsContext::make(config).has_value());
  config.credentials.key_file = path;
  CHECK(TlsContext::make(config).has_value());
  TlsConfig client{.role = Role::client, .ca_file = path};
  CHECK(TlsContext::make(client).has_value());
  std::remove(path);
}

TEST_CASE("versions below TLS 1.2 cannot be asked for, and an empty range is refused [9113-9.2a]") {
  TlsConfig config = server_config();
  config.min_version = TlsVersion::tls13;
  config.max_version = TlsVersion::tls12;
  CHECK(refusal(config).code == TlsErrorCode::bad_version);
}

TEST_CASE("an allocator that is empty ends make() and channels with out_of_memory") {
  TlsConfig config = server_config();
  config.allocator.allocate = [](void*, std::size_t) noexcept -> void* { return nullptr; };
  CHECK(refusal(config).code == TlsErrorCode::out_of_memory);

  static int left;
  left = 1 << 20;
  config.allocator.allocate = [](void*, std::size_t bytes) noexcept -> void* {
    return left-- > 0 ? std::malloc(bytes) : nullptr;
  };
  TlsContext server = context(config);
  TlsContext client_context = context(client_config());
  for (int allowed = 0; allowed < 6; ++allowed) {
    left = allowed;
    End end{server};
    End client{client_context, {.server_name = "localhost"}};
    exchange(client, end);
    if (end.failure() != TlsFailureKind::none) {
      CHECK(end.failure() == TlsFailureKind::out_of_memory);
      CHECK(end.saw(TlsStatus::failed));
    }
  }
}

TEST_CASE("a chain is sent whole, and a key with a passphrase is refused without asking for it") {
  TlsConfig config = server_config();
  const SelfSigned authority = certificate_for({"authority"});
  const std::string chain =
      std::string(localhost().certificate_pem.view()) + std::string(authority.certificate_pem.view());
  config.credentials.certificate_pem = chain;
  TlsContext server = context(config);
  STACK_OF(X509)* sent = nullptr;
  REQUIRE(SSL_CTX_get0_chain_certs(server.native(), &sent) == 1);
  CHECK(sk_X509_num(sent) == 1);

  constexpr std::string_view kLocked =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhu879Hx8fBbwICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEOIj7HxOvDFEIKidFuZ9kWAEgZDY\n"
      "9xyeDRRoAa48XQnHnygSi0TE4CXETeFOsq+ubUZCPWwmQ7GZefV74PKxZcLgfKpN\n"
      "sRdMB0An7BWaHfyhwZQgM2Hd0RBnlN43PQ67rAq0+mIw66P0VohXQoTtqKFK8UHs\n"
      "wjHHT/EgwSpYQhfIrnAMZjC+Nmpc+ZKAg2lpi16ieg7wvvPGMoDnVWp+sANQUmQ=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n";
  config.credentials.key_pem = kLocked;
  CHECK(refusal(config).code == TlsErrorCode::bad_key);
}

TEST_CASE("contexts and texts can be assigned by a move") {
  TlsContext kept = context(server_config());
  kept = context(client_config());
  CHECK(kept.role() == Role::client);
  SelfSigned made = certificate_for({"one"});
  const std::string wanted(localhost().certificate_pem.view());
  made = certificate_for({"two"});
  CHECK(made.certificate_pem.view() != wanted);
  CHECK(made.key_pem.view().starts_with("-----BEGIN PRIVATE KEY-----"));
}

TEST_CASE("the record and the errors have names") {
  for (int i = 0; i <= static_cast<int>(TlsFailureKind::out_of_memory); ++i)
    CHECK_FALSE(name(static_cast<TlsFailureKind>(i)).empty());
  for (int i = 0; i <= static_cast<int>(TlsLayer::application); ++i)
    CHECK_FALSE(name(static_cast<TlsLayer>(i)).empty());
  for (int i = 0; i <= static_cast<int>(AlpnOutcome::no_overlap); ++i)
    CHECK_FALSE(name(static_cast<AlpnOutcome>(i)).empty());
  CHECK(name(Protocol::h2) == "h2");
  CHECK(name(Protocol::http11) == "http/1.1");
  CHECK(name(Protocol::other) == "other");
  CHECK(TlsError{TlsErrorCode::library, std::string(1000, 'x')}.message().size() == 320);
}

}  // namespace
}  // namespace tlsglue::test
