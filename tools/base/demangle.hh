// SPDX-License-Identifier: BSL-1.0
//
// From a linker's name to the one that its language writes: the one place for all of them, whoever prints or compares
// names. What the compiler adds to tell two versions of one crate apart (Rust's hash and disambiguator) is no part of
// the name: a baseline or a suppression goes on matching when a crate gets another version.
//
// C++, Rust (both ways), D and Fortran's modules are known by the name itself. Ada's names look like any C function's
// ("pkg__make"), so they are read as such only where the caller knows the language, or where the package is one of
// Ada's own.
#pragma once

#include <string>
#include <string_view>

namespace leakdir::tool {

// Whether the name is one that a compiler made of another; "i" would else be read as a type.
bool is_mangled(std::string_view name);

// Whether Rust's compiler made it.
bool is_rust(const std::string& name);

// Empty: it is no name that can be read.
std::string demangle(const std::string& name);

// The same of a function that Ada's compiler made.
std::string demangle_ada(const std::string& name);

// The name itself, where it cannot be read.
std::string demangled(const std::string& name);

}  // namespace leakdir::tool
