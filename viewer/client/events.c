/* What the person does: keys and pointer to the desktop, our own keys to the windows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/client/keys.h"
#include "viewer/client/keysym.h"
#include "viewer/client/locks.h"
#include "viewer/client/output.h"
#include "viewer/client/window_state.h"

#define RESIZE_US  300000u /* a window that rests so long has its size */
#define MAX_CLICKS 32	   /* of a wheel, at a time */

void window_release(struct window *w, struct client *c)
{
	for (int i = 0; i < SDL_NUM_SCANCODES; i++)
		if (w->down[i]) {
			client_key(c, false, w->down[i] - 1, key_scancode((SDL_Scancode)i));
			w->down[i] = 0;
		}
	w->buttons = 0;
	client_release_all(c);
}

static struct view *find_view(struct window *w, Uint32 id)
{
	for (u32 i = 0; i < w->n; i++)
		if (SDL_GetWindowID(w->views[i].win) == id)
			return &w->views[i];
	return NULL;
}

/*
 * A button held over the edge of a window goes on in the next one: the desktop is one. SDL then
 * names one window and counts from another's corner, or cuts at the edge, so the display is asked.
 */
static const struct view *view_under(struct window *w, const struct view *v, int *x, int *y)
{
	int px, py, wx, wy, ww, wh;

	if (w->n == 1 || !w->buttons)
		return v;
	window_desk_pointer(w, &px, &py);
	for (u32 i = 0; i < w->n; i++) {
		SDL_GetWindowPosition(w->views[i].win, &wx, &wy);
		SDL_GetWindowSize(w->views[i].win, &ww, &wh);
		if (px < wx || py < wy || px >= wx + ww || py >= wy + wh)
			continue;
		*x = px - wx;
		*y = py - wy;
		return &w->views[i];
	}
	SDL_GetWindowPosition(v->win, &wx, &wy);
	*x = px - wx;
	*y = py - wy;
	return v;
}

static void point(struct window *w, struct client *c, Uint32 id, int x, int y)
{
	const struct view *v = find_view(w, id);

	if (!v || !c->canvas.px || !v->part.w)
		return;
	v = view_under(w, v, &x, &y);
	view_to_picture(v, x, y, &w->x, &w->y);
	client_pointer(c, w->x, w->y, w->buttons);
}

static void push(struct window *w, struct client *c)
{
	if (w->relative)
		client_relative(c, 0, 0, w->buttons);
	else
		client_pointer(c, w->x, w->y, w->buttons);
}

static void wheel(struct window *w, struct client *c, int n, u16 plus, u16 minus)
{
	for (int i = 0; i < abs(n) && i < MAX_CLICKS; i++) {
		u16 bit = n > 0 ? plus : minus;

		w->buttons |= bit;
		push(w, c);
		w->buttons &= (u16)~bit;
		push(w, c);
	}
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
	if (w->relative || !find_view(w, e->windowID)) /* let go of outside of all windows */
		push(w, c);
	else
		point(w, c, e->windowID, e->x, e->y);
}

/* ---- our own keys --------------------------------------------------------------------------- */

static void toggle_fullscreen(struct window *w, struct client *c)
{
	w->conf.fullscreen = !w->conf.fullscreen;
	window_rearrange(w, c);
	window_redraw(w, c);
}

static void toggle_grab(struct window *w, struct client *c)
{
	w->conf.grab = !w->conf.grab;
	layout_grab(w);
	window_note(w, c,
		    w->conf.grab ? "All keys go to the desktop" : "Keys are shared with this desk");
}

static void toggle_relative(struct window *w, struct client *c)
{
	if (!c->native) {
		window_note(w, c, "This server knows no relative pointer");
		return;
	}
	w->relative = !w->relative;
	if (SDL_SetRelativeMouseMode(w->relative ? SDL_TRUE : SDL_FALSE)) {
		w->relative = false;
		window_note(w, c, SDL_GetError());
		return;
	}
	window_note(
	    w, c, w->relative ? "Relative pointer, for 3D navigation" : "The pointer points again");
}

static void toggle_smooth(struct window *w, struct client *c)
{
	w->conf.smooth = !w->conf.smooth;
	window_redraw(w, c);
	window_note(w, c, w->conf.smooth ? "Smooth scaling" : "Scaling by whole numbers");
}

static void toggle_figures(struct window *w, struct client *c)
{
	w->figures = !w->figures;
	w->overlay = (struct overlay){
	    .at_us = client_now() - OVERLAY_US, .commits = c->commits, .bytes = c->net.received};
	if (w->figures)
		overlay_look(&w->overlay, c);
	window_present(w, c);
}

