/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir: a test that leaks fails, with the size and the stack of each block. For GoogleTest 1.10 or later, in a
 * program that is linked with leakdir's object, or, if it is position-independent, runs under libleakdir.so; without,
 * or while nothing is recorded, that is said once on stderr.
 *
 *   #include <leakdir/gtest.h>
 *   int main(int argc, char **argv) {
 *     testing::InitGoogleTest(&argc, argv);
 *     leakdir::install_gtest_listener(&argc, argv);
 *     return RUN_ALL_TESTS();
 *   }
 *
 * What is live when a test ends and was allocated since it began, by whatever thread, is its leak. Other threads have a
 * moment to free what they hold. A test that failed, or was skipped, is not looked at: it may have left early. What
 * GoogleTest keeps for its own report does not count; what is kept on purpose is told by leakdir::Ignore.
 *
 * What a program makes once and keeps (tables, caches) looks like a leak of the test that comes first. With
 * --leakdir_warm_up each test runs twice, and only the second run is looked at; so with --gtest_repeat. A run leaks
 * then what it leaves more than it found, stack by stack: to replace one block by another of the same stack is no leak.
 *
 * With --leakdir_lost, or LEAKDIR_LOST=1 in the environment, a test fails only for what it lost: blocks that nothing
 * leads to any more. What is still reachable from a registry, a singleton or a cache is no leak then. What the test's
 * own functions have left on the stack does not count, but what lies in the function in which EXPECT_NO_LEAKS stands
 * does: a variable of the statement may still be there. A test at whose end that cannot be told is not looked at, and
 * that is said once.
 *
 * Known leaks are named in LeakSanitizer's syntax, leak:PATTERN a line: in the file that --leakdir_suppressions=FILE
 * names, or LSAN_OPTIONS=suppressions=FILE, and by the program's own __lsan_default_suppressions(). A pattern is looked
 * for in the functions, files and modules of the stack; "*" stands for anything, "^" and "$" for the ends of a name.
 *
 * Names come from addr2line, which is asked once for each module in which frames of a failing test lie.
 *
 * EXPECT_NO_LEAKS(statement) looks at a part of a test.
 *
 * The child of a death test is not looked at; it has a record directory of its own. GoogleTest warns of leakdir's
 * helper thread there, which a program that is not root's has not with LEAKDIR_OPTIONS=write=exit.
 */
#ifndef LEAKDIR_GTEST_H
#define LEAKDIR_GTEST_H

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "leakdir.h"

/* Functions of GoogleTest's that keep what is allocated in them, by where they start. */
extern "C" {
__attribute__((weak)) void *_Unwind_FindEnclosingFunction(void *pc);
extern __attribute__((weak)) char __libc_single_threaded;
__attribute__((weak)) const char *__lsan_default_suppressions(void);
/* leakdir_lost_since for this header alone: frames further in than the one whose callee's frame ends at `below` (its
 * CFA) are passed over. */
__attribute__((weak)) int leakdir_lost_since_frame(unsigned long mark, const void *below, std::size_t *blocks,
                                                   std::size_t *bytes);
/* testing::Test::Run(), which calls the test. */
extern __attribute__((weak)) char leakdir_gtest_run __asm__("_ZN7testing4Test3RunEv");
#define LEAKDIR_GTEST_KEEPERS_(KEEPER)                                                                        \
  KEEPER(0, "_ZN7testing8internal12UnitTestImpl21os_stack_trace_getterEv")                                    \
  KEEPER(1, "_ZNK7testing8internal12AssertHelperaSERKNS_7MessageE")                                           \
  KEEPER(2, "_ZN7testing8internal12UnitTestImpl14RecordPropertyERKNS_12TestPropertyE")                        \
  KEEPER(3,                                                                                                   \
         "_ZN7testing8internal9DeathTest27set_last_death_test_messageERKNSt7__cxx1112basic_stringIcSt11char_" \
         "traitsIcESaIcEEE")                                                                                  \
  KEEPER(4, "_ZN7testing8UnitTest14PushGTestTraceERKNS_8internal9TraceInfoE")                                 \
  KEEPER(5, "_ZN7testing8UnitTest14RecordPropertyERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES8_") \
  KEEPER(6, "_ZN7testing8internal13DeathTestImpl6PassedEb")
#define LEAKDIR_GTEST_KEEPER_(number, name) \
  extern __attribute__((weak)) char leakdir_gtest_keeper_##number __asm__(name);
LEAKDIR_GTEST_KEEPERS_(LEAKDIR_GTEST_KEEPER_)
#undef LEAKDIR_GTEST_KEEPER_

/* GoogleMock's, if the program has it: what mocks that are nice, naggy and strict are entered by. */
#ifdef __LP64__
#define LEAKDIR_GMOCK_(name) __asm__("_ZN7testing4Mock" name "Em")
#else
#define LEAKDIR_GMOCK_(name) __asm__("_ZN7testing4Mock" name "Ej")
#endif
__attribute__((weak)) void leakdir_gmock_nice(std::uintptr_t mock) LEAKDIR_GMOCK_("23AllowUninterestingCalls");
__attribute__((weak)) void leakdir_gmock_naggy(std::uintptr_t mock) LEAKDIR_GMOCK_("22WarnUninterestingCalls");
__attribute__((weak)) void leakdir_gmock_strict(std::uintptr_t mock) LEAKDIR_GMOCK_("22FailUninterestingCalls");
__attribute__((weak)) void leakdir_gmock_forget(std::uintptr_t mock) LEAKDIR_GMOCK_("22UnregisterCallReaction");
#undef LEAKDIR_GMOCK_
}

