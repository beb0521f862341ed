/*
 * The proof against a checker that is too simple to be wrong: every 64 KiB of memory, every
 * processor and every function is looked at by itself. Random machines, plans made by the planner,
 * then zero to two random changes; both must say the same each time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/abi.h"
#include "core/base/err.h"
#include "core/paging/paging.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "profiles/planner.h"
#include "tests/fake/machine.h"

#define ROUNDS	  10000
#define UNIT	  KIB(64)
#define UNITS	  (GIB(8) / UNIT)
#define CPUS	  16
#define FUNCTIONS 8
#define WS	  4
#define NOBODY	  255

static u64 seed;

static u64 roll(u64 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* ---- a random machine ------------------------------------------------------------------------ */

static struct machine_cpu cpus[CPUS];
static struct machine_memory memory[8];
static struct machine_function functions[FUNCTIONS];
static struct machine_reserved reserved[1];
static struct machine m;

static void make_memory(void)
{
	u64 low = MIB(512) + roll(5) * MIB(256), high = roll(3) * GIB(1);

	m.nmemory = 0;
	memory[m.nmemory++] = (struct machine_memory){PADDR(0), KIB(640), MEMORY_RAM, 0};
	if (roll(3)) {
		memory[m.nmemory++] = (struct machine_memory){PADDR(MIB(1)), low, MEMORY_RAM, 0};
	} else {
		/* A hole somewhere, and an entry border where memory goes on. */
		u64 hole = MIB(128) + roll(256) * MIB(1);

		memory[m.nmemory++] =
		    (struct machine_memory){PADDR(MIB(1)), hole - MIB(1), MEMORY_RAM, 0};
		memory[m.nmemory++] =
		    (struct machine_memory){PADDR(hole), MIB(1), MEMORY_RESERVED, 0};
		memory[m.nmemory++] =
		    (struct machine_memory){PADDR(hole + MIB(1)), MIB(64), MEMORY_RAM, 0};
		memory[m.nmemory++] =
		    (struct machine_memory){PADDR(hole + MIB(65)), low - MIB(64), MEMORY_RAM, 1};
	}
	memory[m.nmemory++] = (struct machine_memory){PADDR(GIB(3)), MIB(16), MEMORY_MMIO, 0};
	if (high)
		memory[m.nmemory++] =
		    (struct machine_memory){PADDR(GIB(4)), high, MEMORY_RAM, (u32)roll(2)};
}

static void make_functions(void)
{
	m.nfunctions = (u32)roll(FUNCTIONS + 1);
	for (u32 i = 0; i < m.nfunctions; i++) {
		struct machine_function *f = &functions[i];
		bool behind = roll(2);
		u8 devfn = (u8)(8 * (i + 1));

		*f = (struct machine_function){
		    .bdf = {0, behind, devfn},
		    .path = {.depth = 1, .devfn = {devfn}},
		    .vendor = 0x8086,
		    .device = (u16)roll(3),
		    .serial = roll(2) ? 77 + i : 0,
		    .header_type = roll(6) == 0,
		    .resets = (u8)(roll(4)   ? RESET_FLR
				   : roll(2) ? RESET_BUS
					     : 0),
		    .vfs = (u16)(roll(2) ? 1 + roll(4) : 0),
		    .is_vf = i && roll(6) == 0,
		    .pf = (u16)(i ? roll(i) : 0),
		    .vf = (u16)roll(4),
		    .vfs_on = roll(8) == 0,
		    .no_vfs = roll(8) == 0 ? "it would not" : NULL,
		    .boot_medium = roll(10) == 0,
		    .group = (u32)roll(5),
		};
		if (behind)
			f->path = (struct pci_path){.depth = 2, .devfn = {0xf0, devfn}};
	}
	m.nreserved = m.nfunctions && roll(3) == 0;
	reserved[0] = (struct machine_reserved){m.nfunctions ? (u32)roll(m.nfunctions) : 0,
						PADDR(GIB(3) + MIB(8)), MIB(1)};
}

