// SPDX-License-Identifier: BSL-1.0
//
// The report for reading. Colour marks what the eye looks for first, sizes and the user's own functions, and dims what
// libc and the C++ runtime do around them; it never carries meaning.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "advice.hh"
#include "analyse/runtime_code.hh"
#include "base/words.hh"
#include "emit.hh"
#include "remarks.hh"
#include "shorten.hh"

namespace leakdir::tool {

namespace {

class TextReport {
 public:
  TextReport(const Report& report, const TextStyle& style, const Sink& sink)
      : report_(report),
        snapshot_(report.snapshot),
        grouped_(report.grouped),
        style_(style),
        sink_(sink),
        frame_texts_(snapshot_.frames.size()) {}

  void make() {
    put_process();
    put_totals();
    if (report_.parts != nullptr) {
      put_parts(*report_.parts);
    } else {
      for (std::size_t i = report_.first; i < report_.shown; ++i) {
        put_group(i);
        hand_over();
      }
      put_rest();
    }
    if (style_.is_look) {
      put_warnings();
      hand_over();
      return;
    }
    for (const auto& bad_free : snapshot_.bad_frees) {
      put_bad_free(bad_free);
      hand_over();
    }
    if (snapshot_.bad_frees_seen > snapshot_.bad_frees.size())
      put("\n{} more, of which the ledger kept no details\n",
          count_of(snapshot_.bad_frees_seen - snapshot_.bad_frees.size(), "bad free"));
    put_remarks();
    hand_over();
  }

 private:
  template <class... Arguments>
  void put(fmt::string_view format, const Arguments&... arguments) {
    fmt::vformat_to(std::back_inserter(out_), format, fmt::make_format_args(arguments...));
  }

  void hand_over() {
    sink_(out_);
    out_.clear();
  }

