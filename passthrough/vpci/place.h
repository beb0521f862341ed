/*
 * Where a firmware would have put the BARs of a guest's devices: by need, largest first, so that
 * nothing is lost to alignment.
 *
 * On the root bus a 64-bit BAR goes above 4 GiB. Behind a bridge only a prefetchable one can: a
 * bridge forwards addresses above 4 GiB in its prefetchable window alone (PCI-to-PCI Bridge 1.2
 * §3.2.5.9). All others go below.
 */
#pragma once

#include "core/base/err.h"
#include "core/partition/layout.h"

#define PLACE_ROOT_BUS (~0u)

struct place_bar {
	u64 size; /* power of two; 0: left out */
	bool is64, prefetch;
	u32 port; /* index of the root port it lies behind, or PLACE_ROOT_BUS */
	u64 at;	  /* out */
};

/* A root port's two windows, whole MiB; size 0: closed. All out. */
struct place_port {
	struct layout_window memory;   /* below 4 GiB */
	struct layout_window prefetch; /* above */
};

struct place {
	struct place_bar *bars;
	u32 nbars;
	struct place_port *ports;
	u32 nports;
};

/*
 * The windows these BARs need: for layout_make(). Sets the sizes of the ports' windows. ERR_INVAL: a
 * size is no power of two, a BAR that goes below 4 GiB is larger than 1 GiB, or there is no such port.
 */
__must_check int place_need(struct place *p, u64 *need32, u64 *need64);

/* Fill in all places. ERR_RANGE: the layout's windows do not hold them; errors of place_need(). */
__must_check int place_bars(struct place *p, const struct layout *l);
