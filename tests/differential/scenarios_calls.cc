// SPDX-License-Identifier: BSL-1.0
//
// Ordinary code: calls of every shape that compilers make a frame for.

#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios.hh"

namespace differential {
namespace {

volatile int g_sink;

[[gnu::noinline]] void use(volatile void* p) { asm volatile("" ::"r"(p) : "memory"); }

[[gnu::noinline]] int down(int depth) {
  if (depth % 3 == 0) compare();
  const int result = depth == 0 ? 0 : kept(down(depth - 1)) + 1;
  if (depth % 4 == 0) compare();
  return result;
}

[[gnu::noinline]] int with_alloca(int depth) {
  auto* room = static_cast<volatile char*>(alloca(16 + static_cast<std::size_t>(depth % 7) * 40));
  room[0] = 1;
  use(room);
  compare();
  return depth == 0 ? 0 : kept(with_alloca(depth - 1)) + room[0];
}

[[gnu::noinline]] int with_array(int depth, int n) {
  volatile int room[n + 1];
  room[n] = depth;
  use(room);
  compare();
  return depth == 0 ? 0 : kept(with_array(depth - 1, (n * 5 + 3) % 61)) + room[n];
}

[[gnu::noinline]] int aligned(int depth) {
  alignas(64) volatile char room[64];
  room[0] = 1;
  use(room);
  compare();
  return depth == 0 ? 0 : kept(aligned(depth - 1)) + room[0];
}

// Arguments on the stack, an aligned local and alloca together: gcc keeps the frame's beginning in memory then.
[[gnu::noinline]] int aligned_and_more(int depth, long a, long b, long c, long d, long e, long f, long g) {
  alignas(64) volatile char room[64];
  auto* more = static_cast<volatile char*>(alloca(8 + static_cast<std::size_t>(g % 5) * 16));
  room[0] = more[0] = 1;
  use(room);
  use(more);
  compare();
  if (depth == 0) return 0;
  return aligned_and_more(depth - 1, b, a, c, e, d, f, g + 1) + room[0] + more[0] + static_cast<int>(g);
}

template <int kBytes>
[[gnu::noinline]] int big(int depth) {
  volatile char room[kBytes];
  room[0] = room[kBytes - 1] = 1;
  compare();
  return depth == 0 ? 0 : kept(big<kBytes>(depth - 1)) + room[0];
}

[[gnu::noinline]] int last(int n) {
  compare();
  return n;
}
[[gnu::noinline]] int jump_c(int n) { return last(n + 1); }
[[gnu::noinline]] int jump_b(int n) { return n % 2 != 0 ? jump_c(n) : last(n); }
[[gnu::noinline]] int jump_a(int n) { return n > 100 ? last(n) : jump_b(n * 3); }
int even(int n);
[[gnu::noinline]] int odd(int n) {
  if (n % 5 == 0) compare();
  return n == 0 ? 0 : even(n - 1);
}
[[gnu::noinline]] int even(int n) { return n == 0 ? 1 : odd(n - 1); }

int by_value(const void* a, const void* b) {
  compare();
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

// ---- Calls at random: functions of different shapes call each other, so that stacks come back with another outer or
// inner part ---

unsigned g_random = 12345;
unsigned next_random() {
  g_random = g_random * 1103515245 + 12345;
  return g_random >> 16 & 0x7fff;
}

using Shape = int (*)(int);
extern const Shape kShapes[8];

[[gnu::noinline]] int visit(int depth) {
  int sum = 0;
  const unsigned calls = next_random() % 3 + (depth > 40 ? 0 : 1);
  for (unsigned i = 0; i < calls; ++i) {
    if (next_random() % 4 == 0) compare();
    if (depth > 0 && next_random() % 8 != 0) sum += kShapes[next_random() % 8](depth - 1);
  }
  return sum;
}
[[gnu::noinline]] int shape_plain(int depth) { return kept(visit(depth)) + 1; }
[[gnu::noinline]] int shape_room(int depth) {
  volatile char room[24];
  room[0] = 1;
  const int sum = visit(depth);
  compare();
  return sum + room[0];
}
[[gnu::noinline]] int shape_alloca(int depth) {
  auto* room = static_cast<volatile char*>(alloca(16 * (next_random() % 4 + 1)));
  room[0] = 1;
  use(room);
  return kept(visit(depth)) + room[0];
}
[[gnu::noinline]] int shape_registers(int depth) {
  int a = depth, b = depth * 3, c = depth * 5, d = depth * 7, e = depth * 11, f = depth * 13;
  for (int i = 0; i < 2; ++i) {
    a += visit(depth / 2) + b;
    b ^= a + c;
    c -= b * d;
    d += c - e;
    e ^= d + f;
    f += e;
    g_sink = a ^ b ^ c ^ d ^ e ^ f;
  }
  return a + b + c + d + e + f;
}
[[gnu::noinline]] int shape_aligned(int depth) {
  alignas(32) volatile char room[32];
  room[0] = 1;
  use(room);
  return kept(visit(depth)) + room[0];
}
[[gnu::noinline]] int shape_twice(int depth) {
  const int first = visit(depth / 3);
  return first + visit(depth / 3) + 1;
}
[[gnu::noinline]] int shape_tail(int depth) { return visit(depth); }
[[gnu::noinline]] int shape_drap(int depth) { return aligned_and_more(0, 1, 2, 3, 4, 5, 6, depth) + visit(depth) + 1; }
const Shape kShapes[8] = {shape_plain,   shape_room,  shape_alloca, shape_registers,
                          shape_aligned, shape_twice, shape_tail,   shape_drap};

}  // namespace

void recursion() {
  for (int depth : {0, 1, 2, 20, 21, 20, 100, 127, 128, 129, 300, 299}) down(depth);
}

void alloca_and_arrays() {
  for (int depth : {3, 10, 10, 40, 200}) with_alloca(depth);
  for (int depth : {3, 10, 10, 40, 200}) with_array(depth, depth % 50);
}

void aligned_locals() {
  for (int depth : {3, 10, 10, 40, 200}) aligned(depth);
  for (int round = 0; round < 3; ++round) {
    for (int depth : {0, 1, 2, 2, 1, 0, 12}) aligned_and_more(depth, 1, 2, 3, 4, 5, 6, depth);
  }
}

void big_frames() {
  for (int round = 0; round < 2; ++round) {
    big<4000>(30);
    big<70000>(8);
    big<1200000>(1);
  }
}

void tail_calls() {
  for (int i = 0; i < 50; ++i) g_sink = jump_a(i) + even(i);
}

void callbacks() {
  int numbers[40];
  for (int i = 0; i < 40; ++i) numbers[i] = i * 7919 % 41;
  qsort(numbers, 40, sizeof numbers[0], by_value);
  // Above a quarter of a page qsort works with memory from malloc or alloca, by size.
  std::vector<int> many(600);
  for (int i = 0; i < 600; ++i) many[static_cast<std::size_t>(i)] = i * 7919 % 601;
  qsort(many.data(), many.size(), sizeof many[0], by_value);
  const int key = numbers[17];
  (void)bsearch(&key, numbers, 40, sizeof numbers[0], by_value);
  std::sort(many.begin(), many.end(), [](int a, int b) {
    if (a % 16 == 0) compare();
    return a > b;
  });
  std::function<int(int)> f = [&f](int n) {
    compare();
    return n == 0 ? 0 : f(n - 1);
  };
  f(12);
  std::map<std::string, std::vector<std::string>> words;
  for (int i = 0; i < 50; ++i) words["a longer key than fits, " + std::to_string(i % 13)].push_back(std::to_string(i));
  std::ostringstream text;
  for (const auto& [word, list] : words) text << word << list.size();
  const std::regex pattern("(key|than)[a-z ,]*([0-9]+)");
  (void)std::regex_search(text.str(), pattern);
}

void random_calls() {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    g_random = seed * 7919;
    g_sink = visit(10 + static_cast<int>(seed % 5));
  }
}

}  // namespace differential
