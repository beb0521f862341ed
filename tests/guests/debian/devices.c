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
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guests/debian/drivers.h"
#include "tests/guests/debian/heads.h"
#include "tests/guests/debian/kms.h"

#define MY_NUMBER 15 /* in 10.0.2.0, unless a job says another */
#define CHUNK	  (1u << 20)

static uint8_t chunk[CHUNK] __attribute__((aligned(4096)));

static void nap_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* ---- checksums and streams ------------------------------------------------------------------ */

static uint32_t crc_table[256];

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		crc_table[i] = c;
	}
}

static uint32_t crc(uint32_t c, const uint8_t *p, size_t n)
{
	c = ~c;
	while (n--)
		c = crc_table[(c ^ *p++) & 0xff] ^ c >> 8;
	return ~c;
}

static void generate(uint64_t *state, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		memcpy(p + i, state, 8);
	}
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static bool await(const char *path)
{
	for (int i = 0; i < 600; i++) {
		if (!access(path, F_OK))
			return true;
		nap_ms(50);
	}
	return false;
}

/* ---- pci ------------------------------------------------------------------------------------ */

static void text_of(const char *dir, const char *file, char *out, size_t size)
{
	char path[320];
	ssize_t n = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_RDONLY);

	if (fd >= 0) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = 0;
	out[strcspn(out, "\n")] = 0;
}

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

/* ---- disk ----------------------------------------------------------------------------------- */

#define DISK  "/dev/nvme0n1"
#define STICK "/dev/sda"

static void read_all(const char *job, const char *path, unsigned mb)
{
	unsigned done = 0;
	uint32_t c = 0;
	int fd = await(path) ? open(path, O_RDONLY | O_DIRECT) : -1;

	for (; fd >= 0 && done < mb; done++) {
		if (read(fd, chunk, CHUNK) != CHUNK)
			break;
		c = crc(c, chunk, CHUNK);
	}
	printf("job %s: %u MiB crc %08x %s\n", job, done, c, done == mb ? "ok" : strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void job_disk(const char *arg)
{
	read_all("disk", DISK, (unsigned)atoi(arg));
}

static void job_stick(const char *arg)
{
	read_all("stick", STICK, (unsigned)atoi(arg));
}

/* n reads all over the disk, fn called after every `every` of them; how many succeeded. */
static unsigned read_about(unsigned n, unsigned every, void (*fn)(void))
{
	unsigned done = 0;
	int fd = await(DISK) ? open(DISK, O_RDONLY | O_DIRECT) : -1;
	off_t pages = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / 4096;

	for (; pages && done < n; done++) {
		if (pread(fd, chunk, 4096, (off_t)(done * 2654435761u) % pages * 4096) != 4096)
			break;
		if (every && done % every == every - 1)
			fn();
	}
	if (fd >= 0)
		close(fd);
	return done;
}

static void job_reads(const char *arg)
{
	unsigned n = (unsigned)atoi(arg), done = read_about(n, 0, NULL);

	printf("job reads: %u %s\n", done, done == n ? "ok" : strerror(errno));
}

static void job_fill(const char *arg)
{
	static uint8_t back[CHUNK] __attribute__((aligned(4096)));
	unsigned mb = 0, seed = 0, at = 0, done = 0, same = 0;
	uint64_t state;
	int fd = await(DISK) ? open(DISK, O_RDWR | O_DIRECT) : -1;

	sscanf(arg, "%u:%u:%u", &mb, &seed, &at);
	state = 88172645463325252ull + seed;
	for (; fd >= 0 && done < mb; done++) {
		off_t place = (off_t)(at + done) * CHUNK;

		generate(&state, chunk, CHUNK);
		if (pwrite(fd, chunk, CHUNK, place) != CHUNK)
			break;
		if (pread(fd, back, CHUNK, place) != CHUNK)
			break;
		same += !memcmp(chunk, back, CHUNK);
	}
	printf("job fill: %u MiB written, %u read back the same %s\n", done, same,
	       done == mb ? "ok" : strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* ---- network -------------------------------------------------------------------------------- */

static bool find_interface(char name[IFNAMSIZ])
{
	for (int i = 0; i < 600; i++) {
		DIR *d = opendir("/sys/class/net");
		struct dirent *e;
		bool found = false;

		while (d && (e = readdir(d)) && !found)
			if (e->d_name[0] != '.' && strcmp(e->d_name, "lo")) {
				snprintf(name, IFNAMSIZ, "%.15s", e->d_name);
				found = true;
			}
		if (d)
			closedir(d);
		if (found)
			return true;
		nap_ms(50);
	}
	return false;
}

static void set_address(struct sockaddr *sa, const char *ip)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	inet_pton(AF_INET, ip, &in.sin_addr);
	memcpy(sa, &in, sizeof(in));
}

static bool bring_up(unsigned host)
{
	struct ifreq r = {0};
	char path[64], state[16] = "", ip[16], mac[24];
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	static bool up;

	if (up)
		return true;
	if (s < 0 || !find_interface(r.ifr_name))
		return false;
	snprintf(ip, sizeof(ip), "10.0.2.%u", host & 0xff);
	set_address(&r.ifr_addr, ip);
	if (ioctl(s, SIOCSIFADDR, &r))
		return false;
	set_address(&r.ifr_netmask, "255.255.255.0");
	if (ioctl(s, SIOCSIFNETMASK, &r) || ioctl(s, SIOCGIFFLAGS, &r))
		return false;
	r.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &r))
		return false;
	close(s);
	snprintf(path, sizeof(path), "/sys/class/net/%s", r.ifr_name);
	for (int i = 0; i < 600 && strcmp(state, "up"); i++) {
		text_of(path, "operstate", state, sizeof(state));
		nap_ms(50);
	}
	snprintf(path, sizeof(path), "/sys/class/net/%s", r.ifr_name);
	text_of(path, "address", mac, sizeof(mac));
	printf("job net: %s, %s, is %s\n", r.ifr_name, mac, state);
	return up = !strcmp(state, "up");
}

static int reach(unsigned port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "10.0.2.2", &in.sin_addr);
	if (s >= 0 && connect(s, (struct sockaddr *)&in, sizeof(in))) {
		close(s);
		return -1;
	}
	return s;
}

