// Drives one SSL object: input through a BIO of ours, one record at a time; output into a queue; every end told apart.
#include <tlsglue/tls_channel.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

#include <tlsglue/detail/ciphertext_queue.h>
#include <tlsglue/detail/context_state.h>
#include <tlsglue/detail/record_feed.h>
#include <tlsglue/detail/record_sealer.h>

namespace tlsglue {

namespace detail {

namespace {

// Messages after the handshake (KeyUpdate, tickets) and records of any kind that bring no data, in a row. Each costs us
// a decryption, a key schedule or an answer for some thirty bytes; no honest peer needs so many between two records of
// data. OpenSSL bounds a few kinds by 32 of each; this is below, so that every kind ends alike.
constexpr unsigned kMaxIdle = 24;
// "h2,http/1.1" and what browsers add is far below; the rest of a longer offer is cut from the record only.
constexpr std::size_t kOfferedBytes = 128;
// Enough to tell the protocols that are met on a TLS port apart.
constexpr std::size_t kFirstBytes = 8;

constexpr TlsFailure kStillbirth{TlsFailureKind::out_of_memory, TlsLayer::handshake, 0, "out of memory"};

}  // namespace

// Text that is cut where its bound is.
template <std::size_t Bound>
struct BoundedText {
  char text[Bound + 1] = {};
  std::size_t length = 0;

  void append(std::string_view more) noexcept {
    const std::size_t fits = std::min(more.size(), Bound - length);
    if (fits != 0) std::memcpy(text + length, more.data(), fits);
    length += fits;
    text[length] = '\0';
  }
  std::string_view view() const noexcept { return {text, length}; }
};

// Who makes the records that we send.
enum class Sealing : std::uint8_t {
  library,  // OpenSSL: in the handshake, and for good where a connection is not what the sealer can do
  proving,  // both, for two records
  ours,     // the sealer; what OpenSSL writes by itself is said again with the sealer's keys
};

struct ChannelState {
  explicit ChannelState(ContextState& owner) noexcept : context(owner), output(owner.allocator) {}
  ~ChannelState() {
    SSL_free(ssl);
    SSL_SESSION_free(session);
    release_plaintext();
  }
  ChannelState(const ChannelState&) = delete;
  ChannelState& operator=(const ChannelState&) = delete;

  TlsOutcome next(ByteView& input) noexcept;
  TlsOutcome shake_hands() noexcept;
  TlsOutcome read() noexcept;
  TlsOutcome at_end_of_input() noexcept;
  std::size_t send(std::span<const ByteView> pieces) noexcept;
  std::size_t send_by_library(ByteView content) noexcept;
  [[gnu::noinline]] std::size_t send_gathered(std::span<const ByteView> pieces, std::size_t bytes) noexcept;
  std::size_t send_whole(ByteView content) noexcept;
  bool can_be_proved(std::size_t bytes) const noexcept;
  std::size_t prove(ByteView content) noexcept;
  bool renew_keys() noexcept;
  bool send_sealed(int type, std::span<const ByteView> pieces, std::size_t bytes) noexcept;
  [[gnu::noinline]] bool seal_aside(int type, std::span<const ByteView> pieces, std::size_t bytes) noexcept;
  bool fail_to_seal() noexcept;
  void say_again(int type, ByteView message) noexcept;
  bool is_name_verified() const noexcept;
  bool settle_alpn() noexcept;
  void fail(TlsFailureKind kind, TlsLayer layer, std::string_view sentence, std::uint8_t alert = 0) noexcept;
  void fail_from_library() noexcept;
  void refuse_to_start(TlsFailureKind kind, std::string_view sentence) noexcept;
  bool check_first_bytes(ByteView& input) noexcept;
  void name_foreign_bytes() noexcept;
  void count_alpn() noexcept;
  void end_handshake(bool done) noexcept;
  TlsOutcome tell_failure() noexcept;
  std::byte* plaintext_room() noexcept;
  void release_plaintext() noexcept;
  bool is_full() const noexcept { return output.waiting() >= context.max_waiting_ciphertext; }
  bool may_send() const noexcept { return handshake_done && !broken && !close_sent && !lost; }

