/*
 * The rules as data: one file a rule, with its name, severity, meaning, place and remedy. A rule is
 * found by the language (files and keys), by resolve(), by the planner, by the proof, which the
 * hypervisor repeats at boot, or by a check of its own here (advice and what only the tool can see).
 *
 * tests/golden/rules/NAME holds a site that passes and one that fails.
 */
#pragma once

#include "core/partition/prove.h"
#include "profiles/resolve.h"

enum rule_finder { FOUND_BY_LANGUAGE, FOUND_BY_PLANNING, FOUND_BY_PROOF, FOUND_BY_CHECK };

/* The key that a diagnostic points at. */
enum rule_place {
	AT_FILE,	/* the file, or where its text breaks */
	AT_KEY,		/* the key or value itself */
	AT_SITE,	/* the site as a whole */
	AT_WORKSTATION, /* the workstation as a whole */
	AT_NAME,
	AT_CORES,
	AT_MEMORY,
	AT_KERNEL,
	AT_DEVICE, /* its entry among `devices` */
	AT_HEAD,   /* its entry among `heads` */
	AT_PLACES,
};

struct rule_context {
	const struct site *site;
	const struct facts *facts; /* NULL: no machine file */
	const struct machine *machine;
	const struct resolved *resolved;
	const struct plan *plan; /* NULL: none could be made */
	struct reporter *r;
};

struct rule_info {
	const char *id;
	enum severity severity;
	enum rule_finder finder;
	enum rule_place place;
	const char *text;   /* what it holds, a sentence */
	const char *remedy; /* what to do, a sentence; a diagnostic may say it more precisely */
	void (*check)(const struct rule_context *c, const struct rule_info *self);
};

#define RULE_FILE(name) extern const struct rule_info info_##name;
#include "profiles/rules/rules.def"
#undef RULE_FILE

extern const struct rule_info *const rules[];
extern const u32 nrules;

/* NULL: there is none. */
const struct rule_info *rule_find(const char *id);
const char *rule_place_name(enum rule_place p);
const char *rule_finder_name(enum rule_finder f);

/*
 * Where a refusal of the proof or a shortage of the planner points, by its workstation and item as
 * in struct refusal.
 */
struct place rule_place_of(const struct rule_info *rule, const struct site *s,
			   const struct resolved *resolved, u32 ws, u32 item);

/* Run every rule that has a check. */
void rules_check(const struct rule_context *c);

/* Report for a rule with a check of its own. */
#define RULE_REPORT(c, self, at, remedy, ...) \
	report((c)->r, (self)->id, (self)->severity, at, remedy, __VA_ARGS__)

/* ---- for several rules; c->facts is not NULL --------------------------------------------------- */

/* The NUMA node of a workstation's first GPU; FACTS_UNKNOWN: none, or firmware does not say. */
u32 rule_gpu_node(const struct rule_context *c, u32 w);
bool rule_has_class(const struct rule_context *c, u32 w, enum wish_class class);
/* How many outputs its GPUs have; false: nobody knows. */
bool rule_outputs(const struct rule_context *c, u32 w, u32 *n);
/* An output by name; NULL: none has it, then *nearest is the one meant, NULL if nothing is known. */
const struct facts_output *rule_find_output(const struct rule_context *c, u32 w, const char *name,
					    const struct facts_output **nearest);
