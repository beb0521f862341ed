/* VT-d driver: what a device can reach, on every kind of unit the model knows. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/view.h"
#include "tests/fake/vtd_lab.h"

#define A 0x200000000ull /* host memory the devices are led to; the model needs none there */
#define C 0x300000000ull

static struct vtd_lab lab;

/* Run a scenario on every unit. */
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

static u64 largest_leaf(void)
{
	return 1ull << (12 + 9 * (lab.unit.caps.leaf_max - 1));
}

SCENARIO(blocked_until_attached_and_after)
{
	struct iommu_fault f;

	assert_int_equal(lab_map(&lab, 0, 0x10000, A, 0x2000, PT_RW), OK);
	for (u32 d = 0; d < 3; d++) {
		assert_int_equal(lab_read(&lab, d, 0x10000), 0);
		assert_int_equal(lab_faults(&lab, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_BLOCKED);
		assert_int_equal(f.rid, lab.rids[d][0]);
		assert_int_equal(f.address, 0x10000);
		assert_false(f.write);
	}
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_ATTACHED);
	assert_int_equal(lab_read(&lab, 0, 0x10010), A + 0x10);
	assert_int_equal(lab_write(&lab, 0, 0x11ff8), A + 0x1ff8);
	assert_int_equal(lab_read(&lab, 1, 0x10000), 0);
	assert_int_equal(lab_read(&lab, 2, 0x10000), 0);
	assert_int_equal(lab_write(&lab, 0, 0x12000), 0);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
	assert_null(lab.devices[0].domain);
	assert_int_equal(lab_read(&lab, 0, 0x10010), 0);
	assert_int_equal(lab_write(&lab, 0, 0x11ff8), 0);
}

