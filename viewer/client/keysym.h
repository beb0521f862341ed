/* What a key writes under the modifiers held, for servers that know no scancodes. */
#pragma once

#include <SDL.h>

#include "core/base/types.h"

/* Keysym of a window system's key press; 0: none, or this window system does not tell. */
u32 keysym_of(const SDL_SysWMEvent *e);
