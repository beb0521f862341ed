/* The part of native_out that goes by video: which tiles, which rectangle, what becomes of them. */
#pragma once

#include "viewer/agent/native_out.h"

/*
 * Chooses the dirty tiles that go by video: all that moves or is rendered, if it is too much to go
 * exactly. Leaves them in o->moving and says whether there are any.
 */
bool native_video_choose(struct native_out *o, struct desktop *d, u64 now, const struct link *l);
/* Gives o->moving to the coders; o->coding says which took any. Those tiles are no longer dirty. */
void native_video_start(struct native_out *o, struct desktop *d, u64 now, const struct link *l);
/* Writes the slices that are finished while the coders go on. */
void native_video_pieces(struct native_out *o, struct net_stream *net);
/* True once every coder at work is done: their pictures are written and added to the commit. */
bool native_video_finish(struct native_out *o, struct native_commit *c, struct net_stream *net);
