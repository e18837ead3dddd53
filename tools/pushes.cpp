#include <tools/pushes.h>

#include <tools/log.h>

namespace tools {

bool Pushes::on_event(const h2::Event& event) {
  return std::visit(
      [this](const auto& it) {
        if constexpr (requires { it.stream; }) {
          if (it.stream == h2::kConnection || it.stream.opened_by_client()) return false;
          this->on(it);
          return true;
        } else {
          return false;
        }
      },
      event);
}

void Pushes::on(const h2::PushReceived& push) {
  const std::string url = std::string(push.scheme) + "://" + std::string(push.authority) + std::string(push.path);
  const std::string shown = printable(url);
  report_.head("promised " + std::string(push.method) + ' ' + shown, push.stream, push.fields);
  if (is_ours(url)) {
    open_[push.stream].url = shown;
    return;
  }
  report_.say("refused the push of " + shown + ", which is of another origin");
  (void)connection_.reset(push.stream, h2::ErrorCode::refused_stream);
}

bool Pushes::is_ours(const std::string& url) const {
  try {
    return parse_url(url).origin() == origin_;
  } catch (const Failure&) {
    return false;  // no URL at all
  }
}

void Pushes::on(const h2::ResponseReceived& response) {
  Pushed& pushed = open_.at(response.stream);
  pushed.status = response.status;
  pushed.complete = response.end == h2::EndStream::yes;
  report_.head(std::to_string(response.status), response.stream, response.fields);
}

void Pushes::on(const h2::DataReceived& data) {
  Pushed& pushed = open_.at(data.stream);
  pushed.bytes += data.data.size();
  pushed.complete = data.end == h2::EndStream::yes;
  connection_.consume(data.stream, data.data.size());
}

void Pushes::on(const h2::TrailersReceived& trailers) {
  open_.at(trailers.stream).complete = true;
  report_.head("trailers", trailers.stream, trailers.fields);
}

void Pushes::on(const h2::StreamClosed& closed) {
  const auto found = open_.find(closed.stream);
  if (found == open_.end()) return;  // refused
  const Pushed& pushed = found->second;
  const std::string end = pushed.complete ? std::string{} : ", cut short: " + std::string(h2::name(closed.code));
  report_.say("pushed " + pushed.url + ": status " + std::to_string(pushed.status) + ", " +
              std::to_string(pushed.bytes) + " bytes" + end);
  open_.erase(found);
}

}  // namespace tools
