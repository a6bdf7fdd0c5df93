// SPDX-License-Identifier: BSL-1.0
//
// Options that several commands have, so that they are spelled and explained the same everywhere; and the kinds of
// option that commands have of their own. CLI11 stays behind it: each file that includes CLI11 takes seconds to
// compile.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analyse/allowance.hh"
#include "analyse/suppressions.hh"
#include "load/load.hh"
#include "load/snapshot.hh"
#include "reach/kinds.hh"
#include "symbols/symbols.hh"

namespace CLI {
class App;
}

namespace leakdir::tool {

// An option of one command alone; `type` is the word for its value.
void add_text(CLI::App& app, const std::string& name, std::string& text, const std::string& help,
              const std::string& type);
// `otherwise`: where it goes without the option, in words.
void add_file(CLI::App& app, const std::string& name, std::string& file, const std::string& help,
              const std::string& otherwise = "");
void add_flag(CLI::App& app, const std::string& name, bool& is_given, const std::string& help,
              const std::string& group = "");
void add_number(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& number, const std::string& help);
void add_count(CLI::App& app, const std::string& name, std::size_t& count, const std::string& help);  // from 1
// NaN is none of them.
void add_seconds(CLI::App& app, const std::string& name, double& seconds, double lowest, double highest,
                 const std::string& help, bool shows_default);
// "64k", or, of an allowance, "10%" as well.
void add_bytes(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& bytes, const std::string& help);
void add_allowance(CLI::App& app, const std::string& name, std::optional<Allowance>& allowance,
                   const std::string& help);
// What must hold of the options together; `wrong` says what does not, or nothing. It is a mistake of usage. One a
// command.
void add_rule(CLI::App& app, std::function<std::string()> wrong);
// What must be there, without a dash.
void add_argument(CLI::App& app, const std::string& name, std::string& argument, const std::string& help);
// A program and its arguments: whatever stands after it is its own.
void add_program(CLI::App& app, std::vector<std::string>& command);
// What --help ends with.
void add_footer(CLI::App& app, const std::string& text);

void add_directory(CLI::App& app, std::string& directory);
// `several`: what becomes of several, in words.
void add_directories(CLI::App& app, std::vector<std::string>& directories, const std::string& several);
// The same, and before the end of the line one more thing, which must be there. `wrong` says what does not hold of the
// two, or nothing.
void add_directory_and(CLI::App& app, const std::string& name, std::string& directory, std::string& argument,
                       const std::string& help,
                       std::function<std::string(const std::string& directory, const std::string& argument)> wrong);
void add_symbol_options(CLI::App& app, SymbolOptions& options);
void add_debug_paths(CLI::App& app, SymbolOptions& options, const std::string& group = "");
void add_min_age(CLI::App& app, double& seconds);
// `otherwise`: how many there are without it, in words.
void add_top(CLI::App& app, std::size_t& stacks, const std::string& otherwise);
void add_sort(CLI::App& app, std::string& key, const std::vector<std::string>& keys);
void add_libc(CLI::App& app, bool& lists_libc);
// Which blocks are lost, and which kinds are listed.
struct KindOptions {
  bool finds_lost = false;  // --lost
  std::string core;         // --core, which is --lost too
  std::string kinds;        // --kinds; empty: not given
};
void add_lost(CLI::App& app, KindOptions& options);
void add_core(CLI::App& app, KindOptions& options);
void add_kinds(CLI::App& app, KindOptions& options);
// Which blocks to load before.
BlocksWanted blocks_wanted(const KindOptions& options);
// Finds out what is lost, where that is asked for. Throws Error where it cannot be known.
void find_kinds(const KindOptions& options, Snapshot& snapshot);
// The same of several. Returns for each why it cannot be known; empty: it can, or nobody asked.
std::vector<std::string> find_kinds_of_each(const KindOptions& options, std::vector<Snapshot>& snapshots);
// The same, and throws Error where nothing is known of any that has a block.
std::vector<std::string> find_kinds_of_some(const KindOptions& options, std::vector<Snapshot>& snapshots);
// What to list; `otherwise`: where the user did not say.
KindSet kinds_to_list(const KindOptions& options, KindSet otherwise);

void add_alloc_fn(CLI::App& app, std::vector<std::string>& names);
// `by` is one of kByWords.
void add_group_by(CLI::App& app, std::string& by, bool& is_bottom_up);
void add_format(CLI::App& app, std::string& format, const std::vector<std::string>& formats);
void add_color(CLI::App& app, std::string& when);
// `when`: what makes the command end with it, in words.
void add_error_exitcode(CLI::App& app, int& status, const std::string& when);

// How long to wait for the answer of a running process, in seconds.
inline constexpr double kPatience = 10;
void add_patience(CLI::App& app, double& seconds);
std::chrono::milliseconds patience_of(double seconds);

struct SuppressionOptions {
  std::vector<std::string> files;
  bool without_the_programs = false;
  bool lists_runtimes = false;
};
void add_suppression_options(CLI::App& app, SuppressionOptions& options);
// Those of the files. A file that cannot be read, or a bad line in it, throws Error.
std::vector<Suppression> read_suppression_files(const SuppressionOptions& options);
// The same, and after them the program's own, in which a bad line is a warning.
std::vector<Suppression> with_the_programs(std::vector<Suppression> rules, const SuppressionOptions& options,
                                           const Snapshot& snapshot, std::vector<std::string>& warnings);
// Both at once.
std::vector<Suppression> read_suppressions(const SuppressionOptions& options, const Snapshot& snapshot,
                                           std::vector<std::string>& warnings);

}  // namespace leakdir::tool
