/* iommu/amdvi: interrupt tables of every format, seen from devices that follow and break the rules. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/fake/amdvi_rig.h"

static struct rig rig;
static struct iommu_device *dev, *other;
static struct iommu_domain *dom;

enum format { SMALL, LARGE, X2APIC };

static struct amdvi_model_config config_of(enum format f)
{
	struct amdvi_model_config c = rig_config(0);

	c.features = AMDVI_MODEL_IA | AMDVI_MODEL_SMIF | (f >= LARGE ? AMDVI_MODEL_GA : 0) |
		     (f == X2APIC ? AMDVI_MODEL_XT : 0);
	return c;
}

static void start(enum format f, u16 interrupts)
{
	struct amdvi_model_config c = config_of(f);

	rig_start(&rig, &c);
	dev = rig_device(&rig, 0, 0x0100, interrupts);
	other = rig_device(&rig, 0, 0x0200, interrupts);
	dom = rig_domain(&rig, 0, 1);
	rig_attach(&rig, dev, dom);
	rig_attach(&rig, other, dom);
}

static void set(struct iommu_device *d, u16 index, u32 apic_id, u8 vector)
{
	struct iommu_irq irq = {.apic_id = apic_id, .vector = vector};

	assert_int_equal(amdvi_ops.irq_set(d, index, &irq), OK);
}

static u16 alloc(struct iommu_device *d, u16 count)
{
	u16 first;

	assert_int_equal(amdvi_ops.irq_alloc(d, count, &first), OK);
	return first;
}

/* The device sends what it was programmed with; true when exactly this interrupt arrives. */
static bool arrives(struct iommu_device *d, u16 index, u32 apic_id, u8 vector)
{
	struct amdvi_model_irq irq;
	struct iommu_message msg;

	assert_int_equal(amdvi_ops.irq_message(d, index, &msg), OK);
	if (!amdvi_model_msi(rig_bdf(d), msg.msi_address, msg.msi_data, &irq))
		return false;
	assert_true(irq.remapped);
	assert_int_equal(irq.apic_id, apic_id);
	assert_int_equal(irq.vector, vector);
	assert_int_equal(irq.delivery, 0);
	assert_false(irq.logical);
	return true;
}

static bool refused(struct iommu_device *d, u64 address, u32 data)
{
	struct amdvi_model_irq irq;

	return !amdvi_model_msi(rig_bdf(d), address, data, &irq);
}

static void every_format_delivers(void **state)
{
	for (enum format f = SMALL; f <= X2APIC; f++) {
		u16 i;

		start(f, 8);
		i = alloc(dev, 1);
		assert_false(arrives(dev, i, 0, 0)); /* allotted is not set */
		set(dev, i, 3, 0x41);
		assert_true(arrives(dev, i, 3, 0x41));
		set(dev, i, 0xfe, 0xff);
		assert_true(arrives(dev, i, 0xfe, 0xff));
		set(dev, i, 0, 0x10);
		assert_true(arrives(dev, i, 0, 0x10));
		assert_int_equal(amdvi_ops.irq_clear(dev, i), OK);
		assert_false(arrives(dev, i, 0, 0));
		set(dev, i, 5, 0x55);
		assert_true(arrives(dev, i, 5, 0x55));
		rig_end(&rig);
	}
}

static void wide_destinations_need_x2apic_entries(void **state)
{
	struct iommu_irq irq = {.apic_id = 0x100, .vector = 0x40};
	struct iommu_irq everybody = {.apic_id = 0xff, .vector = 0x40};
	u16 i;

	for (enum format f = SMALL; f < X2APIC; f++) {
		start(f, 8);
		i = alloc(dev, 1);
		assert_int_equal(amdvi_ops.irq_set(dev, i, &irq), ERR_RANGE);
		/* FFh is every core's, whoever owns it. */
		assert_int_equal(amdvi_ops.irq_set(dev, i, &everybody), ERR_RANGE);
		assert_false(arrives(dev, i, 0, 0));
		rig_end(&rig);
	}
	start(X2APIC, 8);
	i = alloc(dev, 1);
	set(dev, i, 0x100, 0x40);
	assert_true(arrives(dev, i, 0x100, 0x40));
	set(dev, i, 0x12345678, 0x40);
	assert_true(arrives(dev, i, 0x12345678, 0x40));
	set(dev, i, 0xfffffffe, 0x40);
	assert_true(arrives(dev, i, 0xfffffffe, 0x40));
	rig_end(&rig);
}

