#include "iommu/unity.h"
#include "core/base/fmt.h"
#include "iommu/cover.h"

/* Devices whose ranges serve the firmware only: after the hand-off nothing uses them any more. */
static const struct {
	u32 class_code, mask;
	const char *why;
} handed_over[] = {
    {0x0c0300, 0xffff00,
     "the firmware's use of USB controllers (keyboards before the system runs) "
     "ends with the hand-off"},
};

struct collector {
	struct unity_range *out;
	u32 room, count;
};

static void collect(struct collector *c, struct unity_range r, u64 base, u64 last)
{
	r.base = PADDR(align_down(base, PAGE_SIZE));
	r.size = (last | (PAGE_SIZE - 1)) - r.base.v + 1;
	if (c->count < c->room)
		c->out[c->count] = r;
	c->count++;
}

static void collect_dmar(struct collector *c, const struct dmar *d, const struct iommu_function *f,
			 u32 n)
{
	for (u32 k = 0; k < d->nreserved; k++) {
		const struct dmar_reserved *rmrr = &d->reserved[k];

		if (rmrr->limit < rmrr->base || rmrr->limit >> 52)
			continue;
		for (u32 i = 0; i < n; i++) {
			bool meant = false;

			for (u32 s = 0; s < rmrr->nscopes; s++)
				meant =
				    meant || scope_covers(f, n, i, rmrr->segment, &rmrr->scopes[s]);
			if (meant)
				collect(
				    c,
				    (struct unity_range){
					.function = i, .read = true, .write = true, .number = k},
				    rmrr->base, rmrr->limit);
		}
	}
}

static void collect_ivrs(struct collector *c, const struct ivrs *v, const struct iommu_function *f,
			 u32 n)
{
	for (u32 k = 0; k < v->nreserved; k++) {
		const struct ivrs_reserved *ivmd = &v->reserved[k];
		u64 last = ivmd->base + ivmd->length - 1;
		bool exclude = ivmd->flags & IVRS_EXCLUDE;
		struct unity_range r = {
		    .read = exclude || ivmd->flags & IVRS_READ,
		    .write = exclude || ivmd->flags & IVRS_WRITE,
		    .from_ivmd = true,
		    .number = k,
		};

		if (!ivmd->length || last < ivmd->base || last >> 52 || (!r.read && !r.write))
			continue;
		for (u32 i = 0; i < n; i++) {
			u16 rid = bdf_rid(f[i].bdf);

			r.function = i;
			if (f[i].bdf.segment == ivmd->segment && rid >= ivmd->first &&
			    rid <= ivmd->last)
				collect(c, r, ivmd->base, last);
		}
	}
}

u32 unity_collect(const struct dmar *d, const struct ivrs *v, const struct iommu_function *f, u32 n,
		  struct unity_range *out, u32 room)
{
	struct collector c = {out, room, 0};

	if (d)
		collect_dmar(&c, d, f, n);
	if (v)
		collect_ivrs(&c, v, f, n);
	return c.count;
}

static bool overlap(const struct unity_range *r, u64 base, u64 size)
{
	return r->base.v < base + size && base < r->base.v + r->size;
}

void unity_decide(const struct unity_range *r, const struct iommu_function *f, bool keep,
		  const struct machine *m, paddr_t hv, u64 hv_size, struct unity_decision *out)
{
	unsigned long long base = r->base.v, last = r->base.v + r->size - 1;
	char who[16], what[96];

	fmt(who, sizeof(who), "%04x:%02x:%02x.%x", f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3,
	    f->bdf.devfn & 7);
	fmt(what, sizeof(what), "%#llx to %#llx (%s %u)", base, last,
	    r->from_ivmd ? "IVMD" : "RMRR", r->number);
	*out = (struct unity_decision){.verdict = UNITY_REFUSE};

	if (!keep) {
		for (size_t i = 0; i < ARRAY_SIZE(handed_over); i++)
			if ((f->class_code & handed_over[i].mask) == handed_over[i].class_code) {
				out->verdict = UNITY_DROP;
				fmt(out->text, sizeof(out->text),
				    "%s loses its firmware range %s: %s", who, what,
				    handed_over[i].why);
				return;
			}
		fmt(out->text, sizeof(out->text),
		    "%s cannot be assigned: the firmware has it reach %s, and the profile does not say "
		    "that it keeps that",
		    who, what);
		fmt(out->remedy, sizeof(out->remedy),
		    "list it with keep-reserved if you trust firmware and device with that memory, or "
		    "leave it to nobody");
		return;
	}
	if (overlap(r, hv.v, hv_size)) {
		fmt(out->text, sizeof(out->text),
		    "%s cannot keep its range %s: the hypervisor itself lies there", who, what);
		fmt(out->remedy, sizeof(out->remedy),
		    "leave the device to nobody; a firmware update may move the range");
		return;
	}
	if (overlap(r, 0xfee00000, MIB(1))) {
		fmt(out->text, sizeof(out->text),
		    "%s cannot keep its range %s: writes there are interrupts", who, what);
		fmt(out->remedy, sizeof(out->remedy), "leave the device to nobody");
		return;
	}
	for (u32 i = 0; i < m->nmemory; i++) {
		const struct machine_memory *mem = &m->memory[i];

		if (mem->kind != MEMORY_RAM || !overlap(r, mem->base.v, mem->size))
			continue;
		fmt(out->text, sizeof(out->text),
		    "%s cannot keep its range %s: the firmware's own memory map calls it free memory",
		    who, what);
		fmt(out->remedy, sizeof(out->remedy),
		    "leave the device to nobody; this is a firmware mistake to report to its maker");
		return;
	}
	out->verdict = UNITY_KEEP;
	fmt(out->text, sizeof(out->text), "%s keeps its firmware range %s, as the profile says",
	    who, what);
}
