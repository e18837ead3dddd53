#include "driver.h"

#include <string>

namespace fuzz {

using namespace h2;

namespace {

constexpr std::size_t kMaxStreams = 64;  // of our own; keeps a run short

std::byte content_at(StreamId stream, std::uint64_t at) {
  return static_cast<std::byte>((at * 31 + stream.value) & 0xff);
}

// Longer than a frame, so that CONTINUATION is needed.
const std::string kHuge(20000, '~');

const std::string kCookie("one=0123456789abcdef; two=0123456789abcdef; e=f"), kOtherCookie("a=b; c=d; e=f");

const Field kSomeFields[] = {{"accept", "*/*"},
                             {"user-agent", "fuzz"},
                             {"content-type", "text/plain"},
                             {"cookie", kCookie},
                             {"authorization", "secret", Indexing::never},
                             {"x-long", "0123456789012345678901234567890123456789012345678901234567890123456789"},
                             {"te", "trailers"},
                             {"x-huge", kHuge},
                             {"Upper", "case"},
                             {"connection", "close"},
                             {"x-bad", "a\nb"},
                             {"content-length", "4"},
                             {"content-length", "100"},
                             {"host", "example.com"},
                             {"priority", "u=1"},
                             {"cookie", kOtherCookie}};

// Of extensions, and of ours: they stand behind the configuration's own and so above them.
constexpr Setting kFurtherSettings[] = {
    {static_cast<SettingId>(0x99), 7}, {SettingId::initial_window_size, 300}, {SettingId::max_frame_size, 1}};
constexpr std::uint32_t kFurtherWindow = 300, kSmallLimit = 1000;

bool is_sending(Holdup what) { return what == Holdup::nothing || what == Holdup::turn; }
std::size_t cookies(FieldsView fields) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [](const Field& field) { return field.name == "cookie"; }));
}

}  // namespace

Driver::Driver(Role role, Input input)
    : input_(input),
      options_(input_.u8()),
      memory_((options_ & 7) == 7 ? input_.u8() : ~std::uint32_t{0}),
      config_(config_of(role, input_, memory_.allocator())),
      caller_memory_(config_),
      fed_(role),
      sent_(role) {
  if ((options_ & 8) != 0) {
    config_.observer = {nullptr, [](void*, const FrameNote& note) noexcept {
                          char text[400];
                          check(format(note, text) <= sizeof text, "a trace line keeps to its room");
                        }};
  }
  if ((options_ & 16) != 0) config_.validate_outgoing = false;
  sent_.grease = config_.grease;
  sent_.cookies = {kCookie, kOtherCookie, kCookie + "; " + kOtherCookie};
  sent_.crumbs = role == Role::client && config_.split_cookies;
  most_initial_window_ = std::max(config_.settings.initial_window_size, kFurtherWindow);
  least_streams_ = config_.settings.max_concurrent_streams;
  connection_.emplace(config_);
  if ((options_ & 32) != 0) begin_upgraded();
}

Config Driver::config_of(Role role, Input& input, const hpack::Allocator& allocator) {
  Config config;
  config.role = role;
  config.allocator = allocator;
  config.seed = 7;
  const std::uint8_t options = input.u8();
  const std::uint8_t sizes = input.u8();
  const std::uint8_t more = input.u8();
  if ((options & 1) != 0) config.credit = Credit::automatic;
  if ((options & 2) != 0) config.deliver_unknown_frames = true;
  if ((options & 4) != 0) config.settings.enable_connect_protocol = 1;
  if ((options & 8) != 0) config.idle_timeout = std::chrono::seconds(3);
  if ((options & 16) != 0) config.keepalive_interval = std::chrono::seconds(2);
  if ((options & 32) != 0) config.work_budget = 40;
  if ((options & 64) != 0) config.max_queued_output = 64;
  if ((options & 128) != 0 && role == Role::client) config.settings.enable_push = 1;
  if ((sizes & 1) != 0) config.settings.max_concurrent_streams = 2;
  if ((sizes & 2) != 0) config.settings.initial_window_size = 100;
  if ((sizes & 4) != 0) config.settings.max_header_list_size = 200;
  if ((sizes & 8) != 0) config.connection_window = 65535;
  if ((sizes & 16) != 0) config.copy_bound = 50;
  if ((sizes & 32) != 0) config.assumed_peer_streams = 1;
  if ((sizes & 64) != 0) config.settings.header_table_size = 0;
  if ((sizes & 128) != 0) config.max_continuations = 1;
  if ((more & 1) != 0) config.grease = true;
  if ((more & 2) != 0) config.extra_settings = kFurtherSettings;
  if ((more & 4) != 0) config.split_cookies = true;
  if ((more & 8) != 0) config.join_cookies = false;
  if ((more & 16) != 0) config.default_priority = {1, true};
  if ((more & 32) != 0) config.first_stream_id = kMaxStreamId - (role == Role::client ? 2 : 3);
  if ((more & 64) != 0) config.window_limit = 0;
  if ((more & 128) != 0) config.window_limit = kSmallLimit;
  return config;
}

