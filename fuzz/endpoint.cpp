#include "endpoint.h"

#include "trace.h"

namespace fuzz {

using namespace h2;

namespace {

constexpr std::size_t kMostStreams = 24;     // of each side; keeps a run short
constexpr std::uint32_t kMostInterims = 16;  // Config::max_interim_responses

// Longer than a frame, so that CONTINUATION is needed.
const std::string kHuge(20000, '~');
const std::string kCookie("one=0123456789abcdef; two=0123456789abcdef; e=f");

const Field kSomeFields[] = {{"accept", "*/*"},
                             {"user-agent", "fuzz"},
                             {"cookie", kCookie},
                             {"authorization", "secret"},
                             {"x-never", "value", Indexing::never},
                             {"x-long", "0123456789012345678901234567890123456789012345678901234567890123456789"},
                             {"x-huge", kHuge},
                             {"content-length", "40"},
                             {"content-length", "900"},
                             {"priority", "u=1, i"},
                             {"cookie", "a=b; c=d"},
                             {"Upper", "refused"}};

std::vector<Field> some_fields(std::uint16_t chosen) {
  std::vector<Field> fields;
  for (const Field& field : kSomeFields) {
    if ((chosen & 1) != 0) fields.push_back(field);
    chosen = static_cast<std::uint16_t>(chosen >> 1);
  }
  return fields;
}

Endpoint::Section section_of(FieldsView fields) {
  Endpoint::Section section;
  for (const Field& field : fields) {
    section.push_back({std::string(field.name), std::string(field.value), field.indexing == Indexing::never});
  }
  return section;
}

// Cookies may be split and joined on the way (RFC 9113 8.2.3).
std::string cookies_of(const Endpoint::Section& section) {
  std::string joined;
  for (const Endpoint::Line& line : section) {
    if (line.name == "cookie") joined.append(joined.empty() ? "" : "; ").append(line.value);
  }
  return joined;
}

void check_same(const Endpoint::Section& given, const Endpoint::Section& got) {
  check(cookies_of(given) == cookies_of(got), "cookies arrive as they were given");
  const auto next = [](const Endpoint::Section& section, std::size_t& at) {
    while (at < section.size() && section[at].name == "cookie") ++at;
    return at < section.size() ? &section[at++] : nullptr;
  };
  std::size_t in_given = 0, in_got = 0;
  for (;;) {
    const Endpoint::Line* const a = next(given, in_given);
    const Endpoint::Line* const b = next(got, in_got);
    check((a == nullptr) == (b == nullptr), "each field arrives");
    if (a == nullptr) return;
    check(a->name == b->name && a->value == b->value, "fields arrive as they were given");
    check(!a->never || b->never, "what must not be indexed says so");
  }
}

std::int64_t declared_by(FieldsView fields) {
  for (const Field& field : fields) {
    if (field.name == "content-length") return field.value == "40" ? 40 : 900;
  }
  return -1;
}

}  // namespace

std::byte content_at(Role sender, std::uint32_t stream, std::uint64_t at) {
  return static_cast<std::byte>((at * 31 + stream * 7 + (sender == Role::client ? 0 : 101)) & 0xff);
}

Endpoint::Endpoint(Role role, Input& options)
    : role_(role),
      config_(config_of(role, options, memory_.allocator())),
      caller_memory_(config_),
      connection_(config_) {}

Endpoint::~Endpoint() {
  connection_.abandon([this](Token token) { check(loans_.erase(token.value) == 1, "each token is returned once"); });
  check(loans_.empty(), "all lent memory was returned");
}

Config Endpoint::config_of(Role role, Input& options, const hpack::Allocator& allocator) {
  Config config;
  config.role = role;
  config.allocator = allocator;
  config.seed = 11;
  config.settings_timeout = std::chrono::seconds(60);  // an end that goes leaves them unanswered
  config.observer = tracer(role == Role::client ? "client" : "server");
  config.settings.enable_push = role == Role::client ? 1 : 0;
  const std::uint8_t sizes = options.u8(), habits = options.u8();
  if ((sizes & 1) != 0) config.settings.max_concurrent_streams = 2;
  if ((sizes & 2) != 0) config.settings.initial_window_size = 100;
  if ((sizes & 4) != 0) config.settings.header_table_size = 64;
  if ((sizes & 8) != 0) config.connection_window = 65535;
  if ((sizes & 16) != 0) config.copy_bound = 50;
  if ((sizes & 32) != 0) config.assumed_peer_streams = 1;
  if ((sizes & 64) != 0) config.encoder_table_cap = 100;
  if ((sizes & 128) != 0) config.max_queued_output = 64;
  if ((habits & 1) != 0) config.credit = Credit::automatic;
  if ((habits & 2) != 0) config.grease = true;
  if ((habits & 4) != 0) config.split_cookies = true;
  if ((habits & 8) != 0) config.join_cookies = false;
  if ((habits & 16) != 0) config.default_priority = {2, true};
  if ((habits & 32) != 0) config.window_limit = 2000;
  if ((habits & 64) != 0) config.window_limit = 0;
  if ((habits & 128) != 0) config.settings.max_frame_size = 20000;
  return config;
}

// ---- transport

std::vector<std::byte> Endpoint::take(std::size_t most) {
  std::vector<std::byte> taken = committed_.take(most);
  connection_.consume_output(taken.size());
  drain();
  return taken;
}

void Endpoint::receive(std::span<const std::byte> bytes) {
  unread_.insert(unread_.end(), bytes.begin(), bytes.end());
  drain();
}

void Endpoint::advance_time(TimePoint now) {
  connection_.advance_time(now);
  drain();
}

void Endpoint::receive_eof() {
  input_ended_ = true;
  connection_.receive_eof();
  drain();
}

void Endpoint::lose_transport() {
  aborts_ = lost_ = true;
  connection_.transport_lost();
  committed_.forget();
  drain();
}

void Endpoint::drain() {
  received_ = std::make_unique<std::byte[]>(unread_.size());
  std::copy(unread_.begin(), unread_.end(), received_.get());
  ByteView input(received_.get(), unread_.size());
  while (const std::optional<Event> event = connection_.receive(input)) on_event(*event);
  unread_.assign(input.begin(), input.end());
  check(unread_.empty() || connection_.has_output(), "input is left only while replies wait");
  if (unread_.empty()) check(!connection_.has_event(), "has_event says whether an event waits");
  caller_memory_.check_bound(memory_);
}

// ---- events

Endpoint::Stream& Endpoint::open_stream(StreamId id) {
  const auto found = streams_.find(id.value);
  check(found != streams_.end(), "the caller knows the stream");
  check(!found->second.closed, "StreamClosed is a stream's last event");
  return found->second;
}

// The same stream at the other end.
Endpoint::Stream& Endpoint::twin(StreamId id) {
  const auto found = peer_->streams_.find(id.value);
  check(found != peer_->streams_.end(), "nothing comes on a stream that the other end does not have");
  return found->second;
}

void Endpoint::on_event(const Event& event) {
  if (const auto* e = std::get_if<RequestReceived>(&event)) {
    const Message& given = twin(e->stream).given;
    check(streams_.emplace(e->stream.value, Stream{}).second, "a stream begins once");
    caller_memory_.stream_heard();
    Stream& stream = streams_[e->stream.value];
    stream.head_request = e->method == "HEAD";
    stream.connect_request = e->method == "CONNECT";
    stream.got.begun = true;
    Section got = section_of(e->fields);
    got.insert(got.begin(), {"method", std::string(e->method)});
    check_same(given.head, got);
    if (e->end == EndStream::yes) end_of_message(e->stream);
  } else if (const auto* i = std::get_if<InformationalReceived>(&event)) {
    const Stream& stream = open_stream(i->stream);
    check(!stream.got.begun, "1xx precede the response");
    std::deque<Section>& interims = twin(i->stream).given.interims;
    check(!interims.empty(), "each 1xx was sent");
    check_same(interims.front(), section_of(i->fields));
    interims.pop_front();
  } else if (const auto* r = std::get_if<ResponseReceived>(&event)) {
    Stream& stream = open_stream(r->stream);
    if (!peer_->streams_.contains(r->stream.value)) {  // its fields were too large, which its caller does not hear of
      check(r->status == 431 && r->end == EndStream::yes, "what was not heard is not answered");
      stream.got.begun = stream.got.ended = true;
      return;
    }
    const Stream& other = twin(r->stream);
    check(!stream.got.begun && other.given.interims.empty(), "one response, behind all 1xx");
    check(other.given.begun, "responses were sent");
    stream.got.begun = true;
    Section got = section_of(r->fields);
    got.insert(got.begin(), {"status", std::to_string(r->status)});
    check_same(other.given.head, got);
    if (r->end == EndStream::yes) end_of_message(r->stream);
  } else if (const auto* p = std::get_if<PushReceived>(&event)) {
    open_stream(p->parent);
    check(streams_.emplace(p->stream.value, Stream{}).second, "a stream begins once");
    caller_memory_.request({});
    Section got = section_of(p->fields);
    got.insert(got.begin(), {"method", std::string(p->method)});
    check_same(twin(p->stream).promise, got);
    Stream& stream = streams_[p->stream.value];
    stream.head_request = p->method == "HEAD";
    stream.given.begun = stream.given.ended = true;
  } else if (const auto* d = std::get_if<DataReceived>(&event)) {
    on_data(*d);
  } else if (const auto* t = std::get_if<TrailersReceived>(&event)) {
    const Stream& stream = open_stream(t->stream);
    check(stream.got.begun && !stream.got.ended && !stream.reset, "trailers end a message");
    check_same(twin(t->stream).given.trailers, section_of(t->fields));
    end_of_message(t->stream);
  } else if (const auto* x = std::get_if<StreamReset>(&event)) {
    Stream& stream = open_stream(x->stream);
    check(!stream.reset, "a stream is reset once");
    stream.reset = true;
    on_reset(*x);
  } else if (const auto* c = std::get_if<StreamClosed>(&event)) {
    on_closed(*c);
  } else if (const auto* s = std::get_if<DataSent>(&event)) {
    open_stream(s->stream);
    const auto loan = loans_.find(s->token.value);
    check(loan != loans_.end() && loan->second.stream == s->stream.value, "DataSent comes exactly once per token");
    check(!committed_.shows(loan->second.memory.get(), loan->second.bytes),
          "memory comes back after its last committed byte was taken");
    loans_.erase(loan);
  } else if (const auto* a = std::get_if<PingAnswered>(&event)) {
    check(!pings_.empty() && pings_.front() == a->token.value, "PINGs are answered in their order");
    pings_.pop_front();
  } else if (const auto* b = std::get_if<WorkBudgetLow>(&event)) {
    check(!b->used_up, "an honest peer is never cut");
  } else if (const auto* f = std::get_if<ConnectionFailed>(&event)) {
    check(f->violation == Violation::none && aborts_, "nobody breaks a rule of the connection");
  } else if (std::holds_alternative<ShutdownFinished>(event)) {
    check(!shutdown_finished_, "a shutdown finishes once");
    shutdown_finished_ = true;
  }
}

// By the caller at the other end, or by the engine there, which may refuse what its caller then never hears of. The one
// rule that honest ends break is a limit that became smaller while a section was on its way.
void Endpoint::on_reset(const StreamReset& reset) {
  if (reset.violation != Violation::none) {
    check(reset.violation == Violation::field_section_too_large && limit_shrank_, "nobody breaks a rule of a stream");
    streams_[reset.stream.value].reset_by_us = true;
    return;
  }
  const auto other = peer_->streams_.find(reset.stream.value);
  const bool heard = other != peer_->streams_.end();
  const bool refused = reset.code == ErrorCode::refused_stream || reset.code == ErrorCode::enhance_your_calm ||
                       streams_[reset.stream.value].got.ended;
  check(input_ended_ || (heard ? other->second.reset_by_us : refused), "each reset has somebody who did it");
}

void Endpoint::on_data(const DataReceived& piece) {
  Stream& stream = open_stream(piece.stream);
  check(stream.got.begun && !stream.got.ended && !stream.reset, "content comes between head and end");
  const Role sender = role_ == Role::client ? Role::server : Role::client;
  for (const std::byte octet : piece.data) {
    check(octet == content_at(sender, piece.stream.value, stream.got.content++), "content arrives as it was given");
  }
  check(stream.got.content <= twin(piece.stream).given.content, "no more content arrives than was given");
  if (config_.credit == Credit::manual) {
    stream.stream_unconsumed += piece.data.size();
    stream.connection_unconsumed += piece.data.size();
  }
  if (piece.end == EndStream::yes) end_of_message(piece.stream);
  if (generous_) release(piece.stream.value, stream);
}

void Endpoint::end_of_message(StreamId id) {
  Stream& stream = streams_[id.value];
  const Message& given = twin(id).given;
  stream.got.ended = true;
  check(given.ended && given.content == stream.got.content, "a message ends where it was ended");
}

void Endpoint::on_closed(const StreamClosed& closed) {
  Stream& stream = open_stream(closed.stream);
  for (const auto& [token, loan] : loans_)
    check(loan.stream != closed.stream.value, "lent memory comes back before StreamClosed");
  stream.closed = true;
  stream.code = closed.code;
  stream.verdict = closed.verdict;
  if (role_ != Role::client || !closed.stream.opened_by_client()) return;
  const auto other = peer_->streams_.find(closed.stream.value);
  const bool heard = other != peer_->streams_.end();
  check(closed.verdict != Verdict::never_sent || !heard, "what was never sent was not heard");
  const bool refused = heard && other->second.reset_by_us && other->second.code == ErrorCode::refused_stream;
  check(closed.verdict != Verdict::not_processed || !heard || refused, "what was heard may have been processed");
  check(closed.verdict != Verdict::processed || stream.got.begun, "what was processed was answered");
}

// ---- calls

std::uint32_t Endpoint::some_stream(Input& input) const {
  const std::uint8_t choice = input.u8();
  if (streams_.empty()) return choice;
  auto found = streams_.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(choice % streams_.size()));
  return found->first;
}

