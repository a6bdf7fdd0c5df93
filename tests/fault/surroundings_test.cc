// SPDX-License-Identifier: BSL-1.0
//
// What a program may meet in production: a directory that cannot be made, written or found any more, a full disk,
// limits of every kind, no descriptor, no thread, no /proc. It does its work, ends with 0, and one line at most says
// what is missing; as much is recorded as can be.

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>

#include "expected_kinds.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

enum class Files { kAll, kSome, kNone };

struct Surroundings {
  std::string name;
  std::string shell;   // run in the program's directory before it; "$@" is the program
  std::string change;  // what the program itself does, see targets/endures.c
  std::string line;    // what it says, or how the line starts; empty: nothing
  Files files;         // record files in DIR
  std::string options;
};
void PrintTo(const Surroundings& around, std::ostream* out) { *out << around.name; }

// As root, a process may write anywhere: not without these.
const std::string kNoOverride = "exec setpriv --bounding-set=-dac_override,-dac_read_search \"$@\"";
const std::string kMounted = "exec unshare --mount sh -ec '";
const std::string kInMounts = "; exec \"$@\"' sh \"$@\"";

const Surroundings kSurroundings[] = {
    {"NoDirectoryToBeMade", "exec \"$@\"", "", "cannot make the directory /dev/null/mem (not a directory): nothing",
     Files::kNone, "dir=/dev/null/mem"},
    {"AFileInItsPlace", ": > mem; exec \"$@\"", "", "cannot make the directory ", Files::kNone, ""},
    {"DirectoryNotWritable", "mkdir -m 0500 mem; " + kNoOverride, "", "cannot make the ledger in ", Files::kNone, ""},
    {"DirectoryNotReadable", "mkdir -m 0300 mem; " + kNoOverride, "", "cannot make the directory ", Files::kNone, ""},
    {"DirectoryOfAnEarlierRunNotWritable", "mkdir mem; : > mem/.ledger; chmod 0500 mem; " + kNoOverride, "",
     "cannot make the directory ", Files::kNone, ""},
    {"ReadOnlyFileSystem", "mkdir mem; " + kMounted + "mount --bind mem mem; mount -o remount,bind,ro mem" + kInMounts,
     "", "cannot make the ledger in ", Files::kNone, ""},
    {"FullDiskFromTheStart",
     "mkdir mem; " + kMounted + "mount -t tmpfs -o size=4k none mem; echo > mem/other" + kInMounts, "",
     "no shared mapping in ", Files::kNone, ""},
    {"NoInodes", "mkdir mem; " + kMounted + "mount -t tmpfs -o nr_inodes=1 none mem" + kInMounts, "",
     "cannot make the ledger in ", Files::kNone, ""},
    {"NoRoomForFiles", "mkdir mem; " + kMounted + "mount -t tmpfs -o nr_inodes=2 none mem" + kInMounts, "",
     "cannot write record files in ./mem (no space left on device): ", Files::kNone, ""},
    {"DirectoryRemoved", "exec \"$@\"", "removed", "the ledger cannot grow (no such file or directory): ", Files::kNone,
     "write=exit"},
    {"DirectoryReplacedByALink", "exec \"$@\"", "link",
     "the ledger cannot grow (no such file or directory): ", Files::kNone, "write=exit"},
    {"DirectoryReplacedByAFile", "exec \"$@\"", "file", "the ledger cannot grow (not a directory): ", Files::kNone,
     "write=exit"},
    {"DirectoryReplacedByAnother", "exec \"$@\"", "another",
     "the ledger cannot grow (no such file or directory): ", Files::kNone, "write=exit"},
    {"SmallestFileSize", "exec prlimit --fsize=10000 \"$@\"", "", "no shared mapping in ", Files::kAll, ""},
    {"FileSizeSetLater", "exec \"$@\"", "file-size", "the ledger cannot grow (file too large): ", Files::kAll, ""},
    {"NoFileSizeLater", "exec \"$@\"", "file-size-0", "the ledger cannot grow (file too large): ", Files::kSome,
     "write=exit"},
    {"NoDescriptors", "exec \"$@\"", "descriptors", "the ledger cannot grow (too many open files): ", Files::kSome,
     "write=exit"},
    {"LittleAddressSpace", "exec prlimit --as=150000000 \"$@\"", "", "", Files::kAll, ""},
    {"AddressSpaceLimitedByItself", "exec \"$@\"", "address-space", "", Files::kAll, ""},
    {"NoProcess", "exec \"$@\"", "no-process", "the ledger cannot grow (permission denied): ", Files::kSome,
     "write=exit"},
    {"MemoryLocked", "exec \"$@\"", "locked", "", Files::kAll, ""},
    {"NamespacesUnshared", "exec \"$@\"", "unshared", "", Files::kAll, ""},
    {"AUserNamespace", "exec unshare --user --map-root-user \"$@\"", "", "", Files::kAll, ""},
    {"NoProc", kMounted + "mount -t tmpfs none /proc" + kInMounts, "", "", Files::kAll, ""},
};

