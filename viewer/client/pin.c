/* Certificates pinned on first use: lines of "host:port sha256". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "viewer/client/client.h"

static void hex(const u8 in[32], char out[65])
{
	for (u32 i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", in[i]);
}

int pin_check(const struct client_conf *conf, const u8 fingerprint[32], char *why, size_t n)
{
	char mine[65], place[300], line[512], host[300], sum[80];
	FILE *f = fopen(conf->known_hosts, "re");
	bool known = false;

	hex(fingerprint, mine);
	snprintf(place, sizeof(place), "%s:%s", conf->host, conf->port);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%299s %79s", host, sum) != 2 || strcmp(host, place))
			continue;
		if (!strcmp(sum, mine)) {
			fclose(f);
			return 0;
		}
		known = true;
	}
	if (f)
		fclose(f);
	if (known) {
		snprintf(
		    why, n,
		    "the certificate of %s is not the one seen before (now %.16s...). If the machine was "
		    "set up anew, remove its line from %s; otherwise somebody is in between.",
		    place, mine, conf->known_hosts);
		return ERR_PERM;
	}
	if (!conf->accept_new) {
		snprintf(
		    why, n,
		    "%s is not known yet. Its certificate has the SHA-256 %s: compare that with what the "
		    "agent printed, then connect with --accept-new.",
		    place, mine);
		return ERR_PERM;
	}
	int fd = open(conf->known_hosts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s %s\n", place, mine) < 0) {
		snprintf(why, n, "cannot write %s: %m", conf->known_hosts);
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	close(fd);
	return 0;
}