SCENARIO(rights_are_those_given)
{
	struct iommu_fault f;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x1000, PT_R), OK);
	assert_int_equal(lab_map(&lab, 0, 0x2000, A, 0x1000, PT_W), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A);
	assert_int_equal(lab_write(&lab, 0, 0x1000), 0);
	assert_int_equal(lab_faults(&lab, &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_WRITE);
	assert_true(f.write);
	assert_int_equal(lab_write(&lab, 0, 0x2000), A);
	assert_int_equal(lab_read(&lab, 0, 0x2000), 0);
	assert_int_equal(lab_faults(&lab, &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_READ);
	assert_int_equal(lab_read(&lab, 0, 1ull << 47), 0);
	assert_int_equal(lab_faults(&lab, &f), 1);
	/* Taking a right away reaches what the device has used already. */
	assert_int_equal(lab_protect(&lab, 0, 0x2000, 0x1000, PT_R), OK);
	assert_int_equal(lab_write(&lab, 0, 0x2000), 0);
	assert_int_equal(lab_read(&lab, 0, 0x2000), A);
}

SCENARIO(domains_are_apart)
{
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x10000, PT_RW), OK);
	assert_int_equal(lab_map(&lab, 1, 0, C, 0x10000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	assert_int_equal(lab_attach(&lab, 2, 0), OK);
	for (u64 at = 0; at < 0x10000; at += 0x1000) {
		assert_int_equal(lab_read(&lab, 0, at), A + at);
		assert_int_equal(lab_read(&lab, 1, at), C + at);
		assert_int_equal(lab_read(&lab, 2, at), A + at);
	}
	assert_int_equal(lab_unmap(&lab, 1, 0, 0x10000), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A + 0x1000);
	assert_int_equal(lab_read(&lab, 1, 0x1000), 0);
}

/* Touched, so cached; then gone, in every size and with a large leaf cut open. */
SCENARIO(unmapping_reaches_every_cache)
{
	static const u64 sizes[] = {0x1000, 0x3000, MIB(2), MIB(6), GIB(1)};
	u64 leaf = largest_leaf();

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	for (u32 i = 0; i < ARRAY_SIZE(sizes) - (leaf == PAGE_SIZE ? 2 : 0); i++) {
		u64 at = GIB(2) - 0x1000 * (sizes[i] < MIB(2)), last = at + sizes[i] - 0x1000;

		assert_int_equal(lab_map(&lab, 0, at, GIB(8), sizes[i], PT_RW), OK);
		assert_int_equal(lab_read(&lab, 0, at), GIB(8));
		assert_int_equal(lab_write(&lab, 0, last), GIB(8) + sizes[i] - 0x1000);
		assert_int_equal(lab_unmap(&lab, 0, at, sizes[i]), OK);
		assert_int_equal(lab_read(&lab, 0, at), 0);
		assert_int_equal(lab_write(&lab, 0, last), 0);
	}
	if (leaf == PAGE_SIZE)
		return;
	assert_int_equal(lab_map(&lab, 0, leaf, GIB(8), leaf, PT_RW), OK);
	assert_int_equal(lab_read(&lab, 0, leaf + 0x5000), GIB(8) + 0x5000);
	assert_int_equal(lab_unmap(&lab, 0, leaf + 0x5000, 0x1000), OK);
	assert_int_equal(lab_read(&lab, 0, leaf + 0x5000), 0);
	assert_int_equal(lab_read(&lab, 0, leaf + 0x4000), GIB(8) + 0x4000);
	assert_int_equal(lab_read(&lab, 0, leaf + leaf - 8), GIB(8) + leaf - 8);
}

SCENARIO(remapping_leads_to_the_new_place)
{
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	for (u64 i = 0; i < 40; i++) {
		u64 at = i % 5 * 0x1000;

		assert_int_equal(lab_map(&lab, 0, at, A + i * 0x1000, 0x1000, PT_RW), OK);
		assert_int_equal(lab_read(&lab, 0, at), A + i * 0x1000);
		assert_int_equal(lab_unmap(&lab, 0, at, 0x1000), OK);
		assert_int_equal(lab_read(&lab, 0, at), 0);
	}
}

/* Table pages come back for other use: no walk may go through them any more. */
SCENARIO(freed_tables_are_out_of_reach)
{
	u64 in_use = lab.ws[0].in_use;

	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	in_use = lab.ws[0].in_use;
	assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A);
	assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x1000), OK);
	assert_int_equal(lab.ws[0].in_use, in_use);
	for (u32 n = 0; n < 8; n++) {
		paddr_t page;
		u64 *evil;

		assert_int_equal(pool_page(&lab.ws[0], &page), OK);
		evil = port_va(page);
		for (u32 i = 0; i < 512; i++)
			evil[i] = C | 3;
	}
	port_wmb();
	fake_view_evict();
	fake_view_drain();
	for (u64 at = 0; at < 0x3000; at += 0x1000) {
		assert_int_equal(lab_read(&lab, 0, at), 0);
		assert_int_equal(lab_write(&lab, 0, at), 0);
	}
}

SCENARIO(moving_a_device_leaves_nothing_behind)
{
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x4000, PT_RW), OK);
	assert_int_equal(lab_map(&lab, 1, 0, C, 0x2000, PT_RW), OK);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_read(&lab, 0, 0x3000), A + 0x3000);
		assert_int_equal(lab_read(&lab, 0, 0x1000), A + 0x1000);
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_int_equal(lab_read(&lab, 0, 0x1000), 0);
		assert_int_equal(lab_attach(&lab, 0, 1), OK);
		assert_int_equal(lab_read(&lab, 0, 0x1000), C + 0x1000);
		assert_int_equal(lab_read(&lab, 0, 0x3000), 0);
		assert_int_equal(lab_block(&lab, 0, true), OK);
		assert_int_equal(lab_read(&lab, 0, 0x1000), 0);
	}
}

/* A domain's number is used again with another table: none of the old is left under it. */
SCENARIO(a_domain_number_can_be_used_again)
{
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x4000, PT_RW), OK);
	assert_int_equal(lab_map(&lab, 1, 0, C, 0x2000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_read(&lab, 0, 0x3000), A + 0x3000);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	lab.domains[1].id = lab.domains[0].id;
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	assert_int_equal(lab_read(&lab, 1, 0x1000), C + 0x1000);
	assert_int_equal(lab_read(&lab, 1, 0x3000), 0);
}

