// All short sequences of frames on two streams, and of acts of ours between them, held against the model of RFC 9113
// 5.1 in model_5_1.h after every step.
#include "harness.h"
#include "model_5_1.h"

namespace h2::test {
namespace {

using model::Act;
using model::Outcome;
using model::What;

constexpr const char* kActNames[] = {"HEADERS",       "HEADERS+END", "1xx",     "DATA",        "DATA+END", "RST_STREAM",
                                     "WINDOW_UPDATE", "PRIORITY",    "respond", "respond+end", "end",      "reset"};

struct Step {
  Act act;
  int stream;  // the first or the second
};

enum class Cut { whole, bytes };

struct Came {
  Outcome outcome;
  bool odd = false;
};

/// A connection that lives as long as nothing ends it; every sequence takes two new streams of it.
class Player {
 public:
  Player(Role role, Cut cut) : role_(role), cut_(cut) {}

  /// Plays until the end, or until nothing more can happen, and returns how many steps that were.
  std::size_t play(const std::vector<Step>& steps) {
    begin();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::uint32_t id = ids_[steps[i].stream];
      const Bytes bytes = frame_of(id, steps[i].act);  // as the model stands before it
      const Outcome expected = model_->act(id, steps[i].act);
      const Came came = bytes.empty() ? call(id, steps[i].act) : feed(id, bytes);
      if (came.odd || !(came.outcome == expected)) {
        FAIL_CHECK(say(steps, i) << ": expected " << say(expected) << ", came " << say(came.outcome)
                                 << (came.odd ? ", and events or frames of no sense" : ""));
        connection_.reset();
        return i + 1;
      }
      if (expected.error == model::Error::connection) {
        connection_.reset();
        return i + 1;
      }
      if (expected.refused) return i + 1;  // nothing changed
    }
    return steps.size();
  }

 private:
  void begin() {
    if (!connection_) connect();
    for (const std::uint32_t id : ids_) static_cast<void>(connection_->reset(StreamId{id}, ErrorCode::cancel));
    read({});
    take();
    highest_ += 4;
    ids_[0] = highest_ - 3;
    ids_[1] = highest_ - 1;
    model_.emplace(role_, highest_ - 4);
    if (role_ == Role::client) ask();
    events_.clear();
  }

  void connect() {
    Config config;
    config.role = role_;
    config.credit = Credit::automatic;
    config.work_budget = 1U << 30;  // all of this moves nothing forward
    connection_.emplace(config);
    highest_ = 0;
    read((role_ == Role::server ? client_preface() : Bytes{}) + settings({}) + settings_ack());
    take();
  }

  /// Half-closed (local) the first, open the second.
  void ask() {
    for (int i = 0; i < 2; ++i) {
      const EndStream end = i == 0 ? EndStream::yes : EndStream::no;
      const auto id = connection_->send_request(i == 0 ? kGet : kPost, end);
      REQUIRE(id);
      REQUIRE(id->value == ids_[i]);
      model_->request(ids_[i], end);
    }
    take();
  }

  /// The frame for an act of the peer's; none for one of ours.
  Bytes frame_of(std::uint32_t id, Act act) const {
    static const Bytes request = block(post()), response = block(status("200")), interim = block(status("103")),
                       trailers = block({{"a", "b"}}), content = bytes_of("x"), code = wire("00000008"),
                       increment = wire("00000001"), priority = wire("00000003 0f");
    const Bytes& head = role_ == Role::server ? request : response;
    const Bytes& section = model_->wants_head(id) ? head : trailers;
    constexpr std::uint8_t whole = flags::end_headers;
    switch (act) {
      case Act::headers: return frame(FrameType::headers, whole, id, section);
      case Act::headers_end: return frame(FrameType::headers, whole | kEnd, id, section);
      case Act::interim: return frame(FrameType::headers, whole, id, interim);
      case Act::data: return frame(FrameType::data, 0, id, content);
      case Act::data_end: return frame(FrameType::data, kEnd, id, content);
      case Act::rst_stream: return frame(FrameType::rst_stream, 0, id, code);
      case Act::window_update: return frame(FrameType::window_update, 0, id, increment);
      case Act::priority: return frame(FrameType::priority, 0, id, priority);
      default: return {};
    }
  }

