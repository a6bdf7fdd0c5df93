// SPDX-License-Identifier: BSL-1.0
//
// Each check is a function that gives one finding; examine(), at the end, lists them.

#include "doctor.hh"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>
#include <string_view>

#include "base/error.hh"
#include "base/words.hh"
#include "symbols/arm_exidx.hh"
#include "symbols/debug_files.hh"
#include "symbols/eh_frame_index.hh"
#include "symbols/eh_frame_search.hh"
#include "symbols/elf_file.hh"
#include "symbols/marks.hh"

namespace leakdir::tool {

namespace {

// Functions that leakdir hooks, as a program must have them defined (tests/golden/leakdir.o.defined).
constexpr const char* kHooked[] = {"malloc", "calloc",        "realloc",           "reallocarray",
                                   "free",   "aligned_alloc", "memalign",          "posix_memalign",
                                   "valloc", "pvalloc",       "malloc_usable_size"};
constexpr char kLibrary[] = "libleakdir.so";
// Libraries with an allocator of their own.
constexpr const char* kAllocators[] = {"libjemalloc", "libtcmalloc", "libmimalloc",  "libasan",
                                       "libtsan",     "liblsan",     "libclang_rt.", "libc.so"};

// Those of gcc and clang, as far as they have an allocator.
constexpr const char* kSanitizers[] = {
    "libasan.so",       "libtsan.so",       "liblsan.so",       "libhwasan.so",       "libclang_rt.asan",
    "libclang_rt.tsan", "libclang_rt.lsan", "libclang_rt.msan", "libclang_rt.hwasan", "libclang_rt.memprof"};
constexpr std::pair<const char*, const char*> kSanitizersStarts[] = {
    {"__asan_init", "AddressSanitizer"},     {"__tsan_init", "ThreadSanitizer"},
    {"__lsan_init", "LeakSanitizer"},        {"__msan_init", "MemorySanitizer"},
    {"__hwasan_init", "HWAddressSanitizer"}, {"__interceptor_malloc", "a sanitizer"}};

constexpr char kMiniDebugInfo[] = ".gnu_debugdata";

constexpr std::size_t kMostFunctions = 50000;  // that are looked at one by one

// Libraries may be named with their directory.
bool is_library(const std::string& path, const std::string& beginning) {
  return path.compare(path.rfind('/') + 1, beginning.size(), beginning) == 0;
}

enum class Kind { kStatic, kStaticPie, kDynamic, kLibrary };

class Examination {
 public:
  Examination(const std::string& path, const SymbolOptions& options) : path_(path), file_(path), debug_files_(options) {
    const unsigned type = file_.header().e_type;
    if (type != ET_EXEC && type != ET_DYN)
      throw Error(fmt::format("{} is {}, and no program", path,
                              type == ET_REL    ? "an object file"
                              : type == ET_CORE ? "a core dump"
                                                : "an ELF file of an unknown type"));
    const bool is_pie = (file_.dynamic_value(DT_FLAGS_1).value_or(0) & DF_1_PIE) != 0;
    if (file_.has_segment(PT_INTERP))
      kind_ = Kind::kDynamic;
    else if (type == ET_EXEC)
      kind_ = Kind::kStatic;
    else
      kind_ = is_pie ? Kind::kStaticPie : Kind::kLibrary;
    marks_ = marks_of(file_);
    symbols_ = file_.symbols(SHT_SYMTAB);
    open_with_debug_file();
    list_functions();
  }
  ~Examination() { dwfl_end(session_); }
  Examination(const Examination&) = delete;
  Examination& operator=(const Examination&) = delete;

