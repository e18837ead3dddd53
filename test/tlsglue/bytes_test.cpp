// Ciphertext in every cut, ends told apart, output that fills, and bytes that are not TLS.
#include "harness.h"

namespace tlsglue::test {
namespace {

struct Sides {
  explicit Sides(TlsVersion version, Cut cut = {}, const TlsConfig& for_server = server_config())
      : server_context(context(only(for_server, version))),
        client_context(context(only(client_config(), version))),
        server(server_context),
        client(client_context, {.server_name = "localhost"}) {
    exchange(client, server, cut);
    REQUIRE(server.channel.handshake_done());
    REQUIRE(client.channel.handshake_done());
  }
  TlsContext server_context, client_context;
  End server, client;
};

TEST_CASE("any cut of the ciphertext gives the same plaintext and the same end") {
  const std::string long_text(100000, 'x');
  for (const TlsVersion version : kVersions) {
    for (const Cut& cut : all_cuts()) {
      Sides sides{version, cut};
      std::size_t sent = 0;
      while (sent < long_text.size()) {
        const std::size_t taken =
            sides.client.channel.send_plaintext(bytes_of(std::string_view{long_text}.substr(sent)));
        sent += taken;
        if (taken == 0) exchange(sides.client, sides.server, cut);
      }
      sides.server.send("short");
      sides.client.channel.send_close_notify();
      exchange(sides.client, sides.server, cut);
      CHECK(sides.server.plaintext == long_text);
      CHECK(sides.client.plaintext == "short");
      CHECK(sides.server.saw(TlsStatus::close_notify));
      CHECK(sides.server.saw(TlsStatus::handshake_done));
      sides.server.send("still open this way");
      sides.server.channel.send_close_notify();
      exchange(sides.client, sides.server, cut);
      CHECK(sides.client.plaintext == "shortstill open this way");
      CHECK(sides.client.saw(TlsStatus::close_notify));
      sides.client.eof();
      sides.server.eof();
      CHECK_FALSE(sides.client.saw(TlsStatus::truncated));
      CHECK(sides.server_context.counters().closed == 1);
      CHECK(sides.server_context.counters().truncated == 0);
    }
  }
}

TEST_CASE("EOF without close_notify is truncation, behind all plaintext that came") {
  for (const TlsVersion version : kVersions) {
    Sides sides{version};
    sides.client.send("all of this");
    std::string torn = sides.client.take_output();
    sides.client.send("not this");
    torn += sides.client.take_output().substr(0, 10);
    sides.server.feed(bytes_of(torn));
    sides.server.eof();
    CHECK(sides.server.plaintext == "all of this");
    CHECK(sides.server.saw(TlsStatus::truncated));
    CHECK(sides.server.outcomes.back() == TlsStatus::truncated);
    CHECK(sides.server_context.counters().truncated == 1);
    sides.server.feed({});
    CHECK(sides.server.saw(TlsStatus::truncated));
    sides.server.send("our way still works");
  }
}

TEST_CASE("EOF inside the handshake is a failure of the transport") {
  TlsContext server_context = context(server_config());
  End server{server_context};
  server.eof();
  CHECK(server.saw(TlsStatus::failed));
  CHECK(server.failure() == TlsFailureKind::truncated);
  CHECK(server.channel.failure().layer == TlsLayer::transport);
  CHECK(server_context.counters().alpn_undecided == 1);
  CHECK(server_context.counters().truncated == 0);
}

TEST_CASE("a record that was changed on its way ends the connection with alert 20, and nothing is sent after it") {
  for (const TlsVersion version : kVersions) {
    Sides sides{version};
    sides.client.send("secret");
    std::string wire = sides.client.take_output();
    wire[wire.size() - 3] = static_cast<char>(wire[wire.size() - 3] ^ 1);
    sides.server.feed(bytes_of(wire));
    CHECK(sides.server.failure() == TlsFailureKind::alert_sent);
    CHECK(sides.server.channel.failure().alert == 20);
    CHECK(sides.server.channel.failure().layer == TlsLayer::record);
    const std::string alert = sides.server.take_output();
    CHECK_FALSE(alert.empty());
    sides.server.channel.send_close_notify();
    CHECK_FALSE(sides.server.channel.has_output());
    CHECK(sides.server.channel.send_plaintext(bytes_of("x")) == 0);
    sides.client.feed(bytes_of(alert));
    CHECK(sides.client.failure() == TlsFailureKind::alert_received);
    CHECK(sides.client.channel.failure().alert == 20);
    sides.client.channel.send_close_notify();
    CHECK_FALSE(sides.client.channel.has_output());
    sides.server.feed(bytes_of("anything is swallowed now"));
    CHECK(sides.server.saw(TlsStatus::failed));
  }
}

TEST_CASE("the first bytes of another protocol are named, in any cut") {
  struct Case {
    std::string_view bytes, sentence;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "the peer sends an HTTP/1.x request without TLS on a TLS connection"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the peer speaks HTTP/2 without TLS on a TLS connection"},
      {"PROXY TCP4 1.2.3.4", "the peer sends a PROXY protocol header before TLS"},
      {"HTTP/1.1 400 Bad Request", "the peer answers with HTTP/1.x without TLS on a TLS connection"},
      {"SSH-2.0-OpenSSH", "the peer speaks SSH on a TLS connection"},
      {"GET", "the peer does not speak TLS"},
      {"\x80\x2e\x01\x00\x02", "the peer does not speak TLS"},
  };
  TlsContext server_context = context(server_config());
  std::uint64_t tried = 0;
  for (const Case& one : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
      CAPTURE(one.bytes);
      End server{server_context};
      for (std::size_t at = 0; at < one.bytes.size(); at += piece) server.feed(bytes_of(one.bytes.substr(at, piece)));
      server.eof();
      CHECK(server.failure() == TlsFailureKind::not_tls);
      CHECK(server.channel.failure().sentence == one.sentence);
      CHECK(server.outcomes == std::vector{TlsStatus::failed});
      ++tried;
    }
  }
  CHECK(server_context.counters().not_tls == tried);
  CHECK(server_context.counters().handshakes_failed == tried);
}

TEST_CASE("garbage never crashes, whatever it follows") {
  TlsContext server_context = context(server_config());
  TlsContext client_context = context(client_config());
  std::minstd_rand random{11};
  for (int round = 0; round < 400; ++round) {
    End server{server_context};
    End client{client_context, {.server_name = "localhost"}};
    std::string wire = client.take_output();
    if (round % 4 == 1) {
      server.feed(bytes_of(wire));
      client.feed(bytes_of(server.take_output()));
      wire = client.take_output();
      client.send("data");
      wire += client.take_output();
    }
    if (round % 4 == 2) wire = std::string("\x16\x03\x01", 3);
    const auto any = [&] { return static_cast<char>(random() & 0xff); };
    for (int change = 0; change < 1 + round % 3; ++change) wire[random() % wire.size()] = any();
    for (unsigned more = random() % 64; more != 0; --more) wire += any();
    Cut cut{1, 300};
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t piece = std::min(cut.next(), wire.size() - at);
      server.feed(bytes_of(std::string_view{wire}.substr(at, piece)));
      at += piece;
    }
    server.eof();
    CHECK(server.outcomes.size() < 10);
    server.take_output();
  }
}

