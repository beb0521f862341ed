#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/guests/debian/drivers.h"

static char line[4096]; /* the kernel's command line */

/* Of words "MODULE.KEY=VALUE" the "KEY=VALUE" of one module. */
static void parameters(const char *module, char *out, size_t room)
{
	size_t n = strlen(module), at = 0;
	char words[sizeof(line)], *save;

	strcpy(words, line);
	out[0] = 0;
	for (char *w = strtok_r(words, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		if (!strncmp(w, module, n) && w[n] == '.' && at + strlen(w) + 2 < room)
			at += (size_t)snprintf(out + at, room - at, "%s ", w + n + 1);
}

void drivers_load(void)
{
	static char arguments[sizeof(line)];
	char name[64], path[96];
	FILE *f = fopen("/proc/cmdline", "r");

	if (f && !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		fclose(f);
	f = fopen("/modules/order", "r");
	while (f && fscanf(f, "%63s", name) == 1) {
		snprintf(path, sizeof(path), "/modules/%s.ko", name);
		int fd = open(path, O_RDONLY);

		parameters(name, arguments, sizeof(arguments));
		if (fd < 0 || syscall(SYS_finit_module, fd, arguments, 0))
			printf("module %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (f)
		fclose(f);
}
