// A client and a server under TLS, in memory, and whoever sits between them: records are cut, changed, dropped,
// repeated, exchanged, made up. Either all arrives as it was sent, or both are told in order that it did not; nothing
// else arrives, and memory stays bounded.
#define OPENSSL_SUPPRESS_DEPRECATED  // RAND_set_rand_method, so that a run repeats
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tlsglue/secure_connection.h>
#include <tlsglue/self_signed.h>

#include "committed.h"
#include "input.h"

namespace fuzz {
namespace {

using tlsglue::SecureConnection;
using tlsglue::TlsConfig;
using tlsglue::TlsContext;

constexpr std::size_t kRecordHeader = 5;

// ---- what would differ from run to run

std::uint64_t random_state = 0;

int random_bytes(unsigned char* out, int count) {
  for (int i = 0; i < count; ++i) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    out[i] = static_cast<unsigned char>(random_state >> 56);
  }
  return 1;
}
int random_status() { return 1; }
const RAND_METHOD kRandom{nullptr, &random_bytes, nullptr, nullptr, &random_bytes, &random_status};

// OpenSSL's memory cannot pass through our allocator, but it can be counted.
std::size_t openssl_live = 0, openssl_peak = 0;

void* counted_allocate(std::size_t bytes, const char*, int) {
  constexpr std::size_t kHead = 16;
  auto* const block = static_cast<char*>(std::malloc(kHead + bytes));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &bytes, sizeof bytes);
  openssl_live += bytes;
  openssl_peak = std::max(openssl_peak, openssl_live);
  return block + kHead;
}
std::size_t size_of(void* memory) {
  std::size_t bytes = 0;
  std::memcpy(&bytes, static_cast<char*>(memory) - 16, sizeof bytes);
  return bytes;
}
void counted_release(void* memory, const char*, int) {
  if (memory == nullptr) return;
  openssl_live -= size_of(memory);
  std::free(static_cast<char*>(memory) - 16);
}
void* counted_resize(void* memory, std::size_t bytes, const char* file, int line) {
  if (bytes == 0) return counted_release(memory, file, line), nullptr;
  void* const grown = counted_allocate(bytes, file, line);
  if (memory == nullptr || grown == nullptr) return grown;
  std::memcpy(grown, memory, std::min(bytes, size_of(memory)));
  counted_release(memory, file, line);
  return grown;
}

bool prepare() {
  return CRYPTO_set_mem_functions(&counted_allocate, &counted_resize, &counted_release) == 1 &&
         RAND_set_rand_method(&kRandom) == 1;
}
const bool prepared = prepare();

// ---- both ends

const tlsglue::SelfSigned& localhost() {
  static const tlsglue::SelfSigned made = std::move(tlsglue::make_self_signed()).value();
  return made;
}

TlsContext context_of(tlsglue::Role role, tlsglue::TlsVersion version) {
  TlsConfig config;
  config.role = role;
  config.min_version = config.max_version = version;
  config.resumption = tlsglue::Resumption::off;
  config.alpn = tlsglue::AlpnPolicy::h2_only();
  config.max_records_per_key = 4;  // so that new keys are met
  if (role == tlsglue::Role::server) {
    config.credentials.certificate_pem = localhost().certificate_pem.view();
    config.credentials.key_pem = localhost().key_pem.view();
  } else {
    config.ca_pem = localhost().certificate_pem.view();
  }
  auto made = TlsContext::make(config);
  check(made.has_value(), "the contexts can be made");
  return std::move(made).value();
}

/// Made once, for certificates cost more than a run.
struct Contexts {
  TlsContext server, client;
  explicit Contexts(tlsglue::TlsVersion version)
      : server(context_of(tlsglue::Role::server, version)), client(context_of(tlsglue::Role::client, version)) {}
};

h2::Config config_of(h2::Role role, const hpack::Allocator& allocator, std::uint8_t options) {
  h2::Config config;
  config.role = role;
  config.allocator = allocator;
  config.seed = 3;
  if ((options & 1) != 0) config.settings.initial_window_size = 300;
  return config;
}

std::byte content_at(h2::Role sender, std::uint32_t stream, std::uint64_t at) {
  return static_cast<std::byte>((at * 13 + stream + (sender == h2::Role::client ? 0 : 77)) & 0xff);
}

