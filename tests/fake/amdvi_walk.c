/* The AMD IOMMU model: what a device's request meets, and the caches it meets it in. */
#include <stdlib.h>
#include <string.h>

#include "tests/fake/amdvi_model.h"

#define ADDRESS 0xffffffffff000ull

/* Device table entry fields (48882 §2.2.2.1), by quadword. */
#define D0_V	     1ull
#define D0_TV	     2ull
#define D0_MODE(q)   ((u32)((q) >> 9) & 7)
#define D0_IR	     (1ull << 61)
#define D0_IW	     (1ull << 62)
#define D0_RESERVED  0x9ff00000000001fcull /* with HAD, PPR and guest translation, not offered */
#define D1_DOMAIN(q) ((u16)(q))
#define D1_I	     (1ull << 32)
#define D1_SA	     (1ull << 34)
#define D1_EX	     (1ull << 39)
#define D1_RESERVED  0xfffffc00ffff0000ull
#define D2_IV	     1ull
#define D2_LEN(q)    ((u32)((q) >> 1) & 15)
#define D2_IG	     (1ull << 5)
#define D2_ROOT(q)   ((q)&0xfffffffffff80ull)
#define D2_CTL(q)    ((u32)((q) >> 60) & 3)
#define D2_RESERVED  0x08f0000000000040ull
#define D3_RESERVED  0x003fffffffffffffull

/* Page table entry fields (48882 §2.2.3). */
#define P_PR	   1ull
#define P_NEXT(e)  ((u32)((e) >> 9) & 7)
#define P_IR	   (1ull << 61)
#define P_IW	   (1ull << 62)
#define P_RESERVED 0x07f0000000000000ull

#define MAX_DEVICES 64

static struct {
	struct bdf function, as;
} aliases[MAX_DEVICES];
static u32 naliases;
static u16 muted[MAX_DEVICES];
static u32 nmuted;
static struct model_ats ats[256];
static u32 ats_next;

void model_reset_devices(void)
{
	naliases = nmuted = 0;
	memset(ats, 0, sizeof(ats));
}

void amdvi_model_alias(struct bdf function, struct bdf as)
{
	if (naliases == MAX_DEVICES)
		fake_fail("too many aliases");
	aliases[naliases].function = function;
	aliases[naliases++].as = as;
}

static struct bdf requester(struct bdf f)
{
	for (u32 i = 0; i < naliases; i++)
		if (aliases[i].function.segment == f.segment &&
		    bdf_rid(aliases[i].function) == bdf_rid(f))
			return aliases[i].as;
	return f;
}

void amdvi_model_ats_mute(struct bdf function, bool mute)
{
	u16 rid = bdf_rid(requester(function));

	for (u32 i = 0; i < nmuted; i++)
		if (muted[i] == rid)
			muted[i--] = muted[--nmuted];
	if (mute && nmuted < MAX_DEVICES)
		muted[nmuted++] = rid;
}

bool model_muted(u16 rid)
{
	for (u32 i = 0; i < nmuted; i++)
		if (muted[i] == rid)
			return true;
	return false;
}

/* ---- caches ---------------------------------------------------------------------------------- */

static u32 set_of(u64 a, u64 b, u32 entries)
{
	u64 h = (a * 0x9e3779b97f4a7c15ull) ^ (b * 0xc2b2ae3d27d4eb4full);

	return (u32)(h >> 40) % (entries / MODEL_WAYS) * MODEL_WAYS;
}

void model_drop_dte(struct amdvi_model *m, u16 rid)
{
	struct model_dte *d = &m->dte[rid];

	if (d->cached && D0_MODE(d->q[0]))
		m->domain[D1_DOMAIN(d->q[1])].users--;
	d->cached = false;
}

void model_drop_pages(struct amdvi_model *m, u16 domain, u64 lo, u64 hi, bool tables)
{
	for (u32 i = 0; i < MODEL_TLB && m->ntlb; i++) {
		struct model_tlb *t = &m->tlb[i];

		if (!t->used || t->domain != domain || t->iova > hi ||
		    t->iova + (1ull << t->bits) - 1 < lo)
			continue;
		t->used = false;
		m->ntlb--;
	}
	for (u32 i = 0; i < MODEL_TLB && tables && m->npde; i++) {
		struct model_pde *p = &m->pde[i];

		if (!p->used || p->domain != domain || p->iova > hi ||
		    p->iova + (1ull << (12 + 9 * p->level)) - 1 < lo)
			continue;
		p->used = false;
		m->npde--;
	}
}

