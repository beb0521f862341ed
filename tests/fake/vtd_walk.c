/* The VT-d model's DMA path: table walks and the caches in front of them (VT-d 4.1 ch. 3, 6). */
#include <string.h>

#include "tests/fake/machine.h"
#include "tests/fake/vtd_model.h"

struct request {
	u16 rid;
	u64 addr;
	bool write;
};

struct result {
	u64 out, base, size; /* of the leaf */
	bool r, w;
	u8 reason; /* 0: let through */
	bool quiet;
};

/* ---- reads of tables ------------------------------------------------------------------------- */

static enum fake_view view_of(const struct vtd_model *m, bool coherent)
{
	if (vtdm_cap(m, VTDM_RWBF))
		return VIEW_BUFFERED;
	return coherent ? VIEW_SNOOP : VIEW_MEMORY;
}

bool vtdm_table_read(struct vtd_model *m, u64 pa, void *dst, size_t n)
{
	return fake_view_read(view_of(m, vtdm_ecap(m, VTDM_C)), PADDR(pa), dst, n);
}

bool vtdm_settled(struct vtd_model *m, u64 pa, u64 n)
{
	u8 written[PAGE_SIZE], seen[PAGE_SIZE];

	for (u64 at = pa; at < pa + n && fake_ram_has(PADDR(at), PAGE_SIZE); at += PAGE_SIZE) {
		port_copy_from(written, PADDR(at), PAGE_SIZE);
		if (!vtdm_table_read(m, at, seen, PAGE_SIZE) || memcmp(written, seen, PAGE_SIZE))
			return false;
	}
	return true;
}

/* In scalable mode another bit tells of the paging structures (§11.4.3, SMPWC). */
bool vtdm_paging_read(struct vtd_model *m, u64 pa, u64 *dst)
{
	bool coherent = vtdm_ecap(m, m->ttm == 1 ? VTDM_SMPWC : VTDM_C);

	return fake_view_read(view_of(m, coherent), PADDR(pa), dst, sizeof(*dst));
}

/* ---- caches ---------------------------------------------------------------------------------- */

void vtdm_drop_context(struct vtd_model *m, bool all, bool by_rid, u16 did, u16 rid, u8 fm)
{
	static const u16 ignore[] = {0, 4, 6, 7};

	for (u32 i = 0; i < CONTEXTS; i++) {
		struct ctx *c = &m->ctx[i];
		bool same_rid = !((c->rid ^ rid) & ~ignore[fm]);

		/* Scalable context entries carry no domain id (§6.2.2.1). */
		if (!c->used || c->pasid)
			continue;
		if (all || ((m->ttm == 1 || c->did == did) && (!by_rid || same_rid)))
			c->used = false;
	}
}

void vtdm_drop_pasid(struct vtd_model *m, bool all, u16 did)
{
	for (u32 i = 0; i < CONTEXTS; i++)
		if (m->ctx[i].pasid && (all || m->ctx[i].did == did))
			m->ctx[i].used = false;
}

static bool overlaps(u64 a, u64 asize, u64 b, u64 bsize)
{
	return a <= b + (bsize - 1) && b <= a + (asize - 1);
}

/* size 0: every address. */
void vtdm_drop_tlb(struct vtd_model *m, bool all, u16 did, u64 base, u64 size, bool keep_tables)
{
	for (u32 i = 0; i < TLB; i++) {
		struct tlb *t = &m->tlb[i];

		if (t->used &&
		    (all || (t->did == did && (!size || overlaps(t->base, t->size, base, size)))))
			t->used = false;
	}
	for (u32 i = 0; i < PDES && !keep_tables; i++) {
		struct pde *p = &m->pde[i];

		if (p->used &&
		    (all || (p->did == did && (!size || overlaps(p->base, p->size, base, size)))))
			p->used = false;
	}
}

static struct ctx *find_ctx(struct vtd_model *m, u16 rid, bool pasid)
{
	for (u32 i = 0; i < CONTEXTS; i++)
		if (m->ctx[i].used && m->ctx[i].rid == rid && m->ctx[i].pasid == pasid)
			return &m->ctx[i];
	return NULL;
}

/* Present entries always, others in caching mode, tagged with domain 0 (§6.1). */
static void keep_ctx(struct vtd_model *m, struct ctx c, u16 rid, bool pasid)
{
	if (!c.present && !vtdm_cap(m, VTDM_CM))
		return;
	c.used = true;
	c.rid = rid;
	c.pasid = pasid;
	m->ctx[m->ctx_next++ % CONTEXTS] = c;
}

