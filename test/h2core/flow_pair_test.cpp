// Flow control between two connections under random use on both sides: slow readers, windows that are resized, resets,
// more requests than may run at once. Whenever nothing is under way both ends agree on all windows, and nobody waits
// for the other without a reason; in the end everything arrives, and all memory comes back.
#include <algorithm>
#include <map>

#include "dice.h"
#include "flow.h"

namespace h2::test {
namespace {

/// One side's half of a stream.
struct Half {
  std::uint64_t given = 0, received = 0;
  bool ended = false;  // by its caller
  bool end_seen = false;
  int closed = 0;
};

struct End {
  Connection* connection = nullptr;
  std::map<std::uint32_t, Half> halves;
  std::vector<int> tokens;  // how often each has come back
  bool reads = false;       // consumes at once
};

class Conversation {
 public:
  explicit Conversation(std::uint32_t seed)
      : dice_(seed), pair_(config(seed), config(seed / 2), std::chrono::milliseconds(seed % 3 * 4)) {
    client_.connection = pair_.client.connection.get();
    server_.connection = pair_.server.connection.get();
    pair_.client.keep_events = pair_.server.keep_events = false;
    pair_.client.on_event = [this](Connection&, const Event& event) { on_event(client_, 1000, event); };
    pair_.server.on_event = [this](Connection&, const Event& event) { on_event(server_, 0, event); };
  }

  void step();
  void finish();
  std::uint64_t bytes = 0, blocked = 0;

 private:
  static Config config(std::uint32_t seed) {
    Config made;
    made.work_budget = 1 << 30;
    made.settings.max_concurrent_streams = seed % 5 == 0 ? 100 : 6;
    made.settings.initial_window_size = seed % 7 == 0 ? 10 : 65535;
    made.connection_window = seed % 3 == 0 ? 1 << 20 : 65535;
    made.window_limit = seed % 2 == 0 ? 0 : 1 << 20;
    made.credit = seed % 8 == 3 ? Credit::automatic : Credit::manual;
    made.copy_bound = 20000;
    return made;
  }
  // What the client sends on stream n is content n; what the server sends is content 1000 + n.
  std::uint32_t key_of(const End& end, std::uint32_t id) const { return &end == &client_ ? id : 1000 + id; }
  End& either() { return dice_.once_in(2) ? client_ : server_; }

  void on_event(End& end, std::uint32_t key, const Event& event);
  void on_data(End& end, std::uint32_t key, const DataReceived& piece);
  void open();
  void give(End& end);
  void finish_half(End& end, std::uint32_t id, Half& half);
  void read(End& end);
  void resize(End& end);
  bool comes_to_rest();
  void check_progress(const End& end) const;
  void check_agreement(const End& sender, const End& receiver);
  void check_end(const End& end, const End& other) const;

