// SPDX-License-Identifier: BSL-1.0
#include <stdlib.h>

#include <atomic>

#include "by_code.hh"
#include "call_site.hh"
#include "fast_walk_cfi.hh"
#include "fast_walk_reach.hh"
#include "find_fde.hh"
#include "instruction_x86_64.hh"
#include "step.hh"

namespace leakdir {
namespace {

constexpr unsigned kSp = 4, kBp = 5;
constexpr unsigned kMostInstructions = 4000;  // of one function
constexpr unsigned kMostJumps = 3;            // from function to function

bool is_call(const Instruction& at) { return at.is_one_byte(0xe8); }
bool is_jump(const Instruction& at) { return at.is_one_byte(0xe9) || at.is_one_byte(0xeb); }
bool is_return(const Instruction& at) { return at.is_one_byte(0xc3) || at.is_one_byte(0xc2); }
bool is_conditional_jump(const Instruction& at) {
  if (at.map == OpcodeMap::kTwoBytes) return (at.opcode & 0xf0) == 0x80;
  return at.map == OpcodeMap::kOneByte && ((at.opcode & 0xf0) == 0x70 || (at.opcode & 0xfc) == 0xe0);
}
bool is_indirect_jump(const Instruction& at) { return at.is_one_byte(0xff) && (at.modrm >> 3 & 7) == 4; }
bool is_trap(const Instruction& at) {
  return at.is_one_byte(0xf4) || at.is_one_byte(0xcc) || (at.map == OpcodeMap::kTwoBytes && at.opcode == 0x0b);
}

// jmp *distance(%rip), as in a stub of the linker's: where it leads. 0: it is another jump.
std::uintptr_t jumps_by_table_to(const Instruction& at) {
  if (!is_indirect_jump(at) || (at.modrm & 0xc7) != 5) return 0;
  const std::uintptr_t slot = at.next + static_cast<std::uintptr_t>(std::intptr_t{at.displacement});
  return slot % kWord == 0 && can_read(slot) ? word_at(slot) : 0;
}

bool begins_with_table(std::uintptr_t function) {
  FoundFde found;
  return find_fde_in_modules(function, &found) && found.function == function;
}

bool is_readable_code(std::uintptr_t pc) { return is_in_module(pc) && can_read(pc); }

// Which register an instruction writes whole, of those that a ModRM byte names; 16: none, or it writes to memory.
unsigned written_register(const Instruction& at) {
  constexpr unsigned kNone = 16;
  if (!at.has_modrm) return kNone;
  const unsigned rm = at.has_rm_register() ? at.rm() : kNone;
  if (at.map == OpcodeMap::kTwoBytes) {
    const bool is_conditional_move = (at.opcode & 0xf0) == 0x40;
    const bool is_widening = at.opcode == 0xb6 || at.opcode == 0xb7 || at.opcode == 0xbe || at.opcode == 0xbf;
    const bool is_other = at.opcode == 0xaf || at.opcode == 0xb8 || at.opcode == 0xbc || at.opcode == 0xbd;
    if (is_conditional_move || is_widening || is_other || (at.opcode & 0xfc) == 0x2c) return at.reg();
    const bool is_to_rm = (at.opcode & 0xf0) == 0x90 || at.opcode == 0x7e || at.opcode == 0xc1 || at.opcode == 0xa4 ||
                          at.opcode == 0xac || at.opcode == 0xba || at.opcode == 0xb1;
    return is_to_rm ? rm : kNone;
  }
  if (at.map != OpcodeMap::kOneByte) return kNone;
  if (at.opcode < 0x38) return (at.opcode & 2) == 0 ? rm : at.reg();
  switch (at.opcode) {
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0x8a:
    case 0x8b:
    case 0x8d:
      return at.reg();
    case 0x80:
    case 0x81:
    case 0x83:
      return (at.modrm >> 3 & 7) == 7 ? kNone : rm;  // cmp
    case 0x86:
    case 0x87:
      return at.reg() == kSp || at.reg() == kBp ? at.reg() : rm;
    case 0x88:
    case 0x89:
    case 0x8f:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xfe:
      return rm;
    case 0xf6:
    case 0xf7:
      return (at.modrm >> 3 & 7) == 2 || (at.modrm >> 3 & 7) == 3 ? rm : kNone;  // not, neg
    case 0xff:
      return (at.modrm >> 3 & 7) < 2 ? rm : kNone;  // inc, dec
    default:
      return kNone;
  }
}

// What the code does to rsp and rbp.
class Frame {
 public:
  std::int64_t sp() const { return sp_; }

