/*
 * The tool and the boot agree: random machines and sites as files, through everything `caprock
 * check` and `caprock build` do, then the blob decoded and proven as the hypervisor does, against a
 * machine put together without the tool's reader.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "profiles/host/facts/write.h"
#include "profiles/host/study/study.h"
#include "profiles/rules/rule.h"

#define PAIRS	  10000
#define CPUS	  16
#define FUNCTIONS 12
#define KERNEL	  "build/guests/smoke.elf"

static u64 seed;
static char folder[] = "/tmp/caprock-agree-XXXXXX";
static char kernel[4096], machine_file[64], site_file[64];

static u64 roll(u64 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* ---- a machine, twice ------------------------------------------------------------------------ */

static struct facts facts;
static struct facts_cpu fcpus[CPUS];
static struct facts_memory fmemory[4];
static struct facts_function ffunctions[FUNCTIONS];
static struct facts_bar fbars[FUNCTIONS];
static struct facts_reserved freserved;
static struct bdf freserved_bdf;

static struct machine boot;
static struct machine_cpu cpus[CPUS];
static struct machine_memory memory[4];
static struct machine_function functions[FUNCTIONS];
static struct machine_reserved reserved[1];

static void make_cpus(void)
{
	u32 threads = 1u << roll(2), cores = 2 + (u32)roll(CPUS / threads - 1);

	for (u32 i = 0; i < cores * threads; i++) {
		u32 package = i / threads % 2;

		fcpus[i] = (struct facts_cpu){i, package, i / threads / 2, i % threads, package};
		cpus[i] = (struct machine_cpu){i, package, i / threads / 2, i % threads, package};
	}
	facts.processors = (struct facts_processors){
	    .virtualization = roll(20) != 0,
	    .nested_paging = roll(20) != 0,
	    .x2apic = true,
	    .phys_bits = 40,
	    .cpus = fcpus,
	    .ncpus = cores * threads,
	};
	facts.processors.boot_apic_id = (u32)roll(cores * threads);
	boot.ncpus = cores * threads;
	boot.boot_cpu = facts.processors.boot_apic_id;
	boot.virtualization = facts.processors.virtualization;
	boot.nested_paging = facts.processors.nested_paging;
}

static void add_memory(u64 base, u64 size, u32 kind, u32 node)
{
	u32 n = boot.nmemory++;

	fmemory[n] = (struct facts_memory){.base = base, .size = size, .kind = kind, .node = node};
	memory[n] = (struct machine_memory){PADDR(base), size, (enum memory_kind)kind, node};
	facts.nmemory = boot.nmemory;
}

static void make_memory(void)
{
	boot.nmemory = 0;
	add_memory(0, KIB(636), MEMORY_RAM, 0);
	add_memory(MIB(1), MIB(512) + roll(6) * MIB(256), MEMORY_RAM, 0);
	add_memory(GIB(3), MIB(16), MEMORY_RESERVED, 0);
	if (roll(3))
		add_memory(GIB(4), (1 + roll(4)) * GIB(1), MEMORY_RAM, (u32)roll(2));
	facts.memory = fmemory;
}

static void make_function(u32 i)
{
	struct facts_function *f = &ffunctions[i];
	bool behind = roll(3) != 0, bridge = roll(8) == 0;
	static const u32 classes[] = {0x030000, 0x020000, 0x010802, 0x0c0330};

	fbars[i] =
	    (struct facts_bar){.base = GIB(8) + i * MIB(64), .size = MIB(16), .is64 = roll(2)};
	/* The last one says FLR and hangs in it (passthrough/quirks). */
	static const struct {
		u16 vendor, device;
	} ids[] = {{0x8086, 0x1000},
		   {0x8086, 0x1001},
		   {0x8086, 0x1002},
		   {0x8086, 0x1003},
		   {0x1022, 0x149c}};
	u32 id = (u32)roll(ARRAY_SIZE(ids));

	*f = (struct facts_function){
	    .bdf = {0, (u8)(behind ? 1 + i / 2 : 0), (u8)(behind ? i % 2 : 8 * (i + 1))},
	    .path = {.depth = behind ? 2 : 1},
	    .vendor = ids[id].vendor,
	    .device = ids[id].device,
	    .subvendor = 1,
	    .subdevice = (u16)roll(2),
	    .class_code = bridge ? 0x060400 : classes[roll(4)],
	    .header_type = bridge,
	    .serial = roll(2) ? 0x1122334455660000ull + i : 0,
	    .resets = (u8)(roll(5)   ? RESET_FLR
			   : roll(2) ? RESET_BUS
				     : 0),
	    .sriov = {.total = (u16)(roll(4) ? 0 : 8)},
	    .boot_medium = roll(12) == 0,
	    .node = (u32)roll(2),
	    .group = (u32)(roll(4) ? 100 + i / 2 : roll(4)),
	    .bars = &fbars[i],
	    .nbars = 1,
	    .is_vf = i && roll(8) == 0,
	};
	u32 pf = i ? (u32)roll(i) : 0;

	f->pf = ffunctions[pf].bdf;
	f->path.devfn[0] = (u8)(behind ? 8 * (1 + i / 2) : 8 * (i + 1));
	f->path.devfn[1] = (u8)(behind ? i % 2 : 0);
	if (behind && f->path.devfn[0] / 8 == 0)
		f->path.devfn[0] = 8;
	functions[i] = (struct machine_function){
	    .bdf = f->bdf,
	    .path = f->path,
	    .vendor = f->vendor,
	    .device = f->device,
	    .subvendor = f->subvendor,
	    .subdevice = f->subdevice,
	    .class_code = f->class_code,
	    .serial = f->serial,
	    .header_type = f->header_type,
	    .resets = (u8)(f->vendor == 0x1022 ? f->resets & ~RESET_FLR : f->resets),
	    .is_vf = f->is_vf,
	    .pf = (u16)pf,
	    .vfs = f->sriov.total,
	    .boot_medium = f->boot_medium,
	    .group = f->group,
	    .node = f->node,
	    .bar = {{fbars[i].base, fbars[i].size, false, fbars[i].is64, false}},
	};
}

