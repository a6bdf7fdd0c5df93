// SPDX-License-Identifier: BSL-1.0
//
// The copy is the file as it was, with the unpacked sections behind it, and their headers leading there. What a header
// claims is believed up to a limit, and then only if the unpacked text is exactly as long.

#include "unpacked_elf.hh"

#include <gelf.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace leakdir::tool {

namespace {

constexpr std::uint32_t kZstd = 2;                             // ELFCOMPRESS_ZSTD, for which older headers have no name
constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 30;  // of all sections
constexpr std::uint64_t kMostTimes = 1000;  // what is packed; debug information is 3 to 10 times as long
constexpr std::size_t kPiece = 1 << 20;
constexpr std::uint64_t kAlignment = 64;

struct Packed {
  Elf_Scn* section;
  std::size_t chdr_bytes;
  GElf_Shdr header;
  GElf_Chdr how;
};

std::vector<Packed> packed_sections(Elf* elf) {
  std::vector<Packed> packed;
  std::size_t names = 0;
  if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0) return packed;
  std::uint64_t bytes = 0;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    Packed one{section, gelf_fsize(elf, ELF_T_CHDR, 1, EV_CURRENT), {}, {}};
    if (gelf_getshdr(section, &one.header) == nullptr || (one.header.sh_flags & SHF_COMPRESSED) == 0) continue;
    if (one.header.sh_type != SHT_PROGBITS) continue;
    const char* const name = elf_strptr(elf, names, one.header.sh_name);
    if (name == nullptr || std::string_view(name).substr(0, 6) != ".debug") continue;
    if (gelf_getchdr(section, &one.how) == nullptr || one.how.ch_type != kZstd) continue;
    if (one.how.ch_size > kMostBytes - bytes || one.how.ch_size / kMostTimes > one.header.sh_size) continue;
    bytes += one.how.ch_size;
    packed.push_back(one);
  }
  return packed;
}

bool write_all(int file, const char* text, std::uint64_t bytes, std::uint64_t at) {
  while (bytes > 0) {
    const ssize_t written = pwrite(file, text, bytes, static_cast<off_t>(at));
    if (written <= 0) return false;
    text += written;
    at += static_cast<std::uint64_t>(written);
    bytes -= static_cast<std::uint64_t>(written);
  }
  return true;
}

// How long it is; 0: it could not be copied.
std::uint64_t copy_all(int from, int to) {
  const std::unique_ptr<char[]> piece(new char[kPiece]);
  std::uint64_t at = 0;
  for (ssize_t got = 0; (got = pread(from, piece.get(), kPiece, static_cast<off_t>(at))) != 0;) {
    if (got < 0 || !write_all(to, piece.get(), static_cast<std::uint64_t>(got), at)) return 0;
    at += static_cast<std::uint64_t>(got);
  }
  return at;
}

// Writes what the section was before it was compressed. False: it is not what it says to be.
bool unpack(const Packed& one, int to, std::uint64_t at) {
  const Elf_Data* const data = elf_rawdata(one.section, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return false;
  const std::size_t head = one.chdr_bytes;
  if (data->d_size <= head) return false;
  const auto* const text = static_cast<const char*>(data->d_buf) + head;
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  const std::unique_ptr<char[]> piece(new char[kPiece]);
  ZSTD_inBuffer in{text, data->d_size - head, 0};
  std::uint64_t bytes = 0;
  for (std::size_t more = 1; more != 0;) {
    ZSTD_outBuffer out{piece.get(), kPiece, 0};
    more = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(more) != 0 || out.pos > one.how.ch_size - bytes) return false;
    if (!write_all(to, piece.get(), out.pos, at + bytes)) return false;
    bytes += out.pos;
    if (more != 0 && out.pos == 0 && in.pos == in.size) return false;  // it is cut short
  }
  return bytes == one.how.ch_size;
}

bool write_header(Elf* elf, std::size_t index, const GElf_Shdr& header, int to) {
  GElf_Ehdr file_header;
  if (gelf_getehdr(elf, &file_header) == nullptr) return false;
  Elf32_Shdr narrow{header.sh_name,
                    header.sh_type,
                    static_cast<Elf32_Word>(header.sh_flags),
                    static_cast<Elf32_Addr>(header.sh_addr),
                    static_cast<Elf32_Off>(header.sh_offset),
                    static_cast<Elf32_Word>(header.sh_size),
                    header.sh_link,
                    header.sh_info,
                    static_cast<Elf32_Word>(header.sh_addralign),
                    static_cast<Elf32_Word>(header.sh_entsize)};
  GElf_Shdr wide = header;
  const bool is_narrow = gelf_getclass(elf) == ELFCLASS32;
  if (is_narrow && (header.sh_offset > UINT32_MAX || header.sh_size > UINT32_MAX)) return false;
  char text[sizeof(GElf_Shdr)];
  Elf_Data from{}, into{};
  from.d_buf = is_narrow ? static_cast<void*>(&narrow) : &wide;
  from.d_size = into.d_size = is_narrow ? sizeof narrow : sizeof wide;
  from.d_type = into.d_type = ELF_T_SHDR;
  from.d_version = into.d_version = EV_CURRENT;
  into.d_buf = text;
  if (gelf_xlatetof(elf, &into, &from, static_cast<unsigned char>(file_header.e_ident[EI_DATA])) == nullptr)
    return false;
  return write_all(to, text, into.d_size, file_header.e_shoff + index * into.d_size);
}

// False: the copy is no better than the file.
bool copy_unpacked(Elf* elf, int file, const std::vector<Packed>& packed, int to) {
  std::uint64_t end = copy_all(file, to);
  if (end == 0) return false;
  bool is_better = false;
  for (const Packed& one : packed) {
    const std::uint64_t at = (end + kAlignment - 1) / kAlignment * kAlignment;
    if (!unpack(one, to, at)) continue;
    GElf_Shdr header = one.header;
    header.sh_flags &= ~static_cast<GElf_Xword>(SHF_COMPRESSED);
    header.sh_offset = at;
    header.sh_size = one.how.ch_size;
    header.sh_addralign = one.how.ch_addralign;
    if (!write_header(elf, elf_ndxscn(one.section), header, to)) return false;
    end = at + header.sh_size;
    is_better = true;
  }
  return is_better;
}

std::unique_ptr<Elf, int (*)(Elf*)> opened(int file) {
  elf_version(EV_CURRENT);
  return {file < 0 ? nullptr : elf_begin(file, ELF_C_READ_MMAP, nullptr), elf_end};
}

}  // namespace

bool has_packed_by_zstd(int file) {
  const auto elf = opened(file);
  return elf != nullptr && !packed_sections(elf.get()).empty();
}

int with_zstd_unpacked(int file) {
  const auto elf = opened(file);
  if (elf == nullptr) return file;
  const std::vector<Packed> packed = packed_sections(elf.get());
  if (packed.empty()) return file;
  const int copy = memfd_create("unpacked", MFD_CLOEXEC);
  if (copy < 0) return file;
  if (!copy_unpacked(elf.get(), file, packed, copy)) {
    close(copy);
    return file;
  }
  close(file);
  return copy;
}

}  // namespace leakdir::tool
