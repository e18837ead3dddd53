// RFC 9113 8 as functions: what makes one field, and what makes a whole section, malformed, received and sent.
#include <h2core/detail/field_rules.h>
#include <h2core/detail/message.h>
#include <hpack/decoder.h>

#include "harness.h"

namespace h2 {
namespace {

using namespace detail;

struct Line {
  std::string name, value;
};
using Lines = std::vector<Line>;

/// The fields as the decoder hands them over; views of `lines`, which must live as long.
std::vector<Field> marked(const Lines& lines) {
  std::vector<Field> fields;
  for (const Line& line : lines) {
    fields.push_back({line.name, line.value, Indexing::automatic, classify(line.name, line.value, 0)});
  }
  return fields;
}

Lines operator+(Lines front, const Lines& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

const Lines kGetHead{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}};
const Lines kConnectHead{{":method", "CONNECT"}, {":authority", "example.com:443"}};
const Lines kExtendedHead{{":method", "CONNECT"},
                          {":protocol", "websocket"},
                          {":scheme", "https"},
                          {":path", "/chat"},
                          {":authority", "example.com"}};
const Lines kOk{{":status", "200"}};

/// Judges the section as received, with marks and without, which must not differ.
Violation received_request(const Lines& lines, bool extended_connect = false) {
  Head head;
  std::vector<Field> fields = marked(lines);
  const Violation with_marks = check_request(fields, extended_connect, head);
  for (Field& field : fields) field.mark = 0;
  CHECK(check_request(fields, extended_connect, head) == with_marks);
  return with_marks;
}

/// The same section as a caller gives it: pseudo-fields apart, so there must be one of each at most, in front.
Violation sent_request(const Lines& lines, bool extended_connect = false) {
  Request request;
  std::vector<Field> fields;
  for (const Line& line : lines) {
    if (line.name == ":method") request.method = line.value;
    else if (line.name == ":scheme") request.scheme = line.value;
    else if (line.name == ":authority") request.authority = line.value;
    else if (line.name == ":path") request.path = line.value;
    else if (line.name == ":protocol") request.protocol = line.value;
    else fields.push_back({line.name, line.value});
  }
  request.fields = fields;
  Head head;
  return check_sent_request(request, extended_connect, head);
}

/// Both directions agree.
Violation request(const Lines& lines, bool extended_connect = false) {
  const Violation received = received_request(lines, extended_connect);
  CHECK(sent_request(lines, extended_connect) == received);
  return received;
}

Violation received_response(const Lines& lines) {
  Head head;
  return check_response(marked(lines), head);
}
Violation sent_response(int status, const Lines& lines) {
  std::int64_t content_length = 0;
  return check_sent_response(static_cast<std::uint16_t>(status), marked(lines), content_length);
}
Violation response(const Lines& lines) {
  const Violation received = received_response(kOk + lines);
  CHECK(sent_response(200, lines) == received);
  return received;
}

Violation trailers(const Lines& lines) {
  const std::vector<Field> fields = marked(lines);
  const Violation received = check_trailers(fields);
  CHECK(check_sent_trailers(fields) == received);
  return received;
}

/// A regular field gets the same verdict in every kind of section, on either way.
Violation anywhere(const std::string& name, const std::string& value) {
  const Violation found = request(kGetHead + Lines{{name, value}});
  CHECK(response({{name, value}}) == found);
  CHECK(trailers({{name, value}}) == found);
  return found;
}

bool is_lower_tchar(int octet) {
  return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') ||
         (octet != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(octet)) != std::string_view::npos);
}

TEST_CASE(
    "RFC 9113 8.2.1: a field name is lower-case token octets, at its start, middle and end [9113-8.2.1a] [9113-8.2.1c] "
    "[9113-8.2.1d]") {
  for (int octet = 0; octet < 256; ++octet) {
    CAPTURE(octet);
    const std::string one(1, static_cast<char>(octet));
    const Violation expected = is_lower_tchar(octet) ? Violation::none : Violation::field_name_invalid;
    for (const std::string& name : {"ab" + one + "cd", "abcd" + one, "a-long-name-of-the-usual-kind" + one + "x"}) {
      CHECK(anywhere(name, "v") == expected);
    }
    if (octet == ':') continue;  // makes a pseudo-field
    CHECK(anywhere(one + "abcd", "v") == expected);
    CHECK(anywhere(one, "v") == expected);
  }
  CHECK(anywhere("", "v") == Violation::field_name_invalid);
}

TEST_CASE("RFC 9113 8.2.1: every octet of a well-known name counts") {
  for (const std::string name : {"te", "host", "cookie", "upgrade", "priority", "connection", "keep-alive",
                                 "content-length", "proxy-connection", "transfer-encoding"}) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      CAPTURE(name);
      std::string other = name;
      other[i] = 'z';
      CHECK(anywhere(other, "v") == Violation::none);
      other[i] = 'Z';
      CHECK(anywhere(other, "v") == Violation::field_name_invalid);
    }
  }
}

