/* VT-d driver: interrupt remapping. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/vtd_lab.h"

static struct vtd_lab lab;

static void everywhere(void (*scenario)(void))
{
	for (const struct vtd_lab_config *u = lab_units; u->name; u++) {
		lab_start(&lab, u);
		scenario();
		lab_end(&lab);
	}
}

#define SCENARIO(name)                        \
	static void name##_on_a_unit(void);   \
	static void name(void **state)        \
	{                                     \
		everywhere(name##_on_a_unit); \
	}                                     \
	static void name##_on_a_unit(void)

static u16 alloc(u32 dev, u16 count)
{
	u16 first;

	assert_int_equal(vtd_ops.irq_alloc(&lab.devices[dev], count, &first), OK);
	return first;
}

static int set(u32 dev, u16 index, u32 apic_id, u8 vector)
{
	struct iommu_irq irq = {.apic_id = apic_id, .vector = vector};

	return vtd_ops.irq_set(&lab.devices[dev], index, &irq);
}

static struct iommu_message message(u32 dev, u16 index)
{
	struct iommu_message m;

	assert_int_equal(vtd_ops.irq_message(&lab.devices[dev], index, &m), OK);
	return m;
}

/* The interrupt a request of `rid` with this entry's message makes; vector 0: blocked. */
static struct vtd_model_irq send(u16 rid, const struct iommu_message *m, u32 number)
{
	struct vtd_model_irq got = {0};

	if (!vtd_model_msi(lab.model, rid, m->msi_address, m->msi_data + number, &got, NULL))
		got.vector = 0;
	return got;
}

static u32 an_apic_id(void)
{
	return lab.config.xapic ? 0xf3 : 0x12345;
}

SCENARIO(an_interrupt_goes_where_it_was_set)
{
	struct iommu_fault f;
	struct vtd_model_irq got;
	struct iommu_message m;
	u16 i;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	i = alloc(0, 1);
	m = message(0, i);
	assert_int_equal(send(0x10, &m, 0).vector, 0);
	assert_int_equal(lab_faults(&lab, &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
	assert_int_equal(f.address, i);
	assert_int_equal(f.rid, 0x10);
	assert_true(f.write);
	assert_int_equal(set(0, i, an_apic_id(), 0x41), OK);
	got = send(0x10, &m, 0);
	assert_int_equal(got.vector, 0x41);
	assert_int_equal(got.apic_id, an_apic_id());
	assert_int_equal(got.delivery, 0);
	assert_false(got.logical || got.level);
	assert_true(got.remapped);
	/* Nobody else may use the entry. */
	assert_int_equal(send(0x18, &m, 0).vector, 0);
	assert_int_equal(lab_faults(&lab, &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT);
	assert_int_equal(f.rid, 0x18);
}

SCENARIO(a_new_route_replaces_the_old)
{
	struct iommu_message m;
	u16 i;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	i = alloc(0, 1);
	m = message(0, i);
	for (u32 n = 0; n < 20; n++) {
		assert_int_equal(set(0, i, n, (u8)(0x40 + n)), OK);
		assert_int_equal(send(0x10, &m, 0).vector, 0x40 + n);
		assert_int_equal(send(0x10, &m, 0).apic_id, n);
	}
	assert_int_equal(vtd_ops.irq_clear(&lab.devices[0], i), OK);
	assert_int_equal(send(0x10, &m, 0).vector, 0);
	assert_int_equal(vtd_ops.irq_clear(&lab.devices[0], i), OK);
	assert_int_equal(set(0, i, 1, 0x50), OK);
	assert_int_equal(send(0x10, &m, 0).vector, 0x50);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], i, 1), OK);
	assert_int_equal(send(0x10, &m, 0).vector, 0);
}

SCENARIO(blocking_a_device_takes_its_interrupts)
{
	struct iommu_message m[4];
	u16 first, other;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	first = alloc(0, 4);
	other = alloc(1, 1);
	for (u16 i = 0; i < 4; i++) {
		assert_int_equal(set(0, first + i, 1, (u8)(0x60 + i)), OK);
		m[i] = message(0, first + i);
		assert_int_equal(send(0x10, &m[i], 0).vector, 0x60 + i);
	}
	assert_int_equal(set(1, other, 2, 0x70), OK);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	for (u16 i = 0; i < 4; i++)
		assert_int_equal(send(0x10, &m[i], 0).vector, 0);
	m[0] = message(1, other);
	assert_int_equal(send(0x18, &m[0], 0).vector, 0x70);
	/* The entries are free: the next device gets them, blocked. */
	assert_int_equal(alloc(1, 4), first);
	m[0] = message(1, first);
	assert_int_equal(send(0x18, &m[0], 0).vector, 0);
	assert_int_equal(vtd_ops.irq_clear(&lab.devices[0], first), ERR_PERM);
}

