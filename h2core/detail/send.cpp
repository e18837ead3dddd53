// The caller's calls. Every refusal stands above the first change; what was accepted will be sent or come back.
#include <h2core/detail/engine.h>

namespace h2::detail {
namespace {

struct StatusField {
  char digits[3];
  Field field;
  explicit StatusField(std::uint16_t status)
      : digits{static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
               static_cast<char>('0' + status % 10)},
        field{":status", std::string_view(digits, 3)} {}
  std::span<const Field> span() const { return {&field, 1}; }
};

// Where the next crumb of a cookie ends. One of less than 20 octets would never be indexed (hpack::Encoder), which
// costs more than splitting brings: it stays with its neighbour.
std::size_t crumb_end(std::string_view value) {
  constexpr std::size_t kLeast = 20;
  const std::size_t end = value.size() > kLeast ? value.find("; ", kLeast) : std::string_view::npos;
  return end == std::string_view::npos || value.size() - end - 2 < kLeast ? value.size() : end;
}

// What splitting adds to the list and, at most, to the block.
std::size_t crumb_fields(std::span<const Field> fields) {
  std::size_t more = 0;
  for (const Field& field : fields) {
    if (field.name != "cookie") continue;
    for (std::string_view rest = field.value; crumb_end(rest) < rest.size(); rest.remove_prefix(crumb_end(rest) + 2))
      ++more;
  }
  return more;
}
constexpr std::size_t kCrumbListBytes = 32 + 6 - 2;
constexpr std::size_t kCrumbBlockBytes = hpack::Encoder::field_bound({"cookie", ""});

}  // namespace

// ---- messages

Misuse Engine::may_send(std::uint32_t slot, StreamId id, Input input) const noexcept {
  if (failed_ || lost_ || finished_) return slot == kNoSlot ? Misuse::connection_over : Misuse::stream_gone;
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  const Stream& stream = streams_[slot];
  if (is_closed(stream.state)) return Misuse::stream_gone;
  if (stream.end_queued) return Misuse::already_ended;
  if (stream.waiting) return Misuse::none;  // it will be open when its turn comes
  const Step& next = step(stream.state, input);
  return next.answer == Answer::misuse ? next.misuse : Misuse::none;
}

Result<StreamId> Engine::send_request(const Request& request, EndStream end, void* user) noexcept {
  if (config_.role != Role::client) return Misuse::wrong_role;
  if (failed_ || lost_ || finished_ || eof_) return Misuse::connection_over;
  if (next_id_ > kMaxStreamId) return Misuse::stream_ids_exhausted;
  if (shutting_down_ || goaway_received_) return Misuse::shutting_down;
  if (!prepare_messages()) return Misuse::out_of_memory;
  const RequestFields pseudo(request);
  const Outgoing section = look_at(pseudo.span(), request.fields);
  Declared head;
  head.priority = config_.default_priority;
  if (config_.validate_outgoing) {
    const bool extended = peer_.enable_connect_protocol != 0;
    if (check_sent_request(pseudo.span(), request.fields, extended, head, section.known()) != Violation::none)
      return Misuse::malformed_fields;
    const bool empty = end == EndStream::yes || is_method(request.method, "TRACE");
    if (empty && head.content_length > 0) return Misuse::content_length_broken;
  }
  if (const Misuse misuse = section_fits(section); misuse != Misuse::none) return misuse;
  const bool waits = !messages_->waiting.empty() || our_active_ >= initial_streams_allowed();
  SavedFields* saved = nullptr;
  if (waits) {
    saved = save(pseudo.span(), request.fields);
    if (saved == nullptr || !messages_->waiting.reserve(messages_->waiting.size() + 1)) {
      if (saved != nullptr) messages_->copies.give_back(saved, saved->allocation_bytes);
      return Misuse::out_of_memory;
    }
  }
  const StreamId id{next_id_};
  const std::uint32_t slot = add_stream(id);
  const bool sends = waits || (end == EndStream::no && head.content_length >= 0);
  Sending* const sending = sends && slot != kNoSlot ? begin_sending(slot, streams_[slot]) : nullptr;
  if (slot == kNoSlot || (sends && sending == nullptr)) {
    if (slot != kNoSlot) streams_.discard(slot);
    if (saved != nullptr) messages_->copies.give_back(saved, saved->allocation_bytes);
    return Misuse::out_of_memory;
  }
  Stream& stream = streams_[slot];
  stream.known = true;
  stream.user = user;
  stream.waiting = waits;
  stream.head_request = is_method(request.method, "HEAD");
  stream.connect_request = is_method(request.method, "CONNECT");
  stream.no_content_send = is_method(request.method, "TRACE");  // RFC 9110 9.3.8
  if (sending != nullptr) {
    sending->saved = saved;
    sending->content_left = stream.connect_request ? -1 : head.content_length;
  }
  stream.urgency = head.priority.urgency & 7U;
  stream.incremental = head.priority.incremental;
  stream.end_queued = end == EndStream::yes;
  if (waits) {
    static_cast<void>(messages_->waiting.push(id));
    ++counters_.requests_waited;
  } else if (!start_request(slot, section)) {
    if (stream.sends) messages_->sendings.give_back(stream.sending);
    streams_.discard(slot);
    return Misuse::out_of_memory;
  }
  next_id_ += 2;
  ++live_streams_;
  if (next_id_ > kMaxStreamId) shutdown(Shutdown::graceful, Duration{0}, ErrorCode::no_error);  // 5.1.1: no id is left
  publish();
  return id;
}

Result<StreamId> Engine::begin_upgraded(const Request& request, ByteView http2_settings, void* user) noexcept {
  const bool server = config_.role == Role::server;
  if (failed_ || lost_) return Misuse::connection_over;
  const std::uint32_t first_id = server ? config_.first_stream_id : 1;
  if (last_peer_id_ != kConnection || next_id_ != first_id || settings_seen_ || preface_have_ > 0)
    return Misuse::wrong_state;
  if (http2_settings.size() % 6 != 0 || http2_settings.size() / 6 > config_.max_settings_entries)
    return Misuse::bad_setting;
  Declared head;
  head.priority = config_.default_priority;
  if (check_sent_request(request, false, head) != Violation::none) return Misuse::malformed_fields;
  if (check_all(http2_settings) != Violation::none) return Misuse::bad_setting;
  if (!prepare_messages()) return Misuse::out_of_memory;
  const std::uint32_t slot = add_stream(StreamId{1});
  if (slot == kNoSlot) return Misuse::out_of_memory;
  static_cast<void>(apply_all(http2_settings));
  Stream& stream = streams_[slot];
  stream.known = true;
  stream.user = user;
  stream.head_request = is_method(request.method, "HEAD");
  stream.send_window = static_cast<std::int32_t>(peer_.initial_window_size);
  stream.recv_window = static_cast<std::int32_t>(effective_.initial_window_size);
  stream.state = server ? State::half_closed_remote : State::half_closed_local;
  stream.recv_final = stream.ended_by_peer = server;
  if (server) stream.recv_content_left = -1;
  stream.sent_final = stream.end_queued = !server;
  stream.upgraded = true;
  stream.urgency = head.priority.urgency & 7U;
  stream.incremental = head.priority.incremental;
  stream.no_content_send = server && stream.head_request;
  if (server) last_peer_id_ = StreamId{1};
  else next_id_ = 3;
  count(stream);
  ++live_streams_;
  ++counters_.streams_opened;
  publish();
  return StreamId{1};
}

std::size_t Engine::initial_streams_allowed() const noexcept {
  if (!peer_settings_known_) return config_.assumed_peer_streams;
  return peer_.max_concurrent_streams;
}

// From idle to open, on the wire. False leaves the stream as it was.
bool Engine::start_request(std::uint32_t slot, const Outgoing& head) noexcept {
  Stream& stream = streams_[slot];
  Sending* const sending = sending_of(stream);
  const bool last = stream.end_queued && (sending == nullptr || sending->queued_bytes == 0);
  const bool end = last && (sending == nullptr || sending->saved == nullptr);
  stream.head_at = output_.position();
  if (!write_block(FrameType::headers, stream.id, end ? EndStream::yes : EndStream::no, kConnection, head))
    return false;
  stream.state = step(State::idle, Input::send_headers).next;
  stream.waiting = false;
  stream.sent_final = true;
  stream.send_window = static_cast<std::int32_t>(peer_.initial_window_size);
  stream.recv_window = static_cast<std::int32_t>(effective_.initial_window_size);
  if (stream.fixed_window) stream.recv_owed -= stream.recv_window;  // all that its caller chose was owed
  count(stream);
  ++counters_.streams_opened;
  if (stream.tell_priority) write_priority_update(stream);
  if (sending != nullptr && sending->queued_bytes == 0) pass_empty_chunks(*sending);
  if (last && !end && !write_trailers(*sending)) return false;
  if (last) send_end(slot, stream);
  else make_ready(stream);
  if (stream.sends) settle_sending(stream);  // the head waits no more
  update_stream_window(stream);              // for a caller who chose while the request was waiting
  return !failed_;
}

// Strictly first in, first out, as the peer's limit allows (RFC 9113 5.1.2).
void Engine::start_waiting() noexcept {
  if (messages_ == nullptr) return;
  while (!messages_->waiting.empty() && !failed_ && our_active_ < initial_streams_allowed()) {
    const std::uint32_t slot = streams_.find(messages_->waiting.front());
    if (slot != kNoSlot && streams_[slot].waiting) {
      Stream& stream = streams_[slot];
      Sending& sending = *sending_of(stream);
      SavedFields* head = sending.saved;
      sending.saved = head->next;
      std::size_t pseudo = 0;
      while (pseudo < head->count && head->fields()[pseudo].name.starts_with(':')) ++pseudo;
      const std::span<const Field> all(head->fields(), head->count);
      // The peer's limit may have shrunk meanwhile, and over it the whole connection might end.
      const Outgoing section = look_at(all.first(pseudo), all.subspan(pseudo));
      const bool fits = section_fits(section) == Misuse::none;
      if (!fits) close_stream(slot, State::reset_by_us, ErrorCode::refused_stream, Violation::none, true);
      const bool started = !fits || start_request(slot, section);
      messages_->copies.give_back(head, head->allocation_bytes);
      if (!started) return fail(Violation::out_of_memory);
    }
    messages_->waiting.pop();
  }
}

Result<void> Engine::send_response(StreamId id, std::uint16_t status, std::span<const Field> fields,
                                   EndStream end) noexcept {
  if (config_.role != Role::server) return Misuse::wrong_role;
  const std::uint32_t slot = streams_.find(id);
  if (const Misuse misuse = may_send(slot, id, Input::send_headers); misuse != Misuse::none) return misuse;
  Stream& stream = streams_[slot];
  if (stream.sent_final) return Misuse::wrong_state;
  const bool opens = stream.state == State::reserved_local;  // and counts from now on (RFC 9113 5.1.2)
  if (opens && our_active_ >= peer_.max_concurrent_streams) return Misuse::push_disabled;
  if (status < 200 || status > 999) return Misuse::malformed_fields;
  const bool tunnel = stream.connect_request && status < 300;
  const bool empty = !tunnel && (stream.head_request || status == 204 || status == 304);
  const bool reset_content = !tunnel && status == 205;  // has none either, but says so by its length (RFC 9110 15.3.6)
  const StatusField pseudo(status);
  Outgoing section = look_at(pseudo.span(), fields, &messages_->heads);
  std::int64_t& content_length = section.content_length;
  if (config_.validate_outgoing) {
    if (!section.is_again && check_sent_response(status, fields, content_length, section.known(1)) != Violation::none)
      return Misuse::malformed_fields;
    if (tunnel && content_length >= 0) return Misuse::malformed_fields;  // RFC 9110 8.6
    const bool ends = end == EndStream::yes || reset_content;
    if (!empty && ends && content_length > 0) return Misuse::content_length_broken;
  }
  if (const Misuse misuse = section_fits(section); misuse != Misuse::none) return misuse;
  const bool sends = end == EndStream::no && !empty && !tunnel && content_length >= 0;
  Sending* const sending = sends ? begin_sending(slot, stream) : nullptr;
  if (sends && sending == nullptr) return Misuse::out_of_memory;
  if (!write_block(FrameType::headers, id, end, kConnection, section)) {
    if (sends) settle_sending(stream);
    return Misuse::out_of_memory;
  }
  stream.sent_final = true;
  stream.tunnel = tunnel;
  stream.no_content_send = empty || reset_content;
  if (sends) sending->content_left = content_length;
  if (opens) --reserved_;
  stream.state = step(stream.state, Input::send_headers).next;
  count(stream);
  if (end == EndStream::yes) send_end(slot, stream);
  publish();
  return {};
}

Result<void> Engine::send_informational(StreamId id, std::uint16_t status, std::span<const Field> fields) noexcept {
  if (config_.role != Role::server) return Misuse::wrong_role;
  const std::uint32_t slot = streams_.find(id);
  if (const Misuse misuse = may_send(slot, id, Input::send_headers); misuse != Misuse::none) return misuse;
  if (streams_[slot].sent_final || streams_[slot].state == State::reserved_local) return Misuse::wrong_state;
  std::int64_t content_length = -1;
  if (status < 100 || status > 199 || status == 101) return Misuse::malformed_fields;
  const StatusField pseudo(status);
  const Outgoing section = look_at(pseudo.span(), fields);
  if (config_.validate_outgoing &&
      (check_sent_response(status, fields, content_length, section.known(1)) != Violation::none || content_length >= 0))
    return Misuse::malformed_fields;
  if (const Misuse misuse = section_fits(section); misuse != Misuse::none) return misuse;
  if (!write_block(FrameType::headers, id, EndStream::no, kConnection, section)) return Misuse::out_of_memory;
  publish();
  return {};
}

Result<void> Engine::send_trailers(StreamId id, std::span<const Field> fields) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (const Misuse misuse = may_send(slot, id, Input::send_data); misuse != Misuse::none) return misuse;
  Stream& stream = streams_[slot];
  const bool asks_for_tunnel = stream.connect_request && config_.role == Role::client;
  if (stream.tunnel || asks_for_tunnel) return Misuse::wrong_state;  // only DATA (RFC 9113 8.5)
  Sending* const sending = sending_of(stream);
  if (const Misuse misuse = check_content(stream, sending, 0, EndStream::yes); misuse != Misuse::none) return misuse;
  const Outgoing section = look_at({}, fields);
  if (config_.validate_outgoing && check_sent_trailers(fields, section.known()) != Violation::none)
    return Misuse::malformed_fields;
  if (const Misuse misuse = section_fits(section); misuse != Misuse::none) return misuse;
  if (sending != nullptr && (sending->last_chunk != nullptr || stream.waiting)) {
    SavedFields* saved = save({}, fields);
    if (saved == nullptr) return Misuse::out_of_memory;
    (stream.waiting ? sending->saved->next : sending->saved) = saved;
    stream.end_queued = true;
  } else {
    if (!write_block(FrameType::headers, id, EndStream::yes, kConnection, section)) return Misuse::out_of_memory;
    send_end(slot, stream);
  }
  publish();
  return {};
}

