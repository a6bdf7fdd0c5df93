/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir without its object: what leakdir/trace.h calls where LEAKDIR_ALONE is defined. Plain C99 and POSIX, on any
 * libc and processor, for compilers without unwind tables: one source file, compiled with the program.
 *
 *   cc -DLEAKDIR_ALONE -include leakdir/trace.h app.c leakdir_trace.c
 *
 * (A C++ program compiles it with a C compiler and links it.)
 *
 * Every block that a source with the header allocates is a file DIR/0x<address>.mem at once, and its file is gone when
 * such a source frees it: `leakdir report DIR` reads them. Against the object: there is one frame and no ledger,
 * `write` is always sync, and what is allocated elsewhere (in libc, by operator new, in libraries) is not recorded. A
 * block that is allocated here and freed there keeps its file, so compile all that shares blocks with the header. A
 * freed block is kept from its libc for a while (at most kKept of them, and kKeptBytes), so that a second free of it is
 * told for certain.
 *
 * Where leakdir.o or libleakdir.so is in the process too (`leakdir run`), that one records, and this file hands on.
 *
 * The forms of the record and of the messages are those of lib/shared/record.hh and lib/system/messages.hh; a test
 * compares.
 */
#ifdef __cplusplus
#error "this file is C: compile it with a C compiler (cc -c leakdir_trace.c) and link leakdir_trace.o"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#ifdef __linux__
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* The C library's own, whatever the names mean here: this file too may be compiled with -include leakdir/trace.h. */
extern void *libc_malloc(size_t) __asm__("malloc");
extern void *libc_calloc(size_t, size_t) __asm__("calloc");
extern void *libc_realloc(void *, size_t) __asm__("realloc");
extern int libc_posix_memalign(void **, size_t, size_t) __asm__("posix_memalign");
extern void *libc_aligned_alloc(size_t, size_t) __asm__("aligned_alloc");
extern void *libc_memalign(size_t, size_t) __asm__("memalign");
extern void libc_free(void *) __asm__("free");

/* Who calls: to be used in the very function that the program calls. */
struct from {
  uintptr_t caller, frame;
};
#define FROM caller_is((uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0))
static struct from caller_is(uintptr_t caller, uintptr_t frame) {
  struct from result;
  result.caller = caller;
  result.frame = frame;
  return result;
}

enum { kPath = 1024, kBuckets = 1 << 14, kKept = 256, kKeptBlock = 1 << 16, kKeptBytes = 1 << 20, kTries = 100000 };

/* ---- Options: those of lib/shared/options.inc that mean something here. ---- */

struct option {
  const char *name;
  unsigned long long value, lowest, highest;
  const char *meaning;
};
enum { kEnabled, kRecording, kMaxFiles, kExitcode, kMinSize, kSummary, kChildren, kHelp, kNumbers };
static struct option numbers[kNumbers] = {
    {"enabled", 1, 0, 1, "0: nothing is created, calls are forwarded"},
    {"recording", 1, 0, 1, "0: armed but paused, until leakdir_start()"},
    {"max_files", 100000, 0, 1000000000, "no more record files than this; what is beyond is counted only"},
    {"exitcode", 0, 0, 255, "exit status when live blocks remain at a normal exit; 0: the program's own"},
    {"min_size", 0, 0, UINT64_MAX, "smaller blocks (bytes) are not recorded"},
    {"summary", 1, 0, 1, "one line on stderr at exit if something is live or a bad free was seen"},
    {"children", 1, 0, 1, "0: forked children are not recorded"},
    {"help", 0, 0, 1, "1: print this table at start"},
};
static char dir_pattern[kPath] = "./mem";
static const char dir_meaning[] = "record directory; %p: pid, %e: program name, %%: %";
static int abort_on_bad_free;
static const char bad_free_meaning[] = "report: say it and go on; abort: say it and stop";
/* Known, and the same whatever they say: there is one way to write and one frame here. */
static const char *const without_effect[] = {"write", "delay_ms", "unwind", "depth", "libc"};

const char *leakdir_default_options(void) __attribute__((weak));

/* Standard error as it was at start: what has its number later is the program's own. */
static struct stat stderr_at_start;
static int has_stderr, stderr_was_log;

static int is_log(const struct stat *status) {
  const int flags = fcntl(2, F_GETFL);
  return S_ISREG(status->st_mode) && flags >= 0 && (flags & O_APPEND) != 0;
}

static void remember_stderr(void) {
  has_stderr = fstat(2, &stderr_at_start) == 0;
  stderr_was_log = has_stderr && is_log(&stderr_at_start);
}

/* Where it was a log, another log is the next one of the same. */
static int is_stderr_there(void) {
  struct stat now;
  if (!has_stderr || fstat(2, &now) != 0) return 0;
  if (now.st_dev == stderr_at_start.st_dev && now.st_ino == stderr_at_start.st_ino) return 1;
  return stderr_was_log && is_log(&now);
}

/* A pipe that nobody reads, or a limit of file sizes, ends no program: the signal is taken back. */
static int write_quietly(int file, const char *text, size_t bytes) {
  const struct timespec at_once = {0, 0};
  sigset_t both, before, pending;
  ssize_t wrote;
  int error;
  sigemptyset(&both);
  sigaddset(&both, SIGPIPE);
  sigaddset(&both, SIGXFSZ);
  sigprocmask(SIG_BLOCK, &both, &before);
  sigpending(&pending);
  if (sigismember(&pending, SIGPIPE)) sigdelset(&both, SIGPIPE);
  if (sigismember(&pending, SIGXFSZ)) sigdelset(&both, SIGXFSZ);
  wrote = write(file, text, bytes);
  error = wrote == (ssize_t)bytes ? 0 : wrote < 0 ? errno : ENOSPC;
  if (error == EPIPE || error == EFBIG) sigtimedwait(&both, NULL, &at_once);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return error;
}

/* The program's stacks may be small (16 KiB are a thread's least, and the libc's printf takes some of it): whatever
 * holds a path or a text lies in the libc's heap, or is static where one thread alone comes. */
static void say(const char *format, ...) {
  const size_t room = 4 * kPath;
  char *line;
  va_list arguments;
  int bytes;
  if (!is_stderr_there() || (line = libc_malloc(room)) == NULL) return;
  bytes = snprintf(line, room, "leakdir: ");
  va_start(arguments, format);
  bytes += vsnprintf(line + bytes, room - (size_t)bytes - 1, format, arguments);
  va_end(arguments);
  if (bytes > (int)room - 2) bytes = (int)room - 2;
  line[bytes++] = '\n';
  write_quietly(2, line, (size_t)bytes);
  libc_free(line);
}

