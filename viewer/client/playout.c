#include "viewer/client/playout.h"

#define SPAN_US \
	5000000u /* the least transit is of one to two of these: clocks drift, routes change */
#define GAP_US 100000u /* longer, it is no motion */

static u64 between(u64 from, u64 to)
{
	u64 us = to > from ? to - from : 0;

	return us < GAP_US ? us : GAP_US;
}

void playout_arrived(struct playout *p, u64 capture_us, u64 now)
{
	s64 transit = (s64)(now - capture_us);

	if (!p->known) {
		p->least[0] = p->least[1] = transit;
		p->span_us = now;
	} else if (now - p->span_us > SPAN_US) {
		p->least[1] = p->least[0];
		p->least[0] = transit;
		p->span_us = now;
	}
	if (transit < p->least[0])
		p->least[0] = transit;
	p->gap_us = (u32)between(p->video_us, capture_us);
	if (p->known && now - p->arrived_us < p->gap_us / 4)
		p->behind = true;
	p->arrived_us = now;
	p->video_us = capture_us;
	p->known = true;
}

u64 playout_due(const struct playout *p, u64 capture_us)
{
	return p->behind ? p->taken_us + between(p->capture_us, capture_us) / 2 : 0;
}

void playout_taken(struct playout *p, u64 capture_us, bool video, u64 now)
{
	s64 least = p->least[0] < p->least[1] ? p->least[0] : p->least[1];

	/* As late as half a picture, the next one cannot come too soon after it. */
	if (video && (s64)(now - capture_us) - least <= (s64)p->gap_us / 2)
		p->behind = false;
	p->taken_us = now;
	if (capture_us > p->capture_us)
		p->capture_us = capture_us;
}
