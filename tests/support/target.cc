// SPDX-License-Identifier: BSL-1.0
#include "target.hh"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <utility>

#include "addr2line.hh"
#include "groups.hh"
#include "paths.hh"

namespace leakdir_test {

std::vector<std::string> every_linking() {
  std::vector<std::string> result;
  for (const std::string& kind : kEveryKind) {
    result.push_back(kind);
    result.push_back(kind + ".clang");
  }
  return result;
}

std::string case_name(std::string text) {
  for (char& c : text) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return text;
}

std::string target(const std::string& name, const std::string& kind) {
  return std::string(kTargets) + "/" + name + "." + kind;
}

namespace {

// " libmimalloc.so.2.0", by the number that the release has.
const std::string& mimalloc() {
  static const std::string name = [] {
    const std::filesystem::path folder = "/usr/lib/x86_64-linux-gnu";
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
      const std::string file = entry.path().filename();
      if (file.rfind("libmimalloc.so.", 0) == 0 && !entry.is_symlink()) return " " + file;
    }
    return std::string(" libmimalloc.so.2.0");
  }();
  return name;
}

// "name.preload" is "name.none" under libleakdir.so; "name.preload-jemalloc" has jemalloc beneath it.
const char* allocator_beneath(const std::string& how) {
  if (how == "-jemalloc") return " libjemalloc.so.2";
  if (how == "-tcmalloc") return " libtcmalloc_minimal.so.4";
  if (how == "-mimalloc") return mimalloc().c_str();
  return "";
}

}  // namespace

bool has_allocator(const std::string& name) {
  const std::string library = allocator_beneath("-" + name);
  const Outcome outcome =
      run({{"true"}, "", {{"LD_PRELOAD", library}}, "", 60});  // the loader says that it is not there
  return !library.empty() && outcome.exited_with(0) && outcome.err.empty();
}

bool libc_exits_while_a_thread_reads() {
  constexpr int kSeconds = 5;
  const Scratch scratch;
  return run_in(scratch, target("leaks", "none"), {"", {"1", "0", "reader"}, {}, kSeconds}).exited_with(0);
}

bool links_with(const std::string& compiler, const std::string& linker) {
  static std::map<std::pair<std::string, std::string>, bool> known;  // each test of a matrix asks
  const auto [answer, is_new] = known.try_emplace({compiler, linker});
  if (is_new) {
    const Scratch scratch;
    write_file(scratch / "main.c", "int main(void) { return 0; }\n");
    const std::vector<std::string> command = {compiler, "main.c", "-fuse-ld=" + linker, "-o", "main"};
    answer->second = run({command, scratch.path(), {}, "", 60}).exited_with(0);
  }
  return answer->second;
}

Command command_for(const Scratch& scratch, const std::string& program, const RunOptions& options) {
  Command command = {{program}, scratch.path(), options.env, "", options.timeout_seconds};
  const std::string preload = ".preload";
  if (const size_t at = program.rfind(preload); at != std::string::npos) {
    command.argv[0] = program.substr(0, at) + ".none";
    command.env["LD_PRELOAD"] = kLibrary + std::string(allocator_beneath(program.substr(at + preload.size())));
  }
  command.argv.insert(command.argv.end(), options.arguments.begin(), options.arguments.end());
  if (!options.leakdir.empty()) command.env["LEAKDIR_OPTIONS"] = options.leakdir;
  return command;
}

Outcome run_in(const Scratch& scratch, const std::string& program, const RunOptions& options) {
  return run(command_for(scratch, program, options));
}

std::vector<Expected> expected_by(const std::string& output) {
  const char* const pattern = "expect size=(\\d+) function=(\\S+) line=(\\d+) call=(.+)";
  std::vector<Expected> result;
  for (const std::string& line : lines_of(output)) {
    const Groups m = groups_of(line, pattern);
    if (!m.empty()) result.push_back({std::stoull(m[1]), m[2], m[4], std::stoi(m[3])});
  }
  return result;
}

std::string said(const std::string& output, const std::string& word, const std::string& name) {
  for (const std::string& line : lines_of(output)) {
    const Groups m = groups_of(line, word + " (?:.* )?" + name + "=(\\S+).*");
    if (!m.empty()) return m[1];
  }
  return "";
}

namespace {

// A block that libc allocated on the program's behalf (strdup) has libc's function as its caller: the program's own is
// the first frame that is not libc's.
bool leads_to(const Record& record, const Expected& expected) {
  const Place caller = addr2line(record.program, record.caller);
  if (caller.function == expected.function && caller.line == expected.line) return true;
  if (expected.call.rfind("libc ", 0) != 0) return false;
  for (const Place& place : places_by_own_commands(record.stack)) {
    if (place.function == expected.function && place.line == expected.line) return true;
  }
  return false;
}

}  // namespace

void expect_exactly(const std::vector<Expected>& expected, const std::vector<Record>& records) {
  for (const Expected& block : expected) {
    SCOPED_TRACE("expected: " + block.function + ":" + std::to_string(block.line) + ", " + std::to_string(block.size) +
                 " bytes, " + block.call);
    const Record* found = nullptr;
    for (const Record& record : records) {
      if (record.size != block.size) continue;
      EXPECT_EQ(found, nullptr) << "a second record: " << record.file;
      found = &record;
    }
    if (found == nullptr) {
      ADD_FAILURE() << "no record";
      continue;
    }
    if (block.call.rfind("libc ", 0) != 0) {
      EXPECT_EQ(found->call, block.call);
    }
    EXPECT_TRUE(leads_to(*found, block)) << "caller: " << addr2line(found->program, found->caller).function << ":"
                                         << addr2line(found->program, found->caller).line << "\n"
                                         << read_file(found->file);
  }
  std::string all;
  if (records.size() != expected.size()) {
    for (const Record& record : records) all += read_file(record.file);
  }
  EXPECT_EQ(records.size(), expected.size()) << all;
}

void expect_clean(const std::string& dir) {
  for (const char* suffix : {".mem", ".badfree"}) {
    for (const std::string& name : names_in(dir, suffix)) ADD_FAILURE() << name << ":\n" << read_file(dir + "/" + name);
  }
  EXPECT_TRUE(exists(dir + "/.ledger")) << "nothing shows that leakdir looked";
}

}  // namespace leakdir_test
