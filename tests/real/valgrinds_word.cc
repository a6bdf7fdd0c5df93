// SPDX-License-Identifier: BSL-1.0
#include "valgrinds_word.hh"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "groups.hh"
#include "paths.hh"
#include "report_json.hh"

namespace leakdir_test {
namespace {

constexpr char kValgrind[] = "/usr/bin/valgrind", kEnv[] = "/usr/bin/env";

Words joined(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Counts no_blocks() { return {{"definite", {}}, {"indirect", {}}, {"possible", {}}, {"reachable", {}}}; }

// An environment with what each program finds there, beside what Valgrind adds.
Words env_with(bool counts_libc) {
  return {kEnv, "-i", std::string("LEAKDIR_OPTIONS=write=never:summary=0:children=0:libc=") + (counts_libc ? "1" : "0"),
          "PERL_HASH_SEED=0", "HOME=/"};
}

// The environment of a program under Valgrind, as variables for leakdir's: LD_PRELOAD is as long, of colons.
Words variables_with(const Words& env, const std::string& library, const std::string& cwd) {
  Words variables;
  for (std::string line : lines_of(run({joined(env, {kValgrind, "-q", kEnv}), "/", {}, "", 60}).out)) {
    const std::string preload = "LD_PRELOAD=";
    if (line.rfind("PWD=", 0) == 0) line = "PWD=" + cwd;  // its script sets it
    if (line.rfind(preload, 0) == 0) {
      if (library.empty()) continue;
      const std::size_t there = line.size() - preload.size();
      if (there < library.size()) throw std::runtime_error("too long: " + library);
      line = preload + std::string(there - library.size(), ':') + library;
    }
    variables.push_back(line);
  }
  return variables;
}

Counts counts_in(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  Counts counts = no_blocks();
  if (text.find("All heap blocks were freed") != std::string::npos) return counts;
  const std::map<std::string, std::string> words = {{"definitely lost", "definite"},
                                                    {"indirectly lost", "indirect"},
                                                    {"possibly lost", "possible"},
                                                    {"still reachable", "reachable"}};
  for (const auto& [valgrinds, ours] : words) {
    // (Asked a second time, it says how many more there are than the first time: `12 (+2) bytes in 3 (+1) blocks`.)
    const Groups m = groups_in(text, valgrinds + R"(: (\d+)[^\n]* bytes in (\d+)[^\n]* blocks)");
    if (m.empty()) throw std::runtime_error("valgrind says: " + text);
    counts[ours] = {std::stoull(m[2]), std::stoull(m[1])};
  }
  return counts;
}

}  // namespace

void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }
void PrintTo(const Count& count, std::ostream* out) {
  *out << count.bytes << " bytes in " << count.blocks << " blocks";
}

void until_it_waits_for_input(const Process& process) {
  // read(0, …), or what asks the same of several files, as the system call that the process is in.
  const std::string waits = "(" + std::to_string(SYS_read) + " 0x0 |" + std::to_string(SYS_poll) + " ).*\n";
  const std::string call = "/proc/" + std::to_string(process.pid()) + "/syscall";
  for (int i = 0; i < 60000; ++i, usleep(1000)) {
    siginfo_t ended = {};
    waitid(P_PID, static_cast<id_t>(process.pid()), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid != 0) throw std::runtime_error("it ended");
    if (!groups_of(read_file(call), waits).empty()) return;
  }
  throw std::runtime_error("it does not wait for input");
}

Counts by_valgrind(const Words& program, At at) {
  const Scratch scratch;
  const std::string pipe = "--vgdb-prefix=" + (scratch / "pipe");  // else it depends on TMPDIR
  const Words valgrind = joined(env_with(false), {kValgrind, "--leak-check=full", "--show-leak-kinds=none", pipe});
  Command command = {joined(valgrind, program), scratch.path(), {}, "", 300};
  if (at == At::kExit) return counts_in(run(command).err);
  command.waits_for_input = true;
  Process process(command);
  until_it_waits_for_input(process);
  const std::string pid = "--pid=" + std::to_string(process.pid());
  return counts_in(run({{"/usr/bin/vgdb", pipe, pid, "leak_check", "summary", "heuristics", "all", "any"},
                        scratch.path(),
                        {},
                        "",
                        60})
                       .out);
}

Count in_use_by_valgrind(const Words& program) {
  const Scratch scratch;
  const Words valgrind =
      joined(env_with(false), {kValgrind, "--leak-check=no", "--run-libc-freeres=no", "--run-cxx-freeres=no"});
  std::string text = run({joined(valgrind, program), scratch.path(), {}, "", 300}).err;
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  // (A forked child may say it too, and has ended before.)
  const std::size_t last = text.rfind("in use at exit: ");
  const Groups m = groups_in(last == text.npos ? "" : text.substr(last), R"(in use at exit: (\d+) bytes in (\d+))");
  if (m.empty()) throw std::runtime_error("valgrind says: " + text);
  return {std::stoull(m[2]), std::stoull(m[1])};
}

namespace {

Command command_beside(const Scratch& scratch, const Words& program, bool is_preloaded, bool counts_libc) {
  const std::string library = scratch / "l.so";
  if (is_preloaded) std::filesystem::create_symlink(kLibrary, library);
  const Words variables = variables_with(env_with(counts_libc), is_preloaded ? library : "", scratch.path());
  // In the same order: how large Perl's table of them is depends on it.
  return {joined(joined({kEnv, "-i"}, variables), program), scratch.path(), {}, "", 120};
}

}  // namespace

Command command_with_libcs_own(const Scratch& scratch, const Words& program) {
  return command_beside(scratch, program, true, true);
}

Command command_beside_valgrind(const Scratch& scratch, const Words& program, At at, bool is_preloaded) {
  Command command = command_beside(scratch, program, is_preloaded, is_preloaded && at == At::kInput);
  command.waits_for_input = at == At::kInput;
  return command;
}

Counts by_tool(const std::string& dir, const Words& arguments) {
  Counts counts = no_blocks();
  const nlohmann::json totals =
      report(dir, joined({"--kinds", "all", "--no-runtime-suppressions"}, arguments)).at("totals");
  if (!totals.contains("kinds")) {
    EXPECT_EQ(totals.at("blocks"), 0) << "the kinds are not known";
    return counts;
  }
  for (const auto& [kind, count] : totals.at("kinds").items())
    counts[kind] = {count.at("blocks").get<std::uint64_t>(), count.at("bytes").get<std::uint64_t>()};
  return counts;
}

}  // namespace leakdir_test
