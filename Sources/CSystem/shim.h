#ifndef NORMA_CSYSTEM_SHIM_H
#define NORMA_CSYSTEM_SHIM_H

#include <malloc.h>

/* Swift's view of the C library leaves out what only GNU's has. */
extern int syncfs(int descriptor);

#endif
