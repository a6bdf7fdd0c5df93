// SPDX-License-Identifier: BSL-1.0
#include "object_symbols.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "libc_release.hh"
#include "paths.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {

std::string symbols_of(const std::string& object, const char* which, const std::vector<std::string>& more) {
  Command command = {{"nm", "--extern-only", "--format=posix", which, object}, "", {}, "", 60};
  command.argv.insert(command.argv.end(), more.begin(), more.end());
  const Outcome outcome = run(command);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::set<std::string> names;
  for (const std::string& line : lines_of(outcome.out)) {
    const size_t space = line.find(' ');
    // Without the version that dynamic ones have.
    names.insert(line.substr(0, std::min(space, line.find('@'))) + " " + line.substr(space + 1, 1));
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

std::string golden(const std::string& name) {
  // What is not in every release of glibc, and since when it is (2.N).
  static const std::map<std::string, int> kSince = {{"mallinfo2", 33},
                                                    {"__mallinfo2", 33},
                                                    {"__libc_mallinfo2", 33},
                                                    {"__glibc_morecore", 34},
                                                    {"_dl_find_object", 35}};
  const int here = glibc_minor();
  std::string text;
  for (const std::string& line : lines_of(read_file(std::string(kSourceRoot) + "/tests/golden/" + name))) {
    const auto since = kSince.find(line.substr(0, line.find(' ')));
    if (since == kSince.end() || since->second <= here) text += line + "\n";
  }
  return text;
}

namespace {

bool is_as_reviewed() { return glibc_minor() == 36; }

std::string symbols_of_malloc(const char* which) {
  const Scratch scratch;
  const Outcome outcome =
      run({{"sh", "-ec", "ar x \"$(gcc -print-file-name=libc.a)\" malloc.o"}, scratch.path(), {}, "", 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  return symbols_of(scratch / "malloc.o", which);
}

}  // namespace

std::vector<std::string> needed_beside_malloc(const std::string& symbols) {
  std::vector<std::string> lines = lines_of(symbols);
  if (is_as_reviewed()) return lines;
  std::set<std::string> explained;
  for (const std::string& needed : {symbols_of_malloc("--undefined-only"), golden("glibc-2.36-malloc.o.undefined")}) {
    for (const std::string& line : lines_of(needed)) explained.insert(line.substr(0, line.find(' ')));
  }
  // (By name: what malloc.o needs the object may have a weak reference to, beside.)
  const auto is_explained = [&](const std::string& line) {
    return explained.count(line.substr(0, line.find(' '))) != 0;
  };
  lines.erase(std::remove_if(lines.begin(), lines.end(), is_explained), lines.end());
  return lines;
}

std::string defined_beside_newer(const std::string& symbols, const std::string& reviewed) {
  if (is_as_reviewed()) return symbols;
  const auto names_in = [](const std::string& text) {
    std::set<std::string> names;
    for (const std::string& line : lines_of(text)) names.insert(line.substr(0, line.find(' ')));
    return names;
  };
  const std::set<std::string> known = names_in(reviewed), newer = names_in(symbols_of_malloc("--defined-only"));
  std::string text;
  for (const std::string& line : lines_of(symbols)) {
    const std::string name = line.substr(0, line.find(' '));
    if (known.count(name) != 0 || newer.count(name) == 0) text += line + "\n";
  }
  return text;
}

}  // namespace leakdir_test
