#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

#include "core/base/err.h"
#include "viewer/codec/jpeg.h"

struct trap {
	struct jpeg_error_mgr mgr;
	jmp_buf back;
};

static void give_up(j_common_ptr c)
{
	struct trap *t = (struct trap *)c->err;

	longjmp(t->back, 1);
}

static void quiet(j_common_ptr c, int level)
{
}

static void say_nothing(j_common_ptr c)
{
}

static void set_trap(struct trap *t)
{
	jpeg_std_error(&t->mgr);
	t->mgr.error_exit = give_up;
	t->mgr.emit_message = quiet;
	t->mgr.output_message = say_nothing;
}

/* step: one for all coefficients instead of the quality's; 0: none. */
static int put(const struct image *img, struct rect r, int quality, u32 step, bool subsample,
	       struct wbuf *out)
{
	struct jpeg_compress_struct c = {0};
	struct trap trap;
	unsigned char *mem = NULL;
	unsigned long size = 0;
	unsigned flat[64];

	set_trap(&trap);
	c.err = &trap.mgr;
	if (setjmp(trap.back)) {
		jpeg_destroy_compress(&c);
		free(mem);
		return ERR_NOMEM;
	}
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, &mem, &size);
	c.image_width = r.w;
	c.image_height = r.h;
	c.input_components = 4;
	c.in_color_space = JCS_EXT_BGRX;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, quality, TRUE);
	for (u32 i = 0; i < 64; i++)
		flat[i] = step;
	for (int i = 0; i < 2 && step; i++)
		jpeg_add_quant_table(&c, i, flat, 100, TRUE);
	c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = subsample ? 2 : 1;
	c.dct_method = step ? JDCT_ISLOW : JDCT_FASTEST; /* the fast one spoils small steps */
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = (JSAMPROW)image_at(img, r.x, r.y + c.next_scanline);
		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	put_bytes(out, mem, size);
	free(mem);
	return 0;
}

int jpeg_put(const struct image *img, struct rect r, int quality, bool subsample, struct wbuf *out)
{
	return put(img, r, quality, 0, subsample, out);
}

int jpeg_put_flat(const struct image *img, struct rect r, u32 step, struct wbuf *out)
{
	return put(img, r, 100, step, false, out);
}

int jpeg_get(const u8 *p, size_t n, struct image *img, struct rect r)
{
	struct jpeg_decompress_struct d = {0};
	struct trap trap;

	set_trap(&trap);
	d.err = &trap.mgr;
	if (setjmp(trap.back)) {
		jpeg_destroy_decompress(&d);
		return ERR_CORRUPT;
	}
	jpeg_create_decompress(&d);
	jpeg_mem_src(&d, p, n);
	if (jpeg_read_header(&d, TRUE) != JPEG_HEADER_OK || d.image_width != r.w ||
	    d.image_height != r.h) {
		jpeg_destroy_decompress(&d);
		return ERR_CORRUPT;
	}
	d.out_color_space = JCS_EXT_BGRX;
	jpeg_start_decompress(&d);
	while (d.output_scanline < d.output_height) {
		u32 *px = image_at(img, r.x, r.y + d.output_scanline);
		JSAMPROW row = (JSAMPROW)px;

		jpeg_read_scanlines(&d, &row, 1);
		for (u32 x = 0; x < r.w; x++)
			px[x] &= 0xffffff;
	}
	jpeg_finish_decompress(&d);
	jpeg_destroy_decompress(&d);
	return 0;
}
