// SPDX-License-Identifier: BSL-1.0
#include "run_program.hh"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace leakdir_test {
namespace {

// The test's own standard input may be closed: what is opened is not to have its number.
int above_standard(int opened, const char* what) {
  const int fd = fcntl(opened, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  close(opened);
  return fd;
}

int unnamed_file(const char* name) { return above_standard(memfd_create(name, MFD_CLOEXEC), name); }

std::string content_of(int fd) {
  std::string text;
  char buffer[65536];
  off_t at = 0;
  for (ssize_t n; (n = pread(fd, buffer, sizeof buffer, at)) > 0; at += n) text.append(buffer, static_cast<size_t>(n));
  return text;
}

// Whether a variable could change what a program under test does or says: an option, another library, another language.
// LD_LIBRARY_PATH is meson's, and costs a static program two blocks; MALLOC_PERTURB_ is its as well.
bool is_of_the_test_alone(const std::string& variable) {
  constexpr const char* kPrefixes[] = {"LEAKDIR_",  "LD_",   "MALLOC_",   "GLIBC_TUNABLES=", "DEBUGINFOD_",     "LC_",
                                       "LANGUAGE=", "LANG=", "NO_COLOR=", "COLUMNS=",        "POSIXLY_CORRECT="};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](const char* prefix) { return variable.rfind(prefix, 0) == 0; });
}

std::vector<std::string> environment_for(const Command& command) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!is_of_the_test_alone(text)) all[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  for (const auto& [name, value] : command.env) all[name] = value;
  std::vector<std::string> result;
  for (const auto& [name, value] : all) result.push_back(name + "=" + value);
  return result;
}

void set_soft_limit(int resource, rlim_t value) {
  rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_cur = std::min(value, limit.rlim_max);
  setrlimit(resource, &limit);
}

// What a program would inherit from whoever started the tests. A job in the background ignores SIGINT and SIGQUIT, one
// under nohup ignores SIGHUP. A core file would stand among the records; and there is room for a descriptor of 2000.
void start_as_from_a_new_shell() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(022);
  set_soft_limit(RLIMIT_CORE, 0);
  set_soft_limit(RLIMIT_NOFILE, 4096);
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

int open_input(const Command& command, int& pipe) {
  if (command.waits_for_input) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
    pipe = above_standard(ends[1], "pipe");
    return above_standard(ends[0], "pipe");
  }
  const char* const nothing = "/dev/null";
  if (command.input.empty()) return above_standard(open(nothing, O_RDONLY | O_CLOEXEC), nothing);
  const int in = unnamed_file("stdin");
  if (write(in, command.input.data(), command.input.size()) < 0) throw std::runtime_error("cannot write stdin");
  lseek(in, 0, SEEK_SET);
  return in;
}

}  // namespace

bool Outcome::exited_with(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
bool Outcome::killed_by(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

std::string Outcome::describe() const {
  std::ostringstream text;
  if (timed_out) text << "timed out; ";
  if (WIFEXITED(status)) text << "exit status " << WEXITSTATUS(status);
  if (WIFSIGNALED(status)) text << "killed by signal " << WTERMSIG(status);
  text << "\nstdout: " << out.substr(0, 4000) << "\nstderr: " << err.substr(0, 4000);
  return text.str();
}

Process::Process(const Command& command) : timeout_seconds_(command.timeout_seconds) {
  out_ = unnamed_file("stdout");
  err_ = unnamed_file("stderr");
  std::vector<std::string> argv = command.argv, env = environment_for(command);
  const std::vector<char*> argv_pointers = pointers_to(argv), env_pointers = pointers_to(env);
  const int in = open_input(command, pipe_);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (pid_ == 0) {
    setpgid(0, 0);
    start_as_from_a_new_shell();
    dup2(in, 0);
    dup2(out_, 1);
    dup2(err_, 2);
    if (!command.cwd.empty() && chdir(command.cwd.c_str()) != 0) _exit(126);
    const unsigned user = command.user;
    if (user != 0 &&
        (setgroups(0, nullptr) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
      _exit(125);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing that runs
    execvpe(argv_pointers[0], argv_pointers.data(), env_pointers.data());
    _exit(127);
  }
  setpgid(pid_, pid_);
  close(in);
}

Process::~Process() {
  if (!ended_) {
    kill(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (pipe_ >= 0) close(pipe_);
  close(out_);
  close(err_);
}

void Process::kill(int signal) const { ::kill(-pid_, signal); }

std::string Process::output_so_far() const { return content_of(out_); }

bool Process::says(const std::string& text, int times) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_seconds_);
  for (bool is_last = false; !is_last; usleep(1000)) {
    siginfo_t ended = {};
    waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    is_last = ended.si_pid != 0 || std::chrono::steady_clock::now() > end;
    const std::string output = output_so_far();
    int said = 0;
    for (std::size_t at = 0; (at = output.find(text, at)) != std::string::npos; at += text.size()) ++said;
    if (said >= times) return true;
  }
  return false;
}

Outcome Process::wait() {
  Outcome outcome;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd event = {pidfd, POLLIN, 0};
  int ready;
  do {
    ready = poll(&event, 1, timeout_seconds_ * 1000);
  } while (ready < 0 && errno == EINTR);
  close(pidfd);
  if (ready == 0) {
    outcome.timed_out = true;
    kill(SIGKILL);
  }
  while (waitpid(pid_, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  outcome.out = content_of(out_);
  outcome.err = content_of(err_);
  return outcome;
}

Outcome run(const Command& command) { return Process(command).wait(); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

}  // namespace leakdir_test
