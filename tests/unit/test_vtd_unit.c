/* VT-d driver: a unit's life, its queue's errors, its fault records. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/machine.h"
#include "tests/fake/view.h"
#include "tests/fake/vtd_lab.h"

#define A 0x200000000ull
#define C 0x300000000ull

#define TES   (1u << 31)
#define QIES  (1u << 26)
#define IRES  (1u << 25)
#define CFIS  (1u << 23)
#define RTPS  (1u << 30)
#define IRTPS (1u << 24)

static struct vtd_lab lab;

static int start_from_probe(void)
{
	int err = vtd_ops.probe(&lab.unit);

	if (!err)
		err = vtd_ops.take_over(&lab.unit);
	return err ? err : vtd_ops.enable(&lab.unit);
}

static void capabilities_are_read_and_nothing_written(void **state)
{
	lab_build(&lab, LAB_DESKTOP);
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_PROBED);
	assert_int_equal(lab.unit.caps.input_bits, 48);
	assert_int_equal(lab.unit.caps.levels, 1 << 3 | 1 << 4);
	assert_int_equal(lab.unit.caps.leaf_max, PT_LEAF_1G);
	assert_int_equal(lab.unit.caps.max_domains, 65536);
	assert_true(lab.unit.caps.coherent && lab.unit.caps.snoop_control &&
		    lab.unit.caps.irq_remapping && lab.unit.caps.x2apic && lab.unit.caps.ats);
	assert_false(lab.unit.caps.caches_absent);
	assert_int_equal(vtd_model_gsts(lab.model), 0);
	lab_end(&lab);

	lab_build(&lab, &(struct vtd_lab_config){.name = "2 MiB",
						 .cap = VTDM_CAP_DESKTOP & ~VTDM_1G,
						 .ecap = VTDM_ECAP_DESKTOP & ~(VTDM_C | VTDM_SC)});
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(lab.unit.caps.leaf_max, PT_LEAF_2M);
	assert_false(lab.unit.caps.coherent || lab.unit.caps.snoop_control);
	lab_end(&lab);
}

static void what_a_unit_lacks_is_said(void **state)
{
	static const struct vtd_lab_config lacking[] = {
	    {.name = "queue", .cap = VTDM_CAP_DESKTOP, .ecap = VTDM_ECAP_DESKTOP & ~VTDM_QI},
	    {.name = "widths",
	     .cap = VTDM_CAP_DESKTOP & ~(VTDM_SAGAW_39 | VTDM_SAGAW_48),
	     .ecap = VTDM_ECAP_DESKTOP},
	    {.name = "EIM", .cap = VTDM_CAP_DESKTOP, .ecap = VTDM_ECAP_DESKTOP & ~VTDM_EIM},
	    {.name = "any mode",
	     .cap = VTDM_CAP_DESKTOP,
	     .ecap = VTDM_ECAP_DESKTOP | VTDM_SMTS,
	     .no_legacy = true},
	};

	for (u32 i = 0; i < ARRAY_SIZE(lacking); i++) {
		lab_build(&lab, &lacking[i]);
		assert_int_equal(vtd_ops.probe(&lab.unit), OK);
		assert_int_equal(vtd_ops.take_over(&lab.unit), ERR_UNSUPPORTED);
		assert_int_equal(vtd_model_gsts(lab.model), 0);
		assert_int_equal(vtd_ops.enable(&lab.unit), ERR_BUSY);
		lab_end(&lab);
	}
	lab_build(&lab, &(struct vtd_lab_config){.name = "nothing there", .cap = ~0ull});
	assert_int_equal(vtd_ops.probe(&lab.unit), ERR_IO);
	lab_end(&lab);
}

/* Whichever page is the one too many, nothing of the unit has been changed. */
static void memory_may_end_at_any_page(void **state)
{
	for (const struct vtd_lab_config *u = lab_units; u->name; u++) {
		u64 pages = 0;
		int err = ERR_NOMEM;

		for (; err; pages++) {
			lab_build(&lab, u);
			lab.hv.size = pages * PAGE_SIZE;
			assert_int_equal(vtd_ops.block(&lab.devices[0], false), ERR_IO);
			err = vtd_ops.probe(&lab.unit);
			if (!err) {
				assert_int_equal(vtd_ops.block(&lab.devices[0], false), ERR_IO);
				err = vtd_ops.take_over(&lab.unit);
			}
			assert_true(!err || err == ERR_NOMEM);
			assert_int_equal(vtd_model_gsts(lab.model), 0);
			assert_int_equal(vtd_ops.attach(&lab.devices[0], &lab.domains[0]), ERR_IO);
			lab_end(&lab);
		}
		assert_true(pages > 6);
	}
}

