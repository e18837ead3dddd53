// SecureConnection: HTTP/2 over TLS in memory, and everything that is not HTTP/2 handed through.
#include <h2core/frame.h>

#include "harness.h"

namespace tlsglue::test {
namespace {

using namespace std::chrono_literals;

/// A SecureConnection with the loop of a driver, and a log of what it said.
struct Driven {
  Driven(TlsContext& context, h2::Role role, std::string_view name = {}, const h2::Config& base = {})
      : connection(context, with_role(base, role), {.peer = {.server_name = name}}) {}

  static h2::Config with_role(h2::Config config, h2::Role role) {
    config.role = role;
    return config;
  }

  void feed(ByteView input) {
    stalled.clear();
    while (auto event = connection.receive(input)) {
      note(*event);
      if (on_event) on_event(*event);
    }
    stalled.assign(reinterpret_cast<const char*>(input.data()), input.size());
  }
  void eof() {
    connection.receive_eof();
    feed({});
  }
  std::string take_output() {
    std::string taken;
    ByteView slices[4];
    while (const std::size_t count = connection.poll_output(slices)) {
      for (std::size_t i = 0; i < count; ++i) taken += text_of(slices[i]);
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < count; ++i) bytes += slices[i].size();
      connection.consume_output(bytes);
      feed({});
    }
    CHECK_FALSE(connection.has_output());
    return taken;
  }

  void note(const Event& event) {
    if (const auto* done = std::get_if<HandshakeDone>(&event)) handshake = *done;
    if (const auto* text = std::get_if<PlaintextReceived>(&event)) plaintext += text_of(text->data);
    if (const auto* failed = std::get_if<TlsFailed>(&event)) failures.push_back(failed->failure);
    if (const auto* closed = std::get_if<PeerClosed>(&event)) closes.push_back(closed->kind);
    const auto* inner = std::get_if<h2::Event>(&event);
    if (inner == nullptr) return;
    if (const auto* request = std::get_if<h2::RequestReceived>(inner)) {
      paths.emplace_back(request->path);
      last_stream = request->stream;
    }
    if (const auto* response = std::get_if<h2::ResponseReceived>(inner)) statuses.push_back(response->status);
    if (const auto* data = std::get_if<h2::DataReceived>(inner)) {
      body += text_of(data->data);
      connection.http2().consume(data->stream, data->data.size());
    }
    if (const auto* sent = std::get_if<h2::DataSent>(inner)) returned.push_back(sent->token.value);
    if (const auto* closed = std::get_if<h2::StreamClosed>(inner)) verdicts.push_back(closed->verdict);
    if (const auto* failed = std::get_if<h2::ConnectionFailed>(inner)) violations.push_back(failed->violation);
    if (const auto* goaway = std::get_if<h2::GoawayReceived>(inner)) goaways.push_back(goaway->code);
  }

