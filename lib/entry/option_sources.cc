// SPDX-License-Identifier: BSL-1.0
#include "option_sources.hh"

#include <errno.h>

#include "files/config_watch.hh"
#include "system/messages.hh"
#include "system/rights.hh"
#include "system/sanitizer.hh"
#include "system/sys.hh"

extern "C" {
// The program's own defaults, for devices without an environment.
__attribute__((weak)) const char* leakdir_default_options(void);
}

namespace leakdir {

Options options;
LEAKDIR_LARGE ConfigFile config_file;

namespace {

constexpr char kDefaultConfig[] = "./leakdir.conf";

const char* environment_value(char** environment, const char* name) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const char* entry = *environment;
    std::size_t i = 0;
    while (name[i] != '\0' && name[i] == entry[i]) ++i;
    if (name[i] == '\0' && entry[i] == '=') return entry + i + 1;
  }
  return nullptr;
}

void read_config_file(const char* named) {
  const char* path = named != nullptr ? named : kDefaultConfig;
  char text[4096];
  const long got = read_config(path, named != nullptr, text, sizeof text);
  if (got >= 0) {
    parse_option_file(text, path, options, messages::option_error);
  } else if (got == -EPERM && named == nullptr) {
    messages::config_not_ours(path);
  } else if (named != nullptr) {
    messages::config_unreadable(path, static_cast<int>(got));
  }
  config_file.is_there = got >= 0;
  config_file.is_named = named != nullptr;
  // It must stay where it is when the program changes its directory.
  if (sys::make_absolute(path, config_file.path, sizeof config_file.path) != 0) config_file.path[0] = '\0';
}

}  // namespace

void read_options(char** environment) {
  // (The program cannot be called before its sanitizer has started.)
  if (leakdir_default_options != nullptr && !has_sanitizer()) {
    const char* text = leakdir_default_options();
    if (text != nullptr) parse_option_list(text, "leakdir_default_options()", options, messages::option_error);
  }
  if (!caller_is_trusted()) return;
  read_config_file(environment_value(environment, "LEAKDIR_CONFIG"));
  const char* text = environment_value(environment, "LEAKDIR_OPTIONS");
  if (text != nullptr) parse_option_list(text, "LEAKDIR_OPTIONS", options, messages::option_error);
}

}  // namespace leakdir
