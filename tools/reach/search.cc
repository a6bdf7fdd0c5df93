// SPDX-License-Identifier: BSL-1.0
#include "search.hh"

#include <algorithm>
#include <memory>

#include "base/large_memory.hh"
#include "base/sort_nearly_sorted.hh"
#include "ledger.hh"
#include "pointers_ahead.hh"
#include "reach_blocks.hh"
#include "reach_heap.hh"
#include "reach_heap_musl.hh"
#include "reach_mark.hh"
#include "reach_roots.hh"
#include "reach_usable.hh"
#include "roots.hh"
#include "thread_locals.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMostOfStack = 1 << 20, kMostOfAllStacks = 64 << 20;  // of what is copied
constexpr std::uint64_t kAhead = 16 << 20, kAheadOfBlock = 32;              // bytes for pointers that are read ahead
constexpr std::size_t kIndexOfBlock = 16;                                   // bytes of what finds a block, usually
constexpr std::uint64_t kOfHooks = 16 << 10;  // of a stack: what a hook, and malloc below it, may have there

// Sorted by address.
std::vector<reach::HeapBlock> heap_blocks_of(const std::vector<Block>& blocks) {
  std::vector<reach::HeapBlock> heap;
  reserve_for_use(heap, blocks.size());
  for (const Block& block : blocks)
    heap.push_back(reach::heap_block_of(block.address, block.size, static_cast<ledger::Call>(block.call), block.flags,
                                        static_cast<std::uint32_t>(heap.size())));
  sort_nearly_sorted(heap, [](const auto& a, const auto& b) { return a.address < b.address; });
  return heap;
}

// The memory, and what is known of it without being read.
struct Source {
  Memory& memory;
  const PointersAhead& ahead;

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) { return memory.read(pieces, count, into); }
  reach::Stretch next_used(reach::Stretch within) { return memory.next_used(within); }
  std::uint64_t missing_at(reach::Stretch within) { return memory.missing_at(within); }
  const char* in_place(std::uint64_t address, std::uint64_t bytes) const { return memory.in_place(address, bytes); }
  bool turns_words() const { return memory.turns_words(); }
  template <class Visit>
  bool known_pointers(std::uint32_t block, Visit visit) const {
    return ahead.for_each(block, visit);
  }
};

// Keeps who holds whom, by the number that the block has in the table.
class Recorder {
 public:
  static constexpr bool kWantsShortest = true;
  Recorder(Holders& holders, std::size_t blocks) : holders_(holders) { holders_.of.resize(blocks); }
  void reached(std::uint32_t block, std::uint32_t from, std::uint64_t location) {
    holders_.of[block] = {is_root(from, location) ? reach::kNoBlock : from, location};
  }
  void pointer(std::uint32_t block, std::uint32_t from, std::uint64_t location) {
    if (!holders_.wants_pointers || block == from) return;
    if (is_root(from, location)) {
      holders_.roots.push_back({block, location});
    } else {
      holders_.pointers.push_back({from, block});
    }
  }

 private:
  bool is_root(std::uint32_t from, std::uint64_t location) const {
    return from == reach::kNoBlock || find_thread_locals(holders_.thread_locals, location) != nullptr;
  }

  Holders& holders_;
};

template <class Word>
class Search {
 public:
  explicit Search(const StillProcess& process)
      : process_(process),
        mappings_{process.mappings.data(), process.mappings.size()},
        blocks_(heap_blocks_of(process.blocks)),
        index_(kIndexOfBlock * process.blocks.size()),
        room_(std::make_unique<reach::MarkRoom>()) {}

  std::size_t size() const { return blocks_.size(); }

  template <class Observer>
  Found run(Observer& observer) {
    Found found;
    found.kinds.resize(blocks_.size());
    if (process_.header.usable_size_asked != 0 && !process_.is_musl)
      reach::end_blocks_with_chunks<Word>(blocks_.data(), static_cast<std::uint32_t>(blocks_.size()), process_.memory,
                                          *room_);
    const auto take = [&](std::uint64_t bytes) { return index_.take(bytes); };
    table_.build(blocks_.data(), static_cast<std::uint32_t>(blocks_.size()), take);
    room_->build(table_, take);

    const std::vector<reach::Stretch> own = own_memory_of(process_);
    auto& threads = threads_;
    threads = process_.threads;
    threads.erase(std::remove_if(threads.begin(), threads.end(),
                                 [&](const auto& thread) { return is_in(own, thread.registers.stack); }),
                  threads.end());
    // A hole for each gap between blocks at the most. (What is not written of it is no memory.)
    const std::size_t most_holes =
        2 * blocks_.size() + 4 * process_.mappings.size() + own.size() + 2 * threads.size() + 16;
    const std::unique_ptr<reach::Stretch[]> hole_room(new reach::Stretch[most_holes]);
    reach::Holes holes(hole_room.get(), most_holes);
    for (const auto& stretch : own) holes.add(stretch);
    for (const auto& stretch : unused_parts_of_stacks(process_, threads)) holes.add(stretch);
    if (process_.is_musl) {
      std::make_unique<reach::MuslHeap<Word, Memory>>(table_, mappings_, process_.memory, knows_all(), 0)
          ->find_holes(holes);
    } else {
      for (const auto& ended : ended_threads(process_)) {
        holes.add(ended.no_root);
        reach::forget_variables(process_.memory, sizeof(Word), room_->bytes, ended.table, table_);
      }
      std::make_unique<reach::Heaps<Word, Memory>>(table_, mappings_, process_.memory, knows_all(), 0)
          ->find_holes(holes);
    }

    PointersAhead ahead;
    if (!Observer::kWantsShortest) table_.build_starts(take);
    if (!Observer::kWantsShortest)
      ahead.read(table_, process_.memory, sizeof(Word), kAhead + kAheadOfBlock * blocks_.size());
    Source source{process_.memory, ahead};
    reach::Marker<Word, Source, Observer> marker(table_, mappings_, source, observer, *room_);
    for (std::uint32_t i = 0; i < table_.count(); ++i)
      if (table_[i].has(reach::HeapBlock::kRoot)) marker.root_block(i);
    for (std::size_t i = 0; i < threads.size(); ++i) add_thread(threads[i], i, marker);
    for_each_root(mappings_, table_, holes, [&](reach::Stretch stretch) { marker.root(stretch); });
    marker.mark();

    for (std::uint32_t i = 0; i < table_.count(); ++i) found.kinds[table_[i].id] = table_[i].reach();
    found.unread_bytes = marker.unread_bytes();
    return found;
  }

