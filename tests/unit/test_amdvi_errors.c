/* iommu/amdvi: errors wherever they may come, and what is said, counted and left alone besides. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/amdvi_rig.h"

static struct rig rig;

/* ---- what is said ---------------------------------------------------------------------------- */

static char said[2048];

static void hear(enum log_level level, const char *line)
{
	size_t n = strlen(said);

	if (level <= LOG_WARN)
		snprintf(said + n, sizeof(said) - n, "%s\n", line);
}

static int listen(void **state)
{
	said[0] = 0;
	fake_log = hear;
	return 0;
}

static int stop_listening(void **state)
{
	fake_log = NULL;
	return 0;
}

static void locked_smi_filters_are_named(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], 0x60, 0xa3 | 2u << 16); /* locked, and names nobody */
	amdvi_model_preset(rig.model[0], 0x68, 0xa4 | 1u << 16);
	rig_enable(&rig);
	assert_string_equal(said, "");

	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], 0x60, 0xa3 | 3u << 16);
	rig_enable(&rig);
	assert_non_null(strstr(said, "00:14.3 may send SMIs"));
	rig_end(&rig);
}

static void narrow_destinations_are_a_warning_where_ids_are_wide(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_start(&rig, &c);
	assert_string_equal(said, "");
	c.features &= ~AMDVI_MODEL_XT;
	rig_init(&rig, &c, NULL);
	rig.unit[0].desc.x2apic = false;
	rig_enable(&rig);
	assert_string_equal(said, "");
	rig_start(&rig, &c);
	assert_non_null(strstr(said, "no 32-bit interrupt destinations"));
	rig_end(&rig);
}

/* ---- before the unit is on ------------------------------------------------------------------- */

static void registers_in_ram_are_refused(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_init(&rig, &c, NULL);
	rig.unit[0].desc.registers = RIG_WS(0);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), ERR_PERM);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FOUND);
}

/* Whichever page is the one too many, the unit stays as it was. */
static void memory_may_end_at_any_page(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	u64 pages = MIB(2) / PAGE_SIZE - 1;
	int err;

	do {
		rig_init(&rig, &c, NULL);
		pool_init(&rig.hv, RIG_HV, pages * PAGE_SIZE);
		assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
		err = amdvi_ops.take_over(&rig.unit[0]);
		assert_true(!err || err == ERR_NOMEM);
		assert_int_equal(rig.unit[0].state, err ? IOMMU_UNIT_PROBED : IOMMU_UNIT_TAKEN);
		assert_int_equal(!rig.unit[0].priv, err != OK);
		assert_int_equal(amdvi_model_register(rig.model[0], 0x18), 0);
		rig_end(&rig);
		pages++;
	} while (err);
	assert_in_range(pages, MIB(2) / PAGE_SIZE + 4, MIB(2) / PAGE_SIZE + 6);
}

/* What lies behind the units of the list is no unit. */
static void only_listed_units_own_tables(void **state)
{
	static struct amdvi nobody;
	struct amdvi_model_config a = rig_config(0), b = rig_config(1);

	rig_init(&rig, &a, &b);
	rig.iommu.nunits = 1;
	rig.unit[1].priv = &nobody;
	rig_enable(&rig);
	assert_int_equal(amdvi_model_register(rig.model[0], 0) & ~0xfffull, RIG_HV.v);
	rig_end(&rig);
}

/* Firmware's rings, running, as take_over() finds them. */
static void rings_running(bool stick)
{
	struct amdvi_model_config c = rig_config(0);

	c.late = true;
	rig_init(&rig, &c, NULL);
	amdvi_model_preset(rig.model[0], 0x08, RIG_WS(1).v | 8ull << 56);
	amdvi_model_preset(rig.model[0], 0x10, (RIG_WS(1).v + KIB(32)) | 8ull << 56);
	amdvi_model_preset(rig.model[0], 0x18, 1 | 1ull << 2 | 1ull << 10 | 1ull << 12);
	amdvi_model_reset_violations();
	amdvi_model_config(rig.model[0])->rings_stick = stick;
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
}

static void rings_have_time_to_stop(void **state)
{
	u64 begun;

	rings_running(false);
	assert_int_equal(amdvi_model_register(rig.model[0], 0x2020) & 0x18, 0x18);
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), OK);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_TAKEN);

	/* a tenth of a second, and that in full */
	rings_running(true);
	begun = port_time_ns();
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), ERR_TIMEOUT);
	assert_true(port_time_ns() - begun > 100000000ull);
	assert_true(port_time_ns() - begun <= 101000000ull);
}

static void a_unit_that_refuses_its_first_commands_is_not_enabled(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	rig_init(&rig, &c, NULL);
	assert_int_equal(amdvi_ops.probe(&rig.unit[0]), OK);
	assert_int_equal(amdvi_ops.take_over(&rig.unit[0]), OK);
	amdvi_model_break_command(rig.model[0], 6, 2);
	assert_int_equal(amdvi_ops.enable(&rig.unit[0]), ERR_IO);
	assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FAILED);
}

