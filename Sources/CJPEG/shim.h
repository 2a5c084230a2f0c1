#ifndef NORMA_CJPEG_SHIM_H
#define NORMA_CJPEG_SHIM_H

#include <stddef.h>
#include <stdio.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libjpeg reports errors by a call that must not return, which Swift cannot take part in: all is encoded here. */

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf target;
} norma_jpeg_errors;

static void norma_jpeg_fail(j_common_ptr info) { longjmp(((norma_jpeg_errors *)info->err)->target, 1); }

static void norma_jpeg_say(j_common_ptr info) { (void)info; }

/*
 * Bytes written into `bytes`, 0 where they do not fit or libjpeg fails. One channel is gray, three are RGB; colors are
 * stored as finely as lightness.
 */
static inline size_t norma_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, uint8_t *bytes, size_t capacity) {
  struct jpeg_compress_struct info;
  norma_jpeg_errors errors;
  unsigned char *volatile memory = NULL;
  unsigned long size = 0;
  unsigned char *target = NULL;
  int k;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = norma_jpeg_fail;
  errors.base.output_message = norma_jpeg_say;
  jpeg_create_compress(&info);
  if (setjmp(errors.target)) {
    jpeg_destroy_compress(&info);
    free(memory);
    return 0;
  }
  jpeg_mem_dest(&info, &target, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  for (k = 0; k < info.num_components; k++) info.comp_info[k].h_samp_factor = info.comp_info[k].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)info.next_scanline * width * channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  memory = target;
  jpeg_destroy_compress(&info);
  if (size <= capacity) memcpy(bytes, memory, size);
  free(memory);
  return size <= capacity ? size : 0;
}

#endif
