/* iommu/amdvi: what devices reach, and no longer reach, through the device table and its caches. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/amdvi_rig.h"
#include "tests/fake/view.h"

static struct rig rig;

static struct iommu_device *dev, *other;
static struct iommu_domain *dom;

/* One device attached to a domain that has 2 MiB of guest 0's memory at 0. */
static void start(const struct amdvi_model_config *c)
{
	rig_start(&rig, c);
	dev = rig_device(&rig, 0, 0x0100, 8);
	other = rig_device(&rig, 0, 0x0208, 8);
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	rig_attach(&rig, dev, dom);
}

static void an_attached_device_reaches_what_is_mapped(void **state)
{
	start(NULL);
	assert_int_equal(dev->state, IOMMU_DEV_ATTACHED);
	assert_ptr_equal(dev->domain, dom);
	assert_true(rig_reaches(dev, 0x1234, false, RIG_GUEST(0) + 0x1234));
	assert_true(rig_reaches(dev, 0x1234, true, RIG_GUEST(0) + 0x1234));
	assert_true(rig_blocked(dev, MIB(2), false));
	assert_true(rig_blocked(dev, 1ull << 48, false));
	assert_true(rig_blocked(dev, ~0xfffull, true));
	assert_true(rig_blocked(other, 0x1000, false));
	rig_end(&rig);
}

static void leaves_of_every_size_and_right(void **state)
{
	start(NULL);
	rig_map(&rig, dom, GIB(1), GIB(16), GIB(1), PT_R);
	rig_map(&rig, dom, GIB(2), GIB(17), MIB(2), PT_W);
	rig_map(&rig, dom, GIB(3), GIB(18), PAGE_SIZE, PT_RW);
	assert_true(rig_reaches(dev, GIB(1) + 0x3fffff07, false, GIB(16) + 0x3fffff07));
	assert_true(rig_blocked(dev, GIB(1), true));
	assert_true(rig_reaches(dev, GIB(2) + 0x1ff001, true, GIB(17) + 0x1ff001));
	assert_true(rig_blocked(dev, GIB(2), false));
	assert_true(rig_reaches(dev, GIB(3) + 0xfff, true, GIB(18) + 0xfff));
	assert_true(rig_blocked(dev, GIB(3) + PAGE_SIZE, true));
	rig_end(&rig);
}

static void a_blocked_device_reaches_nothing_and_may_come_back(void **state)
{
	start(NULL);
	for (u32 i = 0; i < 3; i++) {
		assert_true(rig_reaches(dev, 0x1000, true, RIG_GUEST(0) + 0x1000));
		rig_block(&rig, dev);
		assert_int_equal(dev->state, IOMMU_DEV_BLOCKED);
		assert_null(dev->domain);
		assert_null(dev->priv);
		assert_true(rig_blocked(dev, 0x1000, true));
		assert_true(rig_blocked(dev, 0x1000, false));
		assert_int_equal(amdvi_ops.block(dev, i & 1), OK); /* again, from blocked */
		assert_true(rig_blocked(dev, 0x1000, false));
		rig_attach(&rig, dev, dom);
	}
	rig_end(&rig);
}

/* A domain's id and table pages serve another owner: nothing of the first must be left cached. */
static void an_id_given_again_brings_nothing_along(void **state)
{
	struct iommu_domain *next;

	start(NULL);
	rig_map(&rig, dom, GIB(1), GIB(16), GIB(1), PT_RW);
	for (u64 at = 0; at < MIB(2); at += PAGE_SIZE)
		assert_true(rig_reaches(dev, at, true, RIG_GUEST(0) + at));
	assert_true(rig_reaches(dev, GIB(1), true, GIB(16)));
	rig_block(&rig, dev);
	rig_domain_end(&rig, dom);
	next = rig_domain(&rig, 1, 1);
	rig_map(&rig, next, MIB(1), RIG_GUEST(1), PAGE_SIZE, PT_RW);
	rig_attach(&rig, other, next);
	assert_true(rig_blocked(other, 0, true));
	assert_true(rig_blocked(other, GIB(1), false));
	assert_true(rig_reaches(other, MIB(1), true, RIG_GUEST(1)));
	rig_end(&rig);
}

