// A client and a server of ours, joined by a transport that cuts, delays and takes little, and scheduled by the input.
// Neither may ever accuse the other; what arrives is what was given; when nothing is under way both agree on all
// windows; and when everything is let through, everything completes.
#include "endpoint.h"

namespace fuzz {
namespace {

using namespace h2;

constexpr std::uint8_t kBoth[] = {0, 1};

class Endpoints {
 public:
  explicit Endpoints(Input input) : input_(input), client_(Role::client, input_), server_(Role::server, input_) {
    client_.meet(server_);
    server_.meet(client_);
    if ((input_.u8() & 1) != 0) pass_time(std::chrono::milliseconds(1));
  }
  void run();

 private:
  struct Side {
    Endpoint& end;
    Endpoint& other;
    std::vector<std::byte>& way;  // from `end` to `other`
  };
  Side side(std::uint8_t which) {
    return (which & 1) != 0 ? Side{client_, server_, to_server_} : Side{server_, client_, to_client_};
  }

  void step();
  static void carry(const Side& side, std::size_t most);
  bool settle();
  void pass_time(Duration by);
  void finish();
  void check_agreement(const Side& side);
  void check_completed();
  void close();

  Input input_;
  Endpoint client_, server_;
  std::vector<std::byte> to_server_, to_client_;
  TimePoint now_{std::chrono::seconds(1)};
  Duration passed_{0};
  bool clock_runs_ = false, cut_ = false;
};

void Endpoints::run() {
  while (!input_.empty() && !cut_) step();
  finish();
}

void Endpoints::step() {
  const std::uint8_t choice = input_.u8();
  const Side side = this->side(choice);
  switch (choice >> 1 & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6: return side.end.call(input_);
    case 7: {
      const std::uint8_t how = input_.u8();
      return side.end.poll(1 + (how & 15), 1 + (how >> 4) * std::size_t{50});
    }
    case 8: {
      const std::vector<std::byte> taken = side.end.take(input_.u8());
      side.way.insert(side.way.end(), taken.begin(), taken.end());
      return;
    }
    case 9:
    case 10: {
      side.end.poll(Committed::kMostSlices, 64 * 1024);
      const std::vector<std::byte> taken = side.end.take(~std::size_t{0});
      side.way.insert(side.way.end(), taken.begin(), taken.end());
      return;
    }
    case 11: return carry(side, input_.u8());
    case 12:
    case 13: return carry(side, ~std::size_t{0});
    case 14:
      if (passed_ < std::chrono::seconds(4)) pass_time(std::chrono::milliseconds(input_.u8()));
      return;
    default:
      if ((choice & 0xe0) != 0) {
        if (settle()) {
          check_agreement(this->side(0));
          check_agreement(this->side(1));
        }
        return;
      }
      cut_ = true;  // rarely
      side.end.lose_transport();
      return;
  }
}

void Endpoints::carry(const Side& side, std::size_t most) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, side.way.size()));
  const std::vector<std::byte> bytes(side.way.begin(), side.way.begin() + count);
  side.way.erase(side.way.begin(), side.way.begin() + count);
  side.other.receive(bytes);
}

// All that is under way arrives. False if it does not come to rest: a tiny window can be passed to and fro for long.
bool Endpoints::settle() {
  for (int i = 0; i < 400; ++i) {
    bool moved = false;
    for (const std::uint8_t which : kBoth) {
      const Side from = side(which);
      from.end.poll(Committed::kMostSlices, 64 * 1024);
      const std::vector<std::byte> taken = from.end.take(~std::size_t{0});
      from.way.insert(from.way.end(), taken.begin(), taken.end());
      moved = moved || !from.way.empty();
      carry(from, ~std::size_t{0});
    }
    if (!moved) return true;
  }
  return false;
}

void Endpoints::pass_time(Duration by) {
  now_ += by;
  passed_ += by;
  clock_runs_ = true;
  client_.advance_time(now_);
  server_.advance_time(now_);
}

