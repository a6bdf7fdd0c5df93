// SPDX-License-Identifier: BSL-1.0
//
// held_up HOW: a system call of leakdir's own takes its time. A filter (seccomp) makes a signal of it, and the handler
// is in the very middle of a hook then.
//   growth: the ledger grows, and the handler allocates.
//   hangs:  one thread's growth does not end; another one allocates.
//   child:  a forked child, whose parent has ended, starts: it says `held pid=PID`, and waits for a file `go`.
//   flush:  leakdir_flush() makes the first file, and the handler ends the program.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "expect.h"

void leakdir_flush(void);

static const char* how;
static volatile int held;
static pid_t parent;

static void on_call(int signal, siginfo_t* info, void* context) {
  char text[40];
  (void)signal;
  (void)info;
  ++held;
  if (strcmp(how, "growth") == 0) MUST((sink = malloc(24)) != NULL);
  while (strcmp(how, "hangs") == 0) pause();
  // The file is there, and who owns it is not said in it yet.
  if (strcmp(how, "child") == 0 && held == 1) {
    while (getppid() == parent) usleep(1000);
    snprintf(text, sizeof text, "held pid=%d\n", (int)getpid());
    say(text);
    while (access("go", F_OK) != 0) usleep(1000);
  }
  if (strcmp(how, "flush") == 0 && held == 1) exit(7);
  // As where there is no such call: there is always another way.
  const long result = strcmp(how, "flush") == 0 ? -ENOSYS : -EOPNOTSUPP;
#if defined(__x86_64__)
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RAX] = result;
#else
  ((ucontext_t*)context)->uc_mcontext.regs[0] = (unsigned long long)result;
#endif
}

static void hold_up(unsigned call) {
  struct sigaction action = {0};
  action.sa_sigaction = on_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  MUST(sigaction(SIGSYS, &action, NULL) == 0);
  struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog filter = {sizeof code / sizeof *code, code};
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static void allocate(int count) {
  for (int i = 0; i < count; ++i) MUST((sink = malloc(40)) != NULL);
}

static void* hang(void* unused) {
  hold_up(SYS_fallocate);
  for (;;) allocate(1);
  return unused;
}

static NOINLINE void leak(size_t size) { sink = malloc(size); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  how = argv[1];
  leak(8201);
  if (strcmp(how, "growth") == 0) {
    hold_up(SYS_fallocate);
    allocate(300000);
    MUST(held > 20);
    _exit(0);
  }
  if (strcmp(how, "hangs") == 0) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, hang, NULL) == 0);
    while (!held) usleep(1000);
    allocate(170);  // more than there is room for
    _exit(0);
  }
  if (strcmp(how, "child") == 0) {
    hold_up(SYS_fallocate);
    parent = getpid();
    const pid_t child = fork();
    MUST(child >= 0);
    if (child != 0) _exit(0);
    leak(8203);
    MUST(held >= 1);
    leak(8205);
    return 0;
  }
  MUST(strcmp(how, "flush") == 0);
  hold_up(SYS_prlimit64);
  leakdir_flush();
  return 0;
}
