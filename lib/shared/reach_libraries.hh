// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 10: what libraries hand out that lies in the middle of its block: objects of GLib's, with what is
// private before them; the bytes of a hash table of Rust's, behind its elements; and strings of sds, behind their
// length. Each is told by what lies there, which has to agree in more than one place.

#pragma once

#include <cstdint>

#include "reach_blocks.hh"
#include "reach_maps.hh"

namespace leakdir::reach {

// What lies at an address of the process. `Source`: see reach_mark.hh.
template <class Word, class Source>
class Contents {
 public:
  static constexpr std::uint64_t kWord = sizeof(Word), kPage = 4096;
  static constexpr unsigned kMostWords = 20, kMostBytes = 64;

  Contents(const Mappings& mappings, Source& source) : mappings_(mappings), source_(source) {}

  // False: not all of it can be read.
  bool read_words(std::uint64_t address, unsigned count, std::uint64_t* into) {
    Word words[kMostWords] = {};
    if (count > kMostWords || !read(address, count * kWord, words)) return false;
    for (unsigned i = 0; i < count; ++i) into[i] = words[i];
    return true;
  }
  // 0: it cannot be read, either.
  std::uint64_t word_at(std::uint64_t address) {
    std::uint64_t word[1] = {};
    return read_words(address, 1, word) ? word[0] : 0;
  }
  // As they lie there.
  bool read_bytes(std::uint64_t address, std::uint64_t bytes, std::uint8_t* into) {
    if (!source_.turns_words()) return read(address, bytes, into);
    std::uint8_t words[kMostBytes + 2 * kWord] = {};
    const std::uint64_t before = address % kWord, all = (before + bytes + kWord - 1) / kWord * kWord;
    if (bytes > kMostBytes || !read(address - before, all, words)) return false;
    for (std::uint64_t i = 0; i < bytes; ++i) {
      const std::uint64_t at = before + i, in_word = at % kWord;
      into[i] = words[at - in_word + (kWord - 1 - in_word)];
    }
    return true;
  }
  // Whether the last byte of a number is its highest.
  bool is_little() const { return (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != source_.turns_words(); }

  // Where a word lies; null: it cannot be one.
  const Mapping* mapping_of_word(std::uint64_t address) const {
    return address % kWord == 0 && address >= kPage ? mappings_.find(address) : nullptr;
  }
  const Mappings& mappings() const { return mappings_; }

 private:
  bool read(std::uint64_t address, std::uint64_t bytes, void* into) {
    if (const char* const at = source_.in_place(address, bytes)) {
      auto* const to = static_cast<char*>(into);
      for (std::uint64_t i = 0; i < bytes; ++i) to[i] = at[i];
      return true;
    }
    const Piece piece = {address, bytes};
    return source_.read(&piece, 1, into) == bytes;
  }

  const Mappings& mappings_;
  Source& source_;
};

template <class Word, class Source>
class OfLibraries {
 public:
  explicit OfLibraries(Contents<Word, Source>& contents) : contents_(contents) {}

  // What lies `offset` bytes into the block is what a library's user has of it.
  bool is_whole(std::uint64_t offset, const HeapBlock& block) {
    if (offset % (2 * kWord) == 0 && (is_gobject(block.address + offset) || is_closure(offset, block))) return true;
    if (is_counted_box(offset, block)) return true;
    return is_sds(offset, block) || is_hash_table_of_rust(offset, block);
  }

 private:
  static constexpr std::uint64_t kWord = sizeof(Word);

  // ---- GLib

  // What of GLib's has a type begins with the address of its class, which begins with that of the type's node. The node
  // has the type, which is itself, as the last of its parents, and the type's data, which lead to the class. (The words
  // of both as in GLib 2.74; before them are two numbers that share a word of 64 bits.)
  static constexpr unsigned kMore = sizeof(Word) == 4 ? 1 : 0;
  static constexpr unsigned kDataOfNode = 4 + kMore, kTypeOfNode = 9 + kMore, kClassOfData = 7 + kMore;

  bool is_gobject(std::uint64_t address) {
    std::uint64_t node[kTypeOfNode + 1] = {}, data[kClassOfData + 1] = {};
    const std::uint64_t of_class = contents_.word_at(address);
    if (!is_writable(of_class)) return false;
    if (of_class == known_class_) return true;
    const std::uint64_t type = contents_.word_at(of_class);
    if (!is_writable(type)) return false;
    if (!contents_.read_words(type, kTypeOfNode + 1, node) || node[kTypeOfNode] != type) return false;
    if (!is_writable(node[kDataOfNode]) || !contents_.read_words(node[kDataOfNode], kClassOfData + 1, data))
      return false;
    if (data[kClassOfData] != of_class) return false;
    known_class_ = of_class;
    return true;
  }
  // A closure of GLib's lies behind four words of its own: a function, data, and two functions. It begins with a count
  // of references, of 15 bits, with flags, and the function that calls it, which may come later; then data, whom to
  // tell, and the function that is called.
  bool is_closure(std::uint64_t offset, const HeapBlock& block) {
    constexpr unsigned kPrivate = 4, kAll = kPrivate + 5;
    constexpr std::uint64_t kCount = 0x7fff, kMost = 0xffffffff;
    std::uint64_t word[kAll] = {};
    if (offset != kPrivate * kWord || block.bytes() < kAll * kWord) return false;
    if (!contents_.read_words(block.address, kAll, word)) return false;
    if ((word[kPrivate] & kCount) == 0 || word[kPrivate] > kMost) return false;
    const auto is_function_or_0 = [&](std::uint64_t one) { return one == 0 || is_code(one); };
    return is_function_or_0(word[0]) && is_function_or_0(word[2]) && is_function_or_0(word[3]) &&
           is_function_or_0(word[kPrivate + 1]) && is_code(word[kPrivate + 4]);
  }
  bool is_code(std::uint64_t address) const {
    const Mapping* const code = contents_.mappings().find(address);
    return code != nullptr && code->has(Mapping::kExecute) && code->has(Mapping::kFile);
  }

