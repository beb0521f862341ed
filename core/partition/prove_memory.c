#include "core/base/fmt.h"
#include "core/partition/layout.h"
#include "core/partition/proof.h"

/* One owned piece of host memory. Numbered: hypervisor, bundle, then each grant and its RAM. */
struct piece {
	u64 base, size;
	u32 ws, item; /* ~0u as in struct refusal */
	const char *what;
	bool sound; /* page-aligned, not empty, not wrapping: worth comparing */
};

static bool sound(u64 base, u64 size)
{
	return size && is_aligned(base | size, PAGE_SIZE) && size - 1 <= ~0ull - base;
}

static struct piece piece(u64 base, u64 size, u32 ws, u32 item, const char *what)
{
	return (struct piece){base, size, ws, item, what, sound(base, size)};
}

/* The i-th piece of a workstation: its grant, then its RAM. */
static struct piece ws_piece(const struct plan *plan, u32 w, u32 i)
{
	const struct plan_workstation *ws = &plan->workstations[w];

	if (!i)
		return piece(ws->grant.base.v, ws->grant.size, w, ~0u, "grant");
	return piece(ws->ram[i - 1].hpa.v, ws->ram[i - 1].size, w, i - 1, "memory");
}

static void check_overlap(struct proof *p, const struct piece *a, const struct piece *b)
{
	const struct plan_workstation *ws = p->next->workstations;
	struct range_text ta, tb;

	if (!a->sound || !b->sound || !overlap(a->base, a->size, b->base, b->size))
		return;
	if (a->ws == ~0u)
		refuse(p, RULE_MEMORY_SHARED, b->ws, b->item,
		       "Give each its own memory; caprock build does so when no address is given",
		       "the %s of %s %s overlaps the %s %s", b->what, ws[b->ws].name,
		       range_text(&tb, b->base, b->size), a->what,
		       range_text(&ta, a->base, a->size));
	else
		refuse(p, RULE_MEMORY_SHARED, b->ws, b->item,
		       "Give each its own memory; caprock build does so when no address is given",
		       "the %s of %s %s overlaps the %s of %s %s", b->what, ws[b->ws].name,
		       range_text(&tb, b->base, b->size), a->what, ws[a->ws].name,
		       range_text(&ta, a->base, a->size));
}

/*
 * May they overlap? Never false when sound pieces do: this is what is asked of each pair, so it is kept
 * short, and check_overlap() has the last word.
 */
static bool near(const struct piece *b, u64 base, u64 size)
{
	return b->base - base < size || base - b->base < b->size;
}

/* Against everything numbered before it. */
static void check_shared(struct proof *p, u32 w, u32 i, const struct piece *hv,
			 const struct piece *bundle)
{
	struct piece b = ws_piece(p->next, w, i), a;

	if (!b.sound)
		return;
	check_overlap(p, hv, &b);
	check_overlap(p, bundle, &b);
	for (u32 v = 0; v <= w; v++) {
		const struct plan_workstation *ws = &p->next->workstations[v];
		u32 n = v == w ? i : 1 + ws->nram;

		if (n && near(&b, ws->grant.base.v, ws->grant.size)) {
			a = ws_piece(p->next, v, 0);
			check_overlap(p, &a, &b);
		}
		for (u32 k = 1; k < n; k++) {
			if (!near(&b, ws->ram[k - 1].hpa.v, ws->ram[k - 1].size))
				continue;
			a = ws_piece(p->next, v, k);
			check_overlap(p, &a, &b);
		}
	}
}

static void check_shape(struct proof *p, const struct piece *b)
{
	const char *name = p->next->workstations[b->ws].name;
	struct range_text t;

	if (!b->sound)
		refuse(p, RULE_MEMORY_SHAPE, b->ws, b->item,
		       "Addresses and sizes are multiples of 4 KiB, sizes not 0",
		       "the %s of %s at %#lx, %#lx bytes long, cannot be mapped", b->what, name,
		       b->base, b->size);
	else if (b->item != ~0u && !is_aligned(b->base | b->size, PLAN_RAM_ALIGN))
		refuse(p, RULE_MEMORY_SHAPE, b->ws, b->item,
		       "Guest memory begins and ends on multiples of 2 MiB",
		       "the %s of %s at %#lx, %#lx bytes long, shares 2 MiB with something else",
		       b->what, name, b->base, b->size);
	else if (!machine_is_ram(p->m, PADDR(b->base), b->size))
		refuse(
		    p, RULE_MEMORY_NOT_RAM, b->ws, b->item,
		    "Choose memory that the machine reports as usable RAM, or build the plan again "
		    "from this machine's facts",
		    "the %s of %s %s is not all usable RAM on this machine", b->what, name,
		    range_text(&t, b->base, b->size));
}