  ContextState& context;
  SSL* ssl = nullptr;
  SSL_SESSION* session = nullptr;  // a client's newest, not yet taken
  RecordFeed feed;
  CiphertextQueue output;
  RecordSealer sealer;
  ByteView proof;  // while proving: the sealer's record
  Sealing sealing = Sealing::library;
  bool told = false, proved = false;  // of the record that is made by both: `on_message` was called, it is the same
  std::byte* plaintext = nullptr;     // kRecordBytes
  TlsFailure failure;
  AlpnOutcome alpn = AlpnOutcome::undecided;
  Protocol protocol = Protocol::other;
  BoundedText<255> server_name;
  BoundedText<255> selected;
  BoundedText<kOfferedBytes> offered;
  BoundedText<240> sentence;
  std::byte first[kFirstBytes] = {};
  std::size_t first_seen = 0;
  unsigned idle_messages = 0, idle_records = 0;  // since the last data
  // Fatal ones. Short of memory, OpenSSL may send one and then ask for more input: one that was sent is a failure.
  int alert_sent = -1, alert_received = -1;
  const char* renegotiation = nullptr;  // what the peer tried
  bool first_settled = false;
  bool handshake_done = false;
  bool counted = false;  // its end is in the counters
  bool broken = false;   // OpenSSL must not be called any more
  bool over = false;     // failed: input is swallowed
  bool failure_told = false;
  bool peer_closed = false;  // close_notify came, or truncation was told
  bool eof = false;
  bool close_sent = false;
  bool lost = false;
  bool out_of_memory = false;  // where no result can tell
};

// ---- what OpenSSL calls ----

namespace {

ChannelState& state_of(BIO* bio) { return *static_cast<ChannelState*>(BIO_get_data(bio)); }
ChannelState& state_of(const SSL* ssl) { return *static_cast<ChannelState*>(SSL_get_ex_data(ssl, 0)); }

int read_ciphertext(BIO* bio, char* out, int wanted) noexcept {
  BIO_clear_retry_flags(bio);
  if (wanted <= 0) return 0;
  const std::size_t read = state_of(bio).feed.read(reinterpret_cast<std::byte*>(out), static_cast<std::size_t>(wanted));
  if (read != 0) return static_cast<int>(read);
  BIO_set_retry_read(bio);
  return -1;
}

int write_ciphertext(BIO* bio, const char* bytes, int count) noexcept {
  BIO_clear_retry_flags(bio);
  if (count <= 0) return 0;
  ChannelState& state = state_of(bio);
  if (state.sealing == Sealing::ours) return count;  // `on_message` has it in clear
  const ByteView record{reinterpret_cast<const std::byte*>(bytes), static_cast<std::size_t>(count)};
  state.proved = state.sealing == Sealing::proving && record.size() == state.proof.size() &&
                 std::memcmp(record.data(), state.proof.data(), record.size()) == 0;
  if (state.output.append(record)) return count;
  state.out_of_memory = true;
  return -1;
}

long control_bio(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Called when our application keys begin to be used, whatever is logged besides.
void on_secret(const SSL* ssl, const char* line) noexcept {
  ChannelState& state = state_of(ssl);
  const std::string_view text(line);
  const std::string_view label =
      state.context.role == Role::server ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";
  if (text.substr(0, label.size()) == label) state.sealer.take_secret(text.substr(text.rfind(' ') + 1));
}

// Sees every alert and handshake message in clear, and the header of each record. SSL_OP_NO_RENEGOTIATION alone answers
// an attempt with a warning.
void on_message(int sent, int, int content, const void* bytes, std::size_t size, SSL* ssl, void*) noexcept {
  ChannelState& state = state_of(ssl);
  const auto* octets = static_cast<const unsigned char*>(bytes);
  if (sent != 0 && content == SSL3_RT_HEADER) {
    state.told = true;
    if (state.sealing == Sealing::library) state.sealer.skip_record();
  }
  if (sent != 0 && (content == SSL3_RT_ALERT || content == SSL3_RT_HANDSHAKE) && state.handshake_done)
    state.say_again(content, {static_cast<const std::byte*>(bytes), size});
  if (content == SSL3_RT_ALERT && size == 2) {
    const bool farewell = octets[1] == SSL_AD_CLOSE_NOTIFY || octets[1] == SSL_AD_USER_CANCELLED;
    // TLS 1.3 ignores the level (RFC 8446 6): everything but a farewell is fatal. Before, it counts.
    const bool tls13 = SSL_version(ssl) == TLS1_3_VERSION;
    const bool fatal = octets[0] == SSL3_AL_FATAL ? !(tls13 && farewell && state.handshake_done) : tls13 && !farewell;
    if (fatal) (sent != 0 ? state.alert_sent : state.alert_received) = octets[1];
    return;
  }
  if (sent != 0 || content != SSL3_RT_HANDSHAKE || size == 0 || !state.handshake_done) return;
  ++state.idle_messages;
  const int type = octets[0];
  if (type == SSL3_MT_CLIENT_HELLO || type == SSL3_MT_HELLO_REQUEST) {
    state.renegotiation = "the peer tried to renegotiate (RFC 9113 9.2.1)";
  } else if (type == SSL3_MT_CERTIFICATE_REQUEST) {
    state.renegotiation = "the peer asked for a certificate after the handshake (RFC 9113 9.2.3)";
  }
}

void note_offered(ChannelState& state, const unsigned char* list, std::size_t bytes) {
  state.offered = {};
  for (std::size_t at = 0; at < bytes; at += 1U + list[at]) {
    if (at + 1 + list[at] > bytes) break;
    if (state.offered.length != 0) state.offered.append(",");
    for (std::size_t i = 1; i <= list[at]; ++i) {
      const char c = static_cast<char>(list[at + i]);
      state.offered.append({c > 0x20 && c < 0x7f ? &c : "?", 1});
    }
  }
}

// Before anything else of the hello is looked at: a client without ALPN can only be refused here.
int on_client_hello(SSL* ssl, int* alert, void*) noexcept {
  ChannelState& state = state_of(ssl);
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &size) == 1) {
    if (size >= 2) note_offered(state, bytes + 2, size - 2);
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  state.alpn = AlpnOutcome::none_sent;
  if (state.context.none_sent != NoneSent::reject) return SSL_CLIENT_HELLO_SUCCESS;
  count(state.context.counters.none_sent_rejected);
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

// The server's order of preference decides.
int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_bytes, const unsigned char* offer,
            unsigned offer_bytes, void*) noexcept {
  ChannelState& state = state_of(ssl);
  const ContextState& context = state.context;
  for (std::size_t ours = 0; ours < context.alpn_bytes; ours += 1U + context.alpn[ours]) {
    const std::size_t bytes = 1U + context.alpn[ours];
    for (std::size_t theirs = 0; theirs < offer_bytes; theirs += 1U + offer[theirs]) {
      if (offer_bytes - theirs < bytes || std::memcmp(context.alpn + ours, offer + theirs, bytes) != 0) continue;
      *out = context.alpn + ours + 1;
      *out_bytes = context.alpn[ours];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  state.alpn = AlpnOutcome::no_overlap;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Only tells OpenSSL that the name means something to us, so that tickets remember it; the choice is made in
// `on_certificate`.
int on_server_name(SSL*, int*, void*) noexcept { return SSL_TLSEXT_ERR_OK; }

bool fits_name(std::string_view pattern, std::string_view name) {
  if (pattern.substr(0, 2) != "*.") return pattern == name;
  const std::size_t dot = name.find('.');
  return dot != 0 && dot != name.npos && name.substr(dot) == pattern.substr(1);
}

int on_certificate(SSL* ssl, void*) noexcept {
  ChannelState& state = state_of(ssl);
  const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (sni == nullptr) return 1;
  BoundedText<255> name;
  for (const char* c = sni; *c != '\0'; ++c) {
    const char lower = *c >= 'A' && *c <= 'Z' ? static_cast<char>(*c - 'A' + 'a') : *c;
    name.append({&lower, 1});
  }
  // An exact name goes before a wildcard.
  const NamedCertificate* found = nullptr;
  for (const NamedCertificate* entry = state.context.named; entry != nullptr; entry = entry->next) {
    if (!fits_name(entry->name, name.view())) continue;
    if (found == nullptr || entry->name[0] != '*') found = entry;
  }
  if (found == nullptr) return 1;
  const Certificate& chosen = found->certificate;
  return SSL_use_cert_and_key(ssl, chosen.leaf.get(), chosen.key.get(), chosen.chain.get(), 1);
}

int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  ChannelState& state = state_of(ssl);
  SSL_SESSION_free(std::exchange(state.session, session));
  return 1;  // ours now
}

}  // namespace

BIO_METHOD* make_bio_method() noexcept {
  BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tlsglue");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, &read_ciphertext);
  BIO_meth_set_write(method, &write_ciphertext);
  BIO_meth_set_ctrl(method, &control_bio);
  return method;
}

void install_channel_hooks(SSL_CTX* context, Role role, Resumption resumption) noexcept {
  SSL_CTX_set_msg_callback(context, &on_message);
  SSL_CTX_set_keylog_callback(context, &on_secret);
  if (role == Role::server) {
    SSL_CTX_set_client_hello_cb(context, &on_client_hello, nullptr);
    SSL_CTX_set_alpn_select_cb(context, &on_alpn, nullptr);
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, reinterpret_cast<void (*)()>(&on_server_name));
    SSL_CTX_set_cert_cb(context, &on_certificate, nullptr);
  } else if (resumption == Resumption::on) {
    SSL_CTX_sess_set_new_cb(context, &on_new_session);
  }
}

// ---- bytes in ----

TlsOutcome ChannelState::next(ByteView& input) noexcept {
  for (;;) {
    if (over || peer_closed || lost) {
      input = {};
      return tell_failure();
    }
    if (is_full() && !input.empty()) return {TlsStatus::output_full};
    if (!first_settled && !check_first_bytes(input)) {
      if (over) continue;
      return at_end_of_input();
    }
    if (input.empty()) return at_end_of_input();

    feed.permit(&input);
    const TlsOutcome outcome = handshake_done ? read() : shake_hands();
    feed.withdraw();
    if (outcome.status != TlsStatus::needs_more) return outcome;
  }
}

TlsOutcome ChannelState::shake_hands() noexcept {
  forget_errors();
  const int result = SSL_do_handshake(ssl);
  if (result != 1) {
    if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ || alert_sent >= 0) fail_from_library();
    return {};
  }
  handshake_done = true;
  if (!is_name_verified()) {
    fail(TlsFailureKind::out_of_memory, TlsLayer::certificate, "no memory to verify the server's name");
    return {};
  }
  if (!settle_alpn()) return {};
  end_handshake(true);
  return {TlsStatus::handshake_done};
}

TlsOutcome ChannelState::read() noexcept {
  std::byte* const room = plaintext_room();
  if (room == nullptr) {
    fail(TlsFailureKind::out_of_memory, TlsLayer::record, "out of memory");
    return {};
  }
  forget_errors();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl, room, kRecordBytes, &bytes);
  const int verdict = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
  if (verdict == SSL_ERROR_SSL || verdict == SSL_ERROR_SYSCALL || alert_sent >= 0) {
    fail_from_library();
    return {};
  }
  if (renegotiation != nullptr) {
    count(context.counters.renegotiations);
    fail(TlsFailureKind::renegotiation, TlsLayer::policy, renegotiation);
    return {};
  }
  if (verdict == SSL_ERROR_ZERO_RETURN) {
    peer_closed = true;
    count(context.counters.closed);
    return {TlsStatus::close_notify};
  }
  if (verdict != SSL_ERROR_NONE && feed.record_ended()) ++idle_records;
  if (std::max(idle_messages, idle_records) > kMaxIdle) {
    count(context.counters.floods);
    fail(TlsFailureKind::flood, TlsLayer::policy, "too many TLS messages or records without data between them");
    return {};
  }
  if (verdict != SSL_ERROR_NONE) return {};
  idle_messages = idle_records = 0;
  return {TlsStatus::plaintext, {room, bytes}};
}

TlsOutcome ChannelState::at_end_of_input() noexcept {
  if (!eof) return {};
  if (!first_settled && first_seen != 0) {
    name_foreign_bytes();
    return tell_failure();
  }
  if (!handshake_done) {
    fail(TlsFailureKind::truncated, TlsLayer::transport, "the peer closed the connection during the handshake");
    return tell_failure();
  }
  peer_closed = true;
  count(context.counters.truncated);
  return {TlsStatus::truncated};
}

TlsOutcome ChannelState::tell_failure() noexcept {
  if (!over || failure_told) return {};
  failure_told = true;
  return {TlsStatus::failed};
}

// ---- bytes out ----

std::size_t ChannelState::send(std::span<const ByteView> pieces) noexcept {
  std::size_t bytes = 0;
  for (const ByteView piece : pieces) bytes += std::min(piece.size(), kRecordBytes - bytes);
  if (bytes == 0) return 0;
  if (sealing != Sealing::ours)
    return pieces.front().size() >= bytes ? send_whole(pieces.front().first(bytes)) : send_gathered(pieces, bytes);
  return renew_keys() && send_sealed(SSL3_RT_APPLICATION_DATA, pieces, bytes) ? bytes : 0;
}

std::size_t ChannelState::send_gathered(std::span<const ByteView> pieces, std::size_t bytes) noexcept {
  std::byte block[kRecordBytes];  // on the stack, where it stays in the processor's cache whatever the connection
  std::size_t gathered = 0;
  for (const ByteView piece : pieces) {
    const std::size_t taken = std::min(piece.size(), bytes - gathered);
    if (taken != 0) std::memcpy(block + gathered, piece.data(), taken);
    gathered += taken;
  }
  return send_whole({block, bytes});
}

std::size_t ChannelState::send_whole(ByteView content) noexcept {
  return can_be_proved(content.size()) ? prove(content) : send_by_library(content);
}

std::size_t ChannelState::send_by_library(ByteView content) noexcept {
  forget_errors();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl, content.data(), content.size(), &written);
  if (result == 1) return written;
  const int verdict = SSL_get_error(ssl, result);
  const bool waits = verdict == SSL_ERROR_WANT_READ || verdict == SSL_ERROR_WANT_WRITE;
  if (!waits || alert_sent >= 0) fail_from_library();
  return 0;
}

