// Files in memory: what is on the disk shows within a second, what is being sent stays as it was, and memory is
// bounded.
#include <tools/site.h>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "temporary_folder.h"

using namespace tools;
namespace fs = std::filesystem;

namespace {

std::time_t the_time = 0;

/// Its files are written now, and looked at a minute later, when they count as settled.
struct Folder : test::TemporaryFolder {
  Folder() { the_time = std::time(nullptr) + 60; }
};

Answer get(Site& site, std::string_view path, std::string_view range = {}, std::string_view if_none_match = {},
           std::string_view method = "GET") {
  Question question;
  question.method = method;
  question.path = path;
  question.range = range;
  question.if_none_match = if_none_match;
  return site.answer(question);
}

std::string field(const Answer& answer, std::string_view name) {
  for (const h2::Field& found : answer.fields()) {
    if (found.name == name) return std::string(found.value);
  }
  return {};
}

std::string rest(Answer& answer) {
  std::string text;
  for (bool last = !answer.content; !last;) {
    const auto piece = answer.content->next(100);
    REQUIRE(piece.has_value());
    if (piece->broken) return text + " (broken)";
    text.append(reinterpret_cast<const char*>(piece->bytes.data()), piece->bytes.size());
    last = piece->last;
    answer.content->done();
  }
  return text;
}

std::string body(Site& site, std::string_view path) {
  Answer answer = get(site, path);
  return answer.status == 200 ? rest(answer) : std::to_string(answer.status);
}

}  // namespace

TEST_CASE("a file that changed is served new within a second, also when nothing but its text changed") {
  const Folder folder;
  folder.write("a", "one");
  for (const std::time_t age : {0, 60}) {  // read in the second in which it was written, or long after
    Site site(folder.root(), [] { return the_time; });
    the_time = std::time(nullptr) + age;
    const std::string before = body(site, "/a");
    const std::string tag = field(get(site, "/a"), "etag");
    struct stat was {
    }, is{};
    REQUIRE(::stat((folder.path / "a").c_str(), &was) == 0);
    do {  // a file that settled long ago is not written to in that same moment
      folder.write("a", before == "one" ? "two" : "one");
      REQUIRE(::stat((folder.path / "a").c_str(), &is) == 0);
    } while (age != 0 && is.st_mtim.tv_nsec == was.st_mtim.tv_nsec);
    ++the_time;
    CHECK(body(site, "/a") == (before == "one" ? "two" : "one"));
    if (age != 0) CHECK(field(get(site, "/a"), "etag") != tag);
  }
}

TEST_CASE("within its second a file is not looked at again") {
  const Folder folder;
  folder.write("a", "one");
  Site site(folder.root(), [] { return the_time; });
  CHECK(body(site, "/a") == "one");
  fs::remove(folder.path / "a");
  CHECK(body(site, "/a") == "one");
}

TEST_CASE("a file that went away, or became something else, is gone within a second") {
  const Folder folder;
  folder.write("a", "one");
  folder.write("b", "two");
  Site site(folder.root(), [] { return the_time; });
  CHECK(body(site, "/a") == "one");
  CHECK(body(site, "/b") == "two");
  fs::remove(folder.path / "a");
  fs::remove(folder.path / "b");
  fs::create_symlink("/etc/passwd", folder.path / "b");
  ++the_time;
  CHECK(body(site, "/a") == "404");
  CHECK(body(site, "/b") == "404");
  folder.write("a", "three");
  CHECK(body(site, "/a") == "three");
}

TEST_CASE("a file that is cut short while it is sent is sent as it was") {
  const Folder folder;
  const std::string text(FileCache::kLargestFile, 'x');
  folder.write("a", text);
  Site site(folder.root(), [] { return the_time; });
  Answer answer = get(site, "/a");
  CHECK(field(answer, "content-length") == std::to_string(text.size()));
  const auto first = answer.content->next(100);
  REQUIRE(first.has_value());
  fs::resize_file(folder.path / "a", 1);
  ++the_time;
  CHECK(body(site, "/a") == "x");
  answer.content->done();
  CHECK(first->bytes.size() + rest(answer).size() == text.size());
}

TEST_CASE("a large file that is cut short while it is sent breaks its response") {
  const Folder folder;
  folder.write("a", std::string(FileCache::kLargestFile + 1, 'x'));
  Site site(folder.root(), [] { return the_time; });
  Answer answer = get(site, "/a");
  fs::resize_file(folder.path / "a", 150);
  CHECK(rest(answer) == std::string(150, 'x') + " (broken)");
}

