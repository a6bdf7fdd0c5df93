// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 9: pointers into the middle of a block that mean the whole of it. Valgrind's rules: std::string,
// new[], an object's second base class, a buffer behind its length. Beside these: what was thrown is held by who holds
// the object, or what the C++ runtime knows of it, which lie in the middle of what was allocated; arrays of new[] may
// have elements that are aligned by more than a word, or none, which makes their address that past the end; what is
// linked by a part in the middle is held by its neighbours, and a block from which pieces are handed out by who has a
// piece; and part 10 knows what some libraries hand out. (GLib leaves other pointers for Valgrind, which so does
// without its own.)

#pragma once

#include <cstdint>

#include "reach_blocks.hh"
#include "reach_libraries.hh"
#include "reach_maps.hh"

namespace leakdir::reach {

// `Source`: see reach_mark.hh.
template <class Word, class Source>
class MeansWhole {
 public:
  MeansWhole(const Mappings& mappings, Source& source) : contents_(mappings, source) {}
  MeansWhole(const MeansWhole&) = delete;
  MeansWhole& operator=(const MeansWhole&) = delete;

  // The whole block is meant by `pointer`, which leads into it, or past its end.
  bool of(std::uint64_t pointer, HeapBlock& block) {
    if (!block.has(HeapBlock::kAsked)) ask_first_words(block);
    const std::uint64_t offset = pointer - block.address;
    if (offset == kWord && block.has(HeapBlock::kWholeBehindWord)) return true;
    if (offset == 8 && block.has(HeapBlock::kWholeBehind8)) return true;
    if (offset == 3 * kWord && block.has(HeapBlock::kWholeBehind3Words)) return true;
    if (block.may_be_aligned_by(offset) && is_array_behind(offset, block)) return true;
    if (block.has(HeapBlock::kAllocatorsPage) && offset % (2 * kWord) == 0) return true;
    if (block.has(HeapBlock::kIsException) && is_in_exception(offset)) return true;
    if (misses_ == kMostMisses) return false;
    // The second base of an object begins with the address of a table of virtual functions as well.
    if (block.has(HeapBlock::kIsObject) && offset % kWord == 0 && is_virtual_table(contents_.word_at(pointer)))
      return true;
    if (is_link(pointer) || is_arena(offset, block) || of_libraries_.is_whole(offset, block)) return true;
    ++misses_;
    return false;
  }

  // Past the end a word leads to what new[] made for no element.
  bool leads_to(std::uint64_t word, const HeapBlock& block) {
    return word < block.end() || (word == block.address + block.bytes() && is_empty_array(block));
  }

 private:
  static constexpr std::uint64_t kWord = sizeof(Word);
  static constexpr unsigned kMostWords = Contents<Word, Source>::kMostWords;

  // ---- Arrays

  bool is_empty_array(const HeapBlock& block) {
    std::uint64_t count[1] = {};
    return block.bytes() >= kWord && contents_.read_words(block.address + block.bytes() - kWord, 1, count) &&
           count[0] == 0;
  }

  // Elements of new[] that are aligned by more than a word: their number lies before the first, and before that nothing
  // but, on 32-bit ARM, their size. Of no element a word alone is known, or ARM's two: past the end of what is larger
  // too much else points.
  bool is_array_behind(std::uint64_t offset, const HeapBlock& block) {
    if (offset == block.bytes()) return offset <= 8 && is_empty_array(block);
    if (offset <= kWord || offset > block.bytes()) return false;
    std::uint64_t word[2] = {};  // the size of one, their number
    if (!contents_.read_words(block.address + offset - 2 * kWord, 2, word) || word[1] == 0) return false;
    const std::uint64_t bytes = block.bytes() - offset, element = bytes / word[1];
    if (bytes % word[1] != 0) return false;
    return element % offset == 0 || (kWord == 4 && offset == 8 && element == word[0]);
  }

  // ---- Links

  // What is linked by a part of it in the middle, as in Linux and Wayland: in a ring, where both neighbours lead back
  // (list_head, wl_list: next, previous), or in a tree, where all do that there are (rb_node: above, with a colour in
  // the lowest bits, right, left).
  bool is_link(std::uint64_t address) {
    std::uint64_t link[kLinks] = {};
    if (address % kWord != 0 || !contents_.read_words(address, kLinks, link)) return false;
    if (leads(link[0], 1, address) && leads(link[1], 0, address)) return true;
    const std::uint64_t above = link[0] & ~kColour;
    if (above == 0 && link[1] == 0 && link[2] == 0) return false;
    return (above == 0 || leads(above, 1, address) || leads(above, 2, address)) &&
           (link[1] == 0 || leads(link[1], 0, address)) && (link[2] == 0 || leads(link[2], 0, address));
  }
  static constexpr unsigned kLinks = 3;
  static constexpr std::uint64_t kColour = 3;

