// SPDX-License-Identifier: BSL-1.0
//
// Two runs, or two looks at one, as a page: the page of a report, whose graph shows what has changed. A frame is as
// wide as what has changed below it; what grew is red, what shrank is blue, and what became of a stack stands where
// a report has the kind. The JSON is that of emit_html.cc, but for `diff`, and what each stack was before and after.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include "analyse/runtime_code.hh"
#include "base/words.hh"
#include "difference_text.hh"
#include "emit_diff.hh"
#include "frame_names.hh"
#include "html_page.hh"
#include "page_text.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFates = static_cast<std::size_t>(Fate::kSame) + 1;

struct Weight {
  std::uint64_t blocks = 0, bytes = 0, stacks = 0;
};

// How much has changed the way that its fate says: what has more blocks and fewer bytes has grown by blocks alone. Of a
// stack that did not grow but was lost, how much of it.
Weight weight_of(const Difference& difference) {
  if (difference.fate == Fate::kLost) {
    const Amount now = difference.after->lost(), then = difference.before->lost();
    return {now.blocks - std::min(then.blocks, now.blocks), now.bytes - std::min(then.bytes, now.bytes), 1};
  }
  const auto by = [&](std::int64_t change) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(is_worse(difference.fate) ? change : -change, 0));
  };
  return {by(difference.blocks), by(difference.bytes), 1};
}

class DiffPage {
 public:
  explicit DiffPage(const Comparison& comparison) : comparison_(comparison) {}

  Json make() {
    std::array<Weight, kFates> all = {}, rest = {};
    Json stacks = Json::array();
    std::size_t most = kMostStacksOfPage;
    if (comparison_.top != 0) most = std::min(most, comparison_.top);
    for (const auto& difference : largest_first()) {
      const Weight weight = weight_of(*difference);
      add(all[number_of(difference->fate)], weight);
      if (difference->fate == Fate::kSame) continue;
      if (stacks.size() < most)
        stacks.push_back(stack(*difference, weight));
      else
        add(rest[number_of(difference->fate)], weight);
    }
    Json page = head(all);
    page["rest"] = Json::array();
    for (const auto& sum : rest) page["rest"].push_back(json_of(sum));
    page["calls"] = calls_;
    page["stacks"] = std::move(stacks);
    page["nodes"] = {{"frame", std::move(node_frames_)}, {"parent", std::move(node_parents_)}};
    page["frames"] = std::move(frames_);
    page["names"] = std::move(texts_);
    page["modules"] = modules_;
    return page;
  }

 private:
  static std::size_t number_of(Fate fate) { return static_cast<std::size_t>(fate); }
  static void add(Weight& sum, const Weight& more) {
    sum.blocks += more.blocks;
    sum.bytes += more.bytes;
    sum.stacks += more.stacks;
  }
  static Json json_of(const Weight& weight) {
    return {{"blocks", weight.blocks}, {"bytes", weight.bytes}, {"stacks", weight.stacks}};
  }

  // By how much has changed, so that what is left out is what matters least, whether it grew or shrank.
  std::vector<const Difference*> largest_first() const {
    std::vector<const Difference*> all;
    for (const auto& difference : comparison_.stacks) all.push_back(&difference);
    std::stable_sort(all.begin(), all.end(), [](const Difference* a, const Difference* b) {
      const Weight of_a = weight_of(*a), of_b = weight_of(*b);
      return std::make_pair(of_a.bytes, of_a.blocks) > std::make_pair(of_b.bytes, of_b.blocks);
    });
    return all;
  }

  static std::string side(const char* which, const Tally& tally) {
    return fmt::format("{}: {}{}, {} in {}, {}", which, printable(tally.origin),
                       tally.state.empty() ? "" : ", " + printable(tally.state), bytes_of(tally.bytes()),
                       count_of(tally.blocks(), "block"), count_of(tally.stacks.size(), "stack") + " by function");
  }

  Json head(const std::array<Weight, kFates>& all) const {
    const Tally &before = comparison_.before, &after = comparison_.after;
    const auto change = [](std::uint64_t now, std::uint64_t then) { return static_cast<std::int64_t>(now - then); };
    std::vector<std::string> notes, warnings;
    if (all[number_of(Fate::kSame)].stacks != 0)
      notes.push_back(fmt::format("as before: {} by function", count_of(all[number_of(Fate::kSame)].stacks, "stack")));
    if (before.sample_bytes + after.sample_bytes != 0) notes.emplace_back("figures are estimates, from samples");
    for (const auto& difference : comparison_.bad_frees)
      if (is_worse(difference.fate)) warnings.push_back(bad_free_difference_head(difference));
    for (const auto* tally : {&before, &after}) {
      for (const auto& notice : tally->notices) notes.push_back(printable(notice));
      for (const auto& warning : tally->warnings)
        warnings.push_back(fmt::format("{}: {}", printable(tally->origin), printable(warning)));
    }
    Weight sum;
    for (const auto& weight : all) add(sum, weight);
    Json fates = Json::array();
    for (std::size_t i = 0; i < kFates; ++i) fates.push_back(name_of(static_cast<Fate>(i)));
    const std::string& program = after.program.empty() ? before.program : after.program;
    return {{"title", program.empty() ? "unknown program" : printable(file_name_of(program))},
            {"process", side("old", before) + "; " + side("new", after)},
            {"seen", ""},
            {"sort", "bytes"},
            {"diff",
             {{"bytes", change(after.bytes(), before.bytes())}, {"blocks", change(after.blocks(), before.blocks())}}},
            {"totals", {{"blocks", sum.blocks}, {"bytes", sum.bytes}, {"stacks", comparison_.stacks.size()}}},
            {"kinds", fates},
            {"bad_frees_seen", 0},
            {"bad_frees", Json::array()},
            {"ages", Json::array()},
            {"warnings", warnings},
            {"leads", Json::array()},
            {"notes", notes}};
  }