static void make_machine(void)
{
	u32 n = (u32)roll(FUNCTIONS + 1);
	bool iommu = roll(10) != 0, remapping = roll(10) != 0;
	static struct facts_unit unit;

	facts = (struct facts){.version = FACTS_VERSION, .source = "test"};
	boot = (struct machine){
	    .cpus = cpus, .memory = memory, .functions = functions, .reserved = reserved};
	make_cpus();
	make_memory();
	for (u32 i = 0; i < n; i++)
		make_function(i);
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < n; k++)
			functions[i].vf += functions[i].is_vf && functions[k].is_vf &&
					   functions[k].pf == functions[i].pf &&
					   bdf_rid(functions[k].bdf) < bdf_rid(functions[i].bdf);
	facts.functions = ffunctions;
	facts.nfunctions = boot.nfunctions = n;
	facts.iommu = (struct facts_iommu){
	    .kind = iommu ? FACTS_VTD : FACTS_NO_IOMMU,
	    .units = iommu,
	    .nunits = iommu,
	    .unit_list = &unit,
	    .interrupt_remapping = remapping,
	    .complete = true,
	};
	boot.iommu = iommu;
	boot.interrupt_remapping = remapping;
	boot.phys_bits = 40;
	if (!n || roll(3))
		return;
	reserved[0] = (struct machine_reserved){(u32)roll(n), PADDR(GIB(3) + MIB(4)), MIB(1)};
	boot.nreserved = 1;
	freserved_bdf = ffunctions[reserved[0].function].bdf;
	freserved = (struct facts_reserved){.base = reserved[0].base.v,
					    .size = reserved[0].size,
					    .functions = &freserved_bdf,
					    .nfunctions = 1};
	facts.iommu.reserved = &freserved;
	facts.iommu.nreserved = facts.iommu.rmrr = 1;
}

/* ---- a site ---------------------------------------------------------------------------------- */

static void write_device(FILE *f)
{
	const struct facts_function *g = &ffunctions[roll(facts.nfunctions)];
	struct address_text at;
	const char *where = address_bdf_text(&at, g->bdf);

	fputs("    - {", f);
	switch (roll(5)) {
	case 0:
		fprintf(f, "ids: %04x:%04x", g->vendor, g->device);
		break;
	case 1:
		fprintf(f, "device: %.10s", where);
		break;
	case 2:
		fprintf(f, "device: %s, ids: %04x:%04x", where, g->vendor,
			g->device ^ (u32)(roll(8) == 0));
		break;
	case 3:
		fprintf(f, "any-of: [{class: usb}, {device: %s}]", where);
		break;
	default:
		fprintf(f, "device: %s", where);
	}
	if (roll(3) == 0)
		fputs(", keep-reserved: yes", f);
	if (roll(12) == 0)
		fputs(", virtual-functions: 2", f);
	if (roll(8) == 0)
		fprintf(f, ", guest-slot: %02x.0", (unsigned)roll(32));
	fputs("}\n", f);
}

