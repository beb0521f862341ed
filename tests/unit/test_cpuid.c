/*
 * core/vcpu/cpuid: made-up hosts of both vendors with every bit set, and the processor this test
 * runs on. Topology is read back the way an operating system reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cpuid.h>
#include <cmocka.h>

#include "core/vcpu/cpuid.h"

/* ---- hosts ------------------------------------------------------------------------------------- */

struct host {
	bool intel;
	u32 max_basic, max_extended;
	u32 threads; /* per core */
	u32 l3_sharing;
};

static const struct host amd = {false, 0x10, 0x80000026, 2, 16};
static const struct host intel = {true, 0x24, 0x80000008, 2, 32};

/* Every feature there is, and sane values where numbers are meant. */
static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	const struct host *h = ctx;

	for (int i = 0; i < 4; i++)
		out[i] = 0xffffffff;
	switch (leaf) {
	case 0:
		out[0] = h->max_basic;
		memcpy(&out[1], h->intel ? "Genu" : "Auth", 4);
		memcpy(&out[3], h->intel ? "ineI" : "enti", 4);
		memcpy(&out[2], h->intel ? "ntel" : "cAMD", 4);
		break;
	case 0x80000000:
		out[0] = h->max_extended;
		break;
	case 0x4:
	case 0x8000001d: {
		/* L1d, L1i, L2, L3 */
		static const u8 type[] = {1, 2, 3, 3, 0}, level[] = {1, 1, 2, 3, 0};
		u32 k = sub < 4 ? sub : 4;
		u32 sharing = level[k] == 3 ? h->l3_sharing : h->threads;

		memset(out, 0, 4 * sizeof(u32));
		if ((leaf == 0x4) == h->intel && k < 4)
			out[0] = type[k] | level[k] << 5 | 1u << 8 | (sharing - 1) << 14 | 7u << 26;
		break;
	}
	case 0x7:
		out[0] = sub == 0 ? 5 : 0xffffffff;
		break;
	case 0xd:
		if (sub == 0) {
			out[0] = 0x600e7; /* AVX-512, PKRU, AMX tiles */
			out[0] |= 1 << 9;
			out[1] = 2696;
			out[2] = 11008;
			out[3] = 0;
		} else if (sub >= 2) {
			static const u32 sizes[] = {
			    [2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8};
			static const u32 offsets[] = {
			    [2] = 576, [5] = 1088, [6] = 1152, [7] = 1664, [9] = 2688};

			memset(out, 0, 4 * sizeof(u32));
			if (sub < ARRAY_SIZE(sizes)) {
				out[0] = sizes[sub];
				out[1] = offsets[sub];
				out[2] = sub == 6 || sub == 7 ? 2 : 0;
			}
		}
		break;
	case 0x80000008:
		out[0] = 0x3030;
		break;
	default:
		break;
	}
}

static void real_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	__cpuid_count(leaf, sub, out[0], out[1], out[2], out[3]);
}

static struct cpuid_table table;

static void build(const struct host *h, u32 ncpus, u32 threads, bool invariant, bool x2apic)
{
	const struct cpuid_params p = {.host = h ? host_cpuid : real_cpuid,
				       .ctx = (void *)(uintptr_t)h,
				       .ncpus = ncpus,
				       .threads_per_core = threads,
				       .invariant_tsc = invariant,
				       .x2apic = x2apic};

	assert_int_equal(cpuid_build(&table, &p), OK);
}

static const struct cpuid_vcpu boot_cpu = {.apic_enabled = true, .xcr0 = 1};

static u32 ask(u32 leaf, u32 sub, enum cpuid_reg reg)
{
	u32 out[4];

	cpuid_lookup(&table, &boot_cpu, leaf, sub, out);
	return out[reg];
}

static bool has(u32 leaf, u32 sub, enum cpuid_reg reg, u8 bit)
{
	return ask(leaf, sub, reg) >> bit & 1;
}

/* ---- tests ------------------------------------------------------------------------------------- */

