// SPDX-License-Identifier: BSL-1.0
//
// Finds the file of each module, on this machine or far from the device, and answers from it through libdwfl.
//
// A file whose build-id is not that of the module that ran is refused: names from another build would be wrong and look
// right. Each module has a session of its own, at bias 0: two libraries that had the same addresses, one after the
// other, do not meet.

#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "base/error.hh"
#include "base/words.hh"
#include "debug_files.hh"
#include "debuginfod.hh"
#include "dwarf_lines.hh"
#include "dwarf_variables.hh"
#include "elf_file.hh"
#include "symbols.hh"

namespace leakdir::tool {

namespace {

// One ELF file, open in libdwfl.
class ElfFile {
 public:
  ElfFile(const std::string& path, DebugFiles& debug_files) : session_(dwfl_begin(&debug_files.callbacks())) {
    if (session_ == nullptr) return;
    module_ = debug_files.report(session_, path);
    if (module_ == nullptr) return;
    GElf_Addr bias = 0;
    if (dwfl_module_getelf(module_, &bias) == nullptr) module_ = nullptr;
  }
  ~ElfFile() { dwfl_end(session_); }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  Dwfl_Module* module() const { return module_; }

 private:
  Dwfl* session_;
  Dwfl_Module* module_ = nullptr;
};

class DwflSymbols : public Symbols {
 public:
  DwflSymbols(SymbolOptions options, std::int64_t started_ns)
      : options_(std::move(options)), started_ns_(started_ns), debug_files_(options_) {
    // Looking up names must not wait for a server on the network, which libdwfl asks when this is set.
    if (options_.asks_debuginfod)
      debuginfod_ = std::make_unique<Debuginfod>();
    else
      unsetenv("DEBUGINFOD_URLS");
  }

  std::vector<SourceLine> lookup(const Module& module, std::uint64_t offset) override {
    Opened& opened = open(module);
    return opened.lines ? opened.lines->lookup(offset) : std::vector<SourceLine>();
  }

  Variable variable_at(const Module& module, std::uint64_t address) override {
    DwarfVariables* const variables = variables_of(module);
    return variables != nullptr ? variables->at(address) : Variable();
  }

  Variable thread_local_at(const Module& module, std::uint64_t offset) override {
    DwarfVariables* const variables = variables_of(module);
    return variables != nullptr ? variables->thread_local_at(offset) : Variable();
  }

  Variable thread_local_before_end(const Module& module, std::uint64_t before_end) override {
    DwarfVariables* const variables = variables_of(module);
    return variables != nullptr ? variables->thread_local_before_end(before_end) : Variable();
  }

  std::string file_of(const Module& module) override { return open(module).path; }

  std::vector<std::string> warnings() const override {
    std::vector<std::string> warnings = debug_files_.problems();
    warnings.insert(warnings.end(), warnings_.begin(), warnings_.end());
    for (const auto& [module, opened] : opened_) {
      if (is_unreadable(opened)) warnings.push_back(fmt::format("{} has {}", opened.path, not_understood()));
      if (opened.lines != nullptr && !opened.lines->missing_split().empty())
        warnings.push_back(without_split(opened.path, opened.lines->missing_split()));
    }
    return warnings;
  }

  std::vector<std::string> unreadable() const override {
    std::vector<std::string> paths;
    for (const auto& [module, opened] : opened_)
      if (is_unreadable(opened)) paths.push_back(module.first);
    return paths;
  }

 private:
  struct Opened {
    std::string path;
    std::unique_ptr<ElfFile> file;
    std::unique_ptr<DwarfLines> lines;
    std::unique_ptr<DwarfVariables> variables;
  };

  static bool is_unreadable(const Opened& opened) {
    if (opened.file == nullptr) return false;
    Dwarf_Addr bias = 0;
    if (dwfl_module_nextcu(opened.file->module(), nullptr, &bias) != nullptr) return false;
    const char *main_file = nullptr, *debug_file = nullptr;
    dwfl_module_info(opened.file->module(), nullptr, nullptr, nullptr, nullptr, nullptr, &main_file, &debug_file);
    try {
      return ElfProgram(debug_file != nullptr ? debug_file : opened.path).has_section(".debug_info");
    } catch (const Error&) {  // it is gone
      return false;
    }
  }

