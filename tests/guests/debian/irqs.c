/* Jobs that count device interrupts and move them from core to core. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guests/debian/jobs.h"

#define CORES 64

/* An interrupt of a device as /proc/interrupts has it. */
struct irq {
	int number;
	unsigned long long count, by_core[CORES];
	const char *name;
};

/* Call fn for each interrupt that comes by MSI. */
static void each_irq(void (*fn)(const struct irq *q))
{
	char line[1024];
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && fgets(line, sizeof(line), f)) {
		struct irq q = {0};
		unsigned long long v;
		char *p, *end;

		if (!strstr(line, "MSI") || sscanf(line, " %d:", &q.number) != 1)
			continue;
		p = strchr(line, ':') + 1;
		for (unsigned core = 0; core < CORES; core++, p = end) {
			v = strtoull(p, &end, 10);
			if (end == p || (*end && !isspace((unsigned char)*end)))
				break;
			q.by_core[core] = v;
			q.count += v;
		}
		line[strcspn(line, "\n")] = 0;
		q.name = strrchr(line, ' ');
		q.name = q.name ? q.name + 1 : "?";
		fn(&q);
	}
	if (f)
		fclose(f);
}

static struct irq total;

static void show_irq(const struct irq *q)
{
	total.count += q->count;
	for (unsigned core = 0; core < CORES; core++)
		total.by_core[core] += q->by_core[core];
	printf("job irqs: %d %llu %s\n", q->number, q->count, q->name);
}

void job_irqs(const char *arg)
{
	total = (struct irq){0};
	each_irq(show_irq);
	printf("job irqs: total %llu, by core", total.count);
	for (long core = 0; core < sysconf(_SC_NPROCESSORS_ONLN) && core < CORES; core++)
		printf(" %llu", total.by_core[core]);
	printf("\n");
}

static unsigned core_now, moved, refused, rounds;

static void move_irq(const struct irq *q)
{
	char path[64], text[16];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity_list", q->number);
	n = snprintf(text, sizeof(text), "%u", core_now);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		refused++;
	else
		moved++;
	if (fd >= 0)
		close(fd);
}

static void to_next_core(void)
{
	core_now = (core_now + 1) % (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	rounds++;
	each_irq(move_irq);
}

static void roam(void)
{
	cpu_set_t here;

	to_next_core();
	CPU_ZERO(&here);
	CPU_SET(core_now, &here);
	if (sched_setaffinity(0, sizeof(here), &here))
		printf("job roam: core %u: %s\n", core_now, strerror(errno));
}

void job_roam(const char *arg)
{
	unsigned n = 0, every = 0, done;
	cpu_set_t before;

	sscanf(arg, "%u:%u", &n, &every);
	sched_getaffinity(0, sizeof(before), &before);
	rounds = moved = refused = 0;
	done = read_about(n, every, roam);
	sched_setaffinity(0, sizeof(before), &before);
	printf("job roam: %u reads, %u times to the next core, %u moves, %u refused %s\n", done,
	       rounds, moved, refused, done == n ? "ok" : strerror(errno));
}

/* Beside the other jobs. */
void job_spread(const char *arg)
{
	time_t end = time(NULL) + atoi(arg);

	if (fork())
		return;
	while (time(NULL) < end) {
		to_next_core();
		nap_ms(500);
	}
	printf("job spread: %u rounds, %u moves, %u refused\n", rounds, moved, refused);
	fflush(stdout);
	_exit(0);
}

void job_wait(const char *arg)
{
	while (wait(NULL) > 0)
		;
}
