// SPDX-License-Identifier: BSL-1.0
//
// The report as one page that needs nothing else: the libraries that draw it are in it, and no network is asked.
//
// The report itself is in it as JSON, which html/page.js reads. Names are hostile input. In JSON, '<' only stands in
// texts, where it can be written as an escape: so whatever a name is, it does not end the element that the JSON is in.
//
// Blocks are only counted here, by stack and by age and size: a page about a million of them is as large as one about a
// thousand.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "advice.hh"
#include "analyse/runtime_code.hh"
#include "base/words.hh"
#include "emit.hh"
#include "frame_names.hh"
#include "html_page.hh"
#include "page_text.hh"
#include "remarks.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBadFrees = 500;

constexpr const char* kSortKeys[] = {"bytes", "blocks", "age"};  // by Sort

// Texts, nodes and frames are numbered as they come up, so that each is in the page once.
class Page {
 public:
  explicit Page(const Report& report)
      : report_(report),
        snapshot_(report.snapshot),
        names_(report),
        number_of_frame_(snapshot_.frames.size(), -1),
        number_of_node_(snapshot_.nodes.size(), -1),
        is_runtime_(snapshot_.modules.size()) {
    for (std::size_t i = 0; i < snapshot_.modules.size(); ++i)
      is_runtime_[i] = is_runtime_module(snapshot_.modules[i].path);
    report_.shown = std::min(report_.shown, kMostStacksOfPage);
  }

  Json make() {
    Json page = head();
    Json stacks = Json::array(), bad_frees = Json::array();
    for (std::size_t i = 0; i < report_.shown; ++i) stacks.push_back(stack(i));
    for (std::size_t i = 0; i < std::min(snapshot_.bad_frees.size(), kMostBadFrees); ++i)
      bad_frees.push_back(bad_free(snapshot_.bad_frees[i]));
    page["stacks"] = std::move(stacks);
    page["bad_frees"] = std::move(bad_frees);
    page["ages"] = ages();
    page["nodes"] = {{"frame", std::move(node_frames_)}, {"parent", std::move(node_parents_)}};
    page["frames"] = std::move(frames_);
    page["names"] = std::move(texts_);
    return page;
  }

 private:
  Json head() const {
    const Grouped& grouped = report_.grouped;
    std::vector<std::string> notes;
    for (const auto& more :
         {grouped.knows_kinds ? std::vector<std::string>() : kinds_in_words(report_), what_is_left_out(report_),
          snapshot_.notices, unused(report_.suppressions), advice_on_symbols(report_)})
      notes.insert(notes.end(), more.begin(), more.end());
    if (snapshot_.sample_bytes != 0)
      notes.push_back(fmt::format("in the sample: {}, {}; figures for all blocks are estimates: {}",
                                  count_of(grouped.blocks, "block"), bytes_of(grouped.bytes), in_words(grouped.all)));
    if (snapshot_.bad_frees.size() > kMostBadFrees)
      notes.push_back(
          fmt::format("{} more, not in this page", count_of(snapshot_.bad_frees.size() - kMostBadFrees, "bad free")));
    const bool is_known = !snapshot_.program.empty();
    const std::string program = printable(snapshot_.program);
    return {{"title", is_known ? file_name_of(program) : "unknown program"},
            {"process", is_known ? program + ", " + about_process(snapshot_) : about_process(snapshot_)},
            {"seen", what_leakdir_saw(snapshot_)},
            {"sort", kSortKeys[static_cast<std::size_t>(grouped.sort)]},
            {"totals",
             {{"blocks", grouped.all.whole_blocks()},
              {"bytes", grouped.all.whole_bytes()},
              {"stacks", grouped.groups.size()}}},
            {"rest", rest()},
            {"kinds", kinds()},
            {"bad_frees_seen", snapshot_.bad_frees_seen},
            {"warnings", printable_all(with_damage(snapshot_, report_.warnings))},
            {"leads", leads()},
            {"notes", printable_all(notes)},
            {"modules", modules()},
            {"calls", ledger::kCallNames}};
  }

