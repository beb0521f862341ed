/* Processors and nodes of a machine whose tables are all there is: no names, no features. */
#include "core/acpi/madt.h"
#include "core/acpi/srat.h"
#include "core/base/err.h"
#include "profiles/host/facts/gather.h"

static bool usable(struct gather *g, const struct table_bytes *t, const char *signature)
{
	int err;

	if (!t->bytes)
		return false;
	err = acpi_check(t->bytes, t->size, signature);
	if (!err || err == ERR_CORRUPT) /* a wrong sum is common and harmless */
		return true;
	gather_missing(g, "the %s table was not understood: %s", signature, err_text(err));
	return false;
}

/* Threads and cores are the processor's own to tell: every APIC id counts as a core here. */
static void take_cpus(struct gather *g)
{
	const u8 *srat = usable(g, &g->tables.srat, "SRAT") ? g->tables.srat.bytes : NULL;
	struct facts_processors *p = &g->facts.processors;
	u32 n = madt_cpus(g->tables.madt.bytes, NULL, 0, NULL);
	u32 *ids = chunks_take(&g->mem, n + 1, sizeof(*ids));
	struct facts_cpu *cpus = chunks_take(&g->mem, n + 1, sizeof(*cpus));

	n = madt_cpus(g->tables.madt.bytes, ids, n, NULL);
	for (u32 i = 0; i < n; i++)
		cpus[i] =
		    (struct facts_cpu){.apic_id = ids[i],
				       .core = i,
				       .node = srat ? srat_cpu_node(srat, ids[i]) : FACTS_UNKNOWN};
	p->cpus = cpus;
	p->ncpus = n;
	p->boot_apic_id = n ? ids[0] : 0; /* ACPI 6.5 §5.2.12.1: the boot processor comes first */
	gather_missing(
	    g, "processor topology: the MADT tells APIC ids only, so each counts as a core; "
	       "processor features are not in it");
}

static struct facts_node *find_node(struct facts_node *nodes, u32 n, u32 id)
{
	for (u32 i = 0; i < n; i++)
		if (nodes[i].id == id)
			return &nodes[i];
	return NULL;
}

static void take_nodes(struct gather *g, const u8 *srat)
{
	struct acpi_cursor c = srat_entries(srat);
	struct facts_node *nodes = NULL, *node;
	struct srat_entry e;
	u32 n = 0;

	while (srat_next(&c, &e)) {
		if (!e.enabled || (e.kind != SRAT_CPU && e.kind != SRAT_MEMORY))
			continue;
		node = find_node(nodes, n, e.node);
		if (!node) {
			nodes = gather_grow(g, nodes, &n, sizeof(*nodes));
			node = &nodes[n - 1];
			*node = (struct facts_node){.id = e.node};
		}
		if (e.kind == SRAT_MEMORY && !e.hotplug && !e.nonvolatile)
			node->memory += e.size;
	}
	g->facts.nodes = nodes;
	g->facts.nnodes = n;
}

static void take_distances(struct gather *g, const u8 *slit)
{
	struct facts_node *nodes = (struct facts_node *)g->facts.nodes;
	u32 n = g->facts.nnodes;

	for (u32 i = 0; i < n; i++) {
		u32 *distances = chunks_take(&g->mem, n, sizeof(*distances));

		for (u32 k = 0; k < n; k++)
			distances[k] = slit_distance(slit, nodes[i].id, nodes[k].id);
		nodes[i].distances = distances;
		nodes[i].ndistances = n;
	}
}

void gather_madt(struct gather *g)
{
	if (usable(g, &g->tables.madt, "APIC"))
		take_cpus(g);
	else if (g->tables.found)
		gather_missing(g, "processors: the folder has no MADT (signature APIC)");
	if (usable(g, &g->tables.srat, "SRAT"))
		take_nodes(g, g->tables.srat.bytes);
	if (g->facts.nnodes && usable(g, &g->tables.slit, "SLIT"))
		take_distances(g, g->tables.slit.bytes);
}
