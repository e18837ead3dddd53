// OpenSSL's own memory: each of its allocations fails once, and all from one on. A program of its own, for the
// functions that it allocates by can be set only before its first allocation, for the whole process.
#define DOCTEST_CONFIG_IMPLEMENT
#include "harness.h"
#include "theatre.h"

namespace tlsglue::test {
namespace {

/// What OpenSSL holds. The blocks stand in a list, so that a leak checker finds them all: what is left is counted here.
class Heap {
 public:
  std::uint64_t live = 0, live_bytes = 0, most_bytes = 0;

  /// The `at`-th call from now on finds no memory, or all from there on.
  void arm(std::uint64_t at, bool once) {
    calls_ = 0;
    fail_at_ = at;
    once_ = once;
    failed_ = false;
  }
  /// Whether a call has failed since arm().
  bool disarm() {
    fail_at_ = kNever;
    return failed_;
  }

  void* allocate(std::size_t bytes) {
    const std::uint64_t call = calls_++;
    if (once_ ? call == fail_at_ : call >= fail_at_) {
      failed_ = true;
      return nullptr;
    }
    auto* const block = ::new (std::malloc(sizeof(Block) + bytes)) Block{&blocks_, blocks_.next, bytes};
    block->next->previous = blocks_.next = block;
    ++live;
    live_bytes += bytes;
    most_bytes = std::max(most_bytes, live_bytes);
    return block + 1;
  }
  void release(void* memory) {
    if (memory == nullptr) return;
    Block* const block = static_cast<Block*>(memory) - 1;
    block->previous->next = block->next;
    block->next->previous = block->previous;
    --live;
    live_bytes -= block->bytes;
    std::free(block);
  }
  static std::size_t size_of(void* memory) { return (static_cast<Block*>(memory) - 1)->bytes; }

 private:
  struct alignas(std::max_align_t) Block {
    Block* previous = this;
    Block* next = this;
    std::size_t bytes = 0;
  };
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  Block blocks_;  // before the first
  std::uint64_t calls_ = 0, fail_at_ = kNever;
  bool once_ = false, failed_ = false;
};

Heap& heap() {
  static Heap made;
  return made;
}

void* allocate(std::size_t bytes, const char*, int) { return bytes == 0 ? nullptr : heap().allocate(bytes); }
void release(void* memory, const char*, int) { heap().release(memory); }
void* reallocate(void* memory, std::size_t bytes, const char*, int) {
  if (bytes == 0) return heap().release(memory), nullptr;
  void* const moved = heap().allocate(bytes);
  if (moved == nullptr || memory == nullptr) return moved;
  std::memcpy(moved, memory, std::min(bytes, Heap::size_of(memory)));
  heap().release(memory);
  return moved;
}

/// Does it again and again, each time with the next allocation that fails, until none does. What a thread keeps for its
/// next error and its next random number goes with OPENSSL_thread_stop(); everything else must be back where it was.
/// Looked at now and then, for a thread is slow to start again.
template <class Work>
std::uint64_t with_each_failing(bool once, std::uint64_t step, Work work) {
  constexpr std::uint64_t kLook = 32;
  work();
  OPENSSL_thread_stop();
  const std::uint64_t live = heap().live;
  bool failed = true;
  std::uint64_t at = 0;
  for (; failed; at += step) {
    CAPTURE(at);
    CAPTURE(once);
    heap().arm(at, once);
    work();
    failed = heap().disarm();
    if (failed && at / step % kLook != 0) continue;
    OPENSSL_thread_stop();
    if (heap().live != live) FAIL("OpenSSL holds " << heap().live << " blocks, and held " << live << " before");
  }
  return at - step;
}

// What could be missing from a context that was made in spite of a failure.
std::string describe(const TlsContext& made) {
  SSL_CTX* const raw = made.native();
  std::string text;
  const STACK_OF(SSL_CIPHER)* suites = SSL_CTX_get_ciphers(raw);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i)
    text.append(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i))).append(" ");
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(raw, &chain);
  text += "chain " + std::to_string(sk_X509_num(chain));
  text += ", trusts " + std::to_string(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(raw))));
  return text;
}

TEST_CASE("whichever allocation of OpenSSL fails, a context is made whole or not at all, and nothing is left behind") {
  const SelfSigned other = certificate_for({"other.example"});
  const std::string bundle = std::string(localhost().certificate_pem.view()).append(other.certificate_pem.view());
  TlsConfig server = server_config(), client = client_config();
  server.credentials.certificate_pem = bundle;
  client.ca_pem = bundle;
  for (const TlsConfig& config : {server, client}) {
    const std::string whole = describe(context(config));
    std::uint64_t refused = 0, out_of_memory = 0;
    const auto make = [&] {
      const auto made = TlsContext::make(config);
      if (made) {
        CHECK(describe(*made) == whole);
      } else {
        ++refused;
        out_of_memory += made.error().code == TlsErrorCode::out_of_memory;
      }
    };
    CHECK(with_each_failing(true, 1, make) > 1000);
    CHECK(with_each_failing(false, 31, make) > 1000);
    CHECK(refused > 500);
    CHECK(out_of_memory * 2 > refused);  // not always does OpenSSL say what was missing
  }
}

