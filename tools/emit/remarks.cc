// SPDX-License-Identifier: BSL-1.0
#include "remarks.hh"

#include <fmt/format.h>

#include <algorithm>

#include "analyse/trust.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMostStayers = 3;

// Which kinds are listed, where that is neither all nor what is lost.
std::string words_of_kinds(const Grouped& grouped) {
  if (!grouped.knows_kinds || grouped.kinds == kLostKinds || grouped.kinds == kAllKinds) return {};
  return grouped.kinds == 0 ? " are listed (--kinds none)" : fmt::format(" ({})", words_of(grouped.kinds));
}

}  // namespace

std::string about_process(const Snapshot& snapshot) {
  if (snapshot.from_records) return "from its record files";
  std::string text = fmt::format("pid {}", snapshot.pid);
  if (snapshot.parent_pid != 0) text += fmt::format(" (forked by {})", snapshot.parent_pid);
  switch (snapshot.state) {
    case State::kRunning:
      text += fmt::format(", running since {}", utc_of(snapshot.start_ns));
      if (snapshot.saved_ns != 0) text += fmt::format(", as of {}", utc_of(snapshot.saved_ns));
      return text;
    case State::kKilled:
      return text + fmt::format(", killed, or left by _exit or exec; last heard of {}", utc_of(snapshot.end_ns));
    default:
      if (!snapshot.went_on_as.empty())
        return text + fmt::format(", went on as {} by exec (last heard of {})", printable(snapshot.went_on_as),
                                  utc_of(snapshot.end_ns));
      return text + fmt::format(", exited {}", utc_of(snapshot.end_ns));
  }
}

std::string what_leakdir_saw(const Snapshot& snapshot) {
  if (snapshot.from_records) return {};
  const std::string why = why_no_call(snapshot);
  if (why == kNeverRecorded) return {};  // there is a warning that says it
  if (!why.empty()) return why;
  if (snapshot.sample_bytes != 0)
    return fmt::format("leakdir looked: in its sample were {} and {}", count_of(snapshot.allocations, "allocation"),
                       count_of(snapshot.frees, "free"));
  return fmt::format("leakdir looked: it saw {} and {}", count_of(snapshot.allocations, "allocation"),
                     count_of(snapshot.frees, "free"));
}

std::string what_is_listed(const Report& report) {
  if (!report.grouped.knows_kinds || report.grouped.kinds != kLostKinds) return "live block";
  return "lost block";
}

std::string estimate_of(const Report& report, const Estimate& all) {
  if (report.snapshot.sample_bytes == 0) return {};
  return fmt::format(", estimated {} in {}", bytes_of(all.whole_bytes()), count_of(all.whole_blocks(), "block"));
}

std::vector<std::string> kinds_in_words(const Report& report) {
  const Grouped& grouped = report.grouped;
  std::vector<std::string> lines;
  if (!grouped.knows_kinds) {
    if (grouped.blocks != 0) lines.push_back(kinds_not_known(report.snapshot));
    return lines;
  }
  const KindSums listed = listed_kinds(grouped);
  for (const ledger::Reach reach : kKindOrder) {
    const bool is_hidden = !has(grouped.kinds, reach);
    const KindSum& sum = (is_hidden ? grouped.hidden : listed)[static_cast<std::size_t>(reach)];
    if (sum.blocks == 0) continue;
    std::string line = fmt::format("{}: {}, {} in {}", kind_name(reach), count_of(sum.blocks, "block"),
                                   bytes_of(sum.bytes), count_of(sum.stacks, "stack")) +
                       estimate_of(report, sum.all);
    if (const std::string why = why_no_kinds(report.snapshot); reach == ledger::Reach::kUnknown && !why.empty()) {
      line += (is_hidden ? " (--kinds all lists them): " : ": ") + why;
    } else if (is_hidden) {
      line += ": --kinds all lists them";
    }
    lines.push_back(line);
  }
  if (report.snapshot.unread_bytes != 0)
    lines.push_back(
        fmt::format("not looked at: {} of memory that could not be read", bytes_of(report.snapshot.unread_bytes)));
  return lines;
}