static void enabling_blocks_everything(void **state)
{
	for (const struct vtd_lab_config *u = lab_units; u->name; u++) {
		struct vtd_model_irq irq;

		lab_start(&lab, u);
		assert_int_equal(lab.unit.state, IOMMU_UNIT_ENABLED);
		assert_int_equal(vtd_model_gsts(lab.model), TES | RTPS | QIES | IRES | IRTPS);
		for (u32 rid = 0; rid < 0x300; rid++) {
			assert_false(
			    vtd_model_dma(lab.model, (u16)rid, 0x1000, VTDM_READ, NULL, NULL));
			assert_false(
			    vtd_model_dma(lab.model, (u16)rid, 0x1000, VTDM_WRITE, NULL, NULL));
			assert_false(vtd_model_msi(lab.model, (u16)rid, 0xfee00018, 0, &irq, NULL));
			assert_false(
			    vtd_model_msi(lab.model, (u16)rid, 0xfee00000, 0x41, &irq, NULL));
		}
		lab_end(&lab);
	}
}

static void dma_alone_where_interrupts_are_not_remapped(void **state)
{
	u16 first;

	lab_start(&lab, &(struct vtd_lab_config){.name = "no IR",
						 .cap = VTDM_CAP_DESKTOP,
						 .ecap = VTDM_ECAP_DESKTOP & ~VTDM_IR});
	assert_false(lab.unit.caps.irq_remapping);
	assert_int_equal(vtd_model_gsts(lab.model), TES | RTPS | QIES);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_read(&lab, 0, 0), A);
	assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &first), ERR_UNSUPPORTED);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	lab_end(&lab);
}

/* ---- take-over ------------------------------------------------------------------------------- */

/* What firmware does, by hand: its registers and tables, in pages of its own. */
static struct mmio fw;
static u64 *fw_root, *fw_context, *fw_irt, *fw_ring;
static u32 fw_tail;

static u64 *fw_page(void)
{
	paddr_t p;

	assert_int_equal(pool_page(&lab.ws[1], &p), OK);
	return port_va(p);
}

static void fw_command(u32 bit, bool set)
{
	u32 now = port_mmio_read32(&fw, 0x1c) & 0x96ffffff;

	port_mmio_write32(&fw, 0x18, set ? now | bit : now & ~bit);
	for (u32 i = 0; i < 20; i++)
		port_relax();
}

static void fw_queue(u64 lo, u64 hi)
{
	fw_ring[2 * fw_tail] = lo;
	fw_ring[2 * fw_tail + 1] = hi;
	fw_tail++;
	port_wmb();
	port_mmio_write64(&fw, 0x88, fw_tail * 16);
	for (u32 i = 0; i < 20; i++)
		port_relax();
}

/* Translating 00:02.0 to itself (pass-through), interrupt entry 5 open to all, PMRs on. */
static void firmware(bool protect)
{
	assert_int_equal(port_mmio_map(PADDR(LAB_REGISTERS), 0x1000, &fw), OK);
	fw_root = fw_page();
	fw_context = fw_page();
	fw_irt = fw_page();
	fw_ring = fw_page();
	fw_tail = 0;
	fw_root[0] = port_pa(fw_context).v | 1;
	fw_context[2 * 0x10] = 2 << 2 | 1;
	fw_context[2 * 0x10 + 1] = 2 | 7 << 8;
	fw_irt[2 * 5] = 1 | 0x66 << 16;
	port_wmb();
	if (protect) {
		port_mmio_write32(&fw, 0x68, 0);
		port_mmio_write32(&fw, 0x6c, 0xffffffff);
		port_mmio_write32(&fw, 0x64, 1u << 31);
	}
	port_mmio_write64(&fw, 0x90, port_pa(fw_ring).v);
	fw_command(QIES, true);
	port_mmio_write64(&fw, 0x20, port_pa(fw_root).v);
	fw_command(RTPS, true);
	fw_queue(1 | 1 << 4, 0);
	fw_queue(5 | 1 << 5 | 1 << 6, port_pa(fw_page()).v);
	fw_queue(2 | 1 << 4, 0);
	fw_command(TES, true);
	port_mmio_write64(&fw, 0xb8, port_pa(fw_irt).v | 1 << 11 | 7);
	fw_command(IRTPS, true);
	fw_queue(4, 0);
	fw_command(IRES, true);
	fw_command(CFIS, true);
}

