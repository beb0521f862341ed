#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "tests/guests/debian/heads.h"
#include "tests/guests/debian/jobs.h"

#define DRM "/sys/class/drm"

/* The first line of a file; "-" when there is none. */
static void first_line(const char *dir, const char *file, char out[32])
{
	text_of(dir, file, out, 32);
	if (!out[0])
		strcpy(out, "-");
}

static void print_edid(const char *dir)
{
	char path[320];
	int c, n = 0;

	snprintf(path, sizeof(path), "%s/edid", dir);
	FILE *f = fopen(path, "r");

	for (; f && (c = fgetc(f)) != EOF; n++)
		printf("%02x", (unsigned)c);
	if (f)
		fclose(f);
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
