/*
 * core/vcpu/lapic and ipi: who gets which interrupt, what reaches the real APIC, what is refused.
 * The hardware is a recorder: registers written to it, interrupts sent through it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/lapic.h"

#define MAX_CPUS 1024

static struct lapic apics[MAX_CPUS];

/* ---- the recorder -------------------------------------------------------------------------------- */

static u8 got[MAX_CPUS]; /* interrupts a vCPU got since clear() */
static u32 sent;
static u8 last_mode, last_vector;
static u32 real[0x40];
static u32 real_writes, mode_changes;
static u8 last_lapic_mode;

static u32 hw_read(void *hw, u8 reg)
{
	return real[reg];
}

static void hw_write(void *hw, u8 reg, u32 value)
{
	real[reg] = value;
	real_writes++;
}

static void hw_ipi(void *hw, u32 vcpu, enum ipi_mode mode, u8 vector)
{
	assert_true(vcpu < MAX_CPUS);
	/* Whatever the guest does, only these come through. */
	assert_true(mode == IPI_FIXED || mode == IPI_NMI || mode == IPI_INIT || mode == IPI_SIPI);
	if (mode == IPI_FIXED)
		assert_true(vector >= 16);
	got[vcpu]++;
	sent++;
	last_mode = mode;
	last_vector = vector;
}

static void hw_mode(void *hw, enum lapic_mode mode)
{
	mode_changes++;
	last_lapic_mode = mode;
}

static const struct apic_ops ops = {hw_read, hw_write, hw_ipi, hw_mode};

static void clear(void)
{
	memset(got, 0, sizeof(got));
	sent = real_writes = mode_changes = 0;
}

static void start(u32 ncpus, bool x2apic)
{
	memset(real, 0, sizeof(real));
	for (u32 i = 0; i < ncpus; i++) {
		lapic_reset(&apics[i], &ops, NULL, apics, i, ncpus, true);
		if (x2apic)
			assert_int_equal(lapic_base_write(&apics[i], lapic_base_read(&apics[i]) |
									 APIC_BASE_EXTD),
					 OK);
	}
	clear();
}

static u64 msr(u32 cpu, u32 reg)
{
	u64 v = 0;

	assert_int_equal(lapic_msr_read(&apics[cpu], reg, &v), OK);
	return v;
}

static u32 page(u32 cpu, u32 offset)
{
	u64 v = 0;

	assert_int_equal(lapic_mmio_read(&apics[cpu], offset, 4, &v), OK);
	return (u32)v;
}

static void page_write(u32 cpu, u32 offset, u32 value)
{
	assert_int_equal(lapic_mmio_write(&apics[cpu], offset, 4, value), OK);
}

static void icr(u32 cpu, u64 value)
{
	assert_int_equal(lapic_msr_write(&apics[cpu], LAPIC_ICR, value), OK);
}

static void icr_page(u32 cpu, u8 dest, u32 low)
{
	page_write(cpu, 0x310, (u32)dest << 24);
	page_write(cpu, 0x300, low);
}

static u64 seed = 0x13198a2e03707344ull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- interprocessor interrupts ------------------------------------------------------------------- */

static void x2apic_destinations(void **state)
{
	start(300, true);
	icr(3, 0x40 | 299ull << 32); /* physical */
	assert_true(sent == 1 && got[299] && last_vector == 0x40 && last_mode == IPI_FIXED);
	clear();
	icr(3, 0x40 | 300ull << 32); /* nobody */
	icr(3, 0x40 | 0xfffffffeull << 32);
	assert_int_equal(sent, 0);
	icr(3, 0x40 | 0xffffffffull << 32); /* everybody */
	assert_int_equal(sent, 300);
	clear();
	icr(3, 0x840 | 0x00020009ull << 32); /* logical: cluster 2, members 0 and 3 */
	assert_true(sent == 2 && got[32] && got[35]);
	clear();
	icr(3, 0x840 | 0x0012ffffull << 32); /* the last cluster is cut off at 300 */
	assert_int_equal(sent, 12);
	clear();
	icr(3, 0x840 | 0xffff0001ull << 32);
	assert_int_equal(sent, 0);
	icr(3, 0x40040); /* self */
	assert_true(sent == 1 && got[3]);
	clear();
	icr(3, 0x80040); /* all */
	assert_true(sent == 300 && got[3] == 1);
	clear();
	icr(3, 0xc0040); /* others */
	assert_true(sent == 299 && got[3] == 0);
	clear();
	icr(3, 0x940 | 0x0000fff0ull << 32); /* lowest priority: one of them */
	assert_int_equal(sent, 1);
	assert_int_equal(last_mode, IPI_FIXED);
}

