// What every test of h2core stands on: wire bytes in the open, one connection fed in several cuts at once, two
// connections joined in memory with a simulated delay, and allocators that count, fail and poison.
#pragma once

#include <doctest/doctest.h>

#include <h2core/connection.h>
#include <h2core/frame.h>
#include <hpack/decoder.h>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "test_memory.h"

namespace h2 {

// For doctest's messages.
inline doctest::String toString(Violation violation) { return doctest::String(describe(violation).name.data()); }
inline doctest::String toString(Misuse misuse) { return doctest::String(describe(misuse).data()); }
inline doctest::String toString(ErrorCode code) { return doctest::String(name(code).data()); }
inline doctest::String toString(Verdict verdict) { return doctest::String(name(verdict).data()); }
inline doctest::String toString(StreamId stream) { return doctest::toString(stream.value); }
inline doctest::String toString(TransportWish wish) { return doctest::toString(static_cast<int>(wish)); }

namespace test {

using Bytes = std::vector<std::byte>;
using namespace std::chrono_literals;

/// "000004 08 00 00000001  'text'": hex digits in pairs, spaces anywhere between them, text in quotes.
Bytes wire(std::string_view text);
Bytes bytes_of(std::string_view text);
std::string text_of(ByteView bytes);
Bytes operator+(Bytes front, const Bytes& back);
Bytes repeat(const Bytes& bytes, std::size_t times);

/// One frame, its length counted.
Bytes frame(FrameType type, std::uint8_t flags, std::uint32_t stream, const Bytes& payload = {});

struct OwnedField {
  std::string name, value;
  Indexing indexing = Indexing::automatic;
  bool operator==(const OwnedField&) const = default;
};
using OwnedFields = std::vector<OwnedField>;

/// A header block of literals that need no table (RFC 7541 6.2.2), written here by hand so that it may break any rule.
Bytes block(const OwnedFields& fields);
/// HEADERS with END_HEADERS and what `flags` adds.
Bytes headers(std::uint32_t stream, const OwnedFields& fields, std::uint8_t flags = 0);
Bytes data(std::uint32_t stream, std::string_view content, std::uint8_t flags = 0);
Bytes rst(std::uint32_t stream, ErrorCode code);
Bytes settings(std::initializer_list<Setting> entries);
Bytes settings_ack();
Bytes window_update(std::uint32_t stream, std::uint32_t increment);
Bytes ping(std::uint64_t opaque, bool ack = false);
Bytes goaway(std::uint32_t last_stream, ErrorCode code, std::string_view debug = {});
Bytes push_promise(std::uint32_t parent, std::uint32_t promised, const OwnedFields& fields);
Bytes client_preface();

/// GET https://example.com/ with `more` behind the pseudo-fields.
OwnedFields get(const OwnedFields& more = {});
OwnedFields post(const OwnedFields& more = {});
OwnedFields status(std::string_view code, const OwnedFields& more = {});
inline constexpr std::uint8_t kEnd = flags::end_stream;

/// The same requests as a caller gives them; views of literals.
inline const Request kGet{"GET", "https", "example.com", "/", {}, {}};
inline const Request kPost{"POST", "https", "example.com", "/", {}, {}};

struct Frame {
  FrameHeader header;
  Bytes payload;
  std::uint32_t u32(std::size_t at = 0) const;
  bool operator==(const Frame&) const = default;
};
/// All frames of `bytes`, which must end with a whole one. A client's preface is left out.
std::vector<Frame> frames(ByteView bytes);

enum class Kind : std::uint8_t {  // in the order of `Event`
  request,
  informational,
  response,
  push,
  data,
  trailers,
  stream_reset,
  stream_closed,
  data_sent,
  stream_writable,
  settings,
  settings_acknowledged,
  ping_answered,
  goaway,
  unknown_frame,
  idle,
  work_low,
  shutdown_finished,
  failed,
  priority,
  altsvc,
  origin,
};

/// An event whose views were copied. `text` says all of it, for comparing and for messages.
struct Seen {
  Kind kind;
  StreamId stream;
  StreamId parent;
  void* user = nullptr;
  std::uint16_t status = 0;
  std::string method, scheme, authority, path, protocol;
  OwnedFields fields;
  std::string data;
  EndStream end = EndStream::no;
  ErrorCode code = ErrorCode::no_error;
  Violation violation = Violation::none;
  Verdict verdict = Verdict::never_sent;
  Token token;
  DataOutcome outcome = DataOutcome::sent;
  Settings settings;
  Duration round_trip{0};
  Priority priority;
  bool used_up = false;
  std::string sentence, section;
  std::string text;
};
Seen own(const Event& event);
/// Merges what a cut in the input may split: adjacent DATA of one stream.
void append(std::vector<Seen>& seen, Seen next);
std::string text_of(const std::vector<Seen>& seen);

/// All output that is ready, taken.
Bytes take_output(Connection& connection, std::size_t max_bytes = 64 * 1024);

struct Options {
  Config config{};
  std::vector<Setting> peer_settings{};  ///< in the peer's first SETTINGS
  bool handshake = true;
};

/// Decodes the header blocks of what a connection sends.
class BlockReader {
 public:
  struct Block {
    StreamId stream;
    OwnedFields fields;
  };
  BlockReader();
  void read(const Frame& frame);
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::unique_ptr<hpack::Decoder> decoder_;
  StreamId stream_;
  Bytes pending_;
  std::vector<Block> blocks_;
};

/// One connection in several lanes that get the same bytes and calls, the bytes cut differently in each: whole, byte by
/// byte, and twice at random. Events and output must be the same in all of them.
class Harness {
 public:
  explicit Harness(Role role, Options options = {});

