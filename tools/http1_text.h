// The pieces of HTTP/1.1 text that both sides of an upgrade to HTTP/2 need.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <h2core/types.h>

namespace tools {

std::string lower_case(std::string_view text);
/// Whether `item` stands in a comma-separated list.
bool lists(std::string_view list, std::string_view item);

/// RFC 4648 5 without padding, as HTTP2-Settings has it. Null for what is none.
std::optional<std::vector<std::byte>> decode_base64url(std::string_view text);
std::string encode_base64url(h2::ByteView octets);

}  // namespace tools
