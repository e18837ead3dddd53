#include <tools/http2_site.h>

#include <algorithm>

namespace tools {

void Http2Site::on_event(const h2::Event& event) {
  std::visit([this](const auto& it) { this->on(it); }, event);
}

void Http2Site::on(const h2::RequestReceived& request) {
  Exchange& x = exchanges_.emplace_back();
  x.self = std::prev(exchanges_.end());
  x.method = request.method;
  x.path = request.path;
  x.began = std::chrono::steady_clock::now();
  (void)connection_.set_user(request.stream, &x);

  Question question;
  question.method = request.method;
  question.path = request.path;
  question.protocol = log_.protocol();
  take_fields(question, request.fields);
  Answer answer = site_.answer(question);
  x.status = answer.status;
  x.echo = answer.echo;
  const bool has_content = answer.content != nullptr;
  x.sender.start(std::move(answer.content));
  if (x.echo != nullptr && request.end == h2::EndStream::yes) x.echo->finish();

  const auto expects = std::find_if(request.fields.begin(), request.fields.end(),
                                    [](const h2::Field& field) { return field.name == "expect"; });
  if (request.end == h2::EndStream::no && expects != request.fields.end() && expects->value == "100-continue") {
    (void)connection_.send_informational(request.stream, 100, {});
  }
  if (answer.length) answer.fields.emplace_back("content-length", std::to_string(*answer.length));
  const auto end = has_content ? h2::EndStream::no : h2::EndStream::yes;
  const auto sent = connection_.send_response(request.stream, answer.status, as_fields(answer.fields), end);
  if (sent) return x.sender.pump(connection_, request.stream);
  log_.error("cannot answer " + printable(request.path) + ": " + std::string(h2::describe(sent.error())));
  (void)connection_.reset(request.stream, h2::ErrorCode::internal_error);
}

void Http2Site::on(const h2::DataReceived& data) {
  Exchange* const x = exchange(data.user);
  if (x == nullptr || x->echo == nullptr || data.data.size() > x->echo->room()) {
    // Content that nobody wants is taken and dropped. (An echo has room for a whole window.)
    return connection_.consume(data.stream, data.data.size());
  }
  x->echo->push(data.data);
  if (data.end == h2::EndStream::yes) x->echo->finish();
  x->sender.pump(connection_, data.stream);
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
  connection_.release(closed.stream);  // what an echo held when it was cut short
  Exchange* const x = exchange(closed.user);
  if (x == nullptr) return;
  if (x->sender.broken()) log_.error("cannot read what " + printable(x->path) + " names");
  const std::string_view remark = closed.code == h2::ErrorCode::no_error ? std::string_view{} : h2::name(closed.code);
  log_.request({closed.stream.value, x->method, x->path, x->status, x->sender.sent_bytes(),
                std::chrono::steady_clock::now() - x->began, remark});
  exchanges_.erase(x->self);
}

void Http2Site::on(const h2::WorkBudgetLow& low) {
  log_.error("much work for nothing: " + std::string(h2::describe(low.cause).sentence));
}

void Http2Site::on(const h2::ConnectionFailed& failed) {
  std::string line(h2::name(failed.code));
  if (!failed.sentence.empty()) (line += ": ") += failed.sentence;
  if (!failed.section.empty()) ((line += " (") += failed.section) += ')';
  log_.error(line);
}

}  // namespace tools
