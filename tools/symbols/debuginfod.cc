// SPDX-License-Identifier: BSL-1.0
//
// The functions are those of <elfutils/debuginfod.h>.

#include "debuginfod.hh"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hh"

namespace leakdir::tool {

namespace {

template <class Function>
Function* function_of(void* library, const char* name) {
  auto* function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) throw Error(std::string("libdebuginfod has no ") + name);
  return function;
}

}  // namespace

Debuginfod::Debuginfod() {
  const char* servers = std::getenv("DEBUGINFOD_URLS");
  if (servers == nullptr || *servers == '\0')
    throw Error("--debuginfod: DEBUGINFOD_URLS names no server to ask, such as https://debuginfod.debian.net");
  library_ = dlopen("libdebuginfod.so.1", RTLD_NOW);
  if (library_ == nullptr) throw Error("--debuginfod: libdebuginfod is not installed");
  client_ = function_of<void*()>(library_, "debuginfod_begin")();
  if (client_ == nullptr) throw Error("--debuginfod: libdebuginfod cannot start");
}

Debuginfod::~Debuginfod() { function_of<void(void*)>(library_, "debuginfod_end")(client_); }

std::string Debuginfod::fetch(const std::string& build_id) {
  char* path = nullptr;
  const int file = function_of<int(void*, const unsigned char*, int, char**)>(library_, "debuginfod_find_debuginfo")(
      client_, reinterpret_cast<const unsigned char*>(build_id.data()), static_cast<int>(build_id.size()), &path);
  if (file < 0) return {};
  close(file);
  std::string fetched = path == nullptr ? "" : path;
  std::free(path);
  return fetched;
}

}  // namespace leakdir::tool
