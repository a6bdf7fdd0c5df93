// SPDX-License-Identifier: BSL-1.0
#include "suppression_file.hh"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/demangle.hh"
#include "base/error.hh"
#include "pattern.hh"

namespace leakdir::tool {

namespace {

constexpr std::string_view kSpace = " \t\r\v\f";
constexpr std::string_view kKindsStart = "match-leak-kinds:";
constexpr std::size_t kMaxQuoted = 60;
constexpr std::size_t kMostFrames = 1000;  // of one block: more than a stack can have

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string quoted(std::string_view line) {
  return fmt::format("\"{}{}\"", line.substr(0, kMaxQuoted), line.size() > kMaxQuoted ? "..." : "");
}

// The tool whose type of suppression this is. Its files look the same as ours.
const char* reader_of(std::string_view type) {
  static constexpr std::string_view kThreads[] = {"race",   "race_top", "mutex",          "thread",
                                                  "signal", "deadlock", "called_from_lib"};
  static constexpr std::string_view kAddresses[] = {"interceptor_name", "interceptor_via_fun", "interceptor_via_lib",
                                                    "odr_violation", "alloc_dealloc_mismatch"};
  if (std::find(std::begin(kThreads), std::end(kThreads), type) != std::end(kThreads)) return "ThreadSanitizer";
  if (std::find(std::begin(kAddresses), std::end(kAddresses), type) != std::end(kAddresses)) return "AddressSanitizer";
  return nullptr;
}

// What is wrong with a line outside of a block; empty if nothing is.
std::string fault_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view type = line.substr(0, colon);
  if (colon != std::string_view::npos) {
    if (type == "leak")
      return line.size() > colon + 1 ? "" : "leak: without a pattern; leak:* would suppress everything";
    if (const char* tool = reader_of(type))
      return fmt::format("{}: is for {}; leaks are suppressed by leak:PATTERN", type, tool);
  }
  return quoted(line) + " is no suppression; leak:PATTERN is";
}

// What else Memcheck is told to pass over (memcheck/mc_errors.c): its files have that too.
bool is_other_kind_of_memcheck(std::string_view kind) {
  static constexpr std::string_view kKinds[] = {
      "Addr1",    "Addr2",   "Addr4",  "Addr8",       "Addr16",       "Addr32", "AlignMismatch",
      "BadAlign", "BadSize", "Cond",   "CoreMem",     "FishyValue",   "Free",   "Jump",
      "Mempool",  "Overlap", "Param",  "ReallocZero", "SizeMismatch", "User",   "Value0",
      "Value1",   "Value2",  "Value4", "Value8",      "Value16",      "Value32"};
  return std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds);
}

// The second line of a block, "Memcheck,leakdir:Leak"; Valgrind's kinds of leaks may follow in a line of their own.
struct BlockType {
  bool is_about_leaks = false;  // else it is another tool's, or about something else
  std::string fault;            // empty: none
};
BlockType type_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {false, quoted(line) + " is no TOOL:KIND, such as leakdir:Leak"};
  const std::string_view kind = trimmed(line.substr(colon + 1));
  bool is_memchecks = false, is_ours = false, is_anothers = false;
  for (std::string_view tools = line.substr(0, colon); !tools.empty();) {
    const std::size_t end = std::min(tools.find(','), tools.size());
    const std::string_view tool = trimmed(tools.substr(0, end));
    (tool == "Memcheck" ? is_memchecks : tool == "leakdir" ? is_ours : is_anothers) = true;
    tools.remove_prefix(std::min(end + 1, tools.size()));
  }
  if (kind == "Leak") {
    if (is_memchecks || is_ours) return {true, {}};
    return {false, quoted(line) + " is of no tool that finds leaks; Memcheck:Leak and leakdir:Leak are"};
  }
  // Which kinds the others have is not known here.
  if (is_anothers || (is_memchecks && is_other_kind_of_memcheck(kind))) return {};
  return {false, fmt::format("{} is no kind that {} knows; Leak is that of leaks", quoted(kind),
                             is_memchecks ? "Memcheck" : "leakdir")};
}

