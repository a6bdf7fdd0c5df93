// SPDX-License-Identifier: BSL-1.0
//
// Reads call frame information: finds the entry for an address and runs its instructions up to there.
//
// The format: DWARF 4, section 6.4, with the changes of the Linux Standard Base for .eh_frame. Where the two
// leave room, this does what libgcc's unwinder does; the comments "as libgcc" say where.

#include "fast_walk_cfi.hh"

#include <cstddef>

#include "find_fde.hh"
#include "system/loader.hh"

namespace leakdir {
namespace {

// Call frame instructions. The first three keep an operand in their low six bits.
enum : std::uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kNegateAddressState = 0x2d,  // arm64: DW_CFA_AARCH64_negate_ra_state
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffsetExtended = 0x2f,
};

// Expression operations: the value of register n + sleb128, and the word at that address.
constexpr std::uint8_t kOpBreg0 = 0x70;
constexpr std::uint8_t kOpDeref = 0x06;

// Pointer encodings.
constexpr std::uint8_t kPointerOmit = 0xff;
constexpr std::uint8_t kPointerAligned = 0x50;

template <typename T>
T load(const std::uint8_t* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
}

// Reads forward through table bytes. Running over the end is noted, not prevented byte by byte: the tables are the
// linker's, and `ok` decides at the end whether what was read counts.
struct Cursor {
  const std::uint8_t* at;
  const std::uint8_t* end;
  bool ok = true;

  bool more() const { return ok && at < end; }

  std::uint8_t byte() { return skip(1) ? at[-1] : 0; }

  template <typename T>
  T fixed() {
    return skip(sizeof(T)) ? load<T>(at - sizeof(T)) : T{};
  }

  bool skip(std::uint64_t bytes) {
    if (bytes > static_cast<std::uint64_t>(end - at)) {
      ok = false;
      at = end;
      return false;
    }
    at += bytes;
    return true;
  }

