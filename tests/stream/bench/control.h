/* What the network emulator and the bench share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control {
	uint32_t ready;
	uint32_t delay_us;    /* each way */
	uint32_t loss_ppm;    /* packets in a million, each way */
	uint32_t rate_kbps;   /* each way; 0: no limit */
	uint32_t queue_bytes; /* that wait for a limited wire; more are dropped */
	uint32_t cut;	      /* nothing passes */
	uint64_t bytes[2], packets[2], lost[2];
};
