// SPDX-License-Identifier: BSL-1.0
//
// Lookups in real programs. Arguments: what overlapping_symbols.s was linked to; the programs made from
// symbols_target.cc, the first of them with another build of itself, ANOTHER, right behind it.

#include "symbols/symbols.hh"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>
#include <link.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "base/demangle.hh"
#include "base/error.hh"
#include "scratch_directory.hh"
#include "symbols/source_texts.hh"
#include "symbols/symbols_by_address.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::exists;
using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> programs;
std::string another_build, overlapping;

struct Expected {
  std::string path;
  std::uint64_t offset = 0;
  unsigned line = 0;
  std::vector<std::string> functions;
};

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char piece[512];
  for (std::size_t got = 0; (got = fread(piece, 1, sizeof piece, pipe)) > 0;) output.append(piece, got);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

std::vector<Expected> run(const std::string& program) {
  std::vector<Expected> all;
  std::istringstream lines(output_of(program));
  for (std::string line; std::getline(lines, line);) {
    Expected expected;
    std::string functions;
    std::istringstream fields(line);
    fields >> expected.path >> std::hex >> expected.offset >> std::dec >> expected.line >> std::ws;
    std::getline(fields, functions);
    std::istringstream names(functions);
    for (std::string name; std::getline(names, name, ',');) expected.functions.push_back(name);
    all.push_back(std::move(expected));
  }
  return all;
}

std::string build_id_of(const std::string& path) {
  std::istringstream words(output_of("readelf -n " + path));
  std::string bytes;
  for (std::string word; words >> word;) {
    if (word != "ID:" || !(words >> word)) continue;
    for (std::size_t i = 0; i + 1 < word.size(); i += 2)
      bytes += static_cast<char>(std::stoi(word.substr(i, 2), nullptr, 16));
  }
  EXPECT_EQ(bytes.size(), 20u) << path;
  return bytes;
}

std::string hex_id(const std::string& id) {
  std::string digits;
  char two[3];
  for (unsigned char byte : id) digits += (std::snprintf(two, sizeof two, "%02x", byte), two);
  return digits;
}

Module module_of(const std::string& path) {
  Module module;
  module.path = path;
  module.build_id = build_id_of(path);
  module.is_program = true;
  return module;
}

void expect_found(const Expected& expected, const std::vector<SourceLine>& lines) {
  ASSERT_EQ(lines.size(), expected.functions.size()) << expected.path << " line " << expected.line;
  EXPECT_EQ(lines[0].line, expected.line);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // Functions that no other unit can see have their bare name from gcc, and all of it from clang.
    EXPECT_THAT(lines[i].function, HasSubstr(expected.functions[i]));
    EXPECT_THAT(lines[i].file, testing::EndsWith("/tests/tools/symbols_target.cc"));
    EXPECT_THAT(lines[i].file, testing::StartsWith("/"));
    EXPECT_GT(lines[i].line, 0u);
    EXPECT_EQ(lines[i].inlined, i + 1 < lines.size());
  }
}

TEST(Symbols, FindFunctionFileLineAndInlinedFunctionsInEachKindOfProgram) {
  ASSERT_FALSE(programs.empty());
  for (const auto& program : programs) {
    SCOPED_TRACE(program);
    auto symbols = make_dwfl_symbols({}, 0);
    auto all = run(program);
    EXPECT_GE(all.size(), 5u);
    for (const auto& expected : all)
      expect_found(expected, symbols->lookup(module_of(expected.path), expected.offset - 1));
    EXPECT_THAT(symbols->warnings(), IsEmpty());
  }
}

