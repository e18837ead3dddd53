// Records that the channel makes itself (detail/record_sealer.h), read by OpenSSL: every suite, length and way in
// pieces, new keys at any time; and the connections whose records stay OpenSSL's.
#include <test/h2core/test_memory.h>
#include <tlsglue/detail/ciphertext_queue.h>

#include "forge.h"

namespace tlsglue::test {
namespace {

using Tweak = std::function<void(SSL_CTX*)>;

constexpr Role other(Role role) { return role == Role::client ? Role::server : Role::client; }
constexpr Role kRoles[] = {Role::client, Role::server};
constexpr std::size_t kHeader = 5, kOverhead = 22;

/// Our end, connected to an OpenSSL peer of the other role.
struct Link {
  explicit Link(
      Role role, const Tweak& peers = [](SSL_CTX*) {}, const Tweak& ours = [](SSL_CTX*) {})
      : Link(role, peers, ours, role == Role::server ? server_config() : client_config()) {}
  Link(Role role, const Tweak& peers, const Tweak& ours, const TlsConfig& config)
      : made(context(config)), peer(other(role), peers) {
    ours(made.native());
    end.emplace(made, role == Role::client ? PeerName{.server_name = "localhost"} : PeerName{});
    exchange(*end, peer);
    REQUIRE(end->channel.handshake_done());
  }

  void say(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const std::size_t taken = end->channel.send_plaintext(bytes_of(text).subspan(sent));
      REQUIRE(taken > 0);
      sent += taken;
      heard_by_peer();
    }
    said += text;
  }
  void heard_by_peer() {
    const std::string wire = end->take_output();
    for (std::size_t at = 0; at < wire.size();) {
      const auto octet = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(wire[at + i]); };
      const std::size_t length = kHeader + (octet(3) << 8U | octet(4));
      records.push_back(length);
      at += length;
    }
    peer.feed(bytes_of(wire));
  }
  void both_hear() {
    exchange(*end, peer);
    CHECK(peer.plaintext == said);
  }
  bool is_ours() const { return made.counters().sealed == 1; }

  TlsContext made;
  RawPeer peer;
  std::optional<End> end;
  std::string said;
  std::vector<std::size_t> records;  // their lengths on the wire
};

