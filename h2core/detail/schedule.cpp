// Output: DATA is framed here, when it is polled, so that windows and turns apply as late as possible; and lent memory
// comes back here, when the transport has taken it.
#include <h2core/detail/engine.h>

namespace h2::detail {
namespace {

// In how many pieces of memory so many bytes lie that begin with this one.
std::size_t pieces_of(const Chunk& first, std::size_t bytes) {
  const Chunk* chunk = &first;
  std::size_t pieces = 1;
  for (std::size_t reach = first.bytes - first.framed; reach < bytes; ++pieces) {
    chunk = chunk->next;
    reach += chunk->bytes - chunk->framed;
  }
  return pieces;
}

}  // namespace

// Commits `bytes` of the stream's content, one at least, and passes empty pieces that stand before or right behind
// them.
void Engine::gather(Sending& sending, std::size_t bytes) noexcept {
  do {
    Chunk& chunk = *sending.last_chunk->next;
    const std::size_t left = chunk.bytes - chunk.framed;
    const std::size_t step_bytes = std::min(bytes, left);
    if (step_bytes > 0) {
      output_.lend(chunk.data + chunk.framed, step_bytes, &chunk);
      chunk.framed += step_bytes;
      bytes -= step_bytes;
    }
    if (step_bytes < left) return;
  } while (dequeue_chunk(sending));
}

// False when nothing could be framed: no room, or no memory (then the connection has failed).
bool Engine::frame_data(Sending& sending, std::size_t room) noexcept {
  Stream& stream = *sending.stream;
  const auto window = static_cast<std::uint32_t>(std::min(send_window_, stream.send_window));  // both are open
  if (window < kSliver && hold_sliver(sending)) return true;
  std::size_t bytes = std::min<std::size_t>(std::min(window, peer_.max_frame_size), sending.queued_bytes);
  if (room < kFrameHeaderBytes + bytes) {
    if (!output_.empty() && room < kFrameHeaderBytes + bytes / 2 + 1) return false;  // better a whole frame next time
    bytes = room > kFrameHeaderBytes ? room - kFrameHeaderBytes : 1;
  }
  std::byte* const frame = output_.reserve(kFrameHeaderBytes, pieces_of(*sending.last_chunk->next, bytes));
  if (frame == nullptr) return fail(Violation::out_of_memory), false;

  const bool all = bytes == sending.queued_bytes;
  const bool last = all && stream.end_queued;
  const bool end = last && sending.saved == nullptr;
  write_frame_header(frame, {static_cast<std::uint32_t>(bytes), FrameType::data,
                             end ? flags::end_stream : std::uint8_t{0}, stream.id});
  write_out(kFrameHeaderBytes);
  content_framed(sending, bytes);
  gather(sending, bytes);
  // Not where the peer's window makes crumbs of the content: those are work like any other.
  if (all || bytes >= kCrumb) expect_answers(3 + bytes / kLeastCredit);
  turns_.served(sending);
  if (!all && bytes < window) return true;
  if (!last) {
    if (!all && stream.send_window <= 0) ++counters_.stream_window_stalls;
    if (!all && send_window_ <= 0) ++counters_.connection_window_stalls;
    if (all || stream.send_window <= 0) turns_.remove(sending);
    return true;
  }
  turns_.remove(sending);
  if (sending.saved != nullptr && !write_trailers(sending)) return fail(Violation::out_of_memory), false;
  send_end(sending.slot, stream);
  return true;
}

// Frames of MAX_FRAME_SIZE that one stream may make one behind the other, and one that fills what room is left then,
// while behind each there is content in the first two pieces and both windows are open. These change nothing but
// accounts, which are kept here for all of them at once: 150 instructions fewer for a frame of an upload, with four of
// them to a poll. False where there are none: then frame_data() asks all that it asks.
bool Engine::frame_row(Sending& sending, std::size_t room, std::size_t slices) noexcept {
  const Chunk& first = *sending.last_chunk->next;
  const std::uint32_t whole = peer_.max_frame_size, each = kFrameHeaderBytes + whole;
  const auto window = static_cast<std::size_t>(std::min(send_window_, sending.stream->send_window));  // both are open
  std::size_t content = first.bytes - first.framed;
  if (content > 0 && &first != sending.last_chunk) content += first.next->bytes;  // gather() passes empty ones
  content = std::min({window, std::size_t{sending.queued_bytes}, content});
  if (content <= whole || room < each || config_.observer.on_frame != nullptr) return false;
  const std::size_t places = std::min<std::size_t>(turns_.row(sending), (slices - output_.slices()) / 2);
  if (places == 0 || !output_.has_row()) return false;

  const auto reach = static_cast<std::uint32_t>(std::min(content - 1, room));
  auto frames = static_cast<std::uint32_t>(std::clamp<std::size_t>(reach / each, 1, places));
  std::uint32_t bytes = frames * whole, rest = 0;
  room -= frames * std::size_t{each};
  if (room < each && room > kFrameHeaderBytes + whole / 2 && room - kFrameHeaderBytes < content - bytes &&
      frames < places)
    rest = static_cast<std::uint32_t>(room - kFrameHeaderBytes);
  OutputQueue::Row row = output_.begin_row();
  gather_row(sending, row, whole, frames);
  std::size_t answers = frames * (3 + whole / kLeastCredit);
  if (rest > 0) {
    gather_row(sending, row, rest, 1);
    ++frames;
    bytes += rest;
    answers += 3 + rest / kLeastCredit;
  }
  output_.commit(row, frames, bytes);
  counters_.frames_sent += frames;
  content_framed(sending, bytes);
  expect_answers(answers);
  turns_.served_row(frames);
  return true;
}

// `frames` with `bytes` of content each, out of two pieces at most; some is left in the last of them.
void Engine::gather_row(Sending& sending, OutputQueue::Row& row, std::uint32_t bytes, std::uint32_t frames) noexcept {
  while (frames > 0) {
    Chunk& chunk = *sending.last_chunk->next;
    const std::byte* const content = chunk.data + chunk.framed;
    const std::size_t left = chunk.bytes - chunk.framed;
    const auto here = static_cast<std::uint32_t>(std::min<std::size_t>(frames, left / bytes));
    write_frame_header(row.header(), {bytes, FrameType::data, 0, sending.stream->id});
    if (here > 0) {
      row.lend(content, bytes, here, &chunk);
      chunk.framed += std::size_t{here} * bytes;
      frames -= here;
      if (chunk.framed == chunk.bytes) dequeue_chunk(sending);
      continue;
    }
    const auto step_bytes = static_cast<std::uint32_t>(left);
    row.lend(content, step_bytes, 1, &chunk);
    chunk.framed = chunk.bytes;
    dequeue_chunk(sending);
    Chunk& next = *sending.last_chunk->next;
    next.framed = bytes - step_bytes;
    row.lend_on(next.data, bytes - step_bytes, &next);
    --frames;
  }
}

std::size_t Engine::poll_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  return turns_.empty() ? show_output(slices, max_bytes) : frame_ready(slices, max_bytes);
}

