// A client and a server that use everything the engine has, and a book of what callers were promised. What carries the
// bytes between them is left to the test: plain connections or TLS, whole, cut or dying.
#pragma once

#include <doctest/doctest.h>

#include <h2core/connection.h>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace h2::test {

/// What one end saw of a stream.
struct Story {
  std::string path;  // a server's, and of promises
  unsigned interims = 0, responses = 0, trailers = 0, resets = 0, closed = 0;
  std::uint64_t received = 0, sent = 0, dropped = 0;  // content in bytes, lent pieces
  EndStream end = EndStream::no;                      // of what is received
  ErrorCode code = ErrorCode::no_error;
  Verdict verdict = Verdict::never_sent;
  bool late = false;  // an event came behind StreamClosed
  bool operator==(const Story&) const = default;
};

/// What one end saw of its connection.
struct News {
  std::map<StreamId, Story> streams;
  unsigned settings = 0, acknowledged = 0, pings = 0, goaways = 0, frames = 0, alternatives = 0, origins = 0,
           priorities = 0, writable = 0, finished = 0, failed = 0, misuses = 0;
  Violation violation = Violation::none;
  bool operator==(const News&) const = default;
};

/// What a client is told of a request, against what came of it here and there.
inline bool is_right(const Story& told, const Story* there) {
  const bool refused = there != nullptr && there->code == ErrorCode::refused_stream;
  // A server that has no memory for its answer may reset with NO_ERROR all the same.
  if (told.code == ErrorCode::no_error && told.end == EndStream::no && told.resets == 0) return false;
  if ((told.verdict == Verdict::processed) != (told.responses > 0)) return false;
  const bool may_repeat = told.verdict == Verdict::never_sent || told.verdict == Verdict::not_processed;
  return !may_repeat || there == nullptr || refused;
}

/// The same for all requests of a session.
inline void check_verdicts(const News& asked, const News& served) {
  for (const auto& [stream, story] : asked.streams) {
    const auto there = served.streams.find(stream);
    const bool right = is_right(story, there == served.streams.end() ? nullptr : &there->second);
    if (stream.opened_by_client() && !right)
      FAIL_CHECK("stream " << stream.value << " ended as " << name(story.verdict));
  }
}

/// One end's application: makes calls and keeps the book.
class Player {
 public:
  /// No content and no field is longer than `most`, for sessions that are played often.
  Player(Connection& connection, std::size_t most) : c(connection), most_(most) {}

  /// Makes a call. If there is no memory for it, it has changed nothing, and is made once more.
  template <class Call>
  auto call(Call make) {
    const std::vector<WindowView> before = standing();
    auto result = make();
    if (!result && result.error() == Misuse::out_of_memory) {
      ++refused;
      CHECK(same(standing(), before));
      result = make();
    }
    if (!result) ++news.misuses;
    return result;
  }
  /// The same for calls whose result matters to nobody.
  template <class Call>
  void order(Call make) {
    static_cast<void>(call(make));
  }

  /// Lends a piece of the content that everyone has.
  void lend(StreamId stream, std::size_t bytes, EndStream end) {
    const Token token{++tokens_};
    if (call([&] { return c.send_data(stream, content(bytes), token, end); })) lent_.insert(token.value);
  }
  /// Copies as much as there is room for; the rest follows when StreamWritable comes.
  void copy(StreamId stream, std::size_t bytes) {
    const ByteView data = content(bytes);
    const auto taken = call([&] { return c.send_copy(stream, data, EndStream::yes); });
    to_copy_[stream] = taken ? data.size() - *taken : 0;
  }
  /// A stream that a call has opened.
  void opened(StreamId stream) { news.streams.try_emplace(stream); }
  void read_all() {
    for (const auto& [stream, story] : news.streams) c.release(stream);
    holds_back_ = false;
  }
  void hold_back() { holds_back_ = true; }

  void note(const Event& event) {
    std::visit([this](const auto& it) { this->on(it); }, event);
  }
  /// All that was promised has come: memory is back, and every stream has ended once.
  void settle() const {
    CHECK(lent_.empty());
    CHECK(std::all_of(news.streams.begin(), news.streams.end(),
                      [](const auto& entry) { return entry.second.closed == 1 && !entry.second.late; }));
    CHECK(c.open_streams() == 0);
  }

