// SPDX-License-Identifier: BSL-1.0
//
// The Debian packages: lintian has nothing to say, dpkg installs and removes them, and what they bring works from
// there.
//
// To compile everything once more, with Debian's flags, takes minutes: `tools/package.sh`, as a user runs it, is the
// long form. In every run the same debian/ makes its packages from what the build under test installs.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <memory>

#include "installation.hh"
#include "object_symbols.hh"
#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::Not;

#ifdef LONG_TESTS

const char kNotOfThisBuild[] = "";

void make_packages(const std::string& into) {
  const Outcome outcome = run({{std::string(kSourceRoot) + "/tools/package.sh", into}, "", {}, "", 3000});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

#else

// Flags that dpkg-buildpackage would have given to the compiler.
const char kNotOfThisBuild[] = "--suppress-tags=hardening-no-relro,hardening-no-bindnow,hardening-no-pie ";

// debhelper finds its build folder, in which everything is built: `ninja install` is all that it still has to do there.
void make_packages(const std::string& into) {
  const Scratch scratch;
  const std::string script = R"sh(
mkdir tree && cd tree
cp -R "$SOURCE/lib/package/debian" .
cp "$SOURCE/meson.build" "$SOURCE/README.md" .
mkdir .github && cp "$SOURCE/.github/CHANGELOG.md" .github
built=obj-$(dpkg-architecture -qDEB_HOST_GNU_TYPE)
mkdir "$built"
cat >"$built/build.ninja" <<'NINJA'
rule from_build_under_test
  command = DESTDIR="$$DESTDIR.root" meson install -C "$$BUILD" --no-rebuild --quiet && $
    mv "$$(dirname "$$(dirname "$$(find "$$DESTDIR.root" -path '*/bin/leakdir')")")" "$$DESTDIR/usr"
build install: from_build_under_test
NINJA
sed -n 's/^Package: //p' debian/control >debian/debhelper-build-stamp
DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b -nc
cd ..
rm -r tree
mkdir -p "$INTO"
mv ./* "$INTO"
)sh";
  const Outcome outcome = run({{"sh", "-ec", script},
                               scratch.path(),
                               {{"SOURCE", kSourceRoot}, {"BUILD", build_root()}, {"INTO", into}},
                               "",
                               900});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

#endif

// Whoever makes packages out of it has it all, and lintian has nothing to say of it either.
TEST(DebianSourcePackage, IsMadeFromTheTreeAndUnpacks) {
  const Scratch scratch;
  const std::string script = std::string("'") + kSourceRoot +
                             "/tools/package.sh' packages -us -uc -S -d >log 2>&1 || { cat log; exit 1; }\n"
                             // (An older lintian does not know of the newest policy.)
                             "lintian --allow-root --no-cfg --fail-on error,warning "
                             "--suppress-tags=newer-standards-version packages/*.changes\n"
                             "dpkg-source --no-check --extract packages/*.dsc tree >/dev/null\n"
                             "test -x tree/debian/rules -a ! -e tree/build\n"
                             "diff -r --exclude=debian --exclude=__pycache__ tree/lib '" +
                             kSourceRoot + "/lib'\n diff -r tree/debian '" + kSourceRoot + "/lib/package/debian'\n";
  const Outcome outcome = run({{"sh", "-ec", script}, scratch.path(), {}, "", 900});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out, "");
}

// Made once, and installed once: not into this machine, but what they depend on has to be installed on it.
class DebianPackage : public testing::Test {
 protected:
  // Debian 11 has an older meson.
  static bool can_be_made() {
    static const bool can =
        run({{"dpkg-checkbuilddeps", std::string(kSourceRoot) + "/lib/package/debian/control"}, "", {}, "", 60})
            .exited_with(0);
    return can;
  }
  void SetUp() override {
    if (!can_be_made()) GTEST_SKIP() << "this release has not what the packages are made with";
  }
  static void SetUpTestSuite() {
    if (!can_be_made()) return;
    scratch_ = std::make_unique<Scratch>();
    make_packages(*scratch_ / "packages");
    // It knows of all that this machine has: of dependencies, and of files that would be in two packages.
    said_by(
        "mkdir -p root machine/info machine/updates; cp /var/lib/dpkg/status machine;"
        "cp /var/lib/dpkg/info/format machine/info; ln -s /var/lib/dpkg/info/*.list machine/info;" +
        dpkg() + "--install packages/leakdir_*.deb packages/libleakdir-dev_*.deb");
  }
  static void TearDownTestSuite() { scratch_.reset(); }

  // Files go below root/, and what is installed is written down in machine/.
  static std::string dpkg() {
    return "dpkg --force-not-root --force-script-chrootless --log=/dev/null --instdir=\"$PWD/root\" "
           "--admindir=\"$PWD/machine\" ";
  }

  static std::string said_by(const std::string& command) {
    const Outcome outcome = run({{"sh", "-ec", command}, scratch_->path(), {{"PATH", path()}}, "", 600});
    EXPECT_TRUE(outcome.exited_with(0)) << command << "\n" << outcome.describe();
    return outcome.out;
  }

  static std::string field(const std::string& package, const std::string& name) {
    return said_by("dpkg-deb --field packages/" + package + "_*.deb " + name);
  }

  // Where compilers, pkg-config and the shell look, as if root/ were /.
  static std::map<std::string, std::string> as_installed() {
    const std::string lib =
        *scratch_ / "root/usr/lib/" + lines_of(said_by("dpkg-architecture -qDEB_HOST_MULTIARCH"))[0];
    return {{"PATH", path()},
            {"LIBRARY_PATH", lib},
            {"CPATH", *scratch_ / "root/usr/include"},
            {"PKG_CONFIG_PATH", lib + "/pkgconfig"}};
  }
  static std::string path() { return *scratch_ / "root/usr/bin" + ":/usr/sbin:/usr/bin:/sbin:/bin"; }

  static std::unique_ptr<Scratch> scratch_;
};

std::unique_ptr<Scratch> DebianPackage::scratch_;

TEST_F(DebianPackage, LintianHasNothingToSay) {
  EXPECT_EQ(said_by("lintian --allow-root --no-cfg --fail-on error,warning " + std::string(kNotOfThisBuild) +
                    "packages/*.changes"),
            "");
}

TEST_F(DebianPackage, HasTheVersionOfTheProject) {
  const std::string project = said_by("root/usr/bin/leakdir --version");
  const std::string version = lines_of(field("leakdir", "Version"))[0];
  EXPECT_THAT(project, HasSubstr(version + "\n"));
  EXPECT_EQ(field("libleakdir-dev", "Version"), version + "\n");
}

TEST_F(DebianPackage, IsBoundToTheReleaseOfGlibcThatItContains) {
  const std::string release = lines_of(said_by("getconf GNU_LIBC_VERSION | sed 's/.* //'"))[0];
  const std::string depends = field("libleakdir-dev", "Depends");
  EXPECT_THAT(depends, HasSubstr("libc6-dev (>= " + release + ")"));
  EXPECT_THAT(depends, HasSubstr("libc6-dev (<< "));
  const std::string next =
      said_by("dpkg-deb --field packages/libleakdir-dev_*.deb Depends | sed 's/.*(<< //; s/).*//'");
  said_by("dpkg --compare-versions " + release + "-99+deb12u99 lt '" + lines_of(next)[0] + "'");
  EXPECT_THAT(field("libleakdir-dev", "Built-Using"),
              HasSubstr(said_by("dpkg-query --show --showformat='glibc (= ${source:Version})' libc6-dev")));
}

TEST_F(DebianPackage, IsInstalledAsItWasPackedAndRemovedWhole) {
  EXPECT_EQ(said_by(dpkg() + "--verify leakdir libleakdir-dev"), "");
  EXPECT_THAT(said_by("find root ! -type d"), HasSubstr("root/usr/bin/leakdir\n"));
  said_by("cp -R root kept; cp -R machine kept-machine;" + dpkg() + "--purge leakdir libleakdir-dev");
  EXPECT_EQ(said_by("find root ! -type d"), "");
  said_by("rm -rf root machine; mv kept root; mv kept-machine machine");
}

TEST_F(DebianPackage, ObjectsHaveTheSymbolsThatAreReviewedAndNoDebugInformation) {
  for (const std::string object : {"leakdir.o", "leakdir-static.o"}) {
    const std::string installed = *scratch_ / lines_of(said_by("ls root/usr/lib/*/" + object))[0];
    const std::string reviewed = golden(object + ".defined");
    EXPECT_EQ(defined_beside_newer(symbols_of(installed, "--defined-only"), reviewed), reviewed);
    EXPECT_EQ(needed_beside_malloc(symbols_of(installed, "--undefined-only")),
              needed_beside_malloc(golden(object + ".undefined")));
    EXPECT_THAT(said_by("readelf --sections --wide " + installed), Not(HasSubstr(".debug_info")));
  }
}

TEST_F(DebianPackage, DocumentsAreWhereDebianLooksForThem) {
  for (const std::string file :
       {"share/man/man1/leakdir.1.gz", "share/man/man1/leakdir-mkobj.1.gz", "share/man/man7/leakdir.7.gz",
        "share/bash-completion/completions/leakdir.bash", "share/zsh/vendor-completions/_leakdir",
        "share/doc/libleakdir-dev/README.Debian", "share/doc/leakdir/NEWS.md.gz"})
    said_by("test -s root/usr/" + file);
}

// Those of debian/tests/, which Debian's autopkgtest runs where the packages are installed.
TEST_F(DebianPackage, PassesItsOwnTests) {
  const std::string folder = std::string(kSourceRoot) + "/lib/package/debian/tests/";
  const std::string listed = lines_of(said_by("sed -n 's/^Tests: //p' '" + folder + "control'")).at(0);
  const std::vector<std::string> names = lines_of(said_by("printf '%s\\n' " + listed));
  EXPECT_GE(names.size(), 2u);
  for (const std::string& name : names) {
    const Scratch work;
    std::map<std::string, std::string> environment = as_installed();
    environment["AUTOPKGTEST_TMP"] = work.path();
    const Outcome outcome = run({{folder + name}, work.path(), environment, "", 120});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
}

#ifdef HAS_HTML
TEST_F(DebianPackage, ItsToolMakesThePageThoughDebianHasNotItsLibraries) {
  EXPECT_THAT(said_by("gcc -static '" + std::string(kSourceRoot) +
                      "/tests/targets/empty.c' root/usr/lib/*/leakdir-static.o -o empty; ./empty;"
                      "root/usr/bin/leakdir report --format html"),
              HasSubstr("</html>"));
}
#endif

TEST_F(DebianPackage, MkobjIsThereWithAllThatItCompiles) {
  const std::string conf = said_by(
      "cat root/usr/share/leakdir/src/object.conf; echo \"parts_always='system/sys_call.cc entry/static_only.cc'\"");
  EXPECT_THAT(said_by("root/usr/bin/leakdir-mkobj --version"), HasSubstr("leakdir-mkobj "));
  std::size_t count = 0;
  for (const std::string& line : lines_of(conf)) {
    if (line.rfind("parts", 0) != 0) continue;
    for (const std::string& part : lines_of(said_by("echo " + line.substr(line.find('=') + 1) + " | tr ' ' '\\n'"))) {
      said_by("test -s root/usr/share/leakdir/src/" + part);
      ++count;
    }
  }
  EXPECT_GT(count, 40u);
}

}  // namespace
}  // namespace leakdir_test