static void check_hv(struct proof *p, const struct piece *hv)
{
	const struct machine *m = p->m;
	u64 needed = HV_MEMORY(m->ncpus);
	static const char remedy[] = "Build the plan again with the caprock of this version";
	struct range_text ta, tb;

	if (!hv->sound || !machine_is_ram(m, PADDR(hv->base), hv->size)) {
		refuse(p, RULE_HV_RANGE, ~0u, ~0u, remedy,
		       "the hypervisor's memory %s is not all usable RAM on this machine",
		       range_text(&ta, hv->base, hv->size));
		return;
	}
	if (hv->base != HV_LOAD_ADDRESS || hv->size < needed)
		refuse(
		    p, RULE_HV_RANGE, ~0u, ~0u, remedy,
		    "the hypervisor's memory %s is not the %#lx bytes at %#lx that it needs for %u "
		    "processors",
		    range_text(&ta, hv->base, hv->size), needed, (u64)HV_LOAD_ADDRESS, m->ncpus);
	if (m->boot.hv_size &&
	    (m->boot.hv_base.v < hv->base || m->boot.hv_base.v - hv->base > hv->size ||
	     m->boot.hv_size > hv->size - (m->boot.hv_base.v - hv->base)))
		refuse(p, RULE_HV_RANGE, ~0u, ~0u, remedy,
		       "the hypervisor takes %s, the plan keeps only %s for it",
		       range_text(&ta, m->boot.hv_base.v, m->boot.hv_size),
		       range_text(&tb, hv->base, hv->size));
}

static void check_bundle(struct proof *p, const struct piece *hv, const struct piece *bundle)
{
	static const char remedy[] = "Build the boot medium again with caprock build";
	struct range_text ta, tb;

	if (!bundle->sound || !machine_is_ram(p->m, PADDR(bundle->base), bundle->size)) {
		refuse(
		    p, RULE_BUNDLE_RANGE, ~0u, ~0u, remedy,
		    "the place kept for the boot bundle %s is not all usable RAM on this machine",
		    range_text(&ta, bundle->base, bundle->size));
		return;
	}
	if (hv->sound && overlap(hv->base, hv->size, bundle->base, bundle->size))
		refuse(p, RULE_BUNDLE_RANGE, ~0u, ~0u, remedy,
		       "the place kept for the boot bundle %s overlaps the hypervisor's memory %s",
		       range_text(&ta, bundle->base, bundle->size),
		       range_text(&tb, hv->base, hv->size));
	if (p->m->boot.bundle_size > bundle->size)
		refuse(p, RULE_BUNDLE_RANGE, ~0u, ~0u, remedy,
		       "the boot bundle has %lu bytes, the plan keeps %lu for it",
		       p->m->boot.bundle_size, bundle->size);
}

static void check_layout(struct proof *p, u32 w)
{
	const struct plan_workstation *ws = &p->next->workstations[w];
	static const char remedy[] =
	    "Leave the guest's addresses to caprock build, which knows the holes";

	if (plan_memory(ws) < LAYOUT_MIN_RAM || ws->ram[0].gpa.v) {
		refuse(p, RULE_GUEST_LAYOUT, w, ~0u, "Give it at least 64 MiB, from address 0",
		       "%s has %lu bytes of memory from guest address %#lx", ws->name,
		       plan_memory(ws), ws->nram ? ws->ram[0].gpa.v : 0);
		return;
	}
	for (u32 i = 0; i < ws->nram; i++) {
		const struct plan_ram *r = &ws->ram[i], *before = i ? r - 1 : NULL;
		struct range_text t;

		if (!sound(r->gpa.v, r->size) || !layout_ram_allowed(r->gpa.v, r->size))
			refuse(p, RULE_GUEST_LAYOUT, w, i, remedy,
			       "memory of %s at guest addresses %s lies in a hole for devices",
			       ws->name, range_text(&t, r->gpa.v, r->size));
		else if (before &&
			 (r->gpa.v < before->gpa.v || r->gpa.v - before->gpa.v < before->size))
			refuse(p, RULE_GUEST_LAYOUT, w, i, remedy,
			       "memory of %s at guest addresses %s is out of order or doubled",
			       ws->name, range_text(&t, r->gpa.v, r->size));
	}
}

void prove_memory(struct proof *p)
{
	const struct plan *plan = p->next;
	struct piece hv = piece(plan->hv.base.v, plan->hv.size, ~0u, ~0u, "hypervisor's memory");
	struct piece bundle = piece(plan->bundle.base.v, plan->bundle.size, ~0u, ~0u,
				    "place kept for the boot bundle");

	check_hv(p, &hv);
	check_bundle(p, &hv, &bundle);
	for (u32 w = 0; w < plan->nworkstations; w++) {
		const struct plan_workstation *ws = &plan->workstations[w];

		for (u32 i = 0; i <= ws->nram; i++) {
			struct piece b = ws_piece(plan, w, i);

			check_shape(p, &b);
			check_shared(p, w, i, &hv, &bundle);
		}
		check_layout(p, w);
		if (ws->grant.size < plan_grant_size(ws))
			refuse(p, RULE_GRANT_SIZE, w, ~0u,
			       "Build the plan again with caprock build",
			       "the grant of %s has %lu bytes, its tables and state need %lu",
			       ws->name, ws->grant.size, plan_grant_size(ws));
	}
}