  Connection& c;
  News news;
  unsigned refused = 0;  // calls that found no memory

  ByteView content(std::size_t bytes) const {
    static const std::vector<std::byte> all(100000, std::byte{'c'});
    return ByteView(all).first(std::min(bytes, most_));
  }
  std::string_view text(std::size_t bytes) const {
    const ByteView letters = content(bytes);
    return {reinterpret_cast<const char*>(letters.data()), letters.size()};
  }

 protected:
  const std::size_t most_;

 private:
  std::vector<WindowView> standing() const {
    std::vector<WindowView> all{c.window(kConnection).value_or(WindowView{})};
    for (const auto& [stream, story] : news.streams) all.push_back(c.window(stream).value_or(WindowView{}));
    const Counters& counters = c.counters();
    all.push_back({static_cast<std::int64_t>(c.open_streams()), c.has_event(), c.has_output(), counters.frames_sent,
                   counters.streams_opened});
    return all;
  }
  static bool same(const std::vector<WindowView>& a, const std::vector<WindowView>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const WindowView& x, const WindowView& y) {
      return x.send_window == y.send_window && x.recv_window == y.recv_window && x.unconsumed == y.unconsumed &&
             x.owed == y.owed && x.queued == y.queued;
    });
  }

  Story& story(StreamId stream) {
    Story& found = news.streams[stream];
    found.late = found.late || found.closed != 0;
    return found;
  }
  void on(const RequestReceived& it) {
    Story& told = story(it.stream);
    told.path = it.path;
    told.end = it.end;
  }
  void on(const PushReceived& it) { story(it.stream).path = it.path; }
  void on(const InformationalReceived& it) { ++story(it.stream).interims; }
  void on(const ResponseReceived& it) {
    ++story(it.stream).responses;
    story(it.stream).end = it.end;
  }
  void on(const TrailersReceived& it) {
    ++story(it.stream).trailers;
    story(it.stream).end = EndStream::yes;
  }
  void on(const DataReceived& it) {
    story(it.stream).received += it.data.size();
    story(it.stream).end = it.end;
    if (!holds_back_) c.consume(it.stream, it.data.size());
  }
  void on(const DataSent& it) {
    CHECK(lent_.erase(it.token.value) == 1);
    ++(it.outcome == DataOutcome::sent ? story(it.stream).sent : story(it.stream).dropped);
  }
  void on(const StreamWritable& it) {
    ++news.writable;
    if (to_copy_[it.stream] != 0) copy(it.stream, to_copy_[it.stream]);
  }
  void on(const StreamReset& it) { ++story(it.stream).resets; }
  void on(const StreamClosed& it) {
    Story& told = story(it.stream);
    ++told.closed;
    told.code = it.code;
    told.verdict = it.verdict;
    c.release(it.stream);
  }
  void on(const SettingsReceived&) { ++news.settings; }
  void on(const SettingsAcknowledged&) { ++news.acknowledged; }
  void on(const PingAnswered&) { ++news.pings; }
  void on(const GoawayReceived&) { ++news.goaways; }
  void on(const UnknownFrameReceived&) { ++news.frames; }
  void on(const AltSvcReceived&) { ++news.alternatives; }
  void on(const OriginReceived&) { ++news.origins; }
  void on(const PriorityReceived&) { ++news.priorities; }
  void on(const ShutdownFinished&) { ++news.finished; }
  void on(const IdleTimedOut&) { FAIL("no stream for too long"); }
  void on(const WorkBudgetLow&) { FAIL("honest work counted as abuse"); }
  void on(const ConnectionFailed& it) {
    ++news.failed;
    CHECK(news.failed == 1);
    news.violation = it.violation;
  }

  std::set<std::uint64_t> lent_;
  std::map<StreamId, std::size_t> to_copy_;
  std::uint64_t tokens_ = 0;
  bool holds_back_ = false;
};

/// Answers by path.
class ServerPlayer : public Player {
 public:
  using Player::Player;

