// URLs of the client.
#include <tools/url.h>

#include <doctest/doctest.h>
#include <tools/fd.h>

using namespace tools;

TEST_CASE("a URL falls into its parts") {
  const Url plain = parse_url("https://example.org");
  CHECK(plain.host == "example.org");
  CHECK(plain.port == 443);
  CHECK(plain.path == "/");
  CHECK(plain.authority == "example.org");

  const Url full = parse_url("http://[::1]:8080/a/b?c=d#e");
  CHECK(full.host == "::1");
  CHECK(full.port == 8080);
  CHECK(full.path == "/a/b?c=d");
  CHECK(full.authority == "[::1]:8080");
  CHECK(parse_url("http://h?q").path == "/?q");
}

TEST_CASE("what is no URL for us is refused as a matter of usage") {
  for (const char* text : {"", "example.org", "ftp://x/", "http://", "http:///x", "http://x:0/", "http://x:70000/",
                           "http://x:/", "http://a@b/", "http://[::1/", "http://x/a b", "http://x:8x/"}) {
    CAPTURE(text);
    try {
      parse_url(text);
      FAIL("taken");
    } catch (const Failure& failure) {
      CHECK(failure.exit() == Exit::usage);
    }
  }
}