  std::string in_style(const char* code, const std::string& text) const {
    return style_.is_coloured ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
  std::string bold(const std::string& text) const { return in_style("1", text); }
  std::string red(const std::string& text) const { return in_style("1;31", text); }
  std::string yellow(const std::string& text) const { return in_style("33", text); }
  std::string dim(const std::string& text) const { return in_style("2", text); }
  std::string in_kinds_colour(ledger::Reach reach) const {
    const std::string name(kind_name(reach));
    if (reach == ledger::Reach::kDefinite) return red(name);
    return reach == ledger::Reach::kReachable ? dim(name) : yellow(name);
  }

  void put_process() {
    for (const auto& damage : snapshot_.damage) put("{}\n", red(printable(damage)));
    put("{}, {}\n", snapshot_.program.empty() ? "unknown program" : printable(snapshot_.program),
        about_process(snapshot_));
    const auto& processes = snapshot_.processes;
    if (processes.empty()) return;
    put("{} process{} as one", processes.size(), processes.size() == 1 ? "" : "es");
    if (style_.is_look) {
      const auto running = std::count_if(processes.begin(), processes.end(),
                                         [](const Process& one) { return one.state == State::kRunning; });
      put(", {} running\n", running);
      return;
    }
    put(":\n");
    for (const auto& process : processes)
      put("    {}, {}: {}, {} of its own, {}\n", process.pid, name_of(process.state),
          count_of(process.blocks, "live block"), bytes_of(process.bytes), printable(process.program));
  }

  void put_totals() {
    const std::string what = what_is_listed(report_);
    if (grouped_.blocks == 0) {
      put("{}", bold(fmt::format("no {}s{}", what, which_are_none(report_))));
    } else {
      put("{}, {} in {}", bold(count_of(grouped_.blocks, what) + which_are_listed(report_)),
          bold(bytes_of(grouped_.bytes)), count_of(count_stacks(grouped_.groups), "stack"));
    }
    if (snapshot_.bad_frees_seen != 0) put(", {}", red(count_of(snapshot_.bad_frees_seen, "bad free")));
    put("\n");
    if (snapshot_.sample_bytes != 0) put("estimated for all: {}\n", in_words(grouped_.all));
    if (grouped_.knows_kinds)
      for (const auto& line : kinds_in_words(report_)) put("{}\n", line);
    if (report_.growth != nullptr) put_total_growth(*report_.growth);
    for (const auto& lead : where_to_look(report_)) put("{}\n", lead.text);
    if (style_.is_look) return;
    if (const std::string saw = what_leakdir_saw(snapshot_); !saw.empty()) put("{}\n", saw);
    for (const auto& line : what_is_left_out(report_)) put("{}\n", line);
    if (!grouped_.knows_kinds)
      for (const auto& line : kinds_in_words(report_)) put("{}\n", line);
  }

  // Where the reader stands, without colours too.
  std::string mark_of(std::size_t index) const { return index == style_.chosen ? in_style("7", ">") + " " : ""; }

  std::string share_of(const Estimate& all) const {
    if (grouped_.bytes == 0) return {};
    return fmt::format(", {:.1f} %", 100.0 * all.bytes / grouped_.all.bytes);
  }

  // One line for each; bottom-up, its callers below it.
  void put_parts(const Parts& parts) {
    if (parts.parts.empty()) return;
    const char* noun = kByWords[static_cast<std::size_t>(parts.by)];
    put("\nby {}:\n", noun);
    Part rest;
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      const Part& part = parts.parts[i];
      if (i < report_.first || i >= parts.shown) {
        rest.bytes += part.bytes;
        rest.blocks += part.blocks;
        rest.all += part.all;
        continue;
      }
      put("{}{}{}{}, {}, oldest {}: {}\n", mark_of(i),
          bold(fmt::format("{} in {}", bytes_of(part.bytes), count_of(part.blocks, "block"))),
          estimate_of(report_, part.all), share_of(part.all), count_of(part.groups.size(), "stack"),
          snapshot_.from_records ? "of " + utc_of(part.oldest_ns) : age_of(snapshot_.end_ns - part.oldest_ns),
          bold(part.name));
      if (parts.is_bottom_up)
        put_callers(callers_of(part, parts.by, snapshot_, report_.lines, report_.wrappers, grouped_), 1);
      hand_over();
    }
    const std::size_t hidden = report_.first + parts.parts.size() - std::min(parts.shown, parts.parts.size());
    if (hidden != 0)
      put("{} in {}{}, from {} not shown\n", bytes_of(rest.bytes), count_of(rest.blocks, "block"),
          estimate_of(report_, rest.all), count_of(hidden, fmt::format("more {}", noun)));
  }

  void put_callers(const CallerTree& tree, std::size_t depth) {
    for (const auto& caller : tree.callers) {
      put("{}{} in {} from {}\n", std::string(4 * depth, ' '), bytes_of(caller.bytes), count_of(caller.blocks, "block"),
          caller.name);
      put_callers(caller, depth + 1);
    }
  }

  void put_group(std::size_t index) {
    const Group& group = grouped_.groups[index];
    put("\n{}{}", mark_of(index),
        bold(fmt::format("{} in {}", bytes_of(group.bytes), count_of(group.blocks.size(), "block"))));
    if (group.reach != ledger::Reach::kUnknown) put(" {}", in_kinds_colour(group.reach));
    put("{}{}, {}", estimate_of(report_, group.all), share_of(group.all), ledger::kCallNames[group.call]);
    if (snapshot_.from_records)
      put(", oldest of {}", utc_of(group.oldest_ns));
    else
      put(", oldest {}", age_of(snapshot_.end_ns - group.oldest_ns));
    const StackLines lines = lines_of(snapshot_, report_.lines, group.stack);
    const std::size_t own = report_.wrappers.own_frame(lines);
    if (own != kNoFrame && own != 0 && style_.most_frames == 0) put(", in {} (#{})", own_name(lines.lines[own]), own);
    if (group.inherited != 0) put(", {} inherited from the parent", group.inherited);
    if (report_.growth != nullptr && !is_none(report_.growth->groups[index]))
      put(", {}", text_of(report_.growth->groups[index]));
    put("\n");
    put_stack(group.stack, own);
    if (group.is_early) put("    (from before start-up: the caller is all that is known)\n");
    if (group.is_truncated) put("    (deeper frames were not kept)\n");
  }

