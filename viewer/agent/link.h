/* What one viewer's link carries, judged from TCP's own figures and from what stays unsent. */
#pragma once

#include "viewer/net/stream.h"

struct link {
	u32 kbps; /* limit for video; 0 = none found yet */
	u32 rtt_us, min_rtt_us;
	u64 rate_kbps;	/* last honest delivery rate */
	u64 blocked_us; /* since when bytes have been waiting; 0 = they are not */
	u64 changed_us; /* last change of kbps */
	u64 sampled_us;
	u64 paced_kbps; /* what TCP may send at most in a burst; 0: anything */
	/* Whether rate_kbps is the path's and not only what was sent so far. */
	u64 grown_kbps;	 /* rate when it last grew by a quarter */
	u64 waited_us;	 /* time with bytes waiting since then */
	u32 retransmits; /* as of the last sample */
	bool full;	 /* it is */
	u32 missed;	 /* changes in a row that found the link busy */
	bool limited;	 /* the limit bites: tell the person */
};

/* Bytes that wait on this machine, in our buffer and the kernel's. */
size_t link_backlog(const struct net_stream *net);
/* What the link takes in so much time, bytes; 0: no limit is known. */
size_t link_room(const struct link *l, u32 us);
/*
 * A burst that nothing waits for follows, or has ended. It shall not overflow the path's queue. A sender
 * that seldom fills the path never leaves BBR's start, which sends at almost three times what it has
 * measured: of the exact tiles after a motion a quarter was then lost, and losing so much makes BBR
 * believe in a far narrower path. So, once the path's rate is known, a burst is sent no faster than
 * three halves of it: of twice what fits on the path two thirds of that gather in its queue, which is
 * less than queues are commonly built for; that is also how fast the rate may still grow. Where round
 * trips are short, BBR's start is over before any queue is full: there nothing is done.
 */
void link_bulk(struct link *l, const struct net_stream *net, bool bulk);
/* The desktop changed, and the link was still busy with the picture before, or it was not. */
void link_change(struct link *l, bool busy);
/* Looks at the path; call before each picture and when the socket has drained. */
void link_sample(struct link *l, const struct net_stream *net, u64 now);
