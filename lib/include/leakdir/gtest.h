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
 * --leakdir_warm_up each test runs twice, and only the second run is looked at; so with --gtest_repeat.
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

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "leakdir.h"

/* Functions of GoogleTest's that keep what is allocated in them, by where they start. */
extern "C" {
__attribute__((weak)) void *_Unwind_FindEnclosingFunction(void *pc);
extern __attribute__((weak)) char __libc_single_threaded;
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

/* Blocks of one stack. */
struct Leak {
  std::size_t blocks, bytes;
  std::string record; /* of one of them */
};
typedef std::map<std::vector<const void *>, Leak> Leaks;

inline void note_leak(const leakdir_block *block, void *context) {
  if (is_kept_by_gtest(*block)) return;
  const std::vector<const void *> stack(block->frames, block->frames + block->frame_count);
  const Leak none = {0, 0, std::string()};
  Leak &leak = static_cast<Leaks *>(context)->insert(std::make_pair(stack, none)).first->second;
  if (leak.blocks++ == 0) leak.record = block->record;
  leak.bytes += block->size;
}

/* What is live and was allocated after the mark. Another thread may be about to free some of it. */
inline Leaks leaks_since(unsigned long mark) {
  const bool is_alone = &__libc_single_threaded != nullptr && __libc_single_threaded != 0;
  for (int looks = is_alone ? 1 : 100;; --looks) {
    Leaks leaks;
    leakdir_each_since(mark, note_leak, &leaks);
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

/* What the record's own command says, as far as GoogleTest's frames around the test. */
inline std::string names_by(const std::string &text, bool &is_test) {
  std::string names;
  char line[4096];
  const Command command(text + " 2>/dev/null");
  while (command.output() != nullptr && std::fgets(line, sizeof line, command.output()) != nullptr) {
    is_test = is_test && std::strstr(line, "testing::internal::Handle") == nullptr &&
              std::strstr(line, "testing::Test::Run()") == nullptr;
    if (is_test) names += std::string("    ") + line;
  }
  return names;
}

inline bool starts_with(const std::string &text, const char *beginning) {
  return text.compare(0, std::strlen(beginning), beginning) == 0;
}

/* The names, where addr2line knows some; else all that the record says. */
inline std::string text_of(const Leak &leak) {
  const std::string title = "  " + std::to_string(leak.bytes) + (leak.bytes == 1 ? " byte in " : " bytes in ") +
                            std::to_string(leak.blocks) + (leak.blocks == 1 ? " block: " : " blocks, the first: ");
  std::string whole, head, names;
  bool is_test = true;
  for (std::size_t at = 0, end; at < leak.record.size(); at = end + 1) {
    end = std::min(leak.record.find('\n', at), leak.record.size());
    const std::string line = leak.record.substr(at, end - at);
    static const char command[] = "addr2line: ";
    if (starts_with(line, command) && is_test) names += names_by(line.substr(sizeof command - 1), is_test);
    whole += (at == 0 ? "" : "    ") + line + "\n";
    if (at == 0 || starts_with(line, "call: ") || starts_with(line, "thread: ") || starts_with(line, "location: "))
      head += (at == 0 ? "" : "    ") + line + "\n";
  }
  const bool has_names = names.find_first_not_of(" ?:0\n") != std::string::npos;
  return title + (has_names ? head + names : whole);
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
  std::string text = "leaked: " + std::to_string(bytes) + (bytes == 1 ? " byte in " : " bytes in ") +
                     std::to_string(blocks) + (blocks == 1 ? " block\n" : " blocks\n");
  for (; shown < largest.size() && shown < most; ++shown) text += text_of(*largest[shown]);
  if (shown < largest.size()) text += "and from " + std::to_string(largest.size() - shown) + " more places\n";
  return text;
}

/* Why nothing can be found; null when something can. */
inline const char *blind() {
  if (!&::leakdir_each_since) return "this program was linked without leakdir, or with -no-pie for libleakdir.so";
  if (*leakdir_dir() == '\0') return "leakdir is off";
  return leakdir_is_recording() ? nullptr : "leakdir's recording is paused";
}

/* The first of several runs, of which nothing is said. */
inline bool &is_warming_up() {
  static bool is_so = false;
  return is_so;
}

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
  Mark() : sees_(can_see()), mark_(leakdir_mark()) {}

  void expect_no_leaks(const char *file, int line, const char *what) const {
    if (is_warming_up() || !sees_ || !can_see()) return;
    const Leaks leaks = leaks_since(mark_);
    if (!leaks.empty()) ADD_FAILURE_AT(file, line) << what << text_of(leaks);
  }

 private:
  bool sees_;
  unsigned long mark_;
};

class Listener : public testing::EmptyTestEventListener {
 public:
  explicit Listener(bool warms_up) : warms_up_(warms_up), mark_(0), sees_(false) {}

  void OnTestProgramStart(const testing::UnitTest &) override { can_see(); }
  void OnTestIterationStart(const testing::UnitTest &, int iteration) override {
    is_warming_up() = warms_up_ && iteration == 0;
  }
  void OnTestStart(const testing::TestInfo &) override {
    sees_ = can_see();
    mark_ = leakdir_mark();
  }
  void OnTestEnd(const testing::TestInfo &test) override {
    if (is_warming_up() || !sees_ || !can_see()) return;
    if (test.result()->Failed() || test.result()->Skipped()) return;
    const Leaks leaks = leaks_since(mark_);
    if (!leaks.empty()) ADD_FAILURE_AT(test.file(), test.line()) << text_of(leaks);
  }

 private:
  bool warms_up_;
  unsigned long mark_;
  bool sees_;
};

} /* namespace gtest */

/* After InitGoogleTest. Takes --leakdir_warm_up out of the arguments. */
inline void install_gtest_listener(int *argc = nullptr, char **argv = nullptr) {
  bool warms_up = false;
  for (int from = 1, to = 1; argc != nullptr && from <= *argc; ++from) {
    if (from < *argc && std::strcmp(argv[from], "--leakdir_warm_up") == 0) {
      warms_up = true;
      continue;
    }
    argv[to++] = argv[from];
    if (from == *argc) *argc = to - 1;
  }
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