static void what_no_guest_may_see(void **state)
{
	static const struct {
		u32 leaf;
		u8 sub, reg, bit;
	} hidden[] = {
	    {1, 0, CPUID_ECX, 2},	    {1, 0, CPUID_ECX, 5},	    /* DTES64, VMX */
	    {1, 0, CPUID_ECX, 6},	    {1, 0, CPUID_ECX, 7},	    /* SMX, EIST */
	    {1, 0, CPUID_ECX, 15},	    {1, 0, CPUID_EDX, 21},	    /* PDCM, DS */
	    {1, 0, CPUID_EDX, 22},	    {1, 0, CPUID_EDX, 29},	    /* thermal */
	    {7, 0, CPUID_EBX, 1},	    {7, 0, CPUID_EBX, 2},	    /* TSC_ADJUST, SGX */
	    {7, 0, CPUID_EBX, 12},	    {7, 0, CPUID_EBX, 15},	    /* RDT */
	    {7, 0, CPUID_EBX, 25},	    {7, 0, CPUID_ECX, 5},	    /* PT, WAITPKG */
	    {7, 0, CPUID_ECX, 7},	    {7, 0, CPUID_ECX, 23},	    /* CET, key locker */
	    {7, 0, CPUID_ECX, 29},	    {7, 0, CPUID_ECX, 31},	    /* ENQCMD, PKS */
	    {7, 0, CPUID_EDX, 5},	    {7, 0, CPUID_EDX, 18},	    /* UINTR, PCONFIG */
	    {7, 0, CPUID_EDX, 19},	    {7, 0, CPUID_EDX, 20},	    /* LBR, IBT */
	    {7, 0, CPUID_EDX, 22},	    {7, 0, CPUID_EDX, 24},	    /* AMX */
	    {7, 1, CPUID_EAX, 26},					    /* LAM */
	    {0x80000001, 0, CPUID_ECX, 2},  {0x80000001, 0, CPUID_ECX, 3},  /* SVM, ext. APIC */
	    {0x80000001, 0, CPUID_ECX, 10}, {0x80000001, 0, CPUID_ECX, 12}, /* IBS, SKINIT */
	    {0x80000001, 0, CPUID_ECX, 23}, {0x80000001, 0, CPUID_ECX, 28}, /* counters */
	    {0x80000008, 0, CPUID_EBX, 3},  {0x80000008, 0, CPUID_EBX, 4},  /* INVLPGB, RDPRU */
	    {0x80000008, 0, CPUID_EBX, 23}, {0x80000008, 0, CPUID_EBX, 25}, /* PPIN, VIRT_SSBD */
	    {0x80000021, 0, CPUID_EAX, 7},  {0x80000021, 0, CPUID_EAX, 17}, /* UAI, faulting */
	};
	static const u32 empty[] = {
	    0x3,	0x9,	    0xa,	0xf,	    0x10,	0x12,	    0x14,
	    0x17,	0x19,	    0x1a,	0x1b,	    0x1c,	0x1d,	    0x1e,
	    0x20,	0x23,	    0x24,	0x8000000a, 0x8000001b, 0x8000001f, 0x80000020,
	    0x80000022, 0x80000023, 0x80000026, 0xc0000000, 0x40000006, 0x40000100};

	for (int vendor = 0; vendor < 2; vendor++) {
		build(vendor ? &intel : &amd, 4, 2, true, true);
		for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
			if (has(hidden[i].leaf, hidden[i].sub, hidden[i].reg, hidden[i].bit))
				fail_msg("leaf %x register %u bit %u is shown", hidden[i].leaf,
					 hidden[i].reg, hidden[i].bit);
		for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
			/* Intel answers above the last leaf with the last one. */
			if (vendor && ((empty[i] & 0x3fffffff) > 0x1f || empty[i] >> 31))
				continue;
			for (int reg = 0; reg < 4; reg++)
				if (ask(empty[i], 0, reg))
					fail_msg("leaf %x register %d is %x", empty[i], reg,
						 ask(empty[i], 0, reg));
		}
	}
}

