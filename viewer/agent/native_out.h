/*
 * Pictures for one native viewer: what it lacks, and the choice of how to send it.
 *
 * damage -> scroll | exact tiles at once | video for what moves -> exact tiles when it rests.
 * Nothing is queued: while the link is busy, or the viewer behind, changes only mark tiles, and the
 * next look at them finds their newest content.
 */
#pragma once

#include "viewer/agent/coder.h"
#include "viewer/agent/desktop.h"
#include "viewer/agent/link.h"
#include "viewer/codec/exact.h"

#define NATIVE_PICTURES 32u

struct native_out {
	struct tileset dirty;	/* the viewer's pixels are old */
	struct tileset inexact; /* ... are new but came by video */
	struct tileset urgent;	/* dirty, and may pass a picture that is being coded */
	struct tileset scratch, batch, moving;
	struct exact_enc exact;
	struct coder coders[NATIVE_MAX_HEADS];
	struct tileset masks[NATIVE_MAX_HEADS]; /* tiles of the picture being coded */
	u8 *mask_bytes[NATIVE_MAX_HEADS];	/* as a commit carries them */
	u8 nheads;
	struct wbuf pieces;  /* slices on their way from a coder to the stream */
	u32 coding;	     /* coders at work, one bit each */
	struct tileset held; /* tiles packed for the same commit as the picture being coded */
	struct wbuf held_msgs;
	u64 held_when_us;
	bool want_key;
	bool reported; /* the viewer was told that the link is the limit */
	s64 credit;    /* bytes of the display channel that may be sent */
	u32 seq;
	/* The last pictures by video, and the newest commit that the viewer has shown. */
	struct {
		u32 seq;
		u64 us;
	} sent[NATIVE_PICTURES];
	u32 nsent, shown;
	u64 ahead_us; /* until then what moves waits for the viewer to show what it has; 0: not */
	u64 video_us; /* last picture begun */
	u64 no_video_us; /* none until then: the encoder failed, exact tiles serve */
	u32 interval_us; /* mean time between changes of the desktop */
	u64 changed_us;	 /* of its last one */
	/* For the overlay, since the last report. */
	u64 bytes_exact, bytes_video;
	u32 commits, dropped, encode_us, effort;
	u64 pictures; /* commits since the beginning */
};

__must_check int native_out_init(struct native_out *o, struct desktop *d,
				 const struct video_enc_ops *ops, u32 threads, u32 effort,
				 int event);
void native_out_free(struct native_out *o);
/* Everything must be sent anew. */
void native_out_refresh(struct native_out *o);
/* Takes in what desktop_update() found; may write moves to the stream. */
void native_out_change(struct native_out *o, struct desktop *d, struct net_stream *net,
		       struct link *l);
/* Sends what it may. Call after changes, when the socket drains and at due time. */
void native_out_pump(struct native_out *o, struct desktop *d, struct net_stream *net,
		     struct link *l);
/* The viewer has shown a commit; a pump may now do more. Junk is ignored. */
void native_out_shown(struct native_out *o, u32 seq);
/* A coder's event fired. */
void native_out_coded(struct native_out *o, struct desktop *d, struct net_stream *net,
		      struct link *l);
/* The link or the viewer's credit allows nothing now: wait for the socket, not for a time. */
bool native_out_blocked(const struct native_out *o, const struct net_stream *net);
/* When a pump can do something that it cannot now, monotonic us; UINT64_MAX: nothing waits. */
u64 native_out_due(const struct native_out *o, struct desktop *d);
