/* What the files about assigned devices share. Private to core/metal. */
#pragma once

#include "core/metal/devices.h"
#include "passthrough/assign.h"
#include "passthrough/quirks/quirks.h"
#include "passthrough/vpci/place.h"
#include "passthrough/vpci/port.h"

/* A function that some workstation has or had. In the heap, for good. */
struct device {
	struct pci_function fn;
	struct assign assign;
	u32 function; /* index in the survey */
	u32 owner;    /* slot of the workstation, ~0: nobody's */
	/* Its expansion ROM as it was before anybody had it; size 0: none that can be used. */
	const u8 *rom;
	u32 rom_size;
	u32 reset_wanted; /* by its guest; set on a guest core, atomic */
	bool peers;	  /* other devices of its workstation may reach its memory */
};

/* What its workstation sees of it. In the grant. */
struct view {
	struct vpci_device v; /* must stay first: struct pdev leads here */
	struct device *d;
	struct workstation *w;
	const struct plan_device *plan;
	const u8 *rom; /* what the guest gets of one */
	u32 rom_size;
	u32 port; /* index of its root port, or PLACE_ROOT_BUS */
	bool placed;
	bool told; /* that the guest does not get it */
};

/* A root port in the guest's tree. */
struct port {
	struct device *first; /* of the card behind it */
	struct vpci_port *port;
};

struct devices {
	struct iommu_domain domain;
	struct route_cores cores;
	u32 n;
	struct view **views;
	struct assign **assigns; /* theirs */
	u32 nports;
	struct port *ports;
	struct place place; /* VDEV_BARS bars a view */
};

/* Facts of a function, and the index of the one at a path, ~0: none. */
const struct machine_function *device_function(u32 i);
u32 device_at(const struct pci_path *path);

/* Known since an earlier start, or read now. NULL: it cannot be used, the log says why. */
struct device *device_find(u32 i);

extern const struct pdev_ops metal_pdev_ops; /* pdev.c */

/* The virtual core that a message means, for struct route_cores; ctx: the struct guest. */
bool pdev_first_core(void *ctx, const struct route_message *m, u32 *vcpu);