std::size_t Engine::frame_ready(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  while (output_.queued_bytes() < max_bytes && output_.slices() < slices.size() && !turns_.empty() &&
         send_window_ > 0 && !connection_held_) {
    Sending& sending = *turns_.next();
    const std::size_t room = max_bytes - output_.queued_bytes();
    if (!frame_row(sending, room, slices.size()) && !frame_data(sending, room)) break;
  }
  return show_output(slices, max_bytes);
}

std::size_t Engine::show_output(std::span<ByteView> slices, std::size_t max_bytes) noexcept {
  if (output_.empty()) publish();  // or it goes on that there is output
  return output_.poll(slices, max_bytes);
}

void Engine::consume_output(std::size_t bytes) noexcept {
  output_ms_ = now_ms_;
  counters_.bytes_sent += bytes;
  output_.consume(bytes, [this](Chunk& chunk, std::size_t taken) { chunk_taken(chunk, taken); });
  publish();
}

// A window of a few bytes does not make frames of a few bytes: such a stream (or all, when it is the connection's
// window) waits until the window grows, and at most kSliverHold, for a peer may grow it only when it is used up. Small
// windows are the peer's wish if its SETTINGS say so; none at all is no wish.
bool Engine::hold_sliver(Sending& sending) noexcept {
  Stream& stream = *sending.stream;
  const bool by_connection = send_window_ <= stream.send_window;
  const std::int64_t window = by_connection ? send_window_ : stream.send_window;
  const std::int64_t floor =
      peer_.initial_window_size == 0 ? kSliver : std::min(kSliver, peer_.initial_window_size / 2);
  if (window >= floor || static_cast<std::uint64_t>(window) >= sending.queued_bytes || !clock_runs_) return false;
  if (by_connection ? connection_hold_over_ : stream.hold_over) return false;
  if (by_connection) {
    connection_held_ = true;
  } else {
    stream.held = true;
    turns_.remove(sending);
  }
  if (sliver_by_ == kNever) sliver_by_ = now_ + kSliverHold;
  return true;
}

