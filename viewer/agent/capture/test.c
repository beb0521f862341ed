/*
 * A source without a desktop: replays a raw sequence (0x00RRGGBB words, frame after frame) with its
 * timing, or draws a scene by rule, so that the same pictures come on every machine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"

#define SCENE_S 5u /* a scene that does not loop plays so long, and stands then */

enum scene { SCENE_FILE, SCENE_STILL, SCENE_SHADED, SCENE_TEXT, SCENE_MIX };

static const char *const scenes[] = {
    [SCENE_STILL] = "still", [SCENE_SHADED] = "shaded", [SCENE_TEXT] = "text", [SCENE_MIX] = "mix"};

struct capture {
	struct capture_conf conf;
	enum scene scene;
	struct image img;
	struct native_heads heads;
	const u8 *file;
	size_t file_bytes;
	u64 start_us, frames;
	u64 shown; /* frame in img, UINT64_MAX none */
	struct capture_cursor cursor;
	u32 arrow[16 * 16];
};

static u64 frame_now(const struct capture *c)
{
	u64 n = (now_us() - c->start_us) * c->conf.fps / 1000000;

	if (c->scene == SCENE_STILL)
		return 0;
	if (c->frames && !c->conf.loop && n >= c->frames)
		return c->frames - 1;
	return n;
}

/* A surface lit from the side that turns a little every frame. */
static void draw_shaded(struct image *img, struct rect r, u64 n)
{
	for (u32 y = 0; y < r.h; y++) {
		u32 *px = image_at(img, r.x, r.y + y);
		for (u32 x = 0; x < r.w; x++) {
			u32 a = (u32)((x * 3 + y * 5 + n * 11) & 511),
			    b = (u32)((x * y / 64 + n * 7) & 511);
			u32 i = a < 256 ? a : 511 - a, j = b < 256 ? b : 511 - b;
			px[x] = i << 16 | (i + j) / 2 << 8 | j;
		}
	}
}

static u32 glyph_bits(u32 code)
{
	u32 v = code * 2654435761u;

	return v ^ v >> 15;
}

/* Lines of made-up letters; line k always looks the same, n scrolls. */
static void draw_text(struct image *img, struct rect r, u64 n)
{
	for (u32 y = 0; y < r.h; y++) {
		u64 line_y = y + n * 7;
		u32 line = (u32)(line_y / 16), gy = (u32)(line_y % 16);
		u32 *px = image_at(img, r.x, r.y + y);

		for (u32 x = 0; x < r.w; x++) {
			u32 bits = glyph_bits(line * 977 + x / 8);
			bool ink = gy >= 3 && gy < 13 && x % 8 < 6 && bits % 5 &&
				   bits >> ((gy / 2 * 5 + x % 8) % 31) & 1;
			px[x] = ink ? 0x202020 : 0xffffff;
		}
	}
}

static void draw(struct capture *c, u64 n)
{
	struct rect all = {0, 0, (u16)c->img.w, (u16)c->img.h};

	switch (c->scene) {
	case SCENE_FILE: {
		size_t bytes = (size_t)c->conf.w * c->conf.h * 4;
		const u8 *f = c->file + n % c->frames * bytes;
		for (u32 y = 0; y < c->conf.h; y++)
			memcpy(image_at(&c->img, 0, y), f + (size_t)y * c->conf.w * 4,
			       (size_t)c->conf.w * 4);
		break;
	}
	case SCENE_STILL:
	case SCENE_TEXT:
		draw_text(&c->img, all, n);
		break;
	case SCENE_SHADED:
		draw_shaded(&c->img, all, n);
		break;
	case SCENE_MIX: {
		/* Moves for two seconds, rests for one. */
		u64 beat = n % (c->conf.fps * 3ull), moving = c->conf.fps * 2ull;
		u64 turn = n / (c->conf.fps * 3ull) * moving + (beat < moving ? beat : moving);

		for (u8 i = 0; i < c->heads.n; i++) {
			struct rect r = c->heads.list[i];
			u16 half = r.w / 2;

			draw_text(&c->img, (struct rect){r.x, r.y, half, r.h}, 0);
			draw_shaded(&c->img,
				    (struct rect){(u16)(r.x + half), r.y, (u16)(r.w - half), r.h},
				    turn);
		}
		break;
	}
	}
}