void model_drop_interrupts(struct amdvi_model *m, u16 rid)
{
	for (u32 i = 0; i < MODEL_IRTES && m->nirte; i++)
		if (m->irte[i].used && m->irte[i].rid == rid) {
			m->irte[i].used = false;
			m->nirte--;
		}
}

void model_drop_iotlb(struct amdvi_model *m, u16 rid, u64 lo, u64 hi)
{
	for (u32 i = 0; i < ARRAY_SIZE(ats); i++)
		if (ats[i].used && ats[i].rid == rid && ats[i].iova <= hi &&
		    ats[i].iova + PAGE_SIZE - 1 >= lo)
			ats[i].used = false;
}

void model_drop_all(struct amdvi_model *m)
{
	for (u32 rid = 0; rid < MODEL_RIDS; rid++)
		model_drop_dte(m, (u16)rid);
	memset(m->tlb, 0, sizeof(m->tlb));
	memset(m->pde, 0, sizeof(m->pde));
	memset(m->irte, 0, sizeof(m->irte));
	m->ntlb = m->npde = m->nirte = 0;
}

static struct model_tlb *tlb_find(struct amdvi_model *m, u16 domain, u64 iova)
{
	static const u8 sizes[] = {12, 21, 30, 39, 48};

	for (u32 s = 0; s < ARRAY_SIZE(sizes) && m->ntlb; s++) {
		u64 page = iova >> sizes[s] << sizes[s];
		struct model_tlb *t =
		    &m->tlb[set_of(domain + ((u64)sizes[s] << 32), page, MODEL_TLB)];

		for (u32 w = 0; w < MODEL_WAYS; w++, t++)
			if (t->used && t->domain == domain && t->bits == sizes[s] &&
			    t->iova == page)
				return t;
	}
	return NULL;
}

static void tlb_fill(struct amdvi_model *m, const struct model_tlb *new)
{
	struct model_tlb *set =
	    &m->tlb[set_of(new->domain + ((u64) new->bits << 32), new->iova, MODEL_TLB)];
	u32 w = 0;

	while (w < MODEL_WAYS && set[w].used)
		w++;
	if (w == MODEL_WAYS)
		w = m->victim++ % MODEL_WAYS;
	else
		m->ntlb++;
	set[w] = *new;
	set[w].used = true;
}

static struct model_pde *pde_find(struct amdvi_model *m, u16 domain, u64 iova, u8 level)
{
	u64 start = iova >> (12 + 9 * level) << (12 + 9 * level);
	struct model_pde *p = &m->pde[set_of(domain + ((u64)level << 32), start, MODEL_TLB)];

	for (u32 w = 0; w < MODEL_WAYS && m->npde; w++, p++)
		if (p->used && p->domain == domain && p->level == level && p->iova == start)
			return p;
	return NULL;
}

static void pde_fill(struct amdvi_model *m, const struct model_pde *new)
{
	struct model_pde *set =
	    &m->pde[set_of(new->domain + ((u64) new->level << 32), new->iova, MODEL_TLB)];
	u32 w = 0;

	while (w < MODEL_WAYS && set[w].used)
		w++;
	if (w == MODEL_WAYS)
		w = m->victim++ % MODEL_WAYS;
	else
		m->npde++;
	set[w] = *new;
	set[w].used = true;
}

/* ---- the device table ------------------------------------------------------------------------ */

static u32 table_entries(const struct amdvi_model *m)
{
	return (u32)((m->devtab & 0x1ff) + 1) * (PAGE_SIZE / 32);
}

/* What must hold of every entry an enabled unit could read at any moment. */
static void check_entry(u16 rid, const u64 *q)
{
	if (!(q[0] & D0_V))
		model_violation("entry of %04x has V = 0: its DMA is not translated", rid);
	else if (!(q[2] & D2_IV))
		model_violation("entry of %04x has IV = 0: its interrupts are not remapped", rid);
	else if (D2_CTL(q[2]) == 1)
		model_violation("entry of %04x has IntCtl = 01b: interrupts pass unmapped", rid);
	else if (q[2] & 0xc700000000000000ull)
		model_violation("entry of %04x lets INIT, NMI, ExtINT or LINT pass", rid);
	else if (!(q[0] & D0_TV))
		model_violation("entry of %04x has TV = 0", rid);
}