/* ---- contexts -------------------------------------------------------------------------------- */

static struct ctx absent(u8 reason, bool fpd)
{
	return (struct ctx){.reason = reason, .fpd = fpd};
}

static bool domain_ok(const struct vtd_model *m, u64 did)
{
	unsigned width = 4 + 2 * (unsigned)bits(m->config.cap, 2, 0);

	return !(did >> (width > 16 ? 16 : width)) && (did || !vtdm_cap(m, VTDM_CM));
}

static struct ctx legacy_context(struct vtd_model *m, u16 rid)
{
	u64 root[2], e[2];
	struct ctx c = {0};

	if (!vtdm_table_read(m, m->root + 16ull * (rid >> 8), root, 16))
		return absent(R_ROOT_ACCESS, false);
	if (!(root[0] & 1))
		return absent(R_ROOT_ABSENT, false);
	if (bits(root[0], 11, 1) || root[1] || !vtdm_address_ok(m, root[0] & ~0xfffull)) {
		vtdm_violate(m, "root entry of bus %02x has reserved bits set", rid >> 8);
		return absent(R_ROOT_RESERVED, false);
	}
	if (!vtdm_table_read(m, (root[0] & ~0xfffull) + 16ull * (rid & 0xff), e, 16))
		return absent(R_CONTEXT_ACCESS, false);
	c.fpd = e[0] & 2;
	if (!(e[0] & 1))
		return absent(R_CONTEXT_ABSENT, c.fpd);
	c.type = (u8)bits(e[0], 3, 2);
	c.did = (u16)bits(e[1], 23, 8);
	c.table = e[0] & ~0xfffull;
	c.levels = (u8)bits(e[1], 2, 0) + 2;
	if (bits(e[0], 11, 4) || e[1] >> 24 || bits(e[1], 7, 7) || c.type == 3 ||
	    !vtdm_address_ok(m, c.table) || !domain_ok(m, c.did)) {
		vtdm_violate(m, "context entry of %04x: %016llx %016llx has reserved bits set", rid,
			     (unsigned long long)e[1], (unsigned long long)e[0]);
		return absent(R_CONTEXT_RESERVED, c.fpd);
	}
	if (c.levels > 5 || !(bits(m->config.cap, 12, 8) >> (c.levels - 2) & 1) ||
	    (c.type == 1 && !vtdm_ecap(m, VTDM_DT)) || (c.type == 2 && !vtdm_ecap(m, VTDM_PT))) {
		vtdm_violate(m, "context entry of %04x asks for what there is none of", rid);
		return absent(R_CONTEXT_INVALID, c.fpd);
	}
	c.present = true;
	c.ats = c.type == 1;
	return c;
}

static struct ctx scalable_context(struct vtd_model *m, u16 rid)
{
	u64 root[2], e[4], at;
	struct ctx c = {0};

	if (!vtdm_table_read(m, m->root + 16ull * (rid >> 8), root, 16))
		return absent(R_ROOT_ACCESS, false);
	at = root[rid >> 7 & 1];
	if (!(at & 1))
		return absent(R_SM_ROOT_ABSENT, false);
	if (bits(at, 11, 1) || !vtdm_address_ok(m, at & ~0xfffull)) {
		vtdm_violate(m, "scalable root entry of %04x has reserved bits set", rid);
		return absent(R_ROOT_RESERVED, false);
	}
	if (!vtdm_table_read(m, (at & ~0xfffull) + 32ull * (rid & 0x7f), e, 32))
		return absent(R_CONTEXT_ACCESS, false);
	c.fpd = e[0] & 2;
	if (!(e[0] & 1))
		return absent(R_SM_CONTEXT_ABSENT, c.fpd);
	if (bits(e[0], 8, 5) || e[1] >> 21 || e[2] || e[3] ||
	    (e[0] & 4 && !vtdm_ecap(m, VTDM_DT)) || e[0] & 0x18 || bits(e[1], 19, 0) ||
	    !vtdm_address_ok(m, e[0] & ~0xfffull)) {
		vtdm_violate(m, "scalable context entry of %04x has reserved bits set", rid);
		return absent(R_SM_CONTEXT_RESERVED, c.fpd);
	}
	c.ats = e[0] & 4;
	c.dir = e[0] & ~0xfffull;
	c.present = true;
	return c;
}

