#include "profiles/host/top/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The hypervisor's own range on the largest machine there is a layout for. */
#define CORES_MAX      4096
#define SIZE_MAX_BYTES (64u << 20)
#define TRIES	       1000 /* a millisecond apart; writing takes microseconds */

static int fail(struct counters_page *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	return -1;
}

/* A table of n rows lies in the page after its header, and its rows hold what we read of them. */
static bool table_fits(const struct counters *h, uint32_t n, uint32_t offset, uint32_t stride,
		       size_t row)
{
	if (!n)
		return true;
	return offset >= sizeof(*h) && offset <= h->size && stride >= row && stride % 8 == 0 &&
	       n <= (h->size - offset) / stride;
}

static int check(struct counters_page *p, const struct counters *h)
{
	if (h->magic != COUNTERS_MAGIC)
		return fail(p, "the counters page is gone");
	if (h->version >> 16 || h->version < COUNTERS_VERSION) {
		snprintf(p->why, sizeof(p->why),
			 "its counters page has version %#x: use the caprock of that hypervisor",
			 h->version);
		return -1;
	}
	if (h->size < sizeof(*h) || h->size > SIZE_MAX_BYTES ||
	    !table_fits(h, h->workstations, h->ws_offset, h->ws_stride,
			sizeof(struct counters_workstation)) ||
	    !table_fits(h, h->cpus, h->cpu_offset, h->cpu_stride, sizeof(struct counters_cpu)) ||
	    !table_fits(h, h->devices, h->dev_offset, h->dev_stride,
			sizeof(struct counters_device)))
		return fail(p, "its counters page is not sound");
	return 0;
}

static int read_at(struct counters_page *p, void *to, size_t n, uint64_t at)
{
	ssize_t got = pread(p->fd, to, n, (off_t)at);

	if (got == (ssize_t)n)
		return 0;
	return fail(p,
		    got < 0 ? strerror(errno) : "it is shorter than the machine's memory must be");
}

/* One copy; *whole: nothing was written meanwhile. */
static int copy_page(struct counters_page *p, bool *whole)
{
	struct counters head;
	uint32_t after;
	uint8_t *copy;

	if (read_at(p, &head, sizeof(head), p->at) || check(p, &head))
		return -1;
	if (head.size > p->size) {
		copy = realloc(p->copy, head.size);
		if (!copy)
			return fail(p, "out of memory");
		p->copy = copy;
		p->size = head.size;
	}
	if (read_at(p, p->copy, head.size, p->at) ||
	    read_at(p, &after, sizeof(after), p->at + offsetof(struct counters, sequence)))
		return -1;
	*whole = head.sequence == after && !(after & 1);
	/* The copy's own header is what its rows are read by. */
	memcpy(&p->head, p->copy, sizeof(p->head));
	if (p->head.size > p->size)
		return fail(p, "its counters page changed its size");
	return check(p, &p->head);
}

int counters_read(struct counters_page *p)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	bool whole = false;

	/* Of a machine that stands still in the midst of writing we show what there is. */
	for (int i = 0; i < TRIES && !whole; i++) {
		if (i)
			nanosleep(&pause, NULL);
		if (copy_page(p, &whole))
			return -1;
	}
	return 0;
}

int counters_open(struct counters_page *p, const char *file)
{
	uint64_t magic, end = HV_LOAD_ADDRESS + HV_MEMORY((uint64_t)CORES_MAX);

	*p = (struct counters_page){.fd = open(file, O_RDONLY | O_CLOEXEC)};
	if (p->fd < 0)
		return fail(p, strerror(errno));
	for (p->at = HV_LOAD_ADDRESS; p->at < end; p->at += PAGE_SIZE) {
		if (read_at(p, &magic, sizeof(magic), p->at))
			break;
		/* The image holds the magic number too, but never at the start of a sound page. */
		if (magic == COUNTERS_MAGIC && !counters_read(p))
			return 0;
	}
	counters_close(p);
	return fail(
	    p, "no counters page in it: is it a machine's memory, and has the hypervisor started?");
}

void counters_close(struct counters_page *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->copy);
	p->fd = -1;
	p->copy = NULL;
	p->size = 0;
}

void counters_workstation(const struct counters_page *p, uint32_t i,
			  struct counters_workstation *out)
{
	memcpy(out, p->copy + p->head.ws_offset + (size_t)i * p->head.ws_stride, sizeof(*out));
	out->name[COUNTERS_NAME - 1] = 0;
	for (char *c = out->name; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
}

void counters_cpu(const struct counters_page *p, uint32_t i, struct counters_cpu *out)
{
	memcpy(out, p->copy + p->head.cpu_offset + (size_t)i * p->head.cpu_stride, sizeof(*out));
}

void counters_device(const struct counters_page *p, uint32_t i, struct counters_device *out)
{
	memcpy(out, p->copy + p->head.dev_offset + (size_t)i * p->head.dev_stride, sizeof(*out));
}

void counters_exits(const struct counters_page *p, uint32_t workstation, uint64_t out[EXIT_CAUSES])
{
	struct counters_cpu cpu;

	memset(out, 0, EXIT_CAUSES * sizeof(*out));
	for (uint32_t i = 0; i < p->head.cpus; i++) {
		counters_cpu(p, i, &cpu);
		if (cpu.workstation != workstation)
			continue;
		for (unsigned c = 0; c < EXIT_CAUSES; c++)
			out[c] += cpu.exits[c];
	}
}
