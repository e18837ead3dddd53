// Response heads that go out again as they went out last take a short way; all rules hold on it.
#include "harness.h"

namespace h2::test {
namespace {

/// A server that answers requests 1, 3, 5, ... and its client.
class Exchange {
 public:
  explicit Exchange(Config server = {}) : pair({}, server) { pair.settle(); }

  /// Sends a request, gives its answer, and says what came of that call.
  Misuse answer(const Request& request, std::uint16_t status, std::span<const Field> fields, EndStream end) {
    stream = *pair.client.connection->send_request(request, EndStream::yes);
    pair.settle();
    const auto sent = pair.server.connection->send_response(stream, status, fields, end);
    pair.settle();
    return sent ? Misuse::none : sent.error();
  }
  /// What the client was told last.
  const Seen& told() const {
    const Seen* last = nullptr;
    for (const Seen& seen : pair.client.events)
      if (seen.kind == Kind::response) last = &seen;
    REQUIRE(last != nullptr);
    return *last;
  }
  std::uint64_t head_bytes() {
    const std::uint64_t before = bytes_;
    bytes_ = pair.bytes_to_client;
    return bytes_ - before;
  }

  Pair pair;
  StreamId stream;

 private:
  std::uint64_t bytes_ = 0;
};

const Field kFields[] = {
    {"server", "h2"}, {"content-type", "text/plain"}, {"content-length", "5", hpack::Indexing::always}};
const OwnedFields kOwned{{"server", "h2"}, {"content-type", "text/plain"}, {"content-length", "5"}};

TEST_CASE("a head that is the same each time arrives the same each time, an octet for each field") {
  Exchange x;
  for (int i = 0; i < 8; ++i) {
    CAPTURE(i);
    x.head_bytes();
    REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
    CHECK(x.told().status == 200);
    CHECK(x.told().fields == kOwned);
    if (i > 0) CHECK(x.head_bytes() == 9 + 4);
    const Bytes body = bytes_of("hello");
    CHECK(x.pair.server.connection->send_data(x.stream, body, Token{1}, EndStream::yes).has_value());
    x.pair.settle();
  }
}

TEST_CASE("RFC 9113 8.1.1: content-length binds behind a repeated head as behind the first [9113-8.1.1a]") {
  Exchange x;
  const Bytes body = bytes_of("hello!");
  for (int i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(x.answer(kGet, 200, kFields, EndStream::yes) == Misuse::content_length_broken);
    const StreamId refused = x.stream;
    REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
    Connection& server = *x.pair.server.connection;
    CHECK(server.send_data(x.stream, body, Token{1}, EndStream::yes).error() == Misuse::content_length_broken);
    CHECK(server.send_data(x.stream, ByteView(body).first(5), Token{1}, EndStream::yes).has_value());
    CHECK(server.reset(refused, ErrorCode::cancel).has_value());
    x.pair.settle();
  }
}

TEST_CASE("RFC 9110 9.3.2, 15.4.5: what a request or a status says of content is asked for each repeated head") {
  Exchange x;
  Request head = kGet;
  head.method = "HEAD";
  for (int i = 0; i < 4; ++i) REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
  CHECK(x.answer(head, 200, kFields, EndStream::yes) == Misuse::none);
  CHECK(x.told().fields == kOwned);
  CHECK(x.answer(kGet, 200, kFields, EndStream::yes) == Misuse::content_length_broken);
  for (int i = 0; i < 4; ++i) CHECK(x.answer(kGet, 304, kFields, EndStream::yes) == Misuse::none);
  CHECK(x.told().status == 304);
}

TEST_CASE("what is not the same head is told apart: status, a field, none") {
  Exchange x;
  for (int i = 0; i < 4; ++i) REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
  REQUIRE(x.answer(kGet, 404, kFields, EndStream::no) == Misuse::none);
  CHECK(x.told().status == 404);
  for (int i = 0; i < 4; ++i) REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
  REQUIRE(x.answer(kGet, 200, std::span(kFields).first(2), EndStream::yes) == Misuse::none);
  CHECK(x.told().fields == OwnedFields{{"server", "h2"}, {"content-type", "text/plain"}});
  CHECK(x.answer(kGet, 200, std::array{kFields[0], Field{"connection", "close"}}, EndStream::yes) ==
        Misuse::malformed_fields);
}

TEST_CASE(
    "RFC 9113 6.5.2: the peer's MAX_HEADER_LIST_SIZE holds for a repeated head from its SETTINGS on [9113-6.5b]") {
  Harness server(Role::server);
  const auto answer = [&server](std::uint32_t id) {
    server.feed(headers(id, get(), kEnd));
    const auto sent =
        server.call([&](Connection& c) { return c.send_response(StreamId{id}, 200, kFields, EndStream::no); });
    return sent ? Misuse::none : sent.error();
  };
  for (std::uint32_t id = 1; id < 9; id += 2) REQUIRE(answer(id) == Misuse::none);
  constexpr std::uint32_t kSize = 4 * 32 + 10 + 8 + 22 + 15;
  server.feed(settings({{SettingId::max_header_list_size, kSize - 1}}));
  CHECK(answer(9) == Misuse::field_section_too_large);
  server.feed(settings({{SettingId::max_header_list_size, kSize}}));
  CHECK(answer(11) == Misuse::none);
}

TEST_CASE("RFC 7541 4.2: a table size that the peer changes comes before a repeated head, which is written anew") {
  Harness server(Role::server);
  hpack::Decoder decoder({});
  const auto answer = [&](std::uint32_t id) {
    server.feed(headers(id, get(), kEnd));
    server.sent();
    REQUIRE(server.call([&](Connection& c) { return c.send_response(StreamId{id}, 200, kFields, EndStream::no); }));
    const auto head = find(server.sent_frames(), FrameType::headers, id);
    REQUIRE(head);
    decoder.begin(head->payload);
    OwnedFields fields;
    for (Field field; decoder.next(field) == hpack::Decoder::Step::field;)
      if (field.name != ":status") fields.push_back({std::string(field.name), std::string(field.value)});
    CHECK(decoder.error() == hpack::DecodeError::none);
    CHECK(fields == kOwned);
    return head->payload;
  };
  for (std::uint32_t id = 1; id < 9; id += 2) answer(id);
  CHECK(answer(9).size() == 4);
  server.feed(settings({{SettingId::header_table_size, 0}, {SettingId::header_table_size, 4096}}));
  CHECK(answer(11).size() > 4);
  for (std::uint32_t id = 13; id < 19; id += 2) answer(id);
  CHECK(answer(19).size() == 4);
}

TEST_CASE("an observer sees the fields of a repeated head") {
  std::vector<std::size_t> seen;
  Config config;
  config.observer.context = &seen;
  config.observer.on_frame = [](void* context, const FrameNote& note) noexcept {
    if (note.direction == Direction::sent && note.header.type == FrameType::headers)
      static_cast<std::vector<std::size_t>*>(context)->push_back(note.fields.size());
  };
  Exchange x(config);
  for (int i = 0; i < 5; ++i) REQUIRE(x.answer(kGet, 200, kFields, EndStream::no) == Misuse::none);
  CHECK(seen == std::vector<std::size_t>(5, 4));
}

}  // namespace
}  // namespace h2::test
