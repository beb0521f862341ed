/* Private to cpuid.c and cpuid_build.c: the policy as data, and what they share. */
#pragma once

#include "core/vcpu/cpuid.h"

/* In leaf[].count: ECX chooses among the entries; something of the vCPU is filled in. */
#define CPUID_INDEXED 0x80
#define CPUID_DYNAMIC 0x40
#define CPUID_COUNT   0x3f

/* Bytes of an XSAVE area that holds these components, in either format. */
u32 cpuid_xsave_standard(const struct cpuid_table *t, u64 xcr0);
u32 cpuid_xsave_compacted(const struct cpuid_table *t, u64 xcr0);

enum cpuid_kind {
	CPUID_PLAIN,	    /* ECX is ignored */
	CPUID_CACHES,	    /* subleaves until cache type 0; sharing is rebuilt */
	CPUID_COUNTED,	    /* subleaves 0..EAX of subleaf 0, one row each */
	CPUID_XSAVE,	    /* rebuilt from the components that pass */
	CPUID_TOPOLOGY,	    /* rebuilt */
	CPUID_TOPOLOGY_AMD, /* rebuilt */
};

/*
 * One subleaf: bits of the host that pass, bits set whatever the host says. Rows of one leaf stand
 * together in rising order of sub; for CPUID_CACHES one row serves all subleaves.
 */
struct cpuid_rule {
	u32 leaf;
	u8 sub;
	u8 kind;
	u32 pass[4], set[4];
};

extern const struct cpuid_rule cpuid_rules[];
extern const u32 cpuid_nrules;

/* XCR0 components a guest may use. */
#define CPUID_XCR0_POLICY 0x2e7u /* x87, SSE, AVX, AVX-512 (three), PKRU */

/* A register bit that a CPUID bit allows. */
struct cpuid_allows {
	u8 bit; /* of CR4 or EFER */
	u32 leaf;
	u8 sub;
	u8 reg;
	u8 feature;
};

extern const struct cpuid_allows cpuid_cr4_bits[];
extern const u32 cpuid_ncr4_bits;
extern const struct cpuid_allows cpuid_efer_bits[];
extern const u32 cpuid_nefer_bits;
