/* iommu/amdvi: the event log, its overflow, what records say, and the unit's own interrupt. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/amdvi_rig.h"

static struct rig rig;
static struct iommu_device *dev;
static struct iommu_domain *dom;

static void start(const struct amdvi_model_config *c)
{
	rig_start(&rig, c);
	dev = rig_device(&rig, 0, 0x0108, 8);
	dom = rig_domain(&rig, 0, 3);
	rig_map(&rig, dom, 0, RIG_GUEST(0), PAGE_SIZE, PT_R);
	rig_map(&rig, dom, PAGE_SIZE, RIG_GUEST(0), PAGE_SIZE, PT_W);
}

static struct iommu_fault take(void)
{
	struct iommu_fault f;

	memset(&f, 0xa5, sizeof(f));
	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 1);
	assert_non_null(f.reason);
	return f;
}

static void assert_none(void)
{
	struct iommu_fault f;

	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 0);
}

static void assert_dma_fault(enum iommu_fault_kind kind, u64 address, bool write)
{
	struct iommu_fault f = take();

	assert_int_equal(f.kind, kind);
	assert_int_equal(f.code, 2);
	assert_true(f.has_rid && f.has_address);
	assert_int_equal(f.rid, 0x0108);
	assert_int_equal(f.segment, 0);
	assert_int_equal(f.address, address);
	assert_int_equal(f.write, write);
	assert_false(f.lost);
	assert_none();
}

static void faults_say_who_where_and_why(void **state)
{
	start(NULL);
	assert_none();
	assert_true(rig_blocked(dev, 0x1234567000, true));
	assert_dma_fault(IOMMU_FAULT_BLOCKED, 0x1234567000, true);
	assert_true(rig_blocked(dev, 0, false));
	assert_dma_fault(IOMMU_FAULT_BLOCKED, 0, false);
	rig_attach(&rig, dev, dom);
	assert_true(rig_blocked(dev, 0x777000, false));
	assert_dma_fault(IOMMU_FAULT_NOT_PRESENT, 0x777000, false);
	assert_true(rig_blocked(dev, 1ull << 50, true));
	assert_dma_fault(IOMMU_FAULT_NOT_PRESENT, 1ull << 50, true);
	assert_true(rig_blocked(dev, 0x10, true));
	assert_dma_fault(IOMMU_FAULT_WRITE, 0x10, true);
	assert_true(rig_blocked(dev, PAGE_SIZE, false));
	assert_dma_fault(IOMMU_FAULT_READ, PAGE_SIZE, false);
	rig_end(&rig);
}

static void interrupt_faults_name_the_entry(void **state)
{
	struct amdvi_model_irq irq;
	struct iommu_fault f;

	start(NULL);
	assert_false(amdvi_model_msi(rig_bdf(dev), 0xfee00000, 0x33, &irq));
	f = take();
	assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
	assert_true(f.has_address && f.write);
	assert_int_equal(f.address, 0x33);
	rig_attach(&rig, dev, dom);
	assert_false(amdvi_model_msi(rig_bdf(dev), 0xfee00000, 0x107, &irq));
	f = take();
	assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
	assert_int_equal(f.address, 0x107);
	for (u32 delivery = 2; delivery < 8; delivery++) {
		assert_false(amdvi_model_msi(rig_bdf(dev), 0xfee00000, delivery << 8, &irq));
		f = take();
		assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT_COMPAT);
		assert_int_equal(f.rid, 0x0108);
	}
	assert_none();
	rig_end(&rig);
}

static void silence_leaves_no_record(void **state)
{
	struct amdvi_model_irq irq;

	start(NULL);
	rig_attach(&rig, dev, dom);
	dom->devices = NULL;
	assert_int_equal(amdvi_ops.block(dev, true), OK);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_true(rig_blocked(dev, 0, true));
	assert_false(amdvi_model_msi(rig_bdf(dev), 0xfee00000, 1, &irq));
	assert_none();
	/* And back to being heard. */
	assert_int_equal(amdvi_ops.block(dev, false), OK);
	assert_int_equal(dev->state, IOMMU_DEV_BLOCKED);
	assert_true(rig_blocked(dev, 0, true));
	(void)take();
	assert_none();
	rig_end(&rig);
}

