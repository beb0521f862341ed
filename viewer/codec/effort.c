#include "viewer/codec/effort.h"

#define LARGE  0.51 /* of a JPEG's size: more effort is tried */
#define LARGE0 0.48 /* the first step is the best bargain */
#define VAST   0.75 /* three steps at once, from the least */
#define SMALL  0.36 /* less will do */
#define ROOM   0.50 /* of the time: it is enough for a step up */
#define LATE   0.80
#define PAYS   0.97 /* of the size by less effort, or it is not worth its time */
#define ENOUGH 5u   /* pictures to judge a step by */
#define SETTLE 300u /* ten seconds of motion */
#define PASS   2u   /* pictures after a step, which may have begun anew, tell nothing yet */

static u32 cheapest_good(const struct effort *e)
{
	double best = e->size;
	u32 step = 0;

	for (u32 i = 0; i <= e->now; i++)
		if (e->known[i] > 0 && e->known[i] < best)
			best = e->known[i];
	while (step < e->now && !(e->known[step] > 0 && e->known[step] * PAYS <= best))
		step++;
	return step;
}

bool effort_judge(struct effort *e, double size, double time)
{
	u32 n = e->judged < ENOUGH ? e->judged : ENOUGH, next = e->now;

	if (e->passed < PASS) {
		e->passed++;
		return false;
	}
	e->size = (e->size * n + size) / (n + 1);
	e->time = (e->time * n + time) / (n + 1);
	e->settled -= e->settled > 0;
	if (++e->judged < ENOUGH)
		return false;
	e->known[e->now] = e->size;
	if (e->now && e->time > LATE) {
		next = e->now - 1;
		e->settled = SETTLE;
	} else if (e->now && e->size < SMALL &&
		   !(e->known[e->now - 1] > LARGE && e->judged < SETTLE)) {
		next = e->now - 1;
	} else if (e->size > (e->now ? LARGE : LARGE0) && !e->settled) {
		if (e->now < e->most && e->time < ROOM) {
			next = e->now + (e->size > VAST && !e->now && e->most > 3 ? 3 : 1);
		} else {
			next = cheapest_good(e);
			e->settled = SETTLE;
		}
	}
	if (next == e->now)
		return false;
	e->now = next;
	e->judged = e->passed = 0;
	return true;
}
