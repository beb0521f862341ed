/*
 * The windows as a whole: what they show and say. The pointer is the display's own, so it moves at
 * once whatever the network does, in all of them alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <SDL_syswm.h>
#include <X11/Xlib.h>

#include "viewer/client/window_state.h"

#define NOTE_US	 3000000u
#define TITLE_US 500000u
#define FIRST_SIZE                             \
	{                                      \
		640, 400, 1,                   \
		{                              \
			{                      \
				0, 0, 640, 400 \
			}                      \
		}                              \
	} /* before there is a picture */

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
	static const struct native_heads first = FIRST_SIZE;
	struct window *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(error, n, "out of memory");
		return NULL;
	}
	w->conf = *conf;
	w->figures = conf->figures;
	w->marks = conf->marks;
	SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
	SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
	SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
	SDL_SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0"); /* another view has it */
	/* The first click after the keyboard came is meant for the desktop as well. */
	SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
	if (init_video()) {
		snprintf(error, n, "no display: %s", SDL_GetError());
		free(w);
		return NULL;
	}
	if (layout_arrange(w, &first)) {
		snprintf(error, n, "no window: %s", SDL_GetError());
		window_close(w);
		return NULL;
	}
	SDL_EventState(SDL_SYSWMEVENT, SDL_ENABLE); /* for keysym_of() */
	SDL_StopTextInput();			    /* an input method would keep keys to itself */
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
	for (u32 i = 0; i < w->n; i++)
		SDL_DestroyWindow(w->views[i].win);
	SDL_Quit();
	free(w);
}

/* NULL where SDL speaks to something else. */
static Display *x11_display(struct window *w)
{
	SDL_SysWMinfo info;

	SDL_VERSION(&info.version);
	if (SDL_GetWindowWMInfo(w->views[0].win, &info) && info.subsystem == SDL_SYSWM_X11)
		return info.info.x11.display;
	return NULL;
}

int window_fd(struct window *w)
{
	Display *d = x11_display(w);

	return d ? ConnectionNumber(d) : -1;
}

bool window_waits(struct window *w)
{
	Display *d = x11_display(w);

	return d && XEventsQueued(d, QueuedAlready) > 0;
}

void window_desk_pointer(struct window *w, int *x, int *y)
{
	Display *d = x11_display(w);
	Window root, child;
	int wx, wy;
	unsigned mask;

	if (!d || !XQueryPointer(d, DefaultRootWindow(d), &root, &child, x, y, &wx, &wy, &mask))
		SDL_GetGlobalMouseState(x, y);
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

static void update_titles(struct window *w, struct client *c)
{
	u64 now = client_now();
	char text[1200], which[48] = "";

	if (now - w->titled_us < TITLE_US)
		return;
	w->titled_us = now;
	for (u32 i = 0; i < w->n; i++) {
		if (w->n > 1)
			snprintf(which, sizeof(which), " (%u of %u)", i + 1, w->n);
		snprintf(text, sizeof(text), "%s%s%s",
			 *c->hs.name ? (const char *)c->hs.name : w->conf.title, which,
			 c->canvas.px && !client_is_exact(c) ? " - settling" : "");
		SDL_SetWindowTitle(w->views[i].win, text);
	}
}

/* Another size or other monitors. */
static void take_layout(struct window *w, struct client *c)
{
	if (!c->resized)
		return;
	c->resized = false;
	if (w->canvas)
		SDL_FreeSurface(w->canvas);
	w->canvas =
	    SDL_CreateRGBSurfaceWithFormatFrom(c->canvas.px, (int)c->canvas.w, (int)c->canvas.h, 32,
					       (int)c->canvas.stride * 4, SDL_PIXELFORMAT_RGB888);
	window_rearrange(w, c);
}

void window_rearrange(struct window *w, struct client *c)
{
	if (!c->canvas.px)
		return;
	if (layout_arrange(w, &c->heads))
		fprintf(stderr, "no window for monitor %u: %s\n", w->n + 1, SDL_GetError());
}

static void draw(struct window *w, struct client *c, const struct tileset *painted)
{
	bool note = *w->note && client_now() < w->note_until;
	struct scene s = {.c = c, .painted = painted, .smooth = w->conf.smooth, .marks = w->marks};

	if (c->canvas.px)
		take_layout(w, c);
	s.canvas = c->canvas.px ? w->canvas : NULL;
	snprintf(w->corner, sizeof(w->corner), "%s%s%s", w->figures ? w->overlay.text : "",
		 w->figures && *w->overlay.text && note ? "\n" : "", note ? w->note : "");
	for (u32 i = 0; i < w->n; i++) {
		s.words[0] = i == w->front && *w->corner ? w->corner : NULL;
		s.words[1] = i == w->front && *w->said ? w->said : NULL;
		view_draw(&w->views[i], &s);
	}
}

u32 window_present(struct window *w, struct client *c)
{
	u64 start = client_now();

	show_cursor(w, c);
	if (w->figures)
		overlay_look(&w->overlay, c);
	draw(w, c, c->committed ? &c->painted : NULL);
	update_titles(w, c);
	return (u32)(client_now() - start);
}

void window_redraw(struct window *w, struct client *c)
{
	for (u32 i = 0; i < w->n; i++)
		w->views[i].whole = true;
	draw(w, c, NULL);
}

u64 window_due(const struct window *w)
{
	u64 due = w->figures ? w->overlay.at_us + OVERLAY_US : UINT64_MAX;

	if (w->size_us && w->size_us < due)
		due = w->size_us;
	return *w->note && w->note_until < due ? w->note_until : due;
}

static void ask_for_size(struct window *w, struct client *c)
{
	int ww, wh;

	if (!w->size_us || client_now() < w->size_us)
		return;
	w->size_us = 0;
	if (!w->conf.resize || w->n > 1 || !c->canvas.px)
		return;
	SDL_GetWindowSize(w->views[0].win, &ww, &wh);
	if (((u32)ww != c->canvas.w || (u32)wh != c->canvas.h) && ww <= UINT16_MAX &&
	    wh <= UINT16_MAX)
		client_want_size(c, (u16)ww, (u16)wh);
}

void window_tick(struct window *w, struct client *c)
{
	bool over = *w->note && client_now() >= w->note_until;

	ask_for_size(w, c);
	if (over)
		*w->note = 0;
	if ((w->figures && overlay_look(&w->overlay, c)) || over)
		draw(w, c, NULL);
	update_titles(w, c);
}

void window_say(struct window *w, struct client *c, const char *text)
{
	if (!strcmp(text ? text : "", w->said))
		return;
	snprintf(w->said, sizeof(w->said), "%s", text ? text : "");
	if (text)
		draw(w, c, NULL);
}

void window_note(struct window *w, struct client *c, const char *text)
{
	snprintf(w->note, sizeof(w->note), "%s", text);
	w->note_until = client_now() + NOTE_US;
	draw(w, c, NULL);
}

bool window_wants_stats(const struct window *w)
{
	return w->figures;
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
