/*
 * The first and only program of the test's Debian guests. It says what Linux found (one `fact`
 * line each), then does what the kernel command line asks for by `lab=`:
 *
 *   lab=off        power off (the default)          lab=stay       stay up
 *   lab=busy:S     two computing processes a core for S seconds; the interrupts Linux counted
 *                  meanwhile stand in the two `mark` lines
 *   lab=idle:S     the same with nothing to do      lab=reboot:S   reboot by force after S seconds
 *
 * Linux starts it as process 1 from an initrd that holds nothing else.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROWS 512

static char buf[1 << 20];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, got = 0;

	if (fd < 0)
		return NULL;
	while (got < (ssize_t)sizeof(buf) - 1 &&
	       (n = read(fd, buf + got, sizeof(buf) - 1 - got)) > 0)
		got += n;
	close(fd);
	buf[got] = 0;
	while (got && isspace((unsigned char)buf[got - 1]))
		buf[--got] = 0;
	return buf;
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* Every line of the kernel's log that holds one of the words, without its time stamp. */
static void log_facts(void)
{
	static const char *const words[] = {"x86/PAT",
					    "MTRR",
					    "x2apic",
					    "clocksource: Switched",
					    "tsc: ",
					    "APIC: ",
					    "Hypervisor detected",
					    "ACPI: PM",
					    "WARNING",
					    "BUG:",
					    "unchecked MSR",
					    "PCI: ECAM",
					    "PCI: MMCONFIG",
					    "firmware bug",
					    "Firmware Bug"};
	int n = klogctl(3, buf, sizeof(buf) - 1);

	if (n < 0)
		return;
	buf[n] = 0;
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		char *text = strstr(line, "] ");

		text = text ? text + 2 : line;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strstr(text, words[i]) && !strstr(text, "Command line")) {
				printf("fact log %s\n", text);
				break;
			}
	}
}

static void facts(void)
{
	const char *s = slurp("/sys/devices/system/clocksource/clocksource0/current_clocksource");
	struct sysinfo info;

	printf("fact clocksource %s\n", s ? s : "unknown");
	printf("fact cores %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	sysinfo(&info);
	printf("fact memory %lu MiB\n", (unsigned long)(info.totalram * info.mem_unit >> 20));
	s = slurp("/proc/cpuinfo");
	printf("fact x2apic %s\n", s && strstr(s, " x2apic") ? "yes" : "no");
	s = slurp("/proc/mtrr");
	printf("fact mtrr %s\n", s ? "usable" : "absent");
	s = slurp("/sys/class/dmi/id/product_serial");
	printf("fact serial %s\n", s ? s : "none");
	s = slurp("/sys/class/dmi/id/product_uuid");
	printf("fact uuid %s\n", s ? s : "none");
	s = slurp("/proc/uptime");
	printf("fact uptime %s\n", s ? s : "unknown");
	log_facts();
}

/* ---- what Linux counted --------------------------------------------------------------------- */

struct row {
	char name[8];
	unsigned long long n;
};

static size_t interrupts(struct row *rows)
{
	const char *s = slurp("/proc/interrupts");
	size_t n = 0;

	for (char *line = s ? strtok(buf, "\n") : NULL; line && n < MAX_ROWS;
	     line = strtok(NULL, "\n")) {
		char *p = strchr(line, ':'), *end;

		if (!p || p - line > 12)
			continue;
		while (isspace((unsigned char)*line))
			line++;
		snprintf(rows[n].name, sizeof(rows[n].name), "%.*s", (int)(p - line), line);
		rows[n].n = 0;
		for (p++;; p = end) {
			unsigned long long v = strtoull(p, &end, 10);

			if (end == p)
				break;
			rows[n].n += v;
		}
		n++;
	}
	return n;
}

/* Counted first, printed after, in one write: the line must not count itself. */
static void mark(int number)
{
	static struct row rows[MAX_ROWS];
	char line[2048];
	size_t n = interrupts(rows), at;

	at = (size_t)snprintf(line, sizeof(line), "mark %d", number);
	for (size_t i = 0; i < n && at < sizeof(line) - 64; i++)
		if (rows[i].n)
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %s=%llu",
					       rows[i].name, rows[i].n);
	printf("%s\n", line);
	fflush(stdout);
}

static void nap(unsigned seconds)
{
	struct timespec t = {.tv_sec = seconds};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void compute(int core)
{
	cpu_set_t set;
	volatile uint64_t x = 88172645463325252ull + (unsigned)core;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;)
		for (int i = 0; i < 1000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
}

static void measure(unsigned seconds, bool busy)
{
	int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pids[256];

	for (int i = 0; busy && i < cores && i < 256; i++) {
		pids[i] = fork();
		if (!pids[i])
			compute(i);
	}
	nap(5); /* the boot's last work settles */
	mark(1);
	nap(seconds);
	mark(2);
	for (int i = 0; busy && i < cores && i < 256; i++)
		kill(pids[i], SIGKILL);
}

int main(void)
{
	const char *cmdline, *p;
	char job[32] = "off";
	unsigned seconds = 0;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmdline = slurp("/proc/cmdline");
	p = cmdline ? strstr(cmdline, "lab=") : NULL;
	if (p)
		sscanf(p, "lab=%31[a-z]:%u", job, &seconds);
	printf("init reached\n");
	facts();
	printf("init ready, %s\n", job);
	if (!strcmp(job, "busy") || !strcmp(job, "idle"))
		measure(seconds, job[0] == 'b');
	if (!strcmp(job, "reboot")) {
		nap(seconds);
		printf("init reboots\n");
		reboot(RB_AUTOBOOT);
	}
	/* One that was measured stays too: its end would be counted if its neighbour is slower. */
	while (strcmp(job, "off"))
		nap(3600);
	printf("init ends\n");
	fflush(stdout);
	nap(1);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