  /// Feeds all lanes, collects the events, then takes the output.
  void feed(const Bytes& bytes);
  void eof();
  void lost();
  void advance(Duration by);

  /// Makes a call on every lane, collects events and output, and returns what the first lane said.
  template <class Call>
  auto call(Call&& call) {
    auto first = call(*lanes_[0].connection);
    for (std::size_t i = 1; i < lanes_.size(); ++i) {
      auto other = call(*lanes_[i].connection);
      if constexpr (requires {
                      first.has_value();
                      first.error();
                    }) {
        REQUIRE(other.has_value() == first.has_value());
      }
    }
    collect();
    return first;
  }
  /// A call that returns nothing.
  template <class Call>
  void run(Call&& call) {
    for (Lane& lane : lanes_) call(*lane.connection);
    collect();
  }
  /// What a caller does from within its event loop; runs between two events in each lane.
  std::function<void(Connection&, const Event&)> on_event;

  Connection& connection() { return *lanes_[0].connection; }
  TimePoint now() const { return now_; }

  /// Events since the last call of this.
  std::vector<Seen> events() { return std::exchange(fresh_, {}); }
  /// All events of a kind since the handshake.
  std::vector<Seen> all(Kind kind) const;
  std::optional<Seen> last(Kind kind) const;
  /// The last event about `stream` of that kind.
  std::optional<Seen> last(Kind kind, std::uint32_t stream) const;
  /// Why the connection failed, or none.
  Violation failure() const;
  bool failed() const { return last(Kind::failed).has_value(); }

  /// Output since the last call of this.
  Bytes sent() { return std::exchange(output_, {}); }
  std::vector<Frame> sent_frames() { return frames(sent()); }
  /// Output since the handshake, as frames.
  const std::vector<Frame>& history() const { return history_; }
  std::vector<Frame> history(FrameType type) const;
  /// The header blocks sent on `stream` since the handshake, decoded, in order.
  std::vector<OwnedFields> blocks(std::uint32_t stream) const;

  /// Lets go of the input that a lane left unread for fullness of its output queue.
  std::size_t unread() const { return lanes_[0].unread.size(); }
  /// When off, output stays in the connections, as with a peer that does not read.
  bool take = true;

 private:
  struct Lane {
    std::unique_ptr<Connection> connection;
    int cuts;
    Bytes unread;
    std::vector<Seen> events;
    Bytes output;
  };
  void feed_lane(Lane& lane, const Bytes& bytes);
  void drain(Lane& lane, ByteView& input);
  void collect();

  std::vector<Lane> lanes_;
  std::mt19937 random_{20220607};
  TimePoint now_{};
  std::vector<Seen> all_, fresh_;
  Bytes output_;
  std::vector<Frame> history_;
  BlockReader reader_;
};

/// The frame of `type` on `stream`, if one is among them.
std::optional<Frame> find(const std::vector<Frame>& all, FrameType type, std::uint32_t stream);
std::size_t count(const std::vector<Frame>& all, FrameType type);

/// A client and a server in memory, each byte `one_way` under way.
class Pair {
 public:
  struct Side {
    std::unique_ptr<Connection> connection;
    std::vector<Seen> events;
    std::function<void(Connection&, const Event&)> on_event;
    bool keep_events = true;
  };
  explicit Pair(Config client = {}, Config server = {}, Duration one_way = 0ms);

  /// Moves bytes, at the present time or as far as they are under way, until nothing more happens now.
  void settle();
  /// Lets time pass, stopping at every arrival and deadline.
  void pass(Duration time);

  Side client, server;
  TimePoint now() const { return now_; }
  std::uint64_t bytes_to_server = 0, bytes_to_client = 0;

 private:
  struct Parcel {
    TimePoint arrives;
    Bytes bytes;
  };
  bool move(Side& from, std::deque<Parcel>& line, Side& to, std::uint64_t& bytes);
  static void drain(Side& side, ByteView input);

  TimePoint now_{};
  Duration one_way_;
  std::deque<Parcel> to_server_, to_client_;
};

std::vector<Seen> of_kind(const std::vector<Seen>& events, Kind kind);

/// How often this program has called malloc, operator new included.
std::uint64_t heap_calls() noexcept;

}  // namespace test
}  // namespace h2
