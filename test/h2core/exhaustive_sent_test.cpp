// RFC 9113 8, sent: what we refuse from a peer we refuse to send. A refused call has sent nothing and changed nothing;
// with validate_outgoing off it is sent as it was given.
#include <algorithm>

#include "exhaustive.h"
#include "exhaustive_sections.h"

namespace h2::test {
namespace {

constexpr StreamId one{1};

/// A section as callers give it: what stands in front as members, whatever is no head of theirs among the fields.
enum class Head { request, response };
struct Given {
  Given(Head head, const OwnedFields& section) {
    for (const OwnedField& field : section) {
      std::string_view* const member = fields.empty() ? member_of(head, field.name) : nullptr;
      if (member != nullptr && member->data() == nullptr) *member = field.value;
      else fields.push_back({field.name, field.value});
    }
    request.fields = fields;
  }
  Given(const Given&) = delete;

  std::string_view* member_of(Head head, std::string_view name) {
    if (head == Head::response) return name == ":status" ? &status_text : nullptr;
    if (name == ":method") return &request.method;
    if (name == ":scheme") return &request.scheme;
    if (name == ":authority") return &request.authority;
    if (name == ":path") return &request.path;
    if (name == ":protocol") return &request.protocol;
    return nullptr;
  }
  std::uint16_t status() const { return static_cast<std::uint16_t>(std::stoi(std::string(status_text))); }

