/*
 * The jobs of process 1 (devices.c has their list, and what each is for), a file a kind, and what they
 * share. A job prints its own lines; its argument is what stands behind the colon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- shared (data.c, wait.c) ------------------------------------------------------------------ */

#define CHUNK (1u << 20)

/* A buffer for whoever is at work, aligned for O_DIRECT. */
extern uint8_t chunk[CHUNK];

/* The CRC of zlib, continued from c (0: from the start). crc_init() comes first. */
void crc_init(void);
uint32_t crc(uint32_t c, const uint8_t *p, size_t n);

/* The next n bytes, a multiple of 8, of the stream that *state, not 0, stands for. */
void generate(uint64_t *state, uint8_t *p, size_t n);

void nap_ms(unsigned ms);
/* Wait until a file is there; false after half a minute. */
bool await(const char *path);
/* The first line of DIR/FILE; "" when there is none. */
void text_of(const char *dir, const char *file, char *out, size_t size);

/* ---- disks (disk.c) --------------------------------------------------------------------------- */

void job_disk(const char *arg);
void job_stick(const char *arg);
void job_reads(const char *arg);
void job_fill(const char *arg);
/* n reads all over the disk, fn called after every `every` of them; how many succeeded. */
unsigned read_about(unsigned n, unsigned every, void (*fn)(void));

/* ---- network (net.c) -------------------------------------------------------------------------- */

#define MY_NUMBER 15 /* in 10.0.2.0, unless a job says another */

void job_net(const char *arg);
/* The first interface as 10.0.2.`host`, once. */
bool bring_up(unsigned host);
/* A connection to that port of 10.0.2.2, or -1. */
int reach(unsigned port);

/* ---- interrupts (irqs.c) ---------------------------------------------------------------------- */

void job_irqs(const char *arg);
void job_roam(const char *arg);
void job_spread(const char *arg);
void job_wait(const char *arg);