/* Every code, with every flag: a kind, a name, and nothing claimed that the record does not hold. */
static void every_record_is_decoded(void **state)
{
	static const struct {
		u8 code;
		enum iommu_fault_kind kind;
		const char *reason;
		bool rid;
	} expected[] = {
	    {1, IOMMU_FAULT_STRUCTURE, "ILLEGAL_DEV_TABLE_ENTRY", true},
	    {3, IOMMU_FAULT_TABLE_ACCESS, "DEV_TAB_HARDWARE_ERROR", true},
	    {4, IOMMU_FAULT_TABLE_ACCESS, "PAGE_TAB_HARDWARE_ERROR", true},
	    {5, IOMMU_FAULT_COMMAND, "ILLEGAL_COMMAND_ERROR", false},
	    {6, IOMMU_FAULT_COMMAND, "COMMAND_HARDWARE_ERROR", false},
	    {7, IOMMU_FAULT_DEVICE_TLB, "IOTLB_INV_TIMEOUT", true},
	    {8, IOMMU_FAULT_TRANSLATION_REQUEST, "INVALID_DEVICE_REQUEST", true},
	    {9, IOMMU_FAULT_TRANSLATION_REQUEST, "INVALID_PPR_REQUEST", true},
	    {10, IOMMU_FAULT_OTHER, "EVENT_COUNTER_ZERO", false},
	    {13, IOMMU_FAULT_OTHER, "unknown event", false},
	};

	start(NULL);
	for (u32 i = 0; i < ARRAY_SIZE(expected); i++) {
		struct iommu_fault f;

		amdvi_model_inject(rig.model[0], (u64)expected[i].code << 60 | 0x0108, 0x1234000);
		f = take();
		assert_int_equal(f.kind, expected[i].kind);
		assert_string_equal(f.reason, expected[i].reason);
		assert_int_equal(f.has_rid, expected[i].rid);
		assert_int_equal(f.rid, expected[i].rid ? 0x0108 : 0);
		assert_int_equal(f.code, expected[i].code);
	}
	/* An interrupt request whose address is no HyperTransport message has no index to tell. */
	for (u64 low = 0; low < 32; low += 4) {
		struct iommu_fault f;

		amdvi_event_decode(0, 2ull << 60 | 1ull << 51 | 0x0108, 0xfee00000 | low, &f);
		assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
		assert_false(f.has_address);
		assert_true(f.write);
	}
	for (u32 flags = 0; flags < 0x1000; flags++) {
		struct iommu_fault f;

		amdvi_event_decode(7, 2ull << 60 | (u64)flags << 48 | 3ull << 32 | 0x0108, 0x5000,
				   &f);
		assert_int_equal(f.segment, 7);
		assert_true(f.kind < IOMMU_FAULT_KINDS);
		if (flags & (1u << 8))
			assert_int_equal(f.kind, IOMMU_FAULT_TRANSLATION_REQUEST);
		else if (flags & (1u << 7))
			assert_int_equal(f.kind, IOMMU_FAULT_STRUCTURE);
		else if (flags & (1u << 3))
			assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
	}
	rig_end(&rig);
}

/* ---- the ring -------------------------------------------------------------------------------- */

static void the_log_wraps_in_order(void **state)
{
	u64 n = 0;

	start(NULL);
	for (u32 round = 0; round < 20; round++) {
		for (u64 i = 0; i < 100; i++)
			assert_true(rig_blocked(dev, (n + i) * PAGE_SIZE, true));
		for (u64 i = 0; i < 100; i++) {
			struct iommu_fault f = take();

			assert_int_equal(f.address, (n + i) * PAGE_SIZE);
			assert_false(f.lost);
		}
		assert_none();
		n += 100;
	}
	rig_end(&rig);
}

static void an_overflow_is_told_and_the_log_goes_on(void **state)
{
	u32 kept = 0;

	start(NULL);
	for (u32 round = 0; round < 3; round++) {
		struct iommu_fault f;

		for (u64 i = 0; i < 1000; i++)
			assert_true(rig_blocked(dev, i * PAGE_SIZE, true));
		assert_true(amdvi_model_register(rig.model[0], 0x2020) & 1);
		for (kept = 0; amdvi_ops.poll(&rig.unit[0], &f) == 1; kept++)
			assert_int_equal(f.lost, round > 0 && !kept);
		assert_int_equal(kept, 511);
		assert_int_equal(amdvi_model_register(rig.model[0], 0x2020) & 9, 8);
	}
	assert_true(rig_blocked(dev, 0xabc000, true));
	assert_true(take().lost);
	assert_true(rig_blocked(dev, 0xabc000, true));
	assert_false(take().lost);
	rig_end(&rig);
}

