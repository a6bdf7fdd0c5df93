// SPDX-License-Identifier: BSL-1.0
#include "owner.hh"

#include <errno.h>
#include <sys/auxv.h>

#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

struct ProcessStat {
  char state;  // of the first thread, which may end before the process does
  std::uint64_t parent;
  std::uint64_t threads;
  std::uint64_t start_time;
  std::uint64_t exit_code;  // as wait() gives it; 0 while the first thread lives

  bool first_thread_has_ended() const { return state == 'Z' || state == 'X'; }
  bool has_ended() const { return first_thread_has_ended() && threads <= 1; }
};

std::uint64_t number_at(const char* at) {
  std::uint64_t number = 0;
  for (; *at >= '0' && *at <= '9'; ++at) number = number * 10 + static_cast<unsigned>(*at - '0');
  return number;
}

bool read_process_stat(std::uint32_t pid, ProcessStat* into) {
  char path[48];
  char text[1024];
  Text where(path, sizeof path);
  where.put("/proc/").dec(pid);
  // qemu's user mode has one of its own for /proc/PID/stat, where the program itself asks, with another start time.
  if (pid == static_cast<std::uint32_t>(sys::pid())) where.put("/task/").dec(pid);
  if (sys::read_file(where.put("/stat").c_str(), text, sizeof text) <= 0) return false;
  // The name in parentheses may hold anything: fields are counted from the last ')'.
  const char* at = nullptr;
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c == ')') at = c;
  }
  if (at == nullptr || at[1] != ' ') return false;
  into->state = at[2];
  at += 2;
  unsigned field = 3;
  while (*at != '\0') {
    if (field == 4) into->parent = number_at(at);
    if (field == 20) into->threads = number_at(at);
    if (field == 22) into->start_time = number_at(at);
    if (field == 52) into->exit_code = number_at(at);
    while (*at != ' ' && *at != '\0') ++at;
    if (*at == ' ') ++at;
    ++field;
  }
  return field > 22;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void read_boot_id(std::uint8_t into[16]) {
  char text[64];
  if (sys::read_file("/proc/sys/kernel/random/boot_id", text, sizeof text) <= 0) return;
  unsigned digits = 0;
  for (const char* c = text; *c != '\0' && digits < 32; ++c) {
    const int value = hex_value(*c);
    if (value < 0) continue;
    into[digits / 2] = static_cast<std::uint8_t>(into[digits / 2] << 4 | value);
    ++digits;
  }
}

const std::uint8_t* own_boot_id() {
  static std::uint8_t boot_id[16];  // a forked child has it from its parent
  static bool is_known = false;
  if (!is_known) read_boot_id(boot_id);
  is_known = true;
  return boot_id;
}

std::uint64_t own_start_time() {
  ProcessStat stat = {};
  return read_process_stat(static_cast<std::uint32_t>(sys::pid()), &stat) ? stat.start_time : 0;
}

std::uint64_t clock_ticks_since_boot() {
  const std::uint64_t per_second = ::getauxval(AT_CLKTCK);
  return per_second == 0 ? 0 : sys::since_boot_ns() / (1000000000 / per_second);
}

// When a process began, as far as a ledger says so.
struct Beginning {
  std::uint64_t at;  // 0: not known
  std::uint64_t by;

  bool may_be(std::uint64_t start_time) const { return at != 0 || by == 0 ? start_time == at : start_time <= by; }
};

Beginning beginning_in(const ledger::Header& header) { return {header.start_time, header.started_by}; }

bool is_running_in_boot(const ledger::Header& header) {
  if (header.state != static_cast<std::uint32_t>(ledger::ProcessState::kRunning)) return false;
  const std::uint8_t* const boot_id = own_boot_id();
  for (unsigned i = 0; i < 16; ++i) {
    if (boot_id[i] != header.boot_id[i]) return false;
  }
  return true;
}

bool process_is_alive(std::uint32_t pid, const Beginning& beginning) {
  // We are just starting: what this pid was before has gone by exec.
  if (pid == static_cast<std::uint32_t>(sys::pid())) return false;
  if (sys::signal_process(static_cast<int>(pid), 0) == -ESRCH) return false;
  ProcessStat stat = {};
  if (!read_process_stat(pid, &stat)) return true;  // no /proc: the pid is all there is
  return !stat.has_ended() && beginning.may_be(stat.start_time);
}

}  // namespace

void announce_owner(ledger::Header& header, bool is_child) {
  header.version = ledger::kVersion;
  header.byte_order = ledger::kByteOrder;
  header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  header.pid = static_cast<std::uint32_t>(sys::pid());
  // What a process looks up of itself in /proc costs as much as a whole fork once more, when the kernel takes it away.
  if (is_child) header.started_by = clock_ticks_since_boot();
  if (header.started_by == 0) header.start_time = own_start_time();
  const std::uint8_t* const boot_id = own_boot_id();
  const auto* random = reinterpret_cast<const std::uint8_t*>(::getauxval(AT_RANDOM));
  for (unsigned i = 0; i < 16; ++i) header.boot_id[i] = boot_id[i];
  for (unsigned i = 0; random != nullptr && i < 16; ++i) header.image_id[i] = random[i];
  for (unsigned i = 1; i < sizeof header.magic; ++i) header.magic[i] = ledger::kMagic[i];
}

bool owner_is_alive(const ledger::Header& header) {
  return is_running_in_boot(header) && process_is_alive(header.pid, beginning_in(header));
}

bool owner_was_this_process(const ledger::Header& header) {
  if (!is_running_in_boot(header) || header.pid != static_cast<std::uint32_t>(sys::pid())) return false;
  const std::uint64_t start_time = own_start_time();
  return start_time != 0 && beginning_in(header).may_be(start_time);
}

bool writer_is_alive(const char* text, int* pid) {
  const std::uint64_t number = number_at(text);
  const char* rest = text;
  while (*rest >= '0' && *rest <= '9') ++rest;
  if (number == 0 || number > INT32_MAX) return false;
  *pid = static_cast<int>(number);
  return process_is_alive(static_cast<std::uint32_t>(number), {*rest == ' ' ? number_at(rest + 1) : 0, 0});
}

bool first_thread_has_ended(int* status) {
  ProcessStat stat = {};
  if (!read_process_stat(static_cast<std::uint32_t>(sys::pid()), &stat)) return false;
  if (status != nullptr) *status = static_cast<int>(stat.exit_code >> 8 & 0xff);
  return stat.first_thread_has_ended();
}

bool is_ancestor(int pid) {
  constexpr unsigned kMostGenerations = 64;
  ProcessStat stat = {};
  stat.parent = static_cast<std::uint64_t>(sys::pid());
  for (unsigned i = 0; i < kMostGenerations && stat.parent > 1; ++i) {
    if (!read_process_stat(static_cast<std::uint32_t>(stat.parent), &stat)) return false;
    if (stat.parent == static_cast<std::uint64_t>(pid)) return true;
  }
  return false;
}

}  // namespace leakdir