/* And what it keeps for each thread. */
namespace testing {
class Sequence;
namespace internal {
extern __attribute__((weak)) ThreadLocal<Sequence *> g_gmock_implicit_sequence;
} /* namespace internal */
} /* namespace testing */

namespace leakdir {
namespace gtest {

/* The functions of GoogleMock's that keep what is allocated in them. They have no names outside it. */
inline std::vector<const void *> &gmock_keepers() {
  static std::vector<const void *> functions;
  return functions;
}

template <int> /* for a definition in a header that is not inline */
void touch_gmock();

/* What touch_gmock called for this block is one. */
inline void learn_keeper(const leakdir_block *block, void *) {
  for (unsigned i = 1; i < block->frame_count; ++i) {
    if (_Unwind_FindEnclosingFunction(const_cast<void *>(block->frames[i])) !=
        reinterpret_cast<void *>(&touch_gmock<0>))
      continue;
    gmock_keepers().push_back(_Unwind_FindEnclosingFunction(const_cast<void *>(block->frames[i - 1])));
  }
}

/* Uses GoogleMock once, so that what it makes the first time is no test's. */
template <int>
__attribute__((noinline)) void touch_gmock() {
  static char mocks[3];
  if (&testing::internal::g_gmock_implicit_sequence != nullptr) testing::internal::g_gmock_implicit_sequence.get();
  if (!leakdir_gmock_nice || !leakdir_gmock_naggy || !leakdir_gmock_strict || !leakdir_gmock_forget) return;
  const unsigned long mark = leakdir_mark();
  leakdir_gmock_nice(reinterpret_cast<std::uintptr_t>(&mocks[0]));
  leakdir_gmock_naggy(reinterpret_cast<std::uintptr_t>(&mocks[1]));
  leakdir_gmock_strict(reinterpret_cast<std::uintptr_t>(&mocks[2]));
  if (_Unwind_FindEnclosingFunction) leakdir_each_since(mark, learn_keeper, nullptr);
  for (const char &mock : mocks) leakdir_gmock_forget(reinterpret_cast<std::uintptr_t>(&mock));
}

inline bool is_kept_by_gtest(const leakdir_block &block) {
  if (!_Unwind_FindEnclosingFunction) return false;
  for (unsigned i = 0; i < block.frame_count; ++i) {
    const void *const function = _Unwind_FindEnclosingFunction(const_cast<void *>(block.frames[i]));
    if (function == nullptr) continue;
    if (std::count(gmock_keepers().begin(), gmock_keepers().end(), function) != 0) return true;
#define LEAKDIR_GTEST_KEEPER_(number, name) \
  if (&leakdir_gtest_keeper_##number == function) return true;
    LEAKDIR_GTEST_KEEPERS_(LEAKDIR_GTEST_KEEPER_)
#undef LEAKDIR_GTEST_KEEPER_
  }
  return false;
}

/* Whether only what is lost is a leak. */
inline bool &is_lost_only() {
  static bool is_so = false;
  return is_so;
}

/* Whether the block is one that is asked for; with is_lost_only() after leakdir_lost_since(). */
inline bool is_looked_for(const leakdir_block &block) {
  static const char reachable[] = "still reachable";
  return !is_lost_only() || (block.reach != nullptr && std::strcmp(block.reach, reachable) != 0);
}

/* The frames of this thread, innermost first: where each goes on, and its stack pointer. */
class Walk {
 public:
  Walk() {
    if (is_lost_only()) _Unwind_Backtrace(note, this);
  }

  /* The stack pointer of the innermost frame that is in both: what lies further in came and went in between, or is
   * ours. Null: there is none. */
  const void *shared_with(const Walk &then) const {
    std::size_t now = frames_.size(), old = then.frames_.size();
    for (; now != 0 && old != 0 && frames_[now - 1] == then.frames_[old - 1]; --now) --old;
    const bool has_common = now != frames_.size() && now != 0 && old != 0;
    return has_common ? reinterpret_cast<const void *>(frames_[now - 1].second) : nullptr;
  }

 private:
  static _Unwind_Reason_Code note(struct _Unwind_Context *frame, void *walk) {
    static_cast<Walk *>(walk)->frames_.push_back(std::make_pair(static_cast<std::uintptr_t>(_Unwind_GetIP(frame)),
                                                                static_cast<std::uintptr_t>(_Unwind_GetCFA(frame))));
    return _URC_NO_REASON;
  }
  std::vector<std::pair<std::uintptr_t, std::uintptr_t> > frames_;
};

/* Finds out what is lost of all that was allocated since, where that is asked for; `below` as in
 * leakdir_lost_since_frame, or null. False: it cannot be told. A thread that is about to end may stand in the way:
 * there are some tries, unless they helped nothing before. */
inline bool find_lost(unsigned long mark, const void *below, std::size_t *blocks = nullptr) {
  static int tries = 20;
  if (!is_lost_only()) return true;
  for (int left = tries;; --left) {
    if (below != nullptr && leakdir_lost_since_frame) {
      if (leakdir_lost_since_frame(mark, below, blocks, nullptr) != 0) return true;
    } else if (leakdir_lost_since(mark, blocks, nullptr) != 0) {
      return true;
    }
    if (left <= 1) break;
    const struct timespec moment = {0, 5000000};
    nanosleep(&moment, nullptr);
  }
  if (tries != 1)
    std::fprintf(stderr, "leakdir: what is lost could not be told at the end of a test: NOT every test is looked at\n");
  tries = 1;
  return false;
}

typedef std::vector<const void *> Stack;

inline Stack stack_of(const leakdir_block &block) { return Stack(block.frames, block.frames + block.frame_count); }

/* Blocks of one stack. */
struct Leak {
  std::size_t blocks, bytes;
  std::map<unsigned long, std::size_t> sizes; /* by the blocks' sequence numbers */
  std::string record;                         /* of the last of them */
  unsigned inner_frames;                      /* frames that GoogleTest's around the test come after */
};
typedef std::map<Stack, Leak> Leaks;

inline void note_leak(const leakdir_block *block, void *context) {
  if (!is_looked_for(*block) || is_kept_by_gtest(*block)) return;
  Leak &leak = (*static_cast<Leaks *>(context))[stack_of(*block)];
  if (leak.sizes.empty() || leak.sizes.rbegin()->first < block->sequence) leak.record = block->record;
  leak.sizes[block->sequence] = block->size;
  leak.bytes += block->size;
  if (leak.blocks++ != 0) return;
  for (leak.inner_frames = 0; leak.inner_frames < block->frame_count; ++leak.inner_frames) {
    void *const frame = const_cast<void *>(block->frames[leak.inner_frames]);
    if (_Unwind_FindEnclosingFunction && &leakdir_gtest_run != nullptr &&
        _Unwind_FindEnclosingFunction(frame) == &leakdir_gtest_run)
      break;
  }
}

/* How many blocks of each stack there are. */
typedef std::map<Stack, std::size_t> Counts;

inline void count_block(const leakdir_block *block, void *context) {
  if (is_looked_for(*block)) ++(*static_cast<Counts *>(context))[stack_of(*block)];
}

inline Counts counts_since(unsigned long mark, const void *below) {
  Counts counts;
  if (find_lost(mark, below)) leakdir_each_since(mark, count_block, &counts);
  return counts;
}

/* Of each stack's blocks only as many, the last, as there are more of than before. */
inline void keep_growth(Leaks &leaks, const Counts &before, const Counts &now) {
  for (Leaks::iterator at = leaks.begin(); at != leaks.end();) {
    Leak &leak = at->second;
    const Counts::const_iterator old = before.find(at->first), fresh = now.find(at->first);
    const std::size_t found = old == before.end() ? 0 : old->second, left = fresh == now.end() ? 0 : fresh->second;
    for (; leak.blocks != 0 && leak.blocks + found > left; --leak.blocks) {
      leak.bytes -= leak.sizes.begin()->second;
      leak.sizes.erase(leak.sizes.begin());
    }
    if (leak.blocks == 0)
      leaks.erase(at++);
    else
      ++at;
  }
}

/* What is live and was allocated after the mark; where `before` says what was live before, of all since `base`: what
 * there is more. Another thread may be about to free some of it. */
inline Leaks leaks_since(unsigned long mark, const Counts *before, unsigned long base, const void *below) {
  const bool is_alone = &__libc_single_threaded != nullptr && __libc_single_threaded != 0;
  for (int looks = is_alone ? 1 : 100;; --looks) {
    Leaks leaks;
    std::size_t lost = 1;
    if (!find_lost(mark, below, &lost) || lost == 0) return leaks;
    leakdir_each_since(mark, note_leak, &leaks);
    if (before != nullptr && !leaks.empty()) keep_growth(leaks, *before, counts_since(base, below));
    if (leaks.empty() || looks == 1) return leaks;
    const struct timespec moment = {0, 5000000};
    nanosleep(&moment, nullptr);
  }
}

/* popen(), but for what LD_PRELOAD names: under libleakdir.so the shell and addr2line would have directories too. */
class Command {
 public:
  explicit Command(const std::string &text) : child_(-1), output_(nullptr) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    std::vector<char *> variables;
    for (char **variable = environ; variable != nullptr && *variable != nullptr; ++variable)
      if (std::strncmp(*variable, "LD_PRELOAD=", 11) != 0) variables.push_back(*variable);
    variables.push_back(nullptr);
    std::string words[] = {"sh", "-c", text};
    char *arguments[] = {&words[0][0], &words[1][0], &words[2][0], nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (posix_spawn(&child_, "/bin/sh", &actions, nullptr, arguments, variables.data()) != 0) child_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
    if (output_ == nullptr) close(ends[0]);
  }
  ~Command() {
    if (output_ != nullptr) std::fclose(output_);
    while (child_ > 0 && waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  FILE *output() const { return output_; }

 private:
  Command(const Command &);
  Command &operator=(const Command &);
  pid_t child_;
  FILE *output_;
};

inline bool starts_with(const std::string &text, const char *beginning) {
  return text.compare(0, std::strlen(beginning), beginning) == 0;
}

inline std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
  }
  return lines;
}

/* One frame as its record has it. */
struct Frame {
  std::string place;   /* "/home/you/app+0x4009f7", or "?" */
  std::string module;  /* the path; empty: none known */
  std::string command; /* that gives its name, without an address; empty: there is none */
  std::string address; /* for the command */
};

inline std::string hex(unsigned long long number) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", number);
  return text;
}

/* The frames of a record, innermost first. The commands in it are one for each module, in the order in which the stack
 * meets them; two modules may have the same path, and then differ by where they were loaded. */
inline std::vector<Frame> frames_in(const std::string &record) {
  std::vector<Frame> frames;
  std::vector<unsigned long long> offsets;
  std::vector<std::size_t> module_of;
  std::vector<std::pair<std::string, unsigned long long> > modules;
  std::vector<std::string> commands;
  std::vector<bool> is_exact;
  const std::vector<std::string> lines = lines_of(record);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string &line = lines[i];
    const std::size_t address = line.find(' ') + 1, place = line.find(' ', address) + 1, plus = line.rfind('+');
    static const char command[] = "addr2line: addr2line -Cfipe ", exact[] = "exact:";
    if (starts_with(line, "#") && address != 0 && place != 0) {
      const Frame frame = {line.substr(place), std::string(), std::string(), std::string()};
      frames.push_back(frame);
      is_exact.push_back(false);
      offsets.push_back(0);
      module_of.push_back(~std::size_t(0));
      if (frame.place == "?" || plus == std::string::npos || plus < place) continue;
      frames.back().module = line.substr(place, plus - place);
      offsets.back() = std::strtoull(line.c_str() + plus + 1, nullptr, 16);
      const std::pair<std::string, unsigned long long> module(
          frames.back().module, std::strtoull(line.c_str() + address, nullptr, 16) - offsets.back());
      module_of.back() = static_cast<std::size_t>(std::find(modules.begin(), modules.end(), module) - modules.begin());
      if (module_of.back() == modules.size()) modules.push_back(module);
    } else if (starts_with(line, exact)) {
      const char *at = line.c_str() + sizeof exact - 1;
      for (char *end; *at != '\0'; at = end) {
        const unsigned long number = std::strtoul(at, &end, 10);
        if (end == at) break;
        if (number < is_exact.size()) is_exact[number] = true;
      }
    } else if (starts_with(line, command)) {
      /* Without the addresses at the end. */
      std::string path = line.substr(sizeof command - 1);
      for (std::size_t space = path.rfind(' ');
           space != std::string::npos && path.compare(space, 3, " 0x") == 0 &&
           path.find_first_not_of("0123456789abcdef", space + 3) == std::string::npos;
           space = path.rfind(' '))
        path.erase(space);
      commands.push_back("addr2line -aCfipe " + path);
    }
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (module_of[i] >= commands.size()) continue;
    frames[i].command = commands[module_of[i]];
    frames[i].address = hex(offsets[i] - (is_exact[i] ? 0 : 1));
  }
  return frames;
}

/* What addr2line says of frames, once for each: the functions and places, those that were inlined first. */
class Names {
 public:
  typedef std::vector<std::string> Lines;

