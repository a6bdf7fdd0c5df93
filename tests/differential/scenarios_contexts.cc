// SPDX-License-Identifier: BSL-1.0
//
// Stacks that are not the thread's own, and code that the tables do not know.

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "assembly.hh"
#include "both_walks.hh"
#include "scenarios.hh"

extern "C" {
void __register_frame(void* begin);
void __deregister_frame(void* begin);
}

namespace differential {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;

[[gnu::noinline]] int down(int depth) {
  compare();
  const int result = depth == 0 ? 0 : kept(down(depth - 1)) + 1;
  if (depth % 4 == 0) delete new int(depth);
  return result;
}

void go_down() { down(6); }

void handler(int) { down(5); }

void on_signal(void (*run)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = run;
  action.sa_flags = flags;
  sigaction(SIGUSR1, &action, nullptr);
}

void raise_at(int depth) {
  if (depth > 0) {
    raise_at(depth - 1);
  } else {
    raise(SIGUSR1);
  }
  compare();
}

void handler_that_raises(int number) {
  static int nested;
  if (nested++ == 0) {
    down(2);
    raise(number);
  } else {
    down(3);
  }
  --nested;
}

// As programs that do without the C library set a handler: the return has no table.
void on_signal_with_own_return() {
#if !defined(__riscv)
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  } action = {handler, 0x04000000 /* SA_RESTORER */, return_from_signal, 0};
  syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, sizeof action.mask);
#endif
}

class Stack {
 public:
  explicit Stack(std::size_t bytes, void* at = nullptr)
      : bytes_(bytes),
        base_(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at != nullptr ? MAP_FIXED : 0), -1,
                   0)) {
    if (base_ == MAP_FAILED) abort();
  }
  ~Stack() { munmap(base_, bytes_); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  void* base() const { return base_; }
  void* top() const { return static_cast<char*>(base_) + bytes_; }

 private:
  std::size_t bytes_;
  void* base_;
};

// ---- Coroutines -----

ucontext_t g_main_context;
ucontext_t g_contexts[3];

[[gnu::noinline]] void yield_at(int self, int depth) {
  if (depth > 0) {
    yield_at(self, depth - 1);
    compare();
    return;
  }
  compare();
  swapcontext(&g_contexts[self], &g_main_context);
  compare();
}

void coroutine(int self) {
  for (int round = 0; round < 6; ++round) {
    yield_at(self, round + self);
    std::string text(static_cast<std::size_t>(60 + round), 'y');
    asm volatile("" ::"r"(text.data()) : "memory");
  }
}

void make(int self, void* base, std::size_t bytes) {
  getcontext(&g_contexts[self]);
  g_contexts[self].uc_stack.ss_sp = base;
  g_contexts[self].uc_stack.ss_size = bytes;
  g_contexts[self].uc_link = &g_main_context;
  makecontext(&g_contexts[self], reinterpret_cast<void (*)()>(coroutine), 1, self);
}

}  // namespace

void signal_handlers() {
  for (int flags : {0, SA_SIGINFO, SA_NODEFER}) {
    on_signal(handler, flags);
    for (int depth = 0; depth < 8; ++depth) raise_at(depth);
  }
  on_signal(handler_that_raises, SA_NODEFER);
  raise_at(3);
  on_signal_with_own_return();
  raise_at(3);
  on_signal(SIG_DFL, 0);
}

void alternate_stack() {
  Stack stack(kStackBytes);
  stack_t alternate = {};
  alternate.ss_sp = stack.base();
  alternate.ss_size = kStackBytes;
  sigaltstack(&alternate, nullptr);
  on_signal(handler, SA_ONSTACK);
  for (int depth = 0; depth < 8; ++depth) raise_at(depth);
  on_signal(handler_that_raises, SA_ONSTACK | SA_NODEFER);
  raise_at(2);
  on_signal(SIG_DFL, 0);
  alternate.ss_flags = SS_DISABLE;
  sigaltstack(&alternate, nullptr);
}

void interrupted_anywhere() {
  // A prologue or an epilogue may be under way when the signal comes.
  struct sigaction action = {};
  action.sa_handler = [](int) { compare_here(); };
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval interval = {{0, 300}, {0, 300}};
  setitimer(ITIMER_REAL, &interval, nullptr);
  auto* const compared = g_compare;
  g_compare = [] {};
  for (int i = 0; i < 20; ++i) random_calls();
  const itimerval none = {};
  setitimer(ITIMER_REAL, &none, nullptr);
  g_compare = compared;
  signal(SIGALRM, SIG_DFL);
}

void coroutines() {
  Stack mapped(kStackBytes);
  const std::unique_ptr<char[]> on_heap(new char[kStackBytes]);
  alignas(16) static char in_program[kStackBytes];
  make(0, mapped.base(), kStackBytes);
  make(1, on_heap.get(), kStackBytes);
  make(2, in_program, kStackBytes);
  for (int round = 0; round < 7; ++round) {
    for (auto& context : g_contexts) {
      if (round < 6) swapcontext(&g_main_context, &context);
      down(round);
    }
  }

  for (std::size_t offset : {std::size_t{0}, std::size_t{4096}, std::size_t{16}}) {
    void* const top = static_cast<char*>(mapped.top()) - offset;
    for (int round = 0; round < 3; ++round) {
      start_on_stack(go_down, top);
      call_on_stack(go_down, top);
    }
  }
}