TEST_CASE(
    "RFC 9113 8.2.1: no value has a control other than HTAB, at its start, middle or end [9113-8.2.1a] [9113-8.2.1e] "
    "[9113-8.2.1f] [9110-5.5a] [9110-5.5d]") {
  for (int octet = 0; octet < 256; ++octet) {
    CAPTURE(octet);
    const std::string one(1, static_cast<char>(octet));
    const bool control = (octet < 0x20 && octet != '\t') || octet == 0x7f;
    const bool blank = octet == ' ' || octet == '\t';
    const Violation inside = control ? Violation::field_value_invalid : Violation::none;
    const Violation at_the_edge = control || blank ? Violation::field_value_invalid : Violation::none;
    CHECK(anywhere("x", one) == at_the_edge);
    for (std::size_t length = 1; length <= 40; ++length) {
      for (std::size_t at = 0; at <= length; ++at) {
        std::string value(length, 'v');
        value.insert(at, one);
        const Violation expected = at == 0 || at == length ? at_the_edge : inside;
        REQUIRE((classify("x", value, 0) & kValueBad) == (expected == Violation::none ? 0 : kValueBad));
      }
    }
    CHECK(anywhere("x", "value" + one + "of some length") == inside);
  }
  CHECK(anywhere("x", "") == Violation::none);
  CHECK(anywhere("x", "\ta") == Violation::field_value_invalid);
  CHECK(anywhere("x", "a\tb  \t c") == Violation::none);
}

TEST_CASE("RFC 9113 8.2.1: a control hides behind no neighbour that borrows from it") {
  for (const char* value : {"\x1f ", "x\x01 x!\x20 abc", "12345678\x7f", "\x80\x7f\x80", "aaaaaaa\x1f\x20 bbbbbbb"}) {
    CHECK(anywhere("x", value) == Violation::field_value_invalid);
  }
  CHECK(anywhere("x", "\x80\xff\xa0\x9f!\x80  \xff\xff") == Violation::none);
}

TEST_CASE("RFC 9113 8.2.1: pseudo-fields obey the rule for values too") {
  for (const char* bad : {"/a\nb", "/ ", " /", "/\x7f", "/a\tb"}) {
    CAPTURE(bad);
    const Lines lines{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", bad}};
    CHECK(request(lines) != Violation::none);
  }
  CHECK(received_request({{":method", "GET"}, {":scheme", "https"}, {":path", "/a\r\nb"}}) ==
        Violation::field_value_invalid);
  CHECK(received_response({{":status", "200\r"}}) == Violation::field_value_invalid);
}

TEST_CASE(
    "RFC 9113 8.2.2: connection-specific fields make any message malformed [9113-8.2.2a] [9113-8.2.2b] [9110-7.6.1a]") {
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    CAPTURE(name);
    CHECK(anywhere(name, "x") == Violation::connection_specific_field);
    CHECK(anywhere(name, "") == Violation::connection_specific_field);
  }
}

TEST_CASE("RFC 9113 8.2.2: te says \"trailers\", in a request only [9113-8.2.2c] [9110-10.1.4a]") {
  CHECK(request(kGetHead + Lines{{"te", "trailers"}}) == Violation::none);
  CHECK(request(kGetHead + Lines{{"te", "Trailers"}}) == Violation::none);
  for (const char* value : {"", "gzip", "trailers, gzip", "trailers;q=1", "trailer", "trailersx"}) {
    CAPTURE(value);
    CHECK(request(kGetHead + Lines{{"te", value}}) == Violation::te_invalid);
  }
  CHECK(response({{"te", "trailers"}}) == Violation::connection_specific_field);
  CHECK(trailers({{"te", "trailers"}}) == Violation::connection_specific_field);
}