  /* Looks up what is not known yet: one command for each module. */
  void look_up(const std::vector<Frame> &frames) {
    std::map<std::string, std::vector<std::string> > wanted;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (frames[i].command.empty() || !known_.insert(std::make_pair(key(frames[i]), Lines())).second) continue;
      wanted[frames[i].command].push_back(frames[i].address);
    }
    for (std::map<std::string, std::vector<std::string> >::const_iterator at = wanted.begin(); at != wanted.end();
         ++at) {
      const std::size_t most = 1000; /* there is a limit for what a command may be long */
      for (std::size_t from = 0; from < at->second.size(); from += most) {
        const std::size_t end = std::min(from + most, at->second.size());
        ask(at->first, std::vector<std::string>(at->second.begin() + static_cast<std::ptrdiff_t>(from),
                                                at->second.begin() + static_cast<std::ptrdiff_t>(end)));
      }
    }
  }

  /* Empty where nothing is known. */
  const Lines &of(const Frame &frame) const {
    static const Lines none;
    const std::map<std::string, Lines>::const_iterator at = known_.find(key(frame));
    return at == known_.end() ? none : at->second;
  }

 private:
  static std::string key(const Frame &frame) { return frame.command + ' ' + frame.address; }

  /* Each answer begins with the address that was asked for: "0x4009f6: main at /home/you/app.c:69". */
  void ask(const std::string &command, const std::vector<std::string> &addresses) {
    std::string text = command;
    for (std::size_t i = 0; i < addresses.size(); ++i) text += ' ' + addresses[i];
    const Command asked(text + " 2>/dev/null");
    std::string line;
    std::size_t answers = 0;
    for (int c; asked.output() != nullptr && (c = std::getc(asked.output())) != EOF;) {
      if (c != '\n') {
        line += static_cast<char>(c);
        continue;
      }
      const std::size_t colon = line.find(": ");
      if (starts_with(line, "0x") && colon != std::string::npos) {
        ++answers;
        line.erase(0, colon + 2);
      }
      if (answers != 0 && answers <= addresses.size() && !starts_with(line, "?? "))
        known_[command + ' ' + addresses[answers - 1]].push_back(line);
      line.clear();
    }
  }