SCENARIO(requests_under_way_have_landed)
{
	bool dw, dr;

	if (!(lab.config.cap & VTDM_DWD))
		return;
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x2000, PT_RW), OK);
	assert_true(vtd_model_dma_slow(lab.model, lab.rids[0][0], 0x1000, VTDM_WRITE, &dw));
	assert_true(vtd_model_dma_slow(lab.model, lab.rids[0][0], 0x2000, VTDM_READ, &dr));
	assert_false(dw || dr);
	assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x2000), OK);
	assert_true(dw && dr);
	assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x2000, PT_RW), OK);
	assert_true(vtd_model_dma_slow(lab.model, lab.rids[0][0], 0x1000, VTDM_WRITE, &dw));
	assert_true(vtd_model_dma_slow(lab.model, lab.rids[0][0], 0x1000, VTDM_READ, &dr));
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_true(dw && dr);
}

SCENARIO(every_requester_id_of_a_device_follows)
{
	struct iommu_device *d = &lab.devices[0];

	assert_int_equal(lab_map(&lab, 1, 0x1000, C, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	for (u32 n = 2; n < LAB_RIDS; n = n == 2 ? 12 : LAB_RIDS - 1 + (n > 12)) {
		d->nrids = (u16)n;
		for (u32 i = 1; i < n; i++)
			lab.rids[0][i] = (u16)(i < 8 ? 0x10 + i : 0x0180 + i);
		assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		for (u32 i = 0; i < n; i++)
			assert_true(vtd_model_dma(lab.model, lab.rids[0][i], 0x1000, VTDM_WRITE,
						  NULL, NULL));
		assert_int_equal(lab_write(&lab, 1, 0x1000), C);
		assert_int_equal(lab_block(&lab, 0, false), OK);
		for (u32 i = 0; i < n; i++)
			assert_false(vtd_model_dma(lab.model, lab.rids[0][i], 0x1000, VTDM_WRITE,
						   NULL, NULL));
		assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x1000), OK);
	}
}

SCENARIO(a_silenced_device_makes_no_records)
{
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_write(&lab, 0, 0), A);
	assert_int_equal(lab_block(&lab, 0, true), OK);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_SILENCED);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(lab_write(&lab, 0, 0), 0);
	assert_int_equal(lab_faults(&lab, NULL), 0);
	/* Blocked again without silence it is heard again; a second time changes nothing. */
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
		assert_int_equal(lab_write(&lab, 0, 0), 0);
		assert_int_equal(lab_faults(&lab, NULL), 1);
	}
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_write(&lab, 0, 0), A);
}

/* Longer than the ring, in batches of all lengths. */
SCENARIO(the_queue_wraps)
{
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	for (u32 i = 0; i < 50; i++) {
		assert_int_equal(lab_map(&lab, 0, 0x1000, A + i * 0x1000, 0x1000, PT_RW), OK);
		assert_int_equal(lab_write(&lab, 0, 0x1000), A + i * 0x1000);
		assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x1000), OK);
		assert_int_equal(lab_write(&lab, 0, 0x1000), 0);
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
	}
	assert_true(vtd_model_counts(lab.model)->wraps > 0);
}