static void xapic_destinations(void **state)
{
	start(12, false);
	for (u32 i = 0; i < 8; i++)
		page_write(i, 0xd0, 1u << (24 + i)); /* flat */
	icr_page(0, 5, 0x30);
	assert_true(sent == 1 && got[5]);
	clear();
	icr_page(0, 0xff, 0x30);
	assert_int_equal(sent, 12);
	clear();
	icr_page(0, 0x81, 0x830);
	assert_true(sent == 2 && got[0] && got[7]);
	clear();
	icr_page(0, 12, 0x30);
	icr_page(0, 0, 0x830);
	assert_int_equal(sent, 0);
	for (u32 i = 0; i < 12; i++) { /* three clusters of four */
		page_write(i, 0xe0, 0x0fffffff);
		page_write(i, 0xd0, (i / 4 << 4 | 1u << i % 4) << 24);
	}
	icr_page(0, 0x15, 0x830);
	assert_true(sent == 2 && got[4] && got[6]);
	clear();
	icr_page(0, 0xf2, 0x830); /* member 1 of every cluster */
	assert_true(sent == 3 && got[1] && got[5] && got[9]);
	clear();
	assert_int_equal(page(2, 0x310), 0);
	page_write(2, 0x310, 0x09ffffff);
	assert_int_equal(page(2, 0x310), 0x09000000);
	page_write(2, 0x300, 0x1030); /* the busy bit is not kept */
	assert_int_equal(page(2, 0x300), 0x30);
	assert_true(got[9]);
}

static void message(u32 destination, bool logical, bool lowest)
{
	struct ipi ipi = lapic_message(&apics[0], 0x30, destination, logical, lowest);

	clear();
	lapic_send(&apics[0], &ipi);
}

/* What the I/O APIC and devices send; of several that a lowest-priority one may reach, one gets it. */
static void messages(void **state)
{
	start(4, false);
	for (u32 i = 0; i < 4; i++)
		page_write(i, 0xd0, 1u << (24 + i));
	message(2, false, false);
	assert_true(sent == 1 && got[2] && last_vector == 0x30);
	message(0xff, false, false);
	assert_int_equal(sent, 4);
	message(0xff, true, true);
	assert_true(sent == 1 && got[0] && last_mode == IPI_FIXED);
	message(0xc, true, false);
	assert_true(sent == 2 && got[2] && got[3]);
	message(0xc, true, true);
	assert_true(sent == 1 && got[2] && last_mode == IPI_FIXED);
	start(4, true);
	message(0xff, false, false); /* an id as others, which nobody has here */
	assert_int_equal(sent, 0);
	message(0xa, true, false);
	assert_true(sent == 2 && got[1] && got[3]);
	message(0xa, true, true);
	assert_true(sent == 1 && got[1]);
}