/* Blocking must flush pages itself: the owner of the id may be the same table moved elsewhere. */
static void blocking_leaves_no_page_of_the_domain_cached(void **state)
{
	start(NULL);
	assert_true(rig_reaches(dev, 0x1000, true, RIG_GUEST(0) + 0x1000));
	rig_block(&rig, dev);

	/* Another table under the same id, with no flush of the common code in between. */
	struct pt old = dom->pt;

	assert_int_equal(pt_init(&dom->pt, amdvi_ops.format, &rig.ws[1], 4, PT_LEAF_1G, true), OK);
	rig_attach(&rig, dev, dom);
	assert_true(rig_blocked(dev, 0x1000, true));
	assert_true(old.root.v != dom->pt.root.v);
	rig_end(&rig);
}

/* ---- unmapping ------------------------------------------------------------------------------- */

static void unmapped_is_gone_and_the_rest_stays(void **state)
{
	start(NULL);
	rig_map(&rig, dom, GIB(1), GIB(16), GIB(1), PT_RW);
	assert_true(rig_reaches(dev, GIB(1) + MIB(5), true, GIB(16) + MIB(5)));
	rig_unmap(&rig, dom, GIB(1) + MIB(5), PAGE_SIZE); /* splits the large leaf */
	assert_true(rig_blocked(dev, GIB(1) + MIB(5), true));
	assert_true(
	    rig_reaches(dev, GIB(1) + MIB(5) + PAGE_SIZE, true, GIB(16) + MIB(5) + PAGE_SIZE));
	assert_true(rig_reaches(dev, GIB(1), true, GIB(16)));
	rig_unmap(&rig, dom, GIB(1), GIB(1));
	assert_true(rig_blocked(dev, GIB(1), true));
	assert_true(rig_blocked(dev, GIB(1) + MIB(5) + PAGE_SIZE, true));
	assert_true(rig_reaches(dev, 0, true, RIG_GUEST(0)));
	rig_end(&rig);
}

static void lost_rights_are_lost(void **state)
{
	struct iommu_change c = {.lo = 0, .hi = MIB(2) - 1, .removed = true};

	start(NULL);
	assert_true(rig_reaches(dev, 0x1000, true, RIG_GUEST(0) + 0x1000));
	assert_int_equal(pt_protect(&dom->pt, 0, MIB(2), PT_R), OK);
	assert_int_equal(amdvi_ops.flush(&rig.unit[0], dom, &c), OK);
	assert_true(rig_blocked(dev, 0x1000, true));
	assert_true(rig_reaches(dev, 0x1000, false, RIG_GUEST(0) + 0x1000));
	rig_end(&rig);
}

/* Another workstation's caches are not touched. */
static void the_flush_is_the_domains_own(void **state)
{
	struct iommu_domain *second;
	u64 n;

	start(NULL);
	second = rig_domain(&rig, 1, 2);
	rig_map(&rig, second, 0, RIG_GUEST(1), MIB(2), PT_RW);
	rig_attach(&rig, other, second);
	assert_true(rig_reaches(other, 0, true, RIG_GUEST(1)));
	n = amdvi_model_commands(rig.model[0]);
	rig_unmap(&rig, dom, 0, MIB(2));
	for (; n < amdvi_model_commands(rig.model[0]); n++) {
		struct amdvi_model_command c = amdvi_model_command(rig.model[0], n);

		if (c.opcode == AMDVI_MODEL_INVALIDATE_PAGES)
			assert_int_equal(c.id, 1);
		else
			assert_int_equal(c.opcode, AMDVI_MODEL_COMPLETION_WAIT);
	}
	assert_true(rig_reaches(other, 0, true, RIG_GUEST(1)));
	assert_true(rig_blocked(dev, 0, true));
	rig_end(&rig);
}

