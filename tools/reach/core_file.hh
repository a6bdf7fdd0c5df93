// SPDX-License-Identifier: BSL-1.0
//
// A core: the memory of a process that is dead, and its threads. The kernel's or gcore's, of 32 and 64 bits, of either
// byte order. It trusts no number in the file.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory.hh"
#include "reach_maps.hh"
#include "still_process.hh"

namespace leakdir::tool {

class CoreFile : public Memory {
 public:
  // Throws Error with one line when it is no core that can be read. `blocks` are addresses of blocks, of any: by their
  // headers the heap is told from other mappings.
  explicit CoreFile(const std::string& path);
  ~CoreFile() override;
  CoreFile(const CoreFile&) = delete;
  CoreFile& operator=(const CoreFile&) = delete;

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) override;
  reach::Stretch next_used(reach::Stretch within) override;
  std::uint64_t missing_at(reach::Stretch within) override;
  bool is_of_other_order() const override { return is_of_other_order_; }

  unsigned machine() const { return machine_; }
  unsigned pointer_bytes() const { return pointer_bytes_; }
  pid_t pid() const { return pid_; }
  int signal() const { return signal_; }            // of which it died; 0: of none, so it may have gone on
  std::uint64_t random() const { return random_; }  // where AT_RANDOM's 16 bytes lie; 0: not known
  const std::vector<reach::Mapping>& mappings() const { return mappings_; }
  const std::vector<StillThread>& threads() const { return threads_; }
  bool is_cut() const { return is_cut_; }
  // Of each thread: those of floating-point and vectors, in which compilers put pointers, too.
  bool has_all_registers() const { return has_all_registers_; }

  // Which mapping is what brk gave is not in a core: the one in which this block of the main arena lies.
  void mark_heap(std::uint64_t block);

 private:
  struct Segment {
    std::uint64_t start = 0, end = 0;
    std::uint64_t in_core = 0;  // bytes of it that are in the core
    std::uint64_t offset = 0;
    bool is_writable = false;
  };
  struct File {
    std::uint64_t start = 0, end = 0, offset = 0;
    std::string path;
  };
  struct Opened {
    int descriptor = -1;
    std::uint64_t bytes = 0;
  };

  template <class Format>
  void read_segments();
  void read_notes(std::uint64_t offset, std::uint64_t bytes);
  void take_note(unsigned type, const std::string& content);
  void take_files(const std::string& content);
  void make_mappings();
  void parse_threads();
  const Segment* segment_of(std::uint64_t address) const;
  std::size_t read_piece(std::uint64_t address, std::uint64_t bytes, char* into);
  const Opened& opened(const File& file);
  std::size_t read_file(std::uint64_t address, std::uint64_t bytes, char* into);
  std::uint32_t word32_in(const std::string& bytes, std::size_t at) const;
  std::uint64_t word_in(const std::string& bytes, std::size_t at) const;
  std::string words_in_order(std::string words) const;

  std::string path_;
  int descriptor_ = -1;
  bool is_cut_ = false, is_of_other_order_ = false, has_all_registers_ = true;
  std::uint64_t size_ = 0;
  unsigned machine_ = 0, pointer_bytes_ = 8;
  pid_t pid_ = 0;
  int signal_ = 0;
  std::uint64_t random_ = 0;
  std::vector<Segment> segments_;  // sorted
  std::vector<File> files_;        // sorted
  std::map<std::string, Opened> opened_;
  std::vector<reach::Mapping> mappings_;
  std::vector<std::pair<pid_t, RegisterSets>> registers_;
  std::vector<StillThread> threads_;
};

}  // namespace leakdir::tool