void Engine::end_holds() noexcept {
  sliver_by_ = kNever;
  if (connection_held_) connection_hold_over_ = true;
  connection_held_ = false;
  streams_.each([this](std::uint32_t slot) {
    Stream& stream = streams_[slot];
    if (!stream.held) return;
    stream.held = false;
    stream.hold_over = true;
    make_ready(stream);
  });
}

// ---- records of streams that send

// For a stream that has none; null when memory failed.
Sending* Engine::begin_sending(std::uint32_t slot, Stream& stream) noexcept {
  const std::uint32_t at = turns_.prepare() ? messages_->sendings.take(&stream, slot, stream.sent_ms) : kNoSlot;
  if (at == kNoSlot) return nullptr;
  stream.sends = true;
  stream.sending = at;
  return &messages_->sendings[at];
}

// The first one; whether there is another. If not, the record may be gone with it.
bool Engine::dequeue_chunk(Sending& sending) noexcept {
  Chunk& chunk = *sending.last_chunk->next;
  const bool more = &chunk != sending.last_chunk;
  if (more) sending.last_chunk->next = chunk.next;
  else sending.last_chunk = nullptr;
  chunk.dequeued = true;
  if (chunk.taken == chunk.framed) chunk_done(chunk);
  return more;
}

// No content is queued, and empty pieces wait for nothing.
void Engine::pass_empty_chunks(Sending& sending) noexcept {
  for (bool more = sending.last_chunk != nullptr; more;) more = dequeue_chunk(sending);
}

void Engine::drop_chunks(Sending& sending) noexcept {
  sending.queued_bytes = 0;
  for (bool more = sending.last_chunk != nullptr; more;) {
    sending.last_chunk->next->dropped = true;
    more = dequeue_chunk(sending);
  }
}

void Engine::free_copy(Chunk& chunk) noexcept {
  Sending& sending = *chunk.sending;
  Stream& stream = *sending.stream;
  const std::uint32_t slot = sending.slot;
  if (chunk.bytes > 0) messages_->copies.give_back(const_cast<std::byte*>(chunk.data), chunk.bytes);
  sending.copied_bytes -= static_cast<std::uint32_t>(chunk.bytes);
  const bool last = --sending.chunks_out == 0;
  chunks_.give_back(chunk.self);
  if (stream.copy_refused && !is_closed(stream.state)) post_stream(slot, stream, stream_event::writable);
  if (last) finish_if_done(slot, stream);
}

}  // namespace h2::detail