namespace {

// Where `content` is cut in two, so that no block to which OpenSSL could have been told to pad (with the octet of the
// type counted) fits both parts. 0: nowhere.
std::size_t proving_cut(std::size_t content) {
  for (std::size_t cut = 1; cut < content; ++cut) {
    const std::size_t rest = content - cut;
    if (rest + 1 < kRecordBytes && std::gcd(cut + 1, rest + 1) == 1) return cut;
  }
  return 0;
}

}  // namespace

// Versions from 4 on may heed limits of the peer's that are not asked for here (RFC 8449).
bool ChannelState::can_be_proved(std::size_t bytes) const noexcept {
  return sealer.has_secret() && proving_cut(bytes) != 0 && OPENSSL_version_major() == 3 &&
         SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)) == TLSEXT_max_fragment_length_DISABLED;
}

// The first two records are made by both. Only if the octets are the same does the sealer go on in OpenSSL's place:
// then both derive, count and pad alike, and the message callback is ours.
std::size_t ChannelState::prove(ByteView content) noexcept {
  const std::size_t cut = proving_cut(content.size());
  bool agree = sealer.start(SSL_get_current_cipher(ssl));
  std::size_t sent = 0;
  for (const ByteView part : {content.first(cut), content.subspan(cut)}) {
    std::byte record[kRecordBytes + RecordSealer::kOverhead];
    if (agree) proof = {record, sealer.seal(SSL3_RT_APPLICATION_DATA, {&part, 1}, part.size(), record)};
    sealing = agree ? Sealing::proving : Sealing::library;
    told = proved = false;
    const std::size_t taken = send_by_library(part);
    sent += taken;
    agree = told && proved && taken == part.size();
    if (taken != part.size()) break;  // what is behind it is offered again
  }
  proof = {};
  sealing = agree ? Sealing::ours : Sealing::library;
  if (agree) count(context.counters.sealed);
  else sealer.forget();
  return sent;
}