static void what_a_guest_must_see(void **state)
{
	build(&amd, 2, 1, false, true);
	assert_int_equal(ask(0, 0, CPUID_EAX), 0xd);
	assert_int_equal(ask(0x80000000, 0, CPUID_EAX), 0x80000021);
	assert_true(has(1, 0, CPUID_ECX, 31));	   /* hypervisor */
	assert_true(has(1, 0, CPUID_ECX, 21));	   /* x2APIC */
	assert_true(has(1, 0, CPUID_ECX, 24));	   /* TSC deadline */
	assert_true(has(1, 0, CPUID_ECX, 3));	   /* MONITOR */
	assert_true(has(1, 0, CPUID_EDX, 12));	   /* MTRR */
	assert_true(has(1, 0, CPUID_EDX, 16));	   /* PAT */
	assert_true(has(7, 0, CPUID_EBX, 5));	   /* AVX2 */
	assert_int_equal(ask(7, 0, CPUID_EAX), 2); /* subleaves that are left */
	assert_true(has(6, 0, CPUID_EAX, 2));	   /* ARAT */
	assert_false(has(0x80000007, 0, CPUID_EDX, 8));
	assert_false(has(0x40000003, 0, CPUID_EAX, 15));
	build(&amd, 2, 1, true, false);
	assert_int_equal(ask(0x80000007, 0, CPUID_EDX), 1 << 8); /* that and nothing else */
	assert_true(has(0x40000003, 0, CPUID_EAX, 15));
	assert_false(has(1, 0, CPUID_ECX, 21));
	/* What Linux asks of this interface before it believes it. */
	assert_true(ask(0x40000000, 0, CPUID_EAX) >= 0x40000005);
	assert_memory_equal(table.entry[table.leaf[cpuid_key(0x40000000)].first].out + 1,
			    "Microsoft Hv", 12);
	assert_int_equal(ask(0x40000001, 0, CPUID_EAX), 0x31237648);
	assert_true(has(0x40000003, 0, CPUID_EAX, 5) && has(0x40000003, 0, CPUID_EAX, 6));
	assert_true(has(0x40000003, 0, CPUID_EAX, 11) && has(0x40000003, 0, CPUID_EDX, 8));
	/* The scheduler clock stays with the TSC. */
	assert_false(has(0x40000003, 0, CPUID_EAX, 1) || has(0x40000003, 0, CPUID_EAX, 9));
}

static void bits_follow_control_registers(void **state)
{
	struct cpuid_vcpu v = {.apic_id = 0x123, .apic_enabled = true, .cr4 = 0, .xcr0 = 7};
	u32 out[4];

	build(&amd, 4, 2, false, true);
	cpuid_lookup(&table, &v, 1, 0, out);
	assert_int_equal(out[CPUID_ECX] >> 27 & 1, 0);
	assert_int_equal(out[CPUID_EBX] >> 24, 0x23);
	assert_int_equal(out[CPUID_EDX] >> 9 & 1, 1);
	v.cr4 = 1 << 18 | 1 << 22;
	v.apic_enabled = false;
	cpuid_lookup(&table, &v, 1, 0, out);
	assert_int_equal(out[CPUID_ECX] >> 27 & 1, 1);
	assert_int_equal(out[CPUID_EDX] >> 9 & 1, 0);
	cpuid_lookup(&table, &v, 0x80000001, 0, out);
	assert_int_equal(out[CPUID_EDX] >> 9 & 1, 0);
	cpuid_lookup(&table, &v, 7, 0, out);
	assert_int_equal(out[CPUID_ECX] >> 4 & 1, 1);
	v.cr4 = 0;
	cpuid_lookup(&table, &v, 7, 0, out);
	assert_int_equal(out[CPUID_ECX] >> 4 & 1, 0);
}