static void modes_and_what_is_refused(void **state)
{
	static const struct {
		u32 icr;
		u8 mode; /* 0xff: nothing is sent */
		u8 refused, esr;
	} v[] = {
	    {0x04400, IPI_NMI, 0, 0},	{0x04402, IPI_NMI, 0, 0},  /* NMI; its vector is nothing */
	    {0x04500, IPI_INIT, 0, 0},	{0x0c500, IPI_INIT, 0, 0}, /* INIT, edge and level */
	    {0x08500, 0xff, 0, 0},				   /* INIT de-assert */
	    {0x88500, 0xff, 1, 0},				   /* the same to all and self */
	    {0x04610, IPI_SIPI, 0, 0},	{0xc4610, IPI_SIPI, 0, 0}, /* start-up */
	    {0x04030, IPI_FIXED, 0, 0}, {0x04130, IPI_FIXED, 0, 0},
	    {0x0402f, IPI_FIXED, 0, 0}, {0x04010, IPI_FIXED, 0, 0},
	    {0x0400f, 0xff, 1, 0x20},	{0x04100, 0xff, 1, 0x20}, /* vectors below 16 */
	    {0x80008, 0xff, 1, 0x20},	{0x40000, 0xff, 1, 0x20},
	    {0x04230, 0xff, 1, 0},	{0xc4230, 0xff, 1, 0}, /* SMI */
	    {0x04330, 0xff, 1, 0},	{0x04730, 0xff, 1, 0}, /* remote read, ExtINT */
	    {0xc4730, 0xff, 1, 0},	{0x44430, 0xff, 1, 0}, /* ExtINT, NMI to self */
	    {0x84430, 0xff, 1, 0},	{0x84530, 0xff, 1, 0}, /* NMI, INIT to all and self */
	    {0x44630, 0xff, 1, 0},	{0x84630, 0xff, 1, 0},
	    {0x44130, 0xff, 1, 0},	{0x84130, 0xff, 1, 0},
	    {0xc4430, IPI_NMI, 0, 0},	{0xc4530, IPI_INIT, 0, 0},
	    {0xc4130, IPI_FIXED, 0, 0},
	};

	for (size_t k = 0; k < ARRAY_SIZE(v) * 2; k++) {
		bool x2apic = k & 1;
		u32 value = v[k / 2].icr;

		start(4, x2apic);
		if (x2apic) {
			icr(1, value | 2ull << 32);
			assert_int_equal(msr(1, LAPIC_ICR), value | 2ull << 32);
			assert_int_equal(lapic_msr_write(&apics[1], LAPIC_ESR, 0), OK);
			assert_int_equal(msr(1, LAPIC_ESR), v[k / 2].esr);
		} else {
			icr_page(1, 2, value);
			page_write(1, 0x280, 0);
			assert_int_equal(page(1, 0x280), v[k / 2].esr);
			page_write(1, 0x280, 0);
			assert_int_equal(page(1, 0x280), 0);
		}
		assert_int_equal(apics[1].refused, v[k / 2].refused);
		assert_int_equal(sent != 0, v[k / 2].mode != 0xff);
		if (!sent)
			continue;
		if (v[k / 2].mode == IPI_FIXED && value >> 8 & 1)
			assert_int_equal(sent, 1);
		assert_int_equal(last_mode, v[k / 2].mode);
		assert_int_equal(last_vector, value & 0xff);
	}
}

/* The target set, straight from the manual's words, one vCPU at a time. */
static bool expected(u32 from, u32 to, bool x2apic, u64 value)
{
	u32 low = (u32)value, dest = x2apic ? (u32)(value >> 32) : (u32)(value >> 56);
	u32 id = to, xldr = apics[to].ldr;
	bool everybody = dest == (x2apic ? 0xffffffff : 0xff);

	if (apics[to].mode == LAPIC_DISABLED)
		return false;
	switch (low >> 18 & 3) {
	case 1:
		return to == from;
	case 2:
		return true;
	case 3:
		return to != from;
	default:
		break;
	}
	if (everybody)
		return true;
	if (!(low & 0x800))
		return dest == id;
	if (apics[to].mode == LAPIC_X2APIC)
		return dest >> 16 == id / 16 && (dest & 0xffff & 1u << id % 16);
	if (x2apic)
		return false;
	if (apics[to].dfr == 0xf)
		return (xldr & dest) != 0;
	return (xldr / 16 == dest / 16 || dest / 16 == 15) && (xldr & dest & 15);
}