// The answer to a KeyUpdate goes before the next record of data (RFC 8446 4.6.3), and OpenSSL would wait for one of its
// own; so it is told to send it now, and also when the present keys have sealed enough (5.5).
bool ChannelState::renew_keys() noexcept {
  const bool asked = SSL_get_key_update_type(ssl) != SSL_KEY_UPDATE_NONE;
  // With a message of the peer's half there OpenSSL makes none of its own.
  if (!asked && (sealer.records() < context.max_records_per_key || SSL_in_init(ssl) == 1)) return true;
  forget_errors();
  const bool sent = SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1;
  if (!sent) fail_from_library();
  return !broken;
}

// `bytes` of them, a record's at most.
bool ChannelState::send_sealed(int type, std::span<const ByteView> pieces, std::size_t bytes) noexcept {
  std::byte* const room = output.room(bytes + RecordSealer::kOverhead);
  if (room == nullptr) return seal_aside(type, pieces, bytes);
  const std::size_t sealed = sealer.seal(static_cast<std::uint8_t>(type), pieces, bytes, room);
  if (sealed == 0) return fail_to_seal();
  output.take_room(sealed);
  return true;
}

bool ChannelState::seal_aside(int type, std::span<const ByteView> pieces, std::size_t bytes) noexcept {
  std::byte record[kRecordBytes + RecordSealer::kOverhead];
  const std::size_t sealed = sealer.seal(static_cast<std::uint8_t>(type), pieces, bytes, record);
  return (sealed != 0 && output.append({record, sealed})) || fail_to_seal();
}