  std::map<std::string, Lines> known_;
};

inline Names &names() {
  static Names all;
  return all;
}

/* Whether the frame is GoogleTest's own around the test. */
inline bool is_around_test(const Names::Lines &lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find("testing::internal::Handle") != std::string::npos ||
        lines[i].find("testing::Test::Run()") != std::string::npos)
      return true;
  }
  return false;
}

/* Where `$` and `^` hold the pattern to the ends, and `*` stands for anything. */
inline bool matches(const std::string &pattern, const std::string &name) {
  std::size_t from = 0, to = pattern.size();
  const bool at_start = from < to && pattern[from] == '^';
  if (at_start) ++from;
  const bool at_end = from < to && pattern[to - 1] == '$';
  if (at_end) --to;
  const std::string::size_type nowhere = std::string::npos;
  std::size_t i = from, at = 0, after_star = at_start ? nowhere : from, retry = 0;
  if (name.empty()) return false;
  while (i < to || (at_end && at < name.size())) {
    if (i < to && pattern[i] == '*') {
      after_star = ++i;
      retry = at;
    } else if (i < to && at < name.size() && pattern[i] == name[at]) {
      ++i;
      ++at;
    } else if (after_star != nowhere && retry < name.size()) {
      i = after_star;
      at = ++retry;
    } else {
      return false;
    }
  }
  return true;
}

