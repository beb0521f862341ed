#include "core/metal/boot/boot_info.h"
#include "core/metal/screen.h"
#include "core/port.h"

#define TEXT_BASE    0xb8000
#define TEXT_COLUMNS 80
#define TEXT_ROWS    25
#define TEXT_COLOUR  0x0700

static struct mmio text;
static bool ready;
static u32 row, column;

void screen_init(const struct boot_framebuffer *fb)
{
	if (fb->base)
		return; /* a pixel screen has no letters of its own */
	ready = !port_mmio_map(PADDR(TEXT_BASE), PAGE_SIZE, &text);
	for (u32 i = 0; ready && i < TEXT_COLUMNS * TEXT_ROWS; i++)
		port_mmio_write16(&text, i * 2, TEXT_COLOUR | ' ');
}

static void new_line(void)
{
	column = 0;
	if (row + 1 < TEXT_ROWS) {
		row++;
		return;
	}
	for (u32 i = 0; i < TEXT_COLUMNS * TEXT_ROWS; i++)
		port_mmio_write16(&text, i * 2,
				  i < TEXT_COLUMNS * (TEXT_ROWS - 1)
				      ? port_mmio_read16(&text, (i + TEXT_COLUMNS) * 2)
				      : TEXT_COLOUR | ' ');
}

void screen_put(char c)
{
	if (!ready)
		return;
	if (c == '\n') {
		new_line();
		return;
	}
	if (column == TEXT_COLUMNS)
		new_line();
	port_mmio_write16(&text, (row * TEXT_COLUMNS + column) * 2, (u16)(TEXT_COLOUR | (u8)c));
	column++;
}

void screen_release(void)
{
	ready = false;
}
