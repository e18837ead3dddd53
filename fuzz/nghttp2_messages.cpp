// RFC 9113 8: a request to two servers, or a response to two clients. Both accept it or neither does, and what they
// deliver is the same. Where they differ for a reason, the reason is a rule below.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <vector>

#include <h2core/connection.h>

#include "nghttp2.h"
#include "wire_model.h"

namespace fuzz {
namespace {

using namespace h2;

constexpr std::string_view kNames[] = {
    ":method",        ":scheme", ":authority", ":path",      ":protocol", ":status",           "host", "te", "cookie",
    "content-length", "upgrade", "connection", "keep-alive", "priority",  "transfer-encoding", "x"};
constexpr std::string_view kValues[] = {
    "GET", "CONNECT",   "OPTIONS", "https", "http", "example.com", "example.com:443",
    "/",   "*",         "",        "200",   "204",  "trailers",    "0",
    "5",   "websocket", "103",     "HEAD",  "POST", "304"};
constexpr std::string_view kTunnelTo = "example.com:443";
constexpr std::size_t kMostParts = 4, kMostFields = 12;

struct Line {
  std::string name, value;
};
using Section = std::vector<Line>;

/// HEADERS or DATA.
struct Part {
  bool is_section;
  Section section;
  std::size_t content = 0;
};

/// What is sent on stream 1; its last part ends it.
struct Message {
  Role to = Role::server;
  std::string_view asked = "GET";  ///< by the client, if it is a response
  std::vector<Part> parts;
};

// ---- where nghttp2 1.52 and RFC 9113 differ, by rule

const Line* find(const Section& section, std::string_view name) {
  const auto found = std::ranges::find(section, name, &Line::name);
  return found == section.end() ? nullptr : &*found;
}
std::string_view value_of(const Section& section, std::string_view name) {
  const Line* const line = find(section, name);
  return line == nullptr ? std::string_view() : line->value;
}

/// Of a response, where the final head stands; the number of parts if there is none.
std::size_t final_head(const Message& message) {
  std::size_t i = 0;
  while (i < message.parts.size() && value_of(message.parts[i].section, ":status").starts_with('1')) ++i;
  return i;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "!#$%&'*+-.^_`|~") == std::string_view::npos;
}
/// A name and perhaps a port; others exist, but these are what both sides must agree on.
bool is_plain_authority(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  return is_token(host) && host.find_first_of("#%^`|") == std::string_view::npos && port.size() <= 4 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

const Section& request_of(const Message& message) { return message.parts.front().section; }
bool asks_for_tunnel(const Message& message) {
  return message.to == Role::server && value_of(request_of(message), ":method") == "CONNECT";
}
/// Of a response to CONNECT: it may begin a tunnel.
bool answers_by_tunnel(const Message& message) {
  const std::size_t head = final_head(message);
  return message.to == Role::client && message.asked == "CONNECT" && head < message.parts.size() &&
         value_of(message.parts[head].section, ":status").starts_with('2');
}

struct Difference {
  const char* reason;
  bool (*applies)(const Message& message);
};

// Where the other is laxer than RFC 9113, unless the reason says otherwise.
constexpr Difference kDifferences[] = {
    {"a tunnel carries nothing but DATA (RFC 9113 8.5)",
     [](const Message& message) {
       const bool tunnel = asks_for_tunnel(message) || answers_by_tunnel(message);
       return tunnel && message.parts.size() > 1 && message.parts.back().is_section;
     }},
    {"any 2xx begins a tunnel, also 204, whatever length it says; here nghttp2 is stricter (RFC 9110 9.3.6)",
     [](const Message& message) { return answers_by_tunnel(message); }},
    {"CONNECT names host and port (RFC 9110 9.3.6)",
     [](const Message& message) {
       const std::string_view authority = value_of(request_of(message), ":authority");
       return asks_for_tunnel(message) && authority.find_first_of("0123456789", authority.find(':')) == authority.npos;
     }},
    {"an authority is host and port and has no userinfo; nghttp2 looks at its octets only (RFC 9113 8.3.1)",
     [](const Message& message) {
       const Line* const authority = find(request_of(message), ":authority");
       return authority != nullptr && !is_plain_authority(authority->value);
     }},
    {"host says what :authority says, by the same rules (RFC 9113 8.3.1)",
     [](const Message& message) {
       const Line *const authority = find(request_of(message), ":authority"), *const host =
                                                                                  find(request_of(message), "host");
       if (host == nullptr) return false;
       return authority == nullptr ? !is_plain_authority(host->value) : host->value != authority->value;
     }},
    {"host is not repeated, in trailers neither (RFC 9110 7.2)",
     [](const Message& message) {
       return std::ranges::any_of(
           message.parts, [](const Part& part) { return std::ranges::count(part.section, "host", &Line::name) > 1; });
     }},
    {"what a host says in trailers is nobody's authority; here nghttp2 is stricter (RFC 9110 6.5.1)",
     [](const Message& message) {
       return message.parts.size() > 1 && find(message.parts.back().section, "host") != nullptr;
     }},
    {"a request may have neither :authority nor host; here nghttp2 is stricter (RFC 9113 8.3.1)",
     [](const Message& message) {
       return message.to == Role::server && value_of(request_of(message), ":authority").empty() &&
              find(request_of(message), "host") == nullptr;
     }},
    {"a status is three digits from 100 on (RFC 9110 15)",
     [](const Message& message) {
       return message.to == Role::client && std::ranges::any_of(message.parts, [](const Part& part) {
                return value_of(part.section, ":status").starts_with('0');
              });
     }},
    {"a 204 that says content-length: 0 says nothing wrong; nghttp2 takes the field out (RFC 9110 8.6)",
     [](const Message& message) {
       return message.to == Role::client && std::ranges::any_of(message.parts, [](const Part& part) {
                return value_of(part.section, ":status") == "204" && value_of(part.section, "content-length") == "0";
              });
     }},
    {"DATA comes behind the final head, also if it is empty (RFC 9113 8.1)",
     [](const Message& message) {
       const std::size_t head = final_head(message);
       return message.to == Role::client && head < message.parts.size() && !message.parts[head].is_section;
     }},
    {"te is of requests (RFC 9113 8.2.2)",
     [](const Message& message) {
       return message.to == Role::client &&
              std::ranges::any_of(message.parts, [](const Part& part) { return find(part.section, "te") != nullptr; });
     }},
    {"a path begins with a slash, whatever the scheme, and * is for OPTIONS (RFC 9113 8.3.1)",
     [](const Message& message) {
       const Section& request = request_of(message);
       const std::string_view path = value_of(request, ":path");
       return !path.empty() && !path.starts_with('/') && (path != "*" || value_of(request, ":method") != "OPTIONS");
     }},
    {"only of http and https a path is never empty; here nghttp2 is stricter (RFC 9113 8.3.1)",
     [](const Message& message) {
       const Line* const path = find(request_of(message), ":path");
       const std::string_view scheme = value_of(request_of(message), ":scheme");
       return path != nullptr && path->value.empty() && scheme != "http" && scheme != "https";
     }},
    {"an upgrade token is a name and a version (RFC 8441 4)",
     [](const Message& message) {
       const Line* const protocol = find(request_of(message), ":protocol");
       return protocol != nullptr && !is_token(protocol->value);
     }},
};

bool is_known_difference(const Message& message) {
  return std::ranges::any_of(kDifferences, [&message](const Difference& one) { return one.applies(message); });
}

// ---- messages

Section section_of(Input& input) {
  const auto part = [&input](std::span<const std::string_view> known) {
    const std::uint8_t choice = input.u8();
    if (choice < 0x80) return std::string(known[choice % known.size()]);
    return std::string(text(input.take(choice & 0x3f)));
  };
  Section section;
  for (std::size_t left = input.u8() % (kMostFields + 1); left > 0 && !input.empty(); --left) {
    std::string name = part(kNames);
    section.push_back({std::move(name), part(kValues)});
  }
  return section;
}

Message message_of(Input& input) {
  Message message;
  const std::uint8_t how = input.u8();
  static constexpr std::string_view kAsked[] = {"GET", "HEAD", "CONNECT", "POST"};
  if ((how & 1) != 0) message.to = Role::client;
  message.asked = kAsked[how >> 1 & 3];
  for (std::size_t parts = 1 + (how >> 3) % kMostParts; parts > 0; --parts) {
    const bool content = !message.parts.empty() && (input.u8() & 1) != 0;
    if (content) message.parts.push_back({false, {}, input.u8() % 8U});
    else message.parts.push_back({true, section_of(input), 0});
  }
  return message;
}

void add_frame(std::vector<std::byte>& to, FrameType type, std::uint8_t flags, std::uint32_t stream,
               std::span<const std::byte> payload) {
  std::byte head[kFrameHeaderBytes];
  write_frame_header(head, {static_cast<std::uint32_t>(payload.size()), type, flags, StreamId{stream}});
  to.insert(to.end(), head, head + kFrameHeaderBytes);
  to.insert(to.end(), payload.begin(), payload.end());
}

std::vector<std::byte> wire_of(const Message& message) {
  std::vector<std::byte> wire;
  if (message.to == Role::server) {
    const auto preface = std::as_bytes(std::span(kClientPreface.data(), kClientPreface.size()));
    wire.assign(preface.begin(), preface.end());
  }
  add_frame(wire, FrameType::settings, 0, 0, {});
  for (const Part& part : message.parts) {
    const std::uint8_t end = &part == &message.parts.back() ? flags::end_stream : std::uint8_t{0};
    if (!part.is_section) {
      add_frame(wire, FrameType::data, end, 1, std::vector<std::byte>(part.content, std::byte{'x'}));
      continue;
    }
    std::vector<std::byte> block;
    const auto add_text = [&block](std::string_view text) {
      block.push_back(static_cast<std::byte>(text.size()));  // at most 63
      const auto octets = std::as_bytes(std::span(text));
      block.insert(block.end(), octets.begin(), octets.end());
    };
    for (const Line& line : part.section) {
      block.push_back(std::byte{0});
      add_text(line.name);
      add_text(line.value);
    }
    add_frame(wire, FrameType::headers, static_cast<std::uint8_t>(end | flags::end_headers), 1, block);
  }
  return wire;
}

/// What one end made of a message.
class Outcome {
 public:
  void refuse(std::string_view why = {}) {
    refused_ = true;
    if (!why.empty()) why_ = why;
  }
  /// A section, pseudo-fields first by name; absent is what is empty.
  void add_section(Section section, bool end) {
    std::ranges::stable_sort(section, {},
                             [](const Line& line) { return line.name.starts_with(':') ? line.name : "~"; });
    delivered_ += "section";
    for (const Line& line : section) {
      if (line.name.starts_with(':') && line.value.empty()) continue;
      delivered_.append(1, '\n').append(line.name).append(": ").append(line.value);
    }
    if (end) add_end();
    delivered_ += '\n';
  }
  void add_content(std::size_t bytes) { content_ += bytes; }
  void add_end() { delivered_ += "end " + std::to_string(content_) + "\n"; }
  bool refused() const { return refused_; }
  std::string_view why() const { return why_; }
  const std::string& delivered() const { return delivered_; }

 private:
  bool refused_ = false;
  std::size_t content_ = 0;
  std::string_view why_ = "";
  std::string delivered_;
};

// ---- ours

void add(Section& section, std::string_view name, std::string_view value) {
  section.push_back({std::string(name), std::string(value)});
}
void add(Section& section, FieldsView fields) {
  for (const Field& field : fields) add(section, field.name, field.value);
}

void note(Outcome& outcome, const Event& event) {
  Section section;
  if (const auto* q = std::get_if<RequestReceived>(&event)) {
    add(section, ":method", q->method);
    add(section, ":scheme", q->scheme);
    add(section, ":authority", q->authority);
    add(section, ":path", q->path);
    add(section, ":protocol", q->protocol);
    add(section, q->fields);
    outcome.add_section(std::move(section), q->end == EndStream::yes);
  } else if (const auto* r = std::get_if<ResponseReceived>(&event)) {
    add(section, ":status", std::to_string(r->status));
    add(section, r->fields);
    outcome.add_section(std::move(section), r->end == EndStream::yes);
  } else if (const auto* i = std::get_if<InformationalReceived>(&event)) {
    add(section, ":status", std::to_string(i->status));
    add(section, i->fields);
    outcome.add_section(std::move(section), false);
  } else if (const auto* t = std::get_if<TrailersReceived>(&event)) {
    add(section, t->fields);
    outcome.add_section(std::move(section), true);
  } else if (const auto* d = std::get_if<DataReceived>(&event)) {
    outcome.add_content(d->data.size());
    if (d->end == EndStream::yes) outcome.add_end();
  } else if (const auto* x = std::get_if<StreamReset>(&event)) {
    outcome.refuse(describe(x->violation).sentence);
  } else if (const auto* f = std::get_if<ConnectionFailed>(&event)) {
    outcome.refuse(f->sentence);
  }
}

Outcome by_us(const Message& message, ByteView wire) {
  Config config;
  config.role = message.to;
  config.settings.enable_connect_protocol = message.to == Role::server ? 1 : 0;
  config.join_cookies = false;
  Connection connection(config);
  Outcome outcome;
  if (message.to == Role::client) {
    Request request{message.asked, "https", "example.com", "/", {}, {}};
    if (message.asked == "CONNECT") request = {message.asked, {}, kTunnelTo, {}, {}, {}};
    check(connection.send_request(request, EndStream::yes).has_value(), "the request goes out");
  }
  while (const std::optional<Event> event = connection.receive(wire)) note(outcome, *event);
  // A request that its caller never hears of is refused by RST_STREAM alone.
  if (connection.counters().streams_reset_by_us > 0) outcome.refuse();
  return outcome;
}

// ---- theirs

struct Session {
  Outcome outcome;
  Section section;

  static Session& of(void* self) { return *static_cast<Session*>(self); }
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* self) {
    of(self).section.clear();
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
    add(of(self).section, text({name, name_size}), text({value, value_size}));
    return 0;
  }
  // Else what is malformed would only be left out.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*, std::uint8_t,
                               void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) of(self).outcome.add_section(of(self).section, end);
    if (frame->hd.type == NGHTTP2_DATA && end) of(self).outcome.add_end();
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t size, void* self) {
    of(self).outcome.add_content(size);
    return 0;
  }
};

