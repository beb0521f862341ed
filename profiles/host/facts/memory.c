/* The memory map that firmware handed to Linux, and which node each range is near to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/acpi/srat.h"
#include "core/base/err.h"
#include "profiles/host/facts/gather.h"

#define MEMMAP_FOLDER "/sys/firmware/memmap"

static void add(struct gather *g, u64 first, u64 last, const char *what)
{
	struct facts_memory *list =
	    gather_grow(g, g->facts.memory, &g->facts.nmemory, sizeof(*list));
	bool ram = !strcmp(what, "System RAM");

	list[g->facts.nmemory - 1] = (struct facts_memory){
	    .base = first,
	    .size = last - first + 1,
	    .kind = ram ? MEMORY_RAM : MEMORY_RESERVED,
	    .node = FACTS_UNKNOWN,
	    .what = what,
	};
	g->facts.memory = list;
}

static bool read_memmap(struct gather *g)
{
	for (u32 i = 0; i < 4096; i++) {
		const char *start = gather_line(g, MEMMAP_FOLDER "/%u/start", i);
		const char *end = gather_line(g, MEMMAP_FOLDER "/%u/end", i);
		const char *type = gather_line(g, MEMMAP_FOLDER "/%u/type", i);
		u64 first, last;

		if (!start || !end || !type)
			break;
		first = strtoull(start, NULL, 16);
		last = strtoull(end, NULL, 16);
		if (last >= first && last - first != ~0ull)
			add(g, first, last, type);
	}
	return g->facts.nmemory != 0;
}

/* Lines that are not indented: firmware's ranges and windows of PCI. Zeros for those without rights. */
static bool read_iomem(struct gather *g)
{
	FILE *f = fopen("/proc/iomem", "r");
	unsigned long long first, last;
	char line[256], what[128];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (*line != ' ' &&
		    sscanf(line, "%llx-%llx : %127[^\n]", &first, &last, what) == 3 && last &&
		    last >= first && last - first != ~0ull && strncmp(what, "PCI ", 4) != 0) {
			const char *text = gather_text(g, what);

			add(g, first, last, text ? text : "?");
		}
	fclose(f);
	return g->facts.nmemory != 0;
}

static int by_base(const void *a, const void *b)
{
	const struct facts_memory *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

/*
 * Where ranges overlap, what is not RAM wins: RAM that something else lies in is cut. Rebuilt by the
 * edges of all ranges, so that any overlap comes out in order.
 */
static int by_edge(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static const struct facts_memory *strongest(const struct facts_memory *in, u32 n, u64 base)
{
	const struct facts_memory *best = NULL;

	for (u32 i = 0; i < n; i++)
		if (base >= in[i].base && base - in[i].base < in[i].size &&
		    (!best || in[i].kind > best->kind))
			best = &in[i];
	return best;
}

static void flatten(struct gather *g)
{
	const struct facts_memory *in = g->facts.memory;
	u32 n = g->facts.nmemory, edges = 0, out = 0;
	u64 *edge = chunks_take(&g->mem, 2 * n + 1, sizeof(*edge));
	struct facts_memory *list = chunks_take(&g->mem, 2 * n + 1, sizeof(*list));

	for (u32 i = 0; i < n; i++) {
		edge[edges++] = in[i].base;
		edge[edges++] = in[i].base + in[i].size;
	}
	qsort(edge, edges, sizeof(*edge), by_edge);
	for (u32 i = 0; i + 1 < edges; i++) {
		const struct facts_memory *m = strongest(in, n, edge[i]);
		struct facts_memory *last = out ? &list[out - 1] : NULL;

		if (!m || edge[i] >= edge[i + 1])
			continue;
		if (last && last->base + last->size == edge[i] && last->kind == m->kind &&
		    !strcmp(last->what, m->what)) {
			last->size += edge[i + 1] - edge[i];
			continue;
		}
		list[out] = *m;
		list[out].base = edge[i];
		list[out++].size = edge[i + 1] - edge[i];
	}
	g->facts.memory = list;
	g->facts.nmemory = out;
}

/* ---- nodes ---------------------------------------------------------------------------------------- */

/* Cut every range where a node's memory begins or ends, then ask for each piece. */
static void add_nodes(struct gather *g, const u8 *srat)
{
	struct acpi_cursor c = srat_entries(srat);
	struct facts_memory *out = NULL;
	u32 n = 0, ncuts = 0;
	u64 *cuts = NULL;
	struct srat_entry e;

	while (srat_next(&c, &e)) {
		if (e.kind != SRAT_MEMORY || !e.enabled || !e.size)
			continue;
		cuts = gather_grow(g, cuts, &ncuts, sizeof(*cuts));
		cuts[ncuts - 1] = e.base.v;
		cuts = gather_grow(g, cuts, &ncuts, sizeof(*cuts));
		cuts[ncuts - 1] = e.base.v + e.size;
	}
	if (ncuts)
		qsort(cuts, ncuts, sizeof(*cuts), by_edge);
	for (u32 i = 0; i < g->facts.nmemory; i++) {
		struct facts_memory m = g->facts.memory[i];
		u64 end = m.base + m.size;

		for (u32 k = 0; k <= ncuts; k++) {
			u64 cut = k < ncuts ? cuts[k] : end;

			if (cut <= m.base || cut > end)
				continue;
			out = gather_grow(g, out, &n, sizeof(*out));
			out[n - 1] = m;
			out[n - 1].size = cut - m.base;
			out[n - 1].node = srat_memory_node(srat, PADDR(m.base));
			m.base = cut;
		}
	}
	g->facts.memory = out;
	g->facts.nmemory = n;
}

static void one_node(struct gather *g)
{
	struct facts_memory *list = (struct facts_memory *)g->facts.memory;

	for (u32 i = 0; i < g->facts.nmemory; i++)
		list[i].node = g->facts.nodes[0].id;
}

void gather_memory(struct gather *g)
{
	const struct table_bytes *srat = &g->tables.srat;
	int err = srat->bytes ? acpi_check(srat->bytes, srat->size, "SRAT") : ERR_NOENT;

	if (!read_memmap(g) && !read_iomem(g)) {
		gather_missing(
		    g,
		    "memory map: Linux shows the addresses in /proc/iomem to root only; run caprock "
		    "probe as root");
		return;
	}
	qsort((void *)g->facts.memory, g->facts.nmemory, sizeof(*g->facts.memory), by_base);
	flatten(g);
	if (!err || err == ERR_CORRUPT)
		add_nodes(g, srat->bytes);
	else if (g->facts.nnodes == 1)
		one_node(g);
	else if (g->facts.nnodes > 1)
		gather_missing(
		    g, "nodes of memory: the SRAT cannot be read; run caprock probe as root");
}
