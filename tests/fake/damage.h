/*
 * Ways to break a good plan, one conflict each: what the proof must find. The plan's arrays are the
 * planner's, so that they may be written to.
 */
#pragma once

#include "core/partition/plan.h"

struct damage {
	const char *name;
	bool (*plan)(struct plan *p); /* false: the plan lacks what would be broken */
	const char *says;	      /* the rule that finds it, or what the message is about */
};

extern const struct damage damages[];
extern const u32 ndamages;