TEST_CASE("from memory as from the disk: HEAD, ranges, and what the asker has already") {
  const Folder folder;
  folder.write("small.txt", "0123456789");
  folder.write("large.txt", std::string(FileCache::kLargestFile + 1, 'x'));
  Site site(folder.root(), [] { return the_time; });
  for (const char* path : {"/small.txt", "/large.txt"}) {
    CAPTURE(path);
    for (int again = 0; again < 2; ++again) {
      Answer whole = get(site, path);
      const std::string size = field(whole, "content-length"), tag = field(whole, "etag");
      CHECK(rest(whole).size() == std::stoul(size));
      CHECK(field(whole, "content-type") == "text/plain; charset=utf-8");
      CHECK(field(whole, "accept-ranges") == "bytes");
      CHECK(field(whole, "date").size() == 29);
      CHECK(field(whole, "last-modified").size() == 29);

      const Answer head = get(site, path, {}, {}, "HEAD");
      CHECK(head.status == 200);
      CHECK(!head.content);
      CHECK(field(head, "content-length") == size);

      Answer part = get(site, path, "bytes=2-4");
      CHECK(part.status == 206);
      CHECK(field(part, "content-length") == "3");
      CHECK(field(part, "content-range") == "bytes 2-4/" + size);
      CHECK(rest(part) == (path[1] == 's' ? "234" : "xxx"));

      const Answer none = get(site, path, "bytes=99999999-");
      CHECK(none.status == 416);
      CHECK(field(none, "content-range") == "bytes */" + size);

      const Answer same = get(site, path, {}, tag);
      CHECK(same.status == 304);
      CHECK(!same.content);
      CHECK(field(same, "etag") == tag);
    }
  }
}

TEST_CASE("the date goes on, also in heads that were made before") {
  const Folder folder;
  folder.write("a", "one");
  Site site(folder.root(), [] { return the_time; });
  CHECK(field(get(site, "/a"), "date") == http_date(the_time));
  ++the_time;
  CHECK(field(get(site, "/a"), "date") == http_date(the_time));
  CHECK(field(get(site, "/none"), "date") == http_date(the_time));
}

TEST_CASE("what was asked for just before is known again while its second lasts, for a plain GET alone") {
  Folder folder;
  folder.write("a", "alpha");
  folder.write("b", "beta");
  Site site(folder.root(), [] { return the_time; });
  Question plain;
  plain.method = "GET";
  plain.path = "/a?x";
  CHECK(site.again(plain) == nullptr);
  CHECK(field(get(site, "/a?x"), "content-length") == "5");
  const Ref<const ServedFile>* const known = site.again(plain);
  REQUIRE(known != nullptr);
  CHECK((*known)->bytes.view().size() == 5);

  Question other = plain;
  SUBCASE("another target") { other.path = "/a"; }
  SUBCASE("another method") { other.method = "HEAD"; }
  SUBCASE("a part of it") { other.range = "bytes=1-2"; }
  SUBCASE("if it is another than one") { other.if_none_match = "\"x\""; }
  SUBCASE("a second later") { ++the_time; }
  SUBCASE("another file since") { get(site, "/b"); }
  CHECK(site.again(other) == nullptr);
}

TEST_CASE("the head for who asks again says the same, and asks for entries of its own fields") {
  Folder folder;
  folder.write("a", "alpha");
  FileCache cache(folder.root());
  const Ref<const ServedFile> file = cache.find("a", the_time);
  REQUIRE(file);
  REQUIRE(file->head.size() == file->head_again.size());
  for (std::size_t i = 0; i < file->head.size(); ++i) {
    const h2::Field &first = file->head[i], &again = file->head_again[i];
    CHECK(first.name == again.name);
    CHECK(first.value == again.value);
    CHECK(first.indexing == h2::Indexing::automatic);
    const bool own = first.name == "etag" || first.name == "content-length";
    CHECK(again.indexing == (own ? h2::Indexing::always : h2::Indexing::automatic));
  }
}

TEST_CASE("a file of any age has an entity tag of its own") {
  const Folder folder;
  folder.write("a", "one");
  std::set<std::string> tags;
  for (const std::time_t when :
       {std::time_t{-1}, std::time_t{0}, std::time_t{9'223'372'036}, std::time_t{9'300'000'000}}) {
    const timespec times[] = {{when, 999'999'999}, {when, 999'999'999}};
    REQUIRE(::utimensat(AT_FDCWD, (folder.path / "a").c_str(), times, 0) == 0);
    FileCache cache(folder.root());
    tags.insert(cache.find("a", the_time)->etag);
  }
  CHECK(tags.size() == 4);
}

TEST_CASE("files in memory have a bound, and what a slow reader holds counts") {
  const Folder folder;
  const std::string text(FileCache::kLargestFile, 'x');
  constexpr int kFit = FileCache::kMostBytes / FileCache::kLargestFile;
  for (int i = 0; i <= kFit; ++i) folder.write(std::to_string(i).c_str(), text);
  FileCache cache(folder.root());
  std::vector<Ref<const ServedFile>> held;
  for (int i = 0; i < kFit; ++i) held.push_back(cache.find(std::to_string(i), the_time));
  CHECK(cache.held_bytes() == FileCache::kMostBytes);
  const auto over = [&] { return cache.find(std::to_string(kFit), the_time)->file != nullptr; };  // from the disk
  CHECK(over());

  the_time += FileCache::kKeepSeconds;
  CHECK(cache.find("0", the_time) == held[0]);
  CHECK(over());
  ++the_time;  // nobody asked for the others
  CHECK(over());
  CHECK(cache.held_bytes() == FileCache::kMostBytes);
  held.erase(held.begin() + 1, held.end());
  CHECK(cache.held_bytes() == FileCache::kLargestFile);
  CHECK(!over());
  CHECK(cache.find("0", the_time) == held[0]);
}