/* Any range: covered by the command, and by no more than the smallest aligned power of two. */
static void the_range_of_the_command_covers_the_change(void **state)
{
	u64 seed = 1;

	start(NULL);
	for (u32 i = 0; i < 600; i++) {
		struct iommu_change c = {.removed = true, .tables = i & 1};
		struct amdvi_model_command cmd;
		u32 bits;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bits = 12 + (u32)(seed >> 33) % 51;
		c.lo = seed >> (63 - bits) & ~0xfffull;
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bits = 12 + (u32)(seed >> 33) % 40;
		c.hi = c.lo + ((seed >> (63 - bits)) & ~0xfffull) + 0xfff;
		assert_int_equal(amdvi_ops.flush(&rig.unit[0], dom, &c), OK);
		cmd = amdvi_model_command(rig.model[0], amdvi_model_commands(rig.model[0]) - 2);
		assert_int_equal(cmd.opcode, AMDVI_MODEL_INVALIDATE_PAGES);
		assert_int_equal(cmd.tables, i & 1);
		assert_true(cmd.lo <= c.lo && cmd.hi >= c.hi);
		if (cmd.hi - cmd.lo > 0xfff && cmd.hi != ~0ull) {
			u64 half = (cmd.hi - cmd.lo) / 2 + 1;

			assert_true(c.lo / half != c.hi / half);
		}
	}
	rig_end(&rig);
}

/* ---- a device that attacks while the unit is slow -------------------------------------------- */

struct attack {
	struct iommu_device *dev;
	u64 iova, step, count;
	u64 allowed_lo, allowed_hi; /* where it may land at any time */
	u64 hits, escapes;
};

static void attack_step(void *ctx)
{
	struct attack *a = ctx;

	for (u64 i = 0; i < a->count; i++) {
		u64 reached;

		if (!amdvi_model_dma(rig_bdf(a->dev), a->iova + i * a->step, true, &reached))
			continue;
		a->hits++;
		if (reached < a->allowed_lo || reached >= a->allowed_hi)
			a->escapes++;
	}
}

/*
 * While commands complete late, freed table pages must not be in anybody's hands: the device walks
 * through cached non-leaf entries into whatever they hold by then.
 */
static void freed_tables_are_not_reused_before_the_unit_forgot_them(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct attack attack;

	c.late = true;
	c.delay = 3;
	start(&c);
	attack = (struct attack){.dev = dev,
				 .iova = GIB(1),
				 .step = PAGE_SIZE,
				 .count = 4,
				 .allowed_lo = RIG_GUEST(0),
				 .allowed_hi = RIG_GUEST(1)};
	amdvi_model_on_relax(attack_step, &attack);
	for (u32 round = 0; round < 20; round++) {
		rig_map(&rig, dom, GIB(1), RIG_GUEST(0), 4 * PAGE_SIZE, PT_RW);
		attack_step(&attack);
		rig_unmap(&rig, dom, GIB(1), 4 * PAGE_SIZE);
		attack.hits = 0;
		attack_step(&attack);
		assert_int_equal(attack.hits, 0);
		/* The pages return as tables of another shape at once. */
		rig_map(&rig, dom, GIB(3) + round * GIB(1), RIG_GUEST(0) + MIB(1), PAGE_SIZE,
			PT_RW);
		attack_step(&attack);
		assert_int_equal(attack.hits, 0);
	}
	assert_int_equal(attack.escapes, 0);
	rig_end(&rig);
}