static void a_unit_the_firmware_uses_is_taken_over(void **state)
{
	for (u32 late = 0; late <= 4; late += 4) {
		struct vtd_lab_config u = *LAB_DESKTOP;
		struct vtd_model_irq irq;
		struct iommu_fault f;

		u.late = late;
		lab_build(&lab, &u);
		firmware(true);
		assert_int_equal(vtd_model_pmen(lab.model) & 1, 1);
		assert_true(vtd_model_dma(lab.model, 0x10, A, VTDM_READ, NULL, NULL));
		assert_true(vtd_model_msi(lab.model, 0x10, 0xfee000b0, 0, &irq, NULL));
		/* Faults nobody took. */
		for (u32 i = 0; i < 2; i++)
			assert_false(vtd_model_dma(lab.model, 0x18, A, VTDM_READ, NULL, NULL));

		assert_int_equal(vtd_ops.probe(&lab.unit), OK);
		assert_int_equal(vtd_ops.take_over(&lab.unit), OK);
		/* Until enable() the firmware's tables rule, and its protected memory. */
		assert_int_equal(vtd_model_gsts(lab.model) & (TES | IRES | QIES), TES | IRES);
		assert_true(vtd_model_dma(lab.model, 0x10, A, VTDM_READ, NULL, NULL));
		assert_false(vtd_model_dma(lab.model, 0x10, 0x1000, VTDM_READ, NULL, NULL));
		assert_int_equal(vtd_ops.enable(&lab.unit), OK);
		assert_int_equal(vtd_model_gsts(lab.model), TES | RTPS | QIES | IRES | IRTPS);
		assert_int_equal(vtd_model_pmen(lab.model), 0);
		assert_int_equal(lab_faults(&lab, NULL), 0);
		assert_int_equal(lab_read(&lab, 0, A), 0);
		assert_false(vtd_model_msi(lab.model, 0x10, 0xfee000b0, 0, &irq, NULL));
		/* The unit goes on at its third record. */
		vtd_model_fault(lab.model, 0x18, 2, C, false);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, A);
		assert_int_equal(f.kind, IOMMU_FAULT_BLOCKED);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, 5);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, C);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
		lab_domains(&lab);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_write(&lab, 0, 0), A);
		lab_end(&lab);
	}
}

static void protected_memory_opens_after_translation(void **state)
{
	lab_build(&lab, LAB_DESKTOP);
	assert_int_equal(port_mmio_map(PADDR(LAB_REGISTERS), 0x1000, &fw), OK);
	port_mmio_write32(&fw, 0x6c, 0xffffffff);
	port_mmio_write32(&fw, 0x64, 1u << 31);
	assert_false(vtd_model_dma(lab.model, 0x10, 0x1000, VTDM_READ, NULL, NULL));
	/* The model tells when the ranges open before translation is on. */
	assert_int_equal(start_from_probe(), OK);
	assert_int_equal(vtd_model_pmen(lab.model), 0);
	lab_domains(&lab);
	assert_int_equal(lab_map(&lab, 0, 0, 0x1000, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_write(&lab, 0, 0), 0x1000);
	lab_end(&lab);
}

static void another_interrupt_mode_is_changed_over(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;

	u.xapic = true;
	lab_build(&lab, &u);
	firmware(false);
	assert_int_equal(start_from_probe(), OK);
	assert_int_equal(vtd_model_gsts(lab.model), TES | RTPS | QIES | IRES | IRTPS);
	lab_end(&lab);
}

static void a_queue_left_in_error_is_stopped(void **state)
{
	lab_build(&lab, LAB_DESKTOP);
	firmware(false);
	fw_queue(0xf, 0);
	assert_int_equal(vtd_model_fsts(lab.model) & 0x10, 0x10);
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(vtd_ops.take_over(&lab.unit), OK);
	assert_int_equal(vtd_model_fsts(lab.model), 0);
	assert_int_equal(vtd_ops.enable(&lab.unit), OK);
	assert_int_equal(lab_read(&lab, 0, A), 0);
	vtd_model_free(lab.model); /* the firmware broke rules, by design */
	lab.model = NULL;
}

static void firmware_in_scalable_mode_is_followed(void **state)
{
	struct vtd_lab_config u = {.name = "both modes",
				   .cap = VTDM_CAP_DESKTOP,
				   .ecap = VTDM_ECAP_DESKTOP | VTDM_SMTS | VTDM_SLTS | VTDM_SMPWC,
				   .late = 1};
	u64 *root;

	lab_build(&lab, &u);
	assert_int_equal(port_mmio_map(PADDR(LAB_REGISTERS), 0x1000, &fw), OK);
	root = fw_page();
	fw_ring = fw_page();
	port_mmio_write64(&fw, 0x90, port_pa(fw_ring).v | 1 << 11);
	fw_command(QIES, true);
	port_mmio_write64(&fw, 0x20, port_pa(root).v | 1 << 10);
	fw_command(RTPS, true);
	for (u32 i = 0; i < 3; i++) {
		static const u64 global[] = {1 | 1 << 4, 7 | 3 << 4, 2 | 1 << 4};

		fw_ring[8 * i] = global[i];
		fw_ring[8 * i + 4] = 5 | 1 << 5 | 1 << 6;
		fw_ring[8 * i + 5] = port_pa(root).v + 0xff8;
		port_wmb();
		port_mmio_write64(&fw, 0x88, 64 * (i + 1));
		for (u32 n = 0; n < 20; n++)
			port_relax();
	}
	fw_command(TES, true);
	/* The model tells when the mode changes while translating. */
	assert_int_equal(start_from_probe(), OK);
	assert_int_equal(vtd_model_gsts(lab.model) & TES, TES);
	lab_domains(&lab);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_write(&lab, 0, 0), A);
	lab_end(&lab);
}

