#include "core/abi.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/partition/layout.h"
#include "profiles/memory_map.h"
#include "profiles/planner.h"

struct planner {
	const struct machine *m;
	const struct want *wants;
	u32 n;
	struct arena *arena;
	struct plan_workstation *ws;
	bool *taken; /* by index of the machine's processors */
	struct memory_map free;
	struct shortage *why;
};

static int short_of(struct planner *p, const char *rule, u32 want, const char *remedy,
		    const char *format, ...) __printf(5, 6);

static int short_of(struct planner *p, const char *rule, u32 want, const char *remedy,
		    const char *format, ...)
{
	va_list ap;

	p->why->rule = rule;
	p->why->want = want;
	va_start(ap, format);
	vfmt(p->why->text, sizeof(p->why->text), format, ap);
	va_end(ap);
	fmt(p->why->remedy, sizeof(p->why->remedy), "%s", remedy);
	return ERR_NOENT;
}

/* ---- processors ------------------------------------------------------------------------------ */

static void take_core(struct planner *p, u32 cpu)
{
	for (u32 i = 0; i < p->m->ncpus; i++)
		if (machine_same_core(&p->m->cpus[i], &p->m->cpus[cpu]))
			p->taken[i] = true;
}

/* The first free core on a node (or any); its first thread. ~0u: none. */
static u32 free_core(const struct planner *p, u32 node)
{
	for (u32 i = 0; i < p->m->ncpus; i++)
		if (!p->taken[i] && (node == PLANNER_ANY_NODE || p->m->cpus[i].node == node))
			return i;
	return ~0u;
}

static int choose_cores(struct planner *p, u32 w)
{
	const struct want *want = &p->wants[w];
	const struct machine *m = p->m;
	u32 *cpus = arena_take(p->arena, m->ncpus, sizeof(*cpus)), n = 0;

	if (!cpus)
		return ERR_NOMEM;
	for (u32 core = 0; core < want->cores; core++) {
		u32 first = free_core(p, want->node);

		if (first == ~0u)
			first = free_core(p, PLANNER_ANY_NODE);
		if (first == ~0u)
			return short_of(
			    p, "not-enough-cores", w,
			    "Ask for fewer cores, here or in the other workstations; the "
			    "hypervisor keeps one",
			    "%s asks for %u cores, only %u are left", want->name, want->cores,
			    core);
		for (u32 i = first; i < m->ncpus; i++)
			if (machine_same_core(&m->cpus[i], &m->cpus[first]))
				cpus[n++] = m->cpus[i].apic_id;
		take_core(p, first);
	}
	p->ws[w].cpus = cpus;
	p->ws[w].ncpus = n;
	return OK;
}