/* From attach to block, with the device asking all the time, every request is all or nothing. */
static void attach_and_block_are_atomic_to_the_device(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct attack attack;
	struct iommu_domain *second;

	c.late = true;
	start(&c);
	second = rig_domain(&rig, 1, 2);
	rig_map(&rig, second, 0, RIG_GUEST(1), MIB(2), PT_RW);
	attack = (struct attack){.dev = dev,
				 .iova = 0,
				 .step = PAGE_SIZE,
				 .count = 2,
				 .allowed_lo = RIG_GUEST(0),
				 .allowed_hi = RIG_GUEST(1)};
	amdvi_model_on_relax(attack_step, &attack);
	for (u32 round = 0; round < 10; round++) {
		struct iommu_domain *to = round & 1 ? dom : second;
		u64 guest = RIG_GUEST(round & 1 ? 0 : 1);

		rig_block(&rig, dev);
		attack.hits = 0;
		attack_step(&attack);
		assert_int_equal(attack.hits, 0);
		attack.allowed_lo = guest;
		attack.allowed_hi = guest + GIB(1);
		rig_attach(&rig, dev, to);
		attack.hits = 0;
		attack_step(&attack);
		assert_int_equal(attack.hits, 2);
	}
	assert_int_equal(attack.escapes, 0);
	rig_end(&rig);
}

/* ---- absent entries that are cached ---------------------------------------------------------- */

static void a_unit_that_caches_absence_is_told_of_new_pages(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	u64 n;

	c.np_cache = true;
	start(&c);
	assert_true(rig_blocked(dev, MIB(4), true));
	rig_map(&rig, dom, MIB(4), RIG_GUEST(0) + MIB(4), MIB(2), PT_RW);
	assert_true(rig_reaches(dev, MIB(4), true, RIG_GUEST(0) + MIB(4)));
	rig_end(&rig);

	/* Others need no command for that, only order. */
	start(NULL);
	n = amdvi_model_commands(rig.model[0]);
	assert_true(rig_blocked(dev, MIB(4), true));
	rig_map(&rig, dom, MIB(4), RIG_GUEST(0) + MIB(4), MIB(2), PT_RW);
	assert_true(rig_reaches(dev, MIB(4), true, RIG_GUEST(0) + MIB(4)));
	assert_int_equal(amdvi_model_commands(rig.model[0]), n);
	rig_end(&rig);
}

/* ---- requester ids --------------------------------------------------------------------------- */

static void aliases_are_attached_and_blocked_with_their_device(void **state)
{
	struct bdf behind = {.bus = 5, .devfn = 0x18}, bridge = {.bus = 5, .devfn = 0};
	u64 reached;

	rig_start(&rig, NULL);
	dev = rig_device(&rig, 0, 0x0518, 4);
	rig.rids[0][1] = 0x0500; /* the bridge's secondary side */
	rig.rids[0][2] = 0x0420; /* the bridge */
	dev->nrids = 3;
	dom = rig_domain(&rig, 0, 1);
	rig_map(&rig, dom, 0, RIG_GUEST(0), MIB(2), PT_RW);
	amdvi_model_alias(behind, bridge);
	assert_false(amdvi_model_dma(behind, 0, true, &reached));
	rig_attach(&rig, dev, dom);
	assert_true(amdvi_model_dma(behind, 0, true, &reached));
	assert_true(amdvi_model_dma((struct bdf){.bus = 4, .devfn = 0x20}, 0, true, &reached));
	rig_block(&rig, dev);
	assert_false(amdvi_model_dma(behind, 0, true, &reached));
	assert_false(amdvi_model_dma((struct bdf){.bus = 4, .devfn = 0x20}, 0, true, &reached));
	rig_end(&rig);
}

static void an_id_in_use_is_not_given_twice(void **state)
{
	struct iommu_device *twin;

	start(NULL);
	twin = rig_device(&rig, 0, 0x0300, 1);
	rig.rids[2][1] = 0x0100;
	twin->nrids = 2;
	assert_int_equal(amdvi_ops.attach(twin, rig_domain(&rig, 1, 2)), ERR_BUSY);
	assert_int_equal(twin->state, IOMMU_DEV_BLOCKED);
	assert_true(rig_reaches(dev, 0, true, RIG_GUEST(0)));
	assert_true(rig_blocked(twin, 0, true));
	assert_int_equal(amdvi_ops.attach(dev, dom), ERR_BUSY);
	rig_end(&rig);
}

