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

// One row per counter, so that the snapshot and the store cannot drift apart.
#define TLSGLUE_COUNTERS(X)                                                                                 \
  X(connections)                                                                                            \
  X(handshakes_done)                                                                                        \
  X(handshakes_failed)                                                                                      \
  X(resumed) X(alpn_h2) X(alpn_http11) X(alpn_other) X(alpn_none_sent) X(alpn_no_overlap) X(alpn_undecided) \
      X(none_sent_rejected) X(not_tls) X(closed) X(truncated) X(renegotiations)

struct AtomicCounters {
#define X(row) std::atomic<std::uint64_t> row{0};
  TLSGLUE_COUNTERS(X)
#undef X
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
