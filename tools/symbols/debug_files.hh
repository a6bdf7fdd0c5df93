// SPDX-License-Identifier: BSL-1.0
//
// Where debug files are found: what the user gave by --debug-path first, then what lies beside a file and under
// /usr/lib/debug, as libdwfl looks there. In what the user gave a file counts by its build-id alone, whatever its name.
//
// Nothing but files is opened: no pipe and no device, also behind a link.

#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "symbols.hh"

namespace leakdir::tool {

// Debug information that is there and that libdw does not understand, in words, with what helps.
std::string not_understood();

class DebugFiles {
 public:
  explicit DebugFiles(const SymbolOptions& options);
  DebugFiles(const DebugFiles&) = delete;
  DebugFiles& operator=(const DebugFiles&) = delete;

  // An ELF file in a session of these callbacks, at the addresses that its linker gave it; null if it is none. Its
  // debug file is looked for when it is needed.
  const Dwfl_Callbacks& callbacks() const { return callbacks_; }
  Dwfl_Module* report(Dwfl* session, const std::string& path);

  // The files of this build-id, those with debug information first.
  std::vector<std::string> files_of(const std::string& build_id);

  // For problems(): what was looked for.
  void note_wanted(const std::string& path, const std::string& build_id, bool is_program);
  // What was given and is of no use, one sentence each.
  std::vector<std::string> problems() const;

 private:
  enum Worth { kNoNames, kSymbols, kDebugInformation };
  struct Found {
    std::string path;
    Worth worth;
  };
  struct GivenFile {
    std::string path, build_id;
  };
  struct Wanted {
    std::string path, build_id;
    bool is_program;
  };

  static int find_debuginfo(Dwfl_Module* module, void** user_data, const char* name, Dwarf_Addr base,
                            const char* file_name, const char* link, GElf_Word checksum, char** found_name);
  void say_once(const std::string& problem);
  void look_at_given(const std::string& path);
  void add(const std::string& path, const std::string& build_id);
  void look_in_directories();
  std::string file_for(const std::string& path, const char* link, std::uint32_t checksum);
  const Wanted& nearest_to(const GivenFile& file) const;

  std::vector<std::string> directories_;         // given, and there
  std::vector<std::string> system_directories_;  // those with .build-id/ that are looked into without being given
  std::vector<GivenFile> given_files_;
  std::map<std::string, std::vector<Found>> found_;  // by build-id
  bool has_looked_in_directories_ = false;
  std::set<std::string> build_ids_;  // that a given file may have
  std::vector<Wanted> wanted_;
  std::vector<std::string> problems_;

  std::string search_path_;  // as libdwfl wants it
  char* search_path_pointer_ = nullptr;
  Dwfl_Callbacks callbacks_{};
};

}  // namespace leakdir::tool
