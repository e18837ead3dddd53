// A connection of the server in memory, and a client's that asks it for files.
#include <tools/http2_site.h>

#include <doctest/doctest.h>

#include <map>

#include <tools/cleartext.h>
#include <tools/served.h>

#include "temporary_folder.h"

using namespace tools;

namespace {

std::time_t the_time = 0;

struct Response {
  std::uint16_t status = 0;
  std::map<std::string, std::string> fields;
  std::string content;
  std::size_t wire_bytes = 0;  // of everything that the server sent for it
  bool whole = false;
};

/// Both ends, joined without a socket.
class Pair {
 public:
  explicit Pair(Site& site)
      : client_(client_config()),
        server_(server_config()),
        served_(server_, site, ConnectionLog(log_, 1, "test", {}), "h2c", {}, H2cUpgrade::no, {}, Deadlines{}) {
    run();  // prefaces and SETTINGS
  }

  Response get(std::string_view path) {
    response_ = {};
    h2::Request request{"GET", "http", "localhost", path};
    REQUIRE(client_.send_request(request, h2::EndStream::yes).has_value());
    run();
    CHECK(response_.whole);
    return response_;
  }

 private:
  static h2::Config client_config() {
    h2::Config config;
    config.role = h2::Role::client;
    config.credit = h2::Credit::automatic;
    return config;
  }
  static h2::Config server_config() { return {}; }

  void run() {
    for (std::size_t moved = 1; moved != 0;) {
      moved = move(client_, [this](h2::ByteView& bytes) { serve(bytes); });
      moved += move(server_, [this](h2::ByteView& bytes) { read(bytes); });
      h2::ByteView none;
      serve(none);  // what was sent is told of
    }
  }

  template <class From, class To>
  std::size_t move(From& from, To to) {
    h2::ByteView slices[16];
    std::size_t moved = 0;
    const std::size_t count = from.poll_output(slices);
    for (std::size_t i = 0; i < count; ++i) {
      moved += slices[i].size();
      if constexpr (std::is_same_v<From, Cleartext>) response_.wire_bytes += slices[i].size();
      h2::ByteView bytes = slices[i];
      to(bytes);
    }
    from.consume_output(moved);
    return moved;
  }

  void serve(h2::ByteView& bytes) {
    while (const auto event = server_.receive(bytes)) served_.on_event(*event);
  }
  void read(h2::ByteView& bytes) {
    while (const auto event = client_.receive(bytes)) {
      if (const auto* head = std::get_if<h2::ResponseReceived>(&*event)) {
        response_.status = head->status;
        for (const h2::Field& field : head->fields) response_.fields.emplace(field.name, field.value);
      } else if (const auto* data = std::get_if<h2::DataReceived>(&*event)) {
        response_.content.append(reinterpret_cast<const char*>(data->data.data()), data->data.size());
      } else if (const auto* closed = std::get_if<h2::StreamClosed>(&*event)) {
        response_.whole = closed->code == h2::ErrorCode::no_error;
      }
    }
  }

  const Log log_{LogLevel::none};
  h2::Connection client_;
  Cleartext server_;
  Served<Cleartext> served_;
  Response response_;
};

/// Its files are written now, and looked at a minute later, when they count as settled.
struct Folder : test::TemporaryFolder {
  Folder() { the_time = std::time(nullptr) + 60; }
};

}  // namespace

TEST_CASE("a file that is asked for again gets the same answer, in fewer octets") {
  Folder folder;
  const std::string large(Content::kLentBytes + 1, 'l');
  for (const std::string& text : {std::string("alpha"), std::string(), std::string(100'000, 'c'), large}) {
    CAPTURE(text.size());
    folder.write("file", text);
    Site site(folder.root(), [] { return the_time; });
    Pair pair(site);
    const Response first = pair.get("/file");
    CHECK(first.status == 200);
    CHECK((first.content == text));
    CHECK(first.fields.at("content-length") == std::to_string(text.size()));
    for (int i = 0; i < 3; ++i) {
      const Response again = pair.get("/file");
      CHECK(again.status == 200);
      CHECK((again.content == text));
      CHECK(again.fields == first.fields);
      const std::size_t head = again.wire_bytes - text.size(), of_first = first.wire_bytes - text.size();
      CHECK(head < of_first);
      if (i == 2 && text.size() < 20'000) CHECK(head < 2 * 9 + 12);  // two frames, and an octet for each field
    }
  }
}

TEST_CASE("a file that changed is told of anew to a connection that asked before") {
  Folder folder;
  folder.write("file", "alpha");
  Site site(folder.root(), [] { return the_time; });
  Pair pair(site);
  for (int i = 0; i < 3; ++i) CHECK(pair.get("/file").content == "alpha");
  folder.write("file", "something else");
  ++the_time;
  for (int i = 0; i < 3; ++i) {
    const Response now = pair.get("/file");
    CHECK(now.content == "something else");
    CHECK(now.fields.at("content-length") == "14");
  }
}
