/* Caps and Num Lock, at the desk and at the desktop. */
#pragma once

#include "viewer/client/client.h"

/* Presses what differs. For a window with the keyboard: as it gets it, or a server's first word. */
void locks_match(struct client *c);