static int is(const char *text, size_t bytes, const char *word) {
  return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

static int set_number(struct option *option, const char *value, size_t bytes) {
  unsigned long long number = 0;
  size_t i;
  for (i = 0; i < bytes; ++i) {
    const unsigned digit = (unsigned)(value[i] - '0');
    if (digit > 9 || number > (UINT64_MAX - digit) / 10) return 0;
    number = number * 10 + digit;
  }
  if (bytes == 0 || number < option->lowest || number > option->highest) return 0;
  option->value = number;
  return 1;
}

static void trim(const char **text, size_t *bytes) {
  while (*bytes != 0 && strchr(" \t\r", (*text)[0]) != NULL) ++*text, --*bytes;
  while (*bytes != 0 && strchr(" \t\r", (*text)[*bytes - 1]) != NULL) --*bytes;
}

static void apply(const char *setting, size_t bytes, const char *source, unsigned line) {
  const char *value = memchr(setting, '=', bytes);
  size_t key_bytes = value != NULL ? (size_t)(value - setting) : bytes;
  size_t value_bytes = value != NULL ? bytes - key_bytes - 1 : 0;
  static char where[kPath + 16];
  int known = 0, good = 0;
  size_t i;
  if (value != NULL) ++value;
  trim(&setting, &key_bytes);
  if (value != NULL) trim(&value, &value_bytes);
  if (key_bytes == 0 && value == NULL) return;
  if (value_bytes >= 2 && (value[0] == '"' || value[0] == '\'') && value[value_bytes - 1] == value[0]) {
    ++value;
    value_bytes -= 2;
  }
  for (i = 0; i < kNumbers; ++i) {
    if (!is(setting, key_bytes, numbers[i].name)) continue;
    known = 1;
    good = set_number(&numbers[i], value, value_bytes);
  }
  if (is(setting, key_bytes, "dir")) {
    known = 1;
    good = value_bytes > 0 && value_bytes < sizeof dir_pattern;
    if (good) {
      memcpy(dir_pattern, value, value_bytes);
      dir_pattern[value_bytes] = '\0';
    }
  }
  if (is(setting, key_bytes, "on_bad_free")) {
    known = 1;
    good = is(value, value_bytes, "report") || is(value, value_bytes, "abort");
    if (good) abort_on_bad_free = value[0] == 'a';
  }
  for (i = 0; i < sizeof without_effect / sizeof *without_effect; ++i) {
    if (is(setting, key_bytes, without_effect[i])) known = good = 1;
  }
  if (good) return;
  if (line != 0) {
    snprintf(where, sizeof where, "%s:%u", source, line);
  } else {
    snprintf(where, sizeof where, "%s", source);
  }
  if (!known) {
    say("%s: unknown option '%.*s': ignored (help=1 lists them)", where, (int)key_bytes, setting);
  } else {
    say("%s: bad value '%.*s' for %.*s: the default holds", where, (int)value_bytes, value, (int)key_bytes, setting);
  }
}

/* "key=value:key=value"; a value with a ':' in it stands in quotes. */
static void apply_list(const char *text, const char *source) {
  while (*text != '\0') {
    char quote = '\0';
    size_t bytes = 0;
    for (; text[bytes] != '\0' && (quote != '\0' || text[bytes] != ':'); ++bytes) {
      const char c = text[bytes];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if ((c == '\'' || c == '"') && bytes != 0 && text[bytes - 1] == '=') {
        quote = c;
      }
    }
    apply(text, bytes, source, 0);
    text += bytes;
    if (*text == ':') ++text;
  }
}

/* The whole file, as far as there is room. A pipe of that name must not make the program wait. */
static ssize_t read_config(const char *path, int is_named, char *text, size_t room) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status, link;
  ssize_t got = 0, used = 0;
  if (file < 0) {
    if (is_named) say("cannot read %s (error %d): it is ignored", path, errno);
    return -1;
  }
  if (!is_named &&
      (fstat(file, &status) != 0 || lstat(path, &link) != 0 || !S_ISREG(status.st_mode) ||
       (status.st_uid != 0 && status.st_uid != geteuid()) || (link.st_uid != 0 && link.st_uid != geteuid()))) {
    say("%s is another user's, or no file: it is ignored (LEAKDIR_CONFIG=%s reads it)", path, path);
    close(file);
    return -1;
  }
  while ((size_t)used < room && (got = read(file, text + used, room - (size_t)used)) > 0) used += got;
  if (got < 0) say("cannot read %s (error %d): it is ignored", path, errno);
  close(file);
  return got < 0 ? -1 : used;
}

static void apply_file(const char *named) {
  static char text[1 << 14];
  const char *const path = named != NULL ? named : "./leakdir.conf";
  const ssize_t got = read_config(path, named != NULL, text, sizeof text);
  char *at = text;
  unsigned line = 1;
  if (got < 0) return;
  if ((size_t)got == sizeof text) {
    say("%s is larger than %lu bytes: it is ignored", path, (unsigned long)sizeof text - 1);
    return;
  }
  text[got] = '\0';
  for (; *at != '\0'; ++line) {
    const size_t bytes = strcspn(at, "\n");
    const size_t comment = strcspn(at, "#\n");
    apply(at, comment, path, line);
    at += bytes;
    if (*at == '\n') ++at;
  }
}

static void print_help(void) {
  size_t i;
  say("options, as LEAKDIR_OPTIONS=\"key=value:key=value\" or as lines `key = value` of leakdir.conf:");
  for (i = 0; i < kNumbers; ++i) say("%-11s %-9llu %s", numbers[i].name, numbers[i].value, numbers[i].meaning);
  say("%-11s %-9s %s", "dir", dir_pattern, dir_meaning);
  say("%-11s %-9s report|abort: %s", "on_bad_free", abort_on_bad_free ? "abort" : "report", bad_free_meaning);
}

/* ---- State. One lock, that is only tried: a signal handler or a forked child may find it taken for good. ---- */

struct block {
  struct block *next;
  void *address;
  size_t size;
  uintptr_t caller;
  int has_file;
};
struct kept_block { /* freed, and not yet libc's */
  void *address;
  size_t size;
  uintptr_t caller, freed_by;
};

static int lock_word;
static struct block *buckets[kBuckets];
static struct kept_block kept[kKept];
static unsigned next_kept;
static size_t kept_bytes;
static unsigned long long live_blocks, live_bytes, files, bad_frees, sequence;

enum { kNotYet, kStarting, kOn, kOff };
static int state = kNotYet;
static struct stat root; /* of the process that started: a child may live in another */
static int has_started;  /* in this process, or in the one that it was forked from */
static int paused;
static pid_t owner;
static char *mark; /* two bytes, 1 in the memory of the owner and 0 in a forked child's: taken over, and settled. NULL:
                       the kernel has no such page */
