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
	u32 missed;   /* changes in a row that found the link busy */
	bool limited; /* the limit bites: tell the person */
};

/* Bytes that wait on this machine, in our buffer and the kernel's. */
size_t link_backlog(const struct net_stream *net);
/* The desktop changed, and the link was still busy with the picture before, or it was not. */
void link_change(struct link *l, bool busy);
/* Looks at the path; call before each picture and when the socket has drained. */
void link_sample(struct link *l, const struct net_stream *net, u64 now);
