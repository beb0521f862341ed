/* Which video encoder this machine has. */
#pragma once

#include "viewer/agent/config.h"
#include "viewer/codec/video_enc.h"

/*
 * The one that the configuration names, if it codes a picture here; `auto`: a graphics card's, if
 * one does. Otherwise x264, which is always there. What was taken, and why another was not, is told
 * by agent_log(). NULL: there is none of that name.
 */
const struct video_enc_ops *encoder_choose(const struct config *c, char *error, size_t n);
/* Can it code here, now? Negative: why not. */
__must_check int encoder_try(const struct video_enc_ops *ops, char *why, size_t n);
