/* Scancodes for clients that send keysyms alone, by where a US keyboard has them. */
#pragma once

#include "core/base/types.h"

/* XT set 1 with 0xe0 as bit 7; 0: no such key. Shift is the client's own to send. */
u32 input_scancode_of(u32 keysym);
