// SPDX-License-Identifier: BSL-1.0
#include "installation.hh"

#include <stdexcept>

#include "paths.hh"
#include "run_program.hh"

namespace leakdir_test {

namespace {

Outcome run_or_throw(const Command& command) {
  Outcome outcome = run(command);
  if (!outcome.exited_with(0)) throw std::runtime_error(outcome.describe());
  return outcome;
}

}  // namespace

std::string build_root() { return std::string(kTool).substr(0, std::string(kTool).rfind("/tools/")); }

void install_below(const std::string& root) {
  run_or_throw({{"meson", "install", "-C", build_root(), "--no-rebuild"}, "", {{"DESTDIR", root}}, "", 120});
}

Installation::Installation() {
  install_below(scratch_ / "stage");
  prefix_ = scratch_ / "moved";
  const std::string move =
      "tool=$(find stage -path '*/bin/leakdir'); mv \"${tool%/bin/leakdir}\" moved; rm -rf stage;"
      "dirname \"$(find \"$PWD\"/moved -name leakdir.o)\"";
  libdir_ = lines_of(run_or_throw({{"sh", "-ec", move}, scratch_.path(), {}, "", 60}).out).at(0);
}

}  // namespace leakdir_test