TEST_CASE("RFC 9113 8.3.1: a request has one method, scheme and path [9113-8.3h] [9113-8.3.1n]") {
  CHECK(request(kGetHead) == Violation::none);
  for (std::size_t i = 0; i < kGetHead.size(); ++i) {
    CAPTURE(kGetHead[i].name);
    Lines without = kGetHead;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    const bool optional = kGetHead[i].name == ":authority";
    CHECK(request(without) == (optional ? Violation::none : Violation::pseudo_field_missing));
    CHECK(received_request(kGetHead + Lines{kGetHead[i]}) == Violation::pseudo_field_repeated);
  }
  CHECK(received_request({}) == Violation::pseudo_field_missing);
  CHECK(received_request({{"accept", "*/*"}}) == Violation::pseudo_field_missing);
}

TEST_CASE("RFC 9113 8.3: pseudo-fields stand in front of regular ones [9113-8.3g]") {
  CHECK(received_request(Lines{{"accept", "*/*"}} + kGetHead) == Violation::pseudo_field_order);
  const Lines late{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"a", "b"}, {":authority", "x"}};
  CHECK(received_request(late) == Violation::pseudo_field_order);
  CHECK(received_response(kOk + Lines{{"a", "b"}, {":status", "200"}}) == Violation::pseudo_field_order);
}

TEST_CASE("RFC 9113 8.3: a pseudo-field is one that its message can have [9113-8.3e]") {
  for (const char* name : {":foo", ":status", ":pathx", ":p", ":host"}) {
    CAPTURE(name);
    CHECK(received_request(kGetHead + Lines{{name, "200"}}) == Violation::pseudo_field_unknown);
  }
  for (const char* name : {":method", ":scheme", ":path", ":authority", ":protocol", ":reason"}) {
    CAPTURE(name);
    CHECK(received_response(kOk + Lines{{name, "/"}}) != Violation::none);
  }
  CHECK(received_response({{":method", "GET"}, {":status", "200"}}) == Violation::pseudo_field_unknown);
  for (const char* name : {":", ":Path", ":pa th", "::path", ":path:"}) {
    CAPTURE(name);
    CHECK(received_request(kGetHead + Lines{{name, "x"}}) == Violation::field_name_invalid);
  }
}

TEST_CASE("RFC 9113 8.3: the caller's own fields hold no pseudo-field") {
  CHECK(sent_request(kGetHead + Lines{{":foo", "x"}}) == Violation::pseudo_field_order);
  CHECK(sent_response(200, {{":status", "200"}}) == Violation::pseudo_field_order);
}

TEST_CASE("RFC 9113 8.3.1: :path begins with a slash, or is an asterisk for OPTIONS") {
  const auto with = [](const char* method, const char* scheme, const char* path) {
    return received_request({{":method", method}, {":scheme", scheme}, {":path", path}});
  };
  for (const char* path : {"/", "//", "/a?b=c&d", "/*", "/%20", "/\xc3\xa4|[]{}\"", "/a:b@c"}) {
    CAPTURE(path);
    CHECK(with("GET", "https", path) == Violation::none);
  }
  for (const char* path : {"", "a", "*", "*/", "?a", "http://example.com/", "/a b", "/a#b", "/a\x7f"}) {
    CAPTURE(path);
    CHECK(with("GET", "https", path) != Violation::none);
    CHECK(with("GET", "http", path) != Violation::none);
  }
  CHECK(with("OPTIONS", "https", "*") == Violation::none);
  CHECK(with("OPTIONS", "https", "**") == Violation::pseudo_field_value);
  CHECK(with("OPTIONS", "https", "") == Violation::pseudo_field_value);
  CHECK(with("options", "https", "*") == Violation::pseudo_field_value);
  CHECK(with("GET", "coap", "") == Violation::none);
  CHECK(with("GET", "coap", "x") == Violation::pseudo_field_value);
}