nghttp2_session* open_session(Role role, Session& state) {
  nghttp2_session_callbacks* callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks) == 0, "nghttp2 has memory");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Session::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Session::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, &Session::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Session::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Session::on_data);
  nghttp2_session* session = nullptr;
  const int made = role == Role::server ? nghttp2_session_server_new(&session, callbacks, &state)
                                        : nghttp2_session_client_new(&session, callbacks, &state);
  check(made == 0, "nghttp2 has memory");
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

void ask(nghttp2_session* session, std::string_view method) {
  const auto field = [](std::string_view name, std::string_view value) {
    const auto octets = [](std::string_view text) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    return nghttp2_nv{octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  };
  const bool tunnel = method == "CONNECT";
  const nghttp2_nv fields[] = {field(":method", method), field(":authority", tunnel ? kTunnelTo : "example.com"),
                               field(":scheme", "https"), field(":path", "/")};
  const std::size_t count = tunnel ? 2 : 4;
  check(nghttp2_submit_request(session, nullptr, fields, count, nullptr, nullptr) == 1, "the request goes out");
}

// Whether it answers by an error.
bool complains(nghttp2_session* session, Role role) {
  bool error = false;
  FrameCollector frames(role == Role::client);
  const std::uint8_t* bytes = nullptr;
  for (ssize_t size = 0; (size = nghttp2_session_mem_send(session, &bytes)) > 0;) {
    frames.add(
        std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))), [](const FrameHeader&) {},
        [&error](const FrameHeader& head, ByteView payload) {
          if (head.type == FrameType::rst_stream) error = true;
          if (head.type == FrameType::goaway) error = error || read_u32(payload.data() + 4) != 0;
        });
  }
  return error;
}