static void make_machine(void)
{
	u32 threads = 1u << roll(3), gap = (u32)roll(3);

	m = (struct machine){
	    .virtualization = roll(20) != 0,
	    .nested_paging = roll(20) != 0,
	    .iommu = roll(10) != 0,
	    .interrupt_remapping = roll(10) != 0,
	    .phys_bits = 40,
	    .ncpus = threads * (1 + (u32)roll(CPUS / threads)),
	    .cpus = cpus,
	    .memory = memory,
	    .functions = functions,
	    .reserved = reserved,
	};
	for (u32 i = 0; i < m.ncpus; i++)
		cpus[i] = (struct machine_cpu){
		    .apic_id = i + gap * (i / threads),
		    .package = i / threads % 2,
		    .core = i / threads / 2,
		    .thread = i % threads,
		    .node = i / threads % 2,
		};
	m.boot_cpu = (u32)roll(m.ncpus);
	make_memory();
	make_functions();
}

/* ---- a plan for it, then broken -------------------------------------------------------------- */

static struct want wants[WS];
static struct plan_device devices[WS][FUNCTIONS];
static const char *const names[WS] = {"a", "b", "c", "d"};
static struct plan plan;

static struct plan_device entry(u32 f)
{
	bool vfs = functions[f].vfs && roll(3) == 0;

	return (struct plan_device){
	    .path = functions[f].path,
	    .vendor = functions[f].vendor,
	    .device = functions[f].device,
	    .serial = functions[f].serial,
	    .guest_devfn = 0xff,
	    .keep_reserved = roll(2),
	    .sriov_vfs = vfs,
	    .num_vfs = vfs ? 2 : 0,
	};
}

/* Mostly whole groups of what can be given away. */
static void deal_devices(void)
{
	for (u32 w = 0; w < WS; w++)
		wants[w].ndevices = 0;
	if (roll(3) == 0)
		return;
	for (u32 i = 0; i < m.nfunctions; i++) {
		struct want *w = &wants[functions[i].group % WS];
		bool fit = !functions[i].header_type && functions[i].resets == RESET_FLR &&
			   !functions[i].boot_medium;

		if (fit || roll(12) == 0)
			devices[w - wants][w->ndevices++] = entry(i);
	}
}

static int make_plan(struct arena *arena)
{
	struct planner_options o = {.bundle_size = MIB(1) + roll(MIB(8)), .log_level = 2};
	u32 n = (u32)roll(WS + 1);
	struct shortage why;

	for (u32 w = 0; w < WS; w++)
		wants[w] = (struct want){
		    .name = names[w],
		    .serial = "",
		    .cmdline = "",
		    .kernel = "k",
		    .cores = 1 + (u32)roll(3),
		    .node = roll(2) ? (u32)roll(3) : PLANNER_ANY_NODE,
		    .memory = roll(3) ? MIB(64) + MIB(2) * roll(100) : GIB(1),
		    .devices = devices[w],
		};
	deal_devices();
	return planner_make(&m, wants, n, &o, arena, &plan, &why);
}

static u64 somewhere(void)
{
	u64 step = roll(4) ? PLAN_RAM_ALIGN : UNIT;

	return roll(6 * GIB(1) / step) * step;
}

