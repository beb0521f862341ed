#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi.h"
#include "core/base/err.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/language/language.h"
#include "profiles/host/study/heads.h"
#include "profiles/host/study/kernel.h"
#include "profiles/host/study/study.h"
#include "profiles/host/verb.h"
#include "profiles/rules/rule.h"

#define BLOB_ROOM MIB(1) /* a blob is small beside its files */

static void keep(void *ctx, const struct diagnostic *d)
{
	struct study *s = ctx;

	if (s->nfound == s->room) {
		struct diagnostic *grown;

		s->room = s->room ? 2 * s->room : 16;
		grown = realloc(s->found, s->room * sizeof(*grown));
		if (!grown) {
			fputs("caprock: out of memory\n", stderr);
			exit(2);
		}
		s->found = grown;
	}
	s->found[s->nfound++] = *d;
}

static void no_file(struct study *s, const char *path, struct place at)
{
	report(&s->r, "unknown-file", SEVERITY_ERROR, at,
	       "Name a file that can be read; it is looked for beside the file that names it",
	       "%s: %s", path, strerror(errno));
}

static void check_readable(struct study *s, const char *path, struct place at)
{
	FILE *f = path ? fopen(path, "rb") : NULL;

	if (f)
		fclose(f);
	else if (path)
		no_file(s, path, at);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void emulate(struct study *s)
{
	const struct site_emulator *e = &s->site->emulator;
	struct qemu_options o = {.cpus = e->cores * e->threads,
				 .threads = e->threads,
				 .memory = e->memory,
				 .iommu = true};

	s->have_machine = qemu_machine_make(&s->emulated, &o);
	s->machine = s->emulated.machine;
}

static void read_machine(struct study *s)
{
	const char *path = s->site->machine;
	struct place at = PLACE_OF(s->site, machine);
	struct arena arena;
	FILE *f = fopen(path, "rb");
	u64 room;
	int err;

	/* A file that is not there is a fault of the line that names it. */
	if (!f) {
		no_file(s, path, at);
		return;
	}
	fclose(f);
	s->facts = facts_read_file(path, &s->mem, &s->r);
	if (!s->facts)
		return;
	room = facts_machine_memory(s->facts);
	arena = arena_of(chunks_take(&s->mem, 1, room), room);
	err = facts_machine(s->facts, &arena, &s->machine);
	if (err)
		report(&s->r, "machine-file", SEVERITY_ERROR, at,
		       "Write it again with caprock probe of this version",
		       "%s describes no machine: %s", path, err_text(err));
	s->have_machine = !err;
}

void study_read(struct study *s, const char *path)
{
	struct language l = {&s->mem, &s->r};

	*s = (struct study){.path = path, .r = {.sink = keep, .ctx = s}};
	s->site = language_load_site(&l, path);
	if (!s->site)
		return;
	if (s->site->machine)
		read_machine(s);
	else
		emulate(s);
}

/* ---- the bundle ------------------------------------------------------------------------------ */

static const char *bundle_file(struct study *s, const char *path, struct place at)
{
	const char *name;

	if (!path)
		return NULL;
	name = bundle_add_file(&s->bundle, path);
	if (!name)
		no_file(s, path, at);
	return name;
}

/* The initial RAM disk, with what its heads need in front of it. */
static const char *bundle_initrd(struct study *s, u32 w)
{
	const struct profile *p = &s->site->workstations[w];
	u64 n;
	const void *heads = study_heads(s, w, &n);
	const char *name;

	if (!heads)
		return bundle_file(s, p->initrd, PLACE_OF(p, initrd));
	name = bundle_add_headed(&s->bundle, heads, n, p->initrd);
	if (name)
		s->initrd_heads[w] = n;
	else
		no_file(s, p->initrd, PLACE_OF(p, initrd));
	return name;
}

static void bundle_files(struct study *s)
{
	for (u32 w = 0; w < s->site->nworkstations; w++) {
		const struct profile *p = &s->site->workstations[w];
		struct want *want = &s->resolved.wants[w];
		struct plan_device *d = (struct plan_device *)want->devices;

		for (u32 h = 0; h < p->nheads; h++)
			check_readable(s, p->heads[h].edid, PLACE_OF(&p->heads[h], edid));
		want->kernel = bundle_file(s, p->kernel, PLACE_OF(p, kernel));
		want->initrd = bundle_initrd(s, w);
		for (u32 i = 0; i < want->ndevices; i++)
			d[i].rom =
			    bundle_file(s, d[i].rom, s->resolved.workstations[w].wishes[i]->p.at);
	}
}

/* ---- the plan -------------------------------------------------------------------------------- */

static void note_refusal(void *ctx, const struct refusal *f)
{
	struct study *s = ctx;
	const struct rule_info *rule = rule_find(rule_name(f->rule));

	/* What was cut down has said its own already. */
	if (f->workstation != ~0u && s->degraded[f->workstation] &&
	    (rule->place == AT_CORES || rule->place == AT_MEMORY))
		return;
	report(&s->r, rule_name(f->rule), SEVERITY_ERROR,
	       rule_place_of(rule, s->site, &s->resolved, f->workstation, f->item), f->remedy, "%s",
	       f->text);
}

static void note_shortage(struct study *s, const struct shortage *why)
{
	const struct rule_info *rule = rule_find(why->rule);

	report(&s->r, why->rule, SEVERITY_ERROR,
	       rule_place_of(rule, s->site, &s->resolved, why->want, ~0u), why->remedy, "%s",
	       why->text);
}

/*
 * Plan; a workstation that there is not enough for is cut down to the least, so that the others and
 * its devices are looked at all the same. False when even that does not work.
 */
static bool plan_all(struct study *s)
{
	u32 n = s->site->nworkstations;
	struct planner_options o = {.bundle_size = bundle_size(&s->bundle) + BLOB_ROOM,
				    .log_level = (u8)s->site->hypervisor.log};
	struct shortage why;
	struct arena arena;
	u64 room = MIB(1) + n * (PLAN_RAM_MAX * sizeof(struct plan_ram) + 1024) +
		   (u64)n * s->machine.ncpus * sizeof(u32) +
		   (s->machine.nmemory + (u64)n * PLAN_RAM_MAX) * 64;

	free(s->arena_memory);
	s->arena_memory = NULL;
	if (posix_memalign(&s->arena_memory, 16, room))
		return false;
	for (u32 tries = 0; tries <= 2 * n; tries++) {
		int err;

		arena = arena_of(s->arena_memory, room);
		err = planner_make(&s->machine, s->resolved.wants, n, &o, &arena, &s->plan, &why);
		if (!err)
			return true;
		if (err != ERR_NOENT) {
			report(&s->r, "machine-file", SEVERITY_ERROR, PLACE_OF(s->site, machine),
			       "Write it again with caprock probe of this version",
			       "no plan can be made for this machine: %s", err_text(err));
			return false;
		}
		note_shortage(s, &why);
		if (why.want >= n ||
		    (s->degraded[why.want] && s->resolved.wants[why.want].cores <= 1 &&
		     s->resolved.wants[why.want].memory <= MIB(64)))
			return false;
		s->degraded[why.want] = true;
		s->resolved.wants[why.want].cores = 1;
		s->resolved.wants[why.want].memory = MIB(64);
	}
	return false;
}

static void check_kernels(struct study *s)
{
	for (u32 w = 0; w < s->site->nworkstations; w++) {
		const struct profile *p = &s->site->workstations[w], *q = NULL;
		struct load_error why = {0};

		/* Many desks start the same kernel; it is tried once. Of a command line only the length counts. */
		for (u32 v = 0; v < w && !q; v++) {
			q = &s->site->workstations[v];
			if (!q->kernel || !p->kernel || strcmp(q->kernel, p->kernel) ||
			    q->memory != p->memory || q->boot != p->boot ||
			    strcmp(q->initrd ? q->initrd : "", p->initrd ? p->initrd : "") ||
			    s->initrd_heads[v] != s->initrd_heads[w] ||
			    strlen(s->resolved.wants[v].cmdline) !=
				strlen(s->resolved.wants[w].cmdline))
				q = NULL;
		}
		if (q || !s->resolved.wants[w].kernel)
			continue;
		if (!kernel_starts(&s->plan.workstations[w], p->kernel, p->initrd,
				   s->initrd_heads[w], &why))
			report(
			    &s->r, "kernel-format", SEVERITY_ERROR, PLACE_OF(p, kernel),
			    why.cmdline
				? "Shorten its 'command-line', or ask for fewer heads"
				: "Name a bzImage (protocol 2.12 or later) or an ELF64 file with a "
				  "PVH note",
			    "%s cannot start %s: %s", p->name, p->kernel, why.text);
	}
}

static bool resolve_all(struct study *s)
{
	u64 room = resolve_memory(s->site, s->facts);
	struct arena arena = arena_of(chunks_take(&s->mem, 1, room), room);

	if (resolve(s->site, s->facts, &arena, &s->r, &s->resolved)) {
		report(&s->r, "machine-file", SEVERITY_ERROR, s->site->p.at, "Report this",
		       "the site is larger than it said");
		return false;
	}
	return true;
}

void study_prove(struct study *s, const struct plan *current)
{
	s->machine.boot.bundle_size = bundle_size(&s->bundle) + blob_size(&s->plan) + 256;
	(void)!prove(&s->machine, current, &s->plan, note_refusal, s);
}

void study_place(struct study *s)
{
	u32 n = s->site->nworkstations;
	bool cut = false;

	s->degraded = chunks_take(&s->mem, n ? n : 1, sizeof(*s->degraded));
	s->planned = plan_all(s);
	if (s->planned) {
		study_prove(s, NULL);
		check_kernels(s);
	}
	for (u32 w = 0; w < n; w++)
		cut |= s->degraded[w];
	s->planned &= !cut;
}

void study_plan(struct study *s)
{
	struct rule_context context = {
	    .site = s->site,
	    .facts = s->facts,
	    .machine = &s->machine,
	    .resolved = &s->resolved,
	    .r = &s->r,
	};

	if (!resolve_all(s))
		return;
	s->initrd_heads = chunks_take(&s->mem, s->site->nworkstations, sizeof(*s->initrd_heads));
	bundle_files(s);
	study_place(s);
	context.plan = s->planned ? &s->plan : NULL;
	rules_check(&context);
}

bool study_good(const struct study *s)
{
	return s->planned && !s->r.errors;
}

int study_status(const struct study *s)
{
	bool unread = !s->site && s->nfound && !strcmp(s->found[0].rule, "unknown-file");

	return unread ? EXIT_USAGE : study_good(s) ? EXIT_YES : EXIT_NO;
}

bool study_all(struct study *s, const char *path)
{
	study_read(s, path);
	if (s->site && s->have_machine)
		study_plan(s);
	return study_good(s);
}

void study_free(struct study *s)
{
	bundle_free(&s->bundle);
	qemu_machine_free(&s->emulated);
	free(s->arena_memory);
	free(s->found);
	chunks_free(&s->mem);
}

/* ---- writing --------------------------------------------------------------------------------- */

bool study_seal(struct study *s)
{
	u64 n = blob_size(&s->plan);
	void *blob = chunks_take(&s->mem, 1, n);

	return !blob_encode(&s->plan, blob, n) &&
	       bundle_add_data(&s->bundle, BUNDLE_PLAN_NAME, blob, n);
}

int study_write_bundle(struct study *s, const char *path)
{
	FILE *f = fopen(path, "wb");
	int saved;

	if (!f)
		return -1;
	if (bundle_write(&s->bundle, f)) {
		saved = errno;
		fclose(f);
		remove(path);
		errno = saved;
		return -1;
	}
	return fclose(f);
}