static void job_net(const char *arg)
{
	unsigned port = 0, mb = 0, host = MY_NUMBER;
	uint64_t left, state = 88172645463325252ull;
	uint32_t got = 0, sent = 0;
	ssize_t n = 0;
	int s;

	sscanf(arg, "%u:%u:%u", &port, &mb, &host);
	if (!bring_up(host) || (s = reach(port)) < 0) {
		printf("job net: %s\n", strerror(errno));
		return;
	}
	for (left = (uint64_t)mb << 20; left; left -= (uint64_t)n) {
		n = read(s, chunk, left < CHUNK ? left : CHUNK);
		if (n <= 0)
			break;
		got = crc(got, chunk, (size_t)n);
	}
	printf("job net: got %llu bytes crc %08x\n",
	       (unsigned long long)(((uint64_t)mb << 20) - left), got);
	for (left = (uint64_t)mb << 20; left; left -= CHUNK) {
		size_t at = 0;

		generate(&state, chunk, CHUNK);
		while (at < CHUNK && (n = write(s, chunk + at, CHUNK - at)) > 0)
			at += (size_t)n;
		if (at < CHUNK)
			break;
		sent = crc(sent, chunk, CHUNK);
	}
	printf("job net: sent %llu bytes crc %08x\n",
	       (unsigned long long)(((uint64_t)mb << 20) - left), sent);
	shutdown(s, SHUT_WR);
	while (read(s, chunk, CHUNK) > 0)
		;
	close(s);
}

/* ---- interrupts ----------------------------------------------------------------------------- */

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

static void job_irqs(const char *arg)
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

static void job_roam(const char *arg)
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
static void job_spread(const char *arg)
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

static void job_wait(const char *arg)
{
	while (wait(NULL) > 0)
		;
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