  SecureConnection connection;
  std::function<void(const Event&)> on_event;
  std::optional<HandshakeDone> handshake;
  std::string plaintext, body, stalled;
  std::vector<std::string> paths;
  std::vector<std::uint16_t> statuses;
  std::vector<std::uint64_t> returned;
  std::vector<TlsFailure> failures;
  std::vector<CloseKind> closes;
  std::vector<h2::Verdict> verdicts;
  std::vector<h2::Violation> violations;
  std::vector<h2::ErrorCode> goaways;
  h2::StreamId last_stream;
};

h2::StreamId get(Driven& client, std::string_view path) {
  auto sent = client.connection.http2().send_request(
      {.method = "GET", .scheme = "https", .authority = "localhost", .path = path, .fields = {}, .protocol = {}},
      h2::EndStream::yes);
  REQUIRE(sent.has_value());
  return *sent;
}

/// Answers every request with `body`, lent.
void serve(Driven& server, const std::string& body) {
  server.on_event = [&server, &body](const Event& event) {
    const auto* inner = std::get_if<h2::Event>(&event);
    const auto* request = inner != nullptr ? std::get_if<h2::RequestReceived>(inner) : nullptr;
    if (request == nullptr) return;
    h2::Connection& http2 = server.connection.http2();
    REQUIRE(http2.send_response(request->stream, 200, {}, h2::EndStream::no).has_value());
    REQUIRE(http2.send_data(request->stream, bytes_of(body), h2::Token{request->stream.value}, h2::EndStream::yes)
                .has_value());
  };
}

struct Sides {
  explicit Sides(const TlsConfig& for_server = server_config(), const TlsConfig& for_client = client_config())
      : server_context(context(for_server)),
        client_context(context(for_client)),
        server(server_context, h2::Role::server),
        client(client_context, h2::Role::client, "localhost") {}
  TlsContext server_context, client_context;
  Driven server, client;
};

TEST_CASE("a request made before the handshake is answered over TLS, in any cut") {
  const std::string body(200000, 'b');
  for (const TlsVersion version : kVersions) {
    for (const Cut& cut : all_cuts()) {
      Sides sides{only(server_config(), version), only(client_config(), version)};
      serve(sides.server, body);
      get(sides.client, "/one");
      get(sides.client, "/two");
      exchange(sides.client, sides.server, cut);
      REQUIRE(sides.client.handshake.has_value());
      CHECK(sides.client.handshake->protocol == Protocol::h2);
      CHECK(sides.server.handshake->alpn == AlpnOutcome::h2);
      CHECK(sides.server.paths == std::vector<std::string>{"/one", "/two"});
      CHECK(sides.client.statuses == std::vector<std::uint16_t>{200, 200});
      CHECK(sides.client.body.size() == 2 * body.size());
      CHECK(sides.server.returned.size() == 2);
      CHECK(sides.client.verdicts == std::vector{h2::Verdict::processed, h2::Verdict::processed});
    }
  }
}

TEST_CASE("a shutdown sends GOAWAY, then close_notify, and then wants the transport closed") {
  Sides sides;
  const std::string body = "x";
  serve(sides.server, body);
  get(sides.client, "/");
  exchange(sides.client, sides.server);
  sides.server.connection.http2().shutdown(h2::Shutdown::immediate);
  exchange(sides.client, sides.server);
  CHECK(sides.client.goaways == std::vector{h2::ErrorCode::no_error});
  CHECK(sides.client.closes == std::vector{CloseKind::clean});
  CHECK(sides.server.connection.transport_wish() != h2::TransportWish::open);
  CHECK(sides.client.connection.transport_wish() != h2::TransportWish::open);
  sides.client.eof();
  sides.server.eof();
  CHECK(sides.client.closes.size() == 1);
  CHECK(sides.server.connection.transport_wish() == h2::TransportWish::close);
  CHECK(sides.client.failures.empty());
  CHECK(sides.server.failures.empty());
}

TEST_CASE("EOF without close_notify under h2 is told, and the streams hear of it") {
  Sides sides;
  get(sides.client, "/");
  exchange(sides.client, sides.server);
  REQUIRE(sides.server.paths.size() == 1);
  sides.client.eof();
  CHECK(sides.client.closes == std::vector{CloseKind::truncated});
  CHECK(sides.client.verdicts == std::vector{h2::Verdict::maybe_processed});
  CHECK(sides.client_context.counters().truncated == 1);
}

TEST_CASE(
    "where http/1.1 is chosen, plaintext is handed through both ways, with back-pressure and both ends' close_notify "
    "[7301-3.2d]") {
  constexpr std::string_view kHttp11Only[] = {kHttp11};
  TlsConfig old = client_config();
  old.alpn = {kHttp11Only};
  Sides sides{server_config(), old};
  exchange(sides.client, sides.server);
  CHECK(sides.client.handshake->protocol == Protocol::http11);
  CHECK(sides.server.handshake->protocol == Protocol::http11);
  const std::string_view request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
  CHECK(sides.client.connection.send_plaintext(bytes_of(request)) == request.size());
  exchange(sides.client, sides.server);
  CHECK(sides.server.plaintext == request);

  const std::string response(300000, 'r');
  std::size_t sent = 0;
  while (sent < response.size()) {
    const std::size_t taken = sides.server.connection.send_plaintext(bytes_of(std::string_view{response}.substr(sent)));
    CHECK(taken <= kMaxWaitingCiphertext + kRecordBytes);
    sent += taken;
    if (sent < response.size()) CHECK(sides.server.connection.send_plaintext(bytes_of("x")) == 0);
    if (sent < response.size()) exchange(sides.server, sides.client);
    if (taken == 0) break;
  }
  sides.server.connection.close();
  CHECK(sides.server.connection.send_plaintext(bytes_of("x")) == 0);
  exchange(sides.server, sides.client);
  CHECK(sides.client.plaintext.size() == response.size());
  CHECK(sides.client.closes == std::vector{CloseKind::clean});
  CHECK(sides.server.connection.transport_wish() == h2::TransportWish::shut_down_write);
  CHECK_FALSE(sides.server.connection.deadline().has_value());
  sides.client.connection.close();
  exchange(sides.server, sides.client);
  CHECK(sides.client.connection.transport_wish() == h2::TransportWish::close);
  CHECK(sides.server.connection.transport_wish() == h2::TransportWish::close);
  CHECK(sides.server.violations.empty());
  CHECK(sides.client.violations.empty());
}

TEST_CASE("requests that a client queued for h2 end as never sent when http/1.1 is chosen [7301-3.2c]") {
  constexpr std::string_view kHttp11ThenH2[] = {kHttp11, kH2};
  TlsConfig old = server_config();
  old.alpn = {kHttp11ThenH2};
  Sides sides{old, client_config()};
  get(sides.client, "/");
  exchange(sides.client, sides.server);
  CHECK(sides.client.handshake->protocol == Protocol::http11);
  CHECK(sides.client.verdicts == std::vector{h2::Verdict::never_sent});
  CHECK(sides.server.plaintext.empty());
}

TEST_CASE("a strict client that does not get h2 fails before it writes a byte of a request [9113-3.3a] [7838-2.4c]") {
  TlsConfig strict = client_config();
  strict.alpn = AlpnPolicy::h2_only();
  TlsContext client_context = context(strict);
  Driven client{client_context, h2::Role::client, "localhost"};
  get(client, "/secret");
  RawPeer server{Role::server, [](SSL_CTX*) {}};
  exchange(client, server);
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].kind == TlsFailureKind::alpn_refused);
  CHECK_FALSE(client.handshake.has_value());
  CHECK(client.verdicts == std::vector{h2::Verdict::never_sent});
  CHECK(server.plaintext.empty());
  CHECK(SSL_get_shutdown(server.ssl) == SSL_RECEIVED_SHUTDOWN);
  CHECK(client.connection.transport_wish() == h2::TransportWish::shut_down_write);
  client.eof();
  CHECK(client.connection.transport_wish() == h2::TransportWish::close);
}

