// SPDX-License-Identifier: BSL-1.0
//
// sandboxed CALLS ACTION WORK END: a program that locks itself in. From its main on it may make the system calls that
// it and malloc need (CALLS is `own`), with `usual` also some that about every sandbox allows, with `leakdirs` those
// that lib/README.md lists, and with `openssh` those of the sandbox in OpenSSH's server, which may not open a file nor
// ask for its status and is told so (EACCES); every other one kills it or fails with EPERM (ACTION is `kill` or
// `errno`). WORK is `few` blocks, the same `deep` down a stack that was never so deep before, `many`, as many after a
// while (`late`), or as many while `paused`; END is `_exit` or `return`.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "../../lib/system/call_numbers.hh"
#include "expect.h"

__attribute__((weak)) void leakdir_stop(void);

static const unsigned own[] = {SYS_read,    SYS_write,           SYS_brk,  SYS_mmap,       SYS_munmap,      SYS_mremap,
                               SYS_madvise, SYS_clock_nanosleep, SYS_exit, SYS_exit_group, SYS_rt_sigreturn};
static const unsigned usual[] = {SYS_rt_sigprocmask, SYS_futex, SYS_getpid, SYS_gettid};
static const unsigned leakdirs[] = {SYS_openat,
                                    SYS_openat2,
                                    SYS_newfstatat,
                                    SYS_statx,
                                    SYS_prlimit64,
                                    SYS_fallocate,
                                    SYS_pwrite64,
                                    SYS_close,
                                    SYS_unlinkat,
                                    SYS_fchmod,
                                    SYS_fcntl,
                                    SYS_writev,
                                    SYS_rt_sigprocmask,
                                    SYS_rt_sigpending,
                                    SYS_rt_sigtimedwait,
                                    SYS_futex,
                                    SYS_membarrier,
                                    SYS_getpid,
                                    SYS_gettid,
                                    SYS_tgkill,
                                    SYS_prctl,
                                    SYS_msync,
                                    SYS_clone,
                                    SYS_close_range,
                                    SYS_umask,
                                    SYS_geteuid,
                                    SYS_getdents64,
                                    SYS_sched_yield,
                                    SYS_process_vm_readv,
                                    SYS_fstatfs,
                                    SYS_clock_gettime,
                                    SYS_pread64,
                                    SYS_linkat};

static const unsigned openssh[] = {SYS_clock_gettime, SYS_close,     SYS_futex,  SYS_geteuid,        SYS_getpgid,
                                   SYS_getpid,        SYS_getrandom, SYS_gettid, SYS_getuid,         SYS_gettimeofday,
                                   SYS_mprotect,      SYS_nanosleep, SYS_ppoll,  SYS_rt_sigprocmask, SYS_pselect6,
                                   SYS_writev,        SYS_shutdown};
static const unsigned openssh_refuses[] = {SYS_fstat, SYS_openat, SYS_newfstatat, SYS_shmget,
                                           SYS_shmat, SYS_shmdt,  SYS_statx};

static struct sock_filter code[200];
static unsigned short length;

static void add(struct sock_filter instruction) { code[length++] = instruction; }

static void answer(const unsigned* calls, size_t count, unsigned with) {
  for (size_t i = 0; i < count; ++i) {
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1));
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, with));
  }
}
static void allow(const unsigned* calls, size_t count) { answer(calls, count, SECCOMP_RET_ALLOW); }

static void lock_in(const char* calls, int kills) {
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  allow(own, sizeof own / sizeof *own);
  if (strcmp(calls, "usual") == 0) allow(usual, sizeof usual / sizeof *usual);
  if (strcmp(calls, "leakdirs") == 0) allow(leakdirs, sizeof leakdirs / sizeof *leakdirs);
  if (strcmp(calls, "openssh") == 0) {
    allow(openssh, sizeof openssh / sizeof *openssh);
    answer(openssh_refuses, sizeof openssh_refuses / sizeof *openssh_refuses, SECCOMP_RET_ERRNO | EACCES);
  }
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, kills ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM));
  const struct sock_fprog filter = {length, code};
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static void* blocks[5000];
static NOINLINE void work(int count) {
  for (int i = 0; i < count; ++i) MUST((blocks[i] = malloc(100 + (size_t)i % 50)) != NULL);
  for (int i = 0; i < count; ++i) free(blocks[i]);
}

static NOINLINE void deep_work(void) {
  volatile char room[200 << 10];
  room[0] = 1;
  work(50);
  room[1] = room[0];
}

static NOINLINE void leak(void) { LEAK(malloc, 9001, malloc(9001)); }

int main(int argc, char** argv) {
  MUST(argc == 5);
  const int paused = strcmp(argv[3], "paused") == 0;
  work(10);
  if (paused && leakdir_stop != NULL) leakdir_stop();
  lock_in(argv[1], strcmp(argv[2], "kill") == 0);
  leak();
  const struct timespec time = {0, 60000000};  // for what is written behind, and for whoever sees the filter
  if (strcmp(argv[3], "late") == 0) nanosleep(&time, NULL);
  if (strcmp(argv[3], "deep") == 0) {
    deep_work();
  } else {
    work(strcmp(argv[3], "few") == 0 ? 50 : 5000);
  }
  nanosleep(&time, NULL);
  if (strcmp(argv[4], "_exit") == 0) _exit(0);
  return 0;
}