void model_load_shadow(struct amdvi_model *m)
{
	model_load(m->devtab & ADDRESS, m->shadow, (u64)table_entries(m) * 32);
}

void model_adopt_table(struct amdvi_model *m)
{
	model_load_shadow(m);
	for (u32 rid = 0; rid < table_entries(m); rid++) {
		u32 before = amdvi_model_violations();

		check_entry((u16)rid, m->shadow[rid]);
		if (amdvi_model_violations() != before)
			return;
	}
}

static struct model_shadow_irte *shadow_irte(struct amdvi_model *m, u64 address, bool make)
{
	u32 i = (u32)(address * 0x9e3779b97f4a7c15ull >> 40) % MODEL_SHADOWS;

	for (u32 n = 0; n < MODEL_SHADOWS; n++, i = (i + 1) % MODEL_SHADOWS) {
		struct model_shadow_irte *s = &m->irte_shadow[i];

		if (s->address == address)
			return s;
		if (s->address)
			continue;
		if (!make)
			return NULL;
		s->address = address;
		return s;
	}
	fake_fail("too many interrupt entries");
}

void model_saw_exchange(struct amdvi_model *m, volatile u128 *p, u128 new)
{
	u64 at = port_pa((const void *)p).v, base = m->devtab & ADDRESS;
	u64 half[2] = {(u64) new, (u64)(new >> 64)};

	if (model_enabled(m) && at >= base && at - base < (u64)table_entries(m) * 32) {
		u64 *entry = m->shadow[(at - base) / 32];

		memcpy(entry + ((at - base) & 16) / 8, half, 16);
		check_entry((u16)((at - base) / 32), entry);
		return;
	}
	memcpy(shadow_irte(m, at, true)->q, half, 16);
}

static bool dte_malformed(const struct amdvi_model *m, u16 rid, const u64 *q)
{
	u32 levels = 4 + (m->config.features >> 10 & 3);

	if ((q[0] & D0_V) && ((q[0] & D0_RESERVED) || (q[1] & D1_RESERVED) || D0_MODE(q[0]) == 7 ||
			      D0_MODE(q[0]) > levels)) {
		model_violation("entry of %04x: translation fields %#llx %#llx", rid,
				(unsigned long long)q[0], (unsigned long long)q[1]);
		return true;
	}
	if ((q[2] & D2_IV) && ((q[2] & D2_RESERVED) || (q[3] & D3_RESERVED) || D2_CTL(q[2]) == 3 ||
			       D2_LEN(q[2]) > 11)) {
		model_violation("entry of %04x: interrupt fields %#llx %#llx", rid,
				(unsigned long long)q[2], (unsigned long long)q[3]);
		return true;
	}
	return false;
}

static const u64 *dte_get(struct amdvi_model *m, u16 rid, u32 flags, u64 address)
{
	struct model_dte *d = &m->dte[rid];
	u64 q[4];

	if (d->cached)
		return d->q;
	if (rid >= table_entries(m)) {
		model_event(m, EVENT_ILLEGAL_DTE, rid, 0, flags, address);
		return NULL;
	}
	model_load((m->devtab & ADDRESS) + rid * 32ull, q, 32);
	if (memcmp(q, m->shadow[rid], 32))
		model_violation("entry of %04x changed by something else than a 16-byte exchange",
				rid);
	if (dte_malformed(m, rid, q)) {
		model_event(m, EVENT_ILLEGAL_DTE, rid, 0, flags | F_RZ, address);
		return NULL;
	}
	memcpy(d->q, q, 32);
	d->cached = true;
	if (D0_MODE(q[0])) {
		struct model_domain *dom = &m->domain[D1_DOMAIN(q[1])];
		u64 root = (q[0] & ADDRESS) | D0_MODE(q[0]);

		if (dom->users && dom->root != root)
			model_violation("domain %u has two page tables, %#llx and %#llx",
					D1_DOMAIN(q[1]), (unsigned long long)dom->root,
					(unsigned long long)root);
		dom->root = root;
		dom->users++;
	}
	return d->q;
}

/* ---- DMA ------------------------------------------------------------------------------------- */