bool ChannelState::fail_to_seal() noexcept {
  broken = true;
  fail(TlsFailureKind::out_of_memory, TlsLayer::record, "out of memory");
  return false;
}

// An alert, or a message behind the handshake, of which OpenSSL's own records are dropped.
void ChannelState::say_again(int type, ByteView message) noexcept {
  // Before the first record of ours a KeyUpdate leaves it to OpenSSL for good; it is too rare to be worth more.
  if (sealing != Sealing::ours) return sealer.forget();
  const bool is_message = type == SSL3_RT_HANDSHAKE;
  if (broken || (is_message && close_sent)) return;  // nothing goes behind close_notify (RFC 8446 6.1)
  const bool changes_keys = is_message && message.front() == std::byte{SSL3_MT_KEY_UPDATE};
  while (!message.empty()) {
    const ByteView part = message.first(std::min(message.size(), kRecordBytes));
    if (!send_sealed(type, {&part, 1}, part.size())) return;
    message = message.subspan(part.size());
  }
  if (changes_keys && !sealer.next_keys()) fail_to_seal();
}

// ---- the first bytes ----

// A TLS connection begins with a record of type handshake, or alert. False while that is not known, or known to be
// wrong.
bool ChannelState::check_first_bytes(ByteView& input) noexcept {
  if (input.empty()) return false;
  const bool is_tls = input.front() == std::byte{SSL3_RT_HANDSHAKE} || input.front() == std::byte{SSL3_RT_ALERT};
  if (first_seen == 0 && is_tls) {
    first_settled = true;
    return true;
  }
  while (first_seen < kFirstBytes && !input.empty()) {
    first[first_seen++] = input.front();
    input = input.subspan(1);
  }
  if (first_seen == kFirstBytes) name_foreign_bytes();
  return false;
}