TEST_CASE("whichever allocation of OpenSSL fails, a self-signed certificate has all its names or is not made") {
  std::uint64_t refused = 0;
  const auto make = [&] {
    const auto made = make_self_signed();
    if (!made) return static_cast<void>(++refused);
    heap().disarm();
    const std::string_view pem = made->certificate_pem.view();
    const detail::BioPtr text{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    const detail::X509Ptr leaf{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)};
    CHECK(X509_check_host(leaf.get(), "localhost", 0, 0, nullptr) == 1);
    CHECK(X509_check_ip_asc(leaf.get(), "127.0.0.1", 0) == 1);
    CHECK(X509_check_ip_asc(leaf.get(), "::1", 0) == 1);
  };
  CHECK(with_each_failing(true, 1, make) > 100);
  CHECK(refused > 100);
}

/// A connection, which goes on with a session if there is one, and its session.
struct Visit {
  Visit(TlsContext& for_client, TlsContext& for_server, TlsSession& session) { play(for_client, for_server, session); }
  void play(TlsContext& for_client, TlsContext& for_server, TlsSession& session) {
    Theatre theatre(for_client, for_server, 40, {}, {}, session ? &session : nullptr);
    theatre.play.acts = 1;
    theatre.run();
    h2::test::check_verdicts(theatre.play.client_app.news, theatre.play.server_app.news);
    check(theatre.client_tls, theatre.server_tls);
    check(theatre.server_tls, theatre.client_tls);
    if (theatre.client_tls.failed + theatre.server_tls.failed == 0) {
      ++whole;
      CHECK(theatre.play.client_app.news.streams.size() == 3);
      CHECK(theatre.play.client_app.news.failed == 0);
    }
    resumed += theatre.resumed();
    if (!session) session = theatre.take_session();
  }
  // Nobody is left waiting: who sent an alert knows it, and who is cut off has a peer that failed or could not say
  // goodbye.
  static void check(const TlsNews& one, const TlsNews& other) {
    CHECK(one.done + one.failed >= 1);
    if (one.failure == TlsFailureKind::alert_received)
      CHECK((other.failed == 1 && other.failure != TlsFailureKind::truncated));
    if (one.failure == TlsFailureKind::truncated) CHECK(other.failed == 1);
  }
  int whole = 0, resumed = 0;
};

// What OpenSSL makes once for the whole process must be there before anything is counted.
void warm_up() {
  for (const TlsVersion version : kVersions) {
    TlsContext for_client = context(only(client_config(), version)),
               for_server = context(only(server_config(), version));
    TlsSession session;
    CHECK(Visit(for_client, for_server, session).resumed == 0);
    CHECK(Visit(for_client, for_server, session).resumed == 1);
  }
}

TEST_CASE("whichever allocation of OpenSSL fails, both ends of a connection learn of it, and all memory comes back") {
  warm_up();
  for (const TlsVersion version : kVersions) {
    TlsContext for_client = context(only(client_config(), version)),
               for_server = context(only(server_config(), version));
    TlsSession kept;
    CHECK(Visit(for_client, for_server, kept).whole == 1);
    for (const bool resumes : {false, true}) {
      int whole = 0, resumed = 0;
      const auto visit = [&] {
        TlsSession none;
        const Visit one(for_client, for_server, resumes ? kept : none);
        whole += one.whole;
        resumed += one.resumed;
      };
      const int needed = static_cast<int>(with_each_failing(true, 1, visit));
      CHECK(needed > 200);
      CHECK(whole > 10);
      CHECK(whole < needed);
      CHECK((resumed > 10) == resumes);
      with_each_failing(false, 7, visit);
    }
  }
}

TEST_CASE("whichever allocation of OpenSSL fails, a certificate that is not trusted or has another name is refused") {
  warm_up();
  const SelfSigned other = certificate_for({"other.example"});
  for (const TlsVersion version : kVersions) {
    for (const bool trusted : {false, true}) {
      TlsConfig config = only(server_config(), version);
      config.credentials = credentials_of(other);
      TlsContext for_server = context(config);
      config = only(client_config(), version);
      if (trusted) config.ca_pem = other.certificate_pem.view();
      TlsContext for_client = context(config);
      with_each_failing(true, 1, [&] {
        Theatre theatre(for_client, for_server, 40);
        theatre.play.acts = 1;
        theatre.run();
        CHECK(theatre.client_tls.done == 0);
        CHECK(theatre.client_tls.failed == 1);
        CHECK(theatre.play.server_app.news.streams.empty());
      });
    }
  }
}

