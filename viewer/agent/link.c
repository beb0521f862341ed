#include "viewer/agent/link.h"

#define SAMPLE_US  50000u
#define BLOCK_US   40000u   /* waiting longer than this is congestion */
#define QUEUE_US   60000u   /* so is this much above the path's best round trip */
#define HOLD_US	   1000000u /* between two raises */
#define MISSED	   3u
#define KBPS_MIN   500u
#define KBPS_AMPLE 40000u /* moving pictures rarely want more: such a limit does not bite */

size_t link_backlog(const struct net_stream *net)
{
	return net_unsent(net) + net_kernel_unsent(net);
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
	l->sampled_us = now;
	net_path(net, &p);
	l->rtt_us = p.rtt_us;
	l->min_rtt_us = p.min_rtt_us;
	u64 kbps = p.rate_bps * 8 / 1000;
	if (kbps && (!p.app_limited || kbps > l->rate_kbps))
		l->rate_kbps = kbps;

	bool queued = p.min_rtt_us && p.rtt_us > p.min_rtt_us + QUEUE_US;
	bool blocked = l->blocked_us && now - l->blocked_us > BLOCK_US;
	bool late = l->missed >= MISSED;
	if ((queued || blocked || late) && kbps) {
		u32 want = (u32)(l->rate_kbps * 80 / 100);

		if (want < KBPS_MIN)
			want = KBPS_MIN;
		/* A first finding counts at once; later ones step down gently, one a round trip. */
		if (!l->kbps) {
			l->kbps = want;
			l->changed_us = now;
		} else if (now - l->changed_us > 2ull * p.rtt_us + 100000) {
			u32 step = l->kbps * 9 / 10;

			if (want < l->kbps)
				l->kbps = want > step ? want : step;
			else if (late && l->kbps > l->rate_kbps / 2)
				l->kbps = l->kbps * 15 / 16; /* the estimate flatters */
			l->missed = 0;
			if (l->kbps < KBPS_MIN)
				l->kbps = KBPS_MIN;
			l->changed_us = now;
		}
		l->limited = l->kbps < KBPS_AMPLE;
	} else if (l->kbps && now - l->changed_us > HOLD_US) {
		l->kbps += l->kbps / 16 + 1;
		l->changed_us = now;
		l->limited &= l->kbps < KBPS_AMPLE;
		if (l->kbps > 400000) /* wider than any picture of ours: no limit again */
			l->kbps = 0;
	}
}