/* What a change costs is what it touches, where the unit can tell pages apart. */
static void invalidation_has_the_right_scope(void **state)
{
	const struct vtd_model_counts *n;
	u64 pages, waits;

	lab_start(&lab, LAB_DESKTOP);
	n = vtd_model_counts(lab.model);
	waits = n->wait;
	assert_int_equal(lab_block(&lab, 0, true), OK);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	assert_int_equal(n->wait, waits); /* absent entries are in no cache */
	assert_int_equal(lab_block(&lab, 1, false), OK);
	assert_int_equal(n->context_device, 1);
	assert_int_equal(n->context_domain, 0);
	assert_int_equal(n->iotlb_domain, 1);
	assert_int_equal(n->iec_global, 1); /* of enabling: it had no interrupts */
	lab.devices[1].nrids = 8;
	for (u16 i = 1; i < 8; i++)
		lab.rids[1][i] = 0x0018 + i;
	assert_int_equal(lab_attach(&lab, 1, 1), OK);
	assert_int_equal(lab_block(&lab, 1, false), OK);
	assert_int_equal(n->context_device, 9);
	assert_int_equal(n->context_domain, 0);
	lab_end(&lab);

	lab_start(&lab, LAB_DESKTOP);
	n = vtd_model_counts(lab.model);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0, A, MIB(4), PT_RW), OK);
	assert_int_equal(n->iotlb_domain + n->iotlb_page, 0);
	assert_int_equal(lab_unmap(&lab, 0, 0x5000, 0x1000), OK);
	pages = n->pages;
	assert_int_equal(n->iotlb_domain, 0);
	assert_true(pages >= 1 && pages <= 512);
	assert_int_equal(lab_unmap(&lab, 0, 0x6000, 0x1000), OK);
	assert_int_equal(n->pages, pages + 1);
	/* Told to, it flushes a domain no device uses any more: its number may go to another. */
	assert_int_equal(lab_map(&lab, 1, 0, C, 0x1000, PT_RW), OK);
	assert_int_equal(lab_unmap(&lab, 1, 0, 0x1000), OK);
	assert_int_equal(n->pages, pages + 2);
	lab_end(&lab);

	/* The largest mask there is is used, and no larger one. */
	lab_start(&lab, &(struct vtd_lab_config){.name = "masks up to 9",
						 .cap = (VTDM_CAP_DESKTOP & ~VTDM_MAMV(63)) |
							VTDM_MAMV(9),
						 .ecap = VTDM_ECAP_DESKTOP});
	n = vtd_model_counts(lab.model);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0, A, MIB(4), PT_RW), OK);
	assert_int_equal(lab_unmap(&lab, 0, 0, MIB(2)), OK);
	assert_int_equal(n->iotlb_domain, 0);
	assert_int_equal(n->pages, 512);
	assert_int_equal(lab_map(&lab, 0, 0, A, MIB(2), PT_RW), OK);
	assert_int_equal(lab_unmap(&lab, 0, 0, MIB(4)), OK);
	assert_int_equal(n->iotlb_domain, 1);
	lab_end(&lab);
}

/* Only leaves changed: the walk's way there stays cached, and is walked no more. */
static void tables_that_stay_are_not_invalidated(void **state)
{
	lab_start(&lab, LAB_DESKTOP);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x2000, PT_RW), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A + 0x1000);
	assert_int_equal(vtd_model_counts(lab.model)->steps, 4);
	assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A + 0x1000);
	assert_int_equal(vtd_model_counts(lab.model)->steps, 4);
	assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x1000), OK);
	assert_int_equal(lab_map(&lab, 0, 0x1000, A, 0x1000, PT_RW), OK);
	assert_int_equal(lab_read(&lab, 0, 0x1000), A);
	assert_int_equal(vtd_model_counts(lab.model)->steps, 8);
	lab_end(&lab);
}

static void what_cannot_be_is_refused(void **state)
{
	struct iommu_device *d = &lab.devices[0];

	lab_start(&lab, LAB_DESKTOP);
	lab.rids[0][1] = 0x0200; /* a bus that has no requesters */
	d->nrids = 2;
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_NOENT);
	assert_int_equal(d->state, IOMMU_DEV_BLOCKED);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	assert_int_equal(lab_faults(&lab, NULL), 1);
	assert_int_equal(vtd_ops.block(d, false), OK); /* it is, and stays so */
	d->nrids = 1;
	lab.domains[0].id = 0;
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_RANGE);
	lab.domains[0].id = 1;
	lab.domains[0].pt.levels = 5;
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_RANGE);
	lab.domains[0].pt.levels = 4;
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 0, 1), ERR_BUSY);
	assert_int_equal(d->domain->id, 1);
	lab_end(&lab);

	lab_start(&lab, &(struct vtd_lab_config){.name = "256 domains",
						 .cap = (VTDM_CAP_DESKTOP & ~7ull) | 2,
						 .ecap = VTDM_ECAP_DESKTOP & ~VTDM_DT});
	assert_int_equal(lab.unit.caps.max_domains, 256);
	lab.domains[0].id = 256;
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_RANGE);
	lab.domains[0].id = 255;
	d->ats = true;
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_UNSUPPORTED);
	d->ats = false;
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	lab_end(&lab);
}