  bool leads(std::uint64_t from, unsigned word, std::uint64_t to) {
    std::uint64_t link[kLinks] = {};
    return from != to && contents_.mapping_of_word(from) != nullptr && contents_.read_words(from, word + 1, link) &&
           (link[word] & ~kColour) == to;
  }

  // ---- Arenas

  // A block from which pieces are handed out. nginx's begins with the places where it is free and where it ends; that
  // of a std::pmr::monotonic_buffer_resource ends with its size, which is where its owner leads to.
  bool is_arena(std::uint64_t offset, const HeapBlock& block) {
    constexpr std::uint64_t kAlignment = 63;  // a power of two, in the lowest bits of the size
    const std::uint64_t end = block.address + block.bytes();
    std::uint64_t word[2] = {};
    if (block.bytes() < 4 * kWord || !contents_.read_words(block.address, 2, word)) return false;
    if (word[1] == end && word[0] > block.address && word[0] <= end) return true;
    return offset == block.bytes() - 2 * kWord && contents_.read_words(end - 2 * kWord, 1, word) &&
           (word[0] & ~kAlignment) == block.bytes() && (word[0] & kAlignment) < kWord * 8;
  }

  // ---- What was thrown

  // What throw allocates, on 64 bits: what the C++ runtime knows of it (of gcc's, behind a count), with what the
  // unwinder knows at its end, which begins with a name of the runtime, and the object. Each of the three is what
  // somebody holds: a catch, an unwinding, and std::exception_ptr.
  static constexpr std::uint64_t kRuntimes = 16, kUnwinders = 96, kThrown = 128;
  static bool is_in_exception(std::uint64_t offset) {
    return offset == kRuntimes || offset == kUnwinders || offset == kThrown;
  }
  static bool is_class_of_cxx(std::uint64_t word) {
    constexpr std::uint64_t kGnu = 0x474e5543432b2b00, kClang = 0x434c4e47432b2b00;  // "GNUCC++", "CLNGC++"
    return (word & ~std::uint64_t{1}) == kGnu || (word & ~std::uint64_t{1}) == kClang;
  }

  // ---- By the first words of a block

  // Once for each block that a pointer leads into.
  void ask_first_words(HeapBlock& block) {
    block.set(HeapBlock::kAsked);
    const std::uint64_t bytes = block.bytes();
    const bool may_be_exception = kWord == 8 && bytes > kThrown;
    std::uint64_t word[kMostWords] = {};
    if (bytes < 2 * kWord || !contents_.read_words(block.address, may_be_exception ? kUnwinders / 8 + 1 : 2, word))
      return;
    if (may_be_exception && is_class_of_cxx(word[kUnwinders / 8])) block.set(HeapBlock::kIsException);
    // the number of elements, and elements that have a destructor
    if (word[0] != 0 && (bytes - kWord) % word[0] == 0) block.set(HeapBlock::kWholeBehindWord);
    const std::uint64_t length = kWord == 8 ? word[0] : word[0] | word[1] << 32;
    if (length != 0 && length == bytes - 8) block.set(HeapBlock::kWholeBehind8);
    // length, capacity, count of references, characters and a 0: std::string before C++11
    if (word[0] <= word[1] && word[1] < bytes && 3 * kWord + word[1] + 1 == bytes) {
      block.set(HeapBlock::kWholeBehind3Words);
    }
    if (is_virtual_table(word[0])) block.set(HeapBlock::kIsObject);
  }

  // ---- Objects

  // Of its first words, those that are not 0 lead to code, and two at least are there.
  bool is_virtual_table(std::uint64_t address) {
    const Mapping* table = contents_.mapping_of_word(address);
    if (table == nullptr || !table->has(Mapping::kRead) || !table->has(Mapping::kFile)) return false;
    const std::uint64_t room = (table->end - address) / kWord;
    const unsigned count = room < kMostWords ? static_cast<unsigned>(room) : kMostWords;
    std::uint64_t words[kMostWords] = {};
    if (!contents_.read_words(address, count, words)) return false;
    unsigned functions = 0;
    for (unsigned i = 0; i < count && functions < 2; ++i) {
      if (words[i] == 0) continue;
      const Mapping* code = contents_.mappings().find(words[i]);
      if (code == nullptr || !code->has(Mapping::kExecute) || !code->has(Mapping::kFile)) return false;
      ++functions;
    }
    return functions == 2;
  }

  // A question takes a few calls of the kernel, where memory is not read in place: so many pointers that mean nothing
  // are asked about.
  static constexpr std::uint32_t kMostMisses = 1u << 18;

  std::uint32_t misses_ = 0;
  Contents<Word, Source> contents_;
  OfLibraries<Word, Source> of_libraries_{contents_};
};

}  // namespace leakdir::reach