  Request request{};
  std::string_view status_text{};
  std::vector<Field> fields;
};

/// A :status that the API can say: it takes a number of three digits.
bool says_status(const Section& section) {
  const Given given(Head::response, section.fields);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return given.status_text.size() == 3 && std::all_of(given.status_text.begin(), given.status_text.end(), digit);
}
/// An absent member and an empty one are the same to the API.
bool has_empty_pseudo(const Section& section) {
  return std::any_of(section.fields.begin(), section.fields.end(),
                     [](const OwnedField& f) { return f.name.starts_with(':') && f.value.empty(); });
}

/// All that can be seen of a connection from outside.
std::string look(Connection& c) {
  std::string all;
  const auto add = [&](auto value) { all += std::to_string(value) + ' '; };
  for (std::uint32_t id = 0; id < 6; ++id) {
    if (const auto view = c.window(StreamId{id})) {
      add(view->send_window), add(view->recv_window), add(view->unconsumed), add(view->owed), add(view->queued);
    }
    all += "| ";
  }
  const Counters& n = c.counters();
  add(n.frames_sent), add(n.streams_opened), add(n.streams_reset_by_us), add(n.data_bytes_sent);
  for (const std::uint32_t count : n.work) add(count);
  add(c.open_streams());
  return all;
}

/// The call is refused for its fields or its content-length, and has left no trace.
template <class Call>
void check_refused(Harness& harness, Call&& call) {
  harness.events();
  harness.sent();
  const std::string before = look(harness.connection());
  const Misuse misuse = error_of(harness.call(call));
  CHECK((misuse == Misuse::malformed_fields || misuse == Misuse::content_length_broken));
  CHECK(harness.sent().empty());
  CHECK(harness.events().empty());
  CHECK(look(harness.connection()) == before);
}

Harness server_with(const Bytes& bytes, bool validate = true) {
  Options options;
  options.config.validate_outgoing = validate;
  Harness server(Role::server, options);
  server.feed(bytes);
  server.events();
  return server;
}
Harness client(bool validate = true) {
  Options options;
  options.config.validate_outgoing = validate;
  return Harness(Role::client, options);
}

/// The same fields, wherever the pseudo-fields stand among themselves.
bool same_section(OwnedFields some, OwnedFields others) {
  const auto by_pseudo = [](const OwnedField& a, const OwnedField& b) {
    const bool first = a.name.starts_with(':'), second = b.name.starts_with(':');
    return first != second ? first : first && a.name < b.name;
  };
  for (OwnedFields* fields : {&some, &others}) {
    std::stable_sort(fields->begin(), fields->end(), by_pseudo);
    for (OwnedField& field : *fields) field.indexing = Indexing::automatic;
  }
  return some == others;
}

template <class Check>
void each(const std::vector<Section>& sections, Check&& check) {
  for (const Section& section : sections) {
    CAPTURE(section.what);
    try {  // each alone, so that one failure does not hide the next
      check(section);
    } catch (const doctest::detail::TestFailureException&) {
    }
  }
}

TEST_CASE("RFC 8441 4: an extended CONNECT that no server would take is not sent, and none where none was announced") {
  each(extended_connect_sections(), [](const Section& section) {
    const Given given(Head::request, section.fields);
    const auto call = [&](Connection& c) { return c.send_request(given.request, EndStream::no); };
    Options options;
    options.peer_settings = {{SettingId::enable_connect_protocol, 1}};
    Harness announced(Role::client, options), silent = client();
    if (section.sent == Violation::none) {
      REQUIRE(error_of(announced.call(call)) == Misuse::none);
      CHECK(same_section(announced.blocks(1).at(0), section.fields));
    } else {
      check_refused(announced, call);
    }
    if (!given.request.protocol.empty()) check_refused(silent, call);
  });
}

TEST_CASE("RFC 9113 8.3.1: a request that no server would take is not sent, and the next one is") {
  each(request_sections(), [](const Section& section) {
    if (has_empty_pseudo(section)) return;
    const Given given(Head::request, section.fields);
    const auto call = [&](Connection& c) { return c.send_request(given.request, EndStream::no); };
    Harness checked = client();
    if (section.sent == Violation::none) {
      REQUIRE(error_of(checked.call(call)) == Misuse::none);
      CHECK(same_section(checked.blocks(1).at(0), section.fields));
      return;
    }
    check_refused(checked, call);
    REQUIRE(checked.call([](Connection& c) { return c.send_request(kGet, EndStream::yes); }));
    CHECK(checked.blocks(1).size() == 1);  // no id was lost
    Harness unchecked = client(false);
    REQUIRE(error_of(unchecked.call(call)) == Misuse::none);
    CHECK(same_section(unchecked.blocks(1).at(0), section.fields));
  });
}

TEST_CASE("RFC 9113 8.4.1: a promise that no client would take is not sent, and the next one is") {
  each(request_sections(), [](const Section& section) {
    if (has_empty_pseudo(section)) return;
    const Given given(Head::request, section.fields);
    const bool safe = given.request.method == "GET" || given.request.method == "HEAD";
    const auto call = [&](Connection& c) { return c.push(one, given.request); };
    Harness checked = server_with(headers(1, get()));
    if (section.sent == Violation::none && safe && !given.request.authority.empty()) {
      REQUIRE(error_of(checked.call(call)) == Misuse::none);
      CHECK(same_section(checked.blocks(1).at(0), section.fields));
      return;
    }
    check_refused(checked, call);
    const auto next = checked.call([](Connection& c) { return c.push(one, kGet); });
    REQUIRE(next);
    CHECK(next->value == 2);
    Harness unchecked = server_with(headers(1, get()), false);
    REQUIRE(error_of(unchecked.call(call)) == Misuse::none);
    CHECK(same_section(unchecked.blocks(1).at(0), section.fields));
  });
}

TEST_CASE("RFC 9113 8.3.2: a response that no client would take is not sent, and the next one is") {
  each(response_sections(), [](const Section& section) {
    if (!says_status(section) || section.broken == Violation::status_invalid) return;
    const Given given(Head::response, section.fields);
    const auto call = [&](Connection& c) { return c.send_response(one, given.status(), given.fields, EndStream::no); };
    Harness checked = server_with(headers(1, get()));
    if (section.sent == Violation::none) {
      REQUIRE(error_of(checked.call(call)) == Misuse::none);
      CHECK(same_section(checked.blocks(1).at(0), section.fields));
      return;
    }
    check_refused(checked, call);
    REQUIRE(checked.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::yes); }));
    CHECK(checked.blocks(1).size() == 1);
    Harness unchecked = server_with(headers(1, get()), false);
    REQUIRE(error_of(unchecked.call(call)) == Misuse::none);
    CHECK(same_section(unchecked.blocks(1).at(0), section.fields));
  });
}