  // False: it cannot be followed.
  bool does(const Instruction& at) {
    if (at.map == OpcodeMap::kOneByte) {
      const unsigned in_opcode = (at.opcode & 7) | (at.rex & 1u) << 3;
      if ((at.opcode & 0xf8) == 0x50 || at.opcode == 0x68 || at.opcode == 0x6a) return sp_ -= 8, true;
      if ((at.opcode & 0xf8) == 0x58) return pops(in_opcode);
      if ((at.opcode & 0xf8) == 0xb8 && in_opcode == kBp) return bp_is(Bp::kLost);
      if (at.opcode == 0xff && (at.modrm >> 3 & 7) == 6) return sp_ -= 8, true;
      if (at.opcode == 0xc9) return sp_is_by_bp(0) && pops(kBp);
      const bool is_unclear = at.opcode == 0x9c || at.opcode == 0x9d || at.opcode == 0x8f ||
                              ((at.opcode & 0xf8) == 0x90 && at.opcode != 0x90 && in_opcode == kSp);
      if (is_unclear) return false;
    }
    const unsigned written = written_register(at);
    if (written == kSp) return moves_sp(at);
    if (written != kBp) return true;
    if (!at.is_one_byte(0x8b) || !at.is_at_sp || (at.rex & 8) == 0) return bp_is(Bp::kLost);
    bp_slot_ = sp_ + at.displacement;
    return bp_is(Bp::kSaved);
  }

  // At the return, or a jump to another function.
  Rule rule() const {
    constexpr Rule kNoRule{RuleKind::kNoTable, 0, 0};
    const std::int64_t cfa = sp_ + 8;
    if (bp_ == Bp::kLost || sp_ < 0 || sp_ % 8 != 0 || cfa / 8 >= std::int64_t{kFromBpByCode}) return kNoRule;
    const auto words = static_cast<std::uint32_t>(cfa / 8);
    if (bp_ == Bp::kUnchanged) return is_from_bp_ ? kNoRule : Rule(RuleKind::kByCode, words, 0);
    const std::int64_t below = cfa - bp_slot_;
    if (bp_slot_ < 0 || bp_slot_ % 8 != 0 || below < 16 || below / 8 > std::int64_t{Rule::kMaxBpWords}) return kNoRule;
    return Rule(RuleKind::kByCode, words | (is_from_bp_ ? kFromBpByCode : 0), static_cast<std::uint32_t>(below / 8));
  }

 private:
  enum class Bp { kUnchanged, kSaved, kLost };

  bool bp_is(Bp bp) {
    bp_ = bp;
    return true;
  }

  bool pops(unsigned into) {
    if (into == kSp) return false;
    if (into == kBp) {
      bp_ = Bp::kSaved;
      bp_slot_ = sp_;
    }
    sp_ += 8;
    return true;
  }

  // From here on all counts from rbp, as long as the function's own is there.
  bool sp_is_by_bp(std::int32_t offset) {
    if (bp_ != Bp::kUnchanged) return false;
    is_from_bp_ = true;
    sp_ = offset;
    return true;
  }