Result<StreamId> Engine::push(StreamId parent, const Request& request, void* user) noexcept {
  if (config_.role != Role::server) return Misuse::wrong_role;
  const std::uint32_t parent_slot = streams_.find(parent);
  if (const Misuse misuse = may_send(parent_slot, parent, Input::send_headers); misuse != Misuse::none) return misuse;
  if (!is_ours(parent) && peer_.enable_push == 0) return Misuse::push_disabled;
  if (is_ours(parent) || streams_[parent_slot].tunnel) return Misuse::wrong_state;
  if (shutting_down_ || goaway_received_) return Misuse::shutting_down;
  if (reserved_ + our_active_ >= initial_streams_allowed()) return Misuse::push_disabled;
  if (next_id_ > kMaxStreamId) return Misuse::stream_ids_exhausted;
  Declared head;
  head.priority = config_.default_priority;
  const bool safe = is_method(request.method, "GET") || is_method(request.method, "HEAD");
  const RequestFields pseudo(request);
  const Outgoing section = look_at(pseudo.span(), request.fields);
  if (config_.validate_outgoing &&
      (!safe || request.authority.empty() ||
       check_sent_request(pseudo.span(), request.fields, false, head, section.known()) != Violation::none ||
       head.content_length > 0))
    return Misuse::malformed_fields;
  if (const Misuse misuse = section_fits(section); misuse != Misuse::none) return misuse;
  const StreamId id{next_id_};
  const std::uint32_t slot = add_stream(id);
  if (slot == kNoSlot) return Misuse::out_of_memory;
  if (!write_block(FrameType::push_promise, parent, EndStream::no, id, section)) {
    streams_.discard(slot);
    return Misuse::out_of_memory;
  }
  next_id_ += 2;
  Stream& stream = streams_[slot];
  stream.state = State::reserved_local;
  stream.send_window = static_cast<std::int32_t>(peer_.initial_window_size);  // credit may come before the response
  stream.known = stream.ended_by_peer = true;
  stream.user = user;
  stream.head_request = stream.no_content_send = is_method(request.method, "HEAD");
  stream.urgency = head.priority.urgency & 7U;
  stream.incremental = head.priority.incremental;
  ++reserved_;
  ++live_streams_;
  publish();
  return id;
}

