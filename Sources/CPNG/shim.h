#ifndef NORMA_CPNG_SHIM_H
#define NORMA_CPNG_SHIM_H

#include <png.h>

/* Composite macros do not reach Swift. */
static const png_uint_32 norma_png_gray = PNG_FORMAT_GRAY;
static const png_uint_32 norma_png_rgb = PNG_FORMAT_RGB;
static const png_uint_32 norma_png_rgba = PNG_FORMAT_RGBA;

#endif
