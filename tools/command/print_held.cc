// SPDX-License-Identifier: BSL-1.0
#include "print_held.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hh"
#include "base/utf8.hh"
#include "base/words.hh"
#include "load/load.hh"
#include "reach/find_lost.hh"
#include "reach/holders.hh"
#include "reach/retained.hh"
#include "reach/root_names.hh"

namespace leakdir::tool {

namespace {

constexpr std::int64_t kRecentNs = 60'000'000'000;

std::string row_of(const Retained& root, bool has_growth) {
  const std::uint64_t before = root.bytes - root.recent_bytes;
  std::string growth;
  if (has_growth && root.recent_bytes != 0)
    growth = before == 0 ? ", all of it new in the last minute"
                         : fmt::format(", +{:.0f} % in the last minute",
                                       100.0 * static_cast<double>(root.recent_bytes) / static_cast<double>(before));
  const std::string amount = fmt::format("{}, {}{}", count_of(root.blocks, "block"), bytes_of(root.bytes), growth);
  return root.root.empty() ? fmt::format("shared by several roots: {}", amount)
                           : fmt::format("{} holds {}", root.root, amount);
}

Retained sum_of(const std::vector<Retained>& roots, std::size_t from) {
  Retained sum;
  for (std::size_t i = from; i < roots.size(); ++i) {
    sum.blocks += roots[i].blocks;
    sum.bytes += roots[i].bytes;
    sum.recent_bytes += roots[i].recent_bytes;
  }
  return sum;
}

std::string text_of(const Snapshot& snapshot, const Retained& all, const std::vector<Retained>& roots,
                    std::size_t shown) {
  // Of what several share it is not told how many roots they are.
  const auto is_shared = [](const Retained& one) { return one.root.empty(); };
  std::string out = fmt::format("{} still reachable, {}", count_of(all.blocks, "block"), bytes_of(all.bytes));
  if (std::none_of(roots.begin(), roots.end(), is_shared))
    out += fmt::format(", held by {}", count_of(roots.size(), "root"));
  out += "\n";
  const bool has_growth = snapshot.state == State::kRunning && snapshot.end_ns - snapshot.start_ns > kRecentNs;
  for (std::size_t i = 0; i < shown; ++i) out += printable(row_of(roots[i], has_growth)) + "\n";
  if (shown < roots.size()) {
    const Retained rest = sum_of(roots, shown);
    const bool has_shared = std::any_of(roots.begin() + static_cast<std::ptrdiff_t>(shown), roots.end(), is_shared);
    out +=
        fmt::format("{} more{}: {}, {}\n", count_of(roots.size() - shown - (has_shared ? 1 : 0), "root"),
                    has_shared ? ", and what several share" : "", count_of(rest.blocks, "block"), bytes_of(rest.bytes));
  }
  return out;
}

std::string json_of(const Snapshot& snapshot, const Retained& all, const std::vector<Retained>& roots,
                    std::size_t shown) {
  const auto object = [](const Retained& one) {
    return nlohmann::ordered_json{
        {"blocks", one.blocks}, {"bytes", one.bytes}, {"bytes_of_last_minute", one.recent_bytes}};
  };
  nlohmann::ordered_json json = {{"version", 1}, {"program", snapshot.program}, {"pid", snapshot.pid}};
  json["held"] = object(all);
  json["roots"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    nlohmann::ordered_json root = object(roots[i]);
    if (!roots[i].root.empty()) root["root"] = roots[i].root;
    root["is_shared"] = roots[i].root.empty();
    json["roots"].push_back(std::move(root));
  }
  json["not_shown"] = object(sum_of(roots, shown));
  return dump_json(std::move(json)) + "\n";
}

}  // namespace

int print_held(const std::string& directory, const ReportOptions& wanted) {
  if (wanted.format != "text" && wanted.format != "json") throw Error("--held is for text and JSON");
  Snapshot snapshot = load(directory, wanted.kinds.core.empty() ? BlocksWanted::kNoneOfRunning : BlocksWanted::kAll);
  Holders holders;
  holders.wants_pointers = true;
  find_holders(snapshot, wanted.kinds.core, holders);
  snapshot.lists_libc |= wanted.lists_libc;
  const auto symbols = make_dwfl_symbols(wanted.symbols, snapshot);
  const RootNames names(snapshot, holders, *symbols);
  const auto roots = retained_by_root(
      snapshot, holders, [&](std::uint64_t location, std::uint32_t block) { return names.of(location, block).name; });

  const Retained all = sum_of(roots, 0);
  const std::size_t shown = wanted.top == 0 ? roots.size() : std::min(wanted.top, roots.size());
  const std::string out =
      wanted.format == "json" ? json_of(snapshot, all, roots, shown) : text_of(snapshot, all, roots, shown);
  Output output(wanted.output);
  output.write(out);
  output.finish();
  for (const auto& notice : snapshot.notices) say("note: " + notice);
  for (const auto& warning : with_damage(snapshot, snapshot.warnings)) say("warning: " + warning);
  for (const auto& warning : symbols->warnings()) say("warning: " + warning);
  return 0;
}

}  // namespace leakdir::tool