TEST_CASE("RFC 9113 8.3.1: every octet of :path") {
  for (int octet = 0; octet < 256; ++octet) {
    CAPTURE(octet);
    const std::string one(1, static_cast<char>(octet));
    const bool fine = octet > 0x20 && octet != 0x7f && octet != '#';
    for (const std::string& path : {"/" + one, "/" + one + "a", "/a/b/c/d/e/f" + one + "g"}) {
      const Violation found = request({{":method", "GET"}, {":scheme", "https"}, {":path", path}});
      CHECK((found == Violation::none) == fine);
    }
  }
}

TEST_CASE("RFC 9110 9.1: :method is a token [9110-9.1a]") {
  for (const char* method : {"GET", "get", "M-SEARCH", "X!", "VERSION-CONTROL"}) {
    CHECK(request({{":method", method}, {":scheme", "https"}, {":path", "/"}}) == Violation::none);
  }
  for (const char* method : {"G T", "GET/", "G\x80T", "(", "GET:"}) {
    CAPTURE(method);
    CHECK(request({{":method", method}, {":scheme", "https"}, {":path", "/"}}) == Violation::pseudo_field_value);
  }
  CHECK(received_request({{":method", ""}, {":scheme", "https"}, {":path", "/"}}) == Violation::pseudo_field_value);
}

TEST_CASE("RFC 3986 3.1: :scheme is a letter and more") {
  for (const char* scheme : {"http", "HTTPS", "coap+tcp", "x", "a1.-+"}) {
    CHECK(request({{":method", "GET"}, {":scheme", scheme}, {":path", "/"}}) == Violation::none);
  }
  for (const char* scheme : {"1http", "ht tp", "http:", "https://x", "h\xe4", "+a"}) {
    CAPTURE(scheme);
    CHECK(request({{":method", "GET"}, {":scheme", scheme}, {":path", "/"}}) == Violation::pseudo_field_value);
  }
  CHECK(received_request({{":method", "GET"}, {":scheme", ""}, {":path", "/"}}) == Violation::pseudo_field_value);
}

TEST_CASE("RFC 9113 8.3.1: :authority is a host and perhaps a port") {
  const auto with = [](const char* scheme, const char* authority) {
    return received_request({{":method", "GET"}, {":scheme", scheme}, {":authority", authority}, {":path", "/"}});
  };
  for (const char* authority :
       {"example.com", "example.com:8080", "example.com:", "EXAMPLE.com", "a_b-c.d", "127.0.0.1:1", "[::1]",
        "[::1]:443", "[v1.x:y]", "x%20y", "xn--bcher-kva.example", "a:65535", "a,b;c=d"}) {
    CAPTURE(authority);
    CHECK(with("https", authority) == Violation::none);
    CHECK(with("coap", authority) == Violation::none);
  }
  for (const char* authority : {"example.com:x",
                                "example.com:65536",
                                "example.com:80:80",
                                "a b",
                                "a/b",
                                "a?b",
                                "a#b",
                                "a\\b",
                                "[::1",
                                "::1",
                                "[]",
                                "[::1]x",
                                "[::1]:x",
                                ":80",
                                "a%",
                                "a%2",
                                "a%zz",
                                "a\"",
                                "b\xc3\xbc.example",
                                "<a>",
                                "[a/b]",
                                "[fe80::1%251]"}) {
    CAPTURE(authority);
    CHECK(with("https", authority) == Violation::pseudo_field_value);
    CHECK(with("coap", authority) == Violation::pseudo_field_value);
  }
}

TEST_CASE("RFC 9113 8.3.1: http and https have no userinfo, and no empty authority [9113-8.3.1j]") {
  const auto with = [](const char* scheme, const char* authority) {
    return received_request({{":method", "GET"}, {":scheme", scheme}, {":authority", authority}, {":path", "/"}});
  };
  for (const char* authority : {"user@example.com", "user:password@example.com:80", "@example.com"}) {
    CAPTURE(authority);
    CHECK(with("http", authority) == Violation::pseudo_field_value);
    CHECK(with("https", authority) == Violation::pseudo_field_value);
    CHECK(with("ftp", authority) == Violation::none);
  }
  CHECK(with("https", "") == Violation::pseudo_field_value);
  CHECK(with("file", "") == Violation::none);
  CHECK(with("ftp", "a@b@c") == Violation::pseudo_field_value);
  CHECK(with("ftp", "a@") == Violation::pseudo_field_value);
}

