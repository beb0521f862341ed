/* Building the CPUID table from the host and the policy: see cpuid.h. */
#include "core/base/mem.h"
#include "core/vcpu/cpuid.h"
#include "core/vcpu/cpuid_policy.h"

/* Bits that are rebuilt. */
#define F1_ECX_X2APIC	 (1u << 21)
#define F1_EDX_APIC	 (1u << 9)
#define F1_EDX_HTT	 (1u << 28)
#define F81_ECX_LEGACY	 (1u << 1)
#define F87_EDX_ITSC	 (1u << 8)
#define F88_EBX_NO_LMSLE (1u << 20) /* EFER.LMSLE is refused */

/* Numbers of the workstation that the leaves are rebuilt with. */
struct shape {
	const struct cpuid_params *p;
	u32 host_max[3];
	u8 thread_bits, package_bits;
};

static u8 bits_for(u32 n)
{
	u8 bits = 0;

	while (bits < 31 && 1u << bits < n)
		bits++;
	return bits;
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* Add one entry as the next subleaf of `leaf`, or find it full. */
static int append(struct cpuid_table *t, u32 leaf, bool indexed, const u32 out[4])
{
	u32 range = leaf >> 30, low = leaf & 0x3fffffff;

	if (t->entries == CPUID_ENTRIES || low >= CPUID_LEAVES)
		return ERR_NOMEM;

	struct cpuid_leaf *l = &t->leaf[cpuid_key(leaf)];

	if (!l->count)
		l->first = t->entries;
	l->count = (u8)((l->count + 1) | (indexed ? CPUID_INDEXED : 0));
	if (low > t->max[range])
		t->max[range] = (u8)low;
	memcpy(t->entry[t->entries++].out, out, sizeof(t->entry[0].out));
	return OK;
}

static void masked(const struct shape *s, const struct cpuid_rule *r, u32 sub, u32 out[4])
{
	s->p->host(s->p->ctx, r->leaf, sub, out);
	for (int i = 0; i < 4; i++)
		out[i] = (out[i] & r->pass[i]) | r->set[i];
}

/* ---- leaves that are rebuilt --------------------------------------------------------------------- */

static void rebuild_plain(const struct shape *s, const struct cpuid_table *t, u32 leaf, u32 out[4])
{
	u32 ncpus = s->p->ncpus;

	switch (leaf) {
	case 0x1:
		/* Intel counts places for ids, AMD processors. */
		out[CPUID_EBX] |= least(t->intel ? 1u << s->package_bits : ncpus, 255) << 16;
		if (ncpus > 1)
			out[CPUID_EDX] |= F1_EDX_HTT;
		if (s->p->x2apic)
			out[CPUID_ECX] |= F1_ECX_X2APIC;
		break;
	case 0x80000001:
		if (!t->intel) {
			out[CPUID_EDX] |= F1_EDX_APIC | 1u << 12;
			if (ncpus > 1)
				out[CPUID_ECX] |= F81_ECX_LEGACY;
		}
		break;
	case 0x80000007:
		if (s->p->invariant_tsc)
			out[CPUID_EDX] |= F87_EDX_ITSC;
		break;
	case 0x80000008:
		if (!t->intel) {
			out[CPUID_EBX] |= F88_EBX_NO_LMSLE;
			out[CPUID_ECX] = least(ncpus - 1, 255) | (u32)s->package_bits << 12;
		}
		break;
	default:
		break;
	}
}

/*
 * Leaves 4 and 8000001Dh. Caches of level 1 and 2 belong to a core here, others to as many vCPUs as
 * share one on the host.
 */
static int add_caches(const struct shape *s, struct cpuid_table *t, const struct cpuid_rule *r)
{
	u32 out[4], host[4], sharing;
	int err = OK;

	for (u32 sub = 0; !err && sub < CPUID_XSTATES; sub++) {
		s->p->host(s->p->ctx, r->leaf, sub, host);
		if (!(host[CPUID_EAX] & 0x1f))
			break;
		masked(s, r, sub, out);
		sharing = (host[CPUID_EAX] >> 14 & 0xfff) + 1;
		if (r->leaf == 0x4) {
			sharing = (host[CPUID_EAX] >> 5 & 7) <= 2
				      ? 1u << s->thread_bits
				      : least(sharing, 1u << s->package_bits);
			out[CPUID_EAX] |= least((1u << (s->package_bits - s->thread_bits)) - 1, 63)
					  << 26;
		} else {
			sharing =
			    (host[CPUID_EAX] >> 5 & 7) <= 2 ? s->p->threads_per_core : sharing;
			sharing = least(sharing, s->p->ncpus);
		}
		out[CPUID_EAX] |= least(sharing - 1, 0xfff) << 14;
		err = append(t, r->leaf, true, out);
	}
	return err;
}

/* Leaves 0Bh and 1Fh: threads, then cores. APIC ids are filled in by the lookup. */
static int add_topology(const struct shape *s, struct cpuid_table *t, u32 leaf)
{
	const u32 threads[4] = {s->thread_bits, s->p->threads_per_core, 0 | 1 << 8};
	const u32 cores[4] = {s->package_bits, s->p->ncpus, 1 | 2 << 8};
	int err = append(t, leaf, true, threads);

	return err ? err : append(t, leaf, true, cores);
}

static int add_topology_amd(const struct shape *s, struct cpuid_table *t, u32 leaf)
{
	const u32 out[4] = {0, (s->p->threads_per_core - 1) << 8};

	return append(t, leaf, false, out);
}

/* Leaf 0Dh for the components of the policy that the host has. */
static int add_xsave(const struct shape *s, struct cpuid_table *t, const struct cpuid_rule *r)
{
	u32 host[4], out[4] = {0}, top = 1;
	int err;

	s->p->host(s->p->ctx, r->leaf, 0, host);
	t->xcr0 = host[CPUID_EAX] & CPUID_XCR0_POLICY;
	if (!t->xcr0)
		return OK;
	for (u32 i = 2; i < CPUID_XSTATES; i++) {
		if (!(t->xcr0 >> i & 1))
			continue;
		s->p->host(s->p->ctx, r->leaf, i, host);
		t->xsave_size[i] = host[CPUID_EAX];
		t->xsave_offset[i] = host[CPUID_EBX];
		if (host[CPUID_ECX] & 2)
			t->xsave_align |= (u16)(1u << i);
		top = i;
	}
	out[CPUID_EAX] = (u32)t->xcr0;
	out[CPUID_ECX] = cpuid_xsave_standard(t, t->xcr0);
	err = append(t, r->leaf, true, out);
	if (err)
		return err;
	masked(s, r, 1, out);
	err = append(t, r->leaf, true, out);
	for (u32 i = 2; !err && i <= top; i++) {
		const u32 state[4] = {t->xsave_size[i], t->xsave_offset[i],
				      t->xsave_align >> i & 1 ? 2 : 0};

		err = append(t, r->leaf, true, state);
	}
	return err;
}

/* One subleaf of a leaf whose subleaf 0 says in EAX which is the last. */
static int add_counted(const struct shape *s, struct cpuid_table *t, const struct cpuid_rule *r)
{
	u32 out[4];
	int err;

	s->p->host(s->p->ctx, r->leaf, 0, out);
	if (r->sub > out[CPUID_EAX])
		return OK;
	masked(s, r, r->sub, out);
	err = append(t, r->leaf, true, out);
	if (!err)
		t->entry[t->leaf[cpuid_key(r->leaf)].first].out[CPUID_EAX] = r->sub;
	return err;
}

/*
 * The hypervisor interface (Hyper-V TLFS ch. 2): the frequency MSRs are what both Linux and Windows
 * take the TSC's rate from. The reference counter and its page are not offered: they would take the
 * place of the TSC in Linux' scheduler clock, and without a promised TSC every reading would exit.
 */
static int add_hypervisor(const struct shape *s, struct cpuid_table *t)
{
	const u32 leaves[6][4] = {
	    {0x40000005, 0x7263694d, 0x666f736f, 0x76482074}, /* "Microsoft Hv" */
	    {0x31237648},				      /* "Hv#1" */
	    {1, 1 << 16},				      /* version 1.0 */
	    /* hypercall and VP index MSRs (Linux insists on them), frequency MSRs, and the control of
	     * an invariant TSC, by which Linux trusts it */
	    {1u << 5 | 1u << 6 | 1u << 11 | (s->p->invariant_tsc ? 1u << 15 : 0), 0, 0, 1u << 8},
	    {1u << 18, 0xffffffff}, /* siblings are siblings; never report spinning */
	    {s->p->ncpus, s->p->ncpus},
	};

	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		int err = append(t, 0x40000000 + i, false, leaves[i]);

		if (err)
			return err;
	}
	return OK;
}

