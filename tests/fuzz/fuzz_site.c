/*
 * A site from anybody: read, resolved against the lab's machine, planned, proven. The fuzzer's bytes
 * are the site file; a first byte of '#' or a letter is as good as any.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/partition/prove.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/language/language.h"
#include "profiles/planner.h"
#include "profiles/rules/rule.h"

#define MACHINE "tests/golden/machines/lab.yaml"

static struct chunks lab_memory;
static struct facts *lab;
static struct machine machine;

static void read_lab(void)
{
	struct reporter r = {0};
	struct arena arena;
	u64 room;

	lab = facts_read_file(MACHINE, &lab_memory, &r);
	if (!lab)
		abort();
	room = facts_machine_memory(lab);
	arena = arena_of(chunks_take(&lab_memory, 1, room), room);
	if (facts_machine(lab, &arena, &machine))
		abort();
}

static void note(void *ctx, const struct diagnostic *d)
{
	/* Every diagnostic is whole, known, and somewhere. */
	if (!d->text[0] || !d->remedy[0] || !rule_find(d->rule) || !d->at.file)
		abort();
}

static void plan(const struct site *s, struct chunks *mem, struct reporter *r)
{
	u64 room = resolve_memory(s, lab);
	struct arena arena = arena_of(chunks_take(mem, 1, room), room);
	struct planner_options o = {.bundle_size = MIB(1), .log_level = (u8)s->hypervisor.log};
	struct rule_context c = {.site = s, .facts = lab, .machine = &machine, .r = r};
	struct resolved resolved;
	struct shortage why;
	struct plan p;

	if (resolve(s, lab, &arena, r, &resolved))
		abort();
	c.resolved = &resolved;
	if (s->nworkstations <= 64) {
		arena = arena_of(chunks_take(mem, 1, MIB(1)), MIB(1));
		if (!planner_make(&machine, resolved.wants, s->nworkstations, &o, &arena, &p,
				  &why)) {
			(void)!prove(&machine, NULL, &p, NULL, NULL);
			c.plan = &p;
		}
	}
	rules_check(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct chunks mem = {0};
	struct reporter r = {.sink = note};
	struct language l = {&mem, &r};
	struct yaml_node *root;
	struct site *s;

	if (!lab)
		read_lab();
	root = yaml_read_memory("site.yaml", data, n, &mem, &r);
	if (root) {
		s = language_parse_site(&l, root, "site.yaml");
		plan(s, &mem, &r);
	} else if (!r.errors) {
		abort();
	}
	chunks_free(&mem);
	return 0;
}
