/*
 * A physical function as a guest sees it.
 *
 * The guest never sees the device's configuration space: it sees one made here, dword by dword, from
 * a table that says what is emulated, what shows through, and what is written through (policy.c).
 * What is in no row does not exist: it reads zero and writes to it are dropped and counted.
 *
 * BARs live where the guest put them: each time it moves one, or its decoding, the device's pages
 * are mapped there and unmapped where they were, by pdev_ops. Pages that hold the MSI-X table or PBA,
 * and BARs that do not fill pages, are emulated regions instead, of which everything but table and
 * PBA is forwarded. I/O BARs do not exist. INTx does not exist.
 *
 * The device's own memory decoding is on from arm to disarm, whatever the guest says, because its
 * MSI-X table must be reachable; its bus mastering follows the guest. Its MSI registers hold
 * remapping entries' messages and nothing else.
 *
 * Locking: everything runs under the function's lock, which vpci_read() and vpci_write() take; the
 * other calls here take it themselves. pdev_ops are called with it held.
 */
#pragma once

#include "core/base/err.h"
#include "core/vcpu/pdev.h"
#include "core/vcpu/platform.h"
#include "core/vcpu/vpci.h"
#include "passthrough/pci/function.h"

#define VDEV_BARS  7 /* 6 and the expansion ROM */
#define VDEV_PARTS 7 /* of a BAR: table, PBA and mirror, with direct pieces around */

/* A piece of a BAR, whole pages unless the BAR is smaller than one. */
struct vdev_part {
	u64 off, size;
	bool emulated;	  /* else mapped to the guest directly */
	bool there;	  /* at its place now */
	struct mmio host; /* of an emulated one */
	struct vpci_device *d;
	u8 bar;
};

struct vdev_bar {
	u64 size; /* 0: does not exist for the guest */
	bool is64, prefetch;
	u64 start; /* address after a reset, as a firmware would have left it */
	u64 at;	   /* where its parts are now, if any is there */
	bool placed;
	u32 nparts;
	struct vdev_part part[VDEV_PARTS];
};

/* One MSI-X entry: what the guest wrote, and whether the device may send it. */
struct vdev_vector {
	u64 address;
	u32 data;
	bool masked; /* the guest's mask bit */
	bool routed; /* pdev_ops->route() has it */
	struct pdev_host_msi host;
};

/* Things that are dropped, never fatal. */
struct vdev_counts {
	u64 writes_dropped; /* registers that do not exist or are read-only as a whole */
	u64 msi_refused;    /* messages route() refused */
	u64 maps_refused;   /* places map() refused, or where a BAR may not be */
	u64 resets;	    /* the guest asked for */
};

/* Where BARs may be: the windows of the guest's layout. */
struct vdev_window {
	u64 base, size;
};
#define VDEV_WINDOWS 3

struct vpci_device_config {
	struct pci_function *host; /* read, quiesced or reset; outlives the device */
	const struct pdev_ops *ops;
	struct platform *platform; /* for emulated regions; NULL only where nothing is emulated */
	struct vdev_window window[VDEV_WINDOWS];
	struct vdev_vector *vectors; /* host->msix_vectors of them, the caller's */
	const u8 *rom; /* an image that rom_check() accepted; NULL: no expansion ROM */
	u32 rom_size;
	bool
	    below_port; /* behind a virtual root port: keeps its link; else root-complex integrated */
	u32 quirks;	/* enum vdev_quirk bits */
	/* Where BAR 0 shows the configuration space, size 0: nowhere. The guest sees its view there. */
	u32 mirror, mirror_size;
};

enum vdev_quirk {
	VDEV_NO_MSIX = 1,     /* hide it */
	VDEV_NO_VENDOR = 2,   /* hide vendor capabilities */
	VDEV_VENDOR_READ = 4, /* vendor capabilities show but are not written */
};

#define VDEV_DWORDS (VPCI_CONFIG_SIZE / 4)

