// Content piece by piece: the echo's ring above all.
#include <tools/content.h>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

using namespace tools;

TEST_CASE("an echo gives back what was pushed, in any cuts, and frees what was sent") {
  std::mt19937 random(7);
  EchoContent echo;
  std::string pushed, popped;
  std::size_t freed = 0;
  bool finished = false, last = false;
  while (!last) {
    if (!finished && random() % 2 == 0) {
      std::string piece(std::min<std::size_t>(random() % 30000, echo.room()), '\0');
      for (char& c : piece) c = static_cast<char>(random());
      echo.push(std::as_bytes(std::span(piece)));
      pushed += piece;
      if (pushed.size() > 1000000) {
        echo.finish();
        finished = true;
      }
    } else if (const auto piece = echo.next(Content::kBlockBytes)) {
      popped.append(reinterpret_cast<const char*>(piece->bytes.data()), piece->bytes.size());
      last = piece->last;
      freed += echo.done();
    }
  }
  CHECK(popped == pushed);
  CHECK(freed == pushed.size());
  CHECK(echo.room() == EchoContent::kCapacity);
}

TEST_CASE("an echo of nothing ends with an empty piece") {
  EchoContent echo;
  CHECK(!echo.next(Content::kBlockBytes).has_value());
  echo.finish();
  const auto piece = echo.next(Content::kBlockBytes);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes.empty());
  CHECK(piece->last);
}

TEST_CASE("a file that became shorter than its announced length is broken") {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fputs("hello", file);
  std::fflush(file);
  FileContent content(std::make_shared<const Fd>(Fd(::dup(::fileno(file)))), 1, 10);
  std::fclose(file);
  const auto piece = content.next(Content::kBlockBytes);
  REQUIRE(piece.has_value());
  CHECK(piece->bytes.size() == 4);
  CHECK(!piece->last);
  content.done();
  CHECK(content.next(Content::kBlockBytes)->broken);
}