TEST_CASE("RFC 9113 8.3.1: host says the same as :authority, once [9113-8.3.1d] [9113-8.3.1e] [9113-8.3.1f]") {
  const auto with = [](const char* scheme, const char* authority, const char* host) {
    return request(
        {{":method", "GET"}, {":scheme", scheme}, {":authority", authority}, {":path", "/"}, {"host", host}});
  };
  CHECK(with("https", "example.com", "example.com") == Violation::none);
  CHECK(with("https", "example.com", "Example.COM") == Violation::none);
  CHECK(with("https", "example.com", "example.com:443") == Violation::none);
  CHECK(with("https", "example.com:443", "example.com:") == Violation::none);
  CHECK(with("http", "example.com:80", "example.com") == Violation::none);
  CHECK(with("http", "[::1]:80", "[::1]") == Violation::none);
  for (const char* host :
       {"example.org", "example.com:80", "example.com:4430", "", "xexample.com", "user@example.com"}) {
    CAPTURE(host);
    CHECK(with("https", "example.com", host) == Violation::host_differs);
  }
  CHECK(with("http", "example.com", "example.com:443") == Violation::host_differs);
  CHECK(with("coap", "example.com", "example.com:80") == Violation::host_differs);
  CHECK(request(kGetHead + Lines{{"host", "example.com"}, {"host", "example.com"}}) == Violation::host_differs);
  const Lines alone{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "anything at all"}};
  CHECK(request(alone) == Violation::none);
}

TEST_CASE(
    "RFC 9113 8.5: CONNECT has a method and an authority with a port, no more [9113-8.5a] [9110-9.3.6a] "
    "[9110-9.3.6b]") {
  CHECK(request(kConnectHead) == Violation::none);
  CHECK(request(kConnectHead + Lines{{"host", "example.com:443"}}) == Violation::none);
  CHECK(request(kConnectHead + Lines{{"host", "example.com"}}) == Violation::host_differs);
  CHECK(request({{":method", "CONNECT"}}) == Violation::connect_request_invalid);
  CHECK(request(kConnectHead + Lines{{":scheme", "https"}}) == Violation::connect_request_invalid);
  CHECK(request(kConnectHead + Lines{{":path", "/"}}) == Violation::connect_request_invalid);
  CHECK(request(kConnectHead + Lines{{":scheme", "https"}, {":path", "/"}}) == Violation::connect_request_invalid);
  for (const char* authority : {"example.com", "example.com:", "u@example.com:443"}) {
    CAPTURE(authority);
    CHECK(request({{":method", "CONNECT"}, {":authority", authority}}) == Violation::connect_request_invalid);
  }
  CHECK(request({{":method", "CONNECT"}, {":authority", "[::1]:443"}}) == Violation::none);
  CHECK(received_request({{":method", "CONNECT"}, {":authority", ""}}) == Violation::connect_request_invalid);
}

TEST_CASE("RFC 8441 4: :protocol comes with CONNECT, scheme, path and authority, where it was announced [8441-4a]") {
  CHECK(request(kExtendedHead, true) == Violation::none);
  CHECK(request(kExtendedHead, false) == Violation::pseudo_field_unknown);
  CHECK(request(kGetHead + Lines{{":protocol", "websocket"}}, true) == Violation::pseudo_field_unknown);
  CHECK(request(kConnectHead + Lines{{":protocol", "websocket"}}, true) == Violation::connect_request_invalid);
  for (std::size_t i = 2; i < kExtendedHead.size(); ++i) {
    CAPTURE(kExtendedHead[i].name);
    Lines without = kExtendedHead;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(request(without, true) == Violation::connect_request_invalid);
  }
  CHECK(request(kConnectHead, true) == Violation::none);
  for (const char* protocol : {"connect-udp", "HTTP/2.0"}) {
    Lines lines = kExtendedHead;
    lines[1].value = protocol;
    CHECK(request(lines, true) == Violation::none);
  }
  for (const char* protocol : {"web socket", "/", "a/", "/1", "a/b/c", "a,b"}) {
    CAPTURE(protocol);
    Lines lines = kExtendedHead;
    lines[1].value = protocol;
    CHECK(request(lines, true) == Violation::pseudo_field_value);
  }
}