  // Lines are in the program, and functions that were put inline in a file beside it.
  static std::string without_split(const std::string& path, const std::string& split) {
    const std::string all = path + ".dwp";
    struct stat status;
    if (stat(all.c_str(), &status) == 0)
      return fmt::format(
          "which functions of {} were put inline is in {}, which libdw {}, which is here, does not read (0.191 does): "
          "keep the .dwo files where they were made",
          path, all, dwfl_version(nullptr));
    return fmt::format("which functions of {} were put inline is in {} and others, which are not where they were made",
                       path, split);
  }

  DwarfVariables* variables_of(const Module& module) {
    Opened& opened = open(module);
    if (opened.file == nullptr) return nullptr;
    if (opened.variables == nullptr) opened.variables = std::make_unique<DwarfVariables>(opened.file->module());
    return opened.variables.get();
  }

  Opened& open(const Module& module) {
    auto [known, is_new] = opened_.try_emplace({module.path, module.build_id});
    Opened& opened = known->second;
    if (!is_new) return opened;
    debug_files_.note_wanted(module.path, module.build_id, module.is_program);
    std::string refusal;
    for (const auto& path : candidates(module))
      if (take(path, module, opened, refusal)) return opened;
    for (const auto& path : debug_files_.files_of(module.build_id))
      if (take(path, module, opened, refusal)) return opened;
    if (debuginfod_ && !module.build_id.empty()) {
      const std::string path = debuginfod_->fetch(module.build_id);
      if (!path.empty() && take(path, module, opened, refusal)) return opened;
    }
    if (refusal.empty() && is_path(module.path)) refusal = fmt::format("{} is not here", module.path);
    if (!refusal.empty()) warnings_.push_back(refusal + "; its frames are shown as module+offset");
    return opened;
  }

  // Opens the file if it is there and is the right one. Where it is another one, a warning says why it was not taken.
  bool take(const std::string& path, const Module& module, Opened& opened, std::string& refusal) {
    struct stat status;
    // Pipes and the like would hang us.
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    auto file = std::make_unique<ElfFile>(path, debug_files_);
    if (file->module() == nullptr) {
      refusal = fmt::format("{} is not an ELF file", path);
      return false;
    }
    const std::string id = ElfProgram(path).build_id();
    if (!module.build_id.empty() && id != module.build_id) {
      refusal = fmt::format("{} has build-id {}, and the process ran {}: it is another build and was refused", path,
                            id.empty() ? "none" : hex_of_bytes(id), hex_of_bytes(module.build_id));
      return false;
    }
    if (module.build_id.empty() && started_ns_ > 0 && std::int64_t{status.st_mtime} * 1000000000 > started_ns_)
      warnings_.push_back(
          fmt::format("{} has no build-id to check and is newer than the process: its names and lines "
                      "may be wrong",
                      path));
    opened.path = path;
    opened.file = std::move(file);
    opened.lines = std::make_unique<DwarfLines>(opened.file->module());
    return true;
  }

  // The kernel's own module, "[vdso]" or "linux-vdso.so.1", has no file: that is nothing to warn of.
  static bool is_path(const std::string& path) { return path.find('/') != std::string::npos; }

  // Where the module's file may be, the likeliest first.
  std::vector<std::string> candidates(const Module& module) const {
    std::vector<std::string> paths;
    if (module.is_program && !options_.program.empty()) paths.push_back(options_.program);
    if (!options_.sysroot.empty() && is_path(module.path)) paths.push_back(options_.sysroot + "/" + module.path);
    if (is_path(module.path)) paths.push_back(module.path);
    return paths;
  }

  SymbolOptions options_;
  std::unique_ptr<Debuginfod> debuginfod_;
  std::int64_t started_ns_;
  DebugFiles debug_files_;
  std::map<std::pair<std::string, std::string>, Opened> opened_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::unique_ptr<Symbols> make_dwfl_symbols(const SymbolOptions& options, std::int64_t started_ns) {
  return std::make_unique<DwflSymbols>(options, started_ns);
}

}  // namespace leakdir::tool
