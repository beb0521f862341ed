/*
 * What a DMA-remapping unit is to the rest of Caprock: VT-d and AMD-Vi both implement struct
 * iommu_ops, the common code (domain.c, group.c, quarantine.c, fault.c) calls them, and nobody
 * else does.
 *
 *   iommu          the machine's units: one vendor, one table format for all of them
 *   iommu_unit     one register set: a DRHD or an IVHD
 *   iommu_device   what can be attached: a function (or I/O APIC, HPET) with all its requester ids
 *   iommu_domain   the memory and the cores a workstation's devices may reach
 *
 * The safe state is the state before anything was said: after enable() every requester's DMA and
 * every interrupt request is blocked, and a device is always in exactly one iommu_device_state.
 *
 * Locking: the common code holds unit->lock around every op of that unit, from whichever core.
 * Drivers take no lock and may assume that no other op runs on the same unit. An op never calls
 * back into the common code.
 *
 * Waiting: invalidations are awaited without limit (a unit that lost one has lost isolation); only
 * a device's own TLB may time out, and that costs the device its attachment, see flush().
 */
#pragma once

#include "core/base/err.h"
#include "core/base/lock.h"
#include "core/base/pool.h"
#include "core/base/types.h"
#include "core/paging/paging.h"
#include "core/port.h"

struct iommu;
struct iommu_domain;

enum iommu_kind { IOMMU_VTD, IOMMU_AMDVI };

/* ---- units ---------------------------------------------------------------------------------- */

/* What the firmware's table says of one unit. Filled by the common code before probe(). */
struct iommu_unit_desc {
	paddr_t registers;
	u64 register_size; /* bytes, at least the architecture's minimum; probe() may map more */
	u16 segment;
	u8 flags;	 /* AMD-Vi: IVHD flags (48882 §5.2.2.1); VT-d: DRHD flags */
	u64 features;	 /* AMD-Vi: EFR image of IVHD 11h/40h, 0: read the register */
	struct bdf pci;	 /* AMD-Vi: the unit's own function, for its MSI capability */
	u16 pci_cap;	 /* AMD-Vi: offset of its capability in that function */
	bool x2apic;	 /* the machine's cores run in x2APIC mode: destinations have 32 bits */
	u8 last_bus;	 /* highest bus number a requester under this unit can carry */
	u64 buses[4];	 /* bit per bus number: those with functions, VFs and aliases among them */
	u32 irqs_wanted; /* interrupt entries all devices under it may need together */
};

/* What the hardware offers. Filled by probe(). */
struct iommu_caps {
	u8 input_bits;	    /* widest device address a table can translate */
	u8 output_bits;	    /* widest host-physical address an entry can hold */
	u16 levels;	    /* bit n: tables of n levels work */
	u8 leaf_max;	    /* enum pt_leaf_max */
	bool coherent;	    /* table walks snoop the caches; else port_cache_flush() each write */
	bool snoop_control; /* PT_SNOOP in a leaf forces coherent DMA */
	bool caches_absent; /* not-present entries may be cached (VT-d CM, AMD-Vi NpCache) */
	bool irq_remapping;
	bool x2apic; /* interrupt entries hold 32-bit destinations */
	bool ats;
	u32 max_domains; /* valid domain ids are 1 .. max_domains - 1 */
	u32 max_irqs;	 /* entries of the unit's (VT-d) or one device's (AMD-Vi) interrupt table */
};

enum iommu_unit_state {
	IOMMU_UNIT_FOUND,   /* described by a table, not touched */
	IOMMU_UNIT_PROBED,  /* capabilities known, not touched */
	IOMMU_UNIT_TAKEN,   /* firmware's use of it has ended, our structures are in memory */
	IOMMU_UNIT_ENABLED, /* translating and remapping with our structures */
	IOMMU_UNIT_QUIET,   /* quiesced for a warm reset */
	IOMMU_UNIT_FAILED,  /* an op returned an error that leaves the hardware's state unknown */
};