  // [text, index of the stack that it is about; -1: it is not in the page]
  Json leads() const {
    const auto& groups = report_.grouped.groups;
    const auto end = groups.begin() + static_cast<std::ptrdiff_t>(report_.shown);
    Json list = Json::array();
    for (const Lead& lead : where_to_look(report_)) {
      const auto found = std::find_if(
          groups.begin(), end, [&](const Group& group) { return lead.stack != kNone && group.stack == lead.stack; });
      list.push_back({printable(lead.text), found == end ? -1 : found - groups.begin()});
    }
    return list;
  }

  // What is not shown, by kind.
  Json rest() const {
    KindSums sums = {};
    const auto& groups = report_.grouped.groups;
    for (std::size_t i = report_.shown; i < groups.size(); ++i) {
      KindSum& sum = sums[static_cast<std::size_t>(groups[i].reach)];
      ++sum.stacks;
      sum.all += groups[i].all;
    }
    Json list = Json::array();
    for (const auto& sum : sums)
      list.push_back({{"blocks", sum.all.whole_blocks()}, {"bytes", sum.all.whole_bytes()}, {"stacks", sum.stacks}});
    return list;
  }

  // Names of the kinds by their number; none: nobody looked.
  Json kinds() const {
    Json names = Json::array();
    if (report_.grouped.knows_kinds)
      for (std::size_t i = 0; i < ledger::kReaches; ++i) names.push_back(kind_name(static_cast<ledger::Reach>(i)));
    return names;
  }

  static std::vector<std::string> printable_all(std::vector<std::string> texts) {
    for (auto& text : texts) text = printable(text);
    return texts;
  }

  // Names of libraries; [0] is the program's.
  std::vector<std::string> modules() const {
    std::vector<std::string> names = {printable(file_name_of(snapshot_.program))};
    for (const auto& module : snapshot_.modules) names.push_back(printable(file_name_of(module.path)));
    return names;
  }

  // [blocks, bytes, call, milliseconds of the oldest, node, [remarks], own frame, kind]; the own frame is the number of
  // a line as the page has them, where the place of the macro hook is one too; -1: there is none
  Json stack(std::size_t index) {
    const Group& group = report_.grouped.groups[index];
    Json remarks = Json::array();
    if (snapshot_.sample_bytes != 0)
      remarks.push_back(
          fmt::format("in the sample: {}, {}", count_of(group.blocks.size(), "block"), bytes_of(group.bytes)));
    if (group.inherited != 0) remarks.push_back(fmt::format("{} inherited from the parent", group.inherited));
    if (group.is_early) remarks.push_back("from before start-up: the caller is all that is known");
    if (group.is_truncated) remarks.push_back("deeper frames were not kept");
    if (report_.growth != nullptr) {
      const Change& change = report_.growth->groups[index];
      if (change.blocks != 0 || change.bytes != 0)
        remarks.push_back(fmt::format("{} {}", change_of(change.bytes, change.blocks), report_.growth->when));
    }
    const StackLines lines = lines_of(snapshot_, report_.lines, group.stack);
    const std::size_t own = report_.wrappers.own_frame(lines);
    const int places = lines.place.empty() ? 0 : 1;
    const int number_in_page = own == kNoFrame ? places - 1 : static_cast<int>(own) + places;
    return {group.all.whole_blocks(), group.all.whole_bytes(), group.call,     milliseconds_until_end(group.oldest_ns),
            node(group.stack),        std::move(remarks),      number_in_page, static_cast<unsigned>(group.reach)};
  }

  std::int64_t milliseconds_until_end(std::int64_t time_ns) const {
    return std::max<std::int64_t>(snapshot_.end_ns - time_ns, 0) / 1000000;
  }

  Json bad_free(const BadFree& bad_free) {
    std::string facts = fmt::format("at {}", hex_of(bad_free.address));
    if (bad_free.block != 0) facts += fmt::format(", block {}", hex_of(bad_free.block));
    if (bad_free.block_bytes != 0) facts += fmt::format(" of {}", bytes_of(bad_free.block_bytes));
    const Thread& thread = snapshot_.threads[bad_free.thread];
    if (thread.tid != 0) facts += fmt::format(", thread {} {}", thread.tid, printable(thread.name));
    facts += ", " + utc_of(bad_free.time_ns);
    Json stacks = Json::array({{"freed here", node(bad_free.free_stack)}});
    if (bad_free.first_free_stack != kNone)
      stacks.push_back(
          {"freed before here (the caller is all that is kept of a free)", node(bad_free.first_free_stack)});
    if (bad_free.allocation_stack != kNone) stacks.push_back({"allocated here", node(bad_free.allocation_stack)});
    return {{"kind", ledger::kBadFreeNames[bad_free.kind]}, {"facts", facts}, {"stacks", std::move(stacks)}};
  }