/* ---- the queue in trouble -------------------------------------------------------------------- */

static void a_refused_descriptor_is_written_again(void **state)
{
	struct iommu_fault f;

	for (u32 late = 0; late <= 3; late += 3) {
		struct vtd_lab_config u = *LAB_DESKTOP;

		u.late = late;
		lab_start(&lab, &u);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_write(&lab, 0, 0), A);
		vtd_model_refuse(lab.model, 1);
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
		assert_int_equal(lab_write(&lab, 0, 0), 0);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_COMMAND);
		assert_int_equal(f.code, 3);
		assert_false(f.has_rid || f.has_address || f.lost);
		assert_int_equal(lab.unit.state, IOMMU_UNIT_ENABLED);
		lab_end(&lab);
	}
}

static void a_unit_that_refuses_twice_is_given_up(void **state)
{
	u64 in_use;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_write(&lab, 0, 0), A);
	in_use = lab.ws[0].in_use;
	vtd_model_refuse(lab.model, 2);
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), ERR_IO);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	/* What was not flushed is not given back, and nobody is attached any more. */
	assert_int_equal(lab.ws[0].in_use, in_use);
	assert_int_equal(lab_attach(&lab, 1, 0), ERR_IO);
	assert_int_equal(lab_block(&lab, 0, false), ERR_IO);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_ATTACHED);
	/* The last word is a queue started anew. */
	assert_int_equal(vtd_ops.quiesce(&lab.unit), OK);
	assert_int_equal(lab_write(&lab, 0, 0), 0);
	lab_end(&lab);
}

/* A command has an end, unlike an invalidation: the unit is given up, and quiescing goes on. */
static void a_unit_deaf_to_commands_is_given_up(void **state)
{
	lab_build(&lab, LAB_DESKTOP);
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(vtd_ops.take_over(&lab.unit), OK);
	vtd_model_hang_commands(lab.model);
	assert_int_equal(vtd_ops.enable(&lab.unit), ERR_TIMEOUT);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	lab_end(&lab);

	lab_start(&lab, &(struct vtd_lab_config){.name = "write buffers",
						 .cap = VTDM_CAP_DESKTOP | VTDM_RWBF,
						 .ecap = VTDM_ECAP_DESKTOP & ~VTDM_C});
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	vtd_model_hang_commands(lab.model);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), ERR_TIMEOUT);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	assert_int_equal(lab_attach(&lab, 1, 0), ERR_IO);
	lab_end(&lab);
}

