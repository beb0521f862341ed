/* core/vcpu/msr: what is passed, what is answered, what is refused, on hosts of both vendors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/msr.h"
#include "core/vcpu/msr_policy.h"

/* ---- a vCPU around the registers ----------------------------------------------------------------- */

#define SCE  1ull
#define LME  0x100ull
#define LMA  0x400ull
#define NXE  0x800ull
#define SVME 0x1000ull
#define PG   0x80000000ull

static u64 efer, cr0;
static u8 page[16];
static u64 page_gpa;
static u32 apic_writes;

static u64 hw_efer(void *hw)
{
	return efer;
}

static void hw_set_efer(void *hw, u64 v)
{
	efer = v;
}

static u64 hw_cr0(void *hw)
{
	return cr0;
}

static int hw_guest_write(void *hw, gpa_t gpa, const void *src, size_t n)
{
	if (gpa.v >= GIB(1))
		return ERR_RANGE;
	assert_true(n <= sizeof(page));
	memcpy(page, src, n);
	page_gpa = gpa.v;
	return OK;
}

static u64 hw_time(void *hw)
{
	return 1234567;
}

static u32 hw_apic_read(void *hw, u8 reg)
{
	return 0;
}

static void hw_apic_write(void *hw, u8 reg, u32 value)
{
	apic_writes++;
}

static void hw_ipi(void *hw, u32 vcpu, enum ipi_mode mode, u8 vector)
{
}

static void hw_mode(void *hw, enum lapic_mode mode)
{
}

static const struct msr_ops ops = {hw_efer, hw_set_efer, hw_cr0, hw_guest_write, hw_time};
static const struct apic_ops apic_ops = {hw_apic_read, hw_apic_write, hw_ipi, hw_mode};
static struct lapic lapic;
static struct msr_workstation ws;
static struct msr_cpu cpu;

static void start(u32 features)
{
	lapic_reset(&lapic, &apic_ops, NULL, &lapic, 0, 1, true);
	ws = (struct msr_workstation){.features = features,
				      .tsc_hz = 2400000000,
				      .apic_hz = 100000000,
				      .efer_allowed = SCE | LME | LMA | NXE,
				      .microcode = 0xabc,
				      .platform_id = 7,
				      .arch_capabilities = ~0ull};
	msr_init(&cpu, &ws, &ops, NULL, &lapic);
	efer = cr0 = 0;
	page_gpa = 0;
	apic_writes = 0;
}

static u64 rd(u32 msr)
{
	u64 v = 0;

	assert_int_equal(msr_read(&cpu, msr, &v), OK);
	return v;
}

static void rd_gp(u32 msr)
{
	u64 v;

	if (msr_read(&cpu, msr, &v) != ERR_PERM)
		fail_msg("MSR %x is read", msr);
}

static void wr(u32 msr, u64 v)
{
	if (msr_write(&cpu, msr, v) != OK)
		fail_msg("MSR %x refuses %lx", msr, v);
}

static void wr_gp(u32 msr, u64 v)
{
	if (msr_write(&cpu, msr, v) != ERR_PERM)
		fail_msg("MSR %x takes %lx", msr, v);
}

#define EVERYTHING                                                                    \
	(MSR_X2APIC | MSR_TSC_DEADLINE | MSR_TSC_AUX | MSR_SPEC_CTRL | MSR_PRED_CMD | \
	 MSR_FLUSH_CMD | MSR_ARCH_CAP | MSR_XSAVES)

/* ---- passed -------------------------------------------------------------------------------------- */