/* What lies behind a device's ids in memory is no id of it. */
static void only_its_own_ids_are_touched(void **state)
{
	struct iommu_domain *second;
	struct iommu_device *next;
	u64 before;

	start(NULL);
	rig.rids[2][0] = 0x0300;
	next = rig_device(&rig, 0, 0x0300, 1);
	rig.rids[2][1] = 0x0100; /* dev's */
	second = rig_domain(&rig, 1, 2);
	rig_map(&rig, second, 0, RIG_GUEST(1), MIB(2), PT_RW);
	before = amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB);
	rig_attach(&rig, next, second);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB),
			 before + 1);
	assert_true(rig_reaches(next, 0, true, RIG_GUEST(1)));
	assert_true(rig_reaches(dev, 0, true, RIG_GUEST(0)));
	rig_block(&rig, next);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_DEVTAB),
			 before + 2);
	assert_true(rig_blocked(next, 0, true));
	assert_true(rig_reaches(dev, 0, true, RIG_GUEST(0)));
	rig_end(&rig);
}

static void domains_the_unit_cannot_express_are_refused(void **state)
{
	struct iommu_domain *bad;

	start(NULL);
	bad = rig_domain(&rig, 1, 0);
	assert_int_equal(amdvi_ops.attach(other, bad), ERR_INVAL);
	bad->id = 2;
	bad->pt.levels = 5; /* the unit has four */
	assert_int_equal(amdvi_ops.attach(other, bad), ERR_INVAL);
	bad->pt.levels = 0;
	assert_int_equal(amdvi_ops.attach(other, bad), ERR_INVAL);
	assert_true(rig_blocked(other, 0, true));
	rig_end(&rig);
}

