// SPDX-License-Identifier: BSL-1.0
//
// Bytes that may change, grow or be cut short while they are read: a file, or memory in tests and in the fuzzer.
//
// A ledger is read by pread and not through a mapping: the process trims its ledger when it exits, and a reader that
// has the tail mapped at that moment would die of SIGBUS.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace leakdir::tool {

class Bytes {
 public:
  virtual ~Bytes() = default;
  virtual std::uint64_t size() const = 0;
  // Reads up to `count` bytes at `offset`; says how many were there.
  virtual std::size_t read(std::uint64_t offset, void* to, std::size_t count) const = 0;
  // The first offset from `offset` on that may hold anything but zeros.
  virtual std::uint64_t next_data(std::uint64_t offset) const { return offset; }
};

class MemoryBytes : public Bytes {
 public:
  explicit MemoryBytes(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read(std::uint64_t offset, void* to, std::size_t count) const override;

 private:
  std::string_view bytes_;
};

class FileBytes : public Bytes {
 public:
  // kRefused for what the user did not name: a link in DIR may be another user's, and lead to a device.
  enum class Links { kFollowed, kRefused };
  // Throws Error, naming the path, when it is no regular file or cannot be opened.
  explicit FileBytes(const std::string& path, Links links = Links::kFollowed);
  // The same for a file that is open already. The destructor closes it.
  FileBytes(int descriptor, const std::string& path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::uint64_t size() const override;
  std::size_t read(std::uint64_t offset, void* to, std::size_t count) const override;
  std::uint64_t next_data(std::uint64_t offset) const override;

 private:
  int descriptor_;
};

// The text of a file that the user names: a pipe is as good as a file. Throws Error, naming the path, when it cannot be
// read or is longer than `limit`.
std::string read_text(const std::string& path, std::size_t limit);

}  // namespace leakdir::tool
