#include <string.h>

#include "core/base/font.h"
#include "viewer/client/text.h"

#define ZOOM   2
#define CELL_W (FONT_WIDTH * ZOOM)
#define CELL_H (FONT_HEIGHT * ZOOM + 2)
#define MARGIN 8
#define INK    0xf0f0f0u
#define PAPER  0x202830u

/* The letter at *p, which moves behind it; what is not ASCII counts as one letter, too. */
static u8 next_letter(const char **p)
{
	u8 c = (u8) * (*p)++;

	if (c < 0x80)
		return c < FONT_FIRST ? ' ' : c;
	while (((u8) * *p & 0xc0) == 0x80)
		(*p)++;
	return 0xff;
}

/* The end of the line that begins at p, and where the next one begins; NULL behind the last. */
static const char *line_end(const char *p, u32 columns, const char **next)
{
	const char *space = NULL;
	u32 n = 0;

	while (*p && *p != '\n' && n < columns) {
		if (*p == ' ')
			space = p;
		next_letter(&p);
		n++;
	}
	if (*p && *p != '\n' && *p != ' ' && space)
		p = space;
	*next = !*p ? NULL : *p == '\n' || *p == ' ' ? p + 1 : p;
	return p;
}

static u32 letters(const char *p, const char *end)
{
	u32 n = 0;

	while (p < end) {
		next_letter(&p);
		n++;
	}
	return n;
}

SDL_Point text_size(const char *text, u32 columns)
{
	u32 widest = 0, lines = 0;

	for (const char *p = text, *next; p; p = next, lines++) {
		const char *end = line_end(p, columns, &next);
		u32 n = letters(p, end);

		widest = n > widest ? n : widest;
	}
	return (SDL_Point){(int)(widest * CELL_W) + 2 * MARGIN, (int)(lines * CELL_H) + 2 * MARGIN};
}

static void draw_letter(SDL_Surface *to, int x, int y, u8 letter)
{
	for (u32 row = 0; row < FONT_HEIGHT; row++) {
		u8 dots = font_row(letter, row);

		for (int i = 0; dots; i++, dots >>= 1)
			if (dots & 1)
				SDL_FillRect(
				    to, &(SDL_Rect){x + i * ZOOM, y + (int)row * ZOOM, ZOOM, ZOOM},
				    INK);
	}
}

SDL_Rect text_draw(SDL_Surface *to, SDL_Point at, const char *text, u32 columns)
{
	SDL_Point size = text_size(text, columns);
	SDL_Rect box = {at.x, at.y, size.x, size.y}, all = {0, 0, to->w, to->h}, seen;
	int y = at.y + MARGIN;

	SDL_FillRect(to, &box, PAPER);
	for (const char *p = text, *next; p; p = next, y += CELL_H) {
		const char *end = line_end(p, columns, &next);

		for (int x = at.x + MARGIN; p < end; x += CELL_W)
			draw_letter(to, x, y, next_letter(&p));
	}
	if (!SDL_IntersectRect(&box, &all, &seen))
		seen = (SDL_Rect){0};
	return seen;
}
