// SPDX-License-Identifier: BSL-1.0
#include "truth.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "load/parse_record.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using leakdir::tool::Snapshot;

struct Live {
  std::uint64_t address, size;
};

// One thread's call: at most one block comes of it, or is left by it.
struct UnderWay {
  Live old;                // may still be there; address 0: none
  std::uint64_t new_size;  // may be there already, at whatever address; 0: none
  bool is_used;
};

class Truth {
 public:
  explicit Truth(const Board& board) {
    bool is_under_way[kBoardSlots] = {};
    for (const BoardThread& thread : board.threads) {
      const BoardSlot& slot = board.slots[thread.slot % kBoardSlots];
      const bool is_made = thread.call == kMakes && slot.address != 0;
      if (thread.call == kInNoCall || is_made) continue;
      is_under_way[thread.slot % kBoardSlots] = true;
      under_way_.push_back({thread.call == kMakes ? Live{} : Live{thread.old_address, thread.old_size},
                            thread.call == kFrees ? 0 : thread.size, false});
    }
    for (unsigned i = 0; i < kBoardSlots; ++i) {
      const BoardSlot& slot = board.slots[i];
      if (slot.address != 0 && !is_under_way[i]) certain_[slot.address] = slot.size;
    }
  }

  // The block is there: as it must be, or as it may be.
  std::string take(std::uint64_t address, std::uint64_t size) {
    const auto found = certain_.find(address);
    if (found != certain_.end()) {
      if (found->second != size) return fmt::format("{:#x} has {} bytes, shown are {}", address, found->second, size);
      certain_.erase(found);
      return "";
    }
    for (UnderWay& call : under_way_) {
      if (call.is_used || call.old.address != address || call.old.size != size) continue;
      call.is_used = true;
      return "";
    }
    may_be_new_.push_back({address, size});
    return "";
  }

  // After the last block. What comes of a call has any address, so what one has left must have been told apart before.
  std::string rest() {
    for (const Live& block : may_be_new_) {
      const std::string flaw = take_new(block);
      if (!flaw.empty()) return flaw;
    }
    if (certain_.empty()) return "";
    return fmt::format("{} live blocks are missing, one at {:#x}", certain_.size(), certain_.begin()->first);
  }

 private:
  std::string take_new(const Live& block) {
    for (UnderWay& call : under_way_) {
      if (call.is_used || call.new_size != block.size) continue;
      call.is_used = true;
      return "";
    }
    return fmt::format("{:#x} of {} bytes is shown, and not live", block.address, block.size);
  }

  std::map<std::uint64_t, std::uint64_t> certain_;
  std::vector<UnderWay> under_way_;
  std::vector<Live> may_be_new_;
};

// Of what libc and the start of a program keep there are a few.
constexpr std::size_t kMostOthers = 16;

std::string flaw_of_stack(const Snapshot& snapshot, const leakdir::tool::Block& block) {
  const std::vector<std::uint32_t> frames = frames_of(snapshot, block.stack);
  if (frames.size() < 2) return fmt::format("{:#x} has a stack of {} frames", block.address, frames.size());
  for (const std::uint32_t frame : frames) {
    if (snapshot.frames[frame].pc == 0) return fmt::format("{:#x} has a frame at 0", block.address);
  }
  const leakdir::tool::Frame& inner = snapshot.frames[frames.front()];
  if (inner.module == leakdir::tool::kNone || !snapshot.modules[inner.module].is_program)
    return fmt::format("{:#x} was not allocated by the program", block.address);
  if (block.thread == 0 || snapshot.threads[block.thread].tid == 0)
    return fmt::format("{:#x} has no thread", block.address);
  return "";
}

}  // namespace

SharedBoard::SharedBoard(const std::string& path) {
  write_file(path, std::string(sizeof(Board), '\0'));
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  board_ = static_cast<Board*>(mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  close(fd);
}

SharedBoard::~SharedBoard() { munmap(board_, sizeof(Board)); }

std::string difference(const Board& board, const Snapshot& snapshot) {
  if (snapshot.is_damaged()) return snapshot.damage.front();
  Truth truth(board);
  std::size_t others = 0;
  for (const leakdir::tool::Block& block : snapshot.blocks) {
    if (!is_board_size(block.size)) {
      ++others;
      continue;
    }
    std::string flaw = truth.take(block.address, block.size);
    if (flaw.empty()) flaw = flaw_of_stack(snapshot, block);
    if (!flaw.empty()) return flaw;
  }
  if (others > kMostOthers) return fmt::format("{} blocks of sizes that nobody asked for", others);
  return truth.rest();
}

std::string difference_of_files(const Board& board, const std::string& dir) {
  Truth truth(board);
  std::size_t unwritten = 0;
  for (const std::string& name : names_in(dir, ".mem")) {
    const std::string text = read_file(dir + "/" + name);
    if (text.empty()) {  // made, and not written yet
      if (++unwritten > kBoardThreads) return "too many empty files";
      continue;
    }
    const auto record = leakdir::tool::parse_record(text);
    if (!record || text.back() != '\n') return fmt::format("{} is no whole record", name);
    if (!is_board_size(record->size)) continue;
    const std::string flaw = truth.take(record->address, record->size);
    if (!flaw.empty()) return flaw;
  }
  return truth.rest();
}

}  // namespace leakdir_test
