#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Debian 13's libstdc++ for the cross compiler to arm64 (libstdc++-14-dev-arm64-cross 14.2.0-19cross1) is compiled without
# optimisation: inline functions are called, as __gnu_cxx::aligned_alloc of an aligned operator new, which so has a frame
# more than elsewhere, and the code of std::string is 1.6 times as large. arm64's own package of the same sources
# (libstdc++-14-dev 14.2.0-19) and the cross compiler's for 32-bit ARM are optimised.
#
# Seen with llvm-nm and llvm-size 14.0.6, which read objects of any processor.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
pool=http://deb.debian.org/debian/pool/main/g
fetch() {  # NAME PATH HASH
  /usr/lib/apt/apt-helper download-file "$pool/$2" "$1.deb" "SHA256:$3" >/dev/null 2>&1
  dpkg-deb -x "$1.deb" "$1"
  (cd "$1" && llvm-ar x "$(find . -name libstdc++.a)" new_opa.o string-inst.o)
}
fetch arm64-cross gcc-14-cross/libstdc++-14-dev-arm64-cross_14.2.0-19cross1_all.deb dc2d2e1e59f2687a6cb30f3f5ed25e795f2769482ee8f7c5835f00481bf5ad65
fetch arm64 gcc-14/libstdc++-14-dev_14.2.0-19_arm64.deb 8760122d044cd8eb8c69426311d6b5ce7bb8f0f76e9cda1944d153ae878138f8
fetch armhf-cross gcc-14-cross/libstdc++-14-dev-armhf-cross_14.2.0-19cross1_all.deb 0df89229644682665c5ffae6ce00b125309c44e49a6922234c24d0f12a1f26ac

for name in arm64-cross arm64 armhf-cross; do
  echo "$name: $(llvm-nm "$name/new_opa.o" | grep -c ' t _ZN9__gnu_cxxL13aligned_allocE[mj]*$') functions below operator new," \
    "std::string $(llvm-size "$name/string-inst.o" | awk 'NR == 2 { print $1 }') bytes of code"
done | tee seen
diff seen - <<'END'
arm64-cross: 1 functions below operator new, std::string 35615 bytes of code
arm64: 0 functions below operator new, std::string 21732 bytes of code
armhf-cross: 0 functions below operator new, std::string 10182 bytes of code
END