/* Leaks that are known: "leak:PATTERN" a line. */
class Suppressions {
 public:
  void add(const std::string &text, const std::string &source) {
    const std::vector<std::string> lines = lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const char *const space = " \t\r\v\f";
      const std::size_t first = lines[i].find_first_not_of(space);
      if (first == std::string::npos || lines[i][first] == '#') continue;
      const std::string line = lines[i].substr(first, lines[i].find_last_not_of(space) - first + 1);
      if (starts_with(line, "leak:") && line.size() > 5)
        patterns_.push_back(line.substr(5));
      else
        std::fprintf(stderr, "leakdir: %s:%u: no suppression, leak:PATTERN is: %s\n", source.c_str(),
                     static_cast<unsigned>(i + 1), line.c_str());
    }
  }
  void add_file(const std::string &path) {
    std::ifstream file(path.c_str());
    if (!file) std::fprintf(stderr, "leakdir: cannot read the suppressions in %s\n", path.c_str());
    const std::istreambuf_iterator<char> begin(file), end;
    add(std::string(begin, end), path);
  }
  bool empty() const { return patterns_.empty(); }

  /* Whether one of the names is found in the functions, files and modules of the frames. */
  bool take(const std::vector<Frame> &frames) const {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (take(frames[i].module)) return true;
      const Names::Lines &lines = names().of(frames[i]);
      for (std::size_t j = 0; j < lines.size(); ++j) {
        static const char inlined[] = " (inlined by) ";
        const std::string line = starts_with(lines[j], inlined) ? lines[j].substr(sizeof inlined - 1) : lines[j];
        const std::size_t at = line.rfind(" at ");
        if (take(line.substr(0, at))) return true;
        if (at != std::string::npos && take(line.substr(at + 4, line.rfind(':') - at - 4))) return true;
      }
    }
    return false;
  }

 private:
  bool take(const std::string &name) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i)
      if (matches(patterns_[i], name)) return true;
    return false;
  }

  std::vector<std::string> patterns_;
};