/* The whole list, written down a second time: a rule more or less must be meant. */
static const struct {
	u32 msr;
	bool read, write;
	u32 needs;
} passed[] = {
    {0x10, 1, 0, 0},
    {0x48, 1, 1, MSR_SPEC_CTRL},
    {0x49, 0, 1, MSR_PRED_CMD},
    {0x10b, 0, 1, MSR_FLUSH_CMD},
    {0x174, 1, 1, 0},
    {0x175, 1, 1, 0},
    {0x176, 1, 1, 0},
    {0x277, 1, 1, 0},
    {0x6e0, 1, 1, MSR_TSC_DEADLINE},
    {0x808, 1, 1, MSR_X2APIC},
    {0x80a, 1, 0, MSR_X2APIC},
    {0x80b, 0, 1, MSR_X2APIC},
    {0x810, 1, 0, MSR_X2APIC},
    {0x811, 1, 0, MSR_X2APIC},
    {0x812, 1, 0, MSR_X2APIC},
    {0x813, 1, 0, MSR_X2APIC},
    {0x814, 1, 0, MSR_X2APIC},
    {0x815, 1, 0, MSR_X2APIC},
    {0x816, 1, 0, MSR_X2APIC},
    {0x817, 1, 0, MSR_X2APIC},
    {0x818, 1, 0, MSR_X2APIC},
    {0x819, 1, 0, MSR_X2APIC},
    {0x81a, 1, 0, MSR_X2APIC},
    {0x81b, 1, 0, MSR_X2APIC},
    {0x81c, 1, 0, MSR_X2APIC},
    {0x81d, 1, 0, MSR_X2APIC},
    {0x81e, 1, 0, MSR_X2APIC},
    {0x81f, 1, 0, MSR_X2APIC},
    {0x820, 1, 0, MSR_X2APIC},
    {0x821, 1, 0, MSR_X2APIC},
    {0x822, 1, 0, MSR_X2APIC},
    {0x823, 1, 0, MSR_X2APIC},
    {0x824, 1, 0, MSR_X2APIC},
    {0x825, 1, 0, MSR_X2APIC},
    {0x826, 1, 0, MSR_X2APIC},
    {0x827, 1, 0, MSR_X2APIC},
    {0x832, 1, 1, MSR_X2APIC},
    {0x838, 1, 1, MSR_X2APIC},
    {0x839, 1, 0, MSR_X2APIC},
    {0x83e, 1, 1, MSR_X2APIC},
    {0x83f, 0, 1, MSR_X2APIC},
    {0xc0000081, 1, 1, 0},
    {0xc0000082, 1, 1, 0},
    {0xc0000083, 1, 1, 0},
    {0xc0000084, 1, 1, 0},
    {0xc0000100, 1, 1, 0},
    {0xc0000101, 1, 1, 0},
    {0xc0000102, 1, 1, 0},
    {0xc0000103, 1, 1, MSR_TSC_AUX},
};

static u8 map[3][0x2000]; /* what msr_each_passed() said: bit 0 read, bit 1 write */

static void record(void *ctx, u32 msr, bool read, bool write)
{
	u32 low = msr & 0x1fff, third = msr >> 30 ? (msr >> 16 & 1) + 1 : 0;

	assert_true(msr == (low | (third == 0 ? 0 : third == 1 ? 0xc0000000 : 0xc0010000)));
	assert_int_equal(map[third][low], 0);
	map[third][low] = (u8)(read | write << 1);
}

static void exactly_these_are_passed(void **state)
{
	for (u32 missing = 0; missing <= 9; missing++) {
		u32 features = (EVERYTHING & ~(missing ? 1u << missing : 0)) | MSR_AMD;
		u8 want[3][0x2000] = {0};

		for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
			if ((features & passed[i].needs) == passed[i].needs)
				want[passed[i].msr >> 30 ? 1 : 0][passed[i].msr & 0x1fff] =
				    (u8)(passed[i].read | passed[i].write << 1);
		memset(map, 0, sizeof(map));
		msr_each_passed(features, record, NULL);
		assert_memory_equal(map, want, sizeof(want));
		for (u32 k = 0; k < 3 * 0x2000; k++) {
			u32 msr = (k & 0x1fff) | (k >> 13 == 0	 ? 0
						  : k >> 13 == 1 ? 0xc0000000
								 : 0xc0010000);
			u8 bits = want[k >> 13][k & 0x1fff];

			assert_int_equal(msr_passed(features, msr, false), bits & 1);
			assert_int_equal(msr_passed(features, msr, true), bits >> 1);
		}
	}
}

