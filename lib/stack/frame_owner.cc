// SPDX-License-Identifier: BSL-1.0
#include "frame_owner.hh"

#include "functions.hh"
#include "ledger/ledger_file.hh"
#include "modules.hh"
#include "musl_functions.hh"
#include "system/libc.hh"
#include "walk/fast_walk.hh"

namespace leakdir {
namespace {

std::uintptr_t pc_of(std::uint32_t node) {
  return static_cast<std::uintptr_t>(ledger::low48(ledger_file.node(node)->pc_module));
}

// The loader works for the program where the program called dlopen, and else for libc (NSS, iconv, thread-local
// storage) or for itself. Where the stack was cut before that is known, nothing is hidden.
bool loads_for_program(std::uint32_t caller, const ReentryGuard& guard) {
  if (!libc_has_dlopen()) return true;
  for (; caller != 0; caller = ledger_file.node(caller)->parent) {
    const std::uintptr_t pc = pc_of(caller);
    if (function_kind(pc, guard) == FunctionKind::kLoads) return true;
    if (!is_in_libc(pc)) return false;
  }
  return true;
}

// What libc itself allocates when it loads or unloads (the loader does the rest): what it has to say of errors.
bool is_of_dlopen(std::uint32_t caller, std::uintptr_t pc, const ReentryGuard& guard) {
  if (caller == 0 || !is_in_libc(pc)) return false;
  const FunctionKind kind = function_kind(pc_of(caller), guard);
  return kind == FunctionKind::kLoads || kind == FunctionKind::kUnloads;
}

}  // namespace

std::uint32_t frame_line(std::uint32_t parent, std::uintptr_t pc, std::uint32_t module, const ReentryGuard& guard) {
  constexpr std::uint32_t kBoth = ledger::kNodeLibc | ledger::kNodeLibcBelow;
  const FunctionKind kind = function_kind(pc, guard);
  std::uint32_t line = 0;
  // What a signal's handler allocates is not libc's because libc was interrupted.
  const bool is_called = parent != 0 && kind != FunctionKind::kSignalReturn;
  if (is_called && (ledger_file.node(parent)->line & ledger::kNodeLibcBelow) != 0) line = kBoth;
  if (is_called && (ledger_file.node(parent)->line & ledger::kNodeLibcTwoBelow) != 0) line |= ledger::kNodeLibcBelow;
  if (kind == FunctionKind::kKeeper) line = kBoth;
  if (kind == FunctionKind::kKeepsTwoBelow) line |= ledger::kNodeLibcTwoBelow;
  if (kind == FunctionKind::kGivesUnlessJumpedTo && parent != 0 &&
      kind_of_called(pc_of(parent), guard) == FunctionKind::kKeeper) {
    line = kBoth;
  }
  if (kind == FunctionKind::kKeepsBelow || calls_keeper(pc)) line |= ledger::kNodeLibcBelow;
  if (kind == FunctionKind::kKeepsItsOwn) line |= ledger::kNodeLibc;
  if (kind == FunctionKind::kNew) line |= ledger::kNodeNew;
  if (kind == FunctionKind::kSignalReturn) line |= ledger::kNodeEntered | ledger::kNodeSignalReturn;
  if (kind == FunctionKind::kEntered) line |= ledger::kNodeEntered;
  // (musl's own code is walked through in another way: walk/by_code.hh.)
  const bool may_be_by_frame_pointer = kWalksWithoutTables && !(libc::kIsMusl && module != 0);
  if (may_be_by_frame_pointer && kind == FunctionKind::kUnknown && parent != 0) line |= ledger::kNodeWithoutTable;
  if (is_of_loader(module)) {
    line |= ledger::kNodeLoader;
    if (!loads_for_program(parent, guard)) line |= ledger::kNodeLibc;
  } else if (is_of_dlopen(parent, pc, guard)) {
    line |= ledger::kNodeLibc;
  }
  return line;
}

}  // namespace leakdir
