/* Words in a window: our own letters, twice their size, in an opaque box. */
#pragma once

#include <SDL.h>

#include "core/base/types.h"

/* The box around a text: lines parted by \n and wrapped at `columns` letters. UTF-8; a letter that
 * the font lacks shows as a box. */
SDL_Point text_size(const char *text, u32 columns);
/* Draws it, cut at the surface's edges. Returns what of the surface it covers. */
SDL_Rect text_draw(SDL_Surface *to, SDL_Point at, const char *text, u32 columns);