Tweak suite(const char* name) {
  return [name](SSL_CTX* raw) { REQUIRE(SSL_CTX_set_ciphersuites(raw, name) == 1); };
}
void ask_for_new_keys(RawPeer& peer) {
  REQUIRE(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
  REQUIRE(SSL_do_handshake(peer.ssl) == 1);
}

std::string random_text(std::size_t size, std::minstd_rand& random) {
  std::string text(size, '\0');
  for (char& octet : text) octet = static_cast<char>(random() & 0xff);
  return text;
}

TEST_CASE("RFC 8446 5.2: OpenSSL reads what the channel seals, with every suite, of every length, in any pieces") {
  constexpr std::size_t kLengths[] = {0, 1, 9, 15, 16, 17, 300, 4095, 4096, 4097, 8191, 12000, 16375, 16384};
  for (const char* name : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    for (const Role role : kRoles) {
      CAPTURE(name);
      CAPTURE(role == Role::client);
      Link link(role, suite(name));
      std::minstd_rand random(5);
      for (int round = 0; round < 300; ++round) {
        std::vector<std::string> texts(random() % 6);
        for (std::string& text : texts) text = random_text(kLengths[random() % std::size(kLengths)], random);
        const std::vector<ByteView> pieces = [&] {
          std::vector<ByteView> views;
          for (const std::string& text : texts) views.push_back(bytes_of(text));
          return views;
        }();
        std::string whole;
        for (const std::string& text : texts) whole += text;
        const std::size_t sent = link.end->channel.send_plaintext(pieces);
        CHECK(sent == std::min(whole.size(), kRecordBytes));
        link.said += whole.substr(0, sent);
        if (random() % 3 == 0) link.heard_by_peer();
        if (!link.end->channel.can_send()) link.heard_by_peer();
      }
      link.both_hear();
      CHECK(link.is_ours());
    }
  }
}

TEST_CASE(
    "a record is as long as it may be where there is enough to say, behind the first two, which share the place") {
  for (const Role role : kRoles) {
    Link link(role);
    link.say(std::string(10 * kRecordBytes + 100, 'r'));
    REQUIRE(link.is_ours());
    REQUIRE(link.records.size() == 12);
    CHECK(link.records[0] + link.records[1] == kRecordBytes + 2 * kOverhead);
    for (std::size_t i = 2; i < 11; ++i) CHECK(link.records[i] == kRecordBytes + kOverhead);
    CHECK(link.records[11] == 100 + kOverhead);
    link.both_hear();
  }
}

TEST_CASE("RFC 8446 4.6.3: who asks for new keys gets them before the next data, which is sealed with them") {
  for (const char* name : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    for (const Role role : kRoles) {
      Link link(role, suite(name));
      link.say("the first record");
      REQUIRE(link.is_ours());
      for (int round = 0; round < 5; ++round) {
        for (int asked = 0; asked <= round; ++asked) ask_for_new_keys(link.peer);
        link.say("not read yet");
        const std::string asks = link.peer.take_output();
        link.end->feed(bytes_of(asks));
        link.records.clear();
        link.say("under new keys");
        CHECK(link.records.size() == static_cast<std::size_t>(round) + 2);  // an answer to each, and the text
        CHECK(link.records.front() == 5 + kOverhead);
        CHECK(link.records.back() == 14 + kOverhead);
        SSL_write(link.peer.ssl, "x", 1);
        link.both_hear();
      }
      CHECK(link.end->plaintext == std::string(5, 'x'));
      CHECK(link.end->failure() == TlsFailureKind::none);
    }
  }
}

TEST_CASE("RFC 8446 5.5: new keys come by themselves after as many records as the configuration says, at least one") {
  CHECK(TlsConfig{}.max_records_per_key == 1 << 24);
  for (const unsigned most : {0U, 1U, 3U}) {
    for (const Role role : kRoles) {
      TlsConfig config = role == Role::server ? server_config() : client_config();
      config.max_records_per_key = most;
      Link link(
          role, [](SSL_CTX*) {}, [](SSL_CTX*) {}, config);
      for (const char* word : {"first", "b", "c", "d", "e", "f", "g"}) link.say(word);
      REQUIRE(link.is_ours());
      link.both_hear();
      CHECK(std::count(link.records.begin(), link.records.end(), 1 + kOverhead) == 7);  // one of them of "first"
      // "first" is two records, and a server's two tickets count as well.
      const int changes = most < 3 ? 6 : 2;
      CHECK(std::count(link.records.begin(), link.records.end(), 5 + kOverhead) == changes);
    }
  }
}

TEST_CASE("new keys before the first record leave the records to OpenSSL") {
  for (const Role role : kRoles) {
    Link link(role);
    ask_for_new_keys(link.peer);
    link.both_hear();
    link.say("the first record");
    ask_for_new_keys(link.peer);
    link.both_hear();
    link.say("and another");
    link.both_hear();
    CHECK_FALSE(link.is_ours());
    CHECK(link.end->failure() == TlsFailureKind::none);
  }
}

TEST_CASE("RFC 8446 5.1: keys that are due wait while a message of the peer's is half there") {
  for (const Role role : kRoles) {
    for (const std::size_t part : {std::size_t{1}, std::size_t{3}, std::size_t{4}}) {
      CAPTURE(part);
      TlsConfig config = role == Role::server ? server_config() : client_config();
      config.max_records_per_key = 3;
      TlsContext made = context(config);
      End end{made, role == Role::client ? PeerName{.server_name = "localhost"} : PeerName{}};
      Forge forge(other(role), TlsVersion::tls13);
      exchange(end, forge.peer);
      end.send("first");
      REQUIRE(made.counters().sealed == 1);
      const std::string message = role == Role::client ? Forge::ticket() : std::string("\x18\0\0\1\0", 5);
      end.feed(bytes_of(forge.record(kHandshakeRecord, message.substr(0, part))));
      for (int i = 0; i < 8; ++i) end.send("y");
      end.feed(bytes_of(forge.record(kHandshakeRecord, message.substr(part))));
      end.send("z");
      const std::string wire = end.take_output();
      CHECK(wire.find(std::string("\x17\3\3\0\x16", 5)) != wire.npos);  // the KeyUpdate
      forge.peer.feed(bytes_of(wire));
      CHECK(forge.peer.plaintext == "firstyyyyyyyyz");
      CHECK(end.failure() == TlsFailureKind::none);
    }
  }
}

TEST_CASE("RFC 8446 5.1: the first words, said while a message of the peer's is half there, arrive once and whole") {
  for (const Role role : kRoles) {
    for (const std::size_t part : {std::size_t{1}, std::size_t{4}}) {
      CAPTURE(part);
      TlsContext made = context(role == Role::server ? server_config() : client_config());
      End end{made, role == Role::client ? PeerName{.server_name = "localhost"} : PeerName{}};
      Forge forge(other(role), TlsVersion::tls13);
      exchange(end, forge.peer);
      const std::string message = role == Role::client ? Forge::ticket() : std::string("\x18\0\0\1\0", 5);
      end.feed(bytes_of(forge.record(kHandshakeRecord, message.substr(0, part))));
      const std::string words = "the first words";
      std::size_t sent = end.channel.send_plaintext(bytes_of(words));
      end.feed(bytes_of(forge.record(kHandshakeRecord, message.substr(part))));
      if (sent < words.size()) sent += end.channel.send_plaintext(bytes_of(words).subspan(sent));
      CHECK(sent == words.size());
      end.send(" and more");
      forge.peer.feed(bytes_of(end.take_output()));
      CHECK(forge.peer.plaintext == "the first words and more");
      CHECK(end.failure() == TlsFailureKind::none);
    }
  }
}

TEST_CASE("a message of OpenSSL's that is longer than a record is said again whole") {
  TlsConfig config = client_config();
  config.credentials = credentials_of(localhost());
  TlsContext made = context(config);
  SSL_CTX_set_post_handshake_auth(made.native(), 1);
  X509* const leaf = SSL_CTX_get0_certificate(made.native());
  for (int i = 0; i < 100; ++i) REQUIRE(SSL_CTX_add1_chain_cert(made.native(), leaf) == 1);
  End client{made, {.server_name = "localhost"}};
  RawPeer server{Role::server, [](SSL_CTX* raw) { SSL_CTX_set_max_cert_list(raw, 1 << 20); }};
  exchange(client, server);
  client.send("first");
  exchange(client, server);
  REQUIRE(made.counters().sealed == 1);
  SSL_set_verify(server.ssl, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  REQUIRE(SSL_verify_client_post_handshake(server.ssl) == 1);
  SSL_do_handshake(server.ssl);
  exchange(client, server);
  CHECK(sk_X509_num(SSL_get_peer_cert_chain(server.ssl)) == 100);  // behind the leaf
  CHECK(client.failure() == TlsFailureKind::renegotiation);
}

TEST_CASE("close_notify and alerts of OpenSSL's arrive under the keys that the channel seals with") {
  for (const Role role : kRoles) {
    Link link(role);
    link.say("words");
    REQUIRE(link.is_ours());
    link.end->channel.send_close_notify();
    link.records.clear();
    link.heard_by_peer();
    CHECK(link.records == std::vector<std::size_t>{2 + kOverhead});
    CHECK(link.peer.plaintext == link.said);
    CHECK((SSL_get_shutdown(link.peer.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
    CHECK(link.end->channel.send_plaintext(bytes_of("late")) == 0);
    ask_for_new_keys(link.peer);
    link.end->feed(bytes_of(link.peer.take_output()));
    CHECK_FALSE(link.end->channel.has_output());

    Link torn(role);
    torn.say("words");
    for (int i = 0; i < 3; ++i) ask_for_new_keys(torn.peer);
    torn.end->feed(bytes_of(torn.peer.take_output()));
    torn.heard_by_peer();
    torn.end->feed(bytes_of(std::string("\x17\3\3\0\x20", 5) + std::string(32, 'g')));  // no record of anybody's
    CHECK(torn.end->failure() == TlsFailureKind::alert_sent);
    CHECK(torn.end->channel.failure().alert == SSL_AD_BAD_RECORD_MAC);
    torn.records.clear();
    const std::string wire = torn.end->take_output();
    CHECK(wire.size() == 2 + kOverhead);
    BIO_write(torn.peer.in, wire.data(), static_cast<int>(wire.size()));
    ERR_clear_error();
    char octet = 0;
    std::size_t bytes = 0;
    CHECK(SSL_read_ex(torn.peer.ssl, &octet, 1, &bytes) == 0);
    CHECK(ERR_GET_REASON(ERR_peek_error()) == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
  }
}

TEST_CASE("records stay OpenSSL's where a connection is not what the sealer can do, or OpenSSL was told otherwise") {
  struct Row {
    const char* what;
    Tweak peers, ours;
    bool for_servers = true;
  };
  const Tweak nothing = [](SSL_CTX*) {};
  const Row rows[] = {
      {"TLS 1.2", [](SSL_CTX* raw) { SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION); }, nothing},
      {"another suite", suite("TLS_AES_128_CCM_SHA256"), suite("TLS_AES_128_CCM_SHA256")},
      {"padded records", nothing, [](SSL_CTX* raw) { SSL_CTX_set_block_padding(raw, 64); }},
      {"records padded to what the first text fits", nothing, [](SSL_CTX* raw) { SSL_CTX_set_block_padding(raw, 6); }},
      {"the same with what a part of it fits", nothing, [](SSL_CTX* raw) { SSL_CTX_set_block_padding(raw, 2); }},
      {"a key log of the caller's", nothing,
       [](SSL_CTX* raw) { SSL_CTX_set_keylog_callback(raw, [](const SSL*, const char*) {}); }},
      {"shorter records asked for by the peer",
       [](SSL_CTX* raw) { SSL_CTX_set_tlsext_max_fragment_length(raw, TLSEXT_max_fragment_length_512); }, nothing},
      {"shorter records asked for by us", nothing,
       [](SSL_CTX* raw) { SSL_CTX_set_tlsext_max_fragment_length(raw, TLSEXT_max_fragment_length_512); }, false},
  };
  for (const Row& row : rows) {
    for (const Role role : kRoles) {
      const bool asks = std::string_view(row.what).substr(0, 7) == "shorter";
      if (asks && row.for_servers != (role == Role::server)) continue;
      CAPTURE(row.what);
      CAPTURE(role == Role::client);
      Link link(role, row.peers, row.ours);
      link.say("first");
      link.say(std::string(5000, 'l'));
      link.both_hear();
      CHECK_FALSE(link.is_ours());
      if (!asks) continue;
      CHECK(link.records.size() > 9);
      CHECK(*std::max_element(link.records.begin(), link.records.end()) <= 512 + kOverhead);
    }
  }
}

TEST_CASE("whatever blocks OpenSSL pads to, no first text makes us seal records without padding") {
  for (int block = 2; block <= 18; ++block) {
    TlsContext for_server = context(server_config());
    SSL_CTX_set_block_padding(for_server.native(), static_cast<std::size_t>(block));
    for (std::size_t length = 1; length <= 40; ++length) {
      End server{for_server};
      RawPeer client{Role::client, [](SSL_CTX*) {}};
      exchange(client, server);
      server.send(std::string(length, 'p'));
    }
    CHECK(for_server.counters().sealed == 0);
  }
}

TEST_CASE("a message callback of the caller's leaves the records to OpenSSL, so that its alerts leave") {
  const Tweak watched = [](SSL_CTX* raw) {
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_msg_callback(raw, [](int, int, int, const void*, std::size_t, SSL*, void*) {});
  };
  for (const Role role : kRoles) {
    Link link(
        role, [](SSL_CTX* raw) { SSL_CTX_set_num_tickets(raw, 0); }, watched);
    link.say("first");
    CHECK_FALSE(link.is_ours());
    link.end->channel.send_close_notify();
    link.both_hear();
    CHECK((SSL_get_shutdown(link.peer.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
  }
}

TEST_CASE("both ends of ours seal, on a resumed connection and behind a second ClientHello as well") {
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  REQUIRE(SSL_CTX_set1_groups_list(for_server.native(), "P-384") == 1);  // not the client's first guess
  TlsSession session;
  for (const bool resumes : {false, true}) {
    End server{for_server}, client{for_client, {.server_name = "localhost", .session = &session}};
    exchange(client, server);
    REQUIRE(client.channel.handshake_done());
    client.send("up");
    server.send("down");
    exchange(client, server);
    client.send("up again");
    server.send("down again");
    exchange(client, server);
    CHECK(server.plaintext == "upup again");
    CHECK(client.plaintext == "downdown again");
    CHECK(client.channel.record().resumed == resumes);
    client.channel.send_close_notify();
    server.channel.send_close_notify();
    exchange(client, server);
    if (!resumes) session = client.channel.take_session();
  }
  CHECK(for_server.counters().sealed == 2);
  CHECK(for_client.counters().sealed == 2);
}

TEST_CASE("without memory for a record nothing of it leaves, and the end is told") {
  h2::test::TestMemory memory;
  TlsConfig config = server_config();
  config.allocator = memory.allocator();
  TlsContext for_server = context(config), for_client = context(client_config());
  End server{for_server}, client{for_client, {.server_name = "localhost"}};
  exchange(client, server);
  server.send("words");
  exchange(client, server);
  REQUIRE(for_server.counters().sealed == 1);
  memory.fail_at = memory.calls;
  CHECK(server.channel.send_plaintext(bytes_of("more words")) == 0);
  CHECK(server.take_output().empty());
  CHECK_FALSE(server.channel.can_send());
  server.feed({});
  CHECK(server.failure() == TlsFailureKind::out_of_memory);
  server.channel.send_close_notify();
  CHECK(server.take_output().empty());
}

// As the channel does: in place where there is room, else aside and in two parts.
TEST_CASE("the queue gives room for a record in one piece, keeps slices where they are, and leaves little unused") {
  h2::test::TestMemory memory;
  std::minstd_rand random(3);
  for (const std::size_t most : std::initializer_list<std::size_t>{40, 700, 5000, 9000, 16000, 16406}) {
    CAPTURE(most);
    detail::CiphertextQueue queue(memory.allocator());
    std::string queued, taken;
    std::size_t in_place = 0;
    for (int round = 0; round < 2000; ++round) {
      const std::string record = random_text(1 + random() % most, random);
      if (std::byte* const room = queue.room(record.size())) {
        std::memcpy(room, record.data(), record.size());
        queue.take_room(record.size());
        ++in_place;
      } else {
        REQUIRE(queue.append(bytes_of(record)));
      }
      queued += record;
      CHECK(memory.live_bytes <= (queue.waiting() / 16389 + 2) * 16700);
      while (queue.waiting() > (random() % 4) * 20000) {
        ByteView slices[2];
        const std::size_t count = queue.poll(slices, 30000);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
          taken += text_of(slices[i]);
          bytes += slices[i].size();
        }
        queue.consume(bytes);
      }
    }
    CHECK(queued == taken + [&] {
      std::string rest;
      ByteView slices[8];
      const std::size_t count = queue.poll(slices, 1 << 20);
      for (std::size_t i = 0; i < count; ++i) rest += text_of(slices[i]);
      return rest;
    }());
    CHECK(in_place > 500);
  }
  CHECK(memory.live_bytes == 0);
}

}  // namespace
}  // namespace tlsglue::test
