// Two ends in memory: TlsChannels, SecureConnections, or an OpenSSL peer that does what ours never would.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tlsglue/detail/openssl.h>
#include <tlsglue/secure_connection.h>
#include <tlsglue/self_signed.h>

namespace tlsglue::test {

inline ByteView bytes_of(std::string_view text) { return std::as_bytes(std::span{text.data(), text.size()}); }
inline std::string text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

inline const SelfSigned& localhost() {
  static const SelfSigned made = std::move(make_self_signed()).value();
  return made;
}
inline SelfSigned certificate_for(std::initializer_list<std::string_view> names) {
  return std::move(make_self_signed({names.begin(), names.size()})).value();
}
inline Credentials credentials_of(const SelfSigned& from) {
  return {.certificate_file = {},
          .key_file = {},
          .certificate_pem = from.certificate_pem.view(),
          .key_pem = from.key_pem.view()};
}

/// A server with the certificate for localhost, and a client that trusts it; changed as the test wishes.
inline TlsConfig server_config() {
  TlsConfig config;
  config.credentials = credentials_of(localhost());
  return config;
}
inline TlsConfig client_config() {
  TlsConfig config;
  config.role = Role::client;
  config.ca_pem = localhost().certificate_pem.view();
  return config;
}
inline TlsContext context(const TlsConfig& config) {
  auto made = TlsContext::make(config);
  if (!made) FAIL(std::string(made.error().message()));
  return std::move(made).value();
}
inline TlsConfig only(TlsConfig config, TlsVersion version) {
  config.min_version = config.max_version = version;
  return config;
}
inline constexpr TlsVersion kVersions[] = {TlsVersion::tls12, TlsVersion::tls13};

/// How ciphertext is cut on its way: whole, byte by byte, or at random places.
struct Cut {
  std::size_t least = 1 << 20, most = 1 << 20;
  std::size_t next() { return std::uniform_int_distribution<std::size_t>{least, most}(random); }
  std::minstd_rand random{7};
};
inline std::vector<Cut> all_cuts() { return {{}, {1, 1}, {1, 700}}; }

/// A channel and what came out of it.
struct End {
  explicit End(TlsContext& context, const PeerName& peer = {}) : channel(context, peer) {}

  void feed(ByteView input) {
    for (;;) {
      const TlsOutcome outcome = channel.receive_ciphertext(input);
      if (outcome.status == TlsStatus::needs_more) {
        CHECK(input.empty());
        return;
      }
      outcomes.push_back(outcome.status);
      if (outcome.status == TlsStatus::output_full) {
        left.assign(input.begin(), input.end());
        return;
      }
      plaintext += text_of(outcome.plaintext);
    }
  }
  void eof() {
    channel.receive_eof();
    feed({});
  }
  std::string take_output() {
    std::string taken;
    ByteView slices[8];
    while (const std::size_t count = channel.poll_output(slices)) {
      for (std::size_t i = 0; i < count; ++i) {
        taken += text_of(slices[i]);
        channel.consume_output(slices[i].size());
      }
    }
    return taken;
  }
  void send(std::string_view text) { REQUIRE(channel.send_plaintext(bytes_of(text)) == text.size()); }
  bool saw(TlsStatus status) const { return std::count(outcomes.begin(), outcomes.end(), status) == 1; }
  TlsFailureKind failure() const { return channel.failure().kind; }

  TlsChannel channel;
  std::vector<TlsStatus> outcomes;
  std::string plaintext;
  std::vector<std::byte> left;
};

/// Carries what one end has to the other, in pieces; false when there was nothing.
template <class From, class To>
bool carry(From& from, To& to, Cut& cut) {
  const std::string bytes = from.take_output();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min(cut.next(), bytes.size() - at);
    to.feed(bytes_of(std::string_view{bytes}.substr(at, piece)));
    at += piece;
  }
  return !bytes.empty();
}
template <class A, class B>
void exchange(A& a, B& b, Cut cut = {}) {
  for (bool moved = true; moved;) {
    moved = carry(a, b, cut);
    moved = carry(b, a, cut) || moved;
  }
}

inline void use(SSL_CTX* context, std::string_view certificate_pem, std::string_view key_pem) {
  const detail::BioPtr leaf{BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()))};
  const detail::BioPtr secret{BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()))};
  const detail::X509Ptr certificate{PEM_read_bio_X509(leaf.get(), nullptr, nullptr, nullptr)};
  const detail::KeyPtr key{PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr)};
  REQUIRE(SSL_CTX_use_certificate(context, certificate.get()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}
inline void use_localhost(SSL_CTX* context) {
  use(context, localhost().certificate_pem.view(), localhost().key_pem.view());
}

/// OpenSSL used directly.
struct RawPeer {
  RawPeer(Role role, const std::function<void(SSL_CTX*)>& tweak) {
    context = SSL_CTX_new(role == Role::server ? TLS_server_method() : TLS_client_method());
    if (role == Role::server) use_localhost(context);
    tweak(context);
    ssl = SSL_new(context);
    in = BIO_new(BIO_s_mem());
    out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    role == Role::server ? SSL_set_accept_state(ssl) : SSL_set_connect_state(ssl);
    step();
  }
  ~RawPeer() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void step() {
    ERR_clear_error();
    char buffer[16384];
    std::size_t bytes = 0;
    while (SSL_read_ex(ssl, buffer, sizeof buffer, &bytes) == 1) plaintext.append(buffer, bytes);
  }
  void feed(ByteView input) {
    BIO_write(in, input.data(), static_cast<int>(input.size()));
    step();
  }
  std::string take_output() {
    char* bytes = nullptr;
    const long count = BIO_get_mem_data(out, &bytes);
    std::string taken(bytes, static_cast<std::size_t>(count));
    static_cast<void>(BIO_reset(out));
    return taken;
  }

  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  BIO* in = nullptr;
  BIO* out = nullptr;
  std::string plaintext;
};

}  // namespace tlsglue::test