  Came call(std::uint32_t id, Act act) {
    const StreamId stream{id};
    Result<void> made;
    switch (act) {
      case Act::respond: made = connection_->send_response(stream, 200, {}, EndStream::no); break;
      case Act::respond_end: made = connection_->send_response(stream, 200, {}, EndStream::yes); break;
      case Act::end: {
        const auto copied = connection_->send_copy(stream, {}, EndStream::yes);
        if (!copied) made = copied.error();
        break;
      }
      default: made = connection_->reset(stream, ErrorCode::cancel); break;
    }
    read({});
    Came came = this->came(id);
    came.outcome.refused = !made;
    return came;
  }

  Came feed(std::uint32_t id, const Bytes& bytes) {
    if (cut_ == Cut::whole) {
      read(bytes);
    } else {
      for (const std::byte& each : bytes) read({&each, 1});
    }
    return came(id);
  }

  void read(ByteView input) {
    while (const auto event = connection_->receive(input)) note(*event);
  }

  struct Noted {
    Kind kind;
    std::uint32_t stream;
    EndStream end = EndStream::no;
    Violation violation = Violation::none;
  };
  void note(const Event& event) {
    Noted noted{static_cast<Kind>(event.index()), 0};
    std::visit(
        [&](const auto& e) {
          if constexpr (requires { e.stream; }) noted.stream = e.stream.value;
          if constexpr (requires { e.end; }) noted.end = e.end;
          if constexpr (requires { e.violation; }) noted.violation = e.violation;
        },
        event);
    if (noted.kind == Kind::data && !events_.empty() && events_.back().kind == Kind::data) {
      events_.back().end = noted.end;  // one byte has come in two pieces, the second empty
      return;
    }
    events_.push_back(noted);
  }

  /// What the events and the output since the last step say. Written without assertions, which would take most of the
  /// time of these tests.
  Came came(std::uint32_t id) {
    Came came;
    take();
    for (ByteView rest = took_; rest.size() >= kFrameHeaderBytes;) {
      const FrameHeader header = read_frame_header(rest.data());
      add(header, rest.data() + kFrameHeaderBytes, id, came);
      rest = rest.subspan(kFrameHeaderBytes + header.length);
    }
    if (came.outcome.error == model::Error::connection) {
      came.odd = came.odd || events_.empty() || events_[0].kind != Kind::failed;
    } else {
      for (const Noted& noted : events_) add(noted, id, came);
    }
    events_.clear();
    return came;
  }

  void take() {
    took_.clear();
    if (!connection_->has_output()) return;
    took_ = take_output(*connection_);
    read({});
  }

  static void add(const FrameHeader& header, const std::byte* payload, std::uint32_t id, Came& came) {
    Outcome& outcome = came.outcome;
    const bool reset = header.type == FrameType::rst_stream;
    if (!reset && header.type != FrameType::goaway) return;
    came.odd = came.odd || outcome.error != model::Error::none || (reset && header.stream.value != id);
    outcome.error = reset ? model::Error::stream : model::Error::connection;
    outcome.code = static_cast<ErrorCode>(read_u32(payload + (reset ? 0 : 4)));
  }

  /// An event that is no business of the stream, comes twice or comes behind the last one makes the outcome odd.
  static void add(const Noted& noted, std::uint32_t id, Came& came) {
    Outcome& outcome = came.outcome;
    came.odd = came.odd || noted.stream != id || outcome.closed;
    const auto is = [&](What what) {
      came.odd = came.odd || outcome.what != What::nothing;
      outcome.what = what;
    };
    if (noted.end == EndStream::yes) outcome.end = true;
    switch (noted.kind) {
      case Kind::request:
      case Kind::response: return is(What::head);
      case Kind::informational: return is(What::interim);
      case Kind::data: return is(What::data);
      case Kind::trailers: outcome.end = true; return is(What::trailers);
      case Kind::stream_reset:
        if (noted.violation == Violation::none) is(What::reset);
        else came.odd = came.odd || outcome.error != model::Error::stream;
        return;
      case Kind::stream_closed: outcome.closed = true; return;
      default: came.odd = true;
    }
  }

