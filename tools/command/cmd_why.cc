// SPDX-License-Identifier: BSL-1.0
//
// leakdir why: who holds a block, from a root to it, by the shortest way; or that nobody does.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "analyse/group.hh"
#include "analyse/report_model.hh"
#include "analyse/stack_lines.hh"
#include "analyse/wrappers.hh"
#include "base/error.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "load/load.hh"
#include "look_up.hh"
#include "reach/find_lost.hh"
#include "reach/holders.hh"
#include "reach/kinds.hh"
#include "reach/root_names.hh"

namespace leakdir::tool {

namespace {

std::optional<std::uint64_t> parse_address(const std::string& text) {
  const bool has_prefix = text.rfind("0x", 0) == 0 || text.rfind("0X", 0) == 0;
  std::uint64_t address = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + (has_prefix ? 2 : 0), end, address, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return address;
}

// What is wrong with the usage; empty: nothing.
std::string what_is_wrong(const std::string& directory, const std::string& address) {
  if (parse_address(address)) return {};
  if (parse_address(directory))
    return fmt::format("the block's address comes after DIR: leakdir why {} {}", address, directory);
  std::error_code error;
  if (std::filesystem::exists(address, error))
    return fmt::format("of which block? Its address comes after DIR, as in the name of its record: leakdir why {} 0x…",
                       address);
  return fmt::format("{} is no address (0x…, as in the name of a record)", address);
}

class WhyCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory_and(app, "ADDRESS", directory_, address_,
                      "The block's address, as in the name of its record; alone or after DIR", what_is_wrong);
    add_core(app, kinds_);
    add_alloc_fn(app, alloc_fns_);
    add_symbol_options(app, symbol_options_);
    add_footer(app,
               "Looks at a running process (which stops for a moment), or at a core. Exit status: 0 done; 1 could "
               "not; 2 usage.");
  }

  int run() override {
    const std::uint64_t address = parse_address(address_).value_or(0);
    Snapshot snapshot = load(directory_, kinds_.core.empty() ? BlocksWanted::kNoneOfRunning : BlocksWanted::kAll);
    Holders holders;
    find_holders(snapshot, kinds_.core, holders);
    const auto found = std::find_if(snapshot.blocks.begin(), snapshot.blocks.end(), [&](const Block& block) {
      return address >= block.address && address - block.address < std::max<std::uint64_t>(block.size, 1);
    });
    if (found == snapshot.blocks.end()) throw Error(fmt::format("no live block is at {}", hex_of(address)));

    // From the block to its root, and then the other way round.
    std::vector<std::uint32_t> chain = {static_cast<std::uint32_t>(found - snapshot.blocks.begin())};
    while (holders.of[chain.back()].block != kNone && chain.size() <= snapshot.blocks.size())
      chain.push_back(holders.of[chain.back()].block);
    std::reverse(chain.begin(), chain.end());

    GroupOptions options;
    options.lists_libc = true;
    const Grouped grouped = group(snapshot, options);
    const auto symbols = make_dwfl_symbols(symbol_options_, snapshot);
    const FrameLines lines = look_up(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), *symbols);
    Wrappers wrappers(alloc_fns_);
    wrappers.learn(snapshot, grouped, lines);
    const auto describe = [&](const Block& block) {
      const StackLines stack = lines_of(snapshot, lines, block.stack);
      const std::size_t own = wrappers.own_frame(stack);
      const SourceLine* const line = own == kNoFrame ? nullptr : stack.lines[own].line;
      std::string made;
      if (line != nullptr && !line->function.empty()) {
        const std::string place = place_of(line->file, line->line);
        made = fmt::format(", made in {}{}", line->function, place.empty() ? "" : " (" + place + ")");
      }
      return fmt::format("{}: {}{}", hex_of(block.address), bytes_of(block.size), made);
    };

    std::string out = fmt::format("{} is {}\n", describe(*found), kind_name(found->reach));
    const Block& first = snapshot.blocks[chain.front()];
    const std::uint64_t location = holders.of[chain.front()].location;
    const bool is_lost = first.reach == ledger::Reach::kDefinite || first.reach == ledger::Reach::kIndirect ||
                         first.reach == ledger::Reach::kUnknown;
    if (is_lost) {
      out += chain.size() == 1 ? "nobody points to it\n"
                               : "held by blocks that are lost themselves, the first of which nobody holds\n";
    } else {
      const RootName root = RootNames(snapshot, holders, *symbols).of(location, chain.front());
      out += fmt::format("held by {}{}\n", root.name, root.offset == 0 ? "" : fmt::format(" +{}", root.offset));
    }
    for (std::size_t i = 0; i < chain.size() && (chain.size() > 1 || !is_lost); ++i) {
      const Block& block = snapshot.blocks[chain[i]];
      out += fmt::format("  {} {}\n", i == 0 && is_lost ? "  " : "->", describe(block));
      if (i + 1 < chain.size())
        out += fmt::format("     at {} of it a pointer to\n", holders.of[chain[i + 1]].location - block.address);
    }
    Output output("");
    output.write(printable_lines(out));
    output.finish();
    for (const auto& notice : snapshot.notices) say("note: " + notice);
    for (const auto& warning : with_damage(snapshot, snapshot.warnings)) say("warning: " + warning);
    for (const auto& warning : symbols->warnings()) say("warning: " + warning);
    return 0;
  }

 private:
  static std::string printable_lines(const std::string& text) {
    std::string out;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
      end = text.find('\n', at);
      out += printable(text.substr(at, end - at)) + "\n";
    }
    return out;
  }

  std::string directory_, address_;
  KindOptions kinds_;
  std::vector<std::string> alloc_fns_;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_why() { return std::make_unique<WhyCommand>(); }

}  // namespace leakdir::tool
