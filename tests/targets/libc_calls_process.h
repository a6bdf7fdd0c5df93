// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: the environment, threads, what is called at exit, the loader, other processes, and malloc under
// libc's own names.

#pragma once

#include <aio.h>
#include <argp.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmtmsg.h>
#include <getopt.h>
#include <link.h>
#include <malloc.h>
#include <mqueue.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/gmon.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <syslog.h>
#include <threads.h>
#include <time.h>

#include "libc_calls.h"

CALL(setenv) {
  char name[30];
  for (int i = 0; i < 50; ++i) {
    snprintf(name, sizeof name, "VARIABLE_%d", i);
    setenv(name, "with a value", 1);
  }
  setenv("VARIABLE_1", "with a longer value than it had", 1);
}
CALL(putenv) {
  static char entry[] = "PUT=there";
  putenv(entry);
}
CALL(clearenv) {
  setenv("SOME", "value", 1);
  clearenv();
  setenv("SOME", "other value", 1);
}

static void nothing(void) {}
static void nothing_with(void* argument) { (void)argument; }
static void nothing_on_exit(int status, void* argument) { (void)status, (void)argument; }
CALL(atexit) {
  for (int i = 0; i < 100; ++i) atexit(nothing);
}
CALL(on_exit) {
  for (int i = 0; i < 100; ++i) on_exit(nothing_on_exit, NULL);
}
CALL(at_quick_exit) {
  for (int i = 0; i < 100; ++i) at_quick_exit(nothing);
}
CALL(pthread_atfork) {
  for (int i = 0; i < 100; ++i) pthread_atfork(nothing, nothing, nothing);
}
extern int __cxa_thread_atexit_impl(void (*)(void*), void*, void*);
extern void* __dso_handle;
CALL(cxa_thread_atexit) {
  for (int i = 0; i < 5; ++i) __cxa_thread_atexit_impl(nothing_with, NULL, &__dso_handle);
}

static void* in_thread(void* argument) {
  void (*const work)(void) = (void (*)(void))argument;
  work();
  return NULL;
}
static void run_in_thread(void (*work)(void)) {
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, in_thread, (void*)work) == 0);
  pthread_join(thread, NULL);
}
CALL(pthread_create) {
  for (int i = 0; i < 5; ++i) run_in_thread(nothing);
}
CALL(pthread_detach) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  MUST(pthread_create(&thread, &attributes, in_thread, (void*)nothing) == 0);
  pthread_attr_destroy(&attributes);
}
static void leave(void) { pthread_exit(NULL); }
CALL(pthread_exit) { run_in_thread(leave); }
static void* wait_for_cancel(void* argument) {
  pause();
  return argument;
}
CALL(pthread_cancel) {
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, wait_for_cancel, NULL) == 0);
  pthread_cancel(thread);
  pthread_join(thread, NULL);
}
static void set_many(void) {
  pthread_key_t keys[100];
  for (int i = 0; i < 100; ++i) {
    MUST(pthread_key_create(&keys[i], NULL) == 0);
    pthread_setspecific(keys[i], keys);
  }
  for (int i = 0; i < 100; ++i) pthread_key_delete(keys[i]);
}
CALL(pthread_setspecific) {
  set_many();
  run_in_thread(set_many);
}
CALL(tss_set) {
  tss_t keys[100];
  for (int i = 0; i < 100; ++i) {
    tss_create(&keys[i], NULL);
    tss_set(keys[i], keys);
  }
  for (int i = 0; i < 100; ++i) tss_delete(keys[i]);
}
CALL(pthread_getattr_np) {
  pthread_attr_t attributes;
  MUST(pthread_getattr_np(pthread_self(), &attributes) == 0);
  pthread_attr_destroy(&attributes);
}
CALL(pthread_attr_setaffinity_np) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  cpu_set_t processors;
  CPU_ZERO(&processors);
  CPU_SET(0, &processors);
  pthread_attr_setaffinity_np(&attributes, sizeof processors, &processors);
  pthread_attr_destroy(&attributes);
}
CALL(pthread_setattr_default_np) {
  pthread_attr_t attributes;
  MUST(pthread_getattr_default_np(&attributes) == 0);
  cpu_set_t processors;
  CPU_ZERO(&processors);
  CPU_SET(0, &processors);
  pthread_attr_setaffinity_np(&attributes, sizeof processors, &processors);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}