  int text(const std::string& text) {
    auto [at, is_new] = text_of_.try_emplace(text, static_cast<int>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return at->second;
  }

  int node(std::uint32_t index) {
    if (index == kNone) return -1;
    // From the outermost that is not yet there inwards: parents come first here too.
    std::vector<std::uint32_t> path;
    for (; index != kNone && number_of_node_[index] < 0; index = snapshot_.nodes[index].parent) path.push_back(index);
    int number = index == kNone ? -1 : number_of_node_[index];
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      node_frames_.push_back(frame(snapshot_.nodes[*at].frame));
      node_parents_.push_back(number);
      number = number_of_node_[*at] = static_cast<int>(node_parents_.size()) - 1;
    }
    return number;
  }

  // [module, [[name, position, flags, line of the source if it is here], innermost inlined function first]]; module 0
  // is the program.
  int frame(std::uint32_t index) {
    int& number = number_of_frame_[index];
    if (number >= 0) return number;
    const Frame& frame = snapshot_.frames[index];
    const bool has_module = !frame.is_place && frame.module != kNone;
    const auto& names = names_.of(index);
    const auto& known = report_.lines[index];
    Json lines = Json::array();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const SourceLine line = i < known.size() ? known[i] : SourceLine();
      std::string at = line.file.empty() ? "" : fmt::format("{}:{}", printable(line.file), line.line);
      if (at.empty() && has_module)
        at = fmt::format("{}+{}", printable(snapshot_.modules[frame.module].path), hex_of(offset_of(snapshot_, frame)));
      if (frame.by_frame_pointer && !line.inlined) at += at.empty() ? "by frame pointer" : ", by frame pointer";
      unsigned flags = line.inlined ? kInlinedInPage : 0;
      if ((has_module && is_runtime_[frame.module]) || is_runtime_line(line) ||
          report_.wrappers.is_wrapper(line.function))
        flags |= kRuntimeInPage;
      lines.push_back({text(names[i]), text(at), flags});
      if (report_.sources == nullptr) continue;
      const auto source = report_.sources->find({line.file, line.line});
      if (source != report_.sources->end()) lines.back().push_back(text(printable(source->second)));
    }
    const bool is_program = !has_module || snapshot_.modules[frame.module].is_program;
    frames_.push_back({is_program ? 0 : frame.module + 1, std::move(lines)});
    return number = static_cast<int>(frames_.size()) - 1;
  }

  // [column, row, blocks, bytes, kind]: a column is half a power of ten of milliseconds, a row a power of two of bytes.
  Json ages() const {
    std::map<std::tuple<int, int, unsigned>, Estimate> cells;
    for (const auto& group : report_.grouped.groups) {
      for (std::uint32_t index : group.blocks) {
        const Block& block = snapshot_.blocks[index];
        const auto age = static_cast<double>(std::max<std::int64_t>(milliseconds_until_end(block.time_ns), 1));
        int row = 0;
        for (std::uint64_t size = block.size; size > 1; size >>= 1) ++row;
        cells[{static_cast<int>(2 * std::log10(age)), row, static_cast<unsigned>(group.reach)}].add(block);
      }
    }
    Json list = Json::array();
    for (const auto& [at, cell] : cells) {
      const auto& [column, row, kind] = at;
      list.push_back({column, row, cell.whole_blocks(), cell.whole_bytes(), kind});
    }
    return list;
  }

  Report report_;
  const Snapshot& snapshot_;
  FrameNames names_;
  std::vector<int> number_of_frame_, number_of_node_;  // in the page; -1: not there yet
  std::vector<bool> is_runtime_;                       // by module
  Json frames_ = Json::array();
  std::vector<int> node_frames_, node_parents_;
  std::vector<std::string> texts_;
  std::unordered_map<std::string, int> text_of_;
};

}  // namespace

void require_html() {}

void emit_html(const Report& report, const Sink& sink) {
  sink(kPageBeforeReport);
  sink(for_page(Page(report).make()));
  sink(kPageAfterReport);
}

}  // namespace leakdir::tool
