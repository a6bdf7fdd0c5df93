// SPDX-License-Identifier: BSL-1.0
#include "symbols.hh"

namespace leakdir::tool {

void add_build_ids(const Snapshot& snapshot, SymbolOptions& options) {
  for (const auto& module : snapshot.modules) options.build_ids.insert(module.build_id);
}

std::unique_ptr<Symbols> make_dwfl_symbols(SymbolOptions options, const Snapshot& snapshot) {
  add_build_ids(snapshot, options);
  return make_dwfl_symbols(options, snapshot.start_ns);
}

FrameLines symbolise(const Snapshot& snapshot, const std::vector<std::uint32_t>& stacks, Symbols& symbols,
                     const std::function<void(std::size_t)>& progress) {
  FrameLines lines(snapshot.frames.size());
  std::vector<bool> is_done(snapshot.nodes.size());
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    // Above a node that is done, all are.
    for (std::uint32_t at = stacks[i]; at != kNone && !is_done[at]; at = snapshot.nodes[at].parent) {
      is_done[at] = true;
      const std::uint32_t index = snapshot.nodes[at].frame;
      const Frame& frame = snapshot.frames[index];
      if (frame.is_place || frame.module == kNone || !lines[index].empty()) continue;
      if (index < snapshot.names.size() && !snapshot.names[index].empty()) {
        lines[index] = snapshot.names[index];
        continue;
      }
      if (progress) progress(i);
      lines[index] = symbols.lookup(snapshot.modules[frame.module], call_offset_of(snapshot, frame));
    }
  }
  return lines;
}

}  // namespace leakdir::tool
