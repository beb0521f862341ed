#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/guests/debian/heads.h"

#define DRM "/sys/class/drm"

static size_t read_file(const char *dir, const char *file, void *to, size_t room)
{
	char path[320];
	ssize_t n = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_RDONLY);

	if (fd >= 0) {
		n = read(fd, to, room);
		close(fd);
	}
	return n > 0 ? (size_t)n : 0;
}

/* The first line of a file; "-" when there is none. */
static void first_line(const char *dir, const char *file, char out[32])
{
	size_t n = read_file(dir, file, out, 31);

	out[n] = 0;
	out[strcspn(out, "\n")] = 0;
	if (!out[0])
		strcpy(out, "-");
}

static void print_edid(const char *dir)
{
	static uint8_t edid[32768];
	size_t n = read_file(dir, "edid", edid, sizeof(edid));

	for (size_t i = 0; i < n; i++)
		printf("%02x", edid[i]);
	printf(n ? "\n" : "-\n");
}

void heads_print(const char *title)
{
	DIR *d = opendir(DRM);
	struct dirent *e;
	char dir[300], size[32];

	while (d && (e = readdir(d))) {
		const char *name = strchr(e->d_name, '-');
		char state[32], on[32], mode[32];

		if (strncmp(e->d_name, "card", 4) != 0 || !name)
			continue;
		snprintf(dir, sizeof(dir), DRM "/%s", e->d_name);
		first_line(dir, "status", state);
		first_line(dir, "enabled", on);
		first_line(dir, "modes", mode);
		printf("%s: %s %s %s first %s edid ", title, name + 1, state, on, mode);
		print_edid(dir);
	}
	if (d)
		closedir(d);
	first_line("/sys/class/graphics/fb0", "virtual_size", size);
	printf("%s: framebuffer %s\n", title, size);
}