Result<void> Engine::reset(StreamId id, ErrorCode code) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (slot == kNoSlot) return is_idle(id) ? Misuse::unknown_stream : Misuse::stream_gone;
  Stream& stream = streams_[slot];
  if (is_closed(stream.state)) return Misuse::stream_gone;
  if (code == ErrorCode::no_error && config_.role == Role::server && stream.end_queued && may_still_end(stream.state)) {
    stream.reset_after_end = true;
    return {};
  }
  if (!stream.waiting) {
    if (output_.reserve(write::kRstStreamBytes) == nullptr) return Misuse::out_of_memory;
    write_rst_stream(id, code);
  }
  close_stream(slot, State::reset_by_us, code, Violation::none, false);
  publish();
  return {};
}

// The encoder has judged most fields before: 340 instructions less for a server_requests, 1450 for a request_response.
Engine::Outgoing Engine::look_at(std::span<const Field> pseudo, std::span<const Field> fields,
                                 hpack::RepeatedSection* repeated) noexcept {
  Outgoing section;
  section.pseudo = pseudo;
  section.fields = fields;
  section.repeated = repeated;
  section.is_again = repeated != nullptr && repeated->is(pseudo, fields, messages_->encoder);
  if (section.is_again) {
    section.content_length = repeated->note();
    section.text_bytes = repeated->text_bytes();
    section.crumbs = section.looked_at = 0;
    return section;
  }
  section.content_length = -1;
  section.crumbs = splits_cookies() ? crumb_fields(fields) : 0;
  section.looked_at = std::min(section.count(), Outgoing::kMost);
  const std::size_t first = section.looked_at - pseudo.size();
  section.text_bytes = messages_->encoder.look_at(pseudo, fields.first(first), section.of);
  if (first == fields.size()) [[likely]]
    return section;
  for (const Field& field : fields.subspan(first)) section.text_bytes += field.name.size() + field.value.size();
  return section;
}