void Endpoint::call(Input& input) {
  const std::uint8_t call = input.u8() % 20;
  if (call == 0 || (call == 1 && role_ == Role::client)) return open(input);
  if (call == 2) return send_settings(input);
  if (call == 3) {
    const std::uint8_t token = input.u8();
    if (connection_.ping(Token{token})) pings_.push_back(token);
    return;
  }
  if (call == 4) return shut_down(input);
  const std::uint32_t id = some_stream(input);
  switch (call) {
    case 1:
    case 5:
    case 6: return respond(input, id);
    case 7:
    case 8: return lend(id, input.u8() * std::size_t{8}, EndStream::no);
    case 9: return lend(id, input.u8(), EndStream::yes);
    case 10: return copy(id, input.u8(), EndStream::no);
    case 11: return copy(id, input.u8(), EndStream::yes);
    case 12: return send_trailers(input, id);
    case 13: return reset(input, id);
    case 14: return credit(input, id);
    case 15:
      if (const auto known = streams_.find(id); known != streams_.end()) release(id, known->second);
      return;
    case 16: {
      const StreamId which{(input.u8() & 7) == 0 ? 0 : id};
      static_cast<void>(connection_.set_window(which, input.u16()));
      return;
    }
    case 17: {
      const std::uint8_t how = input.u8();
      const Priority priority{static_cast<std::uint8_t>(how & 7), (how & 8) != 0};
      if (connection_.set_priority(StreamId{id}, priority) && role_ == Role::server) streams_[id].own_priority = true;
      return;
    }
    case 18: generous_ = !generous_; return;
    default: return lend(id, 0, EndStream::no);
  }
}

