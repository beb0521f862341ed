/* Shared by the files that make up a guest's view of a function. */
#pragma once

#include "passthrough/vpci/device.h"

/* Who acts on a write to a dword, besides the bits that simply change. */
enum vdev_hook {
	HOOK_NONE,
	HOOK_COMMAND,
	HOOK_BAR,
	HOOK_ROM,
	HOOK_MSI,
	HOOK_MSIX,
	HOOK_POWER,
	HOOK_EXPRESS_CONTROL,
	HOOK_AF,
	HOOK_VPD,
	HOOKS,
};

static inline struct vpci_device *vpci_device_of(struct vpci_function *f)
{
	return (struct vpci_device *)f;
}

/* The device's own configuration space, by the engine. */
static inline u32 vdev_read(const struct vpci_device *d, u32 off, u8 width)
{
	return d->pdev.ops->config_read((struct pdev *)&d->pdev, (u16)off, width);
}

static inline void vdev_write(struct vpci_device *d, u32 off, u8 width, u32 v)
{
	d->pdev.ops->config_write(&d->pdev, (u16)off, width, v);
}

/* Fill the arrays of d from its host function. */
void vdev_policy_build(struct vpci_device *d);

/* Decoding or a BAR changed: bring what is mapped in line with the registers. */
void vdev_bars_update(struct vpci_device *d);
/* Unmap everything; the first error is returned, all are tried. */
__must_check int vdev_bars_remove(struct vpci_device *d);
void vdev_bars_build(struct vpci_device *d);
__must_check int vdev_bars_map_host(struct vpci_device *d);
/* Where a BAR shows the configuration space; false: nowhere that exists. */
bool vdev_mirror(const struct vpci_device *d, struct pci_structure *out);
/* A guest's access to a register of the view, aligned, with the function's lock held. */
u32 vdev_config_read(struct vpci_device *d, u16 off, u8 width);
void vdev_config_write(struct vpci_device *d, u16 off, u8 width, u32 v);

/* An access to an emulated part; platform_region_fn with ctx a struct vdev_part. */
void vdev_part_access(void *ctx, u32 vcpu, u64 off, u8 width, bool write, u64 *value);

/* Registers changed: bring device and routes in line with them. */
void vdev_msi_update(struct vpci_device *d);
void vdev_msix_update(struct vpci_device *d);
/* All interrupts off and routes undone. */
__must_check int vdev_irqs_remove(struct vpci_device *d);
/* The table and its neighbours as the guest sees them. */
u32 vdev_msix_read(struct vpci_device *d, u64 off);
void vdev_msix_write(struct vpci_device *d, u64 off, u32 v);

/*
 * The device's command register while it is armed, but for bus mastering. A VF's decoding is its
 * PF's to switch on and its own bit hard-wired to zero (PCIe 5.0 §9.3.4.1.3); some have one all the
 * same.
 */
#define VDEV_HOST_COMMAND (PCI_COMMAND_INTX_OFF | PCI_COMMAND_MEMORY)

/* Bring the device's command register in line with the view's and its power state. */
void vdev_power_write(struct vpci_device *d);
void vdev_guest_reset(struct vpci_device *d);

/* Is the function in D0, with memory decoding on, as the guest has set it? */
bool vdev_decodes(const struct vpci_device *d);
u32 vdev_power_state(const struct vpci_device *d);
