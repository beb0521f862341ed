/* Processors and nodes of this machine, by /proc/cpuinfo, sysfs and CPUID. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/facts/gather.h"

#define CPU_FOLDER  "/sys/devices/system/cpu"
#define NODE_FOLDER "/sys/devices/system/node"
#define NODES_MAX   1024 /* more than Linux can have (MAX_NUMNODES) */

/* ---- features: a word of the flags line as a whole ------------------------------------------- */

static bool has_flag(const char *flags, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *at = flags; at && (at = strstr(at, flag)); at += n)
		if ((at == flags || at[-1] == ' ') && (!at[n] || at[n] == ' ' || at[n] == '\n'))
			return true;
	return false;
}

static void take_feature_line(struct facts_processors *p, const char *key, const char *value)
{
	if (!strcmp(key, "flags")) {
		p->svm = has_flag(value, "svm");
		p->vmx = has_flag(value, "vmx");
		p->x2apic = has_flag(value, "x2apic");
		/* older kernels list these here, newer ones Intel's under "vmx flags" */
		p->nested_paging |= has_flag(value, "npt") || has_flag(value, "ept");
	} else if (!strcmp(key, "vmx flags")) {
		p->nested_paging |= has_flag(value, "ept") && has_flag(value, "unrestricted_guest");
	} else if (!strcmp(key, "address sizes")) {
		p->phys_bits = (u8)strtoul(value, NULL, 10);
	}
}

/* ---- one processor a block of /proc/cpuinfo ------------------------------------------------------ */

static long topology(struct gather *g, u32 cpu, const char *name)
{
	const char *text = gather_line(g, CPU_FOLDER "/cpu%u/topology/%s", cpu, name);

	return text ? strtol(text, NULL, 10) : -1;
}

/* The next range of a list like "0,64" or "0-3,8"; false at its end. */
static bool next_range(const char **at, unsigned long *first, unsigned long *last)
{
	char *end;

	if (!*at)
		return false;
	*first = *last = strtoul(*at, &end, 10);
	if (end == *at)
		return false;
	if (*end == '-')
		*last = strtoul(end + 1, &end, 10);
	*at = *end == ',' ? end + 1 : end;
	return *last >= *first;
}

/* Its place among its siblings. */
static u32 thread_of(struct gather *g, u32 cpu)
{
	const char *at = gather_line(g, CPU_FOLDER "/cpu%u/topology/thread_siblings_list", cpu);
	unsigned long first, last;
	u32 place = 0;

	while (next_range(&at, &first, &last)) {
		if (cpu >= first && cpu <= last)
			return place + (u32)(cpu - first);
		place += (u32)(last - first + 1);
	}
	return 0;
}

static u32 node_of(struct gather *g, u32 cpu)
{
	for (u32 i = 0; i < g->facts.nnodes; i++)
		if (gather_line(g, NODE_FOLDER "/node%u/cpu%u/topology/core_id",
				g->facts.nodes[i].id, cpu))
			return g->facts.nodes[i].id;
	return FACTS_UNKNOWN;
}

static void add_cpu(struct gather *g, u32 number, u32 apic_id)
{
	struct facts_processors *p = &g->facts.processors;
	struct facts_cpu *cpus = gather_grow(g, p->cpus, &p->ncpus, sizeof(*cpus));
	long package = topology(g, number, "physical_package_id");
	long core = topology(g, number, "core_id");

	cpus[p->ncpus - 1] = (struct facts_cpu){
	    .apic_id = apic_id,
	    .package = package < 0 ? 0 : (u32)package,
	    .core = core < 0 ? number : (u32)core,
	    .thread = thread_of(g, number),
	    .node = node_of(g, number),
	};
	p->smt |= cpus[p->ncpus - 1].thread != 0;
	p->cpus = cpus;
	if (!number)
		p->boot_apic_id = apic_id; /* Linux numbers the boot processor 0 */
}