void Endpoint::open(Input& input) {
  const std::uint8_t how = input.u8();
  const std::vector<Field> fields = some_fields(input.u16());
  static constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "CONNECT"};
  const std::string_view method = kMethods[how & 3];
  const bool tunnel = method == "CONNECT";
  const Request request{method,
                        tunnel ? "" : "https",
                        tunnel ? "example.com:443" : "example.com",
                        tunnel           ? ""
                        : (how & 8) != 0 ? "/a/long/path?with=query"
                                         : "/",
                        fields,
                        {}};
  const EndStream end = (how & 4) != 0 ? EndStream::yes : EndStream::no;
  if (streams_.size() >= 2 * kMostStreams) return;
  caller_memory_.request(request);
  Section head = section_of(fields);
  head.insert(head.begin(), {"method", std::string(method)});
  if (role_ == Role::server) {
    const auto id = connection_.push(StreamId{some_stream(input)}, request);
    if (!id) return;
    Stream& stream = streams_[id->value];
    stream.promise = std::move(head);
    stream.head_request = method == "HEAD";
    stream.got.begun = stream.got.ended = true;
    return;
  }
  const auto id = connection_.send_request(request, end);
  if (!id) return;
  Stream& stream = streams_[id->value];
  stream.head_request = method == "HEAD";
  stream.given.begun = true;
  stream.given.ended = end == EndStream::yes;
  stream.given.head = std::move(head);
  stream.given.declared = tunnel ? -1 : declared_by(fields);
}