TEST_CASE("the alert of a failed handshake is in the output, and the wish is to end") {
  constexpr std::string_view kHttp11Only[] = {kHttp11};
  TlsConfig strict = server_config();
  strict.alpn = AlpnPolicy::h2_only();
  TlsConfig old = client_config();
  old.alpn = {kHttp11Only};
  Sides sides{strict, old};
  exchange(sides.client, sides.server);
  REQUIRE(sides.server.failures.size() == 1);
  CHECK(sides.server.failures[0].alert == 120);
  REQUIRE(sides.client.failures.size() == 1);
  CHECK(sides.client.failures[0].alert == 120);
  CHECK(sides.client.connection.record().alpn == AlpnOutcome::no_overlap);
  CHECK(sides.server.connection.transport_wish() == h2::TransportWish::shut_down_write);
}

TEST_CASE(
    "an HTTP/2 preface where http/1.1 was agreed is named, in any cut; what only begins like one is delivered "
    "[7301-3.2c]") {
  const auto send = [](std::string_view text, std::size_t piece) {
    constexpr std::string_view kHttp11Only[] = {kHttp11};
    TlsConfig old = client_config();
    old.alpn = {kHttp11Only};
    Sides sides{server_config(), old};
    exchange(sides.client, sides.server);
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const std::string_view part = text.substr(at, piece);
      REQUIRE(sides.client.connection.send_plaintext(bytes_of(part)) == part.size());
      exchange(sides.client, sides.server);
    }
    sides.client.connection.close();
    exchange(sides.client, sides.server);
    return std::pair{sides.server.plaintext,
                     sides.server.failures.empty() ? TlsFailureKind::none : sides.server.failures[0].kind};
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{100}}) {
    CHECK(send(h2::kClientPreface, piece) == std::pair{std::string{}, TlsFailureKind::wrong_protocol});
    for (const std::string_view honest :
         {"PRI /x HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "PRI * HT"}) {
      CHECK(send(honest, piece) == std::pair{std::string{honest}, TlsFailureKind::none});
    }
  }
}

TEST_CASE("an HTTP/1.1 request where h2 was agreed is named by h2 [7301-3.2c]") {
  TlsContext server_context = context(server_config());
  TlsContext client_context = context(client_config());
  Driven server{server_context, h2::Role::server};
  End client{client_context, {.server_name = "localhost"}};
  exchange(client, server);
  client.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  exchange(client, server);
  REQUIRE(server.violations.size() == 1);
  CHECK(h2::describe(server.violations[0]).sentence.find("HTTP/1") != std::string_view::npos);
  CHECK(client.saw(TlsStatus::close_notify));  // behind the GOAWAY
}

