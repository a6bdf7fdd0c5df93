/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir: takes the macros of leakdir/trace.h away, in front of declarations of functions with the same names.
 * Including <leakdir/trace.h> again does not bring them back. A macro of the program's own stays.
 */
#ifdef LEAKDIR_HAS_malloc_
#undef LEAKDIR_HAS_malloc_
#undef malloc
#endif
#ifdef LEAKDIR_HAS_calloc_
#undef LEAKDIR_HAS_calloc_
#undef calloc
#endif
#ifdef LEAKDIR_HAS_realloc_
#undef LEAKDIR_HAS_realloc_
#undef realloc
#endif
#ifdef LEAKDIR_HAS_reallocarray_
#undef LEAKDIR_HAS_reallocarray_
#undef reallocarray
#endif
#ifdef LEAKDIR_HAS_aligned_alloc_
#undef LEAKDIR_HAS_aligned_alloc_
#undef aligned_alloc
#endif
#ifdef LEAKDIR_HAS_memalign_
#undef LEAKDIR_HAS_memalign_
#undef memalign
#endif
#ifdef LEAKDIR_HAS_posix_memalign_
#undef LEAKDIR_HAS_posix_memalign_
#undef posix_memalign
#endif
#ifdef LEAKDIR_HAS_valloc_
#undef LEAKDIR_HAS_valloc_
#undef valloc
#endif
#ifdef LEAKDIR_HAS_pvalloc_
#undef LEAKDIR_HAS_pvalloc_
#undef pvalloc
#endif
#ifdef LEAKDIR_HAS_strdup_
#undef LEAKDIR_HAS_strdup_
#undef strdup
#endif
#ifdef LEAKDIR_HAS_strndup_
#undef LEAKDIR_HAS_strndup_
#undef strndup
#endif
#ifdef LEAKDIR_HAS_wcsdup_
#undef LEAKDIR_HAS_wcsdup_
#undef wcsdup
#endif
#ifdef LEAKDIR_HAS_new_
#undef LEAKDIR_HAS_new_
#undef new
#endif