struct iommu_unit {
	struct iommu *iommu;
	u32 index; /* in iommu->units; names the unit in messages */
	enum iommu_unit_state state;
	struct iommu_unit_desc desc;
	struct iommu_caps caps;
	struct spinlock lock;
	struct mmio regs; /* mapped by probe() */
	void *priv;	  /* the driver's own state, in pages from iommu->pool */
};

/* ---- devices -------------------------------------------------------------------------------- */

enum iommu_device_kind { IOMMU_DEV_PCI, IOMMU_DEV_IOAPIC, IOMMU_DEV_HPET, IOMMU_DEV_ACPI };

enum iommu_device_state {
	IOMMU_DEV_BLOCKED,  /* quarantine: DMA and interrupts blocked, each attempt is a fault */
	IOMMU_DEV_SILENCED, /* the same without fault records: it stormed, or its TLB timed out */
	IOMMU_DEV_ATTACHED, /* DMA goes through ->domain; interrupts are those set and no others */
};

#define IOMMU_NO_OWNER (~0u) /* nobody's */
#define IOMMU_HV_OWNER (~1u) /* the hypervisor's own: the I/O APIC of its serial line */

/* Faults of one device in the running second (fault.c). */
struct iommu_fault_rate {
	u64 since_ns;
	u32 seen, told;
};

struct iommu_device {
	struct iommu_unit *unit;
	enum iommu_device_kind kind;
	u8 hw_id; /* I/O APIC id or HPET number for those kinds */
	u16 segment;
	/*
	 * Requester ids, all of which are this device's and no other's: functions that share an id
	 * (behind a conventional bridge) are one iommu_device. rids[0] is the function's own, or the
	 * one the table gives an I/O APIC; phantom functions and aliases follow.
	 */
	u16 nrids;
	const u16 *rids;
	u16 interrupts; /* entries it can use: MSI-X table size, MSI messages, I/O APIC pins */
	/*
	 * Source of its interrupt requests (VT-d 4.1 §9.10): irq_rid, ignoring the phantom_bits top
	 * bits of the function number (0..3, SQ), or, unless irq_last_bus is 0, any requester whose
	 * bus lies in irq_first_bus .. irq_last_bus (SVT = 2: behind a conventional bridge).
	 */
	u16 irq_rid;
	u8 phantom_bits;
	u8 irq_first_bus, irq_last_bus;
	bool ats;     /* translation requests allowed; false unless the profile asks */
	u8 ats_queue; /* ATS invalidate queue depth as the capability has it, 0 means 32 */
	u16 pf_rid;   /* of a virtual function with ATS: its physical function's id; else its own */
	enum iommu_device_state state; /* written by attach(), block() and the time-out path only */
	struct iommu_domain *domain;   /* when attached; written with state */
	void *priv; /* the driver's own, e.g. the interrupt table; in pages of the domain's pool */

	/* The common code's; drivers leave these alone. */
	u32 group;		   /* devices of one group never have different owners */
	u32 owner;		   /* workstation index, IOMMU_HV_OWNER or IOMMU_NO_OWNER */
	struct iommu_domain *home; /* the domain whose list it is in, attached or silenced */
	struct iommu_device *next; /* in that list */
	u64 faults;		   /* ever */
	struct iommu_fault_rate rate;
};

/* ---- domains -------------------------------------------------------------------------------- */

/*
 * Drivers read this and write nothing. The common code links a device into the list
 * before attach() and unlinks it after block(); a driver looks at dev->state, not at the list
 * alone.
 */
struct iommu_domain {
	struct iommu *iommu;
	u16 id;	   /* unique among live domains of this machine, from 1 */
	u32 owner; /* workstation index or IOMMU_HV_OWNER */
	/*
	 * pt.root and pt.levels go into the device's entry. pt.pool is the workstation's grant, from
	 * which its devices' interrupt tables come too.
	 */
	struct pt pt;
	struct iommu_device *devices;
	const u32 *cpus; /* physical APIC ids interrupts may go to; checked by the common code */
	u32 ncpus;
	struct spinlock lock; /* the common code's: table and list of devices */
};

/* What changed in a domain's table since the last flush: anything in [lo, hi]. */
struct iommu_change {
	u64 lo, hi;   /* device addresses, inclusive; lo page-aligned, hi the last byte of a page */
	bool removed; /* mappings were removed or lost rights: invalidate */
	bool added;   /* absent -> present: invalidate where caches_absent, drain write buffers */
	bool tables;  /* table pages were unlinked: paging-structure caches too */
};

