/*
 * What CPUID tells a guest.
 *
 * The table is made once for a workstation from the host's leaves and a policy (cpuid_policy.c):
 * which bits of which leaf pass, which are always set, which are rebuilt. Whatever the policy does
 * not name reads as zero, so a feature of a later processor stays hidden until somebody has thought
 * about it. A lookup fills in what differs between vCPUs and what moves with control registers.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

/* CPUID output registers, in this order everywhere. */
enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* The host's own CPUID, for everything that looks at the host's features. */
typedef void (*cpuid_host_fn)(void *ctx, u32 leaf, u32 sub, u32 out[4]);

struct cpuid_params {
	cpuid_host_fn host;
	void *ctx;
	u32 ncpus;	      /* vCPUs; their APIC ids are 0..ncpus - 1 */
	u32 threads_per_core; /* siblings have adjacent ids */
	bool invariant_tsc;   /* our own warp test has passed and the host has the bit */
	bool x2apic;	      /* the real APICs run in x2APIC mode */
};

struct cpuid_entry {
	u32 out[4];
};

#define CPUID_ENTRIES 112
#define CPUID_LEAVES  64 /* of each range that can be held */
#define CPUID_XSTATES 16 /* XCR0 bits that can be held */

/* Where a leaf's entries are. */
struct cpuid_leaf {
	u8 first;
	u8 count; /* and flags, cpuid_policy.h; 0: none; 1: one entry, the same for all vCPUs */
};

/* Lies in the workstation's own memory; read-only after cpuid_build(), by any core. */
struct cpuid_table {
	struct cpuid_leaf leaf[4 * CPUID_LEAVES]; /* by cpuid_key() */
	u8 max[3]; /* highest leaf of each range: basic, hypervisor, extended */
	u8 entries;
	u8 thread_bits; /* of the APIC id */
	bool intel;
	u16 xsave_align;		 /* components the compacted format aligns to 64 */
	u64 xcr0;			 /* bits a guest may set with XSETBV; 0: no XSAVE */
	u32 xsave_size[CPUID_XSTATES];	 /* bytes of each component */
	u32 xsave_offset[CPUID_XSTATES]; /* in the standard format */
	struct cpuid_entry entry[CPUID_ENTRIES];
};

/* A leaf's number within its range, then the range: so one comparison finds what cannot be held. */
static inline u32 cpuid_key(u32 leaf)
{
	return leaf << 2 | leaf >> 30;
}

/* What `leaf` answers to everybody, whatever ECX says. NULL: ask cpuid_lookup(). */
static inline const struct cpuid_entry *cpuid_fixed(const struct cpuid_table *t, u32 leaf)
{
	u32 key = cpuid_key(leaf);

	if (key >= ARRAY_SIZE(t->leaf) || t->leaf[key].count != 1)
		return NULL;
	return &t->entry[t->leaf[key].first];
}

/* State of the asking vCPU. */
struct cpuid_vcpu {
	u32 apic_id;
	bool apic_enabled; /* APIC_BASE.EN */
	u64 cr4;
	u64 xcr0;
};

/* ERR_INVAL: ncpus or threads_per_core is 0. ERR_NOMEM: more leaves than CPUID_ENTRIES. */
__must_check int cpuid_build(struct cpuid_table *t, const struct cpuid_params *p);

/* Answer CPUID for EAX = leaf, ECX = sub. Never fails: what is not there is what hardware says. */
void cpuid_lookup(const struct cpuid_table *t, const struct cpuid_vcpu *v, u32 leaf, u32 sub,
		  u32 out[4]);

/* May the guest load this XCR0 (SDM vol. 1 §13.3: x87 always, AVX needs SSE, and so on)? */
__must_check bool cpuid_xcr0_valid(const struct cpuid_table *t, u64 xcr0);

/* Bits of CR4 and EFER that the guest's CPUID allows it to set. */
u64 cpuid_cr4_allowed(const struct cpuid_table *t);
u64 cpuid_efer_allowed(const struct cpuid_table *t);
