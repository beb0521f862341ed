/*
 * Facts: from dumps, through the machine file and back, equal; and what the reader refuses, where.
 * CAPROCK_CORPUS names real dumps and tables; without it machines of our own serve.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "profiles/host/facts/edid.h"
#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/facts/schema.h"
#include "profiles/host/facts/write.h"

#define OURS "build/probe/machines"

static struct diagnostic said[16];
static u32 nsaid;

static void note(void *ctx, const struct diagnostic *d)
{
	if (nsaid < ARRAY_SIZE(said))
		said[nsaid] = *d;
	nsaid++;
}

static struct facts *read_bytes(const void *bytes, size_t size, struct chunks *mem)
{
	struct reporter r = {.sink = note};

	nsaid = 0;
	return facts_read_memory("m.yaml", bytes, size, mem, &r);
}

/* Out, in, the same; and what comes in makes a machine for the proof. */
static void round_trip(const char *lspci, const char *acpi)
{
	struct gather_options o = {lspci, acpi};
	struct chunks mem = {0};
	struct machine machine;
	struct facts *back;
	struct gather g;
	char *text, where[256];
	struct arena arena;
	size_t size;
	FILE *out;

	gather(&g, &o);
	assert_false(g.refused);
	out = open_memstream(&text, &size);
	assert_true(facts_write_yaml(&g.facts, out));
	fclose(out);
	back = read_bytes(text, size, &mem);
	if (!back)
		fail_msg("%s with %s: line %u: %s", lspci ? lspci : "-", acpi ? acpi : "-",
			 said[0].at.line, said[0].text);
	if (!facts_equal(&g.facts, back, where, sizeof(where)))
		fail_msg("%s with %s: %s differs", lspci ? lspci : "-", acpi ? acpi : "-", where);
	size = facts_machine_memory(back);
	arena = arena_of(aligned_alloc(16, align_up(size, 16)), size);
	assert_int_equal(facts_machine(back, &arena, &machine), OK);
	assert_int_equal(machine.nfunctions, g.facts.nfunctions);
	assert_int_equal(machine.ncpus, g.facts.processors.ncpus);
	free(arena.base);
	free(text);
	chunks_free(&mem);
	gather_free(&g);
}

