// What a TlsContext holds; its channels look in here.
#pragma once

#include <atomic>

#include <tlsglue/detail/openssl.h>
#include <tlsglue/tls_context.h>

namespace tlsglue::detail {

struct Certificate {
  X509Ptr leaf;
  KeyPtr key;
  ChainPtr chain;  // without the leaf; may be null
};

/// A certificate for one name, in a list: servers have few of them, and a handshake costs more than the walk.
struct NamedCertificate {
  NamedCertificate* next = nullptr;
  char name[256] = {};  // lower-case
  Certificate certificate;
};

struct AtomicCounters {
#define COUNTER(name) std::atomic<std::uint64_t> name{0};
#include "tlsglue/detail/counters.inc"
#undef COUNTER
};

inline void count(std::atomic<std::uint64_t>& row) noexcept { row.fetch_add(1, std::memory_order_relaxed); }

struct ContextState {
  explicit ContextState(const hpack::Allocator& memory) noexcept : allocator(memory) {}
  ~ContextState();
  ContextState(const ContextState&) = delete;
  ContextState& operator=(const ContextState&) = delete;

  hpack::Allocator allocator;
  Role role = Role::server;
  NoneSent none_sent = NoneSent::reject;
  bool verifies = false;
  std::size_t max_waiting_ciphertext = kMaxWaitingCiphertext;
  std::uint64_t max_records_per_key = 1;
  SSL_CTX* ssl = nullptr;
  BIO_METHOD* bio_method = nullptr;
  unsigned char* alpn = nullptr;  // as on the wire: length octet, identifier, ...
  std::size_t alpn_bytes = 0;
  NamedCertificate* named = nullptr;
  AtomicCounters counters;
};

/// Hooks that OpenSSL calls in the middle of a channel's work; they live beside the channel.
BIO_METHOD* make_bio_method() noexcept;
void install_channel_hooks(SSL_CTX* context, Role role, Resumption resumption) noexcept;

/// RFC 9113 9.2.2 as an allow list: ephemeral key exchange, a certificate, AEAD. TLS 1.3 has nothing else (9.2.3).
bool is_suite_allowed(const SSL_CIPHER* cipher) noexcept;

}  // namespace tlsglue::detail
