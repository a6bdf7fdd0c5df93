// SPDX-License-Identifier: BSL-1.0
#include "kinds.hh"

#include <fmt/format.h>

#include <algorithm>

namespace leakdir::tool {

namespace {

using ledger::Reach;
using ledger::ReachLook;

bool has_only_libcs(const Snapshot& snapshot) {
  return !snapshot.blocks.empty() &&
         std::all_of(snapshot.blocks.begin(), snapshot.blocks.end(),
                     [](const Block& block) { return (block.flags & ledger::kFlagLibc) != 0; });
}

}  // namespace

std::string_view kind_name(Reach reach) { return reach == Reach::kUnknown ? "not known" : ledger::name_of(reach); }

std::optional<KindSet> parse_kinds(std::string_view list) {
  if (list == "all") return kAllKinds;
  if (list == "none") return 0;
  KindSet kinds = 0;
  for (bool is_last = false; !is_last;) {
    const std::size_t comma = list.find(',');
    is_last = comma == std::string_view::npos;
    const std::string_view word = list.substr(0, comma);
    const auto* const known = std::find(std::begin(ledger::kReachWords) + 1, std::end(ledger::kReachWords), word);
    if (known == std::end(ledger::kReachWords)) return std::nullopt;
    kinds |= 1u << (known - std::begin(ledger::kReachWords));
    if (!is_last) list.remove_prefix(comma + 1);
  }
  return kinds;
}

std::string words_of(KindSet kinds) {
  if (kinds == kAllKinds) return "all";
  std::string words;
  for (const Reach reach : kKindOrder)
    if (reach != Reach::kUnknown && has(kinds, reach))
      words += (words.empty() ? "" : ",") + std::string(ledger::kReachWords[static_cast<unsigned>(reach)]);
  return words.empty() ? "none" : words;
}

bool knows_kinds(const Snapshot& snapshot) {
  if (snapshot.reach_look == ReachLook::kDone || snapshot.reach_look == ReachLook::kThreads) return true;
  return std::any_of(snapshot.blocks.begin(), snapshot.blocks.end(),
                     [](const Block& block) { return block.reach != Reach::kUnknown; });
}

bool has_listable(const Snapshot& snapshot) {
  return std::any_of(snapshot.blocks.begin(), snapshot.blocks.end(),
                     [&](const Block& block) { return is_shown(snapshot, block); });
}

namespace {

std::string why_no_kinds(const KindsAsked& asked) {
  switch (asked.look) {
    case ReachLook::kThreads:
      return "other threads were running when it exited, and one may have held it in a register: end the threads "
             "before, or look while it runs (report --lost)";
    case ReachLook::kNoMaps:
      return "/proc/self/maps could not be read when it exited";
    case ReachLook::kNoMemory:
      return "there was no memory to look with when it exited";
    case ReachLook::kForeign:
      return "it ran upon another allocator than glibc's";
    case ReachLook::kUnreadable:
      return "its memory could not be read when it exited";
    case ReachLook::kDone:
      return {};
    default:
      break;
  }
  if (asked.from_records) return "the record files do not say it";
  switch (asked.state) {
    case State::kRunning:
      return asked.is_saved ? "it was running, and nobody looked before it was saved"
                            : "it is running, and nobody has looked yet (--lost looks)";
    case State::kKilled:
      return "it ended without exit() (by _exit, a signal or exec), and nobody looked; if there is a core, that would "
             "tell (--core FILE)";
    default:
      return "nobody looked when it exited (reach=0, or an earlier leakdir)";
  }
}

}  // namespace

std::string why_no_kinds(const Snapshot& snapshot) {
  for (const Process& process : snapshot.processes)
    if (process.without_kind != 0)
      if (const std::string why = why_no_kinds(process.asked); !why.empty())
        return fmt::format("of process {}: {}", process.pid, why);
  const KindsAsked asked = {snapshot.reach_look, snapshot.state, snapshot.from_records, snapshot.saved_ns != 0};
  const bool is_exited = asked.look == ReachLook::kNone && !asked.from_records && asked.state == State::kExited;
  if (is_exited && has_only_libcs(snapshot))
    return "only libc's own blocks were live when it exited, and those nobody looks for";
  return why_no_kinds(asked);
}

std::string kinds_not_known(const Snapshot& snapshot) {
  return "which blocks are lost is not known: " + why_no_kinds(snapshot);
}

}  // namespace leakdir::tool