struct names {
	char *name[512];
	u32 n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct names names_in(const char *root, const char *folder)
{
	struct names l = {.n = 0};
	struct dirent *d;
	char path[512];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", root, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.' && !strstr(d->d_name, ".md") && l.n < 512)
			assert_int_not_equal(asprintf(&l.name[l.n++], "%s/%s", path, d->d_name),
					     -1);
	closedir(dir);
	qsort(l.name, l.n, sizeof(*l.name), by_name);
	assert_int_not_equal(l.n, 0);
	return l;
}

static void facts_survive_the_file(void **state)
{
	const char *corpus = getenv("CAPROCK_CORPUS");
	bool all = getenv("FACTS_ALL");
	struct names dumps, tables;

	round_trip(OURS "/intel/lspci", OURS "/intel/acpi");
	round_trip(OURS "/amd/lspci", OURS "/amd/acpi");
	round_trip(OURS "/intel/lspci", OURS "/amd/acpi");
	round_trip(OURS "/amd/lspci", NULL);
	round_trip(NULL, OURS "/intel/acpi");
	if (!corpus)
		return;
	dumps = names_in(corpus, "lspci-corpus");
	tables = names_in(corpus, "acpi-corpus");
	/* all pairs take a minute or two; else every folder with two dumps, every dump with many */
	for (u32 i = 0; i < tables.n; i++)
		for (u32 k = 0; k < dumps.n; k++)
			if (all || k == i % dumps.n || k == (i + 7) % dumps.n)
				round_trip(dumps.name[k], tables.name[i]);
	print_message("# %u dumps, %u folders of tables\n", dumps.n, tables.n);
	for (u32 i = 0; i < dumps.n; i++)
		free(dumps.name[i]);
	for (u32 i = 0; i < tables.n; i++)
		free(tables.name[i]);
}

/* ---- what a dump tells -------------------------------------------------------------------------- */

static const struct facts_function *at(const struct facts *f, u8 bus, u8 dev, u8 fn)
{
	u32 i = facts_find(f, (struct bdf){0, bus, (u8)(dev << 3 | fn)});

	assert_int_not_equal(i, FACTS_UNKNOWN);
	return &f->functions[i];
}

static void assert_path(const struct facts_function *f, const char *want)
{
	char text[128];

	pci_path_text(&f->path, text, sizeof(text));
	assert_string_equal(text, want);
}

static void a_dump_is_understood(void **state)
{
	struct gather_options o = {OURS "/intel/lspci", OURS "/intel/acpi"};
	const struct facts_function *gpu, *nic, *vf;
	struct gather g;

	gather(&g, &o);
	assert_int_equal(g.facts.nfunctions, 18);
	gpu = at(&g.facts, 1, 0, 0);
	assert_path(gpu, "0000:00/01.0/00.0");
	assert_int_equal(gpu->resets, RESET_FLR | RESET_PM | RESET_BUS);
	assert_int_equal(gpu->nbars, 2);
	assert_int_equal(gpu->bars[1].base, 0x4000000000);
	assert_int_equal(gpu->bars[1].size, MIB(256));
	assert_true(gpu->bars[1].is64 && gpu->bars[1].prefetch);
	assert_int_equal(gpu->rom_size, KIB(512));
	assert_int_equal(gpu->rom, FACTS_ROM_PRESENT);
	assert_int_equal(gpu->node, 1);
	assert_string_equal(gpu->driver, "vfio-pci");
	assert_int_equal(gpu->group, at(&g.facts, 1, 0, 1)->group);

	nic = at(&g.facts, 2, 0, 0);
	assert_int_equal(nic->resets, RESET_FLR | RESET_BUS);
	assert_int_equal(nic->msix_vectors, 10);
	assert_int_equal(nic->serial, 0x001b21ffff6d9ac8);
	assert_int_equal(nic->sriov.total, 8);
	assert_int_equal(nic->sriov.enabled, 2);
	assert_true(nic->bars[1].io);
	vf = at(&g.facts, 2, 16, 2);
	assert_true(vf->is_vf && vf->pf.bus == 2 && vf->pf.devfn == 0);
	assert_int_equal(vf->resets, RESET_FLR);
	assert_true(nic->assignable && vf->assignable && nic->group != vf->group);

	/* integrated graphics: AF FLR, and a range that firmware reserved */
	assert_int_equal(at(&g.facts, 0, 2, 0)->resets, RESET_AF_FLR);
	assert_int_equal(g.facts.iommu.reserved[0].nfunctions, 1);
	/* no access control at 1c.4, so its device is not apart from it; a conventional bus is one */
	assert_int_equal(at(&g.facts, 3, 0, 0)->group, at(&g.facts, 0, 28, 4)->group);
	assert_int_equal(at(&g.facts, 5, 1, 0)->group, at(&g.facts, 5, 2, 0)->group);
	assert_false(at(&g.facts, 0, 29, 0)->assignable);
	assert_non_null(strstr(at(&g.facts, 0, 29, 0)->because, "no way to reset"));
	assert_int_equal(g.facts.nnodes, 2);
	assert_int_equal(g.facts.nodes[0].distances[1], 21);
	assert_int_equal(g.facts.processors.cpus[2].node, 1);
	assert_int_equal(g.facts.iommu.unit_list[1].node, 1);
	gather_free(&g);
}

static bool has_note(const struct facts *f, const char *name)
{
	for (u32 i = 0; i < f->iommu.nnotes; i++)
		if (!strcmp(f->iommu.notes[i].name, name))
			return true;
	return false;
}

static void switches_that_look_off_are_named(void **state)
{
	struct facts_function gpu = {.class_code = 0x030000}, big = {.class_code = 0x010802};
	struct facts_bar bars[] = {
	    {.index = 1, .base = 1 << 28, .size = MIB(256), .prefetch = true}, {.size = GIB(1)}};
	struct facts_capability rebar = {.id = 0x15, .offset = 0x200};
	struct gather g = {.tables = {.found = 1}};

	g.facts.processors.vendor = "GenuineIntel";
	gather_switches(&g);
	assert_true(has_note(&g.facts, "vtd-off"));
	assert_false(has_note(&g.facts, "amdvi-off") || has_note(&g.facts, "resizable-bar-off"));
	chunks_free(&g.mem);

	g = (struct gather){.tables = {.found = 1}};
	g.facts.processors.vendor = "AuthenticAMD";
	gather_switches(&g);
	assert_true(has_note(&g.facts, "amdvi-off"));
	chunks_free(&g.mem);

	g = (struct gather){.tables = {.found = 1}};
	g.facts.iommu = (struct facts_iommu){.kind = FACTS_VTD, .units = 1, .x2apic_opt_out = true};
	gpu.bars = &bars[0];
	gpu.capabilities = &rebar;
	gpu.nbars = gpu.ncapabilities = 1;
	big.bars = &bars[1];
	big.nbars = 1;
	g.facts.functions = (struct facts_function[]){gpu, big};
	g.facts.nfunctions = 2;
	gather_switches(&g);
	assert_true(has_note(&g.facts, "interrupt-remapping-off"));
	assert_true(has_note(&g.facts, "x2apic-opt-out"));
	assert_true(has_note(&g.facts, "resizable-bar-off"));
	assert_true(has_note(&g.facts, "bar-unplaced"));
	chunks_free(&g.mem);

	/* tables that nobody could read prove nothing */
	g = (struct gather){.tables = {.unreadable = true}};
	gather_switches(&g);
	assert_int_equal(g.facts.iommu.nnotes, 0);
}

static void text_from_outside_is_made_harmless(void **state)
{
	static const char *const cases[][2] = {
	    {"  NVIDIA  \n", "NVIDIA"},	    {"a\tb\x01", "a?b?"}, {"\xff\xfe", "??"},
	    {"caf\xc3\xa9", "caf\xc3\xa9"}, {"\xc0\x80", "??"},	  {"\xed\xa0\x80", "???"},
	    {"cut \xe2\x82", "cut ??"},
	};
	struct gather g = {.hardware = false};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(gather_text(&g, cases[i][0]), cases[i][1]);
	assert_null(gather_text(&g, " \n"));
	assert_null(gather_text(&g, NULL));
	gather_free(&g);
}

static void monitors_have_names(void **state)
{
	u8 edid[128] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	char name[14];

	assert_false(edid_name(edid, sizeof(edid), name));
	memcpy(edid + 72, "\0\0\0\xfc\0Rig 4\n       ", 18);
	assert_true(edid_name(edid, sizeof(edid), name));
	assert_string_equal(name, "Rig 4");
	assert_false(edid_name(edid, 127, name));
	edid[1] = 0;
	assert_false(edid_name(edid, sizeof(edid), name));
}

/* ---- for the proof -------------------------------------------------------------------------------- */

static int make_machine(const struct facts *f, u64 less, struct machine *m, void **memory)
{
	u64 size = facts_machine_memory(f);
	struct arena a;

	*memory = aligned_alloc(16, align_up(size, 16));
	a = arena_of(*memory, size - less);
	return facts_machine(f, &a, m);
}

/* What the boot would not do is not listed, and an older file that lists it is not believed. */
static void resets_that_do_not_work_are_none(void **state)
{
	struct gather_options o = {OURS "/quirks/lspci", OURS "/quirks/acpi"};
	struct facts_function *list;
	struct machine m;
	struct gather g;
	void *memory;

	gather(&g, &o);
	assert_int_equal(g.facts.nfunctions, 5);
	list = (struct facts_function *)g.facts.functions;
	assert_int_equal(list[3].resets, 0);
	assert_false(list[3].assignable);
	assert_string_equal(list[3].because, "no reset of it is known to work");
	assert_int_equal(list[4].resets, RESET_BUS);
	assert_true(list[4].assignable);
	assert_int_equal(list[2].resets, 0);
	assert_string_equal(list[2].because, "there is no way to reset it");

	list[2].resets = RESET_FLR | RESET_PM;
	list[3].resets = RESET_BUS | RESET_PM;
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), OK);
	assert_int_equal(m.functions[2].resets, RESET_PM);
	assert_int_equal(m.functions[3].resets, 0);
	assert_int_equal(m.functions[4].resets, RESET_BUS);
	free(memory);
	gather_free(&g);
}