inline Suppressions &suppressions() {
  static Suppressions all;
  return all;
}

/* Takes known leaks out, and learns the names of those that are left: of all of their frames, or of those within the
 * test. */
inline void look_at(Leaks &leaks) {
  std::vector<Frame> wanted;
  for (Leaks::const_iterator at = leaks.begin(); at != leaks.end(); ++at) {
    std::vector<Frame> frames = frames_in(at->second.record);
    if (suppressions().empty() && frames.size() > at->second.inner_frames) frames.resize(at->second.inner_frames);
    wanted.insert(wanted.end(), frames.begin(), frames.end());
  }
  names().look_up(wanted);
  if (suppressions().empty()) return;
  for (Leaks::iterator at = leaks.begin(); at != leaks.end();) {
    if (suppressions().take(frames_in(at->second.record)))
      leaks.erase(at++);
    else
      ++at;
  }
}

/* The stack by its names, where some are known; else all that the record says. */
inline std::string text_of(const Leak &leak) {
  const std::string title = "  " + std::to_string(leak.bytes) + (leak.bytes == 1 ? " byte in " : " bytes in ") +
                            std::to_string(leak.blocks) + (leak.blocks == 1 ? " block: " : " blocks, the last: ");
  const std::vector<std::string> lines = lines_of(leak.record);
  std::string whole, head, stack;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    whole += (i == 0 ? "" : "    ") + lines[i] + "\n";
    if (i == 0 || starts_with(lines[i], "call: ") || starts_with(lines[i], "thread: ") ||
        starts_with(lines[i], "location: ") || starts_with(lines[i], "reach: "))
      head += (i == 0 ? "" : "    ") + lines[i] + "\n";
  }
  bool has_names = false;
  const std::vector<Frame> frames = frames_in(leak.record);
  for (std::size_t i = 0; i < frames.size() && i < leak.inner_frames; ++i) {
    const Names::Lines &known = names().of(frames[i]);
    if (is_around_test(known)) break;
    has_names |= !known.empty();
    if (known.empty()) stack += "    " + frames[i].place + "\n";
    for (std::size_t j = 0; j < known.size(); ++j) stack += "    " + known[j] + "\n";
  }
  return title + (has_names ? head + stack : whole);
}

