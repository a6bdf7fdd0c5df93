// SPDX-License-Identifier: BSL-1.0
//
// The programs of tests/targets/: where they are, how to run one in a scratch directory, and what it said that it
// expects. A target prints lines `expect size=1237 function=leak_calloc line=42 call=calloc`; see targets/expect.h.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "record_reader.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {

// The ways in which tests/targets/meson.build links a program.
inline const std::vector<std::string> kEveryKind = {"static", "static-pie", "pie", "nopie"};

// One more kind, for target() and what runs it: "preload" is a program without leakdir under libleakdir.so, and
// "preload-jemalloc", "preload-tcmalloc", "preload-mimalloc" have that allocator beneath.

// Each of them by both compilers, as target() wants it.
std::vector<std::string> every_linking();
// The same, or anything else, as part of the name of a case.
std::string case_name(std::string text);

std::string target(const std::string& name, const std::string& kind);

struct RunOptions {
  std::string leakdir;  // LEAKDIR_OPTIONS
  std::vector<std::string> arguments;
  std::map<std::string, std::string> env;
  int timeout_seconds = 60;
};

// Whether there is "jemalloc", "tcmalloc", "mimalloc".
bool has_allocator(const std::string& name);

// glibc 2.41 waits in exit() for whoever reads a stream, in a program without leakdir too. (Where the machine is too
// busy to tell, the answer is no as well.)
bool libc_exits_while_a_thread_reads();

// Whether there is a linker of that name that the compiler knows: Debian has mold from 12 on.
bool links_with(const std::string& compiler, const std::string& linker);

Command command_for(const Scratch& scratch, const std::string& program, const RunOptions& options = {});
Outcome run_in(const Scratch& scratch, const std::string& program, const RunOptions& options = {});

struct Expected {
  std::uint64_t size = 0;
  std::string function, call;
  int line = 0;
};
std::vector<Expected> expected_by(const std::string& output);

// `name=value` of a line that starts with `word`; empty when there is none.
std::string said(const std::string& output, const std::string& word, const std::string& name);

// Each expected block has exactly one record, of the right call, whose caller leads by plain addr2line to the function
// and line; and there is no other record. A call named "libc …" was made inside libc: the function and line are then
// those of a frame further out.
void expect_exactly(const std::vector<Expected>& expected, const std::vector<Record>& records);

// No record and no bad free in DIR, and a ledger as the proof that leakdir looked.
void expect_clean(const std::string& dir);

}  // namespace leakdir_test