  // As emit_html.cc has it; in place of the age [blocks before, bytes before, blocks after, bytes after].
  Json stack(const Difference& difference, const Weight& weight) {
    const TallyStack& stack = difference.stack();
    const auto call = calls_number_.try_emplace(stack.call, calls_.size());
    if (call.second) calls_.push_back(printable(stack.call));
    Json sides = Json::array();
    for (const TallyStack* one : {difference.before, difference.after}) {
      sides.push_back(one == nullptr ? 0 : one->blocks);
      sides.push_back(one == nullptr ? 0 : one->bytes);
    }
    const int places = stack.place.empty() ? 0 : 1;
    const int own = stack.own < stack.frames.size() ? static_cast<int>(stack.own) + places : places - 1;
    return {weight.blocks,
            weight.bytes,
            call.first->second,
            std::move(sides),
            node_of(stack),
            Json::array(),
            stack.frames.empty() && !stack.identity.empty() ? 0 : own,
            number_of(difference.fate)};
  }

  int node_of(const TallyStack& stack) {
    int node = -1;
    const auto step = [&](int frame) {
      const auto [known, is_new] = nodes_.try_emplace(std::make_pair(frame, node), node_frames_.size());
      if (is_new) {
        node_frames_.push_back(frame);
        node_parents_.push_back(node);
      }
      node = static_cast<int>(known->second);
    };
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) step(frame_of(*frame));
    if (stack.frames.empty())
      for (auto name = stack.identity.rbegin(); name != stack.identity.rend(); ++name)
        step(frame_of(printable(*name), "", "", false, false));
    if (!stack.place.empty())
      step(frame_of(printable(file_name_of(stack.place)), printable(stack.place), "", false, false));
    return node;
  }

  int frame_of(const TallyFrame& frame) {
    const SourceLine& line = frame.line;
    const std::string position = frame.module.empty() ? frame.offset : frame.module + "+" + frame.offset;
    const std::string name = line.function.empty() ? file_name_of(position) : readable_function(line.function);
    const bool is_runtime = is_runtime_module(frame.module) || is_runtime_line(line);
    return frame_of(printable(name),
                    printable(line.file.empty() ? position : fmt::format("{}:{}", line.file, line.line)), frame.module,
                    line.inlined, is_runtime);
  }

  int frame_of(const std::string& name, const std::string& at, const std::string& module, bool is_inlined,
               bool is_runtime) {
    const std::string key = name + '\0' + at + '\0' + module + (is_inlined ? "1" : "0");
    const auto [known, is_new] = frame_numbers_.try_emplace(key, frames_.size());
    if (!is_new) return static_cast<int>(known->second);
    const bool is_program =
        module.empty() || module == comparison_.after.program || module == comparison_.before.program;
    std::size_t number = 0;  // the program's
    if (!is_program) {
      const auto [library, is_new_library] = module_numbers_.try_emplace(module, modules_.size());
      if (is_new_library) modules_.push_back(printable(file_name_of(module)));
      number = library->second;
    }
    const unsigned flags = (is_inlined ? kInlinedInPage : 0) | (is_runtime ? kRuntimeInPage : 0);
    frames_.push_back({number, Json::array({Json::array({text(name), text(at), flags})})});
    return static_cast<int>(known->second);
  }

  std::size_t text(const std::string& text) {
    const auto [known, is_new] = text_numbers_.try_emplace(text, texts_.size());
    if (is_new) texts_.push_back(text);
    return known->second;
  }

  const Comparison& comparison_;
  Json frames_ = Json::array();
  std::vector<int> node_frames_, node_parents_;
  std::vector<std::string> texts_, calls_, modules_ = {""};
  std::unordered_map<std::string, std::size_t> text_numbers_, frame_numbers_, module_numbers_, calls_number_;
  std::map<std::pair<int, int>, std::size_t> nodes_;  // by frame and parent
};

}  // namespace

void emit_diff_html(const Comparison& comparison, const Sink& sink) {
  sink(kPageBeforeReport);
  sink(for_page(DiffPage(comparison).make()));
  sink(kPageAfterReport);
}

}  // namespace leakdir::tool
