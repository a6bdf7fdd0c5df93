// SPDX-License-Identifier: BSL-1.0
#include "source_texts.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace leakdir::tool {

namespace {

constexpr std::string_view kEndings[] = {
    "c",   "cc", "cpp", "cxx", "c++", "h",   "hh",  "hpp", "hxx", "inc",  "inl",  "ipp", "tcc",   "m",   "mm",
    "rs",  "go", "f",   "for", "f90", "f95", "f03", "f08", "ada", "adb",  "ads",  "d",   "di",    "pas", "pp",
    "lpr", "ml", "mli", "mll", "mly", "y",   "l",   "zig", "nim", "vala", "vapi", "hs",  "swift", "s",
};

bool is_called_as_a_source(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  if (path.empty() || path.front() != '/' || dot == std::string::npos) return false;
  std::string ending = path.substr(dot + 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings);
}

// Empty: it is not to be read.
std::string text_of(const std::string& path, std::int64_t started_ns) {
  if (!is_called_as_a_source(path)) return {};
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return {};
  std::string text;
  struct stat status;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<std::size_t>(status.st_size) <= kMostOfASource &&
      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec <= started_ns) {
    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t got = 0;
    for (ssize_t more; got < text.size() && (more = read(file, &text[got], text.size() - got)) > 0;)
      got += static_cast<std::size_t>(more);
    text.resize(got);
  }
  close(file);
  return text;
}

std::string trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\f\v";
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  line = line.substr(first, line.find_last_not_of(kBlanks) + 1 - first);
  if (line.size() <= kMostOfALine) return std::string(line);
  std::size_t end = kMostOfALine;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // no part of a character
  return std::string(line.substr(0, end)) + "…";
}

}  // namespace

SourceTexts source_texts(const std::set<SourcePlace>& places, std::int64_t started_ns) {
  SourceTexts texts;
  std::size_t all = 0;
  std::string path, text;
  std::size_t at = 0;
  unsigned line = 1;
  // They are in order of their files, and of their lines there.
  for (const auto& [file, wanted] : places) {
    if (file != path) {
      path = file;
      text = text_of(path, started_ns);
      at = 0;
      line = 1;
    }
    for (; line < wanted && at < text.size(); ++line) at = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (wanted == 0 || line != wanted || at >= text.size()) continue;
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string found = trimmed(std::string_view(text).substr(at, end - at));
    if (found.empty()) continue;
    all += found.size();
    if (all > kMostOfAllLines) break;
    texts.emplace(SourcePlace(file, wanted), std::move(found));
  }
  return texts;
}

}  // namespace leakdir::tool