void Driver::run() {
  while (!input_.empty()) step(true);
  finish();
}

void Driver::begin_upgraded() {
  static constexpr std::byte kSettings[] = {std::byte{0}, std::byte{4}, std::byte{0},
                                            std::byte{0}, std::byte{0}, std::byte{50}};
  const bool server = config_.role == Role::server;
  const Request request{"GET", "http", "example.com", "/", {}, {}};
  const auto id = connection_->begin_upgraded(request, server ? ByteView(kSettings) : ByteView());
  if (!id) return;
  caller_memory_.request(request);
  Stream& stream = streams_[id->value];
  stream.heard = true;
  stream.head = stream.ended = server;
  stream.end_given = !server;
  sent_.upgraded = id->value;
}

// One call, chosen by the input.
void Driver::step(bool may_feed) {
  const std::uint8_t call = input_.u8() % 38;
  switch (call) {
    case 0:
    case 1:
    case 2: {
      if (!may_feed) return;
      const std::size_t size = call == 0 ? input_.u16() : input_.u8();
      return feed(input_.take(size));
    }
    case 3:
    case 4:
    case 5:
    case 6:
      if (may_feed) feed_frame();
      return;
    case 7: return poll();
    case 8: return take(input_.u8());
    case 9: return take(input_.u16());
    case 10:
    case 11: return credit(input_.u8());
    case 12: return pass_time(input_.u8());
    case 13: return pass_time(input_.u8() * 100U);
    case 14:
    case 15: return send_head();
    case 16:
    case 17: return send_content(true);
    case 18: return send_content(false);
    case 19: return send_trailers();
    case 20: return reset();
    case 21: {
      static_cast<void>(connection_->ping(Token{input_.u8()}));
      return;
    }
    case 22: return send_settings();
    case 23: return set_window();
    case 24: {
      const std::uint8_t how = input_.u8();
      return connection_->shutdown((how & 1) != 0 ? Shutdown::immediate : Shutdown::graceful,
                                   std::chrono::milliseconds((how >> 1) * 10), ErrorCode::no_error);
    }
    case 25:
      if ((input_.u8() & 15) != 5) return;  // rarely: it ends much
      input_ended_ = true;
      return connection_->receive_eof();
    case 26:
      if ((input_.u8() & 15) != 4) return;
      input_ended_ = over_ = true;
      connection_->transport_lost();
      committed_.forget();
      return;
    case 27: {
      const StreamId id = some_stream();
      void* const user = reinterpret_cast<void*>(next_user_++);
      if (connection_->set_user(id, user)) streams_[id.value].user = user;
      return;
    }
    case 28:  // the peer answers our last PING, perhaps in vain
    case 29: {
      if (!may_feed) return;
      std::vector<std::uint8_t> answer{0, 0, 0, 4, 1, 0, 0, 0, 0};
      if (call == 28) {
        answer[2] = 8;
        answer[3] = 6;
        for (const std::byte octet : sent_.last_ping()) answer.push_back(static_cast<std::uint8_t>(octet));
      }
      return feed(answer);
    }
    case 30: {
      const StreamId id = some_stream();
      void* const user = connection_->user(id);
      check(user == nullptr || user == streams_[id.value].user, "the caller's value is kept");
      return;
    }
    case 31:
    case 32: return set_priority();
    case 33:
    case 34:
    case 35: return send_extension(call);
    case 36: return check_explained();
    case 37: return move_connection();
    default: return poll();
  }
}

// ---- input

void Driver::feed(std::span<const std::uint8_t> octets) {
  const std::size_t size = unread_.size() + octets.size();
  auto memory = std::make_unique<std::byte[]>(size);
  std::copy(unread_.begin(), unread_.end(), memory.get());
  if (!octets.empty()) std::memcpy(memory.get() + unread_.size(), octets.data(), octets.size());
  views_last();
  views_.clear();
  fed_memory_ = std::move(memory);
  unread_.assign(fed_memory_.get(), fed_memory_.get() + size);
  drain();
}

// A frame with a right header, so that the fuzzer need not count.
void Driver::feed_frame() {
  const std::uint8_t type = input_.u8() % 18;
  const std::uint8_t flags = input_.u8();
  const std::uint8_t stream = input_.u8();
  const auto payload = input_.take(input_.u8());
  std::vector<std::uint8_t> frame{0, 0, static_cast<std::uint8_t>(payload.size()), type, flags, 0, 0, 0, stream};
  if (stream >= 0xf0) frame[5] = 0x7f, frame[6] = frame[7] = 0xff;  // the last ids that there are
  frame.insert(frame.end(), payload.begin(), payload.end());
  feed(frame);
}