static char base[2 * kPath], dir[2 * kPath + 32], shown[kPath + 32], program[kPath];
static char build_id[128];

/* Where the next allocation stands: the last that was said, and the one before, as an argument of a call may be an
 * allocation itself. As in the object (lib/track/tracker.cc). */
struct place {
  const char *file; /* NULL: none */
  int line, call;
  size_t factor;
  uintptr_t frame;
};
static __thread struct place places[2];
static __thread int busy; /* in here already: what is called now is our own, or a handler's */

/* malloc is no point where a thread is cancelled; open() and write() are. Some systems do not know of it. */
#ifdef PTHREAD_CANCEL_DISABLE
#if defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 34 /* in a library of its own */
#pragma weak pthread_setcancelstate
#define HAS_CANCEL (pthread_setcancelstate != NULL)
#else
#define HAS_CANCEL 1
#endif
static __thread int cancel_state;
static void forbid_cancel(void) {
  if (HAS_CANCEL) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
}
static void allow_cancel(int state_before) {
  int ignored;
  if (HAS_CANCEL) pthread_setcancelstate(state_before, &ignored);
}
#else
enum { cancel_state };
static void forbid_cancel(void) {}
static void allow_cancel(int state_before) { (void)state_before; }
#endif

static int take_lock(void) {
  int tries;
  for (tries = 0; tries < kTries; ++tries) {
    if (!__atomic_test_and_set(&lock_word, __ATOMIC_ACQUIRE)) return 1;
    sched_yield();
  }
  return 0;
}
static void give_lock(void) { __atomic_clear(&lock_word, __ATOMIC_RELEASE); }

static struct block **bucket_of(const void *address) {
  return &buckets[((uintptr_t)address >> 4 ^ (uintptr_t)address >> 18) % kBuckets];
}

/* ---- The directory. Made while there is one thread to do it: paths are static. ---- */

static int has_record_name(const char *name) {
  const size_t bytes = strlen(name);
  return strncmp(name, "0x", 2) == 0 && ((bytes > 6 && strcmp(name + bytes - 4, ".mem") == 0) ||
                                         (bytes > 10 && strcmp(name + bytes - 8, ".badfree") == 0));
}

/* Never through a link. */
static int open_dir(const char *path) { return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

/* Records (and the ledger, which only the object writes) leave `from`: for `to`, or for good. */
static void clear_out(const char *from, const char *to) {
  static char old_name[3 * kPath], new_name[3 * kPath];
  const int file = open_dir(from);
  DIR *folder = file < 0 ? NULL : fdopendir(file);
  struct dirent *entry;
  if (folder == NULL) return;
  while ((entry = readdir(folder)) != NULL) {
    if (!has_record_name(entry->d_name) && strcmp(entry->d_name, ".ledger") != 0) continue;
    snprintf(old_name, sizeof old_name, "%s/%s", from, entry->d_name);
    snprintf(new_name, sizeof new_name, "%s/%s", to != NULL ? to : from, entry->d_name);
    if (to == NULL || rename(old_name, new_name) != 0) unlink(old_name);
  }
  closedir(folder);
}

static ssize_t read_beginning(const char *folder, const char *name, void *into, size_t bytes) {
  static char path[3 * kPath];
  ssize_t got;
  int file;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return -1;
  got = read(file, into, bytes);
  close(file);
  return got;
}

static int is_there(pid_t pid) { return pid > 0 && pid != owner && (kill(pid, 0) == 0 || errno == EPERM); }

/* When the process began: field 22 of /proc/PID/stat, counted from the name's end. 0: not known. */
static unsigned long long start_time_of(pid_t pid) {
  char folder[32], text[512];
  const char *at;
  ssize_t got;
  int field;
  snprintf(folder, sizeof folder, "/proc/%ld", (long)pid);
  got = read_beginning(folder, "stat", text, sizeof text - 1);
  if (got <= 0) return 0;
  text[got] = '\0';
  at = strrchr(text, ')');
  for (field = 2; at != NULL && field < 22; ++field) at = strchr(at + 1, ' ');
  return at != NULL ? strtoull(at, NULL, 10) : 0;
}

/* The object leaves its process in DIR/.ledger (the beginning of lib/shared/ledger.hh's Header). */
static pid_t live_ledger_owner(void) {
  struct {
    char magic[8];
    uint32_t version, byte_order, header_bytes, pointer_bytes, machine, state, pid, parent_pid;
    uint64_t start_time;
  } header;
  enum { kRunning = 1 };
  unsigned long long began;
  if (read_beginning(dir, ".ledger", &header, sizeof header) != (ssize_t)sizeof header) return 0;
  /* The first byte comes last of all. */
  if (memcmp(header.magic + 1, "eakdir\n", sizeof header.magic - 1) != 0 || header.byte_order != 0x01020304) return 0;
  if (header.state != kRunning || !is_there((pid_t)header.pid)) return 0;
  began = start_time_of((pid_t)header.pid);
  return began == 0 || header.start_time == 0 || began == header.start_time ? (pid_t)header.pid : 0;
}

/* A process that writes here leaves its pid in DIR/.owner, and when it began. */
static pid_t live_owner(void) {
  char text[64], *rest;
  const ssize_t got = read_beginning(dir, ".owner", text, sizeof text - 1);
  unsigned long long began, now;
  pid_t pid;
  text[got > 0 ? got : 0] = '\0';
  pid = (pid_t)strtol(text, &rest, 10);
  began = strtoull(rest, NULL, 10);
  if (!is_there(pid)) return live_ledger_owner();
  now = start_time_of(pid);
  return began == 0 || now == 0 || began == now ? pid : live_ledger_owner();
}

static void write_owner(void) {
  static char path[3 * kPath];
  char text[64];
  int file;
  snprintf(path, sizeof path, "%s/.owner", dir);
  unlink(path);
  file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  snprintf(text, sizeof text, "%ld %llu\n", (long)owner, start_time_of(owner));
  if (write_quietly(file, text, strlen(text)) != 0) unlink(path);
  close(file);
}

static void remove_owner(void) {
  static char path[3 * kPath];
  snprintf(path, sizeof path, "%s/.owner", dir);
  unlink(path);
}

/* Gives a descriptor of it, or -1. */
static int make_dir(void) {
  char *slash = dir;
  for (;;) {
    slash = strchr(slash + 1, '/');
    if (slash != NULL) *slash = '\0';
    if (mkdir(dir, 0700) == 0) { /* whatever the umask is */
      const int made = open_dir(dir);
      if (made >= 0) fchmod(made, 0700);
      if (made >= 0) close(made);
    }
    if (slash == NULL) return open_dir(dir);
    *slash = '/';
  }
}

/* Whoever holds it for longer than a second is not one of us. */
static void lock_dir(int file) {
  const struct timespec moment = {0, 1000000};
  int tries;
  for (tries = 0; tries < 1000 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; ++tries)
    nanosleep(&moment, NULL);
}

/* A link of that name goes, and a file is kept. */
static void make_previous(const char *path) {
  static char aside[3 * kPath + 8];
  struct stat status;
  if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) unlink(path);
  snprintf(aside, sizeof aside, "%s.kept", path);
  if (lstat(path, &status) == 0 && !S_ISDIR(status.st_mode)) rename(path, aside);
  mkdir(path, 0700);
}

