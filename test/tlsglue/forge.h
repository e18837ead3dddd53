// Records of any kind in the name of an OpenSSL peer, which would never send them: encrypted with the keys of its
// connection, which OpenSSL logs. AES-128-GCM with SHA-256 only (RFC 8446 5.2 and 7.3, RFC 5246 6.2.3.3, RFC 5288).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <openssl/hmac.h>
#pragma GCC diagnostic pop

#include "harness.h"

namespace tlsglue::test {

inline constexpr std::uint8_t kAlertRecord = 21, kHandshakeRecord = 22, kDataRecord = 23;

class Forge {
 public:
  /// A peer whose keys are known and that has sent no record under its last ones but what the handshake needs.
  Forge(
      Role role, TlsVersion version, const std::function<void(SSL_CTX*)>& tweak = [](SSL_CTX*) {})
      : role_(role), version_(version), peer(role, [&](SSL_CTX* raw) {
          SSL_CTX_set_app_data(raw, this);
          SSL_CTX_set_keylog_callback(raw, &note_key);
          SSL_CTX_set_num_tickets(raw, 0);
          const int number = version == TlsVersion::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
          SSL_CTX_set_min_proto_version(raw, number);
          SSL_CTX_set_max_proto_version(raw, number);
          SSL_CTX_set_ciphersuites(raw, "TLS_AES_128_GCM_SHA256");
          SSL_CTX_set_cipher_list(raw, "ECDHE-ECDSA-AES128-GCM-SHA256");
          tweak(raw);
        }) {}

  /// Call it behind the handshake.
  std::string record(std::uint8_t type, const std::string& content) {
    if (key_.empty()) derive();
    return version_ == TlsVersion::tls13 ? record13(type, content) : record12(type, content);
  }
  std::string alert(std::uint8_t level, std::uint8_t description) {
    return record(kAlertRecord, {static_cast<char>(level), static_cast<char>(description)});
  }
  /// RFC 8446 4.6.3, and its new keys.
  std::string key_update(bool requested) {
    const std::string sent = record(kHandshakeRecord, {24, 0, 0, 1, requested ? '\1' : '\0'});
    secret_ = expand("traffic upd", 32);
    use_secret();
    return sent;
  }
  /// RFC 8446 4.6.1, as small as it can be.
  static std::string ticket() {
    return std::string("\x04\x00\x00\x0f", 4) + std::string("\0\0\x0e\x10\1\2\3\4\1n\0\1t\0\0", 15);
  }

 private:
  static void note_key(const SSL* ssl, const char* line) {
    auto& self = *static_cast<Forge*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const std::string_view text(line);
    const std::string_view name = text.substr(0, text.find(' '));
    const std::string_view own = self.role_ == Role::client ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0";
    if (name == own || name == "CLIENT_RANDOM") self.secret_ = from_hex(text.substr(text.rfind(' ') + 1));
  }
  static std::string from_hex(std::string_view text) {
    std::string octets;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
      octets += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    return octets;
  }
  static std::string number(std::uint64_t value, std::size_t bytes) {
    std::string octets(bytes, '\0');
    for (std::size_t i = bytes; i-- > 0; value >>= 8) octets[i] = static_cast<char>(value & 0xff);
    return octets;
  }
  static const unsigned char* octets(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static std::string hmac(const std::string& key, const std::string& data) {
    std::string digest(32, '\0');
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(data), data.size(),
         reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
  }
  // HKDF-Expand-Label of at most one block (RFC 8446 7.1).
  std::string expand(const std::string& label, std::size_t bytes) const {
    const std::string full = "tls13 " + label;
    return hmac(secret_, number(bytes, 2) + static_cast<char>(full.size()) + full + std::string("\0\1", 2))
        .substr(0, bytes);
  }
  void use_secret() {
    key_ = expand("key", 16);
    iv_ = expand("iv", 12);
    sequence_ = 0;
  }
  void derive() {
    REQUIRE(secret_.size() >= 32);
    if (version_ == TlsVersion::tls13) return use_secret();
    std::string randoms(64, '\0');
    SSL_get_server_random(peer.ssl, reinterpret_cast<unsigned char*>(randoms.data()), 32);
    SSL_get_client_random(peer.ssl, reinterpret_cast<unsigned char*>(randoms.data()) + 32, 32);
    const std::string seed = "key expansion" + randoms, first = hmac(secret_, seed);
    const std::string keys = hmac(secret_, first + seed) + hmac(secret_, hmac(secret_, first) + seed);
    key_ = keys.substr(role_ == Role::client ? 0 : 16, 16);
    iv_ = keys.substr(role_ == Role::client ? 32 : 36, 4);
    sequence_ = 1;  // Finished was 0
  }

  std::string record13(std::uint8_t type, const std::string& content) {
    const std::string inner = content + static_cast<char>(type);
    const std::string head = std::string("\x17\3\3", 3) + number(inner.size() + 16, 2);
    std::string nonce = number(sequence_++, 12);
    for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<char>(nonce[i] ^ iv_[i]);
    return head + seal(nonce, head, inner);
  }
  std::string record12(std::uint8_t type, const std::string& content) {
    const std::string place = number(sequence_++, 8), kind = std::string{static_cast<char>(type), 3, 3};
    const std::string sealed = seal(iv_ + place, place + kind + number(content.size(), 2), content);
    return kind + number(8 + sealed.size(), 2) + place + sealed;
  }
  std::string seal(const std::string& nonce, const std::string& head, const std::string& text) const {
    std::string sealed(text.size() + 16, '\0');
    auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
    EVP_CIPHER_CTX* const cipher = EVP_CIPHER_CTX_new();
    int bytes = 0;
    REQUIRE(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), nullptr, octets(key_), octets(nonce)) == 1);
    EVP_EncryptUpdate(cipher, nullptr, &bytes, octets(head), static_cast<int>(head.size()));
    EVP_EncryptUpdate(cipher, out, &bytes, octets(text), static_cast<int>(text.size()));
    EVP_EncryptFinal_ex(cipher, out + text.size(), &bytes);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, out + text.size());
    EVP_CIPHER_CTX_free(cipher);
    return sealed;
  }

  Role role_;
  TlsVersion version_;
  std::string secret_, key_, iv_;
  std::uint64_t sequence_ = 0;

 public:
  RawPeer peer;
};

}  // namespace tlsglue::test
