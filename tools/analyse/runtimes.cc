// SPDX-License-Identifier: BSL-1.0
//
// One table, a row for each runtime, and how a stack is looked at. What stands here was seen with the versions of
// Debian 12, and of rustc 1.95.

#include "runtimes.hh"

#include <algorithm>
#include <optional>
#include <vector>

#include "function_name.hh"
#include "pattern.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

using Globs = std::vector<std::string_view>;

struct Runtime {
  std::string_view name;
  // Its code: libraries by their file names; and where it was linked in, functions that have no source line or one of
  // these. A name alone is no proof: the program may have such a function, too. So there must be one of the runtime's
  // `entries` further out, too.
  Globs modules, functions, sources, entries;
  // What is allocated below one of these is kept …
  Globs keepers;
  // … but not below one of these, which runs what others wrote.
  Globs runs_others;
};

namespace {

const Runtime kRust = {
    "Rust's standard library",
    {},
    {},  // is_rust_library() knows it
    {},
    {},
    {"std::rt::lang_start*", "std::io::stdio::stdout*", "std::io::stdio::stdin*", "std::io::stdio::stderr*"},
    {"*__rust_begin_short_backtrace*"}};

const Runtime kRuntimes[] = {
    {"GNAT's runtime",
     {"libgnat-*.so*", "libgnarl-*.so*"},
     {"ada_main.*", "adainit", "adafinal", "__gnat_*", "system.*", "ada.*", "gnat.*", "interfaces.*"},
     {},
     {"ada_main.*", "_ada_*", "__gnat_*"},
     {"ada_main.adainit", "adainit", "__gnat_initialize", "__gnat_runtime_initialize", "system.secondary_stack.*",
      "system.tasking.initialize", "system.soft_links.*"},
     {}},
    {"OCaml's runtime",
     {"libasmrun_shared.so", "libcamlrun_shared.so"},
     {"caml_*", "camlStdlib*", "camlCamlinternal*", "camlStd_exit*", "init_frame_descriptors",
      "build_frame_descriptors", "alloc_generic_table", "realloc_generic_table", "alloc_custom_gen"},
     {"stdlib/*.ml", "stdlib.ml", "std_exit.ml", "camlinternal*.ml"},
     {"caml_startup*"},
     {"caml_main", "caml_startup*"},
     {"caml_interprete", "caml_callback*"}},
    {"D's runtime",
     {"libgphobos.so*", "libgdruntime.so*", "libphobos2.so*", "libdruntime-*.so*"},
     {"gc_*", "rt_*", "_d_run_main*", "core.internal.gc.*", "core.gc.*", "gcc.sections.*", "rt.*"},
     {},
     {"_d_run_main*"},
     {"gc_init", "gc_init_nothrow", "rt_init", "_d_run_main*"},
     {}},
    {"libobjc",
     {"libobjc.so*"},
     {},
     {},
     {},
     {"__objc_*", "objc_hash_new", "objc_hash_add", "sarray_*", "sel_register*", "sel_getUid", "objc_sync_enter"},
     {}},
    {"GLib",
     {"libglib-2.0.so*", "libgobject-2.0.so*", "libgio-2.0.so*", "libgmodule-2.0.so*", "libgthread-2.0.so*"},
     {},
     {},
     {},
     {"g_quark_*",
      "g_intern_*",
      "g_type_register_*",
      "g_type_class_ref",
      "g_type_default_interface_ref",
      "g_type_add_interface_*",
      "g_signal_new*",
      "g_rw_lock_reader_lock",
      "g_rw_lock_writer_lock",
      "g_rec_mutex_lock",
      "g_private_set",
      "g_thread_self",
      "g_main_context_default",
      "g_get_home_dir",
      "g_get_tmp_dir",
      "g_get_host_name",
      "g_get_user_*",
      "g_get_system_*",
      "g_get_language_names*",
      "g_get_charset",
      "g_get_filename_charsets"},
     {}},
    {"Python", {"python3*", "libpython3*.so*"}, {}, {}, {}, {"Py_Initialize*", "Py_PreInitialize*"}, {}},
    {"Perl",
     {"perl", "perl5*", "libperl.so*"},
     {},
     {},
     {},
     {"perl_alloc", "perl_construct", "perl_parse", "Perl_init_i18nl10n"},
     {"Perl_runops*", "Perl_call_*", "Perl_pp_*"}},
    {"cgo",
     {},
     {"x_cgo_*"},
     {"*/runtime/cgo/gcc_*", "gcc_*.c"},
     {"runtime.*", "crosscall*", "_rt0_*"},
     {"x_cgo_*"},
     {}},
};

bool is_one_of(std::string_view name, const Globs& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](std::string_view glob) { return matches_glob(glob, name); });
}