static void what_must_never_be_written_directly(void **state)
{
	static const u32 owned[] = {
	    0x10,	0x1b,	    0x3a,	0x79,	    0x8b,	0x179,	    0x17a,
	    0x1a0,	0x1d9,	    0x200,	0x2ff,	    0x38f,	0x400,	    0x480,
	    0x802,	0x80d,	    0x80f,	0x828,	    0x82f,	0x830,	    0x833,
	    0x834,	0x835,	    0x836,	0x837,	    0xc80,	0xda0,	    0xc0000080,
	    0xc0000104, 0xc0010010, 0xc0010015, 0xc0010016, 0xc001001a, 0xc0010020, 0xc0010058,
	    0xc0010114, 0xc0010117, 0xc001011b, 0xc0011020, 0xc0011029};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		assert_false(msr_passed(EVERYTHING | MSR_AMD | MSR_INTEL, owned[i], true));
}

static void tables_are_in_order(void **state)
{
	for (u32 i = 0; i < msr_nrules; i++) {
		assert_true(msr_rules[i].first <= msr_rules[i].last);
		if (i)
			assert_true(msr_rules[i].first > msr_rules[i - 1].last);
	}
	for (u32 i = 0; i < msr_npass_rules; i++) {
		assert_true(msr_pass_rules[i].first <= msr_pass_rules[i].last);
		if (i)
			assert_true(msr_pass_rules[i].first > msr_pass_rules[i - 1].last);
	}
}

static void host(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	const u32 *max = ctx; /* basic, extended, fill */

	for (int i = 0; i < 4; i++)
		out[i] = max[2];
	if (leaf == 0)
		out[0] = max[0];
	if (leaf == 0 && max[3])
		out[1] = 0x756e6547;
	if (leaf == 0x80000000)
		out[0] = max[1];
}

/* A host with one single bit. */
struct one_bit {
	u32 leaf;
	u8 sub, reg, bit;
	u32 feature;
};

static void one_bit_host(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	const struct one_bit *b = ctx;

	memset(out, 0, 4 * sizeof(u32));
	if (leaf == 0)
		out[0] = 0x20;
	if (leaf == 0x80000000)
		out[0] = 0x80000021;
	if (leaf == b->leaf && sub == b->sub)
		out[b->reg] |= 1u << b->bit;
}