  static Config config() {
    Config config;
    config.role = Role::server;
    config.settings.max_concurrent_streams = 3;
    config.settings.enable_connect_protocol = 1;
    config.connection_window = 65535;
    config.copy_bound = 2000;
    config.grease = true;
    config.deliver_unknown_frames = true;
    config.seed = 1;
    return config;
  }

  void on_event(const Event& event) {
    note(event);
    if (const auto* request = std::get_if<RequestReceived>(&event)) {
      if (request->end == EndStream::yes || request->method == "CONNECT" || request->path == "/unread")
        answer(*request);
    } else if (const auto* data = std::get_if<DataReceived>(&event)) {
      if (data->end == EndStream::yes) answer_upload(data->stream);
    } else if (const auto* trailers = std::get_if<TrailersReceived>(&event)) {
      answer_upload(trailers->stream);
    }
  }
  /// Ends with the streams that are held still open; one of them is answered in time.
  void go() {
    c.shutdown(Shutdown::graceful, std::chrono::milliseconds(500));
    if (!held_.empty()) respond(held_.front(), EndStream::yes);
  }
  /// As if RequestReceived had come.
  void upgraded(StreamId stream) {
    opened(stream);
    respond(stream, EndStream::no);
    lend(stream, 3000, EndStream::yes);
  }

 private:
  void answer(const RequestReceived& request) {
    const StreamId stream = request.stream;
    const std::string path(request.path);
    if (path == "/held") return held_.push_back(stream);
    if (path == "/early") early(stream);
    if (path == "/style") style(stream);
    if (path == "/news") tell_news(stream);
    if (path == "/refused") return order([&] { return c.reset(stream, ErrorCode::refused_stream); });
    const bool empty = path == "/early" || path == "/news" || path == "/unread";
    respond(stream, empty ? EndStream::yes : EndStream::no, path == "/fields");
    if (path == "/copied") return copy(stream, 5000);
    if (path == "/unread") return order([&] { return c.reset(stream, ErrorCode::no_error); });
    if (path == "/tunnel" || empty) return;
    if (path == "/trailers") return end_by_trailers(stream);
    lend(stream, path == "/long" ? 100000 : 1000, EndStream::no);
    lend(stream, 500, EndStream::yes);
  }
  void answer_upload(StreamId stream) {
    if (news.streams[stream].path != "/tunnel") respond(stream, EndStream::no);
    lend(stream, 700, EndStream::yes);
  }
  void respond(StreamId stream, EndStream end, bool many_fields = false) {
    const Field few[] = {{"server", "h2core"}, {"content-type", "text/html"}};
    const Field many[] = {{"x-one", text(9000)}, {"x-two", text(9000)}, {"set-cookie", "a=b", Indexing::never}};
    order([&] { return c.send_response(stream, 200, many_fields ? std::span<const Field>(many) : few, end); });
  }
  void early(StreamId stream) {
    const Field link[] = {{"link", "</style>; rel=preload"}};
    order([&] { return c.send_informational(stream, 103, link); });
  }
  // Two promises: one is taken, and one refused by the client.
  void style(StreamId parent) {
    for (const std::string_view path : {"/pushed", "/unwanted"}) {
      const auto promise = call([&] { return c.push(parent, {"GET", "https", "example.org", path, {}, {}}); });
      if (!promise) continue;
      opened(*promise);
      respond(*promise, EndStream::no);
      lend(*promise, 2000, EndStream::yes);
    }
  }
  void tell_news(StreamId stream) {
    const std::string_view origins[] = {"https://example.org", "https://example.net"};
    order([&] { return c.send_altsvc(stream, {}, "h2=\":443\""); });
    order([&] { return c.send_origin(origins); });
    order([&] { return c.send_frame(0xfa, 0, stream, content(300)); });
    order([&] { return c.set_priority(stream, {1, true}); });
  }
  void end_by_trailers(StreamId stream) {
    const Field trailers[] = {{"checksum", "1234"}};
    lend(stream, 1000, EndStream::no);
    order([&] { return c.send_trailers(stream, trailers); });
  }

  std::vector<StreamId> held_;
};

/// Asks for everything, act by act.
class ClientPlayer : public Player {
 public:
  using Player::Player;

