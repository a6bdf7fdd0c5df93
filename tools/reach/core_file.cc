// SPDX-License-Identifier: BSL-1.0
//
// What a core does not have, of what was mapped: text, and data of files that nobody wrote, which are in the files; and
// shared mappings of files, which are there, too. What is neither is unread. The kernel's cores say where text was;
// gdb's name the file of each mapping, and nothing else of those that they leave out.

#include "core_file.hh"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.hh"
#include "symbols/elf_file.hh"
#include "unpack.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint64_t kMostNotes = 256 << 20;
constexpr std::uint64_t kMostSegments = 1 << 22;
constexpr bool kIsLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

std::size_t read_at(int file, std::uint64_t offset, void* into, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = pread(file, static_cast<char*>(into) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Section = Elf32_Shdr;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Section = Elf64_Shdr;
};

template <class Range>
auto containing(const Range& sorted, std::uint64_t address) {
  auto after = std::upper_bound(sorted.begin(), sorted.end(), address,
                                [](std::uint64_t value, const auto& one) { return value < one.start; });
  const auto found = after == sorted.begin() ? sorted.end() : std::prev(after);
  return found != sorted.end() && address < found->end ? found : sorted.end();
}

template <class Range>
void sort_by_start(Range& range) {
  std::sort(range.begin(), range.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
}

// Which parts of files are code, as their headers say.
class Codes {
 public:
  bool has(const std::string& path, std::uint64_t offset) {
    const auto [known, is_new] = of_.try_emplace(path);
    if (is_new) known->second = parts_of(path);
    return std::any_of(known->second.begin(), known->second.end(),
                       [&](const Part& part) { return offset >= part.start && offset < part.end; });
  }

 private:
  struct Part {
    std::uint64_t start, end;
  };

  static std::vector<Part> parts_of(const std::string& path) {
    constexpr std::uint64_t kPage = 4096;
    std::vector<Part> parts;
    try {
      const ElfProgram file(path);
      for (const GElf_Phdr& segment : file.segments())
        if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0)
          parts.push_back({segment.p_offset & ~(kPage - 1), segment.p_offset + segment.p_filesz});
    } catch (const Error&) {  // it is none of ELF's, or not here
    }
    return parts;
  }

  std::map<std::string, std::vector<Part>> of_;
};

}  // namespace