static void xsave_area(void **state)
{
	struct cpuid_vcpu v = {.apic_enabled = true, .xcr0 = 1};
	u32 out[4];

	build(&intel, 1, 1, false, true);
	assert_int_equal(ask(0xd, 0, CPUID_EAX), 0x2e7); /* no tiles */
	assert_int_equal(ask(0xd, 0, CPUID_ECX), 2696);	 /* not the host's 11008 */
	assert_int_equal(ask(0xd, 0, CPUID_EBX), 576);
	assert_int_equal(ask(0xd, 1, CPUID_EAX), 0xf);
	assert_int_equal(ask(0xd, 1, CPUID_ECX), 0); /* no supervisor state */
	assert_int_equal(ask(0xd, 7, CPUID_EBX), 1664);
	assert_int_equal(ask(0xd, 17, CPUID_EAX), 0);
	v.xcr0 = 7;
	cpuid_lookup(&table, &v, 0xd, 0, out);
	assert_int_equal(out[CPUID_EBX], 832);
	v.xcr0 = 0x207;
	cpuid_lookup(&table, &v, 0xd, 0, out);
	assert_int_equal(out[CPUID_EBX], 2696);
	cpuid_lookup(&table, &v, 0xd, 1, out);
	assert_int_equal(out[CPUID_EBX], 576 + 256 + 8);
	v.xcr0 = 0x2e7;
	cpuid_lookup(&table, &v, 0xd, 1, out);
	/* 576, AVX 256, opmask 64, then 512 and 1024 aligned to 64, PKRU 8 */
	assert_int_equal(out[CPUID_EBX], 576 + 256 + 64 + 512 + 1024 + 8);

	static const struct {
		u64 xcr0;
		bool valid;
	} x[] = {{0, false},	 {1, true},	   {2, false},
		 {3, true},	 {5, false},	   {7, true},
		 {0x207, true},	 {0xe7, true},	   {0x67, false},
		 {0xe3, false},	 {0x2e7, true},	   {0xf, false},
		 {0x407, false}, {0x60007, false}, {1ull << 63 | 1, false}};

	for (size_t i = 0; i < ARRAY_SIZE(x); i++)
		assert_int_equal(cpuid_xcr0_valid(&table, x[i].xcr0), x[i].valid);
}

/* Number of vCPUs that have the same id above `shift`, for vCPU `id`. */
static u32 together(u32 ncpus, u32 id, u32 shift)
{
	u32 n = 0;

	for (u32 k = 0; k < ncpus; k++)
		n += k >> shift == id >> shift;
	return n;
}

