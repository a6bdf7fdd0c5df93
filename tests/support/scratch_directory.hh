// SPDX-License-Identifier: BSL-1.0
//
// A directory of its own for each test, removed with the test unless it failed.

#pragma once

#include <string>
#include <vector>

namespace leakdir_test {

class Scratch {
 public:
  Scratch();                                  // below TMPDIR or /tmp
  explicit Scratch(const std::string& base);  // below `base`
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Where to put scratch directories of tests that make and remove files by the hundred thousand: a file system in memory
// if there is one with room.
std::string in_memory();

// Where to put programs whose set-uid bit must count: TMPDIR, /tmp or /var/tmp, the first that is not mounted nosuid.
// Where all are, a test asks and skips.
std::string where_set_uid_counts();
bool set_uid_counts(const std::string& directory);

// Small doings with files; they throw when they cannot.
void write_file(const std::string& path, const std::string& text);  // makes the directories on the way
std::string read_file(const std::string& path);
bool exists(const std::string& path);                       // a dangling symbolic link exists too
std::vector<std::string> names_in(const std::string& dir);  // sorted; empty for a directory that is not there
std::vector<std::string> names_in(const std::string& dir, const std::string& suffix);
unsigned mode_of(const std::string& path);  // permission bits
// Another user may not be let in where `program` was built.
void copy_for_all_users(const std::string& program, const std::string& to);

}  // namespace leakdir_test
