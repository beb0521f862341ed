/* iommu/amdvi: a unit's life from firmware's hands to quiet, and its command buffer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/amdvi_rig.h"
#include "tests/fake/view.h"

static struct rig rig;

#define EXBASE	0x20
#define EXLIMIT 0x28

static void capabilities_are_those_of_register_and_ivrs(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct iommu_caps *caps = &rig.unit[0].caps;

	c.np_cache = true;
	c.misc = 48u << 8 | 64u << 15;
	c.features = RIG_FEATURES | AMDVI_MODEL_HATS(5);
	rig_init(&rig, &c, NULL);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(caps->input_bits, 57);
	assert_int_equal(caps->output_bits, 48);
	assert_int_equal(caps->levels, 0x3e);
	assert_int_equal(caps->leaf_max, PT_LEAF_1G);
	assert_true(caps->caches_absent && caps->irq_remapping && caps->x2apic && caps->ats);
	assert_int_equal(caps->max_irqs, 512);

	amdvi_model_config(rig.model[0])->misc = 52u << 8 | 50u << 15;
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(caps->input_bits, 50);
	assert_int_equal(caps->output_bits, 52);
	amdvi_model_config(rig.model[0])->misc = 0;

	/* The IVRS takes away what firmware knows to be broken; it adds nothing. */
	rig.unit[0].desc.features = AMDVI_MODEL_GA | AMDVI_MODEL_HATS(4);
	rig.unit[0].desc.flags = 0;
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(caps->input_bits, 48);
	assert_false(caps->x2apic || caps->ats);
	rig.unit[0].desc.features = ~0ull & ~(3ull << 10);
	amdvi_model_config(rig.model[0])->features = AMDVI_MODEL_HATS(6);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(caps->input_bits, 48);
	assert_false(caps->x2apic);
	rig.unit[0].desc.features = AMDVI_MODEL_HATS(6);
	amdvi_model_config(rig.model[0])->features = AMDVI_MODEL_HATS(5);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(caps->input_bits, 57);
	rig_end(&rig);
}

static void a_hidden_function_is_taken_to_cache_absence(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.no_function = true;
	rig_init(&rig, &c, NULL);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_true(rig.unit[0].caps.caches_absent);
	assert_true(rig.unit[0].caps.x2apic);
	rig_end(&rig);

	/* Nor is it read where the IVRS names another capability (MSI here), or none. */
	for (u16 at = 0; at <= 0x64; at += 0x64) {
		c.no_function = false;
		rig_init(&rig, &c, NULL);
		rig.unit[0].desc.pci_cap = at;
		assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
		assert_true(rig.unit[0].caps.caches_absent);
		rig_end(&rig);
	}
}

static void a_window_too_small_is_refused(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_init(&rig, &c, NULL);
	rig.unit[0].desc.register_size = 0x2000;
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), ERR_INVAL);
}

/* DMA and every kind of interrupt message of one requester. */
static void assert_all_blocked(struct bdf f)
{
	struct amdvi_model_irq irq;
	u64 reached;

	assert_false(amdvi_model_dma(f, 0x1000, false, &reached));
	assert_false(amdvi_model_dma(f, RIG_RAM.v, true, &reached));
	for (u32 delivery = 0; delivery < 8; delivery++)
		assert_false(amdvi_model_msi(f, 0xfee00000, delivery << 8 | 0x30, &irq));
}

static void after_enable_every_requester_is_blocked(void **state)
{
	rig_start(&rig, NULL);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_ENABLED);
	for (u32 rid = 0; rid < 0x4000; rid += 37)
		assert_all_blocked((struct bdf){.bus = (u8)(rid >> 8), .devfn = (u8)rid});
	assert_all_blocked((struct bdf){.bus = 0x3f, .devfn = 0xff});
	rig_end(&rig);
}

/* Firmware left the unit on: a table of its own that lets 00:01.0 through, in caches too. */
static void leave_enabled(u64 extra_control)
{
	static const u64 through[4] = {3 | 3ull << 61, 0, 0, 0};
	paddr_t table = PADDR(RIG_WS(1).v + KIB(64));
	struct bdf f = {.devfn = 8};
	u64 reached;

	for (u32 rid = 0; rid < 256; rid++)
		port_copy_to(PADDR(table.v + rid * 32), through, 32);
	port_wmb();
	amdvi_model_preset(rig.model[0], 0x00, table.v | 1);
	amdvi_model_preset(rig.model[0], 0x08, RIG_WS(1).v | 8ull << 56);
	amdvi_model_preset(rig.model[0], 0x10, (RIG_WS(1).v + KIB(32)) | 8ull << 56);
	amdvi_model_preset(rig.model[0], EXBASE, MIB(16) | 3);
	amdvi_model_preset(rig.model[0], EXLIMIT, MIB(17));
	amdvi_model_preset(rig.model[0], 0x18,
			   1 | 1ull << 2 | 1ull << 3 | 1ull << 10 | 1ull << 12 | 1ull << 13 |
			       extra_control);
	amdvi_model_preset(rig.model[0], 0x2018, 64);
	(void)amdvi_model_dma(f, 0x1000, true, &reached);
}

