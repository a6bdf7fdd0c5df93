// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 9: pointers into the middle of a block that mean the whole of it. Valgrind's rules: std::string,
// new[], an object's second base class, a buffer behind its length. Beside these: what was thrown is held by who holds
// the object, or what the C++ runtime knows of it, which lie in the middle of what was allocated; arrays of new[] may
// have elements that are aligned by more than a word, or none, which makes their address that past the end; an object
// of GLib's may have what is private before it, and a hash table of Rust's has its elements before it; and a page from
// which an allocator hands out pieces is held by who has a piece. (GLib leaves other pointers for Valgrind, which so
// does without its two.)

#pragma once

#include <cstdint>

#include "reach_blocks.hh"
#include "reach_maps.hh"

namespace leakdir::reach {

// `Source`: see reach_mark.hh.
template <class Word, class Source>
class MeansWhole {
 public:
  MeansWhole(const Mappings& mappings, Source& source) : mappings_(mappings), source_(source) {}

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
    // The second base of an object begins with the address of a table of virtual functions as well.
    std::uint64_t inner = 0;
    if (block.has(HeapBlock::kIsObject) && offset % kWord == 0 && read_words(pointer, 1, &inner) &&
        is_virtual_table(inner))
      return true;
    if (offset % (2 * kWord) == 0 && is_gobject(pointer)) return true;
    return is_hash_table_of_rust(offset, block);
  }

  // Past the end a word leads to what new[] made for no element.
  bool leads_to(std::uint64_t word, const HeapBlock& block) {
    return word < block.end() || (word == block.address + block.bytes() && is_empty_array(block));
  }

 private:
  static constexpr std::uint64_t kWord = sizeof(Word), kPage = 4096;
  static constexpr unsigned kMostWords = 20;

  bool read_words(std::uint64_t address, unsigned count, std::uint64_t* into) {
    Word words[kMostWords] = {};
    const Piece piece = {address, count * kWord};
    if (count > kMostWords || source_.read(&piece, 1, words) != piece.bytes) return false;
    for (unsigned i = 0; i < count; ++i) into[i] = words[i];
    return true;
  }

  // ---- Arrays

  bool is_empty_array(const HeapBlock& block) {
    std::uint64_t count = 1;
    return block.bytes() >= kWord && read_words(block.address + block.bytes() - kWord, 1, &count) && count == 0;
  }

  // Elements of new[] that are aligned by more than a word: their number lies before the first, and before that nothing
  // but, on 32-bit ARM, their size. Of no element a word alone is known, or ARM's two: past the end of what is larger
  // too much else points.
  bool is_array_behind(std::uint64_t offset, const HeapBlock& block) {
    if (offset == block.bytes()) return offset <= 8 && is_empty_array(block);
    if (offset <= kWord || offset > block.bytes()) return false;
    std::uint64_t word[2] = {};  // the size of one, their number
    if (!read_words(block.address + offset - 2 * kWord, 2, word) || word[1] == 0) return false;
    const std::uint64_t bytes = block.bytes() - offset, element = bytes / word[1];
    if (bytes % word[1] != 0) return false;
    return element % offset == 0 || (kWord == 4 && offset == 8 && element == word[0]);
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
    if (bytes < 2 * kWord || !read_words(block.address, may_be_exception ? kUnwinders / 8 + 1 : 2, word)) return;
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
    const Mapping* table = address % kWord == 0 && address >= kPage ? mappings_.find(address) : nullptr;
    if (table == nullptr || !table->has(Mapping::kRead) || !table->has(Mapping::kFile)) return false;
    const std::uint64_t room = (table->end - address) / kWord;
    const unsigned count = room < kMostWords ? static_cast<unsigned>(room) : kMostWords;
    std::uint64_t words[kMostWords] = {};
    if (!read_words(address, count, words)) return false;
    unsigned functions = 0;
    for (unsigned i = 0; i < count && functions < 2; ++i) {
      if (words[i] == 0) continue;
      const Mapping* code = mappings_.find(words[i]);
      if (code == nullptr || !code->has(Mapping::kExecute) || !code->has(Mapping::kFile)) return false;
      ++functions;
    }
    return functions == 2;
  }

