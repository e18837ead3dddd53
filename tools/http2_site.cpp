#include <tools/http2_site.h>

#include <algorithm>

namespace tools {
namespace {

// A client that takes nothing on a thousand streams must not flood the log.
constexpr std::size_t kStallsNamed = 8;
constexpr h2::Duration kGoodbye = std::chrono::seconds(5);

bool expects_continue(const h2::RequestReceived& request) {
  const auto expects = std::find_if(request.fields.begin(), request.fields.end(),
                                    [](const h2::Field& field) { return field.name == "expect"; });
  return expects != request.fields.end() && expects->value == "100-continue";
}

}  // namespace

Http2Site::Http2Site(h2::Connection& connection, Stalls::Explain explain, Site& site, ConnectionLog& log,
                     Foresight foresight, const Deadlines& deadlines)
    : connection_(connection),
      site_(site),
      log_(log),
      foresight_(foresight),
      stalls_(
          connection, std::move(explain), kStallsNamed, [this] { return streams(); },
          [this](h2::StreamId stream, const std::string& sentence) { log_.stalled(stream, sentence); }),
      slow_readers_(
          connection, deadlines, [this] { return responses(); },
          [this](h2::StreamId stream, std::string_view sentence) { log_.cut(stream, sentence); }) {}

void Http2Site::advance_time(h2::TimePoint now) {
  now_ = now;
  if (log_.wants_all()) stalls_.advance_time(now);
  slow_readers_.advance_time(now);
}

std::optional<h2::TimePoint> Http2Site::deadline() const {
  const std::optional<h2::TimePoint> slow = slow_readers_.deadline();
  const std::optional<h2::TimePoint> stall = log_.wants_all() ? stalls_.deadline() : std::nullopt;
  return slow && stall ? std::min(*slow, *stall) : slow ? slow : stall;
}

std::vector<h2::StreamId> Http2Site::streams() const {
  std::vector<h2::StreamId> streams;
  for (const Exchange& x : exchanges_) streams.push_back(x.stream);
  return streams;
}

std::vector<SlowReaders::Response> Http2Site::responses() const {
  std::vector<SlowReaders::Response> responses;
  for (const Exchange& x : exchanges_) responses.push_back({x.stream, x.sender.given_bytes()});
  return responses;
}

void Http2Site::log_counters() const {
  if (log_.wants_all()) log_.counted(sentence(connection_.counters()));
}

void Http2Site::on_event(const h2::Event& event) {
  std::visit([this](const auto& it) { this->on(it); }, event);
}

void Http2Site::on(const h2::RequestReceived& request) {
  Question question;
  question.method = request.method;
  question.path = request.path;
  question.protocol = log_.protocol();
  question.connect_protocol = request.protocol;
  take_fields(question, request.fields);
  if (request.end == h2::EndStream::yes) {
    if (const auto* const file = site_.again(question)) return respond(request, *file);
  }
  Exchange& x = begin(request.method, request.path);
  if (!request.protocol.empty()) x.method.append(":").append(request.protocol);
  (void)connection_.set_user(request.stream, &x);
  Answer answer = site_.answer(question);
  if (answer.echo != nullptr && request.end == h2::EndStream::yes) answer.echo->finish();

  if (request.end == h2::EndStream::no && expects_continue(request)) {
    (void)connection_.send_informational(request.stream, 100, {});
  }
  if (foresight_.early_hints) hint(request, answer);
  if (foresight_.push) push(request, answer);
  respond(x, request.stream, answer);
}

Http2Site::Exchange& Http2Site::begin() {
  Exchange& x = exchanges_.emplace_back(now_);
  x.self = std::prev(exchanges_.end());
  return x;
}

Http2Site::Exchange& Http2Site::begin(std::string_view method, std::string_view path) {
  Exchange& x = begin();
  x.method = method;
  x.path = path;
  return x;
}

void Http2Site::respond(Exchange& x, h2::StreamId stream, Answer& answer) {
  x.stream = stream;
  x.status = answer.status;
  x.echo = answer.echo;
  const auto end = answer.content ? h2::EndStream::no : h2::EndStream::yes;
  x.sender.start(std::move(answer.content));
  const auto sent = connection_.send_response(stream, answer.status, answer.fields(), end);
  sent ? x.sender.pump(connection_, stream) : cannot_answer(stream, x.path, sent.error());
}

/// All of a file from memory. What can go wrong with such a one needs no name later.
void Http2Site::respond(const h2::RequestReceived& request, const Ref<const ServedFile>& file) {
  const h2::StreamId stream = request.stream;
  Exchange& x = log_.wants_all() ? begin(request.method, request.path) : begin();
  (void)connection_.set_user(stream, &x);
  x.stream = stream;
  x.status = 200;
  x.file = file;
  const ServedFile& served = *file;
  const bool again = std::exchange(latest_, &served) == &served;
  const auto sent =
      connection_.send_response(stream, x.status, again ? served.head_again : served.head, h2::EndStream::no);
  sent ? x.sender.send_whole(connection_, stream, served.bytes.view())
       : cannot_answer(stream, request.path, sent.error());
}

void Http2Site::cannot_answer(h2::StreamId stream, std::string_view path, h2::Misuse why) {
  log_.error("cannot answer " + printable(path) + ": " + std::string(h2::describe(why)));
  (void)connection_.reset(stream, h2::ErrorCode::internal_error);
}

void Http2Site::hint(const h2::RequestReceived& request, const Answer& answer) {
  std::vector<NameValue> links;
  for (const std::string& path : answer.styles) links.emplace_back("link", '<' + path + ">; rel=preload; as=style");
  if (!links.empty()) (void)connection_.send_informational(request.stream, 103, as_fields(links));
}

/// Before the response, so that nobody asks for what is on its way (RFC 9113 8.4.1). A client that takes no pushes, or
/// no more of them, asks by itself.
void Http2Site::push(const h2::RequestReceived& request, const Answer& answer) {
  for (const std::string& path : answer.styles) {
    const h2::Request promised{"GET", request.scheme, request.authority, path};
    Exchange& x = begin("PUSH", path);
    const auto stream = connection_.push(request.stream, promised, &x);
    if (!stream) {
      exchanges_.pop_back();
      continue;
    }
    Question question;
    question.method = "GET";
    question.path = path;
    question.protocol = log_.protocol();
    Answer pushed = site_.answer(question);
    respond(x, *stream, pushed);
  }
}

void Http2Site::on(const h2::DataReceived& data) {
  Exchange* const x = exchange(data.user);
  if (x == nullptr || x->echo == nullptr || data.data.size() > x->echo->room()) {
    // Content that nobody wants is taken and dropped. (An echo has room for a whole window.)
    return connection_.consume(data.stream, data.data.size());
  }
  if (const std::size_t freed = x->echo->push(data.data); freed != 0) connection_.consume(data.stream, freed);
  if (data.end == h2::EndStream::yes) x->echo->finish();
  x->sender.pump(connection_, data.stream);
}

void Http2Site::going_away() {
  for (Exchange& x : exchanges_) {
    if (x.echo == nullptr) continue;
    x.echo->going_away();
    x.sender.pump(connection_, x.stream);
  }
}

void Http2Site::on(const h2::TrailersReceived& trailers) {
  Exchange* const x = exchange(trailers.user);
  if (x == nullptr || x->echo == nullptr) return;
  std::vector<NameValue> copy;
  for (const h2::Field& field : trailers.fields) copy.emplace_back(field.name, field.value);
  x->echo->set_trailers(std::move(copy));
  x->echo->finish();
  x->sender.pump(connection_, trailers.stream);
}

void Http2Site::on(const h2::DataSent& sent) {
  if (Exchange* const x = exchange(sent.user)) x->sender.on_sent(connection_, sent);
}

void Http2Site::on(const h2::StreamClosed& closed) {
  Exchange* const x = exchange(closed.user);
  if (x == nullptr) return;
  if (x->echo != nullptr) connection_.release(closed.stream);  // what it held when it was cut short
  if (x->sender.broken()) log_.error("cannot read what " + printable(x->path) + " names");
  if (log_.wants_all()) {
    const std::string_view remark = closed.code == h2::ErrorCode::no_error ? std::string_view{} : h2::name(closed.code);
    log_.request({closed.stream.value, x->method, x->path, x->status, x->sender.sent_bytes(), now_ - x->began, remark});
  }
  exchanges_.erase(x->self);
}

/// The client was told, and is asked by a PING whether it has heard; if it is gone, nobody waits for the answer.
void Http2Site::on(const h2::IdleTimedOut&) { connection_.shutdown(h2::Shutdown::graceful, kGoodbye); }

void Http2Site::on(const h2::WorkBudgetLow& low) {
  log_.error((low.used_up ? "work for nothing is used up: " : "much work for nothing: ") +
             std::string(h2::describe(low.cause)));
}

void Http2Site::on(const h2::ConnectionFailed& failed) {
  std::string line(h2::name(failed.code));
  if (!failed.sentence.empty()) (line += ": ") += failed.sentence;
  if (!failed.section.empty()) ((line += " (") += failed.section) += ')';
  log_.error(line);
}

}  // namespace tools
