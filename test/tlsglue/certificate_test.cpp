// Who is believed: trust, host names, addresses, choice by SNI, client certificates.
#include "harness.h"

namespace tlsglue::test {
namespace {

struct Attempt {
  TlsFailure failure;
  std::string sentence;
};

Attempt connect(TlsContext& server_context, TlsContext& client_context, std::string_view name) {
  End server{server_context};
  End client{client_context, {.server_name = name}};
  exchange(client, server);
  CHECK(client.saw(TlsStatus::handshake_done) == (client.failure() == TlsFailureKind::none));
  return {client.channel.failure(), std::string(client.channel.failure().sentence)};
}

TEST_CASE("a client verifies host names and addresses, and refuses others [9110-4.2.2c]") {
  for (const TlsVersion version : kVersions) {
    TlsContext server = context(only(server_config(), version));
    TlsContext client = context(only(client_config(), version));
    for (const std::string_view right : {"localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"}) {
      CAPTURE(right);
      CHECK(connect(server, client, right).failure.kind == TlsFailureKind::none);
    }
    for (const std::string_view wrong : {"example.org", "127.0.0.2", "::2", "local"}) {
      CAPTURE(wrong);
      const Attempt attempt = connect(server, client, wrong);
      CHECK(attempt.failure.kind == TlsFailureKind::alert_sent);
      CHECK(attempt.failure.layer == TlsLayer::certificate);
      CHECK(attempt.sentence.find("mismatch") != std::string::npos);
    }
  }
}

TEST_CASE("a client refuses a certificate that nobody vouches for, unless verification is off") {
  const SelfSigned stranger = certificate_for({"localhost"});
  TlsConfig config = server_config();
  config.credentials = credentials_of(stranger);
  TlsContext server = context(config);
  TlsContext client = context(client_config());
  const Attempt attempt = connect(server, client, "localhost");
  CHECK(attempt.failure.kind == TlsFailureKind::alert_sent);
  CHECK(attempt.sentence.find("self-signed certificate") != std::string::npos);

  TlsConfig blind = client_config();
  blind.verify = Verify::off;
  TlsContext trusting = context(blind);
  CHECK(connect(server, trusting, "localhost").failure.kind == TlsFailureKind::none);
  CHECK(connect(server, trusting, "example.org").failure.kind == TlsFailureKind::none);
  CHECK(connect(server, trusting, "").failure.kind == TlsFailureKind::none);
}

TEST_CASE("a client that verifies needs a name, and a name must be one") {
  TlsContext server = context(server_config());
  TlsContext client = context(client_config());
  CHECK(connect(server, client, "").sentence == "a client that verifies needs the server's name");
  CHECK(connect(server, client, std::string(300, 'a')).sentence == "the server's name is no host name");
  CHECK(connect(server, client, std::string_view{"local\0host", 10}).failure.kind == TlsFailureKind::protocol_error);
}

TEST_CASE("RFC 6066 3: names are sent as SNI, addresses never [9113-9.2c] [9113-9.2d] [7838-2.3a]") {
  TlsContext server_context = context(server_config());
  TlsContext client_context = context(client_config());
  for (const std::string_view name : {"localhost.", "127.0.0.1"}) {
    End server{server_context};
    End client{client_context, {.server_name = name}};
    exchange(client, server);
    CHECK(server.channel.record().server_name == (name == "localhost." ? "localhost" : ""));
  }
}

TEST_CASE("a server chooses its certificate by SNI: exact name, wildcard of one label, else the default [9113-9.2c]") {
  const SelfSigned exact = certificate_for({"www.example.org"});
  const SelfSigned wild = certificate_for({"*.example.org"});
  for (const TlsVersion version : kVersions) {
    TlsContext server = context(only(server_config(), version));
    REQUIRE(server.add_certificate("www.Example.org", credentials_of(exact)));
    REQUIRE(server.add_certificate("*.example.org", credentials_of(wild)));
    const auto sees = [&](std::string_view name, const SelfSigned& expected) {
      TlsConfig config = only(client_config(), version);
      config.ca_pem = expected.certificate_pem.view();
      TlsContext client = context(config);
      return connect(server, client, name).failure.kind == TlsFailureKind::none;
    };
    CHECK(sees("www.example.org", exact));
    CHECK(sees("WWW.EXAMPLE.ORG", exact));
    CHECK(sees("other.example.org", wild));
    CHECK_FALSE(sees("www.example.org", wild));
    CHECK_FALSE(sees("a.b.example.org", wild));
    CHECK(sees("localhost", localhost()));
  }
}

TEST_CASE("add_certificate refuses what cannot be a name, bad credentials, and clients") {
  TlsContext server = context(server_config());
  for (const std::string_view wrong : {"", "*", "*.", "a*.example.org", "*.*.org", "http://x"}) {
    CAPTURE(wrong);
    const auto added = server.add_certificate(wrong, credentials_of(localhost()));
    REQUIRE_FALSE(added.has_value());
    CHECK(added.error().code == TlsErrorCode::bad_name);
  }
  CHECK(server.add_certificate("a.org", {.certificate_file = "/nowhere"}).error().code ==
        TlsErrorCode::unreadable_file);
  CHECK(context(client_config()).add_certificate("a.org", credentials_of(localhost())).error().code ==
        TlsErrorCode::wrong_role);
}

TEST_CASE("a server that verifies demands a certificate that it trusts") {
  for (const TlsVersion version : kVersions) {
    TlsConfig strict = only(server_config(), version);
    strict.verify = Verify::on;
    strict.ca_pem = localhost().certificate_pem.view();
    TlsContext server_context = context(strict);
    const auto result = [&](const Credentials& credentials) {
      TlsConfig config = only(client_config(), version);
      config.credentials = credentials;
      TlsContext client_context = context(config);
      End server{server_context};
      End client{client_context, {.server_name = "localhost"}};
      exchange(client, server);
      CHECK((client.failure() == TlsFailureKind::none) == (server.failure() == TlsFailureKind::none));
      return server.channel.failure();
    };
    CHECK(result(credentials_of(localhost())).kind == TlsFailureKind::none);
    CHECK(result({}).kind == TlsFailureKind::alert_sent);
    const SelfSigned stranger = certificate_for({"client"});
    CHECK(result(credentials_of(stranger)).layer == TlsLayer::certificate);
  }
}

TEST_CASE("a self-signed certificate takes names and addresses, and refuses what is neither") {
  CHECK_FALSE(make_self_signed({}).has_value());
  constexpr std::string_view kEmpty[] = {""};
  CHECK_FALSE(make_self_signed(kEmpty).has_value());
  const SelfSigned tricky = certificate_for({"a.org,DNS:b.org"});  // one strange name, not two
  TlsConfig config = server_config();
  config.credentials = credentials_of(tricky);
  TlsContext server = context(config);
  TlsConfig trust = client_config();
  trust.ca_pem = tricky.certificate_pem.view();
  TlsContext client = context(trust);
  CHECK(connect(server, client, "b.org").failure.kind == TlsFailureKind::alert_sent);
}

}  // namespace
}  // namespace tlsglue::test
