/* Faults on both drivers and their register models: who is told what, how often, and what a storm costs. */
#include "core/base/fmt.h"
#include "iommu/fault.h"
#include "tests/unit/iommu_rig.h"

struct seen {
	u32 faults, blocked, owner;
	struct iommu_fault last;
	const struct iommu_device *dev;
};

static const char *owner_name(void *ctx, u32 owner)
{
	static const char *const names[] = {"alpha", "beta", "gamma"};

	return owner < 3 ? names[owner] : "hypervisor";
}

static void on_blocked(void *ctx, struct iommu_device *dev, u32 owner, const char *line)
{
	struct seen *s = ctx;

	s->blocked++;
	s->owner = owner;
	s->dev = dev;
	assert_true(strlen(line) > 0);
}

static void on_fault(void *ctx, struct iommu_device *dev, const struct iommu_fault *f)
{
	struct seen *s = ctx;

	s->faults++;
	s->last = *f;
	s->dev = dev;
}

static u32 take_faults(struct seen *s)
{
	const struct iommu_fault_handler h = {owner_name, on_blocked, on_fault, s};
	int n = iommu_faults_take(&r.iommu, &h, 1000);

	assert_true(n >= 0);
	return (u32)n;
}

static void faults_say_who_and_where(void **state)
{
	EACH(c)
	{
		struct seen s = {0};
		struct remap_irq irq;
		char line[FAULT_TEXT];

		remap_start(&r, c);
		(void)take_faults(&s);
		map(1, 0, MIB(2), PT_R);
		ok(iommu_attach(&r.domain[1], remap_device(&r, REMAP_FAR0)));
		s = (struct seen){0};

		assert_false(reaches(REMAP_FAR0, 0x7ff000123000, false, 0));
		assert_int_equal(take_faults(&s), 1);
		assert_int_equal(s.faults, 1);
		assert_ptr_equal(s.dev, remap_device(&r, REMAP_FAR0));
		assert_int_equal(s.last.address & ~0xfffull, 0x7ff000123000);
		assert_false(s.last.write);
		assert_true(s.last.kind == IOMMU_FAULT_NOT_PRESENT ||
			    s.last.kind == IOMMU_FAULT_READ);
		iommu_fault_text(&s.last, r.iommu.ops->name, "beta", line, sizeof(line));
		assert_non_null(
		    strstr(line, "0000:40:01.0 (beta): read of 0x7ff000123000 blocked: "));
		assert_non_null(strstr(line, r.iommu.ops->name));

		assert_false(reaches(REMAP_FAR0, PAGE, true, 0));
		assert_int_equal(take_faults(&s), 1);
		assert_true(s.last.write);
		assert_int_equal(s.last.kind, IOMMU_FAULT_WRITE);

		/* both are taken; each is of its own device */
		assert_false(reaches(REMAP_NIC, 0x5000, true, 0));
		assert_int_equal(take_faults(&s), 1);
		assert_ptr_equal(s.dev, remap_device(&r, REMAP_NIC));
		assert_int_equal(s.last.kind, IOMMU_FAULT_BLOCKED);
		assert_int_equal(remap_device(&r, REMAP_NIC)->faults, 1);
		assert_int_equal(remap_device(&r, REMAP_FAR0)->faults, 2);

		assert_false(remap_msi(&r, remap_bdf(&r, REMAP_FAR0), 0xfee00000, 0x41, &irq));
		assert_int_equal(take_faults(&s), 1);
		assert_true(s.last.kind == IOMMU_FAULT_INTERRUPT ||
			    s.last.kind == IOMMU_FAULT_INTERRUPT_COMPAT);
		assert_int_equal(take_faults(&s), 0);
		assert_int_equal(s.blocked, 0);
		remap_end(&r);
	}
}

