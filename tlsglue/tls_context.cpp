// Makes an SSL_CTX that obeys RFC 9113 9.2, or says in one line why not.
#include <tlsglue/tls_context.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <tlsglue/detail/context_state.h>
#include <tlsglue/detail/memory.h>

namespace tlsglue {

namespace {

using detail::BioPtr;
using detail::Certificate;
using detail::ContextState;
using Refusal = hpack::Result<void, TlsError>;

// ECDHE with AES-GCM or ChaCha20-Poly1305: what every TLS 1.2 peer of HTTP/2 must have (RFC 9113 9.2.2). AES-128 goes
// before AES-256, as in browsers: nobody breaks either, and it takes 10 rounds where that takes 14. OpenSSL has them
// the other way round.
constexpr const char* kTls12Suites = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
constexpr const char* kTls13Suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// What OpenSSL refused, and why it says it did.
TlsError refused(TlsErrorCode code, std::string_view a, std::string_view b = {}) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  if (detail::ran_out_of_memory()) return {TlsErrorCode::out_of_memory, "out of memory"};
  return {code, a, b, ": ", reason != nullptr ? reason : "no reason given"};
}

// What ended a row of PEM blocks: nothing more, or one that cannot be read.
bool ended_in_order() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

// A path or a text of the caller's as OpenSSL reads it, and how messages call it.
struct PemSource {
  BioPtr bio;
  std::string_view where;
};

hpack::Result<PemSource, TlsError> open_pem(std::string_view what, std::string_view file, std::string_view text) {
  ERR_clear_error();
  if (!text.empty()) {
    BioPtr bio{BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1 << 28)))};
    if (bio == nullptr) return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
    return PemSource{std::move(bio), "(text in memory)"};
  }
  char path[4096];
  if (file.size() >= sizeof path) return TlsError{TlsErrorCode::unreadable_file, "path too long for ", what};
  std::memcpy(path, file.data(), file.size());
  path[file.size()] = '\0';
  errno = 0;
  BioPtr bio{BIO_new_file(path, "r")};
  // A directory opens and fails at the first read.
  char first;
  if (bio == nullptr || (BIO_read(bio.get(), &first, 1) < 0 && errno != 0)) {
    TlsError error{TlsErrorCode::unreadable_file, "cannot read ", what, " file ", file};
    char message[320];
    const std::string_view so_far = error.message();
    std::memcpy(message, so_far.data(), so_far.size());
    return TlsError{TlsErrorCode::unreadable_file, {message, so_far.size()}, ": ", std::strerror(errno)};
  }
  if (BIO_seek(bio.get(), 0) != 0)
    return TlsError{TlsErrorCode::unreadable_file, "cannot seek in ", what, " file ", file};
  return PemSource{std::move(bio), file};
}

// Never asks on the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) { return -1; }

hpack::Result<Certificate, TlsError> load_certificate(const Credentials& from) {
  auto certificates = open_pem("certificate", from.certificate_file, from.certificate_pem);
  if (!certificates) return certificates.error();
  // The key may stand in the same file.
  const bool one_file = from.key_file.empty() && from.key_pem.empty();
  auto keys =
      open_pem("key", one_file ? from.certificate_file : from.key_file, one_file ? from.certificate_pem : from.key_pem);
  if (!keys) return keys.error();

  Certificate made;
  made.leaf.reset(PEM_read_bio_X509_AUX(certificates->bio.get(), nullptr, &no_passphrase, nullptr));
  if (made.leaf == nullptr) {
    return refused(TlsErrorCode::bad_certificate, "no usable PEM certificate in ", certificates->where);
  }
  while (X509* next = PEM_read_bio_X509(certificates->bio.get(), nullptr, &no_passphrase, nullptr)) {
    detail::X509Ptr owner{next};
    if (made.chain == nullptr) made.chain.reset(sk_X509_new_null());
    if (made.chain == nullptr || sk_X509_push(made.chain.get(), next) == 0) {
      return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
    }
    static_cast<void>(owner.release());
  }
  if (!ended_in_order()) {
    return refused(TlsErrorCode::bad_certificate, "a certificate that cannot be read in ", certificates->where);
  }
  ERR_clear_error();
  made.key.reset(PEM_read_bio_PrivateKey(keys->bio.get(), nullptr, &no_passphrase, nullptr));
  if (made.key == nullptr) {
    return refused(TlsErrorCode::bad_key, "no usable PEM private key in ", keys->where);
  }
  if (X509_check_private_key(made.leaf.get(), made.key.get()) != 1) {
    if (detail::ran_out_of_memory()) return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
    return TlsError{TlsErrorCode::key_mismatch, "the key in ", keys->where, " does not belong to the certificate in ",
                    certificates->where};
  }
  return made;
}

Refusal use_credentials(ContextState& state, const Credentials& credentials) {
  if (credentials.certificate_file.empty() && credentials.certificate_pem.empty()) {
    if (state.role == Role::client) return {};
    return TlsError{TlsErrorCode::missing_certificate, "a TLS server needs a certificate and its key"};
  }
  auto certificate = load_certificate(credentials);
  if (!certificate) return certificate.error();
  if (SSL_CTX_use_cert_and_key(state.ssl, certificate->leaf.get(), certificate->key.get(), certificate->chain.get(),
                               1) != 1) {
    return refused(TlsErrorCode::bad_certificate, "OpenSSL refuses the certificate");
  }
  return {};
}