void Endpoint::respond(Input& input, std::uint32_t id) {
  if (role_ != Role::server) return;
  const std::uint8_t how = input.u8();
  const std::vector<Field> fields = some_fields(input.u16());
  caller_memory_.section(fields);
  if ((how & 0x30) == 0x30) {
    if (interims_sent_[id] == kMostInterims || !connection_.send_informational(StreamId{id}, 103, fields)) return;
    ++interims_sent_[id];
    streams_[id].given.interims.push_back(section_of(fields));
    return;
  }
  static constexpr std::uint16_t kStatus[] = {200, 404, 206, 204};
  const std::uint16_t status = kStatus[how & 3];
  const EndStream end = (how & 4) != 0 ? EndStream::yes : EndStream::no;
  if (!connection_.send_response(StreamId{id}, status, fields, end)) return;
  Stream& stream = streams_[id];
  stream.given.begun = true;
  stream.given.ended = end == EndStream::yes;
  stream.given.head = section_of(fields);
  stream.given.head.insert(stream.given.head.begin(), {"status", std::to_string(status)});
  const bool empty = stream.head_request || (status == 204 && !stream.connect_request);
  stream.given.declared = empty ? 0 : declared_by(fields);
}

void Endpoint::lend(std::uint32_t id, std::size_t bytes, EndStream end) {
  const auto known = streams_.find(id);
  if (known == streams_.end()) return;
  Message& given = known->second.given;
  auto memory = std::make_unique<std::byte[]>(bytes);
  for (std::size_t i = 0; i < bytes; ++i) memory[i] = content_at(role_, id, given.content + i);
  const Token token{next_token_};
  if (!connection_.send_data(StreamId{id}, {memory.get(), bytes}, token, end)) return;
  check(given.begun && !given.ended, "content is accepted between head and end");
  loans_[next_token_++] = {id, std::move(memory), bytes};
  caller_memory_.lent();
  given.content += bytes;
  given.ended = end == EndStream::yes;
}

