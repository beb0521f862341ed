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

struct cpuid_params {
	/* The host's own CPUID. */
	void (*host)(void *ctx, u32 leaf, u32 sub, u32 out[4]);
	void *ctx;
	u32 ncpus;	      /* vCPUs; their APIC ids are 0..ncpus - 1 */
	u32 threads_per_core; /* 1 or 2 (or more): siblings have adjacent ids */
	bool invariant_tsc;   /* our own warp test has passed and the host has the bit */
	bool x2apic;	      /* the real APICs run in x2APIC mode */
};

#define CPUID_ENTRIES 96

struct cpuid_entry {
	u32 leaf, sub;
	u32 out[4];
};

/* Opaque but for its size: lies in the workstation's own memory. */
struct cpuid_table {
	u8 first
	    [3][64]; /* by range (basic, hypervisor, extended) and leaf: first entry + 1, 0: none */
	u8 count[3][64]; /* consecutive entries of that leaf, by subleaf from 0 */
	u32 max[3];	 /* highest leaf of each range */
	u32 entries;
	bool intel;
	u64 xcr0;	      /* bits a guest may set with XSETBV; 0: no XSAVE */
	u32 xsave_size[64];   /* bytes of each component */
	u32 xsave_offset[64]; /* in the standard format */
	u64 xsave_align;      /* components that the compacted format aligns to 64 */
	struct cpuid_entry entry[CPUID_ENTRIES];
};

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
bool cpuid_xcr0_valid(const struct cpuid_table *t, u64 xcr0);

/* Bits of CR4 and EFER that the guest's CPUID allows it to set. */
u64 cpuid_cr4_allowed(const struct cpuid_table *t);
u64 cpuid_efer_allowed(const struct cpuid_table *t);
