// What a user of the installed package might write: something of each library, to be found by compiler, linker and
// loader.
#include <h2core/connection.h>
#include <hpack/decoder.h>
#include <hpack/encoder.h>
#include <tlsglue/tls_context.h>

#include <array>
#include <cstdio>

namespace {

bool hpack_works() {
  const hpack::Field field{.name = "server", .value = "package"};
  std::array<std::byte, 128> block;
  hpack::Encoder encoder{{}};
  const std::size_t bytes = encoder.encode({&field, 1}, block);
  hpack::Decoder decoder{{}};
  decoder.begin(std::span{block}.first(bytes));
  hpack::Field decoded;
  return decoder.next(decoded) == hpack::Decoder::Step::field && decoded.value == field.value;
}

// What `from` has to send goes to `to`; each event is shown to `on_event`.
template <class OnEvent>
void carry(h2::Connection& from, h2::Connection& to, OnEvent on_event) {
  h2::ByteView slices[8];
  for (std::size_t count = from.poll_output(slices); count != 0; count = from.poll_output(slices)) {
    for (h2::ByteView slice : std::span{slices}.first(count)) {
      const std::size_t bytes = slice.size();
      while (const auto event = to.receive(slice)) on_event(*event);
      from.consume_output(bytes);
    }
  }
}

bool h2core_works() {
  h2::Connection client{{.role = h2::Role::client}}, server{{.role = h2::Role::server}};
  if (!client.send_request({.method = "GET", .scheme = "https", .authority = "localhost", .path = "/"},
                           h2::EndStream::yes)) {
    return false;
  }
  carry(client, server, [&](const h2::Event& event) {
    if (const auto* request = std::get_if<h2::RequestReceived>(&event)) {
      static_cast<void>(server.send_response(request->stream, 204, {}, h2::EndStream::yes));
    }
  });
  int status = 0;
  carry(server, client, [&](const h2::Event& event) {
    if (const auto* response = std::get_if<h2::ResponseReceived>(&event)) status = response->status;
  });
  return status == 204;
}

bool tlsglue_works() { return tlsglue::TlsContext::make({.role = tlsglue::Role::client}).has_value(); }

}  // namespace

int main() {
  if (!hpack_works()) return std::puts("hpack does not work"), 1;
  if (!h2core_works()) return std::puts("h2core does not work"), 1;
  if (!tlsglue_works()) return std::puts("tlsglue does not work"), 1;
}
