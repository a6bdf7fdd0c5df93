// SPDX-License-Identifier: BSL-1.0
//
// leakdir run: a dynamic program that is not linked with leakdir, under libleakdir.so; then the report of what it left.

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "analyse/trust.hh"
#include "base/error.hh"
#include "base/output.hh"
#include "command.hh"
#include "launch.hh"
#include "load/bytes.hh"
#include "load/load.hh"
#include "options.hh"
#include "print_report.hh"

namespace leakdir::tool {

namespace {

namespace fs = std::filesystem;

constexpr int kCouldNot = 1, kNoTrust = 3;  // as `check` has them
constexpr std::size_t kMaxConfig = 1 << 20;

// The program says itself, when it starts, what is wrong with an option.
void pass_over(const OptionError&) {}

bool is_ours_or_roots(const struct stat& status) { return status.st_uid == 0 || status.st_uid == geteuid(); }

// The config file that the program will read; empty for none. Under the default name it must be root's or this user's,
// as in lib/files/config_watch.cc: others who may put files into the working directory must not decide where records
// go.
std::string config_text() {
  const char* named = std::getenv("LEAKDIR_CONFIG");
  const char* path = named != nullptr ? named : "./leakdir.conf";
  struct stat link, status;
  if (lstat(path, &link) != 0) return {};
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);  // a pipe must not hang us
  if (descriptor < 0) return {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
      (named == nullptr && !(is_ours_or_roots(link) && is_ours_or_roots(status)))) {
    close(descriptor);
    return {};
  }
  const FileBytes file(descriptor, path);
  std::string text(std::min<std::uint64_t>(file.size(), kMaxConfig), '\0');
  text.resize(file.read(0, text.data(), text.size()));
  return text;
}

// The report follows, so that files are only made where somebody has asked for them.
constexpr ledger::WriteMode kUnlessSaid = ledger::WriteMode::kNever;

// As the program will have them, but for what it says itself in leakdir_default_options().
Options options_of_program(const std::string& own_options, const std::string& inherited_options) {
  Options options;
  options.write = kUnlessSaid;
  parse_option_file(config_text().c_str(), "", options, pass_over);
  parse_option_list(inherited_options.c_str(), "", options, pass_over);
  parse_option_list(own_options.c_str(), "", options, pass_over);
  return options;
}

// The pattern of DIR, absolute: a program that the program starts may have another working directory.
std::string absolute_pattern(const std::string& dir) {
  if (dir.front() == '/') return fs::path(dir).lexically_normal().string();
  // A `%` in the working directory's name is no pattern.
  std::string above;
  for (const char c : fs::current_path().string()) above += c == '%' ? "%%" : std::string(1, c);
  return (fs::path(above) / dir).lexically_normal().string();
}

// As a value in LEAKDIR_OPTIONS, where a colon ends it unless it is quoted.
std::string quoted(const std::string& value) {
  const char quote = value.find('\'') == std::string::npos ? '\'' : '"';
  return quote + value + quote;
}

// For glob(): %p is known, %e may be any program's name (an interpreter's, after exec another's).
std::string wildcard_of(const std::string& pattern, pid_t pid) {
  std::string wildcard;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i], next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '%' && (next == 'p' || next == 'e')) {
      wildcard += next == 'p' ? std::to_string(pid) : "*";
      ++i;
    } else {
      if (c == '%' && next == '%') ++i;
      if (std::string("*?[\\").find(c) != std::string::npos) wildcard += '\\';
      wildcard += c;
    }
  }
  return wildcard;
}

std::vector<std::string> matches_of(const std::string& wildcard) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(wildcard.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

// Whether that is the ledger of this very process, and not of one that had its number before.
bool is_of(const Snapshot& snapshot, const Launched& launched) {
  constexpr std::int64_t kSlackNs = 2'000'000'000;  // a clock that is being set
  return !snapshot.from_records && snapshot.pid == static_cast<std::uint32_t>(launched.pid) &&
         snapshot.start_ns >= launched.start_ns - kSlackNs;
}

// Where the process recorded: DIR, or DIR/<pid>/ when another one had DIR. Nothing: nowhere.
std::optional<std::string> directory_of(const Launched& launched, const std::string& pattern) {
  for (const auto& base : matches_of(wildcard_of(pattern, launched.pid))) {
    for (const auto& directory : {base, base + "/" + std::to_string(launched.pid)}) {
      try {
        if (is_of(load(directory), launched)) return directory;
      } catch (const Error&) {  // there is none
      }
    }
  }
  return {};
}

class RunCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_program(app, command_);
    add_text(app, "-o,--options", options_,
             "Options of the object, as in LEAKDIR_OPTIONS and over it; `write` is `never` unless it is set",
             "KEY=VALUE:...");
    add_text(app, "--dir", dir_, "The record directory, as `-o dir=DIR` (./mem)", "DIR");
    report_.output = kStandardError;
    add_report_options(app, report_);
    add_file(app, "--output", report_.output, "Write the report to a file", "standard error");
    add_footer(app,
               "Exit status: the program's, 128 + N when signal N ended it; that of --error-exitcode; 3 nothing was "
               "recorded,\n"
               "though the program ended with 0; 1 could not (no such program, a static one); 2 usage.");
  }

  int run() override {
    check_report_options(report_);
    const std::string program = find_program(command_.front());
    const std::string library = find_library();
    const bool is_linked = has_hooks_linked(program, library);
    const char* inherited = std::getenv("LEAKDIR_OPTIONS");
    const std::string before = inherited == nullptr ? "" : inherited;
    if (!dir_.empty()) options_ += fmt::format("{}dir={}", options_.empty() ? "" : ":", tool::quoted(dir_));
    const Options expected = options_of_program(options_, before);
    // `dir` last: it holds over the others.
    const std::string options = fmt::format("{}:{}:dir={}{}", before, options_, quoted(absolute_pattern(expected.dir)),
                                            expected.write == kUnlessSaid ? ":write=never" : "");
    ReportFiles files = open_report_files(report_);
    const Launched launched = launch(program, command_, is_linked ? "" : library, options);
    try {
      return report(launched, expected, std::move(files));
    } catch (const Error& error) {  // a full disk: the program's own failure is not lost for that
      say(error.what());
      return launched.exit_status == 0 ? kCouldNot : launched.exit_status;
    }
  }

 private:
  int report(const Launched& launched, const Options& options, ReportFiles files) const {
    const auto directory = directory_of(launched, absolute_pattern(options.dir));
    if (!directory) {
      const std::string why =
          options.enabled == 0 ? "leakdir is off (enabled=0)" : fmt::format("no ledger was left in {}", options.dir);
      say(fmt::format("{}: nothing was recorded: {}", command_.front(), why));
      return launched.exit_status == 0 ? kNoTrust : launched.exit_status;
    }
    Snapshot snapshot = load(*directory, blocks_wanted(report_.kinds));
    find_kinds(report_.kinds, snapshot);
    const std::string doubt = distrust(snapshot);
    if (!doubt.empty()) say(doubt);
    const int status = print_report(snapshot, report_, std::move(files));
    if (status != 0) return status;
    return !doubt.empty() && launched.exit_status == 0 ? kNoTrust : launched.exit_status;
  }

  std::vector<std::string> command_;
  std::string options_, dir_;
  ReportOptions report_;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<RunCommand>(); }

}  // namespace leakdir::tool
