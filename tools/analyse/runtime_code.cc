// SPDX-License-Identifier: BSL-1.0
//
// By the names of libraries, of functions and of directories.

#include "runtime_code.hh"

#include <algorithm>
#include <iterator>

#include "base/demangle.hh"
#include "function_name.hh"

namespace leakdir::tool {

namespace {

template <class List>
bool starts_with_one_of(std::string_view text, const List& beginnings) {
  return std::any_of(std::begin(beginnings), std::end(beginnings),
                     [&](std::string_view beginning) { return text.substr(0, beginning.size()) == beginning; });
}

}  // namespace

bool is_runtime_module(std::string_view path) {
  static constexpr std::string_view kLibraries[] = {
      "libc.so",    "libc-",      "libm.so",       "libpthread", "libdl.so",     "librt.so",
      "ld-linux",   "ld-musl",    "libstdc++.so",  "libgcc_s.",  "libc++.so",    "libc++abi.",
      "libunwind.", "linux-vdso", "linux-gate.so", "[vdso]",     "libleakdir.so"};
  return starts_with_one_of(path.substr(path.rfind('/') + 1), kLibraries);
}

bool is_runtime_function(std::string_view function) {
  static constexpr std::string_view kExact[] = {"_start",   "start_thread", "clone", "clone3",           "__clone",
                                                "__clone3", "call_init",    "_init", "printf_positional"};
  static constexpr std::string_view kBeginnings[] = {"std::",   "__gnu_cxx::", "__cxxabiv1::", "__cxa_", "operator new",
                                                     "__libc_", "_IO_",        "_dl_",         "__GI_",  "__pthread_",
                                                     "__nptl_", "__new_",      "__vfprintf_"};
  const std::string_view name = without_return_type(function);
  return std::find(std::begin(kExact), std::end(kExact), name) != std::end(kExact) ||
         starts_with_one_of(name, kBeginnings);
}

bool is_rust_library(const SourceLine& line) {
  static constexpr std::string_view kSources[] = {"/rustc/", "/usr/src/rustc-"};  // rustup's, Debian's
  // Without lines, as in the library that comes compiled, the name of the crate says it; C++ may have such a namespace.
  return starts_with_one_of(line.file, kSources) || (is_named_as_rust_library(line) && is_rust(line.linkage));
}

bool is_named_as_rust_library(const SourceLine& line) {
  static constexpr std::string_view kCrates[] = {"alloc::", "core::", "std::", "__rustc::", "__rust_", "__rdl_"};
  const std::size_t name = line.function.find_first_not_of("<&*[");  // <alloc::vec::Vec<T> as …>
  return name != std::string::npos && starts_with_one_of(std::string_view(line.function).substr(name), kCrates);
}

bool is_runtime_line(const SourceLine& line) {
  static constexpr std::string_view kDirectories[] = {"/usr/include/", "/usr/lib/"};
  // Of an inlined function, gcc gives the bare name; its file says that it is the C++ library's. Distributions build
  // their libraries without absolute paths.
  return is_runtime_function(line.function) || is_rust_library(line) || starts_with_one_of(line.file, kDirectories) ||
         line.file.find("/include/c++/") != std::string::npos || (!line.file.empty() && line.file.front() != '/');
}

}  // namespace leakdir::tool
