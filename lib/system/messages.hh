// SPDX-License-Identifier: BSL-1.0
//
// Everything that the object can say. Each message has its own function; this list is the full list.
//
// One write to stderr each, prefixed "leakdir: ", no stdio, no allocation, errno untouched. While the program
// runs, only the first fault of the file system is said, and the first ten bad frees. What the helper thread meets,
// which has no stderr, the next hook says that has to do with it.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "shared/options.hh"

namespace leakdir::messages {

// At start. Nothing is written to descriptor 2 once it is something else: it may be a file of the program's.
void remember_stderr();

// When exit begins: what is said from now on reaches standard error though the program closes it (stderr_keeper.hh).
void keep_open();

// Faults. `error` is a negative errno.
void no_place_was_said();  // by another child: the next three are not said again
void cannot_make_directory(const char* path, int error);
void cannot_use_directory(const char* path, int error);
void no_memory_at_start();                             // nothing is recorded
void cannot_make_ledger(const char* path, int error);  // nothing is recorded
void ledger_not_shared(const char* path, int error);   // recorded, but a kill loses it
void ledger_in_memory(int error);                      // the same for what is recorded from now on
void ledger_at_limit();                                // the same, by max_disk
void ledger_withheld(const char* path);                // the same, of a program with more rights than its caller
void ledger_full(int error);                           // further blocks are counted, not recorded
void cannot_write_record(const char* path, int error);
void disk_is_nearly_full(const char* path, std::uint64_t mib_left);         // so no more files are made
void disk_is_short_of_inodes(const char* path, std::uint64_t inodes_left);  // the same
void directory_is_at_limit(const char* path);                               // the same, by max_disk
bool something_was_left();                                                  // by the helper thread, to be said
void say_what_was_left();
void children_are_elsewhere();  // those forked after chroot, which are not recorded
void directory_in_use(const char* path, int pid, const char* instead);
void libc_differs(const char* built_with, const char* running_with);
void program_has_sanitizer();
void object_is_in_a_library();  // leakdir.o, where it never starts
void hooks_are_passed_by();     // by a program that is not made for libleakdir.so

// Of a process that was recorded, at its end: not all was seen.
void program_has_another_malloc();
void libraries_have_another_malloc();
void module_has_another_malloc(const char* path);
void namespace_has_another_malloc();
void blocks_were_not_seen(std::uint64_t blocks);

// Options.
void option_error(const OptionError& error);
void config_unreadable(const char* path, int error);
void config_not_ours(const char* path);
void help_line(const char* text);
void sample_is_whole();  // sample=, upon an allocator that loses what aligned blocks hold
void never_is_exit();    // write=never, where no ledger survives

// Findings.
void frames_differ(const std::uintptr_t* fast, unsigned fast_count, const std::uintptr_t* boost, unsigned boost_count);
void bad_free(const char* kind, std::uint64_t address, const char* directory, bool has_file);
struct Summary {
  std::uint64_t blocks, bytes, bad_frees;
  std::uint64_t without_file;           // so many of the blocks have none, and the ledger has them …
  std::uint64_t lost_without_file;      // … and so many of these are lost
  std::uint64_t sample_bytes;           // of the option `sample`, or 0
  ledger::ReachLook look;               // whether the kinds are known
  const std::uint64_t* blocks_of_kind;  // by ledger::Reach
  const char* directory;
};
void summary(const Summary& summary);

}  // namespace leakdir::messages