TEST_CASE("RFC 9113 8.1: an interim response that no client would take is not sent, and the next one is") {
  each(interim_sections(), [](const Section& section) {
    if (!says_status(section)) return;
    const Given given(Head::response, section.fields);
    const auto call = [&](Connection& c) { return c.send_informational(one, given.status(), given.fields); };
    Harness checked = server_with(headers(1, get()));
    if (section.sent == Violation::none) {
      REQUIRE(error_of(checked.call(call)) == Misuse::none);
      CHECK(same_section(checked.blocks(1).at(0), section.fields));
      return;
    }
    check_refused(checked, call);
    REQUIRE(checked.call([](Connection& c) { return c.send_informational(one, 103, {}); }));
    if (section.sent == Violation::interim_response_invalid) return;  // 101 is no status of HTTP/2 at all (8.6)
    Harness unchecked = server_with(headers(1, get()), false);
    REQUIRE(error_of(unchecked.call(call)) == Misuse::none);
    CHECK(same_section(unchecked.blocks(1).at(0), section.fields));
  });
}

TEST_CASE("RFC 9113 8.3.2: a status is of three digits, and an interim one is sent as such") {
  constexpr std::uint16_t kNotFinal[] = {0, 1, 99, 100, 101, 103, 199, 1000, 65535};
  constexpr std::uint16_t kNotInterim[] = {0, 99, 101, 200, 404, 1000, 65535};
  for (const std::uint16_t status : kNotFinal) {
    CAPTURE(status);
    Harness server = server_with(headers(1, get()));
    check_refused(server, [&](Connection& c) { return c.send_response(one, status, {}, EndStream::no); });
  }
  for (const std::uint16_t status : kNotInterim) {
    CAPTURE(status);
    Harness server = server_with(headers(1, get()));
    check_refused(server, [&](Connection& c) { return c.send_informational(one, status, {}); });
  }
}

TEST_CASE("RFC 9113 8.1: trailers that no peer would take are not sent, by neither side, and the next ones are") {
  each(trailer_sections(), [](const Section& section) {
    std::vector<Field> views;
    for (const OwnedField& field : section.fields) views.push_back({field.name, field.value});
    const auto call = [&](Connection& c) { return c.send_trailers(one, views); };
    const Bytes content = bytes_of("x");
    const auto begun = [&](Role role, bool validate) {
      Harness harness = role == Role::client ? client(validate) : server_with(headers(1, get(), kEnd), validate);
      const auto made = harness.call([&](Connection& c) -> Result<void> {
        if (role == Role::server) return c.send_response(one, 200, {}, EndStream::no);
        const auto id = c.send_request(kPost, EndStream::no);
        return id ? Result<void>{} : Result<void>{id.error()};
      });
      REQUIRE(made);
      REQUIRE(harness.call([&](Connection& c) { return c.send_data(one, content, Token{1}, EndStream::no); }));
      return harness;
    };
    for (const Role role : {Role::client, Role::server}) {
      Harness checked = begun(role, true);
      if (section.sent == Violation::none) {
        REQUIRE(error_of(checked.call(call)) == Misuse::none);
        CHECK(same_section(checked.blocks(1).at(1), section.fields));
        continue;
      }
      check_refused(checked, call);
      REQUIRE(checked.call([](Connection& c) { return c.send_trailers(one, {}); }));
      Harness unchecked = begun(role, false);
      REQUIRE(error_of(unchecked.call(call)) == Misuse::none);
      CHECK(same_section(unchecked.blocks(1).at(1), section.fields));
    }
  });
}

TEST_CASE("RFC 9113 5.1.2: a promise is not fulfilled over the limit of streams that the client has set meanwhile") {
  Harness server = server_with(headers(1, get(), kEnd));
  REQUIRE(server.call([](Connection& c) { return c.push(one, kGet); }));
  const auto fulfil = [](Connection& c) { return c.send_response(StreamId{2}, 200, {}, EndStream::no); };
  server.feed(settings({{SettingId::max_concurrent_streams, 0}}));
  server.sent();
  CHECK(error_of(server.call(fulfil)) == Misuse::push_disabled);
  CHECK(server.sent().empty());
  server.feed(settings({{SettingId::max_concurrent_streams, 1}}));
  CHECK(error_of(server.call(fulfil)) == Misuse::none);
}