static int claim_dir(void) {
  static char previous[3 * kPath];
  pid_t other;
  int file = make_dir(), lock = file;
  if (file >= 0) {
    lock_dir(lock);
    other = live_owner();
    if (other != 0) {
      const size_t length = strlen(shown);
      snprintf(dir, sizeof dir, "%s/%ld", base, (long)owner);
      snprintf(shown + length, sizeof shown - length, "/%ld", (long)owner);
      say("%s belongs to the running process %ld: recording into %s", base, (long)other, shown);
      file = make_dir();
    }
  }
  if (file < 0) {
    say("cannot make the directory %s (error %d): nothing is recorded", dir, errno);
  } else {
    snprintf(previous, sizeof previous, "%s/previous", dir);
    clear_out(previous, NULL);
    make_previous(previous);
    clear_out(dir, previous);
    rmdir(previous); /* if nothing was there */
    write_owner();
  }
  if (lock >= 0) close(lock);
  if (file >= 0 && file != lock) close(file);
  return file >= 0 ? 0 : -1;
}

static void expand_dir(void) {
  const char *name = strrchr(program, '/');
  const char *from = dir_pattern;
  size_t at = 0;
  name = name != NULL ? name + 1 : program;
  for (; *from != '\0' && at < kPath - 1; ++from) {
    if (from[0] == '%' && (from[1] == 'p' || from[1] == 'e')) {
      at += (size_t)(from[1] == 'p' ? snprintf(shown + at, kPath - at, "%ld", (long)owner)
                                    : snprintf(shown + at, kPath - at, "%s", name));
      ++from;
    } else {
      if (from[0] == '%' && from[1] == '%') ++from;
      shown[at++] = *from;
    }
  }
  shown[at < kPath ? at : kPath - 1] = '\0';
  if (shown[0] != '/' && getcwd(base, sizeof base) != NULL) {
    const size_t length = strlen(base);
    const char *rest = strncmp(shown, "./", 2) == 0 ? shown + 2 : shown;
    snprintf(base + length, sizeof base - length, "/%s", rest);
  } else {
    snprintf(base, sizeof base, "%s", shown);
  }
  snprintf(dir, sizeof dir, "%s", base);
}

/* ---- Where an address lies. ---- */

struct module {
  uintptr_t address;
  char path[kPath]; /* empty: in none that is known */
  uintptr_t bias;
};

#ifdef __linux__
static int find_module(struct dl_phdr_info *info, size_t bytes, void *context) {
  struct module *module = context;
  int i;
  (void)bytes;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    if (module->address < start || module->address - start >= info->dlpi_phdr[i].p_memsz) continue;
    module->bias = info->dlpi_addr;
    snprintf(module->path, sizeof module->path, "%s",
             info->dlpi_name != NULL && info->dlpi_name[0] != '\0' ? info->dlpi_name : program);
    return 1;
  }
  return 0;
}

/* The program's own, which comes first. */
static int find_build_id(struct dl_phdr_info *info, size_t bytes, void *context) {
  int i;
  (void)bytes;
  (void)context;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const char *at = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const char *end = at + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
    while (end - at > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      const unsigned char *id;
      unsigned k;
      memcpy(&note, at, sizeof note);
      id = (const unsigned char *)at + sizeof note + ((note.n_namesz + 3) & ~3u);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at + sizeof note, "GNU", 4) == 0) {
        for (k = 0; k < note.n_descsz && 2 * k + 2 < sizeof build_id; ++k) snprintf(build_id + 2 * k, 3, "%02x", id[k]);
        return 1;
      }
      at = (const char *)id + ((note.n_descsz + 3) & ~3u);
    }
  }
  return 1;
}
#endif

static void locate(struct module *module, uintptr_t address) {
  module->address = address;
  module->path[0] = '\0';
  module->bias = 0;
#ifdef __linux__
  dl_iterate_phdr(find_module, module);
#endif
}

/* ---- Records. ---- */

struct text {
  char bytes[6 * kPath];
  size_t size;
  struct module module;
  char path[3 * kPath];
};

static struct text *new_text(void) {
  struct text *const text = libc_malloc(sizeof *text);
  if (text != NULL) text->size = 0;
  return text;
}

static void put(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text->size += (size_t)vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format, arguments);
  va_end(arguments);
  if (text->size > sizeof text->bytes - 1) text->size = sizeof text->bytes - 1;
}

/* On a line of its own: what would break the line, or a reader's terminal, becomes '?'. */
static void put_name(struct text *text, const char *name) {
  for (; *name != '\0'; ++name) put(text, "%c", (unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
}

static void put_shell_word(struct text *text, const char *word) {
  const char *c = word;
  while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
         (*c != '\0' && strchr("/._-+,:@%=", *c) != NULL))
    ++c;
  if (*c == '\0' && *word != '\0') {
    put(text, "%s", word);
    return;
  }
  put(text, "'");
  for (; *word != '\0'; ++word) put(text, *word == '\'' ? "'\\''" : "%c", *word);
  put(text, "'");
}

static void put_origin(struct text *text) {
  char name[17] = "?";
  struct timespec now;
  struct tm utc;
  long tid = 0;
#ifdef __linux__
  tid = syscall(SYS_gettid);
  prctl(PR_GET_NAME, name);
#endif
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  put(text, "thread: %ld ", tid);
  put_name(text, name);
  put(text, "\ntime: %04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\n", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
      utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000);
}

static void put_program(struct text *text) {
  put(text, "program: ");
  put_name(text, program);
  if (build_id[0] != '\0') put(text, "\nbuild-id: %s", build_id);
  put(text, "\n");
}

static void put_frames(struct text *text, const struct module *caller) {
  if (caller->path[0] == '\0') {
    put(text, "frames: 1\n#0 0x%lx ?\n", (unsigned long)caller->address);
    return;
  }
  put(text, "frames: 1\n#0 0x%lx ", (unsigned long)caller->address);
  put_name(text, caller->path);
  put(text, "+0x%lx\naddr2line: addr2line -Cfipe ", (unsigned long)(caller->address - caller->bias));
  put_shell_word(text, caller->path);
  put(text, " 0x%lx\n", (unsigned long)(caller->address - caller->bias - 1));
}

static void name_of(char *path, size_t bytes, const void *address, const char *suffix) {
  snprintf(path, bytes, "%s/0x%lx%s", dir, (unsigned long)(uintptr_t)address, suffix);
}

static int write_file(const void *address, const char *suffix, struct text *text) {
  static int said;
  char *const path = text->path;
  int file, error = 0;
  name_of(path, sizeof text->path, address, suffix);
  file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) {
    unlink(path);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }
  if (file < 0) error = errno;
  if (file >= 0) {
    fchmod(file, 0600); /* a umask may take more than it should */
    error = write_quietly(file, text->bytes, text->size);
    close(file);
    if (error != 0) unlink(path);
  }
  if (error != 0 && !said) say("cannot write record files in %s (error %d)", shown, error);
  if (error != 0) said = 1;
  return error == 0;
}