  Diagnosis make() {
    Diagnosis diagnosis;
    diagnosis.path = path_;
    diagnosis.machine = file_.machine();
    diagnosis.kind = kind();
    diagnosis.needs_hooks = kind_ != Kind::kLibrary || never_starts();
    diagnosis.has_callers_alone = kind_ != Kind::kLibrary && is_recorded_by_trace();
    diagnosis.findings.push_back(hooks());
    diagnosis.has_hooks =
        diagnosis.findings.front().health == Health::kGood || diagnosis.findings.front().health == Health::kWeak;
    if (const std::string runtime = sanitizer(); !runtime.empty() && diagnosis.needs_hooks && !is_recorded_by_trace()) {
      diagnosis.has_hooks = false;
      diagnosis.findings.push_back({"recording", Health::kMissing,
                                    runtime + " has an allocator of its own: leakdir is off in such a program",
                                    "build without -fsanitize, or let LeakSanitizer look for leaks there"});
    }
    diagnosis.findings.push_back(unwind_tables());
    diagnosis.findings.push_back(frame_pointers());
    diagnosis.findings.push_back(build_id());
    diagnosis.findings.push_back(symbols());
    diagnosis.findings.push_back(lines());
    for (const auto& problem : debug_files_.problems())
      diagnosis.findings.push_back({"debug files", Health::kWeak, problem, ""});
    return diagnosis;
  }

 private:
  std::string kind() const {
    switch (kind_) {
      case Kind::kStatic:
        return "static program";
      case Kind::kStaticPie:
        return "static program, position-independent";
      case Kind::kDynamic:
        return file_.header().e_type == ET_DYN ? "dynamic program, position-independent" : "dynamic program";
      default:
        return "shared library";
    }
  }

  bool is_static() const { return kind_ == Kind::kStatic || kind_ == Kind::kStaticPie; }

  static bool defines(const std::vector<ElfSymbol>& symbols, const std::string& name) {
    return std::any_of(symbols.begin(), symbols.end(),
                       [&](const ElfSymbol& symbol) { return symbol.is_defined && symbol.name == name; });
  }

  // ---- Hooks ----------------------------------------------------------------------------------------------------

  bool has(MarkKind kind) const { return has_mark(marks_, kind); }

  bool is_covered(std::uint64_t address) const {
    return std::any_of(marks_.begin(), marks_.end(), [&](const FoundMark& mark) { return mark.covers(address); });
  }

  // Of two that a program has (-z muldefs, its own in front), the linker has taken another than leakdir's.
  bool has_anothers_malloc(const std::vector<ElfSymbol>& symbols) const {
    return std::any_of(symbols.begin(), symbols.end(), [&](const ElfSymbol& symbol) {
      return symbol.name == "malloc" && symbol.is_defined && !symbol.is_local && file_.is_code(symbol.address) &&
             !is_covered(symbol.address);
    });
  }

  // A jump to where BOLT has put the code, at the place where it was: no frame is ever there.
  bool is_way_of_bolts(const ElfSymbol& symbol) const {
    return was_moved_by_bolt() && symbol.name.find(".org.") != std::string::npos;
  }

  // BOLT puts the code elsewhere and leaves the marks as they are: they tell of what lies where it was.
  bool was_moved_by_bolt() const { return file_.has_section(".note.bolt_info"); }
  static Finding hooks_that_were_moved() {
    return {"hooks", Health::kGood,
            "leakdir is in it (whether its malloc comes first is not known: BOLT has moved the code)", ""};
  }

  static std::vector<std::string>::const_iterator library_in(const std::vector<std::string>& needed) {
    return std::find_if(needed.begin(), needed.end(),
                        [](const std::string& name) { return is_library(name, kLibrary); });
  }

  // A library in which the object is: the loader runs the .preinit_array of the program alone.
  bool never_starts() const {
    return kind_ == Kind::kLibrary && has(kMarkOfObject) && file_.dynamic_value(DT_PREINIT_ARRAY).has_value();
  }

  // leakdir_trace.c gives way to the object and to the library.
  bool is_recorded_by_trace() const {
    const auto needed = file_.needed();
    return has(kMarkOfTrace) && !has(kMarkOfObject) && library_in(needed) == needed.end();
  }