  std::string own_name(const StackLine& at) const {
    const bool is_known = at.line != nullptr && !at.line->function.empty();
    const std::string name = is_known ? readable_function(at.line->function) : printable(at.module);
    return style_.columns == 0 ? name : shortened_function(name, style_.columns / 2);
  }

  std::string text_of(const Change& change) const {
    return yellow(fmt::format("{} {}", change_of(change.bytes, change.blocks), report_.growth->when));
  }

  static bool is_none(const Change& change) { return change.blocks == 0 && change.bytes == 0; }

  void put_total_growth(const Growth& growth) {
    // At the first look there is nothing to compare with; on a terminal what is below is to stay where it is at the
    // next.
    if (growth.over_ns == 0) {
      if (style_.is_look) put("growth: from now on\n");
      return;
    }
    put("growth: {}\n", is_none(growth.total) ? "none " + growth.when : text_of(growth.total));
  }

  void put_rest() {
    const Sum rest = not_shown(report_);
    if (rest.stacks == 0) return;
    put("\n{} in {}{}, from {} not shown\n", bytes_of(rest.bytes), count_of(rest.blocks, "block"),
        estimate_of(report_, rest.all), count_of(rest.stacks, "more stack"));
  }

  struct FrameText {
    std::string text;
    bool is_runtime;
  };

  // `own`: where to begin when only some frames are wanted.
  void put_stack(std::uint32_t stack, std::size_t own = kNoFrame) {
    if (stack == kNone) put("    (no stack)\n");
    std::vector<const FrameText*> all;
    for (std::uint32_t index : frames_of(snapshot_, stack)) {
      const Frame& frame = snapshot_.frames[index];
      if (frame.is_place) put("    at {}:{}\n", printable(snapshot_.places[frame.module]), frame.pc);
      if (!frame.is_place)
        for (const auto& text : texts_of(index)) all.push_back(&text);
    }
    const auto [first, last] = worth_showing(all, own);
    for (std::size_t i = first; i < last; ++i) put("    #{} {}\n", i, all[i]->text);
  }

  // All of a stack or, where only some frames are wanted, those from its own one on.
  std::pair<std::size_t, std::size_t> worth_showing(const std::vector<const FrameText*>& all, std::size_t own) const {
    if (style_.most_frames == 0) return {0, all.size()};
    const std::size_t first = own < all.size() ? own : 0;
    std::size_t last = all.size();
    while (!all.empty() && !all[first]->is_runtime && all[last - 1]->is_runtime) --last;
    return {first, std::min(last, first + style_.most_frames)};
  }

  // A frame's lines without their numbers, made once: stacks share most of their frames.
  const std::vector<FrameText>& texts_of(std::uint32_t index) {
    auto& texts = frame_texts_[index];
    if (!texts.empty()) return texts;
    const Frame& frame = snapshot_.frames[index];
    const bool is_runtime = frame.module != kNone && is_runtime_module(snapshot_.modules[frame.module].path);
    const std::string position = where(frame);
    for (const auto& line : report_.lines[index]) {
      const std::string function = line.function.empty() ? "??" : readable_function(line.function);
      const bool is_runtime_here = is_runtime || is_runtime_line(line) || report_.wrappers.is_wrapper(line.function);
      const std::string at = line.file.empty() ? position : fmt::format("{}:{}", printable(line.file), line.line);
      const char* const remark = line.inlined ? " (inlined)" : frame.by_frame_pointer ? kByFramePointer : "";
      texts.push_back({text_of(function, at, remark, is_runtime_here), is_runtime_here});
    }
    if (texts.empty()) {
      const std::string_view remark = frame.by_frame_pointer ? kByFramePointer : "";
      const std::string fits = fitting(position, kNumberColumns + remark.size()) + std::string(remark);
      texts.push_back({is_runtime ? dim(fits) : fits, is_runtime});
    }
    return texts;
  }

