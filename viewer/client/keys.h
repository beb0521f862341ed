/* What SDL calls a key, what RFB calls it. 0: no such thing there. */
#pragma once

#include <SDL.h>

#include "core/base/types.h"

u32 key_scancode(SDL_Scancode c);
u32 key_keysym(const SDL_Keysym *k);
