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
  // Its code: libraries by their file names, and functions where it was linked in.
  Globs modules, functions;
  // What is allocated below one of these is kept …
  Globs keepers;
  // … but not below one of these, which runs what others wrote.
  Globs runs_others;
  bool runs_scripts = false;
};

namespace {

const Runtime kRust = {"Rust's standard library",
                       {},
                       {},  // is_rust_library() knows it
                       {"std::rt::lang_start*", "std::io::stdio::*"},
                       {}};

const Runtime kRuntimes[] = {
    {"GNAT's runtime",
     {"libgnat-*.so*", "libgnarl-*.so*"},
     {"ada_main.*", "adainit", "adafinal", "__gnat_*", "system.*", "ada.*", "gnat.*", "interfaces.*"},
     {"ada_main.adainit", "adainit", "__gnat_initialize", "__gnat_runtime_initialize", "system.secondary_stack.*",
      "system.tasking.initialize", "system.soft_links.*"},
     {}},
    {"OCaml's runtime",
     {"libasmrun_shared.so", "libcamlrun_shared.so"},
     {"caml_*", "camlStdlib*", "camlCamlinternal*", "camlStd_exit*", "init_frame_descriptors",
      "build_frame_descriptors", "alloc_generic_table", "realloc_generic_table", "alloc_custom_gen"},
     {"caml_main", "caml_startup*"},
     {}},
    {"D's runtime",
     {"libgphobos.so*", "libgdruntime.so*", "libphobos2.so*", "libdruntime-*.so*"},
     {"gc_*", "rt_*", "_d_run_main*", "core.internal.gc.*", "core.gc.*", "gcc.sections.*", "rt.*"},
     {"gc_init*", "rt_init", "_d_run_main*"},
     {}},
    {"libobjc",
     {"libobjc.so*"},
     {},
     {"__objc_*", "objc_hash_new", "objc_hash_add", "sarray_*", "sel_register*", "sel_getUid", "objc_sync_enter"},
     {}},
    {"GLib",
     {"libglib-2.0.so*", "libgobject-2.0.so*", "libgio-2.0.so*", "libgmodule-2.0.so*", "libgthread-2.0.so*"},
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
    {"Python", {"python3*", "libpython3*.so*"}, {}, {"Py_Initialize*", "Py_PreInitialize*"}, {}, true},
    {"Perl",
     {"perl", "perl5*", "libperl.so*"},
     {},
     {"perl_alloc", "perl_construct", "perl_parse", "Perl_init_i18nl10n"},
     {"Perl_runops*", "Perl_call_*", "Perl_pp_*"},
     true},
    {"cgo", {}, {"x_cgo_*"}, {"x_cgo_*"}, {}},
};

bool is_one_of(std::string_view name, const Globs& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](std::string_view glob) { return matches_glob(glob, name); });
}

const Runtime* runtime_of(const StackLine& at, std::string_view function) {
  if (at.line != nullptr && is_rust_library(*at.line)) return &kRust;
  const std::string_view file = at.module.substr(at.module.rfind('/') + 1);
  for (const Runtime& runtime : kRuntimes)
    if (is_one_of(file, runtime.modules) || (!function.empty() && is_one_of(function, runtime.functions)))
      return &runtime;
  return nullptr;
}

bool calls_all_others(const StackLine& at, std::string_view function) {
  static const Globs kFunctions = {"_start", "_dl_start_user", "start_thread", "clone",
                                   "clone3", "__clone",        "__clone3"};
  static const Globs kLoaders = {"ld-linux*", "ld-musl*"};
  return is_one_of(function, kFunctions) || is_one_of(at.module.substr(at.module.rfind('/') + 1), kLoaders);
}

}  // namespace

const Runtimes::About& Runtimes::about(const StackLine& at) {
  auto [found, is_new] = known_.try_emplace(at.id);
  About& about = found->second;
  if (!is_new) return about;
  const std::string_view function =
      at.line == nullptr ? std::string_view() : without_parameters(without_clones(at.line->function));
  about.is_outermost = calls_all_others(at, function);
  about.runtime = runtime_of(at, function);
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
  // Asked of few: most stacks have the program's own code innermost.
  std::optional<bool> knows_rust;
  const auto has_rust = [&] {
    if (!knows_rust)
      knows_rust =
          std::any_of(lines.begin(), lines.end(), [&](const StackLine& at) { return about(at).runtime == &kRust; });
    return *knows_rust;
  };
  const Runtime* whose = nullptr;
  for (const StackLine& at : lines) {
    const About& here = about(at);
    const bool is_rust = here.may_be_rust && has_rust();
    if (here.is_libc || (here.may_be_rust && !is_rust && is_runtime_function(at.line->function))) continue;
    const Runtime* const runtime = is_rust ? &kRust : here.runtime;
    if (runtime == nullptr || (whose != nullptr && runtime != whose)) return {};
    if (here.runs_others) return {};
    if (here.keeps) return runtime->name;
    whose = runtime;
  }
  const bool is_whole = whose != nullptr && !is_truncated && about(lines.back()).is_outermost;
  return is_whole && !whose->runs_scripts ? whose->name : std::string_view();
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
