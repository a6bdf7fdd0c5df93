// SPDX-License-Identifier: BSL-1.0
//
// The process itself, as the search for lost blocks reads it (a Source of shared/reach_mark.hh): through the kernel, so
// that nothing that is mapped strangely, protected or cut off can fault. And memory to work in, which is given back.
//
// Allocates nothing, holds descriptors for as long as it lives: at exit only. One thread.

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "shared/reach_heap.hh"
#include "shared/reach_maps.hh"

namespace leakdir {

// Zero-filled memory, all of which goes when this does.
class WorkMemory {
 public:
  WorkMemory() = default;
  ~WorkMemory();
  WorkMemory(const WorkMemory&) = delete;
  WorkMemory& operator=(const WorkMemory&) = delete;

  void* take(std::uint64_t bytes);  // null: there is none
  template <class T>
  T* take_array(std::uint64_t count) {
    return static_cast<T*>(take(count * sizeof(T)));
  }
  void add_to(reach::Holes& holes) const;

 private:
  static constexpr unsigned kMost = 16;
  reach::Stretch pieces_[kMost];
  unsigned count_ = 0;
};

class OwnProcess {
 public:
  // False: there is no way to read memory through the kernel.
  bool open(WorkMemory& memory);
  ~OwnProcess();
  OwnProcess() = default;
  OwnProcess(const OwnProcess&) = delete;
  OwnProcess& operator=(const OwnProcess&) = delete;

  // Of /proc/self/maps. False: it cannot be read, or there is no memory.
  bool read_mappings(WorkMemory& memory);
  const reach::Mappings& mappings() const { return mappings_; }

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into);
  reach::Stretch next_used(reach::Stretch within);
  // What malloc gave lies in mappings that nobody can cut short or take away while there is one thread; their rights
  // are known from /proc/self/maps, and protection keys (ReadableByAll) are off.
  template <class Visit>
  static bool known_pointers(std::uint32_t, Visit) {
    return false;
  }
  const char* in_place(std::uint64_t address, std::uint64_t bytes);
  static bool turns_words() { return false; }
  void read_in_place() { reads_in_place_ = true; }

 private:
  static constexpr unsigned kPages = 2048;  // of whose state is read at once

  std::size_t read_by_call(const reach::Piece* pieces, unsigned count, void* into);
  bool is_told_as_used(const reach::Piece& piece);
  bool fill_pages(std::uint64_t page);

  reach::Mappings mappings_;
  iovec* remote_ = nullptr;
  std::uint64_t* page_state_ = nullptr;
  std::uint64_t page_bytes_ = 0;  // of the system's pages: pagemap has a word for each
  std::uint64_t first_page_ = 0, page_count_ = 0;
  int memory_file_ = -1;  // /proc/self/mem (or its like), where process_vm_readv is not to be used
  bool reads_in_place_ = false;
  const reach::Mapping* last_mapping_ = nullptr;
  int page_file_ = -1;  // /proc/self/pagemap; none: each page may be in use
};

}  // namespace leakdir