// RFC 9113 6.9: when nothing is under way, what one end may send is what the other lets it.
void Endpoints::check_agreement(const Side& side) {
  const bool over = client_.aborts() || server_.aborts() || client_.finished() || server_.finished();
  if (over || client_.unread() + server_.unread() > 0) return;
  const auto whole = side.end.connection().window(kConnection), others = side.other.connection().window(kConnection);
  check(whole->send_window == others->recv_window, "both ends agree on the connection's window");
  for (const auto& [id, stream] : side.end.streams()) {
    const auto there = side.other.streams().find(id);
    if (there == side.other.streams().end() || stream.closed || there->second.closed) continue;
    if (stream.given.ended || !stream.given.begun || stream.reset_by_us || there->second.reset_by_us) continue;
    const auto window = side.end.connection().window(StreamId{id}),
               other = side.other.connection().window(StreamId{id});
    check(window && other, "an open stream has windows");
    check(window->send_window == other->recv_window, "both ends agree on a stream's window");
    check(other->unconsumed == there->second.stream_unconsumed, "what is unconsumed is counted");
    const bool stuck = window->queued > 0 && window->send_window >= 512 && whole->send_window >= 512;
    check(!stuck, "what can be sent is sent");
  }
}

void Endpoints::finish() {
  if (cut_) {
    client_.lose_transport();
    server_.lose_transport();
  }
  for (int round = 0; round < 60; ++round) {
    client_.finish_all();
    server_.finish_all();
    const bool rests = settle();
    pass_time(std::chrono::milliseconds(25));  // beyond any wait for a larger window
    if (rests && settle() && client_.all_closed() && server_.all_closed()) break;
  }
  if (!cut_) {
    check_completed();
    close();
  }
  check(client_.all_closed() && server_.all_closed(), "every stream ends in StreamClosed");
}

void Endpoints::check_completed() {
  if (client_.aborts() || server_.aborts()) return;
  check(client_.all_closed() && server_.all_closed(), "everything completes when everything is let through");
  for (const auto& [id, ours] : client_.streams()) {
    const auto there = server_.streams().find(id);
    if (there == server_.streams().end()) {
      const bool told = ours.verdict == Verdict::never_sent || ours.verdict == Verdict::not_processed;
      check(told || ours.got.ended || ours.reset_by_us, "what was not heard is told so, unless it was taken back");
      continue;
    }
    const Endpoint::Stream& theirs = there->second;
    if (ours.reset || ours.reset_by_us || theirs.reset || theirs.reset_by_us) continue;
    check(ours.code == ErrorCode::no_error && theirs.code == ErrorCode::no_error, "what nobody reset ends in order");
    check(ours.got.ended && theirs.got.ended, "both messages arrived whole");
    check(!StreamId{id}.opened_by_client() || ours.verdict == Verdict::processed, "and the client knows");
  }
  check(client_.unread() + server_.unread() == 0, "all input is read");
}

// One end goes, and the transport closes as both wish.
void Endpoints::close() {
  const bool in_order = !client_.aborts() && !server_.aborts();
  Endpoint& first = server_.shut_down() ? server_ : client_;
  first.connection().shutdown(Shutdown::graceful);
  first.receive({});
  bool written[] = {false, false};
  for (int round = 0; round < 10; ++round) {
    settle();
    for (const std::uint8_t which : kBoth) {
      const Side from = side(which);
      const TransportWish wish = from.end.connection().transport_wish();
      if (wish == TransportWish::open || from.end.connection().has_output()) continue;
      if (!written[which]) from.other.receive_eof();
      else if (wish == TransportWish::close && !in_order) from.other.lose_transport();
      written[which] = true;
    }
    pass_time(std::chrono::seconds(1));
  }
  for (Endpoint* const end : {&client_, &server_}) {
    check(end->connection().transport_wish() == TransportWish::close, "in the end the transport is closed");
    check(!end->connection().has_output(), "and nothing is left to say");
    check(end->finished() || !in_order, "a shutdown finishes at both ends");
  }
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::Endpoints(fuzz::Input(octets, size)).run();
  return 0;
}