struct vpci_device {
	struct vpci_function f;
	struct pdev
	    pdev; /* what the engine's ops get: embed the whole in the engine's own struct */
	struct vpci_device_config c;
	bool armed;
	bool away;   /* being reset, or parked: reads all ones, writes vanish */
	bool failed; /* an unmap failed: only disarm() again is left */
	struct vdev_bar bar[VDEV_BARS];
	u32 nvectors;		       /* that the guest sees; 0: no MSI-X */
	u32 msi_routed;		       /* MSI messages that are routed, from index 0 */
	u64 msi_mask;		       /* bit a message: route() refused it */
	struct pdev_host_msi msi_host; /* what the device's MSI registers hold */
	bool msi_on, msix_on;	       /* as the device has been told */
	struct vdev_counts count;

	/* The configuration space, by dword. A read gives value, but where `shown` the device's bits. */
	u32 value[VDEV_DWORDS];
	u32 reset[VDEV_DWORDS];	   /* value after a reset */
	u32 writable[VDEV_DWORDS]; /* bits of value the guest changes */
	u32 shown[VDEV_DWORDS];
	u32 through[VDEV_DWORDS]; /* bits written to the device */
	u8 hook[VDEV_DWORDS];	  /* who acts on a write: enum vdev_hook */
};

/*
 * Make the guest's view. Nothing is mapped or routed yet. ERR_UNSUPPORTED: it is a bridge. Others as
 * port_mmio_map(). *d need not be zeroed.
 */
__must_check int vpci_device_init(struct vpci_device *d, const struct vpci_device_config *c);

/* Where a firmware would have put that BAR; call before arm, for each BAR that exists (place.h). */
void vpci_device_place(struct vpci_device *d, u8 bar, u64 gpa);

/*
 * The device is attached and may be used: its decoding goes on with BARs at the host's places, MSI
 * and MSI-X off, every table entry masked. The guest's view is as after a reset. ERR_IO: it does
 * not do as told.
 */
__must_check int vpci_device_arm(struct vpci_device *d);

/*
 * Take everything from the guest: bus mastering and interrupts off, every route and mapping
 * undone. The guest's cores are stopped, or the function has been removed from its tree. On error
 * something is still mapped or routed: its memory and the device are not free; may be called again.
 */
__must_check int vpci_device_disarm(struct vpci_device *d);

/*
 * A reset that pdev_ops->reset() left going on (ERR_BUSY) is over; `ok`: the device is back, with its
 * saved configuration. Else it stays away for good.
 */
void vpci_device_came_back(struct vpci_device *d, bool ok);

/* The device is gone (parked, pulled): all ones from now on. Routes and mappings stay until disarm. */
void vpci_device_gone(struct vpci_device *d);

/* pdev_ops->config_read and config_write for an engine that reaches the function by core/port.h. */
u32 vpci_device_port_read(struct pdev *p, u16 off, u8 width);
void vpci_device_port_write(struct pdev *p, u16 off, u8 width, u32 v);

static inline struct vpci_device *vpci_device_of_pdev(struct pdev *p)
{
	return (struct vpci_device *)((char *)p - offsetof(struct vpci_device, pdev));
}

/* ---- expansion ROM -------------------------------------------------------------------------- */

/*
 * Is it a PCI expansion ROM (PCI Firmware 3.2 §5.1.1.1): 55AAh, "PCIR" within, images that follow each
 * other to one marked last, all inside `size`, made for vendor:device (0: any)? Returns the length of
 * all images, 0 with *why set when it is none.
 */
u32 rom_check(const u8 *rom, u32 size, u16 vendor, u16 device, const char **why);

/*
 * Copy the function's ROM to `out` (`room` bytes, which need hold its images only: the BAR is often much
 * larger) before anybody owns the function; decoding must be free to be changed. Returns its length,
 * 0: none, or not readable, with *why set.
 */
u32 rom_capture(struct pci_function *f, u8 *out, u32 room, const char **why);