/* ---- interrupts ----------------------------------------------------------------------------- */

/* Where an interrupt goes. Physical destination, fixed delivery: nothing else can be expressed. */
struct iommu_irq {
	u32 apic_id;
	u8 vector;	/* 16 .. 255 */
	bool level;	/* I/O APIC pins only */
	paddr_t posted; /* seam for posted interrupts: must be 0 today, else ERR_UNSUPPORTED */
};

/* What the device is programmed with so that its requests use a given entry. */
struct iommu_message {
	u64 msi_address;
	u32 msi_data;	  /* multi-message MSI: the device adds its message number to data */
	u64 ioapic_entry; /* redirection entry for IOMMU_DEV_IOAPIC, masked (bit 16 set) */
};

/* ---- faults --------------------------------------------------------------------------------- */

enum iommu_fault_kind {
	IOMMU_FAULT_BLOCKED,		 /* requester has no domain */
	IOMMU_FAULT_NOT_PRESENT,	 /* address not mapped */
	IOMMU_FAULT_READ,		 /* mapped, not readable */
	IOMMU_FAULT_WRITE,		 /* mapped, not writable */
	IOMMU_FAULT_ADDRESS_WIDTH,	 /* address beyond what the table covers */
	IOMMU_FAULT_INTERRUPT,		 /* entry absent, out of table, or another requester's */
	IOMMU_FAULT_INTERRUPT_COMPAT,	 /* compatibility format or forbidden delivery mode */
	IOMMU_FAULT_TRANSLATION_REQUEST, /* ATS request or translated request not allowed */
	IOMMU_FAULT_STRUCTURE,		 /* an entry of ours is malformed: our bug, broken memory */
	IOMMU_FAULT_TABLE_ACCESS,	 /* the unit could not read its structures */
	IOMMU_FAULT_COMMAND,		 /* the unit refused a command of ours */
	IOMMU_FAULT_DEVICE_TLB, /* a device did not answer an invalidation and was blocked */
	IOMMU_FAULT_OTHER,
	IOMMU_FAULT_KINDS,
};

struct iommu_fault {
	enum iommu_fault_kind kind;
	u16 code;	    /* the hardware's reason number */
	const char *reason; /* what the manual calls it, static, never NULL */
	u16 segment, rid;
	bool has_rid, has_address;
	bool write;  /* the request was a write (an interrupt is one) */
	u64 address; /* of the request, to the page or better; INTERRUPT: the entry's index */
	bool lost;   /* the log overflowed before this record: others were dropped */
};

/* ---- the driver's side ---------------------------------------------------------------------- */

/*
 * Unless it says otherwise every op returns OK or a negative enum err. After an error that leaves
 * the hardware's state unknown the driver sets unit->state = IOMMU_UNIT_FAILED, and the common code
 * attaches nothing to that unit any more.
 */
struct iommu_ops {
	enum iommu_kind kind;
	const char *name; /* "VT-d", "AMD-Vi" */

	const struct pt_format *format;

	/* Map registers, read capabilities into u->caps. Writes no register. */
	__must_check int (*probe)(struct iommu_unit *u);

	/*
	 * Make our structures (everything blocked) in pages of u->iommu->pool and end the firmware's
	 * use of the unit: its queues stopped, its fault log acknowledged. A unit found translating
	 * goes on doing so until enable() replaces its tables; protected memory ranges stay in force
	 * until then. ERR_NOMEM, ERR_UNSUPPORTED (port_log names the lacking capability).
	 */
	__must_check int (*take_over)(struct iommu_unit *u);

	/*
	 * Translation and interrupt remapping on with our structures, compatibility-format
	 * interrupts blocked, caches of every kind invalidated, then the firmware's protected
	 * memory ranges off. On return every requester is blocked. Where the hardware has no
	 * interrupt remapping (caps), DMA alone; the common code then attaches nothing.
	 */
	__must_check int (*enable)(struct iommu_unit *u);