TEST_CASE("output that nobody takes is bounded, and committed slices stay") {
  Sides sides{TlsVersion::tls13};
  const std::string block(kRecordBytes, 'a');
  std::size_t taken = 0;
  std::vector<std::pair<ByteView, std::string>> committed;
  while (const std::size_t sent = sides.server.channel.send_plaintext(bytes_of(block))) {
    taken += sent;
    ByteView slices[16];
    const std::size_t count = sides.server.channel.poll_output(slices);
    for (std::size_t i = 0; i < count; ++i) committed.emplace_back(slices[i], text_of(slices[i]));
  }
  CHECK(taken == 4 * kRecordBytes);
  CHECK_FALSE(sides.server.channel.can_send());
  CHECK(sides.server.channel.waiting_bytes() < kMaxWaitingCiphertext + kRecordBytes + 512);
  for (const auto& [slice, text] : committed) CHECK(text_of(slice) == text);

  // Nothing is read either: the answer to it could not be sent.
  sides.client.send("hello");
  const std::string wire = sides.client.take_output();
  sides.server.feed(bytes_of(wire));
  CHECK(sides.server.outcomes.back() == TlsStatus::output_full);
  CHECK(sides.server.left.size() == wire.size());
  CHECK(sides.server.plaintext.empty());

  ByteView one[1];
  REQUIRE(sides.server.channel.poll_output(one, 100) == 1);
  CHECK(one[0].size() == 100);
  exchange(sides.server, sides.client);
  CHECK(sides.client.plaintext.size() == taken);
  const std::vector<std::byte> left = sides.server.left;
  sides.server.feed(left);
  CHECK(sides.server.plaintext == "hello");
}

TEST_CASE("how much output may wait is the caller's to say, a record at least") {
  struct Row {
    std::size_t asked, records;
  };
  for (const Row& row : {Row{0, 1}, Row{kRecordBytes + 1, 1}, Row{112 * 1024, 7}}) {
    CAPTURE(row.asked);
    TlsConfig config = server_config();
    config.max_waiting_ciphertext = row.asked;
    Sides sides{TlsVersion::tls13, {}, config};
    const std::string block(kRecordBytes, 'a');
    std::size_t taken = 0;
    while (const std::size_t sent = sides.server.channel.send_plaintext(bytes_of(block))) taken += sent;
    CHECK(taken == row.records * kRecordBytes);
    CHECK(sides.server.channel.is_full());
    exchange(sides.server, sides.client);
    CHECK_FALSE(sides.server.channel.is_full());
    CHECK(sides.client.plaintext.size() == taken);
  }
}

TEST_CASE("a lost transport drops what waits and takes nothing more") {
  Sides sides{TlsVersion::tls13};
  sides.server.send("gone");
  sides.server.channel.transport_lost();
  CHECK_FALSE(sides.server.channel.has_output());
  CHECK(sides.server.channel.send_plaintext(bytes_of("x")) == 0);
  sides.server.channel.send_close_notify();
  CHECK_FALSE(sides.server.channel.has_output());
}

TEST_CASE("buffers given back while idle come again") {
  Sides sides{TlsVersion::tls13};
  for (int i = 0; i < 3; ++i) {
    sides.client.send("x");
    exchange(sides.client, sides.server);
    sides.client.channel.release_idle_memory();
    sides.server.channel.release_idle_memory();
  }
  CHECK(sides.server.plaintext == "xxx");
}

TEST_CASE("errors that others left in OpenSSL's queue do no harm") {
  Sides sides{TlsVersion::tls12};
  ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
  sides.client.send("fine");
  exchange(sides.client, sides.server);
  CHECK(sides.server.plaintext == "fine");
  ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
  sides.server.feed({});
  CHECK(sides.server.failure() == TlsFailureKind::none);
  ERR_clear_error();
}

}  // namespace
}  // namespace tlsglue::test