static void posted_interrupts_are_not_there_yet(void **state)
{
	struct iommu_irq irq = {.vector = 0x40, .posted = PADDR(0x1000)};
	u16 i;

	start(X2APIC, 1);
	i = alloc(dev, 1);
	assert_int_equal(amdvi_ops.irq_set(dev, i, &irq), ERR_UNSUPPORTED);
	assert_false(arrives(dev, i, 0, 0));
	rig_end(&rig);
}

/* Whatever a device writes to FEEx_xxxxh: only its own entries answer. */
static void forged_messages_are_refused(void **state)
{
	for (enum format f = SMALL; f <= X2APIC; f++) {
		u16 i;

		start(f, 8);
		i = alloc(dev, 4);
		set(dev, i, 1, 0x41);
		set(dev, i + 1, 2, 0x42);
		assert_true(arrives(dev, i + 1, 2, 0x42));
		for (u32 data = 0; data < 0x800; data++) {
			bool own = data == i || data == (u32)i + 1;

			assert_int_equal(refused(dev, 0xfee00000, data), !own);
			assert_true(refused(other, 0xfee00000, data));
		}
		/* Destination, mode and hint in the address, trigger and level in the data: nothing. */
		for (u32 bits = 0; bits < 1u << 8; bits++) {
			struct amdvi_model_irq irq;
			u64 address = 0xfee00000 | (bits & 0x3f) << 14 | (bits >> 6) << 2;

			assert_true(
			    amdvi_model_msi(rig_bdf(dev), address, (bits & 3) << 14 | i, &irq));
			assert_int_equal(irq.apic_id, 1);
			assert_int_equal(irq.vector, 0x41);
		}
		rig_end(&rig);
	}
}

/* The table has a power of two of entries; an index past it is refused although memory follows. */
static void tables_end_where_the_entry_says(void **state)
{
	static const u16 sizes[] = {0, 1, 2, 3, 8, 33, 128, 129, 256, 257, 512, 2048};

	for (enum format f = SMALL; f <= X2APIC; f++)
		for (u32 s = 0; s < ARRAY_SIZE(sizes); s++) {
			u32 room = 1;
			u16 i;

			while (room < sizes[s] && room < 512)
				room *= 2;
			start(f, sizes[s]);
			for (u32 n = 0; n < room; n++) {
				i = alloc(dev, 1);
				assert_int_equal(i, n);
			}
			assert_int_equal(amdvi_ops.irq_alloc(dev, 1, &i), ERR_NOMEM);
			set(dev, (u16)(room - 1), 7, 0x77);
			set(dev, 0, 6, 0x66);
			assert_true(arrives(dev, 0, 6, 0x66));
			if (room > 1)
				assert_true(arrives(dev, (u16)(room - 1), 7, 0x77));
			for (u32 data = room; data < 512; data++)
				assert_true(refused(dev, 0xfee00000, data));
			assert_int_equal(amdvi_ops.irq_set(dev, (u16)room, &(struct iommu_irq){0}),
					 ERR_PERM);
			rig_end(&rig);
		}
}

static void runs_are_aligned_and_given_back(void **state)
{
	u16 first, second, third;

	start(X2APIC, 16);
	first = alloc(dev, 1);
	second = alloc(dev, 4);
	third = alloc(dev, 3);
	assert_int_equal(second % 4, 0);
	assert_int_equal(third % 4, 0);
	assert_true(third != second && first < second);
	assert_int_equal(amdvi_ops.irq_alloc(dev, 16, &first), ERR_NOMEM);
	assert_int_equal(amdvi_ops.irq_alloc(dev, 0, &first), ERR_INVAL);
	assert_int_equal(amdvi_ops.irq_alloc(dev, 512, &first), ERR_NOMEM);
	for (u16 n = 0; n < 4; n++)
		set(dev, second + n, n, 0x40 + n);
	assert_true(arrives(dev, second + 3, 3, 0x43));
	/* One too many, one too early: not all of it is allotted. */
	assert_int_equal(amdvi_ops.irq_free(dev, second - 1, 4), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_free(dev, third, 4), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_free(dev, second, 0), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_free(dev, 14, 4), ERR_PERM);
	assert_true(arrives(dev, second + 3, 3, 0x43));
	assert_int_equal(amdvi_ops.irq_free(dev, second, 4), OK);
	for (u32 n = 0; n < 4; n++)
		assert_true(refused(dev, 0xfee00000, second + n));
	assert_int_equal(alloc(dev, 4), second);
	assert_false(arrives(dev, second + 3, 0, 0));
	rig_end(&rig);
}

