// SPDX-License-Identifier: BSL-1.0
//
// Blocks of each kind, each held, or lost, in another way; then it waits, or ends (`exit`). Each has a size of its own,
// and is told by `expect kind=definite size=1001`. What loses a block does so far down the stack, and that part is
// wiped after.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "expect.h"

struct node {
  struct node *a, *b;
};

// As leakdir/leakdir.h has it: weak, as it does nothing without leakdir.
extern void leakdir_ignore(const void*) __attribute__((weak));

static struct node* volatile in_data;
static char* volatile into_the_middle;
static char* volatile past_the_end;
static void* volatile elements;
static void* volatile aligned_elements;
static void* volatile no_elements;
static struct link { struct link *next, *previous; } ring = {&ring, &ring};
static void* volatile second_base;
static char* volatile text_of_sds;
static unsigned char* volatile table_of_rust;
static void** volatile in_own_mapping;
static void** volatile in_shared_memory;
static void** volatile sealed;
static void** volatile made_to_run;
static __thread void* volatile in_thread_local;
static void* volatile untold;
static pthread_key_t key;
static pthread_barrier_t barrier;

static void first_function(void) {}
static void second_function(void) {}
static void (*const virtual_functions[])(void) = {first_function, second_function};

static void tell(const char* kind, size_t size) {
  char text[80];
  snprintf(text, sizeof text, "expect kind=%s size=%zu\n", kind, size);
  say(text);
}

static NOINLINE void* make(const char* kind, size_t size) {
  tell(kind, size);
  return hidden(calloc(1, size));
}

// A mapping that has such a block, and may not be written any more.
static NOINLINE void** seal(const char* kind, size_t size, int protection) {
  void** const mapping = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mapping[5000] = make(kind, size);
  mprotect(mapping, 65536, protection);
  return mapping;
}

static NOINLINE void lose_here(void) {
  struct node* tree = make("definite", 1001);
  tree->a = make("indirect", 1003);
  tree->b = make("indirect", 1005);
  tree->a->a = make("indirect", 1007);
  struct node* cycle = make("definite", 2001);
  cycle->a = make("indirect", 2003);
  cycle->a->a = cycle;
  make("definite", 3001);
}

static NOINLINE void lose(void) {
  char deep[2048];
  hidden(deep);
  lose_here();
  hidden(deep);
}

static NOINLINE void wipe(void) {
  char stack[16384];
  memset(hidden(stack), 0, sizeof stack);
  hidden(stack);
}

// Another thread's stack, its thread-local data, and what it has by a key.
static void* waits(void* unused) {
  void* volatile on_its_stack = make("reachable", 4001);
  in_thread_local = make("reachable", 4003);
  pthread_setspecific(key, make("reachable", 4005));
  lose();
  wipe();
  pthread_barrier_wait(&barrier);
  for (;;) pause();
  hidden(on_its_stack);
  return unused;
}

// All that it held is lost, although its stack is kept for the next thread; and what it returns, which nobody takes.
static void* ends(void* unused) {
  void* volatile on_its_stack = make("definite", 4101);
  in_thread_local = make("definite", 4103);
  hidden(on_its_stack);
  (void)unused;
  return make("definite", 4105);
}

static void* ends_empty_handed(void* unused) { return unused; }

// What it returns can still be asked for.
static volatile pid_t not_joined;
static void* ends_and_is_not_joined(void* unused) {
  (void)unused;
  void* const result = make("reachable", 4107);
  not_joined = (pid_t)syscall(SYS_gettid);
  return result;
}

// What pthread_create made for it is the program's then; at exit, and with glibc on x86-64, that is told. It is a
// table, from the third word of its block on, which has its length before. So a pointer into the middle holds it.
static pthread_t kept;
static void say_what_is_kept_of_it(void) {
#if defined(__GLIBC__) && defined(__x86_64__)
  const size_t* const table = ((const size_t* const*)kept)[1];
  char text[80];
  snprintf(text, sizeof text, "expect kind=possible size=%zu\n", (table[-2] + 2) * 2 * sizeof *table);
  say(text);
#endif
}

static NOINLINE void let_threads_end(void) {
  pthread_t first, last;
  pthread_create(&kept, NULL, ends_and_is_not_joined, NULL);
  while (not_joined == 0 || syscall(SYS_tgkill, getpid(), not_joined, 0) == 0) usleep(1000);
  pthread_create(&first, NULL, ends, NULL);
  pthread_create(&last, NULL, ends_empty_handed, NULL);
  pthread_join(first, NULL);
  pthread_join(last, NULL);  // its stack is the one that the next thread gets
}

static ucontext_t main_context, coroutine;

static void runs_on_a_block(void) {
  void* volatile on_its_stack = make("reachable", 5003);
  swapcontext(&coroutine, &main_context);
  hidden(on_its_stack);
}

static NOINLINE void start_coroutine(void) {
  void** const stack = make("reachable", 65536);
  in_own_mapping[8] = stack;
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = 65536;
  makecontext(&coroutine, runs_on_a_block, 0);
  swapcontext(&main_context, &coroutine);
}

// What was in a block that is free does not count; nor what realloc has left behind.
static NOINLINE void leave_in_free_chunk(size_t size, size_t lost) {
  void** block = make("freed", size);
  block[5] = make("definite", lost);
  free(hidden(block));
}

static NOINLINE void leave_in_free_chunks(void) {
  leave_in_free_chunk(1000, 6009);  // which waits in the thread's cache for one of its size
  leave_in_free_chunk(6000, 6001);
  leave_in_free_chunk(42000, 6003);
  leave_in_free_chunk(300000, 6005);
}