static void write_site(FILE *f)
{
	u32 n = 1 + (u32)roll(4), devices;

	fputs("machine: machine.yaml\nworkstations:\n", f);
	for (u32 w = 0; w < n; w++) {
		fprintf(f, "  - name: w%u\n    memory: %u MiB\n    kernel: %s\n",
			(unsigned)roll(12) ? w : 0, 64 + 2 * (unsigned)roll(300), kernel);
		if (roll(3))
			fprintf(f, "    cores: %u\n", 1 + (unsigned)roll(3));
		else
			fprintf(f, "    processors: [%u, %u]\n", (unsigned)roll(CPUS),
				(unsigned)roll(CPUS));
		if (roll(3) == 0)
			fprintf(f, "    near: %s\n", roll(2) ? "any" : "1");
		devices = facts.nfunctions && roll(2) ? 1 + (u32)roll(3) : 0;
		if (devices)
			fputs("    devices:\n", f);
		while (devices--)
			write_device(f);
	}
}

/* ---- the comparison -------------------------------------------------------------------------- */

struct refusals {
	u32 n;
	enum rule rules[64];
};

static void note(void *ctx, const struct refusal *r)
{
	struct refusals *all = ctx;

	if (all->n < ARRAY_SIZE(all->rules))
		all->rules[all->n] = r->rule;
	all->n++;
}

/* Of the tool's diagnostics those that the proof made: the same rule may come from resolve() too. */
static bool said(const struct study *s, enum rule rule)
{
	for (u32 i = 0; i < s->nfound; i++)
		if (!strcmp(s->found[i].rule, rule_name(rule)))
			return true;
	return false;
}

static void prove_as_boot(struct study *s, struct refusals *out)
{
	u64 n = blob_size(&s->plan), room;
	struct blob_error why;
	struct plan plan;
	void *blob = malloc(n), *arena;
	int err;

	assert_int_equal(blob_encode(&s->plan, blob, n), OK);
	room = blob_arena_size(blob, n);
	arena = malloc(room);
	assert_int_equal(blob_decode(blob, n, arena, room, &plan, &why), OK);
	boot.boot.bundle_size = s->machine.boot.bundle_size;
	*out = (struct refusals){0};
	err = prove(&boot, NULL, &plan, note, out);
	assert_int_equal(err, out->n ? ERR_PERM : OK);
	free(arena);
	free(blob);
}

static void write_pair(void)
{
	FILE *f = fopen(machine_file, "w");

	assert_non_null(f);
	assert_true(facts_write_yaml(&facts, f));
	fclose(f);
	f = fopen(site_file, "w");
	assert_non_null(f);
	write_site(f);
	fclose(f);
}

static void tool_and_boot_agree(void **state)
{
	u32 good = 0, refused = 0, unplanned = 0;

	for (u32 round = 0; round < PAIRS; round++) {
		struct refusals r;
		struct study s;

		seed = 0x2545f4914f6cdd1dull * (round + 1);
		make_machine();
		write_pair();
		study_all(&s, site_file);
		if (!s.planned) {
			/* Nothing that could be booted; but somebody said why. */
			assert_true(s.r.errors > 0);
			unplanned++;
			study_free(&s);
			continue;
		}
		prove_as_boot(&s, &r);
		if (study_good(&s) && r.n)
			fail_msg("round %u: the tool accepts what the boot refuses: %s", round,
				 rule_name(r.rules[0]));
		for (u32 i = 0; i < r.n && i < ARRAY_SIZE(r.rules); i++)
			if (!said(&s, r.rules[i]))
				fail_msg("round %u: only the boot says %s", round,
					 rule_name(r.rules[i]));
		for (u32 i = 0; i < s.nfound; i++) {
			const struct rule_info *info = rule_find(s.found[i].rule);
			bool by_boot = false;

			for (u32 k = 0; k < r.n && k < ARRAY_SIZE(r.rules); k++)
				by_boot |= !strcmp(rule_name(r.rules[k]), info->id);
			/* Looking a device up finds these two as well, and then leaves it out. */
			if (info->finder == FOUND_BY_PROOF && !by_boot &&
			    strcmp(info->id, "device-unknown") &&
			    strcmp(info->id, "device-identity"))
				fail_msg("round %u: only the tool says %s", round, info->id);
		}
		if (r.n || !study_good(&s))
			refused++;
		else
			good++;
		study_free(&s);
	}
	print_message("%u pairs: %u good, %u refused, %u without a plan\n", PAIRS, good, refused,
		      unplanned);
	/* Each occurs often, or the comparison would show little. */
	assert_true(good > PAIRS / 10 && refused > PAIRS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tool_and_boot_agree)};
	int status;

	if (!realpath(KERNEL, kernel) || !mkdtemp(folder))
		return 1;
	snprintf(machine_file, sizeof(machine_file), "%s/machine.yaml", folder);
	snprintf(site_file, sizeof(site_file), "%s/site.yaml", folder);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(machine_file);
	unlink(site_file);
	rmdir(folder);
	return status;
}