void Driver::drain() {
  ByteView input(fed_memory_.get(), unread_.size());
  const ByteView all = input;
  for (int events = 0;; ++events) {
    check(events < 100000, "events come to an end");
    const std::size_t before = input.size();
    views_last();
    views_.clear();
    const std::optional<Event> event = connection_->receive(input);
    check(input.empty() || input.data() == all.data() + (all.size() - input.size()), "input is used from its front");
    check(input.size() <= before, "input is not given back");
    used_ += before - input.size();
    fed_.add(all.subspan(all.size() - before, before - input.size()));
    max_frame_size_ = std::max(max_frame_size_, connection_->peer_settings().max_frame_size);
    if (!event) break;
    on_event(*event);
    if (in_event_ || (options_ & 64) == 0) continue;
    in_event_ = true;  // every call but receive() is allowed between two events
    step(false);
    in_event_ = false;
  }
  unread_.assign(input.begin(), input.end());
  if (input.empty()) check(!connection_->has_event(), "has_event says whether an event waits");
  check_windows();
}

Driver::Stream& Driver::heard(StreamId id, void* user) {
  check(id != kConnection, "events of streams name one");
  Stream& stream = streams_[id.value];
  check(stream.heard, "the caller knows the stream");
  check(!stream.closed, "StreamClosed is a stream's last event");
  check(stream.user == user, "the caller's value comes back");
  return stream;
}

void Driver::view(std::string_view text) { views_.push_back({text.data(), {text.begin(), text.end()}}); }
void Driver::view(FieldsView fields) {
  view(std::string_view(reinterpret_cast<const char*>(fields.data()), fields.size_bytes()));
  for (const Field& field : fields) {
    view(field.name);
    view(field.value);
  }
}
void Driver::views_last() {
  for (const Viewed& one : views_) {
    const bool same = one.copy.empty() || std::memcmp(one.at, one.copy.data(), one.copy.size()) == 0;
    check(same, "views live until the next receive()");
  }
}