  static constexpr char kByFramePointer[] = " (by frame pointer)";

  // Where a frame is wider than the terminal, its position stands on a line of its own.
  std::string text_of(const std::string& function, const std::string& position, const char* remark,
                      bool is_runtime) const {
    const std::string whole = fmt::format("{} {}{}", function, position, remark);
    std::string name = function, rest = fmt::format(" {}{}", position, remark);
    if (style_.columns != 0 && kNumberColumns + columns_of(whole) > style_.columns) {
      const std::string indent(kNumberColumns + 2, ' ');
      name = shortened_function(function, style_.columns - std::min(style_.columns, kNumberColumns));
      rest = fmt::format("\n{}{}{}", indent, fitting(position, indent.size() + columns_of(remark)), remark);
    }
    return is_runtime ? dim(name + rest) : bold(name) + rest;
  }

  // A position, in a line where something else takes `used` columns.
  std::string fitting(const std::string& position, std::size_t used) const {
    return style_.columns == 0 ? position : shortened_path(position, style_.columns - std::min(style_.columns, used));
  }

  // For addr2line, where no line is known.
  std::string where(const Frame& frame) const {
    if (frame.module == kNone) return hex_of(frame.pc);
    return fmt::format("{}+{}", printable(snapshot_.modules[frame.module].path), hex_of(offset_of(snapshot_, frame)));
  }

  void put_bad_free(const BadFree& bad_free) {
    put("\n{} at {}", red(fmt::format("bad free: {}", ledger::kBadFreeNames[bad_free.kind])), hex_of(bad_free.address));
    if (bad_free.block != 0) put(", block {}", hex_of(bad_free.block));
    if (bad_free.block_bytes != 0) put(" of {}", bytes_of(bad_free.block_bytes));
    const Thread& thread = snapshot_.threads[bad_free.thread];
    if (thread.tid != 0) put(", thread {} {}", thread.tid, printable(thread.name));
    put(", {}\n", utc_of(bad_free.time_ns));
    put("  freed here\n");
    put_stack(bad_free.free_stack);
    if (bad_free.first_free_stack != kNone) {
      put("  freed before here (the caller is all that is kept of a free)\n");
      put_stack(bad_free.first_free_stack);
    }
    if (bad_free.allocation_stack != kNone) {
      put("  allocated here\n");
      put_stack(bad_free.allocation_stack);
    }
  }

  void put_remarks() {
    const auto advice = advice_on_symbols(report_);
    const auto without_use = unused(report_.suppressions);
    if (!snapshot_.notices.empty() || !without_use.empty() || !report_.warnings.empty() || !advice.empty()) put("\n");
    for (const auto& notice : snapshot_.notices) put("note: {}\n", printable(notice));
    for (const auto& sentence : without_use) put("note: {}\n", printable(sentence));
    put_warnings();
    for (const auto& hint : advice) put("hint: {}\n", printable(hint));
  }

  void put_warnings() {
    for (const auto& warning : report_.warnings) put("{} {}\n", red("warning:"), printable(warning));
  }

  static constexpr std::size_t kNumberColumns = 8;  // "    #12 "

  const Report& report_;
  const Snapshot& snapshot_;
  const Grouped& grouped_;
  const TextStyle& style_;
  const Sink& sink_;
  std::string out_;
  std::vector<std::vector<FrameText>> frame_texts_;
};

}  // namespace

void emit_text(const Report& report, const TextStyle& style, const Sink& sink) {
  TextReport(report, style, sink).make();
}

}  // namespace leakdir::tool
