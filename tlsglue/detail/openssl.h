// OpenSSL's headers, with owners for what it hands out.
#pragma once

// OpenSSL's macros cast in the old style; that is its handwriting, not ours.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#pragma GCC diagnostic pop

#include <memory>

namespace tlsglue::detail {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
inline void free_chain(STACK_OF(X509) * chain) noexcept { sk_X509_pop_free(chain, X509_free); }

/// Whether memory ran out, as far as the error queue tells; empties it. OpenSSL says it first, and then blames what it
/// was working on: a key that is too small, a certificate that it cannot decode.
inline bool ran_out_of_memory() noexcept {
  bool found = false;
  while (const unsigned long code = ERR_get_error()) found = found || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  return found;
}

/// Before each call that asks SSL_get_error. ERR_clear_error() alone writes to all 16 places of an empty queue, too:
/// 390 instructions and 17 lines of the cache.
inline void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freed<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), Freed<&free_chain>>;

}  // namespace tlsglue::detail