static void test_close(struct capture *c)
{
	if (!c)
		return;
	if (c->file)
		munmap((void *)c->file, c->file_bytes);
	image_free(&c->img);
	free(c);
}

static int map_file(struct capture *c, char *error, size_t n)
{
	struct stat st;
	int fd = open(c->conf.source, O_RDONLY | O_CLOEXEC);
	size_t frame = (size_t)c->conf.w * c->conf.h * 4;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(error, n, "cannot open %s, and it is no scene (still shaded text mix): %m",
			 c->conf.source);
		if (fd >= 0)
			close(fd);
		return ERR_NOENT;
	}
	c->frames = (u64)st.st_size / frame;
	c->file_bytes = (size_t)st.st_size;
	c->file = c->frames ? mmap(NULL, c->file_bytes, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (!c->file || c->file == MAP_FAILED) {
		snprintf(error, n, "%s holds not even one frame of %ux%u", c->conf.source,
			 c->conf.w, c->conf.h);
		c->file = NULL;
		return ERR_CORRUPT;
	}
	return 0;
}

static struct capture *test_open(const struct capture_conf *conf, char *error, size_t n)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = *conf;
	if (!c->conf.fps)
		c->conf.fps = 30;
	u32 heads = conf->heads ? conf->heads : 1;
	for (u32 i = 1; i < ARRAY_SIZE(scenes); i++)
		if (!strcmp(scenes[i], conf->source))
			c->scene = (enum scene)i;
	if (c->scene == SCENE_FILE && map_file(c, error, n))
		goto fail;
	if (c->scene != SCENE_FILE && !conf->loop)
		c->frames = (u64)c->conf.fps * SCENE_S;
	if (heads > NATIVE_MAX_HEADS || (u64)conf->w * heads > RFB_MAX_SIDE || !conf->w ||
	    !conf->h || conf->h > RFB_MAX_SIDE || image_alloc(&c->img, conf->w * heads, conf->h)) {
		snprintf(error, n, "a picture of %u times %ux%u cannot be had", heads, conf->w,
			 conf->h);
		goto fail;
	}
	c->heads = (struct native_heads){(u16)(conf->w * heads), (u16)conf->h, (u8)heads, {{0}}};
	for (u32 i = 0; i < heads; i++)
		c->heads.list[i] = (struct rect){(u16)(i * conf->w), 0, (u16)conf->w, (u16)conf->h};
	for (u32 y = 0; y < 16; y++)
		for (u32 x = 0; x < 16; x++)
			c->arrow[y * 16 + x] = x <= y && x + y < 20 ? 0xff000000u : 0;
	c->cursor = (struct capture_cursor){16, 16, 0, 0, 0, 0, true, c->arrow};
	c->start_us = now_us();
	c->shown = UINT64_MAX;
	return c;
fail:
	test_close(c);
	return NULL;
}

static int test_fd(struct capture *c)
{
	return -1;
}

static u64 test_due(struct capture *c)
{
	if (c->shown == UINT64_MAX)
		return 0;
	if (c->scene == SCENE_STILL || (c->frames && !c->conf.loop && c->shown + 1 >= c->frames))
		return UINT64_MAX;
	return c->start_us + (c->shown + 1) * 1000000 / c->conf.fps + 1;
}

static int test_dispatch(struct capture *c, struct capture_news *news)
{
	*news = (struct capture_news){.damage = frame_now(c) != c->shown,
				      .cursor = c->shown == UINT64_MAX};
	return 0;
}

static void test_heads(struct capture *c, struct native_heads *h)
{
	*h = c->heads;
}

static int test_grab(struct capture *c, struct tileset *damage, struct capture_buffer *b)
{
	u64 n = frame_now(c);

	tileset_clear(damage);
	if (n != c->shown) {
		draw(c, n);
		tileset_fill(damage);
		c->shown = n;
	}
	*b = capture_of_image(&c->img, now_us());
	return 0;
}

static const struct capture_cursor *test_cursor(struct capture *c)
{
	return &c->cursor;
}

static int test_resize(struct capture *c, const struct native_heads *want)
{
	return ERR_UNSUPPORTED;
}

const struct capture_ops capture_test = {
    .name = "test",
    .open = test_open,
    .close = test_close,
    .fd = test_fd,
    .due_us = test_due,
    .dispatch = test_dispatch,
    .heads = test_heads,
    .grab = test_grab,
    .cursor = test_cursor,
    .resize = test_resize,
};