  // add, sub, and lea of itself; mov and lea from rbp.
  bool moves_sp(const Instruction& at) {
    if ((at.rex & 8) == 0) return false;
    if (at.is_one_byte(0x8d) && at.is_at_sp) return sp_ += at.displacement, true;
    const bool has_displacement = at.modrm >> 6 == 1 || at.modrm >> 6 == 2;
    if (at.is_one_byte(0x8d) && has_displacement && at.rm() == kBp) return sp_is_by_bp(at.displacement);
    const bool is_move =
        at.has_rm_register() && ((at.is_one_byte(0x89) && at.reg() == kBp) || (at.is_one_byte(0x8b) && at.rm() == kBp));
    if (is_move) return sp_is_by_bp(0);
    if (!at.is_one_byte(0x81) && !at.is_one_byte(0x83)) return false;
    const unsigned operation = at.modrm >> 3 & 7;
    if (operation == 0) return sp_ += at.immediate, true;
    if (operation == 5) return sp_ -= at.immediate, true;
    return false;
  }

  std::int64_t sp_ = 0, bp_slot_ = 0;  // from rsp at the return address on, or from rbp
  bool is_from_bp_ = false;
  Bp bp_ = Bp::kUnchanged;
};

bool never_returns(std::uintptr_t function) {
  return function == reinterpret_cast<std::uintptr_t>(&::abort) ||
         function == reinterpret_cast<std::uintptr_t>(&::exit);
}

constexpr Rule kNoRule{RuleKind::kNoTable, 0, 0};
constexpr unsigned kNoJump = ~0u;

// Along the code from `pc` to a return. Of the conditional jumps number `taken` is one. `comes_back`: to where it was
// before.
Rule follow_to_return(std::uintptr_t pc, unsigned taken, bool* comes_back) {
  Frame frame;
  std::uintptr_t at = pc, page = 0, marked = 0;
  unsigned jumps = 0, jumps_taken = 0;
  *comes_back = false;
  for (unsigned i = 0; i < kMostInstructions; ++i) {
    if (at / 4096 != page) {
      if (!is_readable_code(at) || !can_read(at + 15)) return kNoRule;
      page = at / 4096;
    }
    Instruction instruction;
    if (!read_instruction(at, &instruction) || is_trap(instruction)) return kNoRule;
    if (is_return(instruction)) return frame.rule();
    at = instruction.next;
    if (is_jump(instruction) || is_indirect_jump(instruction)) {
      at = is_jump(instruction) ? instruction.target() : jumps_by_table_to(instruction);
      if (at == 0 || !is_in_module(at)) return kNoRule;
      if (begins_with_table(at)) return frame.rule();
      *comes_back = at == marked;
      if (*comes_back) return kNoRule;
      ++jumps_taken;
      if ((jumps_taken & (jumps_taken - 1)) == 0) marked = at;
    } else if (is_call(instruction)) {
      if (never_returns(instruction.target())) return kNoRule;
    } else if (is_conditional_jump(instruction)) {
      if (jumps++ == taken) at = instruction.target();
    } else if (!frame.does(instruction)) {
      return kNoRule;
    }
  }
  return kNoRule;
}

}  // namespace

// Where the code goes round in a loop (getdelim of musl 1.2.2), one of the jumps leads out of it.
Rule rule_by_code(std::uintptr_t pc) noexcept {
  constexpr unsigned kMostJumpsTaken = 16;
  if (!can_ask()) return kNoRule;
  bool comes_back;
  Rule rule = follow_to_return(pc, kNoJump, &comes_back);
  for (unsigned taken = 0; comes_back && taken < kMostJumpsTaken; ++taken)
    rule = follow_to_return(pc, taken, &comes_back);
  return rule;
}

namespace {

// Where the call that returns to `pc` leads, if it says so itself; else 0.
std::uintptr_t called_from(std::uintptr_t pc) {
  if (!follows_call(pc) || !can_read(pc - 6)) return 0;
  Instruction call;
  if (read_instruction(pc - 5, &call) && is_call(call) && call.next == pc) return call.target();
  if (!read_instruction(pc - 6, &call) || call.next != pc || !call.is_one_byte(0xff) || call.modrm != 0x15) return 0;
  const std::uintptr_t slot = pc + static_cast<std::uintptr_t>(std::intptr_t{call.displacement});
  return slot % kWord == 0 && can_read(slot) ? word_at(slot) : 0;
}

// Whether an instruction of the function at `start` begins at `pc`, where a call returns to. Its end is the first
// return, or jump, that no jump before leads beyond. Jumps to other functions come out in `jumps`.
bool has_in_it(std::uintptr_t start, std::uintptr_t pc, std::uintptr_t (&jumps)[kMostJumps], unsigned* jump_count) {
  std::uintptr_t furthest = start, page = 0;
  for (std::uintptr_t at = start, i = 0; i < kMostInstructions; ++i) {
    if (at == pc) return true;
    if (at / 4096 != page) {
      if (!is_readable_code(at) || !can_read(at + 15)) return false;
      page = at / 4096;
    }
    Instruction instruction;
    if (!read_instruction(at, &instruction)) return false;
    constexpr std::uintptr_t kFar = 1 << 14;
    const bool jumps_on = is_jump(instruction) || is_conditional_jump(instruction);
    const std::uintptr_t target = jumps_on ? instruction.target() : jumps_by_table_to(instruction);
    const bool is_within = jumps_on && target - start < kFar;
    if (is_within && target > furthest) furthest = target;
    const bool is_last =
        is_return(instruction) || is_jump(instruction) || is_indirect_jump(instruction) || is_trap(instruction);
    // (A jump that is the last is one to another function, however near.)
    const bool leaves = target != 0 && !is_conditional_jump(instruction) && (!is_within || target >= instruction.next);
    if (is_last && leaves && *jump_count < kMostJumps) jumps[(*jump_count)++] = target;
    at = instruction.next;
    if (is_last && at > furthest) return false;
  }
  return false;
}

bool leads_to(std::uintptr_t function, std::uintptr_t pc, unsigned most_jumps) {
  if (function == 0 || !is_in_module(function) || begins_with_table(function)) return false;
  std::uintptr_t jumps[kMostJumps];
  unsigned count = 0;
  if (has_in_it(function, pc, jumps, &count)) return true;
  for (unsigned i = 0; i < count && most_jumps != 0; ++i) {
    if (leads_to(jumps[i], pc, most_jumps - 1)) return true;
  }
  return false;
}

}  // namespace

std::uintptr_t function_called_from(std::uintptr_t return_address) noexcept {
  if (!RuleCache::holds(return_address) || !is_in_module(return_address - 1)) return 0;
  const std::uintptr_t called = called_from(return_address);
  if (called == 0 || !is_readable_code(called) || !can_read(called + 30)) return called;
  // A stub of the linker's: endbr64, and a jump.
  Instruction first, second;
  if (!read_instruction(called, &first)) return called;
  const std::uintptr_t target = jumps_by_table_to(first);
  if (target != 0 || first.map != OpcodeMap::kTwoBytes || first.opcode != 0x1e) return target != 0 ? target : called;
  return read_instruction(first.next, &second) && jumps_by_table_to(second) != 0 ? jumps_by_table_to(second) : called;
}

bool calls_function_of(std::uintptr_t return_address, std::uintptr_t pc) noexcept {
  // What was found stays true: musl unloads no library. Of two stores at a time the halves do not fit together.
  struct Known {
    std::atomic<std::uintptr_t> both, pc;
  };
  static Known known[256];
  const std::uintptr_t both = return_address ^ (pc << 16 | pc >> 48);
  Known& here = known[(both * 0x9e3779b97f4a7c15u) >> 56];
  if (here.both.load(std::memory_order_relaxed) == both && here.pc.load(std::memory_order_relaxed) == pc) return true;
  if (!RuleCache::holds(return_address) || !is_in_module(return_address - 1) ||
      !leads_to(called_from(return_address), pc, kMostJumps)) {
    return false;
  }
  here.both.store(both, std::memory_order_relaxed);
  here.pc.store(pc, std::memory_order_relaxed);
  return true;
}

}  // namespace leakdir