/// A connection and its caller: a client that posts, a server that answers with as much.
class End {
 public:
  End(TlsContext& context, h2::Role role, std::uint8_t options, std::size_t upload)
      : role_(role),
        secure_(context, config_of(role, memory_.allocator(), options),
                {.peer = {.server_name = role == h2::Role::client ? "localhost" : ""}}) {
    if (role != h2::Role::client) return;
    const h2::Request request{"POST", "https", "localhost", "/", {}, {}};
    const auto id = secure_.http2().send_request(request, h2::EndStream::no);
    check(id.has_value(), "requests may wait for the handshake");
    send(*id, upload);
  }

  void receive(std::span<const std::byte> bytes) {
    unread_.insert(unread_.end(), bytes.begin(), bytes.end());
    drain();
  }
  void receive_eof() {
    eof_ = true;
    secure_.receive_eof();
    drain();
  }
  void lose_transport() {
    secure_.transport_lost();
    committed_.forget();
    drain();
  }
  void advance_time(h2::TimePoint now) {
    secure_.advance_time(now);
    drain();
  }
  std::vector<std::byte> take(std::size_t room, std::size_t most) {
    committed_.poll(secure_, room, most);
    std::vector<std::byte> taken = committed_.take(most);
    secure_.consume_output(taken.size());
    drain();
    return taken;
  }
  void shut_down() {
    secure_.http2().shutdown(h2::Shutdown::graceful);
    drain();
  }
  bool done() const { return answered_; }
  bool over() const { return failed_ || closed_; }
  bool closed_in_order() const { return closed_clean_ && !failed_; }
  bool handshaken() const { return handshaken_; }
  h2::TransportWish wish() const { return secure_.transport_wish(); }
  bool has_output() const { return secure_.has_output(); }
  std::size_t peak() const { return memory_.peak(); }
  std::size_t tokens_out() const { return loans_; }

 private:
  void drain() {
    const auto memory = std::make_unique<std::byte[]>(unread_.size());
    std::copy(unread_.begin(), unread_.end(), memory.get());
    hpack::ByteView input(memory.get(), unread_.size());
    while (auto event = secure_.receive(input)) on_event(*event);
    unread_.assign(input.begin(), input.end());
    check(unread_.empty() || secure_.has_output(), "input is left only while output waits");
    if (unread_.empty()) check(!secure_.has_event(), "has_event says whether an event waits");
  }

  void on_event(const tlsglue::Event& event) {
    if (const auto* inner = std::get_if<h2::Event>(&event)) return on_http2(*inner);
    if (const auto* done = std::get_if<tlsglue::HandshakeDone>(&event)) {
      check(!handshaken_ && !over(), "a handshake is done once");
      check(done->protocol == tlsglue::Protocol::h2, "h2 was agreed, as nothing else is spoken");
      handshaken_ = true;
    } else if (std::holds_alternative<tlsglue::TlsFailed>(event)) {
      check(!failed_, "TLS fails once");
      failed_ = true;
    } else if (const auto* closed = std::get_if<tlsglue::PeerClosed>(&event)) {
      check(!closed_ && !failed_ && handshaken_, "the peer closes once");
      check(closed->kind == tlsglue::CloseKind::clean || eof_, "what is truncated has ended");
      closed_ = true;
      closed_clean_ = closed->kind == tlsglue::CloseKind::clean;
    } else {
      broken("no plaintext but that of h2");
    }
  }

  void on_http2(const h2::Event& event) {
    if (const auto* request = std::get_if<h2::RequestReceived>(&event)) {
      check(request->method == "POST" && request->path == "/" && request->stream == h2::StreamId{1}, "as it was sent");
      check(secure_.http2().send_response(request->stream, 200, {}, h2::EndStream::no).has_value(), "it is answered");
    } else if (const auto* response = std::get_if<h2::ResponseReceived>(&event)) {
      check(response->status == 200 && role_ == h2::Role::client, "as it was sent");
    } else if (const auto* data = std::get_if<h2::DataReceived>(&event)) {
      const h2::Role sender = role_ == h2::Role::client ? h2::Role::server : h2::Role::client;
      for (const std::byte octet : data->data)
        check(octet == content_at(sender, 1, received_++),
              "content arrives as it was sent, whatever happens on the way");
      secure_.http2().release(data->stream);
      if (data->end == h2::EndStream::no) return;
      if (role_ == h2::Role::server) send(data->stream, received_);
      answered_ = true;
    } else if (std::holds_alternative<h2::DataSent>(event)) {
      check(loans_ > 0, "each token comes back once");
      --loans_;
    } else if (const auto* failure = std::get_if<h2::ConnectionFailed>(&event)) {
      check(failure->violation == h2::Violation::none, "no changed byte reaches HTTP/2");
    }
  }