static u32 log2_up(u32 n)
{
	u32 bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

static void topology_reads_back(void **state)
{
	static const struct {
		u32 ncpus, threads;
	} shapes[] = {{1, 1}, {2, 1},  {2, 2},	{3, 1},	  {4, 2},
		      {6, 2}, {16, 2}, {64, 2}, {300, 2}, {1024, 1}};

	for (size_t k = 0; k < ARRAY_SIZE(shapes) * 2; k++) {
		const struct host *h = k & 1 ? &intel : &amd;
		u32 ncpus = shapes[k / 2].ncpus, threads = shapes[k / 2].threads;
		u32 last = ncpus - 1, out[4];
		struct cpuid_vcpu v = {.apic_id = last, .apic_enabled = true};

		build(h, ncpus, threads, false, true);
		/* 0Bh: widths that keep siblings together and everybody in one package. */
		cpuid_lookup(&table, &v, 0xb, 0, out);
		assert_int_equal(out[CPUID_ECX], 1 << 8 | 0);
		assert_int_equal(out[CPUID_EDX], last);
		assert_int_equal(out[CPUID_EBX], threads);
		assert_int_equal(together(ncpus, 0, out[CPUID_EAX]),
				 threads < ncpus ? threads : ncpus);
		cpuid_lookup(&table, &v, 0xb, 1, out);
		assert_int_equal(out[CPUID_ECX], 2 << 8 | 1);
		assert_int_equal(out[CPUID_EBX], ncpus);
		assert_int_equal(together(ncpus, 0, out[CPUID_EAX]), ncpus);
		cpuid_lookup(&table, &v, 0xb, 2, out);
		assert_true(out[CPUID_EAX] == 0 && out[CPUID_EBX] == 0);
		assert_int_equal(out[CPUID_ECX], 2); /* type invalid, the subleaf echoed */
		assert_int_equal(out[CPUID_EDX], last);
		assert_int_equal(has(1, 0, CPUID_EDX, 28), ncpus > 1);

		if (h->intel) {
			cpuid_lookup(&table, &v, 0x1f, 1, out);
			assert_int_equal(out[CPUID_EBX], ncpus);
			/* L1: a core; L3: what the host shares, within the package. */
			assert_int_equal(ask(4, 0, CPUID_EAX) >> 14 & 0xfff,
					 (1u << log2_up(threads)) - 1);
			u32 l3 = (ask(4, 3, CPUID_EAX) >> 14 & 0xfff) + 1;

			assert_true(l3 == 32 || l3 == 1u << log2_up(ncpus));
			assert_true(l3 <= 32);
			assert_int_equal(ask(4, 4, CPUID_EAX) & 0x1f, 0);

			u32 cores = (ncpus + threads - 1) / threads;

			assert_int_equal(ask(4, 0, CPUID_EAX) >> 26,
					 (cores > 64 ? 64 : 1u << log2_up(cores)) - 1);
			continue;
		}
		cpuid_lookup(&table, &v, 0x8000001e, 0, out);
		assert_int_equal(out[CPUID_EAX], last);
		assert_int_equal(out[CPUID_EBX] & 0xff, last / threads & 0xff);
		assert_int_equal((out[CPUID_EBX] >> 8) + 1, threads);
		assert_int_equal(out[CPUID_ECX], 0);
		assert_int_equal(ask(0x80000008, 0, CPUID_ECX) & 0xff, last < 255 ? last : 255);
		assert_true(1u << (ask(0x80000008, 0, CPUID_ECX) >> 12 & 0xf) >= ncpus);
		assert_int_equal(has(0x80000001, 0, CPUID_ECX, 1), ncpus > 1);
		assert_int_equal(ask(0x8000001d, 3, CPUID_EAX) >> 14 & 0xfff,
				 (ncpus < 16 ? ncpus : 16) - 1);
		assert_int_equal(ask(0x8000001d, 0, CPUID_EAX) >> 14 & 0xfff,
				 (threads < ncpus ? threads : ncpus) - 1);
	}
}

/* The short cut of an exit gives what the look-up gives, whoever asks, and is not taken elsewhere. */
static void what_is_fixed_is_so_for_everybody(void **state)
{
	static const u32 of_the_vcpu[] = {1, 7, 0xb, 0xd, 0x80000001, 0x8000001e};
	const struct cpuid_vcpu other = {.apic_id = 3, .cr4 = ~0ull, .xcr0 = 7};
	u32 out[4], fixed = 0;

	for (u32 round = 0; round < 2; round++) {
		build(round ? &amd : &intel, 4, 2, true, true);
		for (u32 i = 0; i < 4 * 0x100; i++) {
			u32 leaf = (i & 3) << 30 | i >> 2;
			const struct cpuid_entry *e = cpuid_fixed(&table, leaf);

			fixed += e != NULL;
			for (u32 n = 0; e && n < 4; n++) {
				cpuid_lookup(&table, n & 1 ? &other : &boot_cpu, leaf,
					     n & 2 ? ~0u : 0, out);
				assert_memory_equal(e->out, out, sizeof(out));
			}
		}
		assert_true(fixed > 10);
		for (u32 i = 0; i < ARRAY_SIZE(of_the_vcpu); i++)
			assert_null(cpuid_fixed(&table, of_the_vcpu[i]));
	}
}

static void beyond_the_last_leaf(void **state)
{
	u32 last[4], out[4];

	build(&intel, 2, 1, false, true);
	assert_int_equal(ask(0, 0, CPUID_EAX), 0x1f);
	cpuid_lookup(&table, &boot_cpu, 0x1f, 1, last);
	cpuid_lookup(&table, &boot_cpu, 0x1000, 1, out);
	assert_memory_equal(last, out, sizeof(out));
	cpuid_lookup(&table, &boot_cpu, 0x80000009, 1, out);
	assert_memory_equal(last, out, sizeof(out));
	cpuid_lookup(&table, &boot_cpu, 0xffffffff, 1, out);
	assert_memory_equal(last, out, sizeof(out));
	build(&amd, 2, 1, false, true);
	memset(last, 0, sizeof(last));
	for (u64 leaf = 0; leaf < 1ull << 32; leaf += 0x3ffff1) {
		cpuid_lookup(&table, &boot_cpu, (u32)leaf | 0x100, ~0u, out);
		assert_memory_equal(last, out, sizeof(out));
	}
}

/* ECX means something to some leaves only. */
static void subleaves_that_are_none(void **state)
{
	static const u32 plain[] = {0, 1, 6, 0x80000001, 0x80000008, 0x8000001e, 0x40000003};

	build(&amd, 4, 2, true, true);
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		for (int reg = 0; reg < 4; reg++)
			assert_int_equal(ask(plain[i], 0xdeadbeef, reg), ask(plain[i], 0, reg));
	assert_int_not_equal(ask(1, 0, CPUID_EAX), 0);
	for (int reg = 0; reg < 4; reg++) {
		assert_int_equal(ask(7, 3, reg), 0);
		assert_int_equal(ask(7, 0x80000000, reg), 0);
		assert_int_equal(ask(0xd, 0x40, reg), 0);
		assert_int_equal(ask(0x8000001d, 4, reg), 0);
	}
}

static void control_bits_follow_the_leaves(void **state)
{
	struct host old = amd;
	u64 cr4;

	build(&amd, 1, 1, false, true);
	cr4 = cpuid_cr4_allowed(&table);
	assert_true(cr4 & 1 << 18 && cr4 & 1 << 16 && cr4 & 1 << 5);
	assert_false(cr4 & (1 << 13 | 1 << 14 | 1 << 23 | 1 << 24)); /* VMXE SMXE CET PKS */
	assert_int_equal(cr4 & ~0x77ffffull, 0);
	assert_int_equal(cpuid_efer_allowed(&table),
			 1 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 21);
	old.max_extended = 0x80000008;
	old.max_basic = 1;
	build(&old, 1, 1, false, true);
	assert_false(cpuid_efer_allowed(&table) & 1 << 21);
	assert_false(cpuid_cr4_allowed(&table) & 1 << 20);
	assert_int_equal(ask(0, 0, CPUID_EAX), 0xb); /* the topology leaf is ours */
	assert_int_equal(ask(0xd, 0, CPUID_EAX), 0);
}

static void bad_parameters(void **state)
{
	struct cpuid_params p = {.host = host_cpuid, .ctx = (void *)(uintptr_t)&amd};

	assert_int_equal(cpuid_build(&table, &p), ERR_INVAL);
	p.ncpus = 1;
	assert_int_equal(cpuid_build(&table, &p), ERR_INVAL);
}

/* On the processor at hand: nothing that it lacks, and sizes as it computes them. */
static void on_this_processor(void **state)
{
	static const struct {
		u32 leaf;
		u8 sub, reg;
		u32 ours; /* bits that need not come from the host */
	} regs[] = {{1, 0, CPUID_ECX, 1u << 31 | 1 << 21},
		    {1, 0, CPUID_EDX, 1 << 28 | 1 << 12 | 1 << 9},
		    {7, 0, CPUID_EBX, 0},
		    {7, 0, CPUID_ECX, 0},
		    {7, 0, CPUID_EDX, 0},
		    {7, 1, CPUID_EAX, 0},
		    {0xd, 0, CPUID_EAX, 0},
		    {0xd, 1, CPUID_EAX, 0},
		    {0x80000001, 0, CPUID_ECX, 1 << 1},
		    {0x80000001, 0, CPUID_EDX, 1 << 9 | 1 << 12},
		    {0x80000007, 0, CPUID_EDX, 0},
		    {0x80000008, 0, CPUID_EBX, 1 << 20}};
	u32 host[4];

	build(NULL, 2, 1, false, true);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		u32 guest = ask(regs[i].leaf, regs[i].sub, regs[i].reg);

		real_cpuid(NULL, regs[i].leaf, regs[i].sub, host);
		assert_int_equal(guest & ~host[regs[i].reg] & ~regs[i].ours, 0);
	}
	real_cpuid(NULL, 1, 0, host);
	if (host[CPUID_ECX] >> 27 & 1) {
		u32 low, high;

		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));

		struct cpuid_vcpu v = {.apic_enabled = true, .xcr0 = (u64)high << 32 | low};
		u32 out[4];

		if (!cpuid_xcr0_valid(&table, v.xcr0))
			return; /* this process runs with states that guests do not get */
		real_cpuid(NULL, 0xd, 0, host);
		cpuid_lookup(&table, &v, 0xd, 0, out);
		assert_int_equal(out[CPUID_EBX], host[CPUID_EBX]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_no_guest_may_see),
	    cmocka_unit_test(what_a_guest_must_see),
	    cmocka_unit_test(bits_follow_control_registers),
	    cmocka_unit_test(xsave_area),
	    cmocka_unit_test(topology_reads_back),
	    cmocka_unit_test(what_is_fixed_is_so_for_everybody),
	    cmocka_unit_test(beyond_the_last_leaf),
	    cmocka_unit_test(subleaves_that_are_none),
	    cmocka_unit_test(control_bits_follow_the_leaves),
	    cmocka_unit_test(bad_parameters),
	    cmocka_unit_test(on_this_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
