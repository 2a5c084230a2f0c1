#ifndef NORMA_CSYSTEM_SHIM_H
#define NORMA_CSYSTEM_SHIM_H

#include <malloc.h>

/* Swift's view of the C library leaves out what only GNU's has. */
extern int syncfs(int descriptor);

/* Whether the processor runs what the package's loops are compiled to, see Package.swift. */
static inline int norma_runs_here(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 1;
#endif
}

#endif