struct Belongs {
  const Runtime* to;
  bool by_name;  // and not by its module, or the source
};

Belongs runtime_of(const StackLine& at, std::string_view function) {
  if (at.line != nullptr && is_rust_library(*at.line)) return {&kRust, false};
  const std::string_view module = at.module.substr(at.module.rfind('/') + 1),
                         source = at.line == nullptr ? std::string_view() : std::string_view(at.line->file);
  for (const Runtime& runtime : kRuntimes) {
    if (is_one_of(module, runtime.modules)) return {&runtime, false};
    if (!function.empty() && is_one_of(function, runtime.functions) &&
        (source.empty() || is_one_of(source, runtime.sources)))
      return {&runtime, true};
  }
  return {nullptr, false};
}

std::string_view function_of(const StackLine& at) {
  return at.line == nullptr ? std::string_view() : without_parameters(without_clones(at.line->function));
}

bool is_loader(const StackLine& at) {
  static const Globs kLoaders = {"ld-linux*", "ld-musl*"};
  return is_one_of(at.module.substr(at.module.rfind('/') + 1), kLoaders);
}

}  // namespace

const Runtimes::About& Runtimes::about(const StackLine& at) {
  auto [found, is_new] = known_.try_emplace(at.id);
  About& about = found->second;
  if (!is_new) return about;
  const std::string_view function = function_of(at);
  const Belongs belongs = runtime_of(at, function);
  about.runtime = belongs.to;
  about.by_name = belongs.by_name;
  about.may_be_rust =
      about.runtime == nullptr && at.line != nullptr && at.line->file.empty() && is_named_as_rust_library(*at.line);
  const Runtime* const runtime = about.may_be_rust ? &kRust : about.runtime;
  if (runtime == nullptr) {
    about.is_libc = is_runtime_module(at.module) || is_runtime_function(function);
    return about;
  }
  about.keeps = is_one_of(function, runtime->keepers);
  about.runs_others = is_one_of(function, runtime->runs_others);
  return about;
}

std::string_view Runtimes::keeper_of(const StackLines& stack, bool is_truncated) {
  const auto& lines = stack.lines;
  // Looked for only where a name alone says so.
  std::optional<bool> has_rust;
  const auto is_rust = [&](const About& here) {
    if (here.may_be_rust && !has_rust)
      has_rust =
          std::any_of(lines.begin(), lines.end(), [&](const StackLine& at) { return about(at).runtime == &kRust; });
    return here.may_be_rust && *has_rust;
  };
  const Runtime* whose = nullptr;
  bool by_name = false;
  for (auto at = lines.begin(); at != lines.end(); ++at) {
    const About& here = about(*at);
    const bool is_libc =
        here.is_libc || (here.may_be_rust && !is_rust(here) && is_runtime_function(at->line->function));
    if (is_libc) continue;
    const Runtime* const runtime = is_rust(here) ? &kRust : here.runtime;
    if (runtime == nullptr || (whose != nullptr && runtime != whose)) return {};
    if (here.runs_others) return {};
    by_name |= here.by_name;
    whose = runtime;
    if (!here.keeps) continue;
    const bool is_proven = !by_name || std::any_of(at, lines.end(), [&](const StackLine& outer) {
      return is_one_of(function_of(outer), runtime->entries);
    });
    return is_proven ? runtime->name : std::string_view();
  }
  // A library's own constructor, which the loader calls. (A thread is no proof: what runs in it may be the program's,
  // by a tail call.)
  const bool is_constructor = whose != nullptr && !by_name && !is_truncated && is_loader(lines.back());
  return is_constructor ? whose->name : std::string_view();
}

void leave_out_runtimes(const Snapshot& snapshot, const FrameLines& lines, Grouped& grouped) {
  Runtimes runtimes;
  auto is_kept = [&](const Group& group) {
    const std::string_view name = runtimes.keeper_of(lines_of(snapshot, lines, group.stack), group.is_truncated);
    if (name.empty()) return false;
    auto use = std::find_if(grouped.runtimes.begin(), grouped.runtimes.end(),
                            [&](const RuntimeUse& known) { return known.name == name; });
    if (use == grouped.runtimes.end()) use = grouped.runtimes.insert(use, RuntimeUse{name, 0, 0, 0});
    ++use->stacks;
    use->blocks += group.blocks.size();
    use->bytes += group.bytes;
    grouped.blocks -= group.blocks.size();
    grouped.bytes -= group.bytes;
    grouped.all -= group.all;
    return true;
  };
  auto& groups = grouped.groups;
  groups.erase(std::remove_if(groups.begin(), groups.end(), is_kept), groups.end());
}

}  // namespace leakdir::tool