static void a_storm_ends_and_its_owner_knows(void **state)
{
	EACH(c)
	{
		struct seen s = {0};
		u32 made = 0;

		remap_start(&r, c);
		map(1, 0, MIB(2), PT_RW);
		map(2, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[1], remap_device(&r, REMAP_NIC)));
		ok(iommu_attach(&r.domain[2], remap_device(&r, REMAP_DISK)));
		/* below the limit in each second: told and counted, never blocked */
		for (u32 second = 0; second < 3; second++) {
			for (u32 i = 0; i < FAULT_STORM - 1; i++) {
				assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
				(void)take_faults(&s);
			}
			fake_time_pass(1000000000);
		}
		assert_int_equal(s.blocked, 0);
		assert_int_equal(s.faults, 3 * (FAULT_STORM - 1));
		assert_int_equal(remap_device(&r, REMAP_NIC)->rate.told, FAULT_LINES_A_SECOND);
		assert_true(owns(REMAP_NIC, 1, 0));

		while (!s.blocked && made++ < 2 * FAULT_STORM) {
			assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
			(void)take_faults(&s);
		}
		assert_int_equal(s.blocked, 1);
		assert_int_equal(made, FAULT_STORM);
		assert_int_equal(s.owner, 1);
		assert_ptr_equal(s.dev, remap_device(&r, REMAP_NIC));
		assert_int_equal(remap_device(&r, REMAP_NIC)->state, IOMMU_DEV_SILENCED);
		assert_null(r.domain[1].devices);
		assert_false(owns(REMAP_NIC, 1, 0));
		/* it is heard no more, and the neighbour never noticed */
		s = (struct seen){0};
		for (u32 i = 0; i < 100; i++)
			assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
		(void)take_faults(&s);
		assert_int_equal(s.faults, 0);
		assert_true(owns(REMAP_DISK, 2, 0));
		/* after a reset it may come back */
		ok(iommu_attach(&r.domain[1], remap_device(&r, REMAP_NIC)));
		assert_true(owns(REMAP_NIC, 1, 0));
		assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
		fake_time_pass(1000000000);
		assert_int_equal(take_faults(&s), 1);
		remap_end(&r);
	}
}

static void strangers_are_counted_too(void **state)
{
	EACH(c)
	{
		struct seen s = {0};
		u64 at;

		remap_start(&r, c);
		for (u32 i = 0; i < 50; i++) {
			assert_false(remap_dma(&r, (struct bdf){0, 0x22, 0x18}, 0x1000, true, &at));
			(void)take_faults(&s);
		}
		assert_int_equal(s.faults, 0);
		assert_int_equal(r.iommu.faults, 50);
		assert_int_equal(r.iommu.stray.seen, 50);
		assert_int_equal(r.iommu.stray.told, FAULT_LINES_A_SECOND);
		remap_end(&r);
	}
}

static void every_kind_of_fault_has_a_line(void **state)
{
	static const struct {
		enum iommu_fault_kind kind;
		const char *what;
	} lines[] = {
	    {IOMMU_FAULT_BLOCKED, "write to 0x1000 blocked: the device belongs to nobody"},
	    {IOMMU_FAULT_NOT_PRESENT, "write to 0x1000 blocked: nothing is mapped there"},
	    {IOMMU_FAULT_READ, "write to 0x1000 blocked: it is not mapped for reading"},
	    {IOMMU_FAULT_WRITE, "write to 0x1000 blocked: it is not mapped for writing"},
	    {IOMMU_FAULT_ADDRESS_WIDTH, "write to 0x1000 blocked: no table reaches that far"},
	    {IOMMU_FAULT_INTERRUPT,
	     "interrupt by entry 4096 blocked: the entry is not set, or not this device's"},
	    {IOMMU_FAULT_INTERRUPT_COMPAT, "interrupt blocked: only remapped interrupts pass"},
	    {IOMMU_FAULT_TRANSLATION_REQUEST,
	     "write to 0x1000 blocked: it may not use translations of its own"},
	    {IOMMU_FAULT_STRUCTURE,
	     "write to 0x1000 blocked: an entry of the hypervisor's is malformed"},
	    {IOMMU_FAULT_TABLE_ACCESS,
	     "write to 0x1000 blocked: the unit could not read its tables"},
	    {IOMMU_FAULT_COMMAND, "write: the unit refused a command of the hypervisor's"},
	    {IOMMU_FAULT_DEVICE_TLB, "write: the device does not let go of old translations"},
	    {IOMMU_FAULT_OTHER, "write to 0x1000 blocked: see the reason"},
	    {IOMMU_FAULT_KINDS, "write to 0x1000 blocked: see the reason"},
	};
	char line[FAULT_TEXT], expected[FAULT_TEXT], small[16];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct iommu_fault f = {.kind = lines[i].kind,
					.reason = "because",
					.code = 0x25,
					.has_rid = true,
					.rid = 0x0100,
					.segment = 1,
					.has_address = true,
					.address = 0x1000,
					.write = true};

		iommu_fault_text(&f, "VT-d", "seismic-1", line, sizeof(line));
		snprintf(expected, sizeof(expected),
			 "0001:01:00.0 (seismic-1): %s [VT-d 25h, because]", lines[i].what);
		assert_string_equal(line, expected);
		f.lost = true;
		f.write = false;
		iommu_fault_text(&f, "VT-d", "", line, sizeof(line));
		assert_non_null(strstr(line, "0001:01:00.0: "));
		assert_non_null(strstr(line, "; records before it were lost"));
		f.has_rid = f.has_address = false;
		f.reason = NULL;
		iommu_fault_text(&f, "VT-d", "", line, sizeof(line));
		assert_non_null(strstr(line, "a unit: "));
		assert_null(strstr(line, "0x1000"));
		iommu_fault_text(&f, "VT-d", "", small, sizeof(small));
		assert_true(strlen(small) < sizeof(small));
	}
}