/* By the numbers of leakdir/trace.h. */
enum { kMalloc, kCalloc, kRealloc, kReallocarray, kAlignedAlloc, kMemalign, kPosixMemalign, kValloc, kPvalloc };
static const char *const call_names[] = {"malloc",   "calloc",         "realloc", "reallocarray", "aligned_alloc",
                                         "memalign", "posix_memalign", "valloc",  "pvalloc"};

static int is_meant(const struct place *said, size_t size, int call, uintptr_t frame) {
  /* A compiler makes malloc of realloc(NULL, n), and calloc of malloc and memset. */
  const int is_kind = said->call == call || (said->call <= kReallocarray && call <= kReallocarray);
  if (said->file == NULL || !is_kind) return 0;
  return (said->factor == 0 || size % said->factor == 0) && frame <= said->frame + 128;
}

static struct place take_place(size_t size, int call, uintptr_t frame) {
  struct place *const meant = is_meant(&places[0], size, call, frame) ? &places[0] : &places[1];
  struct place result = {NULL, 0, 0, 0, 0};
  if (!is_meant(meant, size, call, frame)) return result;
  result = *meant;
  if (meant == &places[0]) places[0] = places[1];
  places[1].file = NULL;
  return result;
}

static void write_record(const struct block *block, int call, unsigned long long number, const struct place *place) {
  struct text *const text = new_text();
  if (text == NULL) return;
  locate(&text->module, block->caller);
  put(text, "[+0x%lx] --> addr:0x%lx, size:%lu\n", (unsigned long)(block->caller - text->module.bias),
      (unsigned long)(uintptr_t)block->address, (unsigned long)block->size);
  put(text, "call: %s\n", call_names[call]);
  put_origin(text);
  put(text, "sequence: %llu\n", number);
  put_program(text);
  if (place->file != NULL) {
    put(text, "location: ");
    put_name(text, place->file);
    put(text, ":%d\n", place->line);
  }
  put_frames(text, &text->module);
  write_file(block->address, ".mem", text);
  libc_free(text);
}

static void put_stack(struct text *text, const char *name, uintptr_t address) {
  if (address == 0) return;
  locate(&text->module, address);
  put(text, "stack: %s\n", name);
  put_frames(text, &text->module);
}

static void write_bad_free(const void *address, const char *kind, const struct kept_block *block, uintptr_t caller) {
  struct text *const text = new_text();
  if (text == NULL) return;
  locate(&text->module, caller);
  put(text, "[+0x%lx] --> bad free:0x%lx, %s\nkind: %s\n", (unsigned long)(caller - text->module.bias),
      (unsigned long)(uintptr_t)address, kind, kind);
  put_origin(text);
  put_program(text);
  if (block->address != NULL)
    put(text, "block: 0x%lx\nblock-size: %lu\n", (unsigned long)(uintptr_t)block->address, (unsigned long)block->size);
  put_stack(text, "free", caller);
  put_stack(text, "first free", block->freed_by);
  put_stack(text, "allocation", block->caller);
  write_file(address, ".badfree", text);
  libc_free(text);
  if (bad_frees < 10) {
    say("%s: 0x%lx, see %s/0x%lx.badfree", kind, (unsigned long)(uintptr_t)address, shown,
        (unsigned long)(uintptr_t)address);
  }
  ++bad_frees;
  if (abort_on_bad_free) abort();
}

/* ---- Start, fork and end. ---- */

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* A child of vfork() is none: it uses the owner's memory, and its blocks are the owner's. */
static int is_forked_child(void) {
  return mark != NULL ? __atomic_load_n(mark, __ATOMIC_ACQUIRE) == 0 : owner != getpid();
}

/* Before main, or with the first block: a vfork child must not be taken for the program. */
__attribute__((constructor)) static void remember_process(void) {
  if (owner != 0) return;
  remember_stderr();
  owner = getpid();
#if defined(__linux__) && defined(MADV_WIPEONFORK)
  {
    enum { kNoAdvice = 12345 };
    const size_t bytes = page_size();
    void *const page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    /* qemu takes any advice, and does nothing. */
    if (madvise(page, bytes, MADV_WIPEONFORK) == 0 && madvise(page, bytes, kNoAdvice) != 0) {
      mark = page;
      mark[0] = 1;
    } else {
      munmap(page, bytes);
    }
  }
#endif
}

/* Of the threads of a child, one. */
static int takes_over(void) {
  if (mark != NULL ? __atomic_exchange_n(mark, 1, __ATOMIC_ACQ_REL) != 0 : owner == getpid()) return 0;
  owner = getpid();
  return 1;
}

static int is_settled(void) { return mark != NULL ? __atomic_load_n(&mark[1], __ATOMIC_ACQUIRE) : owner == getpid(); }

static void settle(int new_state) {
  if (mark != NULL) __atomic_store_n(&mark[1], 1, __ATOMIC_RELEASE);
  __atomic_store_n(&state, new_state, __ATOMIC_RELEASE);
}

/* After all that the program does at exit. */
__attribute__((destructor(101))) static void at_end(void) {
  if (state != kOn || is_forked_child() || owner != getpid()) return;
  remove_owner();
  if (numbers[kSummary].value != 0 && (live_blocks != 0 || bad_frees != 0)) {
    char bad[64] = "";
    if (bad_frees != 0) snprintf(bad, sizeof bad, ", %llu bad free%s", bad_frees, bad_frees == 1 ? "" : "s");
    say("%llu live block%s, %llu byte%s%s at exit: %s", live_blocks, live_blocks == 1 ? "" : "s", live_bytes,
        live_bytes == 1 ? "" : "s", bad, shown);
  }
  if (numbers[kExitcode].value != 0 && live_blocks != 0) {
    state = kOff;
#ifdef __GLIBC__
    exit((int)numbers[kExitcode].value); /* goes on where it was, and waits for no thread that reads */
#else
    fflush(NULL);
    _exit((int)numbers[kExitcode].value);
#endif
  }
}