/* ---- building -------------------------------------------------------------------------------------- */

/* The leaves that fill_in() of cpuid.c knows. */
static const u32 dynamic_leaves[] = {0x1, 0x7, 0xb, 0xd, 0x1f, 0x80000001, 0x8000001e};

static bool wanted(const struct shape *s, const struct cpuid_rule *r)
{
	/* Topology is ours to say, also where the host is older than its leaf. */
	if (r->leaf == 0xb)
		return true;
	return (r->leaf & 0x3fffffff) <= s->host_max[r->leaf >> 30];
}

static int add_rule(const struct shape *s, struct cpuid_table *t, const struct cpuid_rule *r)
{
	u32 out[4];

	switch ((enum cpuid_kind)r->kind) {
	case CPUID_CACHES:
		return add_caches(s, t, r);
	case CPUID_TOPOLOGY:
		return add_topology(s, t, r->leaf);
	case CPUID_TOPOLOGY_AMD:
		return t->intel ? OK : add_topology_amd(s, t, r->leaf);
	case CPUID_XSAVE:
		return add_xsave(s, t, r);
	case CPUID_COUNTED:
		return add_counted(s, t, r);
	case CPUID_PLAIN:
		break;
	}
	masked(s, r, 0, out);
	rebuild_plain(s, t, r->leaf, out);
	return append(t, r->leaf, false, out);
}

