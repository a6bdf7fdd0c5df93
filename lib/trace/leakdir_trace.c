/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir without its object: what leakdir/trace.h calls where LEAKDIR_ALONE is defined. Plain C99 and POSIX, on any
 * libc and processor, for compilers without unwind tables: one source file, compiled with the program.
 *
 *   cc -DLEAKDIR_ALONE -include leakdir/trace.h app.c leakdir_trace.c
 *
 * (A C++ program compiles it with a C compiler and links it.)
 *
 * Every block that a source with the header allocates is a file DIR/0x<address>.mem at once, and its file is gone when
 * such a source frees it: `leakdir report DIR` reads them. Against the object: there is one frame and no ledger,
 * `write` is always sync, and what is allocated elsewhere (in libc, by operator new, in libraries) is not recorded. A
 * block that is allocated here and freed there keeps its file, so compile all that shares blocks with the header. A
 * freed block is kept from its libc for a while (at most kKept of them, and kKeptBytes), so that a second free of it is
 * told for certain.
 *
 * Where leakdir.o or libleakdir.so is in the process too (`leakdir run`), that one records, and this file hands on.
 *
 * The text of a record and the options are the object's own, from lib/shared/. The forms of the messages are those of
 * lib/system/messages.hh; a test compares.
 */
#ifdef __cplusplus
#error "this file is C: compile it with a C compiler (cc -c leakdir_trace.c) and link leakdir_trace.o"
#endif

/* Before any header is included. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