/* Where others may have had a hand in the working directory, a program with more rights writes where it says itself. */
static int may_use_dir(int is_trusted) {
  if (is_trusted || dir_pattern[0] == '/') return 1;
  say("the caller has fewer rights than this program: nothing is recorded below the working directory");
  return 0;
}

static void start(void) {
  int is_trusted = getuid() == geteuid() && getgid() == getegid();
  ssize_t got = -1;
#ifdef __linux__
  is_trusted = is_trusted && getauxval(AT_SECURE) == 0; /* file capabilities */
  got = readlink("/proc/self/exe", program, sizeof program - 1);
  dl_iterate_phdr(find_build_id, NULL);
#endif
  snprintf(program + (got > 0 ? got : 0), 2, "%s", got > 0 ? "" : "?");
  if (leakdir_default_options != NULL && leakdir_default_options() != NULL)
    apply_list(leakdir_default_options(), "leakdir_default_options()");
  if (is_trusted) {
    const char *list = getenv("LEAKDIR_OPTIONS");
    apply_file(getenv("LEAKDIR_CONFIG"));
    if (list != NULL) apply_list(list, "LEAKDIR_OPTIONS");
  }
  if (numbers[kHelp].value != 0) print_help();
  paused = numbers[kRecording].value == 0;
  if (numbers[kEnabled].value != 0 && may_use_dir(is_trusted)) {
    if (stat("/", &root) != 0) root.st_ino = 0;
    expand_dir();
    has_started = claim_dir() == 0;
  }
  settle(has_started ? kOn : kOff);
}

/* After chroot() the path would lead into the jail, where nobody looks. */
static int has_a_place(void) {
  struct stat now;
  return root.st_ino == 0 || stat("/", &now) != 0 || (now.st_dev == root.st_dev && now.st_ino == root.st_ino);
}

/* A child has its own directory, and what it inherited is its parent's. Only its one thread is here. */
static void start_in_child(void) {
  size_t i;
  __atomic_clear(&lock_word, __ATOMIC_RELEASE);
  for (i = 0; i < kBuckets; ++i) {
    while (buckets[i] != NULL) {
      struct block *block = buckets[i];
      buckets[i] = block->next;
      libc_free(block);
    }
  }
  live_blocks = live_bytes = files = bad_frees = 0;
  snprintf(shown, sizeof shown, "%.1000s/%ld", base, (long)owner);
  snprintf(dir, sizeof dir, "%s/%ld", base, (long)owner);
  settle(numbers[kChildren].value != 0 && has_a_place() && claim_dir() == 0 ? kOn : kOff);
}

/* Whether the state was `from`. */
static int goes(int from, int to) {
  return __atomic_compare_exchange_n(&state, &from, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void leave(void) {
  const int before = cancel_state;
  busy = 0;
  allow_cancel(before);
}

/* Whether to record. The guard is taken then; leave() gives it back. Of several threads that come first one starts, and
 * the others wait: in a forked child, too, whose parent may have been starting. */
static int enter(void) {
  int tries = 0, is_first, is_child, has_stopped;
  if (busy) return 0;
  busy = 1;
  forbid_cancel();
  remember_process();
  /* In this order: who takes over has changed the state before the mark. */
  if (is_forked_child() || __atomic_load_n(&state, __ATOMIC_ACQUIRE) != kOn) {
    is_child = state != kOff && is_forked_child();
    is_first = goes(kNotYet, kStarting);
    has_stopped = is_child && goes(kOn, kStarting);
    if (is_child ? takes_over() : is_first) {
      if (has_started) {
        start_in_child();
      } else {
        start();
      }
    } else if (has_stopped && is_settled()) {
      __atomic_store_n(&state, kOn, __ATOMIC_RELEASE); /* another thread has done it since */
    }
    while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == kStarting && (mark != NULL || ++tries < kTries)) sched_yield();
    goes(kStarting, kOff); /* forked while another thread was starting, and nobody can tell */
    if (state != kOn) {
      leave();
      return 0;
    }
  }
  return 1;
}

/* ---- Blocks. ---- */

/* Of what the libc handed out without our knowing, this address had been one. */
static void drop(void *address) {
  struct block **at = bucket_of(address);
  while (*at != NULL && (*at)->address != address) at = &(*at)->next;
  if (*at != NULL) {
    struct block *old = *at;
    *at = old->next;
    --live_blocks;
    live_bytes -= old->size;
    if (old->has_file) --files;
    libc_free(old);
  }
}

static void *record(void *address, size_t size, int call, struct from from, int is_recording) {
  const int saved = errno;
  struct place place;
  struct block *block;
  unsigned long long number;
  if (address == NULL || !enter()) return address;
  place = take_place(size, call, from.frame);
  block = is_recording && size >= numbers[kMinSize].value ? libc_malloc(sizeof *block) : NULL;
  if (block != NULL && take_lock()) {
    struct block **bucket = bucket_of(address);
    drop(address);
    block->address = address;
    block->size = size;
    block->caller = from.caller;
    block->has_file = files < numbers[kMaxFiles].value;
    block->next = *bucket;
    *bucket = block;
    ++live_blocks;
    live_bytes += size;
    files += (unsigned)block->has_file;
    number = ++sequence;
    give_lock();
    if (block->has_file) write_record(block, call, number, &place);
  } else {
    libc_free(block);
  }
  leave();
  errno = saved;
  return address;
}

static void *born(void *address, size_t size, int call, struct from from) {
  return record(address, size, call, from, !paused);
}

/* Takes the block out of the table; its file goes. False: it is not there. */
static int died(void *address, struct block *was) {
  static char path[3 * kPath]; /* under the lock */
  struct block **at = bucket_of(address);
  struct block *block;
  while (*at != NULL && (*at)->address != address) at = &(*at)->next;
  block = *at;
  if (block == NULL) return 0;
  *was = *block;
  *at = block->next;
  --live_blocks;
  live_bytes -= was->size;
  if (was->has_file) {
    --files;
    name_of(path, sizeof path, address, ".mem");
    unlink(path);
  }
  libc_free(block);
  return 1;
}

static const struct kept_block *find_kept(const void *address) {
  size_t i;
  for (i = 0; i < kKept; ++i) {
    if (kept[i].address == address) return &kept[i];
  }
  return NULL;
}

/* The block is not libc's yet: until then a second free of it is one for certain. Returns what goes in its place. */
static void *keep(const struct block *block, uintptr_t freed_by) {
  void *given_up;
  if (block->size > kKeptBlock) return block->address;
  while (kept_bytes + block->size > kKeptBytes) { /* the oldest first */
    struct kept_block *oldest = &kept[next_kept];
    if (oldest->address != NULL) {
      kept_bytes -= oldest->size;
      libc_free(oldest->address);
      oldest->address = NULL;
    }
    next_kept = (next_kept + 1) % kKept;
  }
  given_up = kept[next_kept].address;
  if (given_up != NULL) kept_bytes -= kept[next_kept].size;
  kept[next_kept].address = block->address;
  kept[next_kept].size = block->size;
  kept[next_kept].caller = block->caller;
  kept[next_kept].freed_by = freed_by;
  kept_bytes += block->size;
  next_kept = (next_kept + 1) % kKept;
  return given_up;
}

/* What is certainly no block of the allocator, with what is known of it. Not malloc's alignment: inside a block, or
 * nobody's. */
static const char *judge(const void *address, int is_realloc, struct kept_block *about) {
  const struct kept_block *freed = find_kept(address);
  size_t i;
  memset(about, 0, sizeof *about);
  if (freed != NULL) {
    *about = *freed;
    return is_realloc ? "realloc of a freed block" : "double free";
  }
  if ((uintptr_t)address % (2 * sizeof(void *)) == 0) return NULL;
  for (i = 0; i < kBuckets; ++i) {
    const struct block *block;
    for (block = buckets[i]; block != NULL; block = block->next) {
      if ((uintptr_t)address - (uintptr_t)block->address >= block->size) continue;
      about->address = block->address;
      about->size = block->size;
      about->caller = block->caller;
      return is_realloc ? "realloc inside a block" : "free inside a block";
    }
  }
  return is_realloc ? "realloc of a pointer that malloc never returned"
                    : "free of a pointer that malloc never returned";
}

/* ---- The mark, and the object beside us (lib/shared/mark.hh has what stands here, as a specification). ---- */

#ifdef __ELF__
/* By this note, and nothing else, it is known that this file is in a program. It leads here, so that what the debug
 * information says of this code is not taken for the program's. Nobody calls it. */
__attribute__((used, noinline)) static void leave_mark(void) {
  __asm__ volatile(
      "1:\n.pushsection .note.leakdir,\"a\",%note\n.balign 4\n.4byte 8\n.4byte 20\n.4byte 1\n.asciz \"leakdir\"\n"
      ".4byte 1\n.4byte 4\n.4byte 1b - .\n.4byte 1b - .\n.4byte 0\n.popsection");
}
#endif

/* The hooks of leakdir.o or libleakdir.so, where one is in this process too: it sees what we see, with the whole stack,
 * and all else. So we hand our calls on to it, and record nothing. */
struct hooks {
  int (*do_record)(void);
  void *(*allocate)(int call, size_t first, size_t size, uintptr_t caller, uintptr_t frame);
  void *(*resize)(void *address, size_t size, int call, uintptr_t caller, uintptr_t frame);
  void (*release)(void *address, uintptr_t caller);
  void (*place)(const char *file, int line, int call, size_t factor, uintptr_t frame);
  void (*switch_recording)(int on);
  int (*is_recording)(void);
  const char *(*dir)(void);
};

#ifdef __linux__
static int lies_in(const struct dl_phdr_info *info, uintptr_t from, uintptr_t to) {
  int i;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && start <= from && to <= start + info->dlpi_phdr[i].p_memsz) return 1;
  }
  return 0;
}