  std::uint64_t uleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < end; shift += 7) {
      const std::uint8_t b = *at++;
      if (shift < 64) value |= std::uint64_t{b & 0x7fu} << shift;
      if ((b & 0x80) == 0) return value;
    }
    ok = false;
    return 0;
  }

  std::int64_t sleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < end;) {
      const std::uint8_t b = *at++;
      if (shift < 64) value |= std::uint64_t{b & 0x7fu} << shift;
      shift += 7;
      if ((b & 0x80) != 0) continue;
      if (shift < 64 && (b & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
    ok = false;
    return 0;
  }
};

// The bytes of one table entry behind its length word. Entries of the 64-bit format are not followed, as libgcc.
bool entry_bytes(const std::uint8_t* entry, Cursor* cursor) {
  const auto length = load<std::uint32_t>(entry);
  if (length == 0 || length == 0xffffffff) return false;
  *cursor = Cursor{entry + 4, entry + 4 + length};
  return true;
}

// Bytes that a pointer of this encoding takes; 0: not known. Alignment is left to the caller.
unsigned pointer_bytes(std::uint8_t encoding) {
  switch (encoding & 0x07) {
    case 0x00:
      return sizeof(void*);
    case 0x02:
      return 2;
    case 0x03:
      return 4;
    case 0x04:
      return 8;
    default:
      return 0;
  }
}

struct Cie {
  std::uint64_t code_align;
  std::int64_t data_align;
  std::uint64_t return_column;
  std::uint8_t fde_encoding = 0;
  bool has_augmentation_size = false;
  bool is_signal_frame = false;
  Cursor instructions{};
};

bool skip_pointer(Cursor* cursor, std::uint8_t encoding) {
  if (encoding == kPointerOmit) return true;
  if (encoding == kPointerAligned) {
    const auto at = reinterpret_cast<std::uintptr_t>(cursor->at);
    return cursor->skip((0 - at) % sizeof(void*) + sizeof(void*));
  }
  const unsigned bytes = pointer_bytes(encoding);
  return bytes != 0 && cursor->skip(bytes);
}

bool read_cie(const std::uint8_t* entry, Cie* cie) {
  Cursor c;
  if (!entry_bytes(entry, &c)) return false;
  (void)c.fixed<std::uint32_t>();  // 0: this is a CIE
  const std::uint8_t version = c.byte();
  const auto* augmentation = c.at;
  while (c.byte() != 0) {
  }
  // The oldest form, "eh", carries a pointer that nothing else has.
  if (augmentation[0] == 'e' && augmentation[1] == 'h') {
    if (!c.skip(sizeof(void*))) return false;
    augmentation += 2;
  }
  if (version >= 4 && (c.byte() != sizeof(void*) || c.byte() != 0)) return false;
  cie->code_align = c.uleb();
  cie->data_align = c.sleb();
  cie->return_column = version == 1 ? c.byte() : c.uleb();

  if (*augmentation == 'z') {
    ++augmentation;
    const std::uint64_t size = c.uleb();
    cie->has_augmentation_size = true;
    Cursor data = c;
    if (!c.skip(size)) return false;
    // Behind an unknown letter nothing can be read, but `size` says where the instructions are, as libgcc.
    for (; *augmentation != 0; ++augmentation) {
      if (*augmentation == 'R') {
        cie->fde_encoding = data.byte();
      } else if (*augmentation == 'L') {
        (void)data.byte();
      } else if (*augmentation == 'P') {
        const std::uint8_t encoding = data.byte();
        if (!skip_pointer(&data, encoding)) return false;
      } else if (*augmentation == 'S') {
        cie->is_signal_frame = true;
      } else if (*augmentation != 'B') {  // arm64: with which key addresses are signed
        break;
      }
    }
    if (!data.ok) return false;
  } else if (*augmentation != 0) {
    return false;
  }
  cie->instructions = c;
  return c.ok;
}

// Runs call frame instructions for one address.
class Machine {
 public:
  Machine(const Cie& cie, const CfiColumns& columns, std::uintptr_t location, std::uintptr_t target)
      : cie_(cie), columns_(columns), location_(location), target_(target) {}

  // False where something is met that it does not follow.
  bool run(Cursor c) {
    // An instruction at a location counts for return addresses behind it.
    while (c.more() && location_ < target_) {
      if (!step(&c)) return false;
    }
    return c.ok;
  }

  const CfiRow& row() const { return row_; }

 private:
  bool step(Cursor* c) {
    const std::uint8_t instruction = c->byte();
    const std::uint64_t operand = instruction & 0x3f;
    switch (instruction & 0xc0) {
      case kAdvanceLoc:
        return advance(operand);
      case kOffset:
        return at_cfa(operand, static_cast<std::int64_t>(c->uleb()) * cie_.data_align);
      case kRestore:
        return save(operand, SavedHow::kUnchanged);  // not the CIE's first rule, as libgcc
      default:
        return extended(instruction, c);
    }
  }

  bool extended(std::uint8_t instruction, Cursor* c) {
    switch (instruction) {
      case kNop:
        return true;
      case kGnuArgsSize:
        (void)c->uleb();
        return true;
      case kNegateAddressState:
        row_.address_is_signed = !row_.address_is_signed;
        return columns_.are_addresses_signed;
      case kAdvanceLoc1:
        return advance(c->byte());
      case kAdvanceLoc2:
        return advance(c->fixed<std::uint16_t>());
      case kAdvanceLoc4:
        return advance(c->fixed<std::uint32_t>());
      case kRememberState:
        if (depth_ == kMaxDepth) return false;
        remembered_[depth_++] = row_;
        return true;
      case kRestoreState:
        if (depth_ == 0) return false;
        row_ = remembered_[--depth_];
        return true;
      case kDefCfa:
      case kDefCfaSf:
      case kDefCfaRegister:
      case kDefCfaOffset:
      case kDefCfaOffsetSf:
      case kDefCfaExpression:
        return define_cfa(instruction, c);
      default:
        return rule_for_register(instruction, c);
    }
  }

  bool define_cfa(std::uint8_t instruction, Cursor* c) {
    if (instruction == kDefCfaExpression) {
      const bool through = read_frame_pointer_expression(c, true, &row_.through_offset);
      row_.cfa_how = through ? CfaHow::kThroughFramePointer : CfaHow::kOther;
      return true;
    }
    if (instruction != kDefCfaOffset && instruction != kDefCfaOffsetSf) {
      row_.cfa_column = c->uleb();
      row_.cfa_how = CfaHow::kRegister;
    }
    if (instruction == kDefCfa || instruction == kDefCfaOffset) {
      row_.cfa_offset = static_cast<std::int64_t>(c->uleb());
    } else if (instruction == kDefCfaSf || instruction == kDefCfaOffsetSf) {
      row_.cfa_offset = c->sleb() * cie_.data_align;
    }
    return true;
  }

  bool rule_for_register(std::uint8_t instruction, Cursor* c) {
    const std::uint64_t column = c->uleb();
    std::int64_t offset;
    switch (instruction) {
      case kOffsetExtended:
        return at_cfa(column, static_cast<std::int64_t>(c->uleb()) * cie_.data_align);
      case kOffsetExtendedSf:
        return at_cfa(column, c->sleb() * cie_.data_align);
      case kGnuNegativeOffsetExtended:
        return at_cfa(column, -static_cast<std::int64_t>(c->uleb()) * cie_.data_align);
      case kRestoreExtended:
      case kSameValue:
        return save(column, SavedHow::kUnchanged);
      case kUndefined:
        return save(column, SavedHow::kUndefined);
      case kRegister:
      case kValOffset:
        (void)c->uleb();
        return save(column, SavedHow::kOther);
      case kValOffsetSf:
        (void)c->sleb();
        return save(column, SavedHow::kOther);
      case kExpression:
        if (!read_frame_pointer_expression(c, false, &offset)) return save(column, SavedHow::kOther);
        return save(column, SavedHow::kAtFramePointer, offset);
      case kValExpression:
        (void)read_frame_pointer_expression(c, false, &offset);
        return save(column, SavedHow::kOther);
      default:
        return false;
    }
  }

  // Reads an expression whole; true when it is "frame pointer + offset", followed by a load if `load_follows`.
  bool read_frame_pointer_expression(Cursor* c, bool load_follows, std::int64_t* offset) const {
    const std::uint64_t size = c->uleb();
    Cursor e{c->at, c->at};
    if (!c->skip(size)) return false;
    e.end = c->at;
    if (e.byte() != kOpBreg0 + columns_.frame_pointer) return false;
    *offset = e.sleb();
    if (load_follows && e.byte() != kOpDeref) return false;
    return e.ok && e.at == e.end;
  }

  bool advance(std::uint64_t units) {
    location_ += units * cie_.code_align;
    return true;
  }

  bool at_cfa(std::uint64_t column, std::int64_t offset) { return save(column, SavedHow::kAtCfa, offset); }

  bool save(std::uint64_t column, SavedHow how, std::int64_t offset = 0) {
    const SavedRegister saved = SavedRegister::of(how, offset);
    if (column == columns_.stack_pointer) {
      row_.stack_pointer = saved;
    } else if (column == columns_.frame_pointer) {
      row_.frame_pointer = saved;
    } else if (column == cie_.return_column) {
      row_.return_address = saved;
    }
    return true;
  }

  static constexpr unsigned kMaxDepth = 4;

  const Cie& cie_;
  const CfiColumns& columns_;
  std::uintptr_t location_;
  std::uintptr_t target_;
  unsigned depth_ = 0;
  CfiRow row_ = {};
  CfiRow remembered_[kMaxDepth];
};

}  // namespace