  static Config config() {
    Config config;
    config.role = Role::client;
    config.settings.enable_push = 1;
    config.settings.initial_window_size = 20000;
    config.connection_window = 65535;
    config.assumed_peer_streams = 2;
    config.copy_bound = 2000;
    config.grease = true;
    config.split_cookies = true;
    config.deliver_unknown_frames = true;
    config.seed = 2;
    return config;
  }

  void on_event(const Event& event) {
    note(event);
    if (const auto* push = std::get_if<PushReceived>(&event); push != nullptr && push->path == "/unwanted")
      order([&] { return c.reset(push->stream, ErrorCode::cancel); });
    if (const auto* data = std::get_if<DataReceived>(&event); data != nullptr && data->stream == cancelled_)
      order([&] { return c.reset(data->stream, ErrorCode::cancel); });
  }

  static constexpr int kActs = 9;
  void act(int number) {
    switch (number) {
      case 0: return before_settings();
      case 1: return over_the_limit();
      case 2: return stall();
      case 3: return go_on();
      case 4: return large_and_tunnel();
      case 5: return resets();
      case 6: return extensions();
      case 7: return crowd();
      case 8: return last_words();
      default: return;
    }
  }

 private:
  void before_settings() {
    get("/lent");
    get("/early");
    lend(post("/echo"), 3000, EndStream::yes);  // waits for the server's SETTINGS
    order([&] { return c.ping(Token{7}); });
  }
  void over_the_limit() {
    get("/copied");
    copy(post("/echo"), 5000);
    get("/style");
    const StreamId third = post("/echo");  // waits, content and trailers behind it
    const Field trailers[] = {{"checksum", "1"}};
    lend(third, 800, EndStream::no);
    order([&] { return c.send_trailers(third, trailers); });
    const StreamId never = get("/never");
    order([&] { return c.reset(never, ErrorCode::cancel); });
    order([&] { return c.set_priority(get("/trailers"), {0, false}); });
  }
  void stall() {
    hold_back();
    const StreamId first = get("/long"), second = get("/long");
    order([&] { return c.set_window(first, 40000); });
    order([&] { return c.set_priority(second, {0, true}); });
  }
  void go_on() {
    const Setting entries[] = {{SettingId::initial_window_size, 30000}, {SettingId::header_table_size, 100}};
    read_all();
    order([&] { return c.send_settings(entries); });
    order([&] { return c.set_window(kConnection, 200000); });
    get("/lent");
  }
  void large_and_tunnel() {
    const Field fields[] = {
        {"cookie", "a=0123456789abcdefghij; b=c"}, {"x-long", text(10000)}, {"x-more", text(10000)}};
    open({"GET", "https", "example.org", "/fields", fields, {}}, EndStream::yes);
    const StreamId tunnel = open({"CONNECT", "https", "example.org", "/tunnel", {}, "websocket"}, EndStream::no);
    lend(tunnel, 300, EndStream::no);
    lend(tunnel, 300, EndStream::yes);
  }
  void resets() {
    get("/refused");
    lend(post("/unread"), 30000, EndStream::no);
    cancelled_ = get("/long");
  }
  void extensions() {
    get("/news");
    order([&] { return c.send_frame(0xfb, 1, kConnection, content(20)); });
    order([&] { return c.ping(Token{8}); });
  }
  void crowd() {
    for (int i = 0; i < (most_ < 1000 ? 4 : 40); ++i) get("/early");
  }
  void last_words() {
    for (int i = 0; i < 5; ++i) get("/held");  // two of them wait when GOAWAY comes
  }

  StreamId get(std::string_view path) { return open({"GET", "https", "example.org", path, {}, {}}, EndStream::yes); }
  StreamId post(std::string_view path) { return open({"POST", "https", "example.org", path, {}, {}}, EndStream::no); }
  StreamId open(const Request& request, EndStream end) {
    const auto stream = call([&] { return c.send_request(request, end); });
    if (!stream) return StreamId{kMaxStreamId};  // unknown: calls on it are refused
    opened(*stream);
    return *stream;
  }

  StreamId cancelled_;
};

