// The worst peer that we know how to be: it fills every room that a connection has, all at the same time, and never
// reads.
#include <array>

#include <hpack/huffman.h>
#include <hpack/integer.h>

#include <h2core/detail/stream.h>

#include "harness.h"

namespace h2::test {
namespace {

Bytes huffman(std::string_view text) {
  Bytes code(4 * text.size() + 64);
  code.resize(*hpack::huffman_encode(text, code));
  std::byte head[hpack::kMaxIntegerOctets];
  const Bytes length(head, hpack::encode_integer(static_cast<std::uint32_t>(code.size()), 7, std::byte{0x80}, head));
  return length + code;
}
/// A literal without indexing, with its table's name or with one of its own, the value in Huffman's code.
Bytes cookie(std::string_view value) { return wire("0f 11") + huffman(value); }
Bytes indexed(std::string_view name, std::string_view value) { return wire("40") + huffman(name) + huffman(value); }
Bytes plain(std::string_view name, std::string_view value) { return wire("00") + huffman(name) + huffman(value); }

/// A block in HEADERS and CONTINUATIONs of at most `piece` octets each.
Bytes in_pieces(std::uint32_t stream, const Bytes& block, std::size_t piece, std::uint8_t flags = kEnd) {
  Bytes out;
  for (std::size_t at = 0; at < block.size(); at += piece) {
    const std::size_t bytes = std::min(piece, block.size() - at);
    const bool last = at + bytes == block.size();
    const auto ends = static_cast<std::uint8_t>(last ? flags::end_headers : 0);
    const auto begin = block.begin() + static_cast<std::ptrdiff_t>(at);
    out = std::move(out) + frame(at == 0 ? FrameType::headers : FrameType::continuation,
                                 static_cast<std::uint8_t>(ends | (at == 0 ? flags : 0)), stream,
                                 Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)));
  }
  return out;
}

/// A server that answers each request with a head and a byte, of which nobody takes anything.
class Victim {
 public:
  explicit Victim(Config config = {}) : config_(config) {
    config_.work_budget = 1 << 30;  // not the budget shall end it
    config_.allocator = memory_.allocator();
    server_.emplace(config_);
    feed(client_preface() + settings({}) + settings_ack());
    take();
  }
  void feed(const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server_->receive(input)) on(*event);
    left_ += input.size();
  }
  void take() { take_output(*server_); }
  std::size_t left() const { return left_; }
  const std::string& failure() const { return failure_; }
  std::size_t requests() const { return requests_; }
  std::uint64_t peak() const { return memory_.most_bytes; }
  std::size_t bound() const { return config_.memory_bound(); }
  Connection& server() { return *server_; }
  bool answers = true;

 private:
  void on(const Event& event) {
    if (const auto* over = std::get_if<ConnectionFailed>(&event)) failure_ = over->sentence;
    const auto* request = std::get_if<RequestReceived>(&event);
    if (request == nullptr) return;
    ++requests_;
    if (!answers) return;
    const std::string changing = std::to_string(requests_);
    const Field fields[] = {{"x-a", changing}, {"x-bb", changing}, {"x-ccc", changing}};
    REQUIRE(server_->send_response(request->stream, 200, fields, EndStream::no));
    REQUIRE(server_->send_data(request->stream, content_, Token{1}, EndStream::no));
    std::array<ByteView, 64> slices;
    server_->poll_output(slices);
  }

  TestMemory memory_;
  Config config_;
  std::array<std::byte, 1> content_{};
  std::optional<Connection> server_;
  std::size_t left_ = 0, requests_ = 0;
  std::string failure_;
};

Bytes u32(std::uint32_t value) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::byte>(value >> shift));
  return bytes;
}