SCENARIO(compatibility_format_is_blocked)
{
	static const u64 address[] = {0xfee00000, 0xfee01000, 0xfeeff00c, 0xfee00004};
	struct iommu_fault f;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(set(0, alloc(0, 1), 0, 0x41), OK);
	for (u32 i = 0; i < ARRAY_SIZE(address); i++)
		for (u32 data = 0x20; data < 0x800; data += 0x110) {
			struct vtd_model_irq got;

			assert_false(vtd_model_msi(lab.model, 0x10, address[i], data, &got, NULL));
			assert_int_equal(lab_faults(&lab, &f), 1);
			assert_int_equal(f.kind, IOMMU_FAULT_INTERRUPT_COMPAT);
		}
}

/* Every handle, with and without subhandle, from a device that owns one entry. */
SCENARIO(a_forged_message_reaches_nothing)
{
	struct vtd_model_irq got;
	u16 mine, theirs;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	mine = alloc(0, 1);
	theirs = alloc(1, 1);
	assert_int_equal(set(0, mine, 0, 0x41), OK);
	assert_int_equal(set(1, theirs, 0, 0x42), OK);
	for (u32 handle = 0; handle < 0x10000; handle += handle < 600 ? 1 : 97) {
		u64 address = 0xfee00010 | (u64)(handle & 0x7fff) << 5 | (handle >> 15) << 2;

		for (u32 sub = 0; sub < 3; sub++) {
			bool hit = handle + (sub ? sub - 1 : 0) == mine;

			assert_int_equal(vtd_model_msi(lab.model, 0x10, address | (sub ? 8 : 0),
						       sub ? sub - 1 : 0, &got, NULL),
					 hit);
			if (hit)
				assert_int_equal(got.vector, 0x41);
		}
	}
}

static void the_source_is_checked_as_the_topology_asks(void **state)
{
	struct iommu_message m;
	u16 i;

	lab_start(&lab, LAB_DESKTOP);
	/* Phantom functions: the top bits of the function number vary. */
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	for (u8 phantom = 0; phantom <= 3; phantom++) {
		lab.devices[0].phantom_bits = phantom;
		i = alloc(0, 1);
		assert_int_equal(set(0, i, 0, 0x41), OK);
		m = message(0, i);
		for (u16 fn = 0; fn < 8; fn++)
			assert_int_equal(send(0x10 + fn, &m, 0).vector,
					 fn & (7 >> phantom) ? 0 : 0x41);
		assert_int_equal(send(0x08, &m, 0).vector, 0);
		assert_int_equal(send(0x110, &m, 0).vector, 0);
	}
	/* Behind a conventional bridge: any requester of its buses. */
	lab.devices[2].irq_first_bus = 3;
	lab.devices[2].irq_last_bus = 5;
	assert_int_equal(lab_attach(&lab, 2, 0), OK);
	i = alloc(2, 1);
	assert_int_equal(set(2, i, 0, 0x42), OK);
	m = message(2, i);
	assert_int_equal(send(0x0300, &m, 0).vector, 0x42);
	assert_int_equal(send(0x05ff, &m, 0).vector, 0x42);
	assert_int_equal(send(0x02ff, &m, 0).vector, 0);
	assert_int_equal(send(0x0600, &m, 0).vector, 0);
	lab_end(&lab);
}

static void several_messages_use_consecutive_entries(void **state)
{
	struct iommu_message m;
	u16 first;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	(void)alloc(0, 1);
	first = alloc(0, 5);
	assert_int_equal(first % 8, 0);
	for (u16 i = 0; i < 5; i++)
		assert_int_equal(set(0, first + i, i, (u8)(0x80 + i)), OK);
	m = message(0, first);
	for (u32 i = 0; i < 5; i++) {
		assert_int_equal(send(0x10, &m, i).vector, 0x80 + i);
		assert_int_equal(send(0x10, &m, i).apic_id, i);
	}
	assert_int_equal(send(0x10, &m, 5).vector, 0);
	lab_end(&lab);
}