void Endpoint::copy(std::uint32_t id, std::size_t bytes, EndStream end) {
  const auto known = streams_.find(id);
  if (known == streams_.end()) return;
  Message& given = known->second.given;
  std::vector<std::byte> data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = content_at(role_, id, given.content + i);
  const auto taken = connection_.send_copy(StreamId{id}, data, end);
  if (!taken) return;
  caller_memory_.copied();
  check(given.begun && !given.ended && *taken <= config_.copy_bound, "content is accepted between head and end");
  given.content += *taken;
  given.ended = end == EndStream::yes && *taken == bytes;
}

void Endpoint::send_trailers(Input& input, std::uint32_t id) {
  const std::vector<Field> fields = some_fields(input.u16() & 0x62);
  caller_memory_.section(fields);
  if (!connection_.send_trailers(StreamId{id}, fields)) return;
  streams_[id].given.trailers = section_of(fields);
  streams_[id].given.ended = true;
}

void Endpoint::reset(Input& input, std::uint32_t id) {
  static constexpr ErrorCode kCodes[] = {ErrorCode::cancel, ErrorCode::no_error, ErrorCode::internal_error,
                                         ErrorCode::refused_stream};
  const ErrorCode code = kCodes[input.u8() & 3];
  if (!connection_.reset(StreamId{id}, code)) return;
  streams_[id].reset_by_us = true;
  streams_[id].code = code;
}