/// Names of two kilobytes by reference, and text in the longest codes that there are, each a little more than what is
/// left of the memory for text: everything looks longer than it is.
Bytes full_of_long_codes(std::size_t most) {
  Bytes block = wire("82 87 84 01 01 'a'");
  std::size_t text = 19;
  for (std::size_t i = 0; i < text; ++i) block = std::move(block) + wire("0f 2f 81 1f");
  for (;;) {
    const std::size_t characters = std::max<std::size_t>(text, 4096) * 5 / 8 * 8 / 30 + 1;
    const Bytes next = wire("00 01 'n'") + huffman(std::string(characters, '\n'));
    if (block.size() + next.size() > most) return block;
    block = std::move(block) + next;
    text += characters;
  }
}

std::string text_of_size(std::size_t bytes) { return std::string(bytes, 'a'); }

/// Cookies of all the text that a section may have, so that it is decoded to memory and then joined in another.
Bytes full_of_cookies() {
  Bytes block = wire("82 87 84 41 01 'a'");
  for (int i = 0; i < 7; ++i) block = std::move(block) + cookie(text_of_size(9200));
  return block;
}

TEST_CASE("memory_bound: at the defaults a server's connection holds at most 512 KiB") {
  CHECK(Config{}.memory_bound() <= 512 * 1024);
  CHECK(Config{.role = Role::client}.memory_bound() <= 512 * 1024);
}

TEST_CASE("memory_bound: it follows the configuration, and says so when there is no limit") {
  Config large;
  large.settings.max_header_list_size = kUnlimited;
  large.settings.header_table_size = 65536;
  CHECK(large.memory_bound() > 4 * Config{}.memory_bound());
  Config endless;
  endless.settings.max_concurrent_streams = kUnlimited;
  CHECK(endless.memory_bound() > std::size_t{1} << 39);
}

TEST_CASE("memory_bound: a peer that fills every room at once and never reads stays within it") {
  Victim victim;
  std::uint32_t id = 1;
  // Both tables, in their smallest entries, and then text that is as long as a section may be.
  for (int i = 0; i < 130; ++i, id += 2) {
    victim.feed(in_pieces(id, wire("82 87 84 41 01 'a'") + indexed("x", ""), 16384) + rst(id, ErrorCode::cancel));
    victim.take();
  }
  victim.feed(in_pieces(id, full_of_cookies(), 16384));
  id += 2;
  victim.take();
  // Streams that were reset with content in the output, and as many that are open.
  for (int i = 0; i < 100; ++i, id += 2) victim.feed(headers(id, get(), kEnd) + rst(id, ErrorCode::cancel));
  victim.answers = false;
  for (int i = 0; i < 98; ++i, id += 2) victim.feed(headers(id, post()));
  for (std::uint32_t idle = id + 1000; idle < id + 1002; idle += 2)
    victim.feed(frame(FrameType::priority_update, 0, 0, u32(idle) + bytes_of("u=1")));
  // A block of the greatest length: text up to the limit, and more behind it; after that the longest single strings.
  Bytes block = full_of_cookies();
  while (block.size() < 80000) block = std::move(block) + plain("b", text_of_size(20));
  victim.feed(in_pieces(id, block, 16384));
  id += 2;
  victim.feed(in_pieces(id, wire("82 87 84 41 01 'a'") + cookie(text_of_size(120000)), 16384));
  id += 2;
  CHECK(victim.failure() == "");
  CHECK(victim.left() == 0);
  // Replies until nothing more is read, and a frame of which the last octet is missing.
  victim.feed(repeat(ping(1), 1900));
  Bytes cut = in_pieces(id, block, 16384);
  cut.pop_back();
  victim.feed(cut);
  victim.feed(repeat(ping(1), 5000));
  CHECK(victim.failure() == "");
  CHECK(victim.requests() == 329);
  CHECK(victim.peak() <= victim.bound());
  CHECK(victim.peak() * 5 >= victim.bound() * 2);  // and it is no number from the sky
  MESSAGE("peak " << victim.peak() << " of " << victim.bound() << " bytes");
}

