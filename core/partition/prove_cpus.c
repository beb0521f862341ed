#include "core/partition/proof.h"

/* The workstation that owns the core with this APIC id, looking at those before `limit`; ~0u. */
static u32 owner_before(const struct plan *plan, u32 apic_id, u32 limit)
{
	for (u32 w = 0; w < limit; w++)
		for (u32 i = 0; i < plan->workstations[w].ncpus; i++)
			if (plan->workstations[w].cpus[i] == apic_id)
				return w;
	return ~0u;
}

static bool check_host(struct proof *p)
{
	const struct machine *m = p->m;

	if (m->boot_cpu >= m->ncpus) {
		refuse(p, RULE_HOST_CORE, ~0u, ~0u, "Run caprock probe again on the machine",
		       "the machine does not say which processor it boots on");
		return false;
	}
	if (p->next->host_cpu != m->cpus[m->boot_cpu].apic_id) {
		refuse(
		    p, RULE_HOST_CORE, ~0u, ~0u,
		    "Build the plan again from this machine's own facts",
		    "the plan keeps processor %u for the hypervisor, but the machine boots on %u",
		    p->next->host_cpu, m->cpus[m->boot_cpu].apic_id);
	}
	return true;
}

/* Two threads of a core share caches, buffers and ports: they belong to one owner. */
static void check_siblings(struct proof *p, u32 w, u32 i, const struct machine_cpu *cpu)
{
	const struct plan *plan = p->next;
	const struct plan_workstation *ws = &plan->workstations[w];

	for (u32 s = 0; s < p->m->ncpus; s++) {
		const struct machine_cpu *sibling = &p->m->cpus[s];
		u32 v;

		if (sibling->apic_id == cpu->apic_id || !machine_same_core(sibling, cpu))
			continue;
		v = owner_before(plan, sibling->apic_id, w);
		if (v != ~0u)
			refuse(p, RULE_SMT_SPLIT, w, i,
			       "Give all threads of a core to the same workstation",
			       "processors %u of %s and %u of %s are threads of one core",
			       cpu->apic_id, ws->name, sibling->apic_id,
			       plan->workstations[v].name);
	}
}

static void check_cpu(struct proof *p, u32 w, u32 i, bool host_known)
{
	const struct machine *m = p->m;
	const struct plan_workstation *ws = &p->next->workstations[w];
	u32 apic_id = ws->cpus[i], c = machine_find_cpu(m, apic_id), v;

	if (c == ~0u) {
		refuse(p, RULE_CPU_UNKNOWN, w, i,
		       "Choose among the processors that caprock probe lists",
		       "%s wants processor %u, which this machine does not have", ws->name,
		       apic_id);
		return;
	}
	for (u32 k = 0; k < i; k++) {
		if (ws->cpus[k] != apic_id)
			continue;
		refuse(p, RULE_CPU_SHARED, w, i, "Name each processor once",
		       "%s names processor %u twice", ws->name, apic_id);
		return;
	}
	if (host_known && machine_same_core(&m->cpus[c], &m->cpus[m->boot_cpu])) {
		refuse(
		    p, RULE_CPU_HOST, w, i,
		    "Leave the core the machine boots on to the hypervisor, with all its threads",
		    "%s wants processor %u, which is on the hypervisor's own core", ws->name,
		    apic_id);
		return;
	}
	v = owner_before(p->next, apic_id, w);
	if (v != ~0u)
		refuse(p, RULE_CPU_SHARED, w, i, "Give each processor to one workstation",
		       "processor %u goes to both %s and %s", apic_id,
		       p->next->workstations[v].name, ws->name);
	else
		check_siblings(p, w, i, &m->cpus[c]);
}

void prove_cpus(struct proof *p)
{
	bool host_known = check_host(p);

	for (u32 w = 0; w < p->next->nworkstations; w++) {
		const struct plan_workstation *ws = &p->next->workstations[w];

		if (!ws->ncpus)
			refuse(p, RULE_CPU_COUNT, w, ~0u, "Give it at least one core",
			       "%s has no processor", ws->name);
		for (u32 i = 0; i < ws->ncpus; i++)
			check_cpu(p, w, i, host_known);
	}
}
