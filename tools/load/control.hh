// SPDX-License-Identifier: BSL-1.0
//
// The only door through which the tool changes anything in a running process: the control words of its ledger (see
// lib/shared/ledger.hh). They are written with pwrite and nothing is mapped, so that a file that shrinks, or is not
// what it seems, can neither kill the tool nor be harmed by more than these words.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "bytes.hh"
#include "ledger.hh"

namespace leakdir::tool {

class Control {
 public:
  // The ledger in `directory`. Throws Error, with one sentence, when there is none, when it is another user's, or when
  // its process does not run.
  explicit Control(const std::string& directory);

  // What it says now.
  ledger::Header header() const;
  std::string process() const;  // "process 4711 (/home/you/app)"

  void ask(ledger::Control wish) const;
  // The number of the request: it is done when flush_done has reached it.
  std::uint64_t ask_for_flush() const;

  enum class Answer { kDone, kEnded, kNothing };
  // Waits until `is_done` says so of the header, the process has left through exit, or `patience` is over. Throws Error
  // when the process is killed meanwhile.
  template <class IsDone>
  Answer wait(IsDone is_done, std::chrono::milliseconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    do {
      const Answer answer = look(is_done(header()));
      if (answer != Answer::kNothing) return answer;
    } while (std::chrono::steady_clock::now() < until);
    return Answer::kNothing;
  }

  // For an error message: why the program may not have seen the request.
  std::string excuse() const;

 private:
  Answer look(bool is_done) const;  // and sleeps for a moment when there is no answer
  template <class Number>
  void write(std::uint64_t offset, Number number) const;

  std::string path_, program_;
  int descriptor_;
  bool is_of_other_order_ = false;    // its numbers: a big-endian program in an emulator
  std::unique_ptr<FileBytes> bytes_;  // owns the descriptor
};

}  // namespace leakdir::tool
