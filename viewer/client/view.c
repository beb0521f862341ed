#include <string.h>

#include "viewer/client/text.h"
#include "viewer/client/view.h"

#define MAX_RECTS 256
#define CORNER	  12

SDL_Rect view_fit(u32 w, u32 h, SDL_Rect span, bool smooth)
{
	int pw = (int)w, ph = (int)h;
	SDL_Rect p = span;

	if (!w || !h)
		return p;
	int times = span.w / pw < span.h / ph ? span.w / pw : span.h / ph;
	if (times >= 1 && (!smooth || times * pw == span.w || times * ph == span.h)) {
		p.w = pw * times;
		p.h = ph * times;
	} else if ((s64)span.w * ph < (s64)span.h * pw) {
		p.h = (int)((s64)ph * span.w / pw);
	} else {
		p.w = (int)((s64)pw * span.h / ph);
	}
	p.x += (span.w - p.w) / 2;
	p.y += (span.h - p.h) / 2;
	return p;
}

/* How many times its size the picture is shown; 0: no whole number. */
static int whole_times(const struct view *v)
{
	int times = v->part.w ? v->place.w / v->part.w : 0;

	return times * v->part.w == v->place.w && times * v->part.h == v->place.h ? times : 0;
}

static void set_place(struct view *v, bool smooth)
{
	SDL_Rect span = v->span;

	if (!span.w)
		SDL_GetWindowSize(v->win, &span.w, &span.h);
	SDL_Rect p = view_fit(v->part.w, v->part.h, span, smooth);
	if (!SDL_RectEquals(&p, &v->place)) {
		v->place = p;
		v->whole = true;
	}
}

/* Half of its colour gives way to magenta, which hardly any desktop shows. */
static void tint(SDL_Surface *to, SDL_Rect r)
{
	SDL_Rect all = {0, 0, to->w, to->h};

	if (!SDL_IntersectRect(&r, &all, &r))
		return;
	for (int y = r.y; y < r.y + r.h; y++) {
		u32 *px = (u32 *)((u8 *)to->pixels + (size_t)y * (size_t)to->pitch) + r.x;

		for (int x = 0; x < r.w; x++)
			px[x] = (px[x] >> 1 & 0x7f7f7f) + 0x7f007f;
	}
}

static SDL_Rect to_window(const struct view *v, struct rect r)
{
	s64 x0 = r.x - v->part.x, y0 = r.y - v->part.y;
	s64 x1 = x0 + r.w, y1 = y0 + r.h;
	SDL_Rect d = {.x = v->place.x + (int)(x0 * v->place.w / v->part.w),
		      .y = v->place.y + (int)(y0 * v->place.h / v->part.h)};

	d.w = v->place.x + (int)(x1 * v->place.w / v->part.w) - d.x;
	d.h = v->place.y + (int)(y1 * v->place.h / v->part.h) - d.y;
	return d;
}

static bool intersect(struct rect a, struct rect b, struct rect *out)
{
	u32 x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
	u32 ax = (u32)a.x + a.w, ay = (u32)a.y + a.h, bx = (u32)b.x + b.w, by = (u32)b.y + b.h;
	u32 x1 = ax < bx ? ax : bx, y1 = ay < by ? ay : by;

	if (x0 >= x1 || y0 >= y1)
		return false;
	*out = (struct rect){(u16)x0, (u16)y0, (u16)(x1 - x0), (u16)(y1 - y0)};
	return true;
}

/* Pixel by pixel, cut at the surface's edges. */
static void copy(const struct image *from, struct rect r, SDL_Surface *to, SDL_Rect d)
{
	SDL_Rect all = {0, 0, to->w, to->h}, seen;

	if (!SDL_IntersectRect(&d, &all, &seen))
		return;
	u32 x = r.x + (u32)(seen.x - d.x), y = r.y + (u32)(seen.y - d.y);
	for (int row = 0; row < seen.h; row++)
		memcpy((u8 *)to->pixels + (size_t)(seen.y + row) * (size_t)to->pitch +
			   (size_t)seen.x * 4,
		       image_at(from, x, y + (u32)row), (size_t)seen.w * 4);
}

/* SDL's smooth scaling cuts nothing itself: the part that is seen is cut out of both. */
static void stretch(struct view *v, SDL_Surface *canvas, SDL_Surface *to)
{
	SDL_Rect all = {0, 0, to->w, to->h}, d;
	const SDL_Rect *p = &v->place;

	if (!SDL_IntersectRect(p, &all, &d))
		return;
	int x0 = (int)((s64)(d.x - p->x) * v->part.w / p->w);
	int y0 = (int)((s64)(d.y - p->y) * v->part.h / p->h);
	int x1 = (int)(((s64)(d.x + d.w - p->x) * v->part.w + p->w - 1) / p->w);
	int y1 = (int)(((s64)(d.y + d.h - p->y) * v->part.h + p->h - 1) / p->h);
	SDL_Rect s = {v->part.x + x0, v->part.y + y0, x1 - x0, y1 - y0};

	SDL_SoftStretchLinear(canvas, &s, to, &d);
}

static void mark_inexact(const struct view *v, const struct scene *s, SDL_Surface *to,
			 struct rect r)
{
	const struct tileset *t = &s->c->exact;

	for (u32 y = r.y / TILE_H; y <= ((u32)r.y + r.h - 1) / TILE_H; y++)
		for (u32 x = r.x / TILE_W; x <= ((u32)r.x + r.w - 1) / TILE_W; x++) {
			u32 i = y * t->cols + x;
			struct rect a = tile_rect(t->cols, i, s->c->canvas.w, s->c->canvas.h);

			if (!tileset_has(t, i) && intersect(a, r, &a))
				tint(to, to_window(v, a));
		}
}