static void entries_above_32767_have_their_bit(void **state)
{
	struct iommu_message m;
	u16 first;

	struct vtd_lab_config big = *LAB_DESKTOP;

	big.irqs = 40000;
	lab_build(&lab, &big);
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(vtd_ops.take_over(&lab.unit), ERR_NOMEM);
	lab_end(&lab);

	big.irqs = 32769;
	big.hv = MIB(3);
	lab_start(&lab, &big);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	first = alloc(0, 32768);
	assert_int_equal(first, 0);
	first = alloc(0, 2);
	assert_int_equal(first, 32768);
	assert_int_equal(set(0, first + 1, 7, 0x90), OK);
	m = message(0, first + 1);
	assert_int_equal(send(0x10, &m, 0).vector, 0x90);
	lab_end(&lab);
}

static void the_table_is_as_large_as_asked(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;
	u16 first;

	u.irqs = 256;
	lab_start(&lab, &u);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(alloc(0, 256), 0);
	assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &first), ERR_NOMEM);
	lab_end(&lab);

	/* More than an index can name: the largest there is. */
	u.irqs = 70000;
	u.hv = MIB(7);
	lab_start(&lab, &u);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(alloc(0, 65535), 0);
	assert_int_equal(alloc(0, 1), 65535);
	assert_int_equal(set(0, 65535, 1, 0x41), OK);
	assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &first), ERR_NOMEM);
	lab_end(&lab);
}

static void what_cannot_be_is_refused(void **state)
{
	struct iommu_irq irq = {.apic_id = 1, .vector = 0x30};
	struct iommu_message m;
	struct iommu_device *d = &lab.devices[0];
	u16 first, i;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(vtd_ops.irq_alloc(d, 1, &first), ERR_BUSY);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 1, 0), OK);
	assert_int_equal(vtd_ops.irq_alloc(d, 0, &first), ERR_INVAL);
	first = alloc(0, 2);
	assert_int_equal(vtd_ops.irq_set(&lab.devices[1], first, &irq), ERR_PERM);
	assert_int_equal(vtd_ops.irq_clear(&lab.devices[1], first), ERR_PERM);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[1], first, 1), ERR_PERM);
	assert_int_equal(vtd_ops.irq_message(&lab.devices[1], first, &m), ERR_PERM);
	assert_int_equal(vtd_ops.irq_set(d, first + 2, &irq), ERR_PERM);
	assert_int_equal(vtd_ops.irq_set(d, 256, &irq), ERR_RANGE);
	assert_int_equal(vtd_ops.irq_free(d, first, 0), ERR_RANGE);
	assert_int_equal(vtd_ops.irq_free(d, first, 3), ERR_PERM);
	assert_int_equal(vtd_ops.irq_free(d, 255, 2), ERR_RANGE);
	irq.vector = 15;
	assert_int_equal(vtd_ops.irq_set(d, first, &irq), ERR_INVAL);
	irq.vector = 16;
	irq.level = true;
	assert_int_equal(vtd_ops.irq_set(d, first, &irq), ERR_INVAL);
	irq.level = false;
	irq.posted = PADDR(0x1000);
	assert_int_equal(vtd_ops.irq_set(d, first, &irq), ERR_UNSUPPORTED);
	irq.posted = PADDR(0);
	assert_int_equal(vtd_ops.irq_set(d, first, &irq), OK);
	/* All entries taken: the next one is told so, and gets one when one is free. */
	for (i = 0; vtd_ops.irq_alloc(d, 2, &first) == OK; i++)
		;
	assert_int_equal(i, 127);
	assert_int_equal(vtd_ops.irq_alloc(d, 1, &first), ERR_NOMEM);
	assert_int_equal(vtd_ops.irq_free(d, 255, 1), OK);
	assert_int_equal(alloc(1, 1), 255);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[1], 255, 1), OK);
	assert_int_equal(vtd_ops.irq_free(d, 77, 1), OK);
	assert_int_equal(alloc(1, 1), 77);
	assert_int_equal(vtd_ops.irq_alloc(d, 1, &first), OK);
	assert_int_equal(first, 255);
	assert_int_equal(vtd_ops.irq_alloc(d, 1, &first), ERR_NOMEM);
	lab_end(&lab);

	lab_start(&lab, &(struct vtd_lab_config){.name = "xAPIC",
						 .cap = VTDM_CAP_DESKTOP,
						 .ecap = VTDM_ECAP_DESKTOP,
						 .xapic = true});
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	first = alloc(0, 1);
	assert_int_equal(set(0, first, 256, 0x41), ERR_RANGE);
	assert_int_equal(set(0, first, 255, 0x41), ERR_RANGE); /* everybody */
	assert_int_equal(set(0, first, 254, 0x41), OK);
	lab_end(&lab);
}