static void read_cpuinfo(struct gather *g)
{
	struct facts_processors *p = &g->facts.processors;
	FILE *f = fopen("/proc/cpuinfo", "r");
	char *line = NULL;
	size_t room = 0;
	u32 number = 0;

	if (!f) {
		gather_missing(g, "processors: /proc/cpuinfo cannot be read; is /proc mounted?");
		return;
	}
	while (getline(&line, &room, f) > 0) {
		char *colon = strchr(line, ':'), *end = colon;

		if (!colon)
			continue;
		while (end > line && strchr(" \t", end[-1]))
			end--;
		*end = 0;
		colon += colon[1] == ' ' ? 2 : 1;
		if (!strcmp(line, "processor"))
			number = (u32)strtoul(colon, NULL, 10);
		else if (!strcmp(line, "apicid"))
			add_cpu(g, number, (u32)strtoul(colon, NULL, 10));
		else if (!strcmp(line, "vendor_id") && !p->vendor)
			p->vendor = gather_text(g, colon);
		else if (!strcmp(line, "model name") && !p->model)
			p->model = gather_text(g, colon);
		else if (!number)
			take_feature_line(p, line, colon);
	}
	free(line);
	fclose(f);
}

/* ---- nodes ----------------------------------------------------------------------------------------- */

static u64 node_memory(struct gather *g, u32 id)
{
	const char *line = gather_line(g, NODE_FOLDER "/node%u/meminfo", id);
	const char *at = line ? strstr(line, "MemTotal:") : NULL;

	return at ? strtoull(at + 9, NULL, 10) << 10 : 0;
}

static void node_distances(struct gather *g, struct facts_node *node)
{
	const char *at = gather_line(g, NODE_FOLDER "/node%u/distance", node->id);
	char *end;

	while (at && *at) {
		u32 *list = gather_grow(g, node->distances, &node->ndistances, sizeof(*list));

		list[node->ndistances - 1] = (u32)strtoul(at, &end, 10);
		node->distances = list;
		if (end == at)
			break;
		at = end + strspn(end, " ");
	}
}

static void read_nodes(struct gather *g)
{
	const char *at = gather_line(g, NODE_FOLDER "/online");
	struct facts_node *nodes = NULL;
	unsigned long first, last;
	u32 n = 0;

	while (next_range(&at, &first, &last))
		for (unsigned long id = first; id <= last && n < NODES_MAX; id++) {
			nodes = gather_grow(g, nodes, &n, sizeof(*nodes));
			nodes[n - 1] =
			    (struct facts_node){.id = (u32)id, .memory = node_memory(g, (u32)id)};
			node_distances(g, &nodes[n - 1]);
		}
	g->facts.nodes = nodes;
	g->facts.nnodes = n;
}

/* ---- virtualization ---------------------------------------------------------------------------------- */

/* CPUID tells what the silicon has, the flags what is left of it: Linux clears what firmware locked. */
static void check_locked(struct gather *g)
{
	struct facts_processors *p = &g->facts.processors;
	u32 a, b, c, d;
	bool vmx = __get_cpuid(1, &a, &b, &c, &d) && c & 1u << 5;
	bool svm = __get_cpuid(0x80000001, &a, &b, &c, &d) && c & 1u << 2;

	p->virtualization = p->svm || p->vmx;
	if (p->virtualization)
		return;
	if (vmx || svm)
		gather_note(
		    g, "error", "virtualization-off",
		    "the processor has virtualization, but firmware switched it off",
		    "In setup, switch it on: Intel: 'Intel Virtualization Technology', 'VT-x' or "
		    "'VMX'; AMD: 'SVM Mode' or 'Virtualization'; then switch the machine off and on");
}

static void check_offline(struct gather *g)
{
	const char *offline = gather_line(g, CPU_FOLDER "/offline");

	if (offline)
		gather_missing(
		    g,
		    "processors %s: they are offline in Linux (perhaps 'nosmt'), so their places are "
		    "not known; bring them online and run caprock probe again",
		    offline);
}

void gather_cpus(struct gather *g)
{
	read_nodes(g);
	read_cpuinfo(g);
	check_locked(g);
	check_offline(g);
}