  // What of GLib's has a type begins with the address of its class, which begins with that of the type's node, which
  // leads to itself, as the type, and to data of the type, which leads to the class.
  bool is_gobject(std::uint64_t address) {
    constexpr unsigned kNode = 16, kData = 16;
    constexpr std::uint64_t kMostFundamental = 255 << 2, kFlags = 3;
    std::uint64_t of_class = 0, type = 0, node[kNode] = {};
    if (!read_words(address, 1, &of_class) || !is_writable(of_class)) return false;
    if (of_class == known_class_) return true;
    if (!read_words(of_class, 1, &type) || type <= kMostFundamental || !is_writable(type &= ~kFlags)) return false;
    if (!read_words(type, kNode, node)) return false;
    bool is_type = false, is_class = false;
    for (const std::uint64_t word : node) {
      is_type |= (word & ~kFlags) == type;
      std::uint64_t data[kData] = {};
      if (word == type || is_class || !is_writable(word) || !read_words(word, kData, data)) continue;
      for (const std::uint64_t inner : data) is_class |= inner == of_class;
    }
    if (is_type && is_class) known_class_ = of_class;
    return is_type && is_class;
  }
  bool is_writable(std::uint64_t address) const {
    const Mapping* const mapping = address % kWord == 0 && address >= kPage ? mappings_.find(address) : nullptr;
    return mapping != nullptr && mapping->has(Mapping::kWrite);
  }

  // ---- Hash tables

  // Rust's (hashbrown): elements, then a byte for each place, to which the table leads, then the first of those bytes
  // once more, as many as are looked at together. A byte says that nothing was ever there, that it was taken away, or
  // has seven bits of the hash. Places are a power of two, and some were never used.
  static constexpr std::uint8_t kNeverUsed = 0xff, kTakenAway = 0x80;

  bool is_hash_table_of_rust(std::uint64_t offset, const HeapBlock& block) {
    for (const std::uint64_t together : {16, 8, 4}) {
      const std::uint64_t places = block.bytes() - offset - together;
      if (block.bytes() < offset + together || offset % together != 0 || places < 4 || offset < places) continue;
      if ((places & (places - 1)) == 0 && are_places(block.address + offset, places, together)) return true;
    }
    return false;
  }

  bool are_places(std::uint64_t first, std::uint64_t places, std::uint64_t together) {
    std::uint8_t at_first[16] = {}, behind[16] = {};
    if (!read_bytes(first, together, at_first) || !read_bytes(first + places, together, behind)) return false;
    // Of a smaller table what is looked at together is filled up before the first ones come again.
    const std::uint64_t filled = places < together ? together - places : 0;
    for (std::uint64_t i = 0; i < together; ++i) {
      if (behind[i] != (i < filled ? kNeverUsed : at_first[i - filled])) return false;
    }
    return has_unused_places(first, places);
  }

  bool has_unused_places(std::uint64_t first, std::uint64_t places) {
    constexpr std::uint64_t kSome = 64, kMost = 2048;  // of which one in eight is unused at least
    std::uint8_t some[kSome] = {};
    for (std::uint64_t at = 0; at < places && at < kMost; at += kSome) {
      const std::uint64_t count = places - at < kSome ? places - at : kSome;
      if (!read_bytes(first + at, count, some)) return false;
      for (std::uint64_t i = 0; i < count; ++i) {
        if (some[i] == kNeverUsed) return true;
        if (some[i] > kTakenAway) return false;
      }
    }
    return false;
  }

  bool read_bytes(std::uint64_t address, std::uint64_t bytes, std::uint8_t* into) {
    const Piece piece = {address, bytes};
    return source_.read(&piece, 1, into) == bytes;
  }
  const Mappings& mappings_;
  Source& source_;
  std::uint64_t known_class_ = 0;  // the class of the last such object
};

}  // namespace leakdir::reach