struct walk {
	bool present, malformed;
	struct model_tlb out;
};

/* Walk the host page table (48882 §2.2.3), starting from the lowest cached non-leaf entry. */
static struct walk walk_tables(struct amdvi_model *m, const u64 *dte, u64 iova)
{
	u16 domain = D1_DOMAIN(dte[1]);
	u32 level = D0_MODE(dte[0]);
	u64 table = dte[0] & ADDRESS;
	struct walk w = {.out = {.domain = domain,
				 .readable = dte[0] & D0_IR,
				 .writable = dte[0] & D0_IW,
				 .bits = 12,
				 .iova = iova & ~0xfffull}};

	for (u8 l = 1; l < level; l++) {
		const struct model_pde *p = pde_find(m, domain, iova, l);

		if (!p)
			continue;
		table = p->table;
		level = l;
		w.out.readable = p->readable;
		w.out.writable = p->writable;
		break;
	}
	for (;;) {
		u64 at = table + (iova >> 9 * level & 0xff8), e;
		u32 next;

		if (!fake_ram_has(PADDR(at), 8)) {
			model_violation("page table of domain %u at %#llx is not RAM", domain,
					(unsigned long long)at);
			w.malformed = true;
			return w;
		}
		model_load(at, &e, 8);
		if (!(e & P_PR))
			return w;
		next = P_NEXT(e);
		w.out.readable &= !!(e & P_IR);
		w.out.writable &= !!(e & P_IW);
		if ((e & P_RESERVED) || (next && next >= level)) {
			model_violation("page table entry %#llx of domain %u at level %u",
					(unsigned long long)e, domain, level);
			w.malformed = true;
			return w;
		}
		if (!next) {
			w.out.bits = (u8)(3 + 9 * level);
			w.out.iova = iova >> w.out.bits << w.out.bits;
			w.out.pa = e & ADDRESS;
			w.present = w.out.present = true;
			if (w.out.pa & ((1ull << w.out.bits) - 1)) {
				model_violation(
				    "leaf %#llx of domain %u is not aligned to its size",
				    (unsigned long long)e, domain);
				w.malformed = true;
			}
			return w;
		}
		if (next != level - 1 &&
		    (iova >> (12 + 9 * next) & ((1ull << 9 * (level - 1 - next)) - 1)))
			return w; /* levels were skipped and the skipped address bits are not 0 */
		level = next;
		table = e & ADDRESS;
		pde_fill(m,
			 &(struct model_pde){.readable = w.out.readable,
					     .writable = w.out.writable,
					     .domain = domain,
					     .level = (u8)level,
					     .iova = iova >> (12 + 9 * level) << (12 + 9 * level),
					     .table = table});
	}
}

static bool is_interrupt_address(u64 address)
{
	return address >> 20 == 0xfee;
}

/* Translate; on refusal an event is logged unless the entry suppresses it. */
static bool translate(struct amdvi_model *m, u16 rid, u64 iova, bool write, u32 flags,
		      struct model_tlb *out)
{
	const u64 *dte = dte_get(m, rid, flags, iova);
	struct model_tlb *hit;
	u32 mode;

	if (!dte)
		return false;
	*out = (struct model_tlb){.present = true,
				  .readable = true,
				  .writable = true,
				  .bits = 12,
				  .iova = iova & ~0xfffull,
				  .pa = iova & ~0xfffull};
	if (!(dte[0] & D0_V))
		return true;
	if (!(dte[0] & D0_TV))
		return false;
	if ((m->exbase & 1) && ((m->exbase & 2) || (dte[1] & D1_EX)) &&
	    iova >= (m->exbase & ADDRESS) && iova <= ((m->exlimit & ADDRESS) | 0xfff))
		return true;
	mode = D0_MODE(dte[0]);
	if (!mode) {
		out->readable = dte[0] & D0_IR;
		out->writable = dte[0] & D0_IW;
		flags |= F_PR;
	} else if (mode < 6 && iova >> (12 + 9 * mode)) {
		out->present = false;
	} else if ((hit = tlb_find(m, D1_DOMAIN(dte[1]), iova))) {
		*out = *hit;
		if (hit->present)
			flags |= F_PR;
	} else {
		struct walk w = walk_tables(m, dte, iova);

		if (w.malformed)
			flags |= F_RZ;
		else if (w.present || m->config.np_cache)
			tlb_fill(m, &w.out);
		*out = w.out;
		out->present &= !w.malformed;
		if (w.present)
			flags |= F_PR;
	}
	if (out->present && (write ? out->writable : out->readable))
		return true;
	if (out->present)
		flags |= F_PE;
	if (!(dte[1] & D1_SA))
		model_event(m, EVENT_PAGE_FAULT, rid, D1_DOMAIN(dte[1]), flags, iova);
	return false;
}

