// SPDX-License-Identifier: BSL-1.0
#include "launch.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <sstream>

#include "base/error.hh"
#include "base/now.hh"
#include "symbols/elf_file.hh"
#include "symbols/marks.hh"

namespace leakdir::tool {

namespace fs = std::filesystem;

namespace {

constexpr char kLibrary[] = "libleakdir.so";
constexpr unsigned kMostInterpreters = 4;  // as in the kernel: a script's interpreter may be a script

bool is_elf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[SELFMAG] = {};
  file.read(magic, sizeof magic);
  return file && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// With what the file's owner may do, and its caller may not, the loader ignores LD_PRELOAD.
bool runs_with_other_rights(const std::string& path) {
  struct stat status;
  struct statvfs system;
  if (stat(path.c_str(), &status) != 0) return false;
  if (statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOSUID) != 0) return false;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) return true;
  if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 && status.st_gid != getgid()) return true;
  return geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

// "/bin/sh" of "#! /bin/sh -e"; empty for what is no script.
std::string interpreter_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line(255, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(file.gcount()));
  if (line.rfind("#!", 0) != 0) return {};
  std::istringstream words(line.substr(2, line.find('\n') - 2));
  std::string interpreter;
  words >> interpreter;
  return interpreter;
}

volatile pid_t child = 0;  // while its number is its own

extern "C" void hand_on(int signal) {
  const int saved = errno;
  if (child > 0) kill(child, signal);
  errno = saved;
}

// What this process does with a signal, for as long as this lives.
class SignalSetting {
 public:
  SignalSetting(int signal, void (*action)(int)) : signal_(signal) {
    struct sigaction wanted = {};
    wanted.sa_handler = action;
    wanted.sa_flags = SA_RESTART;
    sigaction(signal, &wanted, &before_);
    const bool stays_ignored = before_.sa_handler == SIG_IGN && action != SIG_DFL;  // as with nohup
    if (stays_ignored) sigaction(signal, &before_, nullptr);
  }
  ~SignalSetting() { restore(); }
  SignalSetting(const SignalSetting&) = delete;
  SignalSetting& operator=(const SignalSetting&) = delete;
  void restore() const { sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_;
};

// A terminal sends these two to the program as well.
constexpr int kIgnored[] = {SIGINT, SIGQUIT};

// The others that end a process, or that a program may have a use for, and that somebody sends: none is a fault of this
// process.
std::vector<int> signals_to_hand_on() {
  std::vector<int> signals = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR};
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) signals.push_back(signal);
  return signals;
}

// What this process does with them while the program runs. They wait until begin(): one that comes before there is a
// child to hand it on to is not lost.
class SignalSettings {
 public:
  SignalSettings() {
    const std::vector<int> handed_on = signals_to_hand_on();
    sigset_t waiting;
    sigemptyset(&waiting);
    for (const int signal : handed_on) sigaddset(&waiting, signal);
    sigprocmask(SIG_BLOCK, &waiting, &mask_before_);
    for (const int signal : kIgnored) settings_.emplace_back(signal, SIG_IGN);
    for (const int signal : handed_on) settings_.emplace_back(signal, hand_on);
    settings_.emplace_back(SIGCHLD, SIG_DFL);  // who ignores it is not told how a child ended
  }
  ~SignalSettings() { begin(); }
  SignalSettings(const SignalSettings&) = delete;
  SignalSettings& operator=(const SignalSettings&) = delete;
  void begin() const { sigprocmask(SIG_SETMASK, &mask_before_, nullptr); }
  // In the child: as if nothing had been set.
  void undo() const {
    for (const auto& setting : settings_) setting.restore();
    begin();
  }

 private:
  sigset_t mask_before_;
  std::list<SignalSetting> settings_;
};

// In the child. Returns only when it failed.
int execute(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(program.c_str(), argv.data());  // a script without #! goes to the shell
  return errno;
}

void put_into_environment(const std::string& library, const std::string& options) {
  setenv("LEAKDIR_OPTIONS", options.c_str(), 1);
  if (library.empty()) return;
  const char* before = std::getenv("LD_PRELOAD");
  const std::string rest = before == nullptr || *before == '\0' ? "" : std::string(":") + before;
  setenv("LD_PRELOAD", (library + rest).c_str(), 1);
}

}  // namespace

