/* Jobs that read and write disks, past the page cache. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/guests/debian/jobs.h"

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

void job_disk(const char *arg)
{
	read_all("disk", DISK, (unsigned)atoi(arg));
}

void job_stick(const char *arg)
{
	read_all("stick", STICK, (unsigned)atoi(arg));
}

unsigned read_about(unsigned n, unsigned every, void (*fn)(void))
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

void job_reads(const char *arg)
{
	unsigned n = (unsigned)atoi(arg), done = read_about(n, 0, NULL);

	printf("job reads: %u %s\n", done, done == n ? "ok" : strerror(errno));
}

void job_fill(const char *arg)
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
