// SPDX-License-Identifier: BSL-1.0
//
// A directory with record files, to be mended: what lies under the name of a record, and how such a file is written,
// given a second name or removed. Nothing is written or followed through a link. For recover.cc.
//
// Whatever cannot be done throws Error, with a sentence that names the file.

#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace leakdir::tool {

// What is found under a record's name.
struct FoundRecord {
  bool is_there = false;
  bool is_ours = false;  // a regular file with the text of such a record, or the beginning of one
  std::string text;
};

class RecordFolder {
 public:
  static constexpr std::size_t kMostText = 1 << 20;  // more than 128 frames of the longest paths need

  explicit RecordFolder(const std::string& path);
  ~RecordFolder();
  RecordFolder(RecordFolder&& other) noexcept;
  RecordFolder& operator=(RecordFolder&&) = delete;
  RecordFolder(const RecordFolder&) = delete;
  RecordFolder& operator=(const RecordFolder&) = delete;

  const std::string& path() const { return path_; }

  // The names of records with this suffix, in order.
  std::vector<std::string> records(const char* suffix) const;
  FoundRecord look_at(const std::string& name) const;
  void remove(const std::string& name) const;
  // A new file, or none.
  void write(const std::string& name, const std::string& text) const;

  // The directory `name` in this one. Nothing: it is not there; or `is_foreign`: it is none, or has other files than
  // records in it, so that it is not leakdir's.
  std::optional<RecordFolder> inner(const std::string& name, bool* is_foreign) const;
  RecordFolder make_inner(const std::string& name) const;
  // If nothing is in it any more.
  void remove_inner(const std::string& name) const;
  // Gives the file of this folder that name in `other`, too. Where the file system cannot: a copy, which is `text`.
  void put_into(const RecordFolder& other, const std::string& name, const std::string& text) const;

 private:
  RecordFolder(std::string path, int descriptor);
  [[noreturn]] static void fail(const char* what, const std::string& path);
  bool belong_to_owner(int file) const;

  std::string path_;
  int descriptor_;
  struct stat status_;
};

// "0x733270.mem"
std::string record_name(std::uint64_t address, const char* suffix);

}  // namespace leakdir::tool
