/* The job that moves data by the network. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/guests/debian/jobs.h"

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

bool bring_up(unsigned host)
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

int reach(unsigned port)
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

void job_net(const char *arg)
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
