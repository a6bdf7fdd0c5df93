// SPDX-License-Identifier: BSL-1.0
//
// What a report says besides its stacks, in the same words in each format that people read.

#pragma once

#include <string>
#include <vector>

#include "analyse/report_model.hh"

namespace leakdir::tool {

// A sentence about a stack.
struct Lead {
  std::string text;
  std::uint32_t stack = kNone;  // none: about no single one
};

std::string about_process(const Snapshot& snapshot);                 // "pid 4711, exited 2026-11-23T09:14:26.123456Z"
std::string what_leakdir_saw(const Snapshot& snapshot);              // the proof that it looked; empty: not known
std::string what_is_listed(const Report& report);                    // "live block", "lost block"
std::string which_are_listed(const Report& report);                  // behind "3 live blocks"
std::string which_are_none(const Report& report);                    // behind "no live blocks", where some are live
std::string estimate_of(const Report& report, const Estimate& all);  // behind figures of a sample; else empty
std::vector<std::string> kinds_in_words(const Report& report);       // how much of each kind; or why they are not known
std::vector<Lead> where_to_look(const Report& report);               // what grew or stays, before anything else is read
std::vector<std::string> what_is_left_out(const Report& report);     // what is live and not listed, and why

}  // namespace leakdir::tool
