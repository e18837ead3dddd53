// The request and the response that all sessions exchange, and the bytes that a peer sends to open a session.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using Bytes = std::span<const std::byte>;

struct Header {
  std::string_view name, value;
};

/// `:path` stands at kPath; put() one of paths() there.
inline constexpr std::size_t kPath = 3;
inline constexpr std::array<Header, 9> kRequest{{
    {":method", "GET"},
    {":scheme", "https"},
    {":authority", "www.example.com"},
    {":path", "/"},
    {"user-agent",
     "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.584.1 Safari/537.36"},
    {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/svg+xml,*/*;q=0.8"},
    {"accept-encoding", "gzip, deflate, br"},
    {"accept-language", "en-US,en;q=0.5"},
    {"cookie", "session=3f9a1c77b2e04d5e8f6a; theme=dark; consent=yes"},
}};

/// `content-length` stands at kContentLength, `etag` at kEtag.
inline constexpr std::size_t kContentLength = 4;
inline constexpr std::size_t kEtag = 6;
inline constexpr std::array<Header, 8> kResponse{{
    {":status", "200"},
    {"server", "h2-bench/1.0"},
    {"date", "Tue, 21 Nov 2023 10:00:00 GMT"},
    {"content-type", "text/html; charset=utf-8"},
    {"content-length", "0"},
    {"cache-control", "public, max-age=3600"},
    {"etag", ""},
    {"vary", "accept-encoding"},
}};

/// 4096 different ones each, of 23 to 26 and of 22 octets.
inline constexpr std::size_t kVariants = 4096;
const std::array<std::string, kVariants>& paths();
const std::array<std::string, kVariants>& etags();

/// Octets of all values of the n-th request, and of the n-th response with a body of so many bytes.
std::size_t request_value_bytes(std::size_t n);
std::size_t response_value_bytes(std::size_t n, std::size_t body_bytes);

/// Where all bodies come from, again and again. A multiple of a frame, and small enough for the second-level cache.
inline constexpr std::size_t kBodyBlock = std::size_t{128} * 1024;
Bytes body_block();

/// What a client says first: preface, empty SETTINGS, and the ACK of the server's SETTINGS.
std::vector<std::byte> client_hello();

/// A frame as it stands on the wire.
void append_frame(std::vector<std::byte>& out, std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  Bytes payload);

/// The block of kRequest as a client's HPACK encoder would write it: the first puts six fields into the dynamic table,
/// later ones refer to them. `path` is a plain literal each time (RFC 7541 6.2.2).
std::vector<std::byte> request_block(std::string_view path, bool first);

}  // namespace bench