inline std::string text_of(const Leaks &leaks) {
  const std::size_t most = 10;
  std::size_t blocks = 0, bytes = 0, shown = 0;
  std::vector<const Leak *> largest;
  for (Leaks::const_iterator at = leaks.begin(); at != leaks.end(); ++at) {
    blocks += at->second.blocks;
    bytes += at->second.bytes;
    largest.push_back(&at->second);
  }
  std::sort(largest.begin(), largest.end(), [](const Leak *a, const Leak *b) { return a->bytes > b->bytes; });
  std::string text = (is_lost_only() ? "lost: " : "leaked: ") + std::to_string(bytes) +
                     (bytes == 1 ? " byte in " : " bytes in ") + std::to_string(blocks) +
                     (blocks == 1 ? " block\n" : " blocks\n");
  for (; shown < largest.size() && shown < most; ++shown) text += text_of(*largest[shown]);
  if (shown < largest.size()) text += "and from " + std::to_string(largest.size() - shown) + " more places\n";
  return text;
}

/* Why nothing can be found; null when something can. */
inline const char *blind() {
  if (!&::leakdir_each_since) return "this program was linked without leakdir, or with -no-pie for libleakdir.so";
  if (is_lost_only() && !&::leakdir_lost_since) return "this leakdir cannot tell what is lost";
  if (*leakdir_dir() == '\0') return "leakdir is off";
  return leakdir_is_recording() ? nullptr : "leakdir's recording is paused";
}

/* The first of several runs, of which nothing is said. */
inline bool &is_warming_up() {
  static bool is_so = false;
  return is_so;
}

/* Of several runs one behind the first: the program was looked at since `base`. */
inline unsigned long &base() {
  static unsigned long mark = 0;
  return mark;
}
inline bool is_compared() { return base() != 0 && !is_warming_up(); }

/* True when leaks can be seen. When not, that is said, once. */
inline bool can_see() {
  static bool has_said = false;
  const char *const why = blind();
  if (why != nullptr && !has_said) {
    std::fprintf(stderr, "leakdir: %s: tests are NOT looked at for leaks\n", why);
    has_said = true;
  }
  return why == nullptr;
}

class Mark {
 public:
  Mark() : sees_(can_see()), mark_(0) {
    if (is_compared() && sees_) counts_since(base(), nullptr).swap(before_); /* now: it allocates */
    mark_ = leakdir_mark();
  }

  /* What was allocated since, and is no known leak, as a text; empty if nothing. */
  std::string leaks() const {
    if (is_warming_up() || !sees_ || !can_see()) return std::string();
    const Ignore ignore; /* of this walk; and names are kept for the next time */
    const void *const below = Walk().shared_with(walk_);
    Leaks leaks = leaks_since(mark_, is_compared() ? &before_ : nullptr, base(), below);
    if (!leaks.empty()) look_at(leaks);
    return leaks.empty() ? std::string() : text_of(leaks);
  }

  void expect_no_leaks(const char *file, int line, const char *what) const {
    const std::string text = leaks();
    if (!text.empty()) ADD_FAILURE_AT(file, line) << what << text;
  }

 private:
  bool sees_;
  Walk walk_;
  Counts before_;
  unsigned long mark_;
};

class Listener : public testing::EmptyTestEventListener {
 public:
  explicit Listener(bool warms_up) : warms_up_(warms_up), mark_(nullptr) {}
  ~Listener() override { delete mark_; }

  void OnTestProgramStart(const testing::UnitTest &) override { can_see(); }
  void OnTestIterationStart(const testing::UnitTest &, int iteration) override {
    is_warming_up() = warms_up_ && iteration == 0;
    if (is_warming_up()) base() = leakdir_mark();
  }
  void OnTestStart(const testing::TestInfo &) override {
    delete mark_;
    mark_ = nullptr;
    mark_ = new Mark();
  }
  void OnTestEnd(const testing::TestInfo &test) override {
    if (mark_ == nullptr || test.result()->Failed() || test.result()->Skipped()) return;
    const std::string text = mark_->leaks();
    if (!text.empty()) ADD_FAILURE_AT(test.file(), test.line()) << text;
  }