static int place_cpus(struct planner *p)
{
	take_core(p, p->m->boot_cpu);
	for (u32 w = 0; w < p->n; w++) {
		p->ws[w].cpus = p->wants[w].cpus;
		p->ws[w].ncpus = p->wants[w].ncpus;
		for (u32 i = 0; i < p->ws[w].ncpus; i++) {
			u32 cpu = machine_find_cpu(p->m, p->ws[w].cpus[i]);

			if (cpu != ~0u)
				take_core(p, cpu);
		}
	}
	for (u32 w = 0; w < p->n; w++) {
		int err = p->wants[w].ncpus ? OK : choose_cores(p, w);

		if (err)
			return err;
	}
	return OK;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/*
 * The best host memory for what is still wanted at `gpa`: near first, then in one piece, then in
 * the largest leaves.
 */
static u64 find_ram(const struct planner *p, u64 gpa, u64 size, u32 node, u64 *base)
{
	u64 got = 0;

	for (int near = node != PLANNER_ANY_NODE; near >= 0 && !got; near--) {
		u32 on = near ? node : PLANNER_ANY_NODE;

		if (size >= GIB(1) && memory_find(&p->free, size, GIB(1), gpa, on, base))
			return size;
		if (size >= GIB(1))
			got = memory_find_longest(&p->free, size, GIB(1), gpa, on, base);
		if (!got && memory_find(&p->free, size, MIB(2), gpa, on, base))
			return size;
		if (!got)
			got = memory_find_longest(&p->free, size, MIB(2), gpa, on, base);
	}
	return got;
}

static int no_memory(struct planner *p, u32 w, u64 missing)
{
	return short_of(
	    p, "not-enough-memory", w, "Ask for less memory, here or in the other workstations",
	    "%s asks for %lu MiB of memory, the last %lu MiB cannot be had: %lu MiB are "
	    "free in all",
	    p->wants[w].name, p->wants[w].memory >> 20, missing >> 20, memory_left(&p->free) >> 20);
}

static int place_ram(struct planner *p, u32 w)
{
	const struct want *want = &p->wants[w];
	struct layout_piece pieces[LAYOUT_PIECES];
	struct plan_ram *ram;
	u32 npieces, n = 0;

	if (layout_ram(want->memory, want->window32, pieces, &npieces))
		return short_of(p, "guest-layout", w,
				"Ask for a multiple of 2 MiB, at least 64 MiB",
				"%s asks for %lu KiB of memory, which no guest can be given",
				want->name, want->memory >> 10);
	ram = arena_take(p->arena, PLAN_RAM_MAX, sizeof(*ram));
	if (!ram)
		return ERR_NOMEM;
	for (u32 i = 0; i < npieces; i++) {
		u64 gpa = pieces[i].base.v, left = pieces[i].size;

		while (left) {
			u64 base, got = find_ram(p, gpa, left, want->node, &base);

			if (!got || n == PLAN_RAM_MAX)
				return no_memory(p, w, left);
			memory_take(&p->free, base, got);
			ram[n++] = (struct plan_ram){GPA(gpa), PADDR(base), got};
			gpa += got;
			left -= got;
		}
	}
	p->ws[w].ram = ram;
	p->ws[w].nram = n;
	return OK;
}

/* The lowest place, so that whole GiB above stay whole. */
static int place_low(struct planner *p, u64 size, struct plan_range *out)
{
	u64 base;

	if (!memory_find(&p->free, size, KIB(64), 0, PLANNER_ANY_NODE, &base))
		return ERR_NOENT;
	memory_take(&p->free, base, size);
	*out = (struct plan_range){PADDR(base), size};
	return OK;
}

static int place_memory(struct planner *p)
{
	int err;

	/* Large ones first: whole GiB are scarce. Grants last and low, exactly as large as needed. */
	for (int large = 1; large >= 0; large--) {
		for (u32 w = 0; w < p->n; w++) {
			if ((p->wants[w].memory >= GIB(1)) != large)
				continue;
			err = place_ram(p, w);
			if (err)
				return err;
		}
	}
	for (u32 w = 0; w < p->n; w++) {
		err = place_low(p, plan_grant_size(&p->ws[w]), &p->ws[w].grant);
		if (err)
			return no_memory(p, w, plan_grant_size(&p->ws[w]));
	}
	return OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int place_hypervisor(struct planner *p, const struct planner_options *o, struct plan *plan)
{
	u64 size = align_up(HV_MEMORY(p->m->ncpus), KIB(64));
	/* The hypervisor and its bundle, then per workstation a grant and its pieces of RAM. */
	u64 cuts = 2 + p->n * (1ull + PLAN_RAM_MAX);
	int err;

	plan->hv = (struct plan_range){PADDR(HV_LOAD_ADDRESS), size};
	/* What lies below is the boot loader's until the hypervisor runs; leave it alone. */
	err = memory_map_init(&p->free, p->m, HV_LOAD_ADDRESS + size, cuts, p->arena);
	if (err)
		return err;
	size = max_u64(align_up(o->bundle_size, KIB(64)), KIB(64));
	if (place_low(p, size, &plan->bundle))
		return short_of(
		    p, "not-enough-memory", ~0u, "Use smaller kernels and initrds, or more memory",
		    "there is no place for the boot bundle of %lu MiB", o->bundle_size >> 20);
	return OK;
}

int planner_make(const struct machine *m, const struct want *wants, u32 n,
		 const struct planner_options *options, struct arena *arena, struct plan *out,
		 struct shortage *why)
{
	struct planner p = {.m = m, .wants = wants, .n = n, .arena = arena, .why = why};
	int err;

	*why = (struct shortage){0};
	if (m->boot_cpu >= m->ncpus)
		return ERR_INVAL;
	p.ws = arena_take(arena, n, sizeof(*p.ws));
	p.taken = arena_take(arena, m->ncpus, sizeof(*p.taken));
	if (!p.ws || !p.taken)
		return ERR_NOMEM;
	for (u32 w = 0; w < n; w++) {
		p.ws[w] = (struct plan_workstation){
		    .name = wants[w].name,
		    .serial = wants[w].serial,
		    .rights = wants[w].rights,
		    .ndevices = wants[w].ndevices,
		    .devices = wants[w].devices,
		    .boot = wants[w].boot,
		    .kernel = wants[w].kernel,
		    .initrd = wants[w].initrd,
		    .cmdline = wants[w].cmdline,
		    .autostart = wants[w].autostart,
		};
		memcpy(p.ws[w].uuid, wants[w].uuid, sizeof(p.ws[w].uuid));
	}
	*out = (struct plan){
	    .host_cpu = m->cpus[m->boot_cpu].apic_id,
	    .log_level = options->log_level,
	    .nworkstations = n,
	    .workstations = p.ws,
	};
	err = place_hypervisor(&p, options, out);
	if (!err)
		err = place_cpus(&p);
	if (!err)
		err = place_memory(&p);
	return err;
}