// What is in a buffer of stdio's, behind the characters, was in that memory before.
static NOINLINE void leave_in_buffer_of_stdin(void) {
  void** const block = make("freed", 4096);
  block[100] = make("definite", 6007);
  free(hidden(block));
  MUST(getchar() == EOF);
}

static NOINLINE void hold(void) {
  in_data = make("reachable", 101);
  in_data->a = make("reachable", 103);
  in_data->b = make("reachable", 105);
  in_data->a->a = in_data;
  in_thread_local = make("reachable", 107);
  into_the_middle = make("possible", 201);
  *(void**)into_the_middle = make("possible", 203);
  into_the_middle += 24;
  past_the_end = make("definite", 208);
  past_the_end += 208;
  size_t* const array = make("reachable", sizeof *array + 5 * 24);  // new[] of a type that has a destructor
  *array = 5;
  elements = array + 1;
  tell("reachable", 16 + 5 * 48);  // the same, of a type that is aligned by 16
  aligned_elements = (char*)memset(hidden(aligned_alloc(16, 16 + 5 * 48)), 0, 16 + 5 * 48) + 16;
  ((size_t*)aligned_elements)[-1] = 5;
  no_elements = (size_t*)make("reachable", sizeof(size_t)) + 1;                  // of no element: their number alone
  struct link* const link = (struct link*)((char*)make("reachable", 221) + 40);  // linked by a part in its middle
  link->next = link->previous = &ring;
  ring.next = ring.previous = link;
  const void** const object = make("reachable", 211);  // of a class with two bases that have virtual functions
  object[0] = object[2] = virtual_functions;
  second_base = object + 2;
  // A string of sds: length and room, in the processor's order, the kind for numbers of four bytes, characters.
  const uint32_t length_and_room[2] = {5, 5};
  char* const string = make("reachable", 9 + 5 + 1);
  memcpy(string, length_and_room, 8);
  memcpy(string + 8, "\3redis", 6);
  text_of_sds = string + 9;
  // A hash table of Rust's, of eight places, one of which is taken: their bytes come behind the elements.
  unsigned char* const places = (unsigned char*)make("reachable", 8 * 24 + 8 + 16) + 8 * 24;
  memset(places, 0xff, 8 + 16);
  places[3] = places[16 + 3] = 0x11;
  table_of_rust = places;
  in_own_mapping = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  in_own_mapping[100] = make("reachable", 301);
  in_shared_memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  in_shared_memory[1000] = make("reachable", 303);
  sealed = seal("reachable", 305, PROT_READ);
  made_to_run = seal("reachable", 307, PROT_READ | PROT_EXEC);
  pthread_key_create(&key, NULL);
  pthread_setspecific(key, make("reachable", 401));
  char* const variable = make("reachable", 601);
  strcpy(variable, "LOST_AND_HELD=yes");
  putenv(variable);
  setvbuf(stdout, make("reachable", 4096), _IOFBF, 4096);
  void* const ignored = make("ignored", 703);
  *(void**)ignored = make("reachable", 701);
  if (leakdir_ignore) leakdir_ignore(ignored);
}

// From here on the only pointer to the block is in a register that calls keep. Elsewhere than on x86-64 it is in data.
#ifdef __x86_64__
#define HOLD_BY_REGISTER(kept, block)             \
  register void* kept __asm__("r12") = (block);   \
  (block) = NULL;                                 \
  __asm__ volatile("" : "+r"(kept), "+r"(block)); \
  wipe()
#else
#define HOLD_BY_REGISTER(kept, block) void* kept = untold = (block)
#endif

// While the thread waits in a system call.
static _Noreturn void wait_with_a_register(void) {
  void* block = make("reachable", 8001);
  HOLD_BY_REGISTER(kept, block);
  say("ready\n");
  for (;;) {
#ifdef __x86_64__
    long call = SYS_pause;
    __asm__ volatile("syscall" : "+a"(call), "+r"(kept) : : "rcx", "r11", "memory");
#else
    pause();
    hidden(kept);
#endif
  }
}

static size_t inverted;  // the address of a lost block, so that nobody takes it for one
static NOINLINE void lose_one_more(void) {
  inverted = ~(size_t)make("definite", 9005);
  hidden(NULL);
}

// Wherever exit() and what it calls leave a gap in their frames, the lost block's address stands there. (It is called
// as exit is, with as much of the stack for arguments.)
static void fill_what_is_below(int status) {
  hidden(&status);
  size_t volatile stack[2048];
  for (size_t i = 0; i < sizeof stack / sizeof *stack; ++i) stack[i] = ~inverted;
}
static void (*volatile leave_below)(int) = fill_what_is_below;

// The program calls exit deep down: what its frames and its registers hold is held still, and what exit's have is not.
static NOINLINE void end_here(void) {
  void* volatile on_its_stack = make("reachable", 9001);
  void* block = make("reachable", 9003);
  HOLD_BY_REGISTER(kept, block);
  const int status = kept == hidden(NULL) || on_its_stack == NULL;
  leave_below(status);
  exit(status);
}

int main(int count, char** arguments) {
  hold();
  start_coroutine();
  leave_in_free_chunks();
  lose();
  wipe();
  let_threads_end();
  wipe();
  if (count > 1 && strcmp(arguments[1], "exit") == 0) {
    leave_in_buffer_of_stdin();
    say_what_is_kept_of_it();
    lose_one_more();
    wipe();
    end_here();
  }
  pthread_t thread;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, waits, NULL);
  pthread_barrier_wait(&barrier);
  wipe();
  wait_with_a_register();
}