TEST_CASE("RFC 9113 8.3.2: :status is three digits from 100 [9113-8.3.2a] [9110-15a]") {
  for (const char* status : {"100", "103", "200", "204", "404", "599", "600", "999"}) {
    CAPTURE(status);
    Head head;
    const Lines lines{{":status", status}};
    const std::vector<Field> fields = marked(lines);
    CHECK(check_response(fields, head) == Violation::none);
    CHECK(head.status == std::stoi(status));
    CHECK(sent_response(std::stoi(status), {}) == Violation::none);
  }
  for (const char* status : {"", "2", "20", "099", "000", "2000", "0200", "20x", "x00", "2 0", "-20", "+20"}) {
    CAPTURE(status);
    CHECK(received_response({{":status", status}}) == Violation::status_invalid);
  }
  for (const int status : {0, 1, 99, 1000, 65535}) CHECK(sent_response(status, {}) == Violation::status_invalid);
  CHECK(received_response({}) == Violation::status_invalid);
  CHECK(received_response({{"server", "x"}}) == Violation::status_invalid);
  CHECK(received_response(kOk + kOk) == Violation::pseudo_field_repeated);
}

TEST_CASE("RFC 9110 8.6: content-length is one decimal number that fits [9110-8.6h] [9110-8.6j]") {
  const auto length_of = [](const char* value) {
    Head head;
    const Lines lines = kGetHead + Lines{{"content-length", value}};
    const std::vector<Field> fields = marked(lines);
    CHECK(check_request(fields, false, head) == Violation::none);
    Head sent;
    CHECK(check_sent_request({"GET", "https", "x", "/", head.regular, {}}, false, sent) == Violation::none);
    CHECK(sent.content_length == head.content_length);
    return head.content_length;
  };
  CHECK(length_of("0") == 0);
  CHECK(length_of("42") == 42);
  CHECK(length_of("0042") == 42);
  CHECK(length_of("00000000000000000000000000000000000007") == 7);
  CHECK(length_of("9223372036854775807") == 9223372036854775807);
  for (const char* value : {"", "+1", "-1", "1, 1", "1,1", "1 1", "0x1", "1.0", "1e3", "9223372036854775808",
                            "18446744073709551616", "99999999999999999999999999", "one"}) {
    CAPTURE(value);
    CHECK(request(kGetHead + Lines{{"content-length", value}}) == Violation::content_length_invalid);
    CHECK(response({{"content-length", value}}) == Violation::content_length_invalid);
  }
  const Lines twice{{"content-length", "1"}, {"content-length", "1"}};
  CHECK(request(kGetHead + twice) == Violation::content_length_invalid);
  CHECK(response(twice) == Violation::content_length_invalid);
}

TEST_CASE("RFC 9110 8.6: 1xx and 204 have no content-length [9110-8.6e]") {
  const auto received = [](const char* status, const char* length) {
    return received_response({{":status", status}, {"content-length", length}});
  };
  CHECK(received("103", "0") == Violation::content_length_invalid);
  CHECK(received("204", "1") == Violation::content_length_invalid);
  CHECK(received("204", "0") == Violation::none);
  CHECK(received("304", "7") == Violation::none);
  CHECK(sent_response(103, {{"content-length", "0"}}) == Violation::content_length_invalid);
  CHECK(sent_response(204, {{"content-length", "0"}}) == Violation::content_length_invalid);
  CHECK(sent_response(304, {{"content-length", "7"}}) == Violation::none);
}

TEST_CASE(
    "RFC 9113 8.1: trailers have no pseudo-field; RFC 9110 6.5.1: nor what frames or routes the message "
    "[9110-6.5.1a]") {
  CHECK(trailers({}) == Violation::none);
  CHECK(trailers({{"grpc-status", "0"}, {"etag", "x"}}) == Violation::none);
  for (const char* name : {":status", ":path", ":foo"}) {
    CHECK(trailers({{name, "200"}}) == Violation::trailers_pseudo_field);
    CHECK(trailers({{"a", "b"}, {name, "/"}}) == Violation::trailers_pseudo_field);
  }
  CHECK(trailers({{"content-length", "0"}}) == Violation::content_length_invalid);
  const Lines lines{{"host", "example.com"}};
  const std::vector<Field> host = marked(lines);
  CHECK(check_trailers(host) == Violation::none);
  CHECK(check_sent_trailers(host) == Violation::host_differs);
}

