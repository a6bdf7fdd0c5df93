// SPDX-License-Identifier: BSL-1.0
//
// What of a function's name is the same in another build, and what is its name alone.

#pragma once

#include <string_view>

namespace leakdir::tool {

// Without what the compiler adds when it splits or clones a function: "build.part.0", "build(int) [clone .cold]".
std::string_view without_clones(std::string_view function);

// The same, and libc's functions have several names for one address, of which debug information and symbol tables
// choose differently: "__GI___strndup", "__strndup" and "strndup" are one.
std::string_view name_in_any_build(std::string_view function);

// Without the return type, which the demangled name of a template has in front. "operator new" and
// "Value::operator int" are one word, spaces or not.
std::string_view without_return_type(std::string_view function);

// Without parameters too: "Pool<int>::allocate".
std::string_view without_parameters(std::string_view function);

// The last word of it, without the arguments of a template: "allocate", "operator new".
std::string_view last_name(std::string_view function);

}  // namespace leakdir::tool
