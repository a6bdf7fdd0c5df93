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

  bool first_thread_has_ended() const { return state == 'Z' || state == 'X'; }
  bool has_ended() const { return first_thread_has_ended() && threads <= 1; }
};

std::uint64_t number_at(const char* at) {
  std::uint64_t number = 0;
  for (; *at >= '0' && *at <= '9'; ++at) number = number * 10 + static_cast<unsigned>(*at - '0');
  return number;
}

bool read_process_stat(std::uint32_t pid, ProcessStat* into) {
  char path[32];
  char text[512];
  if (sys::read_file(Text(path, sizeof path).put("/proc/").dec(pid).put("/stat").c_str(), text, sizeof text) <= 0) {
    return false;
  }
  // The name in parentheses may hold anything: fields are counted from the last ')'.
  const char* at = nullptr;
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c == ')') at = c;
  }
  if (at == nullptr || at[1] != ' ') return false;
  into->state = at[2];
  at += 2;
  for (unsigned field = 3; field < 22; ++field) {
    while (*at != ' ' && *at != '\0') ++at;
    if (*at == '\0') return false;
    ++at;
    if (field == 3) into->parent = number_at(at);
    if (field == 19) into->threads = number_at(at);
  }
  into->start_time = number_at(at);
  return true;
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

void set_owner(ledger::Header& header) {
  header.pid = static_cast<std::uint32_t>(sys::pid());
  ProcessStat stat = {};
  if (read_process_stat(header.pid, &stat)) header.start_time = stat.start_time;
  static std::uint8_t boot_id[16];  // a forked child has it from its parent
  static bool is_known = false;
  if (!is_known) read_boot_id(boot_id);
  is_known = true;
  for (unsigned i = 0; i < sizeof boot_id; ++i) header.boot_id[i] = boot_id[i];
  const auto* random = reinterpret_cast<const std::uint8_t*>(::getauxval(AT_RANDOM));
  for (unsigned i = 0; random != nullptr && i < 16; ++i) header.image_id[i] = random[i];
}

bool is_running_in_boot(const ledger::Header& header, const ledger::Header& own) {
  if (header.state != static_cast<std::uint32_t>(ledger::ProcessState::kRunning)) return false;
  for (unsigned i = 0; i < 16; ++i) {
    if (own.boot_id[i] != header.boot_id[i]) return false;
  }
  return true;
}

bool process_is_alive(std::uint32_t pid, std::uint64_t start_time) {
  // We are just starting: what this pid was before has gone by exec.
  if (pid == static_cast<std::uint32_t>(sys::pid())) return false;
  if (sys::signal_process(static_cast<int>(pid), 0) == -ESRCH) return false;
  ProcessStat stat = {};
  if (!read_process_stat(pid, &stat)) return true;  // no /proc: the pid is all there is
  return !stat.has_ended() && stat.start_time == start_time;
}

}  // namespace

void announce_owner(ledger::Header& header) {
  header.version = ledger::kVersion;
  header.byte_order = ledger::kByteOrder;
  header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  set_owner(header);
  for (unsigned i = 1; i < sizeof header.magic; ++i) header.magic[i] = ledger::kMagic[i];
}

bool owner_is_alive(const ledger::Header& header) {
  ledger::Header own = {};
  set_owner(own);
  return is_running_in_boot(header, own) && process_is_alive(header.pid, header.start_time);
}

bool owner_was_this_process(const ledger::Header& header) {
  ledger::Header own = {};
  set_owner(own);
  return is_running_in_boot(header, own) && header.pid == own.pid && header.start_time == own.start_time &&
         own.start_time != 0;
}

bool writer_is_alive(const char* text, int* pid) {
  const std::uint64_t number = number_at(text);
  const char* rest = text;
  while (*rest >= '0' && *rest <= '9') ++rest;
  if (number == 0 || number > INT32_MAX) return false;
  *pid = static_cast<int>(number);
  return process_is_alive(static_cast<std::uint32_t>(number), *rest == ' ' ? number_at(rest + 1) : 0);
}

bool first_thread_has_ended() {
  ProcessStat stat = {};
  return read_process_stat(static_cast<std::uint32_t>(sys::pid()), &stat) && stat.first_thread_has_ended();
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
