// SPDX-License-Identifier: BSL-1.0
//
// What the runtimes of languages keep for themselves is told apart from what the program allocates by them. The stacks
// are those of small programs, as they were seen.
#include "analyse/runtimes.hh"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace leakdir::tool {
namespace {

constexpr char kApp[] = "/home/you/app", kLibc[] = "/lib/x86_64-linux-gnu/libc.so.6",
               kLoader[] = "/lib64/ld-linux-x86-64.so.2";

class KeptByRuntime : public testing::Test {
 protected:
  // A frame; "" for a function that has no name.
  StackLine at(const std::string& function, const std::string& module = kApp, const std::string& file = "",
               const std::string& linkage = "") {
    kept_.push_back(std::make_unique<SourceLine>(SourceLine{function, file, file.empty() ? 0u : 5u, false, linkage}));
    modules_.push_back(std::make_unique<std::string>(module));
    return {function.empty() ? nullptr : kept_.back().get(), *modules_.back(), module == kApp, kept_.size()};
  }
  // In a file of the program's own.
  StackLine own(const std::string& function) { return at(function, kApp, "/home/you/app.src"); }
  StackLine libc(const std::string& function) { return at(function, kLibc); }

  // What the frames come to, with those that are outside of main.
  std::string keeper(std::vector<StackLine> lines, bool is_truncated = false) {
    for (const char* outer : {"__libc_start_call_main", "__libc_start_main_impl"}) lines.push_back(libc(outer));
    lines.push_back(at("_start"));
    return of(lines, is_truncated);
  }
  // The same for a constructor, which the loader calls.
  std::string keeper_at_load(std::vector<StackLine> lines) {
    lines.push_back(at("_dl_init", kLoader));
    lines.push_back(at("", kLoader));
    return of(lines, false);
  }
  static std::string of(const std::vector<StackLine>& lines, bool is_truncated) {
    return std::string(Runtimes().keeper_of({{}, lines}, is_truncated));
  }

