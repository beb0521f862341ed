#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/image.h"

void image_move(struct image *i, u32 sx, u32 sy, struct rect to)
{
	bool up = to.y <= sy;

	for (u32 n = 0; n < to.h; n++) {
		u32 row = up ? n : to.h - 1 - n;

		memmove(image_at(i, to.x, to.y + row), image_at(i, sx, sy + row), (size_t)to.w * 4);
	}
}

void image_fill(struct image *i, struct rect r, u32 pixel)
{
	for (u32 y = 0; y < r.h; y++)
		for (u32 x = 0; x < r.w; x++)
			*image_at(i, r.x + x, r.y + y) = pixel;
}

int image_alloc(struct image *i, u32 w, u32 h)
{
	u32 stride = (u32)align_up(w, 16);
	u32 *px = aligned_alloc(64, align_up((size_t)stride * h * 4 + 64, 64));

	if (!px)
		return ERR_NOMEM;
	memset(px, 0, (size_t)stride * h * 4);
	*i = (struct image){.px = px, .w = w, .h = h, .stride = stride};
	return 0;
}

void image_free(struct image *i)
{
	free(i->px);
	*i = (struct image){0};
}