TEST(Symbols, AFileWithAnotherBuildIdIsRefusedOnceAndClearly) {
  Module module = module_of(programs[0]);
  SymbolOptions options;
  options.program = another_build;
  module.path = "/not/here";
  auto symbols = make_dwfl_symbols(options, 0);
  auto all = run(programs[0]);
  for (const auto& expected : all) EXPECT_THAT(symbols->lookup(module, expected.offset - 1), IsEmpty());
  ASSERT_THAT(symbols->warnings(), SizeIs(1));
  EXPECT_THAT(symbols->warnings()[0], HasSubstr(another_build + " has build-id " + hex_id(build_id_of(another_build))));
  EXPECT_THAT(symbols->warnings()[0], HasSubstr("the process ran " + hex_id(module.build_id)));
  EXPECT_THAT(symbols->warnings()[0], HasSubstr("shown as module+offset"));
}

TEST(Symbols, TheRightFileIsTakenThoughTheWrongOneIsMet) {
  Module module = module_of(programs[0]);
  SymbolOptions options;
  options.program = another_build;
  auto symbols = make_dwfl_symbols(options, 0);
  EXPECT_EQ(symbols->lookup(module, run(programs[0])[0].offset - 1).size(), 3u);
  EXPECT_THAT(symbols->warnings(), IsEmpty());
}

TEST(Symbols, AFileThatIsNotThereIsSaid) {
  Module module = module_of(programs[0]);
  module.path = "/not/here";
  auto symbols = make_dwfl_symbols({}, 0);
  EXPECT_THAT(symbols->lookup(module, 0x1000), IsEmpty());
  EXPECT_THAT(symbols->warnings(), testing::ElementsAre(HasSubstr("/not/here is not here")));
}

TEST(Symbols, TheKernelsModuleHasNoFileAndThatIsNoNews) {
  Module module;
  module.path = "linux-vdso.so.1";
  auto symbols = make_dwfl_symbols({}, 0);
  EXPECT_THAT(symbols->lookup(module, 0x1000), IsEmpty());
  EXPECT_THAT(symbols->warnings(), IsEmpty());
}

TEST(Symbols, FilesThatAreNoPrograms) {
  Scratch directory;
  write_file(directory / "text", "hello");
  write_file(directory / "cut", std::string("\x7f"
                                            "ELF\x02\x01\x01",
                                            7));
  for (const char* name : {"text", "cut"}) {
    Module module;
    module.path = directory / name;
    auto symbols = make_dwfl_symbols({}, 0);
    EXPECT_THAT(symbols->lookup(module, 0x1000), IsEmpty());
    EXPECT_THAT(symbols->warnings(), testing::ElementsAre(HasSubstr("is not an ELF file")));
  }
}