/* ---- what is told ---------------------------------------------------------------------------- */

static struct {
	u32 lines, more;
	char last[512];
} logged;

static void on_log(enum log_level level, const char *line)
{
	if (strncmp(line, "iommu: ", 7))
		return;
	if (strstr(line, " more faults"))
		logged.more++;
	else
		logged.lines++;
	snprintf(logged.last, sizeof(logged.last), "%s", line);
}

static void one_device_fills_no_log(void **state)
{
	struct seen s = {0};
	u64 at;

	remap_start(&r, &remap_configs[0]);
	map(1, 0, MIB(2), PT_RW);
	ok(iommu_attach(&r.domain[1], remap_device(&r, REMAP_NIC)));
	memset(&logged, 0, sizeof(logged));
	fake_log = on_log;
	for (u32 i = 0; i < 25; i++) {
		assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
		(void)take_faults(&s);
		assert_int_equal(logged.lines,
				 i < FAULT_LINES_A_SECOND ? i + 1 : FAULT_LINES_A_SECOND);
	}
	assert_non_null(strstr(logged.last, "0000:00:04.0 (beta): write to 0x1c0000000 blocked"));
	assert_int_equal(logged.more, 0);
	/* the next second says how many there were, once */
	fake_time_pass(1000000000);
	assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
	(void)take_faults(&s);
	assert_int_equal(logged.more, 1);
	assert_int_equal(logged.lines, FAULT_LINES_A_SECOND + 1);
	fake_time_pass(1000000000);
	assert_false(reaches(REMAP_NIC, GIB(7), true, 0));
	(void)take_faults(&s);
	assert_int_equal(logged.more, 1); /* nothing was left out */

	memset(&logged, 0, sizeof(logged));
	for (u32 i = 0; i < 25; i++) {
		assert_false(remap_dma(&r, (struct bdf){0, 0x22, 0x18}, 0x1000, true, &at));
		(void)take_faults(&s);
		assert_int_equal(logged.lines,
				 i < FAULT_LINES_A_SECOND ? i + 1 : FAULT_LINES_A_SECOND);
	}
	fake_log = NULL;
	remap_end(&r);
}

static void no_more_is_taken_than_asked(void **state)
{
	EACH(c)
	{
		const struct iommu_fault_handler h = {.owner_name = owner_name};

		remap_start(&r, c);
		assert_int_equal(iommu_faults_take(&r.iommu, &h, 100), 0);
		for (u32 i = 0; i < 4; i++)
			assert_false(reaches(REMAP_NIC, GIB(i), true, 0));
		assert_int_equal(iommu_faults_take(&r.iommu, &h, 0), 0);
		assert_int_equal(iommu_faults_take(&r.iommu, &h, 3), 3);
		assert_int_equal(iommu_faults_take(&r.iommu, &h, 3), 1);
		assert_int_equal(r.iommu.faults, 4);
		remap_end(&r);
	}
}

/* A device that keeps old translations loses its attachment, and its owner hears of it. */
static void a_mute_device_tlb_ends_its_attachment(void **state)
{
	EACH(c)
	{
		struct iommu_device *nic, *disk;
		struct seen s = {0};

		if (c->scalable)
			continue;
		remap_start(&r, c);
		nic = remap_device(&r, REMAP_NIC);
		disk = remap_device(&r, REMAP_DISK);
		nic->ats = disk->ats = true;
		remap_ats(&r, REMAP_NIC, false);
		remap_ats(&r, REMAP_DISK, true);
		map(1, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[1], nic));
		ok(iommu_attach(&r.domain[1], disk));
		ok(iommu_unmap(&r.domain[1], IOVA(PAGE), PAGE));
		assert_int_equal(nic->state, IOMMU_DEV_SILENCED);
		assert_int_equal(disk->state, IOMMU_DEV_ATTACHED);
		assert_ptr_equal(nic->home, &r.domain[1]);
		assert_true(take_faults(&s) > 0);
		assert_int_equal(s.blocked, 1);
		assert_int_equal(s.owner, 1);
		assert_ptr_equal(s.dev, nic);
		assert_null(nic->home);
		assert_ptr_equal(r.domain[1].devices, disk);
		assert_false(owns(REMAP_NIC, 1, 0));
		assert_true(owns(REMAP_DISK, 1, 0));
		assert_false(owns(REMAP_DISK, 1, PAGE));
		remap_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_say_who_and_where),
	    cmocka_unit_test(a_storm_ends_and_its_owner_knows),
	    cmocka_unit_test(strangers_are_counted_too),
	    cmocka_unit_test(every_kind_of_fault_has_a_line),
	    cmocka_unit_test(one_device_fills_no_log),
	    cmocka_unit_test(no_more_is_taken_than_asked),
	    cmocka_unit_test(a_mute_device_tlb_ends_its_attachment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