/// One end, and the bytes that it sends: how many have arrived, and after how many the line is dead.
template <class Link, class App>
struct End {
  Link& link;
  App& app;
  std::vector<std::byte> unread{};  // input that the link has left
  std::size_t arrived = 0, dies_at = ~std::size_t{0};
  using LinkEvent = typename decltype(std::declval<Link&>().receive(std::declval<ByteView&>()))::value_type;
  std::function<void(const LinkEvent&)> on_link_event{};  // sees all events first
  bool is_dead() const { return arrived == dies_at; }
};

/// How a line dies: its reader finds the end of the input, or both ends an error.
enum class Death : std::uint8_t { eof, error };

/// Both ends and what lies between: pieces of 997 bytes, and a clock.
template <class Link>
class Play {
 public:
  Play(Link& asking, Connection& asking_http2, Link& serving, Connection& serving_http2, std::size_t most)
      : client_app(asking_http2, most),
        server_app(serving_http2, most),
        client{asking, client_app},
        server{serving, server_app} {}

  /// The whole session, from the first word to the last.
  void run() {
    pass(Duration{0});
    for (int act = 0; act < acts; ++act) {
      client_app.act(act);
      pass(std::chrono::milliseconds(30));
      if (act == 4) pass(std::chrono::milliseconds(1500));  // without streams: buffers go back
    }
    server_app.go();
    pass(std::chrono::milliseconds(30));
    pass(std::chrono::milliseconds(600));
    hang_up();
  }

  void pass(Duration time) {
    settle();
    now_ += time;
    client.link.advance_time(now_);
    server.link.advance_time(now_);
    settle();
  }
  void settle() {
    for (bool moved = true; moved;) {
      const bool up = carry(client, server), down = carry(server, client);
      moved = up || down;
    }
  }
  /// The transport ends as each end wishes, and where it does not wish, at last by force.
  void hang_up() {
    for (int round = 0; round < 2 && !lost_; ++round) {
      if (wants_end(client)) end_input(server);
      if (wants_end(server)) end_input(client);
      settle();
    }
    ended_in_order =
        client.link.transport_wish() == TransportWish::close && server.link.transport_wish() == TransportWish::close;
    lose();
  }

  ClientPlayer client_app;
  ServerPlayer server_app;
  End<Link, ClientPlayer> client;
  End<Link, ServerPlayer> server;
  Death death = Death::eof;
  bool ended_in_order = false;
  std::size_t piece = 997;
  int acts = ClientPlayer::kActs;  // of the client, before all ends

 private:
  void lose() {
    lost_ = true;
    client.link.transport_lost();
    server.link.transport_lost();
    drain(client, {});
    drain(server, {});
  }
  static bool wants_end(const auto& end) { return end.is_dead() || end.link.transport_wish() != TransportWish::open; }
  static void end_input(auto& end) {
    end.link.receive_eof();
    drain(end, {});
  }
  static void drain(auto& end, ByteView bytes) {
    end.unread.insert(end.unread.end(), bytes.begin(), bytes.end());
    const std::vector<std::byte> fed = std::exchange(end.unread, {});
    ByteView input = fed;
    while (const auto event = end.link.receive(input)) {
      if (end.on_link_event) end.on_link_event(*event);
      if (const auto* it = inner(*event)) end.app.on_event(*it);
    }
    end.unread.assign(input.begin(), input.end());
  }
  static const Event* inner(const Event& event) { return &event; }
  template <class Other>
  static const Event* inner(const Other& event) {
    return std::get_if<Event>(&event);
  }
  // What `from` has is taken a piece at a time; a dead line takes nothing.
  bool carry(auto& from, auto& to) {
    drain(from, {});
    if (lost_ || from.is_dead()) return false;
    ByteView slice[1];
    if (from.link.poll_output(slice) == 0) return false;
    const std::size_t bytes = std::min({slice[0].size(), piece, from.dies_at - from.arrived});
    drain(to, slice[0].first(bytes));
    from.link.consume_output(bytes);
    from.arrived += bytes;
    drain(from, {});
    if (from.is_dead() && death == Death::error) lose();
    if (from.is_dead() && death == Death::eof) end_input(to);
    return true;
  }

  TimePoint now_{std::chrono::hours(1)};
  bool lost_ = false;
};

}  // namespace h2::test