void Driver::on_event(const Event& event) {
  const auto open_head = [this](StreamId id) -> Stream& {
    Stream& stream = streams_[id.value];
    check(!stream.heard, "a stream begins once");
    stream.heard = true;
    caller_memory_.stream_heard();
    return stream;
  };
  if (const auto* e = std::get_if<RequestReceived>(&event)) {
    check(config_.role == Role::server && e->stream.opened_by_client(), "requests come from clients");
    Stream& stream = open_head(e->stream);
    stream.head = true;
    stream.ended = e->end == EndStream::yes;
    stream.priority = e->priority;
    check(cookies(e->fields) <= 1 || !config_.join_cookies, "cookies arrive as one");
    for (const std::string_view text : {e->method, e->scheme, e->authority, e->path, e->protocol}) view(text);
    view(e->fields);
  } else if (const auto* i = std::get_if<InformationalReceived>(&event)) {
    const Stream& stream = heard(i->stream, i->user);
    check(config_.role == Role::client && !stream.head && !stream.ended && !stream.reset, "1xx precede the response");
    check(i->status >= 100 && i->status < 200 && i->status != 101, "1xx is what it says");
    view(i->fields);
  } else if (const auto* r = std::get_if<ResponseReceived>(&event)) {
    Stream& stream = heard(r->stream, r->user);
    check(config_.role == Role::client && !stream.head && !stream.ended && !stream.reset, "one response each");
    check(r->status >= 200 && r->status <= 999, "a final status");
    stream.head = true;
    stream.ended = r->end == EndStream::yes;
    view(r->fields);
  } else if (const auto* p = std::get_if<PushReceived>(&event)) {
    check(config_.role == Role::client && !p->stream.opened_by_client(), "promises come from servers");
    heard(p->parent, p->user);
    open_head(p->stream);
    check(cookies(p->fields) <= 1 || !config_.join_cookies, "cookies arrive as one");
    for (const std::string_view text : {p->method, p->scheme, p->authority, p->path}) view(text);
    view(p->fields);
  } else if (const auto* d = std::get_if<DataReceived>(&event)) {
    Stream& stream = heard(d->stream, d->user);
    check(stream.head && !stream.ended && !stream.reset, "content comes between head and end");
    check(!d->data.empty() || d->end == EndStream::yes, "DATA says something");
    stream.ended = d->end == EndStream::yes;
    delivered_ += d->data.size();
    if (config_.credit == Credit::manual) {
      stream.stream_unconsumed += d->data.size();
      stream.connection_unconsumed += d->data.size();
    }
    view(std::string_view(reinterpret_cast<const char*>(d->data.data()), d->data.size()));
  } else if (const auto* t = std::get_if<TrailersReceived>(&event)) {
    Stream& stream = heard(t->stream, t->user);
    check(stream.head && !stream.ended && !stream.reset, "trailers end a message");
    stream.ended = true;
    view(t->fields);
  } else if (const auto* x = std::get_if<StreamReset>(&event)) {
    Stream& stream = heard(x->stream, x->user);
    check(!stream.reset, "a stream is reset once");
    stream.reset = true;
  } else if (const auto* c = std::get_if<StreamClosed>(&event)) {
    Stream& stream = heard(c->stream, c->user);
    for (const auto& [token, loan] : loans_)
      check(loan.stream != c->stream, "lent memory comes back before StreamClosed");
    stream.closed = true;
    stream.never_sent = c->verdict == Verdict::never_sent;
    check(!stream.never_sent || !sent_.stream(c->stream.value).head, "what was never sent has not left");
  } else if (const auto* s = std::get_if<DataSent>(&event)) {
    heard(s->stream, s->user);
    const auto loan = loans_.find(s->token.value);
    check(loan != loans_.end() && loan->second.stream == s->stream, "DataSent comes exactly once per token");
    check(!committed_.shows(loan->second.memory.get(), loan->second.bytes),
          "memory comes back after its last committed byte was taken");
    const bool sent = sent_.content(s->stream) >= loan->second.end;
    check(loan->second.bytes == 0 || sent == (s->outcome == DataOutcome::sent), "what was sent is told from the rest");
    loans_.erase(loan);
  } else if (const auto* w = std::get_if<StreamWritable>(&event)) {
    Stream& stream = heard(w->stream, w->user);
    check(stream.waits_for_room && !stream.reset, "room was waited for");
    stream.waits_for_room = false;
  } else if (std::holds_alternative<SettingsAcknowledged>(event)) {
    ++settings_acknowledged_;
  } else if (const auto* g = std::get_if<GoawayReceived>(&event)) {
    check(g->debug.size() <= 256, "debug data is bounded");
    view(std::string_view(reinterpret_cast<const char*>(g->debug.data()), g->debug.size()));
  } else if (const auto* u = std::get_if<UnknownFrameReceived>(&event)) {
    check(config_.deliver_unknown_frames, "unknown frames were asked for");
    view(std::string_view(reinterpret_cast<const char*>(u->payload.data()), u->payload.size()));
  } else if (const auto* y = std::get_if<PriorityReceived>(&event)) {
    Stream& stream = heard(y->stream, y->user);
    check(config_.role == Role::server && y->priority.urgency <= 7, "clients change their mind");
    if (!stream.own_priority) stream.priority = y->priority;
  } else if (const auto* a = std::get_if<AltSvcReceived>(&event)) {
    check(config_.role == Role::client && a->origin.empty() == (a->stream != kConnection), "ALTSVC names one origin");
    check(a->stream == kConnection || (streams_[a->stream.value].heard && !streams_[a->stream.value].closed),
          "the caller knows the stream");
    view(a->origin);
    view(a->value);
  } else if (const auto* o = std::get_if<OriginReceived>(&event)) {
    check(config_.role == Role::client, "servers have origins");
    ByteView entries = o->entries;
    while (next_origin(entries)) continue;
    check(entries.empty(), "origins arrive whole");
    view(std::string_view(reinterpret_cast<const char*>(o->entries.data()), o->entries.size()));
  } else if (const auto* f = std::get_if<ConnectionFailed>(&event)) {
    check(++failures_ == 1, "a connection fails once");
    failed_ = true;
    if (f->violation == Violation::priority_update_limit) {
      const auto open = std::ranges::count_if(streams_, [](const auto& one) { return !one.second.closed; });
      const std::size_t named = fed_.prioritized_and_idle() + static_cast<std::size_t>(open);
      check(named > least_streams_, "only idle and open streams count against the limit");
    }
    view(f->sentence);
    view(f->section);
  } else if (std::holds_alternative<ShutdownFinished>(event)) {
    check(++shutdowns_ == 1, "a shutdown finishes once");
    over_ = true;
  }
}

// ---- output

void Driver::poll() {
  const std::uint8_t how = input_.u8();
  const std::size_t max_bytes = (how & 16) != 0 ? 64 * 1024 : 1 + (how >> 5) * std::size_t{40};
  committed_.poll(*connection_, 1 + (how & 15), max_bytes);
  check_explained();
}

void Driver::take(std::size_t bytes) {
  const std::vector<std::byte> taken = committed_.take(bytes);
  sent_.out_of_memory = memory_.failed();
  sent_.add(taken, max_frame_size_, [this](StreamId stream, std::uint64_t at, std::byte octet) {
    check(at < streams_[stream.value].given, "we send what we were given");
    check(octet == content_at(stream, at), "content goes out as it came");
  });
  connection_->consume_output(taken.size());
  taken_ += taken.size();
  check_sent();
  check(sent_.data_bytes() <= 65535 + fed_.credit(), "DATA keeps to the connection's window");
  if (!in_event_) feed({});
}

// ---- calls