Misuse Engine::section_fits(const Outgoing& section) const noexcept {
  const std::size_t bytes = section.text_bytes + section.count() * 32 + section.crumbs * kCrumbListBytes;
  return bytes > peer_.max_header_list_size || bytes > kListBound ? Misuse::field_section_too_large : Misuse::none;
}

// Encodes into the output, in one piece: from here on the block's place on the wire is fixed.
bool Engine::write_block(FrameType type, StreamId id, EndStream end, StreamId promised,
                         const Outgoing& section) noexcept {
  const std::size_t extra = type == FrameType::push_promise ? 4 : 0;
  const std::size_t bound = section.text_bytes + section.count() * hpack::Encoder::field_bound({}) +
                            section.crumbs * kCrumbBlockBytes + hpack::Encoder::kMaxPrefix + extra;
  const std::size_t frames = bound <= peer_.max_frame_size ? 1 : bound / peer_.max_frame_size + 1;
  std::byte* const frame = output_.reserve(bound + frames * kFrameHeaderBytes);
  if (frame == nullptr) return false;
  std::byte* const block = frame + kFrameHeaderBytes + extra;
  std::byte* const at = section.is_again ? section.repeated->write(block) : encode(section, block);
  if (extra > 0) {
    for (int i = 0; i < 4; ++i) block[i - 4] = static_cast<std::byte>(promised.value >> (24 - 8 * i));
  }
  const std::uint8_t end_flag = end == EndStream::yes ? flags::end_stream : std::uint8_t{0};
  const FrameHeader header{static_cast<std::uint32_t>(extra + static_cast<std::size_t>(at - block)), type,
                           static_cast<std::uint8_t>(end_flag | flags::end_headers), id};
  std::size_t bytes = kFrameHeaderBytes + header.length;
  if (header.length <= peer_.max_frame_size) {
    write_frame_header(frame, header);
    ++counters_.frames_sent;
  } else {
    bytes = split_block(frame, header.length, header);
  }
  output_.commit(bytes);
  if (config_.role == Role::server) expect_answers(1);
  if (config_.observer.on_frame != nullptr) {
    Array<Field> all(config_.allocator);
    if (all.append(section.pseudo.data(), section.pseudo.size()) &&
        all.append(section.fields.data(), section.fields.size()))
      note(Direction::sent, header, {}, {all.data(), all.size()});
  }
  return true;
}

