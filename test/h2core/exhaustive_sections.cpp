#include "exhaustive_sections.h"

namespace h2::test {
namespace {

using enum Violation;

/// Collects sections; what is refused from a peer is refused from a caller.
struct Table {
  std::vector<Section> all;
  void add(const std::string& what, const OwnedFields& fields, Violation broken = none) {
    all.push_back({what, fields, broken, broken});
  }
  void add_not_sent(const std::string& what, const OwnedFields& fields, Violation sent) {
    all.push_back({what, fields, none, sent});
  }
};

std::ptrdiff_t place(std::size_t at) { return static_cast<std::ptrdiff_t>(at); }
OwnedFields without(OwnedFields fields, std::size_t at) {
  fields.erase(fields.begin() + place(at));
  return fields;
}
OwnedFields with(OwnedFields fields, std::size_t at, const OwnedField& more) {
  fields.insert(fields.begin() + place(at), more);
  return fields;
}
OwnedFields changed(OwnedFields fields, std::size_t at, std::string_view value) {
  fields[at].value = value;
  return fields;
}
OwnedFields joined(OwnedFields fields, const OwnedFields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// 8.2.2 and 8.2.1: fields that no section may have behind `head`.
void add_forbidden_fields(Table& table, const OwnedFields& head) {
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    for (const char* value : {"x", "", "close", "chunked", "h2c", "trailers"}) {
      table.add(std::string(name) + ": " + value, joined(head, {{name, value}}), connection_specific_field);
    }
    table.add(std::string(name) + " behind others", joined(head, {{"a", "b"}, {name, "x"}, {"c", "d"}}),
              connection_specific_field);
  }
  table.add("an upper-case name", joined(head, {{"Accept", "*/*"}}), field_name_invalid);
  table.add("an upper-case connection-specific name", joined(head, {{"Connection", "close"}}), field_name_invalid);
  table.add("an empty name", joined(head, {{"", "x"}}), field_name_invalid);
  table.add("a colon in a name", joined(head, {{"a:b", "x"}}), field_name_invalid);
  table.add("a line break in a value", joined(head, {{"a", "b\r\nc: d"}}), field_value_invalid);
  table.add("a defect behind good fields", joined(head, {{"a", "b"}, {"c", "d"}, {"e", "f "}}), field_value_invalid);
}

/// RFC 9110 8.6 behind `head`, of a message that goes on.
void add_content_lengths(Table& table, const OwnedFields& head) {
  for (const char* value : {"0", "5", "005", "9223372036854775807"}) {
    table.add(std::string("content-length ") + value, joined(head, {{"content-length", value}}));
  }
  for (const char* value : {"", "+5", "-5", "5,5", "5, 5", "5;5", "5 5", "0x5", "5.0", "5e0", "five", "\xb2",
                            "9223372036854775808", "18446744073709551621", "99999999999999999999999"}) {
    table.add(std::string("content-length ") + value, joined(head, {{"content-length", value}}),
              content_length_invalid);
  }
  for (const char* value : {" 5", "5 ", "\t5", "5\n"}) {
    table.add("content-length with space", joined(head, {{"content-length", value}}), field_value_invalid);
  }
  table.add("content-length twice", joined(head, {{"content-length", "5"}, {"content-length", "5"}}),
            content_length_invalid);
  table.add("two content-lengths", joined(head, {{"content-length", "5"}, {"a", "b"}, {"content-length", "6"}}),
            content_length_invalid);
}

/// A good value, and not the one that the heads here have.
std::string_view other_value(std::string_view name) {
  if (name == ":method") return "POST";
  if (name == ":scheme") return "http";
  if (name == ":authority") return "example.org";
  if (name == ":path") return "/other";
  if (name == ":status") return "404";
  return "x";
}
OwnedField other(const std::string& name) { return {name, std::string(other_value(name))}; }

/// 8.3: each pseudo-field of `head` twice, and behind a regular field; and such as no head like it may have.
void add_pseudo_fields(Table& table, const OwnedFields& head, std::initializer_list<const char*> foreign) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    const std::string& name = head[i].name;
    table.add(name + " twice", with(head, i, head[i]), pseudo_field_repeated);
    table.add(name + " again at the end", with(head, head.size(), head[i]), pseudo_field_repeated);
    table.add(name + " again with another value", with(head, head.size(), other(name)), pseudo_field_repeated);
    table.add(name + " behind a regular field", joined(without(head, i), {{"a", "b"}, head[i]}), pseudo_field_order);
    table.add(name + " once more behind a regular field", joined(head, {{"a", "b"}, head[i]}), pseudo_field_order);
  }
  for (const char* name : foreign) {
    for (std::size_t at = 0; at <= head.size(); ++at) {
      table.add(std::string(name) + " at " + std::to_string(at), with(head, at, other(name)), pseudo_field_unknown);
    }
    table.add(std::string(name) + " behind a regular field", joined(head, {{"a", "b"}, other(name)}),
              pseudo_field_order);
  }
  for (const char* name : {":", "::path", ":Path", ":a b"}) {
    table.add(std::string("a pseudo-field ") + name, with(head, head.size(), {name, "/"}), field_name_invalid);
  }
}