static void change(void)
{
	struct plan_workstation *ws;
	struct plan_ram *ram;
	u32 *cpu;

	if (!plan.nworkstations) {
		plan.hv.size -= roll(2) * UNIT;
		return;
	}
	ws = (struct plan_workstation *)&plan.workstations[roll(plan.nworkstations)];
	ram = (struct plan_ram *)&ws->ram[roll(ws->nram)];
	cpu = (u32 *)&ws->cpus[roll(ws->ncpus ? ws->ncpus : 1)];
	switch (roll(16)) {
	case 0:
	case 1:
		ram->hpa = PADDR(somewhere());
		break;
	case 2:
		ram->size = roll(4) ? PLAN_RAM_ALIGN * (1 + roll(256)) : UNIT * (1 + roll(8192));
		break;
	case 3:
		ram->gpa = GPA(somewhere());
		break;
	case 4:
		ws->grant.base = PADDR(somewhere());
		break;
	case 5:
		ws->grant.size += UNIT * roll(8) - 3 * UNIT;
		break;
	case 6:
	case 7:
		*cpu = (u32)roll(CPUS + 4);
		break;
	case 8:
		ws->ncpus = (u32)roll(ws->ncpus + 1);
		break;
	case 9:
		plan.host_cpu = cpus[roll(m.ncpus)].apic_id;
		break;
	case 10:
		plan.bundle.base = PADDR(somewhere());
		break;
	case 11:
		ws->name = names[roll(WS)];
		break;
	case 12:
	case 13:
		if (ws->ndevices < FUNCTIONS && m.nfunctions)
			((struct plan_device *)ws->devices)[ws->ndevices++] =
			    entry((u32)roll(m.nfunctions));
		break;
	case 14:
		if (ws->ndevices)
			((struct plan_device *)ws->devices)[roll(ws->ndevices)].device ^= 1;
		break;
	case 15:
		if (ws->ndevices)
			ws->ndevices--;
		break;
	}
}

/* ---- the simple checker ---------------------------------------------------------------------- */

static u8 owner[UNITS], ram_at[UNITS];

/* Each unit gets one owner; false when one has another already, or is no RAM. */
static bool claim(u64 base, u64 size, u8 who)
{
	if (!size || base >= GIB(8) || size > GIB(8) - base)
		return false;
	for (u64 u = base / UNIT; u < (base + size) / UNIT; u++) {
		if (owner[u] != NOBODY || !ram_at[u])
			return false;
		owner[u] = who;
	}
	return true;
}

static bool memory_good(void)
{
	bool good = plan.hv.base.v == MIB(16) && plan.hv.size >= HV_MEMORY(m.ncpus);

	memset(owner, NOBODY, sizeof(owner));
	memset(ram_at, 0, sizeof(ram_at));
	for (u32 i = 0; i < m.nmemory; i++)
		for (u64 u = 0; u < memory[i].size / UNIT && memory[i].kind == MEMORY_RAM; u++)
			ram_at[memory[i].base.v / UNIT + u] = 1;
	good &= claim(plan.hv.base.v, plan.hv.size, 100);
	good &= claim(plan.bundle.base.v, plan.bundle.size, 101);
	for (u32 w = 0; w < plan.nworkstations; w++) {
		const struct plan_workstation *ws = &plan.workstations[w];

		good &= claim(ws->grant.base.v, ws->grant.size, (u8)w);
		good &= ws->grant.size >= plan_grant_size(ws);
		for (u32 i = 0; i < ws->nram; i++)
			good &= claim(ws->ram[i].hpa.v, ws->ram[i].size, (u8)w) &&
				ws->ram[i].hpa.v % MIB(2) == 0 && ws->ram[i].size % MIB(2) == 0;
	}
	return good;
}

/* Guest addresses rise, never double, and stay out of [3 GiB, 4 GiB). */
static bool guest_good(const struct plan_workstation *ws)
{
	u64 at = 0, bytes = 0;

	for (u32 i = 0; i < ws->nram; i++) {
		u64 gpa = ws->ram[i].gpa.v, size = ws->ram[i].size;

		if (gpa < at || (gpa < GIB(4) && gpa + size > GIB(3)))
			return false;
		at = gpa + size;
		bytes += size;
	}
	return bytes >= MIB(64) && !ws->ram[0].gpa.v;
}

