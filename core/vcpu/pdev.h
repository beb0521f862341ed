/*
 * What an assigned function asks of the engine that runs its workstation.
 *
 * The code that shows a device to a guest (configuration space, BARs, MSI) is the same whether the
 * hypervisor runs the workstation on the metal or another engine does. What differs lies behind
 * these ops: the second-level tables of cores and IOMMU, interrupt remapping, resets.
 *
 * All calls may come from any core of the owning workstation, with the function's lock held; an
 * implementation serialises what it shares between functions by itself.
 */
#pragma once

#include "core/base/types.h"

struct pdev;

/* A part of a BAR: [offset, offset + size) of BAR `bar`, seen by the guest at `gpa`. Page-aligned. */
struct pdev_window {
	u8 bar; /* 0..5, 6: expansion ROM */
	u64 offset, size;
	gpa_t gpa;
};

/* An MSI message as the guest wrote it, virtual APIC ids and all. */
struct pdev_guest_msi {
	u64 address;
	u32 data;
};

/* The message to program into the device: a remapping entry's, never the guest's own. */
struct pdev_host_msi {
	u64 address;
	u32 data;
};

struct pdev_ops {
	/*
	 * Let the guest's cores reach the window directly, and take it from them again. Both change
	 * every table that translates guest-physical addresses of this workstation (cores, IOMMU
	 * for peers of the same owner) and return after all of them were flushed.
	 * ERR_NOMEM: the grant is used up. ERR_EXIST: something else is there.
	 */
	__must_check int (*map)(struct pdev *d, const struct pdev_window *w);
	__must_check int (*unmap)(struct pdev *d, const struct pdev_window *w);

	/*
	 * Deliver interrupt `index` of the function as the guest's message asks, and give the message
	 * to put into the device. Takes effect before it returns. ERR_PERM: a delivery mode, vector
	 * or destination the guest may not use; the interrupt stays blocked.
	 */
	__must_check int (*route)(struct pdev *d, u32 index, const struct pdev_guest_msi *guest,
				  struct pdev_host_msi *host);
	/* Block interrupt `index`; nothing of it arrives after the return. */
	__must_check int (*unroute)(struct pdev *d, u32 index);

	/*
	 * Bring the function to its reset state (guest-requested FLR). OK: done. ERR_BUSY: it goes on
	 * elsewhere, and vpci_device_came_back() tells the end; until then the function reads all
	 * ones, as one that is being reset does. ERR_IO: it was parked.
	 */
	__must_check int (*reset)(struct pdev *d);

	/* The device's own configuration space; width 1, 2 or 4, aligned, off below 4096. */
	u32 (*config_read)(struct pdev *d, u16 off, u8 width);
	void (*config_write)(struct pdev *d, u16 off, u8 width, u32 v);
};

struct pdev {
	const struct pdev_ops *ops;
};
