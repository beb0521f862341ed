#include "core/base/mem.h"
#include "core/base/font.h"
#include "core/metal/memory.h"
#include "core/metal/screen.h"
#include "core/port.h"

#define TEXT_BASE    0xb8000 /* of a PC's colour text mode: a letter and its colour, 80 x 25 */
#define TEXT_COLUMNS 80
#define TEXT_ROWS    25
#define TEXT_COLOUR  0x0700

#define COLUMNS_MAX 240
#define ROWS_MAX    100
#define LINE_HEIGHT (FONT_HEIGHT + 2) /* dots */
#define MARGIN	    8		      /* pixels: some screens hide their edge */
#define BACK	    0x101418
#define INK	    0xd8d8d0

static struct boot_framebuffer fb;
static struct mmio pixels;
static u32 scale; /* pixels a dot, 0: text mode */
static u32 columns, rows, column, row;
static char cells[ROWS_MAX][COLUMNS_MAX];
static bool ready;

static u32 colour(u32 rgb)
{
	return (rgb >> 16 & 0xff) << fb.red_shift | (rgb >> 8 & 0xff) << fb.green_shift |
	       (rgb & 0xff) << fb.blue_shift;
}

static void put_pixel(u64 at, u32 v)
{
	if (fb.bits == 32) {
		port_mmio_write32(&pixels, at, v);
		return;
	}
	for (u32 i = 0; i < 3; i++)
		port_mmio_write8(&pixels, at + i, (u8)(v >> i * 8));
}

static void draw_letter(u32 y, u32 x, char c)
{
	u32 ink = colour(INK), back = colour(BACK), bytes = fb.bits / 8;
	u64 line = (u64)(MARGIN + y * LINE_HEIGHT * scale) * fb.pitch +
		   (u64)(MARGIN + x * FONT_WIDTH * scale) * bytes;

	for (u32 dy = 0; dy < FONT_HEIGHT * scale; dy++, line += fb.pitch) {
		u8 dots = font_row((u8)c, dy / scale);
		u64 at = line;

		for (u32 dx = 0; dx < FONT_WIDTH; dx++)
			for (u32 s = 0; s < scale; s++, at += bytes)
				put_pixel(at, dots >> dx & 1 ? ink : back);
	}
}

static void draw(u32 y, u32 x, char c)
{
	cells[y][x] = c;
	if (scale)
		draw_letter(y, x, c);
	else
		port_mmio_write16(&pixels, (y * TEXT_COLUMNS + x) * 2, (u16)(TEXT_COLOUR | (u8)c));
}

static bool map(u64 base, u64 size, bool early)
{
	if (!early)
		return !memory_map_screen(PADDR(base), size, &pixels);
	pixels = (struct mmio){(volatile void *)base, size};
	return base + size >= base && base + size <= BOOT_EARLY_LIMIT;
}

/* Letters about as high as a printed line, whatever the screen's resolution. */
static bool lay_out(const struct boot_framebuffer *f)
{
	fb = *f;
	if (!f->base) {
		columns = TEXT_COLUMNS;
		rows = TEXT_ROWS;
		return true;
	}
	scale = (u32)max_u64(f->width < 640 ? 1 : 2, f->height / 540);
	columns = (u32)min_u64((f->width - 2 * MARGIN) / (FONT_WIDTH * scale), COLUMNS_MAX);
	rows = (u32)min_u64((f->height - 2 * MARGIN) / (LINE_HEIGHT * scale), ROWS_MAX);
	return (f->bits == 32 || f->bits == 24) && (u64)f->width * (f->bits / 8) <= f->pitch &&
	       f->width >= 320 && f->height >= 200;
}

static void clear(void)
{
	row = column = 0;
	memset(cells, ' ', sizeof(cells));
	for (u32 y = 0; !scale && y < rows; y++)
		for (u32 x = 0; x < columns; x++)
			draw(y, x, ' ');
	for (u32 y = 0; scale && y < fb.height; y++)
		for (u32 x = 0; x < fb.width; x++)
			put_pixel((u64)y * fb.pitch + (u64)x * (fb.bits / 8), colour(BACK));
}

bool screen_init(const struct boot_framebuffer *f, bool early)
{
	bool shown = ready;
	u64 base = f->base ? f->base : TEXT_BASE;
	u64 size = f->base ? (u64)f->pitch * f->height : PAGE_SIZE;

	ready = lay_out(f) && map(base, size, early);
	if (!ready || shown)
		return false;
	clear();
	return true;
}

static void new_line(void)
{
	u32 up = rows / 4;

	column = 0;
	if (row + 1 < rows) {
		row++;
		return;
	}
	for (u32 y = 0; y < rows; y++) {
		for (u32 x = 0; x < columns; x++) {
			char c = y + up < rows ? cells[y + up][x] : ' ';

			if (cells[y][x] != c)
				draw(y, x, c);
		}
	}
	row = rows - up;
}

void screen_put(char c)
{
	if (!ready)
		return;
	if (c == '\n') {
		new_line();
		return;
	}
	if (column == columns)
		new_line();
	draw(row, column++, c);
}

void screen_release(void)
{
	ready = false;
}