  Finding hooks() const {
    if (kind_ == Kind::kLibrary && has(kMarkOfLibrary))
      return {"hooks", Health::kGood, "it is leakdir's own library, for LD_PRELOAD", ""};
    if (never_starts())
      return {"hooks", Health::kMissing, "leakdir.o is in it, and never starts in a library",
              "link it into the program instead, or preload libleakdir.so"};
    if (kind_ == Kind::kLibrary)
      return {"hooks", Health::kGood, "a library needs none: they belong into the program", ""};
    if (is_recorded_by_trace())
      return {"hooks", Health::kWeak,
              "leakdir_trace.c is in it: it records what the sources that are compiled with leakdir/trace.h allocate, "
              "each block with its caller alone",
              is_static() ? "for every block with its stack: link with leakdir-static.o instead"
                          : "for every block with its stack: link with leakdir.o instead, or run it by `leakdir run`"};
    return is_static() ? hooks_of_static() : hooks_of_dynamic();
  }

  Finding hooks_of_static() const {
    if (!has(kMarkOfObject))
      return {"hooks", Health::kMissing, "leakdir is not in it", "link with -static and leakdir-static.o"};
    if (symbols_.empty())
      return {"hooks", Health::kGood, "leakdir is in it (whether its malloc comes first is not known: stripped)", ""};
    if (was_moved_by_bolt()) return hooks_that_were_moved();
    if (has_anothers_malloc(symbols_))
      return {"hooks", Health::kMissing, "leakdir is in it, but its malloc is another's",
              "name leakdir-static.o before libraries when linking, without -z muldefs"};
    return {"hooks", Health::kGood, "leakdir is in it, and there is no other malloc", ""};
  }

  Finding hooks_of_dynamic() const {
    const bool is_linked = has(kMarkOfObject);
    const auto exported = file_.symbols(SHT_DYNSYM);
    const auto needed = file_.needed();
    const auto library = library_in(needed);
    const char* remedy = file_.is_for_musl()
                             ? "link with the leakdir.o that leakdir-mkobj --cc=musl-gcc --dynamic makes"
                             : "link with leakdir.o, or run it by `leakdir run`";
    if (!is_linked && defines(exported, "malloc"))
      return {"hooks", Health::kMissing, "leakdir is not in it, and its malloc is another's", remedy};
    if (!is_linked && library != needed.end()) return hooks_of_library(needed, library);
    if (!is_linked) return {"hooks", Health::kMissing, "leakdir is not in it", remedy};
    if (was_moved_by_bolt() && defines(exported, "malloc")) return hooks_that_were_moved();
    if (has_anothers_malloc(exported))
      return {"hooks", Health::kMissing, "leakdir is in it, but its malloc is another's",
              "link without the other one, and without -z muldefs"};
    if (!file_.has_sections())
      return {"hooks", Health::kGood,
              "leakdir is in it (whether its libraries use it is not known: there are no section headers)", ""};
    std::vector<std::string> hidden;
    for (const char* name : kHooked)
      if (!defines(exported, name) && !(file_.is_for_musl() && std::string_view(name) == "pvalloc"))  // musl has none
        hidden.emplace_back(name);
    if (hidden.size() == std::size(kHooked) || !defines(exported, "malloc"))
      return {"hooks", Health::kWeak,
              "leakdir is in it, but not for its libraries: malloc is not among the names that it exports",
              "link without a version script or --exclude-libs that hides malloc, or with -Wl,--export-dynamic"};
    if (!hidden.empty())
      return {"hooks", Health::kWeak,
              fmt::format("leakdir is in it and comes first, but does not export {}", fmt::join(hidden, ", ")),
              "link without a version script that hides them, or with -Wl,--export-dynamic"};
    return {"hooks", Health::kGood, "leakdir is in it, and comes before the malloc of every library", ""};
  }

  static Finding hooks_of_library(const std::vector<std::string>& needed,
                                  std::vector<std::string>::const_iterator own) {
    for (auto other = needed.begin(); other != own; ++other)
      for (const char* allocator : kAllocators)
        if (is_library(*other, allocator))
          return {"hooks", Health::kMissing, fmt::format("{} is needed, but {} comes before it", *own, *other),
                  fmt::format("name {} before the other libraries when linking", *own)};
    return {"hooks", Health::kGood, fmt::format("{} is needed, and comes before other allocators", *own), ""};
  }

