// Lists and base64url, as an upgrade to h2c has them.
#include <tools/http1_text.h>

#include <doctest/doctest.h>

#include <algorithm>

using namespace tools;

namespace {

h2::ByteView octets(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("RFC 4648 10: the examples of base64, without padding") {
  struct Case {
    std::string_view plain, coded;
  };
  for (const Case& each :
       {Case{"", ""}, Case{"f", "Zg"}, Case{"fo", "Zm8"}, Case{"foo", "Zm9v"}, Case{"foob", "Zm9vYg"},
        Case{"fooba", "Zm9vYmE"}, Case{"foobar", "Zm9vYmFy"}, Case{"\xfb\xff", "-_8"}}) {
    CAPTURE(each.coded);
    CHECK(encode_base64url(octets(each.plain)) == each.coded);
    const auto decoded = decode_base64url(each.coded);
    REQUIRE(decoded.has_value());
    const h2::ByteView plain = octets(each.plain);
    CHECK(std::equal(decoded->begin(), decoded->end(), plain.begin(), plain.end()));
  }
  for (const char* text : {"Zg==", "Zm 8", "+/8"}) CHECK(!decode_base64url(text).has_value());
}

TEST_CASE("an item stands in a list whole, whatever blanks are about") {
  CHECK(lists("h2c", "h2c"));
  CHECK(lists("a,\th2c ,b", "h2c"));
  for (const char* list : {"", "h2", "h2cc", "h2c d", "xh2c"}) CHECK(!lists(list, "h2c"));
  CHECK(lower_case("Upgrade, HTTP2-Settings") == "upgrade, http2-settings");
}