  void send(h2::StreamId id, std::size_t bytes) {
    content_.resize(bytes);
    for (std::size_t i = 0; i < bytes; ++i) content_[i] = content_at(role_, id.value, i);
    if (secure_.http2().send_data(id, content_, h2::Token{1}, h2::EndStream::yes)) ++loans_;
  }

  h2::Role role_;
  Memory memory_;
  std::vector<std::byte> content_;  // lent
  SecureConnection secure_;
  Committed committed_;
  std::vector<std::byte> unread_;
  std::uint64_t received_ = 0;
  std::size_t loans_ = 0;
  bool handshaken_ = false, failed_ = false, closed_ = false, closed_clean_ = false, answered_ = false, eof_ = false;
};

// ---- the way between them

/// Ciphertext on its way, which whoever sits there sees as records.
class Way {
 public:
  void add(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  bool empty() const { return bytes_.empty(); }

  std::vector<std::byte> carry(std::size_t most) {
    const auto end = bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(most, bytes_.size()));
    std::vector<std::byte> front(bytes_.begin(), end);
    bytes_.erase(bytes_.begin(), end);
    return front;
  }

  /// Does something to the record at that place, if there is one; false if nothing is changed by it.
  bool mangle(Input& input) {
    const std::uint8_t how = input.u8();
    const std::vector<std::size_t> starts = records();
    if (starts.size() < 2) return false;
    const std::size_t which = input.u8() % (starts.size() - 1);
    const std::size_t from = starts[which], size = starts[which + 1] - from;
    const auto at = bytes_.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = at + static_cast<std::ptrdiff_t>(size);
    const std::vector<std::byte> record(at, end);
    switch (how % 8) {
      case 0: {  // a byte, header included
        const std::byte change{input.u8()};
        bytes_[from + input.u16() % size] ^= change;
        return change != std::byte{0};
      }
      case 1: bytes_.erase(at, end); return true;
      case 2: bytes_.insert(at, record.begin(), record.end()); return true;
      case 3: {  // torn off at its end
        const std::size_t less = 1 + input.u16() % size;
        bytes_.erase(end - static_cast<std::ptrdiff_t>(less), end);
        return true;
      }
      case 4: {  // behind the next one
        if (which + 2 >= starts.size()) return false;
        bytes_.erase(at, end);
        const std::size_t next = starts[which + 2] - starts[which + 1];
        bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(from + next), record.begin(), record.end());
        return true;
      }
      case 5: {  // a record of our own
        const std::uint8_t types[] = {20, 21, 22, 23, 24, 0x80, 'G', 0};
        const auto payload = input.take(input.u8());
        const std::uint8_t head[] = {types[input.u8() & 7], 3, 3, 0, static_cast<std::uint8_t>(payload.size())};
        const hpack::ByteView octets = std::as_bytes(payload), header = std::as_bytes(std::span(head));
        const auto behind = bytes_.insert(at, octets.begin(), octets.end());
        bytes_.insert(behind, header.begin(), header.end());
        return true;
      }
      case 6: {  // a kept one, from earlier
        if (kept_.empty()) return kept_ = record, false;
        bytes_.insert(at, kept_.begin(), kept_.end());
        return true;
      }
      default: kept_ = record; return false;
    }
  }

 private:
  // Where each record begins, and where the last whole one ends.
  std::vector<std::size_t> records() const {
    std::vector<std::size_t> starts{0};
    for (std::size_t at = 0; at + kRecordHeader <= bytes_.size();) {
      at += kRecordHeader + (static_cast<std::size_t>(bytes_[at + 3]) << 8 | static_cast<std::size_t>(bytes_[at + 4]));
      if (at > bytes_.size()) break;
      starts.push_back(at);
    }
    return starts;
  }

  std::vector<std::byte> bytes_, kept_;
};

