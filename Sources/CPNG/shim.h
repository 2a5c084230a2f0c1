#ifndef NORMA_CPNG_SHIM_H
#define NORMA_CPNG_SHIM_H

#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

/* libpng reports errors by a jump, which Swift cannot take part in: the whole encoding is done here. */

typedef struct {
  png_bytep bytes;
  size_t capacity;
  size_t count;
} norma_png_target;

static void norma_png_append(png_structp png, png_bytep bytes, png_size_t count) {
  norma_png_target *target = (norma_png_target *)png_get_io_ptr(png);
  if (count > target->capacity - target->count) png_error(png, "the buffer is full");
  memcpy(target->bytes + target->count, bytes, count);
  target->count += count;
}

static void norma_png_flush(png_structp png) { (void)png; }

static void norma_png_warn(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void norma_png_fail(png_structp png, png_const_charp text) {
  (void)text;
  longjmp(png_jmpbuf(png), 1);
}

/*
 * Bytes written, 0 on failure. Rows are stored as differences to the pixel before and packed at the least effort: scans
 * become a twentieth larger than at the usual one, in a quarter of the time. Pictures of few colors are better left as
 * they are and searched for repetitions, `is_flat`. One channel is gray, three are RGB, four RGBA.
 */
static inline size_t norma_png_encode(
    const png_byte *pixels, uint32_t width, uint32_t height, int channels, int is_flat, png_byte *bytes,
    size_t capacity) {
  const int color_type =
      channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA;
  norma_png_target target = {bytes, capacity, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, norma_png_fail, norma_png_warn);
  png_infop info = png == NULL ? NULL : png_create_info_struct(png);
  uint32_t y;
  if (info == NULL || setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    return 0;
  }
  png_set_write_fn(png, &target, norma_png_append, norma_png_flush);
  png_set_IHDR(
      png, info, width, height, 8, color_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, is_flat ? PNG_FILTER_NONE : PNG_FILTER_SUB);
  png_set_compression_level(png, is_flat ? 6 : 1);
  png_write_info(png, info);
  for (y = 0; y < height; y++) png_write_row(png, (png_bytep)pixels + (size_t)y * width * channels);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return target.count;
}

#endif