void ChannelState::name_foreign_bytes() noexcept {
  const std::string_view seen{reinterpret_cast<const char*>(first), first_seen};
  struct Signature {
    std::string_view begin, sentence;
  };
  static constexpr Signature kSignatures[] = {
      {"PRI * HT", "the peer speaks HTTP/2 without TLS on a TLS connection"},
      {"HTTP/", "the peer answers with HTTP/1.x without TLS on a TLS connection"},
      {"PROXY ", "the peer sends a PROXY protocol header before TLS"},
      {std::string_view{"\r\n\r\n\0\r\nQ", 8}, "the peer sends a PROXY protocol header (version 2) before TLS"},
      {"SSH-", "the peer speaks SSH on a TLS connection"},
      {std::string_view{"\0\0", 2}, "the peer speaks HTTP/2 without TLS on a TLS connection"},  // a frame header
  };
  std::string_view sentence_found = "the peer does not speak TLS";
  for (const std::string_view method :
       {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "}) {
    if (seen.substr(0, method.size()) == method) {
      sentence_found = "the peer sends an HTTP/1.x request without TLS on a TLS connection";
    }
  }
  for (const Signature& signature : kSignatures) {
    if (seen.substr(0, signature.begin.size()) == signature.begin) sentence_found = signature.sentence;
  }
  count(context.counters.not_tls);
  fail(TlsFailureKind::not_tls, TlsLayer::record, sentence_found);
}

// ---- how the handshake ended ----

// OpenSSL compares no name at all when it finds no memory to copy the one that it was given, and says nothing; so the
// comparison is made once more. A session that is resumed was verified for the same name.
bool ChannelState::is_name_verified() const noexcept {
  if (context.role != Role::client || !context.verifies || SSL_session_reused(ssl) == 1) return true;
  X509* const leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return false;
  return X509_check_ip_asc(leaf, server_name.text, 0) == 1 ||
         X509_check_host(leaf, server_name.text, server_name.length, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) ==
             1;
}

// False, and failed, when the protocol is not one that the policy has.
bool ChannelState::settle_alpn() noexcept {
  const unsigned char* identifier = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(ssl, &identifier, &bytes);
  if (const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
      context.role == Role::server && sni != nullptr) {
    server_name.append(sni);
  }
  if (bytes == 0) {
    alpn = AlpnOutcome::none_sent;
    protocol = context.none_sent == NoneSent::as_h2 ? Protocol::h2 : Protocol::http11;
    if (context.none_sent != NoneSent::reject) return true;
    count(context.counters.none_sent_rejected);
    fail(TlsFailureKind::alpn_refused, TlsLayer::alpn, "the server chose no protocol by ALPN");
    return false;
  }
  selected.append({reinterpret_cast<const char*>(identifier), bytes});
  alpn = selected.view() == kH2       ? AlpnOutcome::h2
         : selected.view() == kHttp11 ? AlpnOutcome::http11
                                      : AlpnOutcome::other;
  protocol = alpn == AlpnOutcome::h2 ? Protocol::h2 : alpn == AlpnOutcome::http11 ? Protocol::http11 : Protocol::other;
  for (std::size_t at = 0; at < context.alpn_bytes; at += 1U + context.alpn[at]) {
    if (std::string_view{reinterpret_cast<const char*>(context.alpn) + at + 1, context.alpn[at]} == selected.view())
      return true;
  }
  fail(TlsFailureKind::alpn_refused, TlsLayer::alpn, "the server chose a protocol that was not offered");
  return false;
}

void ChannelState::end_handshake(bool done) noexcept {
  if (counted) return;
  counted = true;
  count(done ? context.counters.handshakes_done : context.counters.handshakes_failed);
  if (done && SSL_session_reused(ssl) == 1) count(context.counters.resumed);
  count_alpn();
}

void ChannelState::count_alpn() noexcept {
  AtomicCounters& rows = context.counters;
  switch (alpn) {
    case AlpnOutcome::undecided: return count(rows.alpn_undecided);
    case AlpnOutcome::h2: return count(rows.alpn_h2);
    case AlpnOutcome::http11: return count(rows.alpn_http11);
    case AlpnOutcome::other: return count(rows.alpn_other);
    case AlpnOutcome::none_sent: return count(rows.alpn_none_sent);
    case AlpnOutcome::no_overlap: return count(rows.alpn_no_overlap);
  }
}

// ---- failures ----

void ChannelState::fail(TlsFailureKind kind, TlsLayer layer, std::string_view why, std::uint8_t alert) noexcept {
  if (over) return;
  over = true;
  if (sentence.length == 0) sentence.append(why);
  failure = {kind, layer, alert, sentence.view()};
  end_handshake(false);
}

void ChannelState::fail_from_library() noexcept {
  broken = true;  // no SSL_shutdown, no SSL_write after a fatal error
  const unsigned long code = ERR_peek_error();
  const char* reason = ERR_reason_error_string(code);
  const TlsLayer place = handshake_done ? TlsLayer::record : TlsLayer::handshake;
  if (out_of_memory || (alert_received < 0 && ran_out_of_memory())) {
    return fail(TlsFailureKind::out_of_memory, place, "out of memory",
                static_cast<std::uint8_t>(std::max(alert_sent, 0)));
  }

  const int alert = alert_received >= 0 ? alert_received : alert_sent;
  const long verified = SSL_get_verify_result(ssl);
  const bool distrusts = code != 0 && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const bool about_alpn = alert == SSL_AD_NO_APPLICATION_PROTOCOL;
  const bool about_certificate = distrusts || alert == SSL_AD_UNKNOWN_CA || alert == TLS13_AD_CERTIFICATE_REQUIRED ||
                                 (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN);
  const TlsLayer layer = about_alpn ? TlsLayer::alpn : about_certificate ? TlsLayer::certificate : place;

  char number[16];
  std::snprintf(number, sizeof number, "%d", alert);
  if (alert_received >= 0) {
    if (about_alpn && alpn == AlpnOutcome::undecided) alpn = AlpnOutcome::no_overlap;
    sentence.append("the peer sent alert ");
  } else if (alert_sent >= 0) {
    if (distrusts) {
      sentence.append("certificate refused, ");
      sentence.append(X509_verify_cert_error_string(verified));
    } else if (about_alpn) {
      sentence.append(alpn == AlpnOutcome::none_sent ? "the client offers no protocol by ALPN"
                                                     : "the client offers no protocol that we have by ALPN");
    } else {
      sentence.append(reason != nullptr ? reason : "protocol error");
    }
    sentence.append("; sent alert ");
  }
  if (alert >= 0) {
    sentence.append(number);
    sentence.append(", ");
    sentence.append(SSL_alert_desc_string_long(alert));
  }
  if (renegotiation != nullptr) {
    sentence = {};
    count(context.counters.renegotiations);
    return fail(TlsFailureKind::renegotiation, TlsLayer::policy, renegotiation,
                static_cast<std::uint8_t>(std::max(alert, 0)));
  }
  if (alert < 0) return fail(TlsFailureKind::protocol_error, layer, reason != nullptr ? reason : "protocol error");
  fail(alert_received >= 0 ? TlsFailureKind::alert_received : TlsFailureKind::alert_sent, layer, {},
       static_cast<std::uint8_t>(alert));
}

void ChannelState::refuse_to_start(TlsFailureKind kind, std::string_view why) noexcept {
  broken = true;
  fail(kind, TlsLayer::policy, why);
}

// ---- memory ----

std::byte* ChannelState::plaintext_room() noexcept {
  if (plaintext == nullptr) {
    plaintext = static_cast<std::byte*>(context.allocator.allocate(context.allocator.context, kRecordBytes));
  }
  return plaintext;
}

void ChannelState::release_plaintext() noexcept {
  if (plaintext == nullptr) return;
  context.allocator.release(context.allocator.context, std::exchange(plaintext, nullptr), kRecordBytes);
}

// ---- setting up ----

namespace {

// Whom a client wants to meet: verified always (if only for the record), sent as SNI unless it is an address.
bool set_server_name(ChannelState& state, std::string_view name) {
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);  // RFC 6066 3: without a trailing dot
  if (name.size() > 255 || name.find('\0') != name.npos) return false;
  state.server_name.append(name);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(state.ssl);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, state.server_name.text) == 1) return true;
  state.out_of_memory = ran_out_of_memory();
  if (!state.out_of_memory &&
      SSL_ctrl(state.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, state.server_name.text) == 1 &&
      X509_VERIFY_PARAM_set1_host(parameters, state.server_name.text, state.server_name.length) == 1) {
    return true;
  }
  state.out_of_memory = state.out_of_memory || ran_out_of_memory();
  return false;
}

