// SPDX-License-Identifier: BSL-1.0
//
// Threads, their first frames and their stacks; children.

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "both_walks.hh"
#include "scenarios.hh"

namespace differential {
namespace {

[[gnu::noinline]] int down(int depth) {
  compare();
  return depth == 0 ? 0 : kept(down(depth - 1)) + 1;
}

void* thread_body(void*) {
  for (int depth : {0, 1, 5, 5, 30}) down(depth);
  return nullptr;
}

void run_thread(pthread_attr_t* attributes) {
  pthread_t thread;
  if (pthread_create(&thread, attributes, thread_body, nullptr) != 0) abort();
  pthread_join(thread, nullptr);
}

}  // namespace

void threads() {
  std::vector<std::thread> all;
  for (int i = 0; i < 4; ++i) {
    all.emplace_back([i] {
      for (int round = 0; round < 200; ++round) {
        down(round % 20 + i);
        std::string text(static_cast<std::size_t>(50 + round), 'z');
        asm volatile("" ::"r"(text.data()) : "memory");
      }
      exceptions();
    });
  }
  // Rules are forgotten and learned under their hands.
  for (int i = 0; i < 50; ++i) {
    leakdir::fast_walk_forget(1, 2);
    down(3);
  }
  for (auto& thread : all) thread.join();
}

void one_state_for_many_threads() {
  // Stacks of different sizes come and go at the same addresses, under a state that the threads hand on.
  static leakdir::FastWalkState handed_on;
  for (int i = 0; i < 40; ++i) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024 + static_cast<std::size_t>(i * 7 % 5) * 512 * 1024);
    pthread_t thread;
    const auto body = [](void*) -> void* {
      compare_with_state(&handed_on);
      for (int depth : {0, 1, 5, 5, 30}) down(depth);
      compare_with_state(nullptr);
      return nullptr;
    };
    if (pthread_create(&thread, &attributes, body, nullptr) != 0) abort();
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
  }
}

void small_and_lent_stacks() {
  const std::size_t bytes = PTHREAD_STACK_MIN + 96 * 1024;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, bytes);
  run_thread(&attributes);
  pthread_attr_setguardsize(&attributes, 0);
  for (int i = 0; i < 4; ++i) run_thread(&attributes);
  pthread_attr_destroy(&attributes);

  pthread_attr_init(&attributes);
  void* const lent = aligned_alloc(4096, 256 * 1024);
  pthread_attr_setstack(&attributes, lent, 256 * 1024);
  for (int i = 0; i < 4; ++i) run_thread(&attributes);
  pthread_attr_destroy(&attributes);
  free(lent);
}

void forked_children() {
  std::thread([] {
    down(4);
    for (int i = 0; i < 3; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        for (int depth : {0, 4, 7}) down(depth);
        _exit(0);
      }
      int status = -1;
      waitpid(child, &status, 0);
      if (status != 0) abort();
      down(i);
    }
  }).join();
}

}  // namespace differential
