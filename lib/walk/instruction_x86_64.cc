// SPDX-License-Identifier: BSL-1.0
#include "instruction_x86_64.hh"

#include <cstddef>

namespace leakdir {
namespace {

enum class Form : std::uint8_t {
  kNo,     // not followed
  kAlone,  // nothing behind the opcode
  kModrm,
  kByte,  // an immediate of one byte
  kWord,  // of four, or two after 66
  kModrmByte,
  kModrmWord,
  kTwoBytes,  // ret n
  kFull,      // of eight with REX.W
  kGroup3,    // f6, f7: an immediate in two of the eight
};

Form one_byte_form(std::uint8_t op) {
  if (op < 0x40) {
    const unsigned low = op & 7;
    return low < 4 ? Form::kModrm : low == 4 ? Form::kByte : low == 5 ? Form::kWord : Form::kNo;
  }
  if (op >= 0x50 && op < 0x60) return Form::kAlone;
  if (op >= 0x70 && op < 0x80) return Form::kByte;
  if (op >= 0x84 && op < 0x90) return Form::kModrm;
  if (op >= 0x90 && op < 0xa0) return op == 0x9a ? Form::kNo : Form::kAlone;
  if (op >= 0xa4 && op < 0xb0) return op == 0xa8 ? Form::kByte : op == 0xa9 ? Form::kWord : Form::kAlone;
  if (op >= 0xb0 && op < 0xb8) return Form::kByte;
  if (op >= 0xb8 && op < 0xc0) return Form::kFull;
  if ((op >= 0xd0 && op < 0xd4) || (op >= 0xd8 && op < 0xe0)) return Form::kModrm;
  if (op >= 0xe0 && op < 0xe4) return Form::kByte;
  if (op >= 0xf8 && op < 0xfe) return Form::kAlone;
  switch (op) {
    case 0x63:
    case 0xfe:
    case 0xff:
      return Form::kModrm;
    case 0x68:
    case 0xe8:
    case 0xe9:
      return Form::kWord;
    case 0x69:
    case 0x81:
    case 0xc7:
      return Form::kModrmWord;
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
      return Form::kModrmByte;
    case 0x6a:
    case 0xcd:
    case 0xeb:
      return Form::kByte;
    case 0xc2:
      return Form::kTwoBytes;
    case 0xc3:
    case 0xc9:
    case 0xcc:
    case 0xf4:
    case 0xf5:
      return Form::kAlone;
    case 0xf6:
    case 0xf7:
      return Form::kGroup3;
    default:
      return Form::kNo;
  }
}

Form two_bytes_form(std::uint8_t op) {
  if (op >= 0x80 && op < 0x90) return Form::kWord;
  if (op >= 0xc8 && op < 0xd0) return Form::kAlone;
  if (op >= 0x70 && op < 0x74) return Form::kModrmByte;
  if ((op >= 0x10 && op < 0x20) || (op >= 0x28 && op < 0x30) || (op >= 0x40 && op < 0x70)) return Form::kModrm;
  if ((op >= 0x74 && op < 0x80) || (op >= 0x90 && op < 0xa0) || op >= 0xd0) {
    return op == 0x77 ? Form::kAlone : Form::kModrm;
  }
  switch (op) {
    case 0x05:
    case 0x0b:
    case 0x31:
    case 0xa2:
      return Form::kAlone;
    case 0xa0:
    case 0xa1:
    case 0xa8:
    case 0xa9:
      return Form::kNo;
    case 0xa4:
    case 0xac:
    case 0xba:
    case 0xc2:
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return Form::kModrmByte;
    default:
      return op < 0x02 || op == 0x0d || op >= 0xa3 ? Form::kModrm : Form::kNo;
  }
}

// Reads forward; nothing of an instruction lies beyond its longest, 15 bytes.
struct Bytes {
  const std::uint8_t* at;

  std::uint8_t byte() { return *at++; }
  int signed_byte() { return (byte() ^ 0x80) - 0x80; }
  template <typename T>
  T value() {
    T read;
    __builtin_memcpy(&read, at, sizeof read);
    at += sizeof read;
    return read;
  }
};

void read_operand(Bytes& bytes, Instruction* into) {
  into->modrm = bytes.byte();
  into->has_modrm = true;
  const unsigned mod = into->modrm >> 6, rm = into->modrm & 7;
  if (mod == 3) return;
  bool is_wide = mod == 2 || (mod == 0 && rm == 5);
  if (rm == 4) {
    const std::uint8_t sib = bytes.byte();
    is_wide |= mod == 0 && (sib & 7) == 5;
    into->is_at_sp = sib == 0x24 && (into->rex & 1) == 0;
  }
  if (is_wide) {
    into->displacement = bytes.value<std::int32_t>();
  } else if (mod == 1) {
    into->displacement = bytes.signed_byte();
  }
}

void read_immediate(Bytes& bytes, Form form, bool is_short, Instruction* into) {
  if (form == Form::kGroup3) {
    if ((into->modrm >> 3 & 7) > 1) return;
    form = into->opcode == 0xf6 ? Form::kByte : Form::kWord;
  }
  if (form == Form::kByte || form == Form::kModrmByte) into->immediate = bytes.signed_byte();
  if (form == Form::kTwoBytes) into->immediate = bytes.value<std::uint16_t>();
  if (form == Form::kFull && (into->rex & 8) != 0) {
    into->immediate = bytes.value<std::int64_t>();
  } else if (form == Form::kWord || form == Form::kModrmWord || form == Form::kFull) {
    const bool is_jump = into->map == OpcodeMap::kTwoBytes || (into->opcode & 0xfe) == 0xe8;
    into->immediate = is_short && !is_jump ? bytes.value<std::int16_t>() : bytes.value<std::int32_t>();
  }
}

bool is_prefix(std::uint8_t byte) {
  return byte == 0x66 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || byte == 0x64 || byte == 0x65 || byte == 0x2e ||
         byte == 0x3e || byte == 0x26 || byte == 0x36;
}

}  // namespace

bool read_instruction(std::uintptr_t start, Instruction* into) noexcept {
  *into = {};
  Bytes bytes = {reinterpret_cast<const std::uint8_t*>(start)};
  bool is_short = false;
  constexpr unsigned kMostPrefixes = 11;
  for (unsigned i = 0; is_prefix(*bytes.at); ++i) {
    if (i == kMostPrefixes) return false;
    is_short |= bytes.byte() == 0x66;
  }
  if ((*bytes.at & 0xf0) == 0x40) into->rex = bytes.byte();
  into->opcode = bytes.byte();
  Form form;
  if (into->opcode != 0x0f) {
    form = one_byte_form(into->opcode);
  } else {
    into->map = OpcodeMap::kTwoBytes;
    into->opcode = bytes.byte();
    form = two_bytes_form(into->opcode);
    if (into->opcode == 0x38 || into->opcode == 0x3a) {
      into->map = OpcodeMap::kOther;
      form = into->opcode == 0x38 ? Form::kModrm : Form::kModrmByte;
      into->opcode = bytes.byte();
    }
  }
  if (form == Form::kNo) return false;
  if (form == Form::kModrm || form == Form::kModrmByte || form == Form::kModrmWord || form == Form::kGroup3) {
    read_operand(bytes, into);
  }
  read_immediate(bytes, form, is_short, into);
  into->next = reinterpret_cast<std::uintptr_t>(bytes.at);
  return true;
}

}  // namespace leakdir