// 8.3.1: host beside :authority.
void add_hosts(Table& table) {
  for (const char* host : {"example.com", "EXAMPLE.com", "example.com:443", "example.com:"}) {
    table.add(std::string("host ") + host, get({{"host", host}}));
  }
  for (const char* host :
       {"example.org", "example.com:80", "example.com:4430", "", "www.example.com", "example.com."}) {
    table.add(std::string("host ") + host, get({{"host", host}}), host_differs);
  }
  OwnedFields plain = changed(get(), 1, "http");
  table.add("the default port of http", joined(plain, {{"host", "example.com:80"}}));
  table.add("the default port of https under http", joined(plain, {{"host", "example.com:443"}}), host_differs);
  table.add("host alone", joined(without(get(), 2), {{"host", "example.org"}}));
  table.add("neither host nor :authority", without(get(), 2));
  table.add("host twice", get({{"host", "example.com"}, {"host", "example.com"}}), host_differs);
  table.add("two hosts", get({{"host", "example.com"}, {"a", "b"}, {"host", "example.org"}}), host_differs);
  table.add("two hosts without :authority", joined(without(get(), 2), {{"host", "a"}, {"host", "b"}}), host_differs);
}

// 8.5
void add_connects(Table& table) {
  const OwnedFields connect{{":method", "CONNECT"}, {":authority", "example.com:443"}};
  table.add("CONNECT", connect);
  table.add("CONNECT with its host", joined(connect, {{"host", "example.com:443"}}));
  table.add("CONNECT with another host", joined(connect, {{"host", "example.org:443"}}), host_differs);
  table.add("CONNECT with :scheme", with(connect, 2, {":scheme", "https"}), connect_request_invalid);
  table.add("CONNECT with :path", with(connect, 2, {":path", "/"}), connect_request_invalid);
  table.add("CONNECT with both", joined(connect, {{":scheme", "https"}, {":path", "/"}}), connect_request_invalid);
  table.add("CONNECT without :authority", without(connect, 1), connect_request_invalid);
  table.add("CONNECT without a port", changed(connect, 1, "example.com"), connect_request_invalid);
  table.add("CONNECT with an empty port", changed(connect, 1, "example.com:"), connect_request_invalid);
  table.add("CONNECT with :protocol, not announced", with(connect, 1, {":protocol", "websocket"}),
            pseudo_field_unknown);
}

}  // namespace

std::vector<Section> request_sections() {
  Table table;
  table.add("GET", get());
  table.add("POST with fields", post({{"accept", "*/*"}, {"via", "a"}, {"via", "b"}, {"cookie", "c=d"}}));
  table.add("pseudo-fields in another order",
            {{":path", "/"}, {":authority", "example.com"}, {":method", "GET"}, {":scheme", "https"}});
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    table.add(get()[i].name + " missing", without(get(), i), pseudo_field_missing);
  }
  for (std::size_t i = 0; i < get().size(); ++i) {
    table.add(get()[i].name + " empty", changed(get(), i, ""), pseudo_field_value);
  }
  table.add("no pseudo-field", {{"accept", "*/*"}}, pseudo_field_missing);
  add_pseudo_fields(table, get(), {":status", ":protocol", ":colour", ":host"});
  for (const char* path : {"index", "*", "?a=b", "http://example.com/", "/a b", "/a#b"}) {
    table.add(std::string(":path ") + path, changed(get(), 3, path), pseudo_field_value);
  }
  table.add("OPTIONS *", changed(changed(get(), 0, "OPTIONS"), 3, "*"));
  for (const char* method : {"G ET", "GET/", "GET:", "(GET)"}) {
    table.add(std::string(":method ") + method, changed(get(), 0, method), pseudo_field_value);
  }
  for (const char* scheme : {"1http", "https:", "ht/tp"}) {
    table.add(std::string(":scheme ") + scheme, changed(get(), 1, scheme), pseudo_field_value);
  }
  for (const char* authority : {"me@example.com", "example.com:x", "a b", "a/b", "a,b@c", "[::1"}) {
    table.add(std::string(":authority ") + authority, changed(get(), 2, authority), pseudo_field_value);
  }
  for (const char* bad : {"/\n", "/\r", " /", "/\t"}) {
    table.add("a control in :path", changed(get(), 3, bad), field_value_invalid);
  }
  table.add("te: trailers", get({{"te", "trailers"}}));
  for (const char* te : {"", "gzip", "trailers, gzip", "gzip, trailers", "trailers;q=0.5", "trailer", "chunked"}) {
    table.add(std::string("te: ") + te, get({{"te", te}}), te_invalid);
  }
  table.add("te twice, the second bad", get({{"te", "trailers"}, {"te", "gzip"}}), te_invalid);
  add_forbidden_fields(table, get());
  add_content_lengths(table, post());
  add_hosts(table);
  add_connects(table);
  return table.all;
}