TEST_CASE("A section that was refused leaves the head untouched; one that was accepted fills it") {
  Head head;
  head.method = "before";
  CHECK(check_request(marked({{":method", "GET"}}), false, head) == Violation::pseudo_field_missing);
  CHECK(head.method == "before");
  const Lines lines = kGetHead + Lines{{"accept", "*/*"}, {"content-length", "3"}, {"cookie", "a=b"}};
  const std::vector<Field> fields = marked(lines);
  REQUIRE(check_request(fields, false, head) == Violation::none);
  CHECK(head.method == "GET");
  CHECK(head.scheme == "https");
  CHECK(head.authority == "example.com");
  CHECK(head.path == "/");
  CHECK(head.protocol.empty());
  CHECK(head.content_length == 3);
  CHECK(head.regular.size() == 3);
  CHECK(head.regular.data() == &fields[4]);
  Declared response = head;
  REQUIRE(check_response(marked(kOk), response) == Violation::none);
  CHECK(response.status == 200);
  CHECK(response.content_length == -1);
  CHECK(response.cookies == 0);
  CHECK(response.regular.empty());
}

TEST_CASE("A mark that the caller left on a field does not vouch for it") {
  Field field{"accept", "ok", Indexing::automatic, classify("accept", "ok", 0)};
  field.value = "not\nok";
  std::int64_t content_length = 0;
  CHECK(check_sent_response(200, std::span(&field, 1), content_length) == Violation::field_value_invalid);
}

TEST_CASE("A name taken from the table keeps its verdict, a value does not") {
  const std::uint32_t bad_name = classify("Bad", "fine", 0);
  CHECK((classify("Bad", "fine", bad_name) & kNameBad) != 0);
  const std::uint32_t bad_value = classify(":path", "no slash", 0);
  CHECK((bad_value & kPseudoBad) != 0);
  CHECK(classify(":path", "/", bad_value) == classify(":path", "/", 0));
  CHECK(classify("te", "trailers", classify("te", "gzip", 0)) == classify("te", "trailers", 0));
  CHECK(classify(":status", "404", kStaticMarks[8]) == kStaticMarks[13]);
  for (std::uint32_t i = 1; i <= 61; ++i) CHECK(kStaticMarks[i] != 0);
}

TEST_CASE("Marks survive in HPACK's tables: static, literal, indexed, and by the name of another entry") {
  hpack::Decoder decoder({.classify = &classify, .static_marks = kStaticMarks});
  const auto decode = [&decoder](std::vector<unsigned char> octets) {
    decoder.begin(std::as_bytes(std::span(octets)));
    std::vector<std::uint32_t> marks;
    Field field;
    while (decoder.next(field) == hpack::Decoder::Step::field) {
      CHECK(field.mark == classify(field.name, field.value, 0));
      marks.push_back(field.mark);
    }
    REQUIRE(decoder.error() == hpack::DecodeError::none);
    return marks;
  };
  std::vector<unsigned char> all_static;
  for (unsigned i = 1; i <= 61; ++i) all_static.push_back(static_cast<unsigned char>(0x80 | i));
  CHECK(decode(all_static) == std::vector<std::uint32_t>(kStaticMarks + 1, kStaticMarks + 62));
  CHECK((decode({0x40, 1, 'A', 1, 'b'}).at(0) & kNameBad) != 0);  // into the table
  CHECK((decode({0xbe}).at(0) & kNameBad) != 0);                  // out of it
  CHECK((decode({0x7e, 1, 'c'}).at(0) & kNameBad) != 0);          // a new value for its name
  CHECK((decode({0x41 + 4, 1, 'x'}).at(0) & kPseudoBad) != 0);    // :path, by the static name
  CHECK((decode({0x7e, 1, '/'}).at(0) & kPseudoBad) == 0);        // mended
  CHECK((decode({0x40, 1, 'n', 2, '\n', 'x'}).at(0) & kValueBad) != 0);
  CHECK((decode({0xbe}).at(0) & kValueBad) != 0);
  CHECK((decode({0x7e, 1, 'c'}).at(0) & kValueBad) == 0);
}

}  // namespace
}  // namespace h2