static bool cpus_good(void)
{
	u8 of[CPUS];
	bool good = plan.host_cpu == cpus[m.boot_cpu].apic_id;

	memset(of, NOBODY, sizeof(of));
	for (u32 i = 0; i < m.ncpus; i++)
		if (cpus[i].package == cpus[m.boot_cpu].package &&
		    cpus[i].core == cpus[m.boot_cpu].core)
			of[i] = 100;
	for (u32 w = 0; w < plan.nworkstations; w++) {
		const struct plan_workstation *ws = &plan.workstations[w];

		good &= ws->ncpus > 0 && ws->ncpus <= m.ncpus;
		for (u32 k = 0; k < ws->ncpus; k++) {
			bool there = false;

			for (u32 i = 0; i < m.ncpus; i++) {
				if (cpus[i].apic_id != ws->cpus[k])
					continue;
				there = of[i] == NOBODY;
				of[i] = (u8)w;
			}
			good &= there;
		}
	}
	for (u32 i = 0; i < m.ncpus; i++)
		for (u32 k = 0; k < i; k++)
			if (cpus[i].package == cpus[k].package && cpus[i].core == cpus[k].core &&
			    of[i] != NOBODY && of[k] != NOBODY && of[i] != of[k])
				good = false;
	return good;
}

static bool devices_good(void)
{
	u8 of[FUNCTIONS];
	bool listed[FUNCTIONS] = {false};
	u32 serves[FUNCTIONS] = {0};
	bool good = true, any = false;

	memset(of, NOBODY, sizeof(of));
	for (u32 w = 0; w < plan.nworkstations; w++) {
		const struct plan_workstation *ws = &plan.workstations[w];

		any |= ws->ndevices > 0;
		if (ws->ndevices > m.nfunctions)
			return false;
		for (u32 k = 0; k < ws->ndevices; k++) {
			const struct plan_device *d = &ws->devices[k];
			u32 f = d->path.devfn[d->path.depth - 1] / 8 - 1u;

			good &= !listed[f] && !functions[f].header_type &&
				!functions[f].boot_medium && d->device == functions[f].device;
			listed[f] = true;
			if (d->sriov_vfs) {
				serves[f] = d->num_vfs;
				good &= d->num_vfs && d->num_vfs <= functions[f].vfs &&
					!functions[f].no_vfs;
				continue;
			}
			good &= !functions[f].vfs_on && functions[f].resets &&
				(functions[f].resets == RESET_FLR || d->path.depth == 2);
			if (m.nreserved && reserved[0].function == f)
				good &= d->keep_reserved;
			of[f] = (u8)w;
		}
	}
	for (u32 i = 0; i < m.nfunctions; i++) {
		if (of[i] != NOBODY && functions[i].is_vf)
			good &= serves[functions[i].pf] > functions[i].vf ||
				(functions[functions[i].pf].vfs_on &&
				 (serves[functions[i].pf] || !listed[functions[i].pf]));
		for (u32 k = 0; k < m.nfunctions && of[i] != NOBODY; k++) {
			bool bus = functions[i].resets == RESET_BUS && functions[k].path.depth == 2;

			if (!functions[k].header_type && of[k] != of[i] &&
			    (functions[k].group == functions[i].group || bus))
				good = false;
		}
	}
	return good && (!any || (m.iommu && m.interrupt_remapping));
}

static bool simple_verdict(void)
{
	bool good = m.virtualization && m.nested_paging && plan.nworkstations <= m.ncpus;

	good &= memory_good() & cpus_good() & devices_good();
	for (u32 w = 0; w < plan.nworkstations; w++) {
		const struct plan_workstation *ws = &plan.workstations[w];

		good &= guest_good(ws);
		for (u32 v = 0; v < w; v++)
			good &= strcmp(ws->name, plan.workstations[v].name) != 0;
		/* A kept range is in the way of guest memory at the same addresses. */
		for (u32 k = 0; k < ws->ndevices; k++)
			for (u32 i = 0; i < ws->nram && m.nreserved; i++)
				if (!ws->devices[k].sriov_vfs &&
				    pci_path_equal(&ws->devices[k].path,
						   &functions[reserved[0].function].path) &&
				    ws->ram[i].gpa.v < reserved[0].base.v + reserved[0].size &&
				    reserved[0].base.v < ws->ram[i].gpa.v + ws->ram[i].size)
					good = false;
	}
	return good;
}

/* ---- the comparison -------------------------------------------------------------------------- */

static char first_text[320];

