// SPDX-License-Identifier: BSL-1.0
#include "wrappers.hh"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "function_name.hh"
#include "pattern.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

namespace {

constexpr unsigned kMostRounds = 3;  // wrappers of wrappers of wrappers

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

template <class List>
bool is_one_of(std::string_view word, const List& words) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Without what follows the word that matters: "g_malloc0_n", "xmalloc_or_die", "zmalloc_usable".
std::string_view without_ending(std::string_view name) {
  static constexpr std::string_view kEndings[] = {"_n",   "_or_die", "_internal", "_impl",   "_wrapper", "_checked",
                                                  "safe", "_usable", "_array",    "_nofail", "raw",      "zero"};
  for (bool is_shorter = true; is_shorter;) {
    is_shorter = false;
    while (!name.empty() && (name.back() == '_' || std::isdigit(static_cast<unsigned char>(name.back())) != 0))
      name.remove_suffix(1);
    for (std::string_view ending : kEndings)
      if (name.size() > ending.size() && ends_with(name, ending)) {
        name.remove_suffix(ending.size());
        is_shorter = true;
      }
  }
  return name;
}

// "alloc", or that behind two letters at most, which name no thing that would be made: "myalloc", "ckalloc".
bool is_alloc_itself(std::string_view core) {
  constexpr std::string_view kAlloc = "alloc";
  return ends_with(core, kAlloc) && (core.size() <= kAlloc.size() + 2 || core == "my_alloc");
}

// By the name alone.
bool is_known_wrapper(std::string_view function) {
  static constexpr std::string_view kEnds[] = {
      "malloc",   "mallocz",   "calloc",     "realloc",       "reallocf",       "reallocarray", "memalign", "memdup",
      "strdup",   "strndup",   "wcsdup",     "strdup_printf", "strdup_vprintf", "asprintf",     "palloc",   "zalloc",
      "allocate", "mem_alloc", "pool_alloc", "arena_alloc",   "heap_alloc",     "slice_alloc"};
  // libc's, which a static program has in it: they hand what they allocate to their caller.
  static constexpr std::string_view kLibc[] = {
      "aligned_alloc", "posix_memalign", "valloc",    "pvalloc",        "getline",  "getdelim",
      "fopen",         "fopen64",        "fdopen",    "freopen",        "popen",    "opendir",
      "opendir_tail",  "alloc_dir",      "fdopendir", "scandir",        "realpath", "canonicalize_file_name",
      "getcwd",        "tempnam",        "fmemopen",  "open_memstream", "regcomp",  "getaddrinfo",
      "getifaddrs",    "glob",           "wordexp",   "setenv",         "putenv",   "get_current_dir_name",
      "setlocale",     "newlocale",      "duplocale", "iconv_open",     "hcreate",  "tsearch"};
  const std::string_view last = last_name(function);
  if (is_one_of(last, kLibc) || last == "operator new" || last == "operator new[]") return true;
  std::string name(last);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view core = without_ending(name);
  return is_alloc_itself(core) ||
         std::any_of(std::begin(kEnds), std::end(kEnds), [&](std::string_view end) { return ends_with(core, end); });
}

bool is_of_the_system(std::string_view module) {
  static constexpr std::string_view kDirectories[] = {"/lib", "/usr/lib"};  // and lib64, lib32, libx32
  return module.empty() || std::any_of(std::begin(kDirectories), std::end(kDirectories),
                                       [&](std::string_view start) { return module.substr(0, start.size()) == start; });
}

bool is_runtime(const StackLine& at) {
  return is_runtime_module(at.module) ||
         (at.line != nullptr && (is_runtime_function(at.line->function) || is_rust_library(*at.line)));
}

std::string_view function_of(const StackLine& at) {
  return at.line == nullptr ? std::string_view() : std::string_view(at.line->function);
}

// What is worked out about a function that stands innermost.
struct Seen {
  std::unordered_set<std::string_view> callers;
  std::unordered_set<std::uint64_t> sizes, places;
};

}  // namespace

