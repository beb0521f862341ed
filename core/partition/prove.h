/*
 * The one gate: a plan is carried out only after prove() has accepted it against the machine, in
 * the tool and again at boot, and every later change as prove(current, next).
 */
#pragma once

#include "core/partition/plan.h"

/* Stable rule names; profiles/rules has text, remedy, a passing and a failing example for each. */
enum rule {
#define RULE(id, name) id,
#include "core/partition/rules.def"
#undef RULE
	RULE_COUNT,
};

const char *rule_name(enum rule r);

/* One refusal. `text` names thing and reason; `remedy` what to do about it. Both end without '.'. */
struct refusal {
	enum rule rule;
	u32 workstation; /* index in next, ~0u: the plan as a whole */
	u32 item;	 /* index of the cpu, ram piece or device meant, ~0u: none */
	char text[256];
	char remedy[192];
};

/* Called once for each refusal found, in a stable order; must not keep the pointer. */
typedef void (*refusal_sink)(void *ctx, const struct refusal *r);

/*
 * Prove that `next` is free of conflicts on machine `m`, and, when `current` is not NULL, that the
 * running workstations it does not change stay exactly as they are. Calls sink for every conflict
 * (all are found in one call) and returns OK when there was none, ERR_PERM otherwise.
 */
__must_check int prove(const struct machine *m, const struct plan *current, const struct plan *next,
		       refusal_sink sink, void *ctx);