bool attach(ChannelState& state) {
  state.ssl = SSL_new(state.context.ssl);
  BIO* bio = BIO_new(state.context.bio_method);
  if (state.ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return false;
  }
  BIO_set_data(bio, &state);
  BIO_set_init(bio, 1);
  SSL_set_bio(state.ssl, bio, bio);
  return SSL_set_ex_data(state.ssl, 0, &state) == 1;
}

}  // namespace

}  // namespace detail

using detail::ChannelState;

TlsChannel::TlsChannel(TlsContext& context, const PeerName& peer) noexcept
    : state_(detail::create<ChannelState>(context.state_->allocator, *context.state_)) {
  if (state_ == nullptr) return;
  ChannelState& state = *state_;
  detail::count(state.context.counters.connections);
  ERR_clear_error();
  const bool is_client = state.context.role == Role::client;
  const bool has_name = !peer.server_name.empty();
  if (!detail::attach(state)) {
    state.refuse_to_start(TlsFailureKind::out_of_memory, "out of memory");
  } else if (!is_client) {
    SSL_set_accept_state(state.ssl);
  } else if (!has_name && state.context.verifies) {
    state.refuse_to_start(TlsFailureKind::protocol_error, "a client that verifies needs the server's name");
  } else if (has_name && !detail::set_server_name(state, peer.server_name)) {
    if (state.out_of_memory) state.refuse_to_start(TlsFailureKind::out_of_memory, "out of memory");
    state.refuse_to_start(TlsFailureKind::protocol_error, "the server's name is no host name");
  }
  if (!is_client || state.over) return;
  SSL_set_connect_state(state.ssl);
  const TlsSession* session = peer.session;
  if (session != nullptr && session->session_ != nullptr && state.server_name.view() == session->name_ &&
      (session->verified_ || !state.context.verifies)) {
    // A copy: OpenSSL marks a session as spent once the server has sent a newer one.
    SSL_SESSION* copy = SSL_SESSION_dup(session->session_);
    if (copy != nullptr) SSL_set_session(state.ssl, copy);
    SSL_SESSION_free(copy);
  }
  detail::note_offered(state, state.context.alpn, state.context.alpn_bytes);
  static_cast<void>(state.shake_hands());  // there is no input yet: only the ClientHello can come of it
}