	/*
	 * Fault interrupts to the core with physical APIC id `apic_id`, vector `vector`, as an MSI
	 * made by the unit itself. Records are still taken by poll().
	 */
	__must_check int (*arm_faults)(struct iommu_unit *u, u32 apic_id, u8 vector);

	/*
	 * Take one fault record: 1 and *out filled, 0 when there is none, or an error. Clears
	 * overflow and restarts a stopped log; out->lost then tells of it. Also reports what the
	 * driver itself found: refused commands, device-TLB time-outs.
	 */
	__must_check int (*poll)(struct iommu_unit *u, struct iommu_fault *out);

	/*
	 * Let `dev` (BLOCKED or SILENCED; all its rids) reach `dom`; faults are recorded. Interrupts
	 * stay blocked until irq_set(). No intermediate state is valid with half an entry. On error
	 * the device is blocked as before and nothing of the domain's pool is held.
	 */
	__must_check int (*attach)(struct iommu_device *dev, struct iommu_domain *dom);

	/*
	 * From any state to blocked; `silent`: without fault records. On return no request of the
	 * device that was let through is still on its way to memory, none will be let through, all
	 * its interrupt entries are free, and no cache (its own TLB included) holds anything of its
	 * former domain on its behalf. Idempotent. The driver sets state and domain.
	 */
	__must_check int (*block)(struct iommu_device *dev, bool silent);

	/*
	 * Make the change to `dom`'s table true for every request this unit has not let through yet,
	 * drain those it has, and do the same for the TLBs of attached devices with ATS on this
	 * unit. Whether `added` needs any command is the driver's to know. A device whose TLB does
	 * not answer is SILENCED and reported by poll(), the rest is resubmitted, and flush()
	 * returns OK: the change is then true for that device too. Also for a domain that no device
	 * of the unit uses now: the common code asks for it before a domain's number is used again.
	 */
	__must_check int (*flush)(struct iommu_unit *u, struct iommu_domain *dom,
				  const struct iommu_change *change);

	/*
	 * `count` consecutive interrupt entries, aligned to count rounded up to a power of two, for
	 * `dev`, blocked. ERR_NOMEM when there is no such run, ERR_BUSY when dev is not attached.
	 */
	__must_check int (*irq_alloc)(struct iommu_device *dev, u16 count, u16 *first);
	/* Free entries of `dev`; those still set are cleared and invalidated first. */
	__must_check int (*irq_free)(struct iommu_device *dev, u16 first, u16 count);
	/*
	 * Point entry `index` of `dev` at `irq`, valid for requests of this device alone. An entry
	 * that was set changes from old to new with nothing in between; on return no request uses
	 * the old one. The common code has checked vector, destination and attachment; the driver
	 * checks that the entry is allotted to dev (ERR_PERM).
	 */
	__must_check int (*irq_set)(struct iommu_device *dev, u16 index,
				    const struct iommu_irq *irq);
	/* Back to blocked; on return no request uses the old one. */
	__must_check int (*irq_clear)(struct iommu_device *dev, u16 index);
	/* What to program into the device so that its requests use `index`, set or not. */
	__must_check int (*irq_message)(struct iommu_device *dev, u16 index,
					struct iommu_message *out);

	/*
	 * Before a warm reset: everything blocked, fault interrupts off, queues drained and stopped.
	 * Translation stays on, so that no stray request reaches the crash record. Best effort on a
	 * FAILED unit. Callable from a crash: takes no memory.
	 */
	__must_check int (*quiesce)(struct iommu_unit *u);
};

/* ---- the machine ---------------------------------------------------------------------------- */

struct iommu {
	const struct iommu_ops *ops;
	u32 nunits, ndevices;
	struct iommu_unit *units;
	struct iommu_device *devices;
	struct pool *pool;	/* the hypervisor's; used until enable() and by nothing after */
	struct iommu_caps caps; /* what all units have in common */
	u8 levels;		/* of every domain's table */
	u64 *domain_ids;	/* bit per id in use */
	struct spinlock lock;	/* guards domain_ids */
	u64 faults;
	struct iommu_fault_rate stray; /* of requesters that are no device we know */
};
