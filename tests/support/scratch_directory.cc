// SPDX-License-Identifier: BSL-1.0
#include "scratch_directory.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace leakdir_test {

namespace {

std::string base_by_default() {
  const char* chosen = std::getenv("TMPDIR");
  return chosen != nullptr ? chosen : "/tmp";
}

}  // namespace

Scratch::Scratch() : Scratch(base_by_default()) {}

Scratch::Scratch(const std::string& base) {
  std::string pattern = base + "/leakdir-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  path_ = std::filesystem::canonical(pattern);
}

Scratch::~Scratch() {
  if (testing::Test::HasFailure()) {
    std::cout << "left for inspection: " << path_ << "\n";
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string in_memory() {
  constexpr const char* kMemory = "/dev/shm";
  constexpr std::uint64_t kRoom = std::uint64_t{1} << 30;  // containers often have 64 MiB there
  struct statvfs status;
  const bool has_room = statvfs(kMemory, &status) == 0 && status.f_bavail * status.f_frsize >= kRoom;
  return has_room && access(kMemory, W_OK) == 0 ? kMemory : base_by_default();
}

bool set_uid_counts(const std::string& directory) {
  struct statvfs status;
  return statvfs(directory.c_str(), &status) == 0 && (status.f_flag & ST_NOSUID) == 0;
}

std::string where_set_uid_counts() {
  for (const char* base : {"/tmp", "/var/tmp"})
    if (!set_uid_counts(base_by_default()) && set_uid_counts(base)) return base;
  return base_by_default();
}

void write_file(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> names_in(const std::string& dir) { return names_in(dir, ""); }

std::vector<std::string> names_in(const std::string& dir, const std::string& suffix) {
  std::vector<std::string> result;
  if (!exists(dir)) return result;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename();
    const bool fits =
        name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    if (fits) result.push_back(name);
  }
  std::sort(result.begin(), result.end());
  return result;
}

unsigned mode_of(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) throw std::runtime_error("cannot stat " + path);
  return info.st_mode & 07777;
}

void copy_for_all_users(const std::string& program, const std::string& to) {
  std::filesystem::copy_file(program, to, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(to, std::filesystem::perms(0755));
}

}  // namespace leakdir_test