std::byte* Engine::encode(const Outgoing& section, std::byte* out) noexcept {
  hpack::Encoder& encoder = messages_->encoder;
  const std::span<const Field> whole = section.crumbs > 0 ? std::span<const Field>() : section.fields;
  std::byte* at = encoder.block(section.pseudo, whole, section.known(), out);
  if (section.crumbs > 0) at = encode_in_crumbs(section, at);
  if (section.repeated != nullptr) {
    section.repeated->sent(section.pseudo, section.fields, {out, at}, encoder, section.content_length);
  }
  return at;
}

// A cookie leaves crumb by crumb: those that stay the same from request to request are in the table (8.2.3).
std::byte* Engine::encode_in_crumbs(const Outgoing& section, std::byte* at) noexcept {
  hpack::Encoder& encoder = messages_->encoder;
  for (const Field& field : section.fields) {
    std::string_view rest = field.value;
    const bool cookie = field.name == "cookie";
    for (std::size_t end = crumb_end(rest); cookie && end < rest.size(); end = crumb_end(rest)) {
      at = encoder.field(Field{field.name, rest.substr(0, end), field.indexing}, at);
      rest.remove_prefix(end + 2);
    }
    at = encoder.field(Field{field.name, rest, field.indexing}, at);
  }
  return at;
}