static void the_proof_gets_what_it_needs(void **state)
{
	struct gather_options o = {OURS "/intel/lspci", OURS "/intel/acpi"};
	const struct machine_function *vf, *igpu;
	struct machine m;
	struct gather g;
	void *memory;

	gather(&g, &o);
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), OK);
	assert_true(m.iommu && m.interrupt_remapping);
	assert_int_equal(m.boot_cpu, 0);
	assert_int_equal(m.nreserved, 1);
	igpu = &m.functions[m.reserved[0].function];
	assert_int_equal(igpu->bdf.devfn, 2 << 3);
	assert_int_equal(m.reserved[0].size, MIB(64));
	vf = &m.functions[facts_find(&g.facts, (struct bdf){0, 2, 16 << 3})];
	assert_true(vf->is_vf);
	assert_int_equal(m.functions[vf->pf].device, 0x20);
	assert_int_equal(m.functions[vf->pf].vfs, 8);
	assert_int_equal(vf->vf, 0);
	assert_int_equal(m.functions[facts_find(&g.facts, (struct bdf){0, 1, 0})].bar[1].size,
			 MIB(256));
	assert_string_equal(m.functions[0].unfit, "it is part of the chipset");
	assert_null(vf->unfit);
	free(memory);
	assert_int_equal(make_machine(&g.facts, 256, &m, &memory), ERR_NOMEM);
	free(memory);

	g.facts.iommu.complete = false; /* half a table is none */
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), OK);
	assert_false(m.iommu);
	free(memory);
	g.facts.processors.boot_apic_id = 99;
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), ERR_NOENT);
	free(memory);
	g.facts.processors.boot_apic_id = 0;
	g.facts.processors.vendor = "ThirteenChars";
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), ERR_INVAL);
	free(memory);
	g.facts.processors.vendor = NULL;
	((struct facts_function *)g.facts.functions)[3].bdf = g.facts.functions[2].bdf;
	assert_int_equal(make_machine(&g.facts, 0, &m, &memory), ERR_INVAL);
	free(memory);
	gather_free(&g);
}