// Chooses h2 whatever is offered.
void always_h2(SSL_CTX* raw) {
  SSL_CTX_set_alpn_select_cb(
      raw,
      [](SSL*, const unsigned char** out, unsigned char* bytes, const unsigned char*, unsigned, void*) {
        *out = reinterpret_cast<const unsigned char*>("h2");
        *bytes = 2;
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
}

TEST_CASE("RFC 9113 9.2.1: an attempt to renegotiate ends the connection with PROTOCOL_ERROR [9113-9.2.1c]") {
  TlsContext client_context = context(client_config());
  Driven client{client_context, h2::Role::client, "localhost"};
  RawPeer server{Role::server, [](SSL_CTX* raw) {
                   SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
                   always_h2(raw);
                 }};
  get(client, "/");
  exchange(client, server);
  REQUIRE(client.handshake.has_value());
  server.plaintext.clear();
  SSL_renegotiate(server.ssl);
  SSL_do_handshake(server.ssl);
  client.feed(bytes_of(server.take_output()));
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].kind == TlsFailureKind::renegotiation);
  CHECK(client.verdicts.size() == 1);
  CHECK(client.connection.has_output());
  client.take_output();
  CHECK(client.connection.transport_wish() == h2::TransportWish::shut_down_write);
  CHECK(client.connection.http2().counters().frames_sent >= 4);  // SETTINGS, HEADERS, ACK or not, GOAWAY
  client.eof();
  CHECK(client.connection.transport_wish() == h2::TransportWish::close);
}

void offer_h2(SSL_CTX* raw) { SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>("\x02h2"), 3); }

/// Sees the GOAWAY that goes out, and its code.
struct GoawayWatch {
  std::vector<h2::ErrorCode> codes;
  h2::Config config() {
    h2::Config config;
    config.observer = {this, [](void* context, const h2::FrameNote& note) noexcept {
                         if (note.direction != h2::Direction::sent || note.header.type != h2::FrameType::goaway) return;
                         const auto code = static_cast<h2::ErrorCode>(h2::read_u32(note.payload.data() + 4));
                         static_cast<GoawayWatch*>(context)->codes.push_back(code);
                       }};
    return config;
  }
};

TEST_CASE(
    "RFC 9113 9.2.1 and 9.2.3: renegotiation, and a request for a certificate after the handshake, are told by "
    "GOAWAY(PROTOCOL_ERROR) [9113-9.2.1c] [9113-9.2.3b]") {
  const auto tls12 = [](SSL_CTX* raw) { SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION); };
  const auto ends = [](Driven& driven, RawPeer& peer, GoawayWatch& watch) {
    SSL_do_handshake(peer.ssl);
    driven.feed(bytes_of(peer.take_output()));
    driven.take_output();
    REQUIRE(driven.failures.size() == 1);
    CHECK(driven.failures[0].kind == TlsFailureKind::renegotiation);
    CHECK(watch.codes == std::vector{h2::ErrorCode::protocol_error});
    CHECK(driven.connection.transport_wish() == h2::TransportWish::shut_down_write);
  };
  SUBCASE("a server renegotiates") {
    GoawayWatch watch;
    TlsContext client_context = context(client_config());
    Driven client{client_context, h2::Role::client, "localhost", watch.config()};
    RawPeer server{Role::server, [&](SSL_CTX* raw) { tls12(raw), always_h2(raw); }};
    exchange(client, server);
    REQUIRE(client.handshake.has_value());
    SSL_renegotiate(server.ssl);
    ends(client, server, watch);
  }
  SUBCASE("a client renegotiates") {
    GoawayWatch watch;
    TlsContext server_context = context(server_config());
    Driven server{server_context, h2::Role::server, {}, watch.config()};
    RawPeer client{Role::client, [&](SSL_CTX* raw) { tls12(raw), offer_h2(raw); }};
    exchange(client, server);
    REQUIRE(server.handshake.has_value());
    SSL_renegotiate(client.ssl);
    ends(server, client, watch);
  }
  SUBCASE("a server asks for a certificate") {
    GoawayWatch watch;
    TlsContext client_context = context(client_config());
    SSL_CTX_set_post_handshake_auth(client_context.native(), 1);  // or no honest server could ask
    Driven client{client_context, h2::Role::client, "localhost", watch.config()};
    RawPeer server{Role::server, always_h2};
    exchange(client, server);
    REQUIRE(client.handshake.has_value());
    SSL_set_verify(server.ssl, SSL_VERIFY_PEER, nullptr);
    REQUIRE(SSL_verify_client_post_handshake(server.ssl) == 1);
    ends(client, server, watch);
  }
}