static int find_hooks(struct dl_phdr_info *info, size_t bytes, void *context) {
  struct {
    ElfW(Nhdr) head;
    char owner[8];
    uint32_t version, kind;
    int32_t begin, end, hooks;
  } note;
  int i;
  (void)bytes;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const uintptr_t end = at + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_NOTE || !lies_in(info, at, end)) continue;
    /* Each word: notes of several alignments may lie in one segment. */
    for (; end - at >= sizeof note && end > at; at += 4) {
      memcpy(&note, (const void *)at, sizeof note);
      if (note.head.n_namesz != 8 || note.head.n_descsz < 20 || note.head.n_type != 1) continue;
      if (memcmp(note.owner, "leakdir", 8) != 0 || note.hooks == 0) continue;
      at += offsetof(__typeof__(note), hooks) + (uintptr_t)(intptr_t)note.hooks;
      *(const struct hooks **)context = (const struct hooks *)at;
      return 1;
    }
  }
  return 0;
}
#endif

/* Looked for once: the library is there from the start. NULL: there is none. */
static const struct hooks *others(void) {
  static const struct hooks *hooks;
  static int has_looked;
  if (!__atomic_load_n(&has_looked, __ATOMIC_ACQUIRE)) {
    const struct hooks *found = NULL;
#ifdef __linux__
    dl_iterate_phdr(find_hooks, &found);
#endif
    if (found != NULL && !found->do_record()) found = NULL;
    __atomic_store_n(&hooks, found, __ATOMIC_RELAXED);
    __atomic_store_n(&has_looked, 1, __ATOMIC_RELEASE);
  }
  return __atomic_load_n(&hooks, __ATOMIC_RELAXED);
}

/* ---- What leakdir/trace.h calls. ---- */

/* Not inlined (-flto) into who calls it: FROM would be that one's caller. */
#define HOOK __attribute__((noinline))

HOOK void leakdir_place(const char *file, int line, int call, size_t factor) {
  if (others() != NULL) {
    others()->place(file, line, call, factor, (uintptr_t)__builtin_frame_address(0));
    return;
  }
  places[1] = places[0];
  places[0].file = file;
  places[0].line = line;
  places[0].call = call;
  places[0].factor = factor;
  places[0].frame = (uintptr_t)__builtin_frame_address(0);
}

/* Whoever asks, or pauses, before the first block: what the options say comes first. */
static void be_started(void) {
  const int saved = errno;
  if (enter()) leave();
  errno = saved;
}

static void switch_recording(int on) {
  if (others() != NULL) {
    others()->switch_recording(on);
    return;
  }
  be_started();
  paused = !on;
}
void leakdir_start(void) { switch_recording(1); }
void leakdir_stop(void) { switch_recording(0); }
int leakdir_is_recording(void) {
  if (others() != NULL) return others()->is_recording();
  be_started();
  return state == kOn && !paused;
}
const char *leakdir_dir(void) {
  if (others() != NULL) return others()->dir();
  be_started();
  return state == kOn ? dir : "";
}

HOOK void leakdir_trace_free(void *address) {
  const int saved = errno;
  struct block was;
  struct kept_block about;
  const char *bad = NULL;
  void *to_free = address;
  if (address == NULL) return;
  if (others() != NULL) {
    others()->release(address, FROM.caller);
    return;
  }
  if (enter()) {
    if (take_lock()) {
      if (died(address, &was)) {
        to_free = keep(&was, FROM.caller);
      } else {
        bad = judge(address, 0, &about);
      }
      give_lock();
    }
    if (bad != NULL) write_bad_free(address, bad, &about, FROM.caller);
    leave();
  }
  if (bad == NULL) libc_free(to_free);
  errno = saved;
}