static void format_in_thread(void) {
  char* text = NULL;
  MUST(asprintf(&text, "%s", strerror(91919)) > 0);
  MUST(strsignal(919) != NULL);
  free(text);
}
CALL(strerror_in_thread) { run_in_thread(format_in_thread); }
CALL(sem_open) {
  char name[30];
  snprintf(name, sizeof name, "/leakdir_test_%d", (int)getpid());
  sem_t* semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
  if (semaphore == SEM_FAILED) return;  // no /dev/shm
  sem_close(semaphore);
  sem_unlink(name);
}
static void on_timer(union sigval value) { (void)value; }
CALL(timer_create) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
  timer_t timer;
  MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const struct itimerspec at_once = {.it_value = {0, 1}};
  timer_settime(timer, 0, &at_once, NULL);
  usleep(20000);
  timer_delete(timer);
}
CALL(aio_read) {
  static char byte;
  struct aiocb request = {.aio_fildes = open("/proc/self/comm", O_RDONLY), .aio_buf = &byte, .aio_nbytes = 1};
  MUST(aio_read(&request) == 0);
  while (aio_error(&request) == EINPROGRESS) usleep(1000);
  aio_return(&request);
  close(request.aio_fildes);
}
CALL(lio_listio) {
  static char byte;
  struct aiocb request = {.aio_fildes = open("/proc/self/comm", O_RDONLY), .aio_buf = &byte, .aio_nbytes = 1};
  struct aiocb* list[] = {&request};
  request.aio_lio_opcode = LIO_READ;
  MUST(lio_listio(LIO_WAIT, list, 1, NULL) == 0);
  aio_return(&request);
  close(request.aio_fildes);
}
CALL(getaddrinfo_a) {
  struct gaicb request = {.ar_name = "127.0.0.1"}, *list[] = {&request};
  MUST(getaddrinfo_a(GAI_WAIT, list, 1, NULL) == 0);
  freeaddrinfo(request.ar_result);
}