Wrappers::Wrappers(std::vector<std::string> named) : named_(std::move(named)) {}

bool Wrappers::is_wrapper(std::string_view function) const {
  if (function.empty()) return false;
  const std::string_view plain = name_in_any_build(function);
  const auto is_named = [&](const std::string& pattern) {
    return matches_glob(pattern, function) || matches_glob(pattern, plain) ||
           matches_glob(pattern, without_parameters(plain));
  };
  return is_known_wrapper(function) || learned_.count(std::string(plain)) != 0 ||
         std::any_of(named_.begin(), named_.end(), is_named);
}

void Wrappers::learn(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines) {
  std::vector<StackLines> stacks;
  for (const auto& group : grouped.groups) stacks.push_back(lines_of(snapshot, lines, group.stack));
  std::unordered_map<std::uint64_t, bool> known;  // by StackLine::id
  for (unsigned round = 0; round < kMostRounds; ++round) {
    known.clear();
    const auto is_passed_over = [&](const StackLine& at) {
      auto [found, is_new] = known.try_emplace(at.id);
      if (is_new) found->second = function_of(at).empty() || is_runtime(at) || is_wrapper(function_of(at));
      return found->second;
    };
    std::unordered_map<std::string_view, Seen> functions;
    std::unordered_set<std::string_view> further_out;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      const auto end = stacks[i].lines.end();
      const auto innermost = std::find_if_not(stacks[i].lines.begin(), end, is_passed_over);
      if (innermost == end) continue;
      const std::string_view name = name_in_any_build(innermost->line->function);
      Seen& seen = functions[name];
      seen.places.insert(innermost->id);
      for (std::uint32_t block : grouped.groups[i].blocks)
        if (seen.sizes.size() < kManySizes) seen.sizes.insert(snapshot.blocks[block].size);
      bool has_caller = false;
      for (auto at = innermost + 1; at != end; ++at) {
        const std::string_view outer = name_in_any_build(function_of(*at));
        if (outer.empty() || outer == name || is_passed_over(*at)) continue;
        if (!has_caller) seen.callers.insert(outer);
        has_caller = true;
        further_out.insert(outer);
      }
    }
    const std::size_t before = learned_.size();
    for (const auto& [name, seen] : functions)
      if (seen.callers.size() >= kManyCallers && seen.sizes.size() >= kManySizes && seen.places.size() <= kFewPlaces &&
          further_out.count(name) == 0)
        learned_.insert(std::string(name));
    if (learned_.size() == before) return;
  }
}

Wrappers::Best Wrappers::best_frame(const StackLines& stack) const {
  enum Rank { kOwn, kOwnWithoutFile, kOwnWrapper, kOfLibrary, kWrapperOfLibrary, kNameless, kAny };
  const auto rank_of = [&](const StackLine& at) {
    const std::string_view function = function_of(at);
    if (is_runtime(at) || (at.module.empty() && function.empty())) return kAny;
    if (function.empty()) return kNameless;
    const bool is_own = at.is_program || !is_of_the_system(at.module);
    // Where paths were made relative, for reproducible builds, the file does not tell whose the line is.
    const bool is_told = !at.line->file.empty() && at.line->file.front() == '/';
    if (is_told && is_runtime_line(*at.line)) return kAny;
    if (is_wrapper(function)) return is_own ? kOwnWrapper : kWrapperOfLibrary;
    if (!is_own) return kOfLibrary;
    return is_told ? kOwn : kOwnWithoutFile;
  };
  std::size_t best = kNoFrame;
  Rank rank = kAny;
  for (std::size_t i = 0; i < stack.lines.size() && (best == kNoFrame || rank != kOwn); ++i) {
    const Rank here = rank_of(stack.lines[i]);
    if (best != kNoFrame && here >= rank) continue;
    best = i;
    rank = here;
  }
  return {best, best != kNoFrame && rank <= kOwnWithoutFile};
}

}  // namespace leakdir::tool