TEST(Symbols, AFileWithoutBuildIdThatIsNewerThanTheProcessIsWarnedOf) {
  Module module;
  module.path = programs[0];
  auto since_1971 = make_dwfl_symbols({}, 31'536'000'000'000'000);
  EXPECT_EQ(since_1971->lookup(module, run(programs[0])[0].offset - 1).size(), 3u);
  EXPECT_THAT(since_1971->warnings(), testing::ElementsAre(HasSubstr("newer than the process")));
}

// A device has the stripped program; the debug file and the copy of its file system are at home.
class FarFromTheDevice : public testing::Test {
 protected:
  FarFromTheDevice() : module(module_of(programs[0])), expected(run(programs[0])[0]) {
    const std::string id = hex_id(module.build_id);
    debug_file = ".build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
    std::filesystem::create_directories(std::filesystem::path(home / ("debug/" + debug_file)).parent_path());
    std::filesystem::create_directories(home / "root/opt");
    output_of("objcopy --only-keep-debug " + programs[0] + " " + home / ("debug/" + debug_file));
    output_of("objcopy --strip-all " + programs[0] + " " + home / "root/opt/app");
    module.path = "/opt/app";
  }

  std::vector<SourceLine> lookup(const SymbolOptions& options) {
    auto symbols = make_dwfl_symbols(options, 0);
    auto lines = symbols->lookup(module, expected.offset - 1);
    warnings = symbols->warnings();
    return lines;
  }

  Scratch home;
  Module module;
  Expected expected;
  std::string debug_file;
  std::vector<std::string> warnings;
};

TEST_F(FarFromTheDevice, SysrootAndDebugPathTogetherFindLines) {
  SymbolOptions options;
  options.sysroot = home / "root";
  options.debug_paths = {home / "debug"};
  expect_found(expected, lookup(options));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(FarFromTheDevice, TheDebugFileAloneIsEnough) {
  SymbolOptions options;
  options.debug_paths = {"/nowhere", home / "debug"};
  expect_found(expected, lookup(options));
  EXPECT_THAT(warnings, testing::ElementsAre("--debug-path /nowhere: No such file or directory"));
}

// Whether the stripped program is here or not, the debug file is found by its build-id, wherever it lies in PATH.
class DebugFile : public FarFromTheDevice {
 protected:
  void expect_found_in(const std::string& path) {
    SymbolOptions options;
    options.debug_paths = {path};
    module.path = "/opt/app";
    expect_found(expected, lookup(options));
    EXPECT_THAT(warnings, IsEmpty()) << "the file is all that is here";
    options.sysroot = home / "root";
    expect_found(expected, lookup(options));
    EXPECT_THAT(warnings, IsEmpty()) << "the stripped program is here too";
  }
  void move_to(const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(home / name).parent_path());
    std::filesystem::rename(home / ("debug/" + debug_file), home / name);
  }
};

TEST_F(DebugFile, IsFoundByItsBuildIdUnderAnyName) {
  move_to("kept/x.debug");
  expect_found_in(home / "kept");
  std::filesystem::rename(home / "kept/x.debug", home / "kept/app-1.2.sym");
  expect_found_in(home / "kept");
}

TEST_F(DebugFile, IsFoundInEachLayout) {
  expect_found_in(home / "debug");
  expect_found_in(home / "debug/.build-id");
  move_to("copy/usr/lib/debug/" + debug_file);
  expect_found_in(home / "copy");
  expect_found_in(home / "copy/usr/lib/debug");
}

TEST_F(DebugFile, MayBeGivenItself) {
  move_to("kept/x.debug");
  expect_found_in(home / "kept/x.debug");
  expect_found_in(programs[0]);  // the program that was not stripped
  std::filesystem::create_symlink(home / "kept/x.debug", home / "link");
  expect_found_in(home / "link");
}

TEST_F(DebugFile, IsTakenWhereTheStrippedProgramLiesBesideIt) {
  move_to("kept/x.debug");
  std::filesystem::copy(home / "root/opt/app", home / "kept/app");
  expect_found_in(home / "kept");
}

TEST_F(DebugFile, OfAnotherBuildIsRefusedInOneLineThatNamesBoth) {
  SymbolOptions options;
  options.sysroot = home / "root";
  options.debug_paths = {another_build};
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, testing::ElementsAre("--debug-path: " + another_build + " has build-id " +
                                             hex_id(build_id_of(another_build)) + ", and /opt/app has " +
                                             hex_id(module.build_id) + ": it was refused"));
  // A directory may have files of other programs.
  std::filesystem::create_directories(home / "kept");
  std::filesystem::copy(another_build, home / "kept/app.debug");
  options.debug_paths = {home / "kept"};
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(DebugFile, OfALibraryIsNoMatterForTheProgram) {
  Module library;
  library.path = "/opt/" + std::filesystem::path(another_build).filename().string();
  library.build_id = build_id_of(another_build);
  SymbolOptions options;
  options.debug_paths = {another_build, home / ("debug/" + debug_file)};
  auto symbols = make_dwfl_symbols(options, 0);
  expect_found(expected, symbols->lookup(module, expected.offset - 1));
  symbols->lookup(library, expected.offset - 1);
  EXPECT_THAT(symbols->warnings(), IsEmpty());
}

TEST_F(DebugFile, OfALibraryThatNobodyAsksForIsNoMatterEither) {
  Snapshot snapshot;
  snapshot.modules = {module, Module()};
  snapshot.modules[1].path = "/opt/lib.so";
  snapshot.modules[1].build_id = build_id_of(another_build);
  SymbolOptions options;
  options.debug_paths = {another_build, home / ("debug/" + debug_file)};
  auto symbols = make_dwfl_symbols(options, snapshot);
  expect_found(expected, symbols->lookup(module, expected.offset - 1));
  EXPECT_THAT(symbols->warnings(), IsEmpty());
}

TEST_F(DebugFile, UnderTheNameOfAnotherBuildIsRefused) {
  const std::string file = home / ("debug/" + debug_file);
  std::filesystem::copy(another_build, file, std::filesystem::copy_options::overwrite_existing);
  SymbolOptions options;
  options.sysroot = home / "root";
  options.debug_paths = {home / "debug"};
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, testing::ElementsAre(file + " has build-id " + hex_id(build_id_of(another_build)) +
                                             ", and not the one of its name: it was refused"));
}

