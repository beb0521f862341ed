/* From keysyms to keys of the desktop's layout, as it is now. */
#include <X11/keysym.h>

#include "viewer/agent/input/xtest.h"

/* Lock is the layout's own business, as are Num and what it gives to levels (Mod2, 3, 5). */
#define SHORTCUT (ControlMask | Mod1Mask | Mod4Mask)

void xtest_find_spares(struct input *i)
{
	int lo, hi, per = 0;

	XDisplayKeycodes(i->dpy, &lo, &hi);
	KeySym *map = XGetKeyboardMapping(i->dpy, (KeyCode)lo, hi - lo + 1, &per);
	for (int code = hi; map && code >= lo && i->nspares < XTEST_SPARES; code--) {
		bool empty = true;

		for (int k = 0; k < per; k++)
			empty &= map[(code - lo) * per + k] == NoSymbol;
		if (empty)
			i->spare[i->nspares++].code = (KeyCode)code;
	}
	if (map)
		XFree(map);
}

static void bind(struct input *i, KeyCode code, KeySym sym)
{
	KeySym list[2] = {sym, sym};

	XChangeKeyboardMapping(i->dpy, code, 2, list, 1);
	XSync(i->dpy, False);
}

void xtest_free_spares(struct input *i)
{
	for (u32 k = 0; k < i->nspares; k++)
		if (i->spare[k].sym)
			bind(i, i->spare[k].code, NoSymbol);
}

/* The one that waited longest: programs read a key's meaning some time after its press. */
static KeyCode bind_spare(struct input *i, KeySym sym)
{
	u32 pick = XTEST_SPARES;

	for (u32 k = 0; k < i->nspares; k++) {
		if (i->spare[k].sym == sym) {
			pick = k;
			break;
		}
		if (!i->down[i->spare[k].code] &&
		    (pick == XTEST_SPARES || i->spare[k].used < i->spare[pick].used))
			pick = k;
	}
	if (pick == XTEST_SPARES)
		return 0;
	if (i->spare[pick].sym != sym)
		bind(i, i->spare[pick].code, sym);
	i->spare[pick].sym = sym;
	i->spare[pick].used = ++i->uses;
	return i->spare[pick].code;
}

/* Does it stand for a character, so that modifiers decide which? Others are keys in themselves. */
static bool writes(KeySym sym)
{
	return sym < 0xfe00 || sym > 0xffff || (sym >= XK_dead_grave && sym < XK_Pointer_Left) ||
	       (sym >= XK_KP_Multiply && sym <= XK_KP_9);
}

static KeyCode find(struct input *i, KeySym sym, unsigned state)
{
	int lo, hi;
	unsigned used;
	KeySym got;

	XDisplayKeycodes(i->dpy, &lo, &hi);
	for (int code = lo; code <= hi; code++)
		if (XkbLookupKeySym(i->dpy, (KeyCode)code, state, &used, &got) && got == sym)
			return (KeyCode)code;
	return 0;
}

struct modifier {
	KeySym left, right; /* keys that make it */
	unsigned mask;
};

/* Turns it over, or back. False: something else than us holds it, or there is no key for it. */
static bool turn(struct input *i, const struct modifier *m, bool held[2], bool back)
{
	KeyCode code[2] = {XKeysymToKeycode(i->dpy, m->left), XKeysymToKeycode(i->dpy, m->right)};

	if (!back) {
		XkbStateRec now;

		held[0] = code[0] && i->down[code[0]];
		held[1] = code[1] && code[1] != code[0] && i->down[code[1]];
		if (XkbGetState(i->dpy, XkbUseCoreKbd, &now) ||
		    !(now.mods & m->mask) != !(held[0] || held[1]) || !code[0])
			return false;
	}
	if (!held[0] && !held[1])
		XTestFakeKeyEvent(i->dpy, code[0], !back, CurrentTime);
	for (u32 k = 0; k < 2; k++)
		if (held[k])
			XTestFakeKeyEvent(i->dpy, code[k], back, CurrentTime);
	return true;
}

/* Presses the key that writes sym under modifiers other than those held, which stay as they are. */
static bool press_turned(struct input *i, KeySym sym, unsigned state)
{
	const struct modifier list[2] = {
	    {XK_Shift_L, XK_Shift_R, ShiftMask},
	    {XK_ISO_Level3_Shift, XK_ISO_Level3_Shift,
	     XkbKeysymToModifiers(i->dpy, XK_ISO_Level3_Shift)},
	};
	bool held[2][2], turned[2] = {false, false}, ok = true;

	for (u32 which = 1; which < 4; which++) { /* Shift, AltGr, both */
		unsigned other = state;

		for (u32 k = 0; k < 2; k++)
			other ^= which >> k & 1 ? list[k].mask : 0;
		KeyCode code = other != state ? find(i, sym, other) : 0;
		if (!code)
			continue;
		for (u32 k = 0; k < 2; k++)
			if (ok && which >> k & 1)
				ok = turned[k] = turn(i, &list[k], held[k], false);
		if (ok)
			xtest_press(i, code, true, (u32)sym);
		for (u32 k = 0; k < 2; k++)
			if (turned[k])
				turn(i, &list[k], held[k], true);
		return ok;
	}
	return false;
}

void xtest_key_by_sym(struct input *i, bool down, u32 keysym)
{
	XkbStateRec now;

	if (!down) { /* what was pressed is released, whatever the layout says now */
		for (unsigned code = 0; code < XTEST_KEYS; code++)
			if (i->down[code] && i->pressed_as[code] == keysym)
				xtest_press(i, code, false, 0);
		return;
	}
	xtest_read_events(i);
	if (XkbGetState(i->dpy, XkbUseCoreKbd, &now))
		return;
	bool plain = !writes(keysym) || now.mods & SHORTCUT;
	unsigned state = XkbBuildCoreState(now.mods, now.group);
	KeyCode code = find(i, keysym, state);
	if (!code && plain)
		code = XKeysymToKeycode(i->dpy, keysym);
	if (!code && !plain && press_turned(i, keysym, state))
		return;
	if (!code)
		code = bind_spare(i, keysym);
	if (code)
		xtest_press(i, code, true, keysym);
}