/* ---- what the reader refuses ---------------------------------------------------------------------- */

#define HEAD "version: 1\n"
#define FN(bdf)          \
	"- {bdf: \"" bdf \
	"\", path: \"0000:00/01.0\", vendor: 1, device: 2, class_code: 3, group: 0}\n"
#define PROCESSORS(cpus)                                                                                      \
	"processors: {virtualization: true, nested_paging: true, x2apic: true, boot_apic_id: 0, cpus: [" cpus \
	"]}\n"
#define CPU "{apic_id: 0, package: 0, core: 0, thread: 0}"

static const struct {
	const char *text, *rule, *words, *remedy;
	u32 line, column;
} faults[] = {
    {HEAD "functoins: []\n", "unknown-key", "functoins", "functions", 2, 1},
    {HEAD
     "functions:\n" FN("0000:00:01.0") "  \n- {bdf: \"01:00\", path: \"0000:00/01.0\", vendor: 1, "
				       "device: 2, class_code: 3, group: 0}\n",
     "bad-value", "01:00", "0000:01:00.0", 5, 9},
    {HEAD
     "functions:\n- {bdf: \"0000:00:01.0\", path: \"00:01.0\", vendor: 1, device: 2, class_code: 3, "
     "group: 0}\n",
     "bad-value", "00:01.0", "0000:00/1c.0", 3, 31},
    {HEAD "functions:\n- {bdf: \"0000:00:01.0\", vendor: 1, device: 2, class_code: 3, group: 0}\n",
     "missing-key", "path", NULL, 3, 3},
    {HEAD
     "functions:\n- {bdf: \"0000:00:01.0\", path: \"0000:00/01.0\", vendor: 0x10000, device: 2, "
     "class_code: 3, group: 0}\n",
     "out-of-range", "vendor", NULL, 3, 55},
    {HEAD "functions:\n" FN("0000:00:01.0") FN("0000:00:01.0"), "machine-file", "two functions",
     NULL, 4, 3},
    {HEAD "functions: 7\n", "wrong-type", "functions", NULL, 2, 12},
    {HEAD "memory:\n- {base: 0, size: 4 KB, kind: ram}\n", "bad-value", "4 KB", "KiB", 3, 19},
    {HEAD "memory:\n- {base: 0, size: 4 KiB, kind: rma}\n", "bad-value", "rma", "'ram'", 3, 32},
    {HEAD "memory:\n- {base: 0, size: 8 KiB, kind: ram}\n- {base: 4096, size: 4 KiB, kind: ram}\n",
     "machine-file", "begins before", NULL, 4, 3},
    {HEAD "memory:\n- {base: 0xfffffffffffff000, size: 8 KiB, kind: ram}\n", "out-of-range",
     "passes the end", NULL, 3, 3},
    {HEAD PROCESSORS(CPU ", " CPU), "machine-file", "two processors", NULL, 2, 141},
    {HEAD PROCESSORS("{apic_id: 3, package: 0, core: 0, thread: 0}"), "machine-file",
     "boot_apic_id", NULL, 2, 13},
    {HEAD PROCESSORS("{apic_id: 4294967296, package: 0, core: 0, thread: 0}"), "out-of-range",
     "apic_id", NULL, 2, 105},
    {HEAD "iommu: {kind: vt-d, units: 2, rmrr: 0, interrupt_remapping: yes, complete: yes}\n",
     "machine-file", "units is 2", NULL, 2, 8},
    {HEAD "iommu: {kind: vtd, units: 0, rmrr: 0, interrupt_remapping: yes, complete: yes}\n",
     "bad-value", "vtd", "'vt-d'", 2, 15},
    {HEAD "iommu: {kind: vt-d, units: 0, rmrr: 0, interrupt_remapping: maybe, complete: yes}\n",
     "bad-value", "maybe", "true or false", 2, 61},
    {HEAD "gpus:\n- {bdf: \"0000:00:02.0\"}\n", "machine-file", "not among", NULL, 3, 3},
    {"version: 2\n", "machine-file", "version 2", "this version", 1, 10},
    {"functions: []\n", "missing-key", "version", NULL, 1, 1},
    {HEAD "version: 1\n", "doubled-key", "version", NULL, 2, 1},
    {"- 1\n", "wrong-type", "a list", NULL, 1, 1},
    {"", "missing-key", "version", NULL, 1, 1},
};