static void firmware_is_taken_over(u64 extra_control)
{
	struct amdvi_model_config c = rig_config(0);
	struct bdf f = {.devfn = 8};
	u64 reached;

	rig_init(&rig, &c, NULL);
	leave_enabled(extra_control);
	amdvi_model_reset_violations(); /* firmware may leave V = 0; we may not */
	assert_true(amdvi_model_dma(f, 0x1000, true, &reached));
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), OK);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_TAKEN);
	assert_true(amdvi_model_register(rig.model[0], 0x18) & 1); /* translation goes on */
	assert_int_equal(amdvi_model_register(rig.model[0], 0x2020) & 0x1f, 0);
	assert_int_equal(amdvi_ops.enable(&rig.unit[0]), OK);
	assert_all_blocked(f);
	/* Its exclusion range covered everybody. */
	assert_false(amdvi_model_dma(f, MIB(16), true, &reached));
	assert_false(amdvi_model_dma((struct bdf){.devfn = 16}, MIB(16), false, &reached));
	rig_end(&rig);
}

static void a_running_unit_is_taken_over_without_a_gap(void **state)
{
	firmware_is_taken_over(1ull << 17 | 1ull << 50);
}

static void a_running_unit_with_small_entries_is_taken_over(void **state)
{
	firmware_is_taken_over(0);
}

static void a_locked_exclusion_range_is_refused(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.exclusion_locked = true;
	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], EXBASE, MIB(16) | 3);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), OK);
	assert_int_equal(amdvi_ops.enable(&rig.unit[0]), ERR_PERM);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FAILED);
}

static void rings_that_do_not_stop_are_refused(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_init(&rig, &c, NULL);
	leave_enabled(1ull << 17 | 1ull << 50);
	amdvi_model_reset_violations();
	amdvi_model_config(rig.model[0])->rings_stick = true;
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), ERR_TIMEOUT);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FAILED);
}

/* What the first enable must drop although no INVALIDATE_IOMMU_ALL exists. */
static void without_invalidate_all_everything_is_named(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.features = AMDVI_MODEL_GA | AMDVI_MODEL_SMIF;
	rig_init(&rig, &c, NULL);
	leave_enabled(0);
	amdvi_model_reset_violations();
	rig_enable(&rig);
	assert_all_blocked((struct bdf){.devfn = 8});
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB), 65536);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_PAGES), 65536);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_INTERRUPTS), 65536);
	rig_end(&rig);
}

static void control_follows_ivhd_and_features(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	static const u64 attributes = 1ull << 1 | 1ull << 8 | 1ull << 9 | 1ull << 11;

	rig_init(&rig, &c, NULL);
	rig.unit[0].desc.flags = 0x1f;
	rig_enable(&rig);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x18) & attributes, attributes);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x18) >> 5 & 7, 4);
	rig_start(&rig, NULL);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x18) & attributes, 0);
	c.features = AMDVI_MODEL_IA | AMDVI_MODEL_GA;
	rig_start(&rig, &c);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x18) & (1ull << 17 | 1ull << 50),
			 1ull << 17);
	c.features = AMDVI_MODEL_IA | AMDVI_MODEL_XT;
	rig_start(&rig, &c);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x18) & (1ull << 17 | 1ull << 50), 0);
	rig_end(&rig);
}

static void smis_pass_only_where_firmware_locked_it(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct bdf f = {.devfn = 0xa3}, other = {.devfn = 0xa4};
	struct amdvi_model_irq irq;

	/* Named by firmware, not locked: no longer named. */
	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], 0x60, 0xa3 | 1u << 16);
	amdvi_model_preset(rig.model[0], 0x68, 0xa4 | 1u << 16);
	rig_enable(&rig);
	assert_false(amdvi_model_msi(f, 0xfee00000, 2u << 8, &irq));
	assert_false(amdvi_model_msi(other, 0xfee00000, 2u << 8, &irq));
	rig_end(&rig);

	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], 0x60, 0xa3 | 3u << 16);
	rig_enable(&rig);
	assert_true(amdvi_model_msi(f, 0xfee00000, 2u << 8, &irq));
	assert_false(amdvi_model_msi(other, 0xfee00000, 2u << 8, &irq));
	rig_end(&rig);

	/* No filter: the unit is used all the same, nothing reserved is touched. */
	c.features &= ~AMDVI_MODEL_SMIF;
	rig_start(&rig, &c);
	assert_true(amdvi_model_msi(f, 0xfee00000, 2u << 8, &irq));
	rig_end(&rig);
}