static void toggle_marks(struct window *w, struct client *c)
{
	w->marks = !w->marks;
	window_redraw(w, c);
	if (w->marks && !c->native)
		window_note(w, c, "This server does not tell which pixels are exact");
	else
		window_note(w, c,
			    w->marks ? "What is not exact yet is tinted" : "Nothing is tinted");
}

static void screenshot(struct window *w, struct client *c)
{
	char name[64], text[96];

	snprintf(name, sizeof(name), "caprock-%llu.png", (unsigned long long)(client_now() / 1000));
	snprintf(text, sizeof(text), "%s%s",
		 output_screenshot(c, name) ? "Not written: " : "Written: ", name);
	window_note(w, c, text);
}

static void film(struct window *w, struct client *c)
{
	w->film = true;
}

static void mute(struct window *w, struct client *c)
{
	w->mute = true;
}

static void keys_help(struct window *w, struct client *c);

static const struct {
	SDL_Scancode code;
	const char *about;
	void (*call)(struct window *w, struct client *c);
} hot_keys[] = {
    {SDL_SCANCODE_F, "F full screen", toggle_fullscreen},
    {SDL_SCANCODE_G, "G all keys to the desktop", toggle_grab},
    {SDL_SCANCODE_R, "R relative pointer", toggle_relative},
    {SDL_SCANCODE_S, "S smooth scaling", toggle_smooth},
    {SDL_SCANCODE_I, "I figures", toggle_figures},
    {SDL_SCANCODE_E, "E tint what is not exact", toggle_marks},
    {SDL_SCANCODE_P, "P screenshot", screenshot},
    {SDL_SCANCODE_V, "V recording on and off", film},
    {SDL_SCANCODE_M, "M sound off and on", mute},
    {SDL_SCANCODE_H, "H these keys", keys_help},
};

static void keys_help(struct window *w, struct client *c)
{
	char text[512] = "With Ctrl+Alt+Shift:";

	for (size_t i = 0; i < ARRAY_SIZE(hot_keys); i++) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "\n  %s", hot_keys[i].about);
	}
	window_note(w, c, text);
}

/* Ctrl+Alt+Shift with a letter: no desktop program uses those. */
static bool hot_key(struct window *w, struct client *c, const SDL_KeyboardEvent *e)
{
	if (e->type != SDL_KEYDOWN || !(e->keysym.mod & KMOD_CTRL) || !(e->keysym.mod & KMOD_ALT) ||
	    !(e->keysym.mod & KMOD_SHIFT))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hot_keys); i++)
		if (hot_keys[i].code == e->keysym.scancode) {
			if (!e->repeat) {
				window_release(w, c);
				hot_keys[i].call(w, c);
			}
			return true;
		}
	return false;
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

/* ---- windows -------------------------------------------------------------------------------- */

static void give_clipboard(struct window *w, struct client *c)
{
	if (!w->conf.clipboard_in || !SDL_HasClipboardText())
		return;
	char *t = SDL_GetClipboardText();
	client_clipboard(c, t, (u32)strlen(t));
	SDL_free(t);
}

/* False: the person has closed a window. */
static bool window_event(struct window *w, struct client *c, const SDL_WindowEvent *e)
{
	struct view *v = find_view(w, e->windowID);

	if (!v)
		return true;
	switch (e->event) {
	case SDL_WINDOWEVENT_CLOSE:
		return false;
	case SDL_WINDOWEVENT_FOCUS_LOST:
		w->away = true;
		break;
	case SDL_WINDOWEVENT_FOCUS_GAINED:
		if (w->front != (u32)(v - w->views)) {
			w->views[w->front].whole = true; /* the words move */
			w->front = (u32)(v - w->views);
			window_present(w, c);
		}
		locks_match(c);
		give_clipboard(w, c);
		break;
	case SDL_WINDOWEVENT_EXPOSED:
	case SDL_WINDOWEVENT_SIZE_CHANGED:
		if (e->event == SDL_WINDOWEVENT_SIZE_CHANGED)
			w->size_us = client_now() + RESIZE_US;
		v->whole = true;
		window_present(w, c);
		break;
	default:
		break;
	}
	return true;
}

bool window_events(struct window *w, struct client *c)
{
	bool stays = true;
	SDL_Event e;

	if (w->relative && !c->native) { /* another server than before */
		w->relative = false;
		SDL_SetRelativeMouseMode(SDL_FALSE);
	}
	while (stays && SDL_PollEvent(&e)) {
		switch (e.type) {
		case SDL_QUIT:
			stays = false;
			break;
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
				point(w, c, e.motion.windowID, e.motion.x, e.motion.y);
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
			stays = window_event(w, c, &e.window);
			break;
		default:
			break;
		}
	}
	/* From one of our windows to another nothing is let go: a key may be held over the edge. */
	if (w->away && !SDL_GetKeyboardFocus())
		window_release(w, c);
	w->away = false;
	return stays;
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
