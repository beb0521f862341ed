/*
 * Controllers that the firmware still works: they are taken from it before the remapping units go
 * on, so that nothing is in flight towards memory and no SMI handler touches them afterwards.
 */
#pragma once

#include "core/metal/survey.h"

/*
 * USB controllers handed over and their SMIs off (xHCI 1.2 §7.1, EHCI 1.0 §5.1, OHCI 1.0a §5.1.1.3.3,
 * UHCI), AHCI's likewise (AHCI 1.3.1 §10.6.3), then bus mastering off in every function. A firmware
 * that does not let go within a second is told so in the log, and the controller taken all the same.
 */
void takeover_controllers(const struct survey *s);

/*
 * After all is quarantined: bridges pass requests upstream again, each of which meets its
 * requester's own entry in the remapping unit.
 */
void takeover_open_bridges(const struct survey *s);
