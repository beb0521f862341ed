/*
 * A whole machine with two remapping units of either vendor, described by tables and functions and
 * started through the common code: the setting for tests of what both drivers must do alike.
 *
 *	00:01.0 root port (isolating) -> 01:00.0 GPU, 01:00.1 its audio (one group)
 *	00:03.0 bridge to conventional PCI -> 03:00.0, 03:01.0 (one device)
 *	00:04.0, 00:05.0 integrated endpoints
 *	40:01.0, 40:02.0 integrated endpoints behind the second unit
 *	an I/O APIC
 */
#pragma once

#include "iommu/domain.h"
#include "iommu/start.h"
#include "tests/fake/amdvi.h"
#include "tests/fake/vtd.h"

enum remap_function {
	REMAP_PORT,
	REMAP_GPU,
	REMAP_AUDIO,
	REMAP_TO_PCI,
	REMAP_PCI0,
	REMAP_PCI1,
	REMAP_NIC,
	REMAP_DISK,
	REMAP_FAR0,
	REMAP_FAR1,
	REMAP_FUNCTIONS,
};

#define REMAP_IOAPIC_ID	 7
#define REMAP_WS	 3
#define REMAP_WS_SIZE	 KIB(512)
/* Guests' memory: addresses only; devices reach it in the models and nobody stores there. */
#define REMAP_MEMORY(ws) (GIB(64) * ((ws) + 1))

struct remap_config {
	enum iommu_kind kind;
	const char *name;
	bool strict;	    /* every barrier counts: small and slow; else for long sequences */
	u32 late;	    /* steps a command takes */
	bool caches_absent; /* caching mode, NpCache */
	bool incoherent;    /* VT-d: walks do not snoop */
	bool buffered;	    /* VT-d: RWBF */
	bool scalable;	    /* VT-d: no legacy mode */
	bool xapic;	    /* 8-bit destinations */
	bool big_entries;   /* AMD-Vi: 128-bit interrupt entries */
};

/* Every configuration worth running a scenario on; a NULL name ends the list. */
extern const struct remap_config remap_configs[];

struct remap {
	struct remap_config config;
	struct vtd_model *vtd[2];
	struct amdvi_model *amdvi[2];
	struct iommu_function function[REMAP_FUNCTIONS];
	u32 device_of[REMAP_FUNCTIONS];
	struct pool hv, ws[REMAP_WS];
	struct iommu iommu;
	struct iommu_domain domain[REMAP_WS];
};

/* Machine, tables, devices; nothing of a driver has run. */
void remap_build(struct remap *r, const struct remap_config *config);
/* remap_build(), iommu_start(), and one domain a workstation; each must succeed. */
void remap_start(struct remap *r, const struct remap_config *config);
/* Fails the test when a driver broke a rule of its model. */
void remap_end(struct remap *r);

/* Workstation n's domain: owner n, its own pool, cores remap_cpu(n, 0 .. 1). */
void remap_domain(struct remap *r, u32 ws);
u32 remap_cpu(u32 ws, u32 i);

struct iommu_device *remap_device(struct remap *r, enum remap_function f);
/* Its first requester id as a function. */
struct bdf remap_bdf(const struct remap *r, enum remap_function f);

/* One access by any requester. True and *reached, or false when it was blocked. */
bool remap_dma(struct remap *r, struct bdf who, u64 address, bool write, u64 *reached);

struct remap_irq {
	u32 apic_id;
	u8 vector;
	bool remapped;
};

/* A write in the interrupt range. True and *irq when a core was interrupted. */
bool remap_msi(struct remap *r, struct bdf who, u64 address, u32 data, struct remap_irq *irq);

/* Invalidations of pages that unit `i` has carried out so far. */
u64 remap_flushes(const struct remap *r, u32 i);

/* Give the function a TLB of its own, which answers invalidations or does not. */
void remap_ats(struct remap *r, enum remap_function f, bool answers);

/* The units stop obeying: their next commands are refused until the driver gives up. */
void remap_break(struct remap *r);
