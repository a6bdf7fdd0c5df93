#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# 32-bit ARM's unwind tables hold where a function calls another one, and say nothing of other instructions (DWARF's do).
# libgcc 12.2 (libgcc-12-dev-armhf-cross 12.2.0-14cross1, Debian 12) goes on beyond a signal's handler all the same, by the
# table of whatever the signal has interrupted. Before a function has set up r7 as its frame pointer, the table goes by r7
# as if it had: the unwinder reads where the caller's r7 points. Here that is an array of the program's own, and
# _Unwind_Backtrace gives a function as the caller that never called, and no more of those that did. Nothing is said. (In
# other programs it pointed to where there is no memory; that ended them.) Behind the prologue the stack is right.
#
# Seen on x86-64 under qemu-arm 7.2.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q gcc-12-arm-linux-gnueabihf=12.2.0-14cross1 cpp-12-arm-linux-gnueabihf=12.2.0-14cross1 \
  libgcc-12-dev-armhf-cross=12.2.0-14cross1 binutils-arm-linux-gnueabihf=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 \
  libc6-dev-armhf-cross=2.36-8cross1 linux-libc-dev-armhf-cross=6.1.4-1cross1 libisl23=0.25-1.1 libmpc3=1.3.1-1 \
  libmpfr6=4.2.0-1 qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu

cat >program.c <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>
#include <unwind.h>
void callee(void), nowhere(void), caller(uintptr_t *r7), end_of_caller(void);
static void name(uintptr_t pc) {
  if (pc >= (uintptr_t)callee && pc < (uintptr_t)nowhere) printf(" callee");
  else if (pc >= (uintptr_t)nowhere && pc < (uintptr_t)caller) printf(" nowhere");
  else if (pc >= (uintptr_t)caller && pc < (uintptr_t)end_of_caller) printf(" caller");
}
static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *unused) {
  (void)unused;
  name(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}
static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  printf("a signal:");
  _Unwind_Backtrace(note, NULL);
  printf("\n");
  ((ucontext_t *)context)->uc_mcontext.arm_pc += 4;
}
__asm__(
    ".text\n.arm\n.syntax unified\n"
    ".globl callee\n.type callee, %function\n"
    "callee:\n.fnstart\n"
    "  nop\n"
    "  udf #0\n"
    "  push {r7, lr}\n  .save {r7, lr}\n"
    "  mov r7, sp\n  .setfp r7, sp\n"
    "  udf #0\n"
    "  pop {r7, pc}\n.fnend\n"
    ".globl nowhere\n.type nowhere, %function\n"
    "nowhere:\n.fnstart\n"
    "  push {r7, lr}\n  .save {r7, lr}\n"
    "  nop\n"
    "  pop {r7, pc}\n.fnend\n"
    ".globl caller\n.type caller, %function\n"
    "caller:\n.fnstart\n"
    "  push {r7, lr}\n  .save {r7, lr}\n"
    "  mov r7, r0\n"
    "  bl callee\n"
    "  pop {r7, pc}\n.fnend\n"
    ".globl end_of_caller\nend_of_caller:\n");
int main(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, NULL);
  uintptr_t array[8] = {0, (uintptr_t)nowhere + 8};
  caller(array);
  return 0;
}
END
gcc=root/usr/lib/gcc-cross/arm-linux-gnueabihf/12 libs=$work/root/usr/arm-linux-gnueabihf
root/usr/bin/arm-linux-gnueabihf-gcc-12 -O1 -marm -funwind-tables -static -isystem "$libs/include" -B"$gcc" -B"$libs/bin" \
  -B"$libs/lib" -L"$libs/lib" program.c -o program
root/usr/bin/qemu-arm-static ./program | tee seen
diff seen - <<'END'
a signal: callee nowhere
a signal: callee caller
END