// Moves the pieces of a long block apart, last first, and writes a header before each (RFC 9113 6.10).
std::size_t Engine::split_block(std::byte* frame, std::size_t payload_bytes, FrameHeader header) noexcept {
  const std::size_t piece = peer_.max_frame_size;
  const std::size_t pieces = (payload_bytes + piece - 1) / piece;
  for (std::size_t i = pieces; i-- > 0;) {
    const std::size_t bytes = i + 1 == pieces ? payload_bytes - i * piece : piece;
    std::byte* const to = frame + i * (piece + kFrameHeaderBytes);
    std::memmove(to + kFrameHeaderBytes, frame + kFrameHeaderBytes + i * piece, bytes);
    const bool last = i + 1 == pieces;
    const std::uint8_t own = i == 0 ? static_cast<std::uint8_t>(header.flags & flags::end_stream) : std::uint8_t{0};
    write_frame_header(to, {static_cast<std::uint32_t>(bytes), i == 0 ? header.type : FrameType::continuation,
                            static_cast<std::uint8_t>(own | (last ? flags::end_headers : 0)), header.stream});
  }
  counters_.frames_sent += pieces;
  return payload_bytes + pieces * kFrameHeaderBytes;
}

// The saved ones, whose place has come.
bool Engine::write_trailers(Sending& sending) noexcept {
  const std::span<const Field> fields(sending.saved->fields(), sending.saved->count);
  if (!write_block(FrameType::headers, sending.stream->id, EndStream::yes, kConnection, look_at({}, fields)))
    return false;
  free_saved(sending);
  return true;
}

SavedFields* Engine::save(std::span<const Field> pseudo, std::span<const Field> fields) noexcept {
  const std::size_t count = pseudo.size() + fields.size();
  std::size_t bytes = sizeof(SavedFields) + count * sizeof(Field);
  for (const auto& part : {pseudo, fields})
    for (const Field& field : part) bytes += field.name.size() + field.value.size();
  void* memory = messages_->copies.take(bytes);
  if (memory == nullptr) return nullptr;
  SavedFields* saved = ::new (memory) SavedFields{bytes, nullptr, static_cast<std::uint32_t>(count)};
  char* text = reinterpret_cast<char*>(saved->fields() + count);
  const auto copy = [&text](std::string_view from) {
    if (!from.empty()) std::memcpy(text, from.data(), from.size());
    const std::string_view to(text, from.size());
    text += from.size();
    return to;
  };
  Field* to = saved->fields();
  for (const auto& part : {pseudo, fields})
    for (const Field& field : part)
      ::new (static_cast<void*>(to++)) Field{copy(field.name), copy(field.value), field.indexing};
  return saved;
}

void Engine::free_saved(Sending& sending) noexcept {
  while (SavedFields* saved = sending.saved) {
    sending.saved = saved->next;
    messages_->copies.give_back(saved, saved->allocation_bytes);
  }
}

// ---- content

Misuse Engine::check_content(const Stream& stream, const Sending* sending, std::size_t bytes,
                             EndStream end) const noexcept {
  if (!stream.sent_final && !stream.waiting) return Misuse::wrong_state;
  if (!config_.validate_outgoing) return Misuse::none;
  if (stream.no_content_send && bytes > 0) return Misuse::content_length_broken;
  if (sending == nullptr || sending->content_left < 0) return Misuse::none;
  const auto left = static_cast<std::uint64_t>(sending->content_left);
  const bool broken = bytes > left || (end == EndStream::yes && bytes != left);
  return broken ? Misuse::content_length_broken : Misuse::none;
}

// So many bytes more stand in the stream's queue.
void Engine::content_queued(Sending& sending, std::size_t bytes, EndStream end) noexcept {
  Stream& stream = *sending.stream;
  if (sending.queued_bytes == 0) sending.sent_ms = now_ms_;
  sending.queued_bytes += bytes;
  if (sending.content_left >= 0) sending.content_left -= static_cast<std::int64_t>(bytes);
  if (end == EndStream::yes) stream.end_queued = true;
  if (sending.queued_bytes > 0) make_ready(sending);
  else if (!stream.waiting) pass_empty_chunks(sending);
}

