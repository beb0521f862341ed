/* Waiting, and reading what the kernel says in one line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/guests/debian/jobs.h"

void nap_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

bool await(const char *path)
{
	for (int i = 0; i < 600; i++) {
		if (!access(path, F_OK))
			return true;
		nap_ms(50);
	}
	return false;
}

void text_of(const char *dir, const char *file, char *out, size_t size)
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