  // ---- Sanitizers -----------------------------------------------------------------------------------------------

  // The library that is needed, or the name of a runtime that was linked in; empty: none that has an allocator.
  // (Functions such as __lsan_default_suppressions are the program's own, with a sanitizer or without.)
  std::string sanitizer() const {
    for (const std::string& library : file_.needed())
      for (const char* runtime : kSanitizers)
        if (is_library(library, runtime)) return library;
    for (const auto& symbols : {symbols_, file_.symbols(SHT_DYNSYM)})
      for (const auto& [start, name] : kSanitizersStarts)
        if (std::any_of(symbols.begin(), symbols.end(), [&, wanted = start](const ElfSymbol& symbol) {
              return symbol.name == wanted && symbol.is_defined && !symbol.is_local;
            }))
          return name;
    return "";
  }

  // A static program is libc for the most part: what counts is the user's code, where it can be told.
  const std::vector<std::uint64_t>& users_functions() const {
    return own_functions_.empty() ? functions_ : own_functions_;
  }

  // ---- Unwind tables and frame pointers -------------------------------------------------------------------------

  Finding unwind_tables() const {
    const char* flags = "compile with -fasynchronous-unwind-tables, and keep .eh_frame when stripping";
    if (file_.header().e_machine == EM_ARM && file_.has_segment(PT_ARM_EXIDX)) return unwind_tables_of_arm();
    const bool has_index = file_.has_segment(PT_GNU_EH_FRAME);
    // Where there are no section headers the index leads to it; where there is none either, it is looked for.
    if (!file_.has_section(".eh_frame") && (file_.has_sections() || (!has_index && !has_eh_frame_table(file_))))
      return {"unwind tables", Health::kMissing, "there is no .eh_frame: stacks will have the caller alone", flags};
    std::size_t covered = 0, all = 0;
    Dwarf_CFI* tables = dwarf_getcfi_elf(file_.elf());
    const EhFrameIndex index(file_);
    for (const std::uint64_t function : users_functions()) {
      Dwarf_Frame* frame = nullptr;
      ++all;
      const bool has_entry = tables != nullptr && dwarf_cfi_addrframe(tables, function, &frame) == 0;
      std::free(frame);
      covered += has_entry || index.covers(function);
    }
    if (tables != nullptr) dwarf_cfi_end(tables);
    const std::string share = all == 0 ? ""
                                       : fmt::format(", for {} of {} functions{}", covered, all,
                                                     was_moved_by_bolt() ? ", leakdir's own among them" : "");
    if (all != 0 && covered * 10 < all * 9)
      return {"unwind tables", Health::kWeak, fmt::format(".eh_frame{}: stacks end at the others", share), flags};
    if (has_index) return {"unwind tables", Health::kGood, fmt::format(".eh_frame with its index{}", share), ""};
    const unsigned machine = file_.header().e_machine;
    const bool has_fast_walk = machine == EM_X86_64 || machine == EM_AARCH64 || machine == EM_RISCV;
    // Where there is a fast walk the object looks for the table of the program that it is in; elsewhere libgcc does,
    // which knows it from the start-up code that gcc gives a plain static program of glibc's.
    if (is_static() && file_.header().e_type == ET_EXEC && !has(kMarkOfMusl))
      return {"unwind tables", Health::kGood,
              fmt::format(".eh_frame without an index, which {} makes{}", has_fast_walk ? "leakdir" : "libgcc", share),
              ""};
    if (has_fast_walk && (is_static() || has(kMarkOfObject)))
      return {"unwind tables", Health::kGood,
              fmt::format(".eh_frame without an index{}: stacks end where a signal came, and C++ cannot throw", share),
              "link with -Wl,--eh-frame-hdr for these too"};
    return {"unwind tables", Health::kMissing,
            ".eh_frame has no index (PT_GNU_EH_FRAME): stacks will have the caller alone",
            "link with -Wl,--eh-frame-hdr"};
  }