StreamId Driver::some_stream() {
  const std::uint8_t choice = input_.u8();
  if (choice < 0xe0 && !streams_.empty()) {
    auto found = streams_.begin();
    std::advance(found, static_cast<std::ptrdiff_t>(choice % streams_.size()));
    return StreamId{found->first};
  }
  return StreamId{choice & 0x1fU};
}

std::vector<Field> Driver::some_fields(bool may_frame) {
  std::vector<Field> fields;
  for (std::uint16_t chosen = input_.u16(); const Field& field : kSomeFields) {
    const bool take_it = (chosen & 1) != 0;
    chosen = static_cast<std::uint16_t>(chosen >> 1);
    if (take_it && (may_frame || field.name != "content-length")) fields.push_back(field);
  }
  return fields;
}

void Driver::send_head() {
  const std::uint8_t how = input_.u8();
  const EndStream end = (how & 1) != 0 ? EndStream::yes : EndStream::no;
  const std::vector<Field> fields = some_fields((how & 2) != 0);
  static constexpr const char* kMethods[] = {"GET", "POST", "HEAD", "OPTIONS", "CONNECT", "", "B D", "PUT"};
  Request request{
      kMethods[how >> 2 & 7], "https", "example.com", (how & 0x40) != 0 ? "/a/long/path?x=y" : "/", fields, {}};
  if (request.method == "CONNECT" && (how & 0x20) != 0) request.protocol = "websocket";
  if (request.method == "CONNECT" && request.protocol.empty()) {
    request.scheme = request.path = {};
    request.authority = "example.com:443";
  }
  if (config_.role == Role::server && (how & 0x80) == 0) {
    const StreamId id = some_stream();
    Stream* stream = streams_.contains(id.value) ? &streams_[id.value] : nullptr;
    if ((how & 0x0c) == 0x0c) {
      const auto sent = connection_->send_informational(id, static_cast<std::uint16_t>(100 + (how >> 4 & 3)), fields);
      check(!sent || (stream != nullptr && stream->heard), "only known streams are answered");
      caller_memory_.section(fields);
      return;
    }
    static constexpr std::uint16_t kStatus[] = {200, 204, 304, 404, 199, 999, 1000, 206};
    const auto sent = connection_->send_response(id, kStatus[how >> 4 & 7], fields, end);
    check(!sent || (stream != nullptr && stream->heard && !stream->closed), "only known streams are answered");
    if (sent && end == EndStream::yes) stream->end_given = true;
    caller_memory_.section(fields);
    return;
  }
  if (streams_.size() >= kMaxStreams) return;
  caller_memory_.request(request);
  void* const user = reinterpret_cast<void*>(next_user_++);
  const auto id = config_.role == Role::server ? connection_->push(some_stream(), request, user)
                                               : connection_->send_request(request, end, user);
  if (!id) return;
  Stream& stream = streams_[id->value];
  check(!stream.heard, "stream ids are new");
  stream.heard = true;
  stream.user = user;
  const bool says = std::ranges::any_of(fields, [](const Field& field) { return field.name == "priority"; });
  if (!says) stream.priority = config_.default_priority;
  stream.ended = config_.role == Role::server;  // a promised request is whole
  stream.end_given = config_.role == Role::client && end == EndStream::yes;
}

void Driver::send_content(bool lent) {
  const StreamId id = some_stream();
  const std::uint8_t how = input_.u8();
  const std::size_t size = (how & 0x80) != 0 ? std::size_t{how & 0x7fU} * 300 : how & 0x3fU;
  const EndStream end = (how & 0x40) != 0 ? EndStream::yes : EndStream::no;
  const std::uint64_t given = streams_.contains(id.value) ? streams_[id.value].given : 0;
  auto memory = std::make_unique<std::byte[]>(size);
  for (std::size_t i = 0; i < size; ++i) memory[i] = content_at(id, given + i);
  const ByteView data(memory.get(), size);
  if (lent) {
    const Token token{next_token_++};
    if (!connection_->send_data(id, data, token, end)) return;
    streams_[id.value].given += size;
    loans_[token.value] = {id, streams_[id.value].given, std::move(memory), size};
    caller_memory_.lent();
  } else {
    const auto taken = connection_->send_copy(id, data, end);
    if (!taken) return;
    caller_memory_.copied();
    check(*taken <= size && *taken <= config_.copy_bound, "send_copy takes what its bound allows");
    streams_[id.value].given += *taken;
    streams_[id.value].waits_for_room = *taken < size;
    if (*taken < size) return;
  }
  Stream& stream = streams_[id.value];
  check(stream.heard && !stream.end_given, "content is accepted between head and end");
  if (end == EndStream::yes) stream.end_given = true;
}

void Driver::send_trailers() {
  const StreamId id = some_stream();
  const std::vector<Field> fields = some_fields(true);
  caller_memory_.section(fields);
  if (!connection_->send_trailers(id, fields)) return;
  Stream& stream = streams_[id.value];
  check(stream.heard && !stream.end_given, "trailers are accepted between head and end");
  stream.end_given = true;
}