// ---- content against content-length

struct Content {
  const char* what;
  const char* length;
  std::size_t before;  // bytes that were sent
  int last;            // bytes of the call that matters, or a section of trailers
  EndStream end;
  bool good;
};
constexpr int kTrailers = -1;

constexpr Content kContents[] = {
    {"as long, at once", "5", 0, 5, EndStream::yes, true},
    {"as long, in two", "5", 3, 2, EndStream::yes, true},
    {"as long, then the end", "5", 5, 0, EndStream::yes, true},
    {"as long, then trailers", "5", 5, kTrailers, EndStream::yes, true},
    {"so far", "5", 1, 2, EndStream::no, true},
    {"none", "0", 0, 0, EndStream::yes, true},
    {"too long at once", "5", 0, 6, EndStream::no, false},
    {"too long at once, with the end", "5", 0, 6, EndStream::yes, false},
    {"too long by the second", "5", 3, 3, EndStream::no, false},
    {"too long behind the last", "5", 5, 1, EndStream::no, false},
    {"some where none should be", "0", 0, 1, EndStream::no, false},
    {"too short at once", "5", 0, 4, EndStream::yes, false},
    {"too short in two", "5", 2, 2, EndStream::yes, false},
    {"too short, then the end", "5", 4, 0, EndStream::yes, false},
    {"too short, then trailers", "5", 4, kTrailers, EndStream::yes, false},
    {"nothing, then trailers", "5", 0, kTrailers, EndStream::yes, false},
};

template <class Begin>
void check_contents(Begin&& begin) {
  const Bytes bytes = bytes_of("123456");
  const ByteView all = bytes;
  for (const Content& row : kContents) {
    CAPTURE(row.what);
    for (const bool copied : {false, true}) {
      const auto send = [&](Connection& c, std::size_t count, EndStream end) -> Result<void> {
        if (!copied) return c.send_data(one, all.first(count), Token{1}, end);
        const auto taken = c.send_copy(one, all.first(count), end);
        return taken ? Result<void>{} : Result<void>{taken.error()};
      };
      const auto last = [&](Connection& c) -> Result<void> {
        return row.last == kTrailers ? c.send_trailers(one, {}) : send(c, static_cast<std::size_t>(row.last), row.end);
      };
      const Field length{"content-length", row.length};
      Harness checked = begin(length, true);
      if (row.before > 0) REQUIRE(checked.call([&](Connection& c) { return send(c, row.before, EndStream::no); }));
      if (row.good) {
        CHECK(error_of(checked.call(last)) == Misuse::none);
        continue;
      }
      check_refused(checked, last);
      Harness unchecked = begin(length, false);
      if (row.before > 0) REQUIRE(unchecked.call([&](Connection& c) { return send(c, row.before, EndStream::no); }));
      CHECK(error_of(unchecked.call(last)) == Misuse::none);
      CHECK_FALSE(unchecked.sent().empty());
    }
  }
}