/* The PASID entry requests without PASID use: RID_PASID 0 (§9.4). */
static struct ctx pasid_entry(struct vtd_model *m, u16 rid, const struct ctx *of)
{
	u64 dir, e[8];
	struct ctx c = {.ats = of->ats};

	if (!vtdm_table_read(m, of->dir, &dir, 8) || !(dir & 1))
		return absent(R_PASID_DIR_ABSENT, of->fpd);
	if (bits(dir, 11, 2) || !vtdm_address_ok(m, dir & ~0xfffull)) {
		vtdm_violate(m, "PASID directory entry of %04x has reserved bits set", rid);
		return absent(R_PASID_DIR_RESERVED, of->fpd);
	}
	if (!vtdm_table_read(m, dir & ~0xfffull, e, 64))
		return absent(R_TABLE_ACCESS, of->fpd);
	c.fpd = of->fpd || e[0] & 2 || dir & 2;
	if (!(e[0] & 1))
		return absent(R_PASID_ABSENT, c.fpd);
	c.did = (u16)bits(e[1], 15, 0);
	c.levels = (u8)bits(e[0], 4, 2) + 2;
	c.table = e[0] & ~0xfffull;
	if (bits(e[0], 11, 9) || e[0] & 0x20 || e[1] & ~0x000000000180ffffull || e[2] || e[3] ||
	    e[4] || e[5] || e[6] || e[7] || !vtdm_address_ok(m, c.table) || !domain_ok(m, c.did) ||
	    (e[1] & BIT(24) && !vtdm_ecap(m, VTDM_SC))) {
		vtdm_violate(m, "PASID entry of %04x has reserved bits set", rid);
		return absent(R_PASID_RESERVED, c.fpd);
	}
	if (bits(e[0], 8, 6) != 2 || !vtdm_ecap(m, VTDM_SLTS) ||
	    !(bits(m->config.cap, 12, 8) >> (c.levels - 2) & 1) ||
	    (e[1] & BIT(23) && !vtdm_ecap(m, VTDM_SMPWC))) {
		vtdm_violate(m, "PASID entry of %04x asks for what there is none of", rid);
		return absent(R_PASID_INVALID, c.fpd);
	}
	c.present = true;
	return c;
}

static struct ctx context_of(struct vtd_model *m, u16 rid)
{
	struct ctx *hit = find_ctx(m, rid, false), c, p;

	if (m->config.no_legacy && m->ttm != 1)
		return absent(R_MODE, false);
	if (hit)
		c = *hit;
	else {
		c = m->ttm == 1 ? scalable_context(m, rid) : legacy_context(m, rid);
		keep_ctx(m, c, rid, false);
	}
	if (m->ttm != 1 || !c.present)
		return c;
	hit = find_ctx(m, rid, true);
	if (hit)
		return *hit;
	p = pasid_entry(m, rid, &c);
	keep_ctx(m, p, rid, true);
	return p;
}

/* ---- paging structures (§3.7, §9.8) ---------------------------------------------------------- */

static struct tlb *find_tlb(struct vtd_model *m, u16 did, u64 addr)
{
	for (u32 i = 0; i < TLB; i++) {
		struct tlb *t = &m->tlb[i];

		if (t->used && t->did == did && addr >= t->base && addr - t->base < t->size)
			return t;
	}
	return NULL;
}

/* The paging-structure cache entry nearest to the leaf. */
static struct pde *find_pde(struct vtd_model *m, u16 did, u64 addr)
{
	struct pde *best = NULL;

	for (u32 i = 0; i < PDES; i++) {
		struct pde *p = &m->pde[i];

		if (p->used && p->did == did && addr >= p->base && addr - p->base < p->size &&
		    (!best || p->level < best->level))
			best = p;
	}
	return best;
}

static bool entry_reserved(const struct vtd_model *m, u64 e, u8 level, bool leaf)
{
	u64 addr = e & 0x000ffffffffff000ull, low = (1ull << (12 + 9 * (level - 1))) - 1;

	if (!vtdm_address_ok(m, addr) || bits(e, 6, 2))
		return true;
	if (e & BIT(11) && !(leaf && vtdm_ecap(m, VTDM_SC)))
		return true;
	if (e & BIT(62) && !(leaf && vtdm_ecap(m, VTDM_DT)))
		return true;
	if (level == 1)
		return e & BIT(7);
	if (!leaf)
		return false;
	return addr & low || level > 3 || !vtdm_cap(m, level == 2 ? VTDM_2M : VTDM_1G);
}