void Driver::send_settings() {
  static constexpr SettingId kIds[] = {SettingId::header_table_size,       SettingId::enable_push,
                                       SettingId::max_concurrent_streams,  SettingId::initial_window_size,
                                       SettingId::max_frame_size,          SettingId::max_header_list_size,
                                       SettingId::enable_connect_protocol, SettingId::no_rfc7540_priorities};
  Setting entries[4];
  const std::uint8_t how = input_.u8();
  const std::size_t count = how & 3;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t id = input_.u8();
    entries[i] = {kIds[id & 7], (id & 0x80) != 0 ? input_.u32() : input_.u8()};
  }
  if (!connection_->send_settings({entries, count})) return;
  caller_memory_.settings({entries, count});
  for (const Setting& entry : std::span(entries, count)) {
    if (entry.id == SettingId::initial_window_size)
      most_initial_window_ = std::max<std::int64_t>(most_initial_window_, entry.value);
    if (entry.id == SettingId::max_concurrent_streams) least_streams_ = std::min(least_streams_, entry.value);
  }
}

void Driver::send_extension(std::uint8_t call) {
  const StreamId id = some_stream();
  const std::uint8_t how = input_.u8();
  Result<void> accepted = Misuse::none;
  FrameHeader head{0, FrameType::altsvc, 0, id};
  std::string payload;
  const auto add = [&payload](std::string_view text) {
    payload += static_cast<char>(text.size() >> 8);
    payload += static_cast<char>(text.size());
    payload += text;
  };
  static constexpr std::string_view kOrigins[] = {"https://example.com", "null", "https://a.example:8443", "bad", ""};
  if (call == 33) {
    const std::string_view origin = kOrigins[how % 5], value = (how & 0x40) != 0 ? "clear" : "h2=\":443\"; ma=60";
    accepted = connection_->send_altsvc(id, origin, (how & 0x80) != 0 ? "a\nb" : value);
    add(origin);
    payload += value;
  } else if (call == 34) {
    const std::span<const std::string_view> origins = std::span(kOrigins).first(how % 6);
    accepted = connection_->send_origin(origins);
    head = {0, FrameType::origin, 0, kConnection};
    for (const std::string_view origin : origins) add(origin);
  } else {
    const std::uint8_t type = how % 0x1f == 0x0b ? 0xee : how;  // those are for grease
    payload = text(input_.take(input_.u8()));
    accepted = connection_->send_frame(type, how, id, std::as_bytes(std::span(payload)));
    head = {0, static_cast<FrameType>(type), how, id};
    check(!accepted || !is_known(head.type), "callers send no frames of ours");
  }
  if (!accepted) return;
  caller_memory_.frame(payload.size());
  check(call == 35 || config_.role == Role::server, "servers have services and origins");
  check(id == kConnection || call == 34 || (streams_[id.value].heard && !streams_[id.value].closed), "it has a stream");
  head.length = static_cast<std::uint32_t>(payload.size());
  const auto octets = std::as_bytes(std::span(payload));
  sent_.extensions.push_back({head, {octets.begin(), octets.end()}});
}

// Slices, views and lent memory stay where they are.
void Driver::move_connection() {
  Connection elsewhere(std::move(*connection_));
  connection_.emplace(std::move(elsewhere));
}

void Driver::set_priority() {
  const StreamId id = some_stream();
  const std::uint8_t how = input_.u8();
  const Priority priority{static_cast<std::uint8_t>(how & 15), (how & 16) != 0};
  if (connection_->set_priority(id, priority)) {
    check(priority.urgency <= 7 && streams_[id.value].heard, "a priority is of a stream and in its range");
    streams_[id.value].priority = priority;
    streams_[id.value].own_priority = true;
  }
  check_priorities();
}

void Driver::set_window() {
  const StreamId id = some_stream();
  const std::uint32_t window = input_.u32();
  if (!connection_->set_window(id, window)) return;
  if (id == kConnection) shrunk_ = true;
  else streams_[id.value].fixed_window = window;
}

void Driver::reset() {
  const StreamId id = some_stream();
  const auto code = static_cast<ErrorCode>(input_.u8());
  if (!connection_->reset(id, code)) return;
  Stream& stream = streams_[id.value];
  check(stream.heard && !stream.closed, "only known streams are reset");
  const bool waits = code == ErrorCode::no_error && config_.role == Role::server && stream.end_given;
  if (!waits) stream.reset_early = true;
}

