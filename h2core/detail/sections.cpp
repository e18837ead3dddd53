// Header blocks in: whole blocks are decoded in place, always, for the peer's table counts on it (RFC 9113 4.3);
// then the section is judged and becomes a request, a response, trailers or a promise.
#include <h2core/detail/engine.h>

namespace h2::detail {

void Engine::on_headers(ByteView payload, Out& out) noexcept {
  if (!frame_.has(flags::padded | flags::priority)) return open_block(payload, kConnection, out);
  const Unpadded inner = strip_padding(frame_, payload);
  if (inner.violation != Violation::none) return fail(inner.violation);
  open_block(inner.content, kConnection, out);
}

void Engine::on_push_promise(ByteView payload, Out& out) noexcept {
  if (config_.role == Role::server) return fail(Violation::push_to_server);
  if (effective_.enable_push == 0) return fail(Violation::push_disabled);
  const Unpadded inner = strip_padding(frame_, payload);
  if (inner.violation != Violation::none) return fail(inner.violation);
  if (inner.content.size() < 4) return fail(Violation::frame_length);
  const StreamId promised{read_u32(inner.content.data()) & kMaxStreamId};
  open_block(inner.content.subspan(4), promised, out);
}

void Engine::open_block(ByteView content, StreamId promised, Out& out) noexcept {
  open_block_ = {.first = frame_, .promised = promised, .continuations = 0, .open = false, .began_at = now_};
  if (!prepare_messages()) return fail(Violation::out_of_memory);
  trim_soon();
  if (frame_.has(flags::end_headers)) return on_block(content, out);
  messages_->block.clear();
  messages_->cookie.release();  // not beside a block that grows
  open_block_.open = true;
  static_cast<void>(grow_block(content));
}

void Engine::on_continuation(ByteView payload, Out& out) noexcept {
  note(Direction::received, frame_, {}, {});
  if (!open_block_.open) return fail(Violation::continuation_unexpected);
  if (++open_block_.continuations > config_.max_continuations) return fail(Violation::continuation_flood);
  if (!grow_block(payload)) return;
  if (!frame_.has(flags::end_headers)) return;
  open_block_.open = false;
  on_block({messages_->block.data(), messages_->block.size()}, out);
}

// A block is shorter than the list that it decodes to, but for size updates; a frame of slack covers these.
bool Engine::grow_block(ByteView content) noexcept {
  const std::size_t bound = list_limit(effective_) + kBlockSlack;
  Array<std::byte>& block = messages_->block;
  if (block.size() + content.size() > bound) return fail(Violation::header_block_too_large), false;
  if (!block.append(content.data(), content.size(), bound)) return fail(Violation::out_of_memory), false;
  return true;
}

void Engine::on_block(ByteView block, Out& out) noexcept {
  const Decoded decoded = decode(block);
  if (decoded == Decoded::failed) return;
  on_decoded(decoded, out);
  if (!out && !failed_ && block.size() >= kFreeSection) charge(Work::useless_section, block.size() / kFreeSection);
}

void Engine::on_decoded(Decoded decoded, Out& out) noexcept {
  const FrameHeader& first = open_block_.first;
  note(Direction::received, first, {}, section());
  if (first.type == FrameType::push_promise) return on_promise(decoded, out);

  const std::uint32_t slot = streams_.find(first.stream);
  const State state = state_of(first.stream, slot);
  if (state == State::idle) {
    if (is_ours(first.stream))
      return fail(config_.role == Role::server ? Violation::stream_id_parity : Violation::frame_on_idle_stream);
    if (config_.role == Role::client) return fail(Violation::server_opened_stream);
    return on_new_stream(decoded, out);
  }
  const Step& next = step(state, Input::recv_headers);
  if (next.answer == Answer::violate) return refuse_frame(first.stream, next.violation);
  if (next.answer == Answer::ignore) return charge(Work::late_frame, kFrameCost);
  on_section(slot, decoded, out);
}

// The limit holds while decoding, 32 bytes a field (RFC 9113 6.5.2); past it nothing is kept. It is advice to the peer
// and a bound of ours, so it does not wait for an ACK; nor does the stream limit, for a refusal is safe to retry.
Engine::Decoded Engine::decode(ByteView block) noexcept {
  using Got = hpack::Decoder::Step;
  hpack::Decoder& decoder = messages_->decoder;
  Array<Field>& fields = messages_->fields;
  const std::size_t limit = list_limit(announced_), most = config_.max_fields;
  std::size_t left = limit;
  Field* field = fields.data();
  const Field* end = field + std::min(fields.capacity(), most + 1);
  fields.clear();
  decoder.begin(block, limit);
  for (;;) {
    if (field == end) [[unlikely]] {
      fields.truncate(static_cast<std::size_t>(field - fields.data()));
      if (fields.size() > most) return decode_unkept();
      if (fields.spare(most + 1) == nullptr) return fail(Violation::out_of_memory), Decoded::failed;
      field = fields.data() + fields.size();
      end = fields.data() + std::min(fields.capacity(), most + 1);
    }
    const Got step = decoder.next(*field);
    if (step != Got::field) {
      fields.truncate(static_cast<std::size_t>(field - fields.data()));
      return step == Got::oversized ? decode_unkept() : end_of_block(step, Decoded::ok);
    }
    const std::size_t bytes = field->name.size() + field->value.size() + 32;
    if (bytes > left) return decode_unkept();
    left -= bytes;
    ++field;
  }
}

// All the rest, because the peer's table counts on it.
Engine::Decoded Engine::decode_unkept() noexcept {
  using Got = hpack::Decoder::Step;
  messages_->fields.clear();
  for (;;) {
    messages_->decoder.drop_views();
    Field field;
    const Got step = messages_->decoder.next(field);
    if (step == Got::end || step == Got::error) return end_of_block(step, Decoded::too_large);
  }
}

Engine::Decoded Engine::end_of_block(hpack::Decoder::Step step, Decoded good) noexcept {
  if (step == hpack::Decoder::Step::end) return good;
  const bool memory = messages_->decoder.error() == hpack::DecodeError::out_of_memory;
  return fail(memory ? Violation::out_of_memory : Violation::header_block_invalid), Decoded::failed;
}

// A client opens a stream (RFC 9113 5.1.1). What is refused here was never heard of by the caller.
void Engine::on_new_stream(Decoded decoded, Out& out) noexcept {
  const FrameHeader& first = open_block_.first;
  const StreamId id = first.stream;
  if (goaway_final_ && id > goaway_last_sent_) {  // in flight when our GOAWAY left: dropped with what follows on it
    last_peer_id_ = id;
    refuse_stream(id);
    return charge(Work::late_frame, kFrameCost);
  }
  pass_over_to(id);
  std::optional<Priority> kept;
  if (!messages_->kept_priorities.empty()) kept = kept_priority(id);

  if (id.value == kMaxStreamId) shutdown(Shutdown::graceful, Duration{0}, ErrorCode::no_error);  // it was the last
  Head head;
  head.priority = config_.default_priority;
  Violation violation = Violation::none;
  // A caller who is behind with consuming holds records of streams that are gone; it will not hold more of them.
  if (peer_active_ >= announced_.max_concurrent_streams || is_caller_behind()) violation = Violation::stream_refused;
  else if (decoded == Decoded::too_large)
    return answer_too_large(id, first.has(flags::end_stream) ? EndStream::yes : EndStream::no);
  else violation = check_request(section(), effective_.enable_connect_protocol != 0, head);
  const bool end = first.has(flags::end_stream);
  const bool counts = !is_method(head.method, "CONNECT");  // which has no content, but a tunnel (RFC 9110 9.3.6)
  if (violation == Violation::none && end && counts && head.content_length > 0)
    violation = Violation::content_length_mismatch;
  if (violation != Violation::none) {
    if (violation == Violation::stream_refused) ++counters_.streams_refused;
    return stream_error(id, violation);
  }
  if (head.cookies > 1 && config_.join_cookies && !join_cookies(head)) return fail(Violation::out_of_memory);

  const std::uint32_t slot = add_stream(id);
  if (slot == kNoSlot) return fail(Violation::out_of_memory);
  Stream& stream = streams_[slot];
  stream.state = step(State::idle, Input::recv_headers).next;
  stream.known = stream.recv_final = true;
  stream.head_request = is_method(head.method, "HEAD");
  stream.connect_request = is_method(head.method, "CONNECT");
  stream.no_content_send = stream.head_request;
  stream.send_window = static_cast<std::int32_t>(peer_.initial_window_size);
  stream.recv_window = static_cast<std::int32_t>(effective_.initial_window_size);
  stream.recv_content_left = stream.connect_request ? -1 : head.content_length;
  const Priority priority = kept.value_or(head.priority);
  stream.urgency = priority.urgency & 7U;
  stream.incremental = priority.incremental;
  count(stream);
  ++live_streams_;
  ++counters_.streams_opened;
  reward(2);
  if (end) recv_end(slot, stream);
  out.emplace(RequestReceived{id, head.method, head.scheme, head.authority, head.path, head.protocol, head.regular,
                              end ? EndStream::yes : EndStream::no, priority});
}

// RFC 9113 10.5.1: said with a status that clients understand, and the connection lives on. The caller never hears of
// it.
void Engine::answer_too_large(StreamId id, EndStream end) noexcept {
  charge(Work::large_section, kResetCost);
  if (failed_) return;
  const Field status{":status", "431"};
  if (!write_block(FrameType::headers, id, EndStream::yes, kConnection, look_at({&status, 1}, {})))
    return fail(Violation::out_of_memory);
  ++counters_.streams_refused;
  if (end == EndStream::yes) return streams_.remember(id, State::ended);
  refuse_stream(id);
  write_rst_stream(id, ErrorCode::no_error);  // the rest of the request is of no use (8.1)
}

// RFC 9113 8.2.3: who hands a request on may know cookies as one field only. False when memory failed.
bool Engine::join_cookies(Head& head) noexcept {
  Field* const fields = messages_->fields.data() + (messages_->fields.size() - head.regular.size());
  Array<char>& joined = messages_->cookie;
  std::size_t kept = 0, bytes = 0;
  Field* cookie = nullptr;
  for (const Field& field : head.regular)
    if (field.name == "cookie") bytes += field.value.size() + 2;
  if (bytes > joined.capacity()) joined.release();  // not beside the larger one
  joined.clear();
  if (!joined.reserve(bytes)) return false;
  for (std::size_t i = 0; i < head.regular.size(); ++i) {
    const Field field = fields[i];
    if (field.name != "cookie") {
      fields[kept++] = field;
      continue;
    }
    if (cookie == nullptr) {
      cookie = &fields[kept++];
      *cookie = field;
    } else {
      if (!joined.append("; ", 2)) return false;
      if (field.indexing == Indexing::never) cookie->indexing = Indexing::never;
    }
    if (!joined.append(field.value.data(), field.value.size())) return false;
  }
  if (cookie != nullptr) cookie->value = {joined.data(), joined.size()};
  head.regular = head.regular.first(kept);
  return true;
}

// RFC 9113 5.1.1: what lies between the peer's last stream and its new one can never be used.
void Engine::pass_over_to(StreamId id) noexcept {
  if (id.value > last_peer_id_.value + 2) streams_.passed_over(last_peer_id_, id);
  last_peer_id_ = id;
}

void Engine::on_section(std::uint32_t slot, Decoded decoded, Out& out) noexcept {
  Stream& stream = streams_[slot];
  const EndStream end = open_block_.first.has(flags::end_stream) ? EndStream::yes : EndStream::no;
  if (decoded == Decoded::too_large) return stream_error(stream.id, Violation::field_section_too_large);
  // What follows the head of a CONNECT is the tunnel's, so a server need not wait for its own answer to know.
  const bool asked = stream.connect_request && config_.role == Role::server && !stream.sent_final;
  if (stream.tunnel || asked) return stream_error(stream.id, Violation::frame_in_tunnel);
  if (stream.recv_final) {
    if (end == EndStream::no) return stream_error(stream.id, Violation::trailers_without_end);
    return on_trailers(slot, out);
  }
  on_response(slot, end, out);
}

void Engine::on_response(std::uint32_t slot, EndStream end, Out& out) noexcept {
  Stream& stream = streams_[slot];
  Declared head;
  const Violation violation = check_response(section(), head);
  if (violation != Violation::none) return stream_error(stream.id, violation);
  if (stream.state == State::reserved_remote) {  // by an interim response, too (RFC 9113 5.1)
    stream.state = step(stream.state, Input::recv_headers).next;
    --reserved_;
    count(stream);
  }
  if (head.status < 200) {
    if (end == EndStream::yes || head.status == 101)
      return stream_error(stream.id, Violation::interim_response_invalid);
    if (++stream.interim_responses > config_.max_interim_responses)
      return stream_error(stream.id, Violation::interim_response_flood);
    out.emplace(InformationalReceived{stream.id, stream.user, head.status, head.regular});
    return;
  }
  const bool tunnel = stream.connect_request && head.status < 300;
  const bool empty = !tunnel && (stream.head_request || head.status == 204 || head.status == 304);
  if (!empty && !tunnel && end == EndStream::yes && head.content_length > 0)
    return stream_error(stream.id, Violation::content_length_mismatch);
  stream.recv_final = true;
  stream.tunnel = tunnel;
  stream.no_content_recv = empty;
  stream.recv_content_left = empty || tunnel ? -1 : head.content_length;
  reward(2);
  out.emplace(ResponseReceived{stream.id, stream.user, head.status, head.regular, end});
  if (end == EndStream::yes) recv_end(slot, stream);
}

void Engine::on_trailers(std::uint32_t slot, Out& out) noexcept {
  Stream& stream = streams_[slot];
  Violation violation = check_trailers(section());
  if (violation == Violation::none && stream.recv_content_left > 0) violation = Violation::content_length_mismatch;
  if (violation != Violation::none) return stream_error(stream.id, violation);
  out.emplace(TrailersReceived{stream.id, stream.user, section()});
  recv_end(slot, stream);
}

// RFC 9113 8.4. The promised stream is reserved, or refused by its own RST_STREAM.
void Engine::on_promise(Decoded decoded, Out& out) noexcept {
  const StreamId parent = open_block_.first.stream, id = open_block_.promised;
  const std::uint32_t parent_slot = streams_.find(parent);
  const Step& next = step(state_of(parent, parent_slot), Input::recv_push_promise);
  if (next.answer == Answer::violate || !is_ours(parent)) return fail(Violation::push_stream_state);
  if (id == kConnection || is_ours(id) || id <= last_peer_id_) return fail(Violation::push_id_invalid);
  const bool in_tunnel = next.answer == Answer::ok && streams_[parent_slot].tunnel;
  if (in_tunnel) stream_error(parent, Violation::frame_in_tunnel);  // and the promise, made in good faith, is refused
  pass_over_to(id);
  if (goaway_final_ && id > goaway_last_sent_) return charge(Work::late_frame, kFrameCost);
  Head head;
  Violation violation = Violation::none;
  if (in_tunnel || next.answer == Answer::ignore || announced_.enable_push == 0 ||
      reserved_ + peer_active_ >= announced_.max_concurrent_streams || is_caller_behind())
    violation = Violation::stream_refused;
  else if (decoded == Decoded::too_large) violation = Violation::field_section_too_large;
  else violation = check_request(section(), false, head);
  if (violation == Violation::none && ((!is_method(head.method, "GET") && !is_method(head.method, "HEAD")) ||
                                       head.content_length > 0 || head.authority.empty()))
    violation = Violation::push_request_invalid;
  if (violation != Violation::none) return stream_error(id, violation);
  if (head.cookies > 1 && config_.join_cookies && !join_cookies(head)) return fail(Violation::out_of_memory);

  const std::uint32_t slot = add_stream(id);
  if (slot == kNoSlot) return fail(Violation::out_of_memory);
  Stream& stream = streams_[slot];
  stream.state = State::reserved_remote;
  stream.known = true;
  stream.head_request = is_method(head.method, "HEAD");
  stream.recv_window = static_cast<std::int32_t>(effective_.initial_window_size);
  ++reserved_;
  ++live_streams_;
  out.emplace(PushReceived{parent, streams_[parent_slot].user, id, head.method, head.scheme, head.authority, head.path,
                           head.regular});
}

}  // namespace h2::detail
