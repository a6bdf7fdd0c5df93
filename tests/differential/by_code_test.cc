// SPDX-License-Identifier: BSL-1.0
//
// What the walk through code without tables finds out (walk/by_code.hh), compared with what tables say, in libraries
// that have them: for each call in them where the caller's frame begins, and where rbp was saved.

#include "walk/by_code.hh"

#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "walk/fde.hh"
#include "walk/find_fde.hh"
#include "walk/instruction_x86_64.hh"
#include "walk/step.hh"

namespace leakdir {
namespace {

struct Function {
  std::uintptr_t start, end;
};

// The functions of a library, by its sorted table.
struct Library {
  const char* name;
  std::vector<Function> functions;
};

int see_module(dl_phdr_info* info, std::size_t, void* context) {
  Library& wanted = *static_cast<Library*>(context);
  if (std::strstr(info->dlpi_name, wanted.name) == nullptr) return 0;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME) continue;
    const std::uintptr_t header = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const auto* words = reinterpret_cast<const std::int32_t*>(header);
    const auto count = static_cast<unsigned>(words[2]);
    for (unsigned k = 0; k < count; ++k) {
      const std::uintptr_t start = header + static_cast<std::uintptr_t>(std::intptr_t{words[3 + 2 * k]});
      FoundFde found;
      FdeRange range;
      if (find_fde(start, &found) && read_fde_range(found.entry, &range)) {
        wanted.functions.push_back({start, start + range.bytes});
      }
    }
  }
  return 1;
}

Library library(const char* name) {
  Library found = {name, {}};
  dl_iterate_phdr(see_module, &found);
  return found;
}

bool is_call(const Instruction& at) {
  return at.is_one_byte(0xe8) || (at.is_one_byte(0xff) && (at.modrm >> 3 & 7) == 2);
}

// Of a whole library.
struct Tally {
  unsigned functions = 0, read_to_their_end = 0;
  unsigned calls = 0, alike = 0, different = 0;
};

void compare(std::uintptr_t pc, Tally& tally) {
  const Rule by_table = rule_for(pc), by_code = rule_by_code(pc);
  if (by_table.kind() != RuleKind::kFromSp && by_table.kind() != RuleKind::kFromBp) return;
  ++tally.calls;
  if (by_code.kind() != RuleKind::kByCode) return;
  const auto words = static_cast<std::uint32_t>(by_code.offset() / kWord);
  const bool is_from_bp = (words & kFromBpByCode) != 0;
  if (is_from_bp != (by_table.kind() == RuleKind::kFromBp)) return;  // another way to say it
  const bool is_alike =
      (words & ~kFromBpByCode) == by_table.offset() / kWord && by_code.bp_offset() == by_table.bp_offset();
  ++(is_alike ? tally.alike : tally.different);
}

Tally tally_of(const char* name) {
  Tally tally;
  for (const Function& function : library(name).functions) {
    ++tally.functions;
    std::uintptr_t at = function.start;
    Instruction instruction;
    while (at < function.end && read_instruction(at, &instruction)) {
      at = instruction.next;
      if (is_call(instruction) && at < function.end) compare(at, tally);
    }
    tally.read_to_their_end += at == function.end;
  }
  return tally;
}

// Each instruction has its length: otherwise a function would seem to end elsewhere. (Those with AVX are not read.)
TEST(ByCode, ReadsFunctionsToTheirEnd) {
  const Tally tally = tally_of("libgcc_s");
  EXPECT_GT(tally.functions, 100u);
  EXPECT_EQ(tally.read_to_their_end, tally.functions);
}

// What differs are calls that do not return, behind which the next function begins. A walk does not believe that: what
// it finds is no return address of a call of the function that it came from.
TEST(ByCode, SaysWhatTablesSay) {
  for (const char* name : {"libc.so", "libstdc++.so", "libgcc_s"}) {
    SCOPED_TRACE(name);
    const Tally tally = tally_of(name);
    EXPECT_GT(tally.alike, tally.calls / 2);
    EXPECT_LT(tally.different, tally.alike / 10);
  }
}

// Past each conditional jump the code comes back to the call, as in getdelim of musl 1.2.2.
extern "C" const char leakdir_after_call_in_loop[];
__asm__(R"(
.text
  push %rbx
  sub $32, %rsp
1: call 3f
.globl leakdir_after_call_in_loop
leakdir_after_call_in_loop:
  test %eax, %eax
  je 2f
  jmp 1b
2: add $32, %rsp
  pop %rbx
3: ret
)");
TEST(ByCode, LeavesALoop) {
  const Rule rule = rule_by_code(reinterpret_cast<std::uintptr_t>(leakdir_after_call_in_loop));
  ASSERT_EQ(rule.kind(), RuleKind::kByCode);
  EXPECT_EQ(rule.offset(), 6 * kWord);
  EXPECT_EQ(rule.bp_offset(), 0u);
}

}  // namespace
}  // namespace leakdir