TEST_CASE("RFC 9113 3.2: after the handshake each side begins with its preface [9113-3.2b]") {
  for (const TlsVersion version : kVersions) {
    TlsContext client_context = context(only(client_config(), version));
    Driven our_client{client_context, h2::Role::client, "localhost"};
    RawPeer server{Role::server, always_h2};
    exchange(our_client, server);
    REQUIRE(server.plaintext.size() >= 24 + 9);
    CHECK(server.plaintext.substr(0, 24) == h2::kClientPreface);
    CHECK(server.plaintext.substr(24 + 3, 6) == std::string("\x04\0\0\0\0\0", 6));  // SETTINGS, no flag, stream 0

    TlsContext server_context = context(only(server_config(), version));
    Driven our_server{server_context, h2::Role::server};
    RawPeer client{Role::client, offer_h2};
    exchange(client, our_server);
    REQUIRE(client.plaintext.size() >= 9);
    CHECK(client.plaintext.substr(3, 6) == std::string("\x04\0\0\0\0\0", 6));
  }
}

TEST_CASE("RFC 9113 9.2.3: a server asks for a certificate in the handshake or not at all [9113-9.2.3a]") {
  struct Messages {
    int requests = 0, requests_after = 0, tickets = 0;
  };
  for (const Verify verify : {Verify::by_role, Verify::on}) {
    TlsConfig config = only(server_config(), TlsVersion::tls13);
    config.verify = verify;
    config.ca_pem = localhost().certificate_pem.view();
    TlsContext server_context = context(config);
    Driven server{server_context, h2::Role::server};
    Messages seen;
    RawPeer client{Role::client, [&](SSL_CTX* raw) {
                     offer_h2(raw);
                     SSL_CTX_set_post_handshake_auth(raw, 1);
                     use_localhost(raw);
                     SSL_CTX_set_msg_callback_arg(raw, &seen);
                     SSL_CTX_set_msg_callback(raw, [](int written, int, int type, const void* bytes, std::size_t length,
                                                      SSL* ssl, void* context) {
                       if (written != 0 || type != SSL3_RT_HANDSHAKE || length == 0) return;
                       auto& messages = *static_cast<Messages*>(context);
                       const auto kind = *static_cast<const unsigned char*>(bytes);
                       messages.tickets += kind == SSL3_MT_NEWSESSION_TICKET;
                       messages.requests += kind == SSL3_MT_CERTIFICATE_REQUEST;
                       messages.requests_after += kind == SSL3_MT_CERTIFICATE_REQUEST && SSL_is_init_finished(ssl) != 0;
                     });
                   }};
    exchange(client, server);
    REQUIRE(server.handshake.has_value());
    SSL_write(client.ssl, h2::kClientPreface.data(), 24);
    SSL_write(client.ssl, "\0\0\0\x04\0\0\0\0\0", 9);
    exchange(client, server);
    CHECK(server.failures.empty());
    CHECK(seen.tickets > 0);  // messages after the handshake are seen
    CHECK(seen.requests == (verify == Verify::on ? 1 : 0));
    CHECK(seen.requests_after == 0);
  }
}

TEST_CASE(
    "RFC 9113 9.2.2: h2 over a prohibited suite ends with GOAWAY(INADEQUATE_SECURITY), then close_notify, and no "
    "request") {
  constexpr const char* kProhibited = "ECDHE-ECDSA-AES128-SHA";
  TlsContext client_context = context(client_config());
  SSL_CTX_set_cipher_list(client_context.native(),
                          kProhibited);  // against the contract, so that the second check is seen
  Driven client{client_context, h2::Role::client, "localhost"};
  RawPeer server{Role::server, [](SSL_CTX* raw) {
                   always_h2(raw);
                   SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
                   SSL_CTX_set_cipher_list(raw, kProhibited);
                 }};
  get(client, "/");
  exchange(client, server);
  REQUIRE(client.failures.size() == 1);
  CHECK(client.failures[0].kind == TlsFailureKind::inadequate_security);
  const std::string goaway_code{"\0\0\0\x0c", 4};
  CHECK(server.plaintext.size() == 24 + 9 + 17);  // the request stays here
  CHECK(server.plaintext.substr(server.plaintext.size() - 4) == goaway_code);
  CHECK(client.verdicts == std::vector{h2::Verdict::never_sent});
  CHECK(SSL_get_shutdown(server.ssl) == SSL_RECEIVED_SHUTDOWN);
  client.eof();
  CHECK(client.connection.transport_wish() == h2::TransportWish::close);
}