// Reads one text, line by line.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, std::vector<std::string>* warnings)
      : text_(text), name_(name), warnings_(warnings) {
    if (starts_with(text_, "\xef\xbb\xbf")) text_.remove_prefix(3);  // the mark that some editors put at the start
  }

  std::vector<Suppression> read() {
    for (std::string_view line; next(line);) {
      if (line == "{") {
        read_block();
        continue;
      }
      const std::string fault = fault_of(line);
      if (fault.empty())
        rules_.push_back({std::string(line.substr(line.find(':') + 1)), here(), false, {}, {}, kAllKinds});
      else
        refuse(here(), fault, "the line");
    }
    return std::move(rules_);
  }

 private:
  // The next line that says something; false at the end.
  bool next(std::string_view& line) {
    while (!text_.empty()) {
      const std::size_t end = text_.find('\n');
      line = trimmed(text_.substr(0, end));
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      ++number_;
      if (!line.empty() && line.front() != '#') return true;
    }
    return false;
  }

  std::string here() const { return fmt::format("{}:{}", name_, number_); }

  void refuse(const std::string& where, const std::string& fault, const char* what) {
    if (warnings_ == nullptr) throw Error(fmt::format("{}: {}", where, fault));
    warnings_->push_back(fmt::format("{}: {}; {} was passed over", where, fault, what));
  }

  // To its end, whatever is wrong with it: what follows is read on.
  void read_block() {
    Suppression rule;
    rule.origin = here();
    std::string where, fault;
    unsigned lines = 0;
    bool is_ours = true;
    for (std::string_view line; next(line);) {
      if (line == "}") {
        if (fault.empty() && is_ours) std::tie(where, fault) = std::pair(rule.origin, fault_of_block(rule, lines));
        if (!fault.empty())
          refuse(where, fault, "the block");
        else if (is_ours)
          rules_.push_back(std::move(rule));
        return;
      }
      ++lines;
      if (lines == 1) {
        rule.name = line;
      } else if (lines == 2) {
        BlockType type = type_of(line);
        is_ours = type.is_about_leaks;
        std::tie(where, fault) = std::pair(here(), std::move(type.fault));
      } else if (is_ours && fault.empty()) {
        fault = add_frame(line, rule);
        where = here();
      }
    }
    refuse(rule.origin, "the block that starts here has no end", "the block");
  }

  static std::string fault_of_block(const Suppression& rule, unsigned lines) {
    if (lines < 2) return "a block needs a name, leakdir:Leak and frames, each in a line of its own";
    const bool says_something = std::any_of(rule.frames.begin(), rule.frames.end(), [](const FramePattern& frame) {
      return frame.kind != FramePattern::Kind::kAnyFrames;
    });
    return says_something ? "" : "a block without frames would suppress everything";
  }

  static std::string set_kinds(std::string_view list, Suppression& rule) {
    std::string words;
    for (const char c : list)
      if (kSpace.find(c) == std::string_view::npos) words += c;
    const std::optional<KindSet> kinds = parse_kinds(words);
    if (!kinds)
      return fmt::format("{} is followed by some of definite, indirect, possible and reachable, or by all or none",
                         kKindsStart);
    rule.kinds = *kinds;
    return {};
  }

  // What is wrong with the line; empty if nothing is.
  static std::string add_frame(std::string_view line, Suppression& rule) {
    using Kind = FramePattern::Kind;
    static constexpr std::pair<std::string_view, Kind> kKinds[] = {
        {"fun:", Kind::kFunction}, {"obj:", Kind::kModule}, {"src:", Kind::kFile}};
    if (rule.frames.empty() && starts_with(line, kKindsStart)) return set_kinds(line.substr(kKindsStart.size()), rule);
    if (rule.frames.size() == kMostFrames) return fmt::format("a block has no more than {} frames", kMostFrames);
    if (line == "...") {
      rule.frames.push_back({Kind::kAnyFrames, {}});
      return {};
    }
    for (const auto& [start, kind] : kKinds) {
      if (!starts_with(line, start)) continue;
      std::string glob(trimmed(line.substr(start.size())));
      if (glob.empty()) return fmt::format("{} without a pattern", start);
      if (kind == Kind::kFunction && is_mangled(glob)) {
        const std::string name = demangle(glob);
        if (!name.empty()) glob = glob_of(name);
      }
      rule.frames.push_back({kind, std::move(glob)});
      return {};
    }
    return quoted(line) + " is no frame; fun:, obj:, src: and ... are";
  }

  std::string_view text_;
  const std::string& name_;
  std::vector<std::string>* warnings_;
  std::size_t number_ = 0;
  std::vector<Suppression> rules_;
};

}  // namespace

std::string Suppression::in_words() const {
  return frames.empty() ? fmt::format("leak:{}", pattern) : fmt::format("{{{}}}", name);
}

std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& name,
                                            std::vector<std::string>* warnings) {
  return Reader(text, name, warnings).read();
}

std::string text_of_block(const Suppression& rule) {
  static constexpr std::string_view kStarts[] = {"fun:", "obj:", "src:", "..."};  // by FramePattern::Kind
  std::string text = fmt::format("{{\n   {}\n   leakdir:Leak\n", rule.name);
  if (rule.kinds != kAllKinds) text += fmt::format("   {} {}\n", kKindsStart, words_of(rule.kinds));
  for (const auto& frame : rule.frames)
    text += fmt::format("   {}{}\n", kStarts[static_cast<std::size_t>(frame.kind)], frame.glob);
  return text + "}\n";
}

}  // namespace leakdir::tool
