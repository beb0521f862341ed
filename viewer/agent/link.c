#include "viewer/agent/link.h"

#define SAMPLE_US   50000u
#define BLOCK_US    40000u   /* waiting longer than this is congestion */
#define QUEUE_US    60000u   /* so is this much above the path's best round trip */
#define HOLD_US	    1000000u /* between two raises */
/*
 * Per cent of the estimate for video: the rest is for exact tiles and losses. What is lost holds up all
 * that follows it, so fewer packets are also earlier ones; but BBR's estimate falls to about five
 * fourths of what was sent lately, and the exact tiles after a motion come no faster than that.
 */
#define SHARE	    66u
#define FADE	    400u /* samples, 20 s: how slowly a lower rate is believed */
#define MISSED	    3u
#define SEGMENT	    1448u
#define FEW	    10u /* packets, as many as TCP begins with: of fewer nothing is concluded */
#define QUEUE_LEAST (64u << 10) /* bytes that any path's queue takes */
#define KBPS_MIN    500u
#define KBPS_ENOUGH 400000u /* wider than any picture of ours: no limit again */
#define KBPS_FIRST  10000u
#define KBPS_AMPLE  40000u /* moving pictures rarely want more: such a limit does not bite */

size_t link_backlog(const struct net_stream *net)
{
	return net_unsent(net) + net_kernel_unsent(net);
}

/*
 * Is rate_kbps what the path carries, or only what was sent so far? BBR's own test, which does not
 * work for a sender that seldom fills the path: three round trips with bytes waiting in which the
 * rate did not grow by a quarter, or a fifth of all lost.
 */
static void judge(struct link *l, const struct net_path *p, bool waiting, u64 us)
{
	u32 lost = p->retransmits - l->retransmits;

	l->retransmits = p->retransmits;
	if (l->rate_kbps > l->grown_kbps * 5 / 4) {
		l->grown_kbps = l->rate_kbps;
		l->waited_us = 0;
	} else if (waiting) {
		l->waited_us += us;
	}
	if (l->waited_us > 3ull * p->min_rtt_us + 3 * SAMPLE_US ||
	    (lost > FEW && lost * SEGMENT * 8000ull > l->rate_kbps * us / 5))
		l->full = true;
}

void link_bulk(struct link *l, const struct net_stream *net, bool bulk)
{
	/* In the three round trips that BBR's start takes at least, it sends so many too much. */
	u64 over = l->rate_kbps * l->min_rtt_us * 3 * 2 / 8000;
	u64 kbps = bulk && l->kbps && l->full && over > QUEUE_LEAST ? l->rate_kbps * 3 / 2 : 0;

	if (kbps == l->paced_kbps)
		return;
	l->paced_kbps = kbps;
	net_pace(net, kbps * 1000 / 8);
}

size_t link_room(const struct link *l, u32 us)
{
	return l->kbps ? (size_t)(l->rate_kbps * us / 8000) : 0;
}

void link_change(struct link *l, bool busy)
{
	l->missed = busy ? l->missed + 1 : l->missed / 2;
}

void link_sample(struct link *l, const struct net_stream *net, u64 now)
{
	struct net_path p;

	if (now - l->sampled_us < SAMPLE_US)
		return;
	u64 us = now - l->sampled_us;
	l->sampled_us = now;
	net_path(net, &p);
	l->rtt_us = p.rtt_us;
	l->min_rtt_us = p.min_rtt_us;
	u64 kbps = p.rate_bps * 8 / 1000;
	bool queued = p.min_rtt_us && p.rtt_us > p.min_rtt_us + QUEUE_US;

	/* While no queue grows, a lower rate tells what was sent, or that losses held it up: to follow
	 * it would lower what is sent next, and so on. */
	if (kbps && !queued && kbps < l->rate_kbps)
		l->rate_kbps -= (l->rate_kbps - kbps) / FADE + 1;
	else if (kbps && (!p.app_limited || kbps > l->rate_kbps))
		l->rate_kbps = kbps;

	judge(l, &p, link_backlog(net) > 0, us);
	bool blocked = l->blocked_us && now - l->blocked_us > BLOCK_US;
	bool late = l->missed >= MISSED;
	u32 share =
	    (u32)(l->rate_kbps * SHARE / 100 > KBPS_MIN ? l->rate_kbps * SHARE / 100 : KBPS_MIN);
	bool turn = now - l->changed_us > 2ull * p.rtt_us + 100000;

	if ((queued || blocked || late) && kbps) {
		if (!l->kbps) {
			/* A connection's first estimates are of what it sent, not of what it could. */
			l->kbps = share > KBPS_FIRST ? share : KBPS_FIRST;
			l->changed_us = now;
		} else if (turn) { /* down gently, one step in two round trips, unless it is far */
			u32 step = share < l->kbps / 2 ? l->kbps * 2 / 3 : l->kbps * 9 / 10;

			if (share < l->kbps)
				l->kbps = share > step ? share : step;
			else if (late && l->kbps > l->rate_kbps / 2)
				l->kbps = l->kbps * 15 / 16; /* the estimate flatters */
			l->missed = 0;
			l->changed_us = now;
		}
		if (l->kbps < KBPS_MIN)
			l->kbps = KBPS_MIN;
	} else if (l->kbps && share > l->kbps && turn) {
		l->kbps += (share - l->kbps) / 4 + 1; /* the path has shown that it carries more */
		l->changed_us = now;
	} else if (l->kbps && now - l->changed_us > HOLD_US) {
		l->kbps += l->kbps / 16 + 1;
		l->changed_us = now;
		if (l->kbps > KBPS_ENOUGH)
			l->kbps = 0;
	}
	l->limited = l->kbps && l->kbps < KBPS_AMPLE;
}
