#ifndef NORMA_COPENJPEG_SHIM_H
#define NORMA_COPENJPEG_SHIM_H

#include <openjpeg.h>

#endif
