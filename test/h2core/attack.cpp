#include "attack.h"

namespace h2::test {
namespace {

Config config_of(Role role, Config config, Allocator allocator) {
  config.role = role;
  config.allocator = allocator;
  return config;
}

}  // namespace

Bystander::Bystander() : server_(Config{}) {
  const Bytes hello = client_preface() + settings({}) + settings_ack();
  ByteView input = hello;
  while (server_.receive(input)) continue;
  take_output(server_);
}

void Bystander::ask() {
  const Bytes request = raw_headers(next_, shortest_get(), kEnd);
  ByteView input = request;
  const auto asked = server_.receive(input);
  REQUIRE((asked && std::holds_alternative<RequestReceived>(*asked)));
  REQUIRE(server_.send_response(StreamId{next_}, 204, {}, EndStream::yes));
  const auto closed = server_.receive(input);
  REQUIRE((closed && std::holds_alternative<StreamClosed>(*closed)));
  const auto sent = frames(take_output(server_));
  REQUIRE(sent.size() == 1);
  REQUIRE(sent[0].header.type == FrameType::headers);
  next_ += 2;
  ++served_;
}

Victim::Victim(Role role, Config config, std::initializer_list<Setting> peer_settings)
    : config_(config_of(role, config, memory_.allocator())), connection_(std::make_unique<Connection>(config_)) {
  connection_->advance_time(now_);
  feed((role == Role::server ? client_preface() : Bytes{}) + settings(peer_settings) + settings_ack());
  REQUIRE_FALSE(is_over());
  calls_before_ = memory_.calls;
  bytes_in = bytes_out = events = 0;
}

void Victim::feed(const Bytes& bytes) {
  bytes_in += bytes.size();
  const Bytes whole = unread.empty() ? Bytes{} : std::move(unread) + bytes;
  ByteView input = whole.empty() ? bytes : whole;
  drain(input);
  if (takes_output) take();
  drain(input);  // what output that was taken has brought
  unread.assign(input.begin(), input.end());
}

void Victim::pass(Duration time) {
  now_ += time;
  connection_->advance_time(now_);
  feed({});
}

std::uint32_t Victim::flood(std::uint32_t most, const std::function<Bytes(std::uint32_t)>& round) {
  constexpr std::uint32_t kAskEvery = 256;
  const std::uint32_t served = bystander.served();
  std::uint32_t lived = 0;
  for (; lived < most; ++lived) {
    if (lived % kAskEvery == 0) bystander.ask();
    feed(round(lived));
    if (is_over()) break;
  }
  bystander.ask();
  CHECK(bystander.served() - served >= 2);
  return lived;
}

void Victim::drain(ByteView& input) {
  while (const auto event = connection_->receive(input)) {
    ++events;
    note(*event);
    if (application) application(*connection_, *event);
  }
}

void Victim::note(const Event& event) {
  requests += std::holds_alternative<RequestReceived>(event);
  resets += std::holds_alternative<StreamReset>(event);
  if (const auto* low = std::get_if<WorkBudgetLow>(&event); low != nullptr && !warning) {
    warning = *low;
    bytes_in_at_warning = bytes_in;
  } else if (const auto* failed = std::get_if<ConnectionFailed>(&event)) {
    failure = failed->violation;
    sentence = failed->sentence;
  }
}

// Keeps nothing but the debug data of a GOAWAY, which is the last frame of all.
void Victim::take() {
  const Bytes taken = take_output(*connection_);
  bytes_out += taken.size();
  if (!is_over() || taken.empty()) return;
  const std::string text = text_of(taken);
  const std::size_t at = text.rfind(sentence);
  if (at != std::string::npos && at + sentence.size() == text.size()) goaway_debug = sentence;
}

void answer_at_once(Connection& server, const Event& event) {
  if (const auto* request = std::get_if<RequestReceived>(&event))
    static_cast<void>(server.send_response(request->stream, 204, {}, EndStream::yes));
}

Bytes raw_headers(std::uint32_t stream, const Bytes& block, std::uint8_t flags) {
  return frame(FrameType::headers, static_cast<std::uint8_t>(flags::end_headers | flags), stream, block);
}

}  // namespace h2::test