void released_coroutine_stacks() {
  // The upper half goes away and comes back: what was found out about it does not hold any more, and frames that were
  // walked there are gone.
  for (int round = 0; round < 20; ++round) {
    Stack large(kStackBytes);
    void* const middle = static_cast<char*>(large.base()) + kStackBytes / 2;
    start_on_stack([] { down(40); }, large.top());
    mprotect(middle, kStackBytes / 2, PROT_NONE);
    start_on_stack([] { down(3); }, middle);
    start_on_stack([] { down(40); }, middle);
    munmap(middle, kStackBytes / 2);
    start_on_stack([] { down(41); }, middle);
    Stack upper(kStackBytes / 2, middle);
    start_on_stack([] { down(40); }, upper.top());
  }
}

void assembly_without_tables() {
  for (int round = 0; round < 3; ++round) {
    for (auto* call : {call_without_tables, call_with_wild_fp, call_with_known_wild_fp, call_with_frame_in_another,
                       call_with_fp_in_another, call_outermost}) {
      call(go_down);
      call([] { call_with_known_wild_fp(go_down); });
      call([] { call_without_tables(go_down); });
    }
  }
}

namespace {

#if defined(__aarch64__)
// stp x29,x30,[sp,#-16]!; mov x29,sp; blr x0; ldp x29,x30,[sp],#16; ret
constexpr uint32_t kCode[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
// stp x29,x30,[sp,#-32]!; blr x0; ldp x29,x30,[sp],#32; ret
constexpr uint32_t kOther[] = {0xa9be7bfd, 0xd63f0000, 0xa8c27bfd, 0xd65f03c0};
// Factors 4 and -8, return address in x30, frame at sp; and what the two do to it.
constexpr uint8_t kCommon[16] = {1, 0, 4, 0x78, 30, 0x0c, 31, 0};
constexpr uint8_t kWithFp[8] = {0x0e, 16, 0x9d, 2, 0x9e, 1, 0x0d, 29};
constexpr uint8_t kWithSp[8] = {0x0e, 32, 0x9d, 4, 0x9e, 3};
#elif defined(__riscv)
// addi sp,sp,-16; sd ra,8(sp); sd s0,0(sp); mv s0,sp; jalr a0; ld ra,8(sp); ld s0,0(sp); addi sp,sp,16; ret
constexpr uint32_t kCode[] = {0xff010113, 0x00113423, 0x00813023, 0x00010413, 0x000500e7,
                              0x00813083, 0x00013403, 0x01010113, 0x00008067};
// addi sp,sp,-32; sd ra,24(sp); jalr a0; ld ra,24(sp); addi sp,sp,32; ret
constexpr uint32_t kOther[] = {0xfe010113, 0x00113c23, 0x000500e7, 0x01813083, 0x02010113, 0x00008067};
// Factors 1 and -8, return address in ra, frame at sp; and what the two do to it.
constexpr uint8_t kCommon[16] = {1, 0, 1, 0x78, 1, 0x0c, 2, 0};
constexpr uint8_t kWithFp[8] = {0x0e, 16, 0x88, 2, 0x81, 1, 0x0d, 8};
constexpr uint8_t kWithSp[8] = {0x0e, 32, 0x81, 1};
#else
// push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret
constexpr unsigned char kCode[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
// sub $24,%rsp; call *%rdi; add $24,%rsp; ret
constexpr unsigned char kOther[] = {0x48, 0x83, 0xec, 0x18, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x18, 0xc3};
// Factors 1 and -8, return address in 16, frame at rsp + 8; and what the two do to it.
constexpr uint8_t kCommon[16] = {1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1};
constexpr uint8_t kWithFp[8] = {0x0e, 16, 0x86, 2, 0x0d, 6};
constexpr uint8_t kWithSp[8] = {0x0e, 32};
#endif

}  // namespace

void made_at_run_time() {
  auto* const code = static_cast<unsigned char*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (code == MAP_FAILED) return;  // hardened systems forbid such pages
  const auto call = reinterpret_cast<void (*)(void (*)())>(code);

  // A common entry and one for the code.
  struct [[gnu::packed]] {
    uint32_t cie_length = 20, cie_id = 0;
    uint8_t cie[16];
    uint32_t fde_length = 28, fde_cie = 28;
    uint64_t begin = 0, bytes = 64;
    uint8_t instructions[8] = {};
    uint32_t end = 0;
  } table;
  memcpy(table.cie, kCommon, sizeof kCommon);
  table.begin = reinterpret_cast<uintptr_t>(code);
  const auto put = [code](const void* bytes, std::size_t size) {
    memcpy(code, bytes, size);
    __builtin___clear_cache(reinterpret_cast<char*>(code), reinterpret_cast<char*>(code) + size);
  };
  for (int round = 0; round < 3; ++round) {
    put(kCode, sizeof kCode);
    call(go_down);
    memcpy(table.instructions, kWithFp, sizeof kWithFp);
    __register_frame(&table);
    call(go_down);
    __deregister_frame(&table);
    call(go_down);
    put(kOther, sizeof kOther);
    memcpy(table.instructions, kWithSp, sizeof kWithSp);
    __register_frame(&table);
    call(go_down);
    __deregister_frame(&table);
  }
  munmap(code, 4096);
}

}  // namespace differential