std::string find_program(const std::string& name) {
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
      candidates.push_back((folder.empty() ? "." : folder) + "/" + name);
  }
  bool is_there = false;
  for (const auto& candidate : candidates) {
    if (!is_file(candidate)) continue;
    is_there = true;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  if (is_there) throw Error(fmt::format("cannot run {}: it is not executable", name));
  std::error_code error;
  const bool is_folder = name.find('/') != std::string::npos && fs::is_directory(name, error);
  throw Error(fmt::format("cannot run {}: {}", name, is_folder ? "it is a directory" : "no such program"));
}

std::string find_library() {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  // In the build folder; installed, wherever that was moved to; installed.
  const std::vector<fs::path> places = {own.parent_path() / "lib" / kLibrary,
                                        own.parent_path() / LEAKDIR_LIBDIR / "leakdir" / kLibrary,
                                        fs::path(LEAKDIR_PREFIX) / LEAKDIR_LIBDIR / "leakdir" / kLibrary};
  for (const auto& place : places) {
    if (!is_file(place)) continue;
    // The loader splits LD_PRELOAD there, and has no quotes.
    if (place.string().find_first_of(" :") != std::string::npos)
      throw Error(fmt::format("{} cannot be preloaded: there is a space or a colon in its path", place.string()));
    return place.string();
  }
  throw Error(
      fmt::format("{} is not beside this tool; looked for: {}, {}", kLibrary, places[0].string(), places[1].string()));
}

bool has_hooks_linked(const std::string& program, const std::string& library) {
  std::string path = program;
  for (unsigned i = 0;; ++i) {
    const std::string interpreter = interpreter_of(path);
    if (interpreter.empty()) break;
    if (i == kMostInterpreters) throw Error(fmt::format("cannot run {}: its interpreters go in a circle", program));
    if (!is_file(interpreter)) throw Error(fmt::format("cannot run {}: there is no {}", program, interpreter));
    path = interpreter;
  }
  if (!is_elf(path)) return false;  // a script without #!, for the shell
  if (runs_with_other_rights(path))
    throw Error(
        fmt::format("{} runs with rights that you have not (set-uid, set-gid or capabilities), so the loader "
                    "ignores LD_PRELOAD: run it as its owner, or link leakdir.o into it",
                    path));
  const ElfProgram file(path);
  const std::vector<FoundMark> marks = marks_of(file);
  if (has_mark(marks, kMarkOfObject)) return true;
  if (!file.has_segment(PT_INTERP) && has_mark(marks, kMarkOfTrace))
    throw Error(fmt::format(
        "{} is a static program, which LD_PRELOAD does not reach, and records by leakdir_trace.c: run it as "
        "it is, then leakdir report",
        path));
  if (!file.has_segment(PT_INTERP))
    throw Error(
        fmt::format("{} is a static program, which LD_PRELOAD does not reach: link leakdir-static.o into it; "
                    "leakdir doctor tells more",
                    path));
  if (file.is_for_musl())
    throw Error(
        fmt::format("{} is for musl, and {} for glibc: link into it what leakdir-mkobj --cc=musl-gcc --dynamic makes",
                    path, kLibrary));
  const ElfProgram own(library);
  if (file.header().e_machine != own.header().e_machine ||
      file.header().e_ident[EI_CLASS] != own.header().e_ident[EI_CLASS])
    throw Error(fmt::format("{} is for {}, and {} for {}", path, file.machine(), kLibrary, own.machine()));
  return false;
}

Launched launch(const std::string& program, const std::vector<std::string>& arguments, const std::string& library,
                const std::string& options) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) throw Error(fmt::format("cannot run {}: {}", program, std::strerror(errno)));
  const SignalSettings settings;
  Launched launched;
  launched.start_ns = now_ns();
  const pid_t pid = fork();
  if (pid == 0) {
    settings.undo();
    put_into_environment(library, options);
    const int error = execute(program, arguments);
    _exit(write(pipe[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  const int fork_error = errno;
  child = pid;
  settings.begin();
  close(pipe[1]);
  int error = 0;
  const bool has_failed = pid < 0 || read(pipe[0], &error, sizeof error) == sizeof error;
  close(pipe[0]);
  siginfo_t ended;
  while (pid > 0 && waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  child = 0;  // after the next call the number may be another process's
  int status = 0;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (has_failed) throw Error(fmt::format("cannot run {}: {}", program, std::strerror(pid < 0 ? fork_error : error)));
  launched.pid = pid;
  launched.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return launched;
}

}  // namespace leakdir::tool