void Driver::credit(std::uint8_t kind) {
  const StreamId id = some_stream();
  const std::size_t bytes = (kind & 0x80) != 0 ? input_.u16() : input_.u8();
  const auto less = [](std::uint64_t& owed, std::uint64_t given) { owed -= std::min(owed, given); };
  Stream none;
  Stream& stream = streams_.contains(id.value) ? streams_[id.value] : none;
  switch (kind & 3) {
    case 0:
      connection_->consume(id, bytes);
      less(stream.stream_unconsumed, bytes);
      less(stream.connection_unconsumed, bytes);
      break;
    case 1:
      connection_->consume_stream(id, bytes);
      less(stream.stream_unconsumed, bytes);
      break;
    case 2:
      connection_->consume_connection(id, bytes);
      less(stream.connection_unconsumed, bytes);
      break;
    default:
      connection_->release(id);
      stream.stream_unconsumed = stream.connection_unconsumed = 0;
      break;
  }
  check_windows();
}

void Driver::pass_time(std::uint32_t ms) {
  now_ += std::chrono::milliseconds(ms);
  clock_runs_ = true;
  const auto due = [this] {
    const std::optional<TimePoint> next = connection_->deadline();
    return next && *next <= now_;
  };
  int wakes = 0;
  do connection_->advance_time(now_);
  while (due() && ++wakes < 4);
  check(!due() || memory_.failed(), "a deadline lies ahead, or the caller's loop would spin");
  if (!in_event_) feed({});
}

// ---- what must hold

// RFC 9113 6.9: announced = window + delivered and unconsumed + owed.
void Driver::check_windows() {
  caller_memory_.check_bound(memory_);
  const WindowView whole = connection_->window(kConnection).value_or(WindowView{});
  std::uint64_t unconsumed = 0;
  for (const auto& [id, stream] : streams_) unconsumed += stream.connection_unconsumed;
  if (memory_.failed()) return;
  const auto open =
      std::ranges::count_if(streams_, [](const auto& one) { return one.second.heard && !one.second.closed; });
  check(static_cast<std::size_t>(open) == connection_->open_streams(), "open streams are those that the caller knows");
  check(whole.unconsumed == unconsumed, "the connection counts what is unconsumed");
  for (const auto& [id, stream] : streams_) {
    const std::optional<WindowView> view = connection_->window(StreamId{id});
    if (view && stream.heard && id != 0) check(view->unconsumed == stream.stream_unconsumed, "a stream counts so too");
    if (view) check(view->send_window <= kMaxWindow && view->recv_window <= kMaxWindow, "no window passes 2^31-1");
  }
  const Counters& counters = connection_->counters();
  check(counters.data_bytes_received == delivered_, "what was counted was delivered");
  check(counters.bytes_sent == taken_ && counters.bytes_received == used_, "bytes are counted");
  const std::int64_t most_initial = std::max<std::int64_t>(most_initial_window_, config_.window_limit);
  check(sent_.settings() == 0 || sent_.initial_window() <= most_initial,
        "stream windows grow by themselves within their limit");
  if (failed_ || over_ || input_ended_ || !unread_.empty() || !fed_.between_frames() || in_event_) return;
  const std::int64_t sum = whole.recv_window + static_cast<std::int64_t>(whole.unconsumed + whole.owed);
  const std::int64_t most = std::max(config_.connection_window, counters.windows_grown > 0 ? config_.window_limit : 0);
  if (!shrunk_) check(sum >= config_.connection_window && sum <= most, "the window is what was announced");
  if (connection_->has_output() || !sent_.between_frames()) return;
  const std::int64_t announced = 65535 + sent_.credit() - fed_.data_bytes();
  check(announced == whole.recv_window, "the peer knows of the window");
  for (const auto& [id, stream] : streams_) {
    const std::optional<WindowView> view = connection_->window(StreamId{id});
    if (!view || !stream.heard || stream.ended || stream.reset || stream.closed || id == 0) continue;
    check_stream_window(StreamId{id}, stream, *view);
  }
}

void Driver::check_stream_window(StreamId id, const Stream& stream, const WindowView& view) {
  const Sent::Stream& sent = sent_.stream(id.value);
  const std::int64_t peers = sent_.initial_window() + sent.credit - fed_.data_bytes(id.value);
  check(peers <= kMaxWindow, "no window of the peer's passes 2^31-1");
  if (settings_acknowledged_ < sent_.settings() || sent.reset) return;
  if (config_.role == Role::client && !sent.head && id.value != sent_.upgraded && id.opened_by_client()) return;
  check(peers == view.recv_window, "the peer knows of a stream's window");
  const std::int64_t sum = view.recv_window + static_cast<std::int64_t>(view.unconsumed + view.owed);
  const std::int64_t target = stream.fixed_window.value_or(sent_.initial_window());
  const bool shrinks = stream.fixed_window && view.owed == 0;
  check(shrinks ? sum >= target : sum == target, "a stream's window is what was announced");
}