// Whether a directory that somebody else can look at has the three blocks, or nobody is told that there is none.
void expect_no_false_comfort(const std::string& dir) {
  const Outcome check = run_tool({"check", dir});
  EXPECT_TRUE(check.exited_with(23) || check.exited_with(3)) << check.describe();
  if (check.exited_with(23)) {
    EXPECT_EQ(check.out.rfind("leak: 3 live blocks, 15011 bytes", 0), 0u) << check.out;
  }
}

// To the second, as a record has it; the rest sorts after it.
std::string utc_now() {
  char text[40];
  const time_t now = time(nullptr);
  struct tm parts;
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &parts));
  return text;
}

std::string reason_to_skip(const std::string& shell = "") {
  if (geteuid() != 0) return "needs root";
  if (!run({{"unshare", "--mount", "true"}, "", {}, "", 60}).exited_with(0)) return "no mount namespace to be had";
  if (shell.find("unshare --user") != std::string::npos &&
      !run({{"unshare", "--user", "--map-root-user", "true"}, "", {}, "", 60}).exited_with(0))
    return "no user namespace to be had";
  return "";
}

Outcome run_endures(const Scratch& scratch, const std::string& kind, const std::string& options,
                    const std::string& shell, const std::string& change) {
  Command command = command_for(scratch, "sh", {options, {}, {}, 60});
  command.argv.insert(command.argv.end(), {"-ec", shell, "sh", target("endures", kind), "6000", change});
  return run(command);
}

struct Way {
  const char* kind;
  const char* write;
};

class Survives : public testing::TestWithParam<std::tuple<Way, Surroundings>> {};

TEST_P(Survives, AndSaysItOnce) {
  const auto& [way, around] = GetParam();
  const std::string reason = reason_to_skip(around.shell);
  if (!reason.empty()) GTEST_SKIP() << reason;
  const Scratch scratch;
  const std::string options = std::string("summary=0:delay_ms=2:write=") + way.write + ":" + around.options;
  const Outcome outcome = run_endures(scratch, way.kind, options, around.shell, around.change);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Expected> expected = expected_by(outcome.out);
  EXPECT_EQ(expected.size(), 3u);
  const std::vector<std::string> lines = lines_of(outcome.err);
  EXPECT_EQ(lines.size(), around.line.empty() ? 0u : 1u) << outcome.err;
  EXPECT_EQ(outcome.err.rfind(around.line.empty() ? "" : "leakdir: " + around.line, 0), 0u) << outcome.err;
  EXPECT_TRUE(names_in(scratch / "victim").empty());
  if (around.files == Files::kAll) expect_exactly(expected, records_in(scratch / "mem"));
  if (!std::filesystem::is_directory(scratch / "mem")) return;
  EXPECT_TRUE(around.files != Files::kNone || names_in(scratch / "mem", ".mem").empty());
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
  expect_no_false_comfort(scratch / "mem");
}

INSTANTIATE_TEST_SUITE_P(With, Survives,
                         testing::Combine(testing::Values(Way{"static", "behind"}, Way{"pie", "sync"}),
                                          testing::ValuesIn(kSurroundings)),
                         [](const testing::TestParamInfo<Survives::ParamType>& info) {
                           return std::get<1>(info.param).name + "_" + std::get<0>(info.param).kind;
                         });

