// SPDX-License-Identifier: BSL-1.0
//
// Of several processes as one: what each has of its own.

#pragma once

#include <nlohmann/json.hpp>

#include "load/snapshot.hh"

namespace leakdir::tool {

// Adds nothing where there is one.
inline void add_processes(nlohmann::ordered_json& json, const Snapshot& snapshot) {
  for (const auto& process : snapshot.processes)
    json["processes"].push_back({{"pid", process.pid},
                                 {"program", process.program},
                                 {"state", name_of(process.state)},
                                 {"blocks", process.blocks},
                                 {"bytes", process.bytes}});
}

}  // namespace leakdir::tool
