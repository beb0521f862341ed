/* Caps and Num Lock, at the desk and at the desktop. */
#pragma once

#include "viewer/client/client.h"

/* Presses what differs. For when the window has the keyboard: as it gets it, or a server's first word. */
void locks_match(struct client *c);