CALL(dlopen) {
  void* library = dlopen("libz.so.1", RTLD_NOW);
  if (library != NULL) dlclose(library);
}
CALL(dlopen_twice) {
  for (int i = 0; i < 2; ++i) {
    void* library = dlopen("libz.so.1", RTLD_NOW);
    if (library != NULL) dlclose(library);
  }
}
CALL(dlopen_global) {
  void* library = dlopen("libz.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (library != NULL) dlclose(library);
}
// Of what is there already, the loader notes where to search, and keeps that when the program closes it.
CALL(dlopen_of_what_is_there) {
  void* library = dlopen("libc.so.6", RTLD_NOW);
  if (library != NULL) dlclose(library);
}
CALL(dlopen_unknown) { MUST(dlopen("no_such_library.so", RTLD_NOW) == NULL && dlerror() != NULL); }
CALL(dlopen_unknown_unread) { MUST(dlopen("no_such_library.so", RTLD_NOW) == NULL); }
CALL(dlsym_unknown) { MUST(dlsym(RTLD_DEFAULT, "no_such_symbol") == NULL && dlerror() != NULL); }
CALL(dlopen_self) {
  void* program = dlopen(NULL, RTLD_NOW);
  if (program != NULL) dlclose(program);
}
CALL(dladdr) {
  Dl_info info;
  (void)!dladdr((void*)nothing, &info);
}
CALL(backtrace) {
  void* frames[10];
  const int count = backtrace(frames, 10);
  free(backtrace_symbols(frames, count));
}

CALL(syslog) {
  openlog("leakdir_test", LOG_PID, LOG_USER);
  syslog(LOG_DEBUG, "a test");
  closelog();
}
CALL(system) { MUST(system("true") == 0); }
extern char** environ;
CALL(posix_spawn) {
  char* arguments[] = {(char*)"true", NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  pid_t child;
  MUST(posix_spawnp(&child, "true", &actions, &attributes, arguments, environ) == 0);
  waitpid(child, NULL, 0);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
}
CALL(fork) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, NULL, 0);
}
CALL(execvp_fails) { MUST(execlp("no_such_program", "a", "b", (char*)NULL) == -1); }
CALL(openpty) {
  int one, other;
  if (openpty(&one, &other, NULL, NULL, NULL) != 0) return;
  MUST(ptsname(one) != NULL);
  (void)hidden(ttyname(other));
  close(one);
  close(other);
}
CALL(getopt_long) {
  const struct option options[] = {{"one-thing", 0, 0, 'a'}, {"one-other", 0, 0, 'b'}, {0, 0, 0, 0}};
  char* arguments[] = {(char*)"program", (char*)"--one", (char*)"rest", (char*)"--one-thing", NULL};
  optind = 0;
  while (getopt_long(4, arguments, "", options, NULL) != -1) {
  }
}
CALL(argp_parse) {
  const struct argp_option options[] = {{"name", 'n', "VALUE", 0, "a name", 0}, {0, 0, 0, 0, 0, 0}};
  const struct argp parser = {options, NULL, "ARGUMENT", "A program", NULL, NULL, NULL};
  char* arguments[] = {(char*)"program", NULL};
  argp_parse(&parser, 1, arguments, ARGP_NO_EXIT, NULL, NULL);
  argp_help(&parser, stderr, ARGP_HELP_USAGE, arguments[0]);
}
CALL(fmtmsg) { fmtmsg(MM_PRINT, "lib:test", MM_INFO, "text", "action", "lib:test:1"); }
CALL(addseverity) {
  addseverity(7, "SEVERE");
  addseverity(8, "WORSE");
}
CALL(psignal) { psignal(SIGINT, "a signal"); }
CALL(sysconf) { MUST(sysconf(_SC_NPROCESSORS_ONLN) > 0 && get_nprocs() > 0); }
CALL(malloc_info) {
  FILE* file = fopen("/dev/null", "w");
  malloc_info(0, file);
  fclose(file);
}
#if __GLIBC_PREREQ(2, 33)
CALL(mallinfo) { (void)mallinfo2(); }
#else
CALL(mallinfo) { (void)mallinfo(); }
#endif
CALL(shm_open) {
  char name[30];
  snprintf(name, sizeof name, "/leakdir_shm_%d", (int)getpid());
  const int shared = shm_open(name, O_CREAT | O_RDWR, 0600);
  if (shared >= 0) close(shared);
  shm_unlink(name);
}
CALL(mq_open) {
  char name[30];
  snprintf(name, sizeof name, "/leakdir_mq_%d", (int)getpid());
  const mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
  if (queue == (mqd_t)-1) return;
  mq_close(queue);
  mq_unlink(name);
}

