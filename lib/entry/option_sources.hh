// SPDX-License-Identifier: BSL-1.0
//
// Where the options come from: the program's own defaults, the config file, the environment, one over the other. What
// their text means is for shared/options.cc.

#pragma once

#include "shared/options.hh"
#include "system/base.hh"

namespace leakdir {

// As read at start.
LEAKDIR_OURS extern Options options;

struct ConfigFile {
  char path[4096];  // absolute; watched, even if there is no such file yet
  bool is_there;
  bool is_named;  // by the environment
};
LEAKDIR_OURS extern ConfigFile config_file;

void read_options(char** environment);

}  // namespace leakdir