Refusal use_trust(ContextState& state, const TlsConfig& config) {
  state.verifies = config.verify == Verify::on || (config.verify == Verify::by_role && config.role == Role::client);
  const int demands = config.role == Role::server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(state.ssl, state.verifies ? SSL_VERIFY_PEER | demands : SSL_VERIFY_NONE, nullptr);
  if (config.ca_file.empty() && config.ca_pem.empty()) {
    if (state.verifies && SSL_CTX_set_default_verify_paths(state.ssl) != 1) {
      return refused(TlsErrorCode::bad_trust, "cannot use the system's CA certificates");
    }
    return {};
  }
  auto source = open_pem("CA", config.ca_file, config.ca_pem);
  if (!source) return source.error();
  X509_STORE* store = SSL_CTX_get_cert_store(state.ssl);
  int added = 0;
  while (X509* next = PEM_read_bio_X509_AUX(source->bio.get(), nullptr, &no_passphrase, nullptr)) {
    const detail::X509Ptr owner{next};
    if (X509_STORE_add_cert(store, next) != 1) {
      return refused(TlsErrorCode::bad_trust, "cannot trust a certificate in ", source->where);
    }
    ++added;
  }
  if (added == 0) return refused(TlsErrorCode::bad_trust, "no PEM certificate in ", source->where);
  if (!ended_in_order()) {
    return refused(TlsErrorCode::bad_trust, "a certificate that cannot be read in ", source->where);
  }
  ERR_clear_error();
  return {};
}

Refusal check_alpn(const AlpnPolicy& policy) {
  if (policy.protocols.empty()) return TlsError{TlsErrorCode::bad_alpn, "the ALPN policy names no protocol"};
  const std::string_view* const first = policy.protocols.data();
  for (const std::string_view& identifier : policy.protocols) {
    if (!is_valid_alpn_identifier(identifier)) {
      return TlsError{TlsErrorCode::bad_alpn, "\"", identifier,
                      "\" is no ALPN identifier; those of HTTP are \"h2\" and \"http/1.1\""};
    }
    if (std::find(first, &identifier, identifier) != &identifier) {
      return TlsError{TlsErrorCode::bad_alpn, "the ALPN policy names \"", identifier, "\" twice"};
    }
  }
  const std::string_view fallback = policy.none_sent == NoneSent::as_h2       ? kH2
                                    : policy.none_sent == NoneSent::as_http11 ? kHttp11
                                                                              : *first;
  if (std::find(policy.protocols.begin(), policy.protocols.end(), fallback) == policy.protocols.end()) {
    return TlsError{TlsErrorCode::bad_alpn, "peers without ALPN would get \"", fallback,
                    "\", which the ALPN policy does not name"};
  }
  return {};
}

Refusal use_alpn(ContextState& state, const AlpnPolicy& policy) {
  if (Refusal checked = check_alpn(policy); !checked) return checked;
  state.none_sent = policy.none_sent;
  for (const std::string_view identifier : policy.protocols) state.alpn_bytes += 1 + identifier.size();
  state.alpn = static_cast<unsigned char*>(state.allocator.allocate(state.allocator.context, state.alpn_bytes));
  if (state.alpn == nullptr) return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
  unsigned char* out = state.alpn;
  for (const std::string_view identifier : policy.protocols) {
    *out++ = static_cast<unsigned char>(identifier.size());
    std::memcpy(out, identifier.data(), identifier.size());
    out += identifier.size();
  }
  if (state.role == Role::client &&
      SSL_CTX_set_alpn_protos(state.ssl, state.alpn, static_cast<unsigned>(state.alpn_bytes)) != 0) {
    return refused(TlsErrorCode::bad_alpn, "OpenSSL refuses the ALPN policy");
  }
  return {};
}

Refusal use_versions(ContextState& state, const TlsConfig& config) {
  const auto number = [](TlsVersion version) { return version == TlsVersion::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION; };
  if (config.min_version > config.max_version) {
    return TlsError{TlsErrorCode::bad_version, "the least TLS version is above the greatest"};
  }
  if (SSL_CTX_set_min_proto_version(state.ssl, number(config.min_version)) != 1 ||
      SSL_CTX_set_max_proto_version(state.ssl, number(config.max_version)) != 1 ||
      SSL_CTX_set_cipher_list(state.ssl, kTls12Suites) != 1 || SSL_CTX_set_ciphersuites(state.ssl, kTls13Suites) != 1) {
    return refused(TlsErrorCode::library, "OpenSSL refuses the TLS versions");
  }
  return {};
}