// If a stream has content and both its windows are open, output comes.
void Driver::check_progress() {
  if (failed_ || over_ || input_ended_ || memory_.failed() || connection_->has_output()) return;
  const WindowView whole = connection_->window(kConnection).value_or(WindowView{});
  for (const auto& [id, stream] : streams_) {
    const std::optional<WindowView> view = connection_->window(StreamId{id});
    if (!view || stream.closed || !sent_.stream(id).head) continue;
    check(view->queued == 0 || view->send_window <= 0 || whole.send_window <= 0, "what can be sent is sent");
    check(view->queued > 0 || !stream.end_given || stream.reset || sent_.stream(id).ended,
          "an end that can be sent is");
  }
}

// What explain() says agrees with what can be seen.
void Driver::check_explained() {
  const std::optional<Explanation> whole = connection_->explain(kConnection);
  if (!whole) return check(memory_.failed(), "the connection explains itself");
  const bool output = connection_->has_output();
  check(whole->sending.what != Holdup::nothing || output, "what nothing holds back can be polled");
  const WindowView windows = connection_->window(kConnection).value_or(WindowView{});
  int next = 0, waiting = 0;
  for (const auto& [id, stream] : streams_) {
    const std::optional<Explanation> both = id != 0 ? connection_->explain(StreamId{id}) : std::nullopt;
    const std::optional<WindowView> view = connection_->window(StreamId{id});
    if (!both || id == 0) continue;
    check(view.has_value(), "what is explained can be seen");
    const auto [sending, receiving] = *both;
    check(!describe(sending.what).empty() && !name(receiving.who).empty(), "each reason has a sentence");
    check(!sending.since || *sending.since <= now_, "what stands still stands since then");
    next += sending.what == Holdup::nothing;
    waiting += sending.what == Holdup::turn;
    if (is_sending(sending.what)) {
      check(output && view->queued > 0 && view->send_window > 0 && windows.send_window > 0,
            "what nothing holds back can be sent");
    } else if (sending.what == Holdup::no_content) {
      check(view->queued == 0 && !stream.end_given, "no content is none");
    } else if (sending.what == Holdup::stream_window) {
      check(view->send_window <= 0 && view->queued > 0, "a used window is used");
    } else if (sending.what == Holdup::connection_window) {
      check(windows.send_window <= 0 && view->queued > 0, "a used window is used");
    } else if (sending.what == Holdup::output) {
      check(output, "output is there");
    }
    if (receiving.what == Holdup::stream_window) check(view->recv_window <= 0, "a used window is used");
    if (receiving.what == Holdup::connection_window) check(windows.recv_window <= 0, "a used window is used");
  }
  check(next <= 1 && (waiting == 0 || next == 1), "one stream goes first");
}

void Driver::check_priorities() {
  for (const auto& [id, stream] : streams_) {
    const std::optional<Priority> priority = connection_->priority(StreamId{id});
    if (!priority || !stream.heard) continue;
    check(!stream.priority || *stream.priority == *priority, "the last word about a priority holds");
    char value[kPriorityText];
    const std::size_t size = write_priority(*priority, value);
    check(read_priority({value, size}) == *priority, "a written priority reads the same");
  }
}

// What was told as never sent never leaves; and what only a server may send, and when.
void Driver::check_sent() {
  if (config_.role == Role::client) {
    for (const auto& [id, stream] : streams_)
      check(!stream.never_sent || !sent_.stream(id).head, "what was never sent does not leave");
    return;
  }
  for (const auto& [id, sent] : sent_.streams()) {
    if (id == 0 || sent.promised || (!sent.head && !sent.reset)) continue;
    const Stream& stream = streams_[id];
    check(stream.heard || !sent.head || (sent.status == "431" && sent.ended), "only known streams are answered");
    check(!sent.cut_politely || stream.reset_early, "RST_STREAM(NO_ERROR) waits for the end of the response");
  }
}

void Driver::finish() {
  const auto take_all = [this] {
    for (int i = 0; i < 10000 && connection_->has_output(); ++i) {
      committed_.poll(*connection_, Committed::kMostSlices, 64 * 1024);
      take(committed_.size());
    }
    check(!connection_->has_output(), "output comes to an end");
  };
  take_all();
  feed({});
  pass_time(1000);  // beyond any wait for a larger window
  take_all();
  feed({});
  if (unread_.empty()) check_progress();
  check_explained();
  check_priorities();

  if ((input_.size() + streams_.size()) % 2 == 0) {
    connection_->transport_lost();
    input_ended_ = over_ = true;
    committed_.forget();
    feed({});
    check(loans_.empty(), "all lent memory came back");
    for (const auto& [id, stream] : streams_)
      check(!stream.heard || stream.closed, "every stream ends in StreamClosed");
    check(!connection_->has_output() && connection_->transport_wish() == TransportWish::close, "nothing is left to do");
  } else {
    connection_->abandon([this](Token token) { check(loans_.erase(token.value) == 1, "each token is returned once"); });
    check(loans_.empty(), "all lent memory was returned");
  }
  views_last();
  connection_.reset();
}

}  // namespace fuzz
