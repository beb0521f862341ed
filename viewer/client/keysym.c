#include <SDL.h>
#include <SDL_syswm.h>
#include <X11/XKBlib.h>
#include <X11/Xutil.h>

#include "viewer/client/keysym.h"

u32 keysym_of(const SDL_SysWMEvent *e)
{
	const SDL_SysWMmsg *m = e->msg;
	unsigned used;
	KeySym sym;

	if (!m || m->subsystem != SDL_SYSWM_X11 || m->msg.x11.event.type != KeyPress)
		return 0;
	const XKeyEvent *k = &m->msg.x11.event.xkey;
	if (!XkbLookupKeySym(k->display, (KeyCode)k->keycode, k->state, &used, &sym))
		return 0;
	/* Caps Lock makes capitals of what a layout does not turn over itself. */
	if (k->state & LockMask && !(used & LockMask)) {
		KeySym lower, upper;

		XConvertCase(sym, &lower, &upper);
		sym = upper;
	}
	return sym <= UINT32_MAX ? (u32)sym : 0;
}
