/* Wrong passwords by address: after a few, each further one doubles the wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/agent/agent.h"

#define PLACES	    512u
#define WAIT_US	    2000000ull
#define WAIT_MAX_US (900ull * 1000000)
#define FORGET_US   (3600ull * 1000000)

struct place {
	char peer[64];
	u32 wrong;
	u64 last_us, until_us;
};

struct attempts {
	u32 limit;
	struct place list[PLACES];
};

struct attempts *attempts_new(u32 limit)
{
	struct attempts *t = calloc(1, sizeof(*t));

	if (t)
		t->limit = limit;
	return t;
}

void attempts_free(struct attempts *t)
{
	free(t);
}

/* The address without its port: whoever tries again comes from another port. */
static void strip(const char *peer, char out[64])
{
	snprintf(out, 64, "%s", peer);
	char *colon = strrchr(out, ':');
	if (colon)
		*colon = 0;
}

static struct place *find(struct attempts *t, const char *peer, u64 now, bool make)
{
	struct place *oldest = &t->list[0];
	char name[64];

	strip(peer, name);
	for (u32 i = 0; i < PLACES; i++) {
		struct place *p = &t->list[i];

		if (p->wrong && now - p->last_us > FORGET_US)
			p->wrong = 0;
		if (p->wrong && !strcmp(p->peer, name))
			return p;
		if (!p->wrong || (oldest->wrong && p->last_us < oldest->last_us))
			oldest = p;
	}
	if (!make)
		return NULL;
	*oldest = (struct place){0};
	memcpy(oldest->peer, name, sizeof(name));
	return oldest;
}

bool attempts_allowed(struct attempts *t, const char *peer, u64 now)
{
	struct place *p = find(t, peer, now, false);

	return !p || now >= p->until_us;
}

void attempts_note(struct attempts *t, const char *peer, bool ok, u64 now)
{
	struct place *p = find(t, peer, now, !ok);

	if (ok) {
		if (p)
			p->wrong = 0;
		return;
	}
	p->wrong++;
	p->last_us = now;
	if (p->wrong >= t->limit) {
		u32 over = p->wrong - t->limit;
		u64 wait = over < 10 ? WAIT_US << over : WAIT_MAX_US;

		p->until_us = now + (wait < WAIT_MAX_US ? wait : WAIT_MAX_US);
	}
}