TEST_F(DebugFile, ThatIsNoneIsSaid) {
  write_file(home / "text", "hello");
  ASSERT_EQ(mkfifo((home / "pipe").c_str(), 0600), 0);
  SymbolOptions options;
  options.sysroot = home / "root";
  options.debug_paths = {home / "text", home / "pipe", "/dev/null", home / "not-here"};
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, testing::ElementsAre("--debug-path: " + home / "text" + " is not an ELF file",
                                             "--debug-path " + home / "pipe" + " is neither a file nor a directory",
                                             "--debug-path /dev/null is neither a file nor a directory",
                                             "--debug-path " + home / "not-here" + ": No such file or directory"));
}

// Pipes would wait for their other end, the terminal for somebody to type, and reading all of a file takes long.
TEST_F(DebugFile, IsFoundAmongTenThousandFilesOfOtherKinds) {
  move_to("kept/zzz.debug");
  for (int i = 0; i < 10'000; ++i) write_file(home / ("kept/" + std::to_string(i)), "something else");
  ASSERT_EQ(mkfifo((home / "kept/pipe").c_str(), 0600), 0);
  int links = 0;
  for (const char* target : {"pipe", "/dev/zero", "/dev/ptmx", "/dev/tty", "nowhere", "/"})
    std::filesystem::create_symlink(target, home / ("kept/link" + std::to_string(++links)));
  std::filesystem::create_symlink("loop", home / "kept/loop");
  std::filesystem::create_directories(home / "kept/directory.debug");
  const int huge = open((home / "kept/huge").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(ftruncate(huge, off_t{1} << 40), 0);  // a hole
  ASSERT_EQ(pwrite(huge,
                   "\x7f"
                   "ELF",
                   4, 0),
            4);
  close(huge);
  expect_found_in(home / "kept");
}

TEST_F(FarFromTheDevice, TheSysrootsOwnDebugFilesAreFound) {
  std::filesystem::create_directories(home / "root/usr/lib");
  std::filesystem::rename(home / "debug", home / "root/usr/lib/debug");
  SymbolOptions options;
  options.sysroot = home / "root";
  expect_found(expected, lookup(options));
}

TEST_F(FarFromTheDevice, ProgramStandsInForTheProgramThatRan) {
  SymbolOptions options;
  options.program = programs[0];
  expect_found(expected, lookup(options));
  module.is_program = false;
  EXPECT_THAT(lookup(options), IsEmpty()) << "but not for its libraries";
}

TEST_F(FarFromTheDevice, AStrippedFileAloneGivesNothingAndThatIsNoError) {
  SymbolOptions options;
  options.sysroot = home / "root";
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(FarFromTheDevice, ASymbolTableAloneGivesFunctions) {
  output_of("objcopy --strip-debug " + programs[0] + " " + home / "root/opt/app");
  SymbolOptions options;
  options.sysroot = home / "root";
  auto lines = lookup(options);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].function, "app::Widget::grow(int)");
  EXPECT_EQ(lines[0].file, "");
}

// A server as debuginfod is one: GET /buildid/<build-id>/debuginfo.
class Server {
 public:
  explicit Server(const std::string& directory) {
    output_ = popen(("exec python3 -c 'import http.server as h, functools as f, os\n"
                     "class Quiet(h.SimpleHTTPRequestHandler):\n"
                     "  def log_message(self, *_): pass\n"
                     "s = h.HTTPServer((\"127.0.0.1\", 0), f.partial(Quiet, directory=\"" +
                     directory +
                     "\"))\n"
                     "print(os.getpid(), s.server_port, flush=True)\n"
                     "s.serve_forever()'")
                        .c_str(),
                    "r");
    if (std::fscanf(output_, "%d %d", &pid_, &port_) != 2) ADD_FAILURE() << "no server";
  }
  ~Server() {
    kill(pid_, SIGKILL);
    pclose(output_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  FILE* output_;
  int pid_ = 0, port_ = 0;
};

TEST_F(FarFromTheDevice, DebuginfodIsAskedIfAndOnlyIfTheUserSaysSo) {
  const std::string served = "served/buildid/" + hex_id(module.build_id);
  std::filesystem::create_directories(home / served);
  std::filesystem::rename(home / ("debug/" + debug_file), home / (served + "/debuginfo"));
  const Server server(home.path() + "/served");
  module.path = "/not/here";
  SymbolOptions options;
  for (const char* name : {"no_proxy", "NO_PROXY"}) setenv(name, "*", 1);  // the server is here
  setenv("DEBUGINFOD_URLS", server.url().c_str(), 1);
  setenv("DEBUGINFOD_CACHE_PATH", (home / "cache").c_str(), 1);
  EXPECT_THAT(lookup(options), IsEmpty());
  // libdw asks by itself, for a file that is here and stripped, unless it is kept from it.
  setenv("DEBUGINFOD_URLS", server.url().c_str(), 1);
  SymbolOptions with_stripped_file;
  with_stripped_file.sysroot = home / "root";
  module.path = "/opt/app";
  EXPECT_THAT(lookup(with_stripped_file), IsEmpty());
  EXPECT_FALSE(exists(home / "cache"));
  module.path = "/not/here";

  options.asks_debuginfod = true;
  setenv("DEBUGINFOD_URLS", server.url().c_str(), 1);
  expect_found(expected, lookup(options));
  EXPECT_THAT(warnings, IsEmpty());

  module.path = "/opt/app";
  options.sysroot = home / "root";
  expect_found(expected, lookup(options));  // its stripped file is here, the debug file is not
  EXPECT_THAT(warnings, IsEmpty());

  module.path = "/not/here";
  module.build_id[0] = static_cast<char>(~module.build_id[0]);
  EXPECT_THAT(lookup(options), IsEmpty());
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("/not/here is not here"))) << "no server has it";
  unsetenv("DEBUGINFOD_URLS");
  EXPECT_THROW(lookup(options), Error);
}

TEST(Demangle, OnlyTouchesNamesOfCxx) {
  EXPECT_EQ(demangled("_ZN3app6Widget4growEi"), "app::Widget::grow(int)");
  EXPECT_EQ(demangled("main"), "main");
  EXPECT_EQ(demangled("i"), "i") << "and not int";
  EXPECT_EQ(demangled("_Znotmangled"), "_Znotmangled");
}

// ---- Symbols by address ------------------------------------------------------------------------------------------

// A file that libdwfl has open, to be asked both ways whose an address is.
class AskedBothWays {
 public:
  explicit AskedBothWays(const std::string& path) : session_(dwfl_begin(&callbacks_)) {
    module_ = dwfl_report_elf(session_, "file", path.c_str(), -1, 0, true);
    dwfl_report_end(session_, nullptr, nullptr);
    if (module_ != nullptr) dwfl_module_info(module_, nullptr, &start_, &end_, nullptr, nullptr, nullptr, nullptr);
    EXPECT_GT(dwfl_module_getsymtab(module_), 1) << path;
    ours_.emplace(module_);
  }
  ~AskedBothWays() { dwfl_end(session_); }
  AskedBothWays(const AskedBothWays&) = delete;
  AskedBothWays& operator=(const AskedBothWays&) = delete;

  void ask(GElf_Addr address) {
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char* const theirs = dwfl_module_addrinfo(module_, address, &offset, &symbol, nullptr, nullptr, nullptr);
    EXPECT_STREQ(ours_->name_at(address), theirs) << std::hex << "0x" << address;
    names_.insert(theirs == nullptr ? "" : theirs);
  }

  // `count` addresses, all over the file and at the beginnings and ends of its symbols.
  void ask_for_some(int count) {
    const GElf_Addr bytes = end_ - start_;
    for (int i = 0; i < count / 2; ++i) ask(start_ + bytes / (count / 2) * i + i % 16);
    const int symbols = dwfl_module_getsymtab(module_);
    for (int i = 0; i < count / 2; i += 4) {
      GElf_Sym symbol;
      GElf_Addr address = 0;
      const auto place = 1 + static_cast<int>(std::int64_t{symbols - 1} * i / (count / 2));
      dwfl_module_getsym_info(module_, place, &symbol, &address, nullptr, nullptr, nullptr);
      for (const GElf_Addr asked : {address - 1, address, address + symbol.st_size - 1, address + symbol.st_size})
        ask(asked);
    }
  }

  const std::set<std::string>& names() const { return names_; }  // that were answers, "" for none

 private:
  Dwfl_Callbacks callbacks_{dwfl_build_id_find_elf, dwfl_standard_find_debuginfo, dwfl_offline_section_address, {}};
  Dwfl* session_;
  Dwfl_Module* module_;
  GElf_Addr start_ = 0, end_ = 0;
  std::optional<SymbolsByAddress> ours_;
  std::set<std::string> names_;
};

TEST(SymbolsByAddress, AreThoseOfLibdwflWhereSymbolsLieUponEachOther) {
  AskedBothWays file(overlapping);
  for (GElf_Addr address = 0x1fff00; address < 0x201400; ++address) file.ask(address);
  for (const GElf_Addr address : {GElf_Addr{0}, GElf_Addr{1}, ~GElf_Addr{0}}) file.ask(address);
  EXPECT_GT(file.names().size(), 60u);
  for (const char* name : {"", "number_last", "number_label", "absolute_label", "absolute_object"})
    EXPECT_EQ(file.names().count(name), 1u) << name;
}

// This program, libc, libstdc++ and what else it has loaded: with symbol tables and stripped; static programs.
TEST(SymbolsByAddress, AreThoseOfLibdwflInRealFiles) {
  unsetenv("DEBUGINFOD_URLS");
  std::vector<std::string> files = programs;
  files.push_back("/proc/self/exe");
  const auto add = [](dl_phdr_info* info, std::size_t, void* files) {
    if (info->dlpi_name[0] == '/') static_cast<std::vector<std::string>*>(files)->push_back(info->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(add, &files);
  EXPECT_GT(files.size(), programs.size() + 3);
  std::size_t names = 0;
  for (const auto& path : files) {
    SCOPED_TRACE(path);
    AskedBothWays file(path);
    file.ask_for_some(400);
    names += file.names().size();
  }
  EXPECT_GT(names, 500u);
}

// ---- Lines of sources --------------------------------------------------------------------------------------------

class Sources : public testing::Test {
 protected:
  static constexpr std::int64_t kLater = std::int64_t{1} << 62;

  std::string line(const std::string& path, unsigned number, std::int64_t started_ns = kLater) const {
    const SourceTexts texts = source_texts({{path, number}}, started_ns);
    return texts.empty() ? "(none)" : texts.begin()->second;
  }

  Scratch scratch_;
};

TEST_F(Sources, AreReadLineByLine) {
  const std::string path = scratch_ / "app.c";
  write_file(path, "first\n\n  \tthird(1);  \r\nlast, without an end");
  EXPECT_EQ(line(path, 1), "first");
  EXPECT_EQ(line(path, 3), "third(1);");
  EXPECT_EQ(line(path, 4), "last, without an end");
  for (const unsigned number : {0u, 2u, 5u, 4000000000u}) EXPECT_EQ(line(path, number), "(none)") << number;
  const SourceTexts texts = source_texts({{path, 4}, {path, 1}, {scratch_ / "no.c", 1}}, kLater);
  EXPECT_EQ(texts, (SourceTexts{{{path, 1}, "first"}, {{path, 4}, "last, without an end"}}));
  write_file(path, "");
  EXPECT_EQ(line(path, 1), "(none)");
  write_file(path, "one\n");
  EXPECT_EQ(line(path, 2), "(none)");
}

TEST_F(Sources, ThatWereChangedSinceHaveOtherLines) {
  write_file(scratch_ / "app.c", "text\n");
  const struct timespec times[2] = {{1000, 0}, {1000, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, (scratch_ / "app.c").c_str(), times, 0), 0);
  EXPECT_EQ(line(scratch_ / "app.c", 1, 1'000'000'000'005), "text");
  EXPECT_EQ(line(scratch_ / "app.c", 1, 1'000'000'000'004), "(none)");
}

// Debug information may name any file.
TEST_F(Sources, AreNoOtherFiles) {
  write_file(scratch_ / "secret", "text\n");
  EXPECT_EQ(line(scratch_ / "secret", 1), "(none)");
  ASSERT_EQ(symlink("secret", (scratch_ / "link.c").c_str()), 0);
  EXPECT_EQ(line(scratch_ / "link.c", 1), "(none)");
  ASSERT_EQ(mkfifo((scratch_ / "fifo.c").c_str(), 0600), 0);
  EXPECT_EQ(line(scratch_ / "fifo.c", 1), "(none)");
  std::filesystem::create_directory(scratch_ / "directory.c");
  EXPECT_EQ(line(scratch_ / "directory.c", 1), "(none)");
  write_file(scratch_ / "SHELF.PAS", "text\n");
  EXPECT_EQ(line(scratch_ / "SHELF.PAS", 1), "text");
  EXPECT_EQ(line("shelf.pas", 1), "(none)") << "to what it is relative nobody knows";
}

TEST_F(Sources, AreNotToFillThePage) {
  std::string text(kMostOfALine - 1, 'x');
  write_file(scratch_ / "long.c", text + "\xc3\xa4y\n");
  EXPECT_EQ(line(scratch_ / "long.c", 1), text + "\xe2\x80\xa6") << "no half of a character";
  std::string many;
  std::set<SourcePlace> places;
  for (unsigned i = 1; i <= 20000; ++i) {
    many += std::string(100, 'x') + "\n";
    places.emplace(scratch_ / "many.c", i);
  }
  write_file(scratch_ / "many.c", many);
  EXPECT_EQ(source_texts(places, kLater).size(), kMostOfAllLines / 100);
  write_file(scratch_ / "large.c", std::string(kMostOfASource + 1, '\n'));
  EXPECT_EQ(line(scratch_ / "large.c", 1), "(none)");
}

}  // namespace
}  // namespace leakdir::tool

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 4) return 2;
  leakdir::tool::overlapping = argv[1];
  for (int i = 2; i < argc; ++i) leakdir::tool::programs.push_back(std::filesystem::absolute(argv[i]));
  leakdir::tool::another_build = leakdir::tool::programs[1];
  leakdir::tool::programs.erase(leakdir::tool::programs.begin() + 1);
  return RUN_ALL_TESTS();
}