 private:
  Listener(const Listener &);
  Listener &operator=(const Listener &);
  bool warms_up_;
  Mark *mark_; /* since the test began */
};

/* The value of `name` among options as the sanitizers write them, "a=1:b=2"; empty if it is not there. */
inline std::string option_of(const char *options, const char *name) {
  std::string value;
  for (const char *at = options == nullptr ? "" : options; *at != '\0';) {
    const std::size_t length = std::strcspn(at, ": ,\t\n"), name_length = std::strlen(name);
    if (length > name_length && std::strncmp(at, name, name_length) == 0 && at[name_length] == '=')
      value.assign(at + name_length + 1, length - name_length - 1);
    at += length;
    at += std::strspn(at, ": ,\t\n");
  }
  return value;
}

/* InitGoogleTest has printed GoogleTest's own, and left the argument where it was. */
inline void print_help() {
  std::fputs(
      "\n"
      "leakdir, which lets a test fail that leaks:\n"
      "  --leakdir_lost\n"
      "      A test fails only for what it has lost (also LEAKDIR_LOST=1).\n"
      "  --leakdir_warm_up\n"
      "      Run each test twice; what the second run does not leave more of is forgiven.\n"
      "  --leakdir_suppressions=FILE\n"
      "      Known leaks, leak:PATTERN a line.\n",
      stdout);
}

} /* namespace gtest */

/* After InitGoogleTest. Takes --leakdir_lost, --leakdir_warm_up and --leakdir_suppressions=FILE out of the arguments.
 */
inline void install_gtest_listener(int *argc = nullptr, char **argv = nullptr) {
  static const char suppressions_flag[] = "--leakdir_suppressions=";
  const char *const lost = std::getenv("LEAKDIR_LOST");
  gtest::is_lost_only() = lost != nullptr && *lost != '\0' && std::strcmp(lost, "0") != 0;
  bool warms_up = false;
  for (int from = 1, to = 1; argc != nullptr && from <= *argc; ++from) {
    if (from < *argc && std::strcmp(argv[from], "--help") == 0) gtest::print_help();
    if (from < *argc && std::strcmp(argv[from], "--leakdir_warm_up") == 0) {
      warms_up = true;
      continue;
    }
    if (from < *argc && std::strcmp(argv[from], "--leakdir_lost") == 0) {
      gtest::is_lost_only() = true;
      continue;
    }
    if (from < *argc && gtest::starts_with(argv[from], suppressions_flag)) {
      gtest::suppressions().add_file(argv[from] + sizeof suppressions_flag - 1);
      continue;
    }
    argv[to++] = argv[from];
    if (from == *argc) *argc = to - 1;
  }
  const std::string sanitizers_file = gtest::option_of(std::getenv("LSAN_OPTIONS"), "suppressions");
  if (!sanitizers_file.empty()) gtest::suppressions().add_file(sanitizers_file);
  if (__lsan_default_suppressions && __lsan_default_suppressions() != nullptr)
    gtest::suppressions().add(__lsan_default_suppressions(), "__lsan_default_suppressions()");
#ifdef GTEST_FLAG_GET
  if (warms_up && GTEST_FLAG_GET(repeat) == 1) GTEST_FLAG_SET(repeat, 2);
#else
  if (warms_up && testing::GTEST_FLAG(repeat) == 1) testing::GTEST_FLAG(repeat) = 2;
#endif
  gtest::touch_gmock<0>();
  testing::UnitTest::GetInstance()->listeners().Append(new gtest::Listener(warms_up));
}

} /* namespace leakdir */

#define EXPECT_NO_LEAKS(...) LEAKDIR_GTEST_LOOK_(__COUNTER__, #__VA_ARGS__ "\n", __VA_ARGS__)
#define LEAKDIR_GTEST_LOOK_(number, text, ...) LEAKDIR_GTEST_LOOK_AS_(number, text, __VA_ARGS__)
#define LEAKDIR_GTEST_LOOK_AS_(number, text, ...)                    \
  do {                                                               \
    const ::leakdir::gtest::Mark leakdir_mark_##number;              \
    { __VA_ARGS__; }                                                 \
    leakdir_mark_##number.expect_no_leaks(__FILE__, __LINE__, text); \
  } while (false)

#endif