  // 32-bit ARM has tables of its own kind, and C functions have none unless they are asked for: libc's, too.
  Finding unwind_tables_of_arm() const {
    if (is_static() && own_functions_.empty())
      return {"unwind tables", Health::kGood, ".ARM.exidx; for which functions is known of a program with -g alone",
              ""};
    const ArmExidx index(file_);
    const std::size_t all = users_functions().size();
    std::size_t covered = 0;
    for (const std::uint64_t function : users_functions()) covered += index.covers(function);
    const std::string text = ".ARM.exidx" + (all == 0 ? "" : fmt::format(", for {} of {} functions", covered, all));
    const char* flag = "compile with -funwind-tables";
    if (all != 0 && covered == 0)
      return {"unwind tables", Health::kMissing, text + ": stacks will have the caller alone", flag};
    if (covered * 10 < all * 9) return {"unwind tables", Health::kWeak, text + ": stacks end at the others", flag};
    return {"unwind tables", Health::kGood, text, ""};
  }

  // Only a sign: a function may keep one and set it up later, or begin so and mean something else.
  static bool sets_up_frame_pointer(unsigned machine, std::string_view code) {
    if (machine == EM_X86_64) {
      constexpr std::string_view kBranchTarget("\xf3\x0f\x1e\xfa", 4), kMove("\x48\x89\xe5", 3);  // mov %rsp,%rbp
      if (code.substr(0, 4) == kBranchTarget) code.remove_prefix(4);
      return !code.empty() && code.front() == '\x55' && code.find(kMove) != std::string_view::npos;  // after push %rbp
    }
    for (std::size_t at = 0; at + 4 <= code.size(); at += 4) {  // aarch64: stp x29, x30, [sp, #-n]!
      const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(code[at + i]));
      };
      const std::uint32_t word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
      if ((word & 0xffc07fff) == 0xa9807bfd) return true;
    }
    return false;
  }

  Finding frame_pointers() const {
    const unsigned machine = file_.header().e_machine;
    constexpr const char* kNotNeeded = "leakdir does not need them where there are unwind tables";
    if (machine != EM_X86_64 && machine != EM_AARCH64)
      return {"frame pointers", Health::kUnknown, fmt::format("not looked for on this machine; {}", kNotNeeded), ""};
    std::size_t with = 0, all = 0;
    for (const std::uint64_t function : users_functions()) {
      const std::string_view code = file_.code_at(function, 24);
      if (code.empty()) continue;
      ++all;
      with += sets_up_frame_pointer(machine, code);
    }
    if (all == 0) return {"frame pointers", Health::kUnknown, fmt::format("no function is known; {}", kNotNeeded), ""};
    const bool has_most = with * 10 >= all * 7;
    return {"frame pointers", has_most ? Health::kGood : Health::kOptional,
            fmt::format("{} of {} functions begin by setting one up; {}", with, all, kNotNeeded),
            has_most ? "" : "for other tools: compile with -fno-omit-frame-pointer"};
  }

  // ---- Build-id, symbols, lines ---------------------------------------------------------------------------------

  Finding build_id() const {
    const std::string id = file_.build_id();
    if (id.empty())
      return {"build-id", Health::kMissing, "none: names from another build would not be told from the right ones",
              "link with -Wl,--build-id"};
    return {"build-id", Health::kGood, hex_of_bytes(id), ""};
  }

  std::string in_debug_file() const { return debug_file_.empty() ? "" : " in " + debug_file_; }

  static const char* how_to_keep_them() {
    return "keep the file from before strip, or `objcopy --only-keep-debug FILE FILE.debug`, for --debug-path";
  }