static void random_interrupts_reach_exactly_their_targets(void **state)
{
	for (int round = 0; round < 20000; round++) {
		u32 ncpus = 1 + rnd() % 40, from = rnd() % ncpus;
		bool x2apic = rnd() & 1;
		u64 value = (rnd() & 0xffffffff000cd9ffull) & ~0x600ull;

		if (rnd() & 1) /* ids that exist */
			value = (value & 0xffffffff) |
				(x2apic ? (rnd() % 48) << 32 : (rnd() % 48) << 56);
		if (rnd() & 1 && value & 0x800)
			value = (value & 0xffffffff) | (rnd() & 0x3ffff) << 32;
		start(ncpus, x2apic);
		for (u32 i = 0; i < ncpus; i++) {
			apics[i].ldr = (u8)rnd();
			apics[i].dfr = rnd() & 1 ? 0xf : 0;
			if (i != from && rnd() % 8 == 0)
				apics[i].mode = rnd() % 3;
		}
		value = (value & ~0xffull) | (16 + rnd() % 240);
		if (x2apic)
			icr(from, value);
		else
			icr_page(from, (u8)(value >> 56), (u32)value);

		u32 targets = 0;

		for (u32 i = 0; i < ncpus; i++)
			targets += expected(from, i, x2apic, value);
		if (value & 0x100) { /* lowest priority */
			bool self_or_all = (value >> 18 & 3) == 1 || (value >> 18 & 3) == 2;

			assert_int_equal(sent, targets && !self_or_all);
			for (u32 i = 0; i < ncpus; i++)
				if (got[i])
					assert_true(expected(from, i, x2apic, value));
			continue;
		}
		for (u32 i = 0; i < ncpus; i++)
			assert_int_equal(got[i], expected(from, i, x2apic, value));
	}
}

/* ---- registers ----------------------------------------------------------------------------------- */

static void x2apic_registers(void **state)
{
	static const u8 absent[] = {0x00, 0x01, 0x04, 0x07, 0x09, 0x0c, 0x0e, 0x29,
				    0x2e, 0x2f, 0x31, 0x3a, 0x3d, 0x40, 0x50, 0xff};
	static const u8 read_only[] = {LAPIC_ID,  LAPIC_VERSION, LAPIC_PPR,
				       LAPIC_LDR, LAPIC_ISR,	 LAPIC_ISR + 7,
				       LAPIC_TMR, LAPIC_IRR + 7, LAPIC_TIMER_CURRENT};
	static const struct {
		u8 reg;
		u64 bad;
	} reserved[] = {{LAPIC_TPR, 0x100},
			{LAPIC_EOI, 1},
			{LAPIC_SVR, 0x1000},
			{LAPIC_ESR, 1},
			{LAPIC_ICR, 0x2000},
			{LAPIC_ICR, 0x10000},
			{LAPIC_ICR, 0x80000000},
			{LAPIC_LVT_TIMER, 0x700},
			{LAPIC_LVT_TIMER, 1ull << 32},
			{LAPIC_LVT_ERROR, 0x100},
			{LAPIC_LVT_LINT0, 0x20000},
			{LAPIC_LVT_PERF, 0x8000},
			{LAPIC_TIMER_DIVIDE, 0x4},
			{LAPIC_TIMER_INITIAL, 1ull << 32},
			{LAPIC_SELF_IPI, 0x100}};
	u64 v;

	start(40, true);
	assert_int_equal(msr(39, LAPIC_ID), 39);
	assert_int_equal(msr(39, LAPIC_LDR), 2 << 16 | 1 << 7);
	assert_int_equal(msr(39, LAPIC_VERSION) & 0xff, 0x14);
	assert_int_equal(msr(39, LAPIC_SVR), 0xff);
	for (size_t i = 0; i < sizeof(absent); i++) {
		assert_int_equal(lapic_msr_read(&apics[0], absent[i], &v), ERR_PERM);
		assert_int_equal(lapic_msr_write(&apics[0], absent[i], 0), ERR_PERM);
	}
	for (size_t i = 0; i < sizeof(read_only); i++) {
		assert_int_equal(lapic_msr_read(&apics[0], read_only[i], &v), OK);
		assert_int_equal(lapic_msr_write(&apics[0], read_only[i], 0), ERR_PERM);
	}
	assert_int_equal(lapic_msr_read(&apics[0], LAPIC_EOI, &v), ERR_PERM);
	assert_int_equal(lapic_msr_read(&apics[0], LAPIC_SELF_IPI, &v), ERR_PERM);
	clear();
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_int_equal(lapic_msr_write(&apics[0], reserved[i].reg, reserved[i].bad),
				 ERR_PERM);
	assert_int_equal(real_writes + sent, 0);
	/* What is passed goes through all the same, should it trap; status bits may be written back. */
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_TPR, 0x30), OK);
	assert_int_equal(real[LAPIC_TPR], 0x30);
	assert_int_equal(msr(0, LAPIC_TPR), 0x30);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_EOI, 0), OK);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_LVT_TIMER, 0x200ec), OK);
	assert_int_equal(real[LAPIC_LVT_TIMER], 0x200ec);
	assert_int_equal(msr(0, LAPIC_LVT_TIMER), 0x200ec);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_TIMER_INITIAL, 7), OK);
	assert_int_equal(real[LAPIC_TIMER_INITIAL], 7);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_SVR, 0x1ff), OK);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_LVT_LINT0, 0x0d7fe), OK);
	assert_int_equal(msr(0, LAPIC_LVT_LINT0), 0x087fe);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_LVT_ERROR, 0x110fe), OK);
	assert_int_equal(msr(0, LAPIC_LVT_ERROR), 0x100fe);
	/* The page is not there. */
	assert_int_equal(lapic_mmio_read(&apics[0], 0x20, 4, &v), ERR_NOENT);
	assert_int_equal(lapic_mmio_write(&apics[0], 0xb0, 4, 0), ERR_NOENT);
}