// The disk is full at each page of the ledger's growth, and at each record file after that.
#ifdef LONG_TESTS
constexpr int kFirstPage = 1, kLastPage = 240, kStep = 1;
const std::vector<Way> kFullDiskWays = {{"static", "behind"}, {"static", "sync"}, {"static", "exit"},
                                        {"pie", "behind"},    {"pie", "sync"},    {"pie", "exit"}};
#else
constexpr int kFirstPage = 15, kLastPage = 135, kStep = 5;
const std::vector<Way> kFullDiskWays = {{"static", "exit"}};
#endif

TEST(FullDisk, AtAnyPageIsSurvived) {
  if (!reason_to_skip().empty()) GTEST_SKIP() << reason_to_skip();
  int said = 0, complete = 0;
  for (const Way& way : kFullDiskWays) {
    for (int pages = kFirstPage; pages <= kLastPage && !HasFailure(); pages += kStep) {
      SCOPED_TRACE(std::string(way.kind) + ", write=" + way.write + ", pages: " + std::to_string(pages));
      const Scratch scratch(in_memory());
      const std::string shell =
          "mkdir mem; exec unshare --mount sh -ec 'mount -t tmpfs -o size=" + std::to_string(4 * pages) +
          "k none mem; \"$@\"; cp -r mem copy' sh \"$@\"";
      const Outcome outcome =
          run_endures(scratch, way.kind, std::string("summary=0:delay_ms=2:write=") + way.write, shell, "");
      ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
      const size_t lines = lines_of(outcome.err).size();
      EXPECT_LE(lines, 1u) << outcome.err;
      expect_no_false_comfort(scratch / "copy");
      if (lines == 0) expect_exactly(expected_by(outcome.out), records_in(scratch / "copy"));
      said += lines == 1;
      complete += lines == 0;
    }
  }
  EXPECT_GT(said, 10);
  EXPECT_GT(complete, 0);
}