static void neighbours_of_a_run_are_left_alone(void **state)
{
	u16 first, second, third;

	start(X2APIC, 4);
	first = alloc(dev, 1);
	second = alloc(dev, 1);
	third = alloc(dev, 1);
	set(dev, second, 2, 0x42);
	set(dev, third, 3, 0x43);
	/* between two that are taken there is room for one */
	assert_int_equal(amdvi_ops.irq_free(dev, second, 1), OK);
	assert_true(arrives(dev, third, 3, 0x43));
	assert_int_equal(alloc(dev, 1), second);
	assert_int_equal(amdvi_ops.irq_free(dev, first, 1), OK);
	set(dev, second, 4, 0x44);
	assert_true(arrives(dev, second, 4, 0x44));
	assert_int_equal(alloc(dev, 1), first);
	rig_end(&rig);
}

/* Only the device's own ids are named to the unit, each once. */
static void a_change_is_told_for_the_device_s_ids(void **state)
{
	u64 n;
	u16 i;

	start(X2APIC, 4);
	rig.rids[0][1] = 0x0200;
	i = alloc(dev, 1);
	n = amdvi_model_commands(rig.model[0]);
	set(dev, i, 1, 0x41);
	assert_int_equal(amdvi_model_commands(rig.model[0]), n + 2);
	assert_int_equal(amdvi_model_command(rig.model[0], n).opcode,
			 AMDVI_MODEL_INVALIDATE_INTERRUPTS);
	assert_int_equal(amdvi_model_command(rig.model[0], n).id, 0x0100);
	rig_end(&rig);
}

static void only_attached_devices_have_entries(void **state)
{
	struct iommu_irq irq = {.vector = 0x40};
	struct iommu_message msg;
	u16 i;

	start(X2APIC, 8);
	i = alloc(dev, 2);
	set(dev, i, 1, 0x41);
	assert_true(arrives(dev, i, 1, 0x41));
	rig_block(&rig, dev);
	assert_true(refused(dev, 0xfee00000, i));
	assert_int_equal(amdvi_ops.irq_alloc(dev, 1, &i), ERR_BUSY);
	assert_int_equal(amdvi_ops.irq_set(dev, i, &irq), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_clear(dev, i), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_free(dev, i, 1), ERR_PERM);
	assert_int_equal(amdvi_ops.irq_message(dev, i, &msg), ERR_PERM);
	/* Back again: all entries are free and blocked, whatever is still in the unit's cache. */
	rig_attach(&rig, dev, dom);
	assert_int_equal(amdvi_ops.irq_set(dev, i, &irq), ERR_PERM);
	assert_true(refused(dev, 0xfee00000, i));
	rig_end(&rig);
}

/* The pages of a table return to the grant; another device's table in them must not answer. */
static void a_table_reused_brings_nothing_along(void **state)
{
	u64 used;
	u16 i;

	start(X2APIC, 300);
	i = alloc(dev, 1);
	set(dev, i, 1, 0x41);
	assert_true(arrives(dev, i, 1, 0x41));
	used = rig.ws[0].in_use;
	rig_block(&rig, dev);
	assert_int_equal(rig.ws[0].in_use, used - 3 * PAGE_SIZE);
	rig_attach(&rig, dev, dom);
	assert_int_equal(rig.ws[0].in_use, used);
	assert_int_equal(alloc(dev, 1), i);
	assert_false(arrives(dev, i, 0, 0));
	rig_end(&rig);
}

/* A small table lies in the page of what describes it; the first that does not fit has its own. */
static void tables_take_the_pages_they_need(void **state)
{
	static const struct {
		enum format format;
		u16 interrupts;
		u64 pages;
	} tables[] = {{SMALL, 512, 1},	{X2APIC, 1, 1},	  {X2APIC, 128, 1},
		      {X2APIC, 129, 2}, {X2APIC, 256, 2}, {X2APIC, 257, 3}};

	for (u32 t = 0; t < ARRAY_SIZE(tables); t++) {
		u64 used;

		start(tables[t].format, tables[t].interrupts);
		used = rig.ws[0].in_use;
		rig_block(&rig, other);
		assert_int_equal(rig.ws[0].in_use, used - tables[t].pages * PAGE_SIZE);
		rig_attach(&rig, other, dom);
		assert_int_equal(rig.ws[0].in_use, used);
		rig_end(&rig);
	}
}

