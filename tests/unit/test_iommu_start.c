/* iommu/start: what units of one machine have in common, and the order they are brought up in. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "iommu/domain.h"
#include "iommu/start.h"
#include "tests/fake/machine.h"

#define UNITS 3

/* Units that do nothing but note what they were told: P, T, E, Q and their number. */
static char told[64];
static struct iommu_caps caps[UNITS];
static struct iommu_unit units[UNITS];
static struct iommu io;
static struct pool pool;
static char fail_step;
static u32 fail_unit;

static int tell(struct iommu_unit *u, char step)
{
	size_t n = strlen(told);

	assert_true(n + 3 < sizeof(told));
	told[n] = step;
	told[n + 1] = (char)('0' + u->index);
	return step == fail_step && u->index == fail_unit ? ERR_TIMEOUT : OK;
}

static int probe(struct iommu_unit *u)
{
	u->caps = caps[u->index];
	return tell(u, 'P');
}

static int take_over(struct iommu_unit *u)
{
	return tell(u, 'T');
}

static int enable(struct iommu_unit *u)
{
	int err = tell(u, 'E');

	if (!err)
		u->state = IOMMU_UNIT_ENABLED;
	return err;
}

static int quiesce(struct iommu_unit *u)
{
	return tell(u, 'Q');
}

static int attach(struct iommu_device *dev, struct iommu_domain *dom)
{
	dev->state = IOMMU_DEV_ATTACHED;
	dev->domain = dom;
	return OK;
}

/* Drivers that would do anything they are asked: the refusals are the common code's own. */
static int irq_alloc(struct iommu_device *dev, u16 count, u16 *first)
{
	return OK;
}

static int irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq)
{
	return OK;
}

static const struct iommu_ops ops = {
    .name = "test",
    .format = &pt_format_vtd,
    .probe = probe,
    .take_over = take_over,
    .enable = enable,
    .quiesce = quiesce,
    .attach = attach,
    .irq_alloc = irq_alloc,
    .irq_set = irq_set,
};

static const struct iommu_caps good = {
    .input_bits = 48,
    .output_bits = 46,
    .levels = 1 << 4 | 1 << 3,
    .leaf_max = PT_LEAF_1G,
    .coherent = true,
    .snoop_control = true,
    .irq_remapping = true,
    .x2apic = true,
    .ats = true,
    .max_domains = 256,
    .max_irqs = 1024,
};

static void build(void)
{
	fake_machine_reset();
	fake_ram_add(PADDR(MIB(16)), MIB(1));
	pool_init(&pool, PADDR(MIB(16)), MIB(1));
	memset(told, 0, sizeof(told));
	fail_step = 0;
	io = (struct iommu){.ops = &ops, .nunits = UNITS, .units = units, .pool = &pool};
	for (u32 i = 0; i < UNITS; i++) {
		units[i] = (struct iommu_unit){.iommu = &io, .index = i};
		caps[i] = good;
	}
}

static void all_are_probed_before_any_is_touched(void **state)
{
	build();
	assert_int_equal(iommu_start(&io), OK);
	assert_string_equal(told, "P0P1P2T0T1T2E0E1E2");
	assert_int_equal(io.levels, 4);
	assert_memory_equal(&io.caps, &good, sizeof(good));
	assert_non_null(io.domain_ids);
	for (u32 id = 0; id < 256; id++)
		assert_false(io.domain_ids[id / 64] >> (id % 64) & 1);
}

static void a_failure_ends_it_there(void **state)
{
	static const struct {
		char step;
		u32 unit;
		const char *told;
	} cases[] = {
	    {'P', 1, "P0P1"},
	    {'T', 0, "P0P1P2T0"},
	    {'E', 2, "P0P1P2T0T1T2E0E1E2"},
	};
	struct iommu_domain d;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		build();
		fail_step = cases[i].step;
		fail_unit = cases[i].unit;
		assert_int_equal(iommu_start(&io), ERR_TIMEOUT);
		assert_string_equal(told, cases[i].told);
		/* and nothing can be attached to anything */
		assert_int_equal(iommu_domain_init(&d, &io, 0, &pool, NULL, 0), ERR_BUSY);
	}
	build();
	io.nunits = 0;
	units[0].caps = good;
	assert_int_equal(iommu_start(&io), ERR_UNSUPPORTED);
	assert_string_equal(told, "");
	build();
	pool_init(&pool, PADDR(MIB(16)), PAGE_SIZE);
	assert_int_equal(pool_page(&pool, &(paddr_t){0}), OK);
	assert_int_equal(iommu_start(&io), ERR_NOMEM);
	assert_string_equal(told, "P0P1P2");
}

/* The weakest unit decides, wherever it stands. */
static void the_weakest_unit_decides(void **state)
{
	for (u32 weak = 0; weak < UNITS; weak++) {
		struct iommu_caps *c = &caps[weak];

		build();
		c->input_bits = 39;
		c->output_bits = 39;
		c->levels = 1 << 3 | 1 << 5;
		c->leaf_max = PT_LEAF_4K;
		c->coherent = false;
		c->snoop_control = false;
		c->caches_absent = true;
		c->irq_remapping = false;
		c->x2apic = false;
		c->ats = false;
		c->max_domains = 16;
		c->max_irqs = 64;
		assert_int_equal(iommu_start(&io), OK);
		assert_int_equal(io.caps.input_bits, 39);
		assert_int_equal(io.caps.output_bits, 39);
		assert_int_equal(io.caps.levels, 1 << 3);
		assert_int_equal(io.levels, 3);
		assert_int_equal(io.caps.leaf_max, PT_LEAF_4K);
		assert_false(io.caps.coherent || io.caps.snoop_control || io.caps.irq_remapping ||
			     io.caps.x2apic || io.caps.ats);
		assert_true(io.caps.caches_absent);
		assert_int_equal(io.caps.max_domains, 16);
		assert_int_equal(io.caps.max_irqs, 64);
	}
}

