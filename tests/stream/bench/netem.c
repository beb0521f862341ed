/*
 * A network between two namespaces, in user space (kernels often lack `tc netem`): two TUN devices and
 * what lies between them.
 *
 *   netem CONTROL NAMESPACE_A ADDRESS_A NAMESPACE_B ADDRESS_B
 *
 * Direction 0 is A to B. CONTROL is a file that both this program and the bench map (struct control):
 * delay, loss, rate and queue may change at any time, and the bytes carried are counted there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/stream/bench/control.h"

#define PACKET 2048
#define SLOTS  16384u

struct packet {
	uint64_t due;
	uint32_t n;
	uint8_t bytes[PACKET];
};

static struct direction {
	struct packet *ring;
	uint32_t head, tail;
	uint64_t free_at; /* when the wire has sent what was accepted */
} dir[2];

static volatile struct control *control;
static uint64_t seed = 88172645463325252ull;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool lost(uint32_t ppm)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 20) % 1000000 < ppm;
}

static int open_tun(const char *name, const char *ns, const char *address, const char *peer)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	char cmd[512];
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0) {
		perror("netem: /dev/net/tun");
		return -1;
	}
	snprintf(
	    cmd, sizeof(cmd),
	    "ip link set %s netns %s && ip -n %s link set lo up && ip -n %s addr add %s peer %s dev %s && "
	    "ip -n %s link set %s up txqueuelen 1000",
	    name, ns, ns, ns, address, peer, name, ns, name);
	return system(cmd) ? -1 : fd;
}

static void take(int fd, int which)
{
	struct direction *d = &dir[which];

	for (;;) {
		uint8_t buf[PACKET];
		ssize_t n = read(fd, buf, sizeof(buf));
		uint64_t now = now_ns(), start;

		if (n <= 0)
			return;
		start = d->free_at > now ? d->free_at : now;
		if (control->cut || lost(control->loss_ppm) || d->tail - d->head == SLOTS) {
			control->lost[which]++;
			continue;
		}
		if (control->rate_kbps) {
			uint64_t queued = (start - now) * control->rate_kbps / 8000000;

			if (queued > control->queue_bytes) {
				control->lost[which]++;
				continue;
			}
			start += (uint64_t)n * 8000000 / control->rate_kbps;
			d->free_at = start;
		}
		struct packet *p = &d->ring[d->tail++ % SLOTS];
		p->due = start + (uint64_t)control->delay_us * 1000;
		p->n = (uint32_t)n;
		memcpy(p->bytes, buf, (size_t)n);
	}
}

static void deliver(int fd, int which)
{
	struct direction *d = &dir[which];
	uint64_t now = now_ns();

	while (d->head != d->tail && d->ring[d->head % SLOTS].due <= now) {
		struct packet *p = &d->ring[d->head++ % SLOTS];

		if (control->cut)
			continue;
		if (write(fd, p->bytes, p->n) == (ssize_t)p->n) {
			control->bytes[which] += p->n;
			control->packets[which]++;
		}
	}
}

int main(int argc, char **argv)
{
	char name[2][IFNAMSIZ];
	int fd[2], file;

	if (argc != 6)
		return 2;
	file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, sizeof(struct control)))
		return 1;
	control = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(name[i], sizeof(name[i]), "cap%d%c", (int)getpid() % 1000000, 'a' + i);
		fd[i] = open_tun(name[i], argv[2 + 2 * i], argv[3 + 2 * i], argv[5 - 2 * i]);
		dir[i].ring = calloc(SLOTS, sizeof(struct packet));
		if (fd[i] < 0 || !dir[i].ring)
			return 1;
	}
	/* A wire has no other work: where it may, it runs before the programs that it connects. */
	if (sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 1}))
		perror("netem: delays will be less exact");
	control->ready = 1;
	for (;;) {
		struct pollfd p[2] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}};
		uint64_t due = UINT64_MAX, now = now_ns();
		struct timespec ts, *wait = NULL;

		for (int i = 0; i < 2; i++)
			if (dir[i].head != dir[i].tail &&
			    dir[i].ring[dir[i].head % SLOTS].due < due)
				due = dir[i].ring[dir[i].head % SLOTS].due;
		if (due != UINT64_MAX) {
			uint64_t left = due > now ? due - now : 0;
			ts = (struct timespec){(time_t)(left / 1000000000),
					       (long)(left % 1000000000)};
			wait = &ts;
		}
		if (ppoll(p, 2, wait, NULL) < 0 && errno != EINTR)
			return 1;
		take(fd[0], 0);
		take(fd[1], 1);
		deliver(fd[1], 0);
		deliver(fd[0], 1);
	}
}
