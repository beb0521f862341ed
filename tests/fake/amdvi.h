/*
 * A strict register model of AMD IOMMUs (AMD I/O Virtualization Technology (IOMMU) Specification,
 * 48882 rev 3.x), in the fake machine. It is the part no emulator has:
 *
 *  - what the unit may cache it does cache, for ever: device table entries, interrupt entries,
 *    translations of every page size, non-leaf entries, absent entries where NpCache says so, and
 *    the devices' own TLBs. Only the right command with the right scope removes them;
 *  - it fetches commands from memory as it was at the last barrier, so a missing one shows;
 *  - commands complete late when asked to, one a polling step, and what follows a completion needs a
 *    barrier before it may rely on it;
 *  - device table and 128-bit interrupt entries that change by anything but a 16-byte exchange
 *    while the unit may read them, a V = 0 or IV = 0 entry anywhere in the table of an enabled
 *    unit, two page tables under one domain id, reserved bits, and registers touched in a state
 *    that forbids it, are violations;
 *  - event log with overflow and restart, STATUS write-1-to-clear, command errors that stop the
 *    command buffer, and interrupts made by MSI or by the x2APIC registers.
 *
 * A violation is printed and counted; amdvi_model_violations() must be 0 at the end of a test that
 * did not provoke one.
 */
#pragma once

#include "tests/fake/machine.h"

/* Extended features (48882 §3.4.8, MMIO 0030h) a test may give a unit. */
#define AMDVI_MODEL_XT	    (1ull << 2)
#define AMDVI_MODEL_IA	    (1ull << 6)
#define AMDVI_MODEL_GA	    (1ull << 7)
#define AMDVI_MODEL_SMIF    (1ull << 16 | 1ull << 18) /* an SMI filter of two registers */
#define AMDVI_MODEL_HATS(n) ((u64)((n)-4) << 10)      /* host page table levels, 4 .. 6 */

struct amdvi_model_config {
	struct bdf function; /* the unit's own PCI function */
	paddr_t registers;
	u64 features;
	u32 misc;		/* the capability's miscellaneous information: address widths */
	bool no_function;	/* firmware hides the PCI function: no capability, no MSI */
	bool np_cache;		/* absent entries are cached (capability bit 26) */
	bool late;		/* a command completes at the earliest one port_relax() later */
	u32 delay;		/* late: polling steps between commands */
	bool head_misreads;	/* reads of the command head return 0: nobody may depend on it */
	bool late_events;	/* the tail moves a polling step before the entry is in memory */
	bool exclusion_locked;	/* firmware's exclusion range cannot be changed */
	bool rings_stick;	/* command buffer and event log go on when told to stop */
	u8 first_bus, last_bus; /* requesters that this unit translates */
};

struct amdvi_model;

/* Put a unit into the fake machine. Lives until amdvi_model_reset(). */
struct amdvi_model *amdvi_model_add(const struct amdvi_model_config *config);
/* Forget all units and violations. Call before fake_machine_reset(). */
void amdvi_model_reset(void);
u32 amdvi_model_violations(void);
/* Forgive what firmware, or a test, did on purpose. */
void amdvi_model_reset_violations(void);
/* The last violation's text, "" when there is none. */
const char *amdvi_model_violation(void);

/* Change of behaviour in mid-test. */
struct amdvi_model_config *amdvi_model_config(struct amdvi_model *m);

/* Called in every polling step, before commands complete: what a hostile device does meanwhile. */
void amdvi_model_on_relax(void (*f)(void *ctx), void *ctx);

/* ---- as a device ----------------------------------------------------------------------------- */

/* Requests of `function` appear on the bus as those of `as` (a bridge, a phantom function). */
void amdvi_model_alias(struct bdf function, struct bdf as);

/*
 * One access of a device within a 4 KiB page. Returns true and the physical address it reaches, or
 * false when it was blocked. Writes to FEEx_xxxxh are interrupts: use amdvi_model_msi().
 */
bool amdvi_model_dma(struct bdf function, u64 address, bool write, u64 *reached);

/*
 * ATS: ask for a translation and keep it in the device's own TLB; use it, if it is (still) there,
 * in a translated request.
 */
bool amdvi_model_ats_request(struct bdf function, u64 address);
bool amdvi_model_ats_dma(struct bdf function, u64 address, bool write, u64 *reached);
/* From now on the device does (not) answer invalidations of its TLB. */
void amdvi_model_ats_mute(struct bdf function, bool mute);

struct amdvi_model_irq {
	u32 apic_id;
	u8 vector;
	u8 delivery; /* 0 fixed, 1 lowest priority; else what an unmapped request carried */
	bool logical;
	bool remapped; /* false: it went through as the device wrote it */
};

/* A 4-byte write of `data` to `address`. True and *out when an interrupt reached a core. */
bool amdvi_model_msi(struct bdf function, u64 address, u32 data, struct amdvi_model_irq *out);

/* ---- what tests look at and break ------------------------------------------------------------ */

enum amdvi_model_opcode {
	AMDVI_MODEL_COMPLETION_WAIT = 1,
	AMDVI_MODEL_INVALIDATE_DEVTAB = 2,
	AMDVI_MODEL_INVALIDATE_PAGES = 3,
	AMDVI_MODEL_INVALIDATE_IOTLB = 4,
	AMDVI_MODEL_INVALIDATE_INTERRUPTS = 5,
	AMDVI_MODEL_INVALIDATE_ALL = 8,
};

/* Commands completed so far, in order. */
struct amdvi_model_command {
	u64 q[2];
	enum amdvi_model_opcode opcode;
	u16 id;	     /* device id, or domain id of INVALIDATE_PAGES */
	u64 lo, hi;  /* address range, inclusive */
	bool tables; /* PDE bit */
};

u64 amdvi_model_commands(const struct amdvi_model *m);
/* Number `n`; the last 4096 are kept. */
struct amdvi_model_command amdvi_model_command(const struct amdvi_model *m, u64 n);
u64 amdvi_model_count(const struct amdvi_model *m, enum amdvi_model_opcode opcode);

/* Interrupts the unit itself has raised, and the last one's destination. */
u32 amdvi_model_interrupts(const struct amdvi_model *m);
struct amdvi_model_irq amdvi_model_last_interrupt(const struct amdvi_model *m);

/* Registers as the hardware sees them. */
u64 amdvi_model_register(const struct amdvi_model *m, u32 offset);
/* What firmware left: set a register without the rules, e.g. an enabled unit with its own tables. */
void amdvi_model_preset(struct amdvi_model *m, u32 offset, u64 value);

/* Log an event as a fault of the hardware would. */
void amdvi_model_inject(struct amdvi_model *m, u64 q0, u64 q1);
/* The next `times` commands are refused: ILLEGAL_COMMAND_ERROR (5), COMMAND_HARDWARE_ERROR (6). */
void amdvi_model_break_command(struct amdvi_model *m, u8 event, u32 times);
/* The same after `after` commands have passed. */
void amdvi_model_break_command_after(struct amdvi_model *m, u32 after, u8 event, u32 times);
/* A completion was stored and no barrier followed: nothing read since may be relied on. */
bool amdvi_model_unordered(const struct amdvi_model *m);
