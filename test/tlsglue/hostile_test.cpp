// A TLS peer that does what OpenSSL never would: every alert at every stage, floods of what brings no data, a handshake
// changed or torn at each byte. Our memory stays within its bound meanwhile.
#include <test/h2core/test_memory.h>

#include "forge.h"

namespace tlsglue::test {
namespace {

using h2::test::TestMemory;

// What a channel may hold of ours: less than 64 KiB of ciphertext and one record's worth that passed that mark, in
// blocks of which the first and the last may be partly empty, the plaintext of a record, and itself.
constexpr std::uint64_t kChannelBound = 120 * 1024;

constexpr Role other(Role role) { return role == Role::client ? Role::server : Role::client; }
constexpr Role kRoles[] = {Role::client, Role::server};

/// Our end and a forged peer, connected. Its memory is counted.
struct Victim {
  Victim(Role role, TlsVersion version) : forge(other(role), version), made(context_of(role)), end(made, name(role)) {
    exchange(end, forge.peer);
    REQUIRE(end.channel.handshake_done());
    end.send("the first record, behind which the channel makes its own");
    exchange(end, forge.peer);
    CHECK(made.counters().sealed == (version == TlsVersion::tls13 ? 1 : 0));
    end.outcomes.clear();
  }
  ~Victim() { CHECK(memory.most_bytes <= kChannelBound); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  void feed(const std::string& bytes) { end.feed(bytes_of(bytes)); }
  bool lives() {
    feed(forge.record(kDataRecord, "x"));
    return end.outcomes == std::vector{TlsStatus::plaintext} && end.failure() == TlsFailureKind::none;
  }

  TestMemory memory;
  Forge forge;
  TlsContext made;
  End end;

 private:
  TlsContext context_of(Role role) {
    TlsConfig config = role == Role::client ? client_config() : server_config();
    config.allocator = memory.allocator();
    return context(config);
  }
  static PeerName name(Role role) { return role == Role::client ? PeerName{.server_name = "localhost"} : PeerName{}; }
};

// RFC 8446 6 and RFC 5246 7.2 name these; 255 is nobody's.
constexpr std::uint8_t kAlerts[] = {0,  10, 20, 21, 22, 30, 40,  41,  42,  43,  44,  45,  46,  47,  48,  49,  50, 51,
                                    60, 70, 71, 80, 86, 90, 100, 109, 110, 111, 112, 113, 114, 115, 116, 120, 255};
constexpr std::uint8_t kWarning = 1, kFatal = 2, kCloseNotify = 0, kUserCanceled = 90, kNoRenegotiation = 100;

enum class Meaning : std::uint8_t { close, ignored, fatal, refused };

// TLS 1.3 ignores the level. In TLS 1.2 a warning is one, but that the peer will not renegotiate is no answer of ours.
Meaning meaning_of(TlsVersion version, std::uint8_t level, std::uint8_t description) {
  if (version == TlsVersion::tls13) {
    return description == kCloseNotify    ? Meaning::close
           : description == kUserCanceled ? Meaning::ignored
                                          : Meaning::fatal;
  }
  if (level == kFatal) return Meaning::fatal;
  if (description == kCloseNotify) return Meaning::close;
  return description == kNoRenegotiation ? Meaning::refused : Meaning::ignored;
}

void check_alert(Role role, TlsVersion version, std::uint8_t level, std::uint8_t description) {
  CAPTURE(description);
  CAPTURE(level);
  CAPTURE(role == Role::client);
  CAPTURE(version == TlsVersion::tls13);
  Victim victim(role, version);
  victim.feed(victim.forge.alert(level, description));
  switch (meaning_of(version, level, description)) {
    case Meaning::close: CHECK(victim.end.outcomes == std::vector{TlsStatus::close_notify}); break;
    case Meaning::ignored: CHECK(victim.lives()); break;
    case Meaning::refused: CHECK(victim.end.failure() == TlsFailureKind::alert_sent); break;
    case Meaning::fatal:
      CHECK(victim.end.outcomes == std::vector{TlsStatus::failed});
      CHECK(victim.end.failure() == TlsFailureKind::alert_received);
      CHECK(victim.end.channel.failure().alert == description);
  }
}

TEST_CASE("RFC 8446 6: each alert after the handshake is an end of its own, or none") {
  for (const Role role : kRoles) {
    for (const TlsVersion version : kVersions) {
      for (const std::uint8_t level : {kWarning, kFatal})
        for (const std::uint8_t description : kAlerts) check_alert(role, version, level, description);
    }
  }
}

TEST_CASE(
    "RFC 8446 6: an alert in clear ends a handshake that it comes into, at any stage and with any level but a "
    "warning") {
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  for (const Role role : kRoles) {
    for (const int stage : {0, 1}) {  // before the peer's first flight, or in its place a moment later
      for (const std::uint8_t level : {kWarning, kFatal}) {
        for (const std::uint8_t description : kAlerts) {
          CAPTURE(description);
          CAPTURE(level);
          CAPTURE(stage);
          CAPTURE(role == Role::client);
          End server{for_server}, client{for_client, {.server_name = "localhost"}};
          Cut whole;
          if (stage == 1) carry(client, server, whole);
          End& victim = role == Role::server ? server : client;
          const std::string alert{21, 3, 3, 0, 2, static_cast<char>(level), static_cast<char>(description)};
          victim.feed(bytes_of(alert));
          victim.eof();
          CHECK(victim.outcomes == std::vector{TlsStatus::failed});
          if (level != kFatal || description == kUserCanceled) continue;
          if (stage == 0 && role == Role::server) continue;  // a ClientHello comes first, says OpenSSL
          CHECK(victim.failure() == TlsFailureKind::alert_received);
          CHECK(victim.channel.failure().alert == description);
        }
      }
    }
  }
}

// So often, and the connection lives; once more, and it has ended as a flood.
void check_flood(Role role, TlsVersion version, const std::function<std::string(Forge&)>& make) {
  CAPTURE(role == Role::client);
  CAPTURE(version == TlsVersion::tls13);
  constexpr int kBound = 24;
  Victim victim(role, version);
  for (int i = 0; i < kBound; ++i) victim.feed(make(victim.forge));
  CHECK(victim.lives());
  for (int i = 0; i < kBound + 1; ++i) {
    CHECK(victim.end.failure() == TlsFailureKind::none);
    victim.feed(make(victim.forge));
  }
  CHECK(victim.end.failure() == TlsFailureKind::flood);
  CHECK(victim.made.counters().floods == 1);
  victim.end.send("what explains it");
}

TEST_CASE("records without data, KeyUpdates, tickets and pieces of a message are bounded where no data comes between") {
  const auto empty = [](Forge& forge) { return forge.record(kDataRecord, {}); };
  for (const Role role : kRoles) {
    for (const TlsVersion version : kVersions) check_flood(role, version, empty);
    for (const bool requested : {false, true})
      check_flood(role, TlsVersion::tls13, [&](Forge& forge) { return forge.key_update(requested); });
  }
  check_flood(Role::client, TlsVersion::tls13,
              [](Forge& forge) { return forge.record(kHandshakeRecord, Forge::ticket()); });
}

TEST_CASE("a message that claims 16,000 octets and comes one by one is a flood") {
  const auto trickle = [](Role role, TlsVersion version, char type) {
    Victim victim(role, version);
    victim.feed(victim.forge.record(kHandshakeRecord, type + std::string("\x00\x3e\x80", 3)));
    for (int i = 0; i < 24; ++i) victim.feed(victim.forge.record(kHandshakeRecord, "t"));
    return victim.end.failure();
  };
  CHECK(trickle(Role::client, TlsVersion::tls13, '\4') == TlsFailureKind::flood);  // NewSessionTicket
  CHECK(trickle(Role::server, TlsVersion::tls12, '\1') == TlsFailureKind::flood);  // ClientHello
}

TEST_CASE("one record full of tickets is a flood") {
  Victim victim(Role::client, TlsVersion::tls13);
  std::string tickets;
  while (tickets.size() < 16000) tickets += Forge::ticket();
  victim.feed(victim.forge.record(kHandshakeRecord, tickets));
  CHECK(victim.end.failure() == TlsFailureKind::flood);
}

TEST_CASE("KeyUpdates that ask for an answer get one each and no more") {
  Victim victim(Role::server, TlsVersion::tls13);
  for (int i = 0; i < 24; ++i) victim.feed(victim.forge.key_update(true));
  CHECK(victim.lives());
  CHECK(victim.end.channel.waiting_bytes() < 24 * 40);
}

TEST_CASE("warnings are bounded too, and what has no place behind the handshake is refused") {
  const auto ends = [](Role role, TlsVersion version, std::uint8_t type, const std::string& content) {
    Victim victim(role, version);
    for (int i = 0; i < 30; ++i) victim.feed(victim.forge.record(type, content));
    return victim.end.failure() != TlsFailureKind::none && victim.end.outcomes.size() == 1;
  };
  for (const Role role : kRoles) {
    CHECK(ends(role, TlsVersion::tls12, kAlertRecord, std::string{kWarning, kUserCanceled}));
    CHECK(ends(role, TlsVersion::tls13, kAlertRecord, std::string{kWarning, kUserCanceled}));
    for (const TlsVersion version : kVersions) {
      CHECK(ends(role, version, 20, "\1"));  // change_cipher_spec
      CHECK(ends(role, version, 24, "heartbeat"));
      CHECK(ends(role, version, kAlertRecord, "\1"));                               // half an alert
      CHECK(ends(role, version, kHandshakeRecord, std::string("\x14\0\0\0", 4)));   // Finished
      CHECK(ends(role, version, kHandshakeRecord, std::string("\x02\0\0\0", 4)));   // ServerHello
      CHECK(ends(role, version, kDataRecord, std::string(kRecordBytes + 1, 'x')));  // too long
    }
  }
}

TEST_CASE("under h2 a flood is told by GOAWAY(ENHANCE_YOUR_CALM)") {
  Forge forge(Role::client, TlsVersion::tls13,
              [](SSL_CTX* raw) { SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>("\x02h2"), 3); });
  TlsContext made = context(server_config());
  SecureConnection server(made, {.role = h2::Role::server});
  bool flood = false;
  const auto feed = [&](const std::string& bytes) {
    ByteView input = bytes_of(bytes);
    while (const auto event = server.receive(input)) {
      const auto* failed = std::get_if<TlsFailed>(&*event);
      flood = flood || (failed != nullptr && failed->failure.kind == TlsFailureKind::flood);
    }
  };
  const auto take = [&] {
    ByteView slice[1];
    while (server.poll_output(slice) == 1) {
      forge.peer.feed(slice[0]);
      server.consume_output(slice[0].size());
    }
  };
  for (int round = 0; round < 3; ++round) feed(forge.peer.take_output()), take();
  for (int i = 0; i < 25; ++i) feed(forge.record(kDataRecord, {}));
  CHECK(flood);
  take();
  const std::string code("\0\0\0\x0b", 4);
  CHECK(forge.peer.plaintext.find(code) != std::string::npos);
  CHECK(server.transport_wish() == h2::TransportWish::shut_down_write);
}

/// Both ends of a handshake, with what lies between them changed on its way.
struct Meddled {
  explicit Meddled(TlsVersion version)
      : for_server(context(only(server_config(), version))), for_client(context(only(client_config(), version))) {}
  // Carries all until nothing is left; `change` sees each flight, and whose it is.
  bool run(const std::function<void(Role from, std::string& flight)>& change) {
    End server{for_server}, client{for_client, {.server_name = "localhost"}};
    for (bool moved = true; moved;) {
      std::string up = client.take_output(), down;
      change(Role::client, up);
      server.feed(bytes_of(up));
      down = server.take_output();
      change(Role::server, down);
      client.feed(bytes_of(down));
      moved = !up.empty() || !down.empty();
    }
    server.eof();
    client.eof();
    // An end is told once, by whichever name.
    for (const End* end : {&server, &client}) CHECK(end->saw(TlsStatus::failed) != end->saw(TlsStatus::truncated));
    return server.failure() == TlsFailureKind::none && client.failure() == TlsFailureKind::none;
  }
  TlsContext for_server, for_client;
};

TEST_CASE("a handshake with any octet changed does not come about, the version of a record's header aside") {
  for (const TlsVersion version : kVersions) {
    Meddled handshake(version);
    for (const Role from : kRoles) {
      bool more = true;
      int harmless = 0;
      for (std::size_t at = 0; more; ++at) {
        std::size_t passed = 0;
        more = false;
        const bool done = handshake.run([&](Role sender, std::string& flight) {
          if (sender != from) return;
          if (at >= passed && at - passed < flight.size()) flight[at - passed] ^= '\x40', more = true;
          passed += flight.size();
        });
        harmless += done && more;
      }
      CHECK(harmless <= 2 * 3);  // two octets in each record that is not encrypted (RFC 8446 5.1)
    }
  }
}

TEST_CASE("a handshake torn at any octet comes about all the same") {
  for (const TlsVersion version : kVersions) {
    TlsContext for_server = context(only(server_config(), version)),
               for_client = context(only(client_config(), version));
    for (const Role torn : kRoles) {
      bool more = true;
      for (std::size_t at = 1; more; ++at) {
        End server{for_server}, client{for_client, {.server_name = "localhost"}};
        std::size_t passed = 0;
        more = false;
        const auto give = [&](End& from, End& to, bool tears) {
          const std::string flight = from.take_output();
          const bool here = tears && at > passed && at - passed < flight.size();
          const std::size_t first = here ? at - passed : 0;
          more = more || here;
          to.feed(bytes_of(std::string_view(flight).substr(0, first)));
          to.feed(bytes_of(std::string_view(flight).substr(first)));
          if (tears) passed += flight.size();
          return !flight.empty();
        };
        for (bool moved = true; moved;) {
          moved = give(client, server, torn == Role::client);
          moved = give(server, client, torn == Role::server) || moved;
        }
        if (!server.channel.handshake_done() || !client.channel.handshake_done()) FAIL_CHECK("torn at " << at);
      }
    }
  }
}

TEST_CASE("garbage in the place of any flight ends the handshake within our bound of memory") {
  std::minstd_rand random{23};
  for (int round = 0; round < 600; ++round) {
    TestMemory memory;
    TlsConfig config = round % 2 == 0 ? server_config() : client_config();
    config.allocator = memory.allocator();
    TlsContext ours = context(config), theirs = context(round % 2 == 0 ? client_config() : server_config());
    TlsContext& for_server = round % 2 == 0 ? ours : theirs;
    TlsContext& for_client = round % 2 == 0 ? theirs : ours;
    End server{for_server}, client{for_client, {.server_name = "localhost"}};
    Cut cut;
    for (int flight = 0; flight < round / 2 % 3; ++flight) {
      if (flight % 2 == 0) carry(client, server, cut);
      else carry(server, client, cut);
    }
    End& victim = round % 2 == 0 ? server : client;
    std::string garbage;
    const auto any = [&] { return static_cast<char>(random() & 0xff); };
    const char types[] = {20, 21, 22, 23, 24, any()};
    for (unsigned records = 1 + random() % 4; records > 0; --records) {
      const std::size_t bytes = random() % 3 == 0 ? random() % 18000 : random() % 40;
      garbage += std::string{types[random() % 6], 3, 3, static_cast<char>(bytes >> 8), static_cast<char>(bytes & 0xff)};
      for (std::size_t i = 0; i < bytes; ++i) garbage += any();
    }
    victim.feed(bytes_of(garbage));
    victim.eof();
    CHECK(victim.saw(TlsStatus::failed) != victim.saw(TlsStatus::truncated));
    if (!victim.channel.handshake_done()) CHECK(victim.outcomes == std::vector{TlsStatus::failed});
    CHECK(memory.most_bytes <= kChannelBound);
  }
}

TEST_CASE("a ClientHello as long as can be, and one that never ends, cost us no memory of ours") {
  TestMemory memory;
  TlsConfig config = server_config();
  config.allocator = memory.allocator();
  TlsContext made = context(config);
  for (const std::size_t claimed : {std::size_t{131000}, std::size_t{0xffffff}}) {
    End server{made};
    std::string message{1, static_cast<char>(claimed >> 16), static_cast<char>(claimed >> 8 & 0xff),
                        static_cast<char>(claimed & 0xff)};
    message += std::string(claimed == 131000 ? claimed : 60000, 'h');
    for (std::size_t at = 0; at < message.size(); at += kRecordBytes) {
      const std::string piece = message.substr(at, kRecordBytes);
      const std::string head{22, 3, 1, static_cast<char>(piece.size() >> 8), static_cast<char>(piece.size() & 0xff)};
      server.feed(bytes_of(head + piece));
    }
    server.eof();
    CHECK(server.failure() == TlsFailureKind::alert_sent);
    CHECK(memory.most_bytes < 40000);
  }
}

TEST_CASE("a channel that is idle holds itself and nothing else") {
  for (const Role role : kRoles) {
    Victim victim(role, TlsVersion::tls13);
    victim.feed(victim.forge.record(kDataRecord, "x"));
    victim.end.take_output();
    CHECK(victim.memory.live_bytes > kRecordBytes);
    CHECK(victim.memory.live_bytes < 40000);
    victim.end.channel.release_idle_memory();
    CHECK(victim.memory.live_bytes < 2500);  // its context's too
  }
}

TEST_CASE("a channel that nobody reads from, and one whose peer sends all it can, keep to our bound of memory") {
  for (const Role role : kRoles) {
    Victim victim(role, TlsVersion::tls13);
    const std::string block(kRecordBytes, 'b');
    ByteView slices[16];
    for (const std::size_t length : {kRecordBytes, std::size_t{16100}, std::size_t{9000}, std::size_t{700}}) {
      for (int round = 0; round < 50; ++round) {
        while (victim.end.channel.send_plaintext(bytes_of(block).first(length)) != 0) continue;
        victim.end.channel.poll_output(slices);
        victim.end.channel.consume_output(static_cast<std::size_t>(round) * 331);
      }
    }
    CHECK(victim.memory.most_bytes > 80000);
  }
}

}  // namespace
}  // namespace tlsglue::test
