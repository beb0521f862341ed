/*
 * An engine for one assigned function: a guest's address space as a list of mappings, interrupt
 * entries as an array. It fails the test when it is asked for what no engine may do: mappings that
 * overlap or leave the windows, unmapping what is not mapped, routing outside the table.
 */
#pragma once

#include "passthrough/vpci/device.h"

#define ENGINE_LOW	 0xc0000000ull /* windows of the guest */
#define ENGINE_LOW_SIZE	 0x10000000ull
#define ENGINE_HIGH	 0x4000000000ull
#define ENGINE_HIGH_SIZE 0x10000000000ull
#define ENGINE_MAPS	 32
#define ENGINE_VECTORS	 2048
#define ENGINE_REGIONS	 16

struct fake_engine {
	struct vpci_device dev;
	struct platform platform;
	struct platform_region regions[ENGINE_REGIONS];
	struct vdev_vector vectors[ENGINE_VECTORS];
	struct pdev_window map[ENGINE_MAPS];
	u32 nmaps;
	u32 maps, unmaps; /* calls */
	bool routed[ENGINE_VECTORS];
	struct pdev_guest_msi guest[ENGINE_VECTORS];
	u32 routes, unroutes, resets;
	int map_error, unmap_error, route_error, unroute_error, reset_result;
};

/*
 * Platform, device and its view; not armed. `change`, unless NULL, may alter the configuration
 * before it is used.
 */
__must_check int fake_engine_init(struct fake_engine *e, struct pci_function *host,
				  void (*change)(struct vpci_device_config *c));

/* The message an engine gives for entry `index`. */
struct pdev_host_msi fake_engine_message(u32 index);

/* What a guest's access finds: a mapping (true, *bar and *off), or not (then it is emulated). */
bool fake_engine_direct(const struct fake_engine *e, u64 gpa, u8 *bar, u64 *off);

/* A guest's accesses. */
u32 fake_engine_read(struct fake_engine *e, u16 off, u8 width);
void fake_engine_write(struct fake_engine *e, u16 off, u8 width, u32 v);
/* To memory that no mapping holds: 0 .. all ones. */
u64 fake_engine_load(struct fake_engine *e, u64 gpa, u8 width);
void fake_engine_store(struct fake_engine *e, u64 gpa, u8 width, u64 v);
