/*
 * What single devices do against the manuals, or beside them. A new device needs a row, not code;
 * every row says where it is known from.
 */
#pragma once

#include "passthrough/pci/function.h"

enum quirk_action {
	QUIRK_NO_FLR = 1,	/* it has the bit, and FLR hangs it or does nothing */
	QUIRK_NO_PM_RESET = 2,	/* leaving D3hot does not reset it */
	QUIRK_NO_BUS_RESET = 4, /* it does not survive the reset of its bus */
	QUIRK_NO_RESET =
	    8, /* no reset of it is known to work: for one owner from power-on to off */
	QUIRK_RESET_KNOWN = 16, /* takes QUIRK_NO_RESET of a broader row back */
	QUIRK_HIDE_VENDOR = 32, /* its vendor capability speaks of what the guest does not get */
};

struct quirk {
	u16 vendor, first, last;    /* device ids */
	u32 class_mask, class_code; /* 0, 0: any */
	u32 actions;
	u16 settle_ms; /* after a reset, when longer than the manual's 100 ms */
	/* Its configuration space shows in BAR 0 here; size 0: it does not. */
	u32 mirror, mirror_size;
	const char *source;
};

/* What the rows for a function add up to. */
struct quirk_sum {
	u32 actions;
	u16 settle_ms;
	u32 mirror, mirror_size;
};

/* Add up; the narrower rows come later in the table and have the last word. */
struct quirk_sum quirks_find(const struct pci_identity *id);

/* Those of `resets` (enum reset_method bits) that the rows leave a function. */
u8 quirks_resets(const struct pci_identity *id, u8 resets);

/* pci_reset_find() with the rows in mind: which resets f is left with, and how long they take. */
struct quirk_sum quirks_apply(struct pci_function *f, bool bus);

extern const struct quirk quirk_table[];
extern const u32 quirk_count;