  Dice dice_;
  Pair pair_;
  End client_, server_;
  std::map<std::uint32_t, bool> reset_;
  std::uint32_t last_ = 0;
};

void Conversation::step() {
  if (!client_.halves.empty() && !dice_.once_in(20)) {
    const auto recent = std::min<std::size_t>(15, client_.halves.size());
    last_ = std::prev(client_.halves.end(), 1 + dice_.below(static_cast<std::uint32_t>(recent)))->first;
  }
  End& end = either();
  switch (dice_.below(12)) {
    case 0: open(); break;
    case 1:
    case 2:
    case 3: give(end); break;
    case 4:
    case 5:
    case 6: read(end); break;
    case 7:
      if (dice_.once_in(3)) resize(end);
      break;
    case 8:
      if (dice_.once_in(6) && end.connection->reset(StreamId{last_}, ErrorCode::cancel)) reset_[last_] = true;
      break;
    case 9: {
      const Priority priority{static_cast<std::uint8_t>(dice_.below(8)), dice_.once_in(2)};
      static_cast<void>(end.connection->set_priority(StreamId{last_}, priority));
      break;
    }
    case 10: end.reads = dice_.once_in(3); break;
    default: pair_.pass(std::chrono::milliseconds(dice_.up_to(50)));
  }
  if (!dice_.once_in(4)) return;
  pair_.settle();
  check_progress(client_);
  check_progress(server_);
  if (!dice_.once_in(5) || !comes_to_rest()) return;
  check_agreement(client_, server_);
  check_agreement(server_, client_);
}

// When nobody reads, soon nothing is under way any more; but automatic credit of a few bytes may keep it going.
bool Conversation::comes_to_rest() {
  client_.reads = server_.reads = false;
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t before = pair_.bytes_to_server + pair_.bytes_to_client;
    pair_.pass(100ms);
    if (pair_.bytes_to_server + pair_.bytes_to_client == before) return true;
  }
  return false;
}

void Conversation::on_event(End& end, std::uint32_t key, const Event& event) {
  REQUIRE_FALSE(std::holds_alternative<ConnectionFailed>(event));
  if (const auto* request = std::get_if<RequestReceived>(&event)) {
    end.halves[request->stream.value].end_seen = request->end == EndStream::yes;
    REQUIRE(end.connection->send_response(request->stream, 200, {}, EndStream::no));
  } else if (const auto* piece = std::get_if<DataReceived>(&event)) {
    on_data(end, key, *piece);
  } else if (const auto* trailers = std::get_if<TrailersReceived>(&event)) {
    end.halves.at(trailers->stream.value).end_seen = true;
  } else if (const auto* sent = std::get_if<DataSent>(&event)) {
    ++end.tokens.at(sent->token.value);
  } else if (const auto* reset = std::get_if<StreamReset>(&event)) {
    REQUIRE(reset->violation == Violation::none);
    reset_[reset->stream.value] = true;
  } else if (const auto* closed = std::get_if<StreamClosed>(&event)) {
    ++end.halves.at(closed->stream.value).closed;
  }
}

void Conversation::on_data(End& end, std::uint32_t key, const DataReceived& piece) {
  const std::uint32_t id = piece.stream.value;
  Half& half = end.halves.at(id);
  const ByteView expected = content(key + id, half.received, piece.data.size());
  REQUIRE(std::equal(expected.begin(), expected.end(), piece.data.begin(), piece.data.end()));
  half.received += piece.data.size();
  half.end_seen = piece.end == EndStream::yes;
  bytes += piece.data.size();
  if (end.reads) end.connection->consume(piece.stream, piece.data.size());
}

void Conversation::open() {
  if (client_.connection->open_streams() > 12) return;
  const auto stream = client_.connection->send_request(kPost, EndStream::no);
  REQUIRE(stream);
  client_.halves[stream->value];
}

void Conversation::give(End& end) {
  const auto found = end.halves.find(last_);
  if (found == end.halves.end() || found->second.ended || reset_[last_]) return;
  Half& half = found->second;
  if (dice_.once_in(10)) return finish_half(end, last_, half);
  const ByteView view = content(key_of(end, last_), half.given, dice_.up_to(100000));
  if (dice_.once_in(3)) {
    if (const auto taken = end.connection->send_copy(StreamId{last_}, view, EndStream::no)) half.given += *taken;
  } else if (end.connection->send_data(StreamId{last_}, view, Token{end.tokens.size()}, EndStream::no)) {
    end.tokens.push_back(0);
    half.given += view.size();
  }
}

void Conversation::finish_half(End& end, std::uint32_t id, Half& half) {
  const Field trailer{"x", "y"};
  half.ended = dice_.once_in(2) ? end.connection->send_trailers(StreamId{id}, {&trailer, 1}).has_value()
                                : end.connection->send_copy(StreamId{id}, {}, EndStream::yes).has_value();
}

void Conversation::read(End& end) {
  const std::size_t some = dice_.up_to(100000);
  switch (dice_.below(4)) {
    case 0: return end.connection->consume(StreamId{last_}, some);
    case 1: return end.connection->consume_stream(StreamId{last_}, some);
    case 2: return end.connection->consume_connection(StreamId{last_}, some);
    default: return end.connection->release(StreamId{last_});
  }
}

void Conversation::resize(End& end) {
  const auto window = dice_.one_of<std::uint32_t>({0, 1, 50, 1000, 65535, 65536, 300000});
  switch (dice_.below(3)) {
    case 0: static_cast<void>(end.connection->set_window(StreamId{last_}, window)); break;
    case 1: static_cast<void>(end.connection->set_window(kConnection, std::max(window, 65535U))); break;
    default: {
      const Setting initial{SettingId::initial_window_size, window};
      static_cast<void>(end.connection->send_settings({&initial, 1}));
    }
  }
}

// All output was taken, so what may still go is held for being a sliver, for 20 ms at most.
void Conversation::check_progress(const End& end) const {
  REQUIRE_FALSE(end.connection->has_output());
  for (const auto& [id, half] : end.halves) {
    if (!may_send(*end.connection, StreamId{id})) continue;
    const std::uint32_t stream = id;  // what a lambda may capture
    CAPTURE(stream);
    REQUIRE(end.connection->explain(StreamId{id})->sending.what == Holdup::small_window);
    REQUIRE(end.connection->deadline().value() <= pair_.now() + 20ms);
  }
}

// Nothing is under way: the windows are the same on both sides, and a receiver keeps nothing back that the sender
// needs.
void Conversation::check_agreement(const End& sender, const End& receiver) {
  const WindowView whole = *receiver.connection->window(kConnection);
  REQUIRE(sender.connection->window(kConnection)->send_window == whole.recv_window);
  REQUIRE_FALSE(is_withheld(whole));
  for (const auto& [id, half] : sender.halves) {
    const std::uint32_t stream = id;  // what a lambda may capture
    CAPTURE(stream);
    const auto there = receiver.halves.find(id);
    if (half.ended || half.closed > 0 || reset_[id] || there == receiver.halves.end()) continue;
    const WindowView from = *sender.connection->window(StreamId{id}), to = *receiver.connection->window(StreamId{id});
    REQUIRE(from.send_window == to.recv_window);
    REQUIRE_FALSE(is_withheld(to));
    REQUIRE(there->second.received + from.queued == half.given);
    if (from.queued == 0) continue;
    REQUIRE((from.send_window <= 0 || whole.recv_window <= 0));
    ++blocked;
  }
}

void Conversation::finish() {
  pair_.pass(1s);
  for (End* end : {&client_, &server_}) {
    const Setting initial{SettingId::initial_window_size, 65535};
    REQUIRE(end->connection->send_settings({&initial, 1}));
    REQUIRE(end->connection->set_window(kConnection, 1 << 20));
    end->reads = true;
    for (auto& [id, half] : end->halves) {
      static_cast<void>(end->connection->set_window(StreamId{id}, 65535));
      end->connection->release(StreamId{id});
    }
  }
  for (int round = 0; round < 30; ++round) {  // requests that waited come to their turn
    pair_.pass(1s);
    for (End* end : {&client_, &server_}) {
      for (auto& [id, half] : end->halves) {
        if (!half.ended && !reset_[id]) finish_half(*end, id, half);
      }
    }
  }
  check_agreement(client_, server_);
  check_agreement(server_, client_);
  check_end(client_, server_);
  check_end(server_, client_);
}

void Conversation::check_end(const End& end, const End& other) const {
  for (const int times : end.tokens) REQUIRE(times == 1);
  REQUIRE(end.connection->open_streams() == 0);
  const WindowView whole = *end.connection->window(kConnection);
  REQUIRE(whole.unconsumed == 0);
  REQUIRE(whole.recv_window + static_cast<std::int64_t>(whole.owed) == 1 << 20);
  for (const auto& [id, half] : end.halves) {
    const std::uint32_t stream = id;  // what a lambda may capture
    CAPTURE(stream);
    REQUIRE(half.closed == 1);
    const auto reset = reset_.find(id);
    if (reset != reset_.end() && reset->second) continue;
    REQUIRE(half.end_seen);
    REQUIRE(half.received == other.halves.at(id).given);
  }
}

TEST_CASE("two connections that resize, read slowly and reset never wait for each other without a reason") {
  std::uint64_t bytes = 0, blocked = 0;
  constexpr std::uint32_t kSeeds = 48;
  for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Conversation conversation(seed);
    for (int i = 0; i < 500; ++i) conversation.step();
    conversation.finish();
    bytes += conversation.bytes;
    blocked += conversation.blocked;
  }
  CHECK(bytes > 100000 * kSeeds);
  CHECK(blocked > kSeeds);  // by readers that were slow
}

}  // namespace
}  // namespace h2::test