CoreFile::CoreFile(const std::string& path) : path_(path) {
  const OpenedFile opened = open_unpacked(path);
  descriptor_ = opened.descriptor;
  is_cut_ = opened.is_cut;
  try {
    struct stat status;
    size_ = fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    unsigned char ident[EI_NIDENT] = {};
    if (read_at(descriptor_, 0, ident, sizeof ident) != sizeof ident || std::memcmp(ident, ELFMAG, SELFMAG) != 0)
      throw Error(fmt::format("{} is no core", path_));
    is_of_other_order_ = ident[EI_DATA] != (kIsLittle ? ELFDATA2LSB : ELFDATA2MSB);
    pointer_bytes_ = ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
    if (pointer_bytes_ == 8) {
      read_segments<Elf64>();
    } else {
      read_segments<Elf32>();
    }
    make_mappings();
    parse_threads();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

CoreFile::~CoreFile() {
  close(descriptor_);
  for (const auto& [path, file] : opened_)
    if (file.descriptor >= 0) close(file.descriptor);
}

std::uint32_t CoreFile::word32_in(const std::string& bytes, std::size_t at) const {
  std::uint32_t word = 0;
  if (at + sizeof word <= bytes.size()) std::memcpy(&word, bytes.data() + at, sizeof word);
  return in_order(word);
}

std::uint64_t CoreFile::word_in(const std::string& bytes, std::size_t at) const {
  if (pointer_bytes_ == 4) return word32_in(bytes, at);
  std::uint64_t word = 0;
  if (at + sizeof word <= bytes.size()) std::memcpy(&word, bytes.data() + at, sizeof word);
  return in_order(word);
}

// Registers, which are as wide as pointers.
std::string CoreFile::words_in_order(std::string words) const {
  for (std::size_t at = 0; is_of_other_order_ && at + pointer_bytes_ <= words.size(); at += pointer_bytes_)
    std::reverse(words.data() + at, words.data() + at + pointer_bytes_);
  return words;
}

template <class Format>
void CoreFile::read_segments() {
  typename Format::Header header{};
  read_at(descriptor_, 0, &header, sizeof header);
  if (in_order(header.e_type) != ET_CORE) throw Error(fmt::format("{} is an ELF file, but no core", path_));
  machine_ = in_order(header.e_machine);
  const std::uint64_t table = in_order(header.e_phoff);
  std::uint64_t count = in_order(header.e_phnum);
  if (count == PN_XNUM) {  // there are more, and the first section says how many
    typename Format::Section first{};
    read_at(descriptor_, in_order(header.e_shoff), &first, sizeof first);
    count = in_order(first.sh_info);
  }
  count = std::min(count, kMostSegments);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> notes;
  for (std::uint64_t i = 0; i < count; ++i) {
    typename Format::Segment segment{};
    if (read_at(descriptor_, table + i * sizeof segment, &segment, sizeof segment) != sizeof segment)
      throw Error(fmt::format("{} is cut short: not even its table of contents is whole", path_));
    const std::uint32_t type = in_order(segment.p_type), flags = in_order(segment.p_flags);
    const std::uint64_t in_memory = in_order(segment.p_memsz), in_file = in_order(segment.p_filesz);
    Segment loaded;
    loaded.start = in_order(segment.p_vaddr);
    loaded.end = loaded.start + in_memory;
    loaded.offset = in_order(segment.p_offset);
    if (type == PT_NOTE) notes.emplace_back(loaded.offset, in_file);
    if (type != PT_LOAD || in_memory == 0 || loaded.end < loaded.start) continue;
    loaded.in_core = std::min(in_file, in_memory);
    loaded.is_writable = (flags & PF_W) != 0;
    if (loaded.in_core != 0 && (loaded.offset > size_ || loaded.in_core > size_ - loaded.offset)) is_cut_ = true;
    segments_.push_back(loaded);
    mappings_.push_back({loaded.start, loaded.end,
                         ((flags & PF_R) != 0 ? reach::Mapping::kRead : 0) |
                             ((flags & PF_W) != 0 ? reach::Mapping::kWrite : 0) |
                             ((flags & PF_X) != 0 ? reach::Mapping::kExecute : 0)});
  }
  sort_by_start(segments_);
  sort_by_start(mappings_);
  for (const auto& [offset, bytes] : notes) read_notes(offset, bytes);
}

void CoreFile::read_notes(std::uint64_t offset, std::uint64_t bytes) {
  std::string content(std::min(bytes, kMostNotes), '\0');
  content.resize(read_at(descriptor_, offset, content.data(), content.size()));
  for (std::size_t at = 0; at + 12 <= content.size();) {
    const std::uint64_t name = word32_in(content, at), size = word32_in(content, at + 4);
    const std::uint64_t start = at + 12 + ((name + 3) & ~std::uint64_t{3});
    if (start > content.size() || size > content.size() - start) break;
    take_note(word32_in(content, at + 8), content.substr(start, size));
    at = start + ((size + 3) & ~std::uint64_t{3});
  }
}

// The notes that follow a thread's NT_PRSTATUS are that thread's.
void CoreFile::take_note(unsigned type, const std::string& content) {
  const bool is_wide = pointer_bytes_ == 8;
  switch (type) {
    case NT_PRSTATUS: {
      const auto tid = static_cast<pid_t>(word32_in(content, is_wide ? 32 : 24));
      if (registers_.empty() && content.size() >= 14) {
        std::uint16_t signal = 0;
        std::memcpy(&signal, content.data() + 12, sizeof signal);
        signal_ = in_order(signal);
      }
      const std::size_t at = is_wide ? 112 : 72;
      const std::string general = content.size() > at ? words_in_order(content.substr(at)) : std::string();
      registers_.emplace_back(tid, RegisterSets{general, {}, {}});
      break;
    }
    case NT_PRPSINFO:
      pid_ = static_cast<pid_t>(word32_in(content, is_wide ? 24 : 12));
      break;
    case NT_AUXV:
      for (std::size_t at = 0; at + 2 * pointer_bytes_ <= content.size(); at += 2 * pointer_bytes_)
        if (word_in(content, at) == AT_RANDOM) random_ = word_in(content, at + pointer_bytes_);
      break;
    case NT_FILE:
      take_files(content);
      break;
    case NT_FPREGSET:
    case NT_X86_XSTATE:
    case NT_ARM_VFP:
    case NT_S390_VXRS_LOW:
    case NT_S390_VXRS_HIGH:
    case NT_PPC_VMX:
    case NT_PPC_VSX:
      if (!registers_.empty()) registers_.back().second.wide += words_in_order(content);
      break;
    case NT_386_TLS:
    case NT_ARM_TLS:
      if (!registers_.empty()) registers_.back().second.local = content;
      break;
    default:
      break;
  }
}

void CoreFile::take_files(const std::string& content) {
  const std::uint64_t count = word_in(content, 0), page = word_in(content, pointer_bytes_);
  if (count > content.size() / (3 * pointer_bytes_)) return;
  std::size_t name = (2 + 3 * count) * pointer_bytes_;
  for (std::uint64_t i = 0; i < count && name < content.size(); ++i) {
    const std::size_t at = (2 + 3 * i) * pointer_bytes_;
    const std::size_t end = std::min(content.find('\0', name), content.size());
    files_.push_back({word_in(content, at), word_in(content, at + pointer_bytes_),
                      word_in(content, at + 2 * pointer_bytes_) * page, content.substr(name, end - name)});
    name = end + 1;
  }
  sort_by_start(files_);
}

void CoreFile::make_mappings() {
  const std::vector<Segment> segments = segments_;  // sorted, as files are
  auto segment = segments.begin();
  Codes codes;
  for (const File& file : files_) {
    while (segment != segments.end() && segment->end <= file.start) ++segment;
    if (file.start >= file.end || (segment != segments.end() && segment->start < file.end)) continue;
    Segment left_out;
    left_out.start = file.start;
    left_out.end = file.end;
    segments_.push_back(left_out);
    mappings_.push_back(
        {file.start, file.end,
         reach::Mapping::kRead | (codes.has(file.path, file.offset) ? reach::Mapping::kExecute : std::uint32_t{0})});
  }
  sort_by_start(segments_);
  sort_by_start(mappings_);
  for (auto& mapping : mappings_) {
    const auto file = containing(files_, mapping.start);
    if (file != files_.end()) {
      mapping.flags |= reach::Mapping::kFile;
      const std::string& path = file->path;
      // What is shared anonymously has a name there, too.
      if (path.rfind("/dev/", 0) == 0 && path.rfind("/dev/shm/", 0) != 0 && path.rfind("/dev/zero", 0) != 0)
        mapping.flags |= reach::Mapping::kDevice;
    }
    if (random_ >= mapping.start && random_ < mapping.end) mapping.flags |= reach::Mapping::kStack;
  }
}

void CoreFile::parse_threads() {
  for (const auto& [tid, sets] : registers_) {
    StillThread thread;
    thread.tid = tid;
    has_all_registers_ &= !sets.wide.empty();
    if (!parse_registers(machine_, sets, thread.registers))
      throw Error(fmt::format("{} is of a processor whose registers this leakdir does not know", path_));
    threads_.push_back(std::move(thread));
  }
  if (threads_.empty()) throw Error(fmt::format("{} has no threads: it is cut short, or no core of Linux", path_));
}

void CoreFile::mark_heap(std::uint64_t block) {
  for (auto& mapping : mappings_)
    if (block >= mapping.start && block < mapping.end && !mapping.has(reach::Mapping::kFile))
      mapping.flags |= reach::Mapping::kHeap;
}

const CoreFile::Segment* CoreFile::segment_of(std::uint64_t address) const {
  const auto segment = containing(segments_, address);
  return segment == segments_.end() ? nullptr : &*segment;
}

std::size_t CoreFile::read(const reach::Piece* pieces, unsigned count, void* into) {
  std::size_t done = 0;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t got = read_piece(pieces[i].address, pieces[i].bytes, static_cast<char*>(into) + done);
    done += got;
    if (got != pieces[i].bytes) break;
  }
  return done;
}

std::size_t CoreFile::read_piece(std::uint64_t address, std::uint64_t bytes, char* into) {
  std::size_t done = 0;
  while (done < bytes) {
    const std::uint64_t at = address + done;
    const Segment* segment = segment_of(at);
    if (segment == nullptr) break;
    const std::uint64_t inside = at - segment->start;
    const bool is_here = inside < segment->in_core;
    const std::uint64_t some =
        std::min<std::uint64_t>(bytes - done, is_here ? segment->in_core - inside : segment->end - at);
    const std::size_t got =
        is_here ? read_at(descriptor_, segment->offset + inside, into + done, some) : read_file(at, some, into + done);
    done += got;
    if (got != some) break;
  }
  return done;
}

const CoreFile::Opened& CoreFile::opened(const File& file) {
  const auto [found, is_new] = opened_.try_emplace(file.path);
  Opened& opened = found->second;
  struct stat status;
  if (is_new && stat(file.path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    opened.descriptor = open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened.descriptor >= 0) opened.bytes = static_cast<std::uint64_t>(status.st_size);
  }
  return opened;
}

std::size_t CoreFile::read_file(std::uint64_t address, std::uint64_t bytes, char* into) {
  const auto file = containing(files_, address);
  if (file == files_.end()) return 0;
  const int descriptor = opened(*file).descriptor;
  if (descriptor < 0) return 0;
  const std::uint64_t some = std::min(bytes, file->end - address);
  return read_at(descriptor, file->offset + (address - file->start), into, some);
}

std::uint64_t CoreFile::missing_at(reach::Stretch within) {
  const Segment* const segment = segment_of(within.start);
  if (segment == nullptr) return 0;
  const std::uint64_t inside = within.start - segment->start;
  const std::uint64_t in_file = segment->offset < size_ ? size_ - segment->offset : 0;
  if (inside < std::min(segment->in_core, in_file)) return 0;
  if (inside < segment->in_core) return std::min(within.end, segment->start + segment->in_core) - within.start;
  std::uint64_t end = std::min(within.end, segment->end);
  const auto after = std::upper_bound(files_.begin(), files_.end(), within.start,
                                      [](std::uint64_t address, const File& file) { return address < file.start; });
  if (after != files_.end()) end = std::min(end, after->start);
  if (const auto file = containing(files_, within.start); file != files_.end()) {
    const std::uint64_t bytes = opened(*file).bytes;
    if (bytes > file->offset && within.start - file->start < bytes - file->offset) return 0;
    end = std::min(end, file->end);
  }
  return end - within.start;
}

// What is not in the core and could not be written holds nothing of the program's.
reach::Stretch CoreFile::next_used(reach::Stretch within) {
  while (within.start < within.end) {
    const auto segment = containing(segments_, within.start);
    if (segment == segments_.end()) break;
    const std::uint64_t here_end = segment->start + segment->in_core;
    if (segment->is_writable) return {within.start, std::min(within.end, segment->end)};
    if (within.start < here_end) return {within.start, std::min(within.end, here_end)};
    within.start = std::min(within.end, segment->end);
  }
  return {within.end, within.end};
}

}  // namespace leakdir::tool
