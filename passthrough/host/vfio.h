/*
 * What Linux itself answers about a function that is bound to vfio-pci (linux/vfio.h). To ask, the
 * function's whole group is opened for a moment; a group that somebody uses says so.
 */
#pragma once

#include "core/base/types.h"

#define VFIO_FACTS_REGIONS    16
#define VFIO_FACTS_INTERRUPTS 8

struct vfio_region {
	u32 index;
	u64 size;
	bool read, write, mmap;
};

struct vfio_interrupt {
	u32 index, count;
};

struct vfio_answers {
	bool viable; /* every function of the group is bound to VFIO or to nothing */
	bool reset;
	u32 nregions, ninterrupts;
	struct vfio_region regions[VFIO_FACTS_REGIONS];		 /* those with a size */
	struct vfio_interrupt interrupts[VFIO_FACTS_INTERRUPTS]; /* those with a count */
};

/*
 * Ask about a function of Linux' IOMMU group `group`. False with a sentence in why[0..size) when
 * no answer could be had; out->viable holds also then, when that much was told.
 */
__must_check bool vfio_ask(struct bdf bdf, u32 group, struct vfio_answers *out, char *why,
			   size_t size);
