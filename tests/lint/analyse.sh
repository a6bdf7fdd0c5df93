#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# analyse.sh quick|whole: static analysis, clean or it fails. cppcheck over everything; clang-tidy (../.clang-tidy), which
# takes most of the time, over the object and the tool: quick has the rooms of lib/ that all calls of the program pass
# through, and does not walk each path (clang-analyzer-*). Each release of them has other checks, so there is one that
# counts; where it is not installed, the test is skipped (77).
set -euo pipefail
cd "$(dirname "$0")/../.."
major=14  # Debian 12's
version=$(clang-tidy --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p') || true
if [ "$version" != $major ]; then
  echo "skipped: the checks are those of clang-tidy $major and the cppcheck beside it, and here is ${version:-none}"
  exit 77
fi
how=${1:-whole}
status=0

# uninitMemberVar: buffers that somebody fills. accessMoved: taken in by std::move in a range-based for.
# returnStdMoveLocal, useInitializationList: compilers see to it. noCopyConstructor, noOperatorEq: it overlooks `= delete`.
# preprocessorErrorDirective: it tries configurations that are none.
cppcheck --enable=warning,performance,portability --std=c++17 --language=c++ -Ilib -Ilib/shared -Ilib/include -Itools \
  --quiet -j "$(nproc)" --error-exitcode=1 --inline-suppr --suppress=missingIncludeSystem --suppress=uninitMemberVar \
  --suppress=accessMoved --suppress=returnStdMoveLocal --suppress=useInitializationList --suppress=noCopyConstructor \
  --suppress=noOperatorEq --suppress=preprocessorErrorDirective '-DElfW(x)=Elf64_##x' -i tools/examples -i tools/pictures \
  --template='{file}:{line}: {severity}: {message} [{id}]' lib tools || status=1

tidy() {  # CHECKS FILE...
  local checks=$1
  shift
  # Each process reads the system's headers once for each file; several files in one save nothing.
  # shellcheck disable=SC2016  # the inner shell's variables
  printf '%s\0' "$@" | xargs -0 -n 4 -P "$(nproc)" sh -c '
    checks=$0
    clang-tidy --quiet --checks="$checks" "$@" -- -std=c++17 -Ilib -Ilib/shared -Ilib/include -Itools "-DLEAKDIR_VERSION=\"0\"" \
      "-DLEAKDIR_PREFIX=\"/usr\"" "-DLEAKDIR_LIBDIR=\"lib\"" $defines 2>/dev/null
  ' "$checks" || status=1
}
# The library for LD_PRELOAD has parts of its own, which see another allocator.
of_library=(lib/system/allocator_next.cc lib/entry/entry_library.cc lib/entry/hooks_libc_library.cc lib/entry/hooks_new.cc lib/entry/hooks_strdup.cc
  lib/system/own_data_library.cc)
# So have the objects for musl.
of_musl=(lib/*/*_musl.cc lib/*/musl_*.cc lib/walk/by_code_x86_64.cc lib/walk/instruction_x86_64.cc lib/system/dl_find_object.cc)
# What is for other processors alone. (Of riscv64's and 32-bit ARM's, nothing needs that compiler's headers.)
of_arm64=(lib/walk/call_site_aarch64.cc lib/walk/rules_link_register.cc lib/walk/call_site_riscv64.cc lib/reach/exit_frame_none.cc)
others=()
for file in lib/*/*.cc; do [[ " ${of_library[*]} ${of_musl[*]} ${of_arm64[*]} " = *" $file "* ]] || others+=("$file"); done

export defines=
if [ "$how" = quick ]; then
  on_the_way=()
  for file in "${others[@]}"; do [[ $file != lib/@(entry|ledger|stack|track)/* ]] || on_the_way+=("$file"); done
  tidy '-clang-analyzer-*' "${on_the_way[@]}"
  exit $status
fi
tidy '' "${others[@]}"
tidy '' tools/*/*.cc
export defines=-DLEAKDIR_LIBRARY
tidy '' "${of_library[@]}"
export defines=-DLEAKDIR_MUSL
tidy '' "${of_musl[@]}"
export defines=--target=aarch64-linux-gnu
tidy '' "${of_arm64[@]}"
exit $status