static struct result walk(struct vtd_model *m, const struct ctx *c, u64 addr)
{
	struct pde *start = find_pde(m, c->did, addr);
	u64 table = start ? start->table : c->table, e;
	u8 level = start ? start->level : c->levels;
	struct result r = {.r = start ? start->r : true, .w = start ? start->w : true};

	for (;; level--) {
		unsigned shift = 12 + 9 * (level - 1u);
		bool leaf;

		m->counts.steps++;
		r.size = 1ull << shift;
		r.base = addr & ~(r.size - 1);
		if (!vtdm_paging_read(m, table + (addr >> shift & 511) * 8, &e)) {
			vtdm_violate(m, "page table at %#llx is not RAM",
				     (unsigned long long)table);
			r.reason = R_TABLE_ACCESS;
			return r;
		}
		r.r = r.r && e & 1;
		r.w = r.w && e & 2;
		if (!(e & 3))
			return r;
		leaf = level == 1 || e & BIT(7);
		if (entry_reserved(m, e, level, leaf)) {
			vtdm_violate(m,
				     "page-table entry %016llx at level %u has reserved bits set",
				     (unsigned long long)e, level);
			r.reason = R_TABLE_RESERVED;
			return r;
		}
		table = e & 0x000ffffffffff000ull;
		if (leaf) {
			r.out = table;
			return r;
		}
		m->pde[m->pde_next++ % PDES] =
		    (struct pde){true, c->did, level - 1, r.base, r.size, table, r.r, r.w};
	}
}

static struct result second_level(struct vtd_model *m, const struct ctx *c, u64 addr)
{
	struct tlb *hit = find_tlb(m, c->did, addr);
	unsigned width = 12 + 9u * c->levels, mgaw = (unsigned)bits(m->config.cap, 21, 16) + 1;
	struct result r;

	if (addr >> (width < mgaw ? width : mgaw))
		return (struct result){.reason = m->ttm == 1 ? R_SM_BEYOND : R_BEYOND_MGAW};
	if (hit)
		return (struct result){.out = hit->out,
				       .base = hit->base,
				       .size = hit->size,
				       .r = hit->r,
				       .w = hit->w};
	r = walk(m, c, addr);
	if (r.reason || (!r.r && !r.w && !vtdm_cap(m, VTDM_CM)))
		return r;
	m->tlb[m->tlb_next++ % TLB] = (struct tlb){.used = true,
						   .did = c->did,
						   .base = r.base,
						   .size = r.size,
						   .out = r.out,
						   .r = r.r,
						   .w = r.w};
	return r;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool protected_range(const struct vtd_model *m, u64 pa)
{
	if (!(m->pmen & 1))
		return false;
	return (vtdm_cap(m, VTDM_PLMR) && pa >= m->plmbase && pa <= (m->plmlimit | 0xfff)) ||
	       (vtdm_cap(m, VTDM_PHMR) && m->phmlimit && pa >= m->phmbase &&
		pa <= (m->phmlimit | 0xfff));
}

static struct result translate(struct vtd_model *m, const struct request *q, struct ctx *c)
{
	struct result r;

	*c = context_of(m, q->rid);
	if (!c->present)
		return (struct result){.reason = c->reason, .quiet = c->fpd};
	if (c->type == 2)
		r = (struct result){.out = q->addr & ~0xfffull,
				    .base = q->addr & ~0xfffull,
				    .size = 0x1000,
				    .r = true,
				    .w = true};
	else
		r = second_level(m, c, q->addr);
	r.quiet = c->fpd;
	if (r.reason || (q->write ? r.w : r.r))
		return r;
	if (m->ttm != 1)
		r.reason = q->write ? R_WRITE : R_READ;
	else if (!r.r && !r.w)
		r.reason = R_SM_ABSENT;
	else
		r.reason = q->write ? R_SM_WRITE : R_SM_READ;
	return r;
}

static bool finish(struct vtd_model *m, const struct request *q, const struct result *r, u64 *out,
		   u8 *reason)
{
	*out = r->out + (q->addr - r->base);
	if (reason)
		*reason = r->reason;
	if (r->reason) {
		if (!r->quiet)
			vtdm_fault(m, q->rid, r->reason, q->addr, q->write);
		return false;
	}
	if (*out >> 20 == 0xfee) {
		vtdm_violate(m, "%04x is led to the interrupt address range", q->rid);
		return false;
	}
	return !protected_range(m, *out);
}

static bool request(struct vtd_model *m, const struct request *q, u64 *out, u8 *reason,
		    struct ctx *c)
{
	struct result r;