CfiAnswer read_cfi_row(std::uintptr_t return_address, const CfiColumns& columns, CfiRow* row) noexcept {
  FoundFde found;
  // A call may be a function's last instruction: the address before the return address lies in the caller for certain.
  if (!find_fde(return_address - 1, &found)) return CfiAnswer::kNoTable;
  const std::uint8_t* const entry = found.entry;

  Cie cie;
  const std::uint8_t* cie_pointer = entry + 4;
  if (!read_cie(cie_pointer - load<std::int32_t>(cie_pointer), &cie)) return CfiAnswer::kUnsupported;
  if (cie.is_signal_frame || cie.return_column != columns.return_address) return CfiAnswer::kUnsupported;

  Cursor c;
  if (!entry_bytes(entry, &c)) return CfiAnswer::kUnsupported;
  (void)c.skip(4 + 2 * pointer_bytes(cie.fde_encoding));
  if (cie.has_augmentation_size) (void)c.skip(c.uleb());
  if (!c.ok) return CfiAnswer::kUnsupported;

  Machine machine(cie, columns, found.function, return_address);
  if (!machine.run(cie.instructions) || !machine.run(c)) return CfiAnswer::kUnsupported;
  *row = machine.row();
  return CfiAnswer::kRow;
}

bool has_table(std::uintptr_t address) noexcept {
  FoundFde found;
  return find_fde(address, &found);
}

bool is_in_module(std::uintptr_t address) noexcept {
  std::uintptr_t tables;
  return find_module(address, &tables);
}

}  // namespace leakdir