  // What g_rc_box_alloc and its kin give (GRefString) lies behind its count, its size, and a number that each has.
  bool is_counted_box(std::uint64_t offset, const HeapBlock& block) {
    constexpr std::uint64_t kMagic = 0x44ae2bf0, kLow = 0xffffffff;
    std::uint64_t word[3] = {};  // of four; size, what is private before, the number
    if (offset < 4 * kWord || offset % kWord != 0 || offset > block.bytes()) return false;
    return contents_.read_words(block.address + offset - 3 * kWord, 3, word) && (word[2] & kLow) == kMagic &&
           word[0] <= block.bytes() - offset && word[1] == offset - 4 * kWord;
  }

  bool is_writable(std::uint64_t address) const {
    const Mapping* const mapping = contents_.mapping_of_word(address);
    return mapping != nullptr && mapping->has(Mapping::kWrite);
  }

  // ---- Rust

  // Rust's (hashbrown): elements, then a byte for each place, to which the table leads, then the first of those bytes
  // once more, as many as are looked at together. A byte says that nothing was ever there, that it was taken away, or
  // has seven bits of the hash. Places are a power of two, and some were never used.
  static constexpr std::uint8_t kNeverUsed = 0xff, kTakenAway = 0x80;

  bool is_hash_table_of_rust(std::uint64_t offset, const HeapBlock& block) {
    for (std::uint64_t together = 16; together >= 4; together /= 2) {
      const std::uint64_t places = block.bytes() - offset - together;
      if (block.bytes() < offset + together || offset % together != 0 || places < 4 || offset < places) continue;
      if ((places & (places - 1)) == 0 && are_places(block.address + offset, places, together)) return true;
    }
    return false;
  }

  bool are_places(std::uint64_t first, std::uint64_t places, std::uint64_t together) {
    std::uint8_t at_first[16] = {}, behind[16] = {};
    if (!contents_.read_bytes(first, together, at_first) || !contents_.read_bytes(first + places, together, behind))
      return false;
    // Of a smaller table what is looked at together is filled up before the first ones come again.
    const std::uint64_t filled = places < together ? together - places : 0;
    for (std::uint64_t i = 0; i < together; ++i) {
      if (behind[i] != (i < filled ? kNeverUsed : at_first[i - filled])) return false;
    }
    return has_unused_places(first, places) && !is_all_bits_set(first - together, 2 * together);
  }

  // Elements before places that were never used are not all bits set: there the program filled the block with that.
  bool is_all_bits_set(std::uint64_t address, std::uint64_t count) {
    std::uint8_t bytes[32] = {};
    if (!contents_.read_bytes(address, count, bytes)) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (bytes[i] != 0xff) return false;
    }
    return true;
  }

  bool has_unused_places(std::uint64_t first, std::uint64_t places) {
    constexpr std::uint64_t kSome = 64, kMost = 2048;  // of which one in eight is unused at least
    std::uint8_t some[kSome] = {};
    for (std::uint64_t at = 0; at < places && at < kMost; at += kSome) {
      const std::uint64_t count = places - at < kSome ? places - at : kSome;
      if (!contents_.read_bytes(first + at, count, some)) return false;
      for (std::uint64_t i = 0; i < count; ++i) {
        if (some[i] == kNeverUsed) return true;
        if (some[i] > kTakenAway) return false;
      }
    }
    return false;
  }

  // ---- sds (Redis, hiredis)

  // Length, room, kind, characters and a 0. The kinds have numbers of 1, 2, 4 and 8 bytes; of short strings the length
  // stands in the byte of the kind, which has three bits, and there is no room. What malloc gave beyond what it was
  // asked for may be room.
  bool is_sds(std::uint64_t offset, const HeapBlock& block) {
    const std::uint64_t number = offset / 2;  // bytes of one
    if (offset > 17 || (offset != 1 && (offset % 2 == 0 || number > 8 || (number & (number - 1)) != 0))) return false;
    std::uint8_t head[17] = {}, end = 1;
    if (offset >= block.bytes() || !contents_.read_bytes(block.address, offset, head)) return false;
    std::uint64_t length = 0, room = 0;
    unsigned kind = 0;
    for (std::uint64_t i = 0; i < number; ++i) {
      const std::uint64_t at = contents_.is_little() ? number - 1 - i : i;
      length = length << 8 | head[at];
      room = room << 8 | head[number + at];
    }
    while (number >> kind != 0) ++kind;
    if (offset == 1) {
      length = head[0] >> 3;
      if ((head[0] & 7) != 0 || length + 2 != block.bytes()) return false;
    } else if (head[offset - 1] != kind || length > room || !is_room(offset + room + 1, block.bytes())) {
      return false;
    }
    return contents_.read_bytes(block.address + offset + length, 1, &end) && end == 0;
  }
  static bool is_room(std::uint64_t bytes, std::uint64_t asked) {
    return bytes >= asked && bytes - asked <= asked / 4 + 32;
  }

  Contents<Word, Source>& contents_;
  std::uint64_t known_class_ = 0;  // of GLib's, that of the last object
};

}  // namespace leakdir::reach
