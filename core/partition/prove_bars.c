/* The pages a guest reaches through a card are the card's own. */
#include "core/partition/proof.h"

static const struct machine_function *
bar_owner(const struct proof *p, const struct machine_function *f, const struct machine_bar *b)
{
	for (u32 i = 0; i < p->m->nfunctions; i++) {
		const struct machine_function *g = &p->m->functions[i];

		for (u32 k = 0; k < ARRAY_SIZE(g->bar) && g != f; k++)
			if (g->bar[k].size && g->bar[k].base && !g->bar[k].io &&
			    overlap(g->bar[k].base, g->bar[k].size, b->base, b->size))
				return g;
	}
	return NULL;
}

static bool bar_over_ram(const struct proof *p, const struct machine_bar *b)
{
	for (u32 i = 0; i < p->m->nmemory; i++) {
		const struct machine_memory *m = &p->m->memory[i];

		if (m->kind == MEMORY_RAM && overlap(m->base.v, m->size, b->base, b->size))
			return true;
	}
	return false;
}

/* A guest gets the pages its BARs name: they must be the device's and nobody else's. */
void prove_bars(struct proof *p, u32 ws, u32 item, const struct machine_function *f)
{
	const char *name = p->next->workstations[ws].name;
	struct function_text at;

	function_text(&at, f);
	for (u32 i = 0; i < ARRAY_SIZE(f->bar); i++) {
		const struct machine_bar *b = &f->bar[i];
		const struct machine_function *g;
		struct function_text tg;
		struct range_text t;

		if (!b->size || b->io)
			continue;
		g = bar_owner(p, f, b);
		if (!b->base)
			refuse(p, RULE_DEVICE_BAR, ws, item,
			       "Switch on addresses above 4 GiB (often Above 4G Decoding) in the "
			       "firmware's setup",
			       "%s cannot go to %s: the firmware gave its BAR %u (%lu KiB) no "
			       "address",
			       at.s, name, i, b->size >> 10);
		else if (bar_over_ram(p, b))
			refuse(p, RULE_DEVICE_BAR, ws, item,
			       "Update the firmware, or take the card out: one of the two is wrong",
			       "%s cannot go to %s: its BAR %u claims %s, which is memory", at.s,
			       name, i, range_text(&t, b->base, b->size));
		else if (g)
			refuse(p, RULE_DEVICE_BAR, ws, item,
			       "Update the firmware, or take the card out: one of the two is wrong",
			       "%s cannot go to %s: its BAR %u claims %s, as does %s", at.s, name,
			       i, range_text(&t, b->base, b->size), function_text(&tg, g));
	}
}
