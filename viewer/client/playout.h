/*
 * When what has come is shown. A network that loses a packet holds up all that follows it and then
 * hands over several pictures at once: shown as fast as they can be decoded, each would be there for a
 * few milliseconds, less than a display needs to show it, and decoding them in one go takes the
 * processor from all else. So after such a stall they are shown at twice their own speed (on a display
 * of 60 pictures a second each of 30 is then seen) until no more is behind. The delay that this adds
 * is bounded by the stall's and goes by itself; where nothing comes in a bunch, nothing is ever held.
 *
 * Free of clocks: all times are the caller's, us. Those of captures are of another clock.
 */
#pragma once

#include "core/base/types.h"

struct playout {
	u64 arrived_us; /* the last picture by video was all there */
	u64 video_us;	/* and was captured */
	u64 taken_us;	/* the last commit was handled */
	u64 capture_us; /* and was captured, or one before it was, if later */
	u32 gap_us;	/* between the last two pictures' captures */
	s64 least[2];	/* arrival - capture, the least of this span of time and of the last */
	u64 span_us;	/* since when */
	bool known;	/* there is a picture before */
	bool behind;	/* a bunch came, and what is shown is late since */
};

/* A picture by video has come; commits without any need no word. */
void playout_arrived(struct playout *p, u64 capture_us, u64 now);
/* When the commit that comes next may be handled; in the past: now. */
u64 playout_due(const struct playout *p, u64 capture_us);
/* It is handled now. */
void playout_taken(struct playout *p, u64 capture_us, bool video, u64 now);