TEST_CASE("RFC 9113 8.1.1: a client's content is as long as its content-length, or the call is refused") {
  check_contents([](const Field& length, bool validate) {
    Harness harness = client(validate);
    Request request = kPost;
    request.fields = {&length, 1};
    REQUIRE(harness.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
    return harness;
  });
}

TEST_CASE("RFC 9113 8.1.1: a server's content is as long as its content-length, or the call is refused") {
  check_contents([](const Field& length, bool validate) {
    Harness harness = server_with(headers(1, get(), kEnd), validate);
    REQUIRE(harness.call([&](Connection& c) { return c.send_response(one, 200, {&length, 1}, EndStream::no); }));
    return harness;
  });
}

TEST_CASE("RFC 9113 8.1.1: a head that ends its message promises no content") {
  const Field length{"content-length", "5"};
  Request request = kPost;
  request.fields = {&length, 1};
  const auto ask = [&](Connection& c) { return c.send_request(request, EndStream::yes); };
  const auto answer = [&](Connection& c) { return c.send_response(one, 200, {&length, 1}, EndStream::yes); };
  Harness asking = client(), answering = server_with(headers(1, get(), kEnd));
  check_refused(asking, ask);
  check_refused(answering, answer);
  Harness asking_freely = client(false), answering_freely = server_with(headers(1, get(), kEnd), false);
  CHECK(error_of(asking_freely.call(ask)) == Misuse::none);
  CHECK(error_of(answering_freely.call(answer)) == Misuse::none);
}

TEST_CASE("RFC 9113 8.1.1: a response that cannot have content is given none") {
  const Bytes content = bytes_of("x");
  struct Case {
    const char* method;
    std::uint16_t status;
  };
  for (const Case& row : {Case{"HEAD", 200}, Case{"HEAD", 404}, Case{"GET", 204}, Case{"GET", 304}}) {
    CAPTURE(row.method);
    CAPTURE(row.status);
    for (const bool validate : {true, false}) {
      OwnedFields head = get();
      head[0].value = row.method;
      Harness server = server_with(headers(1, head, kEnd), validate);
      const Field length{"content-length", "5"};
      const std::span<const Field> fields(&length, row.status == 204 ? 0 : 1);
      REQUIRE(server.call([&](Connection& c) { return c.send_response(one, row.status, fields, EndStream::no); }));
      const auto send = [&](Connection& c) { return c.send_data(one, content, Token{1}, EndStream::no); };
      if (validate) check_refused(server, send);
      else CHECK(error_of(server.call(send)) == Misuse::none);
      CHECK(error_of(server.call([](Connection& c) { return c.send_data(one, {}, Token{2}, EndStream::yes); })) ==
            Misuse::none);
    }
  }
}

// ---- 8.5: tunnels

TEST_CASE("RFC 9110 9.3.6: a 2xx response to CONNECT has no content-length, and what follows is of any length") {
  const OwnedFields connect{{":method", "CONNECT"}, {":authority", "example.com:443"}};
  const Bytes content = bytes_of("any length");
  const Field length{"content-length", "1"};
  const auto accept = [&](Connection& c) { return c.send_response(one, 200, {&length, 1}, EndStream::no); };
  Harness server = server_with(headers(1, connect));
  check_refused(server, accept);
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  CHECK(server.call([&](Connection& c) { return c.send_data(one, content, Token{1}, EndStream::no); }));
  Harness freely = server_with(headers(1, connect), false);
  CHECK(error_of(freely.call(accept)) == Misuse::none);
  // A refusal is a response like any other.
  Harness refusing = server_with(headers(1, connect));
  REQUIRE(refusing.call([&](Connection& c) { return c.send_response(one, 403, {&length, 1}, EndStream::no); }));
  check_refused(refusing, [&](Connection& c) { return c.send_data(one, content, Token{1}, EndStream::yes); });
}

TEST_CASE("RFC 9113 8.5: on a connected stream no trailers and no promises are sent") {
  const OwnedFields connect{{":method", "CONNECT"}, {":authority", "example.com:443"}};
  const auto trailers = [](Connection& c) { return c.send_trailers(one, {}); };
  Harness server = server_with(headers(1, connect));
  REQUIRE(server.call([](Connection& c) { return c.send_response(one, 200, {}, EndStream::no); }));
  server.sent();
  CHECK(error_of(server.call(trailers)) == Misuse::wrong_state);
  CHECK(error_of(server.call([](Connection& c) { return c.push(one, kGet); })) == Misuse::wrong_state);
  CHECK(server.sent().empty());

  Harness refusing = server_with(headers(1, connect));
  REQUIRE(refusing.call([](Connection& c) { return c.send_response(one, 403, {}, EndStream::no); }));
  CHECK(error_of(refusing.call(trailers)) == Misuse::none);

  Harness asking = client();
  const Request request{"CONNECT", {}, "example.com:443", {}, {}, {}};
  REQUIRE(asking.call([&](Connection& c) { return c.send_request(request, EndStream::no); }));
  CHECK(error_of(asking.call(trailers)) == Misuse::wrong_state);
  asking.feed(headers(1, status("200")));
  CHECK(error_of(asking.call(trailers)) == Misuse::wrong_state);
}

}  // namespace
}  // namespace h2::test
