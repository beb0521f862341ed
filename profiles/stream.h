/*
 * What the site tells a workstation's streaming agent. It travels as words of the kernel's command line, which
 * every root file system, and every program in it, can read (/proc/cmdline) before anything is mounted or
 * configured; caprock-agent takes them (viewer/agent/config.h).
 */
#pragma once

#include "profiles/profile.h"

#define STREAM_PREFIX	 "caprock.agent."
#define STREAM_WORDS_MAX 320 /* bytes, the NUL included: names and numbers have their limits */

/*
 * "caprock.agent.KEY=VALUE " for each setting of a workstation that streams, an empty text for one that does
 * not. Returns the length.
 */
size_t stream_words(const struct profile *w, char out[STREAM_WORDS_MAX]);
