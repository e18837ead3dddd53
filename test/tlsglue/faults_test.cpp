// Faults from outside under TLS: our memory that runs out, and a transport that dies at any byte.
#include <test/h2core/test_memory.h>

#include "harness.h"
#include "theatre.h"

namespace tlsglue::test {
namespace {

using h2::test::check_verdicts;
using h2::test::Death;
using h2::test::TestMemory;

// A clean end needs the whole close_notify, and an end before the handshake's is a failure.
void check_truncation(const TlsNews& reader) {
  CHECK(reader.done + reader.failed == 1);
  if (reader.done == 0) CHECK(reader.failure == TlsFailureKind::truncated);
  if (reader.done == 1) CHECK((reader.closed == 1 && reader.kind == CloseKind::truncated));
}

TEST_CASE("wherever the transport dies under TLS, truncation is told, and every stream ends once with its verdict") {
  constexpr std::size_t kMost = 40;
  constexpr int kActs = 3;  // each run costs a handshake; plain connections play it all
  for (const TlsVersion version : kVersions) {
    TlsContext for_client = context(only(client_config(), version)),
               for_server = context(only(server_config(), version));
    Theatre whole(for_client, for_server, kMost);
    whole.play.acts = kActs;
    whole.run();
    CHECK(whole.play.ended_in_order);
    CHECK(whole.client_tls.closed == 1);
    CHECK(whole.client_tls.kind == CloseKind::clean);
    CHECK(whole.server_tls.kind == CloseKind::clean);
    const auto die = [&](Role sender, std::size_t at, Death death) {
      CAPTURE(sender == Role::client);
      CAPTURE(at);
      CAPTURE(death == Death::eof);
      Theatre theatre(for_client, for_server, kMost);
      theatre.play.acts = kActs;
      (sender == Role::client ? theatre.play.client.dies_at : theatre.play.server.dies_at) = at;
      theatre.play.death = death;
      theatre.run();
      check_verdicts(theatre.play.client_app.news, theatre.play.server_app.news);
      if (death == Death::eof) check_truncation(sender == Role::client ? theatre.server_tls : theatre.client_tls);
    };
    // The signature of the handshake is a few octets longer or shorter each time; the close_notify that ends it all is
    // not as short as that.
    constexpr std::size_t kSpread = 8;
    for (const Death death : {Death::eof, Death::error}) {
      if (death == Death::error && version == TlsVersion::tls12) continue;  // an error asks nothing of TLS
      for (std::size_t at = 0; at + kSpread < whole.play.client.arrived; ++at) die(Role::client, at, death);
      for (std::size_t at = 0; at + kSpread < whole.play.server.arrived; ++at) die(Role::server, at, death);
    }
  }
}

/// Contexts and a session, all of one side's memory in one hand.
struct ShortOfMemory {
  ShortOfMemory(TlsVersion version, Role weak, bool once, std::uint64_t at) {
    TestMemory& memory = weak == Role::client ? client_memory : server_memory;
    memory.fail_once = once;
    memory.fail_at = at;
    run(version);
    CHECK(client_memory.live_bytes == 0);
    CHECK(server_memory.live_bytes == 0);
  }
  void run(TlsVersion version) {
    auto for_client = make(only(client_config(), version), client_memory);
    auto for_server = make(only(server_config(), version), server_memory);
    if (!for_client || !for_server) return;
    if (!name_it(*for_server)) return;
    Theatre theatre(*for_client, *for_server, 100000, client_memory.allocator(), server_memory.allocator());
    theatre.run();
    check_verdicts(theatre.play.client_app.news, theatre.play.server_app.news);
    client_news = theatre.play.client_app.news, server_news = theatre.play.server_app.news;
    client_tls = theatre.client_tls, server_tls = theatre.server_tls;
    in_order = theatre.play.ended_in_order;
  }
  std::optional<TlsContext> make(TlsConfig config, TestMemory& memory) {
    config.allocator = memory.allocator();
    auto made = TlsContext::make(config);
    if (made) return std::move(made).value();
    CHECK(made.error().code == TlsErrorCode::out_of_memory);
    refused = true;
    return std::nullopt;
  }
  bool name_it(TlsContext& server) {
    const auto named = server.add_certificate("localhost", credentials_of(localhost()));
    if (!named) CHECK(named.error().code == TlsErrorCode::out_of_memory);
    refused = refused || !named;
    return named.has_value();
  }

  TestMemory client_memory, server_memory;
  News client_news, server_news;
  TlsNews client_tls, server_tls;
  bool refused = false, in_order = false;
};

TEST_CASE("whichever of our allocations fails under TLS, the connection ends or nothing is lost") {
  unsigned refused = 0, lived = 0, died_in_tls = 0, died_in_http2 = 0;
  for (const TlsVersion version : kVersions) {
    const ShortOfMemory whole(version, Role::client, true, ~std::uint64_t{0});
    CHECK(whole.in_order);
    for (const bool once : {true, false}) {
      for (const Role weak : {Role::client, Role::server}) {
        const std::uint64_t calls = (weak == Role::client ? whole.client_memory : whole.server_memory).calls;
        for (std::uint64_t at = 0; at < calls; ++at) {
          CAPTURE(once);
          CAPTURE(at);
          CAPTURE(weak == Role::client);
          const ShortOfMemory fault(version, weak, once, at);
          const TlsNews& tls = weak == Role::client ? fault.client_tls : fault.server_tls;
          const News& news = weak == Role::client ? fault.client_news : fault.server_news;
          if (fault.refused) {
            ++refused;
          } else if (tls.failed != 0) {
            CHECK(tls.failure == TlsFailureKind::out_of_memory);
            ++died_in_tls;
          } else if (news.failed != 0) {
            CHECK(news.violation == h2::Violation::out_of_memory);
            ++died_in_http2;
          } else if (once) {
            CHECK(fault.client_news == whole.client_news);
            CHECK(fault.server_news == whole.server_news);
            CHECK(fault.in_order);
            ++lived;
          }
        }
      }
    }
  }
  CHECK(refused >= 16);
  CHECK(lived > 20);
  CHECK(died_in_tls > 20);
  CHECK(died_in_http2 > 20);
}

}  // namespace
}  // namespace tlsglue::test