std::vector<Lead> where_to_look(const Report& report) {
  const Grouped& grouped = report.grouped;
  std::vector<Lead> leads;
  const std::size_t most = report.growth == nullptr ? grouped.groups.size() : grew_most(*report.growth);
  if (most < grouped.groups.size()) {
    const Change& change = report.growth->groups[most];
    const std::uint32_t stack = grouped.groups[most].stack;
    leads.push_back({fmt::format("grew most {}: {}, {}", report.growth->when,
                                 own_frame_in_words(report.snapshot, report.lines, stack, report.wrappers),
                                 change_of(change.bytes, change.blocks)),
                     stack});
  }
  for (std::size_t i = 0; i < std::min(report.stayers.size(), kMostStayers); ++i) {
    const Stayer& stayer = report.stayers[i];
    leads.push_back(
        {fmt::format("{}: {}, {} in {}{}{}", kAllocatedThroughout, stayer.name, bytes_of(stayer.bytes),
                     count_of(stayer.blocks, "block"), estimate_of(report, stayer.all), words_of(stayer.spread)),
         stayer.stack});
  }
  if (report.stayers.size() > kMostStayers)
    leads.push_back({fmt::format("    and {}", count_of(report.stayers.size() - kMostStayers, "more function"))});
  return leads;
}

std::string which_are_listed(const Report& report) {
  return (report.snapshot.sample_bytes != 0 ? " of a sample" : "") + words_of_kinds(report.grouped) +
         (report.is_filtered ? " of that age" : "");
}

std::string which_are_none(const Report& report) {
  std::string which = which_are_listed(report);
  if (report.snapshot.is_damaged()) which += " in what could be read";
  if (report.grouped.suppressed_blocks != 0) which += ", but for suppressed ones";
  const auto not_known = static_cast<std::size_t>(ledger::Reach::kUnknown);
  if (report.grouped.knows_kinds && report.grouped.hidden[not_known].blocks != 0) which += ", as far as is known";
  return which;
}

std::vector<std::string> what_is_left_out(const Report& report) {
  const Grouped& grouped = report.grouped;
  std::vector<std::string> lines;
  if (grouped.young_blocks != 0)
    lines.push_back(fmt::format("not listed: {} younger than that", count_of(grouped.young_blocks, "block")));
  if (grouped.libc_blocks != 0)
    lines.push_back(fmt::format("not listed: {}, {}, of libc's and the C++ runtime's own (--libc lists them)",
                                count_of(grouped.libc_blocks, "block"), bytes_of(grouped.libc_bytes)));
  for (const auto& use : grouped.runtimes)
    lines.push_back(fmt::format("not listed: {}, {}, kept by {} (--no-runtime-suppressions lists them)",
                                count_of(use.blocks, "block"), bytes_of(use.bytes), use.name));
  if (grouped.suppressed_blocks != 0)
    lines.push_back(fmt::format("not listed: {}, {}, suppressed", count_of(grouped.suppressed_blocks, "block"),
                                bytes_of(grouped.suppressed_bytes)));
  for (const auto& use : report.suppressions)
    if (use.stacks != 0)
      lines.push_back(fmt::format("    {}, {} by {} ({})", count_of(use.blocks, "block"), bytes_of(use.bytes),
                                  printable(use.rule.in_words()), printable(use.rule.origin)));
  if (grouped.ignored_blocks != 0)
    lines.push_back(fmt::format("not listed: {} under leakdir_ignore()", count_of(grouped.ignored_blocks, "block")));
  if (report.snapshot.unrecorded != 0 && why_no_call(report.snapshot).empty())
    lines.push_back(fmt::format("not recorded: {} below min_size", count_of(report.snapshot.unrecorded, "allocation")));
  return lines;
}

}  // namespace leakdir::tool
