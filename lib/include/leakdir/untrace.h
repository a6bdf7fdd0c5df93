/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir: takes the macros of leakdir/trace.h away, in front of declarations of functions with the same names.
 * Including <leakdir/trace.h> again does not bring them back.
 */
#undef malloc
#undef calloc
#undef realloc
#undef reallocarray
#undef aligned_alloc
#undef memalign
#undef posix_memalign
#undef valloc
#undef pvalloc
#undef strdup
#undef strndup
#undef wcsdup
#undef new
