// SPDX-License-Identifier: BSL-1.0
//
// C++ is read by the compiler's own library, which knows what the compiler writes; Rust, D and Ada by libiberty, that
// of binutils and gdb. What it must not be asked is kept from it here: each of its readers takes more for its own than
// is.

#include "demangle.hh"

#include <cxxabi.h>
#define HAVE_DECL_BASENAME 1  // else libiberty declares it in its own way
#include <libiberty/demangle.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>

namespace leakdir::tool {

namespace {

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string text_of(char* made) {
  const std::unique_ptr<char, decltype(&std::free)> owned(made, &std::free);
  return owned == nullptr ? std::string() : owned.get();
}

// LLVM gives what it takes out of its unit a name of its own, "….llvm.1234", which libiberty of binutils 2.35 does not
// know.
std::string without_llvms_suffix(const std::string& name) {
  static constexpr std::string_view kMark = ".llvm.", kDigits = "0123456789ABCDEF@";
  const std::size_t at = name.rfind(kMark);
  if (at == std::string::npos || name.find_first_not_of(kDigits, at + kMark.size()) != std::string::npos) return name;
  return name.substr(0, at);
}

std::string rust(const std::string& name) { return text_of(rust_demangle(without_llvms_suffix(name).c_str(), 0)); }

std::string cpp(const std::string& name) {
  int status = 0;
  return text_of(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status));
}

// The parts of functions that the optimiser split off or copied, "_D3app4makeFZPv.part.0", are written as C++'s are.
template <class Reader>
std::string with_clones(const std::string& name, const Reader& read) {
  const std::size_t end = std::min(name.find('.'), name.size());
  const std::string whole = read(name.substr(0, end));
  return whole.empty() || end == name.size() ? whole : whole + " [clone " + name.substr(end) + "]";
}

std::string d(const std::string& name) { return text_of(dlang_demangle(name.c_str(), 0)); }

bool is_d(std::string_view name) {
  return name == "_Dmain" || (starts_with(name, "_D") && name.size() > 2 && is_digit(name[2]));
}

// "__shapes_MOD_grow" of gfortran is written shapes::grow, as gdb does it.
constexpr std::string_view kOfModule = "_MOD_";

// Fortran knows no capitals, so the compiler has small letters only.
bool is_fortrans_word(std::string_view word) {
  const auto is_of_word = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; };
  return !word.empty() && word[0] >= 'a' && word[0] <= 'z' && std::all_of(word.begin(), word.end(), is_of_word);
}

bool is_fortran(std::string_view name) {
  name = name.substr(0, name.find('.'));
  const std::size_t middle = name.find(kOfModule);
  return starts_with(name, "__") && middle != std::string_view::npos && middle > 2 &&
         is_fortrans_word(name.substr(2, middle - 2)) && is_fortrans_word(name.substr(middle + kOfModule.size()));
}

std::string fortran(const std::string& name) {
  const std::size_t middle = name.find(kOfModule);
  return name.substr(2, middle - 2) + "::" + name.substr(middle + kOfModule.size());
}

// Packages that only Ada's own library may have.
bool is_of_adas_library(std::string_view name) {
  static constexpr std::string_view kStarts[] = {"_ada_", "ada__", "system__", "gnat__", "interfaces__"};
  return std::any_of(std::begin(kStarts), std::end(kStarts),
                     [&](std::string_view start) { return starts_with(name, start); });
}

}  // namespace

bool is_mangled(std::string_view name) {
  return starts_with(name, "_Z") || starts_with(name, "_R") || is_d(name) || is_fortran(name) ||
         is_of_adas_library(name);
}

bool is_rust(const std::string& name) {
  return (starts_with(name, "_R") || starts_with(name, "_ZN")) && !rust(name).empty();
}

std::string demangle(const std::string& name) {
  if (starts_with(name, "_R")) return rust(name);
  if (starts_with(name, "_Z")) {
    // The older names of Rust are C++'s with a hash at the end, so that both can read them.
    std::string text = rust(name);
    return text.empty() ? cpp(name) : text;
  }
  if (is_d(name)) return with_clones(name, d);
  if (is_fortran(name)) return with_clones(name, fortran);
  return is_of_adas_library(name) ? demangle_ada(name) : std::string();
}

std::string demangle_ada(const std::string& name) {
  // What it cannot read it gives back in brackets.
  std::string text = text_of(ada_demangle(name.c_str(), 0));
  return starts_with(text, "<") ? std::string() : text;
}

std::string demangled(const std::string& name) {
  std::string text = demangle(name);
  return text.empty() ? name : text;
}

}  // namespace leakdir::tool