class Line {
 public:
  Line(Input input, Contexts& contexts, std::uint8_t options, std::size_t upload)
      : input_(input),
        client_(contexts.client, h2::Role::client, options, upload),
        server_(contexts.server, h2::Role::server, static_cast<std::uint8_t>(options >> 1), 0) {}

  void run() {
    pass_time(std::chrono::milliseconds(1));
    while (!input_.empty()) step();
    for (int round = 0; round < 200 && !(rests() && round > 2); ++round) exchange();
    const bool complete = client_.done() && server_.done();
    if (!mangled_) check(complete, "all arrives when nobody touches it");
    if (client_.done()) check(server_.done(), "an answer has a request");
    finish();
  }

 private:
  void step() {
    const std::uint8_t choice = input_.u8();
    End& from = (choice & 1) != 0 ? client_ : server_;
    End& to = (choice & 1) != 0 ? server_ : client_;
    Way& way = (choice & 1) != 0 ? to_server_ : to_client_;
    switch (choice >> 1 & 7) {
      case 0: way.add(from.take(1 + (choice >> 4), 1 + input_.u8() * std::size_t{16})); return;
      case 1:
      case 2: way.add(from.take(Committed::kMostSlices, 64 * 1024)); return;
      case 3: to.receive(way.carry(input_.u8())); return;
      case 4:
      case 5: to.receive(way.carry(~std::size_t{0})); return;
      default: mangled_ = way.mangle(input_) || mangled_; return;
    }
  }

  void exchange() {
    moved_ = false;
    const auto carry = [this](End& from, End& to, Way& way) {
      way.add(from.take(Committed::kMostSlices, 64 * 1024));
      moved_ = moved_ || !way.empty();
      to.receive(way.carry(~std::size_t{0}));
    };
    carry(client_, server_, to_server_);
    carry(server_, client_, to_client_);
    check_memory();
  }
  bool rests() const { return !moved_; }

  void pass_time(h2::Duration by) {
    now_ += by;
    client_.advance_time(now_);
    server_.advance_time(now_);
  }

  // Both go, and the transport ends: each is told how, and wants no more of it.
  void finish() {
    client_.shut_down();
    server_.shut_down();
    for (int i = 0; i < 8; ++i) exchange();
    client_.receive_eof();
    server_.receive_eof();
    for (int i = 0; i < 4; ++i) {
      exchange();
      pass_time(std::chrono::seconds(2));
    }
    // Whoever still waits for a peer that has gone hears of that by the transport.
    const bool client_gone = client_.wish() == h2::TransportWish::close;
    const bool server_gone = server_.wish() == h2::TransportWish::close;
    if (mangled_ && client_gone && !server_gone) server_.lose_transport();
    if (mangled_ && server_gone && !client_gone) client_.lose_transport();
    for (End* const end : {&client_, &server_}) {
      check(end->over(), "the end is told");
      check(mangled_ || end->closed_in_order(), "and it is in order when nobody touches anything");
      check(!end->has_output() && end->wish() == h2::TransportWish::close, "and nothing is left to do");
      check(end->tokens_out() == 0, "all lent memory came back");
    }
  }

  void check_memory() const {
    constexpr std::size_t kOurs = 256 * 1024, kOpenSsl = 512 * 1024;
    check(client_.peak() <= kOurs && server_.peak() <= kOurs, "our memory is bounded");
    check(openssl_peak - openssl_before_ <= kOpenSsl, "and so is OpenSSL's, by what we feed it");
  }

  Input input_;
  std::size_t openssl_before_ = openssl_peak = openssl_live;
  End client_, server_;
  Way to_server_, to_client_;
  h2::TimePoint now_{std::chrono::seconds(1)};
  bool moved_ = true, mangled_ = false;
};

void run(Input input) {
  check(prepared, "OpenSSL takes our memory and our random numbers");
  static Contexts tls12(tlsglue::TlsVersion::tls12), tls13(tlsglue::TlsVersion::tls13);
  random_state = 1;
  const std::uint8_t options = input.u8();
  const std::size_t upload = input.u8() * std::size_t{200};
  Line(input, (options & 4) != 0 ? tls12 : tls13, options, upload).run();
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::run(fuzz::Input(octets, size));
  return 0;
}