Misuse Engine::queue_chunk(Sending& sending, ByteView data, Token token, bool copied, EndStream end) noexcept {
  Stream& stream = *sending.stream;
  const bool bare_end = data.empty() && end == EndStream::yes && sending.last_chunk == nullptr && !stream.waiting;
  if (bare_end && output_.reserve(kFrameHeaderBytes) == nullptr) return Misuse::out_of_memory;
  if (!copied || !data.empty()) {
    const std::uint32_t index = chunks_.take(data.data(), data.size(), token, &sending, copied);
    if (index == kNoSlot) return Misuse::out_of_memory;
    Chunk& chunk = chunks_[index];
    Chunk* const last = sending.last_chunk;
    chunk.self = index;
    chunk.next = last != nullptr ? std::exchange(last->next, &chunk) : &chunk;
    sending.last_chunk = &chunk;
    ++sending.chunks_out;
    if (copied) sending.copied_bytes += static_cast<std::uint32_t>(data.size());
  }
  if (bare_end) write_bare_end(stream.id);
  content_queued(sending, data.size(), bare_end ? EndStream::no : end);
  if (bare_end) send_end(sending.slot, stream);
  return Misuse::none;
}

Result<void> Engine::send_data(StreamId id, ByteView data, Token token, EndStream end) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (const Misuse misuse = may_send(slot, id, Input::send_data); misuse != Misuse::none) return misuse;
  Stream& stream = streams_[slot];
  Sending* sending = sending_of(stream);
  if (const Misuse misuse = check_content(stream, sending, data.size(), end); misuse != Misuse::none) return misuse;
  if (sending == nullptr) sending = begin_sending(slot, stream);
  if (sending == nullptr) return Misuse::out_of_memory;
  if (const Misuse misuse = queue_chunk(*sending, data, token, false, end); misuse != Misuse::none) [[unlikely]] {
    settle_sending(stream);
    return misuse;
  }
  publish();
  return {};
}

Result<std::size_t> Engine::send_copy(StreamId id, ByteView data, EndStream end) noexcept {
  const std::uint32_t slot = streams_.find(id);
  if (const Misuse misuse = may_send(slot, id, Input::send_data); misuse != Misuse::none) return misuse;
  Stream& stream = streams_[slot];
  Sending* sending = sending_of(stream);
  if (const Misuse misuse = check_content(stream, sending, data.size(), end); misuse != Misuse::none) return misuse;
  const std::size_t held = sending != nullptr ? sending->copied_bytes : 0;
  const std::size_t room = config_.copy_bound > held ? config_.copy_bound - held : 0;
  const std::size_t bytes = std::min(room, data.size());
  const bool all = bytes == data.size();
  if (bytes > 0 || (all && end == EndStream::yes)) {
    if (sending == nullptr) sending = begin_sending(slot, stream);
    if (sending == nullptr) return Misuse::out_of_memory;
    const Misuse misuse = queue_copy(*sending, data.first(bytes), all ? end : EndStream::no);
    if (misuse != Misuse::none) [[unlikely]] {
      settle_sending(stream);
      return misuse;
    }
  }
  stream.copy_refused = !all;
  publish();
  return bytes;
}

Misuse Engine::queue_copy(Sending& sending, ByteView data, EndStream end) noexcept {
  if (!data.empty() && append_copy(sending, data)) {
    sending.copied_bytes += static_cast<std::uint32_t>(data.size());
    content_queued(sending, data.size(), end);
    return Misuse::none;
  }
  std::byte* memory = nullptr;
  if (!data.empty()) {
    memory = static_cast<std::byte*>(messages_->copies.take(data.size()));
    if (memory == nullptr) return Misuse::out_of_memory;
    std::memcpy(memory, data.data(), data.size());
  }
  const Misuse misuse = queue_chunk(sending, {memory, data.size()}, Token{}, true, end);
  if (misuse != Misuse::none && memory != nullptr) messages_->copies.give_back(memory, data.size());
  return misuse;
}

// To the end of the last copy, if its buffer has room: a peer who decides how small the pieces of an echo are would
// otherwise fill memory with buffers of an octet each.
bool Engine::append_copy(Sending& sending, ByteView data) noexcept {
  if (sending.last_chunk == nullptr) return false;
  Chunk& tail = *sending.last_chunk;
  if (!tail.copied || data.size() > BufferPool::capacity(tail.bytes) - tail.bytes) return false;
  std::memcpy(const_cast<std::byte*>(tail.data) + tail.bytes, data.data(), data.size());
  tail.bytes += data.size();
  return true;
}