static void six_levels_where_the_unit_has_them(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.features |= AMDVI_MODEL_HATS(6);
	rig_start(&rig, &c);
	dev = rig_device(&rig, 0, 0x0100, 1);
	dom = rig_domain(&rig, 0, 1);
	assert_int_equal(pt_init(&dom->pt, amdvi_ops.format, &rig.ws[0], 6, PT_LEAF_1G, true), OK);
	rig_map(&rig, dom, 0xfffffffffffff000ull, RIG_GUEST(0), PAGE_SIZE, PT_RW);
	rig_attach(&rig, dev, dom);
	assert_true(rig_reaches(dev, 0xfffffffffffff123ull, true, RIG_GUEST(0) + 0x123));
	rig_unmap(&rig, dom, 0xfffffffffffff000ull, PAGE_SIZE);
	assert_true(rig_blocked(dev, 0xfffffffffffff123ull, true));
	rig_end(&rig);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void an_exhausted_grant_leaves_nothing_behind(void **state)
{
	rig_start(&rig, NULL);
	dev = rig_device(&rig, 0, 0x0100, 512); /* a page and a run of two */
	dom = rig_domain(&rig, 0, 1);
	for (u64 left = 0; left <= 4; left++) {
		u64 used, page = dom->pt.root.v;
		int err;

		pool_init(&rig.ws[0], PADDR(page + PAGE_SIZE), MIB(1) - PAGE_SIZE);
		rig.ws[0].next = rig.ws[0].size - left * PAGE_SIZE;
		used = rig.ws[0].in_use;
		dev->next = dom->devices;
		err = amdvi_ops.attach(dev, dom);
		if (!err) {
			assert_true(left >= 3);
			assert_int_equal(amdvi_ops.block(dev, false), OK);
		} else {
			assert_int_equal(err, ERR_NOMEM);
			assert_true(left < 4);
		}
		assert_int_equal(rig.ws[0].in_use, used);
		assert_int_equal(dev->state, IOMMU_DEV_BLOCKED);
		assert_null(dev->priv);
		assert_true(rig_blocked(dev, 0, true));
	}
	rig_end(&rig);
}

/* Forty thousand random steps against a table of what must be reachable. */
static void random_life_matches_a_simple_reference(void **state)
{
	enum { PAGES = 24, STEPS = 40000 };
	struct amdvi_model_config c = rig_config(0);
	u64 mapped[2][PAGES] = {{0}};
	bool writable[2][PAGES] = {{0}};
	struct iommu_domain *doms[2];
	struct iommu_device *devs[2];
	int home[2] = {-1, -1};
	u64 seed = 42;

	rig_init(&rig, &c, NULL);
	amdvi_model_reset();
	fake_machine_reset();
	fake_view_init(RIG_RAM, RIG_SIZE, false); /* long runs: order is checked elsewhere */
	rig.model[0] = amdvi_model_add(&c);
	rig_enable(&rig);
	for (u32 i = 0; i < 2; i++) {
		devs[i] = rig_device(&rig, 0, (u16)(0x100 + 8 * i), 1);
		doms[i] = rig_domain(&rig, i, (u16)(i + 1));
	}
	for (u32 step = 0; step < STEPS; step++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		u32 r = (u32)(seed >> 33), d = r & 1, p = (r >> 1) % PAGES, w = r >> 8 & 1;
		/* Pages in three clusters that share tables and leaves differently. */
		u64 iova = (p < 8 ? 0 : p < 16 ? MIB(2) : GIB(1)) + (p % 8) * PAGE_SIZE, reached;

		switch (r >> 9 & 7) {
		case 0:
		case 1:
			if (mapped[d][p])
				break;
			mapped[d][p] = RIG_GUEST(d) + (u64)(r >> 12 & 0xff) * PAGE_SIZE;
			writable[d][p] = w;
			rig_map(&rig, doms[d], iova, mapped[d][p], PAGE_SIZE, w ? PT_RW : PT_R);
			break;
		case 2:
			rig_unmap(&rig, doms[d], iova, PAGE_SIZE);
			mapped[d][p] = 0;
			break;
		case 3:
			if (home[d] < 0) {
				home[d] = (int)w;
				rig_attach(&rig, devs[d], doms[w]);
			} else {
				rig_block(&rig, devs[d]);
				home[d] = -1;
			}
			break;
		default: {
			bool expect =
			    home[d] >= 0 && mapped[home[d]][p] && (!w || writable[home[d]][p]);

			assert_int_equal(amdvi_model_dma(rig_bdf(devs[d]), iova, w, &reached),
					 expect);
			if (expect)
				assert_int_equal(reached, mapped[home[d]][p]);
		}
		}
	}
	rig_end(&rig);
}

/* ---- ATS ------------------------------------------------------------------------------------- */

static void start_ats(void)
{
	start(NULL);
	rig_block(&rig, dev);
	dev->ats = true;
	dev->ats_queue = 8;
	rig_attach(&rig, dev, dom);
}

static void translated_requests_need_leave(void **state)
{
	struct iommu_fault f;
	u64 reached;

	start(NULL);
	assert_false(amdvi_model_ats_request(rig_bdf(dev), 0));
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), 0, true, &reached));
	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 1);
	assert_int_equal(f.kind, IOMMU_FAULT_TRANSLATION_REQUEST);
	start_ats();
	assert_true(amdvi_model_ats_request(rig_bdf(dev), 0));
	assert_true(amdvi_model_ats_dma(rig_bdf(dev), 0x10, true, &reached));
	assert_int_equal(reached, RIG_GUEST(0) + 0x10);
	rig_end(&rig);
}

