#include "messages.h"

#include <h2core/frame.h>

#include <utility>

#include "task.h"

namespace bench {
namespace {

static_assert(kRequest[4].value.size() == 103);
static_assert(kRequest[5].value.size() == 88);
static_assert(kRequest[8].value.size() == 53);

template <class Make>
std::array<std::string, kVariants> variants(Make make) {
  std::array<std::string, kVariants> all;
  for (std::size_t i = 0; i < kVariants; ++i) all[i] = make(i);
  return all;
}

void append(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_literal(std::vector<std::byte>& out, unsigned first, std::string_view text) {
  require(text.size() < 127, "a literal of this benchmark has a one-octet length");
  out.push_back(static_cast<std::byte>(first));
  out.push_back(static_cast<std::byte>(text.size()));
  append(out, text);
}

template <std::size_t N>
std::size_t value_bytes(const std::array<Header, N>& headers) {
  std::size_t sum = 0;
  for (const auto& header : headers) sum += header.value.size();
  return sum;
}

}  // namespace

const std::array<std::string, kVariants>& paths() {
  static const auto all = variants([](std::size_t i) { return "/api/v1/items/" + std::to_string(i) + "?lang=en"; });
  return all;
}

const std::array<std::string, kVariants>& etags() {
  static const auto all =
      variants([](std::size_t i) { return "\"6e1f0c52-0018" + std::to_string(1000 + i) + "-gz\""; });
  return all;
}

std::size_t request_value_bytes(std::size_t n) {
  return value_bytes(kRequest) - kRequest[kPath].value.size() + paths()[n % kVariants].size();
}

std::size_t response_value_bytes(std::size_t n, std::size_t body_bytes) {
  return value_bytes(kResponse) - kResponse[kContentLength].value.size() + std::to_string(body_bytes).size() +
         etags()[n % kVariants].size();
}

Bytes body_block() {
  static const std::vector<std::byte> block = [] {
    std::vector<std::byte> bytes(kBodyBlock);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 131 >> 3 & 0xff);
    return bytes;
  }();
  return block;
}

void append_frame(std::vector<std::byte>& out, std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  Bytes payload) {
  std::byte header[h2::kFrameHeaderBytes];
  h2::write_frame_header(header, {static_cast<std::uint32_t>(payload.size()), static_cast<h2::FrameType>(type), flags,
                                  h2::StreamId{stream}});
  out.insert(out.end(), std::begin(header), std::end(header));
  out.insert(out.end(), payload.begin(), payload.end());
}

std::vector<std::byte> client_hello() {
  std::vector<std::byte> out;
  append(out, h2::kClientPreface);
  append_frame(out, 0x4, 0, 0, {});
  append_frame(out, 0x4, h2::flags::ack, 0, {});
  return out;
}

std::vector<std::byte> request_block(std::string_view path, bool first) {
  // Static names of the six fields that are inserted, in the order of kRequest (RFC 7541 appendix A).
  constexpr std::array<std::pair<std::size_t, unsigned>, 6> kInserted{
      {{2, 1}, {4, 58}, {5, 19}, {6, 16}, {7, 17}, {8, 32}}};
  constexpr unsigned kNewest = 62;
  std::vector<std::byte> block{std::byte{0x82}, std::byte{0x87}};
  unsigned oldest = kNewest + 5;  // the first one inserted has the highest index
  for (const auto& [at, name] : kInserted) {
    if (first) {
      append_literal(block, 0x40 | name, kRequest[at].value);
    } else {
      block.push_back(static_cast<std::byte>(0x80 | oldest--));
    }
    if (at == 2) append_literal(block, 0x04, path);
  }
  return block;
}

}  // namespace bench