  // As the caller knows the blocks.
  void number_as_rows(Holders& holders) const {
    const auto row = [&](std::uint32_t block) { return block == reach::kNoBlock ? kNone : blocks_[block].id; };
    std::vector<Holder> of(holders.of.size());
    for (std::uint32_t i = 0; i < of.size(); ++i) of[row(i)] = {row(holders.of[i].block), holders.of[i].location};
    holders.of = std::move(of);
    for (auto& root : holders.roots) root.block = row(root.block);
    for (auto& pointer : holders.pointers) pointer = {row(pointer.from), row(pointer.to)};
    holders.threads = threads_;
    holders.mappings = process_.mappings;
    holders.machine = process_.header.machine;
    holders.pointer_bytes = sizeof(Word);
    std::size_t left = kMostOfAllStacks;
    for (const auto& thread : threads_) {
      const reach::Stretch stack = stack_of(process_, thread.registers);
      holders.stacks.push_back(stack);
      holders.stack_copies.push_back(copy_of(stack, thread.registers.stack, std::min(left, kMostOfStack)));
      left -= holders.stack_copies.back().bytes.size();
    }
  }

 private:
  Holders::StackCopy copy_of(reach::Stretch stack, std::uint64_t from, std::size_t most) const {
    if (from < stack.start || from >= stack.end) return {};
    Holders::StackCopy copy = {from, std::string(std::min<std::uint64_t>(most, stack.end - from), '\0')};
    const reach::Piece piece = {from, copy.bytes.size()};
    copy.bytes.resize(process_.memory.read(&piece, 1, copy.bytes.data()));
    return copy;
  }

  bool knows_all() const {
    const auto& header = process_.header;
    return !process_.is_older && header.some_unknown == 0 && header.dropped_blocks == 0 && header.unrecorded == 0 &&
           header.pauses == 0 && header.recording != 0;
  }

  template <class Marker>
  void add_thread(const StillThread& thread, std::size_t number, Marker& marker) {
    const Registers& registers = thread.registers;
    std::size_t index = 0;
    for (const auto& one : registers.general) {
      marker.root_word(one.value, register_location(number, index++));
      if (thread.is_inside) add_unknown_chunk(one.value, marker);
    }
    for (const std::uint64_t word : registers.vector_words)
      marker.root_word(word, register_location(number, kWideRegister));
    // The stack of a coroutine, say.
    if (const std::uint32_t block = table_.find(registers.stack); block != reach::kNoBlock) marker.root_block(block);
    if (!thread.is_inside) return;
    std::vector<Word> words(kOfHooks / sizeof(Word));
    const reach::Piece piece = {registers.stack & ~(std::uint64_t{sizeof(Word)} - 1), words.size() * sizeof(Word)};
    words.resize(process_.memory.read(&piece, 1, words.data()) / sizeof(Word));
    for (const Word word : words) add_unknown_chunk(word, marker);
  }

  // What a block moves to while it is resized is in no row yet.
  template <class Marker>
  void add_unknown_chunk(std::uint64_t address, Marker& marker) {
    if (address % (2 * sizeof(Word)) != 0 || address == 0 || table_.find(address) != reach::kNoBlock) return;
    const reach::Mapping* mapping = mappings_.find(address);
    constexpr std::uint32_t kNone = reach::Mapping::kShared | reach::Mapping::kFile | reach::Mapping::kStack;
    if (mapping == nullptr || !mapping->has(reach::Mapping::kWrite) || (mapping->flags & kNone) != 0) return;
    const std::uint64_t size = process_.memory.word(address - sizeof(Word), sizeof(Word)) & ~std::uint64_t{7};
    if (size < 4 * sizeof(Word) || size > mapping->end - address + 2 * sizeof(Word)) return;
    marker.root({address, address + size - sizeof(Word)});
  }

  const StillProcess& process_;
  const reach::Mappings mappings_;
  std::vector<reach::HeapBlock> blocks_;
  std::vector<StillThread> threads_;  // but for leakdir's own
  MemoryForUse index_;
  reach::BlockTable table_;
  std::unique_ptr<reach::MarkRoom> room_;
};

}  // namespace

Found search(const StillProcess& process, Holders* holders) {
  const auto run = [&](auto& search) {
    if (holders == nullptr) {
      reach::NoObserver observer;
      return search.run(observer);
    }
    holders->thread_locals = process.thread_locals;
    Recorder recorder(*holders, search.size());
    Found found = search.run(recorder);
    search.number_as_rows(*holders);
    return found;
  };
  if (process.header.pointer_bytes == 8) {
    Search<std::uint64_t> search(process);
    return run(search);
  }
  Search<std::uint32_t> search(process);
  return run(search);
}

}  // namespace leakdir::tool
