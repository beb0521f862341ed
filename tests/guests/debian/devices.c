/*
 * Process 1 of a Debian guest that has devices of its own: loads their drivers, then does what the
 * kernel command line asks for in `jobs=JOB,JOB...`, one `job NAME: ...` line or more for each.
 *
 *   pci              every function: ids, driver
 *   lspci            what `lspci -vv` says
 *   disk:MB          CRC of the NVMe disk's first MB MiB, read past the page cache
 *   stick:MB         the same of a USB stick
 *   reads:N          N reads of 4 KiB all over that disk, an interrupt each
 *   roam:N:K         the same, and after every K of them the reader and all device interrupts go to
 *                    the next core
 *   fill:MB:SEED:AT  write MB MiB of a generated stream from MiB AT of that disk, read it back
 *   net:PORT:MB      MB MiB from 10.0.2.2:PORT and the same number back, each with its CRC
 *                    :N after it: as 10.0.2.N instead of 10.0.2.15
 *   kms:SEED         a picture computed from the seed on the first display
 *   spread:S         move every device interrupt from core to core for S seconds
 *   wait             until that is over
 *   irqs             what Linux counted for devices, and where they arrived
 *   heads            each connector: state, its mode, its EDID in hexadecimal digits
 *   wc               map a display's memory write-combining, and what the kernel says of it
 *   mark:N           a line by itself
 *   ask:PORT         wait for what 10.0.2.2:PORT says; `y`: the jobs since the last mark once more
 *   nap:S, reboot, stay
 *
 * The CRC is that of zlib. Without `stay` or `reboot` it powers off at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guests/debian/drivers.h"
#include "tests/guests/debian/heads.h"
#include "tests/guests/debian/jobs.h"
#include "tests/guests/debian/kms.h"

/* ---- what is there -------------------------------------------------------------------------- */

static void job_pci(const char *arg)
{
	DIR *d = opendir("/sys/bus/pci/devices");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char dir[300], vendor[16], device[16], class[16], link[256], path[320];
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), "/sys/bus/pci/devices/%s", e->d_name);
		text_of(dir, "vendor", vendor, sizeof(vendor));
		text_of(dir, "device", device, sizeof(device));
		text_of(dir, "class", class, sizeof(class));
		snprintf(path, sizeof(path), "%s/driver", dir);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		printf("job pci: %s %s:%s class %s driver %s\n", e->d_name, vendor, device, class,
		       n > 0 ? strrchr(link, '/') + 1 : "none");
	}
	if (d)
		closedir(d);
}

/* What the program says of every function, in its own words. There is no shell for popen(). */
static void job_lspci(const char *arg)
{
	int to[2], status = 1;
	char line[512];
	pid_t child;
	FILE *f;

	if (pipe(to) || (child = fork()) < 0)
		return;
	if (!child) {
		dup2(to[1], 1);
		dup2(to[1], 2);
		close(to[0]);
		execl("/bin/lspci", "lspci", "-vv", NULL);
		_exit(127);
	}
	close(to[1]);
	f = fdopen(to[0], "r");
	while (f && fgets(line, sizeof(line), f))
		printf("lspci: %s", line);
	if (f)
		fclose(f);
	waitpid(child, &status, 0);
	printf("job lspci: %s\n", status ? "failed" : "ok");
}

/*
 * Linux's driver of that display maps its memory uncached, and one piece has one type: so the driver
 * goes, and a program maps it as it likes.
 */
static void job_wc(const char *arg)
{
	static const char drivers[] = "/sys/bus/pci/drivers/bochs-drm";
	char line[256], path[600], name[256] = "";
	DIR *d = opendir(drivers);
	struct dirent *e;
	void *at = MAP_FAILED;
	FILE *f;
	int fd;

	while (d && (e = readdir(d)))
		if (strchr(e->d_name, ':'))
			snprintf(name, sizeof(name), "%s", e->d_name);
	if (d)
		closedir(d);
	snprintf(path, sizeof(path), "%s/unbind", drivers);
	fd = open(path, O_WRONLY);
	if (!name[0] || fd < 0 || write(fd, name, strlen(name)) < 0)
		printf("job wc: no driver to unbind\n");
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0_wc", name);
	fd = open(path, O_RDWR);
	if (fd >= 0)
		at = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		printf("job wc: %s: %s\n", path, strerror(errno));
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	f = fopen("/sys/kernel/debug/x86/pat_memtype_list", "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		printf("job wc: %s\n", line);
	}
	if (f)
		fclose(f);
}

/* ---- the list ------------------------------------------------------------------------------- */

static void job_mark(const char *arg)
{
	printf("mark %s\n", arg);
	fflush(stdout);
}

static void job_nap(const char *arg)
{
	nap_ms((unsigned)atoi(arg) * 1000);
}

static void job_reboot(const char *arg)
{
	fflush(stdout);
	nap_ms(200);
	reboot(RB_AUTOBOOT);
}

static bool again; /* the jobs since the last mark */

static void job_ask(const char *arg)
{
	char answer = 0;
	int s = bring_up(MY_NUMBER) ? reach((unsigned)atoi(arg)) : -1;

	if (s < 0 || read(s, &answer, 1) != 1)
		printf("job ask: %s\n", strerror(errno));
	again = answer == 'y';
	if (s >= 0)
		close(s);
}

static void job_heads(const char *arg)
{
	heads_print("job heads");
}

static void job_stay(const char *arg)
{
	for (;;)
		nap_ms(3600000);
}

static const struct {
	const char *name;
	void (*run)(const char *arg);
} jobs[] = {
    {"kms", job_kms},	    {"pci", job_pci},	{"lspci", job_lspci},	{"disk", job_disk},
    {"reads", job_reads},   {"roam", job_roam}, {"stick", job_stick},	{"fill", job_fill},
    {"net", job_net},	    {"irqs", job_irqs}, {"spread", job_spread}, {"wait", job_wait},
    {"wc", job_wc},	    {"mark", job_mark}, {"nap", job_nap},	{"ask", job_ask},
    {"reboot", job_reboot}, {"stay", job_stay}, {"heads", job_heads},
};

static bool is_job(const char *job, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(job, name, n) && (!job[n] || job[n] == ':');
}

static void run_job(const char *job)
{
	const char *arg = strchr(job, ':');

	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (is_job(job, jobs[i].name)) {
			jobs[i].run(arg ? arg + 1 : "");
			fflush(stdout);
			return;
		}
	printf("there is no job %s\n", job);
}

static void run_jobs(char *list)
{
	char *job[128], *save;
	unsigned n = 0, mark = 0;

	for (char *j = strtok_r(list, ",", &save); j && n < 128; j = strtok_r(NULL, ",", &save))
		job[n++] = j;
	for (unsigned i = 0; i < n; i++) {
		run_job(job[i]);
		if (is_job(job[i], "mark"))
			mark = i;
		if (again)
			i = mark;
		again = false;
	}
}

int main(void)
{
	static char cmdline[4096];
	char *list;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	crc_init();
	printf("init reached\n");
	drivers_load();
	printf("init ready\n");
	text_of("/proc", "cmdline", cmdline, sizeof(cmdline));
	list = strstr(cmdline, "jobs=");
	if (list) {
		list += strlen("jobs=");
		list[strcspn(list, " ")] = 0;
		run_jobs(list);
	}
	printf("init ends\n");
	fflush(stdout);
	nap_ms(500);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