static bool as_expected(size_t i, const struct facts *f)
{
	const struct diagnostic *d = &said[0];

	return !f && nsaid == 1 && !strcmp(d->rule, faults[i].rule) &&
	       strstr(d->text, faults[i].words) && d->remedy[0] &&
	       (!faults[i].remedy || strstr(d->remedy, faults[i].remedy)) &&
	       d->at.line == faults[i].line && d->at.column == faults[i].column;
}

static void faults_are_placed_and_mended(void **state)
{
	u32 bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct chunks mem = {0};
		struct facts *f = read_bytes(faults[i].text, strlen(faults[i].text), &mem);

		if (!as_expected(i, f)) {
			print_error("fault %zu: %u diagnostics, the first at %u:%u: %s: %s. %s\n",
				    i, nsaid, said[0].at.line, said[0].at.column, said[0].rule,
				    said[0].text, said[0].remedy);
			bad++;
		}
		chunks_free(&mem);
	}
	assert_int_equal(bad, 0);
}

/* All faults of a file come in one run. */
static void all_faults_come_at_once(void **state)
{
	static const char text[] =
	    HEAD "sorce: x\nnodes: 3\nmemory:\n- {base: x, size: 1, kind: ram}\n";
	struct chunks mem = {0};

	assert_null(read_bytes(text, strlen(text), &mem));
	assert_int_equal(nsaid, 3);
	chunks_free(&mem);
}

/* Each kind of member counts in the comparison: change any and it shows. */
static void differences_are_found(void **state)
{
	struct gather_options o = {OURS "/intel/lspci", OURS "/intel/acpi"};
	struct facts_function *f;
	struct facts copy;
	struct gather g;
	char where[256];

	gather(&g, &o);
	copy = g.facts;
	f = chunks_take(&g.mem, copy.nfunctions, sizeof(*f));
	memcpy(f, copy.functions, copy.nfunctions * sizeof(*f));
	copy.functions = f;
	assert_true(facts_equal(&g.facts, &copy, where, sizeof(where)));
	f[3].group++;
	assert_false(facts_equal(&g.facts, &copy, where, sizeof(where)));
	assert_string_equal(where, "functions.3.group");
	f[3].group--;
	f[9].class_name = "something else";
	assert_false(facts_equal(&g.facts, &copy, where, sizeof(where)));
	assert_string_equal(where, "functions.9.class_name");
	f[9].class_name = g.facts.functions[9].class_name;
	f[1].path.devfn[0]++;
	assert_false(facts_equal(&g.facts, &copy, where, sizeof(where)));
	assert_string_equal(where, "functions.1.path");
	f[1].path.devfn[0]--;
	copy.nfunctions--;
	assert_false(facts_equal(&g.facts, &copy, where, sizeof(where)));
	assert_string_equal(where, "functions");
	gather_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(facts_survive_the_file),
	    cmocka_unit_test(a_dump_is_understood),
	    cmocka_unit_test(resets_that_do_not_work_are_none),
	    cmocka_unit_test(switches_that_look_off_are_named),
	    cmocka_unit_test(text_from_outside_is_made_harmless),
	    cmocka_unit_test(monitors_have_names),
	    cmocka_unit_test(the_proof_gets_what_it_needs),
	    cmocka_unit_test(faults_are_placed_and_mended),
	    cmocka_unit_test(all_faults_come_at_once),
	    cmocka_unit_test(differences_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