/* The driver's own findings are kept until asked for; the first after a loss tells of it. */
static void findings_overflow_like_records(void **state)
{
	struct iommu_fault f;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	for (u32 i = 0; i < 20; i++) {
		vtd_model_refuse(lab.model, 1);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	}
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_COMMAND);
		assert_false(f.lost);
	}
	assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
	for (u32 i = 0; i < 2; i++) {
		vtd_model_refuse(lab.model, 1);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.lost, i == 0);
	}
	lab_end(&lab);
}

static void a_stray_answer_is_reported(void **state)
{
	struct iommu_fault f;

	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 1, 0xe1), OK);
	vtd_model_stray_answer(lab.model, 0x0018);
	assert_int_equal(vtd_model_counts(lab.model)->fault_events, 1);
	assert_int_equal(lab_faults(&lab, &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_DEVICE_TLB);
	assert_int_equal(f.rid, 0x0018);
	assert_true(f.has_rid);
	assert_int_equal(vtd_model_fsts(lab.model), 0);
	lab_end(&lab);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void fault_events_go_to_the_host_core(void **state)
{
	const struct vtd_model_counts *n;

	lab_start(&lab, LAB_DESKTOP);
	n = vtd_model_counts(lab.model);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(n->fault_events, 0);
	/* Armed with a record pending, the event comes at once. */
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 0x12345, 0xe1), OK);
	assert_int_equal(n->fault_events, 1);
	assert_int_equal(n->fault_data, 0xe1);
	assert_int_equal(n->fault_address, 0x12300fee45000ull);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(n->fault_events, 1);
	assert_int_equal(lab_faults(&lab, NULL), 4);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(n->fault_events, 2);
	/* To another core, while it is on. */
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 2, 0xe2), OK);
	assert_int_equal(lab_faults(&lab, NULL), 1);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(n->fault_data, 0xe2);
	assert_int_equal(n->fault_address, 0xfee02000);
	lab_end(&lab);

	lab_start(&lab, &(struct vtd_lab_config){.name = "xAPIC",
						 .cap = VTDM_CAP_DESKTOP,
						 .ecap = VTDM_ECAP_DESKTOP,
						 .xapic = true});
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 0x100, 0xe1), ERR_RANGE);
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 0xff, 0xe1), ERR_RANGE);
	assert_int_equal(vtd_ops.arm_faults(&lab.unit, 0xfe, 0xe1), OK);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(vtd_model_counts(lab.model)->fault_address, 0xfeefe000);
	lab_end(&lab);
}

static void records_come_in_order_and_lost_ones_are_told(void **state)
{
	struct iommu_fault f;

	lab_start(&lab, LAB_DESKTOP);
	for (u32 round = 0; round < 7; round++) {
		for (u32 i = 0; i < 3; i++)
			assert_int_equal(lab_write(&lab, i, (round * 8 + i) * 0x1000), 0);
		for (u32 i = 0; i < 3; i++) {
			assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
			assert_int_equal(f.rid, lab.rids[i][0]);
			assert_int_equal(f.address, (round * 8 + i) * 0x1000);
			assert_true(f.write && f.has_rid && f.has_address);
			assert_false(f.lost);
			assert_string_equal(f.reason, "context entry not present");
		}
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
	}
	/* Four records; the fifth fault finds no place. */
	for (u32 i = 0; i < 50; i++)
		assert_int_equal(lab_read(&lab, 0, i * 0x1000), 0);
	assert_int_equal(vtd_model_counts(lab.model)->faults_lost, 46);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, i * 0x1000);
		assert_false(f.lost);
	}
	assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
	assert_int_equal(vtd_model_fsts(lab.model), 0);
	assert_int_equal(lab_read(&lab, 1, 0), 0);
	assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
	assert_true(f.lost);
	assert_int_equal(f.rid, lab.rids[1][0]);
	assert_int_equal(lab_read(&lab, 1, 0), 0);
	assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
	assert_false(f.lost);
	/* Records taken and filled in turn keep their order. */
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(lab_read(&lab, 0, i * 0x1000), 0);
	for (u32 i = 0; i < 12; i++) {
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, i * 0x1000);
		assert_int_equal(lab_read(&lab, 0, (i + 4) * 0x1000), 0);
	}
	lab_end(&lab);
}