static void an_ioapic_pin_is_an_entry_too(void **state)
{
	struct iommu_irq irq = {.apic_id = 3, .vector = 0x34, .level = true};
	struct iommu_message m;
	struct vtd_model_irq got;
	u16 i;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 3, 0), OK);
	i = alloc(3, 1);
	assert_int_equal(vtd_ops.irq_set(&lab.devices[3], i, &irq), OK);
	m = message(3, i);
	assert_int_equal(m.ioapic_entry & 0xff, 0x34);
	assert_true(m.ioapic_entry >> 48 & 1);
	assert_int_equal(m.ioapic_entry >> 49, i);
	assert_true(m.ioapic_entry >> 15 & 1);
	assert_true(m.ioapic_entry >> 16 & 1);
	got = send(0xf8, &m, 0);
	assert_int_equal(got.vector, 0x34);
	assert_true(got.level);
	irq.level = false;
	assert_int_equal(vtd_ops.irq_set(&lab.devices[3], i, &irq), OK);
	m = message(3, i);
	assert_false(m.ioapic_entry >> 15 & 1);
	assert_false(send(0xf8, &m, 0).level);
	lab_end(&lab);
}

/* Commands are given where something cached may be untrue, and name no more than that. */
static void invalidation_has_the_right_scope(void **state)
{
	const struct vtd_model_counts *n;
	u16 first;

	lab_start(&lab, LAB_DESKTOP);
	n = vtd_model_counts(lab.model);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	first = alloc(0, 8);
	assert_int_equal(set(0, first, 1, 0x41), OK);
	assert_int_equal(vtd_ops.irq_clear(&lab.devices[0], first + 1), OK);
	assert_int_equal(n->iec_index, 0);
	assert_int_equal(set(0, first, 2, 0x41), OK);
	assert_int_equal(n->iec_index, 1);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], first, 8), OK);
	assert_int_equal(n->iec_index, 2);
	first = alloc(0, 8);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], first, 8), OK);
	assert_int_equal(n->iec_index, 2);
	assert_int_equal(n->iec_global, 1); /* of enabling */
	lab_end(&lab);

	/* More descriptors than a batch holds: all entries at once. */
	lab_start(&lab, &(struct vtd_lab_config){.name = "one index at a time",
						 .cap = VTDM_CAP_DESKTOP,
						 .ecap = VTDM_ECAP_DESKTOP & ~VTDM_MHMV(15)});
	n = vtd_model_counts(lab.model);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	first = alloc(0, 100);
	for (u16 i = 0; i < 100; i++)
		assert_int_equal(set(0, first + i, 1, 0x41), OK);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], first, 32), OK);
	assert_int_equal(n->iec_index, 32);
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], first + 32, 68), OK);
	assert_int_equal(n->iec_index, 32);
	assert_int_equal(n->iec_global, 2);
	lab_end(&lab);
}

/* Freeing a run invalidates exactly it, however it lies. */
SCENARIO(freeing_runs_of_any_shape)
{
	struct iommu_message m[21];
	u16 first;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	first = alloc(0, 21);
	for (u16 i = 0; i < 21; i++) {
		assert_int_equal(set(0, first + i, 1, (u8)(0x40 + i)), OK);
		m[i] = message(0, first + i);
		assert_int_equal(send(0x10, &m[i], 0).vector, 0x40 + i);
	}
	assert_int_equal(vtd_ops.irq_free(&lab.devices[0], first + 3, 11), OK);
	for (u16 i = 0; i < 21; i++)
		assert_int_equal(send(0x10, &m[i], 0).vector, i >= 3 && i < 14 ? 0 : 0x40 + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_interrupt_goes_where_it_was_set),
	    cmocka_unit_test(a_new_route_replaces_the_old),
	    cmocka_unit_test(blocking_a_device_takes_its_interrupts),
	    cmocka_unit_test(compatibility_format_is_blocked),
	    cmocka_unit_test(a_forged_message_reaches_nothing),
	    cmocka_unit_test(the_source_is_checked_as_the_topology_asks),
	    cmocka_unit_test(several_messages_use_consecutive_entries),
	    cmocka_unit_test(entries_above_32767_have_their_bit),
	    cmocka_unit_test(the_table_is_as_large_as_asked),
	    cmocka_unit_test(what_cannot_be_is_refused),
	    cmocka_unit_test(an_ioapic_pin_is_an_entry_too),
	    cmocka_unit_test(invalidation_has_the_right_scope),
	    cmocka_unit_test(freeing_runs_of_any_shape),
	};

	return cmocka_run_group_tests_name("vtd irq", tests, NULL, NULL);
}
