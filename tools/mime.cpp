#include <tools/mime.h>

#include <algorithm>

namespace tools {
namespace {

struct MediaType {
  std::string_view extension, type;
};

// clang-format off
constexpr MediaType kMediaTypes[] = {
  {"html",  "text/html; charset=utf-8"},
  {"htm",   "text/html; charset=utf-8"},
  {"css",   "text/css; charset=utf-8"},
  {"js",    "text/javascript; charset=utf-8"},
  {"mjs",   "text/javascript; charset=utf-8"},
  {"txt",   "text/plain; charset=utf-8"},
  {"md",    "text/markdown; charset=utf-8"},
  {"csv",   "text/csv; charset=utf-8"},
  {"json",  "application/json"},
  {"map",   "application/json"},
  {"xml",   "application/xml"},
  {"pdf",   "application/pdf"},
  {"wasm",  "application/wasm"},
  {"zip",   "application/zip"},
  {"gz",    "application/gzip"},
  {"svg",   "image/svg+xml"},
  {"png",   "image/png"},
  {"jpg",   "image/jpeg"},
  {"jpeg",  "image/jpeg"},
  {"gif",   "image/gif"},
  {"webp",  "image/webp"},
  {"avif",  "image/avif"},
  {"ico",   "image/x-icon"},
  {"woff",  "font/woff"},
  {"woff2", "font/woff2"},
  {"mp3",   "audio/mpeg"},
  {"ogg",   "audio/ogg"},
  {"mp4",   "video/mp4"},
  {"webm",  "video/webm"},
};
// clang-format on

bool same_letters(std::string_view a, std::string_view lower) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [&](char x, char y) { return low(x) == y; });
}

}  // namespace

std::string_view media_type(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  const std::size_t dot = file.rfind('.');
  if (dot != std::string_view::npos) {
    for (const MediaType& row : kMediaTypes) {
      if (same_letters(file.substr(dot + 1), row.extension)) return row.type;
    }
  }
  return "application/octet-stream";
}

}  // namespace tools
