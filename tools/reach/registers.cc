// SPDX-License-Identifier: BSL-1.0
#include "registers.hh"

#include <elf.h>

#include <cstring>

namespace leakdir::tool {

namespace {

// The order in which the kernel keeps them (struct user_regs_struct, user_pt_regs). nullptr: holds no pointer.
constexpr const char* kX86_64[] = {"r15",   "r14", "r13", "r12",    "rbp",    "rbx",   "r11", "r10",   "r9",
                                   "r8",    "rax", "rcx", "rdx",    "rsi",    "rdi",   "",    "rip",   "",
                                   nullptr, "rsp", "",    "fsbase", "gsbase", nullptr, "",    nullptr, nullptr};
constexpr const char* kI386[] = {"ebx",   "ecx", "edx", "esi", "edi",   "ebp", "eax", nullptr, nullptr,
                                 nullptr, "",    "",    "eip", nullptr, "",    "esp", nullptr};
constexpr const char* kArm64[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",   "x10", "x11",
                                  "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",  "x22", "x23",
                                  "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc",  nullptr};
constexpr const char* kArm[] = {"r0", "r1",  "r2", "r3", "r4", "r5", "r6", "r7",    "r8",
                                "r9", "r10", "fp", "ip", "sp", "lr", "pc", nullptr, nullptr};
constexpr const char* kRiscV[] = {"pc", "ra", "sp", "gp", "",    "t0",  "t1", "t2", "s0", "s1", "a0",
                                  "a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                  "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr const char* kPpc64[] = {"r0",  "sp",  "r2",  "r3",    "r4",  "r5",  "r6",  "r7",  "r8",  "r9",
                                  "r10", "r11", "r12", "",      "r14", "r15", "r16", "r17", "r18", "r19",
                                  "r20", "r21", "r22", "r23",   "r24", "r25", "r26", "r27", "r28", "r29",
                                  "r30", "r31", "pc",  nullptr, "",    "ctr", "lr"};
// The mask of the program status word; behind the general registers, two access registers in each word.
constexpr const char* kS390x[] = {nullptr, "pc", "r0",  "r1",  "r2",  "r3",  "r4",  "r5", "r6", "r7",
                                  "r8",    "r9", "r10", "r11", "r12", "r13", "r14", "sp", ""};

constexpr std::uint64_t kOfPpcThread = 0x7000;  // so far beyond the thread pointer r13 leads

template <class Word>
Word word_at(const std::string& bytes, std::size_t index) {
  Word word = 0;
  if ((index + 1) * sizeof word <= bytes.size()) std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

template <class Word, std::size_t Count>
bool take(const char* const (&names)[Count], const std::string& bytes, Registers& into) {
  if (bytes.size() < Count * sizeof(Word)) return false;
  for (std::size_t i = 0; i < Count; ++i) {
    if (names[i] != nullptr && names[i][0] != '\0')
      into.general.push_back({names[i], std::uint64_t{word_at<Word>(bytes, i)}});
  }
  for (std::size_t i = 0; i < into.general.size(); ++i) {
    const std::string_view name = into.general[i].name;
    if (name == "rsp" || name == "esp" || name == "sp") into.stack = into.general[i].value;
    if (name == "rip" || name == "eip" || name == "pc") into.code = into.general[i].value;
  }
  return true;
}

template <class Word>
void take_wide(const std::string& bytes, Registers& into) {
  for (std::size_t i = 0; i < bytes.size() / sizeof(Word); ++i) {
    if (const Word word = word_at<Word>(bytes, i); word != 0) into.vector_words.push_back(word);
  }
}

// The segment register names one of the entries, of four words each: number, base, limit, flags.
std::uint64_t thread_of_segment(unsigned segment, const std::string& entries) {
  for (std::size_t i = 0; (i + 4) * 4 <= entries.size(); i += 4) {
    if (word_at<std::uint32_t>(entries, i) == segment >> 3) return word_at<std::uint32_t>(entries, i + 1);
  }
  return 0;
}

}  // namespace

bool parse_registers(unsigned machine, const RegisterSets& sets, Registers& into) {
  const std::string& general = sets.general;
  const bool is_narrow = machine == EM_386 || machine == EM_ARM;
  if (is_narrow) {
    take_wide<std::uint32_t>(sets.wide, into);
  } else {
    take_wide<std::uint64_t>(sets.wide, into);
  }
  switch (machine) {
    case EM_X86_64:
      if (!take<std::uint64_t>(kX86_64, general, into)) return false;
      into.thread = word_at<std::uint64_t>(general, 21);
      into.in_system_call = static_cast<std::int64_t>(word_at<std::uint64_t>(general, 15)) >= 0;
      into.red_zone = 128;
      return true;
    case EM_386:
      if (!take<std::uint32_t>(kI386, general, into)) return false;
      into.thread = thread_of_segment(word_at<std::uint32_t>(general, 10), sets.local);
      into.in_system_call = static_cast<std::int32_t>(word_at<std::uint32_t>(general, 11)) >= 0;
      return true;
    case EM_AARCH64:
      if (!take<std::uint64_t>(kArm64, general, into)) return false;
      into.thread = word_at<std::uint64_t>(sets.local, 0);
      into.red_zone = 128;
      return true;
    case EM_ARM:
      if (!take<std::uint32_t>(kArm, general, into)) return false;
      into.thread = word_at<std::uint32_t>(sets.local, 0);
      return true;
    case EM_RISCV:
      if (!take<std::uint64_t>(kRiscV, general, into)) return false;
      into.thread = word_at<std::uint64_t>(general, 4);
      return true;
    case EM_PPC64:
      if (!take<std::uint64_t>(kPpc64, general, into)) return false;
      if (const auto r13 = word_at<std::uint64_t>(general, 13); r13 != 0) into.thread = r13 - kOfPpcThread;
      into.red_zone = 288;
      return true;
    case EM_S390:
      if (!take<std::uint64_t>(kS390x, general, into)) return false;
      into.thread = word_at<std::uint64_t>(general, 18);
      return true;
    default:
      return false;
  }
}

}  // namespace leakdir::tool
