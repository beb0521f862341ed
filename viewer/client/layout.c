/* Which windows there are, where they stand and what of the picture each shows. */
#include "viewer/client/window_state.h"

struct wish {
	struct rect part;
	SDL_Rect at, span;
	bool fullscreen;
};

static bool before(SDL_Rect a, SDL_Rect b)
{
	return a.x < b.x || (a.x == b.x && a.y < b.y);
}

/* From left to right, then downwards: so a desktop's monitors meet the displays that lie alike. */
static void sort(SDL_Rect *list, u32 n)
{
	for (u32 i = 1; i < n; i++)
		for (u32 k = i; k && before(list[k], list[k - 1]); k--) {
			SDL_Rect t = list[k];
			list[k] = list[k - 1];
			list[k - 1] = t;
		}
}

static u32 find_displays(SDL_Rect *list)
{
	int all = SDL_GetNumVideoDisplays();
	u32 n = 0;

	for (int i = 0; i < all && n < NATIVE_MAX_HEADS; i++)
		if (!SDL_GetDisplayBounds(i, &list[n]) && list[n].w > 0 && list[n].h > 0)
			n++;
	sort(list, n);
	return n;
}

/* At the monitor's own place where one display here holds it there; else in a display's middle. */
static SDL_Rect stand(SDL_Rect monitor, const SDL_Rect *displays, u32 n, u32 i)
{
	SDL_Rect d = displays[i % n], at = monitor;

	if (n == 1 && monitor.x + monitor.w <= d.w && monitor.y + monitor.h <= d.h) {
		at.x += d.x;
		at.y += d.y;
		return at;
	}
	at.x = d.x + (at.w < d.w ? (d.w - at.w) / 2 : 0);
	at.y = d.y + (at.h < d.h ? (d.h - at.h) / 2 : 0);
	return at;
}

static u32 wish_each(const struct window_conf *conf, const struct native_heads *h,
		     const SDL_Rect *displays, u32 n, struct wish *list)
{
	SDL_Rect monitors[NATIVE_MAX_HEADS];
	u32 count = 0;

	for (u8 i = 0; i < h->n; i++)
		if (h->list[i].w && h->list[i].h)
			monitors[count++] =
			    (SDL_Rect){h->list[i].x, h->list[i].y, h->list[i].w, h->list[i].h};
	sort(monitors, count);
	for (u32 i = 0; i < count; i++) {
		SDL_Rect m = monitors[i];
		bool full = conf->fullscreen && i < n;

		list[i] = (struct wish){.part = {(u16)m.x, (u16)m.y, (u16)m.w, (u16)m.h},
					.at = full ? displays[i] : stand(m, displays, n, i),
					.fullscreen = full};
	}
	return count;
}

static u32 wish_all(struct rect whole, const SDL_Rect *displays, u32 n, struct wish *list)
{
	SDL_Rect desk = displays[0];

	for (u32 i = 1; i < n; i++)
		SDL_UnionRect(&desk, &displays[i], &desk);
	for (u32 i = 0; i < n; i++)
		list[i] = (struct wish){
		    .part = whole,
		    .at = displays[i],
		    .span = {desk.x - displays[i].x, desk.y - displays[i].y, desk.w, desk.h},
		    .fullscreen = true,
		};
	return n;
}

static u32 wishes(const struct window_conf *conf, const struct native_heads *h, struct wish *list)
{
	SDL_Rect displays[NATIVE_MAX_HEADS] = {{0, 0, h->width, h->height}};
	struct rect whole = {0, 0, h->width, h->height};
	u32 n = find_displays(displays), count = 0;

	if (!n)
		n = 1; /* SDL knows none: as if one of the desktop's own size were there */
	if (conf->monitors == MONITORS_EACH)
		count = wish_each(conf, h, displays, n, list);
	else if (conf->monitors == MONITORS_ALL && conf->fullscreen && n > 1)
		count = wish_all(whole, displays, n, list);
	if (count)
		return count;
	list[0] = (struct wish){.part = whole, .fullscreen = conf->fullscreen};
	list[0].at = conf->fullscreen ? displays[0]
				      : (SDL_Rect){SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
						   h->width, h->height};
	return 1;
}

/* Size and place first, full screen then: without a window manager the first alone does it. */
static void move(struct view *v, const struct wish *k)
{
	if (v->fullscreen && !k->fullscreen)
		SDL_SetWindowFullscreen(v->win, 0);
	if (v->fullscreen != k->fullscreen)
		SDL_SetWindowBordered(v->win, k->fullscreen ? SDL_FALSE : SDL_TRUE);
	SDL_SetWindowSize(v->win, k->at.w, k->at.h);
	SDL_SetWindowPosition(v->win, k->at.x, k->at.y);
	if (k->fullscreen)
		SDL_SetWindowFullscreen(v->win, SDL_WINDOW_FULLSCREEN_DESKTOP);
	v->wish = k->at;
	v->fullscreen = k->fullscreen;
}

static int apply(struct window *w, u32 i, const struct wish *k)
{
	struct view *v = &w->views[i];

	if (!v->win) {
		*v = (struct view){0};
		v->win = SDL_CreateWindow(w->conf.title, k->at.x, k->at.y, k->at.w, k->at.h,
					  SDL_WINDOW_RESIZABLE);
		if (!v->win)
			return ERR_NOENT;
		v->wish = k->at;
		if (k->fullscreen)
			move(v, k);
		SDL_SetWindowKeyboardGrab(v->win, w->conf.grab ? SDL_TRUE : SDL_FALSE);
	} else if (!SDL_RectEquals(&k->at, &v->wish) || v->fullscreen != k->fullscreen) {
		move(v, k);
	}
	v->part = k->part;
	v->span = k->span;
	v->whole = true;
	return 0;
}

int layout_arrange(struct window *w, const struct native_heads *h)
{
	struct wish list[NATIVE_MAX_HEADS];
	u32 n = wishes(&w->conf, h, list), i;
	int e = 0;

	for (i = 0; !e && i < n; i++)
		e = apply(w, i, &list[i]);
	n = e ? i - 1 : n;
	for (i = n; i < w->n; i++) {
		SDL_DestroyWindow(w->views[i].win);
		w->views[i] = (struct view){0};
	}
	w->n = n;
	if (w->front >= n)
		w->front = 0;
	return e;
}

void layout_grab(struct window *w)
{
	for (u32 i = 0; i < w->n; i++)
		SDL_SetWindowKeyboardGrab(w->views[i].win, w->conf.grab ? SDL_TRUE : SDL_FALSE);
}