TlsChannel::~TlsChannel() {
  if (state_ != nullptr) detail::destroy(hpack::Allocator{state_->context.allocator}, state_);
}

TlsChannel::TlsChannel(TlsChannel&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), stillbirth_told_(std::exchange(other.stillbirth_told_, true)) {}

TlsChannel& TlsChannel::operator=(TlsChannel&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(stillbirth_told_, other.stillbirth_told_);
  return *this;
}

TlsOutcome TlsChannel::receive_ciphertext(ByteView& input) noexcept {
  if (state_ != nullptr) return state_->next(input);
  input = {};
  return {std::exchange(stillbirth_told_, true) ? TlsStatus::needs_more : TlsStatus::failed};
}

void TlsChannel::receive_eof() noexcept {
  if (state_ != nullptr) state_->eof = true;
}

std::size_t TlsChannel::send_plaintext(std::span<const ByteView> pieces) noexcept {
  return can_send() ? state_->send(pieces) : 0;
}

bool TlsChannel::can_send() const noexcept { return state_ != nullptr && state_->may_send() && !state_->is_full(); }

void TlsChannel::send_close_notify() noexcept {
  if (state_ == nullptr || !state_->may_send()) return;
  state_->close_sent = true;
  ERR_clear_error();
  SSL_shutdown(state_->ssl);
  ERR_clear_error();
}

std::size_t TlsChannel::poll_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  return state_ == nullptr ? 0 : state_->output.poll(slices, max_bytes);
}

void TlsChannel::consume_output(std::size_t bytes) noexcept {
  if (state_ != nullptr) state_->output.consume(bytes);
}

std::size_t TlsChannel::waiting_bytes() const noexcept { return state_ == nullptr ? 0 : state_->output.waiting(); }

bool TlsChannel::is_full() const noexcept { return state_ != nullptr && state_->is_full(); }

void TlsChannel::release_idle_memory() noexcept {
  if (state_ != nullptr) state_->release_plaintext();
}

void TlsChannel::transport_lost() noexcept {
  if (state_ == nullptr) return;
  state_->lost = true;
  state_->output.clear();
}

void TlsChannel::fail(TlsFailureKind kind, TlsLayer layer, std::string_view sentence) noexcept {
  if (state_ != nullptr) state_->fail(kind, layer, sentence);
}

bool TlsChannel::handshake_done() const noexcept { return state_ != nullptr && state_->handshake_done; }

bool TlsChannel::has_outcome() const noexcept {
  if (state_ == nullptr) return !stillbirth_told_;
  if (state_->over) return !state_->failure_told;
  return state_->eof && !state_->peer_closed && !state_->lost;
}

bool TlsChannel::at_eof() const noexcept { return state_ == nullptr || state_->eof; }

bool TlsChannel::has_strong_suite() const noexcept {
  return handshake_done() && detail::is_suite_allowed(SSL_get_current_cipher(state_->ssl));
}

const TlsFailure& TlsChannel::failure() const noexcept {
  return state_ == nullptr ? detail::kStillbirth : state_->failure;
}

TlsRecord TlsChannel::record() const noexcept {
  TlsRecord record;
  record.terminated_by = "tlsglue, " OPENSSL_VERSION_TEXT;
  record.failure = failure();
  if (state_ == nullptr) return record;
  const ChannelState& state = *state_;
  record.role = state.context.role;
  record.server_name = state.server_name.view();
  record.offered = state.offered.view();
  record.selected = state.selected.view();
  record.alpn = state.alpn;
  record.protocol = state.protocol;
  if (state.ssl == nullptr || !state.handshake_done) return record;
  record.version = SSL_get_version(state.ssl);
  const char* cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(state.ssl));
  record.cipher = cipher != nullptr ? cipher : "";
  record.resumed = SSL_session_reused(state.ssl) == 1;
  return record;
}

TlsSession TlsChannel::take_session() noexcept {
  TlsSession taken;
  if (state_ == nullptr || state_->session == nullptr) return taken;
  taken.session_ = std::exchange(state_->session, nullptr);
  taken.verified_ = state_->context.verifies;
  std::memcpy(taken.name_, state_->server_name.text, state_->server_name.length + 1);
  return taken;
}

}  // namespace tlsglue