Outcome by_nghttp2(const Message& message, ByteView wire) {
  Session state;
  nghttp2_session* const session = open_session(message.to, state);
  const nghttp2_settings_entry connect{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  const bool server = message.to == Role::server;
  check(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &connect, server ? 1 : 0) == 0, "SETTINGS go out");
  if (!server) ask(session, message.asked);
  check(!complains(session, message.to), "nothing is wrong yet");
  const auto* const octets = reinterpret_cast<const std::uint8_t*>(wire.data());
  const ssize_t taken = nghttp2_session_mem_recv(session, octets, wire.size());
  if (taken < 0 || complains(session, Role::server)) state.outcome.refuse();
  nghttp2_session_del(session);
  return std::move(state.outcome);
}

void show(const Message& message, const Outcome& ours, const Outcome& theirs) {
  std::fprintf(stderr, "to a %s that asked by %s\n", message.to == Role::server ? "server" : "client",
               message.asked.data());
  for (const Part& part : message.parts) {
    std::fprintf(stderr, "%s %zu\n", part.is_section ? "HEADERS" : "DATA", part.content);
    for (const Line& line : part.section) std::fprintf(stderr, "  [%s] [%s]\n", line.name.c_str(), line.value.c_str());
  }
  for (const Outcome* one : {&ours, &theirs}) {
    std::fprintf(stderr, "%s %s %s\n%s\n", one == &ours ? "we" : "nghttp2", one->refused() ? "refuse" : "accept",
                 one->why().data(), one->delivered().c_str());
  }
}

}  // namespace

void compare_messages(Input input) {
  while (!input.empty()) {
    const Message message = message_of(input);
    const std::vector<std::byte> wire = wire_of(message);
    const Outcome ours = by_us(message, wire), theirs = by_nghttp2(message, wire);
    const bool same = ours.refused() == theirs.refused() && (ours.refused() || ours.delivered() == theirs.delivered());
    if (same || is_known_difference(message)) continue;
    show(message, ours, theirs);
    broken("both ends make the same of a message");
  }
}

}  // namespace fuzz