static void *resize(void *address, size_t size, int call, struct from from) {
  struct block was;
  struct kept_block about;
  const char *bad = NULL;
  const int saved = errno;
  int known, was_known = 0;
  void *moved;
  if (others() != NULL) return others()->resize(address, size, call, from.caller, from.frame);
  known = address != NULL && enter();
  if (known) {
    if (take_lock()) {
      was_known = died(address, &was);
      if (!was_known) bad = judge(address, 1, &about);
      give_lock();
    }
    if (bad != NULL) write_bad_free(address, bad, &about, from.caller);
    leave();
  }
  if (bad != NULL) {
    errno = ENOMEM;
    return NULL;
  }
  errno = saved;
  moved = libc_realloc(address, size);
  if (moved != NULL) return born(moved, size, call, from);
  from.caller = was_known ? was.caller : 0;
  if (was_known && size != 0) record(address, was.size, call, from, 1); /* it stays */
  return NULL;
}

static void *get_aligned(size_t alignment, size_t size) {
  void *address = NULL;
  const int error = libc_posix_memalign(&address, alignment, size);
  if (error == 0) return address;
  errno = error;
  return NULL;
}

static void *get_pages(size_t size) {
  const size_t page = page_size();
  if (size <= SIZE_MAX - page + 1) return get_aligned(page, (size + page - 1) / page * page);
  errno = ENOMEM;
  return NULL;
}

/* `first`: the alignment, or the count of calloc. */
static void *get(int call, size_t first, size_t size, struct from from) {
  if (others() != NULL) return others()->allocate(call, first, size, from.caller, from.frame);
  switch (call) {
    case kMalloc:
      return born(libc_malloc(size), size, call, from);
    case kCalloc:
      return born(libc_calloc(first, size), first * size, call, from);
    case kAlignedAlloc:
      return born(libc_aligned_alloc(first, size), size, call, from);
    case kMemalign:
      return born(libc_memalign(first, size), size, call, from);
    case kPosixMemalign:
      return born(get_aligned(first, size), size, call, from);
    case kValloc:
      return born(get_aligned(page_size(), size), size, call, from);
    default:
      return born(get_pages(size), size, call, from);
  }
}

HOOK void *leakdir_trace_malloc(size_t size) { return get(kMalloc, 0, size, FROM); }
HOOK void *leakdir_trace_calloc(size_t count, size_t size) { return get(kCalloc, count, size, FROM); }
HOOK void *leakdir_trace_aligned_alloc(size_t alignment, size_t size) {
  return get(kAlignedAlloc, alignment, size, FROM);
}
HOOK void *leakdir_trace_memalign(size_t alignment, size_t size) { return get(kMemalign, alignment, size, FROM); }
HOOK void *leakdir_trace_valloc(size_t size) { return get(kValloc, 0, size, FROM); }
HOOK void *leakdir_trace_pvalloc(size_t size) { return get(kPvalloc, 0, size, FROM); }

HOOK int leakdir_trace_posix_memalign(void **into, size_t alignment, size_t size) {
  const int saved = errno;
  void *address;
  int error;
  errno = 0;
  address = get(kPosixMemalign, alignment, size, FROM);
  error = address == NULL ? errno : 0;
  errno = saved;
  if (error == 0) *into = address;
  return error;
}

HOOK void *leakdir_trace_realloc(void *address, size_t size) { return resize(address, size, kRealloc, FROM); }

HOOK void *leakdir_trace_reallocarray(void *address, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) {
    errno = ENOMEM;
    return NULL;
  }
  return resize(address, count * size, kReallocarray, FROM);
}

HOOK char *leakdir_trace_strndup(const char *text, size_t most) {
  const size_t bytes = strnlen(text, most);
  char *copy = get(kMalloc, 0, bytes + 1, FROM);
  if (copy == NULL) return NULL;
  memcpy(copy, text, bytes);
  copy[bytes] = '\0';
  return copy;
}

HOOK char *leakdir_trace_strdup(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = get(kMalloc, 0, bytes, FROM);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

HOOK wchar_t *leakdir_trace_wcsdup(const wchar_t *text) {
  const size_t bytes = (wcslen(text) + 1) * sizeof *text;
  wchar_t *copy = get(kMalloc, 0, bytes, FROM);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

static int print(char **into, const char *format, va_list arguments, struct from from) {
  va_list again;
  char *text;
  int bytes;
  va_copy(again, arguments);
  bytes = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (bytes < 0) return bytes;
  text = get(kMalloc, 0, (size_t)bytes + 1, from);
  if (text == NULL) return -1;
  *into = text;
  return vsnprintf(text, (size_t)bytes + 1, format, arguments);
}

HOOK int leakdir_trace_vasprintf(char **into, const char *format, va_list arguments) {
  return print(into, format, arguments, FROM);
}

HOOK int leakdir_trace_asprintf(char **into, const char *format, ...) {
  va_list arguments;
  int bytes;
  va_start(arguments, format);
  bytes = print(into, format, arguments, FROM);
  va_end(arguments);
  return bytes;
}

/* What glibc makes of the two with _FORTIFY_SOURCE. */
HOOK int leakdir_trace_vasprintf_chk(char **into, int flag, const char *format, va_list arguments) {
  (void)flag;
  return print(into, format, arguments, FROM);
}

HOOK int leakdir_trace_asprintf_chk(char **into, int flag, const char *format, ...) {
  va_list arguments;
  int bytes;
  (void)flag;
  va_start(arguments, format);
  bytes = print(into, format, arguments, FROM);
  va_end(arguments);
  return bytes;
}

static ssize_t read_until(char **line, size_t *room, int end, FILE *file, struct from from) {
  size_t used = 0;
  int c, has_room = 1;
  if (*line == NULL || *room == 0) {
    *line = NULL;
    *room = 0;
  }
  flockfile(file);
  while ((c = getc_unlocked(file)) != EOF) {
    if (used + 2 > *room) {
      const size_t more = *room < 60 ? 120 : 2 * *room;
      char *grown = resize(*line, more, kRealloc, from);
      has_room = grown != NULL;
      if (!has_room) break;
      *line = grown;
      *room = more;
    }
    (*line)[used++] = (char)c;
    if (c == end) break;
  }
  funlockfile(file);
  if (used == 0 || !has_room) return -1;
  (*line)[used] = '\0';
  return (ssize_t)used;
}

HOOK ssize_t leakdir_trace_getdelim(char **line, size_t *room, int end, FILE *file) {
  return read_until(line, room, end, file, FROM);
}

HOOK ssize_t leakdir_trace_getline(char **line, size_t *room, FILE *file) {
  return read_until(line, room, '\n', file, FROM);
}