static void device_tlbs_are_emptied(void **state)
{
	u64 reached, asked;

	start_ats();
	rig_map(&rig, dom, MIB(8), RIG_GUEST(0) + MIB(8), PAGE_SIZE, PT_RW);
	assert_true(amdvi_model_ats_request(rig_bdf(dev), 0));
	assert_true(amdvi_model_ats_request(rig_bdf(dev), MIB(8)));
	asked = amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_IOTLB);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), 0, true, &reached));
	assert_true(amdvi_model_ats_dma(rig_bdf(dev), MIB(8), true, &reached));
	rig_block(&rig, dev);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), MIB(8), true, &reached));
	rig_block(&rig, dev);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_IOTLB), asked + 2);
	/* The next owner allows ATS too: nothing must be left in the device. */
	rig_attach(&rig, dev, dom);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), MIB(8), true, &reached));
	rig_end(&rig);
}

static u32 count_faults(enum iommu_fault_kind kind)
{
	struct iommu_fault f;
	u32 n = 0;

	while (amdvi_ops.poll(&rig.unit[0], &f) == 1)
		n += f.kind == kind;
	return n;
}

static void a_tlb_that_does_not_answer_costs_the_device_its_place(void **state)
{
	u64 reached, asked;

	start_ats();
	rig_attach(&rig, other, dom);
	assert_true(amdvi_model_ats_request(rig_bdf(dev), 0));
	amdvi_model_ats_mute(rig_bdf(dev), true);
	asked = amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_IOTLB);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	/* Asked once: each time costs all workstations the unit's patience. */
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_IOTLB), asked + 1);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), 0, true, &reached));
	assert_true(rig_blocked(dev, 0x1000, true));
	assert_true(rig_reaches(other, 0x1000, true, RIG_GUEST(0) + 0x1000));
	assert_true(count_faults(IOMMU_FAULT_DEVICE_TLB) >= 1);

	/* Reset and given back, its old silence does not count against it. */
	dom->devices = other;
	other->next = NULL;
	amdvi_model_ats_mute(rig_bdf(dev), false);
	rig_attach(&rig, dev, dom);
	rig_unmap(&rig, dom, 0x1000, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_ATTACHED);
	rig_end(&rig);
}

/* Blocking does not wait for an answer for ever, and ends translated requests all the same. */
static void a_mute_device_can_be_blocked(void **state)
{
	u64 reached;

	start_ats();
	assert_true(amdvi_model_ats_request(rig_bdf(dev), 0));
	amdvi_model_ats_mute(rig_bdf(dev), true);
	rig_block(&rig, dev);
	assert_int_equal(dev->state, IOMMU_DEV_BLOCKED);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), 0, true, &reached));
	rig_end(&rig);
}

/* The record of the time-out was lost: silence cannot be told from an answer. */
static void a_flooded_log_does_not_hide_a_mute_device(void **state)
{
	u64 reached;

	start_ats();
	assert_true(amdvi_model_ats_request(rig_bdf(dev), 0));
	amdvi_model_ats_mute(rig_bdf(dev), true);
	for (u32 i = 0; i < 600; i++)
		assert_true(rig_blocked(other, 0x1000, true));
	assert_true(amdvi_model_register(rig.model[0], 0x2020) & 1);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_false(amdvi_model_ats_dma(rig_bdf(dev), 0, true, &reached));
	rig_end(&rig);
}

static void one_fault(void *ctx)
{
	(void)rig_blocked(other, 0x1000, true);
}

/* Records of others in between, and a second device with a TLB that does answer. */
static void only_the_mute_device_pays(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct iommu_device *second;

	c.late = true;
	start(&c);
	rig_block(&rig, dev);
	second = rig_device(&rig, 0, 0x0300, 1);
	dev->ats = second->ats = true;
	rig_attach(&rig, dev, dom);
	rig_attach(&rig, second, dom);
	amdvi_model_on_relax(one_fault, NULL);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_ATTACHED);
	assert_int_equal(second->state, IOMMU_DEV_ATTACHED);
	amdvi_model_ats_mute(rig_bdf(dev), true);
	rig_unmap(&rig, dom, 0x1000, PAGE_SIZE);
	amdvi_model_on_relax(NULL, NULL);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_int_equal(second->state, IOMMU_DEV_ATTACHED);
	assert_true(rig_reaches(second, 0x2000, true, RIG_GUEST(0) + 0x2000));
	rig_end(&rig);
}