 private:
  std::vector<std::unique_ptr<SourceLine>> kept_;
  std::vector<std::unique_ptr<std::string>> modules_;
};

TEST_F(KeptByRuntime, OfRustIsWhatItSetsUpBeforeMain) {
  const std::string source = "/rustc/59807616e1/library/std/src/rt.rs";
  const auto in_library = [&](const char* function) { return at(function, kApp, source); };
  EXPECT_EQ(keeper({in_library("alloc::alloc::alloc"), in_library("<alloc::collections::btree::map::Entry>::insert"),
                    in_library("std::rt::lang_start_internal"), in_library("std::rt::lang_start::<()>"), at("main")}),
            "Rust's standard library");
  EXPECT_EQ(keeper({in_library("alloc::alloc::alloc"), in_library("<alloc::boxed::Box<_>>::new"), own("app::main"),
                    in_library("std::rt::lang_start_internal"), in_library("std::rt::lang_start::<()>"), at("main")}),
            "");
}

TEST_F(KeptByRuntime, OfRustIsKnownByItsCrateOnlyWhereThereIsMoreOfRust) {
  const auto nameless = at("alloc::raw_vec::finish_grow");
  EXPECT_EQ(keeper({nameless, at("std::rt::lang_start", kApp, "/rustc/59/library/std/src/rt.rs"), at("main")}),
            "Rust's standard library");
  EXPECT_EQ(keeper({at("alloc::raw_vec::finish_grow", kApp, "", "_RNvNtCs1_5alloc7raw_vec11finish_grow"),
                    at("std::rt::lang_start", kApp, "", "_RNvNtCs1_3std2rt10lang_start"), at("main")}),
            "Rust's standard library");
  EXPECT_EQ(keeper({at("alloc::pool(int)"), at("core::boot()"), at("main")}), "") << "of C++";
  EXPECT_EQ(keeper({at("std::vector<int>::reserve(unsigned long)"), at("main")}), "");
}

// What is the program's may have been inlined into the library's own functions, or have left by a tail call.
TEST_F(KeptByRuntime, OfThreadsIsNothing) {
  const auto in_library = [&](const char* function) { return at(function, kApp, "/rustc/59/library/std/src/x.rs"); };
  EXPECT_EQ(
      of({in_library("alloc::alloc::alloc"), at("std::sys::backtrace::__rust_begin_short_backtrace"),
          in_library("<std::sys::thread::unix::Thread>::new::thread_start"), libc("start_thread"), libc("clone3")},
         false),
      "");
  const std::string glib = "/lib/x86_64-linux-gnu/libglib-2.0.so.0";
  EXPECT_EQ(of({at("g_malloc", glib), at("g_strdup", glib), at("", glib), libc("start_thread"), libc("clone3")}, false),
            "");
  EXPECT_EQ(of({libc("malloc"), at("rt_task"), libc("start_thread"), libc("clone3")}, false), "");
}

TEST_F(KeptByRuntime, OfRustIsNothingThatMainWasInlinedInto) {
  EXPECT_EQ(keeper({at("alloc::alloc::alloc", kApp, "/rustc/59/library/alloc/src/alloc.rs"),
                    at("std::sys::backtrace::__rust_begin_short_backtrace"),
                    at("std::rt::lang_start", kApp, "/rustc/59/library/std/src/rt.rs"), at("main")}),
            "");
}

// C and C++ may have functions of any name.
TEST_F(KeptByRuntime, IsNothingByANameAlone) {
  for (const char* name : {"gc_init", "rt_init", "adainit", "x_cgo_thing", "caml_main", "caml_startup_mine"}) {
    EXPECT_EQ(keeper({own(name), own("main")}), "") << name;
    EXPECT_EQ(keeper({own("make"), own(name), own("main")}), "") << name;
  }
  for (const char* name : {"gc_init", "rt_init", "adainit", "x_cgo_thing", "gc_initializer"})
    EXPECT_EQ(keeper({at(name), at("main")}), "") << name << " without debug information";
  EXPECT_EQ(keeper({at("gc_init"), at("rt_init"), at("_d_run_main2"), at("_d_run_main"), at("main")}), "D's runtime");
}

TEST_F(KeptByRuntime, OfGnatIsItsTasksAndSecondaryStack) {
  const std::string library = "/lib/x86_64-linux-gnu/libgnat-12.so";
  EXPECT_EQ(keeper({at("__gnat_malloc", library), at("system.tasking.initialize", library), at("ada_main.adainit"),
                    own("main")}),
            "GNAT's runtime");
  EXPECT_EQ(keeper({at("__gnat_malloc", library), at("system.secondary_stack.ss_allocate", library), own("leak"),
                    own("main")}),
            "GNAT's runtime");
  EXPECT_EQ(keeper({at("__gnat_malloc"), at("shelves.elab_body"), at("ada_main.adainit"), own("main")}), "")
      << "what the program's packages begin with";
  EXPECT_EQ(keeper({at("__gnat_malloc", library), own("leak"), own("main")}), "");
  EXPECT_EQ(keeper({at("__gnat_malloc", library), at("ada.text_io.create", library), own("leak"), own("main")}), "")
      << "to be closed";
}

TEST_F(KeptByRuntime, OfOcamlIsWhatItSetsUp) {
  EXPECT_EQ(
      keeper({at("caml_alloc_for_heap"), at("caml_init_gc"), at("caml_startup_common"), at("caml_main"), at("main")}),
      "OCaml's runtime");
  EXPECT_EQ(keeper({at("realloc_generic_table.constprop.0"), at("alloc_custom_gen"), at("caml_ml_open_descriptor_in"),
                    at("camlStdlib__entry"), at("caml_program"), at("caml_start_program"), at("caml_startup_common"),
                    at("caml_main"), at("main")}),
            "OCaml's runtime");
  EXPECT_EQ(keeper({at("leak_stub"), at("camlLeak__entry"), at("caml_program"), at("caml_start_program"),
                    at("caml_startup_common"), at("caml_main"), at("main")}),
            "");
  EXPECT_EQ(keeper({at("caml_alloc_for_heap"), at("caml_alloc_shr"), at("camlLeak__grow"), at("caml_program"),
                    at("caml_start_program"), at("caml_startup_common"), at("caml_main"), at("main")}),
            "")
      << "the heap that the program makes grow";
}

// Bytecode is run by the runtime's own function, and a stub of the program's may be called as its functions are.
TEST_F(KeptByRuntime, OfOcamlIsNothingThatBytecodeCalls) {
  EXPECT_EQ(keeper({at("caml_mylib_create"), at("caml_interprete"), at("caml_main"), at("main")}), "");
  EXPECT_EQ(keeper({own("caml_mylib_create"), at("caml_startup_common"), at("caml_main"), at("main")}), "");
}

TEST_F(KeptByRuntime, OfLibobjcAreClassesAndSelectors) {
  const std::string library = "/lib/x86_64-linux-gnu/libobjc.so.4";
  EXPECT_EQ(
      keeper_at_load({at("objc_malloc", library), at("objc_mutex_allocate", library), at("__objc_sync_init", library)}),
      "libobjc");
  EXPECT_EQ(keeper({at("objc_malloc", library), at("", library), at("__objc_exec_class", library),
                    own("__objc_gnu_init"), libc("call_init")}),
            "libobjc");
  EXPECT_EQ(keeper({at("objc_malloc", library), at("sarray_lazy_copy", library), at("", library), own("main")}),
            "libobjc");
  EXPECT_EQ(
      keeper({at("objc_calloc", library), at("class_createInstance", library), own("+[Shelf make]"), own("main")}), "");
  EXPECT_EQ(keeper({own("+[Shelf load]"), at("", library), at("__objc_exec_class", library), own("__objc_gnu_init"),
                    libc("call_init")}),
            "");
  EXPECT_EQ(keeper({at("objc_malloc", library), at("objc_mutex_allocate", library), own("main")}), "");
}

TEST_F(KeptByRuntime, OfGlibAreTypesAndQuarks) {
  const std::string glib = "/lib/x86_64-linux-gnu/libglib-2.0.so.0",
                    gobject = "/lib/x86_64-linux-gnu/libgobject-2.0.so.0.7400.6";
  EXPECT_EQ(keeper_at_load({at("g_malloc", glib), at("g_hash_table_new", glib), at("", gobject)}), "GLib");
  EXPECT_EQ(keeper({at("g_malloc", glib), at("g_quark_from_string", glib), own("main")}), "GLib");
  EXPECT_EQ(keeper({at("g_malloc0", glib), at("g_type_class_ref", gobject), at("g_object_new", gobject), own("main")}),
            "GLib");
  EXPECT_EQ(keeper({at("g_malloc", glib), at("g_strdup", glib), own("main")}), "");
  EXPECT_EQ(
      keeper({at("g_malloc", glib), at("g_type_create_instance", gobject), at("g_object_new", gobject), own("main")}),
      "");
  EXPECT_EQ(keeper({at("g_malloc", glib), own("shelf_class_init"), at("g_type_class_ref", gobject), own("main")}), "")
      << "what a class of the program's allocates is its own";
}

TEST_F(KeptByRuntime, OfInterpretersIsWhatIsThereBeforeTheScript) {
  const std::string python = "/usr/bin/python3.11", perl = "/usr/bin/perl";
  EXPECT_EQ(keeper({at("", python), at("Py_InitializeFromConfig", python), at("", python), at("Py_BytesMain", python)}),
            "Python");
  EXPECT_EQ(keeper({at("PyObject_Malloc", python), at("_PyEval_EvalFrameDefault", python), at("Py_RunMain", python),
                    at("Py_BytesMain", python)}),
            "");
  EXPECT_EQ(of({at("PyObject_Malloc", python), at("_PyEval_EvalFrameDefault", python), at("", python),
                libc("start_thread"), libc("clone3")},
               false),
            "")
      << "a thread of the script's";
  EXPECT_EQ(
      keeper({at("Perl_safesysmalloc", perl), at("Perl_newSVpvn", perl), at("perl_construct", perl), at("main", perl)}),
      "Perl");
  EXPECT_EQ(keeper({at("Perl_safesysmalloc", perl), at("Perl_pp_split", perl), at("Perl_runops_standard", perl),
                    at("Perl_call_list", perl), at("Perl_yyparse", perl), at("perl_parse", perl), at("main", perl)}),
            "")
      << "a BEGIN block of the script's";
}

TEST_F(KeptByRuntime, IsNothingInCAndCpp) {
  EXPECT_EQ(keeper({own("make"), own("main")}), "");
  EXPECT_EQ(keeper({libc("strdup"), own("main")}), "");
  EXPECT_EQ(keeper_at_load({own("_GLOBAL__sub_I_app")}), "");
  EXPECT_EQ(of({}, false), "");
}

TEST_F(KeptByRuntime, IsTakenOutAndCounted) {
  const std::string library = "/lib/x86_64-linux-gnu/libobjc.so.4";
  Snapshot snapshot;
  snapshot.modules = {{library, "", 0, 0, 0, false}, {kApp, "", 0, 0, 0, true}};
  snapshot.frames = {{1, 0}, {2, 1}};
  snapshot.nodes = {{1, kNone}, {0, 0}};
  FrameLines lines = {{{"sel_registerName", "", 0, false}}, {{"main", "", 0, false}}};
  Grouped grouped;
  for (std::uint32_t stack : {0u, 1u, 1u}) {
    Group group;
    group.stack = stack;
    group.bytes = 10;
    group.blocks = {0, 1};
    grouped.groups.push_back(group);
    grouped.blocks += 2;
    grouped.bytes += 10;
  }
  leave_out_runtimes(snapshot, lines, grouped);
  ASSERT_EQ(grouped.groups.size(), 1u);
  EXPECT_EQ(grouped.groups[0].stack, 0u);
  EXPECT_EQ(grouped.blocks, 2u);
  EXPECT_EQ(grouped.bytes, 10u);
  ASSERT_EQ(grouped.runtimes.size(), 1u);
  EXPECT_EQ(grouped.runtimes[0].name, "libobjc");
  EXPECT_EQ(grouped.runtimes[0].stacks, 2u);
  EXPECT_EQ(grouped.runtimes[0].blocks, 4u);
  EXPECT_EQ(grouped.runtimes[0].bytes, 20u);
}

}  // namespace
}  // namespace leakdir::tool
