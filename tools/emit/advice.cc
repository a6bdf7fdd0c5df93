// SPDX-License-Identifier: BSL-1.0
#include "advice.hh"

#include <fmt/format.h>

#include <algorithm>

#include "analyse/runtime_code.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

struct Known {
  bool is_used = false, functions = false, lines = false;
};

std::vector<Known> known_of_modules(const Report& report) {
  const Snapshot& snapshot = report.snapshot;
  std::vector<Known> known(snapshot.modules.size());
  for (std::uint32_t stack : shown_stacks(snapshot, report.grouped, report.shown)) {
    for (std::uint32_t index : frames_of(snapshot, stack)) {
      const Frame& frame = snapshot.frames[index];
      if (frame.is_place || frame.module == kNone) continue;
      Known& module = known[frame.module];
      module.is_used = true;
      for (const auto& line : report.lines[index]) {
        module.functions |= !line.function.empty();
        module.lines |= line.line != 0;
      }
    }
  }
  return known;
}

std::string debug_file_of(const Module& module) {
  return module.build_id.empty() ? "its debug file" : "the debug file of build-id " + hex_of_bytes(module.build_id);
}

}  // namespace

std::vector<std::string> advice_on_symbols(const Report& report) {
  const auto known = known_of_modules(report);
  std::vector<std::string> advice;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Module& module = report.snapshot.modules[i];
    if (!known[i].is_used || known[i].lines || is_runtime_module(module.path)) continue;
    const auto& unreadable = report.unreadable;
    if (std::find(unreadable.begin(), unreadable.end(), module.path) != unreadable.end()) continue;
    const char* file = module.is_program ? "--program FILE" : "--sysroot DIR";
    if (known[i].functions)
      advice.push_back(fmt::format("no lines are known for {}: compile it with -g, or give {} by --debug-path DIR",
                                   module.path, debug_file_of(module)));
    else
      advice.push_back(
          fmt::format("no names are known for {}: give the file with its symbols by {}, or {} by "
                      "--debug-path DIR; build it with -g and keep a copy that is not stripped",
                      module.path, file, debug_file_of(module)));
  }
  return advice;
}

}  // namespace leakdir::tool