TEST_CASE("the handshake has a deadline, and h2's timers start behind it") {
  TlsContext server_context = context(server_config());
  Driven server{server_context, h2::Role::server};
  const h2::TimePoint start{1000s};
  CHECK_FALSE(server.connection.deadline().has_value());
  server.connection.advance_time(start);
  CHECK(server.connection.deadline() == start + 10s);
  server.connection.advance_time(start + 9s);
  CHECK_FALSE(server.connection.has_event());
  server.connection.advance_time(start + 10s);
  CHECK(server.connection.has_event());
  server.feed({});
  REQUIRE(server.failures.size() == 1);
  CHECK(server.failures[0].kind == TlsFailureKind::timed_out);
  CHECK(server.connection.transport_wish() == h2::TransportWish::shut_down_write);
  server.connection.advance_time(*server.connection.deadline());
  CHECK(server.connection.transport_wish() == h2::TransportWish::close);
  CHECK_FALSE(server.connection.deadline().has_value());
}

TEST_CASE("a handshake may take for ever") {
  TlsContext server_context = context(server_config());
  SecureConnection server{server_context, {.role = h2::Role::server}, {.handshake_timeout = h2::Duration::max()}};
  const h2::TimePoint start{1000s};
  server.advance_time(start);
  CHECK_FALSE(server.deadline().has_value());
  server.advance_time(start + 1h);
  CHECK_FALSE(server.has_event());
}

TEST_CASE("ciphertext that the transport does not take ends the connection after Config::output_timeout") {
  h2::Config patient;
  patient.output_timeout = 5s;
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  Driven server{for_server, h2::Role::server, {}, patient};
  Driven client{for_client, h2::Role::client, "localhost"};
  const std::string body(1000, 'b');
  serve(server, body);
  h2::TimePoint now{1000s};
  server.connection.advance_time(now);
  exchange(client, server);
  get(client, "/");
  Cut whole;
  carry(client, server, whole);
  ByteView slice[1];
  REQUIRE(server.connection.poll_output(slice) == 1);
  CHECK_FALSE(server.connection.http2().has_output());
  server.connection.advance_time(now += 4s);
  server.connection.consume_output(1);  // it moves, so the time begins anew
  CHECK(server.connection.deadline() == now + 5s);
  server.connection.advance_time(now += 4s);
  CHECK(server.failures.empty());
  server.connection.advance_time(now += 1s);
  server.feed({});
  REQUIRE(server.failures.size() == 1);
  CHECK(server.failures[0].kind == TlsFailureKind::timed_out);
  CHECK(server.failures[0].layer == TlsLayer::transport);
  CHECK(server.verdicts.size() == 1);
  CHECK(server.returned.size() == 1);
  server.connection.advance_time(*server.connection.deadline());
  CHECK(server.connection.transport_wish() == h2::TransportWish::close);
}

TEST_CASE("once h2 has ended, ciphertext that nobody takes keeps the connection for five seconds and no longer") {
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  Driven server{for_server, h2::Role::server};
  Driven client{for_client, h2::Role::client, "localhost"};
  h2::TimePoint now{1000s};
  server.connection.advance_time(now);
  exchange(client, server);
  get(client, "/");
  server.feed(bytes_of(client.take_output()));
  server.connection.http2().shutdown(h2::Shutdown::immediate);
  ByteView slice[1];
  REQUIRE(server.connection.poll_output(slice) == 1);
  server.feed({});
  CHECK_FALSE(server.connection.http2().has_output());
  server.connection.advance_time(now += 4s);
  server.connection.consume_output(1);  // it moves, so the time begins anew
  server.connection.advance_time(now += 4s);
  CHECK(server.failures.empty());
  CHECK(server.connection.transport_wish() == h2::TransportWish::open);
  server.connection.advance_time(now += 1s);
  server.feed({});
  REQUIRE(server.failures.size() == 1);
  CHECK(server.failures[0].kind == TlsFailureKind::timed_out);
  REQUIRE(server.connection.deadline().has_value());
  server.connection.advance_time(*server.connection.deadline());
  CHECK(server.connection.transport_wish() == h2::TransportWish::close);
}