static void units_of_a_segment_share_the_table(void **state)
{
	struct amdvi_model_config a = rig_config(0), b = rig_config(1);
	struct iommu_device *x, *y;
	struct iommu_domain *dom;
	u64 used;

	rig_init(&rig, &a, &b);
	rig_enable(&rig);
	used = rig.hv.in_use;
	assert_in_range(used, MIB(2), MIB(2) + KIB(64));
	x = rig_device(&rig, 0, 0x0100, 1);
	y = rig_device(&rig, 1, 0x4100, 1);
	dom = rig_domain(&rig, 0, 7);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, x, dom);
	rig_attach(&rig, y, dom);
	assert_true(rig_reaches(x, 0x5000, true, RIG_GUEST(0) + 0x5000));
	assert_true(rig_reaches(y, 0x5000, true, RIG_GUEST(0) + 0x5000));
	rig_unmap(&rig, dom, 0, MIB(2));
	assert_true(rig_blocked(x, 0x5000, true));
	assert_true(rig_blocked(y, 0x5000, true));
	rig_end(&rig);

	/* Another segment, the same ids: a table of its own. */
	b.function.segment = 1;
	b.first_bus = 0;
	rig_init(&rig, &a, &b);
	rig_enable(&rig);
	x = rig_device(&rig, 0, 0x0100, 1);
	y = rig_device(&rig, 1, 0x0100, 1);
	dom = rig_domain(&rig, 0, 7);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, x, dom);
	assert_true(rig_reaches(x, 0x5000, true, RIG_GUEST(0) + 0x5000));
	assert_true(rig_blocked(y, 0x5000, true));
	rig_end(&rig);
}

static void quiet_means_blocked_and_still_translating(void **state)
{
	struct amdvi_model_irq irq;
	struct iommu_device *dev;
	struct iommu_domain *dom;
	u64 control, exchanges;
	u16 first;

	rig_start(&rig, NULL);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0, 0x40), OK);
	dev = rig_device(&rig, 0, 0x0100, 1);
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, dev, dom);
	assert_true(rig_reaches(dev, 0, false, RIG_GUEST(0)));
	assert_int_equal(amdvi_ops.irq_alloc(dev, 1, &first), OK);
	assert_int_equal(amdvi_ops.irq_set(dev, first, &(struct iommu_irq){.vector = 0x40}), OK);
	assert_true(amdvi_model_msi(rig_bdf(dev), 0xfee00000, first, &irq));
	exchanges = fake_view_counts.exchanges;
	assert_int_equal(amdvi_ops.quiesce(&rig.unit[0]), OK);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_QUIET);
	assert_all_blocked(rig_bdf(dev));
	assert_false(amdvi_model_msi(rig_bdf(dev), 0xfee00000, first, &irq));
	assert_int_equal(fake_view_counts.exchanges, exchanges + 2); /* it is quick in a crash */
	control = amdvi_model_register(rig.model[0], 0x18);
	assert_int_equal(control & (1 | 1u << 2 | 1u << 3 | 1u << 12), 1);
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 0);
	rig_end(&rig);
}

/* ---- the command buffer ---------------------------------------------------------------------- */

static void a_slow_unit_is_waited_for(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct iommu_device *dev;
	struct iommu_domain *dom;

	c.late = true;
	c.delay = 100000; /* 0.1 s of the machine's time a command */
	c.head_misreads = true;
	rig_start(&rig, &c);
	dev = rig_device(&rig, 0, 0x0100, 1);
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, dev, dom);
	assert_true(rig_reaches(dev, 0, false, RIG_GUEST(0)));
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_true(rig_blocked(dev, 0, false));
	rig_block(&rig, dev);
	assert_true(rig_blocked(dev, 0x1000, false));
	assert_true(port_time_ns() > 100000ull * 1000 * 4);
	rig_end(&rig);
}

static void the_ring_wraps(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct iommu_device *dev;
	struct iommu_domain *dom;

	c.head_misreads = true;
	rig_start(&rig, &c);
	dev = rig_device(&rig, 0, 0x0100, 1);
	dom = rig_domain(&rig, 0, 1);
	rig_attach(&rig, dev, dom);
	for (u32 i = 0; i < 700; i++) {
		rig_map(&rig, dom, i * MIB(2), RIG_GUEST(0), PAGE_SIZE, PT_RW);
		assert_true(rig_reaches(dev, i * MIB(2), true, RIG_GUEST(0)));
		rig_unmap(&rig, dom, i * MIB(2), PAGE_SIZE);
		assert_true(rig_blocked(dev, i * MIB(2), true));
	}
	assert_true(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_PAGES) >= 700);
	rig_end(&rig);
}