int cpuid_build(struct cpuid_table *t, const struct cpuid_params *p)
{
	struct shape s = {.p = p};
	u32 out[4];
	int err;

	memset(t, 0, sizeof(*t));
	if (!p->ncpus || !p->threads_per_core)
		return ERR_INVAL;
	s.thread_bits = t->thread_bits = bits_for(p->threads_per_core);
	s.package_bits =
	    s.thread_bits + bits_for((p->ncpus + p->threads_per_core - 1) / p->threads_per_core);
	p->host(p->ctx, 0, 0, out);
	s.host_max[0] = out[CPUID_EAX];
	t->intel = out[CPUID_EBX] == 0x756e6547; /* "Genu" */
	p->host(p->ctx, 0x80000000, 0, out);
	s.host_max[2] = out[CPUID_EAX] >> 31 ? out[CPUID_EAX] & 0x3fffffff : 0;

	for (u32 i = 0; i < cpuid_nrules; i++) {
		if (!wanted(&s, &cpuid_rules[i]))
			continue;
		err = add_rule(&s, t, &cpuid_rules[i]);
		if (err)
			return err;
	}
	err = add_hypervisor(&s, t);
	if (err)
		return err;
	for (u32 i = 0; i < ARRAY_SIZE(dynamic_leaves); i++) {
		u8 *count = &t->leaf[cpuid_key(dynamic_leaves[i])].count;

		*count |= *count ? CPUID_DYNAMIC : 0;
	}
	t->entry[t->leaf[cpuid_key(0)].first].out[CPUID_EAX] = t->max[0];
	t->entry[t->leaf[cpuid_key(0x80000000)].first].out[CPUID_EAX] = 0x80000000 | t->max[2];
	return OK;
}
