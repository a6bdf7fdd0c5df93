// SPDX-License-Identifier: BSL-1.0
//
// A C++ program that uses much of the library and frees all that is its own.

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "expect.h"

namespace {

std::map<int, std::string> static_map = {{1, std::string(100, 'a')}, {2, std::string(200, 'b')}};
thread_local std::string per_thread(300, 'c');

struct Late {
  std::unique_ptr<std::vector<int>> numbers = std::make_unique<std::vector<int>>(500);
  ~Late() { numbers = std::make_unique<std::vector<int>>(700); }
} late;

void use_streams() {
  std::cout << std::setw(10) << 1.5 << " printed\n";
  std::ostringstream text;
  text << std::string(5000, 'x') << 42;
  MUST(text.str().size() == 5002);
  std::ofstream("stream.txt") << text.str();
  std::ifstream in("stream.txt");
  std::string word;
  in >> word;
  MUST(word.size() == 5002);
}

NOINLINE void throw_deep(int depth) {
  const std::string local(100, 'd');
  if (depth == 0) throw std::runtime_error("deep " + local);
  throw_deep(depth - 1);
  __asm__ volatile("");
}

void use_exceptions() {
  for (int i = 0; i < 20; ++i) {
    try {
      throw_deep(i);
      MUST(false);
    } catch (const std::runtime_error& error) {
      MUST(std::string(error.what()).rfind("deep ", 0) == 0);
    }
  }
  std::exception_ptr kept;
  try {
    throw std::out_of_range(std::string(200, 'e'));
  } catch (...) {
    kept = std::current_exception();
  }
  try {
    std::rethrow_exception(kept);
  } catch (const std::out_of_range&) {
  }
}

void use_regex() {
  const std::regex pattern("([a-z]+)-(\\d+)");
  std::smatch match;
  const std::string text = "abc-123";
  MUST(std::regex_match(text, match, pattern) && match[2] == "123");
}

void use_threads() {
  std::mutex mutex;
  std::condition_variable changed;
  int done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      per_thread += "more than before";
      std::lock_guard<std::mutex> lock(mutex);
      ++done;
      changed.notify_one();
    });
  }
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return done == 6; });
  }
  for (std::thread& thread : threads) thread.join();
}

void use_futures() {
  std::future<std::string> made = std::async(std::launch::async, [] { return std::string(1000, 'f'); });
  std::promise<int> promise;
  std::future<int> promised = promise.get_future();
  std::thread setter([&] { promise.set_value(5); });
  MUST(made.get().size() == 1000 && promised.get() == 5);
  setter.join();
  std::future<void> failing = std::async(std::launch::async, [] { throw std::logic_error("in a future"); });
  try {
    failing.get();
    MUST(false);
  } catch (const std::logic_error&) {
  }
}

void use_containers() {
  std::unordered_map<std::string, std::function<int()>> map;
  for (int i = 0; i < 1000; ++i) map[std::to_string(i)] = [i, big = std::string(50, 'g')] { return i; };
  std::vector<std::shared_ptr<int>> pointers;
  for (const auto& [name, function] : map) pointers.push_back(std::make_shared<int>(function()));
  std::stable_sort(pointers.begin(), pointers.end());
  std::locale::global(std::locale::classic());
}

}  // namespace

int main() {
  per_thread += " of main";
  use_streams();
  use_exceptions();
  use_regex();
  use_threads();
  use_futures();
  use_containers();
}
