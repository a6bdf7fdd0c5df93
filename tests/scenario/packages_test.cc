// SPDX-License-Identifier: BSL-1.0
//
// Projects of other people find what was installed, wherever it was moved to: by pkg-config, by CMake and by meson,
// which takes it as a subproject too. Their programs then have records that lead to the right line.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <memory>

#include "installation.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

// A project is made in an empty directory, and knows leakdir only by what the test gives in the environment.
class Packages : public testing::Test {
 protected:
  static void SetUpTestSuite() { installation_ = std::make_unique<Installation>(); }
  static void TearDownTestSuite() { installation_.reset(); }

  Packages() {
    write("expect.h", read_file(std::string(kSourceRoot) + "/tests/targets/expect.h"));
    write("app.c", R"(#include <leakdir/leakdir.h>
#include <stdlib.h>
#include "expect.h"

static NOINLINE void leak_in_app(void) { LEAK(malloc, 1237, malloc(1237)); }

int main(void) {
  leakdir_start();
  leak_in_app();
  return 0;
}
)");
  }

  void write(const std::string& name, const std::string& text) { write_file(scratch_ / name, text); }

  // With the compilers named, meson does not put ccache before them.
  Outcome shell(const std::string& command, const std::string& pkg_config_path) {
    return run({{"sh", "-ec", command},
                scratch_.path(),
                {{"CC", "cc"},
                 {"CXX", "c++"},
                 {"PKG_CONFIG_PATH", pkg_config_path},
                 {"CMAKE_PREFIX_PATH", installation_->prefix()}},
                "",
                600});
  }

  void build(const std::string& command) {
    const Outcome outcome = shell(command, installation_->libdir() + "/pkgconfig");
    ASSERT_TRUE(outcome.exited_with(0)) << command << "\n" << outcome.describe();
  }

  void build_without_packages(const std::string& command) {
    const Outcome outcome = shell(command, "");
    ASSERT_TRUE(outcome.exited_with(0)) << command << "\n" << outcome.describe();
  }

  // Each block that the program names has its one record, and there are `count` of them.
  void expect_records_of(const std::string& program, std::size_t count) {
    SCOPED_TRACE(program);
    const Scratch where;
    const Outcome outcome = run_in(where, scratch_ / program);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Expected> expected = expected_by(outcome.out);
    EXPECT_EQ(expected.size(), count) << outcome.describe();
    expect_exactly(expected, records_in(where / "mem"));
  }

  // Whether glibc came with it.
  void expect_static(const std::string& program, bool is_static) {
    const Outcome outcome = run({{"readelf", "--dynamic", "--wide", scratch_ / program}, "", {}, "", 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.out.find("(NEEDED)") == std::string::npos, is_static) << program << "\n" << outcome.out;
  }

  static std::unique_ptr<Installation> installation_;
  Scratch scratch_;
};

std::unique_ptr<Installation> Packages::installation_;

TEST_F(Packages, PkgConfigGivesTheFlags) {
  build("cc -g app.c $(pkg-config --cflags --libs leakdir) -o app");
  expect_static("app", false);
  expect_records_of("app", 1);
  build("cc -g -static app.c $(pkg-config --cflags --libs leakdir-static) -o app-static");
  expect_static("app-static", true);
  expect_records_of("app-static", 1);
}

// For build systems that take archives only. That nothing of the program asks for what is in it must not matter.
TEST_F(Packages, ArchiveIsTakenWhole) {
  const std::string whole = "-Wl,--whole-archive $(pkg-config --variable=archive ";
  build("cc -g app.c $(pkg-config --cflags leakdir) " + whole + "leakdir) -Wl,--no-whole-archive -o app");
  expect_static("app", false);
  expect_records_of("app", 1);
  build("cc -g -static app.c $(pkg-config --cflags leakdir-static) " + whole +
        "leakdir-static) -Wl,--no-whole-archive -o app-static");
  expect_static("app-static", true);
  expect_records_of("app-static", 1);
  build("cc -g app.c $(pkg-config --cflags leakdir) -L$(pkg-config --variable=libdir leakdir) -lleakdir -o by-name");
  expect_records_of("by-name", 1);
}

TEST_F(Packages, CMakeFindsTargetsAndLinksThemOnce) {
  write("part.c", R"(#include <leakdir/leakdir.h>
#include <stdlib.h>
#include "expect.h"

void leak_in_part(void) { LEAK(calloc, 1409, calloc(1, 1409)); }
)");
  write("user.c", R"(#include <stdlib.h>
#include "expect.h"

void leak_in_part(void);

static NOINLINE void leak_in_user(void) { LEAK(malloc, 1511, malloc(1511)); }

int main(void) {
  leak_in_part();
  leak_in_user();
  return 0;
}
)");
  write("CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.13)
project(foreign C)

find_package(leakdir 99 QUIET)
if(leakdir_FOUND)
  message(FATAL_ERROR "this is no version 99")
endif()
find_package(leakdir REQUIRED)

add_executable(app app.c)
target_link_libraries(app leakdir::object)

add_executable(app-static app.c)
target_link_libraries(app-static leakdir::static -static)

add_library(part STATIC part.c)
target_link_libraries(part PUBLIC leakdir::object)
add_executable(by-library user.c)
target_link_libraries(by-library part)
add_executable(by-both user.c)
target_link_libraries(by-both leakdir::object part)
)");
  build("cmake -G Ninja -DCMAKE_BUILD_TYPE=Debug -B build && cmake --build build");
  expect_static("build/app", false);
  expect_records_of("build/app", 1);
  expect_static("build/app-static", true);
  expect_records_of("build/app-static", 1);
  expect_records_of("build/by-library", 2);
  expect_records_of("build/by-both", 2);
}

const char kMesonProject[] = R"(project('foreign', 'c')
executable('app', 'app.c', dependencies: dependency('leakdir'))
executable('app-static', 'app.c', dependencies: dependency('leakdir-static'), link_args: '-static')
)";