TEST_CASE("content that is not read while ciphertext waits is not counted as too slow, however its caller waits") {
  enum class Waits { giving_input, giving_nothing, for_time };
  for (const Waits how : {Waits::giving_input, Waits::giving_nothing, Waits::for_time}) {
    h2::Config strict, wide;
    strict.min_content_rate = 100;
    wide.settings.initial_window_size = wide.connection_window = 1 << 20;
    TlsContext for_server = context(server_config()), for_client = context(client_config());
    Driven server{for_server, h2::Role::server, {}, strict};
    Driven client{for_client, h2::Role::client, "localhost", wide};
    const std::string answer(200'000, 'a'), piece(150, 'p');
    serve(server, answer);
    h2::TimePoint now{1000s};
    server.connection.advance_time(now);
    exchange(client, server);
    const auto upload = client.connection.http2().send_request(
        {.method = "POST", .scheme = "https", .authority = "localhost", .path = "/", .fields = {}, .protocol = {}},
        h2::EndStream::no);
    REQUIRE(upload.has_value());
    server.feed(bytes_of(client.take_output()));
    ByteView slices[16];
    REQUIRE(server.connection.poll_output(slices) > 0);
    std::string unread;
    for (int i = 0; i < 60; ++i) {
      REQUIRE(client.connection.http2().send_copy(*upload, bytes_of(piece), h2::EndStream::no).value() == piece.size());
      unread += client.take_output();
      server.connection.advance_time(now += 1s);
      if (how == Waits::giving_input || i == 0) {
        server.feed(bytes_of(unread));
        REQUIRE(server.stalled == unread);
      } else if (how == Waits::giving_nothing || server.connection.has_event()) {
        server.feed({});
      }
    }
    CHECK(server.verdicts.empty());
    client.feed(bytes_of(server.take_output()));
    server.feed(bytes_of(unread));
    CHECK(server.body.size() == 60 * piece.size());
    CHECK(server.verdicts.empty());
    for (int i = 0; i < 30; ++i) server.connection.advance_time(now += 1s);
    server.feed({});
    CHECK(server.verdicts.size() == 1);
  }
}

TEST_CASE("Config::output_timeout ends a connection whose replies leave input over, too") {
  h2::Config patient;
  patient.output_timeout = 5s;
  patient.settings.max_concurrent_streams = 1000;
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  Driven server{for_server, h2::Role::server, {}, patient};
  Driven client{for_client, h2::Role::client, "localhost"};
  const std::string text(900, 'x');
  server.on_event = [&](const Event& event) {
    const auto* inner = std::get_if<h2::Event>(&event);
    const auto* request = inner != nullptr ? std::get_if<h2::RequestReceived>(inner) : nullptr;
    if (request == nullptr) return;
    const h2::Field fields[] = {{"x-text", text, h2::Indexing::never}};
    REQUIRE(server.connection.http2().send_response(request->stream, 200, fields, h2::EndStream::yes));
  };
  h2::TimePoint now{1000s};
  server.connection.advance_time(now);
  exchange(client, server);
  ByteView slices[16];
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) get(client, "/");
    server.feed(bytes_of(client.take_output()));
    server.connection.poll_output(slices);
  };
  for (int i = 0; i < 2; ++i) ask(31);  // as many heads as are encrypted at once
  CHECK_FALSE(server.connection.http2().has_output());
  server.connection.advance_time(now += 4s);
  ask(100);
  server.feed({});
  CHECK(server.paths.size() < 162);
  server.connection.advance_time(now += 1s);
  CHECK(server.connection.has_event());
  server.feed({});
  REQUIRE(server.failures.size() == 1);
  CHECK(server.failures[0].kind == TlsFailureKind::timed_out);
  CHECK_FALSE(server.connection.has_event());
}

TEST_CASE("an idle hour fires nothing, gives buffers back once, and the next request is served") {
  Sides sides;
  const std::string body = "x";
  serve(sides.server, body);
  h2::TimePoint now{1000s};
  sides.server.connection.advance_time(now);
  get(sides.client, "/");
  exchange(sides.client, sides.server);
  int wakes = 0;
  for (sides.server.connection.advance_time(now += 1s); const auto next = sides.server.connection.deadline(); ++wakes) {
    if (*next > now + 1h) break;
    REQUIRE(wakes < 10);
    sides.server.connection.advance_time(*next);
    sides.server.feed({});
  }
  CHECK(wakes <= 2);
  sides.server.connection.advance_time(now += 1h);
  sides.server.feed({});
  get(sides.client, "/again");
  exchange(sides.client, sides.server);
  CHECK(sides.client.statuses.size() == 2);
  CHECK(sides.server.failures.empty());
  CHECK(sides.server.closes.empty());
}

TEST_CASE("a request that waits for the server's limit of streams keeps no timer in the past") {
  h2::Config closed;
  closed.settings.max_concurrent_streams = 0;
  TlsContext for_server = context(server_config()), for_client = context(client_config());
  Driven server{for_server, h2::Role::server, {}, closed};
  Driven client{for_client, h2::Role::client, "localhost"};
  h2::TimePoint now{1000s};
  client.connection.advance_time(now);
  exchange(client, server);
  client.connection.advance_time(now += 2s);
  get(client, "/");
  for (int i = 0; i < 20; ++i) client.connection.advance_time(now += 1s);
  const auto next = client.connection.deadline();
  CHECK((!next.has_value() || *next > now));
}

