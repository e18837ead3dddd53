// RFC 7301 3.1 as octets: the list in a ClientHello, and the one name in a ServerHello of TLS 1.2, which is readable.
#include "harness.h"

namespace tlsglue::test {
namespace {

/// How often `part` stands in `bytes`.
int count(std::string_view bytes, std::string_view part) {
  int found = 0;
  for (auto at = bytes.find(part); at != std::string_view::npos; at = bytes.find(part, at + 1)) ++found;
  return found;
}

std::string octets(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

// Type 16, bytes of the extension, bytes of the list; then the names, each with its length in front.
const std::string kOffer = octets({0, 16, 0, 14, 0, 12, 2}) + "h2" + octets({8}) + "http/1.1";
const std::string kAnswer = octets({0, 16, 0, 5, 0, 3, 2}) + "h2";

TEST_CASE("RFC 7301 3.1: a client's list has each name whole and none that is empty [7301-3.1a] [7301-3.1b]") {
  for (const TlsVersion version : kVersions) {
    TlsContext client_context = context(only(client_config(), version));
    End client{client_context, {.server_name = "localhost"}};
    client.feed({});
    CHECK(count(client.take_output(), kOffer) == 1);
  }
}

TEST_CASE("RFC 7301 3.1: the longest name that there may be is sent whole [7301-3.1b]") {
  const std::string longest(255, 'x');
  const std::string_view list[] = {longest};
  TlsConfig config = client_config();
  config.alpn = {list, NoneSent::reject};
  TlsContext client_context = context(config);
  End client{client_context, {.server_name = "localhost"}};
  client.feed({});
  CHECK(count(client.take_output(), octets({0, 16, 1, 2, 1, 0, 255}) + longest) == 1);
}

TEST_CASE("RFC 7301 3.1: a server's answer has one name [7301-3.1c]") {
  TlsContext server_context = context(only(server_config(), TlsVersion::tls12));
  TlsContext client_context = context(only(client_config(), TlsVersion::tls12));
  End server{server_context}, client{client_context, {.server_name = "localhost"}};
  client.feed({});
  server.feed(bytes_of(client.take_output()));
  const std::string hello = server.take_output();
  CHECK(count(hello, kAnswer) == 1);
  CHECK(count(hello, "http/1.1") == 0);
}

}  // namespace
}  // namespace tlsglue::test
