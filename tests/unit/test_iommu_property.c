/*
 * Random lives of three workstations' devices on both IOMMUs, against the simplest model there can
 * be: an array of who may reach what. After every step some request of some device is made, and it
 * must do just what the array says; from time to time all of them are.
 *
 * IOMMU_STEPS is the number of steps for each vendor (test-all: 10^6), IOMMU_STRICT_STEPS that for
 * each configuration with strict order, IOMMU_SEED the seed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/remap.h"

static struct remap r;

/* ---- random numbers (xorshift64*, Vigna 2016) ------------------------------------------------ */

static u64 random_state;

static u64 draw(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static u32 below(u32 n)
{
	return (u32)(draw() >> 33) % n;
}

/* ---- the model: what each domain maps ---------------------------------------------------------- */

/*
 * Addresses under test: windows of 4 MiB, of which a domain's pages are tracked one by one; they lie
 * so that 4 KiB, 2 MiB and (the last, as a whole) 1 GiB leaves come up and are split.
 */
#define WINDOWS	     5
#define WINDOW_PAGES 1024u
#define BIG	     (WINDOWS - 1)

static const u64 window[WINDOWS] = {0, 0xfe800000, GIB(4) - MIB(2), GIB(300) + MIB(64), GIB(9)};

/* One tracked unit: a page, in the big window 2 MiB. */
static u64 unit_size(u32 w)
{
	return w == BIG ? MIB(2) : PAGE_SIZE;
}

struct cell {
	u64 pa; /* 0: not mapped */
	u8 attrs;
};

static struct cell cells[REMAP_WS][WINDOWS][WINDOW_PAGES];

/* ---- the model: devices and interrupts -------------------------------------------------------- */

static const enum remap_function devices[] = {REMAP_GPU,  REMAP_AUDIO, REMAP_PCI0, REMAP_NIC,
					      REMAP_DISK, REMAP_FAR0,  REMAP_FAR1};
#define DEVICES ARRAY_SIZE(devices)
#define ENTRIES 4
#define NOBODY	(-1)

static struct {
	int ws;
	bool entries; /* ENTRIES interrupt entries from `first` are allotted */
	u16 first;
	struct remap_irq irq[ENTRIES]; /* vector 0: not set */
	struct iommu_message message[ENTRIES];
} device[DEVICES];

/* ---- checks ----------------------------------------------------------------------------------- */

static u64 step_now;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s, step %llu: %s", r.config.name, (unsigned long long)step_now, \
				 #cond);                                                           \
	} while (0)

static void probe_dma(u32 d, u32 w, u32 i, bool write)
{
	u64 off = below((u32)(unit_size(w) / PAGE_SIZE)) * (u64)PAGE_SIZE, at = 0;
	bool got = remap_dma(&r, remap_bdf(&r, devices[d]), window[w] + i * unit_size(w) + off,
			     write, &at);
	const struct cell *c;

	if (device[d].ws == NOBODY) {
		CHECK(!got);
		return;
	}
	c = &cells[device[d].ws][w][i];
	CHECK(got == (c->pa && c->attrs & (write ? PT_W : PT_R)));
	if (got)
		CHECK(at == c->pa + off);
}

static void probe_irq(u32 d, u32 e)
{
	struct remap_irq irq = {0};
	bool got, expected = device[d].entries && device[d].irq[e].vector;

	if (!device[d].message[e].msi_address)
		return;
	got = remap_msi(&r, remap_bdf(&r, devices[d]), device[d].message[e].msi_address,
			device[d].message[e].msi_data, &irq);
	if (!expected) {
		/* its old message may mean an entry that is somebody's now, but never reach a core by it
		 * unless that somebody is this device */
		if (got && device[d].entries)
			for (u32 k = 0; k < ENTRIES; k++)
				if (device[d].irq[k].vector == irq.vector)
					return;
		CHECK(!got);
		return;
	}
	CHECK(got && irq.remapped);
	CHECK(irq.apic_id == device[d].irq[e].apic_id && irq.vector == device[d].irq[e].vector);
}

static void check_all(void)
{
	for (u32 d = 0; d < DEVICES; d++) {
		for (u32 w = 0; w < WINDOWS; w++)
			for (u32 i = 0; i < WINDOW_PAGES; i += 1 + below(7))
				probe_dma(d, w, i, draw() & 1);
		for (u32 e = 0; e < ENTRIES; e++)
			probe_irq(d, e);
	}
}

/* ---- steps ------------------------------------------------------------------------------------ */

/* A run of units in a window, often all of it or a power of two. */
static void pick(u32 *w, u32 *first, u32 *count)
{
	*w = below(WINDOWS);
	if (!below(8)) {
		*first = 0;
		*count = WINDOW_PAGES;
		return;
	}
	*first = below(2) ? below(WINDOW_PAGES) : below(WINDOW_PAGES / 64) * 64;
	*count = 1u << below(below(2) ? 5 : 11);
	if (*count > WINDOW_PAGES - *first)
		*count = WINDOW_PAGES - *first;
}

/* Attributes of what is mapped lie in the same words as those asked for. */
static void do_map(void)
{
	static const u8 rights[] = {PT_R, PT_W, PT_RW, PT_RW, PT_RW};
	u32 ws = below(REMAP_WS), w, first, count;
	u8 attrs = rights[below(ARRAY_SIZE(rights))];
	bool exists = false;
	u64 pa;
	int err;

	pick(&w, &first, &count);
	/* half of the time where large leaves fit */
	pa = REMAP_MEMORY(ws) + window[w] % GIB(1) + first * unit_size(w);
	if (below(2))
		pa += (1 + below(1000)) * (u64)PAGE_SIZE;
	for (u32 i = first; i < first + count; i++) {
		const struct cell *c = &cells[ws][w][i];

		exists = exists ||
			 (c->pa && (c->pa != pa + (i - first) * unit_size(w) || c->attrs != attrs));
	}
	err = iommu_map(&r.domain[ws], IOVA(window[w] + first * unit_size(w)), PADDR(pa),
			count * unit_size(w), attrs);
	if (err == ERR_NOMEM)
		return;
	CHECK(err == (exists ? ERR_EXIST : OK));
	for (u32 i = first; !err && i < first + count; i++)
		cells[ws][w][i] = (struct cell){pa + (i - first) * unit_size(w), attrs};
}

static void do_unmap(void)
{
	u32 ws = below(REMAP_WS), w, first, count;
	int err;

	pick(&w, &first, &count);
	err = iommu_unmap(&r.domain[ws], IOVA(window[w] + first * unit_size(w)),
			  count * unit_size(w));
	if (err == ERR_NOMEM) /* splitting a leaf needs a page */
		return;
	CHECK(!err);
	memset(&cells[ws][w][first], 0, count * sizeof(struct cell));
}

static void do_protect(void)
{
	static const u8 rights[] = {PT_R, PT_RW};
	u32 ws = below(REMAP_WS), w, first, count;
	u8 attrs = rights[below(2)];
	int err;

	pick(&w, &first, &count);
	err = iommu_protect(&r.domain[ws], IOVA(window[w] + first * unit_size(w)),
			    count * unit_size(w), attrs);
	if (err == ERR_NOMEM)
		return;
	CHECK(!err);
	for (u32 i = first; i < first + count; i++)
		if (cells[ws][w][i].pa)
			cells[ws][w][i].attrs = attrs;
}

static bool group_is_elsewhere(u32 d, int ws)
{
	const struct iommu_device *dev = remap_device(&r, devices[d]);

	for (u32 o = 0; o < DEVICES; o++)
		if (remap_device(&r, devices[o])->group == dev->group && device[o].ws != NOBODY &&
		    device[o].ws != ws)
			return true;
	return false;
}

static void do_attach(void)
{
	u32 d = below(DEVICES);
	int ws = (int)below(REMAP_WS);
	int err = iommu_attach(&r.domain[ws], remap_device(&r, devices[d]));

	if (device[d].ws != NOBODY) {
		CHECK(err == ERR_BUSY);
		return;
	}
	if (group_is_elsewhere(d, ws)) {
		CHECK(err == ERR_PERM);
		return;
	}
	if (err == ERR_NOMEM)
		return;
	CHECK(!err);
	device[d].ws = ws;
	device[d].entries = false;
}

static void do_detach(void)
{
	u32 d = below(DEVICES);

	CHECK(!iommu_detach(remap_device(&r, devices[d]), draw() & 1));
	device[d].ws = NOBODY;
	device[d].entries = false;
}

static void do_irq(void)
{
	u32 d = below(DEVICES), e = below(ENTRIES);
	struct iommu_device *dev = remap_device(&r, devices[d]);
	struct iommu_irq irq = {.apic_id = below(10), .vector = (u8)draw()};
	u16 index;
	int err;

	if (device[d].ws == NOBODY) {
		CHECK(iommu_irq_set(dev, device[d].first, &irq) == ERR_BUSY);
		return;
	}
	if (!device[d].entries) {
		err = iommu_irq_alloc(dev, ENTRIES, &device[d].first);
		CHECK(!err);
		device[d].entries = true;
		for (u32 k = 0; k < ENTRIES; k++) {
			device[d].irq[k].vector = 0;
			CHECK(!iommu_irq_message(dev, (u16)(device[d].first + k),
						 &device[d].message[k]));
		}
		return;
	}
	index = (u16)(device[d].first + e);
	switch (below(8)) {
	case 0:
		CHECK(!iommu_irq_clear(dev, index));
		device[d].irq[e].vector = 0;
		return;
	case 1:
		CHECK(!iommu_irq_free(dev, device[d].first, ENTRIES));
		device[d].entries = false;
		return;
	default:
		err = iommu_irq_set(dev, index, &irq);
		if (irq.vector < 16 ||
		    !iommu_domain_has_cpu(&r.domain[device[d].ws], irq.apic_id)) {
			CHECK(err == ERR_PERM);
			return;
		}
		CHECK(!err);
		device[d].irq[e] = (struct remap_irq){irq.apic_id, irq.vector, true};
	}
}

/* A workstation ends and another begins in its place. */
static void do_restart(void)
{
	u32 ws = below(REMAP_WS);

	for (u32 d = 0; d < DEVICES; d++)
		if (device[d].ws == (int)ws) {
			CHECK(!iommu_detach(remap_device(&r, devices[d]), false));
			device[d].ws = NOBODY;
			device[d].entries = false;
		}
	CHECK(!iommu_domain_fini(&r.domain[ws]));
	CHECK(r.ws[ws].in_use == 0);
	pool_init(&r.ws[ws], r.ws[ws].base, r.ws[ws].size);
	remap_domain(&r, ws);
	memset(cells[ws], 0, sizeof(cells[ws]));
}

static void one_step(void)
{
	u32 what = below(100);

	if (what < 40)
		do_map();
	else if (what < 68)
		do_unmap();
	else if (what < 74)
		do_protect();
	else if (what < 82)
		do_attach();
	else if (what < 87)
		do_detach();
	else if (what < 99)
		do_irq();
	else if (!below(8))
		do_restart();
}

static void run(const struct remap_config *config, u64 steps, u64 seed)
{
	u64 reached = 0;

	random_state = seed;
	remap_start(&r, config);
	memset(cells, 0, sizeof(cells));
	memset(device, 0, sizeof(device));
	for (u32 d = 0; d < DEVICES; d++)
		device[d].ws = NOBODY;
	for (step_now = 0; step_now < steps; step_now++) {
		one_step();
		for (u32 k = 0; k < 4; k++) {
			u32 d = below(DEVICES), w = below(WINDOWS), i = below(WINDOW_PAGES);

			probe_dma(d, w, i, k & 1);
			reached += device[d].ws != NOBODY && cells[device[d].ws][w][i].pa;
			probe_irq(d, below(ENTRIES));
		}
		if (step_now % 4096 == 4095)
			check_all();
	}
	check_all();
	/* it was not all refusals */
	CHECK(steps < 1000 || reached > steps / 20);
	remap_end(&r);
}

static u64 number(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void with_strict_order(void **state)
{
	for (const struct remap_config *c = remap_configs; c->name; c++)
		run(c, number("IOMMU_STRICT_STEPS", 200), number("IOMMU_SEED", 1) + 77);
}

static void for_long(const struct remap_config *config)
{
	struct remap_config c = *config;

	c.strict = false;
	run(&c, number("IOMMU_STEPS", 50000), number("IOMMU_SEED", 1));
}

static void long_on_vtd(void **state)
{
	for_long(&(struct remap_config){.kind = IOMMU_VTD, .name = "VT-d"});
}

static void long_on_amdvi(void **state)
{
	for_long(
	    &(struct remap_config){.kind = IOMMU_AMDVI, .name = "AMD-Vi", .big_entries = true});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(with_strict_order),
	    cmocka_unit_test(long_on_vtd),
	    cmocka_unit_test(long_on_amdvi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
