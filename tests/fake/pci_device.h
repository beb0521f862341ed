/*
 * A PCI Express function in a test: an honest one, and one that lies.
 *
 * It has configuration space with the bits that exist and no others, BARs with registers behind them,
 * MSI and MSI-X that say where an interrupt would go, and every kind of reset. `lies` turns single
 * properties false, each of which some real or hostile device has.
 */
#pragma once

#include "core/port.h"

enum fake_lie {
	FAKE_BAR_SIZE = 1,	  /* BAR 0 shows another size each time it is sized */
	FAKE_BAR_HOLES = 2,	  /* BAR 0's size is no power of two */
	FAKE_BAR_STUCK = 4,	  /* BAR 0 does not take its old value back */
	FAKE_NEW_IDS = 8,	  /* other ids after a reset */
	FAKE_NO_RETURN = 0x10,	  /* all ones for ever after a reset */
	FAKE_PENDING = 0x20,	  /* transactions that never complete */
	FAKE_MASTER_STUCK = 0x40, /* bus mastering cannot be switched off */
	FAKE_CONFIG_LOST = 0x80,  /* Device Control does not take its value after a reset */
	FAKE_FLR_DEAD = 0x100,	  /* FLR leaves it dead until a bus reset */
	FAKE_CAPS_MOVE = 0x200,	  /* the list's start changes at every read */
};

#define FAKE_BAR_MEMORY 65536u /* bytes behind a BAR that tests may touch; the rest reads zero */

struct fake_bar {
	u64 size, host; /* where the "firmware" put it */
	bool io, is64, prefetch;
	u8 *memory;
	struct fake_device *device;
};

struct fake_device {
	struct bdf bdf;
	u32 lies;
	u32 config[1024], initial[1024];
	u32 writable[1024], w1c[1024];
	struct fake_bar bar[6];
	u64 rom_size, rom_host;
	const u8 *rom;
	u16 pm, msi, msix, express, af, last_cap, last_ext;
	bool no_soft_reset;
	u8 msix_bar;
	u64 msix_off;

	/* all ones, or request retry, until then; 0: it answers */
	u64 dead_until;
	u64 recovery_ns; /* how long a reset takes it */
	bool dead;	 /* for good */
	u32 die_after;	 /* configuration reads until it is gone; 0: never */
	u32 blink;	 /* which configuration read from now on gives all ones, once; 0: none */
	u32 resets, flr, af_flr, pm_resets, bus_resets;
	u64 sizing;		  /* how often BAR 0 was sized */
	u32 sized_while_decoding; /* how often any BAR was, with decoding on */
	u32 config_writes;
};

/* A function of class `class_code` (24 bits) at `bdf`, added to the machine. */
void fake_device_init(struct fake_device *d, struct bdf bdf, u16 vendor, u16 device,
		      u32 class_code);
/* Frees what the BARs hold. */
void fake_device_free(struct fake_device *d);

void fake_device_bar(struct fake_device *d, u32 bar, u64 size, u64 host, bool is64, bool prefetch);
void fake_device_io_bar(struct fake_device *d, u32 bar, u32 size, u32 host);
void fake_device_rom(struct fake_device *d, u64 size, u64 host, const u8 *image);

/* Capabilities, linked in the order they are added, at `off`. */
void fake_device_pm(struct fake_device *d, u16 off, bool no_soft_reset);
void fake_device_msi(struct fake_device *d, u16 off, u32 log2, bool wide, bool masking);
void fake_device_msix(struct fake_device *d, u16 off, u32 vectors, u8 table_bar, u32 table,
		      u8 pba_bar, u32 pba);
/* type: PCI_EXP_TYPE_... */
void fake_device_express(struct fake_device *d, u16 off, u32 type, bool flr);
void fake_device_af(struct fake_device *d, u16 off);
/* Any other: `n` dwords from the capability's start, the list's fields filled in. */
void fake_device_cap(struct fake_device *d, u16 off, u8 id, const u32 *dwords, u32 n);
void fake_device_ext_cap(struct fake_device *d, u16 off, u16 id, const u32 *dwords, u32 n);

/* The configuration as it is now is what a reset brings back (BARs and command at zero). */
void fake_device_ready(struct fake_device *d);
/* What a reset does, whoever asks for it. */
void fake_device_reset(struct fake_device *d);

/*
 * Where interrupt `n` would be sent now: false when MSI and MSI-X are off or it is masked. For MSI
 * the message number is added as the device does.
 */
bool fake_device_interrupt(const struct fake_device *d, u32 n, u64 *address, u32 *data);

/* A bridge whose secondary bus holds these functions: reset by its control register. */
struct fake_port {
	struct bdf bdf;
	struct fake_device **below;
	u32 nbelow;
	u32 config[1024];
	bool link_never_up;
};

void fake_port_init(struct fake_port *p, struct bdf bdf, u8 secondary, struct fake_device **below,
		    u32 nbelow);