bool amdvi_model_dma(struct bdf function, u64 iova, bool write, u64 *reached)
{
	struct bdf as = requester(function);
	struct amdvi_model *m = model_of(as);
	struct model_tlb t;

	*reached = iova;
	if (!model_enabled(m))
		return true;
	if (is_interrupt_address(iova)) {
		struct amdvi_model_irq irq;

		(void)(write && amdvi_model_msi(function, iova, 0, &irq));
		return false;
	}
	if (!translate(m, bdf_rid(as), iova, write, write ? F_RW : 0, &t))
		return false;
	*reached = t.pa + (iova & ((1ull << t.bits) - 1));
	return true;
}

/* ---- ATS (48882 §2.2.6) ---------------------------------------------------------------------- */

static bool ats_allowed(struct amdvi_model *m, u16 rid, u64 iova)
{
	const u64 *dte = dte_get(m, rid, F_TR, iova);

	if (dte && (dte[1] & D1_I))
		return true;
	if (dte)
		model_event(m, EVENT_INVALID_REQUEST, rid, 0, F_TR, iova);
	return false;
}

bool model_ats_enabled(struct amdvi_model *m, u16 rid)
{
	const u64 *dte = dte_get(m, rid, 0, 0);

	return dte && (dte[1] & D1_I);
}

bool amdvi_model_ats_request(struct bdf function, u64 iova)
{
	struct bdf as = requester(function);
	struct amdvi_model *m = model_of(as);
	struct model_tlb t;

	if (!model_enabled(m) || !ats_allowed(m, bdf_rid(as), iova) ||
	    !translate(m, bdf_rid(as), iova, false, F_TR, &t))
		return false;
	ats[ats_next++ % ARRAY_SIZE(ats)] =
	    (struct model_ats){.used = true,
			       .rid = bdf_rid(as),
			       .iova = iova & ~0xfffull,
			       .pa = t.pa + (iova & ((1ull << t.bits) - 1) & ~0xfffull),
			       .writable = t.writable};
	return true;
}

bool amdvi_model_ats_dma(struct bdf function, u64 iova, bool write, u64 *reached)
{
	struct bdf as = requester(function);
	struct amdvi_model *m = model_of(as);

	if (model_enabled(m) && !ats_allowed(m, bdf_rid(as), iova))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(ats); i++) {
		if (!ats[i].used || ats[i].rid != bdf_rid(as) || ats[i].iova != (iova & ~0xfffull))
			continue;
		*reached = ats[i].pa + (iova & 0xfff);
		return !write || ats[i].writable;
	}
	return false;
}

/* ---- interrupts (48882 §2.2.5) --------------------------------------------------------------- */

/* A fault's address: the interrupt as a HyperTransport message, its index in bits 23:16 and 4:2. */
static bool irq_refused(struct amdvi_model *m, u16 rid, const u64 *dte, u32 data, u32 flags,
			bool quiet)
{
	if (!quiet && !(dte[2] & D2_IG))
		model_event(m, EVENT_PAGE_FAULT, rid, D1_DOMAIN(dte[1]), F_I | F_RW | flags,
			    0xfffffffdf8000000ull | (data & 0xff) << 16 | (data >> 8 & 7) << 2);
	return false;
}

static void irte_load(struct amdvi_model *m, u64 at, bool ga, u64 *q)
{
	q[1] = 0;
	if (!ga) {
		u32 e;

		model_load(at, &e, 4);
		q[0] = e;
		return;
	}
	model_load(at, q, 16);

	const struct model_shadow_irte *s = shadow_irte(m, at, false);

	if ((q[0] & 1) && (!s || memcmp(s->q, q, 16)))
		model_violation("interrupt entry at %#llx changed by something else than a 16-byte "
				"exchange",
				(unsigned long long)at);
}

