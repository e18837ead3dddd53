#include <tools/upgrading_client.h>

#include <array>
#include <boost/beast/http.hpp>

#include <tools/http1_text.h>

namespace tools {
namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

/// The head of an HTTP/1.1 response, as far as it came.
struct UpgradingClient::Answer {
  std::optional<http::response_parser<http::empty_body>> parser{std::in_place};
  std::string input;
};

UpgradingClient::UpgradingClient(const h2::Config& config, h2::Duration timeout)
    : http2_(config), timeout_(timeout), answer_(std::make_unique<Answer>()) {}
UpgradingClient::~UpgradingClient() = default;
UpgradingClient::UpgradingClient(UpgradingClient&& other) noexcept = default;
UpgradingClient& UpgradingClient::operator=(UpgradingClient&& other) noexcept = default;

/// h2core looks at the request first, so that nothing goes into the text that would break out of its line.
h2::Result<h2::StreamId> UpgradingClient::upgrade(const h2::Request& request, void* user) {
  const auto stream = http2_.begin_upgraded(request, {}, user);
  if (!stream) return stream;
  const auto add = [this](std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) request_ += part;
    request_ += "\r\n";
  };
  add({request.method, " ", request.path, " HTTP/1.1"});
  add({"host: ", request.authority});
  add({"connection: Upgrade, HTTP2-Settings"});
  add({"upgrade: h2c"});
  add({"http2-settings: ", settings()});
  for (const h2::Field& field : request.fields) add({field.name, ": ", field.value});
  add({});
  return stream;
}

/// The payload of our SETTINGS, which stands behind the preface in what http2_ will send first.
std::string UpgradingClient::settings() {
  std::array<ByteView, 8> slices;
  std::vector<std::byte> first;
  for (const ByteView slice : std::span(slices).first(http2_.poll_output(slices))) {
    first.insert(first.end(), slice.begin(), slice.end());
  }
  const ByteView frame = ByteView(first).subspan(h2::kClientPreface.size());
  return encode_base64url(frame.subspan(h2::kFrameHeaderBytes, h2::read_frame_header(frame.data()).length));
}

std::optional<tlsglue::Event> UpgradingClient::receive(ByteView& input) {
  if (phase_ == Phase::asking) return read_answer(input);
  if (phase_ == Phase::over) input = {};
  if (early_taken_ < early_.size()) {  // stays where it is: events show it
    ByteView early = ByteView(early_).subspan(early_taken_);
    const std::optional<h2::Event> event = http2_.receive(early);
    early_taken_ = early_.size() - early.size();
    if (event) return *event;
    if (!early.empty()) return std::nullopt;  // output must be taken first
  }
  if (eof_ && !std::exchange(told_eof_, true)) http2_.receive_eof();
  if (std::optional<h2::Event> event = http2_.receive(input)) return *event;
  return std::nullopt;
}

/// Passes by interim responses, but for the one that is hoped for.
std::optional<tlsglue::Event> UpgradingClient::read_answer(ByteView& input) {
  answer_->input.append(reinterpret_cast<const char*>(input.data()), input.size());
  input = {};
  while (!answer_->input.empty()) {
    auto& parser = *answer_->parser;
    boost::system::error_code error;
    answer_->input.erase(0, parser.put(boost::asio::buffer(answer_->input), error));
    if (error == http::error::need_more) break;
    if (error) return refuse("what the server answered is not HTTP/1.1: " + error.message());
    const auto& head = parser.get();
    const unsigned status = head.result_int();
    spoke_http1_ = true;
    if (status == 101 && lists(lower_case(view(head[http::field::upgrade])), "h2c")) {
      const ByteView rest = std::as_bytes(std::span(answer_->input));
      early_.assign(rest.begin(), rest.end());
      early_taken_ = 0;
      phase_ = Phase::h2;
      return tlsglue::HandshakeDone{tlsglue::AlpnOutcome::undecided, tlsglue::Protocol::h2, false, {}, {}};
    }
    if (status >= 200 || status == 101) {
      return refuse("the server answered with HTTP/1.1 status " + std::to_string(status) + " and did not go on in h2c");
    }
    answer_->parser.emplace();
  }
  if (eof_) return refuse("the connection ended without an answer to the upgrade");
  if (late_) return refuse("no answer to the upgrade in time");
  return std::nullopt;
}

tlsglue::Event UpgradingClient::refuse(std::string why) {
  refusal_ = std::move(why);
  transport_lost();
  return tlsglue::HandshakeDone{tlsglue::AlpnOutcome::undecided, tlsglue::Protocol::http11, false, {}, {}};
}

void UpgradingClient::receive_eof() { eof_ = true; }

void UpgradingClient::transport_lost() {
  phase_ = Phase::over;
  eof_ = told_eof_ = true;
  request_.clear();
  early_.clear();
  http2_.transport_lost();
}

std::size_t UpgradingClient::poll_output(std::span<ByteView> slices, std::size_t max_bytes) {
  if (request_.empty()) return phase_ == Phase::asking ? 0 : http2_.poll_output(slices, max_bytes);
  if (slices.empty()) return 0;
  slices[0] = std::as_bytes(std::span(request_));
  return 1;
}

void UpgradingClient::consume_output(std::size_t bytes) {
  if (request_.empty()) return http2_.consume_output(bytes);
  request_.erase(0, bytes);
}

bool UpgradingClient::has_output() const {
  return !request_.empty() || (phase_ != Phase::asking && http2_.has_output());
}

/// The timers of HTTP/2 begin when it does.
void UpgradingClient::advance_time(h2::TimePoint now) {
  if (phase_ != Phase::asking) return http2_.advance_time(now);
  if (!answer_by_) answer_by_ = now + timeout_;
  late_ = now >= *answer_by_;
}

std::optional<h2::TimePoint> UpgradingClient::deadline() const {
  if (phase_ != Phase::asking) return http2_.deadline();
  return late_ ? std::nullopt : answer_by_;
}

}  // namespace tools
