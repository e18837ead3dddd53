// What the site answers, apart from any protocol: routes, ranges, paths.
#include <tools/site.h>

#include <doctest/doctest.h>
#include <tools/mime.h>

using namespace tools;

namespace {

Answer ask(std::string_view method, std::string_view path) {
  Question question;
  question.method = method;
  question.path = path;
  question.protocol = "h2";
  static Site site;  // answers have views of its text
  return site.answer(question);
}

std::string_view field(const Answer& answer, std::string_view name) {
  for (const h2::Field& found : answer.fields()) {
    if (found.name == name) return found.value;
  }
  return {};
}

std::string whole(Content& content) {
  std::string text;
  for (bool last = false; !last;) {
    const auto piece = content.next(Content::kBlockBytes);
    REQUIRE(piece.has_value());
    REQUIRE(!piece->broken);
    text.append(reinterpret_cast<const char*>(piece->bytes.data()), piece->bytes.size());
    last = piece->last;
    content.done();
  }
  return text;
}

}  // namespace

TEST_CASE("the built-in page shows the protocol it was asked by") {
  const Answer answer = ask("GET", "/?x");
  CHECK(answer.status == 200);
  CHECK(field(answer, "content-type") == "text/html; charset=utf-8");
  const std::string page = whole(*answer.content);
  CHECK(page.find("<strong id=\"protocol\">h2</strong>") != std::string::npos);
  CHECK(answer.length == page.size());
}

TEST_CASE("the built-in page names its style sheet, which is there") {
  const Answer answer = ask("GET", "/");
  REQUIRE(answer.styles.size() == 1);
  CHECK(whole(*answer.content).find("href=\"" + answer.styles[0] + '"') != std::string::npos);
  const Answer style = ask("GET", answer.styles[0]);
  CHECK(style.status == 200);
  CHECK(field(style, "content-type") == "text/css; charset=utf-8");
  CHECK(style.length == whole(*style.content).size());
  CHECK(ask("HEAD", "/").styles.empty());
}

TEST_CASE("HEAD has the length and no content") {
  const Answer answer = ask("HEAD", "/bytes/77");
  CHECK(answer.status == 200);
  CHECK(answer.length == 77);
  CHECK(!answer.content);
}

TEST_CASE("/bytes/N gives N bytes without a seam between blocks") {
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 26, 65519, 65520, 65521, 200000}) {
    const Answer answer = ask("GET", "/bytes/" + std::to_string(size));
    const std::string text = whole(*answer.content);
    REQUIRE(text.size() == size);
    for (std::size_t i = 0; i < size; ++i) REQUIRE(text[i] == static_cast<char>('a' + i % 26));
  }
  for (const char* path : {"/bytes/", "/bytes/-1", "/bytes/1x", "/bytes/99999999999999999999"}) {
    CHECK(ask("GET", path).status == 400);
  }
}

TEST_CASE("a method that a route does not have is refused by name") {
  CHECK(ask("GET", "/echo").status == 405);
  CHECK(field(ask("GET", "/echo"), "allow") == "POST, PUT");
  CHECK(ask("DELETE", "/").status == 405);
  CHECK(ask("GET", "/nothing").status == 404);
}

TEST_CASE("RFC 8441: a CONNECT to /ws opens a WebSocket, and nothing else") {
  struct Case {
    std::string_view protocol, path, version;
    unsigned status;
  };
  for (const Case& each :
       {Case{"websocket", "/ws", "13", 200}, Case{"websocket", "/ws?room=1", "13", 200},
        Case{"websocket", "/ws", "8", 400}, Case{"websocket", "/ws", "", 400}, Case{"websocket", "/", "13", 404},
        Case{"connect-udp", "/ws", "13", 501}, Case{"", "", "", 501}}) {
    CAPTURE(each.protocol);
    CAPTURE(each.path);
    Question question;
    question.method = "CONNECT";
    question.path = each.path;
    question.connect_protocol = each.protocol;
    question.websocket_version = each.version;
    Site site;
    const Answer answer = site.answer(question);
    CHECK(answer.status == each.status);
    CHECK((answer.echo != nullptr) == (each.status == 200));
    CHECK(answer.length.has_value() == (each.status != 200));  // a tunnel has no content-length (RFC 9110 9.3.6)
  }
  CHECK(ask("GET", "/ws").status == 404);
}

TEST_CASE("RFC 9110 14.1.2: byte ranges") {
  using Kind = ByteRange::Kind;
  struct Case {
    const char* text;
    Kind kind;
    std::uint64_t first, bytes;
  };
  const Case cases[] = {
      {"bytes=0-0", Kind::part, 0, 1},
      {"bytes=2-4", Kind::part, 2, 3},
      {"bytes=5-", Kind::part, 5, 5},
      {"bytes=-3", Kind::part, 7, 3},
      {"bytes=-99", Kind::part, 0, 10},
      {"bytes=8-99", Kind::part, 8, 2},
      {"bytes=10-", Kind::unsatisfiable, 0, 0},
      {"bytes=-0", Kind::unsatisfiable, 0, 0},
      {"bytes=4-2", Kind::whole, 0, 10},
      {"bytes=0-1,3-4", Kind::whole, 0, 10},
      {"lines=1-2", Kind::whole, 0, 10},
      {"bytes=-", Kind::whole, 0, 10},
      {"bytes=0-18446744073709551615", Kind::part, 0, 10},
      {"", Kind::whole, 0, 10},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    const ByteRange range = parse_range(each.text, 10);
    CHECK(range.kind == each.kind);
    CHECK(range.first == each.first);
    CHECK(range.bytes == each.bytes);
  }
  CHECK(parse_range("bytes=0-", 0).kind == Kind::unsatisfiable);
}

TEST_CASE("a path is decoded once, and a broken one is refused") {
  std::string room;
  CHECK(decode_path("/a%20b?c=%zz", room) == "/a b");
  CHECK(decode_path("/%252e", room) == "/%2e");
  CHECK(decode_path("/plain?%zz", room) == "/plain");
  for (const char* path : {"", "a", "*", "/%", "/%2", "/%zz", "/%00", "/%+1"}) {
    CHECK(!decode_path(path, room).has_value());
  }
}

TEST_CASE("a media type follows from the end of a name") {
  CHECK(media_type("a/b.HTML") == "text/html; charset=utf-8");
  CHECK(media_type("a.css/b") == "application/octet-stream");
  CHECK(media_type("x.tar.gz") == "application/gzip");
}
