// The HTTP/1.1 side: every request whole, byte by byte and at cuts gives the same responses.
#include <tools/http1.h>

#include <doctest/doctest.h>

#include <initializer_list>

using namespace tools;

namespace {

struct Exchange {
  std::string output;
  bool finished = false, upgraded = false;
};

Exchange talk(std::string_view input, std::size_t cut, H2cUpgrade h2c) {
  const Log log(LogLevel::none);
  ConnectionLog lines(log, 1, "test", {});
  Site site;
  Http1 http1(site, lines, {}, h2c);
  Exchange result;
  const auto take = [&] {
    http1.run();
    while (!http1.output().empty()) {
      const h2::ByteView output = http1.output();
      result.output.append(reinterpret_cast<const char*>(output.data()), output.size());
      http1.consume_output(output.size());
      http1.run();
    }
  };
  for (std::size_t at = 0; at < input.size(); at += cut) {
    REQUIRE(http1.has_room());
    http1.receive(std::as_bytes(std::span(input.substr(at, cut))));
    take();
  }
  http1.receive_eof();
  take();
  result.finished = http1.finished();
  result.upgraded = http1.upgrade().has_value();
  return result;
}

Exchange every_cut(std::string_view input, H2cUpgrade h2c = H2cUpgrade::no) {
  const Exchange whole = talk(input, input.size(), h2c);
  for (const std::size_t cut : std::initializer_list<std::size_t>{1, 2, 3, 7, 20}) {
    const Exchange again = talk(input, cut, h2c);
    CHECK(again.finished == whole.finished);
    CHECK(again.upgraded == whole.upgraded);
    CHECK(again.output.substr(0, 15) == whole.output.substr(0, 15));
  }
  return whole;
}

std::ptrdiff_t count(std::string_view text, std::string_view part) {
  std::ptrdiff_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("requests on one connection are answered in order, and close ends it") {
  const Exchange x = every_cut(
      "GET /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\n"
      "HEAD /bytes/9 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET http://x/bytes/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      "GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(count(x.output, "HTTP/1.1 200 OK\r\n") == 3);
  CHECK(count(x.output, "content-length: 9\r\n") == 1);
  CHECK(x.output.ends_with("connection: close\r\n\r\nab"));
  CHECK(x.finished);
}

TEST_CASE("an echo of known length has that length") {
  const Exchange x = every_cut("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(count(x.output, "content-length: 5\r\n") == 1);
  CHECK(x.output.ends_with("\r\n\r\nhello"));
}

TEST_CASE("an echo of chunks comes back in chunks, with its trailers") {
  const Exchange x = every_cut(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
  CHECK(count(x.output, "transfer-encoding: chunked\r\n") == 1);
  CHECK(x.output.ends_with("0\r\nX-Sum: 5\r\n\r\n"));
}

TEST_CASE("the content of a refused request is read past, and the next request is answered") {
  const Exchange x = every_cut(
      "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(count(x.output, "HTTP/1.1 405 ") == 1);
  CHECK(x.output.ends_with("\r\n\r\na"));
}

TEST_CASE("100-continue is answered before the content comes") {
  const Exchange x = every_cut("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz");
  CHECK(x.output.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_CASE("HTTP/1.0 gets no interim response, and its expectation is ignored [9110-10.1.1e] [9110-15.2a]") {
  const Exchange x = every_cut("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz");
  CHECK(x.output.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(x.output.ends_with("\r\n\r\nz"));
}

TEST_CASE("what is no request gets one answer and the end") {
  for (const char* input :
       {"garbage\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}) {
    CAPTURE(input);
    const Exchange x = every_cut(input);
    CHECK(x.output.starts_with("HTTP/1.1 400 "));
    CHECK(x.finished);
  }
  CHECK(talk("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(100000, 'a'), 1000, H2cUpgrade::no)
            .output.starts_with("HTTP/1.1 431 "));
}

TEST_CASE("an upgrade is answered with the protocol that follows, its name in any case [9110-7.8a] [9110-7.8b]") {
  const auto upgrade_to = [](std::string_view names) {
    return "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: " + std::string(names) +
           "\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
  };
  for (const char* names : {"h2c", "H2C", "websocket, h2c", "h2c, TLS/1.0"}) {
    CAPTURE(names);
    const Exchange x = every_cut(upgrade_to(names), H2cUpgrade::yes);
    CHECK(x.upgraded);
    CHECK(x.output == "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
  }
}

TEST_CASE("nothing is switched to that was not asked for, or by HTTP/1.0 [9110-7.8c] [9110-7.8g]") {
  const std::string rest = "\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
  for (const char* names : {"websocket", "h2", "h2c-14", "h2c/1"}) {
    CAPTURE(names);
    const Exchange x = every_cut("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: " + (names + rest), H2cUpgrade::yes);
    CHECK_FALSE(x.upgraded);
    CHECK(x.output.starts_with("HTTP/1.1 200 "));
  }
  const Exchange old = every_cut("GET / HTTP/1.0\r\nHost: x\r\nUpgrade: h2c" + rest, H2cUpgrade::yes);
  CHECK_FALSE(old.upgraded);
  CHECK(old.output.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("RFC 7540 3.2: an upgrade needs the flag, one HTTP2-Settings and both names in Connection [9110-7.8f]") {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n";
  const std::string good = head + "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
  const Exchange x = every_cut(good, H2cUpgrade::yes);
  CHECK(x.upgraded);
  CHECK(x.output == "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
  CHECK(every_cut(good).output.starts_with("HTTP/1.1 200 "));
  for (const char* rest :
       {"Connection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", "Connection: Upgrade, HTTP2-Settings\r\n\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA*ABk\r\n\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA\r\n\r\n"}) {
    CAPTURE(rest);
    CHECK(every_cut(head + rest, H2cUpgrade::yes).output.starts_with("HTTP/1.1 200 "));
  }
}