/* Where the next record will be is the unit's choice whenever there is none. */
static void records_are_found_wherever_they_are(void **state)
{
	struct vtd_lab_config u = *LAB_DESKTOP;
	struct iommu_fault f;

	u.restarts_records = true;
	lab_start(&lab, &u);
	for (u32 n = 1; n <= 4; n++) {
		for (u32 i = 0; i < n; i++)
			assert_int_equal(lab_read(&lab, i % 3, (n * 8 + i) * 0x1000), 0);
		for (u32 i = 0, seen = 0; i < n; i++) {
			assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
			assert_int_equal(f.kind, IOMMU_FAULT_BLOCKED);
			seen |= 1u << (f.address / 0x1000 - n * 8);
			assert_int_equal(__builtin_popcount(seen), i + 1);
		}
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
	}
	lab_end(&lab);
}

/* Every reason number there can be: each is told as something, in words. */
static void every_reason_has_a_meaning(void **state)
{
	static const struct {
		u8 code;
		enum iommu_fault_kind kind;
	} known[] = {
	    {0x02, IOMMU_FAULT_BLOCKED},
	    {0x04, IOMMU_FAULT_ADDRESS_WIDTH},
	    {0x05, IOMMU_FAULT_WRITE},
	    {0x06, IOMMU_FAULT_READ},
	    {0x07, IOMMU_FAULT_TABLE_ACCESS},
	    {0x0c, IOMMU_FAULT_STRUCTURE},
	    {0x0d, IOMMU_FAULT_TRANSLATION_REQUEST},
	    {0x0f, IOMMU_FAULT_OTHER},
	    {0x20, IOMMU_FAULT_INTERRUPT},
	    {0x25, IOMMU_FAULT_INTERRUPT_COMPAT},
	    {0x2f, IOMMU_FAULT_OTHER},
	    {0x30, IOMMU_FAULT_STRUCTURE},
	    {0x59, IOMMU_FAULT_BLOCKED},
	    {0x79, IOMMU_FAULT_NOT_PRESENT},
	    {0x87, IOMMU_FAULT_STRUCTURE},
	    {0xff, IOMMU_FAULT_OTHER},
	};
	struct iommu_fault f;

	lab_start(&lab, LAB_DESKTOP);
	for (u32 code = 1; code < 256; code++) {
		bool interrupt = code >= 0x20 && code <= 0x2f;

		vtd_model_fault(lab.model, 0x1234, (u8)code, 0x77000000009000, code & 1);
		assert_int_equal(lab_faults(&lab, &f), 1);
		assert_int_equal(f.code, code);
		assert_non_null(f.reason);
		assert_int_equal(f.rid, 0x1234);
		assert_int_equal(f.address, interrupt ? 0x77 : 0x77000000009000);
		assert_int_equal(f.write, interrupt || code & 1);
		for (u32 i = 0; i < ARRAY_SIZE(known); i++)
			if (known[i].code == code)
				assert_int_equal(f.kind, known[i].kind);
	}
	lab_end(&lab);
}

static void one_record_register_and_records_beyond_the_page(void **state)
{
	struct iommu_fault f;

	lab_start(&lab, &(struct vtd_lab_config){
			    .name = "one record",
			    .cap = (VTDM_CAP_DESKTOP & ~(VTDM_NFR(256) | VTDM_FRO(0x3ff0))) |
				   VTDM_FRO(0x220),
			    .ecap = VTDM_ECAP_DESKTOP});
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(lab_read(&lab, 2, 0x5000), 0);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.address, 0x5000);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
	}
	lab_end(&lab);

	lab_start(&lab, &(struct vtd_lab_config){.name = "records in the second page",
						 .cap = (VTDM_CAP_DESKTOP & ~VTDM_FRO(0x3ff0)) |
							VTDM_FRO(0x1000),
						 .ecap = VTDM_ECAP_DESKTOP});
	assert_int_equal(lab_read(&lab, 2, 0x5000), 0);
	assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
	assert_int_equal(f.address, 0x5000);
	lab_end(&lab);
}

/* ---- quiesce --------------------------------------------------------------------------------- */

/* Of the first bus' context table, which lies behind the root table. */
static u64 first_context_entry(void)
{
	struct mmio regs;
	u64 root;

	assert_int_equal(port_mmio_map(PADDR(LAB_REGISTERS), 0x1000, &regs), OK);
	root = port_mmio_read64(&regs, 0x20) & ~0xfffull;
	return *(u64 *)port_va(PADDR(root + PAGE_SIZE));
}

