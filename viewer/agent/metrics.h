/*
 * Figures for a monitoring system: a file in Prometheus' text format, for the textfile collector of
 * node_exporter. Nothing listens for it; it holds numbers alone: no names, addresses or secrets.
 *
 * The file appears whole (written beside, then renamed), is renewed every five seconds, can be read
 * by everybody, and goes when the agent ends.
 */
#pragma once

#include "core/base/types.h"

struct agent;

/* What sessions that are closed, and the agent itself, have counted since the start. */
struct agent_totals {
	u64 connections, logins, wrong_passwords;
	u64 sent_pictures, sent_bytes, received_bytes;
	u64 pictures, capture_us; /* of the desktop, taken */
};

/* Writes the file a first time; nothing at all without the key `metrics`. ERR_IO: error says why. */
__must_check int metrics_open(struct agent *a, char *error, size_t n);
/* When to call metrics_turn(), monotonic us; UINT64_MAX: never. */
u64 metrics_due(const struct agent *a);
void metrics_turn(struct agent *a, u64 now);
void metrics_close(struct agent *a);