static const u64 *irte_get(struct amdvi_model *m, u16 rid, u16 index, u64 at, bool ga)
{
	struct model_irte *set = &m->irte[set_of(rid, index, MODEL_IRTES)];
	u32 w;

	for (w = 0; w < MODEL_WAYS; w++)
		if (set[w].used && set[w].rid == rid && set[w].index == index)
			return set[w].q;
	for (w = 0; w < MODEL_WAYS && set[w].used; w++)
		;
	if (w == MODEL_WAYS)
		w = m->victim++ % MODEL_WAYS;
	else
		m->nirte++;
	set[w] = (struct model_irte){.used = true, .rid = rid, .index = index};
	irte_load(m, at, ga, set[w].q);
	return set[w].q;
}

static bool remap(struct amdvi_model *m, u16 rid, const u64 *dte, u32 data,
		  struct amdvi_model_irq *out)
{
	bool ga = m->control & C_GA_EN, xt = m->control & C_XT_EN;
	u16 index = data & 0x7ff;
	const u64 *e;

	if (index >= 1u << D2_LEN(dte[2]))
		return irq_refused(m, rid, dte, data, 0, false);
	e = irte_get(m, rid, index, D2_ROOT(dte[2]) + index * (ga ? 16u : 4u), ga);
	if (!(e[0] & 1))
		return irq_refused(m, rid, dte, data, 0, e[0] & 2);
	if ((e[0] >> 2 & 7) > 1 || (e[0] & 0x80) ||
	    (ga && (e[0] >> 32 || (e[1] & ~(0xffull | 0xffull << 56)))) || (!ga && e[0] >> 24) ||
	    (ga && !xt && (e[0] >> 16 || e[1] >> 56))) {
		model_violation("interrupt entry %u of %04x: %#llx %#llx", index, rid,
				(unsigned long long)e[0], (unsigned long long)e[1]);
		return irq_refused(m, rid, dte, data, F_PR | F_RZ, false);
	}
	*out = (struct amdvi_model_irq){
	    .delivery = e[0] >> 2 & 7, .logical = e[0] >> 6 & 1, .remapped = true};
	if (ga) {
		out->vector = (u8)e[1];
		out->apic_id = (u32)(e[0] >> 8 & (xt ? 0xffffff : 0xff));
		if (xt)
			out->apic_id |= (u32)(e[1] >> 56) << 24;
	} else {
		out->vector = (u8)(e[0] >> 16);
		out->apic_id = e[0] >> 8 & 0xff;
	}
	return true;
}

static bool smi_allowed(const struct amdvi_model *m, u16 rid)
{
	for (u32 i = 0; i < ARRAY_SIZE(m->smi); i++)
		if ((m->smi[i] & 1ull << 16) && (u16)m->smi[i] == rid)
			return true;
	return false;
}

bool amdvi_model_msi(struct bdf function, u64 address, u32 data, struct amdvi_model_irq *out)
{
	struct bdf as = requester(function);
	struct amdvi_model *m = model_of(as);
	u16 rid = bdf_rid(as);
	const u64 *dte = NULL;
	u32 delivery = data >> 8 & 7;

	if (!is_interrupt_address(address))
		fake_fail("an interrupt to %#llx", (unsigned long long)address);
	if (model_enabled(m)) {
		dte = dte_get(m, rid, F_I | F_RW, address);
		if (!dte)
			return false;
	}
	*out = (struct amdvi_model_irq){.apic_id = address >> 12 & 0xff,
					.vector = (u8)data,
					.delivery = (u8)delivery,
					.logical = address >> 2 & 1};
	if (!dte || !(dte[2] & D2_IV))
		return true;
	switch (delivery) {
	case 0:
	case 1:
		if (D2_CTL(dte[2]) == 1)
			return true;
		if (D2_CTL(dte[2]) == 2)
			return remap(m, rid, dte, data, out);
		break;
	case 2: /* SMI: the filter alone decides */
		if (!(m->control & C_SMIF) || smi_allowed(m, rid))
			return true;
		break;
	case 4:
		if (dte[2] >> 58 & 1)
			return true;
		break;
	case 5:
		if (dte[2] >> 56 & 1)
			return true;
		break;
	case 7:
		if (dte[2] >> 57 & 1)
			return true;
		break;
	}
	return irq_refused(m, rid, dte, data, 0, false);
}
