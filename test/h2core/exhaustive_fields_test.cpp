// RFC 9113 8.2.1: all 256 octets at the start, in the middle and at the end of names and values, as peers send them
// (literals, plain and Huffman-coded) and as callers give them. What is legal stands here as RFC 9110 5.1 and 5.5 say.
#include <hpack/huffman.h>

#include "exhaustive.h"

namespace h2::test {
namespace {

enum class Place { start, middle, end };
constexpr Place kPlaces[] = {Place::start, Place::middle, Place::end};
enum class Coding { plain, huffman };
enum class Part { name, value };

std::string put(unsigned octet, Place place) {
  const std::string one(1, static_cast<char>(octet));
  if (place == Place::start) return one + "bc";
  return place == Place::middle ? "a" + one + "c" : "ab" + one;
}

// RFC 9110 5.6.2: tchar; RFC 9113 8.2.1: and no upper case.
bool legal_in_name(unsigned octet) {
  if (octet >= '0' && octet <= '9') return true;
  if (octet >= 'a' && octet <= 'z') return true;
  return octet != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(octet)) != std::string_view::npos;
}
// RFC 9110 5.5: field-vchar, and between such SP and HTAB. Of the controls no other is let through.
bool legal_in_value(unsigned octet, Place place) {
  if (octet == ' ' || octet == '\t') return place == Place::middle;
  return octet > 0x20 && octet != 0x7f;
}

struct Case {
  OwnedField field;
  bool legal;
  Violation broken;  // if not
};

Case make(unsigned octet, Part part, Place place) {
  const std::string text = put(octet, place);
  if (part == Part::value) return {{"x", text}, legal_in_value(octet, place), Violation::field_value_invalid};
  // A colon in front makes it a pseudo-field that nobody defined.
  const bool pseudo = octet == ':' && place == Place::start;
  return {{text, "v"}, legal_in_name(octet), pseudo ? Violation::pseudo_field_order : Violation::field_name_invalid};
}

Bytes string_literal(std::string_view text, Coding coding) {
  if (coding == Coding::plain) return Bytes{static_cast<std::byte>(text.size())} + bytes_of(text);
  Bytes code(hpack::huffman_length(text) + hpack::kHuffmanSlack);
  const auto bytes = hpack::huffman_encode(text, code);
  REQUIRE(bytes);
  REQUIRE(*bytes < 127);
  code.resize(*bytes);
  return Bytes{static_cast<std::byte>(0x80 | *bytes)} + code;
}
Bytes literal(const OwnedField& field, Coding coding) {
  return wire("00") + string_literal(field.name, coding) + string_literal(field.value, coding);
}

Bytes head_frame(std::uint32_t stream, const Bytes& fields, std::uint8_t flag_bits = 0) {
  return frame(FrameType::headers, static_cast<std::uint8_t>(flags::end_headers | flag_bits), stream, fields);
}

template <class Check>
void all_octets(Check&& check) {
  for (unsigned octet = 0; octet < 256; ++octet) {
    CAPTURE(octet);
    check(octet);
  }
}

TEST_CASE("RFC 9113 8.2.1: every octet in a name and a value of a request, at every place, plain and Huffman-coded") {
  all_octets([](unsigned octet) {
    Harness server(Role::server);
    std::uint32_t stream = 1;
    for (const Part part : {Part::name, Part::value}) {
      for (const Place place : kPlaces) {
        for (const Coding coding : {Coding::plain, Coding::huffman}) {
          const Case row = make(octet, part, place);
          CAPTURE(row.field.name);
          server.feed(head_frame(stream, block(get()) + literal(row.field, coding), kEnd));
          CHECK(outcome(server, stream) == (row.legal ? "request end" : "stream PROTOCOL_ERROR, untold"));
          if (row.legal) CHECK(server.last(Kind::request, stream)->fields == OwnedFields{row.field});
          stream += 2;
        }
      }
    }
    exchange(server, Role::server, stream);
  });
}

TEST_CASE("RFC 9113 8.2.1: every octet in a name and a value of responses, interim responses, trailers and promises") {
  all_octets([](unsigned octet) {
    Options options;
    options.config.settings.enable_push = 1;
    Harness client(Role::client, options);
    REQUIRE(client.call([](Connection& c) { return c.send_request(kPost, EndStream::no); }));
    std::uint32_t stream = 3, promised = 2;
    const auto check = [&](const Case& row, const Bytes& before, const Bytes& head, std::uint8_t flag_bits,
                           const char* came, Violation broken) {
      REQUIRE(client.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
      client.feed(before);
      client.events();
      client.sent();
      client.feed(head_frame(stream, head + literal(row.field, Coding::plain), flag_bits));
      CHECK(outcome(client, stream) == (row.legal ? came : "stream PROTOCOL_ERROR"));
      if (!row.legal) CHECK(client.last(Kind::stream_reset, stream)->violation == broken);
      stream += 2;
    };
    for (const Part part : {Part::name, Part::value}) {
      for (const Place place : kPlaces) {
        const Case row = make(octet, part, place);
        CAPTURE(row.field.name);
        const bool pseudo = row.broken == Violation::pseudo_field_order;
        const Violation unknown = pseudo ? Violation::pseudo_field_unknown : row.broken;
        check(row, {}, block(status("200")), kEnd, "response end, closed", unknown);
        check(row, {}, block(status("103")), 0, "informational", unknown);
        check(row, headers(stream, status("200")), {}, kEnd, "trailers, closed",
              pseudo ? Violation::trailers_pseudo_field : row.broken);
        client.feed(frame(FrameType::push_promise, flags::end_headers, 1,
                          Bytes{std::byte{0}, std::byte{0}, std::byte{0}, static_cast<std::byte>(promised)} +
                              block(get()) + literal(row.field, Coding::plain)));
        CHECK(outcome(client, promised) == (row.legal ? "push" : "stream PROTOCOL_ERROR, untold"));
        promised += 2;
      }
    }
    exchange(client, Role::client, stream);
  });
}

TEST_CASE("RFC 9113 8.2.1: every octet in a name and a value that a caller gives, in every call that takes fields") {
  const StreamId one{1};
  all_octets([&](unsigned octet) {
    Harness server(Role::server), client(Role::client);
    server.feed(headers(1, get()) + headers(3, get(), kEnd));
    REQUIRE(server.call([](Connection& c) { return c.send_response(StreamId{3}, 200, {}, EndStream::no); }));
    const auto check = [&](Harness& harness, const Case& row, auto&& call) {
      harness.events();
      harness.sent();
      CHECK(error_of(harness.call(call)) == (row.legal ? Misuse::none : Misuse::malformed_fields));
      CHECK(harness.events().empty());
      CHECK(harness.sent().empty() == !row.legal);
    };
    for (const Part part : {Part::name, Part::value}) {
      for (const Place place : kPlaces) {
        const Case row = make(octet, part, place);
        CAPTURE(row.field.name);
        const Field field{row.field.name, row.field.value};
        const std::span<const Field> fields(&field, 1);
        Request request = kGet;
        request.fields = fields;
        check(client, row, [&](Connection& c) { return c.send_request(request, EndStream::yes); });
        check(server, row, [&](Connection& c) { return c.push(one, request); });
        check(server, row, [&](Connection& c) { return c.send_informational(one, 103, fields); });
        if (row.legal) continue;  // the others end what they begin
        check(server, row, [&](Connection& c) { return c.send_response(one, 200, fields, EndStream::no); });
        check(server, row, [&](Connection& c) { return c.send_trailers(StreamId{3}, fields); });
      }
    }
    REQUIRE(server.call([&](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
    exchange(client, Role::client, 0);
  });
}

TEST_CASE("RFC 9113 8.2.1: what is legal is delivered as it was given, octet for octet") {
  OwnedFields every;
  for (unsigned octet = 0; octet < 256; ++octet) {
    for (const Place place : kPlaces) {
      for (const Part part : {Part::name, Part::value}) {
        const Case row = make(octet, part, place);
        if (row.legal) every.push_back(row.field);
      }
    }
  }
  std::vector<Field> fields;
  for (const OwnedField& field : every) fields.push_back({field.name, field.value});
  Config config;
  config.max_fields = 1024;
  Pair pair(config, config);
  Request request = kGet;
  request.fields = fields;
  REQUIRE(pair.client.connection->send_request(request, EndStream::yes));
  pair.settle();
  const auto requests = of_kind(pair.server.events, Kind::request);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].fields == every);
}

}  // namespace
}  // namespace h2::test