TEST_CASE("memory_bound: text that looks longer than it is, in one entry's name and in long codes, stays within it") {
  for (const std::size_t most : {std::size_t{75000}, std::size_t{81900}}) {
    CAPTURE(most);
    Victim victim;
    std::uint32_t id = 1;
    victim.feed(in_pieces(id, full_of_cookies(), 16384));
    id += 2;
    victim.take();
    const std::string name(2045, 'n');
    victim.feed(in_pieces(id, wire("82 87 84 01 01 'a'") + indexed(name, text_of_size(1960)), 16384));
    id += 2;
    victim.take();
    victim.answers = false;
    victim.feed(repeat(ping(1), 1900));
    for (const std::byte octet : in_pieces(id, full_of_long_codes(most), 16384)) victim.feed(Bytes{octet});
    CHECK(victim.failure() == "");
    CHECK(victim.peak() <= victim.bound());
    CHECK(victim.peak() * 5 >= victim.bound() * 2);
    MESSAGE("peak " << victim.peak() << " of " << victim.bound() << " bytes");
  }
}

TEST_CASE("memory_bound: a peer that never acknowledges our SETTINGS stays within it, and within the limit they name") {
  TestMemory memory;
  Config config;
  config.allocator = memory.allocator();
  Connection server(config);
  std::string failure;
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = server.receive(input))
      if (const auto* over = std::get_if<ConnectionFailed>(&*event)) failure = describe(over->violation).name;
  };
  feed(client_preface() + settings({}) + frame(FrameType::headers, 0, 1, Bytes(16384, std::byte{0x82})));
  for (int i = 0; i < 4; ++i) feed(frame(FrameType::continuation, 0, 1, Bytes(16384, std::byte{0x82})));
  CHECK(failure == "");
  feed(frame(FrameType::continuation, 0, 1, Bytes(1, std::byte{0x82})));
  CHECK(failure == "header_block_too_large");
  CHECK(memory.most_bytes <= config.memory_bound());
}

TEST_CASE("memory_bound: frames that are cut one after the other, each an octet longer, stay within it") {
  Victim victim;
  for (std::uint32_t i = 0; i < 40; ++i) {
    Bytes frame_of = frame(static_cast<FrameType>(0x10), 0, 0, wire("00000001") + bytes_of(text_of_size(16340 + i)));
    victim.feed(Bytes(frame_of.begin(), frame_of.end() - 1));
    victim.feed(Bytes(1));
  }
  CHECK(victim.failure() == "");
  CHECK(victim.peak() <= Config{}.settings.max_frame_size * std::size_t{2});
}

TEST_CASE("memory_bound: a client that allows pushes counts what it is promised") {
  TestMemory memory;
  Config config{.role = Role::client};
  config.settings.enable_push = 1;
  config.settings.max_concurrent_streams = 1000;
  config.work_budget = 1 << 30;
  config.allocator = memory.allocator();
  Connection client(config);
  REQUIRE(client.send_request(kGet, EndStream::no));
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = client.receive(input)) REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
    take_output(client);
  };
  feed(settings({}) + settings_ack());
  for (std::uint32_t id = 2; id <= 2000; id += 2) feed(push_promise(1, id, get()));
  CHECK(client.open_streams() == 1001);
  CHECK(memory.most_bytes <= config.memory_bound());
  CHECK(memory.most_bytes > 1000 * sizeof(detail::Stream));
}

TEST_CASE("memory_bound: pushes that end with an octet that nobody consumes stay within it") {
  TestMemory memory;
  Config config{.role = Role::client};
  config.settings.enable_push = 1;
  config.work_budget = 1 << 30;
  config.allocator = memory.allocator();
  Connection client(config);
  REQUIRE(client.send_request(kGet, EndStream::no));
  std::size_t pushes = 0;
  const auto feed = [&](const Bytes& bytes) {
    ByteView input = bytes;
    while (const auto event = client.receive(input)) {
      REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(*event));
      pushes += std::holds_alternative<PushReceived>(*event);
    }
    take_output(client);
  };
  feed(settings({}) + settings_ack());
  for (std::uint32_t id = 2; id <= 8000; id += 2)
    feed(push_promise(1, id, get()) + headers(id, status("200")) + data(id, "x", kEnd));
  CHECK(pushes == 100);
  CHECK(memory.most_bytes <= config.memory_bound());
}

}  // namespace
}  // namespace h2::test