static void scalable_mode_needs_memory_and_gives_it_back(void **state)
{
	u64 in_use;
	paddr_t page;
	u32 taken = 0;

	lab_start(&lab, &(struct vtd_lab_config){.name = "scalable",
						 .cap = VTDM_CAP_DESKTOP,
						 .ecap = VTDM_ECAP_DESKTOP | VTDM_SMTS | VTDM_SLTS |
							 VTDM_SMPWC,
						 .no_legacy = true});
	in_use = lab.ws[0].in_use;
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_true(lab.ws[0].in_use > in_use);
	assert_int_equal(lab_block(&lab, 0, false), OK);
	assert_int_equal(lab.ws[0].in_use, in_use);
	for (;; taken++) {
		if (lab.ws[0].size - lab.ws[0].in_use < 2 * PAGE_SIZE) {
			in_use = lab.ws[0].in_use;
			assert_int_equal(lab_attach(&lab, 0, 0), ERR_NOMEM);
			assert_int_equal(lab.ws[0].in_use, in_use);
			assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
			assert_int_equal(lab_read(&lab, 0, 0), 0);
		}
		if (pool_page(&lab.ws[0], &page))
			break;
	}
	assert_true(taken > 2);
	lab_end(&lab);
}

/* The unit fails in the middle of an op: the device is not let through, and nobody is told lies. */
static void a_failing_unit_lets_nothing_through(void **state)
{
	struct vtd_lab_config u = {
	    .name = "caching mode", .cap = VTDM_CAP_DESKTOP | VTDM_CM, .ecap = VTDM_ECAP_DESKTOP};

	lab_start(&lab, &u);
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
	vtd_model_refuse(lab.model, 2);
	assert_int_equal(lab_attach(&lab, 0, 0), ERR_IO);
	assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
	assert_int_equal(lab_read(&lab, 0, 0), 0);
	lab_end(&lab);

	lab_start(&lab, &u);
	vtd_model_refuse(lab.model, 2);
	assert_int_equal(lab_block(&lab, 0, true), ERR_IO);
	assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
	lab_end(&lab);

	/* Whichever descriptor of a detach is refused, the device is not called detached. */
	for (u32 after = 0; after < 14; after++) {
		bool with_irq = after >= 6; /* two descriptors more */
		struct iommu_irq irq = {.vector = 0x40};
		u16 i;

		lab_start(&lab, LAB_DESKTOP);
		lab.devices[0].ats = true;
		vtd_model_ats_device(lab.model, 0x10, 0x10, 32, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		if (with_irq) {
			assert_int_equal(vtd_ops.irq_alloc(&lab.devices[0], 1, &i), OK);
			assert_int_equal(vtd_ops.irq_set(&lab.devices[0], i, &irq), OK);
		}
		vtd_model_refuse_after(lab.model, with_irq ? after - 6 : after, 2);
		assert_int_equal(lab_block(&lab, 0, false), ERR_IO);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_ATTACHED);
		assert_int_equal(lab.unit.state, IOMMU_UNIT_FAILED);
		lab_end(&lab);
	}
}

