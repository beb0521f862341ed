/* VT-d driver: commands that never end, queues in every state of error, and how long it waits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "iommu/vtd/unit.h"
#include "tests/fake/machine.h"
#include "tests/fake/vtd_lab.h"

#define A     0x200000000ull
#define TES   (1u << 31)
#define EAFLS (1u << 28)
#define QIES  (1u << 26)
#define IRES  (1u << 25)

#define SECOND 1000000000ull
#define STEP   1000ull /* each polling step of the fake machine is a microsecond */

static struct vtd_lab lab;

static void end_broken(void)
{
	vtd_model_free(lab.model);
	lab.model = NULL;
}

/* ---- what firmware left ---------------------------------------------------------------------- */

static struct mmio fw;

static void fw_begin(const struct vtd_lab_config *u)
{
	lab_build(&lab, u);
	assert_int_equal(port_mmio_map(PADDR(LAB_REGISTERS), 0x1000, &fw), OK);
}

static void fw_command(u32 bit, bool set)
{
	u32 now = port_mmio_read32(&fw, 0x1c) & 0x96ffffff;

	port_mmio_write32(&fw, 0x18, set ? now | bit : now & ~bit);
}

/* A queue with one wait descriptor done. */
static void fw_queue(void)
{
	u64 *ring = port_va(lab.ws[1].base);

	ring[0] = 5 | 1 << 5 | 1 << 6;
	ring[1] = lab.ws[1].base.v + PAGE_SIZE;
	port_wmb();
	port_mmio_write64(&fw, 0x90, lab.ws[1].base.v);
	fw_command(QIES, true);
	port_mmio_write64(&fw, 0x88, 16);
}

static int probe_and_take(void)
{
	int err = vtd_ops.probe(&lab.unit);

	return err ? err : vtd_ops.take_over(&lab.unit);
}

static void registers_in_ram_are_refused(void **state)
{
	lab_build(&lab, LAB_DESKTOP);
	lab.unit.desc.registers = PADDR(LAB_RAM);
	assert_int_equal(vtd_ops.probe(&lab.unit), ERR_PERM);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FOUND);
	lab_end(&lab);
}

/* Faults would go to firmware's log in memory, where nobody looks. */
static void firmware_s_fault_log_is_turned_off(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;

	u.cap |= VTDM_AFL;
	fw_begin(&u);
	fw_command(EAFLS, true);
	assert_int_equal(vtd_model_gsts(lab.model), EAFLS);
	assert_int_equal(probe_and_take(), OK);
	assert_int_equal(vtd_model_gsts(lab.model), 0);
	assert_int_equal(vtd_ops.enable(&lab.unit), OK);
	assert_int_equal(lab_read(&lab, 0, A), 0);
	assert_int_equal(lab_faults(&lab, NULL), 1);
	lab_end(&lab);

	fw_begin(&u);
	fw_command(EAFLS, true);
	vtd_model_hang_command(lab.model, EAFLS);
	assert_int_equal(probe_and_take(), ERR_TIMEOUT);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	lab_end(&lab);
}

static void a_queue_that_is_off_is_not_waited_for(void **state)
{
	fw_begin(LAB_DESKTOP);
	fw_queue();
	fw_command(QIES, false);
	/* The tail stays where it was, the head does not. */
	assert_int_not_equal(port_mmio_read64(&fw, 0x80), port_mmio_read64(&fw, 0x88));
	assert_int_equal(probe_and_take(), OK);
	assert_int_equal(port_time_ns(), 0);
	lab_end(&lab);
}

static void a_queue_that_cannot_be_stopped_is_not_taken_over(void **state)
{
	fw_begin(LAB_DESKTOP);
	fw_queue();
	vtd_model_hang_command(lab.model, QIES);
	assert_int_equal(probe_and_take(), ERR_TIMEOUT);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	/* a command has a second, and that in full */
	assert_int_equal(port_time_ns(), SECOND + STEP);
	lab_end(&lab);
}