static void xapic_page(void **state)
{
	u64 v;

	start(3, false);
	assert_int_equal(page(2, 0x20), 2 << 24);
	page_write(2, 0x20, 0xff000000);
	assert_int_equal(page(2, 0x20), 2 << 24);
	assert_int_equal(page(2, 0x30), 0x50014);
	assert_int_equal(page(2, 0xe0), 0xffffffff);
	page_write(2, 0xe0, 0);
	assert_int_equal(page(2, 0xe0), 0x0fffffff);
	page_write(2, 0xe0, 0xf0000000);
	assert_int_equal(page(2, 0xe0), 0xffffffff);
	page_write(2, 0xd0, 0x12345678);
	assert_int_equal(page(2, 0xd0), 0x12000000);
	/* The real APIC serves these. */
	real[LAPIC_TPR] = 0x20;
	real[LAPIC_ISR + 3] = 0xdeadbeef;
	real[LAPIC_TIMER_CURRENT] = 12345;
	assert_int_equal(page(2, 0x80), 0x20);
	assert_int_equal(page(2, 0x130), 0xdeadbeef);
	assert_int_equal(page(2, 0x390), 12345);
	page_write(2, 0xb0, 0);
	page_write(2, 0x380, 1000);
	page_write(2, 0x3e0, 0xb);
	page_write(2, 0x320, 0x200ec);
	assert_int_equal(real[LAPIC_TIMER_INITIAL], 1000);
	assert_int_equal(real[LAPIC_TIMER_DIVIDE], 0xb);
	assert_int_equal(real[LAPIC_LVT_TIMER], 0x200ec);
	assert_int_equal(real_writes, 4);
	/* Odd widths, places and directions: nothing, and the error status says so. */
	clear();
	assert_int_equal(lapic_mmio_read(&apics[2], 0x20, 8, &v), OK);
	assert_int_equal(v, 0);
	assert_int_equal(lapic_mmio_read(&apics[2], 0x21, 1, &v), OK);
	assert_int_equal(lapic_mmio_write(&apics[2], 0x304, 4, 0xc4500), OK);
	assert_int_equal(lapic_mmio_write(&apics[2], 0x300, 1, 0x40), OK);
	assert_int_equal(lapic_mmio_write(&apics[2], 0x390, 4, 1), OK);
	assert_int_equal(lapic_mmio_write(&apics[2], 0x3f0, 4, 0x40),
			 OK); /* SELF IPI is x2APIC's */
	assert_int_equal(lapic_mmio_write(&apics[2], 0xff0, 4, 1), OK);
	assert_int_equal(real_writes + sent, 0);
	page_write(2, 0x280, 0);
	assert_int_equal(page(2, 0x280), 0x80);
	/* MSRs are x2APIC's. */
	assert_int_equal(lapic_msr_read(&apics[2], LAPIC_ID, &v), ERR_PERM);
	assert_int_equal(lapic_msr_write(&apics[2], LAPIC_ICR, 0xc4500), ERR_PERM);
	assert_int_equal(sent, 0);
}