std::vector<Section> extended_connect_sections() {
  Table table;
  const OwnedFields head{{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "https"},
                         {":path", "/chat"},
                         {":authority", "example.com"}};
  table.add("extended CONNECT", head);
  table.add("extended CONNECT with fields", joined(head, {{"sec-websocket-version", "13"}, {"host", "example.com"}}));
  table.add("CONNECT as ever", {{":method", "CONNECT"}, {":authority", "example.com:443"}});
  for (const std::size_t i : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
    table.add(head[i].name + " missing", without(head, i), connect_request_invalid);
  }
  table.add(":method missing", without(head, 0), pseudo_field_missing);
  table.add("all but :method and :protocol missing", {head[0], head[1]}, connect_request_invalid);
  table.add("all but CONNECT, :authority and :protocol missing", {head[0], head[1], head[4]}, connect_request_invalid);
  table.add(":protocol with GET", joined(get(), {{":protocol", "websocket"}}), pseudo_field_unknown);
  table.add(":protocol twice", with(head, 2, head[1]), pseudo_field_repeated);
  table.add(":protocol behind a field", joined(without(head, 1), {{"a", "b"}, head[1]}), pseudo_field_order);
  for (const char* protocol : {"web socket", "a,b", "/", "(ws)"}) {
    table.add(std::string(":protocol ") + protocol, changed(head, 1, protocol), pseudo_field_value);
  }
  table.add(":path without a slash", changed(head, 3, "chat"), pseudo_field_value);
  table.add("another host", joined(head, {{"host", "example.org"}}), host_differs);
  table.add("upgrade", joined(head, {{"upgrade", "websocket"}}), connection_specific_field);
  return table.all;
}

std::vector<Section> response_sections() {
  Table table;
  for (const char* code : {"200", "204", "304", "404", "599", "999"}) table.add(code, status(code));
  table.add("with fields", status("200", {{"server", "x"}, {"set-cookie", "a"}, {"set-cookie", "b"}}));
  for (const char* code : {"", "2", "20", "099", "000", "2000", "0200", "20x", "2 0", "-20", "+20"}) {
    table.add(std::string(":status ") + code, status(code), status_invalid);
  }
  table.add("no :status", {{"server", "x"}}, status_invalid);
  add_pseudo_fields(table, status("200"), {":method", ":scheme", ":authority", ":path", ":protocol", ":colour"});
  table.add("te: trailers", status("200", {{"te", "trailers"}}), connection_specific_field);
  add_forbidden_fields(table, status("200"));
  add_content_lengths(table, status("200"));
  table.add("304 with content-length", status("304", {{"content-length", "5"}}));
  table.add("204 with content-length", status("204", {{"content-length", "5"}}), content_length_invalid);
  table.add_not_sent("204 with content-length 0", status("204", {{"content-length", "0"}}), content_length_invalid);
  table.add("host means nothing here", status("200", {{"host", "example.org"}, {"host", "example.net"}}));
  return table.all;
}

std::vector<Section> interim_sections() {
  Table table;
  for (const char* code : {"100", "102", "103", "199"}) table.add(code, status(code));
  table.add("103 with fields", status("103", {{"link", "</a>; rel=preload"}}));
  table.add("101", status("101"), interim_response_invalid);
  add_pseudo_fields(table, status("103"), {":method", ":path", ":colour"});
  add_forbidden_fields(table, status("103"));
  table.add("te: trailers", status("103", {{"te", "trailers"}}), connection_specific_field);
  for (const char* value : {"0", "5", "x"}) {
    table.add(std::string("content-length ") + value, status("103", {{"content-length", value}}),
              content_length_invalid);
  }
  return table.all;
}

std::vector<Section> trailer_sections() {
  Table table;
  table.add("empty", {});
  table.add("fields", {{"grpc-status", "0"}, {"etag", "x"}});
  for (const char* name : {":status", ":method", ":scheme", ":authority", ":path", ":protocol", ":colour"}) {
    table.add(name, {{name, "200"}}, trailers_pseudo_field);
    table.add(std::string(name) + " behind a field", {{"a", "b"}, {name, "200"}}, trailers_pseudo_field);
  }
  add_forbidden_fields(table, {});
  table.add("te: trailers", {{"te", "trailers"}}, connection_specific_field);
  for (const char* value : {"0", "5", "x"}) {
    table.add(std::string("content-length ") + value, {{"content-length", value}}, content_length_invalid);
  }
  table.add_not_sent("host", {{"host", "example.com"}}, host_differs);
  return table.all;
}

}  // namespace h2::test
