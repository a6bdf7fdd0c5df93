// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: what a thread does that ends, and threads of libc's own.

#pragma once

#include <langinfo.h>
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <threads.h>

#include "libc_calls_names.h"
#include "libc_calls_process.h"
#include "libc_calls_text.h"

static void look_up_names(void) {
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", "ssh", NULL, &found) == 0) freeaddrinfo(found);
  (void)hidden(getpwnam("root"));
  (void)hidden(gethostbyname("localhost"));
}
CALL(names_in_thread) { run_in_thread(look_up_names); }
static void ask_nobody(void) {
  res_init();
  _res.nscount = 1;
  _res.nsaddr_list[0] = (struct sockaddr_in){AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}, {0}};
  unsigned char answer[100];
  MUST(res_query("no.such.name.invalid", C_IN, T_A, answer, sizeof answer) < 0);
  MUST(res_search("no.such.name.invalid", C_IN, T_A, answer, sizeof answer) < 0);
}
CALL(res_search) { ask_nobody(); }
CALL(res_query_in_thread) { run_in_thread(ask_nobody); }
static void use_locale(void) {
  const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  uselocale(locale);
  wchar_t text[10];
  MUST(mbstowcs(text, "\xc3\xa4", 10) == 1);
  (void)hidden(nl_langinfo_l(CODESET, locale));
  uselocale(LC_GLOBAL_LOCALE);
  freelocale(locale);
}
CALL(locale_in_thread) { run_in_thread(use_locale); }
static void convert_it(void) { convert("EUC-JP", "UTF-16"); }
CALL(iconv_in_thread) { run_in_thread(convert_it); }
static void open_and_close(void) {
  void* library = dlopen("libz.so.1", RTLD_LAZY);
  if (library != NULL) dlclose(library);
  MUST(dlopen("no_such_library.so", RTLD_NOW) == NULL);
}
CALL(dlopen_in_thread) { run_in_thread(open_and_close); }
static void leave_something(void) {
  (void)hidden(strerror(91919));
  (void)hidden(strsignal(919));
  at_quick_exit(nothing);
  __cxa_thread_atexit_impl(nothing_with, NULL, &__dso_handle);
}
CALL(leave_in_thread) { run_in_thread(leave_something); }
static void start_others(void) {
  call_fork();
  call_popen();
  call_system();
}
CALL(fork_in_thread) { run_in_thread(start_others); }
CALL(pthread_getattr_in_thread) { run_in_thread(call_pthread_getattr_np); }

CALL(many_threads) {
  pthread_t threads[40];
  for (int i = 0; i < 40; ++i) MUST(pthread_create(&threads[i], NULL, in_thread, (void*)nothing) == 0);
  for (int i = 0; i < 40; ++i) pthread_join(threads[i], NULL);
}
static void run_with(const pthread_attr_t* attributes) {
  pthread_t thread;
  MUST(pthread_create(&thread, attributes, in_thread, (void*)nothing) == 0);
  pthread_join(thread, NULL);
}
CALL(pthread_attr_setstack) {
  static char stack[200000] __attribute__((aligned(4096)));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, sizeof stack);
  run_with(&attributes);
  pthread_attr_destroy(&attributes);
}
CALL(pthread_attr_setstacksize) {  // more than glibc keeps
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 100 << 20);
  run_with(&attributes);
  pthread_attr_destroy(&attributes);
}
static int returns_none(void* argument) { return argument == NULL; }
CALL(thrd_create) {
  thrd_t thread;
  MUST(thrd_create(&thread, returns_none, NULL) == thrd_success);
  thrd_join(thread, NULL);
}
CALL(thrd_detach) {
  thrd_t thread;
  MUST(thrd_create(&thread, returns_none, NULL) == thrd_success);
  thrd_detach(thread);
}

CALL(timer_never_armed) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
  timer_t timer;
  MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  timer_delete(timer);
}
static void notify_by_queue(int is_sent) {
  char name[30];
  snprintf(name, sizeof name, "/leakdir_notify_%d", (int)getpid());
  const mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
  if (queue == (mqd_t)-1) return;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
  MUST(mq_notify(queue, &event) == 0);
  if (is_sent) mq_send(queue, "x", 1, 0);
  usleep(20000);
  mq_close(queue);
  mq_unlink(name);
}
CALL(mq_notify) { notify_by_queue(1); }
CALL(mq_notify_never_sent) { notify_by_queue(0); }
CALL(getaddrinfo_a_notifies) {
  struct gaicb request = {.ar_name = "127.0.0.1"}, *list[] = {&request};
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
  MUST(getaddrinfo_a(GAI_NOWAIT, list, 1, &event) == 0);
  while (gai_error(&request) == EAI_INPROGRESS) usleep(1000);
  usleep(20000);
  freeaddrinfo(request.ar_result);
}