  Finding symbols() const {
    const auto count =
        static_cast<std::size_t>(std::count_if(symbols_.begin(), symbols_.end(), [](const ElfSymbol& symbol) {
          return symbol.is_function && symbol.is_defined;
        }));
    if (count != 0 && has_mini_)
      return {"symbols", Health::kGood, count_of(count, "function") + " by name, in .gnu_debugdata (MiniDebugInfo)",
              ""};
    if (count != 0) return {"symbols", Health::kGood, count_of(count, "function") + " by name", ""};
    if (debug_file_.empty() && file_.has_section(kMiniDebugInfo))
      return {"symbols", Health::kMissing,
              fmt::format("they are in {} (MiniDebugInfo), which libdw {}, which is here, does not read",
                          kMiniDebugInfo, dwfl_version(nullptr)),
              "build leakdir with an elfutils that was built with lzma"};
    if (!debug_file_.empty()) return {"symbols", Health::kGood, "stripped, and kept" + in_debug_file(), ""};
    return {"symbols", Health::kMissing, "stripped: functions will be module+offset", how_to_keep_them()};
  }

  Finding lines() const {
    if (units_with_lines_ == 0 && units_ == 0 && file_.has_section(".debug_info"))
      return {"lines", Health::kMissing, "not known: there is " + not_understood(), ""};
    if (units_with_lines_ == 0 && (symbols_.empty() || has_mini_) && debug_file_.empty())
      return {"lines", Health::kMissing, "stripped, and no debug file is here: files and lines will not be known",
              fmt::format("compile with -g; {}", how_to_keep_them())};
    if (units_with_lines_ == 0)
      return {"lines", Health::kMissing, "none: files and lines will not be known", "compile with -g"};
    return {"lines", Health::kGood, fmt::format("of {}{}", count_of(units_with_lines_, "source file"), in_debug_file()),
            ""};
  }

  // ---- Looking --------------------------------------------------------------------------------------------------