static void the_depth_is_one_that_all_have(void **state)
{
	static const struct {
		u16 levels;
		u8 depth; /* 0: none */
	} cases[] = {
	    {1 << 2, 2}, {1 << 3 | 1 << 2, 3}, {1 << 5 | 1 << 3, 5}, {1 << 6 | 1 << 5 | 1 << 4, 4},
	    {1 << 6, 6}, {1 << 6 | 1 << 3, 3}, {1 << 1, 0},	     {0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		build();
		for (u32 u = 0; u < UNITS; u++)
			caps[u].levels = cases[i].levels;
		assert_int_equal(iommu_start(&io), cases[i].depth ? OK : ERR_UNSUPPORTED);
		if (cases[i].depth)
			assert_int_equal(io.levels, cases[i].depth);
		else
			assert_string_equal(told, "P0P1P2");
	}
}

static void all_are_told_to_be_quiet(void **state)
{
	build();
	assert_int_equal(iommu_start(&io), OK);
	memset(told, 0, sizeof(told));
	assert_int_equal(iommu_quiesce(&io), OK);
	assert_string_equal(told, "Q0Q1Q2");
	fail_step = 'Q';
	fail_unit = 0;
	memset(told, 0, sizeof(told));
	assert_int_equal(iommu_quiesce(&io), ERR_TIMEOUT);
	assert_string_equal(told, "Q0Q1Q2");
}

/* Devices in memory of just their size: a look past the last is seen. */
static struct iommu_device *make_devices(u32 n)
{
	static u16 rids[] = {0x100, 0x200, 0x300};
	static struct iommu_device *devices;

	free(devices);
	devices = calloc(n, sizeof(*devices));
	for (u32 i = 0; i < n; i++)
		devices[i] = (struct iommu_device){.unit = &units[i % UNITS],
						   .nrids = 1,
						   .rids = &rids[i],
						   .group = i,
						   .owner = IOMMU_NO_OWNER};
	io.devices = devices;
	io.ndevices = n;
	return devices;
}

static void what_is_attached_is_checked_before_a_driver_is_asked(void **state)
{
	static const u32 cpu = 3;
	struct iommu_irq irq = {.apic_id = 3, .vector = 16};
	struct iommu_device *dev;
	struct iommu_domain d;
	u16 first;

	build();
	assert_int_equal(iommu_start(&io), OK);
	dev = make_devices(2);
	assert_int_equal(iommu_domain_init(&d, &io, 0, &pool, &cpu, 1), OK);
	units[0].state = IOMMU_UNIT_FAILED;
	assert_int_equal(iommu_attach(&d, &dev[0]), ERR_IO);
	units[0].state = IOMMU_UNIT_ENABLED;
	assert_int_equal(iommu_irq_alloc(&dev[0], 1, &first), ERR_BUSY);
	assert_int_equal(iommu_irq_set(&dev[0], 0, &irq), ERR_BUSY);
	assert_int_equal(iommu_attach(&d, &dev[0]), OK);
	assert_int_equal(iommu_attach(&d, &dev[1]), OK);
	assert_int_equal(iommu_irq_alloc(&dev[0], 0, &first), ERR_INVAL);
	assert_int_equal(iommu_irq_alloc(&dev[0], 1, &first), OK);
	assert_int_equal(iommu_irq_set(&dev[0], 0, &irq), OK);
	irq.posted = PADDR(0x1000);
	assert_int_equal(iommu_irq_set(&dev[0], 0, &irq), ERR_UNSUPPORTED);
	irq.posted = PADDR(0);
	irq.vector = 15;
	assert_int_equal(iommu_irq_set(&dev[0], 0, &irq), ERR_PERM);
	irq.vector = 255;
	assert_int_equal(iommu_irq_set(&dev[0], 0, &irq), OK);
}

static void devices_are_found_by_id_and_kind(void **state)
{
	struct iommu_device *dev;

	build();
	dev = make_devices(3);
	dev[2].kind = IOMMU_DEV_IOAPIC;
	dev[2].hw_id = 9;
	assert_ptr_equal(iommu_find(&io, 0, 0x200), &dev[1]);
	assert_null(iommu_find(&io, 0, 0x201));
	assert_null(iommu_find(&io, 5, 0x200));
	assert_ptr_equal(iommu_find_special(&io, IOMMU_DEV_IOAPIC, 9), &dev[2]);
	assert_null(iommu_find_special(&io, IOMMU_DEV_HPET, 9));
	assert_null(iommu_find_special(&io, IOMMU_DEV_IOAPIC, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_are_probed_before_any_is_touched),
	    cmocka_unit_test(a_failure_ends_it_there),
	    cmocka_unit_test(the_weakest_unit_decides),
	    cmocka_unit_test(the_depth_is_one_that_all_have),
	    cmocka_unit_test(all_are_told_to_be_quiet),
	    cmocka_unit_test(what_is_attached_is_checked_before_a_driver_is_asked),
	    cmocka_unit_test(devices_are_found_by_id_and_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
