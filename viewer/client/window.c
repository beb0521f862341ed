/*
 * One window, drawn through SDL's window surface: only what changed is copied and sent to the display
 * server. The pointer is the display's own, so it moves at once whatever the network does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <SDL.h>
#include <SDL_syswm.h>
#include <X11/Xlib.h>

#include "viewer/client/keys.h"
#include "viewer/client/keysym.h"
#include "viewer/client/locks.h"
#include "viewer/client/output.h"
#include "viewer/client/window.h"

#define MAX_RECTS 256

struct window {
	struct window_conf conf;
	SDL_Window *win;
	SDL_Cursor *cursor;
	SDL_Surface *canvas; /* a view of the client's picture, for scaled drawing */
	u32 canvas_w, canvas_h;
	SDL_Rect place; /* where the picture lies in the window */
	bool whole;	/* everything must be drawn */
	bool relative, stats;
	bool film, mute; /* asked for, not yet told */
	u16 buttons;
	u32 keysym;		     /* of the press that comes next; 0: not told */
	u32 down[SDL_NUM_SCANCODES]; /* keysym it was pressed as, plus 1; 0: it is up */
	u32 title_commits, title_ms;
	char said[512];
};

/* X's input method composes nothing without its file: dead keys are the desktop's to compose. */
static int init_video(void)
{
	const char *now = getenv("XCOMPOSEFILE");
	char *had = now ? strdup(now) : NULL;

	if ((now && !had) || setenv("XCOMPOSEFILE", "/dev/null", 1)) {
		free(had);
		return SDL_SetError("out of memory");
	}
	int e = SDL_Init(SDL_INIT_VIDEO);
	if (had ? setenv("XCOMPOSEFILE", had, 1) : unsetenv("XCOMPOSEFILE"))
		e = SDL_SetError("out of memory");
	free(had);
	return e;
}