  void open_with_debug_file() {
    unsetenv("DEBUGINFOD_URLS");  // as everywhere: no network that the user did not ask for
    session_ = dwfl_begin(&debug_files_.callbacks());
    if (session_ == nullptr) return;
    Dwfl_Module* module = debug_files_.report(session_, path_);
    if (module == nullptr) return;
    debug_files_.note_wanted(path_, file_.build_id(), true);
    Dwarf_Addr bias = 0;
    std::vector<Unit> units;
    for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;)
      if (!is_of_musls_start(unit)) units.push_back(look_into(unit));
    units_ = units.size();
    keep_the_users(units);
    read_mini_debug_info(module);
    const char *main_file = nullptr, *debug_file = nullptr;
    dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, &main_file, &debug_file);
    if (debug_file != nullptr) debug_file_ = debug_file;
  }

  // The symbols of a stripped program that were kept, compressed, in a section of its own.
  void read_mini_debug_info(Dwfl_Module* module) {
    if (!symbols_.empty() || !file_.has_section(kMiniDebugInfo)) return;
    const auto exported = file_.symbols(SHT_DYNSYM);
    const int count = dwfl_module_getsymtab(module);
    for (int i = 0; i < count; ++i) {
      GElf_Sym symbol;
      GElf_Addr address = 0;
      GElf_Word section = 0;
      const char* const name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, nullptr, nullptr);
      if (name == nullptr || *name == '\0') continue;
      const unsigned type = GELF_ST_TYPE(symbol.st_info);
      symbols_.push_back({name, address, symbol.st_size, type == STT_FUNC || type == STT_GNU_IFUNC,
                          section != SHN_UNDEF, GELF_ST_BIND(symbol.st_info) == STB_LOCAL});
    }
    // What the loader needs is there in every program.
    has_mini_ = symbols_.size() > exported.size();
    if (!has_mini_) symbols_.clear();
  }

  // A compilation unit, and what it has. Code may be of another unit than its source is (-flto): `home` is the
  // source's.
  struct Function {
    Dwarf_Off home;
    std::uint64_t entry;
  };
  struct Unit {
    bool has_lines = false;
    std::vector<Function> functions;
  };

  static Dwarf_Off home_of(Dwarf_Die* function) {
    Dwarf_Attribute attribute;
    Dwarf_Die origin, unit;
    if (dwarf_formref_die(dwarf_attr(function, DW_AT_abstract_origin, &attribute), &origin) != nullptr)
      function = &origin;
    return dwarf_diecu(function, &unit, nullptr, nullptr) == nullptr ? 0 : dwarf_dieoffset(&unit);
  }

  // Whether that is leakdir's own code; then its home is.
  bool is_leakdirs(Dwarf_Die* function, std::uint64_t entry) const {
    return is_covered(entry) || std::any_of(marks_.begin(), marks_.end(), [&](const FoundMark& mark) {
             return mark.begin != 0 && dwarf_haspc(function, mark.begin) == 1;
           });
  }

  struct Look {
    Examination* self;
    Unit* unit;
  };

  // The start-up code of Debian's musl has debug information: crt/Scrt1.c, crt/x86_64/crti.s and so on.
  static bool is_of_musls_start(Dwarf_Die* unit) {
    const char* name = dwarf_diename(unit);
    const std::string_view path = name == nullptr ? "" : name;
    const auto ends = [&](std::string_view end) {
      return path.size() > end.size() && path.substr(path.size() - end.size()) == end;
    };
    return path.substr(0, 4) == "crt/" && (ends("crt1.c") || ends("/crti.s") || ends("/crtn.s"));
  }

  Unit look_into(Dwarf_Die* unit) {
    Unit found;
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    found.has_lines = dwarf_getsrclines(unit, &lines, &count) == 0 && count != 0;
    const auto add = [](Dwarf_Die* function, void* argument) {
      const Look& look = *static_cast<Look*>(argument);
      Dwarf_Addr entry = 0;
      if (dwarf_entrypc(function, &entry) != 0) return static_cast<int>(DWARF_CB_OK);
      // What the linker threw away (--gc-sections) is still told of, at address 0 or thereabouts.
      if (entry == 0 || !look.self->file_.is_code(entry)) return static_cast<int>(DWARF_CB_OK);
      const Dwarf_Off home = home_of(function);
      if (look.self->is_leakdirs(function, entry)) look.self->leakdirs_homes_.insert(home);
      if (look.unit->functions.size() < kMostFunctions) look.unit->functions.push_back({home, entry});
      return static_cast<int>(DWARF_CB_OK);
    };
    Look look = {this, &found};
    dwarf_getfuncs(unit, add, &look, 0);
    return found;
  }

  // That leakdir was compiled with -g says nothing about the program.
  void keep_the_users(const std::vector<Unit>& units) {
    for (const auto& unit : units) {
      const std::size_t before = own_functions_.size();
      for (const auto& function : unit.functions)
        if (leakdirs_homes_.count(function.home) == 0) own_functions_.push_back(function.entry);
      const bool is_users = unit.functions.empty() || own_functions_.size() != before;
      units_with_lines_ += unit.has_lines && is_users;
    }
  }

  void list_functions() {
    std::set<std::uint64_t> functions(own_functions_.begin(), own_functions_.end());
    for (const auto& symbol : symbols_) {
      if (functions.size() >= kMostFunctions) break;
      if (symbol.is_function && symbol.is_defined && symbol.bytes != 0 && !is_covered(symbol.address) &&
          !is_way_of_bolts(symbol))
        functions.insert(symbol.address);
    }
    functions_.assign(functions.begin(), functions.end());
  }

  std::string path_;
  ElfProgram file_;
  Kind kind_ = Kind::kDynamic;
  std::vector<FoundMark> marks_;
  std::vector<ElfSymbol> symbols_;  // of the file itself
  std::vector<std::uint64_t> functions_,
      own_functions_;  // where they begin; own: those that have debug information, and are not leakdir's
  std::set<Dwarf_Off> leakdirs_homes_;

  DebugFiles debug_files_;
  Dwfl* session_ = nullptr;
  std::string debug_file_;  // where it is apart from the program
  bool has_mini_ = false;   // symbols_ are those of .gnu_debugdata
  std::size_t units_ = 0, units_with_lines_ = 0;
};

}  // namespace

Diagnosis examine(const std::string& path, const SymbolOptions& options) { return Examination(path, options).make(); }

}  // namespace leakdir::tool