  static std::string say(const std::vector<Step>& steps, std::size_t last) {
    std::string text;
    for (std::size_t i = 0; i <= last; ++i) {
      text += std::string(i > 0 ? ", " : "") + kActNames[static_cast<int>(steps[i].act)] + " on " +
              (steps[i].stream == 0 ? "A" : "B");
    }
    return text;
  }
  static std::string say(const Outcome& outcome) {
    constexpr const char* kWhats[] = {"nothing", "head", "1xx", "data", "trailers", "reset"};
    constexpr const char* kErrors[] = {"", ", stream error ", ", connection error "};
    std::string text = kWhats[static_cast<int>(outcome.what)];
    if (outcome.end) text += ", end";
    if (outcome.closed) text += ", closed";
    if (outcome.refused) text += ", refused";
    text += kErrors[static_cast<int>(outcome.error)];
    if (outcome.error != model::Error::none) text += name(outcome.code);
    return text;
  }

  Role role_;
  Cut cut_;
  std::optional<h2::Connection> connection_;
  std::optional<model::Connection> model_;
  std::uint32_t highest_ = 0;
  std::uint32_t ids_[2] = {};
  std::vector<Noted> events_;
  Bytes took_;
};

/// Plays all sequences of `length` steps and returns how many. What would come behind the end of a connection, or
/// behind an act of ours that was refused, is not tried.
int play_all(Role role, Cut cut, const std::vector<Act>& acts, std::size_t length) {
  std::vector<Step> alphabet;
  for (const Act act : acts) {
    for (int stream = 0; stream < 2; ++stream) alphabet.push_back({act, stream});
  }
  Player player(role, cut);
  std::vector<std::size_t> digits(length);
  std::vector<Step> steps(length);
  for (int played = 0;; ++played) {
    for (std::size_t i = 0; i < length; ++i) steps[i] = alphabet[digits[i]];
    std::size_t at = player.play(steps);
    std::fill(digits.begin() + static_cast<std::ptrdiff_t>(at), digits.end(), std::size_t{0});
    while (at > 0 && ++digits[at - 1] == alphabet.size()) digits[--at] = 0;
    if (at == 0) return played + 1;
  }
}

using enum Act;

TEST_CASE("RFC 9113 5.1: every sequence of five frames of a client's on two streams does what the model says") {
  CHECK(play_all(Role::server, Cut::whole, {headers, headers_end, data, data_end, rst_stream, window_update, priority},
                 5) == 106484);
}

TEST_CASE("RFC 9113 5.1: the same byte by byte, in sequences of four") {
  CHECK(play_all(Role::server, Cut::bytes, {headers, headers_end, data, data_end, rst_stream, window_update, priority},
                 4) == 8932);
  CHECK(play_all(Role::client, Cut::bytes, {headers, headers_end, interim, data, data_end, rst_stream, window_update},
                 4) == 38416);
}

TEST_CASE("RFC 9113 5.1: a server that answers and resets between five frames of a client's") {
  CHECK(play_all(Role::server, Cut::whole,
                 {headers, headers_end, data, data_end, rst_stream, window_update, respond, respond_end, reset},
                 5) == 118984);
}

TEST_CASE("RFC 9113 5.1 and 8.1: every sequence of five frames of a server's on two streams does what the model says") {
  CHECK(play_all(Role::client, Cut::whole, {headers, headers_end, interim, data_end, rst_stream}, 5) == 100000);
}

TEST_CASE("RFC 9113 5.1: a client that ends and resets between four frames of a server's, of all kinds") {
  CHECK(play_all(Role::client, Cut::whole,
                 {headers, headers_end, interim, data, data_end, rst_stream, window_update, end, reset}, 4) == 77708);
}

}  // namespace
}  // namespace h2::test
