// SPDX-License-Identifier: BSL-1.0
#include "debug_files.hh"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/error.hh"
#include "base/words.hh"
#include "elf_file.hh"
#include "unpacked_elf.hh"

namespace leakdir::tool {

namespace {

// A directory with more in it was not made for this.
constexpr std::size_t kMostFiles = 100'000;

bool is_regular(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Should it become a pipe in between, nobody waits for its other end.
int open_to_read(const std::string& path) { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }

bool begins_as_elf(const std::string& path) {
  const int file = open_to_read(path);
  if (file < 0) return false;
  char magic[SELFMAG];
  const bool is_elf = pread(file, magic, sizeof magic, 0) == SELFMAG && std::memcmp(magic, ELFMAG, sizeof magic) == 0;
  close(file);
  return is_elf;
}

// Not by libdwfl, which takes one of two bytes for none.
std::string build_id_of(const char* path) {
  try {
    return ElfProgram(path).build_id();
  } catch (const Error&) {  // it is gone
    return {};
  }
}

// The one that .gnu_debuglink has.
std::uint32_t checksum_of(const std::string& path) {
  const int file = open_to_read(path);
  if (file < 0) return 0;
  uLong sum = crc32(0, nullptr, 0);
  std::vector<unsigned char> piece(1 << 16);
  for (ssize_t got; (got = read(file, piece.data(), piece.size())) > 0;)
    sum = crc32(sum, piece.data(), static_cast<uInt>(got));
  close(file);
  return static_cast<std::uint32_t>(sum);
}

bool is_readable(const std::string& path) {
  const int file = open_to_read(path);
  if (file >= 0) close(file);
  return file >= 0;
}

bool has_zstd(const std::string& path) {
  const int file = open_to_read(path);
  const bool has_such = has_packed_by_zstd(file);
  if (file >= 0) close(file);
  return has_such;
}

std::string shown(const std::string& build_id) { return build_id.empty() ? "none" : hex_of_bytes(build_id); }

// "app" of "/opt/app", of "app.debug" and of "app.dbg".
std::string stem_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  for (const std::string_view ending : {".debug", ".dbg"}) {
    if (name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      name.resize(name.size() - ending.size());
  }
  return name;
}

}  // namespace

std::string not_understood() {
  return fmt::format(
      "debug information that libdw {}, which is here, does not understand: decompress it (objcopy "
      "--decompress-debug-sections), or build leakdir with a newer elfutils",
      dwfl_version(nullptr));
}

DebugFiles::DebugFiles(const SymbolOptions& options) : build_ids_(options.build_ids) {
  build_ids_.erase("");
  search_path_ = ":.debug";  // beside the file first, as libdwfl does by default
  for (const auto& path : options.debug_paths) {
    look_at_given(path);
    search_path_ += ":" + path + ":" + path + "/usr/lib/debug";
  }
  system_directories_.push_back(options.sysroot + "/usr/lib/debug");
  search_path_ += ":" + system_directories_.back();
  search_path_pointer_ = search_path_.data();
  callbacks_.find_elf = dwfl_build_id_find_elf;
  callbacks_.find_debuginfo = find_debuginfo;
  callbacks_.debuginfo_path = &search_path_pointer_;
}

void DebugFiles::look_at_given(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    problems_.push_back(fmt::format("--debug-path {}: {}", path, std::strerror(errno)));
  } else if (S_ISDIR(status.st_mode)) {
    directories_.push_back(path);
  } else if (!S_ISREG(status.st_mode)) {
    problems_.push_back(fmt::format("--debug-path {} is neither a file nor a directory", path));
  } else {
    try {
      const std::string id = ElfProgram(path).build_id();
      given_files_.push_back({path, id});
      add(path, id);
    } catch (const Error& error) {
      problems_.push_back(fmt::format("--debug-path: {}", error.what()));
    }
  }
}

void DebugFiles::say_once(const std::string& problem) {
  if (std::find(problems_.begin(), problems_.end(), problem) == problems_.end()) problems_.push_back(problem);
}

void DebugFiles::add(const std::string& path, const std::string& build_id) {
  if (build_id.empty()) return;
  auto& those = found_[build_id];
  if (std::any_of(those.begin(), those.end(), [&](const Found& one) { return one.path == path; })) return;
  those.push_back({path, kNoNames});
}

void DebugFiles::look_in_directories() {
  if (has_looked_in_directories_) return;
  has_looked_in_directories_ = true;
  for (const auto& directory : directories_) {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), closedir);
    if (entries == nullptr) {
      problems_.push_back(fmt::format("--debug-path {}: {}", directory, std::strerror(errno)));
      continue;
    }
    std::vector<std::string> names;
    while (const dirent* entry = readdir(entries.get())) {
      if (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) continue;
      if (names.size() == kMostFiles) {
        problems_.push_back(fmt::format("--debug-path {} has more than {} files: the others were not looked at",
                                        directory, kMostFiles));
        break;
      }
      names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());  // the same choice each time
    for (const auto& name : names) {
      const std::string path = directory + "/" + name;
      if (!is_regular(path) || !begins_as_elf(path)) continue;
      try {
        add(path, ElfProgram(path).build_id());
      } catch (const Error&) {  // it is cut short, or gone
      }
    }
  }
}