void use_options(ContextState& state, Resumption resumption) {
  SSL_CTX_set_options(state.ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
  // Buffers of 16 KiB each way only while a record is under way, and a retry may come from another address.
  SSL_CTX_set_mode(state.ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_max_early_data(state.ssl, 0);
  SSL_CTX_set_recv_max_early_data(state.ssl, 0);
  // Servers keep nothing: tickets carry the state. Clients hand sessions to their caller.
  SSL_CTX_set_session_cache_mode(state.ssl, state.role == Role::client && resumption == Resumption::on
                                                ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                                : SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessionContext[] = "h2core";
  SSL_CTX_set_session_id_context(state.ssl, kSessionContext, sizeof kSessionContext - 1);
  if (resumption == Resumption::off) {
    SSL_CTX_set_options(state.ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(state.ssl, 0);
  }
  detail::install_channel_hooks(state.ssl, state.role, resumption);
}

Refusal set_up(ContextState& state, const TlsConfig& config) {
  state.role = config.role;
  state.max_waiting_ciphertext = std::max(config.max_waiting_ciphertext, kRecordBytes);
  state.max_records_per_key = std::max<std::uint64_t>(config.max_records_per_key, 1);
  state.ssl = SSL_CTX_new(config.role == Role::server ? TLS_server_method() : TLS_client_method());
  state.bio_method = detail::make_bio_method();
  if (state.ssl == nullptr || state.bio_method == nullptr) {
    return refused(TlsErrorCode::library, "OpenSSL cannot make a context");
  }
  use_options(state, config.resumption);
  if (Refusal done = use_versions(state, config); !done) return done;
  if (Refusal done = use_alpn(state, config.alpn); !done) return done;
  if (Refusal done = use_credentials(state, config.credentials); !done) return done;
  return use_trust(state, config);
}

}  // namespace

namespace detail {

ContextState::~ContextState() {
  while (named != nullptr) destroy(allocator, std::exchange(named, named->next));
  if (alpn != nullptr) allocator.release(allocator.context, alpn, alpn_bytes);
  SSL_CTX_free(ssl);
  BIO_meth_free(bio_method);
}

bool is_suite_allowed(const SSL_CIPHER* cipher) noexcept {
  if (cipher == nullptr || SSL_CIPHER_is_aead(cipher) != 1) return false;
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  if (exchange == NID_kx_any) return true;  // TLS 1.3
  const int authentication = SSL_CIPHER_get_auth_nid(cipher);
  return (exchange == NID_kx_ecdhe || exchange == NID_kx_dhe) &&
         (authentication == NID_auth_rsa || authentication == NID_auth_ecdsa);
}

}  // namespace detail

hpack::Result<TlsContext, TlsError> TlsContext::make(const TlsConfig& config) noexcept {
  auto* state = detail::create<ContextState>(config.allocator, config.allocator);
  if (state == nullptr) return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
  TlsContext context{state};
  ERR_clear_error();
  const Refusal done = set_up(*state, config);
  ERR_clear_error();
  if (!done) return done.error();
  return context;
}

TlsContext::~TlsContext() {
  if (state_ != nullptr) detail::destroy(hpack::Allocator{state_->allocator}, state_);
}

TlsContext::TlsContext(TlsContext&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

TlsContext& TlsContext::operator=(TlsContext&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Refusal TlsContext::add_certificate(std::string_view name, const Credentials& credentials) noexcept {
  if (state_->role != Role::server)
    return TlsError{TlsErrorCode::wrong_role, "only a server chooses certificates by name"};
  auto* entry = detail::create<detail::NamedCertificate>(state_->allocator);
  if (entry == nullptr) return TlsError{TlsErrorCode::out_of_memory, "out of memory"};
  const auto refuse = [&](const TlsError& error) {
    detail::destroy(state_->allocator, entry);
    return error;
  };
  const std::string_view labels = name.substr(0, 2) == "*." ? name.substr(2) : name;
  if (labels.empty() || name.size() >= sizeof entry->name || labels.find_first_of("* \t/:") != labels.npos) {
    return refuse(TlsError{TlsErrorCode::bad_name, "\"", name, "\" is no host name to choose a certificate by"});
  }
  auto certificate = load_certificate(credentials);
  if (!certificate) return refuse(certificate.error());
  entry->certificate = std::move(*certificate);
  std::transform(name.begin(), name.end(), entry->name,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  entry->next = std::exchange(state_->named, entry);
  return {};
}

Role TlsContext::role() const noexcept { return state_->role; }
ssl_ctx_st* TlsContext::native() const noexcept { return state_->ssl; }

TlsCounters TlsContext::counters() const noexcept {
  TlsCounters snapshot;
#define COUNTER(name) snapshot.name = state_->counters.name.load(std::memory_order_relaxed);
#include "tlsglue/detail/counters.inc"
#undef COUNTER
  return snapshot;
}

TlsSession::~TlsSession() { SSL_SESSION_free(session_); }

TlsSession::TlsSession(TlsSession&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)), verified_(other.verified_) {
  std::memcpy(name_, other.name_, sizeof name_);
}

TlsSession& TlsSession::operator=(TlsSession&& other) noexcept {
  std::swap(session_, other.session_);
  std::swap(name_, other.name_);
  std::swap(verified_, other.verified_);
  return *this;
}

}  // namespace tlsglue
