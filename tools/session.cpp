#include <tools/session.h>

#include <charconv>
#include <limits>

namespace tools {

// Whoever asks for every frame may have every stall.
Session::Session(const Fetching& run, Origin& origin, h2::Connection& connection, Stalls::Explain explain)
    : run_(run),
      origin_(origin),
      connection_(connection),
      pushes_(origin.first(), run.report, connection),
      stalls_(
          connection, std::move(explain), std::numeric_limits<std::size_t>::max(), [this] { return streams(); },
          [this](h2::StreamId stream, const std::string& sentence) {
            const bool all = stream == h2::kConnection;
            run_.report.say((all ? "stalled connection: " : "stalled stream " + std::to_string(stream.value) + ": ") +
                            sentence);
          }) {
  ++origin_.tally().connections;
}

std::vector<h2::StreamId> Session::streams() const {
  std::vector<h2::StreamId> streams = run_.transfers.streams_of(connection_);
  pushes_.add_streams(streams);
  return streams;
}

void Session::tell_counters() const {
  if (run_.options.verbose) run_.report.say("counters: " + sentence(connection_.counters()));
}

void Session::start_first(const Open& open) {
  if (Transfer* const first = origin_.next(Origin::Ahead::yes)) start(*first, open);
}

void Session::start_requests() {
  while (!going_away_ && !ending_) {
    Transfer* const next = origin_.next();
    if (next == nullptr) break;
    start(*next, [this](const h2::Request& request, h2::EndStream end, void* user) {
      return connection_.send_request(request, end, user);
    });
  }
  if (open_ > 0 || pushes_.open() > 0 || ending_ || !(going_away_ || origin_.settled())) return;
  ending_ = true;
  connection_.shutdown(h2::Shutdown::immediate);
}

void Session::start(Transfer& transfer, const Open& open) {
  const Message& message = run_.message;
  std::vector<h2::Field> fields = as_fields(message.fields);
  const std::string length = std::to_string(message.length);
  if (message.has_content) fields.push_back({"content-length", length});
  const bool sends = message.has_content || !message.trailers.empty();

  const Url& url = *transfer.url;
  transfer.sender.emplace();
  h2::Request request;
  request.method = message.method;
  request.scheme = url.scheme;
  request.authority = message.authority ? std::string_view(*message.authority) : std::string_view(url.authority);
  request.path = url.path;
  request.fields = fields;
  const auto stream = open(request, sends ? h2::EndStream::no : h2::EndStream::yes, &transfer);
  if (!stream) {
    const bool usage =
        stream.error() == h2::Misuse::malformed_fields || stream.error() == h2::Misuse::field_section_too_large;
    origin_.fail(usage ? Exit::usage : Exit::protocol,
                 "the request cannot be sent: " + std::string(h2::describe(stream.error())));
    return run_.transfers.close(transfer);
  }
  transfer.connection = &connection_;
  transfer.stream = *stream;
  ++open_;
  ++origin_.tally().streams;
  if (!sends) return;
  transfer.sender->start(message.content());
  transfer.sender->pump(connection_, transfer.stream);
}

void Session::on(const h2::InformationalReceived& response) {
  run_.report.head(std::to_string(response.status), response.stream, response.fields);
}

void Session::on(const h2::ResponseReceived& response) {
  Transfer& t = transfer(response.user);
  ++origin_.tally().answers;
  t.status = response.status;
  t.complete = response.end == h2::EndStream::yes;
  for (const h2::Field& field : response.fields) {
    if (field.name != "content-length") continue;
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(field.value.data(), field.value.data() + field.value.size(), length);
    if (error == std::errc{}) t.length = length;
  }
  run_.report.head(std::to_string(response.status), response.stream, response.fields);
}

void Session::on(const h2::DataReceived& data) {
  Transfer& t = transfer(data.user);
  t.received += data.data.size();
  origin_.tally().received += data.data.size();
  t.complete = data.end == h2::EndStream::yes;
  run_.transfers.content(t, data.data);
}

void Session::on(const h2::TrailersReceived& trailers) {
  transfer(trailers.user).complete = true;
  run_.report.head("trailers", trailers.stream, trailers.fields);
}

void Session::on(const h2::DataSent& sent) { transfer(sent.user).sender->on_sent(connection_, sent); }

void Session::on(const h2::StreamReset& reset) {
  if (reset.violation == h2::Violation::none) return;
  const h2::ViolationRow& row = h2::describe(reset.violation);
  run_.report.fail(Exit::protocol, transfer(reset.user).name() + ": " + std::string(row.sentence) + " (" +
                                       std::string(row.section) + ')');
}

void Session::on(const h2::StreamClosed& closed) {
  Transfer& t = transfer(closed.user);
  --open_;
  origin_.tally().sent += t.sender->sent_bytes();
  t.verdict = closed.verdict;
  if (may_repeat(t, closed)) return origin_.again(t);
  if (t.sender->broken()) {
    run_.report.fail(Exit::file, "the file to send cannot be read, or became shorter");
  } else if (t.complete && t.status >= 400) {
    run_.report.fail(Exit::http, t.name() + ": status " + std::to_string(t.status));
  } else if (!t.complete && !origin_.failed()) {
    run_.report.fail(Exit::protocol, t.name() + ": the stream ended early, " + std::string(h2::name(closed.code)) +
                                         " (" + std::string(h2::name(closed.verdict)) + ')');
  }
  run_.transfers.close(t);
}

/// A server may refuse what came before its limit was known to us, and what stands above the last stream of its
/// GOAWAY; then nothing was done with it (RFC 9113 8.7). What has failed for another reason fails again.
bool Session::may_repeat(const Transfer& transfer, const h2::StreamClosed& closed) const {
  constexpr unsigned kRepeats = 8;
  const bool untouched =
      closed.verdict == h2::Verdict::not_processed || (closed.verdict == h2::Verdict::never_sent && going_away_);
  return untouched && closed.code == h2::ErrorCode::refused_stream && transfer.status == 0 &&
         transfer.repeats < kRepeats && !origin_.failed() && !ending_;
}

void Session::on(const h2::GoawayReceived& goaway) {
  going_away_ = true;
  if (goaway.code == h2::ErrorCode::no_error || ending_) return;
  std::string line = "the server ended the connection: " + std::string(h2::name(goaway.code));
  if (!goaway.debug.empty()) line += ", ";
  constexpr std::size_t kShown = 256;
  for (const std::byte octet : goaway.debug.first(std::min(goaway.debug.size(), kShown))) {
    const char c = static_cast<char>(octet);
    line += c >= 0x20 && c < 0x7f ? c : '?';
  }
  origin_.fail(Exit::protocol, line);
}

void Session::on(const h2::ConnectionFailed& failed) {
  if (origin_.failed()) return;
  std::string line(h2::name(failed.code));
  if (!failed.sentence.empty()) (line += ": ") += failed.sentence;
  if (!failed.section.empty()) ((line += " (") += failed.section) += ')';
  origin_.fail(Exit::protocol, line);
}

}  // namespace tools