/* No LVT but the timer ever reaches hardware, and that not with a low vector. */
static void local_vectors(void **state)
{
	start(1, false);
	page_write(0, 0xf0, 0x1ff);
	clear();
	page_write(0, 0x2f0, 0x230); /* CMCI: absent */
	for (u32 offset = 0x330; offset <= 0x370; offset += 0x10)
		for (u32 mode = 0; mode < 8; mode++)
			page_write(0, offset, mode << 8 | 0x30);
	assert_int_equal(real_writes + sent, 0);
	page_write(0, 0x350, 0x700); /* Linux' virtual wire: kept, without a wire */
	assert_int_equal(page(0, 0x350), 0x700);
	page_write(0, 0x320, 0x0f);
	assert_int_equal(real[LAPIC_LVT_TIMER], 0x1000f);
	assert_int_equal(apics[0].refused, 1);
	page_write(0, 0x320, 0x10);
	assert_int_equal(real[LAPIC_LVT_TIMER], 0x10);
	page_write(0, 0x320, 0x1000f); /* masked is harmless */
	assert_int_equal(apics[0].refused, 1);
	page_write(0, 0x320, 0xfff8fff0);
	assert_int_equal(real[LAPIC_LVT_TIMER], 0xf0);
	/* Disabling by software masks them all. */
	page_write(0, 0x350, 0x30);
	assert_int_equal(page(0, 0x350), 0x30);
	page_write(0, 0xf0, 0xff);
	assert_int_equal(page(0, 0x350), 0x10030);
	page_write(0, 0x350, 0x31);
	assert_int_equal(page(0, 0x350), 0x10031);
}

static void spurious_vector_register(void **state)
{
	start(1, true);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_SVR, 0x1f0), OK);
	assert_int_equal(real[LAPIC_SVR], 0x1f0);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_SVR, 0x105), OK);
	assert_int_equal(msr(0, LAPIC_SVR), 0x105);
	assert_int_equal(real[LAPIC_SVR], 0x1ff);
	assert_int_equal(lapic_msr_write(&apics[0], LAPIC_SVR, 0), OK);
	assert_int_equal(real[LAPIC_SVR] & 0x100, 0);
}

static void errors_are_reported_by_their_vector(void **state)
{
	start(2, true);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_SVR, 0x1ff), OK);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_LVT_ERROR, 0xfe), OK);
	icr(1, 0x5);
	assert_true(sent == 1 && got[1] && last_vector == 0xfe);
	assert_int_equal(msr(1, LAPIC_ESR), 0); /* until it is written */
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_LVT_ERROR, 0x10), OK);
	icr(1, 0x5);
	assert_true(sent == 2 && last_vector == 0x10);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_LVT_ERROR, 0x5), OK);
	clear();
	icr(1, 0x5);
	assert_int_equal(sent, 0);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_LVT_ERROR, 0x100fe), OK);
	icr(1, 0x5);
	assert_int_equal(sent, 0);
}