// malloc and its kin by the names that libc keeps for itself, as old programs and some libraries call them.
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);
CALL(libc_malloc) {
  for (int i = 0; i < 50; ++i) {
    free(hidden(__libc_malloc(100)));
    free(hidden(__libc_calloc(3, 40)));
    free(hidden(__libc_memalign(64, 100)));
    __libc_free(hidden(malloc(100)));
    __libc_free(hidden(__libc_realloc(hidden(malloc(100)), 5000)));
    free(hidden(__libc_realloc(hidden(malloc(100)), 5000)));
    free(hidden(realloc(hidden(__libc_malloc(100)), 5000)));
    __libc_free(hidden(realloc(hidden(__libc_malloc(100)), 5000)));
  }
}
CALL(libc_malloc_keeps_addresses_busy) {
  void* blocks[50];
  for (int i = 0; i < 50; ++i) blocks[i] = hidden(malloc(200));
  for (int i = 0; i < 50; ++i) __libc_free(blocks[i]);
  for (int i = 0; i < 50; ++i) blocks[i] = hidden(__libc_malloc(200));
  for (int i = 0; i < 50; ++i) free(blocks[i]);
}
static int any_object(struct dl_phdr_info* object, size_t bytes, void* unused) {
  (void)object, (void)bytes, (void)unused;
  return 0;
}
CALL(dl_iterate_phdr) { dl_iterate_phdr(any_object, NULL); }
CALL(dlmopen) {
  const Lmid_t namespaces[] = {LM_ID_BASE, LM_ID_NEWLM};
  for (int i = 0; i < 2; ++i) {
    void* library = dlmopen(namespaces[i], "libz.so.1", RTLD_NOW);
    if (library != NULL) dlclose(library);
  }
}
CALL(dlvsym_unknown) {
  MUST(dlvsym(RTLD_DEFAULT, "malloc", "NO_SUCH_VERSION") == NULL);
  MUST(dlsym(RTLD_NEXT, "no_such_symbol") == NULL);
}
CALL(dlinfo) {
  void* library = dlopen("libz.so.1", RTLD_LAZY);
  if (library == NULL) return;
  Dl_serinfo size;
  MUST(dlinfo(library, RTLD_DI_SERINFOSIZE, &size) == 0);
  Dl_serinfo* places = malloc(size.dls_size);
  dlinfo(library, RTLD_DI_SERINFOSIZE, places);
  MUST(dlinfo(library, RTLD_DI_SERINFO, places) == 0);
  free(places);
  dlclose(library);
}
CALL(dlopen_of_no_library) {
  FILE* file = fopen("./no_library.so", "w");
  fputs("some text", file);
  fclose(file);
  MUST(dlopen("./no_library.so", RTLD_NOW) == NULL);
  MUST(dlopen("./no_library.so", RTLD_NOW) == NULL);
}
CALL(posix_spawn_many_actions) {
  char* arguments[] = {(char*)"true", NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 50; i < 80; ++i) {
    posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclose(&actions, i);
  }
  pid_t child;
  MUST(posix_spawnp(&child, "true", &actions, NULL, arguments, environ) == 0);
  waitpid(child, NULL, 0);
  if (posix_spawnp(&child, "no_such_program", &actions, NULL, arguments, environ) == 0) {
    waitpid(child, NULL, 0);  // under Valgrind
  }
  posix_spawn_file_actions_destroy(&actions);
}
CALL(forkpty) {
  int terminal;
  const pid_t child = forkpty(&terminal, NULL, NULL, NULL);
  if (child == 0) _exit(0);
  if (child < 0) return;
  waitpid(child, NULL, 0);
  close(terminal);
}
CALL(syslog_at_once) {
  static char text[5000];
  memset(text, 'x', sizeof text - 1);
  openlog(NULL, LOG_NDELAY | LOG_PERROR | LOG_CONS, LOG_USER);
  syslog(LOG_DEBUG, "%s %m", text);
}
CALL(monstartup) {  // what -pg calls before main
  static char code[10000];
  monstartup((u_long)code, (u_long)code + sizeof code);
}
CALL(argp_help) {
  const struct argp_option options[] = {{"name", 'n', "VALUE", 0, "a name", 0}, {0, 0, 0, 0, 0, 0}};
  const struct argp child = {options, NULL, NULL, "of the child", NULL, NULL, NULL};
  const struct argp_child children[] = {{&child, 0, "children", 0}, {0, 0, 0, 0}};
  const struct argp parser = {options, NULL, "A\nB", "before\vafter", children, NULL, NULL};
  argp_help(&parser, stdout, ARGP_HELP_LONG | ARGP_HELP_DOC, (char*)"program");
  char* arguments[] = {(char*)"program", (char*)"--no-such-option", NULL};
  argp_parse(&parser, 2, arguments, ARGP_NO_EXIT, NULL, NULL);
}