/* A domain's devices sit behind two units: each is told of its own and no other's. */
static void two_units_serve_one_domain(void **state)
{
	struct vtd_model_config m = {.base = PADDR(LAB_REGISTERS + 0x10000),
				     .cap = VTDM_CAP_DESKTOP,
				     .ecap = VTDM_ECAP_DESKTOP};
	struct iommu_unit other;
	struct vtd_model *model;
	struct iommu_change all = {.hi = ~0ull, .removed = true};

	lab_start(&lab, LAB_DESKTOP);
	model = vtd_model_new(&m);
	other = lab.unit;
	other.desc.registers = m.base;
	assert_int_equal(vtd_ops.probe(&other), OK);
	assert_int_equal(vtd_ops.take_over(&other), OK);
	assert_int_equal(vtd_ops.enable(&other), OK);
	for (u32 d = 0; d < 3; d++) {
		lab.devices[d].ats = true;
		vtd_model_ats_device(d == 2 ? model : lab.model, lab.rids[d][0], lab.rids[d][0], 32,
				     true);
	}
	lab.devices[2].unit = &other;
	assert_int_equal(lab_map(&lab, 0, 0, A, 0x2000, PT_RW), OK);
	assert_int_equal(lab_attach(&lab, 0, 0), OK);
	assert_int_equal(lab_attach(&lab, 2, 0), OK);
	assert_true(vtd_model_dma(model, 0x0100, 0, VTDM_READ, NULL, NULL));
	assert_true(vtd_model_ats_translate(model, 0x0100, 0, VTDM_READ, NULL));
	assert_int_equal(pt_unmap(&lab.domains[0].pt, 0, 0x1000), OK);
	assert_int_equal(vtd_ops.flush(&lab.unit, &lab.domains[0], &all), OK);
	assert_int_equal(vtd_model_counts(lab.model)->dev_tlb, 1);
	assert_int_equal(vtd_model_counts(model)->dev_tlb, 0);
	assert_int_equal(vtd_ops.flush(&other, &lab.domains[0], &all), OK);
	assert_int_equal(vtd_model_counts(model)->dev_tlb, 1);
	assert_false(vtd_model_dma(model, 0x0100, 0, VTDM_READ, NULL, NULL));
	assert_false(vtd_model_ats_dma(model, 0x0100, 0, VTDM_READ, NULL));
	assert_int_equal(vtd_model_violations(model), 0);
	vtd_model_free(model);
	lab_end(&lab);
}

/* ---- device TLBs ----------------------------------------------------------------------------- */

static const struct vtd_lab_config ats_units[] = {
    {.name = "legacy", .cap = VTDM_CAP_DESKTOP, .ecap = VTDM_ECAP_DESKTOP, .late = 2},
    {.name = "throttling", .cap = VTDM_CAP_DESKTOP, .ecap = VTDM_ECAP_DESKTOP | VTDM_DIT},
    {.name = "anonymous time-outs",
     .cap = VTDM_CAP_DESKTOP,
     .ecap = VTDM_ECAP_DESKTOP,
     .anonymous_timeouts = true},
    {.name = "caching mode", .cap = VTDM_CAP_DESKTOP | VTDM_CM, .ecap = VTDM_ECAP_DESKTOP},
    {.name = "scalable",
     .cap = VTDM_CAP_DESKTOP,
     .ecap = VTDM_ECAP_DESKTOP | VTDM_SMTS | VTDM_SLTS | VTDM_SMPWC,
     .no_legacy = true,
     .late = 1},
    {.name = NULL},
};

static void with_ats(u32 dev, bool answers)
{
	lab.devices[dev].ats = true;
	lab.devices[dev].ats_queue = 4;
	lab.devices[dev].pf_rid = 0x0018;
	vtd_model_ats_device(lab.model, lab.rids[dev][0], 0x0018, 4, answers);
}

static bool ats_reach(u32 dev, u64 at)
{
	return vtd_model_ats_dma(lab.model, lab.rids[dev][0], at, VTDM_WRITE, NULL);
}

static bool ats_fill(u32 dev, u64 at)
{
	return vtd_model_ats_translate(lab.model, lab.rids[dev][0], at, VTDM_WRITE, NULL);
}

static void device_tlbs_are_kept_true(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		lab_start(&lab, u);
		with_ats(0, true);
		with_ats(1, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, MIB(4), PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_attach(&lab, 1, 0), OK);
		for (u64 at = 0; at < MIB(4); at += MIB(2)) {
			assert_true(ats_fill(0, at));
			assert_true(ats_fill(1, at));
			assert_true(ats_reach(0, at + 0x10));
		}
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
		assert_false(ats_reach(0, 0));
		assert_false(ats_reach(1, 0x10));
		assert_true(ats_reach(0, MIB(2)));
		assert_int_equal(lab_unmap(&lab, 0, MIB(1), MIB(3)), OK);
		assert_false(ats_reach(0, MIB(2)));
		assert_false(ats_fill(0, MIB(2)));
		assert_true(ats_fill(0, 0x1000));
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_false(ats_reach(0, 0x1000));
		assert_false(ats_fill(0, 0x1000));
		/* What the device has kept must be gone too: attached again it has to ask. */
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_false(ats_reach(0, 0x1000));
		assert_int_equal(lab.devices[1].state, IOMMU_DEV_ATTACHED);
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_BLOCKED);
		lab_end(&lab);
	}
}