void Endpoint::credit(Input& input, std::uint32_t id) {
  const auto known = streams_.find(id);
  if (known == streams_.end()) return;
  Stream& stream = known->second;
  const std::uint8_t how = input.u8();
  const std::size_t bytes = input.u8() * std::size_t{4};
  const auto less = [bytes](std::size_t& owed) { owed -= std::min(owed, bytes); };
  if (how % 3 == 0) connection_.consume(StreamId{id}, bytes);
  if (how % 3 == 1) connection_.consume_stream(StreamId{id}, bytes);
  if (how % 3 == 2) connection_.consume_connection(StreamId{id}, bytes);
  if (how % 3 != 2) less(stream.stream_unconsumed);
  if (how % 3 != 1) less(stream.connection_unconsumed);
}

void Endpoint::release(std::uint32_t id, Stream& stream) {
  connection_.release(StreamId{id});
  stream.stream_unconsumed = stream.connection_unconsumed = 0;
}

void Endpoint::send_settings(Input& input) {
  const std::uint8_t how = input.u8(), value = input.u8();
  const bool client = role_ == Role::client;
  const Setting kChoices[] = {{SettingId::header_table_size, value * 20U},
                              {SettingId::initial_window_size, value * 10U},
                              {SettingId::max_concurrent_streams, value},
                              {SettingId::max_frame_size, 16384U + value},
                              {SettingId::max_header_list_size, 100U + value * 200U},
                              {SettingId::enable_push, client ? value & 1U : 0U},
                              {static_cast<SettingId>(0x99), value},
                              {SettingId::header_table_size, 0}};
  const Setting entries[] = {kChoices[how & 7], kChoices[how >> 3 & 7]};
  const std::span<const Setting> chosen(entries, (how & 0x40) != 0 ? 2U : 1U);
  if (!connection_.send_settings(chosen)) return;
  caller_memory_.settings(chosen);
  limit_shrank_ = limit_shrank_ || std::ranges::any_of(chosen, [](const Setting& entry) {
                    return entry.id == SettingId::max_header_list_size;
                  });
}

void Endpoint::shut_down(Input& input) {
  const std::uint8_t how = input.u8();
  if ((how & 7) == 1) {  // rarely: it ends much
    connection_.shutdown(Shutdown::immediate);
    aborts_ = shut_down_ = true;
  } else if ((how & 7) < 4) {
    connection_.shutdown(Shutdown::graceful);
    shut_down_ = true;
  }
}

// ---- the end

void Endpoint::finish_all() {
  generous_ = true;
  open_windows();
  for (auto& [id, stream] : streams_) {
    release(id, stream);
    if (!stream.closed) finish(id, stream);
  }
  drain();
}

void Endpoint::open_windows() {
  const Setting entries[] = {{SettingId::initial_window_size, 65535},
                             {SettingId::max_concurrent_streams, 100},
                             {SettingId::max_header_list_size, 65536}};
  if (!windows_opened_) {
    windows_opened_ = connection_.send_settings(entries).has_value();
    caller_memory_.settings(entries);
  }
  const auto widen = [this](StreamId id) {
    const std::optional<WindowView> view = connection_.window(id);
    if (view && view->recv_window < 1000) static_cast<void>(connection_.set_window(id, 1 << 20));
  };
  widen(kConnection);
  for (const auto& [id, stream] : streams_) widen(StreamId{id});
}

// What the caller still owes on a stream. Nothing of it may be refused, but what comes too late.
void Endpoint::finish(std::uint32_t id, Stream& stream) {
  if (stream.given.ended || stream.reset || stream.reset_by_us || lost_) return;
  if (!stream.given.begun) {
    if (!connection_.send_response(StreamId{id}, 200, {}, EndStream::no)) return;  // push_disabled: in a later round
    stream.given.begun = true;
    stream.given.head = {{"status", "200"}};
    if (stream.head_request) stream.given.declared = 0;
  }
  const std::uint64_t left =
      stream.given.declared < 0 ? 5 : static_cast<std::uint64_t>(stream.given.declared) - stream.given.content;
  lend(id, left, EndStream::yes);
  if (!stream.given.ended) drain();  // its end may not have been heard yet
  check(stream.given.ended || stream.closed || aborts_ || peer_->aborts_, "what was begun can be ended");
}

bool Endpoint::all_closed() const {
  return std::ranges::all_of(streams_, [](const auto& one) { return one.second.closed; });
}

}  // namespace fuzz
