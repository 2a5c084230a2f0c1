#ifndef NORMA_CTIFF_SHIM_H
#define NORMA_CTIFF_SHIM_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

/*
 * Swift can neither call variadic functions nor write a va_list callback; everything here is for one of these two.
 */

/* What libtiff said about one file: the text of the first error since `text` was last emptied. */
typedef struct {
  char *text;
  size_t capacity;
  int system_error;
} norma_tiff_log;

static void norma_tiff_note(norma_tiff_log *log, int system_error, const char *format, va_list arguments) {
  /* The first error names the cause; what follows are its consequences. */
  if (log->text[0] != '\0') return;
  vsnprintf(log->text, log->capacity, format, arguments);
  log->system_error = system_error;
}

static int norma_tiff_on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  int system_error = errno;
  (void)tiff;
  (void)module;
  norma_tiff_note((norma_tiff_log *)user, system_error, format, arguments);
  return 1; /* handled: the global handler, which prints, is not called */
}

static int norma_tiff_on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  norma_tiff_log *log = (norma_tiff_log *)user;
  int system_error = errno;
  char text[256];
  va_list copy;
  (void)tiff, (void)module;
  va_copy(copy, arguments);
  vsnprintf(text, sizeof text, format, copy);
  va_end(copy);
  /* The fax and JPEG codecs make up the pixels that a strip or tile should have held, and call it a success. */
  if (strstr(text, "remature ") != NULL || strstr(text, "Improper JPEG") != NULL) {
    norma_tiff_note(log, system_error, format, arguments);
  }
  return 1;
}

/* NULL on failure; the descriptor then still belongs to the caller. */
static inline TIFF *norma_tiff_open(
    int descriptor, const char *name, const char *mode, norma_tiff_log *log, tmsize_t max_allocation) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  TIFF *tiff;
  if (options == NULL) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, norma_tiff_on_error, log);
  TIFFOpenOptionsSetWarningHandlerExtR(options, norma_tiff_on_warning, log);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, max_allocation);
  tiff = TIFFFdOpenExt(descriptor, name, mode, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}

static inline int norma_tiff_get_u16(TIFF *tiff, uint32_t tag, uint16_t *value) {
  return TIFFGetFieldDefaulted(tiff, tag, value);
}
static inline int norma_tiff_get_u32(TIFF *tiff, uint32_t tag, uint32_t *value) {
  return TIFFGetFieldDefaulted(tiff, tag, value);
}
static inline int norma_tiff_get_float(TIFF *tiff, uint32_t tag, float *value) {
  return TIFFGetField(tiff, tag, value);
}
static inline int norma_tiff_get_string(TIFF *tiff, uint32_t tag, const char **value) {
  return TIFFGetField(tiff, tag, value);
}
static inline int norma_tiff_get_extra_samples(TIFF *tiff, uint16_t *count, const uint16_t **kinds) {
  return TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, count, kinds);
}
static inline int norma_tiff_get_palette(
    TIFF *tiff, const uint16_t **red, const uint16_t **green, const uint16_t **blue) {
  return TIFFGetField(tiff, TIFFTAG_COLORMAP, red, green, blue);
}

static inline int norma_tiff_get_sub_ifds(TIFF *tiff, uint16_t *count, const uint64_t **offsets) {
  return TIFFGetField(tiff, TIFFTAG_SUBIFD, count, offsets);
}
/* The first value of a float tag that libtiff has no name for. */
static inline int norma_tiff_get_private_float(TIFF *tiff, uint32_t tag, float *value) {
  const TIFFField *field = TIFFFindField(tiff, tag, TIFF_FLOAT);
  const float *values = NULL;
  uint32_t count = 0;
  if (field == NULL || !TIFFFieldPassCount(field) || TIFFFieldReadCount(field) != TIFF_VARIABLE2) return 0;
  if (TIFFGetField(tiff, tag, &count, &values) != 1 || count == 0 || values == NULL) return 0;
  *value = values[0];
  return 1;
}

/* The text of a private tag, which need not end with a zero byte; `count` is its length in bytes. */
static inline int norma_tiff_get_private_text(TIFF *tiff, uint32_t tag, uint32_t *count, const char **value) {
  const TIFFField *field = TIFFFindField(tiff, tag, TIFF_ANY);
  const void *values = NULL;
  uint16_t narrow = 0;
  int read;
  if (field == NULL || !TIFFFieldPassCount(field)) return 0;
  switch (TIFFFieldDataType(field)) {
    case TIFF_ASCII: case TIFF_BYTE: case TIFF_UNDEFINED: break;
    default: return 0;
  }
  if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
    read = TIFFGetField(tiff, tag, count, &values);
  } else {
    read = TIFFGetField(tiff, tag, &narrow, &values);
    *count = narrow;
  }
  *value = (const char *)values;
  return read == 1 && values != NULL;
}

/* Variadic arguments narrower than int travel as int, floats as double: one setter serves each family. */
static inline int norma_tiff_set_u16(TIFF *tiff, uint32_t tag, uint16_t value) {
  return TIFFSetField(tiff, tag, (int)value);
}
static inline int norma_tiff_set_u32(TIFF *tiff, uint32_t tag, uint32_t value) {
  return TIFFSetField(tiff, tag, value);
}
static inline int norma_tiff_set_float(TIFF *tiff, uint32_t tag, double value) {
  return TIFFSetField(tiff, tag, value);
}
static inline int norma_tiff_set_string(TIFF *tiff, uint32_t tag, const char *value) {
  return TIFFSetField(tiff, tag, value);
}
static inline int norma_tiff_set_extra_samples(TIFF *tiff, uint16_t count, const uint16_t *kinds) {
  return TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, (int)count, kinds);
}

/*
 * Converts one strip or tile to 8-bit RGBA in stored order, top row first. TIFFReadRGBAStrip and TIFFReadRGBATile
 * would apply the orientation to each piece by itself; this leaves it to the caller.
 */
static inline int norma_tiff_read_rgba(
    TIFF *tiff, uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t *raster, char reason[1024]) {
  TIFFRGBAImage image;
  int ok;
  if (!TIFFRGBAImageOK(tiff, reason) || !TIFFRGBAImageBegin(&image, tiff, 1, reason)) return 0;
  image.req_orientation = image.orientation;
  image.row_offset = (int)y;
  image.col_offset = (int)x;
  ok = TIFFRGBAImageGet(&image, raster, width, height);
  TIFFRGBAImageEnd(&image);
  return ok;
}

#endif