static void a_record_that_arrives_after_the_tail_is_waited_for(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.late_events = true;
	start(&c);
	for (u64 i = 1; i < 1200; i++) {
		assert_true(rig_blocked(dev, i * PAGE_SIZE, true));
		assert_int_equal(take().address, i * PAGE_SIZE);
	}
	rig_end(&rig);
}

static void a_record_that_never_arrives_is_told(void **state)
{
	struct iommu_fault f;
	u64 begun;

	start(NULL);
	amdvi_model_inject(rig.model[0], 0, 0);
	assert_true(rig_blocked(dev, 0x1000, true));
	begun = port_time_ns();
	f = take();
	/* a million polling steps of a microsecond */
	assert_int_equal(port_time_ns() - begun, 1000000000);
	assert_int_equal(f.kind, IOMMU_FAULT_OTHER);
	assert_string_equal(f.reason, "record never written");
	assert_int_equal(take().address, 0x1000);
	assert_none();
	rig_end(&rig);
}

/* ---- the unit's own interrupt ---------------------------------------------------------------- */

static void records_interrupt_the_host_core(void **state)
{
	struct amdvi_model_irq irq;

	start(NULL);
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 0);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0x01020304, 0x55), OK);
	/* What came before is in the log; what comes now interrupts, whether that was read or not. */
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 1);
	irq = amdvi_model_last_interrupt(rig.model[0]);
	assert_int_equal(irq.apic_id, 0x01020304);
	assert_int_equal(irq.vector, 0x55);
	assert_false(irq.logical);
	/* One interrupt for many records, until they have been read. */
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 1);
	for (u32 i = 0; i < 3; i++)
		(void)take();
	assert_none();
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 2);
	rig_end(&rig);
}

static void an_overflow_interrupts_too_and_the_next_record_again(void **state)
{
	start(NULL);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0, 0x55), OK);
	for (u64 i = 0; i < 600; i++)
		assert_true(rig_blocked(dev, i * PAGE_SIZE, true));
	for (u32 i = 0; i < 511; i++)
		(void)take();
	assert_none();

	u32 before = amdvi_model_interrupts(rig.model[0]);

	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), before + 1);
	rig_end(&rig);
}

static void without_x2apic_the_capability_s_msi_serves(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct amdvi_model_irq irq;

	c.features = AMDVI_MODEL_IA | AMDVI_MODEL_GA;
	start(&c);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0x100, 0x55), ERR_RANGE);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0xff, 0x55), ERR_RANGE);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0xa5, 0x56), OK);
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_interrupts(rig.model[0]), 1);
	irq = amdvi_model_last_interrupt(rig.model[0]);
	assert_int_equal(irq.apic_id, 0xa5);
	assert_int_equal(irq.vector, 0x56);
	/* Moved while in use. */
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 1, 0x57), OK);
	assert_true(rig_blocked(dev, 0, true));
	assert_int_equal(amdvi_model_last_interrupt(rig.model[0]).vector, 0x57);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 0xfe, 0x57), OK);
	rig_end(&rig);

	c.no_function = true;
	start(&c);
	assert_int_equal(amdvi_ops.arm_faults(&rig.unit[0], 1, 0x57), ERR_UNSUPPORTED);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_say_who_where_and_why),
	    cmocka_unit_test(interrupt_faults_name_the_entry),
	    cmocka_unit_test(silence_leaves_no_record),
	    cmocka_unit_test(every_record_is_decoded),
	    cmocka_unit_test(the_log_wraps_in_order),
	    cmocka_unit_test(an_overflow_is_told_and_the_log_goes_on),
	    cmocka_unit_test(a_record_that_arrives_after_the_tail_is_waited_for),
	    cmocka_unit_test(a_record_that_never_arrives_is_told),
	    cmocka_unit_test(records_interrupt_the_host_core),
	    cmocka_unit_test(an_overflow_interrupts_too_and_the_next_record_again),
	    cmocka_unit_test(without_x2apic_the_capability_s_msi_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
