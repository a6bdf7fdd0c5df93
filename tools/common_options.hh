// SPDX-License-Identifier: BSL-1.0
//
// Options that several commands have, so that they are spelled and explained the same everywhere.

#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "symbols.hh"

namespace leakdir::tool {

void add_directory(CLI::App& app, std::string& directory);
void add_symbol_options(CLI::App& app, SymbolOptions& options);

}  // namespace leakdir::tool