static void a_device_without_ats_cannot_ask(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		struct iommu_fault f;

		lab_start(&lab, u);
		vtd_model_ats_device(lab.model, lab.rids[0][0], lab.rids[0][0], 4, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_write(&lab, 0, 0), A);
		assert_false(ats_fill(0, 0));
		assert_int_equal(lab_faults(&lab, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_TRANSLATION_REQUEST);
		lab_end(&lab);
	}
}

/* One device of a workstation stops answering: it loses its attachment, nobody else anything. */
static void a_dead_device_tlb_costs_that_device(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		struct iommu_fault f;
		u16 first;

		lab_start(&lab, u);
		for (u32 d = 0; d < 3; d++)
			with_ats(d, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x8000, PT_RW), OK);
		for (u32 d = 0; d < 3; d++) {
			assert_int_equal(lab_attach(&lab, d, 0), OK);
			assert_true(ats_fill(d, 0));
			assert_true(ats_fill(d, 0x4000));
		}
		with_ats(1, false);
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
		assert_int_equal(lab.devices[1].state, IOMMU_DEV_SILENCED);
		assert_null(lab.devices[1].domain);
		for (u32 d = 0; d < 3; d++)
			assert_false(ats_reach(d, 0));
		assert_false(ats_reach(1, 0x4000));
		assert_int_equal(lab_write(&lab, 1, 0x4000), 0);
		for (u32 d = 0; d < 3; d += 2) {
			assert_int_equal(lab.devices[d].state, IOMMU_DEV_ATTACHED);
			assert_true(ats_reach(d, 0x4000));
			assert_int_equal(lab_write(&lab, d, 0x4000), A + 0x4000);
			assert_int_equal(lab_write(&lab, d, 0), 0);
		}
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_DEVICE_TLB);
		assert_int_equal(f.rid, lab.rids[1][0]);
		/* The queue works on for all. */
		assert_int_equal(lab_unmap(&lab, 0, 0x4000, 0x1000), OK);
		assert_false(ats_reach(0, 0x4000));
		assert_int_equal(lab_block(&lab, 1, false), OK);
		(void)lab_faults(&lab, NULL);
		with_ats(0, false);
		with_ats(2, false);
		assert_int_equal(lab_unmap(&lab, 0, 0x5000, 0x1000), OK);
		for (u32 d = 0; d < 3; d++)
			assert_int_not_equal(lab.devices[d].state, IOMMU_DEV_ATTACHED);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		first = f.rid;
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_DEVICE_TLB);
		assert_int_equal(first + f.rid, lab.rids[0][0] + lab.rids[2][0]);
		assert_int_not_equal(first, f.rid);
		assert_int_equal(vtd_ops.poll(&lab.unit, &f), 0);
		lab_end(&lab);
	}
}