TEST_CASE("whichever allocation of OpenSSL fails as records or new keys are made, what arrives is what was taken") {
  warm_up();
  TlsContext for_server = context(server_config());
  int by_library = 0, ended = 0;
  for (const bool under_way : {false, true}) {
    bool failed = true;
    for (std::uint64_t at = 0; failed; ++at) {
      CAPTURE(at);
      CAPTURE(under_way);
      End server{for_server};
      RawPeer client{Role::client, [](SSL_CTX*) {}};
      exchange(client, server);
      std::string taken, asks;
      const auto say = [&](std::string_view text) {
        taken += text.substr(0, server.channel.send_plaintext(bytes_of(text)));
      };
      if (under_way) {
        say("before,");
        SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(client.ssl);
        asks = client.take_output();
      }
      const std::uint64_t sealed = for_server.counters().sealed;
      heap().arm(at, true);
      server.feed(bytes_of(asks));
      say("meanwhile,");
      failed = heap().disarm();
      say("and after");
      exchange(client, server);
      CHECK(client.plaintext == taken);
      if (server.failure() == TlsFailureKind::none) {
        CHECK(taken == (under_way ? "before,meanwhile,and after" : "meanwhile,and after"));
        by_library += !under_way && for_server.counters().sealed == sealed;
      } else {
        CHECK(failed);  // by OpenSSL's words: it does not always say that it was memory
        CHECK_FALSE(server.channel.can_send());
        ++ended;
      }
    }
  }
  CHECK(by_library > 0);
  CHECK(ended > 0);
}

/// A pair of channels, and what OpenSSL holds for them.
struct Measured {
  explicit Measured(TlsVersion version)
      : for_server(context(only(server_config(), version))), for_client(context(only(client_config(), version))) {
    OPENSSL_thread_stop();
    before_ = heap().live_bytes;
    heap().most_bytes = before_;
    server.emplace(for_server);
    client.emplace(for_client, PeerName{.server_name = "localhost"});
  }
  // What a thread keeps is no connection's.
  std::uint64_t now() const {
    OPENSSL_thread_stop();
    return heap().live_bytes - before_;
  }
  std::uint64_t most() const { return heap().most_bytes - before_; }

  TlsContext for_server, for_client;
  std::optional<End> server, client;

 private:
  std::uint64_t before_ = 0;
};

// The numbers of docs/embedding.md, with some room for another version of OpenSSL.
TEST_CASE("what OpenSSL holds for a connection is bounded, idle and at its worst") {
  warm_up();
  for (const TlsVersion version : kVersions) {
    Measured pair(version);
    exchange(*pair.client, *pair.server);
    const std::string data(kRecordBytes, 'd');
    pair.client->send(data);
    pair.server->send(data);
    exchange(*pair.client, *pair.server);
    const std::uint64_t most = pair.most(), both = pair.now();
    // A record of which the last octet is missing, on both sides.
    pair.client->send(data);
    pair.server->send(data);
    const std::string up = pair.client->take_output(), down = pair.server->take_output();
    pair.server->feed(bytes_of(std::string_view(up).substr(0, up.size() - 1)));
    pair.client->feed(bytes_of(std::string_view(down).substr(0, down.size() - 1)));
    const std::uint64_t torn = pair.now();
    pair.client.reset();
    const std::uint64_t server_torn = pair.now();
    pair.server->feed(bytes_of(std::string_view(up).substr(up.size() - 1)));
    const std::uint64_t server = pair.now();
    const std::uint64_t client = both - server;
    CHECK(server < 20000);
    CHECK(client < 24000);
    CHECK(server_torn < server + 20000);
    CHECK(torn - server_torn < client + 20000);
    CHECK(most < 160000);  // of two handshakes
  }
  Measured hello(TlsVersion::tls13);
  std::string message("\x01\x01\xff\xb8", 4);  // 131,000 octets
  message += std::string(130999, 'h');
  hello.client.reset();
  for (std::size_t at = 0; at < message.size(); at += kRecordBytes) {
    const std::string piece = message.substr(at, kRecordBytes);
    hello.server->feed(bytes_of(
        std::string{22, 3, 1, static_cast<char>(piece.size() >> 8), static_cast<char>(piece.size() & 0xff)} + piece));
  }
  CHECK(hello.server->failure() == TlsFailureKind::none);
  CHECK(hello.now() < 220000);
  CHECK(hello.most() < 340000);  // while it grows
}

TEST_CASE("what OpenSSL holds for a chain of certificates that is as long as can be is bounded, and so is the chain") {
  warm_up();
  const auto meet = [](int certificates) {
    std::string pem;
    for (int i = 0; i < certificates; ++i) pem += localhost().certificate_pem.view();
    TlsConfig config = server_config();
    config.credentials.certificate_pem = pem;
    TlsContext for_server = context(config), for_client = context(client_config());
    End server{for_server};
    const std::uint64_t before = heap().live_bytes;
    End client{for_client, {.server_name = "localhost"}};
    exchange(client, server);
    CHECK(heap().live_bytes - before < 900000);
    return client.channel.handshake_done();
  };
  CHECK(meet(180));
  CHECK_FALSE(meet(240));  // over 100 KiB
}

}  // namespace
}  // namespace tlsglue::test

int main(int argc, char** argv) {
  using namespace tlsglue::test;
  if (CRYPTO_set_mem_functions(&allocate, &reallocate, &release) != 1) return 2;
  return doctest::Context(argc, argv).run();
}