/* The mode of interrupt entries cannot change under a table that stays in use. */
static void remapping_that_stays_on_in_another_mode_is_refused(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;
	u64 irta;

	u.xapic = true;
	fw_begin(&u);
	fw_queue();
	irta = (lab.ws[1].base.v + 2 * PAGE_SIZE) | 1 << 11 | 7;
	port_mmio_write64(&fw, 0xb8, irta);
	fw_command(1u << 24, true);
	((u64 *)port_va(lab.ws[1].base))[2] = 4;
	port_wmb();
	port_mmio_write64(&fw, 0x88, 32);
	fw_command(IRES, true);
	assert_int_equal(probe_and_take(), OK);
	vtd_model_hang_command(lab.model, IRES);
	assert_int_equal(vtd_ops.enable(&lab.unit), ERR_TIMEOUT);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	assert_int_equal(port_mmio_read64(&fw, 0xb8), irta);
	lab_end(&lab);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Memory is what is polled: looking at registers costs the devices' bandwidth. */
static void the_fault_status_is_looked_at_rarely(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;
	u64 reads, begun, steps;

	u.late = 500;
	lab_start(&lab, &u);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	reads = vtd_model_counts(lab.model)->fsts_reads;
	begun = port_time_ns();
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	reads = vtd_model_counts(lab.model)->fsts_reads - reads;
	steps = (port_time_ns() - begun) / STEP;
	assert_true(steps > 1000);
	assert_in_range(reads, steps / 17, steps / 16);
	lab_end(&lab);
}

/* Quiescing waits a second for what it queued and one for the queue to be stopped. */
static void quiescing_waits_its_time(void **state)
{
	u64 begun;

	lab_start(&lab, LAB_DESKTOP);
	vtd_model_hang(lab.model);
	begun = port_time_ns();
	assert_int_equal(vtd_ops.quiesce(&lab.unit), ERR_TIMEOUT);
	/* The first wait looks at the clock every 16 steps. */
	assert_int_equal(port_time_ns() - begun, SECOND + 16 * STEP + SECOND + STEP);
	end_broken();
}

static void a_stopped_queue_takes_nothing(void **state)
{
	static const struct iommu_change change = {.hi = 0xfff, .removed = true};
	u64 waits;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(vtd_ops.quiesce(&lab.unit), OK);
	waits = vtd_model_counts(lab.model)->wait;
	assert_int_equal(vtd_ops.flush(&lab.unit, &lab.domains[0], &change), ERR_IO);
	assert_int_equal(vtd_ops.block(&lab.devices[0], false), ERR_IO);
	assert_int_equal(vtd_model_counts(lab.model)->wait, waits);
	lab_end(&lab);
}

/* ---- device TLBs that name nobody ------------------------------------------------------------ */

static const struct vtd_lab_config anonymous = {.name = "anonymous time-outs",
						.cap = VTDM_CAP_DESKTOP,
						.ecap = VTDM_ECAP_DESKTOP,
						.anonymous_timeouts = true};

/* Three devices with a TLB in domain 0; device 1 is asked last but one. */
static void start_anonymous(void)
{
	lab_start(&lab, &anonymous);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x8000, PT_RW), OK);
	for (u32 d = 0; d < 3; d++) {
		lab.devices[d].ats = true;
		lab.devices[d].ats_queue = 4;
		vtd_model_ats_device(lab.model, lab.rids[d][0], lab.rids[d][0], 4, true);
		assert_int_equal(lab_attach(&lab, d, 0), OK);
	}
}

static void each_is_asked_alone_and_once(void **state)
{
	u64 asked;

	start_anonymous();
	vtd_model_ats_device(lab.model, lab.rids[1][0], lab.rids[1][0], 4, false);
	asked = vtd_model_counts(lab.model)->dev_tlb;
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_ATTACHED);
	assert_int_equal(lab.devices[1].state, IOMMU_DEV_SILENCED);
	assert_int_equal(lab.devices[2].state, IOMMU_DEV_ATTACHED);
	/* three together, three alone, the two that answered together */
	assert_int_equal(vtd_model_counts(lab.model)->dev_tlb, asked + 8);
	lab_end(&lab);
}

/* Silent among others, answering alone: twice is forgiven, not a third time. */
static void silence_among_others_is_forgiven_twice(void **state)
{
	start_anonymous();
	vtd_model_ats_skip(lab.model, lab.rids[1][0], 1 | 1 << 2);
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	for (u32 d = 0; d < 3; d++)
		assert_int_equal(lab.devices[d].state, IOMMU_DEV_ATTACHED);
	lab_end(&lab);

	start_anonymous();
	vtd_model_ats_skip(lab.model, lab.rids[1][0], 1 | 1 << 2 | 1 << 4);
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	for (u32 d = 0; d < 3; d++)
		assert_int_equal(lab.devices[d].state, IOMMU_DEV_SILENCED);
	lab_end(&lab);
}

static void a_unit_that_refuses_the_question_is_given_up(void **state)
{
	start_anonymous();
	vtd_model_ats_skip(lab.model, lab.rids[1][0], 1);
	/* the flush, its fence, three devices, the wait; then the first alone */
	vtd_model_refuse_after(lab.model, 6, 2);
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), ERR_IO);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	/* Refused twice, and nobody else is asked any more. */
	assert_int_equal(lab_faults(&lab, NULL), 2);
	lab_end(&lab);
}

/* ---- interrupt entries ----------------------------------------------------------------------- */

/* What lies behind the table of owners is nobody's entry. */
static void releasing_ends_with_the_table(void **state)
{
	struct vtd *v;
	u16 first;

	lab_start(&lab, LAB_DESKTOP);
	v = lab.unit.priv;
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &first), OK);
	assert_int_equal(v->irq_owner[first], 1);
	v->irq_owner[v->irq_entries] = 1;
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_int_equal(v->irq_owner[first], 0);
	assert_int_equal(v->irq_owner[v->irq_entries], 1);
	lab_end(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(registers_in_ram_are_refused),
	    cmocka_unit_test(firmware_s_fault_log_is_turned_off),
	    cmocka_unit_test(a_queue_that_is_off_is_not_waited_for),
	    cmocka_unit_test(a_queue_that_cannot_be_stopped_is_not_taken_over),
	    cmocka_unit_test(remapping_that_stays_on_in_another_mode_is_refused),
	    cmocka_unit_test(the_fault_status_is_looked_at_rarely),
	    cmocka_unit_test(quiescing_waits_its_time),
	    cmocka_unit_test(a_stopped_queue_takes_nothing),
	    cmocka_unit_test(each_is_asked_alone_and_once),
	    cmocka_unit_test(silence_among_others_is_forgiven_twice),
	    cmocka_unit_test(a_unit_that_refuses_the_question_is_given_up),
	    cmocka_unit_test(releasing_ends_with_the_table),
	};

	return cmocka_run_group_tests_name("vtd errors", tests, NULL, NULL);
}