/* Every move between the three modes and the fourth encoding that is none. */
static void apic_base_transitions(void **state)
{
	static const u32 flags[] = {0, APIC_BASE_EN, APIC_BASE_EN | APIC_BASE_EXTD, APIC_BASE_EXTD};
	static const bool legal[3][4] = {
	    {true, true, false, false}, {true, true, true, false}, {true, false, true, false}};

	for (u32 from = 0; from < 3; from++) {
		for (u32 to = 0; to < 4; to++) {
			struct lapic *a = &apics[0];

			start(1, from == LAPIC_X2APIC);
			if (from == LAPIC_DISABLED)
				assert_int_equal(lapic_base_write(a, APIC_BASE_ADDRESS), OK);
			clear();

			int err = lapic_base_write(a, APIC_BASE_ADDRESS | flags[to]);

			assert_int_equal(err, legal[from][to] ? OK : ERR_PERM);
			assert_int_equal(mode_changes, legal[from][to] && from != to);
			assert_int_equal(a->mode, legal[from][to] ? to : from);
			if (mode_changes)
				assert_int_equal(last_lapic_mode, to);
			/* The boot processor stays one. */
			assert_int_equal(lapic_base_read(a),
					 APIC_BASE_ADDRESS | APIC_BASE_BSP | flags[a->mode]);
		}
	}
	start(2, false);
	assert_int_equal(lapic_base_read(&apics[1]), APIC_BASE_ADDRESS | APIC_BASE_EN);
	assert_int_equal(lapic_base_write(&apics[1], 0xfee01000 | APIC_BASE_EN), ERR_PERM);
	assert_int_equal(lapic_base_write(&apics[1], 0x1fee00000 | APIC_BASE_EN), ERR_PERM);
	assert_int_equal(lapic_base_write(&apics[1], APIC_BASE_ADDRESS | APIC_BASE_EN | 1),
			 ERR_PERM);
	apics[1].x2apic_offered = false;
	assert_int_equal(lapic_base_write(&apics[1], APIC_BASE_ADDRESS | flags[2]), ERR_PERM);
	/* A disabled APIC gets nothing, and forgets. */
	page_write(1, 0xd0, 0x02000000);
	assert_int_equal(lapic_base_write(&apics[1], APIC_BASE_ADDRESS), OK);
	clear();
	icr_page(0, 1, 0x30);
	icr_page(0, 0xff, 0x400);
	assert_true(got[1] == 0 && got[0] == 1);
	assert_int_equal(lapic_base_write(&apics[1], APIC_BASE_ADDRESS | APIC_BASE_EN), OK);
	assert_int_equal(page(1, 0xd0), 0);
}

static void init_keeps_the_mode_and_drops_the_rest(void **state)
{
	start(2, true);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_SVR, 0x1ff), OK);
	assert_int_equal(lapic_msr_write(&apics[1], LAPIC_LVT_ERROR, 0xfe), OK);
	icr(1, 0x40);
	lapic_init(&apics[1]);
	assert_int_equal(msr(1, LAPIC_SVR), 0xff);
	assert_int_equal(msr(1, LAPIC_LVT_ERROR), 0x10000);
	assert_int_equal(msr(1, LAPIC_ICR), 0);
	assert_int_equal(msr(1, LAPIC_ID), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(x2apic_destinations),
	    cmocka_unit_test(xapic_destinations),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(modes_and_what_is_refused),
	    cmocka_unit_test(random_interrupts_reach_exactly_their_targets),
	    cmocka_unit_test(x2apic_registers),
	    cmocka_unit_test(xapic_page),
	    cmocka_unit_test(local_vectors),
	    cmocka_unit_test(spurious_vector_register),
	    cmocka_unit_test(errors_are_reported_by_their_vector),
	    cmocka_unit_test(apic_base_transitions),
	    cmocka_unit_test(init_keeps_the_mode_and_drops_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