static void each_feature_has_its_bits(void **state)
{
	static struct one_bit bits[] = {{1, 0, 2, 24, MSR_TSC_DEADLINE},
					{7, 0, 2, 22, MSR_TSC_AUX},
					{0x80000001, 0, 3, 27, MSR_TSC_AUX},
					{7, 0, 3, 26, MSR_SPEC_CTRL | MSR_PRED_CMD},
					{7, 0, 3, 27, MSR_SPEC_CTRL},
					{7, 0, 3, 31, MSR_SPEC_CTRL},
					{0x80000008, 0, 1, 14, MSR_SPEC_CTRL},
					{0x80000008, 0, 1, 15, MSR_SPEC_CTRL},
					{0x80000008, 0, 1, 24, MSR_SPEC_CTRL},
					{0x80000008, 0, 1, 28, MSR_SPEC_CTRL},
					{0x80000008, 0, 1, 12, MSR_PRED_CMD},
					{7, 0, 3, 28, MSR_FLUSH_CMD},
					{7, 0, 3, 29, MSR_ARCH_CAP},
					{0xd, 1, 0, 3, MSR_XSAVES},
					{0x80000008, 0, 1, 13, 0},
					{0xd, 0, 0, 3, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		assert_int_equal(msr_features(one_bit_host, &bits[i]), MSR_AMD | bits[i].feature);
}

static void features_come_from_cpuid(void **state)
{
	u32 all[] = {0x20, 0x80000021, ~0u, 0}, none[] = {0x20, 0x80000021, 0, 1};
	u32 old[] = {1, 0x80000001, ~0u, 1};

	assert_int_equal(msr_features(host, all), (EVERYTHING & ~MSR_X2APIC) | MSR_AMD);
	assert_int_equal(msr_features(host, none), MSR_INTEL);
	/* Leaves above the last one say nothing. */
	assert_int_equal(msr_features(host, old), MSR_INTEL | MSR_TSC_DEADLINE | MSR_TSC_AUX);
}

/* ---- answered ------------------------------------------------------------------------------------ */

static void unknown_registers_are_refused_and_counted(void **state)
{
	static const u32 unknown[] = {
	    0x2,	0x1a,	    0x3b,	0xe1,	    0x122,	0x1c4,	    0x480,
	    0x6a0,	0x900,	    0x1000,	0x3fffffff, 0x40000200, 0x4b564d00, 0xc0000085,
	    0xc0000104, 0xc0010117, 0xc001011b, 0xc0010130, 0xc0011020, 0xc0011025, 0xffffffff};

	start(MSR_AMD | EVERYTHING);
	for (u32 i = 0; i < ARRAY_SIZE(unknown); i++) {
		rd_gp(unknown[i]);
		wr_gp(unknown[i], 0);
		assert_int_equal(cpu.refused, 2 * (i + 1));
	}
	/* A register of the other vendor is unknown too. */
	rd_gp(0x1a0);
	start(MSR_INTEL);
	rd_gp(0xc0010015);
	rd_gp(0xda0);
	rd_gp(0x10a);
	assert_int_equal(rd(0x17), 7);
	assert_int_equal(rd(0x3a), 1);
	wr_gp(0x3a, 1);
}

/* What 6.1 and 6.12 read without asking: every one has an answer. */
static void linux_boots_without_gp(void **state)
{
	static const u32 amd[] = {
	    0x1b,	0x8b,	    0xfe,	0x200,	    0x250,	0x2ff,	    0x179,
	    0x17a,	0x1d9,	    0xc0000080, 0xc0000408, 0xc0010000, 0xc0010004, 0xc0010010,
	    0xc0010015, 0xc001001a, 0xc001001d, 0xc001001f, 0xc0010055, 0xc0010058, 0xc0010064,
	    0xc0010112, 0xc0010140, 0xc0011021, 0xc0011022, 0xc0011028, 0xc0011029, 0xc001102a};
	static const u32 intel[] = {0x1b,  0x17,  0x34,	 0x8b,	0xce,  0xe2,  0x140, 0x179,
				    0x198, 0x19c, 0x1a0, 0x1a2, 0x1ad, 0x1b0, 0x1fc, 0x606};

	start(MSR_AMD);
	for (size_t i = 0; i < ARRAY_SIZE(amd); i++)
		rd(amd[i]);
	assert_true(rd(0xc0010015) & 1 << 24); /* else: "TSC doesn't count with P0 frequency" */
	assert_int_equal(rd(0xc0010010) & 1 << 18, 0); /* MtrrFixDramModEn: "not cleared by BIOS" */
	assert_true(rd(0xc0010114) & 1 << 4);	       /* no SVM */
	wr(0xc0010015, 1 << 30);
	wr(0xc001001f, 1ull << 46);
	wr(0x1d9, 1);
	assert_int_equal(rd(0x1d9), 0);
	start(MSR_INTEL);
	for (size_t i = 0; i < ARRAY_SIZE(intel); i++)
		rd(intel[i]);
	assert_int_equal(cpu.refused, 0);
}

static void writes_that_are_dropped(void **state)
{
	start(MSR_AMD);
	wr(0x10, 0); /* the TSC goes on */
	wr(0xc0010020, 0x1000);
	assert_int_equal(cpu.dropped, 2);
	wr(0x8b, 0);
	assert_int_equal(rd(0x8b), 0xabc);
	assert_int_equal(cpu.dropped, 2);
	assert_int_equal(cpu.refused, 0);
	start(MSR_INTEL | MSR_ARCH_CAP | MSR_XSAVES);
	wr(0x79, 0x1000);
	assert_int_equal(cpu.dropped, 1);
	wr(0x1a0, ~0ull);
	assert_int_equal(rd(0x1a0), 1 | 1 << 11 | 1 << 12 | 1 << 18);
	wr(0x1a0, 0);
	assert_int_equal(rd(0x1a0), 1 << 11 | 1 << 12 | 1 << 18);
	assert_int_equal(rd(0x10a) & (1 << 7 | 1 << 10 | 1 << 12 | 1 << 18), 0); /* controls */
	assert_int_equal(rd(0x10a) & 0x3f, 0x3f);
	wr_gp(0x10a, 0);
	wr(0xda0, 0);
	wr_gp(0xda0, 1 << 8);
	assert_int_equal(rd(0xda0), 0);
}

static void efer_by_its_rules(void **state)
{
	start(MSR_AMD);
	wr(0xc0000080, SCE | LME | NXE);
	assert_int_equal(efer, SCE | LME | NXE);
	wr_gp(0xc0000080, SCE | SVME);
	wr_gp(0xc0000080, 1ull << 13); /* LMSLE */
	wr_gp(0xc0000080, 1ull << 63);
	assert_int_equal(efer, SCE | LME | NXE);
	/* Paging on: LME stands still, LMA is the processor's. */
	cr0 = PG;
	efer = LME | LMA;
	wr_gp(0xc0000080, LMA);
	wr(0xc0000080, LME | SCE);
	assert_int_equal(efer, LME | LMA | SCE);
	cr0 = 0;
	efer = 0;
	wr(0xc0000080, LME | LMA);
	assert_int_equal(efer, LME);
	assert_int_equal(rd(0xc0000080), LME);
	assert_int_equal(cpu.refused, 4);
}

static void apic_registers_go_to_the_apic(void **state)
{
	start(MSR_AMD);
	assert_int_equal(rd(0x1b), 0xfee00900);
	rd_gp(0x802);
	wr_gp(0x1b, 0xfee00500);
	wr(0x1b, 0xfee00d00);
	assert_int_equal(rd(0x802), 0);
	wr(0x80f, 0x1ff);
	assert_int_equal(apic_writes, 1);
	wr_gp(0x802, 1);
	rd_gp(0x8ff);
}

static void hyperv_registers(void **state)
{
	start(MSR_AMD);
	assert_int_equal(rd(0x40000022), 2400000000);
	assert_int_equal(rd(0x40000023), 100000000);
	assert_int_equal(rd(0x40000020), 1234567);
	assert_int_equal(rd(0x40000002), 0);
	for (u32 msr = 0x40000020; msr <= 0x40000023; msr++)
		if (msr != 0x40000021)
			wr_gp(msr, 1);
	wr_gp(0x40000002, 1);
	/* The hypercall page: not before the guest has said who it is. */
	wr(0x40000001, 0x5001);
	assert_int_equal(rd(0x40000001), 0x5000);
	assert_int_equal(page_gpa, 0);
	wr(0x40000000, 0x8100060100000000);
	wr(0x40000001, 0x5001);
	assert_int_equal(rd(0x40000001), 0x5001);
	assert_int_equal(page_gpa, 0x5000);
	wr_gp(0x40000001, GIB(1) | 1); /* not RAM */
	assert_int_equal(rd(0x40000001), 0x5001);
	/* Called, it says "invalid hypercall code" and nothing else. */
	assert_memory_equal(page, "\xb8\2\0\0\0\x31\xd2\xc3", 8);
	wr(0x40000000, 0);
	assert_int_equal(rd(0x40000001), 0x5000);
	wr(0x40000073, 0x1001); /* Linux announces its assist page */
	wr(0x40000021, 0);
	rd_gp(0x40000118);
	wr_gp(0x40000118, 1);
	ws.invariant_tsc = true;
	wr(0x40000118, 1);
	assert_int_equal(rd(0x40000118), 1);
	wr_gp(0x40000118, 2);
	rd_gp(0x40000003); /* reset: no such right */
	/* A locked page stays. */
	wr(0x40000000, 1);
	wr(0x40000001, 0x7003);
	wr(0x40000001, 0x9001);
	assert_int_equal(rd(0x40000001), 0x7003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exactly_these_are_passed),
	    cmocka_unit_test(what_must_never_be_written_directly),
	    cmocka_unit_test(tables_are_in_order),
	    cmocka_unit_test(features_come_from_cpuid),
	    cmocka_unit_test(each_feature_has_its_bits),
	    cmocka_unit_test(unknown_registers_are_refused_and_counted),
	    cmocka_unit_test(linux_boots_without_gp),
	    cmocka_unit_test(writes_that_are_dropped),
	    cmocka_unit_test(efer_by_its_rules),
	    cmocka_unit_test(apic_registers_go_to_the_apic),
	    cmocka_unit_test(hyperv_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
