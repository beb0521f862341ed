#include <string.h>

#include "viewer/client/axes.h"

#define LOOK_US	  1000000u
#define READ_US	  8000u
#define DEAD	  400 /* of 32767: what a cap at rest may show */
#define BUTTONS	  16
#define MAKER	  0x256f /* 3Dconnexion */
#define OLD_MAKER 0x046d /* Logitech, which sold them before under products 0xc600 to 0xc6ff */

bool axes_known(u16 vendor, u16 product, const char *name)
{
	static const char *const words[] = {"3Dconnexion",   "SpaceMouse", "SpaceNavigator",
					    "SpaceExplorer", "SpacePilot", "SpaceTraveler",
					    "SpaceBall",     "six-axes"};

	if (vendor == MAKER || (vendor == OLD_MAKER && product >> 8 == 0xc6))
		return true;
	for (size_t i = 0; name && i < ARRAY_SIZE(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

void axes_open(struct axes *a)
{
	*a = (struct axes){0};
	SDL_SetHint(SDL_HINT_JOYSTICK_HIDAPI, "0"); /* game pads are none of our business */
	/* Read by us at our own pace, not as events among the window's. */
	a->ready = !SDL_InitSubSystem(SDL_INIT_JOYSTICK);
	if (a->ready)
		SDL_JoystickEventState(SDL_IGNORE);
}

void axes_close(struct axes *a)
{
	if (a->stick)
		SDL_JoystickClose(a->stick);
	if (a->ready)
		SDL_QuitSubSystem(SDL_INIT_JOYSTICK);
	*a = (struct axes){0};
}

static void look(struct axes *a)
{
	for (int i = 0; i < SDL_NumJoysticks() && !a->stick; i++) {
		if (!axes_known(SDL_JoystickGetDeviceVendor(i), SDL_JoystickGetDeviceProduct(i),
				SDL_JoystickNameForIndex(i)))
			continue;
		a->stick = SDL_JoystickOpen(i);
		if (a->stick && SDL_JoystickNumAxes(a->stick) < NATIVE_AXES) {
			SDL_JoystickClose(a->stick);
			a->stick = NULL;
		}
	}
}

static void read_stick(const struct axes *a, struct axes_state *now)
{
	int n = SDL_JoystickNumButtons(a->stick);

	for (int i = 0; i < NATIVE_AXES; i++) {
		s16 v = SDL_JoystickGetAxis(a->stick, i);

		now->axis[i] = v > -DEAD && v < DEAD ? 0 : v;
	}
	for (int i = 0; i < n && i < BUTTONS; i++)
		now->buttons |= SDL_JoystickGetButton(a->stick, i) ? 1u << i : 0;
}

void axes_tick(struct axes *a, struct client *c, bool focused)
{
	u64 now_us = client_now();
	struct axes_state now = {0};

	if (!a->ready || now_us < axes_due(a))
		return;
	SDL_JoystickUpdate();
	if (a->stick && !SDL_JoystickGetAttached(a->stick)) {
		SDL_JoystickClose(a->stick);
		a->stick = NULL;
	}
	if (!a->stick)
		look(a);
	if (a->stick && focused)
		read_stick(a, &now);
	if (now.buttons != a->sent.buttons || memcmp(now.axis, a->sent.axis, sizeof(now.axis)))
		client_six_axes(c, now.axis, now.buttons);
	a->sent = now;
	a->look_us = now_us + LOOK_US;
	a->read_us = now_us + READ_US;
}

u64 axes_due(const struct axes *a)
{
	return !a->ready ? UINT64_MAX : a->stick ? a->read_us : a->look_us;
}
