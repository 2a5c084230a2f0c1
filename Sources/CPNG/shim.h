#ifndef NORMA_CPNG_SHIM_H
#define NORMA_CPNG_SHIM_H

#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

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
 * Bytes written, 0 on failure. One channel is gray, three are RGB, four RGBA; one channel with a palette of `palette_count`
 * RGBA colors is indexed. How hard to try: 0 stores differences to the pixel before or above, in which nothing but runs
 * is looked for; 1 leaves pictures of few colors as they are and searches them for repetitions; 2 chooses the best
 * difference for every row; 3 stores differences to the pixel before and finds what repeats itself nearby, such as three
 * channels of one gray.
 */
static inline size_t norma_png_encode(
    const png_byte *pixels, uint32_t width, uint32_t height, int channels, const png_byte *palette, int palette_count,
    int effort, png_byte *bytes, size_t capacity) {
  const int color_type = palette != NULL ? PNG_COLOR_TYPE_PALETTE
      : channels == 1                    ? PNG_COLOR_TYPE_GRAY
      : channels == 3                    ? PNG_COLOR_TYPE_RGB
                                         : PNG_COLOR_TYPE_RGB_ALPHA;
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
  if (palette != NULL) {
    png_color colors[256];
    png_byte alphas[256];
    int k;
    for (k = 0; k < palette_count && k < 256; k++) {
      colors[k].red = palette[4 * k];
      colors[k].green = palette[4 * k + 1];
      colors[k].blue = palette[4 * k + 2];
      alphas[k] = palette[4 * k + 3];
    }
    png_set_PLTE(png, info, colors, palette_count);
    png_set_tRNS(png, info, alphas, palette_count, NULL);
  }
  png_set_filter(
      png, PNG_FILTER_TYPE_BASE,
      effort == 0   ? PNG_FILTER_SUB | PNG_FILTER_UP
      : effort == 1 ? PNG_FILTER_NONE
      : effort == 2 ? PNG_ALL_FILTERS
                    : PNG_FILTER_SUB);
  if (effort == 0) png_set_compression_strategy(png, Z_RLE);
  png_set_compression_level(png, effort == 0 || effort == 3 ? 1 : 6);
  png_write_info(png, info);
  for (y = 0; y < height; y++) png_write_row(png, (png_bytep)pixels + (size_t)y * width * channels);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return target.count;
}

#endif
