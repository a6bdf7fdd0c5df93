// SPDX-License-Identifier: BSL-1.0
//
// Runs: what one thread remembers of the stacks that it has walked.
//
// A run begins with a return address and is the frames that followed from there: where, from the beginning of the first
// one's caller on, each return address lies, and which it is. On another stack, at any depth, the same frames follow if
// each place holds what it held: that is so many loads and comparisons that do not wait for each other, and no look at
// a rule. Nothing of it is believed before it was compared, so a run may be of any stack, and a change of one frame
// costs the run that it lies in. How runs are found and how long they are: fast_walk_by_runs.cc.
//
// Of one thread at a time, all zero at first, plain data. A handler may leave a walk by longjmp at any instruction:
// what is being written counts only once it is whole.

#pragma once

#include <cstddef>
#include <cstdint>

#include "fast_walk_rule.hh"

namespace leakdir {

enum class RunStart : std::uint8_t {
  kFromSp,     // the base is the stack pointer + first
  kFromBp,     // … rbp + first
  kThroughBp,  // … a word below what rbp - first holds, and rbp was saved where it points to
};

// rbp in a frame that is found by it, and is not the first: what `slot` holds has to be the base + `distance`.
struct BpCheck {
  std::int32_t slot;
  std::int32_t distance;
  std::uint32_t frame;
};

// Places are in bytes from the base: where the first frame's own return address lies. On x86-64 that is a word below
// its caller's frame.
struct alignas(16) Run {  // two of the return addresses behind it are compared at once
  static constexpr unsigned kMostFrames = 63;
  static constexpr std::int32_t kUnchanged = INT32_MIN;

  std::uintptr_t pc;  // of the first frame
  // For the user of the walk: what it makes of these frames and of what called them. 0 at first.
  std::uint64_t memo;
  std::uint32_t serial;  // no two runs of a store have the same
  std::uint8_t frames;
  bool ends;          // its last frame is the outermost of the stack, by its table
  bool is_plain;      // it starts from the stack pointer, nothing is asked of rbp, nor what comes below
  bool is_of_loader;  // it begins in the dynamic loader, which may have to be asked first
  RunStart start;
  std::uint8_t wanted;  // not 0: it is no longer to be used, but to be learnt anew, with so many frames
  // All its return addresses are signed, or none: so many of their highest bits are a signature.
  std::uint8_t signature_bits;
  std::int32_t first;
  std::int32_t first_bp;         // place where rbp was saved, of the first frame; kUnchanged: nowhere
  std::uint32_t next;            // place of what the last frame returns to; where `ends`, of its own return address
  std::int32_t bp_slot;          // … and of its caller's rbp; kUnchanged: that is as at the base
  std::int32_t bp_distance;      // rbp at the base has to be the base + this; kUnchanged: anything …
  std::uint8_t bp_distance_for;  // … for the sake of that frame
  std::uint8_t bp_checks;
  std::uint8_t checks;          // of return addresses, a multiple of kWordsAtOnce
  std::uint32_t follower;       // serial of the run that followed when it was last looked at …
  std::uint8_t streak;          // … and how often in succession it was that one
  std::uint8_t parts_at;        // how many of its frames the stack had, when that was not all …
  std::uint8_t parts_at_times;  // … and how often in succession it was as many
  std::uint8_t new_frames;      // for the user of the walk; kNotKnown at first
  static constexpr std::uint8_t kNotKnown = 0xff;
  // Place where the caller's frame of the last one begins, if it is not always a word above the return address.
  std::uint32_t next_sp;

  // Behind it lie the return addresses that are to be there, the places where, for each frame `bp_slot` (and `next_sp`)
  // as if it were the last, and the checks of rbp.
  const std::uintptr_t* pcs() const { return reinterpret_cast<const std::uintptr_t*>(this + 1); }
  const std::uint32_t* places() const { return reinterpret_cast<const std::uint32_t*>(pcs() + checks); }
  const std::int32_t* bp_slots() const { return reinterpret_cast<const std::int32_t*>(places() + checks); }
  static constexpr std::size_t kWordsOfSp = Rule::kHasLinkRegister ? 1 : 0;
  const std::uint32_t* sps() const { return reinterpret_cast<const std::uint32_t*>(bp_slots() + checks); }
  const BpCheck* bps() const { return reinterpret_cast<const BpCheck*>(sps() + checks * kWordsOfSp); }
  static constexpr std::size_t bytes(unsigned checks, unsigned bp_checks) {
    return sizeof(Run) + checks * (sizeof(std::uintptr_t) + (2 + kWordsOfSp) * sizeof(std::uint32_t)) +
           bp_checks * sizeof(BpCheck);
  }

  // Place where the caller's frame of the last frame, or of another one, begins.
  std::uintptr_t sp_after() const { return sp_after(next, next_sp); }
  std::uintptr_t sp_after(unsigned frame) const {
    if (frame + 1u == frames) return sp_after();
    return Rule::kHasLinkRegister ? sps()[frame] : sp_after(places()[frame], 0);
  }

 private:
  static std::uintptr_t sp_after(std::uint32_t place, std::uint32_t sp) {
    return Rule::kHasLinkRegister ? sp : place + sizeof(std::uintptr_t);
  }
};

// A run that is being learnt.
struct RunDraft {
  Run run;
  std::uintptr_t pcs[Run::kMostFrames + 1];
  std::uint32_t places[Run::kMostFrames + 1];
  std::int32_t bp_slots[Run::kMostFrames + 1];
  std::uint32_t sps[(Run::kMostFrames + 1) * Run::kWordsOfSp + 1];
  BpCheck bps[Run::kMostFrames];
};

class RunStore {
 public:
  // The run that begins with `pc`; null where there is none.
  Run* find(std::uintptr_t pc) noexcept {
    for (unsigned slot = slot_of(pc);; slot = (slot + 1) % kSlots) {
      const unsigned at = slots_[slot];
      if (at == 0) return nullptr;
      Run* const run = run_at(at);
      if (__builtin_expect(run->pc == pc, 1)) return run;
    }
  }

  // Takes the place of the run with the same beginning. Null when there is no room: nothing but clear() makes some.
  Run* add(const RunDraft& draft) noexcept;

  // Forgets all of them. The serials go on.
  void clear() noexcept;

 private:
  static constexpr unsigned kSlotBits = sizeof(void*) == 8 ? 12 : 11;
  static constexpr unsigned kSlots = 1 << kSlotBits;
  static constexpr unsigned kMostRuns = kSlots / 2;
  static constexpr std::size_t kUnit = 16;
  static constexpr std::size_t kBytes = sizeof(void*) == 8 ? 240 << 10 : 120 << 10;
  static_assert(kBytes / kUnit < 1 << 16);

  static unsigned slot_of(std::uintptr_t pc) {
    return static_cast<unsigned>((pc * 0x9e3779b97f4a7c15u) >> (64 - kSlotBits));
  }
  Run* run_at(unsigned at) noexcept { return reinterpret_cast<Run*>(memory_ + at * kUnit); }

  std::uint32_t last_serial_;
  std::uint32_t used_;  // units of memory_; the first is never used
  std::uint32_t runs_;
  std::uint16_t slots_[kSlots];
  alignas(kUnit) unsigned char memory_[kBytes];
};

}  // namespace leakdir