static void quiescing_blocks_and_stays_on(void **state)
{
	for (const struct vtd_lab_config *u = lab_units; u->name; u++) {
		struct iommu_irq irq = {.apic_id = 1, .vector = 0x40};
		struct iommu_message m;
		struct vtd_model_irq got;
		u64 in_use, iec;
		u16 i;

		lab_start(&lab, u);
		assert_int_equal(vtd_ops.arm_faults(&lab.unit, 1, 0xe1), OK);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		lab.devices[0].nrids = 2;
		lab.rids[0][1] = 0;
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(first_context_entry() & 1, 1);
		assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &i), OK);
		assert_int_equal(i, 0);
		assert_int_equal(vtd_ops.irq_set(&lab.devices[0], i, &irq), OK);
		assert_int_equal(vtd_ops.irq_message(&lab.devices[0], i, &m), OK);
		assert_int_equal(lab_write(&lab, 0, 0), A);
		assert_true(vtd_model_msi(lab.model, 0x10, m.msi_address, m.msi_data, &got, NULL));
		in_use = lab.hv.in_use + lab.ws[0].in_use;
		iec = vtd_model_counts(lab.model)->iec_global;
		assert_int_equal(vtd_ops.quiesce(&lab.unit), OK);
		assert_int_equal(vtd_model_counts(lab.model)->iec_global, iec + 1);
		assert_int_equal(lab.hv.in_use + lab.ws[0].in_use, in_use);
		assert_int_equal(lab.unit.state, IOMMU_UNIT_QUIET);
		assert_int_equal(vtd_model_gsts(lab.model), TES | RTPS | IRES | IRTPS);
		assert_int_equal(lab_write(&lab, 0, 0), 0);
		assert_false(vtd_model_msi(lab.model, 0x10, m.msi_address, m.msi_data, &got, NULL));
		assert_int_equal(vtd_model_counts(lab.model)->fault_events, 0);
		/* Nothing beside the tables was touched: who owns which entry, a context table. */
		assert_int_equal(vtd_ops.irq_message(&lab.devices[0], i, &m), OK);
		assert_int_equal(first_context_entry() & 1, 1);
		lab_end(&lab);
	}
}

/* From a crash, with a unit that has stopped: it ends, and says that it was in vain. */
static void quiescing_a_hung_unit_ends(void **state)
{
	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	vtd_model_hang(lab.model);
	assert_int_equal(vtd_ops.quiesce(&lab.unit), ERR_TIMEOUT);
	vtd_model_free(lab.model);
	lab.model = NULL;
	lab_build(&lab, LAB_DESKTOP);
	assert_int_equal(vtd_ops.quiesce(&lab.unit), ERR_BUSY);
	assert_int_equal(vtd_ops.probe(&lab.unit), OK);
	assert_int_equal(vtd_ops.quiesce(&lab.unit), ERR_BUSY);
	lab_end(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(capabilities_are_read_and_nothing_written),
	    cmocka_unit_test(what_a_unit_lacks_is_said),
	    cmocka_unit_test(memory_may_end_at_any_page),
	    cmocka_unit_test(enabling_blocks_everything),
	    cmocka_unit_test(dma_alone_where_interrupts_are_not_remapped),
	    cmocka_unit_test(a_unit_the_firmware_uses_is_taken_over),
	    cmocka_unit_test(protected_memory_opens_after_translation),
	    cmocka_unit_test(another_interrupt_mode_is_changed_over),
	    cmocka_unit_test(a_queue_left_in_error_is_stopped),
	    cmocka_unit_test(firmware_in_scalable_mode_is_followed),
	    cmocka_unit_test(a_refused_descriptor_is_written_again),
	    cmocka_unit_test(a_unit_that_refuses_twice_is_given_up),
	    cmocka_unit_test(a_unit_deaf_to_commands_is_given_up),
	    cmocka_unit_test(findings_overflow_like_records),
	    cmocka_unit_test(a_stray_answer_is_reported),
	    cmocka_unit_test(fault_events_go_to_the_host_core),
	    cmocka_unit_test(records_come_in_order_and_lost_ones_are_told),
	    cmocka_unit_test(records_are_found_wherever_they_are),
	    cmocka_unit_test(every_reason_has_a_meaning),
	    cmocka_unit_test(one_record_register_and_records_beyond_the_page),
	    cmocka_unit_test(quiescing_blocks_and_stays_on),
	    cmocka_unit_test(quiescing_a_hung_unit_ends),
	};

	return cmocka_run_group_tests_name("vtd unit", tests, NULL, NULL);
}