/* One batch longer than the ring, at every place the ring may stand. */
static void a_batch_longer_than_the_ring(void **state)
{
	struct amdvi *a;

	rig_start(&rig, NULL);
	a = rig.unit[0].priv;
	for (u32 shift = 0; shift < 300; shift++) {
		u64 before = amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB);

		for (u32 n = 0; n < 520; n++)
			amdvi_invalidate_entry(a, (u16)n);
		assert_int_equal(amdvi_wait(a), OK);
		assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB),
				 before + 520);
	}
	rig_end(&rig);
}

static void a_refused_command_is_repeated_once(void **state)
{
	for (u8 event = 5; event <= 6; event++) {
		struct iommu_fault fault;
		struct iommu_device *dev;
		struct iommu_domain *dom;

		rig_start(&rig, NULL);
		dev = rig_device(&rig, 0, 0x0100, 1);
		dom = rig_domain(&rig, 0, 1);
		rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
		rig_attach(&rig, dev, dom);
		assert_true(rig_reaches(dev, 0, false, RIG_GUEST(0)));
		amdvi_model_break_command(rig.model[0], event, 1);
		rig_unmap(&rig, dom, 0, MIB(2));
		assert_true(rig_blocked(dev, 0, false));
		assert_int_equal(rig.unit[0].state, IOMMU_UNIT_ENABLED);
		assert_int_equal(amdvi_ops.poll(&rig.unit[0], &fault), 1);
		assert_int_equal(fault.kind, IOMMU_FAULT_COMMAND);
		assert_int_equal(fault.code, event);
		rig_end(&rig);
	}
}

static void a_command_refused_twice_fails_the_unit(void **state)
{
	struct iommu_device *dev, *other;
	struct iommu_domain *dom;
	u64 entry[4];
	u16 first;

	rig_start(&rig, NULL);
	dev = rig_device(&rig, 0, 0x0100, 1);
	other = rig_device(&rig, 0, 0x0200, 1);
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, dev, dom);
	amdvi_model_break_command(rig.model[0], 5, 2);
	assert_int_equal(amdvi_ops.irq_alloc(dev, 1, &first), OK);
	assert_int_equal(amdvi_ops.irq_set(dev, first, &(struct iommu_irq){.vector = 0x40}),
			 ERR_IO);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FAILED);
	/* Nothing succeeds any more, and what failed to attach is blocked. */
	assert_int_equal(amdvi_ops.attach(other, dom), ERR_IO);
	assert_int_equal(other->state, IOMMU_DEV_BLOCKED);
	assert_null(other->priv);
	assert_true(rig_blocked(other, 0, true));
	port_copy_from(entry,
		       PADDR((amdvi_model_register(rig.model[0], 0) & ~0xfffull) + 0x200 * 32),
		       sizeof(entry));
	assert_int_equal(entry[0], 3);
	assert_int_equal(entry[2], 1); /* no interrupt table that is the workstation's */
	assert_int_equal(amdvi_ops.block(dev, false), ERR_IO);
	assert_true(rig_blocked(dev, 0x1000, true));
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(capabilities_are_those_of_register_and_ivrs),
	    cmocka_unit_test(a_hidden_function_is_taken_to_cache_absence),
	    cmocka_unit_test(a_window_too_small_is_refused),
	    cmocka_unit_test(after_enable_every_requester_is_blocked),
	    cmocka_unit_test(a_running_unit_is_taken_over_without_a_gap),
	    cmocka_unit_test(a_running_unit_with_small_entries_is_taken_over),
	    cmocka_unit_test(a_locked_exclusion_range_is_refused),
	    cmocka_unit_test(rings_that_do_not_stop_are_refused),
	    cmocka_unit_test(without_invalidate_all_everything_is_named),
	    cmocka_unit_test(control_follows_ivhd_and_features),
	    cmocka_unit_test(smis_pass_only_where_firmware_locked_it),
	    cmocka_unit_test(units_of_a_segment_share_the_table),
	    cmocka_unit_test(quiet_means_blocked_and_still_translating),
	    cmocka_unit_test(a_slow_unit_is_waited_for),
	    cmocka_unit_test(the_ring_wraps),
	    cmocka_unit_test(a_batch_longer_than_the_ring),
	    cmocka_unit_test(a_refused_command_is_repeated_once),
	    cmocka_unit_test(a_command_refused_twice_fails_the_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
