/*
 * The counters page (core/abi.h) as another program sees it: found in a file that shows the machine's
 * memory, copied, checked, and read by row. Nothing in the copy is trusted: an offset, stride or text
 * that does not fit it is refused before a row is read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/abi_name.h"

struct counters_page {
	int fd;
	uint64_t at;   /* where it lies in the file */
	uint8_t *copy; /* size bytes, as of the last counters_read() */
	size_t size;
	struct counters head;
	char why[160]; /* after a failure: what is wrong with the file */
};

/*
 * Open `file` (a machine's physical memory from address 0) and find the page in what the hypervisor
 * keeps for itself. 0, or -1 with why: unreadable, or no page (the hypervisor is not up yet).
 */
int counters_open(struct counters_page *p, const char *file);
/* Take a new copy. 0, or -1 with why: the page is gone or not sound. */
int counters_read(struct counters_page *p);
void counters_close(struct counters_page *p);

/* Row i of the copy, i below head.workstations, head.cpus, head.devices. */
void counters_workstation(const struct counters_page *p, uint32_t i,
			  struct counters_workstation *out);
void counters_cpu(const struct counters_page *p, uint32_t i, struct counters_cpu *out);
void counters_device(const struct counters_page *p, uint32_t i, struct counters_device *out);

/* Sum of a workstation's exits over its cores, by cause. */
void counters_exits(const struct counters_page *p, uint32_t workstation, uint64_t out[EXIT_CAUSES]);
