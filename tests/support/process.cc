// SPDX-License-Identifier: BSL-1.0
#include "process.hh"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace leakdir_test {
namespace {

int unnamed_file(const char* name) {
  const int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) throw std::runtime_error(std::string("memfd_create: ") + std::strerror(errno));
  return fd;
}

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

// What a program takes over from whoever started the tests: a job in the background ignores SIGINT and SIGQUIT, one
// under nohup SIGHUP. A core file would stand among the records.
void start_as_from_a_new_shell() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(022);
  rlimit core;
  getrlimit(RLIMIT_CORE, &core);
  core.rlim_cur = 0;
  setrlimit(RLIMIT_CORE, &core);
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
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
  int in = command.input.empty() ? open("/dev/null", O_RDONLY | O_CLOEXEC) : unnamed_file("stdin");
  if (!command.input.empty()) {
    if (write(in, command.input.data(), command.input.size()) < 0) throw std::runtime_error("cannot write stdin");
    lseek(in, 0, SEEK_SET);
  }
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
  close(out_);
  close(err_);
}

void Process::kill(int signal) const { ::kill(-pid_, signal); }

std::string Process::output_so_far() const { return content_of(out_); }

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
