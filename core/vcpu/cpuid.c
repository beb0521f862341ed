/* Asking the CPUID table: see cpuid.h. */
#include "core/vcpu/cpuid.h"
#include "core/base/mem.h"
#include "core/vcpu/cpuid_policy.h"

#define CR4_OSXSAVE (1u << 18)
#define CR4_PKE	    (1u << 22)

/* Bits that follow the vCPU. */
#define F1_ECX_OSXSAVE (1u << 27)
#define F1_EDX_APIC    (1u << 9)
#define F7_ECX_OSPKE   (1u << 4)

/* Components with a place of their own behind the legacy part. */
#define XSTATES	     (((1ull << CPUID_XSTATES) - 1) & ~3ull)
#define XSAVE_LEGACY 576 /* bytes of x87, SSE and header */

/* Bytes of the standard format for these components (SDM vol. 1 §13.4.3). */
u32 cpuid_xsave_standard(const struct cpuid_table *t, u64 xcr0)
{
	u32 size = XSAVE_LEGACY;

	for (u64 bits = xcr0 & XSTATES; bits; bits &= bits - 1) {
		u32 i = (u32)__builtin_ctzll(bits);

		if (t->xsave_offset[i] + t->xsave_size[i] > size)
			size = t->xsave_offset[i] + t->xsave_size[i];
	}
	return size;
}

u32 cpuid_xsave_compacted(const struct cpuid_table *t, u64 xcr0)
{
	u32 size = XSAVE_LEGACY;

	for (u64 bits = xcr0 & XSTATES; bits; bits &= bits - 1) {
		u32 i = (u32)__builtin_ctzll(bits);

		if (t->xsave_align >> i & 1)
			size = (u32)align_up(size, 64);
		size += t->xsave_size[i];
	}
	return size;
}

/* ---- asking ---------------------------------------------------------------------------------------- */

/* What depends on the vCPU. */
static __attribute__((noinline)) void
fill_in(const struct cpuid_table *t, const struct cpuid_vcpu *v, u32 leaf, u32 sub, u32 out[4])
{
	switch (leaf) {
	case 0x1:
		out[CPUID_EBX] |= v->apic_id << 24;
		if (v->cr4 & CR4_OSXSAVE)
			out[CPUID_ECX] |= F1_ECX_OSXSAVE;
		if (!v->apic_enabled)
			out[CPUID_EDX] &= ~F1_EDX_APIC;
		break;
	case 0x7:
		if (v->cr4 & CR4_PKE && sub == 0)
			out[CPUID_ECX] |= F7_ECX_OSPKE;
		break;
	case 0xb:
	case 0x1f:
		out[CPUID_ECX] |= sub & 0xff;
		out[CPUID_EDX] = v->apic_id;
		break;
	case 0xd:
		if (sub == 0)
			out[CPUID_EBX] = cpuid_xsave_standard(t, v->xcr0);
		else if (sub == 1)
			out[CPUID_EBX] = cpuid_xsave_compacted(t, v->xcr0);
		break;
	case 0x80000001:
		if (!v->apic_enabled)
			out[CPUID_EDX] &= ~F1_EDX_APIC;
		break;
	default: /* 8000001Eh */
		out[CPUID_EAX] = v->apic_id;
		out[CPUID_EBX] |= v->apic_id >> t->thread_bits & 0xff;
		break;
	}
}

void cpuid_lookup(const struct cpuid_table *t, const struct cpuid_vcpu *v, u32 leaf, u32 sub,
		  u32 out[4])
{
	u32 range = leaf >> 30, low = leaf & 0x3fffffff, key = cpuid_key(leaf), index;
	struct cpuid_leaf l = {0};

	if (key < ARRAY_SIZE(t->leaf))
		l = t->leaf[key];
	/* Intel answers what is out of range with the highest basic leaf, AMD with zeros. */
	if (!l.count && t->intel && range != 1 && (range == 3 || low > t->max[range])) {
		leaf = t->max[0];
		l = t->leaf[cpuid_key(leaf)];
	}
	index = l.count & CPUID_INDEXED ? sub : 0;
	if (index < (l.count & CPUID_COUNT))
		memcpy(out, t->entry[l.first + index].out, 4 * sizeof(u32));
	else
		memset(out, 0, 4 * sizeof(u32));
	if (l.count & CPUID_DYNAMIC)
		fill_in(t, v, leaf, sub, out);
}

/* ---- what the leaves allow ------------------------------------------------------------------------- */

static u64 allowed(const struct cpuid_table *t, const struct cpuid_allows *bits, u32 n)
{
	const struct cpuid_vcpu none = {.apic_enabled = true};
	u64 mask = 0;
	u32 out[4];

	for (u32 i = 0; i < n; i++) {
		cpuid_lookup(t, &none, bits[i].leaf, bits[i].sub, out);
		if (out[bits[i].reg] >> bits[i].feature & 1)
			mask |= 1ull << bits[i].bit;
	}
	return mask;
}

u64 cpuid_cr4_allowed(const struct cpuid_table *t)
{
	return allowed(t, cpuid_cr4_bits, cpuid_ncr4_bits);
}

u64 cpuid_efer_allowed(const struct cpuid_table *t)
{
	return allowed(t, cpuid_efer_bits, cpuid_nefer_bits);
}

bool cpuid_xcr0_valid(const struct cpuid_table *t, u64 xcr0)
{
	const u64 sse = 1 << 1, avx = 1 << 2, avx512 = 7 << 5;

	if (xcr0 & ~t->xcr0 || !(xcr0 & 1))
		return false;
	if (xcr0 & avx && !(xcr0 & sse))
		return false;
	return !(xcr0 & avx512) || ((xcr0 & avx512) == avx512 && xcr0 & avx);
}