/* Brings r, which lies in the view's part, to its place; returns what of that is seen. */
static SDL_Rect bring(struct view *v, const struct scene *s, SDL_Surface *to, struct rect r)
{
	SDL_Rect d = to_window(v, r), from = {r.x, r.y, r.w, r.h}, end = d;
	SDL_Rect all = {0, 0, to->w, to->h}, seen;
	int times = whole_times(v);

	if (!SDL_IntersectRect(&d, &all, &seen))
		return (SDL_Rect){0};

	if (times == 1)
		copy(&s->c->canvas, r, to, d);
	else if (s->smooth && !times)
		stretch(v, s->canvas, to);
	else
		SDL_BlitScaled(s->canvas, &from, to, &end);
	if (s->marks && s->c->native)
		mark_inexact(v, s, to, r);
	return seen;
}

/* Adds a rectangle to the list, joined with the one above it where they fit; the list ends in one
 * that holds all the rest. */
static int add_rect(SDL_Rect *list, int n, SDL_Rect r)
{
	SDL_Rect *last = n ? &list[n - 1] : NULL;

	if (!r.w)
		return n;
	if (last && last->x == r.x && last->w == r.w && last->y + last->h == r.y)
		last->h += r.h;
	else if (n < MAX_RECTS)
		list[n++] = r;
	else
		SDL_UnionRect(last, &r, last);
	return n;
}

/* Runs of painted tiles that the view shows. */
static int bring_painted(struct view *v, const struct scene *s, SDL_Surface *to, SDL_Rect *list)
{
	const struct tileset *t = s->painted;
	u32 x0 = v->part.x / TILE_W, x1 = ((u32)v->part.x + v->part.w + TILE_W - 1) / TILE_W;
	u32 y0 = v->part.y / TILE_H, y1 = ((u32)v->part.y + v->part.h + TILE_H - 1) / TILE_H;
	int n = 0;

	for (u32 y = y0; y < y1; y++)
		for (u32 x = x0; x < x1; x++) {
			u32 from = x;

			while (x < x1 && tileset_has(t, y * t->cols + x))
				x++;
			struct rect r = {(u16)(from * TILE_W), (u16)(y * TILE_H),
					 (u16)((x - from) * TILE_W), TILE_H};
			if (x > from && intersect(r, v->part, &r))
				n = add_rect(list, n, bring(v, s, to, r));
		}
	return n;
}

/* Where the words go; w 0: there are none. */
static SDL_Rect words_place(const struct scene *s, int which, const SDL_Surface *to, u32 *columns)
{
	const char *text = s->words[which];
	u32 cells = (u32)to->w / 12;

	*columns = cells > 8 ? cells - 4 : 4;
	if (which && *columns > 72)
		*columns = 72;
	if (!text)
		return (SDL_Rect){0};
	SDL_Point size = text_size(text, *columns);
	return which ? (SDL_Rect){(to->w - size.x) / 2, (to->h - size.y) / 2, size.x, size.y}
		     : (SDL_Rect){CORNER, CORNER, size.x, size.y};
}

static bool inside(const SDL_Rect *a, const SDL_Rect *b)
{
	return a->x >= b->x && a->y >= b->y && a->x + a->w <= b->x + b->w &&
	       a->y + a->h <= b->y + b->h;
}

void view_draw(struct view *v, const struct scene *s)
{
	SDL_Rect list[MAX_RECTS + 2];
	SDL_Surface *to = SDL_GetWindowSurface(v->win);
	u32 columns[2];
	int n = 0;

	if (!to || to->format->BytesPerPixel != 4)
		return;
	if (to != v->drawn || to->w != v->drawn_w || to->h != v->drawn_h)
		v->whole = true; /* another surface: nothing is on it yet */
	v->drawn = to;
	v->drawn_w = to->w;
	v->drawn_h = to->h;
	set_place(v, s->smooth);
	for (int i = 0; i < 2; i++) {
		SDL_Rect r = words_place(s, i, to, &columns[i]);

		if (v->letters[i].w && !inside(&v->letters[i], &r))
			v->whole = true; /* the picture comes back from under them */
		v->letters[i] = r;
	}
	/* A size that is no whole multiple has no tiles of its own to be drawn. */
	if (s->canvas && s->painted && !whole_times(v))
		v->whole |= !tileset_empty(s->painted);
	if (v->whole) {
		SDL_FillRect(to, NULL, 0);
		if (s->canvas && v->part.w)
			bring(v, s, to, v->part);
	} else if (s->canvas && s->painted) {
		n = bring_painted(v, s, to, list);
	}
	for (int i = 0; i < 2; i++)
		if (v->letters[i].w)
			list[n++] = text_draw(to, (SDL_Point){v->letters[i].x, v->letters[i].y},
					      s->words[i], columns[i]);
	if (v->whole)
		SDL_UpdateWindowSurface(v->win);
	else if (n)
		SDL_UpdateWindowSurfaceRects(v->win, list, n);
	v->whole = false;
}

bool view_to_picture(const struct view *v, int x, int y, u16 *px, u16 *py)
{
	const SDL_Rect *p = &v->place;
	bool in = x >= p->x && y >= p->y && x < p->x + p->w && y < p->y + p->h;
	s64 rx = p->w ? (s64)(x - p->x) * v->part.w / p->w : 0;
	s64 ry = p->h ? (s64)(y - p->y) * v->part.h / p->h : 0;

	rx = rx < 0 ? 0 : rx >= v->part.w ? v->part.w - 1 : rx;
	ry = ry < 0 ? 0 : ry >= v->part.h ? v->part.h - 1 : ry;
	*px = (u16)(v->part.x + (rx < 0 ? 0 : rx));
	*py = (u16)(v->part.y + (ry < 0 ? 0 : ry));
	return in;
}
