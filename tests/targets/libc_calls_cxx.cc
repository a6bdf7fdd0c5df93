// SPDX-License-Identifier: BSL-1.0
//
// libc_calls_cxx.cc HOW: what libc_calls.c is for C. It uses the C++ runtime, gives back what it was given, and ends as
// HOW says: also by quick_exit.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <locale>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "expect.h"

namespace {

thread_local std::string of_thread = "longer than what fits into a string without a block";

void use_runtime() {
  std::ios::sync_with_stdio(false);
  std::cout << "to standard output " << 1.5 << std::endl;
  std::ostringstream text;
  text.imbue(std::locale("C.UTF-8"));
  text << 1234567 << std::hex << 255;
  MUST(!text.str().empty());
  MUST(std::regex_match("aaab", std::regex("a*b")));
  const std::locale locale("C.UTF-8");
  const auto& messages = std::use_facet<std::messages<char>>(locale);
  messages.close(messages.open("libc", locale));
  const auto& wide_messages = std::use_facet<std::messages<wchar_t>>(locale);
  wide_messages.close(wide_messages.open("libc", locale));
}

void throw_and_catch() {
  try {
    throw std::runtime_error("an error of which the text is not short");
  } catch (const std::exception& error) {
    MUST(error.what()[0] == 'a');
  }
  std::exception_ptr kept;
  try {
    throw 1;
  } catch (...) {
    kept = std::current_exception();
  }
}

void* stay(void*) {
  for (;;) pause();
}

void end(const std::string& how) {
  if (how == "threads") {  // not std::thread: that has a block of the program's while it lives
    pthread_t thread;
    MUST(pthread_create(&thread, nullptr, stay, nullptr) == 0);
  }
  if (how == "_exit") _exit(0);
  if (how == "quick_exit") quick_exit(0);
  if (how == "abort") abort();
  if (how == "killed") raise(SIGKILL);
  if (how == "runs") {
    say("ready\n");
    for (;;) pause();
  }
}

}  // namespace

int main(int count, char** arguments) {
  MUST(count == 2);
  use_runtime();
  throw_and_catch();
  std::thread([] {
    MUST(!of_thread.empty());
    throw_and_catch();
  }).join();
  end(arguments[1]);
  return 0;
}