/* A log that had overflowed before is emptied, so that the answer can be seen. */
static void a_flooded_log_is_no_reason_by_itself(void **state)
{
	struct amdvi_model_config c = rig_config(0);
	struct iommu_fault f;

	c.late = c.late_events = true;
	start(&c);
	rig_block(&rig, dev);
	dev->ats = true;
	rig_attach(&rig, dev, dom);
	for (u32 i = 0; i < 600; i++)
		assert_true(rig_blocked(other, 0x1000, true));
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_ATTACHED);
	assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 0);
	for (u64 i = 0; i < 600; i++) {
		assert_true(rig_blocked(other, 0x700000 + i * PAGE_SIZE, true));
		assert_int_equal(amdvi_ops.poll(&rig.unit[0], &f), 1);
		assert_int_equal(f.address, 0x700000 + i * PAGE_SIZE);
		assert_int_equal(f.lost, !i);
	}
	rig_end(&rig);
}

static void flood(void *ctx)
{
	for (u32 i = 0; i < 600; i++)
		(void)rig_blocked(other, 0x1000, true);
}

static void a_log_flooded_all_the_time_counts_as_silence(void **state)
{
	struct amdvi_model_config c = rig_config(0);

	c.late = true;
	start(&c);
	rig_block(&rig, dev);
	dev->ats = true;
	rig_attach(&rig, dev, dom);
	amdvi_model_on_relax(flood, NULL);
	rig_unmap(&rig, dom, 0, PAGE_SIZE);
	assert_int_equal(dev->state, IOMMU_DEV_SILENCED);
	assert_int_equal(amdvi_model_count(rig.model[0], AMDVI_MODEL_INVALIDATE_IOTLB), 3);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attached_device_reaches_what_is_mapped),
	    cmocka_unit_test(leaves_of_every_size_and_right),
	    cmocka_unit_test(a_blocked_device_reaches_nothing_and_may_come_back),
	    cmocka_unit_test(an_id_given_again_brings_nothing_along),
	    cmocka_unit_test(blocking_leaves_no_page_of_the_domain_cached),
	    cmocka_unit_test(unmapped_is_gone_and_the_rest_stays),
	    cmocka_unit_test(lost_rights_are_lost),
	    cmocka_unit_test(the_flush_is_the_domains_own),
	    cmocka_unit_test(the_range_of_the_command_covers_the_change),
	    cmocka_unit_test(freed_tables_are_not_reused_before_the_unit_forgot_them),
	    cmocka_unit_test(attach_and_block_are_atomic_to_the_device),
	    cmocka_unit_test(a_unit_that_caches_absence_is_told_of_new_pages),
	    cmocka_unit_test(aliases_are_attached_and_blocked_with_their_device),
	    cmocka_unit_test(an_id_in_use_is_not_given_twice),
	    cmocka_unit_test(only_its_own_ids_are_touched),
	    cmocka_unit_test(domains_the_unit_cannot_express_are_refused),
	    cmocka_unit_test(six_levels_where_the_unit_has_them),
	    cmocka_unit_test(an_exhausted_grant_leaves_nothing_behind),
	    cmocka_unit_test(random_life_matches_a_simple_reference),
	    cmocka_unit_test(translated_requests_need_leave),
	    cmocka_unit_test(device_tlbs_are_emptied),
	    cmocka_unit_test(a_tlb_that_does_not_answer_costs_the_device_its_place),
	    cmocka_unit_test(a_mute_device_can_be_blocked),
	    cmocka_unit_test(a_flooded_log_does_not_hide_a_mute_device),
	    cmocka_unit_test(only_the_mute_device_pays),
	    cmocka_unit_test(a_flooded_log_is_no_reason_by_itself),
	    cmocka_unit_test(a_log_flooded_all_the_time_counts_as_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
