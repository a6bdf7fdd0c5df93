// SPDX-License-Identifier: BSL-1.0
//
// Part of leakdir.o for musl only, which forwards to what libc.so exports: linked into a static program it would find
// nothing to forward to. __dls2b is in libc.so and not in libc.a, so that such a link fails, and the linker names this
// section.

extern "C" void __dls2b();

namespace leakdir {
__attribute__((section(".data.static_programs_take_leakdir-static.o"), used)) void (*needs_libc_so)() = __dls2b;
}  // namespace leakdir
