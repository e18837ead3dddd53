// Keys from secrets, nonces from numbers, and content to records (RFC 8446 5.2, 5.3, 7.1 to 7.3).
#include <tlsglue/detail/record_sealer.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace tlsglue::detail {

namespace {

// Shorter pieces are put together and encrypted where they then lie: each call of the cipher costs what copying some
// KiB does.
constexpr std::size_t kApart = 4096;

const unsigned char* octets(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* octets(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

// Those of which a nonce is twelve octets and a tag sixteen.
const EVP_CIPHER* method_of(const SSL_CIPHER* suite) {
  switch (SSL_CIPHER_get_cipher_nid(suite)) {
    case NID_aes_128_gcm: return EVP_aes_128_gcm();
    case NID_aes_256_gcm: return EVP_aes_256_gcm();
    case NID_chacha20_poly1305: return EVP_chacha20_poly1305();
    default: return nullptr;
  }
}

unsigned char value_of(char digit) {
  return static_cast<unsigned char>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

}  // namespace

void RecordSealer::take_secret(std::string_view hex) noexcept {
  forget();
  if (hex.size() % 2 != 0 || hex.size() / 2 > kSecretBytes) return;
  for (std::size_t i = 0; i < hex.size() / 2; ++i)
    secret_[i] = static_cast<unsigned char>(value_of(hex[2 * i]) << 4 | value_of(hex[2 * i + 1]));
  secret_bytes_ = hex.size() / 2;
}

bool RecordSealer::start(const SSL_CIPHER* suite) noexcept {
  method_ = method_of(suite);
  digest_ = SSL_CIPHER_get_handshake_digest(suite);
  const std::uint64_t sequence = sequence_;
  const bool fits =
      method_ != nullptr && digest_ != nullptr && secret_bytes_ == static_cast<std::size_t>(EVP_MD_get_size(digest_));
  if (fits) cipher_ = EVP_CIPHER_CTX_new();
  if (cipher_ == nullptr || !use_secret()) {
    forget();
    return false;
  }
  sequence_ = sequence;
  return true;
}

bool RecordSealer::next_keys() noexcept {
  unsigned char next[kSecretBytes];
  const bool made = expand("traffic upd", next, secret_bytes_);
  if (made) std::memcpy(secret_, next, secret_bytes_);
  OPENSSL_cleanse(next, sizeof next);
  return made && use_secret();
}

void RecordSealer::forget() noexcept {
  EVP_CIPHER_CTX_free(std::exchange(cipher_, nullptr));
  OPENSSL_cleanse(secret_, sizeof secret_);
  OPENSSL_cleanse(nonce_, sizeof nonce_);
  secret_bytes_ = 0;
  sequence_ = 0;
}

// HKDF-Expand-Label without a context, of no more than one block of the hash (RFC 8446 7.1, RFC 5869 2.3).
bool RecordSealer::expand(std::string_view label, unsigned char* out, std::size_t bytes) const noexcept {
  constexpr std::string_view kPrefix = "tls13 ";
  unsigned char info[32] = {0, static_cast<unsigned char>(bytes),
                            static_cast<unsigned char>(kPrefix.size() + label.size())};
  std::size_t at = 3;
  for (const std::string_view part : {kPrefix, label, std::string_view("\0\1", 2)}) {
    std::memcpy(info + at, part.data(), part.size());
    at += part.size();
  }
  unsigned char block[EVP_MAX_MD_SIZE];
  const bool made = HMAC(digest_, secret_, static_cast<int>(secret_bytes_), info, at, block, nullptr) != nullptr;
  if (made) std::memcpy(out, block, bytes);
  OPENSSL_cleanse(block, sizeof block);
  return made;
}

bool RecordSealer::use_secret() noexcept {
  unsigned char key[EVP_MAX_KEY_LENGTH];
  const bool used = expand("key", key, static_cast<std::size_t>(EVP_CIPHER_get_key_length(method_))) &&
                    expand("iv", nonce_, kNonceBytes) &&
                    EVP_EncryptInit_ex(cipher_, method_, nullptr, key, nullptr) == 1;
  OPENSSL_cleanse(key, sizeof key);
  sequence_ = 0;
  return used;
}

std::size_t RecordSealer::seal(std::uint8_t type, std::span<const hpack::ByteView> pieces, std::size_t bytes,
                               std::byte* out) noexcept {
  const std::size_t sealed = bytes + 1 + kTagBytes;
  const std::byte header[] = {std::byte{SSL3_RT_APPLICATION_DATA}, std::byte{3}, std::byte{3},
                              static_cast<std::byte>(sealed >> 8), static_cast<std::byte>(sealed & 0xff)};
  std::memcpy(out, header, sizeof header);
  if (!begin(out)) return 0;
  std::byte* at = out + sizeof header;
  std::byte* together = at;
  for (const hpack::ByteView piece : pieces) {
    const hpack::ByteView taken = piece.first(std::min(piece.size(), bytes));
    bytes -= taken.size();
    if (taken.size() < kApart) {
      if (!taken.empty()) std::memcpy(at, taken.data(), taken.size());
      at += taken.size();
      continue;
    }
    if (!encrypt({together, at}, together) || !encrypt(taken, at)) return 0;
    together = at += taken.size();
  }
  *at++ = static_cast<std::byte>(type);
  return encrypt({together, at}, together) && end(at) ? sizeof header + sealed : 0;
}

// RFC 8446 5.3: the nonce is the record's number, eight octets with the highest first, over the end of the mask.
bool RecordSealer::begin(const std::byte* header) noexcept {
  unsigned char nonce[kNonceBytes];
  std::memcpy(nonce, nonce_, sizeof nonce);
  for (std::size_t i = 0; i < 8; ++i)
    nonce[kNonceBytes - 1 - i] ^= static_cast<unsigned char>(sequence_ >> (8 * i) & 0xff);
  ++sequence_;
  int written = 0;
  return EVP_EncryptInit_ex(cipher_, nullptr, nullptr, nullptr, nonce) == 1 &&
         EVP_EncryptUpdate(cipher_, nullptr, &written, octets(header), 5) == 1;
}

bool RecordSealer::encrypt(hpack::ByteView content, std::byte* out) noexcept {
  int written = 0;
  return content.empty() || EVP_EncryptUpdate(cipher_, octets(out), &written, octets(content.data()),
                                              static_cast<int>(content.size())) == 1;
}

bool RecordSealer::end(std::byte* tag) noexcept {
  int written = 0;
  return EVP_EncryptFinal_ex(cipher_, octets(tag), &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagBytes), tag) == 1;
}

}  // namespace tlsglue::detail