std::vector<std::string> DebugFiles::files_of(const std::string& build_id) {
  if (build_id.empty()) return {};
  const std::string id = hex_of_bytes(build_id);
  const auto add_by_name = [&](const std::string& directory) {
    if (build_id.size() < 2) return;  // it has no name there
    for (const char* suffix : {".debug", ""}) {
      const std::string path = fmt::format("{}/{}/{}{}", directory, id.substr(0, 2), id.substr(2), suffix);
      if (is_regular(path)) add(path, build_id);
    }
  };
  for (const auto& directory : directories_)
    for (const char* inner : {"/.build-id", "/usr/lib/debug/.build-id", ""}) add_by_name(directory + inner);
  for (const auto& directory : system_directories_) add_by_name(directory + "/.build-id");

  // By their names they are only likely.
  std::vector<Found> sound;
  const auto take_the_sound = [&] {
    sound.clear();
    for (Found one : found_[build_id]) {
      try {
        const ElfProgram file(one.path);
        if (file.build_id() != build_id) {
          say_once(fmt::format("{} has build-id {}, and not the one of its name: it was refused", one.path,
                               shown(file.build_id())));
          continue;
        }
        if (file.has_section(".symtab")) one.worth = kSymbols;
        if (file.has_section(".debug_info")) one.worth = kDebugInformation;
        sound.push_back(one);
      } catch (const Error& error) {
        say_once(error.what());
      }
    }
    return std::any_of(sound.begin(), sound.end(), [](const Found& one) { return one.worth == kDebugInformation; });
  };
  if (!take_the_sound() && !has_looked_in_directories_) {
    look_in_directories();
    take_the_sound();
  }
  std::stable_sort(sound.begin(), sound.end(), [](const Found& a, const Found& b) { return a.worth > b.worth; });
  std::vector<std::string> paths;
  for (const Found& one : sound) paths.push_back(one.path);
  return paths;
}

Dwfl_Module* DebugFiles::report(Dwfl* session, const std::string& path) {
  dwfl_report_begin(session);
  // Base 0 with the file's own addresses on top: what comes out is what the linker put in.
  const int file = with_zstd_unpacked(open_to_read(path));
  Dwfl_Module* module = file < 0 ? nullptr : dwfl_report_elf(session, path.c_str(), path.c_str(), file, 0, true);
  dwfl_report_end(session, nullptr, nullptr);
  if (module == nullptr && file >= 0) close(file);
  if (module == nullptr) return nullptr;
  void** user_data = nullptr;
  dwfl_module_info(module, &user_data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (user_data != nullptr) *user_data = this;
  return module;
}

int DebugFiles::find_debuginfo(Dwfl_Module* module, void** user_data, const char* name, Dwarf_Addr base,
                               const char* file_name, const char* link, GElf_Word checksum, char** found_name) {
  auto* self = static_cast<DebugFiles*>(*user_data);
  const std::string ours = self == nullptr || file_name == nullptr ? "" : self->file_for(file_name, link, checksum);
  if (ours.empty())
    return dwfl_standard_find_debuginfo(module, user_data, name, base, file_name, link, checksum, found_name);
  *found_name = strdup(ours.c_str());
  return with_zstd_unpacked(open_to_read(ours));
}

// By its build-id; or, where libdwfl would look too, if it has to be unpacked: what libdwfl finds it opens by itself.
std::string DebugFiles::file_for(const std::string& path, const char* link, std::uint32_t checksum) {
  const std::string id = build_id_of(path.c_str());
  for (const auto& file : files_of(id))
    if (file != path && is_readable(file)) return file;  // (it has been looked into)
  const std::size_t end = path.rfind('/') + 1;
  const std::string directory = path.substr(0, end), name = link != nullptr ? link : path.substr(end) + ".debug";
  std::vector<std::string> places = {directory, directory + ".debug/"};
  for (const auto& list : {directories_, system_directories_})
    for (const auto& top : list)
      for (const auto& inner : {std::string("/"), directory, "/usr/lib/debug" + directory})
        places.push_back(top + inner);
  for (const auto& place : places) {
    std::string file = place + name;
    if (file == path || !is_regular(file) || !has_zstd(file)) continue;
    const std::string other = build_id_of(file.c_str());
    if (id.empty() && other.empty() ? link != nullptr && checksum_of(file) == checksum : id == other) return file;
  }
  return {};
}

void DebugFiles::note_wanted(const std::string& path, const std::string& build_id, bool is_program) {
  wanted_.push_back({path, build_id, is_program});
  if (!build_id.empty()) build_ids_.insert(build_id);
}

// The one that the user may have meant the file for.
const DebugFiles::Wanted& DebugFiles::nearest_to(const GivenFile& file) const {
  const auto same_name = std::find_if(wanted_.begin(), wanted_.end(),
                                      [&](const Wanted& wanted) { return stem_of(wanted.path) == stem_of(file.path); });
  if (same_name != wanted_.end()) return *same_name;
  const auto program =
      std::find_if(wanted_.begin(), wanted_.end(), [](const Wanted& wanted) { return wanted.is_program; });
  return program != wanted_.end() ? *program : wanted_.front();
}

std::vector<std::string> DebugFiles::problems() const {
  std::vector<std::string> problems = problems_;
  for (const auto& file : given_files_) {
    if (wanted_.empty() || build_ids_.count(file.build_id) != 0) continue;
    const Wanted& nearest = nearest_to(file);
    problems.push_back(fmt::format("--debug-path: {} has build-id {}, and {} has {}: it was refused", file.path,
                                   shown(file.build_id), nearest.path, shown(nearest.build_id)));
  }
  return problems;
}

}  // namespace leakdir::tool