	if (!(m->gsts & G_TE)) {
		*out = q->addr;
		return !protected_range(m, q->addr);
	}
	/* Reads of the interrupt range are errors, writes are interrupts (§3.13). */
	if (q->addr >> 20 == 0xfee)
		return false;
	r = translate(m, q, c);
	return finish(m, q, &r, out, reason);
}

bool vtd_model_dma(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
		   paddr_t *out, u8 *reason)
{
	struct request q = {rid, addr, access == VTDM_WRITE};
	struct ctx c;
	u64 pa = 0;
	bool ok;

	if (reason)
		*reason = 0;
	ok = request(m, &q, &pa, reason, &c);
	if (out)
		*out = PADDR(pa);
	return ok;
}

/* ---- requests under way (§6.5.4, draining) --------------------------------------------------- */

bool vtd_model_dma_slow(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
			bool *landed)
{
	struct request q = {rid, addr, access == VTDM_WRITE};
	struct ctx c = {0};
	u64 pa;

	*landed = false;
	if (!request(m, &q, &pa, NULL, &c))
		return false;
	for (u32 i = 0; i < SLOW; i++)
		if (!m->slow[i].used) {
			m->slow[i] = (struct slow){true, c.did, addr, q.write, landed};
			return true;
		}
	vtdm_violate(m, "a test has more than %d requests under way", SLOW);
	return false;
}

void vtdm_drain(struct vtd_model *m, bool all, u16 did, u64 base, u64 size, bool reads, bool writes)
{
	for (u32 i = 0; i < SLOW; i++) {
		struct slow *s = &m->slow[i];

		if (!s->used || !(s->write ? writes : reads))
			continue;
		if (!all && (s->did != did || (size && (s->addr < base || s->addr - base >= size))))
			continue;
		*s->landed = true;
		s->used = false;
	}
}

/* ---- device TLBs (ch. 4) --------------------------------------------------------------------- */

struct ats_dev *vtdm_ats(struct vtd_model *m, u16 rid)
{
	for (u32 i = 0; i < m->nats; i++)
		if (m->ats[i].rid == rid)
			return &m->ats[i];
	return NULL;
}

void vtd_model_ats_device(struct vtd_model *m, u16 rid, u16 pf, u8 depth, bool answers)
{
	struct ats_dev *d = vtdm_ats(m, rid);

	if (!d && m->nats < ATS_DEVS)
		d = &m->ats[m->nats++];
	if (!d) {
		vtdm_violate(m, "a test has more than %d devices with a TLB", ATS_DEVS);
		return;
	}
	d->rid = rid;
	d->pf = pf;
	d->depth = depth;
	d->answers = answers;
}

void vtd_model_ats_skip(struct vtd_model *m, u16 rid, u32 which)
{
	struct ats_dev *d = vtdm_ats(m, rid);

	if (d)
		d->skip = which;
	else
		vtdm_violate(m, "%04x has no TLB to be silent with", rid);
}

/* size 0: everything. */
void vtdm_drop_atc(struct vtd_model *m, u16 rid, u64 base, u64 size)
{
	struct ats_dev *d = vtdm_ats(m, rid);
	u32 kept = 0;

	for (u32 i = 0; d && i < d->n; i++)
		if (size && !overlaps(d->atc[i].base, d->atc[i].size, base, size))
			d->atc[kept++] = d->atc[i];
	if (d)
		d->n = kept;
}

bool vtd_model_ats_translate(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
			     u8 *reason)
{
	struct request q = {rid, addr, access == VTDM_WRITE};
	struct ats_dev *d = vtdm_ats(m, rid);
	struct ctx c;
	struct result r;
	u64 pa;

	if (!d || d->n == ATC || !(m->gsts & G_TE)) {
		vtdm_violate(m, "a test sends a translation request that cannot be");
		return false;
	}
	r = translate(m, &q, &c);
	if (!r.reason && !c.ats)
		r.reason = R_TRANSLATION_TYPE;
	if (!finish(m, &q, &r, &pa, reason))
		return false;
	d->atc[d->n++] = (struct atc){r.base, r.size, r.out, r.w};
	return true;
}

bool vtd_model_ats_dma(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
		       paddr_t *out)
{
	struct ats_dev *d = vtdm_ats(m, rid);
	struct ctx c;

	for (u32 i = 0; d && i < d->n; i++) {
		struct atc *t = &d->atc[i];

		if (addr < t->base || addr - t->base >= t->size || (access == VTDM_WRITE && !t->w))
			continue;
		/* A translated request is looked up by its requester only (§4.2.3). */
		c = context_of(m, rid);
		if (!c.present || !c.ats) {
			if (!c.fpd)
				vtdm_fault(m, rid, c.present ? R_TRANSLATION_TYPE : c.reason, addr,
					   access == VTDM_WRITE);
			return false;
		}
		if (out)
			*out = PADDR(t->out + (addr - t->base));
		return true;
	}
	return false;
}

/* ---- order of stores ------------------------------------------------------------------------- */

/* Is the 16-byte slot at `pa` an entry of the active context or root tables; of what stride? */
static bool in_context_table(struct vtd_model *m, u64 pa, u32 *stride)
{
	u64 root[2];

	*stride = m->ttm == 1 ? 32 : 16;
	for (u32 bus = 0; bus < 256; bus++) {
		if (!fake_view_read(VIEW_SNOOP, PADDR(m->root + 16 * bus), root, 16))
			return false;
		if (root[0] & 1 && (pa & ~0xfffull) == (root[0] & ~0xfffull))
			return true;
		if (m->ttm == 1 && root[1] & 1 && (pa & ~0xfffull) == (root[1] & ~0xfffull))
			return true;
	}
	return false;
}

/* What an entry starts to point to has reached the unit before; so has what that points to. */
static void check_linked(struct vtd_model *m, u64 table, bool deeper)
{
	u8 written[PAGE_SIZE], seen[PAGE_SIZE];
	u64 below;

	if (!fake_view_read(VIEW_SNOOP, PADDR(table), written, PAGE_SIZE) ||
	    !fake_view_read(view_of(m, vtdm_ecap(m, VTDM_C)), PADDR(table), seen, PAGE_SIZE))
		vtdm_violate(m, "context entry points to %#llx, which is not RAM",
			     (unsigned long long)table);
	else if (memcmp(written, seen, PAGE_SIZE))
		vtdm_violate(m, "context entry points to %#llx, which is not in memory yet",
			     (unsigned long long)table);
	else if (deeper && written[0] & 1) {
		memcpy(&below, written, sizeof(below));
		check_linked(m, below & 0x000ffffffffff000ull, false);
	}
}

/*
 * A walker may read at any moment, so an entry that is or becomes present changes in one aligned
 * store: 8 bytes, or 16 by a locked exchange (§9.3, §9.10).
 */
void vtdm_watch_store(void *model, paddr_t pa, u128 before, u128 after, bool atomic)
{
	struct vtd_model *m = model;
	bool both = (u64)before != (u64)after && (u64)(before >> 64) != (u64)(after >> 64);
	bool irt = m->gsts & G_IRTP && pa.v >= m->irt && pa.v - m->irt < 16ull * m->irt_entries;
	bool root = m->gsts & G_RTP && pa.v >= m->root && pa.v - m->root < PAGE_SIZE;
	u32 stride = 16;
	u64 first;

	if (!irt && !root && !(m->gsts & G_RTP && in_context_table(m, pa.v, &stride)))
		return;
	if (both && !atomic && ((u64)before | (u64)after) & 1)
		vtdm_violate(m, "entry at %#llx is seen half-written", (unsigned long long)pa.v);
	if (!irt && !root && !(pa.v % stride) && (u64)after & ~(u64)before & 1)
		check_linked(m, (u64)after & 0x000ffffffffff000ull, m->ttm == 1);
	if (stride == 16)
		return;
	/* Wider entries: nothing but the first 8 bytes may change while present. */
	if (pa.v % stride) {
		if (fake_view_read(VIEW_SNOOP, PADDR(align_down(pa.v, stride)), &first, 8) &&
		    first & 1)
			vtdm_violate(m, "present entry at %#llx changes",
				     (unsigned long long)align_down(pa.v, stride));
	} else if (both && atomic && (u64)before & 1 && (u64)after & 1) {
		vtdm_violate(m, "present entry at %#llx changes", (unsigned long long)pa.v);
	}
}