TEST_CASE("a lost transport ends handshake, streams and output") {
  Sides sides;
  get(sides.client, "/");
  sides.client.connection.transport_lost();
  sides.client.feed({});
  REQUIRE(sides.client.failures.size() == 1);
  CHECK(sides.client.verdicts == std::vector{h2::Verdict::never_sent});
  CHECK_FALSE(sides.client.connection.has_output());
  CHECK(sides.client.connection.transport_wish() == h2::TransportWish::close);

  Sides open;
  get(open.client, "/");
  exchange(open.client, open.server);
  open.client.connection.transport_lost();
  open.client.feed({});
  CHECK(open.client.violations.size() == 1);
  CHECK(open.client.verdicts == std::vector{h2::Verdict::maybe_processed});
  CHECK(open.client.connection.transport_wish() == h2::TransportWish::close);
}

TEST_CASE("frames that wait for output inside are told of, to a loop that asks only when it has to") {
  Sides sides;
  exchange(sides.client, sides.server);
  const std::string policy(1000, 'z');
  std::size_t served = 0;
  const auto answer = [&](const Event& event) {
    const auto* inner = std::get_if<h2::Event>(&event);
    const auto* request = inner != nullptr ? std::get_if<h2::RequestReceived>(inner) : nullptr;
    if (request == nullptr) return;
    ++served;
    const h2::Field fields[] = {{"x-policy", policy, h2::Indexing::never}};
    REQUIRE(sides.server.connection.http2().send_response(request->stream, 200, fields, h2::EndStream::yes));
  };
  for (int i = 0; i < 100; ++i) get(sides.client, "/" + std::to_string(i));
  const auto take = [](SecureConnection& connection) {
    std::string taken;
    ByteView slices[4];
    while (const std::size_t count = connection.poll_output(slices)) {
      const std::size_t before = taken.size();
      for (std::size_t i = 0; i < count; ++i) taken += text_of(slices[i]);
      connection.consume_output(taken.size() - before);
    }
    return taken;
  };
  const std::string requests = take(sides.client.connection);
  ByteView input = bytes_of(requests);
  SecureConnection& server = sides.server.connection;
  do {
    while (const auto event = server.receive(input)) answer(*event);
    take(server);
  } while (server.has_event());
  CHECK(served == 100);
  CHECK(input.empty());
}

TEST_CASE("frames are gathered into records, and only 64 KiB is encrypted ahead") {
  Sides sides;
  const std::string body(1 << 20, 'b');
  serve(sides.server, body);
  exchange(sides.client, sides.server);
  // Windows wide open, so that nothing but the ciphertext bound holds the server back.
  REQUIRE(sides.client.connection.http2().set_window(h2::kConnection, 1 << 24).has_value());
  const h2::Setting window{h2::SettingId::initial_window_size, 1 << 24};
  REQUIRE(sides.client.connection.http2().send_settings({&window, 1}).has_value());
  get(sides.client, "/");
  Cut whole;
  carry(sides.client, sides.server, whole);
  ByteView slices[16];
  std::size_t waiting = 0;
  for (int again = 0; again < 3; ++again) {
    const std::size_t count = sides.server.connection.poll_output(slices, 1 << 20);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += slices[i].size();
    CHECK(bytes < kMaxWaitingCiphertext + kRecordBytes + 512);
    CHECK(bytes > kMaxWaitingCiphertext - kRecordBytes);
    if (again != 0) CHECK(bytes == waiting);
    waiting = bytes;
  }
  exchange(sides.client, sides.server);
  CHECK(sides.client.body.size() == body.size());
}

TEST_CASE("roles of context and configuration must agree, and a connection can be moved") {
  TlsContext server_context = context(server_config());
  Driven wrong{server_context, h2::Role::client};
  wrong.feed({});
  REQUIRE(wrong.failures.size() == 1);
  CHECK(wrong.failures[0].layer == TlsLayer::policy);

  Sides sides;
  get(sides.client, "/");
  Cut cut{1, 50};
  carry(sides.client, sides.server, cut);
  Driven moved{std::move(sides.server)};
  exchange(sides.client, moved);
  CHECK(moved.paths == std::vector<std::string>{"/"});
  SecureConnection target{server_context, {}, {}};
  target = std::move(moved.connection);
  CHECK(target.record().alpn == AlpnOutcome::h2);
}

}  // namespace
}  // namespace tlsglue::test