/* ---- commands that are refused --------------------------------------------------------------- */

static struct iommu_device *dev, *second, *plain;
static struct iommu_domain *dom;

/* Two devices with a TLB and one without, in one domain; behind their ids lie those of others. */
static void start(void)
{
	rig_start(&rig, NULL);
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	dev = rig_device(&rig, 0, 0x0100, 8);
	second = rig_device(&rig, 0, 0x0300, 8);
	plain = rig_device(&rig, 0, 0x0400, 8);
	rig.rids[0][1] = 0x0400;
	rig.rids[1][1] = 0x0100;
	rig.rids[2][1] = 0x0100;
	dev->ats = second->ats = true;
	rig_attach(&rig, dev, dom);
	rig_attach(&rig, second, dom);
}

static void entry_of(const struct iommu_device *d, u64 entry[4])
{
	port_copy_from(entry,
		       PADDR((amdvi_model_register(rig.model[0], 0) & ~0xfffull) + d->rids[0] * 32),
		       32);
}

/* Every command of a flush that asks device TLBs, and blocks one, refused in turn. */
static void a_refused_command_fails_the_flush_wherever_it_is(void **state)
{
	static const struct iommu_change change = {.lo = 0, .hi = 0xfff, .removed = true};
	u64 commands = 0;

	for (u64 after = 0; after <= commands; after++) {
		u64 before;
		int err;

		start();
		amdvi_model_ats_mute(rig_bdf(dev), true);
		before = amdvi_model_commands(rig.model[0]);
		if (!after) {
			assert_int_equal(amdvi_ops.flush(&rig.unit[0], dom, &change), OK);
			assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
			commands = amdvi_model_commands(rig.model[0]) - before;
			/* pages; two TLBs; the mute device's entry, interrupts, pages: 3 waits */
			assert_int_equal(commands, 9);
			continue;
		}
		amdvi_model_break_command_after(rig.model[0], (u32)after - 1, 5, 2);
		err = amdvi_ops.flush(&rig.unit[0], dom, &change);
		assert_int_equal(err, ERR_IO);
		assert_int_equal(rig.unit[0].state, IOMMU_UNIT_FAILED);
	}
}

static void every_mute_device_is_blocked(void **state)
{
	start();
	rig_attach(&rig, plain, dom);
	amdvi_model_ats_mute(rig_bdf(dev), true);
	amdvi_model_ats_mute(rig_bdf(second), true);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_int_equal(second->state, IOMMU_DEV_SILENCED);
	assert_int_equal(plain->state, IOMMU_DEV_ATTACHED);
	rig_end(&rig);
}

static void silence_is_that_of_a_device_s_own_ids(void **state)
{
	start();
	amdvi_model_ats_mute(rig_bdf(dev), true);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_int_equal(second->state, IOMMU_DEV_ATTACHED);
	rig_end(&rig);
}

static void a_failed_attach_touches_its_own_entries_only(void **state)
{
	u64 before[4], after[4];

	start();
	entry_of(dev, before);
	amdvi_model_break_command(rig.model[0], 5, 2);
	assert_int_equal(amdvi_ops.attach(plain, dom), ERR_IO);
	entry_of(dev, after);
	assert_memory_equal(before, after, sizeof(after));
	assert_int_equal(before[0] & 3, 3);
	entry_of(plain, after);
	assert_int_equal(after[0], 3);
}

/* Records of others stay where they are while device TLBs are asked. */
static void records_survive_a_flush(void **state)
{
	struct iommu_fault f;

	start();
	assert_true(rig_blocked(plain, 0x5000, true));
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 1);
	assert_int_equal(f.rid, 0x0400);
	assert_int_equal(f.address, 0x5000);
	assert_false(f.lost);
	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 0);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(locked_smi_filters_are_named, listen, stop_listening),
	    cmocka_unit_test_setup_teardown(narrow_destinations_are_a_warning_where_ids_are_wide,
					    listen, stop_listening),
	    cmocka_unit_test(registers_in_ram_are_refused),
	    cmocka_unit_test(memory_may_end_at_any_page),
	    cmocka_unit_test(only_listed_units_own_tables),
	    cmocka_unit_test(rings_have_time_to_stop),
	    cmocka_unit_test(a_unit_that_refuses_its_first_commands_is_not_enabled),
	    cmocka_unit_test(a_refused_command_fails_the_flush_wherever_it_is),
	    cmocka_unit_test(every_mute_device_is_blocked),
	    cmocka_unit_test(silence_is_that_of_a_device_s_own_ids),
	    cmocka_unit_test(a_failed_attach_touches_its_own_entries_only),
	    cmocka_unit_test(records_survive_a_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
