// SPDX-License-Identifier: BSL-1.0
//
// See common_options.hh.

#include "common_options.hh"

namespace leakdir::tool {

void add_directory(CLI::App& app, std::string& directory) {
  directory = "./mem";
  app.add_option("DIR", directory, "The record directory of the program")->capture_default_str();
}

void add_symbol_options(CLI::App& app, SymbolOptions& options) {
  app.add_option("--program", options.program, "The program's file, if it is not where it was when it ran")
      ->type_name("FILE")
      ->group("Symbols");
  app.add_option("--sysroot", options.sysroot, "A copy of the device's file system, to find the libraries in")
      ->type_name("DIR")
      ->group("Symbols");
  app.add_option("--debug-path", options.debug_paths, "Where debug files and .build-id/ are (may be given again)")
      ->type_name("DIR")
      ->allow_extra_args(false)
      ->group("Symbols");
}

}  // namespace leakdir::tool
