#include "core/metal/virtual.h"
#include "core/acpi/mcfg.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/metal/memory.h"
#include "core/port.h"
#include "passthrough/virtual.h"

#define CLASS_DISPLAY 0x03u

static struct virtual_card **cards; /* in the heap: they stay where they are */
static u32 ncards;

/* ---- what else has addresses ----------------------------------------------------------------- */

static u32 list_fixed(const struct firmware *f, const struct iommu_tables *t,
		      struct virtual_range *out)
{
	struct mcfg_window w;
	u32 n = 0;
	int err = f->mcfg.size ? OK : ERR_NOENT;

	for (u32 i = 0; err != ERR_NOENT; i++) {
		err = mcfg_window(port_va(f->mcfg.pa), i, &w);
		if (err)
			continue;
		if (out)
			out[n] = (struct virtual_range){w.base.v + ((u64)w.first_bus << 20),
							(u64)(w.last_bus - w.first_bus + 1) << 20};
		n++;
	}
	for (u32 i = 0; t->dmar && i < t->dmar->nunits; i++, n++)
		if (out)
			out[n] =
			    (struct virtual_range){t->dmar->units[i].base, t->dmar->units[i].size};
	/* with its performance counters it has this much (48882 §3.4) */
	for (u32 i = 0; t->ivrs && i < t->ivrs->nunits; i++, n++)
		if (out)
			out[n] = (struct virtual_range){t->ivrs->units[i].base, KIB(512)};
	return n;
}

/* ---- one card -------------------------------------------------------------------------------- */

static void refuse_card(struct machine_function *f, const char *why)
{
	size_t n = str_len(why) + 1;
	char *text = pool_bytes(&heap, n);

	if (text)
		memcpy(text, why, n);
	f->no_vfs = text ? text : "the hypervisor's own memory does not hold the reason";
	port_log(LOG_WARN, "%04x:%02x:%02x.%x gives no virtual functions: %s", f->bdf.segment,
		 f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7, f->no_vfs);
}

static void await(u64 until)
{
	while (port_time_ns() < until)
		port_relax();
}

/* On and listed, or off again. */
static int switch_on(struct virtual_card *c, struct survey *s, const struct virtual_world *w, u32 i,
		     u16 count, struct pci_verdict *v)
{
	u32 first = s->n;
	int err = virtual_enable(c, w, i, count, v), off;

	if (err)
		return err;
	await(c->sriov.until);
	err = survey_add_vfs(s, i, &c->sriov, v);
	if (!err) {
		c->first = first;
		return OK;
	}
	off = pci_sriov_disable(&c->sriov);
	return off ? pci_fail(v, off, "they answer wrongly and cannot be switched off again") : err;
}

static void report(const struct virtual_card *c, const struct survey *s)
{
	const struct machine_function *f = &s->functions[c->function];
	const struct machine_function *vf = &s->functions[c->first];

	port_log(LOG_INFO,
		 "%04x:%02x:%02x.%x (%04x:%04x) gives %u virtual functions (%04x:%04x), from "
		 "%02x:%02x.%x on, and stays with the hypervisor",
		 f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7, f->vendor,
		 f->device, c->sriov.count, vf->vendor, vf->device, vf->bdf.bus, vf->bdf.devfn >> 3,
		 vf->bdf.devfn & 7);
	for (u32 b = 0; b < ARRAY_SIZE(vf->bar); b++)
		if (vf->bar[b].size)
			port_log(LOG_DEBUG, "their BAR %u: %lu KiB each from %#lx on", b,
				 (unsigned long)(vf->bar[b].size >> 10),
				 (unsigned long)vf->bar[b].base);
	if (f->class_code >> 16 == CLASS_DISPLAY)
		port_log(LOG_WARN,
			 "virtual functions of graphics cards are experimental: most need their "
			 "maker's driver on the card itself, and nobody runs one");
}

static void start_card(struct survey *s, struct virtual_world *w, u32 i, u16 count)
{
	struct virtual_card *c = pool_bytes(&heap, sizeof(*c));
	struct pci_verdict v;

	w->functions = s->functions;
	w->requesters = s->requesters;
	w->n = s->n;
	if (!c) {
		refuse_card(&s->functions[i], "the hypervisor's own memory does not hold it");
		return;
	}
	if (switch_on(c, s, w, i, count, &v)) {
		refuse_card(&s->functions[i], v.text);
		return;
	}
	cards[ncards++] = c;
	report(c, s);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/*
 * The card that an entry asks, as far as the proof will find nothing wrong with it: another card in
 * its place is left alone. ~0: none.
 */
static u32 card_of(const struct survey *s, const struct plan_device *d)
{
	const struct machine m = {.functions = s->functions, .nfunctions = s->n};
	const struct machine_function *f;
	u32 i;

	if (!d->sriov_vfs)
		return ~0u;
	i = machine_find_function(&m, &d->path);
	if (i == ~0u)
		return i;
	f = &s->functions[i];
	if (f->vendor != d->vendor || f->device != d->device || f->unfit || f->vfs_on ||
	    f->no_vfs || !d->num_vfs || d->num_vfs > f->vfs)
		return ~0u;
	return i;
}

static u32 count_asked(const struct plan *plan)
{
	u32 n = 0;

	for (u32 w = 0; w < plan->nworkstations; w++)
		for (u32 i = 0; i < plan->workstations[w].ndevices; i++)
			n += plan->workstations[w].devices[i].sriov_vfs;
	return n;
}

void virtual_start(struct survey *s, const struct plan *plan, const struct machine *m,
		   const struct firmware *f, const struct iommu_tables *tables)
{
	u32 asked = count_asked(plan), nfixed = list_fixed(f, tables, NULL);
	struct virtual_range *fixed;
	struct virtual_world w = {.memory = m->memory, .nmemory = m->nmemory, .nfixed = nfixed};

	if (!asked)
		return;
	fixed = pool_bytes(&heap, (nfixed + 1) * sizeof(*fixed));
	cards = pool_bytes(&heap, asked * sizeof(*cards));
	if (!fixed || !cards) {
		virtual_refuse(s, plan, "the hypervisor's own memory does not hold them");
		return;
	}
	list_fixed(f, tables, fixed);
	w.fixed = fixed;
	for (u32 k = 0; k < plan->nworkstations; k++)
		for (u32 i = 0; i < plan->workstations[k].ndevices; i++) {
			const struct plan_device *d = &plan->workstations[k].devices[i];
			u32 at = card_of(s, d);

			if (at != ~0u)
				start_card(s, &w, at, d->num_vfs);
		}
}

void virtual_refuse(struct survey *s, const struct plan *plan, const char *why)
{
	for (u32 k = 0; k < plan->nworkstations; k++)
		for (u32 i = 0; i < plan->workstations[k].ndevices; i++) {
			u32 at = card_of(s, &plan->workstations[k].devices[i]);

			if (at != ~0u)
				refuse_card(&s->functions[at], why);
		}
}

int virtual_read(u32 function, struct pci_function *f, struct pci_verdict *v)
{
	for (u32 i = 0; i < ncards; i++)
		if (function - cards[i]->first < cards[i]->sriov.count)
			return pci_sriov_read(&cards[i]->sriov, (u16)(function - cards[i]->first),
					      f, v);
	return pci_fail(v, ERR_NOENT, "no card gives it");
}
