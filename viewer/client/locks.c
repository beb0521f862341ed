/* Caps and Num Lock of the desktop follow those of the keyboard in front of the person. */
#include <SDL.h>

#include "viewer/client/locks.h"

static const struct {
	SDL_Keymod mod;
	u8 bit; /* RFB's */
	u32 keysym, scancode;
} locks[] = {{KMOD_CAPS, 4, 0xffe5, 0x3a}, {KMOD_NUM, 2, 0xff7f, 0x45}};

void locks_match(struct client *c)
{
	SDL_Keymod mod = SDL_GetModState();

	c->locks_first = false;
	for (size_t i = 0; c->locks_known && i < ARRAY_SIZE(locks); i++) {
		if (!(mod & locks[i].mod) == !(c->locks & locks[i].bit))
			continue;
		client_key(c, true, locks[i].keysym, locks[i].scancode);
		client_key(c, false, locks[i].keysym, locks[i].scancode);
	}
}