TEST_F(Packages, MesonFindsDependencies) {
  write("meson.build", kMesonProject);
  build("meson setup --wrap-mode=nofallback build && ninja -C build app app-static");
  expect_static("build/app", false);
  expect_records_of("build/app", 1);
  expect_static("build/app-static", true);
  expect_records_of("build/app-static", 1);
}

TEST_F(Packages, MesonTakesLeakdirAsASubproject) {
  write("meson.build", kMesonProject);
  build_without_packages(
      std::string("mkdir subprojects; ln -s ") + kSourceRoot +
      " subprojects/leakdir; meson setup --wrap-mode=nodownload --force-fallback-for=leakdir build && "
      "ninja -j2 -C build app app-static");
  expect_static("build/app", false);
  expect_records_of("build/app", 1);
  expect_static("build/app-static", true);
  expect_records_of("build/app-static", 1);
}

// As the README has it: from build/ in a clone, with no option but the compiler. (It looks for its sources before
// that.)
TEST(MkobjOfABuild, FindsTheSourcesOfItsClone) {
  const Scratch scratch;
  const auto shell = [&](const std::string& command) {
    return run({{"sh", "-ec", command}, scratch.path(), {}, "", 60});
  };
  const Outcome made = shell("mkdir -p clone/build/lib/package elsewhere/build/lib/package; ln -s '" +
                             std::string(kSourceRoot) + "/lib' clone/lib; cd '" + build_root() +
                             "/lib/package'; for tree in clone elsewhere; do cp -p leakdir-mkobj object.conf '" +
                             scratch.path() + "'/$tree/build/lib/package; done");
  ASSERT_TRUE(made.exited_with(0)) << made.describe();
  const Outcome found = shell("clone/build/lib/package/leakdir-mkobj --cc=no-such-gcc");
  EXPECT_TRUE(found.exited_with(1)) << found.describe();
  EXPECT_EQ(found.err, "leakdir-mkobj: there is no compiler no-such-gcc\n");
  const Outcome lost = shell("elsewhere/build/lib/package/leakdir-mkobj --cc=no-such-gcc");
  EXPECT_TRUE(lost.exited_with(1)) << lost.describe();
  EXPECT_THAT(lost.err, testing::HasSubstr("leakdir's sources are not in "));
  EXPECT_THAT(lost.err, testing::HasSubstr("--source=DIR"));
}

// They compile the objects once more; the script itself is tried by cross_test.cc.
#ifdef LONG_TESTS
TEST_F(Packages, MkobjMakesAnArchive) {
  build("'" + installation_->prefix() + "/bin/leakdir-mkobj' --cc=cc --output=libmade.a");
  build(
      "cc -g -static app.c $(pkg-config --cflags leakdir) -Wl,--whole-archive libmade.a -Wl,--no-whole-archive -o app");
  expect_static("app", true);
  expect_records_of("app", 1);
}

TEST_F(Packages, MkobjMakesAnObjectFromWhatWasInstalled) {
  const std::string flags = " -I" + installation_->prefix() + "/include ";
  build_without_packages(installation_->prefix() + "/bin/leakdir-mkobj --cc=cc --output=made.o && cc -g -static app.c" +
                         flags + "made.o -o app");
  expect_static("app", true);
  expect_records_of("app", 1);
  // Its mark tells leakdir's own code from the program's, wherever it was compiled.
  EXPECT_THAT(run_tool({"doctor", "app"}, scratch_.path()).out, testing::HasSubstr("of 1 source file\n"));
}
#endif

}  // namespace
}  // namespace leakdir_test