// END_STREAM alone needs no window (RFC 9113 6.9.1). Room was reserved.
void Engine::write_bare_end(StreamId id) noexcept {
  const FrameHeader header{0, FrameType::data, flags::end_stream, id};
  write_frame_header(output_.reserved(), header);
  output_.commit(kFrameHeaderBytes);
  ++counters_.frames_sent;
  note(Direction::sent, header, {}, {});
}

void Engine::send_end(std::uint32_t slot, Stream& stream) noexcept {
  stream.end_queued = true;
  const Step& next = step(stream.state, Input::send_end_stream);
  if (next.answer != Answer::ok) return;
  stream.state = next.next;
  if (stream.state == State::ended) {
    uncount(stream);
    stream.code = ErrorCode::no_error;
    stream.verdict = Verdict::processed;
    finish_if_done(slot, stream);
    return;
  }
  if (stream.sends) settle_sending(stream);
  if (stream.reset_after_end) {
    write_rst_stream(stream.id, ErrorCode::no_error);
    close_stream(slot, State::reset_by_us, ErrorCode::no_error, Violation::none, false);
  }
}

// ---- ends of streams

void Engine::close_stream(std::uint32_t slot, State how, ErrorCode code, Violation violation,
                          bool tell_reset) noexcept {
  Stream& stream = streams_[slot];
  if (is_closed(stream.state)) return;
  settle_run();
  stream.verdict = verdict_of(stream, how == State::reset_by_peer ? code : ErrorCode::no_error);
  if (how == State::reset_by_us && may_receive(stream) && stream.recv_window > 0)
    expect_late_content(stream.recv_window);
  if (stream.state == State::reserved_local || stream.state == State::reserved_remote) --reserved_;
  stream.state = how;
  stream.code = code;
  stream.violation = violation;
  stream.waiting = false;
  unready(stream);
  Sending* const sending = sending_of(stream);
  if (sending != nullptr) free_saved(*sending);
  if (tell_reset) post_stream(slot, stream, stream_event::reset);
  if (sending != nullptr) drop_chunks(*sending);
  finish_if_done(slot, stream);
  uncount(stream);
}

// RFC 9113 8.7: what a client may repeat. `peers_word` is the code of the peer's RST_STREAM.
Verdict Engine::verdict_of(const Stream& stream, ErrorCode peers_word) const noexcept {
  if (stream.waiting) return Verdict::never_sent;
  if (!is_ours(stream.id)) return stream.sent_final ? Verdict::processed : Verdict::maybe_processed;
  if (stream.recv_final) return Verdict::processed;
  // While the transport lives, what is encoded leaves: the peer's table counts on it.
  if (lost_ && output_.handed_out() <= stream.head_at && !stream.upgraded) return Verdict::never_sent;
  if (goaway_received_ && stream.id > goaway_last_received_) return Verdict::not_processed;
  return peers_word == ErrorCode::refused_stream ? Verdict::not_processed : Verdict::maybe_processed;
}

void Engine::finish_if_done(std::uint32_t slot, Stream& stream) noexcept {
  if (stream.sends) settle_sending(stream);
  if (!is_closed(stream.state) || stream.sends || stream.released) return;
  if ((stream.events & stream_event::closed) == 0) post_stream(slot, stream, stream_event::closed);
}

// The record goes when its last event is out and no received byte is owed any more.
void Engine::remove_if_settled(std::uint32_t slot) noexcept {
  const Stream& stream = streams_[slot];
  if (!stream.released || stream.connection_unconsumed > 0) return;
  streams_.remove(slot);
  --lingering_;
}

void Engine::count(Stream& stream) noexcept {
  if (stream.counted) return;
  stream.counted = true;
  ++(is_ours(stream.id) ? our_active_ : peer_active_);
}

void Engine::uncount(Stream& stream) noexcept {
  if (run_.lasts()) [[unlikely]]  // of this stream; and there may be too many unsettled now
    return uncount_in_run(stream);
  if (!stream.counted) return;
  stream.counted = false;
  if (!is_ours(stream.id)) {
    --peer_active_;
    return;
  }
  --our_active_;
  if (!messages_->waiting.empty()) start_waiting();
}

// By itself, so that who is in none saves no registers.
void Engine::uncount_in_run(Stream& stream) noexcept {
  stop_run();
  uncount(stream);
}

}  // namespace h2::detail