/* More requesters than a batch holds, half of them dead. */
static void a_crowd_of_device_tlbs(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		u64 waits;

		lab_start(&lab, u);
		lab.devices[0].nrids = LAB_RIDS - 1;
		for (u32 i = 1; i < LAB_RIDS - 1; i++)
			lab.rids[0][i] = (u16)(0x0180 + i);
		with_ats(0, true);
		for (u32 i = 1; i < LAB_RIDS - 1; i++)
			vtd_model_ats_device(lab.model, lab.rids[0][i], 0x0018, 4, true);
		with_ats(2, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x8000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 2, 0), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		for (u32 i = 0; i < LAB_RIDS - 1; i++)
			assert_true(
			    vtd_model_ats_translate(lab.model, lab.rids[0][i], 0, VTDM_READ, NULL));
		assert_true(ats_fill(2, 0));
		assert_true(ats_fill(2, 0x1000));
		waits = vtd_model_counts(lab.model)->wait;
		assert_int_equal(lab_unmap(&lab, 0, 0, 0x1000), OK);
		assert_true(vtd_model_counts(lab.model)->wait <= waits + 3);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_ATTACHED);
		for (u32 i = 0; i < LAB_RIDS - 1; i++)
			assert_false(
			    vtd_model_ats_dma(lab.model, lab.rids[0][i], 0, VTDM_READ, NULL));
		assert_false(ats_reach(2, 0));
		for (u32 i = 5; i < LAB_RIDS - 1; i += 2)
			vtd_model_ats_device(lab.model, lab.rids[0][i], 0x0018, 4, false);
		assert_int_equal(lab_unmap(&lab, 0, 0x1000, 0x1000), OK);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_SILENCED);
		assert_int_equal(lab.devices[2].state, IOMMU_DEV_ATTACHED);
		assert_false(ats_reach(2, 0x1000));
		assert_int_equal(lab_write(&lab, 2, 0x2000), A + 0x2000);
		assert_int_equal(lab_faults(&lab, NULL), 1);
		lab_end(&lab);
	}
}

static void mapping_does_not_trouble_device_tlbs(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		lab_start(&lab, u);
		with_ats(0, true);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x1000, PT_RW), OK);
		assert_int_equal(vtd_model_counts(lab.model)->dev_tlb, 0);
		assert_true(ats_fill(0, 0));
		lab_end(&lab);
	}
}

static void blocking_a_dead_device_succeeds(void **state)
{
	for (const struct vtd_lab_config *u = ats_units; u->name; u++) {
		struct iommu_fault f;

		lab_start(&lab, u);
		with_ats(0, true);
		assert_int_equal(lab_map(&lab, 0, 0, A, 0x8000, PT_RW), OK);
		assert_int_equal(lab_attach(&lab, 0, 0), OK);
		assert_true(ats_fill(0, 0));
		with_ats(0, false);
		assert_int_equal(lab_block(&lab, 0, false), OK);
		assert_int_equal(lab.devices[0].state, IOMMU_DEV_SILENCED);
		assert_false(ats_reach(0, 0));
		assert_int_equal(lab_faults(&lab, &f), 1);
		assert_int_equal(f.kind, IOMMU_FAULT_DEVICE_TLB);
		lab_end(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocked_until_attached_and_after),
	    cmocka_unit_test(rights_are_those_given),
	    cmocka_unit_test(domains_are_apart),
	    cmocka_unit_test(unmapping_reaches_every_cache),
	    cmocka_unit_test(remapping_leads_to_the_new_place),
	    cmocka_unit_test(freed_tables_are_out_of_reach),
	    cmocka_unit_test(moving_a_device_leaves_nothing_behind),
	    cmocka_unit_test(a_domain_number_can_be_used_again),
	    cmocka_unit_test(requests_under_way_have_landed),
	    cmocka_unit_test(every_requester_id_of_a_device_follows),
	    cmocka_unit_test(a_silenced_device_makes_no_records),
	    cmocka_unit_test(the_queue_wraps),
	    cmocka_unit_test(invalidation_has_the_right_scope),
	    cmocka_unit_test(tables_that_stay_are_not_invalidated),
	    cmocka_unit_test(what_cannot_be_is_refused),
	    cmocka_unit_test(a_failing_unit_lets_nothing_through),
	    cmocka_unit_test(two_units_serve_one_domain),
	    cmocka_unit_test(scalable_mode_needs_memory_and_gives_it_back),
	    cmocka_unit_test(device_tlbs_are_kept_true),
	    cmocka_unit_test(a_device_without_ats_cannot_ask),
	    cmocka_unit_test(a_dead_device_tlb_costs_that_device),
	    cmocka_unit_test(a_crowd_of_device_tlbs),
	    cmocka_unit_test(mapping_does_not_trouble_device_tlbs),
	    cmocka_unit_test(blocking_a_dead_device_succeeds),
	};

	return cmocka_run_group_tests_name("vtd dma", tests, NULL, NULL);
}