struct window *window_open(const struct window_conf *conf, char *error, size_t n)
{
	struct window *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->conf = *conf;
	SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
	SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
	/* The first click after the keyboard came is meant for the desktop as well. */
	SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
	SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
	if (init_video()) {
		snprintf(error, n, "no display: %s", SDL_GetError());
		free(w);
		return NULL;
	}
	w->win = SDL_CreateWindow(
	    conf->title, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 640, 400,
	    SDL_WINDOW_RESIZABLE | (conf->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
	if (!w->win) {
		snprintf(error, n, "no window: %s", SDL_GetError());
		SDL_Quit();
		free(w);
		return NULL;
	}
	SDL_EventState(SDL_SYSWMEVENT, SDL_ENABLE); /* for keysym_of() */
	SDL_StopTextInput();			    /* an input method would keep keys to itself */
	w->whole = true;
	return w;
}

void window_close(struct window *w)
{
	if (!w)
		return;
	if (w->cursor)
		SDL_FreeCursor(w->cursor);
	if (w->canvas)
		SDL_FreeSurface(w->canvas);
	SDL_DestroyWindow(w->win);
	SDL_Quit();
	free(w);
}

int window_fd(struct window *w)
{
	SDL_SysWMinfo info;

	SDL_VERSION(&info.version);
	if (SDL_GetWindowWMInfo(w->win, &info) && info.subsystem == SDL_SYSWM_X11)
		return ConnectionNumber(info.info.x11.display);
	return -1;
}

bool window_waits(struct window *w)
{
	SDL_SysWMinfo info;

	SDL_VERSION(&info.version);
	return SDL_GetWindowWMInfo(w->win, &info) && info.subsystem == SDL_SYSWM_X11 &&
	       XEventsQueued(info.info.x11.display, QueuedAlready) > 0;
}

/* The largest size with the picture's shape; whole multiples unless smooth scaling is on. */
static void place_picture(struct window *w, const struct client *c)
{
	int ww, wh;
	SDL_Rect p;

	SDL_GetWindowSize(w->win, &ww, &wh);
	int cw = (int)c->canvas.w, ch = (int)c->canvas.h;
	if (!cw || !ch)
		return;
	int times = ww / cw < wh / ch ? ww / cw : wh / ch;
	if (times >= 1 && (!w->conf.smooth || times * cw == ww || times * ch == wh)) {
		p.w = cw * times;
		p.h = ch * times;
	} else if ((s64)ww * ch < (s64)wh * cw) {
		p.w = ww;
		p.h = (int)((s64)ch * ww / cw);
	} else {
		p.h = wh;
		p.w = (int)((s64)cw * wh / ch);
	}
	p.x = (ww - p.w) / 2;
	p.y = (wh - p.h) / 2;
	if (memcmp(&p, &w->place, sizeof(p))) {
		w->place = p;
		w->whole = true;
	}
}

static void show_cursor(struct window *w, struct client *c)
{
	if (!c->cursor.fresh)
		return;
	c->cursor.fresh = false;
	if (!c->cursor.w || !c->cursor.h) {
		SDL_ShowCursor(SDL_DISABLE);
		return;
	}
	/* SDL wants straight alpha; ours is premultiplied. */
	size_t count = (size_t)c->cursor.w * c->cursor.h;
	for (size_t i = 0; i < count; i++) {
		u32 p = c->cursor.argb[i], a = p >> 24, v = a << 24;
		for (int s = 0; a && s < 24; s += 8) {
			u32 k = (p >> s & 255) * 255 / a;
			v |= (k > 255 ? 255 : k) << s;
		}
		c->cursor.argb[i] = v;
	}
	SDL_Surface *s =
	    SDL_CreateRGBSurfaceWithFormatFrom(c->cursor.argb, c->cursor.w, c->cursor.h, 32,
					       c->cursor.w * 4, SDL_PIXELFORMAT_ARGB8888);
	SDL_Cursor *next = s ? SDL_CreateColorCursor(s, c->cursor.hot_x, c->cursor.hot_y) : NULL;
	if (next) {
		SDL_SetCursor(next);
		SDL_ShowCursor(SDL_ENABLE);
		if (w->cursor)
			SDL_FreeCursor(w->cursor);
		w->cursor = next;
	}
	SDL_FreeSurface(s);
}

static void update_title(struct window *w, struct client *c)
{
	char text[512];
	u32 now = SDL_GetTicks(), ms = now - w->title_ms;

	if (*w->said || ms < 500)
		return;
	u32 tiles = c->exact.cols * c->exact.rows,
	    exact = c->native ? tileset_count(&c->exact) : tiles;
	u32 fps = (c->commits - w->title_commits) * 1000 / (ms ? ms : 1);

	if (w->stats)
		snprintf(
		    text, sizeof(text),
		    "%s | %u fps | rtt %.1f encode %.1f decode %.1f ms | %u kB/s | %s | %u%% exact",
		    c->hs.name, fps, (double)c->rtt_us / 1e3, c->stats.encode_us / 1e3,
		    c->decode_us / 1e3, (c->stats.bytes_exact + c->stats.bytes_video) / 1000,
		    (const char *)c->stats.encoder, tiles ? exact * 100 / tiles : 0);
	else
		snprintf(text, sizeof(text), "%s%s", c->hs.name,
			 exact == tiles ? "" : " (settling)");
	SDL_SetWindowTitle(w->win, text);
	w->title_commits = c->commits;
	w->title_ms = now;
}

static void copy_rect(const struct image *from, SDL_Surface *to, SDL_Rect place, struct rect r)
{
	for (u32 y = r.y; y < (u32)r.y + r.h; y++)
		memcpy((u8 *)to->pixels + (size_t)(place.y + (int)y) * (size_t)to->pitch +
			   (size_t)(place.x + r.x) * 4,
		       image_at(from, r.x, y), (size_t)r.w * 4);
}

/* Runs of painted tiles, grown downwards; the whole picture where there are too many. */
static int painted_rects(const struct client *c, SDL_Rect place, SDL_Surface *to, SDL_Rect *list)
{
	const struct tileset *t = &c->painted;
	int n = 0;

	for (u32 y = 0; y < t->rows; y++)
		for (u32 x = 0; x < t->cols; x++) {
			if (!tileset_has(t, y * t->cols + x))
				continue;
			u32 x0 = x;
			while (x < t->cols && tileset_has(t, y * t->cols + x))
				x++;
			u32 px = x0 * TILE_W, py = y * TILE_H;
			u32 w = (x * TILE_W < c->canvas.w ? x * TILE_W : c->canvas.w) - px;
			u32 h = c->canvas.h - py < TILE_H ? c->canvas.h - py : TILE_H;
			SDL_Rect r = {place.x + (int)px, place.y + (int)py, (int)w, (int)h};

			copy_rect(&c->canvas, to, place,
				  (struct rect){(u16)px, (u16)py, (u16)w, (u16)h});
			if (n && list[n - 1].x == r.x && list[n - 1].w == r.w &&
			    list[n - 1].y + list[n - 1].h == r.y) {
				list[n - 1].h += r.h;
			} else if (n < MAX_RECTS) {
				list[n++] = r;
			} else { /* one rectangle that holds the last and this one */
				SDL_Rect u;
				SDL_UnionRect(&list[n - 1], &r, &u);
				list[n - 1] = u;
			}
		}
	return n;
}

u32 window_present(struct window *w, struct client *c)
{
	static SDL_Rect list[MAX_RECTS];
	u64 start = client_now();
	SDL_Surface *to;

	show_cursor(w, c);
	if (!c->canvas.px)
		return 0;
	if (c->resized) {
		c->resized = false;
		if (c->canvas.w != w->canvas_w || c->canvas.h != w->canvas_h) {
			w->canvas_w = c->canvas.w;
			w->canvas_h = c->canvas.h;
			if (!w->conf.fullscreen) {
				SDL_SetWindowSize(w->win, (int)c->canvas.w, (int)c->canvas.h);
				SDL_SetWindowPosition(w->win, SDL_WINDOWPOS_CENTERED,
						      SDL_WINDOWPOS_CENTERED);
			}
		}
		if (w->canvas)
			SDL_FreeSurface(w->canvas);
		w->canvas = SDL_CreateRGBSurfaceWithFormatFrom(
		    c->canvas.px, (int)c->canvas.w, (int)c->canvas.h, 32, (int)c->canvas.stride * 4,
		    SDL_PIXELFORMAT_RGB888);
		w->whole = true;
	}
	place_picture(w, c);
	to = SDL_GetWindowSurface(w->win);
	if (!to || to->format->BytesPerPixel != 4)
		return 0;
	bool same = w->place.w == (int)c->canvas.w && w->place.h == (int)c->canvas.h;
	if (!w->whole && same) {
		int n = painted_rects(c, w->place, to, list);
		if (n)
			SDL_UpdateWindowSurfaceRects(w->win, list, n);
	} else if (w->canvas) {
		SDL_FillRect(to, NULL, 0);
		if (same)
			copy_rect(&c->canvas, to, w->place,
				  (struct rect){0, 0, (u16)c->canvas.w, (u16)c->canvas.h});
		else if (w->conf.smooth)
			SDL_SoftStretchLinear(w->canvas, NULL, to, &w->place);
		else
			SDL_BlitScaled(w->canvas, NULL, to, &w->place);
		SDL_UpdateWindowSurface(w->win);
		w->whole = false;
	}
	update_title(w, c);
	return (u32)(client_now() - start);
}

void window_say(struct window *w, const char *text)
{
	if (!strcmp(text ? text : "", w->said))
		return;
	snprintf(w->said, sizeof(w->said), "%s", text ? text : "");
	if (text)
		SDL_SetWindowTitle(w->win, text);
	w->title_ms = 0;
}

bool window_wants_film(struct window *w)
{
	bool film = w->film;

	w->film = false;
	return film;
}

bool window_wants_mute(struct window *w)
{
	bool mute = w->mute;

	w->mute = false;
	return mute;
}

static void release_all(struct window *w, struct client *c)
{
	for (int i = 0; i < SDL_NUM_SCANCODES; i++)
		if (w->down[i]) {
			client_key(c, false, w->down[i] - 1, key_scancode((SDL_Scancode)i));
			w->down[i] = 0;
		}
	w->buttons = 0;
	client_release_all(c);
}

static u16 to_picture(int v, int at, int size, u32 pixels)
{
	s64 p = size ? (s64)(v - at) * pixels / size : 0;

	return (u16)(p < 0 ? 0 : p >= (s64)pixels ? (s64)pixels - 1 : p);
}

static void pointer(struct window *w, struct client *c, int x, int y)
{
	client_pointer(c, to_picture(x, w->place.x, w->place.w, c->canvas.w),
		       to_picture(y, w->place.y, w->place.h, c->canvas.h), w->buttons);
}

static void wheel(struct window *w, struct client *c, int n, u16 plus, u16 minus)
{
	int x, y;

	SDL_GetMouseState(&x, &y);
	for (int i = 0; i < (n < 0 ? -n : n) && i < 32; i++) {
		u16 bit = n > 0 ? plus : minus;
		w->buttons |= bit;
		pointer(w, c, x, y);
		w->buttons &= (u16)~bit;
		pointer(w, c, x, y);
	}
}

/* Our own keys are Ctrl+Alt+Shift with a letter: no desktop program uses those. */
static bool hot_key(struct window *w, struct client *c, const SDL_KeyboardEvent *e)
{
	const Uint16 all = KMOD_CTRL | KMOD_ALT | KMOD_SHIFT;

	if (!(e->keysym.mod & KMOD_CTRL) || !(e->keysym.mod & KMOD_ALT) ||
	    !(e->keysym.mod & KMOD_SHIFT) || !(e->keysym.mod & all))
		return false;
	if (e->type != SDL_KEYDOWN)
		return false;
	switch (e->keysym.scancode) {
	case SDL_SCANCODE_F:
		w->conf.fullscreen = !w->conf.fullscreen;
		SDL_SetWindowFullscreen(w->win,
					w->conf.fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
		break;
	case SDL_SCANCODE_G:
		w->conf.grab = !w->conf.grab;
		SDL_SetWindowKeyboardGrab(w->win, w->conf.grab);
		break;
	case SDL_SCANCODE_R:
		w->relative = !w->relative && c->native;
		SDL_SetRelativeMouseMode(w->relative);
		break;
	case SDL_SCANCODE_S:
		w->conf.smooth = !w->conf.smooth;
		w->whole = true;
		break;
	case SDL_SCANCODE_I:
		w->stats = !w->stats;
		client_want_stats(c, w->stats);
		break;
	case SDL_SCANCODE_P: {
		char name[64];
		snprintf(name, sizeof(name), "caprock-%llu.png",
			 (unsigned long long)(client_now() / 1000));
		window_say(w, output_screenshot(c, name) ? "The screenshot failed" : name);
		break;
	}
	case SDL_SCANCODE_V:
		w->film = true;
		break;
	case SDL_SCANCODE_M:
		w->mute = true;
		break;
	default:
		return false;
	}
	release_all(w, c);
	return true;
}

static void button(struct window *w, struct client *c, const SDL_MouseButtonEvent *e)
{
	static const u16 bits[] = {[SDL_BUTTON_LEFT] = 1,
				   [SDL_BUTTON_MIDDLE] = 2,
				   [SDL_BUTTON_RIGHT] = 4,
				   [SDL_BUTTON_X1] = 128,
				   [SDL_BUTTON_X2] = 256};
	u16 bit = e->button < ARRAY_SIZE(bits) ? bits[e->button] : 0;

	w->buttons = (u16)(e->state == SDL_PRESSED ? w->buttons | bit : w->buttons & ~bit);
	if (w->relative)
		client_relative(c, 0, 0, w->buttons);
	else
		pointer(w, c, e->x, e->y);
}

static void key(struct window *w, struct client *c, const SDL_KeyboardEvent *e)
{
	bool down = e->type == SDL_KEYDOWN;
	u32 *held = &w->down[e->keysym.scancode];

	if (hot_key(w, c, e))
		return;
	if (!down && !*held)
		return; /* released already when the focus went */
	/* A server that knows keysyms only must be told to release what it was told to press. */
	u32 sym = *held ? *held - 1 : w->keysym ? w->keysym : key_keysym(&e->keysym);
	*held = down ? sym + 1 : 0;
	client_key(c, down, sym, key_scancode(e->keysym.scancode));
}

bool window_events(struct window *w, struct client *c)
{
	SDL_Event e;

	while (SDL_PollEvent(&e)) {
		switch (e.type) {
		case SDL_QUIT:
			return false;
		case SDL_SYSWMEVENT: /* comes before what SDL makes of it */
			w->keysym = keysym_of(&e.syswm);
			break;
		case SDL_KEYDOWN:
		case SDL_KEYUP:
			key(w, c, &e.key);
			break;
		case SDL_MOUSEMOTION:
			if (w->relative)
				client_relative(c, (s16)e.motion.xrel, (s16)e.motion.yrel,
						w->buttons);
			else
				pointer(w, c, e.motion.x, e.motion.y);
			break;
		case SDL_MOUSEBUTTONDOWN:
		case SDL_MOUSEBUTTONUP:
			button(w, c, &e.button);
			break;
		case SDL_MOUSEWHEEL:
			wheel(w, c, e.wheel.y, 8, 16);
			wheel(w, c, e.wheel.x, 64, 32);
			break;
		case SDL_WINDOWEVENT:
			if (e.window.event == SDL_WINDOWEVENT_FOCUS_LOST)
				release_all(w, c);
			else if (e.window.event == SDL_WINDOWEVENT_FOCUS_GAINED)
				locks_match(c);
			if (e.window.event == SDL_WINDOWEVENT_FOCUS_GAINED &&
			    w->conf.clipboard_in && SDL_HasClipboardText()) {
				char *t = SDL_GetClipboardText();
				client_clipboard(c, t, (u32)strlen(t));
				SDL_free(t);
			} else if (e.window.event == SDL_WINDOWEVENT_EXPOSED ||
				   e.window.event == SDL_WINDOWEVENT_SIZE_CHANGED) {
				w->whole = true;
				window_present(w, c);
			}
			break;
		default:
			break;
		}
	}
	return true;
}

void window_follow(struct window *w, struct client *c)
{
	if (c->locks_first && SDL_GetKeyboardFocus())
		locks_match(c);
	if (c->clip_text && w->conf.clipboard_out)
		SDL_SetClipboardText(c->clip_text);
	free(c->clip_text);
	c->clip_text = NULL;
}
