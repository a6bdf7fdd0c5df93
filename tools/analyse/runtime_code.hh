// SPDX-License-Identifier: BSL-1.0
//
// Whose code is a frame in? The reader looks for their own; what libc and the C++ runtime do around it is printed
// faintly, and is not what a stack is called by. Nothing is counted or left out by it.

#pragma once

#include <string>
#include <string_view>

#include "symbols/symbols.hh"

namespace leakdir::tool {

// The path of a library that comes with the compiler, libc or the kernel, or with leakdir itself.
bool is_runtime_module(std::string_view path);

// A demangled function of libc or the C++ runtime, wherever it was linked to or put inline.
bool is_runtime_function(std::string_view function);

// A line of Rust's standard library, which is compiled into each program and put inline everywhere.
bool is_rust_library(const SourceLine& line);

// The same by the name of its crate alone, which C++ may have for a namespace: for who knows that it is Rust's.
bool is_named_as_rust_library(const SourceLine& line);

// A line of such code, by its function or its file: every program's blocks come through it, so that it says nothing
// about whose block it is.
bool is_runtime_line(const SourceLine& line);

}  // namespace leakdir::tool