static void aliases_use_the_device_s_table(void **state)
{
	struct bdf behind = {.bus = 5, .devfn = 0x18}, bridge = {.bus = 5, .devfn = 0};
	struct amdvi_model_irq irq;
	u16 i;

	rig_start(&rig, NULL);
	dev = rig_device(&rig, 0, 0x0518, 4);
	rig.rids[0][1] = 0x0500;
	dev->nrids = 2;
	dev->irq_rid = 0x0500;
	dom = rig_domain(&rig, 0, 1);
	rig_attach(&rig, dev, dom);
	amdvi_model_alias(behind, bridge);
	i = alloc(dev, 1);
	set(dev, i, 9, 0x49);
	assert_true(arrives(dev, i, 9, 0x49));
	assert_true(amdvi_model_msi(bridge, 0xfee00000, i, &irq));
	set(dev, i, 8, 0x48);
	assert_true(arrives(dev, i, 8, 0x48));
	rig_block(&rig, dev);
	assert_false(amdvi_model_msi(behind, 0xfee00000, i, &irq));
	rig_end(&rig);
}

/* While a re-route completes late, the interrupt goes to the old place or the new, nowhere else. */
struct route {
	u16 index;
	u32 seen_old, seen_new, seen_else;
};

static void send(void *ctx)
{
	struct route *r = ctx;
	struct amdvi_model_irq irq;

	if (!amdvi_model_msi(rig_bdf(dev), 0xfee00000, r->index, &irq))
		r->seen_else++;
	else if (irq.apic_id == 1 && irq.vector == 0x41)
		r->seen_old++;
	else if (irq.apic_id == 0x202 && irq.vector == 0x52)
		r->seen_new++;
	else
		r->seen_else++;
}

static void a_re_route_has_no_moment_in_between(void **state)
{
	struct route r = {0};

	start(X2APIC, 8);
	r.index = alloc(dev, 1);
	set(dev, r.index, 1, 0x41);
	send(&r);
	amdvi_model_config(rig.model[0])->late = true;
	amdvi_model_config(rig.model[0])->delay = 5;
	amdvi_model_on_relax(send, &r);
	set(dev, r.index, 0x202, 0x52);
	amdvi_model_on_relax(NULL, NULL);
	assert_true(r.seen_old > 1);
	assert_int_equal(r.seen_else, 0);
	r.seen_old = 0;
	send(&r);
	assert_int_equal(r.seen_old, 0);
	assert_true(r.seen_new > 0);
	rig_end(&rig);
}

static void io_apic_entries_carry_the_index(void **state)
{
	struct iommu_message msg;
	struct iommu_irq irq = {.apic_id = 2, .vector = 0x60, .level = true};
	u16 i;

	start(X2APIC, 400);
	(void)alloc(dev, 256);
	i = alloc(dev, 24);
	assert_int_equal(i, 256);
	i += 5;
	assert_int_equal(amdvi_ops.irq_message(dev, i, &msg), OK);
	assert_int_equal(msg.ioapic_entry, 1u << 16 | 0x105);
	assert_int_equal(amdvi_ops.irq_set(dev, i, &irq), OK);
	assert_int_equal(amdvi_ops.irq_message(dev, i, &msg), OK);
	assert_int_equal(msg.ioapic_entry, 1u << 16 | 1u << 15 | 0x105);
	assert_int_equal(msg.msi_data, 0x105);
	assert_true(arrives(dev, i, 2, 0x60));
	assert_int_equal(amdvi_ops.irq_clear(dev, i), OK);
	assert_int_equal(amdvi_ops.irq_message(dev, i, &msg), OK);
	assert_int_equal(msg.ioapic_entry, 1u << 16 | 0x105);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_format_delivers),
	    cmocka_unit_test(wide_destinations_need_x2apic_entries),
	    cmocka_unit_test(posted_interrupts_are_not_there_yet),
	    cmocka_unit_test(forged_messages_are_refused),
	    cmocka_unit_test(tables_end_where_the_entry_says),
	    cmocka_unit_test(runs_are_aligned_and_given_back),
	    cmocka_unit_test(neighbours_of_a_run_are_left_alone),
	    cmocka_unit_test(a_change_is_told_for_the_device_s_ids),
	    cmocka_unit_test(only_attached_devices_have_entries),
	    cmocka_unit_test(a_table_reused_brings_nothing_along),
	    cmocka_unit_test(tables_take_the_pages_they_need),
	    cmocka_unit_test(aliases_use_the_device_s_table),
	    cmocka_unit_test(a_re_route_has_no_moment_in_between),
	    cmocka_unit_test(io_apic_entries_carry_the_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
