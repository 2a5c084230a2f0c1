#ifndef NORMA_CSYSTEM_SHIM_H
#define NORMA_CSYSTEM_SHIM_H

#include <malloc.h>
#include <unistd.h>

/* Swift's view of the C library leaves out what only GNU's has. */
extern int syncfs(int descriptor);
extern int memfd_create(const char *name, unsigned int flags);

/*
 * Ends the program with a sentence where the processor cannot run what the package's loops are compiled to, see
 * Package.swift. In C, since Swift's own functions may have been compiled along with those loops.
 */
static inline void norma_require_processor(void) {
#if defined(__x86_64__)
  static const char sentence[] =
      "norma: this processor has no AVX2 and FMA instructions, which norma computes with. Run it on one from 2013 or "
      "later.\n";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return;
  if (write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0) _exit(2);
  _exit(1);
#endif
}

#endif