TEST(WriteNever, IsAtExitWhereNoLedgerStays) {
  const Scratch scratch;
  const Outcome outcome =
      run_endures(scratch, "static", "summary=0:write=never", "exec prlimit --fsize=10000 \"$@\"", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  ASSERT_EQ(lines_of(outcome.err).size(), 2u) << outcome.err;
  EXPECT_EQ(lines_of(outcome.err)[1], "leakdir: write=never: no ledger stays here, so files are made at exit");
}

// Record files leave a part of the disk, and of its inodes, to the program: it can go on writing its own files. What is
// not written is in the ledger, and that is said at once, not at exit.
struct SmallDisk {
  std::string name, mount, line;
  std::size_t fewest, most;  // files
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.kind << ", " << way.write; }
void PrintTo(const SmallDisk& disk, std::ostream* out) { *out << disk.name; }

class RecordsLeaveRoom : public testing::TestWithParam<std::tuple<Way, SmallDisk>> {};

TEST_P(RecordsLeaveRoom, OnTheDisk) {
  const auto& [way, disk] = GetParam();
  if (!reason_to_skip().empty()) GTEST_SKIP() << reason_to_skip();
  const Scratch scratch(in_memory());
  write_file(scratch / "said", "");
  Command command = command_for(scratch, "sh", {std::string("delay_ms=2:write=") + way.write, {}, {}, 60});
  const std::string shell =
      "mkdir mem; exec unshare --mount sh -ec 'mount -t tmpfs -o " + disk.mount +
      " none mem; \"$@\" 2>said; find mem -maxdepth 1 -name \"*.mem\" | wc -l >files; cp mem/own own; " +
      std::string(kTool) + " check mem >verdict || true' sh \"$@\"";
  command.argv.insert(command.argv.end(), {"-ec", shell, "sh", target("fills_disk", way.kind), "20000"});
  Process process(command);
  const std::string line = "leakdir: ./mem: no more files are made, the disk " + disk.line;
  const bool is_said_at_exit = std::string(way.write) == "exit";
  for (int i = 0; i < 20000 && !is_said_at_exit && read_file(scratch / "said").find(line) == std::string::npos; ++i)
    usleep(1000);
  const std::string said = read_file(scratch / "said");
  EXPECT_EQ(said.rfind(is_said_at_exit ? "" : line, 0), 0u) << said;
  write_file(scratch / "write", "");
  const Outcome outcome = process.wait();
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe() << read_file(scratch / "said");
  EXPECT_EQ(read_file(scratch / "own"), std::string(1 << 20, 'x'));
  const std::size_t files = std::stoul(read_file(scratch / "files"));
  EXPECT_GE(files, disk.fewest);
  EXPECT_LE(files, disk.most);
  const std::vector<std::string> lines = lines_of(read_file(scratch / "said"));
  ASSERT_EQ(lines.size(), 2u) << read_file(scratch / "said");
  EXPECT_EQ(lines[0].rfind(line, 0), 0u) << lines[0];
  EXPECT_NE(lines[0].find(" left); the ledger has all blocks: leakdir report"), std::string::npos) << lines[0];
  EXPECT_EQ(lines[1], "leakdir: 20000 live blocks, 600000 bytes at exit: ./mem (20000 definitely lost; " +
                          std::to_string(20000 - files) + " have no file, " + std::to_string(20000 - files) +
                          " of them lost: leakdir report ./mem, leakdir recover ./mem)");
  EXPECT_EQ(read_file(scratch / "verdict").rfind("leak: 20000 live blocks, 600000 bytes ", 0), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    With, RecordsLeaveRoom,
    testing::Combine(testing::Values(Way{"static", "behind"}, Way{"pie", "sync"}, Way{"pie", "exit"}),
                     testing::Values(SmallDisk{"ASmallDisk", "size=16m", "is nearly full (", 2000, 3200},
                                     SmallDisk{"ATinyDisk", "size=3m", "is nearly full (", 50, 250},
                                     SmallDisk{"FewInodes", "size=64m,nr_inodes=40", "has room for few (", 5, 8})),
    [](const testing::TestParamInfo<RecordsLeaveRoom::ParamType>& info) {
      return std::get<1>(info.param).name + "_" + std::get<0>(info.param).write;
    });

// Files of what can still be reached have taken what the disk has for files: what is lost takes their places, and no
// more of the disk.
TEST(LostBlocks, HaveTheirFilesOnAFullDiskToo) {
  if (!reason_to_skip().empty()) GTEST_SKIP() << reason_to_skip();
  for (const std::string mount : {"size=3m", "size=64m,nr_inodes=1000"}) {
    for (const std::string write : {"sync", "behind", "exit"}) {
      SCOPED_TRACE(mount + " " + write);
      const Scratch scratch(in_memory());
      Command command = command_for(scratch, "sh", {"delay_ms=2:write=" + write, {}, {}, 60});
      const std::string shell = "mkdir mem; exec unshare --mount sh -ec 'mount -t tmpfs -o " + mount +
                                " none mem; \"$@\" >said; find mem -maxdepth 1 -name \"*.mem\" | wc -l >files; "
                                "cp -r mem/lost lost' sh \"$@\"";
      command.argv.insert(command.argv.end(), {"-ec", shell, "sh", target("lost_beside_held", "static"), "3000"});
      const Outcome outcome = run(command);
      ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
      Kinds lost = expected_kinds(read_file(scratch / "said"));
      for (auto i = lost.begin(); i != lost.end();) i = i->first == "reachable" ? lost.erase(i) : std::next(i);
      ASSERT_EQ(lost.size(), 11u);
      EXPECT_EQ(kinds_in_records(scratch / "lost"), lost);
      const std::size_t files = std::stoul(read_file(scratch / "files"));
      EXPECT_LE(files, mount == "size=3m" ? 250u : 800u);
      EXPECT_NE(outcome.err.find("; " + std::to_string(3011 - files) + " have no file: leakdir report"),
                std::string::npos)
          << outcome.err;
    }
  }
}

// What stands behind descriptor 2 may be anything, or nothing; what leakdir says is not worth a program's life or a
// byte of its files.
struct Stderr {
  std::string name;
  std::string shell;
  std::string change;
  std::string file, content;  // that must be as the program made it
};
void PrintTo(const Stderr& is, std::ostream* out) { *out << is.name; }

class StderrIs : public testing::TestWithParam<std::tuple<std::string, Stderr>> {};

TEST_P(StderrIs, NoTrap) {
  const auto& [kind, is] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_endures(scratch, kind, "summary=1:write=exit", is.shell, is.change);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  if (!is.file.empty()) {
    EXPECT_EQ(read_file(scratch / is.file), is.content);
  }
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(
    Now, StderrIs,
    testing::Combine(
        testing::Values("static", "pie"),
        testing::Values(
            Stderr{"APipeThatNobodyReads", "mkfifo p; exec 5<>p; exec 2>p; exec 5<&-; exec \"$@\"", "", "", ""},
            Stderr{"AFileAtTheLimit",
                   "echo > full; truncate --size=1000000 full; exec prlimit --fsize=900000 \"$@\" 2>>full", "", "full",
                   "\n" + std::string(999999, '\0')},
            Stderr{"Closed", "exec \"$@\" 2>&-", "", "", ""},
            Stderr{"AFileOfThePrograms", "exec \"$@\"", "stderr-read-and-written", "own", "mine"},
            Stderr{"AnOutputOfThePrograms", "exec \"$@\"", "stderr-written", "own", "mine"},
            Stderr{"ALogOfThePrograms", "exec \"$@\"", "stderr-appended", "own", "mine"},
            Stderr{"AnOutputOfTheProgramsInPlaceOfNothing", "exec \"$@\" 2>&-", "stderr-appended", "own", "mine"})),
    [](const testing::TestParamInfo<StderrIs::ParamType>& info) {
      return std::get<1>(info.param).name + "_" + std::get<0>(info.param);
    });

TEST(StderrIsTheNextLog, AndSaysWhatThereIsToSay) {
  const Scratch scratch;
  const Outcome outcome = run_endures(scratch, "static", "write=exit", "exec \"$@\" 2>>log", "stderr-appended");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(read_file(scratch / "own"),
            "mineleakdir: 3 live blocks, 15011 bytes at exit: ./mem (2 definitely lost, 1 still reachable)\n");
}

// Somebody sets the clock: what a record says of its time goes on from the start of the program, files come in time,
// and ages are those that the blocks have.
class ClockJumps : public testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

TEST_P(ClockJumps, AndTimesStayTrue) {
  const auto& [kind, write, seconds] = GetParam();
  const Scratch scratch;
  const std::string before = utc_now();
  const Outcome outcome =
      run_in(scratch, target("clock_jumps", kind), {"delay_ms=20:write=" + write, {seconds}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Record> records = records_in(scratch / "mem");
  expect_exactly(expected_by(outcome.out), records);
  for (const Record& record : records) {
    EXPECT_GE(record.time, before);
    EXPECT_LE(record.time.substr(0, before.size()), utc_now());
  }
  EXPECT_EQ(totals_of(report(scratch / "mem", {"--min-age", "3600"})).blocks, 0u);
  EXPECT_EQ(totals_of(report(scratch / "mem")).blocks, 2u);
}

INSTANTIATE_TEST_SUITE_P(By, ClockJumps,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("behind", "sync"),
                                          testing::Values("31536000", "-31536000")),
                         [](const testing::TestParamInfo<ClockJumps::ParamType>& info) {
                           return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param) +
                                            (std::get<2>(info.param)[0] == '-' ? "_back" : "_forth"));
                         });

// There is no helper, so the hooks write what has become old enough.
class NoThread : public testing::TestWithParam<std::string> {};

TEST_P(NoThread, TheFilesComeAllTheSame) {
  if (geteuid() != 0) GTEST_SKIP() << "the limit of processes holds for all that a user runs";
  const Scratch scratch;
  std::filesystem::permissions(scratch.path(), std::filesystem::perms::all);
  copy_for_all_users(target("leaks", GetParam()), scratch / "program");
  Command command = command_for(scratch, scratch / "program", {"delay_ms=2", {"30", "500", "return", "10"}, {}, 60});
  command.argv.insert(command.argv.begin(), {"prlimit", "--nproc=0:0"});
  command.user = 65534;
  Process process(command);
  process.says("leaked");
  EXPECT_GT(names_in(scratch / "mem", ".mem").size(), 20u);
  EXPECT_TRUE(process.wait().exited_with(0));
  EXPECT_EQ(records_in(scratch / "mem").size(), 30u);
}

INSTANTIATE_TEST_SUITE_P(Linked, NoThread, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