static void note(void *ctx, const struct refusal *r)
{
	if (!first_text[0])
		snprintf(first_text, sizeof(first_text), "%s: %s", rule_name(r->rule), r->text);
}

static void proof_and_simple_checker_agree(void **state)
{
	static u8 room[1 << 16] __aligned(16);
	u32 accepted = 0, refused = 0;

	for (u32 round = 0; accepted + refused < ROUNDS; round++) {
		struct arena arena = arena_of(room, sizeof(room));
		int err;

		seed = 0x2545f4914f6cdd1dull * (round + 1);
		make_machine();
		err = make_plan(&arena);
		if (err == ERR_NOENT)
			continue;
		assert_int_equal(err, OK);
		for (u64 n = roll(3); n; n--)
			change();
		first_text[0] = '\0';
		err = prove(&m, NULL, &plan, note, NULL);
		if ((err == OK) != simple_verdict())
			fail_msg("round %u: the proof says %s, the simple checker does not", round,
				 err ? first_text : "yes");
		err ? refused++ : accepted++;
	}
	/* Both verdicts occur often, or the comparison would show little. */
	assert_true(accepted > ROUNDS / 8);
	assert_true(refused > ROUNDS / 8);
}

static void what_the_planner_makes_is_accepted(void **state)
{
	static u8 room[1 << 16] __aligned(16);
	u32 accepted = 0;

	for (u32 round = 0; round < 2000; round++) {
		struct arena arena = arena_of(room, sizeof(room));

		seed = 0x9e3779b97f4a7c15ull * (round + 1);
		make_machine();
		m.virtualization = m.nested_paging = m.iommu = m.interrupt_remapping = true;
		m.nfunctions = m.nreserved = 0;
		if (make_plan(&arena))
			continue;
		assert_int_equal(prove(&m, NULL, &plan, NULL, NULL), OK);
		accepted++;
	}
	assert_true(accepted > 500);
}

static int no_flush(void *ctx, const struct pt_gather *g)
{
	return OK;
}

/* The tables really made for a workstation's RAM fit what its grant allows for them. */
static void grants_hold_the_tables(void **state)
{
	for (u32 round = 0; round < 60; round++) {
		struct plan_ram ram[3];
		struct plan_workstation ws = {.ncpus = 1, .ram = ram, .ndevices = 1};
		u64 tables = 0, allowed, gpa = 0;
		struct pool pool;
		struct pt pt;

		seed = 0xd1342543de82ef95ull * (round + 1);
		fake_machine_reset();
		fake_ram_add(PADDR(GIB(100)), MIB(32));
		pool_init(&pool, PADDR(GIB(100)), MIB(32));
		assert_int_equal(pt_init(&pt, &pt_format_vtd, &pool, 5, PT_LEAF_2M, true), OK);
		for (ws.nram = 0; ws.nram < 1 + round % 3; ws.nram++) {
			u64 size = roll(2) ? MIB(2) * (1 + roll(600)) : UNIT * (1 + roll(900));
			u64 hpa = roll(2) ? GIB(1) * roll(8) + gpa : UNIT * roll(9999);

			ram[ws.nram] = (struct plan_ram){GPA(gpa), PADDR(hpa), size};
			assert_int_equal(pt_map(&pt, gpa, PADDR(hpa), size, PT_RW), OK);
			gpa += size + UNIT * roll(3);
		}
		tables = 2 * pt.tables * PAGE_SIZE;
		allowed = plan_grant_size(&ws) - GRANT_FIXED - GRANT_PER_CPU - GRANT_PER_DEVICE;
		assert_true(tables <= allowed);
		/* Adjacent pieces share tables, so some slack is natural; waste is not. */
		assert_true(allowed <= tables + KIB(64) + 2 * 4 * PAGE_SIZE * ws.nram);
		assert_int_equal(pt_fini(&pt, no_flush, NULL), OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(proof_and_simple_checker_agree),
	    cmocka_unit_test(what_the_planner_makes_is_accepted),
	    cmocka_unit_test(grants_hold_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
