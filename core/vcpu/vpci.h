/*
 * The guest's PCI tree: configuration space of physical and virtual functions alike.
 *
 * A function is registered at (bus, devfn) and answers through its ops; whether a device stands
 * behind it is its own business. Access arrives from the guest by mechanism #1 (ports CF8/CFC, PCI
 * Local Bus 3.0 §3.2.2.3.2) or by ECAM (PCIe 5.0 §7.2.2); both end in vpci_read/vpci_write.
 *
 * Locking: registration happens before the first guest core runs, or while all of the workstation's
 * cores are stopped. Accesses come from any of its cores at once; those to one function are
 * serialised by the function's lock, which is held around its ops. An op takes no other function's
 * lock and does not call back into vpci_read/vpci_write.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define VPCI_CONFIG_SIZE 4096u

struct vpci_function;

struct vpci_function_ops {
	/* width 1, 2 or 4; `off` a multiple of it below VPCI_CONFIG_SIZE. Value zero-extended. */
	u32 (*read)(struct vpci_function *f, u16 off, u8 width);
	/* Undefined and read-only bits of `v` are to be ignored; there is no failure. */
	void (*write)(struct vpci_function *f, u16 off, u8 width, u32 v);
	/* Back to the state after a conventional reset; called with the lock held. May be NULL. */
	void (*reset)(struct vpci_function *f);
};

/* Embedded in whatever implements a function. Zero it, set ops, vpci_add() fills in the rest. */
struct vpci_function {
	const struct vpci_function_ops *ops;
	struct spinlock lock;
	u8 devfn;
	bool multifunction; /* function 0 of a device that has others: header type bit 7 is set */
};

struct vpci_bus {
	struct vpci_function *fn[256]; /* by devfn, NULL: nothing there */
	struct vpci_bus *next;	       /* the tree's other buses behind bridges */
	u8 number;		       /* 0: the root bus, or not routed yet */
};

/*
 * One PCI segment of the guest. `bus` maps a bus number to its functions; entry 0 is the root bus,
 * the others follow the bridges' secondary bus numbers.
 */
struct vpci_root {
	struct vpci_bus *bus[256];
	struct vpci_bus root_bus;
	struct vpci_bus *below;	    /* all buses behind bridges */
	struct spinlock route_lock; /* inside a bridge function's lock; nothing inside it */
	u32 address;		    /* CONFIG_ADDRESS, port CF8 */
	u16 ecam_buses;		    /* bus numbers that exist: 1..256 */
};

/* An empty tree whose bus numbers are 0..buses-1 (1 <= buses <= 256). */
void vpci_init(struct vpci_root *r, u16 buses);

/* Every function back to its reset state, CONFIG_ADDRESS cleared. All cores are stopped. */
void vpci_reset(struct vpci_root *r);

/*
 * Put `f` at `devfn` of `bus` (the root bus or one that belongs to a bridge). Sets the
 * multi-function flag of the device's function 0 as needed, in whichever order they come.
 * ERR_EXIST when the place is taken. `f` must outlive the tree or be removed.
 */
__must_check int vpci_add(struct vpci_bus *bus, u8 devfn, struct vpci_function *f);
void vpci_remove(struct vpci_bus *bus, u8 devfn);

/* A zeroed bus behind a bridge joins the tree, at registration time, without a number. */
void vpci_add_bus(struct vpci_root *r, struct vpci_bus *below);

/*
 * A bridge's secondary bus number changed: `below` answers to bus number `secondary` from now on.
 * 0, or a number outside 1..buses-1, is not routed. When two bridges claim a number, which happens
 * while a guest renumbers, the bus added last has it until it lets go. From the bridge's ops.
 */
void vpci_route_bus(struct vpci_root *r, struct vpci_bus *below, u8 secondary);

/*
 * One configuration access, width 1, 2 or 4, naturally aligned, off + width <= 4096. Nobody there:
 * reads give all ones, writes vanish.
 */
u32 vpci_read(struct vpci_root *r, u8 bus, u8 devfn, u16 off, u8 width);
void vpci_write(struct vpci_root *r, u8 bus, u8 devfn, u16 off, u8 width, u32 v);

/* Port CF8, 32 bits wide (narrower accesses are other registers), and the data window at CFC..CFF:
 * `off` is the distance to CFC. One address register for all cores, as on hardware. */
u32 vpci_address_read(struct vpci_root *r);
void vpci_address_write(struct vpci_root *r, u32 v);
u32 vpci_data_read(struct vpci_root *r, u8 off, u8 width);
void vpci_data_write(struct vpci_root *r, u8 off, u8 width, u32 v);

/*
 * An access of 1..8 bytes at byte `off` of the ECAM window, off + width <= ecam_buses << 20.
 * One that is not aligned or wider than a register is carried out in pieces.
 */
u64 vpci_ecam_read(struct vpci_root *r, u64 off, u8 width);
void vpci_ecam_write(struct vpci_root *r, u64 off, u8 width, u64 v);

/* ---- a function that is only a register file ------------------------------------------------- */

/* The registers' reset value and the bits a guest may change, for one dword. */
struct vpci_register {
	u16 off; /* multiple of 4, below VPCI_PLAIN_SIZE */
	u32 reset;
	u32 writable;
};

#define VPCI_PLAIN_SIZE 256u

/* Zeroed, then vpci_plain_init(). Registers not in the table read zero and are read-only. */
struct vpci_plain {
	struct vpci_function f;
	const struct vpci_register *registers; /* sorted by off */
	u32 count;
	u32 value[VPCI_PLAIN_SIZE / 4];
};

void vpci_plain_init(struct vpci_plain *p, const struct vpci_register *registers, u32 count);

#define VPCI_HOST_BRIDGE_REGISTERS 8

struct vpci_host_bridge {
	struct vpci_plain plain;
	struct vpci_register registers[VPCI_HOST_BRIDGE_REGISTERS];
};

/*
 * The Q35 host bridge (Intel 3 Series datasheet, 316966, §5), put at 00:00.0: ids 8086:29C0,
 * PCIEXBAR enabled, at `ecam`, as long as the tree's bus numbers need (64, 128 or 256; read-only,
 * because the window does not move); the PAM and SMRAM registers hold what firmware writes without
 * effect. ERR_EXIST when something is there.
 */
__must_check int vpci_host_bridge_init(struct vpci_host_bridge *h, struct vpci_root *r, gpa_t ecam);
