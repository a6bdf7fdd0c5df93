// SPDX-License-Identifier: BSL-1.0
//
// The memory of a process that is there, read through the kernel: nothing of the process is changed, no page is made.
// Which pages there are /proc/PID/pagemap says: a large mapping of which little is used costs little.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "memory.hh"
#include "reach_maps.hh"

namespace leakdir::tool {

class LiveMemory : public Memory {
 public:
  explicit LiveMemory(pid_t pid);
  ~LiveMemory() override;
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) override;
  reach::Stretch next_used(reach::Stretch within) override;
  std::unique_ptr<Memory> another() const override;

  // The mappings, as they are now. Throws Error where they cannot be read.
  void read_mappings();
  const std::vector<reach::Mapping>& mappings() const { return mappings_; }

  // The process has run since: what was read before may be otherwise now.
  void forget() { window_bytes_ = 0, page_count_ = 0; }

 private:
  static constexpr std::size_t kWindow = 64 << 10;
  static constexpr std::size_t kClose = 512;                       // that far apart, two pieces are read as one
  static constexpr std::size_t kPages = 4 << 10, kFewPages = 256;  // asked for at once

  bool fill_window(const reach::Piece& piece);
  std::size_t read_some(const reach::Piece* pieces, unsigned count, void* into);
  std::size_t read_joined(const reach::Piece* pieces, unsigned count, char* into);
  bool is_used(std::uint64_t page, const reach::Mapping& mapping);

  pid_t pid_;
  int memory_ = -1, pagemap_ = -1;
  bool reads_file_ = false;  // /proc/PID/mem, where process_vm_readv is refused
  std::vector<reach::Mapping> mappings_;
  std::uint64_t window_ = 0;  // small pieces are read from one large one
  std::size_t window_bytes_ = 0;
  std::vector<char> window_text_;
  std::uint64_t first_page_ = 0;
  std::size_t page_count_ = 0;
  std::vector<std::uint64_t> pages_;
};

}  // namespace leakdir::tool
